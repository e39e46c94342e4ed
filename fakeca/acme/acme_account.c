#include "acme/acme_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/base_json.h"

#include "store/store_account.h"

#define BAD_JSON "Error unmarshaling JSON"

/* ---- newAccount ---- */

struct new_account {
    bool terms, only_existing;
    const char *contact; /* JSON array text */
    size_t n_contacts;
    struct fc_acme_external external;
};

/* A member that is true or false; -1 when it is something else. */
static int body_bool(const json_t *body, const char *name, bool *ret_value)
{
    const json_t *value = json_object_get(body, name);

    *ret_value = json_is_true(value);
    return !value || json_is_null(value) || json_is_boolean(value) ? 0 : -1;
}

/* null stands for an empty list, as Go reads it. */
static bool texts_or_nothing(const json_t *value)
{
    size_t i;
    json_t *item;

    if (!value || json_is_null(value))
        return true;
    if (!json_is_array(value))
        return false;
    json_array_foreach(value, i, item)
    {
        if (!json_is_string(item))
            return false;
    }
    return true;
}

static int decode(struct fc_acme_call *call, struct new_account *ret_request)
{
    const json_t *body = call->body;

    if (!body || body_bool(body, "termsOfServiceAgreed", &ret_request->terms) ||
        body_bool(body, "onlyReturnExisting", &ret_request->only_existing) ||
        !texts_or_nothing(json_object_get(body, "contact")))
        return fc_acme_refuse(call, MALFORMED, BAD_JSON);
    return 0;
}

int fc_acme_account_existing(struct fc_acme_call *call, const struct fc_account *account)
{
    if (account->status != FC_STATUS_VALID)
        return fc_problem_set_status(&call->problem, call->arena, FC_PROBLEM_UNAUTHORIZED,
                                     fc_acme_departs(call)->dead_account_forbidden ? 403 : 401,
                                     "An account with the provided public key exists but is %s",
                                     fc_status_name(account->status));
    fc_http_res_set_header(call->res, "Location", fc_acme_render_account_url(call, account->id));
    fc_http_res_set_header(call->res, "Boulder-Requester",
                           fc_arena_printf(call->arena, "%lld", (long long)account->id));
    fc_acme_render_json(call, 200, fc_acme_render_account(call, account));
    return 0;
}

static int find_by_key(struct fc_acme_call *call, const char *thumbprint, struct fc_account *ret_account)
{
    const struct fc_acme *acme = call->acme;

    return fc_store_account_by_key(acme->p.store, call->arena, acme->p.policy->name, thumbprint, ret_account,
                                   &call->err);
}

/* 1: there is one, 0: none, -1: the store failed. */
static int look_up(struct fc_acme_call *call, const char *thumbprint, struct fc_account *ret_account)
{
    struct fc_store_tx tx fc_auto_tx = {0};

    if (fc_store_begin(call->acme->p.store, FC_STORE_READ, &tx, &call->err))
        return -1;
    if (find_by_key(call, thumbprint, ret_account) == 0)
        return 1;
    return fc_acme_problem_caught(call, FC_E_NOT_FOUND) ? 0 : -1;
}

/* Two requests with one new key may come at once: the second finds the first one's account (*ret_created false). */
static int create(struct fc_acme_call *call, const struct new_account *request, struct fc_account *account,
                  bool *ret_created)
{
    struct fc_store *store = call->acme->p.store;
    struct fc_store_tx tx fc_auto_tx = {0};

    if (fc_store_begin(store, FC_STORE_WRITE, &tx, &call->err))
        return -1;
    *ret_created = false;
    struct fc_account existing;
    if (find_by_key(call, account->thumbprint, &existing) == 0) {
        *account = existing;
        return 0;
    }
    if (!fc_acme_problem_caught(call, FC_E_NOT_FOUND) || fc_acme_limits_register(call) ||
        fc_store_account_insert(store, account, &call->err) ||
        fc_acme_external_use(call, &request->external, account->id))
        return -1;
    const struct fc_event_about about = {.env = account->env, .account_id = account->id};
    fc_events_add(call->acme->p.events, FC_EVENT_ACCOUNT_CREATED, call->now, &about,
                  json_pack("{s:s,s:I}", "key", fc_acme_keys_text(call->arena, call->key), "contacts",
                            (json_int_t)request->n_contacts));
    *ret_created = true;
    return fc_store_commit(&tx, &call->err);
}

static int answer_created(struct fc_acme_call *call, const struct fc_account *account)
{
    fc_http_res_set_header(call->res, "Location", fc_acme_render_account_url(call, account->id));
    fc_http_res_set_header(call->res, "Boulder-Requester",
                           fc_arena_printf(call->arena, "%lld", (long long)account->id));
    fc_acme_render_link(call, fc_acme_policy(call)->directory.terms_of_service, "terms-of-service");
    fc_acme_render_json(call, 201, fc_acme_render_account(call, account));
    return 0;
}

static int make(struct fc_acme_call *call, const struct new_account *request, const char *thumbprint)
{
    const struct fc_policy *policy = fc_acme_policy(call);
    fc_auto_json jwk = fc_key_to_jwk(call->key);
    char *jwk_text = fc_json_text(jwk);
    bool created;

    fc_arena_defer(call->arena, free, jwk_text);
    struct fc_account account = {.env = policy->name,
                                 .jwk = jwk_text,
                                 .thumbprint = thumbprint,
                                 .status = FC_STATUS_VALID,
                                 .contact = policy->departs.contact_not_stored ? NULL : request->contact,
                                 .terms_agreed = true,
                                 .terms = fc_policy_at(policy, call->now)->directory.terms_of_service,
                                 .external = request->external.text,
                                 .created_at = call->now};
    if (create(call, request, &account, &created)) {
        if (call->problem.type != FC_PROBLEM_NONE)
            return -1;
        return fc_acme_problem_internal(call, "Error creating new account");
    }
    return created ? answer_created(call, &account) : fc_acme_account_existing(call, &account);
}

/* Let's Encrypt calls it malformed (G.3); Pebble says what RFC 8555 section 7.3.3 says. */
static int refuse_terms(struct fc_acme_call *call)
{
    const struct fc_policy *policy = fc_acme_policy(call);

    if (!policy->lenient.names && policy->departs.terms_change_ignored)
        return fc_acme_refuse(call, MALFORMED, "must agree to terms of service");
    fc_acme_render_link(call, policy->directory.terms_of_service, "terms-of-service");
    return fc_acme_refuse(call, USER_ACTION_REQUIRED, "must agree to terms of service");
}

int fc_acme_new_account(struct fc_acme_call *call)
{
    struct new_account request = {0};
    char thumbprint[FC_KEY_THUMB_LEN + 1];
    struct fc_account account;

    if (decode(call, &request))
        return -1;
    fc_key_thumbprint(call->key, thumbprint);
    int found = look_up(call, thumbprint, &account);
    if (found < 0)
        return fc_acme_problem_internal(call, "check for existing account");
    if (found)
        return fc_acme_account_existing(call, &account);
    if (request.only_existing)
        return fc_acme_refuse(call, ACCOUNT_DOES_NOT_EXIST, "No account exists with the provided key");
    if (!request.terms)
        return refuse_terms(call);
    if (fc_acme_external_check(call, &request.external) ||
        fc_acme_contact_check(call, "Error validating contact(s)", &request.contact, &request.n_contacts))
        return -1;
    return make(call, &request, thumbprint);
}

/* ---- terms that changed (RFC 8555 section 7.3.3) ---- */

/* An account of an earlier schema agreed to whatever there was. */
static bool terms_changed(const struct fc_acme_call *call, const struct fc_account *account)
{
    const struct fc_policy *policy = fc_acme_policy(call);

    return !policy->departs.terms_change_ignored && account->terms &&
           strcmp(account->terms, policy->directory.terms_of_service) != 0;
}

int fc_acme_terms_check(struct fc_acme_call *call)
{
    if (!call->signer || call->route->at == FC_FAULT_AT_ACCOUNT || !terms_changed(call, &call->signer->account))
        return 0;
    call->problem.instance = fc_acme_policy(call)->directory.terms_of_service;
    return fc_acme_refuse(call, USER_ACTION_REQUIRED,
                          "Terms of service have changed: agree to them by termsOfServiceAgreed in the account");
}

/* Whether the request agrees to the terms of now; then they are put into the account. */
static bool agrees(struct fc_acme_call *call, struct fc_account *account)
{
    if (!json_is_true(json_object_get(call->body, "termsOfServiceAgreed")) || !terms_changed(call, account))
        return false;
    account->terms = fc_acme_policy(call)->directory.terms_of_service;
    return true;
}

/* ---- the account itself ---- */

static int check_path(struct fc_acme_call *call)
{
    const char *text = call->req->params[0];
    int64_t id;

    if (fc_acme_body_id(text, &id))
        return fc_acme_refuse(call, MALFORMED, "Account ID must be an integer");
    if (id != fc_acme_auth_account_id(call))
        return fc_acme_refuse(call, UNAUTHORIZED, "Request signing key did not match account key");
    return 0;
}

static int save(struct fc_acme_call *call, const struct fc_account *account)
{
    struct fc_store *store = call->acme->p.store;
    struct fc_store_tx tx fc_auto_tx = {0};
    const struct fc_event_about about = {.env = account->env, .account_id = account->id};

    if (fc_store_begin(store, FC_STORE_WRITE, &tx, &call->err) || fc_store_account_update(store, account, &call->err))
        return -1;
    fc_events_add(call->acme->p.events, FC_EVENT_ACCOUNT_UPDATED, call->now, &about,
                  json_pack("{s:s}", "status", fc_status_name(account->status)));
    if (fc_store_commit(&tx, &call->err))
        return -1;
    fc_acme_keys_forget(call->acme->keys, account->id);
    return 0;
}

/* *ret_changed: something is to be kept. */
static int update(struct fc_acme_call *call, struct fc_account *account, bool *ret_changed)
{
    const char *status, *contact;
    size_t n_contacts;

    *ret_changed = agrees(call, account);
    if (fc_acme_body_text(call->body, "status", &status) || !texts_or_nothing(json_object_get(call->body, "contact")))
        return fc_acme_refuse(call, MALFORMED, BAD_JSON);
    bool ignored = !fc_acme_departs(call)->account_status_refused && status && strcmp(status, "deactivated") != 0;
    if (!status || ignored || strcmp(status, "") == 0 || strcmp(status, "valid") == 0) {
        /* where contacts are not kept an update of them is accepted and ignored (G.3) */
        if (fc_acme_departs(call)->contact_not_stored || !json_object_get(call->body, "contact"))
            return 0;
        if (fc_acme_contact_check(call, "Unable to update account", &contact, &n_contacts))
            return -1;
        account->contact = contact;
        *ret_changed = true;
        return 0;
    }
    if (strcmp(status, "deactivated") != 0)
        return fc_acme_refuse(
            call, MALFORMED,
            "Unable to update account :: invalid status %s for account update request, must be \"valid\" or "
            "\"deactivated\"",
            fc_acme_problem_quote(call->arena, status));
    account->status = FC_STATUS_DEACTIVATED;
    *ret_changed = true;
    return 0;
}

int fc_acme_account(struct fc_acme_call *call)
{
    struct fc_account account = call->signer->account;
    bool changed = false;

    if (check_path(call) || (call->body && update(call, &account, &changed)))
        return -1;
    if (changed && save(call, &account))
        return fc_acme_problem_internal(call, "Unable to update account");
    fc_acme_render_link(call, fc_acme_policy(call)->directory.terms_of_service, "terms-of-service");
    fc_acme_render_json(call, 200, fc_acme_render_account(call, &account));
    return 0;
}
