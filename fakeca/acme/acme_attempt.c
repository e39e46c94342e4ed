/* Validations under way: from the committed attempt to the committed verdict. The rows say what must be done, this list only who
 * waits for it; after a kill the rows alone are enough to begin again. */
#include "acme/acme_int.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_clock.h"
#include "base/base_json.h"
#include "base/base_log.h"
#include "base/base_time.h"
#include "http/http_route.h"
#include "http/http_wait.h"

#include "store/store_account.h"
#include "store/store_order.h"
#include "va/va.h"
#include "va/va_hint.h"

struct attempt {
    struct attempt *next, *prev;
    struct fc_acme *acme;
    struct fc_http_wait *latch;
    int64_t authz_id;
    char *token, *method;
};

struct fc_acme_attempts {
    pthread_mutex_t lock;
    struct attempt *first;
};

struct fc_acme_attempts *fc_acme_attempt_new(void)
{
    struct fc_acme_attempts *attempts = fc_calloc(1, sizeof *attempts);

    pthread_mutex_init(&attempts->lock, NULL);
    return attempts;
}

static void attempt_free(struct attempt *attempt)
{
    fc_http_wait_unref(attempt->latch);
    free(attempt->token);
    free(attempt->method);
    free(attempt);
}

void fc_acme_attempt_free(struct fc_acme_attempts *attempts)
{
    if (!attempts)
        return;
    for (struct attempt *attempt = attempts->first, *next; attempt; attempt = next) {
        next = attempt->next;
        attempt_free(attempt);
    }
    pthread_mutex_destroy(&attempts->lock);
    free(attempts);
}

static struct attempt *attempt_add(struct fc_acme *acme, const struct fc_authz *authz)
{
    struct fc_acme_attempts *attempts = acme->attempts;
    struct attempt *attempt = fc_calloc(1, sizeof *attempt);

    attempt->acme = acme;
    attempt->latch = fc_http_wait_new();
    attempt->authz_id = authz->id;
    attempt->token = fc_strdup(authz->token);
    attempt->method = fc_strdup(authz->attempted);
    pthread_mutex_lock(&attempts->lock);
    attempt->next = attempts->first;
    if (attempts->first)
        attempts->first->prev = attempt;
    attempts->first = attempt;
    pthread_mutex_unlock(&attempts->lock);
    return attempt;
}

static void attempt_remove(struct attempt *attempt)
{
    struct fc_acme_attempts *attempts = attempt->acme->attempts;

    pthread_mutex_lock(&attempts->lock);
    if (attempt->prev)
        attempt->prev->next = attempt->next;
    else
        attempts->first = attempt->next;
    if (attempt->next)
        attempt->next->prev = attempt->prev;
    pthread_mutex_unlock(&attempts->lock);
}

struct fc_http_wait *fc_acme_attempt_latch(struct fc_acme *acme, int64_t authz_id)
{
    struct fc_acme_attempts *attempts = acme->attempts;
    struct fc_http_wait *latch = NULL;

    pthread_mutex_lock(&attempts->lock);
    for (const struct attempt *attempt = attempts->first; attempt && !latch; attempt = attempt->next)
        if (attempt->authz_id == authz_id)
            latch = fc_http_wait_ref(attempt->latch);
    pthread_mutex_unlock(&attempts->lock);
    return latch;
}

/* ---- the verdict ---- */

struct verdict {
    const struct attempt *attempt;
    const struct fc_va_result *result;
    struct fc_arena *arena;
    int64_t now;
    struct fc_authz authz;
    const char *name; /* for events */
};

static void set_text(json_t *data, const char *name, const char *text)
{
    json_t *value = text ? json_string(text) : NULL;

    if (value)
        json_object_set_new(data, name, value);
}

static json_t *event_data(const struct verdict *verdict)
{
    json_t *data = json_object();

    set_text(data, "identifier", verdict->name);
    set_text(data, "method", verdict->attempt->method);
    return data;
}

static json_t *milliseconds(int64_t duration)
{
    return json_real((double)(duration / 1000) / 1000.0);
}

static void add_hop(const struct verdict *verdict, const struct fc_event_about *about, size_t index)
{
    const struct fc_va_hop *hop = &verdict->result->hops[index];
    struct fc_events *events = verdict->attempt->acme->p.events;
    json_t *data = event_data(verdict);

    json_object_set_new(data, "hop", json_integer((json_int_t)index + 1));
    json_t *seen = fc_va_hint_hop_json(hop);
    json_object_update(data, seen);
    json_decref(seen);
    fc_auto_free char *line = fc_va_hint_hop_text(data);
    set_text(data, "line", line);
    fc_events_add(events, FC_EVENT_VALIDATION_HOP, verdict->now, about, data);
    if (!hop->rehearsal || hop->remote)
        return; /* the others only do what the primary did */
    data = json_object();
    set_text(data, "what", hop->rehearsal_what);
    set_text(data, "value", hop->used ? hop->used : hop->host);
    fc_events_add(events, FC_EVENT_REHEARSAL_USED, verdict->now, about, data);
}

/* That the other perspectives read the same CAA records is none: it would be half of all events of a validation. */
static bool is_news(const struct fc_va_hop *hop)
{
    return !hop->remote || hop->error || strcmp(hop->step, "caa") != 0;
}

static void add_events(const struct verdict *verdict)
{
    const struct fc_va_result *result = verdict->result;
    const struct fc_authz *authz = &verdict->authz;
    const struct fc_event_about about = {.env = authz->env, .account_id = authz->account_id, .authz_id = authz->id};
    json_t *data = event_data(verdict);

    for (size_t i = 0; i < result->n_hops; i++)
        if (is_news(&result->hops[i]))
            add_hop(verdict, &about, i);
    json_object_set_new(data, "ms", milliseconds(result->total_ns));
    if (!result->valid) {
        fc_auto_json problem = fc_problem_json(&result->problem);
        set_text(data, "type", fc_problem_type_name(result->problem.type));
        json_object_set(data, "detail", json_object_get(problem, "detail"));
    }
    fc_events_add(verdict->attempt->acme->p.events,
                  result->valid ? FC_EVENT_VALIDATION_VALID : FC_EVENT_VALIDATION_INVALID, verdict->now, &about, data);
}

/* What became of it meanwhile stands: a deactivated authorization stays so, an expired one does not come back to life. */
static void judge(struct verdict *verdict)
{
    const struct fc_policy *policy = fc_policy_at(verdict->attempt->acme->p.policy, verdict->now);
    const struct fc_va_result *result = verdict->result;
    struct fc_authz *authz = &verdict->authz;
    const struct fc_profile *profile = fc_policy_profile(policy, authz->profile);
    bool expired = fc_authz_status(authz, verdict->now) == FC_STATUS_EXPIRED;

    authz->processing = false;
    if (authz->stored != FC_STATUS_PENDING)
        return;
    authz->stored = result->valid ? FC_STATUS_VALID : FC_STATUS_INVALID;
    struct fc_problem problem = result->problem;
    if (problem.type == FC_PROBLEM_UNAUTHORIZED && !policy->departs.incorrect_response_unauthorized)
        problem.type = FC_PROBLEM_INCORRECT_RESPONSE;
    authz->error = result->valid ? NULL : fc_acme_problem_text(verdict->arena, &problem);
    char *record = result->record ? fc_json_text(result->record) : fc_strdup("[]");
    fc_arena_defer(verdict->arena, free, record);
    authz->record = record;
    if (!result->valid || expired)
        return;
    int64_t lifetime = fc_profile_at(profile ? profile : fc_policy_profile(policy, NULL), verdict->now)->authz_lifetime;
    authz->expires_at = (verdict->now + lifetime) / FC_SECOND * FC_SECOND;
}

/* Rate limits: a failure is counted, a success begins anew. */
static int count(const struct verdict *verdict, struct fc_err *err)
{
    struct fc_acme *acme = verdict->attempt->acme;

    return verdict->result->valid ? fc_acme_limits_validated(acme, &verdict->authz, verdict->now, verdict->arena, err)
                                  : fc_acme_limits_failed(acme, &verdict->authz, verdict->now, verdict->arena, err);
}

/* 0 also when the authorization is gone: everything was forgotten meanwhile. */
static int record(struct verdict *verdict, struct fc_err *err)
{
    struct fc_store *store = verdict->attempt->acme->p.store;
    struct fc_store_tx tx fc_auto_tx = {0};

    if (fc_store_begin(store, FC_STORE_WRITE, &tx, err))
        return -1;
    if (fc_store_authz_get(store, verdict->arena, verdict->attempt->authz_id, &verdict->authz, err)) {
        if (err->code != FC_E_NOT_FOUND)
            return -1;
        fc_err_clear(err);
        return 0;
    }
    if (strcmp(verdict->authz.token, verdict->attempt->token) != 0)
        return 0;
    bool pending = verdict->authz.stored == FC_STATUS_PENDING;
    judge(verdict);
    if (pending && count(verdict, err))
        return -1;
    verdict->name = fc_acme_render_authz_name(verdict->arena, &verdict->authz);
    if (fc_store_authz_update(store, &verdict->authz, err))
        return -1;
    add_events(verdict);
    return fc_store_commit(&tx, err);
}

/* On the VA's thread. A verdict that cannot be written stays undecided: the next start begins it again. */
static void decided(void *cookie, const struct fc_va_result *result)
{
    fc_auto(fc_arena_free) struct fc_arena *arena = fc_arena_new();
    struct attempt *attempt = cookie;
    struct verdict verdict = {
        .attempt = attempt, .result = result, .arena = arena, .now = fc_clock_now(attempt->acme->p.clock)};
    struct fc_err err = {0};

    if (record(&verdict, &err))
        fc_log(FC_LOG_ERROR, "result of authorization %" PRId64 ": %s", attempt->authz_id, err.text);
    attempt_remove(attempt);
    fc_http_wait_signal(attempt->latch);
    attempt_free(attempt);
}

/* ---- the start ---- */

int fc_acme_attempt_start(struct fc_acme *acme, const struct fc_authz *authz, const struct fc_acme_asker *asker,
                          struct fc_http_wait **ret_latch, struct fc_err *err)
{
    fc_auto_free char *key_authorization = fc_asprintf("%s.%s", authz->token, asker->thumbprint);
    int64_t now = fc_clock_now(acme->p.clock);
    const struct fc_va_job job = {.policy = fc_policy_at(acme->p.policy, now),
                                  .method = authz->attempted,
                                  .ident = authz->ident,
                                  .wildcard = authz->wildcard,
                                  .token = authz->token,
                                  .key_authorization = key_authorization,
                                  .account_url = asker->account_url,
                                  .now = now};
    struct attempt *attempt = attempt_add(acme, authz);
    struct fc_http_wait *latch = ret_latch ? fc_http_wait_ref(attempt->latch) : NULL;

    /* from a successful call on the attempt is the VA's: it may be decided and gone by now */
    if (fc_va_validate(acme->p.va, &job, decided, attempt, err)) {
        attempt_remove(attempt);
        attempt_free(attempt);
        fc_http_wait_unref(latch);
        return -1;
    }
    if (ret_latch)
        *ret_latch = latch;
    return 0;
}

void fc_acme_attempt_undo(struct fc_acme *acme, struct fc_authz *authz)
{
    struct fc_store_tx tx fc_auto_tx = {0};
    struct fc_err err = {0};

    authz->processing = false;
    if (fc_store_begin(acme->p.store, FC_STORE_WRITE, &tx, &err) || fc_store_authz_update(acme->p.store, authz, &err) ||
        fc_store_commit(&tx, &err))
        fc_log(FC_LOG_ERROR, "authorization %" PRId64 ": %s", authz->id, err.text);
}

/* ---- after a restart ---- */

struct unfinished {
    struct fc_authz *authzs;
    struct fc_account *accounts;
    size_t count;
};

static int read_unfinished(struct fc_acme *acme, struct fc_arena *arena, struct unfinished *ret, struct fc_err *err)
{
    struct fc_store *store = acme->p.store;
    struct fc_store_tx tx fc_auto_tx = {0};
    int64_t *ids;
    size_t count;

    if (fc_store_begin(store, FC_STORE_READ, &tx, err) || fc_store_authz_unfinished(store, arena, &ids, &count, err))
        return -1;
    ret->authzs = fc_arena_alloc(arena, count * sizeof *ret->authzs);
    ret->accounts = fc_arena_alloc(arena, count * sizeof *ret->accounts);
    for (size_t i = 0; i < count; i++) {
        struct fc_authz *authz = &ret->authzs[ret->count];
        if (fc_store_authz_get(store, arena, ids[i], authz, err))
            return -1;
        if (strcmp(authz->env, acme->p.policy->name) != 0)
            continue;
        if (fc_store_account_get(store, arena, authz->account_id, &ret->accounts[ret->count], err))
            return -1;
        ret->count++;
    }
    return 0;
}

/* No request says under which of its names the client knows the CA. */
static const char *account_url(const struct fc_acme *acme, struct fc_arena *arena, int64_t account_id)
{
    const char *directory = acme->p.directory;

    if (!directory)
        return NULL;
    const char *path = fc_arena_printf(arena, "/acme/acct/%" PRId64, account_id);
    return fc_arena_printf(arena, "%.*s%s", (int)(strrchr(directory, '/') - directory), directory,
                           fc_http_route_shown(arena, acme->p.paths, path));
}

/* What the VA does not take must not keep the CA from starting: its client may ask again. */
int fc_acme_attempt_resume(struct fc_acme *acme, struct fc_err *err)
{
    fc_auto(fc_arena_free) struct fc_arena *arena = fc_arena_new();
    struct unfinished unfinished = {0};

    if (read_unfinished(acme, arena, &unfinished, err))
        return -1;
    for (size_t i = 0; i < unfinished.count; i++) {
        struct fc_err cause = {0};
        struct fc_authz *authz = &unfinished.authzs[i];
        const struct fc_acme_asker asker = {.thumbprint = unfinished.accounts[i].thumbprint,
                                            .account_url = account_url(acme, arena, authz->account_id)};
        if (fc_acme_attempt_start(acme, authz, &asker, NULL, &cause) == 0)
            continue;
        fc_log(FC_LOG_WARN, "authorization %" PRId64 ": %s", authz->id, cause.text);
        fc_acme_attempt_undo(acme, authz);
    }
    return 0;
}
