/* What Pebble does with a request before its ACME handlers see it, and with the answer. */
#include "compat/compat_int.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_b64.h"
#include "base/base_json.h"
#include "base/base_rand.h"
#include "base/base_text.h"
#include "base/base_time.h"

#include "model/model.h"
#include "store/store_external.h"

#define JOSE "application/jose+json"
#define KEY_MAX 1024
#define NEW_NONCE "/acme/new-nonce"
#define AUTHZ "/acme/authz/"
#define ORDER "/acme/order/"
#define FINALIZE "/acme/finalize/"
#define CERT "/acme/cert/"
#define ACCT "/acme/acct/"
#define NO_CHANGE "e30" /* {} */
#define RENEWAL_INFO "/acme/renewal-info"
#define PROBLEM "urn:ietf:params:acme:error:"

/* Suites look for these: lego's for "/certZ/" and "/my-account/", others take a serial from behind "/certZ/". */
const struct fc_http_alias fc_compat_pebble_paths[] = {
    {NEW_NONCE, "/nonce-plz", 0},
    {"/acme/new-acct", "/sign-me-up", 0},
    {"/acme/new-order", "/order-plz", 0},
    {"/acme/revoke-cert", "/revoke-cert", 0},
    {"/acme/key-change", "/rollover-account-key", 0},
    {ACCT, "/my-account/", 0},
    {"/acme/orders/", "/list-orderz/", 0},
    {ORDER, "/my-order/", 1},
    {FINALIZE, "/finalize-order/", 1},
    {AUTHZ, "/authZ/", 1},
    {"/acme/chall/", "/chalZ/", 2},
    {CERT, "/certZ/", 0},
    {RENEWAL_INFO, "/draft-ietf-acme-ari-03/renewalInfo", 0},
    {NULL, NULL, 0},
};

struct fc_compat_pebble *fc_compat_pebble_new(const struct fc_compat_pebble_params *params)
{
    struct fc_compat_pebble *pebble = fc_calloc(1, sizeof *pebble);

    pebble->p = *params;
    pebble->ari = fc_compat_ari_new();
    return pebble;
}

void fc_compat_pebble_free(struct fc_compat_pebble *pebble)
{
    if (!pebble)
        return;
    fc_compat_ari_free(pebble->ari);
    free(pebble);
}

/* ---- keys of external accounts ---- */

static int put_key(const struct fc_compat_pebble *pebble, const char *kid, const char *text, int64_t now,
                   struct fc_err *err)
{
    unsigned char key[KEY_MAX];
    struct fc_store_tx tx fc_auto_tx = {0};
    struct fc_err cause = {0};
    size_t len = strlen(text);

    if (len == 0 || len > sizeof key || fc_b64url_decode(text, len, key, &len))
        return fc_err_set(err, FC_E_USAGE,
                          "config file: 'pebble.externalAccountMACKeys.%.100s' is no base64url of a key", kid);
    const struct fc_store_external external = {
        .kid = kid, .env = pebble->p.env, .key = key, .key_len = len, .created_at = now};
    if (fc_store_begin(pebble->p.store, FC_STORE_WRITE, &tx, err))
        return -1;
    /* a state folder has it from an earlier start */
    if (fc_store_external_insert(pebble->p.store, &external, &cause) && cause.code != FC_E_BUSY)
        return fc_err_set(err, cause.code, "%s", cause.text);
    return fc_store_commit(&tx, err);
}

int fc_compat_pebble_keys(const struct fc_compat_pebble *pebble, int64_t now, struct fc_err *err)
{
    const char *kid;
    json_t *key;

    json_object_foreach((json_t *)(uintptr_t)pebble->p.config->eab_keys, kid, key)
    {
        if (put_key(pebble, kid, json_string_value(key), now, err))
            return -1;
    }
    return 0;
}

/* ---- before ---- */

/* A refusal with what every answer carries: the headers are those of newNonce. */
static void refuse(const struct fc_compat_pebble *pebble, struct fc_http_req *req, struct fc_http_res *res, int status,
                   const char *type, const char *detail)
{
    struct fc_http_req nonce = *req;

    nonce.method = "HEAD";
    nonce.path = NEW_NONCE;
    nonce.query = NULL;
    nonce.body = "";
    nonce.body_len = 0;
    pebble->p.acme(pebble->p.acme_cookie, &nonce, res);
    fc_http_res_json(
        req, res, status, "application/problem+json",
        json_pack("{s:o,s:s,s:i}", "type", json_sprintf("%s%s", PROBLEM, type), "detail", detail, "status", status));
}

/* Whether the request goes on to the ACME server. */
static bool pass(const struct fc_compat_pebble *pebble, struct fc_http_req *req, struct fc_http_res *res)
{
    const char *type = fc_http_req_header(req, "Content-Type");
    const char *agent = fc_http_req_header(req, "User-Agent");

    if (strcmp(req->method, "POST") != 0)
        return true;
    if (!agent || !*agent) {
        refuse(pebble, req, res, 400, "malformed",
               "User-Agent header is missing or empty: RFC 8555 section 6.1 wants one");
        return false;
    }
    if (!type || strcmp(type, JOSE) != 0) {
        refuse(pebble, req, res, 415, "malformed",
               "Invalid Content-Type header on POST. Content-Type must be \"" JOSE "\"");
        return false;
    }
    if ((int64_t)fc_rand_below(100) < pebble->p.config->nonce_reject) {
        refuse(pebble, req, res, 400, "badNonce", "JWS has an invalid anti-replay nonce");
        return false;
    }
    return true;
}

static bool show_set_info(struct fc_compat_pebble *pebble, const char *path, struct fc_http_req *req,
                          struct fc_http_res *res)
{
    if (strcmp(req->method, "GET") != 0 || !fc_text_starts(path, RENEWAL_INFO "/"))
        return false;
    const char *text = fc_compat_ari_get(pebble->ari, req->arena, path + strlen(RENEWAL_INFO "/"));
    if (text)
        fc_http_res_text(req, res, 200, "application/json; charset=utf-8", text);
    return text != NULL;
}

/* ---- after ---- */

static bool says_status(const struct fc_http_res *res, const char *status)
{
    const char *at = res->status == 200 && res->body ? strstr(res->body, "\"status\": \"") : NULL;

    return at && fc_text_starts(at + strlen("\"status\": \""), status);
}

/* Seconds or a date, at random: clients must know both (RFC 9110 section 10.2.3). */
static void retry_after(const struct fc_http_req *req, struct fc_http_res *res, int64_t seconds)
{
    char date[FC_TIME_TEXT_MAX];

    if (seconds <= 0)
        return;
    const char *text = fc_rand_below(2)
                           ? fc_arena_printf(req->arena, "%" PRId64, seconds)
                           : fc_arena_strdup(req->arena, fc_time_http(req->now + seconds * FC_SECOND, date));
    fc_http_res_set_header(res, "Retry-After", text);
}

static void add_retry_after(const struct fc_compat_pebble *pebble, const char *path, const struct fc_http_req *req,
                            struct fc_http_res *res)
{
    const struct fc_compat_config *config = pebble->p.config;

    if (fc_text_starts(path, AUTHZ) && says_status(res, "pending"))
        retry_after(req, res, config->authz_retry_after);
    else if ((fc_text_starts(path, ORDER) || fc_text_starts(path, FINALIZE)) && says_status(res, "processing"))
        retry_after(req, res, config->order_retry_after);
}

/* Pebble has no certificate at its place any more when it was revoked, and suites ask for just that. */
static void hide_revoked(const struct fc_compat_pebble *pebble, const char *path, struct fc_http_req *req,
                         struct fc_http_res *res)
{
    struct fc_certificate certificate;

    if (res->status != 200 || !fc_text_starts(path, CERT))
        return;
    const char *serial = path + strlen(CERT);
    serial = fc_arena_strndup(req->arena, serial, strcspn(serial, "/"));
    if (fc_compat_certificate(pebble, req->arena, serial, &certificate, NULL) || !certificate.revoked_at)
        return;
    fc_http_res_json(req, res, 404, "application/problem+json",
                     json_pack("{s:s,s:s,s:i}", "type", PROBLEM "malformed", "detail",
                               "Certificate not found: it was revoked", "status", 404));
}

/* What our ACME server takes, and Pebble calls a mistake: an update without a change. */
static void refuse_no_update(const char *path, struct fc_http_req *req, struct fc_http_res *res)
{
    fc_auto_json jws = NULL;

    if (res->status != 200 || !fc_text_starts(path, ACCT) || fc_json_parse(req->body, req->body_len, &jws, NULL))
        return;
    const char *payload = json_string_value(json_object_get(jws, "payload"));
    if (payload && strcmp(payload, NO_CHANGE) == 0)
        fc_http_res_json(req, res, 400, "application/problem+json",
                         json_pack("{s:s,s:s,s:i}", "type", PROBLEM "malformed", "detail",
                                   "Use POST-as-GET to retrieve account data instead of doing an empty update",
                                   "status", 400));
}

static void reword(struct fc_http_req *req, struct fc_http_res *res)
{
    const char *type = fc_http_res_get_header(res, "Content-Type");
    fc_auto_json answer = NULL;

    if (!type || !strstr(type, "json") || fc_json_parse(res->body, res->body_len, &answer, NULL))
        return;
    int status = fc_compat_words_answer(req->arena, answer);
    fc_http_res_json(req, res, strstr(type, "problem") && status ? status : res->status, type, json_incref(answer));
}

struct call {
    struct fc_compat_pebble *pebble;
    const char *path; /* by our names */
    void (*resume)(void *cookie, struct fc_http_req *req, struct fc_http_res *res);
    void *resume_cookie;
};

static void after(struct call *call, struct fc_http_req *req, struct fc_http_res *res);

static void resume(void *cookie, struct fc_http_req *req, struct fc_http_res *res)
{
    struct call *call = cookie;

    call->resume(call->resume_cookie, req, res);
    after(call, req, res);
}

/* An answer that is held is made later: then its turn comes. */
static void after(struct call *call, struct fc_http_req *req, struct fc_http_res *res)
{
    if (res->wait) {
        call->resume = res->resume;
        call->resume_cookie = res->resume_cookie;
        res->resume = resume;
        res->resume_cookie = call;
        return;
    }
    add_retry_after(call->pebble, call->path, req, res);
    hide_revoked(call->pebble, call->path, req, res);
    refuse_no_update(call->path, req, res);
    reword(req, res);
}

void fc_compat_pebble_acme(void *cookie, struct fc_http_req *req, struct fc_http_res *res)
{
    struct fc_compat_pebble *pebble = cookie;

    struct call *call = fc_arena_alloc(req->arena, sizeof *call);

    call->pebble = pebble;
    call->path = fc_http_route_own(req->arena, fc_compat_pebble_paths, req->path);
    if (show_set_info(pebble, call->path, req, res) || !pass(pebble, req, res))
        return;
    pebble->p.acme(pebble->p.acme_cookie, req, res);
    after(call, req, res);
}
