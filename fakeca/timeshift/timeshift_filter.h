/* The seccomp filter: which calls of a program wait for the supervisor. Built from the tables of timeshift_arch.h. */
#ifndef FC_TIMESHIFT_FILTER_H
#define FC_TIMESHIFT_FILTER_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "timeshift/timeshift_arch.h"

/* Clock ids that no clock uses: the calls by which a program in our hands fetches the descriptors of clock file and image. */
#define FC_TIMESHIFT_MAGIC_CLOCK 0x66ca0001
#define FC_TIMESHIFT_MAGIC_IMAGE 0x66ca0002

#define FC_TIMESHIFT_FILTER_MAX 1024
struct fc_timeshift_filter {
    struct sock_filter code[FC_TIMESHIFT_FILTER_MAX];
    unsigned short len;
};

/* mono: monotonic clocks are shifted as well; names: openings of files are looked at. */
void fc_timeshift_filter_build(struct fc_timeshift_filter *filter, bool mono, bool names);
/* Loads it into this process, for ever, with a listener: its descriptor, or -1 with errno. Sets no_new_privs. */
int fc_timeshift_filter_load(const struct fc_timeshift_filter *filter);
/* The rule for a call that a listener reported, or NULL. */
const struct fc_timeshift_rule *fc_timeshift_filter_rule(uint32_t audit, uint32_t number, bool *ret_narrow);

#endif
