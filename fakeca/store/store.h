/* The state: SQLite, in memory or in STATE/fakeca.db (WAL, synchronous NORMAL; FULL with `durable`). The only SQL of the
 * project. One connection behind one lock that is never held across cryptography, network, or another lock except the
 * event log's (a leaf). Prepared statements are kept.
 *
 * Every question is asked between fc_store_begin and fc_store_end; the functions of store_*.h assert that the calling thread
 * holds the lock, those that write assert FC_STORE_WRITE. Results are copied into the caller's arena. A failing SQL statement
 * is FC_E_SYSTEM (disk full, ...) or FC_E_DAMAGED; "no such row" is FC_E_NOT_FOUND with the wording "no such account". */
#ifndef FC_STORE_H
#define FC_STORE_H

#include "base/base_alloc.h"
#include "base/base_err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fc_store;

struct fc_store_params {
    const char *dir; /* NULL: in memory. Must exist; holds fakeca.db and the lock file "lock" */
    bool durable;    /* synchronous=FULL */
};

/* Opens, locks against a second server (FC_E_BUSY "state folder 'x' is in use by another fakeca (pid N)"), checks the file
 * (FC_E_DAMAGED names it and leaves it untouched: not a database, not ours, quick_check fails, newer schema version), creates
 * or migrates the schema. */
int fc_store_open(const struct fc_store_params *params, struct fc_store **ret_store, struct fc_err *err);
/* Checkpoints and closes; NULL allowed. */
void fc_store_close(struct fc_store *store);
FC_CLEANUP(struct fc_store *, fc_store_close)

/* Whether everything ends with the process. */
bool fc_store_in_memory(const struct fc_store *store);

enum fc_store_mode { FC_STORE_READ, FC_STORE_WRITE };

struct fc_store_tx {
    struct fc_store *store; /* NULL once ended */
    bool write;
};

/* Takes the lock; with FC_STORE_WRITE begins a transaction. Not recursive (asserts). */
int fc_store_begin(struct fc_store *store, enum fc_store_mode mode, struct fc_store_tx *ret_tx, struct fc_err *err);
/* Commits (write) and releases the lock. On failure the transaction is rolled back and the lock released all the same. */
int fc_store_commit(struct fc_store_tx *tx, struct fc_err *err);
/* Rolls back what was not committed and releases the lock; does nothing after a commit. */
void fc_store_end(struct fc_store_tx *tx);
/* struct fc_store_tx tx fc_auto_tx = {0}; */
#define fc_auto_tx __attribute__((cleanup(fc_store_end)))
/* Aborts unless the calling thread is inside a write transaction. */
void fc_store_assert_write(const struct fc_store *store);

/* The event log's part in each write transaction. before_commit runs inside it and may insert (store_event.h); after runs with
 * the outcome, lock still held, also when it was rolled back without an attempt to commit. One set of hooks; NULL: none. */
struct fc_store_hooks {
    int (*before_commit)(void *cookie, struct fc_store *store, struct fc_err *err);
    void (*after)(void *cookie, bool committed);
    void *cookie;
};
void fc_store_set_hooks(struct fc_store *store, const struct fc_store_hooks *hooks);

/* Deletes accounts, orders, authorizations, certificates, blocked keys, events, mock DNS rules, limits and moved renewal windows; keeps
 * issuers, CRL numbers and settings. Ids are not given again. In a write. */
int fc_store_reset(struct fc_store *store, struct fc_err *err);

/* ---- settings: small named texts (clock, ports, ids, ...) ---- */
#include "base/base_arena.h"
/* *ret_value NULL when not set. */
int fc_store_setting_get(struct fc_store *store, struct fc_arena *arena, const char *name, const char **ret_value,
                         struct fc_err *err);
int fc_store_setting_set(struct fc_store *store, const char *name, const char *value, struct fc_err *err);

/* Pages: rows with id > after (or < before when newest first), at most FC_STORE_PAGE_MAX. */
#define FC_STORE_PAGE_MAX 1000
struct fc_store_page {
    int64_t after;     /* 0: from the first */
    size_t limit;      /* 1..FC_STORE_PAGE_MAX */
    bool newest_first; /* then `after` means "older than this id"; 0: from the newest */
};

struct fc_store_counts {
    int64_t accounts, orders, authzs, certificates, events;
};
int fc_store_count(struct fc_store *store, struct fc_store_counts *ret_counts, struct fc_err *err);

#endif
