#include "base/base_clock.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base_file.h"
#include "base/base_time.h"

#include "cmocka_all.h"

struct fixture {
    char dir[64], path[96];
    struct fc_clock *clock;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    snprintf(f->dir, sizeof f->dir, "/tmp/fc-clock-XXXXXX");
    if (!mkdtemp(f->dir))
        return -1;
    snprintf(f->path, sizeof f->path, "%s/clock", f->dir);
    *state = f;
    return fc_clock_open(f->path, &f->clock, NULL);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    fc_clock_free(f->clock);
    unlink(f->path);
    rmdir(f->dir);
    free(f);
    return 0;
}

/* now - real is exact when both come from one reading */
static int64_t offset(const struct fc_clock *clock)
{
    struct fc_clock_view view;
    fc_clock_read(clock, &view);
    return view.now - view.real;
}

static void advances_both_ways(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(offset(f->clock), 0);
    assert_int_equal(fc_clock_advance(f->clock, 60 * FC_DAY, NULL), 0);
    assert_int_equal(offset(f->clock), 60 * FC_DAY);
    assert_int_equal(fc_clock_advance(f->clock, -61 * FC_DAY, NULL), 0);
    assert_int_equal(offset(f->clock), -FC_DAY);
    assert_int_equal(fc_clock_reset(f->clock, NULL), 0);
    assert_int_equal(offset(f->clock), 0);
}

static void sets_a_point_in_time(void **state)
{
    struct fixture *f = *state;
    int64_t at;
    assert_int_equal(fc_time_parse("2027-02-10T00:00:00Z", &at, NULL), 0);
    assert_int_equal(fc_clock_set(f->clock, at, NULL), 0);
    int64_t off = fc_clock_now(f->clock) - at;
    assert_true(off > -FC_SECOND && off < 5 * FC_SECOND);
    assert_int_equal(offset(f->clock) % FC_SECOND, 0);
}

static void freezes_and_goes_on(void **state)
{
    struct fixture *f = *state;
    struct fc_clock_view view;
    assert_int_equal(fc_clock_freeze(f->clock, NULL), 0);
    int64_t then = fc_clock_now(f->clock);
    assert_int_equal(fc_clock_now(f->clock), then);
    fc_clock_read(f->clock, &view);
    assert_true(view.frozen);
    assert_int_equal(fc_clock_advance(f->clock, FC_DAY, NULL), 0);
    assert_int_equal(fc_clock_now(f->clock), then + FC_DAY);
    assert_int_equal(fc_clock_follow(f->clock, NULL), 0);
    assert_true(fc_clock_now(f->clock) >= then + FC_DAY);
    assert_true(fc_clock_now(f->clock) < then + FC_DAY + 5 * FC_SECOND);
}

static void refuses_what_is_out_of_range(void **state)
{
    struct fixture *f = *state;
    struct fc_err err = {0};
    assert_int_equal(fc_clock_advance(f->clock, 200 * 365 * FC_DAY, &err), -1);
    assert_int_equal(err.code, FC_E_RANGE);
    assert_non_null(strstr(err.text, "2199-12-31"));
    assert_int_equal(offset(f->clock), 0);
    fc_err_clear(&err);
    assert_int_equal(fc_clock_set(f->clock, FC_TIME_MIN - FC_SECOND, &err), -1);
    assert_int_equal(err.code, FC_E_RANGE);
    assert_int_equal(offset(f->clock), 0);
}

static void one_writer(void **state)
{
    struct fixture *f = *state;
    struct fc_clock *second = NULL;
    struct fc_err err = {0};
    assert_int_equal(fc_clock_open(f->path, &second, &err), -1);
    assert_int_equal(err.code, FC_E_BUSY);
    assert_null(second);
}

/* A clock that follows comes to 2199-12-31 by itself: it stands there, a restart finds it there, and it can be put back. */
static void stands_at_its_end(void **state)
{
    struct fixture *f = *state;
    struct fc_clock_saved saved;
    int64_t wall;
    assert_int_equal(fc_clock_set(f->clock, FC_TIME_MAX, NULL), 0);
    fc_clock_free(FC_TAKE(f->clock));
    /* as if 100 s had passed meanwhile: the valid slot is that of generation 1, at 128 */
    int fd = open(f->path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &wall, sizeof wall, 128), sizeof wall);
    wall += 100;
    assert_int_equal(pwrite(fd, &wall, sizeof wall, 128), sizeof wall);
    close(fd);
    assert_int_equal(fc_clock_open(f->path, &f->clock, NULL), 0);
    assert_true(fc_clock_now(f->clock) == FC_TIME_MAX);
    fc_clock_save(f->clock, &saved);
    assert_int_equal(fc_clock_reset(f->clock, NULL), 0);
    assert_int_equal(fc_clock_restore(f->clock, &saved, NULL), 0);
    assert_true(fc_clock_now(f->clock) == FC_TIME_MAX);
    assert_int_equal(fc_clock_advance(f->clock, FC_SECOND, NULL), -1);
    assert_int_equal(fc_clock_advance(f->clock, -FC_DAY, NULL), 0);
    assert_true(fc_clock_now(f->clock) <= FC_TIME_MAX - FC_DAY + 2 * FC_SECOND);
    saved.offset_s = INT64_C(300) * 365 * 86400;
    assert_int_equal(fc_clock_restore(f->clock, &saved, NULL), -1);
}

/* A reader of another program: the layout of clock.md 5.2, read with plain offsets. */
static int64_t wall_sec_in_file(const char *path)
{
    unsigned char page[4096];
    uint32_t generation;
    int64_t wall;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(read(fd, page, sizeof page), sizeof page);
    close(fd);
    assert_memory_equal(page, "FAKECLK1", 8);
    memcpy(&generation, page + 16, 4);
    memcpy(&wall, page + 64 + 64 * (generation & 1), 8);
    return wall;
}

static void the_file_shows_it(void **state)
{
    struct fixture *f = *state;
    struct stat before, after;
    assert_int_equal(stat(f->path, &before), 0);
    assert_int_equal(before.st_size, 65536);
    assert_int_equal(fc_clock_advance(f->clock, 60 * FC_DAY, NULL), 0);
    assert_int_equal(wall_sec_in_file(f->path), 60 * 86400);
    assert_int_equal(fc_clock_advance(f->clock, -FC_DAY, NULL), 0);
    assert_int_equal(wall_sec_in_file(f->path), 59 * 86400);
    assert_int_equal(stat(f->path, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
}

static void a_restart_goes_on(void **state)
{
    struct fixture *f = *state;
    struct stat before, after;
    assert_int_equal(fc_clock_advance(f->clock, 7 * FC_DAY, NULL), 0);
    assert_int_equal(stat(f->path, &before), 0);
    fc_clock_free(FC_TAKE(f->clock));
    assert_int_equal(fc_clock_open(f->path, &f->clock, NULL), 0);
    assert_int_equal(offset(f->clock), 7 * FC_DAY);
    assert_int_equal(stat(f->path, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
}

static void damaged_files_stay_as_they_are(void **state)
{
    struct fixture *f = *state;
    static const char *const texts[] = {"", "not a clock", NULL};
    fc_clock_free(FC_TAKE(f->clock));
    for (size_t i = 0; i < 3; i++) {
        char *page, *after;
        size_t len, after_len;
        struct fc_err err = {0};
        struct fc_clock *clock = NULL;
        assert_int_equal(fc_file_read(f->path, 1 << 20, &page, &len, NULL), 0);
        if (texts[i])
            assert_int_equal(fc_file_write(f->path, texts[i], strlen(texts[i]), 0644, NULL), 0);
        else {
            unsigned version = 2; /* a later version's file, otherwise sound */
            fc_clock_free(NULL);
            unlink(f->path);
            assert_int_equal(fc_clock_open(f->path, &clock, NULL), 0);
            fc_clock_free(FC_TAKE(clock));
            int fd = open(f->path, O_WRONLY | O_CLOEXEC);
            assert_int_equal(pwrite(fd, &version, 4, 8), 4);
            close(fd);
        }
        free(page);
        assert_int_equal(fc_file_read(f->path, 1 << 20, &page, &len, NULL), 0);
        assert_int_equal(fc_clock_open(f->path, &clock, &err), -1);
        assert_int_equal(err.code, FC_E_DAMAGED);
        assert_non_null(strstr(err.text, f->path));
        assert_int_equal(fc_file_read(f->path, 1 << 20, &after, &after_len, NULL), 0);
        assert_int_equal(len, after_len);
        assert_memory_equal(page, after, len);
        free(page);
        free(after);
    }
}

struct race {
    struct fc_clock *clock;
    atomic_bool stop;
    atomic_int torn;
};

static void *read_on(void *cookie)
{
    struct race *race = cookie;
    while (!atomic_load(&race->stop)) {
        int64_t seen = offset(race->clock);
        if (seen != 0 && seen != FC_DAY)
            atomic_fetch_add(&race->torn, 1);
    }
    return NULL;
}

static void reads_are_never_torn(void **state)
{
    struct fixture *f = *state;
    struct race race = {.clock = f->clock};
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_on, &race), 0);
    for (int i = 0; i < 20000; i++)
        fc_clock_advance(f->clock, i % 2 ? -FC_DAY : FC_DAY, NULL);
    atomic_store(&race.stop, true);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&race.torn), 0);
}

static void saved_and_restored(void **state)
{
    struct fixture *f = *state;
    struct fc_clock_saved saved;
    assert_int_equal(fc_clock_advance(f->clock, 5 * FC_DAY, NULL), 0);
    assert_int_equal(fc_clock_freeze(f->clock, NULL), 0);
    int64_t then = fc_clock_now(f->clock);
    fc_clock_save(f->clock, &saved);
    assert_int_equal(fc_clock_reset(f->clock, NULL), 0);
    assert_int_equal(fc_clock_restore(f->clock, &saved, NULL), 0);
    assert_int_equal(fc_clock_now(f->clock), then);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(advances_both_ways),
        T(sets_a_point_in_time),
        T(freezes_and_goes_on),
        T(refuses_what_is_out_of_range),
        T(stands_at_its_end),
        T(one_writer),
        T(the_file_shows_it),
        T(a_restart_goes_on),
        T(damaged_files_stay_as_they_are),
        T(reads_are_never_torn),
        T(saved_and_restored),
    };
    RUN(tests);
}
