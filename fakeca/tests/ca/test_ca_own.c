#include "lib_ca.h"

#include <string.h>

#include "base/base_clock.h"
#include "base/base_time.h"

#include "pki/pki_cert.h"

#include "cmocka_all.h"

#define CA_USAGE "critical,keyCertSign,cRLSign"
#define GOOD .basic_constraints = "critical,CA:TRUE", .key_usage = CA_USAGE

static int start(struct lib_ca *t, const char *cert_pem, const char *key_pem, struct fc_err *err)
{
    const struct fc_ca_params params = {.policy = t->policy,
                                        .store = t->store,
                                        .pki_url = LIB_CA_URL,
                                        .now = t->now,
                                        .root_cert_pem = cert_pem,
                                        .root_key_pem = key_pem};

    fc_ca_free(FC_TAKE(t->ca));
    return fc_ca_new(&params, &t->ca, err);
}

static void assert_starts(struct lib_ca *t, const char *cert_pem, const char *key_pem)
{
    struct fc_err err = {0};

    if (start(t, cert_pem, key_pem, &err))
        fail_msg("%s", err.text);
}

static void assert_unfit(struct lib_ca *t, const char *cert_pem, const char *key_pem, const char *text)
{
    struct fc_err err = {0};

    assert_int_equal(start(t, cert_pem, key_pem, &err), -1);
    assert_int_equal(err.code, FC_E_USAGE);
    if (!strstr(err.text, text))
        fail_msg("'%s' does not say '%s'", err.text, text);
}

static void finish(struct lib_ca *t)
{
    assert_int_equal(fc_ca_start_background(t->ca, NULL), 0);
    assert_true(fc_ca_wait_ready(t->ca, fc_clock_mono() + 100 * FC_SECOND));
}

static void issue_and_verify(struct lib_ca *t, const char *kind, const char *own_pem)
{
    struct fc_certificate row;
    struct fc_err err = {0};
    const char *output;

    if (lib_ca_issue(t, "a.test", lib_ca_key(t, kind), &row, &err))
        fail_msg("%s", err.text);
    lib_ca_write_chain(t, &row);
    lib_ca_write_text(t, "root.pem", own_pem);
    if (lib_ca_openssl(t, &output,
                       "verify -purpose sslserver -attime 1788264000 -CAfile root.pem -untrusted chain.pem leaf.pem"))
        fail_msg("%s", output);
}

/* One own root signs both families; the policy's roots are not made. */
static void signs_all_intermediates(void **state)
{
    static const char *const kinds[] = {"P-256", "P-384", "RSA-2048"};
    static const char *const names[] = {"own-root", "int-ecdsa-1", "int-rsa-1", "int-ecdsa-2", "int-rsa-2"};
    struct lib_ca *t = *state;
    const char *cert, *key;
    struct fc_ca_info info;
    size_t len;

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        lib_ca_make_root(t, &(struct lib_ca_root){.key = kinds[i], GOOD}, &cert, &key);
        assert_starts(t, cert, key);
        for (size_t j = 0; j < 5; j++) {
            assert_true(fc_ca_info(t->ca, j, &info));
            assert_string_equal(info.name, names[j]);
            assert_int_equal(info.root, j == 0);
        }
        assert_false(fc_ca_info(t->ca, 5, &info));
        assert_string_equal(fc_ca_roots_pem(t->ca, t->arena), cert);
        assert_non_null(fc_ca_cert_der(t->ca, "own-root", &len));
        assert_null(fc_ca_cert_der(t->ca, "root-ecdsa", &len));
        issue_and_verify(t, "P-256", cert);
        finish(t);
        issue_and_verify(t, "RSA-2048", cert);
        /* the next round is another state */
        fc_ca_free(FC_TAKE(t->ca));
        fc_store_close(FC_TAKE(t->store));
        assert_int_equal(fc_store_open(&(struct fc_store_params){0}, &t->store, NULL), 0);
    }
}

static void intermediates_stay_within_its_dates(void **state)
{
    struct lib_ca *t = *state;
    const char *cert, *key;
    struct fc_ca_info info;
    struct fc_certificate row;
    struct fc_err err = {0};

    lib_ca_make_root(
        t, &(struct lib_ca_root){.key = "P-256", .not_before = "20260101000000Z", .not_after = "20261130120000Z", GOOD},
        &cert, &key);
    assert_starts(t, cert, key);
    assert_true(fc_ca_info(t->ca, 1, &info));
    assert_int_equal(info.not_before, lib_ca_time("2026-01-01"));
    assert_int_equal(info.not_after, lib_ca_time("2026-11-30T12:00:00Z"));
    issue_and_verify(t, "P-256", cert);
    t->now = lib_ca_time("2026-09-02T12:00:00Z");
    assert_int_equal(lib_ca_issue(t, "a.test", lib_ca_key(t, "P-256"), &row, &err), -1);
    assert_int_equal(err.code, FC_E_RANGE);
}

/* Whoever makes a root and tries it at once must not wait an hour until it is older than a leaf's notBefore. */
static void a_root_made_just_now(void **state)
{
    struct lib_ca *t = *state;
    const char *cert, *key;
    struct fc_certificate row;
    struct fc_err err = {0};

    assert_int_equal(t->now, lib_ca_time("2026-09-01T12:00:00Z"));
    lib_ca_make_root(t, &(struct lib_ca_root){.key = "P-256", .not_before = "20260901120000Z", GOOD}, &cert, &key);
    assert_starts(t, cert, key);
    issue_and_verify(t, "P-256", cert);
    t->now -= FC_SECOND;
    assert_int_equal(lib_ca_issue(t, "a.test", lib_ca_key(t, "P-256"), &row, &err), -1);
    assert_string_equal(err.text, "no issuer of 'production' is valid from 2026-09-01T11:59:59Z to "
                                  "2026-11-30T11:01:28Z, as this certificate would be");
}

static void refuses_an_unfit_root(void **state)
{
    static const struct {
        struct lib_ca_root root;
        const char *text;
    } cases[] = {
        {{.key = "P-256"}, "'--root-cert': it is no CA certificate (basicConstraints CA:TRUE is missing)"},
        {{.key = "P-256", .basic_constraints = "critical,CA:FALSE", .key_usage = CA_USAGE},
         "'--root-cert': it is no CA certificate"},
        {{.key = "P-256", .basic_constraints = "critical,CA:TRUE", .key_usage = "critical,cRLSign"},
         "'--root-cert': its keyUsage lacks keyCertSign"},
        {{.key = "P-256", .basic_constraints = "critical,CA:TRUE,pathlen:0", .key_usage = CA_USAGE},
         "'--root-cert': it permits no intermediates (pathlen:0)"},
        {{.key = "P-256", .foreign = true, GOOD}, "'--root-cert': it is no root: somebody else signed it"},
        {{.key = "P-256", .not_before = "19900101000000Z", .not_after = "19991231235959Z", GOOD},
         "'--root-cert': it expired before every time that the clock can show"},
        {{.key = "P-256", .not_before = "22000101000000Z", .not_after = "22501231235959Z", GOOD},
         "'--root-cert': it begins after every time that the clock can show"},
        {{.key = "P-256", .not_before = "19990101000000Z", .not_after = "20050101000000Z", GOOD},
         "'--root-cert': at no time it is valid together with 'int-ecdsa-1' of the policy 'production'"},
        {{.key = "RSA-1024", GOOD}, "'--root-key': RSA with 1024 bits; at least 2048 are needed"},
        {{.key = "ED25519", GOOD}, "'--root-key': its type is neither RSA nor P-256, P-384 or P-521"},
    };
    struct lib_ca *t = *state;
    const char *cert, *key, *other_cert, *other_key;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lib_ca_make_root(t, &cases[i].root, &cert, &key);
        assert_unfit(t, cert, key, cases[i].text);
    }
    lib_ca_make_root(t, &(struct lib_ca_root){.key = "P-256", GOOD}, &cert, &key);
    lib_ca_make_root(t, &(struct lib_ca_root){.key = "P-256", GOOD}, &other_cert, &other_key);
    assert_unfit(t, cert, other_key, "'--root-key': it is not the key of the certificate in '--root-cert'");
    assert_unfit(t, "no PEM\n", key, "'--root-cert': ");
    assert_unfit(t, key, key, "'--root-cert': ");
    assert_unfit(t, cert, "no PEM\n", "'--root-key': ");
    assert_unfit(t, cert, cert, "'--root-key': ");
    assert_unfit(t, cert, NULL, "'--root-cert' and '--root-key' belong together");
    /* nothing of all that was stored */
    assert_starts(t, cert, key);
}

static void a_root_without_key_usage_or_forever(void **state)
{
    struct lib_ca *t = *state;
    const char *cert, *key;

    lib_ca_make_root(t,
                     &(struct lib_ca_root){.key = "P-256",
                                           .basic_constraints = "CA:TRUE",
                                           .not_before = "19500101000000Z",
                                           .not_after = "99991231235959Z"},
                     &cert, &key);
    assert_starts(t, cert, key);
    issue_and_verify(t, "P-256", cert);
}

static void the_state_remembers_its_root(void **state)
{
    struct lib_ca *t = *state;
    const char *cert, *key, *other_cert, *other_key;

    lib_ca_make_root(t, &(struct lib_ca_root){.key = "P-256", GOOD}, &cert, &key);
    lib_ca_make_root(t, &(struct lib_ca_root){.key = "P-256", GOOD}, &other_cert, &other_key);
    assert_starts(t, cert, key);
    assert_unfit(t, other_cert, other_key, "'--root-cert': it is not the root that the state folder was made with");
    /* the RSA intermediate is still to be made, and the key is not in the state */
    assert_unfit(t, NULL, NULL,
                 "'production/int-rsa-1' is still to be made and the state folder has a root of your own");
    assert_starts(t, cert, key);
    finish(t);
    /* now it is not needed any more */
    assert_starts(t, NULL, NULL);
    assert_true(fc_ca_wait_ready(t->ca, 0));
    issue_and_verify(t, "P-256", cert);
    issue_and_verify(t, "RSA-2048", cert);
}

static void not_for_a_state_with_roots_of_its_own(void **state)
{
    struct lib_ca *t = *state;
    const char *cert, *key;

    lib_ca_start(t);
    lib_ca_make_root(t, &(struct lib_ca_root){.key = "P-256", GOOD}, &cert, &key);
    assert_unfit(t, cert, key, "'--root-cert': the state folder was made with roots of fakeca's own");
}

static void its_key_is_not_stored_and_signs_no_crl(void **state)
{
    struct lib_ca *t = *state;
    struct fc_store_tx tx fc_auto_tx = {0};
    const char *cert, *key, *text;
    struct fc_issuer row;
    struct fc_err err = {0};
    unsigned char *der;
    size_t len;

    lib_ca_make_root(t, &(struct lib_ca_root){.key = "P-256", GOOD}, &cert, &key);
    assert_starts(t, cert, key);
    assert_int_equal(fc_ca_crl(t->ca, "own-root", 1, t->now, &der, &len, &err), -1);
    assert_int_equal(err.code, FC_E_NOT_FOUND);
    const unsigned char *intermediate = fc_ca_cert_der(t->ca, "int-ecdsa-1", &len);
    lib_ca_write(t, "int.der", intermediate, len);
    assert_int_equal(lib_ca_openssl(t, &text, "x509 -inform DER -in int.der -noout -text"), 0);
    assert_null(strstr(text, "CRL Distribution"));
    assert_non_null(strstr(text, "CA Issuers - URI:" LIB_CA_URL "/production/own-root.der"));
    assert_int_equal(fc_store_begin(t->store, FC_STORE_READ, &tx, NULL), 0);
    assert_int_equal(fc_store_issuer_get(t->store, t->arena, "production/own-root", &row, NULL), 0);
    fc_store_end(&tx);
    assert_int_equal(row.key_len, 0);
    assert_null(row.key_der);
}

static void the_policy_must_leave_the_name_free(void **state)
{
    struct lib_ca *t = *state;
    const char *cert, *key;

    t->policy->cas[2].name = "own-root";
    lib_ca_make_root(t, &(struct lib_ca_root){.key = "P-256", GOOD}, &cert, &key);
    assert_unfit(t, cert, key, "the policy 'production' has a certificate named 'own-root'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIB_CA_TEST(signs_all_intermediates),
        LIB_CA_TEST(intermediates_stay_within_its_dates),
        LIB_CA_TEST(a_root_made_just_now),
        LIB_CA_TEST(refuses_an_unfit_root),
        LIB_CA_TEST(a_root_without_key_usage_or_forever),
        LIB_CA_TEST(the_state_remembers_its_root),
        LIB_CA_TEST(not_for_a_state_with_roots_of_its_own),
        LIB_CA_TEST(its_key_is_not_stored_and_signs_no_crl),
        LIB_CA_TEST(the_policy_must_leave_the_name_free),
    };
    RUN(tests);
}
