/* One job: what is asked of which perspective, one phase after the other, and the vote on what they say. */
#include "va/va_int.h"

#include <string.h>

#include "base/base_assert.h"
#include "base/base_clock.h"
#include "base/base_json.h"

enum phase { PRIMARY_DCV, REMOTE_DCV, PRIMARY_CAA, REMOTE_CAA, OVER };

#define SECONDARY "During secondary validation: "

const char *fc_va_case_perspective(size_t perspective)
{
    static const char *const names[FC_VA_PERSPECTIVES_MAX] = {
        "primary",  "remote 1", "remote 2",  "remote 3",  "remote 4",  "remote 5",  "remote 6",  "remote 7",
        "remote 8", "remote 9", "remote 10", "remote 11", "remote 12", "remote 13", "remote 14", "remote 15"};

    FC_ASSERT(perspective < FC_VA_PERSPECTIVES_MAX);
    return names[perspective];
}

/* ---- life ---- */

/* Remote perspectives of this job; 0 also for a job that asks one place only. */
static size_t remotes_of(const struct fc_va *va, const struct fc_va_job *job)
{
    int64_t perspectives =
        va->params.perspectives != 0 ? va->params.perspectives : job->policy->validation.perspectives;

    if (job->perspective != 0 || perspectives <= 1)
        return 0;
    return (size_t)(perspectives > FC_VA_PERSPECTIVES_MAX ? FC_VA_PERSPECTIVES_MAX : perspectives) - 1;
}

struct fc_va_case *fc_va_case_new(struct fc_va *va, const struct fc_va_job *job, const struct fc_va_method *method)
{
    struct fc_arena *arena = fc_arena_new();
    struct fc_va_case *made = fc_arena_alloc(arena, sizeof *made);
    size_t remotes = remotes_of(va, job);

    made->va = va;
    made->arena = arena;
    made->method = method;
    made->job = *job;
    made->job.method = method->name;
    made->job.ident.value = fc_arena_strdup(arena, job->ident.value);
    made->job.token = fc_arena_strdup(arena, job->token != NULL ? job->token : "");
    made->job.key_authorization = fc_arena_strdup(arena, job->key_authorization);
    made->job.account_url = fc_arena_strdup(arena, job->account_url);
    made->runs = fc_arena_alloc(arena, 2 * (1 + remotes) * sizeof *made->runs);
    made->places = remotes > 0 ? remotes : 1;
    return made;
}

void fc_va_case_free(struct fc_va_case *job_case)
{
    for (size_t i = 0; i < job_case->n_runs; i++)
        json_decref(job_case->runs[i]->record);
    fc_arena_free(job_case->arena); /* it lives there, with all its runs */
}

static void stop_lingering(struct fc_va_case *job_case)
{
    if (job_case->link == NULL)
        return;
    *job_case->link = job_case->next_lingering;
    if (job_case->next_lingering != NULL)
        job_case->next_lingering->link = job_case->link;
    job_case->link = NULL;
}

static void linger(struct fc_va_case *job_case)
{
    struct fc_va *va = job_case->va;

    if (job_case->link != NULL)
        return;
    job_case->linger_until = fc_clock_mono() + job_case->job.policy->validation.straggler_timeout;
    job_case->next_lingering = va->lingering;
    job_case->link = &va->lingering;
    if (job_case->next_lingering != NULL)
        job_case->next_lingering->link = &job_case->next_lingering;
    va->lingering = job_case;
}

/* ---- the verdict ---- */

/* The hops of all runs in the order in which these began. */
static struct fc_va_hop *all_hops(const struct fc_va_case *job_case, size_t *ret_count)
{
    size_t count = 0;

    for (size_t i = 0; i < job_case->n_runs; i++)
        count += job_case->runs[i]->n_hops;
    struct fc_va_hop *hops = fc_arena_alloc(job_case->arena, count * sizeof *hops);
    *ret_count = count;
    count = 0;
    for (size_t i = 0; i < job_case->n_runs; i++) {
        const struct fc_va_run *run = job_case->runs[i];
        if (run->n_hops > 0)
            memcpy(hops + count, run->hops, run->n_hops * sizeof *hops);
        count += run->n_hops;
    }
    return hops;
}

static void report(struct fc_va_case *job_case)
{
    struct fc_va_run *primary = job_case->n_runs > 0 ? job_case->runs[0] : NULL;
    fc_auto_json none = json_array();
    struct fc_va_result result = {.valid = job_case->problem.type == FC_PROBLEM_NONE,
                                  .problem = job_case->problem,
                                  .failed_perspective = job_case->failed_perspective,
                                  .record = none,
                                  .total_ns = fc_clock_mono() - job_case->started};

    if (primary != NULL && primary->phase == PRIMARY_DCV) {
        if (primary->record == NULL)
            primary->record = fc_va_trace_record(primary);
        result.record = primary->record;
    }
    result.hops = all_hops(job_case, &result.n_hops);
    job_case->phase = OVER;
    job_case->reported = true;
    job_case->done(job_case->cookie, &result);
}

/* ---- phases ---- */

static enum phase next_phase(const struct fc_va_case *job_case)
{
    const struct fc_va_job *job = &job_case->job;
    size_t remotes = remotes_of(job_case->va, job);

    if (job_case->phase == PRIMARY_DCV && remotes > 0)
        return REMOTE_DCV;
    if (job_case->phase <= REMOTE_DCV)
        return job->scope == FC_VA_DCV || job->ident.type == FC_IDENT_IP || job->policy->lenient.no_caa ? OVER
                                                                                                        : PRIMARY_CAA;
    return job_case->phase == PRIMARY_CAA && remotes > 0 ? REMOTE_CAA : OVER;
}

static bool is_remote(unsigned phase)
{
    return phase == REMOTE_DCV || phase == REMOTE_CAA;
}

static void run_start(struct fc_va_case *job_case, size_t perspective)
{
    struct fc_va *va = job_case->va;
    const struct fc_policy *policy = job_case->job.policy;
    struct fc_va_run *run = fc_arena_alloc(job_case->arena, sizeof *run);

    run->va = va;
    run->owner = job_case;
    run->arena = job_case->arena;
    run->job = &job_case->job;
    run->perspective = perspective;
    run->phase = job_case->phase;
    run->blind = fc_va_fault(va, va->blind, perspective);
    run->next = va->active;
    run->link = &va->active;
    if (run->next != NULL)
        run->next->link = &run->next;
    va->active = run;
    run->started = fc_clock_mono();
    run->deadline =
        run->started + (perspective == 0 ? policy->validation.total_timeout : policy->validation.remote_timeout);
    job_case->runs[job_case->n_runs++] = run;
    job_case->open++;
    if (perspective > 0 && fc_va_fault(va, va->lost, perspective)) {
        fc_problem_set(&run->problem, run->arena, FC_PROBLEM_SERVER_INTERNAL, "Secondary validation RPC failed");
        fc_va_finish(run);
    } else if (run->phase >= PRIMARY_CAA) {
        fc_va_caa_start(run);
    } else {
        job_case->method->start(run);
    }
}

/* The case may be gone when this returns. */
static void begin(struct fc_va_case *job_case, enum phase phase)
{
    size_t first = 0, last = 0;

    job_case->phase = phase;
    memset(&job_case->vote, 0, sizeof job_case->vote);
    if (is_remote(phase)) {
        first = 1;
        last = remotes_of(job_case->va, &job_case->job);
        size_t least = (size_t)job_case->job.policy->validation.remotes_min;
        if (last < least) {
            fc_problem_set(&job_case->problem, job_case->arena, FC_PROBLEM_SERVER_INTERNAL,
                           "Insufficient remote perspectives: need at least %zu", least);
            report(job_case);
            return;
        }
    } else if (job_case->job.perspective > 0) {
        first = last = (size_t)job_case->job.perspective - 1;
    }
    job_case->vote.of = last - first + 1;
    for (size_t i = first; i <= last; i++)
        run_start(job_case, i);
}

/* Nothing is asked: the verdict is what the policy wants. */
static void pass(struct fc_va_case *job_case)
{
    report(job_case);
    fc_va_leave(job_case->va, job_case->places);
    fc_va_case_free(job_case);
}

void fc_va_case_start(struct fc_va_case *job_case)
{
    job_case->started = fc_clock_mono();
    if (job_case->job.policy->lenient.always_valid && job_case->job.key_authorization != NULL) {
        pass(job_case);
        return;
    }
    begin(job_case, job_case->job.scope == FC_VA_CAA ? PRIMARY_CAA : PRIMARY_DCV);
}

/* ---- the vote (letsencrypt.md B.8) ---- */

static size_t may_fail(const struct fc_va_case *job_case)
{
    const struct fc_policy *policy = job_case->job.policy;

    if (!is_remote(job_case->phase))
        return 0;
    return (size_t)(job_case->vote.of >= (size_t)policy->validation.remotes_many
                        ? policy->validation.remotes_many_may_fail
                        : policy->validation.remotes_may_fail);
}

/* Who has not answered counts as failed. */
static void decide(struct fc_va_case *job_case)
{
    enum phase next = next_phase(job_case);

    stop_lingering(job_case);
    if (job_case->vote.passed + may_fail(job_case) < job_case->vote.of) {
        job_case->problem = job_case->vote.problem;
        job_case->failed_perspective = job_case->vote.perspective;
        if (is_remote(job_case->phase))
            job_case->problem.detail = fc_arena_printf(job_case->arena, SECONDARY "%s", job_case->problem.detail);
        next = OVER;
    }
    if (next == OVER)
        report(job_case);
    else
        begin(job_case, next);
}

static void count(struct fc_va_case *job_case, const struct fc_va_run *run)
{
    size_t allowed = may_fail(job_case);

    if (run->problem.type == FC_PROBLEM_NONE) {
        job_case->vote.passed++;
    } else if (job_case->vote.failed++ == 0) {
        job_case->vote.problem = run->problem;
        job_case->vote.perspective = fc_va_case_perspective(run->perspective);
    }
    if (job_case->vote.passed + job_case->vote.failed == job_case->vote.of)
        decide(job_case);
    else if (job_case->vote.passed + allowed >= job_case->vote.of || job_case->vote.failed > allowed)
        linger(job_case);
}

void fc_va_finish(struct fc_va_run *run)
{
    struct fc_va_case *job_case = run->owner;
    struct fc_va *va = run->va;

    fc_va_dns_cancel(run);
    *run->link = run->next;
    if (run->next != NULL)
        run->next->link = run->link;
    if (!va->closing && run->phase == job_case->phase)
        count(job_case, run);
    if (--job_case->open > 0 || !(job_case->reported || va->closing))
        return;
    stop_lingering(job_case);
    fc_va_leave(va, job_case->places);
    fc_va_case_free(job_case);
}

/* ---- stragglers ---- */

void fc_va_case_expire(struct fc_va *va, int64_t now)
{
    for (struct fc_va_case *job_case = va->lingering, *next; job_case != NULL; job_case = next) {
        next = job_case->next_lingering;
        if (job_case->linger_until > now)
            continue;
        decide(job_case); /* may make others linger, at the head of the list */
    }
}

int64_t fc_va_case_until(const struct fc_va *va)
{
    int64_t until = INT64_MAX;

    for (const struct fc_va_case *job_case = va->lingering; job_case != NULL; job_case = job_case->next_lingering)
        until = job_case->linger_until < until ? job_case->linger_until : until;
    return until;
}
