#include "store/store_account.h"

#include "store/store_int.h"

#define COLUMNS "id, env, jwk, thumbprint, status, contact, terms_agreed, created_at, terms, external"

static int read_account(struct fc_store_sql *q, struct fc_arena *arena, void *item, struct fc_err *err)
{
    struct fc_account *account = item;

    account->id = fc_store_sql_get_int(q);
    account->env = fc_store_sql_get_text(q, arena);
    account->jwk = fc_store_sql_get_text(q, arena);
    account->thumbprint = fc_store_sql_get_text(q, arena);
    if (fc_status_parse(fc_store_sql_get_text(q, arena), &account->status))
        return fc_store_sql_bad_row(q->store, "status", err);
    account->contact = fc_store_sql_get_text(q, arena);
    account->terms_agreed = fc_store_sql_get_int(q) != 0;
    account->created_at = fc_store_sql_get_int(q);
    account->terms = fc_store_sql_get_text(q, arena);
    account->external = fc_store_sql_get_text(q, arena);
    return 0;
}

int fc_store_account_insert(struct fc_store *store, struct fc_account *account, struct fc_err *err)
{
    struct fc_store_sql q fc_auto_sql = {0};
    int64_t changed;

    if (fc_store_sql_open(store,
                          "INSERT INTO accounts (" COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                          " ON CONFLICT (thumbprint, env) DO NOTHING",
                          &q, err))
        return -1;
    int64_t id = fc_store_next_id(store, FC_STORE_ID_ACCOUNT);
    fc_store_sql_int(&q, id);
    fc_store_sql_text(&q, account->env);
    fc_store_sql_text(&q, account->jwk);
    fc_store_sql_text(&q, account->thumbprint);
    fc_store_sql_text(&q, fc_status_name(account->status));
    fc_store_sql_text(&q, account->contact);
    fc_store_sql_int(&q, account->terms_agreed);
    fc_store_sql_int(&q, account->created_at);
    fc_store_sql_text(&q, account->terms);
    fc_store_sql_text(&q, account->external);
    if (fc_store_sql_run(&q, &changed, err))
        return -1;
    if (!changed)
        return fc_err_set(err, FC_E_BUSY, "an account of '%s' has this key already", account->env);
    account->id = id;
    store->counts.accounts++;
    return 0;
}

static int get_one(struct fc_store_sql *q, struct fc_arena *arena, struct fc_account *ret_account, struct fc_err *err)
{
    struct fc_account account = {0};

    if (fc_store_sql_one(q, "account", err) || read_account(q, arena, &account, err))
        return -1;
    *ret_account = account;
    return 0;
}

int fc_store_account_get(struct fc_store *store, struct fc_arena *arena, int64_t id, struct fc_account *ret_account,
                         struct fc_err *err)
{
    struct fc_store_sql q fc_auto_sql = {0};

    if (fc_store_sql_open(store, "SELECT " COLUMNS " FROM accounts WHERE id = ?", &q, err))
        return -1;
    fc_store_sql_int(&q, id);
    return get_one(&q, arena, ret_account, err);
}

int fc_store_account_by_key(struct fc_store *store, struct fc_arena *arena, const char *env, const char *thumbprint,
                            struct fc_account *ret_account, struct fc_err *err)
{
    struct fc_store_sql q fc_auto_sql = {0};

    if (fc_store_sql_open(store, "SELECT " COLUMNS " FROM accounts WHERE thumbprint = ? AND env = ?", &q, err))
        return -1;
    fc_store_sql_text(&q, thumbprint);
    fc_store_sql_text(&q, env);
    return get_one(&q, arena, ret_account, err);
}

int fc_store_account_update(struct fc_store *store, const struct fc_account *account, struct fc_err *err)
{
    struct fc_store_sql q fc_auto_sql = {0};
    int64_t changed;

    if (fc_store_sql_open(store, "UPDATE accounts SET status = ?, contact = ?, terms = ? WHERE id = ?", &q, err))
        return -1;
    fc_store_sql_text(&q, fc_status_name(account->status));
    fc_store_sql_text(&q, account->contact);
    fc_store_sql_text(&q, account->terms);
    fc_store_sql_int(&q, account->id);
    if (fc_store_sql_run(&q, &changed, err))
        return -1;
    return changed ? 0 : fc_err_set(err, FC_E_NOT_FOUND, "no such account");
}

int fc_store_account_list(struct fc_store *store, struct fc_arena *arena, const char *env,
                          const struct fc_store_page *page, struct fc_account **ret_accounts, size_t *ret_count,
                          struct fc_err *err)
{
    /* [newest first][of one environment] */
    static const char *const sql[2][2] = {
        {"SELECT " COLUMNS " FROM accounts WHERE id > ?1 AND ?3 IS NULL ORDER BY id LIMIT ?2",
         "SELECT " COLUMNS " FROM accounts WHERE id > ?1 AND env = ?3 ORDER BY id LIMIT ?2"},
        {"SELECT " COLUMNS " FROM accounts WHERE id < ?1 AND ?3 IS NULL ORDER BY id DESC LIMIT ?2",
         "SELECT " COLUMNS " FROM accounts WHERE id < ?1 AND env = ?3 ORDER BY id DESC LIMIT ?2"},
    };
    struct fc_store_rows rows = {.arena = arena, .size = sizeof(struct fc_account), .read = read_account};
    struct fc_store_sql q fc_auto_sql = {0};

    if (fc_store_sql_open(store, sql[page->newest_first][env != NULL], &q, err))
        return -1;
    fc_store_row_page(&q, page);
    fc_store_sql_text(&q, env);
    if (fc_store_sql_all(&q, &rows, err))
        return -1;
    *ret_accounts = rows.items;
    *ret_count = rows.count;
    return 0;
}
