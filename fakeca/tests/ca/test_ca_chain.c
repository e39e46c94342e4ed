/* test: threads */
#include "lib_ca.h"

#include <string.h>

#include "base/base_clock.h"
#include "base/base_time.h"

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
    assert_int_equal(fc_ca_chains(t->ca, row.issuer_id, t->now), 1);
    const char *pem = fc_ca_chain_pem(t->ca, t->arena, &row, t->now, 0);
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
    assert_null(fc_ca_chain_pem(t->ca, t->arena, &row, t->now, 1));
    row.issuer_id = 4711;
    assert_int_equal(fc_ca_chains(t->ca, row.issuer_id, t->now), 0);
    assert_null(fc_ca_chain_pem(t->ca, t->arena, &row, t->now, 0));
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
    lib_ca_set_cas(t, cas, 3);
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

/* ---- Let's Encrypt's hierarchy: letsencrypt.md E.2 ---- */

static const char *root_pem(struct lib_ca *t, const char *name)
{
    struct fc_ca_info info;

    for (size_t i = 0; fc_ca_info(t->ca, i, &info); i++)
        if (strcmp(info.name, name) == 0 && info.root && info.pem)
            return info.pem;
    fail_msg("no root '%s'", name);
    return NULL;
}

/* The n-th chain leads to that root, by exactly so many certificates, and OpenSSL agrees with the clock at now. */
static void assert_leads(struct lib_ca *t, const struct fc_certificate *row, size_t n, size_t served, const char *root)
{
    const char *pem = fc_ca_chain_pem(t->ca, t->arena, row, t->now, n), *text;

    assert_non_null(pem);
    const char *rest = strstr(pem, END "\n" BEGIN);
    assert_non_null(rest);
    assert_int_equal(occurrences(rest, BEGIN), served);
    lib_ca_write_text(t, "chain.pem", rest + strlen(END));
    lib_ca_write(t, "leaf.pem", pem, (size_t)(rest - pem) + strlen(END));
    lib_ca_write_text(t, "root.pem", root_pem(t, root));
    if (lib_ca_openssl(t, &text,
                       "verify -x509_strict -purpose sslserver -show_chain -attime %lld -CAfile root.pem -untrusted "
                       "chain.pem leaf.pem",
                       (long long)(t->now / FC_SECOND)))
        fail_msg("chain %zu does not lead to %s: %s", n, root, text);
    assert_int_equal(occurrences(text, "depth="), served + 2);
}

/* E.2's table, by the keys of both families, in both environments, in both generations. */
static void chains_of_letsencrypt(void **state)
{
    static const struct {
        const char *now, *key, *issuer;
        struct {
            size_t served;
            const char *root;
        } chains[3];
    } rows[] = {
        {"2026-09-01T12:00:00Z", "P-256", "ye1", {{3, "root-x1"}, {2, "root-x2"}, {1, "root-ye"}}},
        {"2026-09-01T12:00:00Z", "RSA-2048", "yr1", {{2, "root-x1"}, {1, "root-yr"}, {0, NULL}}},
        {"2025-09-01T12:00:00Z", "P-256", "e5", {{1, "root-x1"}, {1, "root-x2"}, {0, NULL}}},
        {"2025-09-01T12:00:00Z", "RSA-2048", "r10", {{1, "root-x1"}, {0, NULL}, {0, NULL}}},
        /* the first and the last second that the clock shows: leaves begin before it and end after it */
        {"2000-01-01T00:00:00Z", "P-256", "e5", {{1, "root-x1"}, {1, "root-x2"}, {0, NULL}}},
        {"2000-01-01T00:00:00Z", "RSA-2048", "r10", {{1, "root-x1"}, {0, NULL}, {0, NULL}}},
        {"2199-12-31T23:59:59Z", "P-256", "ye1", {{3, "root-x1"}, {2, "root-x2"}, {1, "root-ye"}}},
        {"2199-12-31T23:59:59Z", "RSA-2048", "yr1", {{2, "root-x1"}, {1, "root-yr"}, {0, NULL}}},
    };
    static const char *const environments[] = {"production", "staging"};
    struct lib_ca *t = *state;
    struct fc_certificate row;

    for (size_t e = 0; e < 2; e++) {
        lib_ca_take(t, environments[e]);
        lib_ca_start(t);
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            size_t chains = 0;
            t->now = lib_ca_time(rows[i].now);
            lib_ca_issue_late(t, "a.test", lib_ca_key(t, rows[i].key), &row);
            for (; chains < 3 && rows[i].chains[chains].root; chains++) {
                const char *names[FC_CA_CHAIN_MAX];
                assert_leads(t, &row, chains, rows[i].chains[chains].served, rows[i].chains[chains].root);
                size_t n = fc_ca_chain_names(t->ca, rows[i].issuer, t->now, chains, names);
                assert_int_equal(n, rows[i].chains[chains].served + 1);
                assert_string_equal(names[n - 1], rows[i].chains[chains].root);
            }
            assert_int_equal(fc_ca_chains(t->ca, row.issuer_id, t->now), chains);
            assert_null(fc_ca_chain_pem(t->ca, t->arena, &row, t->now, chains));
        }
    }
}

/* A skip to the time of other issuers: theirs are made then, and the next start finds them. */
static void issuers_are_made_when_their_time_comes(void **state)
{
    struct lib_ca *t = *state;
    struct fc_certificate row;
    struct fc_ca_info info;
    size_t idle = 0, later = 0;

    lib_ca_take(t, "production");
    lib_ca_start_all(t);
    for (size_t i = 0; fc_ca_info(t->ca, i, &info); i++) {
        idle += info.idle;
        assert_true(info.idle || info.ready);
        assert_false(info.root && info.idle); /* what people trust is there from the start */
    }
    assert_true(fc_ca_in_use(t->ca, "ye1", t->now) && fc_ca_in_use(t->ca, "root-yr", t->now));
    assert_false(fc_ca_in_use(t->ca, "ye2", t->now) || fc_ca_in_use(t->ca, "e5", t->now) ||
                 fc_ca_in_use(t->ca, "root-ye-by-x2", t->now));
    t->now = lib_ca_time("2025-01-01");
    assert_true(fc_ca_in_use(t->ca, "e5", t->now) && !fc_ca_in_use(t->ca, "ye1", t->now));
    fc_ca_follow(t->ca, t->now);
    assert_true(fc_ca_wait_ready(t->ca, fc_clock_mono() + 100 * FC_SECOND));
    assert_int_equal(lib_ca_issue(t, "a.test", lib_ca_key(t, "P-256"), &row, NULL), 0);
    lib_ca_issue_late(t, "a.test", lib_ca_key(t, "RSA-2048"), &row);
    lib_ca_start(t);
    for (size_t i = 0; fc_ca_info(t->ca, i, &info); i++)
        later += info.idle;
    assert_true(later < idle);
    assert_int_equal(lib_ca_issue(t, "a.test", lib_ca_key(t, "RSA-2048"), &row, NULL), 0);
}

/* An own root stands for all of them: nothing is cross-signed. */
static void one_chain_below_an_own_root(void **state)
{
    struct lib_ca *t = *state;
    const char *cert, *key;
    struct fc_certificate row;
    struct fc_ca_info info;

    lib_ca_take(t, "production");
    lib_ca_make_root(t,
                     &(struct lib_ca_root){.key = "P-256",
                                           .basic_constraints = "critical,CA:TRUE",
                                           .key_usage = "critical,keyCertSign,cRLSign"},
                     &cert, &key);
    const struct fc_ca_params params = {.policy = t->policy,
                                        .store = t->store,
                                        .pki_url = LIB_CA_URL,
                                        .now = t->now,
                                        .root_cert_pem = cert,
                                        .root_key_pem = key};
    assert_int_equal(fc_ca_new(&params, &t->ca, NULL), 0);
    assert_int_equal(lib_ca_issue(t, "a.test", lib_ca_key(t, "P-256"), &row, NULL), 0);
    assert_int_equal(fc_ca_chains(t->ca, row.issuer_id, t->now), 1);
    assert_leads(t, &row, 0, 1, "own-root");
    for (size_t i = 0; fc_ca_info(t->ca, i, &info); i++)
        assert_null(info.key_of);
}

/* ---- damage ---- */

static void a_cross_sign_of_another_key_is_named(void **state)
{
    const struct fc_ca_params *params;
    struct lib_ca *t = *state;
    struct fc_err err = {0};

    lib_ca_take(t, "rfc8555"); /* all of its ECDSA part is made at once */
    lib_ca_start(t);
    lib_ca_damage(t, "rfc8555/root-ecdsa-by-old", LIB_CA_ROW_OF, "rfc8555/root-old");
    params = &(struct fc_ca_params){.policy = t->policy, .store = t->store, .pki_url = LIB_CA_URL, .now = t->now};
    fc_ca_free(FC_TAKE(t->ca));
    assert_int_equal(fc_ca_new(params, &t->ca, &err), -1);
    assert_int_equal(err.code, FC_E_DAMAGED);
    assert_string_equal(err.text, "the stored CA certificate 'rfc8555/root-ecdsa-by-old' has not the key of "
                                  "'root-ecdsa' as the policy says: another hierarchy needs another state folder");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIB_CA_TEST(leaf_and_intermediate),       LIB_CA_TEST(unknown_chains_and_issuers),
        LIB_CA_TEST(roots_that_are_ready),        LIB_CA_TEST(three_levels),
        LIB_CA_TEST(chains_of_letsencrypt),       LIB_CA_TEST(issuers_are_made_when_their_time_comes),
        LIB_CA_TEST(one_chain_below_an_own_root), LIB_CA_TEST(a_cross_sign_of_another_key_is_named),
    };
    RUN(tests);
}
