/* A blocking HTTP request: how commands talk to the management API. */
#ifndef FC_NET_CLIENT_H
#define FC_NET_CLIENT_H

#include "base/base_err.h"

#include <stddef.h>
#include <stdint.h>

struct fc_net_client_params {
    const char *method;
    const char *url;     /* http or https */
    const char *body;    /* NULL: none; JSON */
    const char *bearer;  /* sent as "Authorization: Bearer ..."; NULL: none */
    const char *ca_file; /* for https; NULL: the system's */
    int64_t timeout;     /* ns; 0: 30 s */
    /* When set, the body is handed over as it comes (server-sent events) and not kept; non-zero ends the transfer. */
    int (*data)(void *cookie, const char *bytes, size_t len);
    void *cookie;
};
struct fc_net_client_result {
    int status;
    char *body; /* NUL-terminated; the caller frees; "" with `data` */
    size_t len;
    char content_type[128];
};
/* FC_E_SYSTEM: no connection ("cannot reach the CA at URL: ..."); FC_E_LIMIT past 64 MiB. Any HTTP status is a success. */
int fc_net_client_request(const struct fc_net_client_params *params, struct fc_net_client_result *ret_result,
                          struct fc_err *err);

#endif
