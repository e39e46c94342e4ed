/* test: threads */
/* The queue and the thread: many at once, hangers, limits, cancelling. */
#include "va/lib_va.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_alloc.h"
#include "base/base_time.h"
#include "net/lib_peer.h"

#include "cmocka_all.h"

enum { MANY = 400, HANGING = 100, PATIENCE_S = 60 };

static const struct zone_row zone[] = {
    {"hang.test", FC_DNS_A, {"127.0.0.2"}, 0, FC_DNS_ANSWER, ZONE_NOW},
    {"good.test", FC_DNS_A, {"127.0.0.1"}, 0, FC_DNS_ANSWER, ZONE_NOW},
    {"held.test", FC_DNS_A, {"127.0.0.1"}, 0, FC_DNS_ANSWER, ZONE_HELD},
    {"held.test", FC_DNS_AAAA, {NULL}, 0, FC_DNS_ANSWER, ZONE_HELD},
};

struct crowd_bed {
    struct bed *bed;
    struct peer *good, *hanger;
    struct crowd *crowd, *hanging;
};

static int setup(void **state)
{
    struct crowd_bed *bed = fc_calloc(1, sizeof *bed);
    char map[128];

    *state = bed;
    if (bed_setup((void **)&bed->bed) != 0)
        return -1;
    bed->bed->zone = zone;
    bed->bed->n_zone = sizeof zone / sizeof *zone;
    bed->good = peer_start_simple(PEER_ANSWER, GOOD_ANSWER);
    bed->hanger = peer_start_simple(PEER_HANG, NULL);
    bed->crowd = crowd_new();
    bed->hanging = crowd_new();
    snprintf(map, sizeof map, "127.0.0.1:80=127.0.0.1:%u,127.0.0.2:80=127.0.0.1:%u", peer_port(bed->good),
             peer_port(bed->hanger));
    return fc_net_portmap_set(bed->bed->portmap, map, NULL);
}

static int teardown(void **state)
{
    struct crowd_bed *bed = *state;

    bed_teardown((void **)&bed->bed);
    peer_stop(bed->good);
    peer_stop(bed->hanger);
    crowd_free(bed->crowd);
    crowd_free(bed->hanging);
    free(bed);
    return 0;
}

static void validate_many(struct crowd_bed *bed, struct crowd *crowd, const char *name, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_int_equal(crowd_validate(crowd, bed->bed, "http-01", name, NULL), 0);
}

static void methods(void **state)
{
    const char *const *names = fc_va_methods();
    struct crowd_bed *bed = *state;
    struct fc_err err = {0};

    assert_string_equal(names[0], "http-01");
    assert_string_equal(names[1], "dns-01");
    assert_string_equal(names[2], "tls-alpn-01");
    assert_string_equal(names[3], "dns-account-01");
    assert_string_equal(names[4], "dns-persist-01");
    assert_null(names[5]);
    assert_int_equal(crowd_validate(bed->crowd, bed->bed, "tls-sni-01", "good.test", &err), -1);
    assert_int_equal(err.code, FC_E_NOT_FOUND);
    assert_non_null(strstr(err.text, "'tls-sni-01'"));
    assert_int_equal(fc_va_pending(bed->bed->va), 0);
}

static void hundreds_at_once(void **state)
{
    struct crowd_bed *bed = *state;

    validate_many(bed, bed->crowd, "good.test", MANY);
    assert_true(crowd_wait(bed->crowd, MANY, PATIENCE_S));
    assert_int_equal(crowd_valid(bed->crowd), MANY);
    assert_int_equal(peer_count(bed->good), MANY);
}

static void hangers_delay_nobody(void **state)
{
    struct crowd_bed *bed = *state;

    bed->bed->policy.validation.total_timeout = 5 * FC_MINUTE;
    validate_many(bed, bed->hanging, "hang.test", HANGING);
    validate_many(bed, bed->crowd, "good.test", MANY);
    assert_true(crowd_wait(bed->crowd, MANY, PATIENCE_S));
    assert_int_equal(crowd_valid(bed->crowd), MANY);
    assert_int_equal(crowd_count(bed->hanging), 0);
    assert_true(fc_va_pending(bed->bed->va) >= HANGING);
}

static void five_perspectives_and_hangers(void **state)
{
    struct crowd_bed *bed = *state;

    bed->bed->policy.validation.perspectives = 5;
    bed->bed->policy.validation.total_timeout = 5 * FC_MINUTE;
    validate_many(bed, bed->hanging, "hang.test", HANGING);
    validate_many(bed, bed->crowd, "good.test", HANGING);
    assert_true(crowd_wait(bed->crowd, HANGING, PATIENCE_S));
    assert_int_equal(crowd_valid(bed->crowd), HANGING);
    assert_int_equal(peer_count(bed->good), 5 * HANGING);
    assert_int_equal(crowd_count(bed->hanging), 0);
}

static void freeing_cancels_without_a_word(void **state)
{
    struct crowd_bed *bed = *state;

    bed->bed->policy.validation.total_timeout = 5 * FC_MINUTE;
    bed->bed->policy.validation.dns_timeout = FC_MINUTE;
    validate_many(bed, bed->hanging, "hang.test", 20);
    validate_many(bed, bed->hanging, "held.test", 20);
    validate_many(bed, bed->crowd, "good.test", 1);
    assert_true(crowd_wait(bed->crowd, 1, PATIENCE_S)); /* so the others are under way */
    fc_va_free(FC_TAKE(bed->bed->va));
    bed_release_answers(bed->bed); /* come too late, for nobody */
    assert_int_equal(crowd_count(bed->hanging), 0);
}

static void answers_that_were_held_are_used(void **state)
{
    struct crowd_bed *bed = *state;

    bed->bed->policy.validation.dns_timeout = FC_MINUTE;
    validate_many(bed, bed->hanging, "held.test", 5);
    validate_many(bed, bed->crowd, "good.test", 1);
    assert_true(crowd_wait(bed->crowd, 1, PATIENCE_S));
    bed_release_answers(bed->bed);
    assert_true(crowd_wait(bed->hanging, 5, PATIENCE_S));
    assert_int_equal(crowd_valid(bed->hanging), 5);
}

static void the_queue_is_bounded(void **state)
{
    struct crowd_bed *bed = *state;
    struct fc_err err = {0};

    bed_replace(bed->bed, 3);
    validate_many(bed, bed->crowd, "good.test", 3); /* the thread does not run yet */
    assert_int_equal(fc_va_pending(bed->bed->va), 3);
    assert_int_equal(crowd_validate(bed->crowd, bed->bed, "http-01", "good.test", &err), -1);
    assert_int_equal(err.code, FC_E_LIMIT);
    assert_int_equal(fc_va_start(bed->bed->va, NULL), 0);
    assert_true(crowd_wait(bed->crowd, 3, PATIENCE_S));
    assert_int_equal(crowd_valid(bed->crowd), 3);
}

static void freeing_what_never_started(void **state)
{
    struct crowd_bed *bed = *state;

    fc_va_free(NULL);
    bed_replace(bed->bed, 0);
    validate_many(bed, bed->crowd, "good.test", 3);
    fc_va_free(FC_TAKE(bed->bed->va));
    assert_int_equal(crowd_count(bed->crowd), 0);
}

/* ---- a callback may ask for the next ---- */

struct chain {
    struct crowd_bed *bed;
    size_t left;
};

static void next_of_chain(void *cookie, const struct fc_va_result *result)
{
    struct chain *chain = cookie;
    struct fc_va_job job = {.policy = &chain->bed->bed->policy,
                            .method = "http-01",
                            .ident = {.type = FC_IDENT_DNS, .value = "good.test"},
                            .token = TOKEN,
                            .scope = FC_VA_DCV,
                            .key_authorization = KEY_AUTH};

    (void)result;
    if (--chain->left > 0)
        fc_va_validate(chain->bed->bed->va, &job, next_of_chain, chain, NULL);
    else
        crowd_validate(chain->bed->crowd, chain->bed->bed, "http-01", "good.test", NULL);
}

static void a_callback_may_ask_again(void **state)
{
    struct crowd_bed *bed = *state;
    struct chain chain = {.bed = bed, .left = 2};
    const struct fc_va_result nothing = {0};

    next_of_chain(&chain, &nothing);
    assert_true(crowd_wait(bed->crowd, 1, PATIENCE_S));
    assert_int_equal(crowd_valid(bed->crowd), 1);
    assert_int_equal(peer_count(bed->good), 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(methods),
        TEST(hundreds_at_once),
        TEST(hangers_delay_nobody),
        TEST(five_perspectives_and_hangers),
        TEST(freeing_cancels_without_a_word),
        TEST(answers_that_were_held_are_used),
        TEST(the_queue_is_bounded),
        TEST(freeing_what_never_started),
        TEST(a_callback_may_ask_again),
    };
    RUN(tests);
}
