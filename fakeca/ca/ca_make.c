#include "ca/ca_int.h"

#include <stdio.h>
#include <string.h>

#include "base/base_assert.h"

#include "store/store_cert.h"

static const struct {
    const char *name;
    enum fc_key_type type;
    int bits;
} key_kinds[] = {
    {"P-256", FC_KEY_P256, 0},      {"P-384", FC_KEY_P384, 0},      {"P-521", FC_KEY_P521, 0},
    {"RSA-2048", FC_KEY_RSA, 2048}, {"RSA-3072", FC_KEY_RSA, 3072}, {"RSA-4096", FC_KEY_RSA, 4096},
};

static size_t key_kind(const char *name)
{
    for (size_t i = 0; i < sizeof key_kinds / sizeof *key_kinds; i++)
        if (strcmp(key_kinds[i].name, name) == 0)
            return i;
    FC_IMPOSSIBLE("the policy loader knows the key's name");
}

void fc_ca_make_key_name(const struct fc_key *key, char *ret_name, size_t room)
{
    if (fc_key_type(key) == FC_KEY_RSA) {
        snprintf(ret_name, room, "RSA-%d", fc_key_bits(key));
        return;
    }
    for (size_t i = 0; i < sizeof key_kinds / sizeof *key_kinds; i++)
        if (key_kinds[i].type == fc_key_type(key))
            snprintf(ret_name, room, "%s", key_kinds[i].name);
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int certify(const struct fc_ca *ca, struct fc_ca_node *node, struct fc_err *err)
{
    const struct fc_policy_ca *rule = node->rule;
    /* a cross-signed one differs from the other of its name in issuer and dates only */
    const bool leaves = node->of ? node->of->rule->issues_leaves : rule->issues_leaves;
    const struct fc_ca_node *issuer = node->issuer;
    fc_auto_free char *aia = issuer ? fc_asprintf("%s/%s.der", ca->url, issuer->name) : NULL;
    fc_auto_free char *crl =
        issuer && fc_ca_crl_shards(ca, issuer) > 0 ? fc_asprintf("%s/%s/1.crl", ca->url, issuer->name) : NULL;
    const struct fc_cert_ca params = {
        .country = rule->country,
        .organization = rule->organization,
        .cn = rule->common_name,
        /* an own root may be younger than the policy's dates, or end before them */
        .not_before = issuer ? later(rule->not_before, issuer->not_before) : rule->not_before,
        .not_after = issuer ? earlier(rule->not_after, issuer->not_after) : rule->not_after,
        .key = node->of ? node->of->key : node->key,
        .issuer = issuer ? issuer->cert : NULL,
        .issuer_key = issuer ? issuer->key : NULL,
        .path_len = leaves ? 0 : -1,
        .aia_url = aia,
        .crl_url = crl,
        .policy_oid = leaves ? ca->policy->issuance.policy_oid : NULL,
        .server_auth = leaves,
        .client_auth = node->of ? node->of->rule->client_auth : rule->client_auth,
    };
    return fc_cert_make_ca(&params, &node->cert, err);
}

/* Key and certificate of a node whose issuer is there; nothing is stored yet. */
static int make(const struct fc_ca *ca, struct fc_ca_node *node, struct fc_err *err)
{
    const size_t kind = key_kind(node->rule->key);

    if (!node->of && fc_key_generate(key_kinds[kind].type, key_kinds[kind].bits, &node->key, err))
        return -1;
    return certify(ca, node, err) || fc_ca_hierarchy_fill(ca, node, err) ? -1 : 0;
}

static int64_t made_at(const struct fc_ca *ca)
{
    pthread_mutex_lock(&ca->gate->lock);
    int64_t now = ca->gate->now;
    pthread_mutex_unlock(&ca->gate->lock);
    return now;
}

/* In a write transaction. */
static int insert(struct fc_ca *ca, struct fc_ca_node *node, struct fc_err *err)
{
    fc_auto_free char *name = fc_asprintf("%s/%s", ca->policy->name, node->name);
    fc_auto_free unsigned char *key_der = NULL;
    struct fc_issuer row;

    if (fc_ca_stored_row(name, node->rule ? node->key : NULL, node->cert, &row, &key_der, err))
        return -1;
    row.created_at = made_at(ca);
    if (fc_store_issuer_insert(ca->store, &row, err))
        return -1;
    node->id = row.id;
    return 0;
}

static int store(struct fc_ca *ca, struct fc_ca_node *const *nodes, size_t count, struct fc_err *err)
{
    struct fc_store_tx tx fc_auto_tx = {0};

    if (count == 0)
        return 0;
    if (fc_store_begin(ca->store, FC_STORE_WRITE, &tx, err))
        return -1;
    for (size_t i = 0; i < count; i++)
        if (insert(ca, nodes[i], err))
            return -1;
    if (fc_store_commit(&tx, err))
        return -1;
    for (size_t i = 0; i < count; i++)
        fc_ca_hierarchy_publish(ca, nodes[i]);
    return 0;
}

bool fc_ca_make_is_quick(const struct fc_ca_node *node)
{
    return node->of || !node->rule || !fc_ca_hierarchy_is_rsa(node->rule);
}

int fc_ca_make_quick(struct fc_ca *ca, struct fc_err *err)
{
    fc_auto_free struct fc_ca_node **made = fc_calloc(ca->n_nodes + 1, sizeof *made);
    size_t count = 0;

    for (size_t i = 0; i < ca->n_nodes; i++) {
        struct fc_ca_node *node = &ca->nodes[i];
        if (fc_ca_hierarchy_ready(node) || !atomic_load(&node->wanted))
            continue;
        if (!node->rule) { /* the own root, not stored yet */
            made[count++] = node;
            continue;
        }
        if (!fc_ca_make_is_quick(node) || (node->issuer && !node->issuer->cert) || (node->of && !node->of->cert))
            continue;
        if (make(ca, node, err))
            return -1;
        node->created = true;
        made[count++] = node;
    }
    return store(ca, made, count, err);
}

int fc_ca_make_node(struct fc_ca *ca, struct fc_ca_node *node, struct fc_err *err)
{
    return make(ca, node, err) || store(ca, &node, 1, err) ? -1 : 0;
}
