#include "ca/ca_int.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_rand.h"
#include "base/base_text.h"
#include "base/base_time.h"

#include "pki/pki_csr.h"

#define CN_MAX_BYTES 64
#define SERIAL_MAX_BYTES 20 /* RFC 5280 section 4.1.2.2 */

/* What a leaf will be, before it is signed. */
struct plan {
    int64_t now;
    const struct fc_policy *policy; /* of now */
    const struct fc_profile_version *profile;
    bool rsa;
    int64_t not_before, not_after;
    unsigned char serial[SERIAL_MAX_BYTES];
    size_t serial_len;
    int shard;
};

/* ---- who issues ---- */

/* The leaf begins before it is made (letsencrypt.md E.1), and nobody can use it earlier: its issuer need not be as old. */
static int64_t usable_from(const struct plan *plan)
{
    return plan->not_before > plan->now ? plan->not_before : plan->now;
}

/* Dates of the certificate when it is there: an own root may have shortened them. */
static bool covers(const struct fc_ca_node *node, const struct plan *plan)
{
    if (!node)
        return false;
    bool ready = fc_ca_hierarchy_ready(node);
    int64_t from = ready ? node->not_before : node->rule->not_before;
    int64_t to = ready ? node->not_after : node->rule->not_after;

    return from <= usable_from(plan) && plan->not_after <= to;
}

static int no_issuer(const struct fc_ca *ca, const struct plan *plan, struct fc_err *err)
{
    char from[FC_TIME_TEXT_MAX];
    char to[FC_TIME_TEXT_MAX];

    return fc_err_set(err, FC_E_RANGE, "no issuer of '%s' is valid from %s to %s, as this certificate would be",
                      ca->policy->name, fc_time_rfc3339(usable_from(plan), from), fc_time_rfc3339(plan->not_after, to));
}

static int not_ready(const struct fc_ca *ca, struct fc_err *err)
{
    struct fc_err failed;

    pthread_mutex_lock(&ca->gate->lock);
    failed = ca->gate->failed;
    pthread_mutex_unlock(&ca->gate->lock);
    if (failed.code != FC_OK)
        return fc_err_set(err, failed.code, "the issuer could not be made: %s", failed.text);
    return fc_err_set(err, FC_E_AGAIN, "the issuer for this type of key is still being made");
}

/* Issuers change with time: the profile's version may name them. */
static bool is_named(const struct fc_policy_ca *rule, const struct fc_profile_version *profile)
{
    const char **name = profile->issuers;

    while (*name && strcmp(*name, rule->name) != 0)
        name++;
    return *name || !*profile->issuers;
}

static bool has_family(const struct fc_policy *policy, bool rsa)
{
    for (size_t i = 0; i < policy->n_cas; i++)
        if (policy->cas[i].issues_leaves && fc_ca_hierarchy_is_rsa(&policy->cas[i]) == rsa)
            return true;
    return false;
}

/* Those of the policy's issuers that may sign this leaf, in its order. */
static size_t list_candidates(const struct fc_ca *ca, const struct plan *plan, bool backups,
                              struct fc_ca_node **ret_nodes)
{
    /* An RSA key is certified by an RSA issuer, an ECDSA key by an ECDSA one (letsencrypt.md E.1). A policy without issuers of
     * the key's family takes the others: every key gets its certificate. */
    bool family = has_family(plan->policy, plan->rsa);
    size_t count = 0;

    for (size_t i = 0; i < plan->policy->n_cas; i++) {
        const struct fc_policy_ca *rule = &plan->policy->cas[i];
        if (!rule->issues_leaves || (rule->backup && !backups) || !is_named(rule, plan->profile) ||
            (family && fc_ca_hierarchy_is_rsa(rule) != plan->rsa))
            continue;
        struct fc_ca_node *node = fc_ca_hierarchy_node(ca, rule->name);
        if (covers(node, plan))
            ret_nodes[count++] = node;
    }
    return count;
}

void fc_ca_rotate(struct fc_ca *ca)
{
    atomic_fetch_add(&ca->rotation, 1);
}

/* Any of those that can issue, drawn at random. */
static struct fc_ca_node *draw(const struct fc_ca *ca, struct fc_ca_node *const *nodes, size_t count, int64_t now)
{
    struct fc_ca_node *chosen = NULL;
    size_t k = 0;

    for (size_t i = 0; i < count; i++)
        if (fc_ca_use_complete(ca, nodes[i], now) && (++k == 1 || fc_rand_below(k) == 0))
            chosen = nodes[i];
    return chosen;
}

/* Draws one of the candidates; after a rotation it is one after the other's turn. */
static int choose_issuer(const struct fc_ca *ca, const struct plan *plan, struct fc_arena *arena,
                         const struct fc_ca_node **ret_node, struct fc_err *err)
{
    struct fc_ca_node **nodes = fc_arena_alloc(arena, (plan->policy->n_cas + 1) * sizeof(struct fc_ca_node *));
    size_t rotation = (size_t)atomic_load(&ca->rotation);
    size_t count = list_candidates(ca, plan, rotation > 0, nodes);

    if (count == 0)
        return no_issuer(ca, plan, err);
    if (rotation > 0) {
        nodes[0] = nodes[rotation % count];
        count = 1;
    }
    *ret_node = draw(ca, nodes, count, plan->now);
    if (*ret_node)
        return 0;
    for (size_t i = 0; i < count; i++)
        fc_ca_use_want(ca, nodes[i], plan->now);
    return not_ready(ca, err);
}

/* ---- what it says ---- */

static int make_plan(const struct fc_ca *ca, const struct fc_ca_order *order, struct plan *ret_plan, struct fc_err *err)
{
    const struct fc_policy *policy = fc_policy_at(ca->policy, order->now);
    const struct fc_profile *profile = fc_policy_profile(policy, order->profile);
    const int64_t backdate = policy->issuance.max_backdate / 10 * 9;
    struct plan plan = {.now = order->now, .policy = policy};
    int64_t rest = 0;

    if (!profile)
        return fc_err_set(err, FC_E_NOT_FOUND, "the policy '%s' has no profile '%s'", ca->policy->name,
                          order->profile ? order->profile : "");
    plan.profile = fc_profile_at(profile, order->now);
    plan.rsa = fc_key_type(fc_csr_key(order->csr)) == FC_KEY_RSA;
    plan.not_before = order->not_before ? order->not_before : order->now - backdate;
    plan.not_before -= plan.not_before % FC_SECOND;
    plan.not_after = order->not_after ? order->not_after : plan.not_before + plan.profile->validity - FC_SECOND;
    if (plan.not_after <= plan.not_before)
        return fc_err_set(err, FC_E_RANGE, "the certificate would end before it begins");

    plan.serial_len = 1 + (size_t)policy->issuance.serial_random_bytes;
    if (plan.serial_len > sizeof plan.serial)
        return fc_err_set(err, FC_E_LIMIT, "serial numbers of %zu bytes; at most %d are permitted", plan.serial_len,
                          SERIAL_MAX_BYTES);
    plan.serial[0] = (unsigned char)policy->issuance.serial_prefix;
    fc_rand_bytes(plan.serial + 1, plan.serial_len - 1);
    for (size_t i = 0; i < plan.serial_len; i++)
        rest = (rest * 256 + plan.serial[i]) %
               ca->policy->issuance.crl_shards; /* the number that is served at all times */
    plan.shard = (int)rest + 1;
    *ret_plan = plan;
    return 0;
}

/* The CN of E.1: the CSR's own if it is short enough, else none; without one the first of its names that is. The check of the CSR
 * has refused an IP address there. */
static const char *common_name(const struct plan *plan, const struct fc_csr *csr)
{
    const char *cn = fc_csr_cn(csr);

    if (!plan->profile->common_name)
        return NULL;
    if (cn && cn[0])
        return strlen(cn) <= CN_MAX_BYTES ? cn : NULL;
    for (const char *const *name = fc_csr_dns(csr); name && *name; name++)
        if (strlen(*name) <= CN_MAX_BYTES)
            return *name;
    return NULL;
}

/* The values of one type, NULL-terminated. */
static const char *const *values(struct fc_arena *arena, const struct fc_ca_order *order, enum fc_ident_type type)
{
    const char **list = fc_arena_alloc(arena, (order->n_idents + 1) * sizeof *list);
    size_t n = 0;

    for (size_t i = 0; i < order->n_idents; i++)
        if (order->idents[i].type == type)
            list[n++] = order->idents[i].value;
    return list;
}

static struct fc_ident *copy_idents(struct fc_arena *arena, const struct fc_ca_order *order)
{
    struct fc_ident *idents = fc_arena_alloc(arena, (order->n_idents + 1) * sizeof *idents);

    for (size_t i = 0; i < order->n_idents; i++)
        idents[i] = (struct fc_ident){order->idents[i].type, fc_arena_strdup(arena, order->idents[i].value)};
    return idents;
}

static int sign(const struct fc_ca *ca, const struct fc_ca_order *order, const struct plan *plan,
                const struct fc_ca_node *issuer, struct fc_arena *arena, struct fc_certificate *certificate,
                struct fc_err *err)
{
    const struct fc_cert_leaf leaf = {
        .csr = order->csr,
        .serial = plan->serial,
        .serial_len = plan->serial_len,
        .not_before = plan->not_before,
        .not_after = plan->not_after,
        .cn = common_name(plan, order->csr),
        .dns = values(arena, order, FC_IDENT_DNS),
        .ips = values(arena, order, FC_IDENT_IP),
        .key_encipherment = plan->profile->key_encipherment && plan->rsa,
        .client_auth = plan->profile->client_auth,
        .ski = plan->profile->subject_key_identifier,
        .crl_url = fc_arena_printf(arena, "%s/%s/%d.crl", ca->url, issuer->name, plan->shard),
    };
    unsigned char *der;

    if (fc_cert_make_leaf(issuer->leaves, &leaf, &der, &certificate->der_len, err))
        return -1;
    fc_arena_defer(arena, free, der);
    certificate->der = der;
    return 0;
}

int fc_ca_issue(struct fc_ca *ca, const struct fc_ca_order *order, struct fc_arena *arena,
                struct fc_certificate *ret_certificate, struct fc_err *err)
{
    const struct fc_ca_node *issuer = NULL;
    struct fc_certificate certificate = {0};
    struct plan plan;

    if (make_plan(ca, order, &plan, err) || choose_issuer(ca, &plan, arena, &issuer, err) ||
        sign(ca, order, &plan, issuer, arena, &certificate, err))
        return -1;
    char *serial = fc_arena_alloc(arena, 2 * plan.serial_len + 1);
    unsigned char *spki = fc_arena_alloc(arena, 32);
    fc_text_hex(plan.serial, plan.serial_len, serial);
    fc_key_spki_hash(fc_csr_key(order->csr), spki);
    certificate.serial = serial;
    certificate.env = fc_arena_strdup(arena, ca->policy->name);
    certificate.account_id = order->account_id;
    certificate.order_id = order->order_id;
    certificate.issuer_id = issuer->id;
    certificate.profile = fc_arena_strdup(arena, order->profile);
    certificate.idents = copy_idents(arena, order);
    certificate.n_idents = order->n_idents;
    certificate.issued_at = order->now;
    certificate.not_before = plan.not_before;
    certificate.not_after = plan.not_after;
    certificate.spki = spki;
    certificate.shard = plan.shard;
    *ret_certificate = certificate;
    return 0;
}
