/* test: threads */
#include "net/net_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_buf.h"
#include "base/base_clock.h"
#include "base/base_time.h"

#include "cmocka_all.h"
#include "net/lib_peer.h"

#define JSON_ANSWER "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
#define STREAM_HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
#define TRUSTED FIXTURES "/net/localhost.pem"
#define OTHER FIXTURES "/net/expired.pem"

struct bed {
    struct peer *peer;
    struct fc_net_client_params params;
    struct fc_net_client_result result;
    struct fc_err err;
    char url[128];
    struct fc_buf seen;
};

static int setup(void **state)
{
    struct bed *bed = fc_calloc(1, sizeof *bed);

    fc_buf_init(&bed->seen, 65536);
    bed->params.method = "GET";
    *state = bed;
    return 0;
}

static int teardown(void **state)
{
    struct bed *bed = *state;

    peer_stop(bed->peer);
    free(bed->result.body);
    fc_buf_release(&bed->seen);
    free(bed);
    return 0;
}

static int ask(struct bed *bed, const char *scheme)
{
    snprintf(bed->url, sizeof bed->url, "%s://127.0.0.1:%u/api/v1/x?a=b", scheme, peer_port(bed->peer));
    bed->params.url = bed->url;
    return fc_net_client_request(&bed->params, &bed->result, &bed->err);
}

static int ask_simple(struct bed *bed, enum peer_mode mode, const char *answer)
{
    bed->peer = peer_start_simple(mode, answer);
    return ask(bed, "http");
}

static void get_without_proxy(void **state)
{
    struct bed *bed = *state;

    setenv("http_proxy", "http://127.0.0.1:1/", 1);
    assert_int_equal(ask_simple(bed, PEER_ANSWER, JSON_ANSWER), 0);
    assert_int_equal(bed->result.status, 200);
    assert_string_equal(bed->result.body, "{}");
    assert_int_equal(bed->result.len, 2);
    assert_string_equal(bed->result.content_type, "application/json");
    assert_non_null(strstr(peer_request(bed->peer, 0), "GET /api/v1/x?a=b HTTP/1.1\r\n"));
    assert_null(strstr(peer_request(bed->peer, 0), "Authorization"));
}

static void bodies_methods_and_tokens(void **state)
{
    struct bed *bed = *state;

    bed->params.method = "PUT";
    bed->params.body = "{\"map\":\"\"}";
    bed->params.bearer = "secret";
    assert_int_equal(ask_simple(bed, PEER_ANSWER, JSON_ANSWER), 0);
    const char *request = peer_request(bed->peer, 0);
    assert_non_null(strstr(request, "PUT /api/v1/x?a=b HTTP/1.1\r\n"));
    assert_non_null(strstr(request, "\r\nAuthorization: Bearer secret\r\n"));
    assert_non_null(strstr(request, "\r\nContent-Type: application/json\r\n"));
    assert_non_null(strstr(request, "\r\nContent-Length: 10\r\n"));
    assert_null(strstr(request, "Expect"));
}

static void any_status_is_a_success(void **state)
{
    struct bed *bed = *state;

    bed->params.method = "DELETE";
    assert_int_equal(
        ask_simple(bed, PEER_ANSWER, "HTTP/1.1 404 Not Found\r\nLocation: /y\r\nContent-Length: 0\r\n\r\n"), 0);
    assert_int_equal(bed->result.status, 404);
    assert_string_equal(bed->result.body, "");
    assert_string_equal(bed->result.content_type, "");
}

static void nobody_there(void **state)
{
    struct bed *bed = *state;

    assert_int_equal(ask_simple(bed, PEER_REFUSE, NULL), -1);
    assert_int_equal(bed->err.code, FC_E_SYSTEM);
    assert_non_null(strstr(bed->err.text, "cannot reach the CA at 'http://127.0.0.1:"));
    assert_null(bed->result.body);
    bed->err = (struct fc_err){0};
    bed->params.url = "ftp://127.0.0.1/";
    assert_int_equal(fc_net_client_request(&bed->params, &bed->result, &bed->err), -1);
    assert_int_equal(bed->err.code, FC_E_SYSTEM);
}

static void no_answer_in_time(void **state)
{
    struct bed *bed = *state;

    bed->params.timeout = 200 * FC_MS;
    assert_int_equal(ask_simple(bed, PEER_HANG, NULL), -1);
    assert_int_equal(bed->err.code, FC_E_SYSTEM);
}

static void an_answer_that_breaks_off(void **state)
{
    struct bed *bed = *state;

    assert_int_equal(ask_simple(bed, PEER_ANSWER, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"), -1);
    assert_int_equal(bed->err.code, FC_E_SYSTEM);
    assert_null(bed->result.body);
}

static void answers_have_a_limit(void **state)
{
    struct bed *bed = *state;
    static const size_t size = (size_t)65 * 1024 * 1024;
    fc_auto_free char *bytes = fc_malloc(size + 1);

    memset(bytes, 'x', size);
    bytes[size] = '\0';
    memcpy(bytes, STREAM_HEAD, sizeof STREAM_HEAD - 1);
    assert_int_equal(ask_simple(bed, PEER_ANSWER, bytes), -1);
    assert_int_equal(bed->err.code, FC_E_LIMIT);
    assert_non_null(strstr(bed->err.text, "64 MiB"));
}

static void tls_is_verified(void **state)
{
    const struct peer_answer answer = {"", JSON_ANSWER, 0};
    struct bed *bed = *state;

    bed->peer = peer_start(&(struct peer_params){.answers = &answer, .n_answers = 1, .pem = TRUSTED});
    bed->params.ca_file = TRUSTED;
    if (ask(bed, "https") != 0)
        fail_msg("%s", bed->err.text);
    assert_string_equal(bed->result.body, "{}");
    bed->params.ca_file = OTHER;
    assert_int_equal(ask(bed, "https"), -1);
    assert_int_equal(bed->err.code, FC_E_SYSTEM);
    assert_non_null(strstr(bed->err.text, "certificate"));
}

/* ---- streams ---- */

static int until_second_event(void *cookie, const char *bytes, size_t len)
{
    struct bed *bed = cookie;

    fc_buf_append(&bed->seen, bytes, len);
    return strstr(bed->seen.data, "id: 2\n\n") != NULL;
}

static void events_come_as_they_happen(void **state)
{
    struct bed *bed = *state;

    bed->params.data = until_second_event;
    bed->params.cookie = bed;
    /* the connection stays open: only what `data` returns can end it */
    assert_int_equal(ask_simple(bed, PEER_ANSWER_HOLD, STREAM_HEAD "id: 1\n\nid: 2\n\n"), 0);
    assert_int_equal(bed->result.status, 200);
    assert_string_equal(bed->result.body, "");
    assert_string_equal(bed->seen.data, "id: 1\n\nid: 2\n\n");
}

static void a_stream_that_ends_is_a_success(void **state)
{
    struct bed *bed = *state;

    bed->params.data = until_second_event;
    bed->params.cookie = bed;
    assert_int_equal(ask_simple(bed, PEER_ANSWER, STREAM_HEAD "id: 1\n\n"), 0);
    assert_string_equal(bed->seen.data, "id: 1\n\n");
}

/* The head is there at once and then, for longer than the timeout, a byte each few milliseconds. */
static void a_stream_may_last_longer_than_the_timeout(void **state)
{
    static const char answer[] = "HTTP/1.1 200 OK\n\n: nothing has happened yet, and it takes a while\n"
                                 ": there is still nothing to be told\n: nor is there now\n: but wait\nid: 2\n\n";
    struct bed *bed = *state;
    int64_t before = fc_clock_mono();

    bed->params.timeout = FC_SECOND;
    bed->params.data = until_second_event;
    bed->params.cookie = bed;
    assert_int_equal(ask_simple(bed, PEER_TRICKLE, answer), 0);
    assert_non_null(strstr(bed->seen.data, "id: 2\n\n"));
    assert_true(fc_clock_mono() - before > FC_SECOND);
}

static void a_stream_must_begin_in_time(void **state)
{
    struct bed *bed = *state;
    int64_t before = fc_clock_mono();

    bed->params.timeout = 200 * FC_MS;
    bed->params.data = until_second_event;
    bed->params.cookie = bed;
    assert_int_equal(ask_simple(bed, PEER_HANG, NULL), -1);
    assert_int_equal(bed->err.code, FC_E_SYSTEM);
    assert_non_null(strstr(bed->err.text, "did not answer in time"));
    assert_true(fc_clock_mono() - before < 10 * FC_SECOND);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(get_without_proxy),
        TEST(bodies_methods_and_tokens),
        TEST(any_status_is_a_success),
        TEST(nobody_there),
        TEST(no_answer_in_time),
        TEST(an_answer_that_breaks_off),
        TEST(answers_have_a_limit),
        TEST(tls_is_verified),
        TEST(events_come_as_they_happen),
        TEST(a_stream_that_ends_is_a_success),
        TEST(a_stream_may_last_longer_than_the_timeout),
        TEST(a_stream_must_begin_in_time),
    };
    RUN(tests);
}
