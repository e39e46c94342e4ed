#include "policy/policy_int.h"

#include <string.h>

#include "base/base_time.h"

#define CAS_MAX 64

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

static bool has_dates(const struct fc_policy_ca *ca)
{
    return ca->not_before != FC_POLICY_NO_TIME && ca->not_after != FC_POLICY_NO_TIME;
}

/* A certificate outside its issuer's dates makes chains that no client accepts. */
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
    else if (has_dates(ca) && has_dates(issuer) &&
             (ca->not_before < issuer->not_before || ca->not_after > issuer->not_after))
        fc_json_errs_add(obj, "not_after", "must lie within the dates of its issuer '%s'", ca->issuer);
}

static const char *read_country(struct fc_json_obj *obj)
{
    const char *country = fc_json_str(obj, "country", FC_JSON_OPTIONAL, 2);

    if (country != NULL &&
        (strlen(country) != 2 || country[0] < 'A' || country[0] > 'Z' || country[1] < 'A' || country[1] > 'Z'))
        fc_json_errs_add(obj, "country", "must be two capital letters");
    return country;
}

static void read_ca(struct fc_policy_load *load, struct fc_json_obj *obj, size_t index)
{
    static const char *const keys[] = {"P-256", "P-384", "RSA-2048", "RSA-4096", NULL};
    struct fc_policy_ca *ca = &load->policy->cas[index];

    ca->name = fc_policy_read_name(obj, "name");
    if (find_ca(load->policy, index, ca->name) != NULL)
        fc_json_errs_add(obj, "name", "there is a certificate '%s' already", ca->name);
    ca->common_name = fc_json_str(obj, "common_name", FC_JSON_REQUIRED, NAME_MAX_BYTES);
    if (ca->common_name != NULL && ca->common_name[0] == '\0')
        fc_json_errs_add(obj, "common_name", "must not be empty");
    ca->organization = fc_json_str(obj, "organization", FC_JSON_OPTIONAL, NAME_MAX_BYTES);
    ca->country = read_country(obj);
    ca->key = keys[fc_json_word(obj, "key", FC_JSON_REQUIRED, keys, 0)];
    ca->issuer = fc_json_str(obj, "issuer", FC_JSON_OPTIONAL, 64);
    ca->issues_leaves = fc_json_bool(obj, "issues_leaves", FC_JSON_REQUIRED, false);
    ca->backup = fc_json_bool(obj, "backup", FC_JSON_OPTIONAL, false);
    if (ca->backup && !ca->issues_leaves)
        fc_json_errs_add(obj, "backup", "only a certificate that issues leaves can be one");
    ca->not_before = fc_policy_read_time(obj, "not_before");
    ca->not_after = fc_policy_read_time(obj, "not_after");
    if (ca->not_after != FC_POLICY_NO_TIME && ca->not_after <= ca->not_before)
        fc_json_errs_add(obj, "not_after", "must be later than not_before");
    check_issuer(load->policy, index, obj);
    ca->source = fc_policy_read_end(load, obj);
}

void fc_policy_hierarchy_read(struct fc_policy_load *load, struct fc_json_obj *root)
{
    struct fc_policy *policy = load->policy;
    struct fc_json_obj obj;
    const json_t *array;
    bool issuer = false;

    fc_json_obj_member(root, "hierarchy", FC_JSON_REQUIRED, &obj);
    array = fc_json_array(&obj, "certificates", FC_JSON_REQUIRED, CAS_MAX);
    policy->n_cas = json_array_size(array);
    policy->cas = fc_arena_alloc(load->arena, (policy->n_cas + 1) * sizeof *policy->cas);
    for (size_t i = 0; i < policy->n_cas; i++) {
        struct fc_json_obj element;
        fc_json_obj_element(&obj, "certificates", array, i, &element);
        read_ca(load, &element, i);
        issuer = issuer || policy->cas[i].issues_leaves;
    }
    if (array != NULL && !issuer)
        fc_json_errs_add(&obj, "certificates", "no certificate issues leaves");
    (void)fc_policy_read_end(load, &obj);
}
