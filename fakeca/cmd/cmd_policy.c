/* fakeca policy: the rules, at any time. */
#include "cmd/cmd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_alloc.h"
#include "base/base_buf.h"
#include "base/base_clock.h"
#include "base/base_file.h"
#include "base/base_json.h"
#include "base/base_time.h"
#include "policy/policy.h"

#define PATH_MAX_LEN 4096
#define POLICY_MAX (1 << 20)

struct target {
    struct fc_cmd_target api;
    const char *environment, *at, *from, *to, *file;
    bool diff, changes;
};

static const char about[] =
    "The rules of an environment: profiles, limits, validation, hierarchy, as one line a value. Of the running CA, at "
    "its\n"
    "simulated time; when none is running those that are built in. --policy FILE reads a file instead.\n"
    "\n"
    "examples:\n"
    "  fakeca policy show --at 2027-02-11                        as they will be then\n"
    "  fakeca policy show --diff 2026-11-24 2028-02-17           what changes on the way, and by whose word\n"
    "  fakeca policy show --changes --environment staging        the calendar\n"
    "  fakeca policy show --policy my.json --at 2027-01-01       whether a file says what was meant\n";

/* ---- what is printed ---- */

static void print_lines(const json_t *answer)
{
    size_t count;
    struct fc_policy_line *lines = fc_policy_lines(json_object_get(answer, "policy"), &count);

    printf("# %s at %s (%s)\n", fc_cmd_text(answer, "environment"), fc_cmd_text(answer, "at"),
           fc_cmd_text(answer, "file"));
    for (size_t i = 0; i < count; i++)
        printf("%s = %s\n", lines[i].path, lines[i].value);
    fc_policy_lines_free(lines, count);
}

static void print_changes(const json_t *answer)
{
    const json_t *change, *path;
    size_t i, j;

    json_array_foreach(json_object_get(answer, "changes"), i, change)
    {
        printf("%.10s  %s\n", fc_cmd_text(change, "on"), fc_cmd_text(change, "what"));
        printf("            source: %s\n", fc_cmd_text(change, "source"));
        json_array_foreach(json_object_get(change, "sets"), j, path)
            printf("            %s %s\n", j ? "     " : "sets:", json_string_value(path));
    }
}

static void print_difference(const json_t *answer)
{
    const json_t *value;
    size_t i;

    printf("# %s from %s to %s\n", fc_cmd_text(answer, "environment"), fc_cmd_text(answer, "from"),
           fc_cmd_text(answer, "to"));
    json_array_foreach(json_object_get(answer, "values"), i, value)
        printf("%s: %s -> %s\n", fc_cmd_text(value, "path"), fc_cmd_text(value, "from"), fc_cmd_text(value, "to"));
    print_changes(answer);
}

/* ---- without a CA: the same answers from the policy itself ---- */

static int load(const struct target *target, struct fc_policy **ret_policy, struct fc_err *err)
{
    fc_auto_free char *text = NULL;
    size_t len;

    if (!target->file)
        return fc_policy_builtin(target->environment ? target->environment : "production", ret_policy, err);
    if (fc_file_read(target->file, POLICY_MAX, &text, &len, err))
        return -1;
    return fc_policy_parse(text, len, target->file, ret_policy, err);
}

static int parse_time(const char *option, const char *text, int64_t *io_at, struct fc_err *err)
{
    struct fc_err cause = {0};

    if (text && fc_time_parse(text, io_at, &cause))
        return fc_err_set(err, FC_E_USAGE, "option '--%s': %s", option, cause.text);
    return 0;
}

static json_t *own_answer(const struct target *target, const struct fc_policy *policy, int64_t at, int64_t to)
{
    char first[FC_TIME_TEXT_MAX], second[FC_TIME_TEXT_MAX];
    const json_t *json = fc_policy_json_at(policy, at);

    fc_time_rfc3339(at, first);
    if (target->diff)
        return json_pack("{s:s,s:s,s:s,s:o,s:o}", "environment", policy->name, "from", first, "to",
                         fc_time_rfc3339(to, second), "values",
                         fc_policy_difference(json, fc_policy_json_at(policy, to)), "changes",
                         fc_policy_changes_json(policy, at < to ? at : to, at < to ? to : at));
    return json_pack("{s:s,s:s,s:s,s:o,s:o}", "environment", policy->name, "file", policy->source, "at", first,
                     "policy", json_deep_copy(json), "changes", fc_policy_changes_json(policy, INT64_MIN, INT64_MAX));
}

static int answer_alone(const struct target *target, json_t **ret_answer, struct fc_err *err)
{
    fc_auto(fc_policy_free) struct fc_policy *policy = NULL;
    int64_t at = fc_clock_real(), to = at;

    if (parse_time("at", target->at, &at, err) || parse_time("diff", target->from, &at, err) ||
        parse_time("diff", target->to, &to, err) || load(target, &policy, err))
        return err && err->code == FC_E_NOT_FOUND ? (err->code = FC_E_USAGE, -1) : -1;
    *ret_answer = own_answer(target, policy, at, to);
    return 0;
}

/* ---- with one ---- */

static char *api_path(const struct target *target)
{
    const struct {
        const char *key, *value;
    } all[] = {{"environment", target->environment}, {"at", target->at}, {"from", target->from}, {"to", target->to}};
    struct fc_buf path fc_auto_buf = {0};
    bool first = true;

    fc_buf_init(&path, PATH_MAX_LEN);
    fc_buf_puts(&path, target->diff ? "/api/v1/policy/difference" : "/api/v1/policy");
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        fc_auto_free char *value = all[i].value ? fc_cmd_api_encode(all[i].value) : NULL;
        if (value)
            fc_buf_printf(&path, "%s%s=%s", first ? "?" : "&", all[i].key, value);
        first = first && !value;
    }
    return fc_buf_detach(&path);
}

/* The running CA's, unless a file is named; without a CA, where none was named, what is built in. */
static int answer_of(const struct target *target, json_t **ret_answer, struct fc_err *err)
{
    bool named = target->api.state || target->api.management;
    fc_auto_free char *path = api_path(target);
    fc_auto_free char *base = NULL;

    if (target->file || (!named && fc_cmd_api_base(&target->api, &base, NULL)))
        return answer_alone(target, ret_answer, err);
    return fc_cmd_api(&target->api, "GET", path, NULL, ret_answer, err);
}

static int show(const struct fc_cmd *self, const struct target *target)
{
    struct fc_err err = {0};
    fc_auto_json answer = NULL;

    if (answer_of(target, &answer, &err))
        return fc_cmd_fail(self, &err);
    if (target->api.json)
        fc_cmd_print_json(answer);
    else if (target->diff)
        print_difference(answer);
    else if (target->changes)
        print_changes(answer);
    else
        print_lines(answer);
    return fc_cmd_done(self);
}

/* operands: "show" and the dates. */
static int check(const struct target *target, size_t operands, struct fc_err *err)
{
    if (operands != (target->diff ? 3 : 1) && (operands > 1 || target->diff))
        return fc_err_set(err, FC_E_USAGE,
                          "'--diff' takes two dates: 'fakeca policy show --diff 2026-11-24 2028-02-17'");
    if (target->diff && (target->at || target->changes))
        return fc_err_set(err, FC_E_USAGE, "'--diff' has dates of its own: --at and --changes do not go with it");
    return 0;
}

static int run(const struct fc_cmd *self, int argc, char *const *argv)
{
    static const char *const words[] = {"show", NULL};
    static const struct fc_opt table[] = {
        {.name = "at",
         .type = FC_OPT_STRING,
         .offset = offsetof(struct target, at),
         .arg = "DATE",
         .help = "a date or a time; now when absent"},
        {.name = "diff",
         .type = FC_OPT_FLAG,
         .offset = offsetof(struct target, diff),
         .help = "what differs between two dates, which follow as operands"},
        {.name = "changes",
         .type = FC_OPT_FLAG,
         .offset = offsetof(struct target, changes),
         .help = "everything that changes, past and to come, with its source"},
        {.name = "environment",
         .type = FC_OPT_STRING,
         .offset = offsetof(struct target, environment),
         .arg = "NAME",
         .help = "production (when absent: the first that is served), staging, rfc8555, pebble"},
        {.name = "policy",
         .type = FC_OPT_STRING,
         .offset = offsetof(struct target, file),
         .arg = "FILE",
         .help = "a policy file, instead of the running CA's"},
        FC_CMD_TARGET_ROWS,
        {.name = NULL}};
    fc_auto_free const char **operands = fc_calloc((size_t)argc + 1, sizeof *operands);
    struct fc_opt_result result = {.operands = operands};
    struct target target = {0};
    struct fc_err err = {0};

    int code = fc_cmd_parse(self, table, &target, argc, argv, &result, 0, 3);
    if (code >= 0)
        return code;
    if (result.n_operands && !fc_cmd_word(self, operands[0], words))
        return FC_EXIT_USAGE;
    if (check(&target, result.n_operands, &err))
        return fc_cmd_fail(self, &err);
    if (target.diff) {
        target.from = operands[1];
        target.to = operands[2];
    }
    return show(self, &target);
}

const struct fc_cmd fc_cmd_policy = {.name = "policy",
                                     .synopsis = "show [--at DATE] [--diff DATE DATE] [--changes] [--environment NAME]",
                                     .summary = "show the rules as they are at a date, and what changes",
                                     .about = about,
                                     .run = run};
