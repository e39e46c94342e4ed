/* CAA once more before issuance, for names that were validated long ago (letsencrypt.md B.10): finalize waits for the VA. */
#include "acme/acme_int.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_clock.h"
#include "http/http_wait.h"

#include "va/va.h"

#define PREFIX "rechecking caa: "

struct one {
    struct fc_acme_recheck *owner;
    struct fc_ident ident; /* its value is the name */
    char *name;            /* with "*." */
    char *detail;          /* NULL: it passed, or is not decided */
};

/* Held by the request, and by the list as long as the VA may have something to say. */
struct fc_acme_recheck {
    struct fc_acme_recheck *next, *prev;
    atomic_uint refs;
    struct fc_acme_rechecks *list;
    struct fc_http_wait *latch;
    struct one *ones;
    size_t count;
    size_t open; /* under the list's lock */
};

struct fc_acme_rechecks {
    pthread_mutex_t lock;
    struct fc_acme_recheck *first;
};

/* ---- life ---- */

struct fc_acme_rechecks *fc_acme_rechecks_new(void)
{
    struct fc_acme_rechecks *rechecks = fc_calloc(1, sizeof *rechecks);

    pthread_mutex_init(&rechecks->lock, NULL);
    return rechecks;
}

static void unref(void *thing)
{
    struct fc_acme_recheck *recheck = thing;

    if (atomic_fetch_sub(&recheck->refs, 1) != 1)
        return;
    for (size_t i = 0; i < recheck->count; i++) {
        free(recheck->ones[i].detail);
        free(recheck->ones[i].name);
    }
    free(recheck->ones);
    fc_http_wait_unref(recheck->latch);
    free(recheck);
}

void fc_acme_rechecks_free(struct fc_acme_rechecks *rechecks)
{
    if (!rechecks)
        return;
    /* those for which a stopped VA had no answer */
    for (struct fc_acme_recheck *recheck = rechecks->first, *next; recheck; recheck = next) {
        next = recheck->next;
        unref(recheck);
    }
    pthread_mutex_destroy(&rechecks->lock);
    free(rechecks);
}

static void leave(struct fc_acme_rechecks *rechecks, struct fc_acme_recheck *recheck)
{
    if (recheck->prev)
        recheck->prev->next = recheck->next;
    else
        rechecks->first = recheck->next;
    if (recheck->next)
        recheck->next->prev = recheck->prev;
}

/* So many names are decided, or will never be. */
static void done(struct fc_acme_recheck *recheck, size_t count)
{
    struct fc_acme_rechecks *rechecks = recheck->list;

    pthread_mutex_lock(&rechecks->lock);
    recheck->open -= count;
    bool last = recheck->open == 0;
    if (last)
        leave(rechecks, recheck);
    pthread_mutex_unlock(&rechecks->lock);
    if (!last)
        return;
    fc_http_wait_signal(recheck->latch);
    unref(recheck);
}

/* On the VA's thread. */
static void decided(void *cookie, const struct fc_va_result *result)
{
    struct one *one = cookie;

    if (!result->valid)
        one->detail = fc_asprintf(PREFIX "%s", result->problem.detail);
    done(one->owner, 1);
}

/* ---- the start ---- */

static bool is_due(const struct fc_authz *authz, const struct fc_policy *policy, int64_t now)
{
    return authz->ident.type == FC_IDENT_DNS && authz->validated_at + policy->validation.caa_recheck_after < now;
}

static int ask(struct fc_acme_call *call, const struct fc_policy *policy, const struct fc_authz *authz, struct one *one)
{
    const struct fc_va_job job = {.policy = policy,
                                  .method = authz->attempted,
                                  .ident = authz->ident,
                                  .wildcard = authz->wildcard,
                                  .scope = FC_VA_CAA,
                                  .now = call->now,
                                  .account_url = fc_acme_render_account_url(call, authz->account_id)};

    return fc_va_validate(call->acme->p.va, &job, decided, one, &call->err);
}

static struct fc_acme_recheck *recheck_new(struct fc_acme_call *call, size_t count)
{
    struct fc_acme_rechecks *rechecks = call->acme->rechecks;
    struct fc_acme_recheck *recheck = fc_calloc(1, sizeof *recheck);

    atomic_init(&recheck->refs, 2);
    recheck->list = rechecks;
    recheck->latch = fc_http_wait_new();
    recheck->ones = fc_calloc(count, sizeof *recheck->ones);
    recheck->count = recheck->open = count;
    pthread_mutex_lock(&rechecks->lock);
    recheck->next = rechecks->first;
    if (recheck->next)
        recheck->next->prev = recheck;
    rechecks->first = recheck;
    pthread_mutex_unlock(&rechecks->lock);
    fc_arena_defer(call->arena, unref, recheck);
    return recheck;
}

int fc_acme_recheck_start(struct fc_acme_call *call, const struct fc_acme_order_view *view,
                          struct fc_acme_recheck **ret_recheck)
{
    const struct fc_policy *policy = fc_acme_policy(call);
    size_t due = 0, at = 0;

    *ret_recheck = NULL;
    for (size_t i = 0; i < view->order.n_authz; i++)
        due += is_due(&view->authzs[i], policy, call->now) ? 1 : 0;
    if (due == 0)
        return 0;
    struct fc_acme_recheck *recheck = recheck_new(call, due);
    for (size_t i = 0; i < view->order.n_authz; i++) {
        const struct fc_authz *authz = &view->authzs[i];
        if (!is_due(authz, policy, call->now))
            continue;
        struct one *one = &recheck->ones[at];
        one->owner = recheck;
        one->ident.value = one->name = fc_strdup(fc_acme_render_authz_name(call->arena, authz));
        if (ask(call, policy, authz, one)) {
            done(recheck, due - at);
            return -1;
        }
        at++;
    }
    *ret_recheck = recheck;
    call->res->wait = fc_http_wait_ref(recheck->latch);
    call->res->wait_until = fc_clock_mono() + policy->validation.total_timeout + policy->validation.remote_timeout +
                            policy->validation.straggler_timeout;
    return 0;
}

/* ---- the end ---- */

static int refuse(struct fc_acme_call *call, const struct fc_problem *subs, size_t failed)
{
    if (failed == 1)
        return fc_acme_refuse(call, CAA, "%s", subs[0].detail);
    (void)fc_acme_refuse(call, CAA,
                         "Rechecking CAA for \"%s\" and %zu more identifiers failed. Refer to sub-problems for more "
                         "information",
                         subs[0].ident->value, failed - 1);
    call->problem.subs = subs;
    call->problem.n_subs = failed;
    return -1;
}

int fc_acme_recheck_result(struct fc_acme_call *call, const struct fc_acme_recheck *recheck)
{
    struct fc_problem *subs = fc_arena_alloc(call->arena, recheck->count * sizeof *subs);
    size_t failed = 0;

    if (!fc_http_wait_signalled(recheck->latch)) {
        fc_err_set(&call->err, FC_E_LIMIT, "the CAA recheck took too long");
        return -1;
    }
    for (size_t i = 0; i < recheck->count; i++)
        if (recheck->ones[i].detail)
            subs[failed++] = (struct fc_problem){
                .type = FC_PROBLEM_CAA, .detail = recheck->ones[i].detail, .ident = &recheck->ones[i].ident};
    return failed > 0 ? refuse(call, subs, failed) : 0;
}
