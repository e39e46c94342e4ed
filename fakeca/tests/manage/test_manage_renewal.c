/* The renewal window of one certificate over the API. */
#include <string.h>

#include "cmocka_all.h"
#include "lib_manage.h"

static const char *path_of(struct lib_manage *t)
{
    int64_t account = lib_manage_account(t, "production", "T1");
    const char *serial = lib_manage_certificate(t, "production", account, "a.test");

    return fc_arena_printf(t->arena, "/api/v1/certificates/%s/renewal", serial);
}

static void moves_and_comes_back(void **state)
{
    struct lib_manage *t = *state;
    const char *path = path_of(t);
    json_t *computed = lib_manage_ok(t, "GET", path, NULL);

    assert_string_equal(lib_manage_str(computed, "why"), "computed");
    assert_string_equal(lib_manage_str(computed, "start"), "2026-10-30T13:45:34Z");
    assert_non_null(strchr(lib_manage_str(computed, "certid"), '.'));
    json_t *now = lib_manage_ok(t, "PUT", path, "{\"explanation_url\":\"https://ca.test/why\",\"retry_after\":\"1m\"}");
    assert_string_equal(lib_manage_str(now, "why"), "moved");
    assert_string_equal(lib_manage_str(now, "start"), "2026-09-01T11:00:00Z");
    assert_string_equal(lib_manage_str(now, "end"), "2026-09-01T11:30:00Z");
    assert_string_equal(lib_manage_str(now, "explanation_url"), "https://ca.test/why");
    assert_int_equal(lib_manage_int(now, "retry_after_s"), 60);
    lib_manage_ok(t, "PUT", path, "{\"start\":\"2026-09-05T00:00:00Z\",\"end\":\"2026-09-06T00:00:00Z\"}");
    json_t *shown = lib_manage_ok(t, "GET", path, NULL);
    assert_string_equal(lib_manage_str(shown, "start"), "2026-09-05T00:00:00Z");
    assert_string_equal(lib_manage_str(shown, "end"), "2026-09-06T00:00:00Z");
    assert_true(json_is_null(lib_manage_at(shown, "explanation_url")));
    json_t *back = lib_manage_ok(t, "DELETE", path, NULL);
    assert_string_equal(lib_manage_str(back, "why"), "computed");
    assert_string_equal(lib_manage_str(back, "start"), "2026-10-30T13:45:34Z");
    lib_manage_ok(t, "DELETE", path, NULL);
    json_t *events = lib_manage_ok(t, "GET", "/api/v1/events?types=certificate.renewal-window", NULL);
    assert_int_equal(json_array_size(json_object_get(events, "events")), 3);
}

static void refusals(void **state)
{
    struct lib_manage *t = *state;
    const char *path = path_of(t);

    lib_manage_refused(t, "PUT", path, "{\"start\":\"2026-09-05T00:00:00Z\"}", 400, "usage", "belong together");
    lib_manage_refused(t, "PUT", path, "{\"start\":\"2026-09-05T00:00:00Z\",\"end\":\"2026-09-05T00:00:00Z\"}", 400,
                       "usage", "later than 'start'");
    lib_manage_refused(t, "PUT", path, "{\"explanation_url\":\"file:///etc\"}", 400, "usage", "must begin with");
    lib_manage_refused(t, "PUT", path, "{\"retry_after\":\"0s\"}", 400, "usage", "retry_after");
    lib_manage_refused(t, "PUT", path, "{\"begin\":1}", 400, "usage", "unknown key 'begin'");
    lib_manage_refused(t, "PUT", "/api/v1/certificates/00ff/renewal", "{}", 404, "not_found", "no such certificate");
    assert_string_equal(lib_manage_str(lib_manage_ok(t, "GET", path, NULL), "why"), "computed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {LIB_MANAGE_TEST(moves_and_comes_back), LIB_MANAGE_TEST(refusals)};
    RUN(tests);
}
