/* JWS by HMAC (RFC 7518 section 3.2): the inner one of external account bindings. */
#include "pki/pki_jws.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#define KEY_MAX 4096

bool fc_jws_mac_fits(const struct fc_jws *jws, const void *key, size_t key_len)
{
    static const struct {
        const char *alg, *digest;
    } macs[] = {{"HS256", "SHA256"}, {"HS384", "SHA384"}, {"HS512", "SHA512"}};
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    if (key_len == 0 || key_len > KEY_MAX)
        return false;
    for (size_t i = 0; i < sizeof macs / sizeof *macs; i++) {
        if (strcmp(macs[i].alg, jws->alg) != 0)
            continue;
        if (!HMAC(EVP_get_digestbyname(macs[i].digest), key, (int)key_len, (const unsigned char *)jws->signing,
                  jws->signing_len, mac, &len))
            return false;
        return jws->signature_len == len && CRYPTO_memcmp(jws->signature, mac, len) == 0;
    }
    return false;
}
