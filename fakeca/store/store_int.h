/* Shared inside store/ only: the connection, prepared statements, rows. */
#ifndef FC_STORE_INT_H
#define FC_STORE_INT_H

#include "base/base_arena.h"
#include "store/store.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fc_ident;

#define FC_STORE_APPLICATION_ID 0x66616b65 /* "fake", in the file's header */
#define FC_STORE_STATEMENTS 256            /* a power of two, well above the number of SQL texts */

#define FC_STORE_UNTOUCHED "it was left untouched"

struct fc_store_statement {
    const char *sql;
    sqlite3_stmt *stmt;
};

/* Tables whose ids go on after a reset, so that an address that a client kept never names somebody else's row. */
enum fc_store_id { FC_STORE_ID_ACCOUNT, FC_STORE_ID_ORDER, FC_STORE_ID_AUTHZ, FC_STORE_ID_CERT, FC_STORE_ID__MAX };

struct fc_store {
    sqlite3 *db;
    char *path;     /* of the database file, NULL: in memory */
    int lock_fd;    /* of the folder's lock file, -1: none */
    bool untouched; /* while the file is looked at: nothing was written */
    pthread_mutex_t lock;
    /* under the lock */
    pthread_t owner; /* valid while held */
    bool held;
    bool writing;
    bool failed; /* a statement of this transaction failed: it can only be rolled back */
    struct fc_store_hooks hooks;
    struct fc_store_counts counts;
    struct fc_store_counts counts_before; /* at the begin of the transaction */
    int64_t last_id[FC_STORE_ID__MAX];
    struct fc_store_statement statements[FC_STORE_STATEMENTS];
};

/* ---- store_sql.c: one prepared statement in use ----
 *
 *     struct fc_store_sql q fc_auto_sql = {0};
 *     if (fc_store_sql_open(store, "SELECT a, b FROM t WHERE c = ?", &q, err))
 *         return -1;
 *     fc_store_sql_int(&q, c);                          parameters, from left to right
 *     if (fc_store_sql_one(&q, "row", err))
 *         return -1;
 *     a = fc_store_sql_get_int(&q); ...                 columns, from left to right */
struct fc_store_sql {
    struct fc_store *store;
    sqlite3_stmt *stmt;
    int parameter; /* the last one bound */
    int column;    /* the next one read */
};
void fc_store_sql_close(struct fc_store_sql *q);
#define fc_auto_sql __attribute__((cleanup(fc_store_sql_close)))

/* sql: a literal; the statement is kept. Asserts the lock, and a write transaction when the statement writes. */
int fc_store_sql_open(struct fc_store *store, const char *sql, struct fc_store_sql *ret_q, struct fc_err *err);
void fc_store_sql_int(struct fc_store_sql *q, int64_t value);
/* NULL is SQL's NULL. The bytes must live until the statement ends. */
void fc_store_sql_text(struct fc_store_sql *q, const char *text);
void fc_store_sql_blob(struct fc_store_sql *q, const void *data, size_t len);

/* 1: a row, 0: no more, -1: error. */
int fc_store_sql_step(struct fc_store_sql *q, struct fc_err *err);
/* For statements without rows; *ret_changed (may be NULL): rows changed. */
int fc_store_sql_run(struct fc_store_sql *q, int64_t *ret_changed, struct fc_err *err);
/* The first row, or FC_E_NOT_FOUND "no such WHAT". */
int fc_store_sql_one(struct fc_store_sql *q, const char *what, struct fc_err *err);

int64_t fc_store_sql_get_int(struct fc_store_sql *q);
/* NULL when SQL's NULL. */
const char *fc_store_sql_get_text(struct fc_store_sql *q, struct fc_arena *arena);
const unsigned char *fc_store_sql_get_blob(struct fc_store_sql *q, struct fc_arena *arena, size_t *ret_len);

/* All rows into an arena array of items of `size` bytes; read fills one zeroed item. */
struct fc_store_rows {
    struct fc_arena *arena;
    size_t size;
    int (*read)(struct fc_store_sql *q, struct fc_arena *arena, void *item, struct fc_err *err);
    void *items;
    size_t count;
};
int fc_store_sql_all(struct fc_store_sql *q, struct fc_store_rows *rows, struct fc_err *err);
/* For rows of one number. */
int fc_store_sql_read_int(struct fc_store_sql *q, struct fc_arena *arena, void *item, struct fc_err *err);

/* Sets err from the connection's last error; returns -1. */
int fc_store_sql_fail(struct fc_store *store, struct fc_err *err);
/* A row holds what no fakeca writes: FC_E_DAMAGED; returns -1. */
int fc_store_sql_bad_row(struct fc_store *store, const char *what, struct fc_err *err);
/* Several statements without parameters or results, outside of the cache. */
int fc_store_sql_exec(struct fc_store *store, const char *sql, struct fc_err *err);
void fc_store_sql_finalize_all(struct fc_store *store);

/* ---- store.c ---- */
void fc_store_assert_read(const struct fc_store *store);
/* The next id of a table; it is used up even when the transaction is rolled back. */
int64_t fc_store_next_id(struct fc_store *store, enum fc_store_id which);
/* Fills counts and last_id at opening. */
int fc_store_load_counters(struct fc_store *store, struct fc_err *err);

/* ---- store_file.c ---- */
/* Takes STATE/lock and looks at STATE/fakeca.db or makes it: sets path, lock_fd and db. */
int fc_store_file_open(struct fc_store *store, const struct fc_store_params *params, struct fc_err *err);
/* Sets db. */
int fc_store_file_open_memory(struct fc_store *store, struct fc_err *err);
void fc_store_file_close(struct fc_store *store);

/* ---- store_schema.c ---- */
struct fc_store_migration {
    int version; /* that the database has afterwards; each row one more than the one before */
    const char *sql;
};
/* The real ones; the last row has version 0. */
extern const struct fc_store_migration fc_store_migrations[];
int fc_store_schema_version(const struct fc_store_migration *migrations);
/* The version that the open database has. */
int fc_store_schema_read(struct fc_store *store, int *ret_version, struct fc_err *err);
/* Brings the database up to the newest version, one transaction a step. A step that fails leaves the version before it. */
int fc_store_schema_migrate(struct fc_store *store, const struct fc_store_migration *migrations, struct fc_err *err);

/* ---- store_row.c: lists in one column ---- */
/* "dns:a.test,ip:::1" */
const char *fc_store_row_idents(struct fc_arena *arena, const struct fc_ident *idents, size_t count);
int fc_store_row_read_idents(struct fc_arena *arena, const char *text, struct fc_ident **ret_idents, size_t *ret_count);
/* "1,2,3" */
const char *fc_store_row_ids(struct fc_arena *arena, const int64_t *ids, size_t count);
int fc_store_row_read_ids(struct fc_arena *arena, const char *text, int64_t **ret_ids, size_t *ret_count);
/* Binds a page: its bound and its limit. */
void fc_store_row_page(struct fc_store_sql *q, const struct fc_store_page *page);

#endif
