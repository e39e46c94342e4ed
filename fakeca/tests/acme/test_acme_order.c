/* newOrder and the order itself: letsencrypt.md C.2, C.3, C.6, D.1 to D.3, G.4. */
#include "lib_acme.h"

#include <stdlib.h>
#include <string.h>

#include "base/base_buf.h"
#include "base/base_json.h"

#include "cmocka_all.h"

#define ORDER "/acme/new-order"
#define REQUESTED "Invalid identifiers requested :: "
#define CREATING "Error creating new order :: "

static struct lib_answer *order_with(struct lib_client *client, const char *names, const char *more)
{
    return lib_post(client, ORDER, lib_order_payload(client->t, names, more));
}

static void bad_shapes(void **state)
{
    struct lib_client *client = lib_client_new(*state);
    static const struct {
        const char *payload, *type, *detail;
    } bad[] = {
        {NULL, "malformed", "Unable to unmarshal NewOrder request body"},
        {"{}", "malformed", "NewOrder request did not specify any identifiers"},
        {"{\"identifiers\":[]}", "malformed", "NewOrder request did not specify any identifiers"},
        {"{\"identifiers\":null}", "malformed", "NewOrder request did not specify any identifiers"},
        {"{\"identifiers\":{}}", "malformed", "Unable to unmarshal NewOrder request body"},
        {"{\"identifiers\":[5]}", "malformed", "Unable to unmarshal NewOrder request body"},
        {"{\"identifiers\":[{\"type\":\"dns\",\"value\":5}]}", "malformed",
         "Unable to unmarshal NewOrder request body"},
        {"{\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.test\"}],\"profile\":1}", "malformed",
         "Unable to unmarshal NewOrder request body"},
        {"{\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.test\"}],\"notBefore\":1}", "malformed",
         "Unable to unmarshal NewOrder request body"},
        {"{\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.test\"}],\"notBefore\":\"2026-01-01T00:00:00Z\"}",
         "malformed", "NotBefore and NotAfter are not supported"},
        {"{\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.test\"}],\"notAfter\":\"x\"}", "malformed",
         "NotBefore and NotAfter are not supported"},
        {"{\"identifiers\":[{}]}", "unsupportedIdentifier",
         "NewOrder request included unsupported identifier: type \"\", value \"\""},
        {"{\"identifiers\":[{\"type\":\"email\",\"value\":\"a@b.example\"}]}", "unsupportedIdentifier",
         "NewOrder request included unsupported identifier: type \"email\", value \"a@b.example\""},
        {"{\"identifiers\":[{\"type\":\"dns\"}]}", "malformed", "NewOrder request included empty identifier"},
        {"{\"identifiers\":[{\"type\":\"dns\",\"value\":\"\"}]}", "malformed",
         "NewOrder request included empty identifier"},
        {"{\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.test\"}],\"profile\":\"x\"}", "invalidProfile",
         "profile name \"x\" not recognized"},
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        lib_assert_problem(lib_post(client, ORDER, bad[i].payload), 400, bad[i].type, bad[i].detail);
}

/* One row of each kind; model's tests know all of D.1. */
static void bad_names(void **state)
{
    struct lib_client *client = lib_client_new(*state);
    static const struct {
        const char *name, *detail;
    } bad[] = {
        {"com", REQUESTED "Cannot issue for \"com\": Domain name needs at least one dot"},
        {"a_b.test", REQUESTED "Cannot issue for \"a_b.test\": Domain name contains an invalid character"},
        {"a.test.", REQUESTED "Cannot issue for \"a.test.\": Domain name ends in a dot"},
        {"127.0.0.1", REQUESTED "Cannot issue for \"127.0.0.1\": Identifier type is DNS but value is an IP address"},
        {"www.*.test", REQUESTED "Cannot issue for \"www.*.test\": Domain name contains an invalid wildcard. A "
                                 "wildcard is only permitted before the first dot in a domain name"},
        {"*.co.uk", REQUESTED "Cannot issue for \"*.co.uk\": Domain name is a wildcard for an ICANN TLD"},
        {"a.local", REQUESTED "Cannot issue for \"a.local\": Domain name does not end with a valid public suffix "
                              "(TLD)"},
        {"A.Example.NET", CREATING "Cannot issue for \"a.example.net\": The ACME server refuses to issue a certificate "
                                   "for this domain name, because it is forbidden by policy"},
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        lib_assert_problem(order_with(client, bad[i].name, NULL), 400, "rejectedIdentifier", bad[i].detail);
}

static void several_bad_names(void **state)
{
    struct lib_client *client = lib_client_new(*state);
    struct lib_answer *answer = order_with(client, "good.test,com,a_b.test,xx--y.test", NULL);
    fc_auto_free char *subs = NULL;

    lib_assert_problem(answer, 400, "rejectedIdentifier",
                       REQUESTED "Cannot issue for \"a_b.test\": Domain name contains an invalid character (and 2 more "
                                 "problems. Refer to sub-problems for more information.)");
    subs = fc_json_text(json_object_get(answer->json, "subproblems"));
    assert_string_equal(
        subs,
        "[{\"type\":\"" URN "malformed\",\"detail\":\"" REQUESTED
        "Domain name contains an invalid character\",\"status\":400,\"identifier\":{\"type\":\"dns\",\"value\":\"a_b."
        "test\"}},{\"type\":\"" URN "malformed\",\"detail\":\"" REQUESTED
        "Domain name needs at least one dot\",\"status\":400,\"identifier\":{\"type\":\"dns\",\"value\":\"com\"}},{"
        "\"type\":\"" URN "rejectedIdentifier\",\"detail\":\"" REQUESTED
        "Domain name contains an invalid label in a reserved format (R-LDH: '?"
        "?--')\",\"status\":400,\"identifier\":{"
        "\"type\":\"dns\",\"value\":\"xx--y.test\"}}]");
    assert_null(json_object_get(answer->json, "identifier"));
}

static const char *many_names(struct lib_acme *t, size_t count, size_t label)
{
    struct fc_buf names fc_auto_buf = {0};

    fc_buf_init(&names, 100000);
    for (size_t i = 0; i < count; i++)
        fc_buf_printf(&names, "%s%0*zu.test", i ? "," : "", (int)label, i);
    return fc_arena_strdup(t->arena, names.data);
}

static void too_much(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);

    lib_assert_problem(order_with(client, many_names(t, 101, 3), NULL), 400, "malformed",
                       CREATING "Order cannot contain more than 100 identifiers");
    lib_assert_status(order_with(client, many_names(t, 100, 3), NULL), 201);
    lib_assert_problem(order_with(client, many_names(t, 200, 50), NULL), 400, "malformed",
                       "Cumulative length of all identifier values was greater than 10000 bytes");
}

static void redundant_wildcard(void **state)
{
    struct lib_client *client = lib_client_new(*state);

    lib_assert_problem(order_with(client, "*.x.test,www.x.test", NULL), 400, "malformed",
                       CREATING "Domain name \"www.x.test\" is redundant with a wildcard domain in the same request. "
                                "Remove one or the other from the certificate request.");
    lib_assert_status(order_with(client, "*.x.test,x.test,a.b.x.test", NULL), 201);
}

static void types_by_profile(void **state)
{
    struct lib_client *client = lib_client_new(*state);
    static const struct {
        const char *payload, *who;
    } rows[] = {
        {"{\"identifiers\":[{\"type\":\"ip\",\"value\":\"127.0.0.1\"}]}", "Default profile"},
        {"{\"identifiers\":[{\"type\":\"ip\",\"value\":\"127.0.0.1\"}],\"profile\":\"classic\"}",
         "Profile \"classic\""},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        lib_assert_problem(lib_post(client, ORDER, rows[i].payload), 400, "rejectedIdentifier",
                           lib_text(client->t,
                                    CREATING "%s does not permit IP address identifiers. See available profiles at "
                                             "https://letsencrypt.org/docs/profiles/.",
                                    rows[i].who));
}

static void wildcard_order(void **state)
{
    struct lib_client *client = lib_client_new(*state);
    struct lib_answer *order = lib_order(client, "*.w.test");
    struct lib_answer *authz = lib_post(client, lib_authz_path(order, 0), NULL);
    fc_auto_free char *ident = fc_json_text(json_object_get(authz->json, "identifier"));
    fc_auto_free char *ordered = fc_json_text(json_object_get(order->json, "identifiers"));

    assert_string_equal(ordered, "[{\"type\":\"dns\",\"value\":\"*.w.test\"}]");
    assert_string_equal(ident, "{\"type\":\"dns\",\"value\":\"w.test\"}");
    assert_true(json_is_true(json_object_get(authz->json, "wildcard")));
    json_t *challenges = json_object_get(authz->json, "challenges");
    assert_int_equal(json_array_size(challenges), 1);
    assert_string_equal(json_string_value(json_object_get(json_array_get(challenges, 0), "type")), "dns-01");
}

static void named_profile_is_shown(void **state)
{
    struct lib_client *client = lib_client_new(*state);

    assert_string_equal(lib_member(order_with(client, "a.test", "{\"profile\":\"classic\"}"), "profile"), "classic");
    assert_null(json_object_get(order_with(client, "b.test", "{\"profile\":\"\"}")->json, "profile"));
}

/* ---- reuse (C.2) ---- */

static void assert_location(const struct lib_answer *answer, const char *url)
{
    lib_assert_status(answer, 201);
    assert_string_equal(lib_header(answer, "Location"), url);
}

static void pending_and_ready_orders_are_reused(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_answer *order = lib_order(client, "a.test,b.test");
    const char *url = lib_header(order, "Location");

    assert_location(order_with(client, "B.test,a.test", NULL), url);
    lib_validate(client, order);
    order = order_with(client, "a.test,b.test", NULL);
    assert_location(order, url);
    assert_string_equal(lib_member(order, "status"), "ready");
    assert_int_equal(lib_events(t, "order.created"), 1);

    /* another set, another profile ("" and "classic" share nothing), another account */
    assert_string_not_equal(lib_header(order_with(client, "a.test", NULL), "Location"), url);
    assert_string_not_equal(lib_header(order_with(client, "a.test,b.test", "{\"profile\":\"classic\"}"), "Location"),
                            url);
    assert_string_not_equal(lib_header(lib_order(lib_client_new(t), "a.test,b.test"), "Location"), url);
}

/* The look-up takes the first to expire of anybody's; a foreign one in front means no reuse at all. */
static void a_foreign_order_hides_ones_own(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *first = lib_client_new(t), *second = lib_client_new(t);

    lib_order(first, "a.test");
    lib_acme_advance(t, "1h");
    const char *url = lib_header(lib_order(second, "a.test"), "Location");
    assert_string_not_equal(lib_header(lib_order(second, "a.test"), "Location"), url);
}

static void finalized_and_expired_orders_are_not_reused(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_issued issued;

    lib_issue(client, "a.test", &issued);
    struct lib_answer *order = lib_order(client, "a.test");
    const char *url = lib_header(order, "Location");
    assert_string_not_equal(lib_path(url), issued.order_path);
    lib_acme_advance(t, "8d");
    assert_string_not_equal(lib_header(lib_order(client, "a.test"), "Location"), url);
}

static void valid_authorizations_are_reused(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);

    lib_ready_order(client, "b.test");
    struct lib_answer *order = lib_order(client, "a.test,b.test");
    /* re-used ones come first */
    assert_string_equal(lib_authz_path(order, 0), "/acme/authz/1/1");
    assert_string_equal(lib_member(lib_post(client, lib_authz_path(order, 0), NULL), "status"), "valid");
    assert_string_equal(lib_member(lib_post(client, lib_authz_path(order, 1), NULL), "status"), "pending");
    assert_int_equal(lib_web_requests(t), 1);

    /* all re-used: born ready */
    lib_validate(client, order);
    order = lib_order(client, "b.test,a.test");
    lib_acme_advance(t, "1s");
    struct lib_issued issued;
    lib_issue(client, "a.test", &issued);
    assert_int_equal(lib_web_requests(t), 2);

    /* not for "*.b.test", another profile, another account; pending ones never */
    assert_string_equal(lib_member(lib_order(client, "*.b.test"), "status"), "pending");
    assert_string_equal(lib_member(order_with(client, "b.test", "{\"profile\":\"classic\"}"), "status"), "pending");
    assert_string_equal(lib_member(lib_order(lib_client_new(t), "b.test"), "status"), "pending");
    const char *pending = lib_authz_path(lib_order(client, "c.test"), 0);
    order = lib_order(client, "c.test,d.test");
    assert_string_not_equal(lib_authz_path(order, 0), pending);
    assert_string_not_equal(lib_authz_path(order, 1), pending);
}

/* Remaining life of more than clamp(order lifetime / 8, 1 h, 24 h): 21 h for classic. */
static void reuse_ends_21_hours_before_expiry(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);

    lib_ready_order(client, "a.test");
    lib_acme_advance(t, "29d2h59m");
    struct lib_answer *order = lib_order(client, "a.test");
    assert_string_equal(lib_member(order, "status"), "ready");
    /* min of now + 7 d and the authorization's expiry */
    assert_string_equal(lib_member(order, "expires"), "2026-10-01T12:00:00Z");
    /* the order of a second set, because the first one's is re-used */
    lib_acme_advance(t, "1m");
    order = lib_order(client, "a.test,b.test");
    assert_int_equal(json_array_size(json_object_get(order->json, "authorizations")), 2);
    for (size_t i = 0; i < 2; i++)
        assert_string_equal(lib_member(lib_post(client, lib_authz_path(order, i), NULL), "status"), "pending");
}

static void deactivated_authorizations_are_not_reused(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_answer *order = lib_ready_order(client, "a.test");

    lib_assert_status(lib_post(client, lib_authz_path(order, 0), "{\"status\":\"deactivated\"}"), 200);
    assert_string_equal(lib_member(lib_order(client, "a.test"), "status"), "pending");
}

/* ---- reading ---- */

static void who_may_read(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_answer *order = lib_order(client, "a.test");
    const char *path = lib_path(lib_header(order, "Location"));
    struct lib_client *other = lib_client_new(t);

    struct lib_answer *answer = lib_get(t, path);
    lib_assert_status(answer, 200);
    assert_null(lib_header(answer, "Replay-Nonce"));
    assert_string_equal(answer->text, order->text);
    answer = lib_post(client, path, NULL);
    lib_assert_status(answer, 200);
    assert_string_equal(lib_header(answer, "Location"), lib_header(order, "Location"));
    lib_assert_problem(lib_post(other, path, NULL), 404, "malformed", "No order found for account ID 2");
    lib_assert_problem(lib_post(other, "/acme/order/2/1", NULL), 404, "malformed", "No order found for account ID 2");
    lib_assert_problem(lib_get(t, "/acme/order/2/1"), 404, "malformed", "No order found for account ID 2");
    lib_assert_problem(lib_get(t, "/acme/order/1/77"), 404, "malformed", "No order for ID 77");
    lib_assert_problem(lib_get(t, "/acme/order/1"), 404, "malformed", "Invalid request path");
    lib_assert_problem(lib_get(t, "/acme/order/x/1"), 400, "malformed", "Invalid account ID");
    lib_assert_problem(lib_get(t, "/acme/order/1/x"), 400, "malformed", "Invalid order ID");
    lib_assert_problem(lib_get(t, "/acme/order/1/1/1"), 400, "malformed", "Invalid order ID");
    lib_assert_problem(lib_get(t, "/acme/order/1/99999999999999999999"), 400, "malformed", "Invalid order ID");
}

static void any_order_vanishes_when_it_expires(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_issued issued;
    const char *pending = lib_path(lib_header(lib_order(client, "p.test"), "Location"));
    const char *ready = lib_path(lib_header(lib_ready_order(client, "r.test"), "Location"));

    lib_issue(client, "a.test", &issued);
    const char *const paths[] = {pending, ready, issued.order_path};
    lib_acme_advance(t, "7d");
    for (size_t i = 0; i < 3; i++)
        lib_assert_status(lib_post(client, paths[i], NULL), 200);
    lib_acme_advance(t, "1s");
    for (size_t i = 0; i < 3; i++)
        lib_assert_problem(lib_post(client, paths[i], NULL), 404, "malformed",
                           lib_text(t, "No order for ID %zu", i + 1));
    lib_assert_problem(lib_post(client, "/acme/finalize/1/2", "{\"csr\":\"AA\"}"), 404, "malformed",
                       "No order for ID 2");
    lib_assert_status(lib_post(client, issued.cert_path, NULL), 200);
    /* the clock goes back: what had expired has not */
    lib_acme_advance(t, "-1s");
    assert_string_equal(lib_member(lib_post(client, ready, NULL), "status"), "ready");
    lib_acme_advance(t, "-3d");
    assert_string_equal(lib_member(lib_post(client, pending, NULL), "status"), "pending");
}

static void rehearsal_names_are_events(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);

    lib_order(client, "a.test,letsencrypt.org,localhost");
    assert_int_equal(lib_events(t, "rehearsal.used"), 2);
}

static void strict(json_t *policy)
{
    json_object_set_new(policy, "rehearsal", json_false());
}

static void without_rehearsal_it_is_lets_encrypt(void **state)
{
    struct lib_client *client = lib_client_new(*state);

    lib_assert_problem(order_with(client, "a.test", NULL), 400, "rejectedIdentifier",
                       REQUESTED
                       "Cannot issue for \"a.test\": Domain name does not end with a valid public suffix (TLD)");
    lib_assert_problem(order_with(client, "localhost", NULL), 400, "rejectedIdentifier",
                       REQUESTED "Cannot issue for \"localhost\": Domain name needs at least one dot");
    lib_assert_status(order_with(client, "letsencrypt.org", NULL), 201);
}

int main(void)
{
    static struct lib_options no_rehearsal = {.edit = strict};
    const struct CMUnitTest tests[] = {
        LIB_TEST(bad_shapes),
        LIB_TEST(bad_names),
        LIB_TEST(several_bad_names),
        LIB_TEST(too_much),
        LIB_TEST(redundant_wildcard),
        LIB_TEST(types_by_profile),
        LIB_TEST(wildcard_order),
        LIB_TEST(named_profile_is_shown),
        LIB_TEST(pending_and_ready_orders_are_reused),
        LIB_TEST(a_foreign_order_hides_ones_own),
        LIB_TEST(finalized_and_expired_orders_are_not_reused),
        LIB_TEST(valid_authorizations_are_reused),
        LIB_TEST(reuse_ends_21_hours_before_expiry),
        LIB_TEST(deactivated_authorizations_are_not_reused),
        LIB_TEST(who_may_read),
        LIB_TEST(any_order_vanishes_when_it_expires),
        LIB_TEST(rehearsal_names_are_events),
        LIB_TEST_WITH(without_rehearsal_it_is_lets_encrypt, &no_rehearsal),
    };
    RUN(tests);
}
