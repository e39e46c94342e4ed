/* A resolver behind libunbound: asks another resolver (or another fakeca's mock DNS) by UDP, by TCP where an answer does not fit;
 * or walks from the roots with DNSSEC validation. Nothing is cached, loopback may be asked, no zone is answered by libunbound
 * itself. One thread drives it and calls back; ask may come from any thread. */
#ifndef FC_NET_UNBOUND_H
#define FC_NET_UNBOUND_H

#include "base/base_alloc.h"
#include "base/base_err.h"
#include "net/net_resolver.h"

#include <stdint.h>

struct fc_net_unbound;

/* Strings are copied. */
struct fc_net_unbound_params {
    const char *server;     /* "ADDR[:PORT]", port 53 when none is given; NULL: the roots */
    bool host;              /* without server: those of /etc/resolv.conf, and /etc/hosts before them; no DNSSEC */
    const char *root_hints; /* file, for the roots; NULL: that of Debian's package dns-root-data */
    const char
        *trust_anchor; /* file of DS or DNSKEY records that answers must lead to; NULL: for the roots Debian's, for a
                               * server none, so that its word is taken */
    int64_t timeout;   /* ns for an answer to one try */
    int64_t tries;     /* a question is given up (FC_DNS_TIMEOUT) after tries * timeout */
};

/* Whether a text is an address for `server`: FC_E_USAGE. */
int fc_net_unbound_check(const char *server, struct fc_err *err);

/* FC_E_USAGE: no address; FC_E_SYSTEM: a file is missing (the text names the package), or libunbound fails. */
int fc_net_unbound_new(const struct fc_net_unbound_params *params, struct fc_net_unbound **ret_unbound,
                       struct fc_err *err);
/* Questions still open are answered with FC_DNS_TIMEOUT; NULL allowed. */
void fc_net_unbound_free(struct fc_net_unbound *unbound);
FC_CLEANUP(struct fc_net_unbound *, fc_net_unbound_free)

/* Its answers' rule is "resolver 127.0.0.1:8053" or "resolver system". Lives as long as the resolver. */
const struct fc_resolver *fc_net_unbound_resolver(const struct fc_net_unbound *unbound);

#endif
