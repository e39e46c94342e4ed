/* The load balancer's limits: letsencrypt.md A.7. */
#include "limits/limits_gate.h"

#include <string.h>

#include "base/base_arena.h"
#include "base/base_json.h"
#include "base/base_time.h"

#include "cmocka_all.h"

struct fixture {
    struct fc_policy *policy;
    struct fc_limits_gate *gate;
    struct fc_limits_gate_request request;
    int64_t wait;
};

static void start(struct fixture *t, const char *env, bool enforced)
{
    fc_auto_json value = NULL;
    struct fc_err err = {0};
    size_t len;
    const char *text = fc_policy_builtin_text(env, &len);

    assert_int_equal(fc_json_parse(text, len, &value, &err), 0);
    json_object_set_new(json_object_get(value, "request_limits"), "enforced", json_boolean(enforced));
    fc_auto_free char *edited = fc_json_text(value);
    if (fc_policy_parse(edited, strlen(edited), "test.json", &t->policy, &err))
        fail_msg("%s", err.text);
    t->gate = fc_limits_gate_new(t->policy);
    t->request = (struct fc_limits_gate_request){.address = "192.0.2.7", .now = FC_TIME_MAX / 2, .mono = 7};
}

static void stop(struct fixture *t)
{
    fc_limits_gate_free(t->gate);
    fc_policy_free(t->policy);
}

/* How many pass at one moment. */
static int passing(struct fixture *t, const char *path)
{
    t->request.path = path;
    for (int i = 0; i < 2000; i++)
        if (fc_limits_gate_full(t->gate, &t->request, &t->wait))
            return i;
    return 2000;
}

static void each_endpoint(void **state)
{
    static const struct {
        const char *env, *path;
        int burst, per_second;
    } rows[] = {
        {"production", "/acme/new-nonce", 10, 20},
        {"production", "/acme/new-acct", 15, 5},
        {"production", "/acme/new-order", 200, 300},
        {"production", "/acme/revoke-cert", 100, 10},
        {"production", "/acme/renewal-info/a.b", 100, 1000},
        {"production", "/acme/order/1/2", 125, 250},
        {"production", "/directory", 40, 40},
        {"staging", "/acme/new-nonce", 10, 20},
        {"staging", "/acme/new-acct", 15, 5},
        {"staging", "/acme/new-order", 40, 20},
        {"staging", "/acme/authz/1/2", 20, 20},
        {"staging", "/directory", 40, 40},
    };
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fixture t = {0};
        start(&t, rows[i].env, true);
        /* burst more than the one that is served at once */
        assert_int_equal(passing(&t, rows[i].path), rows[i].burst + 1);
        assert_int_equal(t.wait, FC_SECOND / rows[i].per_second);
        t.request.now += 90 * FC_DAY; /* a skip of the clock changes nothing */
        assert_int_equal(passing(&t, rows[i].path), 0);
        t.request.address = "192.0.2.8";
        assert_int_equal(passing(&t, rows[i].path), rows[i].burst + 1);
        t.request.mono += FC_SECOND;
        int back = rows[i].per_second < rows[i].burst + 1 ? rows[i].per_second : rows[i].burst + 1;
        assert_int_equal(passing(&t, rows[i].path), back);
        stop(&t);
    }
}

static void one_endpoint_does_not_fill_another(void **state)
{
    struct fixture t = {0};
    (void)state;

    start(&t, "production", true);
    assert_int_equal(passing(&t, "/acme/new-nonce"), 11);
    assert_int_equal(passing(&t, "/acme/new-nonces"), 126); /* only "/acme/" fits */
    assert_int_equal(passing(&t, "/acme/acct/1"), 0);
    assert_int_equal(passing(&t, "/healthz"), 2000);
    assert_int_equal(passing(&t, "/"), 2000);
    assert_int_equal(passing(&t, ""), 2000);
    stop(&t);
}

static void off_unless_the_policy_says_so(void **state)
{
    struct fixture t = {0};
    (void)state;

    start(&t, "production", false);
    assert_int_equal(passing(&t, "/acme/new-nonce"), 2000);
    stop(&t);
}

static void memory_is_bounded(void **state)
{
    struct fixture t = {0};
    (void)state;

    start(&t, "production", true);
    t.request.path = "/directory";
    for (int i = 0; i < 140000; i++) {
        fc_auto_free char *address = fc_asprintf("2001:db8::%x", i);
        t.request.address = address;
        assert_null(fc_limits_gate_full(t.gate, &t.request, &t.wait));
    }
    stop(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_endpoint),
        cmocka_unit_test(one_endpoint_does_not_fill_another),
        cmocka_unit_test(off_unless_the_policy_says_so),
        cmocka_unit_test(memory_is_bounded),
    };
    RUN(tests);
}
