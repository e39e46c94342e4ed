#include "store/store_int.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base_file.h"
#include "base/base_text.h"

/* What the first 100 bytes of a SQLite file say (the file format's page 1, section 1.3). */
#define HEADER_SIZE 100
#define HEADER_VERSION_AT 60
#define HEADER_APPLICATION_AT 68
static const char header_magic[16] = "SQLite format 3";

/* The largest file that SQLite keeps in memory: some 600,000 orders. */
#define MEMORY_MAX 0x7fffff00

/* ---- the folder's lock ---- */

/* -1 and FC_E_BUSY with the number that the other server wrote into the file. */
static int say_who(const char *dir, const char *path, struct fc_err *err)
{
    fc_auto_free char *text = NULL;
    size_t len;
    int64_t pid;

    if (fc_file_read(path, 32, &text, &len, NULL) == 0) {
        text[strcspn(text, "\n")] = '\0';
        if (fc_text_int(text, 1, INT32_MAX, &pid, NULL) == 0)
            return fc_err_set(err, FC_E_BUSY, "state folder '%s' is in use by another fakeca (pid %" PRId64 ")", dir,
                              pid);
    }
    return fc_err_set(err, FC_E_BUSY, "state folder '%s' is in use by another fakeca", dir);
}

static int lock_folder(struct fc_store *store, const char *dir, struct fc_err *err)
{
    fc_auto_free char *path = fc_asprintf("%s/lock", dir);
    struct fc_err cause = {0};

    if (fc_file_lock(path, &store->lock_fd, &cause)) {
        store->lock_fd = -1;
        return cause.code == FC_E_BUSY ? say_who(dir, path, err) : fc_err_set(err, cause.code, "%s", cause.text);
    }
    if (ftruncate(store->lock_fd, 0) || dprintf(store->lock_fd, "%ld\n", (long)getpid()) < 0)
        return fc_err_errno(err, "cannot write '%s'", path);
    return 0;
}

/* ---- opening a connection ---- */

static int connect_to(struct fc_store *store, const char *path, int flags, struct fc_err *err)
{
    int rc = sqlite3_open_v2(path, &store->db, flags | SQLITE_OPEN_NOMUTEX, NULL);

    if (!store->db)
        return fc_err_set(err, FC_E_SYSTEM, "cannot open '%s': %s", path, sqlite3_errstr(rc));
    (void)sqlite3_extended_result_codes(store->db, 1);
    if (rc != SQLITE_OK)
        return fc_store_sql_fail(store, err);
    (void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    /* until the file is found good, closing it must not move the log into it */
    (void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, store->untouched, NULL);
    /* the lock comes first, before anything reads: one process has the folder, so SQLite need neither share memory nor
     * look at the file again for each transaction */
    return fc_store_sql_exec(store,
                             "PRAGMA locking_mode = EXCLUSIVE; PRAGMA temp_store = MEMORY;"
                             "PRAGMA trusted_schema = OFF; PRAGMA cache_size = -8192",
                             err);
}

/* A file in memory, not ":memory:": with that each commit walks all pages to see whether some lie behind the end, and the
 * hundred-thousandth order costs twice the first (SQLite 3.40). */
int fc_store_file_open_memory(struct fc_store *store, struct fc_err *err)
{
    sqlite3_int64 limit = MEMORY_MAX;

    if (connect_to(store, "file:fakeca?vfs=memdb", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_URI, err))
        return -1;
    (void)sqlite3_file_control(store->db, "main", SQLITE_FCNTL_SIZE_LIMIT, &limit);
    return fc_store_sql_exec(store, "PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF", err);
}

static int close_connection(struct fc_store *store)
{
    int rc = sqlite3_close(store->db);

    store->db = NULL;
    return rc == SQLITE_OK ? 0 : -1;
}

/* ---- a new file ---- */

static int remove_file(const char *path, struct fc_err *err)
{
    if (unlink(path) && errno != ENOENT)
        return fc_err_errno(err, "cannot remove '%s'", path);
    return 0;
}

static int create_empty(const char *path, struct fc_err *err)
{
    /* it will hold the CA's keys */
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0)
        return fc_err_errno(err, "cannot create '%s'", path);
    close(fd);
    return 0;
}

static int fill_new(struct fc_store *store, const char *path, struct fc_err *err)
{
    fc_auto_free char *mark = fc_asprintf("PRAGMA application_id = %d", FC_STORE_APPLICATION_ID);

    /* no rollback journal: a file that is not finished never gets its name */
    if (connect_to(store, path, SQLITE_OPEN_READWRITE, err) ||
        fc_store_sql_exec(store, "PRAGMA journal_mode = MEMORY", err) || fc_store_sql_exec(store, mark, err) ||
        fc_store_schema_migrate(store, fc_store_migrations, err) ||
        fc_store_sql_exec(store, "PRAGMA journal_mode = WAL", err))
        return -1;
    return close_connection(store) ? fc_err_set(err, FC_E_SYSTEM, "cannot close '%s'", path) : 0;
}

/* The database appears under its name when it is complete, so that what is there is either whole or damaged. */
static int create(struct fc_store *store, struct fc_err *err)
{
    fc_auto_free char *temporary = fc_asprintf("%s.new", store->path);
    fc_auto_free char *temporary_log = fc_asprintf("%s.new-wal", store->path);
    fc_auto_free char *log = fc_asprintf("%s-wal", store->path);
    struct stat st;

    if (stat(log, &st) == 0 && st.st_size > 0)
        return fc_err_set(err, FC_E_DAMAGED, "'%s' is there, but its database '%s' is missing: " FC_STORE_UNTOUCHED,
                          log, store->path);
    if (remove_file(temporary, err) || remove_file(temporary_log, err) || create_empty(temporary, err))
        return -1;
    if (fill_new(store, temporary, err) == 0) {
        if (rename(temporary, store->path) == 0)
            return 0;
        fc_err_errno(err, "cannot create '%s'", store->path);
    }
    (void)close_connection(store);
    unlink(temporary);
    return -1;
}

/* ---- a file that is there ---- */

static uint32_t big_endian(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int check_version(const struct fc_store *store, int64_t version, struct fc_err *err)
{
    int newest = fc_store_schema_version(fc_store_migrations);

    if (version <= newest)
        return 0;
    return fc_err_set(err, FC_E_DAMAGED,
                      "database '%s' has schema version %" PRId64 ", this fakeca knows up to %d: " FC_STORE_UNTOUCHED,
                      store->path, version, newest);
}

/* Before SQLite opens the file, for SQLite may write into what it takes for a database after a crash. */
static int check_header(const struct fc_store *store, struct fc_err *err)
{
    unsigned char header[HEADER_SIZE];
    struct stat st;
    int fd = open(store->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0)
        return fc_err_errno(err, "cannot open '%s'", store->path);
    bool regular = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    ssize_t n = regular ? pread(fd, header, sizeof header, 0) : 0;
    close(fd);
    if (n < 0)
        return fc_err_errno(err, "cannot read '%s'", store->path);
    if (n < HEADER_SIZE || memcmp(header, header_magic, sizeof header_magic) != 0)
        return fc_err_set(err, FC_E_DAMAGED, "'%s' is not a SQLite database: " FC_STORE_UNTOUCHED, store->path);
    if (big_endian(header + HEADER_APPLICATION_AT) != FC_STORE_APPLICATION_ID)
        return fc_err_set(err, FC_E_DAMAGED, "'%s' is a SQLite database, but not one of fakeca's: " FC_STORE_UNTOUCHED,
                          store->path);
    return check_version(store, big_endian(header + HEADER_VERSION_AT), err);
}

/* What SQLite itself says of the file. */
static int quick_check(struct fc_store *store, struct fc_err *err)
{
    sqlite3_stmt *stmt = NULL;
    const char *says = NULL;
    int rc = sqlite3_prepare_v2(store->db, "PRAGMA quick_check(1)", -1, &stmt, NULL);

    if (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
        says = (const char *)sqlite3_column_text(stmt, 0);
    bool good = says && strcmp(says, "ok") == 0;
    if (!good && says)
        fc_err_set(err, FC_E_DAMAGED, "database '%s' is damaged (%s): " FC_STORE_UNTOUCHED, store->path, says);
    else if (!good)
        fc_store_sql_fail(store, err);
    (void)sqlite3_finalize(stmt);
    return good ? 0 : -1;
}

static int verify(struct fc_store *store, struct fc_err *err)
{
    int version = 0;

    if (quick_check(store, err) || fc_store_schema_read(store, &version, err))
        return -1;
    return check_version(store, version, err);
}

static int open_existing(struct fc_store *store, const struct fc_store_params *params, struct fc_err *err)
{
    store->untouched = true;
    if (check_header(store, err) || connect_to(store, store->path, SQLITE_OPEN_READWRITE, err) || verify(store, err))
        return -1;
    (void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    store->untouched = false;
    return fc_store_sql_exec(store,
                             params->durable ? "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL"
                                             : "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL",
                             err);
}

int fc_store_file_open(struct fc_store *store, const struct fc_store_params *params, struct fc_err *err)
{
    struct stat st;

    store->path = fc_asprintf("%s/fakeca.db", params->dir);
    if (lock_folder(store, params->dir, err))
        return -1;
    /* lstat: a link that leads nowhere is no reason to begin anew */
    if (lstat(store->path, &st) && errno == ENOENT && create(store, err))
        return -1;
    return open_existing(store, params, err);
}

void fc_store_file_close(struct fc_store *store)
{
    (void)close_connection(store);
    if (store->lock_fd < 0)
        return;
    /* the file stays: to remove it would let two servers lock two files of one name */
    if (ftruncate(store->lock_fd, 0)) {
        /* the number of a server that is gone is only ever shown when somebody else holds the lock */
    }
    close(store->lock_fd);
    store->lock_fd = -1;
}
