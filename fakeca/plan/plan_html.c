/* The report as one page: no script, nothing from elsewhere, readable without the picture. */
#include "plan/plan_html.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "plan/plan_words.h"

extern const char fc_plan_css[];

void fc_plan_html_puts(struct fc_buf *to, const char *text)
{
    static const char special[] = "&<>\"'";
    static const char *const entities[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};

    while (*text) {
        size_t len = strcspn(text, special);
        fc_buf_append(to, text, len);
        text += len;
        if (*text)
            fc_buf_puts(to, entities[strchr(special, *text++) - special]);
    }
}

/* ---- findings ---- */

static void put_row(struct fc_buf *to, const char *name, const char *text)
{
    fc_buf_printf(to, "<dt>%s</dt><dd>", name);
    fc_plan_html_puts(to, text);
    fc_buf_puts(to, "</dd>\n");
}

static void put_finding(const struct fc_plan_finding *f, struct fc_buf *to)
{
    struct fc_buf line fc_auto_buf = {0};
    char number[FC_PLAN_COUNT_MAX];

    fc_buf_init(&line, 65536);
    fc_buf_printf(to, "<section class=\"finding %s\"><h3>", fc_plan_kind_breaks(f->kind) ? "bad" : "close");
    fc_plan_html_puts(to, f->group);
    fc_buf_printf(to, ": %s</h3>\n<dl>\n", fc_plan_says(f->kind, f->certificates, number));
    fc_plan_when(f, &line);
    put_row(to, "when", line.data);
    fc_buf_clear(&line);
    put_row(to, "first", f->names);
    if (fc_plan_cause(f, &line))
        put_row(to, f->limit ? "limit" : "why", line.data);
    if (f->limit && f->detail)
        put_row(to, "the CA says", f->detail);
    put_row(to, "mend", f->mend);
    fc_buf_puts(to, "</dl></section>\n");
}

static void put_findings(const struct fc_plan_report *r, bool breaks, const char *title, struct fc_buf *to)
{
    int at = 0;

    for (size_t i = 0; i < r->n_findings; i++) {
        if (fc_plan_kind_breaks(r->findings[i].kind) != breaks)
            continue;
        if (at == 0)
            fc_buf_printf(to, "<h2>%s</h2>\n", title);
        if (++at <= FC_PLAN_PAGE_MAX)
            put_finding(&r->findings[i], to);
    }
    if (at > FC_PLAN_PAGE_MAX)
        fc_buf_printf(to, "<p>... and %d more; <code>--json</code> tells all.</p>\n", at - FC_PLAN_PAGE_MAX);
}

/* ---- figures ---- */

static void put_figure(struct fc_buf *to, int64_t n, const char *what)
{
    fc_buf_printf(to, "<div><b>%" PRId64 "</b><span>", n);
    fc_plan_html_puts(to, what);
    fc_buf_puts(to, "</span></div>\n");
}

static void put_figures(const struct fc_plan_report *r, struct fc_buf *to)
{
    char text[128], at[FC_TIME_TEXT_MAX];

    fc_buf_puts(to, "<div class=\"figures\">\n");
    put_figure(to, r->orders, "orders issued");
    put_figure(to, r->exempt, "of them exempt by ARI");
    put_figure(to, r->same_set, "of them renewals of the same names");
    put_figure(to, r->counted, "of them counted by all limits");
    put_figure(to, r->denied, "orders denied");
    put_figure(to, r->expired, "certificates expired");
    snprintf(text, sizeof text, "orders in the busiest hour, from %s", fc_plan_minute(r->hour.from, at));
    put_figure(to, r->hour.orders, text);
    snprintf(text, sizeof text, "orders in the busiest week, from %s", fc_plan_day(r->week.from, at));
    put_figure(to, r->week.orders, text);
    put_figure(to, r->authorizations, "names validated");
    fc_buf_puts(to, "</div>\n");
}

static void put_limits(const struct fc_plan_report *r, struct fc_buf *to)
{
    if (!r->enforced)
        fc_buf_puts(to, "<p>No limits are enforced here.</p>\n");
    if (!r->denied)
        return;
    fc_buf_puts(
        to, "<h2>Denied by</h2>\n<div class=\"scroll\"><table><tr><th>limit</th><th class=\"n\">orders</th></tr>\n");
    for (int i = 1; i < FC_LIMIT__MAX; i++)
        if (r->denied_by[i])
            fc_buf_printf(to, "<tr><td>%s</td><td class=\"n\">%" PRId64 "</td></tr>\n",
                          fc_policy_limit_name((enum fc_limit)i), r->denied_by[i]);
    fc_buf_puts(to, "</table></div>\n");
}

static void put_changes(const struct fc_plan_report *r, struct fc_buf *to)
{
    char at[FC_TIME_TEXT_MAX];

    fc_buf_puts(to, "<h2>What each change does</h2>\n");
    if (r->n_changes == 0) {
        fc_buf_puts(to, "<p>No change within this time touches this estate.</p>\n");
        return;
    }
    fc_buf_puts(to, "<div class=\"scroll\"><table><caption>per 30 days, before and "
                    "after</caption>\n<tr><th>date</th><th>change</th>"
                    "<th class=\"n\">orders</th><th class=\"n\">names validated</th></tr>\n");
    for (size_t i = 0; i < r->n_changes; i++) {
        const struct fc_plan_change *c = &r->changes[i];
        fc_buf_printf(to, "<tr><td class=\"d\">%s</td><td>", fc_plan_day(c->on, at));
        fc_plan_html_puts(to, c->what);
        fc_buf_puts(to, "<br><span class=\"about\">");
        fc_plan_html_puts(to, c->source);
        fc_buf_printf(to, "</span></td><td class=\"n\">%.0f → %.0f</td><td class=\"n\">%.0f → %.0f</td></tr>\n",
                      c->orders_before, c->orders_after, c->authorizations_before, c->authorizations_after);
    }
    fc_buf_puts(to, "</table></div>\n");
}

static void put_group(const struct fc_plan_group_report *g, struct fc_buf *to)
{
    char left[FC_TIME_TEXT_MAX];

    fc_buf_puts(to, "<tr><td>");
    fc_plan_html_puts(to, g->name);
    fc_buf_puts(to, "</td><td>");
    fc_plan_html_puts(to, g->profile);
    fc_buf_puts(to, "</td><td>");
    fc_plan_html_puts(to, g->rule);
    fc_buf_printf(to,
                  "</td><td class=\"n\">%" PRId64 "</td><td class=\"n\">%" PRId64 "</td><td class=\"n\">%" PRId64
                  "</td><td class=\"n\">%" PRId64 "</td><td class=\"n\">%s</td></tr>\n",
                  g->certificates, g->orders, g->denied, g->expired,
                  g->least_left == INT64_MAX ? "-" : fc_plan_length(g->least_left, left));
}

static void put_groups(const struct fc_plan_report *r, struct fc_buf *to)
{
    fc_buf_puts(to,
                "<h2>Certificates</h2>\n<div class=\"scroll\"><table><tr><th>group</th><th>profile</th><th>renewed</th>"
                "<th class=\"n\">certificates</th><th class=\"n\">orders</th><th class=\"n\">denied</th>"
                "<th class=\"n\">times expired</th><th class=\"n\">least left at a renewal</th></tr>\n");
    for (size_t i = 0; i < r->n_groups; i++)
        put_group(&r->groups[i], to);
    fc_buf_puts(to, "</table></div>\n");
}

static void put_bins(const char *title, const char *unit, const struct fc_plan_bin *bins, size_t count,
                     struct fc_buf *to)
{
    char at[FC_TIME_TEXT_MAX];

    fc_buf_printf(
        to,
        "<details><summary>%s</summary><div class=\"scroll\"><table>\n<tr><th>%s from</th><th class=\"n\">orders</th>"
        "<th class=\"n\">denied</th><th class=\"n\">refused</th><th class=\"n\">expired</th>"
        "<th class=\"n\">names validated</th></tr>\n",
        title, unit);
    for (size_t i = 0; i < count; i++)
        fc_buf_printf(to,
                      "<tr><td>%s</td><td class=\"n\">%" PRId64 "</td><td class=\"n\">%" PRId64
                      "</td><td class=\"n\">%" PRId64 "</td><td class=\"n\">%" PRId64 "</td><td class=\"n\">%" PRId64
                      "</td></tr>\n",
                      fc_plan_day(bins[i].from, at), bins[i].orders, bins[i].denied, bins[i].refused, bins[i].expired,
                      bins[i].authorizations);
    fc_buf_puts(to, "</table></div></details>\n");
}

static void put_head(const struct fc_plan_report *r, struct fc_buf *to)
{
    char from[FC_TIME_TEXT_MAX], until[FC_TIME_TEXT_MAX], a[FC_PLAN_COUNT_MAX];

    fc_buf_puts(to, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Plan of ");
    fc_plan_html_puts(to, r->estate);
    fc_buf_puts(to, "</title>\n<style>\n");
    fc_buf_puts(to, fc_plan_css);
    fc_buf_puts(to, "</style>\n</head>\n<body>\n<main>\n<h1>Plan of ");
    fc_plan_html_puts(to, r->estate);
    fc_buf_printf(to, "</h1>\n<p class=\"about\">%s to %s, by the rules of ", fc_plan_day(r->from, from),
                  fc_plan_day(r->to, until));
    fc_plan_html_puts(to, r->environment);
    fc_buf_printf(to, "; %s, ", fc_plan_counted(r->certificates, "certificate", "certificates", a));
    fc_buf_printf(to, "%s, ", fc_plan_counted(r->names, "name", "names", a));
    fc_buf_printf(to, "%s</p>\n<p class=\"verdict%s\">", fc_plan_counted(r->accounts, "account", "accounts", a),
                  fc_plan_good(r) ? "" : " bad");
    fc_plan_html_puts(to, fc_plan_verdict(r));
    fc_buf_puts(to, "</p>\n");
}

void fc_plan_html(const struct fc_plan_report *report, struct fc_buf *to)
{
    put_head(report, to);
    put_findings(report, true, "What breaks", to);
    put_findings(report, false, "What comes close", to);
    fc_buf_puts(to, "<h2>Over time</h2>\n<figure>\n");
    fc_plan_svg(report, to);
    fc_buf_puts(to, "</figure>\n");
    put_figures(report, to);
    put_limits(report, to);
    put_changes(report, to);
    put_groups(report, to);
    put_bins("All months", "month", report->months, report->n_months, to);
    put_bins("All weeks", "week", report->weeks, report->n_weeks, to);
    fc_buf_puts(to, "</main>\n</body>\n</html>\n");
}
