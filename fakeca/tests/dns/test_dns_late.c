/* test: threads */
/* Answers of the in-process resolver that a rule delays, drops or marks as truncated. */
#include "dns/lib_dns.h"

#include <stdlib.h>
#include <string.h>

#include "base/base_time.h"
#include "dns/dns_int.h"

#include "cmocka_all.h"

static void set(struct lib_dns *lib, const char *name, const char *type, const char *json)
{
    if (lib_dns_set(lib, name, type, json) != 0)
        fail_msg("%s %s: %s", name, type, lib->err.text);
}

static void a_delay_holds_one_answer(void **state)
{
    struct lib_dns *lib = *state;

    set(lib, "slow.test", "A", "{\"values\":[\"10.0.0.1\"],\"delay\":\"200ms\"}");
    int64_t begin = fc_clock_mono();
    lib_dns_ask_begin(lib, fc_dns_resolver(lib->dns), "slow.test", FC_DNS_A);
    assert_string_equal(lib_dns_ask_end(lib), "10.0.0.1 [slow.test A]");
    assert_true(fc_clock_mono() - begin >= 200 * FC_MS);
    assert_string_equal(lib_dns_ask(lib, "slow.test", FC_DNS_AAAA), "no data [default]");
    set(lib, "slow.test", "*", "{\"rcode\":\"REFUSED\",\"delay\":\"50ms\"}");
    assert_string_equal(lib_dns_ask(lib, "slow.test", FC_DNS_AAAA), "rcode 5 [slow.test *]");
}

static void delays_of_a_chain_add_up(void **state)
{
    struct lib_dns *lib = *state;

    set(lib, "a.test", "CNAME", "{\"values\":[\"b.test\"],\"delay\":\"100ms\"}");
    set(lib, "b.test", "CNAME", "{\"values\":[\"c.test\"],\"delay\":\"100ms\"}");
    int64_t begin = fc_clock_mono();
    assert_string_equal(lib_dns_ask(lib, "a.test", FC_DNS_A), "127.0.0.1 [default]");
    assert_true(fc_clock_mono() - begin >= 200 * FC_MS);
}

static void a_cut_answer_is_told(void **state)
{
    struct lib_dns *lib = *state;

    set(lib, "a.test", "CAA", "{\"values\":[\"0 issue \\\"x.test\\\"\"],\"truncate\":true}");
    assert_string_equal(lib_dns_ask(lib, "a.test", FC_DNS_CAA), "0:issue:x.test [a.test CAA] truncated");
    assert_string_equal(lib_dns_ask(lib, "a.test", FC_DNS_A), "127.0.0.1 [default]");
}

static void who_waits_at_the_end_is_told(void **state)
{
    struct lib_dns *lib = *state;

    set(lib, "gone.test", "A", "DROP");
    lib_dns_ask_begin(lib, fc_dns_resolver(lib->dns), "gone.test", FC_DNS_A);
    fc_dns_free(FC_TAKE(lib->dns));
    assert_string_equal(lib_dns_ask_end(lib), "timeout []");
}

static void rules_survive_with_delay(void **state)
{
    struct lib_dns *lib = *state;

    set(lib, "a.test", "A", "{\"values\":[\"10.0.0.1\"],\"delay\":\"100ms\",\"truncate\":true}");
    assert_int_equal(lib_dns_reopen(lib, NULL), 0);
    int64_t begin = fc_clock_mono();
    assert_string_equal(lib_dns_ask(lib, "a.test", FC_DNS_A), "10.0.0.1 [a.test A] truncated");
    assert_true(fc_clock_mono() - begin >= 100 * FC_MS);
}

/* ---- the heap ---- */

static void what_waits_comes_in_order(void **state)
{
    enum { COUNT = 1000 };
    static struct fc_dns_due items[COUNT];
    struct fc_dns_heap heap = {0};
    unsigned value = 7;
    const struct fc_dns_due *last = NULL;
    size_t seen = 0;

    (void)state;
    assert_true(fc_dns_heap_next(&heap) == INT64_MAX);
    assert_null(fc_dns_heap_pop(&heap, INT64_MAX));
    for (size_t i = 0; i < COUNT; i++) {
        value = value * 1103515245U + 12345U;
        fc_dns_heap_push(&heap, &items[i], value >> 16 & 127); /* many at the same time */
    }
    for (struct fc_dns_due *due; (due = fc_dns_heap_pop(&heap, 63)) != NULL; last = due, seen++)
        assert_true(due->at <= 63 && (!last || last->at < due->at || (last->at == due->at && last < due)));
    assert_int_equal(fc_dns_heap_next(&heap), 64);
    while (fc_dns_heap_pop(&heap, INT64_MAX))
        seen++;
    assert_int_equal(seen, COUNT);
    fc_dns_heap_release(&heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIB_DNS_TEST(a_delay_holds_one_answer), LIB_DNS_TEST(delays_of_a_chain_add_up),
        LIB_DNS_TEST(a_cut_answer_is_told),     LIB_DNS_TEST(who_waits_at_the_end_is_told),
        LIB_DNS_TEST(rules_survive_with_delay), cmocka_unit_test(what_waits_comes_in_order),
    };
    RUN(tests);
}
