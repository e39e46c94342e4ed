#include "pki/pki_cert.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/base_assert.h"
#include "base/base_text.h"
#include "base/base_time.h"
#include "pki/pki_int.h"

struct fc_cert {
    atomic_uint refs;
    X509 *x509;
    unsigned char *der;
    size_t der_len;
    int64_t not_before, not_after;
    const ASN1_OCTET_STRING *ski, *aki; /* of x509; NULL when absent */
    bool ca;
};

FC_CLEANUP(X509 *, X509_free)

static int read_time(const ASN1_TIME *time, int64_t *ret_at, const char *what, struct fc_err *err)
{
    struct tm tm;

    if (ASN1_TIME_to_tm(time, &tm) != 1)
        return fc_pki_ossl_err(err, FC_E_PARSE, "the %s of the certificate is no date", what);
    struct fc_date date = {.year = tm.tm_year + 1900,
                           .month = tm.tm_mon + 1,
                           .day = tm.tm_mday,
                           .hour = tm.tm_hour,
                           .minute = tm.tm_min,
                           .second = tm.tm_sec};
    *ret_at = fc_date_time(&date);
    return 0;
}

/* Takes x509 over. */
static int cert_new(X509 *x509, struct fc_cert **ret_cert, struct fc_err *err)
{
    fc_auto(fc_cert_free) struct fc_cert *cert = fc_calloc(1, sizeof *cert);
    unsigned char *der = NULL;

    atomic_init(&cert->refs, 1);
    cert->x509 = x509;
    int len = i2d_X509(x509, &der);
    if (len <= 0)
        return fc_pki_ossl_err(err, FC_E_PARSE, "the certificate cannot be written again");
    cert->der = fc_memdup(der, (size_t)len);
    cert->der_len = (size_t)len;
    OPENSSL_free(der);
    if (read_time(X509_get0_notBefore(x509), &cert->not_before, "notBefore", err) ||
        read_time(X509_get0_notAfter(x509), &cert->not_after, "notAfter", err))
        return -1;
    /* OpenSSL reads the extensions at the first of these and keeps what it found: done here, once, by one thread */
    cert->ca = X509_check_ca(x509) == 1;
    cert->ski = X509_get0_subject_key_id(x509);
    cert->aki = X509_get0_authority_key_id(x509);
    ERR_clear_error();
    *ret_cert = FC_TAKE(cert);
    return 0;
}

int fc_cert_from_der(const unsigned char *der, size_t len, struct fc_cert **ret_cert, struct fc_err *err)
{
    const unsigned char *at = der;

    if (len > FC_PKI_INPUT_MAX)
        return fc_err_set(err, FC_E_PARSE, "the certificate has %zu bytes, at most %d are read", len, FC_PKI_INPUT_MAX);
    fc_auto(X509_free) X509 *x509 = d2i_X509(NULL, &at, (long)len);
    if (!x509)
        return fc_pki_ossl_err(err, FC_E_PARSE, "not a certificate in DER");
    if (at != der + len)
        return fc_err_set(err, FC_E_PARSE, "trailing data behind the certificate");
    return cert_new(FC_TAKE(x509), ret_cert, err);
}

int fc_cert_from_pem(const char *pem, size_t len, struct fc_cert **ret_cert, struct fc_err *err)
{
    if (len > INT32_MAX)
        return fc_err_set(err, FC_E_PARSE, "the PEM text is too long");
    fc_auto(BIO_free_all) BIO *bio = BIO_new_mem_buf(pem, (int)len);
    X509 *x509 = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    if (!x509)
        return fc_pki_ossl_err(err, FC_E_PARSE, "no certificate in PEM");
    return cert_new(x509, ret_cert, err);
}

struct fc_cert *fc_cert_ref(struct fc_cert *cert)
{
    atomic_fetch_add_explicit(&cert->refs, 1, memory_order_relaxed);
    return cert;
}

void fc_cert_free(struct fc_cert *cert)
{
    if (!cert || atomic_fetch_sub_explicit(&cert->refs, 1, memory_order_acq_rel) != 1)
        return;
    X509_free(cert->x509);
    free(cert->der);
    free(cert);
}

const unsigned char *fc_cert_der(const struct fc_cert *cert, size_t *ret_len)
{
    *ret_len = cert->der_len;
    return cert->der;
}

#define PEM_LINE 64
#define PEM_LINE_OCTETS 48

char *fc_cert_der_to_pem(const unsigned char *der, size_t len)
{
    static const char head[] = "-----BEGIN CERTIFICATE-----\n", foot[] = "-----END CERTIFICATE-----\n";
    size_t lines = (len + PEM_LINE_OCTETS - 1) / PEM_LINE_OCTETS;
    char *pem = fc_malloc(sizeof head + sizeof foot + lines * (PEM_LINE + 1));
    char *to = pem + sizeof head - 1;

    memcpy(pem, head, sizeof head);
    for (size_t at = 0; at < len; at += PEM_LINE_OCTETS) {
        size_t n = len - at < PEM_LINE_OCTETS ? len - at : PEM_LINE_OCTETS;
        to += EVP_EncodeBlock((unsigned char *)to, der + at, (int)n);
        *to++ = '\n';
    }
    memcpy(to, foot, sizeof foot);
    return pem;
}

char *fc_cert_pem(const struct fc_cert *cert)
{
    return fc_cert_der_to_pem(cert->der, cert->der_len);
}

char *fc_cert_serial(const struct fc_cert *cert)
{
    const ASN1_INTEGER *serial = X509_get0_serialNumber(cert->x509);
    size_t len = (size_t)ASN1_STRING_length(serial);
    /* a negative number (RFC 5280 forbids it) must not read as the serial of somebody else */
    size_t sign = ASN1_STRING_type(serial) == V_ASN1_NEG_INTEGER;
    char *text = fc_malloc(sign + 2 * len + 1);

    text[0] = '-';
    fc_text_hex(ASN1_STRING_get0_data(serial), len, text + sign);
    return text;
}

int64_t fc_cert_not_before(const struct fc_cert *cert)
{
    return cert->not_before;
}

int64_t fc_cert_not_after(const struct fc_cert *cert)
{
    return cert->not_after;
}

char *fc_cert_subject(const struct fc_cert *cert)
{
    const unsigned long flags =
        (XN_FLAG_RFC2253 & ~(unsigned long)(ASN1_STRFLGS_ESC_MSB | XN_FLAG_DN_REV | XN_FLAG_SEP_MASK)) |
        XN_FLAG_SEP_CPLUS_SPC;
    fc_auto(BIO_free_all) BIO *bio = BIO_new(BIO_s_mem());
    char *data = NULL;

    FC_ASSERT(bio);
    X509_NAME_print_ex(bio, X509_get_subject_name(cert->x509), 0, flags);
    long len = BIO_get_mem_data(bio, &data);
    ERR_clear_error();
    return fc_strndup(data ? data : "", (size_t)len);
}

void fc_pki_cert_subject_der(const struct fc_cert *cert, struct fc_buf *der)
{
    const unsigned char *name = NULL;
    size_t len = 0;

    FC_ASSERT(X509_NAME_get0_der(X509_get_subject_name(cert->x509), &name, &len) == 1);
    fc_buf_append(der, name, len);
}

int fc_pki_cert_name_cn(const X509_NAME *name, char **ret_cn, struct fc_err *err)
{
    int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
    unsigned char *utf8 = NULL;

    if (at < 0)
        return 0;
    int len = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
    if (len < 0)
        return fc_pki_ossl_err(err, FC_E_PARSE, "the common name is no text");
    char *cn = fc_strndup((const char *)utf8, (size_t)len);
    OPENSSL_free(utf8);
    if (strlen(cn) != (size_t)len) {
        free(cn);
        return fc_err_set(err, FC_E_PARSE, "the common name holds a NUL");
    }
    *ret_cn = cn;
    return 0;
}

char *fc_cert_cn(const struct fc_cert *cert)
{
    char *cn = NULL;

    fc_pki_cert_name_cn(X509_get_subject_name(cert->x509), &cn, NULL);
    return cn;
}

int fc_cert_key(const struct fc_cert *cert, struct fc_key **ret_key, struct fc_err *err)
{
    EVP_PKEY *evp = X509_get0_pubkey(cert->x509);

    if (!evp)
        return fc_pki_ossl_err(err, FC_E_CRYPTO, "the certificate's public key cannot be read");
    return fc_key_from_evp(evp, ret_key, err);
}

static const unsigned char *octets(const ASN1_OCTET_STRING *string, size_t *ret_len)
{
    if (!string)
        return NULL;
    *ret_len = (size_t)ASN1_STRING_length(string);
    return ASN1_STRING_get0_data(string);
}

const unsigned char *fc_cert_ski(const struct fc_cert *cert, size_t *ret_len)
{
    return octets(cert->ski, ret_len);
}

const unsigned char *fc_cert_aki(const struct fc_cert *cert, size_t *ret_len)
{
    return octets(cert->aki, ret_len);
}

bool fc_cert_is_ca(const struct fc_cert *cert)
{
    return cert->ca;
}

bool fc_cert_issued_by(const struct fc_cert *cert, const struct fc_cert *issuer)
{
    EVP_PKEY *evp = X509_get0_pubkey(issuer->x509);
    bool ok = X509_NAME_cmp(X509_get_issuer_name(cert->x509), X509_get_subject_name(issuer->x509)) == 0 && evp &&
              X509_verify(cert->x509, evp) == 1;

    ERR_clear_error();
    return ok;
}

X509 *fc_cert_x509(const struct fc_cert *cert)
{
    return cert->x509;
}
