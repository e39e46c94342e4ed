/* TLS handshakes that are ends in themselves (tls-alpn-01), many at once, in the loop of net_fetch. Nothing of the peer's certificate
 * is verified; it is handed over. */
#ifndef FC_NET_TLS_H
#define FC_NET_TLS_H

#include "base/base_err.h"
#include "net/net_addr.h"
#include "net/net_fetch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fc_net_tls_params {
    struct fc_net_addr to;   /* port included */
    struct fc_net_addr from; /* source address; AF_UNSPEC: any */
    const char *server_name; /* SNI */
    const char *alpn;        /* the one protocol that is offered; at most 255 bytes */
    int64_t deadline;        /* fc_clock_mono of the end of connect and handshake */
};

struct fc_net_tls_result {
    enum fc_net_fetch_fault fault;    /* FC_NET_OK: the handshake is done */
    bool plain_http;                  /* with FC_NET_GARBAGE: the peer answered in HTTP */
    const char *tls_alert;            /* with FC_NET_TLS: as net_fetch names it */
    const char *tls_version;          /* "TLSv1.3"; NULL: none */
    const char *alpn;                 /* what the peer chose; NULL: nothing */
    const unsigned char *certificate; /* DER; NULL: none came */
    size_t certificate_len;
    const char *local; /* our end; "" when never connected */
    int64_t connect_ns, total_ns;
};
typedef void (*fc_net_tls_fn)(void *cookie, const struct fc_net_tls_result *result);

/* Starts one; on the running thread only. The callback comes exactly once, from fc_net_fetch_run or _free (FC_NET_CANCELLED), never from
 * here. */
int fc_net_tls_start(struct fc_net_fetch *fetch, const struct fc_net_tls_params *params, fc_net_tls_fn done,
                     void *cookie, struct fc_err *err);

#endif
