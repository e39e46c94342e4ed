/* The value of CAA issue properties and of dns-persist-01 records (RFC 8659 section 4.2): an issuer's domain and parameters; and
 * CAA RDATA. Bytes of foreign zones. */
#ifndef FC_VA_PARAM_H
#define FC_VA_PARAM_H

#include "base/base_arena.h"

#include <stdbool.h>
#include <stddef.h>

#define FC_VA_PARAMS_MAX 64

struct fc_va_param {
    const char *name, *value;
};

struct fc_va_issue {
    const char *domain; /* without white space around it; may be "" */
    struct fc_va_param params[FC_VA_PARAMS_MAX];
    size_t n_params;
};

/* Let's Encrypt reads the two a little differently. */
enum fc_va_param_dialect {
    FC_VA_PARAM_CAA,    /* one ';' at the end is good, names are of letters and digits */
    FC_VA_PARAM_PERSIST /* no empty parameter, no empty name */
};

/* -1 with *ret_why (persist: "malformed parameter \"x\" should be tag=value pair") when it does not follow the grammar; the domain
 * is set even then. A domain with NUL bytes reads as "". */
int fc_va_param_parse(struct fc_arena *arena, const char *bytes, size_t len, enum fc_va_param_dialect dialect,
                      struct fc_va_issue *ret_issue, const char **ret_why);

struct fc_va_caa {
    bool critical;
    const char *tag;   /* lower case */
    const char *value; /* NUL-terminated, but may hold NULs: see len */
    size_t len;
};
/* -1 when it is no CAA RDATA (RFC 8659 section 4.1). */
int fc_va_param_caa(struct fc_arena *arena, const unsigned char *rdata, size_t len, struct fc_va_caa *ret_caa);

#endif
