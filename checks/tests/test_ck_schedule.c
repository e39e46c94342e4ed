/* Periods and cron expressions; the expected times are counted by hand on a calendar (2026-11-24 is a Tuesday). */
#include "cmocka_all.h"

#include "base/base_time.h"
#include "setup/ck_schedule.h"

static int64_t at(const char *text)
{
    int64_t value = 0;

    assert_int_equal(fc_time_parse(text, &value, NULL), 0);
    return value;
}

static struct ck_schedule of(const char *text)
{
    struct ck_schedule schedule;
    struct fc_err err = {0};

    if (ck_schedule_parse(text, &schedule, &err))
        fail_msg("%s: %s", text, err.text);
    return schedule;
}

static void test_period(void **state)
{
    struct ck_schedule schedule = of("12h");
    int64_t from = at("2026-11-24T10:00:00Z");

    (void)state;
    assert_true(ck_schedule_next(&schedule, from, from) == at("2026-11-24T22:00:00Z"));
    assert_true(ck_schedule_next(&schedule, from, at("2026-11-24T22:00:00Z")) == at("2026-11-25T10:00:00Z"));
    assert_true(ck_schedule_next(&schedule, from, at("2026-11-24T22:00:01Z")) == at("2026-11-25T10:00:00Z"));
}

static void test_cron(void **state)
{
    static const struct {
        const char *text, *after, *next;
        int64_t longest;
    } rows[] = {
        {"17 0,12 * * *", "2026-11-24T10:00:00Z", "2026-11-24T12:17:00Z", 12 * FC_HOUR},
        {"17 0,12 * * *", "2026-11-24T12:17:00Z", "2026-11-25T00:17:00Z", 12 * FC_HOUR},
        {"*/15 * * * *", "2026-11-24T10:01:00Z", "2026-11-24T10:15:00Z", 15 * FC_MINUTE},
        {"0 3 * * 0", "2026-11-24T10:00:00Z", "2026-11-29T03:00:00Z", 7 * FC_DAY},
        {"0 3 * * 7", "2026-11-24T10:00:00Z", "2026-11-29T03:00:00Z", 7 * FC_DAY},
        {"30 4 1 * *", "2026-11-24T10:00:00Z", "2026-12-01T04:30:00Z", 31 * FC_DAY},
        {"0 0 1-7 * *", "2026-11-24T10:00:00Z", "2026-12-01T00:00:00Z", 25 * FC_DAY},
        {"0 0 30 * 2", "2026-11-24T10:00:00Z", "2026-11-30T00:00:00Z", 7 * FC_DAY}, /* both days given: either */
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct ck_schedule schedule = of(rows[i].text);
        int64_t next = ck_schedule_next(&schedule, 0, at(rows[i].after));
        if (next != at(rows[i].next))
            fail_msg("%s after %s", rows[i].text, rows[i].after);
        assert_true(schedule.period == rows[i].longest);
    }
}

static void test_refused(void **state)
{
    static const char *const texts[] = {"",           "12",          "0s",          "30s",         "400d",
                                        "* * * *",    "* * * * * *", "60 * * * *",  "* 24 * * *",  "* * 0 * *",
                                        "* * * 13 *", "* * * * 8",   "5-1 * * * *", "*/0 * * * *", "a * * * *",
                                        "-1 * * * *", "0 0 31 2 *"};
    struct ck_schedule schedule;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct fc_err err = {0};
        if (ck_schedule_parse(texts[i], &schedule, &err) == 0)
            fail_msg("'%s' was taken", texts[i]);
        assert_true(*err.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_period), cmocka_unit_test(test_cron),
                                       cmocka_unit_test(test_refused)};
    RUN(tests);
}
