/* Which CA certificates are in use: only these are made, for each RSA key takes a tenth of a second. */
#include "ca/ca_int.h"

#include <string.h>

/* Under the gate's lock. All that a chain needs: the certificates of the chains, their issuers, the owners of their keys. */
static void want(const struct fc_ca *ca, struct fc_ca_node *node, int64_t now)
{
    struct fc_ca_node *chain[FC_CA_CHAIN_MAX];

    if (!node || atomic_load(&node->wanted))
        return;
    atomic_store(&node->wanted, true);
    ca->gate->missing += !fc_ca_hierarchy_ready(node);
    want(ca, node->issuer, now);
    want(ca, node->of, now);
    if (!fc_ca_hierarchy_issues_leaves(node))
        return;
    for (size_t n = 0; n < fc_ca_chain_count(ca, node, now); n++) {
        size_t count = fc_ca_chain_nodes(ca, node, now, n, chain);
        for (size_t i = 0; i < count; i++)
            want(ca, chain[i], now);
    }
}

/* Whether some profile that can be ordered is issued by it at now. */
static bool is_named(const struct fc_policy *policy, const char *name)
{
    for (size_t i = 0; i < policy->n_profiles; i++) {
        const struct fc_profile *profile = &policy->profiles[i];
        const char **issuer = fc_profile_at(profile, policy->from)->issuers;
        if (!profile->offered && strcmp(profile->name, policy->default_profile) != 0)
            continue;
        if (!*issuer)
            return true;
        for (; *issuer; issuer++)
            if (strcmp(*issuer, name) == 0)
                return true;
    }
    return false;
}

/* A backup is, once its turn has come. */
static bool issues(const struct fc_ca_node *node, const struct fc_policy *policy)
{
    const struct fc_policy_ca *rule = fc_policy_ca(policy, node->name);

    return node->rule && rule && rule->issues_leaves && is_named(policy, node->name) &&
           (!rule->backup || atomic_load(&node->wanted));
}

void fc_ca_follow(const struct fc_ca *ca, int64_t now)
{
    const struct fc_policy *policy = fc_policy_at(ca->policy, now);

    pthread_mutex_lock(&ca->gate->lock);
    ca->gate->now = now;
    for (size_t i = 0; i < ca->n_nodes; i++)
        if (ca->own_root || ca->nodes[i].root || issues(&ca->nodes[i], policy))
            want(ca, &ca->nodes[i], now);
    pthread_cond_broadcast(&ca->gate->changed);
    pthread_mutex_unlock(&ca->gate->lock);
}

bool fc_ca_in_use(const struct fc_ca *ca, const char *name, int64_t now)
{
    const struct fc_ca_node *node = fc_ca_hierarchy_node(ca, name);

    return node && (node->root || issues(node, fc_policy_at(ca->policy, now)));
}

void fc_ca_use_want(const struct fc_ca *ca, struct fc_ca_node *node, int64_t now)
{
    struct fc_ca_node *chain[FC_CA_CHAIN_MAX];

    pthread_mutex_lock(&ca->gate->lock);
    ca->gate->now = now;
    want(ca, node, now);
    /* it may have been wanted at another time, when it had other chains */
    for (size_t n = 0; n < fc_ca_chain_count(ca, node, now); n++) {
        size_t count = fc_ca_chain_nodes(ca, node, now, n, chain);
        for (size_t i = 0; i < count; i++)
            want(ca, chain[i], now);
    }
    pthread_cond_broadcast(&ca->gate->changed);
    pthread_mutex_unlock(&ca->gate->lock);
}

bool fc_ca_use_complete(const struct fc_ca *ca, struct fc_ca_node *node, int64_t now)
{
    const struct fc_policy *policy = fc_policy_at(ca->policy, now);
    struct fc_ca_node *chain[FC_CA_CHAIN_MAX];

    if (!fc_ca_hierarchy_ready(node))
        return false;
    if (atomic_load_explicit(&node->complete, memory_order_acquire) == policy)
        return true;
    for (size_t n = 0; n < fc_ca_chain_count(ca, node, now); n++) {
        size_t count = fc_ca_chain_nodes(ca, node, now, n, chain);
        for (size_t i = 0; i < count; i++)
            if (!fc_ca_hierarchy_ready(chain[i]))
                return false;
    }
    atomic_store_explicit(&node->complete, policy, memory_order_release);
    return true;
}

static bool can_be_made(const struct fc_ca_node *node)
{
    return atomic_load(&node->wanted) && !fc_ca_hierarchy_ready(node) &&
           (!node->issuer || fc_ca_hierarchy_ready(node->issuer)) && (!node->of || fc_ca_hierarchy_ready(node->of));
}

struct fc_ca_node *fc_ca_use_next(const struct fc_ca *ca)
{
    struct fc_ca_node *next = NULL;

    for (size_t i = 0; i < ca->n_nodes; i++) {
        struct fc_ca_node *node = &ca->nodes[i];
        if (!can_be_made(node))
            continue;
        if (fc_ca_make_is_quick(node))
            return node;
        if (!next)
            next = node;
    }
    return next;
}
