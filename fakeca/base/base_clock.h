/* The clocks. The only file of the project that reads the system's clocks.
 *
 * Simulated time = real time + offset (whole seconds), or a frozen point in time. Everybody who judges a fact takes
 * `now` once per request or job from fc_clock_now and passes it down. Deadlines, pauses and ages of connections use
 * fc_clock_mono, which a skip does not move.
 *
 * A clock may be backed by a clock file: one shared mapping of version 1 as reference/clock.md part 5 lays it out, which
 * other programs read. The file is written in place, never replaced or shortened, under flock for the life of the clock.
 *
 * Threads: fc_clock_now, _read, _real, _mono may be called from any thread at any time; the functions that change the
 * clock serialize themselves. */
#ifndef FC_BASE_CLOCK_H
#define FC_BASE_CLOCK_H

#include "base/base_alloc.h"
#include "base/base_err.h"

#include <stdbool.h>
#include <stdint.h>

/* The note in the ELF file of every program that reads its clock here: such a program adds the offset itself, and `fakeca run`
 * leaves its clock alone, so that nothing is shifted twice. */
#define FC_CLOCK_NOTE "fakeca-true-clock"

struct fc_clock;

struct fc_clock_view {
    int64_t now;  /* simulated */
    int64_t real; /* real, read at the same moment */
    int64_t
        offset; /* now - real when following; of the frozen point when frozen (it then shrinks as real time goes on) */
    bool frozen;
};

/* A clock without a file: offset 0, following. Never NULL. */
struct fc_clock *fc_clock_new(void);
/* A clock that is mirrored in the file `path`, which is created (mode 0644) when missing. The clock begins with what the
 * file says. Errors: FC_E_BUSY another program writes this file; FC_E_DAMAGED not a clock file of version 1 (left
 * untouched); FC_E_SYSTEM. */
int fc_clock_open(const char *path, struct fc_clock **ret_clock, struct fc_err *err);
/* Marks the file "ended", unmaps it; takes NULL. */
void fc_clock_free(struct fc_clock *clock);
FC_CLEANUP(struct fc_clock *, fc_clock_free)

/* Simulated now; never past FC_TIME_MAX, where a clock that follows stands still. */
int64_t fc_clock_now(const struct fc_clock *clock);
void fc_clock_read(const struct fc_clock *clock, struct fc_clock_view *ret_view);
/* Real wall-clock time: only for the second time stamp of events. */
int64_t fc_clock_real(void);
/* Monotonic time in nanoseconds, from an arbitrary zero. */
int64_t fc_clock_mono(void);
/* CLOCK_MONOTONIC deadline for pthread_cond_timedwait and friends. */
struct timespec;
void fc_clock_mono_timespec(int64_t mono, struct timespec *ret_ts);

/* Each fails with FC_E_RANGE, changing nothing, when the result would leave FC_TIME_MIN..FC_TIME_MAX. */
/* Moves by a duration of either sign, rounded to whole seconds; a frozen clock stays frozen at the moved point. */
int fc_clock_advance(struct fc_clock *clock, int64_t duration, struct fc_err *err);
/* Makes it `at` now (offset rounded to whole seconds); keeps following or frozen. */
int fc_clock_set(struct fc_clock *clock, int64_t at, struct fc_err *err);
/* Stands still: at the present simulated time. Freezing a frozen clock does nothing. */
int fc_clock_freeze(struct fc_clock *clock, struct fc_err *err);
/* Goes on from the frozen point (offset rounded up to a whole second). */
int fc_clock_follow(struct fc_clock *clock, struct fc_err *err);
/* Offset 0, following. */
int fc_clock_reset(struct fc_clock *clock, struct fc_err *err);

/* For the store: what must be kept so that a restarted CA goes on with the same time, and the way back.
 * frozen_at is 0 while following. */
struct fc_clock_saved {
    int64_t offset_s;
    int64_t frozen_at;
};
void fc_clock_save(const struct fc_clock *clock, struct fc_clock_saved *ret_saved);
int fc_clock_restore(struct fc_clock *clock, const struct fc_clock_saved *saved, struct fc_err *err);

#endif
