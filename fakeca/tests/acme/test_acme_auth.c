/* letsencrypt.md G.2: each refusal of a signed request, in its place, word by word. */
#include "lib_acme.h"

#include <string.h>

#include "base/base_json.h"

#include "cmocka_all.h"

#define VALIDATE "Unable to validate JWS :: "
#define BAD_NONCE "JWS has an invalid anti-replay nonce"

#define ORDER "/acme/new-order"

static struct lib_answer *order_twisted(struct lib_client *client, const struct lib_twist *twist)
{
    return lib_post_twisted(client, ORDER, lib_order_payload(client->t, "a.test", NULL), twist);
}

static struct lib_answer *send_body(struct lib_acme *t, const char *body)
{
    return lib_send(t, &(struct lib_request){.method = "POST", .path = ORDER, .body = body});
}

/* A flattened JWS of these three parts; header is JSON text. */
static const char *raw(struct lib_acme *t, const char *header, const char *payload, const char *signature)
{
    return lib_text(t, "{\"protected\":\"%s\",\"payload\":\"%s\",\"signature\":\"%s\"}",
                    lib_b64(t, header, strlen(header)), lib_b64(t, payload, strlen(payload)),
                    lib_b64(t, signature, strlen(signature)));
}

static void assert_unused(struct lib_acme *t, size_t orders)
{
    assert_int_equal(lib_events(t, "order.created"), orders);
}

static void step_1_headers(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);

    lib_assert_problem(order_twisted(client, &(struct lib_twist){.type = ""}), 400, "malformed",
                       VALIDATE "No Content-Type header on POST. Content-Type must be \"application/jose+json\"");
    static const char *const types[] = {"application/json", "application/jose+json; charset=utf-8", "text/plain"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        lib_assert_problem(order_twisted(client, &(struct lib_twist){.type = types[i]}), 400, "malformed",
                           VALIDATE
                           "Invalid Content-Type header on POST. Content-Type must be \"application/jose+json\"");
    lib_assert_problem(order_twisted(client, &(struct lib_twist){.extra = "replay-nonce: x"}), 400, "malformed",
                       VALIDATE "HTTP requests should NOT contain Replay-Nonce header. Use JWS nonce field");
    lib_assert_problem(send_body(t, ""), 400, "malformed", VALIDATE "No body on POST");
    assert_unused(t, 0);
}

static void step_2_size(void **state)
{
    struct lib_acme *t = *state;
    static char large[50002];

    lib_assert_problem(lib_send(t, &(struct lib_request){.method = "POST", .path = ORDER, .too_large = true}), 403,
                       "unauthorized", VALIDATE "request body too large");
    memset(large, ' ', sizeof large - 1);
    lib_assert_problem(send_body(t, large), 403, "unauthorized", VALIDATE "request body too large");
    large[50000] = '\0';
    lib_assert_problem(send_body(t, large), 400, "malformed", VALIDATE "Parse error reading JWS");
}

static void step_3_parse(void **state)
{
    struct lib_acme *t = *state;
    static const char *const broken[] = {
        "{",
        "[]",
        "null",
        "\"x\"",
        "5",
        "{}x",
        "\xff",
        "{\"protected\":5,\"payload\":\"\",\"signature\":\"\"}",
        "{\"protected\":\"e30\",\"protected\":\"e30\",\"payload\":\"\",\"signature\":\"AA\"}",
        "{\"protected\":\"e30=\",\"payload\":\"\",\"signature\":\"AA\"}",
        "{\"protected\":\"e3+0\",\"payload\":\"\",\"signature\":\"AA\"}",
        "{\"protected\":\"bm90IGpzb24\",\"payload\":\"\",\"signature\":\"AA\"}",
        "{\"protected\":\"e30\",\"payload\":\"\",\"signature\":\"AA\",\"more\":1}",
        "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["};

    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        lib_assert_problem(send_body(t, broken[i]), 400, "malformed", VALIDATE "Parse error reading JWS");
    lib_assert_problem(send_body(t, "{\"header\":{},\"protected\":\"e30\",\"payload\":\"\",\"signature\":\"AA\"}"), 400,
                       "malformed",
                       VALIDATE "JWS \"header\" field not allowed. All headers must be in \"protected\" field");
    lib_assert_problem(send_body(t, "{\"signatures\":[],\"protected\":\"e30\",\"payload\":\"\"}"), 400, "malformed",
                       VALIDATE "JWS \"signatures\" field not allowed. Only the \"signature\" field should contain a "
                                "signature");
    lib_assert_problem(send_body(t, "{\"protected\":\"e30\",\"payload\":\"\"}"), 400, "malformed",
                       VALIDATE "POST JWS not signed");
    lib_assert_problem(send_body(t, "{\"protected\":\"e30\",\"payload\":\"\",\"signature\":\"\"}"), 400, "malformed",
                       VALIDATE "POST JWS not signed");
}

static void step_3_algorithm(void **state)
{
    struct lib_acme *t = *state;
    static const char *const bad[] = {"PS256", "ES256K", "xyz", "none", "HS256", "EdDSA"};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *header = lib_text(t, "{\"alg\":\"%s\"}", bad[i]);
        struct lib_answer *answer = send_body(t, raw(t, header, "{}", "x"));
        lib_assert_problem(answer, 400, "badSignatureAlgorithm",
                           lib_text(t,
                                    VALIDATE "JWS signature header contains unsupported algorithm \"%s\", expected one "
                                             "of [RS256 ES256 ES384 ES512]",
                                    bad[i]));
        fc_auto_free char *names = fc_json_text(json_object_get(answer->json, "algorithms"));
        assert_string_equal(names, "[\"RS256\",\"ES256\",\"ES384\",\"ES512\"]");
    }
    lib_assert_problem(send_body(t, raw(t, "{}", "{}", "x")), 400, "badSignatureAlgorithm",
                       VALIDATE "JWS signature header contains unsupported algorithm \"\", expected one of [RS256 "
                                "ES256 ES384 ES512]");
}

static void step_4_key_kind(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);

    lib_assert_problem(order_twisted(client, &(struct lib_twist){.jwk = true, .kid = client->url}), 400, "malformed",
                       VALIDATE "jwk and kid header fields are mutually exclusive");
    lib_assert_problem(order_twisted(client, &(struct lib_twist){.no_kid = true}), 400, "malformed",
                       VALIDATE "No Key ID in JWS header");
    lib_assert_problem(order_twisted(client, &(struct lib_twist){.jwk = true}), 400, "malformed",
                       VALIDATE "No Key ID in JWS header");
    lib_assert_problem(lib_post_twisted(client, "/acme/new-acct", "{}", &(struct lib_twist){0}), 400, "malformed",
                       VALIDATE "No embedded JWK in JWS header");
    static const char *const bad_jwks[] = {"5", "{}", "{\"kty\":\"EC\",\"crv\":\"P-256\"}",
                                           "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}",
                                           "{\"kty\":\"oct\",\"k\":\"AAAA\"}"};
    for (size_t i = 0; i < sizeof bad_jwks / sizeof *bad_jwks; i++) {
        const char *header = lib_text(t, "{\"alg\":\"ES256\",\"jwk\":%s}", bad_jwks[i]);
        struct lib_answer *answer = lib_send(
            t, &(struct lib_request){.method = "POST", .path = "/acme/new-acct", .body = raw(t, header, "{}", "x")});
        lib_assert_problem(answer, 400, "malformed", VALIDATE "Invalid JWK in JWS header");
    }
}

static void step_5_account(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    static const struct {
        const char *kid, *type, *detail;
    } bad[] = {
        {"https://other.example/acme/acct/1", "malformed",
         VALIDATE "KeyID header contained an invalid account URL: \"https://other.example/acme/acct/1\""},
        {"http://" LIB_HOST "/acme/acct/1", "malformed",
         VALIDATE "KeyID header contained an invalid account URL: \"http://" LIB_HOST "/acme/acct/1\""},
        {"a\"b\n", "malformed", VALIDATE "KeyID header contained an invalid account URL: \"a\\\"b\\n\""},
        {LIB_BASE "/acme/acct/x", "malformed",
         VALIDATE "Malformed account ID in KeyID header URL: \"" LIB_BASE "/acme/acct/x\""},
        {LIB_BASE "/acme/acct/77", "accountDoesNotExist", VALIDATE "Account \"" LIB_BASE "/acme/acct/77\" not found"},
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        lib_assert_problem(order_twisted(client, &(struct lib_twist){.kid = bad[i].kid}), 400, bad[i].type,
                           bad[i].detail);
    lib_assert_status(lib_post(client, lib_path(client->url), "{\"status\":\"deactivated\"}"), 200);
    lib_assert_problem(order_twisted(client, &(struct lib_twist){0}), 403, "unauthorized",
                       VALIDATE "Account is not valid, has status \"deactivated\"");
}

static void step_6_algorithm_of_the_key(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);

    const char *header = lib_text(t, "{\"alg\":\"RS256\",\"kid\":\"%s\"}", client->url);
    lib_assert_problem(send_body(t, raw(t, header, "{}", "x")), 400, "malformed",
                       VALIDATE
                       "JWS signature header algorithm \"RS256\" does not match expected algorithm \"ES256\" for JWK");
}

static void step_7_signature_burns_no_nonce(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    const char *nonce = lib_nonce(t);

    lib_assert_problem(order_twisted(client, &(struct lib_twist){.key = lib_key(t, "P-256"), .nonce = nonce}), 400,
                       "malformed", VALIDATE "JWS verification error");
    lib_assert_status(order_twisted(client, &(struct lib_twist){.nonce = nonce}), 201);
    /* the kid's key counts, not one that happens to belong to somebody else */
    struct lib_client *other = lib_client_new(t);
    lib_assert_problem(order_twisted(other, &(struct lib_twist){.kid = client->url}), 400, "malformed",
                       VALIDATE "JWS verification error");
    assert_unused(t, 1);
}

static void step_8_nonce(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    fc_auto_json number = json_pack("{s:i}", "nonce", 5);
    static const char *const bad[] = {"", "x", "a+b/", "abc="};

    lib_assert_problem(order_twisted(client, &(struct lib_twist){.no_nonce = true}), 400, "badNonce", BAD_NONCE);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        lib_assert_problem(order_twisted(client, &(struct lib_twist){.nonce = bad[i]}), 400, "badNonce", BAD_NONCE);
    struct lib_answer *answer = order_twisted(client, &(struct lib_twist){.no_nonce = true, .header = number});
    assert_int_equal(answer->status, 400);

    const char *nonce = lib_nonce(t);
    const char *body =
        lib_sign(client, ORDER, lib_order_payload(t, "a.test", NULL), &(struct lib_twist){.nonce = nonce});
    lib_assert_status(send_body(t, body), 201);
    answer = send_body(t, body);
    lib_assert_problem(answer, 400, "badNonce", BAD_NONCE);
    /* its own nonce is good for the retry */
    const char *fresh = lib_header(answer, "Replay-Nonce");
    lib_assert_status(order_twisted(client, &(struct lib_twist){.nonce = fresh}), 201);
}

static void step_9_url(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    static const char *const wrong[] = {LIB_BASE "/acme/new-acct",
                                        LIB_BASE "/acme/new-order/",
                                        LIB_BASE "/acme/new-order?x=1",
                                        "https://LOCALHOST:14000/acme/new-order",
                                        "http://" LIB_HOST "/acme/new-order",
                                        LIB_BASE "/acme/new%2Dorder"};

    lib_assert_problem(order_twisted(client, &(struct lib_twist){.no_url = true}), 400, "malformed",
                       VALIDATE "JWS header parameter 'url' required");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        lib_assert_problem(order_twisted(client, &(struct lib_twist){.url = wrong[i]}), 400, "malformed",
                           lib_text(t,
                                    VALIDATE "JWS header parameter 'url' incorrect. Expected \"" LIB_BASE
                                             "/acme/new-order\" got \"%s\"",
                                    wrong[i]));
    /* the query counts on both sides */
    lib_assert_problem(order_twisted(client, &(struct lib_twist){.query = "x=1", .url = LIB_BASE ORDER}), 400,
                       "malformed",
                       VALIDATE "JWS header parameter 'url' incorrect. Expected \"" LIB_BASE
                                "/acme/new-order?x=1\" got \"" LIB_BASE "/acme/new-order\"");
    lib_assert_status(order_twisted(client, &(struct lib_twist){.query = "x=1"}), 201);
    /* the nonce was used up by then: RFC 8555 section 6.5, and step 8 comes before step 9 */
    const char *nonce = lib_nonce(t);
    order_twisted(client, &(struct lib_twist){.nonce = nonce, .no_url = true});
    lib_assert_problem(order_twisted(client, &(struct lib_twist){.nonce = nonce}), 400, "badNonce", BAD_NONCE);
}

static void step_10_payload(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    static const char *const bad[] = {"{",
                                      "[]",
                                      "\"x\"",
                                      "5",
                                      "\xff",
                                      "{\"a\":1,\"a\":2}",
                                      "{\"a\":\"\\u0000\"}",
                                      "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"\xff.test\"}]}"};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        lib_assert_problem(lib_post(client, ORDER, bad[i]), 400, "malformed",
                           VALIDATE "Request payload did not parse as JSON");
    struct lib_answer *order = lib_order(client, "a.test");
    const char *path = lib_path(lib_header(order, "Location"));
    lib_assert_problem(lib_post(client, path, "{}"), 400, "malformed",
                       VALIDATE "POST-as-GET requests must have an empty payload");
    lib_assert_problem(lib_post(client, "/directory", "{}"), 400, "malformed",
                       VALIDATE "POST-as-GET requests must have an empty payload");
}

static void step_11_key_policy(void **state)
{
    struct lib_acme *t = *state;
    static const struct {
        const char *kind, *detail;
    } bad[] = {
        {"RSA-1024", VALIDATE "invalid request signing key: key size not supported: 1024"},
        {"P-521", VALIDATE "invalid request signing key: ECDSA curve P-521 not allowed"},
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        lib_assert_problem(
            lib_post(lib_client_unregistered(t, bad[i].kind), "/acme/new-acct", "{\"termsOfServiceAgreed\":true}"), 400,
            "badPublicKey", bad[i].detail);
    static const char *const good[] = {"RSA-2048", "P-256", "P-384"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        lib_assert_status(
            lib_post(lib_client_unregistered(t, good[i]), "/acme/new-acct", "{\"termsOfServiceAgreed\":true}"), 201);
}

/* Every answer to a POST carries a usable nonce and the link to the directory, refusals too (clients.md C2). */
static void refusals_carry_nonces(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_answer *answer = send_body(t, "{");

    assert_string_equal(lib_link(t, answer, "index"), LIB_BASE "/directory");
    assert_null(lib_header(answer, "Boulder-Requester"));
    assert_non_null(lib_header(answer, "Replay-Nonce"));
    lib_assert_status(order_twisted(client, &(struct lib_twist){.nonce = lib_header(answer, "Replay-Nonce")}), 201);
    assert_int_equal(lib_events(t, "request.refused"), 1);
}

/* Boulder compares with what the request itself says, and so do we: a client may come by every name of this machine. */
static void urls_follow_the_host(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_unregistered(t, "P-256");
    const struct lib_twist twist = {.jwk = true, .host = "127.0.0.1:443", .url = "https://127.0.0.1/acme/new-acct"};
    struct lib_answer *answer = lib_post_twisted(client, "/acme/new-acct", "{\"termsOfServiceAgreed\":true}", &twist);

    lib_assert_status(answer, 201);
    assert_string_equal(lib_header(answer, "Location"), "https://127.0.0.1/acme/acct/1");
    static const char *const bad[] = {"a b", "a/b", "a\"b", "\xc3\xa4.test", "a<b>"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        lib_assert_problem(lib_send(t, &(struct lib_request){.method = "GET", .path = "/directory", .host = bad[i]}),
                           400, "malformed", "malformed Host header");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIB_TEST(step_1_headers),
        LIB_TEST(step_2_size),
        LIB_TEST(step_3_parse),
        LIB_TEST(step_3_algorithm),
        LIB_TEST(step_4_key_kind),
        LIB_TEST(step_5_account),
        LIB_TEST(step_6_algorithm_of_the_key),
        LIB_TEST(step_7_signature_burns_no_nonce),
        LIB_TEST(step_8_nonce),
        LIB_TEST(step_9_url),
        LIB_TEST(step_10_payload),
        LIB_TEST(step_11_key_policy),
        LIB_TEST(refusals_carry_nonces),
        LIB_TEST(urls_follow_the_host),
    };
    RUN(tests);
}
