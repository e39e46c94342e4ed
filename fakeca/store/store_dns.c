#include "store/store_event.h"
#include "store/store_int.h"

static int read_rule(struct fc_store_sql *q, struct fc_arena *arena, void *item, struct fc_err *err)
{
    struct fc_dns_row *row = item;

    (void)err;
    row->name = fc_store_sql_get_text(q, arena);
    row->type = fc_store_sql_get_text(q, arena);
    row->value = fc_store_sql_get_text(q, arena);
    return 0;
}

int fc_store_dns_set(struct fc_store *store, const struct fc_dns_row *row, struct fc_err *err)
{
    struct fc_store_sql q fc_auto_sql = {0};

    if (fc_store_sql_open(store,
                          "INSERT INTO dns_rules (name, type, value) VALUES (?, ?, ?)"
                          " ON CONFLICT (name, type) DO UPDATE SET value = excluded.value",
                          &q, err))
        return -1;
    fc_store_sql_text(&q, row->name);
    fc_store_sql_text(&q, row->type);
    fc_store_sql_text(&q, row->value);
    return fc_store_sql_run(&q, NULL, err);
}

int fc_store_dns_clear(struct fc_store *store, const char *name, const char *type, int64_t *ret_count,
                       struct fc_err *err)
{
    struct fc_store_sql q fc_auto_sql = {0};

    if (fc_store_sql_open(store, "DELETE FROM dns_rules WHERE (?1 IS NULL OR name = ?1) AND (?2 IS NULL OR type = ?2)",
                          &q, err))
        return -1;
    fc_store_sql_text(&q, name);
    fc_store_sql_text(&q, type);
    return fc_store_sql_run(&q, ret_count, err);
}

int fc_store_dns_list(struct fc_store *store, struct fc_arena *arena, struct fc_dns_row **ret_rows, size_t *ret_count,
                      struct fc_err *err)
{
    struct fc_store_rows rows = {.arena = arena, .size = sizeof(struct fc_dns_row), .read = read_rule};
    struct fc_store_sql q fc_auto_sql = {0};

    if (fc_store_sql_open(store, "SELECT name, type, value FROM dns_rules ORDER BY name, type", &q, err) ||
        fc_store_sql_all(&q, &rows, err))
        return -1;
    *ret_rows = rows.items;
    *ret_count = rows.count;
    return 0;
}
