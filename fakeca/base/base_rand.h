/* Random bytes and numbers. Without a seed they come from the kernel; with one they repeat from run to run (tokens,
 * serial numbers, shuffles; never keys, which OpenSSL makes from its own source). Any thread. */
#ifndef FC_BASE_RAND_H
#define FC_BASE_RAND_H

#include <stddef.h>
#include <stdint.h>

/* Call before the first use, or never. */
void fc_rand_seed(uint64_t seed);
void fc_rand_bytes(void *ret_bytes, size_t len);
/* Uniform in [0, limit), limit > 0. */
uint64_t fc_rand_below(uint64_t limit);

#endif
