/* One validation as people read it: hops from the log, cause and remedy from the problem. */
#include <stdio.h>
#include <string.h>

#include "base/base_time.h"
#include "events/events.h"

#include "cmocka_all.h"
#include "lib_manage.h"

/* The hop of an authorization as the ACME server puts it into the log. */
static void note_hop(struct lib_manage *t, int64_t authz_id, const char *url, const char *error)
{
    const struct fc_event_about about = {.env = "production", .account_id = 1, .authz_id = authz_id};
    json_t *data = json_pack("{s:s,s:s,s:i,s:s,s:s,s:s,s:s,s:i,s:s,s:s,s:f}", "identifier", "a.test", "method",
                             "http-01", "hop", 7, "perspective", "primary", "step", "http", "url", url, "host",
                             "a.test", "port", 80, "used", "127.0.0.1", "address", "127.0.0.1:5002", "ms", 1.5);

    if (error)
        json_object_set_new(data, "error", json_string(error));
    fc_events_note(t->events, FC_EVENT_VALIDATION_HOP, t->now, &about, data);
}

static void note_end(struct lib_manage *t, int64_t authz_id)
{
    const struct fc_event_about about = {.env = "production", .account_id = 1, .authz_id = authz_id};

    fc_events_note(t->events, FC_EVENT_VALIDATION_INVALID, t->now, &about, json_pack("{s:f}", "ms", 12.5));
}

static json_t *validation(struct lib_manage *t, const struct fc_authz *authz)
{
    return lib_manage_ok(t, "GET", fc_arena_printf(t->arena, "/api/v1/validations/%lld", (long long)authz->id), NULL);
}

static void a_failure_is_explained(void **state)
{
    struct lib_manage *t = *state;
    struct fc_authz authz = {.stored = FC_STATUS_INVALID,
                             .attempted = "http-01",
                             .validated_at = t->now,
                             .error =
                                 "{\"type\":\"urn:ietf:params:acme:error:connection\",\"detail\":\"127.0.0.1: Fetching "
                                 "http://a.test/x: Connection refused\",\"status\":400}"};
    struct fc_authz other = {.stored = FC_STATUS_PENDING};

    int64_t account = lib_manage_account(t, "production", "one");
    lib_manage_order(t, account, "a.test", &authz);
    lib_manage_order(t, account, "b.test", &other);
    note_hop(t, other.id, "http://b.test/x", NULL);
    note_hop(t, authz.id, "http://a.test/x", "Connection refused");
    note_hop(t, other.id, "http://b.test/y", NULL);
    note_end(t, authz.id);

    json_t *answer = validation(t, &authz);
    assert_int_equal(lib_manage_int(answer, "authorization"), authz.id);
    assert_string_equal(lib_manage_str(answer, "name"), "a.test");
    assert_string_equal(lib_manage_str(answer, "method"), "http-01");
    assert_string_equal(lib_manage_str(answer, "status"), "invalid");
    assert_string_equal(lib_manage_str(answer, "cause"),
                        "nothing listens on the port of 127.0.0.1 to which the validation connects");
    assert_non_null(strstr(lib_manage_str(answer, "remedy"), "--port-map"));
    assert_non_null(strstr(lib_manage_str(answer, "repeat"), "--connect-to 'a.test:80:127.0.0.1:5002'"));
    assert_non_null(strstr(lib_manage_str(answer, "repeat"), "Encrypt validation server"));
    assert_true(json_real_value(lib_manage_at(answer, "ms")) > 12.4);
    const json_t *hops = lib_manage_at(answer, "hops");
    assert_int_equal(json_array_size(hops), 1);
    assert_int_equal(lib_manage_int(json_array_get(hops, 0), "hop"), 1);
    assert_string_equal(lib_manage_str(json_array_get(hops, 0), "text"),
                        "primary: GET http://a.test/x at 127.0.0.1:5002 (127.0.0.1); FAILED: Connection refused");
}

static void what_was_not_tried_has_no_hops(void **state)
{
    struct lib_manage *t = *state;
    struct fc_authz authz = {.stored = FC_STATUS_PENDING, .wildcard = true};

    lib_manage_order(t, lib_manage_account(t, "production", "one"), "a.test", &authz);
    json_t *answer = validation(t, &authz);
    assert_string_equal(lib_manage_str(answer, "status"), "pending");
    assert_string_equal(lib_manage_str(answer, "name"), "*.a.test");
    assert_int_equal(json_array_size(lib_manage_at(answer, "hops")), 0);
    assert_true(json_is_null(lib_manage_at(answer, "method")));
    assert_true(json_is_null(lib_manage_at(answer, "problem")));
    assert_true(json_is_null(lib_manage_at(answer, "repeat")));
    assert_true(json_is_null(lib_manage_at(answer, "ms")));
}

/* More than a page, with a thousand others between them; and not without end. */
static void long_traces(void **state)
{
    struct lib_manage *t = *state;
    struct fc_authz authz = {.stored = FC_STATUS_VALID, .attempted = "http-01", .validated_at = t->now};

    lib_manage_order(t, lib_manage_account(t, "production", "one"), "a.test", &authz);
    for (int i = 0; i < 250; i++) {
        note_hop(t, authz.id, fc_arena_printf(t->arena, "http://a.test/%d", i), NULL);
        for (int j = 0; j < 4; j++)
            note_hop(t, authz.id + 1, "http://b.test/", NULL);
    }
    const json_t *hops = lib_manage_at(validation(t, &authz), "hops");
    assert_int_equal(json_array_size(hops), 250);
    assert_string_equal(lib_manage_str(json_array_get(hops, 249), "url"), "http://a.test/249");
    for (int i = 250; i < 1100; i++)
        note_hop(t, authz.id, "http://a.test/", NULL);
    assert_int_equal(json_array_size(lib_manage_at(validation(t, &authz), "hops")), 1000);
}

static void what_is_not_there(void **state)
{
    struct lib_manage *t = *state;

    lib_manage_refused(t, "GET", "/api/v1/validations/99", NULL, 404, "not_found", "authorization");
    lib_manage_refused(t, "GET", "/api/v1/validations/x", NULL, 404, "not_found", "no such authorization 'x'");
    lib_manage_refused(t, "GET", "/api/v1/validations/0", NULL, 404, "not_found", "no such authorization '0'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIB_MANAGE_TEST(a_failure_is_explained),
        LIB_MANAGE_TEST(what_was_not_tried_has_no_hops),
        LIB_MANAGE_TEST(long_traces),
        LIB_MANAGE_TEST(what_is_not_there),
    };
    RUN(tests);
}
