/* pebble-challtestsrv's face: responders for challenges, a mock DNS, and the HTTP API that tells them what to answer. Everything is
 * in memory. */
#ifndef FC_COMPAT_CHALL_H
#define FC_COMPAT_CHALL_H

#include "base/base_alloc.h"
#include "base/base_err.h"

#include <stdbool.h>
#include <stddef.h>

struct fc_compat_chall;

/* Where a service listens: "ADDR:PORT[,ADDR:PORT]"; NULL or "": nowhere. */
struct fc_compat_chall_place {
    const char *at;
    bool may_fail; /* a port that is taken is logged, and the service is not there */
};

/* Borrowed for the start alone. */
struct fc_compat_chall_params {
    struct fc_compat_chall_place http01, https01, tlsalpn01;
    struct fc_compat_chall_place dns; /* UDP and TCP; one address */
    struct fc_compat_chall_place doh;
    const char *doh_cert, *doh_key;              /* PEM texts; NULL: our own */
    const char *management;                      /* one address */
    const char *ipv4, *ipv6;                     /* of names without records of their own; "": none */
    void (*log)(void *cookie, const char *text); /* any thread */
    void *cookie;
};
/* When it returns 0 all listeners are up. FC_E_BUSY, FC_E_USAGE. */
int fc_compat_chall_start(const struct fc_compat_chall_params *params, struct fc_compat_chall **ret_chall,
                          struct fc_err *err);
void fc_compat_chall_stop(struct fc_compat_chall *chall); /* NULL allowed */
FC_CLEANUP(struct fc_compat_chall *, fc_compat_chall_stop)

#endif
