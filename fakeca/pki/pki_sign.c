/* The frame that certificates and CRLs share: to-be-signed part, algorithm, signature. */
#include "pki/pki_int.h"

#include <stdlib.h>

#define SIGNATURE_ROOM 2048

static const char ecdsa_sha256[] = "\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02";
static const char ecdsa_sha384[] = "\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x03";
static const char ecdsa_sha512[] = "\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x04";
static const char rsa_sha256[] = "\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00";

int fc_pki_sign_alg(const struct fc_key *key, struct fc_pki_sign_alg *ret_alg, struct fc_err *err)
{
    static const struct {
        enum fc_key_type type;
        struct fc_pki_sign_alg alg;
    } algs[] = {
        {FC_KEY_P256, {ecdsa_sha256, sizeof ecdsa_sha256 - 1, 256}},
        {FC_KEY_P384, {ecdsa_sha384, sizeof ecdsa_sha384 - 1, 384}},
        {FC_KEY_P521, {ecdsa_sha512, sizeof ecdsa_sha512 - 1, 512}},
        {FC_KEY_RSA, {rsa_sha256, sizeof rsa_sha256 - 1, 256}},
    };

    for (size_t i = 0; i < sizeof algs / sizeof *algs; i++) {
        if (algs[i].type != key->type)
            continue;
        *ret_alg = algs[i].alg;
        return 0;
    }
    return fc_err_set(err, FC_E_CRYPTO, "a CA key must be RSA or ECDSA on P-256, P-384 or P-521");
}

int fc_pki_sign_wrap(const struct fc_key *key, const struct fc_buf *tbs, unsigned char **ret_der, size_t *ret_len,
                     struct fc_err *err)
{
    struct fc_pki_sign_alg alg = {0};
    struct fc_buf der fc_auto_buf;
    fc_auto_free unsigned char *sig = NULL;
    size_t sig_len = 0;

    fc_buf_init(&der, tbs->len + SIGNATURE_ROOM);
    if (tbs->full)
        return fc_err_set(err, FC_E_LIMIT, "more than %zu bytes to sign", tbs->max);
    if (fc_pki_sign_alg(key, &alg, err))
        return -1;
    const struct fc_pki_ossl_check what = {.key = key->evp, .sha = alg.sha, .data = tbs->data, .data_len = tbs->len};
    if (fc_pki_ossl_sign(&what, &sig, &sig_len, err))
        return -1;
    size_t seq = fc_pki_der_open(&der, FC_DER_SEQUENCE);
    fc_buf_append(&der, tbs->data, tbs->len);
    fc_buf_append(&der, alg.der, alg.len);
    fc_pki_der_bits(&der, sig, sig_len);
    fc_pki_der_close(&der, seq);
    if (der.full)
        return fc_err_set(err, FC_E_LIMIT, "the signature is longer than %d bytes", SIGNATURE_ROOM);
    *ret_len = der.len;
    *ret_der = (unsigned char *)fc_buf_detach(&der);
    return 0;
}

static void put_validity(struct fc_buf *der, int64_t not_before, int64_t not_after)
{
    size_t seq = fc_pki_der_open(der, FC_DER_SEQUENCE);

    fc_pki_der_time(der, not_before);
    fc_pki_der_time(der, not_after);
    fc_pki_der_close(der, seq);
}

static void put_buf(struct fc_buf *der, const struct fc_buf *part)
{
    fc_buf_append(der, part->data, part->len);
    der->full = der->full || part->full;
}

int fc_pki_sign_cert(const struct fc_key *key, const struct fc_pki_tbs *cert, unsigned char **ret_der, size_t *ret_len,
                     struct fc_err *err)
{
    struct fc_pki_sign_alg alg = {0};
    struct fc_buf tbs fc_auto_buf;

    fc_buf_init(&tbs, FC_PKI_CERT_MAX);
    if (fc_pki_sign_alg(key, &alg, err))
        return -1;
    size_t seq = fc_pki_der_open(&tbs, FC_DER_SEQUENCE);
    size_t version = fc_pki_der_open(&tbs, FC_DER_CONTEXT_CONSTRUCTED | 0);
    fc_pki_der_uint64(&tbs, 2); /* v3 */
    fc_pki_der_close(&tbs, version);
    fc_pki_der_uint(&tbs, cert->serial, cert->serial_len);
    fc_buf_append(&tbs, alg.der, alg.len);
    put_buf(&tbs, cert->issuer);
    put_validity(&tbs, cert->not_before, cert->not_after);
    put_buf(&tbs, cert->subject);
    put_buf(&tbs, cert->spki);
    size_t tagged = fc_pki_der_open(&tbs, FC_DER_CONTEXT_CONSTRUCTED | 3);
    size_t list = fc_pki_der_open(&tbs, FC_DER_SEQUENCE);
    put_buf(&tbs, cert->extensions);
    fc_pki_der_close(&tbs, list);
    fc_pki_der_close(&tbs, tagged);
    fc_pki_der_close(&tbs, seq);
    return fc_pki_sign_wrap(key, &tbs, ret_der, ret_len, err);
}
