/* What the tests of dns/ share: a mock over a store in memory, look-ups as text, dig(1), raw questions. */
#ifndef FC_TESTS_LIB_DNS_H
#define FC_TESTS_LIB_DNS_H

#include "base/base_clock.h"
#include "dns/dns.h"
#include "events/events.h"
#include "store/store.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LIB_NOW (INT64_C(1795500000) * 1000000000)
#define PATIENCE (INT64_C(20) * 1000000000)

/* cmocka fixture: *state is one. */
struct lib_dns {
    struct fc_clock *clock;
    struct fc_store *store;
    struct fc_events *events;
    struct fc_dns *dns;
    unsigned port; /* of lib_dns_serve */
    struct fc_err err;
    char text[65536]; /* of the last answer */
    pthread_mutex_t lock;
    pthread_cond_t news;
    size_t answers; /* under the lock */
};
int lib_dns_setup(void **state);
int lib_dns_teardown(void **state);
#define LIB_DNS_TEST(test) cmocka_unit_test_setup_teardown(test, lib_dns_setup, lib_dns_teardown)

/* Makes another mock over the same store. */
int lib_dns_reopen(struct lib_dns *lib, const char *default_addrs);
/* json: the rule's value, or just a value ("192.0.2.1") or an rcode ("NXDOMAIN", "DROP") without braces. err is lib's. */
int lib_dns_set(struct lib_dns *lib, const char *name, const char *type, const char *json);
/* "192.0.2.1 192.0.2.2 [a.test A]", "no data [default]", "rcode 3 [a.test *]", "timeout []"; with " truncated" behind. Waits for
 * it; "no answer": none came in time. */
const char *lib_dns_ask(struct lib_dns *lib, const char *name, enum fc_dns_type type);
/* The same in two steps, of any resolver; one question at a time. */
void lib_dns_ask_begin(struct lib_dns *lib, const struct fc_resolver *resolver, const char *name,
                       enum fc_dns_type type);
const char *lib_dns_ask_end(struct lib_dns *lib);
/* The texts of the last `n` events of a type, one a line; in lib->text. */
const char *lib_dns_events(struct lib_dns *lib, const char *type);

/* Starts the server on 127.0.0.1. */
int lib_dns_serve(struct lib_dns *lib);
/* Runs dig with the arguments of one line ("@ADDR" first, else 127.0.0.1 is asked); its output in lib->text, whose last newline is cut off. NULL: dig failed. */
const char *lib_dns_dig(struct lib_dns *lib, const char *args);

/* A socket to the server, connected; -1. */
int lib_dns_connect(unsigned port, bool tcp);
/* Sends bytes and takes what comes back in one piece (UDP) or until the end (TCP: shut down after sending when `finish`);
 * -1 when nothing comes within `patience` ns. */
long lib_dns_exchange(int fd, const void *data, size_t len, void *ret_data, size_t room, int64_t patience);
bool lib_dns_ended(int fd, int64_t patience);
/* A question: id 0x1234, RD, one question of class IN. Returns its length. */
size_t lib_dns_question(const char *name, unsigned type, unsigned char *ret_data);

#endif
