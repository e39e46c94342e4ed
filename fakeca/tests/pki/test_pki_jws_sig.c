/* test: threads */
/* Signatures against the examples of RFC 7515 and RFC 8037 and against openssl's command line. */
#include "pki/pki_jws.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>

#include "base/base_b64.h"
#include "base/base_json.h"
#include "pki/pki_key.h"

#include "cmocka_all.h"
#include "lib_pki.h"

static const char *const all_algs[] = {"RS256", "PS256", "ES256", "ES384", "ES512", "EdDSA", "HS256", NULL};

#define CLAIMS "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"

static const struct vector {
    const char *name, *jwk, *protected, *payload, *signature, *alg;
} vectors[] = {
    {"RFC 7515 A.2",
     "{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":"
     "\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZ"
     "S-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2Ca"
     "pHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h"
     "4FRWyuXpoQ\"}",
     "eyJhbGciOiJSUzI1NiJ9", CLAIMS,
     "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t"
     "1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12j"
     "zDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQ"
     "Ge77Rw",
     "RS256"},
    {"RFC 7515 A.3",
     "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
     "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}",
     "eyJhbGciOiJFUzI1NiJ9", CLAIMS,
     "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q", "ES256"},
    {"RFC 7515 A.4",
     "{\"kty\":\"EC\",\"crv\":\"P-521\","
     "\"x\":\"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk\","
     "\"y\":\"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2\"}",
     "eyJhbGciOiJFUzUxMiJ9", "UGF5bG9hZA",
     "AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZC"
     "PEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn",
     "ES512"},
    {"RFC 8037 A.4", "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
     "eyJhbGciOiJFZERTQSJ9", "RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
     "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg", NULL},
};
#define N_VECTORS (sizeof vectors / sizeof *vectors)

static struct fc_jws parse(struct lab *lab, const char *body)
{
    struct fc_jws jws = {0};

    if (fc_jws_parse(lab->arena, body, strlen(body), all_algs, &jws) != FC_JWS_OK)
        fail_msg("does not parse: %s", body);
    return jws;
}

static struct fc_jws parse_vector(struct lab *lab, const struct vector *v)
{
    return parse(lab, fc_arena_printf(lab->arena, "{\"protected\":\"%s\",\"payload\":\"%s\",\"signature\":\"%s\"}",
                                      v->protected, v->payload, v->signature));
}

static void vectors_of_the_standards(void **state)
{
    struct lab *lab = *state;

    for (size_t i = 0; i < N_VECTORS; i++) {
        struct fc_key *key = lab_jwk_key(lab, vectors[i].jwk);
        struct fc_jws jws = parse_vector(lab, &vectors[i]);
        struct fc_err err = {0};
        if (fc_jws_verify(&jws, key, &err))
            fail_msg("%s: %s", vectors[i].name, err.text);
        const char *alg = fc_jws_key_alg(key);
        if (vectors[i].alg)
            assert_string_equal(alg, vectors[i].alg);
        else
            assert_null(alg);
    }
}

static void any_bit_matters(void **state)
{
    struct lab *lab = *state;

    for (size_t i = 0; i < N_VECTORS; i++) {
        struct fc_key *key = lab_jwk_key(lab, vectors[i].jwk);
        struct fc_jws jws = parse_vector(lab, &vectors[i]);
        unsigned char *sig = fc_arena_memdup(lab->arena, jws.signature, jws.signature_len);
        char *signing = fc_arena_memdup(lab->arena, jws.signing, jws.signing_len);
        struct fc_err err = {0};
        jws.signature = sig;
        for (size_t at = 0; at < jws.signature_len; at += 7) {
            sig[at] ^= 1;
            assert_int_equal(fc_jws_verify(&jws, key, NULL), -1);
            sig[at] ^= 1;
        }
        assert_int_equal(fc_jws_verify(&jws, key, NULL), 0);
        jws.signing = signing;
        signing[0] ^= 1;
        assert_int_equal(fc_jws_verify(&jws, key, &err), -1);
        assert_int_equal(err.code, FC_E_CRYPTO);
        assert_string_equal(err.text, "the signature is wrong");
        /* nothing stays behind for the next user of OpenSSL on this thread */
        assert_int_equal(ERR_peek_error(), 0);
    }
}

static void the_length_must_be_the_curves(void **state)
{
    struct lab *lab = *state;
    struct fc_key *key = lab_jwk_key(lab, vectors[1].jwk);
    struct fc_jws jws = parse_vector(lab, &vectors[1]);
    unsigned char longer[66] = {0};
    struct fc_err err = {0};

    /* a zero before r, as a DER habit would have it */
    memcpy(longer + 1, jws.signature, 64);
    jws.signature = longer;
    jws.signature_len = 65;
    assert_int_equal(fc_jws_verify(&jws, key, &err), -1);
    assert_string_equal(err.text, "signature of 65 octets, ES256 has 64");
    jws.signature = longer + 1;
    jws.signature_len = 63;
    assert_int_equal(fc_jws_verify(&jws, key, NULL), -1);
    jws.signature_len = 0;
    assert_int_equal(fc_jws_verify(&jws, key, NULL), -1);
    jws.signature_len = 64;
    assert_int_equal(fc_jws_verify(&jws, key, NULL), 0);
    /* r = s = 0 */
    memset(longer, 0, sizeof longer);
    assert_int_equal(fc_jws_verify(&jws, key, NULL), -1);
    memset(longer, 0xff, sizeof longer);
    assert_int_equal(fc_jws_verify(&jws, key, NULL), -1);
}

/* The DER form that openssl writes is no JWS signature. */
static void der_signatures_are_refused(void **state)
{
    struct lab *lab = *state;
    struct fc_key *key = lab_key(lab, FC_KEY_P256);
    struct fc_jws jws = {.alg = "ES256", .signing = "a.b", .signing_len = 3};
    size_t len;

    lab_write_key(lab, "k.pem", key);
    lab_write(lab, "m", "a.b", 3);
    lab_openssl(lab, "dgst", "-sha256", "-sign", "k.pem", "-out", "s", "m", NULL);
    jws.signature = lab_read(lab, "s", &len);
    jws.signature_len = len;
    assert_int_equal(fc_jws_verify(&jws, key, NULL), -1);
}

/* The name in the header must not choose what is done with a key of another kind. */
static void the_key_decides(void **state)
{
    struct lab *lab = *state;

    for (size_t i = 0; i < N_VECTORS; i++) {
        struct fc_jws jws = parse_vector(lab, &vectors[i]);
        for (size_t j = 0; j < N_VECTORS; j++) {
            struct fc_err err = {0};
            if (i == j)
                continue;
            assert_int_equal(fc_jws_verify(&jws, lab_jwk_key(lab, vectors[j].jwk), &err), -1);
            lab_has(err.text, "does not fit the key");
        }
        jws.alg = "HS256";
        assert_int_equal(fc_jws_verify(&jws, lab_jwk_key(lab, vectors[i].jwk), NULL), -1);
        jws.alg = "none";
        assert_int_equal(fc_jws_verify(&jws, lab_jwk_key(lab, vectors[i].jwk), NULL), -1);
    }
    lab_openssl(lab, "genpkey", "-algorithm", "ED448", "-out", "k.pem", NULL);
    struct fc_jws jws = parse_vector(lab, &vectors[3]);
    assert_int_equal(fc_jws_verify(&jws, lab_read_key(lab, "k.pem"), NULL), -1);
    assert_null(fc_jws_key_alg(lab_read_key(lab, "k.pem")));
}

/* ---- openssl signs, we verify ---- */

static void openssl_signs(void **state)
{
    static const struct {
        const char *alg, *digest;
        enum fc_key_type type;
        size_t octets;
        bool pss;
    } kinds[] = {
        {"ES256", "-sha256", FC_KEY_P256, 32, false}, {"ES384", "-sha384", FC_KEY_P384, 48, false},
        {"ES512", "-sha512", FC_KEY_P521, 66, false}, {"RS256", "-sha256", FC_KEY_RSA, 0, false},
        {"PS256", "-sha256", FC_KEY_RSA, 0, true},
    };
    struct lab *lab = *state;

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct fc_key *key = lab_key(lab, (int)kinds[i].type);
        struct fc_jws jws = {.alg = kinds[i].alg, .signing = "a.b", .signing_len = 3};
        unsigned char raw[132];
        lab_write_key(lab, "k.pem", key);
        lab_write(lab, "m", "a.b", 3);
        if (kinds[i].pss)
            lab_openssl(lab, "dgst", kinds[i].digest, "-sign", "k.pem", "-sigopt", "rsa_padding_mode:pss", "-sigopt",
                        "rsa_pss_saltlen:digest", "-out", "s", "m", NULL);
        else
            lab_openssl(lab, "dgst", kinds[i].digest, "-sign", "k.pem", "-out", "s", "m", NULL);
        jws.signature = lab_read(lab, "s", &jws.signature_len);
        if (kinds[i].octets) {
            const unsigned char *at = jws.signature;
            ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &at, (long)jws.signature_len);
            assert_non_null(sig);
            BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, (int)kinds[i].octets);
            BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + kinds[i].octets, (int)kinds[i].octets);
            ECDSA_SIG_free(sig);
            jws.signature = raw;
            jws.signature_len = 2 * kinds[i].octets;
        }
        struct fc_err err = {0};
        if (fc_jws_verify(&jws, key, &err))
            fail_msg("%s: %s", kinds[i].alg, err.text);
    }
}

/* ---- we sign ---- */

static void what_we_sign_verifies(void **state)
{
    static const enum fc_key_type types[] = {FC_KEY_P256, FC_KEY_P384, FC_KEY_P521, FC_KEY_RSA};
    struct lab *lab = *state;
    fc_auto_json header = json_pack("{s:s, s:s}", "kid", "https://ca.test/acct/1", "nonce", "n");

    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        struct fc_key *key = lab_key(lab, (int)types[i]);
        char *body = NULL;
        assert_int_equal(fc_jws_sign(key, header, "{\"a\":1}", &body, NULL), 0);
        const char *kept = fc_arena_strdup(lab->arena, body);
        free(body);
        struct fc_jws jws = parse(lab, kept);
        assert_string_equal(jws.alg, fc_jws_key_alg(key));
        assert_string_equal(jws.kid, "https://ca.test/acct/1");
        assert_string_equal(jws.payload, "{\"a\":1}");
        assert_int_equal(fc_jws_verify(&jws, key, NULL), 0);
    }
    assert_null(json_object_get(header, "alg"));
}

static void openssl_verifies_ours(void **state)
{
    struct lab *lab = *state;
    struct fc_key *key = lab_key(lab, FC_KEY_RSA);
    char *body = NULL;

    assert_int_equal(fc_jws_sign(key, NULL, NULL, &body, NULL), 0);
    const char *kept = fc_arena_strdup(lab->arena, body);
    free(body);
    struct fc_jws jws = parse(lab, kept);
    assert_int_equal(jws.payload_len, 0);
    lab_write_key(lab, "k.pem", key);
    lab_write(lab, "m", jws.signing, jws.signing_len);
    lab_write(lab, "s", jws.signature, jws.signature_len);
    lab_has(lab_openssl(lab, "dgst", "-sha256", "-prverify", "k.pem", "-signature", "s", "m", NULL), "Verified OK");
}

static void ed25519_signs_as_the_standard(void **state)
{
    struct lab *lab = *state;
    char *body = NULL;

    /* RFC 8037 appendix A.1: the private key, in the frame of PKCS#8 (RFC 8410 section 7) */
    unsigned char der[48] = {0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06,
                             0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20};
    size_t len;
    assert_int_equal(fc_b64url_decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A", 43, der + 16, &len), 0);
    struct fc_key *key = NULL;
    assert_int_equal(fc_key_from_der(der, sizeof der, &key, NULL), 0);
    lab_keep_key(lab, key);
    assert_int_equal(fc_jws_sign(key, NULL, "Example of Ed25519 signing", &body, NULL), 0);
    const char *kept = fc_arena_strdup(lab->arena, body);
    free(body);
    lab_has(kept, vectors[3].protected);
    lab_has(kept, vectors[3].signature);
}

static void keys_that_cannot_sign(void **state)
{
    struct lab *lab = *state;
    char *body = NULL;
    struct fc_err err = {0};

    assert_int_equal(fc_jws_sign(lab_jwk_key(lab, vectors[1].jwk), NULL, "x", &body, &err), -1);
    assert_int_equal(err.code, FC_E_CRYPTO);
    fc_err_clear(&err);
    lab_openssl(lab, "genpkey", "-algorithm", "ED448", "-out", "k.pem", NULL);
    assert_int_equal(fc_jws_sign(lab_read_key(lab, "k.pem"), NULL, "x", &body, &err), -1);
    assert_string_equal(err.text, "no signature algorithm fits the key");
    assert_null(body);
}

struct work {
    const struct fc_jws *jws;
    const struct fc_key *key;
    int good;
};

static void *verify_many(void *cookie)
{
    struct work *work = cookie;

    for (int i = 0; i < 100; i++)
        work->good += fc_jws_verify(work->jws, work->key, NULL) == 0;
    return NULL;
}

static void one_key_in_several_threads(void **state)
{
    struct lab *lab = *state;
    struct fc_jws jws = parse_vector(lab, &vectors[1]);
    struct work work[4];
    pthread_t threads[4];

    for (size_t i = 0; i < 4; i++)
        work[i] = (struct work){.jws = &jws, .key = lab_jwk_key(lab, vectors[1].jwk)};
    for (size_t i = 1; i < 4; i++)
        work[i].key = work[0].key;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, verify_many, &work[i]), 0);
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(work[i].good, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(vectors_of_the_standards, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(any_bit_matters, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(the_length_must_be_the_curves, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(der_signatures_are_refused, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(the_key_decides, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(openssl_signs, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(what_we_sign_verifies, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(openssl_verifies_ours, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(ed25519_signs_as_the_standard, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(keys_that_cannot_sign, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(one_key_in_several_threads, lab_setup, lab_teardown),
    };
    RUN(tests);
}
