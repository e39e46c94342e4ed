/* test: threads */
#include "events/events.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "lib_events.h"

#include "cmocka_all.h"

#define WRITERS 3
#define ROUNDS 300

/* What a thread did and found; the test's own thread asserts afterwards. */
struct worker {
    struct lib_events *lib;
    int number;
    int failures;
    int64_t seen;  /* readers: events seen */
    int64_t facts; /* readers: of those, order.created */
};

struct gate {
    pthread_mutex_t lock;
    pthread_cond_t news;
    int wakes;
    bool ended;
};

static struct gate gate;

/* Facts, rollbacks and notes by turns. */
static void *write_events(void *cookie)
{
    struct worker *worker = cookie;
    struct fc_events *events = worker->lib->events;

    for (int i = 0; i < ROUNDS; i++) {
        struct fc_store_tx tx = {0};
        if (fc_store_begin(worker->lib->store, FC_STORE_WRITE, &tx, NULL)) {
            worker->failures++;
            continue;
        }
        bool keep = i % 4 != 0;
        fc_events_add(events, keep ? FC_EVENT_ORDER_CREATED : FC_EVENT_RESET, 0, NULL, json_pack("{s:i}", "i", i));
        fc_events_add(events, keep ? FC_EVENT_AUTHZ_CREATED : FC_EVENT_RESET, 0, NULL, NULL);
        if (keep && fc_store_commit(&tx, NULL))
            worker->failures++;
        fc_store_end(&tx);
        fc_events_note(events, FC_EVENT_REQUEST, 0, NULL, json_pack("{s:i}", "us", i));
    }
    return NULL;
}

static void open_gate(void *cookie)
{
    struct gate *g = cookie;

    pthread_mutex_lock(&g->lock);
    g->wakes++;
    pthread_cond_broadcast(&g->news);
    pthread_mutex_unlock(&g->lock);
}

/* Waits until there was a wake since `wakes`; whether the writers go on. */
static bool wait_for_news(int *wakes)
{
    pthread_mutex_lock(&gate.lock);
    while (gate.wakes == *wakes && !gate.ended)
        pthread_cond_wait(&gate.news, &gate.lock);
    *wakes = gate.wakes;
    bool ended = gate.ended;
    pthread_mutex_unlock(&gate.lock);
    return !ended;
}

/* Follows the log as the live feed does: a number that is not the next one is a failure. */
static void *follow(void *cookie)
{
    struct worker *worker = cookie;
    int64_t next = 0;
    int wakes = 0;
    bool more = true;

    while (more) {
        more = wait_for_news(&wakes);
        size_t count;
        do {
            struct fc_event_view *views = NULL;
            int64_t before = next;
            if (fc_events_read(worker->lib->events, before, 50, NULL, &views, &count, &next, NULL)) {
                worker->failures++;
                return NULL;
            }
            for (size_t i = 0; i < count; i++) {
                const char *type = json_string_value(json_object_get(views[i].json, "type"));
                worker->failures += views[i].seq != before + (int64_t)i + 1;
                worker->failures += strcmp(type, "ca.reset") == 0; /* was rolled back */
                worker->facts += strcmp(type, "order.created") == 0;
            }
            worker->seen += (int64_t)count;
            fc_events_views_free(views, count);
        } while (count);
    }
    return NULL;
}

static void count_wake(void *cookie)
{
    atomic_fetch_add((atomic_int *)cookie, 1);
}

/* Comes and goes while events are written: a wake after the farewell would touch freed memory. Its own notes may all come
 * during one commit, and are then shown when that is over. */
static void *subscribe_again_and_again(void *cookie)
{
    struct worker *worker = cookie;

    for (int i = 0; i < ROUNDS; i++) {
        atomic_int *wakes = fc_calloc(1, sizeof *wakes);
        struct fc_events_sub *sub = fc_events_subscribe(worker->lib->events, count_wake, wakes);
        fc_events_note(worker->lib->events, FC_EVENT_REQUEST, 0, NULL, NULL);
        fc_events_unsubscribe(worker->lib->events, sub);
        free(wakes);
    }
    return NULL;
}

static void run(struct lib_events *lib)
{
    pthread_t threads[WRITERS + 3];
    struct worker workers[WRITERS + 3];
    const int64_t per_writer = ROUNDS + ROUNDS / 4 * 3 * 2;

    gate = (struct gate){.wakes = 0};
    pthread_mutex_init(&gate.lock, NULL);
    pthread_cond_init(&gate.news, NULL);
    struct fc_events_sub *sub = fc_events_subscribe(lib->events, open_gate, &gate);
    for (int i = 0; i < WRITERS + 3; i++) {
        workers[i] = (struct worker){.lib = lib, .number = i};
        void *(*work)(void *) = i < WRITERS ? write_events : i == WRITERS ? subscribe_again_and_again : follow;
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i <= WRITERS; i++)
        pthread_join(threads[i], NULL);
    pthread_mutex_lock(&gate.lock);
    gate.ended = true;
    pthread_cond_broadcast(&gate.news);
    pthread_mutex_unlock(&gate.lock);
    for (int i = WRITERS + 1; i < WRITERS + 3; i++)
        pthread_join(threads[i], NULL);
    fc_events_unsubscribe(lib->events, sub);
    pthread_mutex_destroy(&gate.lock);
    pthread_cond_destroy(&gate.news);
    for (int i = 0; i < WRITERS + 3; i++)
        assert_int_equal(workers[i].failures, 0);
    for (int i = WRITERS + 1; i < WRITERS + 3; i++) {
        assert_int_equal(workers[i].seen, WRITERS * per_writer + ROUNDS);
        assert_int_equal(workers[i].facts, WRITERS * ROUNDS / 4 * 3);
    }
}

static void no_reader_misses_a_number(void **state)
{
    run(*state);
}

/* The readers fall behind a memory of 1,000 events and go on in the store. It holds more than the notes that can come between
 * two commits (all of the subscriber's and a few of each writer's): only beyond that would notes be lost. */
static void nor_behind_a_small_memory_on_disk(void **state)
{
    struct lib_events *lib = *state;

    lib->memory_max = 1000;
    lib_events_open(lib);
    run(lib);
    int64_t last = fc_events_last(lib->events);
    lib_events_close(lib);
    lib_events_open(lib);
    lib_events_expect(lib, 0, 1, last);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIB_EVENTS_TEST(no_reader_misses_a_number),
        LIB_EVENTS_TEST_CLOSED(nor_behind_a_small_memory_on_disk),
    };
    RUN(tests);
}
