/* The document against the routes and against real answers; and the validator itself against answers that are wrong. Every other test
 * of this folder holds its answers against the document too (lib_manage). */
#include <string.h>

#include "base/base_text.h"
#include "ca/ca.h"
#include "events/events.h"
#include "manage/manage_int.h"

#include "cmocka_all.h"
#include "lib_manage.h"
#include "lib_schema.h"

static json_t *paths_of(struct lib_manage *t)
{
    return json_object_get(t->doc, "paths");
}

static bool in_table(const char *method, const char *pattern)
{
    for (size_t i = 0; i < fc_manage_routes_count; i++)
        if (fc_text_equal_nocase(fc_manage_routes[i].method, method) &&
            strcmp(fc_manage_routes[i].pattern, pattern) == 0)
            return true;
    return false;
}

static void each_route_is_in_the_document(void **state)
{
    struct lib_manage *t = *state;

    for (size_t i = 0; i < fc_manage_routes_count; i++)
        if (!lib_schema_operation(t->doc, fc_manage_routes[i].pattern, fc_manage_routes[i].method))
            fail_msg("%s %s is not in the document", fc_manage_routes[i].method, fc_manage_routes[i].pattern);
}

static void each_operation_is_in_the_table(void **state)
{
    struct lib_manage *t = *state;
    const char *path, *method;
    json_t *item, *operation;
    size_t count = 0;

    json_object_foreach(paths_of(t), path, item)
    {
        json_object_foreach(item, method, operation)
        {
            count++;
            if (!in_table(method, path))
                fail_msg("%s %s is not served", method, path);
        }
    }
    assert_int_equal(count, fc_manage_routes_count);
}

/* ---- parameters and bodies ---- */

static const json_t *find_parameter(struct lib_manage *t, const json_t *operation, const char *in, const char *name)
{
    json_t *item;
    size_t i;

    json_array_foreach(json_object_get(operation, "parameters"), i, item)
    {
        const json_t *parameter = lib_schema_follow(t->doc, item);
        if (strcmp(lib_manage_str(parameter, "in"), in) == 0 && strcmp(lib_manage_str(parameter, "name"), name) == 0)
            return parameter;
    }
    return NULL;
}

static size_t count_parameters(struct lib_manage *t, const json_t *operation, const char *in)
{
    json_t *item;
    size_t i, count = 0;

    json_array_foreach(json_object_get(operation, "parameters"), i, item)
    {
        count += strcmp(lib_manage_str(lib_schema_follow(t->doc, item), "in"), in) == 0;
    }
    return count;
}

static void check_path_parameters(struct lib_manage *t, const json_t *operation, const char *pattern)
{
    size_t count = 0;

    for (const char *at = pattern; (at = strchr(at, '{')) != NULL; at++, count++) {
        const char *name = fc_arena_strndup(t->arena, at + 1, strcspn(at + 1, "}"));
        const json_t *parameter = find_parameter(t, operation, "path", name);
        if (!parameter || !json_is_true(json_object_get(parameter, "required")))
            fail_msg("%s: no required parameter '%s' in the document", pattern, name);
    }
    assert_int_equal(count_parameters(t, operation, "path"), count);
}

static void parameters_are_the_same(void **state)
{
    struct lib_manage *t = *state;

    for (size_t i = 0; i < fc_manage_routes_count; i++) {
        const struct fc_manage_route *route = &fc_manage_routes[i];
        const json_t *operation = lib_schema_operation(t->doc, route->pattern, route->method);
        size_t count = 0;
        for (; route->query[count]; count++)
            if (!find_parameter(t, operation, "query", route->query[count]))
                fail_msg("%s: parameter '%s' is not in the document", route->pattern, route->query[count]);
        assert_int_equal(count_parameters(t, operation, "query"), count);
        check_path_parameters(t, operation, route->pattern);
        const json_t *body = lib_schema_follow(t->doc, json_object_get(operation, "requestBody"));
        assert_int_equal(body != NULL, route->body != FC_MANAGE_NO_BODY);
        assert_int_equal(json_is_true(json_object_get(body, "required")), route->body == FC_MANAGE_BODY);
    }
}

/* ---- the document is sound in itself ---- */

static void follow_all(struct lib_manage *t, json_t *value)
{
    const char *key;
    json_t *member;
    size_t i;

    if (json_object_get(value, "$ref"))
        lib_schema_follow(t->doc, value);
    json_object_foreach(value, key, member) follow_all(t, member);
    json_array_foreach(value, i, member) follow_all(t, member);
}

static void references_lead_somewhere(void **state)
{
    struct lib_manage *t = *state;

    assert_memory_equal(lib_manage_str(t->doc, "openapi"), "3.0.", 4);
    follow_all(t, t->doc);
}

/* A schema that nothing leads to is a promise that nobody keeps. */
static void nothing_lies_about(void **state)
{
    static const char *const kinds[] = {"schemas", "parameters", "responses", "requestBodies"};
    struct lib_manage *t = *state;
    fc_auto_free char *text = fc_json_text(t->doc);
    const char *name;
    json_t *item;

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        json_object_foreach(json_object_get(json_object_get(t->doc, "components"), kinds[i]), name, item)
        {
            if (!strstr(text, fc_arena_printf(t->arena, "\"#/components/%s/%s\"", kinds[i], name)))
                fail_msg("components.%s.%s is used nowhere", kinds[i], name);
        }
    }
}

static void each_operation_has_its_own_id_and_a_summary(void **state)
{
    struct lib_manage *t = *state;
    fc_auto_json seen = json_object();

    for (size_t i = 0; i < fc_manage_routes_count; i++) {
        const json_t *operation = lib_schema_operation(t->doc, fc_manage_routes[i].pattern, fc_manage_routes[i].method);
        const char *id = lib_manage_str(operation, "operationId");
        assert_null(json_object_get(seen, id));
        json_object_set_new(seen, id, json_true());
        assert_true(strlen(lib_manage_str(operation, "summary")) > 5);
        assert_non_null(json_object_get(json_object_get(operation, "responses"), "default"));
    }
}

/* ---- real answers ---- */

static bool was_hit(const struct lib_manage *t, const struct fc_manage_route *route)
{
    char *want = fc_arena_printf(t->arena, "%s %s", route->method, route->pattern);

    for (size_t i = 0; i < t->n_hits; i++)
        if (strcmp(t->hits[i], want) == 0)
            return true;
    return false;
}

static const char *leaf_issuer(struct lib_manage *t)
{
    struct fc_ca_info info;

    for (size_t i = 0; fc_ca_info(t->cas[0], i, &info); i++)
        if (info.issues_leaves && info.ready)
            return info.name;
    fail_msg("no issuer is ready");
    return NULL;
}

/* lib_manage_ask holds each answer against the document; here each route answers well at least once, with rows in the lists. */
static void each_route_answers_as_the_document_says(void **state)
{
    struct lib_manage *t = *state;
    int64_t account = lib_manage_account(t, "production", "one");
    struct fc_authz valid = {.stored = FC_STATUS_VALID,
                             .attempted = "http-01",
                             .validated_at = t->now,
                             .record = "[{\"hostname\":\"a.test\"}]"};
    lib_manage_order(t, account, "a.test", &valid);
    const char *serial = lib_manage_certificate(t, "production", account, "a.test");
    const char *issuer = leaf_issuer(t);
    const struct {
        const char *method, *target, *body;
    } calls[] = {
        {"GET", "/", NULL},
        {"GET", "/api/v1/health", NULL},
        {"GET", "/api/v1/readyz", NULL},
        {"GET", "/api/v1/run", NULL},
        {"GET", "/api/v1/status", NULL},
        {"GET", "/api/v1/clock", NULL},
        {"POST", "/api/v1/clock/advance", "{\"by\":\"1d\"}"},
        {"POST", "/api/v1/clock/advance", "{\"to\":\"next-renewal\"}"},
        {"POST", "/api/v1/clock/advance", "{\"by\":\"-200d\"}"},
        {"POST", "/api/v1/clock/set", "{\"to\":\"" LIB_NOW "\"}"},
        {"POST", "/api/v1/clock/follow", "{}"},
        {"POST", "/api/v1/clock/freeze", NULL},
        {"POST", "/api/v1/clock/reset", NULL},
        {"GET", "/api/v1/trust", NULL},
        {"GET", "/api/v1/trust/ca.pem", NULL},
        {"GET", "/api/v1/trust/root.pem", NULL},
        {"GET", "/api/v1/trust/intermediates.pem", NULL},
        {"GET", "/api/v1/accounts?limit=1", NULL},
        {"GET", "/api/v1/accounts/1", NULL},
        {"GET", "/api/v1/orders", NULL},
        {"GET", "/api/v1/orders/1", NULL},
        {"GET", "/api/v1/certificates", NULL},
        {"GET", fc_arena_printf(t->arena, "/api/v1/certificates/%s", serial), NULL},
        {"GET", fc_arena_printf(t->arena, "/api/v1/certificates/%s/chain.pem", serial), NULL},
        {"POST", fc_arena_printf(t->arena, "/api/v1/certificates/%s/revoke", serial), "{\"reason\":1}"},
        {"GET", fc_arena_printf(t->arena, "/api/v1/certificates/%s/renewal", serial), NULL},
        {"PUT", fc_arena_printf(t->arena, "/api/v1/certificates/%s/renewal", serial), "{}"},
        {"DELETE", fc_arena_printf(t->arena, "/api/v1/certificates/%s/renewal", serial), NULL},
        {"GET", "/api/v1/certificates?account=1", NULL},
        {"PUT", "/api/v1/dns", "{\"name\":\"a.test\",\"type\":\"A\",\"values\":[\"192.0.2.1\"]}"},
        {"PUT", "/api/v1/dns", "{\"name\":\"b.test\",\"type\":\"*\",\"rcode\":\"SERVFAIL\"}"},
        {"PUT", "/api/v1/dns", "{\"name\":\"c.test\",\"type\":\"A\",\"values\":[],\"delay\":\"2s\",\"truncate\":true}"},
        {"GET", "/api/v1/dns", NULL},
        {"GET", "/api/v1/dns/hosts", NULL},
        {"POST", "/api/v1/probe", "{\"name\":\"a.test\"}"},
        {"GET", "/api/v1/validations/1", NULL},
        {"DELETE", "/api/v1/dns?name=a.test", NULL},
        {"POST", "/api/v1/external-accounts", "{\"kid\":\"k1\"}"},
        {"GET", "/api/v1/external-accounts", NULL},
        {"DELETE", "/api/v1/external-accounts/k1", NULL},
        {"POST", "/api/v1/authorizations/purge", "{\"name\":\"a.test\"}"},
        {"POST", "/api/v1/faults", "{\"kind\":\"offer\",\"types\":[\"http-01\"],\"for\":\"1h\"}"},
        {"GET", "/api/v1/faults", NULL},
        {"GET", "/api/v1/faults/kinds", NULL},
        {"DELETE", "/api/v1/faults/1", NULL},
        {"DELETE", "/api/v1/faults", NULL},
        {"PUT", "/api/v1/port-map", "{\"map\":\"80=5002\"}"},
        {"GET", "/api/v1/port-map", NULL},
        {"GET", "/api/v1/events", NULL},
        {"GET", "/api/v1/events/stream", NULL},
        {"GET", "/api/v1/openapi.json", NULL},
        {"GET", fc_arena_printf(t->arena, "/pki/production/%s.der", issuer), NULL},
        {"GET", fc_arena_printf(t->arena, "/pki/production/%s/1.crl", issuer), NULL},
        {"POST", "/api/v1/limits/fill", "{\"limit\":\"NewOrdersPerAccount\",\"account\":1,\"leave\":1}"},
        {"POST", "/api/v1/limits/would", "{\"names\":[\"a.test\"],\"account\":1}"},
        {"POST", "/api/v1/limits/fill", "{\"limit\":\"CertificatesPerFQDNSet\",\"names\":[\"a.test\"]}"},
        {"POST", "/api/v1/limits/would", "{\"names\":[\"a.test\"],\"account\":1}"},
        {"GET", "/api/v1/limits", NULL},
        {"POST", "/api/v1/limits/reset", NULL},
        {"GET", "/api/v1/policy?at=2027-02-11", NULL},
        {"GET", "/api/v1/policy/difference?from=2026-11-24&to=2028-02-17", NULL},
        {"POST", "/api/v1/reset", "{}"},
    };

    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        struct lib_answer answer = lib_manage_ask(t, calls[i].method, calls[i].target, calls[i].body, NULL);
        if (answer.status != 200)
            fail_msg("%s %s: %d %s", calls[i].method, calls[i].target, answer.status, answer.body);
    }
    for (size_t i = 0; i < fc_manage_routes_count; i++)
        if (!was_hit(t, &fc_manage_routes[i]))
            fail_msg("%s %s was never asked well", fc_manage_routes[i].method, fc_manage_routes[i].pattern);
}

/* Each type of event, with every member that it can have, as the log gives it. */
static void each_event_fits(void **state)
{
    struct lib_manage *t = *state;
    const struct fc_event_about about = {
        .env = "production", .account_id = 1, .order_id = 2, .authz_id = 3, .serial = "00ff"};

    for (int i = 0; i < FC_EVENT__MAX; i++) {
        fc_events_note(t->events, (enum fc_event_type)i, t->now, &about, json_pack("{s:i}", "x", i));
        fc_events_note(t->events, (enum fc_event_type)i, t->now, &(struct fc_event_about){0}, NULL);
    }
    json_t *page = lib_manage_ok(t, "GET", "/api/v1/events?limit=1000", NULL);
    assert_true(json_array_size(lib_manage_at(page, "events")) >= 2 * FC_EVENT__MAX);
}

/* ---- the validator ---- */

static bool fits(struct lib_manage *t, const char *schema, const char *text, const char **ret_why)
{
    fc_auto_json value = NULL;
    fc_auto_json wanted = NULL;
    struct fc_buf why fc_auto_buf = {0};

    fc_buf_init(&why, 4096);
    assert_int_equal(fc_json_parse(text, strlen(text), &value, NULL), 0);
    if (schema[0] == '{')
        assert_int_equal(fc_json_parse(schema, strlen(schema), &wanted, NULL), 0);
    else
        wanted = json_pack("{s:o}", "$ref", json_sprintf("#/components/schemas/%s", schema));
    bool good = lib_schema_fits(t->doc, wanted, value, &why);
    *ret_why = fc_arena_strdup(t->arena, why.data);
    return good;
}

static void the_validator_finds_what_is_wrong(void **state)
{
    static const struct {
        const char *schema, *value, *why; /* NULL: it fits */
    } rows[] = {
        {"Clock", "{\"now\":\"" LIB_NOW "\",\"real\":\"" LIB_NOW "\",\"offset_s\":0,\"state\":\"frozen\"}", NULL},
        {"Clock", "{\"now\":\"" LIB_NOW "\",\"real\":\"" LIB_NOW "\",\"offset_s\":0}", "lacks state"},
        {"Clock", "{\"now\":\"" LIB_NOW "\",\"real\":\"" LIB_NOW "\",\"offset_s\":0,\"state\":\"stopped\"}",
         ".state: is none of the words: stopped"},
        {"Clock", "{\"now\":\"" LIB_NOW "\",\"real\":\"" LIB_NOW "\",\"offset_s\":0.5,\"state\":\"frozen\"}",
         ".offset_s: is not of type integer"},
        {"Clock", "{\"now\":\"today\",\"real\":\"" LIB_NOW "\",\"offset_s\":0,\"state\":\"frozen\"}",
         ".now: is no time"},
        {"Clock", "{\"now\":\"2026-09-01\",\"real\":\"" LIB_NOW "\",\"offset_s\":0,\"state\":\"frozen\"}",
         ".now: is no time"},
        {"Clock", "{\"now\":null,\"real\":\"" LIB_NOW "\",\"offset_s\":0,\"state\":\"frozen\"}", ".now: is null"},
        {"Clock", "{\"now\":\"" LIB_NOW "\",\"real\":\"" LIB_NOW "\",\"offset_s\":0,\"state\":\"frozen\",\"zone\":1}",
         ".zone: is not in the schema"},
        {"Clock", "[]", "is not of type object"},
        {"{\"properties\":{\"a\":{\"$ref\":\"#/components/schemas/TimeOrNull\"}}}", "{\"a\":null}", NULL},
        {"{\"properties\":{\"a\":{\"$ref\":\"#/components/schemas/Challenge\"}}}", "{\"a\":null}", NULL},
        {"{\"properties\":{\"a\":{\"$ref\":\"#/components/schemas/Ready\"}}}", "{\"a\":null}", ".a: is null"},
        {"Dns", "{\"default\":[\"127.0.0.1\"],\"rules\":[{\"name\":\"a\",\"type\":\"A\"}]}", NULL},
        {"Dns", "{\"default\":[\"127.0.0.1\",1],\"rules\":[]}", ".default[1]: is not of type string"},
        {"Dns", "{\"default\":[],\"rules\":[{\"name\":\"a\"}]}", ".rules[0]: lacks type"},
        {"Ready", "{\"ready\":false}", NULL},
        {"Ready", "{\"ready\":0}", ".ready: is not of type boolean"},
        {"Problem", "{\"type\":\"about:blank\",\"title\":\"x\",\"status\":200,\"code\":\"usage\",\"detail\":\"x\"}",
         ".status: is below the minimum"},
        {"{\"items\":{\"type\":\"integer\",\"maximum\":3}}", "[3,4]", "[1]: is above the maximum"},
        {"{\"type\":\"object\"}", "[]", "(root): is not of type object"},
        {"{\"type\":\"array\",\"items\":{\"type\":\"array\",\"items\":{\"type\":\"integer\"}}}", "[[1],[2,\"3\"]]",
         "[1][1]: is not of type integer"},
    };
    struct lib_manage *t = *state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *why;
        bool good = fits(t, rows[i].schema, rows[i].value, &why);
        if (good != (rows[i].why == NULL) || (rows[i].why && !strstr(why, rows[i].why)))
            fail_msg("%s as %s: '%s', not '%s'", rows[i].value, rows[i].schema, why, rows[i].why ? rows[i].why : "");
    }
}

static void the_validator_finds_paths(void **state)
{
    static const struct {
        const char *path, *template;
    } rows[] = {{"/", "/"},
                {"/api/v1/events/stream", "/api/v1/events/stream"},
                {"/api/v1/orders/7", "/api/v1/orders/{id}"},
                {"/api/v1/certificates/00/revoke", "/api/v1/certificates/{serial}/revoke"},
                {"/api/v1/certificates/00/other", NULL},
                {"/api/v1/orders/", NULL},
                {"/pki/a/b", "/pki/{environment}/{file}"},
                {"/pki/a", NULL}};
    struct lib_manage *t = *state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *found = lib_schema_path(t->doc, rows[i].path);
        if (!found != !rows[i].template || (found && strcmp(found, rows[i].template) != 0))
            fail_msg("%s fits %s", rows[i].path, found ? found : "nothing");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIB_MANAGE_TEST(each_route_is_in_the_document),
        LIB_MANAGE_TEST(each_operation_is_in_the_table),
        LIB_MANAGE_TEST(parameters_are_the_same),
        LIB_MANAGE_TEST(references_lead_somewhere),
        LIB_MANAGE_TEST(nothing_lies_about),
        LIB_MANAGE_TEST(each_operation_has_its_own_id_and_a_summary),
        LIB_MANAGE_TEST(each_route_answers_as_the_document_says),
        LIB_MANAGE_TEST(each_event_fits),
        LIB_MANAGE_TEST(the_validator_finds_what_is_wrong),
        LIB_MANAGE_TEST(the_validator_finds_paths),
    };
    RUN(tests);
}
