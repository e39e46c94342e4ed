/* fakeca pebble: a CA in the place of Pebble. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base_clock.h"
#include "base/base_file.h"
#include "base/base_log.h"
#include "base/base_text.h"
#include "base/base_time.h"
#include "base/base_version.h"

#include "compat/compat.h"
#include "server/server.h"

#include "app/app.h"

#include "cmd/cmd.h"
#include "cmd/cmd_go.h"
#include "cmd/cmd_pebble.h"
#include "cmd/cmd_serve.h"

#define CONFIG_MAX (1 << 20)
#define PREFIX FC_CMD_PEBBLE_PREFIX
#define STANDS_FOR "v2.10.0" /* suites skip what an older one cannot do */
#define RESOLVER_WAIT (60 * FC_SECOND)
#define RESOLVER_PAUSE_MS 200
#define EXIT_REFUSED 1 /* Pebble's for all that goes wrong at the start, but flags */

struct target {
    const char *config, *dnsserver;
    bool strict, version;
    struct fc_cmd_serve_target serve;
    struct fc_compat_config pebble;
    const char *management; /* as the config file has it */
    struct fc_cmd_pebble_counts counts;
};

#define AT(member) .offset = offsetof(struct target, member)

static const struct fc_opt own_options[] = {
    {.name = "config",
     .type = FC_OPT_STRING,
     AT(config),
     .arg = "FILE",
     .help = "Pebble's config file (default: test/config/pebble-config.json)"},
    {.name = "dnsserver",
     .type = FC_OPT_STRING,
     AT(dnsserver),
     .arg = "HOST:PORT",
     .help = "whom validation asks; without it this host's resolver and /etc/hosts"},
    {.name = "strict", .type = FC_OPT_FLAG, AT(strict), .help = "changes nothing here, as in Pebble today"},
    {.name = "version", .type = FC_OPT_FLAG, AT(version), .help = "say the version and end"},
};
#define N_OWN (sizeof own_options / sizeof *own_options)

/* What `fakeca serve` takes too. */
static const char *const shared_options[] = {"management-listen", "state", "clock", "limits", "seed", "log"};
#define N_SHARED (sizeof shared_options / sizeof *shared_options)

static void make_options(struct fc_opt ret_options[N_OWN + N_SHARED + 1])
{
    memcpy(ret_options, own_options, sizeof own_options);
    for (size_t i = 0; i < N_SHARED; i++) {
        const struct fc_opt *row = fc_cmd_serve_options;
        while (strcmp(row->name, shared_options[i]) != 0)
            row++;
        ret_options[N_OWN + i] = *row;
        ret_options[N_OWN + i].offset += offsetof(struct target, serve);
    }
    ret_options[N_OWN + N_SHARED] = (struct fc_opt){.name = NULL};
}

/* ---- what it says ---- */

static void warn(void *cookie, const char *text)
{
    (void)cookie;
    fc_log(FC_LOG_WARN, "%s", text);
}

static void say_setting(const struct fc_compat_config *pebble, const char *dnsserver)
{
    if (dnsserver)
        fc_cmd_go_log(PREFIX, "Using custom DNS resolver for ACME challenges: %s", dnsserver);
    else
        fc_cmd_go_log(PREFIX, "Using system DNS resolver for ACME challenges");
    if (pebble->sleep_s == 0)
        fc_cmd_go_log(PREFIX, "Disabling random VA sleeps");
    else
        fc_cmd_go_log(PREFIX, "Setting maximum random VA sleep time to %lld seconds", (long long)pebble->sleep_s);
    if (pebble->always_valid)
        fc_cmd_go_log(PREFIX, "Disabling VA challenge requests. VA always returns valid");
    fc_cmd_go_log(PREFIX, "Configured to reject %lld%% of good nonces", (long long)pebble->nonce_reject);
    fc_cmd_go_log(PREFIX, "Configured to attempt authz reuse for each identifier %lld%% of the time",
                  (long long)pebble->authz_reuse);
    fc_cmd_go_log(PREFIX, "Configured to show %lld orders per page", (long long)pebble->orders_per_page);
}

static void ready(void *cookie, const json_t *run)
{
    const struct target *target = cookie;
    const struct fc_compat_config *pebble = &target->pebble;

    say_setting(pebble, target->dnsserver);
    if (target->management) {
        fc_cmd_go_log(PREFIX, "Management interface listening on: %s", target->management);
        fc_cmd_go_log(PREFIX, "Root CA certificate available at: https://%s/roots/0", target->management);
        for (int n = 1; n <= pebble->alternate_roots; n++)
            fc_cmd_go_log(PREFIX, "Alternate (%d) root CA certificate available at: https://%s/roots/%d", n,
                          target->management, n);
    } else {
        fc_cmd_go_log(PREFIX, "Management interface is disabled");
    }
    fc_cmd_go_log(PREFIX, "fakeca's own management API: %s", fc_cmd_text(run, "management"));
    if (!pebble->certificate)
        fc_cmd_go_log(PREFIX, "The config file names no certificate: clients trust the one of %s",
                      fc_cmd_text(run, "ca_file"));
    fc_cmd_go_log(PREFIX, "Listening on: %s", pebble->listen);
    fc_cmd_go_log(PREFIX, "ACME directory available at: https://%s/dir", pebble->listen);
}

static void said(void *cookie, const json_t *event)
{
    struct target *target = cookie;

    fc_cmd_pebble_log_event(&target->counts, event);
}

/* ---- what it is told ---- */

static const char *variable(const char *name)
{
    return getenv(name);
}

/* Paths are relative to where the program was started, and a container of Pebble's holds files that a machine does not. */
static int check_file(const char *what, const char *path, const char *remedy, struct fc_err *err)
{
    fc_auto_free char *here = path && path[0] != '/' && !fc_file_exists(path) ? getcwd(NULL, 0) : NULL;

    if (!here)
        return 0;
    return fc_err_set(err, FC_E_NOT_FOUND, "%s: there is no '%s' in the working directory '%s'; %s", what, path, here,
                      remedy);
}

static int check_files(const struct fc_compat_config *pebble, struct fc_err *err)
{
    static const char remedy[] = "without 'certificate' and 'privateKey' fakeca serves a certificate of its own";

    return check_file("config file: 'pebble.certificate'", pebble->certificate, remedy, err) ||
                   check_file("config file: 'pebble.privateKey'", pebble->private_key, remedy, err)
               ? -1
               : 0;
}

static int read_config(struct target *target, struct fc_err *err)
{
    fc_auto_free char *text = NULL;
    size_t len;

    if (check_file("config file", target->config, "name one with -config", err))
        return -1;
    if (fc_file_read(target->config, CONFIG_MAX, &text, &len, err))
        return fc_err_prefix(err, "config file");
    if (fc_compat_config_read(&target->pebble, target->config, text, len, warn, NULL, err))
        return -1;
    if (check_files(&target->pebble, err))
        return -1;
    fc_compat_config_env(&target->pebble, variable, warn, NULL);
    target->pebble.strict = target->strict;
    return 0;
}

/* One line for all that is open to other machines. */
static int warn_open(const char *listen, const char *other, struct fc_err *err)
{
    bool first = true, second = true;

    if (fc_server_listen_check(listen, &first, err) || (other && fc_server_listen_check(other, &second, err)))
        return fc_err_prefix(err, "config file");
    if (!first || !second)
        fc_log(
            FC_LOG_WARN,
            "%s%s%s: other machines reach this, as the config file says; whoever does can have any certificate of this "
            "CA, whose keys are for tests only",
            first ? "" : listen, first || second ? "" : " and ", second ? "" : other);
    return 0;
}

/* Among containers the resolver's may come up after this one: the original looks for it whenever it asks. */
static int find_resolver(const struct target *target, struct fc_arena *arena, const char **ret_address,
                         struct fc_err *err)
{
    int64_t deadline = fc_clock_mono() + RESOLVER_WAIT;
    bool told = false;

    while (fc_cmd_go_address(arena, target->dnsserver, ret_address, NULL)) {
        if (fc_clock_mono() > deadline)
            return fc_cmd_go_address(arena, target->dnsserver, ret_address, err)
                       ? fc_err_prefix(err, "flag '-dnsserver'")
                       : 0;
        if (!told)
            fc_log(FC_LOG_WARN, "-dnsserver '%s': the name has no address yet; waiting for one", target->dnsserver);
        told = true;
        poll(NULL, 0, RESOLVER_PAUSE_MS);
    }
    return 0;
}

static int set_up(struct target *target, struct fc_arena *arena, struct fc_err *err)
{
    struct fc_app_config *app = &target->serve.app;
    struct fc_compat_config *pebble = &target->pebble;

    app->pebble = pebble;
    app->evade = true;
    app->dns_listen = "none";
    app->dns = FC_APP_DNS_HOST;
    app->tls_cert = pebble->certificate;
    app->tls_key = pebble->private_key;
    app->port_map =
        fc_arena_printf(arena, "80=%lld,443=%lld", (long long)pebble->http_port, (long long)pebble->tls_port);
    app->seeded = app->seed >= 0;
    if (fc_cmd_go_address(arena, pebble->listen, &app->acme_listen, err))
        return fc_err_prefix(err, "config file: 'pebble.listenAddress'");
    target->management = pebble->management_listen;
    if (target->management && fc_cmd_go_address(arena, target->management, &pebble->management_listen, err))
        return fc_err_prefix(err, "config file: 'pebble.managementListenAddress'");
    if (target->dnsserver && find_resolver(target, arena, &app->dns_server, err))
        return -1;
    return warn_open(app->acme_listen, pebble->management_listen, err);
}

/* Where the address of a busy port stands: in the config file, not in an option of `fakeca serve`. */
static void name_key(struct fc_err *err)
{
    char *hint = strstr(err->text, "; give another with ");
    const char *key = strstr(err->text, "(pebble-management)") ? "managementListenAddress" : "listenAddress";

    if (hint)
        snprintf(hint, sizeof err->text - (size_t)(hint - err->text), "; give another as '%s' in the config file", key);
}

static int serve(const struct fc_cmd *self, struct target *target)
{
    fc_auto(fc_arena_free) struct fc_arena *arena = fc_arena_new();
    const struct fc_cmd_serve_ready when = {.fn = ready, .event = said, .cookie = target};
    struct fc_err err = {0};
    int signal = -1;

    if (target->strict)
        puts("Running in strict mode");
    fc_cmd_go_log(PREFIX, "Starting Pebble ACME server");
    if (read_config(target, &err) == 0 && set_up(target, arena, &err) == 0)
        signal = fc_cmd_serve_until(&target->serve.app, target->serve.log, &when, &err);
    if (signal >= 0)
        return signal == SIGINT ? FC_EXIT_INTERRUPTED : FC_EXIT_GOOD;
    if (err.code == FC_E_BUSY)
        name_key(&err);
    fc_cmd_fail(self, &err);
    return EXIT_REFUSED;
}

static int run(const struct fc_cmd *self, int argc, char *const *argv)
{
    fc_auto(fc_arena_free) struct fc_arena *arena = fc_arena_new();
    struct target target = {.config = "test/config/pebble-config.json"};
    struct fc_opt options[N_OWN + N_SHARED + 1];
    struct fc_opt_result result = {0};

    make_options(options);
    fc_app_config_defaults(&target.serve.app);
    target.serve.app.management_listen = "localhost:0"; /* a second one's config file may name any port */
    target.serve.app.seed = -1;
    char *const *flags = fc_cmd_go_flags(arena, options, argc, argv, &argc);
    int code = fc_cmd_parse(self, options, &target, argc, flags, &result, 0, 0);
    if (code >= 0)
        return code;
    if (target.version) {
        printf("Pebble version: " STANDS_FOR " (in its place: fakeca %s)\n", fc_version);
        return fc_cmd_done(self);
    }
    code = serve(self, &target);
    fc_compat_config_release(&target.pebble);
    return code;
}

const struct fc_cmd fc_cmd_pebble = {.name = "pebble",
                                     .synopsis = "[-config FILE] [-dnsserver HOST:PORT] [-strict] [-version]",
                                     .summary = "run the CA in the place of Pebble",
                                     .about = fc_cmd_pebble_help,
                                     .run = run};
