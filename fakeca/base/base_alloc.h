/* Allocation that ends the program when memory is out (sizes from outside are capped before they get here), and
 * the scope-cleanup macros. */
#ifndef FC_BASE_ALLOC_H
#define FC_BASE_ALLOC_H

#include <stddef.h>

/* As malloc, calloc, reallocarray, strdup and strndup, but never NULL: out of memory ends the program with a line on
 * standard error. The caller frees with free(). */
void *fc_malloc(size_t size);
void *fc_calloc(size_t count, size_t size);
void *fc_reallocarray(void *old, size_t count, size_t size);
char *fc_strdup(const char *text);
char *fc_strndup(const char *text, size_t len);
void *fc_memdup(const void *data, size_t len);

/* printf into new memory; the caller frees. */
char *fc_asprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* FC_CLEANUP(struct fc_buf *, fc_buf_free) defines what fc_auto(fc_buf_free) needs; then
 *     fc_auto(fc_buf_free) struct fc_buf *b = NULL;
 * frees b when the scope ends. The destructor must take NULL. */
#define FC_CLEANUP(type, destroy)                                                                                      \
    static inline __attribute__((unused)) void destroy##_scope(type *thing)                                            \
    {                                                                                                                  \
        destroy(*thing);                                                                                               \
    }
#define fc_auto(destroy) __attribute__((cleanup(destroy##_scope)))

/* fc_auto_free char *text = ...; frees with free() at the end of the scope. */
void fc_alloc_free_scope(void *pointer_to_pointer);
#define fc_auto_free __attribute__((cleanup(fc_alloc_free_scope)))

/* Takes the value out of a variable and sets the variable to NULL: ownership moves. */
#define FC_TAKE(variable)                                                                                              \
    __extension__({                                                                                                    \
        __typeof__(variable) taken_ = (variable);                                                                      \
        (variable) = NULL;                                                                                             \
        taken_;                                                                                                        \
    })

#endif
