#include "base/base_json.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_assert.h"
#include "base/base_buf.h"
#include "base/base_json_int.h"
#include "base/base_opt.h"
#include "base/base_time.h"

#define DEPTH_MAX 32
#define MESSAGE_MAX 1024
#define REPORT_MAX 65536

/* jansson's own limit (2048 levels) is far above ours: brackets outside of strings are counted before it sees the text. */
static int check_depth(const char *text, size_t len, struct fc_err *err)
{
    int depth = 0;
    bool in_string = false;

    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > DEPTH_MAX)
                return fc_err_set(err, FC_E_PARSE, "nested deeper than %d levels", DEPTH_MAX);
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return 0;
}

int fc_json_parse(const char *text, size_t len, json_t **ret_value, struct fc_err *err)
{
    json_error_t cause;

    if (check_depth(text, len, err))
        return -1;
    json_t *value = json_loadb(text, len, JSON_REJECT_DUPLICATES, &cause);
    if (!value)
        return fc_err_set(err, FC_E_PARSE, "line %d, column %d: %s", cause.line, cause.column, cause.text);
    *ret_value = value;
    return 0;
}

char *fc_json_text(const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    FC_ASSERT(text);
    return text;
}

/* ---- collecting errors ---- */

void fc_json_errs_init(struct fc_json_errs *errs, const char *file, const char *text, size_t text_len)
{
    *errs = (struct fc_json_errs){.file = file, .text = text, .text_len = text ? text_len : 0};
}

void fc_json_errs_release(struct fc_json_errs *errs)
{
    if (!errs)
        return;
    for (size_t i = 0; i < errs->count && i < FC_JSON_ERRS_MAX; i++)
        free(errs->messages[i]);
    *errs = (struct fc_json_errs){0};
}

/* "a.b[2]" and "c" -> "a.b[2].c"; a path that does not fit is cut, which only an error text ever shows. */
static void join(char *ret, size_t room, const char *path, const char *key)
{
    struct fc_buf joined fc_auto_buf = {0};

    fc_buf_init(&joined, MESSAGE_MAX);
    fc_buf_printf(&joined, "%s%s%s", path, *path && key ? "." : "", key ? key : "");
    size_t n = joined.len < room - 1 ? joined.len : room - 1;
    memcpy(ret, joined.data, n);
    ret[n] = 0;
}

void fc_json_errs_add(struct fc_json_obj *obj, const char *key, const char *format, ...)
{
    struct fc_json_errs *errs = obj->errs;
    char path[512], rule[MESSAGE_MAX];
    struct fc_buf message fc_auto_buf = {0};
    va_list args;

    if (errs->count++ >= FC_JSON_ERRS_MAX)
        return;
    va_start(args, format);
    vsnprintf(rule, sizeof rule, format, args);
    va_end(args);
    join(path, sizeof path, obj->path, key);
    fc_buf_init(&message, MESSAGE_MAX + 1024);
    if (errs->file)
        fc_buf_printf(&message, "%s: ", errs->file);
    int line = errs->text ? fc_json_line(errs->text, errs->text_len, path) : 0;
    if (line > 0)
        fc_buf_printf(&message, "line %d: ", line);
    if (*path)
        fc_buf_printf(&message, "%s: ", path);
    fc_buf_puts(&message, rule);
    errs->messages[errs->count - 1] = fc_buf_detach(&message);
}

int fc_json_errs_report(const struct fc_json_errs *errs, struct fc_err *err)
{
    struct fc_buf all fc_auto_buf = {0};

    if (!errs->count)
        return 0;
    fc_buf_init(&all, REPORT_MAX);
    for (size_t i = 0; i < errs->count && i < FC_JSON_ERRS_MAX; i++)
        fc_buf_printf(&all, "%s%s", i ? "\n" : "", errs->messages[i]);
    if (errs->count > FC_JSON_ERRS_MAX)
        fc_buf_printf(&all, "\n... and %zu more", errs->count - FC_JSON_ERRS_MAX);
    return fc_err_set(err, FC_E_USAGE, "%s", all.data);
}

/* ---- objects ---- */

static void set_value(struct fc_json_obj *obj, const json_t *value)
{
    if (value && !json_is_object(value)) {
        fc_json_errs_add(obj, NULL, "must be an object");
        value = NULL;
    }
    obj->value = value;
}

void fc_json_obj_root(struct fc_json_obj *obj, const json_t *value, struct fc_json_errs *errs)
{
    *obj = (struct fc_json_obj){.errs = errs};
    set_value(obj, value);
}

static void note_asked(struct fc_json_obj *obj, const char *key)
{
    for (size_t i = 0; i < obj->n_asked; i++)
        if (strcmp(obj->asked[i], key) == 0)
            return;
    FC_ASSERT(obj->n_asked < FC_JSON_KEYS_MAX);
    obj->asked[obj->n_asked++] = key;
}

/* The member, or NULL with an error when it is required and absent. */
static const json_t *member(struct fc_json_obj *obj, const char *key, enum fc_json_need need)
{
    note_asked(obj, key);
    if (!obj->value)
        return NULL;
    const json_t *value = json_object_get(obj->value, key);
    if (!value && need == FC_JSON_REQUIRED)
        fc_json_errs_add(obj, NULL, "'%s' is missing", key);
    return value;
}

void fc_json_obj_member(struct fc_json_obj *parent, const char *key, enum fc_json_need need,
                        struct fc_json_obj *ret_obj)
{
    const json_t *value = member(parent, key, need);

    *ret_obj = (struct fc_json_obj){.errs = parent->errs};
    join(ret_obj->path, sizeof ret_obj->path, parent->path, key);
    set_value(ret_obj, value);
}

void fc_json_obj_element(struct fc_json_obj *parent, const char *key, const json_t *array, size_t index,
                         struct fc_json_obj *ret_obj)
{
    char name[128];

    snprintf(name, sizeof name, "%s[%zu]", key, index);
    *ret_obj = (struct fc_json_obj){.errs = parent->errs};
    join(ret_obj->path, sizeof ret_obj->path, parent->path, name);
    set_value(ret_obj, json_array_get(array, index));
}

static bool was_asked(const struct fc_json_obj *obj, const char *key)
{
    for (size_t i = 0; i < obj->n_asked; i++)
        if (strcmp(obj->asked[i], key) == 0)
            return true;
    return false;
}

void fc_json_obj_end(struct fc_json_obj *obj)
{
    const char *key;
    json_t *value;

    if (!obj->value)
        return;
    /* jansson's iterator takes a non-const object but does not change it */
    json_t *object = json_incref((json_t *)(uintptr_t)obj->value);
    json_object_foreach(object, key, value)
    {
        if (was_asked(obj, key))
            continue;
        const char *nearest = fc_opt_nearest(key, obj->asked, obj->n_asked);
        if (nearest)
            fc_json_errs_add(obj, key, "unknown key '%.64s', did you mean '%s'?", key, nearest);
        else
            fc_json_errs_add(obj, key, "unknown key '%.64s'", key);
    }
    json_decref(object);
}

bool fc_json_has(struct fc_json_obj *obj, const char *key)
{
    return member(obj, key, FC_JSON_OPTIONAL) != NULL;
}

/* ---- typed members ---- */

const json_t *fc_json_any(struct fc_json_obj *obj, const char *key, enum fc_json_need need)
{
    return member(obj, key, need);
}

const char *fc_json_str(struct fc_json_obj *obj, const char *key, enum fc_json_need need, size_t max_len)
{
    const json_t *value = member(obj, key, need);

    if (!value)
        return NULL;
    if (!json_is_string(value)) {
        fc_json_errs_add(obj, key, "must be a string");
        return NULL;
    }
    if (json_string_length(value) > max_len) {
        fc_json_errs_add(obj, key, "longer than %zu bytes", max_len);
        return NULL;
    }
    return json_string_value(value);
}

int64_t fc_json_int(struct fc_json_obj *obj, const char *key, enum fc_json_need need, int64_t min, int64_t max,
                    int64_t fallback)
{
    const json_t *value = member(obj, key, need);

    if (!value)
        return fallback;
    if (!json_is_integer(value)) {
        fc_json_errs_add(obj, key, "must be a whole number");
        return fallback;
    }
    int64_t number = json_integer_value(value);
    if (number < min || number > max) {
        fc_json_errs_add(obj, key, "%lld is not between %lld and %lld", (long long)number, (long long)min,
                         (long long)max);
        return fallback;
    }
    return number;
}

bool fc_json_bool(struct fc_json_obj *obj, const char *key, enum fc_json_need need, bool fallback)
{
    const json_t *value = member(obj, key, need);

    if (!value)
        return fallback;
    if (!json_is_boolean(value)) {
        fc_json_errs_add(obj, key, "must be true or false");
        return fallback;
    }
    return json_is_true(value);
}

int64_t fc_json_duration(struct fc_json_obj *obj, const char *key, enum fc_json_need need, int64_t min, int64_t max,
                         int64_t fallback)
{
    const char *text = fc_json_str(obj, key, need, FC_TIME_TEXT_MAX);
    struct fc_err cause = {0};
    char low[FC_TIME_TEXT_MAX], high[FC_TIME_TEXT_MAX];
    int64_t duration;

    if (!text)
        return fallback;
    if (fc_duration_parse(text, &duration, &cause)) {
        fc_json_errs_add(obj, key, "%s", cause.text);
        return fallback;
    }
    if (duration < min || duration > max) {
        fc_json_errs_add(obj, key, "'%s' is not between %s and %s", text, fc_duration_text(min, low),
                         fc_duration_text(max, high));
        return fallback;
    }
    return duration;
}

int64_t fc_json_time(struct fc_json_obj *obj, const char *key, enum fc_json_need need, int64_t fallback)
{
    const char *text = fc_json_str(obj, key, need, FC_TIME_TEXT_MAX);
    struct fc_err cause = {0};
    int64_t at;

    if (!text)
        return fallback;
    if (fc_time_parse(text, &at, &cause)) {
        fc_json_errs_add(obj, key, "%s", cause.text);
        return fallback;
    }
    return at;
}

const json_t *fc_json_array(struct fc_json_obj *obj, const char *key, enum fc_json_need need, size_t max)
{
    const json_t *value = member(obj, key, need);

    if (!value)
        return NULL;
    if (!json_is_array(value)) {
        fc_json_errs_add(obj, key, "must be an array");
        return NULL;
    }
    if (json_array_size(value) > max) {
        fc_json_errs_add(obj, key, "more than %zu elements", max);
        return NULL;
    }
    return value;
}

const char **fc_json_strs(struct fc_json_obj *obj, const char *key, enum fc_json_need need, size_t max, size_t max_len)
{
    const json_t *array = fc_json_array(obj, key, need, max);
    size_t count = array ? json_array_size(array) : 0;

    if (!array)
        return NULL;
    const char **strings = fc_calloc(count + 1, sizeof *strings);
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_array_get(array, i);
        char name[128];
        snprintf(name, sizeof name, "%s[%zu]", key, i);
        strings[i] = "";
        if (!json_is_string(value))
            fc_json_errs_add(obj, name, "must be a string");
        else if (json_string_length(value) > max_len)
            fc_json_errs_add(obj, name, "longer than %zu bytes", max_len);
        else
            strings[i] = json_string_value(value);
    }
    return strings;
}

int fc_json_word(struct fc_json_obj *obj, const char *key, enum fc_json_need need, const char *const *words,
                 int fallback)
{
    const char *text = fc_json_str(obj, key, need, 256);
    size_t count = 0;

    if (!text)
        return fallback;
    for (; words[count]; count++)
        if (strcmp(words[count], text) == 0)
            return (int)count;
    const char *nearest = fc_opt_nearest(text, words, count);
    if (nearest)
        fc_json_errs_add(obj, key, "unknown word '%s', did you mean '%s'?", text, nearest);
    else
        fc_json_errs_add(obj, key, "unknown word '%s' (the first of those known is '%s')", text, words[0]);
    return fallback;
}
