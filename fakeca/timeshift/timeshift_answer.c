/* Reads of the clock that are made as system calls: the supervisor makes them in the program's place and adds the offset. */
#define _GNU_SOURCE /* struct timex */
#include "timeshift/timeshift_int.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "base/base_clock.h"
#include "base/base_time.h"

#include "timeshift/timeshift_memory.h"
#include "timeshift/timeshift_proc.h"

#define CLOCKS 12

static bool is_wall(int clock)
{
    return clock >= 0 && clock < CLOCKS && (FC_TIMESHIFT_WALL_MASK >> clock & 1);
}

static bool is_mono(int clock)
{
    return clock >= 0 && clock < CLOCKS && (FC_TIMESHIFT_MONO_MASK >> clock & 1);
}

int64_t fc_timeshift_answer_offset(const struct fc_timeshift_super *s, int clock)
{
    struct fc_clock_now_slot slot;

    fc_clock_slot_read(s->clock.page, &slot);
    if (is_mono(clock))
        return s->params->monotonic ? slot.mono_sec * FC_SECOND : 0;
    if (!is_wall(clock))
        return 0;
    if (slot.mode == FC_CLOCK_FROZEN)
        return slot.frozen_sec * FC_SECOND + slot.frozen_nsec - fc_clock_real();
    return slot.wall_sec * FC_SECOND;
}

/* Whether the call comes from the kernel's vDSO, which reads the clock by a call when it must: then the image, which called it, adds
 * the offset (3.8). The place in its page rules out nearly all others cheaply. */
static bool from_vdso(const struct fc_timeshift_super *s, const struct seccomp_notif *notif)
{
    uint64_t where = notif->data.instruction_pointer;
    unsigned place = (unsigned)(where % FC_TIMESHIFT_PAGE);

    if ((uint32_t)notif->data.args[5] == FC_TIMESHIFT_MARK)
        return false;
    if (!(s->vdso_calls[place / 8] >> place % 8 & 1))
        return false;
    uint64_t vdso = fc_timeshift_proc_vdso((pid_t)notif->pid);
    return vdso && where >= vdso && where - vdso < s->vdso_len;
}

struct point {
    int64_t sec, nsec;
};

/* The clock as the program shall see it; an errno value. */
static int read_clock(const struct fc_timeshift_super *s, int clock, bool shift, struct point *ret_point)
{
    struct fc_clock_now_slot slot;
    struct timespec ts;

    if (syscall(SYS_clock_gettime, clock, &ts) != 0)
        return errno;
    *ret_point = (struct point){ts.tv_sec, ts.tv_nsec};
    if (!shift)
        return 0;
    fc_clock_slot_read(s->clock.page, &slot);
    if (is_mono(clock) && s->params->monotonic) {
        ret_point->sec += slot.mono_sec;
    } else if (is_wall(clock)) {
        if (slot.mode == FC_CLOCK_FROZEN)
            *ret_point = (struct point){slot.frozen_sec, slot.frozen_nsec};
        else
            ret_point->sec += slot.wall_sec;
    }
    return 0;
}

/* Two numbers in the program's form, seconds and a part; an errno value. */
static int write_pair(struct fc_timeshift_super *s, const struct seccomp_notif *notif, uint64_t address,
                      enum fc_timeshift_form form, struct point pair)
{
    int32_t narrow[2] = {(int32_t)pair.sec, (int32_t)pair.nsec};
    const void *data = &pair;
    size_t len = sizeof pair;

    if (form == FC_TIMESHIFT_NARROW) {
        if (pair.sec > INT32_MAX || pair.sec < INT32_MIN)
            return EOVERFLOW;
        data = narrow;
        len = sizeof narrow;
    }
    /* the thread may have died and its id be a stranger's by now */
    if (!fc_timeshift_listener_valid(s, notif->id))
        return ESRCH;
    if (fc_timeshift_memory_write((pid_t)notif->pid, address, data, len) == 0)
        return 0;
    return errno;
}

static int answer_clock(struct fc_timeshift_super *s, const struct seccomp_notif *notif,
                        const struct fc_timeshift_rule *rule, bool shift)
{
    struct point point;
    int error = read_clock(s, (int)notif->data.args[0], shift, &point);

    return error ? error : write_pair(s, notif, notif->data.args[1], rule->form, point);
}

static int answer_day(struct fc_timeshift_super *s, const struct seccomp_notif *notif,
                      const struct fc_timeshift_rule *rule, bool shift)
{
    struct timezone zone = {0};
    struct point point;

    int error = read_clock(s, CLOCK_REALTIME, shift, &point);
    if (!error && notif->data.args[0]) {
        point.nsec /= 1000;
        error = write_pair(s, notif, notif->data.args[0], rule->form, point);
    }
    if (error || !notif->data.args[1])
        return error;
    syscall(SYS_gettimeofday, NULL, &zone);
    if (!fc_timeshift_listener_valid(s, notif->id))
        return ESRCH;
    return fc_timeshift_memory_write((pid_t)notif->pid, notif->data.args[1], &zone, sizeof zone) == 0 ? 0 : errno;
}

static int answer_time(struct fc_timeshift_super *s, const struct seccomp_notif *notif,
                       const struct fc_timeshift_rule *rule, bool shift, int64_t *ret_value)
{
    struct point point;
    int error = read_clock(s, CLOCK_REALTIME, shift, &point);

    if (error)
        return error;
    size_t width = rule->form == FC_TIMESHIFT_NARROW ? 4 : 8;
    if (width == 4 && (point.sec > INT32_MAX || point.sec < INT32_MIN))
        return EOVERFLOW;
    *ret_value = point.sec;
    if (!notif->data.args[0])
        return 0;
    if (!fc_timeshift_listener_valid(s, notif->id))
        return ESRCH;
    return fc_timeshift_memory_write((pid_t)notif->pid, notif->data.args[0], &point.sec, width) == 0 ? 0 : errno;
}

/* Reading is shifted; setting the machine's clock is refused. */
static int answer_timex(struct fc_timeshift_super *s, const struct seccomp_notif *notif,
                        const struct fc_timeshift_rule *rule, bool shift, int64_t *ret_value)
{
    uint64_t address = notif->data.args[rule->pointer];
    struct timex timex;

    if (fc_timeshift_memory_read((pid_t)notif->pid, address, &timex, sizeof timex) != 0)
        return errno;
    if (timex.modes != 0)
        return EPERM;
    int state = adjtimex(&timex);
    if (state < 0)
        return errno;
    *ret_value = state;
    if (shift)
        timex.time.tv_sec += fc_timeshift_answer_offset(s, CLOCK_REALTIME) / FC_SECOND;
    if (!fc_timeshift_listener_valid(s, notif->id))
        return ESRCH;
    return fc_timeshift_memory_write((pid_t)notif->pid, address, &timex, sizeof timex) == 0 ? 0 : errno;
}

/* 32-bit time ends in 2038; a number that wraps would be worse (T29). */
static void warn_of_2038(struct fc_timeshift_super *s, pid_t tid)
{
    char name[FC_TIMESHIFT_NAME_MAX];

    if (s->told_2038)
        return;
    s->told_2038 = true;
    s->counters.unshifted++;
    fc_timeshift_super_say(
        s,
        "process %d (%s) has 32-bit time, which ends on 2038-01-19, before the clock's present time: "
        "its reads fail with EOVERFLOW",
        tid, fc_timeshift_proc_name(tid, name));
}

/* A process that has made itself unreadable after its exec cannot be answered (T10). */
static void warn_of_unreadable(struct fc_timeshift_super *s, pid_t tid)
{
    char name[FC_TIMESHIFT_NAME_MAX];

    s->counters.unshifted++;
    fc_timeshift_super_say(s, "process %d (%s) has made itself undumpable: time that it reads by system calls is real",
                           tid, fc_timeshift_proc_name(tid, name));
}

void fc_timeshift_answer_read(struct fc_timeshift_super *s, const struct seccomp_notif *notif,
                              const struct fc_timeshift_rule *rule)
{
    bool shift = !fc_timeshift_exec_exempt(s, (pid_t)notif->pid) && !from_vdso(s, notif);
    int64_t value = 0;
    int error = EINVAL;

    s->counters.reads++;
    if (rule->answer == FC_TIMESHIFT_READ_CLOCK)
        error = answer_clock(s, notif, rule, shift);
    else if (rule->answer == FC_TIMESHIFT_READ_DAY)
        error = answer_day(s, notif, rule, shift);
    else if (rule->answer == FC_TIMESHIFT_READ_TIME)
        error = answer_time(s, notif, rule, shift, &value);
    else if (rule->answer == FC_TIMESHIFT_READ_TIMEX)
        error = answer_timex(s, notif, rule, shift, &value);
    if (error == EPERM && rule->answer != FC_TIMESHIFT_READ_TIMEX) {
        warn_of_unreadable(s, (pid_t)notif->pid);
        fc_timeshift_listener_continue(s, notif->id);
        return;
    }
    if (error == EOVERFLOW)
        warn_of_2038(s, (pid_t)notif->pid);
    fc_timeshift_listener_return(s, notif->id, value, error);
}
