#include "limits/limits_gcra.h"

struct fc_limits_rule fc_limits_gcra_rule(int64_t count, int64_t period, int64_t burst)
{
    struct fc_limits_rule rule = {.count = count, .period = period, .burst = burst, .interval = period / count};

    if (rule.interval < 1)
        rule.interval = 1;
    rule.span = rule.interval * burst;
    return rule;
}

/* The bucket's time as it counts now. */
static int64_t effective(const struct fc_limits_rule *rule, int64_t now, int64_t tat, bool *ret_ahead)
{
    *ret_ahead = tat > now && tat - now > rule->span;
    return tat > now && !*ret_ahead ? tat : now;
}

void fc_limits_gcra_spend(const struct fc_limits_rule *rule, int64_t now, int64_t tat, int64_t cost,
                          struct fc_limits_decision *ret_decision)
{
    struct fc_limits_decision d = {.tat = tat};
    int64_t increment = rule->interval * cost;
    int64_t from = effective(rule, now, tat, &d.ahead);
    int64_t to = from + increment;
    int64_t left = now - (to - rule->span);

    d.allowed = left >= 0;
    if (!d.allowed) {
        d.remaining = (now - (from - rule->span)) / rule->interval;
        d.retry_in = -left;
        d.reset_in = from - now;
    } else {
        d.remaining = left / rule->interval;
        d.reset_in = to - now;
        d.retry_in = left < increment ? increment - left : 0;
        d.tat = to;
    }
    *ret_decision = d;
}

int64_t fc_limits_gcra_refund(const struct fc_limits_rule *rule, int64_t now, int64_t tat, int64_t cost)
{
    bool ahead;

    if (tat <= now || effective(rule, now, tat, &ahead) != tat)
        return tat;
    tat -= rule->interval * cost;
    return tat > now ? tat : now;
}

bool fc_limits_gcra_stricter(const struct fc_limits_decision *a, const struct fc_limits_decision *b)
{
    if (a->allowed != b->allowed)
        return !a->allowed;
    if (a->retry_in != b->retry_in)
        return a->retry_in > b->retry_in;
    return a->remaining < b->remaining;
}
