/* Rate limits over the protocol: letsencrypt.md A.3 to A.8. */
#include "lib_acme.h"

#include <stdlib.h>
#include <string.h>

#include "base/base_json.h"
#include "base/base_text.h"
#include "base/base_time.h"
#include "ca/ca.h"
#include "events/events.h"
#include "limits/limits.h"
#include "store/store_cert.h"

#include "cmocka_all.h"

#define DOCS "https://letsencrypt.org/docs/rate-limits"
#define NEW_ORDER "/acme/new-order"
#define NEW_ACCT "/acme/new-acct"
#define TERMS "{\"termsOfServiceAgreed\":true}"

static struct lib_answer *try_order(struct lib_client *client, const char *names)
{
    return lib_post(client, NEW_ORDER, lib_order_payload(client->t, names, NULL));
}

static struct lib_answer *try_register(struct lib_acme *t)
{
    struct lib_client *client = lib_client_unregistered(t, "P-256");

    return lib_post_twisted(client, NEW_ACCT, TERMS, &(struct lib_twist){.jwk = true});
}

/* 429 with the beginning of the detail, Retry-After within 3 % above `retry_in`, the link to the documentation. */
static void assert_limited(struct lib_acme *t, const struct lib_answer *answer, const char *begins, int64_t retry_in)
{
    int64_t retry_after, at;
    const char *detail = lib_member(answer, "detail"), *when = strstr(detail, "retry after ");

    lib_assert_status(answer, 429);
    assert_string_equal(lib_member(answer, "type"), URN "rateLimited");
    if (!fc_text_starts(detail, begins))
        fail_msg("'%s' does not begin with '%s'", detail, begins);
    assert_non_null(lib_header(answer, "Retry-After"));
    assert_int_equal(fc_text_int(lib_header(answer, "Retry-After"), 1, INT64_MAX, &retry_after, NULL), 0);
    assert_in_range(retry_after, retry_in / FC_SECOND, retry_in / 100 * 103 / FC_SECOND + 1);
    assert_string_equal(lib_link(t, answer, "help"), DOCS);
    /* text and header are of one draw */
    assert_non_null(when);
    fc_auto_free char *stamp = fc_asprintf("%.10sT%.8sZ", when + 12, when + 23);
    assert_int_equal(fc_time_parse(stamp, &at, NULL), 0);
    assert_in_range((at - t->now) / FC_SECOND, retry_after - 1, retry_after + 1);
    assert_in_range(fc_limits_retry_at(t->limits, t->now), t->now + retry_in,
                    t->now + retry_in / 100 * 103 + FC_SECOND);
}

static void the_sixth_of_a_set(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_issued issued;

    for (int i = 0; i < 5; i++)
        lib_issue(client, "a.test,www.a.test", &issued);
    assert_limited(t, try_order(client, "www.a.test,a.test"),
                   "too many certificates (5) already issued for this exact set of identifiers in the last 168h0m0s, "
                   "retry after ",
                   33 * FC_HOUR + 36 * FC_MINUTE);
    assert_int_equal(lib_events(t, "limit.denied"), 1);
    lib_assert_status(try_order(client, "a.test"), 201);
    lib_assert_status(try_order(lib_client_new(t), "www.a.test,a.test"), 429); /* everybody's */
    lib_acme_restart(t);
    lib_assert_status(try_order(client, "www.a.test,a.test"), 429);
    lib_acme_advance(t, "34h");
    lib_issue(client, "a.test,www.a.test", &issued);
    lib_assert_status(try_order(client, "www.a.test,a.test"), 429);
}

/* Trap 4: an order that is handed out again costs one too. A refusal costs nothing. */
static void orders(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    const char *first = lib_header(lib_order(client, "a.test"), "Location");

    assert_string_equal(lib_header(lib_order(client, "a.test"), "Location"), first);
    lib_assert_status(try_order(client, "b.test"), 201);
    for (int i = 0; i < 2; i++)
        assert_limited(t, try_order(client, "c.test"), "too many new orders (3) from this account in the last 3h0m0s",
                       FC_HOUR);
    struct lib_answer *refused = try_order(client, "c_c.test"); /* the policy comes first */
    assert_string_equal(lib_member(refused, "type"), URN "rejectedIdentifier");
    lib_acme_advance(t, "1h");
    lib_assert_status(try_order(client, "c.test"), 201);
    lib_assert_status(try_order(client, "d.test"), 429);
}

static void a_refused_order_costs_nothing(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);

    for (int i = 0; i < 5; i++)
        lib_assert_status(lib_post(client, NEW_ORDER, lib_order_payload(t, "a.test", "{\"profile\":\"none\"}")), 400);
    for (int i = 0; i < 3; i++)
        lib_assert_status(try_order(client, lib_text(t, "n%d.test", i)), 201);
}

static struct lib_answer *try_more(struct lib_client *client, const char *names, const char *more)
{
    return lib_post(client, NEW_ORDER, lib_order_payload(client->t, names, more));
}

/* A.3: identifier policy, paused identifiers, replaces, profile name, rate limits, and only then what the RA refuses. */
static void what_answers_first(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);

    /* what the RA refuses has cost nothing */
    for (int i = 0; i < 5; i++)
        assert_string_equal(lib_member(try_order(client, "www.example.net"), "type"), URN "rejectedIdentifier");
    for (int i = 0; i < 3; i++)
        lib_assert_status(try_order(client, lib_text(t, "n%d.test", i)), 201);
    lib_assert_status(try_order(client, "www.example.net"), 429);
    lib_assert_status(try_order(client, "*.a.test,www.a.test"), 429);
    assert_string_equal(lib_member(try_order(client, "c_c.test"), "type"), URN "rejectedIdentifier");
    lib_assert_problem(try_more(client, "a.test", "{\"profile\":\"none\"}"), 400, "invalidProfile",
                       "profile name \"none\" not recognized");
    lib_assert_problem(try_more(client, "a.test", "{\"profile\":\"none\",\"replaces\":\"x\"}"), 400, "malformed",
                       "Could not validate ARI 'replaces' field :: Invalid path");
}

static void one_domain(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_issued issued;

    lib_issue(client, "a.example.test,b.example.test", &issued);
    assert_limited(t, try_order(client, "c.example.test"),
                   "too many certificates (1) already issued for \"example.test\" in the last 168h0m0s, retry after ",
                   168 * FC_HOUR);
    /* under an ICANN suffix and beside it */
    lib_assert_status(try_order(client, "other.test"), 201);
}

/* A.6: another rule for one account, one domain, and the domains of one account, by rows of the policy. */
static void give_overrides(json_t *policy)
{
    static const struct {
        const char *limit, *key;
        int count;
    } rows[] = {{"NewOrdersPerAccount", "2", 4},
                {"CertificatesPerDomain", "b.test", 1},
                {"CertificatesPerDomainPerAccount", "1", 2}};
    json_t *overrides = json_object_get(json_object_get(policy, "limits"), "overrides");

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        json_array_append_new(overrides, json_pack("{s:s,s:s,s:i,s:s,s:i,s:s}", "limit", rows[i].limit, "key",
                                                   rows[i].key, "count", rows[i].count, "period", "1h", "burst",
                                                   rows[i].count, "source", "a test"));
}

static void overrides(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *first = lib_client_new(t), *second = lib_client_new(t);
    struct lib_issued issued;

    lib_web_thumbprint(t, first->thumbprint);
    lib_issue(first, "a.b.test", &issued);
    assert_limited(t, try_order(second, "c.b.test"),
                   "too many certificates (1) already issued for \"b.test\" in the last 1h0m0s, retry after ", FC_HOUR);
    lib_issue(first, "d.b.test", &issued);
    assert_limited(t, try_order(first, "e.b.test"),
                   "too many certificates (2) already issued for \"b.test\" in the last 1h0m0s, retry after ",
                   30 * FC_MINUTE);
    for (int i = 0; i < 4; i++)
        lib_assert_status(try_order(second, lib_text(t, "n%d.test", i)), 201);
    assert_limited(t, try_order(second, "n.test"),
                   "too many new orders (4) from this account in the last 1h0m0s, retry after ", 15 * FC_MINUTE);
    for (int i = 0; i < 5; i++)
        lib_assert_status(try_order(first, lib_text(t, "n%d.test", i)), 201);
}

static void registrations(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);

    assert_limited(t, try_register(t),
                   "too many new registrations (1) from this IP address in the last 3h0m0s, retry after ", 3 * FC_HOUR);
    /* who is known already is answered before the limits */
    lib_assert_status(lib_post_twisted(client, NEW_ACCT, TERMS, &(struct lib_twist){.jwk = true}), 200);
    for (int i = 1; i <= 5; i++) {
        t->peer = lib_text(t, "[2001:db8:1::%d]:50000", i);
        lib_assert_status(try_register(t), 201);
    }
    t->peer = "[2001:db8:1:ffff::9]:50000";
    assert_limited(t, try_register(t),
                   "too many new registrations (5) from this /48 subnet of IPv6 addresses in the last 3h0m0s, retry "
                   "after ",
                   36 * FC_MINUTE);
    t->peer = "[2001:db8:2::1]:50000";
    lib_assert_status(try_register(t), 201);
}

static void fail_once(struct lib_client *client, const char *name)
{
    struct lib_answer *order = lib_order(client, name);

    lib_web_mode(client->t, LIB_WEB_WRONG);
    lib_validate(client, order);
    lib_web_mode(client->t, LIB_WEB_RIGHT);
}

/* Trap 5: at the next order, not at the challenge, and for every name of it. */
static void failures(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);

    fail_once(client, "a.test");
    assert_limited(t, try_order(client, "a.test,b.test"),
                   "too many failed authorizations (1) for \"a.test\" in the last 1h0m0s, retry after ", FC_HOUR);
    lib_assert_status(try_order(client, "b.test"), 201);
    lib_acme_advance(t, "1h");
    lib_assert_status(try_order(client, "a.test"), 201);
}

static void giving_up_what_is_pending_is_a_failure(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    const char *authz = lib_authz_path(lib_order(client, "a.test"), 0);

    lib_assert_status(lib_post(client, authz, "{\"status\":\"deactivated\"}"), 200);
    assert_limited(t, try_order(client, "a.test"), "too many failed authorizations (1) for \"a.test\"", FC_HOUR);
    /* a valid one is nobody's failure */
    struct lib_answer *order = lib_ready_order(client, "b.test");
    lib_assert_status(lib_post(client, lib_authz_path(order, 0), "{\"status\":\"deactivated\"}"), 200);
    lib_assert_status(try_order(client, "b.test"), 201);
}

/* ---- A.4 ---- */

static const char *replaces(struct lib_acme *t, const char *serial)
{
    struct fc_store_tx tx fc_auto_tx = {0};
    struct fc_certificate row;

    assert_int_equal(fc_store_begin(t->store, FC_STORE_READ, &tx, NULL), 0);
    assert_int_equal(fc_store_cert_get(t->store, t->arena, serial, &row, NULL), 0);
    return lib_text(t, "{\"replaces\":\"%s\"}", fc_ca_ari_id(row.der, row.der_len, t->arena));
}

static struct lib_answer *try_replace(struct lib_client *client, const char *names, const char *serial)
{
    return lib_post(client, NEW_ORDER, lib_order_payload(client->t, names, replaces(client->t, serial)));
}

/* Traps 2 and 3: no limit holds inside of the window, which is short; too early and too late they all hold. */
static void a_replacement_inside_of_its_window(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_issued issued;

    lib_issue(client, "a.test", &issued); /* the window: 2026-10-30T13:45:34Z to 2026-11-01T08:56:23Z (E.4) */
    lib_assert_status(try_replace(client, "a.test", issued.serial), 429);
    lib_acme_advance(t, "59d");
    /* every bucket that there is for the order */
    fail_once(client, "a.test");
    assert_int_equal(fc_limits_retry_at(t->limits, t->now), 0);
    lib_assert_status(try_order(client, "a.test"), 429);
    lib_acme_advance(t, "2h"); /* 2026-10-30T14:00:00Z */
    lib_assert_status(try_order(client, "a.test"), 201);
    fail_once(client, "a.test");
    lib_assert_status(try_order(client, "a.test"), 429);
    lib_assert_status(try_replace(client, "a.test", issued.serial), 201);
}

/* ---- A.8 ---- */

static void pause_at_once(json_t *policy)
{
    json_t *limits = json_object_get(policy, "limits");
    json_t *rule = json_object_get(limits, "FailedAuthorizationsForPausingPerDomainPerAccount");

    json_object_set_new(policy, "changes", json_array());
    json_object_set_new(json_object_get(policy, "pausing"), "enabled", json_true());
    json_object_set_new(rule, "burst", json_integer(1));
}

static const char *portal_query(struct lib_acme *t, const struct lib_answer *refused)
{
    const char *detail = lib_member(refused, "detail"), *url = strstr(detail, "Please visit: ");

    lib_assert_status(refused, 429);
    assert_string_equal(lib_member(refused, "type"), URN "rateLimited");
    assert_null(lib_header(refused, "Retry-After"));
    assert_null(lib_link(t, refused, "help"));
    assert_non_null(url);
    url = lib_path(url + strlen("Please visit: "));
    assert_true(fc_text_starts(url, "/sfe/v1/unpause?jwt="));
    return strchr(url, '?') + 1;
}

static struct lib_answer *portal(struct lib_acme *t, const char *method, const char *page, const char *query)
{
    return lib_send(t, &(struct lib_request){.method = method, .path = page, .query = query});
}

static void paused_and_unpaused(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);

    fail_once(client, "b.test");
    lib_assert_status(try_order(client, "a.test"), 201);
    fail_once(client, "b.test");
    assert_int_equal(lib_events(t, "account.paused"), 1);
    struct lib_answer *refused = try_order(client, "a.test,b.test");
    const char *query = portal_query(t, refused);
    assert_true(fc_text_starts(lib_member(refused, "detail"),
                               "Your account is temporarily prevented from requesting certificates for b.test and "
                               "possibly others. Please visit: " LIB_BASE "/sfe/v1/unpause?jwt="));
    lib_assert_status(try_more(client, "b.test", "{\"profile\":\"none\",\"replaces\":\"x\"}"), 429);
    lib_assert_status(try_order(client, "a.test"), 201);
    lib_assert_status(try_order(lib_client_new(t), "b.test"), 201);

    struct lib_answer *form = portal(t, "GET", "/sfe/v1/unpause", query);
    lib_assert_status(form, 200);
    assert_non_null(strstr(form->text, "b.test"));
    struct lib_answer *done = portal(t, "POST", "/sfe/v1/do-unpause", query);
    lib_assert_status(done, 302);
    assert_string_equal(lib_header(done, "Location"), LIB_BASE "/sfe/v1/unpause-status?count=1");
    struct lib_answer *end = portal(t, "GET", "/sfe/v1/unpause-status", "count=1");
    lib_assert_status(end, 200);
    assert_int_equal(lib_events(t, "account.unpaused"), 1);
    /* trap 8: the bucket is still full, for 14 days that does not pause again */
    fail_once(client, "b.test");
    assert_int_equal(lib_events(t, "account.paused"), 1);
    lib_assert_status(try_order(client, "b.test"), 201);
    lib_acme_advance(t, "14d");
    fail_once(client, "b.test");
    fail_once(client, "b.test");
    assert_int_equal(lib_events(t, "account.paused"), 2);
    portal_query(t, try_order(client, "b.test"));
}

static void success_begins_anew(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);

    fail_once(client, "b.test");
    lib_ready_order(client, "b.test");
    lib_assert_status(lib_post(client, lib_authz_path(lib_order(client, "b.test"), 0), "{\"status\":\"deactivated\"}"),
                      200);
    fail_once(client, "b.test");
    assert_int_equal(lib_events(t, "account.paused"), 0);
}

static void links_that_are_not_good(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);

    fail_once(client, "b.test");
    fail_once(client, "b.test");
    const char *good = portal_query(t, try_order(client, "b.test"));
    char *changed = lib_text(t, "%s", good);
    changed[strlen(changed) - 2] ^= 1;
    const char *const bad[] = {NULL,
                               "jwt=",
                               "jwt=a",
                               "jwt=a.b",
                               "jwt=a.b.c",
                               changed,
                               lib_text(t, "%sA", good),
                               lib_text(t, "jwt=%s", strchr(good, '.')),
                               "jwt=eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0."};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        lib_assert_status(portal(t, "GET", "/sfe/v1/unpause", bad[i]), 400);
        lib_assert_status(portal(t, "POST", "/sfe/v1/do-unpause", bad[i]), 400);
        lib_assert_status(portal(t, "GET", "/sfe/v1/unpause-status", bad[i]), 400);
    }
    assert_int_equal(lib_events(t, "account.unpaused"), 0);
    lib_acme_restart(t);
    lib_assert_status(portal(t, "GET", "/sfe/v1/unpause", good), 200); /* the secret is kept */
    lib_acme_advance(t, "15d");
    lib_assert_status(portal(t, "GET", "/sfe/v1/unpause", good), 400);
}

/* ---- A.7 ---- */

/* One a second at the directory: a slow machine too asks more often. */
static void enforce_requests(json_t *policy)
{
    json_t *limits = json_object_get(policy, "request_limits"), *endpoint;
    size_t i;

    json_object_set_new(limits, "enforced", json_true());
    json_array_foreach(json_object_get(limits, "endpoints"), i, endpoint)
    {
        if (strcmp(json_string_value(json_object_get(endpoint, "name")), "directory") == 0)
            json_object_set_new(endpoint, "per_second", json_integer(1));
    }
}

static void the_load_balancer(void **state)
{
    struct lib_acme *t = *state;
    struct lib_answer *answer = NULL;
    int passed = 0;

    for (; passed < 1000; passed++) {
        answer = lib_send(t, &(struct lib_request){.method = "HEAD", .path = "/acme/new-nonce"});
        if (answer->status != 200)
            break;
    }
    assert_true(passed >= 11);
    lib_assert_problem(answer, 503, "rateLimited", "Service busy; retry later.");
    assert_string_equal(lib_header(answer, "Retry-After"), "1");
    assert_null(lib_header(answer, "Replay-Nonce"));
    assert_int_equal(lib_events(t, "limit.busy"), 1);
    lib_assert_status(lib_get(t, "/directory"), 200);
    /* its other name is the same endpoint */
    for (passed = 0; passed < 1000 && lib_get(t, "/dir")->status == 200; passed++)
        ;
    assert_in_range(passed, 39, 999);
    t->peer = "127.0.0.2:50000";
    lib_assert_status(lib_send(t, &(struct lib_request){.method = "HEAD", .path = "/acme/new-nonce"}), 200);
}

int main(void)
{
    static struct lib_options real = {.limits = "letsencrypt"}, small = {.limits = "0.01"},
                              pausing = {.limits = "letsencrypt", .edit = pause_at_once},
                              overriding = {.limits = "letsencrypt", .edit = give_overrides},
                              requests = {.limits = "off", .edit = enforce_requests};
    const struct CMUnitTest tests[] = {
        LIB_TEST_WITH(the_sixth_of_a_set, &real),
        LIB_TEST_WITH(orders, &small),
        LIB_TEST_WITH(a_refused_order_costs_nothing, &small),
        LIB_TEST_WITH(what_answers_first, &small),
        LIB_TEST_WITH(one_domain, &small),
        LIB_TEST_WITH(overrides, &overriding),
        LIB_TEST_WITH(registrations, &small),
        LIB_TEST_WITH(failures, &small),
        LIB_TEST_WITH(giving_up_what_is_pending_is_a_failure, &small),
        LIB_TEST_WITH(a_replacement_inside_of_its_window, &small),
        LIB_TEST_WITH(paused_and_unpaused, &pausing),
        LIB_TEST_WITH(success_begins_anew, &pausing),
        LIB_TEST_WITH(links_that_are_not_good, &pausing),
        LIB_TEST_WITH(the_load_balancer, &requests),
    };
    RUN(tests);
}
