#include "compat/compat_int.h"

#include "base/base_text.h"

const json_t *fc_compat_json_get(const json_t *object, const char *key)
{
    const json_t *found = NULL;
    const char *name;
    json_t *value;

    /* of several the last one counts, as in Go; jansson's own object is not changed by the walk */
    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        if (fc_text_equal_nocase(name, key))
            found = value;
    }
    return json_is_null(found) ? NULL : found;
}

const char *fc_compat_json_text(const json_t *object, const char *key, bool *ret_bad)
{
    const json_t *value = fc_compat_json_get(object, key);

    if (value && !json_is_string(value))
        *ret_bad = true;
    return json_string_value(value);
}
