#include "net/net_url.h"

#include <string.h>

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

/* RFC 3986 section 5.4, without the fragments; "http:g" as a strict parser takes it. */
static void references_of_rfc_3986(void **state)
{
    static const struct {
        const char *reference, *target;
    } rows[] = {
        {"g:h", "g:h"},
        {"g", "http://a/b/c/g"},
        {"./g", "http://a/b/c/g"},
        {"g/", "http://a/b/c/g/"},
        {"/g", "http://a/g"},
        {"//g", "http://g"},
        {"?y", "http://a/b/c/d;p?y"},
        {"g?y", "http://a/b/c/g?y"},
        {"#s", "http://a/b/c/d;p?q"},
        {"g#s", "http://a/b/c/g"},
        {"g?y#s", "http://a/b/c/g?y"},
        {";x", "http://a/b/c/;x"},
        {"g;x", "http://a/b/c/g;x"},
        {"g;x?y#s", "http://a/b/c/g;x?y"},
        {"", "http://a/b/c/d;p?q"},
        {".", "http://a/b/c/"},
        {"./", "http://a/b/c/"},
        {"..", "http://a/b/"},
        {"../", "http://a/b/"},
        {"../g", "http://a/b/g"},
        {"../..", "http://a/"},
        {"../../", "http://a/"},
        {"../../g", "http://a/g"},
        /* abnormal ones */
        {"../../../g", "http://a/g"},
        {"../../../../g", "http://a/g"},
        {"/./g", "http://a/g"},
        {"/../g", "http://a/g"},
        {"g.", "http://a/b/c/g."},
        {".g", "http://a/b/c/.g"},
        {"g..", "http://a/b/c/g.."},
        {"..g", "http://a/b/c/..g"},
        {"./../g", "http://a/b/g"},
        {"./g/.", "http://a/b/c/g/"},
        {"g/./h", "http://a/b/c/g/h"},
        {"g/../h", "http://a/b/c/h"},
        {"g;x=1/./y", "http://a/b/c/g;x=1/y"},
        {"g;x=1/../y", "http://a/b/c/y"},
        {"g?y/./x", "http://a/b/c/g?y/./x"},
        {"g?y/../x", "http://a/b/c/g?y/../x"},
        {"g#s/./x", "http://a/b/c/g"},
        {"http:g", "http:g"},
    };
    struct fc_net_url base, target;

    assert_int_equal(fc_net_url_parse(*state, "http://a/b/c/d;p?q", &base, NULL), 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fc_err err = {0};
        if (fc_net_url_resolve(*state, &base, rows[i].reference, &target, &err) != 0)
            fail_msg("'%s': %s", rows[i].reference, err.text);
        if (strcmp(target.text, rows[i].target) != 0)
            fail_msg("'%s' gave '%s', not '%s'", rows[i].reference, target.text, rows[i].target);
    }
}

static void parts(void **state)
{
    static const struct {
        const char *text, *scheme, *userinfo, *host;
        bool is_ip, zone;
        unsigned port;
        bool port_given;
        const char *path, *query;
    } rows[] = {
        {"http://Example.COM", "http", NULL, "example.com", false, false, 80, false, "/", NULL},
        {"HTTPS://example.com/A?b=C", "https", NULL, "example.com", false, false, 443, false, "/A", "b=C"},
        {"http://example.com:8080/", "http", NULL, "example.com", false, false, 8080, true, "/", NULL},
        {"http://example.com:/", "http", NULL, "example.com", false, false, 80, false, "/", NULL},
        {"http://example.com:0/", "http", NULL, "example.com", false, false, 0, true, "/", NULL},
        {"http://example.com:99999/", "http", NULL, "example.com", false, false, 99999, true, "/", NULL},
        {"http://u:p@example.com/", "http", "u:p", "example.com", false, false, 80, false, "/", NULL},
        {"http://u@v@example.com/", "http", "u@v", "example.com", false, false, 80, false, "/", NULL},
        {"http://192.0.2.1/", "http", NULL, "192.0.2.1", true, false, 80, false, "/", NULL},
        {"http://[2001:DB8::1]:443/", "http", NULL, "2001:db8::1", true, false, 443, true, "/", NULL},
        {"http://[fe80::1%25eth0]/", "http", NULL, "fe80::1", true, true, 80, false, "/", NULL},
        {"http:///x", "http", NULL, "", false, false, 80, false, "/x", NULL},
        {"ftp://example.com/", "ftp", NULL, "example.com", false, false, 0, false, "/", NULL},
        {"http://example.com./", "http", NULL, "example.com.", false, false, 80, false, "/", NULL},
        {"http://a_b.example.com/", "http", NULL, "a_b.example.com", false, false, 80, false, "/", NULL},
        {"http://example.com/a b\xC3\xA9", "http", NULL, "example.com", false, false, 80, false, "/a%20b%C3%A9", NULL},
        {"http://example.com/%2e%2E/", "http", NULL, "example.com", false, false, 80, false, "/%2e%2E/", NULL},
        {"http://0x7f.1/", "http", NULL, "0x7f.1", false, false, 80, false, "/", NULL},
    };
    struct fc_net_url url;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fc_err err = {0};
        if (fc_net_url_parse(*state, rows[i].text, &url, &err) != 0)
            fail_msg("'%s': %s", rows[i].text, err.text);
        assert_string_equal(url.scheme, rows[i].scheme);
        if (rows[i].userinfo != NULL)
            assert_non_null(url.userinfo);
        assert_string_equal(url.userinfo != NULL ? url.userinfo : "-",
                            rows[i].userinfo != NULL ? rows[i].userinfo : "-");
        assert_string_equal(url.host, rows[i].host);
        assert_int_equal(url.host_is_ip, rows[i].is_ip);
        assert_int_equal(url.scope_zone, rows[i].zone);
        assert_int_equal(url.port, rows[i].port);
        assert_int_equal(url.port_given, rows[i].port_given);
        assert_string_equal(url.path, rows[i].path);
        assert_string_equal(url.query != NULL ? url.query : "-", rows[i].query != NULL ? rows[i].query : "-");
    }
}

static void bad_urls_say_why(void **state)
{
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"", "no scheme"},
        {"//example.com/", "no scheme"},
        {"/x", "no scheme"},
        {":80", "colon"},
        {"1http://example.com/", "colon"},
        {"http://example.com/\r\nX: y", "control character"},
        {"http://example.com/\x7f", "control character"},
        {"http://example.com/%zz", "percent-encoding"},
        {"http://example.com/%4", "percent-encoding"},
        {"http://example.com/%", "percent-encoding"},
        {"http://exa mple.com/", "host"},
        {"http://ex%41mple.com/", "host"},
        {"http://ex\xC3\xA9mple.com/", "host"},
        {"http://example.com:80a/", "port"},
        {"http://example.com:-80/", "port"},
        {"http://example.com:9999999999/", "port"},
        {"http://a:b:c/", "port"},
        {"http://[::1/", "']'"},
        {"http://[::1]x/", "']'"},
        {"http://%zz@example.com/", "percent-encoding"},
    };
    struct fc_net_url url = {0};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct fc_err err = {0};
        if (fc_net_url_parse(*state, bad[i].text, &url, &err) != -1)
            fail_msg("'%s' was taken", bad[i].text);
        assert_int_equal(err.code, FC_E_PARSE);
        if (strstr(err.text, bad[i].says) == NULL)
            fail_msg("'%s' says '%s', not '%s'", bad[i].text, err.text, bad[i].says);
        assert_null(url.text);
    }
}

static void lengths_are_bounded(void **state)
{
    struct fc_net_url base, target;
    struct fc_err err = {0};
    char *text = fc_arena_alloc(*state, FC_NET_URL_MAX + 2);

    assert_int_equal(fc_net_url_parse(*state, "http://a/", &base, NULL), 0);
    memset(text, 'x', FC_NET_URL_MAX);
    assert_int_equal(fc_net_url_resolve(*state, &base, text, &target, NULL), 0);
    assert_int_equal(strlen(target.text), FC_NET_URL_MAX + strlen("http://a/"));
    memset(text, '"', FC_NET_URL_MAX); /* each becomes three characters */
    assert_int_equal(fc_net_url_resolve(*state, &base, text, &target, NULL), 0);
    text[FC_NET_URL_MAX] = 'x';
    assert_int_equal(fc_net_url_resolve(*state, &base, text, &target, &err), -1);
    assert_non_null(strstr(err.text, "longer than"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(references_of_rfc_3986, setup, teardown),
        cmocka_unit_test_setup_teardown(parts, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_urls_say_why, setup, teardown),
        cmocka_unit_test_setup_teardown(lengths_are_bounded, setup, teardown),
    };
    RUN(tests);
}
