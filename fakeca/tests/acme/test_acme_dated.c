/* test: threads */
/* Any value of the policy may change on a date (policy.h): each that the protocol looks at is the old one on the last day before it, the
 * new one on the day, and the old one again when the clock goes back. */
#include "lib_acme.h"

#include <string.h>

#include "base/base_text.h"

#include "cmocka_all.h"

#define NEW_ACCT "/acme/new-acct"
#define NEW_ORDER "/acme/new-order"
#define TERMS "https://terms.test/v2"
#define WITH_CONTACT "{\"termsOfServiceAgreed\":true,\"contact\":[\"mailto:a@letsencrypt.org\"]}"

/* On the day after LIB_NOW; nothing else ever changes. */
static void change(json_t *policy)
{
    json_t *set = json_pack("{s:b,s:b,s:i,s:i,s:i,s:[s],s:[s],s:[s],s:[s],s:s,s:[i,i],s:s,s:b,s:b}",
                            "departures.contact_not_stored", 1, "departures.unsigned_get", 0, "requests.max_body", 2000,
                            "requests.max_contacts", 1, "requests.max_identifier_bytes", 253,
                            "requests.forbidden_contact_domains", "letsencrypt.net", "account_keys.curves", "P-256",
                            "certificate_keys.curves", "P-256", "blocked_names.names", "blocked.test",
                            "directory.terms_of_service", TERMS, "issuance.revocation_reasons", 0, 1,
                            "issuance.processing_retry_after", "9s", "issuance.finalize_async", 1, "reuse.orders", 0);

    assert_non_null(set);
    json_object_set_new(
        policy, "changes",
        json_pack("[{s:s,s:s,s:o,s:s}]", "on", "2026-09-02", "what", "everything", "set", set, "source", "a test"));
}

static void the_day_comes(struct lib_acme *t)
{
    lib_acme_advance(t, "1d");
}

static void and_goes(struct lib_acme *t)
{
    lib_acme_advance(t, "-1d");
}

static struct lib_answer *try_register(struct lib_acme *t, const char *kind, const char *payload)
{
    return lib_post_twisted(lib_client_unregistered(t, kind), NEW_ACCT, payload, &(struct lib_twist){.jwk = true});
}

static struct lib_answer *read_account(struct lib_client *client)
{
    return lib_post(client, lib_path(client->url), NULL);
}

static void accounts(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_unregistered(t, "P-256");
    struct lib_answer *answer = lib_post_twisted(client, NEW_ACCT, WITH_CONTACT, &(struct lib_twist){.jwk = true});

    lib_assert_status(answer, 201);
    client->url = lib_header(answer, "Location");
    const char *before = lib_link(t, answer, "terms-of-service");
    assert_non_null(json_object_get(read_account(client)->json, "contact"));
    lib_assert_status(try_register(t, "P-384", WITH_CONTACT), 201);
    lib_assert_status(
        try_register(t, "P-256",
                     "{\"termsOfServiceAgreed\":true,\"contact\":[\"mailto:a@letsencrypt.net\",\"mailto:b@a.org\"]}"),
        201);

    the_day_comes(t);
    answer = read_account(client);
    assert_null(json_object_get(answer->json, "contact"));
    assert_string_equal(lib_link(t, answer, "terms-of-service"), TERMS);
    assert_string_equal(lib_link(t, try_register(t, "P-256", WITH_CONTACT), "terms-of-service"), TERMS);
    lib_assert_problem(try_register(t, "P-384", WITH_CONTACT), 400, "badPublicKey",
                       "Unable to validate JWS :: invalid request signing key: ECDSA curve P-384 not allowed");
    lib_assert_problem(try_register(t, "P-256",
                                    "{\"termsOfServiceAgreed\":true,\"contact\":[\"mailto:a@letsencrypt.org\","
                                    "\"mailto:b@letsencrypt.org\"]}"),
                       400, "malformed", "Error validating contact(s) :: too many contacts provided: 2 > 1");
    lib_assert_problem(
        try_register(t, "P-256", "{\"termsOfServiceAgreed\":true,\"contact\":[\"mailto:a@letsencrypt.net\"]}"), 400,
        "invalidContact", "Error validating contact(s) :: contact email has forbidden domain \"letsencrypt.net\"");

    and_goes(t);
    answer = read_account(client);
    assert_non_null(json_object_get(answer->json, "contact"));
    assert_string_equal(lib_link(t, answer, "terms-of-service"), before);
    lib_assert_status(try_register(t, "P-384", WITH_CONTACT), 201);
}

static void requests(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    const char *order = lib_path(lib_header(lib_order(client, "a.test"), "Location"));
    const char *large = lib_text(t, "{\"pad\":\"%01600d\"}", 0);

    lib_assert_status(lib_get(t, order), 200);
    lib_assert_status(lib_post(client, lib_path(client->url), large), 200);
    the_day_comes(t);
    lib_assert_status(lib_get(t, order), 405);
    lib_assert_problem(lib_post(client, lib_path(client->url), large), 403, "unauthorized",
                       "Unable to validate JWS :: request body too large");
    and_goes(t);
    lib_assert_status(lib_get(t, order), 200);
}

static struct lib_answer *try_order(struct lib_client *client, const char *names)
{
    return lib_post(client, NEW_ORDER, lib_order_payload(client->t, names, NULL));
}

static void orders(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    const char *names = lib_text(t, "a%059d.test,b%059d.test,c%059d.test,d%059d.test", 0, 0, 0, 0);

    lib_assert_status(try_order(client, names), 201);
    const char *first = lib_header(try_order(client, "a.test"), "Location");
    assert_string_equal(lib_header(try_order(client, "a.test"), "Location"), first);
    lib_assert_status(try_order(client, "www.blocked.test"), 201);
    the_day_comes(t);
    lib_assert_problem(try_order(client, names), 400, "malformed",
                       "Cumulative length of all identifier values was greater than 253 bytes");
    assert_string_not_equal(lib_header(try_order(client, "a.test"), "Location"), first);
    lib_assert_problem(try_order(client, "www.blocked.test"), 400, "rejectedIdentifier",
                       "Error creating new order :: Cannot issue for \"www.blocked.test\": The ACME server refuses to "
                       "issue a certificate for this domain name, because it is forbidden by policy");
    and_goes(t);
    lib_assert_status(try_order(client, "www.blocked.test"), 201);
}

static struct lib_answer *try_finalize(struct lib_client *client, const struct lib_answer *order, const char *kind)
{
    const struct lib_csr csr = {.names = "a.test", .key = lib_evp(client->t, kind)};

    return lib_post(client, lib_path(lib_member(order, "finalize")), lib_csr_payload(client->t, &csr));
}

/* Slow pace. */
static void certificates(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_answer *first = lib_ready_order(client, "a.test");
    struct lib_answer *answer = try_finalize(client, first, "P-384");

    lib_assert_status(answer, 200);
    assert_string_equal(lib_member(answer, "status"), "valid");
    struct lib_answer *second = lib_order(client, "a.test");
    the_day_comes(t);
    lib_assert_problem(try_finalize(client, second, "P-384"), 400, "badCSR",
                       "Error finalizing order :: invalid public key in CSR: ECDSA curve P-384 not allowed");
    answer = try_finalize(client, second, "P-256");
    lib_assert_status(answer, 200);
    assert_string_equal(lib_member(answer, "status"), "processing");
    assert_string_equal(lib_header(answer, "Retry-After"), "9");
    lib_acme_run_jobs(t);
}

static void revocations(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_issued issued;

    lib_issue(client, "a.test", &issued);
    const char *payload = lib_text(t, "{\"certificate\":\"%s\",\"reason\":4}", issued.der);
    the_day_comes(t);
    lib_assert_problem(lib_post(client, "/acme/revoke-cert", payload), 400, "badRevocationReason",
                       "Unable to revoke :: disallowed revocation reason: 4");
    and_goes(t);
    lib_assert_status(lib_post(client, "/acme/revoke-cert", payload), 200);
}

static void longer_margin(json_t *policy)
{
    json_object_set_new(policy, "changes",
                        json_pack("[{s:s,s:s,s:{s:s,s:s},s:s}]", "on", "2026-09-02", "what", "30 days are too few",
                                  "set", "reuse.margin_min", "30d", "reuse.margin_max", "30d", "source", "a test"));
}

static void authorizations(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_issued issued;

    lib_issue(client, "a.test", &issued);
    struct lib_answer *authz = lib_post(client, lib_authz_path(lib_order(client, "a.test,b.test"), 0), NULL);
    assert_string_equal(lib_member(authz, "status"), "valid");
    the_day_comes(t);
    authz = lib_post(client, lib_authz_path(lib_order(client, "a.test,c.test"), 0), NULL);
    assert_string_equal(lib_member(authz, "status"), "pending");
}

static void fewer_orders(json_t *policy)
{
    json_object_set_new(policy, "changes",
                        json_pack("[{s:s,s:s,s:{s:i,s:i},s:s}]", "on", "2026-09-02", "what", "one order in 3 hours",
                                  "set", "limits.NewOrdersPerAccount.count", 1, "limits.NewOrdersPerAccount.burst", 1,
                                  "source", "a test"));
}

static void limits(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);

    for (int i = 0; i < 3; i++)
        lib_assert_status(try_order(client, lib_text(t, "n%d.test", i)), 201);
    the_day_comes(t);
    lib_assert_status(try_order(client, "m.test"), 201);
    struct lib_answer *answer = try_order(client, "o.test");
    lib_assert_status(answer, 429);
    assert_non_null(strstr(lib_member(answer, "detail"), "too many new orders (1) from this account"));
}

static void one_less(json_t *policy)
{
    json_object_set_new(policy, "changes",
                        json_pack("[{s:s,s:s,s:{s:[s,s]},s:s}]", "on", "2026-09-02", "what", "ES256 goes", "set",
                                  "requests.signature_algorithms", "RS256", "ES384", "source", "a test"));
}

static void algorithms(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);

    the_day_comes(t);
    lib_assert_problem(read_account(client), 400, "badSignatureAlgorithm",
                       "Unable to validate JWS :: JWS signature header contains unsupported algorithm \"ES256\", "
                       "expected one of [RS256 ES384]");
    and_goes(t);
    lib_assert_status(read_account(client), 200);
}

/* letsencrypt.md F.1: contacts are no longer stored from 2025-06-04 on. */
static void contacts_of_production(void **state)
{
    struct lib_acme *t = *state;

    lib_acme_advance(t, "-455d"); /* 2025-06-03 */
    struct lib_answer *answer = try_register(t, "P-256", WITH_CONTACT);
    lib_assert_status(answer, 201);
    assert_non_null(json_object_get(answer->json, "contact"));
    lib_acme_advance(t, "1d");
    answer = try_register(t, "P-256", WITH_CONTACT);
    lib_assert_status(answer, 201);
    assert_null(json_object_get(answer->json, "contact"));
}

int main(void)
{
    static struct lib_options all = {.edit = change}, slow = {.edit = change, .pace = FC_PACE_LETSENCRYPT},
                              fewer = {.edit = fewer_orders, .limits = "letsencrypt"}, longer = {.edit = longer_margin},
                              one = {.edit = one_less};
    const struct CMUnitTest tests[] = {
        LIB_TEST_WITH(accounts, &all),          LIB_TEST_WITH(requests, &all),    LIB_TEST_WITH(orders, &all),
        LIB_TEST_WITH(certificates, &slow),     LIB_TEST_WITH(revocations, &all), LIB_TEST_WITH(algorithms, &one),
        LIB_TEST_WITH(authorizations, &longer), LIB_TEST_WITH(limits, &fewer),    LIB_TEST(contacts_of_production),
    };
    RUN(tests);
}
