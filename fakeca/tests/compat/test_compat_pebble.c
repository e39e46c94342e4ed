#include "compat/compat_int.h"

#include <string.h>

#include "base/base_time.h"

#include "cmocka_all.h"

#define NOW (INT64_C(1790000000) * FC_SECOND)

/* ---- an ACME server that answers what the test wants ---- */

struct inner {
    size_t calls, nonces;
    int status;
    const char *body;
};

static void handle(void *cookie, struct fc_http_req *req, struct fc_http_res *res)
{
    struct inner *inner = cookie;

    fc_http_res_header(res, "Replay-Nonce", "fresh");
    if (strcmp(req->method, "HEAD") == 0) {
        assert_string_equal(req->path, "/acme/new-nonce");
        inner->nonces++;
        res->status = 200;
        return;
    }
    inner->calls++;
    fc_http_res_text(req, res, inner->status, "application/json", inner->body);
}

struct bench {
    struct fc_arena *arena;
    struct fc_compat_config config;
    struct inner inner;
    struct fc_compat_pebble *pebble;
    struct fc_http_req req;
    struct fc_http_res res;
};

static int setup(void **state)
{
    struct bench *bench = fc_calloc(1, sizeof *bench);

    bench->arena = fc_arena_new();
    bench->inner = (struct inner){.status = 200, .body = "{\n  \"status\": \"valid\"\n}\n"};
    const struct fc_compat_pebble_params params = {
        .config = &bench->config, .env = "pebble", .acme = handle, .acme_cookie = &bench->inner};
    bench->pebble = fc_compat_pebble_new(&params);
    *state = bench;
    return 0;
}

static int teardown(void **state)
{
    struct bench *bench = *state;

    fc_compat_pebble_free(bench->pebble);
    fc_arena_free(bench->arena);
    free(bench);
    return 0;
}

static const struct fc_http_header jose[] = {{"Content-Type", "application/jose+json"}, {"User-Agent", "t"}};

static void ask(struct bench *bench, const char *method, const char *path, const struct fc_http_header *headers,
                size_t n_headers)
{
    bench->req = (struct fc_http_req){.arena = bench->arena,
                                      .method = method,
                                      .path = path,
                                      .scheme = "https",
                                      .host = "localhost:14000",
                                      .peer = "127.0.0.1:1",
                                      .headers = headers,
                                      .n_headers = n_headers,
                                      .body = "{}",
                                      .body_len = 2,
                                      .now = NOW};
    bench->res = (struct fc_http_res){0};
    fc_compat_pebble_acme(bench->pebble, &bench->req, &bench->res);
}

static void assert_refused(struct bench *bench, int status, const char *type)
{
    assert_int_equal(bench->res.status, status);
    assert_non_null(strstr(bench->res.body, type));
    assert_string_equal(fc_http_res_get_header(&bench->res, "Content-Type"), "application/problem+json");
    assert_string_equal(fc_http_res_get_header(&bench->res, "Replay-Nonce"), "fresh");
    assert_int_equal(bench->inner.calls, 0);
}

/* ---- before ---- */

static void another_content_type_is_415(void **state)
{
    static const struct fc_http_header json[] = {{"Content-Type", "application/json"}, {"User-Agent", "t"}};
    struct bench *bench = *state;

    ask(bench, "POST", "/acme/new-order", json, 2);
    assert_refused(bench, 415, "urn:ietf:params:acme:error:malformed");
    ask(bench, "POST", "/acme/new-order", json + 1, 1);
    assert_refused(bench, 415, "urn:ietf:params:acme:error:malformed");
}

static void who_does_not_say_who_it_is_is_refused(void **state)
{
    static const struct fc_http_header empty[] = {{"Content-Type", "application/jose+json"}, {"User-Agent", ""}};
    struct bench *bench = *state;

    ask(bench, "POST", "/acme/new-order", jose, 1);
    assert_refused(bench, 400, "User-Agent");
    ask(bench, "POST", "/acme/new-order", empty, 2);
    assert_refused(bench, 400, "User-Agent");
    ask(bench, "GET", "/dir", NULL, 0);
    assert_int_equal(bench->inner.calls, 1);
}

static void good_nonces_are_refused_by_chance(void **state)
{
    struct bench *bench = *state;

    bench->config.nonce_reject = 100;
    ask(bench, "POST", "/acme/new-order", jose, 2);
    assert_refused(bench, 400, "urn:ietf:params:acme:error:badNonce");
    bench->config.nonce_reject = 0;
    for (int i = 0; i < 1000; i++)
        ask(bench, "POST", "/acme/new-order", jose, 2);
    assert_int_equal(bench->inner.calls, 1000);
    bench->config.nonce_reject = 50;
    bench->inner.calls = 0;
    for (int i = 0; i < 1000; i++)
        ask(bench, "POST", "/acme/new-order", jose, 2);
    assert_in_range(bench->inner.calls, 350, 650);
}

/* ---- after ---- */

static const char *retry_after(struct bench *bench, const char *path, const char *status)
{
    bench->inner.body = fc_arena_printf(bench->arena, "{\n  \"status\": \"%s\"\n}\n", status);
    ask(bench, "POST", path, jose, 2);
    return fc_http_res_get_header(&bench->res, "Retry-After");
}

static void who_waits_is_told_how_long_in_both_forms(void **state)
{
    struct bench *bench = *state;
    char date[FC_TIME_TEXT_MAX];
    bool seconds = false, dates = false;

    bench->config.authz_retry_after = 7;
    fc_time_http(NOW + 7 * FC_SECOND, date);
    for (int i = 0; i < 100; i++) {
        const char *text = retry_after(bench, "/acme/authz/1/2", "pending");
        assert_non_null(text);
        seconds = seconds || strcmp(text, "7") == 0;
        dates = dates || strcmp(text, date) == 0;
        assert_true(strcmp(text, "7") == 0 || strcmp(text, date) == 0);
    }
    assert_true(seconds && dates);
}

static void who_need_not_wait_is_not_told(void **state)
{
    struct bench *bench = *state;

    bench->config.authz_retry_after = 7;
    bench->config.order_retry_after = 5;
    assert_null(retry_after(bench, "/acme/authz/1/2", "valid"));
    assert_null(retry_after(bench, "/acme/order/1/2", "pending"));
    assert_non_null(retry_after(bench, "/acme/order/1/2", "processing"));
    assert_non_null(retry_after(bench, "/acme/finalize/1/2", "processing"));
    bench->config.order_retry_after = 0;
    assert_null(retry_after(bench, "/acme/order/1/2", "processing"));
}

/* ---- management paths that need no CA ---- */

static void manage(struct bench *bench, const char *method, const char *path, const char *body)
{
    bench->req = (struct fc_http_req){.arena = bench->arena,
                                      .method = method,
                                      .path = path,
                                      .scheme = "https",
                                      .host = "localhost:15000",
                                      .body = body,
                                      .body_len = strlen(body),
                                      .now = NOW};
    bench->res = (struct fc_http_res){0};
    fc_compat_pebble_manage(bench->pebble, &bench->req, &bench->res);
}

static void bad_requests_have_pebbles_status(void **state)
{
    static const struct {
        const char *method, *path, *body;
        int status;
    } rows[] = {
        {"GET", "/", "", 404},
        {"GET", "/nothing", "", 404},
        {"GET", "/roots/", "", 404},
        {"GET", "/cert-status-by-serial/", "", 400},
        {"GET", "/cert-status-by-serial/zz", "", 400},
        {"GET", "/cert-status-by-serial/0123456789012345678901234567890123456789a", "", 400},
        {"GET", "/set-renewal-info/", "", 405},
        {"POST", "/set-renewal-info/", "", 400},
        {"POST", "/set-renewal-info/", "no json", 400},
        {"POST", "/set-renewal-info/", "[]", 400},
        {"POST", "/set-renewal-info/", "{}", 400},
        {"POST", "/set-renewal-info/", "{\"certificate\":7,\"ariResponse\":\"x\"}", 400},
        {"POST", "/set-renewal-info/", "{\"certificate\":\"AAAA\",\"ariResponse\":\"x\"}", 400},
        {"POST", "/set-renewal-info/", "{\"certificate\":\"AAAA\"}", 400},
    };
    struct bench *bench = *state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        manage(bench, rows[i].method, rows[i].path, rows[i].body);
        if (bench->res.status != rows[i].status)
            fail_msg("%s %s '%s': %d", rows[i].method, rows[i].path, rows[i].body, bench->res.status);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(another_content_type_is_415),       TEST(who_does_not_say_who_it_is_is_refused),
        TEST(good_nonces_are_refused_by_chance), TEST(who_waits_is_told_how_long_in_both_forms),
        TEST(who_need_not_wait_is_not_told),     TEST(bad_requests_have_pebbles_status),
    };
    RUN(tests);
}
