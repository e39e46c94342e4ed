/* Expected texts are those of Debian's Pebble 2.4.0, as tests/e2e/pebble_compare.sh sees them. */
#include "compat/compat_int.h"

#include <string.h>

#include "base/base_json.h"

#include "cmocka_all.h"

#define P "urn:ietf:params:acme:error:"

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

static const struct problem {
    const char *type, *ours, *theirs, *theirs_type;
    int status, theirs_status;
} problems[] = {
    {P "userActionRequired", "must agree to terms of service", "Provided account did not agree to the terms of service",
     P "userActionRequired", 403, 403},
    {P "rejectedIdentifier",
     "Invalid identifiers requested :: Cannot issue for \"invalid!.a.test\": Domain name contains an invalid character",
     "Order included DNS identifier with a value containing an illegal character: '!'", P "rejectedIdentifier", 400,
     400},
    {P "malformed",
     "Invalid identifiers requested :: Cannot issue for \"a b\": Domain name contains an invalid character (and 2 more "
     "problems. Refer to sub-problems for more information.)",
     "Order included DNS identifier with a value containing an illegal character: ' '", P "malformed", 400, 400},
    {P "malformed", "NewOrder request included unsupported identifier: type \"mail\", value \"x\"",
     "Order includes unknown identifier type mail", P "malformed", 400, 400},
    {P "malformed",
     "Unable to validate JWS :: JWS header parameter 'url' incorrect. Expected \"https://a/b\" got \"https://a/c\"",
     "JWS header parameter 'url' incorrect. Expected \"https://a/b\", got \"https://a/c\"", P "malformed", 400, 400},
    {P "malformed", "Error finalizing order :: certificate public key must be different than account key",
     "CSR contains a public key for a known account", P "badCSR", 400, 400},
    {P "malformed", "Unable to revoke :: Certificate from unrecognized issuer", "Unable to find specified certificate.",
     P "malformed", 404, 400},
    {P "alreadyRevoked", "Unable to revoke :: no certificate with serial 03ab and status other than revoked",
     "Certificate has already been revoked.", P "alreadyRevoked", 400, 400},
    {P "orderNotReady", "Order's status (\"pending\") is not acceptable for finalization",
     "Order's status (\"pending\") was not ready", P "orderNotReady", 403, 403},
    {P "serverInternal", "what has no row stays", "what has no row stays", P "serverInternal", 500, 500},
    {P "malformed", "", "", P "malformed", 400, 400},
};

static void problems_are_put_into_pebbles_words(void **state)
{
    for (size_t i = 0; i < sizeof problems / sizeof *problems; i++) {
        const struct problem *row = &problems[i];
        fc_auto_json answer = json_pack("{s:s,s:s,s:i}", "type", row->type, "detail", row->ours, "status", row->status);
        assert_int_equal(fc_compat_words_answer(*state, answer), row->theirs_status);
        assert_string_equal(json_string_value(json_object_get(answer, "detail")), row->theirs);
        assert_string_equal(json_string_value(json_object_get(answer, "type")), row->theirs_type);
    }
}

static void verdicts_have_pebbles_types(void **state)
{
    static const struct {
        const char *challenge, *type, *detail, *theirs_type, *begins;
    } rows[] = {
        {"http-01", P "dns", "DNS problem: SERVFAIL looking up A for a.test", P "connection", "could not resolve URL"},
        {"http-01", P "unauthorized", "Invalid response", P "unauthorized", "Invalid response"},
        {"dns-01", P "dns", "DNS problem: SERVFAIL", P "unauthorized",
         "Error retrieving TXT records for DNS challenge"},
        {"dns-01", P "unauthorized", "No TXT record found at _acme-challenge.a.test", P "unauthorized",
         "No TXT records found for DNS challenge"},
        {"dns-01", P "unauthorized", "Incorrect TXT record \"x\" found at _acme-challenge.a.test", P "unauthorized",
         "Correct value not found for DNS challenge"},
        {"tls-alpn-01", P "tls", "remote error", P "unauthorized", "Failed to connect"},
        {"tls-alpn-01", P "connection", "Connection refused", P "unauthorized", "Failed to connect"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *error = json_pack("{s:s,s:s,s:i}", "type", rows[i].type, "detail", rows[i].detail, "status", 400);
        json_t *challenge = json_pack("{s:s,s:s,s:o}", "type", rows[i].challenge, "status", "invalid", "error", error);
        fc_auto_json authz = json_pack("{s:s,s:[o]}", "status", "invalid", "challenges", challenge);
        assert_int_equal(fc_compat_words_answer(*state, authz), 0);
        assert_string_equal(json_string_value(json_object_get(error, "type")), rows[i].theirs_type);
        const char *detail = json_string_value(json_object_get(error, "detail"));
        assert_ptr_equal(strstr(detail, rows[i].begins), detail);
        assert_non_null(strstr(detail, rows[i].detail));
    }
}

/* Of 24 orders of four each comes up; that one never does in 1,000 tries is as good as impossible. */
static void lists_come_in_any_order(void **state)
{
    bool seen[4][4] = {{false}};

    for (size_t turn = 0; turn < 1000; turn++) {
        fc_auto_json order =
            json_pack("{s:[i,i,i,i],s:[i,i],s:[i]}", "authorizations", 0, 1, 2, 3, "identifiers", 4, 5, "other", 6);
        fc_compat_words_answer(*state, order);
        const json_t *list = json_object_get(order, "authorizations");
        assert_int_equal(json_array_size(list), 4);
        assert_int_equal(json_array_size(json_object_get(order, "identifiers")), 2);
        for (size_t i = 0; i < 4; i++)
            seen[i][json_integer_value(json_array_get(list, i))] = true;
    }
    for (size_t i = 0; i < 4; i++)
        for (size_t j = 0; j < 4; j++)
            assert_true(seen[i][j]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(problems_are_put_into_pebbles_words, setup, teardown),
        cmocka_unit_test_setup_teardown(verdicts_have_pebbles_types, setup, teardown),
        cmocka_unit_test_setup_teardown(lists_come_in_any_order, setup, teardown),
    };
    RUN(tests);
}
