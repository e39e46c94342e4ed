/* fakeca-check: rehearses the life of somebody's certificate setup and tells what would fail. `fakeca check` runs it. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base_alloc.h"
#include "base/base_text.h"
#include "base/base_time.h"
#include "base/base_version.h"
#include "cases/ck_case.h"
#include "cmd/ck_cmd.h"

#define NAME "fakeca check"
#define IDS_MAX 200

static const char *const levels[] = {"fail", "warn", NULL};

#define AT(member) .offset = offsetof(struct ck_cmd_options, member)
#define LIST(row_name, member, row_arg, row_help)                                                                      \
    {                                                                                                                  \
        .name = row_name, .type = FC_OPT_STRINGS, AT(member), .arg = row_arg, .help = row_help                         \
    }
#define FLAG(row_name, row_letter, member, row_help)                                                                   \
    {                                                                                                                  \
        .name = row_name, .letter = row_letter, .type = FC_OPT_FLAG, AT(member), .help = row_help                      \
    }

static const struct fc_opt options[] = {
    FLAG("list", 0, list, "list the checks and end; with -v: and the witnesses that each must hear"),
    FLAG("explain", 0, explain, "tell what would run, what is skipped and which member would enable it; start nothing"),
    LIST("only", only, "ID", "this check alone (repeatable; several with commas)"),
    LIST("skip", skip, "ID", "all but this check"),
    LIST("group", group, "NAME", "the checks of this group alone"),
    LIST("require", require, "ID", "a check that must come to pass, fail or warn, else the exit code is 3"),
    LIST("format", format, "NAME[=FILE]", "text, json, junit, tap; several at once (default: text)"),
    {.name = "fail-on",
     .type = FC_OPT_WORD,
     AT(fail_on),
     .arg = "LEVEL",
     .words = levels,
     .help = "what makes the exit code 1: fail, or warn as well"},
    FLAG("strict", 0, strict, "a skipped check is not judged: exit code 3"),
    {.name = "from",
     .type = FC_OPT_STRING,
     AT(from),
     .arg = "WHEN",
     .help = "where the rehearsal's clock begins: 2028-02-16 rehearses 45-day certificates (default: now)"},
    {.name = "ca",
     .type = FC_OPT_STRING,
     AT(ca),
     .arg = "URL",
     .help = "management address of a CA that is running and that the client uses already; its clock is moved"},
    {.name = "timeout",
     .type = FC_OPT_DURATION,
     AT(timeout),
     .arg = "DURATION",
     .min = FC_SECOND,
     .max = 30 * FC_DAY,
     .help = "end after so much real time, with what was seen"},
    FLAG("every-run", 0, every_run,
         "live every scheduled run; without it, runs between two that ordered nothing are inferred"),
    {.name = "patient",
     .type = FC_OPT_DURATION,
     AT(patient),
     .arg = "DURATION",
     .min = FC_SECOND,
     .max = 30 * FC_DAY,
     .help =
         "wait so long in real time for a server that renews by itself and is overdue; without it, one that does not "
         "notice simulated time is not judged"},
    FLAG("verbose", 'v', verbose, "list what passed too"),
    FLAG("self-test", 0, self_test,
         "the operands are folders with mutants.json: rehearse each good and broken setup, print the matrix"),
    LIST("mutant", mutant, "NAME", "with --self-test: this setup alone"),
    {.name = "jobs",
     .type = FC_OPT_INT,
     AT(jobs),
     .arg = "N",
     .min = 1,
     .max = 64,
     .help = "with --self-test: so many rehearsals at once (default: 4; they mostly wait)"},
    {.name = "results",
     .type = FC_OPT_STRING,
     AT(results),
     .arg = "FOLDER",
     .help = "with --self-test: keep the result of each setup there; without operands: print the matrix of them"},
    FLAG("keep", 0, keep, "leave the folder of the rehearsal"),
    LIST("blind", blind, "WITNESS",
         "switch a witness off (probe, tls, log, files, clock): to prove that no check passes without it"),
    {.name = NULL}};

static int fail(const struct fc_err *err)
{
    fprintf(stderr, NAME ": %s\n", err->text);
    return fc_err_exit(err->code);
}

static void usage(FILE *to)
{
    fputs("usage: fakeca check [options] SETUP.json\n"
          "\n"
          "Rehearses the life of a certificate setup against a CA of its own, on simulated time: first issue, restart, "
          "renewal,\n"
          "reload, and tells with evidence and remedy what would fail in production. The setup's folder is put back "
          "afterwards.\n"
          "\n"
          "options:\n",
          to);
    fc_opt_help(options, to);
    fputs(
        "\n"
        "examples:\n"
        "  fakeca check setup.json                                    the whole life of a setup\n"
        "  fakeca check --explain setup.json                          what would run, and which member enables more\n"
        "  fakeca check --only reload-serves-new-cert setup.json      one check, after mending\n"
        "  fakeca check --format text --format junit=report.xml setup.json\n"
        "  fakeca check --from 2028-02-16 setup.json                  with the 45-day certificates of that day\n"
        "\n"
        "exit codes: 0 every check that ran passed (warnings allowed), 1 one or more failed, 2 usage or description,\n"
        "            3 not judged, 4 the tool broke, 124 out of time, 130 interrupted\n",
        to);
}

/* ---- which checks ---- */

static int unknown(const char *what, const char *word, const char *const *list, size_t n, struct fc_err *err)
{
    const char *nearest = fc_opt_nearest(word, list, n);

    return fc_err_set(err, FC_E_USAGE, "there is no %s '%s'%s%s%s", what, word, nearest ? ", did you mean '" : "",
                      nearest ? nearest : "", nearest ? "'?" : " (--list shows them)");
}

static size_t count(const char *const *list)
{
    size_t n = 0;

    while (list[n])
        n++;
    return n;
}

static int check_words(const struct fc_opt_strings *lists, const char *what, const char *const *known,
                       struct fc_err *err)
{
    size_t n = count(known);

    for (size_t i = 0; i < lists->count; i++) {
        fc_auto_free char *copy = fc_strdup(lists->at[i]);
        char *rest = copy, *word;
        while ((word = strsep(&rest, ","))) {
            size_t j = 0;
            while (j < n && strcmp(known[j], word) != 0)
                j++;
            if (j == n)
                return unknown(what, word, known, n, err);
        }
    }
    return 0;
}

static bool named(const struct fc_opt_strings *lists, const char *word)
{
    size_t len = strlen(word);

    for (size_t i = 0; i < lists->count; i++)
        for (const char *at = lists->at[i]; at; at = strchr(at, ','), at = at ? at + 1 : NULL)
            if (strncmp(at, word, len) == 0 && (!at[len] || at[len] == ','))
                return true;
    return false;
}

static int select_checks(const struct ck_cmd_options *given, const char **ret_ids, struct fc_err *err)
{
    const char *groups[64];
    const char *const *ids = ck_cases_ids();
    size_t n = 0;

    for (size_t i = 0; i < ck_cases_n_groups; i++)
        groups[i] = ck_cases_groups[i]->name;
    groups[ck_cases_n_groups] = NULL;
    if (check_words(&given->only, "check", ids, err) || check_words(&given->skip, "check", ids, err) ||
        check_words(&given->require, "check", ids, err) || check_words(&given->group, "group", groups, err) ||
        check_words(&given->blind, "witness", ck_core_witnesses, err))
        return -1;
    for (; *ids; ids++) {
        const struct ck_group *group;
        ck_cases_find(*ids, &group);
        bool all = given->only.count == 0 && given->group.count == 0;
        if ((all || named(&given->only, *ids) || named(&given->group, group->name)) && !named(&given->skip, *ids))
            ret_ids[n++] = *ids;
    }
    ret_ids[n] = NULL;
    return n ? 0 : fc_err_set(err, FC_E_USAGE, "no check is left");
}

/* ---- reports ---- */

struct output {
    const struct ck_report_format *format;
    const char *file; /* NULL: standard output */
};

static int read_formats(const struct ck_cmd_options *given, struct output *outputs, size_t *ret_count,
                        struct fc_err *err)
{
    static const char *const names[] = {"text", "json", "junit", "tap", NULL};

    *ret_count = given->format.count;
    for (size_t i = 0; i < given->format.count; i++) {
        const char *equals = strchr(given->format.at[i], '=');
        fc_auto_free char *name = equals ? fc_strndup(given->format.at[i], (size_t)(equals - given->format.at[i]))
                                         : fc_strdup(given->format.at[i]);
        outputs[i] = (struct output){ck_report_find(name), equals ? equals + 1 : NULL};
        if (!outputs[i].format)
            return unknown("format", name, names, count(names), err);
    }
    if (given->format.count == 0) {
        outputs[0] = (struct output){ck_report_find("text"), NULL};
        *ret_count = 1;
    }
    return 0;
}

static int write_reports(struct ck_report *report, const struct output *outputs, size_t n, struct fc_err *err)
{
    for (size_t i = 0; i < n; i++) {
        FILE *to = outputs[i].file ? fopen(outputs[i].file, "we") : stdout;
        if (!to)
            return fc_err_errno(err, "cannot write '%s'", outputs[i].file);
        report->colour = to == stdout && isatty(1) == 1 && !getenv("NO_COLOR");
        outputs[i].format->write(report, to);
        bool failed = fflush(to) != 0 || ferror(to);
        if (to != stdout)
            failed |= fclose(to) != 0;
        if (failed)
            return fc_err_errno(err, "cannot write the report");
    }
    return 0;
}

static json_t *plan(const char *const *ids)
{
    json_t *checks = json_array();

    for (; *ids; ids++) {
        const struct ck_group *group;
        const struct ck_case *check = ck_cases_find(*ids, &group);
        json_array_append_new(checks, json_pack("{s:s,s:s,s:s,s:s}", "id", check->id, "group", group->name, "title",
                                                check->title, "severity", ck_core_severity(check->severity)));
    }
    return checks;
}

/* ---- the exit code ---- */

static bool judged(const json_t *check)
{
    const char *result = ck_report_text(check, "result");

    return strcmp(result, "pass") == 0 || strcmp(result, "warn") == 0 || strcmp(result, "fail") == 0;
}

/* A critical check ran, and so did each that was required. */
static bool enough(const struct ck_report *report, const struct ck_cmd_options *given)
{
    const json_t *checks = json_object_get(report->json, "checks"), *check;
    bool critical = given->only.count > 0;
    size_t i;

    json_array_foreach(checks, i, check)
    {
        critical |= judged(check) && strcmp(ck_report_text(check, "severity"), "critical") == 0;
        if (named(&given->require, ck_report_text(check, "id")) && !judged(check))
            return false;
    }
    return critical && (!given->strict || ck_report_count(report, CK_SKIP) == 0) &&
           ck_report_count(report, CK_PASS) + ck_report_count(report, CK_WARN) + ck_report_count(report, CK_FAIL) > 0;
}

static int exit_code(const struct ck_report *report, const struct ck_cmd_options *given)
{
    if (ck_report_count(report, CK_ERROR) || json_object_get(report->json, "broken"))
        return CK_EXIT_BROKEN;
    if (ck_report_count(report, CK_FAIL) || (given->fail_on == 1 && ck_report_count(report, CK_WARN)))
        return CK_EXIT_FAILED;
    if (ck_report_count(report, CK_INCONCLUSIVE) || !enough(report, given))
        return CK_EXIT_NOT_JUDGED;
    return CK_EXIT_GOOD;
}

/* ---- main ---- */

static int rehearse(const struct ck_cmd_run *run, struct fc_err *err)
{
    struct output outputs[FC_OPT_STRINGS_MAX];
    struct ck_report report = {.setup_file = run->setup_file, .verbose = run->options->verbose};
    size_t n;

    if (read_formats(run->options, outputs, &n, err))
        return fail(err);
    ck_report_init(&report, plan(run->ids));
    int code = ck_cmd_front(run, &report, err);
    if (!json_object_get(report.json, "seconds")) {
        ck_report_release(&report);
        return fail(err);
    }
    if (err->code)
        fail(err);
    struct fc_err written = {0};
    if (write_reports(&report, outputs, n, &written))
        code = fail(&written);
    if (code == CK_EXIT_GOOD)
        code = exit_code(&report, run->options);
    ck_report_release(&report);
    return code;
}

static int check_policy(const struct ck_setup *setup, struct fc_err *err)
{
    const char *const *ids = ck_cases_ids();

    for (size_t i = 0; i < setup->n_policy; i++)
        if (!ck_cases_find(setup->policy[i].id, NULL))
            return unknown("check", setup->policy[i].id, ids, count(ids), err) |
                   fc_err_prefix(err, "%s: policy", setup->path);
    return 0;
}

/* A CA that is not there is found before anything is reported of it. */
static int check_ca(const char *management, struct fc_err *err)
{
    struct fc_err why = {0};
    struct ck_ca ca = {0};

    if (ck_ca_attach(management, &ca, &why) == 0) {
        ck_ca_stop(&ca);
        return 0;
    }
    return fc_err_set(err, FC_E_SYSTEM,
                      "option '--ca': %s (it wants the management address, as 'fakeca serve' prints it)", why.text);
}

static int run(const struct ck_cmd_options *given, const char *file, const char *const *ids)
{
    fc_auto(ck_setup_free) struct ck_setup *setup = NULL;
    char programs[PATH_MAX] = "";
    struct fc_err err = {0};
    unsigned blind = 0;

    if (ck_setup_read(file, &setup, &err) || check_policy(setup, &err))
        return fail(&err);
    if (given->explain) {
        ck_cmd_explain(setup, ids);
        return CK_EXIT_GOOD;
    }
    if (given->ca && check_ca(given->ca, &err))
        return fail(&err);
    if (readlink("/proc/self/exe", programs, sizeof programs - 1) < 0 || !strrchr(programs, '/'))
        return fail((fc_err_errno(&err, "cannot find this program"), &err));
    *strrchr(programs, '/') = '\0';
    for (unsigned i = 0; ck_core_witnesses[i]; i++)
        blind |= named(&given->blind, ck_core_witnesses[i]) ? 1u << i : 0;
    const struct ck_cmd_run what = {
        .options = given, .setup = setup, .setup_file = file, .programs = programs, .ids = ids, .blind = blind};
    return rehearse(&what, &err);
}

/* What would otherwise be passed over, or come to light when the rehearsal begins. */
static int check_options(const struct ck_cmd_options *given, struct fc_err *err)
{
    bool relative;
    int64_t from;

    if (given->ca && given->from)
        return fc_err_set(err, FC_E_USAGE,
                          "--from sets the clock of a CA of its own, and --ca names one that is running");
    if (!given->self_test && (given->mutant.count || given->results))
        return fc_err_set(err, FC_E_USAGE, "--mutant and --results go with --self-test");
    if (!given->from)
        return 0;
    if (fc_time_parse_when(given->from, &relative, &from, err))
        return fc_err_prefix(err, "option '--from'");
    if (!relative && (from < FC_TIME_MIN || from > FC_TIME_MAX))
        return fc_err_set(err, FC_E_USAGE, "option '--from': '%s' is not between 2000 and 2199", given->from);
    return 0;
}

int main(int argc, char **argv)
{
    const char *ids[IDS_MAX + 1];
    fc_auto_free const char **operands = fc_calloc((size_t)argc + 1, sizeof *operands);
    struct fc_opt_result result = {.operands = operands};
    struct ck_cmd_options given = {.jobs = 4};
    struct fc_err err = {0};

    if (fc_opt_parse(options, &given, argc - 1, argv + 1, false, &result, &err))
        return fail(&err);
    if (result.help) {
        usage(stdout);
        return CK_EXIT_GOOD;
    }
    if (select_checks(&given, ids, &err))
        return fail(&err);
    if (given.list) {
        ck_cmd_list(ids, given.verbose);
        return CK_EXIT_GOOD;
    }
    if (check_options(&given, &err))
        return fail(&err);
    if (given.self_test && (result.n_operands || given.results)) {
        const struct ck_cmd_selftest what = {.folders = operands,
                                             .names = &given.mutant,
                                             .results = given.results,
                                             .jobs = given.jobs,
                                             .keep = given.keep};
        int code = ck_cmd_selftest(&what, &err);
        return err.code ? fail(&err) : code;
    }
    if (result.n_operands != 1) {
        usage(stderr);
        return CK_EXIT_USAGE;
    }
    return run(&given, result.operands[0], ids);
}
