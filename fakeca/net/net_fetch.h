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
    FC_NET_ANSWER_TIMEOUT, /* connected, no complete header */
    FC_NET_BODY_TIMEOUT,
    FC_NET_RESET,
    FC_NET_TLS,        /* handshake failed: see tls_alert */
    FC_NET_SHORT_BODY, /* closed before Content-Length */
    FC_NET_GARBAGE,    /* EOF, no HTTP, HTTP answered on https ... */
    FC_NET_HTTP2,      /* an HTTP/2 preface or SETTINGS frame on a plain port */
    FC_NET_CANCELLED
};

struct fc_net_fetch_params {
    const char *url;         /* http or https; its port decides the Host header */
    const char *host;        /* host of the URL (IPv6 without brackets) */
    unsigned port;           /* of the URL */
    struct fc_net_addr to;   /* where to connect, port included */
    struct fc_net_addr from; /* source address; AF_UNSPEC: any */
    const char *user_agent;
    const char *referer;     /* NULL: none */
    size_t body_max;         /* at most this many bytes are kept; then the transfer ends, body_full set */
    int64_t connect_timeout; /* ns */
    int64_t deadline;        /* fc_clock_mono of the end of everything */
};

struct fc_net_fetch_result {
    enum fc_net_fetch_fault fault;
    const char *error;     /* libcurl's words, "" when none */
    const char *tls_alert; /* "handshake failure", with FC_NET_TLS when an alert came; else NULL */
    int status;            /* 0 when no status line came */
    const char *location;  /* NULL when absent */
    const char *body;      /* NUL-terminated */
    size_t body_len;
    bool body_full;          /* body_max was reached */
    int http_version;        /* 10, 11 */
    const char *tls_version; /* "TLSv1.3" or NULL */
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
