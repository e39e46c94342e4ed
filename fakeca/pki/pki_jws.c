#include "pki/pki_jws.h"

#include <string.h>

#include "base/base_b64.h"
#include "base/base_json.h"

static void drop_json(void *value)
{
    json_decref(value);
}

/* An object whose memory the arena owns from now on; NULL when the text is none. */
static const json_t *parse_object(struct fc_arena *arena, const char *text, size_t len)
{
    json_t *value = NULL;

    if (fc_json_parse(text, len, &value, NULL))
        return NULL;
    fc_arena_defer(arena, drop_json, value);
    return json_is_object(value) ? value : NULL;
}

struct part {
    const char *text;
    size_t text_len;
    const char *data; /* decoded, NUL-terminated */
    size_t len;
};

/* A member that is a string of strict base64url. */
static int decode_part(struct fc_arena *arena, const json_t *body, const char *name, struct part *ret)
{
    const json_t *value = json_object_get(body, name);

    if (!json_is_string(value))
        return -1;
    ret->text = json_string_value(value);
    ret->text_len = json_string_length(value);
    char *data = fc_arena_alloc(arena, ret->text_len * 3 / 4 + 1);
    ret->data = data;
    return fc_b64url_decode(ret->text, ret->text_len, data, &ret->len);
}

/* Texts that the header may hold: absent gives NULL, another type -1. */
static int header_text(const json_t *header, const char *name, const char **ret_text)
{
    const json_t *value = json_object_get(header, name);

    *ret_text = json_string_value(value);
    return value && !*ret_text ? -1 : 0;
}

static enum fc_jws_fault read_header(const json_t *header, const char *const *algs, struct fc_jws *jws)
{
    const json_t *jwk = json_object_get(header, "jwk");

    if (header_text(header, "alg", &jws->alg) || header_text(header, "kid", &jws->kid) ||
        header_text(header, "nonce", &jws->nonce))
        return FC_JWS_PARSE;
    jws->url = json_string_value(json_object_get(header, "url"));
    jws->jwk = json_is_object(jwk) ? jwk : NULL;
    jws->jwk_malformed = jwk && !jws->jwk;
    for (size_t i = 0; jws->alg && algs[i]; i++)
        if (strcmp(algs[i], jws->alg) == 0)
            return json_object_get(header, "crit") ? FC_JWS_CRITICAL : FC_JWS_OK;
    jws->bad_alg = jws->alg ? jws->alg : "";
    return FC_JWS_ALGORITHM;
}

/* What stands at the top, before anything is decoded. */
static enum fc_jws_fault check_members(const json_t *body)
{
    const json_t *signature = json_object_get(body, "signature");

    if (json_object_get(body, "header"))
        return FC_JWS_UNPROTECTED_HEADER;
    if (json_object_get(body, "signatures"))
        return FC_JWS_SIGNATURES;
    if (signature && !json_is_string(signature))
        return FC_JWS_PARSE;
    if (!json_is_string(json_object_get(body, "protected")) || !json_is_string(json_object_get(body, "payload")))
        return FC_JWS_PARSE;
    if (json_object_size(body) != (signature ? 3 : 2))
        return FC_JWS_PARSE;
    return signature && json_string_length(signature) > 0 ? FC_JWS_OK : FC_JWS_NOT_SIGNED;
}

enum fc_jws_fault fc_jws_parse(struct fc_arena *arena, const char *body, size_t len, const char *const *algs,
                               struct fc_jws *ret_jws)
{
    struct part header, payload, signature;
    struct fc_jws jws = {0};

    const json_t *object = parse_object(arena, body, len);
    if (!object)
        return FC_JWS_PARSE;
    enum fc_jws_fault fault = check_members(object);
    if (fault != FC_JWS_OK)
        return fault;
    if (decode_part(arena, object, "protected", &header) || decode_part(arena, object, "payload", &payload) ||
        decode_part(arena, object, "signature", &signature))
        return FC_JWS_PARSE;
    const json_t *members = parse_object(arena, header.data, header.len);
    if (!members)
        return FC_JWS_PARSE;
    fault = read_header(members, algs, &jws);
    jws.payload = payload.data;
    jws.payload_len = payload.len;
    jws.signature = (const unsigned char *)signature.data;
    jws.signature_len = signature.len;
    jws.signing_len = header.text_len + 1 + payload.text_len;
    char *signing = fc_arena_alloc(arena, jws.signing_len + 1);
    memcpy(signing, header.text, header.text_len);
    signing[header.text_len] = '.';
    memcpy(signing + header.text_len + 1, payload.text, payload.text_len);
    jws.signing = signing;
    *ret_jws = jws;
    return fault;
}
