/* The page that base_clock.c and base_clock_file.c share: the bytes of the clock file, reference/clock.md part 5.2.
 * Every field that a reader may look at while a writer writes is atomic, so that no read is torn. */
#ifndef FC_BASE_CLOCK_INT_H
#define FC_BASE_CLOCK_INT_H

#include "base/base_err.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define FC_CLOCK_FILE_SIZE 65536 /* the largest page size of aarch64 */
#define FC_CLOCK_JOURNAL 16

enum { FC_CLOCK_NEVER_STARTED = 0, FC_CLOCK_RUNNING = 1, FC_CLOCK_ENDED = 2 };
enum { FC_CLOCK_FOLLOW = 0, FC_CLOCK_FROZEN = 1 };

struct fc_clock_slot {
    _Atomic int64_t wall_sec;
    _Atomic int64_t mono_sec;
    _Atomic int64_t jump_sec;
    _Atomic int64_t frozen_sec;
    _Atomic uint32_t frozen_nsec;
    _Atomic uint32_t mode;
    _Atomic uint32_t rate_num;
    _Atomic uint32_t rate_den;
    _Atomic int64_t changed_real;
    uint8_t unused[8];
};

struct fc_clock_entry {
    _Atomic uint32_t generation;
    _Atomic uint32_t zero;
    _Atomic int64_t wall_sec;
    _Atomic int64_t mono_sec;
    _Atomic int64_t changed_real;
};

struct fc_clock_page {
    char magic[8];
    uint32_t version;
    uint32_t size;
    _Atomic uint32_t generation;
    _Atomic uint32_t state;
    uint64_t writer_pid;
    uint64_t writer_start;
    uint8_t boot_id[16];
    uint8_t unused[8];
    struct fc_clock_slot slots[2];
    struct fc_clock_entry journal[FC_CLOCK_JOURNAL];
};

_Static_assert(offsetof(struct fc_clock_page, generation) == 16, "layout version 1");
_Static_assert(offsetof(struct fc_clock_page, writer_start) == 32, "layout version 1");
_Static_assert(offsetof(struct fc_clock_page, slots) == 64, "layout version 1");
_Static_assert(sizeof(struct fc_clock_slot) == 64, "layout version 1");
_Static_assert(offsetof(struct fc_clock_slot, mode) == 36, "layout version 1");
_Static_assert(offsetof(struct fc_clock_slot, changed_real) == 48, "layout version 1");
_Static_assert(offsetof(struct fc_clock_page, journal) == 192, "layout version 1");
_Static_assert(sizeof(struct fc_clock_page) == 704, "layout version 1");

/* One state of the clock as plain values. */
struct fc_clock_now_slot {
    int64_t wall_sec;
    int64_t mono_sec;
    int64_t jump_sec;
    int64_t frozen_sec;
    uint32_t frozen_nsec;
    uint32_t mode;
    int64_t changed_real;
};

/* Reads the valid slot (clock.md 5.3: the latch; never blocks, for a writer does not touch the valid slot). */
static inline uint32_t fc_clock_slot_read(const struct fc_clock_page *page, struct fc_clock_now_slot *ret)
{
    uint32_t before;
    uint32_t after;

    do {
        before = atomic_load_explicit(&page->generation, memory_order_acquire);
        const struct fc_clock_slot *slot = &page->slots[before & 1];
        ret->wall_sec = atomic_load_explicit(&slot->wall_sec, memory_order_relaxed);
        ret->mono_sec = atomic_load_explicit(&slot->mono_sec, memory_order_relaxed);
        ret->jump_sec = atomic_load_explicit(&slot->jump_sec, memory_order_relaxed);
        ret->frozen_sec = atomic_load_explicit(&slot->frozen_sec, memory_order_relaxed);
        ret->frozen_nsec = atomic_load_explicit(&slot->frozen_nsec, memory_order_relaxed);
        ret->mode = atomic_load_explicit(&slot->mode, memory_order_relaxed);
        ret->changed_real = atomic_load_explicit(&slot->changed_real, memory_order_relaxed);
        atomic_thread_fence(memory_order_acquire);
        after = atomic_load_explicit(&page->generation, memory_order_relaxed);
    } while (before != after);
    return before;
}

/* Writes magic, version, size and generation 0 with the given slot. */
void fc_clock_page_init(struct fc_clock_page *page, const struct fc_clock_now_slot *slot);
/* Makes `slot` the valid one: other slot, journal, generation, wake of futex watchers. One writer at a time. */
void fc_clock_page_publish(struct fc_clock_page *page, const struct fc_clock_now_slot *slot);

/* base_clock_file.c: opens or creates the file, locks it, checks it, enters this process as its writer. */
int fc_clock_file_open(const char *path, int64_t real, int *ret_fd, struct fc_clock_page **ret_page,
                       struct fc_err *err);
void fc_clock_file_close(int fd, struct fc_clock_page *page);

#endif
