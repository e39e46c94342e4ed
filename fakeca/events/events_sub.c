#include "events/events_int.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/base_assert.h"

struct fc_events_sub {
    void (*wake)(void *cookie);
    void *cookie;
    unsigned running; /* calls of wake under way */
    bool gone;        /* being removed: no new calls */
    struct fc_events_sub *next;
};

struct fc_events_subs {
    pthread_mutex_t lock;
    pthread_cond_t idle;
    struct fc_events_sub *first;
};

struct fc_events_subs *fc_events_sub_list_new(void)
{
    struct fc_events_subs *subs = fc_calloc(1, sizeof *subs);

    FC_ASSERT(pthread_mutex_init(&subs->lock, NULL) == 0);
    FC_ASSERT(pthread_cond_init(&subs->idle, NULL) == 0);
    return subs;
}

void fc_events_sub_list_free(struct fc_events_subs *subs)
{
    if (!subs)
        return;
    FC_ASSERT(!subs->first);
    pthread_cond_destroy(&subs->idle);
    pthread_mutex_destroy(&subs->lock);
    free(subs);
}

struct fc_events_sub *fc_events_sub_add(struct fc_events_subs *subs, void (*wake)(void *cookie), void *cookie)
{
    struct fc_events_sub *sub = fc_malloc(sizeof *sub);

    *sub = (struct fc_events_sub){.wake = wake, .cookie = cookie};
    pthread_mutex_lock(&subs->lock);
    sub->next = subs->first;
    subs->first = sub;
    pthread_mutex_unlock(&subs->lock);
    return sub;
}

void fc_events_sub_remove(struct fc_events_subs *subs, struct fc_events_sub *sub)
{
    pthread_mutex_lock(&subs->lock);
    sub->gone = true;
    while (sub->running)
        pthread_cond_wait(&subs->idle, &subs->lock);
    struct fc_events_sub **link = &subs->first;
    while (*link != sub)
        link = &(*link)->next;
    *link = sub->next;
    pthread_mutex_unlock(&subs->lock);
    free(sub);
}

void fc_events_sub_wake(struct fc_events_subs *subs)
{
    pthread_mutex_lock(&subs->lock);
    for (struct fc_events_sub *sub = subs->first; sub; sub = sub->next) {
        if (sub->gone)
            continue;
        /* while it runs it stays in the list, so its `next` is good when the lock is back */
        sub->running++;
        pthread_mutex_unlock(&subs->lock);
        sub->wake(sub->cookie);
        pthread_mutex_lock(&subs->lock);
        /* the remover may free it only after this lock is given up, that is after the loop has gone on */
        if (--sub->running == 0)
            pthread_cond_broadcast(&subs->idle);
    }
    pthread_mutex_unlock(&subs->lock);
}
