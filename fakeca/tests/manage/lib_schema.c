#include "lib_schema.h"

#include <string.h>

#include "base/base_text.h"
#include "base/base_time.h"

#include "cmocka_all.h"

struct check {
    const json_t *doc;
    struct fc_buf *why;
};

/* jansson's loops take objects that are not const, and leave them as they are */
static json_t *loose(const json_t *value)
{
    return (json_t *)(uintptr_t)value;
}

const json_t *lib_schema_follow(const json_t *doc, const json_t *object)
{
    for (int hops = 0; hops < 8; hops++) {
        const char *ref = json_string_value(json_object_get(object, "$ref"));
        if (!ref)
            return object;
        object = doc;
        if (ref[0] != '#')
            fail_msg("$ref '%s' leads out of the document", ref);
        for (const char *next = ref + 1; *next == '/';) {
            size_t len = strcspn(next + 1, "/");
            fc_auto_free char *key = fc_strndup(next + 1, len);
            object = json_object_get(object, key);
            next += 1 + len;
        }
        if (!object)
            fail_msg("$ref '%s' leads nowhere", ref);
    }
    fail_msg("$ref leads in circles");
    return NULL;
}

static bool no(const struct check *check, const char *path, const char *reason, const char *what)
{
    if (!check->why->len)
        fc_buf_printf(check->why, "%s: %s%s%s", *path ? path : "(root)", reason, what ? " " : "", what ? what : "");
    return false;
}

static bool has_type(const json_t *value, const char *type)
{
    static const char *const names[] = {"object", "array", "string", "integer", "boolean", "number"};
    static const json_type kinds[] = {JSON_OBJECT, JSON_ARRAY, JSON_STRING, JSON_INTEGER, JSON_TRUE, JSON_REAL};
    json_type kind = json_is_boolean(value) ? JSON_TRUE : json_typeof(value);

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], type) == 0)
            return kind == kinds[i];
    fail_msg("unknown type '%s' in a schema", type);
    return false;
}

static void known_keywords_only(const json_t *schema)
{
    static const char *const known[] = {
        "$ref",    "type",    "nullable", "enum",    "properties",  "required", "items", "additionalProperties",
        "minimum", "maximum", "format",   "default", "description", "example"};
    const char *key;
    json_t *value;

    json_object_foreach(loose(schema), key, value)
    {
        bool found = false;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            found = found || strcmp(known[i], key) == 0;
        if (!found)
            fail_msg("the schema keyword '%s' is not checked by anybody", key);
    }
}

static bool fits(const struct check *check, const json_t *schema, const json_t *value, const char *path);

static bool fits_members(const struct check *check, const json_t *schema, const json_t *value, const char *path)
{
    const json_t *properties = json_object_get(schema, "properties");
    const json_t *other = json_object_get(schema, "additionalProperties");
    json_t *member, *name;
    const char *key;
    size_t i;

    json_array_foreach(json_object_get(schema, "required"), i, name)
    {
        if (!json_object_get(value, json_string_value(name)))
            return no(check, path, "lacks", json_string_value(name));
    }
    json_object_foreach(loose(value), key, member)
    {
        const json_t *inner = json_object_get(properties, key);
        fc_auto_free char *inner_path = fc_asprintf("%s.%s", path, key);
        if (!inner && json_is_false(other))
            return no(check, inner_path, "is not in the schema", NULL);
        if (inner && !fits(check, inner, member, inner_path))
            return false;
    }
    return true;
}

static bool fits_items(const struct check *check, const json_t *schema, const json_t *value, const char *path)
{
    const json_t *items = json_object_get(schema, "items");
    json_t *item;
    size_t i;

    json_array_foreach(value, i, item)
    {
        fc_auto_free char *inner_path = fc_asprintf("%s[%zu]", path, i);
        if (items && !fits(check, items, item, inner_path))
            return false;
    }
    return true;
}

static bool fits_enum(const struct check *check, const json_t *schema, const json_t *value, const char *path)
{
    const json_t *words = json_object_get(schema, "enum");
    json_t *word;
    size_t i;

    json_array_foreach(words, i, word)
    {
        if (json_equal(word, value))
            return true;
    }
    return !words || no(check, path, "is none of the words:", json_string_value(value));
}

static bool fits_limits(const struct check *check, const json_t *schema, const json_t *value, const char *path)
{
    const json_t *min = json_object_get(schema, "minimum"), *max = json_object_get(schema, "maximum");
    const char *format = json_string_value(json_object_get(schema, "format"));
    const char *text = json_string_value(value);

    if (min && json_integer_value(value) < json_integer_value(min))
        return no(check, path, "is below the minimum", NULL);
    if (max && json_integer_value(value) > json_integer_value(max))
        return no(check, path, "is above the maximum", NULL);
    if (format && strcmp(format, "date-time") == 0 &&
        (fc_time_parse(text, &(int64_t){0}, NULL) || !strchr(text, 'T') || !fc_text_ends(text, "Z")))
        return no(check, path, "is no time:", text);
    return true;
}

static bool fits(const struct check *check, const json_t *schema, const json_t *value, const char *path)
{
    schema = lib_schema_follow(check->doc, schema);
    known_keywords_only(schema);
    const char *type = json_string_value(json_object_get(schema, "type"));
    if (json_is_null(value))
        return json_is_true(json_object_get(schema, "nullable")) || no(check, path, "is null", NULL);
    if (type && !has_type(value, type))
        return no(check, path, "is not of type", type);
    return fits_enum(check, schema, value, path) && fits_limits(check, schema, value, path) &&
           (!json_is_object(value) || fits_members(check, schema, value, path)) &&
           (!json_is_array(value) || fits_items(check, schema, value, path));
}

bool lib_schema_fits(const json_t *doc, const json_t *schema, const json_t *value, struct fc_buf *why)
{
    const struct check check = {.doc = doc, .why = why};
    return fits(&check, schema, value, "");
}

/* ---- paths ---- */

/* How well a template fits: 0 not at all, else the number of fixed segments and 1. */
static size_t template_fits(const char *template, const char *path)
{
    size_t fixed = 1;

    while (*template == '/' && *path == '/') {
        size_t a = strcspn(template + 1, "/"), b = strcspn(path + 1, "/");
        bool parameter = template[1] == '{';
        if (parameter ? b == 0 : (a != b || strncmp(template + 1, path + 1, a) != 0))
            return 0;
        fixed += !parameter;
        template += 1 + a;
        path += 1 + b;
    }
    return *template || *path ? 0 : fixed;
}

const char *lib_schema_path(const json_t *doc, const char *path)
{
    const char *template, *best = NULL;
    size_t best_fit = 0;
    json_t *item;

    json_object_foreach(json_object_get(doc, "paths"), template, item)
    {
        size_t fit = template_fits(template, path);
        if (fit > best_fit) {
            best = template;
            best_fit = fit;
        }
    }
    return best;
}

const json_t *lib_schema_operation(const json_t *doc, const char *template, const char *method)
{
    fc_auto_free char *key = fc_strdup(method);

    fc_text_lower(key);
    return json_object_get(json_object_get(json_object_get(doc, "paths"), template), key);
}
