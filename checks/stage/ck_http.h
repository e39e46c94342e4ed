/* One HTTP request from outside, no redirect followed, no certificate verified. */
#ifndef CK_HTTP_H
#define CK_HTTP_H

#include "net/net_addr.h"

#include <stdbool.h>
#include <stdint.h>

struct ck_http_answer {
    bool answered; /* a status line came */
    int status;
    char error[200];     /* when there was no answer, or it broke off */
    char location[1024]; /* "" when absent */
    char body[512];      /* its beginning */
    char hsts[200];      /* Strict-Transport-Security, "" when absent */
    int64_t took;        /* ns */
};

/* `https`: over TLS. The Host header is `host` without a port, as on 80 and 443. */
void ck_http_get(const struct fc_net_addr *to, bool https, const char *host, const char *path, int64_t timeout,
                 struct ck_http_answer *ret_answer);

#endif
