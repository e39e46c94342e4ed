#include "model/model_ident.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/base_text.h"
#include "model/model_ident_int.h"
#include "model/model_problem.h"

/* The IANA special-purpose address registries (letsencrypt.md D.2; the registries of 2025-10). */
struct block {
    size_t len; /* 4: IPv4, 16: IPv6 */
    unsigned char prefix[16];
    unsigned bits;
    bool private_use; /* what `rehearsal` permits */
    const char *text; /* RFC: name */
};

static const struct block blocks[] = {
    {4, {0}, 8, false, "[RFC791], Section 3.2: \"This network\""},
    {4, {0}, 32, false, "[RFC1122], Section 3.2.1.3: \"This host on this network\""},
    {4, {10}, 8, true, "[RFC1918]: Private-Use"},
    {4, {100, 64}, 10, false, "[RFC6598]: Shared Address Space"},
    {4, {127}, 8, true, "[RFC1122], Section 3.2.1.3: Loopback"},
    {4, {169, 254}, 16, false, "[RFC3927]: Link Local"},
    {4, {172, 16}, 12, true, "[RFC1918]: Private-Use"},
    {4, {192, 0, 0}, 24, false, "[RFC6890], Section 2.1: IETF Protocol Assignments"},
    {4, {192, 0, 0}, 29, false, "[RFC7335]: IPv4 Service Continuity Prefix"},
    {4, {192, 0, 0, 8}, 32, false, "[RFC7600]: IPv4 dummy address"},
    {4, {192, 0, 0, 9}, 32, false, "[RFC7723]: Port Control Protocol Anycast"},
    {4, {192, 0, 0, 10}, 32, false, "[RFC8155]: Traversal Using Relays around NAT Anycast"},
    {4, {192, 0, 0, 170}, 32, false, "[RFC8880][RFC7050], Section 2.2: NAT64/DNS64 Discovery"},
    {4, {192, 0, 0, 171}, 32, false, "[RFC8880][RFC7050], Section 2.2: NAT64/DNS64 Discovery"},
    {4, {192, 0, 2}, 24, false, "[RFC5737]: Documentation (TEST-NET-1)"},
    {4, {192, 31, 196}, 24, false, "[RFC7535]: AS112-v4"},
    {4, {192, 52, 193}, 24, false, "[RFC7450]: AMT"},
    {4, {192, 88, 99}, 24, false, "[RFC7526]: Deprecated (6to4 Relay Anycast)"},
    {4, {192, 168}, 16, true, "[RFC1918]: Private-Use"},
    {4, {192, 175, 48}, 24, false, "[RFC7534]: Direct Delegation AS112 Service"},
    {4, {198, 18}, 15, false, "[RFC2544]: Benchmarking"},
    {4, {198, 51, 100}, 24, false, "[RFC5737]: Documentation (TEST-NET-2)"},
    {4, {203, 0, 113}, 24, false, "[RFC5737]: Documentation (TEST-NET-3)"},
    {4, {240}, 4, false, "[RFC1112], Section 4: Reserved"},
    {4, {255, 255, 255, 255}, 32, false, "[RFC8190] [RFC919], Section 7: Limited Broadcast"},

    {16, {[15] = 1}, 128, true, "[RFC4291]: Loopback Address"},
    {16, {0}, 128, false, "[RFC4291]: Unspecified Address"},
    {16, {[10] = 0xff, 0xff}, 96, false, "[RFC4291]: IPv4-mapped Address"},
    {16, {0x00, 0x64, 0xff, 0x9b}, 96, false, "[RFC6052]: IPv4-IPv6 Translat."},
    {16, {0x00, 0x64, 0xff, 0x9b, 0, 1}, 48, false, "[RFC8215]: IPv4-IPv6 Translat."},
    {16, {0x01, 0x00}, 64, false, "[RFC6666]: Discard-Only Address Block"},
    {16, {0x01, 0x00, 0, 0, 0, 0, 0, 1}, 64, false, "[RFC9780]: Dummy IPv6 Prefix"},
    {16, {0x20, 0x01}, 23, false, "[RFC2928]: IETF Protocol Assignments"},
    {16, {0x20, 0x01}, 32, false, "[RFC4380] [RFC8190]: TEREDO"},
    {16, {0x20, 0x01, 0, 1, [15] = 1}, 128, false, "[RFC7723]: Port Control Protocol Anycast"},
    {16, {0x20, 0x01, 0, 1, [15] = 2}, 128, false, "[RFC8155]: Traversal Using Relays around NAT Anycast"},
    {16,
     {0x20, 0x01, 0, 1, [15] = 3},
     128,
     false,
     "[RFC-ietf-dnssd-srp-25]: DNS-SD Service Registration Protocol Anycast"},
    {16, {0x20, 0x01, 0, 2}, 48, false, "[RFC5180][RFC Errata 1752]: Benchmarking"},
    {16, {0x20, 0x01, 0, 3}, 32, false, "[RFC7450]: AMT"},
    {16, {0x20, 0x01, 0, 4, 0x01, 0x12}, 48, false, "[RFC7535]: AS112-v6"},
    {16, {0x20, 0x01, 0, 0x10}, 28, false, "[RFC4843]: Deprecated (previously ORCHID)"},
    {16, {0x20, 0x01, 0, 0x20}, 28, false, "[RFC7343]: ORCHIDv2"},
    {16, {0x20, 0x01, 0, 0x30}, 28, false, "[RFC9374]: Drone Remote ID Protocol Entity Tags (DETs) Prefix"},
    {16, {0x20, 0x01, 0x0d, 0xb8}, 32, false, "[RFC3849]: Documentation"},
    {16, {0x20, 0x02}, 16, false, "[RFC3056]: 6to4"},
    {16, {0x26, 0x20, 0, 0x4f, 0x80}, 48, false, "[RFC7534]: Direct Delegation AS112 Service"},
    {16, {0x3f, 0xff}, 20, false, "[RFC9637]: Documentation"},
    {16, {0x5f, 0x00}, 16, false, "[RFC9602]: Segment Routing (SRv6) SIDs"},
    {16, {0xfc}, 7, true, "[RFC4193] [RFC8190]: Unique-Local"},
    {16, {0xfe, 0x80}, 10, false, "[RFC4291]: Link-Local Unicast"},
};

static bool has_prefix(const unsigned char *address, const unsigned char *prefix, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;

    if (memcmp(address, prefix, whole) != 0)
        return false;
    return rest == 0 || (address[whole] ^ prefix[whole]) >> (8 - rest) == 0;
}

/* The most specific block that holds the address, or NULL. */
static const struct block *find_block(const unsigned char *address, size_t len)
{
    const struct block *found = NULL;

    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
        if (blocks[i].len == len && has_prefix(address, blocks[i].prefix, blocks[i].bits) &&
            (!found || blocks[i].bits > found->bits))
            found = &blocks[i];
    }
    return found;
}

const char *fc_ident_reserved_block(const unsigned char *address, size_t len)
{
    const struct block *block = find_block(address, len);

    return block ? block->text : NULL;
}

bool fc_ident_private_address(const unsigned char *address, size_t len)
{
    const struct block *block = find_block(address, len);

    return block && block->private_use;
}

int fc_ident_parse_ip(const char *text, unsigned char ret_address[16], size_t *ret_len)
{
    struct in6_addr v6;
    struct in_addr v4;

    if (inet_pton(AF_INET, text, &v4) == 1) {
        memcpy(ret_address, &v4, 4);
        *ret_len = 4;
        return 0;
    }
    if (inet_pton(AF_INET6, text, &v6) == 1) {
        memcpy(ret_address, &v6, 16);
        *ret_len = 16;
        return 0;
    }
    return -1;
}

/* RFC 5952. inet_ntop agrees except for "::1.2.3.4" (IPv4-compatible, deprecated), which is "::102:304" there. */
static void canonical_text(const unsigned char *address, size_t len, char ret_text[INET6_ADDRSTRLEN])
{
    static const unsigned char zeros[12];

    inet_ntop(len == 4 ? AF_INET : AF_INET6, address, ret_text, INET6_ADDRSTRLEN);
    if (len == 16 && memcmp(address, zeros, sizeof zeros) == 0 && (address[12] || address[13]))
        snprintf(ret_text, INET6_ADDRSTRLEN, "::%x:%x", (unsigned)(address[12] << 8 | address[13]),
                 (unsigned)(address[14] << 8 | address[15]));
}

int fc_ident_parse_prefix(const char *text, unsigned char ret_address[16], size_t *ret_len, unsigned *ret_bits)
{
    const char *slash = strchr(text, '/');
    unsigned char address[16];
    char part[INET6_ADDRSTRLEN];
    size_t len;
    int64_t bits;

    if (!slash || (size_t)(slash - text) >= sizeof part)
        return -1;
    memcpy(part, text, (size_t)(slash - text));
    part[slash - text] = '\0';
    if (fc_ident_parse_ip(part, address, &len) != 0 || fc_text_int(slash + 1, 0, (int64_t)len * 8, &bits, NULL) != 0)
        return -1;
    memcpy(ret_address, address, len);
    *ret_len = len;
    *ret_bits = (unsigned)bits;
    return 0;
}

/* Names on the block list are none of an address's concern. */
static bool in_blocked_prefix(const unsigned char *address, size_t len, const char *entry)
{
    unsigned char prefix[16];
    size_t prefix_len;
    unsigned bits;

    return fc_ident_parse_prefix(entry, prefix, &prefix_len, &bits) == 0 && prefix_len == len &&
           has_prefix(address, prefix, bits);
}

int fc_ident_check_ip(const char *text, const struct fc_ident_rules *rules, struct fc_arena *arena,
                      struct fc_problem *ret_problem, bool *ret_used_rehearsal)
{
    unsigned char address[16];
    char canonical[INET6_ADDRSTRLEN];
    size_t len;
    bool used = false;

    if (fc_ident_parse_ip(text, address, &len) != 0)
        return fc_problem_set(ret_problem, arena, FC_PROBLEM_MALFORMED, "IP address is invalid");
    canonical_text(address, len, canonical);
    if (strcmp(text, canonical) != 0)
        return fc_problem_set(ret_problem, arena, FC_PROBLEM_MALFORMED, "IP address is invalid");
    const struct block *block = find_block(address, len);
    if (block && !rules->any) {
        if (!rules->rehearsal || !block->private_use)
            return fc_problem_set(ret_problem, arena, FC_PROBLEM_REJECTED_IDENTIFIER,
                                  "IP address is in a reserved address block: %s", block->text);
        used = true;
    }
    for (const char *const *blocked = rules->blocked; blocked && *blocked; blocked++) {
        if (in_blocked_prefix(address, len, *blocked))
            return fc_problem_set(ret_problem, arena, FC_PROBLEM_REJECTED_IDENTIFIER, "%s", FC_IDENT_FORBIDDEN);
    }
    if (ret_used_rehearsal)
        *ret_used_rehearsal = used;
    return 0;
}
