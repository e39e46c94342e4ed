/* What RFC 8555 has and Let's Encrypt leaves out, in the environment rfc8555; and that each of its departures can be switched on. */
#include "lib_acme.h"

#include <openssl/hmac.h>
#include <string.h>

#include "base/base_b64.h"
#include "base/base_json.h"
#include "base/base_text.h"
#include "base/base_time.h"
#include "pki/pki_cert.h"
#include "store/store_cert.h"
#include "store/store_external.h"

#include "cmocka_all.h"

#define P "/rfc8555"
#define EAB "Unable to verify external account binding :: "

static struct lib_answer *order_with(struct lib_client *client, const char *names, const char *more)
{
    return lib_post(client, P "/acme/new-order", lib_order_payload(client->t, names, more));
}

/* ---- orders list ---- */

static size_t count_orders(struct lib_client *client, const char **ret_next)
{
    struct lib_acme *t = client->t;
    struct lib_answer *page = lib_post(client, lib_path(*ret_next), NULL);

    lib_assert_status(page, 200);
    *ret_next = lib_link(t, page, "next");
    return json_array_size(json_object_get(page->json, "orders"));
}

static void orders_list(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t), *other = lib_client_new(t);
    const char *list = lib_member(lib_post(client, lib_path(client->url), NULL), "orders"), *next = list;

    assert_int_equal(count_orders(client, &next), 0);
    assert_null(next);
    for (int i = 0; i < 51; i++)
        lib_assert_status(order_with(client, lib_text(t, "n%d.test", i), NULL), 201);
    next = list;
    assert_int_equal(count_orders(client, &next), 50);
    assert_non_null(next);
    assert_int_equal(count_orders(client, &next), 1);
    assert_null(next);
    lib_assert_problem(lib_post(other, lib_path(list), NULL), 403, "unauthorized",
                       "Request signing key did not match account key");
    lib_assert_problem(lib_post(client, P "/acme/orders/x", NULL), 404, "malformed", "there is no such list of orders");
    lib_assert_problem(lib_get(t, lib_path(list)), 405, "malformed", "Method not allowed");
    /* invalid ones are not listed: peers.md 1.9, 7: newOrder goes on after an empty list */
    lib_acme_advance(t, "8d");
    next = list;
    assert_int_equal(count_orders(client, &next), 0);
    lib_assert_status(order_with(client, "again.test", NULL), 201);
}

/* ---- pre-authorization ---- */

static struct lib_answer *new_authz(struct lib_client *client, const char *identifier)
{
    return lib_post(client, P "/acme/new-authz", lib_text(client->t, "{\"identifier\":%s}", identifier));
}

static void pre_authorization(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);

    assert_non_null(lib_member(lib_get(t, P "/dir"), "newAuthz"));
    struct lib_answer *authz = new_authz(client, "{\"type\":\"dns\",\"value\":\"pre.test\"}");
    lib_assert_status(authz, 201);
    assert_string_equal(lib_member(authz, "status"), "pending");
    const char *path = lib_path(lib_header(authz, "Location"));
    lib_assert_status(lib_post(client, lib_challenge_path(client, path, "http-01"), "{}"), 200);
    lib_va_idle(t);
    assert_string_equal(lib_member(lib_post(client, path, NULL), "status"), "valid");
    struct lib_answer *order = order_with(client, "pre.test", NULL);
    assert_string_equal(lib_member(order, "status"), "ready");
    /* again: the valid one */
    assert_string_equal(lib_header(new_authz(client, "{\"type\":\"dns\",\"value\":\"pre.test\"}"), "Location"),
                        lib_header(authz, "Location"));
    lib_assert_problem(new_authz(client, "{\"type\":\"dns\",\"value\":\"*.pre.test\"}"), 400, "malformed",
                       "NewAuthz request cannot pre-authorize a wildcard name");
    lib_assert_problem(new_authz(client, "5"), 400, "malformed", "NewAuthz request did not specify an identifier");
    assert_int_equal(new_authz(client, "{\"type\":\"dns\",\"value\":\"a..test\"}")->status, 400);
}

/* ---- dates ---- */

static void dates_in_orders(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    static const struct {
        const char *more, *detail;
    } bad[] = {
        {"{\"notAfter\":\"next week\"}", "NewOrder request has a notAfter that is no time of RFC 3339"},
        {"{\"notBefore\":\"2020-01-01T00:00:00Z\"}",
         "NewOrder request has a notBefore that the CA does not issue from"},
        {"{\"notBefore\":\"2030-01-01T00:00:00Z\"}",
         "NewOrder request has a notBefore that the CA does not issue from"},
        {"{\"notAfter\":\"2026-09-01T11:59:00Z\"}", "NewOrder request has a notAfter that is over before it begins"},
        {"{\"notBefore\":\"2026-09-03T00:00:00Z\",\"notAfter\":\"2026-09-02T00:00:00Z\"}",
         "NewOrder request has a notAfter that is over before it begins"},
        {"{\"notAfter\":\"2027-09-01T00:00:00Z\"}", "NewOrder request has a notAfter beyond what the profile gives"},
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        lib_assert_problem(order_with(client, "a.test", bad[i].more), 400, "malformed", bad[i].detail);
    lib_assert_status(order_with(client, "a.test", "{\"notAfter\":5}"), 400);
    struct lib_answer *order = order_with(
        client, "a.test", "{\"notBefore\":\"2026-09-02T00:00:00Z\",\"notAfter\":\"2026-09-09T00:00:00+02:00\"}");
    lib_assert_status(order, 201);
    assert_string_equal(lib_member(order, "notBefore"), "2026-09-02T00:00:00Z");
    assert_string_equal(lib_member(order, "notAfter"), "2026-09-08T22:00:00Z");
    lib_validate(client, order);
    struct lib_answer *valid = lib_post(client, lib_path(lib_member(order, "finalize")),
                                        lib_csr_payload(t, &(struct lib_csr){.names = "a.test"}));
    lib_assert_status(valid, 200);
    struct lib_answer *pem = lib_post(client, lib_path(lib_member(valid, "certificate")), NULL);
    fc_auto(fc_cert_free) struct fc_cert *cert = NULL;
    assert_int_equal(fc_cert_from_pem(pem->text, pem->res.body_len, &cert, NULL), 0);
    char text[FC_TIME_TEXT_MAX];
    assert_string_equal(fc_time_rfc3339(fc_cert_not_before(cert), text), "2026-09-02T00:00:00Z");
    assert_string_equal(fc_time_rfc3339(fc_cert_not_after(cert), text), "2026-09-08T22:00:00Z");
}

/* ---- external account binding ---- */

static const unsigned char mac_key[32] = "0123456789abcdef0123456789abcde";

static void add_key(struct lib_acme *t, const char *kid)
{
    const struct fc_store_external external = {
        .kid = kid, .env = "rfc8555", .key = mac_key, .key_len = sizeof mac_key, .created_at = t->now};
    struct fc_store_tx tx fc_auto_tx = {0};

    assert_int_equal(fc_store_begin(t->store, FC_STORE_WRITE, &tx, NULL), 0);
    assert_int_equal(fc_store_external_insert(t->store, &external, NULL), 0);
    assert_int_equal(fc_store_commit(&tx, NULL), 0);
}

struct binding {
    const char *alg, *header; /* further members of the header */
    const EVP_MD *digest;
    const char *payload; /* NULL: the account's key */
};

static const char *b64_text(struct lib_acme *t, const char *text)
{
    return lib_b64(t, text, strlen(text));
}

static const char *bind(struct lib_client *client, const struct binding *binding)
{
    struct lib_acme *t = client->t;
    fc_auto_json jwk = fc_key_to_jwk(client->key);
    fc_auto_free char *jwk_text = fc_json_text(jwk);
    const char *header = b64_text(t, lib_text(t, "{\"alg\":\"%s\"%s}", binding->alg, binding->header));
    const char *payload = b64_text(t, binding->payload ? binding->payload : jwk_text);
    const char *signing = lib_text(t, "%s.%s", header, payload);
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned len;

    assert_non_null(
        HMAC(binding->digest, mac_key, sizeof mac_key, (const unsigned char *)signing, strlen(signing), mac, &len));
    return lib_text(t, "{\"protected\":\"%s\",\"payload\":\"%s\",\"signature\":\"%s\"}", header, payload,
                    lib_b64(t, mac, len));
}

static struct lib_answer *register_with(struct lib_client *client, const char *binding)
{
    const struct lib_twist twist = {.jwk = true, .no_kid = true};

    return lib_post_twisted(
        client, P "/acme/new-acct",
        binding ? lib_text(client->t, "{\"termsOfServiceAgreed\":true,\"externalAccountBinding\":%s}", binding)
                : "{\"termsOfServiceAgreed\":true}",
        &twist);
}

#define URL ",\"url\":\"" LIB_BASE P "/acme/new-acct\""
#define GOOD_HEADER ",\"kid\":\"%s\"" URL

static void external_accounts(void **state)
{
    struct lib_acme *t = *state;
    const struct {
        const char *alg;
        const EVP_MD *digest;
    } algs[] = {{"HS256", EVP_sha256()}, {"HS384", EVP_sha384()}, {"HS512", EVP_sha512()}};

    for (size_t i = 0; i < 3; i++) {
        const char *kid = lib_text(t, "kid-%zu", i);
        struct lib_client *client = lib_client_unregistered(t, "P-256");
        const struct binding good = {algs[i].alg, lib_text(t, GOOD_HEADER, kid), algs[i].digest, NULL};
        const char *binding = bind(client, &good);
        lib_assert_problem(register_with(client, binding), 403, "unauthorized", EAB "its key is not known");
        add_key(t, kid);
        struct lib_answer *answer = register_with(client, binding);
        lib_assert_status(answer, 201);
        assert_true(json_is_object(json_object_get(answer->json, "externalAccountBinding")));
        struct lib_client *other = lib_client_unregistered(t, "P-256");
        lib_assert_problem(register_with(other, bind(other, &good)), 403, "unauthorized",
                           EAB "its key is bound to another account");
    }
}

static void external_account_refusals(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_unregistered(t, "P-256"), *other = lib_client_unregistered(t, "P-256");
    fc_auto_json foreign = fc_key_to_jwk(other->key);
    fc_auto_free char *foreign_text = fc_json_text(foreign);
    const struct {
        struct binding binding;
        const char *type;
        int status;
        const char *detail;
    } rows[] = {
        {{"RS256", ",\"kid\":\"k\"" URL, EVP_sha256(), NULL},
         "malformed",
         400,
         EAB "its algorithm is none of HS256, HS384 and HS512"},
        {{"HS256", ",\"kid\":\"k\",\"nonce\":\"abc\"" URL, EVP_sha256(), NULL},
         "malformed",
         400,
         EAB "it must not have a nonce"},
        {{"HS256", URL, EVP_sha256(), NULL}, "malformed", 400, EAB "it must name its key by kid"},
        {{"HS256", ",\"kid\":\"k\",\"url\":\"https://x/\"", EVP_sha256(), NULL},
         "malformed",
         400,
         EAB "its url differs from that of the request"},
        {{"HS256", ",\"kid\":\"k\"" URL, EVP_sha256(), foreign_text},
         "malformed",
         400,
         EAB "its payload is not the account's key"},
        {{"HS384", ",\"kid\":\"k\"" URL, EVP_sha256(), NULL}, "unauthorized", 403, EAB "its signature is wrong"},
    };

    add_key(t, "k");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        lib_assert_problem(register_with(client, bind(client, &rows[i].binding)), rows[i].status, rows[i].type,
                           rows[i].detail);
    lib_assert_problem(register_with(client, "{}"), 400, "malformed", EAB "it is no JWS in flattened form");
    assert_int_equal(register_with(client, "5")->status, 400);
    lib_assert_status(register_with(client, NULL), 201); /* optional here */
}

static void edit_required(json_t *policy)
{
    json_object_set_new(json_object_get(policy, "external_account"), "required", json_true());
}

static void external_account_required(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_unregistered(t, "P-256");

    assert_true(
        json_is_true(json_object_get(json_object_get(lib_get(t, P "/dir")->json, "meta"), "externalAccountRequired")));
    lib_assert_problem(register_with(client, NULL), 403, "externalAccountRequired",
                       "newAccount request has no externalAccountBinding");
}

/* ---- terms ---- */

#define TERMS "https://ca.test/terms-2"

static void edit_terms(json_t *policy)
{
    json_object_set_new(policy, "changes",
                        json_pack("[{s:s,s:s,s:{s:s},s:s}]", "on", "2026-09-10", "what", "new terms", "set",
                                  "directory.terms_of_service", TERMS, "source", "this test"));
}

static void terms_change(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);

    lib_assert_status(order_with(client, "a.test", NULL), 201);
    lib_acme_advance(t, "20d");
    struct lib_answer *refused = order_with(client, "b.test", NULL);
    lib_assert_problem(refused, 403, "userActionRequired",
                       "Terms of service have changed: agree to them by termsOfServiceAgreed in the account");
    assert_string_equal(lib_member(refused, "instance"), TERMS);
    assert_string_equal(lib_link(t, refused, "terms-of-service"), TERMS);
    lib_assert_status(lib_post(client, lib_path(client->url), NULL), 200);
    lib_assert_status(lib_post(client, lib_path(client->url), "{\"termsOfServiceAgreed\":true}"), 200);
    lib_assert_status(order_with(client, "b.test", NULL), 201);
    struct lib_client *late = lib_client_unregistered(t, "P-256");
    const struct lib_twist twist = {.jwk = true, .no_kid = true};
    struct lib_answer *answer = lib_post_twisted(late, P "/acme/new-acct", "{}", &twist);
    lib_assert_problem(answer, 403, "userActionRequired", "must agree to terms of service");
}

/* ---- the envelope ---- */

static void envelope(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    const char *path = P "/acme/new-order", *payload = lib_order_payload(t, "a.test", NULL);

    assert_int_equal(lib_post_twisted(client, path, payload, &(struct lib_twist){.type = "application/json"})->status,
                     415);
    assert_int_equal(lib_post_twisted(client, path, payload, &(struct lib_twist){.type = ""})->status, 415);
    lib_assert_status(lib_post_twisted(client, path, payload, &(struct lib_twist){.extra = "Replay-Nonce: x"}), 201);
    struct lib_answer *answer = lib_post_twisted(client, path, payload, &(struct lib_twist){.nonce = "a+b/"});
    lib_assert_problem(answer, 400, "malformed",
                       "Unable to validate JWS :: JWS header parameter 'nonce' is no base64url");
    const char *url = lib_text(t, "%s" P "/acme/new-acct", LIB_BASE);
    answer = lib_post_twisted(client, path, payload, &(struct lib_twist){.url = url});
    assert_int_equal(answer->status, 403);
    /* a nonce that was seen is spent */
    const char *nonce = lib_nonce(t);
    lib_post_twisted(client, path, payload, &(struct lib_twist){.nonce = nonce, .key = lib_key(t, "P-256")});
    answer = lib_post_twisted(client, path, payload, &(struct lib_twist){.nonce = nonce});
    lib_assert_problem(answer, 400, "badNonce", "JWS has an invalid anti-replay nonce");
    lib_assert_problem(lib_get(t, P "/nowhere"), 404, "malformed", "there is no such resource");
    answer = lib_send(t, &(struct lib_request){.method = "POST", .path = path, .body = "x", .too_large = true});
    assert_int_equal(answer->status, 413);
}

/* 8555-6.2-10 */
static void key_does_not_fit(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_unregistered(t, "P-384");
    fc_auto_json jwk = fc_key_to_jwk(client->key);
    fc_auto_free char *jwk_text = fc_json_text(jwk);
    const char *header =
        b64_text(t, lib_text(t, "{\"alg\":\"ES256\",\"nonce\":\"%s\",\"jwk\":%s" URL "}", lib_nonce(t), jwk_text));
    const char *body = lib_text(t, "{\"protected\":\"%s\",\"payload\":\"e30\",\"signature\":\"AAAA\"}", header);
    struct lib_answer *answer =
        lib_send(t, &(struct lib_request){.method = "POST", .path = P "/acme/new-acct", .body = body});

    lib_assert_problem(answer, 400, "badPublicKey",
                       "Unable to validate JWS :: the key does not fit the signature algorithm \"ES256\"");
}

static void dead_accounts(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);

    lib_assert_status(lib_post(client, lib_path(client->url), "{\"status\":\"revoked\"}"), 200);
    lib_assert_status(lib_post(client, lib_path(client->url), "{\"status\":\"deactivated\"}"), 200);
    assert_int_equal(order_with(client, "a.test", NULL)->status, 401);
    const struct lib_twist twist = {.jwk = true, .no_kid = true};
    assert_int_equal(lib_post_twisted(client, P "/acme/new-acct", "{}", &twist)->status, 401);
}

static void challenges(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_answer *order = order_with(client, "a.test", NULL);

    lib_web_mode(t, LIB_WEB_WRONG);
    lib_validate(client, order);
    struct lib_answer *authz = lib_post(client, lib_authz_path(order, 0), NULL);
    const json_t *challenge = json_array_get(json_object_get(authz->json, "challenges"), 0);
    assert_null(json_object_get(challenge, "validated"));
    assert_string_equal(json_string_value(json_object_get(json_object_get(challenge, "error"), "type")),
                        URN "incorrectResponse");
    struct lib_client *other = lib_client_new(t);
    lib_assert_problem(lib_post(other, lib_authz_path(order, 0), NULL), 404, "malformed", "No such authorization");
}

static void csr_and_revocation(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_answer *order = order_with(client, "a.test", NULL);

    assert_string_equal(lib_member(order, "profile"), "default");
    lib_validate(client, order);
    const char *finalize = lib_path(lib_member(order, "finalize"));
    struct lib_answer *answer =
        lib_post(client, finalize, lib_csr_payload(t, &(struct lib_csr){.names = "a.test,b.test"}));
    lib_assert_problem(answer, 400, "badCSR",
                       "Error finalizing order :: CSR does not specify same identifiers as Order");
    answer = lib_post(client, finalize, "{\"csr\":\"AAAA\"}");
    assert_int_equal(answer->status, 400);
    assert_string_equal(lib_member(answer, "type"), URN "badCSR");
}

int main(void)
{
    static struct lib_options plain = {.env = "rfc8555"}, required = {.env = "rfc8555", .edit = edit_required},
                              terms = {.env = "rfc8555", .edit = edit_terms};
    const struct CMUnitTest tests[] = {
        LIB_TEST_WITH(orders_list, &plain),
        LIB_TEST_WITH(pre_authorization, &plain),
        LIB_TEST_WITH(dates_in_orders, &plain),
        LIB_TEST_WITH(external_accounts, &plain),
        LIB_TEST_WITH(external_account_refusals, &plain),
        LIB_TEST_WITH(external_account_required, &required),
        LIB_TEST_WITH(terms_change, &terms),
        LIB_TEST_WITH(envelope, &plain),
        LIB_TEST_WITH(key_does_not_fit, &plain),
        LIB_TEST_WITH(dead_accounts, &plain),
        LIB_TEST_WITH(challenges, &plain),
        LIB_TEST_WITH(csr_and_revocation, &plain),
    };
    RUN(tests);
}
