#include "store/store.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base_file.h"
#include "lib_store.h"
#include "store/store_account.h"
#include "store/store_int.h"

#include "cmocka_all.h"

/* Accounts T1..Tn, so many that the file has pages to damage. */
static void add_accounts(struct lib_store *lib, int from, int to)
{
    lib_store_begin(lib, FC_STORE_WRITE);
    for (int i = from; i <= to; i++) {
        struct fc_account account = lib_store_account("production", fc_arena_printf(lib->arena, "T%d", i));
        assert_int_equal(fc_store_account_insert(lib->store, &account, &lib->err), 0);
    }
    lib_store_commit(lib);
}

static void expect_accounts(struct lib_store *lib, int64_t count)
{
    struct fc_store_counts counts;
    struct fc_account account;

    lib_store_begin(lib, FC_STORE_READ);
    assert_int_equal(fc_store_count(lib->store, &counts, &lib->err), 0);
    assert_int_equal(counts.accounts, count);
    for (int64_t i = 1; i <= count; i++)
        assert_int_equal(fc_store_account_get(lib->store, lib->arena, i, &account, &lib->err), 0);
    lib_store_end(lib);
}

/* ---- restart ---- */

static void a_restart_keeps_everything(void **state)
{
    struct lib_store *lib = *state;
    struct stat st;

    lib_store_open(lib);
    assert_false(fc_store_in_memory(lib->store));
    add_accounts(lib, 1, 50);
    assert_int_equal(stat(lib->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);                                      /* it holds the CA's keys */
    assert_false(fc_file_exists(fc_arena_printf(lib->arena, "%s-shm", lib->path))); /* nothing is shared */
    for (int i = 1; i <= 3; i++) {
        lib_store_close(lib);
        lib_store_open(lib);
        expect_accounts(lib, 49 + i);
        add_accounts(lib, 50 + i, 50 + i);
    }
}

static void in_memory_nothing_is_written(void **state)
{
    struct lib_store *lib = *state;
    const struct fc_store_params params = {0};

    assert_int_equal(fc_store_open(&params, &lib->store, &lib->err), 0);
    assert_true(fc_store_in_memory(lib->store));
    add_accounts(lib, 1, 10);
    expect_accounts(lib, 10);
    assert_false(fc_file_exists(lib->path));
}

static void durable_means_full(void **state)
{
    struct lib_store *lib = *state;
    struct fc_store_params params = {.dir = lib->dir, .durable = true};
    sqlite3_stmt *stmt = NULL;

    for (int round = 0; round < 2; round++) {
        assert_int_equal(fc_store_open(&params, &lib->store, &lib->err), 0);
        assert_int_equal(sqlite3_prepare_v2(lib->store->db, "PRAGMA synchronous", -1, &stmt, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
        int level = sqlite3_column_int(stmt, 0);
        sqlite3_finalize(stmt);
        assert_int_equal(level, params.durable ? 2 : 1); /* FULL, NORMAL */
        lib_store_close(lib);
        params.durable = false;
    }
}

/* ---- kill -9 ---- */

struct writer {
    const char *dir;
    int report;
};

/* Commits one account after the other and reports each when it is committed. */
static int write_for_ever(void *cookie)
{
    struct writer *writer = cookie;
    const struct fc_store_params params = {.dir = writer->dir};
    struct fc_store *store = NULL;

    if (fc_store_open(&params, &store, NULL))
        return 1;
    for (int i = 1;; i++) {
        struct fc_store_tx tx = {0};
        char thumbprint[32];
        snprintf(thumbprint, sizeof thumbprint, "T%d", i);
        struct fc_account account = lib_store_account("production", thumbprint);
        if (fc_store_begin(store, FC_STORE_WRITE, &tx, NULL) || fc_store_account_insert(store, &account, NULL) ||
            fc_store_setting_set(store, "last", thumbprint, NULL) || fc_store_commit(&tx, NULL) ||
            write(writer->report, &i, sizeof i) != sizeof i)
            return 2;
    }
}

static int last_report(int fd, int enough)
{
    int last = 0, number;

    while (last < enough && read(fd, &number, sizeof number) == sizeof number)
        last = number;
    return last;
}

static void killed_while_writing_loses_nothing_committed(void **state)
{
    struct lib_store *lib = *state;
    struct fc_store_counts counts;
    int ends[2], status;

    for (int round = 1; round <= 3; round++) {
        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            struct writer writer = {lib->dir, ends[1]};
            close(ends[0]);
            _exit(write_for_ever(&writer));
        }
        close(ends[1]);
        int last = last_report(ends[0], 100 * round);
        kill(child, SIGKILL);
        int after = last_report(ends[0], INT32_MAX);
        close(ends[0]);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(last, 100 * round);
        last = after > last ? after : last;

        lib_store_open(lib);
        lib_store_begin(lib, FC_STORE_READ);
        assert_int_equal(fc_store_count(lib->store, &counts, &lib->err), 0);
        assert_in_range(counts.accounts, last, last + 1); /* one may be committed and not yet reported */
        const char *value = NULL;
        assert_int_equal(fc_store_setting_get(lib->store, lib->arena, "last", &value, &lib->err), 0);
        assert_non_null(value);
        assert_string_equal(value, fc_arena_printf(lib->arena, "T%d", (int)counts.accounts)); /* one transaction */
        lib_store_end(lib);
        expect_accounts(lib, counts.accounts);
        lib_store_begin(lib, FC_STORE_WRITE);
        assert_int_equal(fc_store_reset(lib->store, &lib->err), 0);
        lib_store_commit(lib);
        lib_store_close(lib);
        unlink(lib->path);
    }
}

/* ---- the lock ---- */

static void a_second_opener_is_told_who(void **state)
{
    struct lib_store *lib = *state;
    const struct fc_store_params params = {.dir = lib->dir};
    struct fc_store *second = NULL;

    lib_store_open(lib);
    assert_int_equal(fc_store_open(&params, &second, &lib->err), -1);
    assert_null(second);
    assert_int_equal(lib->err.code, FC_E_BUSY);
    assert_string_equal(lib->err.text,
                        fc_arena_printf(lib->arena, "state folder '%s' is in use by another fakeca (pid %ld)", lib->dir,
                                        (long)getpid()));
    add_accounts(lib, 1, 1); /* the first one goes on */
    lib_store_close(lib);
    lib_store_open(lib);
}

static int hold_until_killed(void *cookie)
{
    struct writer *holder = cookie;
    const struct fc_store_params params = {.dir = holder->dir};
    struct fc_store *store = NULL;
    int number = 1;

    if (fc_store_open(&params, &store, NULL) || write(holder->report, &number, sizeof number) != sizeof number)
        return 1;
    for (;;)
        pause();
}

static void a_killed_holder_leaves_no_lock(void **state)
{
    struct lib_store *lib = *state;
    const struct fc_store_params params = {.dir = lib->dir};
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct writer holder = {lib->dir, ends[1]};
        _exit(hold_until_killed(&holder));
    }
    close(ends[1]);
    int held = last_report(ends[0], 1);
    close(ends[0]);
    int result = fc_store_open(&params, &lib->store, &lib->err);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_int_equal(held, 1);
    assert_int_equal(result, -1);
    assert_non_null(strstr(lib->err.text, fc_arena_printf(lib->arena, "(pid %ld)", (long)child)));
    lib_store_open(lib);
}

/* ---- files that are refused ---- */

static void put(const char *path, const void *data, size_t len)
{
    assert_int_equal(fc_file_write(path, data, len, 0600, NULL), 0);
}

static void damage_garbage(struct lib_store *lib)
{
    char garbage[5000];

    memset(garbage, 'x', sizeof garbage);
    put(lib->path, garbage, sizeof garbage);
}

static void damage_empty(struct lib_store *lib)
{
    put(lib->path, "", 0);
}

static void damage_short(struct lib_store *lib)
{
    put(lib->path, "SQLite format 3", 16);
}

static void damage_truncated(struct lib_store *lib)
{
    struct stat st;

    assert_int_equal(stat(lib->path, &st), 0);
    assert_int_equal(truncate(lib->path, st.st_size / 4096 / 2 * 4096), 0);
}

static void damage_page(struct lib_store *lib)
{
    char junk[4096];
    int fd = open(lib->path, O_WRONLY);

    memset(junk, 0xa5, sizeof junk);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, junk, sizeof junk, 4 * 4096), sizeof junk);
    close(fd);
}

static void damage_foreign(struct lib_store *lib)
{
    assert_int_equal(unlink(lib->path), 0);
    lib_store_sql(lib->path, "CREATE TABLE t (a); INSERT INTO t VALUES (1)");
}

static void damage_newer(struct lib_store *lib)
{
    lib_store_sql(lib->path, "PRAGMA user_version = 99");
}

/* A newer fakeca was killed: its version is only in the log beside the file. */
static void damage_newer_in_log(struct lib_store *lib)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(lib->path, &db), SQLITE_OK);
    sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    int rc = sqlite3_exec(db, "PRAGMA journal_mode = WAL; PRAGMA user_version = 98", NULL, NULL, NULL);
    sqlite3_close(db);
    assert_int_equal(rc, SQLITE_OK);
}

static const struct {
    void (*damage)(struct lib_store *lib);
    const char *says;
} damages[] = {
    {damage_garbage, "is not a SQLite database"},
    {damage_empty, "is not a SQLite database"},
    {damage_short, "is not a SQLite database"},
    {damage_truncated, "is damaged ("},
    {damage_page, "is damaged ("},
    {damage_foreign, "is a SQLite database, but not one of fakeca's"},
    {damage_newer, "has schema version 99, this fakeca knows up to "},
    {damage_newer_in_log, "has schema version 98, this fakeca knows up to "},
};

/* The bytes of a file, NULL when there is none. */
static char *bytes(const char *path, size_t *ret_len)
{
    char *data = NULL;

    *ret_len = 0;
    fc_file_read(path, 64 * 1024 * 1024, &data, ret_len, NULL);
    return data;
}

static void same_bytes(const char *path, const char *before, size_t len)
{
    size_t now_len;
    fc_auto_free char *now = bytes(path, &now_len);

    assert_int_equal(!now, !before);
    assert_int_equal(now_len, len);
    if (now)
        assert_memory_equal(now, before, len);
}

static void a_refused_file_is_named_and_left_untouched(void **state)
{
    struct lib_store *lib = *state;
    const struct fc_store_params params = {.dir = lib->dir};
    const char *log = fc_arena_printf(lib->arena, "%s-wal", lib->path);

    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        unlink(lib->path);
        unlink(log);
        lib_store_open(lib);
        add_accounts(lib, 1, 200);
        lib_store_close(lib);
        damages[i].damage(lib);
        size_t len, log_len;
        fc_auto_free char *before = bytes(lib->path, &len);
        fc_auto_free char *log_before = bytes(log, &log_len);
        fc_err_clear(&lib->err);
        assert_int_equal(fc_store_open(&params, &lib->store, &lib->err), -1);
        assert_null(lib->store);
        if (lib->err.code != FC_E_DAMAGED || !strstr(lib->err.text, damages[i].says))
            fail_msg("'%s' says '%s'", damages[i].says, lib->err.text);
        assert_non_null(strstr(lib->err.text, lib->path));
        assert_non_null(strstr(lib->err.text, "it was left untouched"));
        same_bytes(lib->path, before, len);
        if (log_before)
            same_bytes(log, log_before, log_len);
        /* and again: the refusal has changed nothing that the next one looks at */
        fc_err_clear(&lib->err);
        assert_int_equal(fc_store_open(&params, &lib->store, &lib->err), -1);
        assert_non_null(strstr(lib->err.text, damages[i].says));
    }
}

static void what_stands_in_the_files_place_is_refused(void **state)
{
    struct lib_store *lib = *state;
    const struct fc_store_params params = {.dir = lib->dir};

    assert_int_equal(mkdir(lib->path, 0700), 0);
    assert_int_equal(fc_store_open(&params, &lib->store, &lib->err), -1);
    assert_int_equal(lib->err.code, FC_E_DAMAGED);
    assert_int_equal(rmdir(lib->path), 0);

    fc_err_clear(&lib->err);
    assert_int_equal(symlink("/nonexistent/fakeca.db", lib->path), 0);
    assert_int_equal(fc_store_open(&params, &lib->store, &lib->err), -1);
    assert_int_equal(lib->err.code, FC_E_SYSTEM);
    assert_int_equal(unlink(lib->path), 0);

    fc_err_clear(&lib->err);
    put(fc_arena_printf(lib->arena, "%s-wal", lib->path), "frames", 6);
    assert_int_equal(fc_store_open(&params, &lib->store, &lib->err), -1);
    assert_int_equal(lib->err.code, FC_E_DAMAGED);
    assert_non_null(strstr(lib->err.text, "is missing"));
    assert_false(fc_file_exists(lib->path));
}

static void an_interrupted_creation_is_begun_anew(void **state)
{
    struct lib_store *lib = *state;

    put(fc_arena_printf(lib->arena, "%s.new", lib->path), "half a database", 15);
    lib_store_open(lib);
    add_accounts(lib, 1, 1);
    assert_false(fc_file_exists(fc_arena_printf(lib->arena, "%s.new", lib->path)));
}

/* ---- folders that cannot be used ---- */

static void a_missing_folder_is_named(void **state)
{
    struct lib_store *lib = *state;
    const char *dir = fc_arena_printf(lib->arena, "%s/none", lib->dir);
    const struct fc_store_params params = {.dir = dir};

    assert_int_equal(fc_store_open(&params, &lib->store, &lib->err), -1);
    assert_int_equal(lib->err.code, FC_E_SYSTEM);
    assert_string_equal(lib->err.text,
                        fc_arena_printf(lib->arena, "cannot open '%s/lock': No such file or directory", dir));
}

/* As somebody who may not write there: root may everywhere. */
static int open_as_nobody(void *cookie)
{
    const struct fc_store_params params = {.dir = cookie};
    struct fc_store *store = NULL;
    struct fc_err err = {0};

    if (geteuid() == 0 && setuid(65534))
        return 1;
    if (fc_store_open(&params, &store, &err) == 0)
        return 2;
    return err.code == FC_E_SYSTEM && strstr(err.text, "/lock': Permission denied") ? 0 : 3;
}

static void an_unwritable_folder_is_named(void **state)
{
    struct lib_store *lib = *state;

    assert_int_equal(chmod(lib->dir, 0555), 0);
    int status = lib_store_child(open_as_nobody, lib->dir);
    assert_int_equal(chmod(lib->dir, 0700), 0);
    assert_int_equal(status, 0);
}

static const struct CMUnitTest tests[] = {
    LIB_STORE_TEST_CLOSED(a_restart_keeps_everything),
    LIB_STORE_TEST_CLOSED(in_memory_nothing_is_written),
    LIB_STORE_TEST_CLOSED(durable_means_full),
    LIB_STORE_TEST_CLOSED(killed_while_writing_loses_nothing_committed),
    LIB_STORE_TEST_CLOSED(a_second_opener_is_told_who),
    LIB_STORE_TEST_CLOSED(a_killed_holder_leaves_no_lock),
    LIB_STORE_TEST_CLOSED(a_refused_file_is_named_and_left_untouched),
    LIB_STORE_TEST_CLOSED(what_stands_in_the_files_place_is_refused),
    LIB_STORE_TEST_CLOSED(an_interrupted_creation_is_begun_anew),
    LIB_STORE_TEST_CLOSED(a_missing_folder_is_named),
    LIB_STORE_TEST_CLOSED(an_unwritable_folder_is_named),
};

int main(void)
{
    RUN(tests);
}
