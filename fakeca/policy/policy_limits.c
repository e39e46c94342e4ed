#include "policy/policy_int.h"

#include <string.h>

#include "base/base_opt.h"
#include "base/base_text.h"
#include "base/base_time.h"
#include "model/model_ident.h"

#define COUNT_MAX 1000000000
#define SPAN_MAX (3660 * FC_DAY) /* of a whole burst: points in time must stay far from the end of int64_t */
#define OVERRIDES_MAX 10000
#define ENDPOINTS_MAX 32

static const char *const names[FC_LIMIT__MAX + 1] = {
    [FC_LIMIT_NONE] = "",
    [FC_LIMIT_REGISTRATIONS_IP] = "NewRegistrationsPerIPAddress",
    [FC_LIMIT_REGISTRATIONS_RANGE] = "NewRegistrationsPerIPv6Range",
    [FC_LIMIT_ORDERS] = "NewOrdersPerAccount",
    [FC_LIMIT_FAILURES] = "FailedAuthorizationsPerDomainPerAccount",
    [FC_LIMIT_DOMAIN] = "CertificatesPerDomain",
    [FC_LIMIT_DOMAIN_ACCOUNT] = "CertificatesPerDomainPerAccount",
    [FC_LIMIT_SET] = "CertificatesPerFQDNSet",
    [FC_LIMIT_PAUSING] = "FailedAuthorizationsForPausingPerDomainPerAccount",
};

const char *fc_policy_limit_name(enum fc_limit limit)
{
    return limit == FC_LIMIT_NONE ? NULL : names[limit];
}

enum fc_limit fc_policy_limit_parse(const char *name)
{
    for (int i = 1; i < FC_LIMIT__MAX; i++) {
        if (strcmp(names[i], name) == 0)
            return (enum fc_limit)i;
    }
    return FC_LIMIT_NONE;
}

/* count, period and burst; their product is checked so that no arithmetic with them can overflow. */
static struct fc_policy_limit read_rule(struct fc_json_obj *obj)
{
    const enum fc_json_need need = FC_JSON_REQUIRED;
    struct fc_policy_limit rule = {
        .count = fc_json_int(obj, "count", need, 1, COUNT_MAX, 1),
        .period = fc_json_duration(obj, "period", need, FC_SECOND, SPAN_MAX, FC_SECOND),
        .burst = fc_json_int(obj, "burst", need, 1, COUNT_MAX, 1),
    };

    if (rule.count > 0 && rule.burst > 0 && rule.period > 0 && rule.period / rule.count > SPAN_MAX / rule.burst)
        fc_json_errs_add(obj, "burst", "a whole burst would take more than ten years to come back");
    return rule;
}

static void read_limit(struct fc_policy_load *load, struct fc_json_obj *limits, enum fc_limit limit)
{
    struct fc_policy_limit *rule = &load->policy->limits.rules[limit];
    struct fc_json_obj obj;

    fc_json_obj_member(limits, names[limit], FC_JSON_REQUIRED, &obj);
    *rule = read_rule(&obj);
    rule->source = fc_policy_read_end(load, &obj);
}

/* ---- overrides ---- */

static bool is_account(const char *key)
{
    int64_t id;

    return fc_text_int(key, 1, INT64_MAX, &id, NULL) == 0;
}

static bool is_domain(const char *key)
{
    unsigned char address[16];
    size_t len;
    unsigned bits;

    return fc_ident_parse_prefix(key, address, &len, &bits) == 0 ||
           (key[0] != '.' && key[strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789-.*")] == '\0');
}

/* Certificates are counted under registered domains and whole ranges: an override for anything else would never be asked for. */
static void check_counted(struct fc_policy_load *load, struct fc_json_obj *obj, const char *key)
{
    const size_t len = strcspn(key, "/");
    const struct fc_ident ident = {key[len] == '/' ? FC_IDENT_IP : FC_IDENT_DNS,
                                   fc_arena_strndup(load->arena, key, len)};
    const char *counted = fc_ident_registered_domain(load->arena, &ident);

    if (strcmp(counted, key) != 0)
        fc_json_errs_add(obj, "key", "'%s' names nothing, its certificates are counted under '%s'", key, counted);
}

static bool is_address(const char *key)
{
    return key[strspn(key, "abcdef0123456789:.")] == '\0';
}

static const struct {
    enum fc_limit limit;
    bool (*fits)(const char *key);
    const char *what;
} keys[] = {
    {FC_LIMIT_REGISTRATIONS_IP, is_address, "an address in lower case"},
    {FC_LIMIT_ORDERS, is_account, "the number of an account"},
    {FC_LIMIT_FAILURES, is_account, "the number of an account"},
    {FC_LIMIT_DOMAIN, is_domain, "a registered domain in lower case or an address range"},
    {FC_LIMIT_DOMAIN_ACCOUNT, is_account, "the number of an account"},
};

static void check_key(struct fc_policy_load *load, struct fc_json_obj *obj, const struct fc_policy_override *override)
{
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (keys[i].limit != override->limit)
            continue;
        if (override->key[0] == '\0' || !keys[i].fits(override->key))
            fc_json_errs_add(obj, "key", "'%s' names nothing: an override of this limit is for %s", override->key,
                             keys[i].what);
        else if (override->limit == FC_LIMIT_DOMAIN)
            check_counted(load, obj, override->key);
        return;
    }
    fc_json_errs_add(obj, "limit", "there are no overrides of '%s'", names[override->limit]);
}

static void check_twice(struct fc_json_obj *obj, const struct fc_policy_override *overrides, size_t index)
{
    const struct fc_policy_override *own = &overrides[index];

    for (size_t i = 0; i < index; i++) {
        if (overrides[i].limit == own->limit && overrides[i].key != NULL && strcmp(overrides[i].key, own->key) == 0) {
            fc_json_errs_add(obj, "key", "there is an override for '%s' already", own->key);
            return;
        }
    }
}

static void read_override(struct fc_policy_load *load, struct fc_json_obj *obj, size_t index)
{
    struct fc_policy_override *override = &load->policy->limits.overrides[index];

    override->limit = (enum fc_limit)(fc_json_word(obj, "limit", FC_JSON_REQUIRED, names + 1, -1) + 1);
    override->key = fc_json_str(obj, "key", FC_JSON_REQUIRED, 253);
    override->rule = read_rule(obj);
    if (override->limit != FC_LIMIT_NONE && override->key != NULL) {
        check_key(load, obj, override);
        check_twice(obj, load->policy->limits.overrides, index);
    }
    override->rule.source = fc_policy_read_end(load, obj);
}

static void read_overrides(struct fc_policy_load *load, struct fc_json_obj *limits)
{
    struct fc_policy *policy = load->policy;
    const json_t *array = fc_json_array(limits, "overrides", FC_JSON_REQUIRED, OVERRIDES_MAX);

    policy->limits.n_overrides = json_array_size(array);
    policy->limits.overrides =
        fc_arena_alloc(load->arena, (policy->limits.n_overrides + 1) * sizeof *policy->limits.overrides);
    for (size_t i = 0; i < policy->limits.n_overrides; i++) {
        struct fc_json_obj obj;
        fc_json_obj_element(limits, "overrides", array, i, &obj);
        read_override(load, &obj, i);
    }
}

/* ---- the sections ---- */

static void read_limits(struct fc_policy_load *load, struct fc_json_obj *root)
{
    static const enum fc_limit configured[] = {FC_LIMIT_REGISTRATIONS_IP, FC_LIMIT_REGISTRATIONS_RANGE,
                                               FC_LIMIT_ORDERS,           FC_LIMIT_FAILURES,
                                               FC_LIMIT_DOMAIN,           FC_LIMIT_SET,
                                               FC_LIMIT_PAUSING};
    struct fc_policy *policy = load->policy;
    struct fc_json_obj obj;

    fc_json_obj_member(root, "limits", FC_JSON_REQUIRED, &obj);
    policy->limits.enforced = fc_json_bool(&obj, "enforced", FC_JSON_REQUIRED, false);
    policy->limits.renewal_window = fc_json_duration(&obj, "renewal_window", FC_JSON_REQUIRED, 0, SPAN_MAX, 0);
    policy->limits.jitter_percent = fc_json_int(&obj, "jitter_percent", FC_JSON_REQUIRED, 0, 100, 0);
    for (size_t i = 0; i < sizeof configured / sizeof *configured; i++)
        read_limit(load, &obj, configured[i]);
    read_overrides(load, &obj);
    (void)fc_policy_read_end(load, &obj);
}

static void read_pausing(struct fc_policy_load *load, struct fc_json_obj *root)
{
    const enum fc_json_need need = FC_JSON_REQUIRED;
    struct fc_policy *policy = load->policy;
    struct fc_json_obj obj;

    fc_json_obj_member(root, "pausing", need, &obj);
    policy->pausing.enabled = fc_json_bool(&obj, "enabled", need, false);
    policy->pausing.grace = fc_json_duration(&obj, "grace", need, 0, SPAN_MAX, 0);
    policy->pausing.listed_max = fc_json_int(&obj, "listed_max", need, 1, 100, 1);
    policy->pausing.token_lifetime = fc_json_duration(&obj, "token_lifetime", need, FC_MINUTE, SPAN_MAX, FC_MINUTE);
    policy->pausing.unpause_max = fc_json_int(&obj, "unpause_max", need, 1, 1000000, 1);
    (void)fc_policy_read_end(load, &obj);
}

static void read_endpoint(struct fc_policy_load *load, struct fc_json_obj *obj, struct fc_policy_endpoint *ret_endpoint)
{
    ret_endpoint->name = fc_policy_read_name(obj, "name");
    ret_endpoint->path = fc_json_str(obj, "path", FC_JSON_REQUIRED, 64);
    if (ret_endpoint->path != NULL && ret_endpoint->path[0] != '/')
        fc_json_errs_add(obj, "path", "must begin with '/'");
    ret_endpoint->per_second = fc_json_int(obj, "per_second", FC_JSON_REQUIRED, 1, 1000000, 1);
    ret_endpoint->burst = fc_json_int(obj, "burst", FC_JSON_REQUIRED, 0, 1000000, 1);
    if (load->watch != NULL && obj->value != NULL)
        load->watch->object(load->watch->cookie, obj->path, obj->asked, obj->n_asked);
    fc_json_obj_end(obj);
}

static void read_request_limits(struct fc_policy_load *load, struct fc_json_obj *root)
{
    struct fc_policy *policy = load->policy;
    struct fc_json_obj obj;

    fc_json_obj_member(root, "request_limits", FC_JSON_REQUIRED, &obj);
    policy->request_limits.enforced = fc_json_bool(&obj, "enforced", FC_JSON_REQUIRED, false);
    const json_t *array = fc_json_array(&obj, "endpoints", FC_JSON_REQUIRED, ENDPOINTS_MAX);
    size_t count = json_array_size(array);
    struct fc_policy_endpoint *endpoints = fc_arena_alloc(load->arena, (count + 1) * sizeof *endpoints);
    for (size_t i = 0; i < count; i++) {
        struct fc_json_obj element;
        fc_json_obj_element(&obj, "endpoints", array, i, &element);
        read_endpoint(load, &element, &endpoints[i]);
    }
    policy->request_limits.endpoints = endpoints;
    policy->request_limits.n_endpoints = count;
    (void)fc_policy_read_end(load, &obj);
}

static void read_renewal_info(struct fc_policy_load *load, struct fc_json_obj *root)
{
    const enum fc_json_need need = FC_JSON_REQUIRED;
    struct fc_policy *policy = load->policy;
    struct fc_json_obj obj;

    fc_json_obj_member(root, "renewal_info", need, &obj);
    policy->renewal_info.enabled = fc_json_bool(&obj, "enabled", need, false);
    policy->renewal_info.long_from = fc_json_duration(&obj, "long_from", need, 0, SPAN_MAX, 0);
    policy->renewal_info.long_divisor = fc_json_int(&obj, "long_divisor", need, 1, 100, 1);
    policy->renewal_info.short_divisor = fc_json_int(&obj, "short_divisor", need, 1, 100, 1);
    policy->renewal_info.margin_divisor = fc_json_int(&obj, "margin_divisor", need, 2, 10000, 2);
    policy->renewal_info.revoked_start = fc_json_duration(&obj, "revoked_start", need, 0, 30 * FC_DAY, 0);
    policy->renewal_info.revoked_end = fc_json_duration(&obj, "revoked_end", need, 0, 30 * FC_DAY, 0);
    if (fc_json_has(&obj, "revoked_end") && fc_json_has(&obj, "revoked_start") &&
        policy->renewal_info.revoked_end > policy->renewal_info.revoked_start)
        fc_json_errs_add(&obj, "revoked_end", "must not be longer ago than revoked_start");
    policy->renewal_info.retry_after = fc_policy_read_seconds(&obj, "retry_after", FC_SECOND, FC_DAY);
    policy->renewal_info.retry_after_spread_percent = fc_json_int(&obj, "retry_after_spread_percent", need, 0, 100, 0);
    (void)fc_policy_read_end(load, &obj);
}

void fc_policy_limits_read(struct fc_policy_load *load, struct fc_json_obj *root)
{
    read_limits(load, root);
    read_pausing(load, root);
    read_request_limits(load, root);
    read_renewal_info(load, root);
}
