#include "lib_ca.h"

#include <stdlib.h>
#include <string.h>

#include "base/base_time.h"

#include "cmocka_all.h"

#define ISSUER_URL LIB_CA_URL "/production/int-ecdsa-1"

static void keep(struct lib_ca *t, const struct fc_certificate *row)
{
    struct fc_store_tx tx fc_auto_tx = {0};

    assert_int_equal(fc_store_begin(t->store, FC_STORE_WRITE, &tx, NULL), 0);
    assert_int_equal(fc_store_cert_insert(t->store, row, NULL), 0);
    assert_int_equal(fc_store_commit(&tx, NULL), 0);
}

static void revoke(struct lib_ca *t, const struct fc_certificate *row, const char *at, int reason)
{
    struct fc_store_tx tx fc_auto_tx = {0};

    assert_int_equal(fc_store_begin(t->store, FC_STORE_WRITE, &tx, NULL), 0);
    assert_int_equal(fc_store_cert_revoke(t->store, row->serial, lib_ca_time(at), reason, NULL), 0);
    assert_int_equal(fc_store_commit(&tx, NULL), 0);
}

static void issue(struct lib_ca *t, const char *name, struct fc_certificate *ret_row)
{
    assert_int_equal(lib_ca_issue(t, name, lib_ca_key(t, "P-256"), ret_row, NULL), 0);
    keep(t, ret_row);
}

/* The CRL as of t->now in crl.der and crl.pem. */
static void fetch(struct lib_ca *t, const char *name, int shard)
{
    fc_auto_free unsigned char *der = NULL;
    struct fc_err err = {0};
    const char *output;
    size_t len;

    if (fc_ca_crl(t->ca, name, shard, t->now, &der, &len, &err))
        fail_msg("%s", err.text);
    lib_ca_write(t, "crl.der", der, len);
    assert_int_equal(lib_ca_openssl(t, &output, "crl -inform DER -in crl.der -out crl.pem"), 0);
}

static const char *text_of_crl(struct lib_ca *t)
{
    const char *text;

    assert_int_equal(lib_ca_openssl(t, &text, "crl -inform DER -in crl.der -noout -text"), 0);
    return text;
}

/* Its number, as openssl prints it: hex. */
static uint64_t number_of_crl(struct lib_ca *t)
{
    const char *text;
    unsigned long long number;

    assert_int_equal(lib_ca_openssl(t, &text, "crl -inform DER -in crl.der -noout -crlnumber"), 0);
    assert_int_equal(sscanf(text, "crlNumber=0x%llx", &number), 1);
    return number;
}

static int verify(struct lib_ca *t, const char *how, const char **ret_output)
{
    return lib_ca_openssl(t, ret_output,
                          "verify %s -CRLfile crl.pem -attime %lld -CAfile root.pem -untrusted chain.pem leaf.pem", how,
                          (long long)(t->now / FC_SECOND));
}

/* letsencrypt.md E.7 read by the openssl command. */
static void an_empty_one_as_documented(void **state)
{
    struct lib_ca *t = *state;
    static const char *const parts[] = {"Version 2 (0x1)",
                                        "Signature Algorithm: ecdsa-with-SHA256",
                                        "Issuer: O = fakeca TEST CA, CN = fakeca TEST YE1 (production) - do not trust",
                                        "Last Update: Sep  1 12:00:00 2026 GMT",
                                        "Next Update: Sep 10 11:59:59 2026 GMT", /* 216 h, last second included */
                                        "No Revoked Certificates.",
                                        NULL};
    static const char *const extensions[] = {
        "X509v3 Authority Key Identifier: \n",
        "X509v3 CRL Number: \n",
        "X509v3 Issuing Distribution Point: critical\n",
        "URI:" ISSUER_URL "/93.crl",
        "Only User Certificates",
    };
    const char *output;
    size_t len;

    lib_ca_start(t);
    fetch(t, "int-ecdsa-1", 93);
    const char *text = text_of_crl(t);
    lib_ca_assert_in_order(text, parts);
    for (size_t i = 0; i < sizeof extensions / sizeof *extensions; i++)
        if (!strstr(text, extensions[i]))
            fail_msg("no '%s' in:\n%s", extensions[i], text);
    assert_int_equal(number_of_crl(t), (uint64_t)t->now);
    const unsigned char *der = fc_ca_cert_der(t->ca, "int-ecdsa-1", &len);
    lib_ca_write(t, "int.der", der, len);
    assert_int_equal(lib_ca_openssl(t, &output, "x509 -inform DER -in int.der -out int.pem"), 0);
    assert_int_equal(lib_ca_openssl(t, &output, "crl -in crl.pem -CAfile int.pem -noout"), 0);
    assert_non_null(strstr(output, "verify OK"));
}

static void a_client_sees_the_revocation(void **state)
{
    struct lib_ca *t = *state;
    struct fc_certificate row;
    const char *output;

    lib_ca_start(t);
    issue(t, "a.test", &row);
    lib_ca_write_chain(t, &row);
    fetch(t, "int-ecdsa-1", row.shard);
    if (verify(t, "-x509_strict -crl_check", &output))
        fail_msg("%s", output);
    revoke(t, &row, "2026-09-01T13:00:00Z", 1);
    t->now = lib_ca_time("2026-09-01T14:00:00Z");
    fetch(t, "int-ecdsa-1", row.shard);
    assert_int_not_equal(verify(t, "-x509_strict -crl_check", &output), 0);
    assert_non_null(strstr(output, "certificate revoked"));
    /* another shard's CRL says nothing about it: its distribution point is not the leaf's */
    fetch(t, "int-ecdsa-1", row.shard % 128 + 1);
    assert_int_not_equal(verify(t, "-x509_strict -crl_check", &output), 0);
    assert_null(strstr(output, "certificate revoked"));
}

static const char *entry_text(struct lib_ca *t, const struct fc_certificate *row)
{
    char *serial = fc_arena_strdup(t->arena, row->serial);

    for (char *c = serial; *c; c++)
        if (*c >= 'a' && *c <= 'f')
            *c = (char)(*c - 'a' + 'A');
    return fc_arena_printf(t->arena, "Serial Number: %s\n", serial);
}

static void entries_with_reason_and_date(void **state)
{
    struct lib_ca *t = *state;
    struct fc_certificate plain, compromised, good, elsewhere;

    t->policy->issuance.crl_shards = 1;
    lib_ca_start_all(t);
    issue(t, "a.test", &plain);
    issue(t, "b.test", &compromised);
    issue(t, "c.test", &good);
    assert_int_equal(lib_ca_issue(t, "d.test", lib_ca_key(t, "RSA-2048"), &elsewhere, NULL), 0);
    keep(t, &elsewhere);
    revoke(t, &plain, "2026-09-01T13:00:00Z", 0);
    revoke(t, &compromised, "2026-09-01T13:30:00Z", 1);
    revoke(t, &elsewhere, "2026-09-01T13:30:00Z", 5);
    t->now = lib_ca_time("2026-09-02");
    fetch(t, "int-ecdsa-1", 1);
    const char *text = text_of_crl(t);
    const char *const parts[] = {entry_text(t, &plain),
                                 "        Revocation Date: Sep  1 13:00:00 2026 GMT\n",
                                 entry_text(t, &compromised),
                                 "        Revocation Date: Sep  1 13:30:00 2026 GMT\n",
                                 "X509v3 CRL Reason Code: \n                Key Compromise\n",
                                 NULL};
    lib_ca_assert_in_order(text, parts);
    /* reason 0 is omitted */
    assert_true(strstr(text, "Reason Code") > strstr(text, parts[2]));
    assert_null(strstr(text, entry_text(t, &good)));
    assert_null(strstr(text, entry_text(t, &elsewhere)));
    fetch(t, "int-rsa-1", 1);
    text = text_of_crl(t);
    assert_non_null(strstr(text, entry_text(t, &elsewhere)));
    assert_non_null(strstr(text, "Cessation Of Operation"));
    assert_non_null(strstr(text, "Signature Algorithm: sha256WithRSAEncryption"));
}

/* Entries stay until 24 h after the certificate's end (sample value of the policy). */
static void entries_leave_after_expiry(void **state)
{
    struct lib_ca *t = *state;
    struct fc_certificate row; /* ends 2026-11-30T11:01:29Z */

    lib_ca_start(t);
    issue(t, "a.test", &row);
    revoke(t, &row, "2026-09-02", 4);
    t->now = lib_ca_time("2026-12-01T11:01:28Z");
    fetch(t, "int-ecdsa-1", row.shard);
    assert_non_null(strstr(text_of_crl(t), entry_text(t, &row)));
    t->now = lib_ca_time("2026-12-01T11:01:30Z");
    fetch(t, "int-ecdsa-1", row.shard);
    assert_non_null(strstr(text_of_crl(t), "No Revoked Certificates."));
    /* the clock goes back: it is there again, for the fact has not gone */
    t->now = lib_ca_time("2026-11-01");
    fetch(t, "int-ecdsa-1", row.shard);
    assert_non_null(strstr(text_of_crl(t), entry_text(t, &row)));
}

static void numbers_only_grow(void **state)
{
    struct lib_ca *t = *state;
    const uint64_t first = (uint64_t)t->now;

    lib_ca_start(t);
    fetch(t, "int-ecdsa-1", 1);
    assert_int_equal(number_of_crl(t), first);
    fetch(t, "int-ecdsa-1", 1); /* within the same nanosecond */
    assert_int_equal(number_of_crl(t), first + 1);
    t->now = lib_ca_time("2020-01-01");
    fetch(t, "int-ecdsa-1", 1);
    assert_int_equal(number_of_crl(t), first + 2);
    assert_non_null(strstr(text_of_crl(t), "Last Update: Jan  1 00:00:00 2020 GMT"));
    fetch(t, "int-ecdsa-1", 2); /* each shard counts alone */
    assert_int_equal(number_of_crl(t), (uint64_t)t->now);
    t->now = lib_ca_time("2027-01-01");
    fetch(t, "int-ecdsa-1", 1);
    assert_int_equal(number_of_crl(t), (uint64_t)t->now);
}

/* A root's covers its intermediates: no "only user certificates". */
static void whole_chains_can_be_checked(void **state)
{
    struct lib_ca *t = *state;
    struct fc_certificate row;
    const char *output;

    lib_ca_start(t);
    issue(t, "a.test", &row);
    lib_ca_write_chain(t, &row);
    fetch(t, "root-ecdsa", 1);
    assert_null(strstr(text_of_crl(t), "Issuing Distribution Point"));
    assert_int_equal(lib_ca_openssl(t, &output, "crl -in crl.pem -out root-crl.pem"), 0);
    fetch(t, "int-ecdsa-1", row.shard);
    if (verify(t, "-crl_check_all -CRLfile root-crl.pem", &output))
        fail_msg("%s", output);
}

static void unknown_ones(void **state)
{
    static const struct {
        const char *name;
        int shard;
    } cases[] = {{"int-ecdsa-1", 0}, {"int-ecdsa-1", 129}, {"int-ecdsa-1", -1},
                 {"root-ecdsa", 2},  {"int-rsa-1", 1}, /* not made yet */
                 {"nobody", 1}};
    struct lib_ca *t = *state;

    lib_ca_start(t);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fc_err err = {0};
        unsigned char *der;
        size_t len;
        assert_int_equal(fc_ca_crl(t->ca, cases[i].name, cases[i].shard, t->now, &der, &len, &err), -1);
        assert_int_equal(err.code, FC_E_NOT_FOUND);
        assert_string_equal(err.text, fc_arena_printf(t->arena, "no CRL '%s/%d.crl'", cases[i].name, cases[i].shard));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIB_CA_TEST(an_empty_one_as_documented),
        LIB_CA_TEST(a_client_sees_the_revocation),
        LIB_CA_TEST(entries_with_reason_and_date),
        LIB_CA_TEST(entries_leave_after_expiry),
        LIB_CA_TEST(numbers_only_grow),
        LIB_CA_TEST(whole_chains_can_be_checked),
        LIB_CA_TEST(unknown_ones),
    };
    RUN(tests);
}
