/* The supervisor: one thread that traces, answers and watches; everything is an event of its poll. */
#define _GNU_SOURCE
#include "timeshift/timeshift_super.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base_alloc.h"
#include "base/base_clock.h"
#include "base/base_time.h"

#include "timeshift/timeshift_filter.h"
#include "timeshift/timeshift_int.h"
#include "timeshift/timeshift_proc.h"

#define EXEC_LIFE (200 * FC_MS)
#define STOP_LIFE (100 * FC_MS)
#define STOP_LOOK (10 * FC_MS)
#define STOP_WAIT (2 * FC_SECOND)
#define GRACE (5 * FC_SECOND)
#define REST_PAUSE (50 * FC_MS)

/* ---- words to the front; never blocking (T4) */

void fc_timeshift_super_tell(struct fc_timeshift_super *s, char kind, const void *data, size_t len)
{
    char message[FC_TIMESHIFT_MESSAGE_MAX];

    if (s->front_gone || len >= sizeof message)
        return;
    message[0] = kind;
    if (len)
        memcpy(message + 1, data, len);
    send(s->control, message, len + 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void fc_timeshift_super_say(struct fc_timeshift_super *s, const char *format, ...)
{
    char text[FC_TIMESHIFT_MESSAGE_MAX - 1];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fc_timeshift_super_tell(s, FC_TIMESHIFT_SAYS, text, strlen(text));
}

/* ---- threads in our hands */

struct fc_timeshift_traced *fc_timeshift_super_traced(struct fc_timeshift_super *s, pid_t tid)
{
    for (size_t i = 0; i < s->n_traced; i++)
        if (s->traced[i].tid == tid)
            return &s->traced[i];
    return NULL;
}

struct fc_timeshift_traced *fc_timeshift_super_trace(struct fc_timeshift_super *s, pid_t tid, enum fc_timeshift_why why)
{
    if (s->n_traced % 64 == 0)
        s->traced = fc_reallocarray(s->traced, s->n_traced + 64, sizeof *s->traced);
    struct fc_timeshift_traced *t = &s->traced[s->n_traced++];
    *t = (struct fc_timeshift_traced){.tid = tid, .why = why, .since = fc_clock_mono()};
    return t;
}

void fc_timeshift_super_forget(struct fc_timeshift_super *s, pid_t tid)
{
    struct fc_timeshift_traced *t = fc_timeshift_super_traced(s, tid);

    if (t)
        *t = s->traced[--s->n_traced];
}

void fc_timeshift_super_ended(struct fc_timeshift_super *s, pid_t tid, int status)
{
    fc_timeshift_super_forget(s, tid);
    if (tid != s->command)
        return;
    s->command_ended = true;
    fc_timeshift_super_tell(s, FC_TIMESHIFT_ENDED, &status, sizeof status);
}

/* What waitpid gave for a thread that was waited for. */
static int awaited(struct fc_timeshift_super *s, pid_t tid, pid_t got, int status, int *ret_status)
{
    if (got == tid && WIFSTOPPED(status)) {
        *ret_status = status;
        return 0;
    }
    if (got == tid)
        fc_timeshift_super_ended(s, tid, status);
    else
        fc_timeshift_super_forget(s, tid);
    return -1;
}

int fc_timeshift_super_await(struct fc_timeshift_super *s, pid_t tid, int *ret_status)
{
    int status = 0;
    pid_t got;

    do {
        got = waitpid(tid, &status, __WALL);
    } while (got < 0 && errno == EINTR);
    return awaited(s, tid, got, status, ret_status);
}

static void drain(int fd)
{
    struct signalfd_siginfo info[16];
    ssize_t n = read(fd, info, sizeof info);
    (void)n;
}

int fc_timeshift_super_interrupt(struct fc_timeshift_super *s, pid_t tid, int *ret_status)
{
    struct pollfd fd = {.fd = s->signals, .events = POLLIN};
    int64_t until = fc_clock_mono() + STOP_LIFE;
    int status = 0;

    if (ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) != 0)
        return -1;
    for (;;) {
        pid_t got = waitpid(tid, &status, __WALL | WNOHANG);
        if (got != 0 && !(got < 0 && errno == EINTR))
            return awaited(s, tid, got, status, ret_status);
        if (fc_clock_mono() >= until)
            break;
        poll(&fd, 1, 1);
        drain(s->signals); /* the loop looks at all children before it waits again */
    }
    if (!fc_timeshift_super_traced(s, tid))
        fc_timeshift_super_trace(s, tid, FC_TIMESHIFT_IN_EXEC);
    return -1;
}

/* ---- stops */

static bool is_stopping(int signal)
{
    return signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
}

/* A stop of a thread whose exec we wait for. */
static void exec_stopped(struct fc_timeshift_super *s, pid_t tid, int status)
{
    int signal = WSTOPSIG(status);

    if (status >> 16 == PTRACE_EVENT_STOP && is_stopping(signal)) {
        ptrace(PTRACE_LISTEN, tid, NULL, NULL);
    } else if (status >> 16 == PTRACE_EVENT_STOP) {
        /* our own interruption: its exec has failed, it goes on in the program it was in */
        ptrace(PTRACE_DETACH, tid, NULL, NULL);
        fc_timeshift_super_forget(s, tid);
    } else {
        ptrace(PTRACE_CONT, tid, NULL, (void *)(uintptr_t)(unsigned)(status >> 16 ? 0 : signal));
    }
}

static void exec_happened(struct fc_timeshift_super *s, pid_t tid)
{
    unsigned long old = 0;

    /* a thread that was not the leader has become it (T6) */
    if (ptrace(PTRACE_GETEVENTMSG, tid, NULL, &old) == 0)
        fc_timeshift_super_forget(s, (pid_t)old);
    fc_timeshift_super_forget(s, tid);
    fc_timeshift_exec_arrived(s, tid);
}

static void stopped(struct fc_timeshift_super *s, pid_t tid, int status)
{
    const struct fc_timeshift_traced *t = fc_timeshift_super_traced(s, tid);

    if (status >> 16 == PTRACE_EVENT_EXEC) {
        exec_happened(s, tid);
    } else if (t && t->why == FC_TIMESHIFT_IN_WAIT) {
        fc_timeshift_wait_stopped(s, tid, status);
    } else if (t) {
        exec_stopped(s, tid, status);
    } else if (tid == s->command) {
        s->command_stopped = true;
        s->stop_until = 0;
        if (s->stop_again)
            kill(s->stop_again, SIGTSTP);
        s->stop_again = 0;
        fc_timeshift_super_tell(s, FC_TIMESHIFT_STOPPED, NULL, 0);
    }
}

static void reap(struct fc_timeshift_super *s)
{
    int status;
    pid_t tid;

    while ((tid = waitpid(-1, &status, WNOHANG | WUNTRACED | WCONTINUED | __WALL)) > 0) {
        if (WIFSTOPPED(status))
            stopped(s, tid, status);
        else if (WIFCONTINUED(status))
            s->command_stopped = tid == s->command ? false : s->command_stopped;
        else
            fc_timeshift_super_ended(s, tid, status);
    }
}

/* Threads whose exec has not come back are let go: other tracers could not take them else (T7). The next look, 0 for none. */
static int64_t release_failed(struct fc_timeshift_super *s, int64_t now)
{
    int64_t next = 0;

    for (size_t i = 0; i < s->n_traced; i++) {
        struct fc_timeshift_traced *t = &s->traced[i];
        if (t->why != FC_TIMESHIFT_IN_EXEC)
            continue;
        if (now - t->since >= EXEC_LIFE) {
            ptrace(PTRACE_INTERRUPT, t->tid, NULL, NULL);
            t->since = now;
        }
        if (next == 0 || t->since + EXEC_LIFE < next)
            next = t->since + EXEC_LIFE;
    }
    return next;
}

/* Ctrl-Z while the command waits for a child of a vfork: the child stops in our hands, on its way to its exec, and the command cannot
 * stop before that is over; the job would hang. So the child goes on to its exec, and stops behind it. The next look, 0 for none. */
static int64_t free_from_child(struct fc_timeshift_super *s, int64_t now)
{
    if (!s->stop_until || s->command_ended || now >= s->stop_until) {
        s->stop_until = 0;
        return 0;
    }
    pid_t child = fc_timeshift_proc_held_by_child(s->command);
    if (child && kill(child, SIGCONT) == 0)
        s->stop_again = child;
    return now + STOP_LOOK;
}

/* ---- notifications */

bool fc_timeshift_super_receive(struct fc_timeshift_super *s)
{
    struct seccomp_notif *notif = fc_calloc(1, s->notif_size);

    if (ioctl(s->listener, SECCOMP_IOCTL_NOTIF_RECV, notif) != 0) {
        free(notif);
        return false;
    }
    if (s->n_queue % 64 == 0)
        s->queue = fc_reallocarray(s->queue, s->n_queue + 64, sizeof(struct seccomp_notif *));
    s->queue[s->n_queue++] = notif;
    s->counters.notifications++;
    return true;
}

static void serve(struct fc_timeshift_super *s, const struct seccomp_notif *notif)
{
    bool narrow = false;
    const struct fc_timeshift_rule *rule =
        fc_timeshift_filter_rule(notif->data.arch, (uint32_t)notif->data.nr, &narrow);
    uint32_t clock = (uint32_t)notif->data.args[0];

    if (!rule) {
        fc_timeshift_listener_continue(s, notif->id);
        return;
    }
    switch ((enum fc_timeshift_answer)rule->answer) {
    case FC_TIMESHIFT_EXEC:
        fc_timeshift_exec_begin(s, notif, rule);
        break;
    case FC_TIMESHIFT_READ_CLOCK:
        /* the magic ids are for those that are in our hands only, and are answered where that is known */
        if (clock == FC_TIMESHIFT_MAGIC_CLOCK || clock == FC_TIMESHIFT_MAGIC_IMAGE) {
            fc_timeshift_listener_return(s, notif->id, 0, EINVAL);
            break;
        }
        fc_timeshift_answer_read(s, notif, rule);
        break;
    case FC_TIMESHIFT_READ_DAY:
    case FC_TIMESHIFT_READ_TIME:
    case FC_TIMESHIFT_READ_TIMEX:
        fc_timeshift_answer_read(s, notif, rule);
        break;
    case FC_TIMESHIFT_WAIT_CLOCK:
    case FC_TIMESHIFT_WAIT_FUTEX:
    case FC_TIMESHIFT_WAIT_WALL:
    case FC_TIMESHIFT_SET_TIMERFD:
    case FC_TIMESHIFT_SET_TIMER:
        fc_timeshift_wait_begin(s, notif, rule, narrow);
        break;
    case FC_TIMESHIFT_ITIMER:
        fc_timeshift_wake_note_itimer(s, (pid_t)notif->pid);
        fc_timeshift_listener_continue(s, notif->id);
        break;
    case FC_TIMESHIFT_OPEN:
        fc_timeshift_names_open(s, notif, rule);
        break;
    case FC_TIMESHIFT_THREAD:
        fc_timeshift_exec_late(s, notif, narrow);
        break;
    case FC_TIMESHIFT_NONE:
        fc_timeshift_listener_continue(s, notif->id);
        break;
    }
}

/* Those that came while something else was under way, oldest first; serving one may bring more. */
static void serve_queue(struct fc_timeshift_super *s)
{
    while (s->n_queue) {
        struct seccomp_notif *first = s->queue[0];
        memmove(s->queue, s->queue + 1, --s->n_queue * sizeof(struct seccomp_notif *));
        serve(s, first);
        free(first);
    }
}

/* ---- the clock */

static void clock_changed(struct fc_timeshift_super *s)
{
    struct fc_timeshift_jump jumps[FC_CLOCK_JOURNAL + 1];
    int64_t forward = 0;

    int n = fc_timeshift_clock_jumps(s->clock.page, &s->generation, &s->wall, &s->mono, jumps);
    for (int i = 0; i < n; i++)
        if (jumps[i].wall > 0)
            forward += jumps[i].wall;
    if (n == 0)
        return;
    fc_timeshift_wait_again(s);
    if (forward > 0 && !s->params->no_wake)
        fc_timeshift_wake_all(s, forward * FC_SECOND);
}

/* ---- the front's wishes, and its end */

static void end_tree(struct fc_timeshift_super *s, int signal)
{
    fc_timeshift_proc_kill_tree(getpid(), 0, signal);
    if (signal == SIGTERM && s->kill_at == 0)
        s->kill_at = fc_clock_mono() + GRACE;
}

static void obey(struct fc_timeshift_super *s, const char *message, ssize_t len)
{
    int signal;

    switch (message[0]) {
    case FC_TIMESHIFT_SIGNAL:
        if (len != 1 + (ssize_t)sizeof signal)
            break;
        memcpy(&signal, message + 1, sizeof signal);
        if (!s->command_ended && (signal != SIGCONT || s->command_stopped))
            kill(s->command, signal);
        break;
    case FC_TIMESHIFT_STOPPING:
        s->stop_until = fc_clock_mono() + STOP_WAIT;
        break;
    case FC_TIMESHIFT_END_TREE:
        end_tree(s, SIGTERM);
        break;
    case FC_TIMESHIFT_KILL_TREE:
        end_tree(s, SIGKILL);
        break;
    case FC_TIMESHIFT_DETACH:
        s->detached = true;
        break;
    default:
        break;
    }
}

/* Nobody is there to end the tree in a better way. */
static void front_ended(struct fc_timeshift_super *s)
{
    s->front_gone = true;
    if (s->detached)
        return;
    while (fc_timeshift_proc_kill_tree(getpid(), 0, SIGKILL) > 0)
        reap(s);
    if (s->params->orphaned)
        s->params->orphaned(s->params->cookie);
    _exit(FC_TIMESHIFT_FAILED);
}

static void read_control(struct fc_timeshift_super *s)
{
    char message[64];
    ssize_t len;

    while ((len = recv(s->control, message, sizeof message, MSG_DONTWAIT)) > 0)
        obey(s, message, len);
    if (len == 0)
        front_ended(s);
}

/* The last program is about to end: it gives its filter back before it can be waited for. Whoever takes our place may never wait (the
 * first process of many containers), so nobody is left to it. */
static void reap_last(struct fc_timeshift_super *s)
{
    struct pollfd fd = {.fd = s->signals, .events = POLLIN};
    int64_t until = fc_clock_mono() + STOP_WAIT;
    siginfo_t info;

    for (;;) {
        reap(s);
        bool none = waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) != 0 && errno == ECHILD;
        if (none || fc_clock_mono() >= until)
            return;
        poll(&fd, 1, 1);
        drain(s->signals);
    }
}

/* ---- the loop */

static int timeout_ms(int64_t now, const int64_t *times, size_t n)
{
    int64_t first = 0;

    for (size_t i = 0; i < n; i++)
        if (times[i] && (first == 0 || times[i] < first))
            first = times[i];
    if (first == 0)
        return -1;
    return first <= now ? 0 : (int)((first - now) / FC_MS) + 1;
}

/* What CMD left behind is told once, when it has had a moment to go away. */
static int64_t tell_rest(struct fc_timeshift_super *s, int64_t now)
{
    struct fc_timeshift_pids pids = {0};

    if (!s->command_ended || s->rest_told)
        return 0;
    if (s->rest_at == 0)
        s->rest_at = now + REST_PAUSE;
    if (now < s->rest_at)
        return s->rest_at;
    s->rest_told = true;
    fc_timeshift_proc_tree(getpid(), &pids);
    if (pids.n) {
        struct fc_timeshift_rest rest = {.first = pids.at[0], .n = pids.n};
        fc_timeshift_proc_name(rest.first, rest.name);
        fc_timeshift_super_tell(s, FC_TIMESHIFT_REST, &rest, sizeof rest);
    }
    fc_timeshift_pids_free(&pids);
    return 0;
}

static int64_t kill_late(struct fc_timeshift_super *s, int64_t now)
{
    if (s->kill_at && now >= s->kill_at) {
        end_tree(s, SIGKILL);
        s->kill_at = now + GRACE;
    }
    return s->kill_at;
}

void fc_timeshift_super_run(struct fc_timeshift_super *s)
{
    enum { LISTENER, SIGNALS, CONTROL, WATCH, NAMES, N };
    struct pollfd fds[N] = {{.fd = s->listener, .events = POLLIN},
                            {.fd = s->signals, .events = POLLIN},
                            {.fd = s->control, .events = POLLIN},
                            {.fd = s->watch, .events = POLLIN},
                            {.fd = s->names, .events = POLLIN}};

    for (;;) {
        reap(s);
        int64_t now = fc_clock_mono();
        const int64_t times[] = {release_failed(s, now), fc_timeshift_wait_unpatch(s, now), tell_rest(s, now),
                                 kill_late(s, now), free_from_child(s, now)};
        poll(fds, N, timeout_ms(now, times, sizeof times / sizeof *times));
        if (fds[WATCH].revents & POLLIN) {
            drain(s->watch);
            clock_changed(s);
        }
        if (fds[SIGNALS].revents & POLLIN)
            drain(s->signals);
        /* always: a stop may have come while something else was waited for */
        reap(s);
        if (fds[LISTENER].revents & POLLIN)
            fc_timeshift_super_receive(s);
        serve_queue(s);
        if (fds[NAMES].revents)
            fc_timeshift_names_arrived(s);
        fds[NAMES].fd = s->names;
        if (fds[CONTROL].revents)
            read_control(s);
        fds[CONTROL].fd = s->front_gone ? -1 : s->control;
        /* the last program with the filter has gone (T38) */
        if ((fds[LISTENER].revents & (POLLHUP | POLLIN)) == POLLHUP && s->command_ended)
            break;
    }
    reap_last(s);
}
