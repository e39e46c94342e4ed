/* Shared inside limits/ only. */
#ifndef FC_LIMITS_INT_H
#define FC_LIMITS_INT_H

#include "limits/limits.h"

#include <stdatomic.h>

struct fc_limits {
    const struct fc_policy *policy;
    struct fc_policy *numbers; /* whose numbers hold instead; owned; NULL: the policy's */
    struct fc_limits_setting setting;
    atomic_int_least64_t told;
};

/* ---- limits_key.c: "NUMBER:REST", arena ---- */

const char *fc_limits_key_address(struct fc_arena *arena, const char *address);
/* NULL for an IPv4 address, which has no range. */
const char *fc_limits_key_range(struct fc_arena *arena, const char *address);
const char *fc_limits_key_account(struct fc_arena *arena, enum fc_limit limit, int64_t account_id);
/* rest: an identifier or a registered domain. */
const char *fc_limits_key_pair(struct fc_arena *arena, enum fc_limit limit, int64_t account_id, const char *rest);
const char *fc_limits_key_domain(struct fc_arena *arena, const char *domain);
const char *fc_limits_key_set(struct fc_arena *arena, const struct fc_ident *idents, size_t count);
/* The distinct registered domains of the identifiers: NULL-terminated, arena. */
const char **fc_limits_key_domains(struct fc_arena *arena, const struct fc_ident *idents, size_t count);

/* ---- limits_batch.c ---- */

struct fc_limits_tx {
    enum fc_limit limit;
    const char *key;
    int64_t cost;
    bool check; /* takes part in the decision */
    bool spend; /* is written, when all are allowed */
};
#define FC_LIMITS_BATCH_MAX 2100
struct fc_limits_batch {
    struct fc_limits_tx *txs;
    size_t count, room;
};
/* Room in the arena. */
void fc_limits_batch_init(struct fc_limits_batch *batch, struct fc_arena *arena, size_t room);
/* A limit that is not configured for this key is left out. */
void fc_limits_batch_add(struct fc_limits_batch *batch, const struct fc_limits_call *call,
                         const struct fc_limits_tx *tx);
/* All or nothing, by the strictest. dry: nothing is written. 0, 1 with *ret_denial, -1. ret_denial NULL: nothing can be denied.
 * err may be NULL. */
int fc_limits_batch_run(const struct fc_limits_batch *batch, const struct fc_limits_call *call, bool dry,
                        struct fc_limits_denial *ret_denial, struct fc_err *err);

/* ---- limits_text.c ---- */
/* Fills retry_at, retry_after_s and detail from limit, key, rule and decision. */
void fc_limits_text_denial(const struct fc_limits_call *call, struct fc_limits_denial *denial);

#endif
