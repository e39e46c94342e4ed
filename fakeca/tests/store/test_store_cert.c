#include "store/store_cert.h"

#include <string.h>

#include "lib_store.h"

#include "cmocka_all.h"

static void insert(struct lib_store *lib, const struct fc_certificate *certificate)
{
    if (fc_store_cert_insert(lib->store, certificate, &lib->err))
        fail_msg("%s", lib->err.text);
}

static void a_certificate_is_found_as_it_was(void **state)
{
    struct lib_store *lib = *state;
    struct fc_certificate c = lib_store_certificate("030201", 5);
    struct fc_certificate found;

    lib_store_begin(lib, FC_STORE_WRITE);
    insert(lib, &c);
    assert_int_equal(fc_store_cert_get(lib->store, lib->arena, "030201", &found, &lib->err), 0);
    assert_string_equal(found.serial, "030201");
    assert_string_equal(found.env, "production");
    assert_int_equal(found.account_id, 7);
    assert_int_equal(found.order_id, 8);
    assert_int_equal(found.issuer_id, 2);
    assert_null(found.profile);
    assert_int_equal(found.der_len, c.der_len);
    assert_memory_equal(found.der, c.der, c.der_len);
    assert_int_equal(found.n_idents, 2);
    assert_string_equal(found.idents[0].value, "*.a.test");
    assert_string_equal(found.idents[1].value, "b.test");
    assert_int_equal(found.issued_at, LIB_NOW);
    assert_int_equal(found.not_before, LIB_NOW);
    assert_int_equal(found.not_after, LIB_NOW + 90 * LIB_DAY);
    assert_int_equal(found.revoked_at, 0);
    assert_int_equal(found.reason, 0);
    assert_memory_equal(found.spki, c.spki, 32);
    assert_int_equal(found.shard, 1);
    assert_int_equal(fc_store_cert_insert(lib->store, &c, &lib->err), -1);
    assert_int_equal(lib->err.code, FC_E_BUSY);
    fc_err_clear(&lib->err);
    assert_int_equal(fc_store_cert_get(lib->store, lib->arena, "99", &found, &lib->err), -1);
    assert_int_equal(lib->err.code, FC_E_NOT_FOUND);
    assert_string_equal(lib->err.text, "no such certificate");
}

static void revocation_happens_once(void **state)
{
    struct lib_store *lib = *state;
    struct fc_certificate c = lib_store_certificate("0a", 5);
    struct fc_certificate found;

    lib_store_begin(lib, FC_STORE_WRITE);
    insert(lib, &c);
    assert_int_equal(fc_store_cert_set_reason(lib->store, "0a", 1, &lib->err), -1);
    assert_int_equal(lib->err.code, FC_E_NOT_FOUND);
    fc_err_clear(&lib->err);
    assert_int_equal(fc_store_cert_revoke(lib->store, "0a", LIB_NOW + 9, 4, &lib->err), 0);
    assert_int_equal(fc_store_cert_revoke(lib->store, "0a", LIB_NOW + 10, 1, &lib->err), -1);
    assert_int_equal(lib->err.code, FC_E_BUSY);
    fc_err_clear(&lib->err);
    assert_int_equal(fc_store_cert_revoke(lib->store, "0b", LIB_NOW + 10, 1, &lib->err), -1);
    assert_int_equal(lib->err.code, FC_E_NOT_FOUND);
    assert_int_equal(fc_store_cert_get(lib->store, lib->arena, "0a", &found, NULL), 0);
    assert_int_equal(found.revoked_at, LIB_NOW + 9);
    assert_int_equal(found.reason, 4);
    assert_int_equal(fc_store_cert_set_reason(lib->store, "0a", 1, NULL), 0);
    assert_int_equal(fc_store_cert_get(lib->store, lib->arena, "0a", &found, NULL), 0);
    assert_int_equal(found.revoked_at, LIB_NOW + 9);
    assert_int_equal(found.reason, 1);
}

static void keys_find_their_unrevoked_certificates(void **state)
{
    struct lib_store *lib = *state;
    struct fc_certificate a = lib_store_certificate("0a", 5), b = lib_store_certificate("0b", 5);
    struct fc_certificate other_key = lib_store_certificate("0c", 6), other_env = lib_store_certificate("0d", 5);
    const char **serials;

    other_env.env = "staging";
    lib_store_begin(lib, FC_STORE_WRITE);
    insert(lib, &a);
    insert(lib, &b);
    insert(lib, &other_key);
    insert(lib, &other_env);
    assert_int_equal(fc_store_cert_by_key(lib->store, lib->arena, "production", a.spki, &serials, &lib->err), 0);
    assert_non_null(serials[0]);
    assert_string_equal(serials[0], "0a");
    assert_string_equal(serials[1], "0b");
    assert_null(serials[2]);
    assert_int_equal(fc_store_cert_revoke(lib->store, "0a", LIB_NOW, 1, &lib->err), 0);
    assert_int_equal(fc_store_cert_by_key(lib->store, lib->arena, "production", a.spki, &serials, &lib->err), 0);
    assert_string_equal(serials[0], "0b");
    assert_null(serials[1]);
    assert_int_equal(fc_store_cert_by_key(lib->store, lib->arena, "elsewhere", a.spki, &serials, &lib->err), 0);
    assert_null(serials[0]);
}

static void blocked_keys_stay_blocked(void **state)
{
    struct lib_store *lib = *state;
    struct fc_certificate a = lib_store_certificate("0a", 5), b = lib_store_certificate("0b", 6);
    bool blocked = true;

    lib_store_begin(lib, FC_STORE_WRITE);
    assert_int_equal(fc_store_key_blocked(lib->store, a.spki, &blocked, &lib->err), 0);
    assert_false(blocked);
    assert_int_equal(fc_store_key_block(lib->store, a.spki, &lib->err), 0);
    assert_int_equal(fc_store_key_block(lib->store, a.spki, &lib->err), 0); /* twice is no error */
    assert_int_equal(fc_store_key_blocked(lib->store, a.spki, &blocked, &lib->err), 0);
    assert_true(blocked);
    assert_int_equal(fc_store_key_blocked(lib->store, b.spki, &blocked, &lib->err), 0);
    assert_false(blocked);
}

static size_t revoked(struct lib_store *lib, int64_t issuer, int shard, int64_t at, const char *first)
{
    struct fc_certificate *certificates;
    size_t count;

    assert_int_equal(fc_store_cert_revoked(lib->store, lib->arena, issuer, shard, at, &certificates, &count, &lib->err),
                     0);
    if (first)
        assert_string_equal(certificates[0].serial, first);
    return count;
}

static void a_crl_lists_its_own_shard_until_expiry(void **state)
{
    struct lib_store *lib = *state;
    struct fc_certificate a = lib_store_certificate("0a", 5), b = lib_store_certificate("0b", 5);
    struct fc_certificate c = lib_store_certificate("0c", 5), good = lib_store_certificate("0d", 5);
    static const char *const serials[] = {"0a", "0b", "0c"};

    b.shard = 2;
    c.issuer_id = 3;
    lib_store_begin(lib, FC_STORE_WRITE);
    insert(lib, &a);
    insert(lib, &b);
    insert(lib, &c);
    insert(lib, &good);
    for (int i = 0; i < 3; i++)
        assert_int_equal(fc_store_cert_revoke(lib->store, serials[i], LIB_NOW + i + 1, 0, &lib->err), 0);
    assert_int_equal(revoked(lib, 2, 1, LIB_NOW, "0a"), 1);
    assert_int_equal(revoked(lib, 2, 2, LIB_NOW, "0b"), 1);
    assert_int_equal(revoked(lib, 2, 0, LIB_NOW, "0a"), 2);
    assert_int_equal(revoked(lib, 3, 1, LIB_NOW, "0c"), 1);
    assert_int_equal(revoked(lib, 4, 0, LIB_NOW, NULL), 0);
    assert_int_equal(revoked(lib, 2, 0, a.not_after - 1, "0a"), 2);
    assert_int_equal(revoked(lib, 2, 0, a.not_after, NULL), 0); /* must be later than unexpired_at */
}

static void crl_numbers_only_grow(void **state)
{
    struct lib_store *lib = *state;
    uint64_t number;

    lib_store_begin(lib, FC_STORE_WRITE);
    assert_int_equal(fc_store_crl_number(lib->store, 2, 1, 1000, &number, &lib->err), 0);
    assert_int_equal(number, 1000);
    assert_int_equal(fc_store_crl_number(lib->store, 2, 1, 500, &number, &lib->err), 0); /* the clock went back */
    assert_int_equal(number, 1001);
    assert_int_equal(fc_store_crl_number(lib->store, 2, 1, 2000, &number, &lib->err), 0);
    assert_int_equal(number, 2000);
    assert_int_equal(fc_store_crl_number(lib->store, 2, 2, 7, &number, &lib->err), 0);
    assert_int_equal(number, 7);
}

/* ---- lists ---- */

/* Numbers 1..6: account 1 and 2 by turns, 3 and 6 of staging, 4 for another name. */
static void fill(struct lib_store *lib)
{
    static struct fc_ident other[] = {{FC_IDENT_DNS, "other.test"}};

    for (int i = 1; i <= 6; i++) {
        struct fc_certificate c = lib_store_certificate(fc_arena_printf(lib->arena, "%02x", i), (unsigned char)i);
        c.account_id = i % 2 ? 1 : 2;
        c.env = i % 3 ? "production" : "staging";
        if (i == 4) {
            c.idents = other;
            c.n_idents = 1;
        }
        insert(lib, &c);
    }
}

static void lists_come_in_pages(void **state)
{
    static const struct {
        struct fc_store_cert_filter filter;
        struct fc_store_page page;
        size_t count;
        int64_t first, last;
    } cases[] = {
        {{NULL, 0, NULL}, {0, 1000, false}, 6, 1, 6},     {{NULL, 0, NULL}, {0, 2, true}, 2, 6, 5},
        {{NULL, 0, NULL}, {3, 10, true}, 2, 2, 1},        {{"staging", 0, NULL}, {0, 10, false}, 2, 3, 6},
        {{"staging", 0, NULL}, {3, 10, false}, 1, 6, 6},  {{NULL, 2, NULL}, {0, 10, true}, 3, 6, 2},
        {{"staging", 2, NULL}, {0, 10, true}, 1, 6, 6},   {{NULL, 0, "b.test"}, {0, 10, false}, 5, 1, 6},
        {{NULL, 0, "*.a.test"}, {0, 2, true}, 2, 6, 5},   {{NULL, 0, "*.a.test"}, {3, 2, true}, 2, 2, 1},
        {{NULL, 0, "other.test"}, {0, 9, true}, 1, 4, 4}, {{"staging", 1, "b.test"}, {0, 9, true}, 1, 3, 3},
        {{NULL, 1, "other.test"}, {0, 9, true}, 0, 0, 0}, {{NULL, 0, "a.test"}, {0, 9, true}, 0, 0, 0},
    };
    struct lib_store *lib = *state;

    lib_store_begin(lib, FC_STORE_WRITE);
    fill(lib);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fc_certificate *certificates;
        int64_t *numbers;
        size_t count;
        assert_int_equal(fc_store_cert_list(lib->store, lib->arena, &cases[i].filter, &cases[i].page, &certificates,
                                            &numbers, &count, &lib->err),
                         0);
        assert_int_equal(count, cases[i].count);
        if (count) {
            assert_int_equal(numbers[0], cases[i].first);
            assert_int_equal(numbers[count - 1], cases[i].last);
            assert_string_equal(certificates[0].serial, fc_arena_printf(lib->arena, "%02x", (int)numbers[0]));
        }
    }
}

/* ---- moments ---- */

static int64_t passing(struct lib_store *lib, enum fc_store_moment moment, int64_t from, int64_t to)
{
    int64_t count = -1;

    assert_int_equal(fc_store_cert_count_passing(lib->store, moment, from, to, &count, &lib->err), 0);
    return count;
}

static int64_t next(struct lib_store *lib, enum fc_store_moment moment, int64_t after)
{
    int64_t at = -1;

    assert_int_equal(fc_store_cert_next(lib->store, moment, after, &at, &lib->err), 0);
    return at;
}

static void a_skip_counts_what_it_passes(void **state)
{
    struct lib_store *lib = *state;
    struct fc_certificate a = lib_store_certificate("0a", 1), b = lib_store_certificate("0b", 1);
    struct fc_certificate gone = lib_store_certificate("0c", 1);
    int64_t count, end = a.not_after;

    b.not_after = LIB_NOW + 45 * LIB_DAY;
    lib_store_begin(lib, FC_STORE_WRITE);
    assert_int_equal(next(lib, FC_STORE_EXPIRY, 0), 0);
    insert(lib, &a);
    insert(lib, &b);
    insert(lib, &gone);
    assert_int_equal(fc_store_cert_revoke(lib->store, "0c", LIB_NOW, 0, &lib->err), 0);
    /* the interval is open at its begin and closed at its end */
    assert_int_equal(passing(lib, FC_STORE_EXPIRY, LIB_NOW, end), 2);
    assert_int_equal(passing(lib, FC_STORE_EXPIRY, LIB_NOW, end - 1), 1);
    assert_int_equal(passing(lib, FC_STORE_EXPIRY, end - 1, end), 1);
    assert_int_equal(passing(lib, FC_STORE_EXPIRY, end, end + 1), 0);
    assert_int_equal(passing(lib, FC_STORE_EXPIRY, end, LIB_NOW), 0); /* backwards */
    assert_int_equal(fc_store_cert_count_expiring(lib->store, LIB_NOW, end, &count, &lib->err), 0);
    assert_int_equal(count, 2);
    /* two thirds: 30 days of 45, 60 of 90 */
    assert_int_equal(passing(lib, FC_STORE_RENEWAL, LIB_NOW, LIB_NOW + 60 * LIB_DAY), 2);
    assert_int_equal(passing(lib, FC_STORE_RENEWAL, LIB_NOW, LIB_NOW + 60 * LIB_DAY - 1), 1);
    assert_int_equal(next(lib, FC_STORE_RENEWAL, LIB_NOW), LIB_NOW + 30 * LIB_DAY);
    assert_int_equal(next(lib, FC_STORE_RENEWAL, LIB_NOW + 30 * LIB_DAY), LIB_NOW + 60 * LIB_DAY);
    assert_int_equal(next(lib, FC_STORE_RENEWAL, LIB_NOW + 60 * LIB_DAY), 0);
    assert_int_equal(next(lib, FC_STORE_EXPIRY, LIB_NOW), LIB_NOW + 45 * LIB_DAY);
    assert_int_equal(next(lib, FC_STORE_EXPIRY, LIB_NOW + 45 * LIB_DAY), end);
}

/* ---- issuers ---- */

static void issuers_are_found_by_name(void **state)
{
    static const unsigned char key[] = {1, 2, 3}, cert[] = {4, 5};
    struct lib_store *lib = *state;
    struct fc_issuer root = {.name = "production/root-ecdsa",
                             .key_der = key,
                             .key_len = 3,
                             .cert_der = cert,
                             .cert_len = 2,
                             .created_at = LIB_NOW};
    struct fc_issuer cross = {.name = "production/cross", .cert_der = cert, .cert_len = 1, .created_at = LIB_NOW};
    struct fc_issuer found, *list;
    size_t count;

    lib_store_begin(lib, FC_STORE_WRITE);
    assert_int_equal(fc_store_issuer_insert(lib->store, &root, &lib->err), 0);
    assert_int_equal(fc_store_issuer_insert(lib->store, &cross, &lib->err), 0);
    assert_true(root.id > 0 && cross.id > root.id);
    assert_int_equal(fc_store_issuer_get(lib->store, lib->arena, root.name, &found, &lib->err), 0);
    assert_int_equal(found.id, root.id);
    assert_string_equal(found.name, root.name);
    assert_int_equal(found.key_len, 3);
    assert_memory_equal(found.key_der, key, 3);
    assert_int_equal(found.cert_len, 2);
    assert_memory_equal(found.cert_der, cert, 2);
    assert_int_equal(found.created_at, LIB_NOW);
    assert_int_equal(fc_store_issuer_list(lib->store, lib->arena, &list, &count, &lib->err), 0);
    assert_int_equal(count, 2);
    assert_null(list[1].key_der);
    assert_int_equal(list[1].key_len, 0);

    struct fc_issuer again = {.name = "production/cross", .cert_der = cert, .cert_len = 2, .created_at = LIB_NOW + 1};
    assert_int_equal(fc_store_issuer_insert(lib->store, &again, &lib->err), -1);
    assert_int_equal(lib->err.code, FC_E_BUSY);
    fc_err_clear(&lib->err);
    assert_int_equal(fc_store_issuer_replace(lib->store, &again, &lib->err), 0);
    assert_int_equal(fc_store_issuer_get(lib->store, lib->arena, "production/cross", &found, &lib->err), 0);
    assert_int_equal(found.id, cross.id);
    assert_int_equal(found.cert_len, 2);
    assert_int_equal(found.created_at, LIB_NOW + 1);
    again.name = "tls/ca";
    assert_int_equal(fc_store_issuer_replace(lib->store, &again, &lib->err), -1);
    assert_int_equal(lib->err.code, FC_E_NOT_FOUND);
    fc_err_clear(&lib->err);
    assert_int_equal(fc_store_issuer_get(lib->store, lib->arena, "tls/ca", &found, &lib->err), -1);
    assert_int_equal(lib->err.code, FC_E_NOT_FOUND);
    assert_string_equal(lib->err.text, "no such issuer");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIB_STORE_TEST(a_certificate_is_found_as_it_was),
        LIB_STORE_TEST(revocation_happens_once),
        LIB_STORE_TEST(keys_find_their_unrevoked_certificates),
        LIB_STORE_TEST(blocked_keys_stay_blocked),
        LIB_STORE_TEST(a_crl_lists_its_own_shard_until_expiry),
        LIB_STORE_TEST(crl_numbers_only_grow),
        LIB_STORE_TEST(lists_come_in_pages),
        LIB_STORE_TEST(a_skip_counts_what_it_passes),
        LIB_STORE_TEST(issuers_are_found_by_name),
    };
    RUN(tests);
}
