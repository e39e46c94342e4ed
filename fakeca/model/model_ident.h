/* Identifiers: normal form and syntax of DNS names and IP addresses (letsencrypt.md D.1, D.2). */
#ifndef FC_MODEL_IDENT_H
#define FC_MODEL_IDENT_H

#include "base/base_arena.h"

#include <stdbool.h>
#include <stddef.h>

enum fc_ident_type { FC_IDENT_DNS, FC_IDENT_IP };

struct fc_ident {
    enum fc_ident_type type;
    const char *value; /* normal form; wildcards as "*.x" */
};

struct fc_problem;

const char *fc_ident_type_name(enum fc_ident_type type); /* "dns", "ip" */
/* -1 when it is neither. */
int fc_ident_type_parse(const char *name, enum fc_ident_type *ret_type);

bool fc_ident_equal(const struct fc_ident *a, const struct fc_ident *b);
/* DNS first, then IP, each sorted by value (strcmp); for qsort. */
int fc_ident_compare(const void *a, const void *b);
/* Sorts and drops duplicates; returns the new count. */
size_t fc_ident_sort_unique(struct fc_ident *idents, size_t count);
bool fc_ident_wildcard(const struct fc_ident *ident);

struct fc_ident_rules {
    /* the suffixes of design.md part 2 and bare "localhost" pass 3, 11, 17, 18 and those suffixes on the block list;
     * loopback and private addresses pass */
    bool rehearsal;
    /* for CAs of tests: every name of letters, digits and hyphens passes, of one label and of any suffix; every address */
    bool any;
    const char *const
        *blocked; /* names, exact or as parent, and address prefixes ("ff00::/8"); NULL-terminated or NULL */
};

/* Checks a lower-cased DNS name by the rows of D.1 in their order (1 to 18 and 20). 0, or -1 and the inner problem: its type
 * (malformed or rejectedIdentifier) and the bare message ("Domain name needs at least one dot"). *ret_used_rehearsal
 * (may be NULL) says whether only `rehearsal` let it pass. Public suffixes by libpsl, ICANN section only. */
int fc_ident_check_dns(const char *name, const struct fc_ident_rules *rules, struct fc_arena *arena,
                       struct fc_problem *ret_problem, bool *ret_used_rehearsal);
/* The same for an IP address: canonical text form (RFC 5952) and the special-purpose registries of D.2. */
int fc_ident_check_ip(const char *text, const struct fc_ident_rules *rules, struct fc_arena *arena,
                      struct fc_problem *ret_problem, bool *ret_used_rehearsal);

/* Whether the name is under a rehearsal suffix (.test .example .internal .localhost .home.arpa) or is "localhost". */
bool fc_ident_rehearsal_name(const char *name);
/* The text after "reserved address block: " of the most specific special-purpose block that holds the address
 * (4 or 16 bytes, network order), or NULL when it is public. */
const char *fc_ident_reserved_block(const unsigned char *address, size_t len);
/* Whether it is loopback or private (what `rehearsal` permits as look-up result and identifier). */
bool fc_ident_private_address(const unsigned char *address, size_t len);

/* An address prefix of the block list ("224.0.0.0/4", "ff00::/8"): 4 or 16 bytes and their number, how many bits count.
 * -1, with nothing set, when it is none. */
int fc_ident_parse_prefix(const char *text, unsigned char ret_address[16], size_t *ret_len, unsigned *ret_bits);

/* What certificates are counted under (letsencrypt.md A.1): the registered domain by the Public Suffix List, its private section
 * included; a name that is a suffix itself stands for itself; addresses by their range ("192.0.2.7/32", "2001:db8:1:2::/64"). A
 * part of the value, or made in the arena. */
const char *fc_ident_registered_domain(struct fc_arena *arena, const struct fc_ident *ident);
/* The range of an IPv6 address in text form, of `bits` (a multiple of 8): "2001:db8:1::/48"; NULL when it is no IPv6 address. */
const char *fc_ident_range6(struct fc_arena *arena, const char *address, unsigned bits);

/* SHA-256 is the caller's: the text that Boulder hashes for an identifier set: DNS names sorted, then IPs sorted, joined
 * with ','. idents must be sorted and unique. */
const char *fc_ident_set_text(struct fc_arena *arena, const struct fc_ident *idents, size_t count);

#endif
