#include "compat/compat.h"

#include <stdio.h>
#include <string.h>

#include "base/base_file.h"
#include "base/base_time.h"

#include "policy/policy.h"

#include "cmocka_all.h"

/* ---- what was warned of, in one text ---- */

static char warned[4096];

static void warn(void *cookie, const char *text)
{
    size_t used = strlen(warned);

    (void)cookie;
    snprintf(warned + used, sizeof warned - used, "%s\n", text);
}

static int setup(void **state)
{
    (void)state;
    warned[0] = '\0';
    return 0;
}

static int read_text(struct fc_compat_config *config, const char *text, struct fc_err *err)
{
    return fc_compat_config_read(config, "p.json", text, strlen(text), warn, NULL, err);
}

/* ---- the file ---- */

static void debians_files_are_read(void **state)
{
    struct fc_compat_config config = {0};
    fc_auto_free char *text = NULL;
    struct fc_err err = {0};
    size_t len;
    (void)state;

    assert_int_equal(fc_file_read(FIXTURES "/pebble/config-external-account-bindings.json", 65536, &text, &len, &err),
                     0);
    assert_int_equal(fc_compat_config_read(&config, "debian", text, len, warn, NULL, &err), 0);
    assert_string_equal(warned, "");
    assert_string_equal(config.listen, "0.0.0.0:14000");
    assert_string_equal(config.management_listen, "0.0.0.0:15000");
    assert_string_equal(config.certificate, "test/certs/localhost/cert.pem");
    assert_string_equal(config.private_key, "test/certs/localhost/key.pem");
    assert_int_equal(config.http_port, 5002);
    assert_int_equal(config.tls_port, 5001);
    assert_null(config.ocsp_url);
    assert_true(config.eab_required);
    assert_string_equal(json_string_value(json_object_get(config.eab_keys, "kid-1")),
                        "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W");
    fc_compat_config_release(&config);
}

static void absent_members_have_the_usual_values(void **state)
{
    struct fc_compat_config config = {0};
    struct fc_err err = {0};
    (void)state;

    assert_int_equal(read_text(&config, "{\"pebble\":{\"managementListenAddress\":null,\"certificate\":\"\"}}", &err),
                     0);
    assert_string_equal(config.listen, "0.0.0.0:14000");
    assert_null(config.management_listen);
    assert_null(config.certificate);
    assert_int_equal(config.nonce_reject, 5);
    assert_int_equal(config.authz_reuse, 50);
    assert_int_equal(config.orders_per_page, 3);
    assert_int_equal(config.sleep_s, 5);
    assert_int_equal(config.chain_length, 1);
    assert_false(config.always_valid);
    fc_compat_config_release(&config);
}

static void keys_come_in_any_case(void **state)
{
    struct fc_compat_config config = {0};
    struct fc_err err = {0};
    (void)state;

    assert_int_equal(read_text(&config,
                               "{\"Pebble\":{\"HTTPPORT\":80,\"listenaddress\":\":1\",\"RetryAfter\":{\"Authz\":7}}}",
                               &err),
                     0);
    assert_int_equal(config.http_port, 80);
    assert_string_equal(config.listen, ":1");
    assert_int_equal(config.authz_retry_after, 7);
    assert_string_equal(warned, "");
    fc_compat_config_release(&config);
}

static void unknown_keys_are_told_by_name(void **state)
{
    struct fc_compat_config config = {0};
    struct fc_err err = {0};
    (void)state;

    assert_int_equal(
        read_text(&config, "{\"pebble\":{\"domainBlocklst\":[],\"xyzzy\":1,\"retryAfter\":{\"odrer\":1}}}", &err), 0);
    assert_string_equal(warned, "p.json: unknown key 'domainBlocklst' is passed over, did you mean 'domainBlocklist'?\n"
                                "p.json: unknown key 'xyzzy' is passed over\n"
                                "p.json: unknown key 'odrer' is passed over, did you mean 'retryAfter.order'?\n");
    fc_compat_config_release(&config);
}

static void wrong_values_are_refused(void **state)
{
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"", "line 1"},
        {"{", "line 1"},
        {"[]", "there is no object 'pebble' in it"},
        {"{\"peble\":{}}", "there is no object 'pebble' in it"},
        {"{\"pebble\":[]}", "there is no object 'pebble' in it"},
        {"{\"pebble\":{\"httpPort\":\"80\"}}", "'pebble.httpPort' must be a whole number"},
        {"{\"pebble\":{\"httpPort\":65536}}", "'pebble.httpPort' is not between 0 and 65535"},
        {"{\"pebble\":{\"tlsPort\":-1}}", "'pebble.tlsPort' is not between 0 and 65535"},
        {"{\"pebble\":{\"listenAddress\":14000}}", "'pebble.listenAddress' must be a text"},
        {"{\"pebble\":{\"externalAccountBindingRequired\":\"yes\"}}", "must be true or false"},
        {"{\"pebble\":{\"externalAccountMACKeys\":[]}}", "'pebble.externalAccountMACKeys' must be an object"},
        {"{\"pebble\":{\"externalAccountMACKeys\":{\"a\":1}}}", "must hold texts"},
        {"{\"pebble\":{\"domainBlocklist\":\"a.test\"}}", "'pebble.domainBlocklist' must be a list of texts"},
        {"{\"pebble\":{\"caaIdentities\":[1]}}", "'pebble.caaIdentities' must be a list of texts"},
        {"{\"pebble\":{\"keyAlgorithm\":\"dsa\"}}", "must be \"rsa\" or \"ecdsa\""},
        {"{\"pebble\":{\"profiles\":{\"a\":1}}}", "'pebble.profiles' must hold objects"},
        {"{\"pebble\":{\"profiles\":{\"a\":{\"validityPeriod\":\"1d\"}}}}",
         "'pebble.profiles' has a \"validityPeriod\""},
        {"{\"pebble\":{\"retryAfter\":3}}", "'pebble.retryAfter' must be an object"},
        {"{\"pebble\":{\"retryAfter\":{\"authz\":\"3\"}}}", "'pebble.authz' must be a whole number"},
        {"{\"pebble\":{\"certificateValidityPeriod\":1e9}}", "must be a whole number"},
        {"{\"pebble\":{\"certificate\":\"a.pem\"}}", "'pebble.privateKey' is missing"},
        {"{\"pebble\":{\"privateKey\":\"a.pem\"}}", "'pebble.certificate' is missing"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fc_compat_config config = {0};
        struct fc_err err = {0};
        if (read_text(&config, rows[i].text, &err) == 0)
            fail_msg("%s is taken", rows[i].text);
        assert_int_equal(err.code, FC_E_USAGE);
        if (!strstr(err.text, rows[i].says) || !strstr(err.text, "config file 'p.json'"))
            fail_msg("%s: '%s' does not say '%s'", rows[i].text, err.text, rows[i].says);
        fc_compat_config_release(&config);
    }
}

/* ---- variables ---- */

static const char *const *variables; /* pairs, NULL-terminated */

static const char *get(const char *name)
{
    for (const char *const *pair = variables; *pair; pair += 2)
        if (strcmp(pair[0], name) == 0)
            return pair[1];
    return NULL;
}

static void variables_are_read(void **state)
{
    static const char *const pairs[] = {"PEBBLE_WFE_NONCEREJECT",
                                        "0",
                                        "PEBBLE_AUTHZREUSE",
                                        "150",
                                        "PEBBLE_WFE_ORDERS_PER_PAGE",
                                        "15",
                                        "PEBBLE_VA_SLEEPTIME",
                                        "7",
                                        "PEBBLE_VA_ALWAYS_VALID",
                                        "True",
                                        "PEBBLE_ALTERNATE_ROOTS",
                                        "2",
                                        "PEBBLE_CHAIN_LENGTH",
                                        "3",
                                        NULL};
    struct fc_compat_config config = {.chain_length = 1};
    (void)state;

    variables = pairs;
    fc_compat_config_env(&config, get, warn, NULL);
    assert_int_equal(config.nonce_reject, 0);
    assert_int_equal(config.authz_reuse, 100);
    assert_int_equal(config.orders_per_page, 15);
    assert_int_equal(config.sleep_s, 7);
    assert_true(config.always_valid);
    assert_int_equal(config.alternate_roots, 2);
    assert_int_equal(config.chain_length, 3);
    assert_string_equal(warned, "");
}

static void nosleep_wins_over_sleeptime(void **state)
{
    static const char *const pairs[] = {"PEBBLE_VA_SLEEPTIME", "7", "PEBBLE_VA_NOSLEEP", "1", NULL};
    struct fc_compat_config config = {.sleep_s = 5};
    (void)state;

    variables = pairs;
    fc_compat_config_env(&config, get, warn, NULL);
    assert_int_equal(config.sleep_s, 0);
}

/* A chain of length 0 makes Pebble panic (peers.md 1.1). */
static void odd_variables_are_told_and_passed_over(void **state)
{
    static const char *const pairs[] = {"PEBBLE_CHAIN_LENGTH",
                                        "0",
                                        "PEBBLE_WFE_NONCEREJECT",
                                        "five",
                                        "PEBBLE_VA_SLEEPTIME",
                                        "-1",
                                        "PEBBLE_VA_NOSLEEP",
                                        "0",
                                        "PEBBLE_WFE_ORDERS_PER_PAGE",
                                        "",
                                        NULL};
    struct fc_compat_config config = {.chain_length = 1, .nonce_reject = 5, .sleep_s = 5, .orders_per_page = 3};
    (void)state;

    variables = pairs;
    fc_compat_config_env(&config, get, warn, NULL);
    assert_int_equal(config.chain_length, 1);
    assert_int_equal(config.nonce_reject, 5);
    assert_int_equal(config.sleep_s, 5);
    assert_int_equal(config.orders_per_page, 3);
    assert_non_null(strstr(warned, "PEBBLE_CHAIN_LENGTH='0' is passed over: it is no whole number from 1 to 15"));
    assert_non_null(strstr(warned, "PEBBLE_WFE_NONCEREJECT='five' is passed over"));
    assert_non_null(strstr(warned, "PEBBLE_VA_SLEEPTIME='-1' is passed over"));
}

/* ---- the policy ---- */

static struct fc_policy *policy_of(struct fc_compat_config *config)
{
    fc_auto_free char *text = NULL;
    struct fc_policy *policy = NULL;
    struct fc_err err = {0};

    if (fc_compat_config_policy(config, &text, &err) || fc_policy_parse(text, strlen(text), "t", &policy, &err))
        fail_msg("%s", err.text);
    return policy;
}

static void the_policy_takes_what_pebble_takes(void **state)
{
    struct fc_compat_config config = {0};
    struct fc_err err = {0};
    (void)state;

    assert_int_equal(read_text(&config, "{\"pebble\":{}}", &err), 0);
    struct fc_policy *policy = policy_of(&config);
    assert_string_equal(policy->name, "pebble");
    assert_true(policy->lenient.names && policy->lenient.addresses && policy->lenient.redirects);
    assert_true(policy->lenient.no_caa && policy->lenient.no_order_reuse);
    assert_int_equal(policy->lenient.authz_anew_percent, 50);
    assert_true(policy->lenient.validation_sleep == 5 * FC_SECOND);
    assert_null(policy->lenient.ocsp_url);
    assert_true(policy->certificate_keys.p521 && policy->account_keys.p521);
    assert_int_equal(policy->account_keys.rsa_bits[0], 1024);
    assert_false(policy->limits.enforced);
    assert_string_equal(policy->directory.terms_of_service, "data:text/plain,Do%20what%20thou%20wilt");
    assert_null(policy->directory.website);
    assert_int_equal(policy->n_profiles, 1);
    assert_false(policy->profiles[0].offered);
    assert_true(policy->profiles[0].versions->validity == 90 * FC_DAY);
    assert_int_equal(policy->n_cas, 2);
    assert_string_equal(policy->cas[0].key, "P-256");
    fc_policy_free(policy);
    fc_compat_config_release(&config);
}

static void the_file_says_more(void **state)
{
    static const char text[] =
        "{\"pebble\":{\"keyAlgorithm\":\"rsa\",\"ocspResponderURL\":\"http://127.0.0.1:4002\","
        "\"domainBlocklist\":[\"Blocked-Domain.example\"],\"caaIdentities\":[\"pebble.letsencrypt.org\"],"
        "\"profiles\":{\"default\":{\"description\":\"The profile you know and love\",\"validityPeriod\":7776000},"
        "\"shortlived\":{\"description\":\"A short-lived cert profile\",\"validityPeriod\":518400}}}}";
    struct fc_compat_config config = {0};
    struct fc_err err = {0};
    (void)state;

    assert_int_equal(read_text(&config, text, &err), 0);
    config.chain_length = 3;
    config.authz_reuse = 100;
    config.always_valid = true;
    struct fc_policy *policy = policy_of(&config);
    assert_string_equal(policy->lenient.ocsp_url, "http://127.0.0.1:4002");
    assert_string_equal(policy->blocked_names[0], "blocked-domain.example");
    assert_string_equal(policy->directory.caa_identities[0], "pebble.letsencrypt.org");
    assert_int_equal(policy->n_profiles, 2);
    assert_string_equal(policy->default_profile, "default");
    assert_true(policy->lenient.random_profile);
    const struct fc_profile *shortlived = fc_policy_profile(policy, "shortlived");
    assert_string_equal(shortlived->description, "A short-lived cert profile");
    assert_true(shortlived->offered && shortlived->versions->validity == 6 * FC_DAY);
    assert_int_equal(policy->lenient.authz_anew_percent, 0);
    assert_true(policy->lenient.always_valid && policy->lenient.validation_sleep == 0);
    assert_int_equal(policy->n_cas, 4);
    assert_string_equal(policy->cas[1].issuer, "root-0");
    assert_string_equal(policy->cas[3].name, "int-0");
    assert_string_equal(policy->cas[3].issuer, policy->cas[2].name);
    assert_string_equal(policy->cas[3].key, "RSA-2048");
    fc_policy_free(policy);

    /* as many chains as roots, to one issuer: its name and key are in each (Pebble's ca.New) */
    config.alternate_roots = 2;
    policy = policy_of(&config);
    const struct fc_policy_ca *issuing = fc_policy_ca(policy, "int-0");
    assert_int_equal(issuing->n_chains, 3);
    for (size_t i = 0; i < 3; i++) {
        const struct fc_policy_ca *first = fc_policy_ca(policy, issuing->chains[i].names[0]);
        const struct fc_policy_ca *last = fc_policy_ca(policy, issuing->chains[i].names[2]);
        assert_string_equal(first->common_name, issuing->common_name);
        assert_true(i == 0 ? first == issuing : strcmp(first->key_of, "int-0") == 0);
        assert_null(issuing->chains[i].names[3]);
        fc_auto_free char *root = fc_asprintf("root-%zu", i);
        assert_string_equal(last->issuer, root);
    }
    fc_policy_free(policy);

    config.alternate_roots = FC_COMPAT_ROOTS_MAX;
    config.chain_length = FC_COMPAT_CHAIN_MAX;
    policy = policy_of(&config);
    assert_int_equal(fc_policy_ca(policy, "int-0")->n_chains, FC_COMPAT_ROOTS_MAX + 1);
    fc_policy_free(policy);
    fc_compat_config_release(&config);
}

/* The old key for all certificates, as Pebble 2.4 has it. */
static void the_old_validity_is_read(void **state)
{
    struct fc_compat_config config = {0};
    struct fc_err err = {0};
    (void)state;

    assert_int_equal(read_text(&config, "{\"pebble\":{\"certificateValidityPeriod\":60}}", &err), 0);
    struct fc_policy *policy = policy_of(&config);
    assert_true(policy->profiles[0].versions->validity == FC_MINUTE);
    fc_policy_free(policy);
    fc_compat_config_release(&config);
}

/* What no policy takes is an error with its place, not a crash. */
static void a_name_that_is_none_is_refused(void **state)
{
    struct fc_compat_config config = {0};
    fc_auto_free char *text = NULL;
    struct fc_err err = {0};
    (void)state;

    assert_int_equal(read_text(&config, "{\"pebble\":{\"domainBlocklist\":[\"a..b\"]}}", &err), 0);
    assert_int_equal(fc_compat_config_policy(&config, &text, &err), -1);
    assert_non_null(strstr(err.text, "'a..b' is no domain name"));
    fc_compat_config_release(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(debians_files_are_read, setup),
        cmocka_unit_test_setup(absent_members_have_the_usual_values, setup),
        cmocka_unit_test_setup(keys_come_in_any_case, setup),
        cmocka_unit_test_setup(unknown_keys_are_told_by_name, setup),
        cmocka_unit_test_setup(wrong_values_are_refused, setup),
        cmocka_unit_test_setup(variables_are_read, setup),
        cmocka_unit_test_setup(nosleep_wins_over_sleeptime, setup),
        cmocka_unit_test_setup(odd_variables_are_told_and_passed_over, setup),
        cmocka_unit_test_setup(the_policy_takes_what_pebble_takes, setup),
        cmocka_unit_test_setup(the_file_says_more, setup),
        cmocka_unit_test_setup(the_old_validity_is_read, setup),
        cmocka_unit_test_setup(a_name_that_is_none_is_refused, setup),
    };
    RUN(tests);
}
