/* accept4, so that no child process that is started meanwhile inherits a connection */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "server/server_int.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base_clock.h"
#include "base/base_time.h"

#define ACCEPTS_A_ROUND 32
/* Pause when the process or the machine is out of descriptors: the listener stays readable and would spin. */
#define STARVED_PAUSE (50 * FC_MS)
#define TICK_MIN (5 * FC_MS)
#define TICK_MAX FC_SECOND

struct round {
    struct pollfd fds[1 + 2 * FC_SERVER_UNITS_MAX];
    struct fc_server_unit *units[1 + 2 * FC_SERVER_UNITS_MAX];
    nfds_t n;
    int64_t starved_until;
};

void fc_server_accept_kick(struct fc_server *server)
{
    uint64_t one = 1;

    /* it fails only when the counter is full, and then the thread is awake anyway */
    if (write(server->kick, &one, sizeof one) < 0)
        return;
}

/* How long a deadline other than a held request's may be overrun: an eighth of the shortest, at most a second. */
static int64_t tick_of(const struct fc_server_unit *unit)
{
    const struct fc_server_limits *limits = &unit->service.limits;
    int64_t shortest = limits->headers_deadline;

    if (limits->body_deadline < shortest)
        shortest = limits->body_deadline;
    if (limits->idle < shortest)
        shortest = limits->idle;
    int64_t tick = shortest / 8;
    return tick < TICK_MIN ? TICK_MIN : tick > TICK_MAX ? TICK_MAX : tick;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Ends what is due; returns when the thread must look again. A request that starts its deadline later than this look
 * does not wake the thread (that would cost every request a system call), hence the tick while connections are open. */
static int64_t expire_all(struct fc_server *server, int64_t mono)
{
    int64_t next = INT64_MAX;

    for (size_t i = 0; i < server->n_units; i++) {
        struct fc_server_unit *unit = server->units[i];
        next = earlier(next, fc_server_conn_expire(unit, mono));
        pthread_mutex_lock(&unit->lock);
        bool open = unit->counted > 0;
        pthread_mutex_unlock(&unit->lock);
        if (open)
            next = earlier(next, mono + tick_of(unit));
    }
    return next;
}

/* Whether there is room for one more; if not, the close of a connection will kick the thread. */
static bool has_room(struct fc_server_unit *unit)
{
    pthread_mutex_lock(&unit->lock);
    bool room = unit->counted < unit->service.limits.connections_max;
    unit->full = !room;
    pthread_mutex_unlock(&unit->lock);
    return room;
}

static void collect(struct fc_server *server, struct round *round, int64_t mono, int64_t *io_next)
{
    round->fds[0] = (struct pollfd){.fd = server->kick, .events = POLLIN};
    round->n = 1;
    if (mono < round->starved_until)
        return;
    for (size_t i = 0; i < server->n_units; i++) {
        struct fc_server_unit *unit = server->units[i];
        *io_next = earlier(*io_next, fc_server_refuse_look(unit, mono));
        if (!has_room(unit))
            continue;
        for (size_t j = 0; j < unit->n_listeners; j++) {
            round->fds[round->n] = (struct pollfd){.fd = unit->listeners[j], .events = POLLIN};
            round->units[round->n++] = unit;
        }
    }
}

static int timeout_ms(int64_t mono, int64_t next)
{
    if (next == INT64_MAX)
        return -1;
    if (next <= mono)
        return 0;
    int64_t ms = (next - mono + FC_MS - 1) / FC_MS;
    return ms > 60000 ? 60000 : (int)ms;
}

static void take(struct fc_server_unit *unit, int fd, const struct sockaddr_storage *addr, socklen_t len)
{
    static const int on = 1;

    /* answers are written whole; waiting for more to send only delays them */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    pthread_mutex_lock(&unit->lock);
    unit->counted++;
    unit->stats.connections++;
    pthread_mutex_unlock(&unit->lock);
    fc_server_daemon_add(unit, fd, addr, len);
}

/* Accepts what waits at one listener; false when the system has no descriptors left. */
static bool accept_some(struct fc_server_unit *unit, int listener)
{
    for (int i = 0; i < ACCEPTS_A_ROUND && has_room(unit); i++) {
        struct sockaddr_storage addr = {0};
        socklen_t len = sizeof addr;
        int fd = accept4(listener, (struct sockaddr *)&addr, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0)
            take(unit, fd, &addr, len);
        else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            return false;
        else if (errno == EAGAIN)
            break;
        /* any other error belongs to the one connection that was lost (accept(2), "Error handling") */
    }
    return true;
}

static void drain_kick(struct fc_server *server)
{
    uint64_t count = 0;

    if (read(server->kick, &count, sizeof count) < 0)
        return; /* nothing there: another reason woke us */
}

void *fc_server_accept_run(void *cookie)
{
    struct fc_server *server = cookie;
    struct round round = {.n = 0};

    while (!atomic_load(&server->quit)) {
        /* while this thread looks, everybody with a new deadline must kick; see fc_server_conn_rest */
        atomic_store(&server->armed, INT64_MAX);
        int64_t mono = fc_clock_mono();
        int64_t next = expire_all(server, mono);
        collect(server, &round, mono, &next);
        if (mono < round.starved_until)
            next = earlier(next, round.starved_until);
        atomic_store(&server->armed, next);
        if (poll(round.fds, round.n, timeout_ms(mono, next)) <= 0)
            continue;
        if (round.fds[0].revents)
            drain_kick(server);
        for (nfds_t i = 1; i < round.n; i++) {
            if (round.fds[i].revents && !accept_some(round.units[i], round.fds[i].fd))
                round.starved_until = fc_clock_mono() + STARVED_PAUSE;
        }
    }
    return NULL;
}
