/* Keys of external accounts, and the purge of authorizations. */
#include "store/store_external.h"

#include <string.h>

#include "store/store_order.h"
#include "store/store_reuse.h"

#include "cmocka_all.h"
#include "lib_store.h"

static void keys_bind_once(void **state)
{
    struct lib_store *lib = *state;
    static const unsigned char key[] = {1, 2, 3};
    const struct fc_store_external one = {.kid = "k", .env = "rfc8555", .key = key, .key_len = 3, .created_at = 7};
    struct fc_store_external read, *all;
    struct fc_err err = {0};
    size_t count;
    bool removed;

    lib_store_begin(lib, FC_STORE_WRITE);
    assert_int_equal(fc_store_external_insert(lib->store, &one, &lib->err), 0);
    assert_int_equal(fc_store_external_insert(lib->store, &one, &err), -1);
    assert_int_equal(err.code, FC_E_BUSY);
    assert_int_equal(fc_store_external_get(lib->store, lib->arena, "rfc8555", "k", &read, &lib->err), 0);
    assert_true(read.key_len == 3 && memcmp(read.key, key, 3) == 0 && read.created_at == 7 && read.account_id == 0);
    err = (struct fc_err){0};
    assert_int_equal(fc_store_external_get(lib->store, lib->arena, "production", "k", &read, &err), -1);
    assert_int_equal(err.code, FC_E_NOT_FOUND);
    assert_int_equal(fc_store_external_use(lib->store, "rfc8555", "k", 5, &lib->err), 0);
    err = (struct fc_err){0};
    assert_int_equal(fc_store_external_use(lib->store, "rfc8555", "k", 6, &err), -1);
    assert_int_equal(err.code, FC_E_BUSY);
    assert_int_equal(fc_store_external_list(lib->store, lib->arena, &all, &count, &lib->err), 0);
    assert_true(count == 1 && all[0].account_id == 5);
    assert_int_equal(fc_store_external_delete(lib->store, "rfc8555", "k", &removed, &lib->err), 0);
    assert_true(removed);
    assert_int_equal(fc_store_external_delete(lib->store, "rfc8555", "k", &removed, &lib->err), 0);
    assert_false(removed);
    lib_store_commit(lib);
}

static void valid_authorizations_are_purged(void **state)
{
    struct lib_store *lib = *state;
    static const char *const names[] = {"a.test", "b.test", "c.test"};
    int64_t ids[3], count;
    struct fc_authz read;

    lib_store_begin(lib, FC_STORE_WRITE);
    for (size_t i = 0; i < 3; i++) {
        struct fc_authz authz = lib_store_authz(names[i]);
        authz.stored = i < 2 ? FC_STATUS_VALID : FC_STATUS_PENDING;
        assert_int_equal(fc_store_authz_insert(lib->store, &authz, &lib->err), 0);
        ids[i] = authz.id;
    }
    assert_int_equal(fc_store_authz_purge(lib->store, "nowhere", 0, NULL, &count, &lib->err), 0);
    assert_int_equal(count, 0);
    assert_int_equal(fc_store_authz_purge(lib->store, NULL, 0, "a.test", &count, &lib->err), 0);
    assert_int_equal(count, 1);
    assert_int_equal(fc_store_authz_purge(lib->store, NULL, 0, NULL, &count, &lib->err), 0);
    assert_int_equal(count, 1);
    assert_int_equal(fc_store_authz_get(lib->store, lib->arena, ids[0], &read, &lib->err), 0);
    assert_int_equal(read.stored, FC_STATUS_DEACTIVATED);
    assert_int_equal(fc_store_authz_get(lib->store, lib->arena, ids[2], &read, &lib->err), 0);
    assert_int_equal(read.stored, FC_STATUS_PENDING);
    lib_store_commit(lib);
}

int main(void)
{
    const struct CMUnitTest tests[] = {LIB_STORE_TEST(keys_bind_once), LIB_STORE_TEST(valid_authorizations_are_purged)};
    RUN(tests);
}
