/* The parts of a request target, as they come: still percent-encoded. */
#ifndef FC_HTTP_URI_H
#define FC_HTTP_URI_H

#include "base/base_arena.h"

#include <stdbool.h>
#include <stddef.h>

/* Percent-decodes len bytes into the arena; plus_is_space as in queries of forms. NULL when a '%' is not followed by two
 * hex digits, or when the result would hold a NUL byte (RFC 3986 section 2.1; C strings end there). */
char *fc_http_uri_decode(struct fc_arena *arena, const char *text, size_t len, bool plus_is_space);

/* Splits a request target (RFC 9112 section 3.2: origin form, or absolute form as proxies' clients send it) into path and
 * query, in the arena. -1, with nothing set, when there is no path that begins with '/' or when the target holds bytes
 * that no target may hold (controls, space, bytes above 0x7e). A fragment is refused too. */
int fc_http_uri_split(struct fc_arena *arena, const char *target, const char **ret_path, const char **ret_query);

#endif
