#include "store/store.h"

#include <stdlib.h>

#include "base/base_assert.h"
#include "store/store_int.h"

/* ---- opening and closing ---- */

static struct fc_store *store_new(void)
{
    struct fc_store *store = fc_calloc(1, sizeof *store);
    pthread_mutexattr_t attributes;

    /* the kind of lock that tells its owner when he takes it twice */
    FC_ASSERT(pthread_mutexattr_init(&attributes) == 0);
    FC_ASSERT(pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK) == 0);
    FC_ASSERT(pthread_mutex_init(&store->lock, &attributes) == 0);
    pthread_mutexattr_destroy(&attributes);
    store->lock_fd = -1;
    return store;
}

static int open_database(struct fc_store *store, const struct fc_store_params *params, struct fc_err *err)
{
    if (params->dir)
        return fc_store_file_open(store, params, err);
    return fc_store_file_open_memory(store, err);
}

int fc_store_open(const struct fc_store_params *params, struct fc_store **ret_store, struct fc_err *err)
{
    fc_auto(fc_store_close) struct fc_store *store = store_new();

    if (open_database(store, params, err) || fc_store_schema_migrate(store, fc_store_migrations, err) ||
        fc_store_load_counters(store, err))
        return -1;
    *ret_store = FC_TAKE(store);
    return 0;
}

void fc_store_close(struct fc_store *store)
{
    if (!store)
        return;
    FC_ASSERT(!store->held);
    fc_store_sql_finalize_all(store);
    fc_store_file_close(store);
    pthread_mutex_destroy(&store->lock);
    free(store->path);
    free(store);
}

bool fc_store_in_memory(const struct fc_store *store)
{
    return !store->path;
}

/* ---- transactions ---- */

void fc_store_assert_read(const struct fc_store *store)
{
    FC_ASSERT(store->held && pthread_equal(store->owner, pthread_self()));
}

void fc_store_assert_write(const struct fc_store *store)
{
    fc_store_assert_read(store);
    FC_ASSERT(store->writing);
}

static void take_lock(struct fc_store *store)
{
    FC_ASSERT(pthread_mutex_lock(&store->lock) == 0); /* fails when this thread has it: not recursive */
    store->owner = pthread_self();
    store->held = true;
}

static void release_lock(struct fc_store *store)
{
    store->held = false;
    store->writing = false;
    store->failed = false;
    FC_ASSERT(pthread_mutex_unlock(&store->lock) == 0);
}

int fc_store_begin(struct fc_store *store, enum fc_store_mode mode, struct fc_store_tx *ret_tx, struct fc_err *err)
{
    struct fc_store_sql q fc_auto_sql = {0};

    take_lock(store);
    if (mode == FC_STORE_WRITE) {
        store->writing = true;
        if (fc_store_sql_open(store, "BEGIN IMMEDIATE", &q, err) || fc_store_sql_run(&q, NULL, err)) {
            fc_store_sql_close(&q); /* before somebody else may use it */
            release_lock(store);
            return -1;
        }
        store->counts_before = store->counts;
    }
    fc_store_sql_close(&q);
    *ret_tx = (struct fc_store_tx){.store = store, .write = mode == FC_STORE_WRITE};
    return 0;
}

static int commit(struct fc_store *store, struct fc_err *err)
{
    struct fc_store_sql q fc_auto_sql = {0};

    if (store->hooks.before_commit && store->hooks.before_commit(store->hooks.cookie, store, err))
        return -1;
    /* opening fails when an earlier statement did, also when the caller overlooked it */
    if (fc_store_sql_open(store, "COMMIT", &q, err))
        return -1;
    return fc_store_sql_run(&q, NULL, err);
}

static void roll_back(struct fc_store *store)
{
    /* on a full disk and the like SQLite has rolled back by itself; when even this fails, the next BEGIN reports it */
    if (!sqlite3_get_autocommit(store->db))
        (void)sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    store->counts = store->counts_before;
}

static void finish(struct fc_store_tx *tx, bool committed)
{
    struct fc_store *store = tx->store;

    if (tx->write && !committed)
        roll_back(store);
    if (tx->write && store->hooks.after)
        store->hooks.after(store->hooks.cookie, committed);
    *tx = (struct fc_store_tx){0};
    release_lock(store);
}

int fc_store_commit(struct fc_store_tx *tx, struct fc_err *err)
{
    fc_store_assert_read(tx->store);
    int result = tx->write ? commit(tx->store, err) : 0;
    finish(tx, result == 0);
    return result;
}

void fc_store_end(struct fc_store_tx *tx)
{
    if (!tx->store)
        return;
    fc_store_assert_read(tx->store);
    finish(tx, false);
}

void fc_store_set_hooks(struct fc_store *store, const struct fc_store_hooks *hooks)
{
    take_lock(store);
    store->hooks = hooks ? *hooks : (struct fc_store_hooks){0};
    release_lock(store);
}

/* ---- settings ---- */

int fc_store_setting_get(struct fc_store *store, struct fc_arena *arena, const char *name, const char **ret_value,
                         struct fc_err *err)
{
    struct fc_store_sql q fc_auto_sql = {0};

    if (fc_store_sql_open(store, "SELECT value FROM settings WHERE name = ?", &q, err))
        return -1;
    fc_store_sql_text(&q, name);
    int rc = fc_store_sql_step(&q, err);
    if (rc < 0)
        return -1;
    *ret_value = rc ? fc_store_sql_get_text(&q, arena) : NULL;
    return 0;
}

int fc_store_setting_set(struct fc_store *store, const char *name, const char *value, struct fc_err *err)
{
    struct fc_store_sql q fc_auto_sql = {0};

    if (fc_store_sql_open(store,
                          "INSERT INTO settings (name, value) VALUES (?, ?)"
                          " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                          &q, err))
        return -1;
    fc_store_sql_text(&q, name);
    fc_store_sql_text(&q, value);
    return fc_store_sql_run(&q, NULL, err);
}

/* ---- ids and counts ---- */

struct id_row {
    const char *setting; /* the last id at the last reset */
    const char *newest;  /* the largest id in use */
};

static const struct id_row id_rows[FC_STORE_ID__MAX] = {
    [FC_STORE_ID_ACCOUNT] = {"store.last-account", "SELECT max(id) FROM accounts"},
    [FC_STORE_ID_ORDER] = {"store.last-order", "SELECT max(id) FROM orders"},
    [FC_STORE_ID_AUTHZ] = {"store.last-authz", "SELECT max(id) FROM authzs"},
    [FC_STORE_ID_CERT] = {"store.last-certificate", "SELECT max(number) FROM certificates"},
};

static int read_number(struct fc_store *store, const char *sql, int64_t *ret_number, struct fc_err *err)
{
    struct fc_store_sql q fc_auto_sql = {0};

    if (fc_store_sql_open(store, sql, &q, err) || fc_store_sql_one(&q, "row", err))
        return -1;
    *ret_number = fc_store_sql_get_int(&q);
    return 0;
}

static int load_last_id(struct fc_store *store, const struct id_row *row, int64_t *ret_id, struct fc_err *err)
{
    struct fc_store_sql q fc_auto_sql = {0};
    int64_t newest;

    if (read_number(store, row->newest, &newest, err) ||
        fc_store_sql_open(store, "SELECT CAST(value AS INTEGER) FROM settings WHERE name = ?", &q, err))
        return -1;
    fc_store_sql_text(&q, row->setting);
    int rc = fc_store_sql_step(&q, err);
    if (rc < 0)
        return -1;
    int64_t kept = rc ? fc_store_sql_get_int(&q) : 0;
    *ret_id = kept > newest ? kept : newest;
    return 0;
}

static int load_counters(struct fc_store *store, struct fc_err *err)
{
    struct fc_store_counts *counts = &store->counts;

    for (int i = 0; i < FC_STORE_ID__MAX; i++)
        if (load_last_id(store, &id_rows[i], &store->last_id[i], err))
            return -1;
    if (read_number(store, "SELECT count(*) FROM accounts", &counts->accounts, err) ||
        read_number(store, "SELECT count(*) FROM orders", &counts->orders, err) ||
        read_number(store, "SELECT count(*) FROM authzs", &counts->authzs, err) ||
        read_number(store, "SELECT count(*) FROM certificates", &counts->certificates, err) ||
        read_number(store, "SELECT count(*) FROM events", &counts->events, err))
        return -1;
    return 0;
}

int fc_store_load_counters(struct fc_store *store, struct fc_err *err)
{
    take_lock(store);
    int result = load_counters(store, err);
    release_lock(store);
    return result;
}

int64_t fc_store_next_id(struct fc_store *store, enum fc_store_id which)
{
    fc_store_assert_write(store);
    return ++store->last_id[which];
}

int fc_store_count(struct fc_store *store, struct fc_store_counts *ret_counts, struct fc_err *err)
{
    (void)err; /* counted along with each insert: nothing to ask the database */
    fc_store_assert_read(store);
    *ret_counts = store->counts;
    return 0;
}

/* ---- reset ---- */

static int keep_last_ids(struct fc_store *store, struct fc_err *err)
{
    for (int i = 0; i < FC_STORE_ID__MAX; i++) {
        fc_auto_free char *text = fc_asprintf("%lld", (long long)store->last_id[i]);
        if (fc_store_setting_set(store, id_rows[i].setting, text, err))
            return -1;
    }
    return 0;
}

int fc_store_reset(struct fc_store *store, struct fc_err *err)
{
    static const char *const statements[] = {
        "DELETE FROM accounts",
        "DELETE FROM orders",
        "DELETE FROM authzs",
        "DELETE FROM certificates",
        "DELETE FROM certificate_names",
        "DELETE FROM blocked_keys",
        "DELETE FROM events",
        "DELETE FROM dns_rules",
        "DELETE FROM limit_buckets",
        "DELETE FROM paused",
        "DELETE FROM renewal_windows",
        "DELETE FROM external_keys",
    };

    fc_store_assert_write(store);
    if (keep_last_ids(store, err))
        return -1;
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        struct fc_store_sql q fc_auto_sql = {0};
        if (fc_store_sql_open(store, statements[i], &q, err) || fc_store_sql_run(&q, NULL, err))
            return -1;
    }
    store->counts = (struct fc_store_counts){0};
    return 0;
}
