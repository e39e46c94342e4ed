/* The log and the disk: restart, kill, trimming, what has left the memory. */
#include "events/events.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib_events.h"
#include "store/store_event.h"

#include "cmocka_all.h"

static void add(struct lib_events *lib, int count)
{
    lib_events_begin(lib);
    for (int i = 0; i < count; i++)
        fc_events_add(lib->events, FC_EVENT_ORDER_CREATED, 0, NULL, NULL);
    lib_events_commit(lib);
}

static void a_restart_goes_on_without_a_gap(void **state)
{
    struct lib_events *lib = *state;

    lib_events_open(lib);
    add(lib, 10);
    lib_events_note(lib, 10); /* written at the close */
    lib_events_close(lib);
    lib_events_open(lib);
    assert_int_equal(fc_events_last(lib->events), 20);
    lib_events_expect(lib, 0, 1, 20);
    add(lib, 1);
    lib_events_note(lib, 1);
    lib_events_expect(lib, 0, 1, 22); /* the store, then the memory */
    lib_events_expect(lib, 19, 20, 22);
    lib_events_close(lib);
    lib_events_open(lib);
    lib_events_expect(lib, 0, 1, 22);
}

static void more_notes_than_a_commit_takes_are_all_written(void **state)
{
    struct lib_events *lib = *state;

    lib_events_open(lib);
    lib_events_note(lib, 2500);
    add(lib, 1);
    lib_events_expect(lib, 0, 1, 2501);
    lib_events_note(lib, 100);
    lib_events_close(lib);
    lib_events_open(lib);
    lib_events_expect(lib, 0, 1, 2601);
}

static void a_reset_does_not_begin_the_numbers_anew(void **state)
{
    struct lib_events *lib = *state;

    lib_events_open(lib);
    add(lib, 10);
    lib_events_begin(lib);
    assert_int_equal(fc_store_reset(lib->store, &lib->err), 0);
    fc_events_forget(lib->events);
    lib_events_commit(lib);
    lib_events_close(lib);
    lib_events_open(lib);
    assert_int_equal(fc_events_last(lib->events), 10);
    lib_events_note(lib, 1);
    lib_events_expect(lib, 0, 11, 11);
}

/* ---- kill -9 ---- */

/* Commits one event and shows two more, tells their number and waits for its end. */
static int note_and_wait(struct lib_events *lib, int report)
{
    const struct fc_store_params params = {.dir = lib->dir};
    struct fc_store_tx tx = {0};

    if (fc_store_open(&params, &lib->store, NULL) ||
        fc_events_new(&(struct fc_events_params){.store = lib->store, .clock = lib->clock}, &lib->events, NULL) ||
        fc_store_begin(lib->store, FC_STORE_WRITE, &tx, NULL))
        return 1;
    fc_events_add(lib->events, FC_EVENT_ORDER_CREATED, 0, NULL, NULL);
    if (fc_store_commit(&tx, NULL))
        return 2;
    lib_events_note(lib, 2);
    int64_t last = fc_events_last(lib->events);
    if (write(report, &last, sizeof last) != sizeof last)
        return 3;
    for (;;)
        pause();
}

static void a_killed_log_never_gives_a_number_again(void **state)
{
    struct lib_events *lib = *state;
    int64_t before = 0;
    int ends[2];

    for (int round = 1; round <= 3; round++) {
        int64_t last = 0;
        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            _exit(note_and_wait(lib, ends[1]));
        close(ends[1]);
        ssize_t n = read(ends[0], &last, sizeof last);
        close(ends[0]);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        assert_int_equal(n, sizeof last);
        assert_int_equal(last > before, 1);
        before = last;
    }
    lib_events_open(lib);
    lib_events_note(lib, 1);
    /* a reader that has seen `before` misses nothing behind it */
    assert_true(fc_events_last(lib->events) > before);
    lib_events_read(lib, before, 10, NULL);
    assert_int_equal(lib->count, 1);
    assert_int_equal(lib->views[0].seq, fc_events_last(lib->events));
    /* and the three that were committed are there */
    static const char *const orders[] = {"order.", NULL};
    lib_events_read(lib, 0, 10, orders);
    assert_int_equal(lib->count, 3);
}

/* ---- bounds ---- */

static void what_left_the_memory_is_read_from_the_store(void **state)
{
    struct lib_events *lib = *state;

    lib->memory_max = 10;
    lib_events_open(lib);
    for (int i = 0; i < 25; i++) {
        add(lib, 2);
        lib_events_note(lib, 1);
        lib_events_expect(lib, 0, 1, (i + 1) * 3);
    }
    lib_events_expect(lib, 30, 31, 75);
}

/* Nobody writes for a long time: what the memory cannot hold is lost, and a reader goes on behind it. */
static void notes_that_no_transaction_wrote_are_bounded_by_the_memory(void **state)
{
    struct lib_events *lib = *state;

    lib->memory_max = 10;
    lib_events_open(lib);
    add(lib, 1);
    lib_events_note(lib, 25);
    add(lib, 1);
    lib_events_read(lib, 0, 100, NULL);
    assert_int_equal(lib->count, 1 + 10 + 1); /* 1; 17..26, written by the second; 27 */
    assert_int_equal(lib->views[0].seq, 1);
    assert_int_equal(lib->views[1].seq, 17);
    assert_int_equal(lib->views[11].seq, 27);
    assert_int_equal(lib->next, 27);
    lib_events_expect(lib, 20, 21, 27);
}

static void a_reader_far_behind_finds_rare_types(void **state)
{
    static const char *const rare[] = {"clock.", NULL};
    struct lib_events *lib = *state;
    int found = 0;
    int64_t after = 0;

    lib->memory_max = 100;
    lib_events_open(lib);
    for (int i = 0; i < 25; i++) {
        add(lib, 1000);
        if (i == 23)
            fc_events_note(lib->events, FC_EVENT_CLOCK, 0, NULL, NULL);
    }
    while (after < fc_events_last(lib->events)) {
        lib_events_read(lib, after, 10, rare);
        assert_true(lib->next > after);
        found += (int)lib->count;
        after = lib->next;
    }
    assert_int_equal(found, 1);
}

static int64_t on_disk(struct lib_events *lib, int64_t *ret_first)
{
    struct fc_arena *arena = fc_arena_new();
    struct fc_store_counts counts = {0};
    struct fc_event_row *rows = NULL;
    size_t n = 0;

    int failed = fc_store_begin(lib->store, FC_STORE_READ, &lib->tx, &lib->err) ||
                 fc_store_count(lib->store, &counts, &lib->err) ||
                 fc_store_event_list(lib->store, arena, 0, 1, &rows, &n, &lib->err);
    *ret_first = n ? rows[0].seq : 0;
    fc_store_end(&lib->tx);
    fc_arena_free(arena);
    assert_int_equal(failed, 0);
    return counts.events;
}

static void the_disk_is_bounded(void **state)
{
    struct lib_events *lib = *state;
    int64_t first;

    lib->memory_max = 10;
    lib->disk_max = 100;
    lib_events_open(lib);
    for (int i = 1; i <= 300; i++) {
        add(lib, 1);
        int64_t rows = on_disk(lib, &first);
        assert_true(rows <= 100);
        assert_true(rows >= (i < 90 ? i : 90));
        assert_int_equal(first, i - rows + 1); /* the newest stay */
    }
    lib_events_expect(lib, 0, first, 300);
    lib_events_expect(lib, 295, 296, 300);
    lib_events_close(lib);
    lib->disk_max = 20;
    lib_events_open(lib); /* a smaller option takes effect at once */
    assert_int_equal(on_disk(lib, &first), 18);
    lib_events_expect(lib, 0, 283, 300);
}

static void a_rolled_back_trimming_is_made_up_for(void **state)
{
    struct lib_events *lib = *state;
    int64_t first;

    lib->memory_max = 10;
    lib->disk_max = 10;
    lib_events_open(lib);
    add(lib, 9);
    lib_events_begin(lib);
    const struct fc_event_row taken = {.seq = 10, .type = "request"};
    assert_int_equal(fc_store_event_insert(lib->store, &taken, &lib->err), 0);
    fc_events_add(lib->events, FC_EVENT_ORDER_CREATED, 0, NULL, NULL);
    assert_int_equal(fc_store_commit(&lib->tx, NULL), -1);
    for (int i = 0; i < 20; i++) {
        add(lib, 1);
        assert_true(on_disk(lib, &first) <= 10);
    }
    lib_events_expect(lib, 25, 26, 29);
}

/* A setting that no fakeca wrote. */
static void a_damaged_setting_is_named(void **state)
{
    struct lib_events *lib = *state;
    struct fc_events *events = NULL;
    const struct fc_events_params params = {.clock = lib->clock};

    lib_events_open(lib);
    lib_events_begin(lib);
    lib_events_commit(lib);
    fc_events_free(lib->events);
    lib->events = NULL;
    lib_events_begin(lib);
    assert_int_equal(fc_store_setting_set(lib->store, "events.given", "many", &lib->err), 0);
    lib_events_commit(lib);
    struct fc_events_params own = params;
    own.store = lib->store;
    assert_int_equal(fc_events_new(&own, &events, &lib->err), -1);
    assert_null(events);
    assert_int_equal(lib->err.code, FC_E_DAMAGED);
    assert_string_equal(lib->err.text, "setting 'events.given' is not a number: 'many'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIB_EVENTS_TEST_CLOSED(a_restart_goes_on_without_a_gap),
        LIB_EVENTS_TEST_CLOSED(more_notes_than_a_commit_takes_are_all_written),
        LIB_EVENTS_TEST_CLOSED(a_reset_does_not_begin_the_numbers_anew),
        LIB_EVENTS_TEST_CLOSED(a_killed_log_never_gives_a_number_again),
        LIB_EVENTS_TEST_CLOSED(what_left_the_memory_is_read_from_the_store),
        LIB_EVENTS_TEST_CLOSED(notes_that_no_transaction_wrote_are_bounded_by_the_memory),
        LIB_EVENTS_TEST_CLOSED(a_reader_far_behind_finds_rare_types),
        LIB_EVENTS_TEST_CLOSED(the_disk_is_bounded),
        LIB_EVENTS_TEST_CLOSED(a_rolled_back_trimming_is_made_up_for),
        LIB_EVENTS_TEST_CLOSED(a_damaged_setting_is_named),
    };
    RUN(tests);
}
