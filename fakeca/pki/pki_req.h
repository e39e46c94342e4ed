/* Shared inside pki only: the fields of a certificate request. */
#ifndef FC_PKI_REQ_H
#define FC_PKI_REQ_H

#include "base/base_err.h"

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>

struct fc_buf;
struct fc_key;

struct fc_pki_req_key {
    X509_ALGOR *algorithm;
    ASN1_BIT_STRING *bits;
};
struct fc_pki_req_info {
    ASN1_ENCODING encoded; /* as it came: what is signed */
    ASN1_INTEGER *version;
    X509_NAME *subject;
    struct fc_pki_req_key *key;
    STACK_OF(X509_ATTRIBUTE) * attributes; /* NULL when absent */
};
struct fc_pki_req {
    struct fc_pki_req_info *info;
    X509_ALGOR *algorithm;
    ASN1_BIT_STRING *signature;
};

/* NULL when it does not parse. */
struct fc_pki_req *fc_pki_req_d2i(const unsigned char **at, size_t len);
void fc_pki_req_free(struct fc_pki_req *req);
/* Keys and signatures are octets: whether no bits are left over at the end. */
bool fc_pki_req_whole_octets(const ASN1_BIT_STRING *bits);
/* NULL when it cannot be read; OpenSSL's error queue is the caller's to empty. */
struct fc_key *fc_pki_req_key(const struct fc_pki_req_key *key);
/* Appends the SubjectPublicKeyInfo; *ret_bits: its BIT STRING's content, borrowed. */
int fc_pki_req_spki(const struct fc_pki_req_key *key, struct fc_buf *spki, const unsigned char **ret_bits,
                    size_t *ret_len, struct fc_err *err);

#endif
