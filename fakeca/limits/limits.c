#include "limits/limits_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/base_text.h"
#include "base/base_time.h"

#define MILLI 1000
#define FACTOR_MAX 1000000
#define COUNT_MAX INT64_C(1000000000000)

/* ---- which limits hold ---- */

/* "10", "0.5": thousandths. */
static int parse_factor(const char *text, int64_t *ret_milli)
{
    const char *dot = strchr(text, '.');
    fc_auto_free char *whole = fc_strndup(text, dot ? (size_t)(dot - text) : strlen(text));
    size_t digits = dot ? strlen(dot + 1) : 0;
    int64_t integer, rest = 0;

    if (fc_text_int(whole, 0, FACTOR_MAX, &integer, NULL) || digits > 3 ||
        (dot && fc_text_int(dot + 1, 0, MILLI - 1, &rest, NULL)))
        return -1;
    for (; dot && digits < 3; digits++)
        rest *= 10;
    *ret_milli = integer * MILLI + rest;
    return *ret_milli > 0 && *ret_milli <= FACTOR_MAX * INT64_C(1000) ? 0 : -1;
}

int fc_limits_setting_parse(const char *text, struct fc_limits_setting *ret_setting, struct fc_err *err)
{
    static const struct {
        const char *word;
        enum fc_limits_mode mode;
    } words[] = {{"letsencrypt", FC_LIMITS_LETSENCRYPT}, {"staging", FC_LIMITS_STAGING}, {"off", FC_LIMITS_OFF}};

    *ret_setting = (struct fc_limits_setting){.mode = FC_LIMITS_FACTOR, .milli = MILLI};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i].word, text) == 0) {
            ret_setting->mode = words[i].mode;
            return 0;
        }
    if (parse_factor(text, &ret_setting->milli) == 0)
        return 0;
    return fc_err_set(err, FC_E_USAGE,
                      "'%.64s' is neither letsencrypt, staging, off, nor a factor from 0.001 to %d such as 10 or 0.5",
                      text, FACTOR_MAX);
}

int fc_limits_new(const struct fc_policy *policy, const struct fc_limits_setting *setting,
                  struct fc_limits **ret_limits, struct fc_err *err)
{
    fc_auto(fc_limits_free) struct fc_limits *limits = fc_calloc(1, sizeof *limits);

    limits->policy = policy;
    limits->setting = *setting;
    if (setting->mode == FC_LIMITS_STAGING && fc_policy_builtin("staging", &limits->numbers, err))
        return -1;
    *ret_limits = FC_TAKE(limits);
    return 0;
}

void fc_limits_free(struct fc_limits *limits)
{
    if (!limits)
        return;
    fc_policy_free(limits->numbers);
    free(limits);
}

const struct fc_policy *fc_limits_policy(const struct fc_limits *limits)
{
    return limits->policy;
}

bool fc_limits_enforced(const struct fc_limits *limits, int64_t now)
{
    if (limits->setting.mode == FC_LIMITS_OWN)
        return fc_policy_at(limits->policy, now)->limits.enforced;
    return limits->setting.mode != FC_LIMITS_OFF;
}

/* ---- the rule of a bucket ---- */

/* What of the key an override names: limits 4 and 6 the account, the others all behind the number. */
static size_t override_len(enum fc_limit limit, const char *rest)
{
    bool account_alone = limit == FC_LIMIT_FAILURES || limit == FC_LIMIT_DOMAIN_ACCOUNT;

    return account_alone ? strcspn(rest, ":") : strlen(rest);
}

static const struct fc_policy_limit *find_override(const struct fc_policy *policy, enum fc_limit limit,
                                                   const char *rest)
{
    size_t len = override_len(limit, rest);

    for (size_t i = 0; i < policy->limits.n_overrides; i++) {
        const struct fc_policy_override *override = &policy->limits.overrides[i];
        if (override->limit == limit && strlen(override->key) == len && memcmp(override->key, rest, len) == 0)
            return &override->rule;
    }
    return NULL;
}

static int64_t times(const struct fc_limits *limits, int64_t count)
{
    int64_t scaled = limits->setting.mode == FC_LIMITS_FACTOR ? count * limits->setting.milli / MILLI : count;

    return scaled < 1 ? 1 : scaled > COUNT_MAX ? COUNT_MAX : scaled;
}

bool fc_limits_rule(const struct fc_limits *limits, const char *key, int64_t now, struct fc_limits_rule *ret_rule,
                    bool *ret_override)
{
    enum fc_limit limit = fc_limits_key_limit(key);
    const struct fc_policy *policy = fc_policy_at(limits->policy, now);
    const struct fc_policy *numbers = limits->numbers ? fc_policy_at(limits->numbers, now) : policy;
    const struct fc_policy_limit *override = limit ? find_override(policy, limit, key + 2) : NULL;
    const struct fc_policy_limit *rule = override ? override : &numbers->limits.rules[limit];

    if (ret_override)
        *ret_override = override;
    if (!limit || !rule->count)
        return false;
    *ret_rule = fc_limits_gcra_rule(times(limits, rule->count), rule->period, times(limits, rule->burst));
    return true;
}

/* ---- the last moment that was told ---- */

int64_t fc_limits_retry_at(const struct fc_limits *limits, int64_t now)
{
    int64_t told = atomic_load(&limits->told);

    return told > now ? told : 0;
}

void fc_limits_told(struct fc_limits *limits, int64_t retry_at)
{
    atomic_store(&limits->told, retry_at);
}
