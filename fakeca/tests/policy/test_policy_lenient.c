/* The section of CAs for tests: what Pebble's environment says, and that others say nothing. */
#include "policy/policy.h"

#include <string.h>

#include "base/base_time.h"
#include "policy/lib_policy.h"

#include "cmocka_all.h"

static void pebble_takes_what_others_refuse(void **state)
{
    fc_auto(fc_policy_free) struct fc_policy *policy = NULL;
    (void)state;

    assert_int_equal(fc_policy_builtin("pebble", &policy, NULL), 0);
    assert_true(policy->lenient.names && policy->lenient.addresses && policy->lenient.redirects);
    assert_true(policy->lenient.no_caa && policy->lenient.no_order_reuse);
    assert_int_equal(policy->lenient.authz_anew_percent, 50);
    assert_string_equal(policy->directory.terms_of_service, "data:text/plain,Do%20what%20thou%20wilt");
    assert_null(policy->directory.website);
}

static void no_other_environment_is_lenient(void **state)
{
    static const char *const names[] = {"production", "staging", "rfc8555"};
    (void)state;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        fc_auto(fc_policy_free) struct fc_policy *policy = NULL;
        assert_int_equal(fc_policy_builtin(names[i], &policy, NULL), 0);
        assert_false(policy->lenient.names || policy->lenient.addresses || policy->lenient.redirects);
        assert_false(policy->lenient.no_caa || policy->lenient.no_order_reuse || policy->lenient.always_valid);
        assert_false(policy->lenient.random_profile);
        assert_int_equal(policy->lenient.authz_anew_percent, 0);
        assert_int_equal(policy->lenient.validation_sleep, 0);
        assert_null(policy->lenient.ocsp_url);
    }
}

static int load_with(const char *section, struct fc_err *err)
{
    fc_auto_json root = production_json();
    json_t *value = json_loads(section, 0, NULL);

    assert_non_null(value);
    json_object_set_new(root, "lenient", value);
    return load_json(root, err);
}

static void wrong_members_are_refused(void **state)
{
    static const struct {
        const char *section, *says;
    } rows[] = {
        {"{\"names\":true}", "lenient: 'source' is missing"},
        {"{\"name\":true,\"source\":\"t\"}", "unknown key 'name', did you mean 'names'?"},
        {"{\"names\":1,\"source\":\"t\"}", "lenient.names: must be true or false"},
        {"{\"authz_anew_percent\":101,\"source\":\"t\"}", "lenient.authz_anew_percent"},
        {"{\"orders_per_page\":901,\"source\":\"t\"}", "lenient.orders_per_page"},
        {"{\"validation_sleep\":\"11m\",\"source\":\"t\"}", "lenient.validation_sleep"},
        {"{\"ocsp_url\":7,\"source\":\"t\"}", "lenient.ocsp_url"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fc_err err = {0};
        if (load_with(rows[i].section, &err) == 0)
            fail_msg("%s is taken", rows[i].section);
        if (!strstr(err.text, rows[i].says))
            fail_msg("%s: '%s' does not say '%s'", rows[i].section, err.text, rows[i].says);
    }
}

/* Descriptions of any text and lifetimes of seconds: only there. */
static void profiles_are_free_with_it_alone(void **state)
{
    fc_auto_json root = production_json();
    struct fc_err err = {0};
    (void)state;

    json_object_set_new(find_json(root, "profiles[0]"), "description", json_string("any text"));
    json_object_set_new(find_json(root, "profiles[0]"), "validity", json_string("1m"));
    json_object_set_new(root, "changes", json_array());
    assert_int_equal(load_json(root, &err), -1);
    fc_err_clear(&err);
    json_object_set_new(root, "lenient", json_pack("{s:s}", "source", "t"));
    if (load_json(root, &err))
        fail_msg("%s", err.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pebble_takes_what_others_refuse),
        cmocka_unit_test(no_other_environment_is_lenient),
        cmocka_unit_test(wrong_members_are_refused),
        cmocka_unit_test(profiles_are_free_with_it_alone),
    };
    RUN(tests);
}
