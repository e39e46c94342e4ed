/* What is to be trusted, as JSON and as files; and the files that issued certificates point to. */
#include "manage/manage_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/base_buf.h"
#include "base/base_clock.h"
#include "base/base_opt.h"
#include "base/base_text.h"
#include "base/base_time.h"
#include "ca/ca.h"
#include "policy/policy.h"

#define PEM_TYPE "application/x-pem-file"
#define PEM_MAX (4 << 20)
#define READY_MAX (10 * FC_SECOND)

/* In the first second of a CA its RSA keys are still being made: what is to be trusted is told whole. */
static void wait_for_all(const struct fc_manage_params *params)
{
    const int64_t until = fc_clock_mono() + READY_MAX;

    for (size_t i = 0; i < params->n_envs; i++)
        fc_ca_wait_ready(params->envs[i].ca, until);
}

/* ---- as JSON ---- */

static json_t *ca_json(const struct fc_manage_env *env, const struct fc_ca_info *info, int64_t now)
{
    json_t *chains = info->issues_leaves ? fc_manage_render_chains(env, info->name, now) : json_array();

    return json_pack("{s:s,s:s,s:s,s:s?,s:b,s:b,s:b,s:b,s:o,s:o,s:o,s:o}", "name", info->name, "subject", info->subject,
                     "key", info->key, "cross_sign_of", info->key_of, "root", info->root, "issues_leaves",
                     info->issues_leaves, "ready", info->ready, "idle", info->idle, "not_before",
                     fc_manage_render_time(info->not_before), "not_after", fc_manage_render_time(info->not_after),
                     "pem", fc_manage_render_text(info->pem), "chains", chains);
}

int fc_manage_trust_show(struct fc_manage_call *call, struct fc_err *err)
{
    const struct fc_manage *manage = call->manage;
    const struct fc_manage_params *params = &manage->params;
    json_t *envs = json_array();
    (void)err;

    wait_for_all(params);
    for (size_t i = 0; i < params->n_envs; i++) {
        json_t *all = json_array();
        struct fc_ca_info info;
        for (size_t n = 0; fc_ca_info(params->envs[i].ca, n, &info); n++)
            json_array_append_new(all, ca_json(&params->envs[i], &info, call->req->now));
        json_array_append_new(envs, json_pack("{s:s,s:o}", "name", params->envs[i].policy->name, "certificates", all));
    }
    fc_manage_json(call, json_pack("{s:{s:s,s:o,s:s},s:o}", "directory", "subject", manage->tls_subject, "not_after",
                                   fc_manage_render_time(manage->tls_not_after), "pem", params->tls_ca_pem,
                                   "environments", envs));
    return 0;
}

/* ---- as files ---- */

static void add_roots(struct fc_manage_call *call, const struct fc_manage_env *env, struct fc_buf *pem)
{
    fc_buf_puts(pem, fc_ca_roots_pem(env->ca, call->req->arena));
}

static void add_intermediates(struct fc_manage_call *call, const struct fc_manage_env *env, struct fc_buf *pem)
{
    struct fc_ca_info info;

    (void)call;
    for (size_t i = 0; fc_ca_info(env->ca, i, &info); i++)
        if (!info.root && info.pem)
            fc_buf_puts(pem, info.pem);
}

/* Of the environment that is meant, or of all. */
static int answer_pem(struct fc_manage_call *call, const struct fc_manage_env *only, const char *first,
                      void (*add)(struct fc_manage_call *call, const struct fc_manage_env *env, struct fc_buf *pem),
                      struct fc_err *err)
{
    const struct fc_manage_params *params = &call->manage->params;
    struct fc_buf pem fc_auto_buf = {0};

    fc_buf_init(&pem, PEM_MAX);
    fc_buf_puts(&pem, first);
    wait_for_all(params);
    for (size_t i = 0; i < params->n_envs; i++)
        if (!only || only == &params->envs[i])
            add(call, &params->envs[i], &pem);
    if (pem.full)
        return fc_err_set(err, FC_E_INTERNAL, "more than %d bytes of CA certificates", PEM_MAX);
    fc_http_res_text(call->req, call->res, 200, PEM_TYPE, pem.data);
    return 0;
}

int fc_manage_trust_ca(struct fc_manage_call *call, struct fc_err *err)
{
    return answer_pem(call, NULL, call->manage->params.tls_ca_pem, add_roots, err);
}

int fc_manage_trust_roots(struct fc_manage_call *call, struct fc_err *err)
{
    const struct fc_manage_env *env;

    if (fc_manage_body_query_env(call, &env, err))
        return -1;
    return answer_pem(call, env, "", add_roots, err);
}

int fc_manage_trust_intermediates(struct fc_manage_call *call, struct fc_err *err)
{
    const struct fc_manage_env *env;

    if (fc_manage_body_query_env(call, &env, err))
        return -1;
    return answer_pem(call, env, "", add_intermediates, err);
}

/* ---- /pki: what AIA and CRL addresses lead to ---- */

/* The environment of the path and "NAME.suffix" of its last segment without the suffix. */
static int read_pki(struct fc_manage_call *call, const char *suffix, const struct fc_manage_env **ret_env,
                    const char **ret_stem, struct fc_err *err)
{
    const char *const *params = call->req->params;
    const char *file = params[call->req->n_params - 1];
    size_t len = strlen(file), end = strlen(suffix);

    *ret_env = fc_manage_find_env(call->manage, params[0]);
    if (!*ret_env)
        return fc_err_set(err, FC_E_NOT_FOUND, "no such environment '%.64s'", params[0]);
    if (len <= end || !fc_text_ends(file, suffix))
        return fc_err_set(err, FC_E_NOT_FOUND, "no such file '%.64s': names here end in '%s'", file, suffix);
    *ret_stem = fc_arena_strndup(call->req->arena, file, len - end);
    return 0;
}

static int no_such_ca(const struct fc_manage_env *env, const char *name, struct fc_err *err)
{
    const struct fc_policy *policy = env->policy;
    const char *names[64];
    size_t count = 0;

    for (; count < policy->n_cas && count < sizeof names / sizeof *names; count++)
        names[count] = policy->cas[count].name;
    const char *nearest = fc_opt_nearest(name, names, count);
    if (nearest && strcmp(nearest, name) == 0)
        return fc_err_set(err, FC_E_AGAIN, "the CA certificate '%s' of %s is not made yet", name, policy->name);
    if (nearest)
        return fc_err_set(err, FC_E_NOT_FOUND, "%s has no CA certificate '%.64s', did you mean '%s'?", policy->name,
                          name, nearest);
    return fc_err_set(err, FC_E_NOT_FOUND, "%s has no CA certificate '%.64s'", policy->name, name);
}

static void answer_der(struct fc_manage_call *call, const char *type, const void *der, size_t len)
{
    call->res->status = 200;
    call->res->body = fc_arena_memdup(call->req->arena, der, len);
    call->res->body_len = len;
    fc_http_res_header(call->res, "Content-Type", type);
}

int fc_manage_trust_der(struct fc_manage_call *call, struct fc_err *err)
{
    const struct fc_manage_env *env;
    const char *name;
    size_t len;

    if (read_pki(call, ".der", &env, &name, err))
        return -1;
    const unsigned char *der = fc_ca_cert_der(env->ca, name, &len);
    if (!der)
        return no_such_ca(env, name, err);
    answer_der(call, "application/pkix-cert", der, len);
    return 0;
}

int fc_manage_trust_crl(struct fc_manage_call *call, struct fc_err *err)
{
    const struct fc_manage_env *env;
    const char *stem, *name = call->req->params[1];
    unsigned char *der;
    int64_t shard;
    size_t len;

    if (read_pki(call, ".crl", &env, &stem, err))
        return -1;
    if (fc_text_int(stem, 1, env->policy->issuance.crl_shards, &shard, NULL))
        return fc_err_set(err, FC_E_NOT_FOUND, "no such CRL '%.64s': %s has the shards 1 to %lld", stem,
                          env->policy->name, (long long)env->policy->issuance.crl_shards);
    if (!fc_ca_cert_der(env->ca, name, &len))
        return no_such_ca(env, name, err);
    if (fc_ca_crl(env->ca, name, (int)shard, call->req->now, &der, &len, err))
        return -1;
    answer_der(call, "application/pkix-crl", der, len);
    free(der);
    return 0;
}
