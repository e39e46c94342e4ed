/* Whatever a client signs or sends: a 4xx with a problem, nothing changed, and the server goes on for the others. */
#include "lib_acme.h"

#include <stdlib.h>
#include <string.h>

#include "base/base_buf.h"

#include "cmocka_all.h"

static void assert_refused(const struct lib_answer *answer)
{
    if (answer->status < 400 || answer->status >= 500)
        fail_msg("status %d: %s", answer->status, answer->text);
    assert_string_equal(lib_header(answer, "Content-Type"), "application/problem+json");
    assert_non_null(lib_header(answer, "Replay-Nonce"));
}

static const char *const values[] = {"null",
                                     "true",
                                     "-1",
                                     "1e400",
                                     "99999999999999999999",
                                     "\"\"",
                                     "\"\\u0000\"",
                                     "[]",
                                     "[[[[]]]]",
                                     "{}",
                                     "{\"a\":{\"b\":{}}}",
                                     "[null]",
                                     "[5]",
                                     "[{\"type\":null}]",
                                     "[{\"type\":\"dns\",\"value\":null}]",
                                     "\"\xff\"",
                                     "\"\\ud800\"",
                                     "\"AAAA\"",
                                     "\"%n%s%s\"",
                                     "\"\xc3\xa4\xc3\xb6\"",
                                     "\"../../x\""};

/* Each member that a resource reads, with each value that it may not have. Refused or harmless, never more. */
static void members_of_every_kind(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    const char *authz = lib_authz_path(lib_order(client, "a.test"), 0);
    const struct {
        const char *path, *member;
    } rows[] = {
        {"/acme/new-order", "identifiers"},
        {"/acme/new-order", "profile"},
        {"/acme/new-order", "notBefore"},
        {"/acme/new-order", "replaces"},
        {"/acme/acct/1", "contact"},
        {"/acme/acct/1", "status"},
        {"/acme/finalize/1/1", "csr"},
        {"/acme/revoke-cert", "certificate"},
        {"/acme/revoke-cert", "reason"},
        {"/acme/key-change", "payload"},
        {authz, "status"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t j = 0; j < sizeof values / sizeof *values; j++) {
            struct lib_answer *answer =
                lib_post(client, rows[i].path, lib_text(t, "{\"%s\":%s}", rows[i].member, values[j]));
            bool harmless = strstr(rows[i].path, "/acct/") && answer->status == 200;
            if (!harmless)
                assert_refused(answer);
        }
    assert_string_equal(lib_member(lib_post(client, authz, NULL), "status"), "pending");
    assert_string_equal(lib_member(lib_post(client, "/acme/acct/1", NULL), "status"), "valid");
    assert_int_equal(lib_events(t, "order.created"), 1);
    assert_int_equal(lib_events(t, "certificate.issued"), 0);
}

/* A good request, spoilt at one place after the other. */
static void every_byte_spoilt(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    const char *good =
        lib_sign(client, "/acme/new-order", lib_order_payload(t, "a.test", NULL), &(struct lib_twist){0});
    size_t len = strlen(good);
    char *body = fc_arena_strdup(t->arena, good);
    struct lib_request request = {.method = "POST", .path = "/acme/new-order", .body = body};

    for (size_t i = 0; i < len; i++) {
        static const char bad[] = {'"', '\x01', '=', '{', (char)0xff, 'A'};
        body[i] = bad[i % sizeof bad] == good[i] ? 'B' : bad[i % sizeof bad];
        assert_refused(lib_send(t, &request));
        body[i] = good[i];
    }
    for (size_t i = 1; i < len; i += 7) {
        request.body_len = i;
        assert_refused(lib_send(t, &request));
    }
    assert_int_equal(lib_events(t, "order.created"), 0);
    /* none of them burnt the nonce */
    request.body_len = len;
    lib_assert_status(lib_send(t, &request), 201);
}

static void random_bytes(void **state)
{
    struct lib_acme *t = *state;
    char body[512];
    unsigned random = 7;

    for (int round = 0; round < 500; round++) {
        size_t len = 1 + (size_t)round % (sizeof body - 1);
        for (size_t i = 0; i < len; i++) {
            random = random * 1103515245U + 12345U;
            body[i] = (char)(random >> 16);
        }
        assert_refused(lib_send(
            t, &(struct lib_request){.method = "POST", .path = "/acme/new-acct", .body = body, .body_len = len}));
    }
}

static void deep_and_wide(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct fc_buf payload fc_auto_buf = {0};

    fc_buf_init(&payload, 40000);
    for (int i = 0; i < 5000; i++)
        fc_buf_puts(&payload, "{\"a\":");
    assert_refused(lib_post(client, "/acme/new-order", fc_arena_strdup(t->arena, payload.data)));
    fc_buf_clear(&payload);
    fc_buf_puts(&payload, "{\"identifiers\":[");
    for (int i = 0; i < 800; i++)
        fc_buf_printf(&payload, "%s{\"type\":\"dns\",\"value\":\"_%d\"}", i ? "," : "", i);
    fc_buf_puts(&payload, "]}");
    struct lib_answer *answer = lib_post(client, "/acme/new-order", fc_arena_strdup(t->arena, payload.data));
    assert_refused(answer);
    /* the answer is bounded too */
    assert_int_equal(json_array_size(json_object_get(answer->json, "subproblems")), 100);
}

static void paths(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    static const char *const bad[] = {"/acme/acct/0",           "/acme/acct/-1",      "/acme/acct/9223372036854775808",
                                      "/acme/acct/1%00",        "/acme/order/1/%31x", "/acme/order/1/1/",
                                      "/acme/order/1/ 1",       "/acme/authz/1/1/",   "/acme/authz/0/0",
                                      "/acme/chall/1/1/%2e%2e", "/acme/cert/%25n",    "/acme/cert/'",
                                      "/acme/cert/a/0x1",       "/acme/cert/a/1e3"};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct lib_answer *answer = lib_post(client, bad[i], NULL);
        assert_in_range(answer->status, 400, 404);
        assert_non_null(lib_header(answer, "Replay-Nonce"));
    }
}

/* Text of a request that is not UTF-8 or not printable reaches the events as far as it can be shown. */
static void headers(void **state)
{
    struct lib_acme *t = *state;
    struct lib_request request = {.method = "GET", .path = "/directory", .extra = "User-Agent: \xff\xfe"};

    lib_assert_status(lib_send(t, &request), 200);
    request.extra = "Origin: \r\nx: y";
    lib_assert_status(lib_send(t, &request), 200);
    assert_int_equal(lib_events(t, "request"), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIB_TEST(members_of_every_kind),
        LIB_TEST(every_byte_spoilt),
        LIB_TEST(random_bytes),
        LIB_TEST(deep_and_wide),
        LIB_TEST(paths),
        LIB_TEST(headers),
    };
    RUN(tests);
}
