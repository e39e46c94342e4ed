/* Looking at buckets, and filling them. */
#include "limits/limits_int.h"

#include <inttypes.h>

bool fc_limits_view(const struct fc_limits *limits, const char *key, const struct fc_limits_bucket *bucket, int64_t now,
                    struct fc_limits_view *ret_view)
{
    struct fc_limits_view view = {.limit = fc_limits_key_limit(key)};
    struct fc_limits_decision decision;

    if (!fc_limits_rule(limits, key, now, &view.rule, &view.override))
        return false;
    /* what one more would answer, and what is left without it */
    fc_limits_gcra_spend(&view.rule, now, bucket->tat, 1, &decision);
    view.ahead = decision.ahead;
    view.remaining = decision.allowed ? decision.remaining + 1 : decision.remaining;
    view.used = view.rule.burst - view.remaining;
    view.free_at = decision.allowed ? now : now + decision.retry_in;
    view.full_at = bucket->tat > now && !view.ahead ? bucket->tat : now;
    *ret_view = view;
    return true;
}

/* What a limit is kept for. */
enum need { NEED_NOTHING, NEED_ADDRESS, NEED_ACCOUNT, NEED_PAIR, NEED_NAME, NEED_NAMES };
static const enum need needs[FC_LIMIT__MAX] = {
    [FC_LIMIT_REGISTRATIONS_IP] = NEED_ADDRESS,
    [FC_LIMIT_REGISTRATIONS_RANGE] = NEED_ADDRESS,
    [FC_LIMIT_ORDERS] = NEED_ACCOUNT,
    [FC_LIMIT_FAILURES] = NEED_PAIR,
    [FC_LIMIT_DOMAIN] = NEED_NAME,
    [FC_LIMIT_DOMAIN_ACCOUNT] = NEED_PAIR,
    [FC_LIMIT_SET] = NEED_NAMES,
    [FC_LIMIT_PAUSING] = NEED_PAIR,
};

static int check_needs(enum fc_limit limit, const struct fc_limits_about *about, struct fc_err *err)
{
    enum need need = needs[limit];
    const char *missing = NULL;

    if (need == NEED_ADDRESS && !about->address)
        missing = "address";
    else if ((need == NEED_ACCOUNT || need == NEED_PAIR) && !about->account_id)
        missing = "account";
    else if (need >= NEED_PAIR && !about->count)
        missing = "names";
    if (missing)
        return fc_err_set(err, FC_E_USAGE, "'%s' needs '%s'", fc_policy_limit_name(limit), missing);
    if ((need == NEED_PAIR || need == NEED_NAME) && about->count > 1)
        return fc_err_set(err, FC_E_USAGE, "'%s' is kept for one name: give one in 'names'",
                          fc_policy_limit_name(limit));
    return 0;
}

const char *fc_limits_key(struct fc_arena *arena, enum fc_limit limit, const struct fc_limits_about *about,
                          struct fc_err *err)
{
    if (check_needs(limit, about, err))
        return NULL;
    switch (limit) {
    case FC_LIMIT_REGISTRATIONS_IP:
        return fc_limits_key_address(arena, about->address);
    case FC_LIMIT_REGISTRATIONS_RANGE: {
        const char *key = fc_limits_key_range(arena, about->address);
        if (!key)
            fc_err_set(err, FC_E_USAGE, "'%.64s' is no IPv6 address", about->address);
        return key;
    }
    case FC_LIMIT_ORDERS:
        return fc_limits_key_account(arena, limit, about->account_id);
    case FC_LIMIT_FAILURES:
    case FC_LIMIT_PAUSING:
        return fc_limits_key_pair(arena, limit, about->account_id, about->idents[0].value);
    case FC_LIMIT_DOMAIN_ACCOUNT:
        return fc_limits_key_pair(arena, limit, about->account_id, fc_ident_registered_domain(arena, about->idents));
    case FC_LIMIT_DOMAIN:
        return fc_limits_key_domain(arena, fc_ident_registered_domain(arena, about->idents));
    case FC_LIMIT_SET:
        return fc_limits_key_set(arena, about->idents, about->count);
    case FC_LIMIT_NONE:
    case FC_LIMIT__MAX:
        break;
    }
    return NULL;
}

int fc_limits_fill(const struct fc_limits_call *call, const char *key, int64_t leave, struct fc_err *err)
{
    struct fc_limits_bucket bucket = {
        .spent_at = call->now, .account_id = call->account_id, .order_id = call->order_id};
    struct fc_limits_rule rule;

    if (!fc_limits_rule(call->limits, key, call->now, &rule, NULL))
        return fc_err_set(err, FC_E_NOT_FOUND, "there is no such limit here: '%.200s' is not configured", key);
    if (leave < 0 || leave > rule.burst)
        return fc_err_set(err, FC_E_RANGE, "%" PRId64 " is not between 0 and %" PRId64 ", what this limit allows",
                          leave, rule.burst);
    bucket.tat = call->now + rule.span - leave * rule.interval;
    return call->storage->put(call->storage->cookie, key, &bucket, err);
}
