#include "store/store_int.h"

#include <errno.h>
#include <string.h>

#include "base/base_assert.h"

int fc_store_sql_fail(struct fc_store *store, struct fc_err *err)
{
    int rc = sqlite3_errcode(store->db) & 0xff;
    /* a commit that fails leaves no number with the connection; step and exec have cleared errno before */
    int cause = sqlite3_system_errno(store->db) ? sqlite3_system_errno(store->db) : errno;
    enum fc_err_code code = FC_E_SYSTEM;
    char reason[128];

    if (rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB)
        code = FC_E_DAMAGED;
    else if (rc == SQLITE_BUSY || rc == SQLITE_LOCKED)
        code = FC_E_BUSY;
    if (store->writing)
        store->failed = true;
    if (rc != SQLITE_IOERR && rc != SQLITE_CANTOPEN)
        cause = 0;
    if (cause && strerror_r(cause, reason, sizeof reason) != 0)
        cause = 0;
    if (code == FC_E_DAMAGED)
        return fc_err_set(err, code, "database '%s' is damaged (%s)%s", store->path ? store->path : "in memory",
                          sqlite3_errmsg(store->db), store->untouched ? ": " FC_STORE_UNTOUCHED : "");
    return fc_err_set(err, code, "database '%s': %s%s%s", store->path ? store->path : "in memory",
                      sqlite3_errmsg(store->db), cause ? ": " : "", cause ? reason : "");
}

int fc_store_sql_bad_row(struct fc_store *store, const char *what, struct fc_err *err)
{
    return fc_err_set(err, FC_E_DAMAGED, "database '%s': a row has a damaged '%s'",
                      store->path ? store->path : "in memory", what);
}

int fc_store_sql_exec(struct fc_store *store, const char *sql, struct fc_err *err)
{
    errno = 0;
    if (sqlite3_exec(store->db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return fc_store_sql_fail(store, err);
    return 0;
}

/* The slot of a literal, by its address: a text that the compiler keeps twice is prepared twice, which does no harm. */
static struct fc_store_statement *slot_of(struct fc_store *store, const char *sql)
{
    size_t at = (size_t)((uintptr_t)sql * UINT64_C(0x9e3779b97f4a7c15) >> 32);

    for (size_t tried = 0; tried < FC_STORE_STATEMENTS; tried++, at++) {
        struct fc_store_statement *slot = &store->statements[at % FC_STORE_STATEMENTS];
        if (slot->sql == sql || !slot->sql)
            return slot;
    }
    FC_IMPOSSIBLE("more SQL texts than FC_STORE_STATEMENTS");
}

int fc_store_sql_open(struct fc_store *store, const char *sql, struct fc_store_sql *ret_q, struct fc_err *err)
{
    fc_store_assert_read(store);
    /* after a failure SQLite may have left the transaction: nothing may slip through as a commit of its own */
    if (store->failed)
        return fc_err_set(err, FC_E_SYSTEM, "an earlier statement of this transaction failed");
    struct fc_store_statement *slot = slot_of(store, sql);
    if (!slot->sql) {
        if (sqlite3_prepare_v3(store->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &slot->stmt, NULL) != SQLITE_OK)
            return fc_store_sql_fail(store, err);
        slot->sql = sql;
    }
    FC_ASSERT(!sqlite3_stmt_busy(slot->stmt));
    FC_ASSERT(store->writing || sqlite3_stmt_readonly(slot->stmt));
    *ret_q = (struct fc_store_sql){.store = store, .stmt = slot->stmt};
    return 0;
}

void fc_store_sql_close(struct fc_store_sql *q)
{
    if (!q->stmt)
        return;
    /* the result repeats the error of the last step */
    (void)sqlite3_reset(q->stmt);
    sqlite3_clear_bindings(q->stmt);
    q->stmt = NULL;
}

void fc_store_sql_finalize_all(struct fc_store *store)
{
    for (size_t i = 0; i < FC_STORE_STATEMENTS; i++)
        (void)sqlite3_finalize(store->statements[i].stmt);
    memset(store->statements, 0, sizeof store->statements);
}

void fc_store_sql_int(struct fc_store_sql *q, int64_t value)
{
    FC_ASSERT(sqlite3_bind_int64(q->stmt, ++q->parameter, value) == SQLITE_OK);
}

void fc_store_sql_text(struct fc_store_sql *q, const char *text)
{
    FC_ASSERT(sqlite3_bind_text(q->stmt, ++q->parameter, text, -1, SQLITE_STATIC) == SQLITE_OK);
}

void fc_store_sql_blob(struct fc_store_sql *q, const void *data, size_t len)
{
    FC_ASSERT(sqlite3_bind_blob64(q->stmt, ++q->parameter, data, len, SQLITE_STATIC) == SQLITE_OK);
}

int fc_store_sql_step(struct fc_store_sql *q, struct fc_err *err)
{
    errno = 0;
    int rc = sqlite3_step(q->stmt);

    q->column = 0;
    if (rc == SQLITE_ROW)
        return 1;
    if (rc == SQLITE_DONE)
        return 0;
    return fc_store_sql_fail(q->store, err);
}

int fc_store_sql_run(struct fc_store_sql *q, int64_t *ret_changed, struct fc_err *err)
{
    int rc = fc_store_sql_step(q, err);

    FC_ASSERT(rc <= 0);
    if (rc == 0 && ret_changed)
        *ret_changed = sqlite3_changes64(q->store->db);
    return rc;
}

int fc_store_sql_one(struct fc_store_sql *q, const char *what, struct fc_err *err)
{
    int rc = fc_store_sql_step(q, err);

    if (rc < 0)
        return -1;
    return rc ? 0 : fc_err_set(err, FC_E_NOT_FOUND, "no such %s", what);
}

int64_t fc_store_sql_get_int(struct fc_store_sql *q)
{
    return sqlite3_column_int64(q->stmt, q->column++);
}

const char *fc_store_sql_get_text(struct fc_store_sql *q, struct fc_arena *arena)
{
    const unsigned char *text = sqlite3_column_text(q->stmt, q->column);
    int len = sqlite3_column_bytes(q->stmt, q->column++);

    return text ? fc_arena_strndup(arena, (const char *)text, (size_t)len) : NULL;
}

const unsigned char *fc_store_sql_get_blob(struct fc_store_sql *q, struct fc_arena *arena, size_t *ret_len)
{
    const void *data = sqlite3_column_blob(q->stmt, q->column);
    int len = sqlite3_column_bytes(q->stmt, q->column++);

    *ret_len = data ? (size_t)len : 0;
    return data ? fc_arena_memdup(arena, data, (size_t)len) : NULL;
}

int fc_store_sql_all(struct fc_store_sql *q, struct fc_store_rows *rows, struct fc_err *err)
{
    size_t cap = 0;
    int rc;

    while ((rc = fc_store_sql_step(q, err)) == 1) {
        if (rows->count == cap) {
            cap = cap ? cap * 2 : 16;
            void *larger = fc_arena_alloc(rows->arena, cap * rows->size);
            if (rows->count)
                memcpy(larger, rows->items, rows->count * rows->size);
            rows->items = larger;
        }
        if (rows->read(q, rows->arena, (char *)rows->items + rows->count * rows->size, err))
            return -1;
        rows->count++;
    }
    return rc;
}

int fc_store_sql_read_int(struct fc_store_sql *q, struct fc_arena *arena, void *item, struct fc_err *err)
{
    (void)arena;
    (void)err;
    *(int64_t *)item = fc_store_sql_get_int(q);
    return 0;
}
