/* fakeca fault: trouble on request. */
#include "cmd/cmd.h"

#include <stdio.h>
#include <string.h>

#include "base/base_alloc.h"
#include "base/base_json.h"
#include "base/base_text.h"
#include "base/base_time.h"

#include "faults/faults.h"

static const char *const verbs[] = {"list", "add", "clear", "kinds", NULL};

static const char about[] =
    "Trouble that a CA, its network or its DNS may make, on request; all is well again after 'clear' and after a "
    "restart.\n"
    "\n"
    "  list              the rules, and how often each was met (also without a word)\n"
    "  add KIND          a rule; 'fakeca fault kinds' shows what kinds there are and which options each needs\n"
    "  clear [NUMBER]    one rule, or all\n"
    "  kinds             all kinds of trouble\n"
    "\n"
    "A rule meets every request, or those that --at, --environment, --account and --name say; the next --times N of\n"
    "them, a --share of them (percent, the same ones with the same --seed), and only --for so long (simulated time).\n"
    "Endpoints for --at: directory, newNonce, newAccount, newOrder, newAuthz, revokeCert, keyChange, renewalInfo,\n"
    "account, orders, order, authorization, challenge, finalize, certificate.\n"
    "\n"
    "examples:\n"
    "  fakeca fault add bad-nonce --times 1\n"
    "  fakeca fault add rate-limited --at newOrder --retry-after 1h\n"
    "  fakeca fault add unavailable-html --share 20 --seed 7\n"
    "  fakeca fault add refuse --for 3d\n"
    "  fakeca fault add processing --delay 40s --retry-after 2s\n"
    "  fakeca fault add issuance-fails --times 1\n"
    "  fakeca fault add problem --type userActionRequired --at newOrder --times 1\n"
    "  fakeca fault add body --body '{garbage' --at renewalInfo\n"
    "  fakeca fault add drop-header --header Replay-Nonce\n"
    "  fakeca fault add offer --types http-01\n"
    "  fakeca fault add dns-servfail --name a.test\n"
    "  fakeca fault add blind --perspective 2\n";

struct target {
    struct fc_cmd_target api;
    const char *at, *environment, *name, *type, *detail, *header, *member, *content_type, *body, *types, *form;
    int64_t account, times, share, seed, lasts, status, retry_after, delay, perspective;
};

#define TEXT_ROW(row, value, row_arg, row_help)                                                                        \
    {                                                                                                                  \
        .name = row, .type = FC_OPT_STRING, .offset = offsetof(struct target, value), .arg = row_arg,                  \
        .help = "add: " row_help                                                                                       \
    }
#define INT_ROW(row, value, least, most, row_help)                                                                     \
    {                                                                                                                  \
        .name = row, .type = FC_OPT_INT, .offset = offsetof(struct target, value), .arg = "N", .min = least,           \
        .max = most, .help = "add: " row_help                                                                          \
    }
#define TIME_ROW(row, value, most, row_help)                                                                           \
    {                                                                                                                  \
        .name = row, .type = FC_OPT_DURATION, .offset = offsetof(struct target, value), .arg = "TIME", .min = FC_MS,   \
        .max = most, .help = "add: " row_help                                                                          \
    }

static const struct fc_opt table[] = {
    TEXT_ROW("at", at, "ENDPOINT,...", "only requests to these"),
    TEXT_ROW("environment", environment, "NAME", "only requests to this environment"),
    INT_ROW("account", account, 1, INT64_MAX, "only requests of this account"),
    TEXT_ROW("name", name, "NAME", "only requests about this name; *.a.test: names below it too"),
    INT_ROW("times", times, 1, 1000000, "the next N requests"),
    INT_ROW("share", share, 1, 100, "percent of the requests"),
    INT_ROW("seed", seed, 0, INT64_MAX, "of --share"),
    TIME_ROW("for", lasts, FC_DURATION_MAX, "so long, in simulated time"),
    TEXT_ROW("type", type, "TYPE", "of the problem: rateLimited, userActionRequired ..."),
    INT_ROW("status", status, 200, 599, "HTTP status"),
    TEXT_ROW("detail", detail, "TEXT", "of the problem"),
    TIME_ROW("retry-after", retry_after, 30 * FC_DAY, "Retry-After of the answer"),
    TEXT_ROW("retry-after-form", form, "FORM", "seconds or date"),
    TIME_ROW("delay", delay, 10 * FC_MINUTE, "how long it takes, in real time"),
    INT_ROW("perspective", perspective, 0, 15, "which one; 0: the primary"),
    TEXT_ROW("header", header, "NAME", "which header"),
    TEXT_ROW("member", member, "NAME", "which member: renewalInfo, meta.termsOfService"),
    TEXT_ROW("content-type", content_type, "TYPE", "Content-Type of the answer"),
    TEXT_ROW("body", body, "TEXT", "the answer"),
    TEXT_ROW("types", types, "TYPE,...", "challenge types: http-01, or names that nobody knows"),
    FC_CMD_TARGET_ROWS,
    {.name = NULL}};

/* "a,b" */
static json_t *list_of(const char *text)
{
    json_t *list = json_array();

    for (const char *at = text; *at; at += *at == ',') {
        size_t len = strcspn(at, ",");
        json_array_append_new(list, json_stringn(at, len));
        at += len;
    }
    return list;
}

static void put_text(json_t *rule, const char *member, const char *text)
{
    if (text)
        json_object_set_new(rule, member, json_string(text));
}

static void put_int(json_t *rule, const char *member, int64_t value, int64_t unset)
{
    if (value != unset)
        json_object_set_new(rule, member, json_integer(value));
}

static void put_duration(json_t *rule, const char *member, int64_t value)
{
    char text[FC_TIME_TEXT_MAX];

    if (value)
        json_object_set_new(rule, member, json_string(fc_duration_text(value, text)));
}

static json_t *rule_of(const char *kind, const struct target *target)
{
    json_t *rule = json_pack("{s:s}", "kind", kind);

    if (target->at)
        json_object_set_new(rule, "endpoints", list_of(target->at));
    if (target->types)
        json_object_set_new(rule, "types", list_of(target->types));
    put_text(rule, "environment", target->environment);
    put_int(rule, "account", target->account, 0);
    put_text(rule, "name", target->name);
    put_int(rule, "times", target->times, 0);
    put_int(rule, "share", target->share, 0);
    put_int(rule, "seed", target->seed, -1);
    put_duration(rule, "for", target->lasts);
    put_text(rule, "type", target->type);
    put_int(rule, "status", target->status, 0);
    put_text(rule, "detail", target->detail);
    put_duration(rule, "retry_after", target->retry_after);
    put_text(rule, "retry_after_form", target->form);
    put_duration(rule, "delay", target->delay);
    put_int(rule, "perspective", target->perspective, -1);
    put_text(rule, "header", target->header);
    put_text(rule, "member", target->member);
    put_text(rule, "content_type", target->content_type);
    put_text(rule, "body", target->body);
    return rule;
}

/* "3  rate-limited  active, met 2 times  endpoints=newOrder retry_after=1h" */
static void print_rule(const json_t *rule)
{
    static const char *const heads[] = {"id", "kind", "state", "used", "endpoints", "types", NULL};
    const json_t *list = json_object_get(rule, "endpoints"), *item;
    char count[64];
    const char *key;
    json_t *value;
    size_t i;

    printf("%-4s %-17s %s, met %s", fc_cmd_text(rule, "id"), fc_cmd_text(rule, "kind"), fc_cmd_text(rule, "state"),
           fc_cmd_count(json_integer_value(json_object_get(rule, "used")), "time", "times", count));
    json_array_foreach(list, i, item) printf("%s%s", i ? "," : "  at ", json_string_value(item));
    json_object_foreach((json_t *)(uintptr_t)rule, key, value)
    {
        bool head = (strcmp(key, "share") == 0 && json_integer_value(value) == 100);
        for (size_t k = 0; heads[k]; k++)
            head = head || strcmp(heads[k], key) == 0;
        if (!head)
            printf(" %s=%s", key, fc_cmd_text(rule, key));
    }
    json_array_foreach(json_object_get(rule, "types"), i, item)
        printf("%s%s", i ? "," : " types=", json_string_value(item));
    putchar('\n');
}

static void print_kinds(void)
{
    for (int i = 0; i < FC_FAULT__MAX; i++) {
        enum fc_fault_kind kind = (enum fc_fault_kind)i;
        const char *needs = fc_fault_kind_needs(kind), *may = fc_fault_kind_may(kind);
        printf("%-18s %s\n", fc_fault_kind_name(kind), fc_fault_kind_help(kind));
        if (*needs || *may)
            printf("%-18s %s%s%s%s%s\n", "", *needs ? "needs " : "", needs, *needs && *may ? "; " : "",
                   *may ? "may have " : "", may);
    }
}

static void print_answer(const char *verb, const json_t *answer)
{
    const json_t *rules = json_object_get(answer, "faults"), *rule;
    char text[64];
    size_t i;

    if (strcmp(verb, "add") == 0)
        print_rule(answer);
    else if (strcmp(verb, "clear") == 0)
        printf("%s removed\n",
               fc_cmd_count(json_integer_value(json_object_get(answer, "removed")), "fault", "faults", text));
    else if (!json_array_size(rules))
        printf("no faults\n");
    json_array_foreach(rules, i, rule) print_rule(rule);
}

static int do_verb(const char *verb, const struct target *target, const char *operand, json_t **ret_answer,
                   struct fc_err *err)
{
    if (strcmp(verb, "add") == 0) {
        if (!operand)
            return fc_err_set(err, FC_E_USAGE, "'fakeca fault add' needs a KIND ('fakeca fault kinds' lists them)");
        fc_auto_json rule = rule_of(operand, target);
        return fc_cmd_api(&target->api, "POST", "/api/v1/faults", rule, ret_answer, err);
    }
    if (strcmp(verb, "clear") == 0) {
        fc_auto_free char *id = operand ? fc_cmd_api_encode(operand) : NULL;
        fc_auto_free char *path = fc_asprintf("/api/v1/faults%s%s", id ? "/" : "", id ? id : "");
        return fc_cmd_api(&target->api, "DELETE", path, NULL, ret_answer, err);
    }
    if (operand)
        return fc_err_set(err, FC_E_USAGE, "unexpected argument '%s'", operand);
    const char *path = strcmp(verb, "kinds") == 0 ? "/api/v1/faults/kinds" : "/api/v1/faults";
    return fc_cmd_api(&target->api, "GET", path, NULL, ret_answer, err);
}

/* Whether any option of a rule was given. */
static bool describes_rule(const struct target *target, const struct target *defaults)
{
    const size_t from = offsetof(struct target, at);

    return memcmp((const char *)target + from, (const char *)defaults + from, sizeof *target - from) != 0;
}

static int run(const struct fc_cmd *self, int argc, char *const *argv)
{
    fc_auto_free const char **operands = fc_calloc((size_t)argc + 1, sizeof *operands);
    struct fc_opt_result result = {.operands = operands};
    const struct target defaults = {.seed = -1, .perspective = -1};
    struct target target = defaults;
    struct fc_err err = {0};
    fc_auto_json answer = NULL;

    int code = fc_cmd_parse(self, table, &target, argc, argv, &result, 0, 2);
    if (code >= 0)
        return code;
    const char *verb = operands[0] ? fc_cmd_word(self, operands[0], verbs) : "list";
    if (!verb)
        return FC_EXIT_USAGE;
    if (strcmp(verb, "add") != 0 && describes_rule(&target, &defaults)) {
        /* 'clear --name a.test' would otherwise remove all */
        fc_err_set(&err, FC_E_USAGE, "'fakeca fault %s' takes no options of a rule: they belong to 'add'", verb);
        return fc_cmd_fail(self, &err);
    }
    if (strcmp(verb, "kinds") == 0 && !target.api.json) { /* known without a CA */
        print_kinds();
        return fc_cmd_done(self);
    }
    if (do_verb(verb, &target, operands[0] ? operands[1] : NULL, &answer, &err))
        return fc_cmd_fail(self, &err);
    if (target.api.json)
        fc_cmd_print_json(answer);
    else
        print_answer(verb, answer);
    return fc_cmd_done(self);
}

const struct fc_cmd fc_cmd_fault = {.name = "fault",
                                    .synopsis = "[list | add KIND [options] | clear [NUMBER] | kinds]",
                                    .summary = "make trouble: refusals, outages, delays, wrong answers",
                                    .about = about,
                                    .run = run};
