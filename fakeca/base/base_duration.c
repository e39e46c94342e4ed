#include "base/base_time.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Largest first: the order in which a text may use them. */
static const struct unit {
    const char *name;
    int64_t nanos;
    bool shown; /* weeks are read but not written: 56d says more than 8w */
} units[] = {
    {"w", 7 * FC_DAY, false}, {"d", FC_DAY, true},    {"h", FC_HOUR, true},
    {"m", FC_MINUTE, true},   {"s", FC_SECOND, true}, {"ms", FC_MS, true},
};
#define N_UNITS (sizeof units / sizeof units[0])

static int not_a_duration(const char *text, struct fc_err *err)
{
    return fc_err_set(err, FC_E_PARSE, "'%.100s' is not a duration such as 60d, 1h30m or 250ms", text);
}

static int too_long(const char *text, struct fc_err *err)
{
    return fc_err_set(err, FC_E_RANGE, "'%.100s' is longer than %" PRId64 "d", text, FC_DURATION_MAX / FC_DAY);
}

/* Digits; what is too large for int64_t stays at its maximum. */
static bool take_number(const char **text, int64_t *ret_number)
{
    const char *start = *text;
    int64_t number = 0;

    for (; **text >= '0' && **text <= '9'; (*text)++) {
        if (__builtin_mul_overflow(number, 10, &number) || __builtin_add_overflow(number, **text - '0', &number))
            number = INT64_MAX / 10;
    }
    *ret_number = number;
    return *text != start;
}

/* The index of the unit at text, from `first` on; N_UNITS when there is none. */
static size_t take_unit(const char **text, size_t first)
{
    size_t len = 0;

    while ((*text)[len] >= 'a' && (*text)[len] <= 'z')
        len++;
    for (size_t i = first; i < N_UNITS; i++) {
        if (len == strlen(units[i].name) && memcmp(*text, units[i].name, len) == 0) {
            *text += len;
            return i;
        }
    }
    return N_UNITS;
}

int fc_duration_parse(const char *text, int64_t *ret_duration, struct fc_err *err)
{
    const char *at = text;
    bool negative = *at == '-';
    int64_t total = 0;
    size_t next = 0;

    if (*at == '-' || *at == '+')
        at++;
    if (strcmp(at, "0") == 0) {
        *ret_duration = 0;
        return 0;
    }
    do {
        int64_t number;
        int64_t part;
        if (!take_number(&at, &number))
            return not_a_duration(text, err);
        if (!*at && next == 0)
            return fc_err_set(err, FC_E_PARSE, "'%.100s' has no unit: add one of w d h m s ms", text);
        size_t unit = take_unit(&at, next);
        if (unit == N_UNITS)
            return not_a_duration(text, err);
        next = unit + 1;
        if (__builtin_mul_overflow(number, units[unit].nanos, &part) || part > FC_DURATION_MAX - total)
            return too_long(text, err);
        total += part;
    } while (*at);
    *ret_duration = negative ? -total : total;
    return 0;
}

int fc_time_parse_when(const char *text, bool *ret_relative, int64_t *ret_value, struct fc_err *err)
{
    struct fc_err cause = {0};

    *ret_relative = fc_duration_parse(text, ret_value, &cause) == 0;
    if (*ret_relative || fc_time_parse(text, ret_value, NULL) == 0)
        return 0;
    if (cause.code == FC_E_RANGE)
        return fc_err_set(err, FC_E_USAGE, "%s", cause.text);
    return fc_err_set(err, FC_E_USAGE,
                      "'%.100s' is neither a duration such as -60d nor a point in time such as 2027-02-10", text);
}

static uint64_t magnitude(int64_t value)
{
    return value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
}

const char *fc_duration_text(int64_t duration, char buf[FC_TIME_TEXT_MAX])
{
    uint64_t left = magnitude(duration) / (uint64_t)FC_MS * (uint64_t)FC_MS;
    char *to = buf;

    if (left == 0) {
        memcpy(buf, "0s", 3);
        return buf;
    }
    if (duration < 0)
        *to++ = '-';
    for (size_t i = 0; i < N_UNITS; i++) {
        uint64_t nanos = (uint64_t)units[i].nanos;
        if (!units[i].shown || left < nanos)
            continue;
        to += snprintf(to, (size_t)(buf + FC_TIME_TEXT_MAX - to), "%" PRIu64 "%s", left / nanos, units[i].name);
        left %= nanos;
    }
    return buf;
}

/* "1.5" from 1500 and 3 decimals: without trailing zeros, as Go's fmtFrac. */
static int put_decimal(char *to, size_t room, uint64_t value, int decimals)
{
    uint64_t scale = 1;
    char fraction[16];

    for (int i = 0; i < decimals; i++)
        scale *= 10;
    int len = snprintf(to, room, "%" PRIu64, value / scale);
    if (value % scale == 0)
        return len;
    int digits = snprintf(fraction, sizeof fraction, "%0*" PRIu64, decimals, value % scale);
    while (digits > 1 && fraction[digits - 1] == '0')
        digits--;
    return len + snprintf(to + len, room - (size_t)len, ".%.*s", digits, fraction);
}

const char *fc_duration_go(int64_t duration, char buf[FC_TIME_TEXT_MAX])
{
    uint64_t nanos = magnitude(duration);
    uint64_t minutes = nanos / (uint64_t)FC_MINUTE;
    const char *unit = "s";
    int decimals = 9;
    size_t at = 0;

    if (duration < 0)
        buf[at++] = '-';
    if (nanos > 0 && nanos < (uint64_t)FC_SECOND) {
        /* below a second Go takes the largest unit that gives a whole part */
        decimals = nanos < 1000 ? 0 : nanos < (uint64_t)FC_MS ? 3 : 6;
        unit = decimals == 0 ? "ns" : decimals == 3 ? "\xc2\xb5s" : "ms";
    }
    if (minutes >= 60)
        at += (size_t)snprintf(buf + at, FC_TIME_TEXT_MAX - at, "%" PRIu64 "h", minutes / 60);
    if (minutes > 0)
        at += (size_t)snprintf(buf + at, FC_TIME_TEXT_MAX - at, "%" PRIu64 "m", minutes % 60);
    at += (size_t)put_decimal(buf + at, FC_TIME_TEXT_MAX - at, nanos % (uint64_t)FC_MINUTE, decimals);
    memcpy(buf + at, unit, strlen(unit) + 1);
    return buf;
}
