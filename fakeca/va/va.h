/* The validation authority: validates one authorization by one method as Let's Encrypt does and gives back a verdict with a
 * trace. No store, no lock: who asked records the result. One thread; hundreds of validations at once. */
#ifndef FC_VA_H
#define FC_VA_H

#include "base/base_alloc.h"
#include "base/base_err.h"
#include "model/model_ident.h"
#include "model/model_problem.h"
#include "net/net_addr.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fc_policy;
struct fc_resolver;
struct fc_net_portmap;
struct fc_va;

struct fc_va_params {
    const struct fc_resolver *resolver;
    const struct fc_net_portmap *portmap;
    size_t queue_max;     /* validations waiting or under way; 0: 4096 */
    int64_t perspectives; /* instead of the policy's; 0: the policy's */
};
int fc_va_new(const struct fc_va_params *params, struct fc_va **ret_va, struct fc_err *err);
/* Starts the thread. */
int fc_va_start(struct fc_va *va, struct fc_err *err);
/* Cancels what is under way: no callback comes for it any more. Joins the thread; NULL allowed. */
void fc_va_free(struct fc_va *va);
FC_CLEANUP(struct fc_va *, fc_va_free)

#define FC_VA_PERSPECTIVES_MAX 16

enum fc_va_scope {
    FC_VA_ALL, /* control of the name, then CAA: what an authorization needs */
    FC_VA_DCV, /* control of the name only */
    FC_VA_CAA  /* CAA only: the recheck before issuance */
};

/* Strings are copied. What stands behind key_authorization may be left zeroed. */
struct fc_va_job {
    const struct fc_policy *policy; /* lives longer than the VA */
    const char *method;             /* one of fc_va_methods */
    struct fc_ident ident;          /* without "*." */
    bool wildcard;
    const char *token;
    const char *key_authorization; /* NULL: whatever the target serves is taken, under all other rules */

    enum fc_va_scope scope;
    int64_t now;             /* simulated: persistUntil, and what is said of a certificate's dates; 0: not looked at */
    const char *account_url; /* dns-account-01, dns-persist-01, CAA accounturi; NULL: no account */

    /* of probes: */
    int perspective; /* 0: as many as the policy has, the primary first; 1: the primary alone; 2: the first remote ... */
    struct fc_net_addr from; /* source address; AF_UNSPEC: that of the perspective */
    int family;              /* AF_INET, AF_INET6: as if the name had only these addresses; 0: both */
    struct fc_net_addr
        connect_to; /* connections to the name at the challenge's own port go there, whatever look-up and port
                                      map say; a redirect to another host or port goes its own way; AF_UNSPEC: not */
};

/* One hop of the way, in order: one connection, or one question to DNS. Lives in the job's arena: valid during the callback.
 * Texts that came from outside are bounded and valid UTF-8; absent ones are NULL. */
struct fc_va_hop {
    const char *perspective; /* "primary", "remote 1" ... */
    bool remote;             /* not the primary's */
    const char *step;        /* "http", "tls-alpn", "txt", "caa" */
    const char *url;         /* http-01; NULL for other steps */
    const char *host;        /* DNS steps: the name that was asked */
    unsigned port;           /* of the URL */
    const char **resolved;   /* addresses found, NULL-terminated, IPv6 first; NULL: none */
    const char *used;        /* address tried */
    const char *family;      /* of the address tried: "IPv4", "IPv6" */
    const char *connected;   /* "127.0.0.1:5002": where the port map led */
    const char *source;      /* our end: "127.0.0.2:40312"; NULL when it never stood */
    const char *dns_rule;    /* the rule or resolver that gave the address or the records */
    int status;              /* HTTP, 0: none */
    const char *location;    /* as received */

    /* "followed" or "refused", NULL: no redirect; and what decided: "count" "tls" "status" "url" "scheme" "port" "host" "path" or
     * "loop" when refused; "name" or "address", and what `rehearsal` allowed, when followed */
    const char *redirect, *redirect_rule;

    const char *hsts;   /* Strict-Transport-Security as received: not obeyed */
    const char *server; /* as received: who answered */
    const char *tls;    /* "TLSv1.3" */
    /* Of the certificate, which is never verified: cert_fault says why a browser would not have taken it: "self-signed", "expired",
     * "not yet valid", "wrong name", joined by ", "; NULL: none of these (its issuer was not looked for). */
    const char *cert_subject, *cert_issuer, *cert_fault;
    int64_t cert_not_after; /* ns; 0: no certificate */

    const char *error;        /* what failed here, in the words of letsencrypt.md B.3 to B.10; NULL */
    size_t compared;          /* bytes of the answer that were compared, white space at the end not counted */
    int64_t first_difference; /* offset of the first byte that differs; -1: none or nothing compared */
    const char *expected;     /* quoted; what should have come, and what came */
    const char *received;
    bool rehearsal;             /* only `rehearsal` allowed it */
    const char *rehearsal_what; /* "private address", "redirect host", "mapped port", "reserved suffix" */
    int64_t connect_ns, total_ns;
};

struct fc_va_result {
    bool valid;
    struct fc_problem problem; /* when not valid; texts of letsencrypt.md B.3 to B.10 */
    const struct fc_va_hop
        *hops; /* of all perspectives, the primary's first, those of one perspective together; CAA last */
    size_t n_hops;
    const char *failed_perspective; /* whose problem it is; NULL when valid */
    json_t
        *record; /* validationRecord (B.9) of the primary, array; borrowed (keep a copy, not a reference); empty when no
                     * connection was tried */
    int64_t total_ns;
};
/* On the VA's thread. Must not block for long. */
typedef void (*fc_va_done_fn)(void *cookie, const struct fc_va_result *result);

/* Queues a validation; any thread. FC_E_LIMIT when queue_max is reached, FC_E_NOT_FOUND for an unknown method. */
int fc_va_validate(struct fc_va *va, const struct fc_va_job *job, fc_va_done_fn done, void *cookie, struct fc_err *err);
/* Methods that this VA can do, NULL-terminated, static. */
const char *const *fc_va_methods(void);
/* A fault: this perspective (0: the primary, 1: the first remote ...) sees nothing any more: connects and look-ups of validations
 * that begin from now on time out, without the waiting. Any thread. */
void fc_va_blind(struct fc_va *va, size_t perspective, bool blind);
/* A fault: this remote perspective cannot be reached by the CA ("Secondary validation RPC failed"). Any thread. */
void fc_va_lose(struct fc_va *va, size_t perspective, bool lost);
/* How many wait or are under way. */
size_t fc_va_pending(struct fc_va *va);

#endif
