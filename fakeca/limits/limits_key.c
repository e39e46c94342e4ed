#include "limits/limits_int.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_text.h"

#include "pki/pki_key.h"

#define RANGE_BITS 48
#define HASH_BYTES 32

const char *fc_limits_key_address(struct fc_arena *arena, const char *address)
{
    return fc_arena_printf(arena, "%d:%s", FC_LIMIT_REGISTRATIONS_IP, address);
}

const char *fc_limits_key_range(struct fc_arena *arena, const char *address)
{
    const char *range = fc_ident_range6(arena, address, RANGE_BITS);

    return range ? fc_arena_printf(arena, "%d:%s", FC_LIMIT_REGISTRATIONS_RANGE, range) : NULL;
}

const char *fc_limits_key_account(struct fc_arena *arena, enum fc_limit limit, int64_t account_id)
{
    return fc_arena_printf(arena, "%d:%" PRId64, limit, account_id);
}

const char *fc_limits_key_pair(struct fc_arena *arena, enum fc_limit limit, int64_t account_id, const char *rest)
{
    return fc_arena_printf(arena, "%d:%" PRId64 ":%s", limit, account_id, rest);
}

const char *fc_limits_key_domain(struct fc_arena *arena, const char *domain)
{
    return fc_arena_printf(arena, "%d:%s", FC_LIMIT_DOMAIN, domain);
}

const char *fc_limits_key_set(struct fc_arena *arena, const struct fc_ident *idents, size_t count)
{
    const char *text = fc_ident_set_text(arena, idents, count);
    unsigned char hash[HASH_BYTES];
    char hex[2 * HASH_BYTES + 1];

    fc_key_sha256(text, strlen(text), hash);
    fc_text_hex(hash, sizeof hash, hex);
    return fc_arena_printf(arena, "%d:%s", FC_LIMIT_SET, hex);
}

enum fc_limit fc_limits_key_limit(const char *key)
{
    bool known = key[0] > '0' && key[0] < '0' + FC_LIMIT__MAX && key[1] == ':';

    return known ? (enum fc_limit)(key[0] - '0') : FC_LIMIT_NONE;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char **fc_limits_key_domains(struct fc_arena *arena, const struct fc_ident *idents, size_t count)
{
    const char **domains = fc_arena_alloc(arena, (count + 1) * sizeof *domains);
    size_t unique = 0;

    for (size_t i = 0; i < count; i++)
        domains[i] = fc_ident_registered_domain(arena, &idents[i]);
    qsort(domains, count, sizeof *domains, compare);
    for (size_t i = 0; i < count; i++)
        if (unique == 0 || strcmp(domains[unique - 1], domains[i]) != 0)
            domains[unique++] = domains[i];
    domains[unique] = NULL;
    return domains;
}
