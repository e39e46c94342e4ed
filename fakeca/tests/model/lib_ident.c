#include "model/lib_ident.h"

#include <string.h>

#include "cmocka_all.h"

void assert_verdict(check_fn *check, const struct fc_ident_rules *rules, const struct verdict *expected)
{
    fc_auto(fc_arena_free) struct fc_arena *arena = fc_arena_new();
    struct fc_problem problem = {0};
    bool used = !expected->used;
    int rc = check(expected->value, rules, arena, &problem, &used);

    if ((rc == 0) != (expected->type == FC_PROBLEM_NONE) || problem.type != expected->type)
        fail_msg("'%s': answer %d, type %d, '%s'", expected->value, rc, (int)problem.type,
                 problem.detail ? problem.detail : "");
    if (rc == 0) {
        if (used != expected->used)
            fail_msg("'%s' is said to %sneed rehearsal", expected->value, used ? "" : "not ");
        return;
    }
    if (strcmp(problem.detail, expected->message) != 0)
        fail_msg("'%s': '%s', not '%s'", expected->value, problem.detail, expected->message);
}
