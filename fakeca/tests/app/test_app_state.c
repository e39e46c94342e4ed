/* What a restart finds again: the ports, the clock, the CA. */
/* test: threads */
#include <stdlib.h>
#include <string.h>

#include "base/base_file.h"
#include "base/base_json.h"
#include "base/base_time.h"

#include "app/app_int.h"
#include "app/lib_app.h"
#include "cmocka_all.h"
#include "store/store.h"

static int64_t offset(const struct lib_app *t)
{
    fc_auto_json clock = lib_app_json(t, "api/v1/clock");

    return json_integer_value(json_object_get(clock, "offset_s"));
}

static char *clock_state(const struct lib_app *t)
{
    fc_auto_json clock = lib_app_json(t, "api/v1/clock");

    return fc_strdup(json_string_value(json_object_get(clock, "state")));
}

static void the_same_ports_when_any_would_do(void **state)
{
    struct lib_app *t = *state;

    t->config.acme_http_listen = "localhost:0";
    lib_app_start(t);
    fc_auto_json before = json_deep_copy(fc_app_run(t->app));
    lib_app_stop(t);
    lib_app_start(t);
    const char *const keys[] = {"directory", "directory_http", "management", "dns"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        assert_string_equal(lib_app_run(t, keys[i]), json_string_value(json_object_get(before, keys[i])));
}

static void other_ports_when_somebody_has_them(void **state)
{
    struct lib_app *t = *state;
    struct lib_app other = *t;

    lib_app_start(t);
    unsigned last = lib_app_port(t, "management");
    fc_auto_free char *listen = fc_asprintf("localhost:%u", last);
    fc_auto_free char *place = lib_app_path(t, "other");
    lib_app_stop(t);
    other.config.state = place;
    other.config.management_listen = listen;
    lib_app_start(&other);
    lib_app_start(t);
    unsigned now = lib_app_port(t, "management");
    lib_app_stop(&other);
    assert_int_not_equal(now, last);
}

static void the_clock_goes_on(void **state)
{
    struct lib_app *t = *state;

    lib_app_start(t);
    assert_int_equal(lib_app_post(t, "api/v1/clock/advance", "{\"by\": \"60d\"}"), 200);
    assert_int_equal(offset(t), 60 * 86400);
    lib_app_stop(t);
    /* the store is the truth, the file its mirror */
    fc_auto_free char *file = lib_app_state_path(t, "clock");
    assert_int_equal(remove(file), 0);
    lib_app_start(t);
    assert_int_equal(offset(t), 60 * 86400);
    assert_int_equal(lib_app_post(t, "api/v1/clock/freeze", "{}"), 200);
    lib_app_stop(t);
    lib_app_start(t);
    fc_auto_free char *now = clock_state(t);
    assert_string_equal(now, "frozen");
}

static void the_option_sets_only_a_new_clock(void **state)
{
    struct lib_app *t = *state;

    t->config.clock = "-60d";
    lib_app_start(t);
    assert_int_equal(offset(t), -60 * 86400);
    lib_app_stop(t);
    t->config.clock = "+90d";
    lib_app_start(t);
    assert_int_equal(offset(t), -60 * 86400);
}

static void a_clock_option_that_is_no_time(void **state)
{
    struct lib_app *t = *state;

    t->config.clock = "yesterday";
    lib_app_refused(t, FC_E_USAGE, "option '--clock': 'yesterday' is neither a duration");
    t->config.clock = "1999-12-31";
    lib_app_refused(t, FC_E_USAGE, "option '--clock': '1999-12-31': ");
    t->config.clock = "+70000d";
    lib_app_refused(t, FC_E_USAGE, "option '--clock': '+70000d': ");
    t->config.clock = "-99999d"; /* a duration all the same */
    lib_app_refused(t, FC_E_USAGE, "option '--clock': '-99999d' is longer than 73050d");
}

static void the_ca_is_the_same_one(void **state)
{
    struct lib_app *t = *state;
    fc_auto_free char *before = NULL, *after = NULL;

    lib_app_start(t);
    assert_int_equal(lib_app_get(t, lib_app_run(t, "management"), "pki/production/root-ye.der", NULL), 200);
    fc_auto_json trust = lib_app_json(t, "api/v1/trust");
    before = fc_strdup(json_string_value(json_object_get(json_object_get(trust, "directory"), "pem")));
    lib_app_stop(t);
    lib_app_start(t);
    fc_auto_json again = lib_app_json(t, "api/v1/trust");
    after = fc_strdup(json_string_value(json_object_get(json_object_get(again, "directory"), "pem")));
    assert_string_equal(before, after);
}

/* ---- a state that somebody damaged ---- */

static void set(const struct lib_app *t, const char *name, const char *value)
{
    const struct fc_store_params params = {.dir = t->state};
    fc_auto(fc_store_close) struct fc_store *store = NULL;
    struct fc_store_tx tx fc_auto_tx = {0};

    assert_int_equal(fc_store_open(&params, &store, NULL), 0);
    assert_int_equal(fc_store_begin(store, FC_STORE_WRITE, &tx, NULL), 0);
    assert_int_equal(fc_store_setting_set(store, name, value, NULL), 0);
    assert_int_equal(fc_store_commit(&tx, NULL), 0);
}

static void a_clock_setting_that_does_not_parse(void **state)
{
    static const char *const bad[] = {"", "60d", "1", "1 ", " 1", "1 2 3", "99999999999 0", "0 -1"};
    struct lib_app *t = *state;

    assert_int_equal(fc_file_mkdirs(t->state, 0700, NULL), 0);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        set(t, "clock", bad[i]);
        lib_app_refused(t, FC_E_DAMAGED, "the state's setting 'clock' is damaged");
    }
}

static void a_port_setting_that_is_no_port_counts_as_none(void **state)
{
    struct lib_app *t = *state;

    assert_int_equal(fc_file_mkdirs(t->state, 0700, NULL), 0);
    set(t, "port.management", "70000");
    set(t, "port.dns", "x");
    lib_app_start(t);
    assert_int_equal(lib_app_get(t, lib_app_run(t, "management"), "api/v1/health", NULL), 200);
}

static void a_clock_file_that_is_none_is_left_alone(void **state)
{
    struct lib_app *t = *state;
    fc_auto_free char *file = lib_app_state_path(t, "clock");
    fc_auto_free char *text = NULL;
    size_t len;

    assert_int_equal(fc_file_mkdirs(t->state, 0700, NULL), 0);
    assert_int_equal(fc_file_write(file, "my notes\n", 9, 0644, NULL), 0);
    lib_app_refused(t, FC_E_DAMAGED, file);
    assert_int_equal(fc_file_read(file, 100, &text, &len, NULL), 0);
    assert_string_equal(text, "my notes\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, lib_app_setup, lib_app_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_same_ports_when_any_would_do),
        TEST(other_ports_when_somebody_has_them),
        TEST(the_clock_goes_on),
        TEST(the_option_sets_only_a_new_clock),
        TEST(a_clock_option_that_is_no_time),
        TEST(the_ca_is_the_same_one),
        TEST(a_clock_setting_that_does_not_parse),
        TEST(a_port_setting_that_is_no_port_counts_as_none),
        TEST(a_clock_file_that_is_none_is_left_alone),
    };
    RUN(tests);
}
