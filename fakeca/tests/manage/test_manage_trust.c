/* What is to be trusted, and the files under /pki. OpenSSL reads what is served. */
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "base/base_clock.h"
#include "base/base_time.h"
#include "ca/ca.h"
#include "policy/policy.h"

#include "cmocka_all.h"
#include "lib_manage.h"

static size_t count_pem(const char *text)
{
    size_t count = 0;

    for (const char *at = text; (at = strstr(at, "-----BEGIN CERTIFICATE-----")) != NULL; at++)
        count++;
    return count;
}

static void free_x509(void *cert)
{
    X509_free(cert);
}

static void free_crl(void *crl)
{
    X509_CRL_free(crl);
}

static X509 *read_pem(struct lib_manage *t, const char *text)
{
    BIO *bio = BIO_new_mem_buf(text, -1);
    X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);

    BIO_free(bio);
    assert_non_null(cert);
    fc_arena_defer(t->arena, free_x509, cert);
    return cert;
}

/* The first CA certificate that fits, ready. */
static struct fc_ca_info find_ca(struct lib_manage *t, size_t env, bool root)
{
    struct fc_ca_info info;

    for (size_t i = 0; fc_ca_info(t->cas[env], i, &info); i++)
        if (info.root == root && info.ready && (root || info.issues_leaves))
            return info;
    fail_msg("no such CA certificate is ready");
    return info;
}

static void as_json(void **state)
{
    struct lib_manage *t = *state;
    json_t *trust = lib_manage_ok(t, "GET", "/api/v1/trust", NULL);
    const json_t *envs = lib_manage_at(trust, "environments");
    const struct fc_policy *policy = t->policies[0];

    read_pem(t, lib_manage_str(trust, "directory.pem"));
    assert_string_equal(lib_manage_str(trust, "directory.pem"), t->tls_ca_pem);
    assert_string_equal(lib_manage_str(trust, "directory.not_after"), "2199-12-31T23:59:59Z");
    assert_int_equal(json_array_size(envs), 2);
    assert_string_equal(lib_manage_str(json_array_get(envs, 0), "name"), "production");
    assert_string_equal(lib_manage_str(json_array_get(envs, 1), "name"), "staging");
    const json_t *all = lib_manage_at(json_array_get(envs, 0), "certificates");
    assert_int_equal(json_array_size(all), policy->n_cas);
    for (size_t i = 0; i < policy->n_cas; i++) {
        const json_t *ca = json_array_get(all, i);
        bool ready = json_is_true(lib_manage_at(ca, "ready"));
        /* RSA keys are made in the background, which was not started here */
        assert_int_equal(ready, !json_is_null(lib_manage_at(ca, "pem")));
        if (ready)
            read_pem(t, lib_manage_str(ca, "pem"));
    }
}

static void as_files(void **state)
{
    struct lib_manage *t = *state;
    struct lib_answer all = lib_manage_get(t, "/api/v1/trust/ca.pem");
    struct lib_answer roots = lib_manage_get(t, "/api/v1/trust/root.pem");
    struct lib_answer one = lib_manage_get(t, "/api/v1/trust/root.pem?environment=production");
    struct lib_answer other = lib_manage_get(t, "/api/v1/trust/root.pem?environment=staging");

    assert_int_equal(all.status, 200);
    assert_string_equal(all.type, "application/x-pem-file");
    assert_memory_equal(all.body, t->tls_ca_pem, strlen(t->tls_ca_pem));
    assert_string_equal(all.body + strlen(t->tls_ca_pem), roots.body);
    assert_true(count_pem(one.body) >= 1);
    assert_int_equal(count_pem(roots.body), count_pem(one.body) + count_pem(other.body));
    const X509 *root = read_pem(t, one.body);
    assert_int_equal(X509_NAME_cmp(X509_get_subject_name(root), X509_get_issuer_name(root)), 0);
    assert_string_not_equal(one.body, other.body);
    struct lib_answer inner = lib_manage_get(t, "/api/v1/trust/intermediates.pem?environment=production");
    assert_true(count_pem(inner.body) >= 1);
    const X509 *intermediate = read_pem(t, inner.body);
    assert_int_not_equal(X509_NAME_cmp(X509_get_subject_name(intermediate), X509_get_issuer_name(intermediate)), 0);
    lib_manage_refused(t, "GET", "/api/v1/trust/root.pem?environment=prod", NULL, 400, "usage", "'prod'");
}

static void aia_file(void **state)
{
    struct lib_manage *t = *state;
    struct fc_ca_info info = find_ca(t, 0, true);
    struct lib_answer answer = lib_manage_get(t, fc_arena_printf(t->arena, "/pki/production/%s.der", info.name));
    const unsigned char *der = (const unsigned char *)answer.body;

    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.type, "application/pkix-cert");
    X509 *cert = d2i_X509(NULL, &der, (long)answer.len);
    assert_non_null(cert);
    fc_arena_defer(t->arena, free_x509, cert);
    assert_int_equal(X509_cmp(cert, read_pem(t, info.pem)), 0);
}

static X509_CRL *read_crl(struct lib_manage *t, const char *target)
{
    struct lib_answer answer = lib_manage_get(t, target);
    const unsigned char *der = (const unsigned char *)answer.body;

    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.type, "application/pkix-crl");
    X509_CRL *crl = d2i_X509_CRL(NULL, &der, (long)answer.len);
    assert_non_null(crl);
    fc_arena_defer(t->arena, free_crl, crl);
    return crl;
}

/* A revoked certificate stands in exactly the list that it names. */
static void crl_shows_revocations(void **state)
{
    struct lib_manage *t = *state;
    const char *serial = lib_manage_certificate(t, "production", 1, "a.test");
    const char *path = fc_arena_printf(t->arena, "/api/v1/certificates/%s", serial);
    json_t *certificate = lib_manage_ok(t, "GET", path, NULL);
    X509 *leaf = read_pem(t, lib_manage_str(certificate, "pem"));
    STACK_OF(DIST_POINT) *points = X509_get_ext_d2i(leaf, NID_crl_distribution_points, NULL, NULL);
    X509_REVOKED *entry = NULL;

    assert_non_null(points);
    const GENERAL_NAME *name = sk_GENERAL_NAME_value(sk_DIST_POINT_value(points, 0)->distpoint->name.fullname, 0);
    const ASN1_STRING *uri = name->d.uniformResourceIdentifier;
    const char *url =
        fc_arena_strndup(t->arena, (const char *)ASN1_STRING_get0_data(uri), (size_t)ASN1_STRING_length(uri));
    sk_DIST_POINT_pop_free(points, DIST_POINT_free);
    const char *target = strstr(url, "/pki/");
    assert_non_null(target);
    assert_int_equal(X509_CRL_get0_by_cert(read_crl(t, target), &entry, leaf), 0);
    lib_manage_ok(t, "POST", fc_arena_printf(t->arena, "%s/revoke", path), "{\"reason\":1}");
    X509_CRL *crl = read_crl(t, target);
    assert_int_equal(X509_CRL_get0_by_cert(crl, &entry, leaf), 1);
    struct fc_ca_info issuer = find_ca(t, 0, false);
    for (size_t i = 0; fc_ca_info(t->cas[0], i, &issuer); i++)
        if (strcmp(issuer.name, lib_manage_str(certificate, "issuer")) == 0)
            break;
    assert_int_equal(X509_CRL_verify(crl, X509_get0_pubkey(read_pem(t, issuer.pem))), 1);
}

static void files_that_are_not_there(void **state)
{
    struct lib_manage *t = *state;
    struct fc_ca_info info = find_ca(t, 0, false);
    const char *pki = "/pki/production";
    const struct {
        const char *path, *says;
    } rows[] = {
        {fc_arena_printf(t->arena, "/pki/live/%s.der", info.name), "no such environment 'live'"},
        {fc_arena_printf(t->arena, "%s/%s", pki, info.name), "end in '.der'"},
        {fc_arena_printf(t->arena, "%s/.der", pki), "end in '.der'"},
        {fc_arena_printf(t->arena, "%s/%sx.der", pki, info.name), "did you mean"},
        {fc_arena_printf(t->arena, "%s/nobody-knows-it.der", pki), "has no CA certificate 'nobody-knows-it'"},
        {fc_arena_printf(t->arena, "%s/%s/0.crl", pki, info.name), "shards 1 to"},
        {fc_arena_printf(t->arena, "%s/%s/999999.crl", pki, info.name), "shards 1 to"},
        {fc_arena_printf(t->arena, "%s/%s/x.crl", pki, info.name), "no such CRL 'x'"},
        {fc_arena_printf(t->arena, "%s/%s/1.pem", pki, info.name), "end in '.crl'"},
        {fc_arena_printf(t->arena, "%s/nobody-knows-it/1.crl", pki), "has no CA certificate"},
        {fc_arena_printf(t->arena, "%s/%s/1/2.crl", pki, info.name), "no such path"},
        {fc_arena_printf(t->arena, "%s/..%%2f..%%2fx.der", pki), "has no CA certificate '../../x'"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        lib_manage_refused(t, "GET", rows[i].path, NULL, 404, "not_found", rows[i].says);
}

/* A key that is still being made is another thing than a name that does not exist. */
static void what_is_not_made_yet(void **state)
{
    struct lib_manage *t = *state;
    struct fc_ca_info info;
    size_t waiting = 0;

    for (size_t i = 0; fc_ca_info(t->cas[0], i, &info); i++) {
        if (info.ready)
            continue;
        waiting++;
        lib_manage_refused(t, "GET", fc_arena_printf(t->arena, "/pki/production/%s.der", info.name), NULL, 503, "busy",
                           "is not made yet");
    }
    assert_true(waiting > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIB_MANAGE_TEST(as_json),
        LIB_MANAGE_TEST(as_files),
        LIB_MANAGE_TEST(aia_file),
        LIB_MANAGE_TEST(crl_shows_revocations),
        LIB_MANAGE_TEST(files_that_are_not_there),
        LIB_MANAGE_TEST(what_is_not_made_yet),
    };
    RUN(tests);
}
