#include "ca/ca_int.h"

#include "base/base_time.h"

#include "store/store_cert.h"

int fc_ca_crl_shards(const struct fc_ca *ca, const struct fc_ca_node *node)
{
    if ((!node->rule && node->root) || node->of) /* a cross-signed one's issuer has it */
        return 0;
    /* an earlier policy's intermediate has issued leaves, as far as anybody knows */
    bool leaves = node->rule ? node->rule->issues_leaves : true;
    return leaves ? (int)ca->policy->issuance.crl_shards : 1;
}

/* The number and the entries, in one short transaction. */
static int read_state(struct fc_ca *ca, struct fc_arena *arena, int64_t issuer_id, int shard, struct fc_cert_crl *crl,
                      struct fc_err *err)
{
    struct fc_store_tx tx fc_auto_tx = {0};
    struct fc_certificate *revoked;
    size_t n;

    if (fc_store_begin(ca->store, FC_STORE_WRITE, &tx, err) ||
        fc_store_cert_revoked(ca->store, arena, issuer_id, shard,
                              crl->this_update -
                                  fc_policy_at(ca->policy, crl->this_update)->issuance.crl_keep_after_expiry,
                              &revoked, &n, err) ||
        fc_store_crl_number(ca->store, issuer_id, shard, (uint64_t)crl->this_update, &crl->number, err) ||
        fc_store_commit(&tx, err))
        return -1;
    struct fc_cert_revoked *entries = fc_arena_alloc(arena, (n + 1) * sizeof *entries);
    for (size_t i = 0; i < n; i++)
        entries[i] = (struct fc_cert_revoked){
            .serial = revoked[i].serial, .revoked_at = revoked[i].revoked_at, .reason = revoked[i].reason};
    crl->revoked = entries;
    crl->n_revoked = n;
    return 0;
}

int fc_ca_crl(struct fc_ca *ca, const char *name, int shard, int64_t now, unsigned char **ret_der, size_t *ret_len,
              struct fc_err *err)
{
    fc_auto(fc_arena_free) struct fc_arena *arena = fc_arena_new();
    const struct fc_ca_node *node = fc_ca_hierarchy_find(ca, name);
    int shards = node ? fc_ca_crl_shards(ca, node) : 0;

    if (shard < 1 || shard > shards || !node->key)
        return fc_err_set(err, FC_E_NOT_FOUND, "no CRL '%s/%d.crl'", name, shard);
    struct fc_cert_crl crl = {
        .issuer = node->cert,
        .key = node->key,
        .this_update = now,
        /* the last second is inclusive, as with certificates (Boulder, issuance/crl.go) */
        .next_update = now + fc_policy_at(ca->policy, now)->issuance.crl_validity - FC_SECOND,
        /* "only user certificates" would be wrong for a CA that issues no leaves */
        .url = node->rule && !node->rule->issues_leaves
                   ? NULL
                   : fc_arena_printf(arena, "%s/%s/%d.crl", ca->url, node->name, shard),
    };
    if (read_state(ca, arena, node->id, shard, &crl, err))
        return -1;
    return fc_cert_make_crl(&crl, ret_der, ret_len, err);
}
