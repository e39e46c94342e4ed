/* Secrets stay out of reports. */
#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "base/base_alloc.h"
#include "base/base_json.h"
#include "core/ck_redact.h"

static void test_texts(void **state)
{
    static const char *const rows[][2] = {
        {"certbot --eab-hmac-key abcDEF123 -d a.test", "certbot --eab-hmac-key *** -d a.test"},
        {"--eab-hmac-key=abcDEF123 -n", "--eab-hmac-key=*** -n"},
        {"DNS_API_TOKEN=xyz lego run", "DNS_API_TOKEN=*** lego run"},
        {"curl -u x --password 'geheim' y", "curl -u x --password '***' y"},
        {"nothing to hide here", "nothing to hide here"},
        {"password:\nnext line", "password:\nnext line"},
        {"a\n-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\nb", "a\n*** (a private key)\nb"},
        {"-----BEGIN PRIVATE KEY-----\nAAAA", "*** (a private key)"},
        {"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
         "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"},
        {"", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fc_auto_free char *text = ck_redact_text(rows[i][0]);
        assert_string_equal(text, rows[i][1]);
    }
}

static void test_json(void **state)
{
    fc_auto_json value = json_pack("{s:{s:s},s:s,s:[s,i]}", "run", "renew", "x --eab-hmac-key K y", "secret", "S",
                                   "state", "--password P", 1);
    fc_auto_json copy = ck_redact_json(value);
    fc_auto_free char *text = fc_json_text(copy);

    (void)state;
    assert_string_equal(
        text, "{\"run\":{\"renew\":\"x --eab-hmac-key *** y\"},\"secret\":\"***\",\"state\":[\"--password ***\",1]}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_texts), cmocka_unit_test(test_json)};
    RUN(tests);
}
