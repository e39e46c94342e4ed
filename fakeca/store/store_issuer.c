#include "store/store_cert.h"
#include "store/store_int.h"

#define COLUMNS "id, name, key_der, cert_der, created_at"

static int read_issuer(struct fc_store_sql *q, struct fc_arena *arena, void *item, struct fc_err *err)
{
    struct fc_issuer *issuer = item;

    (void)err;
    issuer->id = fc_store_sql_get_int(q);
    issuer->name = fc_store_sql_get_text(q, arena);
    issuer->key_der = fc_store_sql_get_blob(q, arena, &issuer->key_len);
    issuer->cert_der = fc_store_sql_get_blob(q, arena, &issuer->cert_len);
    issuer->created_at = fc_store_sql_get_int(q);
    return 0;
}

int fc_store_issuer_insert(struct fc_store *store, struct fc_issuer *issuer, struct fc_err *err)
{
    struct fc_store_sql q fc_auto_sql = {0};
    int64_t changed;

    if (fc_store_sql_open(store,
                          "INSERT INTO issuers (name, key_der, cert_der, created_at) VALUES (?, ?, ?, ?)"
                          " ON CONFLICT (name) DO NOTHING",
                          &q, err))
        return -1;
    fc_store_sql_text(&q, issuer->name);
    fc_store_sql_blob(&q, issuer->key_der, issuer->key_len);
    fc_store_sql_blob(&q, issuer->cert_der, issuer->cert_len);
    fc_store_sql_int(&q, issuer->created_at);
    if (fc_store_sql_run(&q, &changed, err))
        return -1;
    if (!changed)
        return fc_err_set(err, FC_E_BUSY, "there is an issuer '%s' already", issuer->name);
    issuer->id = sqlite3_last_insert_rowid(store->db);
    return 0;
}

int fc_store_issuer_replace(struct fc_store *store, const struct fc_issuer *issuer, struct fc_err *err)
{
    struct fc_store_sql q fc_auto_sql = {0};
    int64_t changed;

    if (fc_store_sql_open(store, "UPDATE issuers SET key_der = ?, cert_der = ?, created_at = ? WHERE name = ?", &q,
                          err))
        return -1;
    fc_store_sql_blob(&q, issuer->key_der, issuer->key_len);
    fc_store_sql_blob(&q, issuer->cert_der, issuer->cert_len);
    fc_store_sql_int(&q, issuer->created_at);
    fc_store_sql_text(&q, issuer->name);
    if (fc_store_sql_run(&q, &changed, err))
        return -1;
    return changed ? 0 : fc_err_set(err, FC_E_NOT_FOUND, "no such issuer");
}

int fc_store_issuer_get(struct fc_store *store, struct fc_arena *arena, const char *name, struct fc_issuer *ret_issuer,
                        struct fc_err *err)
{
    struct fc_store_sql q fc_auto_sql = {0};
    struct fc_issuer issuer = {0};

    if (fc_store_sql_open(store, "SELECT " COLUMNS " FROM issuers WHERE name = ?", &q, err))
        return -1;
    fc_store_sql_text(&q, name);
    if (fc_store_sql_one(&q, "issuer", err) || read_issuer(&q, arena, &issuer, err))
        return -1;
    *ret_issuer = issuer;
    return 0;
}

int fc_store_issuer_list(struct fc_store *store, struct fc_arena *arena, struct fc_issuer **ret_issuers,
                         size_t *ret_count, struct fc_err *err)
{
    struct fc_store_rows rows = {.arena = arena, .size = sizeof(struct fc_issuer), .read = read_issuer};
    struct fc_store_sql q fc_auto_sql = {0};

    if (fc_store_sql_open(store, "SELECT " COLUMNS " FROM issuers ORDER BY id", &q, err) ||
        fc_store_sql_all(&q, &rows, err))
        return -1;
    *ret_issuers = rows.items;
    *ret_count = rows.count;
    return 0;
}
