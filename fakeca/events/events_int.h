/* Shared inside events/ only: one event as it is kept in memory, and its faces. */
#ifndef FC_EVENTS_INT_H
#define FC_EVENTS_INT_H

#include "events/events.h"

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fc_event_row;

/* One event in memory: never changed once it is visible, so a reader who holds a reference needs no lock. */
struct fc_event {
    atomic_uint refs;
    bool written; /* in the store; under the log's lock */
    enum fc_event_type type;
    size_t size; /* bytes of all this */
    int64_t seq; /* 0 until it has its number */
    int64_t at, real_at;
    int64_t account_id, order_id, authz_id;
    const char *env, *serial, *data; /* point into texts; NULL: none */
    struct fc_event *next;           /* in the queue of those without a number */
    char texts[];
};

/* ---- events_event.c ---- */
/* data is borrowed. One reference. */
struct fc_event *fc_events_event_new(enum fc_event_type type, int64_t at, int64_t real_at,
                                     const struct fc_event_about *about, const json_t *data);
struct fc_event *fc_events_event_ref(struct fc_event *event);
void fc_events_event_unref(struct fc_event *event);
/* The row of the store; borrows the event's texts. */
void fc_events_event_row(const struct fc_event *event, struct fc_event_row *ret_row);
/* What readers get; new reference. */
json_t *fc_events_event_json(const struct fc_event_row *row);

/* ---- events_text.c ---- */
/* -1 when there is no such type. */
int fc_events_text_type(const char *name, enum fc_event_type *ret_type);

/* ---- events_ring.c: the newest events, numbered without gaps ---- */
struct fc_events_ring {
    struct fc_event **at; /* a circle of `cap` */
    size_t cap;           /* grows up to max */
    size_t max;
    size_t first; /* index of the oldest */
    size_t count;
    size_t bytes;
};
void fc_events_ring_init(struct fc_events_ring *ring, size_t max);
void fc_events_ring_release(struct fc_events_ring *ring);
void fc_events_ring_clear(struct fc_events_ring *ring);
/* Takes the reference; the oldest one goes when the ring is full of events or of bytes. */
void fc_events_ring_push(struct fc_events_ring *ring, struct fc_event *event);
/* index 0: the oldest. */
struct fc_event *fc_events_ring_get(const struct fc_events_ring *ring, size_t index);

/* ---- events_sub.c: who is woken ---- */
struct fc_events_subs;
struct fc_events_subs *fc_events_sub_list_new(void);
void fc_events_sub_list_free(struct fc_events_subs *subs);
struct fc_events_sub *fc_events_sub_add(struct fc_events_subs *subs, void (*wake)(void *cookie), void *cookie);
void fc_events_sub_remove(struct fc_events_subs *subs, struct fc_events_sub *sub);
void fc_events_sub_wake(struct fc_events_subs *subs);

/* ---- events.c, for events_read.c ---- */
#define FC_EVENTS_SCAN_MAX 10000 /* events looked at under the log's lock at once */

struct fc_events_grabbed {
    struct fc_event **at; /* the caller's, `room` of them; a reference each */
    size_t room, count;
    int64_t first; /* the oldest number in memory (last + 1 when there is none) */
    int64_t last;  /* the newest visible number */
    int64_t next;  /* go on from here */
};
/* Wanted events behind `after` from memory; none, and next == after, when after + 1 is older than the memory. */
void fc_events_grab(struct fc_events *events, int64_t after, const bool wanted[FC_EVENT__MAX],
                    struct fc_events_grabbed *ret);
struct fc_store *fc_events_store(const struct fc_events *events);

#endif
