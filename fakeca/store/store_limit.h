/* Rows of rate limits and of what is paused. */
#ifndef FC_STORE_LIMIT_H
#define FC_STORE_LIMIT_H

#include "base/base_arena.h"
#include "model/model_ident.h"
#include "store/store.h"

/* A bucket as limits/limits.h understands it. One row an environment and key. */
struct fc_store_bucket {
    const char *key;
    int64_t tat, spent_at;
    int64_t account_id, order_id;
};
/* Whether it is there: *ret_found. The key is the caller's. */
int fc_store_limit_get(struct fc_store *store, const char *env, const char *key, struct fc_store_bucket *ret_bucket,
                       bool *ret_found, struct fc_err *err);
int fc_store_limit_put(struct fc_store *store, const char *env, const struct fc_store_bucket *bucket,
                       struct fc_err *err);
/* key NULL: all of the environment. *ret_count (may be NULL): rows deleted. */
int fc_store_limit_drop(struct fc_store *store, const char *env, const char *key, int64_t *ret_count,
                        struct fc_err *err);
/* Buckets of env whose key begins with `prefix` ("5:") and comes after `after` ("": from the first), by key; at most limit. */
struct fc_store_limit_query {
    const char *env;
    const char *prefix;
    const char *after;
    size_t limit;
};
int fc_store_limit_list(struct fc_store *store, struct fc_arena *arena, const struct fc_store_limit_query *query,
                        struct fc_store_bucket **ret_buckets, size_t *ret_count, struct fc_err *err);
/* notBefore of the newest certificate of env with exactly these identifiers (sorted, unique); INT64_MIN: none. */
int fc_store_limit_issued(struct fc_store *store, struct fc_arena *arena, const char *env,
                          const struct fc_ident *idents, size_t count, int64_t *ret_not_before, struct fc_err *err);

/* An account does not get orders for an identifier. */
struct fc_store_paused {
    const char *ident;
    int64_t paused_at;
    int64_t unpaused_at; /* 0: it is paused */
};
int fc_store_paused_get(struct fc_store *store, int64_t account_id, const char *ident,
                        struct fc_store_paused *ret_paused, bool *ret_found, struct fc_err *err);
int fc_store_paused_set(struct fc_store *store, int64_t account_id, const struct fc_store_paused *paused,
                        struct fc_err *err);
/* Unpauses up to `max` identifiers of the account. */
int fc_store_paused_end(struct fc_store *store, int64_t account_id, int64_t now, int64_t max, int64_t *ret_count,
                        struct fc_err *err);
/* Those that are paused, by identifier. */
int fc_store_paused_list(struct fc_store *store, struct fc_arena *arena, int64_t account_id, size_t limit,
                         struct fc_store_paused **ret_paused, size_t *ret_count, struct fc_err *err);

#endif
