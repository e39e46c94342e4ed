/* fakeca status: where the running CA is, its clock, what it holds. */
#include "cmd/cmd.h"

#include <stdio.h>

#include "base/base_alloc.h"
#include "base/base_json.h"

static const char about[] = "Tells where the running CA is, what time it has, what it holds and what comes next.\n"
                            "\n"
                            "examples:\n"
                            "  fakeca status\n"
                            "  fakeca status --json | jq .counts\n";

/* Cross-signed certificates are in the chains of the issuers; those of other times issue nothing. */
static void print_issuer(const json_t *issuer)
{
    const json_t *chains = json_object_get(issuer, "chains"), *chain;
    size_t i;

    if (!json_is_true(json_object_get(issuer, "in_use")))
        return;
    printf("%-12s %s %s, %s%s", "", json_is_true(json_object_get(issuer, "root")) ? "root  " : "issuer",
           fc_cmd_text(issuer, "subject"), fc_cmd_text(issuer, "key"),
           json_is_true(json_object_get(issuer, "ready")) ? "" : ", still being made");
    json_array_foreach(chains, i, chain) printf("%s%s",
                                                i                             ? ", "
                                                : json_array_size(chains) > 1 ? "; chains to "
                                                                              : "; chain to ",
                                                fc_cmd_text(chain, "root"));
    putchar('\n');
}

static void print_environment(const json_t *environment)
{
    const json_t *issuer;
    size_t i;

    printf("%-12s %s%s\n", fc_cmd_text(environment, "name"), fc_cmd_text(environment, "directory"),
           json_is_true(json_object_get(environment, "rehearsal")) ? " (rehearsal names and addresses allowed)" : "");
    json_array_foreach(json_object_get(environment, "issuers"), i, issuer) print_issuer(issuer);
}

static void print_status(const json_t *status)
{
    const json_t *clock = json_object_get(status, "clock"), *counts = json_object_get(status, "counts"), *environment;
    size_t i;

    printf("%-12s fakeca %s, pid %s, up %s s\n", "program", fc_cmd_text(status, "version"), fc_cmd_text(status, "pid"),
           fc_cmd_text(status, "uptime_s"));
    printf("%-12s %s\n", "state",
           json_is_string(json_object_get(status, "state")) ? fc_cmd_text(status, "state")
                                                            : "in memory (ends with the process)");
    printf("%-12s %s (%s; real %s)\n", "clock", fc_cmd_text(clock, "now"), fc_cmd_text(clock, "state"),
           fc_cmd_text(clock, "real"));
    json_array_foreach(json_object_get(status, "environments"), i, environment) print_environment(environment);
    printf("%-12s %s\n", "port map", *fc_cmd_text(status, "port_map") ? fc_cmd_text(status, "port_map") : "none");
    printf("%-12s %s accounts, ", "holds", fc_cmd_text(counts, "accounts"));
    printf("%s orders, %s authorizations, ", fc_cmd_text(counts, "orders"), fc_cmd_text(counts, "authorizations"));
    printf("%s certificates, %s events\n", fc_cmd_text(counts, "certificates"), fc_cmd_text(counts, "events"));
    printf("%-12s renewal due %s, expiry %s\n", "next", fc_cmd_text(status, "next_renewal"),
           fc_cmd_text(status, "next_expiry"));
}

static int run(const struct fc_cmd *self, int argc, char *const *argv)
{
    static const struct fc_opt table[] = {FC_CMD_TARGET_ROWS, {.name = NULL}};
    struct fc_opt_result result = {0};
    struct fc_cmd_target target = {0};
    struct fc_err err = {0};
    fc_auto_json status = NULL;

    int code = fc_cmd_parse(self, table, &target, argc, argv, &result, 0, 0);
    if (code >= 0)
        return code;
    if (fc_cmd_api(&target, "GET", "/api/v1/status", NULL, &status, &err))
        return fc_cmd_fail(self, &err);
    if (target.json)
        fc_cmd_print_json(status);
    else
        print_status(status);
    return fc_cmd_done(self);
}

const struct fc_cmd fc_cmd_status = {.name = "status",
                                     .synopsis = "[--json]",
                                     .summary = "where the CA is and what it holds",
                                     .about = about,
                                     .run = run};
