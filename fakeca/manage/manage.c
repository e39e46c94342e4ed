#include "manage/manage.h"

#include <stdlib.h>
#include <string.h>

#include "manage/manage_int.h"
#include "pki/pki_cert.h"
#include "policy/policy.h"

/* ---- life ---- */

static char **copy_hosts(const char *const *hosts)
{
    size_t count = 0;

    while (hosts && hosts[count])
        count++;
    char **copy = fc_calloc(count + 1, sizeof *copy);
    for (size_t i = 0; i < count; i++)
        copy[i] = fc_strdup(hosts[i]);
    return copy;
}

static int read_tls_root(struct fc_manage *manage, struct fc_err *err)
{
    const char *pem = manage->params.tls_ca_pem;
    fc_auto(fc_cert_free) struct fc_cert *cert = NULL;

    if (fc_cert_from_pem(pem, strlen(pem), &cert, err))
        return fc_err_prefix(err, "root of the directory's TLS");
    manage->tls_subject = fc_cert_subject(cert);
    manage->tls_not_after = fc_cert_not_after(cert);
    return 0;
}

int fc_manage_new(const struct fc_manage_params *params, struct fc_manage **ret_manage, struct fc_err *err)
{
    fc_auto(fc_manage_free) struct fc_manage *manage = fc_calloc(1, sizeof *manage);

    pthread_mutex_init(&manage->clock_lock, NULL);
    pthread_mutex_init(&manage->probes_lock, NULL);
    manage->params = *params;
    manage->hosts = copy_hosts(params->hosts);
    manage->token = params->token ? fc_strdup(params->token) : NULL;
    manage->params.hosts = NULL; /* the caller's list need not live on */
    manage->params.token = NULL;
    if (read_tls_root(manage, err))
        return -1;
    *ret_manage = FC_TAKE(manage);
    return 0;
}

void fc_manage_free(struct fc_manage *manage)
{
    if (!manage)
        return;
    for (size_t i = 0; manage->hosts[i]; i++)
        free(manage->hosts[i]);
    free(manage->hosts);
    free(manage->token);
    free(manage->tls_subject);
    fc_manage_probe_free_all(manage);
    pthread_mutex_destroy(&manage->probes_lock);
    pthread_mutex_destroy(&manage->clock_lock);
    free(manage);
}

void fc_manage_ready(struct fc_manage *manage, bool ready)
{
    atomic_store(&manage->ready, ready);
    if (ready)
        atomic_store(&manage->opened, true);
}

/* ---- one request ---- */

void fc_manage_handle(void *cookie, struct fc_http_req *req, struct fc_http_res *res)
{
    struct fc_manage_call call = {.manage = cookie, .req = req, .res = res};
    struct fc_err err = {0};

    if (fc_manage_guard(&call) && fc_manage_routes_run(&call, &err))
        fc_manage_problem_err(&call, &err);
    fc_manage_headers(&call);
}

/* ---- for the handlers ---- */

/* Answers are of this moment, and nobody shall guess that a PEM file is a page. */
void fc_manage_headers(struct fc_manage_call *call)
{
    if (!fc_http_res_get_header(call->res, "Cache-Control"))
        fc_http_res_header(call->res, "Cache-Control", "no-store");
    fc_http_res_header(call->res, "X-Content-Type-Options", "nosniff");
}

void fc_manage_json(struct fc_manage_call *call, json_t *value)
{
    fc_http_res_json(call->req, call->res, 200, "application/json", value);
}

const struct fc_manage_env *fc_manage_find_env(const struct fc_manage *manage, const char *name)
{
    for (size_t i = 0; i < manage->params.n_envs; i++)
        if (strcmp(manage->params.envs[i].policy->name, name) == 0)
            return &manage->params.envs[i];
    return NULL;
}
