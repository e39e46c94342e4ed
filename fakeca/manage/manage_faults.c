/* Trouble on request: the rules of faults/, and those that are done at once by the mock DNS and the CA. */
#include "manage/manage_int.h"

#include <string.h>

#include "base/base_time.h"
#include "ca/ca.h"
#include "dns/dns.h"
#include "events/events.h"
#include "faults/faults.h"
#include "model/model_problem.h"
#include "policy/policy.h"
#include "va/va.h"

static void add_event(struct fc_manage_call *call, const char *action, const struct fc_fault *rule)
{
    const struct fc_event_about about = {.env = rule->env, .account_id = rule->account_id};

    fc_events_note(call->manage->params.events, FC_EVENT_FAULT_CHANGED, call->req->now, &about,
                   json_pack("{s:s,s:I,s:s}", "action", action, "fault", (json_int_t)rule->id, "kind",
                             fc_fault_kind_name(rule->kind)));
}

static void changed(const struct fc_manage *manage)
{
    if (manage->params.faults_changed)
        manage->params.faults_changed(manage->params.cookie);
}

/* ---- what is done when a rule comes, and undone when it goes ---- */

static void rotate(const struct fc_manage *manage, const struct fc_fault *rule)
{
    for (size_t i = 0; i < manage->params.n_envs; i++)
        if (!rule->env || strcmp(manage->params.envs[i].policy->name, rule->env) == 0)
            fc_ca_rotate(manage->params.envs[i].ca);
}

static int delay_addresses(struct fc_manage_call *call, const struct fc_fault *rule, struct fc_err *err)
{
    fc_auto_json list = fc_dns_list(call->manage->params.dns);
    char delay[FC_TIME_TEXT_MAX];
    fc_auto_json value = json_pack("{s:[],s:s}", "values", "delay", fc_duration_text(rule->delay, delay));
    const json_t *address;
    size_t i;

    json_array_foreach(json_object_get(list, "default"), i, address)
    {
        if (!strchr(json_string_value(address), ':'))
            json_array_append(json_object_get(value, "values"), (json_t *)(uintptr_t)address);
    }
    return fc_dns_set(call->manage->params.dns, rule->name, "A", value, call->req->now, err);
}

static int set_rcode(struct fc_manage_call *call, const struct fc_fault *rule, const char *rcode, struct fc_err *err)
{
    fc_auto_json value = json_pack("{s:s}", "rcode", rcode);

    return fc_dns_set(call->manage->params.dns, rule->name, "*", value, call->req->now, err);
}

static void set_perspective(struct fc_manage_call *call, const struct fc_fault *rule, bool on)
{
    if (rule->kind == FC_FAULT_BLIND)
        fc_va_blind(call->manage->params.va, (size_t)rule->perspective, on);
    if (rule->kind == FC_FAULT_LOSE)
        fc_va_lose(call->manage->params.va, (size_t)rule->perspective, on);
}

static int begin(struct fc_manage_call *call, const struct fc_fault *rule, struct fc_err *err)
{
    if (rule->kind == FC_FAULT_DNS_SERVFAIL)
        return set_rcode(call, rule, "SERVFAIL", err);
    if (rule->kind == FC_FAULT_DNS_NXDOMAIN)
        return set_rcode(call, rule, "NXDOMAIN", err);
    if (rule->kind == FC_FAULT_DNS_DELAY)
        return delay_addresses(call, rule, err);
    if (rule->kind == FC_FAULT_ROTATE_ISSUER)
        rotate(call->manage, rule);
    set_perspective(call, rule, true);
    return 0;
}

static int end(struct fc_manage_call *call, const struct fc_fault *rule, struct fc_err *err)
{
    int64_t removed;

    if (rule->kind == FC_FAULT_DNS_SERVFAIL || rule->kind == FC_FAULT_DNS_NXDOMAIN)
        return fc_dns_clear(call->manage->params.dns, rule->name, "*", call->req->now, &removed, err);
    if (rule->kind == FC_FAULT_DNS_DELAY)
        return fc_dns_clear(call->manage->params.dns, rule->name, "A", call->req->now, &removed, err);
    set_perspective(call, rule, false);
    return 0;
}

/* ---- the API ---- */

int fc_manage_faults_list(struct fc_manage_call *call, struct fc_err *err)
{
    json_t *rows = json_array();
    size_t count;
    const struct fc_fault *rules = fc_faults_list(call->manage->params.faults, call->req->arena, &count);

    (void)err;
    for (size_t i = 0; i < count; i++)
        json_array_append_new(rows, fc_fault_json(&rules[i], call->req->now));
    fc_manage_json(call, json_pack("{s:o}", "faults", rows));
    return 0;
}

static json_t *words(const char *list)
{
    json_t *array = json_array();

    for (const char *at = list; *at; at += *at == ',') {
        size_t len = strcspn(at, ",");
        json_array_append_new(array, json_stringn(at, len));
        at += len;
    }
    return array;
}

int fc_manage_faults_kinds(struct fc_manage_call *call, struct fc_err *err)
{
    json_t *rows = json_array(), *endpoints = json_array();

    (void)err;
    for (int i = 0; i < FC_FAULT__MAX; i++) {
        enum fc_fault_kind kind = (enum fc_fault_kind)i;
        json_array_append_new(rows, json_pack("{s:s,s:s,s:o,s:o}", "kind", fc_fault_kind_name(kind), "help",
                                              fc_fault_kind_help(kind), "needs", words(fc_fault_kind_needs(kind)),
                                              "may", words(fc_fault_kind_may(kind))));
    }
    for (int i = FC_FAULT_AT_OTHER + 1; i < FC_FAULT_AT__MAX; i++)
        json_array_append_new(endpoints, json_string(fc_fault_endpoint_name((enum fc_fault_endpoint)i)));
    fc_manage_json(call, json_pack("{s:o,s:o}", "kinds", rows, "endpoints", endpoints));
    return 0;
}

static bool is_problem_type(const char *name)
{
    for (int i = FC_PROBLEM_NONE + 1; i < FC_PROBLEM__MAX; i++)
        if (strcmp(fc_problem_type_name((enum fc_problem_type)i), name) == 0)
            return true;
    return false;
}

int fc_manage_faults_post(struct fc_manage_call *call, struct fc_err *err)
{
    struct fc_manage_input input fc_auto_input = {0};
    struct fc_fault rule;
    uint64_t seed;

    if (fc_manage_body_open(call, &input, err))
        return -1;
    fc_fault_read(&input.root, call->req->now, &rule, &seed);
    if (rule.env && !fc_manage_find_env(call->manage, rule.env))
        fc_json_errs_add(&input.root, "environment", "'%s' is not served", rule.env);
    if (rule.type && !is_problem_type(rule.type))
        fc_json_errs_add(&input.root, "type", "'%s' is no type of ACME problems", rule.type);
    if (fc_manage_body_close(&input, err) || begin(call, &rule, err) ||
        fc_faults_add(call->manage->params.faults, &rule, seed, &rule.id, err))
        return -1;
    add_event(call, "added", &rule);
    changed(call->manage);
    fc_manage_json(call, fc_fault_json(&rule, call->req->now));
    return 0;
}

/* id 0: all. */
static int clear(struct fc_manage_call *call, int64_t id, size_t *ret_count, struct fc_err *err)
{
    size_t count;
    const struct fc_fault *rules = fc_faults_list(call->manage->params.faults, call->req->arena, &count);

    for (size_t i = 0; i < count; i++) {
        if (id && rules[i].id != id)
            continue;
        if (end(call, &rules[i], err))
            return -1;
        add_event(call, "cleared", &rules[i]);
    }
    fc_faults_clear(call->manage->params.faults, id, ret_count);
    changed(call->manage);
    return 0;
}

int fc_manage_faults_clear(struct fc_manage_call *call, struct fc_err *err)
{
    size_t removed;

    if (clear(call, 0, &removed, err))
        return -1;
    fc_manage_json(call, json_pack("{s:I}", "removed", (json_int_t)removed));
    return 0;
}

int fc_manage_faults_delete(struct fc_manage_call *call, struct fc_err *err)
{
    size_t removed;
    int64_t id;

    if (fc_manage_body_id(call, "fault", &id, err) || clear(call, id, &removed, err))
        return -1;
    if (!removed)
        return fc_err_set(err, FC_E_NOT_FOUND, "no such fault '%s'", call->req->params[0]);
    fc_manage_json(call, json_pack("{s:I}", "removed", (json_int_t)removed));
    return 0;
}
