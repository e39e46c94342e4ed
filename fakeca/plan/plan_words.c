/* Kinds of findings, what is said of them, and what to do about them. */
#include "plan/plan_words.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/base_assert.h"

static const struct {
    const char *name;
    bool breaks;
    const char *one, *many; /* what is said of certificates */
} kinds[FC_PLAN__MAX] = {
    [FC_PLAN_EXPIRED] = {"expired", true, "certificate expires before it is renewed",
                         "certificates expire before they are renewed"},
    [FC_PLAN_MISSING] = {"missing", true, "certificate is lost at a redeploy and not replaced at once",
                         "certificates are lost at a redeploy and not replaced at once"},
    [FC_PLAN_NEVER] = {"never", true, "certificate is never issued", "certificates are never issued"},
    [FC_PLAN_REFUSED] = {"refused", true, "certificate is refused by the CA", "certificates are refused by the CA"},
    [FC_PLAN_DENIED] = {"denied", false, "certificate meets a limit and is issued in time all the same",
                        "certificates meet a limit and are issued in time all the same"},
    [FC_PLAN_LATE] = {"late", false, "new certificate comes later than it is asked for",
                      "new certificates come later than they are asked for"},
    [FC_PLAN_CLOSE] = {"close", false, "certificate is renewed in the last tenth of its life",
                       "certificates are renewed in the last tenth of their life"},
};

const char *fc_plan_kind_name(enum fc_plan_kind kind)
{
    FC_ASSERT(kind < FC_PLAN__MAX);
    return kinds[kind].name;
}

bool fc_plan_kind_breaks(enum fc_plan_kind kind)
{
    FC_ASSERT(kind < FC_PLAN__MAX);
    return kinds[kind].breaks;
}

/* ---- numbers and times ---- */

const char *fc_plan_counted(int64_t n, const char *one, const char *many, char buf[FC_PLAN_COUNT_MAX])
{
    snprintf(buf, FC_PLAN_COUNT_MAX, "%" PRId64 " %s", n, n == 1 ? one : many);
    return buf;
}

const char *fc_plan_says(enum fc_plan_kind kind, int64_t n, char buf[FC_PLAN_COUNT_MAX])
{
    return fc_plan_counted(n, kinds[kind].one, kinds[kind].many, buf);
}

const char *fc_plan_minute(int64_t at, char *buf)
{
    fc_time_rfc3339(at, buf);
    buf[10] = ' ';
    buf[16] = '\0';
    return buf;
}

const char *fc_plan_day(int64_t at, char *buf)
{
    fc_time_rfc3339(at, buf);
    buf[10] = '\0';
    return buf;
}

/* Two units at most: nobody needs the seconds of days. */
const char *fc_plan_length(int64_t duration, char *buf)
{
    int64_t unit = duration >= FC_DAY ? FC_HOUR : duration >= FC_HOUR ? FC_MINUTE : FC_SECOND;

    return fc_duration_text(duration - duration % unit, buf);
}

/* ---- findings ---- */

void fc_plan_when(const struct fc_plan_finding *finding, struct fc_buf *to)
{
    char from[FC_TIME_TEXT_MAX], until[FC_TIME_TEXT_MAX], worst[FC_TIME_TEXT_MAX];

    fc_buf_printf(to, "from %s ", fc_plan_minute(finding->first, from));
    fc_plan_length(finding->worst, worst);
    if (finding->kind == FC_PLAN_CLOSE)
        fc_buf_printf(to, "on, with %s left at the least", worst);
    else if (finding->kind == FC_PLAN_REFUSED)
        fc_buf_puts(to, "on");
    else if (finding->until == INT64_MAX)
        fc_buf_printf(to, "to the end, %s", worst);
    else
        fc_buf_printf(to, "to %s, %s at the longest", fc_plan_minute(finding->until, until), worst);
    if (finding->times > finding->certificates)
        fc_buf_printf(to, ", %" PRId64 " times in all", finding->times);
}

bool fc_plan_cause(const struct fc_plan_finding *finding, struct fc_buf *to)
{
    bool is_denial = finding->kind == FC_PLAN_DENIED;
    int64_t denied = is_denial ? finding->times : finding->denied;
    char at[FC_TIME_TEXT_MAX], number[FC_PLAN_COUNT_MAX];

    if (finding->limit == FC_LIMIT_NONE) {
        fc_buf_puts(to, finding->detail ? finding->detail : "");
        return finding->detail;
    }
    fc_buf_puts(to, fc_policy_limit_name(finding->limit));
    if (denied)
        fc_buf_printf(to, " denies %s; after the first it allows one again at %s",
                      fc_plan_counted(denied, "order", "orders", number),
                      fc_plan_minute(is_denial ? finding->until : finding->retry_at, at));
    return true;
}

/* ---- what to do ---- */

static const char *const by_limit[FC_LIMIT__MAX] = {
    [FC_LIMIT_REGISTRATIONS_IP] = "keep the account key where a redeploy leaves it; one account can serve all hosts",
    [FC_LIMIT_REGISTRATIONS_RANGE] = "keep the account key where a redeploy leaves it; one account can serve all hosts",
    [FC_LIMIT_ORDERS] = "spread the orders (jitter, fewer at once), let renewals name what they replace (ARI), or ask "
                        "Let's Encrypt for an override of this account",
    [FC_LIMIT_DOMAIN] = "spread the new names over more weeks, put several names or a wildcard into one certificate, "
                        "or ask Let's Encrypt for an override of this domain",
    [FC_LIMIT_DOMAIN_ACCOUNT] = "spread the new names over more weeks, or put several into one certificate",
    [FC_LIMIT_SET] = "keep certificates on a volume that outlives a redeploy and share one among replicas; renew only "
                     "what is due; rehearse with the staging environment",
};

static const char *const by_rule[] = {
    [FC_PLAN_BEFORE_EXPIRY] = "renew by ARI or after 2/3 of the lifetime, and look more often than daily",
    [FC_PLAN_FRACTION] = "renew by ARI or earlier in the lifetime, and look more often",
    [FC_PLAN_EVERY] = "replace the fixed interval by ARI or 2/3 of the lifetime: it does not follow a shorter lifetime",
    [FC_PLAN_ARI] = "look more often: at least twice a day",
};

const char *fc_plan_mend(const struct fc_plan_case *what, const struct fc_plan_group *group)
{
    if (what->refused)
        return "choose a profile that takes these orders all the time (fakeca policy show tells what each takes)";
    if (what->limit != FC_LIMIT_NONE && by_limit[what->limit])
        return by_limit[what->limit];
    return by_rule[group->rule.kind];
}
