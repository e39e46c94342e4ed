#include "net/net_portmap.h"

#include <stdlib.h>
#include <string.h>

#include "base/base_buf.h"

#include "cmocka_all.h"

static int setup(void **state)
{
    *state = fc_net_portmap_new();
    return 0;
}

static int teardown(void **state)
{
    fc_net_portmap_free(*state);
    return 0;
}

static void leads(struct fc_net_portmap *map, const char *from, const char *to)
{
    struct fc_net_addr addr, result;
    char text[FC_NET_ADDR_TEXT];

    assert_int_equal(fc_net_addr_parse(from, &addr, NULL), 0);
    bool applied = fc_net_portmap_apply(map, &addr, &result);
    assert_string_equal(fc_net_addr_text(&result, text), to);
    assert_int_equal(applied, strcmp(from, to) != 0);
}

static void ports_lead_elsewhere(void **state)
{
    struct fc_net_portmap *map = *state;

    assert_int_equal(fc_net_portmap_set(map, "80=5002,443=127.0.0.2:5003,[::1]:80=[::1]:5004", NULL), 0);
    leads(map, "127.0.0.1:80", "127.0.0.1:5002");
    leads(map, "192.0.2.1:80", "192.0.2.1:5002");
    leads(map, "192.0.2.1:443", "127.0.0.2:5003");
    leads(map, "[::1]:443", "127.0.0.2:5003");
    leads(map, "[::1]:80", "[::1]:5004"); /* the rule with the address wins */
    leads(map, "[::2]:80", "[::2]:5002");
    leads(map, "127.0.0.1:8080", "127.0.0.1:8080");
    fc_auto_free char *text = fc_net_portmap_text(map);
    assert_string_equal(text, "80=5002,443=127.0.0.2:5003,[::1]:80=[::1]:5004");
}

static void the_way_back_is_for_80_and_443_only(void **state)
{
    struct fc_net_portmap *map = *state;

    assert_int_equal(fc_net_portmap_set(map, "80=5002,443=5003,8080=5004", NULL), 0);
    assert_int_equal(fc_net_portmap_reverse(map, 5002), 80);
    assert_int_equal(fc_net_portmap_reverse(map, 5003), 443);
    assert_int_equal(fc_net_portmap_reverse(map, 5004), 0);
    assert_int_equal(fc_net_portmap_reverse(map, 80), 0);
}

static void an_empty_text_clears(void **state)
{
    struct fc_net_portmap *map = *state;

    assert_int_equal(fc_net_portmap_set(map, "80=5002", NULL), 0);
    assert_int_equal(fc_net_portmap_set(map, "", NULL), 0);
    leads(map, "127.0.0.1:80", "127.0.0.1:80");
    fc_auto_free char *text = fc_net_portmap_text(map);
    assert_string_equal(text, "");
}

static void bad_rules_change_nothing(void **state)
{
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"80", "rule '80' is not of the form"},
        {",", "rule '' is not of the form"},
        {"80=5002,", "rule '' is not of the form"},
        {"80=", "rule '80='"},
        {"=5002", "rule '=5002'"},
        {"80=5002=5003", "rule '80=5002=5003'"},
        {"0=5002", "rule '0=5002': port 0"},
        {"80=0", "rule '80=0': port 0"},
        {"80=65536", "rule '80=65536'"},
        {"80= 5002", "rule '80= 5002'"},
        {"example.com:80=5002", "not an IP address"},
        {"80=5002,443=5003,80=5004", "rule '80=5004': there is a rule for this already"},
        {":80=5002,80=5003", "there is a rule for this already"},
    };
    struct fc_net_portmap *map = *state;

    assert_int_equal(fc_net_portmap_set(map, "80=5002", NULL), 0);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct fc_err err = {0};
        if (fc_net_portmap_set(map, bad[i].text, &err) != -1)
            fail_msg("'%s' was taken", bad[i].text);
        assert_int_equal(err.code, FC_E_USAGE);
        if (strstr(err.text, bad[i].says) == NULL)
            fail_msg("'%s' says '%s', not '%s'", bad[i].text, err.text, bad[i].says);
        leads(map, "127.0.0.1:80", "127.0.0.1:5002");
    }
}

static void the_number_of_rules_is_limited(void **state)
{
    struct fc_net_portmap *map = *state;
    struct fc_buf text fc_auto_buf;
    struct fc_err err = {0};

    fc_buf_init(&text, 65536);
    for (int i = 1; i <= 64; i++)
        fc_buf_printf(&text, "%s%d=5002", i > 1 ? "," : "", i);
    assert_int_equal(fc_net_portmap_set(map, text.data, &err), 0);
    fc_buf_puts(&text, ",65=5002");
    assert_int_equal(fc_net_portmap_set(map, text.data, &err), -1);
    assert_non_null(strstr(err.text, "more than 64 rules"));
    for (int i = 0; i < 2000; i++)
        fc_buf_puts(&text, ",66=5002");
    fc_err_clear(&err);
    assert_int_equal(fc_net_portmap_set(map, text.data, &err), -1);
    assert_non_null(strstr(err.text, "8192 bytes"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(ports_lead_elsewhere, setup, teardown),
        cmocka_unit_test_setup_teardown(the_way_back_is_for_80_and_443_only, setup, teardown),
        cmocka_unit_test_setup_teardown(an_empty_text_clears, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_rules_change_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(the_number_of_rules_is_limited, setup, teardown),
    };
    RUN(tests);
}
