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

/* ---- what lies ahead ---- */

struct tally {
    int64_t at;
    int64_t later; /* rows that belong to a moment behind `at` */
    size_t rows;   /* of this page */
};

/* Reads and counts one page, and moves page->after to its end. */
typedef int (*page_fn)(struct fc_store *store, struct fc_arena *arena, struct fc_store_page *page, struct tally *tally,
                       struct fc_err *err);

static int certificate_page(struct fc_store *store, struct fc_arena *arena, struct fc_store_page *page,
                            struct tally *tally, struct fc_err *err)
{
    const struct fc_store_cert_filter all = {0};
    struct fc_certificate *certificates;
    int64_t *numbers;

    if (fc_store_cert_list(store, arena, &all, page, &certificates, &numbers, &tally->rows, err))
        return -1;
    for (size_t i = 0; i < tally->rows; i++) {
        tally->later += certificates[i].not_before > tally->at;
        page->after = numbers[i];
    }
    return 0;
}

static int account_page(struct fc_store *store, struct fc_arena *arena, struct fc_store_page *page, struct tally *tally,
                        struct fc_err *err)
{
    struct fc_account *accounts;

    if (fc_store_account_list(store, arena, NULL, page, &accounts, &tally->rows, err))
        return -1;
    for (size_t i = 0; i < tally->rows; i++) {
        tally->later += accounts[i].created_at > tally->at;
        page->after = accounts[i].id;
    }
    return 0;
}

static int order_page(struct fc_store *store, struct fc_arena *arena, struct fc_store_page *page, struct tally *tally,
                      struct fc_err *err)
{
    struct fc_order *orders;

    if (fc_store_order_list(store, arena, NULL, 0, page, &orders, &tally->rows, err))
        return -1;
    for (size_t i = 0; i < tally->rows; i++) {
        tally->later += orders[i].created_at > tally->at;
        page->after = orders[i].id;
    }
    return 0;
}

static int count_later(struct fc_store *store, page_fn read_page, int64_t at, int64_t *ret_count, struct fc_err *err)
{
    struct fc_store_page page = {.limit = FC_STORE_PAGE_MAX};
    struct tally tally = {.at = at};

    do {
        fc_auto(fc_arena_free) struct fc_arena *arena = fc_arena_new();
        struct fc_store_tx tx fc_auto_tx = {0};
        if (fc_store_begin(store, FC_STORE_READ, &tx, err) || read_page(store, arena, &page, &tally, err))
            return -1;
    } while (tally.rows == FC_STORE_PAGE_MAX);
    *ret_count = tally.later;
    return 0;
}

int fc_manage_due_ahead(struct fc_store *store, int64_t at, struct fc_manage_ahead *ret_ahead, struct fc_err *err)
{
    if (count_later(store, certificate_page, at, &ret_ahead->certificates, err) ||
        count_later(store, account_page, at, &ret_ahead->accounts, err))
        return -1;
    return count_later(store, order_page, at, &ret_ahead->orders, err);
}

/* ---- what was passed ---- */

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
