/* Trouble on request (design.md part 2, "Quiet by default"): rules that say which request of an ACME client meets which trouble. This
 * folder holds the rules and finds those that a request meets; who answers requests makes the trouble.
 *
 * A rule fits by environment, endpoint, account and name; it is spent after `times` requests, meets a seeded share of them, and ends
 * with the simulated time. Rules live as long as the process: a restarted CA is well again. Any thread. */
#ifndef FC_FAULTS_H
#define FC_FAULTS_H

#include "base/base_alloc.h"
#include "base/base_arena.h"
#include "base/base_err.h"
#include "base/base_json.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fc_fault_kind {
#define X(name, text, endpoints, needs, may, help) FC_FAULT_##name,
#include "faults/faults.def"
#undef X
    FC_FAULT__MAX
};
/* "bad-nonce" */
const char *fc_fault_kind_name(enum fc_fault_kind kind);
const char *fc_fault_kind_help(enum fc_fault_kind kind);
/* "delay,retry_after": members that it needs, and may have, beside those that every rule may have. */
const char *fc_fault_kind_needs(enum fc_fault_kind kind);
const char *fc_fault_kind_may(enum fc_fault_kind kind);

/* The page of a load balancer whose servers are gone. */
extern const char fc_fault_html[];

/* Where a request goes, by the names of the directory and RFC 8555. */
enum fc_fault_endpoint {
    FC_FAULT_AT_OTHER, /* no rule names it; a rule without endpoints meets it too */
    FC_FAULT_AT_DIRECTORY,
    FC_FAULT_AT_NEW_NONCE,
    FC_FAULT_AT_NEW_ACCOUNT,
    FC_FAULT_AT_NEW_ORDER,
    FC_FAULT_AT_NEW_AUTHZ,
    FC_FAULT_AT_REVOKE_CERT,
    FC_FAULT_AT_KEY_CHANGE,
    FC_FAULT_AT_RENEWAL_INFO,
    FC_FAULT_AT_ACCOUNT,
    FC_FAULT_AT_ORDERS,
    FC_FAULT_AT_ORDER,
    FC_FAULT_AT_AUTHZ,
    FC_FAULT_AT_CHALLENGE,
    FC_FAULT_AT_FINALIZE,
    FC_FAULT_AT_CERT,
    FC_FAULT_AT__MAX
};
/* "newOrder"; NULL for FC_FAULT_AT_OTHER. */
const char *fc_fault_endpoint_name(enum fc_fault_endpoint endpoint);

#define FC_FAULT_TYPES_MAX 8

/* One rule. Texts are NULL when the rule does not have them. */
struct fc_fault {
    int64_t id;
    enum fc_fault_kind kind;
    unsigned endpoints; /* bits by enum fc_fault_endpoint; 0: all */
    const char *env;    /* NULL: all */
    int64_t account_id; /* 0: all */
    const char *name;   /* "a.test"; "*.a.test": names below it too; NULL: all */
    int64_t times;      /* 0: without end */
    int64_t used;
    int64_t share;    /* percent */
    int64_t ends_at;  /* simulated; 0: never */
    const char *type; /* of a problem: "rateLimited" */
    int64_t status;   /* 0: the kind's usual one */
    const char *detail;
    int64_t retry_after; /* ns; 0: the kind's usual one */
    bool retry_after_date;
    int64_t delay;
    int64_t perspective; /* 0: the primary; -1: the rule has none */
    const char *header, *member, *content_type, *body;
    const char *types[FC_FAULT_TYPES_MAX + 1];
};

struct fc_faults;
struct fc_faults *fc_faults_new(void);
void fc_faults_free(struct fc_faults *faults); /* NULL allowed */
FC_CLEANUP(struct fc_faults *, fc_faults_free)

/* Reads a rule from a JSON object; what is wrong is recorded in body's errors. The strings are borrowed from it. */
void fc_fault_read(struct fc_json_obj *body, int64_t now, struct fc_fault *ret_rule, uint64_t *ret_seed);
/* Adds a copy and gives it its number. FC_E_LIMIT. */
int fc_faults_add(struct fc_faults *faults, const struct fc_fault *rule, uint64_t seed, int64_t *ret_id,
                  struct fc_err *err);
/* The rule as JSON, new reference. */
json_t *fc_fault_json(const struct fc_fault *rule, int64_t now);
/* Copies of all rules, oldest first, in the arena; those that are spent or over too. */
const struct fc_fault *fc_faults_list(struct fc_faults *faults, struct fc_arena *arena, size_t *ret_count);
/* id 0: all. *ret_count: rules removed. */
void fc_faults_clear(struct fc_faults *faults, int64_t id, size_t *ret_count);

/* A request as rules see it. The functions are called only when a rule asks; they may be NULL. */
struct fc_fault_ask {
    const char *env;
    enum fc_fault_endpoint endpoint;
    int64_t now;
    bool (*applies)(void *cookie,
                    enum fc_fault_kind kind); /* whether the kind means anything to the request; NULL: all do */
    int64_t (*account)(void *cookie);
    bool (*has_name)(void *cookie, const char *name); /* of any of its identifiers */
    void *cookie;
};
/* The rules that this request meets, copied into the arena; each counts it. */
const struct fc_fault *fc_faults_meet(struct fc_faults *faults, const struct fc_fault_ask *ask, struct fc_arena *arena,
                                      size_t *ret_count);
/* Whether connections are to be refused now. */
bool fc_faults_refusing(struct fc_faults *faults, int64_t now);
/* Whether a name of a certificate fits the name of a rule. */
bool fc_fault_name_fits(const char *rule, const char *name);

/* An order that a rule keeps in processing, until the monotonic time. */
void fc_faults_hold_order(struct fc_faults *faults, int64_t order_id, int64_t until_mono, const struct fc_fault *rule);
/* Whether it is still held; then *ret_retry_after and *ret_date are the rule's, 0: none. */
bool fc_faults_order_held(struct fc_faults *faults, int64_t order_id, int64_t mono, int64_t *ret_retry_after,
                          bool *ret_date);

#endif
