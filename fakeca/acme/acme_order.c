#include "acme/acme_int.h"

#include <inttypes.h>
#include <string.h>

#include "base/base_b64.h"
#include "base/base_buf.h"
#include "base/base_rand.h"
#include "base/base_time.h"

#include "store/store_cert.h"
#include "store/store_limit.h"
#include "store/store_order.h"
#include "store/store_reuse.h"

#define TOKEN_BYTES 32
#define TYPES_TEXT_MAX 1024

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t whole_seconds(int64_t at)
{
    return at - at % FC_SECOND;
}

/* ---- newOrder: one write transaction ---- */

struct making {
    struct fc_acme_call *call;
    const struct fc_profile_version *profile;   /* NULL: the request names none that there is */
    struct fc_problem unknown_profile, refusal; /* found already; each answers in its turn (letsencrypt.md A.3) */
    struct fc_acme_names *names;
    struct fc_order order;
    struct fc_authz *authzs; /* n_idents of them */
    size_t n_reused;
    struct fc_limits_order limits;
};

/* Only valid authorizations with enough life left are used again (C.2). */
static int find_authz(const struct making *making, const struct fc_ident *ident, struct fc_authz *ret_authz)
{
    struct fc_acme_call *call = making->call;
    const struct fc_policy *policy = fc_acme_policy(call);
    int64_t margin = fc_policy_reuse_margin(policy, making->profile->order_lifetime);
    bool wildcard = fc_ident_wildcard(ident);

    if (policy->reuse.authorizations_off)
        return fc_err_set(&call->err, FC_E_NOT_FOUND, "not used again, by policy");
    if (policy->lenient.authz_anew_percent > (int64_t)fc_rand_below(100))
        return fc_err_set(&call->err, FC_E_NOT_FOUND, "not used again, by chance");
    const struct fc_store_reuse_authz query = {.account_id = making->order.account_id,
                                               .ident = {ident->type, ident->value + (wildcard ? 2 : 0)},
                                               .wildcard = wildcard,
                                               .profile = making->order.profile,
                                               .after = call->now + margin};
    return fc_store_reuse_authz(call->acme->p.store, call->arena, &query, ret_authz, &call->err);
}

static const char *offered_types(const struct fc_acme_call *call, const struct fc_ident *ident)
{
    const struct fc_policy *policy = fc_acme_policy(call);
    const char **methods = ident->type == FC_IDENT_IP ? policy->validation.methods_ip
                           : fc_ident_wildcard(ident) ? policy->validation.methods_wildcard
                                                      : policy->validation.methods_dns;
    const struct fc_fault *fault = fc_acme_fault_find(call, FC_FAULT_OFFER);
    struct fc_buf types fc_auto_buf = {0};

    if (fault)
        methods = (const char **)(uintptr_t)fault->types;
    fc_buf_init(&types, TYPES_TEXT_MAX);
    for (const char **method = methods; method && *method; method++)
        fc_buf_printf(&types, "%s%s", method == methods ? "" : ",", *method);
    return fc_arena_strndup(call->arena, types.data, types.len);
}

static const char *new_token(struct fc_arena *arena)
{
    unsigned char bytes[TOKEN_BYTES];
    char *token = fc_arena_alloc(arena, FC_B64URL_LEN(TOKEN_BYTES) + 1);

    fc_rand_bytes(bytes, sizeof bytes);
    fc_b64url_encode(bytes, sizeof bytes, token);
    return token;
}

static int make_authz(const struct making *making, const struct fc_ident *ident, struct fc_authz *ret_authz)
{
    struct fc_acme_call *call = making->call;
    bool wildcard = fc_ident_wildcard(ident);

    *ret_authz = (struct fc_authz){
        .account_id = making->order.account_id,
        .env = making->order.env,
        .profile = making->order.profile,
        .ident = {ident->type, ident->value + (wildcard ? 2 : 0)},
        .wildcard = wildcard,
        .stored = FC_STATUS_PENDING,
        .token = new_token(call->arena),
        .types = offered_types(call, ident),
        .created_at = call->now,
        .expires_at = whole_seconds(call->now + making->profile->pending_authz_lifetime),
    };
    return fc_store_authz_insert(call->acme->p.store, ret_authz, &call->err);
}

/* Re-used ones first, then new ones (C.3); clients must not pair them with the identifiers by index. */
static int collect_authzs(struct making *making)
{
    struct fc_acme_call *call = making->call;
    const struct fc_acme_names *names = making->names;
    const struct fc_ident **missing = fc_arena_alloc(call->arena, names->count * sizeof(struct fc_ident *));
    size_t n_missing = 0;

    for (size_t i = 0; i < names->count; i++) {
        if (find_authz(making, &names->idents[i], &making->authzs[making->n_reused]) == 0)
            making->n_reused++;
        else if (fc_acme_problem_caught(call, FC_E_NOT_FOUND))
            missing[n_missing++] = &names->idents[i];
        else
            return -1;
    }
    for (size_t i = 0; i < n_missing; i++)
        if (make_authz(making, missing[i], &making->authzs[making->n_reused + i]))
            return -1;
    return 0;
}

static void add_events(const struct making *making)
{
    struct fc_acme_call *call = making->call;
    struct fc_events *events = call->acme->p.events;
    const struct fc_order *order = &making->order;
    const struct fc_acme_names *names = making->names;
    struct fc_event_about about = {.env = order->env, .account_id = order->account_id, .order_id = order->id};
    char expires[FC_TIME_TEXT_MAX];

    json_t *data = json_pack("{s:o,s:s}", "identifiers", fc_acme_render_names(order->idents, order->n_idents),
                             "expires", fc_time_rfc3339(order->expires_at, expires));
    if (order->profile)
        json_object_set_new(data, "profile", json_string(order->profile));
    if (order->replaces)
        json_object_set_new(data, "replaces", json_string(order->replaces));
    fc_events_add(events, FC_EVENT_ORDER_CREATED, call->now, &about, data);
    for (size_t i = 0; i < names->count; i++)
        if (names->rehearsal[i])
            fc_events_add(events, FC_EVENT_REHEARSAL_USED, call->now, &about,
                          json_pack("{s:s,s:s}", "what", "identifier", "value", names->idents[i].value));
    for (size_t i = 0; i < order->n_authz; i++) {
        about.authz_id = making->authzs[i].id;
        fc_events_add(events, FC_EVENT_AUTHZ_CREATED, call->now, &about,
                      json_pack("{s:s,s:b}", "identifier", fc_acme_render_authz_name(call->arena, &making->authzs[i]),
                                "reused", i < making->n_reused));
    }
}

static int insert_order(struct making *making)
{
    struct fc_acme_call *call = making->call;
    struct fc_order *order = &making->order;

    order->expires_at = call->now + making->profile->order_lifetime;
    order->authz_ids = fc_arena_alloc(call->arena, order->n_authz * sizeof *order->authz_ids);
    for (size_t i = 0; i < order->n_authz; i++) {
        order->authz_ids[i] = making->authzs[i].id;
        order->expires_at = least(order->expires_at, making->authzs[i].expires_at);
    }
    order->expires_at = whole_seconds(order->expires_at);
    return fc_store_order_insert(call->acme->p.store, order, &call->err);
}

/* The order that this request asks for again: the first to expire of anybody's for the set, and only if it is this account's,
 * pending or ready, and of the same profile (C.2). 1: found, 0: none, -1: the store failed. */
static int find_order(struct making *making)
{
    struct fc_acme_call *call = making->call;
    struct fc_store *store = call->acme->p.store;
    const struct fc_store_reuse_order query = {
        .env = making->order.env, .idents = making->names->idents, .n_idents = making->names->count, .now = call->now};
    struct fc_authz *authzs;
    struct fc_order old;

    if (fc_acme_policy(call)->lenient.no_order_reuse || fc_acme_policy(call)->reuse.orders_off)
        return 0;
    if (fc_store_reuse_order(store, call->arena, &query, &old, &call->err))
        return fc_acme_problem_caught(call, FC_E_NOT_FOUND) ? 0 : -1;
    if (old.account_id != making->order.account_id)
        return 0;
    if (fc_store_authz_of_order(store, call->arena, &old, &authzs, &call->err))
        return -1;
    enum fc_status status = fc_order_status(&old, authzs, call->now);
    bool same_profile = strcmp(old.profile ? old.profile : "", making->order.profile ? making->order.profile : "") == 0;
    if (!same_profile || (status != FC_STATUS_PENDING && status != FC_STATUS_READY))
        return 0;
    making->order = old;
    making->authzs = authzs;
    return 1;
}

static int check_account(struct fc_acme_call *call)
{
    const struct fc_policy *policy = fc_acme_policy(call);

    if (!fc_policy_access_lists(policy->access.blocked_accounts, fc_acme_auth_account_id(call)))
        return 0;
    return fc_acme_refuse(call, UNAUTHORIZED, "Account blocked :: %s", policy->access.blocked_reason);
}

/* Renewals are not looked at. */
static int check_on_demand(struct making *making)
{
    struct fc_acme_call *call = making->call;
    const struct fc_policy *policy = fc_acme_policy(call);
    int64_t issued;

    if (!policy->access.on_demand_labels || making->limits.ari)
        return 0;
    if (fc_store_limit_issued(call->acme->p.store, call->arena, policy->name, making->names->idents,
                              making->names->count, &issued, &call->err))
        return -1;
    if (issued != INT64_MIN && issued > call->now - policy->limits.renewal_window)
        return 0;
    return fc_acme_order_on_demand(call, making->names);
}

static struct fc_problem put_off(struct fc_acme_call *call)
{
    struct fc_problem problem = call->problem;

    call->problem = (struct fc_problem){0};
    return problem;
}

static int in_its_turn(struct fc_acme_call *call, const struct fc_problem *problem)
{
    if (problem->type == FC_PROBLEM_NONE)
        return 0;
    call->problem = *problem;
    return -1;
}

/* Orders of too many names are refused without a look at the limits. */
static int check_limits(struct making *making)
{
    if (making->names->count > (size_t)making->profile->max_identifiers)
        return 0;
    return fc_acme_limits_order(making->call, &making->limits);
}

/* The checks in the order of letsencrypt.md A.3, from the paused identifiers on. */
static int check_allowed(struct making *making)
{
    struct fc_acme_call *call = making->call;

    if (fc_acme_limits_paused(call, making->names))
        return -1;
    if (making->order.replaces &&
        fc_acme_renewal_replaces(call, making->order.replaces, making->names, &making->limits.ari))
        return -1;
    if (check_on_demand(making) || in_its_turn(call, &making->unknown_profile))
        return -1;
    return check_limits(making) || in_its_turn(call, &making->refusal) ? -1 : 0;
}

static int make_order(struct making *making)
{
    struct fc_acme_call *call = making->call;
    struct fc_store_tx tx fc_auto_tx = {0};

    if (fc_store_begin(call->acme->p.store, FC_STORE_WRITE, &tx, &call->err))
        return -1;
    making->limits = (struct fc_limits_order){.idents = making->names->idents, .count = making->names->count};
    if (check_allowed(making))
        return -1;
    int found = find_order(making);
    if (found < 0 || (found == 0 && (collect_authzs(making) || insert_order(making))))
        return -1;
    /* an order that is handed out again has cost one too (A.3) */
    if (fc_acme_limits_spend_order(call, &making->limits, making->order.id))
        return -1;
    if (found == 0)
        add_events(making);
    return fc_store_commit(&tx, &call->err);
}

/* Where renewal information is off nobody heard of `replaces`. */
static int read_replaces(struct fc_acme_call *call, const char **ret_certid)
{
    const char *certid;

    if (!fc_acme_routes_offers(call, FC_ACME_NEEDS_RENEWAL_INFO))
        return 0;
    if (fc_acme_body_text(call->body, "replaces", &certid))
        return -1;
    *ret_certid = certid && *certid ? certid : NULL;
    return 0;
}

/* Each that is offered replaces the choice with probability 1/k. */
static const char *any_profile(const struct fc_policy *policy)
{
    const char *name = NULL;
    uint64_t k = 0;

    for (size_t i = 0; i < policy->n_profiles; i++)
        if (policy->profiles[i].offered && fc_rand_below(++k) == 0)
            name = policy->profiles[i].name;
    return name;
}

/* The profile, and what the RA checks by it: outside of the write, though refusals come in their turn. */
static void look_at_profile(struct making *making)
{
    struct fc_acme_call *call = making->call;
    const struct fc_policy *policy = fc_acme_policy(call);
    const char *name = making->order.profile;
    const struct fc_profile *profile = fc_policy_profile(policy, name);

    if (!profile || (name && !fc_policy_profile_offered(policy, name, call->now))) {
        (void)fc_acme_refuse(call, INVALID_PROFILE, "profile name %s not recognized",
                             fc_acme_problem_quote(call->arena, name ? name : ""));
        making->unknown_profile = put_off(call);
        return;
    }
    making->profile = fc_profile_at(profile, call->now);
    if (fc_acme_order_names(call, making->profile, name, making->names) ||
        fc_acme_dates_read(call, making->profile, &making->order))
        making->refusal = put_off(call);
}

int fc_acme_new_order(struct fc_acme_call *call)
{
    const struct fc_policy *policy = fc_acme_policy(call);
    struct fc_acme_names names = {0};
    const char *profile_name = NULL, *replaces = NULL;

    if (fc_acme_order_decode(call, &names) || check_account(call))
        return -1;
    if (fc_acme_body_text(call->body, "profile", &profile_name) || read_replaces(call, &replaces))
        return fc_acme_refuse(call, MALFORMED, "Unable to unmarshal NewOrder request body");
    if (profile_name && !*profile_name)
        profile_name = NULL;
    if (!profile_name && policy->lenient.random_profile)
        profile_name = any_profile(policy);
    if (!profile_name && !policy->departs.profile_not_shown)
        profile_name = policy->default_profile;
    struct making making = {
        .call = call,
        .names = &names,
        .order = {.account_id = fc_acme_auth_account_id(call),
                  .env = policy->name,
                  .profile = profile_name,
                  .idents = names.idents,
                  .n_idents = names.count,
                  .n_authz = names.count,
                  .replaces = replaces,
                  .created_at = call->now},
        .authzs = fc_arena_alloc(call->arena, names.count * sizeof(struct fc_authz)),
    };
    look_at_profile(&making);
    if (make_order(&making))
        return call->problem.type ? -1 : fc_acme_problem_internal(call, "Error creating new order");
    fc_acme_order_answer(call, 201, &making.order, fc_order_status(&making.order, making.authzs, call->now));
    return 0;
}

/* ---- newAuthz: pre-authorization (RFC 8555 section 7.4.1) ---- */

static void drop_json(void *value)
{
    json_decref(value);
}

/* One identifier, read and checked as those of an order. */
static int read_identifier(struct fc_acme_call *call, struct fc_acme_names *names)
{
    json_t *one = json_object_get(call->body, "identifier");

    if (!json_is_object(one))
        return fc_acme_refuse(call, MALFORMED, "NewAuthz request did not specify an identifier");
    json_t *list = json_pack("{s:[O]}", "identifiers", one);
    fc_arena_defer(call->arena, drop_json, list);
    call->body = list;
    if (fc_acme_order_decode(call, names))
        return -1;
    if (fc_ident_wildcard(&names->idents[0]))
        return fc_acme_refuse(call, MALFORMED, "NewAuthz request cannot pre-authorize a wildcard name");
    return 0;
}

/* A valid one that can be used again is the answer to a further request. */
static int find_or_make_authz(struct making *making)
{
    struct fc_acme_call *call = making->call;
    struct fc_store_tx tx fc_auto_tx = {0};
    struct fc_event_about about = {.env = making->order.env, .account_id = making->order.account_id};

    if (fc_store_begin(call->acme->p.store, FC_STORE_WRITE, &tx, &call->err))
        return -1;
    bool reused = find_authz(making, &making->names->idents[0], making->authzs) == 0;
    if (!reused && (!fc_acme_problem_caught(call, FC_E_NOT_FOUND) ||
                    make_authz(making, &making->names->idents[0], making->authzs)))
        return -1;
    about.authz_id = making->authzs[0].id;
    fc_events_add(
        call->acme->p.events, FC_EVENT_AUTHZ_CREATED, call->now, &about,
        json_pack("{s:s,s:b}", "identifier", fc_acme_render_authz_name(call->arena, making->authzs), "reused", reused));
    return fc_store_commit(&tx, &call->err);
}

int fc_acme_new_authz(struct fc_acme_call *call)
{
    const struct fc_policy *policy = fc_acme_policy(call);
    const char *profile_name = policy->departs.profile_not_shown ? NULL : policy->default_profile;
    struct fc_acme_names names = {0};
    struct fc_authz authz = {0};
    struct making making = {
        .call = call,
        .profile = fc_profile_at(fc_policy_profile(policy, NULL), call->now),
        .names = &names,
        .order = {.account_id = fc_acme_auth_account_id(call), .env = policy->name, .profile = profile_name},
        .authzs = &authz};

    if (read_identifier(call, &names) || fc_acme_order_names(call, making.profile, profile_name, &names))
        return -1;
    if (find_or_make_authz(&making))
        return fc_acme_problem_internal(call, "Error creating new authorization");
    fc_http_res_set_header(call->res, "Location", fc_acme_render_authz_url(call, authz.account_id, authz.id));
    fc_acme_render_json(call, 201, fc_acme_render_authz(call, &authz));
    return 0;
}

/* ---- reading ---- */

/* "ACCT/ORDER" behind the resource's path. */
static int read_path(struct fc_acme_call *call, int64_t *ret_account, int64_t *ret_order)
{
    const char *path = call->req->params[0];
    const char *slash = strchr(path, '/');

    if (!slash)
        return fc_acme_missing(call, "Invalid request path");
    if (fc_acme_body_id(fc_arena_strndup(call->arena, path, (size_t)(slash - path)), ret_account))
        return fc_acme_refuse(call, MALFORMED, "Invalid account ID");
    if (fc_acme_body_id(slash + 1, ret_order))
        return fc_acme_refuse(call, MALFORMED, "Invalid order ID");
    return 0;
}

static int read_order(struct fc_acme_call *call, int64_t id, struct fc_acme_order_ask *ask,
                      struct fc_acme_order_view *view)
{
    struct fc_store *store = call->acme->p.store;
    struct fc_store_tx tx fc_auto_tx = {0};

    if (fc_store_begin(store, FC_STORE_READ, &tx, &call->err) ||
        fc_store_order_get(store, call->arena, id, &view->order, &call->err) ||
        fc_store_authz_of_order(store, call->arena, &view->order, &view->authzs, &call->err))
        return -1;
    return ask->spki ? fc_store_key_blocked(store, ask->spki, &ask->blocked, &call->err) : 0;
}

static int read_failed(struct fc_acme_call *call, int64_t id)
{
    if (fc_acme_problem_caught(call, FC_E_NOT_FOUND))
        return fc_acme_missing(call, "No order for ID %" PRId64, id);
    return fc_acme_problem_internal(call, fc_arena_printf(call->arena, "Failed to retrieve order for ID %" PRId64, id));
}

/* Any order past its expiry, a valid one too, is not there any more (C.3); others' orders look the same as none. */
static int check_order(struct fc_acme_call *call, const struct fc_order *order, int64_t account_id)
{
    const struct fc_policy *policy = fc_acme_policy(call);
    int64_t who = fc_acme_auth_account_id(call);
    bool expired = call->now > order->expires_at && policy->departs.expired_order_not_found;

    if (expired || strcmp(order->env, policy->name) != 0)
        return fc_acme_missing(call, "No order for ID %" PRId64, order->id);
    if (order->account_id != account_id || (who && order->account_id != who))
        return fc_acme_missing(call, "No order found for account ID %" PRId64, who ? who : account_id);
    return 0;
}

int fc_acme_order_open(struct fc_acme_call *call, struct fc_acme_order_ask *ask, struct fc_acme_order_view *ret_view)
{
    int64_t account_id, id;

    if (read_path(call, &account_id, &id))
        return -1;
    if (ask->finalize && account_id != fc_acme_auth_account_id(call))
        return fc_acme_refuse(call, MALFORMED, "Mismatched account ID");
    if (read_order(call, id, ask, ret_view))
        return read_failed(call, id);
    if (check_order(call, &ret_view->order, account_id))
        return -1;
    ret_view->status = fc_order_status(&ret_view->order, ret_view->authzs, call->now);
    return 0;
}

void fc_acme_order_answer(struct fc_acme_call *call, int status, const struct fc_order *order,
                          enum fc_status order_status)
{
    const char *retry_after =
        fc_arena_printf(call->arena, "%" PRId64, fc_acme_policy(call)->issuance.processing_retry_after_s);

    if (order_status == FC_STATUS_VALID && fc_acme_fault_order_held(call, order->id, &retry_after))
        order_status = FC_STATUS_PROCESSING;
    fc_http_res_set_header(call->res, "Location", fc_acme_render_order_url(call, order));
    if (order_status == FC_STATUS_PROCESSING && retry_after)
        fc_http_res_set_header(call->res, "Retry-After", retry_after);
    fc_acme_render_json(call, status, fc_acme_render_order(call, order, order_status));
}

int fc_acme_order(struct fc_acme_call *call)
{
    struct fc_acme_order_ask ask = {0};
    struct fc_acme_order_view view;

    if (fc_acme_order_open(call, &ask, &view))
        return -1;
    fc_acme_order_answer(call, 200, &view.order, view.status);
    return 0;
}
