/* One run in every format. TAP by its specification (version 14), JUnit by what readers of it take. */
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_alloc.h"
#include "base/base_json.h"
#include "report/ck_report.h"

static const char checks[] = "[{\"id\":\"http-port80-open\",\"group\":\"http\",\"severity\":\"critical\"},"
                             "{\"id\":\"http-token-served\",\"group\":\"http\",\"severity\":\"critical\"},"
                             "{\"id\":\"renewal-unattended\",\"group\":\"renewal\",\"severity\":\"critical\"},"
                             "{\"id\":\"renewal-twice\",\"group\":\"renewal\",\"severity\":\"critical\"},"
                             "{\"id\":\"reload-all-endpoints\",\"group\":\"reload\",\"severity\":\"major\"}]";

static const char *const stream[] = {
    "{\"type\":\"plan\",\"setup\":{\"name\":\"shop <1> & co\"}}",
    "{\"type\":\"seen\",\"n\":1,\"kind\":\"http\",\"now\":\"2026-11-24T00:00:00Z\",\"real\":\"2026-11-24T00:00:00."
    "000Z\",\"text\":\"x\"}",
    "{\"type\":\"verdict\",\"id\":\"http-port80-open\",\"result\":\"pass\",\"seconds\":2.5,\"headline\":\"Plain HTTP "
    "is "
    "answered.\",\"remedy\":\"\"}",
    "{\"type\":\"verdict\",\"id\":\"http-token-served\",\"result\":\"fail\",\"headline\":\"got \\\"<html>\\\" & "
    "404\",\"detail\":[\"asked a -> "
    "404\"],\"remedy\":\"serve it\",\"evidence\":[1]}",
    "{\"type\":\"verdict\",\"id\":\"renewal-unattended\",\"result\":\"warn\",\"headline\":\"not "
    "shown\",\"detail\":[],\"remedy\":\"add it\"}",
    "{\"type\":\"verdict\",\"id\":\"reload-all-endpoints\",\"result\":\"skip\",\"headline\":\"add \\\"endpoints\\\" # "
    "1\",\"skipped_for\":[\"endpoints\"]}",
    "{\"type\":\"end\",\"clock\":{\"from\":\"2026-11-24T00:00:00Z\",\"to\":\"2027-05-23T00:00:00Z\",\"days\":180},"
    "\"certificates\":[]}",
};

struct fixture {
    struct ck_report report;
    char *text;
    size_t len;
};

static int setup(void **state)
{
    struct fixture *f = fc_calloc(1, sizeof *f);
    json_t *plan;

    if (fc_json_parse(checks, strlen(checks), &plan, NULL))
        return -1;
    f->report.setup_file = "shop.json";
    ck_report_init(&f->report, plan);
    for (size_t i = 0; i < sizeof stream / sizeof *stream; i++) {
        fc_auto_json object = NULL;
        if (fc_json_parse(stream[i], strlen(stream[i]), &object, NULL))
            return -1;
        ck_report_take(&f->report, object);
    }
    ck_report_finish(&f->report, "inconclusive", "the rehearsal was interrupted", 94);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    ck_report_release(&f->report);
    free(f->text);
    free(f);
    return 0;
}

static void written(struct fixture *f, const char *format)
{
    FILE *to = open_memstream(&f->text, &f->len);

    assert_non_null(to);
    assert_non_null(ck_report_find(format));
    ck_report_find(format)->write(&f->report, to);
    fclose(to);
}

static void has(const struct fixture *f, const char *text)
{
    if (!strstr(f->text, text))
        fail_msg("not there: %s\n%s", text, f->text);
}

static void test_tap(void **state)
{
    struct fixture *f = *state;

    written(f, "tap");
    assert_string_equal(f->text, "TAP version 14\n"
                                 "1..5\n"
                                 "ok 1 - http-port80-open\n"
                                 "not ok 2 - http-token-served\n"
                                 "  ---\n"
                                 "  result: \"fail\"\n"
                                 "  severity: \"critical\"\n"
                                 "  message: \"got \\\"<html>\\\" & 404\"\n"
                                 "  detail:\n"
                                 "    - \"asked a -> 404\"\n"
                                 "  remedy: \"serve it\"\n"
                                 "  evidence: [1]\n"
                                 "  ...\n"
                                 "ok 3 - renewal-unattended\n"
                                 "  ---\n"
                                 "  result: \"warn\"\n"
                                 "  severity: \"critical\"\n"
                                 "  message: \"not shown\"\n"
                                 "  remedy: \"add it\"\n"
                                 "  ...\n"
                                 "not ok 4 - renewal-twice\n"
                                 "  ---\n"
                                 "  result: \"inconclusive\"\n"
                                 "  severity: \"critical\"\n"
                                 "  message: \"the rehearsal was interrupted\"\n"
                                 "  ...\n"
                                 "ok 5 - reload-all-endpoints # SKIP add \"endpoints\"   1\n");
}

static void test_junit(void **state)
{
    struct fixture *f = *state;

    written(f, "junit");
    has(f, "<testsuite name=\"fakeca.http\" tests=\"2\" failures=\"1\" errors=\"0\" skipped=\"0\">");
    has(f, "<testsuite name=\"fakeca.renewal\" tests=\"2\" failures=\"0\" errors=\"1\" skipped=\"0\">");
    has(f, "<testsuite name=\"fakeca.reload\" tests=\"1\" failures=\"0\" errors=\"0\" skipped=\"1\">");
    has(f, "<testcase classname=\"fakeca.http\" name=\"http-port80-open\" time=\"2.5\"/>");
    has(f, "<failure message=\"got &quot;&lt;html&gt;&quot; &amp; 404\" type=\"critical\">asked a -&gt; 404\nDo: serve "
           "it\n</failure>");
    has(f, "<error message=\"the rehearsal was interrupted\" type=\"inconclusive\"></error>");
    has(f, "<system-out>warning: not shown\nDo: add it\n</system-out>");
    has(f, "<skipped message=\"add &quot;endpoints&quot; # 1\"></skipped>");
    has(f, "<property name=\"simulated.from\" value=\"2026-11-24T00:00:00Z\"/>");
}

static void test_text(void **state)
{
    struct fixture *f = *state;

    written(f, "text");
    has(f, "fakeca check - shop <1> & co      180 days rehearsed in 94 s");
    has(f, "NOT READY   1 failed, 1 warning, 1 passed, 1 skipped, 1 inconclusive\n");
    has(f,
        "FAIL  http-token-served   critical\n      got \"<html>\" & 404\n        asked a -> 404\n      Do: serve it\n"
        "      Again: fakeca check shop.json --only http-token-served   events 1\n");
    has(f, "WARN  renewal-unattended");
    has(f, "OPEN  renewal-twice: the rehearsal was interrupted\n");
    has(f, "SKIP  reload-all-endpoints: add \"endpoints\" # 1\n");
    has(f, "PASS  1 checks");
    has(f, "Not covered by a local run: real DNS");
}

static void test_json(void **state)
{
    struct fixture *f = *state;
    fc_auto_json value = NULL;

    written(f, "json");
    assert_int_equal(fc_json_parse(f->text, f->len, &value, NULL), 0);
    assert_string_equal(ck_report_text(value, "format"), "fakeca-check/1");
    assert_string_equal(ck_report_text(json_object_get(value, "summary"), "verdict"), "NOT READY");
    assert_int_equal(json_array_size(json_object_get(value, "checks")), 5);
    assert_int_equal(json_array_size(json_object_get(value, "events")), 1);
    assert_int_equal(ck_report_count(&f->report, CK_INCONCLUSIVE), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_tap, setup, teardown),
                                       cmocka_unit_test_setup_teardown(test_junit, setup, teardown),
                                       cmocka_unit_test_setup_teardown(test_text, setup, teardown),
                                       cmocka_unit_test_setup_teardown(test_json, setup, teardown)};
    RUN(tests);
}
