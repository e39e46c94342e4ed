/* fuzz: uses net */
/* URLs from outside: what resolves must parse again to the same. */
#include "net/net_url.h"

#include <string.h>

#include "base/base_assert.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    fc_auto(fc_arena_free) struct fc_arena *arena = fc_arena_new();
    struct fc_net_url base, target, again;

    if (size > FC_NET_URL_MAX)
        return 0;
    const char *text = fc_arena_strndup(arena, (const char *)data, size);
    FC_ASSERT(fc_net_url_parse(arena, "http://user@a.test:80/b/c/d;p?q", &base, NULL) == 0);
    fc_net_url_parse(arena, text, &target, NULL);
    if (fc_net_url_resolve(arena, &base, text, &target, NULL) || strlen(target.text) > FC_NET_URL_MAX)
        return 0;
    FC_ASSERT(fc_net_url_parse(arena, target.text, &again, NULL) == 0);
    FC_ASSERT(strcmp(again.text, target.text) == 0);
    FC_ASSERT(strcmp(again.host, target.host) == 0 && again.port == target.port);
    return 0;
}
