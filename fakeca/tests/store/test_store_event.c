#include "store/store_event.h"

#include <string.h>

#include "lib_store.h"

#include "cmocka_all.h"

static void insert(struct lib_store *lib, int64_t seq)
{
    const struct fc_event_row row = {.seq = seq, .at = LIB_NOW, .real_at = LIB_NOW + 1, .type = "ca.started"};

    assert_int_equal(fc_store_event_insert(lib->store, &row, &lib->err), 0);
}

static void an_event_is_found_as_it_was(void **state)
{
    const struct fc_event_row full = {.seq = 9,
                                      .at = LIB_NOW,
                                      .real_at = LIB_NOW + 1,
                                      .type = "certificate.issued",
                                      .env = "production",
                                      .account_id = 1,
                                      .order_id = 2,
                                      .authz_id = 3,
                                      .serial = "0a",
                                      .data = "{\"a\":1}"};
    struct lib_store *lib = *state;
    struct fc_event_row *found;
    size_t count;

    lib_store_begin(lib, FC_STORE_WRITE);
    insert(lib, 8);
    assert_int_equal(fc_store_event_insert(lib->store, &full, &lib->err), 0);
    assert_int_equal(fc_store_event_list(lib->store, lib->arena, 0, 10, &found, &count, &lib->err), 0);
    assert_int_equal(count, 2);
    assert_int_equal(found[0].seq, 8);
    assert_null(found[0].env);
    assert_null(found[0].serial);
    assert_null(found[0].data);
    assert_int_equal(found[1].seq, 9);
    assert_int_equal(found[1].at, LIB_NOW);
    assert_int_equal(found[1].real_at, LIB_NOW + 1);
    assert_string_equal(found[1].type, "certificate.issued");
    assert_string_equal(found[1].env, "production");
    assert_int_equal(found[1].account_id, 1);
    assert_int_equal(found[1].order_id, 2);
    assert_int_equal(found[1].authz_id, 3);
    assert_string_equal(found[1].serial, "0a");
    assert_string_equal(found[1].data, "{\"a\":1}");
    /* a number is given once */
    assert_int_equal(fc_store_event_insert(lib->store, &full, &lib->err), -1);
    assert_int_equal(lib->err.code, FC_E_SYSTEM);
}

static void a_failed_statement_spoils_its_transaction(void **state)
{
    const struct fc_event_row again = {.seq = 1, .type = "ca.started"};
    struct lib_store *lib = *state;
    struct fc_store_counts counts;

    lib_store_begin(lib, FC_STORE_WRITE);
    insert(lib, 1);
    assert_int_equal(fc_store_event_insert(lib->store, &again, NULL), -1);
    assert_int_equal(fc_store_event_insert(lib->store, &(struct fc_event_row){.seq = 2, .type = "x"}, &lib->err), -1);
    assert_non_null(strstr(lib->err.text, "an earlier statement of this transaction failed"));
    fc_err_clear(&lib->err);
    assert_int_equal(fc_store_commit(&lib->tx, &lib->err), -1);
    assert_int_equal(lib->err.code, FC_E_SYSTEM);
    lib_store_begin(lib, FC_STORE_READ);
    assert_int_equal(fc_store_count(lib->store, &counts, &lib->err), 0);
    assert_int_equal(counts.events, 0);
}

static void pages_trimming_and_the_last_number(void **state)
{
    struct lib_store *lib = *state;
    struct fc_event_row *found;
    struct fc_store_counts counts;
    int64_t last = -1;
    size_t count;

    lib_store_begin(lib, FC_STORE_WRITE);
    assert_int_equal(fc_store_event_last(lib->store, &last, &lib->err), 0);
    assert_int_equal(last, 0);
    assert_int_equal(fc_store_event_trim(lib->store, 5, &lib->err), 0);
    for (int64_t seq = 1; seq <= 20; seq++)
        insert(lib, seq);
    assert_int_equal(fc_store_event_last(lib->store, &last, &lib->err), 0);
    assert_int_equal(last, 20);
    assert_int_equal(fc_store_event_list(lib->store, lib->arena, 4, 3, &found, &count, &lib->err), 0);
    assert_int_equal(count, 3);
    assert_int_equal(found[0].seq, 5);
    assert_int_equal(found[2].seq, 7);
    assert_int_equal(fc_store_event_trim(lib->store, 20, &lib->err), 0);
    assert_int_equal(fc_store_event_trim(lib->store, 6, &lib->err), 0);
    assert_int_equal(fc_store_event_list(lib->store, lib->arena, 0, 100, &found, &count, &lib->err), 0);
    assert_int_equal(count, 6);
    assert_int_equal(found[0].seq, 15);
    assert_int_equal(fc_store_count(lib->store, &counts, &lib->err), 0);
    assert_int_equal(counts.events, 6);
    assert_int_equal(fc_store_event_list(lib->store, lib->arena, 20, 100, &found, &count, &lib->err), 0);
    assert_int_equal(count, 0);
}

static void trimming_counts_rows_not_numbers(void **state)
{
    struct lib_store *lib = *state;
    struct fc_event_row *found;
    size_t count;

    lib_store_begin(lib, FC_STORE_WRITE);
    for (int64_t seq = 1; seq <= 5; seq++)
        insert(lib, seq);
    for (int64_t seq = 100000; seq <= 100005; seq++)
        insert(lib, seq);
    assert_int_equal(fc_store_event_trim(lib->store, 7, &lib->err), 0);
    assert_int_equal(fc_store_event_list(lib->store, lib->arena, 0, 100, &found, &count, &lib->err), 0);
    assert_int_equal(count, 7);
    assert_int_equal(found[0].seq, 5);
    assert_int_equal(found[1].seq, 100000);
}

/* ---- mock DNS ---- */

static void set(struct lib_store *lib, const char *name, const char *type, const char *value)
{
    const struct fc_dns_row row = {name, type, value};

    assert_int_equal(fc_store_dns_set(lib->store, &row, &lib->err), 0);
}

static int64_t clear(struct lib_store *lib, const char *name, const char *type)
{
    int64_t count = -1;

    assert_int_equal(fc_store_dns_clear(lib->store, name, type, &count, &lib->err), 0);
    return count;
}

static void one_rule_a_name_and_type(void **state)
{
    struct lib_store *lib = *state;
    struct fc_dns_row *rows;
    size_t count;

    lib_store_begin(lib, FC_STORE_WRITE);
    set(lib, "b.test", "A", "[\"127.0.0.1\"]");
    set(lib, "a.test", "TXT", "[\"x\"]");
    set(lib, "a.test", "A", "[\"127.0.0.2\"]");
    set(lib, "a.test", "A", "[\"127.0.0.3\"]");
    set(lib, "*.test", "*", "{\"rcode\":\"SERVFAIL\"}");
    assert_int_equal(fc_store_dns_list(lib->store, lib->arena, &rows, &count, &lib->err), 0);
    assert_int_equal(count, 4);
    assert_string_equal(rows[0].name, "*.test");
    assert_string_equal(rows[1].name, "a.test");
    assert_string_equal(rows[1].type, "A");
    assert_string_equal(rows[1].value, "[\"127.0.0.3\"]");
    assert_string_equal(rows[3].name, "b.test");
    assert_int_equal(clear(lib, "a.test", "AAAA"), 0);
    assert_int_equal(clear(lib, "a.test", "TXT"), 1);
    assert_int_equal(clear(lib, "a.test", NULL), 1);
    assert_int_equal(clear(lib, NULL, NULL), 2);
    assert_int_equal(fc_store_dns_list(lib->store, lib->arena, &rows, &count, &lib->err), 0);
    assert_int_equal(count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIB_STORE_TEST(an_event_is_found_as_it_was),        LIB_STORE_TEST(a_failed_statement_spoils_its_transaction),
        LIB_STORE_TEST(pages_trimming_and_the_last_number), LIB_STORE_TEST(trimming_counts_rows_not_numbers),
        LIB_STORE_TEST(one_rule_a_name_and_type),
    };
    RUN(tests);
}
