/* policy.schema.json says of every member what the loader says: names, required ones, types, bounds, lists of words. */
#include "policy/policy_int.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_file.h"
#include "policy/lib_policy.h"

#include "cmocka_all.h"

#define OBJECTS_MAX 64

/* An object of the schema, and one of production that it describes. */
struct object {
    char *path; /* "profiles[0]": each list by its first element */
    const json_t *schema;
};

struct shape {
    json_t *schema;
    struct object objects[OBJECTS_MAX];
    size_t count;
};

static const json_t *resolved(const struct shape *shape, const json_t *node)
{
    const char *ref = json_string_value(json_object_get(node, "$ref"));

    if (!ref)
        return node;
    assert_int_equal(strncmp(ref, "#/$defs/", 8), 0);
    node = json_object_get(json_object_get(shape->schema, "$defs"), ref + 8);
    assert_non_null(node);
    return node;
}

static const char *type_of(const json_t *node)
{
    const char *type = json_string_value(json_object_get(node, "type"));

    return type ? type : "enum";
}

static void collect(struct shape *shape, const json_t *node, char *path)
{
    const char *key;
    json_t *value;

    node = resolved(shape, node);
    if (strcmp(type_of(node), "array") == 0) {
        collect(shape, json_object_get(node, "items"), fc_asprintf("%s[0]", path));
        free(path);
        return;
    }
    /* an object without properties holds names that are free: `set` of a change */
    if (strcmp(type_of(node), "object") != 0 || !json_object_get(node, "properties")) {
        free(path);
        return;
    }
    assert_true(shape->count < OBJECTS_MAX);
    shape->objects[shape->count++] = (struct object){path, node};
    json_object_foreach(json_object_get(node, "properties"), key, value)
        collect(shape, value, fc_asprintf("%s%s%s", path, *path ? "." : "", key));
}

static int setup(void **state)
{
    struct shape *shape = fc_calloc(1, sizeof *shape);
    fc_auto_free char *text = NULL;
    size_t len;

    *state = shape;
    if (fc_file_read(FIXTURES "/../fakeca/policy/policy.schema.json", 1024 * 1024, &text, &len, NULL) ||
        fc_json_parse(text, len, &shape->schema, NULL))
        return -1;
    collect(shape, shape->schema, fc_strdup(""));
    return 0;
}

static int teardown(void **state)
{
    struct shape *shape = *state;

    for (size_t i = 0; i < shape->count; i++)
        free(shape->objects[i].path);
    json_decref(shape->schema);
    free(shape);
    return 0;
}

/* ---- names ---- */

struct seen {
    json_t *objects; /* path -> object of the names that the loader asked for */
};

static void note(void *cookie, const char *path, const char *const *names, size_t n_names)
{
    struct seen *seen = cookie;
    json_t *set = json_object();

    for (size_t i = 0; i < n_names; i++)
        json_object_set_new(set, names[i], json_true());
    json_object_set_new(seen->objects, path, set);
}

/* Both ways: each name of the one is in the other. */
static void assert_same_names(const char *path, const json_t *schema, const json_t *asked)
{
    json_t *properties = json_object_get(schema, "properties"), *set = json_deep_copy(asked);
    const char *key;
    json_t *value;

    json_object_foreach(properties, key, value) if (json_object_del(set, key) != 0)
        fail_msg("'%s': the loader does not ask for '%s'", path, key);
    json_object_foreach(set, key, value) fail_msg("'%s': the schema does not know '%s'", path, key);
    json_decref(set);
    assert_true(json_is_false(json_object_get(schema, "additionalProperties")));
}

static void the_loader_asks_for_the_names_of_the_schema(void **state)
{
    const struct shape *shape = *state;
    fc_auto_json objects = json_object();
    struct seen seen = {objects};
    const struct fc_policy_watch watch = {note, &seen};
    struct fc_policy *policy = NULL;
    fc_auto_json root = production_json();
    fc_auto_free char *text = json_dumps(root, 0);

    assert_int_equal(fc_policy_load(text, strlen(text), NULL, &watch, &policy, NULL), 0);
    fc_policy_free(policy);
    assert_int_equal(shape->count, 30);
    for (size_t i = 0; i < shape->count; i++) {
        const json_t *asked = json_object_get(objects, shape->objects[i].path);
        if (!asked)
            fail_msg("the loader does not know the object '%s'", shape->objects[i].path);
        assert_same_names(shape->objects[i].path, shape->objects[i].schema, asked);
    }
}

/* ---- one member changed at a time ---- */

/* Calls check for each member of each object of the schema. */
static void each_member(const struct shape *shape,
                        void (*check)(const char *path, const char *member, const json_t *schema, bool required))
{
    for (size_t i = 0; i < shape->count; i++) {
        const json_t *schema = shape->objects[i].schema, *required = json_object_get(schema, "required");
        const char *key;
        json_t *value;
        json_object_foreach(json_object_get(schema, "properties"), key, value)
        {
            bool needed = false;
            for (size_t j = 0; j < json_array_size(required); j++)
                needed = needed || strcmp(json_string_value(json_array_get(required, j)), key) == 0;
            check(shape->objects[i].path, key, resolved(shape, value), needed);
        }
    }
}

/* Loads production with the member set to `value` (stolen). */
static int load_with(const char *path, const char *member, json_t *value, struct fc_err *err)
{
    fc_auto_json root = production_json();

    json_object_set_new(find_json(root, path), member, value);
    return load_json(root, err);
}

static void assert_refused(const char *path, const char *member, json_t *value, const char *why)
{
    fc_auto_free char *text = json_dumps(value, JSON_ENCODE_ANY);
    fc_auto_free char *place = fc_asprintf("%s%s%s", path, *path ? "." : "", member);
    struct fc_err err = {0};

    if (load_with(path, member, value, &err) == 0)
        fail_msg("'%s' takes %.100s", place, text);
    if (!strstr(err.text, place) || !strstr(err.text, why))
        fail_msg("'%s' = %.100s: '%s' does not say '%s'", place, text, err.text, why);
}

static void assert_taken(const char *path, const char *member, json_t *value)
{
    fc_auto_free char *text = json_dumps(value, JSON_ENCODE_ANY);
    struct fc_err err = {0};

    if (load_with(path, member, value, &err) != 0)
        fail_msg("'%s' of '%s' = %.100s: '%s'", member, path, text, err.text);
}

static void check_required(const char *path, const char *member, const json_t *schema, bool required)
{
    fc_auto_json root = production_json();
    fc_auto_free char *says = fc_asprintf("'%s' is missing", member);
    struct fc_err err = {0};
    (void)schema;

    json_object_del(find_json(root, path), member);
    load_json(root, &err);
    if ((strstr(err.text, says) != NULL) != required)
        fail_msg("'%s' of '%s' is %s in the schema; the loader says '%s'", member, path,
                 required ? "required" : "optional", err.text);
}

static void the_same_members_are_required(void **state)
{
    each_member(*state, check_required);
}

static void check_type(const char *path, const char *member, const json_t *schema, bool required)
{
    static const struct {
        const char *type, *wrong, *says;
    } rows[] = {
        {"object", "[]", "must be an object"},
        {"array", "{}", "must be an array"},
        {"string", "7", "must be a string"},
        {"enum", "7", "must be a string"},
        {"integer", "\"7\"", "must be a whole number"},
        {"integer", "7.5", "must be a whole number"},
        {"boolean", "1", "must be true or false"},
        {"boolean", "null", "must be true or false"},
        {"string", "null", "must be a string"},
        {"array", "\"http-01\"", "must be an array"},
    };
    size_t found = 0;
    (void)required;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (strcmp(rows[i].type, type_of(schema)) != 0)
            continue;
        assert_refused(path, member, json_loads(rows[i].wrong, JSON_DECODE_ANY, NULL), rows[i].says);
        found++;
    }
    assert_true(found > 0);
}

static void wrong_types_are_refused(void **state)
{
    each_member(*state, check_type);
}

static void check_unknown(const char *path, const char *member, const json_t *schema, bool required)
{
    /* a typing error in each name: the nearest one is the right one */
    fc_auto_free char *typo = fc_asprintf("%sx", member);
    fc_auto_free char *says = fc_asprintf("unknown key '%s', did you mean '%s'?", typo, member);
    (void)schema;
    (void)required;

    assert_refused(path, typo, json_true(), says);
}

static void typing_errors_in_names_are_told(void **state)
{
    each_member(*state, check_unknown);
}

static void check_bounds(const char *path, const char *member, const json_t *schema, bool required)
{
    json_int_t min = json_integer_value(json_object_get(schema, "minimum"));
    json_int_t max = json_integer_value(json_object_get(schema, "maximum"));
    (void)required;

    if (strcmp(type_of(schema), "integer") != 0)
        return;
    assert_taken(path, member, json_integer(min));
    if (strcmp(member, "burst") != 0) /* what it may be depends on count and period too */
        assert_taken(path, member, json_integer(max));
    assert_refused(path, member, json_integer(min - 1), "is not between");
    assert_refused(path, member, json_integer(max + 1), "is not between");
}

static void numbers_have_the_same_bounds(void **state)
{
    each_member(*state, check_bounds);
}

static void check_lengths(const char *path, const char *member, const json_t *schema, bool required)
{
    size_t max = (size_t)json_integer_value(json_object_get(schema, "maxLength"));
    size_t max_items = (size_t)json_integer_value(json_object_get(schema, "maxItems"));
    (void)required;

    if (max > 0) {
        fc_auto_free char *text = fc_malloc(max + 2);
        memset(text, 'a', max + 1);
        text[max + 1] = '\0';
        fc_auto_free char *says = fc_asprintf("longer than %zu bytes", max);
        assert_refused(path, member, json_string(text), says);
    }
    if (max_items > 0 && max_items <= 100 && strcmp(member, "rsa_bits") != 0 &&
        strcmp(member, "revocation_reasons") != 0) {
        json_t *array = json_array();
        for (size_t i = 0; i <= max_items; i++)
            json_array_append_new(array, json_sprintf("a%zu", i));
        fc_auto_free char *says = fc_asprintf("more than %zu elements", max_items);
        assert_refused(path, member, array, says);
    }
    if (json_object_get(schema, "minItems"))
        assert_int_equal(load_with(path, member, json_array(), NULL), -1);
}

static void texts_and_lists_have_the_same_limits(void **state)
{
    each_member(*state, check_lengths);
}

/* Each word that the schema permits is taken; single values and lists. */
static void check_words(const char *path, const char *member, const json_t *schema, bool required)
{
    const json_t *words = json_object_get(schema, "enum"), *items = json_object_get(schema, "items");
    bool list = words == NULL;
    (void)required;

    if (list)
        words = json_object_get(items, "enum");
    for (size_t i = 0; i < json_array_size(words); i++) {
        json_t *word = json_deep_copy(json_array_get(words, i));
        assert_taken(path, member, list ? json_pack("[o]", word) : word);
    }
    if (words)
        assert_refused(path, member, list ? json_pack("[s]", "zz") : json_string("zz"), "");
}

static void words_are_the_same(void **state)
{
    each_member(*state, check_words);
}

/* ---- patterns: the schema's regular expression and the loader must agree about each sample ---- */

static bool schema_takes(const json_t *schema, const char *sample)
{
    const char *pattern = json_string_value(json_object_get(schema, "pattern"));
    const json_t *min = json_object_get(schema, "minLength");
    regex_t compiled;

    if (strlen(sample) < (size_t)json_integer_value(min))
        return false;
    assert_int_equal(regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB), 0);
    int rc = regexec(&compiled, sample, 0, NULL, 0);
    regfree(&compiled);
    return rc == 0;
}

static const json_t *schema_of(const struct shape *shape, const char *path, const char *member)
{
    for (size_t i = 0; i < shape->count; i++) {
        if (strcmp(shape->objects[i].path, path) == 0)
            return resolved(shape, json_object_get(json_object_get(shape->objects[i].schema, "properties"), member));
    }
    return NULL;
}

static const char *const samples[] = {
    "",
    "a",
    "a-b",
    "-a",
    "a1",
    "1a",
    "A",
    "a.b",
    "a b",
    "/",
    "/a",
    "/a/b",
    "/a/",
    "//",
    "DE",
    "De",
    "D",
    "DEU",
    "2",
    "2.5",
    "3.1",
    "2..5",
    "2.5.",
    "https://",
    "http://x",
    "ftp://x",
    "2.5.29.32.0",
    "90",
    "1h30m",
    "90m1h",
    "30x",
    " 2h",
    "2h ",
    "1h30m5ms",
    "2026-1-1",
    "2026-01-01",
    "today",
    "2026-01-01T00:00:00Z",
};

static void patterns_agree(void **state)
{
    static const struct {
        const char *path, *member;
        bool exact; /* of durations and dates the loader checks more */
    } rows[] = {
        {"", "name", true},
        {"directory", "path_prefix", true},
        {"directory", "website", true},
        {"issuance", "policy_oid", true},
        {"hierarchy.certificates[0]", "country", true},
        {"issuance", "max_backdate", false},
        {"request_limits.endpoints[0]", "path", true},
        {"changes[0]", "on", false},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const json_t *schema = schema_of(*state, rows[i].path, rows[i].member);
        for (size_t j = 0; j < sizeof samples / sizeof *samples; j++) {
            bool loads = load_with(rows[i].path, rows[i].member, json_string(samples[j]), NULL) == 0;
            bool fits = schema_takes(schema, samples[j]);
            if (loads ? !fits : (fits && rows[i].exact))
                fail_msg("'%s' = '%s': the schema says %d, the loader %d", rows[i].member, samples[j], fits, loads);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_loader_asks_for_the_names_of_the_schema, setup, teardown),
        cmocka_unit_test_setup_teardown(the_same_members_are_required, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_types_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(typing_errors_in_names_are_told, setup, teardown),
        cmocka_unit_test_setup_teardown(numbers_have_the_same_bounds, setup, teardown),
        cmocka_unit_test_setup_teardown(texts_and_lists_have_the_same_limits, setup, teardown),
        cmocka_unit_test_setup_teardown(words_are_the_same, setup, teardown),
        cmocka_unit_test_setup_teardown(patterns_agree, setup, teardown),
    };
    RUN(tests);
}
