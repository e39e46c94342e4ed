#include "policy/policy_int.h"

#include <string.h>

#include "base/base_opt.h"

/* Made from the JSON files by fakeca/embedded.cmake. */
extern const char fc_policy_production_json[];
extern const size_t fc_policy_production_json_len;
extern const char fc_policy_staging_json[];
extern const size_t fc_policy_staging_json_len;
extern const char fc_policy_rfc8555_json[];
extern const size_t fc_policy_rfc8555_json_len;
extern const char fc_policy_pebble_json[];
extern const size_t fc_policy_pebble_json_len;

static const struct {
    const char *name;
    const char *text;
    const size_t *len;
} builtins[] = {
    {"production", fc_policy_production_json, &fc_policy_production_json_len},
    {"staging", fc_policy_staging_json, &fc_policy_staging_json_len},
    {"rfc8555", fc_policy_rfc8555_json, &fc_policy_rfc8555_json_len},
    {"pebble", fc_policy_pebble_json, &fc_policy_pebble_json_len},
};
#define N_BUILTINS (sizeof builtins / sizeof builtins[0])

const char *const *fc_policy_builtin_names(void)
{
    static const char *const names[] = {"production", "staging", "rfc8555", "pebble", NULL};

    return names;
}

const char *fc_policy_builtin_text(const char *name, size_t *ret_len)
{
    for (size_t i = 0; i < N_BUILTINS; i++) {
        if (strcmp(builtins[i].name, name) == 0) {
            *ret_len = *builtins[i].len;
            return builtins[i].text;
        }
    }
    return NULL;
}

int fc_policy_builtin(const char *name, struct fc_policy **ret_policy, struct fc_err *err)
{
    size_t len;
    const char *text = fc_policy_builtin_text(name, &len);
    const char *near;

    if (text != NULL)
        return fc_policy_parse(text, len, NULL, ret_policy, err);
    near = fc_opt_nearest(name, fc_policy_builtin_names(), N_BUILTINS);
    if (near != NULL)
        return fc_err_set(err, FC_E_NOT_FOUND, "there is no environment '%s', did you mean '%s'?", name, near);
    return fc_err_set(err, FC_E_NOT_FOUND,
                      "there is no environment '%s'; built in are production, staging, rfc8555 and pebble", name);
}
