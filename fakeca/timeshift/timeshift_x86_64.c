#ifdef __x86_64__
#define _GNU_SOURCE /* memmem */
#include "timeshift/timeshift_arch.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/elf.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

#define ABSOLUTE 1
#define ARCH_SET_FS 0x1002
#define X32_BIT 0x40000000

#define EXEC(n, path)                                                                                                  \
    {                                                                                                                  \
        .number = (n), .test = FC_TIMESHIFT_ALWAYS, .answer = FC_TIMESHIFT_EXEC, .pointer = (path)                     \
    }
#define REFUSED(n, error)                                                                                              \
    {                                                                                                                  \
        .number = (n), .test = FC_TIMESHIFT_ERRNO, .value = (error)                                                    \
    }
#define WIDE FC_TIMESHIFT_WIDE
#define NARROW FC_TIMESHIFT_NARROW
#define READ(n, kind, f)                                                                                               \
    {                                                                                                                  \
        .number = (n), .test = FC_TIMESHIFT_CLOCK, .answer = (kind), .arg = 0, .pointer = 1, .form = (f)               \
    }
#define FUTEX(n, f)                                                                                                    \
    {                                                                                                                  \
        .number = (n), .test = FC_TIMESHIFT_FUTEX, .answer = FC_TIMESHIFT_WAIT_FUTEX, .arg = 1, .pointer = 3,          \
        .form = (f)                                                                                                    \
    }
#define NANOSLEEP(n, f)                                                                                                \
    {                                                                                                                  \
        .number = (n), .test = FC_TIMESHIFT_FLAG, .answer = FC_TIMESHIFT_WAIT_CLOCK, .arg = 1, .value = ABSOLUTE,      \
        .clock = 1 + 0, .pointer = 2, .form = (f)                                                                      \
    }
#define TIMER(n, kind, f)                                                                                              \
    {                                                                                                                  \
        .number = (n), .test = FC_TIMESHIFT_FLAG, .answer = (kind), .arg = 1, .value = ABSOLUTE, .pointer = 2,         \
        .form = (f)                                                                                                    \
    }
#define QUEUE(n, f)                                                                                                    \
    {                                                                                                                  \
        .number = (n), .test = FC_TIMESHIFT_POINTER, .answer = FC_TIMESHIFT_WAIT_WALL, .pointer = 4, .form = (f)       \
    }
#define FUTEX2(n, deadline, id)                                                                                        \
    {                                                                                                                  \
        .number = (n), .test = FC_TIMESHIFT_POINTER_CLOCK, .answer = FC_TIMESHIFT_WAIT_CLOCK, .arg = (id),             \
        .pointer = (deadline)                                                                                          \
    }
#define OPEN(n, path, flags)                                                                                           \
    {                                                                                                                  \
        .number = (n), .test = FC_TIMESHIFT_READ_ONLY, .answer = FC_TIMESHIFT_OPEN, .arg = (flags), .pointer = (path)  \
    }
#define ALWAYS(n, kind, f)                                                                                             \
    {                                                                                                                  \
        .number = (n), .test = FC_TIMESHIFT_ALWAYS, .answer = (kind), .pointer = 0, .form = (f)                        \
    }

/* the most frequent first: the filter looks in this order */
static const struct fc_timeshift_rule wide_rules[] = {
    OPEN(257, 1, 2),
    FUTEX(202, WIDE),
    READ(228, FC_TIMESHIFT_READ_CLOCK, WIDE),
    {.number = 96, .test = FC_TIMESHIFT_COOKIE, .answer = FC_TIMESHIFT_READ_DAY},
    ALWAYS(201, FC_TIMESHIFT_READ_TIME, WIDE),
    EXEC(59, 0),
    EXEC(322, 1),
    {.number = 158, .test = FC_TIMESHIFT_EQUAL, .answer = FC_TIMESHIFT_THREAD, .arg = 0, .value = ARCH_SET_FS},
    NANOSLEEP(230, WIDE),
    TIMER(286, FC_TIMESHIFT_SET_TIMERFD, WIDE),
    TIMER(223, FC_TIMESHIFT_SET_TIMER, WIDE),
    QUEUE(242, WIDE),
    QUEUE(243, WIDE),
    FUTEX2(449, 3, 4),
    FUTEX2(455, 4, 5),
    ALWAYS(159, FC_TIMESHIFT_READ_TIMEX, WIDE),
    {.number = 305, .test = FC_TIMESHIFT_CLOCK, .answer = FC_TIMESHIFT_READ_TIMEX, .arg = 0, .pointer = 1},
    ALWAYS(37, FC_TIMESHIFT_ITIMER, WIDE),
    {.number = 38, .test = FC_TIMESHIFT_COOKIE, .answer = FC_TIMESHIFT_ITIMER}, /* the supervisor makes it too */
    OPEN(2, 0, 1),
    REFUSED(227, EPERM),
    REFUSED(164, EPERM),
    REFUSED(425, ENOSYS), /* io_uring_setup: its deadlines cannot be seen (clock.md 9.5); libraries fall back */
};

static const struct fc_timeshift_rule narrow_rules[] = {
    FUTEX(240, NARROW),
    FUTEX(422, WIDE),
    READ(265, FC_TIMESHIFT_READ_CLOCK, NARROW),
    READ(403, FC_TIMESHIFT_READ_CLOCK, WIDE),
    ALWAYS(78, FC_TIMESHIFT_READ_DAY, NARROW),
    ALWAYS(13, FC_TIMESHIFT_READ_TIME, NARROW),
    EXEC(11, 0),
    EXEC(358, 1),
    NANOSLEEP(267, NARROW),
    NANOSLEEP(407, WIDE),
    TIMER(325, FC_TIMESHIFT_SET_TIMERFD, NARROW),
    TIMER(411, FC_TIMESHIFT_SET_TIMERFD, WIDE),
    TIMER(260, FC_TIMESHIFT_SET_TIMER, NARROW),
    TIMER(409, FC_TIMESHIFT_SET_TIMER, WIDE),
    QUEUE(279, NARROW),
    QUEUE(280, NARROW),
    QUEUE(418, WIDE),
    QUEUE(419, WIDE),
    FUTEX2(449, 3, 4),
    FUTEX2(455, 4, 5),
    ALWAYS(243, FC_TIMESHIFT_THREAD, NARROW), /* set_thread_area */
    ALWAYS(27, FC_TIMESHIFT_ITIMER, NARROW),
    ALWAYS(104, FC_TIMESHIFT_ITIMER, NARROW),
    OPEN(5, 0, 1),
    OPEN(295, 1, 2),
    REFUSED(25, EPERM),
    REFUSED(79, EPERM),
    REFUSED(264, EPERM),
    REFUSED(404, EPERM),
    REFUSED(425, ENOSYS),
};

#define N(table) (sizeof(table) / sizeof *(table))
const struct fc_timeshift_abi fc_timeshift_abis[] = {
    {AUDIT_ARCH_X86_64, false, wide_rules, N(wide_rules), X32_BIT},
    {AUDIT_ARCH_I386, true, narrow_rules, N(narrow_rules), 0},
};
const size_t fc_timeshift_n_abis = N(fc_timeshift_abis);

#define FUTEX_OPERATION 127

static const struct fc_timeshift_sleep wide_sleeps[] = {
    {.number = 35, .length = FC_TIMESHIFT_TIMESPEC, .arg = 0},
    {.number = 230,
     .length = FC_TIMESHIFT_TIMESPEC,
     .arg = 2,
     .flag_arg = 1 + 1,
     .flag_mask = ABSOLUTE,
     .flag_want = 0},
    {.number = 7, .length = FC_TIMESHIFT_MS, .arg = 2},
    {.number = 271, .length = FC_TIMESHIFT_TIMESPEC, .arg = 2},
    {.number = 232, .length = FC_TIMESHIFT_MS, .arg = 3},
    {.number = 281, .length = FC_TIMESHIFT_MS, .arg = 3},
    {.number = 441, .length = FC_TIMESHIFT_TIMESPEC, .arg = 3},
    {.number = 23, .length = FC_TIMESHIFT_TIMEVAL, .arg = 4, .sets = 1},
    {.number = 270, .length = FC_TIMESHIFT_TIMESPEC, .arg = 4, .sets = 1},
    {.number = 202,
     .length = FC_TIMESHIFT_TIMESPEC,
     .arg = 3,
     .flag_arg = 1 + 1,
     .flag_mask = FUTEX_OPERATION,
     .flag_want = 0,
     .result = -ETIMEDOUT},
    {.number = 128, .length = FC_TIMESHIFT_TIMESPEC, .arg = 2, .result = -EAGAIN},
};
#define NARROW_SLEEP(n, kind, at)                                                                                      \
    {                                                                                                                  \
        .number = (n), .length = (kind), .arg = (at)                                                                   \
    }
#define RELATIVE(n, kind, at, flags, mask, answer)                                                                     \
    {                                                                                                                  \
        .number = (n), .length = (kind), .arg = (at), .flag_arg = 1 + (flags), .flag_mask = (mask), .result = (answer) \
    }
/* with times of 4 and of 8 bytes */
static const struct fc_timeshift_sleep narrow_sleeps[] = {
    NARROW_SLEEP(162, FC_TIMESHIFT_TIMESPEC_NARROW, 0),
    RELATIVE(267, FC_TIMESHIFT_TIMESPEC_NARROW, 2, 1, ABSOLUTE, 0),
    RELATIVE(407, FC_TIMESHIFT_TIMESPEC, 2, 1, ABSOLUTE, 0),
    NARROW_SLEEP(168, FC_TIMESHIFT_MS, 2),
    NARROW_SLEEP(309, FC_TIMESHIFT_TIMESPEC_NARROW, 2),
    NARROW_SLEEP(414, FC_TIMESHIFT_TIMESPEC, 2),
    NARROW_SLEEP(256, FC_TIMESHIFT_MS, 3),
    NARROW_SLEEP(319, FC_TIMESHIFT_MS, 3),
    NARROW_SLEEP(441, FC_TIMESHIFT_TIMESPEC, 3),
    {.number = 142, .length = FC_TIMESHIFT_TIMEVAL_NARROW, .arg = 4, .sets = 1},
    {.number = 308, .length = FC_TIMESHIFT_TIMESPEC_NARROW, .arg = 4, .sets = 1},
    {.number = 413, .length = FC_TIMESHIFT_TIMESPEC, .arg = 4, .sets = 1},
    RELATIVE(240, FC_TIMESHIFT_TIMESPEC_NARROW, 3, 1, FUTEX_OPERATION, -ETIMEDOUT),
    RELATIVE(422, FC_TIMESHIFT_TIMESPEC, 3, 1, FUTEX_OPERATION, -ETIMEDOUT),
    {.number = 177, .length = FC_TIMESHIFT_TIMESPEC_NARROW, .arg = 2, .result = -EAGAIN},
    {.number = 421, .length = FC_TIMESHIFT_TIMESPEC, .arg = 2, .result = -EAGAIN},
};

const struct fc_timeshift_sleep *fc_timeshift_arch_sleeps(bool narrow, size_t *ret_n)
{
    *ret_n = narrow ? N(narrow_sleeps) : N(wide_sleeps);
    return narrow ? narrow_sleeps : wide_sleeps;
}

uint32_t fc_timeshift_arch_restart(bool narrow)
{
    return narrow ? 0 : 219;
}

const struct fc_timeshift_numbers fc_timeshift_numbers = {.mmap = 9,
                                                          .close = 3,
                                                          .clock_gettime = 228,
                                                          .gettimeofday = 96,
                                                          .time = 201,
                                                          .timerfd_gettime = 287,
                                                          .timerfd_settime = 286,
                                                          .timer_gettime = 224,
                                                          .timer_settime = 223,
                                                          .getitimer = 36,
                                                          .setitimer = 38};

const struct fc_timeshift_names fc_timeshift_names = {.clock_gettime = "__vdso_clock_gettime",
                                                      .gettimeofday = "__vdso_gettimeofday",
                                                      .time = "__vdso_time",
                                                      .getcpu = "__vdso_getcpu",
                                                      .clock_getres = "__vdso_clock_getres",
                                                      .getrandom = "__vdso_getrandom",
                                                      .cookie_gettime = "image_cookie_gettime",
                                                      .cookie_gettimeofday = "image_cookie_gettimeofday",
                                                      .cookie_time = "image_cookie_time"};

const char *const fc_timeshift_clock_sources[] = {"tsc", "kvm-clock", "hyperv_clocksource_tsc_page", NULL};

const unsigned fc_timeshift_arch_machine = EM_X86_64;
const unsigned fc_timeshift_arch_call_len = 2;
const unsigned fc_timeshift_arch_red_zone = 128;

long fc_timeshift_arch_find_call(const uint8_t *code, size_t len)
{
    static const uint8_t syscall_instruction[] = {0x0f, 0x05};

    const uint8_t *at = memmem(code, len, syscall_instruction, sizeof syscall_instruction);
    return at ? at - code : -1;
}

size_t fc_timeshift_arch_stub(uint32_t number, uint32_t mark, uint8_t ret_code[FC_TIMESHIFT_STUB_MAX])
{
    /* mov number, %eax; mov mark, %r9d; syscall; ret */
    uint8_t code[] = {0xb8, 0, 0, 0, 0, 0x41, 0xb9, 0, 0, 0, 0, 0x0f, 0x05, 0xc3};

    memcpy(code + 1, &number, sizeof number);
    memcpy(code + 7, &mark, sizeof mark);
    memcpy(ret_code, code, sizeof code);
    return sizeof code;
}

/* ---- registers: what PTRACE_GETREGS gives a 64-bit tracer, for 32-bit programs too */

_Static_assert(sizeof(struct user_regs_struct) <= sizeof(struct fc_timeshift_regs), "room for the registers");

static struct user_regs_struct *user(struct fc_timeshift_regs *regs)
{
    return (struct user_regs_struct *)(void *)regs->words;
}

static const struct user_regs_struct *user_const(const struct fc_timeshift_regs *regs)
{
    return (const struct user_regs_struct *)(const void *)regs->words;
}

int fc_timeshift_arch_get(pid_t tid, struct fc_timeshift_regs *ret_regs)
{
    return ptrace(PTRACE_GETREGS, tid, NULL, ret_regs->words) == 0 ? 0 : -1;
}

int fc_timeshift_arch_set(pid_t tid, const struct fc_timeshift_regs *regs)
{
    return ptrace(PTRACE_SETREGS, tid, NULL, regs->words) == 0 ? 0 : -1;
}

bool fc_timeshift_arch_narrow(pid_t tid)
{
    struct fc_timeshift_regs regs;
    struct iovec io = {.iov_base = regs.words, .iov_len = sizeof regs.words};

    if (ptrace(PTRACE_GETREGSET, tid, (void *)NT_PRSTATUS, &io) != 0)
        return false;
    return io.iov_len < sizeof(struct user_regs_struct);
}

uint64_t fc_timeshift_arch_stack(const struct fc_timeshift_regs *regs)
{
    return user_const(regs)->rsp;
}

int64_t fc_timeshift_arch_number(const struct fc_timeshift_regs *regs)
{
    return (int64_t)user_const(regs)->orig_rax;
}

int64_t fc_timeshift_arch_result(const struct fc_timeshift_regs *regs)
{
    return (int64_t)user_const(regs)->rax;
}

void fc_timeshift_arch_set_result(struct fc_timeshift_regs *regs, int64_t result)
{
    user(regs)->rax = (uint64_t)result;
}

void fc_timeshift_arch_end_call(struct fc_timeshift_regs *regs, int64_t result)
{
    user(regs)->rax = (uint64_t)result;
    user(regs)->orig_rax = UINT64_MAX;
}

static unsigned long long *argument(struct user_regs_struct *to, bool narrow, unsigned n)
{
    unsigned long long *const wide_args[] = {&to->rdi, &to->rsi, &to->rdx, &to->r10, &to->r8, &to->r9};
    unsigned long long *const narrow_args[] = {&to->rbx, &to->rcx, &to->rdx, &to->rsi, &to->rdi, &to->rbp};

    return narrow ? narrow_args[n] : wide_args[n];
}

void fc_timeshift_arch_set_arg(struct fc_timeshift_regs *regs, bool narrow, unsigned n, uint64_t value)
{
    *argument(user(regs), narrow, n) = value;
}

void fc_timeshift_arch_call(struct fc_timeshift_regs *regs, uint64_t where, uint32_t number, const uint64_t args[6])
{
    for (unsigned i = 0; i < 6; i++)
        fc_timeshift_arch_set_arg(regs, false, i, args[i]);
    user(regs)->rip = where;
    fc_timeshift_arch_end_call(regs, number);
}
#endif
