#include "net/lib_peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/base_alloc.h"

enum { CONNS = 1024, REQUESTS = 4096, HEAD = 16384, TRICKLE_MS = 10, FILLERS = 4 };

struct conn {
    int fd;
    char *head;
    size_t len;
    bool answered;
    const struct peer_answer *trickle;
    size_t sent;
};

struct peer {
    struct peer_params params;
    struct peer_answer *answers;
    int listener, stop[2];
    int fillers[FILLERS];
    unsigned port;
    pthread_t thread;
    bool running;
    struct conn conns[CONNS];
    size_t n_conns;
    SSL_CTX *tls;
    pthread_mutex_t lock;
    char *requests[REQUESTS];
    size_t n_requests;
    char sni[256];
};

static void need(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "peer: %s: %s\n", what, strerror(errno));
    exit(99);
}

/* ---- answering ---- */

static size_t answer_len(const struct peer_answer *answer)
{
    return answer->len > 0 ? answer->len : strlen(answer->bytes);
}

static const struct peer_answer *find_answer(const struct peer *peer, const char *request)
{
    const char *path = strchr(request, ' ');

    for (size_t i = 0; path != NULL && i < peer->params.n_answers; i++)
        if (strncmp(path + 1, peer->answers[i].path, strlen(peer->answers[i].path)) == 0)
            return &peer->answers[i];
    return NULL;
}

static void keep_request(struct peer *peer, const char *head)
{
    pthread_mutex_lock(&peer->lock);
    if (peer->n_requests < REQUESTS)
        peer->requests[peer->n_requests++] = fc_strdup(head);
    pthread_mutex_unlock(&peer->lock);
}

static void send_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        bytes += sent;
        len -= (size_t)sent;
    }
}

static void close_conn(struct peer *peer, size_t index, bool reset)
{
    struct conn *conn = &peer->conns[index];
    const struct linger now = {.l_onoff = 1};

    if (reset)
        setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(conn->fd);
    free(conn->head);
    *conn = peer->conns[--peer->n_conns];
}

/* Returns false when the connection is gone. */
static bool act(struct peer *peer, size_t index)
{
    struct conn *conn = &peer->conns[index];
    const struct peer_answer *answer = find_answer(peer, conn->head);
    enum peer_mode mode = peer->params.mode;

    keep_request(peer, conn->head);
    conn->answered = true;
    if (mode == PEER_TRICKLE) {
        conn->trickle = answer;
        return true;
    }
    bool answers = mode == PEER_ANSWER || mode == PEER_ANSWER_HOLD || mode == PEER_ANSWER_RESET;
    if (answers && answer != NULL)
        send_all(conn->fd, answer->bytes, answer_len(answer));
    if (mode == PEER_HANG || mode == PEER_ANSWER_HOLD || mode == PEER_GREET)
        return true;
    close_conn(peer, index, mode == PEER_RESET || mode == PEER_ANSWER_RESET);
    return false;
}

static bool on_readable(struct peer *peer, size_t index)
{
    struct conn *conn = &peer->conns[index];
    ssize_t got = recv(conn->fd, conn->head + conn->len, HEAD - 1 - conn->len, 0);

    if (got <= 0) {
        close_conn(peer, index, false);
        return false;
    }
    conn->len += (size_t)got;
    conn->head[conn->len] = '\0';
    if (conn->answered || strstr(conn->head, "\r\n\r\n") == NULL)
        return true;
    return act(peer, index);
}

static void trickle(struct conn *conn)
{
    const struct peer_answer *answer = conn->trickle;

    send_all(conn->fd, answer->bytes + conn->sent, 1);
    conn->sent = (conn->sent + 1) % answer_len(answer);
}

static int on_sni(SSL *ssl, int *alert, void *cookie)
{
    struct peer *peer = cookie;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

    (void)alert;
    pthread_mutex_lock(&peer->lock);
    snprintf(peer->sni, sizeof peer->sni, "%s", name != NULL ? name : "");
    pthread_mutex_unlock(&peer->lock);
    return SSL_TLSEXT_ERR_OK;
}

static void serve_tls(struct peer *peer, int fd)
{
    const struct timeval patience = {.tv_sec = 5};
    SSL *ssl = SSL_new(peer->tls);
    char head[HEAD];
    int len = 0;

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) == 1)
        len = SSL_read(ssl, head, HEAD - 1);
    if (len > 0) {
        head[len] = '\0';
        const struct peer_answer *answer = find_answer(peer, head);
        keep_request(peer, head);
        if (answer != NULL)
            SSL_write(ssl, answer->bytes, (int)answer_len(answer));
        SSL_shutdown(ssl);
    }
    SSL_free(ssl);
    close(fd);
}

static void on_connection(struct peer *peer)
{
    int fd = accept(peer->listener, NULL, NULL);

    if (fd < 0)
        return;
    if (peer->tls != NULL) {
        serve_tls(peer, fd);
        return;
    }
    need(peer->n_conns < CONNS, "too many connections");
    if (peer->params.mode == PEER_GREET)
        send_all(fd, peer->answers[0].bytes, answer_len(&peer->answers[0]));
    peer->conns[peer->n_conns++] = (struct conn){.fd = fd, .head = fc_calloc(1, HEAD)};
}

/* ---- the thread ---- */

static void *loop(void *cookie)
{
    struct peer *peer = cookie;
    static const int fixed = 2;
    struct pollfd *polls = fc_calloc(CONNS + (size_t)fixed, sizeof *polls);

    for (;;) {
        int wait = -1;
        polls[0] = (struct pollfd){.fd = peer->stop[0], .events = POLLIN};
        polls[1] = (struct pollfd){.fd = peer->listener, .events = POLLIN};
        size_t count = peer->n_conns;
        for (size_t i = 0; i < count; i++) {
            polls[2 + i] = (struct pollfd){.fd = peer->conns[i].fd, .events = POLLIN};
            if (peer->conns[i].trickle != NULL)
                wait = TRICKLE_MS;
        }
        if (poll(polls, 2 + count, wait) < 0 && errno != EINTR)
            break;
        if (polls[0].revents != 0)
            break;
        /* from the end, for the one that goes is replaced by the last */
        for (size_t i = count; i-- > 0;) {
            bool alive = (polls[2 + i].revents == 0) || on_readable(peer, i);
            if (alive && peer->conns[i].trickle != NULL)
                trickle(&peer->conns[i]);
        }
        if (polls[1].revents != 0)
            on_connection(peer);
    }
    free(polls);
    return NULL;
}

/* ---- life ---- */

static socklen_t address(const char *ip, unsigned port, struct sockaddr_storage *ret)
{
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret;
    struct sockaddr_in *in = (struct sockaddr_in *)ret;

    memset(ret, 0, sizeof *ret);
    if (inet_pton(AF_INET6, ip, &in6->sin6_addr) == 1) {
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons((uint16_t)port);
        return sizeof *in6;
    }
    in->sin_family = AF_INET;
    in->sin_port = htons((uint16_t)port);
    need(inet_pton(AF_INET, ip, &in->sin_addr) == 1, "address");
    return sizeof *in;
}

static void bind_port(struct peer *peer)
{
    struct sockaddr_storage addr;
    const char *ip = peer->params.ip != NULL ? peer->params.ip : "127.0.0.1";
    socklen_t len = address(ip, 0, &addr);

    peer->listener = socket(addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    need(peer->listener >= 0 && bind(peer->listener, (struct sockaddr *)&addr, len) == 0, "bind");
    len = sizeof addr;
    need(getsockname(peer->listener, (struct sockaddr *)&addr, &len) == 0, "getsockname");
    peer->port = ntohs(addr.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&addr)->sin6_port
                                                  : ((struct sockaddr_in *)&addr)->sin_port);
}

/* Connections that nobody accepts fill the queue of a listener with backlog 0: further connects get no answer. */
static void fill_queue(struct peer *peer)
{
    struct sockaddr_storage addr;
    socklen_t len = address("127.0.0.1", peer->port, &addr);

    need(listen(peer->listener, 0) == 0, "listen");
    for (size_t i = 0; i < FILLERS; i++) {
        peer->fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        need(connect(peer->fillers[i], (struct sockaddr *)&addr, len) == 0 || errno == EINPROGRESS, "connect");
    }
}

static void open_tls(struct peer *peer)
{
    peer->tls = SSL_CTX_new(TLS_server_method());
    need(peer->tls != NULL && SSL_CTX_use_certificate_file(peer->tls, peer->params.pem, SSL_FILETYPE_PEM) == 1 &&
             SSL_CTX_use_PrivateKey_file(peer->tls, peer->params.pem, SSL_FILETYPE_PEM) == 1,
         peer->params.pem);
    SSL_CTX_set_tlsext_servername_callback(peer->tls, on_sni);
    SSL_CTX_set_tlsext_servername_arg(peer->tls, peer);
}

static struct peer_answer *copy_answers(const struct peer_params *params)
{
    struct peer_answer *copies = fc_calloc(params->n_answers, sizeof *copies);

    for (size_t i = 0; i < params->n_answers; i++) {
        const struct peer_answer *answer = &params->answers[i];
        copies[i].len = answer_len(answer);
        copies[i].path = fc_strdup(answer->path);
        copies[i].bytes = fc_memdup(answer->bytes, copies[i].len + (answer->len > 0 ? 0 : 1));
    }
    return copies;
}

static void free_answers(struct peer *peer)
{
    for (size_t i = 0; i < peer->params.n_answers; i++) {
        free((char *)(uintptr_t)peer->answers[i].path);
        free((char *)(uintptr_t)peer->answers[i].bytes);
    }
    free(peer->answers);
}

struct peer *peer_start(const struct peer_params *params)
{
    struct peer *peer = fc_calloc(1, sizeof *peer);

    signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without MSG_NOSIGNAL */
    peer->params = *params;
    peer->answers = copy_answers(params);
    pthread_mutex_init(&peer->lock, NULL);
    need(pipe(peer->stop) == 0, "pipe");
    bind_port(peer);
    if (params->mode == PEER_REFUSE)
        return peer;
    if (params->mode == PEER_FULL) {
        fill_queue(peer);
        return peer;
    }
    if (params->pem != NULL)
        open_tls(peer);
    need(listen(peer->listener, CONNS) == 0, "listen");
    peer->running = pthread_create(&peer->thread, NULL, loop, peer) == 0;
    need(peer->running, "thread");
    return peer;
}

struct peer *peer_start_simple(enum peer_mode mode, const char *bytes)
{
    const struct peer_answer answer = {"", bytes, 0};
    const struct peer_params params = {.mode = mode, .answers = &answer, .n_answers = bytes != NULL ? 1 : 0};

    return peer_start(&params);
}

void peer_stop(struct peer *peer)
{
    if (peer == NULL)
        return;
    if (peer->running) {
        need(write(peer->stop[1], "x", 1) == 1, "stop");
        pthread_join(peer->thread, NULL);
    }
    while (peer->n_conns > 0)
        close_conn(peer, peer->n_conns - 1, false);
    for (size_t i = 0; i < FILLERS; i++)
        if (peer->fillers[i] > 0)
            close(peer->fillers[i]);
    close(peer->listener);
    close(peer->stop[0]);
    close(peer->stop[1]);
    for (size_t i = 0; i < peer->n_requests; i++)
        free(peer->requests[i]);
    SSL_CTX_free(peer->tls);
    pthread_mutex_destroy(&peer->lock);
    free_answers(peer);
    free(peer);
}

unsigned peer_port(const struct peer *peer)
{
    return peer->port;
}

size_t peer_count(struct peer *peer)
{
    pthread_mutex_lock(&peer->lock);
    size_t count = peer->n_requests;
    pthread_mutex_unlock(&peer->lock);
    return count;
}

const char *peer_request(struct peer *peer, size_t index)
{
    pthread_mutex_lock(&peer->lock);
    const char *request = index < peer->n_requests ? peer->requests[index] : "";
    pthread_mutex_unlock(&peer->lock);
    return request;
}

const char *peer_sni(struct peer *peer)
{
    pthread_mutex_lock(&peer->lock);
    const char *sni = peer->sni;
    pthread_mutex_unlock(&peer->lock);
    return sni;
}
