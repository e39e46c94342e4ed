#include "va/va_int.h"

#include <string.h>
#include <sys/socket.h>

#include "model/model_ident.h"

bool fc_va_target_private(const struct fc_net_addr *addr)
{
    return fc_ident_reserved_block(addr->bytes, fc_net_addr_len(addr)) != NULL;
}

/* Addresses of the special-purpose registries are dropped silently; `rehearsal` keeps loopback and private ones. */
static bool usable(const struct fc_policy *policy, const struct fc_net_addr *addr)
{
    return !fc_va_target_private(addr) ||
           (policy->rehearsal && fc_ident_private_address(addr->bytes, fc_net_addr_len(addr)));
}

/* Adds the usable addresses of one answer to target->resolved from *count on. */
static void take_addresses(struct fc_va_run *run, const struct fc_dns_answer *dns, int family,
                           struct fc_va_target *target, size_t *count)
{
    struct fc_net_addr *first = family == AF_INET6 ? &target->v6 : &target->v4;
    const char **rule = family == AF_INET6 ? &target->rule6 : &target->rule4;
    size_t len = family == AF_INET6 ? 16 : 4;

    for (size_t i = 0; i < dns->n_records; i++) {
        struct fc_net_addr addr = {.family = family};
        char text[FC_NET_ADDR_TEXT];
        if (dns->records[i].len != len)
            continue;
        memcpy(addr.bytes, dns->records[i].data, len);
        if (!usable(run->policy, &addr))
            continue;
        target->resolved[(*count)++] = fc_arena_strdup(run->arena, fc_net_addr_ip(&addr, text));
        if (first->family == AF_UNSPEC) {
            *first = addr;
            *rule = fc_arena_strdup(run->arena, dns->rule);
        }
    }
}

/* Why one of the two look-ups gave nothing. */
static const char *why_none(struct fc_va_run *run, const struct fc_dns_answer *dns, enum fc_dns_type type,
                            const char *host)
{
    const char *text = fc_va_dns_text(run->arena, dns, type, host);

    if (text != NULL)
        return text;
    return fc_arena_printf(run->arena, "no valid %s records found for %s", type == FC_DNS_A ? "A" : "AAAA", host);
}

const char *fc_va_target_of_answers(struct fc_va_run *run, const char *host, const struct fc_va_answer *answers,
                                    struct fc_va_target *ret_target)
{
    const struct fc_dns_answer *a = &answers[0].dns, *aaaa = &answers[1].dns;
    struct fc_va_target target = {.host = host};
    size_t count = 0;

    target.resolved = fc_arena_alloc(run->arena, (a->n_records + aaaa->n_records + 1) * sizeof *target.resolved);
    if (run->family != AF_INET)
        take_addresses(run, aaaa, AF_INET6, &target, &count);
    if (run->family != AF_INET6)
        take_addresses(run, a, AF_INET, &target, &count);
    if (count == 0)
        return fc_arena_printf(run->arena, "%s; %s", why_none(run, a, FC_DNS_A, host),
                               why_none(run, aaaa, FC_DNS_AAAA, host));
    *ret_target = target;
    return NULL;
}

void fc_va_target_of_ip(struct fc_va_run *run, const char *ip, struct fc_va_target *ret_target)
{
    struct fc_va_target target = {.host = ip};
    struct fc_net_addr addr = {0};
    char text[FC_NET_ADDR_TEXT];

    fc_net_addr_parse_ip(ip, &addr, NULL);
    if (addr.family == AF_INET6)
        target.v6 = addr;
    else
        target.v4 = addr;
    target.resolved = fc_arena_alloc(run->arena, 2 * sizeof *target.resolved);
    target.resolved[0] = fc_arena_strdup(run->arena, fc_net_addr_ip(&addr, text));
    *ret_target = target;
}
