/* What comes next: a binary heap, the earliest event on top. */
#include <stdlib.h>

#include "base/base_assert.h"

#include "plan/plan_int.h"

#define CAP_MIN 64

static bool earlier(const struct fc_plan_event *a, const struct fc_plan_event *b)
{
    return a->at != b->at ? a->at < b->at : a->certificate < b->certificate;
}

void fc_plan_heap_push(struct fc_plan_heap *heap, struct fc_plan_event event)
{
    size_t at = heap->count++;

    if (heap->count > heap->cap) {
        heap->cap = heap->cap ? heap->cap * 2 : CAP_MIN;
        heap->events = fc_reallocarray(heap->events, heap->cap, sizeof *heap->events);
    }
    for (; at > 0 && earlier(&event, &heap->events[(at - 1) / 2]); at = (at - 1) / 2)
        heap->events[at] = heap->events[(at - 1) / 2];
    heap->events[at] = event;
}

struct fc_plan_event fc_plan_heap_pop(struct fc_plan_heap *heap)
{
    FC_ASSERT(heap->count > 0);
    struct fc_plan_event first = heap->events[0], last = heap->events[--heap->count];
    size_t at = 0;

    for (size_t child = 1; child < heap->count; child = 2 * at + 1) {
        if (child + 1 < heap->count && earlier(&heap->events[child + 1], &heap->events[child]))
            child++;
        if (!earlier(&heap->events[child], &last))
            break;
        heap->events[at] = heap->events[child];
        at = child;
    }
    heap->events[at] = last;
    return first;
}

void fc_plan_heap_release(struct fc_plan_heap *heap)
{
    free(heap->events);
    *heap = (struct fc_plan_heap){0};
}
