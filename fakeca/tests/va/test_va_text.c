#include "va/va_int.h"

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

/* What fmt.Sprintf("%q", ...) of Go 1.22 prints for these bytes. */
static void quoting_is_go_s(void **state)
{
    static const struct {
        const char *bytes, *quoted;
    } rows[] = {
        {"", "\"\""},
        {"plain text", "\"plain text\""},
        {"a\"b\\c", "\"a\\\"b\\\\c\""},
        {"\a\b\f\n\r\t\v", "\"\\a\\b\\f\\n\\r\\t\\v\""},
        {"\x01\x1f\x7f", "\"\\x01\\x1f\\x7f\""},
        {"<h1>\xC3\xA9\xE2\x82\xAC</h1>", "\"<h1>\xC3\xA9\xE2\x82\xAC</h1>\""},
        {"\xF0\x9F\x98\x80", "\"\xF0\x9F\x98\x80\""},
        {"\xEF\xFF"
         "AABBCC",
         "\"\\xef\\xffAABBCC\""}, /* va/http_test.go: TestHTTPKeyAuthorizationFileMismatch */
        {"\xEF\xBB\xBF"
         "bom",
         "\"\\ufeffbom\""},
        {"\xC2\xA0\xE2\x80\x83", "\"\\u00a0\\u2003\""},
        {"\xC0\x80", "\"\\xc0\\x80\""},                   /* overlong */
        {"\xED\xA0\x80", "\"\\xed\\xa0\\x80\""},          /* a surrogate */
        {"\xF4\x90\x80\x80", "\"\\xf4\\x90\\x80\\x80\""}, /* beyond U+10FFFF */
        {"\xE2\x82", "\"\\xe2\\x82\""},                   /* cut off */
        {"\xF4\x8F\xBF\xBF", "\"\\U0010ffff\""},
        {"\xEF\xBF\xBD", "\"\xEF\xBF\xBD\""},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(fc_va_text_quote(*state, rows[i].bytes, strlen(rows[i].bytes)), rows[i].quoted);
    assert_string_equal(fc_va_text_quote(*state, "a\0b", 3), "\"a\\x00b\"");
}

static void white_space_at_the_end_is_unicode_s(void **state)
{
    static const struct {
        const char *text;
        size_t len;
    } rows[] = {
        {"", 0},
        {"x", 1},
        {"x \t\r\n\v\f", 1},
        {" x ", 2},
        {"x\xC2\x85\xC2\xA0", 1},           /* NEL, NBSP */
        {"x\xE2\x80\x83\xE3\x80\x80\n", 1}, /* U+2003, U+3000 */
        {"x\xE2\x80\x8B", 4},               /* U+200B is none */
        {"x\xEF\xBB\xBF", 4},               /* U+FEFF is none */
        {"x\xA0", 2},                       /* no UTF-8 */
        {"\n\n", 0},
        {"\x80", 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(fc_va_text_trim(rows[i].text, strlen(rows[i].text)), rows[i].len);
}

static void what_is_no_utf8_is_replaced(void **state)
{
    assert_null(fc_va_text_utf8(*state, NULL));
    assert_string_equal(fc_va_text_utf8(*state, "http://\xC3\xA9.test/"), "http://\xC3\xA9.test/");
    assert_string_equal(fc_va_text_utf8(*state, "/a\xFF\xE2\x82z"), "/a\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBDz");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(quoting_is_go_s, setup, teardown),
        cmocka_unit_test_setup_teardown(white_space_at_the_end_is_unicode_s, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_utf8_is_replaced, setup, teardown),
    };
    RUN(tests);
}
