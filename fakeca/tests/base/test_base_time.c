#include "base/base_time.h"

#include <string.h>

#include "cmocka_all.h"

struct point {
    const char *text;
    int64_t seconds; /* from `date -u -d TEXT +%s` */
};

static const struct point points[] = {
    {"1970-01-01T00:00:00Z", 0},          {"2000-01-01T00:00:00Z", 946684800},  {"2000-02-29T12:00:00Z", 951825600},
    {"2026-11-24T05:00:00Z", 1795496400}, {"2027-02-10T00:00:00Z", 1802217600}, {"2028-02-29T23:59:59Z", 1835481599},
    {"2100-02-28T23:59:59Z", 4107542399}, {"2199-12-31T23:59:59Z", 7258118399}, {"1969-12-31T23:59:59Z", -1},
};

static void rfc3339_both_ways(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
        char text[FC_TIME_TEXT_MAX];
        int64_t at;
        struct fc_err err = {0};
        assert_string_equal(fc_time_rfc3339(points[i].seconds * FC_SECOND, text), points[i].text);
        assert_int_equal(fc_time_parse(points[i].text, &at, &err), 0);
        assert_int_equal(at, points[i].seconds * FC_SECOND);
    }
}

static void seconds_are_cut_off(void **state)
{
    char text[FC_TIME_TEXT_MAX];
    (void)state;
    assert_string_equal(fc_time_rfc3339(FC_SECOND - 1, text), "1970-01-01T00:00:00Z");
    assert_string_equal(fc_time_rfc3339(-1, text), "1969-12-31T23:59:59Z");
    assert_string_equal(fc_time_rfc3339_ms(1795496400 * FC_SECOND + 250 * FC_MS, text), "2026-11-24T05:00:00.250Z");
}

static void other_forms(void **state)
{
    int64_t at;
    (void)state;
    assert_int_equal(fc_time_parse("2026-11-24T06:00:00+01:00", &at, NULL), 0);
    assert_int_equal(at, 1795496400 * FC_SECOND);
    assert_int_equal(fc_time_parse("2026-11-24T05:00:00.5Z", &at, NULL), 0);
    assert_int_equal(at, 1795496400 * FC_SECOND + FC_SECOND / 2);
    assert_int_equal(fc_time_parse("2027-02-10", &at, NULL), 0);
    assert_int_equal(at, 1802217600 * FC_SECOND);
    assert_int_equal(fc_time_parse("2026-11-24T05:00", &at, NULL), 0);
    assert_int_equal(at, 1795496400 * FC_SECOND);
}

static void bad_points_in_time(void **state)
{
    static const char *const bad[] = {"",
                                      "tomorrow",
                                      "2026-13-01",
                                      "2026-02-29",
                                      "2100-02-29T00:00:00Z",
                                      "2026-11-24T24:00:00Z",
                                      "2026-11-24T05:60:00Z",
                                      "2026-11-24T05:00:60Z",
                                      "2026-11-24T05:00:00Zx",
                                      "2026-11-24T05:00:00+25:00",
                                      "2026-11-24 ",
                                      " 2026-11-24",
                                      "2026-11-24T",
                                      "26-11-24"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t at = 42;
        struct fc_err err = {0};
        if (fc_time_parse(bad[i], &at, &err) == 0)
            fail_msg("'%s' was taken", bad[i]);
        assert_int_equal(at, 42);
        assert_true(strlen(err.text) > 0);
    }
}

static void http_dates(void **state)
{
    char text[FC_TIME_TEXT_MAX];
    int64_t at;
    (void)state;
    /* the example of RFC 9110 section 5.6.7 */
    assert_string_equal(fc_time_http(784111777 * FC_SECOND, text), "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_int_equal(fc_time_parse_http("Sun, 06 Nov 1994 08:49:37 GMT", &at, NULL), 0);
    assert_int_equal(at, 784111777 * FC_SECOND);
    assert_int_equal(fc_time_parse_http("Sunday, 06-Nov-94 08:49:37 GMT", &at, NULL), -1);
    assert_string_equal(fc_time_boulder(1795496400 * FC_SECOND, text), "2026-11-24 05:00:00 UTC");
}

struct span {
    const char *text;
    int64_t ns;
    const char *go; /* as Go's time.Duration prints it */
};

static const struct span spans[] = {
    {"60d", 60 * FC_DAY, "1440h0m0s"},
    {"1h30m", 90 * FC_MINUTE, "1h30m0s"},
    {"0s", 0, "0s"},
    {"250ms", 250 * FC_MS, "250ms"},
    {"90d12h", 90 * FC_DAY + 12 * FC_HOUR, "2172h0m0s"},
    {"45s", 45 * FC_SECOND, "45s"},
    {"-2d", -2 * FC_DAY, "-48h0m0s"},
    {"1m30s", 90 * FC_SECOND, "1m30s"},
};

static void durations_both_ways(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof spans / sizeof *spans; i++) {
        int64_t ns;
        char text[FC_TIME_TEXT_MAX];
        assert_int_equal(fc_duration_parse(spans[i].text, &ns, NULL), 0);
        assert_int_equal(ns, spans[i].ns);
        assert_string_equal(fc_duration_text(spans[i].ns, text), spans[i].text);
        assert_string_equal(fc_duration_go(spans[i].ns, text), spans[i].go);
    }
}

static void bad_durations(void **state)
{
    static const char *const bad[] = {"",     "60",  "d",   "60x",  "1h1h",         "30m1h",
                                      "1.5h", " 1h", "1h ", "--1h", "99999999999d", "1001000d"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t ns = 42;
        struct fc_err err = {0};
        if (fc_duration_parse(bad[i], &ns, &err) == 0)
            fail_msg("'%s' was taken", bad[i]);
        assert_int_equal(ns, 42);
        assert_true(strlen(err.text) > 0);
    }
}

static void a_when_is_either(void **state)
{
    static const char *const bad[] = {"", "now", "60", "99999d", "2027-02-30", "2027-02-10 10:00"};
    struct fc_err err = {0};
    bool relative;
    int64_t value;
    (void)state;
    assert_int_equal(fc_time_parse_when("-60d", &relative, &value, &err), 0);
    assert_true(relative && value == -60 * FC_DAY);
    assert_int_equal(fc_time_parse_when("+1h", &relative, &value, &err), 0);
    assert_true(relative && value == FC_HOUR);
    assert_int_equal(fc_time_parse_when("2027-02-10", &relative, &value, &err), 0);
    assert_true(!relative && value == INT64_C(1802217600) * FC_SECOND); /* date -ud 2027-02-10 +%s */
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct fc_err cause = {0};
        assert_int_not_equal(fc_time_parse_when(bad[i], &relative, &value, &cause), 0);
        assert_int_equal(cause.code, FC_E_USAGE);
        assert_non_null(strstr(cause.text, bad[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc3339_both_ways), cmocka_unit_test(seconds_are_cut_off),
        cmocka_unit_test(other_forms),       cmocka_unit_test(bad_points_in_time),
        cmocka_unit_test(http_dates),        cmocka_unit_test(durations_both_ways),
        cmocka_unit_test(bad_durations),     cmocka_unit_test(a_when_is_either),
    };
    RUN(tests);
}
