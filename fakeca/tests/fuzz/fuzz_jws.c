/* fuzz: uses pki */
/* A request body: parse, take the key that it brings, verify with it. What parses has its parts in the body. */
#include "pki/pki_jws.h"

#include <string.h>

#include "base/base_assert.h"
#include "pki/pki_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const algs[] = {"RS256", "PS256", "ES256", "ES384", "ES512", "EdDSA", NULL};
    struct fc_arena *arena = fc_arena_new();
    struct fc_key *key = NULL;
    struct fc_jws jws;

    if (size <= 65536 && fc_jws_parse(arena, (const char *)data, size, algs, &jws) == FC_JWS_OK) {
        FC_ASSERT(jws.alg && jws.payload && jws.payload[jws.payload_len] == '\0');
        FC_ASSERT(jws.signature_len > 0 && jws.signing_len > 0 && memchr(jws.signing, '.', jws.signing_len));
        if (jws.jwk && fc_key_from_jwk(jws.jwk, &key, NULL) == 0)
            fc_jws_verify(&jws, key, NULL);
        fc_key_free(key);
    }
    fc_arena_free(arena);
    return 0;
}
