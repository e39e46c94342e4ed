/* What the tests of identifiers share. */
#ifndef FC_TESTS_MODEL_LIB_IDENT_H
#define FC_TESTS_MODEL_LIB_IDENT_H

#include "model/model_ident.h"
#include "model/model_problem.h"

#define OK FC_PROBLEM_NONE
#define MALFORMED FC_PROBLEM_MALFORMED
#define REJECTED FC_PROBLEM_REJECTED_IDENTIFIER
#define FORBIDDEN                                                                                                      \
    "The ACME server refuses to issue a certificate for this domain name, because it is forbidden by policy"

typedef int check_fn(const char *value, const struct fc_ident_rules *rules, struct fc_arena *arena,
                     struct fc_problem *ret_problem, bool *ret_used_rehearsal);

struct verdict {
    const char *value;
    enum fc_problem_type type; /* FC_PROBLEM_NONE: accepted */
    const char *message;
    bool used; /* only `rehearsal` let it pass */
};

/* Fails the test, naming the value, unless the check says just this. */
void assert_verdict(check_fn *check, const struct fc_ident_rules *rules, const struct verdict *expected);
#define ASSERT_VERDICTS(check, rules, rows)                                                                            \
    do {                                                                                                               \
        for (size_t row_ = 0; row_ < sizeof(rows) / sizeof *(rows); row_++)                                            \
            assert_verdict(check, rules, &(rows)[row_]);                                                               \
    } while (0)

#endif
