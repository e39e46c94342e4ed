/* MAC keys of external accounts (RFC 8555 section 7.3.4): each binds one account. */
#ifndef FC_STORE_EXTERNAL_H
#define FC_STORE_EXTERNAL_H

#include "base/base_arena.h"
#include "store/store.h"

struct fc_store_external {
    const char *kid, *env;
    const unsigned char *key;
    size_t key_len;
    int64_t created_at;
    int64_t account_id; /* 0: not used yet */
};
/* FC_E_BUSY when there is such a kid already. In a write. */
int fc_store_external_insert(struct fc_store *store, const struct fc_store_external *external, struct fc_err *err);
/* FC_E_NOT_FOUND. */
int fc_store_external_get(struct fc_store *store, struct fc_arena *arena, const char *env, const char *kid,
                          struct fc_store_external *ret_external, struct fc_err *err);
/* FC_E_BUSY when it is used already, or gone. In a write. */
int fc_store_external_use(struct fc_store *store, const char *env, const char *kid, int64_t account_id,
                          struct fc_err *err);
/* *ret_removed: whether there was one. In a write. */
int fc_store_external_delete(struct fc_store *store, const char *env, const char *kid, bool *ret_removed,
                             struct fc_err *err);
/* By env and kid, at most FC_STORE_PAGE_MAX. */
int fc_store_external_list(struct fc_store *store, struct fc_arena *arena, struct fc_store_external **ret_externals,
                           size_t *ret_count, struct fc_err *err);

#endif
