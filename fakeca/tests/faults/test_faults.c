/* Rules: what they may say, which requests they meet, how often. */
#include "faults/faults.h"

#include <stdlib.h>
#include <string.h>

#include "base/base_json.h"
#include "base/base_time.h"

#include "cmocka_all.h"

#define NOW (INT64_C(1788264000) * FC_SECOND)

struct fixture {
    struct fc_faults *faults;
    struct fc_arena *arena;
    const char *name; /* of the requests */
    int64_t account_id;
    bool applies;
};

static int setup(void **state)
{
    struct fixture *f = fc_calloc(1, sizeof *f);

    f->faults = fc_faults_new();
    f->arena = fc_arena_new();
    f->applies = true;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    fc_faults_free(f->faults);
    fc_arena_free(f->arena);
    free(f);
    return 0;
}

/* Reads a rule; the errors, or NULL. */
static const char *read(struct fixture *f, const char *json, struct fc_fault *ret_rule, uint64_t *ret_seed)
{
    json_t *value = json_loads(json, 0, NULL);
    struct fc_json_errs errs;
    struct fc_json_obj body;
    struct fc_err err = {0};

    assert_non_null(value);
    fc_arena_defer(f->arena, (void (*)(void *))json_decref, value);
    fc_json_errs_init(&errs, NULL, NULL, 0);
    fc_json_obj_root(&body, value, &errs);
    fc_fault_read(&body, NOW, ret_rule, ret_seed);
    fc_json_obj_end(&body);
    int failed = fc_json_errs_report(&errs, &err);
    fc_json_errs_release(&errs);
    return failed ? fc_arena_strdup(f->arena, err.text) : NULL;
}

static int64_t add(struct fixture *f, const char *json)
{
    struct fc_fault rule;
    uint64_t seed;
    int64_t id = 0;
    const char *errors = read(f, json, &rule, &seed);

    if (errors)
        fail_msg("%s: %s", json, errors);
    assert_int_equal(fc_faults_add(f->faults, &rule, seed, &id, NULL), 0);
    return id;
}

static int64_t account(void *cookie)
{
    return ((struct fixture *)cookie)->account_id;
}

static bool has_name(void *cookie, const char *name)
{
    const struct fixture *f = cookie;

    return f->name && fc_fault_name_fits(name, f->name);
}

static bool applies(void *cookie, enum fc_fault_kind kind)
{
    (void)kind;
    return ((struct fixture *)cookie)->applies;
}

static size_t meet_at(struct fixture *f, const char *env, enum fc_fault_endpoint endpoint, int64_t now)
{
    const struct fc_fault_ask ask = {.env = env,
                                     .endpoint = endpoint,
                                     .now = now,
                                     .applies = applies,
                                     .account = account,
                                     .has_name = has_name,
                                     .cookie = f};
    size_t count;

    fc_faults_meet(f->faults, &ask, f->arena, &count);
    return count;
}

static size_t meet(struct fixture *f)
{
    return meet_at(f, "production", FC_FAULT_AT_NEW_ORDER, NOW);
}

static void where(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(meet(f), 0);
    add(f, "{\"kind\":\"cut\",\"endpoints\":[\"newOrder\",\"finalize\"],\"environment\":\"production\"}");
    assert_int_equal(meet(f), 1);
    assert_int_equal(meet_at(f, "staging", FC_FAULT_AT_NEW_ORDER, NOW), 0);
    assert_int_equal(meet_at(f, "production", FC_FAULT_AT_FINALIZE, NOW), 1);
    assert_int_equal(meet_at(f, "production", FC_FAULT_AT_NEW_NONCE, NOW), 0);
    assert_int_equal(meet_at(f, "production", FC_FAULT_AT_OTHER, NOW), 0);
    f->applies = false;
    assert_int_equal(meet(f), 0);
    f->applies = true;
    size_t removed;
    fc_faults_clear(f->faults, 0, &removed);
    assert_int_equal(removed, 1);
    add(f, "{\"kind\":\"cut\"}");
    assert_int_equal(meet_at(f, "production", FC_FAULT_AT_OTHER, NOW), 1);
    /* a kind's own endpoints */
    add(f, "{\"kind\":\"offer\",\"types\":[\"http-01\"]}");
    assert_int_equal(meet(f), 2);
    assert_int_equal(meet_at(f, "production", FC_FAULT_AT_ORDER, NOW), 1);
}

static void who(void **state)
{
    struct fixture *f = *state;

    add(f, "{\"kind\":\"cut\",\"account\":7}");
    assert_int_equal(meet(f), 0);
    f->account_id = 7;
    assert_int_equal(meet(f), 1);
    add(f, "{\"kind\":\"empty\",\"name\":\"*.a.test\"}");
    assert_int_equal(meet(f), 1);
    f->name = "www.A.test";
    assert_int_equal(meet(f), 2);
    f->name = "a.test";
    assert_int_equal(meet(f), 1);
    f->name = "ba.test";
    assert_int_equal(meet(f), 1);
    f->name = "*.a.test";
    assert_int_equal(meet(f), 2);
}

static void how_often(void **state)
{
    struct fixture *f = *state;
    size_t count;

    add(f, "{\"kind\":\"cut\",\"times\":2}");
    assert_int_equal(meet(f), 1);
    assert_int_equal(meet(f), 1);
    assert_int_equal(meet(f), 0);
    const struct fc_fault *rules = fc_faults_list(f->faults, f->arena, &count);
    assert_int_equal(count, 1);
    fc_auto_json spent = fc_fault_json(&rules[0], NOW);
    assert_string_equal(json_string_value(json_object_get(spent, "state")), "spent");
    assert_int_equal(json_integer_value(json_object_get(spent, "used")), 2);
    add(f, "{\"kind\":\"cut\",\"for\":\"2h\"}");
    assert_int_equal(meet_at(f, "production", FC_FAULT_AT_ORDER, NOW + 2 * FC_HOUR - 1), 1);
    assert_int_equal(meet_at(f, "production", FC_FAULT_AT_ORDER, NOW + 2 * FC_HOUR), 0);
    rules = fc_faults_list(f->faults, f->arena, &count);
    fc_auto_json over = fc_fault_json(&rules[1], NOW + 2 * FC_HOUR);
    assert_string_equal(json_string_value(json_object_get(over, "state")), "over");
}

/* The same seed, the same requests; about the share that was asked for. */
static void a_seeded_share(void **state)
{
    struct fixture *f = *state;
    char runs[3][201] = {{0}};
    static const int seeds[] = {7, 7, 8};
    size_t removed;

    for (size_t run = 0; run < 3; run++) {
        add(f, fc_arena_printf(f->arena, "{\"kind\":\"cut\",\"share\":30,\"seed\":%d}", seeds[run]));
        for (size_t i = 0; i < 200; i++)
            runs[run][i] = (char)('0' + meet(f));
        fc_faults_clear(f->faults, 0, &removed);
    }
    assert_string_equal(runs[0], runs[1]);
    assert_string_not_equal(runs[0], runs[2]);
    size_t hits = 0;
    for (size_t i = 0; i < 200; i++)
        hits += runs[0][i] == '1';
    assert_in_range(hits, 40, 80);
}

static void clearing_one(void **state)
{
    struct fixture *f = *state;
    int64_t first = add(f, "{\"kind\":\"cut\"}"), second = add(f, "{\"kind\":\"empty\"}");
    size_t removed;

    assert_true(second > first);
    fc_faults_clear(f->faults, first, &removed);
    assert_int_equal(removed, 1);
    assert_int_equal(meet(f), 1);
    fc_faults_clear(f->faults, first, &removed);
    assert_int_equal(removed, 0);
    assert_true(add(f, "{\"kind\":\"cut\"}") > second);
}

static void there_is_an_end(void **state)
{
    struct fixture *f = *state;
    struct fc_fault rule;
    struct fc_err err = {0};
    uint64_t seed;
    int64_t id;

    for (int i = 0; i < 200; i++)
        add(f, "{\"kind\":\"cut\"}");
    assert_null(read(f, "{\"kind\":\"cut\"}", &rule, &seed));
    assert_int_equal(fc_faults_add(f->faults, &rule, seed, &id, &err), -1);
    assert_int_equal(err.code, FC_E_LIMIT);
}

static void refusing(void **state)
{
    struct fixture *f = *state;

    assert_false(fc_faults_refusing(f->faults, NOW));
    add(f, "{\"kind\":\"cut\"}");
    assert_false(fc_faults_refusing(f->faults, NOW));
    add(f, "{\"kind\":\"refuse\",\"for\":\"1m\"}");
    assert_true(fc_faults_refusing(f->faults, NOW));
    assert_false(fc_faults_refusing(f->faults, NOW + FC_MINUTE));
}

static void orders_are_held(void **state)
{
    struct fixture *f = *state;
    const struct fc_fault rule = {.retry_after = 2 * FC_SECOND, .retry_after_date = true};
    int64_t retry_after;
    bool date;

    assert_false(fc_faults_order_held(f->faults, 3, 10, &retry_after, &date));
    fc_faults_hold_order(f->faults, 3, 100, &rule);
    assert_true(fc_faults_order_held(f->faults, 3, 99, &retry_after, &date));
    assert_int_equal(retry_after, 2 * FC_SECOND);
    assert_true(date);
    assert_false(fc_faults_order_held(f->faults, 4, 99, &retry_after, &date));
    assert_false(fc_faults_order_held(f->faults, 3, 100, &retry_after, &date));
    for (int64_t i = 0; i < 5000; i++)
        fc_faults_hold_order(f->faults, i, 1000, &rule);
    assert_true(fc_faults_order_held(f->faults, 4999, 999, &retry_after, &date));
}

static void mistakes(void **state)
{
    static const struct {
        const char *json, *says;
    } rows[] = {
        {"{}", "kind"},
        {"{\"kind\":\"bad-nonces\"}", "bad-nonce"},
        {"{\"kind\":\"cut\",\"endpoints\":[\"newOrders\"]}", "unknown endpoint 'newOrders', did you mean 'newOrder'?"},
        {"{\"kind\":\"cut\",\"delay\":\"1s\"}", "delay: means nothing to the kind 'cut'"},
        {"{\"kind\":\"slow\"}", "delay: is needed for the kind 'slow'"},
        {"{\"kind\":\"slow\",\"delay\":\"1d\"}", "delay"},
        {"{\"kind\":\"dns-servfail\"}", "name: is needed"},
        {"{\"kind\":\"cut\",\"times\":0}", "times"},
        {"{\"kind\":\"cut\",\"share\":101}", "share"},
        {"{\"kind\":\"cut\",\"tims\":1}", "unknown key 'tims'"},
        {"{\"kind\":\"offer\",\"types\":[\"http 01\"]}", "'http 01' is no name of a challenge type"},
        {"{\"kind\":\"offer\",\"types\":[\"\"]}", "is no name of a challenge type"},
        {"{\"kind\":\"content-type\",\"content_type\":\"a\\r\\nb\"}", "printable"},
        {"{\"kind\":\"refuse\",\"times\":1}", "only 'for' can bound it"},
        {"{\"kind\":\"dns-servfail\",\"name\":\"a.test\",\"times\":1}", "only 'name' can bound it"},
        {"{\"kind\":\"dns-nxdomain\",\"name\":\"a.test\",\"for\":\"1h\"}", "only 'name' can bound it"},
        {"{\"kind\":\"dns-delay\",\"name\":\"a.test\",\"delay\":\"1s\",\"share\":50}", "only 'name' can bound it"},
        {"{\"kind\":\"rotate-issuer\",\"times\":2}", "only 'environment' can bound it"},
        {"{\"kind\":\"blind\",\"perspective\":1,\"for\":\"1h\"}", "nothing else can bound it"},
        {"{\"kind\":\"rate-limited\",\"retry_after_form\":\"stardate\"}", "retry_after_form"},
        {"{\"kind\":\"problem\"}", "type: is needed"},
    };
    struct fixture *f = *state;
    struct fc_fault rule;
    uint64_t seed;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *errors = read(f, rows[i].json, &rule, &seed);
        if (!errors || !strstr(errors, rows[i].says))
            fail_msg("%s: '%s' does not say '%s'", rows[i].json, errors ? errors : "", rows[i].says);
    }
}

static void kinds_and_endpoints_have_names(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < FC_FAULT__MAX; i++) {
        enum fc_fault_kind kind = (enum fc_fault_kind)i;
        assert_true(strlen(fc_fault_kind_name(kind)) > 2 && strlen(fc_fault_kind_help(kind)) > 5);
        assert_non_null(fc_fault_kind_needs(kind));
        assert_non_null(fc_fault_kind_may(kind));
    }
    assert_null(fc_fault_endpoint_name(FC_FAULT_AT_OTHER));
    for (int i = FC_FAULT_AT_OTHER + 1; i < FC_FAULT_AT__MAX; i++)
        assert_non_null(fc_fault_endpoint_name((enum fc_fault_endpoint)i));
    /* everything that a rule may say comes back */
    add(f, "{\"kind\":\"problem\",\"type\":\"caa\",\"status\":403,\"detail\":\"d\",\"retry_after\":\"2s\","
           "\"retry_after_form\":\"date\",\"environment\":\"production\",\"account\":3,\"name\":\"a.test\",\"times\":9,"
           "\"for\":\"1h\",\"endpoints\":[\"order\"]}");
    size_t count;
    const struct fc_fault *rules = fc_faults_list(f->faults, f->arena, &count);
    fc_auto_json shown = fc_fault_json(&rules[0], NOW);
    fc_auto_free char *text = fc_json_text(shown);
    assert_string_equal(text,
                        "{\"id\":1,\"kind\":\"problem\",\"state\":\"active\",\"used\":0,\"share\":100,"
                        "\"endpoints\":[\"order\"],\"environment\":\"production\",\"account\":3,\"name\":\"a.test\","
                        "\"times\":9,\"ends_at\":\"2026-09-01T13:00:00Z\",\"type\":\"caa\",\"status\":403,"
                        "\"detail\":\"d\",\"retry_after\":\"2s\",\"retry_after_form\":\"date\"}");
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(where),           T(who),      T(how_often),       T(a_seeded_share), T(clearing_one),
        T(there_is_an_end), T(refusing), T(orders_are_held), T(mistakes),       T(kinds_and_endpoints_have_names)};
    RUN(tests);
}
