/* Shared inside acme/ only: one request on its way, the table of routes, what each file offers the others. */
#ifndef FC_ACME_INT_H
#define FC_ACME_INT_H

#include "acme/acme.h"
#include "events/events.h"
#include "faults/faults.h"
#include "limits/limits.h"
#include "model/model.h"
#include "model/model_problem.h"
#include "pki/pki_jws.h"
#include "pki/pki_key.h"
#include "policy/policy.h"
#include "store/store.h"

#include <jansson.h>
#include <stdatomic.h>

struct fc_acme_nonces;
struct fc_acme_keys;
struct fc_acme_attempts;
struct fc_acme_rechecks;

struct fc_acme {
    struct fc_acme_params p;
    struct fc_acme_nonces *nonces;
    struct fc_acme_keys *keys;
    struct fc_acme_attempts *attempts;
    struct fc_acme_rechecks *rechecks;
};

/* Who may sign a POST. */
enum fc_acme_signer_kind { FC_ACME_KID, FC_ACME_JWK, FC_ACME_EITHER };

/* What the policy must offer for a resource to be there. */
enum fc_acme_needs {
    FC_ACME_NEEDS_NOTHING,
    FC_ACME_NEEDS_RENEWAL_INFO,
    FC_ACME_NEEDS_ORDERS_LIST,
    FC_ACME_NEEDS_PRE_AUTHORIZATION
};

struct fc_acme_call;
struct fc_acme_route {
    const char *pattern; /* behind the environment's prefix */
    enum fc_fault_endpoint at;
    enum fc_acme_needs needs;
    bool get;           /* GET and HEAD without a signature */
    bool get_by_policy; /* the same where departures.unsigned_get says so */
    bool post;
    bool read_only; /* POST is POST-as-GET */
    bool page;      /* for people: POST is not signed */
    enum fc_acme_signer_kind signer;
    /* Fills the response, or returns -1 with call->problem. */
    int (*handle)(struct fc_acme_call *call);
};

/* An account whose key is ready to verify with. Immutable and counted: the cache and any number of calls hold it. */
struct fc_acme_signer {
    atomic_uint refs;
    struct fc_account account;
    struct fc_key *key;
    unsigned char spki[32]; /* SHA-256 of the public key */
};

/* One request. Lives in the request's arena. */
struct fc_acme_call {
    struct fc_acme *acme;
    struct fc_http_req *req;
    struct fc_http_res *res;
    struct fc_arena *arena;
    int64_t now;
    int64_t started_mono;
    bool resumed;                  /* the request was held; the handler now makes the answer */
    bool slowed;                   /* a fault held it before anything was looked at */
    const struct fc_fault *faults; /* rules that it meets; of the arena */
    size_t n_faults;
    void *held;                        /* what the handler keeps for then; arena */
    const struct fc_acme_route *route; /* NULL: unknown path */
    const char *origin;                /* "https://localhost:14000" */
    const char *base;                  /* origin and the environment's prefix */
    const char *path;                  /* of the request, by our names and behind the prefix; NULL: not under it */
    struct fc_problem problem;
    struct fc_err err; /* of the store and the CA; whoever handles one clears it */
    /* of signed requests, when acme_auth has accepted them */
    struct fc_jws jws;
    json_t *body;                        /* payload, owned by the arena; NULL: POST-as-GET or unsigned */
    const struct fc_acme_signer *signer; /* NULL: unsigned, or signed by `key` that belongs to no account */
    struct fc_key *key;                  /* of a request signed by jwk; owned by the arena */
};

/* "return fc_acme_refuse(call, MALFORMED, ...)": sets call->problem, first one wins; always -1. */
#define fc_acme_refuse(call, type, ...) fc_problem_set(&(call)->problem, (call)->arena, FC_PROBLEM_##type, __VA_ARGS__)
/* What is not there is malformed with status 404 (letsencrypt.md G.4). */
#define fc_acme_missing(call, ...)                                                                                     \
    fc_problem_set_status(&(call)->problem, (call)->arena, FC_PROBLEM_MALFORMED, 404, __VA_ARGS__)

/* The rules at the time of the request: any of them may change on a date. */
#define fc_acme_policy(call) fc_policy_at((call)->acme->p.policy, (call)->now)
/* Where the environment departs from the RFC then. */
#define fc_acme_departs(call) (&fc_acme_policy(call)->departs)

/* ---- acme_problem.c ---- */

/* Turns call->err into serverInternal with the context as its detail, logs the cause; always -1. */
int fc_acme_problem_internal(struct fc_acme_call *call, const char *context);
/* Whether call->err is FC_E_NOT_FOUND (or the given code), which it then clears. */
bool fc_acme_problem_caught(struct fc_acme_call *call, enum fc_err_code code);
/* Writes call->problem as the answer. */
void fc_acme_problem_send(struct fc_acme_call *call);
/* The same problem as JSON text, for the rows of orders and authorizations; arena. */
const char *fc_acme_problem_text(struct fc_arena *arena, const struct fc_problem *problem);
/* As Go's %q: in double quotes, with escapes. */
const char *fc_acme_problem_quote(struct fc_arena *arena, const char *text);

/* ---- acme_routes.c ---- */

/* The route of the request's path, with req->params filled; NULL when there is none. */
const struct fc_acme_route *fc_acme_routes_find(struct fc_acme_call *call);
/* What an environment does not offer is not there. */
bool fc_acme_routes_offers(const struct fc_acme_call *call, enum fc_acme_needs needs);
/* Whether the route takes the request's method; *ret_allow is the Allow header. */
bool fc_acme_routes_allows(const struct fc_acme_call *call, const char **ret_allow);

/* ---- acme_nonce.c ---- */

struct fc_acme_nonces *fc_acme_nonce_new(size_t window);
void fc_acme_nonce_free(struct fc_acme_nonces *nonces);
#define FC_ACME_NONCE_LEN 51
void fc_acme_nonce_make(struct fc_acme_nonces *nonces, char ret_text[FC_ACME_NONCE_LEN + 1]);
/* Whether the nonce was good; it is not good a second time. NULL is no nonce. */
bool fc_acme_nonce_use(struct fc_acme_nonces *nonces, const char *text);

/* ---- acme_keys.c ---- */

struct fc_acme_keys *fc_acme_keys_new(void);
void fc_acme_keys_free(struct fc_acme_keys *keys);
/* The account with its key, from the cache or the store; the caller releases. FC_E_NOT_FOUND also for accounts of other
 * environments. Takes the store's lock. */
int fc_acme_keys_get(struct fc_acme *acme, int64_t account_id, struct fc_acme_signer **ret_signer, struct fc_err *err);
void fc_acme_keys_release(struct fc_acme_signer *signer);
/* After the account changed: 0 forgets all. */
void fc_acme_keys_forget(struct fc_acme_keys *keys, int64_t account_id);
/* "P-256", "RSA-2048" */
const char *fc_acme_keys_text(struct fc_arena *arena, const struct fc_key *key);

/* ---- acme_auth.c ---- */

/* letsencrypt.md G.2 in its order, up to the payload; fills the signed part of the call. */
int fc_acme_auth(struct fc_acme_call *call);
/* Why a body is no JWS, as a problem in words of G.2; context "Unable to validate JWS". Always -1. */
int fc_acme_auth_fault(struct fc_acme_call *call, enum fc_jws_fault fault, const struct fc_jws *jws);
/* The key of an embedded JWK (arena) after the look at the algorithm (G.2 steps 4 and 6). */
int fc_acme_auth_jwk(struct fc_acme_call *call, const struct fc_jws *jws, struct fc_key **ret_key);
/* The policy for account keys (G.2 step 11); takes the store's lock. */
int fc_acme_auth_key_policy(struct fc_acme_call *call, const struct fc_key *key);
/* 0 for calls without a signer. */
int64_t fc_acme_auth_account_id(const struct fc_acme_call *call);

/* ---- acme_render.c: URLs, links, objects ---- */

/* A member that is a text: 0 and NULL when absent or null, -1 when it is something else. */
int fc_acme_body_text(const json_t *body, const char *name, const char **ret_text);
/* Decimal id of a path; -1 when it is none. */
int fc_acme_body_id(const char *text, int64_t *ret_id);

const char *fc_acme_render_url(const struct fc_acme_call *call, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
const char *fc_acme_render_account_url(const struct fc_acme_call *call, int64_t id);
const char *fc_acme_render_order_url(const struct fc_acme_call *call, const struct fc_order *order);
const char *fc_acme_render_authz_url(const struct fc_acme_call *call, int64_t account_id, int64_t id);
void fc_acme_render_link(struct fc_acme_call *call, const char *url, const char *relation);
/* Answers with application/json; steals value. */
void fc_acme_render_json(struct fc_acme_call *call, int status, json_t *value);

json_t *fc_acme_render_account(const struct fc_acme_call *call, const struct fc_account *account);
json_t *fc_acme_render_order(const struct fc_acme_call *call, const struct fc_order *order, enum fc_status status);
json_t *fc_acme_render_authz(const struct fc_acme_call *call, const struct fc_authz *authz);
json_t *fc_acme_render_challenge(const struct fc_acme_call *call, const struct fc_authz *authz, const char *type);
/* The types of the challenges that the authorization shows now (letsencrypt.md C.4): NULL-terminated, arena. */
const char *const *fc_acme_render_types(const struct fc_acme_call *call, const struct fc_authz *authz);
/* For events: ["a.test", "*.a.test"], new reference. */
json_t *fc_acme_render_names(const struct fc_ident *idents, size_t count);
/* For events: as the certificate shows it, with "*."; arena. */
const char *fc_acme_render_authz_name(struct fc_arena *arena, const struct fc_authz *authz);

/* ---- acme_fault.c: trouble on request ---- */

/* Finds the rules that the request meets. The route is known, nothing is verified. */
void fc_acme_fault_open(struct fc_acme_call *call);
/* The first rule of that kind, or NULL. */
const struct fc_fault *fc_acme_fault_find(const struct fc_acme_call *call, enum fc_fault_kind kind);
/* Whether the request is to be held first; then res->wait is set. */
bool fc_acme_fault_slow(struct fc_acme_call *call);
/* An answer in the place of the handler's: 1 it is in the response, -1 it is call->problem, 0 none. */
int fc_acme_fault_answer(struct fc_acme_call *call);
/* What is done to the finished answer. */
void fc_acme_fault_alter(struct fc_acme_call *call);
/* Keeps the order in processing, as far as clients see, if a rule says so. */
void fc_acme_fault_hold_order(struct fc_acme_call *call, int64_t order_id);
/* *ret_retry_after: NULL for none. */
bool fc_acme_fault_order_held(const struct fc_acme_call *call, int64_t order_id, const char **ret_retry_after);

/* ---- one resource each ---- */

int fc_acme_directory(struct fc_acme_call *call);
int fc_acme_new_nonce(struct fc_acme_call *call);
int fc_acme_new_account(struct fc_acme_call *call);
int fc_acme_account(struct fc_acme_call *call);
int fc_acme_key_change(struct fc_acme_call *call);
int fc_acme_new_order(struct fc_acme_call *call);
int fc_acme_order(struct fc_acme_call *call);
int fc_acme_authz(struct fc_acme_call *call);
int fc_acme_challenge(struct fc_acme_call *call);
int fc_acme_finalize(struct fc_acme_call *call);
int fc_acme_cert(struct fc_acme_call *call);
int fc_acme_revoke_cert(struct fc_acme_call *call);
int fc_acme_renewal_info(struct fc_acme_call *call);
int fc_acme_orders(struct fc_acme_call *call);
int fc_acme_new_authz(struct fc_acme_call *call);

/* Refuses what accounts ask that agreed to earlier terms of service (RFC 8555 section 7.3.3). */
int fc_acme_terms_check(struct fc_acme_call *call);

/* ---- acme_external.c: external account binding (RFC 8555 section 7.3.4) ---- */

struct fc_acme_external {
    const char *kid;  /* NULL: no binding */
    const char *text; /* the binding as JSON */
};
/* Verifies the binding of a newAccount request; refuses a missing one where the policy wants it. Takes the store's lock. */
int fc_acme_external_check(struct fc_acme_call *call, struct fc_acme_external *ret_external);
/* Inside the write: the key belongs to the account from now on; a key that is used already is refused. */
int fc_acme_external_use(struct fc_acme_call *call, const struct fc_acme_external *external, int64_t account_id);

/* ---- acme_dates.c ---- */

/* notBefore and notAfter of a new order, where the environment takes them; never outside of what the profile gives. */
int fc_acme_dates_read(struct fc_acme_call *call, const struct fc_profile_version *profile, struct fc_order *order);

/* The Location of an existing account's answer and its 200, or the refusal of a dead one (G.3). */
int fc_acme_account_existing(struct fc_acme_call *call, const struct fc_account *account);
/* Contacts of a request, checked (G.3); *ret_json is their JSON array, NULL when none were given. */
int fc_acme_contact_check(struct fc_acme_call *call, const char *context, const char **ret_json, size_t *ret_count);
/* The identifiers of a newOrder request: decoded, checked (D.1 to D.3), sorted, unique. */
struct fc_acme_names {
    struct fc_ident *idents;
    size_t count;
    bool *rehearsal; /* of each: only `rehearsal` let it pass */
};
int fc_acme_order_names(struct fc_acme_call *call, const struct fc_profile_version *profile, const char *profile_name,
                        struct fc_acme_names *ret_names);
/* Shape and identifiers as such, before the profile is known. */
int fc_acme_order_decode(struct fc_acme_call *call, struct fc_acme_names *ret_names);

/* Refuses names that look like recursive on-demand issuance. */
int fc_acme_order_on_demand(struct fc_acme_call *call, const struct fc_acme_names *names);

/* The serial number that a path to renewal information names, "" when it names none. Changes no problem. */
const char *fc_acme_renewal_serial(struct fc_acme_call *call);
/* The member `replaces` of a new order (letsencrypt.md E.5). Inside a transaction. *ret_in_window: now is inside of the window of
 * the certificate, so no rate limit holds (A.4). */
int fc_acme_renewal_replaces(struct fc_acme_call *call, const char *certid, const struct fc_acme_names *names,
                             bool *ret_in_window);

/* Reads the order of path /ACCT/ORDER with its authorizations; the refusals of letsencrypt.md G.4. */
struct fc_acme_order_view {
    struct fc_order order;
    struct fc_authz *authzs;
    enum fc_status status;
};
/* finalize: a foreign account is "Mismatched account ID". spki of a CSR's key (or NULL): whether it is blocked. */
struct fc_acme_order_ask {
    bool finalize;
    const unsigned char *spki;
    bool blocked; /* out */
};
int fc_acme_order_open(struct fc_acme_call *call, struct fc_acme_order_ask *ask, struct fc_acme_order_view *ret_view);
/* Location, Retry-After and the object. */
void fc_acme_order_answer(struct fc_acme_call *call, int status, const struct fc_order *order,
                          enum fc_status order_status);

/* Reads the authorization of path /ACCT/AUTHZ inside a transaction. missing: the text of the 404. */
int fc_acme_authz_open(struct fc_acme_call *call, const char *missing, struct fc_authz *ret_authz);

/* ---- acme_attempt.c: validations under way ---- */

struct fc_acme_attempts *fc_acme_attempt_new(void);
void fc_acme_attempt_free(struct fc_acme_attempts *attempts);
/* Hands an attempt that is committed to the VA. *ret_latch (may be NULL): signalled when it is decided, the caller releases. */
struct fc_acme_asker {
    const char *thumbprint;  /* of the account's key */
    const char *account_url; /* as the client knows it; NULL: nobody knows */
};
int fc_acme_attempt_start(struct fc_acme *acme, const struct fc_authz *authz, const struct fc_acme_asker *asker,
                          struct fc_http_wait **ret_latch, struct fc_err *err);
/* The VA did not take it: the attempt did not happen, and may be made again. Takes the store's lock. */
void fc_acme_attempt_undo(struct fc_acme *acme, struct fc_authz *authz);
/* The latch of an attempt under way, NULL when there is none. */
struct fc_http_wait *fc_acme_attempt_latch(struct fc_acme *acme, int64_t authz_id);
/* After a restart: begins again what was under way. */
int fc_acme_attempt_resume(struct fc_acme *acme, struct fc_err *err);

/* ---- acme_recheck.c ---- */

struct fc_acme_rechecks *fc_acme_rechecks_new(void);
/* After the VA has stopped. */
void fc_acme_rechecks_free(struct fc_acme_rechecks *rechecks);
struct fc_acme_recheck;
/* Asks the VA for CAA of each name of the order that was validated too long ago and holds the request; *ret_recheck NULL: there is
 * none. -1 with call->err when the VA takes no more. */
int fc_acme_recheck_start(struct fc_acme_call *call, const struct fc_acme_order_view *view,
                          struct fc_acme_recheck **ret_recheck);
/* In the resumed request: 0 when all passed; -1 with call->problem, or with call->err when there is no result. */
int fc_acme_recheck_result(struct fc_acme_call *call, const struct fc_acme_recheck *recheck);

/* ---- acme_limits.c: rate limits; without params.limits nothing happens ---- */

/* Inside a write: a new account from the request's address. -1 with call->problem, or with call->err. */
int fc_acme_limits_register(struct fc_acme_call *call);
/* Inside a transaction: refuses an order that names a paused identifier. */
int fc_acme_limits_paused(struct fc_acme_call *call, const struct fc_acme_names *names);
/* Inside a write: whether an order is allowed; then, when it is made (or an old one is found), spends it. */
int fc_acme_limits_order(struct fc_acme_call *call, struct fc_limits_order *order);
int fc_acme_limits_spend_order(struct fc_acme_call *call, const struct fc_limits_order *order, int64_t order_id);
/* Inside a write: a validation failed, or its pending authorization was deactivated; or it succeeded. */
int fc_acme_limits_failed(struct fc_acme *acme, const struct fc_authz *authz, int64_t now, struct fc_arena *arena,
                          struct fc_err *err);
int fc_acme_limits_validated(struct fc_acme *acme, const struct fc_authz *authz, int64_t now, struct fc_arena *arena,
                             struct fc_err *err);
/* Inside a write, before the certificate's row. */
int fc_acme_limits_issued(struct fc_acme *acme, const struct fc_certificate *certificate, struct fc_err *err);
/* Whether the load balancer would take the request: -1 with a 503. */
int fc_acme_limits_gate(struct fc_acme_call *call);

/* ---- acme_pause.c: the page behind the link that a paused account is told ---- */

int fc_acme_pause_form(struct fc_acme_call *call);
int fc_acme_pause_end(struct fc_acme_call *call);
int fc_acme_pause_status(struct fc_acme_call *call);

/* ---- acme_issue.c ---- */

struct fc_csr;
/* Makes the certificate of an order; FC_E_AGAIN: the issuer is not ready. No lock is held. */
int fc_acme_issue_make(struct fc_acme *acme, const struct fc_order *order, const struct fc_csr *csr, int64_t now,
                       struct fc_arena *arena, struct fc_certificate *ret_certificate, struct fc_err *err);
/* Inside a write: the certificate's row, the order's end, the event. */
int fc_acme_issue_store(struct fc_acme *acme, const struct fc_certificate *certificate, struct fc_err *err);
/* Inside a write: the order ends with a problem. */
int fc_acme_issue_fail(struct fc_acme *acme, const struct fc_order *order, const struct fc_problem *problem,
                       int64_t now, struct fc_arena *arena, struct fc_err *err);
/* Leaves the order (0: every unfinished one) to the job loop. */
void fc_acme_issue_post(struct fc_acme *acme, int64_t order_id);

#endif
