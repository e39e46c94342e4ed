#include "ca/ca_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/base_buf.h"

#define CHAIN_MAX ((size_t)256 * 1024)

/* ---- which certificates ---- */

/* What the policy of now says of the chains; NULL: one, along the issuers. An own root stands for all of them, so nothing is
 * cross-signed. */
static const struct fc_policy_ca *rule_with_chains(const struct fc_ca *ca, const struct fc_ca_node *node, int64_t now)
{
    const struct fc_policy_ca *rule = NULL;

    if (node->rule && !ca->own_root)
        rule = fc_policy_ca(fc_policy_at(ca->policy, now), node->name);
    return rule && rule->n_chains > 0 ? rule : NULL;
}

size_t fc_ca_chain_count(const struct fc_ca *ca, const struct fc_ca_node *node, int64_t now)
{
    const struct fc_policy_ca *rule = rule_with_chains(ca, node, now);

    return rule ? rule->n_chains : 1;
}

size_t fc_ca_chain_nodes(const struct fc_ca *ca, struct fc_ca_node *node, int64_t now, size_t n,
                         struct fc_ca_node *ret_nodes[FC_CA_CHAIN_MAX])
{
    const struct fc_policy_ca *rule = rule_with_chains(ca, node, now);
    size_t count = 0;

    if (rule) {
        for (const char **name = rule->chains[n].names; *name && count < FC_CA_CHAIN_MAX - 1; name++)
            ret_nodes[count++] = fc_ca_hierarchy_node(ca, *name);
        return count;
    }
    /* the limit also ends a circle of cross-signed certificates in a strange state folder */
    for (; node && !node->root && count < FC_CA_CHAIN_MAX - 1; node = node->issuer)
        ret_nodes[count++] = node;
    return count;
}

static struct fc_ca_node *find_id(const struct fc_ca *ca, int64_t id)
{
    for (size_t i = 0; i < ca->n_nodes; i++)
        if (fc_ca_hierarchy_ready(&ca->nodes[i]) && ca->nodes[i].id == id)
            return &ca->nodes[i];
    return NULL;
}

size_t fc_ca_chains(const struct fc_ca *ca, int64_t issuer_id, int64_t now)
{
    const struct fc_ca_node *node = find_id(ca, issuer_id);

    return node ? fc_ca_chain_count(ca, node, now) : 0;
}

size_t fc_ca_chain_names(const struct fc_ca *ca, const char *issuer, int64_t now, size_t n,
                         const char *ret_names[FC_CA_CHAIN_MAX])
{
    struct fc_ca_node *node = fc_ca_hierarchy_node(ca, issuer), *nodes[FC_CA_CHAIN_MAX];

    if (!node || n >= fc_ca_chain_count(ca, node, now))
        return 0;
    size_t count = fc_ca_chain_nodes(ca, node, now, n, nodes);
    for (size_t i = 0; i < count; i++)
        ret_names[i] = nodes[i]->name;
    const struct fc_ca_node *root = count > 0 ? nodes[count - 1]->issuer : node;
    ret_names[count] = root ? root->name : NULL;
    return count + 1;
}

/* ---- as PEM ---- */

const char *fc_ca_chain_pem(const struct fc_ca *ca, struct fc_arena *arena, const struct fc_certificate *certificate,
                            int64_t now, size_t n)
{
    struct fc_ca_node *issuer = find_id(ca, certificate->issuer_id), *nodes[FC_CA_CHAIN_MAX];
    struct fc_buf text fc_auto_buf = {0};

    if (!issuer || n >= fc_ca_chain_count(ca, issuer, now))
        return NULL;
    fc_auto_free char *leaf = fc_cert_der_to_pem(certificate->der, certificate->der_len);
    fc_buf_init(&text, CHAIN_MAX);
    fc_buf_puts(&text, leaf);
    size_t count = fc_ca_chain_nodes(ca, issuer, now, n, nodes);
    for (size_t i = 0; i < count; i++) {
        if (!fc_ca_hierarchy_ready(nodes[i])) {
            fc_ca_use_want(ca, nodes[i], now);
            return NULL;
        }
        fc_buf_printf(&text, "\n%s", nodes[i]->pem);
    }
    return fc_arena_strndup(arena, text.data, text.len);
}

const char *fc_ca_roots_pem(const struct fc_ca *ca, struct fc_arena *arena)
{
    struct fc_buf text fc_auto_buf = {0};

    fc_buf_init(&text, CHAIN_MAX);
    for (size_t i = 0; i < ca->n_nodes; i++)
        if (fc_ca_hierarchy_ready(&ca->nodes[i]) && ca->nodes[i].root)
            fc_buf_puts(&text, ca->nodes[i].pem);
    return fc_arena_strndup(arena, text.data, text.len);
}

const unsigned char *fc_ca_cert_der(const struct fc_ca *ca, const char *name, size_t *ret_len)
{
    const struct fc_ca_node *node = fc_ca_hierarchy_find(ca, name);

    return node ? fc_cert_der(node->cert, ret_len) : NULL;
}
