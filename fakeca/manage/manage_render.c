/* Rows as the API shows them. */
#include "manage/manage_int.h"

#include <string.h>

#include "base/base_time.h"
#include "ca/ca.h"
#include "model/model.h"

json_t *fc_manage_render_time(int64_t at)
{
    char text[FC_TIME_TEXT_MAX];
    return at ? json_string(fc_time_rfc3339(at, text)) : json_null();
}

json_t *fc_manage_render_text(const char *text)
{
    json_t *value = text ? json_string(text) : NULL;
    return value ? value : json_null();
}

/* A JSON text that we stored ourselves; null when there is none. */
static json_t *stored_json(const char *text)
{
    json_t *value = NULL;

    if (text && fc_json_parse(text, strlen(text), &value, NULL) == 0)
        return value;
    return json_null();
}

static json_t *ident_json(const struct fc_ident *ident)
{
    return json_pack("{s:s,s:s}", "type", fc_ident_type_name(ident->type), "value", ident->value);
}

/* "P-256", "RSA-2048": from the members of the JWK alone, for this is asked for each row of a list. */
static json_t *key_text(const char *jwk)
{
    fc_auto_json value = stored_json(jwk);
    const char *curve = json_string_value(json_object_get(value, "crv"));
    size_t digits = json_string_length(json_object_get(value, "n"));

    if (curve)
        return json_string(curve);
    return digits ? json_sprintf("RSA-%zu", digits * 3 / 4 * 8) : json_null();
}

json_t *fc_manage_render_account(const struct fc_account *account)
{
    json_t *contact = account->contact ? stored_json(account->contact) : json_array();

    return json_pack("{s:I,s:s,s:s,s:o,s:o,s:s,s:o}", "id", (json_int_t)account->id, "environment", account->env,
                     "status", fc_status_name(account->status), "contact", contact, "key", key_text(account->jwk),
                     "thumbprint", account->thumbprint, "created_at", fc_manage_render_time(account->created_at));
}

json_t *fc_manage_render_order(const struct fc_order *order, const struct fc_authz *authzs, int64_t now)
{
    json_t *idents = json_array();

    for (size_t i = 0; i < order->n_idents; i++)
        json_array_append_new(idents, ident_json(&order->idents[i]));
    return json_pack("{s:I,s:s,s:I,s:s,s:o,s:o,s:o,s:o,s:o,s:o}", "id", (json_int_t)order->id, "environment",
                     order->env, "account", (json_int_t)order->account_id, "status",
                     fc_status_name(fc_order_status(order, authzs, now)), "profile",
                     fc_manage_render_text(order->profile), "identifiers", idents, "created_at",
                     fc_manage_render_time(order->created_at), "expires_at", fc_manage_render_time(order->expires_at),
                     "serial", fc_manage_render_text(order->serial), "error", stored_json(order->error));
}

/* The challenge that was attempted; null before. */
static json_t *challenge_json(const struct fc_authz *authz)
{
    enum fc_status status = FC_STATUS_VALID;

    if (!authz->attempted)
        return json_null();
    if (authz->processing)
        status = FC_STATUS_PROCESSING;
    else if (authz->error)
        status = FC_STATUS_INVALID;
    return json_pack("{s:s,s:s,s:o,s:o,s:o}", "type", authz->attempted, "status", fc_status_name(status),
                     "validated_at", fc_manage_render_time(authz->validated_at), "error", stored_json(authz->error),
                     "record", stored_json(authz->record));
}

json_t *fc_manage_render_authz(const struct fc_authz *authz, int64_t now)
{
    return json_pack("{s:I,s:o,s:b,s:s,s:o,s:o}", "id", (json_int_t)authz->id, "identifier", ident_json(&authz->ident),
                     "wildcard", authz->wildcard, "status", fc_status_name(fc_authz_status(authz, now)), "expires_at",
                     fc_manage_render_time(authz->expires_at), "challenge", challenge_json(authz));
}

/* Policy name of the CA certificate that signed; null when it is not there any more. */
static json_t *issuer_name(const struct fc_manage *manage, const struct fc_certificate *certificate)
{
    const struct fc_manage_env *env = fc_manage_find_env(manage, certificate->env);
    struct fc_ca_info info;

    for (size_t i = 0; env && fc_ca_info(env->ca, i, &info); i++)
        if (info.id == certificate->issuer_id)
            return json_string(info.name);
    return json_null();
}

json_t *fc_manage_render_chains(const struct fc_manage_env *env, const char *issuer, int64_t now)
{
    const char *names[FC_CA_CHAIN_MAX];
    json_t *chains = json_array();
    size_t count;

    for (size_t n = 0; (count = fc_ca_chain_names(env->ca, issuer, now, n, names)) > 0; n++) {
        json_t *served = json_array();
        for (size_t i = 0; i + 1 < count; i++)
            json_array_append_new(served, json_string(names[i]));
        json_array_append_new(chains, json_pack("{s:o,s:s?}", "certificates", served, "root", names[count - 1]));
    }
    return chains;
}

static const char *certificate_status(const struct fc_certificate *certificate, int64_t now)
{
    enum fc_status status = fc_certificate_status(certificate, now);

    /* the clock was put back behind its beginning */
    if (status == FC_STATUS_VALID && now < certificate->not_before)
        return "not yet valid";
    return fc_status_name(status);
}

json_t *fc_manage_render_certificate(const struct fc_manage *manage, const struct fc_certificate *certificate,
                                     int64_t number, int64_t now)
{
    bool revoked = certificate->revoked_at != 0;
    json_t *idents = json_array();

    for (size_t i = 0; i < certificate->n_idents; i++)
        json_array_append_new(idents, json_string(certificate->idents[i].value));
    return json_pack(
        "{s:I,s:s,s:s,s:I,s:I,s:o,s:o,s:o,s:s,s:o,s:o,s:o,s:o,s:o,s:o}", "number", (json_int_t)number, "serial",
        certificate->serial, "environment", certificate->env, "account", (json_int_t)certificate->account_id, "order",
        (json_int_t)certificate->order_id, "profile", fc_manage_render_text(certificate->profile), "issuer",
        issuer_name(manage, certificate), "identifiers", idents, "status", certificate_status(certificate, now),
        "issued_at", fc_manage_render_time(certificate->issued_at), "not_before",
        fc_manage_render_time(certificate->not_before), "not_after", fc_manage_render_time(certificate->not_after),
        "renew_at", fc_manage_render_time(fc_manage_due_renew_at(certificate)), "revoked_at",
        fc_manage_render_time(certificate->revoked_at), "reason",
        revoked ? json_integer(certificate->reason) : json_null());
}
