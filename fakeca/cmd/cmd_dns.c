/* fakeca dns: the rules of the mock DNS. */
#include "cmd/cmd.h"

#include <stdio.h>
#include <string.h>

#include "base/base_alloc.h"
#include "base/base_json.h"
#include "base/base_time.h"

#include "dns/dns.h"

static const char *const words[] = {"list", "set", "clear", NULL};

static const char about[] =
    "The simulated DNS that validation asks. Without a rule every name has A 127.0.0.1 and no AAAA.\n"
    "\n"
    "  list                          all rules (also without a word)\n"
    "  set NAME TYPE VALUE...        A, AAAA, CNAME, TXT, CAA; replaces the rule of that name and type\n"
    "  set NAME RCODE                for every type; set NAME TYPE RCODE for one. RCODE: NXDOMAIN, SERVFAIL,\n"
    "                                REFUSED, FORMERR, NOTIMP, ...; DROP: no answer ever comes\n"
    "  clear [NAME [TYPE]]           one rule, all of a name, or all\n"
    "\n"
    "NAME may be a wildcard, *.a.test, or * for all names; the most specific one wins. A VALUE that may begin\n"
    "with '-', as a key authorization's digest may, stands behind --: set -- NAME TXT \"$VALUE\"\n"
    "\n"
    "examples:\n"
    "  fakeca dns set a.test AAAA ::1\n"
    "  fakeca dns set '*.b.test' CNAME a.test\n"
    "  fakeca dns set c.test CAA '0 issue \"example.net\"'\n"
    "  fakeca dns set d.test NXDOMAIN\n"
    "  fakeca dns set e.test A 192.0.2.1 --delay 2s\n"
    "  fakeca dns set f.test TXT DROP\n";

struct target {
    struct fc_cmd_target api;
    int64_t delay;
    bool truncate;
};

static void print_rule(const json_t *rule)
{
    const json_t *value;
    size_t i;

    printf("%-32s %-6s", fc_cmd_text(rule, "name"), fc_cmd_text(rule, "type"));
    if (json_is_string(json_object_get(rule, "rcode")))
        printf(" %s", fc_cmd_text(rule, "rcode"));
    json_array_foreach(json_object_get(rule, "values"), i, value) printf(" %s", json_string_value(value));
    if (json_is_string(json_object_get(rule, "delay")))
        printf(" (after %s)", fc_cmd_text(rule, "delay"));
    if (json_is_true(json_object_get(rule, "truncate")))
        printf(" (truncated over UDP)");
    putchar('\n');
}

static void print_list(const json_t *answer)
{
    const json_t *rule, *value;
    size_t i;

    json_array_foreach(json_object_get(answer, "rules"), i, rule) print_rule(rule);
    printf("%-32s %-6s", "(any other name)", "A/AAAA");
    json_array_foreach(json_object_get(answer, "default"), i, value) printf(" %s", json_string_value(value));
    putchar('\n');
}

/* NAME TYPE VALUE... as the API's rule; NULL with err set. */
static json_t *rule_of(const char *const *operands, size_t n, struct fc_err *err)
{
    bool all_types = n == 2 && fc_dns_is_rcode(operands[1]);

    if (n < 3 && !all_types) {
        fc_err_set(err, FC_E_USAGE, "'fakeca dns set' needs NAME TYPE VALUE..., or NAME NXDOMAIN");
        return NULL;
    }
    if (all_types)
        return json_pack("{s:s,s:s,s:s}", "name", operands[0], "type", "*", "rcode", operands[1]);
    if (n == 3 && fc_dns_is_rcode(operands[2]))
        return json_pack("{s:s,s:s,s:s}", "name", operands[0], "type", operands[1], "rcode", operands[2]);
    json_t *values = json_array();
    for (size_t i = 2; i < n; i++)
        json_array_append_new(values, json_string(operands[i]));
    return json_pack("{s:s,s:s,s:o}", "name", operands[0], "type", operands[1], "values", values);
}

static int set(const struct target *target, const char *const *operands, size_t n, json_t **ret_answer,
               struct fc_err *err)
{
    fc_auto_json rule = rule_of(operands, n, err);
    char delay[FC_TIME_TEXT_MAX];

    if (!rule)
        return -1;
    if (target->delay > 0)
        json_object_set_new(rule, "delay", json_string(fc_duration_text(target->delay, delay)));
    if (target->truncate)
        json_object_set_new(rule, "truncate", json_true());
    return fc_cmd_api(&target->api, "PUT", "/api/v1/dns", rule, ret_answer, err);
}

static int clear(const struct fc_cmd_target *target, const char *const *operands, size_t n, json_t **ret_answer,
                 struct fc_err *err)
{
    if (n > 2)
        return fc_err_set(err, FC_E_USAGE, "unexpected argument '%s' ('fakeca dns clear' takes NAME and TYPE)",
                          operands[2]);
    fc_auto_free char *name = n > 0 ? fc_cmd_api_encode(operands[0]) : NULL;
    fc_auto_free char *type = n > 1 ? fc_cmd_api_encode(operands[1]) : NULL;
    fc_auto_free char *path = fc_asprintf("/api/v1/dns%s%s%s%s", name ? "?name=" : "", name ? name : "",
                                          type ? "&type=" : "", type ? type : "");
    return fc_cmd_api(target, "DELETE", path, NULL, ret_answer, err);
}

static void print_answer(const char *word, const json_t *answer)
{
    char text[64];

    if (strcmp(word, "list") == 0)
        print_list(answer);
    else if (strcmp(word, "set") == 0)
        print_rule(answer);
    else
        printf("%s removed\n",
               fc_cmd_count(json_integer_value(json_object_get(answer, "removed")), "rule", "rules", text));
}

static int run(const struct fc_cmd *self, int argc, char *const *argv)
{
    static const struct fc_opt table[] = {FC_CMD_TARGET_ROWS,
                                          {.name = "delay",
                                           .type = FC_OPT_DURATION,
                                           .offset = offsetof(struct target, delay),
                                           .arg = "TIME",
                                           .min = 0,
                                           .max = FC_MINUTE,
                                           .help = "set: the answer comes so much later"},
                                          {.name = "truncate",
                                           .type = FC_OPT_FLAG,
                                           .offset = offsetof(struct target, truncate),
                                           .help = "set: over UDP it is cut, and comes over TCP"},
                                          {.name = NULL}};
    fc_auto_free const char **operands = fc_calloc((size_t)argc + 1, sizeof *operands);
    struct fc_opt_result result = {.operands = operands};
    struct target target = {0};
    struct fc_err err = {0};
    fc_auto_json answer = NULL;
    int failed;

    int code = fc_cmd_parse(self, table, &target, argc, argv, &result, 0, 1000);
    if (code >= 0)
        return code;
    const char *word = result.n_operands ? fc_cmd_word(self, operands[0], words) : "list";
    if (!word)
        return FC_EXIT_USAGE;
    size_t n = result.n_operands ? result.n_operands - 1 : 0;
    bool is_set = strcmp(word, "set") == 0;
    if (!is_set && (target.delay > 0 || target.truncate))
        failed = fc_err_set(&err, FC_E_USAGE, "options '--delay' and '--truncate' go with 'fakeca dns set'");
    else if (is_set)
        failed = set(&target, operands + 1, n, &answer, &err);
    else if (strcmp(word, "clear") == 0)
        failed = clear(&target.api, operands + 1, n, &answer, &err);
    else
        failed = fc_cmd_api(&target.api, "GET", "/api/v1/dns", NULL, &answer, &err);
    if (failed)
        return fc_cmd_fail(self, &err);
    if (target.api.json)
        fc_cmd_print_json(answer);
    else
        print_answer(word, answer);
    return fc_cmd_done(self);
}

const struct fc_cmd fc_cmd_dns = {
    .name = "dns",
    .synopsis = "[list | set NAME TYPE VALUE... [--delay TIME] [--truncate] | clear [NAME [TYPE]]]",
    .summary = "show and change the rules of the mock DNS",
    .about = about,
    .run = run};
