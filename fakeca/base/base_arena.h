/* The memory of one request or job: allocated bit by bit, freed at once. Not for sharing between threads. */
#ifndef FC_BASE_ARENA_H
#define FC_BASE_ARENA_H

#include "base/base_alloc.h"

#include <stddef.h>

struct fc_arena;

struct fc_arena *fc_arena_new(void);
void fc_arena_free(struct fc_arena *arena);
FC_CLEANUP(struct fc_arena *, fc_arena_free)

/* Zeroed memory, aligned for any type; never NULL. */
void *fc_arena_alloc(struct fc_arena *arena, size_t size);
void *fc_arena_memdup(struct fc_arena *arena, const void *data, size_t len);
/* NULL gives NULL. The copy is NUL-terminated. */
char *fc_arena_strdup(struct fc_arena *arena, const char *text);
char *fc_arena_strndup(struct fc_arena *arena, const char *text, size_t len);
char *fc_arena_printf(struct fc_arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* destroy(thing) runs when the arena is freed, newest first: for library objects that belong to the request. */
void fc_arena_defer(struct fc_arena *arena, void (*destroy)(void *thing), void *thing);

#endif
