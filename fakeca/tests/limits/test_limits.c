/* Which buckets each event touches, and what the refused are told: letsencrypt.md A.1 to A.6 and the traps of part I. */
#include "limits/limits.h"

#include <stdio.h>
#include <string.h>

#include "limits/lib_limits.h"
#include "limits/limits_int.h"

#include "cmocka_all.h"

#define DOCS "see https://letsencrypt.org/docs/rate-limits/#"

/* ---- keys ---- */

static void registered_domains(void **state)
{
    static const struct {
        const char *name, *key;
    } rows[] = {
        {"www.example.com", "example.com"},
        {"*.example.com", "example.com"},
        {"a.b.example.co.uk", "example.co.uk"},
        {"foo.github.io", "foo.github.io"},
        {"bar.foo.github.io", "foo.github.io"},
        {"192.0.2.7", "192.0.2.7/32"},
        {"github.io", "github.io"},
        {"*.github.io", "*.github.io"},
        {"x.ck", "x.ck"},
        {"2001:db8:1:2::9", "2001:db8:1:2::/64"},
        /* the default rule */
        {"a.b.test", "b.test"},
        {"localhost", "localhost"},
    };
    struct lib_limits *t = *state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t count;
        const char **domains = fc_limits_key_domains(t->arena, lib_limits_idents(t, rows[i].name, &count), 1);
        assert_string_equal(domains[0], rows[i].key);
        assert_null(domains[1]);
    }
}

static void keys(void **state)
{
    struct lib_limits *t = *state;
    size_t count;
    const struct fc_ident *idents = lib_limits_idents(t, "www.example.com,example.com", &count);

    assert_string_equal(fc_limits_key_set(t->arena, idents, count),
                        "7:65825d50db221df1768452c68de1c2870728a93bbfc9ca90648b733b7bb6b046");
    assert_string_equal(fc_limits_key_address(t->arena, "192.0.2.7"), "1:192.0.2.7");
    assert_string_equal(fc_limits_key_range(t->arena, "2001:db8:1:2::9"), "2:2001:db8:1::/48");
    assert_null(fc_limits_key_range(t->arena, "192.0.2.7"));
    assert_int_equal(fc_limits_key_limit("5:a.test"), FC_LIMIT_DOMAIN);
    assert_int_equal(fc_limits_key_limit("9:192.0.2.7"), FC_LIMIT_NONE);
    assert_int_equal(fc_limits_key_limit("0:x"), FC_LIMIT_NONE);
    assert_int_equal(fc_limits_key_limit("55"), FC_LIMIT_NONE);
    assert_int_equal(fc_limits_key_limit(""), FC_LIMIT_NONE);
    for (int i = 1; i < FC_LIMIT__MAX; i++)
        assert_int_equal(fc_policy_limit_parse(fc_policy_limit_name((enum fc_limit)i)), i);
    assert_int_equal(fc_policy_limit_parse("x"), FC_LIMIT_NONE);
}

/* ---- A.2, last paragraph ---- */

static void eleventh_registration(void **state)
{
    struct lib_limits *t = *state;

    for (int i = 0; i < 10; i++)
        assert_int_equal(lib_limits_register(t, "192.0.2.7"), 0);
    assert_int_equal(lib_limits_register(t, "192.0.2.7"), 1);
    lib_limits_assert_denied(t, FC_LIMIT_REGISTRATIONS_IP, 18 * FC_MINUTE);
    assert_string_equal(t->denial.key, "1:192.0.2.7");
    assert_string_equal(t->denial.detail,
                        "too many new registrations (10) from this IP address in the last 3h0m0s, retry after "
                        "2026-11-24 05:18:00 UTC: " DOCS "new-registrations-per-ip-address");
    assert_int_equal(lib_limits_register(t, "192.0.2.8"), 0);
    t->now += 18 * FC_MINUTE;
    assert_int_equal(lib_limits_register(t, "192.0.2.7"), 0);
}

/* #2 holds in addition, #1 takes the whole address. */
static void registrations_of_a_range(void **state)
{
    struct lib_limits *t = *state;

    for (int i = 0; i < 500; i++)
        assert_int_equal(lib_limits_register(t, fc_arena_printf(t->arena, "2001:db8:1::%x", i / 10 + 1)), 0);
    assert_int_equal(lib_limits_register(t, "2001:db8:1:ffff::9"), 1);
    lib_limits_assert_denied(t, FC_LIMIT_REGISTRATIONS_RANGE, 21600 * FC_MS);
    assert_int_equal(t->denial.retry_after_s, 22); /* rounded to nearest */
    assert_string_equal(
        t->denial.detail,
        "too many new registrations (500) from this /48 subnet of IPv6 addresses in the last 3h0m0s, retry after "
        "2026-11-24 05:00:21 UTC: " DOCS "new-registrations-per-ipv6-range");
    assert_int_equal(lib_limits_register(t, "2001:db8:2::1"), 0);
}

static void three_hundred_and_first_order(void **state)
{
    struct lib_limits *t = *state;

    for (int i = 0; i < 300; i++)
        assert_int_equal(lib_limits_order(t, 7, fc_arena_printf(t->arena, "n%d.test", i)), 0);
    assert_int_equal(lib_limits_order(t, 7, "n300.test"), 1);
    lib_limits_assert_denied(t, FC_LIMIT_ORDERS, 36 * FC_SECOND);
    assert_string_equal(t->denial.detail, "too many new orders (300) from this account in the last 3h0m0s, retry after "
                                          "2026-11-24 05:00:36 UTC: " DOCS "new-orders-per-account");
    assert_int_equal(lib_limits_order(t, 8, "n300.test"), 0);
}

/* Traps 5 and 6. */
static void five_failures(void **state)
{
    struct lib_limits *t = *state;

    for (int i = 0; i < 5; i++) {
        assert_int_equal(lib_limits_order(t, 7, "b.test"), 0);
        assert_false(lib_limits_fail(t, 7, "b.test"));
    }
    assert_int_equal(lib_limits_order(t, 7, "a.test,b.test,c.test"), 1);
    lib_limits_assert_denied(t, FC_LIMIT_FAILURES, 12 * FC_MINUTE);
    assert_string_equal(t->denial.detail,
                        "too many failed authorizations (5) for \"b.test\" in the last 1h0m0s, retry after "
                        "2026-11-24 05:12:00 UTC: " DOCS "authorization-failures-per-identifier-per-account");
    assert_int_equal(lib_limits_order(t, 7, "a.test"), 0);
    assert_int_equal(lib_limits_order(t, 7, "*.b.test"), 0);
    assert_int_equal(lib_limits_order(t, 8, "b.test"), 0);
    lib_limits_fail(t, 7, "b.test"); /* not recorded: still 12 minutes */
    assert_int_equal(lib_limits_order(t, 7, "b.test"), 1);
    lib_limits_assert_denied(t, FC_LIMIT_FAILURES, 12 * FC_MINUTE);
    /* what follows the last ':' of the key */
    for (int i = 0; i < 5; i++)
        lib_limits_fail(t, 7, "2001:db8::9");
    assert_int_equal(lib_limits_order(t, 7, "2001:db8::9"), 1);
    assert_non_null(strstr(t->denial.detail, "(5) for \"9\" in"));
}

static void the_exact_set(void **state)
{
    struct lib_limits *t = *state;
    int64_t t0 = t->now;

    for (int i = 0; i < 5; i++) {
        assert_int_equal(lib_limits_order(t, 1 + i, "www.example.com,example.com"), 0);
        lib_limits_issue(t, 1 + i, "www.example.com,example.com");
    }
    /* everybody's, and for renewals too */
    assert_int_equal(lib_limits_order(t, 9, "example.com,www.example.com"), 1);
    lib_limits_assert_denied(t, FC_LIMIT_SET, 33 * FC_HOUR + 36 * FC_MINUTE);
    assert_string_equal(t->denial.detail,
                        "too many certificates (5) already issued for this exact set of identifiers in the last "
                        "168h0m0s, retry after 2026-11-25 14:36:00 UTC: " DOCS
                        "new-certificates-per-exact-set-of-identifiers");
    assert_int_equal(lib_limits_order(t, 9, "example.com"), 0);
    assert_int_equal(lib_limits_order(t, 9, "*.example.com,example.com"), 0);
    t->now = t0 + 33 * FC_HOUR + 36 * FC_MINUTE;
    assert_int_equal(lib_limits_order(t, 9, "example.com,www.example.com"), 0);
    t->now = t0 + 34 * FC_HOUR + 36 * FC_MINUTE;
    lib_limits_issue(t, 9, "example.com,www.example.com");
    assert_int_equal(lib_limits_order(t, 9, "example.com,www.example.com"), 1);
    lib_limits_assert_denied(t, FC_LIMIT_SET, 32 * FC_HOUR + 36 * FC_MINUTE);
}

/* 30 names under one domain count once; each account adds to the same bucket; the refusal names the domain. */
static void fifty_under_one_domain(void **state)
{
    struct lib_limits *t = *state;
    char names[1024] = "";
    size_t len = 0;

    for (int i = 0; i < 30; i++)
        len += (size_t)snprintf(names + len, sizeof names - len, "%sw%d.example.com", i ? "," : "", i);
    lib_limits_issue(t, 1, names);
    for (int i = 1; i < 50; i++) {
        const char *name = fc_arena_printf(t->arena, "n%d.example.com", i);
        assert_int_equal(lib_limits_order(t, 1 + i, name), 0);
        lib_limits_issue(t, 1 + i, name);
    }
    assert_int_equal(lib_limits_order(t, 99, "new.example.com,a.example.org"), 1);
    lib_limits_assert_denied(t, FC_LIMIT_DOMAIN, 3 * FC_HOUR + 21 * FC_MINUTE + 36 * FC_SECOND);
    assert_string_equal(t->denial.key, "5:example.com");
    assert_string_equal(t->denial.detail,
                        "too many certificates (50) already issued for \"example.com\" in the last 168h0m0s, retry "
                        "after 2026-11-24 08:21:36 UTC: " DOCS "new-certificates-per-registered-domain");
    /* trap 7: the same set again is a renewal, also for another account, for 120 days */
    assert_int_equal(lib_limits_order(t, 99, "n7.example.com"), 0);
    lib_limits_issue(t, 99, "n7.example.com");
    assert_int_equal(lib_limits_order(t, 99, "new.example.com"), 1);
    lib_limits_assert_denied(t, FC_LIMIT_DOMAIN, 3 * FC_HOUR + 21 * FC_MINUTE + 36 * FC_SECOND);
}

/* ---- A.4 ---- */

static void a_renewal_spends_no_order(void **state)
{
    struct lib_limits *t = *state;
    struct fc_limits_order order = {0};
    struct fc_err err = {0};
    struct fc_limits_call call;

    lib_limits_issue(t, 1, "a.test");
    for (int i = 0; i < 400; i++)
        assert_int_equal(lib_limits_order(t, 7, "a.test"), 0);
    order.idents = lib_limits_idents(t, "a.test", &order.count);
    t->now += 120 * FC_DAY - 1;
    call = lib_limits_call(t, 7);
    assert_int_equal(fc_limits_order(&call, &order, &t->denial, &err), 0);
    assert_true(order.renewal);
    t->now += 1;
    call = lib_limits_call(t, 7);
    assert_int_equal(fc_limits_order(&call, &order, &t->denial, &err), 0);
    assert_false(order.renewal);
}

/* Traps 2 and 3: nothing is asked, but the set is spent. */
static void ari_passes_everything_and_spends_the_set(void **state)
{
    struct lib_limits *t = *state;

    for (int i = 0; i < 5; i++)
        lib_limits_issue(t, 1, "a.test");
    for (int i = 0; i < 5; i++)
        lib_limits_fail(t, 1, "a.test");
    assert_int_equal(lib_limits_order(t, 1, "a.test"), 1);
    assert_int_equal(lib_limits_order_ari(t, 1, "a.test"), 0);
    t->now += 33 * FC_HOUR + 36 * FC_MINUTE;
    assert_int_equal(lib_limits_order_ari(t, 1, "a.test"), 0);
    lib_limits_issue(t, 1, "a.test");
    assert_int_equal(lib_limits_order(t, 1, "a.test"), 1);
    lib_limits_assert_denied(t, FC_LIMIT_SET, 33 * FC_HOUR + 36 * FC_MINUTE);
}

/* ---- one batch ---- */

/* Denied beats allowed, the longer wait is told, and nothing is spent. */
static void the_strictest_answers_and_nothing_is_spent(void **state)
{
    struct lib_limits *t = *state;
    struct fc_limits_bucket bucket;
    bool found;

    for (int i = 0; i < 5; i++) {
        lib_limits_fail(t, 7, "a.test");
        lib_limits_issue(t, 1, "a.test,b.test");
    }
    assert_int_equal(lib_limits_order(t, 7, "a.test,b.test"), 1);
    lib_limits_assert_denied(t, FC_LIMIT_SET, 33 * FC_HOUR + 36 * FC_MINUTE);
    assert_int_equal(lib_limits_order(t, 7, "a.test,c.test"), 1);
    lib_limits_assert_denied(t, FC_LIMIT_FAILURES, 12 * FC_MINUTE);
    assert_int_equal(t->storage.get(t->storage.cookie, "3:7", &bucket, &found, NULL), 0);
    assert_false(found);
}

static void asking_dry_spends_nothing(void **state)
{
    struct lib_limits *t = *state;
    const struct fc_limits_call call = lib_limits_call(t, 7);
    struct fc_limits_order order = {.dry = true};
    struct fc_err err = {0};

    order.idents = lib_limits_idents(t, "a.test", &order.count);
    for (int i = 0; i < 400; i++) {
        assert_int_equal(fc_limits_order(&call, &order, &t->denial, &err), 0);
        assert_int_equal(fc_limits_registration(&call, "192.0.2.7", true, &t->denial, &err), 0);
    }
    assert_int_equal(fc_limits_memory_count(t->memory), 0);
}

static void what_failed_is_given_back(void **state)
{
    struct lib_limits *t = *state;
    const struct fc_limits_call call = lib_limits_call(t, 7);
    struct fc_limits_order order = {0};
    struct fc_err err = {0};

    order.idents = lib_limits_idents(t, "a.test", &order.count);
    for (int i = 0; i < 400; i++) {
        assert_int_equal(fc_limits_order(&call, &order, &t->denial, &err), 0);
        assert_int_equal(fc_limits_refund_order(&call, &order, &err), 0);
        assert_int_equal(lib_limits_register(t, "2001:db8::1"), 0);
        assert_int_equal(fc_limits_refund_registration(&call, "2001:db8::1", &err), 0);
    }
    order.renewal = true; /* spent nothing */
    assert_int_equal(fc_limits_refund_order(&call, &order, &err), 0);
    assert_int_equal(fc_limits_refund_registration(&call, "198.51.100.1", &err), 0);
}

/* ---- A.8: pausing ---- */

static void small_pausing(json_t *policy)
{
    json_t *rule =
        json_object_get(json_object_get(policy, "limits"), "FailedAuthorizationsForPausingPerDomainPerAccount");
    json_object_set_new(rule, "burst", json_integer(3));
}

static void pausing_comes_after_its_burst(void **state)
{
    struct lib_limits *t = *state;
    struct fc_err err = {0};

    lib_limits_change(t, "staging", small_pausing, NULL);
    for (int i = 0; i < 3; i++)
        assert_false(lib_limits_fail(t, 7, "a.test"));
    assert_true(lib_limits_fail(t, 7, "a.test"));
    assert_false(lib_limits_fail(t, 7, "b.test"));
    assert_false(lib_limits_fail(t, 8, "a.test"));
    /* a success begins anew */
    const struct fc_limits_call call = lib_limits_call(t, 7);
    assert_int_equal(fc_limits_validated(&call, "a.test", &err), 0);
    for (int i = 0; i < 3; i++)
        assert_false(lib_limits_fail(t, 7, "a.test"));
    assert_true(lib_limits_fail(t, 7, "a.test"));
}

/* With n failures a day the pause comes after 1152/(n-1) days; with one a day never (A.1). */
static int64_t days_until_pause(struct lib_limits *t, int n, int64_t max_days)
{
    for (int64_t day = 0; day < max_days; day++) {
        for (int i = 0; i < n; i++) {
            if (lib_limits_fail(t, 7, "a.test"))
                return day;
            t->now += FC_DAY / n;
        }
    }
    return -1;
}

static void pausing_as_the_documentation_counts(void **state)
{
    static const struct {
        int n;
        int64_t days;
    } rows[] = {{10, 128}, {40, 30}, {120, 10}};
    struct lib_limits *t = *state;
    struct fc_err err = {0};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct fc_limits_call call = lib_limits_call(t, 7);
        assert_int_equal(fc_limits_validated(&call, "a.test", &err), 0);
        assert_in_range(days_until_pause(t, rows[i].n, 200), rows[i].days - 2, rows[i].days + 2);
    }
    const struct fc_limits_call call = lib_limits_call(t, 7);
    assert_int_equal(fc_limits_validated(&call, "a.test", &err), 0);
    assert_int_equal(days_until_pause(t, 1, 1500), -1);
}

/* ---- A.6: overrides ---- */

static void give_overrides(json_t *policy)
{
    json_t *overrides = json_object_get(json_object_get(policy, "limits"), "overrides");
    static const struct {
        const char *limit, *key;
        int count;
    } rows[] = {{"NewOrdersPerAccount", "17", 1000},
                {"CertificatesPerDomain", "big.test", 60},
                {"CertificatesPerDomainPerAccount", "17", 2},
                {"FailedAuthorizationsPerDomainPerAccount", "17", 9},
                {"NewRegistrationsPerIPAddress", "127.0.0.1", 1000}};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        json_array_append_new(overrides, json_pack("{s:s,s:s,s:i,s:s,s:i,s:s}", "limit", rows[i].limit, "key",
                                                   rows[i].key, "count", rows[i].count, "period", "7d", "burst",
                                                   rows[i].count, "source", "a test"));
}

static void overrides_replace_the_rule(void **state)
{
    struct lib_limits *t = *state;

    lib_limits_change(t, "production", give_overrides, NULL);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(lib_limits_register(t, "127.0.0.1"), 0);
    assert_int_equal(lib_limits_register(t, "127.0.0.1"), 1);
    assert_non_null(strstr(t->denial.detail, "(1000) from this IP address in the last 168h0m0s"));
    for (int i = 0; i < 60; i++)
        lib_limits_issue(t, 1, fc_arena_printf(t->arena, "n%d.big.test", i));
    assert_int_equal(lib_limits_order(t, 1, "x.big.test"), 1);
    assert_non_null(strstr(t->denial.detail, "(60) already issued for \"big.test\""));
    /* an account with its own limit per domain is asked for that one, and everybody's is spent too */
    assert_int_equal(lib_limits_order(t, 17, "x.big.test"), 0);
    lib_limits_issue(t, 17, "x.other.test");
    lib_limits_issue(t, 17, "y.other.test");
    assert_int_equal(lib_limits_order(t, 17, "z.other.test"), 1);
    assert_int_equal(t->denial.limit, FC_LIMIT_DOMAIN_ACCOUNT);
    assert_string_equal(t->denial.key, "6:17:other.test");
    assert_int_equal(lib_limits_order(t, 17, "z.third.test"), 0);
    for (int i = 2; i < 50; i++)
        lib_limits_issue(t, 1, fc_arena_printf(t->arena, "n%d.other.test", i));
    assert_int_equal(lib_limits_order(t, 1, "z.other.test"), 1);
    assert_int_equal(t->denial.limit, FC_LIMIT_DOMAIN);
    for (int i = 0; i < 9; i++) {
        lib_limits_fail(t, 17, "q.test");
        lib_limits_fail(t, 17, "p.test");
    }
    assert_int_equal(lib_limits_order(t, 17, "q.test"), 1);
    assert_non_null(strstr(t->denial.detail, "too many failed authorizations (9) for \"q.test\""));
}

/* ---- --limits ---- */

static void settings(void **state)
{
    static const struct {
        const char *text;
        enum fc_limits_mode mode;
        int64_t milli;
    } good[] = {{"letsencrypt", FC_LIMITS_LETSENCRYPT, 1000},
                {"staging", FC_LIMITS_STAGING, 1000},
                {"off", FC_LIMITS_OFF, 1000},
                {"10", FC_LIMITS_FACTOR, 10000},
                {"0.5", FC_LIMITS_FACTOR, 500},
                {"1000000", FC_LIMITS_FACTOR, 1000000000},
                {"0.001", FC_LIMITS_FACTOR, 1}};
    static const char *const bad[] = {"",   "on",      "0",           "-1",   "1e3", "0.0001",
                                      "1.", "1000001", "1000000.001", "1.5x", "٣"};
    struct fc_limits_setting setting;
    (void)state;

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(fc_limits_setting_parse(good[i].text, &setting, NULL), 0);
        assert_int_equal(setting.mode, good[i].mode);
        assert_int_equal(setting.milli, good[i].milli);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct fc_err err = {0};
        assert_int_equal(fc_limits_setting_parse(bad[i], &setting, &err), -1);
        assert_int_equal(err.code, FC_E_USAGE);
        assert_non_null(strstr(err.text, "is neither letsencrypt, staging, off, nor a factor"));
    }
}

static int orders_until_denied(struct lib_limits *t, int max)
{
    for (int i = 0; i < max; i++)
        if (lib_limits_order(t, 7, fc_arena_printf(t->arena, "n%d.test", i)))
            return i;
    return max;
}

static void each_setting_counts_differently(void **state)
{
    static const struct {
        const char *env, *setting;
        int orders;
    } rows[] = {{"production", "letsencrypt", 300},
                {"production", "staging", 1500},
                {"production", "off", 2000},
                {"production", "2", 600},
                {"production", "0.5", 150},
                {"production", "0.001", 1},
                {"staging", NULL, 1500},
                {"staging", "letsencrypt", 1500},
                {"rfc8555", NULL, 2000},
                {"pebble", NULL, 2000},
                {"pebble", "letsencrypt", 300}};
    struct lib_limits *t = *state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        t->now += 30 * FC_DAY;
        lib_limits_change(t, rows[i].env, NULL, rows[i].setting);
        assert_int_equal(orders_until_denied(t, 2000), rows[i].orders);
    }
}

/* ---- time ---- */

static void the_rule_is_that_of_its_day(void **state)
{
    struct lib_limits *t = *state;
    struct fc_limits_rule rule;

    /* F.1: pausing 3600 -> 1152 on 2025-07-10 */
    assert_int_equal(fc_time_parse("2025-07-09T23:59:59Z", &t->now, NULL), 0);
    assert_true(fc_limits_rule(t->limits, "8:1:a.test", t->now, &rule, NULL));
    assert_int_equal(rule.burst, 3600);
    assert_true(fc_limits_rule(t->limits, "8:1:a.test", t->now + FC_SECOND, &rule, NULL));
    assert_int_equal(rule.burst, 1152);
    assert_int_equal(rule.interval, 24 * FC_HOUR);
    assert_false(fc_limits_rule(t->limits, "6:1:a.test", t->now, &rule, NULL));
}

static void a_skip_frees_and_going_back_does_not(void **state)
{
    struct lib_limits *t = *state;

    for (int i = 0; i < 5; i++)
        lib_limits_issue(t, 1, "a.test");
    assert_int_equal(lib_limits_order(t, 1, "a.test"), 1);
    t->now += 34 * FC_HOUR;
    assert_int_equal(lib_limits_order(t, 1, "a.test"), 0);
    t->now -= 34 * FC_HOUR;
    assert_int_equal(lib_limits_order(t, 1, "a.test"), 1);
    t->now -= 60 * FC_DAY; /* further back than the bucket reaches: it counts as empty */
    assert_int_equal(lib_limits_order(t, 1, "a.test"), 0);
}

static void jitter_of_up_to_three_percent(void **state)
{
    struct lib_limits *t = *state;
    struct fc_limits_setting own = {0};
    struct fc_err err = {0};
    bool differs = false;
    int64_t first = 0;

    fc_limits_free(FC_TAKE(t->limits));
    fc_policy_free(FC_TAKE(t->policy));
    assert_int_equal(fc_policy_builtin("production", &t->policy, &err), 0);
    assert_int_equal(fc_limits_new(t->policy, &own, &t->limits, &err), 0);
    for (int i = 0; i < 5; i++)
        lib_limits_issue(t, 1, "a.test");
    for (int i = 0; i < 100; i++) {
        assert_int_equal(lib_limits_order(t, 1, "a.test"), 1);
        int64_t wait = t->denial.retry_at - t->now, retry_in = t->denial.decision.retry_in;
        assert_int_equal(retry_in, 33 * FC_HOUR + 36 * FC_MINUTE);
        assert_true(wait >= retry_in && wait < retry_in + retry_in / 100 * 3 + FC_SECOND);
        assert_int_equal(t->denial.retry_after_s, (wait + FC_SECOND / 2) / FC_SECOND);
        differs = differs || (first && first != wait);
        first = wait;
    }
    assert_true(differs);
    assert_int_equal(fc_limits_retry_at(t->limits, t->now), 0);
    fc_limits_told(t->limits, t->denial.retry_at);
    assert_int_equal(fc_limits_retry_at(t->limits, t->now), t->denial.retry_at);
    assert_int_equal(fc_limits_retry_at(t->limits, t->denial.retry_at), 0);
}

/* ---- looking ---- */

static void views_and_filling(void **state)
{
    struct lib_limits *t = *state;
    const struct fc_limits_call call = lib_limits_call(t, 7);
    struct fc_limits_bucket bucket;
    struct fc_limits_view view;
    struct fc_err err = {0};
    bool found;

    assert_int_equal(fc_limits_fill(&call, "5:a.test", 1, &err), 0);
    assert_int_equal(lib_limits_order(t, 7, "x.a.test"), 0);
    lib_limits_issue(t, 7, "x.a.test");
    assert_int_equal(lib_limits_order(t, 7, "y.a.test"), 1);
    lib_limits_assert_denied(t, FC_LIMIT_DOMAIN, 3 * FC_HOUR + 21 * FC_MINUTE + 36 * FC_SECOND);
    assert_int_equal(t->storage.get(t->storage.cookie, "5:a.test", &bucket, &found, NULL), 0);
    assert_true(fc_limits_view(t->limits, "5:a.test", &bucket, t->now, &view));
    assert_int_equal(view.used, 50);
    assert_int_equal(view.remaining, 0);
    assert_int_equal(view.free_at, t->now + t->denial.decision.retry_in);
    assert_int_equal(view.full_at, t->now + 7 * FC_DAY);
    assert_true(fc_limits_view(t->limits, "5:a.test", &bucket, view.free_at, &view));
    assert_int_equal(view.used, 49);
    assert_int_equal(view.remaining, 1);
    assert_true(fc_limits_view(t->limits, "5:a.test", &bucket, bucket.tat, &view));
    assert_int_equal(view.used, 0);
    assert_true(fc_limits_view(t->limits, "5:a.test", &bucket, t->now - 1, &view));
    assert_true(view.ahead);
    assert_int_equal(view.used, 0);
    assert_false(fc_limits_view(t->limits, "6:1:a.test", &bucket, t->now, &view));
    assert_int_equal(fc_limits_fill(&call, "5:a.test", 51, &err), -1);
    assert_int_equal(err.code, FC_E_RANGE);
    fc_err_clear(&err);
    assert_int_equal(fc_limits_fill(&call, "6:1:a.test", 1, &err), -1);
    assert_int_equal(err.code, FC_E_NOT_FOUND);
}

static void keys_for_people(void **state)
{
    struct lib_limits *t = *state;
    struct fc_limits_about about = {.account_id = 7, .address = "2001:db8::1"};
    static const struct {
        enum fc_limit limit;
        const char *key;
    } rows[] = {{FC_LIMIT_REGISTRATIONS_IP, "1:2001:db8::1"},
                {FC_LIMIT_REGISTRATIONS_RANGE, "2:2001:db8::/48"},
                {FC_LIMIT_ORDERS, "3:7"},
                {FC_LIMIT_FAILURES, "4:7:www.example.com"},
                {FC_LIMIT_DOMAIN, "5:example.com"},
                {FC_LIMIT_DOMAIN_ACCOUNT, "6:7:example.com"},
                {FC_LIMIT_PAUSING, "8:7:www.example.com"}};
    const struct fc_limits_about nothing = {0};

    about.idents = lib_limits_idents(t, "www.example.com", &about.count);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fc_err err = {0};
        assert_string_equal(fc_limits_key(t->arena, rows[i].limit, &about, &err), rows[i].key);
        assert_null(fc_limits_key(t->arena, rows[i].limit, &nothing, &err));
        assert_int_equal(err.code, FC_E_USAGE);
        assert_non_null(strstr(err.text, "needs '"));
    }
    struct fc_err err = {0};
    about.idents = lib_limits_idents(t, "a.test,b.test", &about.count);
    assert_null(fc_limits_key(t->arena, FC_LIMIT_DOMAIN, &about, &err));
    assert_non_null(strstr(err.text, "is kept for one name"));
    about.address = "192.0.2.7";
    fc_err_clear(&err);
    assert_null(fc_limits_key(t->arena, FC_LIMIT_REGISTRATIONS_RANGE, &about, &err));
    assert_non_null(strstr(err.text, "is no IPv6 address"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIB_LIMITS_TEST(registered_domains),
        LIB_LIMITS_TEST(keys),
        LIB_LIMITS_TEST(eleventh_registration),
        LIB_LIMITS_TEST(registrations_of_a_range),
        LIB_LIMITS_TEST(three_hundred_and_first_order),
        LIB_LIMITS_TEST(five_failures),
        LIB_LIMITS_TEST(the_exact_set),
        LIB_LIMITS_TEST(fifty_under_one_domain),
        LIB_LIMITS_TEST(a_renewal_spends_no_order),
        LIB_LIMITS_TEST(ari_passes_everything_and_spends_the_set),
        LIB_LIMITS_TEST(the_strictest_answers_and_nothing_is_spent),
        LIB_LIMITS_TEST(asking_dry_spends_nothing),
        LIB_LIMITS_TEST(what_failed_is_given_back),
        LIB_LIMITS_TEST(pausing_comes_after_its_burst),
        LIB_LIMITS_TEST(pausing_as_the_documentation_counts),
        LIB_LIMITS_TEST(overrides_replace_the_rule),
        LIB_LIMITS_TEST(settings),
        LIB_LIMITS_TEST(each_setting_counts_differently),
        LIB_LIMITS_TEST(the_rule_is_that_of_its_day),
        LIB_LIMITS_TEST(a_skip_frees_and_going_back_does_not),
        LIB_LIMITS_TEST(jitter_of_up_to_three_percent),
        LIB_LIMITS_TEST(views_and_filling),
        LIB_LIMITS_TEST(keys_for_people),
    };
    RUN(tests);
}
