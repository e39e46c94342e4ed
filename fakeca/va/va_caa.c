/* CAA (letsencrypt.md B.10): all names from the identifier up to its TLD are asked at once, the closest that has records decides. */
#include "va/va_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/base_clock.h"
#include "base/base_text.h"
#include "va/va_param.h"

enum { SHOWN_RECORDS = 8 };

/* What the records of one name say, filtered. */
struct caa_set {
    const struct fc_va_caa **issue, **issuewild;
    size_t n_issue, n_issuewild;
    bool critical; /* a property that must be understood and is not */
};

struct caa {
    const char *shown; /* the identifier, with "*." */
    struct fc_va_question *questions;
    size_t count;
};

/* ---- one record ---- */

/* Letters, digits and hyphens between commas; a malformed one makes the list match nothing. */
static bool lists_method(const char *list, const char *method)
{
    static const char label[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";

    for (;;) {
        size_t len = strspn(list, label);
        if (len == 0 || (list[len] != ',' && list[len] != '\0'))
            return false;
        if (len == strlen(method) && memcmp(list, method, len) == 0)
            return true;
        if (list[len] == '\0')
            return false;
        list += len + 1;
    }
}

/* The value of a parameter that may stand once; *ret_twice: it stands more often. */
static const char *only_param(const struct fc_va_issue *issue, const char *name, bool *ret_twice)
{
    const char *value = NULL;

    for (size_t i = 0; i < issue->n_params; i++) {
        if (strcmp(issue->params[i].name, name) != 0)
            continue;
        *ret_twice = *ret_twice || value != NULL;
        value = issue->params[i].value;
    }
    return value;
}

bool fc_va_caa_identity(const struct fc_policy *policy, const char *domain)
{
    for (const char **identity = policy->directory.caa_identities; *identity != NULL; identity++)
        if (strcmp(*identity, domain) == 0)
            return true;
    return false;
}

static bool allows(struct fc_va_run *run, const struct fc_va_caa *caa)
{
    const struct fc_va_job *job = run->job;
    struct fc_va_issue *issue = fc_arena_alloc(run->arena, sizeof *issue);
    const char *why;
    bool twice = false;

    if (fc_va_param_parse(run->arena, caa->value, caa->len, FC_VA_PARAM_CAA, issue, &why) != 0 ||
        !fc_va_caa_identity(job->policy, issue->domain))
        return false;
    const char *uri = only_param(issue, "accounturi", &twice);
    const char *methods = only_param(issue, "validationmethods", &twice);
    if (twice || (uri != NULL && (job->account_url == NULL || strcmp(uri, job->account_url) != 0)))
        return false;
    return methods == NULL || lists_method(methods, job->method);
}

/* ---- the records of one name ---- */

static bool is_ignored(const char *tag)
{
    return strcmp(tag, "iodef") == 0 || strcmp(tag, "issuemail") == 0 || strcmp(tag, "issuevmc") == 0;
}

/* -1 when a record is no CAA record at all. */
static int read_set(struct fc_va_run *run, const struct fc_dns_answer *dns, struct caa_set *ret_set)
{
    struct fc_va_caa *records = fc_arena_alloc(run->arena, dns->n_records * sizeof *records);

    *ret_set = (struct caa_set){.issue = fc_arena_alloc(run->arena, dns->n_records * sizeof(void *)),
                                .issuewild = fc_arena_alloc(run->arena, dns->n_records * sizeof(void *))};
    for (size_t i = 0; i < dns->n_records; i++) {
        struct fc_va_caa *record = &records[i];
        if (fc_va_param_caa(run->arena, dns->records[i].data, dns->records[i].len, record) != 0)
            return -1;
        if (strcmp(record->tag, "issue") == 0)
            ret_set->issue[ret_set->n_issue++] = record;
        else if (strcmp(record->tag, "issuewild") == 0)
            ret_set->issuewild[ret_set->n_issuewild++] = record;
        else if (!is_ignored(record->tag) && record->critical)
            ret_set->critical = true;
    }
    return 0;
}

static bool permits(struct fc_va_run *run, const struct caa_set *set)
{
    bool wild = run->job->wildcard && set->n_issuewild > 0;
    const struct fc_va_caa **records = wild ? set->issuewild : set->issue;
    size_t count = wild ? set->n_issuewild : set->n_issue;

    if (set->critical)
        return false;
    for (size_t i = 0; i < count; i++)
        if (allows(run, records[i]))
            return true;
    return count == 0;
}

/* ---- the verdict ---- */

static void fail(struct fc_va_run *run, enum fc_problem_type type, const char *why)
{
    const struct caa *state = run->state;

    fc_va_trace_last(run)->error = why;
    fc_problem_set(&run->problem, run->arena, type, "While processing CAA for %s: %s", state->shown, why);
}

static const char *records_text(struct fc_va_run *run, const struct fc_dns_answer *dns)
{
    const char *text = NULL;

    for (size_t i = 0; i < dns->n_records && i < SHOWN_RECORDS; i++) {
        struct fc_va_caa caa;
        if (fc_va_param_caa(run->arena, dns->records[i].data, dns->records[i].len, &caa) != 0)
            continue;
        const char *one = fc_arena_printf(run->arena, "%u %s %s", dns->records[i].data[0], caa.tag,
                                          fc_va_text_shown(run->arena, caa.value, caa.len));
        text = text != NULL ? fc_arena_printf(run->arena, "%s, %s", text, one) : one;
    }
    return text;
}

static void judge_records(struct fc_va_run *run, const struct fc_dns_answer *dns, const char *name)
{
    const struct fc_dns_answer unreadable = {.outcome = FC_DNS_MALFORMED};
    struct caa_set set;

    fc_va_trace_last(run)->received = records_text(run, dns);
    if (read_set(run, dns, &set) != 0)
        fail(run, FC_PROBLEM_DNS, fc_va_dns_text(run->arena, &unreadable, FC_DNS_CAA, name));
    else if (!permits(run, &set))
        fail(run, FC_PROBLEM_CAA, fc_arena_printf(run->arena, "CAA record for %s prevents issuance", name));
}

/* NXDOMAIN is no error: nothing is there. For a bare TLD it is one, but for those that `rehearsal` invents. */
static const char *error_of(struct fc_va_run *run, const struct fc_dns_answer *dns, const char *name)
{
    if (dns->outcome == FC_DNS_RCODE && dns->rcode == 3 && strchr(name, '.') != NULL)
        return NULL;
    if (dns->outcome == FC_DNS_RCODE && dns->rcode == 3 && run->job->policy->rehearsal &&
        fc_ident_rehearsal_name(run->job->ident.value)) {
        fc_va_trace_rehearsal(run, fc_va_trace_last(run), "reserved suffix");
        return NULL;
    }
    return fc_va_dns_text(run->arena, dns, FC_DNS_CAA, name);
}

static void found(struct fc_va_run *run, const struct fc_va_answer *answers)
{
    const struct caa *state = run->state;
    struct fc_va_hop *hop = fc_va_trace_last(run);

    hop->total_ns = fc_clock_mono() - run->started;
    for (size_t i = 0; i < state->count; i++) {
        const struct fc_dns_answer *dns = &answers[i].dns;
        const char *name = state->questions[i].name;
        const char *error = error_of(run, dns, name);
        if (error == NULL && dns->n_records == 0)
            continue;
        hop->host = name;
        hop->dns_rule = fc_arena_strdup(run->arena, dns->rule);
        if (error != NULL)
            fail(run, FC_PROBLEM_DNS, error);
        else
            judge_records(run, dns, name);
        break;
    }
    if (hop->dns_rule == NULL)
        hop->dns_rule = fc_arena_strdup(run->arena, answers[0].dns.rule);
    fc_va_finish(run);
}

static size_t count_labels(const char *name)
{
    size_t count = 1;

    for (; *name != '\0'; name++)
        count += *name == '.' ? 1 : 0;
    return count;
}

void fc_va_caa_start(struct fc_va_run *run)
{
    struct caa *state = fc_arena_alloc(run->arena, sizeof *state);
    const char *name = run->job->ident.value, *identity = run->job->policy->directory.caa_identities[0];
    struct fc_va_hop *hop = fc_va_trace_add(run, "caa");

    hop->host = name;
    hop->expected = fc_arena_printf(run->arena, "0 %s \"%s\"", run->job->wildcard ? "issuewild" : "issue",
                                    identity != NULL ? identity : "");
    run->state = state;
    state->shown = run->job->wildcard ? fc_arena_printf(run->arena, "*.%s", name) : name;
    state->questions = fc_arena_alloc(run->arena, count_labels(name) * sizeof *state->questions);
    for (const char *at = name; at != NULL; at = strchr(at, '.') != NULL ? strchr(at, '.') + 1 : NULL)
        state->questions[state->count++] = (struct fc_va_question){at, FC_DNS_CAA};
    fc_va_dns_ask(run, state->questions, state->count, found);
}
