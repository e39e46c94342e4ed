/* Versions of the schema, and that no question walks a table. */
#include "store/store.h"

#include <string.h>

#include "lib_store.h"
#include "store/store_account.h"
#include "store/store_cert.h"
#include "store/store_event.h"
#include "store/store_int.h"
#include "store/store_order.h"
#include "store/store_reuse.h"

#include "cmocka_all.h"

/* ---- migration ---- */

static void a_file_of_version_0_is_brought_up(void **state)
{
    struct lib_store *lib = *state;
    struct fc_account account = lib_store_account("production", "T1");
    int version = -1;

    /* the application id is "fake" in ASCII */
    lib_store_sql(lib->path, "PRAGMA application_id = 1717660517; PRAGMA user_version = 0; CREATE TABLE kept (a);"
                             "INSERT INTO kept VALUES (7)");
    lib_store_open(lib);
    assert_int_equal(fc_store_schema_read(lib->store, &version, &lib->err), 0);
    assert_int_equal(version, fc_store_schema_version(fc_store_migrations));
    lib_store_begin(lib, FC_STORE_WRITE);
    assert_int_equal(fc_store_account_insert(lib->store, &account, &lib->err), 0);
    assert_int_equal(fc_store_sql_exec(lib->store, "INSERT INTO kept SELECT a FROM kept WHERE a = 7", &lib->err), 0);
    lib_store_commit(lib);
}

static void the_real_table_has_no_holes(void **state)
{
    (void)state;
    int version = 0;
    for (const struct fc_store_migration *m = fc_store_migrations; m->version; m++) {
        assert_int_equal(m->version, version + 1);
        version = m->version;
    }
    assert_true(version >= 1);
}

static void steps_run_in_order_and_keep_the_rows(void **state)
{
    static const struct fc_store_migration old[] = {{1, "CREATE TABLE t (a); INSERT INTO t VALUES (1), (2)"},
                                                    {0, NULL}};
    static const struct fc_store_migration new[] = {
        {1, "CREATE TABLE t (a); INSERT INTO t VALUES (1), (2)"},
        {2, "ALTER TABLE t ADD COLUMN b"},
        {3, "UPDATE t SET b = a * 10"},
        {0, NULL},
    };
    struct lib_store *lib = *state;
    int version;

    assert_int_equal(fc_store_sql_exec(lib->store, "PRAGMA user_version = 0", &lib->err), 0);
    assert_int_equal(fc_store_schema_migrate(lib->store, old, &lib->err), 0);
    assert_int_equal(fc_store_schema_migrate(lib->store, new, &lib->err), 0);
    assert_int_equal(fc_store_schema_read(lib->store, &version, &lib->err), 0);
    assert_int_equal(version, 3);
    assert_int_equal(fc_store_schema_migrate(lib->store, new, &lib->err), 0); /* nothing is left to do */
    lib_store_begin(lib, FC_STORE_READ);
    struct fc_store_sql q fc_auto_sql = {0};
    assert_int_equal(fc_store_sql_open(lib->store, "SELECT sum(b) FROM t", &q, &lib->err), 0);
    assert_int_equal(fc_store_sql_one(&q, "sum", &lib->err), 0);
    assert_int_equal(fc_store_sql_get_int(&q), 30);
}

static void a_failing_step_leaves_the_version_before_it(void **state)
{
    static const struct fc_store_migration broken[] = {
        {1, "CREATE TABLE t (a)"},
        {2, "INSERT INTO t VALUES (1)"},
        {3, "INSERT INTO t VALUES (2); INSERT INTO nowhere VALUES (1)"},
        {0, NULL},
    };
    struct lib_store *lib = *state;
    int version;

    assert_int_equal(fc_store_sql_exec(lib->store, "PRAGMA user_version = 0", &lib->err), 0);
    assert_int_equal(fc_store_schema_migrate(lib->store, broken, &lib->err), -1);
    assert_int_equal(lib->err.code, FC_E_SYSTEM);
    assert_non_null(strstr(lib->err.text, "cannot bring the schema from version 2 to 3: "));
    assert_non_null(strstr(lib->err.text, "nowhere"));
    assert_int_equal(fc_store_schema_read(lib->store, &version, NULL), 0);
    assert_int_equal(version, 2);
    lib_store_begin(lib, FC_STORE_READ);
    struct fc_store_sql q fc_auto_sql = {0};
    assert_int_equal(fc_store_sql_open(lib->store, "SELECT count(*) FROM t", &q, NULL), 0);
    assert_int_equal(fc_store_sql_one(&q, "count", NULL), 0);
    assert_int_equal(fc_store_sql_get_int(&q), 1);
}

/* ---- growth ---- */

#define ROWS 5000
#define STEPS_MAX                                                                                                      \
    2500 /* of SQLite's machine for one run of a statement; one that walked a table would take more than ROWS */

static void insert_rows(struct lib_store *lib)
{
    for (int i = 1; i <= ROWS; i++) {
        const char *env = i % 50 ? "production" : "staging";
        struct fc_account account = lib_store_account(env, fc_arena_printf(lib->arena, "T%d", i));
        struct fc_order order = lib_store_order(i / 10, env);
        struct fc_authz authz = lib_store_authz("a.test");
        struct fc_certificate c = lib_store_certificate(fc_arena_printf(lib->arena, "%036x", i * 7919), 0);
        struct fc_ident name = {FC_IDENT_DNS, fc_arena_printf(lib->arena, "n%d.test", i / 10)};
        unsigned char key[32] = {(unsigned char)(i & 0xff), (unsigned char)(i >> 8)};
        const struct fc_event_row event = {.seq = i, .type = "request"};
        c.idents = &name;
        c.n_idents = 1;
        c.env = env;
        c.account_id = i / 10;
        c.spki = key;
        c.not_after += i * LIB_DAY / 1000;
        assert_int_equal(fc_store_account_insert(lib->store, &account, &lib->err), 0);
        assert_int_equal(fc_store_order_insert(lib->store, &order, &lib->err), 0);
        assert_int_equal(fc_store_authz_insert(lib->store, &authz, &lib->err), 0);
        assert_int_equal(fc_store_cert_insert(lib->store, &c, &lib->err), 0);
        assert_int_equal(fc_store_event_insert(lib->store, &event, &lib->err), 0);
    }
}

static void change_rows(struct lib_store *lib, const char *serial)
{
    struct fc_account account;
    struct fc_authz authz;
    uint64_t crl;

    assert_int_equal(fc_store_account_get(lib->store, lib->arena, 4000, &account, &lib->err), 0);
    assert_int_equal(fc_store_account_update(lib->store, &account, &lib->err), 0);
    assert_int_equal(fc_store_account_by_key(lib->store, lib->arena, "production", "T4001", &account, &lib->err), 0);
    assert_int_equal(fc_store_authz_attempt(lib->store, 3000, "http-01", LIB_NOW, &lib->err), 0);
    assert_int_equal(fc_store_authz_get(lib->store, lib->arena, 3001, &authz, &lib->err), 0);
    assert_int_equal(fc_store_authz_update(lib->store, &authz, &lib->err), 0);
    assert_int_equal(fc_store_order_take(lib->store, 2000, LIB_NOW, NULL, 0, &lib->err), 0);
    assert_int_equal(fc_store_order_take(lib->store, 2001, LIB_NOW, NULL, 0, &lib->err), 0);
    assert_int_equal(fc_store_order_finish(lib->store, 2001, "0a", NULL, &lib->err), 0);
    assert_int_equal(fc_store_cert_revoke(lib->store, serial, LIB_NOW, 1, &lib->err), 0);
    assert_int_equal(fc_store_cert_set_reason(lib->store, serial, 1, &lib->err), 0);
    assert_int_equal(fc_store_crl_number(lib->store, 2, 1, 4, &crl, &lib->err), 0);
    assert_int_equal(fc_store_event_trim(lib->store, ROWS - 10, &lib->err), 0);
}

static void ask_lists(struct lib_store *lib)
{
    static const char *const envs[] = {NULL, "staging"};
    static const char *const names[] = {NULL, "n250.test"};

    for (int i = 0; i < 16; i++) {
        const struct fc_store_page page = {(i & 1) ? 2500 : 0, 10, (i & 2) != 0};
        const char *env = envs[(i & 4) != 0];
        const struct fc_store_cert_filter filter = {env, 0, names[(i & 8) != 0]};
        const struct fc_store_cert_filter of_account = {env, 250, NULL};
        struct fc_account *accounts;
        struct fc_order *orders;
        struct fc_certificate *certificates;
        size_t n;
        assert_int_equal(fc_store_account_list(lib->store, lib->arena, env, &page, &accounts, &n, &lib->err), 0);
        assert_int_equal(
            fc_store_order_list(lib->store, lib->arena, env, (i & 8) ? 250 : 0, &page, &orders, &n, &lib->err), 0);
        assert_int_equal(fc_store_cert_list(lib->store, lib->arena, &filter, &page, &certificates, NULL, &n, &lib->err),
                         0);
        assert_int_equal(
            fc_store_cert_list(lib->store, lib->arena, &of_account, &page, &certificates, NULL, &n, &lib->err), 0);
    }
}

static void ask(struct lib_store *lib, const char *serial)
{
    struct fc_order order;
    struct fc_certificate certificate, *certificates;
    struct fc_event_row *events;
    const char **serials;
    int64_t number, *ids;
    size_t n;
    bool blocked;

    assert_int_equal(fc_store_order_get(lib->store, lib->arena, 2500, &order, &lib->err), 0);
    assert_int_equal(fc_store_order_unfinished(lib->store, lib->arena, &ids, &n, &lib->err), 0);
    assert_int_equal(n, 1);
    assert_int_equal(fc_store_authz_unfinished(lib->store, lib->arena, &ids, &n, &lib->err), 0);
    assert_int_equal(n, 1);
    assert_int_equal(fc_store_cert_get(lib->store, lib->arena, serial, &certificate, &lib->err), 0);
    assert_int_equal(fc_store_cert_by_key(lib->store, lib->arena, "production", certificate.spki, &serials, &lib->err),
                     0);
    assert_int_equal(fc_store_key_blocked(lib->store, certificate.spki, &blocked, &lib->err), 0);
    for (int shard = 0; shard < 2; shard++) {
        assert_int_equal(fc_store_cert_revoked(lib->store, lib->arena, 2, shard, LIB_NOW, &certificates, &n, &lib->err),
                         0);
        assert_int_equal(n, 1);
    }
    for (int moment = FC_STORE_EXPIRY; moment <= FC_STORE_RENEWAL; moment++) {
        int64_t from = LIB_NOW + 62 * LIB_DAY;
        assert_int_equal(fc_store_cert_next(lib->store, (enum fc_store_moment)moment, from, &number, &lib->err), 0);
        assert_int_equal(fc_store_cert_count_passing(lib->store, (enum fc_store_moment)moment, number,
                                                     number + LIB_DAY / 20, &number, &lib->err),
                         0);
    }
    assert_int_equal(fc_store_event_list(lib->store, lib->arena, 2500, 10, &events, &n, &lib->err), 0);
    assert_int_equal(fc_store_event_last(lib->store, &number, &lib->err), 0);
}

/* Thousands of orders and authorizations are for the same name. */
static void ask_for_reuse(struct lib_store *lib)
{
    const struct fc_order like = lib_store_order(1, "production");
    const struct fc_store_reuse_order order = {"production", like.idents, like.n_idents, LIB_NOW};
    const struct fc_store_reuse_authz authz = {.account_id = 7, .ident = {FC_IDENT_DNS, "a.test"}, .after = LIB_NOW};
    struct fc_order found;
    struct fc_authz none;

    assert_int_equal(fc_store_reuse_order(lib->store, lib->arena, &order, &found, &lib->err), 0);
    assert_int_equal(fc_store_reuse_authz(lib->store, lib->arena, &authz, &none, NULL), -1);
    assert_int_equal(fc_store_reuse_set_key(lib->store, 4002, "{}", "T-new", &lib->err), 0);
}

static void no_question_walks_a_table(void **state)
{
    struct lib_store *lib = *state;
    const char *serial = fc_arena_printf(lib->arena, "%036x", 1234 * 7919);
    int seen = 0;

    lib_store_begin(lib, FC_STORE_WRITE);
    insert_rows(lib);
    change_rows(lib, serial);
    ask_lists(lib);
    ask(lib, serial);
    ask_for_reuse(lib);
    for (size_t i = 0; i < FC_STORE_STATEMENTS; i++) {
        sqlite3_stmt *stmt = lib->store->statements[i].stmt;
        /* asked once, at opening */
        if (!stmt || strstr(lib->store->statements[i].sql, "SELECT count(*) FROM a") ||
            strcmp(lib->store->statements[i].sql, "SELECT count(*) FROM orders") == 0)
            continue;
        int runs = sqlite3_stmt_status(stmt, SQLITE_STMTSTATUS_RUN, 0);
        int steps = sqlite3_stmt_status(stmt, SQLITE_STMTSTATUS_VM_STEP, 0);
        if (runs && steps / runs > STEPS_MAX)
            fail_msg("%d steps a run: %s", steps / runs, lib->store->statements[i].sql);
        seen += runs > 0;
    }
    assert_true(seen > 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIB_STORE_TEST_CLOSED(a_file_of_version_0_is_brought_up),
        LIB_STORE_TEST_CLOSED(the_real_table_has_no_holes),
        LIB_STORE_TEST(steps_run_in_order_and_keep_the_rows),
        LIB_STORE_TEST(a_failing_step_leaves_the_version_before_it),
        LIB_STORE_TEST(no_question_walks_a_table),
    };
    RUN(tests);
}
