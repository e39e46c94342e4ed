/* Shared by the files of `fakeca pebble`. */
#ifndef FC_CMD_PEBBLE_H
#define FC_CMD_PEBBLE_H

#include <jansson.h>

#define FC_CMD_PEBBLE_PREFIX "Pebble "

/* ---- cmd_pebble_help.c ---- */

extern const char fc_cmd_pebble_help[];

/* ---- cmd_pebble_log.c: what Pebble says in its log while it serves, from our events; suites wait for some of these lines ---- */

struct fc_cmd_pebble_counts {
    int accounts, orders, authzs;
};
/* Says what the event comes to; most are nothing. */
void fc_cmd_pebble_log_event(struct fc_cmd_pebble_counts *counts, const json_t *event);

#endif
