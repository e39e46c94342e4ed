#include "store/store_limit.h"

#include "store/store_int.h"

/* ---- buckets ---- */

int fc_store_limit_get(struct fc_store *store, const char *env, const char *key, struct fc_store_bucket *ret_bucket,
                       bool *ret_found, struct fc_err *err)
{
    struct fc_store_sql q fc_auto_sql = {0};

    if (fc_store_sql_open(
            store, "SELECT tat, spent_at, account_id, order_id FROM limit_buckets WHERE env = ? AND key = ?", &q, err))
        return -1;
    fc_store_sql_text(&q, env);
    fc_store_sql_text(&q, key);
    int rc = fc_store_sql_step(&q, err);
    *ret_found = rc == 1;
    if (rc != 1)
        return rc;
    *ret_bucket = (struct fc_store_bucket){.key = key};
    ret_bucket->tat = fc_store_sql_get_int(&q);
    ret_bucket->spent_at = fc_store_sql_get_int(&q);
    ret_bucket->account_id = fc_store_sql_get_int(&q);
    ret_bucket->order_id = fc_store_sql_get_int(&q);
    return 0;
}

int fc_store_limit_put(struct fc_store *store, const char *env, const struct fc_store_bucket *bucket,
                       struct fc_err *err)
{
    struct fc_store_sql q fc_auto_sql = {0};

    if (fc_store_sql_open(store,
                          "INSERT INTO limit_buckets (env, key, tat, spent_at, account_id, order_id)"
                          " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (env, key) DO UPDATE SET tat = excluded.tat,"
                          " spent_at = excluded.spent_at, account_id = excluded.account_id,"
                          " order_id = excluded.order_id",
                          &q, err))
        return -1;
    fc_store_sql_text(&q, env);
    fc_store_sql_text(&q, bucket->key);
    fc_store_sql_int(&q, bucket->tat);
    fc_store_sql_int(&q, bucket->spent_at);
    fc_store_sql_int(&q, bucket->account_id);
    fc_store_sql_int(&q, bucket->order_id);
    return fc_store_sql_run(&q, NULL, err);
}

int fc_store_limit_drop(struct fc_store *store, const char *env, const char *key, int64_t *ret_count,
                        struct fc_err *err)
{
    struct fc_store_sql q fc_auto_sql = {0};
    const char *sql =
        key ? "DELETE FROM limit_buckets WHERE env = ? AND key = ?" : "DELETE FROM limit_buckets WHERE env = ?";

    if (fc_store_sql_open(store, sql, &q, err))
        return -1;
    fc_store_sql_text(&q, env);
    if (key)
        fc_store_sql_text(&q, key);
    return fc_store_sql_run(&q, ret_count, err);
}

static int read_bucket(struct fc_store_sql *q, struct fc_arena *arena, void *item, struct fc_err *err)
{
    struct fc_store_bucket *bucket = item;

    (void)err;
    bucket->key = fc_store_sql_get_text(q, arena);
    bucket->tat = fc_store_sql_get_int(q);
    bucket->spent_at = fc_store_sql_get_int(q);
    bucket->account_id = fc_store_sql_get_int(q);
    bucket->order_id = fc_store_sql_get_int(q);
    return 0;
}

/* The end of a prefix is the prefix with a byte behind it that no key holds. */
int fc_store_limit_list(struct fc_store *store, struct fc_arena *arena, const struct fc_store_limit_query *query,
                        struct fc_store_bucket **ret_buckets, size_t *ret_count, struct fc_err *err)
{
    struct fc_store_rows rows = {.arena = arena, .size = sizeof(struct fc_store_bucket), .read = read_bucket};
    struct fc_store_sql q fc_auto_sql = {0};

    if (fc_store_sql_open(store,
                          "SELECT key, tat, spent_at, account_id, order_id FROM limit_buckets"
                          " WHERE env = ?1 AND key > max(?2, ?3) AND key < ?2 || char(1114111) ORDER BY key LIMIT ?4",
                          &q, err))
        return -1;
    fc_store_sql_text(&q, query->env);
    fc_store_sql_text(&q, query->prefix);
    fc_store_sql_text(&q, query->after);
    fc_store_sql_int(&q, (int64_t)query->limit);
    if (fc_store_sql_all(&q, &rows, err))
        return -1;
    *ret_buckets = rows.items;
    *ret_count = rows.count;
    return 0;
}

int fc_store_limit_issued(struct fc_store *store, struct fc_arena *arena, const char *env,
                          const struct fc_ident *idents, size_t count, int64_t *ret_not_before, struct fc_err *err)
{
    struct fc_store_sql q fc_auto_sql = {0};

    if (fc_store_sql_open(store,
                          "SELECT not_before FROM certificates WHERE idents = ? AND env = ?"
                          " ORDER BY not_before DESC LIMIT 1",
                          &q, err))
        return -1;
    fc_store_sql_text(&q, fc_store_row_idents(arena, idents, count));
    fc_store_sql_text(&q, env);
    int rc = fc_store_sql_step(&q, err);
    *ret_not_before = rc == 1 ? fc_store_sql_get_int(&q) : INT64_MIN;
    return rc < 0 ? -1 : 0;
}

/* ---- paused pairs ---- */

static int read_paused(struct fc_store_sql *q, struct fc_arena *arena, void *item, struct fc_err *err)
{
    struct fc_store_paused *paused = item;

    (void)err;
    paused->ident = fc_store_sql_get_text(q, arena);
    paused->paused_at = fc_store_sql_get_int(q);
    paused->unpaused_at = fc_store_sql_get_int(q);
    return 0;
}

int fc_store_paused_get(struct fc_store *store, int64_t account_id, const char *ident,
                        struct fc_store_paused *ret_paused, bool *ret_found, struct fc_err *err)
{
    struct fc_store_sql q fc_auto_sql = {0};

    if (fc_store_sql_open(store, "SELECT paused_at, unpaused_at FROM paused WHERE account_id = ? AND ident = ?", &q,
                          err))
        return -1;
    fc_store_sql_int(&q, account_id);
    fc_store_sql_text(&q, ident);
    int rc = fc_store_sql_step(&q, err);
    *ret_found = rc == 1;
    if (rc != 1)
        return rc;
    *ret_paused = (struct fc_store_paused){.ident = ident};
    ret_paused->paused_at = fc_store_sql_get_int(&q);
    ret_paused->unpaused_at = fc_store_sql_get_int(&q);
    return 0;
}

int fc_store_paused_set(struct fc_store *store, int64_t account_id, const struct fc_store_paused *paused,
                        struct fc_err *err)
{
    struct fc_store_sql q fc_auto_sql = {0};

    if (fc_store_sql_open(store,
                          "INSERT INTO paused (account_id, ident, paused_at, unpaused_at) VALUES (?, ?, ?, ?)"
                          " ON CONFLICT (account_id, ident) DO UPDATE SET paused_at = excluded.paused_at,"
                          " unpaused_at = excluded.unpaused_at",
                          &q, err))
        return -1;
    fc_store_sql_int(&q, account_id);
    fc_store_sql_text(&q, paused->ident);
    fc_store_sql_int(&q, paused->paused_at);
    fc_store_sql_int(&q, paused->unpaused_at);
    return fc_store_sql_run(&q, NULL, err);
}

int fc_store_paused_end(struct fc_store *store, int64_t account_id, int64_t now, int64_t max, int64_t *ret_count,
                        struct fc_err *err)
{
    struct fc_store_sql q fc_auto_sql = {0};

    if (fc_store_sql_open(store,
                          "UPDATE paused SET unpaused_at = ?1 WHERE account_id = ?2 AND ident IN (SELECT ident FROM"
                          " paused WHERE account_id = ?2 AND unpaused_at = 0 ORDER BY ident LIMIT ?3)",
                          &q, err))
        return -1;
    fc_store_sql_int(&q, now);
    fc_store_sql_int(&q, account_id);
    fc_store_sql_int(&q, max);
    return fc_store_sql_run(&q, ret_count, err);
}

int fc_store_paused_list(struct fc_store *store, struct fc_arena *arena, int64_t account_id, size_t limit,
                         struct fc_store_paused **ret_paused, size_t *ret_count, struct fc_err *err)
{
    struct fc_store_rows rows = {.arena = arena, .size = sizeof(struct fc_store_paused), .read = read_paused};
    struct fc_store_sql q fc_auto_sql = {0};

    if (fc_store_sql_open(store,
                          "SELECT ident, paused_at, unpaused_at FROM paused WHERE account_id = ? AND unpaused_at = 0"
                          " ORDER BY ident LIMIT ?",
                          &q, err))
        return -1;
    fc_store_sql_int(&q, account_id);
    fc_store_sql_int(&q, (int64_t)limit);
    if (fc_store_sql_all(&q, &rows, err))
        return -1;
    *ret_paused = rows.items;
    *ret_count = rows.count;
    return 0;
}
