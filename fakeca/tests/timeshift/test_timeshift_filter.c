/* The filter as the kernel would run it: a small interpreter of classic BPF applied to calls whose fate reference/clock.md 3.4 tells. */
#include "timeshift/timeshift_filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

#include "timeshift/image/image.h"

#include "cmocka_all.h"

static struct fc_timeshift_filter wall, all;

static int setup(void **state)
{
    (void)state;
    fc_timeshift_filter_build(&wall, false, false);
    fc_timeshift_filter_build(&all, true, true);
    return 0;
}

static uint32_t load(const struct seccomp_data *data, uint32_t offset)
{
    uint32_t word;

    assert_true(offset + sizeof word <= sizeof *data);
    memcpy(&word, (const char *)data + offset, sizeof word);
    return word;
}

static bool holds(const struct sock_filter *at, uint32_t a)
{
    switch (BPF_OP(at->code)) {
    case BPF_JEQ:
        return a == at->k;
    case BPF_JGE:
        return a >= at->k;
    case BPF_JSET:
        return (a & at->k) != 0;
    default:
        fail_msg("unknown jump %#x", at->code);
        return false;
    }
}

static uint32_t run(const struct fc_timeshift_filter *filter, const struct seccomp_data *data)
{
    uint32_t a = 0, x = 0;

    for (size_t i = 0; i < filter->len; i++) {
        const struct sock_filter *at = &filter->code[i];
        switch (at->code) {
        case BPF_LD | BPF_W | BPF_ABS:
            a = load(data, at->k);
            break;
        case BPF_LD | BPF_IMM:
            a = at->k;
            break;
        case BPF_MISC | BPF_TAX:
            x = a;
            break;
        case BPF_ALU | BPF_LSH | BPF_X:
            assert_true(x < 32);
            a <<= x;
            break;
        case BPF_ALU | BPF_AND | BPF_K:
            a &= at->k;
            break;
        case BPF_JMP | BPF_JA:
            i += at->k;
            break;
        case BPF_RET | BPF_K:
            return at->k;
        default:
            assert_int_equal(BPF_CLASS(at->code), BPF_JMP);
            i += holds(at, a) ? at->jt : at->jf;
        }
    }
    fail_msg("the filter has no end");
    return 0;
}

#define NOTIFY SECCOMP_RET_USER_NOTIF
#define ALLOW SECCOMP_RET_ALLOW
#define REFUSE(error) (SECCOMP_RET_ERRNO | (error))
#define HIGH(x) ((uint64_t)(x) << 32)

struct call {
    int number;
    uint64_t args[6];
    uint32_t wall, all;
};

static void check(uint32_t arch, const struct call *calls, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct seccomp_data data = {.nr = calls[i].number, .arch = arch};
        memcpy(data.args, calls[i].args, sizeof data.args);
        uint32_t with_wall = run(&wall, &data), with_all = run(&all, &data);
        if (with_wall != calls[i].wall || with_all != calls[i].all)
            fail_msg("row %zu, call %d: %#x and %#x, expected %#x and %#x", i, calls[i].number, with_wall, with_all,
                     calls[i].wall, calls[i].all);
    }
}
#define CHECK(arch, calls) check(arch, calls, sizeof(calls) / sizeof *(calls))

static void reads_of_shifted_clocks_are_notified(void **state)
{
    (void)state;
    static const struct call calls[] = {
        {SYS_clock_gettime, {CLOCK_REALTIME}, NOTIFY, NOTIFY},
        {SYS_clock_gettime, {CLOCK_REALTIME_COARSE}, NOTIFY, NOTIFY},
        {SYS_clock_gettime, {CLOCK_REALTIME_ALARM}, NOTIFY, NOTIFY},
        {SYS_clock_gettime, {CLOCK_TAI}, NOTIFY, NOTIFY},
        {SYS_clock_gettime, {CLOCK_MONOTONIC}, ALLOW, NOTIFY},
        {SYS_clock_gettime, {CLOCK_MONOTONIC_RAW}, ALLOW, NOTIFY},
        {SYS_clock_gettime, {CLOCK_BOOTTIME}, ALLOW, NOTIFY},
        {SYS_clock_gettime, {CLOCK_PROCESS_CPUTIME_ID}, ALLOW, ALLOW},
        {SYS_clock_gettime, {CLOCK_THREAD_CPUTIME_ID}, ALLOW, ALLOW},
        {SYS_clock_gettime, {(uint32_t)-6}, ALLOW, ALLOW}, /* another process's */
        {SYS_clock_gettime, {FC_TIMESHIFT_MAGIC_CLOCK}, NOTIFY, NOTIFY},
        {SYS_clock_gettime, {FC_TIMESHIFT_MAGIC_IMAGE}, NOTIFY, NOTIFY},
        {SYS_clock_gettime, {0, 0, 0, 0, 0, FC_TIMESHIFT_COOKIE_VALUE}, ALLOW, ALLOW},
        {SYS_clock_gettime, {0, 0, 0, 0, 0, (uint32_t)FC_TIMESHIFT_COOKIE_VALUE}, NOTIFY, NOTIFY},
        {SYS_gettimeofday, {1}, NOTIFY, NOTIFY},
        {SYS_gettimeofday, {1, 0, 0, 0, 0, FC_TIMESHIFT_COOKIE_VALUE}, ALLOW, ALLOW},
        {SYS_time, {0}, NOTIFY, NOTIFY},
        {SYS_adjtimex, {1}, NOTIFY, NOTIFY},
        {SYS_clock_adjtime, {CLOCK_REALTIME, 1}, NOTIFY, NOTIFY},
    };
    CHECK(AUDIT_ARCH_X86_64, calls);
}

static void absolute_waits_are_notified_and_relative_ones_are_not(void **state)
{
    (void)state;
    static const struct call calls[] = {
        {SYS_clock_nanosleep, {CLOCK_REALTIME, TIMER_ABSTIME, 1}, NOTIFY, NOTIFY},
        {SYS_clock_nanosleep, {CLOCK_REALTIME, 0, 1}, ALLOW, ALLOW},
        {SYS_clock_nanosleep, {CLOCK_MONOTONIC, TIMER_ABSTIME, 1}, ALLOW, NOTIFY},
        {SYS_clock_nanosleep, {CLOCK_BOOTTIME, TIMER_ABSTIME, 1}, ALLOW, NOTIFY},
        {SYS_futex, {1, FUTEX_WAIT, 0, 1}, ALLOW, ALLOW},
        {SYS_futex, {1, FUTEX_WAIT_PRIVATE, 0, 1}, ALLOW, ALLOW},
        {SYS_futex, {1, FUTEX_WAIT_BITSET_PRIVATE, 0, 1}, ALLOW, NOTIFY},
        {SYS_futex, {1, FUTEX_WAIT_BITSET_PRIVATE | FUTEX_CLOCK_REALTIME, 0, 1}, NOTIFY, NOTIFY},
        {SYS_futex, {1, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, HIGH(1)}, NOTIFY, NOTIFY},
        {SYS_futex, {1, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, 0}, ALLOW, ALLOW},
        {SYS_futex, {1, FUTEX_LOCK_PI_PRIVATE, 0, 1}, NOTIFY, NOTIFY},
        {SYS_futex, {1, FUTEX_LOCK_PI2_PRIVATE, 0, 1}, ALLOW, NOTIFY},
        {SYS_futex, {1, FUTEX_WAIT_REQUEUE_PI | FUTEX_CLOCK_REALTIME, 0, 1}, NOTIFY, NOTIFY},
        {SYS_futex, {1, FUTEX_WAKE_PRIVATE, 1, 1}, ALLOW, ALLOW},
        {SYS_futex, {1, FUTEX_CMP_REQUEUE_PRIVATE, 1, 1}, ALLOW, ALLOW}, /* there the fourth is a number */
        {SYS_timerfd_settime, {3, 1, 1}, NOTIFY, NOTIFY},
        {SYS_timerfd_settime, {3, 0, 1}, ALLOW, ALLOW},
        {SYS_timer_settime, {0, TIMER_ABSTIME, 1}, NOTIFY, NOTIFY},
        {SYS_timer_settime, {0, 0, 1}, ALLOW, ALLOW},
        {SYS_mq_timedsend, {3, 1, 1, 1, 1}, NOTIFY, NOTIFY},
        {SYS_mq_timedreceive, {3, 1, 1, 1, 0}, ALLOW, ALLOW},
        {449, {1, 1, 0, 1, CLOCK_REALTIME}, NOTIFY, NOTIFY}, /* futex_waitv */
        {449, {1, 1, 0, 1, CLOCK_MONOTONIC}, ALLOW, NOTIFY},
        {SYS_nanosleep, {1}, ALLOW, ALLOW},
        {SYS_poll, {1, 1, 1000}, ALLOW, ALLOW},
        {SYS_epoll_wait, {3, 1, 1, 1000}, ALLOW, ALLOW},
    };
    CHECK(AUDIT_ARCH_X86_64, calls);
}

static void programs_are_followed_and_the_clock_cannot_be_set(void **state)
{
    (void)state;
    static const struct call calls[] = {
        {SYS_execve, {1}, NOTIFY, NOTIFY},
        {SYS_execveat, {3, 1}, NOTIFY, NOTIFY},
        {SYS_arch_prctl, {0x1002}, NOTIFY, NOTIFY},
        {SYS_arch_prctl, {0x1003}, ALLOW, ALLOW},
        {SYS_clock_settime, {0, 1}, REFUSE(EPERM), REFUSE(EPERM)},
        {SYS_settimeofday, {1, 0}, REFUSE(EPERM), REFUSE(EPERM)},
        {SYS_io_uring_setup, {8, 1}, REFUSE(ENOSYS), REFUSE(ENOSYS)},
        {SYS_getppid, {0}, ALLOW, ALLOW},
        {SYS_read, {0}, ALLOW, ALLOW},
        {0x40000000 | 520, {1}, REFUSE(ENOSYS), REFUSE(ENOSYS)}, /* x32's execve */
    };
    CHECK(AUDIT_ARCH_X86_64, calls);
}

static void thirty_two_bit_calls_have_their_own_numbers(void **state)
{
    (void)state;
    static const struct call calls[] = {
        {265, {CLOCK_REALTIME, 1}, NOTIFY, NOTIFY},
        {403, {CLOCK_REALTIME, 1}, NOTIFY, NOTIFY},
        {265, {CLOCK_MONOTONIC, 1}, ALLOW, NOTIFY},
        {13, {0}, NOTIFY, NOTIFY},
        {78, {1, 0}, NOTIFY, NOTIFY},
        {11, {1}, NOTIFY, NOTIFY},
        {240, {1, FUTEX_LOCK_PI, 0, 1}, NOTIFY, NOTIFY},
        {407, {0, TIMER_ABSTIME, 1}, NOTIFY, NOTIFY},
        {264, {0, 1}, REFUSE(EPERM), REFUSE(EPERM)},
        {228, {0}, ALLOW, ALLOW}, /* fsetxattr there */
        {59, {0}, ALLOW, ALLOW},
    };
    CHECK(AUDIT_ARCH_I386, calls);
}

static void rules_are_found_by_number_and_architecture(void **state)
{
    (void)state;
    bool narrow = true;
    const struct fc_timeshift_rule *rule = fc_timeshift_filter_rule(AUDIT_ARCH_X86_64, SYS_execve, &narrow);

    assert_non_null(rule);
    assert_int_equal(rule->answer, FC_TIMESHIFT_EXEC);
    assert_false(narrow);
    rule = fc_timeshift_filter_rule(AUDIT_ARCH_I386, 13, &narrow);
    assert_non_null(rule);
    assert_true(narrow);
    assert_null(fc_timeshift_filter_rule(AUDIT_ARCH_X86_64, SYS_read, &narrow));
    assert_null(fc_timeshift_filter_rule(AUDIT_ARCH_AARCH64, 59, &narrow));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(reads_of_shifted_clocks_are_notified, setup),
        cmocka_unit_test_setup(absolute_waits_are_notified_and_relative_ones_are_not, setup),
        cmocka_unit_test_setup(programs_are_followed_and_the_clock_cannot_be_set, setup),
        cmocka_unit_test_setup(thirty_two_bit_calls_have_their_own_numbers, setup),
        cmocka_unit_test(rules_are_found_by_number_and_architecture),
    };
    RUN(tests);
}
