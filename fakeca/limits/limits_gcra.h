/* The arithmetic of one bucket: GCRA in integer nanoseconds (letsencrypt.md A.2). A bucket is its theoretical arrival time (TAT): the
 * moment at which it is empty. */
#ifndef FC_LIMITS_GCRA_H
#define FC_LIMITS_GCRA_H

#include <stdbool.h>
#include <stdint.h>

#define FC_LIMITS_NO_TAT INT64_MIN /* no bucket: empty */

struct fc_limits_rule {
    int64_t count, period, burst;
    int64_t interval; /* period / count: what one costs */
    int64_t span;     /* interval * burst: a whole burst */
};
/* Sets interval and span. count, period and burst are positive, the span less than ten years (policy.h checks that). */
struct fc_limits_rule fc_limits_gcra_rule(int64_t count, int64_t period, int64_t burst);

struct fc_limits_decision {
    bool allowed;
    int64_t remaining; /* how many more fit */
    int64_t retry_in;  /* until as much fits again */
    int64_t reset_in;  /* until it is empty */
    int64_t tat;       /* of the bucket afterwards; the old one when denied */
    bool ahead; /* it lay further ahead than its burst: the clock went back, it counts as empty (design.md part 2) */
};
void fc_limits_gcra_spend(const struct fc_limits_rule *rule, int64_t now, int64_t tat, int64_t cost,
                          struct fc_limits_decision *ret_decision);
/* The TAT after `cost` was given back; the same one when there is nothing to give back. */
int64_t fc_limits_gcra_refund(const struct fc_limits_rule *rule, int64_t now, int64_t tat, int64_t cost);
/* Whether a is stricter than b: denied, then the longer retry_in, then the fewer remaining. */
bool fc_limits_gcra_stricter(const struct fc_limits_decision *a, const struct fc_limits_decision *b);

#endif
