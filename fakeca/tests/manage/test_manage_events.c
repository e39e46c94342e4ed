/* The event log by pages and as a stream: replay, wake, bounds. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_buf.h"
#include "base/base_clock.h"
#include "base/base_time.h"
#include "events/events.h"
#include "http/http_wait.h"

#include "cmocka_all.h"
#include "lib_manage.h"

/* test: threads */

static int64_t note(struct lib_manage *t, enum fc_event_type type, const char *map)
{
    fc_events_note(t->events, type, t->now, &(struct fc_event_about){0}, json_pack("{s:s}", "map", map));
    return fc_events_last(t->events);
}

/* Three of one type, then one of another; the number of the first. */
static int64_t note_some(struct lib_manage *t)
{
    int64_t first = note(t, FC_EVENT_PORT_MAP, "80=1");

    note(t, FC_EVENT_PORT_MAP, "80=2");
    note(t, FC_EVENT_PORT_MAP, "80=3");
    note(t, FC_EVENT_REHEARSAL_USED, "x");
    return first;
}

/* ---- pages ---- */

static void a_page(void **state)
{
    struct lib_manage *t = *state;
    int64_t first = note_some(t);
    json_t *page = lib_manage_ok(
        t, "GET", fc_arena_printf(t->arena, "/api/v1/events?after=%lld&limit=2", (long long)first - 1), NULL);
    const json_t *events = lib_manage_at(page, "events");

    assert_int_equal(json_array_size(events), 2);
    assert_int_equal(lib_manage_int(json_array_get(events, 0), "seq"), first);
    assert_string_equal(lib_manage_str(json_array_get(events, 0), "type"), "port-map.changed");
    assert_string_equal(lib_manage_str(json_array_get(events, 0), "data.map"), "80=1");
    assert_string_equal(lib_manage_str(json_array_get(events, 0), "text"), "port map: 80=1");
    assert_int_equal(lib_manage_int(page, "next"), first + 1);
    assert_int_equal(lib_manage_int(page, "last"), first + 3);
    page = lib_manage_ok(t, "GET", fc_arena_printf(t->arena, "/api/v1/events?after=%lld", (long long)first + 3), NULL);
    assert_int_equal(json_array_size(lib_manage_at(page, "events")), 0);
    assert_int_equal(lib_manage_int(page, "next"), first + 3);
}

static void pages_by_type(void **state)
{
    struct lib_manage *t = *state;

    note_some(t);
    json_t *page = lib_manage_ok(t, "GET", "/api/v1/events?types=rehearsal.", NULL);
    assert_int_equal(json_array_size(lib_manage_at(page, "events")), 1);
    page = lib_manage_ok(t, "GET", "/api/v1/events?types=rehearsal.used,port-map.changed", NULL);
    assert_int_equal(json_array_size(lib_manage_at(page, "events")), 4);
    /* what was filtered out counts as seen */
    page = lib_manage_ok(t, "GET", "/api/v1/events?types=ca.stopped", NULL);
    assert_int_equal(json_array_size(lib_manage_at(page, "events")), 0);
    assert_int_equal(lib_manage_int(page, "next"), lib_manage_int(page, "last"));
}

static void wrong_wishes(void **state)
{
    static const struct {
        const char *query, *code, *says;
    } rows[] = {{"types=order.creatd", "usage", "did you mean 'order.created'?"},
                {"types=nonsense.", "usage", "unknown type 'nonsense.'"},
                {"types=order", "usage", "unknown type 'order'"},
                {"types=", "usage", "unknown type ''"},
                {"types=order.,", "usage", "unknown type ''"},
                {"types=.", "usage", "unknown type '.'"},
                {"after=x", "usage", "'after'"},
                {"limit=0", "usage", "'limit'"},
                {"since=1", "usage", "unknown query parameter 'since'"}};
    struct lib_manage *t = *state;
    struct fc_buf many fc_auto_buf = {0};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        lib_manage_refused(t, "GET", fc_arena_printf(t->arena, "/api/v1/events?%s", rows[i].query), NULL, 400,
                           rows[i].code, rows[i].says);
    fc_buf_init(&many, 4096);
    fc_buf_puts(&many, "/api/v1/events?types=order.");
    for (int i = 0; i < 32; i++)
        fc_buf_puts(&many, ",order.");
    lib_manage_refused(t, "GET", many.data, NULL, 400, "limit", "more than 32 types");
}

/* ---- streams ---- */

static const struct fc_http_stream *open_stream(struct lib_manage *t, const char *query, const char *const *headers)
{
    struct lib_answer answer =
        lib_manage_ask(t, "GET", fc_arena_printf(t->arena, "/api/v1/events/stream%s", query), NULL, headers);

    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.type, "text/event-stream");
    assert_non_null(answer.res->stream);
    return answer.res->stream;
}

/* Reads what is there, in bites of `bite` bytes. */
static char *drain(struct lib_manage *t, const struct fc_http_stream *stream, size_t bite)
{
    struct fc_buf all fc_auto_buf = {0};
    char piece[8192];
    ssize_t got;

    fc_buf_init(&all, 16 << 20);
    while ((got = stream->read(stream->cookie, piece, bite)) > 0)
        fc_buf_append(&all, piece, (size_t)got);
    assert_int_equal(got, 0);
    return fc_arena_strdup(t->arena, all.data);
}

static void no_wake(void *cookie)
{
    (void)cookie;
}

/* The WHATWG form: fields, an empty line; here exactly id, event, data in one line. */
static void the_form_of_an_event(void **state)
{
    struct lib_manage *t = *state;
    const struct fc_http_stream *stream = open_stream(t, "", NULL);

    stream->subscribe(stream->cookie, no_wake, NULL);
    int64_t seq = note(t, FC_EVENT_PORT_MAP, "80=1\n80=2");
    char *text = drain(t, stream, 8192);
    char *head = fc_arena_printf(t->arena, "id: %lld\nevent: port-map.changed\ndata: {", (long long)seq);
    assert_memory_equal(text, head, strlen(head));
    const char *data = strstr(text, "data: ") + 6;
    size_t len = strcspn(data, "\n");
    assert_string_equal(data + len, "\n\n");
    fc_auto_json event = NULL;
    assert_int_equal(fc_json_parse(data, len, &event, NULL), 0);
    assert_int_equal(lib_manage_int(event, "seq"), seq);
    assert_string_equal(lib_manage_str(event, "data.map"), "80=1\n80=2");
    stream->close(stream->cookie);
}

static void without_a_number_from_now_on(void **state)
{
    struct lib_manage *t = *state;

    note_some(t);
    const struct fc_http_stream *stream = open_stream(t, "", NULL);
    stream->subscribe(stream->cookie, no_wake, NULL);
    assert_string_equal(drain(t, stream, 100), "");
    note(t, FC_EVENT_PORT_MAP, "80=9");
    assert_non_null(strstr(drain(t, stream, 7), "80=9"));
    assert_string_equal(drain(t, stream, 100), "");
    stream->close(stream->cookie);
}

/* How often `what` occurs. */
static int count(const char *text, const char *what)
{
    int n = 0;

    for (; (text = strstr(text, what)) != NULL; text++)
        n++;
    return n;
}

static void replay(void **state)
{
    struct lib_manage *t = *state;
    int64_t first = note_some(t);
    char *number = fc_arena_printf(t->arena, "%lld", (long long)first);
    const char *const header[] = {"Last-Event-ID", number, NULL};
    const struct {
        const char *query;
        const char *const *headers;
        int events;
    } rows[] = {
        {fc_arena_printf(t->arena, "?after=%lld", (long long)first - 1), NULL, 4},
        {fc_arena_printf(t->arena, "?after=%s", number), NULL, 3},
        {"", header, 3},
        /* a browser comes back to the address it began with, and says what it saw last */
        {"?after=0", header, 3},
        {fc_arena_printf(t->arena, "?after=%lld&types=port-map.", (long long)first - 1), NULL, 3},
        {fc_arena_printf(t->arena, "?types=rehearsal.used&after=%lld", (long long)first), NULL, 1},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct fc_http_stream *stream = open_stream(t, rows[i].query, rows[i].headers);
        stream->subscribe(stream->cookie, no_wake, NULL);
        assert_int_equal(count(drain(t, stream, 8192), "\nevent: "), rows[i].events);
        stream->close(stream->cookie);
    }
}

/* A CA in memory that was started anew counts from 1. */
static void a_number_from_the_future(void **state)
{
    struct lib_manage *t = *state;
    const struct fc_http_stream *stream = open_stream(t, "?after=99999999", NULL);

    stream->subscribe(stream->cookie, no_wake, NULL);
    assert_string_equal(drain(t, stream, 100), "");
    note(t, FC_EVENT_PORT_MAP, "80=9");
    assert_int_equal(count(drain(t, stream, 100), "\nevent: "), 1);
    stream->close(stream->cookie);
}

static void wrong_numbers(void **state)
{
    static const char *const bad[] = {"Last-Event-ID", "12x", NULL};
    struct lib_manage *t = *state;
    struct lib_answer answer = lib_manage_ask(t, "GET", "/api/v1/events/stream", NULL, bad);

    assert_int_equal(answer.status, 400);
    assert_non_null(strstr(answer.detail, "Last-Event-ID"));
    lib_manage_refused(t, "GET", "/api/v1/events/stream?after=-1", NULL, 400, "usage", "'after'");
    lib_manage_refused(t, "GET", "/api/v1/events/stream?limit=1", NULL, 400, "usage",
                       "unknown query parameter 'limit'");
}

/* More than one batch, read in small bites: nothing is lost, doubled or out of order, and little is kept in memory. */
static void a_long_replay_in_small_bites(void **state)
{
    struct lib_manage *t = *state;
    int64_t first = fc_events_last(t->events) + 1;

    for (int i = 0; i < 500; i++)
        note(t, i % 2 ? FC_EVENT_PORT_MAP : FC_EVENT_REHEARSAL_USED, "x");
    const struct fc_http_stream *stream =
        open_stream(t, fc_arena_printf(t->arena, "?types=port-map.changed&after=%lld", (long long)first - 1), NULL);
    stream->subscribe(stream->cookie, no_wake, NULL);
    const char *text = drain(t, stream, 13);
    for (int i = 1; i < 500; i += 2) {
        char *head = fc_arena_printf(t->arena, "id: %lld\nevent: port-map.changed\n", (long long)first + i);
        if (strncmp(text, head, strlen(head)) != 0)
            fail_msg("not event %lld but '%.40s'", (long long)first + i, text);
        text = strstr(text, "\n\n") + 2;
    }
    assert_string_equal(text, "");
    stream->close(stream->cookie);
}

/* ---- live ---- */

static void signal_wait(void *cookie)
{
    fc_http_wait_signal(cookie);
}

static void *write_one(void *cookie)
{
    struct lib_manage *t = cookie;

    note(t, FC_EVENT_PORT_MAP, "80=77");
    return NULL;
}

static void a_new_event_wakes(void **state)
{
    struct lib_manage *t = *state;
    fc_auto(fc_http_wait_unref) struct fc_http_wait *woken = fc_http_wait_new();
    const struct fc_http_stream *stream = open_stream(t, "", NULL);
    pthread_t thread;

    stream->subscribe(stream->cookie, signal_wait, woken);
    assert_string_equal(drain(t, stream, 100), "");
    assert_int_equal(pthread_create(&thread, NULL, write_one, t), 0);
    bool came = fc_http_wait_block(woken, fc_clock_mono() + 20 * FC_SECOND);
    pthread_join(thread, NULL);
    assert_true(came);
    assert_int_equal(count(drain(t, stream, 100), "event: port-map.changed"), 1);
    stream->close(stream->cookie);
}

/* A fact commits with its event, and only then is it seen. */
static void a_change_of_the_clock_wakes(void **state)
{
    struct lib_manage *t = *state;
    fc_auto(fc_http_wait_unref) struct fc_http_wait *woken = fc_http_wait_new();
    const struct fc_http_stream *stream = open_stream(t, "?types=clock.", NULL);

    stream->subscribe(stream->cookie, signal_wait, woken);
    lib_manage_ok(t, "POST", "/api/v1/clock/advance", "{\"by\":\"60d\"}");
    assert_true(fc_http_wait_block(woken, fc_clock_mono() + 20 * FC_SECOND));
    assert_int_equal(count(drain(t, stream, 8192), "event: clock.changed"), 1);
    stream->close(stream->cookie);
}

static void after_close_nobody_is_woken(void **state)
{
    struct lib_manage *t = *state;
    fc_auto(fc_http_wait_unref) struct fc_http_wait *woken = fc_http_wait_new();
    const struct fc_http_stream *stream = open_stream(t, "?after=0", NULL);
    char piece[100];

    stream->subscribe(stream->cookie, signal_wait, woken);
    stream->close(stream->cookie);
    note(t, FC_EVENT_PORT_MAP, "80=1");
    assert_false(fc_http_wait_signalled(woken));
    assert_int_equal(stream->read(stream->cookie, piece, sizeof piece), -1);
    stream->close(stream->cookie);
}

/* ---- bounds ---- */

static void readers_are_counted(void **state)
{
    struct lib_manage *t = *state;
    const struct fc_http_stream *first = open_stream(t, "", NULL);

    for (int i = 1; i < 256; i++) {
        t->n_hits = 0;
        open_stream(t, "", NULL);
    }
    lib_manage_refused(t, "GET", "/api/v1/events/stream", NULL, 409, "busy", "256");
    first->close(first->cookie);
    const struct fc_http_stream *again = open_stream(t, "", NULL);
    again->close(again->cookie);
    again->close(again->cookie);
    open_stream(t, "", NULL);
    lib_manage_refused(t, "GET", "/api/v1/events/stream", NULL, 409, "busy", "256");
}

/* A request whose connection is gone before the server reads gives its place back with its memory. */
static void a_stream_that_nobody_reads(void **state)
{
    struct lib_manage *t = *state;

    for (int i = 0; i < 300; i++) {
        fc_auto(fc_arena_free) struct fc_arena *arena = fc_arena_new();
        struct fc_http_req req = {
            .arena = arena, .method = "GET", .path = "/api/v1/events/stream", .host = "localhost", .body = ""};
        struct fc_http_res res = {0};
        fc_manage_handle(t->manage, &req, &res);
        assert_int_equal(res.status, 200);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIB_MANAGE_TEST(a_page),
        LIB_MANAGE_TEST(pages_by_type),
        LIB_MANAGE_TEST(wrong_wishes),
        LIB_MANAGE_TEST(the_form_of_an_event),
        LIB_MANAGE_TEST(without_a_number_from_now_on),
        LIB_MANAGE_TEST(replay),
        LIB_MANAGE_TEST(a_number_from_the_future),
        LIB_MANAGE_TEST(wrong_numbers),
        LIB_MANAGE_TEST(a_long_replay_in_small_bites),
        LIB_MANAGE_TEST(a_new_event_wakes),
        LIB_MANAGE_TEST(a_change_of_the_clock_wakes),
        LIB_MANAGE_TEST(after_close_nobody_is_woken),
        LIB_MANAGE_TEST(readers_are_counted),
        LIB_MANAGE_TEST(a_stream_that_nobody_reads),
    };
    RUN(tests);
}
