/* Inside the launcher: the supervisor's state and what its parts ask of each other. One thread does all of this; a second one only
 * waits for the clock to change. */
#ifndef FC_TIMESHIFT_INT_H
#define FC_TIMESHIFT_INT_H

#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "timeshift/image/image.h"
#include "timeshift/timeshift.h"
#include "timeshift/timeshift_arch.h"
#include "timeshift/timeshift_clock.h"
#include "timeshift/timeshift_elf.h"

/* A thread that is in our hands (ptrace) for longer than one function. */
enum fc_timeshift_why {
    FC_TIMESHIFT_IN_EXEC, /* until its exec has happened, or has failed */
    FC_TIMESHIFT_IN_WAIT  /* until the call with the translated deadline returns */
};
struct fc_timeshift_traced {
    pid_t tid;
    enum fc_timeshift_why why;
    int64_t since;    /* monotonic */
    bool entered;     /* IN_WAIT: the stop at the call's entry is over */
    bool narrow;      /* IN_WAIT: 32-bit registers */
    unsigned arg;     /* IN_WAIT: the argument that was replaced */
    uint64_t scratch; /* IN_WAIT: by what */
    uint64_t original;
};

/* A deadline that was overwritten in the program's own memory, because somebody else traces the thread. */
struct fc_timeshift_patch {
    pid_t tid;
    uint64_t address;
    int64_t old_sec;
    size_t width;
    int64_t until;
    int64_t switches;
};

/* Somebody who sleeps longer than the jumps seen so far. */
struct fc_timeshift_sleeper {
    pid_t tid;
    bool narrow; /* of a 32-bit program */
    int64_t number;
    uint64_t args[6];
    int64_t slept;    /* nanoseconds of jumps */
    int64_t length;   /* nanoseconds; the memory that told it may have changed */
    int64_t switches; /* how often the thread had gone to sleep */
    int slack;        /* touches of ours since */
    bool seen;
};

/* What is known of a program file. */
struct fc_timeshift_file {
    dev_t device;
    ino_t inode;
    int64_t changed;
    struct fc_timeshift_program program;
    bool told; /* its warning has been given */
};

struct fc_timeshift_counters {
    unsigned long notifications, execs, images, narrow, exempt, fallbacks, late, reads, deadlines, woken, unshifted;
};

struct fc_timeshift_super {
    const struct fc_timeshift_params *params;
    struct fc_timeshift_clock clock;
    int listener, control, signals, watch, image_fd;
    pid_t front, command;
    bool command_ended, command_stopped, front_gone, detached;
    int64_t stop_until; /* monotonic: the job was told to stop, and the command has not; 0: it was not told */
    pid_t stop_again;   /* must stop when the command has; 0: nobody */
    int64_t kill_at;    /* monotonic: SIGKILL for what is left; 0: not yet */
    int64_t rest_at;    /* when to look who outlives the command */
    bool rest_told;

    uint32_t generation; /* of the last jump that was dealt with */
    int64_t wall, mono;  /* offsets then */

    /* the kernel's vDSO: the same in every program, at another address */
    size_t vdso_len;
    long vdso_call;                 /* offset of a call instruction; -1 when there is no vDSO */
    uint8_t vdso_calls[512];        /* a bit for each place in a page where one ends */
    struct fc_timeshift_slots vdso; /* offsets */
    bool cookie_reads;              /* the clock cannot be read without a call */

    int names;          /* socket to the front, which knows the text of /etc/hosts; -1: openings are not looked at */
    uint64_t *openings; /* of /etc/hosts, that wait for it; oldest first */
    uint32_t *opening_flags;
    size_t n_openings;

    size_t notif_size, response_size;
    struct seccomp_notif **queue; /* received while something else was under way */
    size_t n_queue;
    struct fc_timeshift_traced *traced;
    size_t n_traced;
    struct fc_timeshift_patch *patches;
    size_t n_patches;
    struct fc_timeshift_sleeper *sleepers;
    size_t n_sleepers;
    struct fc_timeshift_file *files;
    size_t n_files;
    pid_t *itimers; /* processes that have asked for an interval timer */
    size_t n_itimers;
    pid_t *missed; /* processes whose exec we could not stop at */
    size_t n_missed;
    bool told_2038;
    bool any_exempt; /* a program of ours has run: look before shifting */
    struct fc_timeshift_counters counters;
};

/* ---- timeshift_super.c ---- */

/* The supervisor's life; returns when the last program has ended. */
void fc_timeshift_super_run(struct fc_timeshift_super *s);
/* A child, or a thread that was in our hands, has ended. */
void fc_timeshift_super_ended(struct fc_timeshift_super *s, pid_t tid, int status);
/* Waits until that thread stops or ends (the end is dealt with); -1 when it ended. Only for a thread that must stop at once. */
int fc_timeshift_super_await(struct fc_timeshift_super *s, pid_t tid, int *ret_status);
/* Interrupts a seized thread and waits a moment for its stop. -1: it has ended, or does not stop now (a parent that waits for its
 * vfork child, who may be waiting for us): then it stays in our hands until it does. */
int fc_timeshift_super_interrupt(struct fc_timeshift_super *s, pid_t tid, int *ret_status);
/* Receives one notification into the queue; false when there is none. */
bool fc_timeshift_super_receive(struct fc_timeshift_super *s);
struct fc_timeshift_traced *fc_timeshift_super_traced(struct fc_timeshift_super *s, pid_t tid);
struct fc_timeshift_traced *fc_timeshift_super_trace(struct fc_timeshift_super *s, pid_t tid,
                                                     enum fc_timeshift_why why);
void fc_timeshift_super_forget(struct fc_timeshift_super *s, pid_t tid);
/* A line for people, through the front; dropped when it is not there. */
void fc_timeshift_super_say(struct fc_timeshift_super *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- timeshift_listener.c: answers ---- */

/* Each: nothing happens when the caller is gone. */
void fc_timeshift_listener_continue(struct fc_timeshift_super *s, uint64_t id);
void fc_timeshift_listener_return(struct fc_timeshift_super *s, uint64_t id, int64_t value, int error);
/* Gives the caller a descriptor; it is the call's result. flags: O_CLOEXEC or 0. */
int fc_timeshift_listener_give(struct fc_timeshift_super *s, uint64_t id, int fd, uint32_t flags);
bool fc_timeshift_listener_valid(struct fc_timeshift_super *s, uint64_t id);

/* ---- timeshift_names.c: /etc/hosts as the CA would answer ---- */

/* A program opens a file to read. */
void fc_timeshift_names_open(struct fc_timeshift_super *s, const struct seccomp_notif *notif,
                             const struct fc_timeshift_rule *rule);
/* The front has answered, or has gone: then nobody is left waiting. */
void fc_timeshift_names_arrived(struct fc_timeshift_super *s);
/* In the front: answers what the supervisor asks on its end of the socket. */
void fc_timeshift_names_answer(const struct fc_timeshift_params *params, int socket);

/* ---- timeshift_exec.c ---- */

void fc_timeshift_exec_begin(struct fc_timeshift_super *s, const struct seccomp_notif *notif,
                             const struct fc_timeshift_rule *rule);
/* The thread has stopped behind its exec; it is let go in the end. */
void fc_timeshift_exec_arrived(struct fc_timeshift_super *s, pid_t tid);
/* The first call of a program that could not be taken at its exec. */
void fc_timeshift_exec_late(struct fc_timeshift_super *s, const struct seccomp_notif *notif, bool narrow);
/* Whether the program is one of ours, which nobody shifts. */
bool fc_timeshift_exec_exempt(struct fc_timeshift_super *s, pid_t tid);
/* Whether it is a 32-bit program. */
bool fc_timeshift_exec_narrow(struct fc_timeshift_super *s, pid_t tid);

/* ---- timeshift_inject.c: calls inside a stopped program ---- */

struct fc_timeshift_inject {
    struct fc_timeshift_super *super;
    pid_t tid;
    uint64_t where;
    struct fc_timeshift_regs saved;
    uint64_t mask;
    int stop_signal; /* one that came meanwhile and stops; sent again at the end */
    bool dead;
};
/* Keeps registers and signals; `where` is an address with a call instruction. -1: the thread is gone. */
int fc_timeshift_inject_begin(struct fc_timeshift_super *s, pid_t tid, uint64_t where,
                              struct fc_timeshift_inject *ret_inject);
/* The call's result (negative: an error number). */
int64_t fc_timeshift_inject_call(struct fc_timeshift_inject *inject, uint32_t number, const uint64_t args[6]);
/* clock_gettime(magic): a descriptor of ours in the program. */
int64_t fc_timeshift_inject_give(struct fc_timeshift_inject *inject, uint32_t magic, int fd);
/* Puts everything back; the thread stays stopped. */
void fc_timeshift_inject_end(struct fc_timeshift_inject *inject);

/* ---- timeshift_answer.c: reads ---- */

void fc_timeshift_answer_read(struct fc_timeshift_super *s, const struct seccomp_notif *notif,
                              const struct fc_timeshift_rule *rule);
/* What is added to that clock now; nanoseconds only while the clock stands still. */
int64_t fc_timeshift_answer_offset(const struct fc_timeshift_super *s, int clock);

/* ---- timeshift_wait.c: absolute deadlines ---- */

void fc_timeshift_wait_begin(struct fc_timeshift_super *s, const struct seccomp_notif *notif,
                             const struct fc_timeshift_rule *rule, bool narrow);
/* A stop of a thread that waits. */
void fc_timeshift_wait_stopped(struct fc_timeshift_super *s, pid_t tid, int status);
/* Has every such call made again with the present offset. */
void fc_timeshift_wait_again(struct fc_timeshift_super *s);
/* Puts back what was overwritten and is no longer needed; the time of the next look (monotonic), 0 for none. */
int64_t fc_timeshift_wait_unpatch(struct fc_timeshift_super *s, int64_t now);

/* ---- timeshift_wake.c: relative waits and timers ---- */

/* The clock went on by `jump` nanoseconds. */
void fc_timeshift_wake_all(struct fc_timeshift_super *s, int64_t jump);
/* The process has asked for an interval timer. */
void fc_timeshift_wake_note_itimer(struct fc_timeshift_super *s, pid_t tid);

/* ---- timeshift_image.c ---- */

/* A sealed memory file that holds the image; -1 with an error. */
int fc_timeshift_image_open(struct fc_err *err);
/* Offset of a function in the image. */
uint64_t fc_timeshift_image_symbol(const char *name);

/* ---- timeshift_probe.c ---- */

/* Tries everything that a run needs on a child. */
int fc_timeshift_probe(struct fc_err *err);
/* Passing of a descriptor over a socket pair; -1 with errno. */
int fc_timeshift_probe_send_fd(int socket, int fd);
int fc_timeshift_probe_receive_fd(int socket);
/* Whether the kernel's clock source is read without a call; *ret_name (may be NULL) is static. */
bool fc_timeshift_probe_clock_source(const char *pretend, const char **ret_name);

/* ---- timeshift_explain.c ---- */

/* A command that only asks a daemon, and what to do instead; NULL for all others. */
const char *fc_timeshift_explain_daemon(const char *command);
/* As execvp would find it; NULL when there is none. The caller frees. */
char *fc_timeshift_explain_find(const char *name);
/* Why a command could not be executed, for people; returns buf. */
#define FC_TIMESHIFT_WHY_MAX 512
const char *fc_timeshift_explain_failure(const char *command, int error, char buf[FC_TIMESHIFT_WHY_MAX]);

#endif
