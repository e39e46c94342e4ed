/* What Boulder says (letsencrypt.md A.5). */
#include "limits/limits_int.h"

#include <inttypes.h>
#include <string.h>

#include "base/base_rand.h"
#include "base/base_time.h"

#define JITTER_STEPS 1000000

static const struct {
    const char *form; /* %d is the burst; %q what follows the last ':' of the key */
    const char *anchor;
} texts[FC_LIMIT__MAX] = {
    [FC_LIMIT_REGISTRATIONS_IP] = {"too many new registrations (%d) from this IP address",
                                   "new-registrations-per-ip-address"},
    [FC_LIMIT_REGISTRATIONS_RANGE] = {"too many new registrations (%d) from this /48 subnet of IPv6 addresses",
                                      "new-registrations-per-ipv6-range"},
    [FC_LIMIT_ORDERS] = {"too many new orders (%d) from this account", "new-orders-per-account"},
    [FC_LIMIT_FAILURES] = {"too many failed authorizations (%d) for %q",
                           "authorization-failures-per-identifier-per-account"},
    [FC_LIMIT_DOMAIN] = {"too many certificates (%d) already issued for %q", "new-certificates-per-registered-domain"},
    [FC_LIMIT_DOMAIN_ACCOUNT] = {"too many certificates (%d) already issued for %q",
                                 "new-certificates-per-registered-domain"},
    [FC_LIMIT_SET] = {"too many certificates (%d) already issued for this exact set of identifiers",
                      "new-certificates-per-exact-set-of-identifiers"},
    [FC_LIMIT_PAUSING] = {"too many failed authorizations (%d) for %q",
                          "authorization-failures-per-identifier-per-account"},
};

/* The form with its two places filled. */
static const char *what(const struct fc_limits_call *call, const struct fc_limits_denial *denial)
{
    const char *form = texts[denial->limit].form, *quoted = strstr(form, "%q"), *number = strstr(form, "%d");
    const char *subject = strrchr(denial->key, ':') + 1;

    if (!quoted)
        return fc_arena_printf(call->arena, "%.*s%" PRId64 "%s", (int)(number - form), form, denial->rule.burst,
                               number + 2);
    return fc_arena_printf(call->arena, "%.*s%" PRId64 "%.*s\"%s\"%s", (int)(number - form), form, denial->rule.burst,
                           (int)(quoted - number - 2), number + 2, subject, quoted + 2);
}

/* One draw for text and header: later than the true moment by up to jitter_percent. */
static int64_t with_jitter(const struct fc_limits_call *call, int64_t retry_in)
{
    int64_t percent = fc_policy_at(fc_limits_policy(call->limits), call->now)->limits.jitter_percent;
    int64_t step = percent ? (int64_t)fc_rand_below(JITTER_STEPS) : 0;

    return retry_in + retry_in / 100 * percent / JITTER_STEPS * step;
}

void fc_limits_text_denial(const struct fc_limits_call *call, struct fc_limits_denial *denial)
{
    const char *docs = fc_policy_at(fc_limits_policy(call->limits), call->now)->directory.rate_limits_url;
    int64_t retry_in = with_jitter(call, denial->decision.retry_in);
    char period[FC_TIME_TEXT_MAX], when[FC_TIME_TEXT_MAX];

    denial->retry_at = call->now + retry_in;
    denial->retry_after_s = (retry_in + FC_SECOND / 2) / FC_SECOND;
    denial->detail = fc_arena_printf(call->arena, "%s in the last %s, retry after %s: see %s/#%s", what(call, denial),
                                     fc_duration_go(denial->rule.period, period),
                                     fc_time_boulder(denial->retry_at, when), docs, texts[denial->limit].anchor);
}
