#include "pki/pki_int.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>

#include <openssl/err.h>
#include <openssl/rsa.h>

#include "base/base_assert.h"

int fc_pki_ossl_err(struct fc_err *err, enum fc_err_code code, const char *format, ...)
{
    char text[512];
    va_list args;
    unsigned long first = ERR_peek_error();
    const char *reason = first ? ERR_reason_error_string(first) : NULL;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    /* other users of this thread's queue (curl, TLS) would take what is left there for their own failure */
    ERR_clear_error();
    return fc_err_set(err, code, "%s%s%s", text, reason ? ": " : "", reason ? reason : "");
}

static EVP_MD *digests[3];
static pthread_once_t digests_once = PTHREAD_ONCE_INIT;

static void fetch_digests(void)
{
    static const char *const names[] = {"SHA256", "SHA384", "SHA512"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        digests[i] = EVP_MD_fetch(NULL, names[i], NULL);
        FC_ASSERT(digests[i]);
    }
}

const EVP_MD *fc_pki_ossl_sha(int bits)
{
    FC_ASSERT(bits == 256 || bits == 384 || bits == 512);
    pthread_once(&digests_once, fetch_digests);
    return digests[bits / 128 - 2];
}

void fc_key_sha256(const void *data, size_t len, unsigned char ret_hash[32])
{
    FC_ASSERT(EVP_Digest(data, len, ret_hash, NULL, fc_pki_ossl_sha(256), NULL) == 1);
}

FC_CLEANUP(EVP_MD_CTX *, EVP_MD_CTX_free)

/* A context of its own for each call: contexts are not for sharing between threads. */
static EVP_PKEY_CTX *hashed_ctx(const struct fc_pki_ossl_check *what, int (*init)(EVP_PKEY_CTX *),
                                unsigned char hash[EVP_MAX_MD_SIZE], unsigned *ret_hash_len)
{
    const EVP_MD *md = fc_pki_ossl_sha(what->sha);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, what->key, NULL);
    bool rsa = EVP_PKEY_is_a(what->key, "RSA");

    if (ctx && EVP_Digest(what->data, what->data_len, hash, ret_hash_len, md, NULL) == 1 && init(ctx) == 1 &&
        (!rsa || EVP_PKEY_CTX_set_signature_md(ctx, md) == 1) &&
        (!what->rsa_pss || (EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
                            EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1)))
        return ctx;
    EVP_PKEY_CTX_free(ctx);
    return NULL;
}

bool fc_pki_ossl_verify(const struct fc_pki_ossl_check *check, const unsigned char *sig, size_t sig_len)
{
    bool ok;

    if (check->sha == 0) {
        fc_auto(EVP_MD_CTX_free) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        ok = ctx && EVP_DigestVerifyInit_ex(ctx, NULL, NULL, NULL, NULL, check->key, NULL) == 1 &&
             EVP_DigestVerify(ctx, sig, sig_len, check->data, check->data_len) == 1;
    } else {
        unsigned char hash[EVP_MAX_MD_SIZE];
        unsigned hash_len = 0;
        fc_auto(EVP_PKEY_CTX_free) EVP_PKEY_CTX *ctx = hashed_ctx(check, EVP_PKEY_verify_init, hash, &hash_len);
        ok = ctx && EVP_PKEY_verify(ctx, sig, sig_len, hash, hash_len) == 1;
    }
    if (!ok)
        ERR_clear_error();
    return ok;
}

static int sign_hashed(const struct fc_pki_ossl_check *what, unsigned char *sig, size_t *len)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned hash_len = 0;
    fc_auto(EVP_PKEY_CTX_free) EVP_PKEY_CTX *ctx = hashed_ctx(what, EVP_PKEY_sign_init, hash, &hash_len);

    return ctx && EVP_PKEY_sign(ctx, sig, len, hash, hash_len) == 1;
}

static int sign_whole(const struct fc_pki_ossl_check *what, unsigned char *sig, size_t *len)
{
    fc_auto(EVP_MD_CTX_free) EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    return ctx && EVP_DigestSignInit_ex(ctx, NULL, NULL, NULL, NULL, what->key, NULL) == 1 &&
           EVP_DigestSign(ctx, sig, len, what->data, what->data_len) == 1;
}

int fc_pki_ossl_sign(const struct fc_pki_ossl_check *what, unsigned char **ret_sig, size_t *ret_len, struct fc_err *err)
{
    int room = EVP_PKEY_get_size(what->key);

    if (room <= 0)
        return fc_pki_ossl_err(err, FC_E_CRYPTO, "this key cannot sign");
    fc_auto_free unsigned char *sig = fc_malloc((size_t)room);
    size_t len = (size_t)room;
    if (!(what->sha ? sign_hashed : sign_whole)(what, sig, &len))
        return fc_pki_ossl_err(err, FC_E_CRYPTO, "cannot sign");
    *ret_sig = FC_TAKE(sig);
    *ret_len = len;
    return 0;
}
