/* Certificates of our own hierarchy: roots, intermediates, and the directory's TLS certificate. */
#include "pki/pki_cert.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_rand.h"
#include "pki/pki_int.h"

#define SERIAL_LEN 16
#define CN_MAX 64

/* The variable parts of one certificate while it is put together. */
struct draft {
    struct fc_buf issuer, subject, spki, extensions;
    unsigned char serial[SERIAL_LEN];
    unsigned char ski[FC_PKI_SKI_LEN];
};

static void draft_release(struct draft *draft)
{
    fc_buf_release(&draft->issuer);
    fc_buf_release(&draft->subject);
    fc_buf_release(&draft->spki);
    fc_buf_release(&draft->extensions);
}

static void draft_init(struct draft *draft, const struct fc_key *key)
{
    struct fc_buf bits fc_auto_buf;

    fc_buf_init(&draft->issuer, FC_PKI_INPUT_MAX);
    fc_buf_init(&draft->subject, FC_PKI_INPUT_MAX);
    fc_buf_init(&draft->spki, FC_PKI_INPUT_MAX);
    fc_buf_init(&draft->extensions, FC_PKI_INPUT_MAX);
    fc_rand_bytes(draft->serial, sizeof draft->serial);
    draft->serial[0] = (unsigned char)((draft->serial[0] & 0x7f) | 0x40); /* positive, and always of this length */
    fc_pki_key_spki(key, &draft->spki);
    fc_buf_init(&bits, FC_PKI_INPUT_MAX);
    fc_pki_key_bits(key, &bits);
    fc_pki_ext_ski_of(bits.data, bits.len, draft->ski);
}

static int finish(const struct draft *draft, const struct fc_key *signer, int64_t not_before, int64_t not_after,
                  struct fc_cert **ret_cert, struct fc_err *err)
{
    const struct fc_pki_tbs tbs = {.serial = draft->serial,
                                   .serial_len = sizeof draft->serial,
                                   .issuer = &draft->issuer,
                                   .subject = &draft->subject,
                                   .spki = &draft->spki,
                                   .extensions = &draft->extensions,
                                   .not_before = not_before,
                                   .not_after = not_after};
    fc_auto_free unsigned char *der = NULL;
    size_t len = 0;

    if (not_after < not_before)
        return fc_err_set(err, FC_E_USAGE, "the certificate would end before it begins");
    if (fc_pki_sign_cert(signer, &tbs, &der, &len, err))
        return -1;
    return fc_cert_from_der(der, len, ret_cert, err);
}

static int ca_extensions(struct draft *draft, const struct fc_cert_ca *params, struct fc_err *err)
{
    struct fc_buf *ext = &draft->extensions;
    const unsigned char *aki = draft->ski;
    size_t aki_len = sizeof draft->ski;

    fc_pki_ext_usage(ext, FC_PKI_USAGE_CA);
    if (params->server_auth)
        fc_pki_ext_server_auth(ext, params->client_auth);
    fc_pki_ext_basic(ext, true, params->path_len);
    fc_pki_ext_ski(ext, draft->ski, sizeof draft->ski);
    if (params->issuer)
        aki = fc_cert_ski(params->issuer, &aki_len);
    if (aki)
        fc_pki_ext_aki(ext, aki, aki_len);
    if (params->aia_url)
        fc_pki_ext_aia(ext, params->aia_url, NULL);
    if (params->policy_oid && fc_pki_ext_policy(ext, params->policy_oid, err))
        return -1;
    if (params->crl_url)
        fc_pki_ext_crl_url(ext, params->crl_url);
    return 0;
}

int fc_cert_make_ca(const struct fc_cert_ca *params, struct fc_cert **ret_cert, struct fc_err *err)
{
    const struct fc_key *signer = params->issuer ? params->issuer_key : params->key;
    struct draft draft;

    draft_init(&draft, params->key);
    fc_pki_der_name(&draft.subject, params->country, params->organization, params->cn);
    if (params->issuer)
        fc_pki_cert_subject_der(params->issuer, &draft.issuer);
    else
        fc_buf_append(&draft.issuer, draft.subject.data, draft.subject.len);
    int r = ca_extensions(&draft, params, err);
    if (r == 0)
        r = finish(&draft, signer, params->not_before, params->not_after, ret_cert, err);
    draft_release(&draft);
    return r;
}

/* ---- the directory's own TLS certificate ---- */

static bool is_ip(const char *name)
{
    unsigned char bytes[16];

    return inet_pton(AF_INET, name, bytes) == 1 || inet_pton(AF_INET6, name, bytes) == 1;
}

static int tls_names(struct fc_buf *ext, const char *const *names, struct fc_err *err)
{
    size_t count = 0, n_dns = 0, n_ips = 0;

    while (names[count])
        count++;
    fc_auto_free const char **dns = fc_calloc(count + 1, sizeof *dns);
    fc_auto_free const char **ips = fc_calloc(count + 1, sizeof *ips);
    for (size_t i = 0; i < count; i++) {
        if (is_ip(names[i]))
            ips[n_ips++] = names[i];
        else
            dns[n_dns++] = names[i];
    }
    return fc_pki_ext_san(ext, false, dns, ips, err);
}

static int tls_extensions(struct draft *draft, const struct fc_key *key, const struct fc_cert *issuer,
                          const char *const *names, struct fc_err *err)
{
    struct fc_buf *ext = &draft->extensions;
    size_t aki_len = 0;
    const unsigned char *aki = fc_cert_ski(issuer, &aki_len);

    fc_pki_ext_usage(ext, key->type == FC_KEY_RSA ? FC_PKI_USAGE_SIGN_ENCIPHER : FC_PKI_USAGE_SIGN);
    fc_pki_ext_server_auth(ext, false);
    fc_pki_ext_basic(ext, false, -1);
    fc_pki_ext_ski(ext, draft->ski, sizeof draft->ski);
    if (aki)
        fc_pki_ext_aki(ext, aki, aki_len);
    return tls_names(ext, names, err);
}

int fc_cert_make_tls(const struct fc_key *key, const char *const *names, int64_t not_before, int64_t not_after,
                     const struct fc_cert *issuer, const struct fc_key *issuer_key, struct fc_cert **ret_cert,
                     struct fc_err *err)
{
    struct draft draft;

    if (!names[0])
        return fc_err_set(err, FC_E_USAGE, "a TLS certificate needs a name");
    draft_init(&draft, key);
    /* never empty: some clients refuse an empty subject whatever the alternative names say */
    fc_pki_der_name(&draft.subject, NULL, NULL, strlen(names[0]) <= CN_MAX ? names[0] : "fakeca");
    fc_pki_cert_subject_der(issuer, &draft.issuer);
    int r = tls_extensions(&draft, key, issuer, names, err);
    if (r == 0)
        r = finish(&draft, issuer_key, not_before, not_after, ret_cert, err);
    draft_release(&draft);
    return r;
}
