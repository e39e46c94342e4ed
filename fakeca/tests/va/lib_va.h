/* A VA with a resolver that is a table, and a way to wait for a verdict. */
#ifndef FC_TESTS_VA_LIB_VA_H
#define FC_TESTS_VA_LIB_VA_H

#include "net/net_portmap.h"
#include "net/net_resolver.h"
#include "policy/policy.h"
#include "va/va.h"

#include <jansson.h>
#include <pthread.h>

#define TOKEN "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"
#define KEY_AUTH TOKEN ".9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"
#define CHALLENGE_PATH "/.well-known/acme-challenge/" TOKEN
#define GOOD_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 87\r\n\r\n" KEY_AUTH

enum zone_way {
    ZONE_NOW,   /* inside ask */
    ZONE_CUT,   /* the same, truncated */
    ZONE_LATER, /* from another thread */
    ZONE_HELD   /* by bed_release_answers, or when the bed is torn down and the VA is gone */
};
/* One row of the resolver: who asks for name and type gets this. Names without a row are NXDOMAIN. */
struct zone_row {
    const char *name;
    enum fc_dns_type type;
    const char *values
        [4]; /* addresses, TXT texts, CAA as `0 issue letsencrypt.org` or "\\# 0005" with RDATA in hex; none and rcode
                              0: no data */
    int rcode;
    enum fc_dns_outcome outcome; /* FC_DNS_ANSWER unless set; FC_DNS_RCODE follows from rcode */
    enum zone_way way;
};

#define BED_LATER_MAX 64

struct bed_held;

struct bed {
    struct fc_policy *loaded;
    struct fc_policy policy; /* a copy of production's, to be changed by the test before it validates */
    enum fc_va_scope scope;  /* FC_VA_DCV unless the test wants more; the policy has one perspective */
    struct fc_net_portmap *portmap;
    struct fc_resolver resolver;
    const struct zone_row *zone;
    size_t n_zone;
    pthread_t later[BED_LATER_MAX]; /* threads that answer */
    size_t n_later;
    struct bed_held *held;
    struct fc_va *va;
    json_t *verdict; /* of the last validation that was waited for */
};

/* The bed's VA is started. */
int bed_setup(void **state);
int bed_teardown(void **state);
/* Another VA in the place of the first, not started. */
void bed_replace(struct bed *bed, size_t queue_max);
/* Answers all that was held (on this thread). */
void bed_release_answers(struct bed *bed);
/* Ports 80 and 443 of the address lead to these on 127.0.0.1; 0: not mapped. */
void bed_map(struct bed *bed, unsigned http, unsigned https);

/* Validates and waits. The verdict, borrowed from the bed until the next:
 * {"valid","type","status","detail","record":[...],"hops":[{"url","host","port","used","connected","rule","status","location",
 * "tls","error","rehearsal"}]}; absent things are left out. */
json_t *bed_validate(struct bed *bed, const char *method, const char *name);
json_t *bed_validate_ident(struct bed *bed, const char *method, enum fc_ident_type type, const char *name);
/* The same of a whole job; its policy is the bed's. */
json_t *bed_validate_job(struct bed *bed, const struct fc_va_job *asked);
const char *verdict_text(const json_t *verdict, const char *member);
/* Fails the test unless the verdict is a problem of this type, status and detail. */
void bed_expect(const struct bed *bed, const char *type, int status, const char *detail);
void bed_expect_valid(const struct bed *bed);
/* A string member of a hop; "" when absent. */
const char *hop_text(const json_t *verdict, size_t hop, const char *member);

/* For tests with many validations at once: counts verdicts. */
struct crowd;
struct crowd *crowd_new(void);
void crowd_free(struct crowd *crowd);
int crowd_validate(struct crowd *crowd, struct bed *bed, const char *method, const char *name, struct fc_err *err);
/* Waits until so many verdicts are there; false when the time (in seconds) is up. */
int crowd_wait(struct crowd *crowd, size_t count, int seconds);
size_t crowd_valid(struct crowd *crowd);
size_t crowd_count(struct crowd *crowd);

#endif
