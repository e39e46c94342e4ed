/* What a skip of the clock means for what was issued. Computed by reading the rows page by page, each page in a short
 * transaction, so that issuing goes on meanwhile. */
#include "manage/manage_int.h"

#include <stdio.h>

#include "base/base_time.h"
#include "model/model.h"
#include "store/store_account.h"
#include "store/store_cert.h"
#include "store/store_order.h"

int64_t fc_manage_due_renew_at(const struct fc_certificate *certificate)
{
    /* both ends belong to the lifetime (RFC 5280 section 4.1.2.5) */
    return certificate->not_before + (certificate->not_after + FC_SECOND - certificate->not_before) / 3 * 2;
}

/* Whether the moment lies on the way. A frozen clock can stand exactly on it. */
static bool passed(int64_t at, int64_t from, int64_t to)
{
    return at > from && at <= to;
}

static void note_next(int64_t at, const char *serial, int64_t *io_next, char *io_serial, size_t room)
{
    if (*io_next && *io_next <= at)
        return;
    *io_next = at;
    snprintf(io_serial, room, "%s", serial);
}

static void look_at(const struct fc_certificate *certificate, int64_t from, int64_t to, struct fc_manage_due *due)
{
    int64_t renew_at = fc_manage_due_renew_at(certificate);
    int64_t ends = certificate->not_after;

    if (certificate->not_before > to)
        due->not_yet_valid++;
    if (certificate->revoked_at || ends < from)
        return;
    note_next(ends, certificate->serial, &due->next_expiry, due->expiry_serial, sizeof due->expiry_serial);
    if (renew_at > from)
        note_next(renew_at, certificate->serial, &due->next_renewal, due->renewal_serial, sizeof due->renewal_serial);
    due->due += passed(renew_at, from, to);
    due->expired += ends < to; /* expired is: later than its last second */
}

int fc_manage_due_scan(struct fc_manage *manage, int64_t from, int64_t to, struct fc_manage_due *ret_due,
                       struct fc_err *err)
{
    const struct fc_store_cert_filter all = {0};
    struct fc_store_page page = {.limit = FC_STORE_PAGE_MAX};
    struct fc_manage_due due = {0};
    size_t count;

    do {
        fc_auto(fc_arena_free) struct fc_arena *arena = fc_arena_new();
        struct fc_store_tx tx fc_auto_tx = {0};
        struct fc_certificate *certificates;
        int64_t *numbers;
        if (fc_store_begin(manage->params.store, FC_STORE_READ, &tx, err) ||
            fc_store_cert_list(manage->params.store, arena, &all, &page, &certificates, &numbers, &count, err))
            return -1;
        fc_store_end(&tx);
        for (size_t i = 0; i < count; i++)
            look_at(&certificates[i], from, to, &due);
        if (count)
            page.after = numbers[count - 1];
    } while (count == FC_STORE_PAGE_MAX);
    *ret_due = due;
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

int fc_manage_due_created_after(struct fc_manage *manage, int64_t at, int64_t *ret_accounts, int64_t *ret_orders,
                                struct fc_err *err)
{
    if (accounts_after(manage, at, ret_accounts, err))
        return -1;
    return orders_after(manage, at, ret_orders, err);
}
