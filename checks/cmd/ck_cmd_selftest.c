/* fakeca check --self-test FOLDER...: each setup of a folder's mutants.json is rehearsed in a copy, and its verdicts are compared with
 * what is written there. A check is believed only when it passes on the good setup and finds each setup that is broken in its way.
 *
 *   {"good":    [{"name", "change", "warns": [ID], "inconclusive": [ID]}],
 *    "mutants": [{"name", "why", "change", "fails": [ID], "warns": [ID], "inconclusive": [ID], "consequences": [ID],
 *                 "says": [TEXT]}]}
 *
 * `change` is a JSON merge patch (RFC 7396) on setup.json. A mutant must fail, warn or leave open what is named, and may fail its
 * consequences; `says` is what the report for a person must have. */
#include "cmd/ck_cmd.h"

#include <dirent.h>
#include <poll.h>
#include <signal.h>
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
#include "cmd/ck_cmd_mutant.h"
#include "stage/ck_tree.h"

#define RUN_TIME (20 * FC_MINUTE)
#define POLL_MS 50
#define FOLDERS_MAX 32
#define ROWS_MAX 1000

static volatile sig_atomic_t interrupted;

static void on_signal(int signal)
{
    (void)signal;
    interrupted = 1;
}

struct selftest {
    const struct ck_cmd_selftest *params;
    char work[256];
    char *folders[FOLDERS_MAX]; /* without a slash at the end */
    json_t *tables[FOLDERS_MAX];
    struct ck_cmd_mutant mutants[ROWS_MAX];
    size_t count, started, running;
    int64_t since[ROWS_MAX];
    json_t *results; /* of ck_cmd_mutant_judge */
};

/* ---- which setups ---- */

static bool chosen(const struct selftest *test, const json_t *row)
{
    const struct fc_opt_strings *names = test->params->names;

    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->at[i], ck_report_text(row, "name")) == 0)
            return true;
    return names->count == 0;
}

static int list_folder(struct selftest *test, size_t number, struct fc_err *err)
{
    static const char *const members[] = {"good", "mutants"};
    const char *folder = test->params->folders[number];
    size_t i, len = strlen(folder);
    const json_t *row;

    if (number >= FOLDERS_MAX)
        return fc_err_set(err, FC_E_USAGE, "more than %d folders", FOLDERS_MAX);
    while (len > 1 && folder[len - 1] == '/')
        len--;
    folder = test->folders[number] = fc_strndup(folder, len);
    fc_auto_free char *path = fc_asprintf("%s/mutants.json", folder);
    if (ck_cmd_mutant_read_json(path, &test->tables[number], err))
        return -1;
    for (size_t m = 0; m < 2; m++) {
        const json_t *rows = json_object_get(test->tables[number], members[m]);
        json_array_foreach(rows, i, row)
        {
            if (chosen(test, row) && test->count < ROWS_MAX)
                test->mutants[test->count++] = (struct ck_cmd_mutant){.folder = folder, .row = row, .broken = m == 1};
        }
    }
    return 0;
}

static int list_all(struct selftest *test, struct fc_err *err)
{
    for (size_t i = 0; test->params->folders[i]; i++)
        if (list_folder(test, i, err))
            return -1;
    return test->count || !test->params->folders[0] ? 0 : fc_err_set(err, FC_E_USAGE, "no setup of that name");
}

/* ---- results that outlive this run ---- */

static char *kept_at(const struct selftest *test, const struct ck_cmd_mutant *mutant)
{
    const char *folder = strrchr(mutant->folder, '/');

    return fc_asprintf("%s/%s.%s.json", test->params->results, folder && folder[1] ? folder + 1 : mutant->folder,
                       ck_report_text(mutant->row, "name"));
}

static int keep(const struct selftest *test, const struct ck_cmd_mutant *mutant, const json_t *result,
                struct fc_err *err)
{
    fc_auto_free char *path = test->params->results ? kept_at(test, mutant) : NULL;
    fc_auto_free char *text = fc_json_text(result);

    if (path &&
        (fc_file_mkdirs(test->params->results, 0755, err) || fc_file_write(path, text, strlen(text), 0644, err)))
        return -1;
    return 0;
}

static int read_kept(struct selftest *test, struct fc_err *err)
{
    DIR *dir = opendir(test->params->results);
    struct dirent *entry;
    int result = 0;

    if (!dir)
        return fc_err_errno(err, "cannot open '%s'", test->params->results);
    while (result == 0 && (entry = readdir(dir))) {
        fc_auto_free char *path = fc_asprintf("%s/%s", test->params->results, entry->d_name);
        json_t *value = NULL;
        if (!fc_text_ends(entry->d_name, ".json"))
            continue;
        result = ck_cmd_mutant_read_json(path, &value, err);
        json_array_append_new(test->results, value);
    }
    closedir(dir);
    return result;
}

/* ---- several at once ---- */

static int start_next(struct selftest *test, struct fc_err *err)
{
    struct ck_cmd_mutant *mutant = &test->mutants[test->started];
    fc_auto_free char *kept = test->params->results ? kept_at(test, mutant) : NULL;

    if (kept)
        unlink(kept); /* an old result proves nothing of today's program */
    test->since[test->started++] = fc_clock_mono();
    test->running++;
    return ck_cmd_mutant_start(
        mutant, fc_asprintf("%s/%zu.%s", test->work, test->started, ck_report_text(mutant->row, "name")), err);
}

static int finish_one(struct selftest *test, struct ck_cmd_mutant *mutant, struct fc_err *err)
{
    json_t *result = NULL;

    if (ck_cmd_mutant_judge(mutant, &result, err))
        return -1;
    json_array_append_new(test->results, result);
    ck_cmd_mutant_release(mutant);
    test->running--;
    return keep(test, mutant, result, err);
}

static int run_all(struct selftest *test, struct fc_err *err)
{
    while (test->running || test->started < test->count) {
        while (test->started < test->count && test->running < (size_t)test->params->jobs)
            if (start_next(test, err))
                return -1;
        poll(NULL, 0, POLL_MS);
        if (interrupted)
            return fc_err_set(err, FC_E_AGAIN, "interrupted");
        for (size_t i = 0; i < test->started; i++) {
            struct ck_cmd_mutant *mutant = &test->mutants[i];
            if (!mutant->proc)
                continue;
            if (fc_proc_running(mutant->proc) && fc_clock_mono() - test->since[i] > RUN_TIME)
                return fc_err_set(err, FC_E_SYSTEM, "%s: out of time", ck_report_text(mutant->row, "name"));
            if (!fc_proc_running(mutant->proc) && finish_one(test, mutant, err))
                return -1;
        }
    }
    return 0;
}

/* ---- the matrix ---- */

static size_t not_as_written(const struct selftest *test)
{
    const json_t *result;
    size_t i, n = 0;

    json_array_foreach(test->results, i, result) n += !json_is_true(json_object_get(result, "as_written"));
    return n;
}

static size_t print_proofs(const struct selftest *test, const char *check)
{
    const json_t *result, *id;
    size_t i, j, n = 0;

    json_array_foreach(test->results, i, result)
    {
        const json_t *proves = json_object_get(result, "proves");
        json_array_foreach(proves, j, id)
        {
            if (strcmp(json_string_value(id), check) != 0)
                continue;
            printf(" %s/%s", ck_report_text(result, "folder"), ck_report_text(result, "name"));
            n++;
        }
    }
    return n;
}

/* How many checks nothing was shown of. */
static size_t print_matrix(const struct selftest *test)
{
    size_t all = 0, proven = 0, exempt = 0;

    printf("\ncheck                      found in\n");
    for (const char *const *id = ck_cases_ids(); *id; id++, all++) {
        const struct ck_case *check = ck_cases_find(*id, NULL);
        printf("%-26s", *id);
        if (print_proofs(test, *id))
            proven++;
        else
            printf(" -%s%s", check->no_mutant ? " none: " : "", check->no_mutant ? check->no_mutant : "");
        exempt += check->no_mutant != NULL;
        putchar('\n');
    }
    printf("\n%zu setups, %zu not as written; %zu of %zu checks were shown to find a fault, %zu cannot\n",
           json_array_size(test->results), not_as_written(test), proven, all, exempt);
    return all - proven - exempt;
}

/* ---- the whole ---- */

static int make_work(struct selftest *test, struct fc_err *err)
{
    const char *temporary = getenv("TMPDIR");
    const struct sigaction action = {.sa_handler = on_signal};

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    snprintf(test->work, sizeof test->work, "%.200s/fakeca-selftest-XXXXXX",
             temporary && *temporary ? temporary : "/tmp");
    if (!mkdtemp(test->work))
        return fc_err_errno(err, "cannot make a folder for the self-test");
    chmod(test->work, 0711);
    return 0;
}

static void release(struct selftest *test)
{
    for (size_t i = 0; i < test->count; i++)
        ck_cmd_mutant_release(&test->mutants[i]);
    for (size_t i = 0; i < FOLDERS_MAX; i++) {
        json_decref(test->tables[i]);
        free(test->folders[i]);
    }
    json_decref(test->results);
    if (!test->params->keep)
        ck_tree_remove(test->work, NULL);
}

int ck_cmd_selftest(const struct ck_cmd_selftest *params, struct fc_err *err)
{
    fc_auto_free struct selftest *test = fc_calloc(1, sizeof *test);
    size_t unproven = 0, survived = 0;

    test->params = params;
    test->results = json_array();
    int result = make_work(test, err) || list_all(test, err) || run_all(test, err) ? -1 : 0;
    if (result == 0 && !params->folders[0])
        result = read_kept(test, err);
    if (result == 0) {
        survived = not_as_written(test);
        unproven = params->names->count == 0 ? print_matrix(test) : 0;
    }
    release(test);
    if (interrupted)
        return CK_EXIT_INTERRUPTED;
    if (result)
        return fc_err_exit(err->code);
    /* of one folder alone nobody expects that it proves all checks */
    return survived || (unproven && !(params->folders[0] && !params->folders[1])) ? CK_EXIT_FAILED : CK_EXIT_GOOD;
}
