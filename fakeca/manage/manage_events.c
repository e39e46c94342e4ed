/* The event log: a page of it, and as it grows (server-sent events). */
#include "manage/manage_int.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_buf.h"
#include "base/base_opt.h"
#include "base/base_text.h"
#include "events/events.h"

/* ---- which types ---- */

/* "order.", "order.created", "order" alone is neither. */
static bool type_known(const char *word)
{
    for (int i = 0; i < FC_EVENT__MAX; i++) {
        const char *name = fc_event_type_name((enum fc_event_type)i);
        if (strcmp(name, word) == 0 || (fc_text_ends(word, ".") && fc_text_starts(name, word)))
            return true;
    }
    return false;
}

static int unknown_type(const char *word, struct fc_err *err)
{
    const char *names[FC_EVENT__MAX];

    for (int i = 0; i < FC_EVENT__MAX; i++)
        names[i] = fc_event_type_name((enum fc_event_type)i);
    const char *nearest = fc_opt_nearest(word, names, FC_EVENT__MAX);
    if (nearest)
        return fc_err_set(err, FC_E_USAGE, "query parameter 'types': unknown type '%.64s', did you mean '%s'?", word,
                          nearest);
    return fc_err_set(err, FC_E_USAGE,
                      "query parameter 'types': unknown type '%.64s' (a type such as order.created, or a group such as "
                      "order.)",
                      word);
}

/* *ret_types NULL when all are wanted; else an arena vector. */
static int read_types(struct fc_manage_call *call, const char *const **ret_types, struct fc_err *err)
{
    const char *text = fc_http_req_query(call->req, "types");
    size_t count = 0;

    *ret_types = NULL;
    if (!text)
        return 0;
    const char **types = fc_arena_alloc(call->req->arena, (FC_MANAGE_TYPES_MAX + 1) * sizeof *types);
    for (const char *next = text; next; count++) {
        size_t len = strcspn(next, ",");
        if (count == FC_MANAGE_TYPES_MAX)
            return fc_err_set(err, FC_E_LIMIT, "query parameter 'types': more than %d types", FC_MANAGE_TYPES_MAX);
        types[count] = fc_arena_strndup(call->req->arena, next, len);
        if (!type_known(types[count]))
            return unknown_type(types[count], err);
        next = next[len] ? next + len + 1 : NULL;
    }
    *ret_types = types;
    return 0;
}

/* ---- a page ---- */

int fc_manage_events_list(struct fc_manage_call *call, struct fc_err *err)
{
    struct fc_events *events = call->manage->params.events;
    const char *const *types;
    struct fc_event_view *views;
    int64_t after = 0, limit = FC_MANAGE_LIMIT_DEFAULT, next;
    size_t count;

    if (fc_manage_body_query_int(call, "after", 0, INT64_MAX, &after, err) ||
        fc_manage_body_query_int(call, "limit", 1, FC_STORE_PAGE_MAX, &limit, err) || read_types(call, &types, err) ||
        fc_events_read(events, after, (size_t)limit, types, &views, &count, &next, err))
        return -1;
    json_t *rows = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append(rows, views[i].json);
    fc_events_views_free(views, count);
    fc_manage_json(call, json_pack("{s:o,s:I,s:I}", "events", rows, "next", (json_int_t)next, "last",
                                   (json_int_t)fc_events_last(events)));
    return 0;
}

/* ---- as it grows ---- */

#define BATCH 32
#define PENDING_MAX (4 << 20)

/* Lives in the arena of the request. What is read of the log but not yet sent waits in `pending`, never more than one batch:
 * a reader that is slow or gone costs that much and holds up nobody. */
struct stream {
    struct fc_manage *manage;
    const char *const *types;
    int64_t after;
    struct fc_buf pending;
    size_t sent; /* of pending */
    struct fc_events_sub *sub;
    bool closed;
};

static int put_event(struct stream *stream, const struct fc_event_view *view)
{
    const char *type = json_string_value(json_object_get(view->json, "type"));
    fc_auto_free char *text = fc_json_text(view->json);

    return fc_buf_printf(&stream->pending, "id: %" PRId64 "\nevent: %s\ndata: %s\n\n", view->seq, type ? type : "event",
                         text);
}

/* Reads on until there is something to send or the end of the log. */
static int fill(struct stream *stream)
{
    struct fc_event_view *views;
    struct fc_err err = {0};
    int64_t next, before;
    size_t count;

    fc_buf_clear(&stream->pending);
    stream->sent = 0;
    do {
        before = stream->after;
        if (fc_events_read(stream->manage->params.events, before, BATCH, stream->types, &views, &count, &next, &err))
            return -1;
        for (size_t i = 0; i < count; i++)
            put_event(stream, &views[i]);
        fc_events_views_free(views, count);
        stream->after = next;
    } while (!stream->pending.len && next > before);
    return stream->pending.full ? -1 : 0;
}

static ssize_t stream_read(void *cookie, char *buf, size_t max)
{
    struct stream *stream = cookie;

    if (stream->closed || (stream->sent == stream->pending.len && fill(stream)))
        return -1;
    size_t len = stream->pending.len - stream->sent;
    if (len > max)
        len = max;
    memcpy(buf, stream->pending.data + stream->sent, len);
    stream->sent += len;
    return (ssize_t)len;
}

static void stream_subscribe(void *cookie, void (*wake)(void *wake_cookie), void *wake_cookie)
{
    struct stream *stream = cookie;
    stream->sub = fc_events_subscribe(stream->manage->params.events, wake, wake_cookie);
}

/* By the server, and again when the request's memory ends: it may end before the server has begun to read. */
static void stream_close(void *cookie)
{
    struct stream *stream = cookie;

    if (stream->closed)
        return;
    stream->closed = true;
    if (stream->sub)
        fc_events_unsubscribe(stream->manage->params.events, stream->sub);
    fc_buf_release(&stream->pending);
    atomic_fetch_sub(&stream->manage->streams, 1);
}

/* Where to begin: Last-Event-ID, which a browser sends when it comes back to the same address, is the later news; then
 * "after"; else from now on. */
static int read_start(struct fc_manage_call *call, int64_t *ret_after, struct fc_err *err)
{
    const char *last = fc_http_req_header(call->req, "Last-Event-ID");
    int64_t newest = fc_events_last(call->manage->params.events), after = newest;

    if (fc_manage_body_query_int(call, "after", 0, INT64_MAX, &after, err))
        return -1;
    if (last && *last && fc_text_int(last, 0, INT64_MAX, &after, NULL))
        return fc_err_set(err, FC_E_USAGE, "header 'Last-Event-ID': '%.64s' is not the number of an event", last);
    /* a CA that was started anew in memory counts from 1: who saw more of the old one must not wait for that number */
    *ret_after = after < newest ? after : newest;
    return 0;
}

int fc_manage_events_stream(struct fc_manage_call *call, struct fc_err *err)
{
    struct fc_manage *manage = call->manage;
    struct stream *stream = fc_arena_alloc(call->req->arena, sizeof *stream);
    struct fc_http_stream *out = fc_arena_alloc(call->req->arena, sizeof *out);

    stream->manage = manage;
    if (read_types(call, &stream->types, err) || read_start(call, &stream->after, err))
        return -1;
    if (atomic_fetch_add(&manage->streams, 1) >= FC_MANAGE_STREAMS_MAX) {
        atomic_fetch_sub(&manage->streams, 1);
        return fc_err_set(err, FC_E_BUSY, "%d readers follow the events already: that is the limit",
                          FC_MANAGE_STREAMS_MAX);
    }
    fc_buf_init(&stream->pending, PENDING_MAX);
    fc_arena_defer(call->req->arena, stream_close, stream);
    *out = (struct fc_http_stream){
        .read = stream_read, .subscribe = stream_subscribe, .close = stream_close, .cookie = stream};
    call->res->status = 200;
    call->res->stream = out;
    fc_http_res_header(call->res, "Content-Type", "text/event-stream");
    return 0;
}
