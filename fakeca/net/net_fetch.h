/* One-hop HTTP GETs, many at once, over one libcurl multi handle on the thread that calls fc_net_fetch_run. Never follows a
 * redirect, never looks a name up, never verifies a certificate, knows no proxy, HSTS, cookie or netrc. */
#ifndef FC_NET_FETCH_H
#define FC_NET_FETCH_H

#include "base/base_alloc.h"
#include "base/base_err.h"
#include "net/net_addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fc_net_fetch;

enum fc_net_fetch_fault {
    FC_NET_OK,
    FC_NET_REFUSED,
    FC_NET_UNREACHABLE,
    FC_NET_CONNECT_TIMEOUT,
    FC_NET_CONNECT_FAILED, /* any other error of the connect itself */
    FC_NET_ANSWER_TIMEOUT, /* connected, no complete header */
    FC_NET_BODY_TIMEOUT,
    FC_NET_RESET,      /* in the body too: see head_complete */
    FC_NET_TLS,        /* an alert came: see tls_alert */
    FC_NET_SHORT_BODY, /* closed before Content-Length or the last chunk */
    FC_NET_BAD_BODY,   /* a chunk or gzip that cannot be decoded */
    FC_NET_GARBAGE,    /* EOF, no HTTP, HTTP answered on https, headers past the limit ... */
    FC_NET_HTTP2,      /* an HTTP/2 SETTINGS frame on a plain port */
    FC_NET_CANCELLED
};
/* Whether the connection never stood: the kind of fault after which another address may be tried. */
bool fc_net_fetch_unconnected(enum fc_net_fetch_fault fault);

/* Bytes of headers (1xx answers included) past which an answer is garbage. libcurl's own limits stand below it. */
#define FC_NET_FETCH_HEAD_MAX (256 * 1024)

struct fc_net_fetch_params {
    const char *url;         /* http or https; its port decides the Host header */
    const char *host;        /* host of the URL (IPv6 without brackets) */
    unsigned port;           /* of the URL */
    struct fc_net_addr to;   /* where to connect, port included */
    struct fc_net_addr from; /* source address; AF_UNSPEC: any */
    const char *user_agent;
    const char *referer;     /* NULL: none */
    size_t body_max;         /* at most this many bytes are kept; then the transfer ends, body_full set */
    int body_status;         /* the body is read with this status only, else the headers end the transfer; 0: always */
    int64_t connect_timeout; /* ns */
    int64_t deadline;        /* fc_clock_mono of the end of everything */
};

struct fc_net_fetch_result {
    enum fc_net_fetch_fault fault;
    const char *error;     /* libcurl's words, "" when none; with FC_NET_BAD_BODY as Go says it */
    const char *tls_alert; /* "handshake failure", with FC_NET_TLS when an alert came; else NULL */
    int status;            /* 0 when no status line came */
    bool head_complete;    /* status and all headers are there; what failed, if anything, is the body */
    const char *location;  /* first Location header, trimmed; NULL when absent */
    const char *body;      /* NUL-terminated */
    size_t body_len;
    bool body_full;                   /* body_max was reached */
    int http_version;                 /* 10, 11 */
    const char *tls_version;          /* "TLSv1.3" or NULL */
    const char *hsts;                 /* Strict-Transport-Security header, trimmed; NULL when absent */
    const char *server;               /* Server header, trimmed; NULL when absent */
    const unsigned char *certificate; /* the peer's, DER; NULL without TLS */
    size_t certificate_len;
    const char *local; /* our end, "127.0.0.1:40312"; "" when never connected */
    int64_t connect_ns, total_ns;
};
typedef void (*fc_net_fetch_fn)(void *cookie, const struct fc_net_fetch_result *result);

int fc_net_fetch_new(struct fc_net_fetch **ret_fetch, struct fc_err *err);
/* Cancels what is under way (callbacks come, FC_NET_CANCELLED). */
void fc_net_fetch_free(struct fc_net_fetch *fetch);
FC_CLEANUP(struct fc_net_fetch *, fc_net_fetch_free)

/* Starts one; on the running thread only. The callback comes exactly once, from fc_net_fetch_run or _free, never from here. */
int fc_net_fetch_start(struct fc_net_fetch *fetch, const struct fc_net_fetch_params *params, fc_net_fetch_fn done,
                       void *cookie, struct fc_err *err);
/* Drives transfers, waits for something to happen, for a wake or until the monotonic time. Returns the number under way. */
size_t fc_net_fetch_run(struct fc_net_fetch *fetch, int64_t until_mono);
/* Makes fc_net_fetch_run return; any thread. */
void fc_net_fetch_wake(struct fc_net_fetch *fetch);

#endif
