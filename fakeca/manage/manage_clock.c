/* The clock: read, and moved. A move is applied, counted, and written down with its event in one transaction; where that fails
 * the clock is put back, so that a CA that restarts stands where its callers believe. */
#include "manage/manage_int.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/base_clock.h"
#include "base/base_opt.h"
#include "base/base_text.h"
#include "base/base_time.h"
#include "ca/ca.h"
#include "events/events.h"
#include "policy/policy.h"
#include "store/store_cert.h"

/* ---- reading ---- */

static json_t *view_json(const struct fc_clock_view *view)
{
    char now[FC_TIME_TEXT_MAX], real[FC_TIME_TEXT_MAX];

    return json_pack("{s:s,s:s,s:I,s:s}", "now", fc_time_rfc3339(view->now, now), "real",
                     fc_time_rfc3339(view->real, real), "offset_s", (json_int_t)(view->offset / FC_SECOND), "state",
                     view->frozen ? "frozen" : "following");
}

json_t *fc_manage_clock_json(const struct fc_manage *manage)
{
    struct fc_clock_view view;

    fc_clock_read(manage->params.clock, &view);
    return view_json(&view);
}

int fc_manage_clock_show(struct fc_manage_call *call, struct fc_err *err)
{
    (void)err;
    fc_manage_json(call, fc_manage_clock_json(call->manage));
    return 0;
}

/* ---- where to ---- */

struct move {
    struct fc_manage *manage;
    struct fc_manage_call *call;
    struct fc_arena *arena;
    const char *action;
    int (*apply)(struct move *move, struct fc_err *err);
    int64_t by;          /* advance */
    int64_t to;          /* advance, set */
    bool relative;       /* `by` was given */
    int goal;            /* index into goals, -1: `to` was given */
    const char *reached; /* what the goal turned out to be */
    struct fc_clock_view before, after;
};

static int nothing_ahead(struct fc_err *err, const char *text)
{
    return fc_err_set(err, FC_E_BUSY, "nothing lies ahead: %s", text);
}

/* The next moment of that kind in the life of a certificate. */
static int next_moment(struct move *move, enum fc_store_moment moment, struct fc_err *err)
{
    struct fc_store *store = move->manage->params.store;
    struct fc_store_tx tx fc_auto_tx = {0};

    if (fc_store_begin(store, FC_STORE_READ, &tx, err))
        return -1;
    return fc_store_cert_next(store, moment, move->before.now, &move->to, err);
}

static int goal_renewal(struct move *move, struct fc_err *err)
{
    if (next_moment(move, FC_STORE_RENEWAL, err))
        return -1;
    if (!move->to)
        return nothing_ahead(err, "no certificate that is neither expired nor revoked has yet to come to two thirds of "
                                  "its lifetime");
    move->reached = "a certificate has used two thirds of its lifetime";
    return 0;
}

static int goal_expiry(struct move *move, struct fc_err *err)
{
    if (next_moment(move, FC_STORE_EXPIRY, err))
        return -1;
    if (!move->to)
        return nothing_ahead(err, "there is no certificate that is neither expired nor revoked");
    move->to += FC_SECOND; /* the last second belongs to the lifetime */
    move->reached = "a certificate is expired";
    return 0;
}

/* One dated change more; the earliest stay, all of one date together. */
static void note_change(struct move *move, const struct fc_policy *policy, const struct fc_policy_change *change)
{
    char text[FC_TIME_TEXT_MAX];

    if (!change->paths[0] || change->on <= move->before.now || (move->reached && change->on > move->to))
        return;
    const char *what =
        fc_arena_printf(move->arena, "%s in %s: %s", fc_time_rfc3339(change->on, text), policy->name, change->what);
    move->reached =
        move->reached && change->on == move->to ? fc_arena_printf(move->arena, "%s; %s", move->reached, what) : what;
    move->to = change->on;
}

static int goal_change(struct move *move, struct fc_err *err)
{
    const struct fc_manage_params *params = &move->manage->params;

    for (size_t e = 0; e < params->n_envs; e++) {
        size_t count;
        const struct fc_policy_change *changes = fc_policy_changes(params->envs[e].policy, &count);
        for (size_t i = 0; i < count; i++)
            note_change(move, params->envs[e].policy, &changes[i]);
    }
    if (!move->reached)
        return nothing_ahead(err, "no served policy has a later change");
    return 0;
}

static int goal_retry_after(struct move *move, struct fc_err *err)
{
    if (fc_manage_limits_retry_at(move->call, move->before.now, &move->to, err))
        return -1;
    if (!move->to)
        return nothing_ahead(err, "no client was told to wait, and no bucket of a rate limit is full");
    move->to += FC_SECOND - 1; /* a frozen clock stands at whole seconds */
    move->to -= move->to % FC_SECOND;
    move->reached = "what was denied by a rate limit may be tried again";
    return 0;
}

static const struct {
    const char *word;
    int (*find)(struct move *move, struct fc_err *err);
} goals[] = {{"next-renewal", goal_renewal},
             {"next-expiry", goal_expiry},
             {"next-change", goal_change},
             {"retry-after", goal_retry_after}};
#define N_GOALS (sizeof goals / sizeof *goals)

/* ---- how ---- */

/* The offset has whole seconds. "Until X" must not end a part of a second before X, so a running clock is aimed half a second
 * behind it, which rounding then makes X up to X + 1 s: still X in every text that is cut to seconds. */
static int apply_to(struct move *move, struct fc_err *err)
{
    int64_t at = move->to;

    if (!move->before.frozen && at < FC_TIME_MAX - FC_SECOND)
        at += FC_SECOND / 2;
    return fc_clock_set(move->manage->params.clock, at, err);
}

static int apply_advance(struct move *move, struct fc_err *err)
{
    if (move->relative)
        return fc_clock_advance(move->manage->params.clock, move->by, err);
    if (move->goal >= 0 && goals[move->goal].find(move, err))
        return -1;
    return apply_to(move, err);
}

static int apply_freeze(struct move *move, struct fc_err *err)
{
    return fc_clock_freeze(move->manage->params.clock, err);
}

static int apply_follow(struct move *move, struct fc_err *err)
{
    return fc_clock_follow(move->manage->params.clock, err);
}

static int apply_reset(struct move *move, struct fc_err *err)
{
    return fc_clock_reset(move->manage->params.clock, err);
}

/* ---- what it meant ---- */

static void warn(json_t *warnings, int64_t count, const char *one, const char *many)
{
    if (count)
        json_array_append_new(warnings, json_sprintf("%" PRId64 " %s", count, count == 1 ? one : many));
}

/* What lies in the future once the clock has gone backwards. The clock has moved already: who cannot count says so. */
static void add_warnings(const struct move *move, json_t *warnings)
{
    struct fc_manage_ahead ahead;
    struct fc_err err = {0};

    if (move->after.now >= move->before.now)
        return;
    if (fc_manage_due_ahead(move->manage->params.store, move->after.now, &ahead, &err)) {
        json_array_append_new(warnings, json_sprintf("what lies in the future now is not known: %s", err.text));
        return;
    }
    warn(warnings, ahead.certificates, "certificate is not yet valid", "certificates are not yet valid");
    warn(warnings, ahead.accounts, "account was created after the new now", "accounts were created after the new now");
    warn(warnings, ahead.orders, "order was created after the new now", "orders were created after the new now");
}

/* The event and what a restarted CA needs, in one transaction with the count of what the skip passed. */
static int write_down(const struct move *move, struct fc_manage_passed *ret_passed, struct fc_err *err)
{
    const struct fc_manage_params *params = &move->manage->params;
    struct fc_store_tx tx fc_auto_tx = {0};
    char from[FC_TIME_TEXT_MAX], to[FC_TIME_TEXT_MAX];

    if (fc_store_begin(params->store, FC_STORE_WRITE, &tx, err) ||
        fc_manage_due_passed(params->store, move->before.now, move->after.now, ret_passed, err))
        return -1;
    fc_events_add(params->events, FC_EVENT_CLOCK, move->after.now, &(struct fc_event_about){0},
                  json_pack("{s:s,s:s,s:s,s:I,s:I,s:I}", "action", move->action, "from",
                            fc_time_rfc3339(move->before.now, from), "to", fc_time_rfc3339(move->after.now, to),
                            "offset", (json_int_t)(move->after.offset / FC_SECOND), "due", (json_int_t)ret_passed->due,
                            "expired", (json_int_t)ret_passed->expired));
    if (params->clock_changed && params->clock_changed(params->cookie, err))
        return -1;
    return fc_store_commit(&tx, err);
}

static bool same_clock(const struct fc_clock_saved *a, const struct fc_clock_saved *b)
{
    return a->offset_s == b->offset_s && a->frozen_at == b->frozen_at;
}

/* With clock_lock held. */
static int move_clock(struct move *move, struct fc_manage_passed *ret_passed, struct fc_err *err)
{
    struct fc_clock *clock = move->manage->params.clock;
    struct fc_clock_saved was, is;
    struct fc_err again = {0};

    fc_clock_read(clock, &move->before);
    fc_clock_save(clock, &was);
    if (move->apply(move, err))
        return -1;
    fc_clock_read(clock, &move->after);
    fc_clock_save(clock, &is);
    if (same_clock(&was, &is)) /* freezing what is frozen: nothing to tell */
        return 0;
    if (write_down(move, ret_passed, err) == 0)
        return 0;
    if (fc_clock_restore(clock, &was, &again))
        fc_err_prefix(err, "the clock could not be put back (%.200s)", again.text);
    return -1;
}

static int run(struct fc_manage_call *call, struct move *move, struct fc_err *err)
{
    struct fc_manage_passed passed = {0};

    move->manage = call->manage;
    move->call = call;
    move->arena = call->req->arena;
    pthread_mutex_lock(&call->manage->clock_lock);
    int result = move_clock(move, &passed, err);
    pthread_mutex_unlock(&call->manage->clock_lock);
    if (result)
        return -1;
    for (size_t i = 0; i < call->manage->params.n_envs; i++)
        fc_ca_follow(call->manage->params.envs[i].ca, move->after.now);
    json_t *warnings = json_array();
    add_warnings(move, warnings);
    json_t *answer = json_pack("{s:s,s:o,s:o,s:I,s:I,s:o}", "action", move->action, "before", view_json(&move->before),
                               "after", view_json(&move->after), "due", (json_int_t)passed.due, "expired",
                               (json_int_t)passed.expired, "warnings", warnings);
    if (move->reached)
        json_object_set_new(answer, "reached", json_string(move->reached));
    fc_manage_json(call, answer);
    return 0;
}

/* ---- the requests ---- */

/* "next-renewal" or a point in time. */
static void read_goal(struct fc_json_obj *body, struct move *move)
{
    const char *text = fc_json_str(body, "to", FC_JSON_OPTIONAL, FC_TIME_TEXT_MAX);
    const char *words[N_GOALS];
    struct fc_err cause = {0};

    if (!text)
        return;
    for (size_t i = 0; i < N_GOALS; i++) {
        words[i] = goals[i].word;
        if (strcmp(text, goals[i].word) == 0)
            move->goal = (int)i;
    }
    if (move->goal >= 0 || fc_time_parse(text, &move->to, &cause) == 0)
        return;
    const char *nearest = fc_opt_nearest(text, words, N_GOALS);
    if (nearest)
        fc_json_errs_add(body, "to", "unknown word '%s', did you mean '%s'?", text, nearest);
    else
        fc_json_errs_add(body, "to", "%s (or one of the words next-renewal, next-expiry, next-change, retry-after)",
                         cause.text);
}

int fc_manage_clock_advance(struct fc_manage_call *call, struct fc_err *err)
{
    struct fc_manage_input input fc_auto_input = {0};
    struct move move = {.action = "advance", .apply = apply_advance, .goal = -1};

    if (fc_manage_body_open(call, &input, err))
        return -1;
    move.relative = fc_json_has(&input.root, "by");
    move.by = fc_json_duration(&input.root, "by", FC_JSON_OPTIONAL, -FC_DURATION_MAX, FC_DURATION_MAX, 0);
    read_goal(&input.root, &move);
    if (input.root.value && move.relative == fc_json_has(&input.root, "to"))
        fc_json_errs_add(&input.root, NULL, "exactly one of 'by' and 'to' is needed");
    if (fc_manage_body_close(&input, err))
        return -1;
    return run(call, &move, err);
}

int fc_manage_clock_set(struct fc_manage_call *call, struct fc_err *err)
{
    struct fc_manage_input input fc_auto_input = {0};
    struct move move = {.action = "set", .apply = apply_to, .goal = -1};

    if (fc_manage_body_open(call, &input, err))
        return -1;
    move.to = fc_json_time(&input.root, "to", FC_JSON_REQUIRED, 0);
    if (fc_manage_body_close(&input, err))
        return -1;
    return run(call, &move, err);
}

/* The three that are told nothing but their name. */
static int plain(struct fc_manage_call *call, const char *action, int (*apply)(struct move *move, struct fc_err *err),
                 struct fc_err *err)
{
    struct fc_manage_input input fc_auto_input = {0};
    struct move move = {.action = action, .apply = apply, .goal = -1};

    if (fc_manage_body_open(call, &input, err) || fc_manage_body_close(&input, err))
        return -1;
    return run(call, &move, err);
}

int fc_manage_clock_freeze(struct fc_manage_call *call, struct fc_err *err)
{
    return plain(call, "freeze", apply_freeze, err);
}

int fc_manage_clock_follow(struct fc_manage_call *call, struct fc_err *err)
{
    return plain(call, "follow", apply_follow, err);
}

int fc_manage_clock_reset(struct fc_manage_call *call, struct fc_err *err)
{
    return plain(call, "reset", apply_reset, err);
}
