#include "va/va_int.h"

#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "model/model_ident.h"
#include "net/net_portmap.h"

bool fc_va_target_private(const struct fc_net_addr *addr)
{
    return fc_ident_reserved_block(addr->bytes, fc_net_addr_len(addr)) != NULL;
}

/* Addresses of the special-purpose registries are dropped silently; `rehearsal` keeps loopback and private ones. */
static bool usable(const struct fc_policy *policy, const struct fc_net_addr *addr)
{
    return policy->lenient.addresses || !fc_va_target_private(addr) ||
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
        if (!usable(run->job->policy, &addr))
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
    if (run->job->family != AF_INET)
        take_addresses(run, aaaa, AF_INET6, &target, &count);
    if (run->job->family != AF_INET6)
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

void fc_va_target_ask(struct fc_va_run *run, const char *host, fc_va_dns_fn fn)
{
    const struct fc_va_question questions[] = {{host, FC_DNS_A}, {host, FC_DNS_AAAA}};

    fc_va_dns_ask(run, questions, sizeof questions / sizeof *questions, fn);
}

/* Remote perspectives are told apart by a server on the IPv4 loopback; elsewhere this host has no further addresses. */
static struct fc_net_addr source_of(const struct fc_va_run *run, const struct fc_net_addr *to)
{
    struct fc_net_addr from = {.family = AF_UNSPEC};

    if (run->job->from.family != AF_UNSPEC)
        return run->job->from.family == to->family ? run->job->from : from;
    if (run->perspective > 0 && to->family == AF_INET && fc_net_addr_loopback(to))
        from = (struct fc_net_addr){.family = AF_INET, .bytes = {127, 0, 0, (unsigned char)(run->perspective + 1)}};
    return from;
}

/* A probe of one backend: what is asked of the name itself, where the challenge begins. */
static bool to_backend(const struct fc_va_run *run, const struct fc_net_addr *addr, const char *host)
{
    const struct fc_policy *policy = run->job->policy;
    bool begins =
        addr->port == (unsigned)policy->validation.http_port ||
        (strcmp(run->job->method, "tls-alpn-01") == 0 && addr->port == (unsigned)policy->validation.https_port);

    return run->job->connect_to.family != AF_UNSPEC && begins && strcasecmp(host, run->job->ident.value) == 0;
}

void fc_va_target_route(const struct fc_va_run *run, const struct fc_net_addr *addr, const char *host,
                        struct fc_net_addr *ret_to, struct fc_net_addr *ret_from)
{
    *ret_to = *addr;
    if (run->va->params.portmap != NULL)
        fc_net_portmap_apply(run->va->params.portmap, addr, ret_to);
    if (to_backend(run, addr, host))
        *ret_to = run->job->connect_to;
    *ret_from = source_of(run, ret_to);
}

void fc_va_target_note(struct fc_va_run *run, struct fc_va_hop *hop, const struct fc_va_target *target,
                       const struct fc_net_addr *addr, const struct fc_net_addr *to)
{
    bool v6 = addr->family == AF_INET6;
    char text[FC_NET_ADDR_TEXT];

    hop->resolved = target->resolved;
    hop->used = fc_arena_strdup(run->arena, fc_net_addr_ip(addr, text));
    hop->family = v6 ? "IPv6" : "IPv4";
    hop->connected = fc_arena_strdup(run->arena, fc_net_addr_text(to, text));
    hop->dns_rule = v6 ? target->rule6 : target->rule4;
    if (fc_va_target_private(addr))
        fc_va_trace_rehearsal(run, hop, "private address");
}
