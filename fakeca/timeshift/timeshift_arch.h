/* Everything that differs by processor: registers, call numbers, names in the vDSO. One file each (timeshift_x86_64.c). */
#ifndef FC_TIMESHIFT_ARCH_H
#define FC_TIMESHIFT_ARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* ---- what the filter stops and how the supervisor answers it */

/* When a call goes to the supervisor. */
enum fc_timeshift_test {
    FC_TIMESHIFT_ALWAYS,
    FC_TIMESHIFT_ERRNO,   /* never: the filter answers with the error `value` */
    FC_TIMESHIFT_CLOCK,   /* argument `arg` is a shifted clock, or one of the two magic ids; not with the cookie */
    FC_TIMESHIFT_COOKIE,  /* always, but not with the cookie */
    FC_TIMESHIFT_EQUAL,   /* argument `arg` is `value` */
    FC_TIMESHIFT_FLAG,    /* argument `arg` has the bit `value`; a shifted clock too, when `clock` is not 0 */
    FC_TIMESHIFT_POINTER, /* argument `pointer` is not 0 */
    FC_TIMESHIFT_POINTER_CLOCK, /* argument `pointer` is not 0 and argument `arg` is a shifted clock */
    FC_TIMESHIFT_READ_ONLY,     /* only when names are given: argument `arg`, flags of open, asks for a file to read */
    FC_TIMESHIFT_FUTEX          /* the operation waits until an absolute time of a shifted clock */
};

enum fc_timeshift_answer {
    FC_TIMESHIFT_NONE,
    FC_TIMESHIFT_EXEC,
    FC_TIMESHIFT_READ_CLOCK, /* writes a timespec */
    FC_TIMESHIFT_READ_DAY,   /* gettimeofday: a timeval */
    FC_TIMESHIFT_READ_TIME,  /* time: the result, and a time_t */
    FC_TIMESHIFT_READ_TIMEX, /* adjtimex, clock_adjtime */
    FC_TIMESHIFT_WAIT_CLOCK, /* deadlines; the clock is argument `arg` */
    FC_TIMESHIFT_WAIT_FUTEX,
    FC_TIMESHIFT_WAIT_WALL,
    FC_TIMESHIFT_SET_TIMERFD,
    FC_TIMESHIFT_SET_TIMER,
    FC_TIMESHIFT_ITIMER, /* only remembered: the process may have an interval timer */
    FC_TIMESHIFT_OPEN,   /* of a file, which may be /etc/hosts */
    FC_TIMESHIFT_THREAD  /* the first call of a new program: a second chance to find it */
};

/* How times lie in the program's memory. */
enum fc_timeshift_form { FC_TIMESHIFT_WIDE, FC_TIMESHIFT_NARROW }; /* 8 or 4 bytes a field */

struct fc_timeshift_rule {
    uint32_t number;
    uint8_t test, answer;
    uint8_t arg;     /* that is tested: clock id, flags, operation */
    uint8_t pointer; /* argument that points to the time or to the deadline; of exec: to the path */
    uint32_t value;
    uint8_t form;
    uint8_t clock; /* of FLAG: 1 + the argument that holds the clock id, or 0 */
};

/* One set of numbers: the processor's own, and that of its 32-bit programs. */
struct fc_timeshift_abi {
    uint32_t audit; /* AUDIT_ARCH_... as the filter sees it */
    bool narrow;    /* a 32-bit program: addresses are 4 bytes */
    const struct fc_timeshift_rule *rules;
    size_t n_rules;
    uint32_t no_call_bits; /* numbers with these bits are answered with ENOSYS; 0 for none */
};
extern const struct fc_timeshift_abi fc_timeshift_abis[];
extern const size_t fc_timeshift_n_abis;

/* ---- relative waits, which a jump ends */

enum fc_timeshift_length {
    FC_TIMESHIFT_MS,       /* milliseconds in an int argument, negative: for ever */
    FC_TIMESHIFT_TIMESPEC, /* a pointer to struct timespec */
    FC_TIMESHIFT_TIMEVAL,  /* a pointer to struct timeval */
    FC_TIMESHIFT_TIMESPEC_NARROW,
    FC_TIMESHIFT_TIMEVAL_NARROW /* the same with fields of 4 bytes */
};

struct fc_timeshift_sleep {
    uint32_t number;
    uint8_t length, arg; /* how long it waits: in argument `arg` */
    uint8_t sets;        /* 1: select, whose three sets must be emptied */
    uint8_t flag_arg;    /* 1 + argument that must have none of `flag_bits` set for this wait to be relative, or 0 */
    uint32_t flag_mask, flag_want;
    int32_t result; /* what "the time is up" looks like */
};
/* Of the processor's own programs, or of its 32-bit ones. */
const struct fc_timeshift_sleep *fc_timeshift_arch_sleeps(bool narrow, size_t *ret_n);
/* The number of restart_syscall. */
uint32_t fc_timeshift_arch_restart(bool narrow);

/* Numbers of calls that the supervisor makes inside a program. */
struct fc_timeshift_numbers {
    uint32_t mmap, close, clock_gettime, gettimeofday, time; /* 0: no such call */
    uint32_t timerfd_gettime, timerfd_settime, timer_gettime, timer_settime, getitimer, setitimer;
};
extern const struct fc_timeshift_numbers fc_timeshift_numbers;

/* EM_... of its 64-bit programs. */
extern const unsigned fc_timeshift_arch_machine;

/* ---- names in the kernel's vDSO; NULL where this processor has no such function */

struct fc_timeshift_names {
    const char *clock_gettime, *gettimeofday, *time, *getcpu, *clock_getres, *getrandom;
    const char *cookie_gettime, *cookie_gettimeofday, *cookie_time; /* of the image */
};
extern const struct fc_timeshift_names fc_timeshift_names;
/* Clock sources that are read without a system call; NULL-terminated. */
extern const char *const fc_timeshift_clock_sources[];
/* The offset of an instruction that makes a system call; -1 when there is none. */
long fc_timeshift_arch_find_call(const uint8_t *code, size_t len);
/* Its length: a call that was stopped has this much behind it. */
extern const unsigned fc_timeshift_arch_call_len;

/* Code that makes the call `number` with the mark in its sixth argument and returns, whatever it was called with. */
#define FC_TIMESHIFT_STUB_MAX 32
size_t fc_timeshift_arch_stub(uint32_t number, uint32_t mark, uint8_t ret_code[FC_TIMESHIFT_STUB_MAX]);

/* ---- registers of a stopped thread */

struct fc_timeshift_regs {
    uint64_t words[40];
};

/* 0 or -1 with errno (ESRCH: it died). */
int fc_timeshift_arch_get(pid_t tid, struct fc_timeshift_regs *ret_regs);
int fc_timeshift_arch_set(pid_t tid, const struct fc_timeshift_regs *regs);
/* Whether the thread runs 32-bit code. */
bool fc_timeshift_arch_narrow(pid_t tid);

uint64_t fc_timeshift_arch_stack(const struct fc_timeshift_regs *regs);
/* Bytes below the stack pointer that belong to the program. */
extern const unsigned fc_timeshift_arch_red_zone;
int64_t fc_timeshift_arch_number(const struct fc_timeshift_regs *regs);
int64_t fc_timeshift_arch_result(const struct fc_timeshift_regs *regs);
/* The result of a call that the kernel is about to return or to restart. */
void fc_timeshift_arch_set_result(struct fc_timeshift_regs *regs, int64_t result);
/* The same, and the kernel does not restart the call. */
void fc_timeshift_arch_end_call(struct fc_timeshift_regs *regs, int64_t result);
void fc_timeshift_arch_set_arg(struct fc_timeshift_regs *regs, bool narrow, unsigned n, uint64_t value);
/* Makes a call at `where`, an address that holds the call instruction. */
void fc_timeshift_arch_call(struct fc_timeshift_regs *regs, uint64_t where, uint32_t number, const uint64_t args[6]);

#endif
