/* What the tests of the store share: a state folder of their own, sample rows, children. */
#ifndef FC_TESTS_LIB_STORE_H
#define FC_TESTS_LIB_STORE_H

#include "base/base_arena.h"
#include "model/model.h"
#include "store/store.h"

#include <sys/types.h>

/* cmocka fixture: *state is a struct lib_store with an open store in memory, an arena and an empty folder. */
struct lib_store {
    struct fc_store *store;
    struct fc_arena *arena;
    struct fc_store_tx tx;
    char dir[64];
    char path[96]; /* dir/fakeca.db */
    struct fc_err err;
};
int lib_store_setup(void **state);
/* The same without opening a store. */
int lib_store_setup_closed(void **state);
int lib_store_teardown(void **state);
#define LIB_STORE_TEST(test) cmocka_unit_test_setup_teardown(test, lib_store_setup, lib_store_teardown)
#define LIB_STORE_TEST_CLOSED(test) cmocka_unit_test_setup_teardown(test, lib_store_setup_closed, lib_store_teardown)

/* Each fails the test when it does not succeed. */
void lib_store_open(struct lib_store *lib);
void lib_store_close(struct lib_store *lib);
void lib_store_begin(struct lib_store *lib, enum fc_store_mode mode);
void lib_store_commit(struct lib_store *lib);
void lib_store_end(struct lib_store *lib);
/* Runs SQL on the file while the store is closed. */
void lib_store_sql(const char *path, const char *sql);

#define LIB_DAY (INT64_C(86400) * 1000000000)
#define LIB_NOW (INT64_C(1795500000) * 1000000000)

struct fc_account lib_store_account(const char *env, const char *thumbprint);
struct fc_order lib_store_order(int64_t account_id, const char *env);
struct fc_authz lib_store_authz(const char *name);
/* serial, env and a key of 32 times `key`; 90 days from LIB_NOW. */
struct fc_certificate lib_store_certificate(const char *serial, unsigned char key);

/* Runs work(cookie) in a child and returns its exit status as waitpid gives it. A child cannot use assertions. */
int lib_store_child(int (*work)(void *cookie), void *cookie);

#endif
