#include "dns/dns_int.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/base_assert.h"
#include "base/base_text.h"

#define DEFAULTS_MAX 16

struct fc_dns_table {
    pthread_mutex_t lock;       /* a leaf */
    struct fc_dns_rule **rules; /* in order of name and type's name */
    size_t count, room;
    /* fixed after new */
    struct fc_arena *arena;
    struct fc_dns_value defaults[DEFAULTS_MAX]; /* IPv4 first */
    size_t n_defaults, n_defaults_v4;
};

/* A question at one name of the search: what is found there. */
struct level {
    struct fc_dns_rule *const *rules;
    size_t n;
};

static int add_default(struct fc_dns_table *table, const char *text, int family, struct fc_err *err)
{
    struct fc_net_addr addr;
    char canonical[FC_NET_ADDR_TEXT];

    if (fc_net_addr_parse_ip(text, &addr, NULL) != 0)
        return fc_err_set(err, FC_E_USAGE, "the default of the mock DNS: '%.64s' is no IP address", text);
    if (addr.family != family)
        return 0;
    if (table->n_defaults == DEFAULTS_MAX)
        return fc_err_set(err, FC_E_USAGE, "the default of the mock DNS: at most %d addresses", DEFAULTS_MAX);
    size_t len = fc_net_addr_len(&addr);
    table->defaults[table->n_defaults++] =
        (struct fc_dns_value){.text = fc_arena_strdup(table->arena, fc_net_addr_ip(&addr, canonical)),
                              .wire = fc_arena_memdup(table->arena, addr.bytes, len),
                              .len = len};
    return 0;
}

static int read_defaults(struct fc_dns_table *table, const char *text, int family, struct fc_err *err)
{
    for (;;) {
        size_t len = strcspn(text, ",");
        if (add_default(table, fc_arena_strndup(table->arena, text, len), family, err) != 0)
            return -1;
        if (text[len] == '\0')
            return 0;
        text += len + 1;
    }
}

int fc_dns_table_new(const char *default_addrs, struct fc_dns_table **ret_table, struct fc_err *err)
{
    fc_auto(fc_dns_table_free) struct fc_dns_table *table = fc_calloc(1, sizeof *table);
    const char *addrs = default_addrs ? default_addrs : "127.0.0.1";

    pthread_mutex_init(&table->lock, NULL);
    table->arena = fc_arena_new();
    if (read_defaults(table, addrs, AF_INET, err) != 0)
        return -1;
    table->n_defaults_v4 = table->n_defaults;
    if (read_defaults(table, addrs, AF_INET6, err) != 0)
        return -1;
    *ret_table = FC_TAKE(table);
    return 0;
}

void fc_dns_table_free(struct fc_dns_table *table)
{
    if (!table)
        return;
    for (size_t i = 0; i < table->count; i++)
        fc_dns_rule_free(table->rules[i]);
    free(table->rules);
    fc_arena_free(table->arena);
    pthread_mutex_destroy(&table->lock);
    free(table);
}

static int compare(const struct fc_dns_rule *rule, const char *name, const char *type)
{
    int order = strcmp(rule->name, name);
    return order != 0 ? order : strcmp(fc_dns_type_name(rule->type), type);
}

/* Index of the first rule that is not before name and type. With the lock held. */
static size_t lower_bound(const struct fc_dns_table *table, const char *name, const char *type)
{
    size_t low = 0, high = table->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(table->rules[middle], name, type) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool has_at(const struct fc_dns_table *table, size_t index, const struct fc_dns_rule *rule)
{
    return index < table->count && compare(table->rules[index], rule->name, fc_dns_type_name(rule->type)) == 0;
}

bool fc_dns_table_fits(struct fc_dns_table *table, const struct fc_dns_rule *rule)
{
    pthread_mutex_lock(&table->lock);
    bool fits = table->count < FC_DNS_RULES_MAX ||
                has_at(table, lower_bound(table, rule->name, fc_dns_type_name(rule->type)), rule);
    pthread_mutex_unlock(&table->lock);
    return fits;
}

void fc_dns_table_set(struct fc_dns_table *table, struct fc_dns_rule *rule)
{
    struct fc_dns_rule *old = NULL;

    pthread_mutex_lock(&table->lock);
    size_t at = lower_bound(table, rule->name, fc_dns_type_name(rule->type));
    if (has_at(table, at, rule)) {
        old = table->rules[at];
    } else {
        if (table->count == table->room) {
            table->room = table->room ? 2 * table->room : 16;
            table->rules = fc_reallocarray(table->rules, table->room, sizeof(struct fc_dns_rule *));
        }
        memmove(table->rules + at + 1, table->rules + at, (table->count - at) * sizeof(struct fc_dns_rule *));
        table->count++;
    }
    table->rules[at] = rule;
    pthread_mutex_unlock(&table->lock);
    fc_dns_rule_free(old);
}

int64_t fc_dns_table_clear(struct fc_dns_table *table, const char *name, bool any_type, unsigned type)
{
    size_t kept = 0;

    pthread_mutex_lock(&table->lock);
    size_t before = table->count;
    for (size_t i = 0; i < before; i++) {
        struct fc_dns_rule *rule = table->rules[i];
        if ((!name || strcmp(rule->name, name) == 0) && (any_type || rule->type == type))
            fc_dns_rule_free(rule);
        else
            table->rules[kept++] = rule;
    }
    table->count = kept;
    pthread_mutex_unlock(&table->lock);
    return (int64_t)(before - kept);
}

json_t *fc_dns_table_json(struct fc_dns_table *table)
{
    json_t *defaults = json_array();
    json_t *rules = json_array();

    for (size_t i = 0; i < table->n_defaults; i++)
        json_array_append_new(defaults, json_string(table->defaults[i].text));
    pthread_mutex_lock(&table->lock);
    for (size_t i = 0; i < table->count; i++)
        json_array_append_new(rules, fc_dns_rule_json(table->rules[i], true));
    pthread_mutex_unlock(&table->lock);
    return json_pack("{s:o,s:o}", "default", defaults, "rules", rules);
}

static struct level level_of(const struct fc_dns_table *table, const char *name)
{
    size_t first = lower_bound(table, name, "");
    size_t end = first;

    while (end < table->count && strcmp(table->rules[end]->name, name) == 0)
        end++;
    return (struct level){.rules = table->rules + first, .n = end - first};
}

static const struct fc_dns_rule *of_type(const struct level *level, unsigned type)
{
    for (size_t i = 0; i < level->n; i++) {
        if (level->rules[i]->type == type)
            return level->rules[i];
    }
    return NULL;
}

/* What one level says of the type: trouble for all types, trouble for this one, an alias, records. An alias below which the
 * name has rules of its own does not count, as a wildcard does not cover a name that exists (RFC 4592 section 2.2.1). */
static const struct fc_dns_rule *decide(const struct level *level, unsigned type, bool exists)
{
    const struct fc_dns_rule *all = of_type(level, FC_DNS_TYPE_ALL);
    const struct fc_dns_rule *own = of_type(level, type);
    const struct fc_dns_rule *alias = exists ? NULL : of_type(level, FC_DNS_CNAME);

    if (all)
        return all;
    if (own && own->rcode != 0)
        return own;
    return alias ? alias : own;
}

/* The rule that answers for name and type, or NULL for the default. With the lock held. */
static const struct fc_dns_rule *match(const struct fc_dns_table *table, struct fc_arena *arena, const char *name,
                                       unsigned type)
{
    struct level level = level_of(table, name);
    const struct fc_dns_rule *rule = decide(&level, type, false);
    bool exists = level.n > 0;

    for (const char *dot = strchr(name, '.'); !rule && dot; dot = strchr(dot + 1, '.')) {
        level = level_of(table, fc_arena_printf(arena, "*%s", dot));
        rule = decide(&level, type, exists);
        exists = exists || level.n > 0;
    }
    if (!rule) {
        level = level_of(table, "*");
        rule = decide(&level, type, exists);
    }
    return rule;
}

static const struct fc_dns_value *copy_values(struct fc_arena *arena, const struct fc_dns_value *values, size_t n)
{
    struct fc_dns_value *copies = fc_arena_alloc(arena, n * sizeof *copies);

    for (size_t i = 0; i < n; i++)
        copies[i] = (struct fc_dns_value){.text = fc_arena_strdup(arena, values[i].text),
                                          .wire = fc_arena_memdup(arena, values[i].wire, values[i].len),
                                          .len = values[i].len};
    return copies;
}

static void take_default(const struct fc_dns_table *table, unsigned type, struct fc_dns_found *found)
{
    found->rule = "default";
    if (type == FC_DNS_A) {
        found->values = table->defaults;
        found->n_values = table->n_defaults_v4;
    } else if (type == FC_DNS_AAAA) {
        found->values = table->defaults + table->n_defaults_v4;
        found->n_values = table->n_defaults - table->n_defaults_v4;
    }
}

/* Follows aliases to what decides. With the lock held. */
static void look(const struct fc_dns_table *table, struct fc_arena *arena, const char *name, unsigned type,
                 struct fc_dns_found *found)
{
    for (;;) {
        const struct fc_dns_rule *rule = match(table, arena, name, type);
        if (!rule) {
            take_default(table, type, found);
            return;
        }
        found->rule = fc_arena_printf(arena, "%s %s", rule->name, fc_dns_type_name(rule->type));
        found->rcode = rule->rcode;
        found->delay += rule->delay;
        found->truncate = found->truncate || rule->truncate;
        if (rule->rcode != 0)
            return;
        if (rule->type == type) {
            found->values = copy_values(arena, rule->values, rule->n_values);
            found->n_values = rule->n_values;
            return;
        }
        if (found->n_targets == FC_DNS_HOPS_MAX) {
            found->rcode = FC_DNS_RCODE_SERVFAIL;
            return;
        }
        name = fc_arena_strdup(arena, rule->values[0].text);
        found->targets[found->n_targets++] = name;
    }
}

void fc_dns_table_look(struct fc_dns_table *table, struct fc_arena *arena, const char *name, unsigned type,
                       struct fc_dns_found *ret_found)
{
    *ret_found = (struct fc_dns_found){0};
    pthread_mutex_lock(&table->lock);
    look(table, arena, name, type, ret_found);
    pthread_mutex_unlock(&table->lock);
}
