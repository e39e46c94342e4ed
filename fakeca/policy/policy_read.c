#include "policy/policy_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/base_text.h"

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

static void check_words(struct fc_json_obj *obj, const char *key, const char *const *values, const char *const *words)
{
    for (size_t i = 0; values[i] != NULL; i++) {
        if (words != NULL && !known_word(words, values[i]))
            fc_json_errs_add(obj, key, "'%s' is not one of the values permitted here", values[i]);
        for (size_t j = 0; j < i; j++) {
            if (strcmp(values[i], values[j]) == 0) {
                fc_json_errs_add(obj, key, "'%s' stands here twice", values[i]);
                break;
            }
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
    check_words(obj, key, values, words);
    return values;
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
