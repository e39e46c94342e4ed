/* Trouble on request: what the rules of faults/ do to a request and its answer. The handlers that take part themselves (offered
 * challenges, orders in processing) ask fc_acme_fault_find. */
#include "acme/acme_int.h"

#include <inttypes.h>
#include <string.h>

#include "base/base_clock.h"
#include "base/base_json.h"
#include "base/base_text.h"
#include "base/base_time.h"
#include "http/http_wait.h"

#include "store/store_cert.h"
#include "store/store_order.h"

#define RETRY_AFTER FC_MINUTE /* unless the rule says so */

/* ---- what a rule may ask about the request; nothing is verified yet ---- */

struct look {
    struct fc_acme_call *call;
    bool parsed, read;
    struct fc_jws jws;
    const struct fc_ident *idents;
    size_t n_idents;
    bool wildcard; /* of an authorization: idents has it without "*." */
};

static void drop_json(void *value)
{
    json_decref(value);
}

static const struct fc_jws *jws_of(struct look *look)
{
    struct fc_acme_call *call = look->call;
    const char *const *algs = (const char *const *)fc_acme_policy(call)->requests.signature_algorithms;

    if (!look->parsed && call->req->body_len > 0 &&
        fc_jws_parse(call->arena, call->req->body, call->req->body_len, algs, &look->jws) != FC_JWS_OK)
        look->jws = (struct fc_jws){0};
    look->parsed = true;
    return &look->jws;
}

static int64_t account_of(void *cookie)
{
    const struct fc_jws *jws = jws_of(cookie);
    const char *slash = jws->kid ? strrchr(jws->kid, '/') : NULL;
    int64_t id;

    return slash && fc_acme_body_id(slash + 1, &id) == 0 ? id : 0;
}

static json_t *payload_of(struct look *look)
{
    const struct fc_jws *jws = jws_of(look);
    json_t *body = NULL;

    if (jws->payload_len > 0 && fc_json_parse(jws->payload, jws->payload_len, &body, NULL) == 0)
        fc_arena_defer(look->call->arena, drop_json, body);
    return body;
}

/* newOrder and newAuthz say them. */
static void names_of_payload(struct look *look)
{
    json_t *body = payload_of(look), *item;
    const json_t *list = json_object_get(body, "identifiers"), *one = json_object_get(body, "identifier");
    struct fc_ident *idents = fc_arena_alloc(look->call->arena, (json_array_size(list) + 1) * sizeof *idents);
    size_t i;

    json_array_foreach(list, i, item)
    {
        const char *value = json_string_value(json_object_get(item, "value"));
        if (value)
            idents[look->n_idents++].value = value;
    }
    if (json_string_value(json_object_get(one, "value")))
        idents[look->n_idents++].value = json_string_value(json_object_get(one, "value"));
    look->idents = idents;
}

/* Inside a transaction, each. What is not there has no names. */
static void names_of_order(struct look *look, const char *path)
{
    struct fc_acme_call *call = look->call;
    const char *slash = strchr(path, '/');
    struct fc_order order = {0};
    struct fc_err err = {0};
    int64_t id;

    if (slash && fc_acme_body_id(slash + 1, &id) == 0)
        (void)fc_store_order_get(call->acme->p.store, call->arena, id, &order, &err);
    look->idents = order.idents;
    look->n_idents = order.n_idents;
}

static void names_of_authz(struct look *look, const char *path)
{
    struct fc_acme_call *call = look->call;
    struct fc_authz *authz = fc_arena_alloc(call->arena, sizeof *authz);
    struct fc_err err = {0};
    int64_t id;

    (void)path;
    if (call->req->n_params < 2 || fc_acme_body_id(call->req->params[1], &id) ||
        fc_store_authz_get(call->acme->p.store, call->arena, id, authz, &err))
        return;
    look->idents = &authz->ident;
    look->n_idents = 1;
    look->wildcard = authz->wildcard;
}

static void names_of_serial(struct look *look, const char *serial)
{
    struct fc_acme_call *call = look->call;
    struct fc_certificate cert = {0};
    struct fc_err err = {0};

    (void)fc_store_cert_get(call->acme->p.store, call->arena, serial, &cert, &err);
    look->idents = cert.idents;
    look->n_idents = cert.n_idents;
}

static void names_of_info(struct look *look, const char *path)
{
    (void)path;
    names_of_serial(look, fc_acme_renewal_serial(look->call));
}

static void names_of_row(struct look *look)
{
    static void (*const readers[FC_FAULT_AT__MAX])(struct look * look, const char *path) = {
        [FC_FAULT_AT_ORDER] = names_of_order, [FC_FAULT_AT_FINALIZE] = names_of_order,
        [FC_FAULT_AT_AUTHZ] = names_of_authz, [FC_FAULT_AT_CHALLENGE] = names_of_authz,
        [FC_FAULT_AT_CERT] = names_of_serial, [FC_FAULT_AT_RENEWAL_INFO] = names_of_info,
    };
    const struct fc_acme_call *call = look->call;

    if (readers[call->route->at])
        readers[call->route->at](look, call->req->n_params ? call->req->params[0] : "");
}

static void read_names(struct look *look)
{
    enum fc_fault_endpoint at = look->call->route->at;
    struct fc_store_tx tx fc_auto_tx = {0};
    struct fc_err err = {0};

    if (at == FC_FAULT_AT_NEW_ORDER || at == FC_FAULT_AT_NEW_AUTHZ)
        names_of_payload(look);
    else if (fc_store_begin(look->call->acme->p.store, FC_STORE_READ, &tx, &err) == 0)
        names_of_row(look);
    look->read = true;
}

static bool has_name(void *cookie, const char *name)
{
    struct look *look = cookie;
    bool found = false;

    if (!look->read)
        read_names(look);
    for (size_t i = 0; i < look->n_idents && !found; i++) {
        const char *value = look->idents[i].value;
        found = fc_fault_name_fits(name, look->wildcard ? fc_arena_printf(look->call->arena, "*.%s", value) : value);
    }
    return found;
}

/* ---- which rules ---- */

static bool applies(void *cookie, enum fc_fault_kind kind)
{
    static const bool posts[FC_FAULT__MAX] = {
        [FC_FAULT_BAD_NONCE] = true,  [FC_FAULT_BLOCKED_KEY] = true,    [FC_FAULT_OFFER] = true,
        [FC_FAULT_PROCESSING] = true, [FC_FAULT_ISSUANCE_FAILS] = true, [FC_FAULT_ALREADY_REPLACED] = true};
    static const bool done[FC_FAULT__MAX] = {
        [FC_FAULT_ROTATE_ISSUER] = true, /* when they were added */
        [FC_FAULT_DNS_SERVFAIL] = true,  [FC_FAULT_DNS_NXDOMAIN] = true, [FC_FAULT_DNS_DELAY] = true,
        [FC_FAULT_BLIND] = true,         [FC_FAULT_LOSE] = true};
    struct look *look = cookie;

    if (done[kind] || (posts[kind] && strcmp(look->call->req->method, "POST") != 0))
        return false;
    return kind != FC_FAULT_ALREADY_REPLACED || json_is_string(json_object_get(payload_of(look), "replaces"));
}

void fc_acme_fault_open(struct fc_acme_call *call)
{
    struct look look = {.call = call};
    const struct fc_fault_ask ask = {.env = call->acme->p.policy->name,
                                     .endpoint = call->route->at,
                                     .now = call->now,
                                     .applies = applies,
                                     .account = account_of,
                                     .has_name = has_name,
                                     .cookie = &look};
    const struct fc_event_about about = {.env = ask.env};

    call->faults = fc_faults_meet(call->acme->p.faults, &ask, call->arena, &call->n_faults);
    for (size_t i = 0; i < call->n_faults; i++)
        fc_events_note(call->acme->p.events, FC_EVENT_FAULT_MET, call->now, &about,
                       json_pack("{s:I,s:s,s:s}", "fault", (json_int_t)call->faults[i].id, "kind",
                                 fc_fault_kind_name(call->faults[i].kind), "path", call->req->path));
}

const struct fc_fault *fc_acme_fault_find(const struct fc_acme_call *call, enum fc_fault_kind kind)
{
    for (size_t i = 0; i < call->n_faults; i++)
        if (call->faults[i].kind == kind)
            return &call->faults[i];
    return NULL;
}

/* ---- instead of the handler ---- */

static const char *retry_after_text(const struct fc_acme_call *call, int64_t retry_after, bool date)
{
    char text[FC_TIME_TEXT_MAX];

    if (date)
        return fc_arena_strdup(call->arena, fc_time_http(call->now + retry_after, text));
    return fc_arena_printf(call->arena, "%" PRId64, retry_after / FC_SECOND);
}

static void set_retry_after(struct fc_acme_call *call, const struct fc_fault *fault, int64_t usual)
{
    int64_t retry_after = fault->retry_after ? fault->retry_after : usual;

    if (retry_after)
        fc_http_res_set_header(call->res, "Retry-After", retry_after_text(call, retry_after, fault->retry_after_date));
}

static enum fc_problem_type type_of(const char *name)
{
    for (int i = FC_PROBLEM_NONE + 1; i < FC_PROBLEM__MAX; i++)
        if (strcmp(fc_problem_type_name((enum fc_problem_type)i), name) == 0)
            return (enum fc_problem_type)i;
    return FC_PROBLEM_SERVER_INTERNAL;
}

static int refuse_with(struct fc_acme_call *call, const struct fc_fault *fault, enum fc_problem_type type, int status,
                       const char *detail)
{
    if (fault->status)
        status = (int)fault->status;
    fc_problem_set_status(&call->problem, call->arena, type, status, "%s", fault->detail ? fault->detail : detail);
    call->problem.retry_after_s = -1; /* the fault says it itself */
    return -1;
}

static int answer_problem(struct fc_acme_call *call, const struct fc_fault *fault)
{
    enum fc_problem_type type = type_of(fault->type);
    const struct fc_problem usual = {.type = type};

    if (type == FC_PROBLEM_USER_ACTION_REQUIRED)
        call->problem.instance = fc_acme_policy(call)->directory.terms_of_service;
    return refuse_with(call, fault, type, fc_problem_status(&usual), "trouble on request");
}

static int answer_blocked(struct fc_acme_call *call, const struct fc_fault *fault)
{
    if (call->route->at == FC_FAULT_AT_FINALIZE)
        return refuse_with(call, fault, FC_PROBLEM_BAD_CSR, 400,
                           "Error finalizing order :: invalid public key in CSR: public key is forbidden");
    return refuse_with(call, fault, FC_PROBLEM_BAD_PUBLIC_KEY, 400,
                       "Unable to validate JWS :: invalid request signing key: public key is forbidden");
}

static int answer_body(struct fc_acme_call *call, const struct fc_fault *fault, const char *body, const char *type)
{
    int status = fault->status ? (int)fault->status : 200;

    fc_http_res_text(call->req, call->res, status, fault->content_type ? fault->content_type : type, body);
    return 1;
}

static int answer_html(struct fc_acme_call *call, const struct fc_fault *fault)
{
    fc_http_res_text(call->req, call->res, 503, "text/html", fc_fault_html);
    set_retry_after(call, fault, 0);
    return 1;
}

static int answer_cut(struct fc_acme_call *call, const struct fc_fault *fault)
{
    (void)fault;
    call->res->cut = true;
    return 1;
}

static int answer_empty(struct fc_acme_call *call, const struct fc_fault *fault)
{
    return answer_body(call, fault, "", "application/json");
}

static int answer_text(struct fc_acme_call *call, const struct fc_fault *fault)
{
    return answer_body(call, fault, fault->body, "application/json");
}

static int answer_rate_limited(struct fc_acme_call *call, const struct fc_fault *fault)
{
    set_retry_after(call, fault, RETRY_AFTER);
    return refuse_with(call, fault, FC_PROBLEM_RATE_LIMITED, 429, "trouble on request: rate limited");
}

static int answer_internal(struct fc_acme_call *call, const struct fc_fault *fault)
{
    set_retry_after(call, fault, RETRY_AFTER);
    return refuse_with(call, fault, FC_PROBLEM_SERVER_INTERNAL, 500, "trouble on request: internal error");
}

/* letsencrypt.md A.7: what the load balancer says. */
static int answer_unavailable(struct fc_acme_call *call, const struct fc_fault *fault)
{
    set_retry_after(call, fault, 0);
    return refuse_with(call, fault, FC_PROBLEM_RATE_LIMITED, 503, "Service busy; retry later.");
}

static int answer_any_problem(struct fc_acme_call *call, const struct fc_fault *fault)
{
    set_retry_after(call, fault, 0);
    return answer_problem(call, fault);
}

static int answer_replaced(struct fc_acme_call *call, const struct fc_fault *fault)
{
    return refuse_with(call, fault, FC_PROBLEM_ALREADY_REPLACED, 409,
                       fc_arena_printf(call->arena,
                                       "Could not validate ARI 'replaces' field :: cannot indicate an order replaces "
                                       "certificate with serial \"%s\", which already has a replacement order",
                                       "0"));
}

int fc_acme_fault_answer(struct fc_acme_call *call)
{
    static int (*const answers[FC_FAULT__MAX])(struct fc_acme_call * call, const struct fc_fault *fault) = {
        [FC_FAULT_REFUSE] = answer_cut,
        [FC_FAULT_CUT] = answer_cut,
        [FC_FAULT_UNAVAILABLE_HTML] = answer_html,
        [FC_FAULT_UNAVAILABLE] = answer_unavailable,
        [FC_FAULT_RATE_LIMITED] = answer_rate_limited,
        [FC_FAULT_INTERNAL] = answer_internal,
        [FC_FAULT_PROBLEM] = answer_any_problem,
        [FC_FAULT_EMPTY] = answer_empty,
        [FC_FAULT_BODY] = answer_text,
        [FC_FAULT_ALREADY_REPLACED] = answer_replaced,
        [FC_FAULT_BLOCKED_KEY] = answer_blocked,
    };

    for (size_t i = 0; i < call->n_faults; i++)
        if (answers[call->faults[i].kind])
            return answers[call->faults[i].kind](call, &call->faults[i]);
    return 0;
}

bool fc_acme_fault_slow(struct fc_acme_call *call)
{
    const struct fc_fault *fault = fc_acme_fault_find(call, FC_FAULT_SLOW);

    if (!fault || call->slowed)
        return false;
    call->slowed = true;
    call->res->wait = fc_http_wait_new(); /* nobody signals it */
    call->res->wait_until = fc_clock_mono() + fault->delay;
    return true;
}

/* ---- what is done to an answer ---- */

static void drop_header(struct fc_http_res *res, const char *name)
{
    size_t kept = 0;

    for (size_t i = 0; i < res->n_headers; i++)
        if (!fc_text_equal_nocase(res->headers[i].name, name))
            res->headers[kept++] = res->headers[i];
    res->n_headers = kept;
}

/* "meta.termsOfService" is the member of a member. */
static void change_member(struct fc_acme_call *call, const struct fc_fault *fault)
{
    struct fc_http_res *res = call->res;
    const char *dot = strchr(fault->member, '.');
    json_t *object = NULL;

    if (!res->body || fc_json_parse(res->body, res->body_len, &object, NULL))
        return;
    json_t *inside =
        dot ? json_object_get(object, fc_arena_strndup(call->arena, fault->member, (size_t)(dot - fault->member)))
            : object;
    const char *member = dot ? dot + 1 : fault->member;
    if (!json_is_object(inside)) {
        json_decref(object);
        return;
    }
    if (fault->kind == FC_FAULT_DROP_MEMBER)
        json_object_del(inside, member);
    else
        json_object_set_new(inside, member, json_string("trouble on request"));
    fc_http_res_json(call->req, res, res->status, fc_http_res_get_header(res, "Content-Type"), object);
}

static void alter(struct fc_acme_call *call, const struct fc_fault *fault)
{
    if (fault->kind == FC_FAULT_DROP_MEMBER || fault->kind == FC_FAULT_ADD_MEMBER)
        change_member(call, fault);
    else if (fault->kind == FC_FAULT_CONTENT_TYPE)
        fc_http_res_set_header(call->res, "Content-Type", fault->content_type);
    else if (fault->kind == FC_FAULT_RETRY_AFTER)
        set_retry_after(call, fault, 0);
    else if (fault->kind == FC_FAULT_DROP_HEADER)
        drop_header(call->res, fault->header);
}

void fc_acme_fault_alter(struct fc_acme_call *call)
{
    for (size_t i = 0; i < call->n_faults; i++)
        alter(call, &call->faults[i]);
}

/* ---- orders that stay in processing ---- */

void fc_acme_fault_hold_order(struct fc_acme_call *call, int64_t order_id)
{
    const struct fc_fault *fault = fc_acme_fault_find(call, FC_FAULT_PROCESSING);

    if (fault)
        fc_faults_hold_order(call->acme->p.faults, order_id, fc_clock_mono() + fault->delay, fault);
}

bool fc_acme_fault_order_held(const struct fc_acme_call *call, int64_t order_id, const char **ret_retry_after)
{
    int64_t retry_after = 0;
    bool date = false;

    if (!fc_faults_order_held(call->acme->p.faults, order_id, fc_clock_mono(), &retry_after, &date))
        return false;
    *ret_retry_after = retry_after ? retry_after_text(call, retry_after, date) : NULL;
    return true;
}
