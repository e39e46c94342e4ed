/* The whole server: one of each part, started in the order of the floors and stopped in reverse. */
#ifndef FC_APP_H
#define FC_APP_H

#include "base/base_alloc.h"
#include "base/base_err.h"
#include "base/base_opt.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct fc_compat_config;

/* Who answers validation's questions, unless dns_server does. */
enum fc_app_dns { FC_APP_DNS_MOCK, FC_APP_DNS_SYSTEM, FC_APP_DNS_HOST };

/* External account binding. FC_APP_EAB_POLICY: as the policies say, and optional when keys are given. */
enum fc_app_eab { FC_APP_EAB_POLICY, FC_APP_EAB_OFF, FC_APP_EAB_OPTIONAL, FC_APP_EAB_REQUIRED };

/* What `fakeca serve` can be told. Defaults: fc_app_config_defaults. Strings are borrowed and must outlive the app. */
struct fc_app_config {
    const char *state;             /* NULL: in memory, files at the default place */
    const char *acme_listen;       /* "localhost:14000" */
    const char *acme_http_listen;  /* NULL: off */
    const char *management_listen; /* "localhost:15001" */
    const char *dns_listen;        /* "127.0.0.1:8053"; "none": not served */
    const char *port_map;          /* "" */
    const char *dns_default;       /* "127.0.0.1" */
    int dns;                /* enum fc_app_dns: the mock, the roots with DNSSEC validation, or as this host does */
    const char *dns_server; /* "ADDR[:PORT]" of a resolver to ask instead; NULL */
    const char *pki_url;    /* NULL: http://localhost:MANAGEMENT_PORT/pki */
    struct fc_opt_strings tls_names;
    const char *tls_cert, *tls_key;     /* files */
    const char *root_cert, *root_key;   /* files */
    struct fc_opt_strings environments; /* built-in ones to serve; none: production and staging */
    struct fc_opt_strings policies; /* --policy FILE, replaces the environment of the same name, or comes beside them */
    const char *limits;             /* "letsencrypt", "staging", "off", a factor; NULL: as the policies say */
    const char *clock;              /* "-60d", "+1h", RFC 3339: only for a state that has no clock yet; NULL */
    int pace;                       /* enum fc_pace */
    int64_t threads;                /* of the ACME service */
    int64_t ari_retry_after;        /* Retry-After of renewal information, ns; 0: the policy's */
    int eab;                        /* enum fc_app_eab */
    struct fc_opt_strings eab_keys; /* "KID=KEY", for every environment; KEY is base64url */
    int64_t perspectives;           /* addresses that validate; 0: as many as the policy has */
    bool allow_public;
    const char *token; /* management token, with allow_public */
    bool durable;
    bool seeded;
    int64_t seed;
    /* A Pebble: its face before the ACME server, its management paths, its policy alone; it listens where its file says. NULL: none. */
    const struct fc_compat_config *pebble;
    /* When the default place or the management port is taken, others are taken: several run beside each other. */
    bool evade;
};
void fc_app_config_defaults(struct fc_app_config *config);

struct fc_app;

/* Starts everything; when it returns 0 all listeners are up and run.json is written. Errors carry the exit code by their code. */
int fc_app_start(const struct fc_app_config *config, struct fc_app **ret_app, struct fc_err *err);
/* Stops in order, removes run.json; NULL allowed. */
void fc_app_stop(struct fc_app *app);
FC_CLEANUP(struct fc_app *, fc_app_stop)

/* Stopping begins: readyz answers 503 from now on. */
void fc_app_drain(struct fc_app *app);

/* run.json as an object; borrowed. */
const json_t *fc_app_run(const struct fc_app *app);

struct fc_events *fc_app_events(struct fc_app *app);

/* ---- where a running CA is found: used by every command ---- */

/* The folder that holds run.json: state, or $XDG_RUNTIME_DIR/fakeca, or /tmp/fakeca-UID; the caller frees. */
char *fc_app_place(const char *state);
/* Reads run.json of that folder. FC_E_NOT_FOUND "no fakeca is running at 'x' (start one with: fakeca serve ...)"; a file that is
 * left of a process that is dead counts as not running. FC_E_SYSTEM: the default place is not ours alone. The caller owns the
 * object. */
int fc_app_find(const char *state, json_t **ret_run, struct fc_err *err);

#endif
