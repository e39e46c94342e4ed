/* Where the rate limits meet the protocol: asked and spent in the transaction that carries the facts, so that whatever fails
 * afterwards gives back what was spent. A denial writes nothing but its event. */
#include "acme/acme_int.h"

#include <inttypes.h>
#include <string.h>

#include "base/base_clock.h"
#include "base/base_text.h"
#include "base/base_time.h"

#include "limits/limits_gate.h"
#include "limits/limits_storage.h"

#include "acme/acme_pause.h"

/* One use of the limiter. */
struct use {
    struct fc_limits_store place;
    struct fc_limits_storage storage;
    struct fc_limits_call call;
};

static void use_init(struct use *use, const struct fc_acme *acme, struct fc_arena *arena, int64_t now)
{
    use->place = (struct fc_limits_store){.store = acme->p.store, .env = acme->p.policy->name, .arena = arena};
    use->storage = fc_limits_storage_store(&use->place);
    use->call = (struct fc_limits_call){.limits = acme->p.limits, .storage = &use->storage, .arena = arena, .now = now};
}

/* ---- the refusal ---- */

static void put_text(json_t *data, const char *name, const char *text)
{
    json_t *value = text ? json_string(text) : NULL;

    if (value)
        json_object_set_new(data, name, value);
}

/* What was asked for, by whom. */
static json_t *request_data(const struct fc_acme_call *call)
{
    json_t *data = json_object();

    put_text(data, "method", call->req->method);
    put_text(data, "path", call->req->path);
    put_text(data, "client", fc_http_req_header(call->req, "User-Agent"));
    put_text(data, "peer", call->req->peer);
    return data;
}

static int refuse(struct fc_acme_call *call, const struct fc_limits_denial *denial, json_t *idents)
{
    const struct fc_acme *acme = call->acme;
    const struct fc_event_about about = {.env = acme->p.policy->name, .account_id = fc_acme_auth_account_id(call)};
    char when[FC_TIME_TEXT_MAX], period[FC_TIME_TEXT_MAX];
    struct fc_clock_view clock;
    json_t *data = request_data(call);

    put_text(data, "limit", fc_policy_limit_name(denial->limit));
    put_text(data, "key", denial->key + 2);
    json_object_set_new(data, "allowed", json_integer(denial->rule.burst));
    put_text(data, "period", fc_duration_text(denial->rule.period, period));
    put_text(data, "retry_after", fc_time_rfc3339(denial->retry_at, when));
    fc_clock_read(acme->p.clock, &clock);
    put_text(data, "note", clock.frozen ? " (the clock is frozen: that does not come by itself)" : "");
    if (idents)
        json_object_set_new(data, "identifiers", idents);
    fc_events_note(acme->p.events, FC_EVENT_LIMIT_DENIED, call->now, &about, data);
    fc_limits_told(acme->p.limits, denial->retry_at);
    call->problem.retry_after_s = denial->retry_after_s;
    call->problem.help_url = fc_acme_policy(call)->directory.rate_limits_url;
    return fc_acme_refuse(call, RATE_LIMITED, "%s", denial->detail);
}

/* ---- accounts ---- */

/* "127.0.0.1:51234", "[::1]:51234" without the port. */
static const char *peer_address(const struct fc_acme_call *call)
{
    const char *peer = call->req->peer ? call->req->peer : "", *colon = strrchr(peer, ':');
    size_t len = colon ? (size_t)(colon - peer) : strlen(peer);
    bool bracket = peer[0] == '[' && len > 2;

    return fc_arena_strndup(call->arena, bracket ? peer + 1 : peer, bracket ? len - 2 : len);
}

int fc_acme_limits_register(struct fc_acme_call *call)
{
    struct fc_limits_denial denial;
    struct use use;

    if (!call->acme->p.limits)
        return 0;
    use_init(&use, call->acme, call->arena, call->now);
    int result = fc_limits_registration(&use.call, peer_address(call), false, &denial, &call->err);
    return result == 1 ? refuse(call, &denial, NULL) : result;
}

/* ---- orders ---- */

int fc_acme_limits_paused(struct fc_acme_call *call, const struct fc_acme_names *names)
{
    return call->acme->p.limits ? fc_acme_pause_check(call, names->idents, names->count) : 0;
}

int fc_acme_limits_order(struct fc_acme_call *call, struct fc_limits_order *order)
{
    struct fc_limits_denial denial;
    struct use use;

    if (!call->acme->p.limits)
        return 0;
    use_init(&use, call->acme, call->arena, call->now);
    use.call.account_id = fc_acme_auth_account_id(call);
    order->dry = true;
    int result = fc_limits_order(&use.call, order, &denial, &call->err);
    return result == 1 ? refuse(call, &denial, fc_acme_render_names(order->idents, order->count)) : result;
}

int fc_acme_limits_spend_order(struct fc_acme_call *call, const struct fc_limits_order *order, int64_t order_id)
{
    struct use use;

    if (!call->acme->p.limits)
        return 0;
    use_init(&use, call->acme, call->arena, call->now);
    use.call.account_id = fc_acme_auth_account_id(call);
    use.call.order_id = order_id;
    return fc_limits_spend_order(&use.call, order, &call->err);
}

/* ---- validations ---- */

int fc_acme_limits_failed(struct fc_acme *acme, const struct fc_authz *authz, int64_t now, struct fc_arena *arena,
                          struct fc_err *err)
{
    const char *ident = fc_acme_render_authz_name(arena, authz);
    struct use use;
    bool pause;

    if (!acme->p.limits)
        return 0;
    use_init(&use, acme, arena, now);
    use.call.account_id = authz->account_id;
    if (fc_limits_failed(&use.call, ident, &pause, err))
        return -1;
    return pause ? fc_acme_pause_begin(acme, authz, now, arena, err) : 0;
}

int fc_acme_limits_validated(struct fc_acme *acme, const struct fc_authz *authz, int64_t now, struct fc_arena *arena,
                             struct fc_err *err)
{
    struct use use;

    if (!acme->p.limits)
        return 0;
    use_init(&use, acme, arena, now);
    use.call.account_id = authz->account_id;
    return fc_limits_validated(&use.call, fc_acme_render_authz_name(arena, authz), err);
}

/* ---- certificates ---- */

int fc_acme_limits_issued(struct fc_acme *acme, const struct fc_certificate *certificate, struct fc_err *err)
{
    fc_auto(fc_arena_free) struct fc_arena *arena = NULL;
    struct use use;

    if (!acme->p.limits)
        return 0;
    arena = fc_arena_new();
    use_init(&use, acme, arena, certificate->issued_at);
    use.call.account_id = certificate->account_id;
    use.call.order_id = certificate->order_id;
    return fc_limits_issued(&use.call, certificate->idents, certificate->n_idents, err);
}

/* ---- the load balancer ---- */

/* By the names that the policy knows: the directory has two here. */
static const char *limited_path(const struct fc_acme_call *call)
{
    return strcmp(call->path, "/dir") == 0 ? "/directory" : call->path;
}

int fc_acme_limits_gate(struct fc_acme_call *call)
{
    const struct fc_acme *acme = call->acme;
    const struct fc_event_about about = {.env = acme->p.policy->name};
    int64_t wait;

    if (!acme->p.gate || !call->path)
        return 0;
    const struct fc_limits_gate_request request = {
        .path = limited_path(call), .address = peer_address(call), .now = call->now, .mono = call->started_mono};
    const struct fc_policy_endpoint *full = fc_limits_gate_full(acme->p.gate, &request, &wait);
    if (!full)
        return 0;
    json_t *data = request_data(call);
    put_text(data, "endpoint", full->name);
    json_object_set_new(data, "per_second", json_integer((json_int_t)full->per_second));
    fc_events_note(acme->p.events, FC_EVENT_LIMIT_BUSY, call->now, &about, data);
    call->problem.retry_after_s = (wait + FC_SECOND - 1) / FC_SECOND;
    return fc_problem_set_status(&call->problem, call->arena, FC_PROBLEM_RATE_LIMITED, 503,
                                 "Service busy; retry later.");
}
