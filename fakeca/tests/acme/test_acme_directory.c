/* Directory, newNonce, methods and headers: letsencrypt.md H. */
#include "lib_acme.h"

#include <string.h>

#include "base/base_b64.h"
#include "base/base_json.h"
#include "base/base_text.h"

#include "cmocka_all.h"

static struct lib_answer *send_to(struct lib_acme *t, const char *method, const char *path)
{
    return lib_send(t, &(struct lib_request){.method = method, .path = path});
}

static void directory_members(void **state)
{
    struct lib_acme *t = *state;
    struct lib_answer *answer = lib_get(t, "/directory");
    static const struct {
        const char *name, *url;
    } members[] = {
        {"keyChange", LIB_BASE "/acme/key-change"},   {"newAccount", LIB_BASE "/acme/new-acct"},
        {"newNonce", LIB_BASE "/acme/new-nonce"},     {"newOrder", LIB_BASE "/acme/new-order"},
        {"revokeCert", LIB_BASE "/acme/revoke-cert"},
    };

    lib_assert_status(answer, 200);
    assert_string_equal(lib_header(answer, "Content-Type"), "application/json");
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        assert_string_equal(lib_member(answer, members[i].name), members[i].url);
    fc_auto_free char *meta = fc_json_text(json_object_get(answer->json, "meta"));
    assert_string_equal(meta, "{\"caaIdentities\":[\"letsencrypt.org\"],"
                              "\"profiles\":{\"classic\":\"https://letsencrypt.org/docs/profiles#classic\","
                              "\"shortlived\":\"https://letsencrypt.org/docs/profiles#shortlived\","
                              "\"tlsserver\":\"https://letsencrypt.org/docs/profiles#tlsserver\"},"
                              "\"termsOfService\":\"https://letsencrypt.org/documents/LE-SA-v1.8-July-06-2026.pdf\","
                              "\"website\":\"https://letsencrypt.org\"}");
    assert_null(json_object_get(answer->json, "newAuthz"));
    assert_null(lib_link(t, answer, "index"));
    assert_null(lib_header(answer, "Replay-Nonce"));
    assert_string_equal(lib_header(answer, "Cache-Control"), "public, max-age=0, no-cache");
}

/* Members sorted, one of them random and new in each answer (H.1). */
static void random_member(void **state)
{
    struct lib_acme *t = *state;
    char last[16] = "";

    for (int i = 0; i < 50; i++) {
        struct lib_answer *answer = lib_get(t, "/dir");
        const char *key, *before = "", *random = NULL;
        json_t *value;
        assert_int_equal(json_object_size(answer->json), 8);
        json_object_foreach(answer->json, key, value)
        {
            assert_true(strcmp(before, key) < 0);
            before = key;
            if (json_is_string(value) && strstr(json_string_value(value), "adding-random-entries"))
                random = key;
        }
        assert_non_null(random);
        assert_int_equal(strlen(random), 11);
        assert_true(fc_b64url_alphabet(random, 11));
        assert_string_not_equal(random, last);
        memcpy(last, random, 12);
    }
}

static void staging_lives_under_its_prefix(void **state)
{
    struct lib_acme *t = *state;
    struct lib_answer *answer = lib_get(t, "/staging/dir");

    assert_string_equal(lib_member(answer, "newOrder"), LIB_BASE "/staging/acme/new-order");
    lib_assert_status(lib_get(t, "/dir"), 404);
    struct lib_client *client = lib_client_new(t);
    assert_string_equal(client->url, LIB_BASE "/staging/acme/acct/1");
    assert_string_equal(lib_link(t, lib_get(t, "/staging/acme/new-nonce"), "index"), LIB_BASE "/staging/directory");
}

static void directory_as_post_as_get(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_answer *answer = lib_post(client, "/directory", NULL);

    lib_assert_status(answer, 200);
    assert_string_equal(lib_member(answer, "newOrder"), LIB_BASE "/acme/new-order");
    assert_non_null(lib_header(answer, "Replay-Nonce"));
    assert_string_equal(lib_header(answer, "Boulder-Requester"), "1");
}

static void new_nonce(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_answer *get = lib_get(t, "/acme/new-nonce"), *head = send_to(t, "HEAD", "/acme/new-nonce");
    struct lib_answer *post = lib_post(client, "/acme/new-nonce", NULL);

    lib_assert_status(get, 204);
    lib_assert_status(head, 200);
    lib_assert_status(post, 200);
    assert_int_equal(get->res.body_len, 0);
    assert_string_not_equal(lib_header(get, "Replay-Nonce"), lib_header(head, "Replay-Nonce"));
    /* "no-store" is set too late by Boulder's code and not sent (H.4) */
    assert_string_equal(lib_header(get, "Cache-Control"), "public, max-age=0, no-cache");
    assert_string_equal(lib_link(t, get, "index"), LIB_BASE "/directory");
    const char *names = lib_order_payload(t, "a.test", NULL);
    lib_assert_status(lib_post_twisted(client, "/acme/new-order", names,
                                       &(struct lib_twist){.nonce = lib_header(get, "Replay-Nonce")}),
                      201);
}

static void no_store_where_the_policy_follows_the_rfc(void **state)
{
    assert_string_equal(lib_header(lib_get(*state, "/acme/new-nonce"), "Cache-Control"), "no-store");
}

static void unsigned_get_refused_where_the_policy_follows_the_rfc(void **state)
{
    struct lib_acme *t = *state;
    struct lib_answer *order = lib_order(lib_client_new(t), "a.test");
    struct lib_answer *answer = lib_get(t, lib_path(lib_header(order, "Location")));

    lib_assert_problem(answer, 405, "malformed", "Method not allowed");
    assert_string_equal(lib_header(answer, "Allow"), "POST");
    lib_assert_status(lib_get(t, lib_authz_path(order, 0)), 405);
}

static void wrong_methods(void **state)
{
    struct lib_acme *t = *state;
    static const struct {
        const char *method, *path, *allow;
    } rows[] = {
        {"GET", "/acme/new-acct", "POST"},
        {"GET", "/acme/new-order", "POST"},
        {"GET", "/acme/revoke-cert", "POST"},
        {"GET", "/acme/key-change", "POST"},
        {"GET", "/acme/acct/1", "POST"},
        {"GET", "/acme/finalize/1/1", "POST"},
        {"HEAD", "/acme/new-acct", "POST"},
        {"PUT", "/acme/order/1/1", "GET, POST, HEAD"},
        {"DELETE", "/directory", "GET, POST, HEAD"},
        {"PATCH", "/acme/new-nonce", "GET, POST, HEAD"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct lib_answer *answer = send_to(t, rows[i].method, rows[i].path);
        lib_assert_problem(answer, 405, "malformed", "Method not allowed");
        assert_string_equal(lib_header(answer, "Allow"), rows[i].allow);
    }
}

static void unknown_paths(void **state)
{
    struct lib_acme *t = *state;
    static const char *const paths[] = {
        "/", "/acme", "/acme/new-authz", "/directory/", "/acme/authz/1", "/acme/acct/", "/acme/renewals/x"};
    static const char *const methods[] = {"GET", "HEAD", "POST", "OPTIONS"};

    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        for (size_t j = 0; j < sizeof methods / sizeof *methods; j++) {
            struct lib_answer *answer = send_to(t, methods[j], paths[i]);
            lib_assert_status(answer, 404);
            assert_true(fc_text_starts(lib_header(answer, "Content-Type"), "text/plain"));
            assert_int_equal(lib_header(answer, "Replay-Nonce") != NULL, strcmp(methods[j], "GET") != 0);
        }
}

static void cross_origin(void **state)
{
    struct lib_acme *t = *state;
    struct lib_request request = {.method = "GET", .path = "/directory", .extra = "Origin: https://x.example"};
    struct lib_answer *answer = lib_send(t, &request);

    assert_string_equal(lib_header(answer, "Access-Control-Allow-Origin"), "*");
    assert_string_equal(lib_header(answer, "Access-Control-Expose-Headers"),
                        "Link, Replay-Nonce, Location, Retry-After");
    assert_null(lib_header(answer, "Access-Control-Allow-Methods"));
    request.method = "OPTIONS";
    request.path = "/acme/new-order";
    answer = lib_send(t, &request);
    lib_assert_status(answer, 200);
    assert_string_equal(lib_header(answer, "Allow"), "POST");
    assert_string_equal(lib_header(answer, "Access-Control-Allow-Methods"), "POST");
    assert_string_equal(lib_header(answer, "Access-Control-Allow-Headers"), "Content-Type");
    assert_string_equal(lib_header(answer, "Access-Control-Max-Age"), "86400");
    assert_non_null(lib_header(answer, "Replay-Nonce"));
    assert_null(lib_header(lib_get(t, "/directory"), "Access-Control-Allow-Origin"));
}

static void by_the_rfc(json_t *policy)
{
    json_t *departures = json_object_get(policy, "departures");

    json_object_set_new(departures, "unsigned_get", json_false());
    json_object_set_new(departures, "new_nonce_no_store_missing", json_false());
}

int main(void)
{
    static struct lib_options staging = {.env = "staging"}, rfc = {.edit = by_the_rfc};
    const struct CMUnitTest tests[] = {
        LIB_TEST(directory_members),
        LIB_TEST(random_member),
        LIB_TEST_WITH(staging_lives_under_its_prefix, &staging),
        LIB_TEST(directory_as_post_as_get),
        LIB_TEST(new_nonce),
        LIB_TEST_WITH(no_store_where_the_policy_follows_the_rfc, &rfc),
        LIB_TEST_WITH(unsigned_get_refused_where_the_policy_follows_the_rfc, &rfc),
        LIB_TEST(wrong_methods),
        LIB_TEST(unknown_paths),
        LIB_TEST(cross_origin),
    };
    RUN(tests);
}
