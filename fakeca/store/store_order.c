#include "store/store_order.h"

#include "base/base_assert.h"
#include "store/store_int.h"

#define COLUMNS                                                                                                        \
    "id, account_id, env, profile, idents, authz_ids, created_at, expires_at, processing_at, csr, serial, error, "     \
    "replaces, not_before, not_after"

static int read_order(struct fc_store_sql *q, struct fc_arena *arena, void *item, struct fc_err *err)
{
    struct fc_order *order = item;

    order->id = fc_store_sql_get_int(q);
    order->account_id = fc_store_sql_get_int(q);
    order->env = fc_store_sql_get_text(q, arena);
    order->profile = fc_store_sql_get_text(q, arena);
    if (fc_store_row_read_idents(arena, fc_store_sql_get_text(q, arena), &order->idents, &order->n_idents))
        return fc_store_sql_bad_row(q->store, "idents", err);
    if (fc_store_row_read_ids(arena, fc_store_sql_get_text(q, arena), &order->authz_ids, &order->n_authz))
        return fc_store_sql_bad_row(q->store, "authz_ids", err);
    order->created_at = fc_store_sql_get_int(q);
    order->expires_at = fc_store_sql_get_int(q);
    order->processing_at = fc_store_sql_get_int(q);
    order->csr = fc_store_sql_get_blob(q, arena, &order->csr_len);
    order->serial = fc_store_sql_get_text(q, arena);
    order->error = fc_store_sql_get_text(q, arena);
    order->replaces = fc_store_sql_get_text(q, arena);
    order->not_before = fc_store_sql_get_int(q);
    order->not_after = fc_store_sql_get_int(q);
    return 0;
}

int fc_store_order_insert(struct fc_store *store, struct fc_order *order, struct fc_err *err)
{
    fc_auto(fc_arena_free) struct fc_arena *arena = fc_arena_new();
    struct fc_store_sql q fc_auto_sql = {0};

    if (fc_store_sql_open(
            store, "INSERT INTO orders (" COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", &q, err))
        return -1;
    int64_t id = fc_store_next_id(store, FC_STORE_ID_ORDER);
    fc_store_sql_int(&q, id);
    fc_store_sql_int(&q, order->account_id);
    fc_store_sql_text(&q, order->env);
    fc_store_sql_text(&q, order->profile);
    fc_store_sql_text(&q, fc_store_row_idents(arena, order->idents, order->n_idents));
    fc_store_sql_text(&q, fc_store_row_ids(arena, order->authz_ids, order->n_authz));
    fc_store_sql_int(&q, order->created_at);
    fc_store_sql_int(&q, order->expires_at);
    fc_store_sql_int(&q, order->processing_at);
    fc_store_sql_blob(&q, order->csr, order->csr_len);
    fc_store_sql_text(&q, order->serial);
    fc_store_sql_text(&q, order->error);
    fc_store_sql_text(&q, order->replaces);
    fc_store_sql_int(&q, order->not_before);
    fc_store_sql_int(&q, order->not_after);
    if (fc_store_sql_run(&q, NULL, err))
        return -1;
    order->id = id;
    store->counts.orders++;
    return 0;
}

int fc_store_order_get(struct fc_store *store, struct fc_arena *arena, int64_t id, struct fc_order *ret_order,
                       struct fc_err *err)
{
    struct fc_store_sql q fc_auto_sql = {0};
    struct fc_order order = {0};

    if (fc_store_sql_open(store, "SELECT " COLUMNS " FROM orders WHERE id = ?", &q, err))
        return -1;
    fc_store_sql_int(&q, id);
    if (fc_store_sql_one(&q, "order", err) || read_order(&q, arena, &order, err))
        return -1;
    *ret_order = order;
    return 0;
}

/* An update changed no row: because there is none, or because its condition did not hold. */
static int say_why(struct fc_store *store, int64_t id, const char *busy, struct fc_err *err)
{
    struct fc_store_sql q fc_auto_sql = {0};

    if (fc_store_sql_open(store, "SELECT 1 FROM orders WHERE id = ?", &q, err))
        return -1;
    fc_store_sql_int(&q, id);
    if (fc_store_sql_one(&q, "order", err))
        return -1;
    return fc_err_set(err, FC_E_BUSY, "order %lld %s", (long long)id, busy);
}

int fc_store_order_take(struct fc_store *store, int64_t id, int64_t processing_at, const unsigned char *csr,
                        size_t csr_len, struct fc_err *err)
{
    struct fc_store_sql q fc_auto_sql = {0};
    int64_t changed;

    FC_ASSERT(processing_at != 0);
    if (fc_store_sql_open(store, "UPDATE orders SET processing_at = ?, csr = ? WHERE id = ? AND processing_at = 0", &q,
                          err))
        return -1;
    fc_store_sql_int(&q, processing_at);
    fc_store_sql_blob(&q, csr, csr_len);
    fc_store_sql_int(&q, id);
    if (fc_store_sql_run(&q, &changed, err))
        return -1;
    return changed ? 0 : say_why(store, id, "is taken already", err);
}

int fc_store_order_finish(struct fc_store *store, int64_t id, const char *serial, const char *error, struct fc_err *err)
{
    struct fc_store_sql q fc_auto_sql = {0};
    int64_t changed;

    FC_ASSERT(!serial != !error);
    if (fc_store_sql_open(store,
                          "UPDATE orders SET serial = ?, error = ?"
                          " WHERE id = ? AND serial IS NULL AND error IS NULL",
                          &q, err))
        return -1;
    fc_store_sql_text(&q, serial);
    fc_store_sql_text(&q, error);
    fc_store_sql_int(&q, id);
    if (fc_store_sql_run(&q, &changed, err))
        return -1;
    return changed ? 0 : say_why(store, id, "is finished already", err);
}

int fc_store_order_unfinished(struct fc_store *store, struct fc_arena *arena, int64_t **ret_ids, size_t *ret_count,
                              struct fc_err *err)
{
    struct fc_store_rows rows = {.arena = arena, .size = sizeof(int64_t), .read = fc_store_sql_read_int};
    struct fc_store_sql q fc_auto_sql = {0};

    if (fc_store_sql_open(store,
                          "SELECT id FROM orders WHERE processing_at <> 0 AND serial IS NULL AND error IS NULL"
                          " ORDER BY id",
                          &q, err) ||
        fc_store_sql_all(&q, &rows, err))
        return -1;
    *ret_ids = rows.items;
    *ret_count = rows.count;
    return 0;
}

#define LIST(bound, filter, order) "SELECT " COLUMNS " FROM orders WHERE id " bound " ?1 AND " filter " ORDER BY " order
#define ALL "?3 IS NULL AND ?4 = 0"
#define OF_ENV "env = ?3 AND ?4 = 0"
#define OF_ACCOUNT "account_id = ?4 AND (?3 IS NULL OR env = ?3)"
#define LISTS(bound, order) LIST(bound, ALL, order), LIST(bound, OF_ENV, order), LIST(bound, OF_ACCOUNT, order)

int fc_store_order_list(struct fc_store *store, struct fc_arena *arena, const char *env, int64_t account_id,
                        const struct fc_store_page *page, struct fc_order **ret_orders, size_t *ret_count,
                        struct fc_err *err)
{
    /* [newest first][filter] */
    static const char *const sql[2][3] = {{LISTS(">", "id LIMIT ?2")}, {LISTS("<", "id DESC LIMIT ?2")}};
    struct fc_store_rows rows = {.arena = arena, .size = sizeof(struct fc_order), .read = read_order};
    struct fc_store_sql q fc_auto_sql = {0};

    if (fc_store_sql_open(store, sql[page->newest_first][account_id ? 2 : env ? 1 : 0], &q, err))
        return -1;
    fc_store_row_page(&q, page);
    fc_store_sql_text(&q, env);
    fc_store_sql_int(&q, account_id);
    if (fc_store_sql_all(&q, &rows, err))
        return -1;
    *ret_orders = rows.items;
    *ret_count = rows.count;
    return 0;
}
