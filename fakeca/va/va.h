/* The validation authority: validates one authorization by one method as Let's Encrypt does and gives back a verdict with a
 * trace. No store, no lock: who asked records the result. One thread; hundreds of validations at once. */
#ifndef FC_VA_H
#define FC_VA_H

#include "base/base_alloc.h"
#include "base/base_err.h"
#include "model/model_ident.h"
#include "model/model_problem.h"

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
    size_t queue_max; /* validations waiting or under way; 0: 4096 */
};
int fc_va_new(const struct fc_va_params *params, struct fc_va **ret_va, struct fc_err *err);
/* Starts the thread. */
int fc_va_start(struct fc_va *va, struct fc_err *err);
/* Cancels what is under way: no callback comes for it any more. Joins the thread; NULL allowed. */
void fc_va_free(struct fc_va *va);
FC_CLEANUP(struct fc_va *, fc_va_free)

/* Strings are copied. */
struct fc_va_job {
    const struct fc_policy *policy; /* lives longer than the VA */
    const char *method;             /* "http-01", "dns-01" */
    struct fc_ident ident;          /* without "*." */
    bool wildcard;
    const char *token;
    const char *key_authorization;
};

/* One hop of the way, in order. Lives in the job's arena: valid during the callback. */
struct fc_va_hop {
    const char *url; /* http-01; NULL for DNS steps */
    const char *host;
    unsigned port;              /* of the URL */
    const char **resolved;      /* addresses found, NULL-terminated, IPv6 first */
    const char *used;           /* address tried */
    const char *connected;      /* "127.0.0.1:5002": where the port map led */
    const char *dns_rule;       /* what gave the address */
    int status;                 /* HTTP, 0: none */
    const char *location;       /* as received */
    const char *tls;            /* "TLSv1.3" */
    const char *error;          /* what failed here, in the words of letsencrypt.md B.3; NULL */
    bool rehearsal;             /* only `rehearsal` allowed it */
    const char *rehearsal_what; /* "private address", "redirect host", "mapped port" */
    int64_t connect_ns, total_ns;
};

struct fc_va_result {
    bool valid;
    struct fc_problem problem; /* when not valid; texts of letsencrypt.md B.3, B.4, B.6 */
    const struct fc_va_hop *hops;
    size_t n_hops;
    json_t *record; /* validationRecord (B.9), array; borrowed (keep a copy, not a reference); empty when no connection
                     * was tried */
    int64_t total_ns;
};
/* On the VA's thread. Must not block for long. */
typedef void (*fc_va_done_fn)(void *cookie, const struct fc_va_result *result);

/* Queues a validation; any thread. FC_E_LIMIT when queue_max is reached, FC_E_NOT_FOUND for an unknown method. */
int fc_va_validate(struct fc_va *va, const struct fc_va_job *job, fc_va_done_fn done, void *cookie, struct fc_err *err);
/* Methods that this VA can do, NULL-terminated, static. */
const char *const *fc_va_methods(void);
/* How many wait or are under way. */
size_t fc_va_pending(struct fc_va *va);

#endif
