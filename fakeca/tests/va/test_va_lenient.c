/* What a policy for tests lets validation take, and what it leaves to chance. */
/* test: threads */
#include "va/va_int.h"

#include "lib_va.h"

#include <string.h>

#include "base/base_clock.h"
#include "base/base_time.h"

#include "cmocka_all.h"

/* CAA forbids every issuer; the address is a reserved one. */
static const struct zone_row zone[] = {
    {.name = "a.test", .type = FC_DNS_A, .values = {"192.0.2.1"}},
    {.name = "a.test", .type = FC_DNS_AAAA},
    {.name = "a.test", .type = FC_DNS_CAA, .values = {"0 issue ;"}},
};

static struct bed *with_zone(void **state)
{
    struct bed *bed = *state;

    bed->zone = zone;
    bed->n_zone = sizeof zone / sizeof *zone;
    return bed;
}

static void always_valid_asks_nobody(void **state)
{
    struct bed *bed = *state;

    bed->scope = FC_VA_ALL;
    bed->policy.lenient.always_valid = true;
    for (const char *const *method = fc_va_methods(); *method; method++) {
        bed_validate(bed, *method, "nobody.test");
        bed_expect_valid(bed);
        assert_int_equal(json_array_size(json_object_get(bed->verdict, "hops")), 0);
    }
}

static void reserved_addresses_are_tried(void **state)
{
    struct bed *bed = with_zone(state);

    bed_validate(bed, "http-01", "a.test");
    assert_non_null(strstr(verdict_text(bed->verdict, "detail"), "no valid A records found for a.test"));
    bed->policy.lenient.addresses = true;
    bed->policy.validation.connect_timeout = bed->policy.validation.total_timeout = 300 * FC_MS;
    bed_validate(bed, "http-01", "a.test");
    assert_null(strstr(verdict_text(bed->verdict, "detail"), "no valid A records"));
    assert_string_equal(hop_text(bed->verdict, 0, "used"), "192.0.2.1");
}

/* Each begins at once or a second later: of forty some do the latter. */
static void validations_begin_at_random(void **state)
{
    struct bed *bed = *state;
    struct crowd *crowd = crowd_new();
    struct fc_err err = {0};
    int64_t began = fc_clock_mono();

    bed->policy.lenient.always_valid = true;
    bed->policy.lenient.validation_sleep = 2 * FC_SECOND;
    for (int i = 0; i < 40; i++)
        assert_int_equal(crowd_validate(crowd, bed, "http-01", "a.test", &err), 0);
    assert_true(crowd_wait(crowd, 40, 30));
    assert_int_equal(crowd_valid(crowd), 40);
    assert_true(fc_clock_mono() - began >= FC_SECOND - 50 * FC_MS);
    crowd_free(crowd);
}

/* Those that sleep are dropped with the VA. */
static void sleepers_end_with_the_validator(void **state)
{
    struct bed *bed = *state;
    struct crowd *crowd = crowd_new();
    struct fc_err err = {0};

    bed->policy.lenient.validation_sleep = 600 * FC_SECOND;
    for (int i = 0; i < 10; i++)
        assert_int_equal(crowd_validate(crowd, bed, "http-01", "a.test", &err), 0);
    bed_replace(bed, 0);
    assert_true(crowd_count(crowd) <= 1); /* one may have drawn no wait at all */
    crowd_free(crowd);
}

/* Each is refused without (letsencrypt.md B.3), and followed to its own port with it. */
static void redirects_lead_anywhere(void **state)
{
    static const struct {
        int status;
        const char *location;
        unsigned port;
    } rows[] = {
        {303, "http://b.example.com/", 80},   {302, "http://b.example.com:5555/x", 5555},
        {302, "https://b.unknown-tld/", 443}, {302, "http://127.0.0.1:8000/", 8000},
        {302, "https://192.0.2.1/", 443},     {302, "http://single:5002/", 5002},
    };
    struct bed *bed = *state;
    fc_auto(fc_arena_free) struct fc_arena *arena = fc_arena_new();
    struct fc_net_url from;

    assert_int_equal(fc_net_url_parse(arena, "http://a.example.com/", &from, NULL), 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fc_va_redirect redirect = {.policy = &bed->policy,
                                          .portmap = bed->portmap,
                                          .from = &from,
                                          .status = rows[i].status,
                                          .location = rows[i].location};
        bed->policy.lenient.redirects = false;
        bed->policy.rehearsal = false;
        assert_int_equal(fc_va_redirect_judge(arena, &redirect), FC_VA_REDIRECT_REFUSED);
        bed->policy.lenient.redirects = true;
        if (fc_va_redirect_judge(arena, &redirect) != FC_VA_REDIRECT_FOLLOW)
            fail_msg("'%s': %s", rows[i].location, redirect.message);
        assert_int_equal(redirect.port, rows[i].port);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bed_setup, bed_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(always_valid_asks_nobody),    TEST(reserved_addresses_are_tried),    TEST(redirects_lead_anywhere),
        TEST(validations_begin_at_random), TEST(sleepers_end_with_the_validator),
    };
    RUN(tests);
}
