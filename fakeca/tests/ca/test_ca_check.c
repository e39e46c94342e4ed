#include "lib_ca.h"

#include <string.h>

#include "pki/pki_key.h"

#include "cmocka_all.h"

#define ERROR "Error finalizing order :: "

/* type and detail */
#define BAD_CSR(text) FC_PROBLEM_BAD_CSR, ERROR text
#define REJECTED(text) FC_PROBLEM_REJECTED_IDENTIFIER, ERROR text
#define UNAUTHORIZED(text) FC_PROBLEM_UNAUTHORIZED, ERROR text

#define MUST_STAPLE                                                                                                    \
    "OCSP must-staple extension is no longer available: see https://letsencrypt.org/2024/12/05/ending-ocsp"
#define INVALID_CHARACTER "Cannot issue for \"a_b.test\": Domain name contains an invalid character"
#define DIFFERS "CSR does not specify same identifiers as Order"

/* What one CSR gets; names: of the order. */
struct question {
    struct lib_ca_csr csr;
    const char *names;
    enum fc_problem_type type;
    const char *detail; /* NULL: accepted */
};

static const unsigned char other_key[32] = {1};

static void prepare(struct lib_ca *t, const struct fc_csr *csr, const char *names, struct fc_ca_check *ret_check)
{
    *ret_check = (struct fc_ca_check){.csr = csr, .now = t->now, .account_spki = other_key};
    ret_check->idents = lib_ca_idents(t, names, &ret_check->n_idents);
    ret_check->profile = fc_profile_at(fc_policy_profile(t->policy, NULL), t->now);
}

static int ask_parsed(struct lib_ca *t, const struct fc_csr *csr, const char *names, struct fc_problem *ret_problem)
{
    struct fc_ca_check check;

    prepare(t, csr, names, &check);
    *ret_problem = (struct fc_problem){0};
    return fc_ca_check_csr(t->ca, &check, t->arena, ret_problem);
}

static void assert_refused(struct lib_ca *t, const struct fc_csr *csr, const char *names, enum fc_problem_type type,
                           const char *detail)
{
    struct fc_problem problem;

    if (ask_parsed(t, csr, names, &problem) == 0) {
        fail_msg("'%s' was accepted, not refused with: %s", names, detail);
        return;
    }
    assert_string_equal(problem.detail, detail);
    assert_int_equal(problem.type, type);
}

static void ask(struct lib_ca *t, const struct question *question)
{
    const struct fc_csr *csr = lib_ca_csr(t, &question->csr);
    struct fc_problem problem;

    if (question->detail)
        assert_refused(t, csr, question->names, question->type, question->detail);
    else if (ask_parsed(t, csr, question->names, &problem))
        fail_msg("'%s' was refused: %s", question->names, problem.detail);
}

static void accepts_what_the_order_names(void **state)
{
    struct lib_ca *t = *state;
    EVP_PKEY *key = lib_ca_key(t, "P-256");

    lib_ca_start(t);
    const struct question questions[] = {
        {{.key = key, .san = "DNS:a.test,DNS:b.test"}, "a.test,b.test", 0, NULL},
        {{.key = key, .san = "DNS:B.test,DNS:A.TEST,DNS:a.test", .cn = "A.test"}, "a.test,b.test", 0, NULL},
        {{.key = key, .cn = "A.test"}, "a.test", 0, NULL}, /* a CN alone is enough (D.4) */
        {{.key = key, .san = "DNS:b.test", .cn = "a.test"}, "a.test,b.test", 0, NULL},
        {{.key = key, .san = "DNS:*.a.test"}, "*.a.test", 0, NULL},
        {{.key = key, .san = "IP:127.0.0.1"}, "127.0.0.1", 0, NULL}, /* loopback: rehearsal */
        {{.key = key, .san = "DNS:a.test", .digest = "SHA384"}, "a.test", 0, NULL},
        {{.key = lib_ca_key(t, "P-384"), .san = "DNS:a.test", .digest = "SHA512"}, "a.test", 0, NULL},
        {{.key = lib_ca_key(t, "RSA-2048"), .san = "DNS:a.test"}, "a.test", 0, NULL},
    };
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++)
        ask(t, &questions[i]);
}

/* letsencrypt.md D.4 and D.5. */
static void refuses_by_each_row(void **state)
{
    struct lib_ca *t = *state;
    EVP_PKEY *key = lib_ca_key(t, "P-256"), *p521 = lib_ca_key(t, "P-521");
    EVP_PKEY *short_rsa = lib_ca_key(t, "RSA-1024"), *rsa_3 = lib_ca_key(t, "RSA-2048-3");
    const char *a = "DNS:a.test";

    lib_ca_start(t);
    const struct question questions[] = {
        {{.key = key, .san = a, .must_staple = true}, "a.test", UNAUTHORIZED(MUST_STAPLE)},
        {{.key = short_rsa, .san = a}, "a.test", BAD_CSR("invalid public key in CSR: key size not supported: 1024")},
        {{.key = rsa_3, .san = a}, "a.test", BAD_CSR("invalid public key in CSR: key exponent must be 65537")},
        {{.key = p521, .san = a}, "a.test", BAD_CSR("invalid public key in CSR: ECDSA curve P-521 not allowed")},
        {{.key = key, .san = a, .digest = "SHA1"}, "a.test", BAD_CSR("signature algorithm not supported")},
        {{.key = key, .san = "DNS:a.test,email:x@a.test"},
         "a.test",
         BAD_CSR("CSR contains one or more email address fields")},
        {{.key = key, .san = a, .email = "x@a.test"},
         "a.test",
         BAD_CSR("CSR contains one or more email address fields")},
        {{.key = key, .san = "DNS:a.test,URI:https://a.test/"},
         "a.test",
         BAD_CSR("CSR contains one or more URI fields")},
        {{.key = key, .san = a, .cn = "127.0.0.1"}, "a.test", BAD_CSR("CSR contains IP address in Common Name")},
        {{.key = key, .san = a, .cn = "2001:DB8::1"}, "a.test", BAD_CSR("CSR contains IP address in Common Name")},
        {{.key = key, .san = a, .cn = "fe80::1%eth0"}, "a.test", BAD_CSR("CSR contains IP address in Common Name")},
        {{.key = key}, "a.test", BAD_CSR("at least one identifier is required")},
        {{.key = key, .san = "DNS:a_b.test"}, "a_b.test", REJECTED(INVALID_CHARACTER)},
        {{.key = key, .san = "IP:192.0.2.1"},
         "192.0.2.1",
         REJECTED("Cannot issue for \"192.0.2.1\": IP address is in a reserved address block: [RFC5737]: "
                  "Documentation (TEST-NET-1)")},
        {{.key = key, .san = a}, "a.test,b.test", UNAUTHORIZED(DIFFERS)},
        {{.key = key, .san = "DNS:a.test,DNS:b.test"}, "a.test", UNAUTHORIZED(DIFFERS)},
        {{.key = key, .san = a, .cn = "b.test"}, "a.test", UNAUTHORIZED(DIFFERS)},
        {{.key = key, .san = "IP:127.0.0.1"}, "a.test", UNAUTHORIZED(DIFFERS)},
        /* of two faults the earlier row answers */
        {{.key = short_rsa, .san = a, .must_staple = true}, "a.test", UNAUTHORIZED(MUST_STAPLE)},
        {{.key = p521, .san = a, .digest = "SHA1"},
         "a.test",
         BAD_CSR("invalid public key in CSR: ECDSA curve P-521 not allowed")},
        {{.key = key, .san = "DNS:a_b.test,email:x@a.test,URI:https://a.test/", .cn = "127.0.0.1"},
         "a.test",
         BAD_CSR("CSR contains one or more email address fields")},
        {{.key = key, .san = "DNS:a_b.test"}, "a.test", REJECTED(INVALID_CHARACTER)},
    };
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++)
        ask(t, &questions[i]);
}

static void refuses_an_unsupported_key_type(void **state)
{
    struct lib_ca *t = *state;
    struct fc_problem problem;

    lib_ca_start(t);
    const struct lib_ca_csr csr = {.key = lib_ca_key(t, "ED25519"), .san = "DNS:a.test"};
    assert_int_equal(ask_parsed(t, lib_ca_csr(t, &csr), "a.test", &problem), -1);
    assert_int_equal(problem.type, FC_PROBLEM_BAD_CSR);
    assert_non_null(strstr(problem.detail, ERROR "invalid public key in CSR: unsupported key type "));
}

static unsigned char *find_bytes(unsigned char *in, size_t len, const unsigned char *what, size_t what_len)
{
    for (size_t i = 0; i + what_len <= len; i++)
        if (memcmp(in + i, what, what_len) == 0)
            return in + i;
    return NULL;
}

static void refuses_a_key_that_cannot_be_read(void **state)
{
    static const unsigned char ec_key_oid[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01};
    struct lib_ca *t = *state;
    size_t len;

    lib_ca_start(t);
    const struct lib_ca_csr csr = {.key = lib_ca_key(t, "P-256"), .san = "DNS:a.test"};
    unsigned char *der = lib_ca_csr_der(t, &csr, &len);
    unsigned char *oid = find_bytes(der, len, ec_key_oid, sizeof ec_key_oid);
    if (!oid) {
        fail_msg("the CSR has no EC key");
        return;
    }
    oid[sizeof ec_key_oid - 1] = 0x7f; /* an algorithm that nobody knows */
    assert_refused(t, lib_ca_csr_parse(t, der, len), "a.test", BAD_CSR("invalid public key in CSR"));
}

static void refuses_a_wrong_signature(void **state)
{
    struct lib_ca *t = *state;
    size_t len;

    lib_ca_start(t);
    const struct lib_ca_csr csr = {.key = lib_ca_key(t, "P-256"), .san = "DNS:a.test"};
    unsigned char *der = lib_ca_csr_der(t, &csr, &len);
    der[len - 1] ^= 1;
    assert_refused(t, lib_ca_csr_parse(t, der, len), "a.test", BAD_CSR("invalid signature on CSR"));
}

static void names_all_bad_identifiers(void **state)
{
    struct lib_ca *t = *state;
    struct fc_problem problem;

    lib_ca_start(t);
    const struct lib_ca_csr csr = {.key = lib_ca_key(t, "P-256"), .san = "DNS:c.test,DNS:b_.test,DNS:example.net"};
    assert_int_equal(ask_parsed(t, lib_ca_csr(t, &csr), "a.test", &problem), -1);
    assert_int_equal(problem.type, FC_PROBLEM_REJECTED_IDENTIFIER);
    assert_string_equal(problem.detail, ERROR "Cannot issue for \"b_.test\": Domain name contains an invalid "
                                              "character (and 1 more problems. Refer to sub-problems for more "
                                              "information.)");
    assert_int_equal(problem.n_subs, 2);
    assert_string_equal(problem.subs[0].ident->value, "b_.test");
    assert_int_equal(problem.subs[0].type, FC_PROBLEM_MALFORMED);
    assert_string_equal(problem.subs[0].detail, ERROR "Domain name contains an invalid character");
    assert_string_equal(problem.subs[1].ident->value, "example.net");
    assert_int_equal(problem.subs[1].type, FC_PROBLEM_REJECTED_IDENTIFIER);
    assert_string_equal(problem.subs[1].detail, ERROR
                        "The ACME server refuses to issue a certificate for this domain name, because it is forbidden "
                        "by policy");
}

/* SAN of `count` names "PREFIXn.SUFFIX". */
static const char *many(struct lib_ca *t, const char *prefix, const char *suffix, int count)
{
    char *san = fc_arena_alloc(t->arena, (size_t)count * 32);
    size_t len = 0;

    for (int i = 0; i < count; i++)
        len += (size_t)snprintf(san + len, 32, "%sDNS:%s%d.%s", i ? "," : "", prefix, i, suffix);
    return san;
}

static void bounds_the_number_of_identifiers(void **state)
{
    struct lib_ca *t = *state;
    EVP_PKEY *key = lib_ca_key(t, "P-256");
    struct fc_problem problem;

    lib_ca_start(t);
    const struct question question = {{.key = key, .san = many(t, "n", "test", 101)},
                                      "a.test",
                                      UNAUTHORIZED("CSR identifier count is not at minimum 1 or at maximum 100")};
    ask(t, &question);
    /* thousands of bad names: counted, but not all listed */
    const struct lib_ca_csr csr = {.key = key, .san = many(t, "n", "-", 2000)};
    assert_int_equal(ask_parsed(t, lib_ca_csr(t, &csr), "a.test", &problem), -1);
    assert_non_null(strstr(problem.detail, "(and 1999 more problems. "));
    assert_int_equal(problem.n_subs, 100);
}

static void refuses_the_key_of_the_account(void **state)
{
    struct lib_ca *t = *state;
    const struct lib_ca_csr params = {.key = lib_ca_key(t, "P-256"), .san = "DNS:a.test"};
    const struct fc_csr *csr = lib_ca_csr(t, &params);
    struct fc_problem problem = {0};
    struct fc_ca_check check;
    unsigned char spki[32];

    lib_ca_start(t);
    fc_key_spki_hash(fc_csr_key(csr), spki);
    prepare(t, csr, "a.test", &check);
    check.account_spki = spki;
    assert_int_equal(fc_ca_check_csr(t->ca, &check, t->arena, &problem), -1);
    assert_int_equal(problem.type, FC_PROBLEM_MALFORMED);
    assert_string_equal(problem.detail, ERROR "certificate public key must be different than account key");
    /* that check is the last one */
    check.idents = lib_ca_idents(t, "b.test", &check.n_idents);
    problem = (struct fc_problem){0};
    assert_int_equal(fc_ca_check_csr(t->ca, &check, t->arena, &problem), -1);
    assert_string_equal(problem.detail, ERROR DIFFERS);
}

static void refuses_a_blocked_key(void **state)
{
    struct lib_ca *t = *state;
    const struct lib_ca_csr params = {.key = lib_ca_key(t, "RSA-1024"), .san = "DNS:a.test"};
    struct fc_problem problem = {0};
    struct fc_ca_check check;

    lib_ca_start(t);
    prepare(t, lib_ca_csr(t, &params), "a.test", &check);
    check.key_blocked = true;
    assert_int_equal(fc_ca_check_csr(t->ca, &check, t->arena, &problem), -1);
    assert_int_equal(problem.type, FC_PROBLEM_BAD_CSR);
    assert_string_equal(problem.detail, ERROR "invalid public key in CSR: public key is forbidden");
}

/* Without `rehearsal` the rules are Let's Encrypt's to the letter. */
static void rehearsal_is_the_policys(void **state)
{
    struct lib_ca *t = *state;
    EVP_PKEY *key = lib_ca_key(t, "P-256");

    t->policy->rehearsal = false;
    lib_ca_start(t);
    const struct question questions[] = {
        {{.key = key, .san = "DNS:a.test"},
         "a.test",
         REJECTED("Cannot issue for \"a.test\": Domain name does not end with a valid public suffix (TLD)")},
        {{.key = key, .san = "IP:127.0.0.1"},
         "127.0.0.1",
         REJECTED("Cannot issue for \"127.0.0.1\": IP address is in a reserved address block: [RFC1122], Section "
                  "3.2.1.3: Loopback")},
    };
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++)
        ask(t, &questions[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIB_CA_TEST(accepts_what_the_order_names),
        LIB_CA_TEST(refuses_by_each_row),
        LIB_CA_TEST(refuses_an_unsupported_key_type),
        LIB_CA_TEST(refuses_a_key_that_cannot_be_read),
        LIB_CA_TEST(refuses_a_wrong_signature),
        LIB_CA_TEST(names_all_bad_identifiers),
        LIB_CA_TEST(bounds_the_number_of_identifiers),
        LIB_CA_TEST(refuses_the_key_of_the_account),
        LIB_CA_TEST(refuses_a_blocked_key),
        LIB_CA_TEST(rehearsal_is_the_policys),
    };
    RUN(tests);
}
