/* Rate limits and policy over the API. */
#include <string.h>

#include "base/base_clock.h"
#include "base/base_text.h"
#include "events/events.h"
#include "limits/limits.h"
#include "policy/policy.h"

#include "cmocka_all.h"
#include "lib_manage.h"

#define WOULD "/api/v1/limits/would"
#define FILL "/api/v1/limits/fill"
#define RESET "/api/v1/limits/reset"

static const json_t *first_bucket(struct lib_manage *t, const char *target, size_t count)
{
    const json_t *buckets = lib_manage_at(lib_manage_ok(t, "GET", target, NULL), "buckets");

    assert_int_equal(json_array_size(buckets), count);
    return json_array_get(buckets, 0);
}

static void filled_and_looked_at(void **state)
{
    struct lib_manage *t = *state;

    (void)first_bucket(t, "/api/v1/limits", 0);
    json_t *bucket =
        lib_manage_ok(t, "POST", FILL, "{\"limit\":\"CertificatesPerDomain\",\"names\":[\"WWW.a.test\"],\"leave\":1}");
    assert_string_equal(lib_manage_str(bucket, "key"), "a.test");
    assert_int_equal(lib_manage_int(bucket, "used"), 49);
    assert_int_equal(lib_manage_int(bucket, "remaining"), 1);
    assert_int_equal(lib_manage_int(bucket, "allowed"), 50);
    assert_string_equal(lib_manage_str(bucket, "period"), "7d");
    assert_string_equal(lib_manage_str(bucket, "next_free"), LIB_NOW);
    lib_manage_ok(t, "POST", FILL, "{\"limit\":\"NewOrdersPerAccount\",\"account\":7}");
    const json_t *row = first_bucket(t, "/api/v1/limits?name=NewOrdersPerAccount", 1);
    assert_string_equal(lib_manage_str(row, "limit"), "NewOrdersPerAccount");
    assert_string_equal(lib_manage_str(row, "key"), "7");
    assert_string_equal(lib_manage_str(row, "next_free"), "2026-09-01T12:00:36Z");
    assert_true(json_is_null(json_object_get(row, "next_free_real"))); /* the clock stands still */
    assert_string_equal(lib_manage_str(row, "empty_at"), "2026-09-01T15:00:00Z");
    (void)first_bucket(t, "/api/v1/limits", 2);
    (void)first_bucket(t, "/api/v1/limits?environment=staging", 0);
    assert_string_equal(lib_manage_str(lib_manage_ok(t, "GET", "/api/v1/limits?limit=1", NULL), "next"), "3:7");
    assert_string_equal(lib_manage_str(first_bucket(t, "/api/v1/limits?limit=1&after=3%3A7", 1), "key"), "a.test");
}

static void real_times_while_the_clock_runs(void **state)
{
    struct lib_manage *t = *state;

    assert_int_equal(fc_clock_follow(t->clock, NULL), 0);
    json_t *bucket = lib_manage_ok(t, "POST", FILL, "{\"limit\":\"NewOrdersPerAccount\",\"account\":7}");
    assert_true(json_is_string(json_object_get(bucket, "next_free_real")));
}

static void would_it_pass(void **state)
{
    struct lib_manage *t = *state;
    const char *ask = "{\"names\":[\"b.test\",\"a.test\"],\"account\":7}";
    json_t *answer = lib_manage_ok(t, "POST", WOULD, ask);

    assert_true(json_is_true(json_object_get(answer, "passes")));
    assert_string_equal(lib_manage_str(answer, "exempt"), "none");
    /* the account, two names, two domains, the set */
    assert_int_equal(json_array_size(lib_manage_at(answer, "checks")), 6);
    lib_manage_ok(t, "POST", FILL, "{\"limit\":\"CertificatesPerFQDNSet\",\"names\":[\"a.test\",\"b.test\"]}");
    answer = lib_manage_ok(t, "POST", WOULD, ask);
    assert_true(json_is_false(json_object_get(answer, "passes")));
    assert_string_equal(lib_manage_str(answer, "denied_by"), "CertificatesPerFQDNSet");
    assert_true(fc_text_starts(lib_manage_str(answer, "detail"), "too many certificates (5) already issued for this"));
    assert_string_equal(lib_manage_str(answer, "retry_at"), "2026-09-02T21:36:00Z");
    assert_true(json_is_null(json_object_get(answer, "retry_at_real")));
    answer = lib_manage_ok(t, "POST", WOULD,
                           "{\"names\":[\"a.test\",\"b.test\"],\"account\":7,\"replaces_in_window\":true}");
    assert_true(json_is_true(json_object_get(answer, "passes")));
    assert_string_equal(lib_manage_str(answer, "exempt"), "ari");
    answer = lib_manage_ok(t, "POST", WOULD,
                           "{\"names\":[\"a.test\",\"b.test\"],\"account\":7,\"environment\":\"staging\"}");
    assert_true(json_is_true(json_object_get(answer, "passes")));
    /* nothing was spent by asking */
    (void)first_bucket(t, "/api/v1/limits", 1);
    int64_t account = lib_manage_account(t, "production", "one");
    lib_manage_certificate(t, "production", account, "c.test");
    answer = lib_manage_ok(t, "POST", WOULD, "{\"names\":[\"c.test\"],\"account\":7}");
    assert_string_equal(lib_manage_str(answer, "exempt"), "renewal");
}

static void emptied(void **state)
{
    struct lib_manage *t = *state;

    lib_manage_ok(t, "POST", FILL, "{\"limit\":\"NewOrdersPerAccount\",\"account\":7}");
    lib_manage_ok(t, "POST", FILL, "{\"limit\":\"NewOrdersPerAccount\",\"account\":8}");
    lib_manage_ok(t, "POST", FILL, "{\"limit\":\"NewOrdersPerAccount\",\"account\":8,\"environment\":\"staging\"}");
    assert_int_equal(
        lib_manage_int(lib_manage_ok(t, "POST", RESET, "{\"limit\":\"NewOrdersPerAccount\",\"account\":7}"), "removed"),
        1);
    assert_int_equal(lib_manage_int(lib_manage_ok(t, "POST", RESET, "{\"environment\":\"staging\"}"), "removed"), 1);
    assert_int_equal(lib_manage_int(lib_manage_ok(t, "POST", RESET, NULL), "removed"), 1);
    assert_int_equal(lib_manage_int(lib_manage_ok(t, "POST", RESET, "{}"), "removed"), 0);
}

static void refused(void **state)
{
    static const struct {
        const char *target, *body;
        int status;
        const char *code, *says;
    } rows[] = {
        {FILL, "{}", 400, "usage", "'limit' is missing"},
        {FILL, "{\"limit\":\"NewOrderPerAccount\"}", 400, "usage", "did you mean 'NewOrdersPerAccount'?"},
        {FILL, "{\"limit\":\"x\"}", 400, "usage", "there is no limit 'x' (such as"},
        {FILL, "{\"limit\":\"NewOrdersPerAccount\"}", 400, "usage", "'NewOrdersPerAccount' needs 'account'"},
        {FILL, "{\"limit\":\"CertificatesPerDomain\"}", 400, "usage", "needs 'names'"},
        {FILL, "{\"limit\":\"NewRegistrationsPerIPAddress\",\"address\":\"a.test\"}", 400, "usage",
         "'a.test' is no IP address"},
        {FILL, "{\"limit\":\"NewOrdersPerAccount\",\"account\":1,\"leave\":301}", 400, "range",
         "301 is not between 0 and 300"},
        {FILL, "{\"limit\":\"CertificatesPerDomainPerAccount\",\"account\":1,\"names\":[\"a.test\"]}", 404, "not_found",
         "not configured"},
        {WOULD, "{\"account\":1}", 400, "usage", "names: must name at least one"},
        {WOULD, "{\"names\":[\"a.test\"]}", 400, "usage", "whose order would it be?"},
        {WOULD, "{\"names\":[\"a.test\",\"a_b.test\"],\"account\":1}", 400, "usage",
         "names: no order can name 'a_b.test': Domain name contains an invalid character"},
        {WOULD, "{\"names\":[\"x.invalid\"],\"account\":1}", 400, "usage", "no order can name 'x.invalid'"},
        {WOULD, "{\"names\":[\"192.0.2.1\"],\"account\":1}", 400, "usage",
         "no order can name '192.0.2.1': IP address is in a reserved address block"},
        {WOULD, "{\"names\":[\"a.test\"],\"account\":1,\"environment\":\"prod\"}", 400, "usage",
         "unknown environment 'prod'"},
        {WOULD, "{\"name\":[\"a.test\"],\"account\":1}", 400, "usage", "did you mean 'names'?"},
        {RESET, "{\"account\":1}", 400, "usage", "of which limit?"},
    };
    struct lib_manage *t = *state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        lib_manage_refused(t, "POST", rows[i].target, rows[i].body, rows[i].status, rows[i].code, rows[i].says);
    lib_manage_refused(t, "GET", "/api/v1/limits?name=x", NULL, 400, "usage", "there is no limit 'x'");
    lib_manage_refused(t, "GET", "/api/v1/policy?at=soon", NULL, 400, "usage", "query parameter 'at'");
    lib_manage_refused(t, "GET", "/api/v1/policy?environment=x", NULL, 400, "usage", "unknown environment 'x'");
    lib_manage_refused(t, "GET", "/api/v1/policy/difference?from=soon", NULL, 400, "usage", "query parameter 'from'");
}

static void the_clock_goes_to_the_moment_that_was_told(void **state)
{
    struct lib_manage *t = *state;

    lib_manage_refused(t, "POST", "/api/v1/clock/advance", "{\"to\":\"retry-after\"}", 409, "busy",
                       "no client was told to wait, and no bucket of a rate limit is full");
    /* nobody was told: the first bucket that has room again */
    lib_manage_ok(t, "POST", FILL, "{\"limit\":\"CertificatesPerFQDNSet\",\"names\":[\"a.test\"]}");
    lib_manage_ok(t, "POST", FILL, "{\"limit\":\"NewOrdersPerAccount\",\"account\":7,\"environment\":\"staging\"}");
    json_t *skip = lib_manage_ok(t, "POST", "/api/v1/clock/advance", "{\"to\":\"retry-after\"}");
    assert_string_equal(lib_manage_str(skip, "after.now"), "2026-09-01T12:00:08Z"); /* 7.2 s, whole seconds */
    fc_limits_told(t->limits[0], lib_manage_time("2026-09-01T13:30:00Z"));
    skip = lib_manage_ok(t, "POST", "/api/v1/clock/advance", "{\"to\":\"retry-after\"}");
    assert_string_equal(lib_manage_str(skip, "after.now"), "2026-09-01T13:30:00Z");
    assert_string_equal(lib_manage_str(skip, "reached"), "what was denied by a rate limit may be tried again");
}

static const char *validity(struct lib_manage *t, const char *target)
{
    const json_t *profiles = lib_manage_at(lib_manage_ok(t, "GET", target, NULL), "policy.profiles");

    return lib_manage_str(json_array_get(profiles, 0), "validity");
}

static void policy_of_a_day(void **state)
{
    struct lib_manage *t = *state;

    assert_string_equal(validity(t, "/api/v1/policy"), "90d");
    assert_string_equal(validity(t, "/api/v1/policy?at=2027-02-11"), "64d");
    assert_string_equal(validity(t, "/api/v1/policy?at=2028-02-16T00:00:00Z"), "45d");
    assert_string_equal(validity(t, "/api/v1/policy?at=2027-01-10&environment=staging"), "64d");
    json_t *answer = lib_manage_ok(t, "GET", "/api/v1/policy/difference?from=2027-02-01&to=2027-03-01", NULL);
    const json_t *value = json_array_get(lib_manage_at(answer, "values"), 0);
    assert_int_equal(json_array_size(lib_manage_at(answer, "values")), 2);
    assert_string_equal(lib_manage_str(value, "path"), "profiles.classic.validity");
    assert_string_equal(lib_manage_str(value, "from"), "90d");
    assert_string_equal(lib_manage_str(value, "to"), "64d");
    const json_t *change = json_array_get(lib_manage_at(answer, "changes"), 0);
    assert_int_equal(json_array_size(lib_manage_at(answer, "changes")), 1);
    assert_string_equal(lib_manage_str(change, "on"), "2027-02-10T00:00:00Z");
    assert_non_null(strstr(lib_manage_str(change, "source"), "post 2025-12-02"));
    /* backwards too */
    answer = lib_manage_ok(t, "GET", "/api/v1/policy/difference?from=2027-03-01&to=2027-02-01", NULL);
    assert_string_equal(lib_manage_str(json_array_get(lib_manage_at(answer, "values"), 0), "to"), "90d");
    assert_int_equal(json_array_size(lib_manage_at(answer, "changes")), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIB_MANAGE_TEST(filled_and_looked_at),
        LIB_MANAGE_TEST(real_times_while_the_clock_runs),
        LIB_MANAGE_TEST(would_it_pass),
        LIB_MANAGE_TEST(emptied),
        LIB_MANAGE_TEST(refused),
        LIB_MANAGE_TEST(the_clock_goes_to_the_moment_that_was_told),
        LIB_MANAGE_TEST(policy_of_a_day),
    };
    RUN(tests);
}
