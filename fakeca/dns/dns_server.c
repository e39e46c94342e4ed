/* accept4, so that no child process that is started meanwhile inherits a connection */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "dns/dns_int.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base_clock.h"
#include "base/base_time.h"

#define QUERY_MAX 4096 /* longer questions do not come from resolvers */
#define BATCH 64       /* of one socket, before the others have their turn */
#define FDS_MAX 512
#define SEND_BUFFER 65536
#define STARVED_PAUSE (50 * FC_MS)

/* Reads one message, then writes its answer when its time has come, then reads the next. */
struct conn {
    struct conn *next;
    int fd;
    int64_t deadline, not_before;
    char from[FC_NET_ADDR_TEXT + 8];
    unsigned char in[2 + QUERY_MAX];
    size_t in_len;
    unsigned char *out;
    size_t out_len, out_sent;
};

/* An answer over UDP that waits for its time. */
struct late {
    struct fc_dns_due due;
    int fd;
    struct sockaddr_storage peer;
    socklen_t peer_len;
    size_t len;
    unsigned char data[];
};

struct fc_dns_server {
    struct fc_dns_server_params params;
    struct fc_dns_socket sockets[FC_DNS_SOCKETS_MAX];
    size_t n_sockets;
    int kick;
    atomic_bool quit;
    pthread_t thread;
    /* the thread's own */
    struct conn *conns;
    size_t n_conns;
    struct fc_dns_heap late;
    int64_t starved_until;
};

static const char *from_text(const char *what, const struct sockaddr_storage *sockaddr, char *buf, size_t size)
{
    struct fc_net_addr addr;
    char text[FC_NET_ADDR_TEXT];

    fc_net_addr_from_sockaddr(sockaddr, &addr);
    snprintf(buf, size, "%s %s", what, fc_net_addr_text(&addr, text));
    return buf;
}

/* An answer that cannot be sent is lost, as any datagram may be; the client asks again. */
static void send_udp(int fd, const void *data, size_t len, const struct sockaddr_storage *peer, socklen_t peer_len)
{
    (void)sendto(fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)peer, peer_len);
}

static void keep_for_later(struct fc_dns_server *server, int fd, const struct fc_dns_reply *reply,
                           const struct sockaddr_storage *peer, socklen_t peer_len)
{
    if (server->late.count >= FC_DNS_LATE_MAX)
        return;
    struct late *late = fc_malloc(sizeof *late + reply->len);
    *late = (struct late){.fd = fd, .peer = *peer, .peer_len = peer_len, .len = reply->len};
    memcpy(late->data, reply->data, reply->len);
    fc_dns_heap_push(&server->late, &late->due, fc_clock_mono() + reply->delay);
}

static void send_due(struct fc_dns_server *server, int64_t mono)
{
    for (struct fc_dns_due *due; (due = fc_dns_heap_pop(&server->late, mono)) != NULL;) {
        struct late *late = (struct late *)due; /* the first member */
        send_udp(late->fd, late->data, late->len, &late->peer, late->peer_len);
        free(late);
    }
}

static void serve_udp(struct fc_dns_server *server, int fd)
{
    unsigned char query[QUERY_MAX];

    for (int i = 0; i < BATCH; i++) {
        struct sockaddr_storage peer = {0};
        socklen_t peer_len = sizeof peer;
        ssize_t len = recvfrom(fd, query, sizeof query, 0, (struct sockaddr *)&peer, &peer_len);
        if (len < 0)
            return;
        fc_auto(fc_arena_free) struct fc_arena *arena = fc_arena_new();
        struct fc_dns_reply reply;
        if (!fc_dns_packet_answer(server->params.table, arena, query, (size_t)len, true, &reply))
            continue;
        char from[FC_NET_ADDR_TEXT + 8];
        if (reply.name)
            server->params.seen(server->params.cookie, &reply, from_text("udp", &peer, from, sizeof from));
        if (!reply.data)
            continue;
        if (reply.delay > 0)
            keep_for_later(server, fd, &reply, &peer, peer_len);
        else
            send_udp(fd, reply.data, reply.len, &peer, peer_len);
    }
}

static void accept_tcp(struct fc_dns_server *server, int listener, int64_t mono)
{
    while (server->n_conns < server->params.tcp_max) {
        struct sockaddr_storage peer = {0};
        socklen_t peer_len = sizeof peer;
        int fd = accept4(listener, (struct sockaddr *)&peer, &peer_len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
                server->starved_until = mono + STARVED_PAUSE;
            return;
        }
        /* answers that nobody reads: a bounded heap of them, not what the kernel would let it grow to */
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &(int){SEND_BUFFER}, sizeof(int));
        struct conn *conn = fc_calloc(1, sizeof *conn);
        conn->fd = fd;
        conn->deadline = mono + server->params.tcp_deadline;
        from_text("tcp", &peer, conn->from, sizeof conn->from);
        conn->next = server->conns;
        server->conns = conn;
        server->n_conns++;
    }
}

/* Makes the answer to the whole message in `in`, if a rule does not drop the question; false when none is due. */
static bool answer(struct fc_dns_server *server, struct conn *conn)
{
    fc_auto(fc_arena_free) struct fc_arena *arena = fc_arena_new();
    struct fc_dns_reply reply;

    if (!fc_dns_packet_answer(server->params.table, arena, conn->in + 2, conn->in_len - 2, false, &reply))
        return false;
    if (reply.name)
        server->params.seen(server->params.cookie, &reply, conn->from);
    conn->in_len = 0;
    if (!reply.data)
        return true;
    conn->not_before = fc_clock_mono() + reply.delay;
    conn->deadline += reply.delay;
    conn->out = fc_malloc(2 + reply.len);
    conn->out[0] = (unsigned char)(reply.len >> 8);
    conn->out[1] = (unsigned char)(reply.len & 0xff);
    memcpy(conn->out + 2, reply.data, reply.len);
    conn->out_len = 2 + reply.len;
    conn->out_sent = 0;
    return true;
}

enum step { STEP_ON, STEP_WAIT, STEP_CLOSE };

static enum step write_some(struct fc_dns_server *server, struct conn *conn)
{
    if (conn->not_before > fc_clock_mono())
        return STEP_WAIT;
    ssize_t sent = send(conn->fd, conn->out + conn->out_sent, conn->out_len - conn->out_sent, MSG_NOSIGNAL);

    if (sent < 0)
        return errno == EAGAIN ? STEP_WAIT : STEP_CLOSE;
    conn->out_sent += (size_t)sent;
    if (conn->out_sent < conn->out_len)
        return STEP_WAIT;
    free(FC_TAKE(conn->out));
    conn->deadline = fc_clock_mono() + server->params.tcp_deadline;
    return STEP_ON;
}

/* Reads no further than the end of the present message: the next one waits in the socket. */
static enum step read_some(struct fc_dns_server *server, struct conn *conn)
{
    size_t want = conn->in_len < 2 ? 2 : 2 + ((size_t)conn->in[0] << 8 | conn->in[1]);

    if (want > sizeof conn->in)
        return STEP_CLOSE;
    if (conn->in_len < want) {
        ssize_t got = recv(conn->fd, conn->in + conn->in_len, want - conn->in_len, 0);
        if (got <= 0)
            return got < 0 && errno == EAGAIN ? STEP_WAIT : STEP_CLOSE;
        conn->in_len += (size_t)got;
        return STEP_ON;
    }
    return conn->in_len > 2 && answer(server, conn) ? STEP_ON : STEP_CLOSE;
}

static bool drive(struct fc_dns_server *server, struct conn *conn)
{
    enum step step = STEP_ON;

    for (int i = 0; i < BATCH && step == STEP_ON; i++)
        step = conn->out ? write_some(server, conn) : read_some(server, conn);
    return step != STEP_CLOSE;
}

static void close_conn(struct fc_dns_server *server, struct conn **place)
{
    struct conn *conn = *place;

    *place = conn->next;
    close(conn->fd);
    free(conn->out);
    free(conn);
    server->n_conns--;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The descriptors to wait for: kick, sockets, then the connections in their order; returns when to wake at the latest. */
static int64_t collect(struct fc_dns_server *server, struct pollfd *fds, nfds_t *ret_n, int64_t mono)
{
    bool room = server->n_conns < server->params.tcp_max && mono >= server->starved_until;
    int64_t next =
        earlier(fc_dns_heap_next(&server->late), mono < server->starved_until ? server->starved_until : INT64_MAX);
    nfds_t n = 0;

    fds[n++] = (struct pollfd){.fd = server->kick, .events = POLLIN};
    for (size_t i = 0; i < server->n_sockets; i++) {
        bool wanted = !server->sockets[i].tcp || room;
        fds[n++] = (struct pollfd){.fd = wanted ? server->sockets[i].fd : -1, .events = POLLIN};
    }
    for (const struct conn *conn = server->conns; conn; conn = conn->next) {
        /* an answer that must wait hears of nothing meanwhile: a peer that has gone is noticed when it is written */
        bool held = conn->out && conn->not_before > mono;
        fds[n++] = (struct pollfd){.fd = held ? -1 : conn->fd, .events = conn->out ? POLLOUT : POLLIN};
        next = earlier(next, held ? conn->not_before : conn->deadline);
    }
    *ret_n = n;
    return next;
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

static void *run(void *cookie)
{
    struct fc_dns_server *server = cookie;
    struct pollfd fds[FDS_MAX];
    nfds_t n = 0;

    while (!atomic_load(&server->quit)) {
        int64_t mono = fc_clock_mono();
        int64_t next = collect(server, fds, &n, mono);
        if (poll(fds, n, timeout_ms(mono, next)) < 0)
            continue;
        mono = fc_clock_mono();
        send_due(server, mono);
        /* connections first: accepting changes their list, which fds follows */
        const struct pollfd *fd = fds + 1 + server->n_sockets;
        for (struct conn **place = &server->conns; *place; fd++) {
            if ((fd->revents && !drive(server, *place)) || (*place)->deadline <= mono)
                close_conn(server, place);
            else
                place = &(*place)->next;
        }
        for (size_t i = 0; i < server->n_sockets; i++) {
            if (!fds[1 + i].revents)
                continue;
            if (server->sockets[i].tcp)
                accept_tcp(server, server->sockets[i].fd, mono);
            else
                serve_udp(server, server->sockets[i].fd);
        }
    }
    return NULL;
}

static void release(struct fc_dns_server *server)
{
    while (server->conns)
        close_conn(server, &server->conns);
    for (struct fc_dns_due *due; (due = fc_dns_heap_pop(&server->late, INT64_MAX)) != NULL;)
        free(due);
    fc_dns_heap_release(&server->late);
    for (size_t i = 0; i < server->n_sockets; i++)
        close(server->sockets[i].fd);
    if (server->kick >= 0)
        close(server->kick);
    free(server);
}

static int start_thread(struct fc_dns_server *server, struct fc_err *err)
{
    sigset_t all, before;

    server->kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (server->kick < 0)
        return fc_err_errno(err, "cannot make an event descriptor");
    /* signals are the main thread's business */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&server->thread, NULL, run, server);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed == 0)
        return 0;
    errno = failed;
    return fc_err_errno(err, "cannot start a thread");
}

int fc_dns_server_start(const struct fc_dns_server_params *params, const char *listen, unsigned preferred_port,
                        unsigned *ret_port, struct fc_dns_server **ret_server, struct fc_err *err)
{
    struct fc_dns_server *server = fc_calloc(1, sizeof *server);

    server->params = *params;
    if (server->params.tcp_max > FDS_MAX - 1 - FC_DNS_SOCKETS_MAX)
        server->params.tcp_max = FDS_MAX - 1 - FC_DNS_SOCKETS_MAX;
    server->kick = -1;
    if (fc_dns_listen_open(listen, preferred_port, server->sockets, &server->n_sockets, ret_port, err) != 0 ||
        start_thread(server, err) != 0) {
        release(server);
        return -1;
    }
    *ret_server = server;
    return 0;
}

void fc_dns_server_stop(struct fc_dns_server *server)
{
    uint64_t one = 1;

    if (!server)
        return;
    atomic_store(&server->quit, true);
    /* it fails only when the counter is full, and then the thread is awake anyway */
    if (write(server->kick, &one, sizeof one) < 0)
        atomic_store(&server->quit, true);
    pthread_join(server->thread, NULL);
    release(server);
}
