/* When a certificate ends, when its client wants another one, and when that client looks. */
#include <string.h>

#include "base/base_text.h"
#include "base/base_time.h"

#include "ca/ca.h"
#include "plan/plan_int.h"

#define RULE_MAX 64
#define PARTS_MAX 1000

/* ---- the rule ---- */

static int64_t duration_of(const char *text, size_t len)
{
    fc_auto_free char *word = fc_strndup(text, len);
    int64_t duration;

    return fc_duration_parse(word, &duration, NULL) || duration < FC_HOUR || duration > 3650 * FC_DAY ? 0 : duration;
}

static bool fraction_of(const char *text, size_t len, struct fc_plan_rule *rule)
{
    fc_auto_free char *word = fc_strndup(text, len);
    char *slash = strchr(word, '/');

    if (!slash)
        return false;
    *slash = '\0';
    return fc_text_int(slash + 1, 2, PARTS_MAX, &rule->divisor, NULL) == 0 &&
           fc_text_int(word, 1, rule->divisor - 1, &rule->numerator, NULL) == 0;
}

static bool parse_rule(const char *text, struct fc_plan_rule *rule)
{
    static const char before[] = " before expiry", fraction[] = " of lifetime", every[] = "every ";
    size_t len = strlen(text);

    *rule = (struct fc_plan_rule){.kind = FC_PLAN_ARI, .text = text};
    if (strcmp(text, "ari") == 0)
        return true;
    if (len > RULE_MAX)
        return false;
    if (fc_text_ends(text, fraction)) {
        rule->kind = FC_PLAN_FRACTION;
        return fraction_of(text, len - strlen(fraction), rule);
    }
    if (fc_text_ends(text, before)) {
        rule->kind = FC_PLAN_BEFORE_EXPIRY;
        rule->duration = duration_of(text, len - strlen(before));
    } else if (fc_text_starts(text, every)) {
        rule->kind = FC_PLAN_EVERY;
        rule->duration = duration_of(text + strlen(every), len - strlen(every));
    }
    return rule->duration > 0;
}

int fc_plan_rule_parse(const char *text, struct fc_plan_rule *ret_rule, struct fc_err *err)
{
    if (parse_rule(text, ret_rule))
        return 0;
    return fc_err_set(err, FC_E_USAGE,
                      "'%.64s' is no renewal rule, which is 'ari', or such as '30d before expiry', '2/3 of lifetime', "
                      "'every 60d'",
                      text);
}

/* ---- the certificate ---- */

struct fc_plan_issue fc_plan_issue_at(const struct fc_policy *policy, const struct fc_profile *profile, int64_t at)
{
    int64_t backdate = fc_policy_at(policy, at)->issuance.max_backdate / 10 * 9;
    struct fc_plan_issue issue = {.issued_at = at, .not_before = at - backdate};

    issue.not_before -= issue.not_before % FC_SECOND;
    issue.not_after = issue.not_before + fc_profile_at(profile, at)->validity - FC_SECOND;
    return issue;
}

int64_t fc_plan_rule_due(const struct fc_plan_rule *rule, const struct fc_policy *policy,
                         const struct fc_plan_issue *issue, uint64_t u)
{
    int64_t lifetime = issue->not_after + FC_SECOND - issue->not_before;
    struct fc_ca_window window;

    if (rule->kind == FC_PLAN_BEFORE_EXPIRY)
        return issue->not_after - rule->duration;
    if (rule->kind == FC_PLAN_EVERY)
        return issue->issued_at + rule->duration;
    if (rule->kind == FC_PLAN_FRACTION)
        return issue->not_before + lifetime / rule->divisor * rule->numerator;
    fc_ca_ari_window(fc_policy_at(policy, issue->issued_at), issue->issued_at, issue->not_after, &window);
    return window.end > window.start ? window.start + (int64_t)(u % (uint64_t)(window.end - window.start))
                                     : window.start;
}

/* ---- the client's looks ---- */

int64_t fc_plan_rule_check(int64_t every, int64_t after, int64_t due, bool ari)
{
    int64_t midnight = after - after % FC_DAY;
    int64_t next = after + every - (after - midnight) % every;
    int64_t at;

    /* a day is a whole number of checks, so they go on over midnight */
    if (ari)
        at = due - due % FC_DAY + due % FC_DAY / every * every;
    else
        at = due - due % FC_DAY + (due % FC_DAY + every - 1) / every * every;
    return at < next ? next : at;
}

/* SplitMix64's finisher over what it depends on. */
static uint64_t mix(uint64_t z)
{
    z += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t fc_plan_draw(uint64_t seed, uint64_t a, uint64_t b)
{
    return mix(mix(mix(seed) ^ a) ^ b);
}
