/* The load balancer's limits (letsencrypt.md A.7): requests of one address per second and endpoint. Monotonic time, in memory: a skip of
 * the clock does not move them, a restart forgets them. Off unless the policy says so. */
#ifndef FC_LIMITS_GATE_H
#define FC_LIMITS_GATE_H

#include "policy/policy.h"

struct fc_limits_gate;
/* The policy must outlive it. */
struct fc_limits_gate *fc_limits_gate_new(const struct fc_policy *policy);
void fc_limits_gate_free(struct fc_limits_gate *gate); /* NULL allowed */
FC_CLEANUP(struct fc_limits_gate *, fc_limits_gate_free)

/* A request: path behind the environment's prefix, address without port, simulated now (which policy holds) and monotonic time. */
struct fc_limits_gate_request {
    const char *path;
    const char *address;
    int64_t now;
    int64_t mono;
};
/* NULL: it passes, and is counted. Else the endpoint that is full, and *ret_wait until it has room. Any thread. */
const struct fc_policy_endpoint *fc_limits_gate_full(struct fc_limits_gate *gate,
                                                     const struct fc_limits_gate_request *request, int64_t *ret_wait);

#endif
