/* Chains of a certificate over the wire: RFC 8555 section 7.4.2, letsencrypt.md E.2, E.3; and that what the calendar changes is read
 * at the time of the request.
 * test: threads */
#include "lib_acme.h"

#include <string.h>

#include "base/base_text.h"

#include "cmocka_all.h"

#define CHAINS 3 /* of production, for an ECDSA key */

static const char *leaf_of(struct lib_acme *t, const struct lib_answer *answer)
{
    lib_assert_status(answer, 200);
    assert_string_equal(lib_header(answer, "Content-Type"), "application/pem-certificate-chain");
    return lib_pem_der(t, answer->text);
}

/* One link for each chain but the one that is shown, in their order. */
static void assert_links(struct lib_acme *t, const struct lib_answer *answer, const char *path, size_t shown)
{
    size_t found = 0;

    for (size_t i = 0; i < answer->res.n_headers; i++) {
        const struct fc_http_header *header = &answer->res.headers[i];
        if (strcmp(header->name, "Link") != 0 || !strstr(header->value, "\"alternate\""))
            continue;
        size_t wanted = found + (found >= shown);
        assert_string_equal(header->value, lib_text(t, "<" LIB_BASE "%s/%zu>;rel=\"alternate\"", path, wanted));
        found++;
    }
    assert_int_equal(found, CHAINS - 1);
}

static void alternates(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t), *other = lib_client_new(t);
    struct lib_issued issued;

    lib_web_thumbprint(t, client->thumbprint);
    lib_issue(client, "a.test", &issued);
    struct lib_answer *first = lib_post(client, issued.cert_path, NULL);
    const char *leaf = leaf_of(t, first);
    assert_links(t, first, issued.cert_path, 0);
    for (size_t n = 0; n < CHAINS; n++) {
        const char *path = lib_text(t, "%s/%zu", issued.cert_path, n);
        struct lib_answer *answer = lib_post(client, path, NULL);
        assert_string_equal(leaf_of(t, answer), leaf);
        assert_links(t, answer, issued.cert_path, n);
        assert_true((strcmp(answer->text, first->text) == 0) == (n == 0));
        /* C.6: Let's Encrypt gives it to everybody, and to no other account */
        assert_string_equal(lib_get(t, path)->text, answer->text);
        lib_assert_problem(lib_post(other, path, NULL), 403, "unauthorized",
                           "Account in use did not issue specified certificate");
    }
    lib_assert_problem(lib_post(client, lib_text(t, "%s/%d", issued.cert_path, CHAINS), NULL), 404, "malformed",
                       "Unknown issuance chain");
    lib_assert_problem(lib_post(client, lib_text(t, "%s/-1", issued.cert_path), NULL), 400, "malformed",
                       "Chain ID must be a non-negative integer");
}

/* F.2: five until 2026-12-15, six from then on, each with a request of its own (B.8). */
static void perspectives_follow_the_calendar(void **state)
{
    static const struct {
        const char *skip, *name;
        size_t requests;
    } days[] = {{"0s", "a.test", 5}, {"104d11h59m59s", "b.test", 5}, {"1s", "c.test", 6}, {"-1s", "d.test", 5}};
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    size_t before = 0;

    for (size_t i = 0; i < sizeof days / sizeof *days; i++) {
        lib_acme_advance(t, days[i].skip);
        lib_ready_order(client, days[i].name);
        lib_va_idle(t);
        assert_int_equal(lib_web_requests(t) - before, days[i].requests);
        before = lib_web_requests(t);
    }
}

int main(void)
{
    static struct lib_options far = {.perspectives = true};
    const struct CMUnitTest tests[] = {
        LIB_TEST(alternates),
        LIB_TEST_WITH(perspectives_follow_the_calendar, &far),
    };
    RUN(tests);
}
