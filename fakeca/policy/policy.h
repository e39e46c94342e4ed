/* Let's Encrypt's rules as data (design.md part 2, "Policy is data"): one JSON file per environment, compiled in or read from
 * --policy FILE. Immutable after loading; any thread. Dated values are asked for with the simulated now. */
#ifndef FC_POLICY_H
#define FC_POLICY_H

#include "base/base_alloc.h"
#include "base/base_err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A profile as it is from `from` on, until the next version. */
struct fc_profile_version {
    int64_t from;
    int64_t validity;       /* notAfter - notBefore + 1 s */
    int64_t authz_lifetime; /* of a valid authorization: the re-use period */
    int64_t pending_authz_lifetime;
    int64_t order_lifetime;
    int64_t max_identifiers;
    bool dns, ip; /* permitted identifier types */
    bool common_name;
    bool key_encipherment; /* for RSA keys */
    bool subject_key_identifier;
    const char *source;
};

struct fc_profile {
    const char *name;
    const char *description;             /* URL shown in meta.profiles */
    struct fc_profile_version *versions; /* by `from`, ascending; at least one */
    size_t n_versions;
};

/* A CA certificate of the hierarchy. */
struct fc_policy_ca {
    const char *name;        /* "root-ecdsa", "int-rsa-1": unique in the file */
    const char *common_name; /* "fakeca TEST Root YE - do not trust" */
    const char *organization;
    const char *country;
    const char *key;    /* "P-256", "P-384", "RSA-2048", "RSA-4096" */
    const char *issuer; /* name of the issuing one; NULL: self-signed */
    bool issues_leaves;
    int64_t not_before, not_after;
    const char *source;
};

/* Where Let's Encrypt departs from RFC 8555: each a named boolean, true = departs. */
struct fc_policy_departures {
    bool contact_not_stored; /* letsencrypt.md C.6 */
    bool no_orders_list;
    bool no_pre_authorization;
    bool no_dates_in_orders;         /* notBefore, notAfter refused */
    bool expired_order_not_found;    /* C.3 */
    bool unsigned_get;               /* C.6: GET without signature on order, authorization, challenge, certificate */
    bool new_nonce_no_store_missing; /* H.4 */
    bool random_directory_key;       /* H.1 */
};

/* Which keys are taken (pki_key.h checks them). */
struct fc_policy_keys {
    int rsa_bits[8]; /* 0-terminated */
    bool p256, p384, p521;
};

struct fc_policy {
    const char *name;   /* "production" */
    const char *source; /* file name or "built-in" */
    bool rehearsal;

    struct {
        const char *path_prefix; /* "" or "/staging" */
        const char *terms_of_service;
        const char *website;
        const char **caa_identities;  /* NULL-terminated */
        const char *random_key_value; /* URL behind the random directory member */
        const char *rate_limits_url;  /* Link rel="help" */
    } directory;

    struct fc_policy_departures departs;

    struct {
        int64_t max_body; /* bytes of a JWS request */
        int64_t max_contacts;
        int64_t max_identifier_bytes; /* sum of all values in one order */
        const char **signature_algorithms;
        const char **forbidden_contact_domains;
        int64_t nonce_window;           /* how many used nonces are remembered */
        int64_t internal_retry_after_s; /* 60 */
    } requests;

    struct fc_policy_keys account_keys, certificate_keys;

    const char **blocked_names; /* exact or parent */

    struct fc_profile *profiles;
    size_t n_profiles;
    const char *default_profile;

    struct {
        const char **methods_dns; /* challenge types offered for DNS names, in order */
        const char **methods_wildcard;
        const char **methods_ip;
        const char *user_agent;
        int64_t connect_timeout, total_timeout; /* ns, monotonic */
        int64_t dns_timeout, dns_tries;
        int64_t max_redirects;         /* 11 */
        int64_t max_redirect_path;     /* 2000 bytes */
        int64_t max_body;              /* 128: this many bytes or more fail */
        int64_t http_port, https_port; /* 80, 443 */
        int64_t perspectives;          /* addresses that validate, the primary included */
        int64_t caa_recheck_after;
    } validation;

    struct {
        bool finalize_async;              /* staging: processing + Retry-After */
        int64_t processing_retry_after_s; /* 3 */
        int64_t max_backdate;             /* 65 min; notBefore = now - 0.9 x this */
        int64_t serial_prefix;            /* 1..127 */
        int64_t serial_random_bytes;      /* 17 */
        const char *policy_oid;           /* 2.23.140.1.2.1 */
        int64_t crl_shards;               /* 128 */
        int64_t crl_validity;             /* 216 h */
        int64_t crl_keep_after_expiry;    /* 24 h */
        int64_t revocation_reasons[16];   /* 0, 1, 4, 5; -1-terminated */
    } issuance;

    struct fc_policy_ca *cas; /* issuers stand before what they issue */
    size_t n_cas;
};

/* A built-in environment by name. FC_E_NOT_FOUND with the nearest name. */
int fc_policy_builtin(const char *name, struct fc_policy **ret_policy, struct fc_err *err);
/* Names of the built-in environments, NULL-terminated, static: production, staging. */
const char *const *fc_policy_builtin_names(void);
/* The JSON text of a built-in environment; static. */
const char *fc_policy_builtin_text(const char *name, size_t *ret_len);
/* Parses a policy file's text (at most 1 MiB): all errors at once, each with line, path, rule and nearest key (FC_E_USAGE). */
int fc_policy_parse(const char *text, size_t len, const char *file, struct fc_policy **ret_policy, struct fc_err *err);
void fc_policy_free(struct fc_policy *policy);
FC_CLEANUP(struct fc_policy *, fc_policy_free)

/* NULL when there is no such profile. name NULL: the default one. */
const struct fc_profile *fc_policy_profile(const struct fc_policy *policy, const char *name);
/* The version in force at now; before the first `from`, the first. */
const struct fc_profile_version *fc_profile_at(const struct fc_profile *profile, int64_t now);

#endif
