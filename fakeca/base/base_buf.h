/* A growing byte buffer with a maximum that is given at creation. Always NUL-terminated. When an append would pass the
 * maximum nothing is appended and `full` is set for good, so a chain of appends is checked once at its end. */
#ifndef FC_BASE_BUF_H
#define FC_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct fc_buf {
    char *data; /* never NULL after init; data[len] is NUL */
    size_t len;
    size_t cap;
    size_t max;
    bool full;
};

void fc_buf_init(struct fc_buf *buf, size_t max);
void fc_buf_release(struct fc_buf *buf);
/* Empties the buffer and keeps its memory. */
void fc_buf_clear(struct fc_buf *buf);

/* Each returns 0, or -1 once the buffer is full. */
int fc_buf_append(struct fc_buf *buf, const void *data, size_t len);
int fc_buf_puts(struct fc_buf *buf, const char *text);
int fc_buf_putc(struct fc_buf *buf, char c);
/* Text of a stranger's for a terminal: control characters (C0, DEL, and C1 as UTF-8) as \xNN. */
int fc_buf_put_visible(struct fc_buf *buf, const char *text, size_t len);
/* Text as one word of a POSIX shell: in single quotes. */
int fc_buf_put_quoted(struct fc_buf *buf, const char *text);
int fc_buf_printf(struct fc_buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
int fc_buf_vprintf(struct fc_buf *buf, const char *format, va_list args) __attribute__((format(printf, 2, 0)));

/* Hands the memory to the caller, who frees it; the buffer is empty afterwards and can be used again. */
char *fc_buf_detach(struct fc_buf *buf);

/* struct fc_buf b fc_auto_buf = {0}; fc_buf_init(&b, max);   zeroed first: a return before init must be harmless */
void fc_buf_release_scope(struct fc_buf *buf);
#define fc_auto_buf __attribute__((cleanup(fc_buf_release_scope)))

#endif
