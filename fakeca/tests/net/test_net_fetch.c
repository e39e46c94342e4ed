/* test: threads */
#include "net/net_fetch.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_buf.h"
#include "base/base_clock.h"
#include "base/base_time.h"

#include "cmocka_all.h"
#include "net/lib_peer.h"

#define OK_BODY "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody"
#define EXPIRED FIXTURES "/net/expired.pem"

enum { MANY = 300 };

struct got {
    size_t count;
    enum fc_net_fetch_fault fault;
    char *error, *alert, *location, *body, *tls, *local;
    size_t body_len;
    bool body_full, head_complete;
    int status, version;
};

struct bed {
    struct fc_net_fetch *fetch;
    struct peer *peer;
    struct got got;
    char url[256];
    struct fc_net_fetch_params params;
};

static void forget(struct got *got)
{
    free(got->error);
    free(got->alert);
    free(got->location);
    free(got->body);
    free(got->tls);
    free(got->local);
    *got = (struct got){0};
}

static char *copy(const char *text)
{
    return text != NULL ? fc_strdup(text) : NULL;
}

static void on_done(void *cookie, const struct fc_net_fetch_result *result)
{
    struct got *got = cookie;
    size_t count = got->count + 1;

    forget(got);
    *got = (struct got){.count = count,
                        .fault = result->fault,
                        .error = copy(result->error),
                        .alert = copy(result->tls_alert),
                        .location = copy(result->location),
                        .body = copy(result->body),
                        .tls = copy(result->tls_version),
                        .local = copy(result->local),
                        .body_len = result->body_len,
                        .body_full = result->body_full,
                        .head_complete = result->head_complete,
                        .status = result->status,
                        .version = result->http_version};
}

static int setup(void **state)
{
    struct bed *bed = fc_calloc(1, sizeof *bed);

    *state = bed;
    bed->params = (struct fc_net_fetch_params){
        .user_agent = "agent/1 (test)", .body_max = 128, .connect_timeout = 10 * FC_SECOND};
    return fc_net_fetch_new(&bed->fetch, NULL);
}

static int teardown(void **state)
{
    struct bed *bed = *state;

    fc_net_fetch_free(bed->fetch);
    peer_stop(bed->peer);
    forget(&bed->got);
    free(bed);
    return 0;
}

static void aim(struct bed *bed, const char *scheme, const char *ip)
{
    snprintf(bed->url, sizeof bed->url, "%s://name.test/path?q=1", scheme);
    bed->params.url = bed->url;
    bed->params.host = "name.test";
    bed->params.port = 80;
    assert_int_equal(fc_net_addr_parse_ip(ip, &bed->params.to, NULL), 0);
    bed->params.to.port = peer_port(bed->peer);
    if (bed->params.deadline == 0)
        bed->params.deadline = fc_clock_mono() + 10 * FC_SECOND;
}

static void run(struct bed *bed)
{
    int64_t end = fc_clock_mono() + 20 * FC_SECOND;

    while (bed->got.count == 0 && fc_clock_mono() < end)
        fc_net_fetch_run(bed->fetch, end);
    assert_int_equal(bed->got.count, 1);
}

static void get(struct bed *bed)
{
    struct fc_err err = {0};

    if (fc_net_fetch_start(bed->fetch, &bed->params, on_done, &bed->got, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(bed->got.count, 0); /* never from fc_net_fetch_start */
    run(bed);
}

static void get_simple(struct bed *bed, enum peer_mode mode, const char *answer)
{
    bed->peer = peer_start_simple(mode, answer);
    aim(bed, "http", "127.0.0.1");
    get(bed);
}

static void short_of_time(struct bed *bed)
{
    bed->params.connect_timeout = 300 * FC_MS;
    bed->params.deadline = fc_clock_mono() + 300 * FC_MS;
}

/* ---- what goes out ---- */

static void the_request_is_that_of_lets_encrypt(void **state)
{
    struct bed *bed = *state;

    setenv("http_proxy", "http://127.0.0.1:1/", 1);
    setenv("ALL_PROXY", "http://127.0.0.1:1/", 1);
    bed->params.referer = "http://other.test/x";
    get_simple(bed, PEER_ANSWER, OK_BODY);
    assert_int_equal(bed->got.fault, FC_NET_OK);
    assert_int_equal(bed->got.status, 200);
    assert_int_equal(bed->got.version, 11);
    assert_string_equal(bed->got.body, "body");
    assert_false(bed->got.body_full);
    assert_null(bed->got.tls);
    assert_non_null(strstr(bed->got.local, "127.0.0.1:"));
    assert_string_equal(peer_request(bed->peer, 0), "GET /path?q=1 HTTP/1.1\r\n"
                                                    "Host: name.test\r\n"
                                                    "User-Agent: agent/1 (test)\r\n"
                                                    "Accept: */*\r\n"
                                                    "Referer: http://other.test/x\r\n"
                                                    "Accept-Encoding: gzip\r\n"
                                                    "Connection: close\r\n\r\n");
}

static void handles_are_used_again_and_keep_nothing(void **state)
{
    struct bed *bed = *state;

    bed->params.referer = "http://other.test/x";
    get_simple(bed, PEER_ANSWER, "HTTP/1.0 302 Found\r\nSet-Cookie: a=b\r\nLocation: /x\r\n\r\n");
    assert_string_equal(bed->got.location, "/x");
    assert_int_equal(bed->got.version, 10);
    bed->params.referer = NULL;
    forget(&bed->got);
    get(bed);
    assert_int_equal(peer_count(bed->peer), 2);
    assert_null(strstr(peer_request(bed->peer, 1), "Referer"));
    assert_null(strstr(peer_request(bed->peer, 1), "Cookie"));
}

static void the_source_address_can_be_chosen(void **state)
{
    struct bed *bed = *state;

    assert_int_equal(fc_net_addr_parse_ip("127.0.0.7", &bed->params.from, NULL), 0);
    get_simple(bed, PEER_ANSWER, OK_BODY);
    assert_int_equal(bed->got.fault, FC_NET_OK);
    assert_non_null(strstr(bed->got.local, "127.0.0.7:"));
}

static void ipv6(void **state)
{
    struct bed *bed = *state;
    const struct peer_answer answer = {"", OK_BODY, 0};

    bed->peer = peer_start(&(struct peer_params){.ip = "::1", .answers = &answer, .n_answers = 1});
    aim(bed, "http", "::1");
    get(bed);
    assert_int_equal(bed->got.fault, FC_NET_OK);
    assert_non_null(strstr(bed->got.local, "[::1]:"));
}

/* ---- what comes in ---- */

static void good_answers(void **state)
{
    static const struct {
        const char *bytes;
        const char *body;
    } rows[] = {
        {"HTTP/1.0 200 OK\r\n\r\nuntil the end", "until the end"},
        {"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", ""},
        {"HTTP/1.1 200 OK\nContent-Length: 4\n\nbody", "body"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nbo\r\n2;x=y\r\ndy\r\n0\r\nTrailer: x\r\n\r\n",
         "body"},
        {"HTTP/1.1 100 Continue\r\nLocation: /no\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody", "body"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody and more", "body"},
    };
    struct bed *bed = *state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        get_simple(bed, PEER_ANSWER, rows[i].bytes);
        if (bed->got.fault != FC_NET_OK || strcmp(bed->got.body, rows[i].body) != 0)
            fail_msg("row %zu: fault %d, '%s', body '%s'", i, (int)bed->got.fault, bed->got.error, bed->got.body);
        assert_true(bed->got.head_complete);
        assert_null(bed->got.location);
        forget(&bed->got);
        peer_stop(bed->peer);
        bed->peer = NULL;
    }
}

static void the_first_location_counts(void **state)
{
    struct bed *bed = *state;

    get_simple(bed, PEER_ANSWER,
               "HTTP/1.1 302 Found\r\nlocation: \t/first \r\nLocation: /second\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(bed->got.status, 302);
    assert_string_equal(bed->got.location, "/first");
}

static void gzip_is_decoded(void **state)
{
    /* printf body | gzip -n */
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n"
                                 "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x4b\xca\x4f\xa9\x04\x00\xb2\x0b\xa8\xdb"
                                 "\x04\x00\x00\x00";
    const struct peer_answer answers = {"", answer, sizeof answer - 1};
    struct bed *bed = *state;

    bed->peer = peer_start(&(struct peer_params){.answers = &answers, .n_answers = 1});
    aim(bed, "http", "127.0.0.1");
    get(bed);
    assert_int_equal(bed->got.fault, FC_NET_OK);
    assert_string_equal(bed->got.body, "body");
}

static void an_encoding_that_nobody_asked_for_is_no_encoding(void **state)
{
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nContent-Encoding: utf-8\r\nContent-Length: 4\r\n\r\nbody",
        "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n\r\nbody",
        "HTTP/1.1 200 OK\r\nContent-Encoding: x-gzip\r\n\r\nbody",
    };
    struct bed *bed = *state;

    bed->params.body_status = 200;
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        get_simple(bed, PEER_ANSWER, answers[i]);
        assert_int_equal(bed->got.fault, FC_NET_OK);
        assert_string_equal(bed->got.body, "body");
        assert_int_equal(peer_count(bed->peer), 2);
        forget(&bed->got);
        peer_stop(bed->peer);
        bed->peer = NULL;
    }
    /* the handle decodes again afterwards */
    get_simple(bed, PEER_ANSWER, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nbody");
    assert_int_equal(bed->got.fault, FC_NET_BAD_BODY);
}

static void a_long_body_ends_at_the_limit(void **state)
{
    struct bed *bed = *state;

    bed->params.body_max = 6;
    get_simple(bed, PEER_ANSWER_HOLD, "HTTP/1.1 200 OK\r\n\r\n0123456789");
    assert_int_equal(bed->got.fault, FC_NET_OK);
    assert_string_equal(bed->got.body, "012345");
    assert_int_equal(bed->got.body_len, 6);
    assert_true(bed->got.body_full);
}

static void other_statuses_end_with_the_head(void **state)
{
    struct bed *bed = *state;

    bed->params.body_status = 200;
    get_simple(bed, PEER_ANSWER_HOLD, "HTTP/1.1 404 Not Found\r\nContent-Length: 1000000\r\n\r\n");
    assert_int_equal(bed->got.fault, FC_NET_OK);
    assert_int_equal(bed->got.status, 404);
    assert_true(bed->got.head_complete);
    assert_string_equal(bed->got.body, "");
}

/* ---- faults ---- */

static void faults_without_an_answer(void **state)
{
    static const struct {
        enum peer_mode mode;
        const char *bytes;
        enum fc_net_fetch_fault fault;
        bool slow;
    } rows[] = {
        {PEER_REFUSE, NULL, FC_NET_REFUSED, false},
        {PEER_FULL, NULL, FC_NET_CONNECT_TIMEOUT, true},
        {PEER_HANG, NULL, FC_NET_ANSWER_TIMEOUT, true},
        {PEER_RESET, NULL, FC_NET_RESET, false},
        {PEER_CLOSE, NULL, FC_NET_GARBAGE, false},
        {PEER_ANSWER, "SSH-2.0-OpenSSH_9.2\r\n", FC_NET_GARBAGE, false},
        {PEER_GREET, "220 mail.test ESMTP\r\n", FC_NET_GARBAGE, false},
        {PEER_ANSWER, "HTTP/1.1 200 OK\r\nno colon here\r\n\r\nbody", FC_NET_GARBAGE, false},
        {PEER_ANSWER, "HTTP/1.1 200 OK\r\nContent-Len", FC_NET_GARBAGE, false},
        {PEER_ANSWER, "HTTP/1.1 2000 OK\r\n\r\n", FC_NET_GARBAGE, false},
        {PEER_ANSWER, "HTTP/2 200\r\n\r\nbody", FC_NET_GARBAGE, false},
        {PEER_ANSWER_HOLD, "HTTP/1.1 200 OK\r\nServer: x\r\n", FC_NET_ANSWER_TIMEOUT, true},
        {PEER_ANSWER_HOLD, "HTTP/1.1 100 Continue\r\n\r\n", FC_NET_ANSWER_TIMEOUT, true},
        {PEER_TRICKLE, "HTTP/1.1 200 OK\r\nX: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n",
         FC_NET_ANSWER_TIMEOUT, true},
    };
    struct bed *bed = *state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bed->params.deadline = 0;
        bed->params.connect_timeout = 10 * FC_SECOND;
        if (rows[i].slow)
            short_of_time(bed);
        get_simple(bed, rows[i].mode, rows[i].bytes);
        if (bed->got.fault != rows[i].fault)
            fail_msg("row %zu: fault %d, not %d; '%s'", i, (int)bed->got.fault, (int)rows[i].fault, bed->got.error);
        assert_int_equal(fc_net_fetch_unconnected(bed->got.fault),
                         rows[i].fault == FC_NET_REFUSED || rows[i].fault == FC_NET_CONNECT_TIMEOUT);
        assert_false(bed->got.head_complete);
        assert_string_equal(bed->got.body, "");
        forget(&bed->got);
        peer_stop(bed->peer);
        bed->peer = NULL;
    }
}

static void faults_in_the_body(void **state)
{
    static const struct {
        enum peer_mode mode;
        const char *bytes;
        enum fc_net_fetch_fault fault;
        const char *error;
        bool slow;
    } rows[] = {
        {PEER_ANSWER, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbody", FC_NET_SHORT_BODY, NULL, false},
        {PEER_ANSWER, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nbody", FC_NET_SHORT_BODY, NULL, false},
        {PEER_ANSWER, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nbody", FC_NET_BAD_BODY,
         "invalid byte in chunk length", false},
        {PEER_ANSWER, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 20\r\n\r\nno gzip at all, sir.",
         FC_NET_BAD_BODY, "gzip: invalid header", false},
        {PEER_ANSWER_RESET, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbody", FC_NET_RESET, NULL, false},
        {PEER_ANSWER_HOLD, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbody", FC_NET_BODY_TIMEOUT, NULL, true},
    };
    struct bed *bed = *state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bed->params.deadline = 0;
        if (rows[i].slow)
            short_of_time(bed);
        get_simple(bed, rows[i].mode, rows[i].bytes);
        if (bed->got.fault != rows[i].fault)
            fail_msg("row %zu: fault %d, not %d; '%s'", i, (int)bed->got.fault, (int)rows[i].fault, bed->got.error);
        if (rows[i].error != NULL)
            assert_string_equal(bed->got.error, rows[i].error);
        assert_true(bed->got.head_complete);
        assert_int_equal(bed->got.status, 200);
        forget(&bed->got);
        peer_stop(bed->peer);
        bed->peer = NULL;
    }
}

static void an_unreachable_network(void **state)
{
    struct bed *bed = *state;

    bed->peer = peer_start_simple(PEER_REFUSE, NULL);
    aim(bed, "http", "127.255.255.255"); /* the broadcast address of loopback: no TCP there */
    get(bed);
    assert_int_equal(bed->got.fault, FC_NET_UNREACHABLE);
    assert_true(fc_net_fetch_unconnected(bed->got.fault));
}

static void headers_have_a_limit(void **state)
{
    struct bed *bed = *state;
    struct fc_buf answer fc_auto_buf;

    fc_buf_init(&answer, 4 * FC_NET_FETCH_HEAD_MAX);
    fc_buf_puts(&answer, "HTTP/1.1 200 OK\r\n");
    while (answer.len < 2 * FC_NET_FETCH_HEAD_MAX)
        fc_buf_puts(&answer, "X-Large: 0123456789012345678901234567890123456789012345678901234567890123456789\r\n");
    fc_buf_puts(&answer, "\r\nbody");
    get_simple(bed, PEER_ANSWER, answer.data);
    assert_int_equal(bed->got.fault, FC_NET_GARBAGE);
}

static void http2_is_told_from_garbage(void **state)
{
    /* what nginx sends first on "listen 80 http2": a SETTINGS frame */
    static const char settings[] = "\0\0\x12\4\0\0\0\0\0\0\3\0\0\0\x80\0\4\0\1\0\0\0\5\0\xff\xff\xff";
    static const char other[] = "\0\0\x12\5\0\0\0\0\0\0\3\0\0\0\x80";
    struct peer_answer answer = {"", settings, sizeof settings - 1};
    struct bed *bed = *state;

    bed->peer = peer_start(&(struct peer_params){.mode = PEER_GREET, .answers = &answer, .n_answers = 1});
    aim(bed, "http", "127.0.0.1");
    get(bed);
    assert_int_equal(bed->got.fault, FC_NET_HTTP2);
    forget(&bed->got);
    peer_stop(bed->peer);
    answer = (struct peer_answer){"", other, sizeof other - 1};
    bed->peer = peer_start(&(struct peer_params){.mode = PEER_GREET, .answers = &answer, .n_answers = 1});
    aim(bed, "http", "127.0.0.1");
    get(bed);
    assert_int_equal(bed->got.fault, FC_NET_GARBAGE);
}

/* ---- TLS ---- */

static void no_certificate_is_verified(void **state)
{
    const struct peer_answer answer = {"", "HTTP/1.1 200 OK\r\n\r\nbody", 0};
    struct bed *bed = *state;

    /* expired in 2001, self-signed, for another name */
    bed->peer = peer_start(&(struct peer_params){.answers = &answer, .n_answers = 1, .pem = EXPIRED});
    aim(bed, "https", "127.0.0.1");
    get(bed);
    assert_int_equal(bed->got.fault, FC_NET_OK);
    assert_string_equal(bed->got.body, "body");
    assert_string_equal(bed->got.tls, "TLSv1.3");
    assert_string_equal(peer_sni(bed->peer), "name.test");
}

static void alerts_have_the_names_of_go(void **state)
{
    /* RFC 8446 section 6: an alert record, level fatal; texts of Go's crypto/tls */
    static const struct {
        unsigned char number;
        const char *name;
    } rows[] = {
        {10, "unexpected message"},
        {40, "handshake failure"},
        {70, "protocol version not supported"},
        {80, "internal error"},
        {112, "unrecognized name"},
        {120, "no application protocol"},
        {47, "illegal parameter"},
        {48, "unknown certificate authority"},
        {116, "certificate required"},
        {200, "alert(200)"},
    };
    struct bed *bed = *state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char alert[] = {21, 3, 3, 0, 2, 2, (char)rows[i].number};
        const struct peer_answer answer = {"", alert, sizeof alert};
        bed->peer = peer_start(&(struct peer_params){.mode = PEER_GREET, .answers = &answer, .n_answers = 1});
        bed->params.deadline = 0;
        aim(bed, "https", "127.0.0.1");
        get(bed);
        if (bed->got.fault != FC_NET_TLS)
            fail_msg("alert %d: fault %d, '%s'", rows[i].number, (int)bed->got.fault, bed->got.error);
        assert_string_equal(bed->got.alert, rows[i].name);
        forget(&bed->got);
        peer_stop(bed->peer);
        bed->peer = NULL;
    }
}

static void http_on_the_https_port_is_garbage(void **state)
{
    struct bed *bed = *state;

    bed->peer = peer_start_simple(PEER_GREET, "HTTP/1.1 400 Bad Request\r\n\r\n");
    aim(bed, "https", "127.0.0.1");
    get(bed);
    assert_int_equal(bed->got.fault, FC_NET_GARBAGE);
    assert_null(bed->got.alert);
}

static void a_handshake_that_hangs_is_no_connect_timeout(void **state)
{
    struct bed *bed = *state;

    bed->peer = peer_start_simple(PEER_HANG, NULL);
    bed->params.connect_timeout = 200 * FC_MS;
    aim(bed, "https", "127.0.0.1");
    get(bed);
    assert_int_equal(bed->got.fault, FC_NET_ANSWER_TIMEOUT);
    assert_false(fc_net_fetch_unconnected(bed->got.fault));
}

/* ---- many, cancelled, woken ---- */

struct tally {
    size_t ok, cancelled, other;
};

static void on_tally(void *cookie, const struct fc_net_fetch_result *result)
{
    struct tally *tally = cookie;

    if (result->fault == FC_NET_OK)
        tally->ok++;
    else if (result->fault == FC_NET_CANCELLED)
        tally->cancelled++;
    else
        tally->other++;
}

static void hangers_delay_nobody_and_can_be_cancelled(void **state)
{
    struct bed *bed = *state;
    struct peer *hanger = peer_start_simple(PEER_HANG, NULL);
    struct tally hanging = {0}, answered = {0};
    int64_t end = fc_clock_mono() + 60 * FC_SECOND;

    bed->params.deadline = end;
    bed->peer = hanger;
    aim(bed, "http", "127.0.0.1");
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(fc_net_fetch_start(bed->fetch, &bed->params, on_tally, &hanging, NULL), 0);
    bed->peer = peer_start_simple(PEER_ANSWER, OK_BODY);
    aim(bed, "http", "127.0.0.1");
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(fc_net_fetch_start(bed->fetch, &bed->params, on_tally, &answered, NULL), 0);
    while (answered.ok + answered.other < MANY && fc_clock_mono() < end)
        fc_net_fetch_run(bed->fetch, end);
    size_t ok = answered.ok, left = fc_net_fetch_run(bed->fetch, 0);
    fc_net_fetch_free(FC_TAKE(bed->fetch));
    peer_stop(hanger);
    assert_int_equal(ok, MANY);
    assert_int_equal(left, MANY);
    assert_int_equal(hanging.cancelled, MANY);
}

static void *wake_soon(void *cookie)
{
    fc_net_fetch_wake(cookie);
    return NULL;
}

static void another_thread_wakes_the_loop(void **state)
{
    struct bed *bed = *state;
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, wake_soon, bed->fetch), 0);
    /* without the wake this would last until ctest's time is up */
    size_t left = fc_net_fetch_run(bed->fetch, INT64_MAX);
    pthread_join(thread, NULL);
    assert_int_equal(left, 0);
    assert_int_equal(fc_net_fetch_run(bed->fetch, fc_clock_mono() + 10 * FC_MS), 0);
}

static void nothing_starts_on_a_loop_that_closes(void **state)
{
    struct bed *bed = *state;

    fc_net_fetch_free(NULL);
    bed->peer = peer_start_simple(PEER_HANG, NULL);
    aim(bed, "http", "127.0.0.1");
    assert_int_equal(fc_net_fetch_start(bed->fetch, &bed->params, on_done, &bed->got, NULL), 0);
    fc_net_fetch_free(FC_TAKE(bed->fetch));
    assert_int_equal(bed->got.count, 1);
    assert_int_equal(bed->got.fault, FC_NET_CANCELLED);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_request_is_that_of_lets_encrypt),
        TEST(handles_are_used_again_and_keep_nothing),
        TEST(the_source_address_can_be_chosen),
        TEST(ipv6),
        TEST(good_answers),
        TEST(the_first_location_counts),
        TEST(gzip_is_decoded),
        TEST(an_encoding_that_nobody_asked_for_is_no_encoding),
        TEST(a_long_body_ends_at_the_limit),
        TEST(other_statuses_end_with_the_head),
        TEST(faults_without_an_answer),
        TEST(faults_in_the_body),
        TEST(an_unreachable_network),
        TEST(headers_have_a_limit),
        TEST(http2_is_told_from_garbage),
        TEST(no_certificate_is_verified),
        TEST(alerts_have_the_names_of_go),
        TEST(http_on_the_https_port_is_garbage),
        TEST(a_handshake_that_hangs_is_no_connect_timeout),
        TEST(hangers_delay_nobody_and_can_be_cancelled),
        TEST(another_thread_wakes_the_loop),
        TEST(nothing_starts_on_a_loop_that_closes),
    };
    RUN(tests);
}
