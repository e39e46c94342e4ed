/* Renewal information: when a certificate should be renewed, and how it is named. No store, no clock. */
#include "ca/ca.h"

#include <stdlib.h>
#include <string.h>

#include "base/base_b64.h"
#include "base/base_text.h"
#include "base/base_time.h"

#include "ca/ca_int.h"
#include "pki/pki_cert.h"
#include "policy/policy.h"

#define SERIAL_MAX 21 /* octets, with a leading 00 */
#define KEY_ID_MAX 64

static int64_t whole_seconds(int64_t at)
{
    return at - at % FC_SECOND;
}

void fc_ca_ari_window(const struct fc_policy *policy, int64_t issued_at, int64_t not_after,
                      struct fc_ca_window *ret_window)
{
    int64_t validity = not_after + FC_SECOND - issued_at;
    bool is_long = validity >= policy->renewal_info.long_from;
    int64_t ideal =
        not_after - validity / (is_long ? policy->renewal_info.long_divisor : policy->renewal_info.short_divisor);
    int64_t margin = validity / policy->renewal_info.margin_divisor;

    ret_window->start = whole_seconds(ideal - margin);
    ret_window->end = whole_seconds(ideal + margin);
}

void fc_ca_ari_revoked(const struct fc_policy *policy, int64_t now, struct fc_ca_window *ret_window)
{
    ret_window->start = whole_seconds(now - policy->renewal_info.revoked_start);
    ret_window->end = whole_seconds(now - policy->renewal_info.revoked_end);
}

/* The content octets of the INTEGER: a leading 00 where the first bit would make it negative. */
static size_t serial_octets(const char *hex, unsigned char *ret_octets)
{
    size_t len;

    if (fc_text_unhex(hex, ret_octets + 1, SERIAL_MAX - 1, &len) || len == 0)
        return 0;
    ret_octets[0] = 0;
    if (ret_octets[1] & 0x80)
        return len + 1;
    memmove(ret_octets, ret_octets + 1, len);
    return len;
}

const char *fc_ca_ari_id(const unsigned char *der, size_t len, struct fc_arena *arena)
{
    char issuer[FC_B64URL_LEN(KEY_ID_MAX) + 1], number[FC_B64URL_LEN(SERIAL_MAX) + 1];
    fc_auto(fc_cert_free) struct fc_cert *cert = NULL;
    unsigned char octets[SERIAL_MAX];
    size_t aki_len;

    if (fc_cert_from_der(der, len, &cert, NULL))
        return NULL;
    const unsigned char *aki = fc_cert_aki(cert, &aki_len);
    fc_auto_free char *serial = fc_cert_serial(cert);
    size_t n_octets = serial_octets(serial, octets);
    if (!aki || aki_len > KEY_ID_MAX || n_octets == 0)
        return NULL;
    fc_b64url_encode(aki, aki_len, issuer);
    fc_b64url_encode(octets, n_octets, number);
    return fc_arena_printf(arena, "%s.%s", issuer, number);
}

bool fc_ca_issuer_known(const struct fc_ca *ca, const unsigned char *ski, size_t len)
{
    for (size_t i = 0; i < ca->n_nodes; i++) {
        const struct fc_ca_node *node = &ca->nodes[i];
        size_t node_len;
        if (!fc_ca_hierarchy_ready(node) || node->root)
            continue;
        const unsigned char *node_ski = fc_cert_ski(node->cert, &node_len);
        if (node_ski && node_len == len && memcmp(node_ski, ski, len) == 0)
            return true;
    }
    return false;
}
