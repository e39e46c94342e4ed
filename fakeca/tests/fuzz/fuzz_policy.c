/* fuzz: uses policy */
/* A policy file of a user's: any bytes give a policy that can be asked, or errors. */
#include "policy/policy.h"

#include <string.h>

#include "base/base_assert.h"
#include "base/base_time.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(const struct fc_policy *policy)
{
    const struct fc_profile *profile = fc_policy_profile(policy, NULL);

    FC_ASSERT(profile && policy->name && policy->n_cas > 0);
    for (size_t i = 0; i < policy->n_profiles; i++) {
        FC_ASSERT(fc_profile_at(&policy->profiles[i], FC_TIME_MIN)->validity >= FC_HOUR);
        FC_ASSERT(fc_profile_at(&policy->profiles[i], FC_TIME_MAX)->max_identifiers > 0);
    }
    for (size_t i = 0; i < policy->n_cas; i++)
        FC_ASSERT(policy->cas[i].not_before < policy->cas[i].not_after);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fc_policy *policy = NULL;
    struct fc_err err = {0};

    if (fc_policy_parse((const char *)data, size, "fuzz.json", &policy, &err) == 0)
        ask(policy);
    else
        FC_ASSERT(err.code == FC_E_USAGE && err.text[0] != '\0');
    fc_policy_free(policy);
    return 0;
}
