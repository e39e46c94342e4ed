/* Roots, intermediates and the directory's TLS certificate, read by openssl's command line. */
#include "pki/pki_cert.h"

#include <stdlib.h>
#include <string.h>

#include "pki/pki_key.h"

#include "cmocka_all.h"
#include "lib_pki_chain.h"

static void openssl_reads_a_root(void **state)
{
    struct lab *lab = *state;

    chain_make(lab, FC_KEY_P384);
    const char *text = lab_openssl(lab, "x509", "-in", "root.pem", "-noout", "-text", NULL);
    lab_has(text, "Version: 3 (0x2)");
    lab_has(text, "Signature Algorithm: ecdsa-with-SHA384");
    lab_has(text, "Issuer: C = US, O = fakeca TEST, CN = fakeca TEST Root - do not trust");
    lab_has(text, "Subject: C = US, O = fakeca TEST, CN = fakeca TEST Root - do not trust");
    lab_has(text, "Not After : Dec 31 23:59:59 2199 GMT");
    lab_has(text, "X509v3 Key Usage: critical\n                Digital Signature, Certificate Sign, CRL Sign\n");
    lab_has(text, "X509v3 Basic Constraints: critical\n                CA:TRUE\n");
    assert_null(strstr(text, "Authority Information Access"));
    assert_null(strstr(text, "Extended Key Usage"));
    lab_has(lab_openssl(lab, "verify", "-CAfile", "root.pem", "-attime", CHAIN_NOW_S, "-x509_strict", "root.pem", NULL),
            "OK");
}

static void openssl_reads_an_intermediate(void **state)
{
    struct lab *lab = *state;

    chain_make(lab, FC_KEY_RSA);
    const char *text = lab_openssl(lab, "x509", "-in", "inter.pem", "-noout", "-text", NULL);
    lab_has(text, "Signature Algorithm: sha256WithRSAEncryption");
    lab_has(text, "Not Before: Oct  7 12:00:00 2025 GMT");
    lab_has(text, "X509v3 Extended Key Usage: \n                TLS Web Server Authentication\n");
    lab_has(text, "X509v3 Basic Constraints: critical\n                CA:TRUE, pathlen:0\n");
    lab_has(text, "CA Issuers - URI:http://localhost:15001/pki/production/root.der\n");
    lab_has(text, "URI:http://localhost:15001/pki/production/root/1.crl\n");
    lab_has(text, "Policy: 2.23.140.1.2.1\n");
    lab_has(
        lab_openssl(lab, "verify", "-CAfile", "root.pem", "-attime", CHAIN_NOW_S, "-x509_strict", "inter.pem", NULL),
        "OK");
    /* outside its time it is refused: the dates are really those that were asked for */
    lab_try(lab, "verify", "-CAfile", "root.pem", "-attime", "1900000000", "inter.pem", NULL);
    assert_int_not_equal(lab->status, 0);
}

/* openssl makes the same identifier by its own rule only with SHA-1, so it is computed by its dgst command. */
static void key_identifier_of_rfc_7093(void **state)
{
    struct lab *lab = *state;
    struct chain chain = chain_make(lab, FC_KEY_P256);
    size_t ski_len = 0, aki_len = 0, len;

    lab_openssl(lab, "x509", "-in", "root.pem", "-pubkey", "-noout", "-out", "p.pem", NULL);
    lab_openssl(lab, "asn1parse", "-in", "p.pem", "-strparse", "23", "-out", "bits", "-noout", NULL);
    lab_openssl(lab, "dgst", "-sha256", "-binary", "-out", "hash", "bits", NULL);
    const unsigned char *hash = lab_read(lab, "hash", &len);
    const unsigned char *ski = fc_cert_ski(chain.root, &ski_len);
    assert_int_equal(ski_len, 20);
    assert_memory_equal(ski, hash, 20);
    const unsigned char *aki = fc_cert_aki(chain.inter, &aki_len);
    assert_int_equal(aki_len, 20);
    assert_memory_equal(aki, ski, 20);
}

static void questions_to_the_chain(void **state)
{
    struct lab *lab = *state;
    struct chain chain = chain_make(lab, FC_KEY_P256);
    struct chain other = chain_make(lab, FC_KEY_P256);
    struct fc_key *key = NULL;

    assert_true(fc_cert_is_ca(chain.root));
    assert_true(fc_cert_issued_by(chain.inter, chain.root));
    assert_true(fc_cert_issued_by(chain.root, chain.root));
    assert_false(fc_cert_issued_by(chain.root, chain.inter));
    /* same names, other keys */
    assert_false(fc_cert_issued_by(chain.inter, other.root));
    assert_int_equal(fc_cert_key(chain.inter, &key, NULL), 0);
    lab_keep_key(lab, key);
    assert_true(fc_key_equal(key, chain.inter_key));
    char *subject = fc_cert_subject(chain.inter), *cn = fc_cert_cn(chain.inter);
    const char *kept = fc_arena_printf(lab->arena, "%s|%s", subject, cn);
    free(subject);
    free(cn);
    assert_string_equal(kept, "C=US, O=Let\xe2\x80\x99s Pretend, CN=TE1|TE1");
    assert_int_equal(fc_cert_not_before(chain.inter), CHAIN_NOW - 300 * FC_DAY);
    assert_int_equal(fc_cert_not_after(chain.inter), CHAIN_NOW + 700 * FC_DAY);
    assert_int_equal(fc_cert_not_after(chain.root), FC_TIME_MAX);
}

static void the_directorys_certificate(void **state)
{
    struct lab *lab = *state;
    struct chain chain = chain_make(lab, FC_KEY_P256);
    struct fc_key *key = lab_key(lab, FC_KEY_P256);
    struct fc_cert *cert = NULL;

    assert_int_equal(fc_cert_make_tls(key, (const char *const[]){"localhost", "127.0.0.1", "::1", "ca.test", NULL},
                                      FC_TIME_MIN, FC_TIME_MAX, chain.root, chain.root_key, &cert, NULL),
                     0);
    lab_write_cert(lab, "tls.pem", lab_keep_cert(lab, cert));
    const char *text = lab_openssl(lab, "x509", "-in", "tls.pem", "-noout", "-text", NULL);
    lab_has(text, "Not Before: Jan  1 00:00:00 2000 GMT");
    lab_has(text, "Not After : Dec 31 23:59:59 2199 GMT");
    lab_has(text, "DNS:localhost, DNS:ca.test, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1\n");
    assert_false(fc_cert_is_ca(cert));
    lab_openssl(lab, "verify", "-CAfile", "root.pem", "-attime", CHAIN_NOW_S, "-x509_strict", "-purpose", "sslserver",
                "-verify_hostname", "ca.test", "tls.pem", NULL);
    lab_openssl(lab, "verify", "-CAfile", "root.pem", "-attime", CHAIN_NOW_S, "-verify_ip", "::1", "tls.pem", NULL);
    lab_try(lab, "verify", "-CAfile", "root.pem", "-attime", CHAIN_NOW_S, "-verify_hostname", "b.test", "tls.pem",
            NULL);
    assert_int_not_equal(lab->status, 0);
}

static void refused(const struct fc_cert_ca *params, enum fc_err_code code, const char *says)
{
    struct fc_cert *cert = NULL;
    struct fc_err err = {0};

    assert_int_equal(fc_cert_make_ca(params, &cert, &err), -1);
    assert_null(cert);
    assert_int_equal(err.code, code);
    lab_has(err.text, says);
}

static void what_cannot_be_made(void **state)
{
    struct lab *lab = *state;
    struct fc_key *key = lab_key(lab, FC_KEY_P256);
    struct chain chain = chain_make(lab, FC_KEY_P256);
    struct fc_cert_ca params = {.cn = "x", .not_before = 0, .not_after = FC_DAY, .key = key, .path_len = -1};
    struct fc_err err = {0};
    struct fc_cert *cert = NULL;

    params.policy_oid = "1.2.x";
    refused(&params, FC_E_USAGE, "'1.2.x' is no object identifier");
    params.policy_oid = NULL;
    params.not_before = 2 * FC_DAY;
    refused(&params, FC_E_USAGE, "would end before it begins");
    params.not_before = 0;
    lab_openssl(lab, "genpkey", "-algorithm", "ED25519", "-out", "ed.pem", NULL);
    params.key = lab_read_key(lab, "ed.pem");
    refused(&params, FC_E_CRYPTO, "a CA key must be");
    params.key =
        lab_jwk_key(lab, "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
                         "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}");
    refused(&params, FC_E_CRYPTO, "cannot sign");
    assert_int_equal(
        fc_cert_make_tls(key, (const char *const[]){NULL}, 0, FC_DAY, chain.root, chain.root_key, &cert, &err), -1);
    assert_string_equal(err.text, "a TLS certificate needs a name");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(openssl_reads_a_root, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(openssl_reads_an_intermediate, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(key_identifier_of_rfc_7093, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(questions_to_the_chain, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(the_directorys_certificate, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_made, lab_setup, lab_teardown),
    };
    RUN(tests);
}
