/* Certificate revocation lists (RFC 5280 section 5, letsencrypt.md E.7). */
#include "pki/pki_cert.h"

#include "base/base_text.h"
#include "pki/pki_int.h"

#define SERIAL_MAX 32
#define HEAD_ROOM 8192
#define ENTRY_ROOM 96
#define ENTRIES_MAX 10000000
#define REASON_MAX 10

/* id-ce-cRLReasons with an ENUMERATED of one octet that follows */
static const char reason_head[] = "\x30\x0c\x30\x0a\x06\x03\x55\x1d\x15\x04\x03\x0a\x01";

static int put_entry(struct fc_buf *tbs, const struct fc_cert_revoked *revoked, struct fc_err *err)
{
    unsigned char serial[SERIAL_MAX];
    size_t len = 0;

    if (fc_text_unhex(revoked->serial, serial, sizeof serial, &len) || len == 0)
        return fc_err_set(err, FC_E_USAGE, "'%s' is no serial number in hex", revoked->serial);
    /* RFC 5280 section 5.3.1 has no reason 7 */
    if (revoked->reason < 0 || revoked->reason > REASON_MAX || revoked->reason == 7)
        return fc_err_set(err, FC_E_USAGE, "%d is no reason for revocation", revoked->reason);
    size_t seq = fc_pki_der_open(tbs, FC_DER_SEQUENCE);
    fc_pki_der_uint(tbs, serial, len);
    fc_pki_der_time(tbs, revoked->revoked_at);
    if (revoked->reason) {
        fc_buf_append(tbs, reason_head, sizeof reason_head - 1);
        fc_buf_putc(tbs, (char)revoked->reason);
    }
    fc_pki_der_close(tbs, seq);
    return 0;
}

/* The list is absent, not empty, when nothing is revoked (RFC 5280 section 5.1.2.6). */
static int put_entries(struct fc_buf *tbs, const struct fc_cert_crl *params, struct fc_err *err)
{
    if (params->n_revoked == 0)
        return 0;
    size_t list = fc_pki_der_open(tbs, FC_DER_SEQUENCE);
    for (size_t i = 0; i < params->n_revoked; i++)
        if (put_entry(tbs, &params->revoked[i], err))
            return -1;
    fc_pki_der_close(tbs, list);
    return 0;
}

static void put_extensions(struct fc_buf *tbs, const struct fc_cert_crl *params)
{
    size_t ski_len = 0;
    const unsigned char *ski = fc_cert_ski(params->issuer, &ski_len);
    size_t tagged = fc_pki_der_open(tbs, FC_DER_CONTEXT_CONSTRUCTED | 0);
    size_t list = fc_pki_der_open(tbs, FC_DER_SEQUENCE);

    if (ski)
        fc_pki_ext_aki(tbs, ski, ski_len);
    fc_pki_ext_crl_number(tbs, params->number);
    if (params->url)
        fc_pki_ext_crl_idp(tbs, params->url);
    fc_pki_der_close(tbs, list);
    fc_pki_der_close(tbs, tagged);
}

int fc_cert_make_crl(const struct fc_cert_crl *params, unsigned char **ret_der, size_t *ret_len, struct fc_err *err)
{
    struct fc_pki_sign_alg alg = {0};
    struct fc_buf tbs fc_auto_buf;

    fc_buf_init(&tbs, 0);
    if (params->n_revoked > ENTRIES_MAX)
        return fc_err_set(err, FC_E_LIMIT, "%zu revoked certificates, a list takes %d", params->n_revoked, ENTRIES_MAX);
    if (params->next_update <= params->this_update)
        return fc_err_set(err, FC_E_RANGE, "the list would end before it begins");
    if (fc_pki_sign_alg(params->key, &alg, err))
        return -1;
    fc_buf_init(&tbs, HEAD_ROOM + params->n_revoked * ENTRY_ROOM);
    size_t seq = fc_pki_der_open(&tbs, FC_DER_SEQUENCE);
    fc_pki_der_uint64(&tbs, 1); /* v2 */
    fc_buf_append(&tbs, alg.der, alg.len);
    fc_pki_cert_subject_der(params->issuer, &tbs);
    fc_pki_der_time(&tbs, params->this_update);
    fc_pki_der_time(&tbs, params->next_update);
    if (put_entries(&tbs, params, err))
        return -1;
    put_extensions(&tbs, params);
    fc_pki_der_close(&tbs, seq);
    return fc_pki_sign_wrap(params->key, &tbs, ret_der, ret_len, err);
}
