/* Paths with parameters: "/acme/order/{}/{}". */
#ifndef FC_HTTP_ROUTE_H
#define FC_HTTP_ROUTE_H

#include "http/http_msg.h"

#include <stdbool.h>

/* Whether the pattern fits req->path behind `prefix` (which must lead it; "" for none). Each {} (or {name}) takes one non-empty
 * segment without '/'; a pattern that ends in "/{...}" with three dots takes the rest. Fills req->params with
 * percent-decoded arena strings; leaves them untouched when it does not fit (a segment that does not decode does not fit). */
bool fc_http_route_match(struct fc_http_req *req, const char *prefix, const char *pattern);

#endif
