#include "events/events.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/base_assert.h"
#include "base/base_clock.h"
#include "base/base_text.h"
#include "events/events_int.h"
#include "store/store.h"
#include "store/store_event.h"

#define MEMORY_MAX 100000
#define DISK_MAX 1000000

/* Notes of a transaction's commit at most: the rest waits for the next one, so that no commit becomes slow. */
#define WRITE_MAX 1000

/* Numbers up to the setting's may have been seen by a reader. A log that was not closed goes on behind it: what a killed
 * server had shown but not yet written must not give its numbers to other events. Half of it is what notes may use up between
 * two write transactions. */
#define GIVEN_SETTING "events.given"
#define GIVEN_AHEAD 20000

struct queue {
    struct fc_event *first, **end;
    int64_t count;
};

struct fc_events {
    struct fc_store *store;
    int64_t disk_max;
    struct fc_events_subs *subs;

    pthread_mutex_t lock; /* a leaf: nothing is called under it */
    struct fc_events_ring ring;
    int64_t last;         /* the newest visible number */
    int64_t written;      /* up to here everything that is still in memory is in the store */
    bool committing;      /* numbers behind `last` belong to the transaction that commits just now */
    struct queue waiting; /* notes that came meanwhile */

    /* of the write transaction, under the store's lock */
    struct queue adding;
    struct fc_event *writing[WRITE_MAX]; /* notes that go into the store with it; a reference each */
    size_t n_writing;
    int64_t given, given_next;
    int64_t trim_at; /* trim when a number reaches this */
    bool trimmed;
    bool closing;
};

/* ---- queues ---- */

static void queue_init(struct queue *queue)
{
    *queue = (struct queue){0};
    queue->end = &queue->first;
}

static void queue_put(struct queue *queue, struct fc_event *event)
{
    *queue->end = event;
    queue->end = &event->next;
    queue->count++;
}

static struct fc_event *queue_get(struct queue *queue)
{
    struct fc_event *event = queue->first;

    if (!event)
        return NULL;
    queue->first = event->next;
    if (!queue->first)
        queue->end = &queue->first;
    queue->count--;
    event->next = NULL;
    return event;
}

static void queue_drop(struct queue *queue)
{
    struct fc_event *event;

    while ((event = queue_get(queue)) != NULL)
        fc_events_event_unref(event);
}

/* ---- becoming visible; under the log's lock ---- */

static void show(struct fc_events *events, struct fc_event *event)
{
    event->seq = ++events->last;
    fc_events_ring_push(&events->ring, event);
}

/* Moves `written` over what is in the store or has left the memory. */
static void advance_written(struct fc_events *events)
{
    const struct fc_events_ring *ring = &events->ring;

    if (!ring->count) {
        events->written = events->last;
        return;
    }
    int64_t first = fc_events_ring_get(ring, 0)->seq;
    if (events->written < first - 1)
        events->written = first - 1;
    while (events->written < events->last && fc_events_ring_get(ring, (size_t)(events->written + 1 - first))->written)
        events->written++;
}

/* ---- the part in a transaction; under the store's lock ---- */

/* Numbers the added events and takes hold of the notes that wait to be written. */
static void prepare(struct fc_events *events)
{
    pthread_mutex_lock(&events->lock);
    events->committing = true;
    int64_t seq = events->last;
    for (struct fc_event *event = events->adding.first; event; event = event->next)
        event->seq = ++seq;
    advance_written(events);
    int64_t first = events->ring.count ? fc_events_ring_get(&events->ring, 0)->seq : 0;
    for (int64_t at = events->written + 1; at <= events->last && events->n_writing < WRITE_MAX; at++) {
        struct fc_event *event = fc_events_ring_get(&events->ring, (size_t)(at - first));
        if (!event->written)
            events->writing[events->n_writing++] = fc_events_event_ref(event);
    }
    events->given_next = events->given;
    if (events->closing)
        events->given_next = seq;
    else if (seq + GIVEN_AHEAD / 2 > events->given)
        events->given_next = seq + GIVEN_AHEAD;
    events->trimmed = seq >= events->trim_at;
    pthread_mutex_unlock(&events->lock);
}

static int write_one(struct fc_store *store, const struct fc_event *event, struct fc_err *err)
{
    struct fc_event_row row;

    fc_events_event_row(event, &row);
    return fc_store_event_insert(store, &row, err);
}

static int write_given(struct fc_store *store, int64_t given, struct fc_err *err)
{
    fc_auto_free char *text = fc_asprintf("%" PRId64, given);

    return fc_store_setting_set(store, GIVEN_SETTING, text, err);
}

/* So many numbers are let come together before the oldest are trimmed. */
static int64_t trim_step(const struct fc_events *events)
{
    int64_t tenth = events->disk_max / 10;

    return tenth < WRITE_MAX ? tenth : WRITE_MAX;
}

static int before_commit(void *cookie, struct fc_store *store, struct fc_err *err)
{
    struct fc_events *events = cookie;

    prepare(events);
    for (size_t i = 0; i < events->n_writing; i++)
        if (write_one(store, events->writing[i], err))
            return -1;
    for (const struct fc_event *event = events->adding.first; event; event = event->next)
        if (write_one(store, event, err))
            return -1;
    if (events->given_next != events->given && write_given(store, events->given_next, err))
        return -1;
    if (events->trimmed)
        return fc_store_event_trim(store, events->disk_max - trim_step(events), err);
    return 0;
}

/* The outcome. Returns whether something became visible. */
static bool settle(struct fc_events *events, bool committed)
{
    struct fc_event *event;

    pthread_mutex_lock(&events->lock);
    int64_t before = events->last;
    for (size_t i = 0; committed && i < events->n_writing; i++)
        events->writing[i]->written = true;
    while (committed && (event = queue_get(&events->adding)) != NULL) {
        event->written = true;
        show(events, event);
    }
    if (committed && events->trimmed)
        events->trim_at = events->last + trim_step(events);
    if (committed)
        events->given = events->given_next;
    events->committing = false;
    while ((event = queue_get(&events->waiting)) != NULL)
        show(events, event);
    bool news = events->last != before;
    pthread_mutex_unlock(&events->lock);
    return news;
}

static void after(void *cookie, bool committed)
{
    struct fc_events *events = cookie;
    bool news = settle(events, committed);

    queue_drop(&events->adding);
    for (size_t i = 0; i < events->n_writing; i++)
        fc_events_event_unref(events->writing[i]);
    events->n_writing = 0;
    if (news)
        fc_events_sub_wake(events->subs);
}

/* ---- life ---- */

static int read_given(struct fc_store *store, int64_t *ret_given, struct fc_err *err)
{
    fc_auto(fc_arena_free) struct fc_arena *arena = fc_arena_new();
    const char *text;

    *ret_given = 0;
    if (fc_store_setting_get(store, arena, GIVEN_SETTING, &text, err))
        return -1;
    if (text && fc_text_int(text, 0, INT64_MAX / 2, ret_given, NULL))
        return fc_err_set(err, FC_E_DAMAGED, "setting '%s' is not a number: '%.32s'", GIVEN_SETTING, text);
    return 0;
}

/* Finds the number to go on from and makes room in the store. */
static int begin(struct fc_events *events, struct fc_err *err)
{
    struct fc_store_tx tx fc_auto_tx = {0};
    int64_t last, given;

    if (fc_store_begin(events->store, FC_STORE_WRITE, &tx, err) ||
        fc_store_event_trim(events->store, events->disk_max - trim_step(events), err) ||
        fc_store_event_last(events->store, &last, err) || read_given(events->store, &given, err))
        return -1;
    events->last = last > given ? last : given;
    events->written = events->last;
    events->given = events->last + GIVEN_AHEAD;
    events->trim_at = events->last + trim_step(events);
    if (write_given(events->store, events->given, err))
        return -1;
    return fc_store_commit(&tx, err);
}

static void release(struct fc_events *events)
{
    queue_drop(&events->adding);
    queue_drop(&events->waiting);
    fc_events_ring_release(&events->ring);
    fc_events_sub_list_free(events->subs);
    pthread_mutex_destroy(&events->lock);
    free(events);
}

int fc_events_new(const struct fc_events_params *params, struct fc_events **ret_events, struct fc_err *err)
{
    struct fc_events *events = fc_calloc(1, sizeof *events);
    size_t memory_max = params->memory_max ? params->memory_max : MEMORY_MAX;
    /* a store in memory would only keep twice what the log keeps itself */
    int64_t disk_max = fc_store_in_memory(params->store) ? (int64_t)memory_max : DISK_MAX;

    events->store = params->store;
    events->disk_max = params->disk_max ? params->disk_max : disk_max;
    events->subs = fc_events_sub_list_new();
    FC_ASSERT(pthread_mutex_init(&events->lock, NULL) == 0);
    fc_events_ring_init(&events->ring, memory_max);
    queue_init(&events->waiting);
    queue_init(&events->adding);
    if (begin(events, err)) {
        release(events);
        return -1;
    }
    fc_store_set_hooks(events->store,
                       &(struct fc_store_hooks){.before_commit = before_commit, .after = after, .cookie = events});
    *ret_events = events;
    return 0;
}

static bool all_written(struct fc_events *events)
{
    pthread_mutex_lock(&events->lock);
    advance_written(events);
    bool all = events->written == events->last;
    pthread_mutex_unlock(&events->lock);
    return all;
}

/* Transactions that carry nothing but the log. What cannot be written (a full disk) ends with the memory: these are notes, the
 * facts were committed long before. */
static void flush(struct fc_events *events)
{
    struct fc_err err = {0};

    do {
        struct fc_store_tx tx fc_auto_tx = {0};
        if (fc_store_begin(events->store, FC_STORE_WRITE, &tx, &err))
            return;
        events->closing = true;
        if (fc_store_commit(&tx, &err))
            return;
    } while (!all_written(events));
}

void fc_events_free(struct fc_events *events)
{
    if (!events)
        return;
    flush(events);
    fc_store_set_hooks(events->store, NULL);
    release(events);
}

void fc_events_forget(struct fc_events *events)
{
    pthread_mutex_lock(&events->lock);
    fc_events_ring_clear(&events->ring);
    advance_written(events);
    pthread_mutex_unlock(&events->lock);
}

/* ---- the two ways in ---- */

static struct fc_event *make(enum fc_event_type type, int64_t at, const struct fc_event_about *about, json_t *data)
{
    static const struct fc_event_about nothing = {0};

    FC_ASSERT(!data || json_is_object(data));
    struct fc_event *event = fc_events_event_new(type, at, fc_clock_real(), about ? about : &nothing, data);
    json_decref(data);
    return event;
}

void fc_events_add(struct fc_events *events, enum fc_event_type type, int64_t at, const struct fc_event_about *about,
                   json_t *data)
{
    fc_store_assert_write(events->store);
    queue_put(&events->adding, make(type, at, about, data));
}

void fc_events_note(struct fc_events *events, enum fc_event_type type, int64_t at, const struct fc_event_about *about,
                    json_t *data)
{
    struct fc_event *event = make(type, at, about, data);

    pthread_mutex_lock(&events->lock);
    bool at_once = !events->committing;
    if (at_once)
        show(events, event);
    else
        queue_put(&events->waiting, event);
    pthread_mutex_unlock(&events->lock);
    if (at_once)
        fc_events_sub_wake(events->subs);
}

/* ---- readers ---- */

int64_t fc_events_last(struct fc_events *events)
{
    pthread_mutex_lock(&events->lock);
    int64_t last = events->last;
    pthread_mutex_unlock(&events->lock);
    return last;
}

void fc_events_grab(struct fc_events *events, int64_t after, const bool wanted[FC_EVENT__MAX],
                    struct fc_events_grabbed *ret)
{
    pthread_mutex_lock(&events->lock);
    const struct fc_events_ring *ring = &events->ring;
    int64_t first = ring->count ? fc_events_ring_get(ring, 0)->seq : events->last + 1;
    ret->first = first;
    ret->last = events->last;
    ret->count = 0;
    ret->next = after;
    int64_t until = after + FC_EVENTS_SCAN_MAX;
    while (after + 1 >= first && ret->next < events->last && ret->next < until && ret->count < ret->room) {
        struct fc_event *event = fc_events_ring_get(ring, (size_t)(++ret->next - first));
        if (wanted[event->type])
            ret->at[ret->count++] = fc_events_event_ref(event);
    }
    pthread_mutex_unlock(&events->lock);
}

struct fc_store *fc_events_store(const struct fc_events *events)
{
    return events->store;
}

struct fc_events_sub *fc_events_subscribe(struct fc_events *events, void (*wake)(void *cookie), void *cookie)
{
    return fc_events_sub_add(events->subs, wake, cookie);
}

void fc_events_unsubscribe(struct fc_events *events, struct fc_events_sub *sub)
{
    if (sub)
        fc_events_sub_remove(events->subs, sub);
}
