/* Rules in the store, their events, and taking them away. */
#include "dns/lib_dns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/store_event.h"

#include "cmocka_all.h"

static void set(struct lib_dns *lib, const char *name, const char *type, const char *value)
{
    if (lib_dns_set(lib, name, type, value) != 0)
        fail_msg("%s %s: %s", name, type, lib->err.text);
}

static int64_t clear(struct lib_dns *lib, const char *name, const char *type)
{
    int64_t removed = -1;

    fc_err_clear(&lib->err);
    fc_dns_clear(lib->dns, name, type, LIB_NOW, &removed, &lib->err);
    return removed;
}

static void rules_survive(void **state)
{
    struct lib_dns *lib = *state;

    set(lib, "a.test", "A", "10.0.0.1");
    set(lib, "a.test", "A", "10.0.0.2");
    set(lib, "*.b.test", "*", "SERVFAIL");
    set(lib, "c.test", "CAA", "0 issue \"x\"");
    assert_int_equal(lib_dns_reopen(lib, NULL), 0);
    assert_string_equal(lib_dns_ask(lib, "a.test", FC_DNS_A), "10.0.0.2 [a.test A]");
    assert_string_equal(lib_dns_ask(lib, "x.b.test", FC_DNS_A), "rcode 2 [*.b.test *]");
    assert_string_equal(lib_dns_ask(lib, "c.test", FC_DNS_CAA), "0:issue:x [c.test CAA]");
    assert_int_equal(clear(lib, NULL, NULL), 3);
    assert_int_equal(lib_dns_reopen(lib, NULL), 0);
    assert_string_equal(lib_dns_ask(lib, "a.test", FC_DNS_A), "127.0.0.1 [default]");
}

static void damaged_rows_are_named(void **state)
{
    static const struct fc_dns_row rows[] = {{"a.test", "A", "nonsense"},
                                             {"a.test", "A", "{\"values\":[\"x\"]}"},
                                             {"a.test", "MX", "{\"values\":[]}"},
                                             {"a..test", "A", "{\"values\":[]}"}};
    struct lib_dns *lib = *state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fc_store_tx tx fc_auto_tx = {0};
        int64_t count = 0;
        assert_int_equal(fc_store_begin(lib->store, FC_STORE_WRITE, &tx, NULL), 0);
        assert_int_equal(fc_store_dns_clear(lib->store, NULL, NULL, &count, NULL), 0);
        assert_int_equal(fc_store_dns_set(lib->store, &rows[i], NULL), 0);
        assert_int_equal(fc_store_commit(&tx, NULL), 0);
        assert_int_equal(lib_dns_reopen(lib, NULL), -1);
        assert_int_equal(lib->err.code, FC_E_DAMAGED);
        assert_non_null(strstr(lib->err.text, rows[i].name));
    }
}

static void clear_takes_what_it_is_told(void **state)
{
    struct lib_dns *lib = *state;

    set(lib, "a.test", "A", "10.0.0.1");
    set(lib, "a.test", "TXT", "x");
    set(lib, "b.test", "A", "10.0.0.1");
    set(lib, "*.b.test", "A", "10.0.0.1");
    assert_int_equal(clear(lib, "c.test", NULL), 0);
    assert_int_equal(clear(lib, "A.test.", "txt"), 1);
    assert_int_equal(clear(lib, "a.test", "TXT"), 0);
    assert_int_equal(clear(lib, "a.test", NULL), 1);
    assert_int_equal(clear(lib, "*.b.test", NULL), 1);
    assert_int_equal(clear(lib, NULL, "A"), 1);
    assert_int_equal(clear(lib, NULL, NULL), 0);
}

static void clear_refuses_what_cannot_be(void **state)
{
    struct lib_dns *lib = *state;

    assert_int_equal(clear(lib, "a..test", NULL), -1);
    assert_int_equal(lib->err.code, FC_E_USAGE);
    assert_int_equal(clear(lib, "a.test", "AAA"), -1);
    assert_string_equal(lib->err.text, "'type': unknown record type 'AAA', did you mean 'AAAA'?");
}

static void changes_are_events(void **state)
{
    struct lib_dns *lib = *state;

    set(lib, "a.test", "A", "{\"values\":[\"10.0.0.1\",\"10.0.0.2\"]}");
    set(lib, "b.test", "*", "NXDOMAIN");
    set(lib, "c.test", "TXT", "{\"values\":[]}");
    clear(lib, "nothing.test", NULL);
    clear(lib, "b.test", NULL);
    clear(lib, NULL, NULL);
    assert_string_equal(lib_dns_events(lib, "dns.rule"), "mock DNS: set a.test A 10.0.0.1, 10.0.0.2\n"
                                                         "mock DNS: set b.test * NXDOMAIN\n"
                                                         "mock DNS: set c.test TXT no data\n"
                                                         "mock DNS: clear b.test - (1)\n"
                                                         "mock DNS: clear - - (2)\n");
}

static void list_is_in_order(void **state)
{
    struct lib_dns *lib = *state;

    set(lib, "b.test", "A", "10.0.0.1");
    set(lib, "a.test", "TXT", "x");
    set(lib, "*", "A", "10.0.0.2");
    set(lib, "a.test", "A", "10.0.0.3");
    json_t *list = fc_dns_list(lib->dns);
    char *text = json_dumps(list, JSON_COMPACT);
    json_decref(list);
    bool same = strcmp(text, "{\"default\":[\"127.0.0.1\"],\"rules\":["
                             "{\"name\":\"*\",\"type\":\"A\",\"values\":[\"10.0.0.2\"]},"
                             "{\"name\":\"a.test\",\"type\":\"A\",\"values\":[\"10.0.0.3\"]},"
                             "{\"name\":\"a.test\",\"type\":\"TXT\",\"values\":[\"x\"]},"
                             "{\"name\":\"b.test\",\"type\":\"A\",\"values\":[\"10.0.0.1\"]}]}") == 0;
    if (!same)
        fprintf(stderr, "%s\n", text);
    free(text);
    assert_true(same);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIB_DNS_TEST(rules_survive),
        LIB_DNS_TEST(damaged_rows_are_named),
        LIB_DNS_TEST(clear_takes_what_it_is_told),
        LIB_DNS_TEST(clear_refuses_what_cannot_be),
        LIB_DNS_TEST(changes_are_events),
        LIB_DNS_TEST(list_is_in_order),
    };
    RUN(tests);
}
