/* Paths with parameters: "/acme/order/{}/{}". */
#ifndef FC_HTTP_ROUTE_H
#define FC_HTTP_ROUTE_H

#include "http/http_msg.h"

#include <stdbool.h>

/* Whether the pattern fits req->path behind `prefix` (which must lead it; "" for none). Each {} (or {name}) takes one non-empty
 * segment without '/'; a pattern that ends in "/{...}" with three dots takes the rest. Fills req->params with
 * percent-decoded arena strings; leaves them untouched when it does not fit (a segment that does not decode does not fit). */
bool fc_http_route_match(struct fc_http_req *req, const char *prefix, const char *pattern);

/* Resources under other names: a path that begins with `own` is told to clients, and taken from them, with `shown` in its place, and
 * with '-' for the first `joined` of the '/' behind that: one segment where we have several. A table ends with own NULL; NULL is
 * the table without a row. Both give `path` itself when no row fits. */
struct fc_http_alias {
    const char *own, *shown;
    unsigned joined;
};
const char *fc_http_route_shown(struct fc_arena *arena, const struct fc_http_alias *table, const char *path);
const char *fc_http_route_own(struct fc_arena *arena, const struct fc_http_alias *table, const char *path);

#endif
