/* What /proc tells of other processes. Everything may be gone at any moment: "not known" is an ordinary answer. */
#ifndef FC_TIMESHIFT_PROC_H
#define FC_TIMESHIFT_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct fc_timeshift_pids {
    pid_t *at;
    size_t n;
};
void fc_timeshift_pids_free(struct fc_timeshift_pids *pids);

/* All descendants of a process, those that have ended but were not reaped left out. */
void fc_timeshift_proc_tree(pid_t root, struct fc_timeshift_pids *ret_pids);
/* The threads of a process. */
void fc_timeshift_proc_threads(pid_t pid, struct fc_timeshift_pids *ret_tids);
/* Sends a signal to every descendant of root but `keep`; the number of those. */
size_t fc_timeshift_proc_kill_tree(pid_t root, pid_t keep, int signal);

/* When a process was started (field 22 of its stat): tells it from a later one with its id; 0 when not known. */
uint64_t fc_timeshift_proc_started(pid_t pid);
/* A child of that process that is stopped (state T), while the process itself cannot be stopped for it waits for it: the child of a vfork
 * before its exec. 0: there is none. */
pid_t fc_timeshift_proc_held_by_child(pid_t pid);
/* The process of a thread; 0 when not known. */
pid_t fc_timeshift_proc_leader(pid_t tid);
/* Who traces it; 0: nobody, or not known. */
pid_t fc_timeshift_proc_tracer(pid_t tid);
/* The name, as ps shows it; "?" when not known. Returns buf. */
#define FC_TIMESHIFT_NAME_MAX 32
const char *fc_timeshift_proc_name(pid_t pid, char buf[FC_TIMESHIFT_NAME_MAX]);

/* The call a thread is blocked in; false when it runs or is not known. */
struct fc_timeshift_blocked {
    int64_t number;
    uint64_t args[6];
    uint64_t stack, where;
};
bool fc_timeshift_proc_blocked(pid_t tid, struct fc_timeshift_blocked *ret_blocked);
/* How often the thread has gone to sleep; -1 when not known. */
int64_t fc_timeshift_proc_switches(pid_t tid);
/* The address of the kernel's vDSO in a program; 0 when not known. */
uint64_t fc_timeshift_proc_vdso(pid_t tid);
/* The clock of a timerfd and of a POSIX timer; -1 when not known. */
int fc_timeshift_proc_timerfd_clock(pid_t tid, int fd);
int fc_timeshift_proc_timer_clock(pid_t tid, int timer);

/* Descriptors that are timerfds, and POSIX timers: at most `room`, the number of those found. */
size_t fc_timeshift_proc_timerfds(pid_t pid, int *ret_fds, size_t room);
size_t fc_timeshift_proc_timers(pid_t pid, int *ret_ids, size_t room);
/* Nanoseconds a timerfd still has to run; 0 when it is not armed or not known. */
int64_t fc_timeshift_proc_timerfd_left(pid_t pid, int fd);

#endif
