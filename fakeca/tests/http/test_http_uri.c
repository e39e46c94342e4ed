#include "http/http_uri.h"

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

static void targets_are_split(void **state)
{
    static const struct {
        const char *target, *path, *query;
    } rows[] = {
        {"/", "/", NULL},
        {"/a/b", "/a/b", NULL},
        {"/a?b=c", "/a", "b=c"},
        {"/a?", "/a", ""},
        {"/a?b?c", "/a", "b?c"},
        {"/a%20b?x=%26", "/a%20b", "x=%26"},
        {"//a", "//a", NULL},
        {"/a/../b", "/a/../b", NULL},
        {"/~!$&'()*+,;=:@", "/~!$&'()*+,;=:@", NULL},
        {"http://h/a?b", "/a", "b"},
        {"https://h:1/a", "/a", NULL},
        {"http://h", "/", NULL},
        {"http://h?q", "/", "q"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *path = NULL, *query = "unset";
        if (fc_http_uri_split(*state, rows[i].target, &path, &query) != 0)
            fail_msg("'%s' is refused", rows[i].target);
        assert_string_equal(path, rows[i].path);
        if (rows[i].query)
            assert_string_equal(query, rows[i].query);
        else
            assert_null(query);
    }
}

static void bad_targets_are_refused(void **state)
{
    static const char *const bad[] = {"",       "*",      "a",         "?a",   "h:443",    "/a b",     "/a\tb",
                                      "/a\r\n", "/a\x7f", "/\xC3\xBC", "/a#b", "ftp://h/", "mailto:x", "/\x01"};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *path = NULL, *query = NULL;
        if (fc_http_uri_split(*state, bad[i], &path, &query) != -1)
            fail_msg("'%s' passes", bad[i]);
        assert_null(path);
        assert_null(query);
    }
}

static void percent_decoding(void **state)
{
    static const struct {
        const char *text;
        bool plus;
        const char *out;
    } rows[] = {
        {"", false, ""},       {"abc", false, "abc"},   {"%41%7a%7A", false, "Azz"},
        {"a+b", false, "a+b"}, {"a+b", true, "a b"},    {"%2B", true, "+"},
        {"%25", false, "%"},   {"%2541", false, "%41"}, {"%C3%BC", false, "\xC3\xBC"},
        {"%", false, NULL},    {"%4", false, NULL},     {"a%4", false, NULL},
        {"%4g", false, NULL},  {"%g4", false, NULL},    {"%+1", false, NULL},
        {"%00", false, NULL},  {"% 1", false, NULL},    {"%%41", false, NULL},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *out = fc_http_uri_decode(*state, rows[i].text, strlen(rows[i].text), rows[i].plus);
        if (!out != !rows[i].out || (out && strcmp(out, rows[i].out) != 0))
            fail_msg("'%s' gives '%s'", rows[i].text, out ? out : "(none)");
    }
    /* only len bytes count, and a NUL among them is refused */
    assert_string_equal(fc_http_uri_decode(*state, "ab%41", 2, false), "ab");
    assert_null(fc_http_uri_decode(*state, "ab%41", 4, false));
    assert_null(fc_http_uri_decode(*state, "a\0b", 3, false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(targets_are_split, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_targets_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(percent_decoding, setup, teardown),
    };
    RUN(tests);
}
