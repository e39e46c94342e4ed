/* What is a JWS and what is not, in Boulder's order (letsencrypt.md G.2). */
#include "pki/pki_jws.h"

#include <stdlib.h>
#include <string.h>

#include "base/base_b64.h"
#include "base/base_json.h"

#include "cmocka_all.h"
#include "lib_pki.h"

static const char *const letsencrypt[] = {"RS256", "ES256", "ES384", "ES512", NULL};

static const char *b64(struct lab *lab, const char *text)
{
    size_t len = strlen(text);
    char *to = fc_arena_alloc(lab->arena, FC_B64URL_LEN(len) + 1);

    fc_b64url_encode(text, len, to);
    return to;
}

static enum fc_jws_fault parse(struct lab *lab, const char *body, struct fc_jws *ret)
{
    memset(ret, 0, sizeof *ret);
    return fc_jws_parse(lab->arena, body, strlen(body), letsencrypt, ret);
}

/* A body with this protected header, payload {"a":1} and some signature. */
static enum fc_jws_fault with_header(struct lab *lab, const char *header, struct fc_jws *ret)
{
    return parse(lab,
                 fc_arena_printf(lab->arena, "{\"protected\":\"%s\",\"payload\":\"eyJhIjoxfQ\",\"signature\":\"c2ln\"}",
                                 b64(lab, header)),
                 ret);
}

static void gives_every_part(void **state)
{
    struct lab *lab = *state;
    struct fc_jws jws;
    const char *header = "{\"alg\":\"ES256\",\"kid\":\"https://ca.test/acct/1\",\"nonce\":\"oFvnlFP1wIhRlYS2jTaXbA\","
                         "\"url\":\"https://ca.test/order\"}";

    assert_int_equal(with_header(lab, header, &jws), FC_JWS_OK);
    assert_string_equal(jws.alg, "ES256");
    assert_string_equal(jws.kid, "https://ca.test/acct/1");
    assert_string_equal(jws.nonce, "oFvnlFP1wIhRlYS2jTaXbA");
    assert_string_equal(jws.url, "https://ca.test/order");
    assert_null(jws.jwk);
    assert_false(jws.jwk_malformed);
    assert_string_equal(jws.payload, "{\"a\":1}");
    assert_int_equal(jws.payload_len, 7);
    assert_int_equal(jws.signature_len, 3);
    assert_memory_equal(jws.signature, "sig", 3);
    const char *signing = fc_arena_printf(lab->arena, "%s.eyJhIjoxfQ", b64(lab, header));
    assert_int_equal(jws.signing_len, strlen(signing));
    assert_memory_equal(jws.signing, signing, jws.signing_len);
}

static void absent_members_are_null(void **state)
{
    struct lab *lab = *state;
    struct fc_jws jws;

    assert_int_equal(with_header(lab, "{\"alg\":\"RS256\"}", &jws), FC_JWS_OK);
    assert_null(jws.kid);
    assert_null(jws.nonce);
    assert_null(jws.url);
    assert_null(jws.jwk);
    assert_false(jws.jwk_malformed);
    assert_int_equal(parse(lab,
                           fc_arena_printf(lab->arena, "{\"protected\":\"%s\",\"payload\":\"\",\"signature\":\"c2ln\"}",
                                           b64(lab, "{\"alg\":\"RS256\"}")),
                           &jws),
                     FC_JWS_OK);
    assert_int_equal(jws.payload_len, 0);
    assert_string_equal(jws.payload, "");
}

static void the_jwk_is_kept_or_marked(void **state)
{
    struct lab *lab = *state;
    struct fc_jws jws;

    assert_int_equal(with_header(lab, "{\"alg\":\"ES256\",\"jwk\":{\"kty\":\"EC\"}}", &jws), FC_JWS_OK);
    assert_string_equal(json_string_value(json_object_get(jws.jwk, "kty")), "EC");
    assert_false(jws.jwk_malformed);
    assert_int_equal(with_header(lab, "{\"alg\":\"ES256\",\"jwk\":\"x\"}", &jws), FC_JWS_OK);
    assert_null(jws.jwk);
    assert_true(jws.jwk_malformed);
    assert_int_equal(with_header(lab, "{\"alg\":\"ES256\",\"jwk\":null}", &jws), FC_JWS_OK);
    assert_true(jws.jwk_malformed);
}

/* Nonces are judged later, and a wrong one has an answer of its own. */
static void odd_nonces_pass(void **state)
{
    struct lab *lab = *state;
    struct fc_jws jws;

    assert_int_equal(with_header(lab, "{\"alg\":\"ES256\",\"nonce\":\"\"}", &jws), FC_JWS_OK);
    assert_string_equal(jws.nonce, "");
    assert_int_equal(with_header(lab, "{\"alg\":\"ES256\",\"nonce\":\"a+b/=\",\"url\":7}", &jws), FC_JWS_OK);
    assert_string_equal(jws.nonce, "a+b/=");
    assert_null(jws.url);
}

static void faults_of_the_body(void **state)
{
    /* eyJhbGciOiJFUzI1NiJ9 is {"alg":"ES256"} */
    static const struct {
        const char *body;
        enum fc_jws_fault fault;
    } bad[] = {
        {"", FC_JWS_PARSE},
        {"x", FC_JWS_PARSE},
        {"[]", FC_JWS_PARSE},
        {"\"a\"", FC_JWS_PARSE},
        {"{}", FC_JWS_PARSE},
        {"{\"foo\":1}", FC_JWS_PARSE},
        {"eyJhbGciOiJFUzI1NiJ9.e30.c2ln", FC_JWS_PARSE},
        {"{\"protected\":\"eyJhbGciOiJFUzI1NiJ9\",\"payload\":\"\",\"signature\":\"c2ln\"} x", FC_JWS_PARSE},
        {"{\"protected\":\"eyJhbGciOiJFUzI1NiJ9\",\"payload\":\"\",\"payload\":\"\",\"signature\":\"c2ln\"}",
         FC_JWS_PARSE},
        {"{\"protected\":\"eyJhbGciOiJFUzI1NiJ9\",\"payload\":\"\",\"signature\":\"c2ln\",\"x\":1}", FC_JWS_PARSE},
        {"{\"payload\":\"\",\"signature\":\"c2ln\"}", FC_JWS_PARSE},
        {"{\"protected\":\"eyJhbGciOiJFUzI1NiJ9\",\"signature\":\"c2ln\"}", FC_JWS_PARSE},
        {"{\"protected\":7,\"payload\":\"\",\"signature\":\"c2ln\"}", FC_JWS_PARSE},
        {"{\"protected\":\"eyJhbGciOiJFUzI1NiJ9\",\"payload\":null,\"signature\":\"c2ln\"}", FC_JWS_PARSE},
        {"{\"protected\":\"eyJhbGciOiJFUzI1NiJ9\",\"payload\":\"\",\"signature\":[]}", FC_JWS_PARSE},
        {"{\"protected\":\"\",\"payload\":\"\",\"signature\":\"c2ln\"}", FC_JWS_PARSE},
        /* strict base64url: padding, the other alphabet, white space, unused bits, impossible length */
        {"{\"protected\":\"eyJhbGciOiJFUzI1NiJ9=\",\"payload\":\"\",\"signature\":\"c2ln\"}", FC_JWS_PARSE},
        {"{\"protected\":\"eyJhbGciOiJFUzI1NiJ9\",\"payload\":\"e30=\",\"signature\":\"c2ln\"}", FC_JWS_PARSE},
        {"{\"protected\":\"eyJhbGciOiJFUzI1NiJ9\",\"payload\":\"\",\"signature\":\"c2k=\"}", FC_JWS_PARSE},
        {"{\"protected\":\"eyJhbGciOiJFUzI1NiJ9\",\"payload\":\"\",\"signature\":\"a+/b\"}", FC_JWS_PARSE},
        {"{\"protected\":\"eyJhbGciOiJFUzI1NiJ9\",\"payload\":\"\",\"signature\":\"c2ln\\n\"}", FC_JWS_PARSE},
        {"{\"protected\":\"eyJhbGciOiJFUzI1NiJ9\",\"payload\":\"e31\",\"signature\":\"c2ln\"}", FC_JWS_PARSE},
        {"{\"protected\":\"eyJhbGciOiJFUzI1NiJ9\",\"payload\":\"e30aa\",\"signature\":\"c2ln\"}", FC_JWS_PARSE},
        {"{\"protected\":\"eyJhbGciOiJFUzI1NiJ9\",\"payload\":\"\\u0000\",\"signature\":\"c2ln\"}", FC_JWS_PARSE},
        /* what stands at the top comes before what is inside */
        {"{\"header\":{},\"protected\":7}", FC_JWS_UNPROTECTED_HEADER},
        {"{\"header\":{\"kid\":\"1\"},\"signatures\":[],\"payload\":\"\"}", FC_JWS_UNPROTECTED_HEADER},
        {"{\"protected\":\"eyJhbGciOiJFUzI1NiJ9\",\"payload\":\"\",\"signature\":\"c2ln\",\"header\":null}",
         FC_JWS_UNPROTECTED_HEADER},
        {"{\"payload\":\"\",\"signatures\":[{\"protected\":\"e30\",\"signature\":\"c2ln\"}]}", FC_JWS_SIGNATURES},
        {"{\"protected\":\"eyJhbGciOiJFUzI1NiJ9\",\"payload\":\"\"}", FC_JWS_NOT_SIGNED},
        {"{\"protected\":\"eyJhbGciOiJFUzI1NiJ9\",\"payload\":\"\",\"signature\":\"\"}", FC_JWS_NOT_SIGNED},
    };
    struct lab *lab = *state;
    struct fc_jws jws;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        enum fc_jws_fault fault = parse(lab, bad[i].body, &jws);
        if (fault != bad[i].fault)
            fail_msg("%s gives %d, not %d", bad[i].body, (int)fault, (int)bad[i].fault);
    }
}

static void faults_of_the_header(void **state)
{
    static const struct {
        const char *header;
        enum fc_jws_fault fault;
        const char *alg;
    } bad[] = {
        {"[]", FC_JWS_PARSE, NULL},
        {"{", FC_JWS_PARSE, NULL},
        {"{\"alg\":\"ES256\",\"alg\":\"ES256\"}", FC_JWS_PARSE, NULL},
        {"{\"alg\":\"ES256\",\"jwk\":{\"kty\":\"EC\",\"kty\":\"EC\"}}", FC_JWS_PARSE, NULL},
        {"{\"alg\":\"ES256\\u0000\"}", FC_JWS_PARSE, NULL},
        {"{\"alg\":7}", FC_JWS_PARSE, NULL},
        {"{\"alg\":\"ES256\",\"kid\":7}", FC_JWS_PARSE, NULL},
        {"{\"alg\":\"ES256\",\"nonce\":null}", FC_JWS_PARSE, NULL},
        {"{}", FC_JWS_ALGORITHM, ""},
        {"{\"alg\":\"none\"}", FC_JWS_ALGORITHM, "none"},
        {"{\"alg\":\"PS256\"}", FC_JWS_ALGORITHM, "PS256"},
        {"{\"alg\":\"ES256K\"}", FC_JWS_ALGORITHM, "ES256K"},
        {"{\"alg\":\"es256\"}", FC_JWS_ALGORITHM, "es256"},
        {"{\"alg\":\"HS256\",\"crit\":[\"x\"]}", FC_JWS_ALGORITHM, "HS256"},
        {"{\"alg\":\"ES256\",\"crit\":[\"b64\"],\"b64\":false}", FC_JWS_CRITICAL, NULL},
        {"{\"alg\":\"ES256\",\"crit\":null}", FC_JWS_CRITICAL, NULL},
    };
    struct lab *lab = *state;
    struct fc_jws jws;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        enum fc_jws_fault fault = with_header(lab, bad[i].header, &jws);
        if (fault != bad[i].fault)
            fail_msg("%s gives %d, not %d", bad[i].header, (int)fault, (int)bad[i].fault);
        if (bad[i].alg) {
            assert_non_null(jws.bad_alg);
            assert_string_equal(jws.bad_alg, bad[i].alg);
        }
    }
}

static void depth_and_length(void **state)
{
    struct lab *lab = *state;
    struct fc_jws jws;
    char deep[200];

    memset(deep, '[', 100);
    memset(deep + 100, ']', 99);
    deep[199] = '\0';
    assert_int_equal(with_header(lab, fc_arena_printf(lab->arena, "{\"alg\":\"ES256\",\"x\":%s}", deep), &jws),
                     FC_JWS_PARSE);
    /* the length counts, not a NUL */
    static const char body[] = "{\"protected\":\"eyJhbGciOiJFUzI1NiJ9\",\"payload\":\"\",\"signature\":\"c2ln\"}";
    assert_int_equal(fc_jws_parse(lab->arena, body, sizeof body - 1, letsencrypt, &jws), FC_JWS_OK);
    assert_int_equal(fc_jws_parse(lab->arena, body, sizeof body, letsencrypt, &jws), FC_JWS_PARSE);
    assert_int_equal(fc_jws_parse(lab->arena, body, sizeof body - 2, letsencrypt, &jws), FC_JWS_PARSE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(gives_every_part, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(absent_members_are_null, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(the_jwk_is_kept_or_marked, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(odd_nonces_pass, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(faults_of_the_body, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(faults_of_the_header, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(depth_and_length, lab_setup, lab_teardown),
    };
    RUN(tests);
}
