/* test: threads */
/* The refusals of identifiers and certificate requests as the client gets them: rows of letsencrypt.md D.1, D.2 and D.4 that no other
 * test of this folder asks for. */
#include "lib_acme.h"

#include <openssl/x509v3.h>
#include <string.h>

#include "base/base_text.h"

#include "cmocka_all.h"

#define LABEL64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define LABEL60 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define FINALIZE "Error finalizing order :: "

/* ---- names ---- */

static void names(void **state)
{
    static const struct {
        const char *type, *name, *message;
    } rows[] = {
        {"dns", "*.*.a.test", "Domain name has more than one wildcard"},
        {"dns", LABEL60 "." LABEL60 "." LABEL60 "." LABEL60 ".aaaaaaa.test", "Domain name is longer than 253 bytes"},
        {"dns", "1.2.3.4.5.6.7.8.9.a.test", "Domain name has more than 10 labels (parts)"},
        {"dns", "a..test", "Domain name can not have two dots in a row"},
        {"dns", LABEL64 ".test", "Domain has a label (component between dots) longer than 63 bytes"},
        {"dns", "ab--c.test",
         "Domain name contains an invalid label in a reserved format (R-LDH: '?"
         "?--')"},
        {"dns", "xn--9.test", "Domain name contains malformed punycode"},
        {"dns", "co.uk", "Domain name is an ICANN TLD"},
        {"ip", "010.0.0.1", "IP address is invalid"},
        {"ip", "192.0.2.1", "IP address is in a reserved address block: [RFC5737]: Documentation (TEST-NET-1)"},
    };
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *payload =
            lib_text(t, "{\"identifiers\":[{\"type\":\"%s\",\"value\":\"%s\"}],\"profile\":\"shortlived\"}",
                     rows[i].type, rows[i].name);
        lib_assert_problem(
            lib_post(client, "/acme/new-order", payload), 400, "rejectedIdentifier",
            lib_text(t, "Invalid identifiers requested :: Cannot issue for \"%s\": %s", rows[i].name, rows[i].message));
    }
}

/* ---- what only a policy's own lists refuse ---- */

static json_t *access_with(const char *member, json_t *value)
{
    json_t *access = json_pack("{s:[],s:[],s:[],s:s,s:s}", "disabled_types", "on_demand_labels", "blocked_accounts",
                               "blocked_reason", "it is a test", "source", "a test");

    json_object_set_new(access, member, value);
    return access;
}

static void disable_addresses(json_t *policy)
{
    json_object_set_new(policy, "access", access_with("disabled_types", json_pack("[s]", "ip")));
}

static struct lib_answer *try_order(struct lib_client *client, const char *type, const char *name, const char *profile)
{
    return lib_post(client, "/acme/new-order",
                    lib_text(client->t, "{\"identifiers\":[{\"type\":\"%s\",\"value\":\"%s\"}],\"profile\":\"%s\"}",
                             type, name, profile));
}

static void a_disabled_type(void **state)
{
    struct lib_client *client = lib_client_new(*state);

    lib_assert_problem(try_order(client, "ip", "127.0.0.1", "shortlived"), 400, "rejectedIdentifier",
                       "Error creating new order :: Cannot issue for \"127.0.0.1\": The ACME server has disabled this "
                       "identifier type");
    lib_assert_status(try_order(client, "dns", "a.test", "shortlived"), 201);
}

static void block_the_first(json_t *policy)
{
    json_object_set_new(policy, "access", access_with("blocked_accounts", json_pack("[i,i]", 1, 7)));
}

static void a_blocked_account(void **state)
{
    struct lib_client *first = lib_client_new(*state), *second = lib_client_new(*state);

    lib_assert_problem(try_order(first, "dns", "a.test", "none"), 403, "unauthorized",
                       "Account blocked :: it is a test");
    lib_assert_status(try_order(second, "dns", "a.test", ""), 201);
}

static void reserve_shortlived(json_t *policy)
{
    json_t *shortlived = json_array_get(json_object_get(policy, "profiles"), 2);

    json_object_set_new(shortlived, "accounts", json_pack("[i]", 2));
}

static void a_profile_for_some(void **state)
{
    struct lib_client *first = lib_client_new(*state), *second = lib_client_new(*state);

    lib_assert_problem(try_order(first, "dns", "a.test", "shortlived"), 403, "unauthorized",
                       "Error creating new order :: account ID 1 is not permitted to use certificate profile "
                       "\"shortlived\"");
    lib_assert_status(try_order(first, "dns", "a.test", "tlsserver"), 201);
    lib_assert_status(try_order(second, "dns", "a.test", "shortlived"), 201);
}

static void guard_on_demand(json_t *policy)
{
    json_object_set_new(policy, "changes",
                        json_pack("[{s:s,s:s,s:{s:[s,s,s]},s:s}]", "on", "2026-09-02", "what", "a list", "set",
                                  "access.on_demand_labels", "www", "mail", "m", "source", "a test"));
}

/* letsencrypt.md D.1: four labels or more and the same listed label twice in a row, or any three listed labels in a row. */
static void recursive_on_demand_issuance(void **state)
{
    static const struct {
        const char *name;
        bool refused;
    } rows[] = {
        {"www.www.test", false},      {"www.www.a.test", true},      {"www.mail.a.test", false},
        {"www.mail.m.a.test", true},  {"www.a.www.b.test", false},   {"a.www.www.b.test", true},
        {"b.b.b.a.test", false},      {"www.mail.www.a.test", true}, {"www.mail.a.m.test", false},
        {"wwww.www.a.b.test", false},
    };
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    struct lib_issued issued;

    lib_issue(client, "m.m.a.test", &issued);
    lib_acme_advance(t, "1d");
    lib_assert_status(try_order(client, "dns", "m.m.a.test", ""), 201); /* renewals are not looked at */
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct lib_answer *answer = try_order(client, "dns", rows[i].name, "");
        if (!rows[i].refused)
            lib_assert_status(answer, 201);
        else
            lib_assert_problem(answer, 400, "rejectedIdentifier",
                               lib_text(t,
                                        "Disallowed identifier requested :: Cannot issue for \"%s\": domain name "
                                        "contains too many subdomain labels indicative of recursive on-demand issuance",
                                        rows[i].name));
    }
}

/* ---- certificate requests ---- */

struct request {
    const char *san; /* as in openssl.cnf */
    const char *cn;
    const EVP_MD *digest; /* NULL: SHA-256 */
    bool must_staple, spoil_signature, spoil_key;
};

static void add_extension(STACK_OF(X509_EXTENSION) * *extensions, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_nconf_nid(NULL, NULL, nid, value);

    assert_non_null(extension);
    X509v3_add_ext(extensions, extension, -1);
    X509_EXTENSION_free(extension);
}

static X509_REQ *make_request(struct lib_acme *t, const struct request *request)
{
    X509_REQ *req = X509_REQ_new();
    EVP_PKEY *key = lib_evp(t, "P-256");
    STACK_OF(X509_EXTENSION) *extensions = NULL;

    X509_REQ_set_version(req, 0);
    X509_REQ_set_pubkey(req, key);
    if (request->cn)
        X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(req), "CN", MBSTRING_UTF8,
                                   (const unsigned char *)request->cn, -1, -1, 0);
    add_extension(&extensions, NID_subject_alt_name, request->san);
    if (request->must_staple)
        add_extension(&extensions, NID_tlsfeature, "status_request");
    assert_int_equal(X509_REQ_add_extensions(req, extensions), 1);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    assert_int_not_equal(X509_REQ_sign(req, key, request->digest ? request->digest : EVP_sha256()), 0);
    return req;
}

/* id-ecPublicKey becomes an algorithm that nobody knows. */
static void spoil_key(unsigned char *der, size_t len)
{
    static const unsigned char oid[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01};

    for (size_t i = 0; i + sizeof oid <= len; i++) {
        if (memcmp(der + i, oid, sizeof oid) != 0)
            continue;
        der[i + sizeof oid - 1] = 0x7f;
        return;
    }
    fail_msg("the request has no EC key");
}

static const char *payload_of(struct lib_acme *t, const struct request *request)
{
    X509_REQ *req = make_request(t, request);
    unsigned char *der = NULL;
    int len = i2d_X509_REQ(req, &der);

    X509_REQ_free(req);
    assert_true(len > 0);
    if (request->spoil_signature)
        der[len - 1] ^= 1;
    if (request->spoil_key)
        spoil_key(der, (size_t)len);
    const char *payload = lib_text(t, "{\"csr\":\"%s\"}", lib_b64(t, der, (size_t)len));
    OPENSSL_free(der);
    return payload;
}

static const char *many_names(struct lib_acme *t, int count)
{
    char *san = lib_text(t, "DNS:a.test");

    for (int i = 1; i < count; i++)
        san = lib_text(t, "%s,DNS:n%d.test", san, i);
    return san;
}

static void requests(void **state)
{
    struct lib_acme *t = *state;
    struct lib_client *client = lib_client_new(t);
    const struct {
        struct request request;
        int status;
        const char *type, *detail;
    } rows[] = {
        {{.san = "DNS:a.test", .must_staple = true},
         403,
         "unauthorized",
         FINALIZE
         "OCSP must-staple extension is no longer available: see https://letsencrypt.org/2024/12/05/ending-ocsp"},
        {{.san = "DNS:a.test", .spoil_key = true}, 400, "badCSR", FINALIZE "invalid public key in CSR"},
        {{.san = "DNS:a.test", .digest = EVP_sha1()}, 400, "badCSR", FINALIZE "signature algorithm not supported"},
        {{.san = "DNS:a.test", .spoil_signature = true}, 400, "badCSR", FINALIZE "invalid signature on CSR"},
        {{.san = "DNS:a.test,email:x@a.test"}, 400, "badCSR", FINALIZE "CSR contains one or more email address fields"},
        {{.san = "DNS:a.test,URI:https://a.test/"}, 400, "badCSR", FINALIZE "CSR contains one or more URI fields"},
        {{.san = "DNS:a.test", .cn = "127.0.0.1"}, 400, "badCSR", FINALIZE "CSR contains IP address in Common Name"},
        {{.san = "DNS:a_b.test"},
         400,
         "rejectedIdentifier",
         FINALIZE "Cannot issue for \"a_b.test\": Domain name contains an invalid character"},
        {{.san = "DNS:a_b.test,DNS:c_d.test"},
         400,
         "rejectedIdentifier",
         FINALIZE
         "Cannot issue for \"a_b.test\": Domain name contains an invalid character (and 1 more problems. Refer "
         "to sub-problems for more information.)"},
        {{.san = many_names(t, 101)},
         403,
         "unauthorized",
         FINALIZE "CSR identifier count is not at minimum 1 or at maximum 100"},
    };
    const char *finalize = lib_path(lib_member(lib_ready_order(client, "a.test"), "finalize"));

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        lib_assert_problem(lib_post(client, finalize, payload_of(t, &rows[i].request)), rows[i].status, rows[i].type,
                           rows[i].detail);
}

int main(void)
{
    static struct lib_options type = {.edit = disable_addresses}, account = {.edit = block_the_first},
                              profile = {.edit = reserve_shortlived}, guard = {.edit = guard_on_demand};
    const struct CMUnitTest tests[] = {
        LIB_TEST(names),
        LIB_TEST_WITH(a_disabled_type, &type),
        LIB_TEST_WITH(a_blocked_account, &account),
        LIB_TEST_WITH(a_profile_for_some, &profile),
        LIB_TEST_WITH(recursive_on_demand_issuance, &guard),
        LIB_TEST(requests),
    };
    RUN(tests);
}
