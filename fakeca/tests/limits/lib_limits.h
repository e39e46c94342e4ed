/* A limiter over buckets in memory, for the tests of limits/. */
#ifndef FC_TESTS_LIMITS_LIB_LIMITS_H
#define FC_TESTS_LIMITS_LIB_LIMITS_H

#include "base/base_time.h"
#include "limits/limits.h"
#include "limits/limits_storage.h"

struct lib_limits {
    struct fc_policy *policy;
    struct fc_limits *limits;
    struct fc_limits_memory *memory;
    struct fc_limits_storage storage;
    struct fc_arena *arena;
    int64_t now;
    struct fc_limits_denial denial; /* of the last refusal */
};
/* cmocka fixture: *state is a struct lib_limits of production as of 2026-11-24T05:00:00Z, without jitter. */
int lib_limits_setup(void **state);
int lib_limits_teardown(void **state);
#define LIB_LIMITS_TEST(test) cmocka_unit_test_setup_teardown(test, lib_limits_setup, lib_limits_teardown)

/* Another limiter over the same buckets: policy JSON edited (may be NULL), setting by its text (NULL: the policy's own). */
void lib_limits_change(struct lib_limits *t, const char *env, void (*edit)(json_t *policy), const char *setting);

struct fc_limits_call lib_limits_call(struct lib_limits *t, int64_t account_id);
/* "a.test,b.test,192.0.2.7" sorted and unique. */
struct fc_ident *lib_limits_idents(struct lib_limits *t, const char *names, size_t *ret_count);

/* Each gives 0, or 1 with t->denial; a failure of the storage fails the test. */
int lib_limits_register(struct lib_limits *t, const char *address);
int lib_limits_order(struct lib_limits *t, int64_t account_id, const char *names);
int lib_limits_order_ari(struct lib_limits *t, int64_t account_id, const char *names);
/* A certificate for the names: counted, and remembered as issued (notBefore: now). */
void lib_limits_issue(struct lib_limits *t, int64_t account_id, const char *names);
/* Whether the account is to be paused. */
bool lib_limits_fail(struct lib_limits *t, int64_t account_id, const char *name);

/* The last denial: which limit, and how long until it is over. */
void lib_limits_assert_denied(const struct lib_limits *t, enum fc_limit limit, int64_t retry_in);

#endif
