/* fakeca env, fakeca help client: what a client needs to find and trust the CA. */
#include "cmd/cmd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_alloc.h"
#include "base/base_json.h"
#include "base/base_text.h"

#include "app/app.h"

struct target {
    struct fc_cmd_target api;
    const char *client;
};

static const char about[] = "Prints the lines that let the clients of a shell find and trust the running CA: its "
                            "addresses as FAKECA_... and the\n"
                            "trust variables of every known client, each with the file that keeps the system's roots "
                            "where the client would lose\n"
                            "them. With --client NAME: that client's alone, and as comments how to call it.\n"
                            "\n"
                            "examples:\n"
                            "  eval \"$(fakeca env)\"\n"
                            "  fakeca env --client lego\n";

/* ---- where things are: of the running CA, or the defaults ---- */

void fc_cmd_place_release(struct fc_cmd_place_held *place)
{
    json_decref(place->status);
    json_decref(place->run);
    free(place->http_port);
    free(place->https_port);
}

/* The port that FROM is sent to in a port map "80=5002,443=127.0.0.1:5003", else FROM itself; the caller frees. */
static char *mapped_port(const char *map, const char *from)
{
    for (const char *rule = map; rule && *rule;) {
        size_t len = strcspn(rule, ",");
        fc_auto_free char *text = fc_strndup(rule, len);
        char *to = strchr(text, '=');
        if (to) {
            *to++ = '\0';
            const char *colon = strrchr(to, ':'), *left = strrchr(text, ':');
            if (strcmp(left ? left + 1 : text, from) == 0)
                return fc_strdup(colon ? colon + 1 : to);
        }
        rule += len + (rule[len] == ',');
    }
    return fc_strdup(from);
}

static const char *text_or(const json_t *run, const char *key, const char *otherwise)
{
    const char *text = json_string_value(json_object_get(run, key));
    return text ? text : otherwise;
}

static void place_fill(struct fc_cmd_place_held *place)
{
    const json_t *run = place->run;
    const char *map = json_string_value(json_object_get(place->status, "port_map"));

    place->http_port = mapped_port(map, "80");
    place->https_port = mapped_port(map, "443");
    place->shown = (struct fc_cmd_place){
        .state = text_or(run, "state", NULL),
        .directory = text_or(run, "directory", "https://localhost:14000/dir"),
        .staging = text_or(run, "staging_directory", run ? NULL : "https://localhost:14000/staging/dir"),
        .directory_http = text_or(run, "directory_http", NULL),
        .management = text_or(run, "management", "http://localhost:15001/"),
        .dns = text_or(run, "dns", "127.0.0.1:8053"),
        .ca_file = text_or(run, "ca_file", "STATE/ca.pem"),
        .trust_file = text_or(run, "trust_file", "STATE/trust.pem"),
        .clock_file = text_or(run, "clock_file", "STATE/clock"),
        .http_port = place->http_port,
        .https_port = place->https_port,
    };
}

int fc_cmd_place_ask(const struct fc_cmd_target *target, struct fc_cmd_place_held *place, struct fc_err *err)
{
    if (fc_cmd_api(target, "GET", "/api/v1/run", NULL, &place->run, err) ||
        fc_cmd_api(target, "GET", "/api/v1/status", NULL, &place->status, err))
        return -1;
    place_fill(place);
    return 0;
}

/* ---- the commands ---- */

static int check_client(const char *name, struct fc_err *err)
{
    const char *const *names = fc_cmd_clients();
    size_t n = 0;

    for (; names[n]; n++)
        if (strcmp(names[n], name) == 0)
            return 0;
    const char *nearest = fc_opt_nearest(name, names, n);
    return fc_err_set(err, FC_E_USAGE, "unknown client '%s'%s%s%s", name, nearest ? ", did you mean '" : "",
                      nearest ? nearest : " ('fakeca help client' lists them)", nearest ? "'?" : "");
}

static void print(const struct target *target, const struct fc_cmd_place_held *place, const char *prefix)
{
    if (target->api.json) {
        fc_auto_json exports = json_object();
        fc_cmd_clients_exports(target->client, &place->shown, exports);
        fc_cmd_print_json(exports);
        return;
    }
    fc_cmd_clients_exports(target->client, &place->shown, NULL);
    if (target->client)
        fc_cmd_clients_page(target->client, &place->shown, prefix);
}

static int run(const struct fc_cmd *self, int argc, char *const *argv)
{
    static const struct fc_opt table[] = {{.name = "client",
                                           .type = FC_OPT_STRING,
                                           .offset = offsetof(struct target, client),
                                           .arg = "NAME",
                                           .help = "for this client alone: certbot, lego, acme.sh, caddy ..."},
                                          FC_CMD_TARGET_ROWS,
                                          {.name = NULL}};
    struct fc_opt_result result = {0};
    struct target target = {0};
    struct fc_cmd_place_held place = {0};
    struct fc_err err = {0};

    int code = fc_cmd_parse(self, table, &target, argc, argv, &result, 0, 0);
    if (code >= 0)
        return code;
    if ((target.client && check_client(target.client, &err)) || fc_cmd_place_ask(&target.api, &place, &err)) {
        fc_cmd_place_release(&place);
        return fc_cmd_fail(self, &err);
    }
    print(&target, &place, "# ");
    fc_cmd_place_release(&place);
    return fc_cmd_done(self);
}

const struct fc_cmd fc_cmd_env = {.name = "env",
                                  .synopsis = "[--client NAME]",
                                  .summary = "print what lets clients find and trust the CA",
                                  .about = about,
                                  .run = run};

static int list_clients(void)
{
    printf("usage: fakeca help client NAME [--state DIR]\n\nclients:\n");
    for (const char *const *each = fc_cmd_clients(); *each; each++)
        printf("  %s\n", *each);
    return fc_cmd_done(NULL);
}

int fc_cmd_help_client(int argc, char *const *argv)
{
    static const struct fc_opt table[] = {FC_CMD_TARGET_ROWS, {.name = NULL}};
    fc_auto_free const char **operands = fc_calloc((size_t)argc + 1, sizeof *operands);
    struct fc_opt_result result = {.operands = operands};
    struct fc_cmd_place_held place = {0};
    struct target target = {0};
    struct fc_err err = {0};

    int code = fc_cmd_parse(&fc_cmd_env, table, &target, argc, argv, &result, 0, 1);
    if (code >= 0)
        return code;
    if (result.n_operands == 0)
        return list_clients();
    target.client = operands[0];
    if (check_client(target.client, &err))
        return fc_cmd_fail(NULL, &err);
    /* without a running CA the page shows the defaults */
    if (fc_cmd_place_ask(&target.api, &place, &err)) {
        fc_cmd_place_release(&place);
        if (target.api.state || target.api.management)
            return fc_cmd_fail(NULL, &err);
        place = (struct fc_cmd_place_held){0};
        place_fill(&place);
        if (!target.api.json)
            printf("(no CA is running: addresses are the defaults, STATE is its state folder)\n\n");
    }
    print(&target, &place, "");
    fc_cmd_place_release(&place);
    return fc_cmd_done(NULL);
}
