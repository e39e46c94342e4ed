/* The report for programs. Times are RFC 3339, durations seconds; what is not there is null. */
#include "base/base_assert.h"
#include "base/base_time.h"

#include "plan/plan_int.h"

static json_t *time_json(int64_t at)
{
    char text[FC_TIME_TEXT_MAX];

    return at == INT64_MAX || at == 0 ? json_null() : json_string(fc_time_rfc3339(at, text));
}

static json_t *seconds(int64_t duration)
{
    return duration == INT64_MAX ? json_null() : json_integer(duration / FC_SECOND);
}

static json_t *packed(json_t *value)
{
    FC_ASSERT(value); /* all texts were UTF-8 when they were read */
    return value;
}

static json_t *finding_json(const struct fc_plan_finding *f)
{
    return packed(json_pack(
        "{s:s,s:b,s:s,s:s?,s:s?,s:I,s:I,s:s,s:o,s:o,s:o,s:I,s:o,s:s?,s:s}", "kind", fc_plan_kind_name(f->kind),
        "breaks", (int)fc_plan_kind_breaks(f->kind), "group", f->group, "limit", fc_policy_limit_name(f->limit), "key",
        f->key, "certificates", (json_int_t)f->certificates, "times", (json_int_t)f->times, "names", f->names, "first",
        time_json(f->first), "until", time_json(f->until), "worst_seconds", seconds(f->worst), "denied_orders",
        (json_int_t)f->denied, "allowed_again", time_json(f->retry_at), "detail", f->detail, "mend", f->mend));
}

static json_t *bin_json(const struct fc_plan_bin *bin)
{
    return packed(json_pack("{s:o,s:I,s:I,s:I,s:I,s:I}", "from", time_json(bin->from), "orders",
                            (json_int_t)bin->orders, "denied", (json_int_t)bin->denied, "refused",
                            (json_int_t)bin->refused, "expired", (json_int_t)bin->expired, "authorizations",
                            (json_int_t)bin->authorizations));
}

static json_t *change_json(const struct fc_plan_change *c)
{
    return packed(json_pack("{s:o,s:s,s:s,s:f,s:f,s:f,s:f}", "on", time_json(c->on), "what", c->what, "source",
                            c->source, "orders_before", c->orders_before, "orders_after", c->orders_after,
                            "authorizations_before", c->authorizations_before, "authorizations_after",
                            c->authorizations_after));
}

static json_t *group_json(const struct fc_plan_group_report *g)
{
    return packed(json_pack("{s:s,s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:o}", "name", g->name, "profile", g->profile,
                            "renew", g->rule, "certificates", (json_int_t)g->certificates, "orders",
                            (json_int_t)g->orders, "exempt_by_ari", (json_int_t)g->exempt, "same_names",
                            (json_int_t)g->same_set, "counted", (json_int_t)g->counted, "denied", (json_int_t)g->denied,
                            "expired", (json_int_t)g->expired, "least_left_seconds", seconds(g->least_left)));
}

static json_t *peak_json(const struct fc_plan_peak *peak)
{
    return packed(json_pack("{s:I,s:o}", "orders", (json_int_t)peak->orders, "from", time_json(peak->from)));
}

static json_t *totals_json(const struct fc_plan_report *r)
{
    json_t *by = json_object();

    for (int i = 1; i < FC_LIMIT__MAX; i++)
        if (r->denied_by[i])
            json_object_set_new(by, fc_policy_limit_name((enum fc_limit)i), json_integer(r->denied_by[i]));
    return packed(json_pack(
        "{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:o}", "certificates", (json_int_t)r->certificates,
        "names", (json_int_t)r->names, "accounts", (json_int_t)r->accounts, "attempts", (json_int_t)r->attempts,
        "orders", (json_int_t)r->orders, "exempt_by_ari", (json_int_t)r->exempt, "same_names", (json_int_t)r->same_set,
        "counted", (json_int_t)r->counted, "denied", (json_int_t)r->denied, "refused", (json_int_t)r->refused,
        "registrations", (json_int_t)r->registrations, "registrations_denied", (json_int_t)r->registrations_denied,
        "expired", (json_int_t)r->expired, "authorizations", (json_int_t)r->authorizations, "denied_by", by));
}

#define LIST(json, name, report, member, count, make)                                                                  \
    do {                                                                                                               \
        json_t *list_ = json_array();                                                                                  \
        for (size_t i_ = 0; i_ < (report)->count; i_++)                                                                \
            json_array_append_new(list_, make(&(report)->member[i_]));                                                 \
        json_object_set_new(json, name, list_);                                                                        \
    } while (0)

json_t *fc_plan_json(const struct fc_plan_report *report)
{
    json_t *json = packed(json_pack(
        "{s:s,s:s,s:b,s:o,s:o,s:b,s:s,s:o,s:o,s:o}", "estate", report->estate, "environment", report->environment,
        "limits_enforced", (int)report->enforced, "from", time_json(report->from), "to", time_json(report->to), "good",
        (int)fc_plan_good(report), "verdict", fc_plan_verdict(report), "totals", totals_json(report), "peak_hour",
        peak_json(&report->hour), "peak_week", peak_json(&report->week)));

    LIST(json, "findings", report, findings, n_findings, finding_json);
    LIST(json, "groups", report, groups, n_groups, group_json);
    LIST(json, "changes", report, changes, n_changes, change_json);
    LIST(json, "weeks", report, weeks, n_weeks, bin_json);
    LIST(json, "months", report, months, n_months, bin_json);
    return json;
}
