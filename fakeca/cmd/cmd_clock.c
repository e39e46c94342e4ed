/* fakeca clock: the simulated time of the running CA. */
#include "cmd/cmd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_alloc.h"
#include "base/base_json.h"
#include "base/base_text.h"
#include "base/base_time.h"

struct target {
    struct fc_cmd_target api;
    const char *to;
    int64_t advance_days;
};

static const char *const words[] = {"show", "advance", "set", "freeze", "follow", "reset", NULL};

static const char about[] =
    "The simulated time of the running CA: one now that certificates, orders, limits and every client under it share.\n"
    "\n"
    "  show                 simulated and real time (also without a word)\n"
    "  advance DURATION     skip: 60d, 1h30m, -2d (backwards)\n"
    "  advance --to WHEN    skip to a time (2027-02-10), or to next-renewal, next-expiry, next-change,\n"
    "                       retry-after (when what a rate limit denied may be tried again)\n"
    "  set TIME             make it that time now: 2027-02-10T12:00:00Z\n"
    "  freeze, follow       stand still; run with real time again, offset kept\n"
    "  reset                offset 0: simulated time is real time\n"
    "  find-due -- CMD      the day of its certificate's life on which a client renews (find-due --help)\n"
    "\n"
    "After a skip it says of each client in the event log what brings it to notice, and whether it is due by its own "
    "rule.\n"
    "\n"
    "examples:\n"
    "  fakeca clock advance 60d              the same as fakeca --advance-days 60\n"
    "  fakeca clock advance --to next-renewal\n"
    "  fakeca clock set 2028-02-16           the day of the 45-day certificates\n";

static void print_clock(const json_t *clock)
{
    char text[FC_TIME_TEXT_MAX];
    json_int_t offset = json_integer_value(json_object_get(clock, "offset_s"));

    printf("simulated  %s (%s)\n", fc_cmd_text(clock, "now"), fc_cmd_text(clock, "state"));
    printf("real       %s\n", fc_cmd_text(clock, "real"));
    printf("offset     %s\n", fc_duration_text((int64_t)offset * FC_SECOND, text));
}

/* "2 certificates became due for renewal, 1 expired" and the warnings. */
static void print_skip(const json_t *skip)
{
    const json_t *before = json_object_get(skip, "before"), *after = json_object_get(skip, "after");
    json_int_t due = json_integer_value(json_object_get(skip, "due"));
    json_int_t expired = json_integer_value(json_object_get(skip, "expired"));
    const json_t *warning;
    size_t i;
    char text[64];

    printf("clock: %s -> %s (%s)\n", fc_cmd_text(before, "now"), fc_cmd_text(after, "now"),
           fc_cmd_text(after, "state"));
    if (json_is_string(json_object_get(skip, "reached")))
        printf("reached: %s\n", fc_cmd_text(skip, "reached"));
    printf("%s became due for renewal, %lld expired\n", fc_cmd_count(due, "certificate", "certificates", text),
           (long long)expired);
    json_array_foreach(json_object_get(skip, "warnings"), i, warning)
        printf("warning: %s\n", json_string_value(warning));
}

/* {"by": ...}, {"to": ...} or {}; NULL with err set when the words do not fit the action. */
static json_t *change_body(const char *action, const char *value, const char *to, struct fc_err *err)
{
    bool advance = strcmp(action, "advance") == 0, set = strcmp(action, "set") == 0;

    if (to && !advance) {
        fc_err_set(err, FC_E_USAGE, "--to belongs to 'fakeca clock advance'");
        return NULL;
    }
    if (!advance && !set) {
        if (value)
            fc_err_set(err, FC_E_USAGE, "'fakeca clock %s' takes no value", action);
        return value ? NULL : json_object();
    }
    if (!value == !to) {
        fc_err_set(err, FC_E_USAGE,
                   advance ? "say how far: 'fakeca clock advance 60d', or 'fakeca clock advance --to 2027-02-10'"
                           : "say when: 'fakeca clock set 2027-02-10'");
        return NULL;
    }
    /* "+60d" is what a hand types */
    const char *plain = value && value[0] == '+' ? value + 1 : value;
    return advance && !to ? json_pack("{s:s}", "by", plain) : json_pack("{s:s}", "to", to ? to : value);
}

static int change(const struct fc_cmd *self, const struct target *target, const char *action, const char *value)
{
    struct fc_err err = {0};
    fc_auto_json body = change_body(action, value, target->to, &err);
    fc_auto_json skip = NULL;
    fc_auto_free char *path = fc_asprintf("/api/v1/clock/%s", action);

    if (!body || fc_cmd_api(&target->api, "POST", path, body, &skip, &err))
        return fc_cmd_fail(self, &err);
    if (target->api.json) {
        fc_cmd_print_json(skip);
        return fc_cmd_done(self);
    }
    print_skip(skip);
    /* the clock has moved already: who cannot be told of the clients has lost nothing else */
    if ((strcmp(action, "advance") == 0 || strcmp(action, "set") == 0) &&
        fc_cmd_notice_print(&target->api, fc_cmd_text(json_object_get(skip, "after"), "now"), &err))
        fprintf(stderr, "fakeca clock: cannot tell which clients will notice: %s\n", err.text);
    return fc_cmd_done(self);
}

static int show(const struct fc_cmd *self, const struct target *target)
{
    struct fc_err err = {0};
    fc_auto_json clock = NULL;

    if (fc_cmd_api(&target->api, "GET", "/api/v1/clock", NULL, &clock, &err))
        return fc_cmd_fail(self, &err);
    if (target->api.json)
        fc_cmd_print_json(clock);
    else
        print_clock(clock);
    return fc_cmd_done(self);
}

/* "-2d" looks like an option: it is put behind "--" so that it is read as a value. */
static bool is_negative(const char *argument)
{
    return argument[0] == '-' && argument[1] >= '0' && argument[1] <= '9';
}

/* Without the word itself, which may stand behind options. */
static int find_due(const struct fc_cmd *self, int at, int argc, char *const *argv)
{
    fc_auto_free char **rest = fc_calloc((size_t)argc + 1, sizeof *rest);

    memcpy(rest, argv, (size_t)at * sizeof *rest);
    memcpy(rest + at, argv + at + 1, (size_t)(argc - at - 1) * sizeof *rest);
    return fc_cmd_find_due(self, argc - 1, rest);
}

static int run(const struct fc_cmd *self, int argc, char *const *argv)
{
    static const struct fc_opt table[] = {
        {.name = "to",
         .type = FC_OPT_STRING,
         .offset = offsetof(struct target, to),
         .arg = "WHEN",
         .help = "with advance: a time, next-renewal, next-expiry, next-change or retry-after"},
        FC_CMD_TARGET_ROWS,
        {.name = NULL}};
    fc_auto_free char **rest = fc_calloc((size_t)argc + 1, sizeof *rest);
    fc_auto_free const char **operands = fc_calloc((size_t)argc + 1, sizeof *operands);
    struct fc_opt_result result = {.operands = operands};
    struct target target = {0};
    const char *negative = NULL;
    int n = 0;

    /* a command of its own, with options of its own */
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "find-due") == 0)
            return find_due(self, i, argc, argv);
    for (int i = 0; i < argc; i++)
        if (!negative && is_negative(argv[i]))
            negative = argv[i];
        else
            rest[n++] = argv[i];
    int code = fc_cmd_parse(self, table, &target, n, rest, &result, 0, negative ? 1 : 2);
    if (code >= 0)
        return code;
    const char *action = result.n_operands ? fc_cmd_word(self, operands[0], words) : "show";
    if (!action)
        return FC_EXIT_USAGE;
    const char *value = negative ? negative : result.n_operands > 1 ? operands[1] : NULL;
    if (strcmp(action, "show") == 0 && !value && !target.to)
        return show(self, &target);
    return change(self, &target, action, value);
}

const struct fc_cmd fc_cmd_clock = {.name = "clock",
                                    .synopsis = "[show | advance DURATION | advance --to WHEN | set TIME | freeze | "
                                                "follow | reset | find-due ... -- CMD]",
                                    .summary = "show, skip, set, freeze the simulated time",
                                    .about = about,
                                    .run = run};

int fc_cmd_advance_days(int argc, char *const *argv)
{
    static const struct fc_opt table[] = {{.name = "advance-days",
                                           .type = FC_OPT_INT,
                                           .offset = offsetof(struct target, advance_days),
                                           .arg = "N",
                                           .min = -73000,
                                           .max = 73000,
                                           .help = "days to skip, backwards when negative"},
                                          FC_CMD_TARGET_ROWS,
                                          {.name = NULL}};
    struct fc_opt_result result = {0};
    struct target target = {0};

    int code = fc_cmd_parse(&fc_cmd_clock, table, &target, argc, argv, &result, 0, 0);
    if (code >= 0)
        return code;
    fc_auto_free char *by = fc_asprintf("%lldd", (long long)target.advance_days);
    return change(&fc_cmd_clock, &target, "advance", by);
}
