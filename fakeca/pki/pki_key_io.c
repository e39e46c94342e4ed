/* Keys as PEM and DER. */
#include "pki/pki_int.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>

/* Without this OpenSSL would ask for a passphrase at the terminal. */
static int no_passphrase(char *buf, int size, int rwflag, void *cookie)
{
    (void)buf;
    (void)size;
    (void)rwflag;
    (void)cookie;
    return -1;
}

int fc_key_from_pem(const char *pem, size_t len, struct fc_key **ret_key, struct fc_err *err)
{
    if (len > FC_PKI_INPUT_MAX)
        return fc_err_set(err, FC_E_PARSE, "the private key's PEM is longer than %d bytes", FC_PKI_INPUT_MAX);
    fc_auto(BIO_free_all) BIO *bio = BIO_new_mem_buf(pem, (int)len);
    fc_auto(EVP_PKEY_free) EVP_PKEY *evp = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
    if (!evp)
        return fc_pki_ossl_err(err, FC_E_PARSE, "not an unencrypted private key in PEM");
    ERR_clear_error();
    return fc_key_from_evp(evp, ret_key, err);
}

int fc_key_to_pem(const struct fc_key *key, char **ret_pem, struct fc_err *err)
{
    fc_auto(BIO_free_all) BIO *bio = BIO_new(BIO_s_mem());
    char *data = NULL;

    if (!bio || PEM_write_bio_PKCS8PrivateKey(bio, key->evp, NULL, NULL, 0, NULL, NULL) != 1)
        return fc_pki_ossl_err(err, FC_E_CRYPTO, "cannot write the private key");
    long len = BIO_get_mem_data(bio, &data);
    *ret_pem = fc_strndup(data, (size_t)len);
    return 0;
}

FC_CLEANUP(PKCS8_PRIV_KEY_INFO *, PKCS8_PRIV_KEY_INFO_free)

int fc_key_to_der(const struct fc_key *key, unsigned char **ret_der, size_t *ret_len, struct fc_err *err)
{
    fc_auto(PKCS8_PRIV_KEY_INFO_free) PKCS8_PRIV_KEY_INFO *p8 = EVP_PKEY2PKCS8(key->evp);
    unsigned char *der = NULL;
    int len = p8 ? i2d_PKCS8_PRIV_KEY_INFO(p8, &der) : -1;

    if (len <= 0)
        return fc_pki_ossl_err(err, FC_E_CRYPTO, "cannot write the private key");
    *ret_der = fc_memdup(der, (size_t)len);
    *ret_len = (size_t)len;
    OPENSSL_clear_free(der, (size_t)len);
    return 0;
}

int fc_key_from_der(const unsigned char *der, size_t len, struct fc_key **ret_key, struct fc_err *err)
{
    const unsigned char *at = der;

    if (len > FC_PKI_INPUT_MAX)
        return fc_err_set(err, FC_E_PARSE, "the private key is longer than %d bytes", FC_PKI_INPUT_MAX);
    fc_auto(EVP_PKEY_free) EVP_PKEY *evp = d2i_AutoPrivateKey(NULL, &at, (long)len);
    if (!evp)
        return fc_pki_ossl_err(err, FC_E_PARSE, "not a private key in DER");
    if (at != der + len)
        return fc_err_set(err, FC_E_PARSE, "bytes behind the private key");
    ERR_clear_error();
    return fc_key_from_evp(evp, ret_key, err);
}
