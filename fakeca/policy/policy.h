/* Let's Encrypt's rules as data (design.md part 2, "Policy is data"): one JSON file per environment, compiled in or read from
 * --policy FILE. Immutable after loading; any thread.
 *
 * A file says how things were in the beginning, and in `changes` what became of them on which day: any value can change on a
 * date. Loading makes one fc_policy for each of these days. The one that is handed out holds what was in force on the file's
 * `as_of`; fc_policy_at gives that of any other time, and whoever judges a fact asks for it with the simulated now. */
#ifndef FC_POLICY_H
#define FC_POLICY_H

#include "base/base_alloc.h"
#include "base/base_err.h"

#include <jansson.h>
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
    bool client_auth;        /* extended key usage clientAuth besides serverAuth */
    const int64_t *accounts; /* who may name it (letsencrypt.md D.3): 0-terminated; NULL: everybody */
    const char **issuers; /* names of the CA certificates that issue it, NULL-terminated; none: all that issue leaves */
    const char *source;
};

struct fc_profile {
    const char *name;
    const char *description;             /* URL shown in meta.profiles */
    bool offered;                        /* clients may name it; the default profile is used without that */
    struct fc_profile_version *versions; /* of all times, by `from`, ascending; at least one */
    size_t n_versions;
};

/* A chain that is served with the certificates of an issuer: names of CA certificates, the first with the issuer's key, each
 * signed by the next one's, the last one by a root, which is left out. NULL-terminated. */
struct fc_policy_chain {
    const char **names;
};

/* The most chains of one issuer: the default one and its alternates. */
#define FC_POLICY_CHAINS_MAX 16

/* A CA certificate of the hierarchy. */
struct fc_policy_ca {
    const char *name;        /* "root-ye", "yr1", "root-ye-by-x2": unique in the file */
    const char *common_name; /* "fakeca TEST Root YE - do not trust" */
    const char *organization;
    const char *country;
    const char *key;    /* "P-256", "P-384", "RSA-2048", "RSA-4096" */
    const char *issuer; /* name of the issuing one; NULL: self-signed */
    const char *key_of; /* cross-signed: subject and key are those of the certificate of this name; NULL: its own */
    bool issues_leaves;
    bool client_auth;               /* its leaves may be for client authentication */
    bool backup;                    /* issues only once the CA was told to rotate its issuers */
    struct fc_policy_chain *chains; /* of an issuer of leaves, the default one first; none: one, along `issuer` */
    size_t n_chains;
    int64_t not_before, not_after;
    const char *source;
};

/* Where Let's Encrypt departs from RFC 8555: each a named boolean, true = departs. */
struct fc_policy_departures {
    bool contact_not_stored; /* letsencrypt.md C.6 */
    bool no_orders_list;
    bool no_pre_authorization;
    bool no_dates_in_orders;          /* notBefore, notAfter refused */
    bool expired_order_not_found;     /* C.3 */
    bool unsigned_get;                /* C.6: GET without signature on order, authorization, challenge, certificate */
    bool new_nonce_no_store_missing;  /* H.4 */
    bool random_directory_key;        /* H.1 */
    bool media_type_malformed;        /* G.2 step 1: a wrong Content-Type is 400 malformed, not 415 */
    bool replay_nonce_header_refused; /* G.2 step 1: a Replay-Nonce header in a request is an error */
    bool large_body_unauthorized;     /* G.2 step 2: 403 unauthorized, not 413 */
    bool key_mismatch_malformed;      /* G.2 step 6: a key that does not fit alg is malformed, not badPublicKey */
    bool nonce_kept_on_refusal;       /* G.2 step 8: a nonce of a request that is refused before is not spent */
    bool nonce_syntax_bad_nonce;      /* G.2 step 8: a nonce that is no base64url is badNonce, not malformed */
    bool url_mismatch_malformed;      /* G.2 step 9: a wrong url is malformed, not unauthorized */
    bool dead_account_forbidden;      /* G.2 step 5, G.3: 403, not 401 */
    bool account_status_refused;      /* G.3: a status other than deactivated is an error, not ignored */
    bool same_key_malformed;          /* G.3: key change to the same key is 400 malformed, not 409 */
    bool conflict_type;               /* G.1: key change to a key in use has the unregistered type conflict */
    bool unknown_path_plain_text;     /* G.4: 404 of unknown paths is no problem document */
    bool csr_not_bad_csr;             /* D.4: unparsable is malformed, other names are unauthorized, not badCSR */
    bool validated_on_failure;        /* C.4: validated is set on failure too */
    bool challenge_stays_pending;     /* C.4: a challenge under way is pending, not processing */
    bool incorrect_response_unauthorized; /* B.3, B.5, B.6: a wrong answer is unauthorized, not incorrectResponse */
    bool profile_not_shown;               /* C.1: an order that names no profile shows none */
    bool
        identifier_type_rejected; /* D.3: a type that the profile does not permit is rejectedIdentifier, not invalidProfile */
    bool terms_change_ignored;       /* G.1: accounts that agreed to earlier terms go on */
    bool revocation_reasons_unnamed; /* E.6: the refusal does not name the allowed reasons */
    bool authz_existence_shown;      /* C.6: a foreign authorization is 403, an unknown one 404 */
};

/* Which keys are taken (pki_key.h checks them). */
struct fc_policy_keys {
    int rsa_bits[8]; /* 0-terminated */
    bool p256, p384, p521;
};

/* Rate limits (letsencrypt.md A.1); the numbers are Boulder's and lead the bucket keys. */
enum fc_limit {
    FC_LIMIT_NONE,
    FC_LIMIT_REGISTRATIONS_IP,
    FC_LIMIT_REGISTRATIONS_RANGE,
    FC_LIMIT_ORDERS,
    FC_LIMIT_FAILURES,
    FC_LIMIT_DOMAIN,
    FC_LIMIT_DOMAIN_ACCOUNT, /* by override only */
    FC_LIMIT_SET,
    FC_LIMIT_PAUSING,
    FC_LIMIT__MAX
};
/* "NewOrdersPerAccount", as Boulder calls it; NULL for FC_LIMIT_NONE. */
const char *fc_policy_limit_name(enum fc_limit limit);
/* FC_LIMIT_NONE when there is no such name. */
enum fc_limit fc_policy_limit_parse(const char *name);

/* `count` in `period`, `burst` at once. Zeroed: not configured, never denies. */
struct fc_policy_limit {
    int64_t count, period, burst;
    const char *source;
};

/* Another rule for one bucket, or for all of an account's (letsencrypt.md A.6). */
struct fc_policy_override {
    enum fc_limit limit;
    const char *key; /* of the bucket without the number: "17", "example.com"; limits 4 and 6: the account alone */
    struct fc_policy_limit rule;
};

/* A limit of the load balancer: requests of one address to paths that begin so (letsencrypt.md A.7). */
struct fc_policy_endpoint {
    const char *name;
    const char *path; /* behind the environment's prefix; one that ends in '/' holds for all below it */
    int64_t per_second, burst;
};

/* A row of `changes`. */
struct fc_policy_change {
    int64_t on;
    const char *what;
    const char **paths; /* "profiles.classic.validity", NULL-terminated; none: told, not simulated */
    const char *source;
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

    /* External account binding (RFC 8555 section 7.3.4). Absent in a file: not offered. */
    struct {
        bool offered, required;
    } external_account;
    /* Whether orders and valid authorizations are used again (letsencrypt.md C.2). Absent in a file: they are. */
    struct {
        bool orders_off, authorizations_off;
        int64_t margin_divisor, margin_min, margin_max; /* see fc_policy_reuse_margin; absent: 1, 0, 0 */
    } reuse;

    const char **blocked_names; /* exact or parent */

    /* Who and what is refused besides these names; production's lists are not public. Absent in a file: nobody and nothing. */
    struct {
        bool no_dns, no_ip;            /* identifier types that are disabled: letsencrypt.md D.1, row 19 */
        const char **on_demand_labels; /* D.1: a row of them is recursive on-demand issuance; NULL-terminated or NULL */
        const int64_t *blocked_accounts; /* D.3; 0-terminated or NULL */
        const char *blocked_reason;
    } access;

    struct fc_profile *profiles;
    size_t n_profiles;
    const char *default_profile;

    struct {
        const char **methods_dns; /* challenge types offered for DNS names, in order */
        const char **methods_wildcard;
        const char **methods_ip;
        const char *user_agent;
        int64_t connect_timeout, total_timeout; /* ns, monotonic */
        int64_t remote_timeout;                 /* total_timeout of a remote perspective */
        int64_t straggler_timeout;              /* how long slow perspectives are waited for once the result is known */
        int64_t dns_timeout, dns_tries;
        int64_t max_redirects;         /* 11 */
        int64_t max_redirect_path;     /* 2000 bytes */
        int64_t max_body;              /* 128: this many bytes or more fail */
        int64_t http_port, https_port; /* 80, 443 */
        int64_t perspectives;          /* addresses that validate, the primary included */
        int64_t remotes_min;           /* with fewer remote ones nothing is valid */
        int64_t remotes_may_fail;      /* of less than remotes_many, else remotes_many_may_fail */
        int64_t remotes_many, remotes_many_may_fail;
        int64_t caa_recheck_after;
    } validation;

    struct {
        bool finalize_async;              /* staging: processing + Retry-After */
        bool caa_recheck_fails_order;     /* B.10: a failed recheck makes the order invalid; else it stays ready */
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

    struct {
        bool enforced;
        int64_t renewal_window;                      /* a set issued within it is a renewal: 120 d */
        int64_t jitter_percent;                      /* Retry-After is up to this much longer */
        struct fc_policy_limit rules[FC_LIMIT__MAX]; /* by enum fc_limit */
        struct fc_policy_override *overrides;
        size_t n_overrides;
    } limits;

    struct {
        bool enabled;
        int64_t grace;          /* not paused again for so long after unpausing: 14 d */
        int64_t listed_max;     /* identifiers named in the refusal: 15 */
        int64_t token_lifetime; /* of the link in the refusal: 336 h */
        int64_t unpause_max;    /* identifiers unpaused at once: 50,000 */
    } pausing;

    struct {
        bool enforced;
        struct fc_policy_endpoint *endpoints;
        size_t n_endpoints;
    } request_limits;

    /* Renewal information (letsencrypt.md E.4). */
    struct {
        bool enabled;
        int64_t long_from;                   /* validity from which it counts as long: 10 d */
        int64_t long_divisor, short_divisor; /* validity / this before the end is the ideal moment: 3, 2 */
        int64_t margin_divisor;              /* validity / this to either side of it is the window: 100 */
        int64_t revoked_start, revoked_end;  /* the window of a revoked one: from now - 1 h to now - 30 min */
        int64_t retry_after;                 /* 6 h */
        int64_t retry_after_spread_percent;  /* 20 */
    } renewal_info;

    /* What a CA for tests takes that Let's Encrypt does not, and what it leaves to chance. Absent in a file: nothing of it. */
    struct {
        bool names;                 /* of one label, of any suffix, redundant ones: all that is a name */
        bool addresses;             /* reserved ones, as identifiers and as answers to look-ups */
        bool redirects;             /* to any port and host, by any status */
        bool no_caa;                /* CAA is not looked at */
        bool random_profile;        /* an order that names none gets any of those that are offered */
        bool no_order_reuse;        /* each newOrder makes an order */
        int64_t authz_anew_percent; /* how often a valid authorization is not used again */
        int64_t orders_per_page;    /* of an account's list; 0: the usual number */
        bool always_valid;          /* validations succeed unseen */
        int64_t validation_sleep;   /* a validation begins at random up to this much later */
        const char *ocsp_url;       /* in leaves; NULL: none */
    } lenient;

    struct fc_policy_ca *cas; /* issuers stand before what they issue; cross-signed ones at the end */
    size_t n_cas;

    int64_t from;  /* in force from then on; INT64_MIN: from the beginning */
    int64_t as_of; /* the state that the file was written by */
};

/* A built-in environment by name. FC_E_NOT_FOUND with the nearest name. */
int fc_policy_builtin(const char *name, struct fc_policy **ret_policy, struct fc_err *err);
/* Names of the built-in environments, NULL-terminated, static: production, staging, rfc8555, pebble. */
const char *const *fc_policy_builtin_names(void);
/* The JSON text of a built-in environment; static. */
const char *fc_policy_builtin_text(const char *name, size_t *ret_len);
/* Parses a policy file's text (at most 1 MiB): all errors at once, each with line, path, rule and nearest key (FC_E_USAGE). */
int fc_policy_parse(const char *text, size_t len, const char *file, struct fc_policy **ret_policy, struct fc_err *err);
void fc_policy_free(struct fc_policy *policy);
FC_CLEANUP(struct fc_policy *, fc_policy_free)

/* The CA certificate of that name; NULL when there is none. */
const struct fc_policy_ca *fc_policy_ca(const struct fc_policy *policy, const char *name);

/* The policy in force at now. Any policy of the file may be asked; the answer is freed with the one that was handed out. */
const struct fc_policy *fc_policy_at(const struct fc_policy *policy, int64_t now);
/* The same as the JSON object of a file without `changes`; borrowed. */
const json_t *fc_policy_json_at(const struct fc_policy *policy, int64_t now);
/* All changes of the file, ascending. */
const struct fc_policy_change *fc_policy_changes(const struct fc_policy *policy, size_t *ret_count);

/* A policy's JSON as lines: "profiles.classic.validity" and "64d"; lists as "dns, ip", true and false as "yes" and "no", without
 * sources. The caller frees with fc_policy_lines_free. */
struct fc_policy_line {
    char *path, *value;
};
struct fc_policy_line *fc_policy_lines(const json_t *policy, size_t *ret_count);
void fc_policy_lines_free(struct fc_policy_line *lines, size_t count);
/* The lines that differ, as [{"path","from","to"}], null where there is none; new reference. */
json_t *fc_policy_difference(const json_t *before, const json_t *after);

/* The changes with from < on <= to, as [{"on","what","sets","source"}]; new reference. */
json_t *fc_policy_changes_json(const struct fc_policy *policy, int64_t from, int64_t to);

/* How much life a valid authorization must have left to be used by a new order of that lifetime (letsencrypt.md C.2): its
 * margin_divisor-th part, within margin_min and margin_max. */
int64_t fc_policy_reuse_margin(const struct fc_policy *policy, int64_t order_lifetime);

/* Whether the account is on the list; on none when it is NULL. */
bool fc_policy_access_lists(const int64_t *accounts, int64_t account_id);

/* External account binding as the operator wants it, on every day. For who loads the policy, before anybody asks it. */
void fc_policy_set_external_account(struct fc_policy *policy, bool offered, bool required);
/* A profile of any time: orders outlive what is offered. NULL when there never is such a profile. name NULL: the default one. */
const struct fc_profile *fc_policy_profile(const struct fc_policy *policy, const char *name);
/* Whether a new order may name it at now. */
bool fc_policy_profile_offered(const struct fc_policy *policy, const char *name, int64_t now);
/* The version in force at now. */
const struct fc_profile_version *fc_profile_at(const struct fc_profile *profile, int64_t now);

#endif
