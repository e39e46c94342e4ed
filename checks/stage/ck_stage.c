#include "stage/ck_stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base_buf.h"
#include "base/base_clock.h"
#include "base/base_json.h"
#include "base/base_proc.h"
#include "base/base_rand.h"
#include "base/base_text.h"
#include "base/base_time.h"
#include "core/ck_core.h"
#include "core/ck_redact.h"
#include "stage/ck_procs.h"
#include "stage/ck_sink.h"

#define EMAIL "nobody@fakeca-check.net" /* must look public, or the CA refuses it as Let's Encrypt would */
#define ENV_MAX 64
#define OUTPUT_MAX 4000
#define PORT_FIRST 10240u
#define PORT_SPAN 22000u /* Linux gives out 32768 and above */
#define PORT_TRIES 100
#define CONTROL_TIME (20 * FC_SECOND)
#define SHORT_PATH "/usr/bin:/bin"
#define LONG_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* ---- addresses ---- */

static int try_bind(struct fc_net_addr *addr, struct fc_err *err)
{
    struct sockaddr_storage name;
    socklen_t len = (socklen_t)fc_net_addr_sockaddr(addr, &name), size = sizeof name;
    int fd = socket(addr->family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (const struct sockaddr *)&name, len) != 0 ||
        getsockname(fd, (struct sockaddr *)&name, &size) != 0) {
        fc_err_errno(err, "cannot find a free port");
        if (fd >= 0)
            close(fd);
        return -1;
    }
    close(fd);
    fc_net_addr_from_sockaddr(&name, addr);
    return 0;
}

/* Not one that the kernel gives to outgoing connections: while the service is being restarted somebody's connection would take it. */
static int free_port(struct fc_net_addr *addr, struct fc_err *err)
{
    for (int i = 0; i < PORT_TRIES; i++) {
        struct fc_net_addr there = *addr;
        there.port = PORT_FIRST + (unsigned)fc_rand_below(PORT_SPAN);
        if (try_bind(&there, NULL) == 0) {
            *addr = there;
            return 0;
        }
    }
    return try_bind(addr, err);
}

static bool bindable(const struct fc_net_addr *addr, unsigned port)
{
    struct fc_net_addr there = *addr;

    there.port = port;
    return port && try_bind(&there, NULL) == 0;
}

static bool taken(const struct ck_stage *stage, const char *published)
{
    for (size_t i = 0; i < stage->n_doors; i++)
        if (strcmp(stage->doors[i].published, published) == 0)
            return true;
    return false;
}

/* Names lead to published addresses, and the port map leads on from there; two servers on one loopback address need two of them. */
static int add_door(struct ck_stage *stage, const struct fc_net_addr *at, struct fc_err *err)
{
    struct ck_stage_door door = {.at = *at};

    /* another address may take the same port number: one listen line in a configuration then serves both */
    if (door.at.port == 0 && stage->n_doors)
        door.at.port = bindable(&door.at, stage->doors[0].at.port) ? stage->doors[0].at.port : 0;
    if (door.at.port == 0 && free_port(&door.at, err))
        return -1;
    fc_net_addr_ip(&door.at, door.published);
    if (taken(stage, door.published) && door.at.family == AF_INET6)
        return fc_err_set(err, FC_E_USAGE, "'http' has two servers at one IPv6 address, %s", door.published);
    if (taken(stage, door.published))
        snprintf(door.published, sizeof door.published, "127.0.1.%zu", stage->n_doors + 1);
    stage->doors[stage->n_doors++] = door;
    return 0;
}

static int resolve_addresses(struct ck_stage *stage, struct fc_err *err)
{
    const struct ck_setup *setup = stage->setup;

    for (size_t i = 0; i < setup->n_http; i++)
        if (add_door(stage, &setup->http[i], err))
            return -1;
    for (size_t i = 0; i < setup->n_https; i++) {
        struct fc_net_addr *at = &stage->https[stage->n_https++];
        *at = setup->https[i];
        if (at->port == 0 && i > 0)
            at->port = bindable(at, stage->https[0].port) ? stage->https[0].port : 0;
        if (at->port == 0 && free_port(at, err))
            return -1;
    }
    return 0;
}

/* The HTTPS side of a door: the one in its place, else the first of its family, else the first. */
static const struct fc_net_addr *https_of(const struct ck_stage *stage, size_t door)
{
    int family = stage->doors[door].at.family;

    if (door < stage->n_https && stage->https[door].family == family)
        return &stage->https[door];
    for (size_t i = 0; i < stage->n_https; i++)
        if (stage->https[i].family == family)
            return &stage->https[i];
    return stage->n_https ? &stage->https[0] : NULL;
}

static void write_maps(const struct ck_stage *stage, struct fc_buf *map, struct fc_buf *addresses)
{
    char at[FC_NET_ADDR_TEXT];

    for (size_t i = 0; i < stage->n_doors; i++) {
        const struct ck_stage_door *door = &stage->doors[i];
        const struct fc_net_addr *https = https_of(stage, i);
        bool v6 = strchr(door->published, ':');
        const char *open = v6 ? "[" : "", *close = v6 ? "]" : "";
        fc_buf_printf(map, "%s%s%s%s:80=%s", i ? "," : "", open, door->published, close,
                      fc_net_addr_text(&door->at, at));
        if (https)
            fc_buf_printf(map, ",%s%s%s:443=%s", open, door->published, close, fc_net_addr_text(https, at));
        fc_buf_printf(addresses, "%s%s", i ? "," : "", door->published);
    }
}

/* ---- the environment of commands ---- */

static void put(char **env, size_t *n, char *entry)
{
    if (*n + 1 < ENV_MAX)
        env[(*n)++] = entry;
    else
        free(entry);
}

static void free_env(char ***env)
{
    for (size_t i = 0; *env && (*env)[i]; i++)
        free((*env)[i]);
    free(*env);
}

static void put_ours(struct ck_stage *stage, char **env, size_t *n)
{
    const struct ck_setup *setup = stage->setup;
    struct fc_buf hosts fc_auto_buf = {0};
    char now[FC_TIME_TEXT_MAX];

    fc_buf_init(&hosts, 32768);
    for (size_t i = 0; i < setup->n_hosts; i++)
        fc_buf_printf(&hosts, "%s%s", i ? "," : "", setup->hosts[i]);
    put(env, n, fc_asprintf("FAKECA_HOSTS=%s", hosts.data));
    put(env, n, fc_asprintf("FAKECA_EMAIL=%s", EMAIL));
    put(env, n, fc_asprintf("FAKECA_HTTP_PORT=%u", stage->doors[0].at.port));
    put(env, n, fc_asprintf("FAKECA_HTTPS_PORT=%u", stage->n_https ? stage->https[0].port : 443));
    put(env, n, fc_asprintf("FAKECA_NOW=%s", fc_time_rfc3339(ck_ca_now(&stage->ca), now)));
}

/* As cron gives it, and what stands for the trust store and the DNS of production. */
static char **environment(struct ck_stage *stage, enum ck_stage_kind kind)
{
    static const char *const kept[] = {"HOME", "LOGNAME", "USER", NULL};
    char **env = fc_calloc(ENV_MAX, sizeof *env);
    const char *name;
    json_t *value;
    size_t n = 0;

    for (const char *const *each = kept; *each; each++)
        if (getenv(*each))
            put(env, &n, fc_asprintf("%s=%s", *each, getenv(*each)));
    put(env, &n, fc_strdup("SHELL=/bin/sh"));
    put(env, &n, fc_asprintf("PATH=%s", kind == CK_SCHEDULED ? SHORT_PATH : LONG_PATH));
    json_object_foreach(stage->exports, name, value)
    {
        if (strcmp(name, "FAKECA_HTTP_PORT") != 0 && strcmp(name, "FAKECA_HTTPS_PORT") != 0)
            put(env, &n, fc_asprintf("%s=%s", name, json_string_value(value)));
    }
    put_ours(stage, env, &n);
    return env;
}

static int read_exports(struct ck_stage *stage, struct fc_err *err)
{
    fc_auto_free char *program = fc_asprintf("%s/fakeca", stage->programs);
    const char *argv[] = {program, "env", "--json", "--management", stage->ca.management, NULL};
    static const char *const env[] = {"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", NULL};
    const struct fc_proc_spec spec = {.argv = argv, .env = env, .max_out = 65536, .max_err = 4096};
    fc_auto(fc_proc_free) struct fc_proc *proc = NULL;
    struct fc_proc_exit how;
    size_t len;

    if (fc_proc_run(&spec, CONTROL_TIME, &proc, &how, err))
        return -1;
    const char *text = fc_proc_output(proc, FC_PROC_OUT, &len, NULL);
    if (how.code != 0 || fc_json_parse(text, len, &stage->exports, err))
        return fc_err_set(err, FC_E_INTERNAL, "'fakeca env' failed: %s", fc_proc_output(proc, FC_PROC_ERR, NULL, NULL));
    return 0;
}

/* ---- commands ---- */

/* What is executed: argv with its texts in `held`. */
struct line {
    const char *argv[12];
    char *launcher, *script;
};

static void line_release(struct line *line)
{
    free(line->launcher);
    free(line->script);
}

static void line_fill(const struct ck_stage *stage, const char *command, bool captured, struct line *ret_line)
{
    size_t n = 0;

    *ret_line = (struct line){.launcher = fc_asprintf("%s/fakeca-run", stage->programs),
                              .script = captured ? fc_asprintf("exec >>'%s/output' 2>&1\n%s\n", stage->work, command)
                                                 : fc_strdup(command)};
    if (stage->way == CK_WAY_RUN) {
        ret_line->argv[n++] = ret_line->launcher;
        ret_line->argv[n++] = "--clock-file";
        ret_line->argv[n++] = stage->ca.clock_file;
        ret_line->argv[n++] = "--detach";
        /* daemons that renew by their own timers notice a skip only so */
        if (!stage->setup->run.renew)
            ret_line->argv[n++] = "--monotonic";
        ret_line->argv[n++] = "--";
    }
    ret_line->argv[n++] = "/bin/sh";
    ret_line->argv[n++] = "-c";
    ret_line->argv[n++] = ret_line->script;
}

json_t *ck_stage_command_json(struct ck_stage *stage, const char *command)
{
    json_t *argv = json_array(), *vars = json_array();
    char **env = environment(stage, CK_SERVICE);
    struct line line;

    /* the reader of the pipe is gone by then: it would not open */
    line_fill(stage, command, false, &line);
    for (size_t i = 0; line.argv[i]; i++)
        json_array_append_new(argv, json_string(line.argv[i]));
    for (size_t i = 0; env[i]; i++)
        json_array_append_new(vars, json_string(env[i]));
    line_release(&line);
    free_env(&env);
    return json_pack("{s:o,s:o,s:s}", "argv", argv, "env", vars, "cwd", stage->setup->dir);
}

static void tell_ran(struct ck_stage *stage, const struct fc_proc_exit *how, struct fc_proc *proc, int64_t mark,
                     struct ck_stage_ran *ran)
{
    char text[FC_PROC_EXIT_TEXT_MAX];
    const char *own = fc_proc_output(proc, FC_PROC_ERR, NULL, NULL);

    ran->code = how->code;
    ran->timed_out = how->timed_out;
    ran->unshifted = stage->way == CK_WAY_RUN && how->code == 125;
    snprintf(ran->how, sizeof ran->how, "%s", fc_proc_exit_text(how, text));
    ck_sink_mark(stage->sink);
    fc_auto_free char *output = ck_sink_since(stage->sink, mark, OUTPUT_MAX);
    fc_auto_free char *all = fc_asprintf("%s%s", own, output);
    ran->output = ck_redact_text(all);
}

int ck_stage_command(struct ck_stage *stage, const char *command, enum ck_stage_kind kind, int64_t timeout,
                     struct ck_stage_ran *ret_ran, struct fc_err *err)
{
    __attribute__((cleanup(free_env))) char **env = environment(stage, kind);
    fc_auto_free struct ck_procs *before = fc_calloc(1, sizeof *before);
    fc_auto(fc_proc_free) struct fc_proc *proc = NULL;
    int64_t begin = fc_clock_mono(), mark = ck_sink_mark(stage->sink);
    struct fc_proc_exit how;
    struct line line;

    line_fill(stage, command, true, &line);
    const struct fc_proc_spec spec = {.argv = line.argv,
                                      .env = (const char *const *)env,
                                      .cwd = stage->setup->dir,
                                      .max_out = 1024,
                                      .max_err = 4096,
                                      .keep_rest = true};
    ck_procs_below(stage->front, before);
    int result = fc_proc_run(&spec, timeout, &proc, &how, err);
    line_release(&line);
    if (result)
        return -1;
    if (how.timed_out) /* with all that it started, wherever that went */
        ck_procs_end(stage->front, before, false);
    *ret_ran = (struct ck_stage_ran){.took = fc_clock_mono() - begin};
    tell_ran(stage, &how, proc, mark, ret_ran);
    return 0;
}

/* ---- life ---- */

/* A program that asks for the time must see the CA's, which stands an hour ahead for the question. */
static void try_shift(struct ck_stage *stage)
{
    struct ck_stage_ran ran = {0};
    struct fc_err err = {0};
    int64_t seen;

    stage->way = CK_WAY_RUN;
    if (ck_ca_advance_to(&stage->ca, ck_ca_now(&stage->ca) + FC_HOUR, &err) ||
        ck_stage_command(stage, "exec date +%s", CK_SERVICE, CONTROL_TIME, &ran, &err)) {
        snprintf(stage->shift_error, sizeof stage->shift_error, "%.290s", err.text);
        stage->way = CK_WAY_NONE;
        return;
    }
    ran.output[strcspn(ran.output, "\n")] = '\0';
    int64_t now = ck_ca_now(&stage->ca) / FC_SECOND;
    if (ran.code != 0 || fc_text_int(ran.output, 0, INT64_MAX, &seen, NULL) || seen < now - 30 || seen > now + 1) {
        stage->way = CK_WAY_NONE;
        snprintf(stage->shift_error, sizeof stage->shift_error, "%s: %.200s", ran.how, ran.output);
    }
    free(ran.output);
}

/* A CA that is running keeps its ports, unless the description names addresses. */
static int attach_ca(struct ck_stage *stage, const char *map, struct fc_err *err)
{
    fc_auto_json was = NULL;

    if (ck_ca_attach(stage->attach, &stage->ca, err))
        return -1;
    stage->ca.silent = stage->blind & CK_LOG;
    if (!json_object_get(stage->setup->json, "http"))
        return 0;
    if (ck_ca_call(&stage->ca, "GET", "/api/v1/port-map", NULL, &was, err))
        return -1;
    const char *text = json_string_value(json_object_get(was, "map"));
    stage->port_map = fc_strdup(text ? text : "");
    return ck_ca_call(&stage->ca, "PUT", "/api/v1/port-map", json_pack("{s:s}", "map", map), NULL, err);
}

static int start_ca(struct ck_stage *stage, struct fc_err *err)
{
    fc_auto_free char *program = fc_asprintf("%s/fakeca", stage->programs);
    fc_auto_free char *state = fc_asprintf("%s/ca", stage->work);
    struct fc_buf map fc_auto_buf = {0}, addresses fc_auto_buf = {0};

    fc_buf_init(&map, 8192);
    fc_buf_init(&addresses, 4096);
    write_maps(stage, &map, &addresses);
    if (stage->attach)
        return attach_ca(stage, map.data, err);
    const struct ck_ca_params params = {
        .program = program, .state = state, .port_map = map.data, .dns_default = addresses.data, .from = stage->from};
    if (ck_ca_start(&params, &stage->ca, err))
        return -1;
    stage->ca.silent = stage->blind & CK_LOG;
    return 0;
}

int ck_stage_open(struct ck_stage *stage, struct fc_err *err)
{
    fc_auto_free char *pipe = fc_asprintf("%s/output", stage->work);

    if (resolve_addresses(stage, err) || start_ca(stage, err) || read_exports(stage, err) ||
        ck_sink_open(pipe, &stage->sink, err)) {
        ck_stage_close(stage);
        return -1;
    }
    /* whose clock follows a CA that is running, its own orders must show */
    if (stage->attach)
        stage->way = CK_WAY_RUN;
    else if (stage->setup->clock == CK_CLOCK_AGED)
        stage->way = CK_WAY_AGED;
    else
        try_shift(stage);
    return 0;
}

void ck_stage_close(struct ck_stage *stage)
{
    if (stage->port_map)
        ck_ca_call(&stage->ca, "PUT", "/api/v1/port-map", json_pack("{s:s}", "map", stage->port_map), NULL, NULL);
    free(FC_TAKE(stage->port_map));
    ck_ca_stop(&stage->ca);
    ck_sink_free(FC_TAKE(stage->sink));
    json_decref(FC_TAKE(stage->exports));
}
