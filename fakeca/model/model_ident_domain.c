/* What certificates and registrations are counted under. */
#include "model/model_ident.h"

#include <arpa/inet.h>
#include <string.h>

#include <libpsl.h>

#include "model/model_ident_int.h"

const char *fc_ident_range6(struct fc_arena *arena, const char *address, unsigned bits)
{
    unsigned char bytes[16];
    char text[INET6_ADDRSTRLEN];
    size_t len;

    if (fc_ident_parse_ip(address, bytes, &len) != 0 || len != 16)
        return NULL;
    memset(bytes + bits / 8, 0, 16 - bits / 8);
    if (inet_ntop(AF_INET6, bytes, text, sizeof text) == NULL)
        return NULL;
    return fc_arena_printf(arena, "%s/%u", text, bits);
}

static const char *address_range(struct fc_arena *arena, const char *address)
{
    const char *range = fc_ident_range6(arena, address, 64);

    return range ? range : fc_arena_printf(arena, "%s/32", address);
}

const char *fc_ident_registered_domain(struct fc_arena *arena, const struct fc_ident *ident)
{
    const char *domain;

    if (ident->type == FC_IDENT_IP)
        return address_range(arena, ident->value);
    domain = psl_registrable_domain(fc_ident_suffixes(), ident->value);
    return domain ? domain : ident->value;
}
