#include "timeshift/timeshift_clock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int check(const char *path, const struct fc_clock_page *page, struct fc_err *err)
{
    if (memcmp(page->magic, "FAKECLK1", sizeof page->magic) != 0)
        return fc_err_set(err, FC_E_DAMAGED, "'%s' is not a clock file", path);
    if (page->version != 1)
        return fc_err_set(err, FC_E_DAMAGED,
                          "'%s': version %" PRIu32 ", this fakeca knows 1: use the fakeca that wrote it", path,
                          page->version);
    const struct fc_clock_slot *slot = &page->slots[atomic_load(&page->generation) & 1];
    uint32_t mode = atomic_load(&slot->mode);
    if (page->size < sizeof *page || atomic_load(&slot->rate_num) != 1 || atomic_load(&slot->rate_den) != 1 ||
        (mode != FC_CLOCK_FOLLOW && mode != FC_CLOCK_FROZEN))
        return fc_err_set(err, FC_E_DAMAGED, "'%s': clock file is damaged", path);
    return 0;
}

static int map(const char *path, int fd, struct fc_timeshift_clock *ret_clock, struct fc_err *err)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return fc_err_errno(err, "cannot look at '%s'", path);
    if (!S_ISREG(st.st_mode))
        return fc_err_set(err, FC_E_DAMAGED, "'%s' is not a clock file but something else than a file", path);
    if (st.st_size < FC_CLOCK_FILE_SIZE)
        return fc_err_set(err, FC_E_DAMAGED, "'%s': clock file is too short (%lld bytes, it has %d)", path,
                          (long long)st.st_size, FC_CLOCK_FILE_SIZE);
    void *memory = mmap(NULL, FC_CLOCK_FILE_SIZE, PROT_READ, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        return fc_err_errno(err, "cannot map '%s'", path);
    if (check(path, memory, err)) {
        munmap(memory, FC_CLOCK_FILE_SIZE);
        return -1;
    }
    *ret_clock = (struct fc_timeshift_clock){fd, memory, st.st_dev, st.st_ino};
    return 0;
}

int fc_timeshift_clock_open(const char *path, struct fc_timeshift_clock *ret_clock, struct fc_err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd < 0 && errno == ENOENT)
        return fc_err_set(err, FC_E_NOT_FOUND, "there is no clock file '%s': is the CA running?", path);
    if (fd < 0)
        return fc_err_errno(err, "cannot open the clock file '%s'", path);
    if (map(path, fd, ret_clock, err)) {
        close(fd);
        return -1;
    }
    return 0;
}

void fc_timeshift_clock_close(struct fc_timeshift_clock *clock)
{
    if (!clock->page)
        return;
    munmap((void *)(uintptr_t)clock->page, FC_CLOCK_FILE_SIZE);
    close(clock->fd);
    *clock = (struct fc_timeshift_clock){.fd = -1};
}

/* The journal's entry of a generation, unless it was written over. */
static bool entry(const struct fc_clock_page *page, uint32_t generation, int64_t *ret_wall, int64_t *ret_mono)
{
    const struct fc_clock_entry *at = &page->journal[generation % FC_CLOCK_JOURNAL];

    *ret_wall = atomic_load(&at->wall_sec);
    *ret_mono = atomic_load(&at->mono_sec);
    return atomic_load(&at->generation) == generation;
}

int fc_timeshift_clock_jumps(const struct fc_clock_page *page, uint32_t *generation, int64_t *wall, int64_t *mono,
                             struct fc_timeshift_jump ret_jumps[FC_CLOCK_JOURNAL + 1])
{
    struct fc_clock_now_slot slot;
    uint32_t last = fc_clock_slot_read(page, &slot);
    uint32_t at = *generation + 1;
    int n = 0;

    if (last - *generation >= FC_CLOCK_JOURNAL)
        at = last - FC_CLOCK_JOURNAL + 2; /* what is older is part of the first step that is left */
    for (; at != last + 1; at++) {
        int64_t new_wall, new_mono;
        if (at == last) {
            new_wall = slot.wall_sec;
            new_mono = slot.mono_sec;
        } else if (!entry(page, at, &new_wall, &new_mono)) {
            continue;
        }
        ret_jumps[n++] = (struct fc_timeshift_jump){new_wall - *wall, new_mono - *mono};
        *wall = new_wall;
        *mono = new_mono;
    }
    *generation = last;
    return n;
}

int fc_timeshift_clock_state(const struct fc_clock_page *page)
{
    return (int)atomic_load(&page->state);
}
