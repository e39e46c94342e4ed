/* test: threads */
/* CAA (letsencrypt.md B.10): at validation, and again at finalize on the simulated clock. */
#include "lib_acme.h"

#include <string.h>

#include "cmocka_all.h"

#define ALLOWED "letsencrypt.org"
#define FORBIDDEN "other.example"
#define PREVENTS(name) "While processing CAA for " name ": CAA record for " name " prevents issuance"

static struct lib_answer *finalize(struct lib_client *client, const struct lib_answer *order, const char *names)
{
    const struct lib_csr csr = {.names = names};

    return lib_post(client, lib_path(lib_member(order, "finalize")), lib_csr_payload(client->t, &csr));
}

static const char *status_of(struct lib_client *client, const struct lib_answer *order)
{
    return lib_member(lib_post(client, lib_path(lib_header(order, "Location")), NULL), "status");
}

static void refused_at_validation(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_answer *order = lib_order(client, "a.test");

    t->caa = FORBIDDEN;
    lib_validate(client, order);
    json_t *authz = lib_post(client, lib_authz_path(order, 0), NULL)->json;
    json_t *challenge = json_array_get(json_object_get(authz, "challenges"), 0);
    json_t *error = json_object_get(challenge, "error");
    assert_string_equal(json_string_value(json_object_get(error, "type")), URN "caa");
    assert_int_equal(json_integer_value(json_object_get(error, "status")), 403);
    assert_string_equal(json_string_value(json_object_get(error, "detail")), PREVENTS("a.test"));
    /* the connection was good, and is told of */
    assert_int_equal(json_array_size(json_object_get(challenge, "validationRecord")), 1);
    assert_string_equal(status_of(client, order), "invalid");
}

static void not_again_within_seven_hours(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_answer *order = lib_ready_order(client, "a.test");

    t->caa = FORBIDDEN;
    lib_acme_advance(t, "7h");
    lib_assert_status(finalize(client, order, "a.test"), 200);
}

static void again_after_seven_hours(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_answer *order = lib_ready_order(client, "a.test");

    lib_acme_advance(t, "7h1s");
    t->caa = FORBIDDEN;
    lib_assert_problem(finalize(client, order, "a.test"), 403, "caa",
                       "Error finalizing order :: rechecking caa: " PREVENTS("a.test"));
    assert_string_equal(status_of(client, order), "ready");
    t->caa = "!";
    lib_assert_problem(
        finalize(client, order, "a.test"), 403, "caa",
        "Error finalizing order :: rechecking caa: While processing CAA for a.test: DNS problem: SERVFAIL "
        "looking up CAA for a.test - the domain's nameservers may be malfunctioning");
    assert_string_equal(status_of(client, order), "ready");
    t->caa = ALLOWED;
    struct lib_answer *done = finalize(client, order, "a.test");
    lib_assert_status(done, 200);
    assert_string_equal(lib_member(done, "status"), "valid");
}

static void several_names_fail(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_answer *order = lib_ready_order(client, "a.test,b.test,c.test");

    lib_acme_advance(t, "8h");
    t->caa = FORBIDDEN;
    struct lib_answer *answer = finalize(client, order, "a.test,b.test,c.test");
    lib_assert_problem(
        answer, 403, "caa",
        "Error finalizing order :: Rechecking CAA for \"a.test\" and 2 more identifiers failed. Refer to "
        "sub-problems for more information");
    json_t *subs = json_object_get(answer->json, "subproblems");
    assert_int_equal(json_array_size(subs), 3);
    json_t *second = json_array_get(subs, 1);
    assert_string_equal(json_string_value(json_object_get(second, "type")), URN "caa");
    assert_string_equal(json_string_value(json_object_get(second, "detail")), "rechecking caa: " PREVENTS("b.test"));
    assert_string_equal(json_string_value(json_object_get(json_object_get(second, "identifier"), "value")), "b.test");
    assert_string_equal(status_of(client, order), "ready");
}

static void fail_orders(json_t *policy)
{
    json_object_set_new(json_object_get(policy, "issuance"), "caa_recheck_fails_order", json_true());
}

/* B.10, with Boulder's flag CAARechecksFailOrder: the order is over, and says why. */
static void a_policy_whose_orders_end(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_answer *order = lib_ready_order(client, "a.test,b.test");

    lib_acme_advance(t, "8h");
    t->caa = FORBIDDEN;
    struct lib_answer *answer = finalize(client, order, "a.test,b.test");
    lib_assert_problem(
        answer, 403, "caa",
        "Error finalizing order :: Rechecking CAA for \"a.test\" and 1 more identifiers failed. Refer to "
        "sub-problems for more information");
    answer = lib_post(client, lib_path(lib_header(order, "Location")), NULL);
    assert_string_equal(lib_member(answer, "status"), "invalid");
    json_t *error = json_object_get(answer->json, "error");
    assert_string_equal(json_string_value(json_object_get(error, "type")), URN "caa");
    assert_int_equal(json_array_size(json_object_get(error, "subproblems")), 2);
    t->caa = ALLOWED;
    lib_assert_problem(finalize(client, order, "a.test,b.test"), 403, "orderNotReady",
                       "Order's status (\"invalid\") is not acceptable for finalization");
}

/* One validation that waits for its web server takes the only place. */
static void full_queue(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_answer *order = lib_ready_order(client, "a.test");

    lib_va_idle(t);
    lib_acme_advance(t, "8h");
    t->queue_max = 1;
    lib_acme_restart(t);
    size_t before = lib_web_requests(t);
    lib_web_mode(t, LIB_WEB_HOLD);
    struct lib_answer *other = lib_order(client, "b.test");
    lib_post(client, lib_challenge_path(client, lib_authz_path(other, 0), "http-01"), "{}");
    lib_web_wait(t, before + 1);
    lib_assert_problem(finalize(client, order, "a.test"), 500, "serverInternal", "Error finalizing order");
    assert_string_equal(status_of(client, order), "ready");
    lib_web_mode(t, LIB_WEB_RIGHT);
    lib_va_idle(t);
    lib_assert_status(finalize(client, order, "a.test"), 200);
}

/* letsencrypt.md B.10: only this account, only this method. */
static void parameters(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);

    t->caa = lib_text(t, "letsencrypt.org; accounturi=%s; validationmethods=http-01", client->url);
    struct lib_answer *order = lib_order(client, "a.test");
    lib_validate(client, order);
    assert_string_equal(status_of(client, order), "ready");
    order = lib_order(client, "b.test");
    t->caa = lib_text(t, "letsencrypt.org; accounturi=%s1", client->url);
    lib_validate(client, order);
    assert_string_equal(status_of(client, order), "invalid");
}

int main(void)
{
    static struct lib_options ending = {.edit = fail_orders};
    const struct CMUnitTest tests[] = {
        LIB_TEST(refused_at_validation),
        LIB_TEST(not_again_within_seven_hours),
        LIB_TEST(again_after_seven_hours),
        LIB_TEST(several_names_fail),
        LIB_TEST_WITH(a_policy_whose_orders_end, &ending),
        LIB_TEST(full_queue),
        LIB_TEST(parameters),
    };
    RUN(tests);
}
