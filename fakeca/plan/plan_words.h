/* Inside plan/: words that text and page share. */
#ifndef FC_PLAN_WORDS_H
#define FC_PLAN_WORDS_H

#include "base/base_time.h"
#include "plan/plan_int.h"

/* What is shown of each; the JSON has all. */
#define FC_PLAN_TEXT_MAX 20
#define FC_PLAN_PAGE_MAX 200
#define FC_PLAN_COUNT_MAX 128
/* "3 certificates". Returns buf, as all of these. */
const char *fc_plan_counted(int64_t n, const char *one, const char *many, char buf[FC_PLAN_COUNT_MAX]);
/* "3 certificates expire before they are renewed" */
const char *fc_plan_says(enum fc_plan_kind kind, int64_t n, char buf[FC_PLAN_COUNT_MAX]);
/* "2028-04-01", "2028-04-01 12:00", "3d23h": a plan is not more exact */
const char *fc_plan_day(int64_t at, char *buf);
const char *fc_plan_minute(int64_t at, char *buf);
const char *fc_plan_length(int64_t duration, char *buf);
/* From when to when, and the worst of all times. */
void fc_plan_when(const struct fc_plan_finding *finding, struct fc_buf *to);
/* The limit and what it denied, or the cause; false: there is nothing to say. */
bool fc_plan_cause(const struct fc_plan_finding *finding, struct fc_buf *to);
/* What to do about it; static. */
const char *fc_plan_mend(const struct fc_plan_case *what, const struct fc_plan_group *group);

#endif
