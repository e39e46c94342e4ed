#include "policy/lib_policy.h"

#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"

json_t *production_json(void)
{
    size_t len = 0;
    const char *text = fc_policy_builtin_text("production", &len);
    json_t *value = NULL;

    assert_non_null(text);
    assert_int_equal(fc_json_parse(text, len, &value, NULL), 0);
    json_array_append_new(json_object_get(json_object_get(value, "limits"), "overrides"),
                          json_pack("{s:s,s:s,s:i,s:s,s:i,s:s}", "limit", "NewOrdersPerAccount", "key", "17", "count",
                                    1000, "period", "3h", "burst", 2000, "source", "a test"));
    return value;
}

int load_text(const char *text, struct fc_err *err)
{
    struct fc_policy *policy = NULL;
    int rc = fc_policy_parse(text, strlen(text), "p.json", &policy, err);

    fc_policy_free(policy);
    return rc;
}

int load_json(const json_t *value, struct fc_err *err)
{
    fc_auto_free char *text = json_dumps(value, JSON_INDENT(4));

    return load_text(text, err);
}

json_t *find_json(json_t *root, const char *path)
{
    json_t *value = root;

    for (const char *p = path; *p && value;) {
        size_t len = strcspn(p, ".[");
        if (len == 0 && *p == '[') {
            char *end;
            value = json_array_get(value, strtoul(p + 1, &end, 10));
            p = end + 1;
        } else {
            fc_auto_free char *name = fc_strndup(p, len);
            value = json_object_get(value, name);
            p += len;
        }
        p += *p == '.';
    }
    if (!value)
        fail_msg("there is no '%s'", path);
    return value;
}
