#include "acme/acme_pause.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/hmac.h>

#include "base/base_b64.h"
#include "base/base_buf.h"
#include "base/base_json.h"
#include "base/base_rand.h"
#include "base/base_text.h"
#include "base/base_time.h"

#include "store/store_limit.h"

#define SECRET_SETTING "unpause.secret"
#define SECRET_BYTES 32
#define MAC_BYTES 32
#define LIST_MAX 65536
#define TOKEN_MAX 16384
#define ISSUER "WFE"
#define AUDIENCE "SFE Unpause"

/* The same secret over restarts, so that a link that was told stays good. It is made in the write that pauses: the one that refuses an
 * order is rolled back. */
static int read_secret(struct fc_acme *acme, struct fc_arena *arena, unsigned char ret_secret[SECRET_BYTES],
                       struct fc_err *err)
{
    const char *text;
    size_t len;

    if (fc_store_setting_get(acme->p.store, arena, SECRET_SETTING, &text, err))
        return -1;
    if (text && fc_text_unhex(text, ret_secret, SECRET_BYTES, &len) == 0 && len == SECRET_BYTES)
        return 0;
    char hex[2 * SECRET_BYTES + 1];
    fc_rand_bytes(ret_secret, SECRET_BYTES);
    fc_text_hex(ret_secret, SECRET_BYTES, hex);
    return fc_store_setting_set(acme->p.store, SECRET_SETTING, hex, err);
}

/* ---- beginning ---- */

int fc_acme_pause_begin(struct fc_acme *acme, const struct fc_authz *authz, int64_t now, struct fc_arena *arena,
                        struct fc_err *err)
{
    const char *ident = fc_acme_render_authz_name(arena, authz);
    int64_t grace = fc_policy_at(acme->p.policy, now)->pausing.grace;
    const struct fc_event_about about = {.env = authz->env, .account_id = authz->account_id, .authz_id = authz->id};
    struct fc_store_paused paused = {0};
    unsigned char secret[SECRET_BYTES];
    bool found;

    if (fc_store_paused_get(acme->p.store, authz->account_id, ident, &paused, &found, err))
        return -1;
    if (found && (!paused.unpaused_at || now - paused.unpaused_at < grace))
        return 0;
    paused = (struct fc_store_paused){.ident = ident, .paused_at = now};
    if (read_secret(acme, arena, secret, err) || fc_store_paused_set(acme->p.store, authz->account_id, &paused, err))
        return -1;
    fc_events_add(acme->p.events, FC_EVENT_ACCOUNT_PAUSED, now, &about, json_pack("{s:s}", "identifier", ident));
    return 0;
}

/* ---- the token: a JWT, HS256 ---- */

static const char *encode(struct fc_arena *arena, const void *data, size_t len)
{
    char *text = fc_arena_alloc(arena, FC_B64URL_LEN(len) + 1);

    fc_b64url_encode(data, len, text);
    return text;
}

static const char *encode_json(struct fc_arena *arena, json_t *value)
{
    fc_auto_free char *text = fc_json_text(value);

    json_decref(value);
    return encode(arena, text, strlen(text));
}

static const char *mac_of(struct fc_arena *arena, const unsigned char secret[SECRET_BYTES], const char *signed_part,
                          size_t len)
{
    unsigned char mac[MAC_BYTES];
    unsigned mac_len = sizeof mac;

    HMAC(EVP_sha256(), secret, SECRET_BYTES, (const unsigned char *)signed_part, len, mac, &mac_len);
    return encode(arena, mac, mac_len);
}

static const char *make_token(struct fc_acme_call *call, const unsigned char secret[SECRET_BYTES], const char *names)
{
    int64_t lifetime = fc_acme_policy(call)->pausing.token_lifetime;
    const char *subject = fc_arena_printf(call->arena, "%" PRId64, fc_acme_auth_account_id(call));
    const char *header = encode_json(call->arena, json_pack("{s:s,s:s}", "alg", "HS256", "typ", "JWT"));
    const char *payload =
        encode_json(call->arena,
                    json_pack("{s:s,s:s,s:[s],s:I,s:I,s:s,s:s}", "iss", ISSUER, "sub", subject, "aud", AUDIENCE, "iat",
                              (json_int_t)(call->now / FC_SECOND), "exp",
                              (json_int_t)((call->now + lifetime) / FC_SECOND), "version", "v1", "identifiers", names));
    const char *signed_part = fc_arena_printf(call->arena, "%s.%s", header, payload);

    return fc_arena_printf(call->arena, "%s.%s", signed_part,
                           mac_of(call->arena, secret, signed_part, strlen(signed_part)));
}

/* ---- the refusal of an order ---- */

static const char *joined(struct fc_arena *arena, const char *const *names, size_t count, const char *between)
{
    struct fc_buf list fc_auto_buf = {0};

    fc_buf_init(&list, LIST_MAX);
    for (size_t i = 0; i < count; i++)
        fc_buf_printf(&list, "%s%s", i ? between : "", names[i]);
    return fc_arena_strndup(arena, list.data, list.len);
}

static const char *portal_url(const struct fc_acme_call *call, const char *page, const char *token)
{
    return fc_arena_printf(call->arena, "%s/sfe/v1/%s?jwt=%s", call->base, page, token);
}

static int refuse(struct fc_acme_call *call, const char *const *names, size_t count)
{
    unsigned char secret[SECRET_BYTES];

    if (read_secret(call->acme, call->arena, secret, &call->err))
        return -1;
    const char *token = make_token(call, secret, joined(call->arena, names, count, ","));
    return fc_acme_refuse(call, RATE_LIMITED,
                          "Your account is temporarily prevented from requesting certificates for %s and possibly "
                          "others. Please visit: %s",
                          joined(call->arena, names, count, ", "), portal_url(call, "unpause", token));
}

int fc_acme_pause_check(struct fc_acme_call *call, const struct fc_ident *idents, size_t count)
{
    const struct fc_policy *policy = fc_acme_policy(call);
    struct fc_store *store = call->acme->p.store;
    int64_t account_id = fc_acme_auth_account_id(call);
    size_t max = (size_t)policy->pausing.listed_max, found = 0, any;
    struct fc_store_paused *first, row;
    bool there;

    if (fc_store_paused_list(store, call->arena, account_id, 1, &first, &any, &call->err))
        return -1;
    if (!any)
        return 0;
    const char **names = fc_arena_alloc(call->arena, max * sizeof *names);
    for (size_t i = 0; i < count && found < max; i++) {
        if (fc_store_paused_get(store, account_id, idents[i].value, &row, &there, &call->err))
            return -1;
        if (there && !row.unpaused_at)
            names[found++] = idents[i].value;
    }
    return found ? refuse(call, names, found) : 0;
}

/* ---- the page that ends it ---- */

struct claim {
    int64_t account_id;
    const char *identifiers;
};

static const char *decode(struct fc_arena *arena, const char *text, size_t len)
{
    char *data = fc_arena_alloc(arena, len + 1);
    size_t data_len;

    if (fc_b64url_decode(text, len, data, &data_len))
        return NULL;
    data[data_len] = '\0';
    return data;
}

static bool has_text(const json_t *object, const char *name, const char *value)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text && strcmp(text, value) == 0;
}

/* What the payload says, when it is for us and still good. */
static int read_claim(struct fc_acme_call *call, const char *payload, struct claim *ret_claim)
{
    fc_auto_json value = NULL;

    if (!payload || fc_json_parse(payload, strlen(payload), &value, NULL))
        return -1;
    const char *subject = json_string_value(json_object_get(value, "sub"));
    const char *identifiers = json_string_value(json_object_get(value, "identifiers"));
    const char *audience = json_string_value(json_array_get(json_object_get(value, "aud"), 0));
    if (!has_text(value, "iss", ISSUER) || !has_text(value, "version", "v1") || !audience ||
        strcmp(audience, AUDIENCE) != 0 || !subject || !identifiers ||
        fc_text_int(subject, 1, INT64_MAX, &ret_claim->account_id, NULL) ||
        json_integer_value(json_object_get(value, "exp")) < call->now / FC_SECOND)
        return -1;
    ret_claim->identifiers = fc_arena_strdup(call->arena, identifiers);
    return 0;
}

/* -1: the token is none of ours, or too old. Takes the store's lock. */
static int check_token(struct fc_acme_call *call, const char *token, struct claim *ret_claim)
{
    const char *dot = token ? strchr(token, '.') : NULL, *last = token ? strrchr(token, '.') : NULL;
    unsigned char secret[SECRET_BYTES];
    struct fc_store_tx tx fc_auto_tx = {0};

    if (!dot || dot == last || strlen(token) > TOKEN_MAX)
        return -1;
    if (fc_store_begin(call->acme->p.store, FC_STORE_WRITE, &tx, &call->err) ||
        read_secret(call->acme, call->arena, secret, &call->err))
        return -1;
    fc_store_end(&tx);
    const char *mac = mac_of(call->arena, secret, token, (size_t)(last - token));
    if (strlen(last + 1) != strlen(mac) || CRYPTO_memcmp(last + 1, mac, strlen(mac)) != 0)
        return -1;
    return read_claim(call, decode(call->arena, dot + 1, (size_t)(last - dot - 1)), ret_claim);
}

static int page(struct fc_acme_call *call, int status, const char *body)
{
    fc_http_res_text(
        call->req, call->res, status, "text/html; charset=utf-8",
        fc_arena_printf(call->arena,
                        "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>Unpause "
                        "(fakeca)</title></head>\n<body>\n%s\n</body>\n</html>\n",
                        body));
    fc_http_res_set_header(call->res, "Content-Security-Policy", "default-src 'none'; form-action 'self'");
    return 0;
}

static int bad_link(struct fc_acme_call *call)
{
    return page(call, 400,
                "<h1>This link is not good</h1>\n<p>It is damaged, or too old. The next order that is refused "
                "names a new one.</p>");
}

/* Names are of domains and addresses: nothing in them needs escaping, as the token was signed by us. */
int fc_acme_pause_form(struct fc_acme_call *call)
{
    const char *token = fc_http_req_query(call->req, "jwt");
    struct claim claim;

    if (check_token(call, token, &claim))
        return bad_link(call);
    return page(call, 200,
                fc_arena_printf(call->arena,
                                "<h1>Account %" PRId64 " is paused</h1>\n<p>Too many validations in a row have failed "
                                "for: %s. When the cause is mended, go on:</p>\n"
                                "<form method=\"post\" action=\"%s\"><button>Unpause</button></form>",
                                claim.account_id, claim.identifiers, portal_url(call, "do-unpause", token)));
}

int fc_acme_pause_end(struct fc_acme_call *call)
{
    struct fc_acme *acme = call->acme;
    int64_t max = fc_acme_policy(call)->pausing.unpause_max, count;
    struct fc_store_tx tx fc_auto_tx = {0};
    struct claim claim;

    if (check_token(call, fc_http_req_query(call->req, "jwt"), &claim))
        return bad_link(call);
    const struct fc_event_about about = {.env = acme->p.policy->name, .account_id = claim.account_id};
    if (fc_store_begin(acme->p.store, FC_STORE_WRITE, &tx, &call->err) ||
        fc_store_paused_end(acme->p.store, claim.account_id, call->now, max, &count, &call->err))
        return fc_acme_problem_internal(call, "Error unpausing");
    fc_events_add(acme->p.events, FC_EVENT_ACCOUNT_UNPAUSED, call->now, &about,
                  json_pack("{s:I}", "count", (json_int_t)count));
    if (fc_store_commit(&tx, &call->err))
        return fc_acme_problem_internal(call, "Error unpausing");
    call->res->status = 302;
    fc_http_res_set_header(call->res, "Location",
                           fc_acme_render_url(call, "/sfe/v1/unpause-status?count=%" PRId64, count));
    return 0;
}

int fc_acme_pause_status(struct fc_acme_call *call)
{
    const char *text = fc_http_req_query(call->req, "count");
    int64_t count;

    if (!text || fc_text_int(text, 0, INT64_MAX, &count, NULL))
        return bad_link(call);
    return page(call, 200,
                fc_arena_printf(call->arena,
                                "<h1>Unpaused</h1>\n<p>Identifiers of the account that can be ordered again: %" PRId64
                                ".</p>",
                                count));
}
