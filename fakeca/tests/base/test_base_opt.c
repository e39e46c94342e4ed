#include "base/base_opt.h"

#include <stdlib.h>
#include <string.h>

#include "base/base_json.h"
#include "base/base_time.h"

#include "cmocka_all.h"

struct target {
    bool quiet, loud;
    const char *state;
    int64_t count, wait;
    int pace;
    struct fc_opt_strings names;
};

static const char *const paces[] = {"fast", "letsencrypt", NULL};
static const struct fc_opt table[] = {
    {.name = "quiet", .letter = 'q', .type = FC_OPT_FLAG, .offset = offsetof(struct target, quiet), .help = "say less"},
    {.name = "state",
     .type = FC_OPT_STRING,
     .offset = offsetof(struct target, state),
     .arg = "DIR",
     .env = "FAKECA_TEST_STATE",
     .help = "keep the state there"},
    {.name = "count",
     .type = FC_OPT_INT,
     .offset = offsetof(struct target, count),
     .arg = "N",
     .help = "n",
     .min = 1,
     .max = 9},
    {.name = "wait", .type = FC_OPT_DURATION, .offset = offsetof(struct target, wait), .arg = "TIME", .help = "wait"},
    {.name = "pace",
     .type = FC_OPT_WORD,
     .offset = offsetof(struct target, pace),
     .arg = "PACE",
     .help = "pace",
     .words = paces},
    {.name = "name",
     .letter = 'n',
     .type = FC_OPT_STRINGS,
     .offset = offsetof(struct target, names),
     .arg = "NAME",
     .help = "a name"},
    {.name = "loud",
     .type = FC_OPT_FLAG,
     .offset = offsetof(struct target, loud),
     .env = "FAKECA_TEST_LOUD",
     .help = "say more"},
    {.name = NULL}};

static int parse(struct target *target, struct fc_opt_result *result, struct fc_err *err, ...)
{
    static const char *operands[32];
    char *argv[32];
    int argc = 0;
    va_list args;
    va_start(args, err);
    for (char *word; (word = va_arg(args, char *));)
        argv[argc++] = word;
    va_end(args);
    memset(target, 0, sizeof *target);
    result->operands = operands;
    return fc_opt_parse(table, target, argc, argv, false, result, err);
}

static void values_of_every_type(void **state)
{
    struct target t;
    struct fc_opt_result r;
    (void)state;
    assert_int_equal(parse(&t, &r, NULL, "one", "--state", "/x", "-q", "--count=9", "--wait", "90m", "--pace",
                           "letsencrypt", "-na", "--name", "b", "--", "--two", NULL),
                     0);
    assert_true(t.quiet);
    assert_string_equal(t.state, "/x");
    assert_int_equal(t.count, 9);
    assert_int_equal(t.wait, 90 * FC_MINUTE);
    assert_int_equal(t.pace, 1);
    assert_int_equal(t.names.count, 2);
    assert_string_equal(t.names.at[1], "b");
    assert_int_equal(r.n_operands, 2);
    assert_string_equal(r.operands[0], "one");
    assert_string_equal(r.operands[1], "--two");
    assert_null(r.operands[2]);
}

static void a_flag_beats_the_environment(void **state)
{
    struct target t;
    struct fc_opt_result r;
    (void)state;
    setenv("FAKECA_TEST_STATE", "/env", 1);
    assert_int_equal(parse(&t, &r, NULL, "--no-quiet", NULL), 0);
    assert_string_equal(t.state, "/env");
    assert_int_equal(parse(&t, &r, NULL, "--state", "/flag", NULL), 0);
    assert_string_equal(t.state, "/flag");
    unsetenv("FAKECA_TEST_STATE");
}

static void errors_name_option_and_rule(void **state)
{
    static const struct {
        const char *argument, *value, *says;
    } bad[] = {
        {"--stat", "x", "unknown option '--stat', did you mean '--state'?"},
        {"--zzzzzz", NULL, "unknown option '--zzzzzz' (--help lists them)"},
        {"-x", NULL, "unknown option '-x' (--help lists them)"},
        {"--state", NULL, "option '--state' needs a value: DIR"},
        {"--state", "--quiet", "option '--state' needs a value: DIR"},
        {"--quiet=1", NULL, "option '--quiet' takes no value"},
        {"--count", "10", "option '--count': "},
        {"--count", "x", "option '--count': "},
        {"--wait", "60", "option '--wait': "},
        {"--pace", "slow", "option '--pace': 'slow' is none of: fast, letsencrypt"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct target t;
        struct fc_opt_result r;
        struct fc_err err = {0};
        assert_int_equal(parse(&t, &r, &err, bad[i].argument, bad[i].value, NULL), -1);
        assert_int_equal(err.code, FC_E_USAGE);
        if (strncmp(err.text, bad[i].says, strlen(bad[i].says)) != 0)
            fail_msg("%s: '%s', not '%s'", bad[i].argument, err.text, bad[i].says);
    }
    struct target t;
    struct fc_opt_result r;
    struct fc_err err = {0};
    assert_int_equal(parse(&t, &r, &err, "--count", "1", "--count", "2", NULL), -1);
    assert_string_equal(err.text, "option '--count' given twice");
}

static void an_unexpected_operand_is_named(void **state)
{
    char *argv[] = {(char[]){"stray"}, NULL};
    struct target t = {0};
    struct fc_opt_result r = {0};
    struct fc_err err = {0};
    (void)state;
    assert_int_equal(fc_opt_parse(table, &t, 1, argv, false, &r, &err), -1);
    assert_string_equal(err.text, "unexpected argument 'stray' (--help tells what is expected)");
}

static void flags_from_the_environment_read_words(void **state)
{
    static const struct {
        const char *word;
        int result;
        bool value;
    } words[] = {{"1", 0, true},  {"yes", 0, true}, {"TRUE", 0, true}, {"on", 0, true},
                 {"0", 0, false}, {"no", 0, false}, {"off", 0, false}, {"maybe", -1, false}};
    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        struct target t;
        struct fc_opt_result r;
        struct fc_err err = {0};
        setenv("FAKECA_TEST_LOUD", words[i].word, 1);
        int result = parse(&t, &r, &err, NULL);
        unsetenv("FAKECA_TEST_LOUD");
        assert_int_equal(result, words[i].result);
        assert_int_equal(t.loud, words[i].value);
        if (result)
            assert_non_null(strstr(err.text, "variable 'FAKECA_TEST_LOUD': 'maybe' is none of"));
    }
}

/* A config file's text over zeroed defaults; `given` as an earlier command line left it. */
static int read_json(const char *text, const struct target *given, struct target *ret, json_t **ret_value,
                     struct fc_err *err)
{
    struct fc_json_errs errs;
    struct fc_json_obj root;

    assert_int_equal(fc_json_parse(text, strlen(text), ret_value, err), 0);
    fc_json_errs_init(&errs, "c.json", text, strlen(text));
    fc_json_obj_root(&root, *ret_value, &errs);
    fc_opt_read_json(table, ret, given, &root);
    fc_json_obj_end(&root);
    int result = fc_json_errs_report(&errs, err);
    fc_json_errs_release(&errs);
    return result;
}

static void a_config_file_has_the_same_members(void **state)
{
    static const char text[] = "{\"quiet\": true, \"state\": \"/x\", \"count\": 9, \"wait\": \"90m\", "
                               "\"pace\": \"letsencrypt\", \"name\": [\"a\", \"b\"]}";
    struct target t = {0}, given = {0};
    struct fc_err err = {0};
    fc_auto_json value = NULL;
    fc_auto_json again = NULL;
    (void)state;
    assert_int_equal(read_json(text, &given, &t, &value, &err), 0);
    assert_true(t.quiet);
    assert_string_equal(t.state, "/x");
    assert_int_equal(t.count, 9);
    assert_int_equal(t.wait, 90 * FC_MINUTE);
    assert_int_equal(t.pace, 1);
    assert_int_equal(t.names.count, 2);
    /* lists of the command line replace the file's */
    given.names.count = 1;
    t = (struct target){0};
    assert_int_equal(read_json(text, &given, &t, &again, &err), 0);
    assert_int_equal(t.names.count, 0);
}

static void a_wrong_config_file_tells_all_at_once(void **state)
{
    static const char text[] = "{\n\"quiet\": 1,\n\"stat\": \"/x\",\n\"count\": 10,\n\"pace\": \"slow\"}";
    static const char *const says[] = {"line 2: quiet: ", "line 3: stat: unknown key 'stat', did you mean 'state'?",
                                       "line 4: count: ", "line 5: pace: "};
    struct target t = {0}, given = {0};
    struct fc_err err = {0};
    fc_auto_json value = NULL;
    (void)state;
    assert_int_equal(read_json(text, &given, &t, &value, &err), -1);
    assert_int_equal(err.code, FC_E_USAGE);
    for (size_t i = 0; i < sizeof says / sizeof *says; i++)
        if (!strstr(err.text, says[i]))
            fail_msg("'%s' is not in '%s'", says[i], err.text);
}

static void help_shows_ranges_and_variables(void **state)
{
    char *text = NULL;
    size_t len = 0;
    struct target t;
    struct fc_opt_result r;
    (void)state;
    assert_int_equal(parse(&t, &r, NULL, "--help", NULL), 0);
    assert_true(r.help);
    FILE *memory = open_memstream(&text, &len);
    fc_opt_help(table, memory);
    fclose(memory);
    assert_non_null(strstr(text, "-q, --quiet"));
    assert_non_null(strstr(text, "[FAKECA_TEST_STATE]"));
    assert_non_null(strstr(text, "(1 to 9)"));
    assert_non_null(strstr(text, "(fast, letsencrypt)"));
    free(text);
}

static void nearest_words(void **state)
{
    static const char *const words[] = {"serve", "clock", "status", "certs"};
    (void)state;
    assert_string_equal(fc_opt_nearest("clcok", words, 4), "clock");
    assert_string_equal(fc_opt_nearest("stats", words, 4), "status");
    assert_null(fc_opt_nearest("banana", words, 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_of_every_type),
        cmocka_unit_test(a_flag_beats_the_environment),
        cmocka_unit_test(errors_name_option_and_rule),
        cmocka_unit_test(an_unexpected_operand_is_named),
        cmocka_unit_test(flags_from_the_environment_read_words),
        cmocka_unit_test(a_config_file_has_the_same_members),
        cmocka_unit_test(a_wrong_config_file_tells_all_at_once),
        cmocka_unit_test(help_shows_ranges_and_variables),
        cmocka_unit_test(nearest_words),
    };
    RUN(tests);
}
