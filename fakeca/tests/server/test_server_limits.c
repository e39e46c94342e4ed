/* test: threads */
/* Clients that take their time, and more of them than there is room for. */
#include "server/lib_server.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/base_clock.h"
#include "base/base_text.h"
#include "base/base_time.h"

#include "cmocka_all.h"

#define SHORT (300 * FC_MS)

struct fixture {
    struct lib_service *service;
    struct lib_client clients[8];
    struct lib_response response;
};

static int begin(void **state, const struct fc_server_limits *limits)
{
    struct fixture *f = fc_calloc(1, sizeof *f);

    f->service = lib_service_new(limits, false);
    for (size_t i = 0; i < 8; i++)
        f->clients[i].fd = -1;
    *state = f;
    return 0;
}

static int setup_deadlines(void **state)
{
    struct fc_server_limits limits = fc_server_default_limits;

    limits.headers_deadline = SHORT;
    limits.body_deadline = SHORT;
    limits.idle = SHORT;
    return begin(state, &limits);
}

static int setup_cap(void **state)
{
    struct fc_server_limits limits = fc_server_default_limits;

    limits.connections_max = 2;
    return begin(state, &limits);
}

static int setup_threads(void **state)
{
    struct fc_server_limits limits = fc_server_default_limits;

    limits.threads = 3;
    return begin(state, &limits);
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < 8; i++)
        lib_close(&f->clients[i]);
    lib_response_release(&f->response);
    lib_service_free(f->service);
    free(f);
    return 0;
}

static struct lib_client *client(struct fixture *f, size_t i)
{
    f->clients[i] = lib_connect(f->service->port);
    assert_true(f->clients[i].fd >= 0);
    return &f->clients[i];
}

static void served(struct fixture *f, struct lib_client *c)
{
    lib_response_release(&f->response);
    assert_true(lib_send(c, "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n"));
    f->response = lib_response(c, false);
    assert_int_equal(f->response.status, 200);
}

static uint64_t timed_out(struct fixture *f)
{
    struct fc_server_stats stats;

    fc_server_stats(f->service->server, &stats);
    return stats.timed_out;
}

/* Sends a byte, waits a little for the end of the connection, and so on: never idle for as long as the limit. Whether the
 * connection ended, and not before the deadline. */
static bool drip_until_cut(struct lib_client *c, const char *byte)
{
    int64_t start = fc_clock_mono();
    char buf[4096];

    while (fc_clock_mono() < start + PATIENCE) {
        struct timeval tenth = {.tv_usec = 30000};
        lib_send(c, byte);
        setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &tenth, sizeof tenth);
        ssize_t got = recv(c->fd, buf, sizeof buf, 0);
        if (got >= 0 || (got < 0 && errno != EAGAIN))
            return fc_clock_mono() - start >= SHORT - 10 * FC_MS;
    }
    return false;
}

static void a_byte_at_a_time_of_headers_is_cut_by_the_total_deadline(void **state)
{
    struct fixture *f = *state;
    struct lib_client *c = client(f, 0);

    assert_true(lib_send(c, "GET /echo HTTP/1.1\r\nHost: a\r\nX-Slow: "));
    assert_true(drip_until_cut(c, "x"));
    assert_int_equal(timed_out(f), 1);
}

static void empty_lines_do_not_buy_time(void **state)
{
    struct fixture *f = *state;

    assert_true(drip_until_cut(client(f, 0), "\r\n"));
}

static void a_byte_at_a_time_of_body_is_cut_by_the_total_deadline(void **state)
{
    struct fixture *f = *state;
    struct lib_client *c = client(f, 0);

    assert_true(lib_send(c, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n"));
    assert_true(drip_until_cut(c, "x"));
    assert_int_equal(timed_out(f), 1);
}

static void second_request_has_a_deadline_too(void **state)
{
    struct fixture *f = *state;
    struct lib_client *c = client(f, 0);

    served(f, c);
    assert_true(lib_send(c, "GET /echo HTTP/1.1\r\nX-Slow: "));
    assert_true(drip_until_cut(c, "x"));
}

static void silent_connections_are_cut(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < 3; i++)
        client(f, i);
    for (size_t i = 0; i < 3; i++)
        assert_true(lib_read_end(&f->clients[i]));
    assert_int_equal(timed_out(f), 3);
    assert_true(lib_await_open(f->service, 3, 0));
}

static void resting_connections_are_closed_and_not_counted_as_late(void **state)
{
    struct fixture *f = *state;
    struct lib_client *c = client(f, 0);

    served(f, c);
    assert_true(lib_read_end(c));
    assert_int_equal(timed_out(f), 0);
}

static void half_closed_after_a_request_is_answered(void **state)
{
    struct fixture *f = *state;
    struct lib_client *c = client(f, 0);

    assert_true(lib_send(c, "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_int_equal(shutdown(c->fd, SHUT_WR), 0);
    f->response = lib_response(c, false);
    assert_int_equal(f->response.status, 200);
    assert_true(lib_read_end(c));
}

static void half_closed_within_a_request_is_ended(void **state)
{
    struct fixture *f = *state;
    struct lib_client *c = client(f, 0);

    assert_true(lib_send(c, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc"));
    assert_int_equal(shutdown(c->fd, SHUT_WR), 0);
    assert_true(lib_read_end(c));
    assert_true(lib_await_open(f->service, 1, 0));
}

static void an_answer_that_nobody_takes_is_cut(void **state)
{
    struct fixture *f = *state;
    struct lib_client *c = client(f, 0);
    int small = 4096;

    setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    for (int i = 0; i < 4; i++)
        assert_true(lib_send(c, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n"));
    int64_t until = fc_clock_mono() + PATIENCE;
    while (timed_out(f) == 0 && fc_clock_mono() < until)
        sched_yield();
    assert_int_equal(timed_out(f), 1);
    assert_true(lib_await_open(f->service, 1, 0));
}

static void a_stream_that_nobody_takes_is_cut(void **state)
{
    struct fixture *f = *state;

    f->service->fed_endless = true;
    assert_true(lib_send(client(f, 0), "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_true(lib_await(f->service, &f->service->closed, 1));
    assert_true(lib_await_open(f->service, 1, 0));
}

static void slow_clients_do_not_keep_others_waiting(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < 4; i++)
        assert_true(lib_send(client(f, i), "GET /echo HTT"));
    served(f, client(f, 4));
}

static void beyond_the_cap_connections_wait_for_a_place(void **state)
{
    struct fixture *f = *state;

    served(f, client(f, 0));
    served(f, client(f, 1));
    struct lib_client *third = client(f, 2); /* the kernel takes it, the server does not */
    assert_true(lib_send(third, "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n"));
    served(f, &f->clients[0]);
    served(f, &f->clients[1]);
    struct fc_server_stats stats;
    fc_server_stats(f->service->server, &stats);
    assert_int_equal(stats.connections, 2);

    lib_close(&f->clients[1]);
    lib_response_release(&f->response);
    f->response = lib_response(third, false);
    assert_int_equal(f->response.status, 200);
    fc_server_stats(f->service->server, &stats);
    assert_int_equal(stats.connections, 3);
    assert_int_equal(stats.requests, 5);
}

static void held_requests_count_against_the_cap_and_end(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < 6; i++)
        assert_true(lib_send(client(f, i), "GET /hold-long HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
    assert_true(lib_await(f->service, &f->service->held, 2));
    lib_release(f->service);
    for (size_t i = 0; i < 6; i++) {
        lib_response_release(&f->response);
        f->response = lib_response(&f->clients[i], false);
        assert_int_equal(f->response.status, 200);
    }
}

static void several_threads_share_the_connections(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < 6; i++)
        assert_true(lib_send(client(f, i), "GET /hold-long HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_true(lib_await(f->service, &f->service->held, 6));
    lib_release(f->service);
    for (size_t i = 0; i < 6; i++) {
        lib_response_release(&f->response);
        f->response = lib_response(&f->clients[i], false);
        assert_string_equal(f->response.body, "signalled");
        served(f, &f->clients[i]);
    }
}

#define D(f) cmocka_unit_test_setup_teardown(f, setup_deadlines, teardown)
#define C(f) cmocka_unit_test_setup_teardown(f, setup_cap, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        D(a_byte_at_a_time_of_headers_is_cut_by_the_total_deadline),
        D(empty_lines_do_not_buy_time),
        D(a_byte_at_a_time_of_body_is_cut_by_the_total_deadline),
        D(second_request_has_a_deadline_too),
        D(silent_connections_are_cut),
        D(resting_connections_are_closed_and_not_counted_as_late),
        D(half_closed_after_a_request_is_answered),
        D(half_closed_within_a_request_is_ended),
        D(an_answer_that_nobody_takes_is_cut),
        D(a_stream_that_nobody_takes_is_cut),
        D(slow_clients_do_not_keep_others_waiting),
        C(beyond_the_cap_connections_wait_for_a_place),
        C(held_requests_count_against_the_cap_and_end),
        cmocka_unit_test_setup_teardown(several_threads_share_the_connections, setup_threads, teardown),
    };
    RUN(tests);
}
