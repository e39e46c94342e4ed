#include "lib_acme.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_b64.h"
#include "base/base_clock.h"
#include "base/base_json.h"
#include "base/base_text.h"
#include "base/base_time.h"
#include "ca/ca.h"
#include "faults/faults.h"
#include "limits/limits.h"
#include "limits/limits_gate.h"
#include "net/net_portmap.h"
#include "net/net_resolver.h"
#include "pki/pki_jws.h"
#include "va/va.h"

#include "cmocka_all.h"
#include "http/lib_req.h"
#include "lib_web.h"
#include "va/lib_texts.h"

/* ---- the job loop: runs when the test says so ---- */

struct lib_job {
    struct lib_job *next;
    void (*fn)(void *arg);
    void (*drop)(void *arg);
    void *arg;
};

struct lib_jobs {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct lib_job *first;
    unsigned issuers_ready;
};

static void post(void *cookie, void (*fn)(void *arg), void (*drop)(void *arg), void *arg)
{
    struct lib_jobs *jobs = cookie;
    struct lib_job *job = fc_malloc(sizeof *job), **at = &jobs->first;

    *job = (struct lib_job){.fn = fn, .drop = drop, .arg = arg};
    pthread_mutex_lock(&jobs->lock);
    while (*at)
        at = &(*at)->next;
    *at = job;
    pthread_mutex_unlock(&jobs->lock);
}

static void end_jobs(struct lib_acme *t, bool run)
{
    for (;;) {
        pthread_mutex_lock(&t->jobs->lock);
        struct lib_job *job = t->jobs->first;
        if (job)
            t->jobs->first = job->next;
        pthread_mutex_unlock(&t->jobs->lock);
        if (!job)
            return;
        if (run)
            job->fn(job->arg);
        else
            job->drop(job->arg);
        free(job);
    }
}

void lib_acme_run_jobs(struct lib_acme *t)
{
    end_jobs(t, true);
}

void lib_acme_drop_jobs(struct lib_acme *t)
{
    end_jobs(t, false);
}

/* ---- fixture ---- */

/* Every name has the web server's address; names under nx.test do not exist. */
static void resolve(void *self, const char *name, enum fc_dns_type type, fc_dns_answer_fn done, void *cookie)
{
    static const unsigned char loopback[4] = {127, 0, 0, 1};
    const struct fc_dns_record record = {.type = FC_DNS_A, .data = loopback, .len = sizeof loopback};
    struct fc_dns_answer answer = {.outcome = FC_DNS_ANSWER, .rule = "test"};
    const struct lib_acme *t = self;
    struct fc_dns_record txt = {.type = FC_DNS_TXT};

    if (fc_text_ends(name, ".nx.test")) {
        answer.outcome = FC_DNS_RCODE;
        answer.rcode = 3;
    } else if (type == FC_DNS_A) {
        answer.records = &record;
        answer.n_records = 1;
    } else if (type == FC_DNS_TXT && t->txt) {
        txt.data = (const unsigned char *)t->txt;
        txt.len = strlen(t->txt);
        answer.records = &txt;
        answer.n_records = 1;
    }
    unsigned char caa[256];
    struct fc_dns_record issue = {.type = FC_DNS_CAA, .data = caa};
    if (type == FC_DNS_CAA && t->caa && strchr(name, '.') != NULL) {
        issue.len = (size_t)snprintf((char *)caa, sizeof caa, "%c%cissue%s", 0, 5, t->caa);
        answer.outcome = strcmp(t->caa, "!") == 0 ? FC_DNS_RCODE : FC_DNS_ANSWER;
        answer.rcode = answer.outcome == FC_DNS_RCODE ? 2 : 0;
        answer.records = &issue;
        answer.n_records = answer.rcode == 0 ? 1 : 0;
    }
    done(cookie, &answer);
}

static void must(int result, const struct fc_err *err)
{
    if (result)
        fail_msg("%s", err->text);
}

static void load_policy(struct lib_acme *t, const struct lib_options *options)
{
    struct fc_err err = {0};
    size_t len;
    const char *text = fc_policy_builtin_text(options->env ? options->env : "production", &len);
    fc_auto_json value = NULL;

    must(fc_json_parse(text, len, &value, &err), &err);
    if (options->edit)
        options->edit(value);
    fc_auto_free char *edited = fc_json_text(value);
    must(fc_policy_parse(edited, strlen(edited), "test.json", &t->policy, &err), &err);
}

static void start(struct lib_acme *t, enum fc_pace pace)
{
    struct fc_err err = {0};
    struct fc_resolver *resolver = fc_arena_alloc(t->arena, sizeof *resolver);

    *resolver = (struct fc_resolver){.ask = resolve, .self = t};
    const struct fc_va_params va = {
        .resolver = resolver, .portmap = t->portmap, .queue_max = t->queue_max, .perspectives = t->perspectives};
    must(fc_va_new(&va, &t->va, &err), &err);
    must(fc_va_start(t->va, &err), &err);
    const struct fc_acme_params acme = {.policy = t->policy,
                                        .clock = t->clock,
                                        .store = t->store,
                                        .events = t->events,
                                        .ca = t->ca,
                                        .va = t->va,
                                        .faults = t->faults,
                                        .limits = t->limits,
                                        .gate = t->gate,
                                        .pace = pace,
                                        .post = post,
                                        .post_cookie = t->jobs};
    must(fc_acme_new(&acme, &t->acme, &err), &err);
}

static void stop(struct lib_acme *t)
{
    fc_va_free(FC_TAKE(t->va));
    lib_acme_drop_jobs(t);
    fc_acme_free(FC_TAKE(t->acme));
}

void lib_acme_restart(struct lib_acme *t)
{
    struct fc_err err = {0};

    stop(t);
    start(t, FC_PACE_FAST);
    must(fc_acme_resume_work(t->acme, &err), &err);
}

static void issuer_ready(void *cookie)
{
    struct lib_acme *t = cookie;

    if (t->acme)
        fc_acme_issuer_ready(t->acme);
    pthread_mutex_lock(&t->jobs->lock);
    t->jobs->issuers_ready++;
    pthread_cond_signal(&t->jobs->changed);
    pthread_mutex_unlock(&t->jobs->lock);
}

void lib_acme_make_rsa(struct lib_acme *t)
{
    struct fc_err err = {0};
    struct fc_ca_info info;
    unsigned awaited = 0;

    for (size_t i = 0; fc_ca_info(t->ca, i, &info); i++)
        awaited += (info.issues_leaves || info.key_of) && !info.ready && !info.idle;
    must(fc_ca_start_background(t->ca, &err), &err);
    assert_true(fc_ca_wait_ready(t->ca, fc_clock_mono() + 100 * FC_SECOND));
    /* the CA says so after it is so, and of each; what comes later may find the engine gone */
    pthread_mutex_lock(&t->jobs->lock);
    while (t->jobs->issuers_ready < awaited)
        pthread_cond_wait(&t->jobs->changed, &t->jobs->lock);
    pthread_mutex_unlock(&t->jobs->lock);
}

static void start_ca(struct lib_acme *t)
{
    struct fc_err err = {0};
    const struct fc_ca_params ca = {.policy = t->policy,
                                    .store = t->store,
                                    .pki_url = "http://localhost:15001/pki",
                                    .now = t->now,
                                    .ready = issuer_ready,
                                    .cookie = t};

    must(fc_ca_new(&ca, &t->ca, &err), &err);
}

static void start_limits(struct lib_acme *t, const char *which)
{
    struct fc_limits_setting setting;
    struct fc_err err = {0};

    if (!which)
        return;
    must(fc_limits_setting_parse(which, &setting, &err), &err);
    must(fc_limits_new(t->policy, &setting, &t->limits, &err), &err);
    t->gate = fc_limits_gate_new(t->policy);
}

int lib_acme_setup(void **state)
{
    static const struct lib_options none;
    const struct lib_options *options = *state ? *state : &none;
    struct lib_acme *t = fc_calloc(1, sizeof *t);
    const struct fc_store_params store = {0};
    struct fc_err err = {0};

    *state = t;
    t->arena = fc_arena_new();
    t->jobs = fc_calloc(1, sizeof *t->jobs);
    pthread_mutex_init(&t->jobs->lock, NULL);
    pthread_cond_init(&t->jobs->changed, NULL);
    t->clock = fc_clock_new();
    must(fc_time_parse(LIB_NOW, &t->now, &err), &err);
    must(fc_clock_freeze(t->clock, &err) || fc_clock_set(t->clock, t->now, &err), &err);
    load_policy(t, options);
    start_limits(t, options->limits);
    must(fc_store_open(&store, &t->store, &err), &err);
    const struct fc_events_params events = {.store = t->store, .clock = t->clock};
    must(fc_events_new(&events, &t->events, &err), &err);
    t->faults = fc_faults_new();
    t->web = lib_web_start();
    t->portmap = fc_net_portmap_new();
    must(fc_net_portmap_set(t->portmap, lib_text(t, "80=127.0.0.1:%u", lib_web_port(t->web)), &err), &err);
    start_ca(t);
    if (options->rsa)
        lib_acme_make_rsa(t);
    t->queue_max = options->queue_max;
    t->perspectives = options->perspectives ? 0 : 1;
    start(t, options->pace);
    return 0;
}

int lib_acme_teardown(void **state)
{
    struct lib_acme *t = *state;

    lib_web_set_mode(t->web, LIB_WEB_RIGHT);
    stop(t);
    fc_ca_free(t->ca);
    fc_faults_free(t->faults);
    lib_web_stop(t->web);
    fc_net_portmap_free(t->portmap);
    fc_events_free(t->events);
    fc_store_close(t->store);
    fc_limits_gate_free(t->gate);
    fc_limits_free(t->limits);
    fc_policy_free(t->policy);
    fc_clock_free(t->clock);
    pthread_cond_destroy(&t->jobs->changed);
    pthread_mutex_destroy(&t->jobs->lock);
    free(t->jobs);
    fc_arena_free(t->arena);
    free(t);
    return 0;
}

void lib_acme_advance(struct lib_acme *t, const char *duration)
{
    int64_t by;
    struct fc_err err = {0};

    must(fc_duration_parse(duration, &by, &err) || fc_clock_advance(t->clock, by, &err), &err);
    t->now = fc_clock_now(t->clock);
}

void lib_web_mode(struct lib_acme *t, enum lib_web_mode mode)
{
    lib_web_set_mode(t->web, mode);
}

void lib_web_thumbprint(struct lib_acme *t, const char *thumbprint)
{
    lib_web_set_thumbprint(t->web, thumbprint);
}

size_t lib_web_requests(struct lib_acme *t)
{
    return lib_web_count(t->web, 0);
}

void lib_web_wait(struct lib_acme *t, size_t requests)
{
    if (lib_web_count(t->web, requests) < requests)
        fail_msg("the web server saw fewer than %zu requests", requests);
}

/* ---- texts ---- */

char *lib_text(struct lib_acme *t, const char *format, ...)
{
    char text[8192];
    va_list args;

    va_start(args, format);
    int len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    assert_in_range(len, 0, sizeof text - 1);
    return fc_arena_strdup(t->arena, text);
}

const char *lib_b64(struct lib_acme *t, const void *data, size_t len)
{
    char *text = fc_arena_alloc(t->arena, FC_B64URL_LEN(len) + 1);

    fc_b64url_encode(data, len, text);
    return text;
}

static void drop_json(void *value)
{
    json_decref(value);
}

/* ---- requests ---- */

static const struct fc_http_header *make_headers(struct lib_acme *t, const struct lib_request *request, size_t *ret_n)
{
    struct fc_http_header *headers = fc_arena_alloc(t->arena, 3 * sizeof *headers);
    const char *type = request->type ? request->type : "application/jose+json";
    size_t n = 0;

    headers[n++] = (struct fc_http_header){"User-Agent", "lib_acme/1"};
    if (strcmp(request->method, "POST") == 0 && *type)
        headers[n++] = (struct fc_http_header){"content-type", type};
    if (request->extra) {
        const char *colon = strstr(request->extra, ": ");
        headers[n++] = (struct fc_http_header){
            fc_arena_strndup(t->arena, request->extra, (size_t)(colon - request->extra)), colon + 2};
    }
    *ret_n = n;
    return headers;
}

static void note(const json_t *problem)
{
    const char *type = json_string_value(json_object_get(problem, "type"));
    const char *detail = json_string_value(json_object_get(problem, "detail"));

    if (type && detail && fc_text_starts(type, URN))
        texts_seen(type + strlen(URN), (long)json_integer_value(json_object_get(problem, "status")), detail);
}

/* Problems that are the answer, or stand in an order, a challenge or an authorization's challenges. */
static void note_problems(const json_t *answer)
{
    const json_t *challenge;
    size_t i;

    note(answer);
    note(json_object_get(answer, "error"));
    json_array_foreach(json_object_get(answer, "challenges"), i, challenge) note(json_object_get(challenge, "error"));
}

struct lib_answer *lib_send(struct lib_acme *t, const struct lib_request *request)
{
    struct lib_answer *answer = fc_arena_alloc(t->arena, sizeof *answer);
    struct fc_http_req *req = fc_arena_alloc(t->arena, sizeof *req);
    const char *host = request->host ? request->host : LIB_HOST;

    req->arena = t->arena;
    req->method = request->method;
    req->path = request->path;
    req->query = request->query;
    req->scheme = "https";
    req->host = *host ? host : NULL;
    req->peer = t->peer ? t->peer : "127.0.0.1:50000";
    req->headers = make_headers(t, request, &req->n_headers);
    req->body = request->body ? request->body : "";
    req->body_len = request->body_len ? request->body_len : strlen(req->body);
    req->body_too_large = request->too_large;
    req->now = t->now;
    fc_acme_handle(t->acme, req, &answer->res);
    req_settle(req, &answer->res);
    answer->status = answer->res.status;
    answer->text = answer->res.body_len ? answer->res.body : "";
    const char *type = lib_header(answer, "Content-Type");
    if (type && strstr(type, "json")) {
        answer->json = json_loadb(answer->text, answer->res.body_len, 0, NULL);
        assert_non_null(answer->json);
        fc_arena_defer(t->arena, drop_json, answer->json);
        note_problems(answer->json);
    }
    return answer;
}

struct lib_answer *lib_get(struct lib_acme *t, const char *path)
{
    return lib_send(t, &(struct lib_request){.method = "GET", .path = path});
}

const char *lib_header(const struct lib_answer *answer, const char *name)
{
    return fc_http_res_get_header(&answer->res, name);
}

const char *lib_link(const struct lib_acme *t, const struct lib_answer *answer, const char *relation)
{
    fc_auto_free char *end = fc_asprintf(">;rel=\"%s\"", relation);

    for (size_t i = 0; i < answer->res.n_headers; i++) {
        const struct fc_http_header *header = &answer->res.headers[i];
        if (strcmp(header->name, "Link") == 0 && fc_text_ends(header->value, end))
            return fc_arena_strndup(t->arena, header->value + 1, strlen(header->value) - strlen(end) - 1);
    }
    return NULL;
}

const char *lib_member(const struct lib_answer *answer, const char *name)
{
    const char *text = json_string_value(json_object_get(answer->json, name));

    if (!text)
        fail_msg("no member '%s' in %s", name, answer->text);
    return text;
}

const char *lib_path(const char *url)
{
    assert_non_null(url);
    if (!fc_text_starts(url, LIB_BASE))
        fail_msg("'%s' is none of our URLs", url);
    return url + strlen(LIB_BASE);
}

const char *lib_nonce(struct lib_acme *t)
{
    const char *path = lib_text(t, "%s/acme/new-nonce", t->policy->directory.path_prefix);

    return lib_header(lib_send(t, &(struct lib_request){.method = "HEAD", .path = path}), "Replay-Nonce");
}

void lib_assert_status(const struct lib_answer *answer, int status)
{
    if (answer->status != status)
        fail_msg("status %d, not %d: %s", answer->status, status, answer->text);
}

void lib_assert_problem(const struct lib_answer *answer, int status, const char *type, const char *detail)
{
    fc_auto_free char *urn = fc_asprintf(URN "%s", type);

    lib_assert_status(answer, status);
    assert_string_equal(lib_header(answer, "Content-Type"), "application/problem+json");
    assert_string_equal(lib_member(answer, "type"), urn);
    assert_string_equal(lib_member(answer, "detail"), detail);
    assert_int_equal(json_integer_value(json_object_get(answer->json, "status")), status);
}

/* ---- the client ---- */

static void drop_key(void *key)
{
    fc_key_free(key);
}

static void drop_evp(void *key)
{
    EVP_PKEY_free(key);
}

EVP_PKEY *lib_evp(struct lib_acme *t, const char *kind)
{
    EVP_PKEY *key = fc_text_starts(kind, "P-") ? EVP_EC_gen(kind) : NULL;
    int64_t bits;

    if (fc_text_starts(kind, "RSA-") && fc_text_int(kind + 4, 512, 8192, &bits, NULL) == 0)
        key = EVP_RSA_gen((unsigned)bits);
    assert_non_null(key);
    fc_arena_defer(t->arena, drop_evp, key);
    return key;
}

struct fc_key *lib_key(struct lib_acme *t, const char *kind)
{
    struct fc_key *key;
    struct fc_err err = {0};

    must(fc_key_from_evp(lib_evp(t, kind), &key, &err), &err);
    fc_arena_defer(t->arena, drop_key, key);
    return key;
}

struct lib_client *lib_client_unregistered(struct lib_acme *t, const char *kind)
{
    struct lib_client *client = fc_arena_alloc(t->arena, sizeof *client);

    client->t = t;
    client->key = lib_key(t, kind);
    fc_key_thumbprint(client->key, client->thumbprint);
    return client;
}

struct lib_client *lib_client_new(struct lib_acme *t)
{
    struct lib_client *client = lib_client_unregistered(t, "P-256");
    const char *path = lib_text(t, "%s/acme/new-acct", t->policy->directory.path_prefix);
    struct lib_answer *answer =
        lib_post_twisted(client, path, "{\"termsOfServiceAgreed\":true}", &(struct lib_twist){.jwk = true});

    lib_assert_status(answer, 201);
    client->url = lib_header(answer, "Location");
    must(fc_text_int(strrchr(client->url, '/') + 1, 1, INT64_MAX, &client->id, NULL), &(struct fc_err){0});
    lib_web_thumbprint(t, client->thumbprint);
    return client;
}

static json_t *make_header(struct lib_client *client, const char *path, const struct lib_twist *twist)
{
    struct lib_acme *t = client->t;
    json_t *header = json_object();
    const char *url =
        twist->url ? twist->url
                   : lib_text(t, LIB_BASE "%s%s%s", path, twist->query ? "?" : "", twist->query ? twist->query : "");
    const char *kid = twist->kid ? twist->kid : client->url;

    if (!twist->no_nonce)
        json_object_set_new(header, "nonce", json_string(twist->nonce ? twist->nonce : lib_nonce(t)));
    if (!twist->no_url)
        json_object_set_new(header, "url", json_string(url));
    if (twist->jwk)
        json_object_set_new(header, "jwk", fc_key_to_jwk(twist->key ? twist->key : client->key));
    if (kid && !twist->no_kid && (!twist->jwk || twist->kid))
        json_object_set_new(header, "kid", json_string(kid));
    if (twist->header)
        json_object_update(header, (json_t *)(uintptr_t)twist->header);
    return header;
}

const char *lib_sign(struct lib_client *client, const char *path, const char *payload, const struct lib_twist *twist)
{
    fc_auto_json header = make_header(client, path, twist);
    struct fc_err err = {0};
    char *body;

    must(fc_jws_sign(twist->key ? twist->key : client->key, header, payload, &body, &err), &err);
    fc_arena_defer(client->t->arena, free, body);
    return body;
}

struct lib_answer *lib_post_twisted(struct lib_client *client, const char *path, const char *payload,
                                    const struct lib_twist *twist)
{
    return lib_send(client->t, &(struct lib_request){.method = "POST",
                                                     .path = path,
                                                     .query = twist->query,
                                                     .host = twist->host,
                                                     .type = twist->type,
                                                     .extra = twist->extra,
                                                     .body = lib_sign(client, path, payload, twist)});
}

struct lib_answer *lib_post(struct lib_client *client, const char *path, const char *payload)
{
    return lib_post_twisted(client, path, payload, &(struct lib_twist){.jwk = !client->url});
}

/* ---- orders ---- */

const char *lib_order_payload(struct lib_acme *t, const char *names, const char *more)
{
    fc_auto_json body = json_object();
    json_t *idents = json_array();

    while (*names) {
        size_t len = strcspn(names, ",");
        const char *name = fc_arena_strndup(t->arena, names, len);
        json_array_append_new(idents, json_pack("{s:s,s:s}", "type", "dns", "value", name));
        names += len + (names[len] == ',');
    }
    json_object_set_new(body, "identifiers", idents);
    if (more) {
        fc_auto_json extra = json_loads(more, 0, NULL);
        assert_non_null(extra);
        json_object_update(body, extra);
    }
    char *text = fc_json_text(body);
    fc_arena_defer(t->arena, free, text);
    return text;
}

struct lib_answer *lib_order(struct lib_client *client, const char *names)
{
    struct lib_acme *t = client->t;
    const char *path = lib_text(t, "%s/acme/new-order", t->policy->directory.path_prefix);
    struct lib_answer *answer = lib_post(client, path, lib_order_payload(t, names, NULL));

    lib_assert_status(answer, 201);
    return answer;
}

const char *lib_authz_path(const struct lib_answer *order, size_t n)
{
    return lib_path(json_string_value(json_array_get(json_object_get(order->json, "authorizations"), n)));
}

const char *lib_challenge_path(struct lib_client *client, const char *authz_path, const char *type)
{
    struct lib_answer *authz = lib_post(client, authz_path, NULL);
    json_t *challenge;
    size_t i;

    lib_assert_status(authz, 200);
    json_array_foreach(json_object_get(authz->json, "challenges"), i, challenge)
    {
        if (strcmp(json_string_value(json_object_get(challenge, "type")), type) == 0)
            return lib_path(json_string_value(json_object_get(challenge, "url")));
    }
    fail_msg("no challenge '%s' in %s", type, authz->text);
    return NULL;
}

/* Polls as a client does; the held challenge request has usually decided it. */
static void wait_for_verdict(struct lib_client *client, const char *authz_path)
{
    int64_t until = fc_clock_mono() + 30 * FC_SECOND;

    while (fc_clock_mono() < until) {
        struct lib_answer *authz = lib_post(client, authz_path, NULL);
        if (authz->status != 200 || strcmp(lib_member(authz, "status"), "pending") != 0)
            return;
    }
    fail_msg("'%s' stays pending", authz_path);
}

void lib_va_idle(struct lib_acme *t)
{
    int64_t until = fc_clock_mono() + 30 * FC_SECOND;

    while (fc_va_pending(t->va) > 0)
        assert_true(fc_clock_mono() < until);
}

void lib_validate(struct lib_client *client, const struct lib_answer *order)
{
    for (size_t i = 0; i < json_array_size(json_object_get(order->json, "authorizations")); i++) {
        const char *authz = lib_authz_path(order, i);
        if (strcmp(lib_member(lib_post(client, authz, NULL), "status"), "pending") != 0)
            continue;
        lib_va_idle(client->t);
        lib_assert_status(lib_post(client, lib_challenge_path(client, authz, "http-01"), "{}"), 200);
        wait_for_verdict(client, authz);
    }
}

struct lib_answer *lib_ready_order(struct lib_client *client, const char *names)
{
    struct lib_answer *order = lib_order(client, names);
    const char *path = lib_path(lib_header(order, "Location"));

    lib_validate(client, order);
    order = lib_post(client, path, NULL);
    lib_assert_status(order, 200);
    assert_string_equal(lib_member(order, "status"), "ready");
    return order;
}

static void add_san(struct lib_acme *t, X509_REQ *req, const char *names)
{
    STACK_OF(X509_EXTENSION) *extensions = NULL;
    char *value = lib_text(t, "DNS:");

    for (const char *p = names; *p; p++)
        value = *p == ',' ? lib_text(t, "%s,DNS:", value) : lib_text(t, "%s%c", value, *p);
    X509_EXTENSION *san = X509V3_EXT_nconf_nid(NULL, NULL, NID_subject_alt_name, value);
    assert_non_null(san);
    X509v3_add_ext(&extensions, san, -1);
    X509_EXTENSION_free(san);
    assert_int_equal(X509_REQ_add_extensions(req, extensions), 1);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
}

const char *lib_csr_payload(struct lib_acme *t, const struct lib_csr *csr)
{
    EVP_PKEY *key = csr->key ? csr->key : lib_evp(t, "P-256");
    X509_REQ *req = X509_REQ_new();
    unsigned char *der = NULL;

    X509_REQ_set_version(req, 0);
    X509_REQ_set_pubkey(req, key);
    if (csr->cn)
        X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(req), "CN", MBSTRING_UTF8, (const unsigned char *)csr->cn,
                                   -1, -1, 0);
    if (csr->names)
        add_san(t, req, csr->names);
    assert_int_not_equal(X509_REQ_sign(req, key, EVP_sha256()), 0);
    int len = i2d_X509_REQ(req, &der);
    const char *payload = lib_text(t, "{\"csr\":\"%s\"}", lib_b64(t, der, (size_t)len));
    OPENSSL_free(der);
    X509_REQ_free(req);
    return payload;
}

const char *lib_pem_der(struct lib_acme *t, const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    unsigned char *der = NULL;

    assert_non_null(cert);
    int len = i2d_X509(cert, &der);
    const char *text = lib_b64(t, der, (size_t)len);
    OPENSSL_free(der);
    X509_free(cert);
    BIO_free(bio);
    return text;
}

void lib_issue(struct lib_client *client, const char *names, struct lib_issued *ret_issued)
{
    struct lib_acme *t = client->t;
    struct lib_answer *order = lib_ready_order(client, names);

    ret_issued->order_path = lib_path(lib_header(order, "Location"));
    ret_issued->key = lib_evp(t, "P-256");
    const struct lib_csr csr = {.key = ret_issued->key, .names = names};
    order = lib_post(client, lib_path(lib_member(order, "finalize")), lib_csr_payload(t, &csr));
    lib_assert_status(order, 200);
    assert_string_equal(lib_member(order, "status"), "valid");
    ret_issued->cert_path = lib_path(lib_member(order, "certificate"));
    ret_issued->serial = strrchr(ret_issued->cert_path, '/') + 1;
    struct lib_answer *cert = lib_post(client, ret_issued->cert_path, NULL);
    lib_assert_status(cert, 200);
    ret_issued->pem = cert->text;
    ret_issued->der = lib_pem_der(t, cert->text);
}

size_t lib_events(struct lib_acme *t, const char *type)
{
    const char *const types[] = {type, NULL};
    struct fc_event_view *views;
    struct fc_err err = {0};
    size_t count;
    int64_t next;

    must(fc_events_read(t->events, 0, 100000, types, &views, &count, &next, &err), &err);
    fc_events_views_free(views, count);
    return count;
}
