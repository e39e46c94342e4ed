/* fakeca probe: what a validation would see, without an order. And how traces of validations are printed. */
#include "cmd/cmd.h"

#include <stdio.h>
#include <string.h>

#include "base/base_alloc.h"
#include "base/base_json.h"
#include "base/base_time.h"

#define PATIENCE (120 * FC_SECOND) /* longer than the CA holds the request */

struct target {
    struct fc_cmd_target api;
    const char *address, *connect, *expect, *environment;
    int family; /* index into families */
    int64_t perspective;
};

static const char *const families[] = {"any", "4", "6", NULL};

static const char about[] =
    "Fetches http://NAME/.well-known/acme-challenge/TOKEN by exactly the rules of the CA's validation (look-up, IPv6\n"
    "first, ports, redirects, limits, several perspectives) and prints what it saw hop by hop; when the CA would\n"
    "refuse, why, and how to mend it. No order and no account are needed. Without TOKEN it asks for 'fakeca-probe':\n"
    "put a file of that name into the challenge folder. Without --expect any content of less than 128 bytes will do.\n"
    "\n"
    "exit codes: 0 the CA would accept, 1 it would refuse: the setup under test is wrong, 2 usage, 3 no CA is running\n"
    "\n"
    "examples:\n"
    "  fakeca probe www.a.test\n"
    "  fakeca probe www.a.test/some-token --expect some-content\n"
    "  fakeca probe www.a.test --connect 127.0.0.1:8081        one backend behind the balancer\n"
    "  fakeca probe www.a.test --family 4 --address 127.0.0.9  over IPv4 alone, from that source address\n"
    "  fakeca probe www.a.test --perspective 2                 as the first remote perspective sees it\n";

/* ---- traces ---- */

static void print_row(const char *name, const char *text)
{
    if (text)
        printf("  %-8s %s\n", name, text);
}

static void print_problem(const json_t *problem)
{
    const char *type = json_string_value(json_object_get(problem, "type"));
    const char *detail = json_string_value(json_object_get(problem, "detail"));
    const char *name = type ? strrchr(type, ':') : NULL;

    if (detail)
        printf("  %-8s %s: %s\n", "problem", name ? name + 1 : "-", detail);
}

void fc_cmd_probe_print(const json_t *trace)
{
    const json_t *hops = json_object_get(trace, "hops"), *hop;
    const json_t *ms = json_object_get(trace, "ms"), *authorization = json_object_get(trace, "authorization");
    size_t i;

    printf("%s by %s", fc_cmd_text(trace, "name"), fc_cmd_text(trace, "method"));
    if (json_is_integer(authorization))
        printf(", authorization %" JSON_INTEGER_FORMAT, json_integer_value(authorization));
    printf(" (%s): %s", fc_cmd_text(trace, "environment"), fc_cmd_text(trace, "status"));
    if (json_is_number(ms))
        printf(" in %.1f ms", json_number_value(ms));
    putchar('\n');
    json_array_foreach(hops, i, hop) printf("  %-2zu %s\n", i + 1, fc_cmd_text(hop, "text"));
    if (json_array_size(hops) == 0)
        printf("  (no hops: it was not tried yet, or its events are no longer kept)\n");
    print_problem(json_object_get(trace, "problem"));
    print_row("cause", json_string_value(json_object_get(trace, "cause")));
    print_row("remedy", json_string_value(json_object_get(trace, "remedy")));
    print_row("repeat", json_string_value(json_object_get(trace, "repeat")));
}

/* ---- the command ---- */

static void set_text(json_t *body, const char *key, const char *text)
{
    json_t *value = text ? json_string(text) : NULL;

    if (value)
        json_object_set_new(body, key, value);
}

/* NAME[/TOKEN] and the options as the API wants them. */
static json_t *body_of(const struct target *target, const char *operand)
{
    size_t len = strcspn(operand, "/");
    fc_auto_free char *name = fc_strndup(operand, len);
    json_t *body = json_object();

    set_text(body, "name", name);
    set_text(body, "token", operand[len] && operand[len + 1] ? operand + len + 1 : NULL);
    set_text(body, "expect", target->expect);
    set_text(body, "environment", target->environment);
    set_text(body, "address", target->address);
    set_text(body, "connect", target->connect);
    if (target->family)
        json_object_set_new(body, "family", json_integer(target->family == 1 ? 4 : 6));
    if (target->perspective)
        json_object_set_new(body, "perspective", json_integer(target->perspective));
    return body;
}

static int probe(const struct fc_cmd *self, const struct target *target, const char *operand)
{
    fc_auto_json body = body_of(target, operand);
    fc_auto_json answer = NULL;
    struct fc_err err = {0};

    if (strstr(operand, "://")) {
        fc_err_set(&err, FC_E_USAGE,
                   "'%s' is a URL: give the name alone, or NAME/TOKEN; the rest follows from the rules", operand);
        return fc_cmd_fail(self, &err);
    }
    if (fc_cmd_api(&target->api, "POST", "/api/v1/probe", body, &answer, &err))
        return fc_cmd_fail(self, &err);
    if (target->api.json)
        fc_cmd_print_json(answer);
    else
        fc_cmd_probe_print(answer);
    int code = fc_cmd_done(self);
    if (code != FC_EXIT_GOOD)
        return code;
    return strcmp(fc_cmd_text(answer, "status"), "valid") == 0 ? FC_EXIT_GOOD : FC_EXIT_WRONG;
}

static int run(const struct fc_cmd *self, int argc, char *const *argv)
{
    static const struct fc_opt table[] = {{.name = "expect",
                                           .type = FC_OPT_STRING,
                                           .offset = offsetof(struct target, expect),
                                           .arg = "TEXT",
                                           .help = "the content that must come"},
                                          {.name = "family",
                                           .type = FC_OPT_WORD,
                                           .offset = offsetof(struct target, family),
                                           .arg = "4|6",
                                           .words = families,
                                           .help = "as if the name had addresses of this family only"},
                                          {.name = "address",
                                           .type = FC_OPT_STRING,
                                           .offset = offsetof(struct target, address),
                                           .arg = "IP",
                                           .help = "the source address to come from"},
                                          {.name = "connect",
                                           .type = FC_OPT_STRING,
                                           .offset = offsetof(struct target, connect),
                                           .arg = "ADDR:PORT",
                                           .help = "connect there; redirects go their own way"},
                                          {.name = "perspective",
                                           .type = FC_OPT_INT,
                                           .offset = offsetof(struct target, perspective),
                                           .arg = "N",
                                           .min = 1,
                                           .max = 16,
                                           .help = "from this one alone: 1 the primary, 2 the first remote one"},
                                          {.name = "environment",
                                           .type = FC_OPT_STRING,
                                           .offset = offsetof(struct target, environment),
                                           .arg = "NAME",
                                           .help = "by the rules of this environment"},
                                          FC_CMD_TARGET_ROWS,
                                          {.name = NULL}};
    fc_auto_free const char **operands = fc_calloc((size_t)argc + 1, sizeof *operands);
    struct fc_opt_result result = {.operands = operands};
    struct target target = {.api.timeout = PATIENCE};

    int code = fc_cmd_parse(self, table, &target, argc, argv, &result, 1, 1);
    return code >= 0 ? code : probe(self, &target, operands[0]);
}

const struct fc_cmd fc_cmd_probe = {.name = "probe",
                                    .synopsis = "NAME[/TOKEN] [--expect TEXT]",
                                    .summary =
                                        "fetch a challenge by the CA's rules, without an order, and show each hop",
                                    .about = about,
                                    .run = run};
