/* The compiled-in policies, against letsencrypt.md: C.1 profiles, F dates, B validation, E issuance. */
#include "policy/policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_time.h"
#include "policy/lib_policy.h"

#include "cmocka_all.h"

struct both {
    struct fc_policy *production, *staging;
};

static int setup(void **state)
{
    static struct both both;
    struct fc_err err = {0};

    *state = &both;
    if (fc_policy_builtin("production", &both.production, &err) || fc_policy_builtin("staging", &both.staging, &err)) {
        print_error("%s\n", err.text);
        return -1;
    }
    return 0;
}

static int teardown(void **state)
{
    struct both *both = *state;

    fc_policy_free(both->production);
    fc_policy_free(both->staging);
    *both = (struct both){0};
    return 0;
}

static int64_t at(const char *text)
{
    int64_t when = 0;
    assert_int_equal(fc_time_parse(text, &when, NULL), 0);
    return when;
}

static void names_and_texts(void **state)
{
    const char *const *names = fc_policy_builtin_names();
    struct both *both = *state;
    struct fc_policy *policy = NULL;
    struct fc_err err = {0};
    size_t len = 0;

    assert_string_equal(names[0], "production");
    assert_string_equal(names[1], "staging");
    assert_string_equal(names[2], "rfc8555");
    assert_string_equal(names[3], "pebble");
    assert_null(names[4]);
    for (size_t i = 0; names[i]; i++) {
        const char *text = fc_policy_builtin_text(names[i], &len);
        assert_non_null(text);
        assert_int_equal(strlen(text), len);
    }
    assert_null(fc_policy_builtin_text("stagin", &len));
    assert_string_equal(both->production->name, "production");
    assert_string_equal(both->staging->name, "staging");
    assert_string_equal(both->production->source, "built-in");
    assert_int_equal(fc_policy_builtin("stagin", &policy, &err), -1);
    assert_int_equal(err.code, FC_E_NOT_FOUND);
    assert_string_equal(err.text, "there is no environment 'stagin', did you mean 'staging'?");
    fc_err_clear(&err);
    assert_int_equal(fc_policy_builtin("x", &policy, &err), -1);
    assert_int_equal(err.code, FC_E_NOT_FOUND);
    assert_null(policy);
    fc_policy_free(NULL);
}

/* C.1, first column; F.1 for the later versions. */
static void assert_classic(const struct fc_profile_version *version, int64_t validity, int64_t reuse)
{
    assert_int_equal(version->validity, validity);
    assert_int_equal(version->authz_lifetime, reuse);
    assert_int_equal(version->pending_authz_lifetime, 7 * FC_DAY);
    assert_int_equal(version->order_lifetime, 7 * FC_DAY);
    assert_int_equal(version->max_identifiers, 100);
    assert_true(version->dns && !version->ip);
    assert_true(version->common_name && version->key_encipherment && version->subject_key_identifier);
    assert_true(strlen(version->source) > 0);
}

static void classic_changes_on_its_days(void **state)
{
    static const struct {
        const char *when;
        int64_t validity, reuse;
    } rows[] = {
        {"2000-01-01T00:00:00Z", 90 * FC_DAY, 30 * FC_DAY},     {"1999-12-31T23:59:59Z", 90 * FC_DAY, 30 * FC_DAY},
        {"2026-11-24T05:00:00Z", 90 * FC_DAY, 30 * FC_DAY},     {"2027-02-09T23:59:59.999Z", 90 * FC_DAY, 30 * FC_DAY},
        {"2027-02-10T00:00:00Z", 64 * FC_DAY, 10 * FC_DAY},     {"2027-02-10T00:00:01Z", 64 * FC_DAY, 10 * FC_DAY},
        {"2028-02-15T23:59:59.999Z", 64 * FC_DAY, 10 * FC_DAY}, {"2028-02-16T00:00:00Z", 45 * FC_DAY, 7 * FC_HOUR},
        {"2199-12-31T23:59:59Z", 45 * FC_DAY, 7 * FC_HOUR},
    };
    const struct fc_policy *policy = ((struct both *)*state)->production;
    const struct fc_profile *classic = fc_policy_profile(policy, "classic");

    assert_non_null(classic);
    assert_string_equal(classic->description, "https://letsencrypt.org/docs/profiles#classic");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_classic(fc_profile_at(classic, at(rows[i].when)), rows[i].validity, rows[i].reuse);
    /* a clock that goes back finds the earlier version again */
    assert_classic(fc_profile_at(classic, at("2028-03-01")), 45 * FC_DAY, 7 * FC_HOUR);
    assert_classic(fc_profile_at(classic, at("2026-03-01")), 90 * FC_DAY, 30 * FC_DAY);
}

/* "S about 1 month earlier" (F.1). */
static void staging_changes_a_month_earlier(void **state)
{
    const struct fc_policy *policy = ((struct both *)*state)->staging;
    const struct fc_profile *classic = fc_policy_profile(policy, NULL);

    assert_classic(fc_profile_at(classic, at("2027-01-09T23:59:59Z")), 90 * FC_DAY, 30 * FC_DAY);
    assert_classic(fc_profile_at(classic, at("2027-01-10")), 64 * FC_DAY, 10 * FC_DAY);
    assert_classic(fc_profile_at(classic, at("2028-01-15T23:59:59Z")), 64 * FC_DAY, 10 * FC_DAY);
    assert_classic(fc_profile_at(classic, at("2028-01-16")), 45 * FC_DAY, 7 * FC_HOUR);
}

static void profiles_by_name(void **state)
{
    const struct fc_policy *policy = ((struct both *)*state)->production;

    assert_string_equal(policy->default_profile, "classic");
    assert_ptr_equal(fc_policy_profile(policy, NULL), fc_policy_profile(policy, "classic"));
    assert_null(fc_policy_profile(policy, "Classic"));
    assert_null(fc_policy_profile(policy, ""));
    assert_null(fc_policy_profile(policy, "tlsclients"));
}

static void assert_words(const char *const *words, const char *joined)
{
    char text[512] = "";
    size_t len = 0;

    for (size_t i = 0; words[i]; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%s", i ? " " : "", words[i]);
    assert_string_equal(text, joined);
}

/* B.1, B.3, B.8, B.10. */
static void validation_constants(void **state)
{
    const struct fc_policy *policy = ((struct both *)*state)->production;

    assert_string_equal(policy->validation.user_agent,
                        "Mozilla/5.0 (compatible; Let's Encrypt validation server; +https://www.letsencrypt.org)");
    assert_int_equal(policy->validation.connect_timeout, 10 * FC_SECOND);
    assert_int_equal(policy->validation.total_timeout, 20 * FC_SECOND - 200 * FC_MS);
    assert_int_equal(policy->validation.dns_timeout, FC_SECOND);
    assert_int_equal(policy->validation.dns_tries, 3);
    assert_int_equal(policy->validation.max_redirects, 11);
    assert_int_equal(policy->validation.max_redirect_path, 2000);
    assert_int_equal(policy->validation.max_body, 128);
    assert_int_equal(policy->validation.http_port, 80);
    assert_int_equal(policy->validation.https_port, 443);
    assert_int_equal(policy->validation.perspectives, 5);
    assert_int_equal(policy->validation.caa_recheck_after, 7 * FC_HOUR);
    assert_words(policy->validation.methods_wildcard, "dns-01");
}

/* D.1, D.5, E.1, E.6, E.7, G.1, G.2, G.3, H.1, H.4. */
static void the_other_constants(void **state)
{
    const struct fc_policy *policy = ((struct both *)*state)->production;
    static const int bits[] = {2048, 3072, 4096, 0};
    static const int64_t reasons[] = {0, 1, 4, 5, -1};

    assert_true(policy->rehearsal);
    assert_int_equal(policy->requests.max_body, 50000);
    assert_int_equal(policy->requests.max_identifier_bytes, 10000);
    assert_int_equal(policy->requests.nonce_window, 65536);
    assert_int_equal(policy->requests.internal_retry_after_s, 60);
    assert_words(policy->requests.signature_algorithms, "RS256 ES256 ES384 ES512");
    assert_words(policy->requests.forbidden_contact_domains, "example.com example.net example.org");
    assert_memory_equal(policy->account_keys.rsa_bits, bits, sizeof bits);
    assert_memory_equal(policy->certificate_keys.rsa_bits, bits, sizeof bits);
    assert_true(policy->account_keys.p256 && policy->account_keys.p384 && !policy->account_keys.p521);
    assert_true(policy->certificate_keys.p256 && policy->certificate_keys.p384 && !policy->certificate_keys.p521);
    assert_words(policy->blocked_names, "example example.net example.org invalid local localhost test in-addr.arpa "
                                        "ip6.arpa 224.0.0.0/4 ff00::/8");
    assert_int_equal(policy->issuance.max_backdate, 65 * FC_MINUTE);
    assert_int_equal(policy->issuance.serial_random_bytes * 8, 136);
    assert_string_equal(policy->issuance.policy_oid, "2.23.140.1.2.1");
    assert_int_equal(policy->issuance.crl_shards, 128);
    assert_int_equal(policy->issuance.crl_validity, 216 * FC_HOUR);
    assert_int_equal(policy->issuance.crl_keep_after_expiry, 24 * FC_HOUR);
    assert_memory_equal(policy->issuance.revocation_reasons, reasons, sizeof reasons);
    assert_int_equal(policy->issuance.processing_retry_after_s, 3);
    assert_words(policy->directory.caa_identities, "letsencrypt.org");
    assert_string_equal(policy->directory.random_key_value,
                        "https://community.letsencrypt.org/t/adding-random-entries-to-the-directory/33417");
    assert_string_equal(policy->directory.rate_limits_url, "https://letsencrypt.org/docs/rate-limits");
    assert_string_equal(policy->directory.website, "https://letsencrypt.org");
    assert_true(policy->departs.contact_not_stored && policy->departs.no_orders_list &&
                policy->departs.no_pre_authorization && policy->departs.no_dates_in_orders);
    assert_true(policy->departs.expired_order_not_found && policy->departs.unsigned_get &&
                policy->departs.new_nonce_no_store_missing && policy->departs.random_directory_key);
}

/* B.7: staging offers dns-persist-01 too; all else of the validation is the same. */
static bool validates_alike(const json_t *production, const json_t *staging)
{
    static const char *const members[] = {"methods_dns", "methods_wildcard", "source"};
    fc_auto_json one = json_deep_copy(production);
    fc_auto_json other = json_deep_copy(staging);

    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        json_object_del(one, members[i]);
        json_object_del(other, members[i]);
    }
    return json_equal(one, other);
}

/* C.5, E.2, H.1: what staging does otherwise; all the rest is the same. */
static void staging_differs_where_it_should(void **state)
{
    const struct both *both = *state;
    static const char *const differs[] = {"name",      "directory", "blocked_names", "profiles",      "issuance",
                                          "hierarchy", "limits",    "pausing",       "request_limits"};
    const json_t *production = fc_policy_json_at(both->production, both->production->as_of);
    const json_t *staging = fc_policy_json_at(both->staging, both->staging->as_of);
    const char *key;
    json_t *value;

    assert_false(both->production->issuance.finalize_async);
    assert_true(both->staging->issuance.finalize_async);
    assert_string_equal(both->production->directory.path_prefix, "");
    assert_string_equal(both->staging->directory.path_prefix, "/staging");
    assert_string_equal(both->staging->directory.website, "https://letsencrypt.org/docs/staging-environment/");
    assert_int_not_equal(both->production->issuance.serial_prefix, both->staging->issuance.serial_prefix);
    json_object_foreach((json_t *)(uintptr_t)production, key, value)
    {
        bool may_differ = false;
        for (size_t i = 0; i < sizeof differs / sizeof *differs; i++)
            may_differ = may_differ || strcmp(differs[i], key) == 0;
        bool same = strcmp(key, "validation") == 0 ? validates_alike(value, json_object_get(staging, key))
                                                   : json_equal(value, json_object_get(staging, key));
        if (!may_differ && !same)
            fail_msg("'%s' differs", key);
    }
    assert_int_equal(json_object_size(production), json_object_size(staging));
}

static const struct fc_policy_ca *ca_of(const struct fc_policy *policy, const char *name)
{
    const struct fc_policy_ca *ca = fc_policy_ca(policy, name);

    if (!ca)
        fail_msg("%s has no CA certificate '%s'", policy->name, name);
    return ca;
}

static bool is_named(const struct fc_profile_version *version, const char *name)
{
    const char **issuer = version->issuers;

    while (*issuer && strcmp(*issuer, name) != 0)
        issuer++;
    return *issuer != NULL;
}

static void assert_covers(const struct fc_policy *policy, const char *name, int64_t from, int64_t to)
{
    const struct fc_policy_ca *ca = ca_of(policy, name);

    if (ca->not_before > from || ca->not_after < to)
        fail_msg("%s: '%s' does not cover the leaf", policy->name, name);
    if (ca->issuer)
        assert_covers(policy, ca->issuer, from, to);
}

/* The issuers of a leaf of that profile, made at now, and all that is in their chains, live as long as it. Returns the name of
 * the one in use, of the family. */
static const char *assert_issuer(const struct fc_policy *policy, const struct fc_profile *profile, int64_t now,
                                 const char *key)
{
    const struct fc_profile_version *version = fc_profile_at(profile, now);
    const char *name = NULL;

    for (size_t i = 0; i < policy->n_cas; i++) {
        const struct fc_policy_ca *ca = &policy->cas[i];
        if (!ca->issues_leaves || strcmp(ca->key, key) != 0 || !is_named(version, ca->name))
            continue;
        assert_covers(policy, ca->name, now - FC_HOUR, now + version->validity);
        for (size_t j = 0; j < ca->n_chains; j++)
            for (const char **link = ca->chains[j].names; *link; link++)
                assert_covers(policy, *link, now - FC_HOUR, now + version->validity);
        if (ca->backup)
            continue;
        assert_null(name); /* one is in use, so that the same input gives the same output */
        name = ca->name;
    }
    assert_non_null(name);
    return name;
}

/* E.2, F.1: which generation issues on which day; from the first second that the clock shows to the last. */
static void issuers_follow_the_calendar(void **state)
{
    static const struct {
        const char *now, *classic, *others;
    } rows[2][6] = {{{"2000-01-01", "e5 r10", "e5 r10"},
                     {"2025-11-30T23:59:59Z", "e5 r10", "e5 r10"},
                     {"2025-12-01", "e5 r10", "ye1 yr1"},
                     {"2026-05-27T23:59:59Z", "e5 r10", "ye1 yr1"},
                     {"2026-05-28", "ye1 yr1", "ye1 yr1"},
                     {"2199-12-31T23:59:59Z", "ye1 yr1", "ye1 yr1"}},
                    {{"2000-01-01", "e5 r10", "e5 r10"},
                     {"2025-11-23T23:59:59Z", "e5 r10", "e5 r10"},
                     {"2025-11-24", "e5 r10", "ye1 yr1"},
                     {"2026-04-27T23:59:59Z", "e5 r10", "ye1 yr1"},
                     {"2026-04-28", "ye1 yr1", "ye1 yr1"},
                     {"2199-12-31T23:59:59Z", "ye1 yr1", "ye1 yr1"}}};
    const struct both *both = *state;
    const struct fc_policy *const files[] = {both->production, both->staging};

    for (size_t i = 0; i < 2 * 6; i++) {
        int64_t now = at(rows[i / 6][i % 6].now);
        const struct fc_policy *policy = fc_policy_at(files[i / 6], now);
        for (size_t p = 0; p < policy->n_profiles; p++) {
            bool classic = strcmp(policy->profiles[p].name, "classic") == 0;
            if (strcmp(policy->profiles[p].name, "tlsclient") == 0)
                continue; /* of generation X as long as it was offered */
            fc_auto_free char *issuers = fc_asprintf("%s %s", assert_issuer(policy, &policy->profiles[p], now, "P-256"),
                                                     assert_issuer(policy, &policy->profiles[p], now, "RSA-2048"));
            assert_string_equal(issuers, classic ? rows[i / 6][i % 6].classic : rows[i / 6][i % 6].others);
        }
    }
}

/* E.2: the chains of both generations, the default one first, each up to the root that is named behind '<'. */
static void chains_as_letsencrypt_serves_them(void **state)
{
    static const char *const rows[][4] = {
        {"ye1", "ye1 root-ye-by-x2 root-x2-by-x1 < root-x1", "ye1 root-ye-by-x2 < root-x2", "ye1 < root-ye"},
        {"yr1", "yr1 root-yr-by-x1 < root-x1", "yr1 < root-yr", NULL},
        {"e5", "e5-by-x1 < root-x1", "e5 < root-x2", NULL},
    };
    const struct both *both = *state;
    const struct fc_policy *const files[] = {both->production, both->staging};

    for (size_t i = 0; i < 2 * 3; i++) {
        const struct fc_policy_ca *ca = ca_of(files[i % 2], rows[i / 2][0]);
        assert_int_equal(ca->n_chains, rows[i / 2][3] ? 3 : 2);
        for (size_t n = 0; n < ca->n_chains; n++) {
            fc_auto_free char *text = fc_strdup("");
            const char *root = "";
            for (const char **name = ca->chains[n].names; *name; name++) {
                char *before = text;
                text = fc_asprintf("%s%s ", before, *name);
                free(before);
                root = ca_of(files[i % 2], *name)->issuer;
            }
            fc_auto_free char *whole = fc_asprintf("%s< %s", text, root);
            assert_string_equal(whole, rows[i / 2][n + 1]);
        }
    }
    assert_int_equal(ca_of(both->production, "r10")->n_chains, 0); /* one, to its issuer */
    assert_string_equal(ca_of(both->production, "r10")->issuer, "root-x1");
}

static void the_hierarchy_says_what_it_is(void **state)
{
    const struct both *both = *state;
    const struct fc_policy *const policies[] = {both->production, both->staging};

    for (size_t p = 0; p < 2; p++) {
        for (size_t i = 0; i < policies[p]->n_cas; i++) {
            const struct fc_policy_ca *ca = &policies[p]->cas[i];
            assert_non_null(strstr(ca->common_name, "fakeca TEST"));
            assert_non_null(strstr(ca->common_name, "do not trust"));
            assert_non_null(strstr(ca->common_name, policies[p]->name));
            /* design.md part 6: roots end past every permitted clock */
            assert_true(ca->issuer || ca->not_after >= FC_TIME_MAX);
            assert_true(!ca->issues_leaves || (ca->issuer && !ca->key_of));
        }
    }
}

/* The operator's options hold whatever the calendar changes. */
static void external_accounts_on_every_day(void **state)
{
    struct fc_policy *policy = NULL;
    size_t count;

    (void)state;
    assert_int_equal(fc_policy_builtin("production", &policy, NULL), 0);
    assert_false(policy->external_account.offered);
    fc_policy_set_external_account(policy, true, true);
    const struct fc_policy_change *changes = fc_policy_changes(policy, &count);
    assert_true(count > 0);
    for (size_t i = 0; i < count; i++) {
        const struct fc_policy *then = fc_policy_at(policy, changes[i].on);
        assert_true(then->external_account.offered && then->external_account.required);
        const json_t *shown = json_object_get(fc_policy_json_at(policy, changes[i].on), "external_account");
        assert_true(json_is_true(json_object_get(shown, "required")));
    }
    fc_policy_free(policy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(names_and_texts, setup, teardown),
        cmocka_unit_test_setup_teardown(classic_changes_on_its_days, setup, teardown),
        cmocka_unit_test_setup_teardown(staging_changes_a_month_earlier, setup, teardown),
        cmocka_unit_test_setup_teardown(profiles_by_name, setup, teardown),
        cmocka_unit_test_setup_teardown(validation_constants, setup, teardown),
        cmocka_unit_test_setup_teardown(the_other_constants, setup, teardown),
        cmocka_unit_test_setup_teardown(staging_differs_where_it_should, setup, teardown),
        cmocka_unit_test_setup_teardown(issuers_follow_the_calendar, setup, teardown),
        cmocka_unit_test_setup_teardown(chains_as_letsencrypt_serves_them, setup, teardown),
        cmocka_unit_test_setup_teardown(the_hierarchy_says_what_it_is, setup, teardown),
        cmocka_unit_test(external_accounts_on_every_day),
    };
    RUN(tests);
}
