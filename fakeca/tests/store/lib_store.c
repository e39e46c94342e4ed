#define _XOPEN_SOURCE 700 /* nftw */
#include "lib_store.h"

#include <ftw.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmocka_all.h"

/* ---- fixture ---- */

int lib_store_setup_closed(void **state)
{
    struct lib_store *lib = fc_calloc(1, sizeof *lib);

    memcpy(lib->dir, "/tmp/fakeca-store-XXXXXX", sizeof "/tmp/fakeca-store-XXXXXX");
    if (!mkdtemp(lib->dir))
        return -1;
    snprintf(lib->path, sizeof lib->path, "%s/fakeca.db", lib->dir);
    lib->arena = fc_arena_new();
    *state = lib;
    return 0;
}

int lib_store_setup(void **state)
{
    const struct fc_store_params params = {0};

    if (lib_store_setup_closed(state))
        return -1;
    struct lib_store *lib = *state;
    return fc_store_open(&params, &lib->store, &lib->err);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    (void)st;
    (void)kind;
    (void)where;
    return remove(path);
}

int lib_store_teardown(void **state)
{
    struct lib_store *lib = *state;

    fc_store_end(&lib->tx);
    fc_store_close(lib->store);
    fc_arena_free(lib->arena);
    int result = nftw(lib->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(lib);
    return result;
}

static void good(struct lib_store *lib, int result)
{
    if (result)
        fail_msg("%s", lib->err.text);
}

void lib_store_open(struct lib_store *lib)
{
    const struct fc_store_params params = {.dir = lib->dir};

    fc_err_clear(&lib->err);
    good(lib, fc_store_open(&params, &lib->store, &lib->err));
}

void lib_store_close(struct lib_store *lib)
{
    fc_store_close(lib->store);
    lib->store = NULL;
}

void lib_store_begin(struct lib_store *lib, enum fc_store_mode mode)
{
    fc_err_clear(&lib->err);
    good(lib, fc_store_begin(lib->store, mode, &lib->tx, &lib->err));
}

void lib_store_commit(struct lib_store *lib)
{
    fc_err_clear(&lib->err);
    good(lib, fc_store_commit(&lib->tx, &lib->err));
}

void lib_store_end(struct lib_store *lib)
{
    fc_store_end(&lib->tx);
}

void lib_store_sql(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    char *why = NULL;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    int rc = sqlite3_exec(db, sql, NULL, NULL, &why);
    sqlite3_close(db);
    if (rc != SQLITE_OK)
        fail_msg("%s: %s", sql, why);
}

/* ---- sample rows ---- */

struct fc_account lib_store_account(const char *env, const char *thumbprint)
{
    return (struct fc_account){
        .env = env,
        .jwk = "{\"kty\":\"EC\"}",
        .thumbprint = thumbprint,
        .status = FC_STATUS_VALID,
        .contact = "[\"mailto:a@b.test\"]",
        .terms_agreed = true,
        .created_at = LIB_NOW,
    };
}

struct fc_order lib_store_order(int64_t account_id, const char *env)
{
    static struct fc_ident idents[] = {
        {FC_IDENT_DNS, "*.a.test"}, {FC_IDENT_DNS, "b.test"}, {FC_IDENT_IP, "2001:db8::1"}};
    static int64_t authz_ids[] = {3, 70, 9000000000};

    return (struct fc_order){
        .account_id = account_id,
        .env = env,
        .profile = "classic",
        .idents = idents,
        .n_idents = 3,
        .authz_ids = authz_ids,
        .n_authz = 3,
        .created_at = LIB_NOW,
        .expires_at = LIB_NOW + 7 * LIB_DAY,
        .replaces = "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE",
    };
}

struct fc_authz lib_store_authz(const char *name)
{
    return (struct fc_authz){
        .account_id = 7,
        .env = "production",
        .ident = {FC_IDENT_DNS, name},
        .wildcard = true,
        .stored = FC_STATUS_PENDING,
        .token = "tok",
        .types = "http-01,dns-01",
        .created_at = LIB_NOW,
        .expires_at = LIB_NOW + 7 * LIB_DAY,
    };
}

struct fc_certificate lib_store_certificate(const char *serial, unsigned char key)
{
    static const unsigned char der[] = {0x30, 0x03, 0x02, 0x01, 0x00};
    static struct fc_ident idents[] = {{FC_IDENT_DNS, "*.a.test"}, {FC_IDENT_DNS, "b.test"}};
    static unsigned char keys[256][32];

    memset(keys[key], key, sizeof keys[key]);
    return (struct fc_certificate){
        .serial = serial,
        .env = "production",
        .account_id = 7,
        .order_id = 8,
        .issuer_id = 2,
        .der = der,
        .der_len = sizeof der,
        .idents = idents,
        .n_idents = 2,
        .issued_at = LIB_NOW,
        .not_before = LIB_NOW,
        .not_after = LIB_NOW + 90 * LIB_DAY,
        .spki = keys[key],
        .shard = 1,
    };
}

/* ---- children ---- */

int lib_store_child(int (*work)(void *cookie), void *cookie)
{
    int status = -1;

    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(work(cookie));
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}
