#include "http/http_route.h"

#include <string.h>

#include "http/lib_req.h"

#include "cmocka_all.h"

struct route_case {
    const char *prefix, *pattern, *path;
    bool fits;
    size_t n_params;
    const char *params[FC_HTTP_PARAMS_MAX];
};

static const struct route_case cases[] = {
    {"", "/dir", "/dir", true, 0, {NULL}},
    {"", "/dir", "/dir/", false, 0, {NULL}},
    {"", "/dir", "/di", false, 0, {NULL}},
    {"", "/dir", "/directory", false, 0, {NULL}},
    {"", "/dir", "/DIR", false, 0, {NULL}},
    {"", "/", "/", true, 0, {NULL}},
    {"/staging", "/dir", "/staging/dir", true, 0, {NULL}},
    {"/staging", "/dir", "/dir", false, 0, {NULL}},
    {"/staging", "/dir", "/staging", false, 0, {NULL}},
    {"/staging", "", "/staging", true, 0, {NULL}},
    {"", "/acme/acct/{}", "/acme/acct/7", true, 1, {"7"}},
    {"", "/acme/acct/{}", "/acme/acct/", false, 0, {NULL}},
    {"", "/acme/acct/{}", "/acme/acct/7/", false, 0, {NULL}},
    {"", "/acme/acct/{}", "/acme/acct/7/8", false, 0, {NULL}},
    {"/staging", "/acme/chall/{}/{}/{}", "/staging/acme/chall/1/22/abc_-1", true, 3, {"1", "22", "abc_-1"}},
    {"", "/acme/chall/{}/{}/{}", "/acme/chall/1//x", false, 0, {NULL}},
    {"", "/a/{}/{}/{}/{}", "/a/1/2/3/4", true, 4, {"1", "2", "3", "4"}},
    {"", "/c/{serial}/chain.pem", "/c/03ab/chain.pem", true, 1, {"03ab"}},
    {"", "/c/{serial}/chain.pem", "/c/03ab/chain.pe", false, 0, {NULL}},
    {"", "/c/{serial}/chain.pem", "/c/03ab", false, 0, {NULL}},
    {"", "/x/{}", "/x/a%20b%2Fc+d", true, 1, {"a b/c+d"}},
    {"", "/x/{}", "/x/a%2", false, 0, {NULL}},
    {"", "/x/{}", "/x/a%00b", false, 0, {NULL}},
    {"", "/x/{}", "/x/%zz", false, 0, {NULL}},
    {"", "/pki/{...}", "/pki/production/int.der", true, 1, {"production/int.der"}},
    {"", "/pki/{...}", "/pki/", false, 0, {NULL}},
    {"", "/pki/{}/{rest...}", "/pki/production/a/1.crl", true, 2, {"production", "a/1.crl"}},
    {"", "/pki/{}/{rest...}", "/pki/production", false, 0, {NULL}},
};

static void patterns(void **state)
{
    struct fc_http_req *req = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct route_case *row = &cases[i];
        req->path = row->path;
        req->n_params = 0;
        if (fc_http_route_match(req, row->prefix, row->pattern) != row->fits)
            fail_msg("'%s%s' and '%s'", row->prefix, row->pattern, row->path);
        assert_int_equal(req->n_params, row->n_params);
        for (size_t j = 0; j < row->n_params; j++)
            assert_string_equal(req->params[j], row->params[j]);
    }
}

static void params_stay_when_it_does_not_fit(void **state)
{
    struct fc_http_req *req = *state;

    req->path = "/a/1";
    assert_true(fc_http_route_match(req, "", "/a/{}"));
    assert_false(fc_http_route_match(req, "", "/{}/{}/{}"));
    assert_false(fc_http_route_match(req, "", "/{}/2"));
    assert_int_equal(req->n_params, 1);
    assert_string_equal(req->params[0], "1");
}

static void aliases(void **state)
{
    static const struct fc_http_alias table[] = {{"/acme/new-order", "/order-plz", 0},
                                                 {"/acme/order/", "/my-order/", 0},
                                                 {"/acme/chall/", "/chalZ/", 2},
                                                 {NULL, NULL, 0}};
    struct fc_http_req *req = *state;

    assert_string_equal(fc_http_route_shown(req->arena, table, "/acme/order/1/2"), "/my-order/1/2");
    assert_string_equal(fc_http_route_own(req->arena, table, "/my-order/1/2"), "/acme/order/1/2");
    assert_string_equal(fc_http_route_shown(req->arena, table, "/acme/new-order"), "/order-plz");
    assert_string_equal(fc_http_route_own(req->arena, table, "/my-order"), "/my-order");
    assert_string_equal(fc_http_route_shown(req->arena, table, "/acme/chall/1/2/a-b_c"), "/chalZ/1-2-a-b_c");
    assert_string_equal(fc_http_route_own(req->arena, table, "/chalZ/1-2-a-b_c"), "/acme/chall/1/2/a-b_c");
    assert_string_equal(fc_http_route_own(req->arena, table, "/chalZ/1"), "/acme/chall/1");
    assert_string_equal(fc_http_route_own(req->arena, NULL, "/my-order/1"), "/my-order/1");
    assert_string_equal(fc_http_route_shown(req->arena, NULL, "/dir"), "/dir");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(patterns, req_setup, req_teardown),
        cmocka_unit_test_setup_teardown(params_stay_when_it_does_not_fit, req_setup, req_teardown),
        cmocka_unit_test_setup_teardown(aliases, req_setup, req_teardown),
    };
    RUN(tests);
}
