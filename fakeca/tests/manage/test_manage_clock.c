/* The clock: read, moved, counted, kept, put back. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/base_clock.h"
#include "base/base_time.h"
#include "events/events.h"
#include "store/store_cert.h"

#include "cmocka_all.h"
#include "lib_manage.h"

/* test: threads */

#define ADVANCE "/api/v1/clock/advance"

static json_t *advance(struct lib_manage *t, const char *member, const char *value)
{
    return lib_manage_ok(t, "POST", ADVANCE, fc_arena_printf(t->arena, "{\"%s\":\"%s\"}", member, value));
}

static json_t *post(struct lib_manage *t, const char *what)
{
    return lib_manage_ok(t, "POST", fc_arena_printf(t->arena, "/api/v1/clock/%s", what), NULL);
}

static void show(void **state)
{
    struct lib_manage *t = *state;
    json_t *clock = lib_manage_ok(t, "GET", "/api/v1/clock", NULL);
    int64_t now = lib_manage_time(lib_manage_str(clock, "now")), real = lib_manage_time(lib_manage_str(clock, "real"));
    int64_t offset = lib_manage_int(clock, "offset_s");

    assert_string_equal(lib_manage_str(clock, "now"), LIB_NOW);
    assert_string_equal(lib_manage_str(clock, "state"), "frozen");
    assert_in_range((now - real) / FC_SECOND - offset + 1, 0, 2);
}

static void advance_by_a_duration(void **state)
{
    struct lib_manage *t = *state;
    json_t *skip = advance(t, "by", "60d");

    assert_string_equal(lib_manage_str(skip, "action"), "advance");
    assert_string_equal(lib_manage_str(skip, "before.now"), LIB_NOW);
    assert_string_equal(lib_manage_str(skip, "after.now"), "2026-10-31T12:00:00Z");
    assert_int_equal(json_array_size(lib_manage_at(skip, "warnings")), 0);
    assert_null(json_object_get(skip, "reached"));
    assert_string_equal(lib_manage_str(lib_manage_ok(t, "GET", "/api/v1/clock", NULL), "now"), "2026-10-31T12:00:00Z");
    assert_int_equal(t->kept, 1);
}

/* What is due by a skip of 60 days is what a client renews: 90-day certificates begin 58.5 minutes before they are issued. */
static void due_and_expired_are_counted(void **state)
{
    struct lib_manage *t = *state;

    lib_manage_certificate(t, "production", 1, "a.test");
    lib_manage_certificate(t, "staging", 1, "b.test");
    json_t *skip = advance(t, "by", "59d");
    assert_int_equal(lib_manage_int(skip, "due"), 0);
    lib_manage_certificate(t, "production", 1, "c.test");
    skip = advance(t, "by", "1d");
    assert_int_equal(lib_manage_int(skip, "due"), 2);
    assert_int_equal(lib_manage_int(skip, "expired"), 0);
    skip = advance(t, "by", "30d");
    assert_int_equal(lib_manage_int(skip, "due"), 0);
    assert_int_equal(lib_manage_int(skip, "expired"), 2);
    skip = advance(t, "by", "365d");
    assert_int_equal(lib_manage_int(skip, "due"), 1);
    assert_int_equal(lib_manage_int(skip, "expired"), 1);
}

static void revoked_ones_are_not_due(void **state)
{
    struct lib_manage *t = *state;
    const char *serial = lib_manage_certificate(t, "production", 1, "a.test");

    lib_manage_ok(t, "POST", fc_arena_printf(t->arena, "/api/v1/certificates/%s/revoke", serial), "{}");
    json_t *skip = advance(t, "by", "100d");
    assert_int_equal(lib_manage_int(skip, "due"), 0);
    assert_int_equal(lib_manage_int(skip, "expired"), 0);
}

static void backwards_tells_what_lies_ahead(void **state)
{
    struct lib_manage *t = *state;

    lib_manage_account(t, "production", "one");
    int64_t account = lib_manage_account(t, "production", "two");
    lib_manage_order(t, account, "a.test", NULL);
    lib_manage_certificate(t, "production", account, "a.test");
    json_t *skip = advance(t, "by", "-2d");
    const json_t *warnings = lib_manage_at(skip, "warnings");
    assert_int_equal(json_array_size(warnings), 3);
    assert_string_equal(json_string_value(json_array_get(warnings, 0)), "1 certificate is not yet valid");
    assert_string_equal(json_string_value(json_array_get(warnings, 1)), "2 accounts were created after the new now");
    assert_string_equal(json_string_value(json_array_get(warnings, 2)), "1 order was created after the new now");
    assert_int_equal(lib_manage_int(skip, "due"), 0);
    assert_string_equal(lib_manage_str(skip, "after.now"), "2026-08-30T12:00:00Z");
}

static void to_next_renewal(void **state)
{
    struct lib_manage *t = *state;

    lib_manage_refused(t, "POST", ADVANCE, "{\"to\":\"next-renewal\"}", 409, "busy", "nothing lies ahead");
    lib_manage_certificate(t, "production", 1, "a.test");
    json_t *status = lib_manage_ok(t, "GET", "/api/v1/status", NULL);
    json_t *skip = advance(t, "to", "next-renewal");
    assert_int_equal(lib_manage_int(skip, "due"), 1);
    assert_string_equal(lib_manage_str(skip, "after.now"), lib_manage_str(status, "next_renewal"));
    assert_non_null(strstr(lib_manage_str(skip, "reached"), "two thirds"));
    /* that one is behind us now */
    lib_manage_refused(t, "POST", ADVANCE, "{\"to\":\"next-renewal\"}", 409, "busy", "two thirds");
    assert_true(json_is_null(lib_manage_at(lib_manage_ok(t, "GET", "/api/v1/status", NULL), "next_renewal")));
}

static void to_next_expiry(void **state)
{
    struct lib_manage *t = *state;
    const char *serial = lib_manage_certificate(t, "production", 1, "a.test");
    const char *path = fc_arena_printf(t->arena, "/api/v1/certificates/%s", serial);

    json_t *skip = advance(t, "to", "next-expiry");
    assert_int_equal(lib_manage_int(skip, "expired"), 1);
    assert_string_equal(lib_manage_str(lib_manage_ok(t, "GET", path, NULL), "status"), "expired");
    lib_manage_refused(t, "POST", ADVANCE, "{\"to\":\"next-expiry\"}", 409, "busy", "nothing lies ahead");
}

/* letsencrypt.md F.1: production changes on these days, staging a month before. */
static void to_next_change(void **state)
{
    static const struct {
        const char *now, *what;
    } steps[] = {
        {"2026-12-15T00:00:00Z", "in production: five remote perspectives are demanded; 2026-12-15"},
        {"2027-01-10T00:00:00Z", "2027-01-10T00:00:00Z in staging: classic certificates are valid for 64 days"},
        {"2027-02-10T00:00:00Z", "2027-02-10T00:00:00Z in production: classic certificates are valid for 64 days"},
        {"2028-01-16T00:00:00Z", "staging"},
        {"2028-02-16T00:00:00Z", "production"}};
    struct lib_manage *t = *state;

    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        json_t *skip = advance(t, "to", "next-change");
        assert_string_equal(lib_manage_str(skip, "after.now"), steps[i].now);
        assert_non_null(strstr(lib_manage_str(skip, "reached"), steps[i].what));
    }
    lib_manage_refused(t, "POST", ADVANCE, "{\"to\":\"next-change\"}", 409, "busy",
                       "no served policy has a later change");
}

/* Of a running clock the offset has whole seconds: it must not stop a fraction before the moment. */
static void a_running_clock_does_not_stop_short(void **state)
{
    struct lib_manage *t = *state;

    post(t, "follow");
    for (int i = 0; i < 20; i++) {
        json_t *skip = i % 2 ? advance(t, "to", "2027-02-10")
                             : lib_manage_ok(t, "POST", "/api/v1/clock/set", "{\"to\":\"2027-01-10\"}");
        assert_string_equal(lib_manage_str(skip, "after.now"), i % 2 ? "2027-02-10T00:00:00Z" : "2027-01-10T00:00:00Z");
        assert_string_equal(lib_manage_str(skip, "after.state"), "following");
    }
}

static void set_freeze_follow_reset(void **state)
{
    struct lib_manage *t = *state;
    json_t *skip = lib_manage_ok(t, "POST", "/api/v1/clock/set", "{\"to\":\"2030-01-01T10:00:00+02:00\"}");

    assert_string_equal(lib_manage_str(skip, "action"), "set");
    assert_string_equal(lib_manage_str(skip, "after.now"), "2030-01-01T08:00:00Z");
    skip = post(t, "follow");
    assert_string_equal(lib_manage_str(skip, "action"), "follow");
    assert_string_equal(lib_manage_str(skip, "before.state"), "frozen");
    assert_string_equal(lib_manage_str(skip, "after.state"), "following");
    skip = lib_manage_ok(t, "POST", "/api/v1/clock/freeze", "{}");
    assert_string_equal(lib_manage_str(skip, "action"), "freeze");
    assert_string_equal(lib_manage_str(skip, "after.state"), "frozen");
    skip = post(t, "reset");
    assert_string_equal(lib_manage_str(skip, "action"), "reset");
    assert_string_equal(lib_manage_str(skip, "after.state"), "following");
    assert_int_equal(lib_manage_int(skip, "after.offset_s"), 0);
    assert_int_equal(t->kept, 4);
}

static void nothing_changed_nothing_kept(void **state)
{
    struct lib_manage *t = *state;
    int64_t last = fc_events_last(t->events);

    post(t, "freeze");
    assert_int_equal(t->kept, 0);
    assert_int_equal(fc_events_last(t->events), last);
}

static void wrong_wishes(void **state)
{
    static const struct {
        const char *what, *body, *code, *says;
    } rows[] = {
        {"advance", "{}", "usage", "exactly one of 'by' and 'to' is needed"},
        {"advance", "{\"by\":\"1d\",\"to\":\"2030-01-01\"}", "usage", "exactly one of 'by' and 'to' is needed"},
        {"advance", "{\"by\":\"60\"}", "usage", "by: "},
        {"advance", "{\"by\":\"60 days\"}", "usage", "by: "},
        {"advance", "{\"by\":\"100000d\"}", "usage", "by: "},
        {"advance", "{\"to\":\"next-renewl\"}", "usage", "did you mean 'next-renewal'?"},
        {"advance", "{\"to\":\"tomorrow\"}", "usage", "next-renewal, next-expiry, next-change"},
        {"advance", "{\"to\":\"2026-02-30\"}", "usage", "to: "},
        {"advance", "{\"by\":\"70000d\"}", "range", "2199-12-31"},
        {"advance", "{\"by\":\"-70000d\"}", "range", "2000-01-01"},
        {"advance", "{\"to\":\"1999-12-31\"}", "range", "2000-01-01"},
        {"set", "{\"to\":\"2200-01-01\"}", "range", "2199-12-31"},
        {"set", "{\"to\":\"next-renewal\"}", "usage", "to: "},
        {"set", "{}", "usage", "'to' is missing"},
        {"set", "{\"by\":\"1d\"}", "usage", "unknown key 'by'"},
    };
    struct lib_manage *t = *state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        lib_manage_refused(t, "POST", fc_arena_printf(t->arena, "/api/v1/clock/%s", rows[i].what), rows[i].body, 400,
                           rows[i].code, rows[i].says);
    assert_string_equal(lib_manage_str(lib_manage_ok(t, "GET", "/api/v1/clock", NULL), "now"), LIB_NOW);
    assert_int_equal(t->kept, 0);
}

static void an_event_tells_of_it(void **state)
{
    struct lib_manage *t = *state;

    lib_manage_certificate(t, "production", 1, "a.test");
    advance(t, "by", "60d");
    json_t *events = lib_manage_ok(t, "GET", "/api/v1/events?types=clock.changed", NULL);
    const json_t *event = json_array_get(lib_manage_at(events, "events"), 0);
    assert_int_equal(json_array_size(lib_manage_at(events, "events")), 1);
    assert_string_equal(lib_manage_str(event, "data.action"), "advance");
    assert_string_equal(lib_manage_str(event, "data.from"), LIB_NOW);
    assert_string_equal(lib_manage_str(event, "data.to"), "2026-10-31T12:00:00Z");
    assert_int_equal(lib_manage_int(event, "data.due"), 1);
    assert_int_equal(lib_manage_int(event, "data.expired"), 0);
}

static const char *setting(struct lib_manage *t)
{
    struct fc_store_tx tx fc_auto_tx = {0};
    const char *value;

    assert_int_equal(fc_store_begin(t->store, FC_STORE_READ, &tx, NULL), 0);
    assert_int_equal(fc_store_setting_get(t->store, t->arena, "clock", &value, NULL), 0);
    return value;
}

static void what_cannot_be_kept_is_put_back(void **state)
{
    struct lib_manage *t = *state;
    int64_t last = fc_events_last(t->events);

    t->keep_fails = true;
    lib_manage_refused(t, "POST", ADVANCE, "{\"by\":\"60d\"}", 500, "system", "the disk is full");
    lib_manage_refused(t, "POST", "/api/v1/clock/reset", NULL, 500, "system", "the disk is full");
    json_t *clock = lib_manage_ok(t, "GET", "/api/v1/clock", NULL);
    assert_string_equal(lib_manage_str(clock, "now"), LIB_NOW);
    assert_string_equal(lib_manage_str(clock, "state"), "frozen");
    assert_int_equal(fc_events_last(t->events), last);
    assert_null(setting(t));
    t->keep_fails = false;
    advance(t, "by", "60d");
    assert_string_equal(setting(t), "kept");
}

/* ---- two at once ---- */

#define THREADS 4
#define ROUNDS 8

struct racer {
    struct lib_manage *t;
    char texts[2 * ROUNDS][FC_TIME_TEXT_MAX];
    int failures;
};

/* Nothing is asserted on a foreign thread: a failure there would end the program. */
static void note(struct racer *racer, int round, const struct fc_http_res *res)
{
    fc_auto_json skip = NULL;

    if (res->status != 200 || fc_json_parse(res->body, res->body_len, &skip, NULL)) {
        racer->failures++;
        return;
    }
    const char *before = json_string_value(json_object_get(json_object_get(skip, "before"), "now"));
    const char *after = json_string_value(json_object_get(json_object_get(skip, "after"), "now"));
    snprintf(racer->texts[2 * round], FC_TIME_TEXT_MAX, "%s", before ? before : "");
    snprintf(racer->texts[2 * round + 1], FC_TIME_TEXT_MAX, "%s", after ? after : "");
}

static void *race(void *cookie)
{
    struct racer *racer = cookie;

    for (int i = 0; i < ROUNDS; i++) {
        fc_auto(fc_arena_free) struct fc_arena *arena = fc_arena_new();
        struct fc_http_req req = {.arena = arena,
                                  .method = "POST",
                                  .path = ADVANCE,
                                  .host = "localhost",
                                  .body = "{\"by\":\"1h\"}",
                                  .body_len = 11};
        struct fc_http_res res = {0};
        fc_manage_handle(racer->t->manage, &req, &res);
        note(racer, i, &res);
    }
    return NULL;
}

/* The ways of all skips, put together, are the whole way without gap and overlap. */
static void skips_at_once_come_one_after_the_other(void **state)
{
    struct lib_manage *t = *state;
    struct racer racers[THREADS] = {{0}};
    pthread_t threads[THREADS];
    bool seen[THREADS * ROUNDS] = {false};

    for (int i = 0; i < THREADS; i++) {
        racers[i].t = t;
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS * ROUNDS; i++) {
        struct racer *racer = &racers[i / ROUNDS];
        assert_int_equal(racer->failures, 0);
        int64_t from = lib_manage_time(racer->texts[2 * (i % ROUNDS)]);
        assert_int_equal(lib_manage_time(racer->texts[2 * (i % ROUNDS) + 1]) - from, FC_HOUR);
        int64_t step = (from - t->now) / FC_HOUR;
        assert_in_range(step, 0, THREADS * ROUNDS - 1);
        assert_false(seen[step]);
        seen[step] = true;
    }
    assert_int_equal(t->kept, THREADS * ROUNDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIB_MANAGE_TEST(show),
        LIB_MANAGE_TEST(advance_by_a_duration),
        LIB_MANAGE_TEST(due_and_expired_are_counted),
        LIB_MANAGE_TEST(revoked_ones_are_not_due),
        LIB_MANAGE_TEST(backwards_tells_what_lies_ahead),
        LIB_MANAGE_TEST(to_next_renewal),
        LIB_MANAGE_TEST(to_next_expiry),
        LIB_MANAGE_TEST(to_next_change),
        LIB_MANAGE_TEST(a_running_clock_does_not_stop_short),
        LIB_MANAGE_TEST(set_freeze_follow_reset),
        LIB_MANAGE_TEST(nothing_changed_nothing_kept),
        LIB_MANAGE_TEST(wrong_wishes),
        LIB_MANAGE_TEST(an_event_tells_of_it),
        LIB_MANAGE_TEST(what_cannot_be_kept_is_put_back),
        LIB_MANAGE_TEST(skips_at_once_come_one_after_the_other),
    };
    RUN(tests);
}
