#include "base/base_assert.h"
#include "store/store_int.h"
#include "store/store_order.h"

#define COLUMNS                                                                                                        \
    "id, account_id, env, profile, ident_type, ident, wildcard, stored, token, types, created_at, expires_at, "        \
    "attempted, processing, validated_at, error, record"

static int read_authz(struct fc_store_sql *q, struct fc_arena *arena, struct fc_authz *authz, struct fc_err *err)
{
    authz->id = fc_store_sql_get_int(q);
    authz->account_id = fc_store_sql_get_int(q);
    authz->env = fc_store_sql_get_text(q, arena);
    authz->profile = fc_store_sql_get_text(q, arena);
    if (fc_ident_type_parse(fc_store_sql_get_text(q, arena), &authz->ident.type))
        return fc_store_sql_bad_row(q->store, "ident_type", err);
    authz->ident.value = fc_store_sql_get_text(q, arena);
    authz->wildcard = fc_store_sql_get_int(q) != 0;
    if (fc_status_parse(fc_store_sql_get_text(q, arena), &authz->stored))
        return fc_store_sql_bad_row(q->store, "stored", err);
    authz->token = fc_store_sql_get_text(q, arena);
    authz->types = fc_store_sql_get_text(q, arena);
    authz->created_at = fc_store_sql_get_int(q);
    authz->expires_at = fc_store_sql_get_int(q);
    authz->attempted = fc_store_sql_get_text(q, arena);
    authz->processing = fc_store_sql_get_int(q) != 0;
    authz->validated_at = fc_store_sql_get_int(q);
    authz->error = fc_store_sql_get_text(q, arena);
    authz->record = fc_store_sql_get_text(q, arena);
    return 0;
}

int fc_store_authz_insert(struct fc_store *store, struct fc_authz *authz, struct fc_err *err)
{
    struct fc_store_sql q fc_auto_sql = {0};

    if (fc_store_sql_open(store,
                          "INSERT INTO authzs (" COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                          &q, err))
        return -1;
    int64_t id = fc_store_next_id(store, FC_STORE_ID_AUTHZ);
    fc_store_sql_int(&q, id);
    fc_store_sql_int(&q, authz->account_id);
    fc_store_sql_text(&q, authz->env);
    fc_store_sql_text(&q, authz->profile);
    fc_store_sql_text(&q, fc_ident_type_name(authz->ident.type));
    fc_store_sql_text(&q, authz->ident.value);
    fc_store_sql_int(&q, authz->wildcard);
    fc_store_sql_text(&q, fc_status_name(authz->stored));
    fc_store_sql_text(&q, authz->token);
    fc_store_sql_text(&q, authz->types);
    fc_store_sql_int(&q, authz->created_at);
    fc_store_sql_int(&q, authz->expires_at);
    fc_store_sql_text(&q, authz->attempted);
    fc_store_sql_int(&q, authz->processing);
    fc_store_sql_int(&q, authz->validated_at);
    fc_store_sql_text(&q, authz->error);
    fc_store_sql_text(&q, authz->record);
    if (fc_store_sql_run(&q, NULL, err))
        return -1;
    authz->id = id;
    store->counts.authzs++;
    return 0;
}

int fc_store_authz_get(struct fc_store *store, struct fc_arena *arena, int64_t id, struct fc_authz *ret_authz,
                       struct fc_err *err)
{
    struct fc_store_sql q fc_auto_sql = {0};
    struct fc_authz authz = {0};

    if (fc_store_sql_open(store, "SELECT " COLUMNS " FROM authzs WHERE id = ?", &q, err))
        return -1;
    fc_store_sql_int(&q, id);
    if (fc_store_sql_one(&q, "authorization", err) || read_authz(&q, arena, &authz, err))
        return -1;
    *ret_authz = authz;
    return 0;
}

int fc_store_authz_of_order(struct fc_store *store, struct fc_arena *arena, const struct fc_order *order,
                            struct fc_authz **ret_authzs, struct fc_err *err)
{
    struct fc_authz *authzs = fc_arena_alloc(arena, (order->n_authz + 1) * sizeof *authzs);

    for (size_t i = 0; i < order->n_authz; i++)
        if (fc_store_authz_get(store, arena, order->authz_ids[i], &authzs[i], err))
            return -1;
    *ret_authzs = authzs;
    return 0;
}

int fc_store_authz_attempt(struct fc_store *store, int64_t id, const char *type, int64_t now, struct fc_err *err)
{
    struct fc_store_sql q fc_auto_sql = {0}, row fc_auto_sql = {0};
    int64_t changed;

    if (fc_store_sql_open(store,
                          "UPDATE authzs SET attempted = ?, processing = 1, validated_at = ?"
                          " WHERE id = ? AND processing = 0",
                          &q, err))
        return -1;
    fc_store_sql_text(&q, type);
    fc_store_sql_int(&q, now);
    fc_store_sql_int(&q, id);
    if (fc_store_sql_run(&q, &changed, err))
        return -1;
    if (changed)
        return 0;
    if (fc_store_sql_open(store, "SELECT 1 FROM authzs WHERE id = ?", &row, err))
        return -1;
    fc_store_sql_int(&row, id);
    if (fc_store_sql_one(&row, "authorization", err))
        return -1;
    return fc_err_set(err, FC_E_BUSY, "authorization %lld is being validated already", (long long)id);
}

int fc_store_authz_update(struct fc_store *store, const struct fc_authz *authz, struct fc_err *err)
{
    struct fc_store_sql q fc_auto_sql = {0};
    int64_t changed;

    if (fc_store_sql_open(store,
                          "UPDATE authzs SET stored = ?, processing = ?, expires_at = ?, error = ?, record = ?"
                          " WHERE id = ?",
                          &q, err))
        return -1;
    fc_store_sql_text(&q, fc_status_name(authz->stored));
    fc_store_sql_int(&q, authz->processing);
    fc_store_sql_int(&q, authz->expires_at);
    fc_store_sql_text(&q, authz->error);
    fc_store_sql_text(&q, authz->record);
    fc_store_sql_int(&q, authz->id);
    if (fc_store_sql_run(&q, &changed, err))
        return -1;
    return changed ? 0 : fc_err_set(err, FC_E_NOT_FOUND, "no such authorization");
}

int fc_store_authz_unfinished(struct fc_store *store, struct fc_arena *arena, int64_t **ret_ids, size_t *ret_count,
                              struct fc_err *err)
{
    struct fc_store_rows rows = {.arena = arena, .size = sizeof(int64_t), .read = fc_store_sql_read_int};
    struct fc_store_sql q fc_auto_sql = {0};

    if (fc_store_sql_open(store, "SELECT id FROM authzs WHERE processing <> 0 ORDER BY id", &q, err) ||
        fc_store_sql_all(&q, &rows, err))
        return -1;
    *ret_ids = rows.items;
    *ret_count = rows.count;
    return 0;
}
