/* The simulation: a heap of what comes next, an event a certificate, the limiter asked at each order. */
#include "plan/plan.h"

#include <limits.h>
#include <stdlib.h>

#include "base/base_time.h"

#include "ca/ca.h"
#include "limits/limits_storage.h"
#include "plan/plan_int.h"

#define NEVER INT64_MAX
#define NONE INT64_MIN

struct cert {
    uint32_t set, group;
    bool has;           /* one that is valid, or was until it ended */
    bool first;         /* never had one: waiting for it is no outage */
    bool needs_account; /* lost with its state */
    bool refused;       /* at the last attempt, since the last issue */
    uint8_t limit;      /* that denied last, since the last issue; FC_LIMIT_NONE */
    struct fc_plan_issue issue;
    int64_t missing_since; /* without one: since it was lost, or asked for */
    int64_t account;
    int64_t next_attempt, next_redeploy;
    int64_t redeploys_left;
    uint64_t draws;
};

struct sim {
    const struct fc_plan_estate *estate;
    const struct fc_plan_options *options;
    struct cert *certs;
    int64_t *set_issued;  /* notBefore of the newest certificate of each set */
    int64_t *valid_until; /* of each authorization */
    uint32_t set;         /* whose limits are being asked */
    int64_t accounts;     /* the number of the last one */
    struct fc_plan_heap heap;
    struct fc_limits_memory *memory;
    struct fc_limits_storage inner, storage;
    bool written[UCHAR_MAX + 1]; /* whether there is a bucket whose key begins so, which is the limit's number */
    struct fc_plan_notes *notes;
    struct fc_plan_report *report;
};

/* ---- the storage: buckets in memory; which sets were issued is known by number, without hashing their names again ---- */

static int get(void *cookie, const char *key, struct fc_limits_bucket *ret_bucket, bool *ret_found, struct fc_err *err)
{
    const struct sim *sim = cookie;

    /* no validation fails here, so that the buckets of failures, one for each name of each order, are never there */
    *ret_found = false;
    if (!sim->written[(unsigned char)key[0]])
        return 0;
    return sim->inner.get(sim->inner.cookie, key, ret_bucket, ret_found, err);
}

static int put(void *cookie, const char *key, const struct fc_limits_bucket *bucket, struct fc_err *err)
{
    struct sim *sim = cookie;

    sim->written[(unsigned char)key[0]] = true;
    return sim->inner.put(sim->inner.cookie, key, bucket, err);
}

static int drop(void *cookie, const char *key, struct fc_err *err)
{
    const struct sim *sim = cookie;

    return sim->inner.drop(sim->inner.cookie, key, err);
}

static int issued(void *cookie, const struct fc_ident *idents, size_t count, int64_t *ret_not_before,
                  struct fc_err *err)
{
    const struct sim *sim = cookie;

    (void)idents;
    (void)count;
    (void)err;
    *ret_not_before = sim->set_issued[sim->set];
    return 0;
}

static struct fc_limits_call call_of(struct sim *sim, struct fc_arena *arena, const struct cert *cert, int64_t now)
{
    sim->set = cert->set;
    return (struct fc_limits_call){.limits = sim->options->limits,
                                   .storage = &sim->storage,
                                   .arena = arena,
                                   .now = now,
                                   .account_id = cert->account};
}

/* ---- small things ---- */

static const struct fc_plan_group *group_of(const struct sim *sim, const struct cert *cert)
{
    return &sim->estate->groups[cert->group];
}

static const struct fc_plan_set *set_of(const struct sim *sim, const struct cert *cert)
{
    return &sim->estate->sets[cert->set];
}

static uint64_t draw(const struct sim *sim, struct cert *cert)
{
    return fc_plan_draw((uint64_t)sim->estate->seed, (uint64_t)(cert - sim->certs), cert->draws++);
}

static int64_t with_jitter(const struct sim *sim, struct cert *cert, int64_t at)
{
    int64_t jitter = group_of(sim, cert)->jitter;

    return jitter ? at + (int64_t)(draw(sim, cert) % (uint64_t)jitter) : at;
}

static struct fc_plan_case case_of(const struct sim *sim, const struct cert *cert, enum fc_plan_kind kind, int64_t from,
                                   int64_t until)
{
    return (struct fc_plan_case){.kind = kind,
                                 .group = cert->group,
                                 .set = set_of(sim, cert),
                                 .certificate = (uint32_t)(cert - sim->certs),
                                 .limit = (enum fc_limit)cert->limit,
                                 .lifetime = cert->issue.not_after - cert->issue.not_before,
                                 .refused = cert->refused,
                                 .from = from,
                                 .until = until};
}

static void note(struct sim *sim, const struct fc_plan_case *what)
{
    fc_plan_notes_case(sim->notes, what);
}

static void note_expired(struct sim *sim, const struct cert *cert, int64_t until)
{
    const struct fc_plan_case what = case_of(sim, cert, FC_PLAN_EXPIRED, cert->issue.not_after, until);

    note(sim, &what);
    fc_plan_notes_count(sim->notes, cert->issue.not_after, FC_PLAN_N_EXPIRED, 1);
}

/* ---- what comes next for a certificate ---- */

static void plan_renewal(const struct sim *sim, struct cert *cert, int64_t now)
{
    const struct fc_plan_group *group = group_of(sim, cert);
    int64_t due = fc_plan_rule_due(&group->rule, sim->options->policy, &cert->issue, draw(sim, cert));
    int64_t check = fc_plan_rule_check(group->check_every, now, due, group->rule.kind == FC_PLAN_ARI);

    cert->next_attempt = with_jitter(sim, cert, check);
}

static void plan_retry(const struct sim *sim, struct cert *cert, int64_t now, int64_t retry_at)
{
    const struct fc_plan_group *group = group_of(sim, cert);
    int64_t at = fc_plan_rule_check(group->check_every, now, now, false);

    if (group->waits && retry_at > now)
        cert->next_attempt = (retry_at + FC_SECOND - 1) / FC_SECOND * FC_SECOND;
    else
        cert->next_attempt = with_jitter(sim, cert, at);
}

static void schedule(struct sim *sim, const struct cert *cert)
{
    int64_t at = cert->next_attempt < cert->next_redeploy ? cert->next_attempt : cert->next_redeploy;

    if (at < sim->options->to)
        fc_plan_heap_push(&sim->heap, (struct fc_plan_event){at, (uint32_t)(cert - sim->certs)});
}

/* ---- an order ---- */

/* Identifiers without an authorization that can be used again (letsencrypt.md C.2) are validated. */
static void authorize(struct sim *sim, const struct cert *cert, int64_t now)
{
    const struct fc_profile_version *profile = fc_profile_at(group_of(sim, cert)->profile, now);
    const struct fc_plan_set *set = set_of(sim, cert);
    int64_t margin = fc_policy_reuse_margin(fc_policy_at(sim->options->policy, now), profile->order_lifetime);
    int64_t validated = 0;

    for (size_t i = 0; i < set->count; i++) {
        int64_t *until = &sim->valid_until[sim->estate->slots[set->first_slot + i]];
        if (*until > now + margin)
            continue;
        *until = now + profile->authz_lifetime;
        validated++;
    }
    sim->report->authorizations += validated;
    fc_plan_notes_count(sim->notes, now, FC_PLAN_N_AUTHZ, validated);
}

/* What ends with the new certificate: an outage, a wait, or a life. */
static void close_old(struct sim *sim, const struct cert *cert, int64_t now)
{
    struct fc_plan_group_report *group = &sim->report->groups[cert->group];
    int64_t left = cert->issue.not_after - now;
    int64_t lifetime = cert->issue.not_after - cert->issue.not_before;

    if (!cert->has && now > cert->missing_since) {
        const struct fc_plan_case what =
            case_of(sim, cert, cert->first ? FC_PLAN_LATE : FC_PLAN_MISSING, cert->missing_since, now);
        note(sim, &what);
    } else if (cert->has && left < 0) {
        note_expired(sim, cert, now);
    } else if (cert->has && left < lifetime / 10) {
        const struct fc_plan_case what = case_of(sim, cert, FC_PLAN_CLOSE, now, cert->issue.not_after);
        note(sim, &what);
    }
    if (cert->has && left < group->least_left)
        group->least_left = left;
}

static void classify(struct sim *sim, const struct cert *cert, const struct fc_limits_order *order)
{
    struct fc_plan_report *report = sim->report;
    struct fc_plan_group_report *group = &report->groups[cert->group];

    report->orders++;
    group->orders++;
    report->exempt += order->ari;
    group->exempt += order->ari;
    report->same_set += order->renewal;
    group->same_set += order->renewal;
    report->counted += !order->ari && !order->renewal;
    group->counted += !order->ari && !order->renewal;
}

static int issue(struct sim *sim, const struct fc_limits_call *call, struct cert *cert,
                 const struct fc_limits_order *order, struct fc_err *err)
{
    if (fc_limits_issued(call, order->idents, order->count, err))
        return -1;
    close_old(sim, cert, call->now);
    classify(sim, cert, order);
    fc_plan_notes_count(sim->notes, call->now, FC_PLAN_N_ORDERS, 1);
    authorize(sim, cert, call->now);
    cert->issue = fc_plan_issue_at(sim->options->policy, group_of(sim, cert)->profile, call->now);
    cert->has = true;
    cert->first = false;
    cert->missing_since = NONE;
    cert->limit = FC_LIMIT_NONE;
    cert->refused = false;
    sim->set_issued[cert->set] = cert->issue.not_before;
    plan_renewal(sim, cert, call->now);
    return 0;
}

static void denied(struct sim *sim, struct cert *cert, int64_t now, const struct fc_limits_denial *denial)
{
    struct fc_plan_case what;

    cert->limit = (uint8_t)denial->limit;
    cert->refused = false;
    what = case_of(sim, cert, FC_PLAN_DENIED, now, now + denial->decision.retry_in);
    what.key = denial->key;
    what.detail = denial->detail;
    note(sim, &what);
    fc_plan_notes_count(sim->notes, now, FC_PLAN_N_DENIED, 1);
    sim->report->denied++;
    sim->report->denied_by[denial->limit]++;
    sim->report->groups[cert->group].denied++;
    plan_retry(sim, cert, now, denial->retry_at);
}

/* Whether the order names a certificate of this account that is inside of its window (letsencrypt.md A.4). */
static bool is_exempt(const struct sim *sim, const struct cert *cert, int64_t now)
{
    const struct fc_policy *policy = fc_policy_at(sim->options->policy, now);
    struct fc_ca_window window;

    if (!cert->has || !group_of(sim, cert)->replaces || !policy->renewal_info.enabled)
        return false;
    fc_ca_ari_window(policy, cert->issue.issued_at, cert->issue.not_after, &window);
    return window.start <= now && now < window.end;
}

/* What the CA would not take for other reasons than limits; NULL: it takes it. */
static const char *refusal(const struct sim *sim, const struct cert *cert, int64_t now, struct fc_arena *arena)
{
    const struct fc_plan_group *group = group_of(sim, cert);
    const struct fc_profile_version *version = fc_profile_at(group->profile, now);
    const struct fc_plan_set *set = set_of(sim, cert);

    if (group->profile_asked && !fc_policy_profile_offered(sim->options->policy, group->profile_asked, now))
        return fc_arena_printf(arena, "the profile '%s' is not offered", group->profile_asked);
    if (set->count > (size_t)version->max_identifiers)
        return fc_arena_printf(arena, "%zu names, and the profile '%s' takes %d", set->count, group->profile->name,
                               (int)version->max_identifiers);
    if ((!version->ip && set->idents[set->count - 1].type == FC_IDENT_IP) ||
        (!version->dns && set->idents[0].type == FC_IDENT_DNS))
        return fc_arena_printf(arena, "the profile '%s' does not take identifiers of the type '%s'",
                               group->profile->name, version->ip ? "dns" : "ip");
    return NULL;
}

static void refused(struct sim *sim, struct cert *cert, int64_t now, const char *why)
{
    struct fc_plan_case what;

    cert->refused = true;
    cert->limit = FC_LIMIT_NONE;
    what = case_of(sim, cert, FC_PLAN_REFUSED, now, NEVER);
    what.detail = why;
    note(sim, &what);
    fc_plan_notes_count(sim->notes, now, FC_PLAN_N_REFUSED, 1);
    sim->report->refused++;
    plan_retry(sim, cert, now, 0);
}

/* 0, 1 when it was denied, -1. */
static int registered(struct sim *sim, struct fc_limits_call *call, struct cert *cert, struct fc_err *err)
{
    const char *address = sim->estate->accounts[group_of(sim, cert)->account].address;
    struct fc_limits_denial denial;

    if (!cert->needs_account)
        return 0;
    int result = fc_limits_registration(call, address, false, &denial, err);
    if (result > 0) {
        sim->report->registrations_denied++;
        denied(sim, cert, call->now, &denial);
    } else if (result == 0) {
        const struct fc_plan_set *set = set_of(sim, cert);
        sim->report->registrations++;
        cert->needs_account = false;
        cert->account = call->account_id = ++sim->accounts;
        for (size_t i = 0; i < set->count; i++)
            sim->valid_until[sim->estate->slots[set->first_slot + i]] = NONE;
    }
    return result;
}

static int attempt(struct sim *sim, struct cert *cert, int64_t now, struct fc_err *err)
{
    fc_auto(fc_arena_free) struct fc_arena *arena = fc_arena_new();
    struct fc_limits_call call = call_of(sim, arena, cert, now);
    const struct fc_plan_set *set = set_of(sim, cert);
    struct fc_limits_order order = {.idents = set->idents, .count = set->count, .ari = is_exempt(sim, cert, now)};
    struct fc_limits_denial denial;

    if (++sim->report->attempts > FC_PLAN_ORDERS_MAX)
        return fc_err_set(err, FC_E_LIMIT, "the estate would order more than %d times: plan a shorter time",
                          FC_PLAN_ORDERS_MAX);
    const char *why = refusal(sim, cert, now, arena);
    if (why) {
        refused(sim, cert, now, why);
        return 0;
    }
    int result = registered(sim, &call, cert, err);
    if (result)
        return result < 0 ? -1 : 0;
    result = fc_limits_order(&call, &order, &denial, err);
    if (result > 0)
        denied(sim, cert, now, &denial);
    return result == 0 ? issue(sim, &call, cert, &order, err) : result < 0 ? -1 : 0;
}

/* Started anew without what it had on disk. A host that does not exist yet is not. */
static void redeploy(struct sim *sim, struct cert *cert, int64_t now)
{
    const struct fc_plan_redeploys *plan = &group_of(sim, cert)->redeploys;

    cert->next_redeploy = --cert->redeploys_left > 0 ? now + plan->every : NEVER;
    if (cert->first && now < cert->missing_since)
        return;
    if (cert->has && now > cert->issue.not_after)
        note_expired(sim, cert, now);
    if (cert->has)
        cert->missing_since = now;
    cert->has = false;
    cert->needs_account = cert->needs_account || plan->loses_account;
    cert->next_attempt = now;
}

/* ---- the beginning and the end ---- */

/* One that was issued before the period: its set is known, its exact-set bucket spent, its names validated then. */
static int begin_existing(struct sim *sim, struct cert *cert, int64_t at, struct fc_err *err)
{
    fc_auto(fc_arena_free) struct fc_arena *arena = fc_arena_new();
    const struct fc_plan_group *group = group_of(sim, cert);
    const struct fc_plan_set *set = set_of(sim, cert);
    int64_t until = at + fc_profile_at(group->profile, at)->authz_lifetime;
    const struct fc_limits_call call = call_of(sim, arena, cert, at);

    cert->has = true;
    cert->issue = fc_plan_issue_at(sim->options->policy, group->profile, at);
    sim->set_issued[cert->set] = cert->issue.not_before;
    for (size_t i = 0; i < set->count; i++) {
        int64_t *slot = &sim->valid_until[sim->estate->slots[set->first_slot + i]];
        *slot = *slot < until ? until : *slot;
    }
    plan_renewal(sim, cert, sim->options->from - 1);
    return fc_limits_issued(&call, set->idents, set->count, err);
}

/* In the middle of its life: issued within one interval before the beginning, evenly. */
static int64_t steady_start(const struct sim *sim, const struct fc_plan_group *group, int64_t index)
{
    int64_t from = sim->options->from;
    const struct fc_plan_issue model = fc_plan_issue_at(sim->options->policy, group->profile, from);
    int64_t interval = fc_plan_rule_due(&group->rule, sim->options->policy, &model, 0) - from;

    if (interval > model.not_after - from)
        interval = model.not_after - from;
    if (interval < group->check_every)
        interval = group->check_every;
    return from - interval / (2 * group->count) * (2 * index + 1);
}

static int begin(struct sim *sim, struct cert *cert, const struct fc_plan_group *group, struct fc_err *err)
{
    int64_t index = (int64_t)(cert->set - group->first_set);
    int64_t at =
        group->running ? steady_start(sim, group, index) : group->issued + group->spread / group->count * index;

    cert->account = (int64_t)group->account + 1;
    cert->redeploys_left = group->redeploys.count;
    cert->next_redeploy = cert->redeploys_left ? group->redeploys.first : NEVER;
    cert->missing_since = NONE;
    cert->first = true;
    if (at < sim->options->from) {
        if (begin_existing(sim, cert, at, err))
            return -1;
        cert->first = false;
    } else {
        cert->next_attempt = cert->missing_since = with_jitter(sim, cert, at);
    }
    schedule(sim, cert);
    return 0;
}

static int begin_all(struct sim *sim, struct fc_err *err)
{
    struct cert *cert = sim->certs;

    for (size_t g = 0; g < sim->estate->n_groups; g++) {
        const struct fc_plan_group *group = &sim->estate->groups[g];
        for (int64_t i = 0; i < group->count * group->replicas; i++, cert++) {
            cert->group = (uint32_t)g;
            cert->set = (uint32_t)(group->first_set + (size_t)(i / group->replicas));
            if (begin(sim, cert, group, err))
                return -1;
        }
    }
    return 0;
}

/* Whoever is without a valid certificate when the period ends. */
static void end_all(struct sim *sim)
{
    for (size_t i = 0; i < sim->estate->n_certificates; i++) {
        const struct cert *cert = &sim->certs[i];
        if (cert->has && cert->issue.not_after < sim->options->to)
            note_expired(sim, cert, NEVER);
        if (cert->has || cert->missing_since >= sim->options->to)
            continue;
        const struct fc_plan_case what =
            case_of(sim, cert, cert->first ? FC_PLAN_NEVER : FC_PLAN_MISSING, cert->missing_since, NEVER);
        note(sim, &what);
    }
}

static int simulate(struct sim *sim, struct fc_err *err)
{
    if (begin_all(sim, err))
        return -1;
    while (sim->heap.count > 0) {
        const struct fc_plan_event event = fc_plan_heap_pop(&sim->heap);
        struct cert *cert = &sim->certs[event.certificate];
        if (event.at == cert->next_redeploy)
            redeploy(sim, cert, event.at);
        if (event.at >= cert->next_attempt && attempt(sim, cert, event.at, err))
            return -1;
        schedule(sim, cert);
    }
    end_all(sim);
    return 0;
}

/* ---- the whole ---- */

static void open_sim(struct sim *sim)
{
    const struct fc_plan_estate *estate = sim->estate;

    sim->certs = fc_calloc(estate->n_certificates, sizeof *sim->certs);
    sim->set_issued = fc_calloc(estate->n_sets, sizeof *sim->set_issued);
    for (size_t i = 0; i < estate->n_sets; i++)
        sim->set_issued[i] = NONE;
    sim->valid_until = fc_calloc(estate->n_authorizations, sizeof *sim->valid_until);
    for (size_t i = 0; i < estate->n_authorizations; i++)
        sim->valid_until[i] = NONE;
    sim->accounts = (int64_t)estate->n_accounts;
    sim->memory = fc_limits_memory_new();
    sim->inner = fc_limits_storage_memory(sim->memory);
    sim->storage = (struct fc_limits_storage){.get = get, .put = put, .drop = drop, .issued = issued, .cookie = sim};
    sim->notes = fc_plan_notes_new(estate, sim->options);
    sim->report = fc_plan_notes_report(sim->notes);
}

static void close_sim(struct sim *sim)
{
    free(sim->certs);
    free(sim->set_issued);
    free(sim->valid_until);
    fc_plan_heap_release(&sim->heap);
    fc_limits_memory_free(sim->memory);
    fc_plan_notes_free(sim->notes);
}

int fc_plan_run(const struct fc_plan_estate *estate, const struct fc_plan_options *options,
                struct fc_plan_report **ret_report, struct fc_err *err)
{
    struct sim sim = {.estate = estate, .options = options};

    open_sim(&sim);
    int failed = simulate(&sim, err);
    if (!failed)
        *ret_report = fc_plan_notes_end(sim.notes);
    close_sim(&sim);
    return failed;
}
