#include "lib_ca.h"

#include <openssl/sha.h>
#include <openssl/x509.h>
#include <string.h>

#include "base/base_time.h"

#include "pki/pki_cert.h"
#include "pki/pki_key.h"

#include "cmocka_all.h"

#define ISSUER_URL LIB_CA_URL "/production/int-ecdsa-1"

static void assert_issued(struct lib_ca *t, const char *names, EVP_PKEY *key, struct fc_certificate *ret_certificate)
{
    struct fc_err err = {0};

    if (lib_ca_issue(t, names, key, ret_certificate, &err))
        fail_msg("'%s': %s", names, err.text);
}

static void assert_verifies(struct lib_ca *t, const char *at, const char *host)
{
    const char *output;

    if (lib_ca_openssl(t, &output,
                       "verify -x509_strict -purpose sslserver -verify_hostname %s -attime %lld -CAfile root.pem "
                       "-untrusted chain.pem leaf.pem",
                       host, (long long)(lib_ca_time(at) / FC_SECOND)))
        fail_msg("%s", output);
}

static const char *text_of_leaf(struct lib_ca *t)
{
    const char *text;

    assert_int_equal(lib_ca_openssl(t, &text, "x509 -in leaf.pem -noout -text"), 0);
    return text;
}

/* letsencrypt.md E.1 read by the openssl command: every field, the extensions in their order. */
static void ecdsa_leaf_as_documented(void **state)
{
    struct lib_ca *t = *state;
    struct fc_certificate row;

    lib_ca_start(t);
    assert_issued(t, "b.test,a.test", lib_ca_key(t, "P-256"), &row);
    lib_ca_write_chain(t, &row);
    const char *crl = fc_arena_printf(t->arena, "URI:" ISSUER_URL "/%d.crl", row.shard);
    const char *const parts[] = {"Version: 3 (0x2)",
                                 "Serial Number:\n            03:",
                                 "Signature Algorithm: ecdsa-with-SHA256",
                                 "Issuer: O = fakeca TEST CA, CN = fakeca TEST YE1 (production) - do not trust",
                                 "Not Before: Sep  1 11:01:30 2026 GMT",
                                 "Not After : Nov 30 11:01:29 2026 GMT",
                                 "Subject: CN = a.test\n",
                                 "X509v3 extensions:",
                                 "X509v3 Key Usage: critical\n                Digital Signature\n",
                                 "X509v3 Extended Key Usage: \n                TLS Web Server Authentication\n",
                                 "X509v3 Basic Constraints: critical\n                CA:FALSE\n",
                                 "X509v3 Subject Key Identifier: \n",
                                 "X509v3 Authority Key Identifier: \n",
                                 "Authority Information Access: \n                CA Issuers - URI:" ISSUER_URL
                                 ".der\n",
                                 "X509v3 Subject Alternative Name: \n                DNS:a.test, DNS:b.test\n",
                                 "X509v3 Certificate Policies: \n                Policy: 2.23.140.1.2.1\n",
                                 "X509v3 CRL Distribution Points: \n",
                                 crl,
                                 "Signature Algorithm: ecdsa-with-SHA256",
                                 NULL};
    const char *text = text_of_leaf(t);
    lib_ca_assert_in_order(text, parts);
    assert_null(strstr(text, "OCSP"));
    assert_null(strstr(text, "CPS"));
    assert_verifies(t, "2026-09-01T12:00:00Z", "a.test");
    /* OpenSSL takes the last second itself for expired already */
    assert_verifies(t, "2026-11-30T11:01:28Z", "b.test");
}

static void the_row_says_what_the_certificate_says(void **state)
{
    struct lib_ca *t = *state;
    fc_auto(fc_cert_free) struct fc_cert *cert = NULL;
    fc_auto(fc_key_free) struct fc_key *key = NULL;
    struct fc_certificate row;
    unsigned char spki[32];
    int64_t rest = 0;

    lib_ca_start(t);
    assert_issued(t, "a.test,127.0.0.1", lib_ca_key(t, "P-384"), &row);
    assert_int_equal(fc_cert_from_der(row.der, row.der_len, &cert, NULL), 0);
    fc_auto_free char *serial = fc_cert_serial(cert);
    assert_string_equal(row.serial, serial);
    assert_int_equal(strlen(serial), 36);
    for (size_t i = 0; i < 36; i += 2) {
        unsigned byte;
        assert_int_equal(sscanf(serial + i, "%2x", &byte), 1);
        rest = (rest * 256 + byte) % 128;
    }
    assert_int_equal(row.shard, rest + 1); /* E.7 */
    assert_int_equal(row.not_before, fc_cert_not_before(cert));
    assert_int_equal(row.not_after, fc_cert_not_after(cert));
    assert_int_equal(row.issued_at, t->now);
    assert_int_equal(fc_cert_key(cert, &key, NULL), 0);
    fc_key_spki_hash(key, spki);
    assert_memory_equal(row.spki, spki, 32);
    assert_string_equal(row.env, "production");
    assert_null(row.profile);
    assert_int_equal(row.account_id, 7);
    assert_int_equal(row.order_id, 9);
    assert_int_equal(row.revoked_at, 0);
    assert_int_equal(row.n_idents, 2);
    assert_string_equal(row.idents[0].value, "a.test");
    assert_int_equal(row.idents[1].type, FC_IDENT_IP);
    lib_ca_write_chain(t, &row);
    assert_non_null(strstr(text_of_leaf(t), "DNS:a.test, IP Address:127.0.0.1\n"));
}

/* RFC 7093 section 2 method 1; the authority's is the issuer's. */
static void key_identifiers(void **state)
{
    struct lib_ca *t = *state;
    fc_auto(fc_cert_free) struct fc_cert *cert = NULL;
    fc_auto(fc_cert_free) struct fc_cert *issuer = NULL;
    unsigned char hash[SHA256_DIGEST_LENGTH];
    struct fc_certificate row;
    size_t len;

    lib_ca_start(t);
    assert_issued(t, "a.test", lib_ca_key(t, "P-256"), &row);
    assert_int_equal(fc_cert_from_der(row.der, row.der_len, &cert, NULL), 0);
    const ASN1_BIT_STRING *bits = X509_get0_pubkey_bitstr(fc_cert_x509(cert));
    SHA256(bits->data, (size_t)bits->length, hash);
    const unsigned char *ski = fc_cert_ski(cert, &len);
    assert_non_null(ski);
    assert_int_equal(len, 20);
    assert_memory_equal(ski, hash, 20);

    const unsigned char *der = fc_ca_cert_der(t->ca, "int-ecdsa-1", &len);
    assert_int_equal(fc_cert_from_der(der, len, &issuer, NULL), 0);
    size_t issuer_len;
    const unsigned char *issuer_ski = fc_cert_ski(issuer, &issuer_len);
    const unsigned char *aki = fc_cert_aki(cert, &len);
    assert_non_null(issuer_ski);
    assert_non_null(aki);
    assert_int_equal(len, issuer_len);
    assert_memory_equal(aki, issuer_ski, len);
}

static void rsa_leaf_by_the_rsa_issuer(void **state)
{
    static const char *const parts[] = {
        "Signature Algorithm: sha256WithRSAEncryption",
        "Issuer: O = fakeca TEST CA, CN = fakeca TEST YR1 (production) - do not trust",
        "X509v3 Key Usage: critical\n                Digital Signature, Key Encipherment\n",
        "CA Issuers - URI:" LIB_CA_URL "/production/int-rsa-1.der\n",
        "URI:" LIB_CA_URL "/production/int-rsa-1/",
        NULL};
    struct lib_ca *t = *state;
    EVP_PKEY *key = lib_ca_key(t, "RSA-2048");
    struct fc_certificate row;
    struct fc_err err = {0};

    lib_ca_start(t);
    assert_int_equal(lib_ca_issue(t, "a.test", key, &row, &err), -1);
    assert_int_equal(err.code, FC_E_AGAIN);
    lib_ca_start_all(t);
    assert_issued(t, "a.test", key, &row);
    lib_ca_write_chain(t, &row);
    lib_ca_assert_in_order(text_of_leaf(t), parts);
    assert_verifies(t, "2026-09-01T12:00:00Z", "a.test");
}

/* Advancing the clock past the policy's dates shortens the certificates; validity is notAfter - notBefore + 1 s. */
static void lifetimes_follow_the_calendar(void **state)
{
    static const struct {
        const char *now, *not_before, *not_after;
        int days;
    } cases[] = {
        {"2026-09-01T12:00:00Z", "2026-09-01T11:01:30Z", "2026-11-30T11:01:29Z", 90},
        {"2027-02-09T23:59:59Z", "2027-02-09T23:01:29Z", "2027-05-10T23:01:28Z", 90},
        {"2027-02-10T00:00:00Z", "2027-02-09T23:01:30Z", "2027-04-14T23:01:29Z", 64},
        {"2028-02-15T23:59:59Z", "2028-02-15T23:01:29Z", "2028-04-19T23:01:28Z", 64},
        {"2028-02-16T00:00:00Z", "2028-02-15T23:01:30Z", "2028-03-31T23:01:29Z", 45},
        {"2199-11-01T00:00:00.750Z", "2199-10-31T23:01:30Z", "2199-12-15T23:01:29Z", 45},
    };
    struct lib_ca *t = *state;
    EVP_PKEY *key = lib_ca_key(t, "P-256");
    struct fc_certificate row;
    char text[FC_TIME_TEXT_MAX];

    lib_ca_start(t);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        t->now = lib_ca_time(cases[i].now);
        assert_issued(t, "a.test", key, &row);
        assert_string_equal(fc_time_rfc3339(row.not_before, text), cases[i].not_before);
        assert_string_equal(fc_time_rfc3339(row.not_after, text), cases[i].not_after);
        assert_int_equal(row.not_after - row.not_before + FC_SECOND, cases[i].days * FC_DAY);
        lib_ca_write_chain(t, &row);
        assert_verifies(t, cases[i].now, "a.test");
    }
}

/* letsencrypt.md F.1: classic leaves were for client authentication too, until 2026-02-11 in production; tlsclient still was. */
static void client_authentication_ends(void **state)
{
    static const struct {
        const char *now, *profile;
        bool client;
    } cases[] = {
        {"2026-02-10T23:59:59Z", NULL, true},
        {"2026-02-11T00:00:00Z", NULL, false},
        {"2026-02-11T00:00:00Z", "tlsclient", true},
        {"2026-02-10T00:00:00Z", "tlsserver", false},
    };
    struct lib_ca *t = *state;
    EVP_PKEY *key = lib_ca_key(t, "P-256");
    const char *output;

    lib_ca_take(t, "production");
    t->now = lib_ca_time("2026-02-10");
    lib_ca_start_all(t);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct lib_ca_csr csr = {.key = key, .san = "DNS:a.test"};
        struct fc_ca_order order = {.csr = lib_ca_csr(t, &csr), .profile = cases[i].profile};
        struct fc_certificate row;
        struct fc_err err = {0};
        order.now = t->now = lib_ca_time(cases[i].now);
        order.idents = lib_ca_idents(t, "a.test", &order.n_idents);
        if (fc_ca_issue(t->ca, &order, t->arena, &row, &err))
            fail_msg("%s: %s", cases[i].now, err.text);
        lib_ca_write_chain(t, &row);
        assert_verifies(t, cases[i].now, "a.test");
        int rc = lib_ca_openssl(t, &output,
                                "verify -purpose sslclient -attime %lld -CAfile root.pem -untrusted chain.pem leaf.pem",
                                (long long)(t->now / FC_SECOND));
        if ((rc == 0) != cases[i].client)
            fail_msg("%s, %s: %s", cases[i].now, cases[i].profile ? cases[i].profile : "classic", output);
    }
}

#define LABEL60 "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff"

/* The CN rule of E.1 for the classic profile. */
static void common_names(void **state)
{
    static const struct {
        const char *cn, *san, *names, *subject;
    } cases[] = {
        {"B.Test", "DNS:a.test,DNS:b.test", "a.test,b.test", "Subject: CN = b.test\n"},
        {NULL, "DNS:B.test,DNS:a.test", "a.test,b.test", "Subject: CN = b.test\n"}, /* first of the CSR, not sorted */
        {"a.test", NULL, "a.test", "Subject: CN = a.test\n"},
        {NULL, "DNS:" LABEL60 ".test,DNS:a.test", "a.test," LABEL60 ".test", "Subject: CN = a.test\n"},
        {NULL, "DNS:" LABEL60 ".test", LABEL60 ".test", "Subject: \n"},
        {NULL, "IP:127.0.0.1", "127.0.0.1", "Subject: \n"},
    };
    struct lib_ca *t = *state;
    EVP_PKEY *key = lib_ca_key(t, "P-256");

    lib_ca_start(t);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct lib_ca_csr csr = {.key = key, .cn = cases[i].cn, .san = cases[i].san};
        struct fc_ca_order order = {.csr = lib_ca_csr(t, &csr), .now = t->now};
        struct fc_certificate row;
        order.idents = lib_ca_idents(t, cases[i].names, &order.n_idents);
        assert_int_equal(fc_ca_issue(t->ca, &order, t->arena, &row, NULL), 0);
        lib_ca_write_chain(t, &row);
        const char *text = text_of_leaf(t);
        if (!strstr(text, cases[i].subject))
            fail_msg("no '%s' in:\n%s", cases[i].subject, text);
        /* RFC 5280 section 4.2.1.6: critical when the subject is empty */
        bool empty = strcmp(cases[i].subject, "Subject: \n") == 0;
        assert_int_equal(strstr(text, "Subject Alternative Name: critical\n") != NULL, empty);
    }
}

/* A profile as tlsserver and shortlived are (C.1): no CN, no SKI, no key encipherment. */
static void what_a_profile_leaves_out(void **state)
{
    struct lib_ca *t = *state;
    struct fc_certificate row;

    for (size_t i = 0; i < t->policy->profiles[0].n_versions; i++) {
        struct fc_profile_version *version = &t->policy->profiles[0].versions[i];
        version->common_name = version->subject_key_identifier = version->key_encipherment = false;
    }
    lib_ca_start_all(t);
    assert_issued(t, "a.test", lib_ca_key(t, "RSA-2048"), &row);
    lib_ca_write_chain(t, &row);
    const char *text = text_of_leaf(t);
    assert_non_null(strstr(text, "Subject: \n"));
    assert_non_null(strstr(text, "Subject Alternative Name: critical\n"));
    assert_non_null(strstr(text, "Key Usage: critical\n                Digital Signature\n"));
    assert_null(strstr(text, "Subject Key Identifier"));
    assert_verifies(t, "2026-09-01T12:00:00Z", "a.test");
}

static void unknown_profile(void **state)
{
    struct lib_ca *t = *state;
    const struct lib_ca_csr csr = {.key = lib_ca_key(t, "P-256"), .san = "DNS:a.test"};
    struct fc_ca_order order = {.csr = lib_ca_csr(t, &csr), .now = t->now, .profile = "gone"};
    struct fc_certificate row;
    struct fc_err err = {0};

    lib_ca_start(t);
    order.idents = lib_ca_idents(t, "a.test", &order.n_idents);
    assert_int_equal(fc_ca_issue(t->ca, &order, t->arena, &row, &err), -1);
    assert_int_equal(err.code, FC_E_NOT_FOUND);
    assert_string_equal(err.text, "the policy 'production' has no profile 'gone'");
    order.profile = "classic";
    assert_int_equal(fc_ca_issue(t->ca, &order, t->arena, &row, NULL), 0);
    assert_string_equal(row.profile, "classic");
}

/* The policy's calendar: issuer 1 until 2030, issuer 2 from 2029 on. */
static void issuers_rotate_by_their_dates(void **state)
{
    struct lib_ca *t = *state;
    struct fc_policy_ca cas[3] = {t->policy->cas[0], t->policy->cas[2], t->policy->cas[2]};
    static const struct {
        const char *now, *issuer;
    } cases[] = {{"2028-12-31", "one"}, {"2029-11-01", "either"}, {"2029-12-01", "two"}, {"2030-06-01", "two"}};
    EVP_PKEY *key = lib_ca_key(t, "P-256");
    struct fc_certificate row;
    struct fc_err err = {0};
    size_t seen[2] = {0};

    cas[1].name = "one";
    cas[1].not_after = lib_ca_time("2029-12-31");
    cas[2].name = "two";
    cas[2].not_before = lib_ca_time("2029-01-01");
    cas[2].not_after = lib_ca_time("2031-01-01");
    lib_ca_set_cas(t, cas, 3);
    lib_ca_start(t);
    struct fc_ca_info one, two;
    assert_true(fc_ca_info(t->ca, 1, &one) && fc_ca_info(t->ca, 2, &two));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        t->now = lib_ca_time(cases[i].now);
        for (size_t j = 0; j < 40; j++) {
            assert_issued(t, "a.test", key, &row);
            if (strcmp(cases[i].issuer, "either") == 0)
                seen[row.issuer_id == two.id]++;
            else
                assert_int_equal(row.issuer_id, strcmp(cases[i].issuer, "one") == 0 ? one.id : two.id);
        }
    }
    /* drawn at random (E.1): 40 draws that all fall on one side are a chance of 2^-39 */
    assert_true(seen[0] > 0 && seen[1] > 0);

    t->now = lib_ca_time("2030-12-01");
    assert_int_equal(lib_ca_issue(t, "a.test", key, &row, &err), -1);
    assert_int_equal(err.code, FC_E_RANGE);
    assert_string_equal(err.text, "no issuer of 'production' is valid from 2030-12-01T00:00:00Z to "
                                  "2031-01-14T23:01:29Z, as this certificate would be");
}

/* Built-in roots begin in 2015: at an earlier time nobody could verify the leaf. */
static void refuses_what_no_issuer_covers(void **state)
{
    struct lib_ca *t = *state;
    struct fc_certificate row;
    struct fc_err err = {0};

    lib_ca_start(t);
    t->now = lib_ca_time("2005-01-01");
    assert_int_equal(lib_ca_issue(t, "a.test", lib_ca_key(t, "P-256"), &row, &err), -1);
    assert_int_equal(err.code, FC_E_RANGE);
    fc_err_clear(&err);
    t->now = lib_ca_time("2199-12-01");
    assert_int_equal(lib_ca_issue(t, "a.test", lib_ca_key(t, "P-256"), &row, &err), -1);
    assert_int_equal(err.code, FC_E_RANGE);
}

/* A policy with one family certifies keys of the other by it. */
static void a_policy_without_rsa_issuers(void **state)
{
    struct lib_ca *t = *state;
    struct fc_policy_ca cas[2] = {t->policy->cas[0], t->policy->cas[2]};
    struct fc_certificate row;

    lib_ca_set_cas(t, cas, 2);
    lib_ca_start(t);
    assert_issued(t, "a.test", lib_ca_key(t, "RSA-2048"), &row);
    lib_ca_write_chain(t, &row);
    assert_non_null(strstr(text_of_leaf(t), "Signature Algorithm: ecdsa-with-SHA256"));
    assert_verifies(t, "2026-09-01T12:00:00Z", "a.test");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIB_CA_TEST(ecdsa_leaf_as_documented),
        LIB_CA_TEST(the_row_says_what_the_certificate_says),
        LIB_CA_TEST(key_identifiers),
        LIB_CA_TEST(rsa_leaf_by_the_rsa_issuer),
        LIB_CA_TEST(lifetimes_follow_the_calendar),
        LIB_CA_TEST(client_authentication_ends),
        LIB_CA_TEST(common_names),
        LIB_CA_TEST(what_a_profile_leaves_out),
        LIB_CA_TEST(unknown_profile),
        LIB_CA_TEST(issuers_rotate_by_their_dates),
        LIB_CA_TEST(refuses_what_no_issuer_covers),
        LIB_CA_TEST(a_policy_without_rsa_issuers),
    };
    RUN(tests);
}
