#include "store/store_reuse.h"

#include "lib_store.h"
#include "store/store_account.h"
#include "store/store_order.h"

#include "cmocka_all.h"

static int64_t add_order(struct lib_store *lib, int64_t account_id, const char *env, int64_t expires_at)
{
    struct fc_order order = lib_store_order(account_id, env);

    order.expires_at = expires_at;
    assert_int_equal(fc_store_order_insert(lib->store, &order, &lib->err), 0);
    return order.id;
}

/* The id of the order found, 0 when there is none. */
static int64_t find_order(struct lib_store *lib, const char *env, size_t n_idents, int64_t now)
{
    const struct fc_order like = lib_store_order(0, env);
    const struct fc_store_reuse_order query = {env, like.idents, n_idents, now};
    struct fc_order found;

    fc_err_clear(&lib->err);
    if (fc_store_reuse_order(lib->store, lib->arena, &query, &found, &lib->err) == 0)
        return found.id;
    assert_int_equal(lib->err.code, FC_E_NOT_FOUND);
    return 0;
}

/* letsencrypt.md C.2: the earliest-expiring unexpired, unfinalized order for exactly that set, of any account. */
static void the_order_that_expires_first_is_found(void **state)
{
    static const unsigned char csr[] = {1};
    struct lib_store *lib = *state;

    lib_store_begin(lib, FC_STORE_WRITE);
    assert_int_equal(find_order(lib, "production", 3, LIB_NOW), 0);
    int64_t late = add_order(lib, 1, "production", LIB_NOW + 3 * LIB_DAY);
    int64_t early = add_order(lib, 2, "production", LIB_NOW + 2 * LIB_DAY);
    int64_t elsewhere = add_order(lib, 1, "staging", LIB_NOW + LIB_DAY);
    assert_int_equal(find_order(lib, "production", 3, LIB_NOW), early);
    assert_int_equal(find_order(lib, "staging", 3, LIB_NOW), elsewhere);
    assert_int_equal(find_order(lib, "production", 2, LIB_NOW), 0); /* another set */
    assert_int_equal(find_order(lib, "production", 3, LIB_NOW + 2 * LIB_DAY), early);
    assert_int_equal(find_order(lib, "production", 3, LIB_NOW + 2 * LIB_DAY + 1), late);
    assert_int_equal(find_order(lib, "production", 3, LIB_NOW + 9 * LIB_DAY), 0);
    assert_int_equal(fc_store_order_take(lib->store, early, LIB_NOW, csr, 1, &lib->err), 0);
    assert_int_equal(find_order(lib, "production", 3, LIB_NOW), late);
}

static int64_t add_authz(struct lib_store *lib, bool wildcard, const char *profile, int64_t expires_at)
{
    struct fc_authz authz = lib_store_authz("a.test");

    authz.wildcard = wildcard;
    authz.profile = profile;
    authz.expires_at = expires_at;
    authz.stored = FC_STATUS_VALID;
    assert_int_equal(fc_store_authz_insert(lib->store, &authz, &lib->err), 0);
    return authz.id;
}

static int64_t find_authz(struct lib_store *lib, const struct fc_store_reuse_authz *query)
{
    struct fc_authz found;

    fc_err_clear(&lib->err);
    if (fc_store_reuse_authz(lib->store, lib->arena, query, &found, &lib->err) == 0)
        return found.id;
    assert_int_equal(lib->err.code, FC_E_NOT_FOUND);
    return 0;
}

/* letsencrypt.md C.2: valid, same account, same profile string, the latest expiry wins; wildcards are other identifiers. */
static void the_valid_authorization_that_lasts_longest_is_found(void **state)
{
    struct lib_store *lib = *state;
    struct fc_store_reuse_authz plain = {.account_id = 7, .ident = {FC_IDENT_DNS, "a.test"}, .after = LIB_NOW};
    struct fc_authz pending = lib_store_authz("a.test");

    lib_store_begin(lib, FC_STORE_WRITE);
    pending.wildcard = false;
    assert_int_equal(fc_store_authz_insert(lib->store, &pending, &lib->err), 0);
    assert_int_equal(find_authz(lib, &plain), 0);
    int64_t early = add_authz(lib, false, NULL, LIB_NOW + LIB_DAY);
    int64_t late = add_authz(lib, false, NULL, LIB_NOW + 2 * LIB_DAY);
    int64_t classic = add_authz(lib, false, "classic", LIB_NOW + 3 * LIB_DAY);
    int64_t wild = add_authz(lib, true, NULL, LIB_NOW + 4 * LIB_DAY);
    assert_true(early > 0);
    assert_int_equal(find_authz(lib, &plain), late);

    struct fc_store_reuse_authz query = plain;
    query.profile = "classic";
    assert_int_equal(find_authz(lib, &query), classic);
    query.profile = "tlsserver";
    assert_int_equal(find_authz(lib, &query), 0);
    query.any_profile = true;
    assert_int_equal(find_authz(lib, &query), classic);
    query = plain;
    query.wildcard = true;
    assert_int_equal(find_authz(lib, &query), wild);
    query = plain;
    query.after = LIB_NOW + 2 * LIB_DAY; /* must be later */
    assert_int_equal(find_authz(lib, &query), 0);
    query = plain;
    query.account_id = 8;
    assert_int_equal(find_authz(lib, &query), 0);
    query = plain;
    query.ident.value = "b.test";
    assert_int_equal(find_authz(lib, &query), 0);
}

static void a_key_is_changed_unless_it_is_taken(void **state)
{
    struct lib_store *lib = *state;
    struct fc_account a = lib_store_account("production", "T1"), b = lib_store_account("production", "T2");
    struct fc_account elsewhere = lib_store_account("staging", "T3"), found;

    lib_store_begin(lib, FC_STORE_WRITE);
    assert_int_equal(fc_store_account_insert(lib->store, &a, &lib->err), 0);
    assert_int_equal(fc_store_account_insert(lib->store, &b, &lib->err), 0);
    assert_int_equal(fc_store_account_insert(lib->store, &elsewhere, &lib->err), 0);
    assert_int_equal(fc_store_reuse_set_key(lib->store, a.id, "{\"new\":1}", "T2", &lib->err), -1);
    assert_int_equal(lib->err.code, FC_E_BUSY);
    /* that the key has an account in another environment does not matter */
    assert_int_equal(fc_store_reuse_set_key(lib->store, a.id, "{\"new\":1}", "T3", NULL), 0);
    assert_int_equal(fc_store_account_by_key(lib->store, lib->arena, "production", "T3", &found, NULL), 0);
    assert_int_equal(found.id, a.id);
    assert_string_equal(found.jwk, "{\"new\":1}");
    assert_int_equal(fc_store_account_by_key(lib->store, lib->arena, "production", "T1", &found, NULL), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIB_STORE_TEST(the_order_that_expires_first_is_found),
        LIB_STORE_TEST(the_valid_authorization_that_lasts_longest_is_found),
        LIB_STORE_TEST(a_key_is_changed_unless_it_is_taken),
    };
    RUN(tests);
}
