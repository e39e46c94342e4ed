#include "http/http_wait.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/base_assert.h"
#include "base/base_clock.h"

struct fc_http_wait {
    pthread_mutex_t lock; /* held while notify runs: that is what disarm waits for */
    pthread_cond_t changed;
    unsigned refs;
    bool signalled;
    void (*notify)(void *cookie);
    void *cookie;
};

struct fc_http_wait *fc_http_wait_new(void)
{
    struct fc_http_wait *wait = fc_calloc(1, sizeof *wait);
    pthread_condattr_t attr;

    pthread_mutex_init(&wait->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&wait->changed, &attr);
    pthread_condattr_destroy(&attr);
    wait->refs = 1;
    return wait;
}

struct fc_http_wait *fc_http_wait_ref(struct fc_http_wait *wait)
{
    pthread_mutex_lock(&wait->lock);
    wait->refs++;
    pthread_mutex_unlock(&wait->lock);
    return wait;
}

void fc_http_wait_unref(struct fc_http_wait *wait)
{
    if (!wait)
        return;
    pthread_mutex_lock(&wait->lock);
    FC_ASSERT(wait->refs > 0);
    unsigned left = --wait->refs;
    pthread_mutex_unlock(&wait->lock);
    if (left > 0)
        return;
    pthread_cond_destroy(&wait->changed);
    pthread_mutex_destroy(&wait->lock);
    free(wait);
}

/* With the lock held: calls notify at most once for each arm. */
static void notify_once(struct fc_http_wait *wait)
{
    void (*notify)(void *cookie) = wait->notify;

    wait->notify = NULL;
    if (notify)
        notify(wait->cookie);
}

void fc_http_wait_signal(struct fc_http_wait *wait)
{
    pthread_mutex_lock(&wait->lock);
    wait->signalled = true;
    pthread_cond_broadcast(&wait->changed);
    notify_once(wait);
    pthread_mutex_unlock(&wait->lock);
}

bool fc_http_wait_signalled(struct fc_http_wait *wait)
{
    pthread_mutex_lock(&wait->lock);
    bool signalled = wait->signalled;
    pthread_mutex_unlock(&wait->lock);
    return signalled;
}

void fc_http_wait_arm(struct fc_http_wait *wait, void (*notify)(void *cookie), void *cookie)
{
    pthread_mutex_lock(&wait->lock);
    wait->notify = notify;
    wait->cookie = cookie;
    if (wait->signalled)
        notify_once(wait);
    pthread_mutex_unlock(&wait->lock);
}

void fc_http_wait_disarm(struct fc_http_wait *wait)
{
    pthread_mutex_lock(&wait->lock);
    wait->notify = NULL;
    pthread_mutex_unlock(&wait->lock);
}

bool fc_http_wait_block(struct fc_http_wait *wait, int64_t until_mono)
{
    struct timespec until;
    int failed = 0;

    fc_clock_mono_timespec(until_mono, &until);
    pthread_mutex_lock(&wait->lock);
    while (!wait->signalled && failed == 0)
        failed = pthread_cond_timedwait(&wait->changed, &wait->lock, &until);
    bool signalled = wait->signalled;
    pthread_mutex_unlock(&wait->lock);
    return signalled;
}
