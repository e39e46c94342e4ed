#include "server/server_int.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/base_assert.h"
#include "base/base_clock.h"
#include "base/base_time.h"

const struct fc_server_limits fc_server_default_limits = {
    .body_max = 64U * 1024,
    .header_memory = 32U * 1024,
    .connections_max = 1024,
    .headers_deadline = 10 * FC_SECOND,
    .body_deadline = 30 * FC_SECOND,
    .idle = 60 * FC_SECOND,
    .threads = 1,
};

struct fc_server *fc_server_new(const struct fc_clock *clock)
{
    struct fc_server *server = fc_calloc(1, sizeof *server);

    server->clock = clock;
    server->kick = -1;
    atomic_init(&server->armed, INT64_MAX);
    return server;
}

void fc_server_look(struct fc_server *server)
{
    if (server->kick >= 0)
        fc_server_accept_kick(server);
}

static char *copy(const char *text)
{
    return text ? fc_strdup(text) : NULL;
}

static struct fc_server_unit *unit_new(struct fc_server *server, const struct fc_server_service *service)
{
    struct fc_server_unit *unit = fc_calloc(1, sizeof *unit);
    pthread_condattr_t attr;

    unit->server = server;
    unit->service = *service;
    unit->service.name = copy(service->name);
    unit->service.scheme = copy(service->scheme);
    unit->service.tls_cert_pem = copy(service->tls_cert_pem);
    unit->service.tls_key_pem = copy(service->tls_key_pem);
    pthread_mutex_init(&unit->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&unit->quiet, &attr);
    pthread_condattr_destroy(&attr);
    return unit;
}

static void unit_free(struct fc_server_unit *unit)
{
    fc_server_listen_close(unit);
    pthread_cond_destroy(&unit->quiet);
    pthread_mutex_destroy(&unit->lock);
    free((void *)(uintptr_t)unit->service.name);
    free((void *)(uintptr_t)unit->service.scheme);
    free((void *)(uintptr_t)unit->service.tls_cert_pem);
    free((void *)(uintptr_t)unit->service.tls_key_pem);
    free(unit);
}

int fc_server_add(struct fc_server *server, const struct fc_server_service *service, const char *listen,
                  unsigned preferred_port, unsigned *ret_port, struct fc_err *err)
{
    FC_ASSERT(!server->running && server->n_units < FC_SERVER_UNITS_MAX);
    struct fc_server_unit *unit = unit_new(server, service);

    if (fc_server_listen_open(unit, listen, preferred_port, ret_port, err) != 0) {
        unit_free(unit);
        return -1;
    }
    server->units[server->n_units++] = unit;
    return 0;
}

static int start_threads(struct fc_server *server, struct fc_err *err)
{
    server->kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (server->kick < 0)
        return fc_err_errno(err, "cannot make an event descriptor");
    for (size_t i = 0; i < server->n_units; i++) {
        if (fc_server_daemon_start(server->units[i], err) != 0)
            return -1;
    }
    int failed = pthread_create(&server->thread, NULL, fc_server_accept_run, server);
    if (failed != 0) {
        errno = failed;
        return fc_err_errno(err, "cannot start a thread");
    }
    server->running = true;
    return 0;
}

static void stop_daemons(struct fc_server *server)
{
    for (size_t i = 0; i < server->n_units; i++)
        fc_server_daemon_stop(server->units[i]);
    if (server->kick >= 0)
        close(server->kick);
    server->kick = -1;
}

int fc_server_start(struct fc_server *server, struct fc_err *err)
{
    sigset_t all, before;

    FC_ASSERT(!server->running);
    /* signals are the main thread's business */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = start_threads(server, err);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed != 0)
        stop_daemons(server);
    return failed;
}

void fc_server_stop(struct fc_server *server, int64_t grace)
{
    if (!server || !server->running)
        return;
    server->running = false;
    atomic_store(&server->quit, true);
    fc_server_accept_kick(server);
    pthread_join(server->thread, NULL);

    for (size_t i = 0; i < server->n_units; i++) {
        fc_server_listen_close(server->units[i]);
        fc_server_conn_stop(server->units[i]);
    }
    int64_t until = fc_clock_mono() + grace;
    for (size_t i = 0; i < server->n_units; i++)
        fc_server_conn_quiet(server->units[i], until);
    stop_daemons(server);
}

void fc_server_free(struct fc_server *server)
{
    if (!server)
        return;
    fc_server_stop(server, 0);
    for (size_t i = 0; i < server->n_units; i++)
        unit_free(server->units[i]);
    free(server);
}

void fc_server_stats(const struct fc_server *server, struct fc_server_stats *ret_stats)
{
    *ret_stats = (struct fc_server_stats){0};
    for (size_t i = 0; i < server->n_units; i++) {
        struct fc_server_unit *unit = server->units[i];
        pthread_mutex_lock(&unit->lock);
        ret_stats->connections += unit->stats.connections;
        ret_stats->open += unit->stats.open;
        ret_stats->requests += unit->stats.requests;
        ret_stats->timed_out += unit->stats.timed_out;
        ret_stats->tls_failures += unit->stats.tls_failures;
        pthread_mutex_unlock(&unit->lock);
    }
}
