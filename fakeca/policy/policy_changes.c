#include "policy/policy_int.h"

#include <string.h>

#include "base/base_opt.h"
#include "base/base_time.h"

#define CHANGES_MAX 1000
#define PATHS_MAX 64
#define PATH_MAX_BYTES 256
#define WHAT_MAX_BYTES 300

/* ---- the rows ---- */

static const char **read_paths(struct fc_policy_load *load, struct fc_json_obj *row)
{
    struct fc_json_obj set;
    const char *path;
    json_t *value;
    size_t n = 0;

    fc_json_obj_member(row, "set", FC_JSON_REQUIRED, &set);
    const char **paths = fc_arena_alloc(load->arena, (json_object_size(set.value) + 1) * sizeof *paths);
    if (json_object_size(set.value) > PATHS_MAX)
        fc_json_errs_add(row, "set", "more than %d values", PATHS_MAX);
    json_object_foreach((json_t *)(uintptr_t)set.value, path, value)
    {
        if (strlen(path) > PATH_MAX_BYTES)
            fc_json_errs_add(row, "set", "the name of a value is longer than %d bytes", PATH_MAX_BYTES);
        paths[n++] = path;
    }
    return paths;
}

static void read_change(struct fc_policy_load *load, struct fc_json_obj *row, struct fc_policy_change *ret_change)
{
    ret_change->on = fc_policy_read_time(row, "on");
    ret_change->what = fc_json_str(row, "what", FC_JSON_REQUIRED, WHAT_MAX_BYTES);
    if (ret_change->what != NULL && ret_change->what[0] == '\0')
        fc_json_errs_add(row, "what", "must say what changes");
    ret_change->paths = read_paths(load, row);
    ret_change->source = fc_policy_read_end(load, row);
}

void fc_policy_changes_read(struct fc_policy_load *load, struct fc_json_obj *root, struct fc_policy_file *file)
{
    const json_t *array = fc_json_array(root, "changes", FC_JSON_REQUIRED, CHANGES_MAX);
    int64_t last = FC_POLICY_NO_TIME;
    size_t dates = 0;

    file->n_changes = json_array_size(array);
    file->changes = fc_arena_alloc(load->arena, (file->n_changes + 1) * sizeof *file->changes);
    for (size_t i = 0; i < file->n_changes; i++) {
        struct fc_json_obj row;
        fc_json_obj_element(root, "changes", array, i, &row);
        read_change(load, &row, &file->changes[i]);
        if (file->changes[i].on == FC_POLICY_NO_TIME)
            continue;
        if (file->changes[i].on < last)
            fc_json_errs_add(&row, "on", "must not be earlier than that of the row before");
        dates += file->changes[i].on != last;
        last = file->changes[i].on;
    }
    if (dates > FC_POLICY_DATES_MAX)
        fc_json_errs_add(root, "changes", "more than %d different dates", FC_POLICY_DATES_MAX);
}

/* ---- where a path leads ---- */

/* The member of an object, or the element of a list that bears the name. */
static json_t *step(json_t *value, const char *name, size_t len)
{
    json_t *element;
    size_t i;

    if (json_is_object(value))
        return json_object_getn(value, name, len);
    json_array_foreach(value, i, element)
    {
        const json_t *own = json_object_get(element, "name");
        if (own && json_string_length(own) == len && memcmp(json_string_value(own), name, len) == 0)
            return element;
    }
    return NULL;
}

/* The object or list that holds the last step, which *ret_last gets; NULL when the way ends before. */
static json_t *holder(json_t *root, const char *path, const char **ret_last)
{
    json_t *value = root;

    for (;;) {
        size_t len = strcspn(path, ".");
        if (path[len] == '\0' || value == NULL)
            break;
        value = step(value, path, len);
        path += len + 1;
    }
    *ret_last = path;
    return json_is_object(value) || json_is_array(value) ? value : NULL;
}

static const json_t *find(json_t *root, const char *path)
{
    const char *last;
    json_t *held_by = holder(root, path, &last);

    return held_by ? step(held_by, last, strlen(last)) : NULL;
}

static int replace(json_t *held_by, const char *last, json_t *value)
{
    json_t *element;
    size_t i;

    if (json_is_object(held_by))
        return json_object_set(held_by, last, value);
    const json_t *old = step(held_by, last, strlen(last));
    json_array_foreach(held_by, i, element)
    {
        if (element == old)
            return json_array_set(held_by, i, value);
    }
    return json_array_append(held_by, value);
}

/* The holder of the last step, which day's policy has for itself afterwards, like all on the way to it: the days share what does not
 * change, or each would hold the whole policy once more. */
static json_t *own_holder(json_t *root, const char *path, const char **ret_last)
{
    json_t *value = root;

    for (size_t len; path[len = strcspn(path, ".")] != '\0'; path += len + 1) {
        fc_auto_free char *name = fc_strndup(path, len);
        fc_auto_json copy = json_copy(step(value, path, len));
        (void)replace(value, name, copy);
        value = step(value, path, len);
    }
    *ret_last = path;
    return value;
}

/* A list takes a new element that bears the last name of the path. */
static bool is_new_element(const json_t *held_by, const char *last, const json_t *value)
{
    const char *name = json_string_value(json_object_get(value, "name"));

    return json_is_array(held_by) && name != NULL && strcmp(name, last) == 0;
}

/* ---- one date ---- */

struct day {
    struct fc_policy_file *file;
    json_t *before; /* the policy until then */
    json_t *root;   /* the policy from then on */
    struct fc_json_obj *row;
    bool names_alone; /* the file is wrong already: values are not judged */
};

#define NAMES_MAX 64

static size_t names_of(json_t *value, const char *ret_names[NAMES_MAX])
{
    const char *name;
    json_t *element;
    size_t count = 0, i;

    json_object_foreach(value, name, element)
    {
        if (count < NAMES_MAX)
            ret_names[count++] = name;
    }
    json_array_foreach(value, i, element)
    {
        name = json_string_value(json_object_get(element, "name"));
        if (name != NULL && count < NAMES_MAX)
            ret_names[count++] = name;
    }
    return count;
}

/* "profiles.classic" for "profiles.clasic.validity": the way as far as it leads, and the nearest name there; NULL when none is near. */
static char *nearest_path(json_t *root, const char *path)
{
    const char *names[NAMES_MAX], *at = path;
    json_t *value = root;

    for (;;) {
        size_t len = strcspn(at, ".");
        json_t *next = step(value, at, len);
        if (next == NULL || at[len] == '\0')
            break;
        value = next;
        at += len + 1;
    }
    fc_auto_free char *wrong = fc_strndup(at, strcspn(at, "."));
    const char *near = fc_opt_nearest(wrong, names, names_of(value, names));
    return near != NULL ? fc_asprintf("%.*s%s", (int)(at - path), path, near) : NULL;
}

static void names_nothing(const struct day *day, const char *path)
{
    fc_auto_free char *near = nearest_path(day->root, path);

    if (near != NULL)
        fc_json_errs_add(day->row, "set", "'%s' names nothing that the policy has, did you mean '%s'?", path, near);
    else
        fc_json_errs_add(day->row, "set",
                         "'%s' names nothing that the policy has (names of members and of list elements, with '.' "
                         "between them)",
                         path);
}

static void apply_value(const struct day *day, const char *path, json_t *value)
{
    const char *last;
    json_t *held_by = holder(day->root, path, &last);
    const json_t *old = held_by ? step(held_by, last, strlen(last)) : NULL;
    const json_t *before = find(day->before, path);

    if (old == NULL && (held_by == NULL || !is_new_element(held_by, last, value)))
        names_nothing(day, path);
    else if (!day->names_alone && old != NULL && (before == NULL || !json_equal(old, before)))
        fc_json_errs_add(day->row, "set", "'%s' is set twice on this date", path);
    else if (!day->names_alone && old != NULL && json_equal(old, value))
        fc_json_errs_add(day->row, "set", "'%s' has this value already: nothing changes", path);
    else
        (void)replace(own_holder(day->root, path, &last), last, value);
}

static void apply_row(const struct day *day)
{
    const char *path;
    json_t *value;

    json_object_foreach(json_object_get(day->row->value, "set"), path, value) apply_value(day, path, value);
}

/* The rows of the date that row `first` begins; returns the first row behind them. */
static size_t apply_rows(struct day *day, size_t first, struct fc_json_errs *errs)
{
    struct fc_policy_file *file = day->file;
    const json_t *array = json_object_get(file->root, "changes");
    struct fc_json_obj root, row;
    size_t i = first;

    fc_json_obj_root(&root, file->root, errs);
    day->row = &row;
    for (; i < file->n_changes && file->changes[i].on == file->changes[first].on; i++) {
        fc_json_obj_element(&root, "changes", array, i, &row);
        apply_row(day);
    }
    day->row = NULL;
    return i;
}

static bool sets_something(const struct fc_policy_file *file, size_t first)
{
    for (size_t i = first; i < file->n_changes && file->changes[i].on == file->changes[first].on; i++) {
        if (file->changes[i].paths[0] != NULL)
            return true;
    }
    return false;
}

/* What is read once, when the CA starts: a date cannot change it. */
static void check_lasting(const struct fc_policy *first, const struct fc_policy *policy, struct fc_json_obj *root)
{
    const struct {
        const char *path;
        bool same;
    } lasting[] = {
        {"name", strcmp(first->name, policy->name) == 0},
        {"as_of", first->as_of == policy->as_of},
        {"directory.path_prefix", strcmp(first->directory.path_prefix, policy->directory.path_prefix) == 0},
        {"requests.nonce_window", first->requests.nonce_window == policy->requests.nonce_window},
        {"issuance.policy_oid", strcmp(first->issuance.policy_oid, policy->issuance.policy_oid) == 0},
        {"issuance.crl_shards", first->issuance.crl_shards == policy->issuance.crl_shards},
    };

    for (size_t i = 0; i < sizeof lasting / sizeof *lasting; i++) {
        if (!lasting[i].same)
            fc_json_errs_add(root, lasting[i].path, "is the same at all times: no date can change it");
    }
}

static void move_messages(struct fc_json_errs *errs, struct fc_json_errs *from)
{
    for (size_t i = 0; i < from->count; i++, errs->count++) {
        if (i < FC_JSON_ERRS_MAX && errs->count < FC_JSON_ERRS_MAX)
            errs->messages[errs->count] = fc_strdup(from->messages[i]);
    }
    fc_json_errs_release(from);
}

/* The policy of the new day, with errors that name the day. Whether there were none. */
static bool add_box(struct fc_policy_file *file, json_t *root, int64_t on, struct fc_json_errs *errs)
{
    char date[FC_TIME_TEXT_MAX];
    fc_auto_free char *name = fc_asprintf("%s: with the changes of %s", file->name, fc_time_rfc3339(on, date));
    struct fc_json_errs own;
    struct fc_json_obj obj;

    fc_json_errs_init(&own, name, NULL, 0);
    struct fc_policy_box *box = fc_policy_box_new(file, root, NULL, &own);
    box->policy.from = on;
    file->boxes[file->n_boxes++] = box;
    fc_json_obj_root(&obj, root, &own);
    if (own.count == 0)
        check_lasting(&file->boxes[0]->policy, &box->policy, &obj);
    bool good = own.count == 0;
    move_messages(errs, &own);
    return good;
}

void fc_policy_changes_apply(struct fc_policy_file *file, struct fc_json_errs *errs)
{
    const bool names_alone = errs->count > 0;
    fc_auto_json before = json_incref(file->boxes[0]->root);

    for (size_t i = 0; i < file->n_changes;) {
        fc_auto_json root = json_copy(before);
        struct day day = {.file = file, .before = before, .root = root, .names_alone = names_alone};
        int64_t on = file->changes[i].on;
        bool new_day = sets_something(file, i);
        size_t errors = errs->count;
        i = apply_rows(&day, i, errs);
        /* a day that is wrong is left out of those behind it: its errors would come again with each */
        if (new_day && errs->count == errors && (names_alone || add_box(file, root, on, errs))) {
            json_decref(before);
            before = json_incref(root);
        }
    }
}

/* ---- asking ---- */

static const struct fc_policy_file *file_of(const struct fc_policy *policy)
{
    return ((const struct fc_policy_box *)(const void *)policy)->file;
}

static const struct fc_policy_box *box_at(const struct fc_policy *policy, int64_t now)
{
    const struct fc_policy_file *file = file_of(policy);
    size_t i = file->n_boxes - 1;

    while (i > 0 && file->boxes[i]->policy.from > now)
        i--;
    return file->boxes[i];
}

const struct fc_policy *fc_policy_at(const struct fc_policy *policy, int64_t now)
{
    return &box_at(policy, now)->policy;
}

void fc_policy_set_external_account(struct fc_policy *policy, bool offered, bool required)
{
    const struct fc_policy_file *file = file_of(policy);

    for (size_t i = 0; i < file->n_boxes; i++) {
        file->boxes[i]->policy.external_account.offered = offered;
        file->boxes[i]->policy.external_account.required = required;
        json_object_set_new(
            file->boxes[i]->root, "external_account",
            json_pack("{s:b,s:b,s:s}", "offered", offered, "required", required, "source", "the operator's options"));
    }
}

const json_t *fc_policy_json_at(const struct fc_policy *policy, int64_t now)
{
    return box_at(policy, now)->root;
}

const struct fc_policy_change *fc_policy_changes(const struct fc_policy *policy, size_t *ret_count)
{
    const struct fc_policy_file *file = file_of(policy);

    *ret_count = file->n_changes;
    return file->changes;
}
