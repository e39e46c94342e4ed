/* The whole server comes up, answers, and goes; what it refuses before it touches anything. */
/* test: threads */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base_file.h"
#include "base/base_json.h"
#include "base/base_version.h"

#include "app/lib_app.h"
#include "cmocka_all.h"

static json_t *read_json(const char *path)
{
    fc_auto_free char *text = NULL;
    struct fc_err err = {0};
    json_t *value = NULL;
    size_t len;

    if (fc_file_read(path, 65536, &text, &len, &err) || fc_json_parse(text, len, &value, &err))
        fail_msg("%s", err.text);
    return value;
}

static void answers_at_every_address_of_run_json(void **state)
{
    struct lib_app *t = *state;
    fc_auto_free char *body = NULL;

    t->config.acme_http_listen = "localhost:0";
    lib_app_start(t);
    assert_int_equal(lib_app_get(t, lib_app_run(t, "directory"), "", &body), 200);
    assert_non_null(strstr(body, "newNonce"));
    assert_int_equal(lib_app_get(t, lib_app_run(t, "directory_http"), "", NULL), 200);
    fc_auto_json ready = lib_app_json(t, "api/v1/readyz");
    assert_true(json_is_true(json_object_get(ready, "ready")));
    fc_auto_json served = lib_app_json(t, "api/v1/run");
    assert_true(json_equal(served, fc_app_run(t->app)));
}

static void run_json_says_where_all_is(void **state)
{
    struct lib_app *t = *state;
    fc_auto_free char *path = lib_app_state_path(t, "run.json");
    fc_auto_free char *place = realpath(t->dir, NULL);

    t->config.environments = (struct fc_opt_strings){0};
    lib_app_start(t);
    fc_auto_json run = read_json(path);
    assert_true(json_equal(run, fc_app_run(t->app)));
    assert_int_equal(json_integer_value(json_object_get(run, "pid")), getpid());
    assert_string_equal(json_string_value(json_object_get(run, "version")), fc_version);
    assert_true(json_is_null(json_object_get(run, "directory_http")));
    fc_auto_free char *directory = fc_asprintf("https://localhost:%u/dir", lib_app_port(t, "directory"));
    fc_auto_free char *staging = fc_asprintf("https://localhost:%u/staging/dir", lib_app_port(t, "directory"));
    fc_auto_free char *ca_file = fc_asprintf("%s/state/ca.pem", place);
    fc_auto_free char *clock_file = fc_asprintf("%s/state/clock", place);
    assert_string_equal(lib_app_run(t, "directory"), directory);
    assert_string_equal(lib_app_run(t, "staging_directory"), staging);
    assert_string_equal(lib_app_run(t, "ca_file"), ca_file);
    assert_string_equal(lib_app_run(t, "clock_file"), clock_file);
    assert_int_equal(strncmp(lib_app_run(t, "management"), "http://localhost:", 17), 0);
    assert_int_equal(strncmp(lib_app_run(t, "dns"), "127.0.0.1:", 10), 0);
    assert_true(fc_file_exists(ca_file));
    assert_true(fc_file_exists(clock_file));
    lib_app_stop(t);
    assert_false(fc_file_exists(path));
    assert_true(fc_file_exists(ca_file));
}

/* localhost would lead to 127.0.0.1 */
static void a_listener_at_another_address_is_found_there(void **state)
{
    struct lib_app *t = *state;

    t->config.management_listen = "127.0.0.2:0";
    t->config.acme_http_listen = "127.0.0.3:0";
    t->config.dns_listen = "127.0.0.4:0";
    lib_app_start(t);
    assert_int_equal(strncmp(lib_app_run(t, "dns"), "127.0.0.4:", 10), 0);
    assert_int_equal(lib_app_get(t, lib_app_run(t, "management"), "api/v1/health", NULL), 200);
    assert_int_equal(lib_app_get(t, lib_app_run(t, "directory_http"), "", NULL), 200);
}

static void without_a_state_only_files_are_left(void **state)
{
    struct lib_app *t = *state;
    fc_auto_free char *run = lib_app_path(t, "fakeca/run.json");
    fc_auto_free char *database = lib_app_path(t, "fakeca/fakeca.db");
    fc_auto_free char *place = lib_app_path(t, "fakeca");
    struct stat about;

    t->config.state = NULL;
    lib_app_start(t);
    assert_true(fc_file_exists(run));
    assert_false(fc_file_exists(database));
    assert_int_equal(stat(place, &about), 0);
    assert_int_equal(about.st_mode & 07777, 0700);
    assert_true(json_is_null(json_object_get(fc_app_run(t->app), "state")));
    lib_app_stop(t);
    assert_false(fc_file_exists(run));
}

static void a_default_place_that_others_can_enter_is_refused(void **state)
{
    struct lib_app *t = *state;
    fc_auto_free char *place = lib_app_path(t, "fakeca");
    fc_auto_free char *elsewhere = lib_app_path(t, "elsewhere");

    t->config.state = NULL;
    assert_int_equal(mkdir(place, 0755), 0);
    assert_int_equal(chmod(place, 0755), 0);
    lib_app_refused(t, FC_E_SYSTEM, place);
    assert_int_equal(rmdir(place), 0);
    assert_int_equal(mkdir(elsewhere, 0700), 0);
    assert_int_equal(symlink(elsewhere, place), 0);
    lib_app_refused(t, FC_E_SYSTEM, place);
}

static void ready_no_more_once_stopping_begins(void **state)
{
    struct lib_app *t = *state;

    lib_app_start(t);
    fc_app_drain(t->app);
    assert_int_equal(lib_app_get(t, lib_app_run(t, "management"), "api/v1/readyz", NULL), 503);
    assert_int_equal(lib_app_get(t, lib_app_run(t, "management"), "api/v1/health", NULL), 200);
}

static void each_environment_has_its_paths(void **state)
{
    struct lib_app *t = *state;
    fc_auto_free char *body = NULL;

    t->config.environments = (struct fc_opt_strings){.at = {"staging"}, .count = 1};
    lib_app_start(t);
    fc_auto_free char *base = fc_asprintf("https://localhost:%u", lib_app_port(t, "directory"));
    assert_int_equal(lib_app_get(t, base, "/staging/dir", &body), 200);
    assert_non_null(strstr(body, "/staging/acme/new-nonce"));
    assert_int_equal(lib_app_get(t, base, "/dir", NULL), 404);
    assert_int_equal(lib_app_get(t, base, "/stagings/dir", NULL), 404);
    assert_int_equal(lib_app_get(t, base, "/staging", NULL), 404);
}

static void what_is_not_served_is_null(void **state)
{
    struct lib_app *t = *state;

    t->config.dns_listen = "none";
    t->config.environments = (struct fc_opt_strings){.at = {"staging", "production"}, .count = 2};
    lib_app_start(t);
    assert_true(json_is_null(json_object_get(fc_app_run(t->app), "dns")));
    /* the second environment is not staging */
    assert_string_equal(lib_app_run(t, "staging_directory"), lib_app_run(t, "directory"));
    lib_app_stop(t);
    t->config.environments.count = 0;
    t->config.environments.at[t->config.environments.count++] = "production";
    lib_app_start(t);
    assert_true(json_is_null(json_object_get(fc_app_run(t->app), "staging_directory")));
}

/* ---- a second server ---- */

static void a_second_server_on_the_same_state_is_refused(void **state)
{
    struct lib_app *t = *state;
    fc_auto_free char *path = lib_app_state_path(t, "run.json");

    lib_app_start(t);
    fc_auto_json before = read_json(path);
    lib_app_refused(t, FC_E_BUSY, "is in use by another fakeca");
    fc_auto_json after = read_json(path);
    assert_true(json_equal(before, after));
    assert_int_equal(lib_app_get(t, lib_app_run(t, "directory"), "", NULL), 200);
}

static void a_second_server_at_the_default_place_is_refused(void **state)
{
    struct lib_app *t = *state;
    fc_auto_free char *path = lib_app_path(t, "fakeca/run.json");

    t->config.state = NULL;
    lib_app_start(t);
    lib_app_refused(t, FC_E_BUSY, "another fakeca is running at");
    assert_true(fc_file_exists(path));
    assert_int_equal(lib_app_get(t, lib_app_run(t, "directory"), "", NULL), 200);
}

static void a_taken_port_is_named_with_its_option(void **state)
{
    struct lib_app *t = *state;
    struct lib_app second = *t;

    lib_app_start(t);
    fc_auto_free char *listen = fc_asprintf("localhost:%u", lib_app_port(t, "management"));
    fc_auto_free char *other = lib_app_path(t, "other");
    fc_auto_free char *run = lib_app_path(t, "other/run.json");
    second.config.state = other;
    second.config.management_listen = listen;
    lib_app_refused(&second, FC_E_BUSY, "--management-listen");
    assert_false(fc_file_exists(run));
}

/* ---- what is refused ---- */

static void options_that_contradict_each_other(void **state)
{
    struct lib_app *t = *state;
    const struct fc_app_config good = t->config;

    t->config.acme_listen = "0.0.0.0:0";
    lib_app_refused(t, FC_E_USAGE, "option '--acme-listen': '0.0.0.0:0' is reachable from other machines");
    t->config.allow_public = true;
    t->config.management_listen = "0.0.0.0:0";
    lib_app_refused(t, FC_E_USAGE, "give --token");
    t->config.token = ""; /* --token "$TOKEN" where nobody set it */
    lib_app_refused(t, FC_E_USAGE, "option '--token': must be visible ASCII characters, at least one");
    t->config.token = "two words"; /* no Authorization header carries it */
    lib_app_refused(t, FC_E_USAGE, "option '--token'");
    t->config = good;
    t->config.tls_cert = "x.pem";
    lib_app_refused(t, FC_E_USAGE, "'--tls-cert' and '--tls-key' belong together");
    t->config = good;
    t->config.root_key = "x.pem";
    lib_app_refused(t, FC_E_USAGE, "'--root-cert' and '--root-key' belong together");
    t->config = good;
    t->config.dns = FC_APP_DNS_SYSTEM;
    t->config.dns_server = "127.0.0.1";
    lib_app_refused(t, FC_E_USAGE, "only one can be asked");
    /* all this before anything was touched */
    assert_false(fc_file_exists(t->state));
}

static void listeners_that_are_no_addresses(void **state)
{
    static const char *const bad[] = {"none", "localhost", "localhost:65536", "14000", "::1:14000", "a.test:1"};
    struct lib_app *t = *state;
    const struct fc_app_config good = t->config;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        t->config.acme_listen = bad[i];
        lib_app_refused(t, FC_E_USAGE, "option '--acme-listen': '");
        t->config = good;
        t->config.acme_http_listen = bad[i];
        lib_app_refused(t, FC_E_USAGE, "option '--acme-http-listen': '");
        t->config = good;
        t->config.management_listen = bad[i];
        lib_app_refused(t, FC_E_USAGE, "option '--management-listen': '");
        t->config = good;
    }
    t->config.acme_http_listen = "0.0.0.0:0";
    t->config.allow_public = true;
    lib_app_refused(t, FC_E_USAGE,
                    "option '--acme-http-listen': '0.0.0.0:0' is reachable from other machines; ACME without TLS");
    t->config = good;
    t->config.dns_listen = "localhost";
    lib_app_refused(t, FC_E_USAGE, "option '--dns-listen': 'localhost' is no address to listen on");
}

static void options_that_name_nothing(void **state)
{
    struct lib_app *t = *state;
    const struct fc_app_config good = t->config;

    t->config.environments = (struct fc_opt_strings){.at = {"stagin"}, .count = 1};
    lib_app_refused(t, FC_E_USAGE, "did you mean 'staging'");
    t->config = good;
    t->config.policies = (struct fc_opt_strings){.at = {"/nowhere/policy.json"}, .count = 1};
    lib_app_refused(t, FC_E_NOT_FOUND, "/nowhere/policy.json");
    t->config = good;
    t->config.port_map = "80";
    lib_app_refused(t, FC_E_USAGE, "port map: rule '80'");
    t->config = good;
    t->config.tls_cert = "/nowhere/cert.pem";
    t->config.tls_key = "/nowhere/key.pem";
    lib_app_refused(t, FC_E_NOT_FOUND, "/nowhere/cert.pem");
    t->config = good;
    t->config.tls_names = (struct fc_opt_strings){.at = {"no name"}, .count = 1};
    lib_app_refused(t, FC_E_USAGE, "'no name' is neither a host name nor an IP address");
}

static void addresses_of_the_pki_that_nobody_could_fetch(void **state)
{
    static const char *const bad[] = {
        "", "pki", "ftp://a.test/", "https://a.test/pki", "http:///pki", "http://a.test/?x="};
    struct lib_app *t = *state;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        t->config.pki_url = bad[i];
        lib_app_refused(t, i < 2 ? FC_E_PARSE : FC_E_USAGE, "option '--pki-url': ");
    }
    t->config.pki_url = "http://pki.a.test:8000/x";
    lib_app_start(t);
}

static void a_directory_certificate_of_ones_own(void **state)
{
    struct lib_app *t = *state;
    fc_auto_free char *cert = lib_app_path(t, "cert.pem");
    fc_auto_free char *key = lib_app_path(t, "key.pem");
    fc_auto_free char *other = lib_app_path(t, "other.pem");
    fc_auto_free char *other_key = lib_app_path(t, "other-key.pem");
    fc_auto_free char *text = NULL, *ca = NULL;
    size_t len;

    lib_app_make_cert(cert, key);
    lib_app_make_cert(other, other_key);
    t->config.tls_cert = cert;
    t->config.tls_key = other_key;
    lib_app_refused(t, FC_E_USAGE, "option '--tls-key': it is not the key of the certificate in '--tls-cert'");
    t->config.tls_key = cert;
    lib_app_refused(t, FC_E_USAGE, "option '--tls-key': ");
    t->config.tls_cert = key;
    lib_app_refused(t, FC_E_USAGE, "option '--tls-cert': ");
    t->config.tls_cert = cert;
    t->config.tls_key = key;
    lib_app_start(t);
    assert_int_equal(lib_app_get(t, lib_app_run(t, "directory"), "", NULL), 200);
    assert_int_equal(fc_file_read(cert, 65536, &text, &len, NULL), 0);
    assert_int_equal(fc_file_read(lib_app_run(t, "ca_file"), 65536, &ca, &len, NULL), 0);
    assert_int_equal(strncmp(ca, text, strlen(text)), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, lib_app_setup, lib_app_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(answers_at_every_address_of_run_json),
        TEST(run_json_says_where_all_is),
        TEST(a_listener_at_another_address_is_found_there),
        TEST(without_a_state_only_files_are_left),
        TEST(a_default_place_that_others_can_enter_is_refused),
        TEST(ready_no_more_once_stopping_begins),
        TEST(each_environment_has_its_paths),
        TEST(what_is_not_served_is_null),
        TEST(a_second_server_on_the_same_state_is_refused),
        TEST(a_second_server_at_the_default_place_is_refused),
        TEST(a_taken_port_is_named_with_its_option),
        TEST(options_that_contradict_each_other),
        TEST(listeners_that_are_no_addresses),
        TEST(options_that_name_nothing),
        TEST(addresses_of_the_pki_that_nobody_could_fetch),
        TEST(a_directory_certificate_of_ones_own),
    };
    RUN(tests);
}
