/* POST /probe: a fetch by exactly the rules of a validation, without an order. The request is held until the validator has decided. */
#include "manage/manage_int.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/base_clock.h"
#include "base/base_text.h"
#include "base/base_time.h"
#include "http/http_wait.h"
#include "model/model_problem.h"
#include "policy/policy.h"
#include "va/va.h"
#include "va/va_hint.h"

#define PROBES_MAX 64
#define PATIENCE (90 * FC_SECOND) /* more than a primary's and a remote's time together */
#define NAME_MAX_LEN 253
#define TOKEN_MAX 128
#define TOKEN_DEFAULT "fakeca-probe"
#define TOKEN_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
#define ADDRESS_MAX 64

/* Belongs to the request that waits and to the validator that decides; whoever ends last frees it. */
struct fc_manage_probe {
    struct fc_manage_probe *next, *prev;
    struct fc_manage *manage;
    const struct fc_policy *policy; /* at the time of the request */
    json_t *answer;                 /* what is known beforehand; the rest when it is decided */
    struct fc_http_wait *latch;
    bool decided;
    unsigned refs; /* this and `decided` under probes_lock */
};

/* ---- life ---- */

static void probe_free(struct fc_manage_probe *probe)
{
    json_decref(probe->answer);
    fc_http_wait_unref(probe->latch);
    free(probe);
}

/* FC_E_BUSY when too many are under way. */
static struct fc_manage_probe *probe_new(struct fc_manage *manage, struct fc_err *err)
{
    struct fc_manage_probe *probe = fc_calloc(1, sizeof *probe);

    probe->manage = manage;
    probe->latch = fc_http_wait_new();
    probe->refs = 2;
    pthread_mutex_lock(&manage->probes_lock);
    bool room = manage->n_probes < PROBES_MAX;
    if (room) {
        probe->next = manage->probes;
        if (probe->next)
            probe->next->prev = probe;
        manage->probes = probe;
        manage->n_probes++;
    }
    pthread_mutex_unlock(&manage->probes_lock);
    if (room)
        return probe;
    probe_free(probe);
    fc_err_set(err, FC_E_BUSY, "%d probes are under way already: that is the limit", PROBES_MAX);
    return NULL;
}

static void probe_unref(struct fc_manage_probe *probe, unsigned refs)
{
    struct fc_manage *manage = probe->manage;

    pthread_mutex_lock(&manage->probes_lock);
    probe->refs -= refs;
    bool last = probe->refs == 0;
    if (last) {
        *(probe->prev ? &probe->prev->next : &manage->probes) = probe->next;
        if (probe->next)
            probe->next->prev = probe->prev;
        manage->n_probes--;
    }
    pthread_mutex_unlock(&manage->probes_lock);
    if (last)
        probe_free(probe);
}

static void request_ends(void *probe)
{
    probe_unref(probe, 1);
}

void fc_manage_probe_free_all(struct fc_manage *manage)
{
    for (struct fc_manage_probe *probe = manage->probes, *next; probe; probe = next) {
        next = probe->next;
        probe_free(probe);
    }
}

/* ---- the verdict, on the validator's thread ---- */

static void fill_answer(json_t *answer, const struct fc_va_result *result)
{
    json_t *hops = json_array();

    for (size_t i = 0; i < result->n_hops; i++)
        json_array_append_new(hops, fc_va_hint_hop_json(&result->hops[i]));
    json_object_set_new(answer, "status", json_string(result->valid ? "valid" : "invalid"));
    json_object_set_new(answer, "problem", result->valid ? json_null() : fc_problem_json(&result->problem));
    json_object_set_new(answer, "ms", json_real((double)(result->total_ns / 1000) / 1000.0));
    json_object_set_new(answer, "hops", hops);
}

static void decided(void *cookie, const struct fc_va_result *result)
{
    struct fc_manage_probe *probe = cookie;

    fill_answer(probe->answer, result);
    fc_manage_validation_explain(probe->manage, probe->policy, probe->answer);
    pthread_mutex_lock(&probe->manage->probes_lock);
    probe->decided = true;
    pthread_mutex_unlock(&probe->manage->probes_lock);
    fc_http_wait_signal(probe->latch);
    probe_unref(probe, 1);
}

/* ---- the request ---- */

struct wish {
    const struct fc_manage_env *env;
    struct fc_va_job job;
};

static void read_env(struct fc_manage_call *call, struct fc_json_obj *obj, struct wish *wish)
{
    const struct fc_manage_params *params = &call->manage->params;
    const char *names[FC_MANAGE_ENVS_MAX + 1] = {0};

    for (size_t i = 0; i < params->n_envs; i++)
        names[i] = params->envs[i].policy->name;
    wish->env = &params->envs[fc_json_word(obj, "environment", FC_JSON_OPTIONAL, names, 0)];
    wish->job.policy = fc_policy_at(wish->env->policy, call->req->now);
}

/* What no order could name is refused here as there. */
static void read_name(struct fc_manage_call *call, struct fc_json_obj *obj, struct wish *wish)
{
    const struct fc_ident_rules rules = {.rehearsal = wish->job.policy->rehearsal,
                                         .any = wish->job.policy->lenient.names,
                                         .blocked = wish->job.policy->blocked_names};
    char *name = fc_arena_strdup(call->req->arena, fc_json_str(obj, "name", FC_JSON_REQUIRED, NAME_MAX_LEN));
    struct fc_problem problem = {0};
    struct fc_net_addr addr;

    if (!name)
        return;
    fc_text_lower(name);
    bool ip = fc_net_addr_parse_ip(name, &addr, NULL) == 0;
    wish->job.ident = (struct fc_ident){ip ? FC_IDENT_IP : FC_IDENT_DNS, name};
    if (fc_text_starts(name, "*."))
        fc_json_errs_add(obj, "name", "a wildcard cannot be fetched: give a name below it");
    else if ((ip ? fc_ident_check_ip : fc_ident_check_dns)(name, &rules, call->req->arena, &problem, NULL))
        fc_json_errs_add(obj, "name", "no order can name '%.253s': %s", name, problem.detail);
}

static void read_token(struct fc_json_obj *obj, struct wish *wish)
{
    const char *token = fc_json_str(obj, "token", FC_JSON_OPTIONAL, TOKEN_MAX);

    if (token && (!*token || strspn(token, TOKEN_CHARS) != strlen(token)))
        fc_json_errs_add(obj, "token", "a token is made of letters, digits, '-' and '_'");
    wish->job.token = token && *token ? token : TOKEN_DEFAULT;
}

static void read_address(struct fc_json_obj *obj, const char *key, bool with_port, struct fc_net_addr *ret_addr)
{
    const char *text = fc_json_str(obj, key, FC_JSON_OPTIONAL, ADDRESS_MAX);

    if (!text)
        return;
    if ((with_port ? fc_net_addr_parse : fc_net_addr_parse_ip)(text, ret_addr, NULL))
        fc_json_errs_add(obj, key, "'%s' is no %s", text, with_port ? "ADDR:PORT" : "IP address");
    else if (with_port && !ret_addr->port)
        fc_json_errs_add(obj, key, "'%s' names no port", text);
}

static void read_way(struct fc_json_obj *obj, struct wish *wish)
{
    const struct fc_policy *policy = wish->job.policy;
    int64_t family = fc_json_int(obj, "family", FC_JSON_OPTIONAL, 4, 6, 0);

    if (family == 5)
        fc_json_errs_add(obj, "family", "must be 4 or 6");
    wish->job.family = family == 4 ? AF_INET : family == 6 ? AF_INET6 : 0;
    wish->job.perspective = (int)fc_json_int(obj, "perspective", FC_JSON_OPTIONAL, 1, FC_VA_PERSPECTIVES_MAX, 0);
    wish->job.key_authorization = fc_json_str(obj, "expect", FC_JSON_OPTIONAL, (size_t)policy->validation.max_body - 1);
    read_address(obj, "address", false, &wish->job.from);
    read_address(obj, "connect", true, &wish->job.connect_to);
}

static int read_wish(struct fc_manage_call *call, struct fc_manage_input *input, struct wish *ret_wish,
                     struct fc_err *err)
{
    struct wish wish = {.job = {.method = "http-01", .scope = FC_VA_DCV, .now = call->req->now}};

    if (fc_manage_body_open(call, input, err))
        return -1;
    read_env(call, &input->root, &wish);
    read_name(call, &input->root, &wish);
    read_token(&input->root, &wish);
    read_way(&input->root, &wish);
    if (fc_manage_body_close(input, err))
        return -1;
    *ret_wish = wish;
    return 0;
}

/* ---- the answer ---- */

static void resumed(void *cookie, struct fc_http_req *req, struct fc_http_res *res)
{
    struct fc_manage_probe *probe = cookie;
    struct fc_manage_call call = {.manage = probe->manage, .req = req, .res = res};

    pthread_mutex_lock(&probe->manage->probes_lock);
    bool is_decided = probe->decided;
    pthread_mutex_unlock(&probe->manage->probes_lock);
    if (is_decided)
        fc_manage_json(&call, json_incref(probe->answer));
    else
        fc_manage_problem(&call, 503, "busy",
                          req->stopping ? "the CA is stopping" : "the probe was not decided in time");
    fc_manage_headers(&call);
}

int fc_manage_probe_post(struct fc_manage_call *call, struct fc_err *err)
{
    struct fc_manage_input input fc_auto_input = {0};
    struct wish wish;

    if (read_wish(call, &input, &wish, err))
        return -1;
    struct fc_manage_probe *probe = probe_new(call->manage, err);
    if (!probe)
        return -1;
    probe->policy = wish.job.policy;
    probe->answer = json_pack("{s:n,s:s,s:s,s:s,s:s}", "authorization", "environment", wish.env->policy->name, "name",
                              wish.job.ident.value, "method", wish.job.method, "token", wish.job.token);
    call->res->wait = fc_http_wait_ref(probe->latch);
    if (fc_va_validate(call->manage->params.va, &wish.job, decided, probe, err)) {
        fc_http_wait_unref(FC_TAKE(call->res->wait));
        probe_unref(probe, 2);
        if (err->code == FC_E_LIMIT)
            err->code = FC_E_AGAIN;
        return -1;
    }
    /* from here on the validator may decide at any moment; our reference is held until the request's memory ends */
    fc_arena_defer(call->req->arena, request_ends, probe);
    call->res->wait_until = fc_clock_mono() + PATIENCE;
    call->res->resume = resumed;
    call->res->resume_cookie = probe;
    return 0;
}
