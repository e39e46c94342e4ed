/* The list of an account's orders (RFC 8555 section 7.1.2.1), page by page. */
#include "acme/acme_int.h"

#include <inttypes.h>

#include "store/store_order.h"

#define PAGE 50

/* Newest first; orders that came to nothing are left out. *ret_last: id of the last one that was looked at, 0 when there is no more. */
static int read_page(struct fc_acme_call *call, int64_t account_id, int64_t before, json_t *urls, int64_t *ret_last)
{
    struct fc_store *store = call->acme->p.store;
    int64_t wanted = fc_acme_policy(call)->lenient.orders_per_page;
    const size_t most = wanted ? (size_t)wanted : PAGE;
    const struct fc_store_page page = {.after = before, .limit = most + 1, .newest_first = true};
    struct fc_store_tx tx fc_auto_tx = {0};
    struct fc_order *orders;
    size_t count;

    *ret_last = 0;
    if (fc_store_begin(store, FC_STORE_READ, &tx, &call->err) ||
        fc_store_order_list(store, call->arena, call->acme->p.policy->name, account_id, &page, &orders, &count,
                            &call->err))
        return -1;
    for (size_t i = 0; i < count && i < most; i++) {
        struct fc_authz *authzs;
        if (fc_store_authz_of_order(store, call->arena, &orders[i], &authzs, &call->err))
            return -1;
        if (orders[i].serial || fc_order_status(&orders[i], authzs, call->now) != FC_STATUS_INVALID)
            json_array_append_new(urls, json_string(fc_acme_render_order_url(call, &orders[i])));
        *ret_last = count > most ? orders[i].id : 0;
    }
    return 0;
}

int fc_acme_orders(struct fc_acme_call *call)
{
    int64_t account_id, before = 0, last;

    if (fc_acme_body_id(call->req->params[0], &account_id) ||
        (call->req->n_params > 1 && fc_acme_body_id(call->req->params[1], &before)))
        return fc_acme_missing(call, "there is no such list of orders");
    if (account_id != fc_acme_auth_account_id(call))
        return fc_acme_refuse(call, UNAUTHORIZED, "Request signing key did not match account key");
    json_t *urls = json_array();
    if (read_page(call, account_id, before, urls, &last)) {
        json_decref(urls);
        return fc_acme_problem_internal(call, "Failed to retrieve orders");
    }
    if (last)
        fc_acme_render_link(call, fc_acme_render_url(call, "/acme/orders/%" PRId64 "/%" PRId64, account_id, last),
                            "next");
    fc_acme_render_json(call, 200, json_pack("{s:o}", "orders", urls));
    return 0;
}
