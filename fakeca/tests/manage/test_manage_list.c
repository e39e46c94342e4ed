/* Accounts, orders, certificates. */
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_clock.h"
#include "base/base_text.h"
#include "base/base_time.h"

#include "cmocka_all.h"
#include "lib_manage.h"

static const json_t *row(const json_t *answer, const char *list, size_t i)
{
    const json_t *rows = lib_manage_at(answer, list);

    assert_true(i < json_array_size(rows));
    return json_array_get(rows, i);
}

/* Goes through all pages: the ids in their order, "1 2 3 ". */
static const char *walk(struct lib_manage *t, const char *list, const char *id, const char *way, const char *filter,
                        int limit)
{
    const char *all = "", *from = "";

    for (int pages = 0; pages < 20; pages++) {
        json_t *answer = lib_manage_ok(
            t, "GET", fc_arena_printf(t->arena, "/api/v1/%s?limit=%d%s%s", list, limit, filter, from), NULL);
        const json_t *rows = lib_manage_at(answer, list), *next = lib_manage_at(answer, "next");
        assert_true(json_array_size(rows) <= (size_t)limit);
        for (size_t i = 0; i < json_array_size(rows); i++)
            all = fc_arena_printf(t->arena, "%s%lld ", all, (long long)lib_manage_int(json_array_get(rows, i), id));
        if (json_is_null(next))
            return all;
        from = fc_arena_printf(t->arena, "&%s=%lld", way, (long long)json_integer_value(next));
    }
    fail_msg("'%s' has no last page", list);
    return NULL;
}

static void accounts(void **state)
{
    struct lib_manage *t = *state;
    int64_t first = lib_manage_account(t, "production", "one");

    lib_manage_account(t, "staging", "two");
    lib_manage_account(t, "production", "three");
    json_t *account =
        lib_manage_ok(t, "GET", fc_arena_printf(t->arena, "/api/v1/accounts/%lld", (long long)first), NULL);
    assert_int_equal(lib_manage_int(account, "id"), first);
    assert_string_equal(lib_manage_str(account, "environment"), "production");
    assert_string_equal(lib_manage_str(account, "status"), "valid");
    assert_string_equal(json_string_value(json_array_get(lib_manage_at(account, "contact"), 0)), "mailto:ops@a.test");
    assert_string_equal(lib_manage_str(account, "key"), "P-256");
    assert_string_equal(lib_manage_str(account, "thumbprint"), "one");
    assert_string_equal(lib_manage_str(account, "created_at"), LIB_NOW);
    assert_string_equal(walk(t, "accounts", "id", "after", "", 100), "1 2 3 ");
    assert_string_equal(walk(t, "accounts", "id", "after", "", 2), "1 2 3 ");
    assert_string_equal(walk(t, "accounts", "id", "after", "", 3), "1 2 3 ");
    assert_string_equal(walk(t, "accounts", "id", "after", "&environment=production", 1), "1 3 ");
    lib_manage_refused(t, "GET", "/api/v1/accounts/4", NULL, 404, "not_found", "no such account");
    lib_manage_refused(t, "GET", "/api/v1/accounts/x", NULL, 404, "not_found", "no such account 'x'");
    lib_manage_refused(t, "GET", "/api/v1/accounts/0", NULL, 404, "not_found", "no such account '0'");
    lib_manage_refused(t, "GET", "/api/v1/accounts?before=2", NULL, 400, "usage", "'before'");
}

static void orders(void **state)
{
    struct lib_manage *t = *state;

    for (int i = 0; i < 3; i++)
        lib_manage_order(t, i == 1 ? 8 : 7, "a.test", NULL);
    assert_string_equal(walk(t, "orders", "id", "before", "", 100), "3 2 1 ");
    assert_string_equal(walk(t, "orders", "id", "before", "", 1), "3 2 1 ");
    assert_string_equal(walk(t, "orders", "id", "after", "&after=0", 100), "1 2 3 ");
    assert_string_equal(walk(t, "orders", "id", "before", "&account=7", 1), "3 1 ");
    assert_string_equal(walk(t, "orders", "id", "before", "&environment=staging", 1), "");
    lib_manage_refused(t, "GET", "/api/v1/orders?after=1&before=3", NULL, 400, "usage", "give one of them");
    lib_manage_refused(t, "GET", "/api/v1/orders?account=x", NULL, 400, "usage", "'account'");
    lib_manage_refused(t, "GET", "/api/v1/orders/9", NULL, 404, "not_found", "no such order");
    lib_manage_refused(t, "GET", "/api/v1/orders/-1", NULL, 404, "not_found", "no such order '-1'");
}

static void an_order_with_its_authorization(void **state)
{
    struct lib_manage *t = *state;
    struct fc_authz failed = {
        .stored = FC_STATUS_INVALID,
        .attempted = "http-01",
        .validated_at = t->now,
        .error = "{\"type\":\"urn:ietf:params:acme:error:connection\",\"detail\":\"refused\",\"status\":400}",
        .record = "[{\"hostname\":\"a.test\",\"port\":\"80\"}]"};
    int64_t id = lib_manage_order(t, 7, "a.test", &failed);
    json_t *order = lib_manage_ok(t, "GET", fc_arena_printf(t->arena, "/api/v1/orders/%lld", (long long)id), NULL);

    assert_string_equal(lib_manage_str(order, "status"), "invalid");
    assert_int_equal(lib_manage_int(order, "account"), 7);
    assert_true(json_is_null(lib_manage_at(order, "profile")));
    assert_string_equal(lib_manage_str(row(order, "identifiers", 0), "type"), "dns");
    assert_string_equal(lib_manage_str(row(order, "identifiers", 0), "value"), "a.test");
    assert_string_equal(lib_manage_str(order, "expires_at"), "2026-09-08T12:00:00Z");
    const json_t *authz = row(order, "authorizations", 0);
    assert_string_equal(lib_manage_str(authz, "identifier.value"), "a.test");
    assert_string_equal(lib_manage_str(authz, "status"), "invalid");
    assert_string_equal(lib_manage_str(authz, "challenge.type"), "http-01");
    assert_string_equal(lib_manage_str(authz, "challenge.status"), "invalid");
    assert_string_equal(lib_manage_str(authz, "challenge.validated_at"), LIB_NOW);
    assert_string_equal(lib_manage_str(authz, "challenge.error.detail"), "refused");
    assert_string_equal(lib_manage_str(row(authz, "challenge.record", 0), "hostname"), "a.test");
}

/* Status is computed from row and now: the clock alone makes an order expire. */
static void an_order_under_the_clock(void **state)
{
    struct lib_manage *t = *state;
    struct fc_authz valid = {.stored = FC_STATUS_VALID, .attempted = "http-01", .validated_at = t->now};
    int64_t pending = lib_manage_order(t, 7, "a.test", NULL), ready = lib_manage_order(t, 7, "b.test", &valid);
    const char *path = fc_arena_printf(t->arena, "/api/v1/orders/%lld", (long long)pending);

    json_t *order = lib_manage_ok(t, "GET", path, NULL);
    assert_string_equal(lib_manage_str(order, "status"), "pending");
    assert_true(json_is_null(lib_manage_at(row(order, "authorizations", 0), "challenge")));
    order = lib_manage_ok(t, "GET", fc_arena_printf(t->arena, "/api/v1/orders/%lld", (long long)ready), NULL);
    assert_string_equal(lib_manage_str(order, "status"), "ready");
    assert_string_equal(lib_manage_str(row(order, "authorizations", 0), "challenge.status"), "valid");
    lib_manage_ok(t, "POST", "/api/v1/clock/advance", "{\"by\":\"8d\"}");
    assert_string_equal(lib_manage_str(lib_manage_ok(t, "GET", path, NULL), "status"), "invalid");
    json_t *list = lib_manage_ok(t, "GET", "/api/v1/orders", NULL);
    assert_string_equal(lib_manage_str(row(list, "orders", 1), "status"), "invalid");
}

static void certificates(void **state)
{
    struct lib_manage *t = *state;
    const char *a = lib_manage_certificate(t, "production", 1, "a.test");

    lib_manage_certificate(t, "staging", 1, "b.test");
    lib_manage_certificate(t, "production", 2, "a.test");
    assert_string_equal(walk(t, "certificates", "number", "before", "", 100), "3 2 1 ");
    assert_string_equal(walk(t, "certificates", "number", "before", "", 2), "3 2 1 ");
    assert_string_equal(walk(t, "certificates", "number", "before", "&environment=staging", 2), "2 ");
    assert_string_equal(walk(t, "certificates", "number", "before", "&account=1", 1), "2 1 ");
    assert_string_equal(walk(t, "certificates", "number", "before", "&name=A.test", 1), "3 1 ");
    assert_string_equal(walk(t, "certificates", "number", "before", "&name=c.test", 1), "");
    lib_manage_refused(t, "GET", "/api/v1/certificates?name=", NULL, 400, "usage", "'name'");
    lib_manage_refused(t, "GET", "/api/v1/certificates?after=1", NULL, 400, "usage", "'after'");
    json_t *list = lib_manage_ok(t, "GET", "/api/v1/certificates", NULL);
    assert_string_equal(lib_manage_str(row(list, "certificates", 2), "serial"), a);
}

static void one_certificate(void **state)
{
    struct lib_manage *t = *state;
    const char *serial = lib_manage_certificate(t, "production", 1, "a.test");
    json_t *certificate = lib_manage_ok(t, "GET", fc_arena_printf(t->arena, "/api/v1/certificates/%s", serial), NULL);

    assert_int_equal(lib_manage_int(certificate, "number"), 1);
    assert_string_equal(lib_manage_str(certificate, "serial"), serial);
    assert_string_equal(lib_manage_str(certificate, "status"), "valid");
    assert_string_equal(json_string_value(json_array_get(lib_manage_at(certificate, "identifiers"), 0)), "a.test");
    assert_string_equal(lib_manage_str(certificate, "issued_at"), LIB_NOW);
    assert_true(json_is_null(lib_manage_at(certificate, "revoked_at")));
    assert_true(json_is_null(lib_manage_at(certificate, "reason")));
    /* 90 days, both ends included; two thirds of them are 60 days */
    int64_t from = lib_manage_time(lib_manage_str(certificate, "not_before"));
    assert_int_equal(lib_manage_time(lib_manage_str(certificate, "not_after")), from + 90 * FC_DAY - FC_SECOND);
    int64_t renew = lib_manage_time(lib_manage_str(certificate, "renew_at"));
    assert_in_range(renew - (from + 60 * FC_DAY - FC_SECOND), 0, FC_SECOND);
    BIO *bio = BIO_new_mem_buf(lib_manage_str(certificate, "pem"), -1);
    X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    assert_int_equal(X509_check_host(cert, "a.test", 0, 0, NULL), 1);
    X509_free(cert);
}

static void serials_in_either_case(void **state)
{
    struct lib_manage *t = *state;
    const char *serial = lib_manage_certificate(t, "production", 1, "a.test");
    char *upper = fc_arena_strdup(t->arena, serial);

    for (char *c = upper; *c; c++)
        if (*c >= 'a' && *c <= 'f')
            *c = (char)(*c - 'a' + 'A');
    json_t *certificate = lib_manage_ok(t, "GET", fc_arena_printf(t->arena, "/api/v1/certificates/%s", upper), NULL);
    assert_string_equal(lib_manage_str(certificate, "serial"), serial);
}

/* The leaf, an empty line, its issuers, no root: as the ACME server gives it. */
static void the_chain(void **state)
{
    struct lib_manage *t = *state;
    const char *serial = lib_manage_certificate(t, "staging", 1, "a.test");
    const char *path = fc_arena_printf(t->arena, "/api/v1/certificates/%s", serial);
    struct lib_answer chain = lib_manage_get(t, fc_arena_printf(t->arena, "%s/chain.pem", path));
    const char *pem = lib_manage_str(lib_manage_ok(t, "GET", path, NULL), "pem");

    assert_int_equal(chain.status, 200);
    assert_string_equal(chain.type, "application/pem-certificate-chain");
    assert_true(fc_text_starts(chain.body, pem));
    BIO *bio = BIO_new_mem_buf(chain.body, (int)chain.len);
    X509 *leaf = PEM_read_bio_X509(bio, NULL, NULL, NULL), *issuer = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    assert_non_null(issuer);
    assert_int_equal(X509_check_issued(issuer, leaf), X509_V_OK);
    assert_int_not_equal(X509_NAME_cmp(X509_get_subject_name(issuer), X509_get_issuer_name(issuer)), 0);
    X509_free(leaf);
    X509_free(issuer);
    BIO_free(bio);
}

static void status_under_the_clock(void **state)
{
    static const struct {
        const char *by, *status;
    } steps[] = {{"-1d", "not yet valid"}, {"2d", "valid"}, {"88d", "valid"}, {"1d", "expired"}};
    struct lib_manage *t = *state;
    const char *serial = lib_manage_certificate(t, "production", 1, "a.test");
    const char *path = fc_arena_printf(t->arena, "/api/v1/certificates/%s", serial);

    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        lib_manage_ok(t, "POST", "/api/v1/clock/advance", fc_arena_printf(t->arena, "{\"by\":\"%s\"}", steps[i].by));
        assert_string_equal(lib_manage_str(lib_manage_ok(t, "GET", path, NULL), "status"), steps[i].status);
    }
}

static void revoke(void **state)
{
    struct lib_manage *t = *state;
    const char *serial = lib_manage_certificate(t, "production", 1, "a.test");
    const char *path = fc_arena_printf(t->arena, "/api/v1/certificates/%s/revoke", serial);

    lib_manage_refused(t, "POST", path, "{\"reason\":11}", 400, "usage", "reason: 11 is not between 0 and 10");
    lib_manage_refused(t, "POST", path, "{\"reason\":-1}", 400, "usage", "reason: ");
    lib_manage_refused(t, "POST", path, "{\"reason\":\"keyCompromise\"}", 400, "usage",
                       "reason: must be a whole number");
    lib_manage_refused(t, "POST", path, "{\"reson\":1}", 400, "usage", "did you mean 'reason'?");
    json_t *certificate = lib_manage_ok(t, "POST", path, "{\"reason\":4}");
    assert_string_equal(lib_manage_str(certificate, "status"), "revoked");
    assert_string_equal(lib_manage_str(certificate, "revoked_at"), LIB_NOW);
    assert_int_equal(lib_manage_int(certificate, "reason"), 4);
    lib_manage_refused(t, "POST", path, "{\"reason\":4}", 409, "busy", "revoked");
    json_t *events = lib_manage_ok(t, "GET", "/api/v1/events?types=certificate.revoked", NULL);
    assert_string_equal(lib_manage_str(row(events, "events", 0), "serial"), serial);
}

static void revoke_without_a_reason(void **state)
{
    struct lib_manage *t = *state;
    const char *serial = lib_manage_certificate(t, "staging", 1, "a.test");

    json_t *certificate =
        lib_manage_ok(t, "POST", fc_arena_printf(t->arena, "/api/v1/certificates/%s/revoke", serial), NULL);
    assert_int_equal(lib_manage_int(certificate, "reason"), 0);
    assert_string_equal(lib_manage_str(certificate, "environment"), "staging");
}

static void certificates_that_are_not_there(void **state)
{
    static const char *const paths[] = {"/api/v1/certificates/00ff", "/api/v1/certificates/00ff/chain.pem",
                                        "/api/v1/certificates/x%2fy"};
    struct lib_manage *t = *state;
    char long_serial[200] = {0};

    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        lib_manage_refused(t, "GET", paths[i], NULL, 404, "not_found", "no such certificate");
    memset(long_serial, 'a', sizeof long_serial - 1);
    lib_manage_refused(t, "GET", fc_arena_printf(t->arena, "/api/v1/certificates/%s", long_serial), NULL, 404,
                       "not_found", "no such certificate");
    lib_manage_refused(t, "POST", "/api/v1/certificates/00ff/revoke", "{}", 404, "not_found", "no such certificate");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIB_MANAGE_TEST(accounts),
        LIB_MANAGE_TEST(orders),
        LIB_MANAGE_TEST(an_order_with_its_authorization),
        LIB_MANAGE_TEST(an_order_under_the_clock),
        LIB_MANAGE_TEST(certificates),
        LIB_MANAGE_TEST(one_certificate),
        LIB_MANAGE_TEST(serials_in_either_case),
        LIB_MANAGE_TEST(the_chain),
        LIB_MANAGE_TEST(status_under_the_clock),
        LIB_MANAGE_TEST(revoke),
        LIB_MANAGE_TEST(revoke_without_a_reason),
        LIB_MANAGE_TEST(certificates_that_are_not_there),
    };
    RUN(tests);
}
