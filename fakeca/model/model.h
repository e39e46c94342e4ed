/* Accounts, orders, authorizations, challenges, certificates: plain structs, and their status computed from row and now.
 * Strings belong to the arena that the struct was read into. Points in time are ns, simulated; 0 means "never". */
#ifndef FC_MODEL_H
#define FC_MODEL_H

#include "model/model_ident.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fc_status {
    FC_STATUS_PENDING,
    FC_STATUS_READY,
    FC_STATUS_PROCESSING,
    FC_STATUS_VALID,
    FC_STATUS_INVALID,
    FC_STATUS_DEACTIVATED,
    FC_STATUS_EXPIRED,
    FC_STATUS_REVOKED
};
const char *fc_status_name(enum fc_status status);          /* "pending" */
int fc_status_parse(const char *name, enum fc_status *ret); /* -1 when unknown */

struct fc_account {
    int64_t id;
    const char *env;        /* "production", "staging" */
    const char *jwk;        /* JSON text of the public key, required members only */
    const char *thumbprint; /* RFC 7638, base64url */
    enum fc_status status;  /* valid, deactivated, revoked */
    const char *contact;    /* JSON array text, or NULL when the policy does not keep contacts */
    bool terms_agreed;
    const char *terms;    /* URL of the terms that were agreed to, NULL: of an earlier schema */
    const char *external; /* JSON text of the external account binding, or NULL */
    int64_t created_at;
};

struct fc_order {
    int64_t id;
    int64_t account_id;
    const char *env;
    const char *profile;     /* NULL: none asked for (stored so: "" and "classic" share nothing) */
    struct fc_ident *idents; /* sorted */
    size_t n_idents;
    int64_t *authz_ids;
    size_t n_authz;
    int64_t created_at;
    int64_t expires_at;
    int64_t processing_at;    /* 0 until finalize took it */
    const unsigned char *csr; /* DER, from finalize on; NULL before */
    size_t csr_len;
    const char *serial;            /* of the certificate, NULL until issued */
    const char *error;             /* problem JSON of a failed issuance, NULL otherwise */
    const char *replaces;          /* certID, or NULL */
    int64_t not_before, not_after; /* as asked for; 0: as the profile says */
};

struct fc_authz {
    int64_t id;
    int64_t account_id;
    const char *env;
    const char *profile;   /* of the order that made it, NULL: none */
    struct fc_ident ident; /* without "*." */
    bool wildcard;
    enum fc_status stored; /* pending, valid, invalid, deactivated, revoked: what happened, not what time made of it */
    const char *token;     /* shared by all its challenges */
    const char *types;     /* offered challenge types, "http-01,dns-01" */
    int64_t created_at;
    int64_t expires_at;
    /* of the challenge that was attempted */
    const char *attempted; /* its type, NULL before */
    bool processing;       /* an attempt is under way */
    int64_t validated_at;  /* when the attempt began; set for valid and invalid */
    const char *error;     /* problem JSON, NULL when none */
    const char *record;    /* validationRecord JSON array, NULL when none */
};

struct fc_certificate {
    const char *serial; /* 36 lower-case hex digits */
    const char *env;
    int64_t account_id;
    int64_t order_id;
    int64_t issuer_id;   /* row of the issuing CA certificate */
    const char *profile; /* NULL: none asked for */
    const unsigned char *der;
    size_t der_len;
    struct fc_ident *idents; /* sorted */
    size_t n_idents;
    int64_t issued_at, not_before, not_after;
    int64_t revoked_at; /* 0: not revoked */
    int reason;
    const unsigned char *spki; /* 32 bytes: SHA-256 of the public key */
    int shard;                 /* CRL shard, 1..n */
};

/* pending and valid authorizations are expired once now > expires_at. */
enum fc_status fc_authz_status(const struct fc_authz *authz, int64_t now);
/* letsencrypt.md C.3, first match wins; authz: the order's n_authz authorizations. None at all: invalid. */
enum fc_status fc_order_status(const struct fc_order *order, const struct fc_authz *authz, int64_t now);
/* revoked (whatever the time), expired once now > not_after, else valid (also before not_before). */
enum fc_status fc_certificate_status(const struct fc_certificate *certificate, int64_t now);

/* The 6-character id of a challenge: base64url of the first 4 bytes of FNV-1a-128 over token and type (letsencrypt.md C.4). */
#define FC_CHALLENGE_ID_LEN 6
void fc_challenge_id(const char *token, const char *type, char ret_id[FC_CHALLENGE_ID_LEN + 1]);

#endif
