/* Several buckets asked at once: one answer, and all of them are written or none. */
#include "limits/limits_int.h"

#include <string.h>

#include "base/base_assert.h"

void fc_limits_batch_init(struct fc_limits_batch *batch, struct fc_arena *arena, size_t room)
{
    *batch = (struct fc_limits_batch){.txs = fc_arena_alloc(arena, room * sizeof *batch->txs), .room = room};
}

void fc_limits_batch_add(struct fc_limits_batch *batch, const struct fc_limits_call *call,
                         const struct fc_limits_tx *tx)
{
    struct fc_limits_rule rule;

    if (!fc_limits_rule(call->limits, tx->key, call->now, &rule, NULL))
        return;
    FC_ASSERT(batch->count < batch->room);
    batch->txs[batch->count++] = *tx;
}

static int evaluate(const struct fc_limits_tx *tx, const struct fc_limits_call *call,
                    struct fc_limits_denial *ret_outcome, struct fc_err *err)
{
    struct fc_limits_bucket bucket = {0};
    bool found = false;

    if (call->storage->get(call->storage->cookie, tx->key, &bucket, &found, err))
        return -1;
    *ret_outcome = (struct fc_limits_denial){.limit = tx->limit, .key = tx->key};
    (void)fc_limits_rule(call->limits, tx->key, call->now, &ret_outcome->rule, NULL);
    fc_limits_gcra_spend(&ret_outcome->rule, call->now, found ? bucket.tat : FC_LIMITS_NO_TAT, tx->cost,
                         &ret_outcome->decision);
    return 0;
}

static int write_all(const struct fc_limits_batch *batch, const struct fc_limits_call *call,
                     const struct fc_limits_denial *outcomes, struct fc_err *err)
{
    for (size_t i = 0; i < batch->count; i++) {
        const struct fc_limits_bucket bucket = {.tat = outcomes[i].decision.tat,
                                                .spent_at = call->now,
                                                .account_id = call->account_id,
                                                .order_id = call->order_id};
        /* what is only spent is left alone where there is no room */
        if (batch->txs[i].spend && outcomes[i].decision.allowed &&
            call->storage->put(call->storage->cookie, batch->txs[i].key, &bucket, err))
            return -1;
    }
    return 0;
}

int fc_limits_batch_run(const struct fc_limits_batch *batch, const struct fc_limits_call *call, bool dry,
                        struct fc_limits_denial *ret_denial, struct fc_err *err)
{
    struct fc_limits_denial *outcomes = fc_arena_alloc(call->arena, (batch->count + 1) * sizeof *outcomes);
    const struct fc_limits_denial *strictest = NULL;

    for (size_t i = 0; i < batch->count; i++) {
        if (evaluate(&batch->txs[i], call, &outcomes[i], err))
            return -1;
        if (batch->txs[i].check && (!strictest || fc_limits_gcra_stricter(&outcomes[i].decision, &strictest->decision)))
            strictest = &outcomes[i];
    }
    if (strictest && !strictest->decision.allowed) {
        if (ret_denial) {
            *ret_denial = *strictest;
            fc_limits_text_denial(call, ret_denial);
        }
        return 1;
    }
    return dry ? 0 : write_all(batch, call, outcomes, err);
}
