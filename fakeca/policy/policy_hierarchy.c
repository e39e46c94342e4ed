#include "policy/policy_int.h"

#include <string.h>

#include "base/base_time.h"

/* Let's Encrypt's has two dozen; a rehearsed Pebble of sixteen roots with chains of fifteen the rest. */
#define CAS_MAX 256

/* Certificates in one chain. Let's Encrypt's longest has three, a rehearsed Pebble up to fifteen. */
#define CHAIN_MAX 16

/* X.520 sets these upper bounds (RFC 5280 appendix A.1: ub-common-name, ub-organization-name). */
#define NAME_MAX_BYTES 64

static const struct fc_policy_ca *find_ca(const struct fc_policy *policy, size_t before, const char *name)
{
    for (size_t i = 0; name != NULL && i < before; i++) {
        if (policy->cas[i].name != NULL && strcmp(policy->cas[i].name, name) == 0)
            return &policy->cas[i];
    }
    return NULL;
}

const struct fc_policy_ca *fc_policy_ca(const struct fc_policy *policy, const char *name)
{
    return find_ca(policy, policy->n_cas, name);
}

/* A certificate outside its issuer's dates makes chains that no client accepts. */
static void check_dates(const struct fc_policy_ca *ca, const struct fc_policy_ca *issuer, struct fc_json_obj *obj)
{
    const int64_t dates[] = {ca->not_before, ca->not_after, issuer->not_before, issuer->not_after};

    for (size_t i = 0; i < sizeof dates / sizeof *dates; i++) {
        if (dates[i] == FC_POLICY_NO_TIME)
            return;
    }
    if (ca->not_before < issuer->not_before || ca->not_after > issuer->not_after)
        fc_json_errs_add(obj, "not_after", "must lie within the dates of its issuer '%s'", ca->issuer);
}

static void check_issuer(const struct fc_policy *policy, size_t index, struct fc_json_obj *obj)
{
    const struct fc_policy_ca *ca = &policy->cas[index];
    const struct fc_policy_ca *issuer = find_ca(policy, index, ca->issuer);

    if (ca->issuer == NULL) {
        if (ca->issues_leaves)
            fc_json_errs_add(obj, "issues_leaves", "must be false for a self-signed certificate");
        return;
    }
    if (issuer == NULL)
        fc_json_errs_add(obj, "issuer", "no certificate '%s' stands before this one", ca->issuer);
    else if (issuer->issues_leaves)
        fc_json_errs_add(obj, "issuer", "'%s' issues leaves and therefore no CA certificates", ca->issuer);
    else
        check_dates(ca, issuer, obj);
}

static const char *read_country(struct fc_json_obj *obj)
{
    const char *country = fc_json_str(obj, "country", FC_JSON_OPTIONAL, 2);

    if (country != NULL &&
        (strlen(country) != 2 || country[0] < 'A' || country[0] > 'Z' || country[1] < 'A' || country[1] > 'Z'))
        fc_json_errs_add(obj, "country", "must be two capital letters");
    return country;
}

static void read_name(struct fc_policy_load *load, struct fc_json_obj *obj, size_t index)
{
    struct fc_policy_ca *ca = &load->policy->cas[index];

    ca->name = fc_policy_read_name(obj, "name");
    if (find_ca(load->policy, index, ca->name) != NULL)
        fc_json_errs_add(obj, "name", "there is a certificate '%s' already", ca->name);
}

static void read_dates(struct fc_policy_ca *ca, struct fc_json_obj *obj)
{
    ca->not_before = fc_policy_read_time(obj, "not_before");
    ca->not_after = fc_policy_read_time(obj, "not_after");
    if (ca->not_after != FC_POLICY_NO_TIME && ca->not_after <= ca->not_before)
        fc_json_errs_add(obj, "not_after", "must be later than not_before");
}

/* The texts; where they lead is looked at when all certificates are there. */
static void read_chains(struct fc_policy_load *load, struct fc_policy_ca *ca, struct fc_json_obj *obj)
{
    const json_t *array = fc_json_array(obj, "chains", FC_JSON_OPTIONAL, FC_POLICY_CHAINS_MAX);

    if (array != NULL && !ca->issues_leaves)
        fc_json_errs_add(obj, "chains", "only a certificate that issues leaves has them");
    ca->chains = fc_arena_alloc(load->arena, (json_array_size(array) + 1) * sizeof *ca->chains);
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *chain = json_array_get(array, i);
        size_t count = json_array_size(chain);
        if (count == 0 || count > CHAIN_MAX) {
            fc_json_errs_add(obj, "chains", "element %zu must be a list of 1 to %d names", i, CHAIN_MAX);
            continue;
        }
        const char **names = fc_arena_alloc(load->arena, (count + 1) * sizeof *names);
        for (size_t j = 0; j < count; j++) {
            const char *name = json_string_value(json_array_get(chain, j));
            names[j] = name != NULL ? name : "";
        }
        ca->chains[ca->n_chains++].names = names;
    }
}

static void read_ca(struct fc_policy_load *load, struct fc_json_obj *obj, size_t index)
{
    static const char *const keys[] = {"P-256", "P-384", "RSA-2048", "RSA-4096", NULL};
    struct fc_policy_ca *ca = &load->policy->cas[index];

    read_name(load, obj, index);
    ca->common_name = fc_json_str(obj, "common_name", FC_JSON_REQUIRED, NAME_MAX_BYTES);
    if (ca->common_name != NULL && ca->common_name[0] == '\0')
        fc_json_errs_add(obj, "common_name", "must not be empty");
    ca->organization = fc_json_str(obj, "organization", FC_JSON_OPTIONAL, NAME_MAX_BYTES);
    ca->country = read_country(obj);
    ca->key = keys[fc_json_word(obj, "key", FC_JSON_REQUIRED, keys, 0)];
    ca->issuer = fc_json_str(obj, "issuer", FC_JSON_OPTIONAL, 64);
    ca->issues_leaves = fc_json_bool(obj, "issues_leaves", FC_JSON_REQUIRED, false);
    ca->client_auth = fc_json_bool(obj, "client_auth", FC_JSON_OPTIONAL, false);
    ca->backup = fc_json_bool(obj, "backup", FC_JSON_OPTIONAL, false);
    if (ca->backup && !ca->issues_leaves)
        fc_json_errs_add(obj, "backup", "only a certificate that issues leaves can be one");
    read_dates(ca, obj);
    check_issuer(load->policy, index, obj);
    read_chains(load, ca, obj);
    ca->source = fc_policy_read_end(load, obj);
}

/* Another certificate for the name and the key of one that stands in `certificates`. */
static void read_cross_sign(struct fc_policy_load *load, struct fc_json_obj *obj, size_t index, size_t n_own)
{
    struct fc_policy_ca *ca = &load->policy->cas[index];

    read_name(load, obj, index);
    ca->key_of = fc_json_str(obj, "of", FC_JSON_REQUIRED, 64);
    ca->issuer = fc_json_str(obj, "issuer", FC_JSON_REQUIRED, 64);
    read_dates(ca, obj);
    const struct fc_policy_ca *of = find_ca(load->policy, n_own, ca->key_of);
    const struct fc_policy_ca *issuer = find_ca(load->policy, n_own, ca->issuer);
    if (of == NULL && ca->key_of != NULL)
        fc_json_errs_add(obj, "of", "no certificate '%s' stands in 'certificates'", ca->key_of);
    if (issuer == NULL && ca->issuer != NULL)
        fc_json_errs_add(obj, "issuer", "no certificate '%s' stands in 'certificates'", ca->issuer);
    else if (issuer != NULL && (issuer->issues_leaves || issuer == of))
        fc_json_errs_add(obj, "issuer", "'%s' cannot sign it: %s", ca->issuer,
                         issuer == of ? "it has that key itself" : "it issues leaves");
    else if (issuer != NULL)
        check_dates(ca, issuer, obj);
    if (of != NULL) {
        ca->common_name = of->common_name;
        ca->organization = of->organization;
        ca->country = of->country;
        ca->key = of->key;
    }
    ca->source = fc_policy_read_end(load, obj);
}

/* ---- where the chains lead ---- */

static const char *key_name(const struct fc_policy_ca *ca)
{
    return ca->key_of != NULL ? ca->key_of : ca->name;
}

/* Whether the name leads on from a certificate that was signed by the key of `wanted`; says what is wrong in obj. */
static const struct fc_policy_ca *follow(const struct fc_policy *policy, const char *name, const char *wanted,
                                         size_t chain, struct fc_json_obj *obj)
{
    const struct fc_policy_ca *ca = fc_policy_ca(policy, name);

    if (ca == NULL)
        fc_json_errs_add(obj, "chains", "element %zu: there is no certificate '%s'", chain, name);
    else if (wanted == NULL || key_name(ca) == NULL || strcmp(key_name(ca), wanted) != 0)
        fc_json_errs_add(obj, "chains", "element %zu: '%s' does not have the key of '%s', which is needed here", chain,
                         name, wanted != NULL ? wanted : "?");
    else if (ca->issuer == NULL)
        fc_json_errs_add(obj, "chains", "element %zu: '%s' is a root, and these are left out", chain, name);
    else
        return ca;
    return NULL;
}

static void check_chain(const struct fc_policy *policy, const struct fc_policy_ca *ca, size_t chain,
                        struct fc_json_obj *obj)
{
    const char *wanted = ca->name;

    for (const char **name = ca->chains[chain].names; *name != NULL; name++) {
        const struct fc_policy_ca *next = follow(policy, *name, wanted, chain, obj);
        if (next == NULL)
            return;
        wanted = next->issuer;
    }
    const struct fc_policy_ca *last = fc_policy_ca(policy, wanted);
    if (last != NULL && last->issuer != NULL)
        fc_json_errs_add(obj, "chains", "element %zu ends before a root: '%s' is none", chain, wanted);
}

static void check_chains(const struct fc_policy *policy, struct fc_json_obj *hierarchy, const json_t *array,
                         size_t n_own)
{
    for (size_t i = 0; i < n_own; i++) {
        struct fc_json_obj obj;
        fc_json_obj_element(hierarchy, "certificates", array, i, &obj);
        for (size_t j = 0; j < policy->cas[i].n_chains && policy->cas[i].issues_leaves; j++)
            check_chain(policy, &policy->cas[i], j, &obj);
    }
}

void fc_policy_hierarchy_read(struct fc_policy_load *load, struct fc_json_obj *root)
{
    struct fc_policy *policy = load->policy;
    struct fc_json_obj obj, element;
    bool issuer = false;

    fc_json_obj_member(root, "hierarchy", FC_JSON_REQUIRED, &obj);
    if (load->before != NULL && obj.value != NULL && json_object_get(load->before->root, "hierarchy") == obj.value) {
        policy->cas = load->before->policy.cas; /* half of a file, and it hardly ever changes */
        policy->n_cas = load->before->policy.n_cas;
        return;
    }
    const json_t *array = fc_json_array(&obj, "certificates", FC_JSON_REQUIRED, CAS_MAX);
    const json_t *cross = fc_json_array(&obj, "cross_signs", FC_JSON_OPTIONAL, CAS_MAX);
    const size_t n_own = json_array_size(array), n_cross = json_array_size(cross);
    policy->cas = fc_arena_alloc(load->arena, (n_own + n_cross + 1) * sizeof *policy->cas);
    policy->n_cas = n_own + n_cross;
    for (size_t i = 0; i < n_own; i++) {
        fc_json_obj_element(&obj, "certificates", array, i, &element);
        read_ca(load, &element, i);
        issuer = issuer || policy->cas[i].issues_leaves;
    }
    for (size_t i = 0; i < n_cross; i++) {
        fc_json_obj_element(&obj, "cross_signs", cross, i, &element);
        read_cross_sign(load, &element, n_own + i, n_own);
    }
    check_chains(policy, &obj, array, n_own);
    if (array != NULL && !issuer)
        fc_json_errs_add(&obj, "certificates", "no certificate issues leaves");
    (void)fc_policy_read_end(load, &obj);
}
