#include "timeshift/timeshift_filter.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/base_assert.h"

#include "timeshift/image/image.h"

#define FUTEX_COMMAND 0x7f
#define FUTEX_REALTIME 0x100
/* O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, O_DIRECTORY, O_PATH: the same for 32-bit programs */
#define WRITES (03U | 0100U | 01000U | 0200000U | 010000000U)
enum { LOCK_PI = 6, WAIT_BITSET = 9, WAIT_REQUEUE_PI = 11, LOCK_PI2 = 13 };

/* ---- putting instructions together; a jump counts the instructions that it leaves out */

static void emit(struct fc_timeshift_filter *filter, struct sock_filter instruction)
{
    FC_ASSERT(filter->len < FC_TIMESHIFT_FILTER_MAX);
    filter->code[filter->len++] = instruction;
}

static void jump(struct fc_timeshift_filter *f, uint16_t condition, uint32_t value, uint8_t yes, uint8_t no)
{
    emit(f, (struct sock_filter)BPF_JUMP((uint16_t)(BPF_JMP | condition | BPF_K), value, yes, no));
}

static void load(struct fc_timeshift_filter *f, size_t offset)
{
    emit(f, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset));
}

static void ret(struct fc_timeshift_filter *f, uint32_t action)
{
    emit(f, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action));
}

/* Little endian: the low half first. */
static void load_low(struct fc_timeshift_filter *f, unsigned arg)
{
    load(f, offsetof(struct seccomp_data, args) + arg * sizeof(uint64_t));
}

static void load_high(struct fc_timeshift_filter *f, unsigned arg)
{
    load(f, offsetof(struct seccomp_data, args) + arg * sizeof(uint64_t) + sizeof(uint32_t));
}

/* ---- the tests; each ends with a return on every way */

static void allow_cookie(struct fc_timeshift_filter *f)
{
    load_low(f, 5);
    jump(f, BPF_JEQ, (uint32_t)FC_TIMESHIFT_COOKIE_VALUE, 0, 3);
    load_high(f, 5);
    jump(f, BPF_JEQ, (uint32_t)(FC_TIMESHIFT_COOKIE_VALUE >> 32), 0, 1);
    ret(f, SECCOMP_RET_ALLOW);
}

/* The accumulator holds a clock id: notified when it is one of `mask`. */
static void notify_clock(struct fc_timeshift_filter *f, uint32_t mask)
{
    jump(f, BPF_JGE, 32, 4, 0);
    emit(f, (struct sock_filter)BPF_STMT(BPF_MISC | BPF_TAX, 0));
    emit(f, (struct sock_filter)BPF_STMT(BPF_LD | BPF_IMM, 1));
    emit(f, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_LSH | BPF_X, 0));
    jump(f, BPF_JSET, mask, 1, 0);
    ret(f, SECCOMP_RET_ALLOW);
    ret(f, SECCOMP_RET_USER_NOTIF);
}

static void allow_null(struct fc_timeshift_filter *f, unsigned arg)
{
    load_low(f, arg);
    jump(f, BPF_JEQ, 0, 0, 3);
    load_high(f, arg);
    jump(f, BPF_JEQ, 0, 0, 1);
    ret(f, SECCOMP_RET_ALLOW);
}

static void test_futex(struct fc_timeshift_filter *f, const struct fc_timeshift_rule *rule, bool mono)
{
    static const uint8_t either_clock[] = {WAIT_BITSET, WAIT_REQUEUE_PI, LOCK_PI2};

    allow_null(f, rule->pointer);
    load_low(f, rule->arg);
    emit(f, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, FUTEX_COMMAND));
    jump(f, BPF_JEQ, LOCK_PI, 0, 1);
    ret(f, SECCOMP_RET_USER_NOTIF);
    for (uint8_t i = 0; i < sizeof either_clock; i++) {
        /* over the other comparisons and the "allow" */
        jump(f, BPF_JEQ, either_clock[i], (uint8_t)(sizeof either_clock - i), 0);
    }
    ret(f, SECCOMP_RET_ALLOW);
    load_low(f, rule->arg);
    jump(f, BPF_JSET, mono ? UINT32_MAX : FUTEX_REALTIME, 0, 1);
    ret(f, SECCOMP_RET_USER_NOTIF);
    ret(f, SECCOMP_RET_ALLOW);
}

static void test_flag(struct fc_timeshift_filter *f, const struct fc_timeshift_rule *rule, uint32_t mask)
{
    load_low(f, rule->arg);
    jump(f, BPF_JSET, rule->value, 1, 0);
    ret(f, SECCOMP_RET_ALLOW);
    if (!rule->clock) {
        ret(f, SECCOMP_RET_USER_NOTIF);
        return;
    }
    load_low(f, rule->clock - 1U);
    notify_clock(f, mask);
}

static void test_clock(struct fc_timeshift_filter *f, const struct fc_timeshift_rule *rule, uint32_t mask)
{
    allow_cookie(f);
    load_low(f, rule->arg);
    jump(f, BPF_JEQ, FC_TIMESHIFT_MAGIC_CLOCK, 1, 0);
    jump(f, BPF_JEQ, FC_TIMESHIFT_MAGIC_IMAGE, 0, 1);
    ret(f, SECCOMP_RET_USER_NOTIF);
    notify_clock(f, mask);
}

static void test_rule(struct fc_timeshift_filter *f, const struct fc_timeshift_rule *rule, bool mono)
{
    uint32_t mask = FC_TIMESHIFT_WALL_MASK | (mono ? FC_TIMESHIFT_MONO_MASK : 0);

    switch ((enum fc_timeshift_test)rule->test) {
    case FC_TIMESHIFT_ERRNO:
        ret(f, SECCOMP_RET_ERRNO | rule->value);
        break;
    case FC_TIMESHIFT_CLOCK:
        test_clock(f, rule, mask);
        break;
    case FC_TIMESHIFT_EQUAL:
        load_low(f, rule->arg);
        jump(f, BPF_JEQ, rule->value, 1, 0);
        ret(f, SECCOMP_RET_ALLOW);
        ret(f, SECCOMP_RET_USER_NOTIF);
        break;
    case FC_TIMESHIFT_FLAG:
        test_flag(f, rule, mask);
        break;
    case FC_TIMESHIFT_POINTER_CLOCK:
        allow_null(f, rule->pointer);
        load_low(f, rule->arg);
        notify_clock(f, mask);
        break;
    case FC_TIMESHIFT_READ_ONLY:
        load_low(f, rule->arg);
        jump(f, BPF_JSET, WRITES, 0, 1);
        ret(f, SECCOMP_RET_ALLOW);
        ret(f, SECCOMP_RET_USER_NOTIF);
        break;
    case FC_TIMESHIFT_FUTEX:
        test_futex(f, rule, mono);
        break;
    case FC_TIMESHIFT_POINTER:
        allow_null(f, rule->pointer);
        ret(f, SECCOMP_RET_USER_NOTIF);
        break;
    case FC_TIMESHIFT_COOKIE:
        allow_cookie(f);
        ret(f, SECCOMP_RET_USER_NOTIF);
        break;
    case FC_TIMESHIFT_ALWAYS:
        ret(f, SECCOMP_RET_USER_NOTIF);
        break;
    }
}

static void build_abi(struct fc_timeshift_filter *f, const struct fc_timeshift_abi *abi, bool mono, bool names)
{
    load(f, offsetof(struct seccomp_data, nr));
    if (abi->no_call_bits) {
        jump(f, BPF_JSET, abi->no_call_bits, 0, 1);
        ret(f, SECCOMP_RET_ERRNO | ENOSYS);
    }
    for (size_t i = 0; i < abi->n_rules; i++) {
        unsigned short at = f->len;
        if (abi->rules[i].test == FC_TIMESHIFT_READ_ONLY && !names)
            continue;
        jump(f, BPF_JEQ, abi->rules[i].number, 0, 0);
        test_rule(f, &abi->rules[i], mono);
        f->code[at].jf = (uint8_t)(f->len - at - 1);
    }
    ret(f, SECCOMP_RET_ALLOW);
}

void fc_timeshift_filter_build(struct fc_timeshift_filter *filter, bool mono, bool names)
{
    filter->len = 0;
    for (size_t i = 0; i < fc_timeshift_n_abis; i++) {
        load(filter, offsetof(struct seccomp_data, arch));
        /* a section is longer than a conditional jump reaches */
        jump(filter, BPF_JEQ, fc_timeshift_abis[i].audit, 1, 0);
        unsigned short at = filter->len;
        emit(filter, (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, 0));
        build_abi(filter, &fc_timeshift_abis[i], mono, names);
        filter->code[at].k = (uint32_t)(filter->len - at - 1);
    }
    ret(filter, SECCOMP_RET_ALLOW);
}

int fc_timeshift_filter_load(const struct fc_timeshift_filter *filter)
{
    struct sock_fprog program = {.len = filter->len, .filter = (struct sock_filter *)(uintptr_t)filter->code};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return -1;
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

const struct fc_timeshift_rule *fc_timeshift_filter_rule(uint32_t audit, uint32_t number, bool *ret_narrow)
{
    for (size_t i = 0; i < fc_timeshift_n_abis; i++) {
        const struct fc_timeshift_abi *abi = &fc_timeshift_abis[i];
        if (abi->audit != audit)
            continue;
        for (size_t j = 0; j < abi->n_rules; j++)
            if (abi->rules[j].number == number) {
                *ret_narrow = abi->narrow;
                return &abi->rules[j];
            }
    }
    return NULL;
}
