/* URLs of http and https: parse and resolve references (RFC 3986), bounded. Hostile input (Location headers). */
#ifndef FC_NET_URL_H
#define FC_NET_URL_H

#include "base/base_arena.h"
#include "base/base_err.h"

#include <stdbool.h>
#include <stddef.h>

#define FC_NET_URL_MAX 16384

struct fc_net_url {
    const char *text;     /* whole, without fragment */
    const char *scheme;   /* lower case; may be another than http and https */
    const char *userinfo; /* NULL when absent */
    const char *host;     /* lower case; IPv6 without brackets; "" when empty */
    bool host_is_ip;
    bool scope_zone; /* [fe80::1%25eth0] */
    unsigned port;   /* of the text, else the scheme's, else 0 */
    bool port_given;
    const char *path;  /* "/..." */
    const char *query; /* NULL when absent */
};

/* Parses an absolute URL. FC_E_PARSE says what is wrong. */
int fc_net_url_parse(struct fc_arena *arena, const char *text, struct fc_net_url *ret_url, struct fc_err *err);
/* Resolves a reference (absolute or relative) against base and drops the fragment. */
int fc_net_url_resolve(struct fc_arena *arena, const struct fc_net_url *base, const char *reference,
                       struct fc_net_url *ret_url, struct fc_err *err);

#endif
