/* Certificates and CRLs: built, signed and read only here. Dates are always passed in. */
#ifndef FC_PKI_CERT_H
#define FC_PKI_CERT_H

#include "base/base_alloc.h"
#include "base/base_err.h"

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fc_key;
struct fc_csr;
struct fc_cert;

/* ---- reading ---- */

int fc_cert_from_der(const unsigned char *der, size_t len, struct fc_cert **ret_cert, struct fc_err *err);
/* First certificate of a PEM text. */
int fc_cert_from_pem(const char *pem, size_t len, struct fc_cert **ret_cert, struct fc_err *err);
struct fc_cert *fc_cert_ref(struct fc_cert *cert);
void fc_cert_free(struct fc_cert *cert);
FC_CLEANUP(struct fc_cert *, fc_cert_free)

/* Borrowed DER. */
const unsigned char *fc_cert_der(const struct fc_cert *cert, size_t *ret_len);
/* PEM, '\n' line ends, newline at the end; the caller frees. */
char *fc_cert_pem(const struct fc_cert *cert);
/* PEM straight from DER (no parsing); the caller frees. */
char *fc_cert_der_to_pem(const unsigned char *der, size_t len);
/* Serial as lower-case hex of its content octets without a leading 00 ("03ab..."); the caller frees. */
char *fc_cert_serial(const struct fc_cert *cert);
int64_t fc_cert_not_before(const struct fc_cert *cert); /* ns */
int64_t fc_cert_not_after(const struct fc_cert *cert);
/* One-line subject "C=US, O=x, CN=y"; the caller frees. */
char *fc_cert_subject(const struct fc_cert *cert);
/* CN only, NULL when there is none; the caller frees. */
char *fc_cert_cn(const struct fc_cert *cert);
/* New reference to the public key. */
int fc_cert_key(const struct fc_cert *cert, struct fc_key **ret_key, struct fc_err *err);
/* Subject key identifier bytes, borrowed; NULL when absent. */
const unsigned char *fc_cert_ski(const struct fc_cert *cert, size_t *ret_len);
/* Authority key identifier keyid, borrowed; NULL when absent. */
const unsigned char *fc_cert_aki(const struct fc_cert *cert, size_t *ret_len);
bool fc_cert_is_ca(const struct fc_cert *cert);
/* Whether cert's signature verifies with issuer's key and issuer's subject is cert's issuer name. No dates. */
bool fc_cert_issued_by(const struct fc_cert *cert, const struct fc_cert *issuer);
/* Borrowed. */
X509 *fc_cert_x509(const struct fc_cert *cert);

/* ---- CA certificates ---- */

struct fc_cert_ca {
    const char *country, *organization, *cn; /* NULL: left out */
    int64_t not_before, not_after;
    const struct fc_key *key;
    /* NULL issuer: self-signed root. */
    const struct fc_cert *issuer;
    const struct fc_key *issuer_key;
    int path_len;           /* -1: none */
    const char *aia_url;    /* caIssuers of the issuer, or NULL */
    const char *crl_url;    /* CRL of the issuer, or NULL */
    const char *policy_oid; /* or NULL */
    bool server_auth;       /* extKeyUsage serverAuth (intermediates) */
    bool client_auth;       /* with server_auth: clientAuth too */
};
/* A root or intermediate: keyUsage keyCertSign cRLSign (digitalSignature too) critical, basicConstraints CA critical, SKI, AKI. */
int fc_cert_make_ca(const struct fc_cert_ca *params, struct fc_cert **ret_cert, struct fc_err *err);

/* ---- leaves ---- */

/* What does not change from leaf to leaf of one issuer, made once: encoded extensions, names, digests. Immutable. */
struct fc_cert_issuer;
struct fc_cert_issuer_params {
    const struct fc_cert *cert;
    const struct fc_key *key;
    const char *aia_url;  /* caIssuers */
    const char *ocsp_url; /* NULL: none, as Let's Encrypt has none any more */
    const char *policy_oid;
};
int fc_cert_issuer_new(const struct fc_cert_issuer_params *params, struct fc_cert_issuer **ret_issuer,
                       struct fc_err *err);
void fc_cert_issuer_free(struct fc_cert_issuer *issuer);
FC_CLEANUP(struct fc_cert_issuer *, fc_cert_issuer_free)

/* A leaf of letsencrypt.md E.1: extensions in that order, fast paths of performance.md part 7. */
struct fc_cert_leaf {
    const struct fc_csr *csr; /* for the key bits */
    const unsigned char *serial;
    size_t serial_len;
    int64_t not_before, not_after;
    const char *cn;         /* NULL: empty subject and critical SAN */
    const char *const *dns; /* sorted, NULL-terminated */
    const char *const *ips; /* canonical texts, NULL-terminated, may be NULL */
    bool key_encipherment;  /* for RSA keys of the classic profile */
    bool client_auth;       /* extKeyUsage clientAuth besides serverAuth */
    bool ski;
    const char *crl_url; /* NULL: no CRL distribution point */
};
/* DER of the signed certificate; the caller frees with free(). Signature: RSA issuer sha256, P-256 SHA-256, P-384 SHA-384. */
int fc_cert_make_leaf(const struct fc_cert_issuer *issuer, const struct fc_cert_leaf *leaf, unsigned char **ret_der,
                      size_t *ret_len, struct fc_err *err);

/* ---- the directory's own TLS certificate ---- */

/* serverAuth leaf with these names (DNS names and IP literals mixed, NULL-terminated), signed by the given CA. */
int fc_cert_make_tls(const struct fc_key *key, const char *const *names, int64_t not_before, int64_t not_after,
                     const struct fc_cert *issuer, const struct fc_key *issuer_key, struct fc_cert **ret_cert,
                     struct fc_err *err);

/* ---- CRLs (letsencrypt.md E.7) ---- */

struct fc_cert_revoked {
    const char *serial; /* lower-case hex */
    int64_t revoked_at;
    int reason; /* 0: no reason extension */
};
struct fc_cert_crl {
    const struct fc_cert *issuer;
    const struct fc_key *key;
    int64_t this_update, next_update;
    uint64_t number;
    const char *url; /* issuingDistributionPoint (critical, onlyContainsUserCerts); NULL: none */
    const struct fc_cert_revoked *revoked;
    size_t n_revoked;
};
/* DER; the caller frees with free(). */
int fc_cert_make_crl(const struct fc_cert_crl *params, unsigned char **ret_der, size_t *ret_len, struct fc_err *err);

#endif
