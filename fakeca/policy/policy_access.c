#include "policy/policy_int.h"

#include <string.h>

#define ACCOUNTS_MAX 1000
#define LABELS_MAX 1000
#define LABEL_MAX_BYTES 63
#define REASON_MAX_BYTES 300

const int64_t *fc_policy_access_accounts(struct fc_policy_load *load, struct fc_json_obj *obj, const char *key)
{
    int64_t *accounts = fc_arena_alloc(load->arena, (ACCOUNTS_MAX + 1) * sizeof *accounts);

    accounts[fc_policy_read_ints(obj, key, 1, INT64_MAX, ACCOUNTS_MAX, accounts)] = 0;
    return accounts;
}

bool fc_policy_access_lists(const int64_t *accounts, int64_t account_id)
{
    for (; accounts != NULL && *accounts != 0; accounts++) {
        if (*accounts == account_id)
            return true;
    }
    return false;
}

void fc_policy_access_read(struct fc_policy_load *load, struct fc_json_obj *root)
{
    static const char *const types[] = {"dns", "ip", NULL};
    struct fc_policy *policy = load->policy;
    struct fc_json_obj obj;
    const char **disabled;

    fc_json_obj_member(root, "access", FC_JSON_OPTIONAL, &obj);
    if (obj.value == NULL)
        return;
    disabled = fc_policy_read_strs(load, &obj, "disabled_types", 2, 8, types);
    for (; *disabled != NULL; disabled++) {
        policy->access.no_dns = policy->access.no_dns || strcmp(*disabled, "dns") == 0;
        policy->access.no_ip = policy->access.no_ip || strcmp(*disabled, "ip") == 0;
    }
    policy->access.on_demand_labels =
        fc_policy_read_strs(load, &obj, "on_demand_labels", LABELS_MAX, LABEL_MAX_BYTES, NULL);
    policy->access.blocked_accounts = fc_policy_access_accounts(load, &obj, "blocked_accounts");
    policy->access.blocked_reason = fc_json_str(&obj, "blocked_reason", FC_JSON_REQUIRED, REASON_MAX_BYTES);
    (void)fc_policy_read_end(load, &obj);
}
