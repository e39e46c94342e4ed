/* Rows of orders and authorizations. */
#ifndef FC_STORE_ORDER_H
#define FC_STORE_ORDER_H

#include "base/base_arena.h"
#include "model/model.h"
#include "store/store.h"

/* Sets order->id. authz_ids must be filled. */
int fc_store_order_insert(struct fc_store *store, struct fc_order *order, struct fc_err *err);
int fc_store_order_get(struct fc_store *store, struct fc_arena *arena, int64_t id, struct fc_order *ret_order,
                       struct fc_err *err);
/* finalize takes the order: processing_at and csr. FC_E_BUSY when it was taken already. */
int fc_store_order_take(struct fc_store *store, int64_t id, int64_t processing_at, const unsigned char *csr,
                        size_t csr_len, struct fc_err *err);
/* Issuance ended: exactly one of serial and error (problem JSON). */
int fc_store_order_finish(struct fc_store *store, int64_t id, const char *serial, const char *error,
                          struct fc_err *err);
/* Orders taken by finalize and not finished: what a restarted CA goes on with. */
int fc_store_order_unfinished(struct fc_store *store, struct fc_arena *arena, int64_t **ret_ids, size_t *ret_count,
                              struct fc_err *err);
/* account_id 0: all; env NULL: all. */
int fc_store_order_list(struct fc_store *store, struct fc_arena *arena, const char *env, int64_t account_id,
                        const struct fc_store_page *page, struct fc_order **ret_orders, size_t *ret_count,
                        struct fc_err *err);

/* Sets authz->id. */
int fc_store_authz_insert(struct fc_store *store, struct fc_authz *authz, struct fc_err *err);
int fc_store_authz_get(struct fc_store *store, struct fc_arena *arena, int64_t id, struct fc_authz *ret_authz,
                       struct fc_err *err);
/* The order's authorizations in the order of authz_ids. */
int fc_store_authz_of_order(struct fc_store *store, struct fc_arena *arena, const struct fc_order *order,
                            struct fc_authz **ret_authzs, struct fc_err *err);
/* An attempt begins: attempted = type, processing, validated_at = now. FC_E_BUSY when one is under way. */
int fc_store_authz_attempt(struct fc_store *store, int64_t id, const char *type, int64_t now, struct fc_err *err);
/* Writes stored, processing, expires_at, error, record. */
int fc_store_authz_update(struct fc_store *store, const struct fc_authz *authz, struct fc_err *err);
/* Attempts under way: what a restarted CA begins again. */
int fc_store_authz_unfinished(struct fc_store *store, struct fc_arena *arena, int64_t **ret_ids, size_t *ret_count,
                              struct fc_err *err);

#endif
