/* What a check says: a result, a headline, lines of detail, a remedy, and the numbers of the evidence. A later call replaces result
 * and headline of an earlier one; details and evidence add up. */
#ifndef CK_VERDICT_H
#define CK_VERDICT_H

#include "core/ck_core.h"

#include <jansson.h>
#include <stdbool.h>

struct ck_verdict {
    enum ck_result result;
    bool set;
    char *headline, *remedy;
    json_t *detail;   /* strings */
    json_t *evidence; /* numbers of what was seen */
    json_t *missing;  /* with CK_SKIP: members of the description that would enable the check */
};

void ck_verdict_init(struct ck_verdict *verdict);
void ck_verdict_release(struct ck_verdict *verdict);

void ck_verdict_set(struct ck_verdict *verdict, enum ck_result result, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void ck_verdict_detail(struct ck_verdict *verdict, const char *format, ...) __attribute__((format(printf, 2, 3)));
void ck_verdict_remedy(struct ck_verdict *verdict, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* 0 is no number and adds nothing. */
void ck_verdict_evidence(struct ck_verdict *verdict, long number);
/* Skips for want of a member of the description. */
void ck_verdict_missing(struct ck_verdict *verdict, const char *member);

#endif
