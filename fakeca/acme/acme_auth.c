/* The envelope of a signed request: letsencrypt.md G.2, each step in its place. */
#include "acme/acme_int.h"

#include <string.h>

#include "base/base_b64.h"
#include "base/base_buf.h"
#include "base/base_json.h"
#include "base/base_text.h"

#include "store/store_cert.h"

#define CONTENT_TYPE "application/jose+json"
#define VALIDATE "Unable to validate JWS"
#define REVOKE "Unable to revoke"
#define ALGORITHMS_MAX 256

static void drop_json(void *value)
{
    json_decref(value);
}

static void drop_key(void *key)
{
    fc_key_free(key);
}

static void drop_signer(void *signer)
{
    fc_acme_keys_release(signer);
}

/* ---- steps 1 and 2 ---- */

static int check_headers(struct fc_acme_call *call)
{
    const char *type = fc_http_req_header(call->req, "Content-Type");
    int status = fc_acme_departs(call)->media_type_malformed ? 400 : 415;

    if (!type)
        return fc_problem_set_status(&call->problem, call->arena, FC_PROBLEM_MALFORMED, status,
                                     "No Content-Type header on POST. Content-Type must be \"" CONTENT_TYPE "\"");
    if (strcmp(type, CONTENT_TYPE) != 0)
        return fc_problem_set_status(&call->problem, call->arena, FC_PROBLEM_MALFORMED, status,
                                     "Invalid Content-Type header on POST. Content-Type must be \"" CONTENT_TYPE "\"");
    if (fc_acme_departs(call)->replay_nonce_header_refused && fc_http_req_header(call->req, "Replay-Nonce"))
        return fc_acme_refuse(call, MALFORMED,
                              "HTTP requests should NOT contain Replay-Nonce header. Use JWS nonce field");
    return 0;
}

static int check_size(struct fc_acme_call *call)
{
    const struct fc_http_req *req = call->req;

    if (req->body_too_large || req->body_len > (size_t)fc_acme_policy(call)->requests.max_body)
        return fc_acme_departs(call)->large_body_unauthorized
                   ? fc_acme_refuse(call, UNAUTHORIZED, "request body too large")
                   : fc_problem_set_status(&call->problem, call->arena, FC_PROBLEM_MALFORMED, 413,
                                           "request body too large");
    return req->body_len == 0 ? fc_acme_refuse(call, MALFORMED, "No body on POST") : 0;
}

/* ---- step 3 ---- */

static int bad_algorithm(struct fc_acme_call *call, const char *alg)
{
    const char *const *names = (const char *const *)fc_acme_policy(call)->requests.signature_algorithms;
    struct fc_buf list fc_auto_buf = {0};

    fc_buf_init(&list, ALGORITHMS_MAX);
    for (const char *const *name = names; *name; name++)
        fc_buf_printf(&list, "%s%s", name == names ? "" : " ", *name);
    call->problem.algorithms = names;
    return fc_acme_refuse(call, BAD_SIGNATURE_ALGORITHM,
                          "JWS signature header contains unsupported algorithm %s, expected one of [%s]",
                          fc_acme_problem_quote(call->arena, alg ? alg : ""), list.data);
}

int fc_acme_auth_fault(struct fc_acme_call *call, enum fc_jws_fault fault, const struct fc_jws *jws)
{
    switch (fault) {
    case FC_JWS_UNPROTECTED_HEADER:
        return fc_acme_refuse(call, MALFORMED,
                              "JWS \"header\" field not allowed. All headers must be in \"protected\" field");
    case FC_JWS_SIGNATURES:
        return fc_acme_refuse(
            call, MALFORMED,
            "JWS \"signatures\" field not allowed. Only the \"signature\" field should contain a signature");
    case FC_JWS_NOT_SIGNED:
        return fc_acme_refuse(call, MALFORMED, "POST JWS not signed");
    case FC_JWS_ALGORITHM:
        return bad_algorithm(call, jws->bad_alg);
    case FC_JWS_OK:
    case FC_JWS_PARSE:
    case FC_JWS_CRITICAL:
        break;
    }
    return fc_acme_refuse(call, MALFORMED, "Parse error reading JWS");
}

static int parse(struct fc_acme_call *call)
{
    const char *const *names = (const char *const *)fc_acme_policy(call)->requests.signature_algorithms;
    struct fc_jws jws = {0};
    enum fc_jws_fault fault = fc_jws_parse(call->arena, call->req->body, call->req->body_len, names, &jws);

    if (fault != FC_JWS_OK)
        return fc_acme_auth_fault(call, fault, &jws);
    call->jws = jws;
    return 0;
}

/* ---- steps 4 to 6 ---- */

static bool has_kid(const struct fc_jws *jws)
{
    return jws->kid && *jws->kid;
}

static bool has_jwk(const struct fc_jws *jws)
{
    return jws->jwk || jws->jwk_malformed;
}

static int check_exclusive(struct fc_acme_call *call)
{
    if (has_kid(&call->jws) && has_jwk(&call->jws))
        return fc_acme_refuse(call, MALFORMED, "jwk and kid header fields are mutually exclusive");
    return 0;
}

static int check_kind(struct fc_acme_call *call)
{
    enum fc_acme_signer_kind kind = call->route->signer;

    if (kind == FC_ACME_KID && !has_kid(&call->jws))
        return fc_acme_refuse(call, MALFORMED, "No Key ID in JWS header");
    if (kind == FC_ACME_JWK && !has_jwk(&call->jws))
        return fc_acme_refuse(call, MALFORMED, "No embedded JWK in JWS header");
    if (!has_kid(&call->jws) && !has_jwk(&call->jws))
        return fc_acme_refuse(call, MALFORMED, "Malformed JWS, no KeyID or embedded JWK");
    return 0;
}

static int check_algorithm(struct fc_acme_call *call, const struct fc_jws *jws, const struct fc_key *key)
{
    const char *expected = fc_jws_key_alg(key);

    if (fc_jws_key_takes(key, jws->alg))
        return 0;
    if (!fc_acme_departs(call)->key_mismatch_malformed)
        return fc_acme_refuse(call, BAD_PUBLIC_KEY, "the key does not fit the signature algorithm %s",
                              fc_acme_problem_quote(call->arena, jws->alg));
    if (!expected)
        return fc_acme_refuse(call, BAD_PUBLIC_KEY,
                              "JWK contains unsupported key type (expected RSA, or ECDSA P-256, P-384, or P-521)");
    return fc_acme_refuse(call, MALFORMED,
                          "JWS signature header algorithm \"%s\" does not match expected algorithm \"%s\" for JWK",
                          jws->alg, expected);
}

int fc_acme_auth_jwk(struct fc_acme_call *call, const struct fc_jws *jws, struct fc_key **ret_key)
{
    struct fc_key *key;

    if (!has_jwk(jws))
        return fc_acme_refuse(call, MALFORMED, "No embedded JWK in JWS header");
    if (!jws->jwk || fc_key_from_jwk(jws->jwk, &key, NULL))
        return fc_acme_refuse(call, MALFORMED, "Invalid JWK in JWS header");
    fc_arena_defer(call->arena, drop_key, key);
    if (check_algorithm(call, jws, key))
        return -1;
    *ret_key = key;
    return 0;
}

static int account_id_of(struct fc_acme_call *call, int64_t *ret_id)
{
    const char *prefix = fc_acme_render_url(call, "/acme/acct/");
    const char *kid = call->jws.kid;

    if (!fc_text_starts(kid, prefix))
        return fc_acme_refuse(call, MALFORMED, "KeyID header contained an invalid account URL: %s",
                              fc_acme_problem_quote(call->arena, kid));
    if (fc_acme_body_id(kid + strlen(prefix), ret_id))
        return fc_acme_refuse(call, MALFORMED, "Malformed account ID in KeyID header URL: %s",
                              fc_acme_problem_quote(call->arena, kid));
    return 0;
}

static int find_account(struct fc_acme_call *call, const struct fc_key **ret_key)
{
    struct fc_acme_signer *signer;
    int64_t id;

    if (account_id_of(call, &id))
        return -1;
    if (fc_acme_keys_get(call->acme, id, &signer, &call->err)) {
        if (fc_acme_problem_caught(call, FC_E_NOT_FOUND))
            return fc_acme_refuse(call, ACCOUNT_DOES_NOT_EXIST, "Account %s not found",
                                  fc_acme_problem_quote(call->arena, call->jws.kid));
        return fc_acme_problem_internal(call, VALIDATE);
    }
    fc_arena_defer(call->arena, drop_signer, signer);
    if (signer->account.status != FC_STATUS_VALID)
        return fc_problem_set_status(&call->problem, call->arena, FC_PROBLEM_UNAUTHORIZED,
                                     fc_acme_departs(call)->dead_account_forbidden ? 403 : 401,
                                     "Account is not valid, has status \"%s\"", fc_status_name(signer->account.status));
    call->signer = signer;
    *ret_key = signer->key;
    return check_algorithm(call, &call->jws, signer->key);
}

static int find_key(struct fc_acme_call *call, const struct fc_key **ret_key)
{
    if (check_kind(call))
        return -1;
    if (has_kid(&call->jws))
        return find_account(call, ret_key);
    if (fc_acme_auth_jwk(call, &call->jws, &call->key))
        return -1;
    *ret_key = call->key;
    return 0;
}

/* ---- steps 7 to 10 ---- */

static int check_url(struct fc_acme_call *call)
{
    const struct fc_http_req *req = call->req;
    const char *expected = fc_arena_printf(call->arena, "%s%s%s%s", call->origin, req->path, req->query ? "?" : "",
                                           req->query ? req->query : "");

    if (!call->jws.url || !*call->jws.url)
        return fc_acme_refuse(call, MALFORMED, "JWS header parameter 'url' required");
    if (strcmp(call->jws.url, expected) != 0)
        return fc_problem_set(
            &call->problem, call->arena,
            fc_acme_departs(call)->url_mismatch_malformed ? FC_PROBLEM_MALFORMED : FC_PROBLEM_UNAUTHORIZED,
            "JWS header parameter 'url' incorrect. Expected %s got %s", fc_acme_problem_quote(call->arena, expected),
            fc_acme_problem_quote(call->arena, call->jws.url));
    return 0;
}

static int check_payload(struct fc_acme_call *call)
{
    json_t *body;

    if (call->jws.payload_len == 0)
        return 0;
    if (fc_json_parse(call->jws.payload, call->jws.payload_len, &body, NULL))
        return fc_acme_refuse(call, MALFORMED, "Request payload did not parse as JSON");
    fc_arena_defer(call->arena, drop_json, body);
    if (!json_is_object(body))
        return fc_acme_refuse(call, MALFORMED, "Request payload did not parse as JSON");
    if (call->route->read_only)
        return fc_acme_refuse(call, MALFORMED, "POST-as-GET requests must have an empty payload");
    call->body = body;
    return 0;
}

/* RFC 8555 section 6.5.2 */
static int check_nonce_syntax(struct fc_acme_call *call)
{
    const char *nonce = call->jws.nonce;

    if (fc_acme_departs(call)->nonce_syntax_bad_nonce || !nonce || (*nonce && fc_b64url_alphabet(nonce, strlen(nonce))))
        return 0;
    return fc_acme_refuse(call, MALFORMED, "JWS header parameter 'nonce' is no base64url");
}

/* The bad nonce has one fixed detail, without any prefix (G.1): clients match it word by word. */
static int verify(struct fc_acme_call *call, const struct fc_key *key)
{
    if (fc_jws_verify(&call->jws, key, NULL))
        return fc_acme_refuse(call, MALFORMED, "JWS verification error");
    if (check_nonce_syntax(call))
        return -1;
    if (!fc_acme_nonce_use(call->acme->nonces, call->jws.nonce) || fc_acme_fault_find(call, FC_FAULT_BAD_NONCE))
        return fc_acme_refuse(call, BAD_NONCE, "JWS has an invalid anti-replay nonce");
    return check_url(call) || check_payload(call) ? -1 : 0;
}

/* ---- step 11 ---- */

static int read_blocked(struct fc_acme_call *call, const struct fc_key *key, bool *ret_blocked)
{
    struct fc_store *store = call->acme->p.store;
    struct fc_store_tx tx fc_auto_tx = {0};
    unsigned char spki[32];

    fc_key_spki_hash(key, spki);
    if (fc_store_begin(store, FC_STORE_READ, &tx, &call->err))
        return -1;
    return fc_store_key_blocked(store, spki, ret_blocked, &call->err);
}

static struct fc_key_rules key_rules(const struct fc_policy *policy)
{
    const struct fc_policy_keys *keys = &policy->account_keys;
    struct fc_key_rules rules = {.p256 = keys->p256, .p384 = keys->p384, .p521 = keys->p521};

    _Static_assert(sizeof rules.rsa_bits == sizeof keys->rsa_bits, "the same list of sizes");
    memcpy(rules.rsa_bits, keys->rsa_bits, sizeof rules.rsa_bits);
    for (const char **alg = policy->requests.signature_algorithms; *alg; alg++)
        rules.ed25519 = rules.ed25519 || strcmp(*alg, "EdDSA") == 0;
    return rules;
}

int fc_acme_auth_key_policy(struct fc_acme_call *call, const struct fc_key *key)
{
    const struct fc_key_rules rules = key_rules(fc_acme_policy(call));
    struct fc_err reason = {0};
    bool blocked;

    if (fc_key_check(key, &rules, &reason))
        return fc_acme_refuse(call, BAD_PUBLIC_KEY, "invalid request signing key: %s", reason.text);
    if (read_blocked(call, key, &blocked))
        return fc_acme_problem_internal(call, VALIDATE);
    return blocked ? fc_acme_refuse(call, BAD_PUBLIC_KEY, "invalid request signing key: public key is forbidden") : 0;
}

/* ---- the whole ---- */

static int accept(struct fc_acme_call *call)
{
    const struct fc_key *key = NULL;

    if (find_key(call, &key) || verify(call, key))
        return -1;
    if (call->route->signer == FC_ACME_JWK)
        return fc_acme_auth_key_policy(call, key);
    return fc_acme_terms_check(call);
}

static int in_context(struct fc_acme_call *call, const char *context)
{
    enum fc_problem_type type = call->problem.type;

    if (type == FC_PROBLEM_BAD_NONCE || type == FC_PROBLEM_SERVER_INTERNAL || type == FC_PROBLEM_USER_ACTION_REQUIRED)
        return -1;
    return fc_problem_context(&call->problem, call->arena, context);
}

int fc_acme_auth(struct fc_acme_call *call)
{
    if (check_headers(call) || check_size(call) || parse(call) || check_exclusive(call))
        return in_context(call, VALIDATE);
    if (accept(call)) {
        /* RFC 8555 section 6.5: a nonce that was seen is spent, whatever else is wrong */
        if (!fc_acme_departs(call)->nonce_kept_on_refusal)
            (void)fc_acme_nonce_use(call->acme->nonces, call->jws.nonce);
        call->signer = NULL;
        return in_context(call, call->route->signer == FC_ACME_EITHER ? REVOKE : VALIDATE);
    }
    return 0;
}

int64_t fc_acme_auth_account_id(const struct fc_acme_call *call)
{
    return call->signer ? call->signer->account.id : 0;
}
