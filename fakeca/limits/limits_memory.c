#include "limits/limits_storage.h"

#include <stdlib.h>
#include <string.h>

#include "limits/limits_int.h"

#define CAP_MIN 64

struct slot {
    char *key; /* NULL: free */
    uint64_t hash;
    bool dropped; /* the key stays, so that others behind it are found */
    struct fc_limits_bucket bucket;
};

/* Open addressing, at most half full. A set's newest notBefore lies in `tat` of a key that begins with "s:". */
struct fc_limits_memory {
    struct slot *slots;
    size_t cap; /* a power of two */
    size_t used;
    size_t alive;
};

struct fc_limits_memory *fc_limits_memory_new(void)
{
    struct fc_limits_memory *memory = fc_calloc(1, sizeof *memory);

    memory->cap = CAP_MIN;
    memory->slots = fc_calloc(memory->cap, sizeof *memory->slots);
    return memory;
}

void fc_limits_memory_free(struct fc_limits_memory *memory)
{
    if (!memory)
        return;
    for (size_t i = 0; i < memory->cap; i++)
        free(memory->slots[i].key);
    free(memory->slots);
    free(memory);
}

/* FNV-1a, 64 bits */
static uint64_t hash_of(const char *key)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (; *key; key++)
        hash = (hash ^ (unsigned char)*key) * UINT64_C(0x100000001b3);
    return hash;
}

/* The slot of the key, or the free one where it belongs. */
static struct slot *find(const struct fc_limits_memory *memory, const char *key, uint64_t hash)
{
    for (size_t at = (size_t)hash;; at++) {
        struct slot *slot = &memory->slots[at & (memory->cap - 1)];
        if (!slot->key || (slot->hash == hash && strcmp(slot->key, key) == 0))
            return slot;
    }
}

static void grow(struct fc_limits_memory *memory)
{
    struct fc_limits_memory old = *memory;

    memory->cap *= 2;
    memory->slots = fc_calloc(memory->cap, sizeof *memory->slots);
    for (size_t i = 0; i < old.cap; i++)
        if (old.slots[i].key)
            *find(memory, old.slots[i].key, old.slots[i].hash) = old.slots[i];
    free(old.slots);
}

static struct slot *make(struct fc_limits_memory *memory, const char *key)
{
    uint64_t hash = hash_of(key);
    struct slot *slot = find(memory, key, hash);

    if (slot->key)
        return slot;
    if ((memory->used + 1) * 2 > memory->cap) {
        grow(memory);
        slot = find(memory, key, hash);
    }
    *slot = (struct slot){.key = fc_strdup(key), .hash = hash, .dropped = true};
    memory->used++;
    return slot;
}

static int get(void *cookie, const char *key, struct fc_limits_bucket *ret_bucket, bool *ret_found, struct fc_err *err)
{
    const struct slot *slot = find(cookie, key, hash_of(key));

    (void)err;
    *ret_found = slot->key && !slot->dropped;
    if (*ret_found)
        *ret_bucket = slot->bucket;
    return 0;
}

static int put(void *cookie, const char *key, const struct fc_limits_bucket *bucket, struct fc_err *err)
{
    struct fc_limits_memory *memory = cookie;
    struct slot *slot = make(memory, key);

    (void)err;
    memory->alive += slot->dropped;
    slot->dropped = false;
    slot->bucket = *bucket;
    return 0;
}

static int drop(void *cookie, const char *key, struct fc_err *err)
{
    struct fc_limits_memory *memory = cookie;
    struct slot *slot = find(memory, key, hash_of(key));

    (void)err;
    if (slot->key && !slot->dropped) {
        slot->dropped = true;
        memory->alive--;
    }
    return 0;
}

static char *set_key(const struct fc_ident *idents, size_t count)
{
    fc_auto(fc_arena_free) struct fc_arena *arena = fc_arena_new();

    return fc_asprintf("s:%s", fc_limits_key_set(arena, idents, count));
}

static int issued(void *cookie, const struct fc_ident *idents, size_t count, int64_t *ret_not_before,
                  struct fc_err *err)
{
    fc_auto_free char *key = set_key(idents, count);
    struct fc_limits_bucket bucket;
    bool found;

    (void)get(cookie, key, &bucket, &found, err);
    *ret_not_before = found ? bucket.tat : INT64_MIN;
    return 0;
}

void fc_limits_memory_issued(struct fc_limits_memory *memory, const struct fc_ident *idents, size_t count,
                             int64_t not_before)
{
    fc_auto_free char *key = set_key(idents, count);
    struct slot *slot = make(memory, key);

    if (slot->dropped || slot->bucket.tat < not_before)
        slot->bucket.tat = not_before;
    memory->alive += slot->dropped;
    slot->dropped = false;
}

size_t fc_limits_memory_count(const struct fc_limits_memory *memory)
{
    return memory->alive;
}

struct fc_limits_storage fc_limits_storage_memory(struct fc_limits_memory *memory)
{
    return (struct fc_limits_storage){.get = get, .put = put, .drop = drop, .issued = issued, .cookie = memory};
}
