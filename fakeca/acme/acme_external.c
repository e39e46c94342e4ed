#include "acme/acme_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/base_json.h"

#include "store/store_external.h"

#define CONTEXT "Unable to verify external account binding"

static const char *const algorithms[] = {"HS256", "HS384", "HS512", NULL};

static int read_key(struct fc_acme_call *call, const char *kid, struct fc_store_external *ret_key)
{
    struct fc_store_tx tx fc_auto_tx = {0};

    if (fc_store_begin(call->acme->p.store, FC_STORE_READ, &tx, &call->err))
        return -1;
    return fc_store_external_get(call->acme->p.store, call->arena, call->acme->p.policy->name, kid, ret_key,
                                 &call->err);
}

/* The payload is the account's key, and nothing else. */
static bool names_account_key(const struct fc_acme_call *call, const struct fc_jws *binding)
{
    fc_auto_json jwk = NULL;
    struct fc_key *key;

    if (fc_json_parse(binding->payload, binding->payload_len, &jwk, NULL) || fc_key_from_jwk(jwk, &key, NULL))
        return false;
    bool same = fc_key_equal(key, call->key);
    fc_key_free(key);
    return same;
}

static int check_header(struct fc_acme_call *call, const char *text, struct fc_jws *ret_binding)
{
    enum fc_jws_fault fault = fc_jws_parse(call->arena, text, strlen(text), algorithms, ret_binding);

    if (fault == FC_JWS_ALGORITHM)
        return fc_acme_refuse(call, MALFORMED, "its algorithm is none of HS256, HS384 and HS512");
    if (fault != FC_JWS_OK)
        return fc_acme_refuse(call, MALFORMED, "it is no JWS in flattened form");
    if (ret_binding->nonce)
        return fc_acme_refuse(call, MALFORMED, "it must not have a nonce");
    if (ret_binding->jwk || ret_binding->jwk_malformed || !ret_binding->kid || !*ret_binding->kid)
        return fc_acme_refuse(call, MALFORMED, "it must name its key by kid");
    if (!ret_binding->url || strcmp(ret_binding->url, call->jws.url) != 0)
        return fc_acme_refuse(call, MALFORMED, "its url differs from that of the request");
    if (!names_account_key(call, ret_binding))
        return fc_acme_refuse(call, MALFORMED, "its payload is not the account's key");
    return 0;
}

static int verify(struct fc_acme_call *call, const char *text, struct fc_acme_external *ret_external)
{
    struct fc_jws binding = {0};
    struct fc_store_external key = {0};

    if (check_header(call, text, &binding))
        return -1;
    if (read_key(call, binding.kid, &key)) {
        if (!fc_acme_problem_caught(call, FC_E_NOT_FOUND))
            return fc_acme_problem_internal(call, CONTEXT);
        return fc_acme_refuse(call, UNAUTHORIZED, "its key is not known");
    }
    if (!fc_jws_mac_fits(&binding, key.key, key.key_len))
        return fc_acme_refuse(call, UNAUTHORIZED, "its signature is wrong");
    if (key.account_id && !fc_acme_policy(call)->lenient.names)
        return fc_acme_refuse(call, UNAUTHORIZED, "its key is bound to another account");
    ret_external->kid = binding.kid;
    ret_external->text = text;
    return 0;
}

int fc_acme_external_check(struct fc_acme_call *call, struct fc_acme_external *ret_external)
{
    const struct fc_policy *policy = fc_acme_policy(call);
    const json_t *binding = json_object_get(call->body, "externalAccountBinding");

    if (!policy->external_account.offered || !binding || json_is_null(binding))
        return policy->external_account.required
                   ? fc_acme_refuse(call, EXTERNAL_ACCOUNT_REQUIRED, "newAccount request has no externalAccountBinding")
                   : 0;
    if (!json_is_object(binding))
        return fc_acme_refuse(call, MALFORMED, "Error unmarshaling JSON");
    char *text = fc_json_text(binding);
    fc_arena_defer(call->arena, free, text);
    if (verify(call, text, ret_external) == 0)
        return 0;
    return call->problem.type == FC_PROBLEM_SERVER_INTERNAL ? -1
                                                            : fc_problem_context(&call->problem, call->arena, CONTEXT);
}

int fc_acme_external_use(struct fc_acme_call *call, const struct fc_acme_external *external, int64_t account_id)
{
    /* Pebble's keys bind any number of accounts */
    if (!external->kid || fc_acme_policy(call)->lenient.names)
        return 0;
    if (fc_store_external_use(call->acme->p.store, call->acme->p.policy->name, external->kid, account_id, &call->err) ==
        0)
        return 0;
    if (!fc_acme_problem_caught(call, FC_E_BUSY))
        return -1;
    return fc_acme_refuse(call, UNAUTHORIZED, CONTEXT " :: its key is bound to another account");
}
