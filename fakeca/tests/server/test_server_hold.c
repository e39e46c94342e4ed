/* test: threads */
/* Requests that wait for something, streams, and the server's stop under both and under load. */
#include "server/lib_server.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/base_clock.h"
#include "base/base_time.h"

#include "cmocka_all.h"

#define CLIENTS 8

struct fixture {
    struct lib_service *service;
    struct lib_client clients[CLIENTS];
    struct lib_response response;
};

static int setup(void **state)
{
    struct fixture *f = fc_calloc(1, sizeof *f);

    f->service = lib_service_new(NULL, false);
    for (size_t i = 0; i < CLIENTS; i++)
        f->clients[i] = lib_connect(f->service->port);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < CLIENTS; i++)
        lib_close(&f->clients[i]);
    lib_response_release(&f->response);
    lib_service_free(f->service);
    free(f);
    return 0;
}

static void take(struct fixture *f, struct lib_client *client)
{
    lib_response_release(&f->response);
    f->response = lib_response(client, false);
}

static void held_request_is_woken_by_the_latch(void **state)
{
    struct fixture *f = *state;

    assert_true(lib_send(&f->clients[0], "GET /hold-long HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_true(lib_await(f->service, &f->service->held, 1));
    /* the serving thread is free meanwhile */
    assert_true(lib_send(&f->clients[1], "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n"));
    take(f, &f->clients[1]);
    assert_int_equal(f->response.status, 200);
    lib_release(f->service);
    take(f, &f->clients[0]);
    assert_string_equal(f->response.body, "signalled");
    /* and the connection goes on; the latch is open already now */
    assert_true(lib_send(&f->clients[0], "GET /hold-long HTTP/1.1\r\nHost: a\r\n\r\n"));
    take(f, &f->clients[0]);
    assert_string_equal(f->response.body, "signalled");
}

static void held_request_is_woken_by_its_deadline(void **state)
{
    struct fixture *f = *state;
    int64_t start = fc_clock_mono();

    assert_true(lib_send(&f->clients[0], "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n"));
    take(f, &f->clients[0]);
    int64_t took = fc_clock_mono() - start;
    assert_string_equal(f->response.body, "deadline");
    assert_in_range(took, 250 * FC_MS, PATIENCE);
}

static void held_request_keeps_its_now(void **state)
{
    struct fixture *f = *state;
    int64_t at = 0;

    assert_int_equal(fc_time_parse("2030-01-01T00:00:00Z", &at, NULL), 0);
    assert_int_equal(fc_clock_freeze(f->service->clock, NULL), 0);
    assert_int_equal(fc_clock_set(f->service->clock, at, NULL), 0);
    assert_true(lib_send(&f->clients[0], "GET /hold-long HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_true(lib_await(f->service, &f->service->held, 1));
    assert_int_equal(fc_clock_advance(f->service->clock, 60 * FC_DAY, NULL), 0);
    lib_release(f->service);
    take(f, &f->clients[0]);
    assert_string_equal(lib_header(&f->response, "Date"), "Tue, 01 Jan 2030 00:00:00 GMT");
}

static void handler_may_wait_again_and_again(void **state)
{
    struct fixture *f = *state;

    assert_true(lib_send(&f->clients[0], "GET /stubborn HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_true(lib_await(f->service, &f->service->resumed, 10));
    fc_server_stop(f->service->server, PATIENCE);
    take(f, &f->clients[0]);
    assert_int_equal(f->response.status, 503);
    assert_non_null(strstr(f->response.body, "the server is stopping"));
}

static void client_that_leaves_while_held_is_forgotten(void **state)
{
    struct fixture *f = *state;
    struct linger hard = {.l_onoff = 1, .l_linger = 0};

    for (size_t i = 0; i < 4; i++)
        assert_true(lib_send(&f->clients[i], "GET /hold-long HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_true(lib_await(f->service, &f->service->held, 4));
    assert_int_equal(setsockopt(f->clients[0].fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard), 0);
    for (size_t i = 0; i < 3; i++)
        lib_close(&f->clients[i]);
    lib_release(f->service);
    take(f, &f->clients[3]);
    assert_string_equal(f->response.body, "signalled");
    assert_true(lib_await_open(f->service, CLIENTS, CLIENTS - 3));
}

static void client_that_leaves_while_held_until_a_deadline(void **state)
{
    struct fixture *f = *state;

    assert_true(lib_send(&f->clients[0], "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_true(lib_await(f->service, &f->service->held, 1));
    lib_close(&f->clients[0]);
    assert_true(lib_await_open(f->service, CLIENTS, CLIENTS - 1));
    lib_release(f->service); /* long after the request is over */
}

static void stream_is_woken_from_another_thread(void **state)
{
    struct fixture *f = *state;

    lib_feed(f->service, "data: 0\n\n");
    assert_true(lib_send(&f->clients[0], "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_true(lib_read_until(&f->clients[0], "data: 0\n\n"));
    assert_non_null(strstr(f->clients[0].data, "Content-Type: text/event-stream"));
    lib_feed(f->service, "data: 1\n\n");
    assert_true(lib_read_until(&f->clients[0], "data: 1\n\n"));
    lib_feed(f->service, "data: 2\n\n");
    lib_feed(f->service, "data: 3\n\n");
    lib_feed_end(f->service);
    take(f, &f->clients[0]);
    assert_int_equal(f->response.status, 200);
    assert_string_equal(f->response.body, "data: 0\n\ndata: 1\n\ndata: 2\n\ndata: 3\n\n");
    assert_true(lib_await(f->service, &f->service->closed, 1));
    /* the connection can be used again */
    assert_true(lib_send(&f->clients[0], "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n"));
    take(f, &f->clients[0]);
    assert_int_equal(f->response.status, 200);
}

static void head_of_a_stream_opens_and_closes_it(void **state)
{
    struct fixture *f = *state;

    assert_true(lib_send(&f->clients[0], "HEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n"));
    f->response = lib_response(&f->clients[0], true);
    assert_int_equal(f->response.status, 200);
    assert_true(lib_await(f->service, &f->service->closed, 1));
}

static void stream_whose_client_leaves_is_closed(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < 2; i++)
        assert_true(lib_send(&f->clients[i], "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_true(lib_await(f->service, &f->service->streams, 2));
    lib_close(&f->clients[0]);
    lib_feed(f->service, "data: 0\n\n");
    assert_true(lib_await(f->service, &f->service->closed, 1));
    assert_true(lib_read_until(&f->clients[1], "data: 0\n\n"));
}

static void stop_answers_held_requests_and_ends_streams(void **state)
{
    struct fixture *f = *state;

    assert_true(lib_send(&f->clients[0], "GET /hold-long HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_true(lib_send(&f->clients[1], "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_true(lib_send(&f->clients[2], "GET /hold-long HTTP/1.1\r\nHost: a\r\n\r\n"));
    lib_feed(f->service, "data: last words\n\n");
    assert_true(lib_await(f->service, &f->service->held, 2));
    assert_true(lib_await(f->service, &f->service->streams, 1));
    int64_t start = fc_clock_mono();
    fc_server_stop(f->service->server, PATIENCE);
    assert_in_range(fc_clock_mono() - start, 0, PATIENCE / 2);
    for (size_t i = 0; i < 3; i += 2) {
        take(f, &f->clients[i]);
        assert_string_equal(f->response.body, "stopping");
        assert_string_equal(lib_header(&f->response, "Connection"), "close");
    }
    take(f, &f->clients[1]);
    assert_string_equal(f->response.body, "data: last words\n\n");
    for (size_t i = 0; i < CLIENTS; i++)
        assert_true(lib_read_end(&f->clients[i]));
    assert_int_equal(f->service->closed, 1);
    fc_server_stop(f->service->server, PATIENCE);
}

static void stop_does_not_wait_longer_than_its_grace(void **state)
{
    struct fixture *f = *state;

    f->service->fed_endless = true;
    assert_true(lib_send(&f->clients[0], "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_true(lib_send(&f->clients[1], "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc"));
    assert_true(lib_await(f->service, &f->service->streams, 1));
    int64_t start = fc_clock_mono();
    fc_server_stop(f->service->server, 100 * FC_MS);
    assert_in_range(fc_clock_mono() - start, 0, PATIENCE / 2);
    assert_true(lib_read_end(&f->clients[1]));
}

static void after_stop_nobody_listens(void **state)
{
    struct fixture *f = *state;

    fc_server_stop(f->service->server, PATIENCE);
    lib_close(&f->clients[0]);
    f->clients[0] = lib_connect(f->service->port);
    assert_int_equal(f->clients[0].fd, -1);
}

/* ---- load ---- */

struct hammer {
    struct lib_service *service;
    pthread_t thread;
    unsigned good, bad; /* answers; anything but a whole answer or the end of the connection is bad */
};

static atomic_uint all_good;

static void *hammer(void *cookie)
{
    static const char *const requests[] = {"GET /echo HTTP/1.1\r\nHost: a\r\n\r\n",
                                           "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
                                           "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n"};
    struct hammer *h = cookie;
    bool up = true;

    for (unsigned i = 0; up; i++) {
        struct lib_client client = lib_connect(h->service->port);
        up = client.fd >= 0;
        for (unsigned j = 0; up && j < 50; j++) {
            if (!lib_send(&client, requests[(i + j) % 3]))
                break;
            struct lib_response response = lib_response(&client, false);
            if (response.status == 200) {
                h->good++;
                atomic_fetch_add(&all_good, 1);
            } else if (response.status != 0 || (response.head[0] && strstr(response.head, "HTTP/1.1") == NULL)) {
                h->bad++;
            }
            bool whole = response.status != 0;
            lib_response_release(&response);
            if (!whole)
                break;
        }
        lib_close(&client);
    }
    return NULL;
}

static void stop_under_load(void **state)
{
    struct fixture *f = *state;
    struct hammer hammers[6] = {{0}};
    int64_t until = fc_clock_mono() + PATIENCE;

    lib_release(f->service); /* held requests come back at once */
    for (size_t i = 0; i < 6; i++) {
        hammers[i].service = f->service;
        pthread_create(&hammers[i].thread, NULL, hammer, &hammers[i]);
    }
    while (atomic_load(&all_good) < 2000 && fc_clock_mono() < until)
        sched_yield();
    fc_server_stop(f->service->server, PATIENCE);
    unsigned good = 0, bad = 0;
    for (size_t i = 0; i < 6; i++) {
        pthread_join(hammers[i].thread, NULL);
        good += hammers[i].good;
        bad += hammers[i].bad;
    }
    assert_int_equal(bad, 0);
    assert_true(good >= 2000);
    struct fc_server_stats stats;
    fc_server_stats(f->service->server, &stats);
    assert_int_equal(stats.open, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(held_request_is_woken_by_the_latch),
        T(held_request_is_woken_by_its_deadline),
        T(held_request_keeps_its_now),
        T(handler_may_wait_again_and_again),
        T(client_that_leaves_while_held_is_forgotten),
        T(client_that_leaves_while_held_until_a_deadline),
        T(stream_is_woken_from_another_thread),
        T(head_of_a_stream_opens_and_closes_it),
        T(stream_whose_client_leaves_is_closed),
        T(stop_answers_held_requests_and_ends_streams),
        T(stop_does_not_wait_longer_than_its_grace),
        T(after_stop_nobody_listens),
        T(stop_under_load),
    };
    RUN(tests);
}
