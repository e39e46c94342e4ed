/* Paths, methods, queries, bodies: what every request is held to before its handler. */
#include <string.h>

#include "cmocka_all.h"
#include "lib_manage.h"

static void unknown_paths_name_the_nearest(void **state)
{
    struct lib_manage *t = *state;

    lib_manage_refused(t, "GET", "/api/v1/clok", NULL, 404, "not_found",
                       "no such path '/api/v1/clok', did you mean '/api/v1/clock'?");
    lib_manage_refused(t, "POST", "/api/v1/clock/freze", "{}", 404, "not_found",
                       "did you mean '/api/v1/clock/freeze'?");
    lib_manage_refused(t, "GET", "/somewhere/else/entirely", NULL, 404, "not_found", "/api/v1/openapi.json");
    lib_manage_refused(t, "GET", "/api/v1/clock/", NULL, 404, "not_found", "/api/v1/clock");
    lib_manage_refused(t, "GET", "/api/v1", NULL, 404, "not_found", "");
    lib_manage_refused(t, "GET", "/api/v2/clock", NULL, 404, "not_found", "'/api/v1/clock'");
    lib_manage_refused(t, "GET", "/api/v1/accounts/%zz", NULL, 404, "not_found", "");
}

static void wrong_methods_name_the_right_ones(void **state)
{
    static const struct {
        const char *method, *path, *allow;
    } rows[] = {{"DELETE", "/api/v1/clock", "GET, HEAD"},
                {"GET", "/api/v1/clock/advance", "POST"},
                {"HEAD", "/api/v1/reset", "POST"},
                {"POST", "/api/v1/dns", "GET, HEAD, PUT, DELETE"},
                {"PATCH", "/api/v1/port-map", "GET, HEAD, PUT"},
                {"HEAD", "/api/v1/events/stream", "GET"},
                {"OPTIONS", "/", "GET, HEAD"},
                {"get", "/api/v1/clock", "GET, HEAD"}};
    struct lib_manage *t = *state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct lib_answer answer = lib_manage_ask(t, rows[i].method, rows[i].path, NULL, NULL);
        assert_int_equal(answer.status, 405);
        assert_string_equal(answer.code, "usage");
        assert_string_equal(fc_http_res_get_header(answer.res, "Allow"), rows[i].allow);
    }
}

static void head_is_answered_as_get(void **state)
{
    struct lib_manage *t = *state;

    assert_int_equal(lib_manage_ask(t, "HEAD", "/api/v1/health", NULL, NULL).status, 200);
}

static void queries_are_checked(void **state)
{
    struct lib_manage *t = *state;
    const char *list = "/api/v1/accounts";

    lib_manage_refused(t, "GET", "/api/v1/accounts?limt=3", NULL, 400, "usage",
                       "unknown query parameter 'limt', did you mean 'limit'?");
    lib_manage_refused(t, "GET", "/api/v1/clock?x=1", NULL, 400, "usage", "unknown query parameter 'x'");
    lib_manage_refused(t, "GET", "/api/v1/accounts?limit=0", NULL, 400, "usage",
                       "query parameter 'limit': '0' is not a number between 1 and 1000");
    lib_manage_refused(t, "GET", "/api/v1/accounts?limit=1001", NULL, 400, "usage", "between 1 and 1000");
    lib_manage_refused(t, "GET", "/api/v1/accounts?limit=", NULL, 400, "usage", "'limit'");
    lib_manage_refused(t, "GET", "/api/v1/accounts?limit", NULL, 400, "usage", "'limit'");
    lib_manage_refused(t, "GET", "/api/v1/accounts?after=-1", NULL, 400, "usage", "'after'");
    lib_manage_refused(t, "GET", "/api/v1/accounts?after=99999999999999999999", NULL, 400, "usage", "'after'");
    lib_manage_refused(t, "GET", "/api/v1/accounts?limit=1&limit=2", NULL, 400, "usage",
                       "query parameter 'limit' given twice");
    lib_manage_refused(t, "GET", "/api/v1/accounts?limit=%zz", NULL, 400, "usage", "bad percent-encoding");
    lib_manage_refused(t, "GET", "/api/v1/accounts?%00=1", NULL, 400, "usage", "bad percent-encoding");
    lib_manage_refused(t, "GET", "/api/v1/accounts?environment=stagin", NULL, 400, "usage",
                       "unknown environment 'stagin', did you mean 'staging'?");
    lib_manage_refused(t, "GET", "/api/v1/accounts?environment=", NULL, 400, "usage", "unknown environment ''");
    /* bytes that are no UTF-8 do not break the answer */
    lib_manage_refused(t, "GET", "/api/v1/accounts?environment=%ff%fe", NULL, 400, "usage",
                       "unknown environment '?"
                       "?'");
    lib_manage_ok(t, "GET", fc_arena_printf(t->arena, "%s?limit=%%31&&environment=staging&", list), NULL);
    lib_manage_ok(t, "GET", fc_arena_printf(t->arena, "%s?", list), NULL);
}

static void bodies_are_checked(void **state)
{
    static const struct {
        const char *method, *path, *body, *code, *says;
    } rows[] = {
        {"POST", "/api/v1/clock/advance", NULL, "usage", "request body: is missing"},
        {"POST", "/api/v1/clock/advance", "{", "usage", "request body: line 1"},
        {"POST", "/api/v1/clock/advance", "[]", "usage", "must be an object"},
        {"POST", "/api/v1/clock/advance", "null", "usage", "request body: line 1"},
        {"POST", "/api/v1/clock/advance", "{\"by\":\"1d\",\"by\":\"2d\"}", "usage", "duplicate"},
        {"POST", "/api/v1/clock/advance", "{\"by\":\"1d\"} x", "usage", "end of file"},
        {"POST", "/api/v1/clock/advance", "{\"bye\":\"1d\"}", "usage", "unknown key 'bye', did you mean 'by'?"},
        {"POST", "/api/v1/clock/advance", "{\"by\":60}", "usage", "by: must be a string"},
        {"POST", "/api/v1/clock/freeze", "{\"at\":1}", "usage", "unknown key 'at'"},
        {"POST", "/api/v1/clock/freeze", "nonsense", "usage", "request body"},
        {"GET", "/api/v1/clock", "{}", "usage", "this request takes none"},
        {"DELETE", "/api/v1/dns", "{}", "usage", "this request takes none"},
        {"PUT", "/api/v1/port-map", "{}", "usage", "'map' is missing"},
        {"PUT", "/api/v1/port-map", "{\"map\":null}", "usage", "map: must be a string"},
        {"POST", "/api/v1/reset", "{\"all\":true}", "usage", "unknown key 'all'"},
    };
    struct lib_manage *t = *state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        lib_manage_refused(t, rows[i].method, rows[i].path, rows[i].body, 400, rows[i].code, rows[i].says);
    assert_int_equal(t->kept, 0);
}

static void bodies_are_bounded(void **state)
{
    struct lib_manage *t = *state;
    char *large = fc_arena_alloc(t->arena, 65538);
    struct fc_http_req req = {.arena = t->arena,
                              .method = "PUT",
                              .path = "/api/v1/port-map",
                              .host = "localhost",
                              .body = "",
                              .body_too_large = true};
    struct fc_http_res res = {0};

    memset(large, ' ', 65537);
    lib_manage_refused(t, "PUT", "/api/v1/port-map", large, 400, "limit", "longer than 65536 bytes");
    /* as the server tells it */
    fc_manage_handle(t->manage, &req, &res);
    assert_int_equal(res.status, 400);
    assert_non_null(strstr(res.body, "longer than 65536 bytes"));
}

static void answers_are_not_kept_by_caches(void **state)
{
    struct lib_manage *t = *state;
    struct lib_answer answer = lib_manage_get(t, "/api/v1/clock");

    assert_string_equal(fc_http_res_get_header(answer.res, "Cache-Control"), "no-store");
    assert_string_equal(fc_http_res_get_header(answer.res, "X-Content-Type-Options"), "nosniff");
    assert_null(fc_http_res_get_header(answer.res, "Access-Control-Allow-Origin"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIB_MANAGE_TEST(unknown_paths_name_the_nearest),
        LIB_MANAGE_TEST(wrong_methods_name_the_right_ones),
        LIB_MANAGE_TEST(head_is_answered_as_get),
        LIB_MANAGE_TEST(queries_are_checked),
        LIB_MANAGE_TEST(bodies_are_checked),
        LIB_MANAGE_TEST(bodies_are_bounded),
        LIB_MANAGE_TEST(answers_are_not_kept_by_caches),
    };
    RUN(tests);
}
