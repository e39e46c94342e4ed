/* Where the output of the setup's commands goes: a named pipe that a thread empties, so that a daemon that keeps its standard output
 * never blocks and never gets SIGPIPE, however much it writes. The last part of what came is kept. */
#ifndef CK_SINK_H
#define CK_SINK_H

#include "base/base_alloc.h"
#include "base/base_err.h"

#include <stdint.h>

struct ck_sink;

/* Makes the pipe `path`. */
int ck_sink_open(const char *path, struct ck_sink **ret_sink, struct fc_err *err);
void ck_sink_free(struct ck_sink *sink);
FC_CLEANUP(struct ck_sink *, ck_sink_free)

/* A place in the stream: what was written before the call lies before it. */
int64_t ck_sink_mark(struct ck_sink *sink);
/* What came after the mark, at most the last max bytes of it, control characters removed; the caller frees. */
char *ck_sink_since(struct ck_sink *sink, int64_t mark, size_t max);

#endif
