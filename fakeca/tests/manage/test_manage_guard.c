/* Who may ask: Host, Origin, token. */
#include <string.h>

#include "cmocka_all.h"
#include "lib_manage.h"

#define CLOCK "/api/v1/clock"

static int status_of(struct lib_manage *t, const char *path, const char *name, const char *value)
{
    const char *const headers[] = {name, value, NULL};
    return lib_manage_ask(t, "GET", path, NULL, headers).status;
}

static void loopback_names_pass(void **state)
{
    static const char *const good[] = {"localhost",        "LocalHost:15001", "127.0.0.1",  "127.0.0.1:1",
                                       "127.8.9.10:15001", "[::1]",           "[::1]:15001"};
    struct lib_manage *t = *state;

    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (status_of(t, CLOCK, "Host", good[i]) != 200)
            fail_msg("Host '%s' is refused", good[i]);
}

static void foreign_hosts_are_refused(void **state)
{
    static const char *const bad[] = {"evil.example",
                                      "evil.example:15001",
                                      "localhost.evil.example",
                                      "localhost@evil.example",
                                      "192.0.2.1",
                                      "10.0.0.1:15001",
                                      "[::2]:15001",
                                      "[::1",
                                      "[::1]x",
                                      "::1",
                                      "localhost:",
                                      "localhost:99999",
                                      "localhost:15001x",
                                      "localhost:15001:1",
                                      "127.0.0.1.evil.example",
                                      ":15001",
                                      ""};
    struct lib_manage *t = *state;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *const headers[] = {"Host", bad[i], NULL};
        struct lib_answer answer = lib_manage_ask(t, "GET", CLOCK, NULL, headers);
        if (answer.status != 403 || strcmp(answer.code, "forbidden") != 0 || !strstr(answer.detail, "Host"))
            fail_msg("Host '%s' gets %d %s", bad[i], answer.status, answer.body);
    }
}

static void a_request_without_host_is_refused(void **state)
{
    struct lib_manage *t = *state;
    struct fc_http_req req = {.arena = t->arena, .method = "GET", .path = CLOCK, .body = ""};
    struct fc_http_res res = {0};

    fc_manage_handle(t->manage, &req, &res);
    assert_int_equal(res.status, 403);
}

/* A name of the attacker's that points to 127.0.0.1: the browser sends that name. Nothing may be read, nothing changed. */
static void dns_rebinding_reaches_nothing(void **state)
{
    static const char *const rebound[] = {"Host", "attacker.example:15001", "Origin", "http://attacker.example:15001",
                                          NULL};
    static const struct {
        const char *method, *path, *body;
    } calls[] = {{"GET", "/", NULL},
                 {"GET", "/api/v1/status", NULL},
                 {"GET", "/api/v1/events/stream", NULL},
                 {"POST", "/api/v1/clock/advance", "{\"by\":\"60d\"}"},
                 {"POST", "/api/v1/reset", NULL},
                 {"PUT", "/api/v1/port-map", "{\"map\":\"80=1\"}"},
                 {"GET", "/pki/production/root-x.der", NULL}};
    struct lib_manage *t = *state;

    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        assert_int_equal(lib_manage_ask(t, calls[i].method, calls[i].path, calls[i].body, rebound).status, 403);
    assert_int_equal(t->kept, 0);
    assert_string_equal(lib_manage_str(lib_manage_ok(t, "GET", CLOCK, NULL), "now"), LIB_NOW);
    assert_string_equal(lib_manage_str(lib_manage_ok(t, "GET", "/api/v1/port-map", NULL), "map"), "");
}

static void origins(void **state)
{
    static const struct {
        const char *origin;
        int status;
    } rows[] = {{"http://localhost:15001", 200},
                {"http://127.0.0.1:3000", 200},
                {"https://[::1]", 200},
                {"http://evil.example", 403},
                {"null", 403},
                {"file://localhost", 403},
                {"localhost", 403},
                {"http://localhost/x", 403},
                {"http://localhost.evil.example", 403},
                {"", 403}};
    struct lib_manage *t = *state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (status_of(t, CLOCK, "Origin", rows[i].origin) != rows[i].status)
            fail_msg("Origin '%s' does not get %d", rows[i].origin, rows[i].status);
}

static void names_given_at_start_pass(void **state)
{
    static const char *const hosts[] = {"fakeca.internal", "192.0.2.7", "2001:db8::7", NULL};
    struct lib_manage *t = *state;

    lib_manage_restart(t, hosts, NULL);
    assert_int_equal(status_of(t, CLOCK, "Host", "FAKECA.internal:15001"), 200);
    assert_int_equal(status_of(t, CLOCK, "Host", "192.0.2.7:15001"), 200);
    assert_int_equal(status_of(t, CLOCK, "Host", "[2001:db8::7]:15001"), 200);
    assert_int_equal(status_of(t, CLOCK, "Host", "sub.fakeca.internal"), 403);
    assert_int_equal(status_of(t, CLOCK, "Origin", "http://fakeca.internal"), 200);
}

static void a_token_is_needed_for_the_api(void **state)
{
    static const char *const wrong[] = {"",
                                        "s3cret",
                                        "Bearer",
                                        "Bearer ",
                                        "Bearer s3cre",
                                        "Bearer s3cret2",
                                        "Bearer  s3cret",
                                        "Bearer S3CRET",
                                        "Basic s3cret",
                                        "BearerXs3cret"};
    struct lib_manage *t = *state;

    lib_manage_restart(t, NULL, "s3cret");
    struct lib_answer none = lib_manage_get(t, CLOCK);
    assert_int_equal(none.status, 401);
    assert_string_equal(none.code, "forbidden");
    assert_string_equal(fc_http_res_get_header(none.res, "WWW-Authenticate"), "Bearer realm=\"fakeca management\"");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (status_of(t, CLOCK, "Authorization", wrong[i]) != 401)
            fail_msg("'%s' passes", wrong[i]);
    assert_int_equal(status_of(t, CLOCK, "Authorization", "Bearer s3cret"), 200);
    assert_int_equal(status_of(t, CLOCK, "authorization", "bearer s3cret"), 200);
    assert_int_equal(lib_manage_get(t, "/api/v1/openapi.json").status, 401);
    assert_int_equal(lib_manage_get(t, "/api/v1/nothing").status, 401);
    assert_int_equal(lib_manage_ask(t, "POST", "/api/v1/reset", NULL, NULL).status, 401);
    assert_int_equal(lib_manage_ask(t, "HEAD", CLOCK, NULL, NULL).status, 401);
}

/* Whoever follows AIA and CRL addresses has no token. */
static void pki_and_page_need_none(void **state)
{
    struct lib_manage *t = *state;

    lib_manage_restart(t, NULL, "s3cret");
    assert_int_equal(lib_manage_get(t, "/").status, 200);
    assert_int_equal(lib_manage_get(t, "/pki/production/nothing.der").status, 404);
    /* no other spelling of /api leads past the token */
    assert_int_equal(lib_manage_get(t, "/%61pi/v1/clock").status, 404);
    assert_int_equal(lib_manage_get(t, "//api/v1/clock").status, 404);
}

static void the_right_token_does_not_open_for_foreign_hosts(void **state)
{
    static const char *const headers[] = {"Authorization", "Bearer s3cret", "Host", "evil.example", NULL};
    struct lib_manage *t = *state;

    lib_manage_restart(t, NULL, "s3cret");
    assert_int_equal(lib_manage_ask(t, "GET", CLOCK, NULL, headers).status, 403);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIB_MANAGE_TEST(loopback_names_pass),
        LIB_MANAGE_TEST(foreign_hosts_are_refused),
        LIB_MANAGE_TEST(a_request_without_host_is_refused),
        LIB_MANAGE_TEST(dns_rebinding_reaches_nothing),
        LIB_MANAGE_TEST(origins),
        LIB_MANAGE_TEST(names_given_at_start_pass),
        LIB_MANAGE_TEST(a_token_is_needed_for_the_api),
        LIB_MANAGE_TEST(pki_and_page_need_none),
        LIB_MANAGE_TEST(the_right_token_does_not_open_for_foreign_hosts),
    };
    RUN(tests);
}
