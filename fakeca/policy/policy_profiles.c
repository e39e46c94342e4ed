#include "policy/policy_int.h"

#include <stdint.h>
#include <string.h>

#include "base/base_time.h"

#define PROFILES_MAX 16
#define DESCRIPTION_MAX 1000
#define VALIDITY_MAX (3660 * FC_DAY)
#define LIFETIME_MAX (3660 * FC_DAY)

/* The versions are one a policy of the file; fc_policy_profiles_link puts them together. */
static void read_version(struct fc_policy_load *load, struct fc_json_obj *obj, struct fc_profile_version *ret_version)
{
    static const char *const types[] = {"dns", "ip", NULL};
    const enum fc_json_need need = FC_JSON_REQUIRED;
    const char **permitted;

    ret_version->validity = fc_policy_read_seconds(obj, "validity", load->lenient ? FC_SECOND : FC_HOUR, VALIDITY_MAX);
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
    ret_version->client_auth = fc_json_bool(obj, "client_auth", FC_JSON_OPTIONAL, false);
    if (fc_json_has(obj, "accounts"))
        ret_version->accounts = fc_policy_access_accounts(load, obj, "accounts");
    ret_version->issuers = fc_policy_read_strs(load, obj, "issuers", 16, 64, NULL);
    ret_version->source = fc_policy_read_end(load, obj);
}

static void read_profile(struct fc_policy_load *load, struct fc_json_obj *obj, struct fc_profile *ret_profile)
{
    ret_profile->name = fc_policy_read_name(obj, "name");
    /* a CA for tests has them of any text */
    ret_profile->description = load->lenient ? fc_json_str(obj, "description", FC_JSON_REQUIRED, DESCRIPTION_MAX)
                                             : fc_policy_read_url(obj, "description");
    ret_profile->offered = fc_json_bool(obj, "offered", FC_JSON_REQUIRED, false);
    ret_profile->versions = fc_arena_alloc(load->arena, sizeof *ret_profile->versions);
    ret_profile->n_versions = 1;
    read_version(load, obj, ret_profile->versions);
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

static const struct fc_policy_ca *issuer_of(const struct fc_policy *policy, const char *name)
{
    for (size_t i = 0; i < policy->n_cas; i++) {
        if (policy->cas[i].name != NULL && strcmp(policy->cas[i].name, name) == 0)
            return policy->cas[i].issues_leaves ? &policy->cas[i] : NULL;
    }
    return NULL;
}

static void check_issuer(const struct fc_policy *policy, const struct fc_profile_version *version, const char *name,
                         struct fc_json_obj *obj)
{
    const struct fc_policy_ca *issuer = issuer_of(policy, name);

    if (issuer == NULL)
        fc_json_errs_add(obj, "issuers", "no certificate '%s' issues leaves", name);
    else if (version->client_auth && !issuer->client_auth)
        fc_json_errs_add(obj, "client_auth", "the issuer '%s' is not for client authentication: nobody would take it",
                         name);
}

void fc_policy_profiles_check(struct fc_policy_load *load, struct fc_json_obj *root)
{
    const struct fc_policy *policy = load->policy;
    const json_t *array = fc_json_any(root, "profiles", FC_JSON_OPTIONAL);

    for (size_t i = 0; i < policy->n_profiles && policy->n_cas > 0; i++) {
        const char **issuers = policy->profiles[i].versions->issuers;
        struct fc_json_obj element;
        fc_json_obj_element(root, "profiles", array, i, &element);
        for (; *issuers != NULL; issuers++) {
            if (**issuers != '\0')
                check_issuer(policy, policy->profiles[i].versions, *issuers, &element);
        }
    }
}

/* ---- over all times ---- */

static struct fc_profile *profile_of(struct fc_policy *policy, const char *name)
{
    for (size_t i = 0; i < policy->n_profiles; i++) {
        if (strcmp(policy->profiles[i].name, name) == 0)
            return &policy->profiles[i];
    }
    return NULL;
}

static const json_t *json_of(const struct fc_policy_box *box, size_t index)
{
    return json_array_get(json_object_get(box->root, "profiles"), index);
}

/* Whether the profile differs from what it was in the policy before. */
static bool is_new_version(const struct fc_policy_file *file, size_t box, const struct fc_profile *profile)
{
    struct fc_policy *before = box > 0 ? &file->boxes[box - 1]->policy : NULL;
    const struct fc_profile *old = before != NULL ? profile_of(before, profile->name) : NULL;
    size_t index = (size_t)(profile - file->boxes[box]->policy.profiles);

    return old == NULL || !json_equal(json_of(file->boxes[box - 1], (size_t)(old - before->profiles)),
                                      json_of(file->boxes[box], index));
}

/* Gives every policy's profile of that name the versions of all times. */
static void link_profile(struct fc_policy_file *file, const char *name)
{
    struct fc_profile_version *versions = fc_arena_alloc(file->arena, file->n_boxes * sizeof *versions);
    size_t count = 0;

    for (size_t i = 0; i < file->n_boxes; i++) {
        const struct fc_profile *profile = profile_of(&file->boxes[i]->policy, name);
        if (profile == NULL || !is_new_version(file, i, profile))
            continue;
        versions[count] = *profile->versions;
        versions[count++].from = file->boxes[i]->policy.from;
    }
    for (size_t i = 0; i < file->n_boxes; i++) {
        struct fc_profile *profile = profile_of(&file->boxes[i]->policy, name);
        if (profile != NULL) {
            profile->versions = versions;
            profile->n_versions = count;
        }
    }
}

void fc_policy_profiles_link(struct fc_policy_file *file)
{
    for (size_t i = 0; i < file->n_boxes; i++) {
        const struct fc_policy *policy = &file->boxes[i]->policy;
        for (size_t j = 0; j < policy->n_profiles; j++) {
            /* with the first policy that has it */
            if (i == 0 || profile_of(&file->boxes[i - 1]->policy, policy->profiles[j].name) == NULL)
                link_profile(file, policy->profiles[j].name);
        }
    }
}

/* A profile that is there only at other times is found too: its orders and authorizations live on. */
const struct fc_profile *fc_policy_profile(const struct fc_policy *policy, const char *name)
{
    const struct fc_policy_file *file = ((const struct fc_policy_box *)(const void *)policy)->file;
    struct fc_policy *own = (struct fc_policy *)(uintptr_t)policy;
    const struct fc_profile *found = profile_of(own, name != NULL ? name : policy->default_profile);

    for (size_t i = file->n_boxes; found == NULL && i > 0; i--)
        found = profile_of(&file->boxes[i - 1]->policy, name);
    return found;
}

bool fc_policy_profile_offered(const struct fc_policy *policy, const char *name, int64_t now)
{
    const struct fc_profile *profile = profile_of((struct fc_policy *)(uintptr_t)fc_policy_at(policy, now), name);

    return profile != NULL && profile->offered;
}

const struct fc_profile_version *fc_profile_at(const struct fc_profile *profile, int64_t now)
{
    const struct fc_profile_version *found = &profile->versions[0];

    for (size_t i = 1; i < profile->n_versions && profile->versions[i].from <= now; i++)
        found = &profile->versions[i];
    return found;
}
