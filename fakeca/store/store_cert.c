#include "store/store_cert.h"

#include "base/base_assert.h"
#include "store/store_int.h"

#define SPKI_LEN 32

#define COLUMNS                                                                                                        \
    "number, serial, env, account_id, order_id, issuer_id, profile, idents, issued_at, not_before, not_after, "        \
    "revoked_at, reason, spki, shard, der"

/* A certificate as a list shows it. */
struct numbered {
    int64_t number;
    struct fc_certificate certificate;
};

static int read_numbered(struct fc_store_sql *q, struct fc_arena *arena, void *item, struct fc_err *err)
{
    struct numbered *row = item;
    struct fc_certificate *c = &row->certificate;
    size_t spki_len;

    row->number = fc_store_sql_get_int(q);
    c->serial = fc_store_sql_get_text(q, arena);
    c->env = fc_store_sql_get_text(q, arena);
    c->account_id = fc_store_sql_get_int(q);
    c->order_id = fc_store_sql_get_int(q);
    c->issuer_id = fc_store_sql_get_int(q);
    c->profile = fc_store_sql_get_text(q, arena);
    if (fc_store_row_read_idents(arena, fc_store_sql_get_text(q, arena), &c->idents, &c->n_idents))
        return fc_store_sql_bad_row(q->store, "idents", err);
    c->issued_at = fc_store_sql_get_int(q);
    c->not_before = fc_store_sql_get_int(q);
    c->not_after = fc_store_sql_get_int(q);
    c->revoked_at = fc_store_sql_get_int(q);
    c->reason = (int)fc_store_sql_get_int(q);
    c->spki = fc_store_sql_get_blob(q, arena, &spki_len);
    if (spki_len != SPKI_LEN)
        return fc_store_sql_bad_row(q->store, "spki", err);
    c->shard = (int)fc_store_sql_get_int(q);
    c->der = fc_store_sql_get_blob(q, arena, &c->der_len);
    return 0;
}

static int read_certificate(struct fc_store_sql *q, struct fc_arena *arena, void *item, struct fc_err *err)
{
    struct numbered row = {0};

    if (read_numbered(q, arena, &row, err))
        return -1;
    *(struct fc_certificate *)item = row.certificate;
    return 0;
}

static int insert_names(struct fc_store *store, int64_t number, const struct fc_certificate *c, struct fc_err *err)
{
    for (size_t i = 0; i < c->n_idents; i++) {
        struct fc_store_sql q fc_auto_sql = {0};
        if (fc_store_sql_open(store, "INSERT OR IGNORE INTO certificate_names (name, number) VALUES (?, ?)", &q, err))
            return -1;
        fc_store_sql_text(&q, c->idents[i].value);
        fc_store_sql_int(&q, number);
        if (fc_store_sql_run(&q, NULL, err))
            return -1;
    }
    return 0;
}

static int insert_row(struct fc_store *store, struct fc_arena *arena, int64_t number, const struct fc_certificate *c,
                      struct fc_err *err)
{
    struct fc_store_sql q fc_auto_sql = {0};
    int64_t changed;

    if (fc_store_sql_open(store,
                          "INSERT INTO certificates (" COLUMNS ", renew_at)"
                          " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                          " ON CONFLICT (serial) DO NOTHING",
                          &q, err))
        return -1;
    fc_store_sql_int(&q, number);
    fc_store_sql_text(&q, c->serial);
    fc_store_sql_text(&q, c->env);
    fc_store_sql_int(&q, c->account_id);
    fc_store_sql_int(&q, c->order_id);
    fc_store_sql_int(&q, c->issuer_id);
    fc_store_sql_text(&q, c->profile);
    fc_store_sql_text(&q, fc_store_row_idents(arena, c->idents, c->n_idents));
    fc_store_sql_int(&q, c->issued_at);
    fc_store_sql_int(&q, c->not_before);
    fc_store_sql_int(&q, c->not_after);
    fc_store_sql_int(&q, c->revoked_at);
    fc_store_sql_int(&q, c->reason);
    fc_store_sql_blob(&q, c->spki, SPKI_LEN);
    fc_store_sql_int(&q, c->shard);
    fc_store_sql_blob(&q, c->der, c->der_len);
    fc_store_sql_int(&q, c->not_before + (c->not_after - c->not_before) / 3 * 2);
    if (fc_store_sql_run(&q, &changed, err))
        return -1;
    return changed ? 0 : fc_err_set(err, FC_E_BUSY, "a certificate has the serial number '%s' already", c->serial);
}

int fc_store_cert_insert(struct fc_store *store, const struct fc_certificate *certificate, struct fc_err *err)
{
    fc_auto(fc_arena_free) struct fc_arena *arena = fc_arena_new();
    int64_t number = fc_store_next_id(store, FC_STORE_ID_CERT);

    if (insert_row(store, arena, number, certificate, err) || insert_names(store, number, certificate, err))
        return -1;
    store->counts.certificates++;
    return 0;
}

int fc_store_cert_get(struct fc_store *store, struct fc_arena *arena, const char *serial,
                      struct fc_certificate *ret_certificate, struct fc_err *err)
{
    struct fc_store_sql q fc_auto_sql = {0};
    struct fc_certificate certificate = {0};

    if (fc_store_sql_open(store, "SELECT " COLUMNS " FROM certificates WHERE serial = ?", &q, err))
        return -1;
    fc_store_sql_text(&q, serial);
    if (fc_store_sql_one(&q, "certificate", err) || read_certificate(&q, arena, &certificate, err))
        return -1;
    *ret_certificate = certificate;
    return 0;
}

/* ---- revocation ---- */

static int certificate_exists(struct fc_store *store, const char *serial, struct fc_err *err)
{
    struct fc_store_sql q fc_auto_sql = {0};

    if (fc_store_sql_open(store, "SELECT 1 FROM certificates WHERE serial = ?", &q, err))
        return -1;
    fc_store_sql_text(&q, serial);
    return fc_store_sql_one(&q, "certificate", err);
}

int fc_store_cert_revoke(struct fc_store *store, const char *serial, int64_t revoked_at, int reason, struct fc_err *err)
{
    struct fc_store_sql q fc_auto_sql = {0};
    int64_t changed;

    FC_ASSERT(revoked_at != 0);
    if (fc_store_sql_open(
            store, "UPDATE certificates SET revoked_at = ?, reason = ? WHERE serial = ? AND revoked_at = 0", &q, err))
        return -1;
    fc_store_sql_int(&q, revoked_at);
    fc_store_sql_int(&q, reason);
    fc_store_sql_text(&q, serial);
    if (fc_store_sql_run(&q, &changed, err))
        return -1;
    if (changed)
        return 0;
    if (certificate_exists(store, serial, err))
        return -1;
    return fc_err_set(err, FC_E_BUSY, "certificate '%s' is revoked already", serial);
}

int fc_store_cert_set_reason(struct fc_store *store, const char *serial, int reason, struct fc_err *err)
{
    struct fc_store_sql q fc_auto_sql = {0};
    int64_t changed;

    if (fc_store_sql_open(store, "UPDATE certificates SET reason = ? WHERE serial = ? AND revoked_at <> 0", &q, err))
        return -1;
    fc_store_sql_int(&q, reason);
    fc_store_sql_text(&q, serial);
    if (fc_store_sql_run(&q, &changed, err))
        return -1;
    return changed ? 0 : fc_err_set(err, FC_E_NOT_FOUND, "no such revoked certificate");
}

static int read_serial(struct fc_store_sql *q, struct fc_arena *arena, void *item, struct fc_err *err)
{
    (void)err;
    *(const char **)item = fc_store_sql_get_text(q, arena);
    return 0;
}

int fc_store_cert_by_key(struct fc_store *store, struct fc_arena *arena, const char *env, const unsigned char spki[32],
                         const char ***ret_serials, struct fc_err *err)
{
    struct fc_store_rows rows = {.arena = arena, .size = sizeof(const char *), .read = read_serial};
    struct fc_store_sql q fc_auto_sql = {0};

    if (fc_store_sql_open(store,
                          "SELECT serial FROM certificates WHERE spki = ? AND env = ? AND revoked_at = 0"
                          " ORDER BY number",
                          &q, err))
        return -1;
    fc_store_sql_blob(&q, spki, SPKI_LEN);
    fc_store_sql_text(&q, env);
    if (fc_store_sql_all(&q, &rows, err))
        return -1;
    const char **serials = fc_arena_alloc(arena, (rows.count + 1) * sizeof *serials);
    for (size_t i = 0; i < rows.count; i++)
        serials[i] = ((const char **)rows.items)[i];
    *ret_serials = serials;
    return 0;
}

int fc_store_key_block(struct fc_store *store, const unsigned char spki[32], struct fc_err *err)
{
    struct fc_store_sql q fc_auto_sql = {0};

    if (fc_store_sql_open(store, "INSERT OR IGNORE INTO blocked_keys (spki) VALUES (?)", &q, err))
        return -1;
    fc_store_sql_blob(&q, spki, SPKI_LEN);
    return fc_store_sql_run(&q, NULL, err);
}

int fc_store_key_blocked(struct fc_store *store, const unsigned char spki[32], bool *ret_blocked, struct fc_err *err)
{
    struct fc_store_sql q fc_auto_sql = {0};

    if (fc_store_sql_open(store, "SELECT 1 FROM blocked_keys WHERE spki = ?", &q, err))
        return -1;
    fc_store_sql_blob(&q, spki, SPKI_LEN);
    int rc = fc_store_sql_step(&q, err);
    if (rc < 0)
        return -1;
    *ret_blocked = rc == 1;
    return 0;
}

int fc_store_cert_revoked(struct fc_store *store, struct fc_arena *arena, int64_t issuer_id, int shard,
                          int64_t unexpired_at, struct fc_certificate **ret_certificates, size_t *ret_count,
                          struct fc_err *err)
{
    /* [of one shard] */
    static const char *const sql[2] = {
        "SELECT " COLUMNS " FROM certificates WHERE issuer_id = ?1 AND not_after > ?2 AND ?3 = 0 AND revoked_at <> 0"
        " ORDER BY number",
        "SELECT " COLUMNS " FROM certificates WHERE issuer_id = ?1 AND not_after > ?2 AND shard = ?3"
        " AND revoked_at <> 0 ORDER BY number",
    };
    struct fc_store_rows rows = {.arena = arena, .size = sizeof(struct fc_certificate), .read = read_certificate};
    struct fc_store_sql q fc_auto_sql = {0};

    if (fc_store_sql_open(store, sql[shard != 0], &q, err))
        return -1;
    fc_store_sql_int(&q, issuer_id);
    fc_store_sql_int(&q, unexpired_at);
    fc_store_sql_int(&q, shard);
    if (fc_store_sql_all(&q, &rows, err))
        return -1;
    *ret_certificates = rows.items;
    *ret_count = rows.count;
    return 0;
}

int fc_store_crl_number(struct fc_store *store, int64_t issuer_id, int shard, uint64_t at_least, uint64_t *ret_number,
                        struct fc_err *err)
{
    struct fc_store_sql q fc_auto_sql = {0};

    FC_ASSERT(at_least <= INT64_MAX);
    if (fc_store_sql_open(store,
                          "INSERT INTO crl_numbers (issuer_id, shard, number) VALUES (?, ?, ?)"
                          " ON CONFLICT (issuer_id, shard) DO UPDATE SET number = max(number + 1, excluded.number)"
                          " RETURNING number",
                          &q, err))
        return -1;
    fc_store_sql_int(&q, issuer_id);
    fc_store_sql_int(&q, shard);
    fc_store_sql_int(&q, (int64_t)at_least);
    if (fc_store_sql_one(&q, "number", err))
        return -1;
    *ret_number = (uint64_t)fc_store_sql_get_int(&q);
    return 0;
}

/* ---- lists and moments ---- */

enum { LIST_ALL, LIST_ENV, LIST_ACCOUNT, LIST_NAME, LIST__MAX };

/* Each walks the index of its narrowest condition. ?1 bound, ?2 limit, ?3 env, ?4 account, ?5 name. */
#define LIST(bound, filter, order)                                                                                     \
    "SELECT " COLUMNS " FROM certificates WHERE number " bound " ?1 AND " filter " ORDER BY " order " LIMIT ?2"
#define REST "(?3 IS NULL OR env = ?3) AND (?4 = 0 OR account_id = ?4)"
#define LISTS(bound, order)                                                                                            \
    [LIST_ALL] = LIST(bound, "?3 IS NULL AND ?4 = 0 AND ?5 IS NULL", order),                                           \
    [LIST_ENV] = LIST(bound, "env = ?3 AND ?4 = 0 AND ?5 IS NULL", order),                                             \
    [LIST_ACCOUNT] = LIST(bound, "account_id = ?4 AND (?3 IS NULL OR env = ?3) AND ?5 IS NULL", order),                \
    [LIST_NAME] = "SELECT " COLUMNS " FROM certificate_names JOIN certificates USING (number)"                         \
                  " WHERE name = ?5 AND number " bound " ?1 AND " REST " ORDER BY " order " LIMIT ?2"

static int which_list(const struct fc_store_cert_filter *filter)
{
    if (filter->name)
        return LIST_NAME;
    if (filter->account_id)
        return LIST_ACCOUNT;
    return filter->env ? LIST_ENV : LIST_ALL;
}

int fc_store_cert_list(struct fc_store *store, struct fc_arena *arena, const struct fc_store_cert_filter *filter,
                       const struct fc_store_page *page, struct fc_certificate **ret_certificates,
                       int64_t **ret_numbers, size_t *ret_count, struct fc_err *err)
{
    static const char *const sql[2][LIST__MAX] = {{LISTS(">", "number")}, {LISTS("<", "number DESC")}};
    struct fc_store_rows rows = {.arena = arena, .size = sizeof(struct numbered), .read = read_numbered};
    struct fc_store_sql q fc_auto_sql = {0};

    if (fc_store_sql_open(store, sql[page->newest_first][which_list(filter)], &q, err))
        return -1;
    fc_store_row_page(&q, page);
    fc_store_sql_text(&q, filter->env);
    fc_store_sql_int(&q, filter->account_id);
    fc_store_sql_text(&q, filter->name);
    if (fc_store_sql_all(&q, &rows, err))
        return -1;
    const struct numbered *from = rows.items;
    struct fc_certificate *certificates = fc_arena_alloc(arena, (rows.count + 1) * sizeof *certificates);
    int64_t *numbers = fc_arena_alloc(arena, (rows.count + 1) * sizeof *numbers);
    for (size_t i = 0; i < rows.count; i++) {
        certificates[i] = from[i].certificate;
        numbers[i] = from[i].number;
    }
    *ret_certificates = certificates;
    if (ret_numbers)
        *ret_numbers = numbers;
    *ret_count = rows.count;
    return 0;
}

int fc_store_cert_count_passing(struct fc_store *store, enum fc_store_moment moment, int64_t from, int64_t to,
                                int64_t *ret_count, struct fc_err *err)
{
    static const char *const sql[] = {
        [FC_STORE_EXPIRY] =
            "SELECT count(*) FROM certificates WHERE not_after > ? AND not_after <= ? AND revoked_at = 0",
        [FC_STORE_RENEWAL] =
            "SELECT count(*) FROM certificates WHERE renew_at > ? AND renew_at <= ? AND revoked_at = 0",
    };
    struct fc_store_sql q fc_auto_sql = {0};

    if (fc_store_sql_open(store, sql[moment], &q, err))
        return -1;
    fc_store_sql_int(&q, from);
    fc_store_sql_int(&q, to);
    if (fc_store_sql_one(&q, "count", err))
        return -1;
    *ret_count = fc_store_sql_get_int(&q);
    return 0;
}

int fc_store_cert_count_expiring(struct fc_store *store, int64_t from, int64_t to, int64_t *ret_count,
                                 struct fc_err *err)
{
    return fc_store_cert_count_passing(store, FC_STORE_EXPIRY, from, to, ret_count, err);
}

int fc_store_cert_next(struct fc_store *store, enum fc_store_moment moment, int64_t after, int64_t *ret_at,
                       struct fc_err *err)
{
    static const char *const sql[] = {
        [FC_STORE_EXPIRY] = "SELECT min(not_after) FROM certificates WHERE not_after > ? AND revoked_at = 0",
        [FC_STORE_RENEWAL] = "SELECT min(renew_at) FROM certificates WHERE renew_at > ? AND revoked_at = 0",
    };
    struct fc_store_sql q fc_auto_sql = {0};

    if (fc_store_sql_open(store, sql[moment], &q, err))
        return -1;
    fc_store_sql_int(&q, after);
    if (fc_store_sql_one(&q, "moment", err))
        return -1;
    *ret_at = fc_store_sql_get_int(&q); /* SQL's NULL reads as 0 */
    return 0;
}
