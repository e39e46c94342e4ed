/* A check: a row, and a function that judges what the timeline has shown. One file a group. */
#ifndef CK_CASE_H
#define CK_CASE_H

#include "cases/ck_line.h"
#include "core/ck_core.h"
#include "core/ck_verdict.h"

struct ck_case {
    const char *id; /* stable for ever */
    const char *title;
    enum ck_severity severity;
    const char *source; /* why it is checked */
    unsigned needs;     /* enum ck_setup_member: without them it is skipped */
    unsigned phases;    /* enum ck_phase: what must be lived */
    unsigned must_live; /* those of them without whose end nothing can be judged */
    unsigned witnesses; /* enum ck_witness: who must be heard, each of them */
    unsigned either;    /* or one of these */
    bool opens;         /* what it finds leaves it inconclusive: it never fails */
    /* why no setup can make it fail (its fault is another check's); NULL: client-tests has one */
    const char *no_mutant;
    void (*judge)(const struct ck_line *line, struct ck_verdict *verdict);
};

struct ck_group {
    const char *name;
    const struct ck_case *cases;
    size_t count;
};
extern const struct ck_group ck_group_preflight, ck_group_http, ck_group_redirect, ck_group_bootstrap, ck_group_renewal,
    ck_group_reload, ck_group_persist, ck_group_files;

/* ---- ck_cases.c ---- */

extern const struct ck_group *const ck_cases_groups[];
extern const size_t ck_cases_n_groups;
/* NULL when there is none; ret_group may be NULL. */
const struct ck_case *ck_cases_find(const char *id, const struct ck_group **ret_group);
/* All ids, NULL-terminated; static. */
const char *const *ck_cases_ids(void);
/* Every phase that must be lived for a check: those that lead there too. */
unsigned ck_cases_phases(const struct ck_case *check);
/* Judges, then applies severity and the description's policy. */
void ck_cases_judge(const struct ck_case *check, const struct ck_line *line, struct ck_verdict *verdict);

/* ---- ck_judge.c: what judges share ---- */

/* True when the verdict is set: no member "https" and nothing there (skip), or nobody looked (inconclusive). */
bool ck_judge_no_https(const struct ck_line *line, struct ck_verdict *verdict);
/* True when the verdict is set: the CA's log is silent. */
bool ck_judge_no_log(const struct ck_line *line, struct ck_verdict *verdict);
/* True when the verdict is set: no order came, and no control has shown that the client sees the time go by, so "it never ordered"
 * proves nothing. */
bool ck_judge_no_clock(const struct ck_line *line, struct ck_verdict *verdict);
/* How time was moved, for people. */
const char *ck_judge_way(const struct ck_line *line);
/* Whether every target (the endpoints, or the others) showed the serial steadily in that phase (bootstrap: after the first issue);
 * stragglers become details (verdict NULL: they do not). */
bool ck_judge_all_serve(const struct ck_line *line, bool endpoints, enum ck_phase phase, const char *serial,
                        struct ck_verdict *verdict);
/* "5f6b..774c". Static buffers, four in turn. */
const char *ck_judge_short(const char *serial);
/* The last lines of an output that say something, as details. */
void ck_judge_quote(struct ck_verdict *verdict, const char *label, const char *output);
const char *ck_judge_text(const json_t *object, const char *key);
/* Hops by HTTP of the primary perspective: calls for each; `chain` counts up with each fetch. */
typedef void (*ck_judge_hop_fn)(void *cookie, size_t chain, const json_t *hop);
void ck_judge_hops(const struct ck_line *line, ck_judge_hop_fn each, void *cookie);
/* Cause, remedy and last hop of a fetch that failed. */
void ck_judge_explain(const struct ck_fetch *fetch, struct ck_verdict *verdict);

#define CK_GROUP(symbol, text, rows)                                                                                   \
    const struct ck_group symbol = {.name = text, .cases = rows, .count = sizeof rows / sizeof *rows}

#endif
