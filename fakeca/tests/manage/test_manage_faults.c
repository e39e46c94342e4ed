/* Trouble on request over the API. */
#include <string.h>

#include "faults/faults.h"

#include "cmocka_all.h"
#include "lib_manage.h"

#define FAULTS "/api/v1/faults"

static size_t listed(struct lib_manage *t)
{
    return json_array_size(json_object_get(lib_manage_ok(t, "GET", FAULTS, NULL), "faults"));
}

static void added_listed_cleared(void **state)
{
    struct lib_manage *t = *state;
    json_t *rule = lib_manage_ok(t, "POST", FAULTS, "{\"kind\":\"rate-limited\",\"retry_after\":\"1h\",\"times\":3}");

    assert_string_equal(lib_manage_str(rule, "kind"), "rate-limited");
    assert_string_equal(lib_manage_str(rule, "state"), "active");
    assert_string_equal(lib_manage_str(rule, "retry_after"), "1h");
    lib_manage_ok(t, "POST", FAULTS, "{\"kind\":\"refuse\"}");
    assert_int_equal(listed(t), 2);
    const char *path = fc_arena_printf(t->arena, FAULTS "/%lld", (long long)lib_manage_int(rule, "id"));
    assert_int_equal(lib_manage_int(lib_manage_ok(t, "DELETE", path, NULL), "removed"), 1);
    lib_manage_refused(t, "DELETE", path, NULL, 404, "not_found", "no such fault");
    lib_manage_refused(t, "DELETE", FAULTS "/x", NULL, 404, "not_found", "no such fault");
    assert_int_equal(lib_manage_int(lib_manage_ok(t, "DELETE", FAULTS, NULL), "removed"), 1);
    assert_int_equal(listed(t), 0);
    json_t *events = lib_manage_ok(t, "GET", "/api/v1/events?types=fault.changed", NULL);
    assert_int_equal(json_array_size(json_object_get(events, "events")), 4);
}

static size_t dns_rules(struct lib_manage *t, const char *says)
{
    json_t *answer = lib_manage_ok(t, "GET", "/api/v1/dns", NULL);
    fc_auto_free char *text = fc_json_text(json_object_get(answer, "rules"));

    if (says)
        assert_non_null(strstr(text, says));
    return json_array_size(json_object_get(answer, "rules"));
}

/* Those that the mock DNS does come and go with their rule. */
static void dns(void **state)
{
    struct lib_manage *t = *state;

    lib_manage_ok(t, "POST", FAULTS, "{\"kind\":\"dns-servfail\",\"name\":\"a.test\"}");
    assert_int_equal(dns_rules(t, "SERVFAIL"), 1);
    lib_manage_ok(t, "POST", FAULTS, "{\"kind\":\"dns-nxdomain\",\"name\":\"b.test\"}");
    assert_int_equal(dns_rules(t, "NXDOMAIN"), 2);
    lib_manage_ok(t, "POST", FAULTS, "{\"kind\":\"dns-delay\",\"name\":\"c.test\",\"delay\":\"2s\"}");
    assert_int_equal(dns_rules(t, "\"delay\":\"2s\""), 3);
    lib_manage_ok(t, "DELETE", FAULTS, NULL);
    assert_int_equal(dns_rules(t, NULL), 0);
    lib_manage_refused(t, "POST", FAULTS, "{\"kind\":\"dns-servfail\",\"name\":\"a..test\"}", 400, "usage", "name");
    assert_int_equal(listed(t), 0);
}

static void rotation(void **state)
{
    struct lib_manage *t = *state;
    int64_t account = lib_manage_account(t, "production", "T1");

    lib_manage_ok(t, "POST", FAULTS, "{\"kind\":\"rotate-issuer\",\"environment\":\"production\"}");
    const char *first = lib_manage_certificate(t, "production", account, "a.test");
    lib_manage_ok(t, "POST", FAULTS, "{\"kind\":\"rotate-issuer\"}");
    const char *second = lib_manage_certificate(t, "production", account, "b.test");
    json_t *one = lib_manage_ok(t, "GET", fc_arena_printf(t->arena, "/api/v1/certificates/%s", first), NULL);
    json_t *two = lib_manage_ok(t, "GET", fc_arena_printf(t->arena, "/api/v1/certificates/%s", second), NULL);
    assert_string_not_equal(lib_manage_str(one, "issuer"), lib_manage_str(two, "issuer"));
}

static void mistakes(void **state)
{
    struct lib_manage *t = *state;

    lib_manage_refused(t, "POST", FAULTS, "{\"kind\":\"cuts\"}", 400, "usage", "cut");
    lib_manage_refused(t, "POST", FAULTS, "{\"kind\":\"cut\",\"environment\":\"moon\"}", 400, "usage",
                       "'moon' is not served");
    lib_manage_refused(t, "POST", FAULTS, "{\"kind\":\"problem\",\"type\":\"tooBad\"}", 400, "usage",
                       "'tooBad' is no type of ACME problems");
    lib_manage_refused(t, "POST", FAULTS, "{\"kind\":\"slow\"}", 400, "usage", "delay: is needed");
    assert_int_equal(listed(t), 0);
    json_t *kinds = lib_manage_ok(t, "GET", FAULTS "/kinds", NULL);
    assert_int_equal(json_array_size(json_object_get(kinds, "kinds")), FC_FAULT__MAX);
    assert_int_equal(json_array_size(json_object_get(kinds, "endpoints")), FC_FAULT_AT__MAX - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {LIB_MANAGE_TEST(added_listed_cleared), LIB_MANAGE_TEST(dns),
                                       LIB_MANAGE_TEST(rotation), LIB_MANAGE_TEST(mistakes)};
    RUN(tests);
}
