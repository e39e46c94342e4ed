/* Reports: readers of one stream. The collector keeps what came; a format is a row with a function that writes it. */
#ifndef CK_REPORT_H
#define CK_REPORT_H

#include "core/ck_core.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* The whole of a rehearsal, as the JSON report has it (format "fakeca-check/1"):
 *   tool, setup, clock {from, to, days, way, client, runs_lived, runs_inferred, ages}, summary {verdict, counts}, checks [],
 *   events [], certificates [], not_covered [], seconds, interrupted, broken
 * checks [{id, group, title, severity, result, headline, detail [], remedy, evidence [], skipped_for [], first, last (simulated),
 *   seconds (real, of the phases that it judges, which checks share)}] */
struct ck_report {
    json_t *json;
    const char *setup_file; /* as the user named it */
    bool verbose, colour;
};

struct ck_report_format {
    const char *name; /* "junit" */
    void (*write)(const struct ck_report *report, FILE *to);
};
extern const struct ck_report_format ck_report_formats[]; /* ends with a row without a name */
const struct ck_report_format *ck_report_find(const char *name);

/* An empty report for these checks (array of {id, group, title, severity}); steals them. */
void ck_report_init(struct ck_report *report, json_t *checks);
void ck_report_release(struct ck_report *report);
/* Takes one object of the stream. */
void ck_report_take(struct ck_report *report, const json_t *object);
/* Gives each check without a verdict this one, counts, and decides. */
void ck_report_finish(struct ck_report *report, const char *result, const char *why, double seconds);
int ck_report_count(const struct ck_report *report, enum ck_result result);
/* "READY", "NOT READY", "NOT JUDGED". */
const char *ck_report_verdict(const struct ck_report *report);

const char *ck_report_text(const json_t *object, const char *key);

void ck_report_text_write(const struct ck_report *report, FILE *to);
void ck_report_junit_write(const struct ck_report *report, FILE *to);
void ck_report_tap_write(const struct ck_report *report, FILE *to);

#endif
