/* test: threads */
#include "pki/pki_key.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/ec.h>
#include <openssl/evp.h>

#include "cmocka_all.h"
#include "lib_pki.h"

static void made_keys_pass_openssls_check(void **state)
{
    static const struct {
        enum fc_key_type type;
        int bits;
        const char *says;
    } kinds[] = {
        {FC_KEY_P256, 256, "NIST CURVE: P-256"},
        {FC_KEY_P384, 384, "NIST CURVE: P-384"},
        {FC_KEY_P521, 521, "NIST CURVE: P-521"},
        {FC_KEY_RSA, 2048, "2048 bit"},
    };
    struct lab *lab = *state;

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct fc_key *key = lab_key(lab, (int)kinds[i].type);
        assert_int_equal(fc_key_type(key), kinds[i].type);
        assert_int_equal(fc_key_bits(key), kinds[i].bits);
        lab_write_key(lab, "k.pem", key);
        const char *out = lab_openssl(lab, "pkey", "-in", "k.pem", "-check", "-noout", "-text", NULL);
        lab_has(out, "Key is valid");
        lab_has(out, kinds[i].says);
        assert_true(fc_key_equal(key, lab_read_key(lab, "k.pem")));
    }
}

static void refuses_to_make_other_keys(void **state)
{
    struct fc_key *key = NULL;
    struct fc_err err = {0};
    (void)state;

    assert_int_equal(fc_key_generate(FC_KEY_RSA, 1024, &key, &err), -1);
    assert_int_equal(err.code, FC_E_USAGE);
    fc_err_clear(&err);
    assert_int_equal(fc_key_generate(FC_KEY_OTHER, 0, &key, &err), -1);
    assert_int_equal(err.code, FC_E_CRYPTO);
    assert_null(key);
}

static void der_and_back(void **state)
{
    struct lab *lab = *state;
    struct fc_key *key = lab_key(lab, FC_KEY_P256), *again = NULL;
    unsigned char *der = NULL;
    size_t len = 0;
    struct fc_err err = {0};

    assert_int_equal(fc_key_to_der(key, &der, &len, NULL), 0);
    lab_write(lab, "k.der", der, len);
    unsigned char *copy = fc_arena_alloc(lab->arena, len + 1);
    memcpy(copy, der, len);
    free(der);
    lab_has(lab_openssl(lab, "pkey", "-inform", "DER", "-in", "k.der", "-check", "-noout", NULL), "Key is valid");
    assert_int_equal(fc_key_from_der(copy, len, &again, NULL), 0);
    lab_keep_key(lab, again);
    assert_true(fc_key_equal(key, again));

    struct fc_key *none = NULL;
    assert_int_equal(fc_key_from_der(copy, len + 1, &none, &err), -1);
    assert_string_equal(err.text, "bytes behind the private key");
    fc_err_clear(&err);
    assert_int_equal(fc_key_from_der(copy, len - 1, &none, &err), -1);
    assert_int_equal(err.code, FC_E_PARSE);
    assert_int_equal(fc_key_from_der(copy, 0, &none, NULL), -1);
    assert_int_equal(fc_key_from_der(copy, 1 << 20, &none, NULL), -1);
    assert_null(none);
}

static void pem_of_the_traditional_forms(void **state)
{
    struct lab *lab = *state;

    lab_openssl(lab, "ecparam", "-name", "prime256v1", "-genkey", "-out", "ec.pem", NULL);
    assert_int_equal(fc_key_type(lab_read_key(lab, "ec.pem")), FC_KEY_P256);
    lab_openssl(lab, "genrsa", "-traditional", "-out", "rsa.pem", "2048", NULL);
    assert_int_equal(fc_key_type(lab_read_key(lab, "rsa.pem")), FC_KEY_RSA);
}

/* Nobody may be asked at a terminal. */
static void encrypted_pem_is_refused(void **state)
{
    struct lab *lab = *state;
    struct fc_key *key = NULL;
    struct fc_err err = {0};
    size_t len;

    lab_openssl(lab, "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-aes256", "-pass", "pass:x",
                "-out", "k.pem", NULL);
    const char *pem = (const char *)lab_read(lab, "k.pem", &len);
    assert_int_equal(fc_key_from_pem(pem, len, &key, &err), -1);
    assert_int_equal(err.code, FC_E_PARSE);
    lab_has(err.text, "not an unencrypted private key in PEM");
    fc_err_clear(&err);
    assert_int_equal(fc_key_from_pem("hello", 5, &key, &err), -1);
    assert_int_equal(err.code, FC_E_PARSE);
    assert_int_equal(fc_key_from_pem("", 0, &key, NULL), -1);
    assert_int_equal(fc_key_from_pem(pem, 1 << 20, &key, NULL), -1);
    assert_null(key);
}

static void a_public_key_has_no_private_part_to_write(void **state)
{
    struct lab *lab = *state;
    struct fc_key *key = lab_jwk_key(lab, "{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
                                          "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}");
    unsigned char *der = NULL;
    char *pem = NULL;
    size_t len;
    struct fc_err err = {0};

    assert_int_equal(fc_key_to_pem(key, &pem, &err), -1);
    assert_int_equal(err.code, FC_E_CRYPTO);
    assert_int_equal(fc_key_to_der(key, &der, &len, NULL), -1);
    assert_null(pem);
    assert_null(der);
}

/* "same key" must not depend on how the point or the curve was written. */
static void one_key_in_two_forms_is_equal(void **state)
{
    struct lab *lab = *state;

    lab_openssl(lab, "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "a.pem", NULL);
    lab_openssl(lab, "ec", "-in", "a.pem", "-conv_form", "compressed", "-out", "b.pem", NULL);
    struct fc_key *a = lab_read_key(lab, "a.pem");
    assert_true(fc_key_equal(a, lab_read_key(lab, "b.pem")));
    assert_false(fc_key_equal(a, lab_key(lab, FC_KEY_P256)));

    lab_openssl(lab, "ec", "-in", "a.pem", "-param_enc", "explicit", "-out", "c.pem", NULL);
    assert_int_equal(fc_key_type(lab_read_key(lab, "c.pem")), FC_KEY_OTHER);
}

static void a_key_of_openssl_is_shared(void **state)
{
    struct lab *lab = *state;
    EVP_PKEY *evp = EVP_EC_gen("P-384");
    struct fc_key *key = NULL;

    assert_int_equal(fc_key_from_evp(evp, &key, NULL), 0);
    lab_keep_key(lab, key);
    EVP_PKEY_free(evp);
    assert_ptr_equal(fc_key_evp(key), evp);
    assert_int_equal(fc_key_type(key), FC_KEY_P384);
    fc_key_free(NULL);
}

static void *take_and_drop(void *cookie)
{
    for (int i = 0; i < 10000; i++)
        fc_key_free(fc_key_ref(cookie));
    return NULL;
}

static void references_from_several_threads(void **state)
{
    struct fc_key *key = lab_key(*state, FC_KEY_P256);
    pthread_t threads[4];

    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_and_drop, key), 0);
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(fc_key_bits(key), 256);
}

/* FIPS 180-2 appendix B.1 */
static void sha256_of_the_standard(void **state)
{
    static const unsigned char abc[32] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40,
                                          0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17,
                                          0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
    unsigned char hash[32];
    (void)state;

    fc_key_sha256("abc", 3, hash);
    assert_memory_equal(hash, abc, sizeof hash);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(made_keys_pass_openssls_check, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(refuses_to_make_other_keys, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(der_and_back, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(pem_of_the_traditional_forms, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(encrypted_pem_is_refused, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(a_public_key_has_no_private_part_to_write, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(one_key_in_two_forms_is_equal, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(a_key_of_openssl_is_shared, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(references_from_several_threads, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(sha256_of_the_standard, lab_setup, lab_teardown),
    };
    RUN(tests);
}
