/* The CA of one environment: hierarchy, leaf certificates, chains, CRLs. Cryptography only; it holds no lock of the store
 * while it signs. */
#ifndef FC_CA_H
#define FC_CA_H

#include "base/base_alloc.h"
#include "base/base_arena.h"
#include "base/base_err.h"
#include "model/model.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fc_policy;
struct fc_store;
struct fc_csr;
struct fc_problem;
struct fc_profile_version;
struct fc_ca;

struct fc_ca_params {
    const struct fc_policy *policy;
    struct fc_store *store;
    const char *pki_url; /* "http://localhost:15001/pki": AIA is PKI_URL/ENV/NAME.der, CRL PKI_URL/ENV/NAME/SHARD.crl */
    int64_t now;
    /* An own root (--root-cert, --root-key): PEM texts; both or neither. It signs all intermediates, in the place of every root of
     * the policy, under the name "own-root". Its key is not stored. */
    const char *root_cert_pem, *root_key_pem;
    /* Called, from the background thread, once for each CA certificate that was made (after it is stored); may be NULL. */
    void (*created)(void *cookie, const char *env, const char *name, const char *subject, const char *key,
                    int64_t not_after);
    /* Called when an issuer became ready: waiting issuances can go on. May be NULL. */
    void (*ready)(void *cookie);
    void *cookie;
};

/* Loads the hierarchy from the store, or makes the ECDSA part of what is in use at `now` at once and stores it. What needs RSA keys is
 * made by fc_ca_start_background, what is not in use (issuers of other times, backups) when it first is. Errors: FC_E_DAMAGED stored CA key and certificate do not fit; FC_E_USAGE own root unfit (no CA, key
 * does not match, expired at every permitted time, differs from the one that the state was made with). */
int fc_ca_new(const struct fc_ca_params *params, struct fc_ca **ret_ca, struct fc_err *err);
/* Starts the thread that makes what is missing (RSA), then what comes into use. */
int fc_ca_start_background(struct fc_ca *ca, struct fc_err *err);
/* Begins to make what is in use at now: the roots, what issues leaves, and all that is in its chains; below an own root everything,
 * for its key may not be given again. fc_ca_new does that itself; a skip of the clock calls for it. Any thread. */
void fc_ca_follow(const struct fc_ca *ca, int64_t now);
/* Joins the thread (RSA generation is not interruptible: up to a second); NULL allowed. */
void fc_ca_free(struct fc_ca *ca);
FC_CLEANUP(struct fc_ca *, fc_ca_free)

/* ---- issuing ---- */

/* letsencrypt.md D.4 on a parsed CSR, in that order, up to and including "account key used". 0, or -1 with the problem (details
 * carry "Error finalizing order :: "). thumb_spki: SPKI hash of the account key. */
struct fc_ca_check {
    const struct fc_csr *csr;
    const struct fc_ident *idents; /* of the order, sorted */
    size_t n_idents;
    const struct fc_profile_version *profile;
    int64_t now;
    const unsigned char *account_spki; /* 32 bytes */
    bool key_blocked;                  /* of the CSR's key: store_cert.h */
};
int fc_ca_check_csr(const struct fc_ca *ca, const struct fc_ca_check *check, struct fc_arena *arena,
                    struct fc_problem *ret_problem);

struct fc_ca_order {
    const struct fc_csr *csr;
    const struct fc_ident *idents;
    size_t n_idents;
    const char *profile; /* NULL: default; kept in the row as it is */
    int64_t now;
    int64_t not_before, not_after; /* as asked for; 0: as the profile says */
    int64_t account_id, order_id;
};
/* Makes and signs the leaf by letsencrypt.md E.1 and fills the row (in the arena; not stored). FC_E_AGAIN: the issuer or a certificate
 * of its chains is not ready yet (another error once it could not be made). FC_E_CRYPTO / FC_E_RANGE: refused, e.g. no issuer outlives the leaf.
 * FC_E_NOT_FOUND: the policy has no such profile. */
int fc_ca_issue(struct fc_ca *ca, const struct fc_ca_order *order, struct fc_arena *arena,
                struct fc_certificate *ret_certificate, struct fc_err *err);

/* From now on leaves come from the next issuer of their family, always the same one until the next call (a rotation, as of today). Any
 * thread. */
void fc_ca_rotate(struct fc_ca *ca);

/* ---- renewal information (RFC 9773, letsencrypt.md E.4): from a certificate's own dates alone ---- */

struct fc_ca_window {
    int64_t start, end; /* whole seconds */
};
void fc_ca_ari_window(const struct fc_policy *policy, int64_t issued_at, int64_t not_after,
                      struct fc_ca_window *ret_window);
/* Of a revoked one: just past, whenever it is asked for. */
void fc_ca_ari_revoked(const struct fc_policy *policy, int64_t now, struct fc_ca_window *ret_window);
/* The certificate's identifier: base64url(key identifier of the issuer) "." base64url(serial number). Arena; NULL when the DER is
 * none or names no issuer. */
const char *fc_ca_ari_id(const unsigned char *der, size_t len, struct fc_arena *arena);
/* Whether a CA certificate that issues leaves, now or under an earlier policy, has this key identifier. */
bool fc_ca_issuer_known(const struct fc_ca *ca, const unsigned char *ski, size_t len);

/* ---- reading ---- */

/* Number of chains of certificates of that issuer row at now (at least 1), the default one first; 0 when the issuer is unknown. */
size_t fc_ca_chains(const struct fc_ca *ca, int64_t issuer_id, int64_t now);
/* The n-th chain's PEM: leaf, then each CA certificate after an empty line, self-signed root left out (E.3). Arena.
 * NULL when there is no such chain, or one of its certificates is still to be made. */
const char *fc_ca_chain_pem(const struct fc_ca *ca, struct fc_arena *arena, const struct fc_certificate *certificate,
                            int64_t now, size_t n);
/* The names of the n-th chain's certificates, from the issuer to below the root, and of that root at the end (NULL: not known); at
 * most FC_CA_CHAIN_MAX, returns how many. 0: no such chain. */
#define FC_CA_CHAIN_MAX 18
size_t fc_ca_chain_names(const struct fc_ca *ca, const char *issuer, int64_t now, size_t n,
                         const char *ret_names[FC_CA_CHAIN_MAX]);

/* A CA certificate as the management API shows it. Texts live as long as the CA. */
struct fc_ca_info {
    int64_t id;
    const char *name; /* of the policy: "root-ye" */
    const char *subject;
    const char *key;    /* "P-256", "RSA-2048" */
    const char *key_of; /* cross-signed: name of the certificate whose subject and key it has; NULL: its own */
    bool root, issues_leaves, ready;
    bool idle;       /* not ready, and made only once it comes into use */
    const char *pem; /* NULL until ready */
    int64_t not_before, not_after;
};
/* Index from 0; false past the end. */
bool fc_ca_info(const struct fc_ca *ca, size_t index, struct fc_ca_info *ret_info);
/* Whether it is a root, or leaves that are issued at now come from it. */
bool fc_ca_in_use(const struct fc_ca *ca, const char *name, int64_t now);
/* Blocks until everything that is in use is made or the monotonic deadline has come; whether it is. Without
 * fc_ca_start_background nothing is waited for. */
bool fc_ca_wait_ready(const struct fc_ca *ca, int64_t until_mono);
/* PEM of the roots, one after the other (those that are ready); arena. */
const char *fc_ca_roots_pem(const struct fc_ca *ca, struct fc_arena *arena);
/* DER of a CA certificate by policy name; NULL when unknown or not ready. Borrowed. */
const unsigned char *fc_ca_cert_der(const struct fc_ca *ca, const char *name, size_t *ret_len);

/* The CRL of an issuer (policy name) and shard (1..n) as of now, DER; the caller frees. Reads revoked certificates from the store
 * (takes its lock itself: not inside a transaction). FC_E_NOT_FOUND. A CA that issues no leaves has one, shard 1; an own root none. */
int fc_ca_crl(struct fc_ca *ca, const char *name, int shard, int64_t now, unsigned char **ret_der, size_t *ret_len,
              struct fc_err *err);

/* ---- the directory's own TLS (one for the whole server; design.md part 6: 2000-01-01 to 2199-12-31, kept in the state) ---- */

struct fc_ca_tls {
    char *cert_pem; /* chain: leaf, then its CA */
    char *key_pem;
    char *ca_pem; /* the root to trust */
};
/* Loads from the store or makes it. names: NULL-terminated; localhost, 127.0.0.1, ::1 are always in. When the stored leaf lacks
 * a name, a new leaf is made by the same CA. FC_E_USAGE: a name that is none; FC_E_DAMAGED. */
int fc_ca_tls_load(struct fc_store *store, const char *const *names, struct fc_ca_tls *ret_tls, struct fc_err *err);
/* The user's own chain and key (--tls-cert, --tls-key) instead; whoever trusts this chain trusts the directory. FC_E_USAGE. */
int fc_ca_tls_own(const char *cert_pem, const char *key_pem, struct fc_ca_tls *ret_tls, struct fc_err *err);
void fc_ca_tls_release(struct fc_ca_tls *tls);

#endif
