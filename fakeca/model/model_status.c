#include "model/model.h"

#include <string.h>

#include "base/base_assert.h"
#include "base/base_b64.h"

static const char *const names[] = {
    [FC_STATUS_PENDING] = "pending", [FC_STATUS_READY] = "ready",     [FC_STATUS_PROCESSING] = "processing",
    [FC_STATUS_VALID] = "valid",     [FC_STATUS_INVALID] = "invalid", [FC_STATUS_DEACTIVATED] = "deactivated",
    [FC_STATUS_EXPIRED] = "expired", [FC_STATUS_REVOKED] = "revoked",
};
#define N_NAMES (sizeof names / sizeof *names)

const char *fc_status_name(enum fc_status status)
{
    FC_ASSERT((size_t)status < N_NAMES);
    return names[status];
}

int fc_status_parse(const char *name, enum fc_status *ret)
{
    for (size_t i = 0; i < N_NAMES; i++) {
        if (strcmp(names[i], name) == 0) {
            *ret = (enum fc_status)i;
            return 0;
        }
    }
    return -1;
}

enum fc_status fc_authz_status(const struct fc_authz *authz, int64_t now)
{
    bool may_expire = authz->stored == FC_STATUS_PENDING || authz->stored == FC_STATUS_VALID;

    return may_expire && now > authz->expires_at ? FC_STATUS_EXPIRED : authz->stored;
}

enum fc_status fc_order_status(const struct fc_order *order, const struct fc_authz *authz, int64_t now)
{
    size_t pending = 0;

    /* an order without authorizations proves nothing and must not become ready */
    if (order->error || now > order->expires_at || order->n_authz == 0)
        return FC_STATUS_INVALID;
    for (size_t i = 0; i < order->n_authz; i++) {
        enum fc_status status = fc_authz_status(&authz[i], now);
        if (status != FC_STATUS_PENDING && status != FC_STATUS_VALID)
            return FC_STATUS_INVALID;
        pending += status == FC_STATUS_PENDING;
    }
    if (pending > 0)
        return FC_STATUS_PENDING;
    if (order->serial)
        return FC_STATUS_VALID;
    return order->processing_at ? FC_STATUS_PROCESSING : FC_STATUS_READY;
}

enum fc_status fc_certificate_status(const struct fc_certificate *certificate, int64_t now)
{
    if (certificate->revoked_at)
        return FC_STATUS_REVOKED;
    return now > certificate->not_after ? FC_STATUS_EXPIRED : FC_STATUS_VALID;
}

/* FNV-1a with 128 bits: prime 2^88 + 0x13B. */
struct fnv {
    uint64_t high, low;
};

static void fnv_add(struct fnv *hash, const char *text)
{
    const uint64_t prime = 0x13B;

    for (; *text; text++) {
        hash->low ^= (unsigned char)*text;
        uint64_t p0 = (hash->low & UINT32_MAX) * prime;
        uint64_t p1 = (hash->low >> 32) * prime + (p0 >> 32);
        hash->high = hash->high * prime + (p1 >> 32) + (hash->low << 24);
        hash->low = p1 << 32 | (p0 & UINT32_MAX);
    }
}

void fc_challenge_id(const char *token, const char *type, char ret_id[FC_CHALLENGE_ID_LEN + 1])
{
    struct fnv hash = {UINT64_C(0x6c62272e07bb0142), UINT64_C(0x62b821756295c58d)};
    unsigned char first[4];

    fnv_add(&hash, token);
    fnv_add(&hash, type);
    for (unsigned i = 0; i < sizeof first; i++)
        first[i] = (unsigned char)(hash.high >> (56 - 8 * i));
    fc_b64url_encode(first, sizeof first, ret_id);
}
