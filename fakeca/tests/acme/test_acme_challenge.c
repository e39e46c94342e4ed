/* Authorizations and challenges: letsencrypt.md B.9, C.4, C.6, G.4; both paces. test: threads (the validation's own) */
#include "lib_acme.h"

#include <string.h>

#include "base/base_clock.h"
#include "base/base_json.h"
#include "base/base_time.h"
#include "http/http_wait.h"

#include "cmocka_all.h"

static const char *status_of(struct lib_client *client, const char *path)
{
    struct lib_answer *answer = lib_post(client, path, NULL);

    lib_assert_status(answer, 200);
    return lib_member(answer, "status");
}

static json_t *challenge_of(const struct lib_answer *authz, size_t index)
{
    return json_array_get(json_object_get(authz->json, "challenges"), index);
}

/* Polls until it is decided. */
static void wait_decided(struct lib_client *client, const char *authz_path)
{
    int64_t until = fc_clock_mono() + 30 * FC_SECOND;

    while (strcmp(status_of(client, authz_path), "pending") == 0)
        assert_true(fc_clock_mono() < until);
}

static void pending_objects(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    const char *path = lib_authz_path(lib_order(client, "a.test"), 0);
    struct lib_answer *authz = lib_post(client, path, NULL);

    lib_assert_status(authz, 200);
    assert_string_equal(path, "/acme/authz/1/1");
    assert_string_equal(lib_member(authz, "status"), "pending");
    assert_string_equal(lib_member(authz, "expires"), "2026-09-08T12:00:00Z");
    assert_null(json_object_get(authz->json, "wildcard"));
    assert_int_equal(json_object_size(authz->json), 4);
    assert_int_equal(json_array_size(json_object_get(authz->json, "challenges")), 3);
    const char *token = json_string_value(json_object_get(challenge_of(authz, 0), "token"));
    assert_int_equal(strlen(token), 43);
    /* one token for all of them */
    assert_string_equal(json_string_value(json_object_get(challenge_of(authz, 1), "token")), token);
    assert_int_equal(json_object_size(challenge_of(authz, 0)), 4);

    const char *challenge_path = lib_challenge_path(client, path, "http-01");
    assert_int_equal(strlen(strrchr(challenge_path, '/') + 1), 6);
    struct lib_answer *challenge = lib_post(client, challenge_path, NULL);
    lib_assert_status(challenge, 200);
    assert_string_equal(lib_member(challenge, "status"), "pending");
    assert_string_equal(lib_member(challenge, "type"), "http-01");
    assert_string_equal(lib_path(lib_member(challenge, "url")), challenge_path);
    assert_string_equal(lib_path(lib_header(challenge, "Location")), challenge_path);
    assert_string_equal(lib_path(lib_link(t, challenge, "up")), path);
    assert_int_equal(lib_web_requests(t), 0); /* reading starts nothing */
    assert_string_equal(lib_get(t, challenge_path)->text, challenge->text);
    assert_string_equal(lib_get(t, path)->text, authz->text);
}

static void valid(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    const char *path = lib_authz_path(lib_order(client, "a.test"), 0);
    const char *challenge_path = lib_challenge_path(client, path, "http-01");
    const char *other_path = lib_challenge_path(client, path, "dns-01");
    struct lib_answer *answer = lib_post(client, challenge_path, "{\"keyAuthorization\":\"x\",\"foo\":1}");

    lib_assert_status(answer, 200);
    wait_decided(client, path);
    answer = lib_post(client, challenge_path, NULL);
    assert_string_equal(lib_member(answer, "status"), "valid");
    assert_string_equal(lib_member(answer, "validated"), LIB_NOW);
    assert_null(json_object_get(answer->json, "error"));
    assert_null(lib_header(answer, "Retry-After"));
    const json_t *record = json_array_get(json_object_get(answer->json, "validationRecord"), 0);
    assert_string_equal(json_string_value(json_object_get(record, "hostname")), "a.test");
    struct lib_answer *authz = lib_post(client, path, NULL);
    assert_string_equal(lib_member(authz, "status"), "valid");
    assert_string_equal(lib_member(authz, "expires"), "2026-10-01T12:00:00Z"); /* now + 30 d */
    assert_int_equal(json_array_size(json_object_get(authz->json, "challenges")), 1);
    lib_assert_problem(lib_post(client, other_path, NULL), 404, "malformed", "No such challenge");

    /* again: unchanged, and nothing is asked */
    assert_string_equal(lib_post(client, challenge_path, "{}")->text, answer->text);
    assert_int_equal(lib_web_requests(t), 1);
    assert_int_equal(lib_events(t, "challenge.started"), 1);
}

static void invalid(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_answer *order = lib_order(client, "a.test,b.test");
    const char *path = lib_authz_path(order, 0);
    const char *challenge_path = lib_challenge_path(client, path, "http-01");

    lib_web_mode(t, LIB_WEB_WRONG);
    lib_assert_status(lib_post(client, challenge_path, "{}"), 200);
    wait_decided(client, path);
    struct lib_answer *answer = lib_post(client, challenge_path, NULL);
    assert_string_equal(lib_member(answer, "status"), "invalid");
    assert_string_equal(lib_member(answer, "validated"), LIB_NOW); /* on failure too */
    const json_t *error = json_object_get(answer->json, "error");
    assert_string_equal(json_string_value(json_object_get(error, "type")), URN "unauthorized");
    assert_non_null(strstr(json_string_value(json_object_get(error, "detail")), "404"));
    assert_int_equal(json_integer_value(json_object_get(error, "status")), 403);
    assert_non_null(json_object_get(answer->json, "validationRecord"));

    struct lib_answer *authz = lib_post(client, path, NULL);
    assert_string_equal(lib_member(authz, "status"), "invalid");
    assert_string_equal(lib_member(authz, "expires"), "2026-09-08T12:00:00Z"); /* unchanged */
    assert_int_equal(json_array_size(json_object_get(authz->json, "challenges")), 1);
    /* the order fails without an error member; the other authorization stays pending */
    order = lib_post(client, lib_path(lib_header(order, "Location")), NULL);
    assert_string_equal(lib_member(order, "status"), "invalid");
    assert_null(json_object_get(order->json, "error"));
    assert_string_equal(status_of(client, lib_authz_path(order, 1)), "pending");

    lib_assert_problem(lib_post(client, challenge_path, "{}"), 400, "malformed",
                       "Unable to update challenge :: authorization must be pending");
    /* and the next order begins anew */
    assert_string_not_equal(lib_authz_path(lib_order(client, "a.test,b.test"), 0), path);
    assert_int_equal(lib_events(t, "validation.invalid"), 1);
}

static void unknown_name(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    const char *path = lib_authz_path(lib_order(client, "a.nx.test"), 0);

    lib_post(client, lib_challenge_path(client, path, "http-01"), "{}");
    wait_decided(client, path);
    const json_t *error = json_object_get(challenge_of(lib_post(client, path, NULL), 0), "error");
    assert_string_equal(json_string_value(json_object_get(error, "type")), URN "dns");
}

/* The key authorization names the account: another's does not pass. */
static void foreign_thumbprint(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    const char *path = lib_authz_path(lib_order(client, "a.test"), 0);

    lib_web_thumbprint(t, lib_client_new(t)->thumbprint);
    lib_post(client, lib_challenge_path(client, path, "http-01"), "{}");
    wait_decided(client, path);
    assert_string_equal(status_of(client, path), "invalid");
}

static void not_an_object(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    const char *path = lib_authz_path(lib_order(client, "a.test"), 0);
    const char *challenge_path = lib_challenge_path(client, path, "http-01");
    static const char *const bad[] = {"[]", "\"x\"", "5", "{"};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        lib_assert_status(lib_post(client, challenge_path, bad[i]), 400);
    assert_string_equal(status_of(client, path), "pending");
    assert_int_equal(lib_web_requests(t), 0);
}

static void who_may_read_and_write(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    const char *path = lib_authz_path(lib_order(client, "a.test"), 0);
    const char *challenge_path = lib_challenge_path(client, path, "http-01");
    struct lib_client *other = lib_client_new(t);
    static const char *const payloads[] = {NULL, "{}"};

    for (size_t i = 0; i < 2; i++) {
        lib_assert_problem(lib_post(other, path, payloads[i]), 403, "unauthorized",
                           "Account ID doesn't match ID for authorization");
        lib_assert_problem(lib_post(other, challenge_path, payloads[i]), 403, "unauthorized",
                           "User account ID doesn't match account ID in authorization");
    }
    assert_string_equal(status_of(client, path), "pending");
    lib_assert_problem(lib_get(t, "/acme/authz/1/77"), 404, "malformed", "No such authorization");
    lib_assert_problem(lib_get(t, "/acme/authz/2/1"), 404, "malformed", "No such authorization");
    lib_assert_problem(lib_get(t, "/acme/authz/1/x"), 400, "malformed", "Invalid authorization ID");
    lib_assert_problem(lib_get(t, "/acme/chall/1/77/AAAAAA"), 404, "malformed", "No such challenge");
    lib_assert_problem(lib_get(t, "/acme/chall/1/1/AAAAAA"), 404, "malformed", "No such challenge");
    lib_assert_problem(lib_get(t, "/acme/chall/1/x/AAAAAA"), 400, "malformed", "Invalid authorization ID");
}

static void deactivate(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_answer *order = lib_order(client, "a.test");
    const char *path = lib_authz_path(order, 0);
    const char *challenge_path = lib_challenge_path(client, path, "http-01");

    lib_assert_problem(lib_post(client, path, "{}"), 400, "malformed", "Invalid status value");
    lib_assert_problem(lib_post(client, path, "{\"status\":\"valid\"}"), 400, "malformed", "Invalid status value");
    lib_assert_problem(lib_post(client, path, "{\"status\":5}"), 400, "malformed", "Error unmarshaling JSON");
    struct lib_answer *authz = lib_post(client, path, "{\"status\":\"deactivated\"}");
    lib_assert_status(authz, 200);
    assert_string_equal(lib_member(authz, "status"), "deactivated");
    assert_string_equal(status_of(client, path), "deactivated");
    assert_string_equal(status_of(client, lib_path(lib_header(order, "Location"))), "invalid");
    lib_assert_problem(lib_post(client, challenge_path, "{}"), 400, "malformed",
                       "Unable to update challenge :: authorization must be pending");

    /* a valid one too, and it keeps its challenge */
    order = lib_ready_order(client, "b.test");
    path = lib_authz_path(order, 0);
    authz = lib_post(client, path, "{\"status\":\"deactivated\"}");
    assert_string_equal(lib_member(authz, "status"), "deactivated");
    assert_int_equal(json_array_size(json_object_get(authz->json, "challenges")), 1);
    assert_string_equal(json_string_value(json_object_get(challenge_of(authz, 0), "status")), "valid");
    order = lib_post(client, lib_path(lib_header(order, "Location")), NULL);
    assert_string_equal(lib_member(order, "status"), "invalid");
    lib_assert_problem(lib_post(client, lib_path(lib_member(order, "finalize")), "{\"csr\":\"AA\"}"), 403,
                       "orderNotReady", "Order's status (\"invalid\") is not acceptable for finalization");
    /* a final status stays */
    assert_string_equal(lib_member(lib_post(client, path, "{\"status\":\"deactivated\"}"), "status"), "deactivated");
    assert_int_equal(lib_events(t, "authz.deactivated"), 2);
}

static void expiry(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    const char *pending = lib_authz_path(lib_order(client, "a.test"), 0);
    const char *challenge = lib_challenge_path(client, pending, "http-01");
    const char *ready = lib_authz_path(lib_ready_order(client, "b.test"), 0);

    lib_acme_advance(t, "7d");
    assert_string_equal(status_of(client, pending), "pending");
    lib_acme_advance(t, "1s");
    lib_assert_problem(lib_post(client, pending, NULL), 404, "malformed", "Expired authorization");
    lib_assert_problem(lib_post(client, challenge, "{}"), 404, "malformed", "Expired authorization");
    lib_assert_problem(lib_get(t, challenge), 404, "malformed", "Expired authorization");
    assert_string_equal(status_of(client, ready), "valid");
    lib_acme_advance(t, "23d");
    lib_assert_problem(lib_post(client, ready, NULL), 404, "malformed", "Expired authorization");
    lib_acme_advance(t, "-24d");
    assert_string_equal(status_of(client, pending), "pending");
    assert_string_equal(status_of(client, ready), "valid");
    assert_int_equal(lib_web_requests(t), 1);
}

/* ---- the hold of the fast pace ---- */

static void held_request_answers_pending_after_its_time(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    const char *path = lib_authz_path(lib_order(client, "a.test"), 0);
    const char *challenge_path = lib_challenge_path(client, path, "http-01");

    lib_web_mode(t, LIB_WEB_HOLD);
    int64_t before = fc_clock_mono();
    struct lib_answer *answer = lib_post(client, challenge_path, "{}");
    assert_true(fc_clock_mono() - before >= 250 * FC_MS);
    lib_assert_status(answer, 200);
    assert_string_equal(lib_member(answer, "status"), "pending");
    assert_string_equal(lib_header(answer, "Retry-After"), "1");
    assert_non_null(lib_header(answer, "Replay-Nonce"));
    assert_null(json_object_get(answer->json, "validated"));
    assert_int_equal(json_array_size(json_object_get(lib_post(client, path, NULL)->json, "challenges")), 3);

    /* asked again while it is under way: one validation for both */
    answer = lib_post(client, challenge_path, "{}");
    assert_string_equal(lib_member(answer, "status"), "pending");
    lib_web_mode(t, LIB_WEB_RIGHT);
    wait_decided(client, path);
    assert_string_equal(status_of(client, challenge_path), "valid");
    assert_int_equal(lib_web_requests(t), 1);
    assert_int_equal(lib_events(t, "challenge.started"), 1);
}

/* What happened meanwhile stands. */
static void deactivated_while_under_way(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    const char *path = lib_authz_path(lib_order(client, "a.test"), 0);

    lib_web_mode(t, LIB_WEB_HOLD);
    lib_post(client, lib_challenge_path(client, path, "http-01"), "{}");
    lib_assert_status(lib_post(client, path, "{\"status\":\"deactivated\"}"), 200);
    lib_web_mode(t, LIB_WEB_RIGHT);
    int64_t until = fc_clock_mono() + 30 * FC_SECOND;
    while (lib_events(t, "validation.valid") == 0)
        assert_true(fc_clock_mono() < until);
    assert_string_equal(status_of(client, path), "deactivated");
}

static void expired_while_under_way(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    const char *path = lib_authz_path(lib_order(client, "a.test"), 0);

    lib_web_mode(t, LIB_WEB_HOLD);
    lib_post(client, lib_challenge_path(client, path, "http-01"), "{}");
    lib_acme_advance(t, "8d");
    lib_web_mode(t, LIB_WEB_RIGHT);
    int64_t until = fc_clock_mono() + 30 * FC_SECOND;
    while (lib_events(t, "validation.valid") == 0)
        assert_true(fc_clock_mono() < until);
    lib_assert_problem(lib_post(client, path, NULL), 404, "malformed", "Expired authorization");
}

static void forgotten_while_under_way(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    const char *path = lib_authz_path(lib_order(client, "a.test"), 0);
    struct fc_store_tx tx;

    lib_web_mode(t, LIB_WEB_HOLD);
    lib_post(client, lib_challenge_path(client, path, "http-01"), "{}");
    assert_int_equal(fc_store_begin(t->store, FC_STORE_WRITE, &tx, NULL), 0);
    assert_int_equal(fc_store_reset(t->store, NULL), 0);
    assert_int_equal(fc_store_commit(&tx, NULL), 0);
    fc_acme_forget(t->acme);
    lib_web_mode(t, LIB_WEB_RIGHT);
    lib_assert_problem(lib_post(client, path, NULL), 400, "accountDoesNotExist",
                       lib_text(t, "Unable to validate JWS :: Account \"%s\" not found", client->url));
}

/* The VA takes no more: the attempt did not happen, and may be made later. */
static void full_queue(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_answer *order = lib_order(client, "a.test,b.test");
    const char *second = lib_authz_path(order, 1);
    const char *challenge_path = lib_challenge_path(client, second, "http-01");

    lib_web_mode(t, LIB_WEB_HOLD);
    lib_assert_status(lib_post(client, lib_challenge_path(client, lib_authz_path(order, 0), "http-01"), "{}"), 200);
    struct lib_answer *answer = lib_post(client, challenge_path, "{}");
    lib_assert_problem(answer, 500, "serverInternal", "Unable to update challenge");
    assert_string_equal(lib_header(answer, "Retry-After"), "60");
    assert_int_equal(json_array_size(json_object_get(lib_post(client, second, NULL)->json, "challenges")), 3);
    lib_web_mode(t, LIB_WEB_RIGHT);
    wait_decided(client, lib_authz_path(order, 0));
    lib_va_idle(t);
    lib_assert_status(lib_post(client, challenge_path, "{}"), 200);
    wait_decided(client, second);
    assert_string_equal(status_of(client, second), "valid");
}

/* RFC 8555 section 8.4: the digest of the key authorization, and the identifier without "*.". */
static void wildcard_by_dns(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_answer *order = lib_order(client, "*.w.test");
    const char *path = lib_authz_path(order, 0);
    const char *challenge_path = lib_challenge_path(client, path, "dns-01");
    const char *authorization =
        lib_text(t, "%s.%s", lib_member(lib_post(client, challenge_path, NULL), "token"), client->thumbprint);
    unsigned char digest[32];

    EVP_Digest(authorization, strlen(authorization), digest, NULL, EVP_sha256(), NULL);
    t->txt = lib_b64(t, digest, sizeof digest);
    lib_assert_status(lib_post(client, challenge_path, "{}"), 200);
    wait_decided(client, path);
    assert_string_equal(status_of(client, path), "valid");
    const struct lib_csr csr = {.names = "*.w.test"};
    order = lib_post(client, lib_path(lib_member(order, "finalize")), lib_csr_payload(t, &csr));
    assert_string_equal(lib_member(order, "status"), "valid");
    assert_int_equal(lib_web_requests(t), 0);
}

/* ---- restart ---- */

static void validations_under_way_begin_again(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    const char *path = lib_authz_path(lib_order(client, "a.test"), 0);

    lib_web_mode(t, LIB_WEB_HOLD);
    lib_post(client, lib_challenge_path(client, path, "http-01"), "{}");
    lib_web_wait(t, 1);
    lib_web_mode(t, LIB_WEB_WRONG); /* the dead validation's answer goes nowhere */
    lib_acme_drop_jobs(t);
    lib_web_mode(t, LIB_WEB_RIGHT);
    lib_acme_restart(t);
    wait_decided(client, path);
    struct lib_answer *authz = lib_post(client, path, NULL);
    /* whether the first answer came in time or not, there is one verdict */
    assert_int_equal(lib_events(t, "validation.valid") + lib_events(t, "validation.invalid"), 1);
    assert_string_not_equal(lib_member(authz, "status"), "pending");
}

/* More were under way than the new VA takes: the rest may be started again by their client. */
static void more_under_way_than_the_va_takes(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_answer *order = lib_order(client, "a.test,b.test,c.test");

    lib_web_mode(t, LIB_WEB_HOLD);
    for (size_t i = 0; i < 3; i++)
        lib_assert_status(lib_post(client, lib_challenge_path(client, lib_authz_path(order, i), "http-01"), "{}"), 200);
    t->queue_max = 1;
    lib_acme_restart(t);
    lib_web_mode(t, LIB_WEB_RIGHT);
    wait_decided(client, lib_authz_path(order, 0));
    lib_validate(client, order);
    order = lib_post(client, lib_path(lib_header(order, "Location")), NULL);
    assert_string_equal(lib_member(order, "status"), "ready");
}

/* ---- the pace of Let's Encrypt ---- */

static void pending_at_once(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    const char *path = lib_authz_path(lib_order(client, "a.test"), 0);
    const char *challenge_path = lib_challenge_path(client, path, "http-01");

    lib_web_mode(t, LIB_WEB_HOLD);
    struct lib_answer *answer = lib_post(client, challenge_path, "{}");
    lib_assert_status(answer, 200);
    assert_string_equal(lib_member(answer, "status"), "pending");
    assert_null(lib_header(answer, "Retry-After"));
    assert_null(lib_header(lib_post(client, path, NULL), "Retry-After"));
    lib_web_mode(t, LIB_WEB_RIGHT);
    wait_decided(client, path);
    assert_string_equal(status_of(client, path), "valid");
}

static void challenges_are_shuffled(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    const char *path = lib_authz_path(lib_order(client, "a.test"), 0);
    size_t http_first = 0;

    for (int i = 0; i < 64; i++)
        http_first +=
            strcmp(json_string_value(json_object_get(challenge_of(lib_get(t, path), 0), "type")), "http-01") == 0;
    assert_in_range(http_first, 1, 63);
}

int main(void)
{
    static struct lib_options slow = {.pace = FC_PACE_LETSENCRYPT}, narrow = {.queue_max = 1};
    const struct CMUnitTest tests[] = {
        LIB_TEST(pending_objects),
        LIB_TEST(valid),
        LIB_TEST(invalid),
        LIB_TEST(unknown_name),
        LIB_TEST(foreign_thumbprint),
        LIB_TEST(not_an_object),
        LIB_TEST(who_may_read_and_write),
        LIB_TEST(deactivate),
        LIB_TEST(expiry),
        LIB_TEST(held_request_answers_pending_after_its_time),
        LIB_TEST(deactivated_while_under_way),
        LIB_TEST(expired_while_under_way),
        LIB_TEST(forgotten_while_under_way),
        LIB_TEST_WITH(full_queue, &narrow),
        LIB_TEST(wildcard_by_dns),
        LIB_TEST(validations_under_way_begin_again),
        LIB_TEST(more_under_way_than_the_va_takes),
        LIB_TEST_WITH(pending_at_once, &slow),
        LIB_TEST_WITH(challenges_are_shuffled, &slow),
    };
    RUN(tests);
}
