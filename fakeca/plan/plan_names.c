/* Names of an estate: patterns to identifiers, identifiers to sets, sets to what the CA would remember of them. */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_text.h"

#include "limits/limits_storage.h"
#include "model/model_problem.h"
#include "plan/plan_int.h"

#define NAME_MAX_BYTES 1024 /* longer ones are no names, whatever they are made of */
#define IDENTS_MAX 10000000 /* of a whole estate */

/* The tables map texts to numbers: the limiter's buckets in memory serve, with the number as their time. */
struct fc_plan_names {
    struct fc_plan_estate *estate;
    struct fc_ident_rules rules;
    struct fc_limits_memory *sets, *slots;
    size_t cap_sets, cap_slots;
    struct fc_arena *scratch;
};

struct fc_plan_names *fc_plan_names_new(struct fc_plan_estate *estate, const struct fc_policy *policy)
{
    struct fc_plan_names *names = fc_calloc(1, sizeof *names);

    names->estate = estate;
    names->rules =
        (struct fc_ident_rules){.rehearsal = policy->rehearsal, .blocked = (const char *const *)policy->blocked_names};
    names->sets = fc_limits_memory_new();
    names->slots = fc_limits_memory_new();
    return names;
}

void fc_plan_names_free(struct fc_plan_names *names)
{
    if (!names)
        return;
    fc_limits_memory_free(names->sets);
    fc_limits_memory_free(names->slots);
    free(names);
}

/* The number of the text; `otherwise` is given to it when it has none. */
static int64_t number_of(struct fc_limits_memory *table, const char *text, int64_t otherwise)
{
    const struct fc_limits_storage storage = fc_limits_storage_memory(table);
    struct fc_limits_bucket bucket = {0};
    bool found = false;

    /* memory cannot fail */
    (void)storage.get(storage.cookie, text, &bucket, &found, NULL);
    if (found)
        return bucket.tat;
    bucket.tat = otherwise;
    (void)storage.put(storage.cookie, text, &bucket, NULL);
    return otherwise;
}

/* ---- patterns: "{n}" is the certificate's number in its group, from 1; "{n/50}" the number of its fifty, from 0 ---- */

static const char *place_of(const char *pattern, int64_t n, int64_t *ret_number, size_t *ret_len)
{
    const char *at = strstr(pattern, "{n");
    const char *end = at ? strchr(at, '}') : NULL;

    if (!end)
        return NULL;
    *ret_len = (size_t)(end - at) + 1;
    *ret_number = n;
    if (at[2] == '}')
        return at;
    fc_auto_free char *divisor = fc_strndup(at + 3, (size_t)(end - at) - 3);
    if (at[2] != '/' || fc_text_int(divisor, 1, FC_PLAN_CERTIFICATES_MAX, ret_number, NULL))
        return NULL;
    *ret_number = (n - 1) / *ret_number;
    return at;
}

static char *expand(struct fc_arena *arena, const char *pattern, int64_t n)
{
    struct fc_buf text fc_auto_buf = {0};
    int64_t number;
    size_t len;

    fc_buf_init(&text, NAME_MAX_BYTES);
    for (const char *at; (at = place_of(pattern, n, &number, &len)) != NULL; pattern = at + len) {
        fc_buf_append(&text, pattern, (size_t)(at - pattern));
        fc_buf_printf(&text, "%" PRId64, number);
    }
    fc_buf_puts(&text, pattern);
    if (text.full)
        return NULL;
    fc_text_lower(text.data);
    return fc_arena_strndup(arena, text.data, text.len);
}

static bool has_place(const char *const *patterns)
{
    int64_t number;
    size_t len;

    for (; *patterns; patterns++)
        if (place_of(*patterns, 1, &number, &len))
            return true;
    return false;
}

/* ---- what the CA would say to them ---- */

static bool is_address(const char *name)
{
    unsigned char bytes[16];

    return inet_pton(AF_INET, name, bytes) == 1 || inet_pton(AF_INET6, name, bytes) == 1;
}

static int check_ident(struct fc_plan_names *names, const struct fc_ident *ident, struct fc_json_obj *obj)
{
    struct fc_problem problem = {0};
    int bad = ident->type == FC_IDENT_IP
                  ? fc_ident_check_ip(ident->value, &names->rules, names->scratch, &problem, NULL)
                  : fc_ident_check_dns(ident->value, &names->rules, names->scratch, &problem, NULL);

    if (bad)
        fc_json_errs_add(obj, "names", "the CA would refuse '%.253s': %s", ident->value, problem.detail);
    return bad;
}

/* "*.x" together with "www.x" is refused as redundant (letsencrypt.md D.1). */
static int check_wildcards(const struct fc_plan_set *set, struct fc_json_obj *obj)
{
    for (size_t i = 0; i < set->count; i++) {
        if (!fc_ident_wildcard(&set->idents[i]))
            continue;
        for (size_t j = 0; j < set->count; j++) {
            const char *dot = strchr(set->idents[j].value, '.');
            if (i != j && dot && strcmp(dot, set->idents[i].value + 1) == 0) {
                fc_json_errs_add(obj, "names", "'%s' is redundant with the wildcard '%s', the CA would refuse both",
                                 set->idents[j].value, set->idents[i].value);
                return -1;
            }
        }
    }
    return 0;
}

static int make_set(struct fc_plan_names *names, const char *const *patterns, int64_t n, struct fc_plan_set *ret_set,
                    struct fc_json_obj *obj)
{
    struct fc_arena *arena = names->estate->arena;
    size_t count = 0;

    while (patterns[count])
        count++;
    struct fc_ident *idents = fc_arena_alloc(arena, count * sizeof *idents);
    for (size_t i = 0; i < count; i++) {
        idents[i].value = expand(arena, patterns[i], n);
        if (!idents[i].value) {
            fc_json_errs_add(obj, "names", "a name is longer than %d bytes", NAME_MAX_BYTES);
            return -1;
        }
        idents[i].type = is_address(idents[i].value) ? FC_IDENT_IP : FC_IDENT_DNS;
        if (check_ident(names, &idents[i], obj))
            return -1;
    }
    *ret_set = (struct fc_plan_set){.idents = idents, .count = fc_ident_sort_unique(idents, count)};
    if (ret_set->count < count) {
        fc_json_errs_add(obj, "names", "a name stands here twice (they are compared in lower case)");
        return -1;
    }
    return check_wildcards(ret_set, obj);
}

/* ---- keeping them ---- */

static void keep_slots(struct fc_plan_names *names, const struct fc_plan_group *group, struct fc_plan_set *set)
{
    struct fc_plan_estate *estate = names->estate;

    set->first_slot = estate->n_slots;
    if (estate->n_slots + set->count > names->cap_slots) {
        names->cap_slots = (names->cap_slots + set->count) * 2;
        estate->slots = fc_reallocarray(estate->slots, names->cap_slots, sizeof *estate->slots);
    }
    for (size_t i = 0; i < set->count; i++) {
        /* an authorization belongs to an account and to the profile as it was asked for; who loses accounts shares none */
        const char *text = fc_arena_printf(
            names->scratch, "%zu:%s:%zu:%s", group->account, group->profile_asked ? group->profile_asked : "",
            group->redeploys.loses_account ? estate->n_sets + 1 : 0, set->idents[i].value);
        int64_t slot = number_of(names->slots, text, (int64_t)estate->n_authorizations);
        estate->n_authorizations += (size_t)slot == estate->n_authorizations;
        estate->slots[estate->n_slots++] = (uint32_t)slot;
    }
}

static int keep_set(struct fc_plan_names *names, const struct fc_plan_group *group, struct fc_plan_set *set,
                    struct fc_json_obj *obj)
{
    struct fc_plan_estate *estate = names->estate;
    const char *text = fc_ident_set_text(names->scratch, set->idents, set->count);

    if (number_of(names->sets, text, (int64_t)estate->n_sets) != (int64_t)estate->n_sets) {
        fc_json_errs_add(obj, "names",
                         "exactly the names of '%.253s' are in another certificate already; when several hosts order "
                         "the same one, say so with 'replicas'",
                         set->idents[0].value);
        return -1;
    }
    keep_slots(names, group, set);
    if (estate->n_sets + 1 > names->cap_sets) {
        names->cap_sets = (names->cap_sets + 1) * 2;
        estate->sets = fc_reallocarray(estate->sets, names->cap_sets, sizeof *estate->sets);
    }
    estate->sets[estate->n_sets++] = *set;
    estate->n_names += set->count;
    return 0;
}

void fc_plan_names_add(struct fc_plan_names *names, struct fc_plan_group *group, const char *const *patterns,
                       struct fc_json_obj *obj)
{
    group->first_set = names->estate->n_sets;
    if (!patterns[0]) {
        fc_json_errs_add(obj, "names", "at least one name is needed");
        return;
    }
    if (group->count > 1 && !has_place(patterns)) {
        fc_json_errs_add(obj, "names", "one of them needs '{n}', the number, because 'count' is more than 1");
        return;
    }
    for (int64_t n = 1; n <= group->count; n++) {
        fc_auto(fc_arena_free) struct fc_arena *scratch = fc_arena_new();
        struct fc_plan_set set;
        names->scratch = scratch;
        if (make_set(names, patterns, n, &set, obj) || keep_set(names, group, &set, obj))
            return;
        if (names->estate->n_slots > IDENTS_MAX) {
            fc_json_errs_add(obj, "names", "more than %d names in all", IDENTS_MAX);
            return;
        }
    }
}
