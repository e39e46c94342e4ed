/* Reading certificates that openssl made. */
#include "pki/pki_cert.h"

#include <stdlib.h>
#include <string.h>

#include "base/base_time.h"
#include "pki/pki_key.h"

#include "cmocka_all.h"
#include "lib_pki.h"

/* c.pem and c.der with that serial, subject and days of validity. */
static struct fc_cert *by_openssl(struct lab *lab, const char *serial, const char *subject)
{
    struct fc_cert *cert = NULL;
    struct fc_err err = {0};
    size_t len;

    lab_openssl(lab, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                "k.pem", "-subj", subject, "-set_serial", serial, "-utf8", "-multivalue-rdn", "-days", "400", "-out",
                "c.pem", NULL);
    lab_openssl(lab, "x509", "-in", "c.pem", "-outform", "DER", "-out", "c.der", NULL);
    const unsigned char *der = lab_read(lab, "c.der", &len);
    if (fc_cert_from_der(der, len, &cert, &err))
        fail_msg("%s", err.text);
    return lab_keep_cert(lab, cert);
}

static const char *kept(struct lab *lab, char *text)
{
    const char *copy = fc_arena_strdup(lab->arena, text);

    free(text);
    return copy;
}

static void serials(void **state)
{
    static const struct {
        const char *given, *expected;
    } cases[] = {
        {"0x03ab", "03ab"},   {"0x00ff00", "ff00"},
        {"0x80", "80"},       {"0", "00"},
        {"-0x03ab", "-03ab"}, {"0x03ffeeddccbbaa99887766554433221100ff", "03ffeeddccbbaa99887766554433221100ff"},
    };
    struct lab *lab = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(kept(lab, fc_cert_serial(by_openssl(lab, cases[i].given, "/CN=x"))), cases[i].expected);
}

static void pem_is_openssls(void **state)
{
    struct lab *lab = *state;
    struct fc_cert *cert = by_openssl(lab, "7", "/CN=x"), *again = NULL;
    size_t len, der_len;

    const char *pem = (const char *)lab_read(lab, "c.pem", &len);
    assert_string_equal(kept(lab, fc_cert_pem(cert)), fc_arena_strndup(lab->arena, pem, len));
    /* the first of several, after other text */
    const char *two = fc_arena_printf(lab->arena, "hello\n%s%s", pem, pem);
    assert_int_equal(fc_cert_from_pem(two, strlen(two), &again, NULL), 0);
    lab_keep_cert(lab, again);
    const unsigned char *der = lab_read(lab, "c.der", &len);
    const unsigned char *own = fc_cert_der(again, &der_len);
    assert_int_equal(der_len, len);
    assert_memory_equal(own, der, len);
}

/* Each length of the last line. */
static void pem_of_any_length(void **state)
{
    struct lab *lab = *state;
    unsigned char bytes[100];

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 37);
    for (size_t len = 1; len <= sizeof bytes; len++) {
        size_t back;
        const char *pem = kept(lab, fc_cert_der_to_pem(bytes, len));
        const char *body = strchr(pem, '\n') + 1, *end = strstr(pem, "-----END");
        lab_write(lab, "b64", body, (size_t)(end - body));
        lab_openssl(lab, "base64", "-d", "-in", "b64", "-out", "raw", NULL);
        const unsigned char *raw = lab_read(lab, "raw", &back);
        assert_int_equal(back, len);
        assert_memory_equal(raw, bytes, len);
        for (const char *line = body; line < end; line = strchr(line, '\n') + 1)
            assert_true(strchr(line, '\n') - line <= 64 && *line != '\n');
    }
}

static void subject_on_one_line(void **state)
{
    struct lab *lab = *state;
    struct fc_cert *cert = by_openssl(lab, "1", "/C=DE/O=B\xc3\xa4r, Inc./OU=a+CN=first/CN=second");

    assert_string_equal(kept(lab, fc_cert_subject(cert)), "C=DE, O=B\xc3\xa4r\\, Inc., OU=a + CN=first, CN=second");
    assert_string_equal(kept(lab, fc_cert_cn(cert)), "first");
    cert = by_openssl(lab, "1", "/O=none");
    assert_null(fc_cert_cn(cert));
    cert = by_openssl(lab, "1", "/");
    assert_string_equal(kept(lab, fc_cert_subject(cert)), "");
}

static void dates_are_openssls(void **state)
{
    struct lab *lab = *state;
    struct fc_cert *cert = by_openssl(lab, "1", "/CN=x");

    assert_int_equal(fc_cert_not_after(cert) - fc_cert_not_before(cert), 400 * FC_DAY);
    char text[FC_TIME_TEXT_MAX];
    const char *dates = lab_openssl(lab, "x509", "-in", "c.pem", "-noout", "-startdate", "-dateopt", "iso_8601", NULL);
    fc_time_boulder(fc_cert_not_before(cert), text);
    lab_has(dates, fc_arena_strndup(lab->arena, text, 19));
}

static void identifiers_and_ca(void **state)
{
    struct lab *lab = *state;
    struct fc_cert *cert = by_openssl(lab, "1", "/CN=x");
    size_t ski_len = 0, aki_len = 0;

    assert_true(fc_cert_is_ca(cert));
    const unsigned char *ski = fc_cert_ski(cert, &ski_len), *aki = fc_cert_aki(cert, &aki_len);
    assert_int_equal(ski_len, 20);
    assert_int_equal(aki_len, 20);
    assert_memory_equal(ski, aki, 20);
    assert_true(fc_cert_issued_by(cert, cert));

    lab_openssl(lab, "req", "-x509", "-key", "k.pem", "-subj", "/CN=y", "-addext", "subjectKeyIdentifier=none",
                "-addext", "authorityKeyIdentifier=none", "-addext", "basicConstraints=CA:FALSE", "-out", "d.pem",
                NULL);
    size_t len;
    struct fc_cert *bare = NULL;
    const char *pem = (const char *)lab_read(lab, "d.pem", &len);
    assert_int_equal(fc_cert_from_pem(pem, len, &bare, NULL), 0);
    lab_keep_cert(lab, bare);
    assert_null(fc_cert_ski(bare, &ski_len));
    assert_null(fc_cert_aki(bare, &aki_len));
    assert_false(fc_cert_is_ca(bare));
    /* same key, other name */
    assert_false(fc_cert_issued_by(bare, cert));
}

static void refused(const void *der, size_t len, const char *says)
{
    struct fc_cert *cert = NULL;
    struct fc_err err = {0};

    assert_int_equal(fc_cert_from_der(der, len, &cert, &err), -1);
    assert_null(cert);
    assert_int_equal(err.code, FC_E_PARSE);
    lab_has(err.text, says);
}

static void what_is_no_certificate(void **state)
{
    struct lab *lab = *state;
    struct fc_cert *cert = NULL;
    size_t len;

    by_openssl(lab, "1", "/CN=x");
    const unsigned char *der = lab_read(lab, "c.der", &len);
    unsigned char *big = fc_arena_alloc(lab->arena, 65537);
    memcpy(big, der, len);
    refused(big, len + 1, "trailing data");
    refused(big, 65537, "at most 65536");
    refused("", 0, "not a certificate in DER");
    for (size_t cut = 1; cut < len; cut += 11)
        refused(der, cut, "not a certificate in DER");
    /* the month of notBefore becomes 19 */
    for (size_t i = 0; i + 2 < len; i++)
        if (big[i] == 0x17 && big[i + 1] == 13) {
            memcpy(big + i + 4, "19", 2);
            break;
        }
    refused(big, len, "notBefore");
    assert_int_equal(fc_cert_from_pem("-----BEGIN X-----", 17, &cert, NULL), -1);
    assert_int_equal(fc_cert_from_pem("", 0, &cert, NULL), -1);
    assert_null(cert);
    fc_cert_free(NULL);
}

static void a_reference_more(void **state)
{
    struct fc_cert *cert = by_openssl(*state, "1", "/CN=x");

    assert_ptr_equal(fc_cert_ref(cert), cert);
    fc_cert_free(cert);
    assert_non_null(fc_cert_x509(cert));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(serials, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(pem_is_openssls, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(pem_of_any_length, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(subject_on_one_line, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(dates_are_openssls, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(identifiers_and_ca, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(what_is_no_certificate, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(a_reference_more, lab_setup, lab_teardown),
    };
    RUN(tests);
}
