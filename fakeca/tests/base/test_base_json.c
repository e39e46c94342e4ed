#include "base/base_json.h"

#include <string.h>

#include "base/base_time.h"

#include "cmocka_all.h"

static const char text[] = "{\n"
                           "  \"name\": \"x\",\n"
                           "  \"count\": 70,\n"
                           "  \"profiles\": {\n"
                           "    \"classic\": [\n"
                           "      {\"validity\": \"90 days\"},\n"
                           "      {\"validity\": \"64d\", \"autz\": 1}\n"
                           "    ]\n"
                           "  }\n"
                           "}\n";

static void all_errors_at_once_with_their_lines(void **state)
{
    fc_auto_json value = NULL;
    struct fc_json_errs errs;
    struct fc_json_obj root, profiles, version;
    struct fc_err err = {0};
    (void)state;

    assert_int_equal(fc_json_parse(text, sizeof text - 1, &value, &err), 0);
    fc_json_errs_init(&errs, "p.json", text, sizeof text - 1);
    fc_json_obj_root(&root, value, &errs);
    assert_string_equal(fc_json_str(&root, "name", FC_JSON_REQUIRED, 8), "x");
    assert_int_equal(fc_json_int(&root, "count", FC_JSON_REQUIRED, 1, 64, 7), 7);
    assert_null(fc_json_str(&root, "source", FC_JSON_REQUIRED, 8));
    fc_json_obj_member(&root, "profiles", FC_JSON_REQUIRED, &profiles);
    const json_t *classic = fc_json_array(&profiles, "classic", FC_JSON_REQUIRED, 4);
    for (size_t i = 0; i < json_array_size(classic); i++) {
        fc_json_obj_element(&profiles, "classic", classic, i, &version);
        fc_json_duration(&version, "validity", FC_JSON_REQUIRED, 0, 400 * FC_DAY, 0);
        fc_json_int(&version, "authz", FC_JSON_OPTIONAL, 0, 9, 0);
        fc_json_obj_end(&version);
    }
    fc_json_obj_end(&profiles);
    fc_json_obj_end(&root);
    assert_int_equal(errs.count, 4);
    assert_string_equal(errs.messages[0], "p.json: line 3: count: 70 is not between 1 and 64");
    assert_string_equal(errs.messages[1], "p.json: line 1: 'source' is missing");
    assert_non_null(strstr(errs.messages[2], "p.json: line 6: profiles.classic[0].validity: "));
    assert_string_equal(errs.messages[3],
                        "p.json: line 7: profiles.classic[1].autz: unknown key 'autz', did you mean 'authz'?");
    assert_int_equal(fc_json_errs_report(&errs, &err), -1);
    assert_int_equal(err.code, FC_E_USAGE);
    assert_non_null(strstr(err.text, "count"));
    assert_non_null(strstr(err.text, "autz"));
    fc_json_errs_release(&errs);
}

static void refuses_what_is_not_json(void **state)
{
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"{\"a\":1,\"a\":2}", "duplicate"},
        {"{\"a\":1} x", "end of file"},
        {"{\"a\":\"\\u0000\"}", "u0000"},
        {"{", "line 1"},
        {"", "line"},
        {"{\"a\":01}", "line 1"},
        {"{\"a\":\"\xff\"}", "unable to decode"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        json_t *value = NULL;
        struct fc_err err = {0};
        assert_int_equal(fc_json_parse(bad[i].text, strlen(bad[i].text), &value, &err), -1);
        assert_null(value);
        assert_int_equal(err.code, FC_E_PARSE);
        if (!strstr(err.text, bad[i].says))
            fail_msg("'%s' says '%s', not '%s'", bad[i].text, err.text, bad[i].says);
    }
}

static void depth_is_bounded(void **state)
{
    char deep[256];
    json_t *value = NULL;
    struct fc_err err = {0};
    (void)state;

    memset(deep, '[', 33);
    memset(deep + 33, ']', 33);
    assert_int_equal(fc_json_parse(deep, 66, &value, &err), -1);
    assert_non_null(strstr(err.text, "32"));
    assert_int_equal(fc_json_parse(deep + 1, 64, &value, NULL), 0);
    json_decref(value);
    /* brackets in strings do not count */
    static const char quoted[] = "[\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[\"]";
    assert_int_equal(fc_json_parse(quoted, sizeof quoted - 1, &value, NULL), 0);
    json_decref(value);
}

static void wrong_types_name_the_rule(void **state)
{
    static const char wrong[] = "{\"s\":1,\"i\":\"1\",\"b\":0,\"a\":{},\"o\":[],\"w\":\"falst\",\"l\":\"aaaaaaaaa\"}";
    static const char *const words[] = {"fast", "letsencrypt", NULL};
    fc_auto_json value = NULL;
    struct fc_json_errs errs;
    struct fc_json_obj root, inner;
    (void)state;

    assert_int_equal(fc_json_parse(wrong, sizeof wrong - 1, &value, NULL), 0);
    fc_json_errs_init(&errs, NULL, NULL, 0);
    fc_json_obj_root(&root, value, &errs);
    assert_null(fc_json_str(&root, "s", FC_JSON_REQUIRED, 8));
    assert_int_equal(fc_json_int(&root, "i", FC_JSON_REQUIRED, 0, 9, 5), 5);
    assert_true(fc_json_bool(&root, "b", FC_JSON_REQUIRED, true));
    assert_null(fc_json_array(&root, "a", FC_JSON_REQUIRED, 8));
    fc_json_obj_member(&root, "o", FC_JSON_REQUIRED, &inner);
    assert_null(inner.value);
    assert_int_equal(fc_json_word(&root, "w", FC_JSON_REQUIRED, words, 1), 1);
    assert_null(fc_json_str(&root, "l", FC_JSON_REQUIRED, 8));
    fc_json_obj_end(&root);
    assert_int_equal(errs.count, 7);
    assert_string_equal(errs.messages[0], "s: must be a string");
    assert_string_equal(errs.messages[1], "i: must be a whole number");
    assert_string_equal(errs.messages[2], "b: must be true or false");
    assert_string_equal(errs.messages[3], "a: must be an array");
    assert_string_equal(errs.messages[4], "o: must be an object");
    assert_string_equal(errs.messages[5], "w: unknown word 'falst', did you mean 'fast'?");
    assert_string_equal(errs.messages[6], "l: longer than 8 bytes");
    fc_json_errs_release(&errs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_errors_at_once_with_their_lines),
        cmocka_unit_test(refuses_what_is_not_json),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(wrong_types_name_the_rule),
    };
    RUN(tests);
}
