#include "dns/dns_int.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "base/base_clock.h"

struct fc_dns_late {
    pthread_mutex_t lock;
    pthread_cond_t news;
    pthread_t thread;
    /* under the lock */
    struct fc_dns_heap heap;
    bool running, stopping;
};

struct fc_dns_late *fc_dns_late_new(void)
{
    struct fc_dns_late *late = fc_calloc(1, sizeof *late);
    pthread_condattr_t monotonic;

    pthread_mutex_init(&late->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&late->news, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return late;
}

/* Calls back and frees; without the lock. */
static void deliver(struct fc_dns_due *due)
{
    /* the first member */
    struct fc_dns_late_answer *answer = (struct fc_dns_late_answer *)due;

    answer->done(answer->cookie, &answer->answer);
    fc_arena_free(answer->arena);
}

/* With the lock held. */
static void wait_until(struct fc_dns_late *late, int64_t at)
{
    struct timespec ts;

    if (at == INT64_MAX) {
        pthread_cond_wait(&late->news, &late->lock);
        return;
    }
    fc_clock_mono_timespec(at, &ts);
    pthread_cond_timedwait(&late->news, &late->lock, &ts);
}

static void *run(void *cookie)
{
    struct fc_dns_late *late = cookie;

    pthread_mutex_lock(&late->lock);
    while (!late->stopping) {
        struct fc_dns_due *due = fc_dns_heap_pop(&late->heap, fc_clock_mono());
        if (!due) {
            wait_until(late, fc_dns_heap_next(&late->heap));
            continue;
        }
        pthread_mutex_unlock(&late->lock);
        deliver(due);
        pthread_mutex_lock(&late->lock);
    }
    pthread_mutex_unlock(&late->lock);
    return NULL;
}

/* Whether the thread runs; with the lock held. */
static bool start_locked(struct fc_dns_late *late)
{
    sigset_t all, before;

    if (late->running)
        return true;
    /* signals are the main thread's business */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    late->running = pthread_create(&late->thread, NULL, run, late) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return late->running;
}

void fc_dns_late_add(struct fc_dns_late *late, struct fc_dns_late_answer *answer, int64_t at)
{
    pthread_mutex_lock(&late->lock);
    bool started = start_locked(late);
    if (started) {
        fc_dns_heap_push(&late->heap, &answer->due, at);
        pthread_cond_signal(&late->news);
    }
    pthread_mutex_unlock(&late->lock);
    /* better at once than never */
    if (!started)
        deliver(&answer->due);
}

void fc_dns_late_free(struct fc_dns_late *late)
{
    if (!late)
        return;
    pthread_mutex_lock(&late->lock);
    late->stopping = true;
    bool running = late->running;
    pthread_cond_signal(&late->news);
    pthread_mutex_unlock(&late->lock);
    if (running)
        pthread_join(late->thread, NULL);
    for (struct fc_dns_due *due; (due = fc_dns_heap_pop(&late->heap, INT64_MAX)) != NULL;) {
        ((struct fc_dns_late_answer *)due)->answer = (struct fc_dns_answer){.outcome = FC_DNS_TIMEOUT};
        deliver(due);
    }
    fc_dns_heap_release(&late->heap);
    pthread_cond_destroy(&late->news);
    pthread_mutex_destroy(&late->lock);
    free(late);
}
