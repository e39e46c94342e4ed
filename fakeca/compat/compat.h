/* Pebble's face: its config file and variables, what it does before and after the ACME server, its management paths. The CA behind
 * it is the one that `fakeca serve` runs. */
#ifndef FC_COMPAT_H
#define FC_COMPAT_H

#include "base/base_alloc.h"
#include "base/base_err.h"
#include "http/http_msg.h"
#include "http/http_route.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fc_ca;
struct fc_store;

/* ---- compat_config.c, compat_env.c: what it is told ---- */

#define FC_COMPAT_ROOTS_MAX 15
#define FC_COMPAT_CHAIN_MAX 15
#define FC_COMPAT_TEXT_MAX 256

/* A text for people: what was passed over and why. */
typedef void (*fc_compat_warn_fn)(void *cookie, const char *text);

/* Strings belong to `file`, or are static. */
struct fc_compat_config {
    json_t *file;
    const char *listen;                    /* "0.0.0.0:14000" */
    const char *management_listen;         /* NULL: off */
    const char *certificate, *private_key; /* files; NULL: our own */
    int64_t http_port, tls_port;
    const char *ocsp_url; /* NULL: none */
    bool eab_required;
    const json_t *eab_keys;                       /* object: kid -> base64url; NULL */
    const json_t *caa_identities;                 /* array; NULL */
    const json_t *blocklist;                      /* array; NULL */
    bool rsa;                                     /* keyAlgorithm */
    const json_t *profiles;                       /* object; NULL */
    int64_t validity_s;                           /* certificateValidityPeriod; 0: the usual one */
    int64_t authz_retry_after, order_retry_after; /* seconds */
    bool strict;

    /* of PEBBLE_* variables */
    int64_t nonce_reject; /* percent */
    int64_t authz_reuse;  /* percent */
    int64_t orders_per_page;
    int64_t sleep_s; /* a validation begins up to so much later; 0: at once */
    bool always_valid;
    int64_t alternate_roots, chain_length;
};

/* Reads the file's text. Keys in any case, as Go takes them; an unknown one is a warning with its name and the nearest. FC_E_USAGE:
 * what is no JSON, has no "pebble", or is of another type than Pebble reads. Release in any case; start with a zeroed one. */
int fc_compat_config_read(struct fc_compat_config *config, const char *name, const char *text, size_t len,
                          fc_compat_warn_fn warn, void *cookie, struct fc_err *err);
/* Reads the variables by `get` (getenv). A value that Pebble would pass over is a warning. */
void fc_compat_config_env(struct fc_compat_config *config, const char *(*get)(const char *name), fc_compat_warn_fn warn,
                          void *cookie);
void fc_compat_config_release(struct fc_compat_config *config);
/* The policy file that it comes to, JSON; the caller frees. FC_E_USAGE. */
int fc_compat_config_policy(const struct fc_compat_config *config, char **ret_text, struct fc_err *err);

/* ---- compat_pebble.c: in front of the ACME server ---- */

struct fc_compat_pebble;

/* Pebble's names of our resources. */
extern const struct fc_http_alias fc_compat_pebble_paths[];

struct fc_compat_pebble_params {
    const struct fc_compat_config *config; /* outlives it */
    struct fc_store *store;
    const char *env; /* the policy's name */
    struct fc_ca *ca;
    fc_http_handler_fn acme; /* the ACME server behind it */
    void *acme_cookie;
};
struct fc_compat_pebble *fc_compat_pebble_new(const struct fc_compat_pebble_params *params);
/* Puts the keys of the config file for external accounts into the store. FC_E_USAGE names one that is no base64url. */
int fc_compat_pebble_keys(const struct fc_compat_pebble *pebble, int64_t now, struct fc_err *err);
void fc_compat_pebble_free(struct fc_compat_pebble *pebble); /* NULL allowed */

/* Handlers of the two listeners. */
void fc_compat_pebble_acme(void *pebble, struct fc_http_req *req, struct fc_http_res *res);
void fc_compat_pebble_manage(void *pebble, struct fc_http_req *req, struct fc_http_res *res);

#endif
