/* When a client renews, and in which order things happen. */
#include "plan/plan_int.h"

#include "plan/lib_plan.h"

#include "cmocka_all.h"

static struct fc_plan_rule rule_of(const char *text)
{
    struct fc_plan_rule rule;

    assert_int_equal(fc_plan_rule_parse(text, &rule, NULL), 0);
    return rule;
}

/* letsencrypt.md E.1: notBefore 58 min 30 s back, the last second counted; E.4: a vector measured on Boulder. */
static void due_times(void **state)
{
    struct lib_plan *t = *state;
    const struct fc_profile *classic = fc_policy_profile(t->policy, "classic");
    const struct fc_plan_issue issue = fc_plan_issue_at(t->policy, classic, lib_plan_time("2026-09-01T12:00:00Z"));
    const struct fc_plan_rule before = rule_of("30d before expiry"), fraction = rule_of("2/3 of lifetime");
    const struct fc_plan_rule every = rule_of("every 60d"), ari = rule_of("ari");

    lib_plan_assert_time(issue.not_before, "2026-09-01T11:01:30Z");
    lib_plan_assert_time(issue.not_after, "2026-11-30T11:01:29Z");
    lib_plan_assert_time(fc_plan_rule_due(&before, t->policy, &issue, 0), "2026-10-31T11:01:29Z");
    lib_plan_assert_time(fc_plan_rule_due(&fraction, t->policy, &issue, 0), "2026-10-31T11:01:30Z");
    lib_plan_assert_time(fc_plan_rule_due(&every, t->policy, &issue, 0), "2026-10-31T12:00:00Z");
    lib_plan_assert_time(fc_plan_rule_due(&ari, t->policy, &issue, 0), "2026-10-30T13:45:34Z");
    for (uint64_t i = 0; i < 1000; i++) {
        int64_t due = fc_plan_rule_due(&ari, t->policy, &issue, fc_plan_draw(i, 1, 2));
        assert_true(due >= lib_plan_time("2026-10-30T13:45:34Z") && due < lib_plan_time("2026-11-01T08:56:23Z"));
    }
}

static void checks(void **state)
{
    (void)state;
    static const struct {
        int64_t every;
        const char *after, *due;
        bool ari;
        const char *check;
    } rows[] = {
        {FC_DAY / 2, "2027-01-01T00:00:00Z", "2027-01-03T10:00:00Z", false, "2027-01-03T12:00:00Z"},
        {FC_DAY / 2, "2027-01-01T00:00:00Z", "2027-01-03T12:00:00Z", false, "2027-01-03T12:00:00Z"},
        {FC_DAY / 2, "2027-01-01T00:00:00Z", "2027-01-03T12:00:01Z", false, "2027-01-04T00:00:00Z"},
        /* what is overdue waits for the next check, which is later than now */
        {FC_DAY / 2, "2027-01-01T00:00:00Z", "2026-12-01T00:00:00Z", false, "2027-01-01T12:00:00Z"},
        {FC_DAY / 2, "2027-01-01T13:00:00Z", "2026-12-01T00:00:00Z", false, "2027-01-02T00:00:00Z"},
        /* RFC 9773, 4.2: at the last check before the moment */
        {FC_DAY / 2, "2027-01-01T00:00:00Z", "2027-01-03T10:00:00Z", true, "2027-01-03T00:00:00Z"},
        {FC_DAY / 2, "2027-01-01T00:00:00Z", "2027-01-03T12:00:00Z", true, "2027-01-03T12:00:00Z"},
        {FC_DAY / 2, "2027-01-01T00:00:00Z", "2027-01-01T10:00:00Z", true, "2027-01-01T12:00:00Z"},
        {FC_MINUTE, "2027-01-01T00:00:30Z", "2027-01-01T00:00:30Z", false, "2027-01-01T00:01:00Z"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        lib_plan_assert_time(
            fc_plan_rule_check(rows[i].every, lib_plan_time(rows[i].after), lib_plan_time(rows[i].due), rows[i].ari),
            rows[i].check);
}

static void the_heap_sorts(void **state)
{
    struct fc_plan_heap heap = {0};
    struct fc_plan_event last = {INT64_MIN, 0};
    (void)state;

    for (uint32_t i = 0; i < 5000; i++)
        fc_plan_heap_push(&heap, (struct fc_plan_event){(int64_t)(fc_plan_draw(3, i, 0) % 500), i});
    for (uint32_t i = 0; i < 5000; i++) {
        struct fc_plan_event event = fc_plan_heap_pop(&heap);
        assert_true(event.at > last.at || (event.at == last.at && event.certificate > last.certificate));
        last = event;
    }
    assert_int_equal(heap.count, 0);
    fc_plan_heap_release(&heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIB_PLAN_TEST(due_times),
        cmocka_unit_test(checks),
        cmocka_unit_test(the_heap_sorts),
    };
    RUN(tests);
}
