#include "store/store_reuse.h"

#include "store/store_int.h"
#include "store/store_order.h"

int fc_store_reuse_order(struct fc_store *store, struct fc_arena *arena, const struct fc_store_reuse_order *query,
                         struct fc_order *ret_order, struct fc_err *err)
{
    struct fc_store_sql q fc_auto_sql = {0};

    if (fc_store_sql_open(store,
                          "SELECT id FROM orders WHERE processing_at = 0 AND idents = ? AND env = ?"
                          " AND expires_at >= ? ORDER BY expires_at, id LIMIT 1",
                          &q, err))
        return -1;
    fc_store_sql_text(&q, fc_store_row_idents(arena, query->idents, query->n_idents));
    fc_store_sql_text(&q, query->env);
    fc_store_sql_int(&q, query->now);
    if (fc_store_sql_one(&q, "order", err))
        return -1;
    return fc_store_order_get(store, arena, fc_store_sql_get_int(&q), ret_order, err);
}

int fc_store_reuse_authz(struct fc_store *store, struct fc_arena *arena, const struct fc_store_reuse_authz *query,
                         struct fc_authz *ret_authz, struct fc_err *err)
{
    struct fc_store_sql q fc_auto_sql = {0};

    if (fc_store_sql_open(store,
                          "SELECT id FROM authzs WHERE stored = 'valid' AND account_id = ? AND ident = ?"
                          " AND expires_at > ? AND ident_type = ? AND wildcard = ?"
                          " AND (? OR (profile IS ? AND attempted IS NOT 'dns-persist-01'))"
                          " ORDER BY expires_at DESC, id DESC LIMIT 1",
                          &q, err))
        return -1;
    fc_store_sql_int(&q, query->account_id);
    fc_store_sql_text(&q, query->ident.value);
    fc_store_sql_int(&q, query->after);
    fc_store_sql_text(&q, fc_ident_type_name(query->ident.type));
    fc_store_sql_int(&q, query->wildcard);
    fc_store_sql_int(&q, query->any_profile);
    fc_store_sql_text(&q, query->profile);
    if (fc_store_sql_one(&q, "authorization", err))
        return -1;
    return fc_store_authz_get(store, arena, fc_store_sql_get_int(&q), ret_authz, err);
}

int fc_store_reuse_set_key(struct fc_store *store, int64_t account_id, const char *jwk, const char *thumbprint,
                           struct fc_err *err)
{
    struct fc_store_sql q fc_auto_sql = {0};
    int64_t changed;

    if (fc_store_sql_open(store,
                          "UPDATE accounts SET jwk = ?1, thumbprint = ?2 WHERE id = ?3 AND NOT EXISTS"
                          " (SELECT 1 FROM accounts other WHERE other.thumbprint = ?2 AND other.env = accounts.env)",
                          &q, err))
        return -1;
    fc_store_sql_text(&q, jwk);
    fc_store_sql_text(&q, thumbprint);
    fc_store_sql_int(&q, account_id);
    if (fc_store_sql_run(&q, &changed, err))
        return -1;
    return changed ? 0 : fc_err_set(err, FC_E_BUSY, "another account has this key");
}

int fc_store_authz_purge(struct fc_store *store, const char *env, int64_t account_id, const char *name,
                         int64_t *ret_count, struct fc_err *err)
{
    struct fc_store_sql q fc_auto_sql = {0};

    if (fc_store_sql_open(store,
                          "UPDATE authzs SET stored = 'deactivated' WHERE stored = 'valid' AND (?1 IS NULL OR env = ?1)"
                          " AND (?2 = 0 OR account_id = ?2) AND (?3 IS NULL OR ident = ?3)",
                          &q, err))
        return -1;
    fc_store_sql_text(&q, env);
    fc_store_sql_int(&q, account_id);
    fc_store_sql_text(&q, name);
    return fc_store_sql_run(&q, ret_count, err);
}
