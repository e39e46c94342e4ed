#include "timeshift/timeshift_int.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "timeshift/timeshift_filter.h"

#define SIGNAL_SET_SIZE 8 /* of the kernel's sigset_t */
#define LOOK_AGAIN_MS 20

int fc_timeshift_inject_begin(struct fc_timeshift_super *s, pid_t tid, uint64_t where,
                              struct fc_timeshift_inject *ret_inject)
{
    const uint64_t all = UINT64_MAX;
    struct fc_timeshift_inject inject = {.super = s, .tid = tid, .where = where};

    if (fc_timeshift_arch_get(tid, &inject.saved) != 0 ||
        ptrace(PTRACE_GETSIGMASK, tid, (void *)SIGNAL_SET_SIZE, &inject.mask) != 0 ||
        ptrace(PTRACE_SETSIGMASK, tid, (void *)SIGNAL_SET_SIZE, &all) != 0)
        return -1;
    *ret_inject = inject;
    return 0;
}

/* The thread has been told to make one step; waits for its trap. */
static int finish_step(struct fc_timeshift_inject *inject)
{
    int status;

    for (;;) {
        if (fc_timeshift_super_await(inject->super, inject->tid, &status) != 0) {
            inject->dead = true;
            return -1;
        }
        if (WSTOPSIG(status) == SIGTRAP && status >> 16 == 0)
            return 0;
        /* every other signal is blocked; what cannot be blocked is kept for the end, and a fault is a failure */
        if (WSTOPSIG(status) != SIGSTOP)
            return -1;
        inject->stop_signal = SIGSTOP;
        if (ptrace(PTRACE_SINGLESTEP, inject->tid, NULL, NULL) != 0)
            return -1;
    }
}

static int begin_step(struct fc_timeshift_inject *inject, uint32_t number, const uint64_t args[6])
{
    struct fc_timeshift_regs regs = inject->saved;

    fc_timeshift_arch_call(&regs, inject->where, number, args);
    if (fc_timeshift_arch_set(inject->tid, &regs) != 0)
        return -1;
    return ptrace(PTRACE_SINGLESTEP, inject->tid, NULL, NULL) == 0 ? 0 : -1;
}

static int64_t result(struct fc_timeshift_inject *inject)
{
    struct fc_timeshift_regs regs;

    if (finish_step(inject) != 0 || fc_timeshift_arch_get(inject->tid, &regs) != 0)
        return -ESRCH;
    return fc_timeshift_arch_result(&regs);
}

int64_t fc_timeshift_inject_call(struct fc_timeshift_inject *inject, uint32_t number, const uint64_t args[6])
{
    if (inject->dead || begin_step(inject, number, args) != 0)
        return -ESRCH;
    return result(inject);
}

/* Receives until the thread's own call has come; the others stay in the queue. False when the thread will not make it. */
static bool await_own(struct fc_timeshift_inject *inject, uint64_t *ret_id)
{
    struct fc_timeshift_super *s = inject->super;
    struct pollfd fd = {.fd = s->listener, .events = POLLIN};
    siginfo_t info;

    for (;;) {
        poll(&fd, 1, LOOK_AGAIN_MS);
        if ((fd.revents & POLLIN) && fc_timeshift_super_receive(s)) {
            struct seccomp_notif *last = s->queue[s->n_queue - 1];
            if ((pid_t)last->pid == inject->tid) {
                *ret_id = last->id;
                return true;
            }
            continue;
        }
        /* a look that leaves the stop, or the end, to the one who waits for it */
        info.si_pid = 0;
        if (waitid(P_PID, (id_t)inject->tid, &info, WEXITED | WSTOPPED | WNOHANG | WNOWAIT | __WALL) != 0 ||
            info.si_pid != 0)
            return false;
    }
}

int64_t fc_timeshift_inject_give(struct fc_timeshift_inject *inject, uint32_t magic, int fd)
{
    struct fc_timeshift_super *s = inject->super;
    const uint64_t args[6] = {magic};
    uint64_t id;

    if (inject->dead || begin_step(inject, fc_timeshift_numbers.clock_gettime, args) != 0)
        return -ESRCH;
    if (await_own(inject, &id)) {
        free(s->queue[--s->n_queue]);
        if (fc_timeshift_listener_give(s, id, fd, O_CLOEXEC) != 0)
            fc_timeshift_listener_return(s, id, 0, EMFILE);
    }
    return result(inject);
}

void fc_timeshift_inject_end(struct fc_timeshift_inject *inject)
{
    if (inject->dead)
        return;
    fc_timeshift_arch_set(inject->tid, &inject->saved);
    ptrace(PTRACE_SETSIGMASK, inject->tid, (void *)SIGNAL_SET_SIZE, &inject->mask);
    if (inject->stop_signal)
        syscall(SYS_tkill, inject->tid, inject->stop_signal);
}
