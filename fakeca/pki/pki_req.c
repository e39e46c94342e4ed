/* The frame of a PKCS#10 request (RFC 2986 section 4), parsed by OpenSSL from a description of ours. X509_REQ has the same
 * fields, but decodes the public key by the slow general decoders while it parses: 90 us of an order's 1,000. */
#include "pki/pki_req.h"

#include <openssl/asn1t.h>
#include <openssl/err.h>

#include "pki/pki_int.h"

typedef struct fc_pki_req_key REQ_KEY;
typedef struct fc_pki_req_info REQ_INFO;
typedef struct fc_pki_req REQ;
typedef struct {
    ASN1_INTEGER *n, *e;
} RSA_NUMBERS;

/* clang-format off */
ASN1_SEQUENCE(REQ_KEY) = {
    ASN1_SIMPLE(REQ_KEY, algorithm, X509_ALGOR),
    ASN1_SIMPLE(REQ_KEY, bits, ASN1_BIT_STRING)
} static_ASN1_SEQUENCE_END(REQ_KEY)

ASN1_SEQUENCE_enc(REQ_INFO, encoded, 0) = {
    ASN1_SIMPLE(REQ_INFO, version, ASN1_INTEGER),
    ASN1_SIMPLE(REQ_INFO, subject, X509_NAME),
    ASN1_SIMPLE(REQ_INFO, key, REQ_KEY),
    ASN1_IMP_SET_OF_OPT(REQ_INFO, attributes, X509_ATTRIBUTE, 0)
} static_ASN1_SEQUENCE_END_ref(REQ_INFO, REQ_INFO)

ASN1_SEQUENCE(REQ) = {
    ASN1_SIMPLE(REQ, info, REQ_INFO),
    ASN1_SIMPLE(REQ, algorithm, X509_ALGOR),
    ASN1_SIMPLE(REQ, signature, ASN1_BIT_STRING)
} static_ASN1_SEQUENCE_END(REQ)

ASN1_SEQUENCE(RSA_NUMBERS) = {
    ASN1_SIMPLE(RSA_NUMBERS, n, ASN1_INTEGER),
    ASN1_SIMPLE(RSA_NUMBERS, e, ASN1_INTEGER)
} static_ASN1_SEQUENCE_END(RSA_NUMBERS)
                                         /* clang-format on */

                                         struct fc_pki_req
                                         * fc_pki_req_d2i(const unsigned char **at, size_t len)
{
    return (struct fc_pki_req *)ASN1_item_d2i(NULL, at, (long)len, ASN1_ITEM_rptr(REQ));
}

void fc_pki_req_free(struct fc_pki_req *req)
{
    ASN1_item_free((ASN1_VALUE *)req, ASN1_ITEM_rptr(REQ));
}

bool fc_pki_req_whole_octets(const ASN1_BIT_STRING *bits)
{
    return (bits->flags & 7) == 0; /* OpenSSL keeps the number of unused bits there */
}

static struct fc_key *build(const struct fc_pki_build *parts)
{
    struct fc_key *key = NULL;

    return fc_pki_key_build(parts, &key, NULL) ? NULL : key;
}

/* An uncompressed point on one of our curves. */
static struct fc_key *ec_key(const ASN1_OBJECT *group, const ASN1_BIT_STRING *bits)
{
    const struct fc_pki_curve *curve = fc_pki_key_curve_nid(OBJ_obj2nid(group));

    if (!curve || (size_t)bits->length != 1 + 2 * curve->octets || bits->data[0] != 4)
        return NULL;
    return build(&(struct fc_pki_build){
        .type = curve->type, .curve = curve, .pub = bits->data + 1, .pub_len = 2 * curve->octets});
}

static bool positive(const ASN1_INTEGER *number)
{
    return number->type == V_ASN1_INTEGER && number->length > 0 && number->data[0] != 0;
}

static struct fc_key *rsa_key(const ASN1_BIT_STRING *bits)
{
    const unsigned char *at = bits->data;
    RSA_NUMBERS *numbers = (RSA_NUMBERS *)ASN1_item_d2i(NULL, &at, bits->length, ASN1_ITEM_rptr(RSA_NUMBERS));
    struct fc_key *key = NULL;

    if (numbers && at == bits->data + bits->length && positive(numbers->n) && positive(numbers->e)) {
        struct fc_buf pub fc_auto_buf;
        fc_buf_init(&pub, FC_PKI_INPUT_MAX);
        fc_buf_append(&pub, numbers->n->data, (size_t)numbers->n->length);
        fc_buf_append(&pub, numbers->e->data, (size_t)numbers->e->length);
        key = build(&(struct fc_pki_build){.type = FC_KEY_RSA,
                                           .pub = (const unsigned char *)pub.data,
                                           .n_len = (size_t)numbers->n->length,
                                           .pub_len = pub.len});
    }
    ASN1_item_free((ASN1_VALUE *)numbers, ASN1_ITEM_rptr(RSA_NUMBERS));
    return key;
}

/* Everything else is OpenSSL's to judge: compressed points, other curves, other types. */
static struct fc_key *other_key(const struct fc_pki_req_key *key)
{
    struct fc_buf spki fc_auto_buf;
    struct fc_key *ret = NULL;
    const unsigned char *bits;
    size_t len;

    fc_buf_init(&spki, FC_PKI_INPUT_MAX);
    if (fc_pki_req_spki(key, &spki, &bits, &len, NULL))
        return NULL;
    const unsigned char *at = (const unsigned char *)spki.data;
    fc_auto(EVP_PKEY_free) EVP_PKEY *evp = d2i_PUBKEY(NULL, &at, (long)spki.len);
    return !evp || fc_key_from_evp(evp, &ret, NULL) ? NULL : ret;
}

struct fc_key *fc_pki_req_key(const struct fc_pki_req_key *key)
{
    const ASN1_OBJECT *id;
    const void *parameter;
    int parameter_type;
    struct fc_key *ret = NULL;

    if (!fc_pki_req_whole_octets(key->bits))
        return NULL;
    X509_ALGOR_get0(&id, &parameter_type, &parameter, key->algorithm);
    if (OBJ_obj2nid(id) == NID_X9_62_id_ecPublicKey && parameter_type == V_ASN1_OBJECT)
        ret = ec_key(parameter, key->bits);
    else if (OBJ_obj2nid(id) == NID_rsaEncryption && parameter_type == V_ASN1_NULL)
        ret = rsa_key(key->bits);
    return ret ? ret : other_key(key);
}

int fc_pki_req_spki(const struct fc_pki_req_key *key, struct fc_buf *spki, const unsigned char **ret_bits,
                    size_t *ret_len, struct fc_err *err)
{
    unsigned char *der = NULL;
    int len = ASN1_item_i2d((const ASN1_VALUE *)key, &der, ASN1_ITEM_rptr(REQ_KEY));

    if (len <= 0)
        return fc_pki_ossl_err(err, FC_E_CRYPTO, "the request has no public key");
    fc_buf_append(spki, der, (size_t)len);
    OPENSSL_free(der);
    *ret_bits = key->bits->data;
    *ret_len = (size_t)key->bits->length;
    return 0;
}
