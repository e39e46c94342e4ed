/* test: threads */
/* Perspectives that differ (letsencrypt.md B.8): the first problem, slow ones, what comes late. The resolver answers each look-up of
 * the TXT record by a plan: the primary asks first, then the remotes in their order. */
#include "va/lib_va.h"

#include <stdlib.h>
#include <string.h>

#include "base/base_alloc.h"
#include "base/base_clock.h"
#include "base/base_time.h"

#include "cmocka_all.h"

enum { ASKS = 8 };

#define DIGEST "lCM7cZyQXcVHK2nnW3jjAhNT3Fvm18UN-kWZZknKoYM"
#define WRONG(text) "Incorrect TXT record \"" text "\" found at _acme-challenge.a.test"

struct plan {
    struct bed *bed;
    const char *answers[ASKS]; /* of the n-th look-up; NULL: held back */
    size_t asked;
    struct {
        fc_dns_answer_fn done;
        void *cookie;
    } held[ASKS];
    size_t n_held;
};

static void give(fc_dns_answer_fn done, void *cookie, const char *text)
{
    const struct fc_dns_record record = {
        .type = FC_DNS_TXT, .data = (const unsigned char *)text, .len = text != NULL ? strlen(text) : 0};

    done(cookie, &(struct fc_dns_answer){
                     .outcome = FC_DNS_ANSWER, .records = &record, .n_records = text != NULL, .rule = "plan"});
}

/* On the VA's thread; the test looks at the plan when the VA rests. */
static void ask(void *self, const char *name, enum fc_dns_type type, fc_dns_answer_fn done, void *cookie)
{
    struct plan *plan = self;

    (void)name;
    if (type != FC_DNS_TXT) {
        give(done, cookie, NULL);
        return;
    }
    const char *answer = plan->answers[plan->asked++];
    if (answer != NULL) {
        give(done, cookie, answer);
        return;
    }
    plan->held[plan->n_held].done = done;
    plan->held[plan->n_held++].cookie = cookie;
}

static void release(struct plan *plan)
{
    while (plan->n_held > 0) {
        plan->n_held--;
        give(plan->held[plan->n_held].done, plan->held[plan->n_held].cookie, DIGEST);
    }
}

static int setup(void **state)
{
    struct plan *plan = fc_calloc(1, sizeof *plan);

    *state = plan;
    if (bed_setup((void **)&plan->bed) != 0)
        return -1;
    plan->bed->resolver = (struct fc_resolver){.ask = ask, .self = plan};
    plan->bed->scope = FC_VA_ALL;
    plan->bed->policy.validation.perspectives = 5;
    plan->bed->policy.validation.dns_timeout = FC_MINUTE;
    plan->bed->policy.validation.total_timeout = plan->bed->policy.validation.remote_timeout = 5 * FC_MINUTE;
    plan->bed->policy.validation.straggler_timeout = 20 * FC_MS;
    return 0;
}

static int teardown(void **state)
{
    struct plan *plan = *state;

    fc_va_free(FC_TAKE(plan->bed->va));
    release(plan); /* too late, for nobody */
    bed_teardown((void **)&plan->bed);
    free(plan);
    return 0;
}

static void set(struct plan *plan, const char *const answers[5])
{
    memcpy(plan->answers, answers, 5 * sizeof *answers);
}

static void all_agree(void **state)
{
    struct plan *plan = *state;

    set(plan, (const char *const[]){DIGEST, DIGEST, DIGEST, DIGEST, DIGEST});
    json_t *verdict = bed_validate(plan->bed, "dns-01", "a.test");
    bed_expect_valid(plan->bed);
    assert_int_equal(plan->asked, 5);
    /* one look-up and one of CAA from each */
    assert_int_equal(json_array_size(json_object_get(verdict, "hops")), 10);
    assert_string_equal(hop_text(verdict, 0, "perspective"), "primary");
    assert_string_equal(hop_text(verdict, 4, "perspective"), "remote 4");
    assert_string_equal(hop_text(verdict, 5, "perspective"), "primary");
    assert_string_equal(hop_text(verdict, 5, "step"), "caa");
}

static void the_first_problem_is_told(void **state)
{
    struct plan *plan = *state;

    set(plan, (const char *const[]){DIGEST, DIGEST, "first", "second", DIGEST});
    json_t *verdict = bed_validate(plan->bed, "dns-01", "a.test");
    bed_expect(plan->bed, "unauthorized", 403, "During secondary validation: " WRONG("first"));
    assert_string_equal(verdict_text(verdict, "failed_perspective"), "remote 2");
    assert_string_equal(hop_text(verdict, 2, "error"), WRONG("first"));
}

static void a_slow_one_is_not_waited_for(void **state)
{
    struct plan *plan = *state;

    set(plan, (const char *const[]){DIGEST, NULL, DIGEST, DIGEST, DIGEST});
    json_t *verdict = bed_validate(plan->bed, "dns-01", "a.test");
    bed_expect_valid(plan->bed);
    assert_string_equal(hop_text(verdict, 1, "perspective"), "remote 1");
    assert_string_equal(hop_text(verdict, 1, "received"), "");
}

static void nor_when_the_others_refuse(void **state)
{
    struct plan *plan = *state;

    set(plan, (const char *const[]){DIGEST, NULL, "x", DIGEST, "y"});
    bed_validate(plan->bed, "dns-01", "a.test");
    bed_expect(plan->bed, "unauthorized", 403, "During secondary validation: " WRONG("x"));
}

/* Two that do not answer keep the result open: their time must pass. */
static void two_slow_ones_are(void **state)
{
    struct plan *plan = *state;

    plan->bed->policy.validation.dns_timeout = 20 * FC_MS;
    set(plan, (const char *const[]){DIGEST, NULL, NULL, DIGEST, DIGEST});
    bed_validate(plan->bed, "dns-01", "a.test");
    bed_expect(plan->bed, "dns", 400,
               "During secondary validation: DNS problem: query timed out looking up TXT for _acme-challenge.a.test");
}

/* The slow one's answer comes when all is told: the VA forgets the validation then. */
static void a_late_answer_ends_it(void **state)
{
    struct plan *plan = *state;

    set(plan, (const char *const[]){DIGEST, DIGEST, DIGEST, DIGEST, NULL});
    bed_validate(plan->bed, "dns-01", "a.test");
    bed_expect_valid(plan->bed);
    assert_int_equal(fc_va_pending(plan->bed->va), 1);
    release(plan);
    int64_t until = fc_clock_mono() + 30 * FC_SECOND;
    while (fc_va_pending(plan->bed->va) > 0)
        assert_true(fc_clock_mono() < until);
}

static void the_primary_refuses(void **state)
{
    struct plan *plan = *state;

    set(plan, (const char *const[]){"x", DIGEST, DIGEST, DIGEST, DIGEST});
    bed_validate(plan->bed, "dns-01", "a.test");
    bed_expect(plan->bed, "unauthorized", 403, WRONG("x"));
    assert_int_equal(plan->asked, 1);
}

/* A probe asks one place only, and its problem stands alone. */
static void a_probe_from_one_perspective(void **state)
{
    struct plan *plan = *state;
    struct fc_va_job job = {.method = "dns-01",
                            .ident = {.type = FC_IDENT_DNS, .value = "a.test"},
                            .token = TOKEN,
                            .key_authorization = KEY_AUTH,
                            .scope = FC_VA_DCV,
                            .perspective = 3};

    set(plan, (const char *const[]){"x", DIGEST, NULL, NULL, NULL});
    json_t *verdict = bed_validate_job(plan->bed, &job);
    bed_expect(plan->bed, "unauthorized", 403, WRONG("x"));
    assert_string_equal(hop_text(verdict, 0, "perspective"), "remote 2");
    job.key_authorization = NULL; /* whatever is there */
    bed_validate_job(plan->bed, &job);
    bed_expect_valid(plan->bed);
    assert_int_equal(plan->asked, 2);
}

static void perspectives_have_a_range(void **state)
{
    struct plan *plan = *state;
    struct fc_va_job job = {.policy = &plan->bed->policy,
                            .method = "dns-01",
                            .ident = {.type = FC_IDENT_DNS, .value = "a.test"},
                            .perspective = FC_VA_PERSPECTIVES_MAX + 1};
    struct fc_err err = {0};

    assert_int_equal(fc_va_validate(plan->bed->va, &job, NULL, NULL, &err), -1);
    assert_int_equal(err.code, FC_E_RANGE);
    fc_va_blind(plan->bed->va, FC_VA_PERSPECTIVES_MAX, true); /* nobody's */
    fc_va_lose(plan->bed->va, FC_VA_PERSPECTIVES_MAX, true);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(all_agree),
        TEST(the_first_problem_is_told),
        TEST(a_slow_one_is_not_waited_for),
        TEST(nor_when_the_others_refuse),
        TEST(two_slow_ones_are),
        TEST(a_late_answer_ends_it),
        TEST(the_primary_refuses),
        TEST(a_probe_from_one_perspective),
        TEST(perspectives_have_a_range),
    };
    RUN(tests);
}
