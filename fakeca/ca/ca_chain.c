#include "ca/ca_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/base_buf.h"

#define CHAIN_MAX ((size_t)256 * 1024)

char *fc_ca_chain_text(const struct fc_ca_node *node)
{
    struct fc_buf text fc_auto_buf;

    fc_buf_init(&text, CHAIN_MAX);
    /* the limit also ends a circle of cross-signed certificates in a strange state folder */
    while (node && !node->root && fc_buf_printf(&text, "\n%s", node->pem) == 0)
        node = node->issuer;
    return fc_buf_detach(&text);
}

static const struct fc_ca_node *find_id(const struct fc_ca *ca, int64_t id)
{
    for (size_t i = 0; i < ca->n_nodes; i++)
        if (fc_ca_hierarchy_ready(&ca->nodes[i]) && ca->nodes[i].id == id)
            return &ca->nodes[i];
    return NULL;
}

size_t fc_ca_chains(const struct fc_ca *ca, int64_t issuer_id)
{
    /* one way up for each issuer: the policy has no cross-signed certificates */
    return find_id(ca, issuer_id) ? 1 : 0;
}

const char *fc_ca_chain_pem(const struct fc_ca *ca, struct fc_arena *arena, const struct fc_certificate *certificate,
                            size_t n)
{
    const struct fc_ca_node *issuer = find_id(ca, certificate->issuer_id);

    if (!issuer || n >= fc_ca_chains(ca, certificate->issuer_id))
        return NULL;
    fc_auto_free char *leaf = fc_cert_der_to_pem(certificate->der, certificate->der_len);
    return fc_arena_printf(arena, "%s%s", leaf, issuer->chain);
}

const char *fc_ca_roots_pem(const struct fc_ca *ca, struct fc_arena *arena)
{
    struct fc_buf text fc_auto_buf;

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
