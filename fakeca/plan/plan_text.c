/* The report for people: the first screen decides. */
#include <inttypes.h>
#include <string.h>

#include "plan/plan_words.h"

/* ---- the verdict ---- */

static int64_t certificates_of(const struct fc_plan_report *r, bool breaks, const struct fc_plan_finding **ret_first)
{
    int64_t n = 0;

    *ret_first = NULL;
    for (size_t i = 0; i < r->n_findings; i++) {
        if (fc_plan_kind_breaks(r->findings[i].kind) != breaks)
            continue;
        n += r->findings[i].certificates;
        if (!*ret_first)
            *ret_first = &r->findings[i];
    }
    return n;
}

bool fc_plan_good(const struct fc_plan_report *report)
{
    const struct fc_plan_finding *first;

    (void)certificates_of(report, true, &first);
    return !first;
}

const char *fc_plan_verdict(const struct fc_plan_report *report)
{
    const struct fc_plan_finding *first;
    int64_t n = certificates_of(report, true, &first);
    char number[FC_PLAN_COUNT_MAX], at[FC_TIME_TEXT_MAX];

    if (first)
        return fc_arena_printf(report->arena, "this breaks: %s, first on %s ('%s')%s",
                               fc_plan_says(first->kind, first->certificates, number), fc_plan_minute(first->first, at),
                               first->group, n > first->certificates ? ", and more below" : "");
    n = certificates_of(report, false, &first);
    if (first)
        return fc_arena_printf(report->arena, "nothing breaks, %s",
                               fc_plan_counted(n, "certificate comes close", "certificates come close", number));
    return "nothing breaks: every certificate is there in time, no order is denied";
}

/* ---- findings ---- */

static void put_wrapped(struct fc_buf *to, const char *label, const char *text)
{
    const size_t width = 96;

    fc_buf_printf(to, "     %-6s", label);
    for (;;) {
        size_t len = strlen(text);
        if (len <= width)
            break;
        for (len = width; len > 0 && text[len] != ' '; len--)
            ;
        if (len == 0)
            break;
        fc_buf_printf(to, "%.*s\n           ", (int)len, text);
        text += len + 1;
    }
    fc_buf_printf(to, "%s\n", text);
}

static void put_finding(const struct fc_plan_finding *f, int number, struct fc_buf *to)
{
    struct fc_buf line fc_auto_buf = {0};
    char says[FC_PLAN_COUNT_MAX];

    fc_buf_init(&line, 65536);
    fc_buf_printf(to, "  %d. %s: %s\n", number, f->group, fc_plan_says(f->kind, f->certificates, says));
    fc_plan_when(f, &line);
    put_wrapped(to, "when", line.data);
    put_wrapped(to, "first", f->names);
    fc_buf_clear(&line);
    if (fc_plan_cause(f, &line))
        put_wrapped(to, f->limit ? "limit" : "why", line.data);
    if (f->limit && f->detail)
        put_wrapped(to, "says", f->detail);
    put_wrapped(to, "mend", f->mend);
}

static void put_findings(const struct fc_plan_report *r, bool breaks, const char *title, struct fc_buf *to)
{
    const struct fc_plan_finding *first;
    int at = 0;

    (void)certificates_of(r, breaks, &first);
    if (!first)
        return;
    fc_buf_printf(to, "%s\n", title);
    for (size_t i = 0; i < r->n_findings; i++) {
        const struct fc_plan_finding *f = &r->findings[i];
        if (fc_plan_kind_breaks(f->kind) != breaks)
            continue;
        if (++at <= FC_PLAN_TEXT_MAX)
            put_finding(f, at, to);
    }
    if (at > FC_PLAN_TEXT_MAX)
        fc_buf_printf(to, "  ... and %d more (--json tells all)\n", at - FC_PLAN_TEXT_MAX);
    fc_buf_putc(to, '\n');
}

/* ---- figures ---- */

static void put_orders(const struct fc_plan_report *r, struct fc_buf *to)
{
    char at[FC_TIME_TEXT_MAX];

    fc_buf_printf(to,
                  "orders     %" PRId64 " issued: %" PRId64 " exempt by ARI, %" PRId64
                  " renewals of the same names, %" PRId64 " counted; %" PRId64 " denied\n",
                  r->orders, r->exempt, r->same_set, r->counted, r->denied);
    for (int i = 1; i < FC_LIMIT__MAX; i++)
        if (r->denied_by[i])
            fc_buf_printf(to, "           denied by %s: %" PRId64 "\n", fc_policy_limit_name((enum fc_limit)i),
                          r->denied_by[i]);
    if (r->refused)
        fc_buf_printf(to, "           refused for other reasons: %" PRId64 "\n", r->refused);
    if (!r->enforced)
        fc_buf_puts(to, "           no limits are enforced here\n");
    fc_buf_printf(to, "peaks      %" PRId64 " orders in the hour from %s", r->hour.orders,
                  fc_plan_minute(r->hour.from, at));
    fc_buf_printf(to, ", %" PRId64 " in the week from %s\n", r->week.orders, fc_plan_day(r->week.from, at));
    fc_buf_printf(to, "validated  %" PRId64 " names\n", r->authorizations);
}

static void put_changes(const struct fc_plan_report *r, struct fc_buf *to)
{
    char at[FC_TIME_TEXT_MAX];

    fc_buf_puts(to, "calendar   orders and validated names per 30 days, before and after each change\n");
    if (r->n_changes == 0)
        fc_buf_puts(to, "           no change within this time touches this estate\n");
    for (size_t i = 0; i < r->n_changes; i++) {
        const struct fc_plan_change *c = &r->changes[i];
        fc_buf_printf(to, "  %s  orders %.0f -> %.0f, names %.0f -> %.0f: %s\n", fc_plan_day(c->on, at),
                      c->orders_before, c->orders_after, c->authorizations_before, c->authorizations_after, c->what);
    }
}

void fc_plan_text(const struct fc_plan_report *report, struct fc_buf *to)
{
    char from[FC_TIME_TEXT_MAX], until[FC_TIME_TEXT_MAX], a[FC_PLAN_COUNT_MAX], b[FC_PLAN_COUNT_MAX];

    fc_buf_printf(to, "plan of '%s' from %s to %s, as %s: %s, %s\n\n", report->estate, fc_plan_day(report->from, from),
                  fc_plan_day(report->to, until), report->environment,
                  fc_plan_counted(report->certificates, "certificate", "certificates", a),
                  fc_plan_counted(report->names, "name", "names", b));
    fc_buf_printf(to, "%s\n\n", fc_plan_verdict(report));
    put_findings(report, true, "what breaks", to);
    put_findings(report, false, "what comes close", to);
    put_orders(report, to);
    put_changes(report, to);
}
