#include "ca/ca_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/base_text.h"

#include "store/store_cert.h"

/* The rows of one environment. */
struct rows {
    struct fc_issuer *at;
    size_t count;
    size_t prefix; /* length of "ENV/" */
};

bool fc_ca_hierarchy_ready(const struct fc_ca_node *node)
{
    return atomic_load_explicit(&node->ready, memory_order_acquire);
}

struct fc_ca_node *fc_ca_hierarchy_node(const struct fc_ca *ca, const char *name)
{
    for (size_t i = 0; i < ca->n_nodes; i++)
        if (strcmp(ca->nodes[i].name, name) == 0)
            return &ca->nodes[i];
    return NULL;
}

const struct fc_ca_node *fc_ca_hierarchy_find(const struct fc_ca *ca, const char *name)
{
    const struct fc_ca_node *node = fc_ca_hierarchy_node(ca, name);

    return node && fc_ca_hierarchy_ready(node) ? node : NULL;
}

bool fc_ca_hierarchy_issues_leaves(const struct fc_ca_node *node)
{
    return node->rule && node->rule->issues_leaves;
}

bool fc_ca_hierarchy_is_rsa(const struct fc_policy_ca *rule)
{
    return fc_text_starts(rule->key, "RSA-");
}

void fc_ca_hierarchy_publish(struct fc_ca *ca, struct fc_ca_node *node)
{
    pthread_mutex_lock(&ca->gate->lock);
    atomic_store_explicit(&node->ready, true, memory_order_release);
    ca->gate->missing -= atomic_load(&node->wanted);
    pthread_cond_broadcast(&ca->gate->changed);
    pthread_mutex_unlock(&ca->gate->lock);
}

/* ---- listing ---- */

/* As fc_cert_subject will write it. */
static char *subject(const struct fc_policy_ca *rule)
{
    const char *c = rule->country, *o = rule->organization;

    return fc_asprintf("%s%s%s%s%s%sCN=%s", c ? "C=" : "", c ? c : "", c ? ", " : "", o ? "O=" : "", o ? o : "",
                       o ? ", " : "", rule->common_name);
}

static struct fc_ca_node *add_node(struct fc_ca *ca, const char *name, const struct fc_policy_ca *rule)
{
    struct fc_ca_node *node = &ca->nodes[ca->n_nodes++];

    node->name = fc_strdup(name);
    node->rule = rule;
    if (rule)
        node->planned_subject = subject(rule);
    return node;
}

/* The node that issues the certificates which the policy's `name` issues: the own root stands for every root. */
static struct fc_ca_node *issuing_node(const struct fc_ca *ca, const char *name)
{
    struct fc_ca_node *node = name ? fc_ca_hierarchy_node(ca, name) : NULL;

    return node || !name ? node : &ca->nodes[0];
}

static bool beside_own(const struct fc_ca *ca, const struct fc_policy_ca *rule)
{
    const struct fc_ca_node *own = &ca->nodes[0];

    return rule->not_before <= own->not_after && rule->not_after >= own->not_before;
}

static int check_own(const struct fc_ca *ca, struct fc_err *err)
{
    const char *first = "";

    for (size_t i = ca->n_nodes; i > 0; i--)
        if (fc_ca_hierarchy_issues_leaves(&ca->nodes[i - 1]))
            return 0;
    for (size_t i = ca->policy->n_cas; i > 0; i--)
        if (ca->policy->cas[i - 1].issues_leaves)
            first = ca->policy->cas[i - 1].name;
    return fc_err_set(err, FC_E_USAGE,
                      "option '--root-cert': at no time it is valid together with '%s' of the policy '%s'", first,
                      ca->policy->name);
}

/* One of the dated policies: what an earlier one has is listed already. */
static int list_cas(struct fc_ca *ca, const struct fc_policy *policy, struct fc_err *err)
{
    for (size_t i = 0; i < policy->n_cas; i++) {
        const struct fc_policy_ca *rule = &policy->cas[i];
        if (ca->own_root && strcmp(rule->name, FC_CA_OWN_ROOT) == 0)
            return fc_err_set(err, FC_E_USAGE,
                              "the policy '%s' has a certificate named '%s', which is the name of --root-cert here",
                              ca->policy->name, rule->name);
        if (fc_ca_hierarchy_node(ca, rule->name))
            continue;
        if (ca->own_root && (!rule->issuer || rule->key_of || !beside_own(ca, rule)))
            continue;
        struct fc_ca_node *node = add_node(ca, rule->name, rule);
        node->issuer = issuing_node(ca, rule->issuer);
        node->of = rule->key_of ? fc_ca_hierarchy_node(ca, rule->key_of) : NULL;
        node->root = !rule->issuer;
    }
    return 0;
}

static int list_policy(struct fc_ca *ca, struct fc_err *err)
{
    size_t count;
    const struct fc_policy_change *changes = fc_policy_changes(ca->policy, &count);

    /* the one in force comes first: it is what people look at */
    if (list_cas(ca, ca->policy, err) || list_cas(ca, fc_policy_at(ca->policy, INT64_MIN), err))
        return -1;
    for (size_t i = 0; i < count; i++)
        if (changes[i].paths[0] && list_cas(ca, fc_policy_at(ca->policy, changes[i].on), err))
            return -1;
    return ca->own_root ? check_own(ca, err) : 0;
}

/* At least as many as there are different ones. */
static size_t count_policy(const struct fc_ca *ca)
{
    const struct fc_policy *before = fc_policy_at(ca->policy, INT64_MIN);
    size_t count, n = ca->policy->n_cas + before->n_cas;
    const struct fc_policy_change *changes = fc_policy_changes(ca->policy, &count);

    for (size_t i = 0; i < count; i++) {
        const struct fc_policy *policy = fc_policy_at(ca->policy, changes[i].on);
        for (size_t j = 0; j < policy->n_cas && policy != before; j++)
            n += !fc_policy_ca(before, policy->cas[j].name);
        before = policy;
    }
    return n;
}

static const struct fc_issuer *find_row(const struct rows *rows, const char *name)
{
    for (size_t i = 0; i < rows->count; i++)
        if (strcmp(rows->at[i].name + rows->prefix, name) == 0)
            return &rows->at[i];
    return NULL;
}

/* ---- loading ---- */

static int read_rows(struct fc_ca *ca, struct fc_arena *arena, struct rows *ret_rows, struct fc_err *err)
{
    struct fc_store_tx tx fc_auto_tx = {0};
    const char *prefix = fc_arena_printf(arena, "%s/", ca->policy->name);
    struct fc_issuer *all;
    size_t n;

    if (fc_store_begin(ca->store, FC_STORE_READ, &tx, err) || fc_store_issuer_list(ca->store, arena, &all, &n, err) ||
        fc_store_commit(&tx, err))
        return -1;
    *ret_rows = (struct rows){.at = all, .prefix = strlen(prefix)};
    for (size_t i = 0; i < n; i++)
        if (fc_text_starts(all[i].name, prefix))
            all[ret_rows->count++] = all[i];
    return 0;
}

/* Where an authority information access leads to: what a client is given with the leaf too. */
static const char *served_name(const struct fc_ca *ca, const struct fc_ca_node *node)
{
    const struct fc_policy_ca *rule = node->rule;

    return !ca->own_root && rule->n_chains > 0 ? rule->chains[0].names[0] : node->name;
}

int fc_ca_hierarchy_fill(const struct fc_ca *ca, struct fc_ca_node *node, struct fc_err *err)
{
    fc_auto(fc_key_free) struct fc_key *key = NULL;

    if (fc_cert_key(node->cert, &key, err))
        return -1;
    fc_ca_make_key_name(key, node->key_name, sizeof node->key_name);
    node->subject = fc_cert_subject(node->cert);
    node->pem = fc_cert_pem(node->cert);
    node->not_before = fc_cert_not_before(node->cert);
    node->not_after = fc_cert_not_after(node->cert);
    if (!fc_ca_hierarchy_issues_leaves(node))
        return 0;
    fc_auto_free char *aia = fc_asprintf("%s/%s.der", ca->url, served_name(ca, node));
    const struct fc_cert_issuer_params leaves = {.cert = node->cert,
                                                 .key = node->key,
                                                 .aia_url = aia,
                                                 .ocsp_url = ca->policy->lenient.ocsp_url,
                                                 .policy_oid = ca->policy->issuance.policy_oid};
    return fc_cert_issuer_new(&leaves, &node->leaves, err);
}

static int load_row(const struct fc_ca *ca, struct fc_ca_node *node, const struct fc_issuer *row, struct fc_err *err)
{
    if (fc_ca_stored_read(row, &node->key, &node->cert, err))
        return -1;
    if (node->rule && !node->of && !node->key)
        return fc_err_set(err, FC_E_DAMAGED, "the stored CA certificate '%s' is damaged: its key is missing",
                          row->name);
    node->id = row->id;
    return fc_ca_hierarchy_fill(ca, node, err);
}

/* A stored certificate must hang where the policy wants it, or its chains lead nowhere. */
static int check_place(const struct fc_ca *ca, struct fc_ca_node *node, struct fc_err *err)
{
    const struct fc_ca_node *issuer = node->issuer ? node->issuer : node;
    fc_auto(fc_key_free) struct fc_key *key = NULL;

    if (node->of && (fc_cert_key(node->cert, &key, NULL) || !node->of->key || !fc_key_equal(key, node->of->key)))
        return fc_err_set(err, FC_E_DAMAGED,
                          "the stored CA certificate '%s/%s' has not the key of '%s' as the policy says: another "
                          "hierarchy needs another state folder",
                          ca->policy->name, node->name, node->of->name);
    if (issuer->cert && fc_cert_issued_by(node->cert, issuer->cert))
        return 0;
    return fc_err_set(err, FC_E_DAMAGED,
                      "the stored CA certificate '%s/%s' was not issued by '%s' as the policy says: another hierarchy "
                      "needs another state folder",
                      ca->policy->name, node->name, issuer->name);
}

static int load_policy(struct fc_ca *ca, const struct rows *rows, struct fc_err *err)
{
    for (size_t i = 0; i < ca->n_nodes; i++) {
        struct fc_ca_node *node = &ca->nodes[i];
        const struct fc_issuer *row = node->rule ? find_row(rows, node->name) : NULL;
        if (row) {
            if (load_row(ca, node, row, err) || check_place(ca, node, err))
                return -1;
        } else if (node->issuer && node->issuer->cert && !node->issuer->key) {
            return fc_err_set(err, FC_E_USAGE,
                              "'%s/%s' is still to be made and the state folder has a root of your own: give "
                              "--root-cert and --root-key again",
                              ca->policy->name, node->name);
        }
    }
    return 0;
}

static void find_place(struct fc_ca *ca, struct fc_ca_node *node)
{
    node->root = fc_cert_issued_by(node->cert, node->cert);
    for (size_t i = 0; i < ca->n_nodes && !node->root && !node->issuer; i++)
        if (ca->nodes[i].cert && fc_cert_issued_by(node->cert, ca->nodes[i].cert))
            node->issuer = &ca->nodes[i];
}

/* Certificates of CAs that an earlier policy had: they issue no more, but what they issued keeps its chain and its CRL. */
static int load_earlier(struct fc_ca *ca, const struct rows *rows, struct fc_err *err)
{
    size_t first = ca->n_nodes;

    for (size_t i = 0; i < rows->count; i++) {
        const char *name = rows->at[i].name + rows->prefix;
        if (!fc_ca_hierarchy_node(ca, name) && load_row(ca, add_node(ca, name, NULL), &rows->at[i], err))
            return -1;
    }
    for (size_t i = first; i < ca->n_nodes; i++)
        find_place(ca, &ca->nodes[i]);
    return 0;
}

/* The own root's key stays where its owner keeps it: only the certificate is stored. */
static int load_own(struct fc_ca *ca, const struct fc_ca_params *params, const struct rows *rows, struct fc_err *err)
{
    const struct fc_issuer *row = find_row(rows, FC_CA_OWN_ROOT);
    struct fc_ca_node *node = &ca->nodes[0];
    size_t len;

    node->root = true;
    if (!params->root_cert_pem)
        return load_row(ca, node, row, err);
    if (fc_ca_own_read(params->root_cert_pem, params->root_key_pem, &node->key, &node->cert, err))
        return -1;
    const unsigned char *der = fc_cert_der(node->cert, &len);
    if (row && (row->cert_len != len || memcmp(row->cert_der, der, len) != 0))
        return fc_err_set(
            err, FC_E_USAGE,
            "option '--root-cert': it is not the root that the state folder was made with: take that one, "
            "or another state folder");
    if (!row && rows->count > 0)
        return fc_err_set(
            err, FC_E_USAGE,
            "option '--root-cert': the state folder was made with roots of fakeca's own: leave the option "
            "out, or take another state folder");
    node->id = row ? row->id : 0;
    return fc_ca_hierarchy_fill(ca, node, err);
}

int fc_ca_hierarchy_load(struct fc_ca *ca, const struct fc_ca_params *params, struct fc_err *err)
{
    fc_auto(fc_arena_free) struct fc_arena *arena = fc_arena_new();
    struct rows rows;

    if (read_rows(ca, arena, &rows, err))
        return -1;
    ca->own_root = params->root_cert_pem || find_row(&rows, FC_CA_OWN_ROOT);
    ca->nodes = fc_calloc(1 + count_policy(ca) + rows.count, sizeof *ca->nodes);
    if (ca->own_root) {
        (void)add_node(ca, FC_CA_OWN_ROOT, NULL);
        if (load_own(ca, params, &rows, err))
            return -1;
    }
    if (list_policy(ca, err) || load_policy(ca, &rows, err) || load_earlier(ca, &rows, err))
        return -1;
    for (size_t i = 0; i < ca->n_nodes; i++)
        if (ca->nodes[i].id != 0)
            fc_ca_hierarchy_publish(ca, &ca->nodes[i]);
    return 0;
}

void fc_ca_hierarchy_release(struct fc_ca *ca)
{
    for (size_t i = 0; i < ca->n_nodes; i++) {
        struct fc_ca_node *node = &ca->nodes[i];
        fc_cert_issuer_free(node->leaves);
        fc_key_free(node->key);
        fc_cert_free(node->cert);
        free(node->name);
        free(node->planned_subject);
        free(node->subject);
        free(node->pem);
    }
    free(ca->nodes);
}
