/* What Pebble says in its log while it serves, from our events: suites wait for some of these lines. */
#ifndef FC_CMD_PEBBLE_LOG_H
#define FC_CMD_PEBBLE_LOG_H

#include <jansson.h>

#define FC_CMD_PEBBLE_PREFIX "Pebble "

struct fc_cmd_pebble_counts {
    int accounts, orders, authzs;
};
/* Says what the event comes to; most are nothing. */
void fc_cmd_pebble_log_event(struct fc_cmd_pebble_counts *counts, const json_t *event);

#endif
