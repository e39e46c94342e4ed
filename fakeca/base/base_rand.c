#include "base/base_rand.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/random.h>

#include "base/base_assert.h"

#define BLOCK 512

/* Kernel bytes are fetched by the block, for a system call costs more than the bytes. A child of fork must not hand out
 * its parent's bytes, so blocks carry the fork generation in which they were filled. */
static _Thread_local uint8_t block[BLOCK];
static _Thread_local size_t block_left;
static _Thread_local unsigned block_generation;
static atomic_uint fork_generation;
static pthread_once_t watch_fork_once = PTHREAD_ONCE_INIT;

static pthread_mutex_t seeded_lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool seeded;
static uint64_t state[4]; /* xoshiro256** by Blackman and Vigna; guarded by seeded_lock */

static void in_child(void)
{
    atomic_fetch_add(&fork_generation, 1);
}

static void watch_fork(void)
{
    FC_ASSERT(pthread_atfork(NULL, NULL, in_child) == 0);
}

static void kernel_bytes(uint8_t *out, size_t len)
{
    while (len) {
        ssize_t n = getrandom(out, len, 0);
        if (n < 0) {
            FC_ASSERT(errno == EINTR);
            continue;
        }
        out += n;
        len -= (size_t)n;
    }
}

static void buffered_bytes(uint8_t *out, size_t len)
{
    if (len > BLOCK / 2) {
        kernel_bytes(out, len);
        return;
    }
    pthread_once(&watch_fork_once, watch_fork);
    unsigned generation = atomic_load_explicit(&fork_generation, memory_order_relaxed);
    if (block_left < len || block_generation != generation) {
        kernel_bytes(block, BLOCK);
        block_left = BLOCK;
        block_generation = generation;
    }
    block_left -= len;
    memcpy(out, block + block_left, len);
    explicit_bzero(block + block_left, len);
}

/* SplitMix64: spreads a seed over the whole state, as xoshiro's authors advise. */
static uint64_t split_mix(uint64_t *x)
{
    uint64_t z = (*x += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint64_t rotate(uint64_t x, unsigned by)
{
    return (x << by) | (x >> (64 - by));
}

static uint64_t xoshiro_next(void)
{
    uint64_t result = rotate(state[1] * 5, 7) * 9;
    uint64_t t = state[1] << 17;

    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= t;
    state[3] = rotate(state[3], 45);
    return result;
}

void fc_rand_seed(uint64_t seed)
{
    pthread_mutex_lock(&seeded_lock);
    for (int i = 0; i < 4; i++)
        state[i] = split_mix(&seed);
    atomic_store(&seeded, true);
    pthread_mutex_unlock(&seeded_lock);
}

static void seeded_bytes(uint8_t *out, size_t len)
{
    pthread_mutex_lock(&seeded_lock);
    while (len) {
        uint64_t word = xoshiro_next();
        /* byte by byte from the low end: the same bytes on every machine */
        for (int i = 0; i < 8 && len; i++, len--, word >>= 8)
            *out++ = (uint8_t)word;
    }
    pthread_mutex_unlock(&seeded_lock);
}

void fc_rand_bytes(void *ret_bytes, size_t len)
{
    if (atomic_load_explicit(&seeded, memory_order_acquire))
        seeded_bytes(ret_bytes, len);
    else
        buffered_bytes(ret_bytes, len);
}

uint64_t fc_rand_below(uint64_t limit)
{
    FC_ASSERT(limit > 0);
    /* the first (2^64 mod limit) values would make some results likelier than others */
    uint64_t skip = (0 - limit) % limit;
    uint64_t value;

    do
        fc_rand_bytes(&value, sizeof value);
    while (value < skip);
    return value % limit;
}
