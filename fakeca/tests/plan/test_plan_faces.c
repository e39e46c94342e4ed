/* What the report looks like: for people, for programs, as a page. */
#include "plan/plan.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/base_json.h"
#include "base/base_text.h"
#include "plan/lib_plan.h"

#include "cmocka_all.h"

#define PAGE_MAX 16777216

/* All kinds of things, and texts that want to be markup. */
static const char hostile[] =
    "{'name': '<script>alert(1)</script> & co', 'accounts': [{'name': '<b>'}], 'certificates': ["
    "{'name': '<img src=x>', 'names': ['shop.test'], 'issued': '2026-12-15', "
    "'redeploys': {'first': '2027-01-10T09:00:00Z', 'every': '1h', 'count': 6}},"
    "{'name': 'cron', 'names': ['cron.test'], 'renew': 'every 60d'},"
    "{'name': 'many', 'names': ['www.c{n}.test'], 'count': 300, 'renew': 'ari'}]}";

static void plan_hostile(struct lib_plan *t)
{
    lib_plan_run(t, "2026-12-20", "2029-01-01", hostile);
}

/* ---- the page ---- */

static bool is_void(const char *name)
{
    return strcmp(name, "meta") == 0 || strcmp(name, "br") == 0 || strcmp(name, "!DOCTYPE") == 0;
}

/* Every element is closed in its order, attributes are quoted, text holds no bare '<' or '&'. Returns the number of elements. */
static int check_markup(const char *page)
{
    char open[64][32];
    size_t depth = 0;
    int count = 0;

    for (const char *at = page; (at = strchr(at, '<')) != NULL;) {
        char name[32] = "";
        bool closing = at[1] == '/';
        const char *end = strchr(at, '>');
        assert_non_null(end);
        assert_int_equal(sscanf(at + 1 + closing, "%31[A-Za-z0-9!]", name), 1);
        bool self = end[-1] == '/';
        int quotes = 0;
        for (const char *c = at; c < end; c++)
            quotes += *c == '"';
        assert_int_equal(quotes % 2, 0);
        if (closing) {
            assert_true(depth > 0);
            assert_string_equal(open[--depth], name);
        } else if (!self && !is_void(name)) {
            assert_true(depth < 64);
            memcpy(open[depth++], name, sizeof name);
            count++;
        }
        at = end;
    }
    assert_int_equal(depth, 0);
    for (const char *at = page; (at = strchr(at, '&')) != NULL; at++)
        assert_true(fc_text_starts(at, "&amp;") || fc_text_starts(at, "&lt;") || fc_text_starts(at, "&gt;") ||
                    fc_text_starts(at, "&quot;") || fc_text_starts(at, "&#39;"));
    return count;
}

static void the_page_is_whole_and_alone(void **state)
{
    static const char *const outside[] = {"src=", "href=",   "url(",   "@import", "<link",   "<script", "<iframe",
                                          "<img", "<object", "srcset", "onload",  "onclick", "<use",    "http-equiv"};
    struct lib_plan *t = *state;
    struct fc_buf page fc_auto_buf = {0};

    plan_hostile(t);
    fc_buf_init(&page, PAGE_MAX);
    fc_plan_html(t->report, &page);
    assert_false(page.full);
    assert_true(check_markup(page.data) > 200);
    /* the only addresses are words: the CA's own text about the limit */
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
        const char *found = strstr(page.data, outside[i]);
        if (found && strcmp(outside[i], "src=") != 0)
            fail_msg("the page holds '%s'", outside[i]);
        /* as text in a group's name, behind an escaped '<' */
        if (found)
            assert_memory_equal(found - strlen("&lt;img "), "&lt;img ", strlen("&lt;img "));
    }
    assert_non_null(strstr(page.data, "&lt;script&gt;alert(1)&lt;/script&gt; &amp; co"));
    assert_non_null(strstr(page.data, "<html lang=\"en\">"));
    assert_non_null(strstr(page.data, "role=\"img\" aria-labelledby=\"picture-title picture-text\""));
    assert_non_null(strstr(page.data, "class=\"change\""));
    assert_non_null(strstr(page.data, "2027-02-10"));
    assert_non_null(strstr(page.data, "class=\"verdict bad\""));
}

static void a_page_of_ten_years(void **state)
{
    struct lib_plan *t = *state;
    struct fc_buf page fc_auto_buf = {0};

    lib_plan_run(t, "2024-01-15", "2034-01-10",
                 "{'certificates': [{'name': 'web', 'names': ['a.test'], 'profile': 'tlsserver'}]}");
    fc_buf_init(&page, PAGE_MAX);
    fc_plan_html(t->report, &page);
    check_markup(page.data);
    lib_plan_run(t, "2027-01-01T10:00:00Z", "2027-01-01T11:00:00Z",
                 "{'certificates': [{'name': 'web', 'names': ['a.test']}]}");
    fc_buf_clear(&page);
    fc_plan_html(t->report, &page);
    check_markup(page.data);
}

/* ---- text ---- */

static void the_first_screen_decides(void **state)
{
    struct lib_plan *t = *state;
    struct fc_buf text fc_auto_buf = {0};

    plan_hostile(t);
    fc_buf_init(&text, PAGE_MAX);
    fc_plan_text(t->report, &text);
    const char *third = strchr(strchr(text.data, '\n') + 1, '\n') + 1;
    assert_true(fc_text_starts(third,
                               "this breaks: 1 certificate is lost at a redeploy and not replaced at once, first "
                               "on 2027-01-10 14:00 ('<img src=x>'), and more below\n"));
    assert_non_null(strstr(text.data,
                           "limit CertificatesPerFQDNSet denies 3 orders; after the first it allows one again "
                           "at 2027-01-11 18:36\n"));
    assert_non_null(strstr(text.data, "why   renewed by the rule 'every 60d', and valid for 45d\n"));
    assert_non_null(strstr(text.data, "     mend  replace the fixed interval by ARI or 2/3 of the lifetime"));
    assert_non_null(strstr(text.data, "           denied by CertificatesPerFQDNSet: 3\n"));
    assert_non_null(strstr(text.data, "  2028-02-16  orders "));

    fc_buf_clear(&text);
    lib_plan_run(t, "2027-01-01", "2027-01-05", "{'certificates': [{'name': 'web', 'names': ['a.test']}]}");
    fc_plan_text(t->report, &text);
    assert_non_null(
        strstr(text.data, "\n\nnothing breaks: every certificate is there in time, no order is denied\n\n"));
    assert_non_null(strstr(text.data, "no change within this time touches this estate"));
}

/* A file's name that is not UTF-8, and hundreds of findings. */
static void names_and_many(void **state)
{
    static const char estate[] = "{\"certificates\": [{\"name\": \"web\", \"names\": [\"a.test\"]}]}";
    struct lib_plan *t = *state;
    struct fc_buf text fc_auto_buf = {0};
    struct fc_buf many fc_auto_buf = {0};

    t->options.from = lib_plan_time("2027-01-01");
    t->options.to = lib_plan_time("2027-02-01");
    assert_int_equal(fc_plan_estate_read(estate, sizeof estate - 1, "\xff.json", &t->options, &t->estate, &t->err), 0);
    assert_int_equal(fc_plan_run(t->estate, &t->options, &t->report, &t->err), 0);
    assert_string_equal(t->report->estate, "estate");
    json_decref(fc_plan_json(t->report));

    fc_buf_init(&many, PAGE_MAX);
    fc_buf_puts(&many, "{'defaults': {'renew': 'every 60d'}, 'certificates': [");
    for (int i = 0; i < 300; i++)
        fc_buf_printf(&many, "%s{'name': 'g%d', 'names': ['g%d.test']}", i ? "," : "", i, i);
    fc_buf_puts(&many, "]}");
    lib_plan_run(t, "2028-03-01", "2028-12-01", many.data);
    assert_true(t->report->n_findings >= 300);
    fc_buf_init(&text, PAGE_MAX);
    fc_plan_text(t->report, &text);
    assert_non_null(strstr(text.data, "  20. g"));
    assert_null(strstr(text.data, "  21. g"));
    assert_non_null(strstr(text.data, "  ... and 280 more (--json tells all)\n"));
    fc_buf_clear(&text);
    fc_plan_html(t->report, &text);
    check_markup(text.data);
    assert_non_null(strstr(text.data, "... and 100 more"));
}

/* ---- JSON ---- */

static int64_t sum(const json_t *list, const char *member)
{
    int64_t total = 0;

    for (size_t i = 0; i < json_array_size(list); i++)
        total += json_integer_value(json_object_get(json_array_get(list, i), member));
    return total;
}

static void the_sums_of_the_json_agree(void **state)
{
    struct lib_plan *t = *state;
    static const char *const members[] = {"orders", "denied", "refused", "authorizations"};

    plan_hostile(t);
    fc_auto_json json = fc_plan_json(t->report);
    const json_t *totals = json_object_get(json, "totals");
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        int64_t all = json_integer_value(json_object_get(totals, members[i]));
        assert_int_equal(sum(json_object_get(json, "weeks"), members[i]), all);
        assert_int_equal(sum(json_object_get(json, "months"), members[i]), all);
    }
    assert_int_equal(sum(json_object_get(json, "groups"), "orders"),
                     json_integer_value(json_object_get(totals, "orders")));
    assert_true(json_is_false(json_object_get(json, "good")));
    assert_string_equal(json_string_value(json_object_get(json, "from")), "2026-12-20T00:00:00Z");
    const json_t *first = json_array_get(json_object_get(json, "findings"), 0);
    assert_string_equal(json_string_value(json_object_get(first, "kind")), "missing");
    assert_string_equal(json_string_value(json_object_get(first, "limit")), "CertificatesPerFQDNSet");
    assert_string_equal(json_string_value(json_object_get(first, "allowed_again")), "2027-01-11T18:36:00Z");
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(totals, "denied_by"), "CertificatesPerFQDNSet")), 3);
    assert_int_equal(json_array_size(json_object_get(json, "changes")), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIB_PLAN_TEST(the_page_is_whole_and_alone), LIB_PLAN_TEST(a_page_of_ten_years),
        LIB_PLAN_TEST(the_first_screen_decides),    LIB_PLAN_TEST(names_and_many),
        LIB_PLAN_TEST(the_sums_of_the_json_agree),
    };
    RUN(tests);
}
