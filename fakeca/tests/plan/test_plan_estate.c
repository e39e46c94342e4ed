/* Estates that are wrong: all errors at once, each with its line, its path and the nearest name. */
#include "plan/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan/lib_plan.h"
#include "plan/plan_int.h"

#include "cmocka_all.h"

#define WEB "'name': 'web', 'names': ['a.test']"

static void each_error(void **state)
{
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"", "e.json: line 1"},
        {"[]", "must be an object"},
        {"{'certificates': [{" WEB "}], 'certificates': []}", "duplicate"},
        {"{}", "'certificates' is missing"},
        {"{'certificates': []}", "certificates: at least one is needed"},
        {"{'certificates': {}}", "certificates: must be an array"},
        {"{'certificates': [7]}", "certificates[0]: must be an object"},
        {"{'certificats': [{" WEB "}]}", "unknown key 'certificats', did you mean 'certificates'?"},
        {"{'certificates': [{" WEB ", 'cuont': 1}]}",
         "certificates[0].cuont: unknown key 'cuont', did you mean 'count'?"},
        {"{'certificates': [{" WEB "}], 'environment': 'stagin'}",
         "environment: there is no 'stagin', did you mean 'staging'?"},
        {"{'certificates': [{" WEB "}], 'seed': -1}", "seed: -1 is not between 0 and"},
        {"{'certificates': [{" WEB "}], 'name': ''}", "name: must not be empty"},
        {"{'certificates': [{" WEB "}], 'name': 'a\\u0007'}", "name: must not hold control characters"},
        {"{'certificates': [{'names': ['a.test']}]}", "certificates[0]: 'name' is missing"},
        {"{'certificates': [{'name': 'web'}]}", "certificates[0]: 'names' is missing"},
        {"{'certificates': [{'name': 'web', 'names': []}]}", "certificates[0].names: at least one name is needed"},
        {"{'certificates': [{'name': 'web', 'names': [7]}]}", "certificates[0].names"},
        /* names as the CA reads them (letsencrypt.md D.1) */
        {"{'certificates': [{'name': 'web', 'names': ['a_b.test']}]}",
         "the CA would refuse 'a_b.test': Domain name contains an invalid character"},
        {"{'certificates': [{'name': 'web', 'names': ['www.example.org']}]}", "forbidden by policy"},
        {"{'certificates': [{'name': 'web', 'names': ['224.0.0.1']}]}", "the CA would refuse '224.0.0.1'"},
        {"{'certificates': [{'name': 'web', 'names': ['{x}.test']}]}", "the CA would refuse '{x}.test'"},
        {"{'certificates': [{'name': 'web', 'names': ['{n/0}.test']}]}", "the CA would refuse '{n/0}.test'"},
        {"{'certificates': [{'name': 'web', 'names': ['*.a.test', 'www.a.test']}]}",
         "'www.a.test' is redundant with the wildcard '*.a.test'"},
        /* duplicates */
        {"{'certificates': [{'name': 'web', 'names': ['a.test', 'A.test']}]}", "a name stands here twice"},
        {"{'certificates': [{" WEB "}, {" WEB "}]}", "certificates[1].name: there are certificates 'web' already"},
        {"{'certificates': [{'name': 'x', 'names': ['a.test', 'b.test']}, {'name': 'y', 'names': ['b.test', "
         "'a.test']}]}",
         "certificates[1].names: exactly the names of 'a.test' are in another certificate already"},
        {"{'certificates': [{'name': 'x', 'names': ['{n/2}.test'], 'count': 2}]}",
         "certificates[0].names: exactly the names of '0.test'"},
        {"{'certificates': [{" WEB ", 'count': 2}]}", "one of them needs '{n}'"},
        /* numbers */
        {"{'certificates': [{" WEB ", 'count': 0}]}", "count: 0 is not between 1 and 1000000"},
        {"{'certificates': [{" WEB ", 'replicas': 1000001}]}", "replicas: 1000001 is not between"},
        {"{'certificates': [{'name': 'x', 'names': ['{n}.test'], 'count': 1000, 'replicas': 1001}]}",
         "count: more than 1000000 certificates in all"},
        {"{'certificates': [{" WEB ", 'checks_per_day': 7}]}",
         "checks_per_day: the 86400 seconds of a day cannot be divided by 7"},
        {"{'certificates': [{" WEB ", 'checks_per_day': 1441}]}", "checks_per_day: 1441 is not between 1 and 1440"},
        {"{'certificates': [{" WEB ", 'jitter': '13h'}]}", "jitter: is longer than the time between two checks"},
        {"{'certificates': [{" WEB ", 'jitter': '25h'}]}", "jitter: '25h' is not between"},
        /* rules */
        {"{'certificates': [{" WEB ", 'renew': 'sometimes'}]}", "renew: 'sometimes' is no renewal rule"},
        {"{'certificates': [{" WEB ", 'renew': '3/2 of lifetime'}]}", "is no renewal rule"},
        {"{'certificates': [{" WEB ", 'renew': '2 of lifetime'}]}", "is no renewal rule"},
        {"{'certificates': [{" WEB ", 'renew': '30 before expiry'}]}", "is no renewal rule"},
        {"{'certificates': [{" WEB ", 'renew': 'every 1m'}]}", "is no renewal rule"},
        {"{'certificates': [{" WEB ", 'renew': 7}]}", "renew: must be a string"},
        {"{'certificates': [{" WEB ", 'retry': 'never'}]}", "retry: unknown word 'never'"},
        {"{'certificates': [{" WEB ", 'replaces': 1}]}", "replaces: must be true or false"},
        {"{'certificates': [{" WEB ", 'profile': 'clasic'}]}",
         "profile: there is no 'clasic', did you mean 'classic'?"},
        {"{'defaults': {'renw': 'ari'}, 'certificates': [{" WEB "}]}",
         "defaults.renw: unknown key 'renw', did you mean 'renew'?"},
        /* accounts */
        {"{'certificates': [{" WEB ", 'account': 'defalt'}]}",
         "account: there is no 'defalt', did you mean 'default'?"},
        {"{'accounts': [{'name': 'a'}, {'name': 'a'}], 'certificates': [{" WEB ", 'account': 'a'}]}",
         "accounts[1].name: there is an account 'a' already"},
        {"{'accounts': [{'name': 'a'}, {'name': 'b'}], 'certificates': [{" WEB "}]}",
         "'account' is missing, because there are several"},
        {"{'accounts': [{'name': 'a', 'address': '1.2.3'}], 'certificates': [{" WEB "}]}",
         "accounts[0].address: '1.2.3' is no IP address"},
        {"{'accounts': [{}], 'certificates': [{" WEB "}]}", "accounts[0]: 'name' is missing"},
        /* times; the period is 2027 */
        {"{'certificates': [{" WEB ", 'issued': 'yesterday'}]}", "certificates[0].issued"},
        {"{'certificates': [{" WEB ", 'issued': '1999-01-01'}]}", "issued: is not between 2000 and 2199"},
        {"{'certificates': [{" WEB ", 'issued': '2210-01-01'}]}", "issued: is not between 2000 and 2199"},
        {"{'certificates': [{" WEB ", 'issued': '2026-10-01'}]}",
         "issued: that certificate ended on 2026-12-29T23:01:29Z, before the period begins on 2027-01-01T00:00:00Z"},
        {"{'certificates': [{" WEB ", 'spread': '1d'}]}", "spread: says over how long"},
        {"{'certificates': [{" WEB ", 'redeploys': {'first': '1999-12-31'}}]}",
         "redeploys.first: is not between 2000 and 2199"},
        {"{'certificates': [{" WEB ", 'redeploys': {'count': 2}}]}",
         "redeploys: 'every' is missing, because 'count' is more than 1"},
        {"{'certificates': [{" WEB ", 'redeploys': {'every': '1s'}}]}", "redeploys.every: '1s' is not between"},
        {"{'certificates': [{" WEB ", 'redeploys': {'frist': '2027-02-01'}}]}", "did you mean 'first'?"},
    };
    struct lib_plan *t = *state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        lib_plan_refused(t, rows[i].text);
        if (!strstr(t->err.text, rows[i].says))
            fail_msg("'%s' gives '%s', not '%s'", rows[i].text, t->err.text, rows[i].says);
    }
}

static void all_errors_at_once_with_their_lines(void **state)
{
    struct lib_plan *t = *state;

    lib_plan_refused(t, "{'environment': 'prod',\n'certificates': [\n{'name': 'a', 'names': ['a..test'],\n"
                        "'renew': 'x'},\n{'name': 'a', 'names': ['b.test'],\n'profil': 'classic'}]}");
    assert_non_null(strstr(t->err.text, "e.json: line 1: environment: "));
    assert_non_null(strstr(t->err.text, "e.json: line 3: certificates[0].names: the CA would refuse 'a..test'"));
    assert_non_null(strstr(t->err.text, "e.json: line 4: certificates[0].renew: "));
    assert_non_null(strstr(t->err.text, "e.json: line 5: certificates[1].name: "));
    assert_non_null(strstr(t->err.text, "e.json: line 6: certificates[1].profil: unknown key 'profil', did you mean"));
}

static void periods(void **state)
{
    static const struct {
        const char *from, *to;
    } bad[] = {{"2027-01-01", "2027-01-01"},
               {"2027-01-02", "2027-01-01"},
               {"2000-01-01", "2001-01-01"},
               {"2195-01-01", "2200-01-01"},
               {"2027-01-01", "2038-01-01"}};
    struct lib_plan *t = *state;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct fc_plan_options options = t->options;
        struct fc_err err = {0};
        options.from = lib_plan_time(bad[i].from);
        options.to = lib_plan_time(bad[i].to);
        assert_int_equal(fc_plan_options_check(&options, &err), -1);
        assert_int_equal(err.code, FC_E_USAGE);
    }
}

static void too_long_a_file(void **state)
{
    struct lib_plan *t = *state;
    fc_auto_free char *text = fc_malloc(FC_PLAN_FILE_MAX + 2);

    memset(text, ' ', FC_PLAN_FILE_MAX + 1);
    text[FC_PLAN_FILE_MAX + 1] = '\0';
    lib_plan_refused(t, text);
    assert_non_null(strstr(t->err.text, "longer than 4194304 bytes"));
}

static void environments(void **state)
{
    (void)state;
    static const char staging[] = "{\"environment\": \"staging\"}", unknown[] = "{\"environment\": \"x\"}";

    assert_string_equal(fc_plan_estate_environment(staging, strlen(staging)), "staging");
    assert_string_equal(fc_plan_estate_environment(unknown, strlen(unknown)), "production");
    assert_string_equal(fc_plan_estate_environment("{", 1), "production");
}

static void patterns_and_defaults(void **state)
{
    struct lib_plan *t = *state;

    lib_plan_run(t, "2027-01-01", "2027-01-02",
                 "{'name': 'e', 'seed': 9, 'defaults': {'renew': 'ari', 'checks_per_day': 24, 'profile': 'tlsserver'}, "
                 "'certificates': [{'name': 'w', 'names': ['WWW{n}.c{n/2}.test', 'c{n}.test'], 'count': 3, "
                 "'replicas': 2}, {'name': 'x', 'names': ['x.test'], 'renew': '2/3 of lifetime', 'replaces': true}]}");
    const struct fc_plan_estate *e = t->estate;
    assert_int_equal(e->n_sets, 4);
    assert_int_equal(e->n_certificates, 7);
    assert_int_equal(e->n_names, 7);
    assert_int_equal(fc_plan_estate_seed(e), 9);
    /* sorted, in lower case, {n} from 1 and {n/2} from 0 */
    assert_string_equal(e->sets[0].idents[0].value, "c1.test");
    assert_string_equal(e->sets[0].idents[1].value, "www1.c0.test");
    assert_string_equal(e->sets[2].idents[1].value, "www3.c1.test");
    assert_string_equal(e->groups[0].profile->name, "tlsserver");
    assert_int_equal(e->groups[0].rule.kind, FC_PLAN_ARI);
    assert_true(e->groups[0].replaces);
    assert_int_equal(e->groups[1].rule.kind, FC_PLAN_FRACTION);
    assert_int_equal(e->groups[1].rule.numerator, 2);
    assert_int_equal(e->groups[1].check_every, FC_HOUR);
    assert_true(e->groups[1].replaces);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIB_PLAN_TEST(each_error),   LIB_PLAN_TEST(all_errors_at_once_with_their_lines),
        LIB_PLAN_TEST(periods),      LIB_PLAN_TEST(too_long_a_file),
        LIB_PLAN_TEST(environments), LIB_PLAN_TEST(patterns_and_defaults),
    };
    RUN(tests);
}
