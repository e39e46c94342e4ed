/* When the renewal line runs: a period ("12h") or a cron expression of five fields ("17 0,12 * * *"), read in UTC. */
#ifndef CK_SCHEDULE_H
#define CK_SCHEDULE_H

#include "base/base_err.h"

#include <stdint.h>

struct ck_schedule {
    int64_t period;     /* of the text, or the longest pause of the expression */
    uint64_t fields[5]; /* bits: minute, hour, day of the month, month, day of the week; fields[0] == 0: a period */
    int any_day;        /* bit 0: the day of the month is "*", bit 1: the day of the week is */
};

int ck_schedule_parse(const char *text, struct ck_schedule *ret_schedule, struct fc_err *err);
/* The first run after `after`; `from` is where periods are counted from. */
int64_t ck_schedule_next(const struct ck_schedule *schedule, int64_t from, int64_t after);

#endif
