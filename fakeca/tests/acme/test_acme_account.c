/* Accounts, contacts, key change: letsencrypt.md G.3, C.6; RFC 8555 section 7.3. */
#include "lib_acme.h"

#include <stdlib.h>
#include <string.h>

#include "base/base_buf.h"
#include "base/base_json.h"
#include "pki/pki_jws.h"

#include "cmocka_all.h"

#define NEW "/acme/new-acct"
#define AGREED "{\"termsOfServiceAgreed\":true}"

static struct lib_answer *register_again(struct lib_client *client, const char *payload)
{
    return lib_post_twisted(client, NEW, payload, &(struct lib_twist){.jwk = true});
}

static void created_and_found_again(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_unregistered(t, "P-256");
    struct lib_answer *answer = lib_post(client, NEW, "{\"termsOfServiceAgreed\":true,\"orders\":\"x\",\"foo\":{}}");
    fc_auto_json jwk = fc_key_to_jwk(client->key);

    lib_assert_status(answer, 201);
    assert_string_equal(lib_header(answer, "Location"), LIB_BASE "/acme/acct/1");
    assert_string_equal(lib_link(t, answer, "terms-of-service"),
                        "https://letsencrypt.org/documents/LE-SA-v1.8-July-06-2026.pdf");
    assert_int_equal(json_object_size(answer->json), 3); /* key, createdAt, status */
    assert_string_equal(lib_member(answer, "status"), "valid");
    assert_string_equal(lib_member(answer, "createdAt"), LIB_NOW);
    assert_true(json_equal(json_object_get(answer->json, "key"), jwk));

    /* whatever it carries, with or without agreement */
    static const char *const again[] = {AGREED, "{}", "{\"onlyReturnExisting\":true}",
                                        "{\"contact\":[\"mailto:b@letsencrypt.org\"]}"};
    for (size_t i = 0; i < sizeof again / sizeof *again; i++) {
        answer = register_again(client, again[i]);
        lib_assert_status(answer, 200);
        assert_string_equal(lib_header(answer, "Location"), LIB_BASE "/acme/acct/1");
        assert_string_equal(lib_header(answer, "Boulder-Requester"), "1");
        assert_string_equal(lib_member(answer, "createdAt"), LIB_NOW);
    }
    assert_int_equal(lib_events(t, "account.created"), 1);
}

static void not_created(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_unregistered(t, "P-256");
    static const struct {
        const char *payload, *type, *detail;
    } bad[] = {
        {"{}", "malformed", "must agree to terms of service"},
        {"{\"termsOfServiceAgreed\":false}", "malformed", "must agree to terms of service"},
        {"{\"termsOfServiceAgreed\":\"true\"}", "malformed", "Error unmarshaling JSON"},
        {"{\"termsOfServiceAgreed\":true,\"contact\":\"mailto:a@b.org\"}", "malformed", "Error unmarshaling JSON"},
        {"{\"termsOfServiceAgreed\":true,\"contact\":[5]}", "malformed", "Error unmarshaling JSON"},
        {"{\"onlyReturnExisting\":1}", "malformed", "Error unmarshaling JSON"},
        {NULL, "malformed", "Error unmarshaling JSON"},
        {"{\"onlyReturnExisting\":true,\"termsOfServiceAgreed\":true}", "accountDoesNotExist",
         "No account exists with the provided key"},
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        lib_assert_problem(lib_post(client, NEW, bad[i].payload), 400, bad[i].type, bad[i].detail);
    assert_int_equal(lib_events(t, "account.created"), 0);
}

#define CONTACT "Error validating contact(s) :: "

static void contacts(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_unregistered(t, "P-256");
    static const struct {
        const char *contact, *type, *detail;
    } bad[] = {
        {"", "invalidContact", CONTACT "empty contact"},
        {":", "invalidContact", CONTACT "unparsable contact"},
        {"mail\\u0007to:a@b.org", "invalidContact", CONTACT "unparsable contact"},
        {"tel:+12025551212", "unsupportedContact", CONTACT "only contact scheme 'mailto:' is supported"},
        {"a@b.org", "unsupportedContact", CONTACT "only contact scheme 'mailto:' is supported"},
        {"mailto:a@letsencrypt.org?subject=s", "invalidContact", CONTACT "contact email contains a question mark"},
        {"mailto:a@letsencrypt.org?", "invalidContact", CONTACT "contact email contains a question mark"},
        {"mailto:a@letsencrypt.org#x", "invalidContact", CONTACT "contact email contains a '#'"},
        {"mailto:\\u00e4@letsencrypt.org", "invalidContact", CONTACT "contact email contains non-ASCII characters"},
        {"mailto:", "invalidContact", CONTACT "unable to parse email address"},
        {"mailto:not-an-address", "invalidContact", CONTACT "unable to parse email address"},
        {"mailto:a@x.org,b@x.org", "invalidContact", CONTACT "unable to parse email address"},
        {"mailto:a@com", "invalidContact",
         CONTACT "contact email has invalid domain: Domain name needs at least one dot"},
        {"mailto:a@b.test", "invalidContact",
         CONTACT "contact email has invalid domain: Domain name does not end with a valid public suffix (TLD)"},
        {"mailto:a@EXAMPLE.com", "invalidContact", CONTACT "contact email has forbidden domain \"example.com\""},
        {"mailto:a@example.net", "invalidContact", CONTACT "contact email has forbidden domain \"example.net\""},
        {"mailto:a@example.org", "invalidContact", CONTACT "contact email has forbidden domain \"example.org\""},
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        lib_assert_problem(
            lib_post(client, NEW, lib_text(t, "{\"termsOfServiceAgreed\":true,\"contact\":[\"%s\"]}", bad[i].contact)),
            400, bad[i].type, bad[i].detail);
    lib_assert_status(lib_post(client, NEW,
                               "{\"termsOfServiceAgreed\":true,\"contact\":"
                               "[\"mailto:a.b+c@letsencrypt.org\",\"MAILTO:x@isrg.org\"]}"),
                      201);
}

static void too_many_contacts(void **state)
{
    struct lib_acme *t = *state;
    struct fc_buf payload fc_auto_buf = {0};

    fc_buf_init(&payload, 4096);
    fc_buf_puts(&payload, "{\"termsOfServiceAgreed\":true,\"contact\":[\"\"");
    for (int i = 0; i < 10; i++)
        fc_buf_puts(&payload, ",\"mailto:a@letsencrypt.org\"");
    fc_buf_puts(&payload, "]}");
    struct lib_answer *answer =
        lib_post(lib_client_unregistered(t, "P-256"), NEW, fc_arena_strdup(t->arena, payload.data));
    lib_assert_problem(answer, 400, "malformed", CONTACT "too many contacts provided: 11 > 10");
}

static void read_and_update(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    static const char *const harmless[] = {NULL,
                                           "{}",
                                           "{\"status\":\"valid\"}",
                                           "{\"contact\":[]}",
                                           "{\"contact\":[\"mailto:x@letsencrypt.org\"]}",
                                           "{\"orders\":\"x\",\"termsOfServiceAgreed\":false,\"foo\":1}"};

    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++) {
        struct lib_answer *answer = lib_post(client, lib_path(client->url), harmless[i]);
        lib_assert_status(answer, 200);
        assert_string_equal(lib_member(answer, "status"), "valid");
        assert_null(json_object_get(answer->json, "contact"));
        assert_null(json_object_get(answer->json, "orders"));
        assert_non_null(lib_link(t, answer, "terms-of-service"));
        assert_null(lib_header(answer, "Location"));
    }
    lib_assert_problem(lib_post(client, lib_path(client->url), "{\"status\":\"revoked\"}"), 400, "malformed",
                       "Unable to update account :: invalid status \"revoked\" for account update request, must be "
                       "\"valid\" or \"deactivated\"");
    lib_assert_problem(lib_post(client, lib_path(client->url), "{\"status\":5}"), 400, "malformed",
                       "Error unmarshaling JSON");
    struct lib_client *other = lib_client_new(t);
    lib_assert_problem(lib_post(other, lib_path(client->url), NULL), 403, "unauthorized",
                       "Request signing key did not match account key");
    lib_assert_problem(lib_post(other, lib_path(client->url), "{\"status\":\"deactivated\"}"), 403, "unauthorized",
                       "Request signing key did not match account key");
    lib_assert_problem(lib_post(client, "/acme/acct/x", NULL), 400, "malformed", "Account ID must be an integer");
    assert_string_equal(lib_member(lib_post(client, lib_path(client->url), NULL), "status"), "valid");
}

static void contacts_shown_where_the_policy_keeps_them(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_unregistered(t, "P-256");
    struct lib_answer *answer =
        lib_post(client, NEW, "{\"termsOfServiceAgreed\":true,\"contact\":[\"mailto:x@letsencrypt.org\"]}");

    client->url = lib_header(answer, "Location");
    fc_auto_free char *shown = fc_json_text(json_object_get(answer->json, "contact"));
    assert_string_equal(shown, "[\"mailto:x@letsencrypt.org\"]");
    assert_true(json_is_true(json_object_get(answer->json, "termsOfServiceAgreed")));
    lib_assert_status(lib_post(client, lib_path(client->url), "{\"contact\":[\"mailto:y@letsencrypt.org\"]}"), 200);
    answer = lib_post(client, lib_path(client->url), NULL);
    fc_auto_free char *later = fc_json_text(json_object_get(answer->json, "contact"));
    assert_string_equal(later, "[\"mailto:y@letsencrypt.org\"]");
    lib_assert_problem(lib_post(client, lib_path(client->url), "{\"contact\":[\"tel:1\"]}"), 400, "unsupportedContact",
                       "Unable to update account :: only contact scheme 'mailto:' is supported");
    answer = lib_post(client, lib_path(client->url), "{\"contact\":[]}");
    assert_null(json_object_get(answer->json, "contact"));
}

static void deactivated_for_good(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_answer *answer = lib_post(client, lib_path(client->url), "{\"status\":\"deactivated\"}");

    lib_assert_status(answer, 200);
    assert_string_equal(lib_member(answer, "status"), "deactivated");
    lib_assert_problem(lib_post(client, lib_path(client->url), "{\"status\":\"valid\"}"), 403, "unauthorized",
                       "Unable to validate JWS :: Account is not valid, has status \"deactivated\"");
    lib_assert_problem(register_again(client, AGREED), 403, "unauthorized",
                       "An account with the provided public key exists but is deactivated");
    lib_assert_problem(register_again(client, "{\"onlyReturnExisting\":true}"), 403, "unauthorized",
                       "An account with the provided public key exists but is deactivated");
    assert_int_equal(lib_events(t, "account.updated"), 1);
}

/* ---- key change ---- */

#define CHANGE "/acme/key-change"
#define VALIDATE "Unable to validate JWS :: "

struct change {
    const struct fc_key *key;    /* the new one, whose jwk is in the inner header */
    const struct fc_key *signer; /* NULL: key */
    const char *url;             /* NULL: right */
    const char *account;         /* NULL: right; "" left out */
    const struct fc_key *old_key;
    bool no_old_key, no_jwk, no_url;
    const char *payload; /* NULL: made of the above */
};

static const char *inner(struct lib_client *client, const struct change *change)
{
    struct lib_acme *t = client->t;
    fc_auto_json header = json_object();
    fc_auto_json payload = json_object();
    const char *account = change->account ? change->account : client->url;
    char *body;

    if (!change->no_url)
        json_object_set_new(header, "url", json_string(change->url ? change->url : LIB_BASE CHANGE));
    if (!change->no_jwk)
        json_object_set_new(header, "jwk", fc_key_to_jwk(change->key));
    if (*account)
        json_object_set_new(payload, "account", json_string(account));
    if (!change->no_old_key)
        json_object_set_new(payload, "oldKey", fc_key_to_jwk(change->old_key ? change->old_key : client->key));
    fc_auto_free char *text = fc_json_text(payload);
    assert_int_equal(fc_jws_sign(change->signer ? change->signer : change->key, header,
                                 change->payload ? change->payload : text, &body, NULL),
                     0);
    char *copy = fc_arena_strdup(t->arena, body);
    free(body);
    return copy;
}

static struct lib_answer *change_key(struct lib_client *client, const struct change *change)
{
    return lib_post(client, CHANGE, inner(client, change));
}

static void key_changed(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_answer *order = lib_order(client, "a.test");
    struct fc_key *key = lib_key(t, "P-384");
    fc_auto_json jwk = fc_key_to_jwk(key);
    struct lib_answer *answer = change_key(client, &(struct change){.key = key});

    lib_assert_status(answer, 200);
    assert_true(json_equal(json_object_get(answer->json, "key"), jwk));
    lib_assert_problem(lib_post(client, "/acme/new-order", "{}"), 400, "malformed",
                       VALIDATE "JWS signature header algorithm \"ES256\" does not match expected algorithm "
                                "\"ES384\" for JWK");
    /* what was pending goes on, with the key authorization of the new key */
    client->key = key;
    fc_key_thumbprint(key, client->thumbprint);
    lib_web_thumbprint(t, client->thumbprint);
    lib_validate(client, order);
    order = lib_post(client, lib_path(lib_header(order, "Location")), NULL);
    assert_string_equal(lib_member(order, "status"), "ready");
    lib_assert_status(register_again(client, "{\"onlyReturnExisting\":true}"), 200);
    assert_int_equal(lib_events(t, "account.key-changed"), 1);
}

static void key_not_changed(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t), *other = lib_client_new(t);
    struct fc_key *key = lib_key(t, "P-256");
    const char *wrong_url = LIB_BASE "/acme/new-order";
    const struct {
        struct change change;
        int status;
        const char *type, *detail;
    } bad[] = {
        {{.key = key, .signer = client->key}, 400, "malformed", VALIDATE "Inner JWS does not verify with embedded JWK"},
        {{.key = key, .no_jwk = true}, 400, "malformed", VALIDATE "No embedded JWK in JWS header"},
        {{.key = key, .no_url = true}, 400, "malformed", VALIDATE "Inner JWS header parameter 'url' required"},
        {{.key = key, .payload = "[]"},
         400,
         "malformed",
         VALIDATE "Inner JWS payload did not parse as JSON key rollover object"},
        {{.key = key, .no_old_key = true},
         400,
         "malformed",
         VALIDATE "Inner JWS does not contain old key field matching current account key"},
        {{.key = key, .old_key = other->key},
         400,
         "malformed",
         VALIDATE "Inner JWS does not contain old key field matching current account key"},
        {{.key = key, .url = wrong_url},
         400,
         "malformed",
         lib_text(t, VALIDATE "Outer JWS 'url' value \"%s\" does not match inner JWS 'url' value \"%s\"",
                  LIB_BASE CHANGE, wrong_url)},
        {{.key = key, .account = other->url},
         400,
         "malformed",
         lib_text(t, "Inner key rollover request specified Account \"%s\", but outer JWS has Key ID \"%s\"", other->url,
                  client->url)},
        {{.key = key, .account = ""},
         400,
         "malformed",
         lib_text(t, "Inner key rollover request specified Account \"\", but outer JWS has Key ID \"%s\"",
                  client->url)},
        {{.key = client->key}, 400, "malformed", "New key specified by rollover request is the same as the old key"},
        {{.key = other->key}, 409, "conflict", "New key is already in use for a different account"},
        {{.key = lib_key(t, "RSA-1024")},
         400,
         "badPublicKey",
         VALIDATE "invalid request signing key: key size not supported: 1024"},
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct lib_answer *answer = change_key(client, &bad[i].change);
        lib_assert_problem(answer, bad[i].status, bad[i].type, bad[i].detail);
        if (bad[i].status == 409)
            assert_string_equal(lib_header(answer, "Location"), other->url);
    }
    lib_assert_problem(lib_post(client, CHANGE, "{}"), 400, "malformed", VALIDATE "Parse error reading JWS");
    lib_assert_status(lib_post(client, lib_path(client->url), NULL), 200);
}

static void keep_contacts(json_t *policy)
{
    json_object_set_new(json_object_get(policy, "departures"), "contact_not_stored", json_false());
    json_object_set_new(policy, "changes", json_array());
}

int main(void)
{
    static struct lib_options keeping = {.edit = keep_contacts};
    const struct CMUnitTest tests[] = {
        LIB_TEST(created_and_found_again),
        LIB_TEST(not_created),
        LIB_TEST(contacts),
        LIB_TEST(too_many_contacts),
        LIB_TEST(read_and_update),
        LIB_TEST_WITH(contacts_shown_where_the_policy_keeps_them, &keeping),
        LIB_TEST(deactivated_for_good),
        LIB_TEST(key_changed),
        LIB_TEST(key_not_changed),
    };
    RUN(tests);
}
