#include "acme/acme_int.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/base_assert.h"
#include "base/base_json.h"
#include "base/base_rand.h"
#include "base/base_text.h"
#include "base/base_time.h"

#include "http/http_route.h"

#define TYPES_MAX 16

int fc_acme_body_text(const json_t *body, const char *name, const char **ret_text)
{
    const json_t *value = json_object_get(body, name);

    *ret_text = NULL;
    if (!value || json_is_null(value))
        return 0;
    *ret_text = json_string_value(value);
    return *ret_text ? 0 : -1;
}

int fc_acme_body_id(const char *text, int64_t *ret_id)
{
    return fc_text_int(text, 1, INT64_MAX, ret_id, NULL);
}

/* ---- URLs ---- */

const char *fc_acme_render_url(const struct fc_acme_call *call, const char *format, ...)
{
    char path[256];
    va_list args;

    va_start(args, format);
    int len = vsnprintf(path, sizeof path, format, args);
    va_end(args);
    FC_ASSERT(len >= 0 && (size_t)len < sizeof path);
    return fc_arena_printf(call->arena, "%s%s", call->base,
                           fc_http_route_shown(call->arena, call->acme->p.paths, path));
}

const char *fc_acme_render_account_url(const struct fc_acme_call *call, int64_t id)
{
    return fc_acme_render_url(call, "/acme/acct/%" PRId64, id);
}

const char *fc_acme_render_order_url(const struct fc_acme_call *call, const struct fc_order *order)
{
    return fc_acme_render_url(call, "/acme/order/%" PRId64 "/%" PRId64, order->account_id, order->id);
}

const char *fc_acme_render_authz_url(const struct fc_acme_call *call, int64_t account_id, int64_t id)
{
    return fc_acme_render_url(call, "/acme/authz/%" PRId64 "/%" PRId64, account_id, id);
}

void fc_acme_render_link(struct fc_acme_call *call, const char *url, const char *relation)
{
    fc_http_res_header(call->res, "Link", fc_arena_printf(call->arena, "<%s>;rel=\"%s\"", url, relation));
}

void fc_acme_render_json(struct fc_acme_call *call, int status, json_t *value)
{
    fc_http_res_json(call->req, call->res, status, "application/json", value);
}

/* ---- objects; members in the order of Boulder's structs ---- */

static void set_text(json_t *object, const char *name, const char *text)
{
    json_object_set_new_nocheck(object, name, json_string(text));
}

static void set_time(json_t *object, const char *name, int64_t at)
{
    char text[FC_TIME_TEXT_MAX];

    set_text(object, name, fc_time_rfc3339(at, text));
}

/* A value that was stored as JSON text. */
static void set_stored(json_t *object, const char *name, const char *text)
{
    json_t *value = NULL;

    if (text && fc_json_parse(text, strlen(text), &value, NULL) == 0)
        json_object_set_new_nocheck(object, name, value);
}

static json_t *ident_json(const char *type, const char *value)
{
    json_t *object = json_object();

    set_text(object, "type", type);
    set_text(object, "value", value);
    return object;
}

json_t *fc_acme_render_account(const struct fc_acme_call *call, const struct fc_account *account)
{
    json_t *object = json_object();

    set_stored(object, "key", account->jwk);
    if (!fc_acme_policy(call)->departs.contact_not_stored) {
        set_stored(object, "contact", account->contact);
        json_object_set_new_nocheck(object, "termsOfServiceAgreed", json_boolean(account->terms_agreed));
    }
    set_stored(object, "externalAccountBinding", account->external);
    if (!fc_acme_departs(call)->no_orders_list)
        set_text(object, "orders", fc_acme_render_url(call, "/acme/orders/%" PRId64, account->id));
    set_time(object, "createdAt", account->created_at);
    set_text(object, "status", fc_status_name(account->status));
    return object;
}

json_t *fc_acme_render_order(const struct fc_acme_call *call, const struct fc_order *order, enum fc_status status)
{
    json_t *object = json_object(), *idents = json_array(), *authzs = json_array();

    for (size_t i = 0; i < order->n_idents; i++)
        json_array_append_new(idents, ident_json(fc_ident_type_name(order->idents[i].type), order->idents[i].value));
    for (size_t i = 0; i < order->n_authz; i++)
        json_array_append_new(authzs,
                              json_string(fc_acme_render_authz_url(call, order->account_id, order->authz_ids[i])));
    set_text(object, "status", fc_status_name(status));
    set_time(object, "expires", order->expires_at);
    json_object_set_new_nocheck(object, "identifiers", idents);
    if (order->not_before)
        set_time(object, "notBefore", order->not_before);
    if (order->not_after)
        set_time(object, "notAfter", order->not_after);
    json_object_set_new_nocheck(object, "authorizations", authzs);
    set_text(object, "finalize",
             fc_acme_render_url(call, "/acme/finalize/%" PRId64 "/%" PRId64, order->account_id, order->id));
    if (order->profile)
        set_text(object, "profile", order->profile);
    if (status == FC_STATUS_VALID)
        set_text(object, "certificate", fc_acme_render_url(call, "/acme/cert/%s", order->serial));
    set_stored(object, "error", order->error);
    if (order->replaces)
        set_text(object, "replaces", order->replaces);
    return object;
}

/* Whether the attempt has ended: what was valid or invalid first may be deactivated or revoked since. */
static bool is_decided(const struct fc_authz *authz)
{
    if (!authz->attempted || authz->processing)
        return false;
    return authz->stored == FC_STATUS_VALID || authz->stored == FC_STATUS_INVALID ||
           (authz->stored != FC_STATUS_PENDING && authz->record);
}

static enum fc_status challenge_status(const struct fc_authz *authz)
{
    if (!is_decided(authz))
        return FC_STATUS_PENDING;
    return authz->error ? FC_STATUS_INVALID : FC_STATUS_VALID;
}

/* dns-persist-01 has no token: what must stand in DNS is the same for good (letsencrypt.md B.7). */
static void set_persist(const struct fc_acme_call *call, json_t *object, int64_t account_id)
{
    const struct fc_policy *policy = fc_acme_policy(call);
    json_t *issuers = json_array();

    for (const char **name = policy->directory.caa_identities; *name; name++)
        json_array_append_new(issuers, json_string(*name));
    set_text(object, "accounturi", fc_acme_render_account_url(call, account_id));
    json_object_set_new_nocheck(object, "issuer-domain-names", issuers);
}

json_t *fc_acme_render_challenge(const struct fc_acme_call *call, const struct fc_authz *authz, const char *type)
{
    char id[FC_CHALLENGE_ID_LEN + 1];
    json_t *object = json_object();
    bool decided = is_decided(authz);

    fc_challenge_id(authz->token, type, id);
    set_text(object, "type", type);
    set_text(object, "url",
             fc_acme_render_url(call, "/acme/chall/%" PRId64 "/%" PRId64 "/%s", authz->account_id, authz->id, id));
    bool under_way = authz->processing && authz->attempted && strcmp(authz->attempted, type) == 0 &&
                     !fc_acme_departs(call)->challenge_stays_pending;
    set_text(object, "status", under_way ? "processing" : fc_status_name(challenge_status(authz)));
    if (decided && (!authz->error || fc_acme_departs(call)->validated_on_failure))
        set_time(object, "validated", authz->validated_at);
    if (decided)
        set_stored(object, "error", authz->error);
    if (strcmp(type, "dns-persist-01") == 0)
        set_persist(call, object, authz->account_id);
    else if (strcmp(type, "tokenless-01") != 0) /* which only a fault offers */
        set_text(object, "token", authz->token);
    if (decided)
        set_stored(object, "validationRecord", authz->record);
    return object;
}

const char *const *fc_acme_render_types(const struct fc_acme_call *call, const struct fc_authz *authz)
{
    const char **types = fc_arena_alloc(call->arena, (TYPES_MAX + 1) * sizeof(char *));
    size_t count = 0;

    if (is_decided(authz)) {
        types[0] = authz->attempted;
        return types;
    }
    for (const char *at = authz->types; *at && count < TYPES_MAX; at += *at == ',') {
        size_t len = strcspn(at, ",");
        types[count++] = fc_arena_strndup(call->arena, at, len);
        at += len;
    }
    return types;
}

json_t *fc_acme_render_authz(const struct fc_acme_call *call, const struct fc_authz *authz)
{
    json_t *object = json_object(), *challenges = json_array();

    for (const char *const *type = fc_acme_render_types(call, authz); *type; type++) {
        json_t *challenge = fc_acme_render_challenge(call, authz, *type);
        size_t count = json_array_size(challenges);
        /* Let's Encrypt shuffles them in every answer (C.4); who rehearses quickly gets them in the policy's order */
        bool shuffle = call->acme->p.pace == FC_PACE_LETSENCRYPT;
        json_array_insert_new(challenges, shuffle ? (size_t)fc_rand_below(count + 1) : count, challenge);
    }
    json_object_set_new_nocheck(object, "identifier",
                                ident_json(fc_ident_type_name(authz->ident.type), authz->ident.value));
    set_text(object, "status", fc_status_name(fc_authz_status(authz, call->now)));
    set_time(object, "expires", authz->expires_at);
    json_object_set_new_nocheck(object, "challenges", challenges);
    if (authz->wildcard)
        json_object_set_new_nocheck(object, "wildcard", json_true());
    return object;
}

/* ---- for events ---- */

json_t *fc_acme_render_names(const struct fc_ident *idents, size_t count)
{
    json_t *names = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(names, json_string(idents[i].value));
    return names;
}

const char *fc_acme_render_authz_name(struct fc_arena *arena, const struct fc_authz *authz)
{
    return fc_arena_printf(arena, "%s%s", authz->wildcard ? "*." : "", authz->ident.value);
}
