/* The one event log (design.md part 2): everything worth knowing is an event with a number and both times. Readers: terminal,
 * `fakeca log`, the live feed, later the dashboard and the examiner.
 *
 * Two ways in: fc_events_add inside a write transaction of the store: the event commits with the facts or not at all;
 * fc_events_note for things that are no facts of the state (a request was served): shown at once, written to the store with
 * the next transaction or at close. Numbers grow in the order in which events become visible: a reader that has seen N
 * never misses one below N. A note that comes during a commit is shown when that is over. The last `memory_max` are kept in
 * memory, `disk_max` in the store. Notes are lost only when more than `memory_max` of them come between two write
 * transactions: then the oldest.
 *
 * Threads: any. The log's lock is a leaf that may be taken under the store's lock. */
#ifndef FC_EVENTS_H
#define FC_EVENTS_H

#include "base/base_alloc.h"
#include "base/base_arena.h"
#include "base/base_err.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

struct fc_store;
struct fc_clock;
struct fc_events;

enum fc_event_type {
#define X(name, text, members, human) FC_EVENT_##name,
#include "events/events.def"
#undef X
    FC_EVENT__MAX
};
const char *fc_event_type_name(enum fc_event_type type);
/* The members of `data`, comma-separated, and the text template: for documentation. */
const char *fc_event_type_members(enum fc_event_type type);
const char *fc_event_type_text(enum fc_event_type type);

/* What an event is about; zero and NULL where it does not apply. Strings are copied. */
struct fc_event_about {
    const char *env;
    int64_t account_id, order_id, authz_id;
    const char *serial;
};

struct fc_events_params {
    struct fc_store *store;       /* hooks are set on it; must outlive the log */
    const struct fc_clock *clock; /* real time stamps */
    size_t memory_max;            /* 0: 100,000 */
    int64_t disk_max;             /* 0: 1,000,000; as memory_max when the store is in memory */
};
/* Continues the numbers that the store holds (behind a gap when the last log was not closed: its last notes may have been seen
 * but not written). Older events are read from the store. */
int fc_events_new(const struct fc_events_params *params, struct fc_events **ret_events, struct fc_err *err);
/* Writes what is not yet written; NULL allowed. Before fc_store_close. */
void fc_events_free(struct fc_events *events);
FC_CLEANUP(struct fc_events *, fc_events_free)

/* data: JSON object or NULL; the reference is stolen. at: simulated time of the request or job. */
/* Inside a write transaction of the store, on its thread. */
void fc_events_add(struct fc_events *events, enum fc_event_type type, int64_t at, const struct fc_event_about *about,
                   json_t *data);
/* Outside or inside of transactions. */
void fc_events_note(struct fc_events *events, enum fc_event_type type, int64_t at, const struct fc_event_about *about,
                    json_t *data);

/* {"seq","time","real_time","type","environment","account","order","authorization","serial","data","text"}, absent ones left
 * out; new reference. One event as readers get it. */
struct fc_event_view {
    int64_t seq;
    json_t *json; /* owned by the caller: json_decref */
};
/* Up to `limit` events with seq > after, oldest first, from memory or the store. types: NULL-terminated list of type names
 * or prefixes ("order." fits order.created), NULL: all. The array is malloc'd. *ret_next is the number to go on from (events that
 * were filtered out count). A rare type may need several calls: there is more while *ret_next < fc_events_last. An `after` that was
 * never given reads as fc_events_last. Not inside a transaction. */
int fc_events_read(struct fc_events *events, int64_t after, size_t limit, const char *const *types,
                   struct fc_event_view **ret_views, size_t *ret_count, int64_t *ret_next, struct fc_err *err);
/* The same with one more condition. */
struct fc_events_where {
    int64_t after;
    size_t limit;
    const char *const *types;
    int64_t authz_id; /* about this authorization; 0: about anything */
};
int fc_events_read_where(struct fc_events *events, const struct fc_events_where *where,
                         struct fc_event_view **ret_views, size_t *ret_count, int64_t *ret_next, struct fc_err *err);
void fc_events_views_free(struct fc_event_view *views, size_t count);
int64_t fc_events_last(struct fc_events *events);

/* The text for people of one event ("order 3 of account 1 for a.test"), without times; the caller frees. */
char *fc_events_text(const json_t *event);

/* wake(cookie) is called, outside of all locks of the log, after new events became visible; it must not block nor take the
 * store's lock, which its thread may hold. Unsubscribe returns when no call is running; not from inside wake. */
struct fc_events_sub;
struct fc_events_sub *fc_events_subscribe(struct fc_events *events, void (*wake)(void *cookie), void *cookie);
void fc_events_unsubscribe(struct fc_events *events, struct fc_events_sub *sub);

/* After fc_store_reset, best in its transaction: forgets the memory too; numbers go on, events that the transaction adds stay. */
void fc_events_forget(struct fc_events *events);

#endif
