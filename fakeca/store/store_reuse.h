/* What a new order can use again (letsencrypt.md C.2), who controls a name, and the change of an account's key. Each question walks
 * one index. */
#ifndef FC_STORE_REUSE_H
#define FC_STORE_REUSE_H

#include "base/base_arena.h"
#include "model/model.h"
#include "store/store.h"

/* Of all orders of env for exactly these identifiers (sorted, unique) that finalize has not taken and that have not expired at
 * `now`, whoever's they are, the one that expires first. FC_E_NOT_FOUND. */
struct fc_store_reuse_order {
    const char *env;
    const struct fc_ident *idents;
    size_t n_idents;
    int64_t now;
};
int fc_store_reuse_order(struct fc_store *store, struct fc_arena *arena, const struct fc_store_reuse_order *query,
                         struct fc_order *ret_order, struct fc_err *err);

/* The account's valid authorization for the identifier that expires last, later than `after`. FC_E_NOT_FOUND. With a profile: not one
 * by dns-persist-01, which no order uses again (letsencrypt.md B.7). */
struct fc_store_reuse_authz {
    int64_t account_id;
    struct fc_ident ident; /* without "*." */
    bool wildcard;
    bool any_profile;    /* else exactly this one: */
    const char *profile; /* NULL: none */
    int64_t after;
};
int fc_store_reuse_authz(struct fc_store *store, struct fc_arena *arena, const struct fc_store_reuse_authz *query,
                         struct fc_authz *ret_authz, struct fc_err *err);

/* Ends the valid authorizations that fit (env NULL, account 0, name NULL: all): their status becomes deactivated, so that orders have to
 * validate again. In a write. */
int fc_store_authz_purge(struct fc_store *store, const char *env, int64_t account_id, const char *name,
                         int64_t *ret_count, struct fc_err *err);

/* In a write. FC_E_BUSY when another account of the environment has this key. */
int fc_store_reuse_set_key(struct fc_store *store, int64_t account_id, const char *jwk, const char *thumbprint,
                           struct fc_err *err);

#endif
