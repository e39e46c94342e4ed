#include "core/ck_stream.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base_alloc.h"
#include "base/base_clock.h"
#include "base/base_json.h"
#include "base/base_time.h"

#define CHUNK 65536
#define LINE_MAX_LEN (4 << 20)

void ck_stream_send(struct ck_stream *stream, json_t *object)
{
    fc_auto_json own = object;
    fc_auto_free char *text = fc_json_text(own);
    size_t len = strlen(text);

    text[len++] = '\n'; /* in place of the NUL */
    for (size_t done = 0; stream->fd >= 0 && done < len;) {
        ssize_t n = write(stream->fd, text + done, len - done);
        if (n > 0)
            done += (size_t)n;
        else if (errno != EINTR)
            return;
    }
}

/* What programs print may be no UTF-8. */
static json_t *clean(char *text)
{
    json_t *value = json_string(text);

    for (char *c = text; !value && *c; c++)
        if ((unsigned char)*c >= 0x80)
            *c = '?';
    return value ? value : json_string(text);
}

long ck_stream_seen(struct ck_stream *stream, const char *kind, int64_t now, json_t *data, const char *format, ...)
{
    char text[2048], at[FC_TIME_TEXT_MAX], real[FC_TIME_TEXT_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    long number = ++stream->seen;
    ck_stream_send(stream, json_pack("{s:s,s:I,s:s,s:s,s:s,s:o,s:o*}", "type", "seen", "n", (json_int_t)number, "kind",
                                     kind, "now", fc_time_rfc3339(now, at), "real",
                                     fc_time_rfc3339_ms(fc_clock_real(), real), "text", clean(text), "data", data));
    return number;
}

void ck_stream_phase(struct ck_stream *stream, const char *name, int64_t now)
{
    char at[FC_TIME_TEXT_MAX];

    ck_stream_send(stream, json_pack("{s:s,s:s,s:s}", "type", "phase", "name", name, "now", fc_time_rfc3339(now, at)));
}

static void hand_over(struct ck_stream_reader *reader, ck_stream_fn object, void *cookie)
{
    char *line = reader->data, *end;
    size_t left = reader->len;

    while ((end = memchr(line, '\n', left))) {
        fc_auto_json value = NULL;
        if (fc_json_parse(line, (size_t)(end - line), &value, NULL) == 0)
            object(cookie, value);
        left -= (size_t)(end - line) + 1;
        line = end + 1;
    }
    memmove(reader->data, line, left);
    reader->len = left;
}

int ck_stream_read(struct ck_stream_reader *reader, ck_stream_fn object, void *cookie)
{
    if (reader->cap - reader->len < CHUNK) {
        reader->cap = reader->len + 2 * CHUNK;
        reader->data = fc_reallocarray(reader->data, reader->cap, 1);
    }
    ssize_t n = read(reader->fd, reader->data + reader->len, CHUNK);
    if (n < 0)
        return errno == EINTR ? 0 : -1;
    reader->len += (size_t)n;
    hand_over(reader, object, cookie);
    if (reader->len > LINE_MAX_LEN)
        reader->len = 0;
    return n == 0 ? -1 : 0;
}

void ck_stream_reader_release(struct ck_stream_reader *reader)
{
    free(reader->data);
    *reader = (struct ck_stream_reader){.fd = -1};
}
