/* The arithmetic: the measured vectors of letsencrypt.md A.2. */
#include "limits/limits_gcra.h"

#include "base/base_time.h"

#include "cmocka_all.h"

#define T0 (INT64_C(1795500000) * FC_SECOND)

static const struct fc_limits_rule set = {5, 168 * FC_HOUR, 5, 168 * FC_HOUR / 5, 168 * FC_HOUR};

static void the_rule(void **state)
{
    static const struct {
        int64_t count, period, burst, interval;
    } rows[] = {
        /* "Refill of one", A.1 */
        {10, 3 * FC_HOUR, 10, 18 * FC_MINUTE},
        {500, 3 * FC_HOUR, 500, 21600 * FC_MS},
        {300, 3 * FC_HOUR, 300, 36 * FC_SECOND},
        {5, FC_HOUR, 5, 12 * FC_MINUTE},
        {50, 7 * FC_DAY, 50, 3 * FC_HOUR + 21 * FC_MINUTE + 36 * FC_SECOND},
        {5, 7 * FC_DAY, 5, 33 * FC_HOUR + 36 * FC_MINUTE},
        {1, 24 * FC_HOUR, 1152, 24 * FC_HOUR},
        {30000, FC_SECOND, 30000, 33333}, /* integer division */
    };
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fc_limits_rule rule = fc_limits_gcra_rule(rows[i].count, rows[i].period, rows[i].burst);
        assert_int_equal(rule.interval, rows[i].interval);
        assert_int_equal(rule.span, rows[i].interval * rows[i].burst);
    }
}

static int64_t spend(const struct fc_limits_rule *rule, int64_t now, int64_t tat, struct fc_limits_decision *ret)
{
    fc_limits_gcra_spend(rule, now, tat, 1, ret);
    return ret->tat;
}

static void five_a_week(void **state)
{
    struct fc_limits_decision d;
    int64_t tat = spend(&set, T0, FC_LIMITS_NO_TAT, &d);
    (void)state;

    /* after 1: remaining 4 (a following check shows 3), reset 33 h 36 m */
    assert_true(d.allowed);
    assert_int_equal(d.remaining, 4);
    assert_int_equal(d.reset_in, 33 * FC_HOUR + 36 * FC_MINUTE);
    assert_int_equal(d.retry_in, 0);
    spend(&set, T0, tat, &d);
    assert_int_equal(d.remaining, 3);
    for (int i = 2; i <= 5; i++)
        tat = spend(&set, T0, tat, &d);
    assert_true(d.allowed);
    assert_int_equal(d.remaining, 0);
    assert_int_equal(d.retry_in, set.interval);
    /* after 5 at t0: denied, retryIn 33 h 36 m; nothing changes */
    assert_int_equal(spend(&set, T0, tat, &d), tat);
    assert_false(d.allowed);
    assert_int_equal(d.remaining, 0);
    assert_int_equal(d.retry_in, 33 * FC_HOUR + 36 * FC_MINUTE);
    assert_int_equal(d.reset_in, 168 * FC_HOUR);
    spend(&set, T0 + 33 * FC_HOUR + 36 * FC_MINUTE - 1, tat, &d);
    assert_false(d.allowed);
    assert_int_equal(d.retry_in, 1);
    spend(&set, T0 + 33 * FC_HOUR + 36 * FC_MINUTE, tat, &d);
    assert_true(d.allowed);
    /* the 6th at t0 + 34 h 36 m: the next is denied with retryIn 32 h 36 m */
    tat = spend(&set, T0 + 34 * FC_HOUR + 36 * FC_MINUTE, tat, &d);
    assert_true(d.allowed);
    spend(&set, T0 + 34 * FC_HOUR + 36 * FC_MINUTE, tat, &d);
    assert_false(d.allowed);
    assert_int_equal(d.retry_in, 32 * FC_HOUR + 36 * FC_MINUTE);
}

static void given_back(void **state)
{
    struct fc_limits_decision d;
    int64_t one = spend(&set, T0, FC_LIMITS_NO_TAT, &d), two = spend(&set, T0, one, &d);
    (void)state;

    assert_int_equal(fc_limits_gcra_refund(&set, T0, two, 1), one);
    assert_int_equal(fc_limits_gcra_refund(&set, T0, one, 1), T0);
    assert_int_equal(fc_limits_gcra_refund(&set, T0, two, 5), T0);       /* not further than empty */
    assert_int_equal(fc_limits_gcra_refund(&set, two + 1, two, 1), two); /* it is empty already */
    assert_int_equal(fc_limits_gcra_refund(&set, T0, FC_LIMITS_NO_TAT, 1), FC_LIMITS_NO_TAT);
}

/* design.md part 2: a bucket that lies further ahead than its burst counts as empty, and says so. */
static void a_clock_that_goes_back(void **state)
{
    struct fc_limits_decision d;
    int64_t tat = FC_LIMITS_NO_TAT;
    (void)state;

    for (int i = 0; i < 5; i++)
        tat = spend(&set, T0, tat, &d);
    spend(&set, T0 - 1, tat, &d); /* one nanosecond too far */
    assert_true(d.ahead);
    assert_true(d.allowed);
    assert_int_equal(d.remaining, 4);
    assert_int_equal(d.tat, T0 - 1 + set.interval);
    /* a bucket that is not full stays as full as the times say */
    tat = spend(&set, T0, FC_LIMITS_NO_TAT, &d);
    spend(&set, T0 - 33 * FC_HOUR, tat, &d);
    assert_false(d.ahead);
    assert_int_equal(d.remaining, 2);
}

static void the_strictest(void **state)
{
    static const struct fc_limits_decision rows[] = {
        /* from the strictest on */
        {.allowed = false, .retry_in = 9},
        {.allowed = false, .retry_in = 5, .remaining = 0},
        {.allowed = false, .retry_in = 5, .remaining = 1},
        {.allowed = true, .retry_in = 7, .remaining = 9},
        {.allowed = true, .remaining = 2},
        {.allowed = true, .remaining = 3},
    };
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t j = 0; j < sizeof rows / sizeof *rows; j++)
            assert_int_equal(fc_limits_gcra_stricter(&rows[i], &rows[j]), i < j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rule),      cmocka_unit_test(five_a_week),
        cmocka_unit_test(given_back),    cmocka_unit_test(a_clock_that_goes_back),
        cmocka_unit_test(the_strictest),
    };
    RUN(tests);
}
