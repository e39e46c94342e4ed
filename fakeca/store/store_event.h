/* Rows of the event log and of the mock DNS. */
#ifndef FC_STORE_EVENT_H
#define FC_STORE_EVENT_H

#include "base/base_arena.h"
#include "store/store.h"

/* One event as it is kept. Ids are 0 and texts NULL where they do not apply. */
struct fc_event_row {
    int64_t seq;
    int64_t at; /* simulated */
    int64_t real_at;
    const char *type; /* "order.created" */
    const char *env;
    int64_t account_id, order_id, authz_id;
    const char *serial;
    const char *data; /* JSON object text */
};

int fc_store_event_insert(struct fc_store *store, const struct fc_event_row *event, struct fc_err *err);
/* Events with seq > after, oldest first. */
int fc_store_event_list(struct fc_store *store, struct fc_arena *arena, int64_t after, size_t limit,
                        struct fc_event_row **ret_events, size_t *ret_count, struct fc_err *err);
int fc_store_event_last(struct fc_store *store, int64_t *ret_seq, struct fc_err *err);
/* Keeps the newest `keep` events. */
int fc_store_event_trim(struct fc_store *store, int64_t keep, struct fc_err *err);

/* A rule of the mock DNS, as dns/dns.h understands it; `value` is its JSON text. One row a name and type. */
struct fc_dns_row {
    const char *name; /* lower case, without the final dot; "*.x" for wildcards, "*" for all */
    const char *type; /* "A", "TXT", "*" (NXDOMAIN, SERVFAIL for every type) */
    const char *value;
};
int fc_store_dns_set(struct fc_store *store, const struct fc_dns_row *row, struct fc_err *err);
/* type NULL: all types of the name; name NULL: everything. *ret_count: rows deleted. */
int fc_store_dns_clear(struct fc_store *store, const char *name, const char *type, int64_t *ret_count,
                       struct fc_err *err);
int fc_store_dns_list(struct fc_store *store, struct fc_arena *arena, struct fc_dns_row **ret_rows, size_t *ret_count,
                      struct fc_err *err);

#endif
