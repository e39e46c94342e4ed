/* Rate limits as Let's Encrypt computes them (letsencrypt.md A): which buckets a request touches, what they answer, what is spent.
 *
 * Everything here is a function of its arguments: buckets lie in a storage that the caller brings (the store's, or one in memory:
 * limits_storage.h), `now` is passed in, no clock, no HTTP. A bucket is one point in time, so a skip of the clock frees slots and a
 * restart frees none.
 *
 * Threads: struct fc_limits is immutable but for the last moment that was told; any thread. A storage has the rules of its owner. */
#ifndef FC_LIMITS_H
#define FC_LIMITS_H

#include "base/base_alloc.h"
#include "base/base_arena.h"
#include "base/base_err.h"
#include "limits/limits_gcra.h"
#include "model/model_ident.h"
#include "policy/policy.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is kept of a bucket: when it is empty again, and who spent last. */
struct fc_limits_bucket {
    int64_t tat;
    int64_t spent_at;
    int64_t account_id, order_id; /* 0: not known */
};

struct fc_limits_storage {
    int (*get)(void *cookie, const char *key, struct fc_limits_bucket *ret_bucket, bool *ret_found, struct fc_err *err);
    int (*put)(void *cookie, const char *key, const struct fc_limits_bucket *bucket, struct fc_err *err);
    int (*drop)(void *cookie, const char *key, struct fc_err *err);
    /* notBefore of the newest certificate, anybody's, with exactly these identifiers (sorted, unique); INT64_MIN: none. */
    int (*issued)(void *cookie, const struct fc_ident *idents, size_t count, int64_t *ret_not_before,
                  struct fc_err *err);
    void *cookie;
};

/* ---- which limits hold ---- */

enum fc_limits_mode {
    FC_LIMITS_OWN,         /* as the policy says */
    FC_LIMITS_LETSENCRYPT, /* the policy's numbers, also where it does not enforce them */
    FC_LIMITS_STAGING,     /* the numbers of the built-in staging */
    FC_LIMITS_OFF,         /* nothing is computed */
    FC_LIMITS_FACTOR       /* every count and burst times the factor */
};
struct fc_limits_setting {
    enum fc_limits_mode mode;
    int64_t milli; /* FC_LIMITS_FACTOR: thousandths */
};
/* "letsencrypt", "staging", "off", or a factor such as 10 or 0.5 (0.001 to 1000000). FC_E_USAGE. */
int fc_limits_setting_parse(const char *text, struct fc_limits_setting *ret_setting, struct fc_err *err);

struct fc_limits;
/* The limits of one environment; the policy must outlive them. */
int fc_limits_new(const struct fc_policy *policy, const struct fc_limits_setting *setting,
                  struct fc_limits **ret_limits, struct fc_err *err);
void fc_limits_free(struct fc_limits *limits); /* NULL allowed */
FC_CLEANUP(struct fc_limits *, fc_limits_free)

const struct fc_policy *fc_limits_policy(const struct fc_limits *limits);
bool fc_limits_enforced(const struct fc_limits *limits, int64_t now);
/* The rule of a bucket at now, with its override; false: not configured, never denies. *ret_override may be NULL. */
bool fc_limits_rule(const struct fc_limits *limits, const char *key, int64_t now, struct fc_limits_rule *ret_rule,
                    bool *ret_override);

/* ---- questions and spending ---- */

/* Who asks. Ids go into the buckets that are spent. */
struct fc_limits_call {
    const struct fc_limits *limits;
    const struct fc_limits_storage *storage;
    struct fc_arena *arena;
    int64_t now;
    int64_t account_id, order_id;
};

struct fc_limits_denial {
    enum fc_limit limit;
    const char *key; /* "5:example.com"; arena */
    struct fc_limits_rule rule;
    struct fc_limits_decision decision;
    int64_t retry_at;      /* what the client is told: later than the true moment by up to jitter_percent */
    int64_t retry_after_s; /* the same as seconds for the header, rounded; 0: no header */
    const char *detail;    /* Boulder's text (letsencrypt.md A.5); arena */
};

/* Each: 0 allowed (and spent), 1 denied with *ret_denial filled and nothing spent, -1 the storage failed. Not enforced: 0.
 * dry: decides the same and spends nothing. */

/* newAccount with a new key from this address (text of an IP address). */
int fc_limits_registration(const struct fc_limits_call *call, const char *address, bool dry,
                           struct fc_limits_denial *ret_denial, struct fc_err *err);
/* newOrder of call->account_id. ari: it replaces a certificate inside of its window (letsencrypt.md A.4). idents sorted, unique. */
struct fc_limits_order {
    const struct fc_ident *idents;
    size_t count;
    bool ari;
    bool dry;
    bool renewal; /* out: the set was issued within the renewal window */
};
int fc_limits_order(const struct fc_limits_call *call, struct fc_limits_order *order,
                    struct fc_limits_denial *ret_denial, struct fc_err *err);
/* The buckets that the order was asked for, once it was: NULL-terminated, arena. */
const char **fc_limits_order_keys(const struct fc_limits_call *call, const struct fc_limits_order *order);
/* After a dry question that allowed: spends what the order costs, with call->order_id in the bucket. */
int fc_limits_spend_order(const struct fc_limits_call *call, const struct fc_limits_order *order, struct fc_err *err);
/* Gives back what an order, or a registration, has spent that then failed for a reason of the CA's. */
int fc_limits_refund_order(const struct fc_limits_call *call, const struct fc_limits_order *order, struct fc_err *err);
int fc_limits_refund_registration(const struct fc_limits_call *call, const char *address, struct fc_err *err);
/* A validation of the identifier (with "*.") failed, or its pending authorization was deactivated. *ret_pause: the account is to be
 * paused for it. */
int fc_limits_failed(const struct fc_limits_call *call, const char *ident, bool *ret_pause, struct fc_err *err);
/* A validation succeeded. */
int fc_limits_validated(const struct fc_limits_call *call, const char *ident, struct fc_err *err);
/* A certificate for the set is about to be stored; before its row, which would make it a renewal of itself. */
int fc_limits_issued(const struct fc_limits_call *call, const struct fc_ident *idents, size_t count,
                     struct fc_err *err);

/* ---- looking at buckets ---- */

struct fc_limits_view {
    enum fc_limit limit;
    struct fc_limits_rule rule;
    bool override;
    int64_t used, remaining;
    int64_t free_at; /* now, or when one more fits */
    int64_t full_at; /* when it is empty again: all is available */
    bool ahead;      /* written by a clock that was later: counts as empty */
};
/* false: the key is no bucket of a configured limit. */
bool fc_limits_view(const struct fc_limits *limits, const char *key, const struct fc_limits_bucket *bucket, int64_t now,
                    struct fc_limits_view *ret_view);
/* The bucket of a limit for who and what: NULL, with FC_E_USAGE that says what is missing. */
struct fc_limits_about {
    int64_t account_id; /* 0: not given */
    const char *address;
    const struct fc_ident *idents; /* sorted, unique */
    size_t count;
};
const char *fc_limits_key(struct fc_arena *arena, enum fc_limit limit, const struct fc_limits_about *about,
                          struct fc_err *err);
/* Of which limit a key is; FC_LIMIT_NONE when of none. */
enum fc_limit fc_limits_key_limit(const char *key);
/* Fills a bucket until `leave` are left. FC_E_RANGE when it never holds as many; FC_E_NOT_FOUND when it is not configured. */
int fc_limits_fill(const struct fc_limits_call *call, const char *key, int64_t leave, struct fc_err *err);

/* The latest retry_at that a client was told by fc_limits_told and that is later than now; 0: none. */
int64_t fc_limits_retry_at(const struct fc_limits *limits, int64_t now);
void fc_limits_told(struct fc_limits *limits, int64_t retry_at);

#endif
