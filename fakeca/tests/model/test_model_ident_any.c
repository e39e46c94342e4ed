/* Names and addresses for CAs of tests: what `any` lifts, and what stays refused. */
#include "model/model_ident.h"

#include "model/model_problem.h"

#include "cmocka_all.h"

static int check(const char *text, bool ip, bool any, const char *const *blocked, enum fc_problem_type *ret_type)
{
    fc_auto(fc_arena_free) struct fc_arena *arena = fc_arena_new();
    const struct fc_ident_rules rules = {.any = any, .blocked = blocked};
    struct fc_problem problem = {0};
    int result = ip ? fc_ident_check_ip(text, &rules, arena, &problem, NULL)
                    : fc_ident_check_dns(text, &rules, arena, &problem, NULL);

    *ret_type = problem.type;
    return result;
}

static void names_of_every_suffix_pass(void **state)
{
    static const char *const names[] = {"single",
                                        "localhost",
                                        "com",
                                        "a.unknown-tld",
                                        "*.wild.test",
                                        "*.com",
                                        "*.localhost",
                                        "ab--cd.test",
                                        "1.2.3.test",
                                        "example",
                                        "a.b.c.d.e.f.g.h.i.j.k.l.test"};
    enum fc_problem_type type;
    (void)state;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (check(names[i], false, true, NULL, &type))
            fail_msg("'%s' is refused", names[i]);
        if (check(names[i], false, false, NULL, &type) == 0)
            fail_msg("'%s' passes without", names[i]);
    }
}

static void what_is_no_name_is_refused(void **state)
{
    static const char *const names[] = {"",         "a..test",       ".test",     "a.test.", "-a.test",
                                        "a-.test",  "a_b.test",      "A.test",    "a b",     "*.*.test",
                                        "a.*.test", "\xc3\xbc.test", "127.0.0.1", "*"};
    enum fc_problem_type type;
    (void)state;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (check(names[i], false, true, NULL, &type) == 0)
            fail_msg("'%s' passes", names[i]);
        assert_int_equal(type, FC_PROBLEM_MALFORMED);
    }
}

static void every_address_passes(void **state)
{
    static const char *const addresses[] = {"127.0.0.1", "10.0.0.1", "192.0.2.1", "0.0.0.0", "::1", "2001:db8::1"};
    enum fc_problem_type type;
    (void)state;

    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        if (check(addresses[i], true, true, NULL, &type))
            fail_msg("'%s' is refused", addresses[i]);
        assert_int_equal(check(addresses[i], true, false, NULL, &type), -1);
    }
    assert_int_equal(check("127.0.0.01", true, true, NULL, &type), -1);
}

/* The block list still holds, for one label too: there Pebble panics (peers.md 1.9). */
static void blocked_names_are_rejected(void **state)
{
    static const char *const blocked[] = {"blocked.test", "single", "10.0.0.0/8", NULL};
    enum fc_problem_type type;
    (void)state;

    assert_int_equal(check("blocked.test", false, true, blocked, &type), -1);
    assert_int_equal(type, FC_PROBLEM_REJECTED_IDENTIFIER);
    assert_int_equal(check("deep.blocked.test", false, true, blocked, &type), -1);
    assert_int_equal(check("single", false, true, blocked, &type), -1);
    assert_int_equal(check("other", false, true, blocked, &type), 0);
    assert_int_equal(check("10.1.2.3", true, true, blocked, &type), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_every_suffix_pass),
        cmocka_unit_test(what_is_no_name_is_refused),
        cmocka_unit_test(every_address_passes),
        cmocka_unit_test(blocked_names_are_rejected),
    };
    RUN(tests);
}
