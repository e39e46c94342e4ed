/* test: threads */
#include "http/http_wait.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/base_clock.h"
#include "base/base_time.h"

#include "cmocka_all.h"

#define LONG_AFTER (fc_clock_mono() + 60 * FC_SECOND)

static int setup(void **state)
{
    *state = fc_http_wait_new();
    return 0;
}

static int teardown(void **state)
{
    fc_http_wait_unref(*state);
    return 0;
}

static void count(void *cookie)
{
    atomic_fetch_add((atomic_int *)cookie, 1);
}

static void a_signal_is_remembered(void **state)
{
    atomic_int calls = 0;

    assert_false(fc_http_wait_signalled(*state));
    fc_http_wait_signal(*state);
    assert_true(fc_http_wait_signalled(*state));
    assert_true(fc_http_wait_block(*state, LONG_AFTER));
    /* armed after the signal: told at once */
    fc_http_wait_arm(*state, count, &calls);
    assert_int_equal(calls, 1);
    fc_http_wait_disarm(*state);
}

static void each_arm_is_told_once(void **state)
{
    atomic_int calls = 0;

    fc_http_wait_arm(*state, count, &calls);
    assert_int_equal(calls, 0);
    fc_http_wait_signal(*state);
    fc_http_wait_signal(*state);
    assert_int_equal(calls, 1);
    fc_http_wait_arm(*state, count, &calls);
    assert_int_equal(calls, 2);
    fc_http_wait_disarm(*state);
    fc_http_wait_disarm(*state);
}

static void a_disarmed_one_is_not_told(void **state)
{
    atomic_int calls = 0;

    fc_http_wait_arm(*state, count, &calls);
    fc_http_wait_disarm(*state);
    fc_http_wait_signal(*state);
    assert_int_equal(calls, 0);
}

static void blocking_ends_at_the_deadline(void **state)
{
    int64_t before = fc_clock_mono();

    assert_false(fc_http_wait_block(*state, before + 20 * FC_MS));
    assert_true(fc_clock_mono() >= before + 20 * FC_MS);
    /* a deadline that has passed, or that no timespec can hold */
    assert_false(fc_http_wait_block(*state, before));
    assert_false(fc_http_wait_block(*state, -5));
}

static void null_has_no_references(void **state)
{
    (void)state;
    fc_http_wait_unref(NULL);
}

static void *signal_and_leave(void *cookie)
{
    fc_http_wait_signal(cookie);
    fc_http_wait_unref(cookie);
    return NULL;
}

static void another_thread_wakes_the_one_that_blocks(void **state)
{
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, signal_and_leave, fc_http_wait_ref(*state)), 0);
    assert_true(fc_http_wait_block(*state, LONG_AFTER));
    pthread_join(thread, NULL);
}

/* Whoever lets go last frees the latch, be it the signaller or the server: the sanitizers watch. */
static void the_last_reference_frees(void **state)
{
    (void)state;
    for (int i = 0; i < 500; i++) {
        pthread_t thread;
        struct fc_http_wait *wait = fc_http_wait_new();
        assert_int_equal(pthread_create(&thread, NULL, signal_and_leave, fc_http_wait_ref(wait)), 0);
        fc_http_wait_unref(wait);
        pthread_join(thread, NULL);
    }
}

struct armed {
    atomic_int calls;
    bool gone;     /* written after disarm, read by notify: a race unless disarm keeps its promise */
    bool too_late; /* notify ran after disarm had returned */
};

static void note(void *cookie)
{
    struct armed *armed = cookie;

    if (armed->gone)
        armed->too_late = true;
    atomic_fetch_add(&armed->calls, 1);
}

static void after_disarm_notify_is_not_running(void **state)
{
    int late = 0, too_often = 0;
    (void)state;

    for (int i = 0; i < 500; i++) {
        pthread_t threads[2];
        struct fc_http_wait *wait = fc_http_wait_new();
        struct armed armed = {0};
        fc_http_wait_arm(wait, note, &armed);
        for (int j = 0; j < 2; j++)
            assert_int_equal(pthread_create(&threads[j], NULL, signal_and_leave, fc_http_wait_ref(wait)), 0);
        fc_http_wait_disarm(wait);
        armed.gone = true;
        for (int j = 0; j < 2; j++)
            pthread_join(threads[j], NULL);
        late += armed.too_late;
        too_often += armed.calls > 1;
        fc_http_wait_unref(wait);
    }
    assert_int_equal(late, 0);
    assert_int_equal(too_often, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_signal_is_remembered, setup, teardown),
        cmocka_unit_test_setup_teardown(each_arm_is_told_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_disarmed_one_is_not_told, setup, teardown),
        cmocka_unit_test_setup_teardown(blocking_ends_at_the_deadline, setup, teardown),
        cmocka_unit_test(null_has_no_references),
        cmocka_unit_test_setup_teardown(another_thread_wakes_the_one_that_blocks, setup, teardown),
        cmocka_unit_test(the_last_reference_frees),
        cmocka_unit_test(after_disarm_notify_is_not_running),
    };
    RUN(tests);
}
