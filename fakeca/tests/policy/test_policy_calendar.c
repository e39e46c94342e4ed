/* The rules of Let's Encrypt on three days in both environments: fixtures/letsencrypt/calendar.tsv, written from letsencrypt.md, line by
 * line; every dated change of its part F: changes.tsv; and that one row in a file is enough for a change. */
#include "policy/policy.h"

#include <stdlib.h>
#include <string.h>

#include "base/base_arena.h"
#include "base/base_file.h"
#include "base/base_text.h"
#include "base/base_time.h"
#include "policy/lib_policy.h"

#include "cmocka_all.h"

#define COLUMNS 8 /* section, name, three days of production, three of staging */

static const char *const days[] = {"2026-11-24", "2027-02-11", "2028-02-17"};

struct table {
    char *text;
    char *cells[200][COLUMNS];
    size_t count;
};

static int64_t at(const char *text)
{
    int64_t when = 0;

    assert_int_equal(fc_time_parse(text, &when, NULL), 0);
    return when;
}

/* Cuts the text at tabs and ends of lines. */
static void split(struct table *table, size_t columns)
{
    char *line = strchr(table->text, '\n') + 1; /* behind the titles */

    for (; *line; table->count++) {
        assert_true(table->count < sizeof table->cells / sizeof table->cells[0]);
        for (size_t i = 0; i < columns; i++) {
            size_t len = strcspn(line, "\t\n");
            assert_int_equal(line[len], i + 1 < columns ? '\t' : '\n');
            table->cells[table->count][i] = line;
            line[len] = '\0';
            line += len + 1;
        }
    }
}

static int read_table(void **state, const char *name, size_t columns)
{
    struct table *table = fc_calloc(1, sizeof *table);
    fc_auto_free char *path = fc_asprintf("%s/letsencrypt/%s", FIXTURES, name);
    size_t len;

    *state = table;
    if (fc_file_read(path, 1024 * 1024, &table->text, &len, NULL))
        return -1;
    split(table, columns);
    return 0;
}

static int setup(void **state)
{
    return read_table(state, "calendar.tsv", COLUMNS);
}

static int teardown(void **state)
{
    struct table *table = *state;

    free(table->text);
    free(table);
    return 0;
}

static const char *expected(const struct table *table, const char *path, size_t column)
{
    for (size_t i = 0; i < table->count; i++)
        if (strcmp(table->cells[i][1], path) == 0)
            return table->cells[i][column];
    return NULL;
}

static const char *value_of(const struct fc_policy_line *lines, size_t count, const char *path)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(lines[i].path, path) == 0)
            return lines[i].value;
    return NULL;
}

/* What the reference has a value for. */
static bool is_of_letsencrypt(const char *path)
{
    static const char *const sections[] = {"profiles.", "limits.", "pausing.", "request_limits.", "renewal_info."};
    static const char *const ours[] = {".name", ".description", ".issuers", "request_limits.enforced"};
    bool found = false;

    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
        found = found || fc_text_starts(path, sections[i]);
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        found = found && !fc_text_ends(path, ours[i]);
    return found;
}

static void check_day(const struct table *table, const char *env, const char *day, size_t column)
{
    struct fc_policy *policy = NULL;
    struct fc_err err = {0};
    size_t count;

    assert_int_equal(fc_policy_builtin(env, &policy, &err), 0);
    struct fc_policy_line *lines = fc_policy_lines(fc_policy_json_at(policy, at(day)), &count);
    for (size_t i = 0; i < table->count; i++) {
        const char *path = table->cells[i][1], *value = value_of(lines, count, path);
        if (!value || strcmp(value, table->cells[i][column]) != 0)
            fail_msg("%s on %s: '%s' is %s; letsencrypt.md %s says %s", env, day, path, value ? value : "not there",
                     table->cells[i][0], table->cells[i][column]);
    }
    for (size_t i = 0; i < count; i++)
        if (is_of_letsencrypt(lines[i].path) && !expected(table, lines[i].path, column))
            fail_msg("%s: '%s' is in no line of the table", env, lines[i].path);
    fc_policy_lines_free(lines, count);
    fc_policy_free(policy);
}

static void agrees_with_the_reference(void **state)
{
    for (size_t i = 0; i < 3; i++) {
        check_day(*state, "production", days[i], 2 + i);
        check_day(*state, "staging", days[i], 5 + i);
    }
}

/* ---- changes.tsv: every dated change of letsencrypt.md F from 2024 on; '-' where it is outside of what is simulated ---- */

enum { SECTION, ENVIRONMENT, DATE, NAME, BEFORE, AFTER, CHANGE_COLUMNS };

static int setup_changes(void **state)
{
    return read_table(state, "changes.tsv", CHANGE_COLUMNS);
}

static const char *shown(const struct fc_policy *policy, int64_t when, const char *path, struct fc_arena *arena)
{
    size_t count;
    struct fc_policy_line *lines = fc_policy_lines(fc_policy_json_at(policy, when), &count);
    const char *value = value_of(lines, count, path);
    const char *copy = value ? fc_arena_strdup(arena, value) : "nothing";

    fc_policy_lines_free(lines, count);
    return copy;
}

/* The row of the policy on that date that sets the value, or sets nothing for '-'. */
static bool has_change(const struct fc_policy *policy, int64_t on, const char *path)
{
    size_t count;
    const struct fc_policy_change *changes = fc_policy_changes(policy, &count);
    bool found = false;

    for (size_t i = 0; i < count; i++) {
        if (changes[i].on != on || !strstr(changes[i].source, "letsencrypt.md"))
            continue;
        found = found || (strcmp(path, "-") == 0 && !changes[i].paths[0]);
        for (const char **set = changes[i].paths; *set; set++)
            found = found || strcmp(*set, path) == 0;
    }
    return found;
}

static void check_change(char *const *cells, const struct fc_policy *policy, struct fc_arena *arena)
{
    int64_t on = at(cells[DATE]);

    if (!has_change(policy, on, cells[NAME]))
        fail_msg("%s on %s: letsencrypt.md %s has '%s', the policy has not", cells[ENVIRONMENT], cells[DATE],
                 cells[SECTION], cells[NAME]);
    if (strcmp(cells[NAME], "-") == 0)
        return;
    const char *before = shown(policy, on - 1, cells[NAME], arena), *after = shown(policy, on, cells[NAME], arena);
    if (strcmp(before, cells[BEFORE]) != 0 || strcmp(after, cells[AFTER]) != 0)
        fail_msg("%s on %s: '%s' becomes %s from %s; letsencrypt.md %s says %s from %s", cells[ENVIRONMENT],
                 cells[DATE], cells[NAME], after, before, cells[SECTION], cells[AFTER], cells[BEFORE]);
}

static bool is_in_table(const struct table *table, const char *env, const char *date, const char *path)
{
    for (size_t i = 0; i < table->count; i++)
        if (strcmp(table->cells[i][ENVIRONMENT], env) == 0 && strcmp(table->cells[i][DATE], date) == 0 &&
            strcmp(table->cells[i][NAME], path) == 0)
            return true;
    return false;
}

/* The other way round: nothing changes that the table does not know. */
static void check_rows(const struct table *table, const char *env, const struct fc_policy *policy)
{
    static const char *const none[] = {"-", NULL};
    size_t count;
    const struct fc_policy_change *changes = fc_policy_changes(policy, &count);

    for (size_t i = 0; i < count; i++) {
        char date[FC_TIME_TEXT_MAX];
        fc_time_rfc3339(changes[i].on, date);
        date[strlen("2024-02-08")] = '\0';
        const char *const *path = changes[i].paths[0] ? (const char *const *)changes[i].paths : none;
        for (; *path; path++)
            if (!is_in_table(table, env, date, *path))
                fail_msg("%s on %s: '%s' is in no line of changes.tsv", env, date, *path);
    }
}

static void every_dated_change(void **state)
{
    static const char *const envs[] = {"production", "staging"};
    fc_auto(fc_arena_free) struct fc_arena *arena = fc_arena_new();
    const struct table *table = *state;

    for (size_t e = 0; e < 2; e++) {
        struct fc_policy *policy = NULL;
        assert_int_equal(fc_policy_builtin(envs[e], &policy, NULL), 0);
        for (size_t i = 0; i < table->count; i++)
            if (strcmp(table->cells[i][ENVIRONMENT], envs[e]) == 0)
                check_change(table->cells[i], policy, arena);
        check_rows(table, envs[e], policy);
        fc_policy_free(policy);
    }
}

static void profiles_come_when_they_came(void **state)
{
    static const struct {
        const char *env, *day, *profile;
        bool offered;
    } rows[] = {
        {"production", "2025-02-18", "tlsserver", false}, {"production", "2025-02-19", "tlsserver", true},
        {"production", "2025-02-18", "classic", false},   {"production", "2026-01-14", "shortlived", false},
        {"production", "2026-01-15", "shortlived", true}, {"staging", "2025-01-08", "tlsserver", false},
        {"staging", "2025-01-09", "tlsserver", true},     {"staging", "2025-07-01", "shortlived", true},
        {"production", "2026-11-24", "tlsclient", false}, {"production", "2025-10-01", "tlsclient", true},
        {"production", "2026-07-07", "tlsclient", true},  {"production", "2026-07-08", "tlsclient", false},
    };
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fc_policy *policy = NULL;
        assert_int_equal(fc_policy_builtin(rows[i].env, &policy, NULL), 0);
        if (fc_policy_profile_offered(policy, rows[i].profile, at(rows[i].day)) != rows[i].offered)
            fail_msg("%s of %s on %s", rows[i].profile, rows[i].env, rows[i].day);
        fc_policy_free(policy);
    }
}

/* One row is enough: a value of any section, a new profile, another issuer. */
static void an_invented_change(void **state)
{
    fc_auto_json root = production_json();
    json_t *changes = json_object_get(root, "changes");
    json_t *profile = json_deep_copy(json_array_get(json_object_get(root, "profiles"), 0));
    struct fc_policy *policy = NULL;
    struct fc_err err = {0};
    (void)state;

    json_object_set_new(profile, "name", json_string("hourly"));
    json_object_set_new(profile, "validity", json_string("1h"));
    json_object_set_new(profile, "offered", json_true());
    json_array_append_new(changes,
                          json_pack("{s:s,s:s,s:{s:s,s:i,s:[s],s:o},s:s}", "on", "2030-01-01", "what", "invented",
                                    "set", "profiles.classic.validity", "1d", "limits.CertificatesPerFQDNSet.burst", 7,
                                    "profiles.classic.issuers", "yr1", "profiles.hourly", profile, "source", "a test"));
    fc_auto_free char *text = json_dumps(root, 0);
    if (fc_policy_parse(text, strlen(text), "p.json", &policy, &err))
        fail_msg("%s", err.text);
    int64_t before = at("2029-12-31T23:59:59Z"), after = at("2030-01-01");
    const struct fc_profile *classic = fc_policy_profile(policy, "classic");
    assert_int_equal(fc_profile_at(classic, before)->validity, 45 * FC_DAY);
    assert_int_equal(fc_profile_at(classic, after)->validity, FC_DAY);
    assert_string_equal(fc_profile_at(classic, before)->issuers[0], "ye1");
    assert_string_equal(fc_profile_at(classic, after)->issuers[0], "yr1");
    assert_int_equal(fc_policy_at(policy, before)->limits.rules[FC_LIMIT_SET].burst, 5);
    assert_int_equal(fc_policy_at(policy, after)->limits.rules[FC_LIMIT_SET].burst, 7);
    assert_false(fc_policy_profile_offered(policy, "hourly", before));
    assert_true(fc_policy_profile_offered(policy, "hourly", after));
    /* orders of a profile that is not there yet, or not any more, still find it */
    assert_int_equal(fc_profile_at(fc_policy_profile(policy, "hourly"), before)->validity, FC_HOUR);
    /* any policy of the file leads to all the others */
    assert_ptr_equal(fc_policy_at(fc_policy_at(policy, after), before), fc_policy_at(policy, before));
    assert_int_equal(fc_policy_at(policy, after)->from, after);
    fc_policy_free(policy);
}

static void differences(void **state)
{
    struct fc_policy *policy = NULL;
    (void)state;

    assert_int_equal(fc_policy_builtin("production", &policy, NULL), 0);
    fc_auto_json difference =
        fc_policy_difference(fc_policy_json_at(policy, at("2027-02-09")), fc_policy_json_at(policy, at("2027-02-10")));
    fc_auto_free char *text = json_dumps(difference, 0);
    assert_string_equal(text,
                        "[{\"path\": \"profiles.classic.validity\", \"from\": \"90d\", \"to\": \"64d\"}, "
                        "{\"path\": \"profiles.classic.valid_authz_lifetime\", \"from\": \"30d\", \"to\": \"10d\"}]");
    fc_policy_free(policy);
}

/* Some thirty days of a policy in memory are little more than one: what does not change is there once. */
static void days_share_what_does_not_change(void **state)
{
    struct fc_policy *policy = NULL;
    (void)state;

    assert_int_equal(fc_policy_builtin("production", &policy, NULL), 0);
    const json_t *before = fc_policy_json_at(policy, at("2027-02-09")),
                 *after = fc_policy_json_at(policy, at("2027-02-10"));
    const json_t *profiles[] = {json_object_get(before, "profiles"), json_object_get(after, "profiles")};
    assert_ptr_not_equal(before, after);
    assert_ptr_equal(json_object_get(before, "hierarchy"), json_object_get(after, "hierarchy"));
    assert_ptr_not_equal(json_array_get(profiles[0], 0), json_array_get(profiles[1], 0));
    assert_ptr_equal(json_array_get(profiles[0], 1), json_array_get(profiles[1], 1));
    fc_policy_free(policy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(agrees_with_the_reference, setup, teardown),
        cmocka_unit_test_setup_teardown(every_dated_change, setup_changes, teardown),
        cmocka_unit_test(profiles_come_when_they_came),
        cmocka_unit_test(an_invented_change),
        cmocka_unit_test(differences),
        cmocka_unit_test(days_share_what_does_not_change),
    };
    RUN(tests);
}
