#include "events/events_int.h"

#include <stdlib.h>

#include "base/base_alloc.h"

#define FIRST_CAP 256
#define BYTES_MAX ((size_t)64 * 1024 * 1024)

void fc_events_ring_init(struct fc_events_ring *ring, size_t max)
{
    *ring = (struct fc_events_ring){.max = max};
}

struct fc_event *fc_events_ring_get(const struct fc_events_ring *ring, size_t index)
{
    return ring->at[(ring->first + index) % ring->cap];
}

static void drop_oldest(struct fc_events_ring *ring)
{
    struct fc_event *oldest = ring->at[ring->first];

    ring->first = (ring->first + 1) % ring->cap;
    ring->count--;
    ring->bytes -= oldest->size;
    fc_events_event_unref(oldest);
}

void fc_events_ring_clear(struct fc_events_ring *ring)
{
    while (ring->count)
        drop_oldest(ring);
}

void fc_events_ring_release(struct fc_events_ring *ring)
{
    fc_events_ring_clear(ring);
    free(ring->at);
    *ring = (struct fc_events_ring){0};
}

/* Memory is taken as events come: an idle server does not pay for a hundred thousand. */
static void grow(struct fc_events_ring *ring)
{
    size_t cap = ring->cap ? ring->cap * 2 : FIRST_CAP;

    if (cap > ring->max)
        cap = ring->max;
    struct fc_event **larger = fc_calloc(cap, sizeof(struct fc_event *));
    for (size_t i = 0; i < ring->count; i++)
        larger[i] = fc_events_ring_get(ring, i);
    free(ring->at);
    ring->at = larger;
    ring->cap = cap;
    ring->first = 0;
}

void fc_events_ring_push(struct fc_events_ring *ring, struct fc_event *event)
{
    if (ring->count == ring->cap && ring->cap < ring->max)
        grow(ring);
    while (ring->count == ring->max || (ring->count && ring->bytes + event->size > BYTES_MAX))
        drop_oldest(ring);
    ring->at[(ring->first + ring->count) % ring->cap] = event;
    ring->count++;
    ring->bytes += event->size;
}
