/* test: threads */
#include "store/store.h"

#include <pthread.h>
#include <string.h>

#include "lib_store.h"
#include "store/store_account.h"
#include "store/store_cert.h"
#include "store/store_event.h"
#include "store/store_order.h"

#include "cmocka_all.h"

static void settings_are_kept(void **state)
{
    struct lib_store *lib = *state;
    const char *value = "x";

    lib_store_begin(lib, FC_STORE_WRITE);
    assert_int_equal(fc_store_setting_get(lib->store, lib->arena, "clock", &value, &lib->err), 0);
    assert_null(value);
    assert_int_equal(fc_store_setting_set(lib->store, "clock", "5", &lib->err), 0);
    assert_int_equal(fc_store_setting_set(lib->store, "clock", "", &lib->err), 0);
    assert_int_equal(fc_store_setting_set(lib->store, "ports", "14000", &lib->err), 0);
    lib_store_commit(lib);
    lib_store_begin(lib, FC_STORE_READ);
    assert_int_equal(fc_store_setting_get(lib->store, lib->arena, "clock", &value, &lib->err), 0);
    assert_non_null(value);
    assert_string_equal(value, "");
    assert_int_equal(fc_store_setting_get(lib->store, lib->arena, "ports", &value, &lib->err), 0);
    assert_string_equal(value, "14000");
    lib_store_end(lib);
}

static void a_transaction_that_ends_uncommitted_leaves_nothing(void **state)
{
    struct lib_store *lib = *state;
    struct fc_account account = lib_store_account("production", "T1");
    struct fc_store_counts counts;
    const char *value;

    lib_store_begin(lib, FC_STORE_WRITE);
    assert_int_equal(fc_store_account_insert(lib->store, &account, &lib->err), 0);
    assert_int_equal(fc_store_setting_set(lib->store, "a", "1", &lib->err), 0);
    assert_int_equal(fc_store_count(lib->store, &counts, &lib->err), 0);
    assert_int_equal(counts.accounts, 1);
    lib_store_end(lib);
    lib_store_end(lib); /* does nothing */
    lib_store_begin(lib, FC_STORE_READ);
    assert_int_equal(fc_store_count(lib->store, &counts, &lib->err), 0);
    assert_int_equal(counts.accounts, 0);
    assert_int_equal(fc_store_account_get(lib->store, lib->arena, account.id, &account, &lib->err), -1);
    assert_int_equal(lib->err.code, FC_E_NOT_FOUND);
    assert_string_equal(lib->err.text, "no such account");
    assert_int_equal(fc_store_setting_get(lib->store, lib->arena, "a", &value, &lib->err), 0);
    assert_null(value);
    lib_store_commit(lib); /* of a read: gives the lock back */
    lib_store_begin(lib, FC_STORE_READ);
}

/* ---- hooks ---- */

struct hooked {
    int befores, commits, rollbacks;
    bool refuse;
};

static int before(void *cookie, struct fc_store *store, struct fc_err *err)
{
    struct hooked *hooked = cookie;

    hooked->befores++;
    if (hooked->refuse)
        return fc_err_set(err, FC_E_SYSTEM, "the hook refuses");
    return fc_store_setting_set(store, "from-hook", "1", err);
}

static void after(void *cookie, bool committed)
{
    struct hooked *hooked = cookie;

    if (committed)
        hooked->commits++;
    else
        hooked->rollbacks++;
}

static void hooks_take_part_in_writes_only(void **state)
{
    struct lib_store *lib = *state;
    struct hooked hooked = {0};
    const struct fc_store_hooks hooks = {.before_commit = before, .after = after, .cookie = &hooked};
    const char *value;

    fc_store_set_hooks(lib->store, &hooks);
    lib_store_begin(lib, FC_STORE_READ);
    lib_store_commit(lib);
    assert_int_equal(hooked.befores + hooked.commits + hooked.rollbacks, 0);

    lib_store_begin(lib, FC_STORE_WRITE);
    lib_store_end(lib);
    assert_int_equal(hooked.befores, 0);
    assert_int_equal(hooked.rollbacks, 1);

    hooked.refuse = true;
    lib_store_begin(lib, FC_STORE_WRITE);
    assert_int_equal(fc_store_setting_set(lib->store, "fact", "1", &lib->err), 0);
    assert_int_equal(fc_store_commit(&lib->tx, &lib->err), -1);
    assert_string_equal(lib->err.text, "the hook refuses");
    assert_null(lib->tx.store);
    assert_int_equal(hooked.rollbacks, 2);

    hooked.refuse = false;
    lib_store_begin(lib, FC_STORE_WRITE); /* the lock was given back */
    assert_int_equal(fc_store_setting_get(lib->store, lib->arena, "fact", &value, &lib->err), 0);
    assert_null(value);
    lib_store_commit(lib);
    assert_int_equal(hooked.commits, 1);

    fc_store_set_hooks(lib->store, NULL);
    lib_store_begin(lib, FC_STORE_READ);
    assert_int_equal(fc_store_setting_get(lib->store, lib->arena, "from-hook", &value, &lib->err), 0);
    assert_non_null(value);
    lib_store_end(lib);
}

/* ---- reset ---- */

static void fill(struct lib_store *lib)
{
    struct fc_account account = lib_store_account("production", "T1");
    struct fc_order order = lib_store_order(1, "production");
    struct fc_authz authz = lib_store_authz("a.test");
    struct fc_certificate certificate = lib_store_certificate("0a", 1);
    struct fc_issuer issuer = {.name = "production/root-ecdsa", .cert_der = (const unsigned char *)"c", .cert_len = 1};
    struct fc_event_row event = {.seq = 5, .type = "ca.started"};
    struct fc_dns_row rule = {"a.test", "A", "[]"};
    uint64_t crl;

    lib_store_begin(lib, FC_STORE_WRITE);
    assert_int_equal(fc_store_account_insert(lib->store, &account, &lib->err), 0);
    assert_int_equal(fc_store_order_insert(lib->store, &order, &lib->err), 0);
    assert_int_equal(fc_store_authz_insert(lib->store, &authz, &lib->err), 0);
    assert_int_equal(fc_store_cert_insert(lib->store, &certificate, &lib->err), 0);
    assert_int_equal(fc_store_key_block(lib->store, certificate.spki, &lib->err), 0);
    assert_int_equal(fc_store_issuer_insert(lib->store, &issuer, &lib->err), 0);
    assert_int_equal(fc_store_crl_number(lib->store, 2, 1, 40, &crl, &lib->err), 0);
    assert_int_equal(fc_store_event_insert(lib->store, &event, &lib->err), 0);
    assert_int_equal(fc_store_dns_set(lib->store, &rule, &lib->err), 0);
    assert_int_equal(fc_store_setting_set(lib->store, "clock", "5", &lib->err), 0);
    lib_store_commit(lib);
}

static void expect_counts(struct lib_store *lib, int64_t each)
{
    struct fc_store_counts counts;

    assert_int_equal(fc_store_count(lib->store, &counts, &lib->err), 0);
    assert_int_equal(counts.accounts, each);
    assert_int_equal(counts.orders, each);
    assert_int_equal(counts.authzs, each);
    assert_int_equal(counts.certificates, each);
    assert_int_equal(counts.events, each);
}

/* What a reset leaves, right after it and after a restart. */
static void expect_reset(struct lib_store *lib)
{
    struct fc_certificate certificate = lib_store_certificate("0a", 1);
    const struct fc_store_page page = {.limit = 10};
    struct fc_certificate *certificates;
    struct fc_issuer issuer;
    struct fc_dns_row *rules;
    const char *value;
    uint64_t crl;
    size_t count;
    bool blocked;

    lib_store_begin(lib, FC_STORE_WRITE);
    expect_counts(lib, 0);
    assert_int_equal(fc_store_issuer_get(lib->store, lib->arena, "production/root-ecdsa", &issuer, &lib->err), 0);
    assert_int_equal(fc_store_setting_get(lib->store, lib->arena, "clock", &value, &lib->err), 0);
    assert_string_equal(value, "5");
    assert_int_equal(fc_store_dns_list(lib->store, lib->arena, &rules, &count, &lib->err), 0);
    assert_int_equal(count, 0);
    assert_int_equal(fc_store_key_blocked(lib->store, certificate.spki, &blocked, &lib->err), 0);
    assert_false(blocked);
    assert_int_equal(fc_store_cert_list(lib->store, lib->arena, &(struct fc_store_cert_filter){.name = "b.test"}, &page,
                                        &certificates, NULL, &count, &lib->err),
                     0);
    assert_int_equal(count, 0);
    /* CRL numbers never go back */
    assert_int_equal(fc_store_crl_number(lib->store, 2, 1, 0, &crl, &lib->err), 0);
    assert_int_equal(crl, 41);
    lib_store_end(lib);
}

static void reset_forgets_facts_and_keeps_the_ca(void **state)
{
    struct lib_store *lib = *state;
    struct fc_account account = lib_store_account("production", "T1");
    struct fc_order order = lib_store_order(1, "production");
    struct fc_authz authz = lib_store_authz("a.test");

    lib_store_close(lib);
    lib_store_open(lib);
    fill(lib);
    lib_store_begin(lib, FC_STORE_WRITE);
    expect_counts(lib, 1);
    assert_int_equal(fc_store_reset(lib->store, &lib->err), 0);
    lib_store_commit(lib);
    expect_reset(lib);
    lib_store_close(lib);
    lib_store_open(lib);
    expect_reset(lib);
    /* an address that a client kept from before must not name another's row */
    lib_store_begin(lib, FC_STORE_WRITE);
    assert_int_equal(fc_store_account_insert(lib->store, &account, &lib->err), 0);
    assert_int_equal(fc_store_order_insert(lib->store, &order, &lib->err), 0);
    assert_int_equal(fc_store_authz_insert(lib->store, &authz, &lib->err), 0);
    assert_true(account.id >= 2);
    assert_true(order.id >= 2);
    assert_true(authz.id >= 2);
    lib_store_end(lib);
}

static void a_reset_can_be_rolled_back(void **state)
{
    struct lib_store *lib = *state;

    fill(lib);
    lib_store_begin(lib, FC_STORE_WRITE);
    assert_int_equal(fc_store_reset(lib->store, &lib->err), 0);
    expect_counts(lib, 0);
    lib_store_end(lib);
    lib_store_begin(lib, FC_STORE_READ);
    expect_counts(lib, 1);
    lib_store_end(lib);
}

/* ---- threads ---- */

#define THREADS 4
#define ROUNDS 200

struct worker {
    struct fc_store *store;
    int number;
    int failures;
};

/* Each counts one setting up; two read-modify-writes that mix would lose one. */
static void *count_up(void *cookie)
{
    struct worker *worker = cookie;

    for (int i = 0; i < ROUNDS; i++) {
        struct fc_arena *arena = fc_arena_new();
        struct fc_store_tx tx fc_auto_tx = {0};
        const char *value = NULL;
        struct fc_account account = lib_store_account("production", NULL);
        account.thumbprint = fc_arena_printf(arena, "T-%d-%d", worker->number, i);
        worker->failures +=
            fc_store_begin(worker->store, FC_STORE_WRITE, &tx, NULL) != 0 ||
            fc_store_setting_get(worker->store, arena, "n", &value, NULL) != 0 ||
            fc_store_setting_set(worker->store, "n", fc_arena_printf(arena, "%sx", value ? value : ""), NULL) != 0 ||
            fc_store_account_insert(worker->store, &account, NULL) != 0 || fc_store_commit(&tx, NULL) != 0;
        fc_arena_free(arena);
    }
    return NULL;
}

static void threads_take_turns(void **state)
{
    struct lib_store *lib = *state;
    struct worker workers[THREADS];
    pthread_t threads[THREADS];
    struct fc_store_counts counts;
    const char *value = NULL;

    for (int i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){lib->store, i, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, count_up, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(workers[i].failures, 0);
    lib_store_begin(lib, FC_STORE_READ);
    assert_int_equal(fc_store_setting_get(lib->store, lib->arena, "n", &value, &lib->err), 0);
    assert_non_null(value);
    assert_int_equal(strlen(value), THREADS * ROUNDS);
    assert_int_equal(fc_store_count(lib->store, &counts, &lib->err), 0);
    assert_int_equal(counts.accounts, THREADS * ROUNDS);
    lib_store_end(lib);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIB_STORE_TEST(settings_are_kept),
        LIB_STORE_TEST(a_transaction_that_ends_uncommitted_leaves_nothing),
        LIB_STORE_TEST(hooks_take_part_in_writes_only),
        LIB_STORE_TEST(reset_forgets_facts_and_keeps_the_ca),
        LIB_STORE_TEST(a_reset_can_be_rolled_back),
        LIB_STORE_TEST(threads_take_turns),
    };
    RUN(tests);
}
