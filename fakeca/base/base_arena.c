#include "base/base_arena.h"

#include <stdarg.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_assert.h"

#define CHUNK_SIZE 8192
#define ALIGNMENT alignof(max_align_t)

struct chunk {
    struct chunk *next;
    size_t used;
    size_t size;
    alignas(max_align_t) char data[];
};

struct deferred {
    struct deferred *next;
    void (*destroy)(void *thing);
    void *thing;
};

struct fc_arena {
    struct chunk *chunks; /* the one being filled comes first */
    struct deferred *deferred;
};

static struct chunk *chunk_new(size_t size, struct chunk *next)
{
    struct chunk *chunk = fc_malloc(sizeof *chunk + size);

    chunk->next = next;
    chunk->used = 0;
    chunk->size = size;
    return chunk;
}

struct fc_arena *fc_arena_new(void)
{
    /* the arena lives in its own first chunk: one allocation for a small request */
    struct chunk *chunk = chunk_new(CHUNK_SIZE, NULL);
    struct fc_arena first = {.chunks = chunk};

    return memcpy(fc_arena_alloc(&first, sizeof first), &first, sizeof first);
}

void fc_arena_free(struct fc_arena *arena)
{
    if (!arena)
        return;
    for (struct deferred *d = arena->deferred; d; d = d->next)
        d->destroy(d->thing);
    struct chunk *chunk = arena->chunks;
    while (chunk) {
        struct chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
}

void *fc_arena_alloc(struct fc_arena *arena, size_t size)
{
    FC_ASSERT(size < SIZE_MAX / 2);
    size_t rounded = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    struct chunk *chunk = arena->chunks;

    if (rounded > chunk->size - chunk->used) {
        if (rounded > CHUNK_SIZE / 4) {
            /* large things get a chunk of their own behind the one being filled */
            chunk->next = chunk_new(rounded, chunk->next);
            chunk = chunk->next;
        } else {
            arena->chunks = chunk_new(CHUNK_SIZE, chunk);
            chunk = arena->chunks;
        }
    }
    void *memory = chunk->data + chunk->used;
    chunk->used += rounded;
    return memset(memory, 0, size);
}

void *fc_arena_memdup(struct fc_arena *arena, const void *data, size_t len)
{
    void *copy = fc_arena_alloc(arena, len);

    if (len)
        memcpy(copy, data, len);
    return copy;
}

char *fc_arena_strdup(struct fc_arena *arena, const char *text)
{
    return text ? fc_arena_memdup(arena, text, strlen(text) + 1) : NULL;
}

char *fc_arena_strndup(struct fc_arena *arena, const char *text, size_t len)
{
    if (!text)
        return NULL;
    size_t n = strnlen(text, len);
    char *copy = fc_arena_alloc(arena, n + 1);
    memcpy(copy, text, n);
    return copy;
}

char *fc_arena_printf(struct fc_arena *arena, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    FC_ASSERT(len >= 0);

    char *text = fc_arena_alloc(arena, (size_t)len + 1);
    va_start(args, format);
    vsnprintf(text, (size_t)len + 1, format, args);
    va_end(args);
    return text;
}

void fc_arena_defer(struct fc_arena *arena, void (*destroy)(void *thing), void *thing)
{
    struct deferred *d = fc_arena_alloc(arena, sizeof *d);

    *d = (struct deferred){.next = arena->deferred, .destroy = destroy, .thing = thing};
    arena->deferred = d;
}
