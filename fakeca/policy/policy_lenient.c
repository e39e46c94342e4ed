#include "policy/policy_int.h"

#include "base/base_time.h"

#define SLEEP_MAX (10 * FC_MINUTE)
#define URL_BYTES_MAX 1000
#define PAGE_MAX 900 /* fewer than the store reads at once */

void fc_policy_lenient_read(struct fc_policy_load *load, struct fc_json_obj *root)
{
    const enum fc_json_need need = FC_JSON_OPTIONAL;
    struct fc_policy *policy = load->policy;
    struct fc_json_obj obj;
    const char *terms;

    fc_json_obj_member(root, "lenient", need, &obj);
    if (obj.value == NULL)
        return;
    policy->lenient.names = fc_json_bool(&obj, "names", need, false);
    policy->lenient.addresses = fc_json_bool(&obj, "addresses", need, false);
    policy->lenient.redirects = fc_json_bool(&obj, "redirects", need, false);
    policy->lenient.no_caa = fc_json_bool(&obj, "no_caa", need, false);
    policy->lenient.random_profile = fc_json_bool(&obj, "random_profile", need, false);
    policy->lenient.no_order_reuse = fc_json_bool(&obj, "no_order_reuse", need, false);
    policy->lenient.authz_anew_percent = fc_json_int(&obj, "authz_anew_percent", need, 0, 100, 0);
    policy->lenient.orders_per_page = fc_json_int(&obj, "orders_per_page", need, 0, PAGE_MAX, 0);
    policy->lenient.always_valid = fc_json_bool(&obj, "always_valid", need, false);
    policy->lenient.validation_sleep = fc_json_duration(&obj, "validation_sleep", need, 0, SLEEP_MAX, 0);
    policy->lenient.ocsp_url = fc_json_str(&obj, "ocsp_url", need, URL_BYTES_MAX);
    if (fc_json_bool(&obj, "no_website", need, false))
        policy->directory.website = NULL;
    /* of any scheme: Pebble's is a data: URL */
    terms = fc_json_str(&obj, "terms_of_service", need, URL_BYTES_MAX);
    if (terms != NULL)
        policy->directory.terms_of_service = terms;
    (void)fc_policy_read_end(load, &obj);
}
