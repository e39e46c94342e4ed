/* RFC 8555 section 7.3.5; texts of letsencrypt.md G.3. */
#include "acme/acme_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/base_json.h"

#include "store/store_account.h"
#include "store/store_reuse.h"

#define CONTEXT "Unable to validate JWS"
#define NO_OLD_KEY "Inner JWS does not contain old key field matching current account key"

static int compare_urls(struct fc_acme_call *call, const struct fc_jws *inner)
{
    if (!inner->url || !*inner->url)
        return fc_acme_refuse(call, MALFORMED, "Inner JWS header parameter 'url' required");
    if (strcmp(inner->url, call->jws.url) != 0)
        return fc_acme_refuse(call, MALFORMED, "Outer JWS 'url' value %s does not match inner JWS 'url' value %s",
                              fc_acme_problem_quote(call->arena, call->jws.url),
                              fc_acme_problem_quote(call->arena, inner->url));
    return 0;
}

static int check_old_key(struct fc_acme_call *call, const json_t *old_jwk)
{
    struct fc_key *old_key;

    if (!old_jwk || json_is_null(old_jwk))
        return fc_acme_refuse(call, MALFORMED, NO_OLD_KEY);
    if (fc_key_from_jwk(old_jwk, &old_key, NULL))
        return fc_acme_refuse(call, MALFORMED, "Inner JWS payload did not parse as JSON key rollover object");
    bool same = fc_key_equal(old_key, call->signer->key);
    fc_key_free(old_key);
    return same ? 0 : fc_acme_refuse(call, MALFORMED, NO_OLD_KEY);
}

/* The inner object; *ret_account is what it says of the account, "" when it says nothing. */
static int read_payload(struct fc_acme_call *call, const struct fc_jws *inner, const char **ret_account)
{
    fc_auto_json payload = NULL;

    if (fc_json_parse(inner->payload, inner->payload_len, &payload, NULL) || !json_is_object(payload) ||
        fc_acme_body_text(payload, "account", ret_account))
        return fc_acme_refuse(call, MALFORMED, "Inner JWS payload did not parse as JSON key rollover object");
    *ret_account = fc_arena_strdup(call->arena, *ret_account ? *ret_account : "");
    return check_old_key(call, json_object_get(payload, "oldKey"));
}

static int check_inner(struct fc_acme_call *call, struct fc_key **ret_key, const char **ret_account)
{
    const char *const *algs = (const char *const *)fc_acme_policy(call)->requests.signature_algorithms;
    struct fc_jws inner = {0};
    enum fc_jws_fault fault = fc_jws_parse(call->arena, call->jws.payload, call->jws.payload_len, algs, &inner);

    if (fault != FC_JWS_OK)
        return fc_acme_auth_fault(call, fault, &inner);
    if (inner.kid && *inner.kid)
        return fc_acme_refuse(call, MALFORMED,
                              inner.jwk ? "jwk and kid header fields are mutually exclusive"
                                        : "No embedded JWK in JWS header");
    if (fc_acme_auth_jwk(call, &inner, ret_key) || fc_acme_auth_key_policy(call, *ret_key))
        return -1;
    if (fc_jws_verify(&inner, *ret_key, NULL))
        return fc_acme_refuse(call, MALFORMED, "Inner JWS does not verify with embedded JWK");
    return compare_urls(call, &inner) || read_payload(call, &inner, ret_account) ? -1 : 0;
}

/* ---- the change ---- */

static int conflict(struct fc_acme_call *call, int64_t owner)
{
    call->problem.location = fc_acme_render_account_url(call, owner);
    bool named = fc_acme_departs(call)->conflict_type;
    return fc_problem_set_status(&call->problem, call->arena, named ? FC_PROBLEM_CONFLICT : FC_PROBLEM_MALFORMED, 409,
                                 "New key is already in use for a different account");
}

/* *ret_owner: the account that has the key already; 0 when it was changed. */
static int change(struct fc_acme_call *call, const struct fc_account *account, const struct fc_key *key,
                  int64_t *ret_owner)
{
    struct fc_store *store = call->acme->p.store;
    struct fc_store_tx tx fc_auto_tx = {0};
    const struct fc_event_about about = {.env = account->env, .account_id = account->id};
    struct fc_account other;

    if (fc_store_begin(store, FC_STORE_WRITE, &tx, &call->err))
        return -1;
    if (fc_store_account_by_key(store, call->arena, account->env, account->thumbprint, &other, &call->err) == 0) {
        *ret_owner = other.id;
        return 0;
    }
    if (!fc_acme_problem_caught(call, FC_E_NOT_FOUND) ||
        fc_store_reuse_set_key(store, account->id, account->jwk, account->thumbprint, &call->err))
        return -1;
    fc_events_add(call->acme->p.events, FC_EVENT_ACCOUNT_KEY, call->now, &about,
                  json_pack("{s:s}", "key", fc_acme_keys_text(call->arena, key)));
    if (fc_store_commit(&tx, &call->err))
        return -1;
    *ret_owner = 0;
    fc_acme_keys_forget(call->acme->keys, account->id);
    return 0;
}

static int roll_over(struct fc_acme_call *call, const struct fc_key *key)
{
    struct fc_account account = call->signer->account;
    fc_auto_json jwk = fc_key_to_jwk(key);
    char *jwk_text = fc_json_text(jwk);
    char thumbprint[FC_KEY_THUMB_LEN + 1];
    int64_t owner;

    fc_arena_defer(call->arena, free, jwk_text);
    fc_key_thumbprint(key, thumbprint);
    account.jwk = jwk_text;
    account.thumbprint = thumbprint;
    if (change(call, &account, key, &owner))
        return fc_acme_problem_internal(call, "Unable to update account with new key");
    if (owner)
        return conflict(call, owner);
    fc_acme_render_json(call, 200, fc_acme_render_account(call, &account));
    return 0;
}

int fc_acme_key_change(struct fc_acme_call *call)
{
    const char *account;
    struct fc_key *key;

    if (check_inner(call, &key, &account))
        return call->problem.type == FC_PROBLEM_SERVER_INTERNAL
                   ? -1
                   : fc_problem_context(&call->problem, call->arena, CONTEXT);
    if (strcmp(account, call->jws.kid) != 0)
        return fc_acme_refuse(
            call, MALFORMED, "Inner key rollover request specified Account %s, but outer JWS has Key ID %s",
            fc_acme_problem_quote(call->arena, account), fc_acme_problem_quote(call->arena, call->jws.kid));
    if (fc_key_equal(key, call->signer->key))
        return fc_acme_departs(call)->same_key_malformed
                   ? fc_acme_refuse(call, MALFORMED, "New key specified by rollover request is the same as the old key")
                   : conflict(call, call->signer->account.id);
    return roll_over(call, key);
}
