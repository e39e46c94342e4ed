/* Shared inside net_unbound only. */
#ifndef FC_NET_UNBOUND_INT_H
#define FC_NET_UNBOUND_INT_H

#include "net/net_unbound.h"

#include <unbound.h>

/* net_unbound_set.c: the settings of a context that has none yet. *ret_rule: the resolver's name for traces; the caller frees it,
 * after a failure too. */
int fc_net_unbound_set(struct ub_ctx *ctx, const struct fc_net_unbound_params *params, char **ret_rule,
                       struct fc_err *err);

#endif
