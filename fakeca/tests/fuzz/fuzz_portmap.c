/* fuzz: uses net */
/* Port maps: what is taken prints to what is taken again. */
#include "net/net_portmap.h"

#include <stdlib.h>
#include <string.h>

#include "base/base_assert.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    fc_auto(fc_net_portmap_free) struct fc_net_portmap *map = fc_net_portmap_new();
    fc_auto_free char *text = fc_strndup((const char *)data, size);

    if (fc_net_portmap_set(map, text, NULL))
        return 0;
    fc_auto_free char *first = fc_net_portmap_text(map);
    FC_ASSERT(fc_net_portmap_set(map, first, NULL) == 0);
    fc_auto_free char *second = fc_net_portmap_text(map);
    FC_ASSERT(strcmp(first, second) == 0);
    return 0;
}
