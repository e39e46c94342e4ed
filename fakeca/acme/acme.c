#include "acme/acme.h"

#include <stdlib.h>
#include <string.h>

#include "base/base_clock.h"
#include "base/base_text.h"

#include "http/http_route.h"

#include "acme/acme_int.h"

#define HOST_MAX 255

#define CORS_HEADERS "Link, Replay-Nonce, Location, Retry-After"
#define NO_CACHE "public, max-age=0, no-cache"

int fc_acme_new(const struct fc_acme_params *params, struct fc_acme **ret_acme, struct fc_err *err)
{
    struct fc_acme *acme = fc_calloc(1, sizeof *acme);

    (void)err; /* nothing here can fail; the shape is that of the other parts */
    acme->p = *params;
    acme->nonces = fc_acme_nonce_new((size_t)params->policy->requests.nonce_window);
    acme->keys = fc_acme_keys_new();
    acme->attempts = fc_acme_attempt_new();
    acme->rechecks = fc_acme_rechecks_new();
    *ret_acme = acme;
    return 0;
}

void fc_acme_free(struct fc_acme *acme)
{
    if (!acme)
        return;
    fc_acme_attempt_free(acme->attempts);
    fc_acme_rechecks_free(acme->rechecks);
    fc_acme_keys_free(acme->keys);
    fc_acme_nonce_free(acme->nonces);
    free(acme);
}

int fc_acme_resume_work(struct fc_acme *acme, struct fc_err *err)
{
    if (fc_acme_attempt_resume(acme, err))
        return -1;
    fc_acme_issue_post(acme, 0);
    return 0;
}

void fc_acme_issuer_ready(struct fc_acme *acme)
{
    fc_acme_issue_post(acme, 0);
}

void fc_acme_forget(struct fc_acme *acme)
{
    fc_acme_keys_forget(acme->keys, 0);
}

/* ---- one request ---- */

/* What may stand in a URL that clients get back: a name, an IPv4 address or a bracketed IPv6 address, perhaps a port. */
static bool host_is_good(const char *host)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]";
    size_t len = strlen(host);

    return len > 0 && len <= HOST_MAX && strspn(host, allowed) == len;
}

static void set_path(struct fc_acme_call *call)
{
    const char *prefix = call->acme->p.policy->directory.path_prefix;

    if (fc_text_starts(call->req->path, prefix))
        call->path = fc_http_route_own(call->arena, call->acme->p.paths, call->req->path + strlen(prefix));
}

/* H.1: scheme and Host of the request, without ":443" and ":80"; "localhost" when there is no Host, as Boulder does. */
static int set_origin(struct fc_acme_call *call)
{
    const char *host = call->req->host && *call->req->host ? call->req->host : "localhost";
    bool good = host_is_good(host);
    size_t len;

    if (!good)
        host = "localhost";
    len = strlen(host);
    if (fc_text_ends(host, ":443"))
        len -= 4;
    else if (fc_text_ends(host, ":80"))
        len -= 3;
    call->origin = fc_arena_printf(call->arena, "%s://%.*s", call->req->scheme, (int)len, host);
    call->base = fc_arena_printf(call->arena, "%s%s", call->origin, call->acme->p.policy->directory.path_prefix);
    set_path(call);
    return good ? 0 : fc_acme_refuse(call, MALFORMED, "malformed Host header");
}

static void cors_headers(struct fc_acme_call *call, const char *methods)
{
    struct fc_http_res *res = call->res;

    if (!fc_http_req_header(call->req, "Origin"))
        return;
    fc_http_res_set_header(res, "Access-Control-Allow-Origin", "*");
    if (methods)
        fc_http_res_set_header(res, "Access-Control-Allow-Methods", methods);
    fc_http_res_set_header(res, "Access-Control-Allow-Headers", "Content-Type");
    fc_http_res_set_header(res, "Access-Control-Expose-Headers", CORS_HEADERS);
    fc_http_res_set_header(res, "Access-Control-Max-Age", "86400");
}

static int serve(struct fc_acme_call *call)
{
    int answered = fc_acme_fault_answer(call);

    if (answered)
        return answered < 0 ? -1 : 0;
    if (strcmp(call->req->method, "POST") == 0 && !call->route->page && fc_acme_auth(call))
        return -1;
    return call->route->handle(call);
}

static int run(struct fc_acme_call *call)
{
    const char *allow;

    if (set_origin(call))
        return -1;
    if (fc_acme_limits_gate(call))
        return -1;
    call->route = fc_acme_routes_find(call);
    if (!call->route && !fc_acme_departs(call)->unknown_path_plain_text)
        return fc_acme_missing(call, "there is no such resource");
    if (!call->route) {
        fc_http_res_text(call->req, call->res, 404, "text/plain; charset=utf-8", "404 page not found\n");
        return 0;
    }
    bool allowed = fc_acme_routes_allows(call, &allow);
    if (strcmp(call->req->method, "OPTIONS") == 0) {
        fc_http_res_text(call->req, call->res, 200, "text/plain; charset=utf-8", "");
        fc_http_res_set_header(call->res, "Allow", allow);
        cors_headers(call, allow);
        return 0;
    }
    if (!allowed) {
        fc_http_res_set_header(call->res, "Allow", allow);
        return fc_problem_set_status(&call->problem, call->arena, FC_PROBLEM_MALFORMED, 405, "Method not allowed");
    }
    fc_acme_fault_open(call);
    return fc_acme_fault_slow(call) ? 0 : serve(call);
}

/* ---- what every answer carries, and its event ---- */

static void common_headers(struct fc_acme_call *call)
{
    struct fc_http_res *res = call->res;
    bool get = strcmp(call->req->method, "GET") == 0;
    bool at_new_nonce = call->route && call->route->handle == fc_acme_new_nonce;
    int64_t account_id = fc_acme_auth_account_id(call);

    if ((!get || at_new_nonce) && res->status != 503) { /* the load balancer knows no nonces */
        char *nonce = fc_arena_alloc(call->arena, FC_ACME_NONCE_LEN + 1);
        fc_acme_nonce_make(call->acme->nonces, nonce);
        fc_http_res_set_header(res, "Replay-Nonce", nonce);
    }
    if (!call->route || call->route->handle != fc_acme_directory)
        fc_acme_render_link(call, fc_acme_render_url(call, fc_acme_policy(call)->lenient.names ? "/dir" : "/directory"),
                            "index");
    bool no_store = at_new_nonce && !fc_acme_policy(call)->departs.new_nonce_no_store_missing;
    fc_http_res_set_header(res, "Cache-Control", no_store ? "no-store" : NO_CACHE);
    if (account_id)
        fc_http_res_set_header(res, "Boulder-Requester", fc_arena_printf(call->arena, "%lld", (long long)account_id));
    cors_headers(call, NULL);
}

/* Bytes that are no UTF-8 are left out: an event is for reading. */
static void put_text(json_t *data, const char *name, const char *text)
{
    json_t *value = text ? json_string(text) : NULL;

    if (value)
        json_object_set_new_nocheck(data, name, value);
}

static json_t *event_data(const struct fc_acme_call *call)
{
    json_t *data = json_object();

    put_text(data, "method", call->req->method);
    put_text(data, "path", call->req->path);
    json_object_set_new_nocheck(data, "status", json_integer(call->res->status));
    put_text(data, "client", fc_http_req_header(call->req, "User-Agent"));
    return data;
}

static void note_request(const struct fc_acme_call *call)
{
    const struct fc_event_about about = {.env = call->acme->p.policy->name,
                                         .account_id = fc_acme_auth_account_id(call)};
    json_t *data = event_data(call);

    put_text(data, "alg", call->jws.alg);
    put_text(data, "peer", call->req->peer);
    json_object_set_new_nocheck(data, "conn", json_integer((json_int_t)call->req->conn));
    json_object_set_new_nocheck(data, "us", json_integer((fc_clock_mono() - call->started_mono) / 1000));
    fc_events_note(call->acme->p.events, FC_EVENT_REQUEST, call->now, &about, data);
    if (call->problem.type == FC_PROBLEM_NONE)
        return;
    data = event_data(call);
    put_text(data, "type", fc_problem_type_name(call->problem.type));
    put_text(data, "detail", call->problem.detail);
    fc_events_note(call->acme->p.events, FC_EVENT_PROBLEM, call->now, &about, data);
}

/* Until here a held request has left no trace: what follows happens once, when its answer is made. */
static void finish(struct fc_acme_call *call)
{
    if (call->problem.type != FC_PROBLEM_NONE)
        fc_acme_problem_send(call);
    common_headers(call);
    fc_acme_fault_alter(call);
    note_request(call);
}

/* Only now the request is looked at; then its handler may hold it once more. */
static void resume_slow(struct fc_acme_call *call)
{
    call->slowed = false;
    (void)serve(call);
}

static void resume_held(struct fc_acme_call *call)
{
    call->resumed = true;
    (void)call->route->handle(call);
}

/* The handler of a held request sees it again, with nothing but the call to remember by. */
static void resume(void *cookie, struct fc_http_req *req, struct fc_http_res *res)
{
    struct fc_acme_call *call = cookie;

    call->req = req;
    call->res = res;
    if (call->slowed)
        resume_slow(call);
    else
        resume_held(call);
    if (!res->wait) {
        finish(call);
        return;
    }
    res->resume = resume;
    res->resume_cookie = call;
}

void fc_acme_handle(struct fc_acme *acme, struct fc_http_req *req, struct fc_http_res *res)
{
    struct fc_acme_call *call = fc_arena_alloc(req->arena, sizeof *call);

    call->acme = acme;
    call->req = req;
    call->res = res;
    call->arena = req->arena;
    call->now = req->now;
    call->started_mono = fc_clock_mono();
    (void)run(call);
    if (res->wait) {
        res->resume = resume;
        res->resume_cookie = call;
        return;
    }
    finish(call);
}
