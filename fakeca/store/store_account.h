/* Rows of accounts. */
#ifndef FC_STORE_ACCOUNT_H
#define FC_STORE_ACCOUNT_H

#include "base/base_arena.h"
#include "model/model.h"
#include "store/store.h"

/* Sets account->id. FC_E_BUSY when env already has an account with this thumbprint. */
int fc_store_account_insert(struct fc_store *store, struct fc_account *account, struct fc_err *err);
int fc_store_account_get(struct fc_store *store, struct fc_arena *arena, int64_t id, struct fc_account *ret_account,
                         struct fc_err *err);
int fc_store_account_by_key(struct fc_store *store, struct fc_arena *arena, const char *env, const char *thumbprint,
                            struct fc_account *ret_account, struct fc_err *err);
/* Writes status and contact. */
int fc_store_account_update(struct fc_store *store, const struct fc_account *account, struct fc_err *err);
/* env NULL: all. *ret_accounts is an arena array. */
int fc_store_account_list(struct fc_store *store, struct fc_arena *arena, const char *env,
                          const struct fc_store_page *page, struct fc_account **ret_accounts, size_t *ret_count,
                          struct fc_err *err);

#endif
