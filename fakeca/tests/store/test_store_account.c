#include "store/store_account.h"

#include <string.h>

#include "lib_store.h"

#include "cmocka_all.h"

static void equal(const struct fc_account *a, const struct fc_account *b)
{
    assert_int_equal(a->id, b->id);
    assert_string_equal(a->env, b->env);
    assert_string_equal(a->jwk, b->jwk);
    assert_string_equal(a->thumbprint, b->thumbprint);
    assert_int_equal(a->status, b->status);
    assert_int_equal(!a->contact, !b->contact);
    if (a->contact)
        assert_string_equal(a->contact, b->contact);
    assert_int_equal(a->terms_agreed, b->terms_agreed);
    assert_int_equal(a->created_at, b->created_at);
}

static void what_is_inserted_is_found(void **state)
{
    struct lib_store *lib = *state;
    struct fc_account a = lib_store_account("production", "T1");
    struct fc_account b = lib_store_account("staging", "T1"); /* another account of the same key */
    struct fc_account found;

    b.contact = NULL;
    b.terms_agreed = false;
    lib_store_begin(lib, FC_STORE_WRITE);
    assert_int_equal(fc_store_account_insert(lib->store, &a, &lib->err), 0);
    assert_int_equal(fc_store_account_insert(lib->store, &b, &lib->err), 0);
    assert_true(a.id > 0 && b.id > a.id);
    lib_store_commit(lib);
    lib_store_begin(lib, FC_STORE_READ);
    assert_int_equal(fc_store_account_get(lib->store, lib->arena, a.id, &found, &lib->err), 0);
    equal(&found, &a);
    assert_int_equal(fc_store_account_by_key(lib->store, lib->arena, "staging", "T1", &found, &lib->err), 0);
    equal(&found, &b);
}

static void one_account_a_key_and_environment(void **state)
{
    struct lib_store *lib = *state;
    struct fc_account a = lib_store_account("production", "T1");
    struct fc_account again = lib_store_account("production", "T1");
    struct fc_store_counts counts;

    lib_store_begin(lib, FC_STORE_WRITE);
    assert_int_equal(fc_store_account_insert(lib->store, &a, &lib->err), 0);
    assert_int_equal(fc_store_account_insert(lib->store, &again, &lib->err), -1);
    assert_int_equal(lib->err.code, FC_E_BUSY);
    assert_int_equal(again.id, 0);
    assert_int_equal(fc_store_count(lib->store, &counts, &lib->err), 0);
    assert_int_equal(counts.accounts, 1);
    lib_store_commit(lib); /* the refusal is an answer, not a failure of the transaction */
}

static void absent_ones_are_named(void **state)
{
    struct lib_store *lib = *state;
    struct fc_account found = lib_store_account("production", "T1");

    found.id = 99;
    lib_store_begin(lib, FC_STORE_WRITE);
    assert_int_equal(fc_store_account_get(lib->store, lib->arena, 99, &found, &lib->err), -1);
    assert_int_equal(lib->err.code, FC_E_NOT_FOUND);
    assert_string_equal(lib->err.text, "no such account");
    fc_err_clear(&lib->err);
    assert_int_equal(fc_store_account_by_key(lib->store, lib->arena, "production", "T9", &found, &lib->err), -1);
    assert_int_equal(lib->err.code, FC_E_NOT_FOUND);
    fc_err_clear(&lib->err);
    assert_int_equal(fc_store_account_update(lib->store, &found, &lib->err), -1);
    assert_int_equal(lib->err.code, FC_E_NOT_FOUND);
}

static void update_writes_status_and_contact_only(void **state)
{
    struct lib_store *lib = *state;
    struct fc_account a = lib_store_account("production", "T1");
    struct fc_account found;

    lib_store_begin(lib, FC_STORE_WRITE);
    assert_int_equal(fc_store_account_insert(lib->store, &a, &lib->err), 0);
    struct fc_account changed = a;
    changed.status = FC_STATUS_DEACTIVATED;
    changed.contact = NULL;
    changed.jwk = "{}";
    assert_int_equal(fc_store_account_update(lib->store, &changed, &lib->err), 0);
    assert_int_equal(fc_store_account_get(lib->store, lib->arena, a.id, &found, &lib->err), 0);
    a.status = FC_STATUS_DEACTIVATED;
    a.contact = NULL;
    equal(&found, &a);
}

/* Ten accounts, every third of staging: ids 1..10, staging 3, 6, 9. */
static void fill(struct lib_store *lib)
{
    lib_store_begin(lib, FC_STORE_WRITE);
    for (int i = 1; i <= 10; i++) {
        struct fc_account account = lib_store_account(i % 3 ? "production" : "staging", "");
        account.thumbprint = fc_arena_printf(lib->arena, "T%d", i);
        assert_int_equal(fc_store_account_insert(lib->store, &account, &lib->err), 0);
        assert_int_equal(account.id, i);
    }
    lib_store_commit(lib);
}

static void lists_come_in_pages(void **state)
{
    static const struct {
        const char *env;
        struct fc_store_page page;
        size_t count;
        int64_t first, last;
    } cases[] = {
        {NULL, {0, 1000, false}, 10, 1, 10},     {NULL, {0, 4, false}, 4, 1, 4},
        {NULL, {8, 4, false}, 2, 9, 10},         {NULL, {10, 4, false}, 0, 0, 0},
        {NULL, {0, 3, true}, 3, 10, 8},          {NULL, {8, 100, true}, 7, 7, 1},
        {"staging", {0, 100, false}, 3, 3, 9},   {"staging", {3, 1, false}, 1, 6, 6},
        {"staging", {0, 2, true}, 2, 9, 6},      {"staging", {6, 2, true}, 1, 3, 3},
        {"elsewhere", {0, 100, false}, 0, 0, 0},
    };
    struct lib_store *lib = *state;

    fill(lib);
    lib_store_begin(lib, FC_STORE_READ);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fc_account *accounts;
        size_t count;
        assert_int_equal(
            fc_store_account_list(lib->store, lib->arena, cases[i].env, &cases[i].page, &accounts, &count, &lib->err),
            0);
        assert_int_equal(count, cases[i].count);
        if (count) {
            assert_int_equal(accounts[0].id, cases[i].first);
            assert_int_equal(accounts[count - 1].id, cases[i].last);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIB_STORE_TEST(what_is_inserted_is_found), LIB_STORE_TEST(one_account_a_key_and_environment),
        LIB_STORE_TEST(absent_ones_are_named),     LIB_STORE_TEST(update_writes_status_and_contact_only),
        LIB_STORE_TEST(lists_come_in_pages),
    };
    RUN(tests);
}
