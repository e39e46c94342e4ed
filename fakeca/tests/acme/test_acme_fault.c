/* Trouble on request, as a client meets it: each kind once (checks.md part 8, point 6 and 9). */
#include "lib_acme.h"

#include <string.h>

#include "base/base_clock.h"
#include "base/base_json.h"
#include "base/base_text.h"
#include "base/base_time.h"
#include "ca/ca.h"
#include "faults/faults.h"
#include "http/http_wait.h"
#include "store/store_cert.h"

#include "cmocka_all.h"

#define ORDER "/acme/new-order"

static int64_t add(struct lib_acme *t, const char *json)
{
    fc_auto_json value = json_loads(json, 0, NULL);
    struct fc_json_errs errs;
    struct fc_json_obj body;
    struct fc_fault rule;
    struct fc_err err = {0};
    uint64_t seed;
    int64_t id;

    assert_non_null(value);
    fc_json_errs_init(&errs, NULL, NULL, 0);
    fc_json_obj_root(&body, value, &errs);
    fc_fault_read(&body, t->now, &rule, &seed);
    fc_json_obj_end(&body);
    if (fc_json_errs_report(&errs, &err))
        fail_msg("%s: %s", json, err.text);
    fc_json_errs_release(&errs);
    assert_int_equal(fc_faults_add(t->faults, &rule, seed, &id, NULL), 0);
    return id;
}

static void clear(struct lib_acme *t)
{
    size_t removed;

    fc_faults_clear(t->faults, 0, &removed);
}

static struct lib_answer *order(struct lib_client *client, const char *names)
{
    return lib_post(client, ORDER, lib_order_payload(client->t, names, NULL));
}

/* C4: the nonce of the answer is good. */
static void bad_nonce(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);

    add(t, "{\"kind\":\"bad-nonce\",\"times\":2}");
    lib_nonce(t); /* newNonce is no request with a nonce */
    lib_assert_problem(order(client, "a.test"), 400, "badNonce", "JWS has an invalid anti-replay nonce");
    struct lib_answer *second = order(client, "a.test");
    lib_assert_problem(second, 400, "badNonce", "JWS has an invalid anti-replay nonce");
    const struct lib_twist twist = {.nonce = lib_header(second, "Replay-Nonce")};
    lib_assert_status(lib_post_twisted(client, ORDER, lib_order_payload(t, "a.test", NULL), &twist), 201);
    assert_int_equal(lib_events(t, "fault.met"), 2);
}

static void refused_with_retry_after(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    static const struct {
        const char *rule;
        int status;
        const char *type, *detail, *retry_after;
    } rows[] = {
        {"{\"kind\":\"rate-limited\"}", 429, "rateLimited", "trouble on request: rate limited", "60"},
        {"{\"kind\":\"rate-limited\",\"retry_after\":\"1h\"}", 429, "rateLimited", "trouble on request: rate limited",
         "3600"},
        {"{\"kind\":\"rate-limited\",\"retry_after\":\"1h\",\"retry_after_form\":\"date\"}", 429, "rateLimited",
         "trouble on request: rate limited", "Tue, 01 Sep 2026 13:00:00 GMT"},
        {"{\"kind\":\"internal\"}", 500, "serverInternal", "trouble on request: internal error", "60"},
        {"{\"kind\":\"unavailable\",\"retry_after\":\"2s\"}", 503, "rateLimited", "Service busy; retry later.", "2"},
        {"{\"kind\":\"unavailable\"}", 503, "rateLimited", "Service busy; retry later.", NULL},
        {"{\"kind\":\"problem\",\"type\":\"caa\"}", 403, "caa", "trouble on request", NULL},
        {"{\"kind\":\"problem\",\"type\":\"malformed\",\"status\":418}", 418, "malformed", "trouble on request", NULL},
        {"{\"kind\":\"problem\",\"type\":\"serverInternal\"}", 500, "serverInternal", "trouble on request", NULL},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        add(t, rows[i].rule);
        struct lib_answer *answer = order(client, "a.test");
        lib_assert_problem(answer, rows[i].status, rows[i].type, rows[i].detail);
        const char *retry_after = lib_header(answer, "Retry-After");
        if (rows[i].retry_after)
            assert_string_equal(retry_after, rows[i].retry_after);
        else
            assert_null(retry_after);
        if (rows[i].status != 503) /* the load balancer has none */
            assert_non_null(lib_header(answer, "Replay-Nonce"));
        clear(t);
    }
    assert_int_equal(lib_events(t, "order.created"), 0);
}

/* RFC 8555 section 7.3.3 */
static void terms_changed(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    const char *terms = t->policy->directory.terms_of_service;

    add(t, "{\"kind\":\"problem\",\"type\":\"userActionRequired\",\"endpoints\":[\"newOrder\"],\"times\":1}");
    struct lib_answer *answer = order(client, "a.test");
    lib_assert_problem(answer, 403, "userActionRequired", "trouble on request");
    assert_string_equal(lib_member(answer, "instance"), terms);
    assert_string_equal(lib_link(t, answer, "terms-of-service"), terms);
    lib_assert_status(order(client, "a.test"), 201);
}

static void no_problem_document(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);

    add(t, "{\"kind\":\"unavailable-html\",\"retry_after\":\"2s\",\"endpoints\":[\"newOrder\"],\"times\":1}");
    struct lib_answer *answer = order(client, "a.test");
    assert_int_equal(answer->status, 503);
    assert_string_equal(lib_header(answer, "Content-Type"), "text/html");
    assert_string_equal(lib_header(answer, "Retry-After"), "2");
    assert_non_null(strstr(answer->text, "<html>"));
    add(t, "{\"kind\":\"empty\",\"status\":204,\"times\":1}");
    add(t, "{\"kind\":\"content-type\",\"content_type\":\"text/plain\",\"times\":1}");
    answer = lib_get(t, "/dir");
    assert_int_equal(answer->status, 204);
    assert_string_equal(answer->text, "");
    add(t, "{\"kind\":\"body\",\"body\":\"{garbage\",\"content_type\":\"text/plain\",\"endpoints\":[\"renewalInfo\"]}");
    answer = lib_get(t, "/acme/renewal-info/x.y");
    assert_int_equal(answer->status, 200);
    assert_string_equal(answer->text, "{garbage");
}

static void cut(void **state)
{
    struct lib_acme *t = *state;

    add(t, "{\"kind\":\"cut\",\"times\":1}");
    assert_true(lib_get(t, "/dir")->res.cut);
    assert_false(lib_get(t, "/dir")->res.cut);
    add(t, "{\"kind\":\"refuse\"}"); /* connections that are there already */
    assert_true(lib_get(t, "/dir")->res.cut);
}

static void slow(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    int64_t before = fc_clock_mono();

    add(t, "{\"kind\":\"slow\",\"delay\":\"50ms\",\"times\":1}");
    lib_assert_status(order(client, "a.test"), 201);
    assert_true(fc_clock_mono() - before >= 50 * FC_MS);
    /* and a handler that holds the request itself comes after that */
    struct lib_answer *ordered = order(client, "b.test");
    add(t, "{\"kind\":\"slow\",\"delay\":\"20ms\",\"endpoints\":[\"challenge\"]}");
    const char *challenge = lib_challenge_path(client, lib_authz_path(ordered, 0), "http-01");
    lib_assert_status(lib_post(client, challenge, "{}"), 200);
    lib_va_idle(t);
}

static void changed_answers(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);

    add(t, "{\"kind\":\"drop-header\",\"endpoints\":[\"newOrder\"],\"header\":\"replay-nonce\",\"times\":1}");
    assert_null(lib_header(order(client, "a.test"), "Replay-Nonce"));
    add(t, "{\"kind\":\"drop-header\",\"endpoints\":[\"newOrder\"],\"header\":\"Location\",\"times\":1}");
    assert_null(lib_header(order(client, "a.test"), "Location"));
    add(t, "{\"kind\":\"drop-header\",\"endpoints\":[\"newOrder\"],\"header\":\"Link\",\"times\":1}");
    assert_null(lib_header(order(client, "a.test"), "Link"));
    add(t, "{\"kind\":\"content-type\",\"endpoints\":[\"newOrder\"],\"content_type\":\"application/"
           "octet-stream\",\"times\":1}");
    assert_string_equal(lib_header(order(client, "a.test"), "Content-Type"), "application/octet-stream");
    add(t, "{\"kind\":\"retry-after\",\"endpoints\":[\"newOrder\"],\"retry_after\":\"5s\",\"times\":1}");
    assert_string_equal(lib_header(order(client, "a.test"), "Retry-After"), "5");
    add(t, "{\"kind\":\"drop-member\",\"member\":\"renewalInfo\",\"times\":1}");
    assert_null(json_object_get(lib_get(t, "/dir")->json, "renewalInfo"));
    add(t, "{\"kind\":\"drop-member\",\"member\":\"meta.termsOfService\",\"times\":1}");
    const json_t *meta = json_object_get(lib_get(t, "/dir")->json, "meta");
    assert_non_null(meta);
    assert_null(json_object_get(meta, "termsOfService"));
    add(t, "{\"kind\":\"add-member\",\"member\":\"surprise\",\"endpoints\":[\"newOrder\"],\"times\":1}");
    lib_member(order(client, "a.test"), "surprise");
    assert_non_null(json_object_get(lib_get(t, "/dir")->json, "renewalInfo"));
    add(t, "{\"kind\":\"drop-member\",\"member\":\"x.y\",\"endpoints\":[\"newNonce\"]}"); /* nothing there to drop */
    lib_nonce(t);
}

/* C33: it ends by itself. */
static void stuck_in_processing(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_answer *ready = lib_ready_order(client, "a.test");
    const char *path = lib_path(lib_header(ready, "Location"));

    add(t, "{\"kind\":\"processing\",\"delay\":\"300ms\",\"retry_after\":\"2s\",\"times\":1}");
    struct lib_answer *answer = lib_post(client, lib_path(lib_member(ready, "finalize")),
                                         lib_csr_payload(t, &(struct lib_csr){.names = "a.test"}));
    lib_assert_status(answer, 200);
    assert_string_equal(lib_member(answer, "status"), "processing");
    assert_string_equal(lib_header(answer, "Retry-After"), "2");
    assert_null(json_object_get(answer->json, "certificate"));
    answer = lib_post(client, path, NULL);
    assert_string_equal(lib_member(answer, "status"), "processing");
    fc_auto(fc_http_wait_unref) struct fc_http_wait *never = fc_http_wait_new();
    fc_http_wait_block(never, fc_clock_mono() + 300 * FC_MS);
    answer = lib_post(client, path, NULL);
    assert_string_equal(lib_member(answer, "status"), "valid");
    lib_member(answer, "certificate");
    assert_null(lib_header(answer, "Retry-After"));
}

/* C.5: the order is invalid, and says why; asynchronous, it is only found so by the next look. */
static void issuance_fails(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_answer *ready = lib_ready_order(client, "a.test");

    add(t, "{\"kind\":\"issuance-fails\",\"times\":1}");
    lib_assert_problem(lib_post(client, lib_path(lib_member(ready, "finalize")),
                                lib_csr_payload(t, &(struct lib_csr){.names = "a.test"})),
                       500, "serverInternal", "Error finalizing order :: trouble on request: issuance failed");
    struct lib_answer *answer = lib_post(client, lib_path(lib_header(ready, "Location")), NULL);
    assert_string_equal(lib_member(answer, "status"), "invalid");
    assert_string_equal(json_string_value(json_object_get(json_object_get(answer->json, "error"), "type")),
                        "urn:ietf:params:acme:error:serverInternal");
    assert_int_equal(lib_events(t, "certificate.issued"), 0);
    assert_int_equal(lib_events(t, "order.invalid"), 1);
    /* and the next order for the name is a new one */
    struct lib_answer *next = lib_ready_order(client, "a.test");
    assert_string_not_equal(lib_header(next, "Location"), lib_header(ready, "Location"));
    lib_assert_status(lib_post(client, lib_path(lib_member(next, "finalize")),
                               lib_csr_payload(t, &(struct lib_csr){.names = "a.test"})),
                      200);
}

static size_t offered(struct lib_client *client, const struct lib_answer *ordered, const char *types[4])
{
    const json_t *list = json_object_get(lib_post(client, lib_authz_path(ordered, 0), NULL)->json, "challenges"), *item;
    size_t i;

    json_array_foreach(list, i, item) types[i] = json_string_value(json_object_get(item, "type"));
    return json_array_size(list);
}

static void offered_challenges(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    const char *types[4];

    add(t, "{\"kind\":\"offer\",\"types\":[\"http-01\"],\"times\":1}");
    assert_int_equal(offered(client, order(client, "a.test"), types), 1);
    assert_string_equal(types[0], "http-01");
    add(t, "{\"kind\":\"offer\",\"types\":[\"surprise-01\",\"tokenless-01\",\"http-01\"],\"times\":1}");
    struct lib_answer *ordered = order(client, "b.test");
    assert_int_equal(offered(client, ordered, types), 3);
    assert_string_equal(types[0], "surprise-01");
    const json_t *list = json_object_get(lib_post(client, lib_authz_path(ordered, 0), NULL)->json, "challenges");
    assert_non_null(json_object_get(json_array_get(list, 0), "token"));
    assert_null(json_object_get(json_array_get(list, 1), "token"));
    const char *unknown = lib_challenge_path(client, lib_authz_path(ordered, 0), "surprise-01");
    lib_assert_problem(lib_post(client, unknown, "{}"), 400, "malformed",
                       "Unable to update challenge :: challenge type \"surprise-01\" cannot be validated");
    lib_assert_status(lib_post(client, lib_challenge_path(client, lib_authz_path(ordered, 0), "http-01"), "{}"), 200);
    lib_va_idle(t);
    /* never by default: C24 */
    assert_int_equal(offered(client, order(client, "c.test"), types), 3);
    assert_string_equal(types[0], "http-01");
}

/* C37: refused with `replaces`, taken without. */
static void already_replaced(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct fc_certificate row;
    struct lib_issued issued;

    lib_issue(client, "a.test", &issued);
    {
        struct fc_store_tx tx fc_auto_tx = {0};
        assert_int_equal(fc_store_begin(t->store, FC_STORE_READ, &tx, NULL), 0);
        assert_int_equal(fc_store_cert_get(t->store, t->arena, issued.serial, &row, NULL), 0);
    }
    const char *more = lib_text(t, "{\"replaces\":\"%s\"}", fc_ca_ari_id(row.der, row.der_len, t->arena));
    add(t, "{\"kind\":\"already-replaced\"}");
    assert_int_equal(lib_post(client, ORDER, lib_order_payload(t, "a.test,b.test", more))->status, 409);
    lib_assert_status(order(client, "a.test,b.test"), 201);
    clear(t);
    lib_assert_status(lib_post(client, ORDER, lib_order_payload(t, "a.test,c.test", more)), 201);
}

static void blocked_keys(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t), *other = lib_client_unregistered(t, "P-256");
    struct lib_answer *ready = lib_ready_order(client, "a.test");

    add(t, "{\"kind\":\"blocked-key\"}");
    const struct lib_twist jwk = {.jwk = true, .no_kid = true};
    struct lib_answer *refused = lib_post_twisted(other, "/acme/new-acct", "{\"termsOfServiceAgreed\":true}", &jwk);
    lib_assert_problem(refused, 400, "badPublicKey",
                       "Unable to validate JWS :: invalid request signing key: public key is forbidden");
    refused = lib_post(client, lib_path(lib_member(ready, "finalize")),
                       lib_csr_payload(t, &(struct lib_csr){.names = "a.test"}));
    lib_assert_problem(refused, 400, "badCSR",
                       "Error finalizing order :: invalid public key in CSR: public key is forbidden");
    lib_assert_status(order(client, "b.test"), 201);
}

static void whom_it_meets(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t), *other = lib_client_new(t);

    add(t, lib_text(t, "{\"kind\":\"internal\",\"account\":%lld}", (long long)other->id));
    lib_assert_status(order(client, "a.test"), 201);
    assert_int_equal(order(other, "a.test")->status, 500);
    clear(t);
    add(t, "{\"kind\":\"internal\",\"name\":\"*.a.test\"}");
    struct lib_answer *ordered = order(client, "b.test");
    lib_assert_status(ordered, 201);
    assert_int_equal(order(client, "b.test,www.a.test")->status, 500);
    clear(t);
    struct lib_issued issued;
    lib_web_thumbprint(t, client->thumbprint);
    lib_issue(client, "www.a.test", &issued);
    struct lib_answer *mine = order(client, "x.test,www.a.test");
    const char *authz = lib_authz_path(mine, 0), *foreign = lib_authz_path(ordered, 0);
    const char *challenge = lib_challenge_path(client, foreign, "http-01");
    add(t, "{\"kind\":\"internal\",\"name\":\"*.a.test\"}");
    assert_int_equal(lib_post(client, lib_path(lib_header(mine, "Location")), NULL)->status, 500);
    assert_int_equal(lib_post(client, lib_path(lib_header(ordered, "Location")), NULL)->status, 200);
    assert_int_equal(lib_post(client, authz, NULL)->status, 500);
    assert_int_equal(lib_post(client, foreign, NULL)->status, 200);
    assert_int_equal(lib_post(client, challenge, NULL)->status, 200);
    assert_int_equal(lib_post(client, issued.cert_path, NULL)->status, 500);
    assert_int_equal(lib_get(t, "/acme/renewal-info/x.y")->status, 400);
    assert_int_equal(lib_get(t, "/acme/authz/1/77777")->status, 404);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIB_TEST(bad_nonce),
        LIB_TEST(refused_with_retry_after),
        LIB_TEST(terms_changed),
        LIB_TEST(no_problem_document),
        LIB_TEST(cut),
        LIB_TEST(slow),
        LIB_TEST(changed_answers),
        LIB_TEST(stuck_in_processing),
        LIB_TEST(issuance_fails),
        LIB_TEST(offered_challenges),
        LIB_TEST(already_replaced),
        LIB_TEST(blocked_keys),
        LIB_TEST(whom_it_meets),
    };
    RUN(tests);
}
