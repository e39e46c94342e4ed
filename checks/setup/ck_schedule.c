#include "setup/ck_schedule.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_alloc.h"
#include "base/base_text.h"
#include "base/base_time.h"

#define LONGEST (400 * FC_DAY) /* an expression that matches nothing in this time never runs */

static const struct {
    const char *name;
    int min, max;
} fields[5] = {
    {"minute", 0, 59}, {"hour", 0, 23}, {"day of the month", 1, 31}, {"month", 1, 12}, {"day of the week", 0, 7}};

static int number(const char *text, int which, int *ret_value, struct fc_err *err)
{
    int64_t value;

    if (fc_text_int(text, fields[which].min, fields[which].max, &value, NULL))
        return fc_err_set(err, FC_E_PARSE, "'%s' is no %s from %d to %d", text, fields[which].name, fields[which].min,
                          fields[which].max);
    *ret_value = (int)value;
    return 0;
}

/* "*", "5", "1-5", each with "/2" behind it */
static int part(char *text, int which, uint64_t *bits, struct fc_err *err)
{
    int from = fields[which].min, to = fields[which].max;
    int64_t step = 1;
    char *slash = strchr(text, '/'), *dash;

    if (slash) {
        *slash++ = '\0';
        if (fc_text_int(slash, 1, 59, &step, NULL))
            return fc_err_set(err, FC_E_PARSE, "'%s' is no step from 1 to 59", slash);
    }
    if (strcmp(text, "*") != 0) {
        dash = strchr(text, '-');
        if (dash)
            *dash++ = '\0';
        if (number(text, which, &from, err) || (dash && number(dash, which, &to, err)))
            return -1;
        if (!dash && !slash)
            to = from;
        if (to < from)
            return fc_err_set(err, FC_E_PARSE, "the %s goes from %d to %d", fields[which].name, from, to);
    }
    for (int64_t i = from; i <= to; i += step)
        *bits |= UINT64_C(1) << (which == 4 && i == 7 ? 0 : i);
    return 0;
}

static int field(char *text, int which, struct ck_schedule *schedule, struct fc_err *err)
{
    char *rest = text, *next;

    if (strcmp(text, "*") == 0 && (which == 2 || which == 4))
        schedule->any_day |= which == 2 ? 1 : 2;
    while ((next = strsep(&rest, ",")))
        if (part(next, which, &schedule->fields[which], err))
            return -1;
    return 0;
}

static int cron(const char *text, struct ck_schedule *schedule, struct fc_err *err)
{
    fc_auto_free char *copy = fc_strdup(text);
    char *rest = copy, *word;
    int n = 0;

    while ((word = strsep(&rest, " \t"))) {
        if (!*word)
            continue;
        if (n == 5)
            return fc_err_set(err, FC_E_PARSE, "a cron expression has five fields");
        if (field(word, n++, schedule, err))
            return -1;
    }
    if (n != 5)
        return fc_err_set(err, FC_E_PARSE,
                          "'%s' is neither a period such as '12h' nor a cron expression of five fields", text);
    return 0;
}

static bool matches(const struct ck_schedule *schedule, const struct fc_date *date)
{
    bool day = schedule->fields[2] >> date->day & 1, weekday = schedule->fields[4] >> date->weekday & 1;

    if (!(schedule->fields[0] >> date->minute & 1) || !(schedule->fields[1] >> date->hour & 1) ||
        !(schedule->fields[3] >> date->month & 1))
        return false;
    /* as cron: with both days given either will do */
    return schedule->any_day ? day && weekday : day || weekday;
}

static int64_t next_match(const struct ck_schedule *schedule, int64_t after)
{
    struct fc_date date;

    for (int64_t at = after - after % FC_MINUTE + FC_MINUTE; at < after + LONGEST;) {
        fc_time_date(at, &date);
        if (matches(schedule, &date))
            return at;
        /* hour by hour while the hour does not fit: a year of minutes would be half a million */
        at += schedule->fields[1] >> date.hour & 1 ? FC_MINUTE : FC_HOUR - date.minute * FC_MINUTE;
    }
    return INT64_MAX;
}

/* The longest of the pauses in a year from a fixed day on. */
static int measure(struct ck_schedule *schedule, struct fc_err *err)
{
    const int64_t begin = FC_TIME_MIN, end = FC_TIME_MIN + 366 * FC_DAY;
    int64_t at = next_match(schedule, begin);

    if (at == INT64_MAX)
        return fc_err_set(err, FC_E_RANGE, "it never runs");
    for (int runs = 0; at < end && runs < 1000; runs++) {
        int64_t next = next_match(schedule, at);
        int64_t pause = next == INT64_MAX ? LONGEST : next - at;
        if (pause > schedule->period)
            schedule->period = pause;
        if (next == INT64_MAX)
            break;
        at = next;
    }
    return 0;
}

int ck_schedule_parse(const char *text, struct ck_schedule *ret_schedule, struct fc_err *err)
{
    struct ck_schedule schedule = {0};

    if (fc_duration_parse(text, &schedule.period, NULL) == 0) {
        if (schedule.period < FC_MINUTE || schedule.period > 366 * FC_DAY)
            return fc_err_set(err, FC_E_RANGE, "must be from 1m to 366d");
    } else {
        schedule.period = 0;
        if (cron(text, &schedule, err) || measure(&schedule, err))
            return -1;
    }
    *ret_schedule = schedule;
    return 0;
}

int64_t ck_schedule_next(const struct ck_schedule *schedule, int64_t from, int64_t after)
{
    if (schedule->fields[0])
        return next_match(schedule, after);
    if (after < from)
        return from;
    return from + ((after - from) / schedule->period + 1) * schedule->period;
}
