/* fuzz: uses pki */
/* A certificate request, the same bytes as a certificate and as a private key. */
#include "pki/pki_csr.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_assert.h"
#include "pki/pki_cert.h"
#include "pki/pki_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use_csr(const struct fc_csr *csr)
{
    static const struct fc_key_rules rules = {.rsa_bits = {2048, 3072, 4096}, .p256 = true, .p384 = true};

    for (const char *const *name = fc_csr_dns(csr); *name; name++)
        FC_ASSERT(!strpbrk(*name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"));
    for (const char *const *ip = fc_csr_ips(csr); *ip; ip++)
        FC_ASSERT(strpbrk(*ip, ".:"));
    if (fc_csr_key(csr) && fc_key_check(fc_csr_key(csr), &rules, NULL) == 0 && fc_csr_signature_algorithm_ok(csr))
        fc_csr_signature_ok(csr);
}

static void use_cert(const struct fc_cert *cert)
{
    struct fc_key *key = NULL;

    free(fc_cert_serial(cert));
    free(fc_cert_subject(cert));
    free(fc_cert_cn(cert));
    free(fc_cert_pem(cert));
    fc_cert_issued_by(cert, cert);
    if (fc_cert_key(cert, &key, NULL) == 0)
        fc_key_free(key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fc_auto(fc_csr_free) struct fc_csr *csr = NULL;
    fc_auto(fc_cert_free) struct fc_cert *cert = NULL;
    fc_auto(fc_key_free) struct fc_key *key = NULL;

    if (fc_csr_parse(data, size, &csr, NULL) == 0)
        use_csr(csr);
    if (fc_cert_from_der(data, size, &cert, NULL) == 0)
        use_cert(cert);
    fc_key_from_der(data, size, &key, NULL);
    return 0;
}
