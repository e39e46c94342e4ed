/* pebble-challtestsrv's face: responders for challenges, a mock DNS, and the HTTP API that tells them what to answer. Everything is
 * in memory. */
#ifndef FC_COMPAT_CHALL_H
#define FC_COMPAT_CHALL_H

#include "base/base_alloc.h"
#include "base/base_err.h"

#include <stdbool.h>
#include <stddef.h>

struct fc_compat_chall;

/* Borrowed for the start alone. Where services listen: "ADDR:PORT[,ADDR:PORT]"; NULL or "": nowhere. An address that is none or
 * that is taken is logged and not served; the others are, as in the original: suites rely on it. */
struct fc_compat_chall_params {
    const char *http01, *https01, *tlsalpn01, *doh;
    const char *dns;                             /* UDP and TCP; one address */
    const char *management;                      /* one address */
    const char *doh_cert, *doh_key;              /* PEM texts; NULL: our own */
    const char *ipv4, *ipv6;                     /* of names without records of their own; what is no address: none */
    void (*log)(void *cookie, const char *text); /* any thread */
    void *cookie;
};
/* When it returns 0 all listeners are up that can be. FC_E_USAGE: a certificate that is none. */
int fc_compat_chall_start(const struct fc_compat_chall_params *params, struct fc_compat_chall **ret_chall,
                          struct fc_err *err);
void fc_compat_chall_stop(struct fc_compat_chall *chall); /* NULL allowed */
FC_CLEANUP(struct fc_compat_chall *, fc_compat_chall_stop)

#endif
