#include "events/events.h"

#include <string.h>

#include "base/base_time.h"
#include "lib_events.h"
#include "store/store_event.h"

#include "cmocka_all.h"

static const struct fc_event_about about = {"production", 1, 3, 4, "0a0b"};

static json_t *stored_json(struct lib_events *lib, size_t index)
{
    assert_true(index < lib->count);
    return lib->views[index].json;
}

/* ---- what a reader gets ---- */

static void an_event_has_number_times_and_text(void **state)
{
    struct lib_events *lib = *state;
    int64_t at;

    assert_int_equal(fc_time_parse("2026-11-24T05:00:00.25Z", &at, NULL), 0);
    fc_events_note(lib->events, FC_EVENT_ORDER_INVALID, at, &about, json_pack("{s:s}", "problem", "no luck"));
    lib_events_read(lib, 0, 10, NULL);
    assert_int_equal(lib->count, 1);
    assert_int_equal(lib->views[0].seq, 1);
    assert_int_equal(json_integer_value(json_object_get(stored_json(lib, 0), "seq")), 1);
    assert_string_equal(lib_events_text(lib, 0, "time"), "2026-11-24T05:00:00.250Z");
    assert_string_equal(lib_events_text(lib, 0, "type"), "order.invalid");
    assert_string_equal(lib_events_text(lib, 0, "environment"), "production");
    assert_int_equal(json_integer_value(json_object_get(stored_json(lib, 0), "account")), 1);
    assert_int_equal(json_integer_value(json_object_get(stored_json(lib, 0), "order")), 3);
    assert_int_equal(json_integer_value(json_object_get(stored_json(lib, 0), "authorization")), 4);
    assert_string_equal(lib_events_text(lib, 0, "serial"), "0a0b");
    assert_string_equal(lib_events_text(lib, 0, "text"), "order 3 failed: no luck");
    const json_t *data = json_object_get(stored_json(lib, 0), "data");
    assert_string_equal(json_string_value(json_object_get(data, "problem")), "no luck");
    int64_t real;
    assert_int_equal(fc_time_parse(lib_events_text(lib, 0, "real_time"), &real, NULL), 0);
}

static void what_does_not_apply_is_left_out(void **state)
{
    static const char *const absent[] = {"environment", "account", "order", "authorization", "serial", "data"};
    struct lib_events *lib = *state;

    fc_events_note(lib->events, FC_EVENT_STOP, 0, NULL, NULL);
    lib_events_read(lib, 0, 10, NULL);
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++)
        assert_null(json_object_get(stored_json(lib, 0), absent[i]));
    assert_string_equal(lib_events_text(lib, 0, "text"), "fakeca stops");
}

static void data_from_peers_is_bounded(void **state)
{
    struct lib_events *lib = *state;
    char long_text[20001];

    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    fc_events_note(lib->events, FC_EVENT_PROBLEM, 0, NULL, json_pack("{s:s}", "detail", long_text));
    long_text[12000] = '\0'; /* longer than what is kept on the stack, short enough to be kept */
    fc_events_note(lib->events, FC_EVENT_PROBLEM, 0, NULL, json_pack("{s:s}", "detail", long_text));
    lib_events_read(lib, 0, 10, NULL);
    assert_null(json_object_get(json_object_get(stored_json(lib, 0), "data"), "detail"));
    assert_non_null(json_object_get(json_object_get(stored_json(lib, 0), "data"), "left_out"));
    const json_t *kept = json_object_get(json_object_get(stored_json(lib, 1), "data"), "detail");
    assert_int_equal(json_string_length(kept), 12000);
}

/* ---- notes and facts ---- */

static void a_note_is_seen_at_once_and_written_with_the_next_transaction(void **state)
{
    struct lib_events *lib = *state;
    struct fc_store_counts counts;

    lib_events_note(lib, 3);
    assert_int_equal(fc_events_last(lib->events), 3);
    lib_events_expect(lib, 0, 1, 3);
    lib_events_begin(lib);
    assert_int_equal(fc_store_count(lib->store, &counts, &lib->err), 0);
    assert_int_equal(counts.events, 0);
    lib_events_note(lib, 1); /* inside of a transaction too */
    assert_int_equal(fc_events_last(lib->events), 4);
    lib_events_commit(lib);
    assert_int_equal(fc_store_begin(lib->store, FC_STORE_READ, &lib->tx, &lib->err), 0);
    assert_int_equal(fc_store_count(lib->store, &counts, &lib->err), 0);
    assert_int_equal(counts.events, 4);
    fc_store_end(&lib->tx);
}

static void a_fact_is_seen_when_it_is_committed(void **state)
{
    struct lib_events *lib = *state;
    int64_t last;

    lib_events_begin(lib);
    fc_events_add(lib->events, FC_EVENT_ORDER_CREATED, 0, &about, NULL);
    fc_events_add(lib->events, FC_EVENT_AUTHZ_CREATED, 0, &about, NULL);
    assert_int_equal(fc_events_last(lib->events), 0);
    lib_events_note(lib, 1); /* is before them: it is seen before them */
    assert_int_equal(fc_events_last(lib->events), 1);
    lib_events_commit(lib);
    lib_events_expect(lib, 0, 1, 3);
    lib_events_read(lib, 0, 10, NULL);
    assert_string_equal(lib_events_text(lib, 0, "type"), "request");
    assert_string_equal(lib_events_text(lib, 1, "type"), "order.created");
    assert_string_equal(lib_events_text(lib, 2, "type"), "authz.created");
    assert_int_equal(fc_store_begin(lib->store, FC_STORE_READ, &lib->tx, &lib->err), 0);
    assert_int_equal(fc_store_event_last(lib->store, &last, &lib->err), 0);
    assert_int_equal(last, 3);
    fc_store_end(&lib->tx);
}

static void a_rollback_drops_its_facts_and_no_number(void **state)
{
    struct lib_events *lib = *state;

    lib_events_begin(lib);
    fc_events_add(lib->events, FC_EVENT_ORDER_CREATED, 0, &about, NULL);
    lib_events_note(lib, 1);
    fc_store_end(&lib->tx);
    assert_int_equal(fc_events_last(lib->events), 1);
    lib_events_begin(lib);
    fc_events_add(lib->events, FC_EVENT_AUTHZ_CREATED, 0, &about, NULL);
    lib_events_commit(lib);
    lib_events_expect(lib, 0, 1, 2);
    lib_events_read(lib, 0, 10, NULL);
    assert_string_equal(lib_events_text(lib, 0, "type"), "request");
    assert_string_equal(lib_events_text(lib, 1, "type"), "authz.created");
}

static void a_failed_commit_drops_its_facts_too(void **state)
{
    struct lib_events *lib = *state;
    /* a number that somebody took meanwhile makes the log's own insert fail */
    const struct fc_event_row taken = {.seq = 1, .type = "request"};

    lib_events_begin(lib);
    assert_int_equal(fc_store_event_insert(lib->store, &taken, &lib->err), 0);
    fc_events_add(lib->events, FC_EVENT_ORDER_CREATED, 0, &about, NULL);
    assert_int_equal(fc_store_commit(&lib->tx, &lib->err), -1);
    assert_int_equal(lib->err.code, FC_E_SYSTEM);
    assert_int_equal(fc_events_last(lib->events), 0);
    lib_events_begin(lib);
    fc_events_add(lib->events, FC_EVENT_AUTHZ_CREATED, 0, &about, NULL);
    lib_events_commit(lib);
    lib_events_expect(lib, 0, 1, 1);
}

/* ---- reading ---- */

static void readers_filter_and_go_on(void **state)
{
    static const char *const orders[] = {"order.", NULL};
    static const char *const two[] = {"clock.changed", "request", NULL};
    static const char *const none[] = {"order", "reque", ".", NULL};
    struct lib_events *lib = *state;

    for (int i = 0; i < 4; i++) {
        fc_events_note(lib->events, FC_EVENT_REQUEST, 0, NULL, NULL);
        fc_events_note(lib->events, FC_EVENT_ORDER_CREATED, 0, &about, NULL);
        fc_events_note(lib->events, FC_EVENT_ORDER_INVALID, 0, &about, NULL);
        fc_events_note(lib->events, FC_EVENT_PROBLEM, 0, &about, NULL); /* "request.refused" */
    }
    lib_events_read(lib, 0, 3, orders);
    assert_int_equal(lib->count, 3);
    assert_int_equal(lib->views[0].seq, 2);
    assert_int_equal(lib->views[2].seq, 6);
    assert_int_equal(lib->next, 6);
    lib_events_read(lib, lib->next, 100, orders);
    assert_int_equal(lib->count, 5);
    assert_int_equal(lib->views[0].seq, 7);
    assert_int_equal(lib->next, 16);
    lib_events_read(lib, 0, 100, two);
    assert_int_equal(lib->count, 4); /* a name is no prefix */
    lib_events_read(lib, 0, 100, none);
    assert_int_equal(lib->count, 0);
    assert_int_equal(lib->next, 16); /* what was filtered out counts */
    lib_events_read(lib, 16, 100, NULL);
    assert_int_equal(lib->count, 0);
    assert_int_equal(lib->next, 16);
    lib_events_read(lib, 900, 100, NULL); /* never given */
    assert_int_equal(lib->count, 0);
    assert_int_equal(lib->next, 16);
    lib_events_read(lib, -5, 100, NULL);
    assert_int_equal(lib->count, 16);
    lib_events_read(lib, 3, 0, NULL);
    assert_int_equal(lib->count, 0);
    assert_int_equal(lib->next, 3);
}

static void reset_forgets_and_numbers_go_on(void **state)
{
    struct lib_events *lib = *state;

    lib_events_note(lib, 5);
    lib_events_begin(lib);
    fc_events_add(lib->events, FC_EVENT_RESET, 0, NULL, NULL);
    assert_int_equal(fc_store_reset(lib->store, &lib->err), 0);
    fc_events_forget(lib->events);
    lib_events_commit(lib);
    lib_events_expect(lib, 0, 6, 6);
    lib_events_note(lib, 1);
    lib_events_expect(lib, 0, 6, 7);
    /* after the transaction it works as well: what the store has is read from there */
    lib_events_begin(lib);
    assert_int_equal(fc_store_reset(lib->store, &lib->err), 0);
    fc_events_add(lib->events, FC_EVENT_RESET, 0, NULL, NULL);
    lib_events_commit(lib);
    fc_events_forget(lib->events);
    lib_events_read(lib, 0, 10, NULL);
    assert_string_equal(lib_events_text(lib, lib->count - 1, "type"), "ca.reset");
    assert_int_equal(lib->next, 8);
}

/* ---- wake ---- */

struct woken {
    struct fc_events *events;
    int count;
    int64_t seen;
};

static void wake(void *cookie)
{
    struct woken *woken = cookie;

    woken->count++;
    woken->seen = fc_events_last(woken->events); /* the log's locks are free */
}

static void subscribers_are_woken_when_something_is_visible(void **state)
{
    struct lib_events *lib = *state;
    struct woken a = {lib->events, 0, 0}, b = {lib->events, 0, 0};
    struct fc_events_sub *first = fc_events_subscribe(lib->events, wake, &a);
    struct fc_events_sub *second = fc_events_subscribe(lib->events, wake, &b);

    lib_events_note(lib, 1);
    assert_int_equal(a.count, 1);
    assert_int_equal(a.seen, 1);
    assert_int_equal(b.count, 1);
    lib_events_begin(lib);
    fc_events_add(lib->events, FC_EVENT_ORDER_CREATED, 0, &about, NULL);
    fc_events_add(lib->events, FC_EVENT_ORDER_CREATED, 0, &about, NULL);
    assert_int_equal(a.count, 1);
    lib_events_commit(lib);
    assert_int_equal(a.count, 2); /* once for both */
    assert_int_equal(a.seen, 3);
    lib_events_begin(lib);
    lib_events_commit(lib);
    lib_events_begin(lib);
    fc_events_add(lib->events, FC_EVENT_ORDER_CREATED, 0, &about, NULL);
    fc_store_end(&lib->tx);
    assert_int_equal(a.count, 2); /* nothing new */
    fc_events_unsubscribe(lib->events, first);
    lib_events_note(lib, 1);
    assert_int_equal(a.count, 2);
    assert_int_equal(b.count, 3);
    fc_events_unsubscribe(lib->events, second);
    fc_events_unsubscribe(lib->events, NULL);
    lib_events_note(lib, 1);
    assert_int_equal(b.count, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIB_EVENTS_TEST(an_event_has_number_times_and_text),
        LIB_EVENTS_TEST(what_does_not_apply_is_left_out),
        LIB_EVENTS_TEST(data_from_peers_is_bounded),
        LIB_EVENTS_TEST(a_note_is_seen_at_once_and_written_with_the_next_transaction),
        LIB_EVENTS_TEST(a_fact_is_seen_when_it_is_committed),
        LIB_EVENTS_TEST(a_rollback_drops_its_facts_and_no_number),
        LIB_EVENTS_TEST(a_failed_commit_drops_its_facts_too),
        LIB_EVENTS_TEST(readers_filter_and_go_on),
        LIB_EVENTS_TEST(reset_forgets_and_numbers_go_on),
        LIB_EVENTS_TEST(subscribers_are_woken_when_something_is_visible),
    };
    RUN(tests);
}
