/* What the files of this folder share. Nobody else includes it but the test that holds the table against the document. */
#ifndef FC_MANAGE_INT_H
#define FC_MANAGE_INT_H

#include "base/base_json.h"
#include "manage/manage.h"
#include "store/store.h"

#include <pthread.h>
#include <stdatomic.h>

#define FC_MANAGE_API "/api/v1"
#define FC_MANAGE_BODY_MAX 65536
#define FC_MANAGE_LIMIT_DEFAULT 100
#define FC_MANAGE_STREAMS_MAX 256
#define FC_MANAGE_TYPES_MAX 32

struct fc_manage {
    struct fc_manage_params params; /* hosts and token are our copies */
    char **hosts;                   /* NULL-terminated */
    char *token;
    char *tls_subject; /* of the directory's root */
    int64_t tls_not_after;
    pthread_mutex_t clock_lock; /* one change of the clock at a time, from the reading of what was to the commit */
    atomic_bool ready;
    atomic_bool opened; /* was ready once: from then on nobody writes to params.run */
    atomic_uint streams;
    pthread_mutex_t probes_lock;
    struct fc_manage_probe *probes; /* under way, or answered to nobody */
    size_t n_probes;
};

struct fc_manage_call {
    struct fc_manage *manage;
    struct fc_http_req *req;
    struct fc_http_res *res;
};

/* A handler fills the response and returns 0, or returns -1 with err and has filled nothing. */
typedef int (*fc_manage_handler_fn)(struct fc_manage_call *call, struct fc_err *err);

enum fc_manage_body { FC_MANAGE_NO_BODY, FC_MANAGE_BODY, FC_MANAGE_BODY_OPTIONAL };

#define FC_MANAGE_QUERIES_MAX 6
struct fc_manage_route {
    const char *method;
    const char *pattern; /* as the OpenAPI document names the path */
    fc_manage_handler_fn handler;
    enum fc_manage_body body;
    bool no_head;                             /* GET without HEAD: streams */
    const char *query[FC_MANAGE_QUERIES_MAX]; /* permitted parameters, NULL-terminated */
};

/* ---- manage_routes.c ---- */
extern const struct fc_manage_route fc_manage_routes[];
extern const size_t fc_manage_routes_count;
/* Finds the row and runs it. 404 and 405 are answered here; -1 with err otherwise, as a handler. */
int fc_manage_routes_run(struct fc_manage_call *call, struct fc_err *err);

/* ---- manage_guard.c: whether the request may be answered at all; false: the refusal is in the response ---- */
bool fc_manage_guard(struct fc_manage_call *call);

/* ---- manage_problem.c ---- */
void fc_manage_problem(struct fc_manage_call *call, int status, const char *code, const char *detail);
/* By the table of codes; errors that are ours (500) are logged. */
void fc_manage_problem_err(struct fc_manage_call *call, const struct fc_err *err);

/* ---- manage_body.c: what the request says ---- */
struct fc_manage_input {
    json_t *value; /* NULL: an empty body that is allowed */
    struct fc_json_errs errs;
    struct fc_json_obj root;
};
/* Parses the body as an object; all getters of base_json work on input->root. Then _close reports every error at once,
 * unknown members too; it must be called after a successful _open, and input stays readable until _release. */
int fc_manage_body_open(struct fc_manage_call *call, struct fc_manage_input *ret_input, struct fc_err *err);
int fc_manage_body_close(struct fc_manage_input *input, struct fc_err *err);
void fc_manage_body_release(struct fc_manage_input *input); /* zeroed: does nothing */
#define fc_auto_input __attribute__((cleanup(fc_manage_body_release)))
/* A body may be there only when the row says so. */
int fc_manage_body_check(const struct fc_manage_call *call, enum fc_manage_body rule, struct fc_err *err);
/* Refuses parameters that the list (NULL-terminated) does not name, doubled ones, and what does not decode. */
int fc_manage_body_query_check(struct fc_manage_call *call, const char *const *names, struct fc_err *err);
/* A parameter that is a number in [min, max]; fallback when absent. */
int fc_manage_body_query_int(struct fc_manage_call *call, const char *name, int64_t min, int64_t max, int64_t *io_value,
                             struct fc_err *err);
/* The parameter "environment": the one meant, NULL when absent. FC_E_USAGE for one that is not served. */
int fc_manage_body_query_env(struct fc_manage_call *call, const struct fc_manage_env **ret_env, struct fc_err *err);
/* What a list is asked for by the usual parameters, as far as the row permits them. */
struct fc_manage_want {
    const char *env;           /* NULL: all */
    int64_t account;           /* 0: all */
    size_t limit;              /* rows wanted */
    struct fc_store_page page; /* asks for one row more, to know whether there are more */
};
/* newest_first: the order when neither "before" nor "after" says it. */
int fc_manage_body_want(struct fc_manage_call *call, bool newest_first, struct fc_manage_want *ret_want,
                        struct fc_err *err);
/* Cuts the count to what was wanted; whether there are more. */
bool fc_manage_body_want_more(const struct fc_manage_want *want, size_t *io_count);
/* A number in the path; FC_E_NOT_FOUND "no such WHAT 'x'" when it is none. */
int fc_manage_body_id(struct fc_manage_call *call, const char *what, int64_t *ret_id, struct fc_err *err);

/* ---- manage.c ---- */
void fc_manage_json(struct fc_manage_call *call, json_t *value); /* 200; steals the reference */
/* What every answer carries; for answers that are made after their handler has returned. */
void fc_manage_headers(struct fc_manage_call *call);
const struct fc_manage_env *fc_manage_find_env(const struct fc_manage *manage, const char *name);

/* ---- manage_render.c: rows as JSON, new references ---- */
struct fc_account;
struct fc_order;
struct fc_authz;
struct fc_certificate;
json_t *fc_manage_render_time(int64_t at); /* 0: null */
json_t *fc_manage_render_text(const char *text);
json_t *fc_manage_render_account(const struct fc_account *account);
json_t *fc_manage_render_order(const struct fc_order *order, const struct fc_authz *authzs, int64_t now);
json_t *fc_manage_render_authz(const struct fc_authz *authz, int64_t now);
/* The chains of an issuer (policy name) at now, the default one first: [{"certificates":[...],"root":"root-x1"}]. */
json_t *fc_manage_render_chains(const struct fc_manage_env *env, const char *issuer, int64_t now);
json_t *fc_manage_render_certificate(const struct fc_manage *manage, const struct fc_certificate *certificate,
                                     int64_t number, int64_t now);

/* ---- manage_certs.c ---- */

/* The certificate of the path's serial, and its environment. Not inside a transaction. */
int fc_manage_certs_find(struct fc_manage_call *call, struct fc_certificate *ret_certificate,
                         const struct fc_manage_env **ret_env, struct fc_err *err);

/* ---- manage_due.c: what a skip of the clock means for the rows ---- */

/* When two thirds of the lifetime are used, as store_cert.h counts it: when a client should renew. */
int64_t fc_manage_due_renew_at(const struct fc_certificate *certificate);

/* Unrevoked certificates that came to two thirds, or to the end, of their lifetime on the way; none on the way back. */
struct fc_manage_passed {
    int64_t due, expired;
};
/* Inside a transaction. */
int fc_manage_due_passed(struct fc_store *store, int64_t from, int64_t to, struct fc_manage_passed *ret_passed,
                         struct fc_err *err);

/* What lies later than `at`: certificates that are not yet valid, accounts and orders that are not yet made. */
struct fc_manage_ahead {
    int64_t certificates, accounts, orders;
};
/* Not inside a transaction. */
int fc_manage_due_ahead(struct fc_store *store, int64_t at, struct fc_manage_ahead *ret_ahead, struct fc_err *err);

/* ---- manage_validation.c, manage_probe.c ---- */

/* Adds cause, remedy and repeat to an answer that has problem and hops, and to each hop its number and text. policy NULL: not served. */
void fc_manage_validation_explain(const struct fc_manage *manage, const struct fc_policy *policy, json_t *answer);
/* When neither requests nor validations are under way any more. */
void fc_manage_probe_free_all(struct fc_manage *manage);

/* ---- handlers ---- */
json_t *fc_manage_clock_json(const struct fc_manage *manage);
int fc_manage_clock_show(struct fc_manage_call *call, struct fc_err *err);
int fc_manage_clock_advance(struct fc_manage_call *call, struct fc_err *err);
int fc_manage_clock_set(struct fc_manage_call *call, struct fc_err *err);
int fc_manage_clock_freeze(struct fc_manage_call *call, struct fc_err *err);
int fc_manage_clock_follow(struct fc_manage_call *call, struct fc_err *err);
int fc_manage_clock_reset(struct fc_manage_call *call, struct fc_err *err);

int fc_manage_trust_show(struct fc_manage_call *call, struct fc_err *err);
int fc_manage_trust_ca(struct fc_manage_call *call, struct fc_err *err);
int fc_manage_trust_roots(struct fc_manage_call *call, struct fc_err *err);
int fc_manage_trust_intermediates(struct fc_manage_call *call, struct fc_err *err);
int fc_manage_trust_der(struct fc_manage_call *call, struct fc_err *err);
int fc_manage_trust_crl(struct fc_manage_call *call, struct fc_err *err);

int fc_manage_list_accounts(struct fc_manage_call *call, struct fc_err *err);
int fc_manage_list_account(struct fc_manage_call *call, struct fc_err *err);
int fc_manage_list_orders(struct fc_manage_call *call, struct fc_err *err);
int fc_manage_list_order(struct fc_manage_call *call, struct fc_err *err);

int fc_manage_certs_list(struct fc_manage_call *call, struct fc_err *err);
int fc_manage_certs_get(struct fc_manage_call *call, struct fc_err *err);
int fc_manage_certs_chain(struct fc_manage_call *call, struct fc_err *err);
int fc_manage_certs_revoke(struct fc_manage_call *call, struct fc_err *err);

int fc_manage_renewal_get(struct fc_manage_call *call, struct fc_err *err);
int fc_manage_renewal_put(struct fc_manage_call *call, struct fc_err *err);
int fc_manage_renewal_delete(struct fc_manage_call *call, struct fc_err *err);

int fc_manage_events_list(struct fc_manage_call *call, struct fc_err *err);
int fc_manage_events_stream(struct fc_manage_call *call, struct fc_err *err);

int fc_manage_validation_get(struct fc_manage_call *call, struct fc_err *err);
int fc_manage_probe_post(struct fc_manage_call *call, struct fc_err *err);

int fc_manage_external_list(struct fc_manage_call *call, struct fc_err *err);
int fc_manage_external_post(struct fc_manage_call *call, struct fc_err *err);
int fc_manage_external_delete(struct fc_manage_call *call, struct fc_err *err);
int fc_manage_authz_purge(struct fc_manage_call *call, struct fc_err *err);

int fc_manage_faults_list(struct fc_manage_call *call, struct fc_err *err);
int fc_manage_faults_kinds(struct fc_manage_call *call, struct fc_err *err);
int fc_manage_faults_post(struct fc_manage_call *call, struct fc_err *err);
int fc_manage_faults_clear(struct fc_manage_call *call, struct fc_err *err);
int fc_manage_faults_delete(struct fc_manage_call *call, struct fc_err *err);

int fc_manage_dns_list(struct fc_manage_call *call, struct fc_err *err);
int fc_manage_dns_hosts(struct fc_manage_call *call, struct fc_err *err);
int fc_manage_dns_put(struct fc_manage_call *call, struct fc_err *err);
int fc_manage_dns_delete(struct fc_manage_call *call, struct fc_err *err);

int fc_manage_limits_list(struct fc_manage_call *call, struct fc_err *err);
int fc_manage_limits_would(struct fc_manage_call *call, struct fc_err *err);
int fc_manage_limits_fill(struct fc_manage_call *call, struct fc_err *err);
int fc_manage_limits_reset(struct fc_manage_call *call, struct fc_err *err);
/* The moment that the last client who was denied was told, or when the first full bucket has room again; *ret_at 0: neither lies
 * later than now. Takes the store's lock. */
int fc_manage_limits_retry_at(struct fc_manage_call *call, int64_t now, int64_t *ret_at, struct fc_err *err);

int fc_manage_policy_show(struct fc_manage_call *call, struct fc_err *err);
int fc_manage_policy_difference(struct fc_manage_call *call, struct fc_err *err);

int fc_manage_misc_health(struct fc_manage_call *call, struct fc_err *err);
int fc_manage_misc_readyz(struct fc_manage_call *call, struct fc_err *err);
int fc_manage_misc_run(struct fc_manage_call *call, struct fc_err *err);
int fc_manage_misc_status(struct fc_manage_call *call, struct fc_err *err);
int fc_manage_misc_port_map(struct fc_manage_call *call, struct fc_err *err);
int fc_manage_misc_port_map_put(struct fc_manage_call *call, struct fc_err *err);
int fc_manage_misc_reset(struct fc_manage_call *call, struct fc_err *err);
int fc_manage_misc_openapi(struct fc_manage_call *call, struct fc_err *err);
int fc_manage_misc_index(struct fc_manage_call *call, struct fc_err *err);

#endif
