/* Leaf certificates (letsencrypt.md E.1). What an issuer's leaves have in common is encoded once. */
#include "pki/pki_cert.h"

#include <stdlib.h>
#include <string.h>

#include "pki/pki_csr.h"
#include "pki/pki_int.h"

/* RFC 5280 section 4.1.2.2 */
#define SERIAL_MAX 20

struct fc_cert_issuer {
    struct fc_key *key;
    struct fc_buf name;
    struct fc_buf key_info; /* extensions authorityKeyIdentifier and authorityInfoAccess */
    struct fc_buf policies; /* extension certificatePolicies */
};

static void common_extensions(struct fc_cert_issuer *issuer, const struct fc_cert_issuer_params *params)
{
    size_t ski_len = 0;
    const unsigned char *ski = fc_cert_ski(params->cert, &ski_len);

    if (ski)
        fc_pki_ext_aki(&issuer->key_info, ski, ski_len);
    if (params->aia_url || params->ocsp_url)
        fc_pki_ext_aia(&issuer->key_info, params->aia_url, params->ocsp_url);
}

static int check_pair(const struct fc_cert *cert, const struct fc_key *key, struct fc_err *err)
{
    fc_auto(fc_key_free) struct fc_key *own = NULL;
    struct fc_pki_sign_alg alg = {0};

    if (fc_cert_key(cert, &own, err) || fc_pki_sign_alg(key, &alg, err))
        return -1;
    if (!fc_key_equal(own, key))
        return fc_err_set(err, FC_E_CRYPTO, "the key is not that of the issuer's certificate");
    return 0;
}

int fc_cert_issuer_new(const struct fc_cert_issuer_params *params, struct fc_cert_issuer **ret_issuer,
                       struct fc_err *err)
{
    fc_auto(fc_cert_issuer_free) struct fc_cert_issuer *issuer = NULL;

    if (check_pair(params->cert, params->key, err))
        return -1;
    issuer = fc_calloc(1, sizeof *issuer);
    /* the reference counter is the only part of a key that ever changes */
    issuer->key = fc_key_ref((struct fc_key *)(uintptr_t)params->key);
    fc_buf_init(&issuer->name, FC_PKI_INPUT_MAX);
    fc_buf_init(&issuer->key_info, FC_PKI_INPUT_MAX);
    fc_buf_init(&issuer->policies, FC_PKI_INPUT_MAX);
    fc_pki_cert_subject_der(params->cert, &issuer->name);
    common_extensions(issuer, params);
    if (params->policy_oid && fc_pki_ext_policy(&issuer->policies, params->policy_oid, err))
        return -1;
    *ret_issuer = FC_TAKE(issuer);
    return 0;
}

void fc_cert_issuer_free(struct fc_cert_issuer *issuer)
{
    if (!issuer)
        return;
    fc_key_free(issuer->key);
    fc_buf_release(&issuer->name);
    fc_buf_release(&issuer->key_info);
    fc_buf_release(&issuer->policies);
    free(issuer);
}

/* The request's own SubjectPublicKeyInfo and the identifier of its bits. */
static int take_key(const struct fc_csr *csr, struct fc_buf *spki, unsigned char ski[FC_PKI_SKI_LEN],
                    struct fc_err *err)
{
    const unsigned char *bits = NULL;
    size_t len = 0;

    if (fc_pki_csr_key_bits(csr, spki, &bits, &len, err))
        return -1;
    fc_pki_ext_ski_of(bits, len, ski);
    return 0;
}

static void put_common(struct fc_buf *ext, const struct fc_buf *part)
{
    fc_buf_append(ext, part->data, part->len);
}

static int leaf_extensions(const struct fc_cert_issuer *issuer, const struct fc_cert_leaf *leaf,
                           const unsigned char ski[FC_PKI_SKI_LEN], struct fc_buf *ext, struct fc_err *err)
{
    fc_pki_ext_usage(ext, leaf->key_encipherment ? FC_PKI_USAGE_SIGN_ENCIPHER : FC_PKI_USAGE_SIGN);
    fc_pki_ext_server_auth(ext, leaf->client_auth);
    fc_pki_ext_basic(ext, false, -1);
    if (leaf->ski)
        fc_pki_ext_ski(ext, ski, FC_PKI_SKI_LEN);
    put_common(ext, &issuer->key_info);
    if (fc_pki_ext_san(ext, !leaf->cn, leaf->dns, leaf->ips, err))
        return -1;
    put_common(ext, &issuer->policies);
    if (leaf->crl_url)
        fc_pki_ext_crl_url(ext, leaf->crl_url);
    return 0;
}

static int check_leaf(const struct fc_cert_leaf *leaf, struct fc_err *err)
{
    if (leaf->serial_len == 0 || leaf->serial_len > SERIAL_MAX)
        return fc_err_set(err, FC_E_USAGE, "a serial number has 1 to %d octets, not %zu", SERIAL_MAX, leaf->serial_len);
    if (leaf->not_after < leaf->not_before)
        return fc_err_set(err, FC_E_RANGE, "the certificate would end before it begins");
    if (!(leaf->dns && leaf->dns[0]) && !(leaf->ips && leaf->ips[0]))
        return fc_err_set(err, FC_E_USAGE, "the certificate would have no name");
    return 0;
}

int fc_cert_make_leaf(const struct fc_cert_issuer *issuer, const struct fc_cert_leaf *leaf, unsigned char **ret_der,
                      size_t *ret_len, struct fc_err *err)
{
    unsigned char ski[FC_PKI_SKI_LEN];
    struct fc_buf subject fc_auto_buf, spki fc_auto_buf, ext fc_auto_buf;
    const struct fc_pki_tbs tbs = {.serial = leaf->serial,
                                   .serial_len = leaf->serial_len,
                                   .issuer = &issuer->name,
                                   .subject = &subject,
                                   .spki = &spki,
                                   .extensions = &ext,
                                   .not_before = leaf->not_before,
                                   .not_after = leaf->not_after};

    fc_buf_init(&subject, FC_PKI_INPUT_MAX);
    fc_buf_init(&spki, FC_PKI_INPUT_MAX);
    fc_buf_init(&ext, FC_PKI_CERT_MAX);
    if (check_leaf(leaf, err) || take_key(leaf->csr, &spki, ski, err) || leaf_extensions(issuer, leaf, ski, &ext, err))
        return -1;
    fc_pki_der_name(&subject, NULL, NULL, leaf->cn);
    return fc_pki_sign_cert(issuer->key, &tbs, ret_der, ret_len, err);
}
