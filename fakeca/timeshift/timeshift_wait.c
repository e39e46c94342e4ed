/* Waits until an absolute time of a shifted clock (reference/clock.md 7.1): the kernel is given the deadline in real time. The
 * program's own memory is left as it is: the thread is stopped, the argument points to a copy below its stack, and points back
 * before the program goes on. */
#include "timeshift/timeshift_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>

#include "base/base_alloc.h"
#include "base/base_clock.h"
#include "base/base_time.h"

#include "timeshift/timeshift_memory.h"
#include "timeshift/timeshift_proc.h"

#define TRACE_OPTIONS (PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL)
#define BELOW_STACK 512
#define PATCH_LIFE (5 * FC_MS)
#define FUTEX_REALTIME 0x100
#define FUTEX_COMMAND 0x7f
#define FUTEX_LOCK_PI 6

/* What the kernel answers a thread that was taken out of a call. */
enum { RESTARTSYS = -512, RESTARTNOINTR = -513, RESTARTNOHAND = -514, RESTART_RESTARTBLOCK = -516 };

/* A deadline as it lies in the program, and where in it. */
struct deadline {
    uint64_t address;
    size_t len;    /* of the whole structure */
    size_t offset; /* of the seconds */
    size_t width;  /* of a field */
    bool timer;    /* 0, 0 means "disarm" */
    char bytes[32];
};

/* ---- which clock */

static int futex_clock(uint64_t operation)
{
    return (operation & FUTEX_COMMAND) == FUTEX_LOCK_PI || (operation & FUTEX_REALTIME) ? CLOCK_REALTIME
                                                                                        : CLOCK_MONOTONIC;
}

static int clock_of(const struct seccomp_notif *notif, const struct fc_timeshift_rule *rule)
{
    const struct seccomp_data *data = &notif->data;
    pid_t tid = (pid_t)notif->pid;

    if (rule->answer == FC_TIMESHIFT_WAIT_FUTEX)
        return futex_clock(data->args[rule->arg]);
    if (rule->answer == FC_TIMESHIFT_WAIT_CLOCK)
        return (int)data->args[rule->clock ? rule->clock - 1 : rule->arg];
    if (rule->answer == FC_TIMESHIFT_SET_TIMERFD)
        return fc_timeshift_proc_timerfd_clock(tid, (int)data->args[0]);
    if (rule->answer == FC_TIMESHIFT_SET_TIMER)
        return fc_timeshift_proc_timer_clock(tid, (int)data->args[0]);
    return CLOCK_REALTIME;
}

/* ---- the translation */

static int64_t get_field(const struct deadline *d, size_t n)
{
    int32_t narrow;
    int64_t wide;

    if (d->width == 4) {
        memcpy(&narrow, d->bytes + d->offset + n * 4, 4);
        return narrow;
    }
    memcpy(&wide, d->bytes + d->offset + n * 8, 8);
    return wide;
}

static void set_field(struct deadline *d, size_t n, int64_t value)
{
    memcpy(d->bytes + d->offset + n * d->width, &value, d->width);
}

static int read_deadline(const struct seccomp_notif *notif, const struct fc_timeshift_rule *rule, bool narrow,
                         struct deadline *ret)
{
    struct deadline d = {.address = notif->data.args[rule->pointer],
                         .width = rule->form == FC_TIMESHIFT_NARROW ? 4 : 8};

    d.timer = rule->answer == FC_TIMESHIFT_SET_TIMERFD || rule->answer == FC_TIMESHIFT_SET_TIMER;
    d.len = (d.timer ? 4 : 2) * d.width;
    d.offset = d.timer ? 2 * d.width : 0;
    if (fc_timeshift_memory_read((pid_t)notif->pid, d.address, d.bytes, d.len) != 0)
        return -1;
    if (narrow && d.width == 8) /* the upper half of a 32-bit program's nanoseconds is padding */
        memset(d.bytes + d.offset + 12, 0, 4);
    *ret = d;
    return 0;
}

/* Seconds and nanoseconds less `offset`; false when that cannot be told. Below 0 is 0: it is over. */
static bool subtract(int64_t *sec, int64_t *nsec, int64_t offset)
{
    if (__builtin_sub_overflow(*sec, offset / FC_SECOND, sec))
        return false;
    *nsec -= offset % FC_SECOND;
    int64_t carry = *nsec < 0 ? -1 : *nsec >= FC_SECOND ? 1 : 0;
    *sec += carry;
    *nsec -= carry * FC_SECOND;
    if (*sec < 0)
        *sec = *nsec = 0;
    return true;
}

/* From the program's time to the kernel's. False: it is for the kernel as it is (invalid, or "disarm": T53). */
static bool translate(struct deadline *d, int64_t offset)
{
    int64_t sec = get_field(d, 0), nsec = get_field(d, 1);

    if (sec < 0 || nsec < 0 || nsec >= FC_SECOND || (d->timer && sec == 0 && nsec == 0))
        return false;
    if (!subtract(&sec, &nsec, offset)) /* far away is far away on every clock */
        return false;
    if (d->timer && sec == 0 && nsec == 0)
        nsec = 1;
    if (d->width == 4 && sec > INT32_MAX)
        sec = INT32_MAX;
    set_field(d, 0, sec);
    set_field(d, 1, nsec);
    return true;
}

/* ---- when somebody else traces the thread: in the program's own memory, for a moment */

static void patch(struct fc_timeshift_super *s, const struct seccomp_notif *notif, const struct deadline *old,
                  const struct deadline *new)
{
    struct fc_timeshift_patch p = {.tid = (pid_t)notif->pid,
                                   .address = old->address + old->offset,
                                   .old_sec = get_field(old, 0),
                                   .width = old->width,
                                   .until = fc_clock_mono() + PATCH_LIFE,
                                   .switches = fc_timeshift_proc_switches((pid_t)notif->pid)};
    int64_t sec = get_field(new, 0);

    for (size_t i = 0; i < s->n_patches; i++)
        if (s->patches[i].address == p.address &&
            fc_timeshift_proc_leader(s->patches[i].tid) == fc_timeshift_proc_leader(p.tid))
            goto unchanged; /* another thread waits with the same structure, which is translated already */
    if (fc_timeshift_listener_valid(s, notif->id) && fc_timeshift_memory_write(p.tid, p.address, &sec, p.width) == 0) {
        if (s->n_patches % 16 == 0)
            s->patches = fc_reallocarray(s->patches, s->n_patches + 16, sizeof *s->patches);
        s->patches[s->n_patches++] = p;
    }
unchanged:
    fc_timeshift_listener_continue(s, notif->id);
}

int64_t fc_timeshift_wait_unpatch(struct fc_timeshift_super *s, int64_t now)
{
    for (size_t i = 0; i < s->n_patches;) {
        struct fc_timeshift_patch *p = &s->patches[i];
        if (now < p->until && fc_timeshift_proc_switches(p->tid) == p->switches) {
            i++;
            continue;
        }
        fc_timeshift_memory_write(p->tid, p->address, &p->old_sec, p->width);
        *p = s->patches[--s->n_patches];
    }
    return s->n_patches ? now + FC_MS : 0;
}

/* ---- by the registers */

static void let_go(pid_t tid, int signal)
{
    ptrace(PTRACE_DETACH, tid, NULL, (void *)(uintptr_t)(unsigned)signal);
}

/* The signal of a stop that is one, else 0. */
static int signal_of(int status)
{
    return status >> 16 == 0 && WSTOPSIG(status) != (SIGTRAP | 0x80) ? WSTOPSIG(status) : 0;
}

/* Takes the thread out of the notification; false when it is not there any more. The notification is void then. */
static bool take_out(struct fc_timeshift_super *s, pid_t tid, uint32_t number, struct fc_timeshift_regs *ret_regs)
{
    int status;

    if (fc_timeshift_super_interrupt(s, tid, &status) != 0)
        return false;
    if (signal_of(status) || fc_timeshift_arch_get(tid, ret_regs) != 0 ||
        fc_timeshift_arch_number(ret_regs) != (int64_t)number || fc_timeshift_arch_result(ret_regs) != RESTARTSYS) {
        let_go(tid, signal_of(status));
        return false;
    }
    return true;
}

/* Points the argument to a copy and lets the call be made again; it is notified a second time. */
static void redirect(struct fc_timeshift_super *s, const struct seccomp_notif *notif,
                     const struct fc_timeshift_rule *rule, bool narrow, const struct deadline *d)
{
    pid_t tid = (pid_t)notif->pid;
    struct fc_timeshift_regs regs;

    if (!take_out(s, tid, rule->number, &regs))
        return;
    uint64_t scratch = (fc_timeshift_arch_stack(&regs) - fc_timeshift_arch_red_zone - BELOW_STACK) & ~UINT64_C(15);
    if (fc_timeshift_memory_write(tid, scratch, d->bytes, d->len) != 0) {
        /* no room below the stack: the program meets the end of its stack the next moment anyway */
        s->counters.unshifted++;
        fc_timeshift_super_say(s, "a wait of process %d could not be translated: no room on its stack", tid);
        let_go(tid, 0);
        return;
    }
    fc_timeshift_arch_set_arg(&regs, narrow, rule->pointer, scratch);
    if (fc_timeshift_arch_set(tid, &regs) != 0 || ptrace(PTRACE_SYSCALL, tid, NULL, NULL) != 0)
        return;
    struct fc_timeshift_traced *t = fc_timeshift_super_trace(s, tid, FC_TIMESHIFT_IN_WAIT);
    t->narrow = narrow;
    t->arg = rule->pointer;
    t->scratch = scratch;
    t->original = notif->data.args[rule->pointer];
}

void fc_timeshift_wait_begin(struct fc_timeshift_super *s, const struct seccomp_notif *notif,
                             const struct fc_timeshift_rule *rule, bool narrow)
{
    pid_t tid = (pid_t)notif->pid;
    const struct fc_timeshift_traced *t = fc_timeshift_super_traced(s, tid);
    struct deadline d, old;

    bool second = t && t->why == FC_TIMESHIFT_IN_WAIT && t->scratch == notif->data.args[rule->pointer];
    int clock = second ? -1 : clock_of(notif, rule);
    bool shifted = clock >= 0 && clock < 32 &&
                   ((FC_TIMESHIFT_WALL_MASK | (s->params->monotonic ? FC_TIMESHIFT_MONO_MASK : 0)) >> clock & 1);
    if (second || t || !shifted || fc_timeshift_exec_exempt(s, tid) || read_deadline(notif, rule, narrow, &d) != 0) {
        fc_timeshift_listener_continue(s, notif->id);
        return;
    }
    old = d;
    if (!translate(&d, fc_timeshift_answer_offset(s, clock)) || !fc_timeshift_listener_valid(s, notif->id)) {
        fc_timeshift_listener_continue(s, notif->id);
        return;
    }
    s->counters.deadlines++;
    if (ptrace(PTRACE_SEIZE, tid, NULL, (void *)TRACE_OPTIONS) == 0)
        redirect(s, notif, rule, narrow, &d);
    else
        patch(s, notif, &old, &d);
}

void fc_timeshift_wait_stopped(struct fc_timeshift_super *s, pid_t tid, int status)
{
    struct fc_timeshift_traced *t = fc_timeshift_super_traced(s, tid);
    struct fc_timeshift_regs regs;

    if (WSTOPSIG(status) == (SIGTRAP | 0x80) && !t->entered) {
        t->entered = true;
        ptrace(PTRACE_SYSCALL, tid, NULL, NULL);
        return;
    }
    if (fc_timeshift_arch_get(tid, &regs) == 0) {
        fc_timeshift_arch_set_arg(&regs, t->narrow, t->arg, t->original);
        /* the kernel has put the translated deadline aside and would go on with it: make the call anew instead */
        if (fc_timeshift_arch_result(&regs) == RESTART_RESTARTBLOCK && WSTOPSIG(status) == (SIGTRAP | 0x80))
            fc_timeshift_arch_set_result(&regs, RESTARTNOHAND);
        fc_timeshift_arch_set(tid, &regs);
    }
    let_go(tid, signal_of(status));
    fc_timeshift_super_forget(s, tid);
}

/* One of them: an entry stop comes first when its call was not made yet; in the end it is let go, or dead. */
static void again(struct fc_timeshift_super *s, pid_t tid)
{
    const struct fc_timeshift_traced *t;
    int status;

    for (int stops = 0; stops < 3; stops++) {
        t = fc_timeshift_super_traced(s, tid);
        if (!t || t->why != FC_TIMESHIFT_IN_WAIT || fc_timeshift_super_interrupt(s, tid, &status) != 0)
            return;
        fc_timeshift_wait_stopped(s, tid, status);
    }
}

void fc_timeshift_wait_again(struct fc_timeshift_super *s)
{
    size_t n = s->n_traced;
    fc_auto_free pid_t *tids = fc_calloc(n + 1, sizeof *tids);

    for (size_t i = 0; i < n; i++)
        tids[i] = s->traced[i].tid;
    for (size_t i = 0; i < n; i++)
        again(s, tids[i]);
}
