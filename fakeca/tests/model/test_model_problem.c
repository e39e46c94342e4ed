#include "model/model_problem.h"

#include <string.h>

#include "base/base_json.h"

#include "cmocka_all.h"

static int setup(void **state)
{
    *state = fc_arena_new();
    return 0;
}

static int teardown(void **state)
{
    fc_arena_free(*state);
    return 0;
}

/* letsencrypt.md G.1; the three types that are never used carry the status of RFC 8555's examples or 400. */
static void types_and_statuses(void **state)
{
    static const struct {
        enum fc_problem_type type;
        const char *name;
        int status;
    } rows[] = {
        {FC_PROBLEM_ACCOUNT_DOES_NOT_EXIST, "accountDoesNotExist", 400},
        {FC_PROBLEM_ALREADY_REPLACED, "alreadyReplaced", 409},
        {FC_PROBLEM_ALREADY_REVOKED, "alreadyRevoked", 400},
        {FC_PROBLEM_BAD_CSR, "badCSR", 400},
        {FC_PROBLEM_BAD_NONCE, "badNonce", 400},
        {FC_PROBLEM_BAD_PUBLIC_KEY, "badPublicKey", 400},
        {FC_PROBLEM_BAD_REVOCATION_REASON, "badRevocationReason", 400},
        {FC_PROBLEM_BAD_SIGNATURE_ALGORITHM, "badSignatureAlgorithm", 400},
        {FC_PROBLEM_CAA, "caa", 403},
        {FC_PROBLEM_CONFLICT, "conflict", 409},
        {FC_PROBLEM_CONNECTION, "connection", 400},
        {FC_PROBLEM_DNS, "dns", 400},
        {FC_PROBLEM_INVALID_CONTACT, "invalidContact", 400},
        {FC_PROBLEM_INVALID_PROFILE, "invalidProfile", 400},
        {FC_PROBLEM_MALFORMED, "malformed", 400},
        {FC_PROBLEM_ORDER_NOT_READY, "orderNotReady", 403},
        {FC_PROBLEM_RATE_LIMITED, "rateLimited", 429},
        {FC_PROBLEM_REJECTED_IDENTIFIER, "rejectedIdentifier", 400},
        {FC_PROBLEM_SERVER_INTERNAL, "serverInternal", 500},
        {FC_PROBLEM_TLS, "tls", 400},
        {FC_PROBLEM_UNAUTHORIZED, "unauthorized", 403},
        {FC_PROBLEM_UNSUPPORTED_CONTACT, "unsupportedContact", 400},
        {FC_PROBLEM_UNSUPPORTED_IDENTIFIER, "unsupportedIdentifier", 400},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fc_problem problem = {0};
        assert_int_equal(fc_problem_set(&problem, *state, rows[i].type, "x"), -1);
        assert_string_equal(fc_problem_type_name(rows[i].type), rows[i].name);
        assert_int_equal(fc_problem_status(&problem), rows[i].status);
    }
}

static void the_first_one_wins(void **state)
{
    struct fc_problem problem = {0};

    assert_int_equal(fc_problem_set_status(&problem, *state, FC_PROBLEM_MALFORMED, 404, "No order for ID %d", 7), -1);
    assert_int_equal(fc_problem_set(&problem, *state, FC_PROBLEM_DNS, "second"), -1);
    assert_int_equal(fc_problem_set_status(&problem, *state, FC_PROBLEM_DNS, 500, "third"), -1);
    assert_int_equal(problem.type, FC_PROBLEM_MALFORMED);
    assert_int_equal(fc_problem_status(&problem), 404);
    assert_string_equal(problem.detail, "No order for ID 7");
}

static void context_comes_before_the_detail(void **state)
{
    struct fc_problem problem = {0};

    fc_problem_set(&problem, *state, FC_PROBLEM_MALFORMED, "JWS verification error");
    assert_int_equal(fc_problem_context(&problem, *state, "Unable to validate JWS"), -1);
    assert_string_equal(problem.detail, "Unable to validate JWS :: JWS verification error");
}

static void assert_json(const struct fc_problem *problem, const char *expected)
{
    fc_auto_json value = fc_problem_json(problem);
    fc_auto_free char *text = fc_json_text(value);
    assert_string_equal(text, expected);
}

static void members_in_order(void **state)
{
    static const struct fc_ident ident = {FC_IDENT_DNS, "a..b.com"}, address = {FC_IDENT_IP, "10.0.0.1"};
    static const char *const algorithms[] = {"RS256", "ES256", NULL};
    struct fc_problem subs[2] = {
        {.type = FC_PROBLEM_MALFORMED, .detail = "one", .ident = &ident},
        {.type = FC_PROBLEM_REJECTED_IDENTIFIER, .detail = "two", .ident = &address},
    };
    struct fc_problem problem = {
        .type = FC_PROBLEM_REJECTED_IDENTIFIER, .detail = "several", .subs = subs, .n_subs = 2, .retry_after_s = 60};
    (void)state;

    assert_json(&problem,
                "{\"type\":\"urn:ietf:params:acme:error:rejectedIdentifier\",\"detail\":\"several\",\"status\":400,"
                "\"subproblems\":["
                "{\"type\":\"urn:ietf:params:acme:error:malformed\",\"detail\":\"one\",\"status\":400,"
                "\"identifier\":{\"type\":\"dns\",\"value\":\"a..b.com\"}},"
                "{\"type\":\"urn:ietf:params:acme:error:rejectedIdentifier\",\"detail\":\"two\",\"status\":400,"
                "\"identifier\":{\"type\":\"ip\",\"value\":\"10.0.0.1\"}}]}");
    problem =
        (struct fc_problem){.type = FC_PROBLEM_BAD_SIGNATURE_ALGORITHM, .detail = "\"x\"", .algorithms = algorithms};
    assert_json(&problem, "{\"type\":\"urn:ietf:params:acme:error:badSignatureAlgorithm\",\"detail\":\"\\\"x\\\"\","
                          "\"status\":400,\"algorithms\":[\"RS256\",\"ES256\"]}");
}

/* What peers send ends up in details; the document must be JSON all the same. Expected: Unicode 15, table 3-7. */
static void bytes_that_are_no_text(void **state)
{
    static const struct {
        const char *detail, *expected;
    } rows[] = {
        {"plain", "plain"},
        {"m\xC3\xBCnchen \xE2\x82\xAC \xF0\x9F\x92\xA9", "m\xC3\xBCnchen \xE2\x82\xAC \xF0\x9F\x92\xA9"},
        {"a\xFFz", "a\xEF\xBF\xBDz"},
        {"\x80", "\xEF\xBF\xBD"},
        {"cut \xE2\x82", "cut \xEF\xBF\xBD\xEF\xBF\xBD"},
        {"overlong \xC0\xAF", "overlong \xEF\xBF\xBD\xEF\xBF\xBD"},
        {"overlong \xE0\x80\x80", "overlong \xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"surrogate \xED\xA0\x80", "surrogate \xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"high \xF4\x90\x80\x80", "high \xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"\xC3\xBC and \xFE", "\xC3\xBC and \xEF\xBF\xBD"},
        {NULL, ""},
    };
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fc_problem problem = {.type = FC_PROBLEM_MALFORMED, .detail = rows[i].detail};
        fc_auto_json value = fc_problem_json(&problem);
        assert_string_equal(json_string_value(json_object_get(value, "detail")), rows[i].expected);
    }
}

static void details_are_bounded(void **state)
{
    struct fc_problem problem = {0};
    char *large = fc_arena_alloc(*state, 100001);

    memset(large, 'x', 100000);
    fc_problem_set(&problem, *state, FC_PROBLEM_MALFORMED, "%s", large);
    assert_int_equal(strlen(problem.detail), 16 * 1024 - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(types_and_statuses, setup, teardown),
        cmocka_unit_test_setup_teardown(the_first_one_wins, setup, teardown),
        cmocka_unit_test_setup_teardown(context_comes_before_the_detail, setup, teardown),
        cmocka_unit_test(members_in_order),
        cmocka_unit_test(bytes_that_are_no_text),
        cmocka_unit_test_setup_teardown(details_are_bounded, setup, teardown),
    };
    RUN(tests);
}
