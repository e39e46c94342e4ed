#include "server/server_int.h"

#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/base_assert.h"
#include "base/base_clock.h"

struct fc_server_conn *fc_server_conn_open(struct fc_server_unit *unit, struct MHD_Connection *mhd, int fd,
                                           const char *peer)
{
    struct fc_server_conn *conn = fc_calloc(1, sizeof *conn);

    conn->unit = unit;
    conn->mhd = mhd;
    conn->fd = fd;
    conn->number = atomic_fetch_add(&unit->server->numbers, 1) + 1;
    snprintf(conn->peer, sizeof conn->peer, "%s", peer);
    conn->phase = FC_SERVER_PHASE_HEADERS;
    conn->deadline = fc_clock_mono() + unit->service.limits.headers_deadline;

    pthread_mutex_lock(&unit->lock);
    conn->next = unit->conns;
    if (conn->next)
        conn->next->prev = conn;
    unit->conns = conn;
    unit->stats.open++;
    if (unit->stopping)
        shutdown(conn->fd, SHUT_RDWR);
    pthread_mutex_unlock(&unit->lock);
    return conn;
}

void fc_server_conn_close(struct fc_server_conn *conn)
{
    struct fc_server_unit *unit = conn->unit;

    pthread_mutex_lock(&unit->lock);
    FC_ASSERT(!conn->suspended);
    if (conn->prev)
        conn->prev->next = conn->next;
    else
        unit->conns = conn->next;
    if (conn->next)
        conn->next->prev = conn->prev;
    unit->stats.open--;
    if (unit->service.tls_cert_pem && !conn->used)
        unit->stats.tls_failures++;
    unit->counted--;
    bool kick = unit->full;
    unit->full = false;
    pthread_mutex_unlock(&unit->lock);
    free(conn);
    if (kick)
        fc_server_accept_kick(unit->server);
}

void fc_server_conn_begin(struct fc_server_conn *conn)
{
    struct fc_server_unit *unit = conn->unit;

    pthread_mutex_lock(&unit->lock);
    unit->active++;
    unit->stats.requests++;
    /* the first request's time runs from accept */
    if (conn->used)
        conn->deadline = fc_clock_mono() + unit->service.limits.headers_deadline;
    conn->used = true;
    if (conn->phase != FC_SERVER_PHASE_DEAD)
        conn->phase = FC_SERVER_PHASE_HEADERS;
    pthread_mutex_unlock(&unit->lock);
}

void fc_server_conn_end(struct fc_server_conn *conn)
{
    struct fc_server_unit *unit = conn->unit;

    pthread_mutex_lock(&unit->lock);
    if (conn->phase != FC_SERVER_PHASE_DEAD) {
        conn->phase = FC_SERVER_PHASE_IDLE;
        conn->deadline = fc_clock_mono() + unit->service.limits.idle;
    }
    unit->active--;
    if (unit->active == 0)
        pthread_cond_broadcast(&unit->quiet);
    pthread_mutex_unlock(&unit->lock);
}

bool fc_server_conn_phase(struct fc_server_conn *conn, enum fc_server_phase phase, int64_t within)
{
    int64_t deadline = within > 0 ? fc_clock_mono() + within : INT64_MAX;

    pthread_mutex_lock(&conn->unit->lock);
    bool alive = conn->phase != FC_SERVER_PHASE_DEAD;
    if (alive) {
        conn->phase = phase;
        conn->deadline = deadline;
    }
    pthread_mutex_unlock(&conn->unit->lock);
    return alive;
}

/* With the lock held. */
static void resume(struct fc_server_conn *conn)
{
    conn->suspended = false;
    if (conn->phase != FC_SERVER_PHASE_DEAD)
        conn->phase = FC_SERVER_PHASE_WORK;
    conn->deadline = INT64_MAX;
    MHD_resume_connection(conn->mhd);
}

bool fc_server_conn_rest(struct fc_server_conn *conn, int64_t until)
{
    struct fc_server_unit *unit = conn->unit;

    pthread_mutex_lock(&unit->lock);
    bool rests = !conn->woken && !unit->stopping && conn->phase != FC_SERVER_PHASE_DEAD;
    if (rests) {
        conn->phase = FC_SERVER_PHASE_REST;
        conn->deadline = until;
        conn->suspended = true;
        MHD_suspend_connection(conn->mhd);
    }
    pthread_mutex_unlock(&unit->lock);
    if (rests && until < atomic_load(&unit->server->armed))
        fc_server_accept_kick(unit->server);
    return rests;
}

void fc_server_conn_unwake(struct fc_server_conn *conn)
{
    pthread_mutex_lock(&conn->unit->lock);
    conn->woken = false;
    pthread_mutex_unlock(&conn->unit->lock);
}

void fc_server_conn_wake(void *cookie)
{
    struct fc_server_conn *conn = cookie;
    struct fc_server_unit *unit = conn->unit;

    pthread_mutex_lock(&unit->lock);
    conn->woken = true;
    if (conn->suspended)
        resume(conn);
    pthread_mutex_unlock(&unit->lock);
}

bool fc_server_conn_stopping(struct fc_server_conn *conn)
{
    pthread_mutex_lock(&conn->unit->lock);
    bool stopping = conn->unit->stopping;
    pthread_mutex_unlock(&conn->unit->lock);
    return stopping;
}

/* With the lock held: the library sees the end of the stream and closes; the descriptor stays open until it says so. */
static void cut(struct fc_server_conn *conn)
{
    conn->deadline = INT64_MAX;
    conn->phase = FC_SERVER_PHASE_DEAD;
    shutdown(conn->fd, SHUT_RDWR);
}

int64_t fc_server_conn_expire(struct fc_server_unit *unit, int64_t mono)
{
    int64_t next = INT64_MAX;

    pthread_mutex_lock(&unit->lock);
    for (struct fc_server_conn *conn = unit->conns; conn; conn = conn->next) {
        if (conn->deadline > mono) {
            if (conn->deadline < next)
                next = conn->deadline;
        } else if (conn->suspended) {
            resume(conn);
        } else {
            if (conn->phase != FC_SERVER_PHASE_IDLE)
                unit->stats.timed_out++;
            cut(conn);
        }
    }
    pthread_mutex_unlock(&unit->lock);
    return next;
}

void fc_server_conn_stop(struct fc_server_unit *unit)
{
    pthread_mutex_lock(&unit->lock);
    unit->stopping = true;
    for (struct fc_server_conn *conn = unit->conns; conn; conn = conn->next) {
        if (conn->suspended)
            resume(conn);
        else if (conn->phase == FC_SERVER_PHASE_IDLE || !conn->used)
            cut(conn);
    }
    pthread_mutex_unlock(&unit->lock);
}

void fc_server_conn_quiet(struct fc_server_unit *unit, int64_t until)
{
    struct timespec ts;
    int failed = 0;

    fc_clock_mono_timespec(until, &ts);
    pthread_mutex_lock(&unit->lock);
    while (unit->active > 0 && failed == 0)
        failed = pthread_cond_timedwait(&unit->quiet, &unit->lock, &ts);
    pthread_mutex_unlock(&unit->lock);
}
