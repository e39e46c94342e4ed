#include "events/events_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/base_assert.h"
#include "base/base_json.h"
#include "base/base_time.h"
#include "store/store_event.h"

#define DATA_MAX 16384 /* some texts in it come from peers */

/* Copies a text behind the struct; NULL stays NULL. */
static const char *put(char **at, const char *text, size_t len)
{
    if (!text)
        return NULL;
    char *copy = memcpy(*at, text, len);
    copy[len] = '\0';
    *at += len + 1;
    return copy;
}

/* The compact text of data in a buffer of the caller's, or in new memory (*ret_heap) when it is longer. */
static const char *data_text(const json_t *data, char *room, size_t size, char **ret_heap, size_t *ret_len)
{
    static const char too_large[] = "{\"left_out\":\"data longer than 16 KiB\"}";

    if (!data)
        return NULL;
    size_t len = json_dumpb(data, room, size, JSON_COMPACT);
    FC_ASSERT(len > 0);
    *ret_len = len;
    if (len <= size)
        return room;
    if (len > DATA_MAX) {
        *ret_len = sizeof too_large - 1;
        return too_large;
    }
    return *ret_heap = fc_json_text(data);
}

struct fc_event *fc_events_event_new(enum fc_event_type type, int64_t at, int64_t real_at,
                                     const struct fc_event_about *about, const json_t *data)
{
    char room[1024];
    fc_auto_free char *heap = NULL;
    size_t data_len = 0;
    const char *text = data_text(data, room, sizeof room, &heap, &data_len);
    size_t env_len = about->env ? strlen(about->env) : 0;
    size_t serial_len = about->serial ? strlen(about->serial) : 0;
    size_t size = sizeof(struct fc_event) + env_len + serial_len + data_len + 3;
    struct fc_event *event = fc_malloc(size);

    FC_ASSERT(type < FC_EVENT__MAX);
    *event = (struct fc_event){.type = type,
                               .size = size,
                               .at = at,
                               .real_at = real_at,
                               .account_id = about->account_id,
                               .order_id = about->order_id,
                               .authz_id = about->authz_id};
    atomic_init(&event->refs, 1);
    char *end = event->texts;
    event->env = put(&end, about->env, env_len);
    event->serial = put(&end, about->serial, serial_len);
    event->data = put(&end, text, data_len);
    return event;
}

struct fc_event *fc_events_event_ref(struct fc_event *event)
{
    atomic_fetch_add_explicit(&event->refs, 1, memory_order_relaxed);
    return event;
}

void fc_events_event_unref(struct fc_event *event)
{
    if (event && atomic_fetch_sub_explicit(&event->refs, 1, memory_order_acq_rel) == 1)
        free(event);
}

void fc_events_event_row(const struct fc_event *event, struct fc_event_row *ret_row)
{
    *ret_row = (struct fc_event_row){
        .seq = event->seq,
        .at = event->at,
        .real_at = event->real_at,
        .type = fc_event_type_name(event->type),
        .env = event->env,
        .account_id = event->account_id,
        .order_id = event->order_id,
        .authz_id = event->authz_id,
        .serial = event->serial,
        .data = event->data,
    };
}

static void set_text(json_t *object, const char *key, const char *text)
{
    if (text)
        json_object_set_new(object, key, json_string(text));
}

static void set_id(json_t *object, const char *key, int64_t id)
{
    if (id)
        json_object_set_new(object, key, json_integer(id));
}

json_t *fc_events_event_json(const struct fc_event_row *row)
{
    json_t *event = json_object();
    char at[FC_TIME_TEXT_MAX], real_at[FC_TIME_TEXT_MAX];
    json_t *data = NULL;

    json_object_set_new(event, "seq", json_integer(row->seq));
    set_text(event, "time", fc_time_rfc3339_ms(row->at, at));
    set_text(event, "real_time", fc_time_rfc3339_ms(row->real_at, real_at));
    set_text(event, "type", row->type);
    set_text(event, "environment", row->env);
    set_id(event, "account", row->account_id);
    set_id(event, "order", row->order_id);
    set_id(event, "authorization", row->authz_id);
    set_text(event, "serial", row->serial);
    /* a text that does not parse can only be a damaged row; the event is shown without it */
    if (row->data && fc_json_parse(row->data, strlen(row->data), &data, NULL) == 0)
        json_object_set_new(event, "data", data);
    fc_auto_free char *text = fc_events_text(event);
    set_text(event, "text", text);
    return event;
}
