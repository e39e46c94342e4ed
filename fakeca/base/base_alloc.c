#include "base/base_alloc.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_assert.h"

static _Noreturn void out_of_memory(size_t size)
{
    fprintf(stderr, "fakeca: out of memory (wanted %zu bytes)\n", size);
    exit(4);
}

void *fc_malloc(size_t size)
{
    void *memory = malloc(size ? size : 1);

    if (!memory)
        out_of_memory(size);
    return memory;
}

void *fc_calloc(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size ? size : 1);

    if (!memory)
        out_of_memory(size);
    return memory;
}

void *fc_reallocarray(void *old, size_t count, size_t size)
{
    size_t total;

    if (__builtin_mul_overflow(count, size, &total))
        out_of_memory(SIZE_MAX);
    /* realloc to 0 bytes frees: the result must stay a pointer that free() takes */
    void *memory = realloc(old, total ? total : 1);
    if (!memory)
        out_of_memory(total);
    return memory;
}

char *fc_strdup(const char *text)
{
    return fc_strndup(text, strlen(text));
}

char *fc_strndup(const char *text, size_t len)
{
    size_t n = strnlen(text, len);
    char *copy = fc_malloc(n + 1);

    memcpy(copy, text, n);
    copy[n] = '\0';
    return copy;
}

void *fc_memdup(const void *data, size_t len)
{
    void *copy = fc_malloc(len);

    if (len)
        memcpy(copy, data, len);
    return copy;
}

char *fc_asprintf(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    FC_ASSERT(len >= 0);

    char *text = fc_malloc((size_t)len + 1);
    va_start(args, format);
    vsnprintf(text, (size_t)len + 1, format, args);
    va_end(args);
    return text;
}

void fc_alloc_free_scope(void *pointer_to_pointer)
{
    void *pointer;

    /* by memcpy, for the variable may be a pointer to any type */
    memcpy(&pointer, pointer_to_pointer, sizeof pointer);
    free(pointer);
}
