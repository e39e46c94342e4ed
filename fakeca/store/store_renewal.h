/* Renewal information (RFC 9773): windows that the operator moved, and which orders replace a certificate. */
#ifndef FC_STORE_RENEWAL_H
#define FC_STORE_RENEWAL_H

#include "base/base_arena.h"
#include "model/model.h"
#include "store/store.h"

/* A window that stands in the place of the computed one. */
struct fc_store_window {
    const char *serial;
    int64_t start, end;
    const char *explanation; /* URL, or NULL */
    int64_t retry_after_s;   /* 0: the policy's */
};
/* Sets or replaces. In a write. */
int fc_store_window_set(struct fc_store *store, const struct fc_store_window *window, struct fc_err *err);
/* *ret_removed: whether there was one. In a write. */
int fc_store_window_clear(struct fc_store *store, const char *serial, bool *ret_removed, struct fc_err *err);
/* FC_E_NOT_FOUND. */
int fc_store_window_get(struct fc_store *store, struct fc_arena *arena, const char *serial,
                        struct fc_store_window *ret_window, struct fc_err *err);

/* The orders of env that name this certificate in `replaces`, newest first, at most FC_STORE_PAGE_MAX. */
int fc_store_replacements(struct fc_store *store, struct fc_arena *arena, const char *env, const char *certid,
                          struct fc_order **ret_orders, size_t *ret_count, struct fc_err *err);

#endif
