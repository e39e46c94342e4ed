/* Accounts and orders. */
#include "manage/manage_int.h"

#include "model/model.h"
#include "store/store_account.h"
#include "store/store_order.h"

/* ---- accounts ---- */

int fc_manage_list_accounts(struct fc_manage_call *call, struct fc_err *err)
{
    struct fc_store *store = call->manage->params.store;
    struct fc_store_tx tx fc_auto_tx = {0};
    struct fc_manage_want want;
    struct fc_account *accounts;
    size_t count;

    if (fc_manage_body_want(call, false, &want, err) || fc_store_begin(store, FC_STORE_READ, &tx, err) ||
        fc_store_account_list(store, call->req->arena, want.env, &want.page, &accounts, &count, err))
        return -1;
    fc_store_end(&tx);
    json_t *rows = json_array();
    bool more = fc_manage_body_want_more(&want, &count);
    for (size_t i = 0; i < count; i++)
        json_array_append_new(rows, fc_manage_render_account(&accounts[i]));
    fc_manage_json(call, json_pack("{s:o,s:o}", "accounts", rows, "next",
                                   more ? json_integer(accounts[count - 1].id) : json_null()));
    return 0;
}

int fc_manage_list_account(struct fc_manage_call *call, struct fc_err *err)
{
    struct fc_store *store = call->manage->params.store;
    struct fc_store_tx tx fc_auto_tx = {0};
    struct fc_account account;
    int64_t id;

    if (fc_manage_body_id(call, "account", &id, err) || fc_store_begin(store, FC_STORE_READ, &tx, err) ||
        fc_store_account_get(store, call->req->arena, id, &account, err))
        return -1;
    fc_store_end(&tx);
    fc_manage_json(call, fc_manage_render_account(&account));
    return 0;
}

/* ---- orders ---- */

/* The status of an order is that of its authorizations: each row brings them along. */
static int order_rows(struct fc_manage_call *call, const struct fc_order *orders, size_t count, json_t *rows,
                      struct fc_err *err)
{
    struct fc_authz *authzs;

    for (size_t i = 0; i < count; i++) {
        if (fc_store_authz_of_order(call->manage->params.store, call->req->arena, &orders[i], &authzs, err))
            return -1;
        json_array_append_new(rows, fc_manage_render_order(&orders[i], authzs, call->req->now));
    }
    return 0;
}

int fc_manage_list_orders(struct fc_manage_call *call, struct fc_err *err)
{
    struct fc_store *store = call->manage->params.store;
    struct fc_store_tx tx fc_auto_tx = {0};
    fc_auto_json rows = json_array();
    struct fc_manage_want want;
    struct fc_order *orders;
    size_t count;

    if (fc_manage_body_want(call, true, &want, err) || fc_store_begin(store, FC_STORE_READ, &tx, err) ||
        fc_store_order_list(store, call->req->arena, want.env, want.account, &want.page, &orders, &count, err))
        return -1;
    bool more = fc_manage_body_want_more(&want, &count);
    if (order_rows(call, orders, count, rows, err))
        return -1;
    fc_store_end(&tx);
    fc_manage_json(
        call, json_pack("{s:O,s:o}", "orders", rows, "next", more ? json_integer(orders[count - 1].id) : json_null()));
    return 0;
}

int fc_manage_list_order(struct fc_manage_call *call, struct fc_err *err)
{
    struct fc_store *store = call->manage->params.store;
    struct fc_arena *arena = call->req->arena;
    struct fc_store_tx tx fc_auto_tx = {0};
    struct fc_authz *authzs;
    struct fc_order order;
    int64_t id;

    if (fc_manage_body_id(call, "order", &id, err) || fc_store_begin(store, FC_STORE_READ, &tx, err) ||
        fc_store_order_get(store, arena, id, &order, err) ||
        fc_store_authz_of_order(store, arena, &order, &authzs, err))
        return -1;
    fc_store_end(&tx);
    json_t *all = json_array();
    for (size_t i = 0; i < order.n_authz; i++)
        json_array_append_new(all, fc_manage_render_authz(&authzs[i], call->req->now));
    json_t *answer = fc_manage_render_order(&order, authzs, call->req->now);
    json_object_set_new(answer, "authorizations", all);
    fc_manage_json(call, answer);
    return 0;
}
