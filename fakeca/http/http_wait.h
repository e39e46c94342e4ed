/* A latch for answers that are decided elsewhere: the handler creates it and gives one reference to whoever decides and one to
 * the server. Signalling is allowed at any time, from any thread, more than once, also after the request is over. */
#ifndef FC_HTTP_WAIT_H
#define FC_HTTP_WAIT_H

#include "base/base_alloc.h"

#include <stdbool.h>
#include <stdint.h>

struct fc_http_wait;

struct fc_http_wait *fc_http_wait_new(void); /* one reference */
struct fc_http_wait *fc_http_wait_ref(struct fc_http_wait *wait);
void fc_http_wait_unref(struct fc_http_wait *wait); /* NULL allowed */
FC_CLEANUP(struct fc_http_wait *, fc_http_wait_unref)

void fc_http_wait_signal(struct fc_http_wait *wait);
bool fc_http_wait_signalled(struct fc_http_wait *wait);

/* For the server: notify(cookie) is called once when the latch is signalled, at once if it is already. After disarm returns
 * notify is not running and will not be called. notify runs under the latch's lock: it must not call the latch. */
void fc_http_wait_arm(struct fc_http_wait *wait, void (*notify)(void *cookie), void *cookie);
void fc_http_wait_disarm(struct fc_http_wait *wait);

/* For tests and tools: blocks until signalled or until the monotonic deadline; whether it was signalled. */
bool fc_http_wait_block(struct fc_http_wait *wait, int64_t until_mono);

#endif
