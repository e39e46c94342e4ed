/* Points in time and durations, and their texts. A point in time is an int64_t: nanoseconds since 1970-01-01T00:00:00Z;
 * a duration is nanoseconds too. Nothing here reads a clock. */
#ifndef FC_BASE_TIME_H
#define FC_BASE_TIME_H

#include "base/base_err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FC_MS INT64_C(1000000)
#define FC_SECOND INT64_C(1000000000)
#define FC_MINUTE (60 * FC_SECOND)
#define FC_HOUR (60 * FC_MINUTE)
#define FC_DAY (24 * FC_HOUR)

/* What the clock accepts: 2000-01-01T00:00:00Z to 2199-12-31T23:59:59Z. */
#define FC_TIME_MIN (INT64_C(946684800) * FC_SECOND)
#define FC_TIME_MAX (INT64_C(7258118399) * FC_SECOND)

#define FC_TIME_TEXT_MAX 64

/* "2026-11-24T05:00:00Z": whole seconds, cut off (also before 1970). Returns buf. */
const char *fc_time_rfc3339(int64_t at, char buf[FC_TIME_TEXT_MAX]);
/* The same with milliseconds: "2026-11-24T05:00:00.250Z". */
const char *fc_time_rfc3339_ms(int64_t at, char buf[FC_TIME_TEXT_MAX]);
/* "Tue, 24 Nov 2026 05:00:00 GMT" (RFC 9110 section 5.6.7, IMF-fixdate). */
const char *fc_time_http(int64_t at, char buf[FC_TIME_TEXT_MAX]);
/* "2026-11-24 05:00:00 UTC", as Boulder prints times in its texts. */
const char *fc_time_boulder(int64_t at, char buf[FC_TIME_TEXT_MAX]);

/* RFC 3339 with any offset and fraction; also a bare date (midnight UTC) and "YYYY-MM-DDTHH:MM[:SS]" without zone (UTC).
 * Strict: impossible dates, trailing bytes and leap seconds are refused. */
int fc_time_parse(const char *text, int64_t *ret_at, struct fc_err *err);
/* IMF-fixdate only; a wrong day of the week is refused. */
int fc_time_parse_http(const char *text, int64_t *ret_at, struct fc_err *err);

/* "60d", "90m", "1h30m", "45s", "250ms", "2w"; units w d h m s ms, largest first, each at most once; one leading sign.
 * A bare number is refused, for the reader cannot know its unit; "0" is allowed. At most FC_DURATION_MAX. */
#define FC_DURATION_MAX (73050 * FC_DAY) /* 200 years: the whole range of the clock */
int fc_duration_parse(const char *text, int64_t *ret_duration, struct fc_err *err);
/* The same form, days the largest unit: "60d", "1h30m", "0s", "-2d"; what is below a millisecond is cut off. */
const char *fc_duration_text(int64_t duration, char buf[FC_TIME_TEXT_MAX]);
/* What an option such as --clock takes: a duration (*ret_relative) or a point in time. FC_E_USAGE. */
int fc_time_parse_when(const char *text, bool *ret_relative, int64_t *ret_value, struct fc_err *err);
/* As Go prints a duration: "1h0m0s", "168h0m0s", "1m30s", "0s", "1.5s". */
const char *fc_duration_go(int64_t duration, char buf[FC_TIME_TEXT_MAX]);

/* Broken-down UTC and back (proleptic Gregorian calendar). month 1-12, day 1-31. A date that int64_t nanoseconds cannot
 * hold (before 1677 or after 2262, such as the 9999-12-31 of RFC 5280) gives INT64_MIN or INT64_MAX. */
struct fc_date {
    int year, month, day, hour, minute, second;
    int weekday; /* 0 Sunday; ignored by fc_date_time */
};
void fc_time_date(int64_t at, struct fc_date *ret_date);
int64_t fc_date_time(const struct fc_date *date);

#endif
