/* A place that answers DNS questions: the in-process mock (dns/), or a resolver behind libunbound (net_unbound). Asynchronous; an
 * answer may come before ask returns. */
#ifndef FC_NET_RESOLVER_H
#define FC_NET_RESOLVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fc_dns_type {
    FC_DNS_A = 1,
    FC_DNS_NS = 2,
    FC_DNS_CNAME = 5,
    FC_DNS_SOA = 6,
    FC_DNS_TXT = 16,
    FC_DNS_AAAA = 28,
    FC_DNS_CAA = 257
};

enum fc_dns_outcome {
    FC_DNS_ANSWER, /* rcode NOERROR; zero records: no data */
    FC_DNS_RCODE,  /* another rcode: see rcode (2 SERVFAIL, 3 NXDOMAIN, 5 REFUSED ...) */
    FC_DNS_TIMEOUT,
    FC_DNS_NETWORK,  /* socket error */
    FC_DNS_MALFORMED /* an answer that cannot be read */
};

struct fc_dns_record {
    enum fc_dns_type type;
    const unsigned char
        *data; /* A 4, AAAA 16 bytes; TXT: the strings of the record joined; CAA: RDATA as on the wire */
    size_t len;
};

/* Records are those of the asked type, CNAMEs already followed. Valid during the callback only. */
struct fc_dns_answer {
    enum fc_dns_outcome outcome;
    int rcode;
    bool truncated;
    const struct fc_dns_record *records;
    size_t n_records;
    const char *rule;   /* what decided ("default", "*.a.test A", "resolver 127.0.0.1:8053"), for traces */
    const char *reason; /* why a resolver says SERVFAIL ("DNSSEC: Bogus: ..."); NULL: it does not say */
};

typedef void (*fc_dns_answer_fn)(void *cookie, const struct fc_dns_answer *answer);

struct fc_resolver {
    /* name: lower case, no final dot. The callback comes exactly once, on the calling thread or, later, on the thread that
     * drives the resolver. */
    void (*ask)(void *self, const char *name, enum fc_dns_type type, fc_dns_answer_fn done, void *cookie);
    void *self;
};

/* The strings of a TXT record as on the wire, joined into ret_text (room for len bytes); returns the number of bytes. What is
 * malformed ends it. */
size_t fc_net_resolver_txt(const unsigned char *wire, size_t len, unsigned char *ret_text);

#endif
