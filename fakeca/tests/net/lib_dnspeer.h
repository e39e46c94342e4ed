/* A tiny DNS server that answers as a test says, well or badly, and a wait for a resolver's answer. */
#ifndef FC_TESTS_NET_LIB_DNSPEER_H
#define FC_TESTS_NET_LIB_DNSPEER_H

#include "net/net_resolver.h"

#include <stdbool.h>
#include <stddef.h>

struct dnspeer;

#define DNSPEER_MESSAGE 4096

/* Makes the answer to a question, of at least a header, into ret_answer; its length, 0: none. On the peer's thread. */
typedef size_t (*dnspeer_fn)(void *cookie, const unsigned char *query, size_t len,
                             unsigned char ret_answer[DNSPEER_MESSAGE]);

/* On UDP of a port of 127.0.0.1, without TCP. Never NULL: what fails ends the program with a line. */
struct dnspeer *dnspeer_start(dnspeer_fn answer, void *cookie);
void dnspeer_stop(struct dnspeer *peer);                 /* NULL allowed */
const char *dnspeer_address(const struct dnspeer *peer); /* "127.0.0.1:5353" */
/* Questions that came so far. */
size_t dnspeer_count(struct dnspeer *peer);

/* Asks and waits: "192.0.2.1 192.0.2.2", "no data", "rcode 2", "rcode 2 (DNSSEC: ...)", "timeout", "network error"; "no answer"
 * when none comes. Static. */
const char *dnspeer_ask(const struct fc_resolver *resolver, const char *name, enum fc_dns_type type);

#endif
