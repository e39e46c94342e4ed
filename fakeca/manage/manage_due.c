/* What a skip of the clock means for the rows. What lies ahead of a clock that went backwards is counted page by page, each page
 * in a short transaction: that is rare, and issuing goes on meanwhile. */
#include "manage/manage_int.h"

#include "model/model.h"
#include "store/store_account.h"
#include "store/store_cert.h"
#include "store/store_order.h"

int64_t fc_manage_due_renew_at(const struct fc_certificate *certificate)
{
    return certificate->not_before + (certificate->not_after - certificate->not_before) / 3 * 2;
}

static int not_yet_valid(struct fc_manage *manage, int64_t at, int64_t *ret_count, struct fc_err *err)
{
    const struct fc_store_cert_filter all = {0};
    struct fc_store_page page = {.limit = FC_STORE_PAGE_MAX};
    int64_t found = 0;
    size_t count;

    do {
        fc_auto(fc_arena_free) struct fc_arena *arena = fc_arena_new();
        struct fc_store_tx tx fc_auto_tx = {0};
        struct fc_certificate *certificates;
        int64_t *numbers;
        if (fc_store_begin(manage->params.store, FC_STORE_READ, &tx, err) ||
            fc_store_cert_list(manage->params.store, arena, &all, &page, &certificates, &numbers, &count, err))
            return -1;
        for (size_t i = 0; i < count; i++) {
            found += certificates[i].not_before > at;
            page.after = numbers[i];
        }
    } while (count == FC_STORE_PAGE_MAX);
    *ret_count = found;
    return 0;
}

static int accounts_after(struct fc_manage *manage, int64_t at, int64_t *ret_count, struct fc_err *err)
{
    struct fc_store_page page = {.limit = FC_STORE_PAGE_MAX};
    int64_t found = 0;
    size_t count;

    do {
        fc_auto(fc_arena_free) struct fc_arena *arena = fc_arena_new();
        struct fc_store_tx tx fc_auto_tx = {0};
        struct fc_account *accounts;
        if (fc_store_begin(manage->params.store, FC_STORE_READ, &tx, err) ||
            fc_store_account_list(manage->params.store, arena, NULL, &page, &accounts, &count, err))
            return -1;
        for (size_t i = 0; i < count; i++) {
            found += accounts[i].created_at > at;
            page.after = accounts[i].id;
        }
    } while (count == FC_STORE_PAGE_MAX);
    *ret_count = found;
    return 0;
}

static int orders_after(struct fc_manage *manage, int64_t at, int64_t *ret_count, struct fc_err *err)
{
    struct fc_store_page page = {.limit = FC_STORE_PAGE_MAX};
    int64_t found = 0;
    size_t count;

    do {
        fc_auto(fc_arena_free) struct fc_arena *arena = fc_arena_new();
        struct fc_store_tx tx fc_auto_tx = {0};
        struct fc_order *orders;
        if (fc_store_begin(manage->params.store, FC_STORE_READ, &tx, err) ||
            fc_store_order_list(manage->params.store, arena, NULL, 0, &page, &orders, &count, err))
            return -1;
        for (size_t i = 0; i < count; i++) {
            found += orders[i].created_at > at;
            page.after = orders[i].id;
        }
    } while (count == FC_STORE_PAGE_MAX);
    *ret_count = found;
    return 0;
}

int fc_manage_due_ahead(struct fc_manage *manage, int64_t at, struct fc_manage_ahead *ret_ahead, struct fc_err *err)
{
    if (not_yet_valid(manage, at, &ret_ahead->certificates, err) ||
        accounts_after(manage, at, &ret_ahead->accounts, err))
        return -1;
    return orders_after(manage, at, &ret_ahead->orders, err);
}

int fc_manage_due_passed(struct fc_store *store, int64_t from, int64_t to, struct fc_manage_passed *ret_passed,
                         struct fc_err *err)
{
    *ret_passed = (struct fc_manage_passed){0};
    if (to <= from)
        return 0;
    if (fc_store_cert_count_passing(store, FC_STORE_RENEWAL, from, to, &ret_passed->due, err))
        return -1;
    /* the last second itself is not expired yet: [from, to) in terms of (from, to] */
    return fc_store_cert_count_passing(store, FC_STORE_EXPIRY, from - 1, to - 1, &ret_passed->expired, err);
}
