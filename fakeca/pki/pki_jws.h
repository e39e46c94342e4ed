/* Flattened JWS as RFC 8555 section 6.2 wants it: parse first, look up the key, then verify. Hostile input. */
#ifndef FC_PKI_JWS_H
#define FC_PKI_JWS_H

#include "base/base_arena.h"
#include "base/base_err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct fc_key;

/* Why a body is no acceptable JWS, in the order in which Boulder looks (letsencrypt.md G.2, steps 3 and 4). */
enum fc_jws_fault {
    FC_JWS_OK,
    FC_JWS_PARSE,              /* not JSON, not an object, wrong member types, bad base64url, duplicate members */
    FC_JWS_UNPROTECTED_HEADER, /* member "header" */
    FC_JWS_SIGNATURES,         /* member "signatures" */
    FC_JWS_NOT_SIGNED,         /* signature missing or empty */
    FC_JWS_ALGORITHM,          /* "alg" missing or not one of those offered */
    FC_JWS_CRITICAL            /* "crit" present: RFC 7515 section 4.1.11, we understand no extension */
};

/* All pointers live in the arena (or in values that the arena owns). */
struct fc_jws {
    const char *alg;
    const char *kid;     /* NULL when absent */
    const json_t *jwk;   /* NULL when absent */
    bool jwk_malformed;  /* "jwk" present but no object; kid of a wrong type makes it FC_JWS_PARSE */
    const char *nonce;   /* NULL when absent; "" and non-base64url texts are kept as they are */
    const char *url;     /* NULL when absent or no string */
    const char *payload; /* decoded, NUL-terminated */
    size_t payload_len;  /* 0: POST-as-GET */
    const char *signing; /* protected "." payload, as sent */
    size_t signing_len;
    const unsigned char *signature;
    size_t signature_len;
    const char *bad_alg; /* with FC_JWS_ALGORITHM: what was asked, "" when missing */
};

/* Parses body. `algs` is the NULL-terminated list of names offered (of ES256, ES384, ES512, RS256, PS256, EdDSA, HS256 ...).
 * Strict: exactly the members protected, payload, signature, each a string of strict base64url; duplicate members and
 * NUL bytes refused, in the header too. Unknown further top-level members are refused as FC_JWS_PARSE. */
enum fc_jws_fault fc_jws_parse(struct fc_arena *arena, const char *body, size_t len, const char *const *algs,
                               struct fc_jws *ret_jws);

/* The name of the algorithm that Boulder expects of a key: P-256 ES256, P-384 ES384, P-521 ES512, RSA RS256; NULL if none. */
const char *fc_jws_key_alg(const struct fc_key *key);

/* Whether a key can sign by that algorithm: RSA RS256 and PS256, Ed25519 EdDSA, a curve its own. */
bool fc_jws_key_takes(const struct fc_key *key, const char *alg);

/* 0 when the signature is right for the key and jws->alg; -1 otherwise, FC_E_CRYPTO. ECDSA signatures are r || s of exactly
 * the curve's length. The caller has compared jws->alg with fc_jws_key_alg. */
int fc_jws_verify(const struct fc_jws *jws, const struct fc_key *key, struct fc_err *err);

/* Whether the signature is the HMAC of that key by HS256, HS384 or HS512. */
bool fc_jws_mac_fits(const struct fc_jws *jws, const void *key, size_t key_len);

/* Makes a flattened JWS: for tests and for tools that speak ACME. Header members `header` (borrowed) get "alg" added.
 * payload NULL: POST-as-GET. The caller frees. */
int fc_jws_sign(const struct fc_key *key, const json_t *header, const char *payload, char **ret_body,
                struct fc_err *err);

#endif
