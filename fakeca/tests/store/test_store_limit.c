/* Buckets of the rate limits, paused pairs, certificates by their exact set. */
#include "store/store_limit.h"

#include <string.h>

#include "lib_store.h"
#include "store/store_cert.h"
#include "store/store_int.h"

#include "cmocka_all.h"

static struct fc_store_bucket bucket_of(struct lib_store *lib, const char *env, const char *key, bool *ret_found)
{
    struct fc_store_bucket bucket = {0};

    assert_int_equal(fc_store_limit_get(lib->store, env, key, &bucket, ret_found, &lib->err), 0);
    return bucket;
}

static void put(struct lib_store *lib, const char *env, const char *key, int64_t tat)
{
    const struct fc_store_bucket bucket = {key, tat, LIB_NOW, 7, 9};

    assert_int_equal(fc_store_limit_put(lib->store, env, &bucket, &lib->err), 0);
}

static void buckets(void **state)
{
    struct lib_store *lib = *state;
    int64_t count;
    bool found;

    lib_store_begin(lib, FC_STORE_WRITE);
    (void)bucket_of(lib, "production", "5:a.test", &found);
    assert_false(found);
    put(lib, "production", "5:a.test", LIB_NOW + 1);
    put(lib, "production", "5:a.test", LIB_NOW + 2);
    put(lib, "staging", "5:a.test", LIB_NOW + 3);
    struct fc_store_bucket bucket = bucket_of(lib, "production", "5:a.test", &found);
    assert_true(found);
    assert_int_equal(bucket.tat, LIB_NOW + 2);
    assert_int_equal(bucket.spent_at, LIB_NOW);
    assert_int_equal(bucket.account_id, 7);
    assert_int_equal(bucket.order_id, 9);
    assert_int_equal(fc_store_limit_drop(lib->store, "production", "5:b.test", &count, &lib->err), 0);
    assert_int_equal(count, 0);
    assert_int_equal(fc_store_limit_drop(lib->store, "production", "5:a.test", &count, &lib->err), 0);
    assert_int_equal(count, 1);
    put(lib, "production", "3:1", LIB_NOW);
    put(lib, "production", "3:2", LIB_NOW);
    assert_int_equal(fc_store_limit_drop(lib->store, "production", NULL, &count, &lib->err), 0);
    assert_int_equal(count, 2);
    (void)bucket_of(lib, "staging", "5:a.test", &found);
    assert_true(found);
    assert_int_equal(fc_store_reset(lib->store, &lib->err), 0);
    (void)bucket_of(lib, "staging", "5:a.test", &found);
    assert_false(found);
}

static void assert_listed(struct lib_store *lib, const char *prefix, const char *after, size_t limit, const char *keys)
{
    const struct fc_store_limit_query query = {"production", prefix, after, limit};
    struct fc_store_bucket *rows;
    const char *joined = "";
    size_t count;

    assert_int_equal(fc_store_limit_list(lib->store, lib->arena, &query, &rows, &count, &lib->err), 0);
    for (size_t i = 0; i < count; i++)
        joined = fc_arena_printf(lib->arena, "%s%s%s", joined, i ? " " : "", rows[i].key);
    assert_string_equal(joined, keys);
}

static void lists_by_prefix(void **state)
{
    static const char *const keys[] = {"3:1", "4:1:a.test", "5:a.test", "5:b.test", "5:c.test", "7:ff"};
    struct lib_store *lib = *state;

    lib_store_begin(lib, FC_STORE_WRITE);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        put(lib, "production", keys[i], LIB_NOW);
    put(lib, "staging", "5:z.test", LIB_NOW);
    assert_listed(lib, "", "", 100, "3:1 4:1:a.test 5:a.test 5:b.test 5:c.test 7:ff");
    assert_listed(lib, "5:", "", 100, "5:a.test 5:b.test 5:c.test");
    assert_listed(lib, "5:", "", 2, "5:a.test 5:b.test");
    assert_listed(lib, "5:", "5:b.test", 2, "5:c.test");
    assert_listed(lib, "", "5:b.test", 2, "5:c.test 7:ff");
    assert_listed(lib, "8:", "", 2, "");
}

static int64_t issued(struct lib_store *lib, const char *env, const struct fc_ident *idents, size_t count)
{
    int64_t not_before;

    assert_int_equal(fc_store_limit_issued(lib->store, lib->arena, env, idents, count, &not_before, &lib->err), 0);
    return not_before;
}

static void the_newest_of_a_set(void **state)
{
    struct lib_store *lib = *state;
    struct fc_ident two[] = {{FC_IDENT_DNS, "a.test"}, {FC_IDENT_DNS, "b.test"}};

    lib_store_begin(lib, FC_STORE_WRITE);
    assert_int_equal(issued(lib, "production", two, 2), INT64_MIN);
    for (int i = 0; i < 3; i++) {
        struct fc_certificate c = lib_store_certificate(fc_arena_printf(lib->arena, "%036x", i), 0);
        c.env = "production";
        c.idents = two;
        c.n_idents = 2;
        c.not_before = LIB_NOW + (i == 1 ? 5 : i) * LIB_DAY;
        assert_int_equal(fc_store_cert_insert(lib->store, &c, &lib->err), 0);
    }
    assert_int_equal(issued(lib, "production", two, 2), LIB_NOW + 5 * LIB_DAY);
    assert_int_equal(issued(lib, "production", two, 1), INT64_MIN);
    assert_int_equal(issued(lib, "staging", two, 2), INT64_MIN);
}

static void paused_pairs(void **state)
{
    struct lib_store *lib = *state;
    struct fc_store_paused row, *rows;
    int64_t ended;
    size_t count;
    bool found;

    lib_store_begin(lib, FC_STORE_WRITE);
    assert_int_equal(fc_store_paused_get(lib->store, 1, "a.test", &row, &found, &lib->err), 0);
    assert_false(found);
    for (int64_t account = 1; account <= 2; account++)
        for (int i = 0; i < 3; i++) {
            row = (struct fc_store_paused){fc_arena_printf(lib->arena, "n%d.test", i), LIB_NOW, 0};
            assert_int_equal(fc_store_paused_set(lib->store, account, &row, &lib->err), 0);
        }
    assert_int_equal(fc_store_paused_list(lib->store, lib->arena, 1, 2, &rows, &count, &lib->err), 0);
    assert_int_equal(count, 2);
    assert_string_equal(rows[1].ident, "n1.test");
    assert_int_equal(fc_store_paused_end(lib->store, 1, LIB_NOW + 1, 2, &ended, &lib->err), 0);
    assert_int_equal(ended, 2);
    assert_int_equal(fc_store_paused_get(lib->store, 1, "n0.test", &row, &found, &lib->err), 0);
    assert_true(found);
    assert_int_equal(row.paused_at, LIB_NOW);
    assert_int_equal(row.unpaused_at, LIB_NOW + 1);
    assert_int_equal(fc_store_paused_list(lib->store, lib->arena, 1, 9, &rows, &count, &lib->err), 0);
    assert_int_equal(count, 1);
    assert_string_equal(rows[0].ident, "n2.test");
    assert_int_equal(fc_store_paused_list(lib->store, lib->arena, 2, 9, &rows, &count, &lib->err), 0);
    assert_int_equal(count, 3);
    assert_int_equal(fc_store_reset(lib->store, &lib->err), 0);
    assert_int_equal(fc_store_paused_list(lib->store, lib->arena, 2, 9, &rows, &count, &lib->err), 0);
    assert_int_equal(count, 0);
}

/* A folder of the version before: its certificates count at once. */
static void a_file_of_version_1_is_brought_up(void **state)
{
    struct lib_store *lib = *state;
    struct fc_ident ident = {FC_IDENT_DNS, "a.test"};
    struct fc_certificate c = lib_store_certificate("03", 0);

    lib_store_open(lib);
    lib_store_begin(lib, FC_STORE_WRITE);
    c.env = "production";
    c.idents = &ident;
    c.n_idents = 1;
    assert_int_equal(fc_store_cert_insert(lib->store, &c, &lib->err), 0);
    lib_store_commit(lib);
    lib_store_close(lib);
    lib_store_sql(lib->path, "DROP TABLE limit_buckets; DROP TABLE paused; DROP INDEX certificates_set;"
                             "DROP TABLE renewal_windows; DROP INDEX orders_replaces; DROP TABLE external_keys;"
                             "ALTER TABLE orders DROP COLUMN not_before; ALTER TABLE orders DROP COLUMN not_after;"
                             "ALTER TABLE accounts DROP COLUMN terms; ALTER TABLE accounts DROP COLUMN external;"
                             "PRAGMA user_version = 1");
    lib_store_open(lib);
    lib_store_begin(lib, FC_STORE_WRITE);
    assert_int_equal(issued(lib, "production", &ident, 1), c.not_before);
    put(lib, "production", "3:1", LIB_NOW);
}

/* ---- growth ---- */

#define ROWS 3000
#define STEPS_MAX 500

static void no_question_walks_a_table(void **state)
{
    struct lib_store *lib = *state;
    struct fc_store_paused row, *rows;
    struct fc_store_bucket *listed;
    const struct fc_store_limit_query query = {"production", "5:", "5:n1500.test", 5};
    int64_t count;
    bool found;
    size_t n;

    lib_store_begin(lib, FC_STORE_WRITE);
    for (int i = 0; i < ROWS; i++) {
        struct fc_ident ident = {FC_IDENT_DNS, fc_arena_printf(lib->arena, "n%d.test", i)};
        struct fc_certificate c = lib_store_certificate(fc_arena_printf(lib->arena, "%036x", i), 0);
        c.idents = &ident;
        c.n_idents = 1;
        assert_int_equal(fc_store_cert_insert(lib->store, &c, &lib->err), 0);
        put(lib, i % 50 ? "production" : "staging", fc_arena_printf(lib->arena, "5:n%d.test", i), LIB_NOW);
        row = (struct fc_store_paused){ident.value, LIB_NOW, 0};
        assert_int_equal(fc_store_paused_set(lib->store, i, &row, &lib->err), 0);
        (void)issued(lib, "production", &ident, 1);
        (void)bucket_of(lib, "production", "5:n7.test", &found);
        assert_int_equal(fc_store_paused_get(lib->store, i, ident.value, &row, &found, &lib->err), 0);
    }
    assert_int_equal(fc_store_limit_list(lib->store, lib->arena, &query, &listed, &n, &lib->err), 0);
    assert_int_equal(n, 5);
    assert_int_equal(fc_store_limit_drop(lib->store, "production", "5:n8.test", &count, &lib->err), 0);
    assert_int_equal(fc_store_paused_list(lib->store, lib->arena, 5, 5, &rows, &n, &lib->err), 0);
    assert_int_equal(fc_store_paused_end(lib->store, 5, LIB_NOW, 10, &count, &lib->err), 0);
    for (size_t i = 0; i < FC_STORE_STATEMENTS; i++) {
        sqlite3_stmt *stmt = lib->store->statements[i].stmt;
        if (!stmt)
            continue;
        int runs = sqlite3_stmt_status(stmt, SQLITE_STMTSTATUS_RUN, 0);
        int steps = sqlite3_stmt_status(stmt, SQLITE_STMTSTATUS_VM_STEP, 0);
        if (runs && steps / runs > STEPS_MAX)
            fail_msg("%d steps a run: %s", steps / runs, lib->store->statements[i].sql);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIB_STORE_TEST(buckets),
        LIB_STORE_TEST(lists_by_prefix),
        LIB_STORE_TEST(the_newest_of_a_set),
        LIB_STORE_TEST(paused_pairs),
        LIB_STORE_TEST_CLOSED(a_file_of_version_1_is_brought_up),
        LIB_STORE_TEST(no_question_walks_a_table),
    };
    RUN(tests);
}
