/* Finalize and download: letsencrypt.md C.5, D.4, E.3. test: threads */
#include "lib_acme.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <string.h>

#include "base/base_clock.h"
#include "base/base_text.h"
#include "base/base_time.h"

#include "cmocka_all.h"

#define FINALIZE "Error finalizing order :: "

static struct lib_answer *finalize(struct lib_client *client, const struct lib_answer *order, const struct lib_csr *csr)
{
    return lib_post(client, lib_path(lib_member(order, "finalize")), lib_csr_payload(client->t, csr));
}

static struct lib_answer *read_order(struct lib_client *client, const struct lib_answer *order)
{
    return lib_post(client, lib_path(lib_header(order, "Location")), NULL);
}

static void bad_requests(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_answer *order = lib_ready_order(client, "a.test");
    const char *path = lib_path(lib_member(order, "finalize"));
    static const char *const bad[] = {NULL,
                                      "{}",
                                      "{\"csr\":5}",
                                      "{\"csr\":\"AA==\"}",
                                      "{\"csr\":\"a+/b\"}",
                                      "{\"csr\":\"-----BEGIN CERTIFICATE REQUEST-----\"}"};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        lib_assert_problem(lib_post(client, path, bad[i]), 400, "malformed",
                           "Error unmarshaling finalize order request");
    static const char *const no_csrs[] = {"{\"csr\":\"\"}", "{\"csr\":\"AAAA\"}", "{\"csr\":\"MAA\"}"};
    for (size_t i = 0; i < sizeof no_csrs / sizeof *no_csrs; i++) {
        struct lib_answer *answer = lib_post(client, path, no_csrs[i]);
        lib_assert_status(answer, 400);
        assert_string_equal(lib_member(answer, "type"), URN "malformed");
        assert_true(fc_text_starts(lib_member(answer, "detail"), "Error parsing certificate request: "));
    }
    assert_string_equal(lib_member(read_order(client, order), "status"), "ready");
}

/* One row of each kind; the CA's tests know all of D.4. */
static void bad_csrs(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_answer *order = lib_ready_order(client, "a.test,b.test");
    EVP_PKEY *account_key = fc_key_evp(client->key);
    const struct {
        struct lib_csr csr;
        int status;
        const char *type, *detail;
    } bad[] = {
        {{.names = "a.test"}, 403, "unauthorized", FINALIZE "CSR does not specify same identifiers as Order"},
        {{.names = "a.test,b.test,c.test"},
         403,
         "unauthorized",
         FINALIZE "CSR does not specify same identifiers as Order"},
        {{.names = "a.test,b.test", .cn = "c.test"},
         403,
         "unauthorized",
         FINALIZE "CSR does not specify same identifiers as Order"},
        {{0}, 400, "badCSR", FINALIZE "at least one identifier is required"},
        {{.names = "a.test,b.test", .key = lib_evp(t, "RSA-1024")},
         400,
         "badCSR",
         FINALIZE "invalid public key in CSR: key size not supported: 1024"},
        {{.names = "a.test,b.test", .key = lib_evp(t, "P-521")},
         400,
         "badCSR",
         FINALIZE "invalid public key in CSR: ECDSA curve P-521 not allowed"},
        {{.names = "a.test,b.test", .key = account_key},
         400,
         "malformed",
         FINALIZE "certificate public key must be different than account key"},
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        lib_assert_problem(finalize(client, order, &bad[i].csr), bad[i].status, bad[i].type, bad[i].detail);
        assert_string_equal(lib_member(read_order(client, order), "status"), "ready");
    }
    assert_int_equal(lib_events(t, "certificate.issued"), 0);
    /* and a good one may follow */
    order = finalize(client, order, &(struct lib_csr){.names = "B.test,a.test", .cn = "a.test"});
    assert_string_equal(lib_member(order, "status"), "valid");
}

static void common_name_alone(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_answer *order = finalize(client, lib_ready_order(client, "a.test"), &(struct lib_csr){.cn = "A.test"});

    assert_string_equal(lib_member(order, "status"), "valid");
}

static void not_ready(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_answer *order = lib_order(client, "a.test");
    const struct lib_csr csr = {.names = "a.test"};

    lib_assert_problem(finalize(client, order, &csr), 403, "orderNotReady",
                       "Order's status (\"pending\") is not acceptable for finalization");
    lib_validate(client, order);
    lib_assert_status(finalize(client, order, &csr), 200);
    lib_assert_problem(finalize(client, order, &csr), 403, "orderNotReady",
                       "Order's status (\"valid\") is not acceptable for finalization");
    order = lib_order(client, "b.test");
    lib_post(client, lib_authz_path(order, 0), "{\"status\":\"deactivated\"}");
    lib_assert_problem(finalize(client, order, &csr), 403, "orderNotReady",
                       "Order's status (\"invalid\") is not acceptable for finalization");
    assert_int_equal(lib_events(t, "certificate.issued"), 1);
}

static void whose_order(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_answer *order = lib_ready_order(client, "a.test");
    struct lib_client *other = lib_client_new(t);
    const char *payload = lib_csr_payload(t, &(struct lib_csr){.names = "a.test"});

    lib_assert_problem(lib_post(other, "/acme/finalize/1/1", payload), 400, "malformed", "Mismatched account ID");
    lib_assert_problem(lib_post(other, "/acme/finalize/2/1", payload), 404, "malformed",
                       "No order found for account ID 2");
    lib_assert_problem(lib_post(other, "/acme/finalize/2/77", payload), 404, "malformed", "No order for ID 77");
    lib_assert_problem(lib_post(other, "/acme/finalize/2", payload), 404, "malformed", "Invalid request path");
    lib_assert_problem(lib_post(other, "/acme/finalize/x/1", payload), 400, "malformed", "Invalid account ID");
    lib_assert_problem(lib_post(other, "/acme/finalize/2/x", payload), 400, "malformed", "Invalid order ID");
    assert_string_equal(lib_member(read_order(client, order), "status"), "ready");
}

static void compromised_key(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_issued issued;
    struct fc_key *key;

    lib_issue(client, "a.test", &issued);
    assert_int_equal(fc_key_from_evp(issued.key, &key, NULL), 0);
    struct lib_answer *answer =
        lib_post_twisted(client, "/acme/revoke-cert", lib_text(t, "{\"certificate\":\"%s\"}", issued.der),
                         &(struct lib_twist){.key = key, .jwk = true});
    fc_key_free(key);
    lib_assert_status(answer, 200);
    struct lib_answer *order = lib_order(client, "a.test");
    lib_assert_problem(finalize(client, order, &(struct lib_csr){.names = "a.test", .key = issued.key}), 400, "badCSR",
                       FINALIZE "invalid public key in CSR: public key is forbidden");
}

/* ---- later: the issuer is not ready, or the pace wants it ---- */

static void processing_until_the_issuer_is_ready(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_answer *order = lib_ready_order(client, "a.test");
    const struct lib_csr csr = {.names = "a.test", .key = lib_evp(t, "RSA-2048")};
    struct lib_answer *answer = finalize(client, order, &csr);

    lib_assert_status(answer, 200);
    assert_string_equal(lib_member(answer, "status"), "processing");
    assert_string_equal(lib_header(answer, "Retry-After"), "3");
    assert_string_equal(lib_header(answer, "Location"), lib_header(order, "Location"));
    assert_null(json_object_get(answer->json, "certificate"));
    lib_acme_run_jobs(t);
    answer = read_order(client, order);
    assert_string_equal(lib_member(answer, "status"), "processing");
    assert_string_equal(lib_header(answer, "Retry-After"), "3");
    lib_assert_problem(finalize(client, order, &csr), 403, "orderNotReady",
                       "Order's status (\"processing\") is not acceptable for finalization");

    lib_acme_make_rsa(t);
    lib_acme_run_jobs(t);
    answer = read_order(client, order);
    assert_string_equal(lib_member(answer, "status"), "valid");
    assert_null(lib_header(answer, "Retry-After"));
    lib_assert_status(lib_post(client, lib_path(lib_member(answer, "certificate")), NULL), 200);
    assert_int_equal(lib_events(t, "certificate.issued"), 1);
}

static void orders_in_processing_survive_a_kill(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_answer *order = lib_ready_order(client, "a.test");

    finalize(client, order, &(struct lib_csr){.names = "a.test", .key = lib_evp(t, "RSA-2048")});
    lib_acme_make_rsa(t);
    lib_acme_restart(t);
    lib_acme_run_jobs(t);
    assert_string_equal(lib_member(read_order(client, order), "status"), "valid");
}

static void staging_is_asynchronous(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_answer *order = lib_ready_order(client, "a.test");
    struct lib_answer *answer = finalize(client, order, &(struct lib_csr){.names = "a.test"});

    assert_string_equal(lib_member(answer, "status"), "processing");
    assert_string_equal(lib_header(answer, "Retry-After"), "3");
    assert_string_equal(lib_member(read_order(client, order), "status"), "processing");
    lib_acme_run_jobs(t);
    assert_string_equal(lib_member(read_order(client, order), "status"), "valid");
}

static void production_is_not(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_answer *order = lib_ready_order(client, "a.test");

    assert_string_equal(lib_member(finalize(client, order, &(struct lib_csr){.names = "a.test"}), "status"), "valid");
}

/* No issuer outlives the leaf: the order fails with an error of its own (C.5). */
static void failed_issuance(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_answer *order = lib_ready_order(client, "a.test");
    struct lib_answer *answer = finalize(client, order, &(struct lib_csr){.names = "a.test"});

    lib_assert_problem(answer, 500, "serverInternal", "Error finalizing order");
    assert_string_equal(lib_header(answer, "Retry-After"), "60");
    order = read_order(client, order);
    assert_string_equal(lib_member(order, "status"), "invalid");
    const json_t *error = json_object_get(order->json, "error");
    assert_string_equal(json_string_value(json_object_get(error, "type")), URN "serverInternal");
    assert_int_equal(lib_events(t, "order.invalid"), 1);
}

/* ---- races ---- */

#define THREADS 4

struct racer {
    struct lib_acme *t;
    const char *path, *body;
    int status;
    struct fc_arena *arena;
};

/* No assertions here: they would end another thread than the test's. */
static void *race(void *cookie)
{
    struct racer *racer = cookie;
    static const struct fc_http_header type[] = {{"Content-Type", "application/jose+json"}};
    struct fc_http_req req = {.arena = racer->arena,
                              .method = "POST",
                              .path = racer->path,
                              .scheme = "https",
                              .host = LIB_HOST,
                              .headers = type,
                              .n_headers = 1,
                              .body = racer->body,
                              .body_len = strlen(racer->body),
                              .now = racer->t->now};
    struct fc_http_res res = {0};

    fc_acme_handle(racer->t->acme, &req, &res);
    racer->status = res.status;
    return NULL;
}

/* Runs all bodies at once; how many ended with 200 or 201. */
static size_t run_race(struct lib_acme *t, struct racer *racers)
{
    pthread_t threads[THREADS];
    size_t good = 0;

    for (size_t i = 0; i < THREADS; i++) {
        racers[i].t = t;
        racers[i].arena = fc_arena_new();
        pthread_create(&threads[i], NULL, race, &racers[i]);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        fc_arena_free(racers[i].arena);
        good += racers[i].status == 200 || racers[i].status == 201;
    }
    return good;
}

static void of_many_finalizes_one_works(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);

    for (int round = 0; round < 8; round++) {
        struct lib_answer *order = lib_ready_order(client, lib_text(t, "r%d.test", round));
        struct racer racers[THREADS] = {0};
        for (size_t i = 0; i < THREADS; i++) {
            racers[i].path = lib_path(lib_member(order, "finalize"));
            racers[i].body = lib_sign(client, racers[i].path,
                                      lib_csr_payload(t, &(struct lib_csr){.names = lib_text(t, "r%d.test", round)}),
                                      &(struct lib_twist){0});
        }
        assert_int_equal(run_race(t, racers), 1);
        for (size_t i = 0; i < THREADS; i++)
            assert_true(racers[i].status == 200 || racers[i].status == 403);
        assert_string_equal(lib_member(read_order(client, order), "status"), "valid");
    }
    assert_int_equal(lib_events(t, "certificate.issued"), 8);
}

static void of_many_uses_of_a_nonce_one_works(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct racer racers[THREADS] = {0};
    const char *body =
        lib_sign(client, "/acme/new-order", lib_order_payload(t, "a.test", NULL), &(struct lib_twist){0});

    for (size_t i = 0; i < THREADS; i++)
        racers[i] = (struct racer){.path = "/acme/new-order", .body = body};
    assert_int_equal(run_race(t, racers), 1);
    assert_int_equal(lib_events(t, "order.created"), 1);
}

static void one_key_is_one_account(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_unregistered(t, "P-256");
    struct racer racers[THREADS] = {0};

    for (size_t i = 0; i < THREADS; i++)
        racers[i] = (struct racer){.path = "/acme/new-acct",
                                   .body = lib_sign(client, "/acme/new-acct", "{\"termsOfServiceAgreed\":true}",
                                                    &(struct lib_twist){.jwk = true})};
    assert_int_equal(run_race(t, racers), THREADS);
    assert_int_equal(lib_events(t, "account.created"), 1);
}

/* ---- download ---- */

static void download(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_issued issued;

    lib_issue(client, "a.test", &issued);
    struct lib_answer *answer = lib_get(t, issued.cert_path);
    lib_assert_status(answer, 200);
    assert_string_equal(lib_header(answer, "Content-Type"), "application/pem-certificate-chain");
    assert_string_equal(answer->text, issued.pem);
    answer = lib_post(client, lib_text(t, "%s/0", issued.cert_path), NULL);
    assert_string_equal(answer->text, issued.pem);
    /* never changes: later, after a restart */
    lib_acme_advance(t, "60d");
    lib_acme_restart(t);
    assert_string_equal(lib_get(t, issued.cert_path)->text, issued.pem);

    lib_assert_problem(lib_get(t, lib_text(t, "%s/9", issued.cert_path)), 404, "malformed", "Unknown issuance chain");
    lib_assert_problem(lib_get(t, lib_text(t, "%s/x", issued.cert_path)), 400, "malformed",
                       "Chain ID must be a non-negative integer");
    lib_assert_problem(lib_get(t, lib_text(t, "%s/-1", issued.cert_path)), 400, "malformed",
                       "Chain ID must be a non-negative integer");
    lib_assert_problem(lib_get(t, "/acme/cert/030000000000000000000000000000000000"), 404, "malformed",
                       "Certificate not found");
    lib_assert_problem(lib_get(t, "/acme/cert/x"), 404, "malformed", "Certificate not found");
    lib_assert_problem(lib_post(lib_client_new(t), issued.cert_path, NULL), 403, "unauthorized",
                       "Account in use did not issue specified certificate");
}

/* By OpenSSL: the key is the CSR's, the names are the order's. */
static void certificate_is_the_one_that_was_ordered(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_issued issued;

    lib_issue(client, "a.test,b.test", &issued);
    BIO *bio = BIO_new_mem_buf(issued.pem, -1);
    X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    bool same_key = EVP_PKEY_eq(X509_get0_pubkey(cert), issued.key) == 1;
    bool a = X509_check_host(cert, "a.test", 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL) == 1;
    bool b = X509_check_host(cert, "b.test", 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL) == 1;
    bool c = X509_check_host(cert, "c.test", 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL) == 1;
    X509_free(cert);
    assert_true(same_key && a && b && !c);
}

/* The policy's calendar: the same profile is shorter after 2027-02-10. */
static void dated_profile(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_issued issued;

    lib_acme_advance(t, "180d");
    lib_issue(client, "a.test", &issued);
    lib_acme_advance(t, "64d");
    struct lib_answer *answer =
        lib_post(client, "/acme/revoke-cert", lib_text(t, "{\"certificate\":\"%s\"}", issued.der));
    lib_assert_problem(answer, 403, "unauthorized", "Unable to revoke :: Certificate is expired");
}

static void end_all(json_t *cas)
{
    json_t *ca;
    size_t i;

    json_array_foreach(cas, i, ca) json_object_set_new(ca, "not_after", json_string("2026-10-01"));
}

static void short_lived_hierarchy(json_t *policy)
{
    const json_t *hierarchy = json_object_get(policy, "hierarchy");

    end_all(json_object_get(hierarchy, "certificates"));
    end_all(json_object_get(hierarchy, "cross_signs"));
}

int main(void)
{
    static struct lib_options rsa = {.rsa = true}, staging = {.env = "staging", .pace = FC_PACE_LETSENCRYPT},
                              slow = {.pace = FC_PACE_LETSENCRYPT}, ending = {.edit = short_lived_hierarchy};
    const struct CMUnitTest tests[] = {
        LIB_TEST(bad_requests),
        LIB_TEST(bad_csrs),
        LIB_TEST(common_name_alone),
        LIB_TEST(not_ready),
        LIB_TEST(whose_order),
        LIB_TEST(compromised_key),
        LIB_TEST(processing_until_the_issuer_is_ready),
        LIB_TEST(orders_in_processing_survive_a_kill),
        LIB_TEST_WITH(staging_is_asynchronous, &staging),
        LIB_TEST_WITH(production_is_not, &slow),
        LIB_TEST_WITH(failed_issuance, &ending),
        LIB_TEST(of_many_finalizes_one_works),
        LIB_TEST(of_many_uses_of_a_nonce_one_works),
        LIB_TEST(one_key_is_one_account),
        LIB_TEST_WITH(download, &rsa),
        LIB_TEST(certificate_is_the_one_that_was_ordered),
        LIB_TEST(dated_profile),
    };
    RUN(tests);
}
