/* notBefore and notAfter of an order (RFC 8555 section 7.4). */
#include "acme/acme_int.h"

#include "base/base_time.h"

static int read_time(struct fc_acme_call *call, const char *member, int64_t *ret_at)
{
    const char *text = NULL;

    if (fc_acme_body_text(call->body, member, &text))
        return fc_acme_refuse(call, MALFORMED, "Unable to unmarshal NewOrder request body");
    if (!text || !*text)
        return 0;
    if (fc_time_parse(text, ret_at, NULL))
        return fc_acme_refuse(call, MALFORMED, "NewOrder request has a %s that is no time of RFC 3339", member);
    *ret_at -= *ret_at % FC_SECOND;
    return 0;
}

/* Pebble takes every date, and makes certificates of the past of them; a window that is over is refused here. */
static int check_some(struct fc_acme_call *call, const struct fc_order *order)
{
    int64_t from = order->not_before ? order->not_before : call->now;

    if (order->not_after && (order->not_after <= call->now || order->not_after <= from))
        return fc_acme_refuse(call, MALFORMED, "NewOrder request has a notAfter that is over before it begins");
    return 0;
}

int fc_acme_dates_read(struct fc_acme_call *call, const struct fc_profile_version *profile, struct fc_order *order)
{
    int64_t backdate = fc_acme_policy(call)->issuance.max_backdate;

    if (fc_acme_departs(call)->no_dates_in_orders)
        return 0;
    if (read_time(call, "notBefore", &order->not_before) || read_time(call, "notAfter", &order->not_after))
        return -1;
    if (fc_acme_policy(call)->lenient.names)
        return check_some(call, order);
    int64_t from = order->not_before ? order->not_before : call->now - backdate;
    if (order->not_before && (from < call->now - backdate || from > call->now + profile->validity))
        return fc_acme_refuse(call, MALFORMED, "NewOrder request has a notBefore that the CA does not issue from");
    if (!order->not_after)
        return 0;
    if (order->not_after <= call->now || order->not_after <= from)
        return fc_acme_refuse(call, MALFORMED, "NewOrder request has a notAfter that is over before it begins");
    if (order->not_after + FC_SECOND - from > profile->validity)
        return fc_acme_refuse(call, MALFORMED, "NewOrder request has a notAfter beyond what the profile gives");
    return 0;
}
