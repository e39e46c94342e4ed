#include "faults/faults.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_text.h"

#include "faults/faults_int.h"

#define RULES_MAX 200
#define HELD_MAX 1000

struct entry {
    struct fc_fault rule; /* its texts live in the arena */
    struct fc_arena *arena;
    uint64_t random;
};

struct held {
    int64_t order_id, until_mono, retry_after;
    bool date;
};

struct fc_faults {
    pthread_mutex_t lock;
    atomic_size_t count; /* so that a CA without trouble takes no lock */
    struct entry entries[RULES_MAX];
    int64_t last_id;
    struct held held[HELD_MAX];
    atomic_size_t n_held;
};

struct fc_faults *fc_faults_new(void)
{
    struct fc_faults *faults = fc_calloc(1, sizeof *faults);

    pthread_mutex_init(&faults->lock, NULL);
    return faults;
}

void fc_faults_free(struct fc_faults *faults)
{
    if (!faults)
        return;
    for (size_t i = 0; i < faults->count; i++)
        fc_arena_free(faults->entries[i].arena);
    pthread_mutex_destroy(&faults->lock);
    free(faults);
}

static void copy_texts(struct fc_fault *rule, struct fc_arena *arena)
{
    const char **texts[] = {&rule->env,    &rule->name,   &rule->type,         &rule->detail,
                            &rule->header, &rule->member, &rule->content_type, &rule->body};

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        *texts[i] = fc_arena_strdup(arena, *texts[i]);
    for (size_t i = 0; i < FC_FAULT_TYPES_MAX; i++)
        rule->types[i] = fc_arena_strdup(arena, rule->types[i]);
}

/* ---- rules ---- */

int fc_faults_add(struct fc_faults *faults, const struct fc_fault *rule, uint64_t seed, int64_t *ret_id,
                  struct fc_err *err)
{
    int result = 0;

    pthread_mutex_lock(&faults->lock);
    if (faults->count == RULES_MAX) {
        result = fc_err_set(err, FC_E_LIMIT, "there are %d faults already: clear some", RULES_MAX);
    } else {
        struct entry *entry = &faults->entries[faults->count];
        *entry = (struct entry){.rule = *rule, .arena = fc_arena_new(), .random = seed};
        copy_texts(&entry->rule, entry->arena);
        entry->rule.id = *ret_id = ++faults->last_id;
        entry->rule.used = 0;
        faults->count++;
    }
    pthread_mutex_unlock(&faults->lock);
    return result;
}

const struct fc_fault *fc_faults_list(struct fc_faults *faults, struct fc_arena *arena, size_t *ret_count)
{
    pthread_mutex_lock(&faults->lock);
    struct fc_fault *rules = fc_arena_alloc(arena, (faults->count + 1) * sizeof *rules);
    for (size_t i = 0; i < faults->count; i++) {
        rules[i] = faults->entries[i].rule;
        copy_texts(&rules[i], arena);
    }
    *ret_count = faults->count;
    pthread_mutex_unlock(&faults->lock);
    return rules;
}

void fc_faults_clear(struct fc_faults *faults, int64_t id, size_t *ret_count)
{
    size_t kept = 0;

    pthread_mutex_lock(&faults->lock);
    for (size_t i = 0; i < faults->count; i++) {
        if (!id || faults->entries[i].rule.id == id)
            fc_arena_free(faults->entries[i].arena);
        else
            faults->entries[kept++] = faults->entries[i];
    }
    *ret_count = faults->count - kept;
    faults->count = kept;
    if (!id)
        faults->n_held = 0;
    pthread_mutex_unlock(&faults->lock);
}

/* ---- requests ---- */

bool fc_fault_name_fits(const char *rule, const char *name)
{
    if (fc_text_equal_nocase(rule, name))
        return true;
    size_t suffix = strlen(rule), len = strlen(name);
    return fc_text_starts(rule, "*.") && len > suffix - 1 && fc_text_equal_nocase(name + len - (suffix - 1), rule + 1);
}

static bool lasts(const struct fc_fault *rule, int64_t now)
{
    return (!rule->times || rule->used < rule->times) && (!rule->ends_at || now < rule->ends_at);
}

/* splitmix64: the same seed gives the same run of hits */
static bool draws(struct entry *entry)
{
    uint64_t z = entry->random += UINT64_C(0x9e3779b97f4a7c15);

    if (entry->rule.share == 100)
        return true;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    z ^= z >> 31;
    return z % 100 < (uint64_t)entry->rule.share;
}

/* What is asked of the request only once. */
struct meeting {
    const struct fc_fault_ask *ask;
    bool knows_account;
    int64_t account_id;
};

static bool of_account(struct meeting *meeting, int64_t account_id)
{
    if (!meeting->knows_account && meeting->ask->account)
        meeting->account_id = meeting->ask->account(meeting->ask->cookie);
    meeting->knows_account = true;
    return meeting->account_id == account_id;
}

static bool fits(const struct fc_fault *rule, struct meeting *meeting)
{
    const struct fc_fault_ask *ask = meeting->ask;

    if (!lasts(rule, ask->now) || (rule->endpoints && !(rule->endpoints & 1U << ask->endpoint)))
        return false;
    if (ask->applies && !ask->applies(ask->cookie, rule->kind))
        return false;
    if (rule->env && strcmp(rule->env, ask->env) != 0)
        return false;
    if (rule->account_id && !of_account(meeting, rule->account_id))
        return false;
    return !rule->name || (ask->has_name && ask->has_name(ask->cookie, rule->name));
}

/* The functions of the ask may read the store: they run without the lock, on a copy of the rules. */
const struct fc_fault *fc_faults_meet(struct fc_faults *faults, const struct fc_fault_ask *ask, struct fc_arena *arena,
                                      size_t *ret_count)
{
    struct meeting meeting = {.ask = ask};
    size_t count, met = 0;

    *ret_count = 0;
    if (!faults || atomic_load_explicit(&faults->count, memory_order_relaxed) == 0)
        return NULL;
    const struct fc_fault *rules = fc_faults_list(faults, arena, &count);
    bool *fit = fc_arena_alloc(arena, count + 1);
    struct fc_fault *ret = fc_arena_alloc(arena, (count + 1) * sizeof *ret);
    for (size_t i = 0; i < count; i++)
        fit[i] = fits(&rules[i], &meeting);
    pthread_mutex_lock(&faults->lock);
    for (size_t i = 0, at = 0; i < count; i++) {
        for (; at < faults->count && faults->entries[at].rule.id < rules[i].id; at++)
            continue;
        if (!fit[i] || at == faults->count || faults->entries[at].rule.id != rules[i].id)
            continue;
        struct entry *entry = &faults->entries[at];
        if (!lasts(&entry->rule, ask->now) || !draws(entry))
            continue;
        entry->rule.used++;
        ret[met++] = rules[i];
    }
    pthread_mutex_unlock(&faults->lock);
    *ret_count = met;
    return ret;
}

bool fc_faults_refusing(struct fc_faults *faults, int64_t now)
{
    bool refusing = false;

    if (atomic_load_explicit(&faults->count, memory_order_relaxed) == 0)
        return false;
    pthread_mutex_lock(&faults->lock);
    for (size_t i = 0; i < faults->count; i++)
        refusing =
            refusing || (faults->entries[i].rule.kind == FC_FAULT_REFUSE && lasts(&faults->entries[i].rule, now));
    pthread_mutex_unlock(&faults->lock);
    return refusing;
}

/* ---- orders in processing ---- */

void fc_faults_hold_order(struct fc_faults *faults, int64_t order_id, int64_t until_mono, const struct fc_fault *rule)
{
    pthread_mutex_lock(&faults->lock);
    size_t slot = faults->n_held < HELD_MAX ? faults->n_held++ : (size_t)order_id % HELD_MAX;
    faults->held[slot] = (struct held){order_id, until_mono, rule->retry_after, rule->retry_after_date};
    pthread_mutex_unlock(&faults->lock);
}

bool fc_faults_order_held(struct fc_faults *faults, int64_t order_id, int64_t mono, int64_t *ret_retry_after,
                          bool *ret_date)
{
    bool found = false;

    if (!faults || atomic_load_explicit(&faults->n_held, memory_order_relaxed) == 0)
        return false;
    pthread_mutex_lock(&faults->lock);
    for (size_t i = 0; i < faults->n_held && !found; i++) {
        found = faults->held[i].order_id == order_id && mono < faults->held[i].until_mono;
        if (!found)
            continue;
        *ret_retry_after = faults->held[i].retry_after;
        *ret_date = faults->held[i].date;
    }
    pthread_mutex_unlock(&faults->lock);
    return found;
}
