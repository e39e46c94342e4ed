/* What the tests of manage share: a management API with real parts behind it (store in memory, two environments, a clock that stands at
 * LIB_NOW), rows to look at, and calls without sockets. Each answer is held against openapi.json on the way. */
#ifndef FC_TESTS_MANAGE_LIB_MANAGE_H
#define FC_TESTS_MANAGE_LIB_MANAGE_H

#include "base/base_json.h"
#include "http/http_msg.h"
#include "manage/manage.h"
#include "model/model.h"

#define LIB_NOW "2026-09-01T12:00:00Z"
#define LIB_HITS_MAX 64

struct lib_manage {
    struct fc_arena *arena;
    struct fc_clock *clock;
    struct fc_store *store;
    struct fc_events *events;
    struct fc_dns *dns;
    struct fc_faults *faults;
    struct fc_net_portmap *portmap;
    struct fc_va *va;
    struct fc_policy *policies[2];
    struct fc_ca *cas[2];
    struct fc_limits *limits[2];
    struct fc_acme *acmes[2];
    struct fc_manage *manage;
    const char *tls_ca_pem;
    json_t *run;
    json_t *doc; /* openapi.json as served */
    int64_t now;
    int kept;                       /* calls of clock_changed */
    bool keep_fails;                /* clock_changed answers with an error */
    const char *hits[LIB_HITS_MAX]; /* "GET /path/template" answered with 2xx */
    size_t n_hits;
};

/* *state is a struct lib_manage, ready. */
int lib_manage_setup(void **state);
int lib_manage_teardown(void **state);
#define LIB_MANAGE_TEST(name) cmocka_unit_test_setup_teardown(name, lib_manage_setup, lib_manage_teardown)

/* Makes the API anew with other hosts and another token (both may be NULL). */
void lib_manage_restart(struct lib_manage *t, const char *const *hosts, const char *token);

/* One call. target: path with query. body, headers (pairs, NULL-terminated) may be NULL. Lives in the arena. */
struct lib_answer {
    int status;
    const char *body;
    size_t len;
    const char *type;   /* Content-Type without parameters */
    json_t *json;       /* NULL when it is none */
    const char *detail; /* of a problem */
    const char *code;
    struct fc_http_req *req;
    struct fc_http_res *res;
};
struct lib_answer lib_manage_ask(struct lib_manage *t, const char *method, const char *target, const char *body,
                                 const char *const *headers);
/* Begins a call whose answer is held: req and res alone are set; nobody resumes it. */
struct lib_answer lib_manage_hold(struct lib_manage *t, const char *method, const char *target, const char *body);
struct lib_answer lib_manage_get(struct lib_manage *t, const char *target);
/* The JSON of an answer that must be 200. */
json_t *lib_manage_ok(struct lib_manage *t, const char *method, const char *target, const char *body);
/* Fails unless the answer is this problem with `says` in its detail. */
void lib_manage_refused(struct lib_manage *t, const char *method, const char *target, const char *body, int status,
                        const char *code, const char *says);

int64_t lib_manage_time(const char *text);
/* Member by "a.b" path; fails when absent. */
const char *lib_manage_str(const json_t *value, const char *path);
int64_t lib_manage_int(const json_t *value, const char *path);
json_t *lib_manage_at(const json_t *value, const char *path);

/* Rows. Each is created at t->now. */
int64_t lib_manage_account(struct lib_manage *t, const char *env, const char *thumbprint);
/* With one authorization, valid or as it is given. */
int64_t lib_manage_order(struct lib_manage *t, int64_t account, const char *name, struct fc_authz *authz);
/* Issued by the environment's CA; the serial lives in the arena. */
const char *lib_manage_certificate(struct lib_manage *t, const char *env, int64_t account, const char *name);

#endif
