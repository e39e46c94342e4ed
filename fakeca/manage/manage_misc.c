/* Health, status, port map, reset, the document and the page. */
#include "manage/manage_int.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "acme/acme.h"
#include "base/base_buf.h"
#include "base/base_clock.h"
#include "base/base_time.h"
#include "base/base_version.h"
#include "ca/ca.h"
#include "dns/dns.h"
#include "events/events.h"
#include "net/net_portmap.h"
#include "policy/policy.h"
#include "store/store_cert.h"

#define PORT_MAP_MAX 8192
#define PAGE_MAX 65536

extern const char fc_manage_openapi_json[];

/* ---- how it is ---- */

static json_int_t uptime_s(const struct fc_manage *manage)
{
    return (json_int_t)((fc_clock_mono() - manage->params.started_mono) / FC_SECOND);
}

int fc_manage_misc_health(struct fc_manage_call *call, struct fc_err *err)
{
    (void)err;
    fc_manage_json(call, json_pack("{s:s,s:s,s:I,s:I}", "status", "ok", "version", fc_version, "pid",
                                   (json_int_t)getpid(), "uptime_s", uptime_s(call->manage)));
    return 0;
}

int fc_manage_misc_readyz(struct fc_manage_call *call, struct fc_err *err)
{
    bool ready = atomic_load(&call->manage->ready);

    (void)err;
    fc_http_res_json(call->req, call->res, ready ? 200 : 503, "application/json", json_pack("{s:b}", "ready", ready));
    return 0;
}

static int check_opened(const struct fc_manage *manage, struct fc_err *err)
{
    if (!atomic_load(&manage->opened))
        return fc_err_set(err, FC_E_AGAIN, "the server is still starting");
    return 0;
}

int fc_manage_misc_run(struct fc_manage_call *call, struct fc_err *err)
{
    if (check_opened(call->manage, err))
        return -1;
    fc_manage_json(call, json_deep_copy(call->manage->params.run));
    return 0;
}

/* What is in use, or was since the start; not what waits for its time. */
static json_t *env_json(const struct fc_manage_env *env, int64_t now)
{
    json_t *issuers = json_array();
    struct fc_ca_info info;

    for (size_t i = 0; fc_ca_info(env->ca, i, &info); i++) {
        if (info.idle)
            continue;
        json_t *chains = info.issues_leaves ? fc_manage_render_chains(env, info.name, now) : json_array();
        json_array_append_new(issuers, json_pack("{s:s,s:s,s:s,s:b,s:b,s:b,s:s?,s:o}", "name", info.name, "subject",
                                                 info.subject, "key", info.key, "ready", info.ready, "in_use",
                                                 fc_ca_in_use(env->ca, info.name, now), "root", info.root,
                                                 "cross_sign_of", info.key_of, "chains", chains));
    }
    return json_pack("{s:s,s:s,s:b,s:o}", "name", env->policy->name, "directory", env->directory, "rehearsal",
                     env->policy->rehearsal, "issuers", issuers);
}

static json_t *counts_json(const struct fc_store_counts *counts)
{
    return json_pack("{s:I,s:I,s:I,s:I,s:I}", "accounts", (json_int_t)counts->accounts, "orders",
                     (json_int_t)counts->orders, "authorizations", (json_int_t)counts->authzs, "certificates",
                     (json_int_t)counts->certificates, "events", (json_int_t)counts->events);
}

/* What the status asks of the store. */
struct rows {
    struct fc_store_counts counts;
    int64_t next_renewal, next_expiry; /* 0: none */
};

static int read_rows(struct fc_store *store, int64_t now, struct rows *ret_rows, struct fc_err *err)
{
    struct fc_store_tx tx fc_auto_tx = {0};

    if (fc_store_begin(store, FC_STORE_READ, &tx, err) || fc_store_count(store, &ret_rows->counts, err) ||
        fc_store_cert_next(store, FC_STORE_RENEWAL, now, &ret_rows->next_renewal, err))
        return -1;
    return fc_store_cert_next(store, FC_STORE_EXPIRY, now, &ret_rows->next_expiry, err);
}

int fc_manage_misc_status(struct fc_manage_call *call, struct fc_err *err)
{
    struct fc_manage *manage = call->manage;
    const struct fc_manage_params *params = &manage->params;
    struct rows rows;

    if (check_opened(manage, err) || read_rows(params->store, call->req->now, &rows, err))
        return -1;
    fc_auto_free char *map = fc_net_portmap_text(params->portmap);
    json_t *envs = json_array();
    for (size_t i = 0; i < params->n_envs; i++)
        json_array_append_new(envs, env_json(&params->envs[i], call->req->now));
    fc_manage_json(call,
                   json_pack("{s:s,s:I,s:I,s:o,s:o,s:o,s:o,s:s,s:o,s:o}", "version", fc_version, "pid",
                             (json_int_t)getpid(), "uptime_s", uptime_s(manage), "state",
                             fc_manage_render_text(json_string_value(json_object_get(params->run, "state"))), "clock",
                             fc_manage_clock_json(manage), "environments", envs, "counts", counts_json(&rows.counts),
                             "port_map", map, "next_renewal", fc_manage_render_time(rows.next_renewal), "next_expiry",
                             fc_manage_render_time(rows.next_expiry)));
    return 0;
}

/* ---- port map ---- */

int fc_manage_misc_port_map(struct fc_manage_call *call, struct fc_err *err)
{
    fc_auto_free char *map = fc_net_portmap_text(call->manage->params.portmap);

    (void)err;
    fc_manage_json(call, json_pack("{s:s}", "map", map));
    return 0;
}

int fc_manage_misc_port_map_put(struct fc_manage_call *call, struct fc_err *err)
{
    const struct fc_manage_params *params = &call->manage->params;
    struct fc_manage_input input fc_auto_input = {0};

    if (fc_manage_body_open(call, &input, err))
        return -1;
    const char *text = fc_json_str(&input.root, "map", FC_JSON_REQUIRED, PORT_MAP_MAX);
    if (fc_manage_body_close(&input, err) || fc_net_portmap_set(params->portmap, text, err))
        return -1;
    fc_auto_free char *map = fc_net_portmap_text(params->portmap);
    fc_events_note(params->events, FC_EVENT_PORT_MAP, call->req->now, &(struct fc_event_about){0},
                   json_pack("{s:s}", "map", map));
    fc_manage_json(call, json_pack("{s:s}", "map", map));
    return 0;
}

/* ---- reset ---- */

/* One transaction: rows, log and the event that tells of it. The log's memory goes with the rows; numbers go on. */
static int forget_rows(const struct fc_manage_params *params, int64_t now, struct fc_store_counts *ret_counts,
                       struct fc_err *err)
{
    struct fc_store_tx tx fc_auto_tx = {0};

    if (fc_store_begin(params->store, FC_STORE_WRITE, &tx, err) || fc_store_count(params->store, ret_counts, err) ||
        fc_store_reset(params->store, err))
        return -1;
    fc_events_forget(params->events);
    fc_events_add(params->events, FC_EVENT_RESET, now, &(struct fc_event_about){0}, NULL);
    return fc_store_commit(&tx, err);
}

int fc_manage_misc_reset(struct fc_manage_call *call, struct fc_err *err)
{
    const struct fc_manage_params *params = &call->manage->params;
    struct fc_manage_input input fc_auto_input = {0};
    struct fc_store_counts counts;
    int64_t rules;

    if (fc_manage_body_open(call, &input, err) || fc_manage_body_close(&input, err))
        return -1;
    /* the mock DNS first: it holds its rules in memory and clears the rows itself */
    if (fc_dns_clear(params->dns, NULL, NULL, call->req->now, &rules, err) ||
        forget_rows(params, call->req->now, &counts, err))
        return -1;
    for (size_t i = 0; i < params->n_envs; i++)
        fc_acme_forget(params->envs[i].acme);
    json_t *removed = counts_json(&counts);
    json_object_set_new(removed, "dns", json_integer(rules));
    fc_manage_json(call, json_pack("{s:o}", "removed", removed));
    return 0;
}

/* ---- the document, the page ---- */

int fc_manage_misc_openapi(struct fc_manage_call *call, struct fc_err *err)
{
    (void)err;
    fc_http_res_text(call->req, call->res, 200, "application/json", fc_manage_openapi_json);
    return 0;
}

static void put_escaped(struct fc_buf *page, const char *text)
{
    static const struct {
        char c;
        const char *entity;
    } table[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}};

    for (; *text; text++) {
        const char *entity = NULL;
        for (size_t i = 0; i < sizeof table / sizeof *table; i++)
            if (table[i].c == *text)
                entity = table[i].entity;
        if (entity)
            fc_buf_puts(page, entity);
        else
            fc_buf_putc(page, *text);
    }
}

static const char page_head[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>fakeca</title>\n"
    "<style>body{font:16px/1.5 sans-serif;max-width:44em;margin:2em auto;padding:0 1em}</style>\n</head>\n<body>\n"
    "<h1>fakeca</h1>\n<p>A local ACME CA for rehearsing certificate automation. Its certificates are for tests "
    "only.</p>\n"
    "<h2>Directories</h2>\n<ul>\n";

static const char page_tail[] =
    "</ul>\n<h2>Trust</h2>\n<p><a href=\"" FC_MANAGE_API "/trust/ca.pem\">ca.pem</a>: what a client must trust to "
    "reach the directory, and the roots of what it gets.</p>\n<h2>API</h2>\n<ul>\n"
    "<li><a href=\"" FC_MANAGE_API "/openapi.json\">openapi.json</a>: everything that can be asked</li>\n"
    "<li><a href=\"" FC_MANAGE_API "/status\">status</a>, <a href=\"" FC_MANAGE_API "/clock\">clock</a>, "
    "<a href=\"" FC_MANAGE_API "/certificates\">certificates</a>, <a href=\"" FC_MANAGE_API
    "/events\">events</a></li>\n</ul>\n</body>\n</html>\n";

int fc_manage_misc_index(struct fc_manage_call *call, struct fc_err *err)
{
    const struct fc_manage_params *params = &call->manage->params;
    struct fc_buf page fc_auto_buf = {0};

    (void)err;
    fc_buf_init(&page, PAGE_MAX);
    fc_buf_puts(&page, page_head);
    for (size_t i = 0; i < params->n_envs; i++) {
        fc_buf_puts(&page, "<li>");
        put_escaped(&page, params->envs[i].policy->name);
        fc_buf_puts(&page, ": <code>");
        put_escaped(&page, params->envs[i].directory);
        fc_buf_puts(&page, "</code></li>\n");
    }
    fc_buf_puts(&page, page_tail);
    fc_http_res_text(call->req, call->res, 200, "text/html; charset=utf-8", page.data);
    fc_http_res_header(call->res, "Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'");
    return 0;
}
