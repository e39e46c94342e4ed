/* Shared inside pki only: what a key is, OpenSSL's errors and digests, the DER writer, the parts of certificates. */
#ifndef FC_PKI_INT_H
#define FC_PKI_INT_H

#include "base/base_buf.h"
#include "base/base_err.h"
#include "pki/pki_key.h"

#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Largest certificate, request or PEM text that is read. */
#define FC_PKI_INPUT_MAX 65536
/* Largest certificate that is made. */
#define FC_PKI_CERT_MAX (1 << 20)

FC_CLEANUP(EVP_PKEY *, EVP_PKEY_free)
FC_CLEANUP(EVP_PKEY_CTX *, EVP_PKEY_CTX_free)
FC_CLEANUP(BIGNUM *, BN_free)
FC_CLEANUP(BIO *, BIO_free_all)

/* ---- pki_ossl.c ---- */

/* Sets err to the text, ": ", and OpenSSL's reason if it gave one; empties OpenSSL's error queue of this thread. Returns -1. */
int fc_pki_ossl_err(struct fc_err *err, enum fc_err_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Fetched once for the process: fetching anew costs more than hashing a request. bits: 256, 384, 512. */
const EVP_MD *fc_pki_ossl_sha(int bits);
/* Whether sig is right for data. rsa_pss: RSA with PSS padding, salt as long as the hash. Leaves no errors behind. */
struct fc_pki_ossl_check {
    EVP_PKEY *key;
    int sha; /* bits; 0: the key type's own (Ed25519) */
    bool rsa_pss;
    const void *data;
    size_t data_len;
};
bool fc_pki_ossl_verify(const struct fc_pki_ossl_check *check, const unsigned char *sig, size_t sig_len);
/* Signs; the caller frees with free(). */
int fc_pki_ossl_sign(const struct fc_pki_ossl_check *what, unsigned char **ret_sig, size_t *ret_len,
                     struct fc_err *err);

/* ---- pki_key.c ---- */

struct fc_pki_curve {
    enum fc_key_type type;
    const char *name; /* of the JWK */
    int nid;
    size_t octets;       /* of a coordinate */
    const char *alg;     /* of the JWS */
    int sha;             /* bits, for JWS and for certificates */
    const char *spki_id; /* DER of the AlgorithmIdentifier in a SubjectPublicKeyInfo */
    size_t spki_id_len;
};

/* Public parts are kept as bytes: thumbprint, JWK and SubjectPublicKeyInfo then need no call of OpenSSL. */
struct fc_key {
    atomic_uint refs;
    EVP_PKEY *evp;
    enum fc_key_type type;
    int bits;
    const struct fc_pki_curve *curve; /* NULL unless P-256, P-384, P-521 */
    unsigned char *pub;               /* EC: x || y; RSA: n || e; Ed25519: x; else NULL */
    size_t pub_len;
    size_t n_len; /* RSA: octets of n in pub */
    unsigned char spki_hash[32];
};

/* NULL when there is none of that name. */
const struct fc_pki_curve *fc_pki_key_curve(const char *name);
const struct fc_pki_curve *fc_pki_key_curve_nid(int nid);
bool fc_pki_key_ed25519(const struct fc_key *key);
/* Appends the SubjectPublicKeyInfo. */
void fc_pki_key_spki(const struct fc_key *key, struct fc_buf *der);
/* The BIT STRING's content of that: what a key identifier hashes. */
void fc_pki_key_bits(const struct fc_key *key, struct fc_buf *bits);
/* A key from the parts that stand in `pub` of struct fc_key. FC_E_CRYPTO when the point is not on the curve and the like. */
struct fc_pki_build {
    enum fc_key_type type; /* FC_KEY_OTHER: Ed25519 */
    const struct fc_pki_curve *curve;
    const unsigned char *pub;
    size_t n_len, pub_len;
};
int fc_pki_key_build(const struct fc_pki_build *build, struct fc_key **ret_key, struct fc_err *err);

/* ---- pki_der.c: DER by appending ----
 *
 *     size_t seq = fc_pki_der_open(der, FC_DER_SEQUENCE);
 *     ...
 *     fc_pki_der_close(der, seq);
 *
 * A buffer that is full stays full (base_buf.h), so only the end of a chain is checked. */

enum {
    FC_DER_BOOLEAN = 0x01,
    FC_DER_INTEGER = 0x02,
    FC_DER_BIT_STRING = 0x03,
    FC_DER_OCTET_STRING = 0x04,
    FC_DER_OID = 0x06,
    FC_DER_ENUMERATED = 0x0a,
    FC_DER_UTF8_STRING = 0x0c,
    FC_DER_PRINTABLE_STRING = 0x13,
    FC_DER_UTC_TIME = 0x17,
    FC_DER_GENERALIZED_TIME = 0x18,
    FC_DER_SEQUENCE = 0x30,
    FC_DER_SET = 0x31,
    FC_DER_CONTEXT = 0x80,            /* | number: primitive */
    FC_DER_CONTEXT_CONSTRUCTED = 0xa0 /* | number */
};

size_t fc_pki_der_open(struct fc_buf *der, int tag);
void fc_pki_der_close(struct fc_buf *der, size_t mark);
void fc_pki_der_put(struct fc_buf *der, int tag, const void *data, size_t len);
/* INTEGER of a big-endian magnitude: leading zeros dropped, 00 added where the sign needs it. */
void fc_pki_der_uint(struct fc_buf *der, const unsigned char *data, size_t len);
void fc_pki_der_uint64(struct fc_buf *der, uint64_t value);
/* BIT STRING without unused bits. */
void fc_pki_der_bits(struct fc_buf *der, const void *data, size_t len);
/* UTCTime until 2049, GeneralizedTime from 2050 (RFC 5280 section 4.1.2.5); fractions are cut off. */
void fc_pki_der_time(struct fc_buf *der, int64_t at);
/* Name of the parts that are not NULL, in this order. */
void fc_pki_der_name(struct fc_buf *der, const char *country, const char *organization, const char *cn);
/* OID from its dotted text; FC_E_USAGE when it is none. */
int fc_pki_der_oid(struct fc_buf *der, const char *dotted, struct fc_err *err);

/* ---- pki_ext.c: extensions, each appended whole ---- */

#define FC_PKI_SKI_LEN 20

enum fc_pki_usage { FC_PKI_USAGE_SIGN, FC_PKI_USAGE_SIGN_ENCIPHER, FC_PKI_USAGE_CA };
void fc_pki_ext_usage(struct fc_buf *der, enum fc_pki_usage usage);
void fc_pki_ext_server_auth(struct fc_buf *der, bool client_too);
/* path_len -1: none. */
void fc_pki_ext_basic(struct fc_buf *der, bool ca, int path_len);
/* Key identifier: leftmost 160 bits of the SHA-256 of the key bits (RFC 7093 section 2, method 1). */
void fc_pki_ext_ski_of(const void *bits, size_t len, unsigned char ret_ski[FC_PKI_SKI_LEN]);
void fc_pki_ext_ski(struct fc_buf *der, const unsigned char *ski, size_t len);
void fc_pki_ext_aki(struct fc_buf *der, const unsigned char *ski, size_t len);
void fc_pki_ext_aia(struct fc_buf *der, const char *ca_issuers, const char *ocsp); /* either may be NULL */
/* dns and ips NULL-terminated, each may be NULL; FC_E_USAGE when an IP is none. */
int fc_pki_ext_san(struct fc_buf *der, bool critical, const char *const *dns, const char *const *ips,
                   struct fc_err *err);
int fc_pki_ext_policy(struct fc_buf *der, const char *oid, struct fc_err *err);
void fc_pki_ext_crl_url(struct fc_buf *der, const char *url);
void fc_pki_ext_crl_number(struct fc_buf *der, uint64_t number);
void fc_pki_ext_crl_idp(struct fc_buf *der, const char *url);

/* ---- pki_sign.c: the frame of certificates and CRLs ---- */

/* The AlgorithmIdentifier with which a CA key signs. FC_E_CRYPTO when it is no CA key. */
struct fc_pki_sign_alg {
    const char *der;
    size_t len;
    int sha;
};
int fc_pki_sign_alg(const struct fc_key *key, struct fc_pki_sign_alg *ret_alg, struct fc_err *err);
/* SEQUENCE { tbs, alg, signature } into new memory. The caller frees with free(). */
int fc_pki_sign_wrap(const struct fc_key *key, const struct fc_buf *tbs, unsigned char **ret_der, size_t *ret_len,
                     struct fc_err *err);

/* A TBSCertificate; names and SPKI as DER. */
struct fc_pki_tbs {
    const unsigned char *serial;
    size_t serial_len;
    const struct fc_buf *issuer, *subject, *spki, *extensions;
    int64_t not_before, not_after;
};
/* Writes and signs it. */
int fc_pki_sign_cert(const struct fc_key *key, const struct fc_pki_tbs *cert, unsigned char **ret_der, size_t *ret_len,
                     struct fc_err *err);

/* ---- pki_csr.c ---- */

struct fc_csr;
/* Appends the request's own SubjectPublicKeyInfo; *ret_bits: its BIT STRING's content, borrowed. */
int fc_pki_csr_key_bits(const struct fc_csr *csr, struct fc_buf *spki, const unsigned char **ret_bits, size_t *ret_len,
                        struct fc_err *err);

/* ---- pki_cert.c ---- */

/* Text of the first commonName as UTF-8 (the caller frees), NULL when there is none. -1 when it holds a NUL or cannot be
 * converted. */
int fc_pki_cert_name_cn(const X509_NAME *name, char **ret_cn, struct fc_err *err);
struct fc_cert;
/* Appends the subject's name, octet for octet as it stands in the certificate. */
void fc_pki_cert_subject_der(const struct fc_cert *cert, struct fc_buf *der);

#endif
