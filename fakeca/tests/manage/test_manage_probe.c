/* test: threads */
/* Probes: what is asked for, what comes back, and who owns what when a side is gone. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_clock.h"
#include "base/base_time.h"
#include "http/http_wait.h"
#include "net/net_portmap.h"

#include "cmocka_all.h"
#include "lib_manage.h"
#include "net/lib_peer.h"

#define PROBE "/api/v1/probe"

struct fixture {
    struct lib_manage *t;
    struct peer *peer;
};

static int setup(void **state)
{
    struct fixture *f = fc_calloc(1, sizeof *f);

    *state = f;
    return lib_manage_setup((void **)&f->t);
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    lib_manage_teardown((void **)&f->t);
    peer_stop(f->peer);
    free(f);
    return 0;
}

static void serve(struct fixture *f, enum peer_mode mode, const char *bytes)
{
    char map[64];

    peer_stop(f->peer);
    f->peer = peer_start_simple(mode, bytes);
    snprintf(map, sizeof map, "80=127.0.0.1:%u", peer_port(f->peer));
    assert_int_equal(fc_net_portmap_set(f->t->portmap, map, NULL), 0);
}

static json_t *probe(struct fixture *f, const char *body)
{
    return lib_manage_ok(f->t, "POST", PROBE, body);
}

static const json_t *hop(const json_t *answer, size_t index)
{
    return json_array_get(lib_manage_at(answer, "hops"), index);
}

static void what_the_ca_would_accept(void **state)
{
    struct fixture *f = *state;

    serve(f, PEER_ANSWER, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc");
    json_t *answer = probe(f, "{\"name\":\"A.test\",\"perspective\":1}");
    assert_string_equal(lib_manage_str(answer, "status"), "valid");
    assert_string_equal(lib_manage_str(answer, "name"), "a.test");
    assert_string_equal(lib_manage_str(answer, "environment"), "production");
    assert_true(json_is_null(lib_manage_at(answer, "problem")));
    assert_true(json_is_null(lib_manage_at(answer, "cause")));
    assert_int_equal(json_array_size(lib_manage_at(answer, "hops")), 1);
    assert_string_equal(lib_manage_str(hop(answer, 0), "url"), "http://a.test/.well-known/acme-challenge/fakeca-probe");
    assert_int_equal(lib_manage_int(hop(answer, 0), "status"), 200);
    assert_int_equal(lib_manage_int(hop(answer, 0), "compared"), 3);
    assert_non_null(strstr(lib_manage_str(answer, "repeat"), "curl "));
    assert_non_null(strstr(peer_request(f->peer, 0), "GET /.well-known/acme-challenge/fakeca-probe HTTP/1.1\r\n"));

    answer = probe(f, "{\"name\":\"a.test\",\"token\":\"T-_9\",\"expect\":\"abc\",\"environment\":\"staging\"}");
    assert_string_equal(lib_manage_str(answer, "status"), "valid");
    assert_string_equal(lib_manage_str(answer, "environment"), "staging");
    assert_string_equal(lib_manage_str(answer, "token"), "T-_9");
}

static void what_the_ca_would_refuse(void **state)
{
    struct fixture *f = *state;

    serve(f, PEER_ANSWER, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc");
    json_t *answer = probe(f, "{\"name\":\"a.test\",\"expect\":\"abd\",\"perspective\":1}");
    assert_string_equal(lib_manage_str(answer, "status"), "invalid");
    assert_string_equal(lib_manage_str(answer, "problem.type"), "urn:ietf:params:acme:error:unauthorized");
    assert_string_equal(
        lib_manage_str(answer, "problem.detail"),
        "The key authorization file from the server did not match this challenge. Expected \"abd\" (got "
        "\"abc\")");
    assert_int_equal(lib_manage_int(hop(answer, 0), "first_difference"), 2);
    assert_string_equal(lib_manage_str(answer, "cause"),
                        "the file has other content than this order's key authorization");
    assert_true(strlen(lib_manage_str(answer, "remedy")) > 10);
    assert_non_null(strstr(lib_manage_str(hop(answer, 0), "text"), "first difference at byte 2"));

    answer = probe(f, "{\"name\":\"a.test\",\"family\":6}");
    assert_string_equal(lib_manage_str(answer, "problem.type"), "urn:ietf:params:acme:error:dns");
}

static void the_way_can_be_chosen(void **state)
{
    struct fixture *f = *state;
    struct lib_manage *t = f->t;
    char body[256];

    serve(f, PEER_ANSWER, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc");
    assert_int_equal(fc_net_portmap_set(t->portmap, "80=127.0.0.1:1", NULL), 0);
    snprintf(
        body, sizeof body,
        "{\"name\":\"a.test\",\"connect\":\"127.0.0.1:%u\",\"address\":\"127.0.0.77\",\"family\":4,\"perspective\":1}",
        peer_port(f->peer));
    json_t *answer = probe(f, body);
    assert_string_equal(lib_manage_str(answer, "status"), "valid");
    assert_memory_equal(lib_manage_str(hop(answer, 0), "source"), "127.0.0.77:", 11);
    assert_non_null(strstr(lib_manage_str(answer, "repeat"), "--interface 127.0.0.77 "));
}

static void wishes_that_are_wrong(void **state)
{
    static const struct {
        const char *body, *code, *says;
    } rows[] = {
        {"{}", "usage", "name"},
        {"{\"name\":5}", "usage", "name"},
        {"{\"nmae\":\"a.test\",\"name\":\"a.test\"}", "usage", "did you mean 'name'?"},
        {"{\"name\":\"*.a.test\"}", "usage", "wildcard"},
        {"{\"name\":\"a_b.test\"}", "usage", "Domain name contains an invalid character"},
        {"{\"name\":\"192.0.2.1\"}", "usage", "reserved address block"},
        {"{\"name\":\"a.test\",\"token\":\"a/b\"}", "usage", "token"},
        {"{\"name\":\"a.test\",\"token\":\"\"}", "usage", "token"},
        {"{\"name\":\"a.test\",\"family\":5}", "usage", "family"},
        {"{\"name\":\"a.test\",\"family\":\"4\"}", "usage", "family"},
        {"{\"name\":\"a.test\",\"address\":\"localhost\"}", "usage", "address"},
        {"{\"name\":\"a.test\",\"connect\":\"127.0.0.1:99999\"}", "usage", "connect"},
        {"{\"name\":\"a.test\",\"connect\":\"a.test:80\"}", "usage", "connect"},
        {"{\"name\":\"a.test\",\"perspective\":0}", "usage", "perspective"},
        {"{\"name\":\"a.test\",\"perspective\":99}", "usage", "perspective"},
        {"{\"name\":\"a.test\",\"environment\":\"productoin\"}", "usage", "production"},
        {"", "usage", "body"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        lib_manage_refused(f->t, "POST", PROBE, rows[i].body, 400, rows[i].code, rows[i].says);
    char body[300] = "{\"name\":\"a.test\",\"expect\":\"", *end = body + strlen(body);
    memset(end, 'x', 128);
    snprintf(end + 128, 4, "\"}");
    lib_manage_refused(f->t, "POST", PROBE, body, 400, "usage", "expect");
    lib_manage_refused(f->t, "GET", PROBE, NULL, 405, "usage", "POST");
}

/* ---- held requests ---- */

static void a_request_that_goes_away_leaves_nothing_behind(void **state)
{
    struct fixture *f = *state;

    serve(f, PEER_HANG, NULL);
    struct lib_answer answer = lib_manage_hold(f->t, "POST", PROBE, "{\"name\":\"a.test\",\"perspective\":1}");
    assert_non_null(answer.res->wait);
    assert_true(answer.res->wait_until > fc_clock_mono());
    fc_http_res_clear(answer.res);
    /* the teardown ends the request, then the validator, then the API */
}

static void who_stops_does_not_wait(void **state)
{
    struct fixture *f = *state;

    serve(f, PEER_HANG, NULL);
    struct lib_answer answer = lib_manage_hold(f->t, "POST", PROBE, "{\"name\":\"a.test\",\"perspective\":1}");
    void (*resume)(void *cookie, struct fc_http_req *req, struct fc_http_res *res) = answer.res->resume;
    void *cookie = answer.res->resume_cookie;
    fc_http_res_clear(answer.res);
    answer.req->stopping = true;
    resume(cookie, answer.req, answer.res);
    assert_int_equal(answer.res->status, 503);
    assert_non_null(strstr(answer.res->body, "the CA is stopping"));
    assert_string_equal(fc_http_res_get_header(answer.res, "Cache-Control"), "no-store");
}

static void probes_are_bounded(void **state)
{
    struct fixture *f = *state;
    struct lib_answer answers[64];

    serve(f, PEER_HANG, NULL);
    for (size_t i = 0; i < 64; i++) {
        answers[i] = lib_manage_hold(f->t, "POST", PROBE, "{\"name\":\"a.test\",\"perspective\":1}");
        assert_non_null(answers[i].res->wait);
    }
    lib_manage_refused(f->t, "POST", PROBE, "{\"name\":\"a.test\"}", 409, "busy", "64 probes");
    for (size_t i = 0; i < 64; i++)
        fc_http_res_clear(answers[i].res);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_the_ca_would_accept),
        TEST(what_the_ca_would_refuse),
        TEST(the_way_can_be_chosen),
        TEST(wishes_that_are_wrong),
        TEST(a_request_that_goes_away_leaves_nothing_behind),
        TEST(who_stops_does_not_wait),
        TEST(probes_are_bounded),
    };
    RUN(tests);
}
