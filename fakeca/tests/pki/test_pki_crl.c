/* CRLs of letsencrypt.md E.7, read and obeyed by openssl's command line. */
#include "pki/pki_cert.h"

#include <stdlib.h>
#include <string.h>

#include "pki/pki_csr.h"
#include "pki/pki_key.h"

#include "cmocka_all.h"
#include "lib_pki_chain.h"

#define CRL_URL "http://te1.c.test/93.crl"

static struct fc_cert_crl params_of(const struct chain *chain)
{
    return (struct fc_cert_crl){.issuer = chain->inter,
                                .key = chain->inter_key,
                                .this_update = CHAIN_NOW,
                                .next_update = CHAIN_NOW + 216 * FC_HOUR,
                                .number = (uint64_t)CHAIN_NOW,
                                .url = CRL_URL};
}

/* crl.der and crl.pem */
static void make(struct lab *lab, const struct fc_cert_crl *params)
{
    unsigned char *der = NULL;
    size_t len = 0;
    struct fc_err err = {0};

    if (fc_cert_make_crl(params, &der, &len, &err))
        fail_msg("%s", err.text);
    lab_write(lab, "crl.der", der, len);
    free(der);
    lab_openssl(lab, "crl", "-inform", "DER", "-in", "crl.der", "-out", "crl.pem", NULL);
}

static const char *read_by_openssl(struct lab *lab)
{
    const char *text =
        lab_openssl(lab, "crl", "-inform", "DER", "-in", "crl.der", "-CAfile", "inter.pem", "-noout", "-text", NULL);

    lab_has(text, "verify OK");
    return text;
}

static void an_empty_list(void **state)
{
    static const enum fc_key_type types[] = {FC_KEY_P256, FC_KEY_P384, FC_KEY_RSA};
    static const char *const algs[] = {"ecdsa-with-SHA256", "ecdsa-with-SHA384", "sha256WithRSAEncryption"};
    struct lab *lab = *state;

    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        struct chain chain = chain_make(lab, (int)types[i]);
        struct fc_cert_crl params = params_of(&chain);
        make(lab, &params);
        const char *text = read_by_openssl(lab);
        lab_has(text, "Version 2 (0x1)");
        lab_has(text, algs[i]);
        lab_has(text, "CN = TE1\n");
        lab_has(text, "Last Update: Aug  3 12:00:00 2026 GMT");
        lab_has(text, "Next Update: Aug 12 12:00:00 2026 GMT");
        lab_has(text, "X509v3 Authority Key Identifier: \n");
        lab_has(text, "X509v3 CRL Number: \n                1785758400000000000\n");
        lab_has(text, "X509v3 Issuing Distribution Point: critical\n                Full Name:\n                  "
                      "URI:" CRL_URL);
        lab_has(text, "Only User Certificates\n");
        lab_has(text, "No Revoked Certificates.");
    }
}

static void entries_with_and_without_reason(void **state)
{
    static const struct fc_cert_revoked revoked[] = {
        {"03ab", CHAIN_NOW - FC_DAY, 0},
        {"ff00", CHAIN_NOW - FC_HOUR, 1},
        {"03ffeeddccbbaa99887766554433221100ff", CHAIN_NOW, 10},
    };
    struct lab *lab = *state;
    struct chain chain = chain_make(lab, FC_KEY_P256);
    struct fc_cert_crl params = params_of(&chain);

    params.revoked = revoked;
    params.n_revoked = 3;
    make(lab, &params);
    const char *text = read_by_openssl(lab);
    lab_has(text, "Serial Number: 03AB\n        Revocation Date: Aug  2 12:00:00 2026 GMT\n    Serial Number: FF00\n");
    lab_has(text,
            "Serial Number: FF00\n        Revocation Date: Aug  3 11:00:00 2026 GMT\n        CRL entry extensions:\n"
            "            X509v3 CRL Reason Code: \n                Key Compromise\n");
    lab_has(text, "Serial Number: 03FFEEDDCCBBAA99887766554433221100FF\n");
}

static void without_url(void **state)
{
    struct lab *lab = *state;
    struct chain chain = chain_make(lab, FC_KEY_P256);
    struct fc_cert_crl params = params_of(&chain);

    params.url = NULL;
    params.number = 0;
    make(lab, &params);
    const char *text = read_by_openssl(lab);
    assert_null(strstr(text, "Issuing Distribution Point"));
    lab_has(text, "X509v3 CRL Number: \n                0\n");
}

static void leaf(struct lab *lab, const struct chain *chain)
{
    static const unsigned char serial[] = {0x03, 0xab};
    static const char *const dns[] = {"a.test", NULL};
    struct fc_cert_issuer *issuer = NULL;
    struct fc_cert *cert = NULL;
    unsigned char *der = NULL;
    size_t len = 0;

    lab_write_key(lab, "k.pem", lab_key(lab, FC_KEY_P256));
    assert_int_equal(fc_cert_issuer_new(&(struct fc_cert_issuer_params){.cert = chain->inter, .key = chain->inter_key},
                                        &issuer, NULL),
                     0);
    int r = fc_cert_make_leaf(issuer,
                              &(struct fc_cert_leaf){.csr = lab_csr(lab, "k.pem", "/CN=a.test", NULL),
                                                     .serial = serial,
                                                     .serial_len = sizeof serial,
                                                     .not_before = CHAIN_NOW - FC_DAY,
                                                     .not_after = CHAIN_NOW + FC_DAY,
                                                     .dns = dns,
                                                     .crl_url = CRL_URL},
                              &der, &len, NULL);
    fc_cert_issuer_free(issuer);
    assert_int_equal(r, 0);
    assert_int_equal(fc_cert_from_der(der, len, &cert, NULL), 0);
    free(der);
    lab_write_cert(lab, "leaf.pem", lab_keep_cert(lab, cert));
}

static const char *check(struct lab *lab)
{
    return lab_try(lab, "verify", "-CAfile", "root.pem", "-untrusted", "inter.pem", "-attime", CHAIN_NOW_S,
                   "-crl_check", "-CRLfile", "crl.pem", "leaf.pem", NULL);
}

static void a_verifier_obeys(void **state)
{
    static const struct fc_cert_revoked revoked = {"03ab", CHAIN_NOW - FC_HOUR, 4};
    struct lab *lab = *state;
    struct chain chain = chain_make(lab, FC_KEY_P256);
    struct fc_cert_crl params = params_of(&chain);

    leaf(lab, &chain);
    make(lab, &params);
    lab_has(check(lab), "leaf.pem: OK");
    params.revoked = &revoked;
    params.n_revoked = 1;
    make(lab, &params);
    lab_has(check(lab), "certificate revoked");
    assert_int_not_equal(lab->status, 0);
    /* another shard says nothing about this certificate */
    params.url = "http://te1.c.test/94.crl";
    make(lab, &params);
    lab_has(check(lab), "scope");
}

static void many_entries(void **state)
{
    enum { COUNT = 20000 };
    struct lab *lab = *state;
    struct chain chain = chain_make(lab, FC_KEY_P256);
    struct fc_cert_crl params = params_of(&chain);
    struct fc_cert_revoked *revoked = fc_arena_alloc(lab->arena, COUNT * sizeof *revoked);

    for (int i = 0; i < COUNT; i++)
        revoked[i] = (struct fc_cert_revoked){
            .serial = fc_arena_printf(lab->arena, "03%036x", (unsigned)i), .revoked_at = CHAIN_NOW, .reason = 5};
    params.revoked = revoked;
    params.n_revoked = COUNT;
    make(lab, &params);
    lab_has(read_by_openssl(lab), "Serial Number: 03000000000000000000000000000000004E1F\n");
}

static void refused(const struct fc_cert_crl *params, enum fc_err_code code, const char *says)
{
    unsigned char *der = NULL;
    size_t len = 0;
    struct fc_err err = {0};

    assert_int_equal(fc_cert_make_crl(params, &der, &len, &err), -1);
    assert_null(der);
    assert_int_equal(err.code, code);
    lab_has(err.text, says);
}

static void what_cannot_be_listed(void **state)
{
    static const struct {
        struct fc_cert_revoked revoked;
        const char *says;
    } bad[] = {
        {{"", 0, 0}, "'' is no serial number in hex"},
        {{"3ab", 0, 0}, "'3ab' is no serial number"},
        {{"xx", 0, 0}, "'xx' is no serial number"},
        {{"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff00", 0, 0}, "is no serial number"},
        {{"01", 0, 7}, "7 is no reason"},
        {{"01", 0, 11}, "11 is no reason"},
        {{"01", 0, -1}, "-1 is no reason"},
    };
    struct lab *lab = *state;
    struct chain chain = chain_make(lab, FC_KEY_P256);
    struct fc_cert_crl params = params_of(&chain);

    params.n_revoked = 1;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        params.revoked = &bad[i].revoked;
        refused(&params, FC_E_USAGE, bad[i].says);
    }
    params.n_revoked = 10000001;
    refused(&params, FC_E_LIMIT, "a list takes 10000000");
    params.n_revoked = 0;
    params.next_update = params.this_update;
    refused(&params, FC_E_RANGE, "would end before it begins");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_empty_list, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(entries_with_and_without_reason, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(without_url, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(a_verifier_obeys, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(many_entries, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_listed, lab_setup, lab_teardown),
    };
    RUN(tests);
}
