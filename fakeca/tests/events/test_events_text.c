#include "events/events.h"

#include <stdlib.h>
#include <string.h>

#include "base/base_json.h"
#include "base/base_text.h"

#include "cmocka_all.h"

static char *text_of(const char *json)
{
    fc_auto_json event = NULL;
    struct fc_err err = {0};

    if (fc_json_parse(json, strlen(json), &event, &err))
        fail_msg("%s: %s", json, err.text);
    return fc_events_text(event);
}

static void templates_are_filled(void **state)
{
    static const struct {
        const char *event, *text;
    } cases[] = {
        {"{\"type\":\"ca.stopped\"}", "fakeca stops"},
        {"{\"type\":\"order.created\",\"order\":3,\"account\":1,\"data\":{\"identifiers\":\"a.test\"}}",
         "order 3 of account 1 for a.test"},
        /* lists of texts and of identifiers */
        {"{\"type\":\"order.created\",\"order\":3,\"account\":1,\"data\":{\"identifiers\":[\"a.test\",\"b.test\"]}}",
         "order 3 of account 1 for a.test, b.test"},
        {"{\"type\":\"order.created\",\"order\":3,\"account\":1,\"data\":{\"identifiers\":"
         "[{\"type\":\"dns\",\"value\":\"a.test\"}]}}",
         "order 3 of account 1 for a.test"},
        {"{\"type\":\"order.created\",\"order\":3,\"account\":1,\"data\":{\"identifiers\":[]}}",
         "order 3 of account 1 for "},
        /* what a stranger sent does not reach the terminal as it is */
        {"{\"type\":\"order.created\",\"order\":3,\"data\":{\"identifiers\":\"a\\u001b[31m\\u009b1m\\u007f\\n\\u00e9\"}"
         "}",
         "order 3 of account - for a\\x1b[31m\\xc2\\x9b1m\\x7f\\x0a\xc3\xa9"},
        /* absent members */
        {"{\"type\":\"order.created\",\"order\":3}", "order 3 of account - for -"},
        {"{\"type\":\"order.created\",\"order\":3,\"data\":{\"identifiers\":null}}", "order 3 of account - for -"},
        /* the event's own members by the names of the templates */
        {"{\"type\":\"authz.created\",\"authorization\":9,\"data\":{\"identifier\":\"a.test\"}}",
         "authorization 9 for a.test"},
        {"{\"type\":\"account.created\",\"account\":2,\"environment\":\"staging\",\"data\":{\"key\":\"P-256\"}}",
         "account 2 created (staging, P-256)"},
        {"{\"type\":\"certificate.revoked\",\"serial\":\"0a\",\"data\":{\"reason\":1,\"by\":\"key\"}}",
         "certificate 0a revoked (reason 1, by key)"},
        /* a problem by its detail, other objects as JSON, other values as they are */
        {"{\"type\":\"order.invalid\",\"order\":3,\"data\":{\"problem\":{\"type\":\"x\",\"detail\":\"no CAA\"}}}",
         "order 3 failed: no CAA"},
        {"{\"type\":\"order.invalid\",\"order\":3,\"data\":{\"problem\":{\"a\":[1]}}}", "order 3 failed: {\"a\":[1]}"},
        {"{\"type\":\"order.invalid\",\"order\":3,\"data\":{\"problem\":true}}", "order 3 failed: true"},
        /* values are not templates */
        {"{\"type\":\"order.invalid\",\"order\":3,\"data\":{\"problem\":\"{order}\"}}", "order 3 failed: {order}"},
        /* types of another version */
        {"{\"type\":\"moon.rose\",\"order\":3}", "moon.rose"},
        {"{}", "-"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fc_auto_free char *text = text_of(cases[i].event);
        assert_string_equal(text, cases[i].text);
    }
}

/* Whether the comma-separated list has the name. */
static bool lists(const char *members, const char *name, size_t len)
{
    while (*members) {
        size_t member = strcspn(members, ",");
        if (member == len && strncmp(members, name, len) == 0)
            return true;
        members += member + (members[member] == ',');
    }
    return false;
}

static bool own(const char *name, size_t len)
{
    return lists("account,order,authz,serial,env", name, len);
}

/* The table documents itself: a template uses only what the row lists. */
static void every_row_is_consistent(void **state)
{
    (void)state;
    for (int i = 0; i < FC_EVENT__MAX; i++) {
        enum fc_event_type type = (enum fc_event_type)i;
        const char *p = fc_event_type_text(type);
        assert_true(strlen(fc_event_type_name(type)) > 0);
        assert_true(strlen(p) > 0);
        while ((p = strchr(p, '{')) != NULL) {
            size_t len = strcspn(++p, "}");
            if (!lists(fc_event_type_members(type), p, len) && !own(p, len))
                fail_msg("%s uses {%.*s}", fc_event_type_name(type), (int)len, p);
        }
        for (int j = 0; j < i; j++)
            assert_string_not_equal(fc_event_type_name(type), fc_event_type_name((enum fc_event_type)j));
    }
}

static void texts_are_bounded(void **state)
{
    (void)state;
    fc_auto_json event =
        json_pack("{s:s,s:i,s:{s:o}}", "type", "order.created", "order", 3, "data", "identifiers", json_array());
    json_t *names = json_object_get(json_object_get(event, "data"), "identifiers");
    for (int i = 0; i < 5000; i++)
        json_array_append_new(names, json_string("a-name-like-any-other.test"));
    fc_auto_free char *text = fc_events_text(event);
    assert_true(strlen(text) <= 8192);
    assert_true(fc_text_starts(text, "order 3 of account - for a-name-like-any-other.test, "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(templates_are_filled),
        cmocka_unit_test(every_row_is_consistent),
        cmocka_unit_test(texts_are_bounded),
    };
    RUN(tests);
}
