#include "http/http_msg.h"

#include <string.h>

#include "http/http_wait.h"
#include "http/lib_req.h"

#include "cmocka_all.h"

static void headers_of_requests_in_any_case(void **state)
{
    static const struct fc_http_header headers[] = {
        {"Host", "localhost"}, {"content-type", "application/jose+json"}, {"X-Twice", "1"}, {"x-twice", "2"}};
    struct fc_http_req *req = *state;

    req->headers = headers;
    req->n_headers = 4;
    assert_string_equal(fc_http_req_header(req, "Content-Type"), "application/jose+json");
    assert_string_equal(fc_http_req_header(req, "HOST"), "localhost");
    assert_string_equal(fc_http_req_header(req, "x-twice"), "1");
    assert_null(fc_http_req_header(req, "Content"));
    assert_null(fc_http_req_header(req, ""));
    req->n_headers = 0;
    assert_null(fc_http_req_header(req, "Host"));
}

static void query_parameters(void **state)
{
    static const struct {
        const char *query, *name, *value;
    } rows[] = {
        {"a=1&b=2", "a", "1"},
        {"a=1&b=2", "b", "2"},
        {"a=1&b=2", "c", NULL},
        {"a=1&a=2", "a", "1"},
        {"after=", "after", ""},
        {"flag", "flag", ""},
        {"flag&a=1", "a", "1"},
        {"a=b=c", "a", "b=c"},
        {"a=x%20y%2Bz", "a", "x y+z"},
        {"a=x+y", "a", "x y"},
        {"%61=1", "a", "1"},
        {"a=%C3%BC", "a", "\xC3\xBC"},
        {"types=order.,clock.", "types", "order.,clock."},
        {"&&a=1&", "a", "1"},
        {"aa=1", "a", NULL},
        {"A=1", "a", NULL},
        {"=1", "a", NULL},
        {"", "a", NULL},
        {NULL, "a", NULL},
        /* what does not decode is as if it were absent */
        {"a=%zz", "a", NULL},
        {"a=%4", "a", NULL},
        {"a=%00", "a", NULL},
        {"%zz=1&a=2", "a", "2"},
    };
    struct fc_http_req *req = *state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        req->query = rows[i].query;
        const char *value = fc_http_req_query(req, rows[i].name);
        if (!value != !rows[i].value || (value && strcmp(value, rows[i].value) != 0))
            fail_msg("'%s' of '%s' is '%s'", rows[i].name, rows[i].query ? rows[i].query : "(none)",
                     value ? value : "(none)");
    }
}

static void headers_of_answers(void **state)
{
    struct fc_http_res res = {0};
    (void)state;

    fc_http_res_header(&res, "Link", "<a>;rel=\"index\"");
    fc_http_res_header(&res, "Link", "<b>;rel=\"up\"");
    fc_http_res_set_header(&res, "Retry-After", "3");
    fc_http_res_set_header(&res, "retry-after", "60");
    assert_int_equal(res.n_headers, 3);
    assert_string_equal(fc_http_res_get_header(&res, "RETRY-AFTER"), "60");
    assert_string_equal(fc_http_res_get_header(&res, "link"), "<a>;rel=\"index\"");
    assert_null(fc_http_res_get_header(&res, "Location"));
}

static void text_is_copied(void **state)
{
    char text[] = "hello";
    struct fc_http_req *req = *state;
    struct fc_http_res res = {0};

    fc_http_res_text(req, &res, 404, "text/plain", text);
    memcpy(text, "XXXXX", 5);
    assert_int_equal(res.status, 404);
    assert_int_equal(res.body_len, 5);
    assert_memory_equal(res.body, "hello", 6);
    assert_string_equal(fc_http_res_get_header(&res, "content-type"), "text/plain");
}

/* The form that Boulder and the header prescribe: two spaces, '/' as it is, ASCII only, newline at the end. */
static void json_has_one_form(void **state)
{
    struct fc_http_req *req = *state;
    struct fc_http_res res = {0};
    json_t *value = json_pack("{s:s, s:[i], s:{}}", "url", "https://a/m\xC3\xBC", "n", 1, "empty");
    static const char expected[] = "{\n"
                                   "  \"url\": \"https://a/m\\u00FC\",\n"
                                   "  \"n\": [\n"
                                   "    1\n"
                                   "  ],\n"
                                   "  \"empty\": {}\n"
                                   "}\n";

    fc_http_res_json(req, &res, 201, "application/json", json_incref(value));
    assert_int_equal(value->refcount, 1);
    json_decref(value);
    assert_int_equal(res.status, 201);
    assert_int_equal(res.body_len, sizeof expected - 1);
    assert_memory_equal(res.body, expected, sizeof expected);
    assert_string_equal(fc_http_res_get_header(&res, "Content-Type"), "application/json");
}

static void an_answer_can_be_made_anew(void **state)
{
    struct fc_http_req *req = *state;
    struct fc_http_res res = {0};
    struct fc_http_wait *wait = fc_http_wait_new();

    fc_http_res_text(req, &res, 200, "text/plain", "first");
    fc_http_res_header(&res, "Location", "/x");
    res.wait = fc_http_wait_ref(wait);
    res.wait_until = 5;
    fc_http_res_clear(&res);
    assert_int_equal(res.status, 0);
    assert_int_equal(res.n_headers, 0);
    assert_null(res.body);
    assert_null(res.wait);
    assert_int_equal(res.wait_until, 0);
    fc_http_wait_signal(wait); /* our own reference still holds it */
    fc_http_wait_unref(wait);
    fc_http_res_clear(&res);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(headers_of_requests_in_any_case, req_setup, req_teardown),
        cmocka_unit_test_setup_teardown(query_parameters, req_setup, req_teardown),
        cmocka_unit_test(headers_of_answers),
        cmocka_unit_test_setup_teardown(text_is_copied, req_setup, req_teardown),
        cmocka_unit_test_setup_teardown(json_has_one_form, req_setup, req_teardown),
        cmocka_unit_test_setup_teardown(an_answer_can_be_made_anew, req_setup, req_teardown),
    };
    RUN(tests);
}
