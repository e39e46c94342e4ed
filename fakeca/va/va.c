#include "va/va_int.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/base_clock.h"
#include "base/base_rand.h"
#include "base/base_time.h"

enum { QUEUE_DEFAULT = 4096, ACTIVE_MIN = 64, ACTIVE_MAX = 4096 };

static const struct fc_va_method methods[] = {
    {"http-01", fc_va_http01_start},
    {"dns-01", fc_va_dns01_start},
    {"tls-alpn-01", fc_va_tlsalpn01_start},
    {"dns-account-01", fc_va_dnsaccount01_start},
    {"dns-persist-01", fc_va_dnspersist01_start},
};
enum { METHODS = sizeof methods / sizeof *methods };

const char *const *fc_va_methods(void)
{
    /* the names of the table above, in its order */
    static const char *const names[METHODS + 1] = {"http-01",        "dns-01",         "tls-alpn-01",
                                                   "dns-account-01", "dns-persist-01", NULL};

    return names;
}

static const struct fc_va_method *find_method(const char *name)
{
    for (size_t i = 0; i < METHODS; i++)
        if (strcmp(methods[i].name, name) == 0)
            return &methods[i];
    return NULL;
}

/* Half of the descriptors that the process may open: the rest is the server's. */
static size_t active_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur / 2 < ACTIVE_MIN)
        return ACTIVE_MIN;
    return limit.rlim_cur / 2 > ACTIVE_MAX ? ACTIVE_MAX : (size_t)(limit.rlim_cur / 2);
}

int fc_va_new(const struct fc_va_params *params, struct fc_va **ret_va, struct fc_err *err)
{
    struct fc_va *va = fc_calloc(1, sizeof *va);

    va->params = *params;
    if (va->params.queue_max == 0)
        va->params.queue_max = QUEUE_DEFAULT;
    va->places_max = active_limit();
    va->last = &va->first;
    pthread_mutex_init(&va->lock, NULL);
    if (fc_net_fetch_new(&va->fetch, err) != 0) {
        fc_va_free(va);
        return -1;
    }
    va->post = fc_va_dns_post_new(va->fetch);
    *ret_va = va;
    return 0;
}

/* ---- the thread ---- */

/* Where the first of the queue hangs whose time has come; *ret_until: when the next one's has, INT64_MAX: none sleeps. */
static struct fc_va_case **find_due(struct fc_va *va, int64_t *ret_until)
{
    struct fc_va_case **link = &va->first;
    int64_t now = 0;

    for (*ret_until = INT64_MAX; *link != NULL; link = &(*link)->next) {
        if ((*link)->begin_at == 0)
            break;
        now = now == 0 ? fc_clock_mono() : now;
        if ((*link)->begin_at <= now)
            break;
        *ret_until = (*link)->begin_at < *ret_until ? (*link)->begin_at : *ret_until;
    }
    return link;
}

/* The next of the queue, or NULL when there is none, all places are taken, or the end has come; *ret_until: when to look again. */
static struct fc_va_case *take_next(struct fc_va *va, bool *ret_stopping, int64_t *ret_until)
{
    pthread_mutex_lock(&va->lock);
    struct fc_va_case **link = find_due(va, ret_until);
    struct fc_va_case *next = va->stopping || va->places >= va->places_max ? NULL : *link;
    if (next != NULL) {
        *link = next->next;
        if (*link == NULL)
            va->last = link;
        va->n_queued--;
        va->n_active++;
        va->places += next->places;
    }
    *ret_stopping = va->stopping;
    pthread_mutex_unlock(&va->lock);
    return next;
}

void fc_va_leave(struct fc_va *va, size_t places)
{
    pthread_mutex_lock(&va->lock);
    va->n_active--;
    va->places -= places;
    pthread_mutex_unlock(&va->lock);
}

static void *loop(void *cookie)
{
    struct fc_va *va = cookie;
    bool stopping = false;

    for (;;) {
        int64_t due;
        for (struct fc_va_case *next; (next = take_next(va, &stopping, &due)) != NULL;)
            fc_va_case_start(next);
        if (stopping)
            return NULL;
        int64_t now = fc_clock_mono();
        fc_va_dns_deliver(va, now);
        fc_va_case_expire(va, now);
        int64_t dns = fc_va_dns_until(va), cases = fc_va_case_until(va);
        cases = due < cases ? due : cases;
        fc_net_fetch_run(va->fetch, dns < cases ? dns : cases);
    }
}

int fc_va_start(struct fc_va *va, struct fc_err *err)
{
    sigset_t all, before;

    /* signals are the main thread's */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&va->thread, NULL, loop, va);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed != 0)
        return fc_err_set(err, FC_E_SYSTEM, "cannot start the validator's thread: %s", strerror(failed));
    va->started = true;
    return 0;
}

static void stop(struct fc_va *va)
{
    pthread_mutex_lock(&va->lock);
    va->stopping = true;
    pthread_mutex_unlock(&va->lock);
    if (!va->started)
        return;
    fc_net_fetch_wake(va->fetch);
    pthread_join(va->thread, NULL);
}

void fc_va_free(struct fc_va *va)
{
    if (va == NULL)
        return;
    stop(va);
    va->closing = true;
    for (struct fc_va_case *queued = va->first, *next; queued != NULL; queued = next) {
        next = queued->next;
        fc_va_case_free(queued);
    }
    /* what waits for names; closing the loop then ends what waits for bytes */
    for (struct fc_va_run *run = va->active, *next; run != NULL; run = next) {
        next = run->next;
        if (run->lookup != NULL)
            fc_va_finish(run);
    }
    fc_va_dns_post_close(va->post);
    fc_net_fetch_free(va->fetch);
    pthread_mutex_destroy(&va->lock);
    free(va);
}

/* ---- asking ---- */

/* Seconds at random, for a job of the ACME server (a probe is not kept waiting). */
static int64_t begin_at(const struct fc_va_job *job)
{
    int64_t most = job->policy->lenient.validation_sleep / FC_SECOND;

    if (most <= 0 || job->key_authorization == NULL || job->scope == FC_VA_CAA)
        return 0;
    return fc_clock_mono() + (int64_t)fc_rand_below((uint64_t)most) * FC_SECOND;
}

int fc_va_validate(struct fc_va *va, const struct fc_va_job *job, fc_va_done_fn done, void *cookie, struct fc_err *err)
{
    const struct fc_va_method *method = find_method(job->method);

    if (method == NULL)
        return fc_err_set(err, FC_E_NOT_FOUND, "unknown validation method '%s'", job->method);
    if (job->perspective < 0 || job->perspective > FC_VA_PERSPECTIVES_MAX)
        return fc_err_set(err, FC_E_RANGE, "perspective %d is not one of 1 to %d", job->perspective,
                          FC_VA_PERSPECTIVES_MAX);
    struct fc_va_case *queued = fc_va_case_new(va, job, method);
    queued->done = done;
    queued->cookie = cookie;
    queued->begin_at = begin_at(job);
    pthread_mutex_lock(&va->lock);
    bool full = va->stopping || va->n_queued + va->n_active >= va->params.queue_max;
    bool wake = va->first == NULL || va->first->begin_at != 0 || queued->begin_at != 0;
    if (!full) {
        *va->last = queued;
        va->last = &queued->next;
        va->n_queued++;
    }
    pthread_mutex_unlock(&va->lock);
    if (full) {
        fc_va_case_free(queued);
        return fc_err_set(err, FC_E_LIMIT, "%zu validations are waiting or under way already", va->params.queue_max);
    }
    if (wake)
        fc_net_fetch_wake(va->fetch);
    return 0;
}

/* ---- faults ---- */

static void set_fault(struct fc_va *va, bool *faults, size_t perspective, bool on)
{
    pthread_mutex_lock(&va->lock);
    if (perspective < FC_VA_PERSPECTIVES_MAX)
        faults[perspective] = on;
    pthread_mutex_unlock(&va->lock);
}

bool fc_va_fault(struct fc_va *va, const bool *faults, size_t perspective)
{
    pthread_mutex_lock(&va->lock);
    bool on = faults[perspective];
    pthread_mutex_unlock(&va->lock);
    return on;
}

void fc_va_blind(struct fc_va *va, size_t perspective, bool blind)
{
    set_fault(va, va->blind, perspective, blind);
}

void fc_va_lose(struct fc_va *va, size_t perspective, bool lost)
{
    set_fault(va, va->lost, perspective, lost);
}

size_t fc_va_pending(struct fc_va *va)
{
    pthread_mutex_lock(&va->lock);
    size_t pending = va->n_queued + va->n_active;
    pthread_mutex_unlock(&va->lock);
    return pending;
}
