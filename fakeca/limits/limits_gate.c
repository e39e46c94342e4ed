#include "limits/limits_gate.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_text.h"
#include "base/base_time.h"

#include "limits/limits_storage.h"

/* More addresses than a rehearsal has: then all begin anew, for what fills a bucket is seconds old. */
#define BUCKETS_MAX 65536

struct fc_limits_gate {
    const struct fc_policy *policy;
    pthread_mutex_t lock;
    struct fc_limits_memory *memory;
};

struct fc_limits_gate *fc_limits_gate_new(const struct fc_policy *policy)
{
    struct fc_limits_gate *gate = fc_calloc(1, sizeof *gate);

    gate->policy = policy;
    gate->memory = fc_limits_memory_new();
    pthread_mutex_init(&gate->lock, NULL);
    return gate;
}

void fc_limits_gate_free(struct fc_limits_gate *gate)
{
    if (!gate)
        return;
    pthread_mutex_destroy(&gate->lock);
    fc_limits_memory_free(gate->memory);
    free(gate);
}

/* The endpoint that fits best: the whole path, else the longest beginning that ends in '/'. */
static const struct fc_policy_endpoint *endpoint_of(const struct fc_policy *policy, const char *path)
{
    const struct fc_policy_endpoint *found = NULL;

    for (size_t i = 0; i < policy->request_limits.n_endpoints; i++) {
        const struct fc_policy_endpoint *endpoint = &policy->request_limits.endpoints[i];
        size_t len = strlen(endpoint->path);
        if (!fc_text_starts(path, endpoint->path) ||
            (path[len] && path[len] != '/' && !fc_text_ends(endpoint->path, "/")))
            continue;
        if (!found || len > strlen(found->path))
            found = endpoint;
    }
    return found;
}

/* nginx lets `burst` wait beyond the one that is served. */
static bool spend(struct fc_limits_gate *gate, const struct fc_policy_endpoint *endpoint,
                  const struct fc_limits_gate_request *request, int64_t *ret_wait)
{
    const struct fc_limits_rule rule = fc_limits_gcra_rule(endpoint->per_second, FC_SECOND, endpoint->burst + 1);
    const struct fc_limits_storage storage = fc_limits_storage_memory(gate->memory);
    fc_auto_free char *key = fc_asprintf("%s %.64s", endpoint->name, request->address);
    struct fc_limits_decision decision;
    struct fc_limits_bucket bucket = {0};
    bool found = false;

    (void)storage.get(storage.cookie, key, &bucket, &found, NULL);
    fc_limits_gcra_spend(&rule, request->mono, found ? bucket.tat : FC_LIMITS_NO_TAT, 1, &decision);
    *ret_wait = decision.retry_in;
    bucket.tat = decision.tat;
    if (decision.allowed)
        (void)storage.put(storage.cookie, key, &bucket, NULL);
    return decision.allowed;
}

const struct fc_policy_endpoint *fc_limits_gate_full(struct fc_limits_gate *gate,
                                                     const struct fc_limits_gate_request *request, int64_t *ret_wait)
{
    const struct fc_policy *policy = fc_policy_at(gate->policy, request->now);
    const struct fc_policy_endpoint *endpoint =
        policy->request_limits.enforced ? endpoint_of(policy, request->path) : NULL;

    if (!endpoint)
        return NULL;
    pthread_mutex_lock(&gate->lock);
    if (fc_limits_memory_count(gate->memory) >= BUCKETS_MAX) {
        fc_limits_memory_free(gate->memory);
        gate->memory = fc_limits_memory_new();
    }
    bool passes = spend(gate, endpoint, request, ret_wait);
    pthread_mutex_unlock(&gate->lock);
    return passes ? NULL : endpoint;
}
