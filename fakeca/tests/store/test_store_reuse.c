/* What a new order can use again: letsencrypt.md C.2, and the change of a key. */
#include "store/store_reuse.h"

#include <string.h>

#include "store/store_account.h"
#include "store/store_order.h"

#include "cmocka_all.h"
#include "lib_store.h"

static const struct fc_ident pair[] = {{FC_IDENT_DNS, "a.test"}, {FC_IDENT_DNS, "b.test"}};

static int64_t add_order(struct lib_store *lib, int64_t account_id, const char *env, int64_t expires_at)
{
    static int64_t authz_ids[] = {1, 2};
    struct fc_order order = lib_store_order(account_id, env);

    order.idents = fc_arena_memdup(lib->arena, pair, sizeof pair);
    order.n_idents = 2;
    order.authz_ids = authz_ids;
    order.n_authz = 2;
    order.expires_at = expires_at;
    assert_int_equal(fc_store_order_insert(lib->store, &order, &lib->err), 0);
    return order.id;
}

/* The id, or 0 when there is none. */
static int64_t find_order(struct lib_store *lib, const char *env, size_t n_idents, int64_t now)
{
    const struct fc_store_reuse_order query = {.env = env, .idents = pair, .n_idents = n_idents, .now = now};
    struct fc_order order;
    struct fc_err err = {0};

    if (fc_store_reuse_order(lib->store, lib->arena, &query, &order, &err) == 0)
        return order.id;
    assert_int_equal(err.code, FC_E_NOT_FOUND);
    return 0;
}

static void first_order_to_expire(void **state)
{
    struct lib_store *lib = *state;

    lib_store_begin(lib, FC_STORE_WRITE);
    int64_t late = add_order(lib, 1, "production", LIB_NOW + 3 * LIB_DAY);
    int64_t early = add_order(lib, 2, "production", LIB_NOW + LIB_DAY);
    int64_t other = add_order(lib, 1, "staging", LIB_NOW + LIB_DAY);
    assert_int_equal(find_order(lib, "production", 2, LIB_NOW), early);
    assert_int_equal(find_order(lib, "staging", 2, LIB_NOW), other);
    assert_int_equal(find_order(lib, "production", 1, LIB_NOW), 0);
    /* it lasts until its expiry, and no longer */
    assert_int_equal(find_order(lib, "production", 2, LIB_NOW + LIB_DAY), early);
    assert_int_equal(find_order(lib, "production", 2, LIB_NOW + LIB_DAY + 1), late);
    assert_int_equal(find_order(lib, "production", 2, LIB_NOW + 4 * LIB_DAY), 0);
    /* taken by finalize */
    assert_int_equal(fc_store_order_take(lib->store, early, LIB_NOW, (const unsigned char *)"x", 1, &lib->err), 0);
    assert_int_equal(find_order(lib, "production", 2, LIB_NOW), late);
    lib_store_commit(lib);
}

static int64_t add_authz(struct lib_store *lib, const char *profile, bool wildcard, int64_t expires_at)
{
    struct fc_authz authz = lib_store_authz("a.test");

    authz.account_id = 1;
    authz.profile = profile;
    authz.wildcard = wildcard;
    authz.stored = FC_STATUS_VALID;
    authz.expires_at = expires_at;
    assert_int_equal(fc_store_authz_insert(lib->store, &authz, &lib->err), 0);
    return authz.id;
}

static int64_t find_authz(struct lib_store *lib, const struct fc_store_reuse_authz *query)
{
    struct fc_authz authz;
    struct fc_err err = {0};

    if (fc_store_reuse_authz(lib->store, lib->arena, query, &authz, &err) == 0)
        return authz.id;
    assert_int_equal(err.code, FC_E_NOT_FOUND);
    return 0;
}

static void last_authorization_to_expire(void **state)
{
    struct lib_store *lib = *state;
    struct fc_store_reuse_authz query = {.account_id = 1, .ident = {FC_IDENT_DNS, "a.test"}, .after = LIB_NOW};

    lib_store_begin(lib, FC_STORE_WRITE);
    add_authz(lib, NULL, false, LIB_NOW + LIB_DAY);
    int64_t latest = add_authz(lib, NULL, false, LIB_NOW + 3 * LIB_DAY);
    int64_t wildcard = add_authz(lib, NULL, true, LIB_NOW + 5 * LIB_DAY);
    int64_t classic = add_authz(lib, "classic", false, LIB_NOW + 4 * LIB_DAY);
    assert_int_equal(find_authz(lib, &query), latest);
    query.profile = "classic";
    assert_int_equal(find_authz(lib, &query), classic);
    query.profile = "other";
    assert_int_equal(find_authz(lib, &query), 0);
    query.any_profile = true;
    assert_int_equal(find_authz(lib, &query), classic);
    query.after = LIB_NOW + 4 * LIB_DAY;
    assert_int_equal(find_authz(lib, &query), 0);
    query.wildcard = true;
    assert_int_equal(find_authz(lib, &query), wildcard);
    query.account_id = 2;
    assert_int_equal(find_authz(lib, &query), 0);
    query = (struct fc_store_reuse_authz){.account_id = 1, .ident = {FC_IDENT_IP, "a.test"}};
    assert_int_equal(find_authz(lib, &query), 0);
    lib_store_commit(lib);
}

static void only_valid_ones(void **state)
{
    struct lib_store *lib = *state;
    const struct fc_store_reuse_authz query = {.account_id = 1, .ident = {FC_IDENT_DNS, "a.test"}, .after = LIB_NOW};
    struct fc_authz authz;

    lib_store_begin(lib, FC_STORE_WRITE);
    int64_t id = add_authz(lib, NULL, false, LIB_NOW + LIB_DAY);
    assert_int_equal(find_authz(lib, &query), id);
    assert_int_equal(fc_store_authz_get(lib->store, lib->arena, id, &authz, &lib->err), 0);
    authz.stored = FC_STATUS_DEACTIVATED;
    assert_int_equal(fc_store_authz_update(lib->store, &authz, &lib->err), 0);
    assert_int_equal(find_authz(lib, &query), 0);
    lib_store_commit(lib);
}

static void key_of_an_account(void **state)
{
    struct lib_store *lib = *state;
    struct fc_account first = lib_store_account("production", "thumb-1");
    struct fc_account second = lib_store_account("production", "thumb-2");
    struct fc_account elsewhere = lib_store_account("staging", "thumb-3"), found;
    struct fc_err err = {0};

    lib_store_begin(lib, FC_STORE_WRITE);
    assert_int_equal(fc_store_account_insert(lib->store, &first, &lib->err), 0);
    assert_int_equal(fc_store_account_insert(lib->store, &second, &lib->err), 0);
    assert_int_equal(fc_store_account_insert(lib->store, &elsewhere, &lib->err), 0);
    assert_int_equal(fc_store_reuse_set_key(lib->store, first.id, "{}", "thumb-2", &err), -1);
    assert_int_equal(err.code, FC_E_BUSY);
    /* the same key in another environment is another account's */
    assert_int_equal(fc_store_reuse_set_key(lib->store, first.id, "{\"new\":1}", "thumb-3", &lib->err), 0);
    assert_int_equal(fc_store_account_by_key(lib->store, lib->arena, "production", "thumb-3", &found, &lib->err), 0);
    assert_int_equal(found.id, first.id);
    assert_string_equal(found.jwk, "{\"new\":1}");
    assert_int_equal(fc_store_account_by_key(lib->store, lib->arena, "production", "thumb-1", &found, NULL), -1);
    lib_store_commit(lib);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, lib_store_setup, lib_store_teardown)
    const struct CMUnitTest tests[] = {
        TEST(first_order_to_expire),
        TEST(last_authorization_to_expire),
        TEST(only_valid_ones),
        TEST(key_of_an_account),
    };
    RUN(tests);
}
