/* What the tests of ca share: a CA on a store in memory, CSRs and roots made by OpenSSL, the openssl command. What a fixture holds
 * is released by its teardown. */
#ifndef FC_TESTS_CA_LIB_CA_H
#define FC_TESTS_CA_LIB_CA_H

#include "ca/ca.h"
#include "model/model_problem.h"
#include "pki/pki_csr.h"
#include "policy/policy.h"
#include "store/store_cert.h"

#include <openssl/evp.h>

#define LIB_CA_URL "http://localhost:15001/pki"

struct lib_ca {
    struct fc_arena *arena;
    char dir[32]; /* temporary; the openssl command runs there */
    struct fc_store *store;
    struct fc_policy *policy;
    struct fc_ca *ca;
    int64_t now;
};

/* cmocka setup and teardown: *state is a struct lib_ca with everything but the CA. */
int lib_ca_setup(void **state);
int lib_ca_teardown(void **state);

#define LIB_CA_TEST(name) cmocka_unit_test_setup_teardown(name, lib_ca_setup, lib_ca_teardown)

int64_t lib_ca_time(const char *text);
/* The built-in policy of that name instead of the small one. */
void lib_ca_take(struct lib_ca *t, const char *environment);
/* Gives the policy of each date these CA certificates; they must live as long as the fixture. */
void lib_ca_set_cas(struct lib_ca *t, struct fc_policy_ca *cas, size_t count);
/* fc_ca_new with the fixture's parts; ends the old one. */
void lib_ca_start(struct lib_ca *t);
/* Makes the RSA part too. */
void lib_ca_start_all(struct lib_ca *t);

/* "P-256", "P-384", "P-521", "RSA-N", "RSA-N-3" (exponent 3), "ED25519"; lives as long as the fixture. */
EVP_PKEY *lib_ca_key(struct lib_ca *t, const char *kind);

struct lib_ca_csr {
    EVP_PKEY *key;
    const char *cn;    /* NULL: none */
    const char *email; /* subject e-mail address, NULL: none */
    const char *san;   /* as in openssl.cnf: "DNS:a.test,IP:127.0.0.1"; NULL: no SAN */
    const char *digest;
    bool must_staple;
};
unsigned char *lib_ca_csr_der(struct lib_ca *t, const struct lib_ca_csr *params, size_t *ret_len);
struct fc_csr *lib_ca_csr_parse(struct lib_ca *t, const unsigned char *der, size_t len);
struct fc_csr *lib_ca_csr(struct lib_ca *t, const struct lib_ca_csr *params);

/* Sorted identifiers from "a.test,b.test" (an IP address becomes one of type ip). */
struct fc_ident *lib_ca_idents(struct lib_ca *t, const char *names, size_t *ret_n);
/* Issues for the names with that key; SAN in the CSR, no CN. */
int lib_ca_issue(struct lib_ca *t, const char *names, EVP_PKEY *key, struct fc_certificate *ret_certificate,
                 struct fc_err *err);

/* The same; waits for what is made in the background. */
void lib_ca_issue_late(struct lib_ca *t, const char *names, EVP_PKEY *key, struct fc_certificate *ret_certificate);

/* Files in the fixture's folder. */
void lib_ca_write(struct lib_ca *t, const char *name, const void *data, size_t len);
void lib_ca_write_text(struct lib_ca *t, const char *name, const char *text);
/* leaf.pem, chain.pem (without the leaf), root.pem */
void lib_ca_write_chain(struct lib_ca *t, const struct fc_certificate *certificate);
/* Runs openssl with the words of `command` (no quoting) in the folder: exit code, both outputs in *ret_output (arena). */
int lib_ca_openssl(struct lib_ca *t, const char **ret_output, const char *command, ...)
    __attribute__((format(printf, 3, 4)));
/* Fails unless each part occurs behind the one before it; parts end with NULL. */
void lib_ca_assert_in_order(const char *text, const char *const *parts);

/* Spoils a stored CA key or certificate. */
enum lib_ca_damage { LIB_CA_CUT_CERT, LIB_CA_CUT_KEY, LIB_CA_KEY_OF, LIB_CA_ROW_OF };
void lib_ca_damage(struct lib_ca *t, const char *name, enum lib_ca_damage damage, const char *other);

/* A certificate of OpenSSL's making for --root-cert. */
struct lib_ca_root {
    const char *key; /* as lib_ca_key */
    const char *basic_constraints, *key_usage;
    const char *not_before, *not_after; /* "20150101000000Z" */
    bool foreign;                       /* signed by another key under another name */
};
void lib_ca_make_root(struct lib_ca *t, const struct lib_ca_root *root, const char **ret_cert_pem,
                      const char **ret_key_pem);

#endif
