/* One TLS handshake as a visitor makes it: fresh connection, no resumption, with or without SNI, and the whole chain that is sent.
 * Nothing is verified here. */
#ifndef CK_TLS_H
#define CK_TLS_H

#include "net/net_addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CK_TLS_CHAIN_MAX 10

struct fc_cert;

struct ck_tls_params {
    struct fc_net_addr to;
    const char *server_name; /* NULL: no SNI */
    int starttls;            /* enum ck_setup_starttls */
    int64_t timeout;         /* ns */
};
struct ck_tls_peer {
    bool ok;
    char error[200]; /* when not ok */
    struct fc_cert *chain[CK_TLS_CHAIN_MAX];
    size_t n_chain;
    char serial[80];
    int64_t not_before, not_after;
};

void ck_tls_look(const struct ck_tls_params *params, struct ck_tls_peer *ret_peer);
void ck_tls_peer_release(struct ck_tls_peer *peer);
/* Whether the leaf is good for the host name. */
bool ck_tls_peer_names(const struct ck_tls_peer *peer, const char *host);

#endif
