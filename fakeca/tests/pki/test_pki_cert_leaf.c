/* test: threads */
/* Leaves of letsencrypt.md E.1, read and verified by openssl's command line. */
#include "pki/pki_cert.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "pki/pki_csr.h"
#include "pki/pki_key.h"

#include "cmocka_all.h"
#include "lib_pki_chain.h"

static const unsigned char serial[18] = {0x03, 0xff, 0xee, 0xdd, 0xcc, 0xbb, 0xaa, 0x99, 0x88,
                                         0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 0x00, 0xff};

static void drop_issuer(void *issuer)
{
    fc_cert_issuer_free(issuer);
}

static struct fc_cert_issuer *issuer_of(struct lab *lab, const struct chain *chain)
{
    const struct fc_cert_issuer_params params = {
        .cert = chain->inter, .key = chain->inter_key, .aia_url = "http://te1.i.test/", .policy_oid = "2.23.140.1.2.1"};
    struct fc_cert_issuer *issuer = NULL;
    struct fc_err err = {0};

    if (fc_cert_issuer_new(&params, &issuer, &err))
        fail_msg("%s", err.text);
    fc_arena_defer(lab->arena, drop_issuer, issuer);
    return issuer;
}

static struct fc_cert_leaf classic(const struct fc_csr *csr)
{
    static const char *const dns[] = {"*.a.test", "a.test", "b.test", NULL};

    return (struct fc_cert_leaf){.csr = csr,
                                 .serial = serial,
                                 .serial_len = sizeof serial,
                                 .not_before = CHAIN_NOW - 3510 * FC_SECOND,
                                 .not_after = CHAIN_NOW - 3510 * FC_SECOND + 90 * FC_DAY - FC_SECOND,
                                 .cn = "a.test",
                                 .dns = dns,
                                 .ski = true,
                                 .crl_url = "http://te1.c.test/93.crl"};
}

/* leaf.pem and leaf.der */
static struct fc_cert *make(struct lab *lab, const struct fc_cert_issuer *issuer, const struct fc_cert_leaf *leaf)
{
    struct fc_cert *cert = NULL;
    unsigned char *der = NULL;
    size_t len = 0;
    struct fc_err err = {0};

    if (fc_cert_make_leaf(issuer, leaf, &der, &len, &err))
        fail_msg("%s", err.text);
    lab_write(lab, "leaf.der", der, len);
    assert_int_equal(fc_cert_from_der(der, len, &cert, NULL), 0);
    free(der);
    lab_write_cert(lab, "leaf.pem", lab_keep_cert(lab, cert));
    return cert;
}

static void openssl_accepts(struct lab *lab, const char *host)
{
    lab_openssl(lab, "verify", "-CAfile", "root.pem", "-untrusted", "inter.pem", "-attime", CHAIN_NOW_S, "-x509_strict",
                "-purpose", "sslserver", "-verify_hostname", host, "leaf.pem", NULL);
}

static void in_order(const char *text, const char *const *parts)
{
    for (; *parts; parts++) {
        const char *at = strstr(text, *parts);
        if (!at)
            fail_msg("'%s' is missing or out of order before: %s", *parts, text);
        text = at + strlen(*parts);
    }
}

static void every_field_of_a_classic_leaf(void **state)
{
    static const char *const parts[] = {
        "Version: 3 (0x2)",
        "03:ff:ee:dd:cc:bb:aa:99:88:77:66:55:44:33:22:11:00:ff",
        "Signature Algorithm: ecdsa-with-SHA384",
        "CN = TE1\n",
        "Not Before: Aug  3 11:01:30 2026 GMT",
        "Not After : Nov  1 11:01:29 2026 GMT",
        "Subject: CN = a.test\n",
        "NIST CURVE: P-256",
        "X509v3 Key Usage: critical\n                Digital Signature\n",
        "X509v3 Extended Key Usage: \n                TLS Web Server Authentication\n",
        "X509v3 Basic Constraints: critical\n                CA:FALSE\n",
        "X509v3 Subject Key Identifier: \n",
        "X509v3 Authority Key Identifier: \n",
        "Authority Information Access: \n                CA Issuers - URI:http://te1.i.test/\n",
        "X509v3 Subject Alternative Name: \n                DNS:*.a.test, DNS:a.test, DNS:b.test\n",
        "X509v3 Certificate Policies: \n                Policy: 2.23.140.1.2.1\n",
        "X509v3 CRL Distribution Points: \n                Full Name:\n                  "
        "URI:http://te1.c.test/93.crl\n",
        "Signature Algorithm: ecdsa-with-SHA384",
        NULL,
    };
    struct lab *lab = *state;
    struct chain chain = chain_make(lab, FC_KEY_P384);

    lab_write_key(lab, "k.pem", lab_key(lab, FC_KEY_P256));
    struct fc_cert_leaf leaf = classic(lab_csr(lab, "k.pem", "/CN=a.test", "DNS:a.test"));
    struct fc_cert *cert = make(lab, issuer_of(lab, &chain), &leaf);
    in_order(lab_openssl(lab, "x509", "-in", "leaf.pem", "-noout", "-text", NULL), parts);
    openssl_accepts(lab, "www.a.test");
    openssl_accepts(lab, "b.test");
    assert_true(fc_cert_issued_by(cert, chain.inter));
    assert_false(fc_cert_is_ca(cert));
}

static void profile_without_common_name(void **state)
{
    static const char *const ips[] = {"10.0.0.1", "2001:db8::1", NULL};
    struct lab *lab = *state;
    struct chain chain = chain_make(lab, FC_KEY_P256);

    lab_write_key(lab, "k.pem", lab_key(lab, FC_KEY_P384));
    struct fc_cert_leaf leaf = classic(lab_csr(lab, "k.pem", "/CN=a.test", NULL));
    leaf.cn = NULL;
    leaf.ski = false;
    leaf.ips = ips;
    leaf.crl_url = NULL;
    make(lab, issuer_of(lab, &chain), &leaf);
    const char *text = lab_openssl(lab, "x509", "-in", "leaf.pem", "-noout", "-text", NULL);
    lab_has(text, "Signature Algorithm: ecdsa-with-SHA256");
    lab_has(text, "Subject: \n");
    lab_has(text, "X509v3 Subject Alternative Name: critical\n                DNS:*.a.test, DNS:a.test, DNS:b.test, IP "
                  "Address:10.0.0.1, IP Address:2001:DB8:0:0:0:0:0:1\n");
    assert_null(strstr(text, "Subject Key Identifier"));
    assert_null(strstr(text, "CRL Distribution"));
    openssl_accepts(lab, "a.test");
    lab_openssl(lab, "verify", "-CAfile", "root.pem", "-untrusted", "inter.pem", "-attime", CHAIN_NOW_S, "-verify_ip",
                "2001:db8::1", "leaf.pem", NULL);
}

static void rsa_leaf_of_an_rsa_issuer(void **state)
{
    struct lab *lab = *state;
    struct chain chain = chain_make(lab, FC_KEY_RSA);

    lab_write_key(lab, "k.pem", lab_key(lab, FC_KEY_RSA));
    struct fc_cert_leaf leaf = classic(lab_csr(lab, "k.pem", "/CN=a.test", NULL));
    leaf.key_encipherment = true;
    make(lab, issuer_of(lab, &chain), &leaf);
    const char *text = lab_openssl(lab, "x509", "-in", "leaf.pem", "-noout", "-text", NULL);
    lab_has(text, "Signature Algorithm: sha256WithRSAEncryption");
    lab_has(text, "Digital Signature, Key Encipherment\n");
    openssl_accepts(lab, "a.test");
}

/* The request's own key bits, even where we would write them otherwise. */
static void key_bits_are_the_requests(void **state)
{
    struct lab *lab = *state;
    struct chain chain = chain_make(lab, FC_KEY_P256);
    size_t len, hash_len;

    lab_openssl(lab, "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "a.pem", NULL);
    lab_openssl(lab, "ec", "-in", "a.pem", "-conv_form", "compressed", "-out", "k.pem", NULL);
    struct fc_cert_leaf leaf = classic(lab_csr(lab, "k.pem", "/CN=a.test", NULL));
    struct fc_cert *cert = make(lab, issuer_of(lab, &chain), &leaf);
    const char *wanted = lab_openssl(lab, "req", "-inform", "DER", "-in", "r.der", "-pubkey", "-noout", NULL);
    assert_string_equal(lab_openssl(lab, "x509", "-in", "leaf.pem", "-pubkey", "-noout", NULL), wanted);
    /* compressed point: BIT STRING of 34 octets at 23 */
    lab_openssl(lab, "x509", "-in", "leaf.pem", "-pubkey", "-noout", "-out", "p.pem", NULL);
    lab_openssl(lab, "asn1parse", "-in", "p.pem", "-strparse", "23", "-out", "bits", "-noout", NULL);
    lab_read(lab, "bits", &len);
    assert_int_equal(len, 33);
    lab_openssl(lab, "dgst", "-sha256", "-binary", "-out", "hash", "bits", NULL);
    const unsigned char *hash = lab_read(lab, "hash", &hash_len);
    const unsigned char *ski = fc_cert_ski(cert, &len);
    assert_int_equal(len, 20);
    assert_memory_equal(ski, hash, 20);
}

static void a_wildcard_as_common_name_and_a_late_date(void **state)
{
    struct lab *lab = *state;
    struct chain chain = chain_make(lab, FC_KEY_P256);

    lab_write_key(lab, "k.pem", lab_key(lab, FC_KEY_P256));
    struct fc_cert_leaf leaf = classic(lab_csr(lab, "k.pem", "/CN=a.test", NULL));
    leaf.cn = "*.a.test";
    leaf.not_before = INT64_C(2524607999) * FC_SECOND; /* the last second of 2049 */
    leaf.not_after = INT64_C(2524608000) * FC_SECOND;
    make(lab, issuer_of(lab, &chain), &leaf);
    const char *parsed = lab_openssl(lab, "asn1parse", "-inform", "DER", "-in", "leaf.der", NULL);
    lab_has(parsed, "UTF8STRING        :*.a.test");
    lab_has(parsed, "UTCTIME           :491231235959Z");
    lab_has(parsed, "GENERALIZEDTIME   :20500101000000Z");
}

static void a_hundred_names(void **state)
{
    struct lab *lab = *state;
    struct chain chain = chain_make(lab, FC_KEY_P256);
    const char *names[101] = {NULL};

    lab_write_key(lab, "k.pem", lab_key(lab, FC_KEY_P256));
    struct fc_cert_leaf leaf = classic(lab_csr(lab, "k.pem", "/CN=a.test", NULL));
    for (int i = 0; i < 100; i++)
        names[i] = fc_arena_printf(lab->arena, "a-rather-long-name-of-a-machine-%03d.department.example.test", i);
    leaf.dns = names;
    make(lab, issuer_of(lab, &chain), &leaf);
    openssl_accepts(lab, names[0]);
    openssl_accepts(lab, names[99]);
}

static void refused(const struct fc_cert_issuer *issuer, const struct fc_cert_leaf *leaf, enum fc_err_code code,
                    const char *says)
{
    unsigned char *der = NULL;
    size_t len = 0;
    struct fc_err err = {0};

    assert_int_equal(fc_cert_make_leaf(issuer, leaf, &der, &len, &err), -1);
    assert_null(der);
    assert_int_equal(err.code, code);
    lab_has(err.text, says);
}

static void what_cannot_be_issued(void **state)
{
    static const char *const wrong_ip[] = {"10.0.0.256", NULL};
    struct lab *lab = *state;
    struct chain chain = chain_make(lab, FC_KEY_P256);
    struct fc_cert_issuer *issuer = issuer_of(lab, &chain);

    lab_write_key(lab, "k.pem", lab_key(lab, FC_KEY_P256));
    const struct fc_cert_leaf good = classic(lab_csr(lab, "k.pem", "/CN=a.test", NULL));
    struct fc_cert_leaf leaf = good;
    leaf.serial_len = 21;
    refused(issuer, &leaf, FC_E_USAGE, "1 to 20 octets, not 21");
    leaf.serial_len = 0;
    refused(issuer, &leaf, FC_E_USAGE, "1 to 20 octets, not 0");
    leaf = good;
    leaf.not_after = leaf.not_before - 1;
    refused(issuer, &leaf, FC_E_RANGE, "would end before it begins");
    leaf = good;
    leaf.dns = NULL;
    refused(issuer, &leaf, FC_E_USAGE, "would have no name");
    leaf.ips = wrong_ip;
    refused(issuer, &leaf, FC_E_USAGE, "'10.0.0.256' is no IP address");
}

static void issuers_that_do_not_fit(void **state)
{
    struct lab *lab = *state;
    struct chain chain = chain_make(lab, FC_KEY_P256);
    struct fc_cert_issuer_params params = {.cert = chain.inter, .key = chain.root_key};
    struct fc_cert_issuer *issuer = NULL;
    struct fc_err err = {0};

    assert_int_equal(fc_cert_issuer_new(&params, &issuer, &err), -1);
    assert_string_equal(err.text, "the key is not that of the issuer's certificate");
    fc_err_clear(&err);
    params.key = chain.inter_key;
    params.policy_oid = "nonsense";
    assert_int_equal(fc_cert_issuer_new(&params, &issuer, &err), -1);
    lab_has(err.text, "'nonsense' is no object identifier");
    assert_null(issuer);
    fc_cert_issuer_free(NULL);
}

struct work {
    const struct fc_cert_issuer *issuer;
    const struct fc_cert_leaf *leaf;
    int made;
};

static void *issue_many(void *cookie)
{
    struct work *work = cookie;

    for (int i = 0; i < 50; i++) {
        unsigned char *der = NULL;
        size_t len = 0;
        work->made += fc_cert_make_leaf(work->issuer, work->leaf, &der, &len, NULL) == 0 && len > 400;
        free(der);
    }
    return NULL;
}

static void one_issuer_in_several_threads(void **state)
{
    struct lab *lab = *state;
    struct chain chain = chain_make(lab, FC_KEY_P256);
    struct work work[4];
    pthread_t threads[4];

    lab_write_key(lab, "k.pem", lab_key(lab, FC_KEY_P256));
    const struct fc_cert_leaf leaf = classic(lab_csr(lab, "k.pem", "/CN=a.test", NULL));
    for (size_t i = 0; i < 4; i++)
        work[i] = (struct work){.issuer = i ? work[0].issuer : issuer_of(lab, &chain), .leaf = &leaf};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, issue_many, &work[i]), 0);
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(work[i].made, 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_field_of_a_classic_leaf, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(profile_without_common_name, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(rsa_leaf_of_an_rsa_issuer, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(key_bits_are_the_requests, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(a_wildcard_as_common_name_and_a_late_date, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(a_hundred_names, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_issued, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(issuers_that_do_not_fit, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(one_issuer_in_several_threads, lab_setup, lab_teardown),
    };
    RUN(tests);
}
