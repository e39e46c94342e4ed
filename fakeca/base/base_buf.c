#include "base/base_buf.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_alloc.h"
#include "base/base_assert.h"

/* What an empty buffer's data points to, so that it is never NULL and costs no allocation. Never written: cap is 0. */
static char nothing[1];

void fc_buf_init(struct fc_buf *buf, size_t max)
{
    *buf = (struct fc_buf){.data = nothing, .max = max};
}

void fc_buf_release(struct fc_buf *buf)
{
    if (buf->cap)
        free(buf->data);
    fc_buf_init(buf, buf->max);
}

void fc_buf_release_scope(struct fc_buf *buf)
{
    fc_buf_release(buf);
}

void fc_buf_clear(struct fc_buf *buf)
{
    buf->len = 0;
    buf->full = false;
    if (buf->cap)
        buf->data[0] = '\0';
}

/* Makes room for extra bytes and the NUL. */
static int grow(struct fc_buf *buf, size_t extra)
{
    if (buf->full || extra > buf->max - buf->len) {
        buf->full = true;
        return -1;
    }
    size_t needed = buf->len + extra + 1;
    if (needed <= buf->cap)
        return 0;
    size_t cap = buf->cap ? buf->cap : 64;
    while (cap < needed)
        cap = cap > SIZE_MAX / 2 ? needed : cap * 2;
    buf->data = fc_reallocarray(buf->cap ? buf->data : NULL, cap, 1);
    buf->cap = cap;
    buf->data[buf->len] = '\0';
    return 0;
}

int fc_buf_append(struct fc_buf *buf, const void *data, size_t len)
{
    if (grow(buf, len))
        return -1;
    if (len)
        memcpy(buf->data + buf->len, data, len);
    buf->len += len;
    buf->data[buf->len] = '\0';
    return 0;
}

int fc_buf_puts(struct fc_buf *buf, const char *text)
{
    return fc_buf_append(buf, text, strlen(text));
}

int fc_buf_putc(struct fc_buf *buf, char c)
{
    return fc_buf_append(buf, &c, 1);
}

/* How many bytes at `text` are one control character. */
static size_t control(const unsigned char *text, size_t len)
{
    if (text[0] < 0x20 || text[0] == 0x7f)
        return 1;
    return len > 1 && text[0] == 0xc2 && text[1] >= 0x80 && text[1] < 0xa0 ? 2 : 0;
}

int fc_buf_put_visible(struct fc_buf *buf, const char *text, size_t len)
{
    const unsigned char *at = (const unsigned char *)text, *end = at + len;

    while (at < end) {
        size_t n = control(at, (size_t)(end - at));
        if (n == 0)
            fc_buf_putc(buf, (char)*at++);
        for (; n > 0; n--)
            fc_buf_printf(buf, "\\x%02x", *at++);
    }
    return buf->full ? -1 : 0;
}

int fc_buf_put_quoted(struct fc_buf *buf, const char *text)
{
    fc_buf_putc(buf, '\'');
    for (; *text; text++)
        if (*text == '\'')
            fc_buf_puts(buf, "'\\''");
        else
            fc_buf_putc(buf, *text);
    return fc_buf_putc(buf, '\'');
}

int fc_buf_vprintf(struct fc_buf *buf, const char *format, va_list args)
{
    va_list again;

    va_copy(again, args);
    size_t room = buf->cap ? buf->cap - buf->len : 0;
    int len = vsnprintf(room ? buf->data + buf->len : NULL, room, format, args);
    FC_ASSERT(len >= 0);
    int result = grow(buf, (size_t)len);
    if (result == 0) {
        if ((size_t)len >= room)
            vsnprintf(buf->data + buf->len, (size_t)len + 1, format, again);
        buf->len += (size_t)len;
    } else if (buf->cap) {
        buf->data[buf->len] = '\0';
    }
    va_end(again);
    return result;
}

int fc_buf_printf(struct fc_buf *buf, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int result = fc_buf_vprintf(buf, format, args);
    va_end(args);
    return result;
}

char *fc_buf_detach(struct fc_buf *buf)
{
    char *data = buf->cap ? buf->data : fc_strdup("");

    fc_buf_init(buf, buf->max);
    return data;
}
