/* A policy as lines for people, and what differs between two of them. */
#include "policy/policy_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_time.h"

#define PATH_MAX_BYTES 1024

struct lines {
    struct fc_policy_line *at;
    size_t count, room;
};

static void add(struct lines *lines, const char *path, char *value)
{
    if (lines->count == lines->room) {
        lines->room = lines->room ? lines->room * 2 : 256;
        lines->at = fc_reallocarray(lines->at, lines->room, sizeof *lines->at);
    }
    lines->at[lines->count++] = (struct fc_policy_line){.path = fc_strdup(path), .value = value};
}

/* A list within a list is a way: "ye1 > root-ye-by-x2". */
static char *way_text(const json_t *array)
{
    char *text = fc_strdup("");

    for (size_t i = 0; i < json_array_size(array); i++) {
        char *before = text;
        text = fc_asprintf("%s%s%s", before, i ? " > " : "", json_string_value(json_array_get(array, i)));
        free(before);
    }
    return text;
}

static char *scalar_text(const json_t *value)
{
    if (json_is_array(value))
        return way_text(value);
    if (json_is_string(value))
        return fc_strdup(json_string_value(value));
    if (json_is_integer(value))
        return fc_asprintf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
    return fc_strdup(json_is_true(value) ? "yes" : json_is_false(value) ? "no" : "-");
}

/* "dns, ip"; "none" for an empty list. */
static char *list_text(const json_t *array)
{
    char *text = NULL;

    for (size_t i = 0; i < json_array_size(array); i++) {
        char *before = text;
        fc_auto_free char *item = scalar_text(json_array_get(array, i));
        text = before ? fc_asprintf("%s, %s", before, item) : fc_strdup(item);
        free(before);
    }
    return text ? text : fc_strdup("none");
}

static void flatten(struct lines *lines, const json_t *value, const char *path);

static void flatten_member(struct lines *lines, const json_t *value, const char *path, const char *name)
{
    char below[PATH_MAX_BYTES];

    if (strcmp(name, "source") == 0)
        return;
    snprintf(below, sizeof below, "%s%s%s", path, *path ? "." : "", name);
    flatten(lines, value, below);
}

/* Elements that have a name are called by it, as in the rows of `changes`; overrides by limit and key. */
static void flatten_list(struct lines *lines, const json_t *array, const char *path)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *item = json_array_get(array, i);
        const char *name = json_string_value(json_object_get(item, "name"));
        fc_auto_free char *number = fc_asprintf("%zu", i);
        flatten_member(lines, item, path, name ? name : number);
    }
}

static void flatten(struct lines *lines, const json_t *value, const char *path)
{
    const char *name;
    json_t *member;

    if (json_is_object(value)) {
        json_object_foreach((json_t *)(uintptr_t)value, name, member) flatten_member(lines, member, path, name);
    } else if (json_is_array(value) && json_is_object(json_array_get(value, 0))) {
        flatten_list(lines, value, path);
    } else {
        add(lines, path, json_is_array(value) ? list_text(value) : scalar_text(value));
    }
}

struct fc_policy_line *fc_policy_lines(const json_t *policy, size_t *ret_count)
{
    struct lines lines = {0};

    flatten(&lines, policy, "");
    *ret_count = lines.count;
    return lines.at;
}

void fc_policy_lines_free(struct fc_policy_line *lines, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(lines[i].path);
        free(lines[i].value);
    }
    free(lines);
}

static const char *value_of(const struct fc_policy_line *lines, size_t count, const char *path)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(lines[i].path, path) == 0)
            return lines[i].value;
    }
    return NULL;
}

static void add_difference(json_t *array, const char *path, const char *from, const char *to)
{
    json_array_append_new(array, json_pack("{s:s,s:s?,s:s?}", "path", path, "from", from, "to", to));
}

json_t *fc_policy_difference(const json_t *before, const json_t *after)
{
    size_t n_old, n_new;
    struct fc_policy_line *old = fc_policy_lines(before, &n_old), *new = fc_policy_lines(after, &n_new);
    json_t *array = json_array();

    for (size_t i = 0; i < n_old; i++) {
        const char *to = value_of(new, n_new, old[i].path);
        if (to == NULL || strcmp(to, old[i].value) != 0)
            add_difference(array, old[i].path, old[i].value, to);
    }
    for (size_t i = 0; i < n_new; i++) {
        if (value_of(old, n_old, new[i].path) == NULL)
            add_difference(array, new[i].path, NULL, new[i].value);
    }
    fc_policy_lines_free(old, n_old);
    fc_policy_lines_free(new, n_new);
    return array;
}

json_t *fc_policy_changes_json(const struct fc_policy *policy, int64_t from, int64_t to)
{
    json_t *array = json_array();
    size_t count;
    const struct fc_policy_change *changes = fc_policy_changes(policy, &count);
    char on[FC_TIME_TEXT_MAX];

    for (size_t i = 0; i < count; i++) {
        if (changes[i].on <= from || changes[i].on > to)
            continue;
        json_t *paths = json_array();
        for (const char **path = changes[i].paths; *path != NULL; path++)
            json_array_append_new(paths, json_string(*path));
        json_array_append_new(array, json_pack("{s:s,s:s,s:o,s:s}", "on", fc_time_rfc3339(changes[i].on, on), "what",
                                               changes[i].what, "sets", paths, "source", changes[i].source));
    }
    return array;
}
