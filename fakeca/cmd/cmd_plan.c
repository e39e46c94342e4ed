/* An estate of certificates through the limits and the calendar, without a CA. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_clock.h"
#include "base/base_file.h"
#include "base/base_json.h"
#include "base/base_rand.h"
#include "base/base_time.h"

#include "cmd/cmd.h"
#include "plan/plan.h"

#define POLICY_MAX 1048576
#define PAGE_MAX (64 * 1048576)
#define DEFAULT_PERIOD (3 * 365 * FC_DAY)

struct target {
    int64_t from, to; /* INT64_MIN: not given */
    const char *environment, *policy, *limits;
    struct fc_opt_strings formats;
    bool json;
};

static const struct fc_opt options[] = {
    {.name = "from",
     .type = FC_OPT_TIME,
     .offset = offsetof(struct target, from),
     .arg = "DATE",
     .help = "the beginning (default: today)"},
    {.name = "to",
     .type = FC_OPT_TIME,
     .offset = offsetof(struct target, to),
     .arg = "DATE",
     .help = "the end (default: three years later); at most ten years later"},
    {.name = "format",
     .type = FC_OPT_STRINGS,
     .offset = offsetof(struct target, formats),
     .arg = "NAME[=FILE]",
     .help = "text, json or html, on standard output or into a file (default: text)"},
    {.name = "json", .type = FC_OPT_FLAG, .offset = offsetof(struct target, json), .help = "the same as --format json"},
    {.name = "environment",
     .type = FC_OPT_STRING,
     .offset = offsetof(struct target, environment),
     .arg = "NAME",
     .help = "whose rules: production, staging, rfc8555 or pebble (default: what the estate says, else production)"},
    {.name = "policy",
     .type = FC_OPT_STRING,
     .offset = offsetof(struct target, policy),
     .arg = "FILE",
     .help = "rules from a file instead"},
    {.name = "limits",
     .type = FC_OPT_STRING,
     .offset = offsetof(struct target, limits),
     .arg = "SETTING",
     .help = "letsencrypt, staging, off, or a factor (default: as the rules say)"},
    {0}};

static const char *const format_names[] = {"text", "json", "html"};
#define N_FORMATS (sizeof format_names / sizeof *format_names)

/* All that a plan needs, and what holds it. */
struct planning {
    char *text;
    size_t len;
    struct fc_policy *policy;
    struct fc_limits *limits;
    struct fc_plan_options options;
    struct fc_plan_estate *estate;
    struct fc_plan_report *report;
};

static void release(struct planning *p)
{
    fc_plan_report_free(p->report);
    fc_plan_estate_free(p->estate);
    fc_limits_free(p->limits);
    fc_policy_free(p->policy);
    free(p->text);
}

/* ---- what to write ---- */

static int unknown_format(const char *name, struct fc_err *err)
{
    const char *nearest = fc_opt_nearest(name, format_names, N_FORMATS);

    if (nearest)
        return fc_err_set(err, FC_E_USAGE, "option '--format': unknown format '%s', did you mean '%s'?", name, nearest);
    return fc_err_set(err, FC_E_USAGE, "option '--format': unknown format '%s' (text, json or html)", name);
}

/* The index of the format's name; *ret_file: behind the '=', or NULL. */
static int parse_format(const char *text, size_t *ret_format, const char **ret_file, struct fc_err *err)
{
    const char *equal = strchr(text, '=');
    fc_auto_free char *name = fc_strndup(text, equal ? (size_t)(equal - text) : strlen(text));

    *ret_file = equal ? equal + 1 : NULL;
    *ret_format = 0;
    while (*ret_format < N_FORMATS && strcmp(format_names[*ret_format], name) != 0)
        ++*ret_format;
    if (*ret_format == N_FORMATS)
        return unknown_format(name, err);
    if (equal && equal[1] == '\0')
        return fc_err_set(err, FC_E_USAGE, "option '--format': no file behind '%s'", text);
    return 0;
}

static int check_formats(const struct target *target, struct fc_err *err)
{
    size_t format, to_output = target->json;
    const char *file;

    for (size_t i = 0; i < target->formats.count; i++) {
        if (parse_format(target->formats.at[i], &format, &file, err))
            return -1;
        to_output += !file;
    }
    if (to_output > 1)
        return fc_err_set(err, FC_E_USAGE,
                          "two formats on standard output: give one of them a file (--format html=FILE)");
    return 0;
}

static int render(const struct fc_plan_report *report, size_t format, struct fc_buf *to, struct fc_err *err)
{
    if (format == 1) {
        fc_auto_json json = fc_plan_json(report);
        fc_auto_free char *text = json_dumps(json, JSON_INDENT(2));
        fc_buf_puts(to, text);
        fc_buf_putc(to, '\n');
    } else if (format == 2) {
        fc_plan_html(report, to);
    } else {
        fc_plan_text(report, to);
    }
    return to->full ? fc_err_set(err, FC_E_LIMIT, "the report is longer than %d bytes", PAGE_MAX) : 0;
}

static int write_format(const struct fc_plan_report *report, size_t format, const char *file, struct fc_err *err)
{
    struct fc_buf text fc_auto_buf = {0};

    fc_buf_init(&text, PAGE_MAX);
    if (render(report, format, &text, err))
        return -1;
    if (file)
        return fc_file_write_answer(file, text.data, text.len, err);
    fwrite(text.data, 1, text.len, stdout);
    return 0;
}

static int write_all(const struct target *target, const struct fc_plan_report *report, struct fc_err *err)
{
    bool to_output = target->json;
    size_t format;
    const char *file;

    for (size_t i = 0; i < target->formats.count; i++) {
        if (parse_format(target->formats.at[i], &format, &file, err) || write_format(report, format, file, err))
            return -1;
        to_output = to_output || !file;
    }
    /* a person at the terminal sees the verdict, also when the page goes into a file */
    return to_output && !target->json ? 0 : write_format(report, target->json, NULL, err);
}

/* ---- what to read ---- */

static int read_policy(const struct target *target, struct planning *p, struct fc_err *err)
{
    fc_auto_free char *text = NULL;
    size_t len;

    if (!target->policy)
        return fc_policy_builtin(
            target->environment ? target->environment : fc_plan_estate_environment(p->text, p->len), &p->policy, err);
    if (fc_file_read(target->policy, POLICY_MAX, &text, &len, err))
        return -1;
    return fc_policy_parse(text, len, target->policy, &p->policy, err);
}

/* A file that cannot be read was named wrongly: that is the user's to mend. */
static int as_usage(struct fc_err *err)
{
    err->code = FC_E_USAGE;
    return -1;
}

static int read_all(const struct target *target, const char *file, struct planning *p, struct fc_err *err)
{
    struct fc_limits_setting setting = {0};

    if (fc_file_read(file, FC_PLAN_FILE_MAX, &p->text, &p->len, err) || read_policy(target, p, err))
        return as_usage(err);
    if (target->limits && fc_limits_setting_parse(target->limits, &setting, err))
        return -1;
    if (fc_limits_new(p->policy, &setting, &p->limits, err))
        return -1;
    int64_t today = fc_clock_real();
    p->options = (struct fc_plan_options){.policy = p->policy, .limits = p->limits};
    p->options.from = target->from == INT64_MIN ? today - today % FC_DAY : target->from;
    p->options.to = target->to == INT64_MIN ? p->options.from + DEFAULT_PERIOD : target->to;
    return fc_plan_estate_read(p->text, p->len, file, &p->options, &p->estate, err);
}

static int plan(const struct target *target, const char *file, struct planning *p, struct fc_err *err)
{
    if (check_formats(target, err) || read_all(target, file, p, err))
        return -1;
    /* the same plan for the same file: what the limiter draws depends on the estate's seed too */
    fc_rand_seed(fc_plan_estate_seed(p->estate));
    if (fc_plan_run(p->estate, &p->options, &p->report, err))
        return as_usage(err);
    return write_all(target, p->report, err);
}

static int run(const struct fc_cmd *self, int argc, char *const *argv)
{
    struct target target = {.from = INT64_MIN, .to = INT64_MIN};
    fc_auto_free const char **operands = fc_calloc((size_t)argc + 1, sizeof *operands);
    struct fc_opt_result result = {.operands = operands};
    struct planning p = {0};
    struct fc_err err = {0};
    int code = fc_cmd_parse(self, options, &target, argc, argv, &result, 1, 1);

    if (code >= 0)
        return code;
    if (plan(&target, operands[0], &p, &err))
        code = fc_cmd_fail(self, &err);
    else
        code = fc_cmd_done(self);
    if (code == FC_EXIT_GOOD && !fc_plan_good(p.report))
        code = FC_EXIT_WRONG;
    release(&p);
    return code;
}

const struct fc_cmd fc_cmd_plan = {
    .name = "plan",
    .synopsis = "ESTATE.json [--from DATE] [--to DATE] [--format NAME[=FILE]]",
    .summary = "an estate of certificates through the limits and the calendar, without a client",
    .about =
        "Reads what certificates there are and how they are renewed, lets the time pass over Let's Encrypt's limits\n"
        "and dated changes, and tells what expires, what a limit denies and when, and what each change does.\n"
        "No CA, no client and no network take part.\n"
        "\n"
        "A small estate:\n"
        "  {\"certificates\": [\n"
        "    {\"name\": \"web\", \"names\": [\"shop.test\", \"www.shop.test\"], \"renew\": \"30d before expiry\"},\n"
        "    {\"name\": \"customers\", \"names\": [\"www.customer{n}.test\"], \"count\": 5000, \"renew\": \"ari\"}]}\n"
        "\n"
        "For each: renew ('ari', '2/3 of lifetime', '30d before expiry', 'every 60d'), count with {n} in the names,\n"
        "replicas (hosts that order the same names each), profile, account, checks_per_day, jitter, retry,\n"
        "replaces, issued with spread, and redeploys (first, every, count, loses_account); 'defaults' for all.\n"
        "\n"
        "examples:\n"
        "  fakeca plan estate.json --from 2026-12-01 --to 2029-12-01\n"
        "  fakeca plan estate.json --format text --format html=plan.html\n"
        "  fakeca plan estate.json --environment staging --json\n"
        "\n"
        "exit codes: 0 nothing breaks, 1 something expires or is denied beyond repair, 2 the estate is wrong\n",
    .run = run};
