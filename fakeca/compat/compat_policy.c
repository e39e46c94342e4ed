/* The policy of a Pebble: that of the environment `pebble`, with what config file and variables say over it. */
#include "compat/compat_int.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_json.h"
#include "base/base_text.h"

#include "policy/policy.h"

#define DAYS_90_S (INT64_C(90) * 86400)

static json_t *seconds(int64_t count)
{
    return json_sprintf("%" PRId64 "s", count);
}

/* ---- profiles ---- */

static void put_profile(json_t *list, const json_t *pattern, const char *name, const json_t *given)
{
    const json_t *period = fc_compat_json_get(given, "validityPeriod");
    const json_t *text = fc_compat_json_get(given, "description");
    json_t *profile = json_deep_copy(pattern);
    int64_t validity = json_integer_value(period);

    json_object_set_new(profile, "name", json_string(name));
    json_object_set_new(profile, "description", json_string(text ? json_string_value(text) : name));
    json_object_set_new(profile, "validity", seconds(validity > 0 ? validity : DAYS_90_S));
    json_array_append_new(list, profile);
}

/* Of several the name that Pebble's own file gives its usual one stands for "default" in what we call so. */
static const char *usual_of(const json_t *profiles)
{
    const char *first = json_object_iter_key(json_object_iter((json_t *)(uintptr_t)profiles));

    return json_object_get(profiles, "default") ? "default" : first;
}

static void put_profiles(const struct fc_compat_config *config, json_t *policy)
{
    const json_t *pattern = json_array_get(json_object_get(policy, "profiles"), 0);
    json_t *list = json_array(), *given;
    const char *name;

    if (json_object_size(config->profiles) == 0) {
        json_t *only = json_deep_copy(pattern);
        json_object_set_new(only, "offered", json_false());
        json_object_set_new(only, "validity", seconds(config->validity_s > 0 ? config->validity_s : DAYS_90_S));
        json_array_append_new(list, only);
        json_object_set_new(json_object_get(policy, "departures"), "profile_not_shown", json_true());
    } else {
        json_object_foreach((json_t *)(uintptr_t)config->profiles, name, given) put_profile(list, pattern, name, given);
        json_object_set_new(policy, "default_profile", json_string(usual_of(config->profiles)));
        json_object_set_new(json_object_get(policy, "lenient"), "random_profile", json_true());
    }
    json_object_set_new(policy, "profiles", list);
}

/* ---- CA certificates ---- */

static json_t *certificate(const json_t *pattern, const char *name, const char *common_name, const char *issuer)
{
    json_t *made = json_deep_copy(pattern);

    json_object_set_new(made, "name", json_string(name));
    json_object_set_new(made, "common_name", json_string(common_name));
    if (issuer)
        json_object_set_new(made, "issuer", json_string(issuer));
    return made;
}

/* What the certificates are made from. */
struct patterns {
    const json_t *root, *issuing;
};

static void put_root(json_t *list, const struct patterns *patterns, int64_t chain)
{
    fc_auto_free char *name = fc_asprintf("root-%" PRId64, chain);
    fc_auto_free char *common_name = fc_asprintf("Pebble Root CA %" PRId64 " - fakeca TEST, do not trust", chain);

    json_array_append_new(list, certificate(patterns->root, name, common_name, NULL));
}

/* The intermediates between root and issuer, from the root down; *ret_above is the one that signs the issuer. */
static void put_intermediates(json_t *list, const struct patterns *patterns, int64_t chain, int64_t count,
                              char **ret_above)
{
    char *above = fc_asprintf("root-%" PRId64, chain);

    for (int64_t n = count; n > 0; n--) {
        char *name = fc_asprintf("int-%" PRId64 "-%" PRId64, chain, n);
        fc_auto_free char *common_name =
            fc_asprintf("Pebble Intermediate CA %" PRId64 ".%" PRId64 " - fakeca TEST, do not trust", chain, n);
        json_t *made = certificate(patterns->issuing, name, common_name, above);
        json_object_set_new(made, "issues_leaves", json_false());
        json_array_append_new(list, made);
        free(above);
        above = name;
    }
    *ret_above = above;
}

/* The issuer signed once more, for the chain to another root: name and key are the same. */
static json_t *cross_sign(const json_t *issuing, int64_t chain, const char *above)
{
    json_t *made =
        json_pack("{s:o,s:s,s:s}", "name", json_sprintf("int-%" PRId64, chain), "of", "int-0", "issuer", above);
    static const char *const same[] = {"not_before", "not_after", "source"};

    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        json_object_set(made, same[i], json_object_get(issuing, same[i]));
    return made;
}

/* int-C, int-C-1 ... up to below the root. */
static json_t *chain_names(int64_t chain, int64_t count)
{
    json_t *names = json_array();

    json_array_append_new(names, json_sprintf("int-%" PRId64, chain));
    for (int64_t n = 1; n <= count; n++)
        json_array_append_new(names, json_sprintf("int-%" PRId64 "-%" PRId64, chain, n));
    return names;
}

/* A chain for each root, all of the same length, all to the one issuer: root-0 ... int-0-2, int-0-1, int-0, and the same with 1, 2. */
static void put_hierarchy(const struct fc_compat_config *config, json_t *policy)
{
    json_t *hierarchy = json_object_get(policy, "hierarchy");
    const json_t *old = json_object_get(hierarchy, "certificates");
    const struct patterns patterns = {json_array_get(old, 0), json_array_get(old, 1)};
    json_t *list = json_array(), *cross = json_array(), *chains = json_array();
    json_t *issuing = json_deep_copy(patterns.issuing), *each;
    size_t i;

    for (int64_t chain = 0; chain <= config->alternate_roots; chain++) {
        fc_auto_free char *above = NULL;
        put_root(list, &patterns, chain);
        put_intermediates(list, &patterns, chain, config->chain_length - 1, &above);
        json_array_append_new(chains, chain_names(chain, config->chain_length - 1));
        if (chain == 0) {
            json_object_set_new(issuing, "issuer", json_string(above));
            json_array_append(list, issuing);
        } else {
            json_array_append_new(cross, cross_sign(issuing, chain, above));
        }
    }
    json_object_set_new(issuing, "chains", chains);
    json_decref(issuing);
    json_array_foreach(list, i, each) json_object_set_new(each, "key", json_string(config->rsa ? "RSA-2048" : "P-256"));
    json_object_set_new(hierarchy, "certificates", list);
    json_object_set_new(hierarchy, "cross_signs", cross);
}

/* ---- the rest ---- */

static json_t *lowered(const json_t *names)
{
    json_t *list = json_array();

    for (size_t i = 0; i < json_array_size(names); i++) {
        fc_auto_free char *name = fc_strdup(json_string_value(json_array_get(names, i)));
        fc_text_lower(name);
        json_array_append_new(list, json_string(name));
    }
    return list;
}

static void put_lenient(const struct fc_compat_config *config, json_t *policy)
{
    json_t *lenient = json_object_get(policy, "lenient");

    json_object_set_new(lenient, "authz_anew_percent", json_integer(100 - config->authz_reuse));
    json_object_set_new(lenient, "always_valid", json_boolean(config->always_valid));
    json_object_set_new(lenient, "validation_sleep", seconds(config->always_valid ? 0 : config->sleep_s));
    json_object_set_new(lenient, "orders_per_page", json_integer(config->orders_per_page));
    if (config->ocsp_url)
        json_object_set_new(lenient, "ocsp_url", json_string(config->ocsp_url));
}

static void put_external(const struct fc_compat_config *config, json_t *policy)
{
    json_t *external = json_object_get(policy, "external_account");

    json_object_set_new(external, "offered", json_true());
    json_object_set_new(external, "required", json_boolean(config->eab_required));
}

/* What dns-persist-01 is about: the names of the CA stand in its challenges, and only files for versions that have it name any. It has
 * no token, over which older clients stumble (uacme 1.7). */
static void put_identities(const struct fc_compat_config *config, json_t *policy)
{
    static const char *const lists[] = {"methods_dns", "methods_wildcard"};
    const json_t *validation = json_object_get(policy, "validation");

    json_object_set_new(json_object_get(policy, "directory"), "caa_identities", lowered(config->caa_identities));
    for (size_t i = 0; json_array_size(config->caa_identities) > 0 && i < sizeof lists / sizeof *lists; i++)
        json_array_append_new(json_object_get(validation, lists[i]), json_string("dns-persist-01"));
}

int fc_compat_config_policy(const struct fc_compat_config *config, char **ret_text, struct fc_err *err)
{
    fc_auto_json policy = NULL;
    struct fc_policy *loaded;
    size_t len;
    const char *builtin = fc_policy_builtin_text("pebble", &len);

    if (fc_json_parse(builtin, len, &policy, err))
        return -1;
    put_profiles(config, policy);
    put_hierarchy(config, policy);
    put_lenient(config, policy);
    put_external(config, policy);
    if (config->blocklist)
        json_object_set_new(json_object_get(policy, "blocked_names"), "names", lowered(config->blocklist));
    if (config->caa_identities)
        put_identities(config, policy);
    fc_auto_free char *text = fc_json_text(policy);
    if (fc_policy_parse(text, strlen(text), "the policy of the config file", &loaded, err))
        return -1;
    fc_policy_free(loaded);
    *ret_text = FC_TAKE(text);
    return 0;
}
