#include "base/base_clock.h"

#include <inttypes.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/base_assert.h"
#include "base/base_clock_int.h"
#include "base/base_time.h"

/* as elf(5) lays out a note; the name is padded to four bytes */
static const struct {
    uint32_t name_len, descriptor_len, type;
    char name[(sizeof FC_CLOCK_NOTE + 3) / 4 * 4];
} clock_note __attribute__((used, section(".note.fakeca"), aligned(4))) = {sizeof FC_CLOCK_NOTE, 0, 1, FC_CLOCK_NOTE};

struct fc_clock {
    pthread_mutex_t lock;         /* one change at a time; readers do not take it */
    struct fc_clock_page page;    /* what this process reads: nobody outside can damage it */
    struct fc_clock_page *shared; /* the file's page, or NULL */
    int fd;                       /* holds the flock */
};

static int64_t read_system(clockid_t id)
{
    struct timespec ts;

    FC_ASSERT(clock_gettime(id, &ts) == 0);
    return (int64_t)ts.tv_sec * FC_SECOND + ts.tv_nsec;
}

int64_t fc_clock_real(void)
{
    return read_system(CLOCK_REALTIME);
}

int64_t fc_clock_mono(void)
{
    return read_system(CLOCK_MONOTONIC);
}

void fc_clock_mono_timespec(int64_t mono, struct timespec *ret_ts)
{
    ret_ts->tv_sec = (time_t)(mono / FC_SECOND);
    ret_ts->tv_nsec = (long)(mono % FC_SECOND);
}

/* ---- the page */

static void slot_store(struct fc_clock_slot *slot, const struct fc_clock_now_slot *from)
{
    atomic_store_explicit(&slot->wall_sec, from->wall_sec, memory_order_relaxed);
    atomic_store_explicit(&slot->mono_sec, from->mono_sec, memory_order_relaxed);
    atomic_store_explicit(&slot->jump_sec, from->jump_sec, memory_order_relaxed);
    atomic_store_explicit(&slot->frozen_sec, from->frozen_sec, memory_order_relaxed);
    atomic_store_explicit(&slot->frozen_nsec, from->frozen_nsec, memory_order_relaxed);
    atomic_store_explicit(&slot->mode, from->mode, memory_order_relaxed);
    atomic_store_explicit(&slot->rate_num, 1, memory_order_relaxed);
    atomic_store_explicit(&slot->rate_den, 1, memory_order_relaxed);
    atomic_store_explicit(&slot->changed_real, from->changed_real, memory_order_relaxed);
}

static void journal_store(struct fc_clock_page *page, uint32_t generation, const struct fc_clock_now_slot *from)
{
    struct fc_clock_entry *entry = &page->journal[generation % FC_CLOCK_JOURNAL];

    atomic_store_explicit(&entry->generation, generation, memory_order_relaxed);
    atomic_store_explicit(&entry->zero, 0, memory_order_relaxed);
    atomic_store_explicit(&entry->wall_sec, from->wall_sec, memory_order_relaxed);
    atomic_store_explicit(&entry->mono_sec, from->mono_sec, memory_order_relaxed);
    atomic_store_explicit(&entry->changed_real, from->changed_real, memory_order_relaxed);
}

void fc_clock_page_init(struct fc_clock_page *page, const struct fc_clock_now_slot *slot)
{
    memcpy(page->magic, "FAKECLK1", sizeof page->magic);
    page->version = 1;
    page->size = sizeof *page;
    slot_store(&page->slots[0], slot);
    slot_store(&page->slots[1], slot);
    journal_store(page, 0, slot);
}

void fc_clock_page_publish(struct fc_clock_page *page, const struct fc_clock_now_slot *slot)
{
    uint32_t generation = atomic_load_explicit(&page->generation, memory_order_relaxed) + 1;

    /* a reader who still reads the slot that is written now must see that the generation has moved on */
    atomic_thread_fence(memory_order_release);
    slot_store(&page->slots[generation & 1], slot);
    journal_store(page, generation, slot);
    atomic_store_explicit(&page->generation, generation, memory_order_release);
}

/* Not FUTEX_WAKE_PRIVATE: the watchers are other processes that map the file. */
static void wake_watchers(struct fc_clock_page *page)
{
    syscall(SYS_futex, &page->generation, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

/* ---- life */

struct fc_clock *fc_clock_new(void)
{
    struct fc_clock *clock = fc_calloc(1, sizeof *clock);
    struct fc_clock_now_slot slot = {.changed_real = fc_clock_real() / FC_SECOND};

    FC_ASSERT(pthread_mutex_init(&clock->lock, NULL) == 0);
    clock->fd = -1;
    fc_clock_page_init(&clock->page, &slot);
    return clock;
}

int fc_clock_open(const char *path, struct fc_clock **ret_clock, struct fc_err *err)
{
    fc_auto(fc_clock_free) struct fc_clock *clock = fc_clock_new();
    struct fc_clock_now_slot slot;

    if (fc_clock_file_open(path, fc_clock_real(), &clock->fd, &clock->shared, err))
        return -1;
    fc_clock_slot_read(clock->shared, &slot);
    fc_clock_page_publish(&clock->page, &slot);
    *ret_clock = FC_TAKE(clock);
    return 0;
}

void fc_clock_free(struct fc_clock *clock)
{
    if (!clock)
        return;
    if (clock->shared) {
        atomic_store(&clock->shared->state, FC_CLOCK_ENDED);
        wake_watchers(clock->shared);
        fc_clock_file_close(clock->fd, clock->shared);
    }
    pthread_mutex_destroy(&clock->lock);
    free(clock);
}

/* ---- reading */

static int64_t frozen_point(const struct fc_clock_now_slot *slot)
{
    return slot->frozen_sec * FC_SECOND + slot->frozen_nsec;
}

/* A clock that follows comes to the end of the range by itself, and stands there: no date is beyond it. */
static int64_t point_at(const struct fc_clock_now_slot *slot, int64_t real)
{
    if (slot->mode == FC_CLOCK_FROZEN)
        return frozen_point(slot);
    int64_t at = real + slot->wall_sec * FC_SECOND;
    return at > FC_TIME_MAX ? FC_TIME_MAX : at;
}

int64_t fc_clock_now(const struct fc_clock *clock)
{
    struct fc_clock_now_slot slot;
    int64_t real = fc_clock_real();

    fc_clock_slot_read(&clock->page, &slot);
    return point_at(&slot, real);
}

void fc_clock_read(const struct fc_clock *clock, struct fc_clock_view *ret_view)
{
    struct fc_clock_now_slot slot;
    int64_t real = fc_clock_real();

    fc_clock_slot_read(&clock->page, &slot);
    ret_view->real = real;
    ret_view->now = point_at(&slot, real);
    ret_view->offset = ret_view->now - real;
    ret_view->frozen = slot.mode == FC_CLOCK_FROZEN;
}

/* ---- changing */

/* A change under way: the slot to be published and the real time at which it is made. */
struct change {
    struct fc_clock_now_slot slot;
    int64_t real;
};

static void change_begin(struct fc_clock *clock, struct change *ret_change)
{
    pthread_mutex_lock(&clock->lock);
    ret_change->real = fc_clock_real();
    fc_clock_slot_read(&clock->page, &ret_change->slot);
    ret_change->slot.jump_sec = 0;
    ret_change->slot.changed_real = ret_change->real / FC_SECOND;
    /* what is changed is the time that was shown, not the one that a clock at its end would have come to */
    int64_t beyond = ret_change->real / FC_SECOND + ret_change->slot.wall_sec - FC_TIME_MAX / FC_SECOND;
    if (ret_change->slot.mode == FC_CLOCK_FOLLOW && beyond > 0)
        ret_change->slot.wall_sec -= beyond;
}

static int change_drop(struct fc_clock *clock, int result)
{
    pthread_mutex_unlock(&clock->lock);
    return result;
}

static int change_publish(struct fc_clock *clock, const struct change *change)
{
    fc_clock_page_publish(&clock->page, &change->slot);
    if (clock->shared) {
        fc_clock_page_publish(clock->shared, &change->slot);
        wake_watchers(clock->shared);
    }
    return change_drop(clock, 0);
}

static int out_of_range(struct fc_err *err)
{
    char from[FC_TIME_TEXT_MAX];
    char to[FC_TIME_TEXT_MAX];

    return fc_err_set(err, FC_E_RANGE, "the clock goes from %s to %s only", fc_time_rfc3339(FC_TIME_MIN, from),
                      fc_time_rfc3339(FC_TIME_MAX, to));
}

static bool in_range(int64_t at)
{
    return at >= FC_TIME_MIN && at <= FC_TIME_MAX;
}

/* To the nearest whole second, halves away from zero. */
static int64_t rounded_seconds(int64_t duration)
{
    int64_t seconds = duration / FC_SECOND;
    int64_t rest = duration % FC_SECOND;

    if (rest >= FC_SECOND / 2)
        return seconds + 1;
    return rest <= -FC_SECOND / 2 ? seconds - 1 : seconds;
}

static void freeze_at(struct fc_clock_now_slot *slot, int64_t at)
{
    slot->mode = FC_CLOCK_FROZEN;
    slot->frozen_sec = at / FC_SECOND;
    slot->frozen_nsec = (uint32_t)(at % FC_SECOND);
}

/* Moves wall_sec, and with a jump forwards mono_sec: under the launcher's policy "all" the time has passed. */
static void jump(struct fc_clock_now_slot *slot, int64_t seconds)
{
    int64_t mono;

    slot->wall_sec += seconds;
    slot->jump_sec = seconds;
    if (seconds > 0 && !__builtin_add_overflow(slot->mono_sec, seconds, &mono) && mono <= INT64_C(1) << 52)
        slot->mono_sec = mono;
}

int fc_clock_advance(struct fc_clock *clock, int64_t duration, struct fc_err *err)
{
    struct change change;
    int64_t seconds = rounded_seconds(duration);
    int64_t at;

    change_begin(clock, &change);
    if (__builtin_add_overflow(point_at(&change.slot, change.real), seconds * FC_SECOND, &at) || !in_range(at))
        return change_drop(clock, out_of_range(err));
    jump(&change.slot, seconds);
    if (change.slot.mode == FC_CLOCK_FROZEN)
        freeze_at(&change.slot, at);
    return change_publish(clock, &change);
}

int fc_clock_set(struct fc_clock *clock, int64_t at, struct fc_err *err)
{
    struct change change;

    if (!in_range(at))
        return out_of_range(err);
    change_begin(clock, &change);
    int64_t now = point_at(&change.slot, change.real);
    int64_t seconds = rounded_seconds(at - now);
    if (change.slot.mode == FC_CLOCK_FROZEN) {
        freeze_at(&change.slot, at);
    } else if (now + seconds * FC_SECOND > FC_TIME_MAX) {
        /* at the very ends of the range rounding must not lead out of it */
        seconds--;
    } else if (now + seconds * FC_SECOND < FC_TIME_MIN) {
        seconds++;
    }
    jump(&change.slot, seconds);
    return change_publish(clock, &change);
}

int fc_clock_freeze(struct fc_clock *clock, struct fc_err *err)
{
    struct change change;

    change_begin(clock, &change);
    if (change.slot.mode == FC_CLOCK_FROZEN)
        return change_drop(clock, 0);
    int64_t now = point_at(&change.slot, change.real);
    if (!in_range(now))
        return change_drop(clock, out_of_range(err));
    freeze_at(&change.slot, now);
    return change_publish(clock, &change);
}

int fc_clock_follow(struct fc_clock *clock, struct fc_err *err)
{
    struct change change;

    change_begin(clock, &change);
    if (change.slot.mode == FC_CLOCK_FOLLOW)
        return change_drop(clock, 0);
    int64_t behind = frozen_point(&change.slot) - change.real;
    /* up to the next whole second: time must not step back when the clock starts to run */
    int64_t seconds = behind / FC_SECOND + (behind % FC_SECOND > 0);
    if (!in_range(change.real + seconds * FC_SECOND))
        return change_drop(clock, out_of_range(err));
    change.slot.wall_sec = seconds;
    change.slot.mode = FC_CLOCK_FOLLOW;
    change.slot.frozen_sec = 0;
    change.slot.frozen_nsec = 0;
    return change_publish(clock, &change);
}

int fc_clock_reset(struct fc_clock *clock, struct fc_err *err)
{
    const struct fc_clock_saved real_time = {0, 0};

    return fc_clock_restore(clock, &real_time, err);
}

/* ---- for the store */

void fc_clock_save(const struct fc_clock *clock, struct fc_clock_saved *ret_saved)
{
    struct fc_clock_now_slot slot;

    fc_clock_slot_read(&clock->page, &slot);
    ret_saved->offset_s = slot.wall_sec;
    ret_saved->frozen_at = slot.mode == FC_CLOCK_FROZEN ? frozen_point(&slot) : 0;
}

int fc_clock_restore(struct fc_clock *clock, const struct fc_clock_saved *saved, struct fc_err *err)
{
    struct fc_clock_saved present;
    struct change change;
    int64_t at = 0;

    change_begin(clock, &change);
    fc_clock_save(clock, &present);
    if (present.offset_s == saved->offset_s && present.frozen_at == saved->frozen_at)
        return change_drop(clock, 0);
    bool overflow =
        __builtin_mul_overflow(saved->offset_s, FC_SECOND, &at) || __builtin_add_overflow(at, change.real, &at);
    /* one that was saved shortly before its end may have passed it since */
    bool at_end = at > FC_TIME_MAX && saved->offset_s <= (FC_TIME_MAX - FC_TIME_MIN) / FC_SECOND;
    /* while frozen the offset stands for the time before the freeze, and is as good as any in the same bounds */
    if (overflow || (saved->frozen_at ? !in_range(saved->frozen_at) : !in_range(at) && !at_end))
        return change_drop(clock, out_of_range(err));
    jump(&change.slot, saved->offset_s - change.slot.wall_sec);
    change.slot.mode = FC_CLOCK_FOLLOW;
    change.slot.frozen_sec = 0;
    change.slot.frozen_nsec = 0;
    if (saved->frozen_at)
        freeze_at(&change.slot, saved->frozen_at);
    return change_publish(clock, &change);
}
