#include "events/events_int.h"

#include <string.h>

#include "base/base_assert.h"
#include "base/base_buf.h"
#include "base/base_json.h"

#define TEXT_MAX 8192
#define NAME_MAX_LEN 32

struct type_row {
    const char *name;
    const char *members;
    const char *text;
};

static const struct type_row type_rows[FC_EVENT__MAX] = {
#define X(name, text, members, human) [FC_EVENT_##name] = {text, members, human},
#include "events/events.def"
#undef X
};

const char *fc_event_type_name(enum fc_event_type type)
{
    FC_ASSERT(type < FC_EVENT__MAX);
    return type_rows[type].name;
}

const char *fc_event_type_members(enum fc_event_type type)
{
    FC_ASSERT(type < FC_EVENT__MAX);
    return type_rows[type].members;
}

const char *fc_event_type_text(enum fc_event_type type)
{
    FC_ASSERT(type < FC_EVENT__MAX);
    return type_rows[type].text;
}

int fc_events_text_type(const char *name, enum fc_event_type *ret_type)
{
    for (int i = 0; i < FC_EVENT__MAX; i++) {
        if (strcmp(type_rows[i].name, name) == 0) {
            *ret_type = (enum fc_event_type)i;
            return 0;
        }
    }
    return -1;
}

/* ---- templates ---- */

/* What a template calls the event's own members. */
static const struct {
    const char *in_template, *in_event;
} own_names[] = {
    {"account", "account"}, {"order", "order"},     {"authz", "authorization"},
    {"serial", "serial"},   {"env", "environment"},
};

static const json_t *lookup(const json_t *event, const char *name)
{
    const json_t *value = json_object_get(json_object_get(event, "data"), name);

    if (value)
        return value;
    for (size_t i = 0; i < sizeof own_names / sizeof *own_names; i++)
        if (strcmp(own_names[i].in_template, name) == 0)
            return json_object_get(event, own_names[i].in_event);
    return NULL;
}

static void append_scalar(struct fc_buf *text, const json_t *value)
{
    if (json_is_string(value)) {
        fc_buf_put_visible(text, json_string_value(value), json_string_length(value));
    } else if (!value || json_is_null(value)) {
        fc_buf_putc(text, '-');
    } else {
        fc_auto_free char *json = fc_json_text(value);
        fc_buf_puts(text, json);
    }
}

/* Objects by what matters of them: the value of an identifier, the detail of a problem. */
static void append_element(struct fc_buf *text, const json_t *value)
{
    const json_t *inner = json_object_get(value, "value");

    if (!inner)
        inner = json_object_get(value, "detail");
    append_scalar(text, json_is_string(inner) ? inner : value);
}

static void append_value(struct fc_buf *text, const json_t *value)
{
    if (!json_is_array(value)) {
        append_element(text, value);
        return;
    }
    for (size_t i = 0; i < json_array_size(value); i++) {
        if (i)
            fc_buf_puts(text, ", ");
        append_element(text, json_array_get(value, i));
    }
}

static const char *template_of(const json_t *event)
{
    const char *name = json_string_value(json_object_get(event, "type"));
    enum fc_event_type type;

    return name && fc_events_text_type(name, &type) == 0 ? type_rows[type].text : NULL;
}

char *fc_events_text(const json_t *event)
{
    struct fc_buf text fc_auto_buf;
    const char *p = template_of(event);

    fc_buf_init(&text, TEXT_MAX);
    if (!p) /* the type of another version of fakeca */
        append_scalar(&text, json_object_get(event, "type"));
    while (p && *p) {
        size_t plain = strcspn(p, "{");
        fc_buf_append(&text, p, plain);
        p += plain;
        if (!*p)
            break;
        size_t len = strcspn(++p, "}");
        char name[NAME_MAX_LEN];
        FC_ASSERT(p[len] == '}' && len < sizeof name);
        memcpy(name, p, len);
        name[len] = '\0';
        append_value(&text, lookup(event, name));
        p += len + 1;
    }
    return fc_buf_detach(&text);
}
