/* The workshop of the pki tests: a temporary folder, memory that the teardown frees, and openssl's command line as the other
 * party. Everything asserts on failure. */
#ifndef FC_TESTS_LIB_PKI_H
#define FC_TESTS_LIB_PKI_H

#include "base/base_arena.h"

#include <stddef.h>
#include <stdint.h>

struct fc_key;
struct fc_cert;
struct fc_csr;

struct lab {
    struct fc_arena *arena;
    char dir[64];
    int status; /* exit code of the last command */
};

/* cmocka setup and teardown of a test: *state is a struct lab. */
int lab_setup(void **state);
int lab_teardown(void **state);

/* Runs `openssl ARG...` (NULL-terminated) in the folder: standard output and error together. lab_try does not ask for success. */
const char *lab_openssl(struct lab *lab, ...) __attribute__((sentinel));
const char *lab_try(struct lab *lab, ...) __attribute__((sentinel));
void lab_write(struct lab *lab, const char *name, const void *data, size_t len);
const unsigned char *lab_read(struct lab *lab, const char *name, size_t *ret_len);
/* The same, for the test to spoil. */
unsigned char *lab_bytes(struct lab *lab, const char *name, size_t *ret_len);

/* Freed by the teardown. */
struct fc_key *lab_keep_key(struct lab *lab, struct fc_key *key);
struct fc_cert *lab_keep_cert(struct lab *lab, struct fc_cert *cert);
/* A new key; type is one of enum fc_key_type. */
struct fc_key *lab_key(struct lab *lab, int type);
/* From a JWK's text; asserts that it is one. */
struct fc_key *lab_jwk_key(struct lab *lab, const char *jwk);
/* A private key that openssl wrote. */
struct fc_key *lab_read_key(struct lab *lab, const char *name);
/* `openssl req -new` with key file, subject and SAN (NULL: none): parsed; DER in r.der. */
const struct fc_csr *lab_csr(struct lab *lab, const char *key_file, const char *subject, const char *san);
const struct fc_csr *lab_parse_csr(struct lab *lab, const char *name);
/* Files CERT.pem and KEY.pem for openssl. */
void lab_write_cert(struct lab *lab, const char *name, const struct fc_cert *cert);
void lab_write_key(struct lab *lab, const char *name, const struct fc_key *key);

/* Fails with both texts unless text holds part. */
void lab_has(const char *text, const char *part);

#endif
