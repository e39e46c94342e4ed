/* JWKs and thumbprints against the examples of RFC 7515, 7517, 7638 and 8037. */
#include "pki/pki_key.h"

#include <stdlib.h>
#include <string.h>

#include "base/base_json.h"

#include "cmocka_all.h"
#include "lib_pki.h"

/* RFC 7515 appendix A.3, rfc-server.md part 2 */
#define EC_X "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define EC_Y "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
/* RFC 7638 section 3.1 */
#define RSA_N                                                                                                          \
    "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknj" \
    "hMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQ" \
    "vRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzK" \
    "nqDKgw"
/* RFC 7515 appendix A.4 */
#define P521_X "AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk"
#define P521_Y "ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"
/* RFC 8037 appendix A.2 */
#define ED_X "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"

static void thumbprints_of_the_standards(void **state)
{
    static const struct {
        const char *jwk, *thumb;
        enum fc_key_type type;
        int bits;
    } known[] = {
        {"{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y "\"}",
         "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U", FC_KEY_P256, 256},
        {"{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQAB\",\"alg\":\"RS256\",\"kid\":\"2011-04-29\"}",
         "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs", FC_KEY_RSA, 2048},
        {"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" ED_X "\"}", "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
         FC_KEY_OTHER, 253},
    };

    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct fc_key *key = lab_jwk_key(*state, known[i].jwk);
        char thumb[FC_KEY_THUMB_LEN + 1];
        fc_key_thumbprint(key, thumb);
        assert_string_equal(thumb, known[i].thumb);
        assert_int_equal(fc_key_type(key), known[i].type);
        if (known[i].type != FC_KEY_OTHER)
            assert_int_equal(fc_key_bits(key), known[i].bits);
    }
}

static void writes_the_required_members_only(void **state)
{
    static const char *const same[] = {
        "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y "\"}",
        "{\"crv\":\"P-521\",\"kty\":\"EC\",\"x\":\"" P521_X "\",\"y\":\"" P521_Y "\"}",
        "{\"e\":\"AQAB\",\"kty\":\"RSA\",\"n\":\"" RSA_N "\"}",
        "{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"" ED_X "\"}",
    };
    struct lab *lab = *state;

    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        json_t *jwk = fc_key_to_jwk(lab_jwk_key(lab, same[i]));
        assert_non_null(jwk);
        char *text = fc_json_text(jwk);
        json_decref(jwk);
        const char *kept = fc_arena_strdup(lab->arena, text);
        free(text);
        assert_string_equal(kept, same[i]);
    }
}

/* A key that openssl made, through our JWK, gives openssl's SubjectPublicKeyInfo again. */
static void agrees_with_openssl_on_the_key(void **state)
{
    static const enum fc_key_type types[] = {FC_KEY_P256, FC_KEY_P384, FC_KEY_P521, FC_KEY_RSA};
    struct lab *lab = *state;

    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        struct fc_key *made = lab_key(lab, (int)types[i]);
        json_t *jwk = fc_key_to_jwk(made);
        struct fc_key *key = NULL;
        unsigned char hash[32], expected[32];
        size_t len;
        assert_int_equal(fc_key_from_jwk(jwk, &key, NULL), 0);
        json_decref(jwk);
        lab_keep_key(lab, key);
        assert_true(fc_key_equal(made, key));
        lab_write_key(lab, "k.pem", made);
        lab_openssl(lab, "pkey", "-in", "k.pem", "-pubout", "-outform", "DER", "-out", "p.der", NULL);
        const unsigned char *spki = lab_read(lab, "p.der", &len);
        fc_key_sha256(spki, len, expected);
        fc_key_spki_hash(key, hash);
        assert_memory_equal(hash, expected, sizeof hash);
    }
}

static void a_key_without_a_jwk_says_so(void **state)
{
    struct lab *lab = *state;
    char thumb[FC_KEY_THUMB_LEN + 1] = "x";

    lab_openssl(lab, "genpkey", "-algorithm", "ED448", "-out", "k.pem", NULL);
    struct fc_key *key = lab_read_key(lab, "k.pem");
    assert_int_equal(fc_key_type(key), FC_KEY_OTHER);
    assert_null(fc_key_to_jwk(key));
    fc_key_thumbprint(key, thumb);
    assert_string_equal(thumb, "");
}

struct bad {
    const char *jwk, *says;
    enum fc_err_code code;
};

static void refuse_all(const struct bad *bad, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        fc_auto_json value = NULL;
        struct fc_key *key = NULL;
        struct fc_err err = {0};
        assert_int_equal(fc_json_parse(bad[i].jwk, strlen(bad[i].jwk), &value, NULL), 0);
        if (fc_key_from_jwk(value, &key, &err) == 0)
            fail_msg("taken: %s", bad[i].jwk);
        assert_null(key);
        lab_has(err.text, bad[i].says);
        assert_int_equal(err.code, bad[i].code);
    }
}

static void refuses_what_is_no_ec_key(void **state)
{
    static const struct bad bad[] = {
        {"[]", "no object", FC_E_PARSE},
        {"{}", "'kty' is missing", FC_E_PARSE},
        {"{\"kty\":7}", "'kty' is no string", FC_E_PARSE},
        {"{\"kty\":\"oct\",\"k\":\"AAAA\"}", "private member 'k'", FC_E_PARSE},
        {"{\"kty\":\"oct\"}", "key type 'oct' is not supported", FC_E_PARSE},
        {"{\"kty\":\"EC\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y "\"}", "'crv' is missing", FC_E_PARSE},
        {"{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y "\"}", "'secp256k1'", FC_E_PARSE},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"y\":\"" EC_Y "\"}", "'x' is missing", FC_E_PARSE},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X "\"}", "'y' is missing", FC_E_PARSE},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X "\",\"y\":null}", "'y' is no string", FC_E_PARSE},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X "=\",\"y\":\"" EC_Y "\"}", "'x' is too long", FC_E_PARSE},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"A8O=\",\"y\":\"" EC_Y "\"}", "'x' is not base64url", FC_E_PARSE},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"A+8a\",\"y\":\"" EC_Y "\"}", "'x' is not base64url", FC_E_PARSE},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAA\",\"y\":\"" EC_Y "\"}", "3 octets instead of 32", FC_E_PARSE},
        /* coordinates exchanged: not on the curve */
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_Y "\",\"y\":\"" EC_X "\"}", "bad public key", FC_E_CRYPTO},
        /* above the field's prime */
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"__________________________________________8\",\"y\":\"" EC_Y "\"}",
         "bad public key", FC_E_CRYPTO},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"y\":"
         "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
         "bad public key", FC_E_CRYPTO},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y "\",\"d\":\"\"}", "private member 'd'",
         FC_E_PARSE},
        {"{\"kty\":\"OKP\",\"x\":\"" ED_X "\"}", "'crv' is missing", FC_E_PARSE},
        {"{\"kty\":\"OKP\",\"crv\":\"Ed448\",\"x\":\"" ED_X "\"}", "'Ed448'", FC_E_PARSE},
        {"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}", "3 octets instead of 32", FC_E_PARSE},
    };
    (void)state;
    refuse_all(bad, sizeof bad / sizeof *bad);
}

static void refuses_what_is_no_rsa_key(void **state)
{
    struct lab *lab = *state;
    char *even = fc_arena_strdup(lab->arena, RSA_N);
    char *huge = fc_arena_alloc(lab->arena, 1400);

    /* "gw" ends in octet 0x83, "gg" in 0x82 */
    memcpy(strrchr(even, 'g'), "gg", 2);
    memset(huge, 'A', 1367);
    huge[0] = '_';
    const struct bad bad[] = {
        {"{\"kty\":\"RSA\",\"e\":\"AQAB\"}", "'n' is missing", FC_E_PARSE},
        {"{\"kty\":\"RSA\",\"n\":\"" RSA_N "\"}", "'e' is missing", FC_E_PARSE},
        {"{\"kty\":\"RSA\",\"n\":\"\",\"e\":\"AQAB\"}", "'n' is empty", FC_E_PARSE},
        {"{\"kty\":\"RSA\",\"n\":\"AKEH\",\"e\":\"AQAB\"}", "'n' is padded with a zero", FC_E_PARSE},
        {"{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AAEAAQ\"}", "'e' is padded with a zero", FC_E_PARSE},
        {"{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQAAAAAAAAAAAQ\"}", "'e' is too long", FC_E_PARSE},
        {"{\"kty\":\"RSA\",\"n\":\"oQcB\",\"e\":\"AQAB\"}", "24 bits", FC_E_CRYPTO},
        {"{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQ\"}", "odd", FC_E_CRYPTO},
        {"{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQAA\"}", "odd", FC_E_CRYPTO},
        {fc_arena_printf(lab->arena, "{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"AQAB\"}", even), "odd", FC_E_CRYPTO},
        {fc_arena_printf(lab->arena, "{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"AQAB\"}", huge), "'n' is too long",
         FC_E_PARSE},
        {"{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQAB\",\"p\":1}", "private member 'p'", FC_E_PARSE},
    };
    refuse_all(bad, sizeof bad / sizeof *bad);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(thumbprints_of_the_standards, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(writes_the_required_members_only, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(agrees_with_openssl_on_the_key, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(a_key_without_a_jwk_says_so, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(refuses_what_is_no_ec_key, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(refuses_what_is_no_rsa_key, lab_setup, lab_teardown),
    };
    RUN(tests);
}
