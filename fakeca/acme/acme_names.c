/* Identifiers of a newOrder request: letsencrypt.md D.1 to D.3, each refusal in its place. */
#include "acme/acme_int.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_text.h"

#define REQUESTED "Invalid identifiers requested"
#define CREATING "Error creating new order"
#define SUBS_MAX 100 /* a request may name thousands; the answer lists this many of the bad ones */

/* ---- shape ---- */

static int decode_one(struct fc_acme_call *call, const json_t *item, struct fc_ident *ret_ident)
{
    const char *type, *value;

    if (!json_is_object(item) || fc_acme_body_text(item, "type", &type) || fc_acme_body_text(item, "value", &value))
        return fc_acme_refuse(call, MALFORMED, "Unable to unmarshal NewOrder request body");
    if (!type || fc_ident_type_parse(type, &ret_ident->type))
        return fc_acme_refuse(call, UNSUPPORTED_IDENTIFIER,
                              "NewOrder request included unsupported identifier: type %s, value %s",
                              fc_acme_problem_quote(call->arena, type ? type : ""),
                              fc_acme_problem_quote(call->arena, value ? value : ""));
    if (!value || !*value)
        return fc_acme_refuse(call, MALFORMED, "NewOrder request included empty identifier");
    char *lower = fc_arena_strdup(call->arena, value);
    fc_text_lower(lower);
    ret_ident->value = lower;
    return 0;
}

static int decode_all(struct fc_acme_call *call, const json_t *items, struct fc_acme_names *names)
{
    int64_t max_bytes = fc_acme_policy(call)->requests.max_identifier_bytes;
    size_t count = json_array_size(items), bytes = 0;

    names->idents = fc_arena_alloc(call->arena, count * sizeof *names->idents);
    for (size_t i = 0; i < count; i++) {
        if (decode_one(call, json_array_get(items, i), &names->idents[i]))
            return -1;
        bytes += strlen(names->idents[i].value);
    }
    if (bytes > (size_t)max_bytes)
        return fc_acme_refuse(call, MALFORMED,
                              "Cumulative length of all identifier values was greater than %" PRId64 " bytes",
                              max_bytes);
    names->count = fc_ident_sort_unique(names->idents, count);
    names->rehearsal = fc_arena_alloc(call->arena, names->count * sizeof *names->rehearsal);
    return 0;
}

static bool is_dated(const json_t *body, bool *ret_bad)
{
    const char *before, *after;

    *ret_bad = fc_acme_body_text(body, "notBefore", &before) || fc_acme_body_text(body, "notAfter", &after);
    return !*ret_bad && ((before && *before) || (after && *after));
}

/* ---- each identifier by the rules of its type ---- */

struct look {
    struct fc_acme_call *call;
    const struct fc_ident_rules *rules;
    const char *context;
    struct fc_problem *subs;
    size_t n_subs; /* found, of which SUBS_MAX are kept */
};

static void look_at(struct look *look, const struct fc_ident *ident, bool *rehearsal)
{
    struct fc_problem inner = {0};
    bool used = false;
    int bad = ident->type == FC_IDENT_DNS
                  ? fc_ident_check_dns(ident->value, look->rules, look->call->arena, &inner, &used)
                  : fc_ident_check_ip(ident->value, look->rules, look->call->arena, &inner, &used);

    *rehearsal = *rehearsal || used;
    if (!bad)
        return;
    if (look->n_subs < SUBS_MAX) {
        inner.ident = ident;
        look->subs[look->n_subs] = inner;
    }
    look->n_subs++;
}

static int refuse(struct look *look)
{
    struct fc_acme_call *call = look->call;
    const struct fc_problem *first = &look->subs[0];
    const char *name = fc_acme_problem_quote(call->arena, first->ident->value);

    if (look->n_subs == 1)
        return fc_acme_refuse(call, REJECTED_IDENTIFIER, "%s :: Cannot issue for %s: %s", look->context, name,
                              first->detail);
    fc_acme_refuse(call, REJECTED_IDENTIFIER,
                   "%s :: Cannot issue for %s: %s (and %zu more problems. Refer to sub-problems for more information.)",
                   look->context, name, first->detail, look->n_subs - 1);
    call->problem.subs = look->subs;
    call->problem.n_subs = look->n_subs < SUBS_MAX ? look->n_subs : SUBS_MAX;
    for (size_t i = 0; i < call->problem.n_subs; i++)
        fc_problem_context(&look->subs[i], call->arena, look->context);
    return -1;
}

static int check(struct fc_acme_call *call, struct fc_acme_names *names, const char *const *blocked,
                 const char *context)
{
    const struct fc_policy *policy = fc_acme_policy(call);
    const struct fc_ident_rules rules = {
        .rehearsal = policy->rehearsal, .any = policy->lenient.names, .blocked = blocked};
    struct look look = {.call = call, .rules = &rules, .context = context};

    look.subs = fc_arena_alloc(call->arena, SUBS_MAX * sizeof *look.subs);
    for (size_t i = 0; i < names->count; i++)
        look_at(&look, &names->idents[i], &names->rehearsal[i]);
    if (look.n_subs == 0)
        return 0;
    refuse(&look);
    if (policy->lenient.names)
        call->problem.type = look.subs[0].type; /* Pebble: what is no name is malformed, what is blocked is rejected */
    return -1;
}

int fc_acme_order_decode(struct fc_acme_call *call, struct fc_acme_names *ret_names)
{
    const json_t *items = json_object_get(call->body, "identifiers");
    const char *profile, *replaces;
    bool bad, dated;

    if (!call->body)
        return fc_acme_refuse(call, MALFORMED, "Unable to unmarshal NewOrder request body");
    dated = is_dated(call->body, &bad);
    if (bad || (items && !json_is_null(items) && !json_is_array(items)) ||
        fc_acme_body_text(call->body, "profile", &profile) || fc_acme_body_text(call->body, "replaces", &replaces))
        return fc_acme_refuse(call, MALFORMED, "Unable to unmarshal NewOrder request body");
    if (json_array_size(items) == 0)
        return fc_acme_refuse(call, MALFORMED, "NewOrder request did not specify any identifiers");
    if (dated && fc_acme_departs(call)->no_dates_in_orders)
        return fc_acme_refuse(call, MALFORMED, "NotBefore and NotAfter are not supported");
    if (decode_all(call, items, ret_names))
        return -1;
    return check(call, ret_names, NULL, REQUESTED);
}

/* ---- what the profile says ---- */

static int check_types(struct fc_acme_call *call, const struct fc_profile_version *profile, const char *profile_name,
                       const struct fc_acme_names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        bool dns = names->idents[i].type == FC_IDENT_DNS;
        if (dns ? profile->dns : profile->ip)
            continue;
        const char *who =
            profile_name ? fc_arena_printf(call->arena, "Profile %s", fc_acme_problem_quote(call->arena, profile_name))
                         : "Default profile";
        return fc_problem_set(&call->problem, call->arena,
                              fc_acme_departs(call)->identifier_type_rejected ? FC_PROBLEM_REJECTED_IDENTIFIER
                                                                              : FC_PROBLEM_INVALID_PROFILE,
                              CREATING " :: %s does not permit %s identifiers. See available profiles at "
                                       "https://letsencrypt.org/docs/profiles/.",
                              who, dns ? "DNS" : "IP address");
    }
    return 0;
}

/* D.1, row 19. */
static int check_disabled(struct fc_acme_call *call, const struct fc_acme_names *names)
{
    const struct fc_policy *policy = fc_acme_policy(call);

    for (size_t i = 0; i < names->count; i++) {
        const struct fc_ident *ident = &names->idents[i];
        if (ident->type == FC_IDENT_DNS ? policy->access.no_dns : policy->access.no_ip)
            return fc_acme_refuse(call, REJECTED_IDENTIFIER,
                                  CREATING " :: Cannot issue for %s: The ACME server has disabled this identifier type",
                                  fc_acme_problem_quote(call->arena, ident->value));
    }
    return 0;
}

/* ---- recursive on-demand issuance (D.1): a server that orders a certificate for whatever name it is called by ---- */

static bool is_listed(const char *const *labels, const char *label, size_t len)
{
    while (*labels && (strlen(*labels) != len || memcmp(*labels, label, len) != 0))
        labels++;
    return *labels;
}

/* Four labels or more, and one of the list twice in a row, or any three of it in a row. */
static bool is_recursive(const char *const *labels, const char *name)
{
    const char *before = NULL;
    size_t before_len = 0, in_a_row = 0, count = 0;
    bool found = false;

    for (const char *label = name;; label += before_len + 1) {
        size_t len = strcspn(label, ".");
        bool listed = is_listed(labels, label, len);
        in_a_row = listed ? in_a_row + 1 : 0;
        found = found || in_a_row == 3 || (listed && before && len == before_len && memcmp(label, before, len) == 0);
        before = label;
        before_len = len;
        count++;
        if (label[len] == '\0')
            return found && count >= 4;
    }
}

int fc_acme_order_on_demand(struct fc_acme_call *call, const struct fc_acme_names *names)
{
    const char *const *labels = (const char *const *)fc_acme_policy(call)->access.on_demand_labels;

    for (size_t i = 0; labels && i < names->count; i++) {
        const struct fc_ident *ident = &names->idents[i];
        if (ident->type == FC_IDENT_DNS && is_recursive(labels, ident->value))
            return fc_acme_refuse(call, REJECTED_IDENTIFIER,
                                  "Disallowed identifier requested :: Cannot issue for %s: domain name contains too "
                                  "many subdomain labels indicative of recursive on-demand issuance",
                                  fc_acme_problem_quote(call->arena, ident->value));
    }
    return 0;
}

/* "www.x" beside "*.x" (D.1). */
static int check_overlap(struct fc_acme_call *call, const struct fc_acme_names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        const struct fc_ident *ident = &names->idents[i];
        const char *dot = ident->type == FC_IDENT_DNS ? strchr(ident->value, '.') : NULL;
        if (!dot || fc_ident_wildcard(ident))
            continue;
        const struct fc_ident wildcard = {FC_IDENT_DNS, fc_arena_printf(call->arena, "*%s", dot)};
        if (bsearch(&wildcard, names->idents, names->count, sizeof wildcard, fc_ident_compare))
            return fc_acme_refuse(
                call, MALFORMED,
                CREATING " :: Domain name %s is redundant with a wildcard domain in the same request. Remove one or "
                         "the other from the certificate request.",
                fc_acme_problem_quote(call->arena, ident->value));
    }
    return 0;
}

int fc_acme_order_names(struct fc_acme_call *call, const struct fc_profile_version *profile, const char *profile_name,
                        struct fc_acme_names *names)
{
    const char *const *blocked = (const char *const *)fc_acme_policy(call)->blocked_names;

    if (profile->accounts && profile_name && !fc_policy_access_lists(profile->accounts, fc_acme_auth_account_id(call)))
        return fc_acme_refuse(call, UNAUTHORIZED,
                              CREATING " :: account ID %" PRId64 " is not permitted to use certificate profile %s",
                              fc_acme_auth_account_id(call), fc_acme_problem_quote(call->arena, profile_name));
    if (names->count > (size_t)profile->max_identifiers)
        return fc_acme_refuse(call, MALFORMED, CREATING " :: Order cannot contain more than %" PRId64 " identifiers",
                              profile->max_identifiers);
    if (check_types(call, profile, profile_name, names) || check_disabled(call, names) ||
        check(call, names, blocked, CREATING))
        return -1;
    return fc_acme_policy(call)->lenient.names ? 0 : check_overlap(call, names);
}
