#include "store/store_event.h"

#include "base/base_assert.h"
#include "store/store_int.h"

#define COLUMNS "seq, at, real_at, type, env, account_id, order_id, authz_id, serial, data"

static int read_event(struct fc_store_sql *q, struct fc_arena *arena, void *item, struct fc_err *err)
{
    struct fc_event_row *event = item;

    (void)err;
    event->seq = fc_store_sql_get_int(q);
    event->at = fc_store_sql_get_int(q);
    event->real_at = fc_store_sql_get_int(q);
    event->type = fc_store_sql_get_text(q, arena);
    event->env = fc_store_sql_get_text(q, arena);
    event->account_id = fc_store_sql_get_int(q);
    event->order_id = fc_store_sql_get_int(q);
    event->authz_id = fc_store_sql_get_int(q);
    event->serial = fc_store_sql_get_text(q, arena);
    event->data = fc_store_sql_get_text(q, arena);
    return 0;
}

int fc_store_event_insert(struct fc_store *store, const struct fc_event_row *event, struct fc_err *err)
{
    struct fc_store_sql q fc_auto_sql = {0};

    if (fc_store_sql_open(store, "INSERT INTO events (" COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", &q, err))
        return -1;
    fc_store_sql_int(&q, event->seq);
    fc_store_sql_int(&q, event->at);
    fc_store_sql_int(&q, event->real_at);
    fc_store_sql_text(&q, event->type);
    fc_store_sql_text(&q, event->env);
    fc_store_sql_int(&q, event->account_id);
    fc_store_sql_int(&q, event->order_id);
    fc_store_sql_int(&q, event->authz_id);
    fc_store_sql_text(&q, event->serial);
    fc_store_sql_text(&q, event->data);
    if (fc_store_sql_run(&q, NULL, err))
        return -1;
    store->counts.events++;
    return 0;
}

int fc_store_event_list(struct fc_store *store, struct fc_arena *arena, int64_t after, size_t limit,
                        struct fc_event_row **ret_events, size_t *ret_count, struct fc_err *err)
{
    struct fc_store_rows rows = {.arena = arena, .size = sizeof(struct fc_event_row), .read = read_event};
    struct fc_store_sql q fc_auto_sql = {0};

    FC_ASSERT(limit <= FC_STORE_PAGE_MAX);
    if (fc_store_sql_open(store, "SELECT " COLUMNS " FROM events WHERE seq > ? ORDER BY seq LIMIT ?", &q, err))
        return -1;
    fc_store_sql_int(&q, after);
    fc_store_sql_int(&q, (int64_t)limit);
    if (fc_store_sql_all(&q, &rows, err))
        return -1;
    *ret_events = rows.items;
    *ret_count = rows.count;
    return 0;
}

int fc_store_event_last(struct fc_store *store, int64_t *ret_seq, struct fc_err *err)
{
    struct fc_store_sql q fc_auto_sql = {0};

    if (fc_store_sql_open(store, "SELECT max(seq) FROM events", &q, err) || fc_store_sql_one(&q, "event", err))
        return -1;
    *ret_seq = fc_store_sql_get_int(&q); /* SQL's NULL reads as 0 */
    return 0;
}

int fc_store_event_trim(struct fc_store *store, int64_t keep, struct fc_err *err)
{
    struct fc_store_sql q fc_auto_sql = {0};
    int64_t excess = store->counts.events - keep;
    int64_t removed;

    fc_store_assert_write(store);
    if (excess <= 0)
        return 0;
    /* by rows, for numbers may have gaps */
    if (fc_store_sql_open(
            store, "DELETE FROM events WHERE seq <= (SELECT seq FROM events ORDER BY seq LIMIT 1 OFFSET ?)", &q, err))
        return -1;
    fc_store_sql_int(&q, excess - 1);
    if (fc_store_sql_run(&q, &removed, err))
        return -1;
    store->counts.events -= removed;
    return 0;
}
