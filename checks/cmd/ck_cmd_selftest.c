/* fakeca check --self-test FOLDER: each setup of the folder's mutants.json is rehearsed in a copy, and its verdicts are compared with
 * what is written there. A check is believed only when it passes on the good setup and finds each setup that is broken in its way.
 *
 *   {"good":    [{"name", "change", "warns": [ID], "inconclusive": [ID]}],
 *    "mutants": [{"name", "why", "change", "fails": [ID], "warns": [ID], "consequences": [ID]}]}
 *
 * `change` is a JSON merge patch (RFC 7396) on setup.json. A mutant must fail (or warn) what is named, and may fail its consequences. */
#include "cmd/ck_cmd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base_alloc.h"
#include "base/base_clock.h"
#include "base/base_file.h"
#include "base/base_json.h"
#include "base/base_proc.h"
#include "base/base_text.h"
#include "base/base_time.h"
#include "cases/ck_case.h"
#include "stage/ck_tree.h"

#define FILE_MAX (32 << 20)
#define RUN_TIME (20 * FC_MINUTE)

struct selftest {
    const struct ck_cmd_selftest *params;
    char work[256];
    size_t survived, run;
    json_t *proven; /* id -> names of the mutants that it caught */
};

/* ---- a description made of another one ---- */

static json_t *merge(const json_t *target, const json_t *patch)
{
    const char *name;
    json_t *value;

    if (!json_is_object(patch))
        return json_deep_copy(patch ? patch : target);
    json_t *merged = json_is_object(target) ? json_deep_copy(target) : json_object();
    json_object_foreach((json_t *)(uintptr_t)patch, name, value)
    {
        if (json_is_null(value))
            json_object_del(merged, name);
        else
            json_object_set_new(merged, name, merge(json_object_get(merged, name), value));
    }
    return merged;
}

static int read_json(const char *path, json_t **ret_value, struct fc_err *err)
{
    fc_auto_free char *text = NULL;
    size_t len;

    if (fc_file_read(path, FILE_MAX, &text, &len, err))
        return -1;
    return fc_json_parse(text, len, ret_value, err) ? fc_err_prefix(err, "%s", path) : 0;
}

static int make_copy(const char *folder, const json_t *row, const char *copy, struct fc_err *err)
{
    const struct ck_tree_limits limits = {10000, 64u << 20};
    fc_auto_free char *path = fc_asprintf("%s/setup.json", copy);
    fc_auto_json setup = NULL;

    if (ck_tree_copy(folder, copy, limits, err) || read_json(path, &setup, err))
        return -1;
    chmod(copy, 0755); /* servers give up root */
    fc_auto_json changed = merge(setup, json_object_get(row, "change"));
    fc_auto_free char *text = fc_json_text(changed);
    return fc_file_write(path, text, strlen(text), 0644, err);
}

/* ---- one rehearsal ---- */

static int rehearse(const char *copy, json_t **ret_report, struct fc_err *err)
{
    fc_auto_free char *json = fc_asprintf("json=%s.report.json", copy), *text = fc_asprintf("text=%s.report.txt", copy);
    fc_auto_free char *setup = fc_asprintf("%s/setup.json", copy);
    const char *argv[] = {"/proc/self/exe", setup, "--format", json, "--format", text, "-v", NULL};
    char self[512] = "";
    const struct fc_proc_spec spec = {.argv = argv, .max_out = 4096, .max_err = 65536};
    fc_auto(fc_proc_free) struct fc_proc *proc = NULL;
    struct fc_proc_exit how;

    if (readlink("/proc/self/exe", self, sizeof self - 1) < 0)
        return fc_err_errno(err, "cannot find this program");
    argv[0] = self;
    if (fc_proc_run(&spec, RUN_TIME, &proc, &how, err))
        return -1;
    if (read_json(json + strlen("json="), ret_report, NULL))
        return fc_err_set(err, FC_E_INTERNAL, "no report was written: %s",
                          fc_proc_output(proc, FC_PROC_ERR, NULL, NULL));
    return 0;
}

/* ---- the comparison ---- */

static bool lists(const json_t *row, const char *member, const char *id)
{
    const json_t *ids = json_object_get(row, member), *value;
    size_t i;

    json_array_foreach(ids, i, value)
    {
        if (strcmp(json_string_value(value), id) == 0)
            return true;
    }
    return false;
}

static bool bad(const char *result)
{
    return strcmp(result, "fail") == 0 || strcmp(result, "error") == 0;
}

/* Says what is wrong with a verdict; false when nothing is. */
static bool wrong(const json_t *row, bool mutant, const json_t *check)
{
    const char *id = ck_report_text(check, "id"), *result = ck_report_text(check, "result"), *expected = NULL;

    if (lists(row, "fails", id) && strcmp(result, "fail") != 0)
        expected = "fail";
    else if (lists(row, "warns", id) && strcmp(result, "warn") != 0)
        expected = "warn";
    else if (!lists(row, "fails", id) && !lists(row, "consequences", id) && bad(result))
        expected = "no failure";
    else if (!mutant && strcmp(result, "warn") == 0 && !lists(row, "warns", id))
        expected = "pass";
    else if (!mutant && strcmp(result, "inconclusive") == 0 && !lists(row, "inconclusive", id))
        expected = "a verdict";
    if (expected)
        printf("             %s: %s, expected %s: %s\n", id, result, expected, ck_report_text(check, "headline"));
    return expected != NULL;
}

static void count_proofs(struct selftest *test, const json_t *row)
{
    static const char *const members[] = {"fails", "warns"};

    for (size_t m = 0; m < 2; m++) {
        const json_t *ids = json_object_get(row, members[m]), *id;
        size_t i;
        json_array_foreach(ids, i, id)
        {
            const char *text = json_string_value(id);
            if (!json_object_get(test->proven, text))
                json_object_set_new(test->proven, text, json_array());
            json_array_append(json_object_get(test->proven, text), json_object_get(row, "name"));
        }
    }
}

static void print_row(const json_t *row, bool mutant, const json_t *report, bool good)
{
    const json_t *checks = json_object_get(report, "checks"), *check;
    size_t i;

    printf("%-12s %-24s", !good ? "SURVIVED" : mutant ? "caught" : "good", ck_report_text(row, "name"));
    json_array_foreach(checks, i, check)
    {
        const char *id = ck_report_text(check, "id"), *result = ck_report_text(check, "result");
        if (bad(result) || (strcmp(result, "warn") == 0 && lists(row, "warns", id)))
            printf(" %s%s%s", lists(row, "consequences", id) ? "(" : "", id, lists(row, "consequences", id) ? ")" : "");
    }
    printf("   %.0f s\n", json_real_value(json_object_get(report, "seconds")));
}

static int run_row(struct selftest *test, const char *folder, const json_t *row, bool mutant, struct fc_err *err)
{
    fc_auto_free char *copy = fc_asprintf("%s/%s", test->work, ck_report_text(row, "name"));
    fc_auto_json report = NULL;
    bool good = true;
    size_t i;
    const json_t *check;

    test->run++;
    if (make_copy(folder, row, copy, err) || rehearse(copy, &report, err))
        return fc_err_prefix(err, "%s", ck_report_text(row, "name"));
    const json_t *checks = json_object_get(report, "checks");
    json_array_foreach(checks, i, check) good &= !wrong(row, mutant, check);
    good &= json_object_get(report, "broken") == NULL;
    print_row(row, mutant, report, good);
    fflush(stdout);
    if (mutant && good)
        count_proofs(test, row);
    if (!good) {
        fc_auto_free char *path = fc_asprintf("%s.report.txt", copy), *text = NULL;
        size_t len;
        test->survived++;
        if (fc_file_read(path, FILE_MAX, &text, &len, NULL) == 0)
            printf("%s\n", text);
    }
    return 0;
}

static bool chosen(const struct selftest *test, const json_t *row)
{
    const struct fc_opt_strings *names = test->params->names;

    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->at[i], ck_report_text(row, "name")) == 0)
            return true;
    return names->count == 0;
}

static int run_folder(struct selftest *test, const char *folder, struct fc_err *err)
{
    static const char *const members[] = {"good", "mutants"};
    fc_auto_free char *path = fc_asprintf("%s/mutants.json", folder);
    fc_auto_json table = NULL;

    if (read_json(path, &table, err))
        return -1;
    printf("%s\n", folder);
    for (size_t m = 0; m < 2; m++) {
        const json_t *rows = json_object_get(table, members[m]), *row;
        size_t i;
        json_array_foreach(rows, i, row)
        {
            if (chosen(test, row) && run_row(test, folder, row, m == 1, err))
                return -1;
        }
    }
    return 0;
}

static void print_matrix(const struct selftest *test)
{
    size_t n = 0, all = 0;

    printf("\ncheck                      found in\n");
    for (const char *const *id = ck_cases_ids(); *id; id++, all++) {
        const json_t *names = json_object_get(test->proven, *id), *name;
        size_t i;
        printf("%-26s", *id);
        json_array_foreach(names, i, name) printf(" %s", json_string_value(name));
        puts(names ? "" : " -");
        n += names != NULL;
    }
    printf("\n%zu setups, %zu not as written; %zu of %zu checks were shown to fail\n", test->run, test->survived, n,
           all);
}

int ck_cmd_selftest(const struct ck_cmd_selftest *params, struct fc_err *err)
{
    struct selftest test = {.params = params, .proven = json_object()};
    const char *temporary = getenv("TMPDIR");
    int result = 0;

    snprintf(test.work, sizeof test.work, "%.200s/fakeca-selftest-XXXXXX",
             temporary && *temporary ? temporary : "/tmp");
    if (!mkdtemp(test.work))
        result = fc_err_errno(err, "cannot make a folder for the self-test");
    chmod(test.work, 0711);
    for (size_t i = 0; result == 0 && params->folders[i]; i++)
        result = run_folder(&test, params->folders[i], err);
    if (result == 0 && test.run == 0)
        result = fc_err_set(err, FC_E_USAGE, "no setup of that name");
    if (result == 0 && params->names->count == 0)
        print_matrix(&test);
    json_decref(test.proven);
    if (!params->keep)
        ck_tree_remove(test.work, NULL);
    if (result)
        return fc_err_exit(err->code);
    return test.survived ? CK_EXIT_FAILED : CK_EXIT_GOOD;
}
