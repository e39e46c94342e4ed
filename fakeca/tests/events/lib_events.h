/* What the tests of the event log share: a store, a clock, a log on them. */
#ifndef FC_TESTS_LIB_EVENTS_H
#define FC_TESTS_LIB_EVENTS_H

#include "base/base_err.h"
#include "events/events.h"
#include "store/store.h"

struct lib_events {
    struct fc_store *store;
    struct fc_clock *clock;
    struct fc_events *events;
    char dir[64];
    size_t memory_max; /* for lib_events_open */
    int64_t disk_max;
    struct fc_store_tx tx;
    struct fc_err err;
    /* the last read */
    struct fc_event_view *views;
    size_t count;
    int64_t next;
};

/* cmocka fixture: a log on a store in memory. */
int lib_events_setup(void **state);
/* Only an empty folder: lib_events_open opens. */
int lib_events_setup_closed(void **state);
int lib_events_teardown(void **state);
#define LIB_EVENTS_TEST(test) cmocka_unit_test_setup_teardown(test, lib_events_setup, lib_events_teardown)
#define LIB_EVENTS_TEST_CLOSED(test) cmocka_unit_test_setup_teardown(test, lib_events_setup_closed, lib_events_teardown)

/* Each fails the test when it does not succeed. */
void lib_events_open(struct lib_events *lib);
void lib_events_close(struct lib_events *lib);
void lib_events_begin(struct lib_events *lib);
void lib_events_commit(struct lib_events *lib);
/* Into views, count, next; those of the read before are freed. */
void lib_events_read(struct lib_events *lib, int64_t after, size_t limit, const char *const *types);
/* Reads all and expects the numbers first..last without a gap. */
void lib_events_expect(struct lib_events *lib, int64_t after, int64_t first, int64_t last);
/* Notes `count` request events. */
void lib_events_note(struct lib_events *lib, int count);
const char *lib_events_text(const struct lib_events *lib, size_t index, const char *member);

#endif
