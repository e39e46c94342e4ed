#include "events/events_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/base_assert.h"
#include "base/base_text.h"
#include "store/store.h"
#include "store/store_event.h"

#define STORE_CHUNK 1000
#define STORE_SCAN_MAX 20000 /* rows of the store looked at in one call */

struct reader {
    struct fc_events *events;
    const char *const *types;
    bool wanted[FC_EVENT__MAX];
    int64_t authz_id; /* 0: all */
    size_t limit;
    struct fc_event_view *views;
    size_t count, cap;
    int64_t next;   /* number of the last event looked at */
    size_t scanned; /* rows of the store */
};

static bool fits(const char *const *types, const char *name)
{
    if (!types)
        return true;
    for (; *types; types++)
        if (strcmp(*types, name) == 0 || (fc_text_ends(*types, ".") && fc_text_starts(name, *types)))
            return true;
    return false;
}

static void keep(struct reader *reader, const struct fc_event_row *row)
{
    if (reader->authz_id && row->authz_id != reader->authz_id)
        return;
    if (reader->count == reader->cap) {
        reader->cap = reader->cap ? reader->cap * 2 : 16;
        reader->views = fc_reallocarray(reader->views, reader->cap, sizeof *reader->views);
    }
    reader->views[reader->count++] = (struct fc_event_view){.seq = row->seq, .json = fc_events_event_json(row)};
}

/* JSON is made outside of the log's lock, from references. */
static void read_memory(struct reader *reader, struct fc_events_grabbed *grabbed)
{
    grabbed->room = reader->limit - reader->count < STORE_CHUNK ? reader->limit - reader->count : STORE_CHUNK;
    fc_events_grab(reader->events, reader->next, reader->wanted, grabbed);
    for (size_t i = 0; i < grabbed->count; i++) {
        struct fc_event_row row;
        fc_events_event_row(grabbed->at[i], &row);
        keep(reader, &row);
        fc_events_event_unref(grabbed->at[i]);
    }
    reader->next = grabbed->next;
}

/* One short transaction; then the rows older than `below`, the oldest number in memory. */
static int read_store(struct reader *reader, int64_t below, struct fc_err *err)
{
    fc_auto(fc_arena_free) struct fc_arena *arena = fc_arena_new();
    struct fc_store *store = fc_events_store(reader->events);
    struct fc_store_tx tx fc_auto_tx = {0};
    struct fc_event_row *rows;
    size_t count;

    if (fc_store_begin(store, FC_STORE_READ, &tx, err) ||
        fc_store_event_list(store, arena, reader->next, STORE_CHUNK, &rows, &count, err))
        return -1;
    fc_store_end(&tx);
    size_t older = 0;
    while (older < count && rows[older].seq < below)
        older++;
    for (size_t i = 0; i < older && reader->count < reader->limit; i++) {
        if (fits(reader->types, rows[i].type))
            keep(reader, &rows[i]);
        reader->next = rows[i].seq;
    }
    reader->scanned += older;
    if (older < STORE_CHUNK && reader->count < reader->limit)
        reader->next = below - 1; /* that was all; the memory goes on from here */
    return 0;
}

static int read_on(struct reader *reader, struct fc_err *err)
{
    fc_auto_free struct fc_event **room = fc_calloc(STORE_CHUNK, sizeof(struct fc_event *));
    struct fc_events_grabbed grabbed = {.at = room};

    for (;;) {
        read_memory(reader, &grabbed);
        if (reader->count == reader->limit || reader->next >= grabbed.last || reader->scanned >= STORE_SCAN_MAX)
            return 0;
        if (reader->next + 1 < grabbed.first && read_store(reader, grabbed.first, err))
            return -1;
    }
}

int fc_events_read_where(struct fc_events *events, const struct fc_events_where *where,
                         struct fc_event_view **ret_views, size_t *ret_count, int64_t *ret_next, struct fc_err *err)
{
    struct reader reader = {.events = events,
                            .types = where->types,
                            .authz_id = where->authz_id,
                            .limit = where->limit,
                            .next = where->after < 0 ? 0 : where->after};
    int64_t last = fc_events_last(events);

    if (reader.next > last) /* a number that was never given: its owner goes on from what there is */
        reader.next = last;
    for (int i = 0; i < FC_EVENT__MAX; i++)
        reader.wanted[i] = fits(where->types, fc_event_type_name((enum fc_event_type)i));
    if (read_on(&reader, err)) {
        fc_events_views_free(reader.views, reader.count);
        return -1;
    }
    *ret_views = reader.views;
    *ret_count = reader.count;
    *ret_next = reader.next;
    return 0;
}

int fc_events_read(struct fc_events *events, int64_t after, size_t limit, const char *const *types,
                   struct fc_event_view **ret_views, size_t *ret_count, int64_t *ret_next, struct fc_err *err)
{
    const struct fc_events_where where = {.after = after, .limit = limit, .types = types};

    return fc_events_read_where(events, &where, ret_views, ret_count, ret_next, err);
}

void fc_events_views_free(struct fc_event_view *views, size_t count)
{
    for (size_t i = 0; i < count; i++)
        json_decref(views[i].json);
    free(views);
}
