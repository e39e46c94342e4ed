/* Shared inside app only. */
#ifndef FC_APP_INT_H
#define FC_APP_INT_H

#include "app/app.h"
#include "ca/ca.h"
#include "manage/manage.h"

#include <pthread.h>

/* The folder of run.json, made and checked, absolute; the caller frees. In the default place folders of killed processes are removed. */
int fc_app_place_make(const struct fc_app_config *config, char **ret_place, struct fc_err *err);
/* One of this process's own, inside `place`; the caller frees. */
int fc_app_place_beside(const char *place, char **ret_place, struct fc_err *err);

/* ---- the job loop: one thread, jobs one after the other ---- */

struct fc_app_work;

int fc_app_work_start(struct fc_app_work **ret_work, struct fc_err *err);
/* Any thread. After stop has begun the job is dropped at once. */
void fc_app_work_post(void *work, void (*fn)(void *arg), void (*drop)(void *arg), void *arg);
/* Lets the running job finish, drops the others, joins; once. What is posted afterwards is dropped at once. NULL allowed. */
void fc_app_work_stop(struct fc_app_work *work);
/* When nobody is left who could post; after stop. NULL allowed. */
void fc_app_work_free(struct fc_app_work *work);

/* ---- the parts, in the order in which they are made ---- */

#define FC_APP_ENVS_MAX FC_MANAGE_ENVS_MAX

struct fc_app {
    struct fc_app_config config;
    char *place; /* absolute */
    char *ca_file, *trust_file, *clock_file, *run_file;
    char *pki_url;
    json_t *run;

    struct fc_clock *clock;
    struct fc_store *store;
    struct fc_events *events;
    struct fc_policy *policies[FC_APP_ENVS_MAX];
    size_t n_envs;
    struct fc_net_portmap *portmap;
    struct fc_dns *dns;
    struct fc_faults *faults;
    struct fc_net_unbound *unbound; /* NULL: validation asks the mock */
    struct fc_va *va;
    struct fc_app_work *work;
    struct fc_ca_tls tls;
    struct fc_server *server;
    struct fc_ca *cas[FC_APP_ENVS_MAX];
    struct fc_limits *limits[FC_APP_ENVS_MAX];
    struct fc_limits_gate *gates[FC_APP_ENVS_MAX];
    struct fc_acme *acmes[FC_APP_ENVS_MAX];
    char *directories[FC_APP_ENVS_MAX];
    struct fc_manage *manage;
    struct fc_compat_pebble *pebble;
    bool own_place; /* made for this run alone: removed at the end */
    int64_t started_mono;

    unsigned acme_port, acme_http_port, management_port, dns_port;
    pthread_mutex_t files_lock; /* ca.pem and trust.pem are written by the background threads too */
    bool closing;               /* (files_lock) the CAs are being freed: nobody writes their certificates any more */
};

/* The keys of external accounts: their form; what the policies say of binding; and their place in the store. */
int fc_app_external_check(const struct fc_app_config *config, struct fc_err *err);
void fc_app_external_policies(struct fc_app *app);
int fc_app_external_keep(struct fc_app *app, struct fc_err *err);

/* Answers requests of the ACME listeners: to the environment whose prefix leads the path. */
void fc_app_dispatch(void *app, struct fc_http_req *req, struct fc_http_res *res);

/* ca.pem (the directory's root and the issuing roots that are ready) and trust.pem (the system's bundle and these). */
int fc_app_files_trust(struct fc_app *app, struct fc_err *err);
/* "HOST:PORT" by which clients on this machine reach a listener: its own address, and `here` where that leads to it; the caller
 * frees. */
char *fc_app_files_address(const char *listen, unsigned port, const char *here);
/* Fills app->run and writes run.json. */
int fc_app_files_run(struct fc_app *app, struct fc_err *err);

/* The clock as the state has it; --clock for a state that has none yet. */
int fc_app_clock_load(struct fc_app *app, struct fc_err *err);
/* Keeps it; inside a write transaction (manage.h, clock_changed). */
int fc_app_clock_keep(void *app, struct fc_err *err);

/* Port that a listener had last time, 0 if none; and keeping it. */
int fc_app_port_load(struct fc_app *app, const char *name, unsigned *ret_port, struct fc_err *err);
int fc_app_ports_keep(struct fc_app *app, struct fc_err *err);

#endif
