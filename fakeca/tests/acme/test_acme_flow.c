/* The whole way of a client, answer by answer: RFC 8555 section 7 and letsencrypt.md C, E.3, H. */
#include "lib_acme.h"

#include <openssl/pem.h>
#include <string.h>

#include "base/base_text.h"

#include "cmocka_all.h"

static void whole_flow(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_answer *order = lib_order(client, "www.shop.test,shop.test,SHOP.test");
    const char *order_url = lib_header(order, "Location");

    assert_string_equal(order_url, LIB_BASE "/acme/order/1/1");
    assert_string_equal(lib_member(order, "status"), "pending");
    assert_string_equal(lib_member(order, "expires"), "2026-09-08T12:00:00Z");
    assert_string_equal(lib_member(order, "finalize"), LIB_BASE "/acme/finalize/1/1");
    assert_null(json_object_get(order->json, "profile"));
    assert_null(json_object_get(order->json, "certificate"));
    json_t *idents = json_object_get(order->json, "identifiers");
    assert_int_equal(json_array_size(idents), 2);
    assert_string_equal(json_string_value(json_object_get(json_array_get(idents, 0), "value")), "shop.test");
    assert_string_equal(json_string_value(json_object_get(json_array_get(idents, 0), "type")), "dns");
    assert_string_equal(json_string_value(json_object_get(json_array_get(idents, 1), "value")), "www.shop.test");
    assert_int_equal(json_array_size(json_object_get(order->json, "authorizations")), 2);

    lib_validate(client, order);
    assert_int_equal(lib_web_requests(t), 2);
    order = lib_post(client, lib_path(order_url), NULL);
    assert_string_equal(lib_member(order, "status"), "ready");

    const struct lib_csr csr = {.names = "www.shop.test,shop.test", .cn = "shop.test"};
    order = lib_post(client, "/acme/finalize/1/1", lib_csr_payload(t, &csr));
    lib_assert_status(order, 200);
    assert_string_equal(lib_header(order, "Location"), order_url);
    assert_string_equal(lib_member(order, "status"), "valid");
    assert_null(lib_header(order, "Retry-After"));
    const char *cert_url = lib_member(order, "certificate");
    assert_int_equal(strlen(strrchr(cert_url, '/') + 1), 36);

    struct lib_answer *cert = lib_post(client, lib_path(cert_url), NULL);
    lib_assert_status(cert, 200);
    assert_string_equal(lib_header(cert, "Content-Type"), "application/pem-certificate-chain");
    assert_true(fc_text_starts(cert->text, "-----BEGIN CERTIFICATE-----\n"));
    assert_non_null(strstr(cert->text, "-----END CERTIFICATE-----\n\n-----BEGIN CERTIFICATE-----\n"));
    assert_true(fc_text_ends(cert->text, "-----END CERTIFICATE-----\n"));
    assert_non_null(lib_header(cert, "Replay-Nonce"));

    assert_int_equal(lib_events(t, "account.created"), 1);
    assert_int_equal(lib_events(t, "order.created"), 1);
    assert_int_equal(lib_events(t, "authz.created"), 2);
    assert_int_equal(lib_events(t, "challenge.started"), 2);
    assert_int_equal(lib_events(t, "validation.hop"), 4); /* the connection and CAA, of each name */
    assert_int_equal(lib_events(t, "validation.valid"), 2);
    assert_int_equal(lib_events(t, "order.finalized"), 1);
    assert_int_equal(lib_events(t, "certificate.issued"), 1);
    assert_int_equal(lib_events(t, "certificate.downloaded"), 1);
    assert_int_equal(lib_events(t, "request.refused"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIB_TEST(whole_flow),
    };
    RUN(tests);
}
