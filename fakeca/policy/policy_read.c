#include "policy/policy_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_opt.h"
#include "base/base_text.h"
#include "base/base_time.h"
#include "model/model_ident.h"

const char *fc_policy_read_end(struct fc_policy_load *load, struct fc_json_obj *obj)
{
    const char *source = fc_json_str(obj, "source", FC_JSON_REQUIRED, 1000);

    if (source != NULL && source[0] == '\0')
        fc_json_errs_add(obj, "source", "must name where the values come from");
    if (load->watch != NULL && obj->value != NULL)
        load->watch->object(load->watch->cookie, obj->path, obj->asked, obj->n_asked);
    fc_json_obj_end(obj);
    return source;
}

static bool known_word(const char *const *words, const char *word)
{
    for (; *words != NULL; words++) {
        if (strcmp(*words, word) == 0)
            return true;
    }
    return false;
}

/* Element i of the array as the error's place: "names[3]". */
#define ELEMENT_NAME_MAX 128

/* Whether fc_json_strs took element i (it gives "" for one that it has complained about). */
static bool taken(struct fc_json_obj *obj, const char *key, const char *const *values, size_t i)
{
    const json_t *array = fc_json_any(obj, key, FC_JSON_OPTIONAL);

    return json_string_value(json_array_get(array, i)) == values[i];
}

static void check_word(struct fc_json_obj *obj, const char *place, const char *word, const char *const *words)
{
    size_t count = 0;

    if (known_word(words, word))
        return;
    while (words[count] != NULL)
        count++;
    const char *nearest = fc_opt_nearest(word, words, count);
    if (nearest != NULL)
        fc_json_errs_add(obj, place, "'%s' is not one of the values permitted here, did you mean '%s'?", word, nearest);
    else
        fc_json_errs_add(obj, place, "'%s' is not one of the values permitted here", word);
}

static void check_twice(struct fc_json_obj *obj, const char *place, const char *const *values, size_t i)
{
    for (size_t j = 0; j < i; j++) {
        if (strcmp(values[i], values[j]) == 0) {
            fc_json_errs_add(obj, place, "'%s' stands here twice", values[i]);
            return;
        }
    }
}

const char **fc_policy_read_strs(struct fc_policy_load *load, struct fc_json_obj *obj, const char *key, size_t max,
                                 size_t max_len, const char *const *words)
{
    const char **values = fc_json_strs(obj, key, FC_JSON_REQUIRED, max, max_len);

    if (values == NULL)
        return fc_arena_alloc(load->arena, sizeof *values);
    fc_arena_defer(load->arena, free, values);
    for (size_t i = 0; values[i] != NULL; i++) {
        char place[ELEMENT_NAME_MAX];
        if (!taken(obj, key, values, i))
            continue;
        snprintf(place, sizeof place, "%s[%zu]", key, i);
        if (words != NULL)
            check_word(obj, place, values[i], words);
        check_twice(obj, place, values, i);
    }
    return values;
}

static bool is_domain(const char *name)
{
    size_t len = strlen(name);

    return len > 0 && name[0] != '.' && name[len - 1] != '.' && strstr(name, "..") == NULL &&
           name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-.")] == '\0';
}

const char **fc_policy_read_domains(struct fc_policy_load *load, struct fc_json_obj *obj, const char *key, size_t max,
                                    bool prefixes)
{
    const char **values = fc_policy_read_strs(load, obj, key, max, 253, NULL);
    unsigned char address[16];
    size_t len;
    unsigned bits;

    for (size_t i = 0; values[i] != NULL; i++) {
        char place[ELEMENT_NAME_MAX];
        if (!taken(obj, key, values, i) || is_domain(values[i]) ||
            (prefixes && fc_ident_parse_prefix(values[i], address, &len, &bits) == 0))
            continue;
        snprintf(place, sizeof place, "%s[%zu]", key, i);
        fc_json_errs_add(obj, place, "'%s' is no domain name in lower case%s", values[i],
                         prefixes ? " and no address prefix such as 224.0.0.0/4" : "");
    }
    return values;
}

int64_t fc_policy_read_seconds(struct fc_json_obj *obj, const char *key, int64_t min, int64_t max)
{
    int64_t duration = fc_json_duration(obj, key, FC_JSON_REQUIRED, min, max, min);

    if (duration % FC_SECOND != 0)
        fc_json_errs_add(obj, key, "must be whole seconds");
    return duration;
}

static bool seen_before(const int64_t *values, size_t count, int64_t value)
{
    for (size_t i = 0; i < count; i++) {
        if (values[i] == value)
            return true;
    }
    return false;
}

size_t fc_policy_read_ints(struct fc_json_obj *obj, const char *key, int64_t min, int64_t max, size_t room,
                           int64_t *ret_values)
{
    const json_t *array = fc_json_array(obj, key, FC_JSON_REQUIRED, room);
    size_t count = 0;

    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *item = json_array_get(array, i);
        int64_t value = json_integer_value(item);
        if (!json_is_integer(item) || value < min || value > max)
            fc_json_errs_add(obj, key, "element %zu must be an integer from %lld to %lld", i, (long long)min,
                             (long long)max);
        else if (seen_before(ret_values, count, value))
            fc_json_errs_add(obj, key, "%lld stands here twice", (long long)value);
        else
            ret_values[count++] = value;
    }
    return count;
}

const char *fc_policy_read_name(struct fc_json_obj *obj, const char *key)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    const char *name = fc_json_str(obj, key, FC_JSON_REQUIRED, 64);

    if (name != NULL && (name[0] < 'a' || name[0] > 'z' || name[strspn(name, allowed)] != '\0'))
        fc_json_errs_add(obj, key, "must be a name of a-z, 0-9 and '-' that begins with a letter");
    return name;
}

const char *fc_policy_read_url(struct fc_json_obj *obj, const char *key)
{
    const char *url = fc_json_str(obj, key, FC_JSON_REQUIRED, 1000);

    if (url != NULL && !fc_text_starts(url, "https://") && !fc_text_starts(url, "http://"))
        fc_json_errs_add(obj, key, "must be an http or https URL");
    return url;
}

int64_t fc_policy_read_time(struct fc_json_obj *obj, const char *key)
{
    return fc_json_time(obj, key, FC_JSON_REQUIRED, FC_POLICY_NO_TIME);
}
