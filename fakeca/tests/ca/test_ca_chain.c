#include "lib_ca.h"

#include <string.h>

#include "pki/pki_cert.h"

#include "cmocka_all.h"

#define BEGIN "-----BEGIN CERTIFICATE-----\n"
#define END "-----END CERTIFICATE-----\n"

static size_t occurrences(const char *text, const char *what)
{
    size_t n = 0;

    for (; (text = strstr(text, what)); text += strlen(what))
        n++;
    return n;
}

/* letsencrypt.md E.3: leaf, then an empty line and PEM for each CA certificate, the root left out. */
static void leaf_and_intermediate(void **state)
{
    struct lib_ca *t = *state;
    struct fc_certificate row;
    size_t len;

    lib_ca_start(t);
    assert_int_equal(lib_ca_issue(t, "a.test", lib_ca_key(t, "P-256"), &row, NULL), 0);
    assert_int_equal(fc_ca_chains(t->ca, row.issuer_id), 1);
    const char *pem = fc_ca_chain_pem(t->ca, t->arena, &row, 0);
    assert_non_null(pem);
    fc_auto_free char *leaf = fc_cert_der_to_pem(row.der, row.der_len);
    const unsigned char *der = fc_ca_cert_der(t->ca, "int-ecdsa-1", &len);
    assert_non_null(der);
    fc_auto_free char *intermediate = fc_cert_der_to_pem(der, len);
    assert_string_equal(pem, fc_arena_printf(t->arena, "%s\n%s", leaf, intermediate));
    assert_int_equal(occurrences(pem, END "\n" BEGIN), 1);
    assert_null(strchr(pem, '\r'));
    /* a Debian client reads it back */
    lib_ca_write_text(t, "all.pem", pem);
    const char *text;
    assert_int_equal(lib_ca_openssl(t, &text, "storeutl -noout -text -certs all.pem"), 0);
    assert_non_null(strstr(text, "Total found: 2"));
}

static void unknown_chains_and_issuers(void **state)
{
    struct lib_ca *t = *state;
    struct fc_certificate row;
    size_t len;

    lib_ca_start(t);
    assert_int_equal(lib_ca_issue(t, "a.test", lib_ca_key(t, "P-256"), &row, NULL), 0);
    assert_null(fc_ca_chain_pem(t->ca, t->arena, &row, 1));
    row.issuer_id = 4711;
    assert_int_equal(fc_ca_chains(t->ca, row.issuer_id), 0);
    assert_null(fc_ca_chain_pem(t->ca, t->arena, &row, 0));
    assert_null(fc_ca_cert_der(t->ca, "nobody", &len));
    assert_null(fc_ca_cert_der(t->ca, "root-rsa", &len)); /* not made yet */
}

static void roots_that_are_ready(void **state)
{
    struct lib_ca *t = *state;

    lib_ca_start(t);
    assert_int_equal(occurrences(fc_ca_roots_pem(t->ca, t->arena), BEGIN), 1);
    lib_ca_start_all(t);
    assert_int_equal(occurrences(fc_ca_roots_pem(t->ca, t->arena), BEGIN), 2);
}

/* Longer hierarchies: every certificate but the root is in the chain, an ECDSA one below an RSA root too. */
static void three_levels(void **state)
{
    struct lib_ca *t = *state;
    struct fc_policy_ca cas[3] = {t->policy->cas[1], t->policy->cas[0], t->policy->cas[2]};
    struct fc_certificate row;
    struct fc_err err = {0};

    cas[1].issuer = cas[0].name; /* ECDSA, issued by the RSA root */
    t->policy->cas = cas;
    t->policy->n_cas = 3;
    lib_ca_start(t); /* everything waits for the RSA root */
    assert_int_equal(lib_ca_issue(t, "a.test", lib_ca_key(t, "P-256"), &row, &err), -1);
    assert_int_equal(err.code, FC_E_AGAIN);
    lib_ca_start_all(t);
    assert_int_equal(lib_ca_issue(t, "a.test", lib_ca_key(t, "P-256"), &row, NULL), 0);
    lib_ca_write_chain(t, &row);
    const char *text;
    assert_int_equal(lib_ca_openssl(t, &text, "storeutl -noout -certs chain.pem"), 0);
    assert_non_null(strstr(text, "Total found: 2"));
    if (lib_ca_openssl(t, &text,
                       "verify -x509_strict -show_chain -attime 1788264000 -CAfile root.pem -untrusted chain.pem "
                       "leaf.pem"))
        fail_msg("%s", text);
    assert_int_equal(occurrences(text, "depth="), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIB_CA_TEST(leaf_and_intermediate),
        LIB_CA_TEST(unknown_chains_and_issuers),
        LIB_CA_TEST(roots_that_are_ready),
        LIB_CA_TEST(three_levels),
    };
    RUN(tests);
}
