/* Signatures of JWS (RFC 7518 section 3, RFC 8037 section 3.1): verifying and making them. */
#include "pki/pki_jws.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/ec.h>
#include <openssl/err.h>

#include "base/base_assert.h"
#include "base/base_b64.h"
#include "base/base_json.h"
#include "pki/pki_int.h"

struct alg {
    const char *name;
    enum fc_key_type type;
    int sha; /* bits; 0: the key type's own */
    bool pss;
};

static const struct alg algs[] = {
    {"ES256", FC_KEY_P256, 256, false}, {"ES384", FC_KEY_P384, 384, false}, {"ES512", FC_KEY_P521, 512, false},
    {"RS256", FC_KEY_RSA, 256, false},  {"PS256", FC_KEY_RSA, 256, true},   {"EdDSA", FC_KEY_OTHER, 0, false},
};

const char *fc_jws_key_alg(const struct fc_key *key)
{
    if (key->type == FC_KEY_RSA)
        return "RS256";
    return key->curve ? key->curve->alg : NULL;
}

/* The algorithm of that name, NULL unless it fits the key: the name comes from the peer, the key decides what is done. */
static const struct alg *find_alg(const char *name, const struct fc_key *key)
{
    for (size_t i = 0; i < sizeof algs / sizeof *algs; i++)
        if (strcmp(algs[i].name, name) == 0)
            return algs[i].type == key->type && (algs[i].sha || fc_pki_key_ed25519(key)) ? &algs[i] : NULL;
    return NULL;
}

bool fc_jws_key_takes(const struct fc_key *key, const char *alg)
{
    return find_alg(alg, key) != NULL;
}

/* r || s of exactly the curve's length (RFC 7518 section 3.4) becomes the SEQUENCE that OpenSSL wants. */
static bool verify_ecdsa(const struct fc_pki_ossl_check *check, const unsigned char *sig, size_t octets)
{
    struct fc_buf der fc_auto_buf;

    fc_buf_init(&der, 256);
    size_t seq = fc_pki_der_open(&der, FC_DER_SEQUENCE);
    fc_pki_der_uint(&der, sig, octets);
    fc_pki_der_uint(&der, sig + octets, octets);
    fc_pki_der_close(&der, seq);
    return fc_pki_ossl_verify(check, (const unsigned char *)der.data, der.len);
}

int fc_jws_verify(const struct fc_jws *jws, const struct fc_key *key, struct fc_err *err)
{
    const struct alg *alg = find_alg(jws->alg, key);
    bool ok;

    if (!alg)
        return fc_err_set(err, FC_E_CRYPTO, "algorithm '%.64s' does not fit the key", jws->alg);
    if (key->curve && jws->signature_len != 2 * key->curve->octets)
        return fc_err_set(err, FC_E_CRYPTO, "signature of %zu octets, %s has %zu", jws->signature_len, alg->name,
                          2 * key->curve->octets);
    const struct fc_pki_ossl_check check = {
        .key = key->evp, .sha = alg->sha, .rsa_pss = alg->pss, .data = jws->signing, .data_len = jws->signing_len};
    if (key->curve)
        ok = verify_ecdsa(&check, jws->signature, key->curve->octets);
    else
        ok = fc_pki_ossl_verify(&check, jws->signature, jws->signature_len);
    return ok ? 0 : fc_err_set(err, FC_E_CRYPTO, "the signature is wrong");
}

/* ---- making ---- */

FC_CLEANUP(ECDSA_SIG *, ECDSA_SIG_free)

static int ecdsa_from_der(unsigned char **sig, size_t *len, size_t octets, struct fc_err *err)
{
    const unsigned char *at = *sig;
    fc_auto(ECDSA_SIG_free) ECDSA_SIG *parsed = d2i_ECDSA_SIG(NULL, &at, (long)*len);
    fc_auto_free unsigned char *raw = fc_malloc(2 * octets);

    if (!parsed || BN_bn2binpad(ECDSA_SIG_get0_r(parsed), raw, (int)octets) < 0 ||
        BN_bn2binpad(ECDSA_SIG_get0_s(parsed), raw + octets, (int)octets) < 0)
        return fc_pki_ossl_err(err, FC_E_CRYPTO, "cannot sign");
    free(*sig);
    *sig = FC_TAKE(raw);
    *len = 2 * octets;
    return 0;
}

/* Appends base64url. */
static void put_b64(struct fc_buf *to, const void *data, size_t len)
{
    fc_auto_free char *text = fc_malloc(FC_B64URL_LEN(len) + 1);
    size_t text_len = fc_b64url_encode(data, len, text);

    fc_buf_append(to, text, text_len);
}

static char *header_text(const json_t *header, const char *alg)
{
    /* json_copy takes a reference away from const but changes nothing */
    fc_auto_json all = header ? json_copy((json_t *)(uintptr_t)header) : json_object();

    FC_ASSERT(json_object_set_new(all, "alg", json_string(alg)) == 0);
    return fc_json_text(all);
}

int fc_jws_sign(const struct fc_key *key, const json_t *header, const char *payload, char **ret_body,
                struct fc_err *err)
{
    const char *name = fc_pki_key_ed25519(key) ? "EdDSA" : fc_jws_key_alg(key);
    const struct alg *alg = name ? find_alg(name, key) : NULL;
    struct fc_buf signing fc_auto_buf, body fc_auto_buf;

    fc_buf_init(&signing, SIZE_MAX / 4);
    fc_buf_init(&body, SIZE_MAX / 4);
    if (!alg)
        return fc_err_set(err, FC_E_CRYPTO, "no signature algorithm fits the key");
    fc_auto_free char *text = header_text(header, name);
    put_b64(&signing, text, strlen(text));
    size_t header_len = signing.len;
    fc_buf_putc(&signing, '.');
    put_b64(&signing, payload ? payload : "", payload ? strlen(payload) : 0);
    const struct fc_pki_ossl_check what = {
        .key = key->evp, .sha = alg->sha, .data = signing.data, .data_len = signing.len};
    fc_auto_free unsigned char *sig = NULL;
    size_t sig_len = 0;
    if (fc_pki_ossl_sign(&what, &sig, &sig_len, err) ||
        (key->curve && ecdsa_from_der(&sig, &sig_len, key->curve->octets, err)))
        return -1;
    fc_buf_printf(&body, "{\"protected\":\"%.*s\",\"payload\":\"%s\",\"signature\":\"", (int)header_len, signing.data,
                  signing.data + header_len + 1);
    put_b64(&body, sig, sig_len);
    fc_buf_puts(&body, "\"}");
    *ret_body = fc_buf_detach(&body);
    return 0;
}
