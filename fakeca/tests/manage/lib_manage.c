#include "lib_manage.h"

#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_clock.h"
#include "base/base_time.h"

#include "acme/acme.h"
#include "ca/ca.h"
#include "dns/dns.h"
#include "faults/faults.h"
#include "events/events.h"
#include "limits/limits.h"
#include "net/net_portmap.h"
#include "pki/pki_csr.h"
#include "pki/pki_key.h"
#include "policy/policy.h"
#include "store/store_account.h"
#include "store/store_cert.h"
#include "store/store_order.h"
#include "va/va.h"

#include "cmocka_all.h"
#include "http/lib_req.h"
#include "lib_schema.h"

#define OR_FAIL(call)                                                                                                  \
    do {                                                                                                               \
        struct fc_err err = {0};                                                                                       \
        if (call)                                                                                                      \
            fail_msg("%s: %s", #call, err.text);                                                                       \
    } while (0)

int64_t lib_manage_time(const char *text)
{
    int64_t at;

    if (fc_time_parse(text, &at, NULL))
        fail_msg("'%s' is no time", text);
    return at;
}

/* ---- fixture ---- */

static int keep_clock(void *cookie, struct fc_err *err)
{
    struct lib_manage *t = cookie;

    t->kept++;
    /* what the app does: inside of the write transaction */
    if (fc_store_setting_set(t->store, "clock", t->keep_fails ? "never" : "kept", err))
        return -1;
    return t->keep_fails ? fc_err_set(err, FC_E_SYSTEM, "the disk is full") : 0;
}

/* No job of these tests runs later. */
static void post(void *cookie, void (*fn)(void *arg), void (*drop)(void *arg), void *arg)
{
    (void)cookie;
    (void)fn;
    drop(arg);
}

static void start_world(struct lib_manage *t)
{
    const struct fc_store_params store = {0};

    t->clock = fc_clock_new();
    t->now = lib_manage_time(LIB_NOW);
    OR_FAIL(fc_clock_freeze(t->clock, &err));
    OR_FAIL(fc_clock_set(t->clock, t->now, &err));
    OR_FAIL(fc_store_open(&store, &t->store, &err));
    const struct fc_events_params events = {.store = t->store, .clock = t->clock};
    OR_FAIL(fc_events_new(&events, &t->events, &err));
    t->faults = fc_faults_new();
    const struct fc_dns_params dns = {.store = t->store, .events = t->events, .clock = t->clock};
    OR_FAIL(fc_dns_new(&dns, &t->dns, &err));
    t->portmap = fc_net_portmap_new();
    const struct fc_va_params va = {.resolver = fc_dns_resolver(t->dns), .portmap = t->portmap};
    OR_FAIL(fc_va_new(&va, &t->va, &err));
    OR_FAIL(fc_va_start(t->va, &err));
}

static void start_env(struct lib_manage *t, size_t i, const char *name)
{
    OR_FAIL(fc_policy_builtin(name, &t->policies[i], &err));
    OR_FAIL(fc_limits_new(t->policies[i], &(struct fc_limits_setting){0}, &t->limits[i], &err));
    const struct fc_ca_params ca = {
        .policy = t->policies[i], .store = t->store, .pki_url = "http://localhost:15001/pki", .now = t->now};
    OR_FAIL(fc_ca_new(&ca, &t->cas[i], &err));
    const struct fc_acme_params acme = {.policy = t->policies[i],
                                        .clock = t->clock,
                                        .store = t->store,
                                        .events = t->events,
                                        .ca = t->cas[i],
                                        .va = t->va,
                                        .post = post};
    OR_FAIL(fc_acme_new(&acme, &t->acmes[i], &err));
}

void lib_manage_restart(struct lib_manage *t, const char *const *hosts, const char *token)
{
    static const char *const directories[] = {"https://localhost:14000/dir", "https://localhost:14000/staging/dir"};
    struct fc_manage_params params = {.clock = t->clock,
                                      .store = t->store,
                                      .events = t->events,
                                      .dns = t->dns,
                                      .faults = t->faults,
                                      .va = t->va,
                                      .portmap = t->portmap,
                                      .n_envs = 2,
                                      .tls_ca_pem = t->tls_ca_pem,
                                      .hosts = hosts,
                                      .token = token,
                                      .started_mono = fc_clock_mono(),
                                      .run = t->run,
                                      .clock_changed = keep_clock,
                                      .cookie = t};

    for (size_t i = 0; i < 2; i++)
        params.envs[i] = (struct fc_manage_env){.policy = t->policies[i],
                                                .ca = t->cas[i],
                                                .acme = t->acmes[i],
                                                .limits = t->limits[i],
                                                .directory = directories[i]};
    fc_manage_free(FC_TAKE(t->manage));
    OR_FAIL(fc_manage_new(&params, &t->manage, &err));
    fc_manage_ready(t->manage, true);
}

static void load_tls(struct lib_manage *t)
{
    const char *const names[] = {NULL};
    struct fc_ca_tls tls = {0};

    OR_FAIL(fc_ca_tls_load(t->store, names, &tls, &err));
    t->tls_ca_pem = fc_arena_strdup(t->arena, tls.ca_pem);
    fc_ca_tls_release(&tls);
}

int lib_manage_setup(void **state)
{
    struct lib_manage *t = fc_calloc(1, sizeof *t);

    *state = t;
    t->arena = fc_arena_new();
    start_world(t);
    start_env(t, 0, "production");
    start_env(t, 1, "staging");
    load_tls(t);
    t->run = json_pack("{s:i,s:s,s:s,s:n,s:s}", "pid", 4711, "directory", "https://localhost:14000/dir", "management",
                       "http://localhost:15001/", "directory_http", "state", "/srv/fakeca");
    lib_manage_restart(t, NULL, NULL);
    t->doc = json_incref(lib_manage_get(t, "/api/v1/openapi.json").json);
    return 0;
}

int lib_manage_teardown(void **state)
{
    struct lib_manage *t = *state;

    fc_arena_free(t->arena); /* requests first: streams hold on to the API */
    fc_va_free(t->va);
    for (size_t i = 0; i < 2; i++)
        fc_ca_free(t->cas[i]);
    fc_manage_free(t->manage);
    for (size_t i = 0; i < 2; i++)
        fc_acme_free(t->acmes[i]);
    fc_dns_free(t->dns);
    fc_faults_free(t->faults);
    fc_net_portmap_free(t->portmap);
    for (size_t i = 0; i < 2; i++) {
        fc_limits_free(t->limits[i]);
        fc_policy_free(t->policies[i]);
    }
    fc_events_free(t->events);
    fc_clock_free(t->clock);
    fc_store_close(t->store);
    json_decref(t->run);
    json_decref(t->doc);
    free(t);
    return 0;
}

/* ---- calls ---- */

static void free_json(void *value)
{
    json_decref(value);
}

/* The schema of what the document says about this answer; NULL for bodies that are no JSON. */
static const json_t *answer_schema(struct lib_manage *t, const char *template, const char *method,
                                   const struct lib_answer *answer)
{
    const json_t *operation = template ? lib_schema_operation(t->doc, template, method) : NULL;
    const json_t *responses = json_object_get(operation, "responses");
    char status[16];

    snprintf(status, sizeof status, "%d", answer->status);
    const json_t *response = json_object_get(responses, status);
    if (!response)
        response = json_object_get(responses, "default");
    if (!operation) /* no such path, or no such method there */
        response = json_object_get(json_object_get(json_object_get(t->doc, "components"), "responses"), "Problem");
    if (!response)
        fail_msg("%s %s: the document knows no answer %d", method, template, answer->status);
    response = lib_schema_follow(t->doc, response);
    const json_t *content = json_object_get(json_object_get(response, "content"), answer->type);
    if (!content)
        fail_msg("%s %s: the document knows no %s in answer %d", method, template, answer->type, answer->status);
    return json_object_get(content, "schema");
}

/* What was sent must fit too, where the server was content with it. */
static void check_request(struct lib_manage *t, const json_t *operation, const char *body)
{
    fc_auto_json value = NULL;
    struct fc_buf why fc_auto_buf = {0};
    const json_t *request = lib_schema_follow(t->doc, json_object_get(operation, "requestBody"));
    const json_t *content = json_object_get(json_object_get(request, "content"), "application/json");

    fc_buf_init(&why, 4096);
    if (!body || !*body) {
        assert_false(json_is_true(json_object_get(request, "required")));
        return;
    }
    assert_int_equal(fc_json_parse(body, strlen(body), &value, NULL), 0);
    if (!lib_schema_fits(t->doc, json_object_get(content, "schema"), value, &why))
        fail_msg("the document would not permit the body %s: %s", body, why.data);
}

static void check_answer(struct lib_manage *t, const char *method, const struct lib_answer *answer, const char *body)
{
    const char *template = lib_schema_path(t->doc, answer->req->path);
    const char *documented = strcmp(method, "HEAD") == 0 ? "GET" : method;
    const json_t *schema = answer_schema(t, template, documented, answer);
    struct fc_buf why fc_auto_buf = {0};

    fc_buf_init(&why, 4096);
    if (answer->json && !lib_schema_fits(t->doc, schema, answer->json, &why))
        fail_msg("%s %s answers %s, against the document: %s", method, answer->req->path, answer->body, why.data);
    if (answer->status / 100 != 2)
        return;
    check_request(t, lib_schema_operation(t->doc, template, documented), body);
    assert_true(t->n_hits < LIB_HITS_MAX);
    t->hits[t->n_hits++] = fc_arena_printf(t->arena, "%s %s", method, template);
}

static struct fc_http_req *make_request(struct lib_manage *t, const char *method, const char *target, const char *body,
                                        const char *const *headers)
{
    struct fc_http_req *req = fc_arena_alloc(t->arena, sizeof *req);
    struct fc_http_header *list = fc_arena_alloc(t->arena, 16 * sizeof *list);
    size_t path_len = strcspn(target, "?");

    req->arena = t->arena;
    req->method = method;
    req->path = fc_arena_strndup(t->arena, target, path_len);
    req->query = target[path_len] ? fc_arena_strdup(t->arena, target + path_len + 1) : NULL;
    req->scheme = "http";
    req->host = "localhost:15001";
    req->headers = list;
    req->body = body ? body : "";
    req->body_len = strlen(req->body);
    req->now = fc_clock_now(t->clock);
    for (size_t i = 0; headers && headers[i]; i += 2) {
        list[req->n_headers++] = (struct fc_http_header){.name = headers[i], .value = headers[i + 1]};
        if (strcmp(headers[i], "Host") == 0)
            req->host = headers[i + 1];
    }
    return req;
}

struct lib_answer lib_manage_ask(struct lib_manage *t, const char *method, const char *target, const char *body,
                                 const char *const *headers)
{
    struct lib_answer answer = {.req = make_request(t, method, target, body, headers),
                                .res = fc_arena_alloc(t->arena, sizeof *answer.res)};

    fc_manage_handle(t->manage, answer.req, answer.res);
    req_settle(answer.req, answer.res);
    answer.status = answer.res->status;
    answer.body = answer.res->body;
    answer.len = answer.res->body_len;
    const char *type = fc_http_res_get_header(answer.res, "Content-Type");
    assert_non_null(type);
    answer.type = fc_arena_strndup(t->arena, type, strcspn(type, ";"));
    if (strstr(answer.type, "json")) {
        OR_FAIL(fc_json_parse(answer.body, answer.len, &answer.json, &err));
        fc_arena_defer(t->arena, free_json, answer.json);
    }
    if (strcmp(answer.type, "application/problem+json") == 0) {
        answer.detail = json_string_value(json_object_get(answer.json, "detail"));
        answer.code = json_string_value(json_object_get(answer.json, "code"));
        assert_int_equal(json_integer_value(json_object_get(answer.json, "status")), answer.status);
    }
    if (t->doc)
        check_answer(t, method, &answer, body);
    return answer;
}

struct lib_answer lib_manage_hold(struct lib_manage *t, const char *method, const char *target, const char *body)
{
    struct lib_answer answer = {.req = make_request(t, method, target, body, NULL),
                                .res = fc_arena_alloc(t->arena, sizeof *answer.res)};

    fc_manage_handle(t->manage, answer.req, answer.res);
    answer.status = answer.res->status;
    return answer;
}

struct lib_answer lib_manage_get(struct lib_manage *t, const char *target)
{
    return lib_manage_ask(t, "GET", target, NULL, NULL);
}

json_t *lib_manage_ok(struct lib_manage *t, const char *method, const char *target, const char *body)
{
    struct lib_answer answer = lib_manage_ask(t, method, target, body, NULL);

    if (answer.status != 200 || !answer.json)
        fail_msg("%s %s: %d %s", method, target, answer.status, answer.body);
    return answer.json;
}

void lib_manage_refused(struct lib_manage *t, const char *method, const char *target, const char *body, int status,
                        const char *code, const char *says)
{
    struct lib_answer answer = lib_manage_ask(t, method, target, body, NULL);

    if (answer.status != status || !answer.code || strcmp(answer.code, code) != 0 || !strstr(answer.detail, says))
        fail_msg("%s %s %s: not %d %s with '%s' but %d %s", method, target, body ? body : "", status, code, says,
                 answer.status, answer.body);
}

/* ---- members ---- */

json_t *lib_manage_at(const json_t *value, const char *path)
{
    const json_t *at = value;

    for (const char *next = path; next;) {
        size_t len = strcspn(next, ".");
        fc_auto_free char *key = fc_strndup(next, len);
        at = json_object_get(at, key);
        if (!at)
            fail_msg("no member '%s'", path);
        next = next[len] ? next + len + 1 : NULL;
    }
    return (json_t *)(uintptr_t)at;
}

const char *lib_manage_str(const json_t *value, const char *path)
{
    const json_t *at = lib_manage_at(value, path);

    if (!json_is_string(at))
        fail_msg("member '%s' is no string", path);
    return json_string_value(at);
}

int64_t lib_manage_int(const json_t *value, const char *path)
{
    const json_t *at = lib_manage_at(value, path);

    if (!json_is_integer(at))
        fail_msg("member '%s' is no number", path);
    return json_integer_value(at);
}

/* ---- rows ---- */

/* RFC 7517 appendix A.1 */
static const char jwk[] = "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\","
                          "\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\"}";

int64_t lib_manage_account(struct lib_manage *t, const char *env, const char *thumbprint)
{
    struct fc_account account = {.env = env,
                                 .jwk = jwk,
                                 .thumbprint = thumbprint,
                                 .status = FC_STATUS_VALID,
                                 .contact = "[\"mailto:ops@a.test\"]",
                                 .terms_agreed = true,
                                 .created_at = t->now};
    struct fc_store_tx tx fc_auto_tx = {0};

    OR_FAIL(fc_store_begin(t->store, FC_STORE_WRITE, &tx, &err));
    OR_FAIL(fc_store_account_insert(t->store, &account, &err));
    OR_FAIL(fc_store_commit(&tx, &err));
    return account.id;
}

int64_t lib_manage_order(struct lib_manage *t, int64_t account, const char *name, struct fc_authz *authz)
{
    struct fc_authz usual = {.stored = FC_STATUS_PENDING};
    struct fc_ident ident = {.type = FC_IDENT_DNS, .value = name};
    int64_t authz_id;
    struct fc_order order = {.account_id = account,
                             .env = "production",
                             .idents = &ident,
                             .n_idents = 1,
                             .authz_ids = &authz_id,
                             .n_authz = 1,
                             .created_at = t->now,
                             .expires_at = t->now + 7 * FC_DAY};
    struct fc_store_tx tx fc_auto_tx = {0};

    if (!authz)
        authz = &usual;
    authz->account_id = account;
    authz->env = "production";
    authz->ident = ident;
    authz->token = "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA";
    authz->types = "http-01,dns-01";
    authz->created_at = t->now;
    authz->expires_at = t->now + 30 * FC_DAY;
    OR_FAIL(fc_store_begin(t->store, FC_STORE_WRITE, &tx, &err));
    OR_FAIL(fc_store_authz_insert(t->store, authz, &err));
    authz_id = authz->id;
    OR_FAIL(fc_store_order_insert(t->store, &order, &err));
    OR_FAIL(fc_store_commit(&tx, &err));
    return order.id;
}

static void free_csr(void *csr)
{
    fc_csr_free(csr);
}

/* A request by OpenSSL for one name. */
static struct fc_csr *make_csr(struct lib_manage *t, const char *name)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509_REQ *req = X509_REQ_new();
    STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();
    const char *san = fc_arena_printf(t->arena, "DNS:%s", name);
    unsigned char *der = NULL;
    struct fc_csr *csr = NULL;

    sk_X509_EXTENSION_push(extensions, X509V3_EXT_nconf_nid(NULL, NULL, NID_subject_alt_name, san));
    X509_REQ_add_extensions(req, extensions);
    X509_REQ_set_pubkey(req, key);
    X509_REQ_sign(req, key, EVP_sha256());
    int len = i2d_X509_REQ(req, &der);
    OR_FAIL(fc_csr_parse(der, (size_t)len, &csr, &err));
    fc_arena_defer(t->arena, free_csr, csr);
    OPENSSL_free(der);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    X509_REQ_free(req);
    EVP_PKEY_free(key);
    return csr;
}

/* Issues, unless the turn of a backup has come, which is made only now. */
static bool is_backup_missing(struct fc_ca *ca, const struct fc_ca_order *order, struct fc_arena *arena,
                              struct fc_certificate *ret_certificate)
{
    struct fc_err why = {0};

    if (fc_ca_issue(ca, order, arena, ret_certificate, &why) == 0)
        return false;
    if (why.code != FC_E_AGAIN)
        fail_msg("%s", why.text);
    return true;
}

const char *lib_manage_certificate(struct lib_manage *t, const char *env, int64_t account, const char *name)
{
    const struct fc_ident ident = {.type = FC_IDENT_DNS, .value = name};
    struct fc_ca *ca = t->cas[strcmp(env, "staging") == 0];
    const struct fc_ca_order order = {.csr = make_csr(t, name),
                                      .idents = &ident,
                                      .n_idents = 1,
                                      .now = fc_clock_now(t->clock),
                                      .account_id = account,
                                      .order_id = 1};
    struct fc_certificate certificate;
    struct fc_store_tx tx fc_auto_tx = {0};

    if (is_backup_missing(ca, &order, t->arena, &certificate)) {
        OR_FAIL(fc_ca_start_background(ca, &err));
        assert_true(fc_ca_wait_ready(ca, fc_clock_mono() + 100 * FC_SECOND));
        OR_FAIL(fc_ca_issue(ca, &order, t->arena, &certificate, &err));
    }
    OR_FAIL(fc_store_begin(t->store, FC_STORE_WRITE, &tx, &err));
    OR_FAIL(fc_store_cert_insert(t->store, &certificate, &err));
    OR_FAIL(fc_store_commit(&tx, &err));
    return certificate.serial;
}
