/* The issuer is rotated on request. */
#include "lib_ca.h"

#include "cmocka_all.h"

static int64_t issuer_of(struct lib_ca *t)
{
    struct fc_certificate row;

    assert_int_equal(lib_ca_issue(t, "a.test", lib_ca_key(t, "P-256"), &row, NULL), 0);
    return row.issuer_id;
}

/* The same one until the next rotation, and then another. */
static void each_rotation_changes_the_issuer(void **state)
{
    struct lib_ca *t = *state;

    lib_ca_start(t);
    fc_ca_rotate(t->ca);
    int64_t last = issuer_of(t);
    for (int i = 0; i < 6; i++) {
        for (int j = 0; j < 10; j++)
            assert_int_equal(issuer_of(t), last);
        fc_ca_rotate(t->ca);
        int64_t next = issuer_of(t);
        assert_int_not_equal(next, last);
        last = next;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {LIB_CA_TEST(each_rotation_changes_the_issuer)};
    RUN(tests);
}
