/* A reader of the clock file (base/base_clock_int.h): maps it, checks it, gives offsets. It needs nothing but libc. */
#ifndef FC_TIMESHIFT_CLOCK_H
#define FC_TIMESHIFT_CLOCK_H

#include <stdint.h>
#include <sys/types.h>

#include "base/base_clock_int.h"
#include "base/base_err.h"

struct fc_timeshift_clock {
    int fd;
    const struct fc_clock_page *page;
    dev_t device;
    ino_t inode;
};

/* Opens for reading. Errors FC_E_NOT_FOUND, FC_E_DAMAGED (with what is wrong), FC_E_SYSTEM. */
int fc_timeshift_clock_open(const char *path, struct fc_timeshift_clock *ret_clock, struct fc_err *err);
void fc_timeshift_clock_close(struct fc_timeshift_clock *clock);

/* One change, as the journal tells it. */
struct fc_timeshift_jump {
    int64_t wall, mono; /* seconds added by it; a freeze is 0 */
};
/* What changed since `generation`, oldest first, at most FC_CLOCK_JOURNAL; sets *generation to the present one. *wall and *mono: the
 * offsets known before, brought up to date. What the journal no longer holds is one sum. Returns the number of entries. */
int fc_timeshift_clock_jumps(const struct fc_clock_page *page, uint32_t *generation, int64_t *wall, int64_t *mono,
                             struct fc_timeshift_jump ret_jumps[FC_CLOCK_JOURNAL + 1]);

/* What the writer says of itself: FC_CLOCK_RUNNING, FC_CLOCK_ENDED. */
int fc_timeshift_clock_state(const struct fc_clock_page *page);

#endif
