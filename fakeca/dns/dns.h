/* The simulated DNS: rules, an in-process resolver, and a server on UDP and TCP (ldns for packets only). Every name has A
 * 127.0.0.1 and no AAAA unless a rule says otherwise; TTL 0.
 *
 * A rule's value is JSON: {"values":["192.0.2.1"]} for A AAAA CNAME TXT CAA ("0 issue \"letsencrypt.org\""), {"rcode":"NXDOMAIN"},
 * SERVFAIL, REFUSED and so on for one type or for "*", {"rcode":"DROP"}: never answered. Beside these "delay":"2s" and, with values,
 * "truncate":true: over UDP only the flag TC goes out. The most specific name wins: exact, then the closest wildcard "*.x" (which does
 * not fit x itself), then "*", then the default. Any thread. */
#ifndef FC_DNS_H
#define FC_DNS_H

#include "base/base_alloc.h"
#include "base/base_err.h"
#include "net/net_resolver.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fc_store;
struct fc_events;
struct fc_clock;
struct fc_dns;

struct fc_dns_params {
    struct fc_store *store; /* rules are kept there */
    struct fc_events *events;
    const struct fc_clock *clock;
    const char *default_addrs; /* "127.0.0.1[,::1]"; NULL: 127.0.0.1 */
};
int fc_dns_new(const struct fc_dns_params *params, struct fc_dns **ret_dns, struct fc_err *err);
void fc_dns_free(struct fc_dns *dns); /* stops the server; NULL allowed */
FC_CLEANUP(struct fc_dns *, fc_dns_free)

/* Validates and sets one rule (replacing that name and type), keeps it in the store, makes an event. Takes the store's lock.
 * FC_E_USAGE names field and rule ("'type': unknown record type 'AAA', did you mean 'AAAA'?"). */
int fc_dns_set(struct fc_dns *dns, const char *name, const char *type, const json_t *value, int64_t now,
               struct fc_err *err);
/* name NULL: of all names; type NULL: of all types. *ret_count: rules removed. */
int fc_dns_clear(struct fc_dns *dns, const char *name, const char *type, int64_t now, int64_t *ret_count,
                 struct fc_err *err);
/* {"default":["127.0.0.1"],"rules":[{"name","type","values"|"rcode","delay","truncate"}]}, rules in order of name and type; new reference. */
json_t *fc_dns_list(struct fc_dns *dns);

/* The addresses of a name (lower case, no final dot), IPv4 first, as the rules give them now, delays left aside: at most `room` texts in
 * the arena; returns their number, 0 when the answer is none. */
struct fc_arena;
size_t fc_dns_addresses(struct fc_dns *dns, struct fc_arena *arena, const char *name, const char **ret_addresses,
                        size_t room);

/* Whether a word is the "rcode" of a rule: "NXDOMAIN", "servfail", "DROP". */
bool fc_dns_is_rcode(const char *word);

/* The in-process resolver. Answers inside ask; what a rule delays comes from a thread of its own, what one drops times out there.
 * A rule's "truncate" is told in the answer, which is whole all the same. Lives as long as the mock. */
const struct fc_resolver *fc_dns_resolver(struct fc_dns *dns);

/* One message and its answer, for DNS over HTTPS (RFC 8484); what a rule delays comes at once. False: no answer is due. */
bool fc_dns_message(struct fc_dns *dns, struct fc_arena *arena, const unsigned char *query, size_t len,
                    const char *from, const unsigned char **ret_data, size_t *ret_len);

/* Starts the thread that serves "ADDR:PORT" on UDP and TCP (port 0: the same free one for both); "localhost:PORT" is both
 * loopbacks, ":PORT" every address. Once a mock. FC_E_BUSY, FC_E_USAGE. */
int fc_dns_serve(struct fc_dns *dns, const char *listen, unsigned preferred_port, unsigned *ret_port,
                 struct fc_err *err);

#endif
