/* One validation as people read it: its hops out of the event log, and what its failure means. */
#include "manage/manage_int.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "events/events.h"
#include "model/model.h"
#include "policy/policy.h"
#include "store/store_order.h"
#include "va/va_hint.h"

#define PAGE 100
#define HOPS_MAX 1000

/* ---- an answer ---- */

/* Takes the lines for people into the hops. */
static void describe_hops(json_t *hops)
{
    json_t *hop;
    size_t i;

    json_array_foreach(hops, i, hop)
    {
        fc_auto_free char *text = fc_va_hint_hop_text(hop);
        json_object_set_new(hop, "hop", json_integer((json_int_t)i + 1));
        json_object_set_new(hop, "text", json_string(text));
    }
}

/* Whom the validation asked; NULL: whom any program here would ask. run.json, with the address of the mock DNS, is whole only once
 * the server was ready. */
static const char *resolver(const struct fc_manage *manage)
{
    if (manage->params.resolver)
        return *manage->params.resolver ? manage->params.resolver : NULL;
    return atomic_load(&manage->opened) ? json_string_value(json_object_get(manage->params.run, "dns")) : NULL;
}

void fc_manage_validation_explain(const struct fc_manage *manage, const struct fc_policy *policy, json_t *answer)
{
    fc_auto(fc_arena_free) struct fc_arena *arena = fc_arena_new();
    json_t *hops = json_object_get(answer, "hops");
    const char *detail = json_string_value(json_object_get(json_object_get(answer, "problem"), "detail"));
    const struct fc_va_hint_repeat what = {
        .hops = hops, .user_agent = policy ? policy->validation.user_agent : "fakeca", .dns = resolver(manage)};
    struct fc_va_advice advice = {0};
    fc_auto_free char *repeat = fc_va_hint_hop_repeat(&what);

    if (detail)
        fc_va_hint_find(arena, detail, &advice);
    json_object_set_new(answer, "cause", fc_manage_render_text(advice.cause));
    json_object_set_new(answer, "remedy", fc_manage_render_text(advice.remedy));
    json_object_set_new(answer, "repeat", fc_manage_render_text(repeat));
    describe_hops(hops);
}

/* ---- GET /validations/{id} ---- */

/* What was read of the log about one authorization. */
struct trace {
    json_t *hops;
    double ms; /* of the whole; negative: not told yet */
};

static void take_event(struct trace *trace, const json_t *event)
{
    const char *type = json_string_value(json_object_get(event, "type"));
    const json_t *data = json_object_get(event, "data");

    if (type && strcmp(type, fc_event_type_name(FC_EVENT_VALIDATION_HOP)) != 0) {
        trace->ms = json_number_value(json_object_get(data, "ms"));
    } else if (data && json_array_size(trace->hops) < HOPS_MAX) {
        json_t *hop = json_copy((json_t *)(uintptr_t)data);
        json_object_del(hop, "identifier");
        json_object_del(hop, "method");
        json_array_append_new(trace->hops, hop);
    }
}

static int read_trace(struct fc_manage_call *call, int64_t authz_id, struct trace *trace, struct fc_err *err)
{
    static const char *const types[] = {"validation.", NULL};
    struct fc_events *events = call->manage->params.events;
    struct fc_events_where where = {.limit = PAGE, .types = types, .authz_id = authz_id};
    struct fc_event_view *views;
    int64_t before, next = 0;
    size_t count;

    do {
        where.after = before = next;
        if (fc_events_read_where(events, &where, &views, &count, &next, err))
            return -1;
        for (size_t i = 0; i < count; i++)
            take_event(trace, views[i].json);
        fc_events_views_free(views, count);
    } while (next > before);
    return 0;
}

static int read_authz(struct fc_manage_call *call, struct fc_authz *ret_authz, struct fc_err *err)
{
    struct fc_store *store = call->manage->params.store;
    struct fc_store_tx tx fc_auto_tx = {0};
    int64_t id;

    if (fc_manage_body_id(call, "authorization", &id, err) || fc_store_begin(store, FC_STORE_READ, &tx, err))
        return -1;
    return fc_store_authz_get(store, call->req->arena, id, ret_authz, err);
}

static json_t *problem_of(const struct fc_authz *authz)
{
    json_t *problem = NULL;

    if (!authz->error || fc_json_parse(authz->error, strlen(authz->error), &problem, NULL))
        return json_null();
    return problem;
}

int fc_manage_validation_get(struct fc_manage_call *call, struct fc_err *err)
{
    struct trace trace = {.ms = -1};
    struct fc_authz authz;
    fc_auto_json hops = json_array();

    trace.hops = hops;
    if (read_authz(call, &authz, err) || read_trace(call, authz.id, &trace, err))
        return -1;
    const struct fc_manage_env *env = fc_manage_find_env(call->manage, authz.env);
    const struct fc_policy *policy = env ? fc_policy_at(env->policy, call->req->now) : NULL;
    json_t *answer = json_pack(
        "{s:I,s:s,s:o,s:o,s:s,s:o,s:o,s:O}", "authorization", (json_int_t)authz.id, "environment", authz.env, "name",
        json_sprintf("%s%s", authz.wildcard ? "*." : "", authz.ident.value), "method",
        fc_manage_render_text(authz.attempted), "status", fc_status_name(fc_authz_status(&authz, call->req->now)),
        "problem", problem_of(&authz), "ms", trace.ms < 0 ? json_null() : json_real(trace.ms), "hops", hops);
    fc_manage_validation_explain(call->manage, policy, answer);
    fc_manage_json(call, answer);
    return 0;
}
