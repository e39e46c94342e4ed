/* The program fakeca-check: options, and two processes. The front reports, puts the setup back and ends what is left; the worker,
 * its child, rehearses. Whatever becomes of the worker (a crash, Ctrl-C, a command that kills its parent), the front is there. */
#ifndef CK_CMD_H
#define CK_CMD_H

#include "base/base_err.h"
#include "base/base_opt.h"
#include "report/ck_report.h"
#include "setup/ck_setup.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    CK_EXIT_GOOD = 0,
    CK_EXIT_FAILED = 1,
    CK_EXIT_USAGE = 2,
    CK_EXIT_NOT_JUDGED = 3,
    CK_EXIT_BROKEN = 4,
    CK_EXIT_TIME = 124,
    CK_EXIT_INTERRUPTED = 130
};

struct ck_cmd_options {
    struct fc_opt_strings only, skip, group, require, format, blind;
    const char *from, *ca, *results;
    int64_t timeout, jobs, patient;
    struct fc_opt_strings mutant;
    bool list, explain, strict, verbose, keep, every_run, self_test;
    int fail_on; /* 0 fail, 1 warn */
};

struct ck_cmd_run {
    const struct ck_cmd_options *options;
    const struct ck_setup *setup;
    const char *setup_file; /* as named by the user */
    const char *programs;   /* folder of fakeca and fakeca-run */
    const char *const *ids; /* selected checks, NULL-terminated, in the order of the catalogue */
    unsigned blind;
};

/* ck_cmd_list.c: --list, --explain */
void ck_cmd_list(const char *const *ids, bool witnesses);
void ck_cmd_explain(const struct ck_setup *setup, const char *const *ids);

/* ck_cmd_worker.c: in the worker, never returns */
struct ck_cmd_worker {
    const struct ck_cmd_run *run;
    const char *work; /* folder of the rehearsal */
    int fd;           /* the stream */
    pid_t front;
};
_Noreturn void ck_cmd_worker_run(const struct ck_cmd_worker *worker);

/* ck_cmd_front.c: the whole rehearsal; the exit code */
int ck_cmd_front(const struct ck_cmd_run *run, struct ck_report *report, struct fc_err *err);

/* ck_cmd_place.c: whether the setup works only in its own folder, because something in it names that by its absolute path */
bool ck_cmd_place_bound(const struct ck_setup *setup);

/* ck_cmd_recover.c */
/* Writes down whose copy `work` holds: once the copy is whole. */
int ck_cmd_recover_note(const char *work, const char *folder, struct fc_err *err);
/* Puts back what a killed rehearsal of `folder` left; the caller holds the lock on it. */
int ck_cmd_recover(const char *temporary, const char *folder, struct fc_err *err);

/* ck_cmd_selftest.c: the exit code */
struct ck_cmd_selftest {
    const char *const *folders;         /* NULL-terminated; none: the matrix of what lies in `results` */
    const struct fc_opt_strings *names; /* these setups alone; none: all, and the matrix */
    const char *results;                /* folder in which each result is kept; NULL: none is */
    int64_t jobs;                       /* so many at once */
    bool keep;
};
int ck_cmd_selftest(const struct ck_cmd_selftest *params, struct fc_err *err);

#endif
