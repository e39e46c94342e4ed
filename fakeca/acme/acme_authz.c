#include "acme/acme_int.h"

#include <string.h>

#include "store/store_order.h"

#define MISSING "No such authorization"

int fc_acme_authz_open(struct fc_acme_call *call, const char *missing, struct fc_authz *ret_authz)
{
    int64_t account_id, id;

    if (fc_acme_body_id(call->req->params[1], &id))
        return fc_acme_refuse(call, MALFORMED, "Invalid authorization ID");
    if (fc_store_authz_get(call->acme->p.store, call->arena, id, ret_authz, &call->err)) {
        if (fc_acme_problem_caught(call, FC_E_NOT_FOUND))
            return fc_acme_missing(call, "%s", missing);
        return fc_acme_problem_internal(call, "Problem getting authorization");
    }
    if (fc_acme_body_id(call->req->params[0], &account_id) || ret_authz->account_id != account_id ||
        strcmp(ret_authz->env, call->acme->p.policy->name) != 0)
        return fc_acme_missing(call, "%s", missing);
    return 0;
}

/* Nothing is shown past its expiry, whatever became of it (G.4). */
static int check(struct fc_acme_call *call, const struct fc_authz *authz)
{
    int64_t who = fc_acme_auth_account_id(call);

    if (call->now > authz->expires_at)
        return fc_acme_missing(call, "Expired authorization");
    if (who && who != authz->account_id && !fc_acme_departs(call)->authz_existence_shown)
        return fc_acme_missing(call, MISSING);
    if (who && who != authz->account_id)
        return fc_acme_refuse(call, UNAUTHORIZED, "Account ID doesn't match ID for authorization");
    return 0;
}

/* Inside a write; a final status stays. */
static int deactivate(struct fc_acme_call *call, struct fc_authz *authz)
{
    const struct fc_event_about about = {.env = authz->env, .account_id = authz->account_id, .authz_id = authz->id};
    const char *status;

    if (fc_acme_body_text(call->body, "status", &status))
        return fc_acme_refuse(call, MALFORMED, "Error unmarshaling JSON");
    if (!status || strcmp(status, "deactivated") != 0)
        return fc_acme_refuse(call, MALFORMED, "Invalid status value");
    if (authz->stored != FC_STATUS_PENDING && authz->stored != FC_STATUS_VALID)
        return 0;
    /* a client that gives up what is pending has failed */
    if (authz->stored == FC_STATUS_PENDING &&
        fc_acme_limits_failed(call->acme, authz, call->now, call->arena, &call->err))
        return fc_acme_problem_internal(call, "Error deactivating authorization");
    authz->stored = FC_STATUS_DEACTIVATED;
    if (fc_store_authz_update(call->acme->p.store, authz, &call->err))
        return fc_acme_problem_internal(call, "Error deactivating authorization");
    fc_events_add(call->acme->p.events, FC_EVENT_AUTHZ_DEACTIVATED, call->now, &about,
                  json_pack("{s:s}", "identifier", fc_acme_render_authz_name(call->arena, authz)));
    return 0;
}

static int read_or_change(struct fc_acme_call *call, struct fc_authz *ret_authz)
{
    struct fc_store_tx tx fc_auto_tx = {0};

    if (fc_store_begin(call->acme->p.store, call->body ? FC_STORE_WRITE : FC_STORE_READ, &tx, &call->err))
        return fc_acme_problem_internal(call, "Problem getting authorization");
    if (fc_acme_authz_open(call, MISSING, ret_authz) || check(call, ret_authz))
        return -1;
    if (!call->body)
        return 0;
    if (deactivate(call, ret_authz))
        return -1;
    return fc_store_commit(&tx, &call->err) ? fc_acme_problem_internal(call, "Error deactivating authorization") : 0;
}

int fc_acme_authz(struct fc_acme_call *call)
{
    struct fc_authz authz;

    if (read_or_change(call, &authz))
        return -1;
    /* Let's Encrypt never says when to come back; a client that has to guess waits for seconds (clients.md C29) */
    if (call->acme->p.pace == FC_PACE_FAST && authz.stored == FC_STATUS_PENDING)
        fc_http_res_set_header(call->res, "Retry-After", "1");
    fc_acme_render_json(call, 200, fc_acme_render_authz(call, &authz));
    return 0;
}
