/* The launcher: runs a command and all its descendants on the clock of a clock file (reference/clock.md).
 *
 * Three processes: the front (the caller of fc_timeshift_run, leader of the shell's job), the supervisor (its child, which answers
 * the calls that the filter stops) and the command (the supervisor's child, in the front's process group). */
#ifndef FC_TIMESHIFT_H
#define FC_TIMESHIFT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/base_err.h"
#include "base/base_opt.h"

enum { FC_TIMESHIFT_FAILED = 125, FC_TIMESHIFT_NOT_EXECUTABLE = 126, FC_TIMESHIFT_NOT_FOUND = 127 };

struct fc_timeshift_params {
    const char *clock_file;
    char *const *command; /* NULL-terminated; looked for in PATH */
    const char *name;     /* "fakeca run": leads every message */
    bool monotonic;       /* monotonic clocks are shifted too */
    bool no_wake;         /* sleepers are left asleep at a skip */
    bool detach;          /* the front ends with the command, whatever it left behind */
    bool strict;    /* what could not be shifted makes the exit code 3, and stops a command that is known not to work */
    bool kill_rest; /* what the command leaves behind is ended */
    bool verbose;   /* counters at the end */
    bool explain;   /* say what would be done; start nothing */
    /* A process that the front started for this run (0: none): not part of the command's tree. `orphaned` is called in the
     * supervisor when the front was killed: it must end that process and clear up. */
    pid_t companion;
    void (*orphaned)(void *cookie);
    void *cookie;
    /* The text of /etc/hosts for the command, asked for at each opening of that file (NULL: its own file). Called in the front; the
     * text is malloc'd, NULL when it cannot be had now: then the command gets the file as it is. */
    char *(*hosts)(void *cookie);
    void *hosts_cookie;
    const char *clock_source; /* for tests: as if the kernel named this one; NULL: ask it */
};

/* The options that both programs have; the target begins with struct fc_timeshift_params. */
#define FC_TIMESHIFT_ROWS                                                                                              \
    {.name = "monotonic",                                                                                              \
     .type = FC_OPT_FLAG,                                                                                              \
     .offset = offsetof(struct fc_timeshift_params, monotonic),                                                        \
     .help = "shift monotonic clocks too: daemons that renew by their own timers notice a skip at once"},              \
        {.name = "no-wake",                                                                                            \
         .type = FC_OPT_FLAG,                                                                                          \
         .offset = offsetof(struct fc_timeshift_params, no_wake),                                                      \
         .help = "a skip does not wake those who sleep"},                                                              \
        {.name = "clock-file",                                                                                         \
         .type = FC_OPT_STRING,                                                                                        \
         .offset = offsetof(struct fc_timeshift_params, clock_file),                                                   \
         .arg = "FILE",                                                                                                \
         .help = "the clock file of a CA (default: that of the running one)"},                                         \
        {.name = "strict",                                                                                             \
         .type = FC_OPT_FLAG,                                                                                          \
         .offset = offsetof(struct fc_timeshift_params, strict),                                                       \
         .help = "end with 3 when a program could not be shifted"},                                                    \
        {.name = "detach",                                                                                             \
         .type = FC_OPT_FLAG,                                                                                          \
         .offset = offsetof(struct fc_timeshift_params, detach),                                                       \
         .help = "end with CMD, even when it leaves programs behind"},                                                 \
        {.name = "kill-rest",                                                                                          \
         .type = FC_OPT_FLAG,                                                                                          \
         .offset = offsetof(struct fc_timeshift_params, kill_rest),                                                    \
         .help = "end what CMD leaves behind"},                                                                        \
        {.name = "explain",                                                                                            \
         .type = FC_OPT_FLAG,                                                                                          \
         .offset = offsetof(struct fc_timeshift_params, explain),                                                      \
         .help = "do not start CMD; tell which clock each program would see, and how"},                                \
    {                                                                                                                  \
        .name = "verbose", .type = FC_OPT_FLAG, .offset = offsetof(struct fc_timeshift_params, verbose),               \
        .help = "tell at the end what was done"                                                                        \
    }

/* Runs the command to its end: the exit code to end with (125, 126, 127 for failures of its own), or FC_TIMESHIFT_SIGNALLED + N
 * when signal N ended the command. Uses the process's signals, standard input and standard output; one thread only. */
#define FC_TIMESHIFT_SIGNALLED 1000
int fc_timeshift_run(const struct fc_timeshift_params *params);
/* The last thing that main does with such a result: ends this process by the signal that ended the command (so that shells and make
 * see it), or gives back the exit code. */
int fc_timeshift_end(int result);
/* Prints on standard output what run would do; the exit code. */
int fc_timeshift_explain(const struct fc_timeshift_params *params);
/* Whether this process runs under a launcher already, and on the very clock file. */
enum fc_timeshift_nested { FC_TIMESHIFT_OUTSIDE, FC_TIMESHIFT_SAME_CLOCK, FC_TIMESHIFT_OTHER_CLOCK };
enum fc_timeshift_nested fc_timeshift_nested(const char *clock_file);

#endif
