/* Where buckets lie: in the store's rows, or in memory. */
#ifndef FC_LIMITS_STORAGE_H
#define FC_LIMITS_STORAGE_H

#include "limits/limits.h"

struct fc_store;

/* The rows of an environment. The store's lock must be held while it is used, in a write unless everything is dry. */
struct fc_limits_store {
    struct fc_store *store;
    const char *env;
    struct fc_arena *arena;
};
/* `place` must outlive the storage. */
struct fc_limits_storage fc_limits_storage_store(struct fc_limits_store *place);

/* In memory: a hash table. Not for sharing between threads. */
struct fc_limits_memory;
struct fc_limits_memory *fc_limits_memory_new(void);
void fc_limits_memory_free(struct fc_limits_memory *memory); /* NULL allowed */
FC_CLEANUP(struct fc_limits_memory *, fc_limits_memory_free)
struct fc_limits_storage fc_limits_storage_memory(struct fc_limits_memory *memory);
/* A certificate for the set exists now. */
void fc_limits_memory_issued(struct fc_limits_memory *memory, const struct fc_ident *idents, size_t count,
                             int64_t not_before);
size_t fc_limits_memory_count(const struct fc_limits_memory *memory);

#endif
