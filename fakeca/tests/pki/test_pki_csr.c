/* Requests that openssl's command line makes, whole and spoiled. */
#include "pki/pki_csr.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pki/pki_key.h"

#include "cmocka_all.h"
#include "lib_pki.h"

/* A P-256 key in k.pem. */
static int setup(void **state)
{
    lab_setup(state);
    struct lab *lab = *state;
    lab_write_key(lab, "k.pem", lab_key(lab, FC_KEY_P256));
    return 0;
}

static void list_is(const char *const *list, const char *const *expected)
{
    for (; *expected; list++, expected++) {
        assert_non_null(*list);
        assert_string_equal(*list, *expected);
    }
    assert_null(*list);
}

static void names_lower_case_each_once_in_order(void **state)
{
    struct lab *lab = *state;
    const struct fc_csr *csr = lab_csr(lab, "k.pem", "/C=DE/O=x/CN=WWW.B.test/CN=second.test",
                                       "DNS:www.B.test,DNS:a.test,IP:10.0.0.1,DNS:A.TEST,DNS:*.c.test,IP:10.0.0.1,"
                                       "DNS:www.b.test,IP:2001:DB8:0:0::1");

    list_is(fc_csr_dns(csr), (const char *const[]){"www.b.test", "a.test", "*.c.test", NULL});
    list_is(fc_csr_ips(csr), (const char *const[]){"10.0.0.1", "2001:db8::1", NULL});
    assert_string_equal(fc_csr_cn(csr), "www.b.test");
    assert_int_equal(fc_csr_emails(csr), 0);
    assert_int_equal(fc_csr_uris(csr), 0);
    assert_false(fc_csr_must_staple(csr));
    assert_true(fc_csr_signature_algorithm_ok(csr));
    assert_true(fc_csr_signature_ok(csr));
    assert_true(fc_key_equal(fc_csr_key(csr), lab_read_key(lab, "k.pem")));
}

static void without_san_and_without_subject(void **state)
{
    struct lab *lab = *state;
    const struct fc_csr *csr = lab_csr(lab, "k.pem", "/CN=only.test", NULL);

    assert_null(fc_csr_dns(csr)[0]);
    assert_null(fc_csr_ips(csr)[0]);
    assert_string_equal(fc_csr_cn(csr), "only.test");
    csr = lab_csr(lab, "k.pem", "/", "DNS:a.test");
    assert_null(fc_csr_cn(csr));
    assert_string_equal(fc_csr_dns(csr)[0], "a.test");
}

static void counts_emails_and_uris(void **state)
{
    struct lab *lab = *state;
    const struct fc_csr *csr = lab_csr(lab, "k.pem", "/CN=a.test/emailAddress=x@a.test",
                                       "DNS:a.test,email:y@a.test,email:z@a.test,URI:https://a.test/,RID:1.2.3,"
                                       "otherName:1.2.3;UTF8:x");

    assert_int_equal(fc_csr_emails(csr), 3);
    assert_int_equal(fc_csr_uris(csr), 1);
    list_is(fc_csr_dns(csr), (const char *const[]){"a.test", NULL});
}

/* A request by a config file, whose [ext] section is given. */
static const unsigned char *request(struct lab *lab, const char *attributes, const char *ext, size_t *ret_len)
{
    const char *config =
        fc_arena_printf(lab->arena,
                        "[req]\nprompt=no\ndistinguished_name=dn\n%s%s[dn]\nCN=a.test\n"
                        "[att]\nchallengePassword=secret\n[ext]\n%s\n",
                        attributes ? "attributes=att\n" : "", ext ? "req_extensions=ext\n" : "", ext ? ext : "");

    lab_write(lab, "req.cnf", config, strlen(config));
    lab_openssl(lab, "req", "-new", "-key", "k.pem", "-config", "req.cnf", "-outform", "DER", "-out", "r.der", NULL);
    return lab_read(lab, "r.der", ret_len);
}

static void must_staple(void **state)
{
    struct lab *lab = *state;
    size_t len;

    request(lab, NULL, "tlsfeature=status_request\nsubjectAltName=DNS:a.test", &len);
    const struct fc_csr *csr = lab_parse_csr(lab, "r.der");
    assert_true(fc_csr_must_staple(csr));
    assert_string_equal(fc_csr_dns(csr)[0], "a.test");
}

static void other_attributes_do_no_harm(void **state)
{
    struct lab *lab = *state;
    size_t len;

    request(lab, "yes", "subjectAltName=DNS:a.test\nbasicConstraints=CA:TRUE\nextendedKeyUsage=clientAuth", &len);
    const struct fc_csr *csr = lab_parse_csr(lab, "r.der");
    list_is(fc_csr_dns(csr), (const char *const[]){"a.test", NULL});
    assert_true(fc_csr_signature_ok(csr));
}

static void refused(const unsigned char *der, size_t len, const char *says)
{
    struct fc_csr *csr = NULL;
    struct fc_err err = {0};

    if (fc_csr_parse(der, len, &csr, &err) == 0)
        fail_msg("taken, should say '%s'", says);
    assert_null(csr);
    assert_int_equal(err.code, FC_E_PARSE);
    lab_has(err.text, says);
}

static void extensions_that_do_not_parse(void **state)
{
    static const struct {
        const char *ext, *says;
    } bad[] = {
        {"subjectAltName=DER:30:07:87:05:01:02:03:04:05", "an iPAddress has 5 octets instead of 4 or 16"},
        {"subjectAltName=DER:30:02:87:00", "an iPAddress has 0 octets instead of 4 or 16"},
        {"subjectAltName=DER:30:05:82:03:61:00:62", "the dNSName number 1 holds octet 0x00"},
        {"subjectAltName=DER:30:08:82:01:61:82:03:c3:a4:62", "the dNSName number 2 holds octet 0xc3"},
        {"subjectAltName=DER:30:05:82:09:61:61:62", "the subject alternative name does not parse"},
        {"subjectAltName=DER:04:00", "the subject alternative name does not parse"},
        {"subjectAltName=DER:30:03:82:01:61:00", "the subject alternative name does not parse"},
        {"subjectAltName=DNS:a.test\n2.5.29.17=DER:30:03:82:01:61", "is requested twice"},
        {"tlsfeature=status_request\n1.3.6.1.5.5.7.1.24=DER:30:03:02:01:05", "is requested twice"},
    };
    struct lab *lab = *state;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        size_t len;
        const unsigned char *der = request(lab, NULL, bad[i].ext, &len);
        refused(der, len, bad[i].says);
    }
}

static unsigned char *find(unsigned char *der, size_t len, const void *what, size_t what_len)
{
    for (size_t i = 0; i + what_len <= len; i++)
        if (memcmp(der + i, what, what_len) == 0)
            return der + i;
    fail_msg("the octets to spoil are not there");
    abort(); /* fail_msg does not return, which compilers cannot know */
}

static void extension_requests_that_are_none_or_two(void **state)
{
    static const unsigned char challenge[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x07};
    struct lab *lab = *state;
    size_t len;

    /* the challenge password renamed to extensionRequest */
    request(lab, "yes", NULL, &len);
    unsigned char *der = lab_bytes(lab, "r.der", &len);
    find(der, len, challenge, sizeof challenge)[8] = 0x0e;
    refused(der, len, "the requested extensions do not parse");
    request(lab, "yes", "subjectAltName=DNS:a.test", &len);
    der = lab_bytes(lab, "r.der", &len);
    find(der, len, challenge, sizeof challenge)[8] = 0x0e;
    refused(der, len, "two attributes request extensions");
}

static void a_nul_in_the_common_name(void **state)
{
    struct lab *lab = *state;
    size_t len;

    lab_csr(lab, "k.pem", "/CN=a.test", NULL);
    unsigned char *der = lab_bytes(lab, "r.der", &len);
    find(der, len, "a.test", 6)[1] = 0;
    refused(der, len, "the common name holds a NUL");
}

static void bytes_that_are_no_request(void **state)
{
    struct lab *lab = *state;
    size_t len;

    lab_csr(lab, "k.pem", "/CN=a.test", "DNS:a.test");
    const unsigned char *der = lab_read(lab, "r.der", &len);
    unsigned char *big = fc_arena_alloc(lab->arena, 65537);
    memcpy(big, der, len);
    refused(big, len + 1, "trailing data");
    refused(big, 65537, "65537 bytes, at most 65536 are read");
    refused((const unsigned char *)"", 0, "not a certificate request in DER");
    refused((const unsigned char *)"-----BEGIN CERTIFICATE REQUEST-----", 35, "not a certificate request in DER");
    for (size_t cut = 0; cut < len; cut++) {
        struct fc_csr *csr = NULL;
        assert_int_equal(fc_csr_parse(der, cut, &csr, NULL), -1);
    }
    fc_csr_free(NULL);
}

static void a_wrong_signature(void **state)
{
    struct lab *lab = *state;
    size_t len;

    lab_csr(lab, "k.pem", "/CN=a.test", "DNS:a.test");
    unsigned char *der = lab_bytes(lab, "r.der", &len);
    find(der, len, "a.test", 6)[0] = 'b';
    lab_write(lab, "bad.der", der, len);
    const struct fc_csr *csr = lab_parse_csr(lab, "bad.der");
    assert_true(fc_csr_signature_algorithm_ok(csr));
    assert_false(fc_csr_signature_ok(csr));
}

static void signature_algorithms(void **state)
{
    static const struct {
        const char *key[4], *sign[3];
        bool ok;
    } kinds[] = {
        {{"RSA", "rsa_keygen_bits:2048"}, {"-sha256"}, true},
        {{"RSA", "rsa_keygen_bits:2048"}, {"-sha384"}, true},
        {{"RSA", "rsa_keygen_bits:2048"}, {"-sha512"}, true},
        {{"RSA", "rsa_keygen_bits:2048"}, {"-sha1"}, false},
        {{"RSA", "rsa_keygen_bits:2048"}, {"-sha256", "-sigopt", "rsa_padding_mode:pss"}, false},
        {{"EC", "ec_paramgen_curve:P-384"}, {"-sha256"}, true},
        {{"EC", "ec_paramgen_curve:P-384"}, {"-sha384"}, true},
        {{"EC", "ec_paramgen_curve:P-521"}, {"-sha512"}, true},
        {{"EC", "ec_paramgen_curve:P-256"}, {"-sha224"}, false},
        {{"ED25519"}, {"-sha256"}, false},
    };
    struct lab *lab = *state;

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (kinds[i].key[1])
            lab_openssl(lab, "genpkey", "-algorithm", kinds[i].key[0], "-pkeyopt", kinds[i].key[1], "-out", "x.pem",
                        NULL);
        else
            lab_openssl(lab, "genpkey", "-algorithm", kinds[i].key[0], "-out", "x.pem", NULL);
        lab_openssl(lab, "req", "-new", "-key", "x.pem", "-subj", "/CN=a.test", "-outform", "DER", "-out", "r.der",
                    kinds[i].sign[0], kinds[i].sign[1], kinds[i].sign[2], NULL);
        const struct fc_csr *csr = lab_parse_csr(lab, "r.der");
        if (fc_csr_signature_algorithm_ok(csr) != kinds[i].ok)
            fail_msg("%s %s is judged wrong", kinds[i].key[0], kinds[i].sign[0]);
        assert_int_equal(fc_csr_signature_ok(csr), kinds[i].ok);
        assert_true(fc_key_equal(fc_csr_key(csr), lab_read_key(lab, "x.pem")));
    }
}

/* Points and moduli that OpenSSL's decoders read for us, and those that they would refuse. */
static void keys_in_unusual_forms(void **state)
{
    struct lab *lab = *state;
    static const unsigned char rsa_head[] = {0x02, 0x82, 0x01, 0x01, 0x00};
    size_t len;

    lab_openssl(lab, "ec", "-in", "k.pem", "-conv_form", "compressed", "-out", "c.pem", NULL);
    const struct fc_csr *csr = lab_csr(lab, "c.pem", "/CN=a.test", NULL);
    assert_true(fc_key_equal(fc_csr_key(csr), lab_read_key(lab, "k.pem")));
    assert_true(fc_csr_signature_ok(csr));
    lab_openssl(lab, "ec", "-in", "k.pem", "-param_enc", "explicit", "-out", "x.pem", NULL);
    csr = lab_csr(lab, "x.pem", "/CN=a.test", NULL);
    assert_int_equal(fc_key_type(fc_csr_key(csr)), FC_KEY_OTHER);
    assert_true(fc_csr_signature_ok(csr));

    lab_openssl(lab, "genrsa", "-out", "r.pem", "2048", NULL);
    csr = lab_csr(lab, "r.pem", "/CN=a.test", NULL);
    assert_int_equal(fc_key_bits(fc_csr_key(csr)), 2048);
    unsigned char *der = lab_bytes(lab, "r.der", &len);
    find(der, len, rsa_head, sizeof rsa_head)[4] = 0xff; /* a negative modulus */
    lab_write(lab, "bad.der", der, len);
    csr = lab_parse_csr(lab, "bad.der");
    assert_false(fc_csr_signature_ok(csr));
}

static void a_key_that_cannot_be_read(void **state)
{
    static const unsigned char ec[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01};
    static const unsigned char point[] = {0x03, 0x42, 0x00, 0x04};
    struct lab *lab = *state;
    size_t len;

    lab_csr(lab, "k.pem", "/CN=a.test", NULL);
    unsigned char *der = lab_bytes(lab, "r.der", &len);
    find(der, len, ec, sizeof ec)[6] = 0x7f; /* an algorithm that nobody knows */
    lab_write(lab, "bad.der", der, len);
    const struct fc_csr *csr = lab_parse_csr(lab, "bad.der");
    assert_null(fc_csr_key(csr));
    assert_false(fc_csr_signature_ok(csr));

    der = lab_bytes(lab, "r.der", &len);
    find(der, len, point, sizeof point)[10] ^= 1; /* off the curve */
    lab_write(lab, "bad.der", der, len);
    assert_null(fc_csr_key(lab_parse_csr(lab, "bad.der")));

    der = lab_bytes(lab, "r.der", &len);
    find(der, len, point, sizeof point)[2] = 3; /* three bits of the point unused */
    lab_write(lab, "bad.der", der, len);
    assert_null(fc_csr_key(lab_parse_csr(lab, "bad.der")));
}

/* What fits into 64 KiB must not take seconds. */
static void very_many_names(void **state)
{
    struct lab *lab = *state;
    unsigned char *san = fc_arena_alloc(lab->arena, 65536);
    size_t n = 4, len;
    struct fc_csr *csr = NULL;

    /* 15,000 names of one of 26 letters */
    for (unsigned i = 0; i < 15000; i++) {
        san[n++] = 0x82;
        san[n++] = 1;
        san[n++] = (unsigned char)('a' + i % 26);
    }
    san[0] = 0x30;
    san[1] = 0x82;
    san[2] = (unsigned char)((n - 4) >> 8);
    san[3] = (unsigned char)(n - 4);
    /* openssl reads config lines of any length only in parts: the frame comes from it, the content from here */
    static const char hex[] = "0123456789abcdef";
    char *config = fc_arena_alloc(lab->arena, 4 * n + 200);
    size_t at = (size_t)snprintf(config, 200, "subjectAltName=DER:");
    for (size_t i = 0; i < n; i++) {
        config[at++] = hex[san[i] >> 4];
        config[at++] = hex[san[i] & 15];
        if (i % 256 == 255) {
            config[at++] = '\\';
            config[at++] = '\n';
        }
    }
    config[at] = '\0';
    const unsigned char *der = request(lab, NULL, config, &len);
    assert_int_equal(fc_csr_parse(der, len, &csr, NULL), 0);
    size_t count = 0;
    while (fc_csr_dns(csr)[count])
        count++;
    fc_csr_free(csr);
    assert_int_equal(count, 26);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(names_lower_case_each_once_in_order, setup, lab_teardown),
        cmocka_unit_test_setup_teardown(without_san_and_without_subject, setup, lab_teardown),
        cmocka_unit_test_setup_teardown(counts_emails_and_uris, setup, lab_teardown),
        cmocka_unit_test_setup_teardown(must_staple, setup, lab_teardown),
        cmocka_unit_test_setup_teardown(other_attributes_do_no_harm, setup, lab_teardown),
        cmocka_unit_test_setup_teardown(extensions_that_do_not_parse, setup, lab_teardown),
        cmocka_unit_test_setup_teardown(extension_requests_that_are_none_or_two, setup, lab_teardown),
        cmocka_unit_test_setup_teardown(a_nul_in_the_common_name, setup, lab_teardown),
        cmocka_unit_test_setup_teardown(bytes_that_are_no_request, setup, lab_teardown),
        cmocka_unit_test_setup_teardown(a_wrong_signature, setup, lab_teardown),
        cmocka_unit_test_setup_teardown(signature_algorithms, setup, lab_teardown),
        cmocka_unit_test_setup_teardown(keys_in_unusual_forms, setup, lab_teardown),
        cmocka_unit_test_setup_teardown(a_key_that_cannot_be_read, setup, lab_teardown),
        cmocka_unit_test_setup_teardown(very_many_names, setup, lab_teardown),
    };
    RUN(tests);
}
