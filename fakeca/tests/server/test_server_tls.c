/* test: threads */
/* TLS with curl and openssl as clients, and what is no TLS at all. */
#include "server/lib_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/base_clock.h"
#include "base/base_time.h"

#include "cmocka_all.h"

struct fixture {
    struct lib_service *service;
    struct lib_client client;
    char url[64], connect[64];
    char out[65536];
};

static int begin(void **state, const struct fc_server_limits *limits)
{
    struct fixture *f = fc_calloc(1, sizeof *f);

    f->client.fd = -1;
    if (!lib_tls_cert())
        return -1;
    f->service = lib_service_new(limits, true);
    snprintf(f->url, sizeof f->url, "https://localhost:%u", f->service->port);
    snprintf(f->connect, sizeof f->connect, "127.0.0.1:%u", f->service->port);
    *state = f;
    return 0;
}

static int setup(void **state)
{
    return begin(state, NULL);
}

static int setup_short(void **state)
{
    struct fc_server_limits limits = fc_server_default_limits;

    limits.headers_deadline = 300 * FC_MS;
    return begin(state, &limits);
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    lib_close(&f->client);
    lib_service_free(f->service);
    free(f);
    return 0;
}

/* curl with the test's CA and up to six more arguments (NULL-terminated); the last, and only that, is a path of the service. */
static int curl(struct fixture *f, const char *const *more)
{
    const char *args[16] = {"curl", "-sS", "--max-time", "20", "--noproxy", "*", "--cacert", lib_tls_cert_file()};
    char url[256] = "";
    size_t n = 8;

    for (; *more; more++) {
        snprintf(url, sizeof url, "%s%s", f->url, *more);
        args[n++] = more[1] ? *more : url;
    }
    return lib_run(args, f->out, sizeof f->out);
}

static void get_post_and_head(void **state)
{
    struct fixture *f = *state;
    char expected[128];

    assert_int_equal(curl(f, (const char *const[]){"/echo?q", NULL}), 0);
    snprintf(expected, sizeof expected, "GET|/echo|q|localhost:%u|https|-|0|fits|", f->service->port);
    assert_string_equal(f->out, expected);
    assert_int_equal(curl(f, (const char *const[]){"-d", "hello", "/echo", NULL}), 0);
    snprintf(expected, sizeof expected, "POST|/echo|-|localhost:%u|https|-|5|fits|hello", f->service->port);
    assert_string_equal(f->out, expected);
    assert_int_equal(curl(f, (const char *const[]){"-I", "/echo", NULL}), 0);
    assert_non_null(strstr(f->out, "HTTP/1.1 200"));
    assert_non_null(strstr(f->out, "Content-Length: "));
}

static void large_answer_and_large_request(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(curl(f, (const char *const[]){"-o", "/dev/null", "-w", "%{size_download}", "/big", NULL}), 0);
    assert_string_equal(f->out, "3000000");
}

static void held_request_and_stream(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(curl(f, (const char *const[]){"/hold", NULL}), 0);
    assert_string_equal(f->out, "deadline");
    lib_feed(f->service, "data: 0\n\n");
    lib_feed_end(f->service);
    assert_int_equal(curl(f, (const char *const[]){"-N", "/stream", NULL}), 0);
    assert_string_equal(f->out, "data: 0\n\n");
}

static void versions_from_1_2_on(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(curl(f, (const char *const[]){"--tls-max", "1.2", "/echo", NULL}), 0);
    assert_int_equal(curl(f, (const char *const[]){"--tlsv1.3", "/echo", NULL}), 0);
    const char *const old[] = {"openssl", "s_client", "-connect",        f->connect,
                               "-tls1_1", "-cipher",  "ALL:@SECLEVEL=0", NULL};
    assert_int_not_equal(lib_run(old, f->out, sizeof f->out), 0);
}

static void alpn_names_http_1_1(void **state)
{
    struct fixture *f = *state;
    const char *const args[] = {"openssl", "s_client", "-connect", f->connect, "-alpn", "h2,http/1.1", NULL};

    lib_run(args, f->out, sizeof f->out);
    assert_non_null(strstr(f->out, "ALPN protocol: http/1.1"));
}

static void still_served(struct fixture *f)
{
    assert_int_equal(curl(f, (const char *const[]){"-o", "/dev/null", "-w", "%{http_code}", "/echo", NULL}), 0);
    assert_string_equal(f->out, "200");
}

static void garbage_is_ended(void **state)
{
    struct fixture *f = *state;
    struct fc_server_stats stats;
    unsigned char garbage[2048];

    for (size_t i = 0; i < sizeof garbage; i++)
        garbage[i] = (unsigned char)(i * 7 + 13);
    f->client = lib_connect(f->service->port);
    lib_send_bytes(&f->client, garbage, sizeof garbage);
    assert_true(lib_read_end(&f->client));
    assert_true(lib_await_open(f->service, 1, 0));
    fc_server_stats(f->service->server, &stats);
    assert_int_equal(stats.tls_failures, 1);
    still_served(f);
}

static void plain_http_is_ended(void **state)
{
    struct fixture *f = *state;

    f->client = lib_connect(f->service->port);
    assert_true(lib_send(&f->client, "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_true(lib_read_end(&f->client));
    assert_null(f->client.data ? strstr(f->client.data, "200") : NULL);
    still_served(f);
}

/* Of this process, all threads. */
static int64_t cpu_ms(void)
{
    struct rusage used;

    assert_int_equal(getrusage(RUSAGE_SELF, &used), 0);
    return (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000 +
           (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1000;
}

/* It costs no processor time while it stands: spinning would take most of the deadline's 300 ms. */
static void handshake_that_stands_still_is_cut(void **state)
{
    struct fixture *f = *state;
    /* the first bytes of a ClientHello record of 512 bytes */
    static const unsigned char hello[] = {0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03};
    struct fc_server_stats stats;

    f->client = lib_connect(f->service->port);
    int64_t before = cpu_ms();
    assert_true(lib_send_bytes(&f->client, hello, sizeof hello));
    assert_true(lib_read_end(&f->client));
    assert_in_range(cpu_ms() - before, 0, 99);
    assert_true(lib_await_open(f->service, 1, 0));
    fc_server_stats(f->service->server, &stats);
    assert_int_equal(stats.timed_out, 1);
    still_served(f);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(get_post_and_head),
        T(large_answer_and_large_request),
        T(held_request_and_stream),
        T(versions_from_1_2_on),
        T(alpn_names_http_1_1),
        T(garbage_is_ended),
        T(plain_http_is_ended),
        cmocka_unit_test_setup_teardown(handshake_that_stands_still_is_cut, setup_short, teardown),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    lib_tls_clean();
    return failures != 0;
}
