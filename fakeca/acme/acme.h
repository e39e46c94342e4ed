/* The ACME server (RFC 8555) of one environment: every resource, the way from a signed request to rows and back. Handlers depend
 * on http/ messages alone; validation and issuance go through va/ and ca/.
 *
 * One request: envelope checked (acme_auth: JWS, key, nonce, url: letsencrypt.md G.2 in that order), payload decoded, decided, one
 * store transaction (facts and events), rendered. A handler fills the response or returns -1 with a problem, never both.
 *
 * Threads: fc_acme_handle on any serving thread; results of validations on the VA's; issuance that waits on the job loop. */
#ifndef FC_ACME_H
#define FC_ACME_H

#include "base/base_alloc.h"
#include "base/base_err.h"
#include "http/http_msg.h"

#include <stdbool.h>
#include <stdint.h>

struct fc_policy;
struct fc_store;
struct fc_events;
struct fc_clock;
struct fc_ca;
struct fc_va;
struct fc_faults;
struct fc_http_alias;
struct fc_limits;
struct fc_limits_gate;
struct fc_acme;

enum fc_pace {
    FC_PACE_FAST,       /* challenge requests are held up to 250 ms until decided; issuance inside finalize */
    FC_PACE_LETSENCRYPT /* pending, processing, Retry-After as at Let's Encrypt */
};

/* Runs fn(arg) soon on the job loop's thread; jobs run one after the other. drop(arg) instead when the loop is stopped. */
typedef void (*fc_acme_post_fn)(void *cookie, void (*fn)(void *arg), void (*drop)(void *arg), void *arg);

struct fc_acme_params {
    const struct fc_policy *policy; /* policy->name is the environment, policy->directory.path_prefix its place */
    const struct fc_clock *clock;   /* for results that arrive outside of a request */
    struct fc_store *store;
    struct fc_events *events;
    struct fc_ca *ca;
    struct fc_va *va;
    struct fc_limits *limits;    /* NULL: none */
    struct fc_limits_gate *gate; /* requests per second; NULL: none */
    enum fc_pace pace;
    const char *
        directory; /* "https://localhost:14000/staging/dir": where accounts live when no request tells; NULL: unknown */
    struct fc_faults *faults;          /* NULL: no trouble */
    const struct fc_http_alias *paths; /* other names of resources than ours; NULL: none */
    int64_t ari_retry_after;           /* Retry-After of renewal information, ns; 0: the policy's */
    fc_acme_post_fn post;
    void *post_cookie;
};
int fc_acme_new(const struct fc_acme_params *params, struct fc_acme **ret_acme, struct fc_err *err);
/* After the server, the VA and the job loop have stopped. NULL allowed. */
void fc_acme_free(struct fc_acme *acme);
FC_CLEANUP(struct fc_acme *, fc_acme_free)

/* Answers every request whose path lies under the environment's prefix; 404 in plain text for unknown paths (letsencrypt.md G.4),
 * HEAD and OPTIONS included. */
void fc_acme_handle(struct fc_acme *acme, struct fc_http_req *req, struct fc_http_res *res);

/* Goes on with what a stopped or killed CA left: validations under way begin again, orders in processing are issued. */
int fc_acme_resume_work(struct fc_acme *acme, struct fc_err *err);
/* An issuer became ready (fc_ca_params.ready): waiting orders are issued. Any thread. */
void fc_acme_issuer_ready(struct fc_acme *acme);

/* After a management reset: forgets cached account keys; used nonces stay used. Any thread. */
void fc_acme_forget(struct fc_acme *acme);

/* Revocation by the operator (management API): reason 0..10 as RFC 5280 5.3.1 permits for leaves, or 0. FC_E_NOT_FOUND, FC_E_BUSY
 * (already revoked). Takes the store's lock. */
int fc_acme_revoke(struct fc_acme *acme, const char *serial, int reason, int64_t now, struct fc_err *err);

#endif
