#include "store/store_int.h"

/* Points in time are ns, simulated. Statuses are words, so that the order of an enum means nothing to a file.
 * Rows are numbered and appended; the indexes are those that a question needs, each question of store_*.c walks one. */
static const char version_1[] =
    "CREATE TABLE settings ("
    "  name TEXT PRIMARY KEY, value TEXT NOT NULL"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE accounts ("
    "  id INTEGER PRIMARY KEY, env TEXT NOT NULL, jwk TEXT NOT NULL, thumbprint TEXT NOT NULL, status TEXT NOT NULL,"
    "  contact TEXT, terms_agreed INTEGER NOT NULL, created_at INTEGER NOT NULL"
    ") STRICT;"
    "CREATE UNIQUE INDEX accounts_key ON accounts (thumbprint, env);"
    "CREATE INDEX accounts_env ON accounts (env);"

    "CREATE TABLE orders ("
    "  id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL, env TEXT NOT NULL, profile TEXT, idents TEXT NOT NULL,"
    "  authz_ids TEXT NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL,"
    "  processing_at INTEGER NOT NULL, csr BLOB, serial TEXT, error TEXT, replaces TEXT"
    ") STRICT;"
    "CREATE INDEX orders_account ON orders (account_id);"
    "CREATE INDEX orders_env ON orders (env);"
    "CREATE INDEX orders_reuse ON orders (idents, expires_at) WHERE processing_at = 0;"
    "CREATE INDEX orders_unfinished ON orders (id) WHERE processing_at <> 0 AND serial IS NULL AND error IS NULL;"

    "CREATE TABLE authzs ("
    "  id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL, env TEXT NOT NULL, profile TEXT,"
    "  ident_type TEXT NOT NULL, ident TEXT NOT NULL, wildcard INTEGER NOT NULL, stored TEXT NOT NULL,"
    "  token TEXT NOT NULL, types TEXT NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL,"
    "  attempted TEXT, processing INTEGER NOT NULL, validated_at INTEGER NOT NULL, error TEXT, record TEXT"
    ") STRICT;"
    "CREATE INDEX authzs_reuse ON authzs (account_id, ident, expires_at) WHERE stored = 'valid';"
    "CREATE INDEX authzs_unfinished ON authzs (id) WHERE processing <> 0;"

    "CREATE TABLE certificates ("
    "  number INTEGER PRIMARY KEY, serial TEXT NOT NULL UNIQUE, env TEXT NOT NULL, account_id INTEGER NOT NULL,"
    "  order_id INTEGER NOT NULL, issuer_id INTEGER NOT NULL, profile TEXT, idents TEXT NOT NULL,"
    "  issued_at INTEGER NOT NULL, not_before INTEGER NOT NULL, not_after INTEGER NOT NULL,"
    "  renew_at INTEGER NOT NULL, revoked_at INTEGER NOT NULL, reason INTEGER NOT NULL, spki BLOB NOT NULL,"
    "  shard INTEGER NOT NULL, der BLOB NOT NULL"
    ") STRICT;"
    "CREATE INDEX certificates_account ON certificates (account_id);"
    "CREATE INDEX certificates_env ON certificates (env);"
    "CREATE INDEX certificates_spki ON certificates (spki);"
    "CREATE INDEX certificates_expiry ON certificates (not_after) WHERE revoked_at = 0;"
    "CREATE INDEX certificates_renewal ON certificates (renew_at) WHERE revoked_at = 0;"
    "CREATE INDEX certificates_revoked ON certificates (issuer_id, shard, not_after) WHERE revoked_at <> 0;"
    "CREATE TABLE certificate_names ("
    "  name TEXT NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (name, number)"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE blocked_keys (spki BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;"
    "CREATE TABLE crl_numbers ("
    "  issuer_id INTEGER NOT NULL, shard INTEGER NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (issuer_id, shard)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE issuers ("
    "  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, key_der BLOB, cert_der BLOB, created_at INTEGER NOT NULL"
    ") STRICT;"

    "CREATE TABLE events ("
    "  seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, real_at INTEGER NOT NULL, type TEXT NOT NULL, env TEXT,"
    "  account_id INTEGER NOT NULL, order_id INTEGER NOT NULL, authz_id INTEGER NOT NULL, serial TEXT, data TEXT"
    ") STRICT;"
    "CREATE TABLE dns_rules ("
    "  name TEXT NOT NULL, type TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (name, type)"
    ") STRICT, WITHOUT ROWID;";

/* Buckets of the rate limits, as points in time; account-identifier pairs that are paused; certificates by their exact set. */
static const char version_2[] =
    "CREATE TABLE limit_buckets ("
    "  env TEXT NOT NULL, key TEXT NOT NULL, tat INTEGER NOT NULL, spent_at INTEGER NOT NULL,"
    "  account_id INTEGER NOT NULL, order_id INTEGER NOT NULL, PRIMARY KEY (env, key)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE paused ("
    "  account_id INTEGER NOT NULL, ident TEXT NOT NULL, paused_at INTEGER NOT NULL, unpaused_at INTEGER NOT NULL,"
    "  PRIMARY KEY (account_id, ident)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX certificates_set ON certificates (idents, env, not_before);";

/* Renewal information: moved windows, and who replaces what. */
static const char version_3[] =
    "CREATE TABLE renewal_windows ("
    "  serial TEXT PRIMARY KEY, start_at INTEGER NOT NULL, end_at INTEGER NOT NULL, explanation TEXT,"
    "  retry_after_s INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX orders_replaces ON orders (replaces) WHERE replaces IS NOT NULL;";

/* What RFC 8555 has and Let's Encrypt leaves out: dates of orders, agreed terms, external accounts. */
static const char version_4[] = "ALTER TABLE orders ADD COLUMN not_before INTEGER NOT NULL DEFAULT 0;"
                                "ALTER TABLE orders ADD COLUMN not_after INTEGER NOT NULL DEFAULT 0;"
                                "ALTER TABLE accounts ADD COLUMN terms TEXT;"
                                "ALTER TABLE accounts ADD COLUMN external TEXT;"
                                "CREATE TABLE external_keys ("
                                "  kid TEXT NOT NULL, env TEXT NOT NULL, key BLOB NOT NULL, created_at INTEGER NOT "
                                "NULL, account_id INTEGER NOT NULL,"
                                "  PRIMARY KEY (kid, env)"
                                ") STRICT, WITHOUT ROWID;";

/* A released row is never changed: a new version is a new row that alters what the rows before it made. */
const struct fc_store_migration fc_store_migrations[] = {
    {1, version_1}, {2, version_2}, {3, version_3}, {4, version_4}, {0, NULL},
};

int fc_store_schema_version(const struct fc_store_migration *migrations)
{
    int version = 0;

    for (const struct fc_store_migration *m = migrations; m->version; m++)
        version = m->version;
    return version;
}

int fc_store_schema_read(struct fc_store *store, int *ret_version, struct fc_err *err)
{
    sqlite3_stmt *stmt = NULL;
    int result = 0;

    if (sqlite3_prepare_v2(store->db, "PRAGMA user_version", -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW)
        *ret_version = sqlite3_column_int(stmt, 0);
    else
        result = fc_store_sql_fail(store, err);
    (void)sqlite3_finalize(stmt);
    return result;
}

static int run_step(struct fc_store *store, const struct fc_store_migration *step, struct fc_err *err)
{
    fc_auto_free char *version = fc_asprintf("PRAGMA user_version = %d; COMMIT", step->version);

    if (fc_store_sql_exec(store, "BEGIN IMMEDIATE", err) == 0 && fc_store_sql_exec(store, step->sql, err) == 0 &&
        fc_store_sql_exec(store, version, err) == 0)
        return 0;
    if (!sqlite3_get_autocommit(store->db))
        (void)sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    return fc_err_prefix(err, "cannot bring the schema from version %d to %d", step->version - 1, step->version);
}

int fc_store_schema_migrate(struct fc_store *store, const struct fc_store_migration *migrations, struct fc_err *err)
{
    int version = 0;

    if (fc_store_schema_read(store, &version, err))
        return -1;
    for (const struct fc_store_migration *step = migrations; step->version; step++)
        if (step->version > version && run_step(store, step, err))
            return -1;
    return 0;
}
