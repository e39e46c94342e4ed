/* The issuer is rotated on request.
 * test: threads */
#include "lib_ca.h"

#include "cmocka_all.h"

/* A backup is made when its turn has come. */
static int64_t issuer_of(struct lib_ca *t, const char *kind)
{
    struct fc_certificate row;

    lib_ca_issue_late(t, "a.test", lib_ca_key(t, kind), &row);
    return row.issuer_id;
}

/* The same one until the next rotation, and then another. */
static void each_rotation_changes_the_issuer(void **state)
{
    static const char *const kinds[] = {"P-256", "RSA-2048"};
    struct lib_ca *t = *state;
    int64_t last[2];

    lib_ca_start_all(t);
    for (size_t k = 0; k < 2; k++)
        last[k] = issuer_of(t, kinds[k]);
    for (int i = 0; i < 4; i++) {
        fc_ca_rotate(t->ca);
        for (size_t k = 0; k < 2; k++) {
            int64_t next = issuer_of(t, kinds[k]);
            assert_int_not_equal(next, last[k]);
            last[k] = next;
            for (int j = 0; j < 5; j++)
                assert_int_equal(issuer_of(t, kinds[k]), next);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {LIB_CA_TEST(each_rotation_changes_the_issuer)};
    RUN(tests);
}
