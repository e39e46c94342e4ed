#include "acme/acme_int.h"

#include <string.h>

#include "base/base_clock.h"
#include "base/base_time.h"
#include "http/http_wait.h"

#include "store/store_order.h"
#include "va/va.h"

#define HOLD (250 * FC_MS)
#define MISSING "No such challenge"
#define UPDATE "Unable to update challenge"

/* The challenge of the path: its type; a challenge that is not listed (any more) is not there. */
static const char *find_type(const struct fc_acme_call *call, const struct fc_authz *authz)
{
    char id[FC_CHALLENGE_ID_LEN + 1];

    for (const char *const *type = fc_acme_render_types(call, authz); *type; type++) {
        fc_challenge_id(authz->token, *type, id);
        if (strcmp(id, call->req->params[2]) == 0)
            return *type;
    }
    return NULL;
}

/* Inside a transaction. */
static int open_challenge(struct fc_acme_call *call, struct fc_authz *ret_authz, const char **ret_type)
{
    int64_t who = fc_acme_auth_account_id(call);

    if (fc_acme_authz_open(call, MISSING, ret_authz))
        return -1;
    *ret_type = find_type(call, ret_authz);
    if (!*ret_type)
        return fc_acme_missing(call, MISSING);
    if (call->now > ret_authz->expires_at)
        return fc_acme_missing(call, "Expired authorization");
    if (who && who != ret_authz->account_id)
        return fc_acme_refuse(call, UNAUTHORIZED, "User account ID doesn't match account ID in authorization");
    return 0;
}

static int answer(struct fc_acme_call *call, const struct fc_authz *authz, const char *type)
{
    json_t *challenge = fc_acme_render_challenge(call, authz, type);
    const char *url = fc_arena_strdup(call->arena, json_string_value(json_object_get(challenge, "url")));

    fc_http_res_set_header(call->res, "Location", url);
    fc_acme_render_link(call, fc_acme_render_authz_url(call, authz->account_id, authz->id), "up");
    if (call->acme->p.pace == FC_PACE_FAST && authz->stored == FC_STATUS_PENDING)
        fc_http_res_set_header(call->res, "Retry-After", "1");
    fc_acme_render_json(call, 200, challenge);
    return 0;
}

static int show(struct fc_acme_call *call)
{
    struct fc_store_tx tx fc_auto_tx = {0};
    struct fc_authz authz;
    const char *type;

    if (fc_store_begin(call->acme->p.store, FC_STORE_READ, &tx, &call->err))
        return fc_acme_problem_internal(call, "Problem getting authorization");
    if (open_challenge(call, &authz, &type))
        return -1;
    fc_store_end(&tx);
    return answer(call, &authz, type);
}

/* ---- start ---- */

/* A fault may have offered a type that nobody knows. */
static bool is_method(const char *type)
{
    for (const char *const *method = fc_va_methods(); *method; method++)
        if (strcmp(*method, type) == 0)
            return true;
    return false;
}

/* Inside the write; *ret_started false: nothing to do, it is decided or under way. */
static int begin_attempt(struct fc_acme_call *call, struct fc_authz *authz, const char *type, bool *ret_started)
{
    const struct fc_event_about about = {.env = authz->env, .account_id = authz->account_id, .authz_id = authz->id};

    *ret_started = false;
    if (authz->stored == FC_STATUS_VALID || (authz->stored == FC_STATUS_PENDING && authz->processing))
        return 0;
    if (authz->stored != FC_STATUS_PENDING)
        return fc_acme_refuse(call, MALFORMED, UPDATE " :: authorization must be pending");
    if (!is_method(type))
        return fc_acme_refuse(call, MALFORMED, UPDATE " :: challenge type %s cannot be validated",
                              fc_acme_problem_quote(call->arena, type));
    if (fc_store_authz_attempt(call->acme->p.store, authz->id, type, call->now, &call->err))
        return fc_acme_problem_internal(call, UPDATE);
    fc_events_add(call->acme->p.events, FC_EVENT_CHALLENGE_STARTED, call->now, &about,
                  json_pack("{s:s,s:s}", "identifier", fc_acme_render_authz_name(call->arena, authz), "method", type));
    authz->attempted = type;
    authz->processing = true;
    authz->validated_at = call->now;
    *ret_started = true;
    return 0;
}

static int commit_attempt(struct fc_acme_call *call, struct fc_authz *ret_authz, const char **ret_type,
                          bool *ret_started)
{
    struct fc_store_tx tx fc_auto_tx = {0};

    if (fc_store_begin(call->acme->p.store, FC_STORE_WRITE, &tx, &call->err))
        return fc_acme_problem_internal(call, UPDATE);
    if (open_challenge(call, ret_authz, ret_type) || begin_attempt(call, ret_authz, *ret_type, ret_started))
        return -1;
    if (*ret_started && fc_store_commit(&tx, &call->err))
        return fc_acme_problem_internal(call, UPDATE);
    return 0;
}

/* Holds the request until the verdict; who asks again while it is under way waits for the same one. */
static int hold(struct fc_acme_call *call, struct fc_http_wait *latch)
{
    call->res->wait = latch;
    call->res->wait_until = fc_clock_mono() + HOLD;
    return 0;
}

static int start(struct fc_acme_call *call)
{
    bool fast = call->acme->p.pace == FC_PACE_FAST, started = false;
    const struct fc_acme_asker asker = {.thumbprint = call->signer->account.thumbprint,
                                        .account_url = fc_acme_render_account_url(call, call->signer->account.id)};
    struct fc_http_wait *latch = NULL;
    struct fc_authz authz;
    const char *type;

    if (commit_attempt(call, &authz, &type, &started))
        return -1;
    if (started && fc_acme_attempt_start(call->acme, &authz, &asker, fast ? &latch : NULL, &call->err)) {
        fc_acme_attempt_undo(call->acme, &authz);
        return fc_acme_problem_internal(call, UPDATE);
    }
    if (!started && authz.processing) {
        latch = fast ? fc_acme_attempt_latch(call->acme, authz.id) : NULL;
        if (!latch)
            return show(call); /* decided between the two looks, or nothing to wait for */
    }
    return latch ? hold(call, latch) : answer(call, &authz, type);
}

int fc_acme_challenge(struct fc_acme_call *call)
{
    return call->body && !call->resumed ? start(call) : show(call);
}
