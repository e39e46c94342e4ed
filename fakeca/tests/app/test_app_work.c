/* The job loop. */
/* test: threads */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "app/app_int.h"
#include "base/base_clock.h"

#include "app/lib_app.h"
#include "cmocka_all.h"

#define JOBS 100

/* What the jobs of a test do and saw. */
struct record {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int ran[JOBS], dropped[JOBS];
    size_t n_ran, n_dropped;
    bool begun, go; /* of the job that waits */
    struct fc_app_work *work;
};

struct job {
    struct record *record;
    int number;
};

static int setup(void **state)
{
    struct record *record = fc_calloc(1, sizeof *record);
    pthread_condattr_t attr;

    pthread_mutex_init(&record->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&record->changed, &attr);
    pthread_condattr_destroy(&attr);
    *state = record;
    return fc_app_work_start(&record->work, NULL);
}

static int teardown(void **state)
{
    struct record *record = *state;

    fc_app_work_stop(record->work);
    fc_app_work_free(record->work);
    pthread_cond_destroy(&record->changed);
    pthread_mutex_destroy(&record->lock);
    free(record);
    return 0;
}

static void note(struct job *job, int *list, size_t *n)
{
    struct record *record = job->record;

    pthread_mutex_lock(&record->lock);
    list[(*n)++] = job->number;
    pthread_cond_broadcast(&record->changed);
    pthread_mutex_unlock(&record->lock);
    free(job);
}

static void run_job(void *arg)
{
    struct job *job = arg;
    note(job, job->record->ran, &job->record->n_ran);
}

static void drop_job(void *arg)
{
    struct job *job = arg;
    note(job, job->record->dropped, &job->record->n_dropped);
}

/* Waits until *what is at least n. */
static bool await(struct record *record, const size_t *what, size_t n)
{
    struct timespec until;

    fc_clock_mono_timespec(fc_clock_mono() + PATIENCE, &until);
    pthread_mutex_lock(&record->lock);
    int late = 0;
    while (*what < n && !late)
        late = pthread_cond_timedwait(&record->changed, &record->lock, &until);
    pthread_mutex_unlock(&record->lock);
    return !late;
}

static void run_waiting_job(void *arg)
{
    struct job *job = arg;
    struct record *record = job->record;

    pthread_mutex_lock(&record->lock);
    record->begun = true;
    pthread_cond_broadcast(&record->changed);
    while (!record->go)
        pthread_cond_wait(&record->changed, &record->lock);
    pthread_mutex_unlock(&record->lock);
    run_job(job);
}

static void post(struct record *record, int number, void (*fn)(void *arg))
{
    struct job *job = fc_calloc(1, sizeof *job);

    *job = (struct job){.record = record, .number = number};
    fc_app_work_post(record->work, fn, drop_job, job);
}

static void one_after_the_other_in_their_order(void **state)
{
    struct record *record = *state;

    for (int i = 0; i < JOBS; i++)
        post(record, i, run_job);
    assert_true(await(record, &record->n_ran, JOBS));
    for (int i = 0; i < JOBS; i++)
        assert_int_equal(record->ran[i], i);
    assert_int_equal(record->n_dropped, 0);
}

static void run_and_post(void *arg)
{
    struct job *job = arg;
    struct record *record = job->record;
    int number = job->number;

    if (number + 1 < JOBS)
        post(record, number + 1, run_and_post);
    run_job(job);
}

static void a_job_may_post_another_one(void **state)
{
    struct record *record = *state;

    post(record, 0, run_and_post);
    assert_true(await(record, &record->n_ran, JOBS));
}

static void *stop_thread(void *cookie)
{
    struct record *record = cookie;

    fc_app_work_stop(record->work);
    return NULL;
}

/* After stop began: the running job ends well, what waits and what comes is dropped, once each. */
static void stopping_drops_what_has_not_begun(void **state)
{
    struct record *record = *state;
    struct timespec until;
    pthread_t stopper;

    post(record, 0, run_waiting_job);
    fc_clock_mono_timespec(fc_clock_mono() + PATIENCE, &until);
    pthread_mutex_lock(&record->lock);
    while (!record->begun)
        assert_int_equal(pthread_cond_timedwait(&record->changed, &record->lock, &until), 0);
    pthread_mutex_unlock(&record->lock);
    post(record, 1, run_job);
    post(record, 2, run_job);
    assert_int_equal(pthread_create(&stopper, NULL, stop_thread, record), 0);
    pthread_mutex_lock(&record->lock);
    record->go = true;
    pthread_cond_broadcast(&record->changed);
    pthread_mutex_unlock(&record->lock);
    assert_int_equal(pthread_join(stopper, NULL), 0);
    size_t before = record->n_ran + record->n_dropped;
    assert_int_equal(before, 3);
    assert_int_equal(record->ran[0], 0);
    post(record, 3, run_job);
    assert_int_equal(record->dropped[record->n_dropped - 1], 3);
    assert_int_equal(record->n_ran + record->n_dropped, 4);
    /* stop is for once */
    fc_app_work_free(record->work);
    record->work = NULL;
}

static void null_is_taken(void **state)
{
    (void)state;
    fc_app_work_stop(NULL);
    fc_app_work_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_after_the_other_in_their_order),
        TEST(a_job_may_post_another_one),
        TEST(stopping_drops_what_has_not_begun),
        cmocka_unit_test(null_is_taken),
    };
    RUN(tests);
}
