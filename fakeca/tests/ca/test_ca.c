/* test: threads */
#include "lib_ca.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_clock.h"
#include "base/base_log.h"
#include "base/base_time.h"

#include "pki/pki_cert.h"
#include "pki/pki_key.h"

#include "cmocka_all.h"

static const char *const names[] = {"root-ecdsa", "root-rsa", "int-ecdsa-1", "int-rsa-1", "int-ecdsa-2", "int-rsa-2"};

static void reopen(struct lib_ca *t, const char *dir)
{
    const struct fc_store_params params = {.dir = dir};
    struct fc_err err = {0};

    fc_ca_free(FC_TAKE(t->ca));
    fc_store_close(FC_TAKE(t->store));
    if (fc_store_open(&params, &t->store, &err))
        fail_msg("%s", err.text);
}

static void assert_refused(struct lib_ca *t, const char *text)
{
    const struct fc_ca_params params = {.policy = t->policy, .store = t->store, .pki_url = LIB_CA_URL, .now = t->now};
    struct fc_err err = {0};

    fc_ca_free(FC_TAKE(t->ca));
    assert_int_equal(fc_ca_new(&params, &t->ca, &err), -1);
    assert_int_equal(err.code, FC_E_DAMAGED);
    if (!strstr(err.text, text))
        fail_msg("'%s' does not say '%s'", err.text, text);
}

/* ---- made, loaded ---- */

static void ecdsa_at_once_rsa_behind(void **state)
{
    struct lib_ca *t = *state;
    struct fc_ca_info info;
    char text[FC_TIME_TEXT_MAX];

    lib_ca_start(t);
    assert_false(fc_ca_wait_ready(t->ca, 0));
    for (size_t i = 0; i < 6; i++) {
        bool rsa = i % 2 == 1, backup = i >= 4;
        assert_true(fc_ca_info(t->ca, i, &info));
        assert_string_equal(info.name, names[i]);
        assert_int_equal(info.ready, !rsa && !backup);
        assert_int_equal(info.idle, backup);
        assert_string_equal(info.key, rsa ? "RSA-2048" : "P-256");
        assert_int_equal(info.root, i < 2);
        assert_int_equal(info.issues_leaves, i >= 2);
        assert_int_equal(info.pem != NULL, !rsa && !backup);
        assert_string_equal(fc_time_rfc3339(info.not_before, text), "2015-01-01T00:00:00Z");
        assert_string_equal(fc_time_rfc3339(info.not_after, text), "2199-12-31T23:59:59Z");
    }
    assert_false(fc_ca_info(t->ca, 6, &info));
    lib_ca_start_all(t);
    for (size_t i = 0; i < 4; i++) { /* a backup takes its time when its turn has come: see test_ca_rotate.c */
        assert_true(fc_ca_info(t->ca, i, &info));
        assert_true(info.ready);
        assert_non_null(info.pem);
        assert_true(info.id > 0);
    }
    assert_string_equal(info.subject, "O=fakeca TEST CA, CN=fakeca TEST YR1 (production) - do not trust");
    /* nothing is left to do, so nobody waits */
    assert_int_equal(fc_ca_start_background(t->ca, NULL), 0);
    assert_true(fc_ca_wait_ready(t->ca, 0));
}

/* The subject that is shown before a certificate is there is the one that it then has. */
static void subjects_are_known_before(void **state)
{
    struct lib_ca *t = *state;
    struct fc_ca_info before, after;

    t->policy->cas[1].country = "NO";
    lib_ca_start(t);
    assert_true(fc_ca_info(t->ca, 1, &before));
    assert_false(before.ready);
    assert_string_equal(before.subject, "C=NO, O=fakeca TEST CA, CN=fakeca TEST Root YR (production) - do not trust");
    assert_int_equal(fc_ca_start_background(t->ca, NULL), 0);
    assert_true(fc_ca_wait_ready(t->ca, fc_clock_mono() + 100 * FC_SECOND));
    assert_true(fc_ca_info(t->ca, 1, &after));
    assert_true(after.ready);
    assert_string_equal(after.subject, before.subject);
}

static void ca_certificates_as_openssl_reads_them(void **state)
{
    static const char *const root[] = {"Version: 3", "X509v3 Basic Constraints: critical", "CA:TRUE", NULL};
    static const char *const intermediate[] = {"X509v3 Basic Constraints: critical", "CA:TRUE, pathlen:0", NULL};
    struct lib_ca *t = *state;
    const char *text;
    size_t len;

    lib_ca_start(t);
    const unsigned char *der = fc_ca_cert_der(t->ca, "root-ecdsa", &len);
    lib_ca_write(t, "c.der", der, len);
    assert_int_equal(lib_ca_openssl(t, &text, "x509 -inform DER -in c.der -noout -text"), 0);
    lib_ca_assert_in_order(text, root);
    assert_non_null(strstr(text, "Certificate Sign, CRL Sign"));
    assert_null(strstr(text, "pathlen"));
    der = fc_ca_cert_der(t->ca, "int-ecdsa-1", &len);
    lib_ca_write(t, "c.der", der, len);
    assert_int_equal(lib_ca_openssl(t, &text, "x509 -inform DER -in c.der -noout -text"), 0);
    lib_ca_assert_in_order(text, intermediate);
    assert_non_null(strstr(text, "Certificate Sign, CRL Sign"));
    assert_non_null(strstr(text, "TLS Web Server Authentication"));
    assert_non_null(strstr(text, "CA Issuers - URI:" LIB_CA_URL "/production/root-ecdsa.der"));
    assert_non_null(strstr(text, "URI:" LIB_CA_URL "/production/root-ecdsa/1.crl"));
}

static void made_once_and_loaded_again(void **state)
{
    struct lib_ca *t = *state;
    const char *folder = fc_arena_printf(t->arena, "%s", t->dir);
    const unsigned char *before[4];
    size_t len[4], n;
    struct fc_certificate row;
    struct fc_ca_info info;
    int64_t ids[4];
    const char *output;

    reopen(t, folder);
    lib_ca_start_all(t);
    for (size_t i = 0; i < 4; i++) {
        const unsigned char *der = fc_ca_cert_der(t->ca, names[i], &len[i]);
        before[i] = fc_arena_memdup(t->arena, der, len[i]);
        assert_true(fc_ca_info(t->ca, i, &info));
        ids[i] = info.id;
    }
    reopen(t, folder);
    lib_ca_start(t);
    assert_true(fc_ca_wait_ready(t->ca, 0));
    for (size_t i = 0; i < 4; i++) {
        const unsigned char *der = fc_ca_cert_der(t->ca, names[i], &n);
        assert_non_null(der);
        assert_int_equal(n, len[i]);
        assert_memory_equal(der, before[i], n);
        assert_true(fc_ca_info(t->ca, i, &info));
        assert_int_equal(info.id, ids[i]);
    }
    assert_int_equal(lib_ca_issue(t, "a.test", lib_ca_key(t, "RSA-2048"), &row, NULL), 0);
    lib_ca_write_chain(t, &row);
    assert_int_equal(
        lib_ca_openssl(t, &output, "verify -attime 1788264000 -CAfile root.pem -untrusted chain.pem leaf.pem"), 0);
}

static void an_interrupted_start_goes_on(void **state)
{
    struct lib_ca *t = *state;
    const unsigned char *der;
    size_t len, n;

    lib_ca_start(t); /* and the process ends before the RSA keys are made */
    der = fc_ca_cert_der(t->ca, "int-ecdsa-1", &len);
    const unsigned char *before = fc_arena_memdup(t->arena, der, len);
    lib_ca_start_all(t);
    der = fc_ca_cert_der(t->ca, "int-ecdsa-1", &n);
    assert_int_equal(n, len);
    assert_memory_equal(der, before, n);
}

/* ---- damage ---- */

static void damaged_rows_are_named(void **state)
{
    static const struct {
        const char *row;
        enum lib_ca_damage damage;
        const char *other, *text;
    } cases[] = {
        {"production/int-ecdsa-1", LIB_CA_CUT_CERT, NULL, ""},
        {"production/root-ecdsa", LIB_CA_CUT_KEY, NULL, ""},
        {"production/int-ecdsa-1", LIB_CA_KEY_OF, NULL, "its key is missing"},
        {"production/int-ecdsa-1", LIB_CA_KEY_OF, "production/root-ecdsa", "its key belongs to another certificate"},
    };
    struct lib_ca *t = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *text =
            fc_arena_printf(t->arena, "the stored CA certificate '%s' is damaged: %s", cases[i].row, cases[i].text);
        reopen(t, NULL);
        lib_ca_start(t);
        lib_ca_damage(t, cases[i].row, cases[i].damage, cases[i].other);
        assert_refused(t, text);
        assert_refused(t, text); /* and left as it was */
    }
}

static void another_hierarchy_needs_another_state(void **state)
{
    struct lib_ca *t = *state;
    struct fc_policy_ca cas[3] = {t->policy->cas[0], t->policy->cas[0], t->policy->cas[2]};

    cas[1].name = "root-two";
    lib_ca_set_cas(t, cas, 3);
    lib_ca_start(t);
    cas[2].issuer = "root-two";
    assert_refused(t, "the stored CA certificate 'production/int-ecdsa-1' was not issued by 'root-two' as the policy "
                      "says: another hierarchy needs another state folder");
    cas[1].name = cas[2].issuer = "root-three"; /* one that is not even there */
    assert_refused(t, "'production/int-ecdsa-1' was not issued by 'root-three' as the policy says");
    cas[2].issuer = "root-ecdsa";
    lib_ca_start(t);
}

/* A policy that no longer has an issuer: what it issued keeps chain and CRL. */
static void issuers_of_an_earlier_policy(void **state)
{
    struct lib_ca *t = *state;
    struct fc_policy_ca cas[2] = {t->policy->cas[0], t->policy->cas[2]};
    fc_auto_free unsigned char *crl = NULL;
    struct fc_certificate old, new;
    struct fc_ca_info info;
    const char *output;
    size_t len;

    lib_ca_start(t);
    assert_int_equal(lib_ca_issue(t, "a.test", lib_ca_key(t, "P-256"), &old, NULL), 0);
    cas[1].name = "int-ecdsa-2";
    cas[1].common_name = "fakeca TEST YE2 - do not trust";
    lib_ca_set_cas(t, cas, 2);
    lib_ca_start(t);
    assert_int_equal(lib_ca_issue(t, "a.test", lib_ca_key(t, "P-256"), &new, NULL), 0);
    assert_int_not_equal(old.issuer_id, new.issuer_id);
    assert_true(fc_ca_info(t->ca, 2, &info));
    assert_string_equal(info.name, "int-ecdsa-1");
    assert_true(info.ready);
    assert_false(info.issues_leaves);
    assert_false(info.root);
    const struct fc_certificate *const rows[] = {&old, &new};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(fc_ca_chains(t->ca, rows[i]->issuer_id, t->now), 1);
        lib_ca_write_chain(t, rows[i]);
        if (lib_ca_openssl(t, &output, "verify -attime 1788264000 -CAfile root.pem -untrusted chain.pem leaf.pem"))
            fail_msg("%s", output);
    }
    assert_int_equal(fc_ca_crl(t->ca, "int-ecdsa-1", old.shard, t->now, &crl, &len, NULL), 0);
}

/* Environments share a store, and nothing else. */
static void environments_are_apart(void **state)
{
    struct lib_ca *t = *state;
    fc_auto(fc_policy_free) struct fc_policy *staging = NULL;
    fc_auto(fc_ca_free) struct fc_ca *other = NULL;
    struct fc_ca_info info;
    size_t a, b;

    lib_ca_start(t);
    assert_int_equal(fc_policy_builtin("staging", &staging, NULL), 0);
    const struct fc_ca_params params = {.policy = staging, .store = t->store, .pki_url = LIB_CA_URL, .now = t->now};
    assert_int_equal(fc_ca_new(&params, &other, NULL), 0);
    for (size_t i = 0; fc_ca_info(other, i, &info); i++)
        assert_null(strstr(info.subject, "(production)"));
    const unsigned char *one = fc_ca_cert_der(t->ca, "root-ecdsa", &a);
    const unsigned char *two = fc_ca_cert_der(other, "root-ye", &b);
    assert_false(a == b && memcmp(one, two, a) == 0);
}

/* ---- the background thread ---- */

struct heard {
    char created[256]; /* "ENV/NAME KEY;" each */
    char subject[256];
    int64_t not_after;
    int ready;
};

static void hear_created(void *cookie, const char *env, const char *name, const char *subject, const char *key,
                         int64_t not_after)
{
    struct heard *heard = cookie;
    size_t len = strlen(heard->created);

    snprintf(heard->created + len, sizeof heard->created - len, "%s/%s %s;", env, name, key);
    snprintf(heard->subject, sizeof heard->subject, "%s", subject);
    heard->not_after = not_after;
}

static void hear_ready(void *cookie)
{
    struct heard *heard = cookie;

    heard->ready++;
}

static void start_listening(struct lib_ca *t, struct heard *heard)
{
    const struct fc_ca_params params = {.policy = t->policy,
                                        .store = t->store,
                                        .pki_url = LIB_CA_URL,
                                        .now = t->now,
                                        .created = hear_created,
                                        .ready = hear_ready,
                                        .cookie = heard};

    fc_ca_free(FC_TAKE(t->ca));
    assert_int_equal(fc_ca_new(&params, &t->ca, NULL), 0);
}

static void reports_what_it_makes(void **state)
{
    struct lib_ca *t = *state;
    struct heard heard = {0};

    start_listening(t, &heard);
    assert_string_equal(heard.created, "");
    assert_int_equal(fc_ca_start_background(t->ca, NULL), 0);
    assert_int_equal(fc_ca_start_background(t->ca, NULL), 0);
    assert_true(fc_ca_wait_ready(t->ca, fc_clock_mono() + 100 * FC_SECOND));
    fc_ca_free(FC_TAKE(t->ca)); /* joins: what it wrote can be read */
    assert_string_equal(heard.created, "production/root-ecdsa P-256;production/int-ecdsa-1 P-256;"
                                       "production/root-rsa RSA-2048;production/int-rsa-1 RSA-2048;");
    assert_string_equal(heard.subject, "O=fakeca TEST CA, CN=fakeca TEST YR1 (production) - do not trust");
    assert_int_equal(heard.not_after, lib_ca_time("2199-12-31T23:59:59Z"));
    assert_int_equal(heard.ready, 1);

    heard = (struct heard){0};
    start_listening(t, &heard);
    assert_int_equal(fc_ca_start_background(t->ca, NULL), 0);
    fc_ca_free(FC_TAKE(t->ca));
    assert_string_equal(heard.created, "");
    assert_int_equal(heard.ready, 0);
}

/* Stopping at once joins after at most one key; the next start goes on. */
static void stops_in_the_middle(void **state)
{
    struct lib_ca *t = *state;

    lib_ca_start(t);
    assert_int_equal(fc_ca_start_background(t->ca, NULL), 0);
    fc_ca_free(FC_TAKE(t->ca));
    lib_ca_start_all(t);
}

static void a_failure_is_told_to_those_who_wait(void **state)
{
    struct lib_ca *t = *state;
    struct fc_store_tx tx fc_auto_tx = {0};
    struct fc_issuer row;
    struct fc_certificate certificate;
    struct heard heard = {0};
    struct fc_err err = {0};

    start_listening(t, &heard);
    /* somebody takes the row's place */
    assert_int_equal(fc_store_begin(t->store, FC_STORE_WRITE, &tx, NULL), 0);
    assert_int_equal(fc_store_issuer_get(t->store, t->arena, "production/root-ecdsa", &row, NULL), 0);
    row.name = "production/root-rsa";
    assert_int_equal(fc_store_issuer_insert(t->store, &row, NULL), 0);
    assert_int_equal(fc_store_commit(&tx, NULL), 0);
    fc_log_set_level(FC_LOG_ERROR);
    assert_int_equal(fc_ca_start_background(t->ca, NULL), 0);
    assert_false(fc_ca_wait_ready(t->ca, fc_clock_mono() + 100 * FC_SECOND));
    assert_int_equal(lib_ca_issue(t, "a.test", lib_ca_key(t, "RSA-2048"), &certificate, &err), -1);
    assert_int_equal(err.code, FC_E_BUSY);
    assert_string_equal(err.text, "the issuer could not be made: there is an issuer 'production/root-rsa' already");
    assert_int_equal(lib_ca_issue(t, "a.test", lib_ca_key(t, "P-256"), &certificate, NULL), 0);
    fc_ca_free(FC_TAKE(t->ca));
    assert_int_equal(heard.ready, 1);
}

/* ---- many threads ---- */

#define WORKERS 4
#define ROUNDS 12

struct worker {
    struct fc_ca *ca;
    const struct fc_csr *csr;
    const struct fc_ident *idents;
    int64_t now;
    pthread_t thread;
    int issued, waited, failed;
    char serials[ROUNDS][40];
};

static void look_around(struct worker *worker, struct fc_arena *arena)
{
    struct fc_ca_info info;
    unsigned char *crl = NULL;
    size_t len;

    for (size_t i = 0; fc_ca_info(worker->ca, i, &info); i++)
        worker->failed += info.subject == NULL;
    worker->failed += fc_ca_roots_pem(worker->ca, arena) == NULL;
    worker->failed += fc_ca_crl(worker->ca, "int-ecdsa-1", 1, worker->now, &crl, &len, NULL) != 0;
    free(crl);
}

static void *work(void *cookie)
{
    struct worker *worker = cookie;
    const int64_t until = fc_clock_mono() + 100 * FC_SECOND;

    for (int i = 0; i < ROUNDS; i++) {
        fc_auto(fc_arena_free) struct fc_arena *arena = fc_arena_new();
        const struct fc_ca_order order = {
            .csr = worker->csr, .idents = worker->idents, .n_idents = 1, .now = worker->now};
        struct fc_certificate row;
        struct fc_err err = {0};
        look_around(worker, arena);
        int result = fc_ca_issue(worker->ca, &order, arena, &row, &err);
        if (result && err.code == FC_E_AGAIN) {
            worker->waited++;
            worker->failed += !fc_ca_wait_ready(worker->ca, until);
            result = fc_ca_issue(worker->ca, &order, arena, &row, NULL);
        }
        worker->failed += result != 0;
        if (result == 0) {
            snprintf(worker->serials[worker->issued++], sizeof *worker->serials, "%s", row.serial);
            worker->failed += fc_ca_chain_pem(worker->ca, arena, &row, worker->now, 0) == NULL;
        }
    }
    return NULL;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void issues_while_keys_are_made(void **state)
{
    struct lib_ca *t = *state;
    struct worker workers[WORKERS] = {0};
    char serials[WORKERS * ROUNDS][40] = {{0}};
    size_t n;
    int failed = 0, issued = 0;

    lib_ca_start(t);
    for (size_t i = 0; i < WORKERS; i++) {
        EVP_PKEY *key = lib_ca_key(t, i % 2 ? "RSA-2048" : "P-256");
        workers[i] = (struct worker){.ca = t->ca, .now = t->now};
        workers[i].csr = lib_ca_csr(t, &(struct lib_ca_csr){.key = key, .san = "DNS:a.test"});
        workers[i].idents = lib_ca_idents(t, "a.test", &n);
    }
    assert_int_equal(fc_ca_start_background(t->ca, NULL), 0);
    for (size_t i = 0; i < WORKERS; i++)
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    for (size_t i = 0; i < WORKERS; i++)
        pthread_join(workers[i].thread, NULL);
    for (size_t i = 0; i < WORKERS; i++) {
        failed += workers[i].failed;
        for (int j = 0; j < workers[i].issued; j++)
            memcpy(serials[issued++], workers[i].serials[j], sizeof *serials);
    }
    assert_int_equal(failed, 0);
    assert_int_equal(issued, WORKERS * ROUNDS);
    qsort(serials, (size_t)issued, sizeof *serials, by_text);
    for (int i = 1; i < issued; i++)
        assert_string_not_equal(serials[i - 1], serials[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIB_CA_TEST(ecdsa_at_once_rsa_behind),
        LIB_CA_TEST(subjects_are_known_before),
        LIB_CA_TEST(ca_certificates_as_openssl_reads_them),
        LIB_CA_TEST(made_once_and_loaded_again),
        LIB_CA_TEST(an_interrupted_start_goes_on),
        LIB_CA_TEST(damaged_rows_are_named),
        LIB_CA_TEST(another_hierarchy_needs_another_state),
        LIB_CA_TEST(issuers_of_an_earlier_policy),
        LIB_CA_TEST(environments_are_apart),
        LIB_CA_TEST(reports_what_it_makes),
        LIB_CA_TEST(stops_in_the_middle),
        LIB_CA_TEST(a_failure_is_told_to_those_who_wait),
        LIB_CA_TEST(issues_while_keys_are_made),
    };
    RUN(tests);
}
