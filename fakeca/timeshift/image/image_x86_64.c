/* The replacement vDSO of x86-64: one page of position-independent code without data of its own. Every function calls the
 * kernel's through its slot and adds the offset of the clock page. Built by a command of its own (CMakeLists.txt): the flags of
 * the project, sanitizers among them, must not get in here. */
#include <stddef.h>
#include <stdint.h>

#include "base/base_clock_int.h"

#include "timeshift/image/image.h"

#define EXPORT __attribute__((visibility("default")))
#define HIDDEN __attribute__((visibility("hidden")))

enum { NR_CLOCK_GETTIME = 228, NR_CLOCK_GETRES = 229, NR_GETTIMEOFDAY = 96, NR_GETCPU = 309, E_NOSYS = 38 };

struct spec {
    int64_t sec, nsec;
};
struct val {
    int64_t sec, usec;
};

/* The linker script places both before the image. */
extern const struct fc_clock_page image_clock HIDDEN;
extern const struct fc_timeshift_slots image_slots HIDDEN;

int __vdso_clock_gettime(int id, struct spec *spec);
int __vdso_gettimeofday(struct val *val, void *zone);
int64_t __vdso_time(int64_t *ret);
long __vdso_getcpu(unsigned *cpu, unsigned *node, void *unused);
int __vdso_clock_getres(int id, struct spec *spec);
int64_t __vdso_getrandom(void *buffer, size_t len, unsigned flags, void *state, size_t state_len);
int image_cookie_gettime(int id, struct spec *spec);
int image_cookie_gettimeofday(struct val *val, void *zone);
int64_t image_cookie_time(int64_t *ret);

/* ---- the call that nobody shifts, for machines whose clock cannot be read without one */

static int64_t call(int64_t number, uint64_t a, uint64_t b)
{
    int64_t result;
    register uint64_t cookie __asm__("r9") = FC_TIMESHIFT_COOKIE_VALUE;

    __asm__ volatile("syscall" : "=a"(result) : "0"(number), "D"(a), "S"(b), "r"(cookie) : "rcx", "r11", "memory");
    return result;
}

EXPORT int image_cookie_gettime(int id, struct spec *spec)
{
    return (int)call(NR_CLOCK_GETTIME, (uint64_t)id, (uint64_t)spec);
}

EXPORT int image_cookie_gettimeofday(struct val *val, void *zone)
{
    return (int)call(NR_GETTIMEOFDAY, (uint64_t)val, (uint64_t)zone);
}

EXPORT int64_t image_cookie_time(int64_t *ret)
{
    struct spec spec = {0, 0};

    image_cookie_gettime(0, &spec);
    if (ret)
        *ret = spec.sec;
    return spec.sec;
}

/* ---- what libc, Go and all others call */

EXPORT int __vdso_clock_gettime(int id, struct spec *spec)
{
    int (*real)(int, struct spec *) = (int (*)(int, struct spec *))image_slots.clock_gettime;
    struct fc_clock_now_slot slot;

    int result = real(id, spec);
    if (result != 0 || (unsigned)id > 11)
        return result;
    uint32_t bit = UINT32_C(1) << (unsigned)id;
    if (bit & FC_TIMESHIFT_WALL_MASK) {
        fc_clock_slot_read(&image_clock, &slot);
        if (slot.mode == FC_CLOCK_FROZEN) {
            spec->sec = slot.frozen_sec;
            spec->nsec = slot.frozen_nsec;
        } else {
            spec->sec += slot.wall_sec;
        }
    } else if ((bit & FC_TIMESHIFT_MONO_MASK) && image_slots.mono) {
        fc_clock_slot_read(&image_clock, &slot);
        spec->sec += slot.mono_sec;
    }
    return 0;
}

EXPORT int __vdso_gettimeofday(struct val *val, void *zone)
{
    int (*real)(struct val *, void *) = (int (*)(struct val *, void *))image_slots.gettimeofday;
    struct fc_clock_now_slot slot;

    int result = real(val, zone);
    if (result != 0 || !val)
        return result;
    fc_clock_slot_read(&image_clock, &slot);
    if (slot.mode == FC_CLOCK_FROZEN) {
        val->sec = slot.frozen_sec;
        val->usec = slot.frozen_nsec / 1000;
    } else {
        val->sec += slot.wall_sec;
    }
    return 0;
}

EXPORT int64_t __vdso_time(int64_t *ret)
{
    int64_t (*real)(int64_t *) = (int64_t(*)(int64_t *))image_slots.time;
    struct fc_clock_now_slot slot;

    int64_t now = real(NULL);
    fc_clock_slot_read(&image_clock, &slot);
    now = slot.mode == FC_CLOCK_FROZEN ? slot.frozen_sec : now + slot.wall_sec;
    if (ret)
        *ret = now;
    return now;
}

EXPORT long __vdso_getcpu(unsigned *cpu, unsigned *node, void *unused)
{
    long (*real)(unsigned *, unsigned *, void *) = (long (*)(unsigned *, unsigned *, void *))image_slots.getcpu;

    return real ? real(cpu, node, unused) : call(NR_GETCPU, (uint64_t)cpu, (uint64_t)node);
}

EXPORT int __vdso_clock_getres(int id, struct spec *spec)
{
    int (*real)(int, struct spec *) = (int (*)(int, struct spec *))image_slots.clock_getres;

    return real ? real(id, spec) : (int)call(NR_CLOCK_GETRES, (uint64_t)id, (uint64_t)spec);
}

EXPORT int64_t __vdso_getrandom(void *buffer, size_t len, unsigned flags, void *state, size_t state_len)
{
    int64_t (*real)(void *, size_t, unsigned, void *, size_t) =
        (int64_t(*)(void *, size_t, unsigned, void *, size_t))image_slots.getrandom;

    /* libc asks for the size of the state first, and makes the system call itself after this answer */
    return real ? real(buffer, len, flags, state, state_len) : -E_NOSYS;
}

#define WEAK(name)                                                                                                     \
    extern __typeof__(__vdso_##name) name __attribute__((weak, alias("__vdso_" #name), visibility("default")))
WEAK(clock_gettime);
WEAK(gettimeofday);
WEAK(time);
WEAK(getcpu);
WEAK(clock_getres);
WEAK(getrandom);
