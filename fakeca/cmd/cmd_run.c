/* fakeca run: a command and its children on the running CA's clock, with what they need to find and trust it. */
#include "cmd/cmd.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/base_alloc.h"
#include "base/base_buf.h"
#include "base/base_clock.h"
#include "base/base_json.h"
#include "base/base_proc.h"
#include "base/base_time.h"

#include "app/app.h"

#include "timeshift/timeshift.h"

#define START_TIME (30 * FC_SECOND)
#define STOP_TIME (10 * FC_SECOND)
#define STOP_MS 10000

static const char about[] =
    "Runs CMD and all its children on the CA's simulated clock: whatever they are written in, static Go programs too, "
    "and live: a\n"
    "skip of the clock is seen by what is running already. CMD gets the environment that lets known clients find and "
    "trust\n"
    "the CA ('fakeca env' prints it). When no CA is running one is started for the time of the command.\n"
    "Needs no root. Ends as CMD ends; 125 when it cannot be run on that clock, 126 and 127 when CMD cannot be executed "
    "or\n"
    "found. 'fakeca-run' is the same launcher as one static program, for containers.\n"
    "\n"
    "By default the date is shifted and sleepers are woken by a skip, which suits commands and servers. A daemon that "
    "renews by its\n"
    "own timers (caddy, haproxy) notices a skip at once with --monotonic.\n"
    "\n"
    "examples:\n"
    "  fakeca run -- certbot renew --no-random-sleep-on-renew\n"
    "  fakeca run --monotonic -- caddy run\n"
    "  fakeca run --resolve-all -- curl https://a.test:8443/\n"
    "  fakeca run --explain -- ./renew.sh           tell what each program will see, start nothing\n"
    "  fakeca run -- sh -c 'date; fakeca --advance-days 60; date'\n";

struct target {
    struct fc_timeshift_params run; /* first: FC_TIMESHIFT_ROWS */
    struct fc_cmd_target api;
    const char *port_map;
    bool resolve_all;
};

#define TEXT(row_name, member, row_arg, row_env, row_help)                                                             \
    {                                                                                                                  \
        .name = row_name, .type = FC_OPT_STRING, .offset = offsetof(struct target, member), .arg = row_arg,            \
        .env = row_env, .help = row_help                                                                               \
    }

static const struct fc_opt options[] = {
    FC_TIMESHIFT_ROWS,
    TEXT("state", api.state, "DIR", "FAKECA_STATE", "state folder of the running CA"),
    TEXT("management", api.management, "URL", "FAKECA_MANAGEMENT", "management address of the running CA"),
    TEXT("token", api.token, "TOKEN", "FAKECA_TOKEN", "management token, where the CA was given one"),
    {.name = "resolve-all",
     .type = FC_OPT_FLAG,
     .offset = offsetof(struct target, resolve_all),
     .help = "names that the CA knows resolve to what it answers: CMD's /etc/hosts is answered with them"},
    TEXT("port-map", port_map, "MAP", NULL, "of the CA that is started for this command: where validation connects"),
    {.name = NULL}};

/* ---- a CA of our own, for the time of the command */

struct own_ca {
    char folder[PATH_MAX];
    struct fc_proc *proc;
    int handle; /* pidfd */
};

/* In the supervisor, when this process was killed: it cannot stop its CA any more. */
static void orphaned(void *cookie)
{
    const struct own_ca *ca = cookie;
    struct pollfd fd = {.fd = ca->handle, .events = POLLIN};

    syscall(SYS_pidfd_send_signal, ca->handle, SIGTERM, NULL, 0);
    if (poll(&fd, 1, STOP_MS) != 1)
        syscall(SYS_pidfd_send_signal, ca->handle, SIGKILL, NULL, 0);
    fc_cmd_keep_remove(ca->folder);
}

static void stop_own(struct own_ca *ca)
{
    struct fc_proc_exit how;

    if (!ca->proc)
        return;
    fc_proc_stop(ca->proc, STOP_TIME, &how);
    fc_proc_free(FC_TAKE(ca->proc));
    close(ca->handle);
    fc_cmd_keep_remove(ca->folder);
}

static int spawn_own(struct own_ca *ca, const char *port_map, struct fc_err *err)
{
    char self[PATH_MAX] = "";
    const char *argv[] = {self,
                          "serve",
                          "--state",
                          ca->folder,
                          "--acme-listen",
                          "localhost:0",
                          "--log",
                          "none",
                          "--dns-listen",
                          "127.0.0.1:0",
                          "--print",
                          "json",
                          "--management-listen",
                          "localhost:0",
                          port_map ? "--port-map" : NULL,
                          port_map,
                          NULL};
    const struct fc_proc_spec spec = {.argv = argv, .max_out = 65536, .max_err = 4096};

    if (readlink("/proc/self/exe", self, sizeof self - 1) < 0)
        return fc_err_errno(err, "cannot find this program");
    if (fc_proc_start(&spec, &ca->proc, err))
        return -1;
    ca->handle = (int)syscall(SYS_pidfd_open, fc_proc_pid(ca->proc), 0);
    if (fc_proc_await(ca->proc, FC_PROC_OUT, "{", fc_clock_mono() + START_TIME, NULL, err) == 0)
        return 0;
    return fc_err_prefix(err, "the CA for this command did not start: %s",
                         fc_proc_output(ca->proc, FC_PROC_ERR, NULL, NULL));
}

static int start_own(struct target *target, struct own_ca *ca, struct fc_err *err)
{
    const char *temporary = getenv("TMPDIR");

    if (target->run.detach)
        return fc_err_set(
            err, FC_E_USAGE,
            "no CA is running, and one that is started for the command ends with it: --detach needs one that "
            "stays (fakeca serve)");
    snprintf(ca->folder, sizeof ca->folder, "%s/fakeca-run-XXXXXX", temporary && *temporary ? temporary : "/tmp");
    if (!mkdtemp(ca->folder))
        return fc_err_errno(err, "cannot make a folder '%s'", ca->folder);
    if (spawn_own(ca, target->port_map, err)) {
        if (ca->proc)
            stop_own(ca);
        else
            fc_cmd_keep_remove(ca->folder);
        return -1;
    }
    target->api.state = ca->folder;
    target->run.companion = fc_proc_pid(ca->proc);
    target->run.orphaned = orphaned;
    target->run.cookie = ca;
    return 0;
}

/* ---- the environment of the command */

static void export_place(const struct target *target, const struct fc_cmd_place *place)
{
    fc_auto_json exports = json_object();
    const char *name;
    json_t *value;

    fc_cmd_clients_exports(NULL, place, exports);
    json_object_foreach(exports, name, value) setenv(name, json_string_value(value), 1);
    /* a fakeca in a hook of the command finds the same CA, also when that keeps nothing */
    if (target->api.state && !json_object_get(exports, "FAKECA_STATE"))
        setenv("FAKECA_STATE", target->api.state, 1);
    if (target->api.management)
        setenv("FAKECA_MANAGEMENT", target->api.management, 1);
}

/* ---- --resolve-all: the names of the CA, as a hosts file */

#define NAMES_MAX (4 << 20)
#define NAMES_TIME (2 * FC_SECOND)

static char *hosts_text(void *cookie)
{
    struct fc_cmd_target api = *(const struct fc_cmd_target *)cookie;
    struct fc_buf text fc_auto_buf = {0};
    fc_auto_json answer = NULL;
    const json_t *addresses, *address;
    const char *name;
    size_t i;

    api.timeout = NAMES_TIME;
    if (fc_cmd_api(&api, "GET", "/api/v1/dns/hosts", NULL, &answer, NULL))
        return NULL;
    fc_buf_init(&text, NAMES_MAX);
    fc_buf_puts(&text, "127.0.0.1 localhost\n"); /* first: it is what 127.0.0.1 is called */
    json_object_foreach(json_object_get(answer, "hosts"), name, addresses) json_array_foreach(addresses, i, address)
        fc_buf_printf(&text, "%s %s\n", json_string_value(address), name);
    return fc_buf_detach(&text);
}

/* Without a name given, and nothing running at the default place. */
static bool none_is_running(const struct target *target)
{
    fc_auto_json run = NULL;
    struct fc_err err = {0};

    return !target->api.state && !target->api.management && fc_app_find(NULL, &run, &err) && err.code == FC_E_NOT_FOUND;
}

/* The CA's clock file and the environment; `place` holds the texts. */
static int find_ca(struct target *target, struct own_ca *ca, struct fc_cmd_place_held *place, struct fc_err *err)
{
    bool none = none_is_running(target);

    if (none && target->run.clock_file && target->resolve_all)
        return fc_err_set(err, FC_E_USAGE,
                          "--resolve-all asks the running CA for its names, and none is running. Ways without: curl "
                          "--resolve, lego --dns.resolvers, a container's --add-host or --dns");
    if (none && target->run.clock_file) /* a clock file alone: no CA that could be reached from here */
        return 0;
    if (none && start_own(target, ca, err))
        return -1;
    if (fc_cmd_place_ask(&target->api, place, err))
        return -1;
    if (none)
        fprintf(stderr, "%s: no CA is running; started one for this command (directory %s)\n", target->run.name,
                place->shown.directory);
    export_place(target, &place->shown);
    if (target->resolve_all) {
        target->run.hosts = hosts_text;
        target->run.hosts_cookie = &target->api;
    }
    if (!target->run.clock_file)
        target->run.clock_file = place->shown.clock_file;
    return 0;
}

static int fail(const struct target *target, const struct fc_err *err)
{
    fprintf(stderr, "%s: %s\n", target->run.name, err->text);
    return FC_TIMESHIFT_FAILED;
}

static int parse(const struct fc_cmd *self, int argc, char *const *argv, struct target *target,
                 struct fc_opt_result *result)
{
    struct fc_err err = {0};

    if (fc_opt_parse(options, target, argc, argv, true, result, &err))
        return fail(target, &err);
    if (result->help) {
        fc_cmd_help(self, options);
        return FC_EXIT_GOOD;
    }
    if (result->n_operands == 0) {
        fc_err_set(&err, FC_E_USAGE, "nothing to run; usage: fakeca run [options] -- CMD ...");
        return fail(target, &err);
    }
    return -1;
}

static int run(const struct fc_cmd *self, int argc, char *const *argv)
{
    fc_auto_free const char **operands = fc_calloc((size_t)argc + 1, sizeof *operands);
    struct target target = {.run.name = "fakeca run"};
    struct fc_opt_result result = {.operands = operands};
    struct fc_cmd_place_held place = {0};
    struct own_ca ca = {.handle = -1};
    struct fc_err err = {0};

    int code = parse(self, argc, argv, &target, &result);
    if (code >= 0)
        return code;
    target.run.command = (char *const *)(uintptr_t)operands;
    if (find_ca(&target, &ca, &place, &err))
        code = fail(&target, &err);
    else
        code = target.run.explain ? fc_timeshift_explain(&target.run) : fc_timeshift_run(&target.run);
    stop_own(&ca);
    fc_cmd_place_release(&place);
    return fc_timeshift_end(code);
}

const struct fc_cmd fc_cmd_run = {.name = "run",
                                  .synopsis = "[options] [--] CMD [ARGS]",
                                  .summary = "run a command on the CA's clock, able to find and trust it",
                                  .about = about,
                                  .run = run};
