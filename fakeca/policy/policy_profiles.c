#include "policy/policy_int.h"

#include <string.h>

#include "base/base_time.h"

#define PROFILES_MAX 16
#define VERSIONS_MAX 32
#define VALIDITY_MAX (3660 * FC_DAY)
#define LIFETIME_MAX (3660 * FC_DAY)

static void read_version(struct fc_policy_load *load, struct fc_json_obj *obj, struct fc_profile_version *ret_version)
{
    static const char *const types[] = {"dns", "ip", NULL};
    const enum fc_json_need need = FC_JSON_REQUIRED;
    const char **permitted;

    ret_version->from = fc_policy_read_time(obj, "from");
    ret_version->validity = fc_policy_read_seconds(obj, "validity", FC_HOUR, VALIDITY_MAX);
    ret_version->authz_lifetime = fc_json_duration(obj, "valid_authz_lifetime", need, FC_MINUTE, LIFETIME_MAX, 0);
    ret_version->pending_authz_lifetime =
        fc_json_duration(obj, "pending_authz_lifetime", need, FC_MINUTE, LIFETIME_MAX, 0);
    ret_version->order_lifetime = fc_json_duration(obj, "order_lifetime", need, FC_MINUTE, LIFETIME_MAX, 0);
    ret_version->max_identifiers = fc_json_int(obj, "max_identifiers", need, 1, 1000, 0);
    permitted = fc_policy_read_strs(load, obj, "identifier_types", 2, 8, types);
    if (permitted[0] == NULL && fc_json_has(obj, "identifier_types"))
        fc_json_errs_add(obj, "identifier_types", "must name at least one type");
    for (; *permitted != NULL; permitted++) {
        ret_version->dns = ret_version->dns || strcmp(*permitted, "dns") == 0;
        ret_version->ip = ret_version->ip || strcmp(*permitted, "ip") == 0;
    }
    ret_version->common_name = fc_json_bool(obj, "common_name", need, false);
    ret_version->key_encipherment = fc_json_bool(obj, "key_encipherment", need, false);
    ret_version->subject_key_identifier = fc_json_bool(obj, "subject_key_identifier", need, false);
    ret_version->source = fc_policy_read_end(load, obj);
}

static void read_versions(struct fc_policy_load *load, struct fc_json_obj *obj, struct fc_profile *profile)
{
    const json_t *array = fc_json_array(obj, "versions", FC_JSON_REQUIRED, VERSIONS_MAX);
    size_t count = json_array_size(array);

    if (array != NULL && count == 0)
        fc_json_errs_add(obj, "versions", "must hold at least one version");
    profile->versions = fc_arena_alloc(load->arena, (count + 1) * sizeof *profile->versions);
    for (size_t i = 0; i < count; i++) {
        struct fc_json_obj element;
        fc_json_obj_element(obj, "versions", array, i, &element);
        read_version(load, &element, &profile->versions[i]);
        if (i > 0 && profile->versions[i].from != FC_POLICY_NO_TIME &&
            profile->versions[i].from <= profile->versions[i - 1].from)
            fc_json_errs_add(&element, "from", "must be later than that of the version before");
    }
    profile->n_versions = count;
}

/* Profiles carry no "source" of their own: each version does. */
static void read_profile(struct fc_policy_load *load, struct fc_json_obj *obj, struct fc_profile *ret_profile)
{
    ret_profile->name = fc_policy_read_name(obj, "name");
    ret_profile->description = fc_policy_read_url(obj, "description");
    read_versions(load, obj, ret_profile);
    if (load->watch != NULL && obj->value != NULL)
        load->watch->object(load->watch->cookie, obj->path, obj->asked, obj->n_asked);
    fc_json_obj_end(obj);
}

static bool name_taken(const struct fc_policy *policy, size_t before, const char *name)
{
    for (size_t i = 0; name != NULL && i < before; i++) {
        if (policy->profiles[i].name != NULL && strcmp(policy->profiles[i].name, name) == 0)
            return true;
    }
    return false;
}

void fc_policy_profiles_read(struct fc_policy_load *load, struct fc_json_obj *root)
{
    struct fc_policy *policy = load->policy;
    const json_t *array;

    policy->default_profile = fc_policy_read_name(root, "default_profile");
    array = fc_json_array(root, "profiles", FC_JSON_REQUIRED, PROFILES_MAX);
    policy->profiles = fc_arena_alloc(load->arena, (json_array_size(array) + 1) * sizeof *policy->profiles);
    for (size_t i = 0; i < json_array_size(array); i++) {
        struct fc_json_obj element;
        fc_json_obj_element(root, "profiles", array, i, &element);
        read_profile(load, &element, &policy->profiles[i]);
        if (name_taken(policy, i, policy->profiles[i].name))
            fc_json_errs_add(&element, "name", "there is a profile '%s' already", policy->profiles[i].name);
    }
    policy->n_profiles = json_array_size(array);
    if (array != NULL && policy->default_profile != NULL &&
        !name_taken(policy, policy->n_profiles, policy->default_profile))
        fc_json_errs_add(root, "default_profile", "there is no profile '%s'", policy->default_profile);
}

const struct fc_profile *fc_policy_profile(const struct fc_policy *policy, const char *name)
{
    if (name == NULL)
        name = policy->default_profile;
    for (size_t i = 0; i < policy->n_profiles; i++) {
        if (strcmp(policy->profiles[i].name, name) == 0)
            return &policy->profiles[i];
    }
    return NULL;
}

const struct fc_profile_version *fc_profile_at(const struct fc_profile *profile, int64_t now)
{
    const struct fc_profile_version *found = &profile->versions[0];

    for (size_t i = 1; i < profile->n_versions && profile->versions[i].from <= now; i++)
        found = &profile->versions[i];
    return found;
}
