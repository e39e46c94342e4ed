#include "lib_ca.h"

#include <stdlib.h>
#include <string.h>

#include "pki/pki_cert.h"
#include "pki/pki_key.h"

#include "cmocka_all.h"

struct fixture {
    struct lib_ca *t;
    struct fc_ca_tls first, second;
};

static int setup(void **state)
{
    struct fixture *f = fc_calloc(1, sizeof *f);
    void *t = NULL;
    int failed = lib_ca_setup(&t);

    f->t = t;
    *state = f;
    return failed;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    void *t = f->t;

    fc_ca_tls_release(&f->first);
    fc_ca_tls_release(&f->second);
    free(f);
    return lib_ca_teardown(&t);
}

static void load(struct fixture *f, const char *const *names, struct fc_ca_tls *ret_tls)
{
    struct fc_err err = {0};

    if (fc_ca_tls_load(f->t->store, names, ret_tls, &err))
        fail_msg("%s", err.text);
}

static void write_files(struct fixture *f, const struct fc_ca_tls *tls)
{
    lib_ca_write_text(f->t, "chain.pem", tls->cert_pem);
    lib_ca_write_text(f->t, "key.pem", tls->key_pem);
    lib_ca_write_text(f->t, "ca.pem", tls->ca_pem);
}

/* Each name, at the first and the last moment of the clock. */
static void the_whole_clock_trusts_it(void **state)
{
    static const struct {
        const char *how;
        long long at;
        int code;
    } cases[] = {
        {"-verify_hostname localhost", 946684800, 0},
        {"-verify_ip 127.0.0.1", 1788264000, 0},
        {"-verify_ip ::1", 7258118398, 0},
        {"-verify_hostname ca.example", 7258118398, 0},
        {"-verify_ip 10.1.2.3", 946684800, 0},
        {"-verify_hostname elsewhere.test", 1788264000, 2},
        {"-verify_hostname www.ca.example", 946684800, 2},
    };
    static const char *const names[] = {"ca.example", "10.1.2.3", "LOCALHOST", "ca.example", NULL};
    struct fixture *f = *state;
    const char *output;

    load(f, names, &f->first);
    write_files(f, &f->first);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int code = lib_ca_openssl(f->t, &output,
                                  "verify -x509_strict -purpose sslserver %s -attime %lld -CAfile ca.pem -untrusted "
                                  "chain.pem chain.pem",
                                  cases[i].how, cases[i].at);
        if (code != cases[i].code)
            fail_msg("%s: %s", cases[i].how, output);
    }
    static const char *const parts[] = {"Not Before: Jan  1 00:00:00 2000 GMT", "Not After : Dec 31 23:59:59 2199 GMT",
                                        "DNS:localhost", "IP Address:127.0.0.1", NULL};
    assert_int_equal(lib_ca_openssl(f->t, &output, "x509 -in chain.pem -noout -text"), 0);
    lib_ca_assert_in_order(output, parts);
    assert_int_equal(lib_ca_openssl(f->t, &output, "storeutl -noout -certs chain.pem"), 0);
    assert_non_null(strstr(output, "Total found: 2"));
    assert_int_equal(lib_ca_openssl(f->t, &output, "x509 -in ca.pem -noout -subject"), 0);
    assert_non_null(strstr(output, "fakeca TEST directory root - do not trust"));
}

static void the_key_is_the_leafs(void **state)
{
    struct fixture *f = *state;
    fc_auto(fc_cert_free) struct fc_cert *cert = NULL;
    fc_auto(fc_key_free) struct fc_key *key = NULL;
    fc_auto(fc_key_free) struct fc_key *certified = NULL;

    load(f, NULL, &f->first);
    assert_int_equal(fc_cert_from_pem(f->first.cert_pem, strlen(f->first.cert_pem), &cert, NULL), 0);
    assert_int_equal(fc_key_from_pem(f->first.key_pem, strlen(f->first.key_pem), &key, NULL), 0);
    assert_int_equal(fc_cert_key(cert, &certified, NULL), 0);
    assert_true(fc_key_equal(key, certified));
    assert_int_equal(fc_key_type(key), FC_KEY_P256);
}

static void made_once(void **state)
{
    static const char *const names[] = {"ca.example", "*.ca.example", "2001:db8::1", NULL};
    struct fixture *f = *state;

    load(f, names, &f->first);
    load(f, names, &f->second);
    assert_string_equal(f->first.cert_pem, f->second.cert_pem);
    assert_string_equal(f->first.key_pem, f->second.key_pem);
    assert_string_equal(f->first.ca_pem, f->second.ca_pem);
    /* fewer names: what is there will do */
    fc_ca_tls_release(&f->second);
    load(f, NULL, &f->second);
    assert_string_equal(f->first.cert_pem, f->second.cert_pem);
}

static void a_new_name_makes_a_new_leaf(void **state)
{
    static const char *const names[] = {"ca.example", NULL};
    struct fixture *f = *state;
    const char *output;

    load(f, NULL, &f->first);
    load(f, names, &f->second);
    assert_string_equal(f->first.ca_pem, f->second.ca_pem);
    assert_string_not_equal(f->first.cert_pem, f->second.cert_pem);
    write_files(f, &f->second);
    assert_int_equal(
        lib_ca_openssl(f->t, &output, "verify -attime 1788264000 -verify_hostname ca.example -CAfile ca.pem chain.pem"),
        0);
    fc_ca_tls_release(&f->first);
    load(f, names, &f->first);
    assert_string_equal(f->first.cert_pem, f->second.cert_pem);
}

static void wrong_names(void **state)
{
    static const char *const wrong[] = {"",         "a b.test",      ".test",      "a.test.", "*",
                                        "a.*.test", "http://a.test", "1.2.3.4:80", "[::1]"};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const char *const names[] = {wrong[i], NULL};
        struct fc_err err = {0};
        if (fc_ca_tls_load(f->t->store, names, &f->first, &err) == 0)
            fail_msg("'%s' was taken", wrong[i]);
        assert_int_equal(err.code, FC_E_USAGE);
        assert_non_null(strstr(err.text, "is neither a host name nor an IP address"));
    }
    const char *many[110] = {0};
    for (int i = 0; i < 109; i++)
        many[i] = fc_arena_printf(f->t->arena, "n%d.test", i);
    struct fc_err err = {0};
    assert_int_equal(fc_ca_tls_load(f->t->store, many, &f->first, &err), -1);
    assert_string_equal(err.text, "more than 100 TLS names");
}

static void damage(void **state)
{
    static const struct {
        const char *row;
        enum lib_ca_damage damage;
        const char *other, *text;
    } cases[] = {
        {"tls/ca", LIB_CA_CUT_CERT, NULL, "the stored CA certificate 'tls/ca' is damaged: "},
        {"tls/leaf", LIB_CA_CUT_CERT, NULL, "the stored CA certificate 'tls/leaf' is damaged: "},
        {"tls/leaf", LIB_CA_CUT_KEY, NULL, "the stored CA certificate 'tls/leaf' is damaged: "},
        {"tls/leaf", LIB_CA_KEY_OF, NULL, "the stored CA certificate 'tls/leaf' is damaged: its key is missing"},
        {"tls/leaf", LIB_CA_KEY_OF, "tls/ca",
         "the stored CA certificate 'tls/leaf' is damaged: its key belongs to another certificate"},
        {"tls/ca", LIB_CA_ROW_OF, "production/root-ecdsa",
         "the stored certificate 'tls/leaf' was not issued by 'tls/ca'"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fc_err err = {0};
        fc_ca_free(FC_TAKE(f->t->ca));
        fc_store_close(FC_TAKE(f->t->store));
        assert_int_equal(fc_store_open(&(struct fc_store_params){0}, &f->t->store, NULL), 0);
        lib_ca_start(f->t);
        fc_ca_tls_release(&f->first);
        load(f, NULL, &f->first);
        lib_ca_damage(f->t, cases[i].row, cases[i].damage, cases[i].other);
        assert_int_equal(fc_ca_tls_load(f->t->store, NULL, &f->second, &err), -1);
        assert_int_equal(err.code, FC_E_DAMAGED);
        if (!strstr(err.text, cases[i].text))
            fail_msg("'%s' does not say '%s'", err.text, cases[i].text);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_whole_clock_trusts_it),   TEST(the_key_is_the_leafs), TEST(made_once),
        TEST(a_new_name_makes_a_new_leaf), TEST(wrong_names),          TEST(damage),
    };
    RUN(tests);
}
