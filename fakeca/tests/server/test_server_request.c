/* test: threads */
/* What a well-behaved client and a clumsy one get: requests of every form, over real sockets. */
#include "server/lib_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_clock.h"
#include "base/base_text.h"
#include "base/base_time.h"

#include "cmocka_all.h"

struct fixture {
    struct lib_service *service;
    struct lib_client client;
    struct lib_response response;
    char *text;
};

static int setup(void **state)
{
    struct fixture *f = fc_calloc(1, sizeof *f);
    f->service = lib_service_new(NULL, false);
    f->client = lib_connect(f->service->port);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    lib_response_release(&f->response);
    lib_close(&f->client);
    lib_service_free(f->service);
    free(f->text);
    free(f);
    return 0;
}

/* Sends on the fixture's connection and takes the answer. */
static void exchange(struct fixture *f, const char *text)
{
    lib_response_release(&f->response);
    assert_true(lib_send(&f->client, text));
    f->response = lib_response(&f->client, strncmp(text, "HEAD ", 5) == 0);
}

static void get_with_query_and_headers(void **state)
{
    struct fixture *f = *state;

    exchange(f, "GET /echo?a=1&b=%20x HTTP/1.1\r\nHost: a.test:8\r\nX-Custom: one\r\n\r\n");
    assert_int_equal(f->response.status, 200);
    assert_string_equal(f->response.body, "GET|/echo|a=1&b=%20x|a.test:8|http|one|0|fits|");
    assert_string_equal(lib_header(&f->response, "Content-Type"), "text/plain");
    assert_true(fc_text_starts(lib_header(&f->response, "X-Peer"), "127.0.0.1:"));
    assert_null(lib_header(&f->response, "Connection"));
}

static void path_stays_percent_encoded(void **state)
{
    struct fixture *f = *state;

    exchange(f, "GET /ech%6f HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(f->response.status, 404);
}

static void date_is_simulated_and_the_only_one(void **state)
{
    struct fixture *f = *state;
    int64_t at = 0;

    assert_int_equal(fc_time_parse("2031-05-06T07:08:09Z", &at, NULL), 0);
    assert_int_equal(fc_clock_freeze(f->service->clock, NULL), 0);
    assert_int_equal(fc_clock_set(f->service->clock, at, NULL), 0);
    exchange(f, "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_string_equal(lib_header(&f->response, "Date"), "Tue, 06 May 2031 07:08:09 GMT");
    const char *date = strstr(f->response.head, "Date:");
    assert_null(strstr(date + 1, "Date:"));
}

static void post_with_length(void **state)
{
    struct fixture *f = *state;

    exchange(f, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
    assert_string_equal(f->response.body, "POST|/echo|-|a|http|-|5|fits|hello");
}

static void form_body_is_not_taken_apart(void **state)
{
    struct fixture *f = *state;

    exchange(f, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n"
                "Content-Length: 3\r\n\r\na=b");
    assert_string_equal(f->response.body, "POST|/echo|-|a|http|-|3|fits|a=b");
}

static void post_in_chunks(void **state)
{
    struct fixture *f = *state;

    exchange(f, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                "3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n");
    assert_string_equal(f->response.body, "POST|/echo|-|a|http|-|5|fits|hello");
    exchange(f, "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(f->response.status, 200);
}

static void broken_chunks_are_refused(void **state)
{
    struct fixture *f = *state;

    exchange(f, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n");
    assert_int_equal(f->response.status, 400);
    assert_true(lib_read_end(&f->client));
}

static void head_has_the_headers_of_get_and_no_body(void **state)
{
    struct fixture *f = *state;

    exchange(f, "HEAD /echo HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(f->response.status, 200);
    assert_string_equal(lib_header(&f->response, "Content-Length"), "29"); /* HEAD|/echo|-|a|http|-|0|fits| */
    assert_int_equal(f->client.len, 0);
    exchange(f, "GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(f->response.status, 404);
    assert_string_equal(f->response.body, "no such thing");
}

static void connection_is_kept(void **state)
{
    struct fixture *f = *state;
    char first[32];

    exchange(f, "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
    snprintf(first, sizeof first, "%s", lib_header(&f->response, "X-Conn"));
    exchange(f, "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_string_equal(lib_header(&f->response, "X-Conn"), first);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    struct fixture *f = *state;

    assert_true(lib_send(&f->client, "GET /echo?1 HTTP/1.1\r\nHost: a\r\n\r\n"
                                     "POST /echo?2 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nxy"
                                     "GET /hold?3 HTTP/1.1\r\nHost: a\r\n\r\n"
                                     "GET /echo?4 HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_true(lib_await(f->service, &f->service->held, 1));
    lib_release(f->service);
    static const char *const bodies[] = {"GET|/echo|1|a|http|-|0|fits|", "POST|/echo|2|a|http|-|2|fits|xy", "signalled",
                                         "GET|/echo|4|a|http|-|0|fits|"};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        lib_response_release(&f->response);
        f->response = lib_response(&f->client, false);
        assert_string_equal(f->response.body, bodies[i]);
    }
}

static void close_is_obeyed(void **state)
{
    struct fixture *f = *state;

    exchange(f, "GET /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_int_equal(f->response.status, 200);
    assert_true(lib_read_end(&f->client));
    assert_true(lib_await_open(f->service, 1, 0));
}

static void http_1_0_is_served_and_closed(void **state)
{
    struct fixture *f = *state;

    assert_true(lib_send(&f->client, "GET /echo HTTP/1.0\r\n\r\n"));
    assert_true(lib_read_end(&f->client));
    assert_non_null(strstr(f->client.data, "GET|/echo|-|-|http|-|0|fits|"));
}

static void absolute_form_is_understood(void **state)
{
    struct fixture *f = *state;

    exchange(f, "GET http://proxy.test:99/echo?q HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_string_equal(f->response.body, "GET|/echo|q|a|http|-|0|fits|");
}

static void impossible_targets_are_refused(void **state)
{
    static const char *const lines[] = {"GET echo HTTP/1.1",     "OPTIONS * HTTP/1.1", "CONNECT a:443 HTTP/1.1",
                                        "GET /a#frag HTTP/1.1",  "GET /\x01 HTTP/1.1", "GET /caf\xc3\xa9 HTTP/1.1",
                                        "GET ftp://a/ HTTP/1.1", "GET  HTTP/1.1"};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char text[256];
        snprintf(text, sizeof text, "%s\r\nHost: a\r\n\r\n", lines[i]);
        lib_response_release(&f->response);
        f->response = lib_request(f->service->port, text);
        if (f->response.status != 400)
            fail_msg("'%s' got %d", lines[i], f->response.status);
    }
    exchange(f, "GET nothing HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_string_equal(lib_header(&f->response, "Content-Type"), "application/problem+json");
    assert_non_null(strstr(f->response.body, "\"status\": 400"));
    assert_string_equal(lib_header(&f->response, "Connection"), "close");
    assert_true(lib_read_end(&f->client));
}

static void lines_that_are_no_request_end_the_connection(void **state)
{
    static const char *const texts[] = {
        "\x16\x03\x01\x02\r\n\r\n",
        "HELLO\r\n\r\n",
        "GET /echo HTTP/9.9\r\nHost: a\r\n\r\n",
        "GET /echo HTTP/1.1\r\nno colon\r\n\r\n",
        "GET /echo HTTP/1.1\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\n"};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct lib_client client = lib_connect(f->service->port);
        bool ended = lib_send(&client, texts[i]) && lib_read_end(&client);
        bool refused = client.len == 0 || strncmp(client.data, "HTTP/1.1 4", 10) == 0 ||
                       strncmp(client.data, "HTTP/1.1 5", 10) == 0;
        lib_close(&client);
        if (!ended || !refused)
            fail_msg("case %zu: %s", i, ended ? "was answered" : "was not ended");
    }
    exchange(f, "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(f->response.status, 200);
}

static void expect_continue_is_answered_before_the_body(void **state)
{
    struct fixture *f = *state;

    exchange(f, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    assert_int_equal(f->response.status, 100);
    exchange(f, "hello");
    assert_string_equal(f->response.body, "POST|/echo|-|a|http|-|5|fits|hello");
}

static void large_answer_is_whole(void **state)
{
    struct fixture *f = *state;

    exchange(f, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(f->response.status, 200);
    assert_int_equal(f->response.body_len, 3000000);
}

static void answers_without_a_body(void **state)
{
    struct fixture *f = *state;

    exchange(f, "GET /empty HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(f->response.status, 204);
    assert_null(lib_header(&f->response, "Content-Length")); /* RFC 9110 section 8.6 */
    exchange(f, "HEAD /empty?ok HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(f->response.status, 200);
    exchange(f, "GET /empty?ok HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(f->response.status, 200);
    assert_int_equal(f->response.body_len, 0);
}

static void handler_may_cut(void **state)
{
    struct fixture *f = *state;

    assert_true(lib_send(&f->client, "GET /cut HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_true(lib_read_end(&f->client));
    assert_int_equal(f->client.len, 0);
}

static void handler_without_an_answer_is_a_500(void **state)
{
    struct fixture *f = *state;

    exchange(f, "GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(f->response.status, 500);
    assert_non_null(strstr(f->response.body, "\"status\": 500"));
}

static void header_that_would_split_the_answer_is_not_sent(void **state)
{
    struct fixture *f = *state;

    assert_true(lib_send(&f->client, "GET /bad-header HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_true(lib_read_end(&f->client));
    assert_int_equal(f->client.len, 0);
}

/* ---- limits of size ---- */

static char *repeat(char c, size_t n)
{
    char *text = fc_malloc(n + 1);
    memset(text, c, n);
    text[n] = '\0';
    return text;
}

static void body_at_the_limit_is_kept_beyond_it_dropped(void **state)
{
    struct fixture *f = *state;

    for (size_t len = 65536; len <= 65537; len++) {
        free(f->text);
        fc_auto_free char *body = repeat('x', len);
        f->text = fc_asprintf("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n%s", len, body);
        exchange(f, f->text);
        assert_int_equal(f->response.status, 200);
        if (len == 65536)
            assert_true(fc_text_starts(f->response.body, "POST|/echo|-|a|http|-|65536|fits|xxx"));
        else
            assert_string_equal(f->response.body, "POST|/echo|-|a|http|-|0|too large|");
    }
    /* the rest was read: the connection goes on */
    exchange(f, "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(f->response.status, 200);
}

static void body_beyond_a_mebibyte_is_answered_at_once_and_cut(void **state)
{
    struct fixture *f = *state;

    exchange(f, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\nExpect: 100-continue\r\n\r\n");
    assert_int_equal(f->response.status, 200);
    assert_string_equal(f->response.body, "POST|/echo|-|a|http|-|0|too large|");
    assert_string_equal(lib_header(&f->response, "Connection"), "close");
    assert_true(lib_read_end(&f->client));
}

static void chunked_body_beyond_a_mebibyte_is_cut(void **state)
{
    struct fixture *f = *state;

    f->text = repeat('x', 0x10000);
    assert_true(lib_send(&f->client, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"));
    bool sent = true;
    for (int i = 0; i < 64 && sent; i++)
        sent = lib_send(&f->client, "10000\r\n") && lib_send(&f->client, f->text) && lib_send(&f->client, "\r\n");
    assert_true(lib_read_end(&f->client));
    assert_int_equal(f->client.len, 0);
}

static void more_than_100_headers_are_refused(void **state)
{
    struct fixture *f = *state;
    char text[4096] = "GET /echo HTTP/1.1\r\nHost: a\r\n";

    for (int i = 1; i < 100; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "X-%d: y\r\n", i);
    size_t len = strlen(text);
    snprintf(text + len, sizeof text - len, "\r\n");
    exchange(f, text);
    assert_int_equal(f->response.status, 200);
    snprintf(text + len, sizeof text - len, "X-100: y\r\n\r\n");
    exchange(f, text);
    assert_int_equal(f->response.status, 431);
    assert_true(lib_read_end(&f->client));
}

static void huge_headers_are_refused(void **state)
{
    struct fixture *f = *state;

    fc_auto_free char *value = repeat('v', 200000);
    f->text = fc_asprintf("GET /echo HTTP/1.1\r\nHost: a\r\nX-Huge: %s\r\n\r\n", value);
    lib_send(&f->client, f->text); /* it may be cut on the way */
    assert_true(lib_read_end(&f->client));
    if (f->client.len > 0)
        assert_true(fc_text_starts(f->client.data, "HTTP/1.1 431 "));
    lib_response_release(&f->response);
    f->response = lib_request(f->service->port, "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(f->response.status, 200);
}

static void huge_target_is_refused(void **state)
{
    struct fixture *f = *state;

    fc_auto_free char *path = repeat('p', 200000);
    f->text = fc_asprintf("GET /%s HTTP/1.1\r\nHost: a\r\n\r\n", path);
    lib_send(&f->client, f->text);
    assert_true(lib_read_end(&f->client));
    if (f->client.len > 0)
        assert_true(fc_text_starts(f->client.data, "HTTP/1.1 4"));
}

static void headers_of_common_size_pass(void **state)
{
    struct fixture *f = *state;

    fc_auto_free char *value = repeat('v', 8000);
    f->text = fc_asprintf("GET /echo HTTP/1.1\r\nHost: a\r\nX-Big: %s\r\nX-Custom: c\r\n\r\n", value);
    exchange(f, f->text);
    assert_string_equal(f->response.body, "GET|/echo|-|a|http|c|0|fits|");
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(get_with_query_and_headers),
        T(path_stays_percent_encoded),
        T(date_is_simulated_and_the_only_one),
        T(post_with_length),
        T(form_body_is_not_taken_apart),
        T(post_in_chunks),
        T(broken_chunks_are_refused),
        T(head_has_the_headers_of_get_and_no_body),
        T(connection_is_kept),
        T(pipelined_requests_are_answered_in_order),
        T(close_is_obeyed),
        T(http_1_0_is_served_and_closed),
        T(absolute_form_is_understood),
        T(impossible_targets_are_refused),
        T(lines_that_are_no_request_end_the_connection),
        T(expect_continue_is_answered_before_the_body),
        T(large_answer_is_whole),
        T(answers_without_a_body),
        T(handler_may_cut),
        T(handler_without_an_answer_is_a_500),
        T(header_that_would_split_the_answer_is_not_sent),
        T(body_at_the_limit_is_kept_beyond_it_dropped),
        T(body_beyond_a_mebibyte_is_answered_at_once_and_cut),
        T(chunked_body_beyond_a_mebibyte_is_cut),
        T(more_than_100_headers_are_refused),
        T(huge_headers_are_refused),
        T(huge_target_is_refused),
        T(headers_of_common_size_pass),
    };
    RUN(tests);
}
