/* The stream of one rehearsal: objects, one a line, from the process that rehearses to the one that reports. Every report is a
 * reader of it.
 *
 *   {"type":"plan",...}  {"type":"phase","name","now"}  {"type":"seen","n","kind","now","real","text","data"}
 *   {"type":"verdict","id","result",...}  {"type":"service","started"}  {"type":"end",...} */
#ifndef CK_STREAM_H
#define CK_STREAM_H

#include "base/base_err.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

struct ck_stream {
    int fd;    /* where lines go; -1: nowhere */
    long seen; /* numbers given */
};

/* Writes one object (its reference is stolen); a reader that is gone is ignored: it takes us along. */
void ck_stream_send(struct ck_stream *stream, json_t *object);
/* Evidence: its number. data (stolen) may be NULL. */
long ck_stream_seen(struct ck_stream *stream, const char *kind, int64_t now, json_t *data, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
void ck_stream_phase(struct ck_stream *stream, const char *name, int64_t now);

/* Reading: hands over each whole line as an object; -1 at the end of the stream. Returns after each chunk that came. */
struct ck_stream_reader {
    int fd;
    char *data;
    size_t len, cap;
};
typedef void (*ck_stream_fn)(void *cookie, json_t *object);
int ck_stream_read(struct ck_stream_reader *reader, ck_stream_fn object, void *cookie);
void ck_stream_reader_release(struct ck_stream_reader *reader);

#endif
