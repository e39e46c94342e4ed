#include "cmd/ck_cmd_mutant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base_alloc.h"
#include "base/base_file.h"
#include "base/base_json.h"
#include "base/base_proc.h"
#include "base/base_time.h"
#include "cases/ck_case.h"
#include "report/ck_report.h"
#include "stage/ck_tree.h"

#define FILE_MAX (32 << 20)
#define STOP_TIME (60 * FC_SECOND) /* the rehearsal stops its service and puts things back */

int ck_cmd_mutant_read_json(const char *path, json_t **ret_value, struct fc_err *err)
{
    fc_auto_free char *text = NULL;
    size_t len;

    if (fc_file_read(path, FILE_MAX, &text, &len, err))
        return -1;
    return fc_json_parse(text, len, ret_value, err) ? fc_err_prefix(err, "%s", path) : 0;
}

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

static int make_copy(const struct ck_cmd_mutant *mutant, struct fc_err *err)
{
    const struct ck_tree_limits limits = {10000, 64u << 20};
    fc_auto_free char *path = fc_asprintf("%s/setup.json", mutant->copy);
    fc_auto_json setup = NULL;

    if (ck_tree_copy(mutant->folder, mutant->copy, limits, err) || ck_cmd_mutant_read_json(path, &setup, err))
        return -1;
    chmod(mutant->copy, 0755); /* servers give up root */
    fc_auto_json changed = merge(setup, json_object_get(mutant->row, "change"));
    fc_auto_free char *text = fc_json_text(changed);
    return fc_file_write(path, text, strlen(text), 0644, err);
}

int ck_cmd_mutant_start(struct ck_cmd_mutant *mutant, char *copy, struct fc_err *err)
{
    fc_auto_free char *json = fc_asprintf("json=%s.report.json", copy), *text = fc_asprintf("text=%s.report.txt", copy);
    fc_auto_free char *setup = fc_asprintf("%s/setup.json", copy);
    const char *argv[] = {"/proc/self/exe", setup, "--format", json, "--format", text, "-v", NULL};
    char self[512] = "";
    const struct fc_proc_spec spec = {.argv = argv, .max_out = 4096, .max_err = 65536};

    mutant->copy = copy;
    if (readlink("/proc/self/exe", self, sizeof self - 1) < 0)
        return fc_err_errno(err, "cannot find this program");
    argv[0] = self;
    if (make_copy(mutant, err) || fc_proc_start(&spec, &mutant->proc, err))
        return fc_err_prefix(err, "%s", ck_report_text(mutant->row, "name"));
    return 0;
}

void ck_cmd_mutant_release(struct ck_cmd_mutant *mutant)
{
    struct fc_proc_exit how;

    if (mutant->proc) {
        fc_proc_stop(mutant->proc, STOP_TIME, &how);
        fc_proc_free(mutant->proc);
    }
    free(mutant->copy);
    mutant->proc = NULL;
    mutant->copy = NULL;
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

/* What a row may ask of a check, and the result that it then must have. */
static const char *const asked[][2] = {{"fails", "fail"}, {"warns", "warn"}, {"inconclusive", "inconclusive"}};
#define ASKED (sizeof asked / sizeof *asked)

static const char *expected_of(const json_t *row, const char *id)
{
    for (size_t i = 0; i < ASKED; i++)
        if (lists(row, asked[i][0], id))
            return asked[i][1];
    return NULL;
}

static bool bad(const char *result)
{
    return strcmp(result, "fail") == 0 || strcmp(result, "error") == 0;
}

/* Says what is wrong with a verdict; false when nothing is. */
static bool wrong(const struct ck_cmd_mutant *mutant, const json_t *check)
{
    const char *id = ck_report_text(check, "id"), *result = ck_report_text(check, "result");
    const char *expected = expected_of(mutant->row, id);

    if (expected) {
        expected = strcmp(result, expected) != 0 ? expected : NULL;
    } else if (!lists(mutant->row, "consequences", id)) {
        if (bad(result))
            expected = "no failure";
        else if (!mutant->broken && strcmp(result, "warn") == 0)
            expected = "pass";
        else if (!mutant->broken && strcmp(result, "inconclusive") == 0)
            expected = "a verdict";
    }
    if (expected)
        printf("             %s: %s, expected %s: %s\n", id, result, expected, ck_report_text(check, "headline"));
    return expected != NULL;
}

static void print_line(const struct ck_cmd_mutant *mutant, const json_t *report, bool good)
{
    const json_t *checks = json_object_get(report, "checks"), *check;
    size_t i;

    printf("%-12s %-28s", !good ? "SURVIVED" : mutant->broken ? "caught" : "good", ck_report_text(mutant->row, "name"));
    json_array_foreach(checks, i, check)
    {
        const char *id = ck_report_text(check, "id"), *result = ck_report_text(check, "result");
        bool follows = lists(mutant->row, "consequences", id), named = expected_of(mutant->row, id);
        if (bad(result) || named)
            printf(" %s%s%s", follows ? "(" : "", id, follows ? ")" : "");
    }
    printf("   %.0f s\n", json_real_value(json_object_get(report, "seconds")));
}

/* The report for a person; the caller frees. */
static char *read_text(const struct ck_cmd_mutant *mutant)
{
    fc_auto_free char *path = fc_asprintf("%s.report.txt", mutant->copy);
    char *text = NULL;
    size_t len;

    return fc_file_read(path, FILE_MAX, &text, &len, NULL) == 0 ? text : fc_strdup("");
}

/* Whether the report for a person has each text of the row. */
static bool says_all(const struct ck_cmd_mutant *mutant, const char *text)
{
    const json_t *says = json_object_get(mutant->row, "says"), *one;
    bool all = true;
    size_t i;

    json_array_foreach(says, i, one)
    {
        if (strstr(text, json_string_value(one)))
            continue;
        printf("             the report does not say: %s\n", json_string_value(one));
        all = false;
    }
    return all;
}

/* Inconclusive is a find only of a check that knows no worse. */
static json_t *proofs(const struct ck_cmd_mutant *mutant)
{
    json_t *ids = json_array(), *id;
    size_t j;

    for (size_t i = 0; mutant->broken && i < ASKED; i++) {
        const json_t *named = json_object_get(mutant->row, asked[i][0]);
        json_array_foreach(named, j, id)
        {
            const struct ck_case *check = ck_cases_find(json_string_value(id), NULL);
            if (check && (strcmp(asked[i][1], "inconclusive") != 0 || check->opens))
                json_array_append(ids, id);
        }
    }
    return ids;
}

int ck_cmd_mutant_judge(struct ck_cmd_mutant *mutant, json_t **ret_result, struct fc_err *err)
{
    fc_auto_free char *path = fc_asprintf("%s.report.json", mutant->copy);
    const char *name = ck_report_text(mutant->row, "name"), *folder = strrchr(mutant->folder, '/');
    fc_auto_json report = NULL;
    const json_t *check;
    bool good = true;
    size_t i;

    if (ck_cmd_mutant_read_json(path, &report, NULL))
        return fc_err_set(err, FC_E_INTERNAL, "%s: no report was written: %s", name,
                          fc_proc_output(mutant->proc, FC_PROC_ERR, NULL, NULL));
    const json_t *checks = json_object_get(report, "checks");
    json_array_foreach(checks, i, check) good &= !wrong(mutant, check);
    fc_auto_free char *text = read_text(mutant);
    good &= says_all(mutant, text);
    good &= json_object_get(report, "broken") == NULL;
    print_line(mutant, report, good);
    if (!good)
        printf("%s\n", text);
    fflush(stdout);
    *ret_result =
        json_pack("{s:s,s:s,s:b,s:b,s:o}", "folder", folder && folder[1] ? folder + 1 : mutant->folder, "name", name,
                  "broken", mutant->broken, "as_written", good, "proves", good ? proofs(mutant) : json_array());
    return 0;
}
