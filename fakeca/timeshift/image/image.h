/* What the image (the replacement vDSO) and the supervisor who maps it agree on. In each program lie three pages in a row:
 * [slots][clock page][image]; the image reaches the two before it by their distance (reference/clock.md part 4). */
#ifndef FC_TIMESHIFT_IMAGE_H
#define FC_TIMESHIFT_IMAGE_H

#include <stdint.h>

#define FC_TIMESHIFT_PAGE 4096

/* In argument 6 of clock_gettime and gettimeofday: the filter lets such a call through unshifted. */
#define FC_TIMESHIFT_COOKIE_VALUE UINT64_C(0x66616b656361436b)

/* In the same place of calls that a patched kernel's vDSO makes: shifted, although they come from there. */
#define FC_TIMESHIFT_MARK 0x66616b65U

/* The real-time clocks (realtime, its coarse and alarm forms, TAI) and the monotonic ones, as bits by clock id. */
#define FC_TIMESHIFT_WALL_MASK ((1U << 0) | (1U << 5) | (1U << 8) | (1U << 11))
#define FC_TIMESHIFT_MONO_MASK ((1U << 1) | (1U << 4) | (1U << 6) | (1U << 7) | (1U << 9))

/* The slots page: addresses of the kernel's functions in this program, 0 where the kernel has none. */
struct fc_timeshift_slots {
    uint64_t clock_gettime;
    uint64_t gettimeofday;
    uint64_t time;
    uint64_t getcpu;
    uint64_t clock_getres;
    uint64_t getrandom;
    uint64_t mono; /* 1: monotonic clocks are shifted too */
};

#endif
