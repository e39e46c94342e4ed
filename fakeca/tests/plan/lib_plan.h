/* Plans over the built-in rules, for the tests of plan/. */
#ifndef FC_TESTS_PLAN_LIB_PLAN_H
#define FC_TESTS_PLAN_LIB_PLAN_H

#include "base/base_time.h"
#include "plan/plan.h"

struct lib_plan {
    struct fc_policy *policy;
    struct fc_limits *limits;
    struct fc_plan_options options;
    struct fc_plan_estate *estate;
    struct fc_plan_report *report;
    struct fc_err err;
};
/* cmocka fixture: *state is a struct lib_plan with production's rules, without the lateness of Retry-After. */
int lib_plan_setup(void **state);
int lib_plan_teardown(void **state);
#define LIB_PLAN_TEST(test) cmocka_unit_test_setup_teardown(test, lib_plan_setup, lib_plan_teardown)

/* Another environment, limits by their setting (NULL: the policy's own). */
void lib_plan_rules(struct lib_plan *t, const char *environment, const char *setting);
/* Plans the estate; single quotes in its text stand for double ones. The test fails when it cannot be read. */
void lib_plan_run(struct lib_plan *t, const char *from, const char *to, const char *text);
/* Reads an estate that is wrong, from 2027-01-01 to 2028-01-01; t->err is set. */
void lib_plan_refused(struct lib_plan *t, const char *text);

int64_t lib_plan_time(const char *text);
void lib_plan_assert_time(int64_t at, const char *text);
/* The only finding of that kind; the test fails when there is none. */
const struct fc_plan_finding *lib_plan_finding(const struct lib_plan *t, enum fc_plan_kind kind);
#define lib_plan_has(t, kind_)                                                                                         \
    __extension__({                                                                                                    \
        bool has_ = false;                                                                                             \
        for (size_t i_ = 0; i_ < (t)->report->n_findings; i_++)                                                        \
            has_ = has_ || (t)->report->findings[i_].kind == (kind_);                                                  \
        has_;                                                                                                          \
    })

#endif
