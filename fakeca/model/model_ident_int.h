/* Inside model/: what the files of model_ident share. */
#ifndef FC_MODEL_IDENT_INT_H
#define FC_MODEL_IDENT_INT_H

#include <stdbool.h>
#include <stddef.h>

#define FC_IDENT_FORBIDDEN                                                                                             \
    "The ACME server refuses to issue a certificate for this domain name, because it is forbidden by policy"

/* An address in any text form without zone: 4 or 16 bytes in network order. -1 when it is none. */
int fc_ident_parse_ip(const char *text, unsigned char ret_address[16], size_t *ret_len);

/* The Public Suffix List (libpsl); loaded once. */
struct psl_ctx_st;
const struct psl_ctx_st *fc_ident_suffixes(void);

/* Whether name is a name below parent ("a.test" is below "test"). */
bool fc_ident_is_below(const char *name, const char *parent);
/* Whether it is one of the rehearsal suffixes itself, without a dot before it. */
bool fc_ident_rehearsal_suffix(const char *name);

#endif
