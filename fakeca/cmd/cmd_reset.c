/* fakeca reset: forget what clients did, or what they proved. */
#include "cmd/cmd.h"

#include <stdio.h>
#include <string.h>

#include "base/base_alloc.h"
#include "base/base_json.h"

static const char *const words[] = {"all", "authorizations", NULL};

static const char about[] =
    "Forgets accounts, orders, authorizations, certificates, events and DNS rules (also without a word). The CA's\n"
    "keys and the clock stay, so the files that clients trust stay right. (The clock alone: fakeca clock reset.)\n"
    "\n"
    "  all               everything that is named above\n"
    "  authorizations    ends valid authorizations, of --name, --account and --environment or all, and forgets\n"
    "                    nothing: the next order has to validate again\n"
    "\n"
    "examples:\n"
    "  fakeca reset && fakeca clock reset         as on the first day\n"
    "  fakeca reset authorizations --name a.test\n";

struct target {
    struct fc_cmd_target api;
    const char *name, *environment;
    int64_t account;
};

static const struct fc_opt table[] = {FC_CMD_TARGET_ROWS,
                                      {.name = "name",
                                       .type = FC_OPT_STRING,
                                       .offset = offsetof(struct target, name),
                                       .arg = "NAME",
                                       .help = "authorizations: only of this name"},
                                      {.name = "account",
                                       .type = FC_OPT_INT,
                                       .offset = offsetof(struct target, account),
                                       .arg = "N",
                                       .min = 1,
                                       .max = INT64_MAX,
                                       .help = "authorizations: only of this account"},
                                      {.name = "environment",
                                       .type = FC_OPT_STRING,
                                       .offset = offsetof(struct target, environment),
                                       .arg = "NAME",
                                       .help = "authorizations: only of this environment"},
                                      {.name = NULL}};

static int reset_all(const struct fc_cmd *self, const struct target *target)
{
    fc_auto_json answer = NULL;
    struct fc_err err = {0};

    if (target->name || target->account || target->environment) {
        fc_err_set(&err, FC_E_USAGE,
                   "everything is forgotten, whatever '--name', '--account' or '--environment' say: they "
                   "belong to 'authorizations'");
        return fc_cmd_fail(self, &err);
    }
    if (fc_cmd_api(&target->api, "POST", "/api/v1/reset", NULL, &answer, &err))
        return fc_cmd_fail(self, &err);
    const json_t *removed = json_object_get(answer, "removed");
    if (target->api.json) {
        fc_cmd_print_json(answer);
    } else {
        printf("forgotten: %s accounts, %s orders, ", fc_cmd_text(removed, "accounts"), fc_cmd_text(removed, "orders"));
        printf("%s authorizations, %s certificates, ", fc_cmd_text(removed, "authorizations"),
               fc_cmd_text(removed, "certificates"));
        printf("%s events, %s DNS rules\n", fc_cmd_text(removed, "events"), fc_cmd_text(removed, "dns"));
    }
    return fc_cmd_done(self);
}

static int purge(const struct fc_cmd *self, const struct target *target)
{
    fc_auto_json body = json_object();
    fc_auto_json answer = NULL;
    struct fc_err err = {0};
    char count[64];

    if (target->name)
        json_object_set_new(body, "name", json_string(target->name));
    if (target->environment)
        json_object_set_new(body, "environment", json_string(target->environment));
    if (target->account)
        json_object_set_new(body, "account", json_integer(target->account));
    if (fc_cmd_api(&target->api, "POST", "/api/v1/authorizations/purge", body, &answer, &err))
        return fc_cmd_fail(self, &err);
    if (target->api.json)
        fc_cmd_print_json(answer);
    else
        printf("%s ended: the next order validates again\n",
               fc_cmd_count(json_integer_value(json_object_get(answer, "removed")), "authorization", "authorizations",
                            count));
    return fc_cmd_done(self);
}

static int run(const struct fc_cmd *self, int argc, char *const *argv)
{
    fc_auto_free const char **operands = fc_calloc((size_t)argc + 1, sizeof *operands);
    struct fc_opt_result result = {.operands = operands};
    struct target target = {0};

    int code = fc_cmd_parse(self, table, &target, argc, argv, &result, 0, 1);
    if (code >= 0)
        return code;
    const char *word = operands[0] ? fc_cmd_word(self, operands[0], words) : "all";
    if (!word)
        return FC_EXIT_USAGE;
    return strcmp(word, "all") == 0 ? reset_all(self, &target) : purge(self, &target);
}

const struct fc_cmd fc_cmd_reset = {.name = "reset",
                                    .synopsis = "[all | authorizations]",
                                    .summary = "forget what clients did, or only end their authorizations",
                                    .about = about,
                                    .run = run};
