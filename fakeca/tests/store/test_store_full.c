/* A disk that is full: a write that fails is an error and leaves what was there. */
#include "store/store.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "lib_store.h"
#include "store/store_account.h"
#include "store/store_int.h"

#include "cmocka_all.h"

/* Inserts accounts in one transaction until it fails. */
static int fill_up(struct fc_store *store, struct fc_arena *arena, struct fc_store_tx *tx, struct fc_err *err)
{
    for (int i = 0; i < 100000; i++) {
        struct fc_account account = lib_store_account("production", fc_arena_printf(arena, "F%d", i));
        if (fc_store_account_insert(store, &account, err))
            return -1;
    }
    return fc_store_commit(tx, err);
}

static int add_one(struct fc_store *store, const char *thumbprint, struct fc_err *err)
{
    struct fc_account account = lib_store_account("production", thumbprint);
    struct fc_store_tx tx fc_auto_tx = {0};

    if (fc_store_begin(store, FC_STORE_WRITE, &tx, err) || fc_store_account_insert(store, &account, err))
        return -1;
    return fc_store_commit(&tx, err);
}

static int64_t accounts(struct fc_store *store)
{
    struct fc_store_tx tx fc_auto_tx = {0};
    struct fc_store_counts counts = {.accounts = -1};

    if (fc_store_begin(store, FC_STORE_READ, &tx, NULL) == 0)
        (void)fc_store_count(store, &counts, NULL);
    return counts.accounts;
}

static void a_full_database_rolls_back(void **state)
{
    struct lib_store *lib = *state;

    lib_store_open(lib);
    assert_int_equal(add_one(lib->store, "T1", &lib->err), 0);
    assert_int_equal(sqlite3_exec(lib->store->db, "PRAGMA max_page_count = 60", NULL, NULL, NULL), SQLITE_OK);
    lib_store_begin(lib, FC_STORE_WRITE);
    assert_int_equal(fill_up(lib->store, lib->arena, &lib->tx, &lib->err), -1);
    assert_int_equal(lib->err.code, FC_E_SYSTEM);
    assert_non_null(strstr(lib->err.text, lib->path));
    assert_non_null(strstr(lib->err.text, "full"));
    /* whoever overlooks the error commits nothing */
    assert_int_equal(fc_store_commit(&lib->tx, &lib->err), -1);
    assert_int_equal(accounts(lib->store), 1);
    assert_int_equal(sqlite3_exec(lib->store->db, "PRAGMA max_page_count = 100000", NULL, NULL, NULL), SQLITE_OK);
    fc_err_clear(&lib->err);
    assert_int_equal(add_one(lib->store, "T2", &lib->err), 0);
    lib_store_close(lib);
    lib_store_open(lib);
    assert_int_equal(accounts(lib->store), 2);
}

static int limit_files(rlim_t size)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_FSIZE, &limit))
        return -1;
    limit.rlim_cur = size;
    return setrlimit(RLIMIT_FSIZE, &limit);
}

/* In a child: the limit is the process's, and files that the sanitizers write would meet it too. */
static int meet_the_limit(void *cookie)
{
    const struct fc_store_params params = {.dir = cookie};
    fc_auto(fc_arena_free) struct fc_arena *arena = fc_arena_new();
    struct fc_store *store = NULL;
    struct fc_err err = {0};
    struct stat st;

    signal(SIGXFSZ, SIG_IGN);
    if (fc_store_open(&params, &store, NULL) || add_one(store, "T1", NULL))
        return 1;
    if (stat(fc_arena_printf(arena, "%s/fakeca.db-wal", params.dir), &st) || limit_files((rlim_t)st.st_size + 100))
        return 2;
    for (int i = 0; i < 3; i++) {
        err = (struct fc_err){0};
        if (add_one(store, "T2", &err) == 0 || err.code != FC_E_SYSTEM || !strstr(err.text, "fakeca.db"))
            return 3;
        if (accounts(store) != 1)
            return 4;
    }
    if (!strstr(err.text, "full") && !strstr(err.text, "File too large"))
        return 5;
    if (limit_files(RLIM_INFINITY) || add_one(store, "T3", NULL) || accounts(store) != 2)
        return 6;
    fc_store_close(store);
    return 0;
}

static void a_file_that_may_not_grow_rolls_back(void **state)
{
    struct lib_store *lib = *state;
    struct fc_account found;

    assert_int_equal(lib_store_child(meet_the_limit, lib->dir), 0);
    lib_store_open(lib);
    assert_int_equal(accounts(lib->store), 2);
    lib_store_begin(lib, FC_STORE_READ);
    assert_int_equal(fc_store_account_by_key(lib->store, lib->arena, "production", "T1", &found, &lib->err), 0);
    assert_int_equal(fc_store_account_by_key(lib->store, lib->arena, "production", "T3", &found, &lib->err), 0);
    assert_int_equal(fc_store_account_by_key(lib->store, lib->arena, "production", "T2", &found, &lib->err), -1);
}

/* In a child: a folder on a disk without room for the first database. */
static int create_without_room(void *cookie)
{
    const struct fc_store_params params = {.dir = cookie};
    struct fc_store *store = NULL;
    struct fc_err err = {0};
    struct stat st;
    char path[128];

    signal(SIGXFSZ, SIG_IGN);
    if (limit_files(8192))
        return 1;
    if (fc_store_open(&params, &store, &err) == 0 || err.code != FC_E_SYSTEM)
        return 2;
    snprintf(path, sizeof path, "%s/fakeca.db", params.dir);
    if (stat(path, &st) == 0)
        return 3; /* half a database must not get the name */
    snprintf(path, sizeof path, "%s/fakeca.db.new", params.dir);
    return stat(path, &st) == 0 ? 4 : 0;
}

static void no_half_database_appears(void **state)
{
    struct lib_store *lib = *state;

    assert_int_equal(lib_store_child(create_without_room, lib->dir), 0);
    lib_store_open(lib);
    assert_int_equal(add_one(lib->store, "T1", &lib->err), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIB_STORE_TEST_CLOSED(a_full_database_rolls_back),
        LIB_STORE_TEST_CLOSED(a_file_that_may_not_grow_rolls_back),
        LIB_STORE_TEST_CLOSED(no_half_database_appears),
    };
    RUN(tests);
}
