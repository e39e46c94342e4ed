/* The management API under /api/v1, the files under /pki (CA certificates, CRLs) and the index page: what every `fakeca` command
 * and every script talks to. OpenAPI 3 document at /api/v1/openapi.json. Guarded by Host and Origin (design.md part 6).
 *
 * Threads: fc_manage_handle on any serving thread. */
#ifndef FC_MANAGE_H
#define FC_MANAGE_H

#include "base/base_alloc.h"
#include "base/base_err.h"
#include "http/http_msg.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fc_clock;
struct fc_store;
struct fc_events;
struct fc_dns;
struct fc_faults;
struct fc_ca;
struct fc_acme;
struct fc_limits;
struct fc_va;
struct fc_policy;
struct fc_net_portmap;
struct fc_manage;

#define FC_MANAGE_ENVS_MAX 8

/* One environment that is served. */
struct fc_manage_env {
    const struct fc_policy *policy;
    struct fc_ca *ca;
    struct fc_acme *acme;
    struct fc_limits *limits; /* NULL: none are looked at */
    const char *directory;    /* URL */
};

struct fc_manage_params {
    struct fc_clock *clock;
    struct fc_store *store;
    struct fc_events *events;
    struct fc_dns *dns;
    struct fc_faults *faults;
    struct fc_va *va; /* for probes; ends before the API is freed */
    struct fc_net_portmap *portmap;
    struct fc_manage_env envs[FC_MANAGE_ENVS_MAX];
    size_t n_envs;
    const char *resolver;   /* whom validation asks: NULL the mock DNS, "" the machine's own way, else "ADDR[:PORT]" */
    const char *tls_ca_pem; /* root of the directory's own TLS */
    const char *const *hosts; /* names and addresses that a Host header may carry besides loopback; NULL-terminated */
    const char *token;        /* needed as "Authorization: Bearer" for everything under /api; NULL: none */
    int64_t started_mono;     /* for uptime */
    /* run.json as an object (pid, directory, ...): served at /api/v1/run; borrowed */
    const json_t *run;
    /* The clock was changed: keep it. Called inside the write transaction that carries the event. */
    int (*clock_changed)(void *cookie, struct fc_err *err);
    void (*faults_changed)(void *cookie); /* after a rule came or went; may be NULL */
    void *cookie;
};
int fc_manage_new(const struct fc_manage_params *params, struct fc_manage **ret_manage, struct fc_err *err);
void fc_manage_free(struct fc_manage *manage); /* NULL allowed */
FC_CLEANUP(struct fc_manage *, fc_manage_free)

void fc_manage_handle(void *manage, struct fc_http_req *req, struct fc_http_res *res);
/* From now on readyz answers 200. */
void fc_manage_ready(struct fc_manage *manage, bool ready);

#endif
