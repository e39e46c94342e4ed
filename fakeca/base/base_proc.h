/* Child processes: each leads a process group of its own, reads /dev/null, its output is captured up to a maximum, deadlines are
 * on the monotonic clock, and what has ended is reaped at once: no zombie stays.
 *
 *     run to the end:  fc_proc_run(&spec, 30 * FC_SECOND, &proc, &how, &err)
 *     a service:       fc_proc_start, fc_proc_await until it says that it listens, ..., fc_proc_stop
 *
 * One thread uses a process at a time. Output is read only inside these calls: a child that writes much more than a pipe holds
 * (64 KiB) waits until one of them is called. */
#ifndef FC_BASE_PROC_H
#define FC_BASE_PROC_H

#include "base/base_alloc.h"
#include "base/base_err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct fc_proc;

enum fc_proc_stream { FC_PROC_OUT, FC_PROC_ERR };

/* All borrowed for the call. Zeroed members: the caller's environment and folder, output read and dropped. */
struct fc_proc_spec {
    const char *const *argv;    /* NULL-terminated; argv[0] is looked for in PATH when it has no '/' */
    const char *const *env;     /* "NAME=VALUE", NULL-terminated, all of it; NULL: the caller's */
    const char *const *env_add; /* the same, on top of env: replaces what has that name; may be NULL */
    const char *cwd;            /* NULL: the caller's */
    size_t max_out, max_err;    /* bytes kept of each; the rest is read and dropped */
    bool merge;                 /* standard error goes where standard output goes, in its order */
    bool keep_rest;             /* descendants that outlive the process are left alone (else killed with its group) */
};

/* How it ended. */
struct fc_proc_exit {
    int code;       /* exit code; -1 when a signal ended it */
    int signal;     /* 0: it exited */
    bool timed_out; /* it was killed, because a deadline or a grace had passed */
};

/* Errors: FC_E_NOT_FOUND no such program; FC_E_SYSTEM it cannot be executed, or no such folder. */
int fc_proc_start(const struct fc_proc_spec *spec, struct fc_proc **ret_proc, struct fc_err *err);
/* Kills the group when the process still runs, and reaps; takes NULL. */
void fc_proc_free(struct fc_proc *proc);
FC_CLEANUP(struct fc_proc *, fc_proc_free)

/* Reads until the process has ended; kills its group when the deadline (fc_clock_mono) passes. Again and again: the same. */
void fc_proc_wait(struct fc_proc *proc, int64_t deadline, struct fc_proc_exit *ret_exit);
/* SIGTERM to the group, SIGKILL when the process still runs after `grace`. */
void fc_proc_stop(struct fc_proc *proc, int64_t grace, struct fc_proc_exit *ret_exit);
/* Start and wait. *ret_proc holds the output; it is set whenever 0 is returned, also when time was out. */
int fc_proc_run(const struct fc_proc_spec *spec, int64_t timeout, struct fc_proc **ret_proc,
                struct fc_proc_exit *ret_exit, struct fc_err *err);

/* Reads until a line holds `text`, looking only at lines that no earlier call on that stream has passed: *ret_line is the line
 * without its newline, valid until the next call (may be NULL). Errors name the program, the text and the last line:
 * FC_E_NOT_FOUND it ended, or closed the stream, or its output is full; FC_E_AGAIN the deadline passed (it runs on). */
int fc_proc_await(struct fc_proc *proc, enum fc_proc_stream stream, const char *text, int64_t deadline,
                  const char **ret_line, struct fc_err *err);

/* Whether it still runs; reads what there is. */
bool fc_proc_running(struct fc_proc *proc);
/* A signal to the process alone (SIGHUP); -1 when it has ended. */
int fc_proc_signal(struct fc_proc *proc, int signal);
pid_t fc_proc_pid(const struct fc_proc *proc);
/* What was captured until now: NUL-terminated, valid until the next call. ret_len and ret_cut (more came than was kept) may be
 * NULL. */
const char *fc_proc_output(const struct fc_proc *proc, enum fc_proc_stream stream, size_t *ret_len, bool *ret_cut);

/* "exit code 3", "signal 9 (SIGKILL)", "out of time, signal 9 (SIGKILL)". Returns buf. */
#define FC_PROC_EXIT_TEXT_MAX 64
const char *fc_proc_exit_text(const struct fc_proc_exit *how, char buf[FC_PROC_EXIT_TEXT_MAX]);

#endif
