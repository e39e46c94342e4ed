#include "compat/chall_int.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_clock.h"
#include "base/base_text.h"
#include "base/base_time.h"

#include "ca/ca.h"
#include "server/server.h"

#define WELL_KNOWN "/.well-known/acme-challenge/"
#define ADDRESS_MAX 300
#define STOP_GRACE (2 * FC_SECOND)

/* ---- tables ---- */

void fc_chall_log(const struct fc_compat_chall *chall, const char *format, ...)
{
    char text[FC_CHALL_TEXT_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    chall->p.log(chall->p.cookie, text);
}

int fc_chall_put(struct fc_compat_chall *chall, json_t *table, const char *key, const char *value)
{
    int result = 0;

    pthread_mutex_lock(&chall->lock);
    if (!value)
        json_object_del(table, key);
    else if (json_object_size(table) < FC_CHALL_ENTRIES_MAX || json_object_get(table, key))
        json_object_set_new(table, key, json_string(value));
    else
        result = -1;
    pthread_mutex_unlock(&chall->lock);
    return result;
}

const char *fc_chall_find(struct fc_compat_chall *chall, struct fc_arena *arena, const json_t *table, const char *key)
{
    pthread_mutex_lock(&chall->lock);
    const char *value = fc_arena_strdup(arena, json_string_value(json_object_get(table, key)));
    pthread_mutex_unlock(&chall->lock);
    return value;
}

void fc_chall_note(struct fc_compat_chall *chall, enum fc_chall_kind kind, const char *host, json_t *event)
{
    json_t *table = chall->history[kind == FC_CHALL_TLSALPN];

    pthread_mutex_lock(&chall->lock);
    json_t *list = json_object_get(table, host);
    if (!list && json_object_size(table) < FC_CHALL_ENTRIES_MAX) {
        list = json_array();
        /* a host that is no UTF-8 is not kept */
        if (json_object_set_new(table, host, list))
            list = NULL;
    }
    if (json_array_size(list) >= FC_CHALL_HISTORY_MAX)
        json_array_remove(list, 0);
    if (!list || json_array_append(list, event))
        list = NULL;
    json_decref(event);
    pthread_mutex_unlock(&chall->lock);
}

/* ---- http-01, over HTTP and HTTPS ---- */

/* "a.test:5002" without the port, "[::1]:80" without it and the brackets. */
static const char *host_of(struct fc_arena *arena, const char *host)
{
    const char *colon = strrchr(host, ':');

    if (host[0] == '[') {
        const char *end = strchr(host, ']');
        return fc_arena_strndup(arena, host + 1, end ? (size_t)(end - host - 1) : strlen(host + 1));
    }
    return fc_arena_strndup(arena, host, colon ? (size_t)(colon - host) : strlen(host));
}

static void note_request(struct fc_compat_chall *chall, const struct fc_http_req *req)
{
    const char *host = req->host ? req->host : "";
    const char *name = host_of(req->arena, host);
    bool https = strcmp(req->scheme, "https") == 0;
    json_t *event = json_pack("{s:o,s:s,s:b,s:s}", "URL",
                              json_sprintf("%s%s%s", req->path, req->query ? "?" : "", req->query ? req->query : ""),
                              "Host", host, "HTTPS", https, "ServerName", https ? name : "");

    if (event)
        fc_chall_note(chall, FC_CHALL_HTTP, name, event);
}

/* Redirects hold over HTTP alone: one to the same path over HTTPS is no loop. What is unknown is an empty page. */
static void http01(void *cookie, struct fc_http_req *req, struct fc_http_res *res)
{
    struct fc_compat_chall *chall = cookie;
    const char *target = fc_chall_find(chall, req->arena, chall->redirects, req->path);
    const char *content = NULL;

    note_request(chall, req);
    fc_http_res_header(res, "Connection", "close");
    if (target && strcmp(req->scheme, "http") == 0) {
        fc_http_res_text(req, res, 302, "text/html; charset=utf-8",
                         fc_arena_printf(req->arena, "<a href=\"%s\">Found</a>.\n\n", target));
        fc_http_res_header(res, "Location", target);
        return;
    }
    if (fc_text_starts(req->path, WELL_KNOWN))
        content = fc_chall_find(chall, req->arena, chall->tokens, req->path + strlen(WELL_KNOWN));
    fc_http_res_text(req, res, 200, "text/plain; charset=utf-8", content ? content : "");
}

/* ---- listeners ---- */

void fc_chall_not_served(const struct fc_compat_chall *chall, const struct fc_err *cause)
{
    fc_chall_log(chall, "not served: %.*s", (int)strcspn(cause->text, ";"), cause->text);
}

/* What is wrong with an address is logged; what is wrong with the service, its certificate, is an error. */
static int listen_each(struct fc_compat_chall *chall, struct fc_server_service *service, const char *list,
                       struct fc_err *err)
{
    char address[ADDRESS_MAX];
    unsigned port;
    bool loopback;

    service->cookie = chall;
    service->limits = fc_server_default_limits;
    while (list && *list) {
        struct fc_err cause = {0};
        size_t len = strcspn(list, ",");
        snprintf(address, sizeof address, "%.*s", (int)(len < sizeof address ? len : sizeof address - 1), list);
        bool bad = len && fc_server_listen_check(address, &loopback, &cause);
        if (len && !bad && fc_server_add(chall->server, service, address, 0, &port, &cause) &&
            !(bad = cause.code != FC_E_USAGE))
            return fc_err_set(err, cause.code, "%s", cause.text);
        if (bad)
            fc_chall_not_served(chall, &cause);
        list += len + (list[len] == ',');
    }
    return 0;
}

static int listen_all(struct fc_compat_chall *chall, const struct fc_compat_chall_params *params, struct fc_err *err)
{
    const struct fc_ca_tls *tls = fc_chall_dns_tls(chall->dns);
    struct fc_server_service plain = {.name = "http01", .scheme = "http", .handler = http01};
    struct fc_server_service https = {.name = "https01",
                                      .scheme = "https",
                                      .tls_cert_pem = tls->cert_pem,
                                      .tls_key_pem = tls->key_pem,
                                      .handler = http01};
    struct fc_server_service doh = {.name = "doh",
                                    .scheme = "https",
                                    .tls_cert_pem = params->doh_cert ? params->doh_cert : tls->cert_pem,
                                    .tls_key_pem = params->doh_key ? params->doh_key : tls->key_pem,
                                    .handler = fc_chall_dns_doh};
    struct fc_server_service management = {.name = "management", .scheme = "http", .handler = fc_chall_api};

    return listen_each(chall, &plain, params->http01, err) || listen_each(chall, &https, params->https01, err) ||
                   listen_each(chall, &doh, params->doh, err) ||
                   listen_each(chall, &management, params->management, err)
               ? -1
               : 0;
}

static bool given(const char *addresses)
{
    return addresses && *addresses;
}

int fc_compat_chall_start(const struct fc_compat_chall_params *params, struct fc_compat_chall **ret_chall,
                          struct fc_err *err)
{
    fc_auto(fc_compat_chall_stop) struct fc_compat_chall *chall = fc_calloc(1, sizeof *chall);

    chall->p = *params;
    chall->http = given(params->http01) || given(params->https01);
    chall->dns_on = given(params->dns) || given(params->doh);
    chall->tls_on = given(params->tlsalpn01);
    pthread_mutex_init(&chall->lock, NULL);
    chall->clock = fc_clock_new();
    chall->tokens = json_object();
    chall->redirects = json_object();
    chall->alpn = json_object();
    chall->history[0] = json_object();
    chall->history[1] = json_object();
    chall->server = fc_server_new(chall->clock);
    if (fc_chall_dns_start(chall, params, &chall->dns, err) || listen_all(chall, params, err) ||
        (chall->tls_on && fc_chall_tls_start(chall, params->tlsalpn01, &chall->tls, err)) ||
        fc_server_start(chall->server, err))
        return -1;
    *ret_chall = FC_TAKE(chall);
    return 0;
}

void fc_compat_chall_stop(struct fc_compat_chall *chall)
{
    if (!chall)
        return;
    fc_server_stop(chall->server, STOP_GRACE);
    fc_chall_tls_stop(chall->tls);
    fc_server_free(chall->server);
    fc_chall_dns_stop(chall->dns);
    fc_clock_free(chall->clock);
    json_decref(chall->tokens);
    json_decref(chall->redirects);
    json_decref(chall->alpn);
    json_decref(chall->history[0]);
    json_decref(chall->history[1]);
    pthread_mutex_destroy(&chall->lock);
    free(chall);
}
