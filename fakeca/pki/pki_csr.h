/* Certificate requests (PKCS#10), read only. Hostile input. */
#ifndef FC_PKI_CSR_H
#define FC_PKI_CSR_H

#include "base/base_alloc.h"
#include "base/base_err.h"

#include <stdbool.h>
#include <stddef.h>

struct fc_key;
struct fc_csr;

/* Parses DER (at most 64 KiB; no trailing bytes). FC_E_PARSE with the parser's text. */
int fc_csr_parse(const unsigned char *der, size_t len, struct fc_csr **ret_csr, struct fc_err *err);
void fc_csr_free(struct fc_csr *csr);
FC_CLEANUP(struct fc_csr *, fc_csr_free)

/* Lower-cased, deduplicated dNSNames of the SAN in the order of the CSR. Borrowed, NULL-terminated. */
const char *const *fc_csr_dns(const struct fc_csr *csr);
/* iPAddresses of the SAN as canonical text; a malformed one (not 4 or 16 bytes) is FC_E_PARSE at parse. */
const char *const *fc_csr_ips(const struct fc_csr *csr);
/* First CN of the subject, lower-cased; NULL when absent. */
const char *fc_csr_cn(const struct fc_csr *csr);
size_t fc_csr_emails(const struct fc_csr *csr); /* how many rfc822Names and subject e-mail addresses */
size_t fc_csr_uris(const struct fc_csr *csr);
bool fc_csr_must_staple(const struct fc_csr *csr); /* TLS feature extension 1.3.6.1.5.5.7.1.24 requested */

/* NULL when the key could not be read. Borrowed. */
const struct fc_key *fc_csr_key(const struct fc_csr *csr);
/* Whether the signature algorithm is SHA-256/384/512 with RSA PKCS#1 or ECDSA (letsencrypt.md D.4). */
bool fc_csr_signature_algorithm_ok(const struct fc_csr *csr);
/* Whether it is right, by the request's own key. Also false for every algorithm that is not one of those. */
bool fc_csr_signature_ok(const struct fc_csr *csr);

#endif
