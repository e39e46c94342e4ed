/* revokeCert: letsencrypt.md E.6, by each of the three who may, and the operator. */
#include "lib_acme.h"

#include <openssl/x509.h>
#include <string.h>

#include "base/base_b64.h"
#include "store/store_cert.h"

#include "cmocka_all.h"

#define REVOKE "/acme/revoke-cert"
#define PREFIX "Unable to revoke :: "

static struct lib_answer *revoke(struct lib_client *client, const char *der, const char *more)
{
    return lib_post(client, REVOKE, lib_text(client->t, "{\"certificate\":\"%s\"%s}", der, more));
}

static struct lib_answer *revoke_by_key(struct lib_client *client, EVP_PKEY *evp, const char *der)
{
    struct fc_key *key;

    assert_int_equal(fc_key_from_evp(evp, &key, NULL), 0);
    const struct lib_twist twist = {.key = key, .jwk = true};
    struct lib_answer *answer =
        lib_post_twisted(client, REVOKE, lib_text(client->t, "{\"certificate\":\"%s\",\"reason\":4}", der), &twist);
    fc_key_free(key);
    return answer;
}

/* -1: not revoked */
static int reason_of(struct lib_acme *t, const char *serial)
{
    struct fc_certificate row;
    struct fc_store_tx tx fc_auto_tx = {0};

    assert_int_equal(fc_store_begin(t->store, FC_STORE_READ, &tx, NULL), 0);
    assert_int_equal(fc_store_cert_get(t->store, t->arena, serial, &row, NULL), 0);
    return row.revoked_at ? row.reason : -1;
}

static void by_its_account(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    static const struct {
        const char *more;
        int reason;
    } good[] = {{"", 0},
                {",\"reason\":0", 0},
                {",\"reason\":1", 1},
                {",\"reason\":4", 4},
                {",\"reason\":5", 5},
                {",\"reason\":null", 0}};
    struct lib_issued issued;

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        lib_issue(client, lib_text(t, "r%zu.test", i), &issued);
        struct lib_answer *answer = revoke(client, issued.der, good[i].more);
        lib_assert_status(answer, 200);
        assert_int_equal(answer->res.body_len, 0);
        assert_non_null(lib_header(answer, "Replay-Nonce"));
        assert_int_equal(reason_of(t, issued.serial), good[i].reason);
        lib_assert_problem(
            revoke(client, issued.der, ""), 400, "alreadyRevoked",
            lib_text(t, PREFIX "no certificate with serial %s and status other than revoked", issued.serial));
    }
    assert_int_equal(lib_events(t, "certificate.revoked"), sizeof good / sizeof *good);
}

static void bad_requests(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_issued issued;

    lib_issue(client, "a.test", &issued);
    static const char *const shapes[] = {NULL, "{\"certificate\":5}", "{\"certificate\":\"AA==\"}",
                                         "{\"certificate\":\"-----BEGIN CERTIFICATE-----\"}"};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        lib_assert_problem(lib_post(client, REVOKE, shapes[i]), 400, "malformed",
                           PREFIX "Unable to JSON parse revoke request");
    static const char *const types[] = {",\"reason\":\"1\"", ",\"reason\":1.5", ",\"reason\":[]"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        lib_assert_problem(revoke(client, issued.der, types[i]), 400, "malformed",
                           PREFIX "Unable to JSON parse revoke request");
    static const char *const no_certs[] = {"{}", "{\"certificate\":\"\"}", "{\"certificate\":\"AAAA\"}"};
    for (size_t i = 0; i < sizeof no_certs / sizeof *no_certs; i++)
        lib_assert_problem(lib_post(client, REVOKE, no_certs[i]), 400, "malformed",
                           PREFIX "Unable to parse certificate DER");
    /* one octet behind the certificate, one too few */
    const char *longer = lib_text(t, "%sAA", issued.der), *shorter = lib_text(t, "%.*s", 400, issued.der);
    lib_assert_status(revoke(client, longer, ""), 400);
    lib_assert_status(revoke(client, shorter, ""), 400);
    static const int reasons[] = {-1, 2, 3, 6, 7, 8, 9, 10, 11, 99};
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        lib_assert_problem(revoke(client, issued.der, lib_text(t, ",\"reason\":%d", reasons[i])), 400,
                           "badRevocationReason", lib_text(t, PREFIX "disallowed revocation reason: %d", reasons[i]));
    assert_int_equal(reason_of(t, issued.serial), -1);
}

/* Inner refusals of the envelope carry this resource's context, what does not parse keeps the usual one. */
static void envelope(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);

    lib_assert_problem(lib_post_twisted(client, REVOKE, "{}", &(struct lib_twist){.no_kid = true}), 400, "malformed",
                       PREFIX "Malformed JWS, no KeyID or embedded JWK");
    lib_assert_problem(lib_post_twisted(client, REVOKE, "{}", &(struct lib_twist){.jwk = true, .kid = client->url}),
                       400, "malformed", "Unable to validate JWS :: jwk and kid header fields are mutually exclusive");
    lib_assert_problem(lib_post_twisted(client, REVOKE, "{}", &(struct lib_twist){.key = lib_key(t, "P-256")}), 400,
                       "malformed", PREFIX "JWS verification error");
    lib_assert_problem(lib_post_twisted(client, REVOKE, "{}", &(struct lib_twist){.no_nonce = true}), 400, "badNonce",
                       "JWS has an invalid anti-replay nonce");
    lib_assert_problem(lib_send(t, &(struct lib_request){.method = "POST", .path = REVOKE, .body = "{"}), 400,
                       "malformed", "Unable to validate JWS :: Parse error reading JWS");
}

static void by_an_account_with_all_authorizations(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_issued issued;

    lib_issue(client, "a.test,b.test", &issued);
    struct lib_client *other = lib_client_new(t);
    const char *no_control =
        lib_text(t, PREFIX "requester does not control all identifiers in cert with serial \"%s\"", issued.serial);
    lib_assert_problem(revoke(other, issued.der, ""), 403, "unauthorized", no_control);
    lib_ready_order(other, "a.test");
    lib_assert_problem(revoke(other, issued.der, ""), 403, "unauthorized", no_control);
    lib_ready_order(other, "b.test");
    lib_assert_status(revoke(other, issued.der, ",\"reason\":1"), 200);
    assert_int_equal(reason_of(t, issued.serial), 5);
}

static void expired_authorizations_do_not_count(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t), *other = lib_client_new(t);
    struct lib_issued issued;

    lib_ready_order(other, "a.test");
    lib_web_thumbprint(t, client->thumbprint);
    lib_issue(client, "a.test", &issued);
    lib_acme_advance(t, "31d");
    lib_assert_status(revoke(other, issued.der, ""), 403);
    lib_acme_advance(t, "-2d");
    lib_assert_status(revoke(other, issued.der, ""), 200);
}

static void by_the_certificates_key(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_issued issued, second;

    lib_issue(client, "a.test", &issued);
    lib_assert_problem(revoke_by_key(client, lib_evp(t, "P-256"), issued.der), 403, "unauthorized",
                       PREFIX
                       "JWK embedded in revocation request must be the same public key as the cert to be revoked");
    /* another certificate with the same key */
    struct lib_answer *order = lib_ready_order(client, "b.test");
    const struct lib_csr csr = {.names = "b.test", .key = issued.key};
    order = lib_post(client, lib_path(lib_member(order, "finalize")), lib_csr_payload(t, &csr));
    second.serial = strrchr(lib_member(order, "certificate"), '/') + 1;

    /* whatever reason it asks for; no account is needed */
    struct lib_answer *answer = revoke_by_key(client, issued.key, issued.der);
    lib_assert_status(answer, 200);
    assert_null(lib_header(answer, "Boulder-Requester"));
    assert_int_equal(reason_of(t, issued.serial), 1);
    assert_int_equal(reason_of(t, second.serial), 1);
    assert_int_equal(lib_events(t, "certificate.revoked"), 2);
    lib_assert_problem(revoke_by_key(client, issued.key, issued.der), 400, "alreadyRevoked",
                       lib_text(t,
                                PREFIX "unable to re-revoke serial \"%s\" which is already revoked for keyCompromise",
                                issued.serial));
    /* the key is blocked: for accounts too */
    struct lib_client *thief = lib_client_unregistered(t, "P-256");
    fc_key_from_evp(issued.key, &thief->key, NULL);
    answer = lib_post(thief, "/acme/new-acct", "{\"termsOfServiceAgreed\":true}");
    fc_key_free(thief->key);
    lib_assert_problem(answer, 400, "badPublicKey",
                       "Unable to validate JWS :: invalid request signing key: public key is forbidden");
}

static void an_earlier_revocation_is_upgraded(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_issued issued;

    lib_issue(client, "a.test", &issued);
    lib_assert_status(revoke(client, issued.der, ",\"reason\":4"), 200);
    lib_assert_status(revoke_by_key(client, issued.key, issued.der), 200);
    assert_int_equal(reason_of(t, issued.serial), 1);
}

static void after_the_account_is_gone(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_issued issued;

    lib_issue(client, "a.test", &issued);
    lib_assert_status(lib_post(client, lib_path(client->url), "{\"status\":\"deactivated\"}"), 200);
    lib_assert_problem(revoke(client, issued.der, ""), 403, "unauthorized",
                       PREFIX "Account is not valid, has status \"deactivated\"");
    lib_assert_status(revoke_by_key(client, issued.key, issued.der), 200);
}

static void expired_certificate(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_issued issued;

    lib_issue(client, "a.test", &issued);
    lib_acme_advance(t, "90d");
    lib_assert_problem(revoke(client, issued.der, ""), 403, "unauthorized", PREFIX "Certificate is expired");
    lib_acme_advance(t, "-1d");
    lib_assert_status(revoke(client, issued.der, ""), 200);
}

/* Signed by OpenSSL under a name of its own; with `aki` it claims to come from that issuer. */
static const char *foreign_der(struct lib_acme *t, const char *serial, X509 *aki_from)
{
    EVP_PKEY *key = lib_evp(t, "P-256");
    X509 *cert = X509_new();
    BIGNUM *number = NULL;
    unsigned char *der = NULL;

    BN_hex2bn(&number, serial);
    BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert));
    BN_free(number);
    X509_set_version(cert, 2);
    ASN1_TIME_set_string(X509_getm_notBefore(cert), "20260101000000Z");
    ASN1_TIME_set_string(X509_getm_notAfter(cert), "20270101000000Z");
    X509_set_pubkey(cert, key);
    if (aki_from) {
        int at = X509_get_ext_by_NID(aki_from, NID_authority_key_identifier, -1);
        X509_add_ext(cert, X509_get_ext(aki_from, at), -1);
    }
    X509_sign(cert, key, EVP_sha256());
    int len = i2d_X509(cert, &der);
    const char *text = lib_b64(t, der, (size_t)len);
    OPENSSL_free(der);
    X509_free(cert);
    return text;
}

static void foreign_certificates(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_issued issued;
    unsigned char der[8192];
    size_t len;

    lib_issue(client, "a.test", &issued);
    assert_int_equal(fc_b64url_decode(issued.der, strlen(issued.der), der, &len), 0);
    const unsigned char *p = der;
    X509 *ours = d2i_X509(NULL, &p, (long)len);
    assert_non_null(ours);
    const char *unknown_issuer = foreign_der(t, "0123", NULL);
    const char *unknown_serial = foreign_der(t, "0123", ours), *forged = foreign_der(t, issued.serial, ours);
    X509_free(ours);
    lib_assert_problem(revoke(client, unknown_issuer, ""), 404, "malformed",
                       PREFIX "Certificate from unrecognized issuer");
    lib_assert_problem(revoke(client, unknown_serial, ""), 404, "malformed", PREFIX "No such certificate");
    lib_assert_problem(revoke(client, forged, ""), 404, "malformed", PREFIX "No such certificate");
    assert_int_equal(reason_of(t, issued.serial), -1);
}

static void by_the_operator(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_issued issued;
    static const int bad[] = {-1, 7, 8, 11};

    lib_issue(client, "a.test", &issued);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct fc_err err = {0};
        assert_int_equal(fc_acme_revoke(t->acme, issued.serial, bad[i], t->now, &err), -1);
        assert_int_equal(err.code, FC_E_RANGE);
    }
    struct fc_err unknown = {0}, again = {0};
    assert_int_equal(fc_acme_revoke(t->acme, "00", 0, t->now, &unknown), -1);
    assert_int_equal(unknown.code, FC_E_NOT_FOUND);
    assert_int_equal(fc_acme_revoke(t->acme, issued.serial, 9, t->now, NULL), 0);
    assert_int_equal(reason_of(t, issued.serial), 9);
    assert_int_equal(fc_acme_revoke(t->acme, issued.serial, 0, t->now, &again), -1);
    assert_int_equal(again.code, FC_E_BUSY);
    assert_int_equal(lib_events(t, "certificate.revoked"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIB_TEST(by_its_account),
        LIB_TEST(bad_requests),
        LIB_TEST(envelope),
        LIB_TEST(by_an_account_with_all_authorizations),
        LIB_TEST(expired_authorizations_do_not_count),
        LIB_TEST(by_the_certificates_key),
        LIB_TEST(an_earlier_revocation_is_upgraded),
        LIB_TEST(after_the_account_is_gone),
        LIB_TEST(expired_certificate),
        LIB_TEST(foreign_certificates),
        LIB_TEST(by_the_operator),
    };
    RUN(tests);
}
