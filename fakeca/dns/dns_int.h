/* What the files of this folder share. Nobody else includes it.
 *
 * Locks: the table's is a leaf. The mock's `change` orders changes of rules and is taken before the store's. */
#ifndef FC_DNS_INT_H
#define FC_DNS_INT_H

#include "base/base_arena.h"
#include "base/base_time.h"
#include "dns/dns.h"
#include "net/net_addr.h"

#include <stdbool.h>

#define FC_DNS_RULES_MAX 10000
#define FC_DNS_VALUES_MAX 64
#define FC_DNS_RDATA_MAX (32U * 1024) /* of one rule: an answer must fit into a message */
#define FC_DNS_TXT_MAX 4096
#define FC_DNS_HOPS_MAX 10   /* CNAMEs that are followed; more, or a loop, is SERVFAIL */
#define FC_DNS_NAME_SIZE 256 /* a name as text, without escapes */
#define FC_DNS_TYPE_ALL 0    /* the rule's type "*" */
#define FC_DNS_DELAY_MAX FC_MINUTE
#define FC_DNS_LATE_MAX 4096             /* answers of the server that wait for their time; more are lost */
#define FC_DNS_DROP_WAIT (2 * FC_MINUTE) /* the in-process resolver's never */

/* FC_DNS_RCODE_DROP is none (RFC 6895 ends at 65535): the question is never answered. */
enum { FC_DNS_RCODE_SERVFAIL = 2, FC_DNS_RCODE_NXDOMAIN = 3, FC_DNS_RCODE_DROP = 65536 };

/* ---- dns_name.c ---- */
/* Lower case, no final dot; labels of letters, digits, '-' and '_'. pattern: "*" and "*.x" are allowed too. FC_E_USAGE. */
int fc_dns_name_normalize(const char *text, bool pattern, char ret_name[FC_DNS_NAME_SIZE], struct fc_err *err);
/* A normalized name as on the wire; returns its length. */
size_t fc_dns_name_wire(const char *name, unsigned char ret_wire[FC_DNS_NAME_SIZE]);

/* ---- dns_rule.c: one rule ---- */
struct fc_dns_value {
    const char *text;
    const unsigned char *wire; /* RDATA */
    size_t len;
};
struct fc_dns_rule {
    struct fc_arena *arena; /* holds the rule */
    const char *name;
    unsigned type;
    int rcode; /* 0: values */
    const struct fc_dns_value *values;
    size_t n_values; /* may be 0: the name has no such records */
    int64_t delay;   /* ns until the answer goes out */
    bool truncate;   /* over UDP only the flag TC goes out */
};
/* Checks everything. FC_E_USAGE names field and rule. */
int fc_dns_rule_new(const char *name, const char *type, const json_t *value, struct fc_dns_rule **ret_rule,
                    struct fc_err *err);
void fc_dns_rule_free(struct fc_dns_rule *rule);
FC_CLEANUP(struct fc_dns_rule *, fc_dns_rule_free)
/* {"values":[...]} or {"rcode":"..."} with "delay" and "truncate" as checked; with_name: "name" and "type" before it. New reference. */
json_t *fc_dns_rule_json(const struct fc_dns_rule *rule, bool with_name);
int fc_dns_type_parse(const char *text, unsigned *ret_type, struct fc_err *err);
/* NULL for types that have no rules. */
const char *fc_dns_type_name(unsigned type);
/* FC_E_USAGE names the nearest one. */
int fc_dns_rcode_parse(const char *text, int *ret_rcode, struct fc_err *err);
/* "192.0.2.1, 192.0.2.2, after 2s, truncated"; arena. */
const char *fc_dns_rule_text(struct fc_arena *arena, const struct fc_dns_rule *rule);
/* "192.0.2.1, 192.0.2.2", "NXDOMAIN", "no data"; arena. */
const char *fc_dns_values_text(struct fc_arena *arena, int rcode, const struct fc_dns_value *values, size_t n_values);

/* ---- dns_table.c: all rules and the default; any thread ---- */
struct fc_dns_table;
/* default_addrs as in dns.h. FC_E_USAGE. */
int fc_dns_table_new(const char *default_addrs, struct fc_dns_table **ret_table, struct fc_err *err);
void fc_dns_table_free(struct fc_dns_table *table);
FC_CLEANUP(struct fc_dns_table *, fc_dns_table_free)
/* Whether there is room for a rule of this name and type. */
bool fc_dns_table_fits(struct fc_dns_table *table, const struct fc_dns_rule *rule);
/* Takes the rule over; it replaces one of the same name and type. */
void fc_dns_table_set(struct fc_dns_table *table, struct fc_dns_rule *rule);
/* name normalized or NULL for all; any_type, or that type. Returns the number of rules removed. */
int64_t fc_dns_table_clear(struct fc_dns_table *table, const char *name, bool any_type, unsigned type);
json_t *fc_dns_table_json(struct fc_dns_table *table);

/* A look-up's result, in the arena. */
struct fc_dns_found {
    int rcode;
    const char *targets[FC_DNS_HOPS_MAX]; /* of the CNAMEs followed, in order */
    size_t n_targets;
    const struct fc_dns_value *values;
    size_t n_values;
    int64_t delay; /* of all rules on the way together */
    bool truncate;
    const char *rule; /* what decided */
};
/* name: lower case, no final dot; any text. */
void fc_dns_table_look(struct fc_dns_table *table, struct fc_arena *arena, const char *name, unsigned type,
                       struct fc_dns_found *ret_found);

/* ---- dns_packet.c: bytes to bytes ---- */
struct fc_dns_reply {
    const unsigned char *data; /* NULL: the question is dropped by a rule */
    size_t len;
    int64_t delay;
    /* for the event; name is NULL when there was no question to answer */
    const char *name, *type, *rule, *answer;
};
/* False: no answer is due. udp: the size that the question allows is kept, with TC set beyond it. */
bool fc_dns_packet_answer(struct fc_dns_table *table, struct fc_arena *arena, const unsigned char *query, size_t len,
                          bool udp, struct fc_dns_reply *ret_reply);

/* ---- dns_heap.c: what waits for its time, in the order of time, then of arrival ---- */
struct fc_dns_due { /* first member of what waits */
    int64_t at;     /* monotonic */
    uint64_t order;
};
/* Zeroed: empty. */
struct fc_dns_heap {
    struct fc_dns_due **items;
    size_t count, room;
    uint64_t order;
};
void fc_dns_heap_push(struct fc_dns_heap *heap, struct fc_dns_due *item, int64_t at);
/* The first one if its time has come at `now`, else NULL. */
struct fc_dns_due *fc_dns_heap_pop(struct fc_dns_heap *heap, int64_t now);
/* When the first one is due; INT64_MAX: nothing waits. */
int64_t fc_dns_heap_next(const struct fc_dns_heap *heap);
void fc_dns_heap_release(struct fc_dns_heap *heap); /* not what is in it */

/* ---- dns_late.c: answers of the in-process resolver that come later, on a thread that the first of them starts ---- */
struct fc_dns_late;
struct fc_dns_late *fc_dns_late_new(void);
/* Who still waits is answered now, with FC_DNS_TIMEOUT; NULL allowed. */
void fc_dns_late_free(struct fc_dns_late *late);
struct fc_dns_late_answer {
    struct fc_dns_due due;
    struct fc_arena *arena; /* holds the answer and this */
    struct fc_dns_answer answer;
    fc_dns_answer_fn done;
    void *cookie;
};
/* Takes it over, arena and all. */
void fc_dns_late_add(struct fc_dns_late *late, struct fc_dns_late_answer *answer, int64_t at);

/* ---- dns_server.c: the sockets and their thread ---- */
struct fc_dns_server;
struct fc_dns_server_params {
    struct fc_dns_table *table;
    void (*seen)(void *cookie, const struct fc_dns_reply *reply, const char *from); /* on the thread of the server */
    void *cookie;
    int64_t tcp_deadline; /* ns for a question to arrive and its answer to be taken, from accept or the answer before */
    size_t tcp_max;       /* connections; further ones wait */
};
int fc_dns_server_start(const struct fc_dns_server_params *params, const char *listen, unsigned preferred_port,
                        unsigned *ret_port, struct fc_dns_server **ret_server, struct fc_err *err);
void fc_dns_server_stop(struct fc_dns_server *server); /* frees; NULL allowed */

/* ---- dns_listen.c ---- */
#define FC_DNS_SOCKETS_MAX 4
struct fc_dns_socket {
    int fd;
    bool tcp;
};
/* Binds UDP and TCP of "ADDR:PORT"; "localhost:PORT" is both loopbacks, ":PORT" every address. Errors as fc_dns_serve. */
int fc_dns_listen_open(const char *text, unsigned preferred_port, struct fc_dns_socket sockets[FC_DNS_SOCKETS_MAX],
                       size_t *ret_count, unsigned *ret_port, struct fc_err *err);

#endif
