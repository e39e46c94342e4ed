/* Keys: account keys from JWKs, CA and TLS keys made here or brought along. A struct fc_key is immutable and may be used
 * by several threads at once (signing and verifying make their own contexts). */
#ifndef FC_PKI_KEY_H
#define FC_PKI_KEY_H

#include "base/base_alloc.h"
#include "base/base_err.h"

#include <jansson.h>
#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fc_key;

enum fc_key_type { FC_KEY_P256, FC_KEY_P384, FC_KEY_P521, FC_KEY_RSA, FC_KEY_OTHER };

/* Generates a private key; bits only for RSA (2048, 3072, 4096). Never FC_KEY_OTHER. */
int fc_key_generate(enum fc_key_type type, int bits, struct fc_key **ret_key, struct fc_err *err);
/* Takes a reference of an OpenSSL key (up-refs it). */
int fc_key_from_evp(EVP_PKEY *evp, struct fc_key **ret_key, struct fc_err *err);
/* PEM private key, unencrypted PKCS#8 or traditional. FC_E_PARSE otherwise. */
int fc_key_from_pem(const char *pem, size_t len, struct fc_key **ret_key, struct fc_err *err);
/* PKCS#8 PEM of a private key; the caller frees. */
int fc_key_to_pem(const struct fc_key *key, char **ret_pem, struct fc_err *err);
/* DER of the private key (for the store) and back. */
int fc_key_to_der(const struct fc_key *key, unsigned char **ret_der, size_t *ret_len, struct fc_err *err);
int fc_key_from_der(const unsigned char *der, size_t len, struct fc_key **ret_key, struct fc_err *err);

/* A public key from a JWK (RFC 7517, 7518 section 6): kty EC (P-256, P-384, P-521: x and y of exactly the curve's length,
 * point on the curve), RSA (n, e: no leading zero octets, 1024 to 8192 bits) or OKP Ed25519 (RFC 8037: FC_KEY_OTHER). Private
 * members ('d', ...) are refused; other members are ignored. FC_E_PARSE when it is no such JWK, FC_E_CRYPTO when the key is bad. No OSSL_DECODER
 * (performance.md part 7): EVP_PKEY_fromdata. */
int fc_key_from_jwk(const json_t *jwk, struct fc_key **ret_key, struct fc_err *err);
/* The JWK of the public key with exactly the required members, new reference; NULL for a key of another kind than those. */
json_t *fc_key_to_jwk(const struct fc_key *key);
/* RFC 7638 with SHA-256, base64url: 43 characters; empty for a key that has no JWK. */
#define FC_KEY_THUMB_LEN 43
void fc_key_thumbprint(const struct fc_key *key, char ret_text[FC_KEY_THUMB_LEN + 1]);

struct fc_key *fc_key_ref(struct fc_key *key);
void fc_key_free(struct fc_key *key); /* drops a reference; NULL allowed; any thread */
FC_CLEANUP(struct fc_key *, fc_key_free)

enum fc_key_type fc_key_type(const struct fc_key *key);
int fc_key_bits(const struct fc_key *key);
/* Borrowed. */
EVP_PKEY *fc_key_evp(const struct fc_key *key);
/* SHA-256 of the SubjectPublicKeyInfo DER: for "same key" questions. */
void fc_key_spki_hash(const struct fc_key *key, unsigned char ret_hash[32]);
bool fc_key_equal(const struct fc_key *a, const struct fc_key *b);

/* Which keys a policy takes (letsencrypt.md D.5). */
struct fc_key_rules {
    int rsa_bits[8];       /* permitted modulus sizes, 0-terminated */
    bool p256, p384, p521; /* permitted curves */
    bool ed25519;
};
/* 0 when acceptable; else -1 and the reason of D.5 in err ("key size not supported: 1024"): size, exponent 65537, small
 * primes up to 751, ROCA, Fermat with 110 rounds, curves. */
int fc_key_check(const struct fc_key *key, const struct fc_key_rules *rules, struct fc_err *err);

/* Reads through the process-wide SHA-256 that is fetched once: 32 bytes. */
void fc_key_sha256(const void *data, size_t len, unsigned char ret_hash[32]);

#endif
