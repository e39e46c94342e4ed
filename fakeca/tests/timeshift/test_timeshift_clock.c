/* The launcher's reader of the clock file, against files that the CA's writer makes and files that nobody should read. */
#include "timeshift/timeshift_clock.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base_clock.h"
#include "base/base_file.h"
#include "base/base_time.h"

#include "cmocka_all.h"

struct state {
    char folder[32];
    char path[64];
    struct fc_clock *writer;
    struct fc_timeshift_clock reader;
};

static int setup(void **state)
{
    struct state *s = fc_calloc(1, sizeof *s);

    memcpy(s->folder, "/tmp/fakeca-test-XXXXXX", 24);
    assert_non_null(mkdtemp(s->folder));
    snprintf(s->path, sizeof s->path, "%s/clock", s->folder);
    assert_int_equal(fc_clock_open(s->path, &s->writer, NULL), 0);
    s->reader.fd = -1;
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct state *s = *state;

    fc_timeshift_clock_close(&s->reader);
    fc_clock_free(s->writer);
    unlink(s->path);
    rmdir(s->folder);
    free(s);
    return 0;
}

static void a_reader_sees_each_change(void **state)
{
    struct state *s = *state;
    struct fc_timeshift_jump jumps[FC_CLOCK_JOURNAL + 1];
    struct fc_clock_now_slot slot;
    uint32_t generation;
    int64_t wall, mono;

    assert_int_equal(fc_timeshift_clock_open(s->path, &s->reader, NULL), 0);
    assert_int_equal(fc_timeshift_clock_state(s->reader.page), FC_CLOCK_RUNNING);
    generation = fc_clock_slot_read(s->reader.page, &slot);
    wall = slot.wall_sec;
    mono = slot.mono_sec;
    assert_int_equal(wall, 0);
    assert_int_equal(fc_timeshift_clock_jumps(s->reader.page, &generation, &wall, &mono, jumps), 0);

    assert_int_equal(fc_clock_advance(s->writer, 60 * FC_DAY, NULL), 0);
    assert_int_equal(fc_clock_advance(s->writer, -10 * FC_DAY, NULL), 0);
    assert_int_equal(fc_clock_advance(s->writer, 5 * FC_SECOND, NULL), 0);
    assert_int_equal(fc_timeshift_clock_jumps(s->reader.page, &generation, &wall, &mono, jumps), 3);
    assert_int_equal(jumps[0].wall, 60 * 86400);
    assert_int_equal(jumps[1].wall, -10 * 86400);
    assert_int_equal(jumps[1].mono, 0); /* monotonic clocks never go back */
    assert_int_equal(jumps[2].wall, 5);
    assert_int_equal(wall, 50 * 86400 + 5);
    assert_int_equal(fc_timeshift_clock_jumps(s->reader.page, &generation, &wall, &mono, jumps), 0);
}

static void more_changes_than_the_journal_holds_lose_no_second(void **state)
{
    struct state *s = *state;
    struct fc_timeshift_jump jumps[FC_CLOCK_JOURNAL + 1];
    uint32_t generation;
    int64_t wall = 0, mono = 0, sum = 0;

    assert_int_equal(fc_timeshift_clock_open(s->path, &s->reader, NULL), 0);
    generation = atomic_load(&s->reader.page->generation);
    for (int i = 0; i < 40; i++)
        assert_int_equal(fc_clock_advance(s->writer, FC_HOUR, NULL), 0);
    int n = fc_timeshift_clock_jumps(s->reader.page, &generation, &wall, &mono, jumps);
    assert_in_range(n, 1, FC_CLOCK_JOURNAL);
    for (int i = 0; i < n; i++)
        sum += jumps[i].wall;
    assert_int_equal(sum, 40 * 3600);
    assert_int_equal(wall, 40 * 3600);
}

static void refused(const char *path, enum fc_err_code code, const char *text)
{
    struct fc_timeshift_clock clock;
    struct fc_err err = {0};

    assert_int_equal(fc_timeshift_clock_open(path, &clock, &err), -1);
    assert_int_equal(err.code, code);
    if (!strstr(err.text, text))
        fail_msg("'%s' is not in '%s'", text, err.text);
}

/* The file with some bytes replaced. */
static void spoil(const struct state *s, off_t at, const void *bytes, size_t len)
{
    FILE *file = fopen(s->path, "r+");

    assert_non_null(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    assert_int_equal(fwrite(bytes, len, 1, file), 1);
    fclose(file);
}

static void what_is_no_clock_file_is_refused_with_its_reason(void **state)
{
    struct state *s = *state;

    refused("/tmp/fakeca-test-nothing-here", FC_E_NOT_FOUND, "there is no clock file");
    refused(s->folder, FC_E_DAMAGED, "something else than a file");
    spoil(s, 104, "\x02", 1); /* rate_num of slot 0 */
    refused(s->path, FC_E_DAMAGED, "damaged");
    spoil(s, 8, "\x02", 1);
    refused(s->path, FC_E_DAMAGED, "version 2, this fakeca knows 1");
    spoil(s, 0, "X", 1);
    refused(s->path, FC_E_DAMAGED, "not a clock file");
    fc_clock_free(s->writer); /* before the file becomes too short for its mapping (T16) */
    s->writer = NULL;
    assert_int_equal(truncate(s->path, 4096), 0);
    refused(s->path, FC_E_DAMAGED, "too short");
}

static void an_ended_writer_leaves_a_clock_that_goes_on(void **state)
{
    struct state *s = *state;

    assert_int_equal(fc_clock_advance(s->writer, FC_DAY, NULL), 0);
    assert_int_equal(fc_timeshift_clock_open(s->path, &s->reader, NULL), 0);
    fc_clock_free(s->writer);
    s->writer = NULL;
    assert_int_equal(fc_timeshift_clock_state(s->reader.page), FC_CLOCK_ENDED);
    /* a CA that is started again continues in the same file: who has it mapped sees it (T17) */
    assert_int_equal(fc_clock_open(s->path, &s->writer, NULL), 0);
    assert_int_equal(fc_clock_advance(s->writer, FC_DAY, NULL), 0);
    struct fc_clock_now_slot slot;
    fc_clock_slot_read(s->reader.page, &slot);
    assert_int_equal(slot.wall_sec, 2 * 86400);
}

/* The writer died between two stores (T15): what it had begun lies in the slot that is not valid, and in the journal. */
static void a_change_that_was_begun_is_no_change(void **state)
{
    struct state *s = *state;
    struct fc_timeshift_jump jumps[FC_CLOCK_JOURNAL + 1];
    const int64_t begun = INT64_C(0x5a5a5a5a5a5a5a5a);
    struct fc_clock_now_slot slot;
    int64_t wall = 86400, mono = 86400;

    assert_int_equal(fc_clock_advance(s->writer, FC_DAY, NULL), 0); /* generation 1: slot 1 at 128 is valid */
    assert_int_equal(fc_timeshift_clock_open(s->path, &s->reader, NULL), 0);
    fc_clock_free(FC_TAKE(s->writer));
    uint32_t generation = atomic_load(&s->reader.page->generation);
    /* each field of slot 0 in turn, then the journal's entry of generation 2 */
    for (off_t at = 64; at <= 64 + 48; at += 8) {
        spoil(s, at, &begun, sizeof begun);
        assert_int_equal(fc_clock_slot_read(s->reader.page, &slot), generation);
        assert_int_equal(slot.wall_sec, 86400);
        assert_int_equal(slot.mode, FC_CLOCK_FOLLOW);
    }
    spoil(s, 192 + 2 * 32 + 8, &begun, sizeof begun);
    assert_int_equal(fc_timeshift_clock_jumps(s->reader.page, &generation, &wall, &mono, jumps), 0);
    /* the next writer goes on from what is valid */
    assert_int_equal(fc_clock_open(s->path, &s->writer, NULL), 0);
    assert_int_equal(fc_clock_advance(s->writer, FC_HOUR, NULL), 0);
    assert_int_equal(fc_timeshift_clock_jumps(s->reader.page, &generation, &wall, &mono, jumps), 1);
    assert_int_equal(jumps[0].wall, 3600);
    assert_int_equal(wall, 86400 + 3600);
}

/* A child that skips an hour again and again: both offsets grow alike, in every state that a reader may see. */
static pid_t start_writer(const char *path)
{
    pid_t child = fork();

    if (child == 0) {
        struct fc_clock *clock;
        if (fc_clock_open(path, &clock, NULL))
            _exit(1);
        while (fc_clock_advance(clock, FC_HOUR, NULL) == 0)
            ;
        _exit(2);
    }
    return child;
}

static void a_killed_writer_leaves_a_whole_state(void **state)
{
    struct state *s = *state;
    struct fc_clock_now_slot slot;

    fc_clock_free(FC_TAKE(s->writer));
    assert_int_equal(fc_timeshift_clock_open(s->path, &s->reader, NULL), 0);
    for (uint32_t round = 1; round <= 60; round++) {
        uint32_t from = atomic_load(&s->reader.page->generation);
        int64_t deadline = fc_clock_mono() + 20 * FC_SECOND;
        pid_t child = start_writer(s->path);
        assert_true(child > 0);
        while (fc_clock_slot_read(s->reader.page, &slot) - from < round * 3 && fc_clock_mono() < deadline)
            assert_int_equal(slot.wall_sec, slot.mono_sec);
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, NULL, 0), child);
        uint32_t at = fc_clock_slot_read(s->reader.page, &slot);
        assert_true(at - from >= round * 3);
        assert_int_equal(slot.wall_sec, slot.mono_sec);
        assert_int_equal(slot.wall_sec, (int64_t)at * 3600);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_reader_sees_each_change),
        TEST(more_changes_than_the_journal_holds_lose_no_second),
        TEST(what_is_no_clock_file_is_refused_with_its_reason),
        TEST(an_ended_writer_leaves_a_clock_that_goes_on),
        TEST(a_change_that_was_begun_is_no_change),
        TEST(a_killed_writer_leaves_a_whole_state),
    };
    RUN(tests);
}
