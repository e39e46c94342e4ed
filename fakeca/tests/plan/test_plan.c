/* Small estates whose outcome is computed by hand from letsencrypt.md A.1 to A.4, C.2, E.4 and F. */
#include "plan/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan/lib_plan.h"
#include "plan/plan_int.h"

#include "cmocka_all.h"

static int64_t sum_orders(const struct fc_plan_bin *bins, size_t from, size_t to)
{
    int64_t sum = 0;

    for (size_t i = from; i < to; i++)
        sum += bins[i].orders;
    return sum;
}

/* ---- the exact set: 5 in 7 days, one comes back every 33 h 36 min ---- */

#define SIX                                                                                                            \
    "{'certificates': [{'name': 'preview', 'names': ['preview.shop.test'], 'issued': '2026-12-15', "                   \
    "'redeploys': {'first': '2027-01-10T09:00:00Z', 'every': '1h', 'count': 6}%s}]}"

static void sixth_redeploy_in_a_week(void **state)
{
    struct lib_plan *t = *state;
    char text[512];

    snprintf(text, sizeof text, SIX, "");
    lib_plan_run(t, "2027-01-01", "2027-02-09", text);
    const struct fc_plan_finding *f = lib_plan_finding(t, FC_PLAN_MISSING);
    assert_false(fc_plan_good(t->report));
    assert_int_equal(f->limit, FC_LIMIT_SET);
    assert_int_equal(f->certificates, 1);
    lib_plan_assert_time(f->first, "2027-01-10T14:00:00Z");
    lib_plan_assert_time(f->retry_at, "2027-01-11T18:36:00Z");
    /* the client looks at midnight and noon: denied at 14:00, 00:00 and 12:00, issued at the next midnight */
    lib_plan_assert_time(f->until, "2027-01-12T00:00:00Z");
    assert_int_equal(t->report->denied, 3);
    assert_int_equal(t->report->denied_by[FC_LIMIT_SET], 3);
    assert_int_equal(t->report->orders, 6);
    assert_int_equal(t->report->same_set, 6);
    assert_string_equal(f->detail,
                        "too many certificates (5) already issued for this exact set of identifiers in the last "
                        "168h0m0s, retry after 2027-01-11 18:36:00 UTC: see https://letsencrypt.org/docs/rate-limits/"
                        "#new-certificates-per-exact-set-of-identifiers");
    /* the outage tells of the denial, which is not told again */
    assert_int_equal(t->report->n_findings, 1);
}

static void sixth_redeploy_that_waits_as_told(void **state)
{
    struct lib_plan *t = *state;
    char text[512];

    snprintf(text, sizeof text, SIX, ", 'retry': 'retry-after'");
    lib_plan_run(t, "2027-01-01", "2027-02-09", text);
    lib_plan_assert_time(lib_plan_finding(t, FC_PLAN_MISSING)->until, "2027-01-11T18:36:00Z");
    assert_int_equal(t->report->denied, 1);
}

static void five_redeploys_are_good(void **state)
{
    struct lib_plan *t = *state;
    char text[512];

    snprintf(text, sizeof text, SIX, "");
    memcpy(strstr(text, "'count': 6"), "'count': 5", 10);
    lib_plan_run(t, "2027-01-01", "2027-02-09", text);
    assert_true(fc_plan_good(t->report));
    assert_int_equal(t->report->n_findings, 0);
    assert_int_equal(t->report->orders, 5);
}

/* What lies outside of the period is left out: of six from 09:00 on the last two, and nothing. */
static void a_period_in_the_middle(void **state)
{
    struct lib_plan *t = *state;
    char text[512];

    snprintf(text, sizeof text, SIX, "");
    lib_plan_run(t, "2027-01-10T12:30:00Z", "2027-02-09", text);
    assert_int_equal(t->report->orders, 2);
    lib_plan_run(t, "2027-01-10T14:00:01Z", "2027-02-09", text);
    assert_int_equal(t->report->attempts, 0);
    lib_plan_run(t, "2027-01-01", "2027-01-02",
                 "{'certificates': [{'name': 'web', 'names': ['a.test'], 'issued': '2027-01-02'}]}");
    assert_int_equal(t->report->attempts, 0);
    assert_true(fc_plan_good(t->report));
}

/* A host is not restarted before it is there, and what jitter adds to a first order is not lateness. */
static void new_ones_begin_when_they_are_asked_for(void **state)
{
    struct lib_plan *t = *state;

    lib_plan_run(t, "2027-01-01", "2027-02-01",
                 "{'certificates': [{'name': 'web', 'names': ['www.c{n}.test'], 'count': 20, 'issued': '2027-01-10', "
                 "'jitter': '6h', 'redeploys': {'first': '2027-01-05', 'every': '10d', 'count': 2}}]}");
    /* ordered on the 10th, lost on the 15th and ordered again; nothing on the 5th */
    assert_int_equal(t->report->orders, 40);
    assert_int_equal(t->report->counted, 20);
    assert_int_equal(t->report->n_findings, 0);
}

static void staging_and_no_limits_let_six_pass(void **state)
{
    struct lib_plan *t = *state;
    char text[512];

    snprintf(text, sizeof text, SIX, "");
    lib_plan_rules(t, "staging", NULL);
    lib_plan_run(t, "2027-01-01", "2027-02-09", text);
    assert_int_equal(t->report->denied, 0);
    assert_true(t->report->enforced);
    lib_plan_rules(t, "production", "off");
    lib_plan_run(t, "2027-01-01", "2027-02-09", text);
    assert_int_equal(t->report->denied, 0);
    assert_false(t->report->enforced);
}

/* Due at once after 60 days: five are issued, the sixth may at 33 h 36 min, so not at 0, 12 and 24 h, and is at 36 h. */
static void six_replicas_renew_at_once(void **state)
{
    struct lib_plan *t = *state;

    lib_plan_run(t, "2027-01-01", "2027-02-09",
                 "{'certificates': [{'name': 'web', 'names': ['shop.test'], 'issued': '2026-12-01', 'replicas': 6}]}");
    const struct fc_plan_finding *f = lib_plan_finding(t, FC_PLAN_DENIED);
    assert_true(fc_plan_good(t->report));
    assert_int_equal(t->report->orders, 6);
    assert_int_equal(f->limit, FC_LIMIT_SET);
    assert_int_equal(f->times, 3);
    assert_int_equal(f->certificates, 1);
    lib_plan_assert_time(f->first, "2027-01-30T00:00:00Z");
    lib_plan_assert_time(f->until, "2027-01-31T09:36:00Z");
}

/* Thirty days before the end of a life of 160 hours is always: each check orders, and the limit keeps the pace. */
static void shortlived_with_a_rule_for_long_ones(void **state)
{
    struct lib_plan *t = *state;

    lib_plan_run(t, "2027-01-01", "2027-01-31",
                 "{'certificates': [{'name': 'web', 'names': ['shop.test'], 'issued': '2027-01-01', "
                 "'profile': 'shortlived', 'renew': '30d before expiry'}]}");
    /* five and one every 33 h 36 min in 30 days, at most */
    assert_in_range(t->report->orders, 5 + 19, 5 + 21);
    assert_int_equal(t->report->orders + t->report->denied, 60);
    assert_int_equal(t->report->denied_by[FC_LIMIT_SET], t->report->denied);
    assert_true(fc_plan_good(t->report));
}

/* ---- registered domains: 50 in 7 days, one comes back every 3 h 21 min 36 s ---- */

static void fifty_first_new_certificate_of_a_domain(void **state)
{
    struct lib_plan *t = *state;

    lib_plan_run(t, "2027-01-01", "2027-02-01",
                 "{'certificates': [{'name': 'tenants', 'names': ['t{n}.shop.test'], 'count': 51, "
                 "'issued': '2027-01-04'}]}");
    const struct fc_plan_finding *f = lib_plan_finding(t, FC_PLAN_LATE);
    assert_true(fc_plan_good(t->report));
    assert_int_equal(t->report->counted, 51);
    assert_int_equal(t->report->denied_by[FC_LIMIT_DOMAIN], 1);
    assert_string_equal(f->key, "5:shop.test");
    assert_string_equal(f->names, "t51.shop.test");
    lib_plan_assert_time(f->first, "2027-01-04T00:00:00Z");
    lib_plan_assert_time(f->retry_at, "2027-01-04T03:21:36Z");
    lib_plan_assert_time(f->until, "2027-01-04T12:00:00Z");
    lib_plan_assert_time(t->report->hour.from, "2027-01-04T00:00:00Z");
    assert_int_equal(t->report->hour.orders, 50);
}

static void fifty_one_over_the_week_pass(void **state)
{
    struct lib_plan *t = *state;

    lib_plan_run(t, "2027-01-01", "2027-02-01",
                 "{'certificates': [{'name': 'tenants', 'names': ['t{n}.shop.test'], 'count': 51, "
                 "'issued': '2027-01-04', 'spread': '7d'}]}");
    assert_int_equal(t->report->denied, 0);
    assert_int_equal(t->report->n_findings, 0);
}

/* 300 orders of an account in 3 hours, one comes back every 36 s; {n/50} keeps the domains below their own limit */
static void three_hundred_and_first_order_of_an_account(void **state)
{
    struct lib_plan *t = *state;

    lib_plan_run(
        t, "2027-01-01", "2027-02-01",
        "{'accounts': [{'name': 'a'}, {'name': 'b'}], 'certificates': ["
        "{'name': 'x', 'account': 'a', 'names': ['t{n}.x{n/50}.test'], 'count': 301, 'issued': '2027-01-04'},"
        "{'name': 'y', 'account': 'b', 'names': ['t{n}.y{n/50}.test'], 'count': 300, 'issued': '2027-01-04'}]}");
    const struct fc_plan_finding *f = lib_plan_finding(t, FC_PLAN_LATE);
    assert_int_equal(t->report->denied, 1);
    assert_int_equal(f->limit, FC_LIMIT_ORDERS);
    assert_string_equal(f->group, "x");
    assert_string_equal(f->key, "3:1");
    lib_plan_assert_time(f->retry_at, "2027-01-04T00:00:36Z");
}

/* What never gets its turn within the period breaks: 50 at once, then one every check. */
static void never_issued_until_the_end(void **state)
{
    struct lib_plan *t = *state;

    lib_plan_run(t, "2027-01-01", "2027-01-03",
                 "{'certificates': [{'name': 'tenants', 'names': ['t{n}.shop.test'], 'count': 100, "
                 "'checks_per_day': 1, 'issued': '2027-01-01'}]}");
    const struct fc_plan_finding *f = lib_plan_finding(t, FC_PLAN_NEVER);
    assert_false(fc_plan_good(t->report));
    /* 24 h give 7 of 3 h 21 min 36 s */
    assert_int_equal(t->report->orders, 57);
    assert_int_equal(f->certificates, 43);
    assert_int_equal(f->limit, FC_LIMIT_DOMAIN);
    assert_int_equal(f->until, INT64_MAX);
}

/* ---- accounts that are lost: 10 registrations of an address in 3 hours, one comes back every 18 min ---- */

static void eleventh_account_of_an_address(void **state)
{
    struct lib_plan *t = *state;

    lib_plan_run(t, "2027-01-01", "2027-02-01",
                 "{'accounts': [{'name': 'a', 'address': '198.51.100.4'}], 'certificates': [{'name': 'pods', "
                 "'names': ['p{n}.pod{n}.test'], 'count': 11, 'issued': '2026-12-15', 'retry': 'retry-after', "
                 "'redeploys': {'first': '2027-01-04T10:00:00Z', 'loses_account': true}}]}");
    const struct fc_plan_finding *f = lib_plan_finding(t, FC_PLAN_MISSING);
    assert_int_equal(f->limit, FC_LIMIT_REGISTRATIONS_IP);
    assert_string_equal(f->key, "1:198.51.100.4");
    lib_plan_assert_time(f->retry_at, "2027-01-04T10:18:00Z");
    lib_plan_assert_time(f->until, "2027-01-04T10:18:00Z");
    assert_int_equal(t->report->registrations, 11);
    assert_int_equal(t->report->registrations_denied, 1);
    /* a new account has no authorizations */
    assert_int_equal(t->report->authorizations, 11);
}

/* ---- the calendar ---- */

/* 600 certificates: every 60 days before 2027-02-10, every 30 days from 2028-02-16 on, which is each once in 30 days. */
static void forty_five_days_double_the_orders(void **state)
{
    struct lib_plan *t = *state;

    lib_plan_run(t, "2026-12-01", "2028-12-19",
                 "{'certificates': [{'name': 'web', 'names': ['www.c{n}.test'], 'count': 600}]}");
    const struct fc_plan_report *r = t->report;
    assert_int_equal(r->n_weeks, 107);
    /* all of them once in 60 days, and those again that were due in the first 9.5 (at 10.0 another week begins) */
    assert_in_range(sum_orders(r->weeks, 0, 10), 600 + 94, 600 + 96);
    assert_int_equal(sum_orders(r->weeks, 77, 107), 600 * 7);
    assert_int_equal(r->n_changes, 2);
    lib_plan_assert_time(r->changes[0].on, "2027-02-10");
    lib_plan_assert_time(r->changes[1].on, "2028-02-16");
    assert_in_range((int64_t)r->changes[0].orders_before, 297, 303);
    /* 2/3 of 64 days; checks are at most 12 h late */
    assert_in_range((int64_t)r->changes[0].orders_after, 395, 425);
    assert_in_range((int64_t)r->changes[1].orders_after, 560, 600);
    assert_int_equal(r->denied, 0);
    assert_true(fc_plan_good(r));
}

/* Issued on 2028-02-17: from 23:01:30 the day before, for 45 days. */
static void every_sixty_days_dies_in_2028(void **state)
{
    struct lib_plan *t = *state;

    lib_plan_run(t, "2028-02-20", "2028-06-10",
                 "{'certificates': [{'name': 'cron', 'names': ['shop.test'], 'issued': '2028-02-17', "
                 "'renew': 'every 60d'}]}");
    const struct fc_plan_finding *f = lib_plan_finding(t, FC_PLAN_EXPIRED);
    assert_int_equal(f->limit, FC_LIMIT_NONE);
    lib_plan_assert_time(f->first, "2028-04-01T23:01:29Z");
    lib_plan_assert_time(f->until, "2028-04-17T00:00:00Z");
    assert_int_equal(f->times, 2); /* the next one ends on 2028-05-31 */
    assert_int_equal(t->report->expired, 1);
    assert_string_equal(f->detail, "renewed by the rule 'every 60d', and valid for 45d");
    assert_non_null(strstr(fc_plan_verdict(t->report), "1 certificate expires before it is renewed"));
}

static void every_sixty_days_leaves_four_in_2027(void **state)
{
    struct lib_plan *t = *state;

    lib_plan_run(t, "2027-02-12", "2027-05-01",
                 "{'certificates': [{'name': 'cron', 'names': ['shop.test'], 'issued': '2027-02-11', "
                 "'renew': 'every 60d'}]}");
    const struct fc_plan_finding *f = lib_plan_finding(t, FC_PLAN_CLOSE);
    assert_true(fc_plan_good(t->report));
    lib_plan_assert_time(f->first, "2027-04-12T00:00:00Z");
    /* it began 58.5 minutes before it was issued */
    assert_int_equal(f->worst, 4 * FC_DAY - 58 * FC_MINUTE - 31 * FC_SECOND);
}

static void staging_changes_earlier(void **state)
{
    struct lib_plan *t = *state;
    static const char web[] = "{'certificates': [{'name': 'web', 'names': ['www.shop.test']}]}";

    lib_plan_rules(t, "staging", NULL);
    lib_plan_run(t, "2026-12-01", "2027-02-01", web);
    assert_int_equal(t->report->n_changes, 1);
    lib_plan_rules(t, "production", NULL);
    lib_plan_run(t, "2026-12-01", "2027-02-01", web);
    assert_int_equal(t->report->n_changes, 0);
}

/* ---- renewal information: the window of letsencrypt.md E.4 for what was issued on 2026-09-01T12:00:00Z ---- */

static void inside_of_the_window_is_exempt(void **state)
{
    struct lib_plan *t = *state;

    lib_plan_run(t, "2026-09-02", "2026-11-30",
                 "{'defaults': {'renew': 'ari', 'checks_per_day': 1440}, 'certificates': [{'name': 'web', "
                 "'names': ['www.c{n}.test'], 'count': 500, 'issued': '2026-09-01T12:00:00Z'}]}");
    /* a minute before the window is the earliest */
    assert_in_range(t->report->exempt, 498, 500);
    assert_int_equal(t->report->orders, 500);
    assert_int_equal(t->report->counted, 0);
    const struct fc_plan_report *r = t->report;
    for (size_t i = 0; i < r->n_weeks; i++)
        if (r->weeks[i].orders)
            assert_true(r->weeks[i].from <= lib_plan_time("2026-11-01T08:56:23Z") &&
                        r->weeks[i].from + 7 * FC_DAY > lib_plan_time("2026-10-30T13:44:34Z"));
}

/* Who looks once a day renews at the midnight before the moment: of moments on 2026-10-30, before the window. */
static void a_daily_look_is_often_too_early(void **state)
{
    struct lib_plan *t = *state;

    lib_plan_run(t, "2026-09-02", "2026-11-30",
                 "{'defaults': {'renew': 'ari', 'checks_per_day': 1}, 'certificates': [{'name': 'web', "
                 "'names': ['www.c{n}.test'], 'count': 1000, 'issued': '2026-09-01T12:00:00Z'}]}");
    /* 10 h 14 min 26 s of 43 h 10 min 49 s: 237 of 1000 on average */
    assert_in_range(t->report->same_set, 180, 300);
    assert_int_equal(t->report->exempt + t->report->same_set, 1000);
    lib_plan_run(t, "2026-09-02", "2026-11-30",
                 "{'defaults': {'renew': 'ari', 'replaces': false}, 'certificates': [{'name': 'web', "
                 "'names': ['www.c{n}.test'], 'count': 10, 'issued': '2026-09-01T12:00:00Z'}]}");
    assert_int_equal(t->report->same_set, 10);
}

/* ---- authorizations ---- */

static void authorizations_are_used_again(void **state)
{
    struct lib_plan *t = *state;

    /* validated on 2027-01-05, used again for 30 days */
    lib_plan_run(t, "2027-01-06", "2027-02-01",
                 "{'certificates': [{'name': 'web', 'names': ['a.test', 'b.test'], 'issued': '2027-01-05', "
                 "'redeploys': {'first': '2027-01-10T10:00:00Z', 'every': '1d', 'count': 3}}]}");
    assert_int_equal(t->report->orders, 3);
    assert_int_equal(t->report->authorizations, 0);
    /* for 7 hours: each day anew */
    lib_plan_run(t, "2028-02-18", "2028-03-01",
                 "{'certificates': [{'name': 'web', 'names': ['a.test', 'b.test'], 'issued': '2028-02-17', "
                 "'redeploys': {'first': '2028-02-20T10:00:00Z', 'every': '1d', 'count': 3}}]}");
    assert_int_equal(t->report->orders, 3);
    assert_int_equal(t->report->authorizations, 6);
}

static void authorizations_belong_to_account_and_profile(void **state)
{
    struct lib_plan *t = *state;

    /* a.test is in both, with one account and the profile named in one only: validated twice */
    lib_plan_run(t, "2027-01-06", "2027-02-01",
                 "{'certificates': [{'name': 'x', 'names': ['a.test', 'b.test'], 'issued': '2027-01-10'},"
                 "{'name': 'y', 'names': ['a.test', 'c.test'], 'issued': '2027-01-11'},"
                 "{'name': 'z', 'names': ['a.test', 'd.test'], 'profile': 'classic', 'issued': '2027-01-12'}]}");
    assert_int_equal(t->report->orders, 3);
    assert_int_equal(t->report->authorizations, 2 + 1 + 2);
}

/* ---- what the CA does not take ---- */

static void refused_orders(void **state)
{
    struct lib_plan *t = *state;

    lib_plan_run(t, "2025-12-20", "2026-01-20",
                 "{'certificates': [{'name': 'web', 'names': ['a.test'], 'profile': 'shortlived', "
                 "'issued': '2026-01-10'}]}");
    const struct fc_plan_finding *f = lib_plan_finding(t, FC_PLAN_REFUSED);
    assert_false(fc_plan_good(t->report));
    assert_string_equal(f->detail, "the profile 'shortlived' is not offered");
    lib_plan_assert_time(f->first, "2026-01-10");
    assert_int_equal(f->times, 10); /* until the 15th */
    /* what it leads to tells the same cause, and no renewal rule is blamed */
    const struct fc_plan_finding *late = lib_plan_finding(t, FC_PLAN_LATE);
    assert_string_equal(late->detail, "the CA does not take the order");
    assert_string_equal(late->mend, f->mend);
    lib_plan_run(t, "2027-01-01", "2027-01-02",
                 "{'certificates': [{'name': 'ip', 'names': ['10.0.0.7'], 'issued': '2027-01-01'}]}");
    assert_string_equal(lib_plan_finding(t, FC_PLAN_REFUSED)->detail,
                        "the profile 'classic' does not take identifiers of the type 'ip'");
}

/* ---- the same again ---- */

static void the_seed_decides(void **state)
{
    struct lib_plan *t = *state;
    static const char text[] = "{'seed': 1, 'certificates': [{'name': 'web', 'names': ['www.c{n}.test'], 'count': 200, "
                               "'renew': 'ari', 'jitter': '11h'}]}";
    char *shown[3];

    for (size_t i = 0; i < 3; i++) {
        fc_auto_free char *own = fc_strdup(text);
        own[9] = i < 2 ? '1' : '2';
        lib_plan_run(t, "2027-01-01", "2028-01-01", own);
        fc_auto(json_decref) json_t *json = fc_plan_json(t->report);
        shown[i] = json_dumps(json, 0);
    }
    assert_string_equal(shown[0], shown[1]);
    assert_string_not_equal(shown[0], shown[2]);
    for (size_t i = 0; i < 3; i++)
        free(shown[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIB_PLAN_TEST(sixth_redeploy_in_a_week),
        LIB_PLAN_TEST(sixth_redeploy_that_waits_as_told),
        LIB_PLAN_TEST(five_redeploys_are_good),
        LIB_PLAN_TEST(a_period_in_the_middle),
        LIB_PLAN_TEST(new_ones_begin_when_they_are_asked_for),
        LIB_PLAN_TEST(staging_and_no_limits_let_six_pass),
        LIB_PLAN_TEST(six_replicas_renew_at_once),
        LIB_PLAN_TEST(shortlived_with_a_rule_for_long_ones),
        LIB_PLAN_TEST(fifty_first_new_certificate_of_a_domain),
        LIB_PLAN_TEST(fifty_one_over_the_week_pass),
        LIB_PLAN_TEST(three_hundred_and_first_order_of_an_account),
        LIB_PLAN_TEST(never_issued_until_the_end),
        LIB_PLAN_TEST(eleventh_account_of_an_address),
        LIB_PLAN_TEST(forty_five_days_double_the_orders),
        LIB_PLAN_TEST(every_sixty_days_dies_in_2028),
        LIB_PLAN_TEST(every_sixty_days_leaves_four_in_2027),
        LIB_PLAN_TEST(staging_changes_earlier),
        LIB_PLAN_TEST(inside_of_the_window_is_exempt),
        LIB_PLAN_TEST(a_daily_look_is_often_too_early),
        LIB_PLAN_TEST(authorizations_are_used_again),
        LIB_PLAN_TEST(authorizations_belong_to_account_and_profile),
        LIB_PLAN_TEST(refused_orders),
        LIB_PLAN_TEST(the_seed_decides),
    };
    RUN(tests);
}
