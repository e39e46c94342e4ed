/* Which rule answers. */
#include "dns/lib_dns.h"

#include <stdio.h>
#include <string.h>

#include "dns/dns_int.h"

#include "cmocka_all.h"

static void set(struct lib_dns *lib, const char *name, const char *type, const char *value)
{
    if (lib_dns_set(lib, name, type, value) != 0)
        fail_msg("%s %s: %s", name, type, lib->err.text);
}

#define ASK(name, type, says) assert_string_equal(lib_dns_ask(lib, name, type), says)

static void without_rules_the_default_answers(void **state)
{
    struct lib_dns *lib = *state;

    ASK("a.test", FC_DNS_A, "127.0.0.1 [default]");
    ASK("a.test", FC_DNS_AAAA, "no data [default]");
    ASK("a.test", FC_DNS_TXT, "no data [default]");
    ASK("a.test", FC_DNS_CAA, "no data [default]");
    ASK("test", FC_DNS_CAA, "no data [default]");
}

static void default_is_configurable(void **state)
{
    struct lib_dns *lib = *state;

    assert_int_equal(lib_dns_reopen(lib, "::1,10.0.0.1,10.0.0.2"), 0);
    ASK("a.test", FC_DNS_A, "10.0.0.1 10.0.0.2 [default]");
    ASK("a.test", FC_DNS_AAAA, "::1 [default]");
    json_t *list = fc_dns_list(lib->dns);
    size_t count = json_array_size(json_object_get(list, "default"));
    json_decref(list);
    assert_int_equal(count, 3);
    assert_int_equal(lib_dns_reopen(lib, "::1"), 0);
    ASK("a.test", FC_DNS_A, "no data [default]");
    assert_int_equal(lib_dns_reopen(lib, "10.0.0.1,x"), -1);
    assert_int_equal(lib->err.code, FC_E_USAGE);
    assert_string_equal(lib->err.text, "the default of the mock DNS: 'x' is no IP address");
    assert_int_equal(lib_dns_reopen(lib, ""), -1);
    assert_int_equal(lib_dns_reopen(lib, NULL), 0);
}

static void the_most_specific_name_wins(void **state)
{
    struct lib_dns *lib = *state;

    set(lib, "*", "A", "10.0.0.1");
    set(lib, "*.test", "A", "10.0.0.2");
    set(lib, "*.b.test", "A", "10.0.0.3");
    set(lib, "a.b.test", "A", "10.0.0.4");
    ASK("a.b.test", FC_DNS_A, "10.0.0.4 [a.b.test A]");
    ASK("c.b.test", FC_DNS_A, "10.0.0.3 [*.b.test A]");
    ASK("d.c.b.test", FC_DNS_A, "10.0.0.3 [*.b.test A]");
    ASK("x.a.b.test", FC_DNS_A, "10.0.0.3 [*.b.test A]");
    ASK("b.test", FC_DNS_A, "10.0.0.2 [*.test A]"); /* a wildcard does not fit its own base */
    ASK("xb.test", FC_DNS_A, "10.0.0.2 [*.test A]");
    ASK("test", FC_DNS_A, "10.0.0.1 [* A]");
    ASK("a.example", FC_DNS_A, "10.0.0.1 [* A]");
}

static void types_do_not_hide_each_other(void **state)
{
    struct lib_dns *lib = *state;

    set(lib, "a.test", "TXT", "hello");
    set(lib, "a.test", "AAAA", "::1");
    ASK("a.test", FC_DNS_TXT, "hello [a.test TXT]");
    ASK("a.test", FC_DNS_AAAA, "::1 [a.test AAAA]");
    ASK("a.test", FC_DNS_A, "127.0.0.1 [default]");
    set(lib, "a.test", "A", "{\"values\":[]}");
    ASK("a.test", FC_DNS_A, "no data [a.test A]");
}

static void trouble_for_all_types_or_for_one(void **state)
{
    struct lib_dns *lib = *state;

    set(lib, "a.test", "A", "10.0.0.1");
    set(lib, "a.test", "AAAA", "SERVFAIL");
    ASK("a.test", FC_DNS_A, "10.0.0.1 [a.test A]");
    ASK("a.test", FC_DNS_AAAA, "rcode 2 [a.test AAAA]");
    set(lib, "a.test", "*", "NXDOMAIN");
    ASK("a.test", FC_DNS_A, "rcode 3 [a.test *]");
    ASK("a.test", FC_DNS_CAA, "rcode 3 [a.test *]");
    ASK("b.test", FC_DNS_A, "127.0.0.1 [default]");
    set(lib, "*.test", "*", "SERVFAIL");
    ASK("b.test", FC_DNS_A, "rcode 2 [*.test *]");
}

static void records_come_as_the_validator_wants_them(void **state)
{
    struct lib_dns *lib = *state;
    char text[600], says[700];

    memset(text, 'x', 599);
    text[599] = '\0';
    set(lib, "a.test", "TXT", text);
    snprintf(says, sizeof says, "%s [a.test TXT]", text);
    ASK("a.test", FC_DNS_TXT, says); /* three strings, joined */
    set(lib, "a.test", "CAA",
        "{\"values\":[\"128 issue \\\"a b; c\\\\\\\"d\\\"\",\"0 iodef mailto:x@a.test\",\"0 issue \\\"\\\"\"]}");
    ASK("a.test", FC_DNS_CAA, "128:issue:a b; c\"d 0:iodef:mailto:x@a.test 0:issue: [a.test CAA]");
}

static void aliases_are_followed(void **state)
{
    struct lib_dns *lib = *state;

    set(lib, "a.test", "CNAME", "b.test");
    set(lib, "b.test", "CNAME", "c.test");
    ASK("a.test", FC_DNS_A, "127.0.0.1 [default]");
    set(lib, "c.test", "A", "10.0.0.3");
    ASK("a.test", FC_DNS_A, "10.0.0.3 [c.test A]");
    ASK("a.test", FC_DNS_TXT, "no data [default]");
    set(lib, "c.test", "*", "NXDOMAIN");
    ASK("a.test", FC_DNS_A, "rcode 3 [c.test *]");
}

static void loops_and_long_chains_are_servfail(void **state)
{
    struct lib_dns *lib = *state;

    set(lib, "a.test", "CNAME", "a.test");
    ASK("a.test", FC_DNS_A, "rcode 2 [a.test CNAME]");
    set(lib, "a.test", "CNAME", "b.test");
    set(lib, "b.test", "CNAME", "a.test");
    ASK("a.test", FC_DNS_A, "rcode 2 [a.test CNAME]");
    for (int i = 0; i < 11; i++) {
        char from[32], to[32];
        snprintf(from, sizeof from, "n%d.test", i);
        snprintf(to, sizeof to, "n%d.test", i + 1);
        set(lib, from, "CNAME", to);
    }
    ASK("n1.test", FC_DNS_A, "127.0.0.1 [default]"); /* ten steps */
    ASK("n0.test", FC_DNS_A, "rcode 2 [n10.test CNAME]");
}

static void a_wildcard_alias_leaves_existing_names_alone(void **state)
{
    struct lib_dns *lib = *state;

    set(lib, "*", "CNAME", "lb.test");
    set(lib, "lb.test", "A", "10.0.0.9");
    ASK("a.test", FC_DNS_A, "10.0.0.9 [lb.test A]");
    ASK("lb.test", FC_DNS_AAAA, "no data [default]");
    ASK("a.test", FC_DNS_AAAA, "no data [default]");
}

static void strange_names_meet_only_wildcards(void **state)
{
    struct lib_dns *lib = *state;
    char name[1020];

    set(lib, "*.test", "A", "10.0.0.2");
    ASK("", FC_DNS_A, "127.0.0.1 [default]");
    ASK("a\\.b.test", FC_DNS_A, "10.0.0.2 [*.test A]");
    ASK("\\255\\000.test", FC_DNS_A, "10.0.0.2 [*.test A]");
    memset(name, '.', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    ASK(name, FC_DNS_A, "127.0.0.1 [default]");
}

static void the_table_has_an_end(void **state)
{
    struct fc_dns_table *table = NULL;
    json_t *value = json_pack("{s:[s]}", "values", "10.0.0.1");
    bool fits = true;
    char name[32];
    (void)state;

    assert_int_equal(fc_dns_table_new(NULL, &table, NULL), 0);
    for (int i = 0; i <= FC_DNS_RULES_MAX; i++) {
        struct fc_dns_rule *rule = NULL;
        snprintf(name, sizeof name, "n%d.test", i);
        assert_int_equal(fc_dns_rule_new(name, "A", value, &rule, NULL), 0);
        fits = fc_dns_table_fits(table, rule);
        if (fits != (i < FC_DNS_RULES_MAX))
            fail_msg("rule %d", i);
        if (fits)
            fc_dns_table_set(table, rule);
        else
            fc_dns_rule_free(rule);
    }
    /* replacing goes on */
    struct fc_dns_rule *again = NULL;
    assert_int_equal(fc_dns_rule_new("n5.test", "A", value, &again, NULL), 0);
    assert_true(fc_dns_table_fits(table, again));
    fc_dns_table_set(table, again);
    assert_int_equal(fc_dns_table_clear(table, NULL, true, 0), FC_DNS_RULES_MAX);
    fc_dns_table_free(table);
    json_decref(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIB_DNS_TEST(without_rules_the_default_answers),
        LIB_DNS_TEST(default_is_configurable),
        LIB_DNS_TEST(the_most_specific_name_wins),
        LIB_DNS_TEST(types_do_not_hide_each_other),
        LIB_DNS_TEST(trouble_for_all_types_or_for_one),
        LIB_DNS_TEST(records_come_as_the_validator_wants_them),
        LIB_DNS_TEST(aliases_are_followed),
        LIB_DNS_TEST(loops_and_long_chains_are_servfail),
        LIB_DNS_TEST(a_wildcard_alias_leaves_existing_names_alone),
        LIB_DNS_TEST(strange_names_meet_only_wildcards),
        cmocka_unit_test(the_table_has_an_end),
    };
    RUN(tests);
}
