/* fuzz: uses pki */
/* A JWK: what is taken is written again as the same key, and the policy's questions have an answer. */
#include "pki/pki_key.h"

#include "base/base_assert.h"
#include "base/base_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(struct fc_key *key)
{
    static const struct fc_key_rules rules = {.rsa_bits = {2048, 3072, 4096}, .p256 = true, .p384 = true};
    char thumb[FC_KEY_THUMB_LEN + 1];
    struct fc_key *again = NULL;
    fc_auto_json jwk = fc_key_to_jwk(key);

    FC_ASSERT(jwk && fc_key_from_jwk(jwk, &again, NULL) == 0 && fc_key_equal(key, again));
    fc_key_free(again);
    fc_key_thumbprint(key, thumb);
    FC_ASSERT(thumb[FC_KEY_THUMB_LEN - 1] && !thumb[FC_KEY_THUMB_LEN]);
    fc_key_check(key, &rules, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fc_auto_json value = NULL;
    fc_auto(fc_key_free) struct fc_key *key = NULL;

    if (size > 65536 || fc_json_parse((const char *)data, size, &value, NULL))
        return 0;
    if (fc_key_from_jwk(value, &key, NULL) == 0)
        use(key);
    return 0;
}
