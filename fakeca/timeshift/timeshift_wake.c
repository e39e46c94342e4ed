/* After a jump forward: relative waits that would be over are ended, armed timers are shortened (reference/clock.md 7.2). */
#include "timeshift/timeshift_int.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base_alloc.h"
#include "base/base_time.h"

#include "timeshift/timeshift_memory.h"
#include "timeshift/timeshift_proc.h"

#define TRACE_OPTIONS (PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL)
#define BELOW_STACK 512
#define SETS_MAX 8192 /* bytes of one of select's sets that are emptied */
#define TIMERS_MAX 64

/* ---- who sleeps, how long */

static const struct fc_timeshift_sleep *sleep_of(const struct fc_timeshift_blocked *b, bool narrow)
{
    size_t n;
    const struct fc_timeshift_sleep *sleeps = fc_timeshift_arch_sleeps(narrow, &n);

    for (size_t i = 0; i < n; i++) {
        const struct fc_timeshift_sleep *sleep = &sleeps[i];
        if ((int64_t)sleep->number == b->number &&
            (!sleep->flag_arg || (b->args[sleep->flag_arg - 1] & sleep->flag_mask) == sleep->flag_want))
            return sleep;
    }
    return NULL;
}

/* Seconds and a part, of either width. */
static int read_pair(pid_t tid, uint64_t address, unsigned length, int64_t ret_pair[2])
{
    int32_t narrow[2];

    if (length == FC_TIMESHIFT_TIMESPEC || length == FC_TIMESHIFT_TIMEVAL)
        return fc_timeshift_memory_read(tid, address, ret_pair, 2 * sizeof *ret_pair);
    if (fc_timeshift_memory_read(tid, address, narrow, sizeof narrow) != 0)
        return -1;
    ret_pair[0] = narrow[0];
    ret_pair[1] = narrow[1];
    return 0;
}

/* Nanoseconds; -1 for ever, or not known. */
static int64_t length_of(pid_t tid, const struct fc_timeshift_sleep *sleep, const struct fc_timeshift_blocked *b)
{
    uint64_t at = b->args[sleep->arg];
    int64_t pair[2], length;

    if (sleep->length == FC_TIMESHIFT_MS)
        return (int32_t)at < 0 ? -1 : (int32_t)at * FC_MS;
    if (!at || read_pair(tid, at, sleep->length, pair) != 0 || pair[0] < 0 || pair[1] < 0)
        return -1;
    if (sleep->length == FC_TIMESHIFT_TIMEVAL || sleep->length == FC_TIMESHIFT_TIMEVAL_NARROW)
        pair[1] *= 1000;
    if (__builtin_mul_overflow(pair[0], FC_SECOND, &length) || __builtin_add_overflow(length, pair[1], &length))
        return -1;
    return length;
}

/* The record of this very sleep: a thread that was touched meanwhile shows restart_syscall, with the arguments of before. */
static struct fc_timeshift_sleeper *record_of(struct fc_timeshift_super *s, pid_t tid,
                                              const struct fc_timeshift_blocked *b, bool narrow)
{
    int64_t restart = fc_timeshift_arch_restart(narrow);
    int64_t switches = fc_timeshift_proc_switches(tid);

    for (size_t i = 0; i < s->n_sleepers; i++) {
        struct fc_timeshift_sleeper *sleeper = &s->sleepers[i];
        if (sleeper->tid == tid && (sleeper->number == b->number || b->number == restart) &&
            memcmp(sleeper->args, b->args, sizeof b->args) == 0 && switches >= sleeper->switches &&
            switches <= sleeper->switches + sleeper->slack)
            return sleeper;
    }
    return NULL;
}

static struct fc_timeshift_sleeper *new_record(struct fc_timeshift_super *s, pid_t tid,
                                               const struct fc_timeshift_blocked *b, bool narrow, int64_t length)
{
    if (s->n_sleepers % 32 == 0)
        s->sleepers = fc_reallocarray(s->sleepers, s->n_sleepers + 32, sizeof *s->sleepers);
    struct fc_timeshift_sleeper *sleeper = &s->sleepers[s->n_sleepers++];
    *sleeper = (struct fc_timeshift_sleeper){.tid = tid,
                                             .narrow = narrow,
                                             .number = b->number,
                                             .length = length,
                                             .switches = fc_timeshift_proc_switches(tid)};
    memcpy(sleeper->args, b->args, sizeof b->args);
    return sleeper;
}

/* ---- ending a wait */

/* select that returns 0 with its sets as they were would make its caller read from everything: they are emptied first (T22). */
static bool empty_sets(pid_t tid, const struct fc_timeshift_sleeper *sleeper)
{
    static const char zeros[SETS_MAX];
    size_t word = sleeper->narrow ? 4 : 8, len = ((size_t)sleeper->args[0] + 8 * word - 1) / (8 * word) * word;

    if (len > sizeof zeros)
        return false;
    for (int i = 1; i <= 3; i++)
        if (sleeper->args[i] && fc_timeshift_memory_write(tid, sleeper->args[i], zeros, len) != 0)
            return false;
    return true;
}

static const struct fc_timeshift_sleep *row_of(const struct fc_timeshift_sleeper *sleeper)
{
    struct fc_timeshift_blocked b = {.number = sleeper->number};

    memcpy(b.args, sleeper->args, sizeof b.args);
    return sleep_of(&b, sleeper->narrow);
}

static bool was_taken_out(const struct fc_timeshift_regs *regs, const struct fc_timeshift_sleeper *sleeper)
{
    int64_t result = fc_timeshift_arch_result(regs), now = fc_timeshift_arch_number(regs);

    return (now == sleeper->number || now == fc_timeshift_arch_restart(sleeper->narrow)) &&
           (result == -512 || result == -513 || result == -514 || result == -516 || result == -EINTR);
}

/* Stops the thread; false when it is dead, or had a signal (it goes on with that). */
static bool stop(struct fc_timeshift_super *s, pid_t tid)
{
    int status;

    if (fc_timeshift_super_traced(s, tid) || ptrace(PTRACE_SEIZE, tid, NULL, (void *)TRACE_OPTIONS) != 0)
        return false;
    if (fc_timeshift_super_interrupt(s, tid, &status) != 0)
        return false;
    if (status >> 16 == PTRACE_EVENT_STOP && WSTOPSIG(status) == SIGTRAP)
        return true;
    ptrace(PTRACE_DETACH, tid, NULL, (void *)(uintptr_t)(unsigned)(status >> 16 ? 0 : WSTOPSIG(status)));
    return false;
}

static void end_wait(struct fc_timeshift_super *s, const struct fc_timeshift_sleeper *sleeper)
{
    pid_t tid = sleeper->tid;
    const struct fc_timeshift_sleep *sleep = row_of(sleeper);
    struct fc_timeshift_regs regs;

    if (!sleep || !stop(s, tid))
        return;
    if (fc_timeshift_arch_get(tid, &regs) == 0 && fc_timeshift_arch_narrow(tid) == sleeper->narrow &&
        was_taken_out(&regs, sleeper) && (!sleep->sets || empty_sets(tid, sleeper))) {
        fc_timeshift_arch_end_call(&regs, sleep->result);
        fc_timeshift_arch_set(tid, &regs);
        s->counters.woken++;
    }
    ptrace(PTRACE_DETACH, tid, NULL, NULL);
}

static void look_at_thread(struct fc_timeshift_super *s, pid_t tid, bool narrow, int64_t jump)
{
    struct fc_timeshift_blocked b;

    if (!fc_timeshift_proc_blocked(tid, &b))
        return;
    struct fc_timeshift_sleeper *sleeper = record_of(s, tid, &b, narrow);
    if (!sleeper) {
        const struct fc_timeshift_sleep *sleep = sleep_of(&b, narrow);
        int64_t length = sleep ? length_of(tid, sleep, &b) : -1;
        if (length <= 0)
            return;
        sleeper = new_record(s, tid, &b, narrow, length);
    }
    sleeper->seen = true;
    if (__builtin_add_overflow(sleeper->slept, jump, &sleeper->slept) || sleeper->slept >= sleeper->length) {
        end_wait(s, sleeper);
        sleeper->seen = false; /* over */
    }
}

/* ---- armed timers: they belong to the process and are set anew by calls inside it */

struct left {
    int64_t interval[2], value[2];
};

/* What is left after the jump: at once, or the rest. False when it is not armed. */
static bool shorten(struct left *left, int64_t jump, int64_t part)
{
    if (left->value[0] == 0 && left->value[1] == 0)
        return false;
    if (left->value[0] > jump / FC_SECOND) {
        left->value[0] -= jump / FC_SECOND;
    } else {
        left->value[0] = 0;
        left->value[1] = part;
    }
    return true;
}

/* One timer: `get` tells what is left, `set` sets it; both take the timer's id first. */
static void shorten_timer(struct fc_timeshift_inject *inject, uint32_t get, uint32_t set, uint64_t id, int64_t jump)
{
    struct fc_timeshift_super *s = inject->super;
    bool itimer = set == fc_timeshift_numbers.setitimer;
    uint64_t room =
        (fc_timeshift_arch_stack(&inject->saved) - fc_timeshift_arch_red_zone - BELOW_STACK) & ~UINT64_C(15);
    struct left left;

    if (fc_timeshift_inject_call(inject, get, (uint64_t[6]){id, room}) != 0 ||
        fc_timeshift_memory_read(inject->tid, room, &left, sizeof left) != 0 || !shorten(&left, jump, 1) ||
        fc_timeshift_memory_write(inject->tid, room, &left, sizeof left) != 0)
        return;
    if (itimer)
        fc_timeshift_inject_call(inject, set, (uint64_t[6]){id, room, 0, 0, 0, FC_TIMESHIFT_COOKIE_VALUE});
    else
        fc_timeshift_inject_call(inject, set, (uint64_t[6]){id, 0, room, 0});
    s->counters.woken++;
}

struct timers {
    int fds[TIMERS_MAX], ids[TIMERS_MAX];
    int64_t left[TIMERS_MAX];
    size_t n_fds, n_ids;
    bool itimer;
};

static bool has_itimer(const struct fc_timeshift_super *s, pid_t pid)
{
    for (size_t i = 0; i < s->n_itimers; i++)
        if (s->itimers[i] == pid)
            return true;
    return false;
}

static void find_timers(struct fc_timeshift_super *s, pid_t pid, struct timers *ret_timers)
{
    ret_timers->n_fds = fc_timeshift_proc_timerfds(pid, ret_timers->fds, TIMERS_MAX);
    ret_timers->n_ids = fc_timeshift_proc_timers(pid, ret_timers->ids, TIMERS_MAX);
    ret_timers->itimer = has_itimer(s, pid);
    for (size_t i = 0; i < ret_timers->n_fds; i++)
        ret_timers->left[i] = fc_timeshift_proc_timerfd_left(pid, ret_timers->fds[i]);
}

static void shorten_all(struct fc_timeshift_inject *inject, const struct timers *timers, int64_t jump)
{
    for (size_t i = 0; i < timers->n_fds; i++) {
        /* a timerfd that came by fork is one timer: it may have been shortened in the other process a moment ago (T49) */
        int64_t now = fc_timeshift_proc_timerfd_left(inject->tid, timers->fds[i]);
        if (now > 0 && timers->left[i] - now < jump / 2)
            shorten_timer(inject, fc_timeshift_numbers.timerfd_gettime, fc_timeshift_numbers.timerfd_settime,
                          (uint64_t)timers->fds[i], jump);
    }
    for (size_t i = 0; i < timers->n_ids; i++)
        shorten_timer(inject, fc_timeshift_numbers.timer_gettime, fc_timeshift_numbers.timer_settime,
                      (uint64_t)timers->ids[i], jump);
    if (timers->itimer)
        shorten_timer(inject, fc_timeshift_numbers.getitimer, fc_timeshift_numbers.setitimer, ITIMER_REAL, jump);
}

/* Our touch made the thread go to sleep once more. */
static void allow_touch(struct fc_timeshift_super *s, pid_t tid)
{
    for (size_t i = 0; i < s->n_sleepers; i++)
        if (s->sleepers[i].tid == tid)
            s->sleepers[i].slack += 2;
}

static void shorten_in(struct fc_timeshift_super *s, pid_t pid, const struct timers *timers, int64_t jump)
{
    struct fc_timeshift_inject inject;
    uint64_t vdso = fc_timeshift_proc_vdso(pid);

    if ((!timers->n_fds && !timers->n_ids && !timers->itimer) || !vdso || s->vdso_call < 0 || !stop(s, pid))
        return;
    if (!fc_timeshift_arch_narrow(pid) &&
        fc_timeshift_inject_begin(s, pid, vdso + (uint64_t)s->vdso_call, &inject) == 0) {
        shorten_all(&inject, timers, jump);
        fc_timeshift_inject_end(&inject);
        allow_touch(s, pid);
        if (inject.dead)
            return;
    }
    ptrace(PTRACE_DETACH, pid, NULL, NULL);
}

void fc_timeshift_wake_note_itimer(struct fc_timeshift_super *s, pid_t tid)
{
    pid_t pid = fc_timeshift_proc_leader(tid);

    if (!pid || has_itimer(s, pid))
        return;
    if (s->n_itimers % 32 == 0)
        s->itimers = fc_reallocarray(s->itimers, s->n_itimers + 32, sizeof *s->itimers);
    s->itimers[s->n_itimers++] = pid;
}

/* ---- everybody */

static void look_at_process(struct fc_timeshift_super *s, pid_t pid, int64_t jump)
{
    struct fc_timeshift_pids tids = {0};
    bool narrow = fc_timeshift_exec_narrow(s, pid);

    fc_timeshift_proc_threads(pid, &tids);
    for (size_t i = 0; i < tids.n; i++)
        look_at_thread(s, tids.at[i], narrow, jump);
    fc_timeshift_pids_free(&tids);
}

/* Who was not met in the same sleep is not in it any more. */
static void drop_unseen(struct fc_timeshift_super *s)
{
    for (size_t i = 0; i < s->n_sleepers;) {
        if (s->sleepers[i].seen) {
            s->sleepers[i++].seen = false;
            continue;
        }
        s->sleepers[i] = s->sleepers[--s->n_sleepers];
    }
}

/* Processes that have ended, whose ids may come again. */
static void drop_ended_itimers(struct fc_timeshift_super *s, const struct fc_timeshift_pids *pids)
{
    for (size_t i = 0; i < s->n_itimers;) {
        size_t j = 0;
        while (j < pids->n && pids->at[j] != s->itimers[i])
            j++;
        if (j < pids->n)
            i++;
        else
            s->itimers[i] = s->itimers[--s->n_itimers];
    }
}

void fc_timeshift_wake_all(struct fc_timeshift_super *s, int64_t jump)
{
    struct fc_timeshift_pids pids = {0};

    fc_timeshift_proc_tree(getpid(), &pids);
    drop_ended_itimers(s, &pids);
    fc_auto_free struct timers *timers = fc_calloc(pids.n + 1, sizeof *timers);
    for (size_t i = 0; i < pids.n; i++)
        if (!fc_timeshift_exec_exempt(s, pids.at[i]))
            find_timers(s, pids.at[i], &timers[i]);
    for (size_t i = 0; i < pids.n; i++)
        if (!fc_timeshift_exec_exempt(s, pids.at[i]))
            look_at_process(s, pids.at[i], jump);
    for (size_t i = 0; i < pids.n; i++)
        shorten_in(s, pids.at[i], &timers[i], jump);
    drop_unseen(s);
    fc_timeshift_pids_free(&pids);
}
