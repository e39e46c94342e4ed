/* Buckets of the rate limits: looked at, asked what the next order would get, filled, emptied. */
#include "manage/manage_int.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_clock.h"
#include "base/base_opt.h"
#include "base/base_text.h"
#include "base/base_time.h"
#include "events/events.h"
#include "limits/limits_storage.h"
#include "model/model_problem.h"
#include "policy/policy.h"
#include "store/store_limit.h"
#include "store/store_order.h"

#define NAMES_MAX 100

/* One use of an environment's limiter. */
struct use {
    struct fc_manage_call *call;
    const struct fc_manage_env *env;
    struct fc_limits_store place;
    struct fc_limits_storage storage;
    struct fc_limits_call limits;
    struct fc_clock_view clock;
};

static void use_init(struct use *use, struct fc_manage_call *call, const struct fc_manage_env *env)
{
    *use = (struct use){.call = call, .env = env ? env : &call->manage->params.envs[0]};
    fc_clock_read(call->manage->params.clock, &use->clock);
    use->place = (struct fc_limits_store){
        .store = call->manage->params.store, .env = use->env->policy->name, .arena = call->req->arena};
    use->storage = fc_limits_storage_store(&use->place);
    use->limits = (struct fc_limits_call){
        .limits = use->env->limits, .storage = &use->storage, .arena = call->req->arena, .now = call->req->now};
}

static int check_limits(const struct use *use, struct fc_err *err)
{
    return use->env->limits ? 0 : fc_err_set(err, FC_E_USAGE, "this server has no rate limits");
}

/* ---- one bucket ---- */

/* When that comes in real time; null while the clock stands still: then it does not come by itself. */
static json_t *real_time(const struct use *use, int64_t at)
{
    return use->clock.frozen && at > use->clock.now ? json_null()
                                                    : fc_manage_render_time(use->clock.real + (at - use->clock.now));
}

static json_t *number_or_null(int64_t value)
{
    return value ? json_integer((json_int_t)value) : json_null();
}

/* A set's key is a hash: its names are those of the order that spent last. Null where there is none. Inside a transaction. */
static json_t *set_names(const struct use *use, enum fc_limit limit, const struct fc_limits_bucket *bucket)
{
    struct fc_order order;
    struct fc_err gone = {0}; /* by a reset */

    if (limit != FC_LIMIT_SET || !bucket->order_id ||
        fc_store_order_get(use->place.store, use->place.arena, bucket->order_id, &order, &gone))
        return json_null();
    json_t *names = json_array();
    for (size_t i = 0; i < order.n_idents; i++)
        json_array_append_new(names, json_string(order.idents[i].value));
    return names;
}

/* NULL when the row belongs to no limit that is configured. Inside a transaction. */
static json_t *bucket_json(const struct use *use, const char *key, const struct fc_limits_bucket *bucket)
{
    char period[FC_TIME_TEXT_MAX];
    struct fc_limits_view view;

    if (!fc_limits_view(use->env->limits, key, bucket, use->limits.now, &view))
        return NULL;
    json_t *json = json_pack(
        "{s:s,s:s,s:I,s:I,s:I,s:s,s:b,s:b}", "limit", fc_policy_limit_name(view.limit), "key", key + 2, "used",
        (json_int_t)view.used, "allowed", (json_int_t)view.rule.burst, "remaining", (json_int_t)view.remaining,
        "period", fc_duration_text(view.rule.period, period), "override", view.override, "ahead", view.ahead);
    json_object_set_new(json, "next_free", fc_manage_render_time(view.free_at));
    json_object_set_new(json, "next_free_real", real_time(use, view.free_at));
    json_object_set_new(json, "empty_at", fc_manage_render_time(view.full_at));
    json_object_set_new(json, "spent_at", fc_manage_render_time(bucket->spent_at));
    json_object_set_new(json, "account", number_or_null(bucket->account_id));
    json_object_set_new(json, "order", number_or_null(bucket->order_id));
    json_object_set_new(json, "names", set_names(use, view.limit, bucket));
    return json;
}

/* The bucket of a key, an empty one when nothing was spent yet. Inside a transaction. */
static int read_bucket(const struct use *use, const char *key, json_t **ret_json, struct fc_err *err)
{
    struct fc_limits_bucket bucket = {.tat = FC_LIMITS_NO_TAT};
    bool found;

    if (use->storage.get(use->storage.cookie, key, &bucket, &found, err))
        return -1;
    *ret_json = bucket_json(use, key, &bucket);
    return *ret_json ? 0 : fc_err_set(err, FC_E_NOT_FOUND, "'%.200s' is the key of no limit that is configured", key);
}

/* ---- the list ---- */

static int unknown_limit(const char *name, struct fc_err *err)
{
    const char *names[FC_LIMIT__MAX - 1];

    for (int i = 1; i < FC_LIMIT__MAX; i++)
        names[i - 1] = fc_policy_limit_name((enum fc_limit)i);
    const char *nearest = fc_opt_nearest(name, names, FC_LIMIT__MAX - 1);
    return fc_err_set(err, FC_E_USAGE, "there is no limit '%.64s'%s%s%s", name, nearest ? ", did you mean '" : "",
                      nearest ? nearest : " (such as NewOrdersPerAccount)", nearest ? "'?" : "");
}

static int list_query(struct fc_manage_call *call, const struct use *use, struct fc_store_limit_query *ret_query,
                      struct fc_err *err)
{
    const char *name = fc_http_req_query(call->req, "name"), *after = fc_http_req_query(call->req, "after");
    enum fc_limit limit = name ? fc_policy_limit_parse(name) : FC_LIMIT_NONE;
    int64_t count = FC_MANAGE_LIMIT_DEFAULT;

    if (fc_manage_body_query_int(call, "limit", 1, FC_STORE_PAGE_MAX, &count, err))
        return -1;
    if (name && !limit)
        return unknown_limit(name, err);
    *ret_query = (struct fc_store_limit_query){.env = use->env->policy->name,
                                               .prefix = name ? fc_arena_printf(call->req->arena, "%d:", limit) : "",
                                               .after = after ? after : "",
                                               .limit = (size_t)count};
    return 0;
}

int fc_manage_limits_list(struct fc_manage_call *call, struct fc_err *err)
{
    struct fc_store_tx tx fc_auto_tx = {0};
    const struct fc_manage_env *env;
    struct fc_store_limit_query query;
    struct fc_store_bucket *rows;
    struct use use;
    size_t count;

    if (fc_manage_body_query_env(call, &env, err))
        return -1;
    use_init(&use, call, env);
    if (check_limits(&use, err) || list_query(call, &use, &query, err) ||
        fc_store_begin(call->manage->params.store, FC_STORE_READ, &tx, err) ||
        fc_store_limit_list(call->manage->params.store, call->req->arena, &query, &rows, &count, err))
        return -1;
    json_t *buckets = json_array();
    for (size_t i = 0; i < count; i++) {
        const struct fc_limits_bucket bucket = {rows[i].tat, rows[i].spent_at, rows[i].account_id, rows[i].order_id};
        json_t *json = bucket_json(&use, rows[i].key, &bucket);
        if (json)
            json_array_append_new(buckets, json);
    }
    fc_store_end(&tx);
    fc_manage_json(call, json_pack("{s:s,s:b,s:o,s:o}", "environment", use.env->policy->name, "enforced",
                                   fc_limits_enforced(use.env->limits, call->req->now), "buckets", buckets, "next",
                                   count == query.limit ? json_string(rows[count - 1].key) : json_null()));
    return 0;
}

/* ---- what a body says ---- */

struct wish {
    const struct fc_manage_env *env;
    enum fc_limit limit;
    struct fc_limits_about about;
};

static bool is_address(const char *text)
{
    unsigned char bytes[16];

    return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

static void read_env(struct fc_manage_call *call, struct fc_json_obj *body, struct wish *wish)
{
    const char *name = fc_json_str(body, "environment", FC_JSON_OPTIONAL, 64);

    wish->env = name ? fc_manage_find_env(call->manage, name) : NULL;
    if (name && !wish->env)
        fc_json_errs_add(body, "environment", "unknown environment '%s'", name);
}

static void read_limit(struct fc_json_obj *body, enum fc_json_need need, struct wish *wish)
{
    const char *name = fc_json_str(body, "limit", need, 64);
    struct fc_err cause = {0};

    wish->limit = name ? fc_policy_limit_parse(name) : FC_LIMIT_NONE;
    if (name && !wish->limit) {
        unknown_limit(name, &cause);
        fc_json_errs_add(body, "limit", "%s", cause.text);
    }
}

static void read_about(struct fc_manage_call *call, struct fc_json_obj *body, struct wish *wish)
{
    struct fc_arena *arena = call->req->arena;
    const char **names = fc_json_strs(body, "names", FC_JSON_OPTIONAL, NAMES_MAX, 253);
    size_t count = 0;

    wish->about.account_id = fc_json_int(body, "account", FC_JSON_OPTIONAL, 1, INT64_MAX, 0);
    wish->about.address = fc_json_str(body, "address", FC_JSON_OPTIONAL, 64);
    if (wish->about.address && !is_address(wish->about.address))
        fc_json_errs_add(body, "address", "'%s' is no IP address", wish->about.address);
    while (names && names[count])
        count++;
    struct fc_ident *idents = fc_arena_alloc(arena, (count + 1) * sizeof *idents);
    for (size_t i = 0; i < count; i++) {
        char *name = fc_arena_strdup(arena, names[i]);
        fc_text_lower(name);
        idents[i] = (struct fc_ident){is_address(name) ? FC_IDENT_IP : FC_IDENT_DNS, name};
    }
    if (names)
        fc_arena_defer(arena, free, names);
    wish->about.idents = idents;
    wish->about.count = fc_ident_sort_unique(idents, count);
}

/* ---- would ---- */

/* What no order could name would not pass, whatever the limits say. */
static void check_names(struct fc_manage_call *call, struct fc_json_obj *body, const struct wish *wish)
{
    const struct fc_manage_env *env = wish->env ? wish->env : &call->manage->params.envs[0];
    const struct fc_policy *policy = fc_policy_at(env->policy, call->req->now);
    const struct fc_ident_rules rules = {
        .rehearsal = policy->rehearsal, .any = policy->lenient.names, .blocked = policy->blocked_names};

    for (size_t i = 0; i < wish->about.count; i++) {
        const struct fc_ident *ident = &wish->about.idents[i];
        struct fc_problem problem = {0};
        bool ip = ident->type == FC_IDENT_IP;
        if ((ip ? fc_ident_check_ip : fc_ident_check_dns)(ident->value, &rules, call->req->arena, &problem, NULL))
            fc_json_errs_add(body, "names", "no order can name '%.253s': %s", ident->value, problem.detail);
    }
}

static int checks_json(const struct use *use, const struct fc_limits_order *order, json_t *checks, struct fc_err *err)
{
    for (const char **key = fc_limits_order_keys(&use->limits, order); *key; key++) {
        json_t *json;
        if (read_bucket(use, *key, &json, err))
            return -1;
        json_array_append_new(checks, json);
    }
    return 0;
}

/* Whether one of the names is paused for the account. */
static int paused_json(const struct use *use, const struct wish *wish, json_t *paused, struct fc_err *err)
{
    struct fc_store_paused row;
    bool found;

    for (size_t i = 0; i < wish->about.count; i++) {
        if (fc_store_paused_get(use->place.store, wish->about.account_id, wish->about.idents[i].value, &row, &found,
                                err))
            return -1;
        if (found && !row.unpaused_at)
            json_array_append_new(paused, json_string(row.ident));
    }
    return 0;
}

static json_t *would_json(const struct use *use, const struct fc_limits_order *order,
                          const struct fc_limits_denial *denial)
{
    const char *exempt = order->ari ? "ari" : order->renewal ? "renewal" : "none";
    json_t *json =
        json_pack("{s:s,s:b,s:b,s:s}", "environment", use->env->policy->name, "enforced",
                  fc_limits_enforced(use->env->limits, use->limits.now), "passes", denial == NULL, "exempt", exempt);

    json_object_set_new(json, "denied_by", denial ? json_string(fc_policy_limit_name(denial->limit)) : json_null());
    json_object_set_new(json, "detail", denial ? json_string(denial->detail) : json_null());
    json_object_set_new(json, "retry_at",
                        denial ? fc_manage_render_time(use->limits.now + denial->decision.retry_in) : json_null());
    json_object_set_new(json, "retry_at_real",
                        denial ? real_time(use, use->limits.now + denial->decision.retry_in) : json_null());
    return json;
}

static int answer_would(struct fc_manage_call *call, const struct wish *wish, bool ari, struct fc_err *err)
{
    struct fc_limits_order order = {.idents = wish->about.idents, .count = wish->about.count, .ari = ari, .dry = true};
    struct fc_store_tx tx fc_auto_tx = {0};
    fc_auto_json checks = json_array();
    fc_auto_json paused = json_array();
    struct fc_limits_denial denial;
    struct use use;

    use_init(&use, call, wish->env);
    use.limits.account_id = wish->about.account_id;
    if (check_limits(&use, err) || fc_store_begin(use.place.store, FC_STORE_READ, &tx, err))
        return -1;
    int denied = fc_limits_order(&use.limits, &order, &denial, err);
    if (denied < 0 || checks_json(&use, &order, checks, err) || paused_json(&use, wish, paused, err))
        return -1;
    fc_store_end(&tx);
    json_t *json = would_json(&use, &order, denied ? &denial : NULL);
    if (json_array_size(paused))
        json_object_set_new(json, "passes", json_false());
    json_object_set(json, "paused", paused);
    json_object_set(json, "checks", checks);
    fc_manage_json(call, json);
    return 0;
}

int fc_manage_limits_would(struct fc_manage_call *call, struct fc_err *err)
{
    struct wish wish = {0};
    struct fc_manage_input input fc_auto_input = {0};

    if (fc_manage_body_open(call, &input, err))
        return -1;
    read_env(call, &input.root, &wish);
    read_about(call, &input.root, &wish);
    bool ari = fc_json_bool(&input.root, "replaces_in_window", FC_JSON_OPTIONAL, false);
    if (!wish.about.count)
        fc_json_errs_add(&input.root, "names", "must name at least one");
    check_names(call, &input.root, &wish);
    if (!wish.about.account_id && !fc_json_has(&input.root, "account"))
        fc_json_errs_add(&input.root, "account", "is missing: whose order would it be?");
    if (fc_manage_body_close(&input, err))
        return -1;
    return answer_would(call, &wish, ari, err);
}

/* ---- fill, reset ---- */

static void add_event(const struct use *use, const char *action, const char *key, int64_t left)
{
    const struct fc_event_about about = {.env = use->env->policy->name};
    enum fc_limit limit = key ? fc_limits_key_limit(key) : FC_LIMIT_NONE;
    json_t *data = json_pack("{s:s}", "action", action);

    if (limit) {
        json_object_set_new(data, "limit", json_string(fc_policy_limit_name(limit)));
        json_object_set_new(data, "key", json_string(key + 2));
    }
    if (left >= 0)
        json_object_set_new(data, "left", json_integer((json_int_t)left));
    fc_events_add(use->call->manage->params.events, FC_EVENT_LIMIT_CHANGED, use->limits.now, &about, data);
}

static int fill(struct fc_manage_call *call, const struct wish *wish, int64_t leave, struct fc_err *err)
{
    struct fc_store_tx tx fc_auto_tx = {0};
    struct use use;
    json_t *json;

    use_init(&use, call, wish->env);
    const char *key = fc_limits_key(call->req->arena, wish->limit, &wish->about, err);
    if (!key || check_limits(&use, err) || fc_store_begin(use.place.store, FC_STORE_WRITE, &tx, err) ||
        fc_limits_fill(&use.limits, key, leave, err) || read_bucket(&use, key, &json, err))
        return -1;
    add_event(&use, "fill", key, leave);
    if (fc_store_commit(&tx, err)) {
        json_decref(json);
        return -1;
    }
    fc_manage_json(call, json);
    return 0;
}

int fc_manage_limits_fill(struct fc_manage_call *call, struct fc_err *err)
{
    struct wish wish = {0};
    struct fc_manage_input input fc_auto_input = {0};

    if (fc_manage_body_open(call, &input, err))
        return -1;
    read_env(call, &input.root, &wish);
    read_limit(&input.root, FC_JSON_REQUIRED, &wish);
    read_about(call, &input.root, &wish);
    int64_t leave = fc_json_int(&input.root, "leave", FC_JSON_OPTIONAL, 0, INT64_MAX, 0);
    if (fc_manage_body_close(&input, err))
        return -1;
    return fill(call, &wish, leave, err);
}

/* One bucket, or all of an environment, or of every one. */
static int reset(struct fc_manage_call *call, const struct wish *wish, const char *key, struct fc_err *err)
{
    const struct fc_manage_params *params = &call->manage->params;
    struct fc_store_tx tx fc_auto_tx = {0};
    int64_t removed = 0;

    if (fc_store_begin(params->store, FC_STORE_WRITE, &tx, err))
        return -1;
    for (size_t i = 0; i < params->n_envs; i++) {
        struct use use;
        int64_t count;
        if (wish->env ? wish->env != &params->envs[i] : key && i > 0)
            continue;
        use_init(&use, call, &params->envs[i]);
        if (fc_store_limit_drop(params->store, params->envs[i].policy->name, key, &count, err))
            return -1;
        add_event(&use, "reset", key, -1);
        removed += count;
    }
    if (fc_store_commit(&tx, err))
        return -1;
    fc_manage_json(call, json_pack("{s:I}", "removed", (json_int_t)removed));
    return 0;
}

int fc_manage_limits_reset(struct fc_manage_call *call, struct fc_err *err)
{
    struct wish wish = {0};
    struct fc_manage_input input fc_auto_input = {0};
    const char *key = NULL;

    if (fc_manage_body_open(call, &input, err))
        return -1;
    read_env(call, &input.root, &wish);
    read_limit(&input.root, FC_JSON_OPTIONAL, &wish);
    read_about(call, &input.root, &wish);
    if (!wish.limit && (wish.about.account_id || wish.about.address || wish.about.count) &&
        !fc_json_has(&input.root, "limit"))
        fc_json_errs_add(&input.root, "limit", "is missing: of which limit?");
    if (fc_manage_body_close(&input, err))
        return -1;
    if (wish.limit && !(key = fc_limits_key(call->req->arena, wish.limit, &wish.about, err)))
        return -1;
    return reset(call, &wish, key, err);
}

/* ---- the next moment ---- */

/* The earliest moment at which a bucket that is full has room again. */
static int earliest_free(struct use *use, int64_t *io_at, struct fc_err *err)
{
    struct fc_store_limit_query query = {
        .env = use->env->policy->name, .prefix = "", .after = "", .limit = FC_STORE_PAGE_MAX};
    struct fc_store_bucket *rows;
    struct fc_limits_view view;
    size_t count;

    do {
        if (fc_store_limit_list(use->place.store, use->place.arena, &query, &rows, &count, err))
            return -1;
        for (size_t i = 0; i < count; i++) {
            const struct fc_limits_bucket bucket = {.tat = rows[i].tat};
            if (fc_limits_view(use->env->limits, rows[i].key, &bucket, use->limits.now, &view) &&
                view.free_at > use->limits.now && (!*io_at || view.free_at < *io_at))
                *io_at = view.free_at;
            query.after = rows[i].key;
        }
    } while (count == query.limit);
    return 0;
}

int fc_manage_limits_retry_at(struct fc_manage_call *call, int64_t now, int64_t *ret_at, struct fc_err *err)
{
    const struct fc_manage_params *params = &call->manage->params;
    struct fc_store_tx tx fc_auto_tx = {0};

    *ret_at = 0;
    for (size_t i = 0; i < params->n_envs; i++) {
        int64_t told = params->envs[i].limits ? fc_limits_retry_at(params->envs[i].limits, now) : 0;
        if (told > *ret_at)
            *ret_at = told;
    }
    if (*ret_at)
        return 0;
    if (fc_store_begin(params->store, FC_STORE_READ, &tx, err))
        return -1;
    for (size_t i = 0; i < params->n_envs; i++) {
        struct use use;
        use_init(&use, call, &params->envs[i]);
        use.limits.now = now;
        if (use.env->limits && earliest_free(&use, ret_at, err))
            return -1;
    }
    return 0;
}
