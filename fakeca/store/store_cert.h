/* Rows of certificates and of the CA's own keys and certificates. */
#ifndef FC_STORE_CERT_H
#define FC_STORE_CERT_H

#include "base/base_arena.h"
#include "model/model.h"
#include "store/store.h"

/* FC_E_BUSY when the serial is taken. */
int fc_store_cert_insert(struct fc_store *store, const struct fc_certificate *certificate, struct fc_err *err);
int fc_store_cert_get(struct fc_store *store, struct fc_arena *arena, const char *serial,
                      struct fc_certificate *ret_certificate, struct fc_err *err);
/* FC_E_BUSY when it is revoked already (then nothing changes). */
int fc_store_cert_revoke(struct fc_store *store, const char *serial, int64_t revoked_at, int reason,
                         struct fc_err *err);
/* A revocation is upgraded to another reason (letsencrypt.md E.6: keyCompromise). */
int fc_store_cert_set_reason(struct fc_store *store, const char *serial, int reason, struct fc_err *err);
/* Unrevoked certificates of env with this key: their serials, NULL-terminated arena vector. */
int fc_store_cert_by_key(struct fc_store *store, struct fc_arena *arena, const char *env, const unsigned char spki[32],
                         const char ***ret_serials, struct fc_err *err);
/* Keys that may not be certified any more (revoked for keyCompromise). */
int fc_store_key_block(struct fc_store *store, const unsigned char spki[32], struct fc_err *err);
int fc_store_key_blocked(struct fc_store *store, const unsigned char spki[32], bool *ret_blocked, struct fc_err *err);
/* Revoked certificates of an issuer and shard whose not_after is later than `unexpired_at`: for the CRL. shard 0: all. */
int fc_store_cert_revoked(struct fc_store *store, struct fc_arena *arena, int64_t issuer_id, int shard,
                          int64_t unexpired_at, struct fc_certificate **ret_certificates, size_t *ret_count,
                          struct fc_err *err);
/* Pages count by issuance number; *ret_numbers (may be NULL) are these numbers. Filters: env, account_id 0, name NULL = all. */
struct fc_store_cert_filter {
    const char *env;
    int64_t account_id;
    const char *name; /* has exactly this identifier */
};
int fc_store_cert_list(struct fc_store *store, struct fc_arena *arena, const struct fc_store_cert_filter *filter,
                       const struct fc_store_page *page, struct fc_certificate **ret_certificates,
                       int64_t **ret_numbers, size_t *ret_count, struct fc_err *err);
/* How many unexpired, unrevoked certificates end in (from, to]: what a clock skip lets expire. */
int fc_store_cert_count_expiring(struct fc_store *store, int64_t from, int64_t to, int64_t *ret_count,
                                 struct fc_err *err);
/* Moments in the life of an unrevoked certificate that a clock passes: its end, and when two thirds are used up:
 * not_before + (not_after - not_before) / 3 * 2. */
enum fc_store_moment { FC_STORE_EXPIRY, FC_STORE_RENEWAL };
/* How many such moments lie in (from, to]. */
int fc_store_cert_count_passing(struct fc_store *store, enum fc_store_moment moment, int64_t from, int64_t to,
                                int64_t *ret_count, struct fc_err *err);
/* The first such moment later than `after`; *ret_at 0 when there is none. */
int fc_store_cert_next(struct fc_store *store, enum fc_store_moment moment, int64_t after, int64_t *ret_at,
                       struct fc_err *err);
/* The last CRL number of an issuer and shard, raised to max(last + 1, at_least) (design.md part 2: clocks may go back). In a
 * write. */
int fc_store_crl_number(struct fc_store *store, int64_t issuer_id, int shard, uint64_t at_least, uint64_t *ret_number,
                        struct fc_err *err);

/* A CA key with its certificate. name is unique: "production/root-ecdsa", "production/int-rsa-1", "tls/ca", "tls/leaf". */
struct fc_issuer {
    int64_t id;
    const char *name;
    const unsigned char *key_der; /* NULL when only the certificate is here (cross-signs, --root-cert without key) */
    size_t key_len;
    const unsigned char *cert_der;
    size_t cert_len;
    int64_t created_at;
};
int fc_store_issuer_insert(struct fc_store *store, struct fc_issuer *issuer, struct fc_err *err);
/* Replaces key and certificate of a name (the id stays). */
int fc_store_issuer_replace(struct fc_store *store, const struct fc_issuer *issuer, struct fc_err *err);
int fc_store_issuer_get(struct fc_store *store, struct fc_arena *arena, const char *name, struct fc_issuer *ret_issuer,
                        struct fc_err *err);
int fc_store_issuer_list(struct fc_store *store, struct fc_arena *arena, struct fc_issuer **ret_issuers,
                         size_t *ret_count, struct fc_err *err);

#endif
