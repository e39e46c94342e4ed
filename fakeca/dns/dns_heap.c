#include "dns/dns_int.h"

#include <stdlib.h>

static bool before(const struct fc_dns_due *a, const struct fc_dns_due *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

void fc_dns_heap_push(struct fc_dns_heap *heap, struct fc_dns_due *item, int64_t at)
{
    size_t i = heap->count;

    item->at = at;
    item->order = heap->order++;
    if (heap->count == heap->room) {
        heap->room = heap->room ? 2 * heap->room : 16;
        heap->items = fc_reallocarray(heap->items, heap->room, sizeof *heap->items);
    }
    heap->count++;
    for (; i > 0 && before(item, heap->items[(i - 1) / 2]); i = (i - 1) / 2)
        heap->items[i] = heap->items[(i - 1) / 2];
    heap->items[i] = item;
}

/* Puts an item where the first one was. */
static void sink(struct fc_dns_heap *heap, struct fc_dns_due *item)
{
    size_t i = 0;

    for (;;) {
        size_t child = 2 * i + 1;
        if (child + 1 < heap->count && before(heap->items[child + 1], heap->items[child]))
            child++;
        if (child >= heap->count || before(item, heap->items[child]))
            break;
        heap->items[i] = heap->items[child];
        i = child;
    }
    heap->items[i] = item;
}

struct fc_dns_due *fc_dns_heap_pop(struct fc_dns_heap *heap, int64_t now)
{
    if (heap->count == 0 || heap->items[0]->at > now)
        return NULL;
    struct fc_dns_due *first = heap->items[0];
    heap->count--;
    if (heap->count > 0)
        sink(heap, heap->items[heap->count]);
    return first;
}

int64_t fc_dns_heap_next(const struct fc_dns_heap *heap)
{
    return heap->count > 0 ? heap->items[0]->at : INT64_MAX;
}

void fc_dns_heap_release(struct fc_dns_heap *heap)
{
    free(heap->items);
    *heap = (struct fc_dns_heap){0};
}
