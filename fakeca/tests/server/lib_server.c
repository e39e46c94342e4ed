#include "server/lib_server.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_clock.h"
#include "base/base_time.h"
#include "http/http_wait.h"

#define BIG_LEN 3000000U

/* ---- the handler ---- */

static void bump(struct lib_service *service, unsigned *counter)
{
    pthread_mutex_lock(&service->lock);
    ++*counter;
    pthread_cond_broadcast(&service->changed);
    pthread_mutex_unlock(&service->lock);
}

static void echo(struct fc_http_req *req, struct fc_http_res *res)
{
    const char *custom = fc_http_req_header(req, "x-custom");

    fc_http_res_text(req, res, 200, "text/plain",
                     fc_arena_printf(req->arena, "%s|%s|%s|%s|%s|%s|%zu|%s|%s", req->method, req->path,
                                     req->query ? req->query : "-", req->host ? req->host : "-", req->scheme,
                                     custom ? custom : "-", req->body_len, req->body_too_large ? "too large" : "fits",
                                     req->body));
    fc_http_res_header(res, "X-Peer", req->peer);
    fc_http_res_header(res, "X-Conn", fc_arena_printf(req->arena, "%llu", (unsigned long long)req->conn));
}

static void big(struct fc_http_req *req, struct fc_http_res *res)
{
    char *body = fc_arena_alloc(req->arena, BIG_LEN);

    memset(body, 'b', BIG_LEN);
    res->status = 200;
    res->body = body;
    res->body_len = BIG_LEN;
}

struct held {
    struct lib_service *service;
    struct fc_http_wait *latch;
    bool stubborn;
};

static void hold_for(struct held *held, struct fc_http_res *res, int64_t until);

static void resumed(void *cookie, struct fc_http_req *req, struct fc_http_res *res)
{
    struct held *held = cookie;

    bump(held->service, &held->service->resumed);
    if (held->stubborn) {
        hold_for(held, res, fc_clock_mono() + 5 * FC_MS);
        return;
    }
    fc_http_res_text(req, res, 200, "text/plain",
                     req->stopping                         ? "stopping"
                     : fc_http_wait_signalled(held->latch) ? "signalled"
                                                           : "deadline");
}

static void hold_for(struct held *held, struct fc_http_res *res, int64_t until)
{
    res->wait = fc_http_wait_ref(held->latch);
    res->wait_until = until;
    res->resume = resumed;
    res->resume_cookie = held;
    bump(held->service, &held->service->held);
}

static void add_latch(struct lib_service *service, struct fc_http_wait *latch)
{
    pthread_mutex_lock(&service->lock);
    bool released = service->released;
    if (!released && service->n_latches < LIB_HELD_MAX)
        service->latches[service->n_latches++] = fc_http_wait_ref(latch);
    pthread_mutex_unlock(&service->lock);
    if (released)
        fc_http_wait_signal(latch);
}

static void unref(void *latch)
{
    fc_http_wait_unref(latch);
}

static void hold(struct lib_service *service, struct fc_http_req *req, struct fc_http_res *res)
{
    struct held *held = fc_arena_alloc(req->arena, sizeof *held);

    held->service = service;
    held->latch = fc_http_wait_new();
    add_latch(service, held->latch);
    held->stubborn = strcmp(req->path, "/stubborn") == 0;
    fc_arena_defer(req->arena, unref, held->latch);
    hold_for(held, res, fc_clock_mono() + (strcmp(req->path, "/hold-long") == 0 ? 60 * FC_SECOND : 250 * FC_MS));
}

struct reader {
    struct lib_service *service;
    size_t at;
    unsigned slot;
};

static ssize_t stream_read(void *cookie, char *buf, size_t max)
{
    struct reader *reader = cookie;
    struct lib_service *service = reader->service;
    ssize_t got = 0;

    pthread_mutex_lock(&service->lock);
    size_t left = service->fed_len - reader->at;
    if (left > 0) {
        got = (ssize_t)(left < max ? left : max);
        memcpy(buf, service->fed + reader->at, (size_t)got);
        reader->at += (size_t)got;
    } else if (service->fed_endless) {
        memset(buf, 'e', max);
        got = (ssize_t)max;
    } else if (service->fed_end) {
        got = -1;
    }
    pthread_mutex_unlock(&service->lock);
    return got;
}

static void stream_subscribe(void *cookie, void (*wake)(void *wake_cookie), void *wake_cookie)
{
    struct reader *reader = cookie;
    struct lib_service *service = reader->service;

    wake(wake_cookie); /* allowed here too */
    pthread_mutex_lock(&service->lock);
    reader->slot = service->streams++;
    service->wakes[reader->slot] = wake;
    service->wake_cookies[reader->slot] = wake_cookie;
    pthread_cond_broadcast(&service->changed);
    pthread_mutex_unlock(&service->lock);
}

static void stream_close(void *cookie)
{
    struct reader *reader = cookie;

    pthread_mutex_lock(&reader->service->lock);
    reader->service->wakes[reader->slot] = NULL;
    reader->service->closed++;
    pthread_cond_broadcast(&reader->service->changed);
    pthread_mutex_unlock(&reader->service->lock);
}

static void stream(struct lib_service *service, struct fc_http_req *req, struct fc_http_res *res)
{
    struct reader *reader = fc_arena_alloc(req->arena, sizeof *reader);
    struct fc_http_stream *out = fc_arena_alloc(req->arena, sizeof *out);

    reader->service = service;
    *out = (struct fc_http_stream){
        .read = stream_read, .subscribe = stream_subscribe, .close = stream_close, .cookie = reader};
    res->status = 200;
    res->stream = out;
    fc_http_res_header(res, "Content-Type", "text/event-stream");
}

static void handle(void *cookie, struct fc_http_req *req, struct fc_http_res *res)
{
    struct lib_service *service = cookie;

    if (strcmp(req->path, "/echo") == 0)
        echo(req, res);
    else if (strcmp(req->path, "/big") == 0)
        big(req, res);
    else if (strcmp(req->path, "/empty") == 0)
        res->status = req->query ? 200 : 204;
    else if (strcmp(req->path, "/cut") == 0)
        res->cut = true;
    else if (strcmp(req->path, "/bad-header") == 0)
        fc_http_res_header(res, "X-Bad", "a\r\nb"), res->status = 200;
    else if (strncmp(req->path, "/hold", 5) == 0 || strcmp(req->path, "/stubborn") == 0)
        hold(service, req, res);
    else if (strcmp(req->path, "/stream") == 0)
        stream(service, req, res);
    else if (strcmp(req->path, "/nothing") != 0)
        fc_http_res_text(req, res, 404, "text/plain", "no such thing");
}

/* ---- the service ---- */

struct fc_server_service lib_service_plain(struct lib_service *service)
{
    return (struct fc_server_service){
        .name = "test", .scheme = "http", .handler = handle, .cookie = service, .limits = fc_server_default_limits};
}

static void die(const char *why)
{
    fprintf(stderr, "lib_server: %s\n", why);
    abort();
}

struct lib_service *lib_service_new(const struct fc_server_limits *limits, bool tls)
{
    struct lib_service *service = fc_calloc(1, sizeof *service);
    struct fc_err err = {0};
    pthread_condattr_t attr;

    pthread_mutex_init(&service->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&service->changed, &attr);
    pthread_condattr_destroy(&attr);
    service->clock = fc_clock_new();
    service->server = fc_server_new(service->clock);

    struct fc_server_service params = lib_service_plain(service);
    if (limits)
        params.limits = *limits;
    if (tls) {
        params.scheme = "https";
        params.tls_cert_pem = lib_tls_cert();
        params.tls_key_pem = lib_tls_key();
    }
    if (fc_server_add(service->server, &params, "localhost:0", 0, &service->port, &err) != 0 ||
        fc_server_start(service->server, &err) != 0)
        die(err.text);
    return service;
}

void lib_service_free(struct lib_service *service)
{
    if (!service)
        return;
    fc_server_free(service->server);
    fc_clock_free(service->clock);
    lib_release(service);
    pthread_cond_destroy(&service->changed);
    pthread_mutex_destroy(&service->lock);
    free(service);
}

bool lib_await(struct lib_service *service, const unsigned *counter, unsigned n)
{
    struct timespec until;
    int failed = 0;

    fc_clock_mono_timespec(fc_clock_mono() + PATIENCE, &until);
    pthread_mutex_lock(&service->lock);
    while (*counter < n && failed == 0)
        failed = pthread_cond_timedwait(&service->changed, &service->lock, &until);
    bool enough = *counter >= n;
    pthread_mutex_unlock(&service->lock);
    return enough;
}

bool lib_await_open(struct lib_service *service, uint64_t accepted, uint64_t open)
{
    int64_t until = fc_clock_mono() + PATIENCE;
    struct fc_server_stats stats;

    do {
        fc_server_stats(service->server, &stats);
        if (stats.connections == accepted && stats.open == open)
            return true;
        sched_yield();
    } while (fc_clock_mono() < until);
    fprintf(stderr, "%llu connections, %llu open\n", (unsigned long long)stats.connections,
            (unsigned long long)stats.open);
    return false;
}

void lib_release(struct lib_service *service)
{
    struct fc_http_wait *latches[LIB_HELD_MAX];

    pthread_mutex_lock(&service->lock);
    unsigned n = service->n_latches;
    memcpy(latches, service->latches, n * sizeof latches[0]);
    service->n_latches = 0;
    service->released = true;
    pthread_mutex_unlock(&service->lock);
    for (unsigned i = 0; i < n; i++) {
        fc_http_wait_signal(latches[i]);
        fc_http_wait_unref(latches[i]);
    }
}

static void wake_streams(struct lib_service *service)
{
    /* with the lock, so that close waits for the call */
    for (size_t i = 0; i < sizeof service->wakes / sizeof service->wakes[0]; i++) {
        if (service->wakes[i])
            service->wakes[i](service->wake_cookies[i]);
    }
}

void lib_feed(struct lib_service *service, const char *text)
{
    size_t len = strlen(text);

    pthread_mutex_lock(&service->lock);
    memcpy(service->fed + service->fed_len, text, len);
    service->fed_len += len;
    wake_streams(service);
    pthread_mutex_unlock(&service->lock);
}

void lib_feed_end(struct lib_service *service)
{
    pthread_mutex_lock(&service->lock);
    service->fed_end = true;
    wake_streams(service);
    pthread_mutex_unlock(&service->lock);
}
