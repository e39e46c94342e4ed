#include "store/store_renewal.h"

#include "store/store_int.h"
#include "store/store_order.h"

int fc_store_window_set(struct fc_store *store, const struct fc_store_window *window, struct fc_err *err)
{
    struct fc_store_sql q fc_auto_sql = {0};

    if (fc_store_sql_open(
            store,
            "INSERT OR REPLACE INTO renewal_windows (serial, start_at, end_at, explanation, retry_after_s)"
            " VALUES (?, ?, ?, ?, ?)",
            &q, err))
        return -1;
    fc_store_sql_text(&q, window->serial);
    fc_store_sql_int(&q, window->start);
    fc_store_sql_int(&q, window->end);
    fc_store_sql_text(&q, window->explanation);
    fc_store_sql_int(&q, window->retry_after_s);
    return fc_store_sql_run(&q, NULL, err);
}

int fc_store_window_clear(struct fc_store *store, const char *serial, bool *ret_removed, struct fc_err *err)
{
    struct fc_store_sql q fc_auto_sql = {0};
    int64_t changed;

    if (fc_store_sql_open(store, "DELETE FROM renewal_windows WHERE serial = ?", &q, err))
        return -1;
    fc_store_sql_text(&q, serial);
    if (fc_store_sql_run(&q, &changed, err))
        return -1;
    *ret_removed = changed > 0;
    return 0;
}

int fc_store_window_get(struct fc_store *store, struct fc_arena *arena, const char *serial,
                        struct fc_store_window *ret_window, struct fc_err *err)
{
    struct fc_store_sql q fc_auto_sql = {0};

    if (fc_store_sql_open(store,
                          "SELECT serial, start_at, end_at, explanation, retry_after_s FROM renewal_windows"
                          " WHERE serial = ?",
                          &q, err))
        return -1;
    fc_store_sql_text(&q, serial);
    if (fc_store_sql_one(&q, "window", err))
        return -1;
    ret_window->serial = fc_store_sql_get_text(&q, arena);
    ret_window->start = fc_store_sql_get_int(&q);
    ret_window->end = fc_store_sql_get_int(&q);
    ret_window->explanation = fc_store_sql_get_text(&q, arena);
    ret_window->retry_after_s = fc_store_sql_get_int(&q);
    return 0;
}

static int read_replacing(struct fc_store *store, struct fc_arena *arena, const char *env, const char *certid,
                          struct fc_store_rows *ret_ids, struct fc_err *err)
{
    struct fc_store_sql q fc_auto_sql = {0};

    *ret_ids = (struct fc_store_rows){.arena = arena, .size = sizeof(int64_t), .read = fc_store_sql_read_int};
    if (fc_store_sql_open(store, "SELECT id FROM orders WHERE replaces = ? AND env = ? ORDER BY id DESC LIMIT ?", &q,
                          err))
        return -1;
    fc_store_sql_text(&q, certid);
    fc_store_sql_text(&q, env);
    fc_store_sql_int(&q, FC_STORE_PAGE_MAX);
    return fc_store_sql_all(&q, ret_ids, err);
}

int fc_store_replacements(struct fc_store *store, struct fc_arena *arena, const char *env, const char *certid,
                          struct fc_order **ret_orders, size_t *ret_count, struct fc_err *err)
{
    struct fc_store_rows ids;

    if (read_replacing(store, arena, env, certid, &ids, err))
        return -1;
    struct fc_order *orders = fc_arena_alloc(arena, (ids.count + 1) * sizeof *orders);
    for (size_t i = 0; i < ids.count; i++)
        if (fc_store_order_get(store, arena, ((const int64_t *)ids.items)[i], &orders[i], err))
            return -1;
    *ret_orders = orders;
    *ret_count = ids.count;
    return 0;
}
