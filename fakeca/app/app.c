#include "app/app.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base_arena.h"
#include "base/base_clock.h"
#include "base/base_file.h"
#include "base/base_json.h"
#include "base/base_log.h"
#include "base/base_rand.h"
#include "base/base_time.h"
#include "base/base_version.h"

#include "acme/acme.h"
#include "app/app_int.h"
#include "ca/ca.h"
#include "compat/compat.h"
#include "dns/dns.h"
#include "events/events.h"
#include "faults/faults.h"
#include "limits/limits.h"
#include "limits/limits_gate.h"
#include "manage/manage.h"
#include "net/net_portmap.h"
#include "net/net_unbound.h"
#include "net/net_url.h"
#include "policy/policy.h"
#include "server/server.h"
#include "store/store.h"
#include "va/va.h"

#define POLICY_MAX (1 << 20)
#define PEM_MAX (1 << 20)
#define STOP_GRACE (2 * FC_SECOND)

void fc_app_config_defaults(struct fc_app_config *config)
{
    *config = (struct fc_app_config){
        .acme_listen = "localhost:14000",
        .management_listen = "localhost:15001",
        .dns_listen = "127.0.0.1:8053",
        .port_map = "",
        .dns_default = "127.0.0.1",
        .pace = FC_PACE_FAST,
        .threads = 1,
    };
}

/* ---- what is checked before anything is touched ---- */

static bool dns_served(const struct fc_app_config *config)
{
    return strcmp(config->dns_listen, "none") != 0;
}

struct listen_option {
    const char *name, *listen;    /* NULL: not served */
    bool needs_token, stays_here; /* beyond loopback: only with --token; never */
};

static int check_listen(const struct fc_app_config *config, const struct listen_option *option, struct fc_err *err)
{
    bool loopback;

    if (!option->listen)
        return 0;
    if (fc_server_listen_check(option->listen, &loopback, err) != 0)
        return fc_err_prefix(err, "option '%s'", option->name);
    if (loopback)
        return 0;
    if (option->stays_here)
        return fc_err_set(err, FC_E_USAGE,
                          "option '%s': '%s' is reachable from other machines; ACME without TLS is served on loopback "
                          "only",
                          option->name, option->listen);
    if (!config->allow_public)
        return fc_err_set(err, FC_E_USAGE,
                          "option '%s': '%s' is reachable from other machines; this CA's keys are for tests only: say "
                          "--allow-public if that is meant",
                          option->name, option->listen);
    if (option->needs_token && !config->token)
        return fc_err_set(err, FC_E_USAGE,
                          "option '%s': '%s' is reachable from other machines: give --token, which every request must "
                          "then carry",
                          option->name, option->listen);
    return 0;
}

/* An empty one, as of an unset variable, would protect nothing; others must fit into a header of a request. */
static int check_token(const struct fc_app_config *config, struct fc_err *err)
{
    const char *at = config->token;

    if (!at)
        return 0;
    while (*at > ' ' && *at <= '~')
        at++;
    if (*at || at == config->token)
        return fc_err_set(err, FC_E_USAGE, "option '--token': must be visible ASCII characters, at least one");
    return 0;
}

static int check_listens(const struct fc_app_config *config, struct fc_err *err)
{
    /* Pebble's listeners are open to whom its file opens them */
    const struct listen_option all[] = {{"--acme-listen", config->pebble ? NULL : config->acme_listen, false, false},
                                        {"--acme-http-listen", config->acme_http_listen, false, true},
                                        {"--management-listen", config->management_listen, true, false},
                                        {"--dns-listen", dns_served(config) ? config->dns_listen : NULL, false, false}};

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (check_listen(config, &all[i], err))
            return -1;
    return check_token(config, err);
}

/* AIA and CRL addresses are fetched without TLS: whoever checks a certificate has none to trust yet. */
static int check_pki_url(const struct fc_app_config *config, struct fc_err *err)
{
    fc_auto(fc_arena_free) struct fc_arena *arena = fc_arena_new();
    struct fc_net_url url;

    if (!config->pki_url)
        return 0;
    if (fc_net_url_parse(arena, config->pki_url, &url, err))
        return fc_err_prefix(err, "option '--pki-url'");
    if (strcmp(url.scheme, "http") != 0 || !*url.host || url.query)
        return fc_err_set(err, FC_E_USAGE, "option '--pki-url': '%s' is not of the form http://HOST[:PORT][/PATH]",
                          config->pki_url);
    return 0;
}

static int check_pairs(const struct fc_app_config *config, struct fc_err *err)
{
    if (!config->tls_cert != !config->tls_key)
        return fc_err_set(err, FC_E_USAGE, "options '--tls-cert' and '--tls-key' belong together: one is missing");
    if (!config->root_cert != !config->root_key)
        return fc_err_set(err, FC_E_USAGE, "options '--root-cert' and '--root-key' belong together: one is missing");
    return 0;
}

static int check_perspectives(const struct fc_app_config *config, struct fc_err *err)
{
    if (config->perspectives != 2 && config->perspectives != 3)
        return 0;
    return fc_err_set(
        err, FC_E_USAGE,
        "option '--perspectives': %d would refuse every name: 1 asks the primary alone, 4 and more have the 3 "
        "remote ones that Let's Encrypt needs at least",
        (int)config->perspectives);
}

static int check_dns(const struct fc_app_config *config, struct fc_err *err)
{
    if (!config->dns_server)
        return 0;
    if (config->dns == FC_APP_DNS_SYSTEM)
        return fc_err_set(err, FC_E_USAGE, "options '--dns-server' and '--dns system': only one can be asked");
    return fc_net_unbound_check(config->dns_server, err) != 0 ? fc_err_prefix(err, "option '--dns-server'") : 0;
}

/* ---- one part after the other ---- */

static void name_files(struct fc_app *app)
{
    app->ca_file = fc_asprintf("%s/ca.pem", app->place);
    app->trust_file = fc_asprintf("%s/trust.pem", app->place);
    app->clock_file = fc_asprintf("%s/clock", app->place);
    app->run_file = fc_asprintf("%s/run.json", app->place);
}

static void forget_files(struct fc_app *app)
{
    free(FC_TAKE(app->ca_file));
    free(FC_TAKE(app->trust_file));
    free(FC_TAKE(app->clock_file));
    free(FC_TAKE(app->run_file));
}

static int start_place(struct fc_app *app, struct fc_err *err)
{
    if (fc_app_place_make(&app->config, &app->place, err))
        return -1;
    name_files(app);
    return 0;
}

/* Somebody has the default place already. */
static int move_place(struct fc_app *app, struct fc_err *err)
{
    char *beside;

    if (fc_app_place_beside(app->place, &beside, err))
        return -1;
    free(app->place);
    app->place = beside;
    app->own_place = true;
    forget_files(app);
    name_files(app);
    return fc_clock_open(app->clock_file, &app->clock, err);
}

static int start_clock(struct fc_app *app, struct fc_err *err)
{
    struct fc_err cause = {0};

    if (fc_clock_open(app->clock_file, &app->clock, &cause) == 0)
        return fc_app_clock_load(app, err);
    if (cause.code == FC_E_BUSY && app->config.evade && !app->config.state)
        return move_place(app, err) || fc_app_clock_load(app, err) ? -1 : 0;
    if (cause.code == FC_E_BUSY)
        return fc_err_set(
            err, FC_E_BUSY,
            "another fakeca is running at '%s': stop it, or give this one a folder of its own with --state DIR",
            app->place);
    return fc_err_set(err, cause.code, "%s", cause.text);
}

static int start_store(struct fc_app *app, struct fc_err *err)
{
    const struct fc_store_params store = {.dir = app->config.state ? app->place : NULL, .durable = app->config.durable};

    if (fc_store_open(&store, &app->store, err) || start_clock(app, err))
        return -1;
    const struct fc_events_params events = {.store = app->store, .clock = app->clock};
    return fc_events_new(&events, &app->events, err) || fc_app_external_keep(app, err) ? -1 : 0;
}

/* Puts the policy in the place of the one with its name, or behind the others. */
static int place_policy(struct fc_app *app, struct fc_policy *policy, struct fc_err *err)
{
    for (size_t i = 0; i < app->n_envs; i++)
        if (strcmp(app->policies[i]->name, policy->name) == 0) {
            fc_policy_free(app->policies[i]);
            app->policies[i] = policy;
            return 0;
        }
    if (app->n_envs == FC_APP_ENVS_MAX) {
        fc_policy_free(policy);
        return fc_err_set(err, FC_E_USAGE, "more than %d environments", FC_APP_ENVS_MAX);
    }
    app->policies[app->n_envs++] = policy;
    return 0;
}

static int load_policy_file(struct fc_app *app, const char *path, struct fc_err *err)
{
    fc_auto_free char *text = NULL;
    struct fc_policy *policy;
    size_t len;

    if (fc_file_read(path, POLICY_MAX, &text, &len, err))
        return -1;
    if (fc_policy_parse(text, len, path, &policy, err))
        return -1;
    return place_policy(app, policy, err);
}

static int load_builtin(struct fc_app *app, const char *name, struct fc_err *err)
{
    struct fc_policy *policy;

    if (fc_policy_builtin(name, &policy, err)) {
        if (err)
            err->code = FC_E_USAGE;
        return fc_err_prefix(err, "option '--environment'");
    }
    return place_policy(app, policy, err);
}

static int start_limits(struct fc_app *app, struct fc_err *err)
{
    struct fc_limits_setting setting = {.mode = FC_LIMITS_OWN};

    if (app->config.limits && fc_limits_setting_parse(app->config.limits, &setting, err))
        return fc_err_prefix(err, "option '--limits'");
    for (size_t i = 0; i < app->n_envs; i++) {
        if (fc_limits_new(app->policies[i], &setting, &app->limits[i], err))
            return -1;
        app->gates[i] = fc_limits_gate_new(app->policies[i]);
    }
    return 0;
}

static int start_pebble_policy(struct fc_app *app, struct fc_err *err)
{
    fc_auto_free char *text = NULL;
    struct fc_policy *policy;

    if (fc_compat_config_policy(app->config.pebble, &text, err) ||
        fc_policy_parse(text, strlen(text), "config file", &policy, err) || place_policy(app, policy, err))
        return -1;
    return start_limits(app, err);
}

static int start_policies(struct fc_app *app, struct fc_err *err)
{
    static const struct fc_opt_strings usual = {.at = {"production", "staging"}, .count = 2};
    const struct fc_opt_strings *builtin = app->config.environments.count ? &app->config.environments : &usual;

    if (app->config.pebble)
        return start_pebble_policy(app, err);

    for (size_t i = 0; i < builtin->count; i++)
        if (load_builtin(app, builtin->at[i], err))
            return -1;
    for (size_t i = 0; i < app->config.policies.count; i++)
        if (load_policy_file(app, app->config.policies.at[i], err))
            return -1;
    for (size_t i = 0; i < app->n_envs; i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(app->policies[i]->directory.path_prefix, app->policies[j]->directory.path_prefix) == 0)
                return fc_err_set(err, FC_E_USAGE, "the policies '%s' and '%s' have the same 'path_prefix'",
                                  app->policies[j]->name, app->policies[i]->name);
    fc_app_external_policies(app);
    return start_limits(app, err);
}

/* Of the policy that waits longest: the others' validations give up by themselves. */
static void longest_patience(const struct fc_app *app, struct fc_net_unbound_params *params)
{
    for (size_t i = 0; i < app->n_envs; i++) {
        int64_t timeout = app->policies[i]->validation.dns_timeout;
        int64_t tries = app->policies[i]->validation.dns_tries;
        if (timeout * tries > params->timeout * params->tries) {
            params->timeout = timeout;
            params->tries = tries;
        }
    }
}

/* What validation asks. */
static int start_resolver(struct fc_app *app, const struct fc_resolver **ret_resolver, struct fc_err *err)
{
    struct fc_net_unbound_params params = {.server = app->config.dns_server,
                                           .host = app->config.dns == FC_APP_DNS_HOST && !app->config.dns_server};

    if (!params.server && app->config.dns == FC_APP_DNS_MOCK) {
        *ret_resolver = fc_dns_resolver(app->dns);
        return 0;
    }
    longest_patience(app, &params);
    if (fc_net_unbound_new(&params, &app->unbound, err))
        return fc_err_prefix(err, params.server ? "option '--dns-server'" : "option '--dns system'");
    *ret_resolver = fc_net_unbound_resolver(app->unbound);
    return 0;
}

static int start_world(struct fc_app *app, struct fc_err *err)
{
    const struct fc_dns_params dns = {
        .store = app->store, .events = app->events, .clock = app->clock, .default_addrs = app->config.dns_default};

    app->portmap = fc_net_portmap_new();
    app->faults = fc_faults_new();
    if (fc_net_portmap_set(app->portmap, app->config.port_map, err) || fc_dns_new(&dns, &app->dns, err))
        return -1;
    const struct fc_resolver *resolver = NULL;
    if (start_resolver(app, &resolver, err))
        return -1;
    const struct fc_va_params va = {
        .resolver = resolver, .portmap = app->portmap, .perspectives = app->config.perspectives};
    return fc_va_new(&va, &app->va, err);
}

static int load_tls(struct fc_app *app, struct fc_err *err)
{
    const char *names[FC_OPT_STRINGS_MAX + 1] = {0};
    fc_auto_free char *cert = NULL;
    fc_auto_free char *key = NULL;
    size_t len;

    if (app->config.tls_cert) {
        if (fc_file_read(app->config.tls_cert, PEM_MAX, &cert, &len, err) ||
            fc_file_read(app->config.tls_key, PEM_MAX, &key, &len, err))
            return -1;
        return fc_ca_tls_own(cert, key, &app->tls, err);
    }
    memcpy(names, app->config.tls_names.at, app->config.tls_names.count * sizeof *names);
    return fc_ca_tls_load(app->store, names, &app->tls, err);
}

static void handle_manage(void *cookie, struct fc_http_req *req, struct fc_http_res *res)
{
    const struct fc_app *app = cookie;
    fc_manage_handle(app->manage, req, res);
}

static void handle_pebble(void *cookie, struct fc_http_req *req, struct fc_http_res *res)
{
    const struct fc_app *app = cookie;
    fc_compat_pebble_acme(app->pebble, req, res);
}

static void handle_pebble_manage(void *cookie, struct fc_http_req *req, struct fc_http_res *res)
{
    const struct fc_app *app = cookie;
    fc_compat_pebble_manage(app->pebble, req, res);
}

/* On the accept thread: a fault says that nobody is at home. */
static bool refusing(void *cookie)
{
    const struct fc_app *app = cookie;

    return fc_faults_refusing(app->faults, fc_clock_now(app->clock));
}

static int listen_on(struct fc_app *app, struct fc_server_service *service, const char *listen, unsigned *ret_port,
                     struct fc_err *err)
{
    unsigned last;

    if (!listen)
        return 0;
    if (fc_app_port_load(app, service->name, &last, err))
        return -1;
    service->cookie = app;
    service->limits = fc_server_default_limits;
    service->limits.threads = strcmp(service->name, "acme") == 0 ? (unsigned)app->config.threads : 1;
    return fc_server_add(app->server, service, listen, last, ret_port, err);
}

/* On the port that is asked for, or where that is taken and may be given way to, on any. */
static int listen_management(struct fc_app *app, struct fc_err *err)
{
    struct fc_server_service manage = {.name = "management", .scheme = "http", .handler = handle_manage};
    struct fc_err cause = {0};

    if (listen_on(app, &manage, app->config.management_listen, &app->management_port, &cause) == 0)
        return 0;
    if (cause.code == FC_E_BUSY && app->config.evade)
        return listen_on(app, &manage, "localhost:0", &app->management_port, err);
    return fc_err_set(err, cause.code, "%s", cause.text);
}

static int listen_pebble(struct fc_app *app, struct fc_err *err)
{
    struct fc_server_service manage = {.name = "pebble-management",
                                       .scheme = "https",
                                       .tls_cert_pem = app->tls.cert_pem,
                                       .tls_key_pem = app->tls.key_pem,
                                       .handler = handle_pebble_manage};
    unsigned port;

    return listen_on(app, &manage, app->config.pebble->management_listen, &port, err);
}

static int start_listeners(struct fc_app *app, struct fc_err *err)
{
    unsigned last;

    if (load_tls(app, err))
        return -1;
    app->server = fc_server_new(app->clock);
    struct fc_server_service acme = {.name = "acme",
                                     .scheme = "https",
                                     .tls_cert_pem = app->tls.cert_pem,
                                     .tls_key_pem = app->tls.key_pem,
                                     .handler = app->config.pebble ? handle_pebble : fc_app_dispatch,
                                     .refusing = refusing};
    struct fc_server_service plain = {
        .name = "acme-http", .scheme = "http", .handler = fc_app_dispatch, .refusing = refusing};
    if (listen_on(app, &acme, app->config.acme_listen, &app->acme_port, err) ||
        listen_on(app, &plain, app->config.acme_http_listen, &app->acme_http_port, err) ||
        listen_management(app, err) || (app->config.pebble && listen_pebble(app, err)))
        return -1;
    if (!dns_served(&app->config))
        return 0;
    if (fc_app_port_load(app, "dns", &last, err))
        return -1;
    return fc_dns_serve(app->dns, app->config.dns_listen, last, &app->dns_port, err);
}

/* ---- the CAs and their background threads ---- */

static void issuer_created(void *cookie, const char *env, const char *name, const char *subject, const char *key,
                           int64_t not_after)
{
    struct fc_app *app = cookie;
    char until[FC_TIME_TEXT_MAX];
    const struct fc_event_about about = {.env = env};

    fc_events_note(app->events, FC_EVENT_ISSUER_CREATED, fc_clock_now(app->clock), &about,
                   json_pack("{s:s,s:s,s:s,s:s}", "name", name, "subject", subject, "key", key, "not_after",
                             fc_time_rfc3339(not_after, until)));
}

static void issuer_ready(void *cookie)
{
    struct fc_app *app = cookie;
    struct fc_err err = {0};

    if (fc_app_files_trust(app, &err))
        fc_log(FC_LOG_WARN, "%s", err.text);
    for (size_t i = 0; i < app->n_envs; i++)
        fc_acme_issuer_ready(app->acmes[i]);
}

static int start_env(struct fc_app *app, size_t i, const char *root_cert, const char *root_key, struct fc_err *err)
{
    const struct fc_policy *policy = app->policies[i];
    const struct fc_ca_params ca = {.policy = policy,
                                    .store = app->store,
                                    .pki_url = app->pki_url,
                                    .now = fc_clock_now(app->clock),
                                    .root_cert_pem = root_cert,
                                    .root_key_pem = root_key,
                                    .created = issuer_created,
                                    .ready = issuer_ready,
                                    .cookie = app};

    if (fc_ca_new(&ca, &app->cas[i], err))
        return -1;
    fc_auto_free char *address = fc_app_files_address(app->config.acme_listen, app->acme_port, "localhost");
    app->directories[i] = fc_asprintf("https://%s%s/dir", address, policy->directory.path_prefix);
    const struct fc_acme_params acme = {.policy = policy,
                                        .directory = app->directories[i],
                                        .clock = app->clock,
                                        .store = app->store,
                                        .events = app->events,
                                        .ca = app->cas[i],
                                        .va = app->va,
                                        .limits = app->limits[i],
                                        .gate = app->gates[i],
                                        .pace = (enum fc_pace)app->config.pace,
                                        .faults = app->faults,
                                        .paths = app->config.pebble ? fc_compat_pebble_paths : NULL,
                                        .ari_retry_after = app->config.ari_retry_after,
                                        .post = fc_app_work_post,
                                        .post_cookie = app->work};
    return fc_acme_new(&acme, &app->acmes[i], err);
}

static int start_envs(struct fc_app *app, struct fc_err *err)
{
    fc_auto_free char *root_cert = NULL;
    fc_auto_free char *root_key = NULL;
    size_t len;

    fc_auto_free char *manage = fc_app_files_address(app->config.management_listen, app->management_port, "localhost");
    app->pki_url = app->config.pki_url ? fc_strdup(app->config.pki_url) : fc_asprintf("http://%s/pki", manage);
    if (app->config.root_cert && (fc_file_read(app->config.root_cert, PEM_MAX, &root_cert, &len, err) ||
                                  fc_file_read(app->config.root_key, PEM_MAX, &root_key, &len, err)))
        return -1;
    if (fc_app_work_start(&app->work, err))
        return -1;
    for (size_t i = 0; i < app->n_envs; i++)
        if (start_env(app, i, root_cert, root_key, err))
            return -1;
    return 0;
}

static void faults_changed(void *cookie)
{
    const struct fc_app *app = cookie;

    fc_server_look(app->server);
}

static const char *asked_resolver(const struct fc_app *app)
{
    if (app->config.dns_server)
        return app->config.dns_server;
    return app->config.dns == FC_APP_DNS_MOCK ? NULL : "";
}

static int start_manage(struct fc_app *app, struct fc_err *err)
{
    const char *hosts[FC_OPT_STRINGS_MAX + 1] = {0};
    struct fc_manage_params params = {.clock = app->clock,
                                      .store = app->store,
                                      .events = app->events,
                                      .dns = app->dns,
                                      .faults = app->faults,
                                      .va = app->va,
                                      .portmap = app->portmap,
                                      .n_envs = app->n_envs,
                                      .resolver = asked_resolver(app),
                                      .tls_ca_pem = app->tls.ca_pem,
                                      .hosts = hosts,
                                      .token = app->config.token,
                                      .started_mono = app->started_mono,
                                      .run = app->run,
                                      .clock_changed = fc_app_clock_keep,
                                      .faults_changed = faults_changed,
                                      .cookie = app};

    memcpy(hosts, app->config.tls_names.at, app->config.tls_names.count * sizeof *hosts);
    for (size_t i = 0; i < app->n_envs; i++)
        params.envs[i] = (struct fc_manage_env){.policy = app->policies[i],
                                                .ca = app->cas[i],
                                                .acme = app->acmes[i],
                                                .limits = app->limits[i],
                                                .directory = app->directories[i]};
    return fc_manage_new(&params, &app->manage, err);
}

static int start_pebble(struct fc_app *app, struct fc_err *err)
{
    const struct fc_compat_pebble_params params = {.config = app->config.pebble,
                                                   .store = app->store,
                                                   .env = app->policies[0]->name,
                                                   .ca = app->cas[0],
                                                   .acme = fc_app_dispatch,
                                                   .acme_cookie = app};

    app->pebble = fc_compat_pebble_new(&params);
    return fc_compat_pebble_keys(app->pebble, fc_clock_now(app->clock), err);
}

/* From here on the world sees us: files before the first answer, run.json when all listeners serve. */
static int open_doors(struct fc_app *app, struct fc_err *err)
{
    if (app->config.pebble && start_pebble(app, err))
        return -1;
    if (fc_app_files_trust(app, err) || fc_app_ports_keep(app, err) || fc_va_start(app->va, err) ||
        fc_server_start(app->server, err))
        return -1;
    for (size_t i = 0; i < app->n_envs; i++)
        if (fc_acme_resume_work(app->acmes[i], err))
            return -1;
    if (fc_app_files_run(app, err))
        return -1;
    fc_events_note(app->events, FC_EVENT_START, fc_clock_now(app->clock), &(struct fc_event_about){0},
                   json_pack("{s:s,s:s,s:s}", "directory", app->directories[0], "state",
                             app->config.state ? app->place : "memory", "version", fc_version));
    fc_manage_ready(app->manage, true);
    for (size_t i = 0; i < app->n_envs; i++)
        if (fc_ca_start_background(app->cas[i], err))
            return -1;
    return 0;
}

int fc_app_start(const struct fc_app_config *config, struct fc_app **ret_app, struct fc_err *err)
{
    fc_auto(fc_app_stop) struct fc_app *app = NULL;

    if (check_listens(config, err) || check_pki_url(config, err) || check_pairs(config, err) ||
        check_dns(config, err) || check_perspectives(config, err) || fc_app_external_check(config, err))
        return -1;
    app = fc_calloc(1, sizeof *app);
    app->config = *config;
    app->run = json_object();
    app->started_mono = fc_clock_mono();
    pthread_mutex_init(&app->files_lock, NULL);
    if (config->seeded)
        fc_rand_seed((uint64_t)config->seed);
    if (start_place(app, err) || start_policies(app, err) || start_store(app, err) || start_world(app, err) ||
        start_listeners(app, err) || start_envs(app, err) || start_manage(app, err) || open_doors(app, err))
        return -1;
    *ret_app = FC_TAKE(app);
    return 0;
}

void fc_app_drain(struct fc_app *app)
{
    fc_manage_ready(app->manage, false);
}

static void remove_place(const struct fc_app *app)
{
    unlink(app->ca_file);
    unlink(app->trust_file);
    unlink(app->clock_file);
    rmdir(app->place);
}

/* In reverse order; takes an app that only came half-way up. */
void fc_app_stop(struct fc_app *app)
{
    if (!app)
        return;
    if (app->manage)
        fc_manage_ready(app->manage, false);
    if (app->events)
        fc_events_note(app->events, FC_EVENT_STOP, fc_clock_now(app->clock), &(struct fc_event_about){0}, NULL);
    fc_server_stop(app->server, STOP_GRACE);
    fc_va_free(app->va);
    fc_app_work_stop(app->work);
    pthread_mutex_lock(&app->files_lock);
    app->closing = true;
    pthread_mutex_unlock(&app->files_lock);
    for (size_t i = 0; i < app->n_envs; i++)
        fc_ca_free(FC_TAKE(app->cas[i]));
    fc_manage_free(app->manage);
    for (size_t i = 0; i < app->n_envs; i++) {
        fc_acme_free(app->acmes[i]);
        free(app->directories[i]);
    }
    fc_compat_pebble_free(app->pebble);
    fc_app_work_free(app->work);
    fc_server_free(app->server);
    fc_ca_tls_release(&app->tls);
    fc_net_unbound_free(app->unbound);
    fc_dns_free(app->dns);
    fc_faults_free(app->faults);
    fc_net_portmap_free(app->portmap);
    for (size_t i = 0; i < app->n_envs; i++) {
        fc_limits_gate_free(app->gates[i]);
        fc_limits_free(app->limits[i]);
        fc_policy_free(app->policies[i]);
    }
    fc_events_free(app->events);
    /* only who holds the clock file may remove run.json: another CA's stays */
    if (app->clock)
        unlink(app->run_file);
    fc_clock_free(app->clock);
    fc_store_close(app->store);
    if (app->own_place)
        remove_place(app);
    json_decref(app->run);
    free(app->pki_url);
    forget_files(app);
    free(app->place);
    pthread_mutex_destroy(&app->files_lock);
    free(app);
}

const json_t *fc_app_run(const struct fc_app *app)
{
    return app->run;
}

struct fc_events *fc_app_events(struct fc_app *app)
{
    return app->events;
}
