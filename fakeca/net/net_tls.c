#include "net/net_tls.h"

#include <errno.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base_alloc.h"
#include "base/base_clock.h"
#include "net/net_fetch_int.h"

enum { EVENTS = 64, ALPN_MAX = 255, CERTIFICATE_MAX = 64 * 1024, RECORD_HEAD = 5 };

struct handshake {
    struct handshake *next, **link;
    struct fc_net_tls *tls;
    int fd;
    SSL *ssl; /* NULL until connected */
    char *server_name;
    unsigned char alpn[ALPN_MAX + 1]; /* as on the wire: its length stands first */
    int64_t started, connected, deadline;
    int refused; /* errno of a connect that failed at once; 0: it did not */
    bool plain_http;
    char local[FC_NET_ADDR_TEXT];
    fc_net_tls_fn done;
    void *cookie;
};

struct fc_net_tls {
    int epoll; /* one of its own, which the loop's contains */
    SSL_CTX *context;
    struct handshake *active;
};

/* ---- life ---- */

static SSL_CTX *make_context(void)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());

    if (context == NULL)
        return NULL;
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_security_level(context, 0); /* weak keys are taken */
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    return context;
}

int fc_net_tls_new(struct fc_net_tls **ret_tls, struct fc_err *err)
{
    struct fc_net_tls *tls = fc_calloc(1, sizeof *tls);

    tls->epoll = epoll_create1(EPOLL_CLOEXEC);
    tls->context = make_context();
    *ret_tls = tls;
    if (tls->epoll < 0)
        return fc_err_errno(err, "cannot make the descriptors of the validator's loop");
    return tls->context == NULL ? fc_err_set(err, FC_E_SYSTEM, "cannot start TLS") : 0;
}

int fc_net_tls_fd(const struct fc_net_tls *tls)
{
    return tls->epoll;
}

/* ---- the end of a handshake ---- */

static unsigned char *peer_certificate(const struct handshake *handshake, size_t *ret_len)
{
    X509 *certificate = handshake->ssl != NULL ? SSL_get0_peer_certificate(handshake->ssl) : NULL;
    int len = certificate != NULL ? i2d_X509(certificate, NULL) : 0;

    *ret_len = 0;
    if (len <= 0 || len > CERTIFICATE_MAX)
        return NULL;
    unsigned char *der = fc_malloc((size_t)len), *out = der;
    *ret_len = (size_t)i2d_X509(certificate, &out);
    return der;
}

static void report(const struct handshake *handshake, enum fc_net_fetch_fault fault, const char *alert)
{
    int64_t now = fc_clock_mono();
    const unsigned char *chosen = NULL;
    unsigned len = 0;
    char alpn[ALPN_MAX + 1];
    struct fc_net_tls_result result = {.fault = fault,
                                       .plain_http = handshake->plain_http,
                                       .tls_alert = alert,
                                       .local = handshake->local,
                                       .connect_ns =
                                           handshake->connected != 0 ? handshake->connected - handshake->started : 0,
                                       .total_ns = now - handshake->started};
    fc_auto_free unsigned char *der = peer_certificate(handshake, &result.certificate_len);

    result.certificate = der;
    if (fault == FC_NET_OK) {
        result.tls_version = SSL_get_version(handshake->ssl);
        SSL_get0_alpn_selected(handshake->ssl, &chosen, &len);
    }
    if (len > 0 && len <= ALPN_MAX) {
        memcpy(alpn, chosen, len);
        alpn[len] = '\0';
        result.alpn = alpn;
    }
    handshake->done(handshake->cookie, &result);
}

static void finish(struct handshake *handshake, enum fc_net_fetch_fault fault, const char *alert)
{
    *handshake->link = handshake->next;
    if (handshake->next != NULL)
        handshake->next->link = handshake->link;
    report(handshake, fault, alert);
    SSL_free(handshake->ssl);
    ERR_clear_error();
    close(handshake->fd);
    free(handshake->server_name);
    free(handshake);
}

void fc_net_tls_free(struct fc_net_tls *tls)
{
    if (tls == NULL)
        return;
    while (tls->active != NULL)
        finish(tls->active, FC_NET_CANCELLED, NULL);
    SSL_CTX_free(tls->context);
    if (tls->epoll >= 0)
        close(tls->epoll);
    free(tls);
}

/* ---- the way of a handshake ---- */

/* OpenSSL shows each record's head before it looks at it: so HTTP can be told from other garbage. */
static void on_message(int write, int version, int content_type, const void *bytes, size_t len, SSL *ssl, void *cookie)
{
    struct handshake *handshake = cookie;

    (void)version;
    (void)ssl;
    if (write == 0 && content_type == SSL3_RT_HEADER && len >= RECORD_HEAD && memcmp(bytes, "HTTP/", 5) == 0)
        handshake->plain_http = true;
}

static bool open_tls(struct handshake *handshake)
{
    SSL *ssl = SSL_new(handshake->tls->context);

    handshake->ssl = ssl;
    if (ssl == NULL || SSL_set_fd(ssl, handshake->fd) != 1)
        return false;
    SSL_set_msg_callback(ssl, on_message);
    SSL_set_msg_callback_arg(ssl, handshake);
    SSL_set_tlsext_host_name(ssl, handshake->server_name);
    SSL_set_alpn_protos(ssl, handshake->alpn, 1u + handshake->alpn[0]);
    SSL_set_connect_state(ssl);
    return true;
}

/* TCP stands, or it does not. Returns false when the handshake is over. */
static bool connected(struct handshake *handshake)
{
    struct sockaddr_storage sockaddr;
    socklen_t len = sizeof(int);
    struct fc_net_addr local;
    int error = 0;

    if (getsockopt(handshake->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        error = errno;
    if (handshake->refused != 0)
        error = handshake->refused;
    if (error != 0) {
        finish(handshake, fc_net_fetch_errno(error), NULL);
        return false;
    }
    handshake->connected = fc_clock_mono();
    len = sizeof sockaddr;
    if (getsockname(handshake->fd, (struct sockaddr *)&sockaddr, &len) == 0) {
        fc_net_addr_from_sockaddr(&sockaddr, &local);
        fc_net_addr_text(&local, handshake->local);
    }
    if (open_tls(handshake))
        return true;
    finish(handshake, FC_NET_GARBAGE, NULL);
    return false;
}

static void failed(struct handshake *handshake, int error)
{
    unsigned long code = ERR_peek_error();
    char text[256] = "", buf[32];

    if (code != 0)
        ERR_error_string_n(code, text, sizeof text);
    const char *alert = fc_net_fetch_alert(text, buf);
    if (alert != NULL)
        finish(handshake, FC_NET_TLS, alert);
    else if (code == 0 && error == ECONNRESET)
        finish(handshake, FC_NET_RESET, NULL);
    else
        finish(handshake, FC_NET_GARBAGE, NULL);
}

static void wait_for(struct handshake *handshake, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = handshake};

    epoll_ctl(handshake->tls->epoll, EPOLL_CTL_MOD, handshake->fd, &event);
}

static void go_on(struct handshake *handshake)
{
    if (handshake->ssl == NULL && !connected(handshake))
        return;
    ERR_clear_error();
    errno = 0;
    int result = SSL_do_handshake(handshake->ssl);
    int error = errno;
    if (result == 1) {
        finish(handshake, FC_NET_OK, NULL);
        return;
    }
    switch (SSL_get_error(handshake->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        wait_for(handshake, EPOLLIN);
        break;
    case SSL_ERROR_WANT_WRITE:
        wait_for(handshake, EPOLLOUT);
        break;
    default:
        failed(handshake, error);
    }
}

/* ---- the loop ---- */

static struct handshake *find_overdue(const struct fc_net_tls *tls, int64_t now)
{
    struct handshake *handshake = tls->active;

    while (handshake != NULL && handshake->deadline > now)
        handshake = handshake->next;
    return handshake;
}

void fc_net_tls_run(struct fc_net_tls *tls)
{
    struct epoll_event events[EVENTS];
    int count = epoll_wait(tls->epoll, events, EVENTS, 0);

    /* an event's handshake is alive: only its own event ends it before the deadlines are looked at */
    for (int i = 0; i < count; i++)
        go_on(events[i].data.ptr);
}

void fc_net_tls_expire(struct fc_net_tls *tls, int64_t now)
{
    for (struct handshake *late; (late = find_overdue(tls, now)) != NULL;)
        finish(late, late->ssl != NULL ? FC_NET_ANSWER_TIMEOUT : FC_NET_CONNECT_TIMEOUT, NULL);
}

int64_t fc_net_tls_until(const struct fc_net_tls *tls)
{
    int64_t until = INT64_MAX;

    for (const struct handshake *handshake = tls->active; handshake != NULL; handshake = handshake->next)
        until = handshake->deadline < until ? handshake->deadline : until;
    return until;
}

/* ---- the start ---- */

/* *ret_refused: errno of a connect that failed at once. It is told like one that fails later: by the loop. */
static int open_socket(const struct fc_net_tls_params *params, int *ret_refused, struct fc_err *err)
{
    struct sockaddr_storage to, from;
    socklen_t to_len = (socklen_t)fc_net_addr_sockaddr(&params->to, &to);
    int fd = socket(params->to.family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int one = 1;

    if (fd < 0)
        return fc_err_errno(err, "cannot open a socket");
    if (params->from.family != AF_UNSPEC) {
        socklen_t from_len = (socklen_t)fc_net_addr_sockaddr(&params->from, &from);
        setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
        if (bind(fd, (struct sockaddr *)&from, from_len) != 0) {
            fc_err_errno(err, "cannot bind the source address");
            close(fd);
            return -1;
        }
    }
    if (connect(fd, (struct sockaddr *)&to, to_len) != 0 && errno != EINPROGRESS)
        *ret_refused = errno;
    return fd;
}

int fc_net_tls_start(struct fc_net_fetch *fetch, const struct fc_net_tls_params *params, fc_net_tls_fn done,
                     void *cookie, struct fc_err *err)
{
    struct fc_net_tls *tls = fc_net_fetch_tls(fetch);
    size_t alpn_len = strlen(params->alpn);

    if (tls == NULL)
        return fc_err_set(err, FC_E_SYSTEM, "the loop is being closed");
    if (alpn_len > ALPN_MAX)
        return fc_err_set(err, FC_E_LIMIT, "a protocol's name has %zu bytes, at most %d are allowed", alpn_len,
                          ALPN_MAX);
    int refused = 0;
    int fd = open_socket(params, &refused, err);
    if (fd < 0)
        return -1;
    struct handshake *handshake = fc_calloc(1, sizeof *handshake);
    struct epoll_event event = {.events = EPOLLOUT, .data.ptr = handshake};
    *handshake = (struct handshake){.tls = tls,
                                    .fd = fd,
                                    .refused = refused,
                                    .started = fc_clock_mono(),
                                    .deadline = params->deadline,
                                    .done = done,
                                    .cookie = cookie};
    handshake->server_name = fc_strdup(params->server_name);
    handshake->alpn[0] = (unsigned char)alpn_len;
    memcpy(handshake->alpn + 1, params->alpn, alpn_len);
    handshake->next = tls->active;
    handshake->link = &tls->active;
    if (handshake->next != NULL)
        handshake->next->link = &handshake->next;
    tls->active = handshake;
    epoll_ctl(tls->epoll, EPOLL_CTL_ADD, fd, &event);
    return 0;
}
