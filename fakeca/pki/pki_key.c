#include "pki/pki_int.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>

#include "base/base_assert.h"

/* AlgorithmIdentifiers: id-ecPublicKey with the curve, rsaEncryption with NULL, Ed25519 */
static const char id_p256[] = "\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
static const char id_p384[] = "\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22";
static const char id_p521[] = "\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x23";
static const char id_rsa[] = "\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";
static const char id_ed25519[] = "\x30\x05\x06\x03\x2b\x65\x70";

static const struct fc_pki_curve curves[] = {
    {FC_KEY_P256, "P-256", NID_X9_62_prime256v1, 32, "ES256", 256, id_p256, sizeof id_p256 - 1},
    {FC_KEY_P384, "P-384", NID_secp384r1, 48, "ES384", 384, id_p384, sizeof id_p384 - 1},
    {FC_KEY_P521, "P-521", NID_secp521r1, 66, "ES512", 512, id_p521, sizeof id_p521 - 1},
};
#define N_CURVES (sizeof curves / sizeof *curves)

const struct fc_pki_curve *fc_pki_key_curve(const char *name)
{
    for (size_t i = 0; i < N_CURVES; i++)
        if (strcmp(curves[i].name, name) == 0)
            return &curves[i];
    return NULL;
}

const struct fc_pki_curve *fc_pki_key_curve_nid(int nid)
{
    for (size_t i = 0; i < N_CURVES; i++)
        if (curves[i].nid == nid)
            return &curves[i];
    return NULL;
}

bool fc_pki_key_ed25519(const struct fc_key *key)
{
    return key->type == FC_KEY_OTHER && key->pub;
}

void fc_pki_key_bits(const struct fc_key *key, struct fc_buf *bits)
{
    if (key->curve) {
        fc_buf_putc(bits, 4); /* uncompressed point */
        fc_buf_append(bits, key->pub, key->pub_len);
    } else if (key->type == FC_KEY_RSA) {
        size_t seq = fc_pki_der_open(bits, FC_DER_SEQUENCE);
        fc_pki_der_uint(bits, key->pub, key->n_len);
        fc_pki_der_uint(bits, key->pub + key->n_len, key->pub_len - key->n_len);
        fc_pki_der_close(bits, seq);
    } else {
        fc_buf_append(bits, key->pub, key->pub_len);
    }
}

/* What has no parts of its own here is written by OpenSSL. */
static void foreign_spki(const struct fc_key *key, struct fc_buf *der)
{
    unsigned char *bytes = NULL;
    int len = i2d_PUBKEY(key->evp, &bytes);

    if (len > 0)
        fc_buf_append(der, bytes, (size_t)len);
    OPENSSL_free(bytes);
    ERR_clear_error();
}

void fc_pki_key_spki(const struct fc_key *key, struct fc_buf *der)
{
    struct fc_buf bits fc_auto_buf;

    fc_buf_init(&bits, FC_PKI_INPUT_MAX);
    if (!key->pub) {
        foreign_spki(key, der);
        return;
    }
    fc_pki_key_bits(key, &bits);
    size_t seq = fc_pki_der_open(der, FC_DER_SEQUENCE);
    if (key->curve)
        fc_buf_append(der, key->curve->spki_id, key->curve->spki_id_len);
    else if (key->type == FC_KEY_RSA)
        fc_buf_append(der, id_rsa, sizeof id_rsa - 1);
    else
        fc_buf_append(der, id_ed25519, sizeof id_ed25519 - 1);
    fc_pki_der_bits(der, bits.data, bits.len);
    fc_pki_der_close(der, seq);
}

/* Takes over pub and a reference of evp. */
static struct fc_key *key_new(EVP_PKEY *evp, enum fc_key_type type, unsigned char *pub, size_t n_len, size_t pub_len)
{
    struct fc_key *key = fc_calloc(1, sizeof *key);
    struct fc_buf spki fc_auto_buf;

    atomic_init(&key->refs, 1);
    key->evp = evp;
    key->type = type;
    key->bits = EVP_PKEY_get_bits(evp);
    for (size_t i = 0; i < N_CURVES; i++)
        if (curves[i].type == type)
            key->curve = &curves[i];
    key->pub = pub;
    key->pub_len = pub_len;
    key->n_len = n_len;
    fc_buf_init(&spki, FC_PKI_INPUT_MAX);
    fc_pki_key_spki(key, &spki);
    fc_key_sha256(spki.data, spki.len, key->spki_hash);
    return key;
}

/* ---- from an OpenSSL key ---- */

struct parts {
    enum fc_key_type type;
    unsigned char *pub;
    size_t n_len, pub_len;
};

static int get_bn(const EVP_PKEY *evp, const char *name, BIGNUM **ret_bn, struct fc_err *err)
{
    if (EVP_PKEY_get_bn_param(evp, name, ret_bn) != 1)
        return fc_pki_ossl_err(err, FC_E_CRYPTO, "the key has no %s", name);
    return 0;
}

static int rsa_parts(const EVP_PKEY *evp, struct parts *ret, struct fc_err *err)
{
    fc_auto(BN_free) BIGNUM *n = NULL;
    fc_auto(BN_free) BIGNUM *e = NULL;

    if (get_bn(evp, OSSL_PKEY_PARAM_RSA_N, &n, err) || get_bn(evp, OSSL_PKEY_PARAM_RSA_E, &e, err))
        return -1;
    ret->type = FC_KEY_RSA;
    ret->n_len = (size_t)BN_num_bytes(n);
    ret->pub_len = ret->n_len + (size_t)BN_num_bytes(e);
    ret->pub = fc_malloc(ret->pub_len + 1);
    BN_bn2bin(n, ret->pub);
    BN_bn2bin(e, ret->pub + ret->n_len);
    return 0;
}

static const struct fc_pki_curve *curve_of(const EVP_PKEY *evp)
{
    char group[64];
    int is_explicit = 0;

    /* RFC 5480 section 2.1.1 forbids curve parameters written out, even when they are those of a named curve */
    EVP_PKEY_get_int_param(evp, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &is_explicit);
    if (is_explicit || EVP_PKEY_get_group_name(evp, group, sizeof group, NULL) != 1)
        return NULL;
    const struct fc_pki_curve *curve = fc_pki_key_curve_nid(OBJ_sn2nid(group));
    return curve ? curve : fc_pki_key_curve(group);
}

static int ec_parts(const EVP_PKEY *evp, struct parts *ret, struct fc_err *err)
{
    const struct fc_pki_curve *curve = curve_of(evp);
    fc_auto(BN_free) BIGNUM *x = NULL;
    fc_auto(BN_free) BIGNUM *y = NULL;

    if (!curve) {
        ERR_clear_error();
        return 0; /* FC_KEY_OTHER */
    }
    if (get_bn(evp, OSSL_PKEY_PARAM_EC_PUB_X, &x, err) || get_bn(evp, OSSL_PKEY_PARAM_EC_PUB_Y, &y, err))
        return -1;
    ret->type = curve->type;
    ret->pub_len = 2 * curve->octets;
    ret->pub = fc_malloc(ret->pub_len);
    BN_bn2binpad(x, ret->pub, (int)curve->octets);
    BN_bn2binpad(y, ret->pub + curve->octets, (int)curve->octets);
    return 0;
}

static int ed25519_parts(const EVP_PKEY *evp, struct parts *ret, struct fc_err *err)
{
    size_t len = 32;
    fc_auto_free unsigned char *pub = fc_malloc(len);

    if (EVP_PKEY_get_raw_public_key(evp, pub, &len) != 1)
        return fc_pki_ossl_err(err, FC_E_CRYPTO, "the key has no public part");
    ret->pub = FC_TAKE(pub);
    ret->pub_len = len;
    return 0;
}

int fc_key_from_evp(EVP_PKEY *evp, struct fc_key **ret_key, struct fc_err *err)
{
    static const struct {
        const char *name;
        int (*parts)(const EVP_PKEY *evp, struct parts *ret, struct fc_err *err);
    } kinds[] = {{"EC", ec_parts}, {"RSA", rsa_parts}, {"ED25519", ed25519_parts}};
    struct parts parts = {.type = FC_KEY_OTHER};

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (EVP_PKEY_is_a(evp, kinds[i].name) && kinds[i].parts(evp, &parts, err))
            return -1;
    EVP_PKEY_up_ref(evp);
    *ret_key = key_new(evp, parts.type, parts.pub, parts.n_len, parts.pub_len);
    return 0;
}

/* ---- from parts, for JWKs ---- */

FC_CLEANUP(OSSL_PARAM_BLD *, OSSL_PARAM_BLD_free)
FC_CLEANUP(OSSL_PARAM *, OSSL_PARAM_free)

static EVP_PKEY *evp_from_params(const char *kty, OSSL_PARAM *params)
{
    fc_auto(EVP_PKEY_CTX_free) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, kty, NULL);
    EVP_PKEY *evp = NULL;

    if (!ctx || EVP_PKEY_fromdata_init(ctx) != 1 || EVP_PKEY_fromdata(ctx, &evp, EVP_PKEY_PUBLIC_KEY, params) != 1)
        return NULL;
    return evp;
}

static EVP_PKEY *evp_ec(const struct fc_pki_curve *curve, const unsigned char *pub, size_t len)
{
    unsigned char point[1 + 2 * 66] = {4};
    char group[8];
    OSSL_PARAM params[3];

    FC_ASSERT(len <= sizeof point - 1);
    memcpy(point + 1, pub, len);
    memcpy(group, curve->name, strlen(curve->name) + 1);
    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0);
    params[1] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, len + 1);
    params[2] = OSSL_PARAM_construct_end();
    /* the point is read with its check that it lies on the curve; these curves have cofactor 1, so no more is needed */
    return evp_from_params("EC", params);
}

static EVP_PKEY *evp_rsa(const unsigned char *pub, size_t n_len, size_t len)
{
    fc_auto(BN_free) BIGNUM *n = BN_bin2bn(pub, (int)n_len, NULL);
    fc_auto(BN_free) BIGNUM *e = BN_bin2bn(pub + n_len, (int)(len - n_len), NULL);
    fc_auto(OSSL_PARAM_BLD_free) OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();

    if (!n || !e || !bld || OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, n) != 1 ||
        OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, e) != 1)
        return NULL;
    fc_auto(OSSL_PARAM_free) OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
    return params ? evp_from_params("RSA", params) : NULL;
}

int fc_pki_key_build(const struct fc_pki_build *build, struct fc_key **ret_key, struct fc_err *err)
{
    EVP_PKEY *evp;

    if (build->curve)
        evp = evp_ec(build->curve, build->pub, build->pub_len);
    else if (build->type == FC_KEY_RSA)
        evp = evp_rsa(build->pub, build->n_len, build->pub_len);
    else
        evp = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, build->pub, build->pub_len);
    if (!evp)
        return fc_pki_ossl_err(err, FC_E_CRYPTO, "bad public key");
    *ret_key = key_new(evp, build->type, fc_memdup(build->pub, build->pub_len), build->n_len, build->pub_len);
    return 0;
}

int fc_key_generate(enum fc_key_type type, int bits, struct fc_key **ret_key, struct fc_err *err)
{
    fc_auto(EVP_PKEY_free) EVP_PKEY *evp = NULL;

    if (type == FC_KEY_RSA) {
        if (bits != 2048 && bits != 3072 && bits != 4096)
            return fc_err_set(err, FC_E_USAGE, "rsa keys of %d bits are not made, only of 2048, 3072, 4096", bits);
        evp = EVP_RSA_gen((unsigned)bits);
    }
    for (size_t i = 0; i < N_CURVES; i++)
        if (curves[i].type == type)
            evp = EVP_EC_gen(curves[i].name);
    if (!evp)
        return fc_pki_ossl_err(err, FC_E_CRYPTO, "cannot make a key");
    return fc_key_from_evp(evp, ret_key, err);
}

/* ---- life and small questions ---- */

struct fc_key *fc_key_ref(struct fc_key *key)
{
    atomic_fetch_add_explicit(&key->refs, 1, memory_order_relaxed);
    return key;
}

void fc_key_free(struct fc_key *key)
{
    if (!key || atomic_fetch_sub_explicit(&key->refs, 1, memory_order_acq_rel) != 1)
        return;
    EVP_PKEY_free(key->evp);
    free(key->pub);
    free(key);
}

enum fc_key_type fc_key_type(const struct fc_key *key)
{
    return key->type;
}

int fc_key_bits(const struct fc_key *key)
{
    return key->bits;
}

EVP_PKEY *fc_key_evp(const struct fc_key *key)
{
    return key->evp;
}

void fc_key_spki_hash(const struct fc_key *key, unsigned char ret_hash[32])
{
    memcpy(ret_hash, key->spki_hash, sizeof key->spki_hash);
}

bool fc_key_equal(const struct fc_key *a, const struct fc_key *b)
{
    return memcmp(a->spki_hash, b->spki_hash, sizeof a->spki_hash) == 0;
}
