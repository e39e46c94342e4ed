/* The job loop: work that leaves a request (issuance that waits) runs here, one job after the other. */
#include "app/app_int.h"

#include <stdlib.h>

#include "base/base_assert.h"

struct job {
    struct job *next;
    void (*fn)(void *arg);
    void (*drop)(void *arg);
    void *arg;
};

struct fc_app_work {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t some;
    struct job *first, **last;
    bool stopping;
};

static struct job *next_job(struct fc_app_work *work)
{
    pthread_mutex_lock(&work->lock);
    while (!work->first && !work->stopping)
        pthread_cond_wait(&work->some, &work->lock);
    struct job *job = work->stopping ? NULL : work->first;
    if (job) {
        work->first = job->next;
        if (!work->first)
            work->last = &work->first;
    }
    pthread_mutex_unlock(&work->lock);
    return job;
}

static void *loop(void *cookie)
{
    struct fc_app_work *work = cookie;

    for (struct job *job; (job = next_job(work));) {
        job->fn(job->arg);
        free(job);
    }
    return NULL;
}

int fc_app_work_start(struct fc_app_work **ret_work, struct fc_err *err)
{
    struct fc_app_work *work = fc_calloc(1, sizeof *work);

    pthread_mutex_init(&work->lock, NULL);
    pthread_cond_init(&work->some, NULL);
    work->last = &work->first;
    int failed = pthread_create(&work->thread, NULL, loop, work);
    if (failed) {
        free(work);
        return fc_err_set(err, FC_E_SYSTEM, "cannot start the thread of the job loop (error %d)", failed);
    }
    *ret_work = work;
    return 0;
}

void fc_app_work_post(void *cookie, void (*fn)(void *arg), void (*drop)(void *arg), void *arg)
{
    struct fc_app_work *work = cookie;
    struct job *job = fc_malloc(sizeof *job);

    *job = (struct job){.fn = fn, .drop = drop, .arg = arg};
    pthread_mutex_lock(&work->lock);
    bool taken = !work->stopping;
    if (taken) {
        *work->last = job;
        work->last = &job->next;
        pthread_cond_signal(&work->some);
    }
    pthread_mutex_unlock(&work->lock);
    if (!taken) {
        free(job);
        drop(arg);
    }
}

void fc_app_work_stop(struct fc_app_work *work)
{
    if (!work)
        return;
    pthread_mutex_lock(&work->lock);
    work->stopping = true;
    pthread_cond_broadcast(&work->some);
    pthread_mutex_unlock(&work->lock);
    pthread_join(work->thread, NULL);
    for (struct job *job = work->first, *next; job; job = next) {
        next = job->next;
        job->drop(job->arg);
        free(job);
    }
    work->first = NULL;
    work->last = &work->first;
}

void fc_app_work_free(struct fc_app_work *work)
{
    if (!work)
        return;
    pthread_cond_destroy(&work->some);
    pthread_mutex_destroy(&work->lock);
    free(work);
}
