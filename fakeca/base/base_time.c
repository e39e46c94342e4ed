#include "base/base_time.h"

#include <stdbool.h>
#include <string.h>

#include "base/base_assert.h"

static const char weekday_names[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char month_names[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_in_month(int year, int month)
{
    static const int days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return days[month - 1] + (month == 2 && is_leap(year));
}

/* Days since 1970-01-01. Years are counted from March, so that the leap day comes last, in eras of 400 years. */
static int64_t days_from_date(int year, int month, int day)
{
    int64_t y = (int64_t)year - (month <= 2);
    int64_t era = floor_div(y, 400);
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

void fc_time_date(int64_t at, struct fc_date *ret_date)
{
    int64_t seconds = floor_div(at, FC_SECOND);
    int64_t days = floor_div(seconds, 86400);
    int of_day = (int)(seconds - days * 86400);
    int64_t from_march = days + 719468;
    int64_t era = floor_div(from_march, 146097);
    int64_t day_of_era = from_march - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * day_of_year + 2) / 153;

    ret_date->day = (int)(day_of_year - (153 * month + 2) / 5 + 1);
    ret_date->month = (int)(month < 10 ? month + 3 : month - 9);
    ret_date->year = (int)(year_of_era + era * 400 + (ret_date->month <= 2));
    ret_date->hour = of_day / 3600;
    ret_date->minute = of_day / 60 % 60;
    ret_date->second = of_day % 60;
    /* 1970-01-01 was a Thursday */
    ret_date->weekday = (int)(days + 4 - floor_div(days + 4, 7) * 7);
}

/* seconds * 1e9 + nanos, or the nearest end of int64_t. */
static int64_t saturated(int64_t seconds, int64_t nanos, bool *ret_overflow)
{
    int64_t at;
    bool overflow = __builtin_mul_overflow(seconds, FC_SECOND, &at) || __builtin_add_overflow(at, nanos, &at);

    *ret_overflow = overflow;
    if (!overflow)
        return at;
    return seconds < 0 ? INT64_MIN : INT64_MAX;
}

int64_t fc_date_time(const struct fc_date *date)
{
    int64_t days = days_from_date(date->year, date->month, date->day);
    bool overflow;

    return saturated(days * 86400 + date->hour * 3600 + date->minute * 60 + date->second, 0, &overflow);
}

static char *put_digits(char *to, int value, int width)
{
    for (int i = width - 1; i >= 0; i--) {
        to[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return to + width;
}

static char *put_text(char *to, const char *text)
{
    size_t len = strlen(text);

    memcpy(to, text, len + 1);
    return to + len;
}

static char *put_clock(char *to, const struct fc_date *date)
{
    to = put_digits(to, date->hour, 2);
    *to++ = ':';
    to = put_digits(to, date->minute, 2);
    *to++ = ':';
    return put_digits(to, date->second, 2);
}

static char *put_date_time(char *to, const struct fc_date *date, char between)
{
    to = put_digits(to, date->year, 4);
    *to++ = '-';
    to = put_digits(to, date->month, 2);
    *to++ = '-';
    to = put_digits(to, date->day, 2);
    *to++ = between;
    return put_clock(to, date);
}

const char *fc_time_rfc3339(int64_t at, char buf[FC_TIME_TEXT_MAX])
{
    struct fc_date date;

    fc_time_date(at, &date);
    put_text(put_date_time(buf, &date, 'T'), "Z");
    return buf;
}

const char *fc_time_rfc3339_ms(int64_t at, char buf[FC_TIME_TEXT_MAX])
{
    struct fc_date date;

    fc_time_date(at, &date);
    char *to = put_date_time(buf, &date, 'T');
    *to++ = '.';
    to = put_digits(to, (int)(floor_div(at, FC_MS) - floor_div(at, FC_SECOND) * 1000), 3);
    put_text(to, "Z");
    return buf;
}

const char *fc_time_http(int64_t at, char buf[FC_TIME_TEXT_MAX])
{
    struct fc_date date;

    fc_time_date(at, &date);
    char *to = put_text(buf, weekday_names[date.weekday]);
    to = put_text(to, ", ");
    to = put_digits(to, date.day, 2);
    *to++ = ' ';
    to = put_text(to, month_names[date.month - 1]);
    *to++ = ' ';
    to = put_digits(to, date.year, 4);
    *to++ = ' ';
    put_text(put_clock(to, &date), " GMT");
    return buf;
}

const char *fc_time_boulder(int64_t at, char buf[FC_TIME_TEXT_MAX])
{
    struct fc_date date;

    fc_time_date(at, &date);
    put_text(put_date_time(buf, &date, ' '), " UTC");
    return buf;
}

/* Takes exactly `width` digits. */
static bool take_digits(const char **text, int width, int *ret_value)
{
    int value = 0;

    for (int i = 0; i < width; i++) {
        char c = (*text)[i];
        if (c < '0' || c > '9')
            return false;
        value = value * 10 + (c - '0');
    }
    *text += width;
    *ret_value = value;
    return true;
}

static bool take_char(const char **text, char c)
{
    if (**text != c)
        return false;
    (*text)++;
    return true;
}

/* HH:MM[:SS]; without seconds only when the text ends there. */
static bool take_clock(const char **text, struct fc_date *date)
{
    if (!take_digits(text, 2, &date->hour) || !take_char(text, ':') || !take_digits(text, 2, &date->minute))
        return false;
    if (!**text)
        return true;
    return take_char(text, ':') && take_digits(text, 2, &date->second);
}

/* ".25": nanoseconds; digits beyond the ninth are cut off. */
static bool take_fraction(const char **text, int64_t *ret_nanos)
{
    int64_t scale = FC_SECOND / 10;

    if (!take_char(text, '.'))
        return true;
    if (**text < '0' || **text > '9')
        return false;
    for (; **text >= '0' && **text <= '9'; (*text)++) {
        *ret_nanos += (**text - '0') * scale;
        scale /= 10;
    }
    /* without seconds or zone there is no fraction in any form that is accepted */
    return **text != '\0';
}

/* "Z", "+01:30" or nothing. */
static bool take_zone(const char **text, int64_t *ret_offset)
{
    int hours;
    int minutes;

    if (!**text || take_char(text, 'Z') || take_char(text, 'z'))
        return true;
    bool west = **text == '-';
    if (!west && **text != '+')
        return false;
    (*text)++;
    if (!take_digits(text, 2, &hours) || !take_char(text, ':') || !take_digits(text, 2, &minutes))
        return false;
    *ret_offset = (hours * 3600 + minutes * 60) * (west ? -1 : 1);
    return hours < 24 && minutes < 60;
}

static bool is_real_date(const struct fc_date *d)
{
    return d->month >= 1 && d->month <= 12 && d->day >= 1 && d->day <= days_in_month(d->year, d->month) &&
           d->hour < 24 && d->minute < 60 && d->second < 60;
}

static bool take_time(const char *text, struct fc_date *date, int64_t *nanos, int64_t *offset)
{
    if (!take_digits(&text, 4, &date->year) || !take_char(&text, '-') || !take_digits(&text, 2, &date->month) ||
        !take_char(&text, '-') || !take_digits(&text, 2, &date->day))
        return false;
    if (!*text)
        return true;
    if (!take_char(&text, 'T') && !take_char(&text, 't'))
        return false;
    return take_clock(&text, date) && take_fraction(&text, nanos) && take_zone(&text, offset) && !*text;
}

int fc_time_parse(const char *text, int64_t *ret_at, struct fc_err *err)
{
    struct fc_date date = {0};
    int64_t nanos = 0;
    int64_t offset = 0;
    bool overflow;

    if (!take_time(text, &date, &nanos, &offset))
        return fc_err_set(err, FC_E_PARSE, "'%.100s' is not a time such as 2026-11-24T05:00:00Z or 2026-11-24", text);
    if (!is_real_date(&date))
        return fc_err_set(err, FC_E_PARSE, "'%.100s' is a time that does not exist", text);
    int64_t days = days_from_date(date.year, date.month, date.day);
    int64_t seconds = days * 86400 + date.hour * 3600 + date.minute * 60 + date.second - offset;
    int64_t at = saturated(seconds, nanos, &overflow);
    if (overflow)
        return fc_err_set(err, FC_E_RANGE, "'%.100s' is a time outside the years 1678 to 2261", text);
    *ret_at = at;
    return 0;
}

/* The index of the three letters at text in a table of names, or -1. */
static int take_name(const char **text, const char (*names)[4], int count)
{
    for (int i = 0; i < count; i++) {
        if (strncmp(*text, names[i], 3) == 0) {
            *text += 3;
            return i;
        }
    }
    return -1;
}

static bool take_http(const char *text, struct fc_date *date)
{
    date->weekday = take_name(&text, weekday_names, 7);
    if (date->weekday < 0 || !take_char(&text, ',') || !take_char(&text, ' ') || !take_digits(&text, 2, &date->day) ||
        !take_char(&text, ' '))
        return false;
    date->month = take_name(&text, month_names, 12) + 1;
    if (date->month < 1 || !take_char(&text, ' ') || !take_digits(&text, 4, &date->year) || !take_char(&text, ' '))
        return false;
    /* seconds are required here: " GMT" follows them, so take_clock does not stop early */
    return take_clock(&text, date) && strcmp(text, " GMT") == 0;
}

int fc_time_parse_http(const char *text, int64_t *ret_at, struct fc_err *err)
{
    struct fc_date date = {0};
    struct fc_date check;
    bool overflow;

    if (!take_http(text, &date) || !is_real_date(&date))
        return fc_err_set(err, FC_E_PARSE, "'%.100s' is not an HTTP date (RFC 9110 section 5.6.7)", text);
    int64_t days = days_from_date(date.year, date.month, date.day);
    int64_t at = saturated(days * 86400 + date.hour * 3600 + date.minute * 60 + date.second, 0, &overflow);
    if (overflow)
        return fc_err_set(err, FC_E_RANGE, "'%.100s' is a time outside the years 1678 to 2261", text);
    fc_time_date(at, &check);
    if (check.weekday != date.weekday)
        return fc_err_set(err, FC_E_PARSE, "'%.100s' names the wrong day of the week", text);
    *ret_at = at;
    return 0;
}
