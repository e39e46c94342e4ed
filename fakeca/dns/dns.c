#include "dns/dns_int.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_assert.h"
#include "base/base_clock.h"
#include "base/base_json.h"
#include "base/base_time.h"
#include "store/store_event.h"
#include "events/events.h"

#define TCP_DEADLINE (10 * FC_SECOND)
#define TCP_CONNECTIONS_MAX 64

struct fc_dns {
    struct fc_store *store;
    struct fc_events *events;
    const struct fc_clock *clock;
    struct fc_dns_table *table;
    struct fc_resolver resolver;
    struct fc_dns_server *server;
    struct fc_dns_late *late;
    pthread_mutex_t change; /* store and table change in the same order; taken before the store's lock */
};

/* ---- the resolver ---- */

/* The strings of a TXT record in one. */
static struct fc_dns_record joined(struct fc_arena *arena, const struct fc_dns_value *value)
{
    unsigned char *data = fc_arena_alloc(arena, value->len);
    size_t len = fc_net_resolver_txt(value->wire, value->len, data);

    return (struct fc_dns_record){.type = FC_DNS_TXT, .data = data, .len = len};
}

static struct fc_dns_answer answer_of(struct fc_arena *arena, enum fc_dns_type type, const struct fc_dns_found *found)
{
    if (found->rcode == FC_DNS_RCODE_DROP)
        return (struct fc_dns_answer){.outcome = FC_DNS_TIMEOUT, .rule = found->rule};
    struct fc_dns_record *records = fc_arena_alloc(arena, found->n_values * sizeof *records);
    for (size_t i = 0; i < found->n_values; i++) {
        const struct fc_dns_value *value = &found->values[i];
        records[i] = type == FC_DNS_TXT ? joined(arena, value)
                                        : (struct fc_dns_record){.type = type, .data = value->wire, .len = value->len};
    }
    return (struct fc_dns_answer){.outcome = found->rcode != 0 ? FC_DNS_RCODE : FC_DNS_ANSWER,
                                  .rcode = found->rcode,
                                  .truncated = found->truncate,
                                  .records = records,
                                  .n_records = found->n_values,
                                  .rule = found->rule};
}

static void ask(void *self, const char *name, enum fc_dns_type type, fc_dns_answer_fn done, void *cookie)
{
    struct fc_dns *dns = self;
    fc_auto(fc_arena_free) struct fc_arena *arena = fc_arena_new();
    struct fc_dns_found found;

    fc_dns_table_look(dns->table, arena, name, (unsigned)type, &found);
    struct fc_dns_answer answer = answer_of(arena, type, &found);
    int64_t delay = found.rcode == FC_DNS_RCODE_DROP ? FC_DNS_DROP_WAIT : found.delay;
    if (delay == 0) {
        done(cookie, &answer);
        return;
    }
    struct fc_dns_late_answer *late = fc_arena_alloc(arena, sizeof *late);
    *late = (struct fc_dns_late_answer){.arena = arena, .answer = answer, .done = done, .cookie = cookie};
    FC_TAKE(arena);
    fc_dns_late_add(dns->late, late, fc_clock_mono() + delay);
}

const struct fc_resolver *fc_dns_resolver(struct fc_dns *dns)
{
    return &dns->resolver;
}

/* ---- the rules ---- */

static int load_row(struct fc_dns *dns, const struct fc_dns_row *row, struct fc_err *err)
{
    fc_auto_json value = NULL;
    fc_auto(fc_dns_rule_free) struct fc_dns_rule *rule = NULL;
    struct fc_err why = {0};

    if (fc_json_parse(row->value, strlen(row->value), &value, &why) != 0 ||
        fc_dns_rule_new(row->name, row->type, value, &rule, &why) != 0)
        return fc_err_set(err, FC_E_DAMAGED, "the stored DNS rule '%.255s' '%.16s' is damaged: %.1000s", row->name,
                          row->type, why.text);
    fc_dns_table_set(dns->table, FC_TAKE(rule));
    return 0;
}

static int load(struct fc_dns *dns, struct fc_err *err)
{
    fc_auto(fc_arena_free) struct fc_arena *arena = fc_arena_new();
    struct fc_store_tx tx fc_auto_tx = {0};
    struct fc_dns_row *rows = NULL;
    size_t count = 0;

    if (fc_store_begin(dns->store, FC_STORE_READ, &tx, err) != 0 ||
        fc_store_dns_list(dns->store, arena, &rows, &count, err) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (load_row(dns, &rows[i], err) != 0)
            return -1;
    }
    return 0;
}

int fc_dns_new(const struct fc_dns_params *params, struct fc_dns **ret_dns, struct fc_err *err)
{
    fc_auto(fc_dns_free) struct fc_dns *dns = fc_calloc(1, sizeof *dns);

    dns->store = params->store;
    dns->events = params->events;
    dns->clock = params->clock;
    dns->resolver = (struct fc_resolver){.ask = ask, .self = dns};
    dns->late = fc_dns_late_new();
    pthread_mutex_init(&dns->change, NULL);
    if (fc_dns_table_new(params->default_addrs, &dns->table, err) != 0 || load(dns, err) != 0)
        return -1;
    *ret_dns = FC_TAKE(dns);
    return 0;
}

void fc_dns_free(struct fc_dns *dns)
{
    if (!dns)
        return;
    fc_dns_server_stop(dns->server);
    fc_dns_late_free(dns->late);
    fc_dns_table_free(dns->table);
    pthread_mutex_destroy(&dns->change);
    free(dns);
}

/* With `change` held. Committed before the table shows it. */
static int store_rule(struct fc_dns *dns, const struct fc_dns_rule *rule, int64_t now, struct fc_err *err)
{
    fc_auto(fc_arena_free) struct fc_arena *arena = fc_arena_new();
    fc_auto_json value = fc_dns_rule_json(rule, false);
    fc_auto_free char *text = fc_json_text(value);
    struct fc_store_tx tx fc_auto_tx = {0};
    const char *type = fc_dns_type_name(rule->type);
    const struct fc_dns_row row = {.name = rule->name, .type = type, .value = text};

    if (!fc_dns_table_fits(dns->table, rule))
        return fc_err_set(err, FC_E_LIMIT, "the mock DNS has %d rules already: clear some first", FC_DNS_RULES_MAX);
    if (fc_store_begin(dns->store, FC_STORE_WRITE, &tx, err) != 0 || fc_store_dns_set(dns->store, &row, err) != 0)
        return -1;
    fc_events_add(dns->events, FC_EVENT_DNS_RULE, now, &(struct fc_event_about){0},
                  json_pack("{s:s,s:s,s:s,s:s}", "action", "set", "name", rule->name, "type", type, "value",
                            fc_dns_rule_text(arena, rule)));
    return fc_store_commit(&tx, err);
}

int fc_dns_set(struct fc_dns *dns, const char *name, const char *type, const json_t *value, int64_t now,
               struct fc_err *err)
{
    fc_auto(fc_dns_rule_free) struct fc_dns_rule *rule = NULL;

    if (fc_dns_rule_new(name, type, value, &rule, err) != 0)
        return -1;
    pthread_mutex_lock(&dns->change);
    int failed = store_rule(dns, rule, now, err);
    if (failed == 0)
        fc_dns_table_set(dns->table, FC_TAKE(rule));
    pthread_mutex_unlock(&dns->change);
    return failed;
}

/* With `change` held. name normalized; NULLs as fc_dns_clear. */
static int forget_rows(struct fc_dns *dns, const char *name, const char *type, int64_t now, struct fc_err *err)
{
    struct fc_store_tx tx fc_auto_tx = {0};
    int64_t count = 0;

    if (fc_store_begin(dns->store, FC_STORE_WRITE, &tx, err) != 0 ||
        fc_store_dns_clear(dns->store, name, type, &count, err) != 0)
        return -1;
    if (count > 0) {
        json_t *data = json_pack("{s:s,s:o}", "action", "clear", "value", json_sprintf("(%lld)", (long long)count));
        if (name)
            json_object_set_new(data, "name", json_string(name));
        if (type)
            json_object_set_new(data, "type", json_string(type));
        fc_events_add(dns->events, FC_EVENT_DNS_RULE, now, &(struct fc_event_about){0}, data);
    }
    return fc_store_commit(&tx, err);
}

int fc_dns_clear(struct fc_dns *dns, const char *name, const char *type, int64_t now, int64_t *ret_count,
                 struct fc_err *err)
{
    char normal[FC_DNS_NAME_SIZE];
    unsigned number = 0;

    if ((name && fc_dns_name_normalize(name, true, normal, err) != 0) ||
        (type && fc_dns_type_parse(type, &number, err) != 0))
        return -1;
    const char *only_name = name ? normal : NULL;
    pthread_mutex_lock(&dns->change);
    int failed = forget_rows(dns, only_name, type ? fc_dns_type_name(number) : NULL, now, err);
    if (failed == 0)
        *ret_count = fc_dns_table_clear(dns->table, only_name, !type, number);
    pthread_mutex_unlock(&dns->change);
    return failed;
}

json_t *fc_dns_list(struct fc_dns *dns)
{
    return fc_dns_table_json(dns->table);
}

size_t fc_dns_addresses(struct fc_dns *dns, struct fc_arena *arena, const char *name, const char **ret_addresses,
                        size_t room)
{
    static const unsigned types[] = {FC_DNS_A, FC_DNS_AAAA};
    size_t n = 0;

    for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
        struct fc_dns_found found = {0};
        fc_dns_table_look(dns->table, arena, name, types[t], &found);
        for (size_t i = 0; found.rcode == 0 && i < found.n_values && n < room; i++)
            ret_addresses[n++] = found.values[i].text;
    }
    return n;
}

/* ---- the server ---- */

static void seen(void *cookie, const struct fc_dns_reply *reply, const char *from)
{
    struct fc_dns *dns = cookie;

    fc_events_note(dns->events, FC_EVENT_DNS_QUERY, fc_clock_now(dns->clock), &(struct fc_event_about){0},
                   json_pack("{s:s,s:s,s:s,s:s,s:s}", "name", reply->name, "type", reply->type, "rule", reply->rule,
                             "answer", reply->answer, "from", from));
}

bool fc_dns_message(struct fc_dns *dns, struct fc_arena *arena, const unsigned char *query, size_t len,
                    const char *from, const unsigned char **ret_data, size_t *ret_len)
{
    struct fc_dns_reply reply = {0};

    if (!fc_dns_packet_answer(dns->table, arena, query, len, false, &reply))
        return false;
    if (reply.name)
        seen(dns, &reply, from);
    *ret_data = reply.data;
    *ret_len = reply.len;
    return reply.data != NULL;
}

int fc_dns_serve(struct fc_dns *dns, const char *listen, unsigned preferred_port, unsigned *ret_port,
                 struct fc_err *err)
{
    const struct fc_dns_server_params params = {
        .table = dns->table,
        .seen = seen,
        .cookie = dns,
        .tcp_deadline = TCP_DEADLINE,
        .tcp_max = TCP_CONNECTIONS_MAX,
    };

    FC_ASSERT(!dns->server);
    return fc_dns_server_start(&params, listen, preferred_port, ret_port, &dns->server, err);
}
