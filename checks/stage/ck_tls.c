#include "stage/ck_tls.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/base_alloc.h"
#include "base/base_clock.h"
#include "base/base_text.h"
#include "base/base_time.h"
#include "pki/pki_cert.h"
#include "setup/ck_setup.h"

FC_CLEANUP(SSL *, SSL_free)
FC_CLEANUP(SSL_CTX *, SSL_CTX_free)

static int fail(struct ck_tls_peer *peer, const char *what, const char *why)
{
    snprintf(peer->error, sizeof peer->error, "%.60s: %.120s", what, why);
    return -1;
}

/* Waits for the socket; -1 when the time is over. */
static int await(int fd, short events, int64_t deadline)
{
    struct pollfd one = {.fd = fd, .events = events};
    int64_t left = deadline - fc_clock_mono();

    return left > 0 && poll(&one, 1, (int)(left / FC_MS) + 1) == 1 ? 0 : -1;
}

static int connect_to(const struct ck_tls_params *params, int64_t deadline, int *ret_fd, struct ck_tls_peer *peer)
{
    struct sockaddr_storage to;
    socklen_t len = (socklen_t)fc_net_addr_sockaddr(&params->to, &to), size = sizeof(int);
    int fd = socket(params->to.family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), fault = 0;

    if (fd < 0)
        return fail(peer, "no socket", strerror(errno));
    if (connect(fd, (const struct sockaddr *)&to, len) != 0) {
        if (errno != EINPROGRESS)
            fault = errno;
        else if (await(fd, POLLOUT, deadline))
            fault = ETIMEDOUT;
        else
            getsockopt(fd, SOL_SOCKET, SO_ERROR, &fault, &size);
    }
    if (fault) {
        close(fd);
        return fail(peer, "cannot connect", strerror(fault));
    }
    *ret_fd = fd;
    return 0;
}

/* ---- STARTTLS: a line from the server, a line to it ---- */

/* Reads lines until one begins with `begin`, or is refused. */
static int expect(int fd, const char *begin, int64_t deadline, struct ck_tls_peer *peer)
{
    char line[1024];
    size_t len = 0;

    for (size_t lines = 0; lines < 50;) {
        if (await(fd, POLLIN, deadline) || read(fd, line + len, 1) != 1)
            return fail(peer, "STARTTLS", "the server fell silent");
        if (line[len] != '\n' && ++len < sizeof line - 1)
            continue;
        line[len] = '\0';
        if (fc_text_starts(line, begin))
            return 0;
        /* "250-..." and "* ..." are lines of an answer that goes on */
        if (line[0] && line[0] != '*' && !(len > 3 && line[3] == '-'))
            return fail(peer, "STARTTLS is refused", line);
        len = 0;
        lines++;
    }
    return fail(peer, "STARTTLS", "too many lines");
}

static int starttls(int fd, int protocol, int64_t deadline, struct ck_tls_peer *peer)
{
    static const struct {
        const char *greeting, *hello, *hello_ok, *ask, *ok;
    } talks[] = {[CK_STARTTLS_SMTP] = {"220 ", "EHLO fakeca-check\r\n", "250 ", "STARTTLS\r\n", "220 "},
                 [CK_STARTTLS_IMAP] = {"* OK", NULL, NULL, "a STARTTLS\r\n", "a OK"},
                 [CK_STARTTLS_POP3] = {"+OK", NULL, NULL, "STLS\r\n", "+OK"}};

    if (protocol == CK_STARTTLS_NONE)
        return 0;
    if (expect(fd, talks[protocol].greeting, deadline, peer))
        return -1;
    if (talks[protocol].hello && (write(fd, talks[protocol].hello, strlen(talks[protocol].hello)) < 0 ||
                                  expect(fd, talks[protocol].hello_ok, deadline, peer)))
        return -1;
    if (write(fd, talks[protocol].ask, strlen(talks[protocol].ask)) < 0)
        return fail(peer, "STARTTLS", strerror(errno));
    return expect(fd, talks[protocol].ok, deadline, peer);
}

/* ---- the handshake ---- */

static int handshake(SSL *ssl, int fd, int64_t deadline, struct ck_tls_peer *peer)
{
    char why[160] = "closed by the server";

    for (;;) {
        ERR_clear_error();
        int result = SSL_connect(ssl), error = SSL_get_error(ssl, result);
        if (result == 1)
            return 0;
        if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
            if (await(fd, error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, deadline) == 0)
                continue;
            return fail(peer, "TLS handshake", "out of time");
        }
        unsigned long code = ERR_peek_error();
        if (code)
            ERR_error_string_n(code, why, sizeof why);
        ERR_clear_error();
        return fail(peer, "TLS handshake", why);
    }
}

static void take_chain(SSL *ssl, struct ck_tls_peer *peer)
{
    STACK_OF(X509) *chain = SSL_get_peer_cert_chain(ssl);

    for (int i = 0; chain && i < sk_X509_num(chain) && peer->n_chain < CK_TLS_CHAIN_MAX; i++) {
        unsigned char *der = NULL;
        int len = i2d_X509(sk_X509_value(chain, i), &der);
        if (len > 0 && fc_cert_from_der(der, (size_t)len, &peer->chain[peer->n_chain], NULL) == 0)
            peer->n_chain++;
        OPENSSL_free(der);
    }
    if (peer->n_chain == 0)
        return;
    fc_auto_free char *serial = fc_cert_serial(peer->chain[0]);
    snprintf(peer->serial, sizeof peer->serial, "%s", serial);
    peer->not_before = fc_cert_not_before(peer->chain[0]);
    peer->not_after = fc_cert_not_after(peer->chain[0]);
}

/* SSL_set_tlsext_host_name, whose cast drops a const. */
static bool set_name(SSL *ssl, const char *name)
{
    return SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, (void *)(uintptr_t)name) == 1;
}

static void talk(const struct ck_tls_params *params, int fd, int64_t deadline, struct ck_tls_peer *peer)
{
    fc_auto(SSL_CTX_free) SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    fc_auto(SSL_free) SSL *ssl = NULL;

    if (!ctx) {
        fail(peer, "TLS", "cannot be set up");
        return;
    }
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    ssl = SSL_new(ctx);
    if (!ssl || SSL_set_fd(ssl, fd) != 1 || (params->server_name && !set_name(ssl, params->server_name))) {
        fail(peer, "TLS", "cannot be set up");
        return;
    }
    if (starttls(fd, params->starttls, deadline, peer) || handshake(ssl, fd, deadline, peer))
        return;
    take_chain(ssl, peer);
    peer->ok = peer->n_chain > 0;
    if (!peer->ok)
        fail(peer, "TLS", "no certificate came");
}

void ck_tls_look(const struct ck_tls_params *params, struct ck_tls_peer *ret_peer)
{
    int64_t deadline = fc_clock_mono() + params->timeout;
    int fd = -1;

    *ret_peer = (struct ck_tls_peer){0};
    if (connect_to(params, deadline, &fd, ret_peer))
        return;
    talk(params, fd, deadline, ret_peer);
    close(fd);
}

void ck_tls_peer_release(struct ck_tls_peer *peer)
{
    for (size_t i = 0; i < peer->n_chain; i++)
        fc_cert_free(peer->chain[i]);
    peer->n_chain = 0;
}

bool ck_tls_peer_names(const struct ck_tls_peer *peer, const char *host)
{
    return peer->n_chain > 0 && X509_check_host(fc_cert_x509(peer->chain[0]), host, 0, 0, NULL) == 1;
}
