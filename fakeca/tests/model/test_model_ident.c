/* Every row of letsencrypt.md D.1, refused and just not refused, with the exact text. */
#include "model/model_ident.h"

#include <stdlib.h>
#include <string.h>

#include "base/base_buf.h"
#include "model/lib_ident.h"

#include "cmocka_all.h"

#define L63 "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz0"
#define STAR                                                                                                           \
    "Domain name contains an invalid wildcard. A wildcard is only permitted before the first dot in a domain name"
#define NOT_PUBLIC "Domain name does not end with a valid public suffix (TLD)"
#define CHARACTER "Domain name contains an invalid character"
#define ONE_LABEL "Domain name needs at least one dot"

static const char *const blocked[] = {"example", "example.org", "invalid",      "local",    "localhost",
                                      "test",    "evil.test",   "in-addr.arpa", "ip6.arpa", NULL};
static const struct fc_ident_rules strict = {.rehearsal = false, .blocked = blocked};
static const struct fc_ident_rules rehearsal = {.rehearsal = true, .blocked = blocked};

#define CHECK(rules, rows) ASSERT_VERDICTS(fc_ident_check_dns, rules, rows)

static void rows_1_to_4_wildcards(void **state)
{
    static const struct verdict rows[] = {
        {"*.*.com", MALFORMED, "Domain name has more than one wildcard", false},
        {"**.a.com", MALFORMED, "Domain name has more than one wildcard", false},
        {"a.*.*", MALFORMED, "Domain name has more than one wildcard", false},
        {"a.*.com", MALFORMED, STAR, false},
        {"*a.b.com", MALFORMED, STAR, false},
        {"a*.b.com", MALFORMED, STAR, false},
        {"*", MALFORMED, STAR, false},
        {"*.", MALFORMED, NOT_PUBLIC, false},
        {"*.x.local", MALFORMED, NOT_PUBLIC, false},
        {"*.nosuchsuffix", MALFORMED, NOT_PUBLIC, false},
        {"*.a.com.", MALFORMED, NOT_PUBLIC, false},
        {"*.com", MALFORMED, "Domain name is a wildcard for an ICANN TLD", false},
        {"*.co.uk", MALFORMED, "Domain name is a wildcard for an ICANN TLD", false},
        {"*.a_b.com", MALFORMED, CHARACTER, false},
        {"*..com", MALFORMED, "Domain name can not have two dots in a row", false},
        {"*.a.com", OK, NULL, false},
        {"*.a.co.uk", OK, NULL, false},
        {"*.github.io", OK, NULL, false},
        {"*.example.org", REJECTED, FORBIDDEN, false},
    };
    (void)state;
    CHECK(&strict, rows);
}

static void rows_5_to_11_the_whole_name(void **state)
{
    static const struct verdict rows[] = {
        {"", MALFORMED, "Identifier value (name) is empty", false},
        {"a_b.com", MALFORMED, CHARACTER, false},
        {"a b.com", MALFORMED, CHARACTER, false},
        {"a.com:80", MALFORMED, CHARACTER, false},
        {"m\xC3\xBCnchen.de", MALFORMED, CHARACTER, false},
        {"A.com", MALFORMED, CHARACTER, false},
        {"::1", MALFORMED, CHARACTER, false},
        {"a\x01.com", MALFORMED, CHARACTER, false},
        {"1.2.3.4", MALFORMED, "Identifier type is DNS but value is an IP address", false},
        {"a.com.", MALFORMED, "Domain name ends in a dot", false},
        {".", MALFORMED, "Domain name ends in a dot", false},
        {"a.b.c.d.e.f.g.h.i.j.com", MALFORMED, "Domain name has more than 10 labels (parts)", false},
        {"a.b.c.d.e.f.g.h.i.com", OK, NULL, false},
        {"*.a.b.c.d.e.f.g.h.i.com", OK, NULL, false},
        {"*.a.b.c.d.e.f.g.h.i.j.com", MALFORMED, "Domain name has more than 10 labels (parts)", false},
        {"com", MALFORMED, ONE_LABEL, false},
        {"localhost", MALFORMED, ONE_LABEL, false},
        {"1.2.3.256", MALFORMED, NOT_PUBLIC, false},
    };
    (void)state;
    CHECK(&strict, rows);
}

static void row_7_length(void **state)
{
    static const struct verdict rows[] = {
        {L63 "." L63 "." L63 "." L63 ".com", MALFORMED, "Domain name is longer than 253 bytes", false},
    };
    struct verdict longest = {NULL, OK, NULL, false}, longer = rows[0];
    char name[255];
    (void)state;

    CHECK(&strict, rows);
    memcpy(name, L63 "." L63 "." L63 "." L63, 256 - 1);
    memcpy(name + 249, ".com", 5);
    assert_int_equal(strlen(name), 253);
    longest.value = name;
    assert_verdict(fc_ident_check_dns, &strict, &longest);
    memcpy(name + 249, "9.com", 6);
    longer.value = name;
    assert_verdict(fc_ident_check_dns, &strict, &longer);
}

static void rows_12_to_16_each_label(void **state)
{
    static const struct verdict rows[] = {
        {"a..com", MALFORMED, "Domain name can not have two dots in a row", false},
        {".a.com", MALFORMED, "Domain name can not have two dots in a row", false},
        {L63 ".com", OK, NULL, false},
        {L63 "a.com", MALFORMED, "Domain has a label (component between dots) longer than 63 bytes", false},
        {"-a.com", MALFORMED, CHARACTER, false},
        {"a-.com", MALFORMED, CHARACTER, false},
        {"b.-.com", MALFORMED, CHARACTER, false},
        {"a-b.com", OK, NULL, false},
        {"a--b.com", OK, NULL, false},
        {"ab--cd.com", REJECTED, "Domain name contains an invalid label in a reserved format (R-LDH: '\?\?--')", false},
        {"a.zz--cd.com", REJECTED, "Domain name contains an invalid label in a reserved format (R-LDH: '\?\?--')",
         false},
        {"xn--mnchen-3ya.de", OK, NULL, false},
        {"xn--strae-oqa.de", OK, NULL, false},
        {"xn--ls8h.la", OK, NULL, false},
        {"xn--i-7iq.ws", OK, NULL, false},
        {"xn--0.com", MALFORMED, "Domain name contains malformed punycode", false},
        {"xn--99zzzz.com", MALFORMED, "Domain name contains malformed punycode", false},
        {"xn--abc-.com", MALFORMED, CHARACTER, false},
        {"xn---.com", MALFORMED, CHARACTER, false},
        /* "u" and U+0308: decodes, but to what is not in form NFC */
        {"xn--u-ccb.com", MALFORMED, "Domain name contains malformed punycode", false},
        /* each label is judged by all rows before the next one is looked at */
        {"ab--c..com", REJECTED, "Domain name contains an invalid label in a reserved format (R-LDH: '\?\?--')", false},
        {"a..ab--c.com", MALFORMED, "Domain name can not have two dots in a row", false},
    };
    (void)state;
    CHECK(&strict, rows);
}

static void rows_17_to_20_suffixes_and_lists(void **state)
{
    static const struct verdict rows[] = {
        {"x.local", MALFORMED, NOT_PUBLIC, false},
        {"x.internal", MALFORMED, NOT_PUBLIC, false},
        {"x.test", MALFORMED, NOT_PUBLIC, false},
        {"x.lan", MALFORMED, NOT_PUBLIC, false},
        {"x.localhost", MALFORMED, NOT_PUBLIC, false},
        {"x.example", MALFORMED, NOT_PUBLIC, false},
        {"co.uk", MALFORMED, "Domain name is an ICANN TLD", false},
        {"foo.ck", MALFORMED, "Domain name is an ICANN TLD", false},
        {"www.ck", OK, NULL, false},
        {"city.kawasaki.jp", OK, NULL, false},
        {"x.kawasaki.jp", MALFORMED, "Domain name is an ICANN TLD", false},
        {"github.io", OK, NULL, false},
        {"x.github.io", OK, NULL, false},
        {"x.home.arpa", OK, NULL, false},
        {"xn--80ak6aa92e.com", OK, NULL, false},
        {"xn--e1afmkfd.xn--p1ai", OK, NULL, false},
        {"example.org", REJECTED, FORBIDDEN, false},
        {"www.example.org", REJECTED, FORBIDDEN, false},
        {"myexample.org", OK, NULL, false},
        {"1.0.0.127.in-addr.arpa", REJECTED, FORBIDDEN, false},
    };
    static const struct fc_ident_rules nothing_blocked = {0};
    static const struct verdict open[] = {
        {"example.org", OK, NULL, false},
        {"1.0.0.127.in-addr.arpa", OK, NULL, false},
        {"x.test", MALFORMED, NOT_PUBLIC, false},
    };
    (void)state;
    CHECK(&strict, rows);
    CHECK(&nothing_blocked, open);
}

static void rehearsal_lifts_exactly_its_names(void **state)
{
    static const struct verdict rows[] = {
        {"shop.test", OK, NULL, true},
        {"a.b.example", OK, NULL, true},
        {"x.internal", OK, NULL, true},
        {"x.localhost", OK, NULL, true},
        {"localhost", OK, NULL, true},
        {"*.shop.test", OK, NULL, true},
        /* syntax holds for these too */
        {"x..test", MALFORMED, "Domain name can not have two dots in a row", false},
        {"x_y.test", MALFORMED, CHARACTER, false},
        {"x.test.", MALFORMED, "Domain name ends in a dot", false},
        {"ab--c.test", REJECTED, "Domain name contains an invalid label in a reserved format (R-LDH: '\?\?--')", false},
        {"a.b.c.d.e.f.g.h.i.j.test", MALFORMED, "Domain name has more than 10 labels (parts)", false},
        /* the suffixes themselves are no names */
        {"test", MALFORMED, ONE_LABEL, false},
        {"example", MALFORMED, ONE_LABEL, false},
        {"*.test", MALFORMED, NOT_PUBLIC, false},
        {"*.localhost", MALFORMED, NOT_PUBLIC, false},
        {".test", MALFORMED, "Domain name can not have two dots in a row", false},
        /* no other suffix */
        {"x.local", MALFORMED, NOT_PUBLIC, false},
        {"x.lan", MALFORMED, NOT_PUBLIC, false},
        {"xtest", MALFORMED, ONE_LABEL, false},
        {"a.xtest", MALFORMED, NOT_PUBLIC, false},
        /* what the list says beyond the suffixes stays */
        {"evil.test", REJECTED, FORBIDDEN, false},
        {"a.evil.test", REJECTED, FORBIDDEN, false},
        {"www.example.org", REJECTED, FORBIDDEN, false},
        /* names that need no rehearsal */
        {"x.home.arpa", OK, NULL, false},
        {"www.debian.net", OK, NULL, false},
        {"co.uk", MALFORMED, "Domain name is an ICANN TLD", false},
    };
    static const char *const home[] = {"home.arpa", NULL};
    static const struct fc_ident_rules home_blocked = {.rehearsal = true, .blocked = home};
    static const struct verdict lifted[] = {{"x.home.arpa", OK, NULL, true}};
    (void)state;
    CHECK(&rehearsal, rows);
    CHECK(&home_blocked, lifted);
}

static void rehearsal_names(void **state)
{
    static const char *const yes[] = {"a.test",    "a.b.test",    "a.example",  "a.internal",
                                      "localhost", "a.localhost", "x.home.arpa"};
    static const char *const no[] = {"",       "test", ".test",      "home.arpa",     "atest",  "a.testing",
                                     "test.a", "arpa", "localhosts", "a.example.org", "a.local"};
    (void)state;
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        assert_true(fc_ident_rehearsal_name(yes[i]));
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        assert_false(fc_ident_rehearsal_name(no[i]));
}

static void huge_names_are_refused_quickly(void **state)
{
    static const struct verdict shape = {NULL, MALFORMED, "Domain name is longer than 253 bytes", false};
    struct verdict row = shape;
    struct fc_buf name fc_auto_buf;
    (void)state;

    fc_buf_init(&name, 20000);
    for (int i = 0; i < 4000; i++)
        fc_buf_puts(&name, "a.");
    fc_buf_puts(&name, "com");
    row.value = name.data;
    assert_verdict(fc_ident_check_dns, &strict, &row);
    fc_buf_clear(&name);
    fc_buf_puts(&name, "*.");
    for (int i = 0; i < 4000; i++)
        fc_buf_puts(&name, "a.");
    fc_buf_puts(&name, "com");
    row.value = name.data;
    assert_verdict(fc_ident_check_dns, &strict, &row);
}

static void sets(void **state)
{
    fc_auto(fc_arena_free) struct fc_arena *arena = fc_arena_new();
    struct fc_ident idents[] = {
        {FC_IDENT_IP, "192.0.2.1"}, {FC_IDENT_DNS, "b.com"},   {FC_IDENT_DNS, "a.com"}, {FC_IDENT_DNS, "*.a.com"},
        {FC_IDENT_DNS, "b.com"},    {FC_IDENT_IP, "10.0.0.1"}, {FC_IDENT_DNS, "b.com"},
    };
    enum fc_ident_type type = FC_IDENT_IP;
    (void)state;

    assert_int_equal(fc_ident_sort_unique(idents, 7), 5);
    assert_string_equal(fc_ident_set_text(arena, idents, 5), "*.a.com,a.com,b.com,10.0.0.1,192.0.2.1");
    assert_string_equal(fc_ident_set_text(arena, idents, 1), "*.a.com");
    assert_string_equal(fc_ident_set_text(arena, idents, 0), "");
    assert_int_equal(fc_ident_sort_unique(idents, 1), 1);
    assert_int_equal(fc_ident_sort_unique(idents, 0), 0);
    assert_true(fc_ident_wildcard(&idents[0]));
    assert_false(fc_ident_wildcard(&idents[1]));
    assert_true(fc_ident_equal(&idents[1], &(struct fc_ident){FC_IDENT_DNS, "a.com"}));
    assert_false(fc_ident_equal(&idents[1], &(struct fc_ident){FC_IDENT_IP, "a.com"}));
    assert_string_equal(fc_ident_type_name(FC_IDENT_DNS), "dns");
    assert_string_equal(fc_ident_type_name(FC_IDENT_IP), "ip");
    assert_int_equal(fc_ident_type_parse("dns", &type), 0);
    assert_int_equal(type, FC_IDENT_DNS);
    assert_int_equal(fc_ident_type_parse("ip", &type), 0);
    assert_int_equal(type, FC_IDENT_IP);
    assert_int_equal(fc_ident_type_parse("DNS", &type), -1);
    assert_int_equal(fc_ident_type_parse("", &type), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_1_to_4_wildcards),
        cmocka_unit_test(rows_5_to_11_the_whole_name),
        cmocka_unit_test(row_7_length),
        cmocka_unit_test(rows_12_to_16_each_label),
        cmocka_unit_test(rows_17_to_20_suffixes_and_lists),
        cmocka_unit_test(rehearsal_lifts_exactly_its_names),
        cmocka_unit_test(rehearsal_names),
        cmocka_unit_test(huge_names_are_refused_quickly),
        cmocka_unit_test(sets),
    };
    RUN(tests);
}
