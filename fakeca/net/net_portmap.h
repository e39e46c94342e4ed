/* Where the validator's ports 80 and 443 really lead (--port-map). Any thread; changed live by the API. */
#ifndef FC_NET_PORTMAP_H
#define FC_NET_PORTMAP_H

#include "base/base_alloc.h"
#include "base/base_err.h"
#include "net/net_addr.h"

struct fc_net_portmap;

struct fc_net_portmap *fc_net_portmap_new(void);
void fc_net_portmap_free(struct fc_net_portmap *map);
FC_CLEANUP(struct fc_net_portmap *, fc_net_portmap_free)

/* Replaces all rules by a list "[ADDR:]80=[ADDR:]5002,[::1]:443=5003"; "" clears. A rule with an address fits only that one and
 * wins over one without. FC_E_USAGE names the rule; nothing changes then. */
int fc_net_portmap_set(struct fc_net_portmap *map, const char *text, struct fc_err *err);
/* The present list in the same form; the caller frees. */
char *fc_net_portmap_text(const struct fc_net_portmap *map);
/* Where to connect for addr (with port). Returns true when a rule applied. */
bool fc_net_portmap_apply(const struct fc_net_portmap *map, const struct fc_net_addr *addr,
                          struct fc_net_addr *ret_addr);
/* The public port (80 or 443) that is mapped to this port, or 0: for redirects that name the mapped port itself. */
unsigned fc_net_portmap_reverse(const struct fc_net_portmap *map, unsigned port);

#endif
