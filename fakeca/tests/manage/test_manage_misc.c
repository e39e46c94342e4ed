/* Health, readiness, status, mock DNS, port map, reset, the page. */
#include <string.h>
#include <unistd.h>

#include "base/base_clock.h"
#include "base/base_version.h"
#include "events/events.h"
#include "net/net_portmap.h"

#include "cmocka_all.h"
#include "lib_manage.h"

#define DNS "/api/v1/dns"

static void hosts(void **state)
{
    struct lib_manage *t = *state;
    int64_t account = lib_manage_account(t, "production", "one");

    assert_int_equal(json_object_size(lib_manage_at(lib_manage_ok(t, "GET", DNS "/hosts", NULL), "hosts")), 0);
    lib_manage_order(t, account, "a.test", NULL);
    lib_manage_ok(t, "PUT", DNS, "{\"name\":\"b.test\",\"type\":\"A\",\"values\":[\"192.0.2.1\",\"192.0.2.2\"]}");
    lib_manage_ok(t, "PUT", DNS, "{\"name\":\"b.test\",\"type\":\"AAAA\",\"values\":[\"2001:db8::1\"]}");
    lib_manage_ok(t, "PUT", DNS, "{\"name\":\"gone.test\",\"type\":\"*\",\"rcode\":\"NXDOMAIN\"}");
    lib_manage_ok(t, "PUT", DNS, "{\"name\":\"*.wild.test\",\"type\":\"A\",\"values\":[\"192.0.2.3\"]}");
    json_t *answer = lib_manage_ok(t, "GET", DNS "/hosts", NULL);
    fc_auto_json wanted = json_pack("{s:{s:[s],s:[s,s,s],s:[]}}", "hosts", "a.test", "127.0.0.1", "b.test", "192.0.2.1",
                                    "192.0.2.2", "2001:db8::1", "gone.test");
    assert_true(json_equal(answer, wanted));
    lib_manage_ok(t, "DELETE", DNS, NULL);
}

static void health(void **state)
{
    struct lib_manage *t = *state;
    json_t *health = lib_manage_ok(t, "GET", "/api/v1/health", NULL);

    assert_string_equal(lib_manage_str(health, "status"), "ok");
    assert_string_equal(lib_manage_str(health, "version"), fc_version);
    assert_int_equal(lib_manage_int(health, "pid"), getpid());
    assert_in_range(lib_manage_int(health, "uptime_s"), 0, 100);
}

static void ready_and_not(void **state)
{
    struct lib_manage *t = *state;

    assert_true(json_is_true(lib_manage_at(lib_manage_ok(t, "GET", "/api/v1/readyz", NULL), "ready")));
    fc_manage_ready(t->manage, false);
    struct lib_answer answer = lib_manage_get(t, "/api/v1/readyz");
    assert_int_equal(answer.status, 503);
    assert_true(json_is_false(lib_manage_at(answer.json, "ready")));
    /* a server that stops still tells what it is */
    lib_manage_ok(t, "GET", "/api/v1/run", NULL);
    lib_manage_ok(t, "GET", "/api/v1/health", NULL);
}

static void run(void **state)
{
    struct lib_manage *t = *state;
    json_t *run = lib_manage_ok(t, "GET", "/api/v1/run", NULL);

    assert_true(json_equal(run, t->run));
}

static void status(void **state)
{
    struct lib_manage *t = *state;
    int64_t account = lib_manage_account(t, "production", "one");

    lib_manage_order(t, account, "a.test", NULL);
    assert_int_equal(fc_net_portmap_set(t->portmap, "80=5002", NULL), 0);
    json_t *status = lib_manage_ok(t, "GET", "/api/v1/status", NULL);
    assert_string_equal(lib_manage_str(status, "state"), "/srv/fakeca");
    assert_string_equal(lib_manage_str(status, "clock.now"), LIB_NOW);
    assert_string_equal(lib_manage_str(status, "port_map"), "80=5002");
    assert_int_equal(lib_manage_int(status, "counts.accounts"), 1);
    assert_int_equal(lib_manage_int(status, "counts.orders"), 1);
    assert_int_equal(lib_manage_int(status, "counts.authorizations"), 1);
    assert_int_equal(lib_manage_int(status, "counts.certificates"), 0);
    assert_true(json_is_null(lib_manage_at(status, "next_renewal")));
    assert_true(json_is_null(lib_manage_at(status, "next_expiry")));
    const json_t *env = json_array_get(lib_manage_at(status, "environments"), 1);
    assert_string_equal(lib_manage_str(env, "name"), "staging");
    assert_string_equal(lib_manage_str(env, "directory"), "https://localhost:14000/staging/dir");
    assert_true(json_is_true(lib_manage_at(env, "rehearsal")));
    assert_true(json_array_size(lib_manage_at(env, "issuers")) > 1);
}

static void status_names_the_next_moments(void **state)
{
    struct lib_manage *t = *state;

    lib_manage_certificate(t, "production", 1, "a.test");
    json_t *status = lib_manage_ok(t, "GET", "/api/v1/status", NULL);
    const json_t *certificate =
        json_array_get(lib_manage_at(lib_manage_ok(t, "GET", "/api/v1/certificates", NULL), "certificates"), 0);
    assert_string_equal(lib_manage_str(status, "next_renewal"), lib_manage_str(certificate, "renew_at"));
    assert_string_equal(lib_manage_str(status, "next_expiry"), lib_manage_str(certificate, "not_after"));
}

/* ---- mock DNS ---- */

static void dns_rules(void **state)
{
    struct lib_manage *t = *state;
    json_t *rule = lib_manage_ok(t, "PUT", DNS, "{\"name\":\"A.Test.\",\"type\":\"a\",\"values\":[\"192.0.2.1\"]}");

    assert_string_equal(lib_manage_str(rule, "name"), "a.test");
    assert_string_equal(lib_manage_str(rule, "type"), "A");
    assert_string_equal(json_string_value(json_array_get(lib_manage_at(rule, "values"), 0)), "192.0.2.1");
    rule = lib_manage_ok(t, "PUT", DNS, "{\"name\":\"*.b.test\",\"type\":\"*\",\"rcode\":\"NXDOMAIN\"}");
    assert_string_equal(lib_manage_str(rule, "rcode"), "NXDOMAIN");
    rule =
        lib_manage_ok(t, "PUT", DNS, "{\"name\":\"*.b.test\",\"type\":\"*\",\"rcode\":\"REFUSED\",\"delay\":\"2s\"}");
    assert_string_equal(lib_manage_str(rule, "delay"), "2s");
    json_t *list = lib_manage_ok(t, "GET", DNS, NULL);
    assert_int_equal(json_array_size(lib_manage_at(list, "rules")), 2);
    assert_string_equal(json_string_value(json_array_get(lib_manage_at(list, "default"), 0)), "127.0.0.1");
    assert_int_equal(lib_manage_int(lib_manage_ok(t, "DELETE", DNS "?name=a.test&type=AAAA", NULL), "removed"), 0);
    assert_int_equal(lib_manage_int(lib_manage_ok(t, "DELETE", DNS "?name=a.test&type=A", NULL), "removed"), 1);
    assert_int_equal(lib_manage_int(lib_manage_ok(t, "DELETE", DNS "?name=%2A.b.test", NULL), "removed"), 1);
    assert_int_equal(lib_manage_int(lib_manage_ok(t, "DELETE", DNS, NULL), "removed"), 0);
    json_t *events = lib_manage_ok(t, "GET", "/api/v1/events?types=dns.rule", NULL);
    assert_int_equal(json_array_size(lib_manage_at(events, "events")), 5);
}

static void wrong_dns_rules(void **state)
{
    static const struct {
        const char *body, *says;
    } rows[] = {
        {"{\"type\":\"A\",\"values\":[]}", "'name' is missing"},
        {"{\"name\":\"a.test\",\"values\":[]}", "'type' is missing"},
        {"{\"name\":\"a.test\",\"type\":\"A\"}", "exactly one of 'values' and 'rcode' is needed"},
        {"{\"name\":\"a.test\",\"type\":\"A\",\"values\":[\"1.2.3.4\"],\"rcode\":\"SERVFAIL\"}", "exactly one of"},
        {"{\"name\":\"a.test\",\"type\":\"AAA\",\"values\":[\"::1\"]}", "did you mean 'AAAA'?"},
        {"{\"name\":\"a.test\",\"type\":\"A\",\"values\":[\"::1\"]}", "::1"},
        {"{\"name\":\"a.test\",\"type\":\"A\",\"values\":\"192.0.2.1\"}", "values: must be an array"},
        {"{\"name\":\"a.test\",\"type\":\"A\",\"values\":[1]}", "values[0]: must be a string"},
        {"{\"name\":\"a.test\",\"type\":\"A\",\"rcode\":\"NXDOMAN\"}", "NXDOMAIN"},
        {"{\"name\":\"a.test\",\"type\":\"A\",\"values\":[],\"delay\":2}", "delay"},
        {"{\"name\":\"a.test\",\"type\":\"A\",\"values\":[],\"delay\":\"1h\"}", "delay"},
        {"{\"name\":\"a.test\",\"type\":\"A\",\"rcode\":\"DROP\",\"truncate\":true}", "'truncate'"},
        {"{\"name\":\"a b\",\"type\":\"A\",\"values\":[\"192.0.2.1\"]}", "a b"},
        {"{\"name\":\"a.test\",\"type\":\"A\",\"value\":[\"192.0.2.1\"]}",
         "unknown key 'value', did you mean 'values'?"},
    };
    struct lib_manage *t = *state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        lib_manage_refused(t, "PUT", DNS, rows[i].body, 400, "usage", rows[i].says);
    lib_manage_refused(t, "DELETE", DNS "?type=A", NULL, 400, "usage", "needs 'name'");
    lib_manage_refused(t, "DELETE", DNS "?name=", NULL, 400, "usage", "'name'");
    lib_manage_refused(t, "DELETE", DNS "?name=a.test&type=X", NULL, 400, "usage", "X");
    assert_int_equal(json_array_size(lib_manage_at(lib_manage_ok(t, "GET", DNS, NULL), "rules")), 0);
}

/* ---- port map ---- */

static void port_map(void **state)
{
    struct lib_manage *t = *state;
    json_t *map = lib_manage_ok(t, "PUT", "/api/v1/port-map", "{\"map\":\"80=5002,[::1]:443=[::1]:5003\"}");

    assert_string_equal(lib_manage_str(map, "map"), "80=5002,[::1]:443=[::1]:5003");
    assert_string_equal(lib_manage_str(lib_manage_ok(t, "GET", "/api/v1/port-map", NULL), "map"),
                        "80=5002,[::1]:443=[::1]:5003");
    lib_manage_refused(t, "PUT", "/api/v1/port-map", "{\"map\":\"80:5002\"}", 400, "usage", "rule '80:5002'");
    lib_manage_refused(t, "PUT", "/api/v1/port-map", "{\"map\":\"80=70000\"}", 400, "usage", "70000");
    assert_string_equal(lib_manage_str(lib_manage_ok(t, "GET", "/api/v1/port-map", NULL), "map"),
                        "80=5002,[::1]:443=[::1]:5003");
    lib_manage_ok(t, "PUT", "/api/v1/port-map", "{\"map\":\"\"}");
    json_t *events = lib_manage_ok(t, "GET", "/api/v1/events?types=port-map.changed", NULL);
    assert_int_equal(json_array_size(lib_manage_at(events, "events")), 2);
}

/* ---- reset ---- */

static void reset(void **state)
{
    struct lib_manage *t = *state;
    int64_t account = lib_manage_account(t, "production", "one");

    lib_manage_order(t, account, "a.test", NULL);
    lib_manage_certificate(t, "production", account, "a.test");
    lib_manage_ok(t, "PUT", DNS, "{\"name\":\"a.test\",\"type\":\"A\",\"values\":[\"192.0.2.1\"]}");
    lib_manage_ok(t, "POST", "/api/v1/clock/advance", "{\"by\":\"1d\"}");
    struct lib_answer before = lib_manage_get(t, "/api/v1/trust/root.pem");
    int64_t last = fc_events_last(t->events);
    json_t *answer = lib_manage_ok(t, "POST", "/api/v1/reset", NULL);
    assert_int_equal(lib_manage_int(answer, "removed.accounts"), 1);
    assert_int_equal(lib_manage_int(answer, "removed.orders"), 1);
    assert_int_equal(lib_manage_int(answer, "removed.authorizations"), 1);
    assert_int_equal(lib_manage_int(answer, "removed.certificates"), 1);
    assert_int_equal(lib_manage_int(answer, "removed.dns"), 1);
    assert_true(lib_manage_int(answer, "removed.events") >= 2);
    json_t *status = lib_manage_ok(t, "GET", "/api/v1/status", NULL);
    assert_int_equal(lib_manage_int(status, "counts.accounts"), 0);
    assert_int_equal(lib_manage_int(status, "counts.certificates"), 0);
    assert_string_equal(lib_manage_str(status, "clock.now"), "2026-09-02T12:00:00Z");
    assert_string_equal(lib_manage_get(t, "/api/v1/trust/root.pem").body, before.body);
    assert_int_equal(json_array_size(lib_manage_at(lib_manage_ok(t, "GET", DNS, NULL), "rules")), 0);
    /* the log begins anew with the event of the reset, its numbers go on */
    json_t *events = lib_manage_ok(t, "GET", "/api/v1/events", NULL);
    assert_int_equal(json_array_size(lib_manage_at(events, "events")), 1);
    const json_t *event = json_array_get(lib_manage_at(events, "events"), 0);
    assert_string_equal(lib_manage_str(event, "type"), "ca.reset");
    assert_true(lib_manage_int(event, "seq") > last);
}

/* ---- the page ---- */

static void purge(void **state)
{
    struct lib_manage *t = *state;
    static const char *const path = "/api/v1/authorizations/purge";

    assert_int_equal(lib_manage_int(lib_manage_ok(t, "POST", path, "{\"environment\":\"staging\"}"), "removed"), 0);
    lib_manage_refused(t, "POST", path, "{\"environment\":\"moon\"}", 400, "usage", "'moon' is not served");
}

static void the_page(void **state)
{
    struct lib_manage *t = *state;
    struct lib_answer page = lib_manage_get(t, "/");

    assert_int_equal(page.status, 200);
    assert_string_equal(page.type, "text/html");
    assert_non_null(strstr(page.body, "https://localhost:14000/dir<"));
    assert_non_null(strstr(page.body, "https://localhost:14000/staging/dir<"));
    assert_non_null(strstr(page.body, "\"/api/v1/trust/ca.pem\""));
    assert_non_null(strstr(page.body, "\"/api/v1/openapi.json\""));
    assert_non_null(strstr(fc_http_res_get_header(page.res, "Content-Security-Policy"), "default-src 'none'"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIB_MANAGE_TEST(health),
        LIB_MANAGE_TEST(ready_and_not),
        LIB_MANAGE_TEST(run),
        LIB_MANAGE_TEST(status),
        LIB_MANAGE_TEST(status_names_the_next_moments),
        LIB_MANAGE_TEST(hosts),
        LIB_MANAGE_TEST(dns_rules),
        LIB_MANAGE_TEST(wrong_dns_rules),
        LIB_MANAGE_TEST(port_map),
        LIB_MANAGE_TEST(reset),
        LIB_MANAGE_TEST(purge),
        LIB_MANAGE_TEST(the_page),
    };
    RUN(tests);
}
