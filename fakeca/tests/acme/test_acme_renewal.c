/* Renewal information and `replaces`: RFC 9773, letsencrypt.md E.4 and E.5. */
#include "lib_acme.h"

#include <stdlib.h>
#include <string.h>

#include "base/base_b64.h"
#include "base/base_text.h"
#include "base/base_time.h"
#include "ca/ca.h"
#include "store/store_cert.h"
#include "store/store_renewal.h"

#include "cmocka_all.h"

#define INFO "/acme/renewal-info/"
#define ARI "While parsing ARI CertID an error occurred :: "
#define REPLACES "Could not validate ARI 'replaces' field :: "

static const char *certid_of(struct lib_acme *t, const char *serial)
{
    struct fc_certificate row;
    struct fc_store_tx tx fc_auto_tx = {0};

    assert_int_equal(fc_store_begin(t->store, FC_STORE_READ, &tx, NULL), 0);
    assert_int_equal(fc_store_cert_get(t->store, t->arena, serial, &row, NULL), 0);
    const char *certid = fc_ca_ari_id(row.der, row.der_len, t->arena);
    assert_non_null(certid);
    return certid;
}

static struct lib_answer *ask(struct lib_acme *t, const char *certid)
{
    return lib_get(t, lib_text(t, INFO "%s", certid));
}

static void assert_window(const struct lib_answer *answer, const char *start, const char *end)
{
    lib_assert_status(answer, 200);
    assert_string_equal(lib_header(answer, "Content-Type"), "application/json");
    const json_t *window = json_object_get(answer->json, "suggestedWindow");
    assert_string_equal(json_string_value(json_object_get(window, "start")), start);
    assert_string_equal(json_string_value(json_object_get(window, "end")), end);
}

static void move(struct lib_acme *t, const struct fc_store_window *window)
{
    struct fc_store_tx tx fc_auto_tx = {0};

    assert_int_equal(fc_store_begin(t->store, FC_STORE_WRITE, &tx, NULL), 0);
    assert_int_equal(fc_store_window_set(t->store, window, NULL), 0);
    assert_int_equal(fc_store_commit(&tx, NULL), 0);
}

/* ---- renewalInfo ---- */

static void window_of_a_certificate(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_issued issued;

    struct lib_answer *directory = lib_get(t, "/dir");
    assert_string_equal(lib_member(directory, "renewalInfo"), LIB_BASE "/acme/renewal-info");
    lib_issue(client, "a.test", &issued);
    const char *certid = certid_of(t, issued.serial);
    struct lib_answer *answer = ask(t, certid);
    /* the first vector of E.4: 90 d, issued at LIB_NOW */
    assert_window(answer, "2026-10-30T13:45:34Z", "2026-11-01T08:56:23Z");
    assert_int_equal(json_object_size(answer->json), 1);
    assert_string_equal(lib_header(answer, "Retry-After"), "21600");
    assert_null(lib_header(answer, "Replay-Nonce"));
    /* an expired one keeps it, and nobody but the certificate decides */
    lib_acme_advance(t, "200d");
    assert_window(ask(t, certid), "2026-10-30T13:45:34Z", "2026-11-01T08:56:23Z");
}

static void revocation_pulls_it_into_the_past(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_issued issued;

    lib_issue(client, "a.test", &issued);
    const char *certid = certid_of(t, issued.serial);
    assert_int_equal(fc_acme_revoke(t->acme, issued.serial, 4, t->now, NULL), 0);
    assert_window(ask(t, certid), "2026-09-01T11:00:00Z", "2026-09-01T11:30:00Z");
    lib_acme_advance(t, "1d");
    struct lib_answer *later = ask(t, certid);
    assert_window(later, "2026-09-02T11:00:00Z", "2026-09-02T11:30:00Z");
    assert_null(json_object_get(later->json, "explanationURL"));
}

static void moved_by_hand(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_issued issued, other;

    lib_issue(client, "a.test", &issued);
    lib_issue(client, "b.test", &other);
    const struct fc_store_window window = {.serial = issued.serial,
                                           .start = t->now - FC_HOUR,
                                           .end = t->now - FC_MINUTE,
                                           .explanation = "https://ca.test/incident",
                                           .retry_after_s = 60};
    move(t, &window);
    struct lib_answer *answer = ask(t, certid_of(t, issued.serial));
    assert_window(answer, "2026-09-01T11:00:00Z", "2026-09-01T11:59:00Z");
    assert_string_equal(lib_member(answer, "explanationURL"), "https://ca.test/incident");
    assert_string_equal(lib_header(answer, "Retry-After"), "60");
    /* never one window for all */
    assert_window(ask(t, certid_of(t, other.serial)), "2026-10-30T13:45:34Z", "2026-11-01T08:56:23Z");
    assert_int_equal(fc_acme_revoke(t->acme, issued.serial, 1, t->now, NULL), 0);
    answer = ask(t, certid_of(t, issued.serial));
    assert_window(answer, "2026-09-01T11:00:00Z", "2026-09-01T11:30:00Z");
    assert_string_equal(lib_member(answer, "explanationURL"), "https://ca.test/incident");
}

static void retry_after_is_spread(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_issued issued;
    int64_t seconds, least = INT64_MAX, most = 0;

    lib_issue(client, "a.test", &issued);
    for (int i = 0; i < 200; i++) {
        const char *text = lib_header(ask(t, certid_of(t, issued.serial)), "Retry-After");
        assert_int_equal(fc_text_int(text, 17280, 25920, &seconds, NULL), 0);
        least = seconds < least ? seconds : least;
        most = seconds > most ? seconds : most;
    }
    assert_true(most - least > 1000);
}

/* A certID with the real issuer and another serial number. */
static const char *with_serial(struct lib_acme *t, const char *certid, const char *serial)
{
    return lib_text(t, "%.*s.%s", (int)strcspn(certid, "."), certid, serial);
}

static void refusals(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_issued issued;

    lib_issue(client, "a.test", &issued);
    const char *certid = certid_of(t, issued.serial);
    lib_assert_problem(lib_get(t, "/acme/renewal-info"), 404, "malformed", "Must specify a request path");
    lib_assert_problem(lib_get(t, INFO), 404, "malformed", "Must specify a request path");
    lib_assert_problem(ask(t, "abcd"), 400, "malformed", ARI "Invalid path");
    lib_assert_problem(ask(t, ".abcd"), 400, "malformed", ARI "Invalid path");
    lib_assert_problem(ask(t, "abcd."), 400, "malformed", ARI "Invalid path");
    lib_assert_problem(ask(t, "ab.cd.ef"), 400, "malformed", ARI "Invalid path");
    lib_assert_problem(ask(t, "ab=.cd"), 400, "malformed",
                       ARI "Authority Key Identifier was not base64url-encoded or contained padding: illegal base64 "
                           "data at input byte 2");
    lib_assert_problem(ask(t, "abcd.abcd"), 404, "malformed",
                       ARI "path contained an Authority Key Identifier that did not match a known issuer");
    lib_assert_problem(ask(t, with_serial(t, certid, "a+b")), 404, "malformed",
                       ARI "serial number was not base64url-encoded or contained padding: illegal base64 data at "
                           "input byte 1");
    lib_assert_problem(ask(t, with_serial(t, certid, "abcd")), 404, "malformed", "Requested certificate was not found");
    lib_assert_problem(lib_post(client, lib_text(t, INFO "%s", certid), NULL), 405, "malformed", "Method not allowed");
    /* octets in front that are zero name the same certificate */
    unsigned char octets[64] = {0};
    size_t len;
    const char *serial = strchr(certid, '.') + 1;
    assert_int_equal(fc_b64url_decode(serial, strlen(serial), octets + 1, &len), 0);
    lib_assert_status(ask(t, with_serial(t, certid, lib_b64(t, octets, len + 1))), 200);
}

static void edit_off(json_t *policy)
{
    json_object_set_new(json_object_get(policy, "renewal_info"), "enabled", json_false());
}

/* clients.md C35 */
static void switched_off(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);

    assert_null(json_object_get(lib_get(t, "/dir")->json, "renewalInfo"));
    assert_int_equal(ask(t, "abcd.abcd")->status, 404);
    lib_assert_status(
        lib_post(client, "/acme/new-order", lib_order_payload(t, "a.test", "{\"replaces\":\"nonsense\"}")), 201);
}

/* ---- replaces ---- */

static struct lib_answer *replace(struct lib_client *client, const char *names, const char *certid)
{
    return lib_post(client, "/acme/new-order",
                    lib_order_payload(client->t, names, lib_text(client->t, "{\"replaces\":\"%s\"}", certid)));
}

static void an_order_replaces_once(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_issued issued;

    lib_issue(client, "a.test,b.test", &issued);
    const char *certid = certid_of(t, issued.serial);
    struct lib_answer *order = replace(client, "a.test,c.test", certid);
    lib_assert_status(order, 201);
    assert_string_equal(lib_member(order, "replaces"), certid);
    lib_assert_problem(replace(client, "b.test", certid), 409, "alreadyReplaced",
                       lib_text(t,
                                REPLACES "cannot indicate an order replaces certificate with serial \"%s\", which "
                                         "already has a replacement order",
                                issued.serial));
    /* the order again without it */
    lib_assert_status(lib_post(client, "/acme/new-order", lib_order_payload(t, "b.test", NULL)), 201);
}

static void a_replacement_that_came_to_nothing_does_not_count(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_issued issued;

    lib_issue(client, "a.test", &issued);
    const char *certid = certid_of(t, issued.serial);
    struct lib_answer *order = replace(client, "a.test,c.test", certid);
    lib_assert_status(order, 201);
    lib_web_mode(t, LIB_WEB_WRONG);
    lib_validate(client, order);
    lib_web_mode(t, LIB_WEB_RIGHT);
    lib_assert_status(replace(client, "a.test,d.test", certid), 201);
    lib_acme_advance(t, "8d"); /* pending ones have expired */
    order = replace(client, "a.test", certid);
    lib_assert_status(order, 201);
    lib_assert_status(lib_post(client, lib_path(lib_member(order, "finalize")),
                               lib_csr_payload(t, &(struct lib_csr){.names = "a.test"})),
                      200);
    /* finalized counts for ever */
    lib_acme_advance(t, "100d");
    assert_int_equal(replace(client, "a.test,e.test", certid)->status, 409);
}

static void what_may_not_be_replaced(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t), *other = lib_client_new(t);
    struct lib_issued issued;

    lib_web_thumbprint(t, client->thumbprint);
    lib_issue(client, "a.test", &issued);
    const char *certid = certid_of(t, issued.serial);
    lib_assert_problem(replace(client, "a.test,x.test", "abcd"), 400, "malformed", REPLACES "Invalid path");
    lib_assert_problem(replace(client, "a.test,x.test", "abcd.abcd"), 404, "malformed",
                       REPLACES "path contained an Authority Key Identifier that did not match a known issuer");
    lib_assert_problem(replace(client, "a.test,x.test", with_serial(t, certid, "AQ")), 404, "malformed",
                       REPLACES "request included `replaces` field, but no current certificate with serial "
                                "\"000000000000000000000000000000000001\" exists");
    lib_assert_problem(replace(other, "a.test,x.test", certid), 403, "unauthorized",
                       REPLACES "requester account did not request the certificate being replaced by this order");
    lib_assert_problem(replace(client, "x.test,y.test", certid), 400, "malformed",
                       REPLACES
                       "identifiers in this order do not match any identifiers in the certificate being replaced");
    lib_assert_problem(lib_post(client, "/acme/new-order", lib_order_payload(t, "a.test,x.test", "{\"replaces\":5}")),
                       400, "malformed", "Unable to unmarshal NewOrder request body");
    lib_assert_status(lib_post(client, "/acme/new-order", lib_order_payload(t, "z.test", "{\"replaces\":\"\"}")), 201);
    /* revoked and expired ones may be */
    assert_int_equal(fc_acme_revoke(t->acme, issued.serial, 4, t->now, NULL), 0);
    lib_acme_advance(t, "120d");
    lib_assert_status(replace(client, "a.test,x.test", certid), 201);
}

int main(void)
{
    static struct lib_options slow = {.pace = FC_PACE_LETSENCRYPT}, off = {.edit = edit_off};
    const struct CMUnitTest tests[] = {
        LIB_TEST(window_of_a_certificate),
        LIB_TEST(revocation_pulls_it_into_the_past),
        LIB_TEST(moved_by_hand),
        LIB_TEST_WITH(retry_after_is_spread, &slow),
        LIB_TEST(refusals),
        LIB_TEST_WITH(switched_off, &off),
        LIB_TEST(an_order_replaces_once),
        LIB_TEST(a_replacement_that_came_to_nothing_does_not_count),
        LIB_TEST(what_may_not_be_replaced),
    };
    RUN(tests);
}
