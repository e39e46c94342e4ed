/* Which buckets each event touches (letsencrypt.md A.3, A.4). */
#include "limits/limits_int.h"

static bool idle(const struct fc_limits_call *call)
{
    return !fc_limits_enforced(call->limits, call->now);
}

/* ---- registrations ---- */

static void registration_batch(const struct fc_limits_call *call, const char *address, struct fc_limits_batch *batch)
{
    const char *range = fc_limits_key_range(call->arena, address);

    fc_limits_batch_init(batch, call->arena, 2);
    fc_limits_batch_add(
        batch, call,
        &(struct fc_limits_tx){FC_LIMIT_REGISTRATIONS_IP, fc_limits_key_address(call->arena, address), 1, true, true});
    if (range)
        fc_limits_batch_add(batch, call, &(struct fc_limits_tx){FC_LIMIT_REGISTRATIONS_RANGE, range, 1, true, true});
}

int fc_limits_registration(const struct fc_limits_call *call, const char *address, bool dry,
                           struct fc_limits_denial *ret_denial, struct fc_err *err)
{
    struct fc_limits_batch batch;

    if (idle(call))
        return 0;
    registration_batch(call, address, &batch);
    return fc_limits_batch_run(&batch, call, dry, ret_denial, err);
}

/* ---- orders ---- */

static void add_order(const struct fc_limits_call *call, struct fc_limits_batch *batch)
{
    const char *key = fc_limits_key_account(call->arena, FC_LIMIT_ORDERS, call->account_id);

    fc_limits_batch_add(batch, call, &(struct fc_limits_tx){FC_LIMIT_ORDERS, key, 1, true, true});
}

static void add_failures(const struct fc_limits_call *call, const struct fc_limits_order *order,
                         struct fc_limits_batch *batch)
{
    for (size_t i = 0; i < order->count; i++) {
        const char *key = fc_limits_key_pair(call->arena, FC_LIMIT_FAILURES, call->account_id, order->idents[i].value);
        fc_limits_batch_add(batch, call, &(struct fc_limits_tx){FC_LIMIT_FAILURES, key, 1, true, false});
    }
}

/* An account with an override for its own domains is asked for that one instead of everybody's. */
static void add_domains(const struct fc_limits_call *call, const struct fc_ident *idents, size_t count, bool spend,
                        struct fc_limits_batch *batch)
{
    const char **domains = fc_limits_key_domains(call->arena, idents, count);
    struct fc_limits_rule rule;

    for (; *domains; domains++) {
        const char *own = fc_limits_key_pair(call->arena, FC_LIMIT_DOMAIN_ACCOUNT, call->account_id, *domains);
        bool has_own = fc_limits_rule(call->limits, own, call->now, &rule, NULL);
        if (has_own)
            fc_limits_batch_add(batch, call, &(struct fc_limits_tx){FC_LIMIT_DOMAIN_ACCOUNT, own, 1, !spend, spend});
        if (!has_own || spend)
            fc_limits_batch_add(
                batch, call,
                &(struct fc_limits_tx){FC_LIMIT_DOMAIN, fc_limits_key_domain(call->arena, *domains), 1, !spend, spend});
    }
}

static void add_set(const struct fc_limits_call *call, const struct fc_ident *idents, size_t count, bool spend,
                    struct fc_limits_batch *batch)
{
    const char *key = fc_limits_key_set(call->arena, idents, count);

    fc_limits_batch_add(batch, call, &(struct fc_limits_tx){FC_LIMIT_SET, key, 1, !spend, spend});
}

static int is_renewal(const struct fc_limits_call *call, const struct fc_ident *idents, size_t count, bool *ret_renewal,
                      struct fc_err *err)
{
    int64_t window = fc_policy_at(fc_limits_policy(call->limits), call->now)->limits.renewal_window;
    int64_t not_before;

    if (call->storage->issued(call->storage->cookie, idents, count, &not_before, err))
        return -1;
    *ret_renewal = not_before != INT64_MIN && not_before > call->now - window;
    return 0;
}

/* What an order that is not exempt is asked for. */
static void order_batch(const struct fc_limits_call *call, const struct fc_limits_order *order,
                        struct fc_limits_batch *batch)
{
    fc_limits_batch_init(batch, call->arena, 2 * order->count + 2);
    if (!order->renewal)
        add_order(call, batch);
    add_failures(call, order, batch);
    if (!order->renewal)
        add_domains(call, order->idents, order->count, false, batch);
    add_set(call, order->idents, order->count, false, batch);
}

int fc_limits_order(const struct fc_limits_call *call, struct fc_limits_order *order,
                    struct fc_limits_denial *ret_denial, struct fc_err *err)
{
    struct fc_limits_batch batch;

    order->renewal = false;
    if (idle(call) || order->ari)
        return 0;
    if (is_renewal(call, order->idents, order->count, &order->renewal, err))
        return -1;
    order_batch(call, order, &batch);
    return fc_limits_batch_run(&batch, call, order->dry, ret_denial, err);
}

const char **fc_limits_order_keys(const struct fc_limits_call *call, const struct fc_limits_order *order)
{
    struct fc_limits_batch batch = {0};

    if (!idle(call) && !order->ari)
        order_batch(call, order, &batch);
    const char **keys = fc_arena_alloc(call->arena, (batch.count + 1) * sizeof *keys);
    for (size_t i = 0; i < batch.count; i++)
        keys[i] = batch.txs[i].key;
    return keys;
}

int fc_limits_spend_order(const struct fc_limits_call *call, const struct fc_limits_order *order, struct fc_err *err)
{
    struct fc_limits_batch batch;

    if (idle(call) || order->ari || order->renewal)
        return 0;
    fc_limits_batch_init(&batch, call->arena, 1);
    add_order(call, &batch);
    return fc_limits_batch_run(&batch, call, false, NULL, err) < 0 ? -1 : 0;
}

/* ---- giving back ---- */

static int refund(const struct fc_limits_call *call, const char *key, struct fc_err *err)
{
    const struct fc_limits_storage *storage = call->storage;
    struct fc_limits_bucket bucket;
    struct fc_limits_rule rule;
    bool found = false;

    if (!key || !fc_limits_rule(call->limits, key, call->now, &rule, NULL))
        return 0;
    if (storage->get(storage->cookie, key, &bucket, &found, err))
        return -1;
    if (!found)
        return 0;
    bucket.tat = fc_limits_gcra_refund(&rule, call->now, bucket.tat, 1);
    return storage->put(storage->cookie, key, &bucket, err);
}

int fc_limits_refund_order(const struct fc_limits_call *call, const struct fc_limits_order *order, struct fc_err *err)
{
    if (idle(call) || order->ari || order->renewal)
        return 0;
    return refund(call, fc_limits_key_account(call->arena, FC_LIMIT_ORDERS, call->account_id), err);
}

int fc_limits_refund_registration(const struct fc_limits_call *call, const char *address, struct fc_err *err)
{
    if (idle(call))
        return 0;
    if (refund(call, fc_limits_key_address(call->arena, address), err))
        return -1;
    return refund(call, fc_limits_key_range(call->arena, address), err);
}

/* ---- what happened ---- */

/* Two questions, not one batch: a full bucket of the one does not keep the other from counting. */
int fc_limits_failed(const struct fc_limits_call *call, const char *ident, bool *ret_pause, struct fc_err *err)
{
    const char *failures = fc_limits_key_pair(call->arena, FC_LIMIT_FAILURES, call->account_id, ident);
    const char *pausing = fc_limits_key_pair(call->arena, FC_LIMIT_PAUSING, call->account_id, ident);
    struct fc_limits_batch batch;

    *ret_pause = false;
    if (idle(call))
        return 0;
    fc_limits_batch_init(&batch, call->arena, 1);
    fc_limits_batch_add(&batch, call, &(struct fc_limits_tx){FC_LIMIT_FAILURES, failures, 1, false, true});
    if (fc_limits_batch_run(&batch, call, false, NULL, err) < 0)
        return -1;
    if (!fc_policy_at(fc_limits_policy(call->limits), call->now)->pausing.enabled)
        return 0;
    fc_limits_batch_init(&batch, call->arena, 1);
    fc_limits_batch_add(&batch, call, &(struct fc_limits_tx){FC_LIMIT_PAUSING, pausing, 1, true, true});
    int denied = fc_limits_batch_run(&batch, call, false, NULL, err);
    *ret_pause = denied == 1;
    return denied < 0 ? -1 : 0;
}

int fc_limits_validated(const struct fc_limits_call *call, const char *ident, struct fc_err *err)
{
    if (idle(call))
        return 0;
    return call->storage->drop(call->storage->cookie,
                               fc_limits_key_pair(call->arena, FC_LIMIT_PAUSING, call->account_id, ident), err);
}

int fc_limits_issued(const struct fc_limits_call *call, const struct fc_ident *idents, size_t count, struct fc_err *err)
{
    struct fc_limits_batch batch;
    bool renewal;

    if (idle(call))
        return 0;
    if (is_renewal(call, idents, count, &renewal, err))
        return -1;
    fc_limits_batch_init(&batch, call->arena, 2 * count + 1);
    if (!renewal)
        add_domains(call, idents, count, true, &batch);
    add_set(call, idents, count, true, &batch);
    return fc_limits_batch_run(&batch, call, false, NULL, err);
}
