#include "store/store_order.h"

#include <string.h>

#include "lib_store.h"
#include "store/store_int.h"

#include "cmocka_all.h"

static void an_order_is_found_as_it_was(void **state)
{
    struct lib_store *lib = *state;
    struct fc_order order = lib_store_order(4, "production");
    struct fc_order found;

    lib_store_begin(lib, FC_STORE_WRITE);
    assert_int_equal(fc_store_order_insert(lib->store, &order, &lib->err), 0);
    assert_true(order.id > 0);
    assert_int_equal(fc_store_order_get(lib->store, lib->arena, order.id, &found, &lib->err), 0);
    assert_int_equal(found.account_id, 4);
    assert_string_equal(found.env, "production");
    assert_string_equal(found.profile, "classic");
    assert_int_equal(found.n_idents, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(found.idents[i].type, order.idents[i].type);
        assert_string_equal(found.idents[i].value, order.idents[i].value);
        assert_int_equal(found.authz_ids[i], order.authz_ids[i]);
    }
    assert_int_equal(found.n_authz, 3);
    assert_int_equal(found.created_at, LIB_NOW);
    assert_int_equal(found.expires_at, LIB_NOW + 7 * LIB_DAY);
    assert_int_equal(found.processing_at, 0);
    assert_null(found.csr);
    assert_int_equal(found.csr_len, 0);
    assert_null(found.serial);
    assert_null(found.error);
    assert_string_equal(found.replaces, order.replaces);
}

static void no_profile_stays_no_profile(void **state)
{
    struct lib_store *lib = *state;
    struct fc_order order = lib_store_order(4, "production");
    struct fc_order found;

    order.profile = NULL;
    lib_store_begin(lib, FC_STORE_WRITE);
    assert_int_equal(fc_store_order_insert(lib->store, &order, &lib->err), 0);
    assert_int_equal(fc_store_order_get(lib->store, lib->arena, order.id, &found, &lib->err), 0);
    assert_null(found.profile);
}

static void finalize_takes_an_order_once(void **state)
{
    static const unsigned char csr[] = {0x30, 0x00, 0xff};
    struct lib_store *lib = *state;
    struct fc_order order = lib_store_order(4, "production");
    struct fc_order found;

    lib_store_begin(lib, FC_STORE_WRITE);
    assert_int_equal(fc_store_order_insert(lib->store, &order, &lib->err), 0);
    assert_int_equal(fc_store_order_take(lib->store, order.id, LIB_NOW + 1, csr, sizeof csr, &lib->err), 0);
    assert_int_equal(fc_store_order_take(lib->store, order.id, LIB_NOW + 2, csr, 2, &lib->err), -1);
    assert_int_equal(lib->err.code, FC_E_BUSY);
    assert_int_equal(fc_store_order_get(lib->store, lib->arena, order.id, &found, NULL), 0);
    assert_int_equal(found.processing_at, LIB_NOW + 1);
    assert_int_equal(found.csr_len, sizeof csr);
    assert_memory_equal(found.csr, csr, sizeof csr);
    fc_err_clear(&lib->err);
    assert_int_equal(fc_store_order_take(lib->store, 999, LIB_NOW, csr, 2, &lib->err), -1);
    assert_int_equal(lib->err.code, FC_E_NOT_FOUND);
    assert_string_equal(lib->err.text, "no such order");
}

static void issuance_ends_once(void **state)
{
    static const unsigned char csr[] = {1};
    struct lib_store *lib = *state;
    struct fc_order orders[3], found;
    int64_t *unfinished;
    size_t count;

    lib_store_begin(lib, FC_STORE_WRITE);
    for (int i = 0; i < 3; i++) {
        orders[i] = lib_store_order(4, "production");
        assert_int_equal(fc_store_order_insert(lib->store, &orders[i], &lib->err), 0);
    }
    assert_int_equal(fc_store_order_unfinished(lib->store, lib->arena, &unfinished, &count, &lib->err), 0);
    assert_int_equal(count, 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(fc_store_order_take(lib->store, orders[i].id, LIB_NOW, csr, 1, &lib->err), 0);
    assert_int_equal(fc_store_order_finish(lib->store, orders[0].id, "0a", NULL, &lib->err), 0);
    assert_int_equal(fc_store_order_finish(lib->store, orders[2].id, NULL, "{}", &lib->err), 0);
    assert_int_equal(fc_store_order_unfinished(lib->store, lib->arena, &unfinished, &count, &lib->err), 0);
    assert_int_equal(count, 1);
    assert_int_equal(unfinished[0], orders[1].id);
    assert_int_equal(fc_store_order_get(lib->store, lib->arena, orders[0].id, &found, &lib->err), 0);
    assert_string_equal(found.serial, "0a");
    assert_null(found.error);
    assert_int_equal(fc_store_order_get(lib->store, lib->arena, orders[2].id, &found, &lib->err), 0);
    assert_null(found.serial);
    assert_string_equal(found.error, "{}");
    assert_int_equal(fc_store_order_finish(lib->store, orders[2].id, "0b", NULL, &lib->err), -1);
    assert_int_equal(lib->err.code, FC_E_BUSY);
    fc_err_clear(&lib->err);
    assert_int_equal(fc_store_order_finish(lib->store, 999, "0b", NULL, &lib->err), -1);
    assert_int_equal(lib->err.code, FC_E_NOT_FOUND);
}

/* Orders 1..12: account 1 and 2 by turns, every third of staging (3, 6, 9, 12). */
static void lists_come_in_pages(void **state)
{
    static const struct {
        const char *env;
        int64_t account_id;
        struct fc_store_page page;
        size_t count;
        int64_t first, last;
    } cases[] = {
        {NULL, 0, {0, 1000, false}, 12, 1, 12},   {NULL, 0, {10, 5, false}, 2, 11, 12},
        {NULL, 0, {0, 5, true}, 5, 12, 8},        {NULL, 0, {3, 5, true}, 2, 2, 1},
        {"staging", 0, {0, 10, false}, 4, 3, 12}, {"staging", 0, {9, 10, true}, 2, 6, 3},
        {NULL, 2, {0, 10, false}, 6, 2, 12},      {NULL, 1, {7, 2, true}, 2, 5, 3},
        {"staging", 2, {0, 10, false}, 2, 6, 12}, {"staging", 1, {0, 10, true}, 2, 9, 3},
        {"staging", 3, {0, 10, false}, 0, 0, 0},
    };
    struct lib_store *lib = *state;

    lib_store_begin(lib, FC_STORE_WRITE);
    for (int i = 1; i <= 12; i++) {
        struct fc_order order = lib_store_order(i % 2 ? 1 : 2, i % 3 ? "production" : "staging");
        assert_int_equal(fc_store_order_insert(lib->store, &order, &lib->err), 0);
        assert_int_equal(order.id, i);
    }
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fc_order *orders;
        size_t count;
        assert_int_equal(fc_store_order_list(lib->store, lib->arena, cases[i].env, cases[i].account_id, &cases[i].page,
                                             &orders, &count, &lib->err),
                         0);
        assert_int_equal(count, cases[i].count);
        if (count) {
            assert_int_equal(orders[0].id, cases[i].first);
            assert_int_equal(orders[count - 1].id, cases[i].last);
        }
    }
}

/* ---- authorizations ---- */

static void an_authorization_is_found_as_it_was(void **state)
{
    struct lib_store *lib = *state;
    struct fc_authz authz = lib_store_authz("a.test");
    struct fc_authz found;

    lib_store_begin(lib, FC_STORE_WRITE);
    assert_int_equal(fc_store_authz_insert(lib->store, &authz, &lib->err), 0);
    assert_int_equal(fc_store_authz_get(lib->store, lib->arena, authz.id, &found, &lib->err), 0);
    assert_int_equal(found.id, authz.id);
    assert_int_equal(found.account_id, 7);
    assert_string_equal(found.env, "production");
    assert_null(found.profile);
    assert_int_equal(found.ident.type, FC_IDENT_DNS);
    assert_string_equal(found.ident.value, "a.test");
    assert_true(found.wildcard);
    assert_int_equal(found.stored, FC_STATUS_PENDING);
    assert_string_equal(found.token, "tok");
    assert_string_equal(found.types, "http-01,dns-01");
    assert_int_equal(found.created_at, LIB_NOW);
    assert_int_equal(found.expires_at, LIB_NOW + 7 * LIB_DAY);
    assert_null(found.attempted);
    assert_false(found.processing);
    assert_int_equal(found.validated_at, 0);
    assert_null(found.error);
    assert_null(found.record);
    assert_int_equal(fc_store_authz_get(lib->store, lib->arena, 999, &found, &lib->err), -1);
    assert_int_equal(lib->err.code, FC_E_NOT_FOUND);
    assert_string_equal(lib->err.text, "no such authorization");
}

static void an_attempt_runs_once_at_a_time(void **state)
{
    struct lib_store *lib = *state;
    struct fc_authz authz = lib_store_authz("a.test");
    struct fc_authz found;
    int64_t *unfinished;
    size_t count;

    lib_store_begin(lib, FC_STORE_WRITE);
    assert_int_equal(fc_store_authz_insert(lib->store, &authz, &lib->err), 0);
    assert_int_equal(fc_store_authz_attempt(lib->store, authz.id, "http-01", LIB_NOW + 5, &lib->err), 0);
    assert_int_equal(fc_store_authz_attempt(lib->store, authz.id, "dns-01", LIB_NOW + 6, &lib->err), -1);
    assert_int_equal(lib->err.code, FC_E_BUSY);
    fc_err_clear(&lib->err);
    assert_int_equal(fc_store_authz_attempt(lib->store, 999, "dns-01", LIB_NOW + 6, &lib->err), -1);
    assert_int_equal(lib->err.code, FC_E_NOT_FOUND);
    assert_int_equal(fc_store_authz_unfinished(lib->store, lib->arena, &unfinished, &count, NULL), 0);
    assert_int_equal(count, 1);
    assert_int_equal(unfinished[0], authz.id);
    assert_int_equal(fc_store_authz_get(lib->store, lib->arena, authz.id, &found, NULL), 0);
    assert_string_equal(found.attempted, "http-01");
    assert_true(found.processing);
    assert_int_equal(found.validated_at, LIB_NOW + 5);

    found.processing = false;
    found.stored = FC_STATUS_INVALID;
    found.expires_at = LIB_NOW + 30 * LIB_DAY;
    found.error = "{\"type\":\"x\"}";
    found.record = "[]";
    found.token = "not written";
    assert_int_equal(fc_store_authz_update(lib->store, &found, NULL), 0);
    assert_int_equal(fc_store_authz_get(lib->store, lib->arena, authz.id, &found, NULL), 0);
    assert_int_equal(found.stored, FC_STATUS_INVALID);
    assert_int_equal(found.expires_at, LIB_NOW + 30 * LIB_DAY);
    assert_string_equal(found.error, "{\"type\":\"x\"}");
    assert_string_equal(found.record, "[]");
    assert_string_equal(found.token, "tok");
    assert_int_equal(fc_store_authz_unfinished(lib->store, lib->arena, &unfinished, &count, NULL), 0);
    assert_int_equal(count, 0);
    found.id = 999;
    fc_err_clear(&lib->err);
    assert_int_equal(fc_store_authz_update(lib->store, &found, &lib->err), -1);
    assert_int_equal(lib->err.code, FC_E_NOT_FOUND);
}

static void authorizations_of_an_order_come_in_its_order(void **state)
{
    static const char *const names[] = {"a.test", "b.test", "c.test"};
    struct lib_store *lib = *state;
    struct fc_order order = lib_store_order(7, "production");
    struct fc_authz *found;
    int64_t ids[3];

    lib_store_begin(lib, FC_STORE_WRITE);
    for (int i = 0; i < 3; i++) {
        struct fc_authz authz = lib_store_authz(names[i]);
        assert_int_equal(fc_store_authz_insert(lib->store, &authz, &lib->err), 0);
        ids[2 - i] = authz.id;
    }
    order.authz_ids = ids;
    assert_int_equal(fc_store_authz_of_order(lib->store, lib->arena, &order, &found, &lib->err), 0);
    assert_string_equal(found[0].ident.value, "c.test");
    assert_string_equal(found[1].ident.value, "b.test");
    assert_string_equal(found[2].ident.value, "a.test");
    ids[1] = 999;
    assert_int_equal(fc_store_authz_of_order(lib->store, lib->arena, &order, &found, &lib->err), -1);
    assert_int_equal(lib->err.code, FC_E_NOT_FOUND);
}

/* ---- rows that no fakeca wrote ---- */

static void damaged_rows_are_errors(void **state)
{
    static const char *const damages[] = {
        "UPDATE orders SET idents = 'a.test'",  "UPDATE orders SET idents = 'tcp:a.test'",
        "UPDATE orders SET authz_ids = '1,,2'", "UPDATE orders SET authz_ids = '1,x'",
        "UPDATE orders SET authz_ids = '1,2,'", "UPDATE orders SET authz_ids = '-1'",
    };
    struct lib_store *lib = *state;
    struct fc_order order = lib_store_order(4, "production");
    struct fc_authz authz = lib_store_authz("a.test");

    lib_store_begin(lib, FC_STORE_WRITE);
    assert_int_equal(fc_store_order_insert(lib->store, &order, &lib->err), 0);
    assert_int_equal(fc_store_authz_insert(lib->store, &authz, &lib->err), 0);
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        fc_err_clear(&lib->err);
        assert_int_equal(fc_store_sql_exec(lib->store, "SAVEPOINT s", &lib->err), 0);
        assert_int_equal(fc_store_sql_exec(lib->store, damages[i], &lib->err), 0);
        assert_int_equal(fc_store_order_get(lib->store, lib->arena, order.id, &order, &lib->err), -1);
        assert_int_equal(lib->err.code, FC_E_DAMAGED);
        assert_non_null(strstr(lib->err.text, "a row has a damaged '"));
        assert_int_equal(fc_store_sql_exec(lib->store, "ROLLBACK TO s", NULL), 0);
    }
    fc_err_clear(&lib->err);
    assert_int_equal(fc_store_sql_exec(lib->store, "UPDATE authzs SET stored = 'perhaps'", &lib->err), 0);
    assert_int_equal(fc_store_authz_get(lib->store, lib->arena, authz.id, &authz, &lib->err), -1);
    assert_int_equal(lib->err.code, FC_E_DAMAGED);
    assert_non_null(strstr(lib->err.text, "'stored'"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIB_STORE_TEST(an_order_is_found_as_it_was),
        LIB_STORE_TEST(no_profile_stays_no_profile),
        LIB_STORE_TEST(finalize_takes_an_order_once),
        LIB_STORE_TEST(issuance_ends_once),
        LIB_STORE_TEST(lists_come_in_pages),
        LIB_STORE_TEST(an_authorization_is_found_as_it_was),
        LIB_STORE_TEST(an_attempt_runs_once_at_a_time),
        LIB_STORE_TEST(authorizations_of_an_order_come_in_its_order),
        LIB_STORE_TEST(damaged_rows_are_errors),
    };
    RUN(tests);
}
