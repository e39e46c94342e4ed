/* Renewal information: letsencrypt.md E.4, the vectors there; the identifier of RFC 9773 section 4.1. */
#include "lib_ca.h"

#include <string.h>

#include "base/base_file.h"
#include "base/base_time.h"
#include "pki/pki_cert.h"

#include "cmocka_all.h"

static void assert_time(int64_t at, const char *expected)
{
    char text[FC_TIME_TEXT_MAX];

    assert_string_equal(fc_time_rfc3339(at, text), expected);
    assert_int_equal(at % FC_SECOND, 0);
}

static void windows(void **state)
{
    struct lib_ca *t = *state;
    static const struct {
        const char *not_after, *start, *end;
    } rows[] = {{"2026-11-30T11:01:29Z", "2026-10-30T13:45:34Z", "2026-11-01T08:56:23Z"},
                {"2026-11-04T11:01:29Z", "2026-10-13T11:59:58Z", "2026-10-14T18:41:59Z"},
                {"2026-10-16T11:01:29Z", "2026-10-01T00:33:34Z", "2026-10-01T22:08:23Z"},
                {"2026-09-08T03:01:29Z", "2026-09-04T17:55:19Z", "2026-09-04T21:06:08Z"}};
    struct fc_ca_window window;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fc_ca_ari_window(t->policy, lib_ca_time("2026-09-01T12:00:00Z"), lib_ca_time(rows[i].not_after), &window);
        assert_time(window.start, rows[i].start);
        assert_time(window.end, rows[i].end);
    }
}

static void revoked(void **state)
{
    struct lib_ca *t = *state;
    struct fc_ca_window window;

    fc_ca_ari_revoked(t->policy, lib_ca_time("2026-09-01T12:00:00Z") + 1, &window);
    assert_time(window.start, "2026-09-01T11:00:00Z");
    assert_time(window.end, "2026-09-01T11:30:00Z");
}

/* The key identifier and the serial number of the example in RFC 9773 section 4.1, in a certificate that openssl makes. */
static void identifier(void **state)
{
    struct lib_ca *t = *state;
    fc_auto_free char *path = fc_asprintf("%s/leaf.der", t->dir);
    fc_auto_free char *der = NULL;
    const char *text;
    size_t len;

    lib_ca_write_text(t, "leaf.cnf",
                      "[req]\ndistinguished_name=dn\nx509_extensions=ext\n[dn]\n[ext]\n"
                      "subjectKeyIdentifier=69885B6B87464041E1B37B847BA0AE2CDE01C8D4\n"
                      "authorityKeyIdentifier=keyid:always\n");
    assert_int_equal(lib_ca_openssl(t, &text,
                                    "req -x509 -config leaf.cnf -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
                                    "-keyout leaf.key -subj /CN=a.test -set_serial 0x87654321 -outform DER -out "
                                    "leaf.der"),
                     0);
    assert_int_equal(fc_file_read(path, 65536, &der, &len, NULL), 0);
    const char *certid = fc_ca_ari_id((const unsigned char *)der, len, t->arena);
    assert_non_null(certid);
    assert_string_equal(certid, "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE");
    assert_null(fc_ca_ari_id((const unsigned char *)"x", 1, t->arena));
}

static void known_issuers(void **state)
{
    struct lib_ca *t = *state;
    static const unsigned char nobody[20] = {1, 2, 3};
    struct fc_certificate row;
    size_t len;

    lib_ca_start(t);
    assert_int_equal(lib_ca_issue(t, "a.test", lib_ca_key(t, "P-256"), &row, NULL), 0);
    fc_auto(fc_cert_free) struct fc_cert *cert = NULL;
    assert_int_equal(fc_cert_from_der(row.der, row.der_len, &cert, NULL), 0);
    const unsigned char *aki = fc_cert_aki(cert, &len);
    assert_non_null(aki);
    assert_true(fc_ca_issuer_known(t->ca, aki, len));
    assert_false(fc_ca_issuer_known(t->ca, nobody, sizeof nobody));
    assert_false(fc_ca_issuer_known(t->ca, aki, len - 1));
    const char *certid = fc_ca_ari_id(row.der, row.der_len, t->arena);
    assert_non_null(certid);
    assert_int_equal(strcspn(certid, "."), 27); /* 20 octets */
    assert_int_equal(strlen(certid), 27 + 1 + 24);
}

int main(void)
{
    const struct CMUnitTest tests[] = {LIB_CA_TEST(windows), LIB_CA_TEST(revoked), LIB_CA_TEST(identifier),
                                       LIB_CA_TEST(known_issuers)};
    RUN(tests);
}
