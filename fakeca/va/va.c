#include "va/va_int.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/base_clock.h"

enum { QUEUE_DEFAULT = 4096, ACTIVE_MIN = 64, ACTIVE_MAX = 4096 };

static const struct fc_va_method methods[] = {
    {"http-01", fc_va_http01_start},
    {"dns-01", fc_va_dns01_start},
};
enum { METHODS = sizeof methods / sizeof *methods };

const char *const *fc_va_methods(void)
{
    /* the names of the table above, in its order */
    static const char *const names[METHODS + 1] = {"http-01", "dns-01", NULL};

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
    va->active_max = active_limit();
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

/* ---- runs ---- */

static void run_free(struct fc_va_run *run)
{
    json_decref(run->record);
    fc_arena_free(run->arena); /* the run lives in it */
}

static void report(struct fc_va_run *run)
{
    if (run->record == NULL)
        run->record = fc_va_trace_record(run);
    const struct fc_va_result result = {.valid = run->problem.type == FC_PROBLEM_NONE,
                                        .problem = run->problem,
                                        .hops = run->hops,
                                        .n_hops = run->n_hops,
                                        .record = run->record,
                                        .total_ns = fc_clock_mono() - run->started};
    run->done(run->cookie, &result);
}

void fc_va_finish(struct fc_va_run *run)
{
    struct fc_va *va = run->va;

    fc_va_dns_cancel(run);
    *run->link = run->next;
    if (run->next != NULL)
        run->next->link = run->link;
    if (!va->closing)
        report(run);
    pthread_mutex_lock(&va->lock);
    va->n_active--;
    pthread_mutex_unlock(&va->lock);
    run_free(run);
}

static void start(struct fc_va *va, struct fc_va_run *run)
{
    run->next = va->active;
    run->link = &va->active;
    if (run->next != NULL)
        run->next->link = &run->next;
    va->active = run;
    run->started = fc_clock_mono();
    run->deadline = run->started + run->policy->validation.total_timeout;
    run->method->start(run);
}

/* ---- the thread ---- */

/* The next of the queue, or NULL when there is none, all places are taken, or the end has come. */
static struct fc_va_run *take_next(struct fc_va *va, bool *ret_stopping)
{
    pthread_mutex_lock(&va->lock);
    struct fc_va_run *run = va->stopping || va->n_active >= va->active_max ? NULL : va->first;
    if (run != NULL) {
        va->first = run->next;
        if (va->first == NULL)
            va->last = &va->first;
        va->n_queued--;
        va->n_active++;
    }
    *ret_stopping = va->stopping;
    pthread_mutex_unlock(&va->lock);
    return run;
}

static void *loop(void *cookie)
{
    struct fc_va *va = cookie;
    bool stopping = false;

    for (;;) {
        for (struct fc_va_run *run; (run = take_next(va, &stopping)) != NULL;)
            start(va, run);
        if (stopping)
            return NULL;
        fc_va_dns_deliver(va, fc_clock_mono());
        fc_net_fetch_run(va->fetch, fc_va_dns_until(va));
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
    for (struct fc_va_run *run = va->first, *next; run != NULL; run = next) {
        next = run->next;
        run_free(run);
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

static struct fc_va_run *run_new(struct fc_va *va, const struct fc_va_job *job, const struct fc_va_method *method)
{
    struct fc_arena *arena = fc_arena_new();
    struct fc_va_run *run = fc_arena_alloc(arena, sizeof *run);

    run->va = va;
    run->arena = arena;
    run->policy = job->policy;
    run->method = method;
    run->ident.type = job->ident.type;
    run->ident.value = fc_arena_strdup(arena, job->ident.value);
    run->token = fc_arena_strdup(arena, job->token);
    run->key_authorization = fc_arena_strdup(arena, job->key_authorization);
    run->account_url = fc_arena_strdup(arena, job->account_url);
    run->now = job->now;
    run->from = job->from;
    run->connect_to = job->connect_to;
    run->family = job->family;
    return run;
}

int fc_va_validate(struct fc_va *va, const struct fc_va_job *job, fc_va_done_fn done, void *cookie, struct fc_err *err)
{
    const struct fc_va_method *method = find_method(job->method);

    if (method == NULL)
        return fc_err_set(err, FC_E_NOT_FOUND, "unknown validation method '%s'", job->method);
    struct fc_va_run *run = run_new(va, job, method);
    run->done = done;
    run->cookie = cookie;
    pthread_mutex_lock(&va->lock);
    bool full = va->stopping || va->n_queued + va->n_active >= va->params.queue_max;
    bool wake = va->first == NULL;
    if (!full) {
        *va->last = run;
        va->last = &run->next;
        va->n_queued++;
    }
    pthread_mutex_unlock(&va->lock);
    if (full) {
        run_free(run);
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
