#include "store/store_external.h"

#include "store/store_int.h"

#define COLUMNS "kid, env, key, created_at, account_id"

static int read_external(struct fc_store_sql *q, struct fc_arena *arena, void *item, struct fc_err *err)
{
    struct fc_store_external *external = item;

    (void)err;
    external->kid = fc_store_sql_get_text(q, arena);
    external->env = fc_store_sql_get_text(q, arena);
    external->key = fc_store_sql_get_blob(q, arena, &external->key_len);
    external->created_at = fc_store_sql_get_int(q);
    external->account_id = fc_store_sql_get_int(q);
    return 0;
}

int fc_store_external_insert(struct fc_store *store, const struct fc_store_external *external, struct fc_err *err)
{
    struct fc_store_sql q fc_auto_sql = {0};
    int64_t changed;

    if (fc_store_sql_open(store,
                          "INSERT INTO external_keys (" COLUMNS ") VALUES (?, ?, ?, ?, ?)"
                          " ON CONFLICT (kid, env) DO NOTHING",
                          &q, err))
        return -1;
    fc_store_sql_text(&q, external->kid);
    fc_store_sql_text(&q, external->env);
    fc_store_sql_blob(&q, external->key, external->key_len);
    fc_store_sql_int(&q, external->created_at);
    fc_store_sql_int(&q, external->account_id);
    if (fc_store_sql_run(&q, &changed, err))
        return -1;
    return changed ? 0 : fc_err_set(err, FC_E_BUSY, "there is an external account '%s' already", external->kid);
}

int fc_store_external_get(struct fc_store *store, struct fc_arena *arena, const char *env, const char *kid,
                          struct fc_store_external *ret_external, struct fc_err *err)
{
    struct fc_store_sql q fc_auto_sql = {0};

    if (fc_store_sql_open(store, "SELECT " COLUMNS " FROM external_keys WHERE kid = ? AND env = ?", &q, err))
        return -1;
    fc_store_sql_text(&q, kid);
    fc_store_sql_text(&q, env);
    if (fc_store_sql_one(&q, "external account", err))
        return -1;
    return read_external(&q, arena, ret_external, err);
}

int fc_store_external_use(struct fc_store *store, const char *env, const char *kid, int64_t account_id,
                          struct fc_err *err)
{
    struct fc_store_sql q fc_auto_sql = {0};
    int64_t changed;

    if (fc_store_sql_open(store, "UPDATE external_keys SET account_id = ? WHERE kid = ? AND env = ? AND account_id = 0",
                          &q, err))
        return -1;
    fc_store_sql_int(&q, account_id);
    fc_store_sql_text(&q, kid);
    fc_store_sql_text(&q, env);
    if (fc_store_sql_run(&q, &changed, err))
        return -1;
    return changed ? 0 : fc_err_set(err, FC_E_BUSY, "the external account '%s' is used already", kid);
}

int fc_store_external_delete(struct fc_store *store, const char *env, const char *kid, bool *ret_removed,
                             struct fc_err *err)
{
    struct fc_store_sql q fc_auto_sql = {0};
    int64_t changed;

    if (fc_store_sql_open(store, "DELETE FROM external_keys WHERE kid = ? AND env = ?", &q, err))
        return -1;
    fc_store_sql_text(&q, kid);
    fc_store_sql_text(&q, env);
    if (fc_store_sql_run(&q, &changed, err))
        return -1;
    *ret_removed = changed > 0;
    return 0;
}

int fc_store_external_list(struct fc_store *store, struct fc_arena *arena, struct fc_store_external **ret_externals,
                           size_t *ret_count, struct fc_err *err)
{
    struct fc_store_rows rows = {.arena = arena, .size = sizeof(struct fc_store_external), .read = read_external};
    struct fc_store_sql q fc_auto_sql = {0};

    if (fc_store_sql_open(store, "SELECT " COLUMNS " FROM external_keys ORDER BY kid, env LIMIT ?", &q, err))
        return -1;
    fc_store_sql_int(&q, FC_STORE_PAGE_MAX);
    if (fc_store_sql_all(&q, &rows, err))
        return -1;
    *ret_externals = rows.items;
    *ret_count = rows.count;
    return 0;
}
