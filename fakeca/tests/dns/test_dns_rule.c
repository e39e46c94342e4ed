/* What a rule may be, and what is said of what it may not be. */
#include "dns/lib_dns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"

static void good_rules_are_kept_in_their_normal_form(void **state)
{
    static const struct {
        const char *name, *type, *value, *list;
    } cases[] = {
        {"A.Test.", "a", "192.0.2.1", "{\"name\":\"a.test\",\"type\":\"A\",\"values\":[\"192.0.2.1\"]}"},
        {"*.a.test", "AAAA", "2001:DB8:0:0:0:0:0:1",
         "{\"name\":\"*.a.test\",\"type\":\"AAAA\",\"values\":[\"2001:db8::1\"]}"},
        {"*", "*", "NXDOMAIN", "{\"name\":\"*\",\"type\":\"*\",\"rcode\":\"NXDOMAIN\"}"},
        {"a.test", "CNAME", "B.test.", "{\"name\":\"a.test\",\"type\":\"CNAME\",\"values\":[\"b.test\"]}"},
        {"_acme-challenge.a.test", "TXT", "{\"values\":[\"one\",\"\"]}",
         "{\"name\":\"_acme-challenge.a.test\",\"type\":\"TXT\",\"values\":[\"one\",\"\"]}"},
        {"a.test", "CAA", "0 issue \"letsencrypt.org\"",
         "{\"name\":\"a.test\",\"type\":\"CAA\",\"values\":[\"0 issue \\\"letsencrypt.org\\\"\"]}"},
        {"a.test", "A", "{\"values\":[]}", "{\"name\":\"a.test\",\"type\":\"A\",\"values\":[]}"},
        {"a.test", "A", "{\"rcode\":\"servfail\"}", "{\"name\":\"a.test\",\"type\":\"A\",\"rcode\":\"SERVFAIL\"}"},
        {"a.test", "CAA", "drop", "{\"name\":\"a.test\",\"type\":\"CAA\",\"rcode\":\"DROP\"}"},
        {"a.test", "*", "{\"rcode\":\"REFUSED\",\"delay\":\"1500ms\"}",
         "{\"name\":\"a.test\",\"type\":\"*\",\"rcode\":\"REFUSED\",\"delay\":\"1s500ms\"}"},
        {"a.test", "A", "{\"truncate\":true,\"values\":[],\"delay\":\"1m\"}",
         "{\"name\":\"a.test\",\"type\":\"A\",\"values\":[],\"delay\":\"1m\",\"truncate\":true}"},
        {"a.test", "A", "{\"truncate\":false,\"values\":[],\"delay\":\"0\"}",
         "{\"name\":\"a.test\",\"type\":\"A\",\"values\":[]}"},
        {"localhost", "A", "127.0.0.2", "{\"name\":\"localhost\",\"type\":\"A\",\"values\":[\"127.0.0.2\"]}"},
    };
    struct lib_dns *lib = *state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t removed = 0;
        int failed = lib_dns_set(lib, cases[i].name, cases[i].type, cases[i].value);
        if (failed != (cases[i].list ? 0 : -1))
            fail_msg("%s %s %s: %s", cases[i].name, cases[i].type, cases[i].value, lib->err.text);
        if (failed)
            continue;
        json_t *list = fc_dns_list(lib->dns);
        char *text = json_dumps(json_array_get(json_object_get(list, "rules"), 0), JSON_COMPACT);
        bool same = strcmp(text, cases[i].list) == 0;
        if (!same)
            fprintf(stderr, "%s\n", text);
        free(text);
        json_decref(list);
        assert_true(same);
        assert_int_equal(fc_dns_clear(lib->dns, NULL, NULL, LIB_NOW, &removed, &lib->err), 0);
        assert_int_equal(removed, 1);
    }
}

#define LABEL63 "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggg"
#define CAA_RULE "is no CAA record: FLAGS TAG \"VALUE\", as in 0 issue \"letsencrypt.org\""

static void bad_rules_are_refused_with_field_and_rule(void **state)
{
    static const struct {
        const char *name, *type, *value, *says;
    } cases[] = {
        {"", "A", "192.0.2.1", "'name': '' is no domain name: a label is empty"},
        {".", "A", "192.0.2.1", "'name': '.' is no domain name: a label is empty"},
        {"a..test", "A", "192.0.2.1", "'name': 'a..test' is no domain name: a label is empty"},
        {"a.*.test", "A", "192.0.2.1", "'*' stands only as the whole first label"},
        {"x*.test", "A", "192.0.2.1", "'*' stands only as the whole first label"},
        {"**", "A", "192.0.2.1", "'*' stands only as the whole first label"},
        {"b\xc3\xbc"
         "cher.test",
         "A", "192.0.2.1", "(other scripts as xn--...)"},
        {"a b.test", "A", "192.0.2.1", "labels hold letters, digits, '-' and '_'"},
        {LABEL63 "h.test", "A", "192.0.2.1", "a label has at most 63 characters"},
        {LABEL63 "." LABEL63 "." LABEL63 "." LABEL63, "A", "192.0.2.1", "a name has at most 253 characters"},
        {LABEL63 "." LABEL63 "." LABEL63 "." LABEL63 "." LABEL63, "A", "x", "a name has at most 253 characters"},
        {"a.test", "AAA", "192.0.2.1", "'type': unknown record type 'AAA', did you mean 'AAAA'?"},
        {"a.test", "cnam", "b.test", "'type': unknown record type 'cnam', did you mean 'CNAME'?"},
        {"a.test", "HTTPS", "x", "'type': unknown record type 'HTTPS': A, AAAA, CAA, CNAME, TXT or *"},
        {"a.test", "", "x", "'type': unknown record type ''"},
        {"a.test", "A", "192.0.2", "'values[0]': '192.0.2' is no IPv4 address"},
        {"a.test", "A", "::1", "'values[0]': '::1' is no IPv4 address"},
        {"a.test", "AAAA", "192.0.2.1", "'values[0]': '192.0.2.1' is no IPv6 address"},
        {"a.test", "A", "{\"values\":[\"192.0.2.1\",\"x\"]}", "'values[1]': 'x' is no IPv4 address"},
        {"a.test", "CNAME", "*.test", "'values[0]': 'name': '*.test' is no domain name"},
        {"a.test", "CNAME", "{\"values\":[\"b.test\",\"c.test\"]}", "'values': a name has at most 1 CNAME record"},
        {"a.test", "CNAME", "{\"values\":[]}", "'values': a CNAME needs its target"},
        {"a.test", "*", "192.0.2.1", "'values': a rule of type '*' has an 'rcode' instead"},
        {"a.test", "CAA", "letsencrypt.org", CAA_RULE},
        {"a.test", "CAA", "0 issue", CAA_RULE},
        {"a.test", "CAA", "0 issue ", CAA_RULE},
        {"a.test", "CAA", "256 issue \"x\"", CAA_RULE},
        {"a.test", "CAA", "0 is-sue \"x\"", CAA_RULE},
        {"a.test", "CAA", "0 sixteencharacter \"x\"", CAA_RULE},
        {"a.test", "CAA", "0 issue \"x", CAA_RULE},
        {"a.test", "CAA", "0 issue \"x\" y", CAA_RULE},
        {"a.test", "CAA", "0 issue x y", CAA_RULE},
        {"a.test", "CAA", "0 issue \"x\\", CAA_RULE},
        {"a.test", "A", "{\"rcode\":\"refusd\"}", "'rcode': unknown code 'refusd', did you mean 'REFUSED'?"},
        {"a.test", "A", "{\"rcode\":\"BADVERS\"}",
         "'rcode': unknown code 'BADVERS': NXDOMAIN, SERVFAIL, REFUSED, DROP ..."},
        {"a.test", "A", "{\"values\":[],\"delay\":2}", "delay"},
        {"a.test", "A", "{\"values\":[],\"delay\":\"2\"}", "delay"},
        {"a.test", "A", "{\"values\":[],\"delay\":\"-1s\"}", "delay"},
        {"a.test", "A", "{\"values\":[],\"delay\":\"61s\"}", "delay"},
        {"a.test", "A", "{\"values\":[],\"truncate\":1}", "truncate"},
        {"a.test", "A", "{\"rcode\":\"REFUSED\",\"truncate\":true}", "'truncate': goes with 'values' only"},
        {"a.test", "A", "{\"rcode\":\"DROP\",\"delay\":\"1s\"}", "'delay': what is dropped is never answered"},
        {"a.test", "A", "{\"delay\":\"1s\"}", "a rule has either 'values' or an 'rcode'"},
        {"a.test", "A", "{}", "a rule has either 'values' or an 'rcode'"},
        {"a.test", "A", "{\"values\":[],\"rcode\":\"NXDOMAIN\"}", "a rule has either 'values' or an 'rcode'"},
        {"a.test", "A", "{\"values\":\"192.0.2.1\"}", "values"},
        {"a.test", "A", "{\"values\":[1]}", "values[0]"},
        {"a.test", "A", "{\"rcode\":3}", "rcode"},
        {"a.test", "A", "{\"values\":[],\"rcod\":1}", "unknown key 'rcod', did you mean 'rcode'?"},
    };
    struct lib_dns *lib = *state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (lib_dns_set(lib, cases[i].name, cases[i].type, cases[i].value) != -1 || lib->err.code != FC_E_USAGE ||
            !strstr(lib->err.text, cases[i].says))
            fail_msg("%s %s %s: '%s', not '%s'", cases[i].name, cases[i].type, cases[i].value, lib->err.text,
                     cases[i].says);
    }
    json_t *list = fc_dns_list(lib->dns);
    size_t kept = json_array_size(json_object_get(list, "rules"));
    json_decref(list);
    assert_int_equal(kept, 0);
    assert_string_equal(lib_dns_events(lib, "dns.rule"), "");
}

static void rules_have_a_size(void **state)
{
    struct lib_dns *lib = *state;
    static char long_text[4200];
    json_t *values = json_array();

    memset(long_text, 'x', 4097);
    assert_int_equal(lib_dns_set(lib, "a.test", "TXT", long_text), -1);
    long_text[4096] = '\0';
    assert_int_equal(lib_dns_set(lib, "a.test", "TXT", long_text), 0);
    for (int i = 0; i < 8; i++)
        json_array_append_new(values, json_string(long_text));
    json_t *value = json_pack("{s:o}", "values", values);
    fc_err_clear(&lib->err);
    int failed = fc_dns_set(lib->dns, "a.test", "TXT", value, LIB_NOW, &lib->err);
    json_decref(value);
    assert_int_equal(failed, -1);
    assert_string_equal(lib->err.text, "'values': together at most 32768 bytes");

    value = json_pack("{s:[]}", "values");
    for (int i = 0; i < 65; i++)
        json_array_append_new(json_object_get(value, "values"), json_string("192.0.2.1"));
    fc_err_clear(&lib->err);
    failed = fc_dns_set(lib->dns, "a.test", "A", value, LIB_NOW, &lib->err);
    json_decref(value);
    assert_int_equal(failed, -1);
    assert_int_equal(lib->err.code, FC_E_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIB_DNS_TEST(good_rules_are_kept_in_their_normal_form),
        LIB_DNS_TEST(bad_rules_are_refused_with_field_and_rule),
        LIB_DNS_TEST(rules_have_a_size),
    };
    RUN(tests);
}
