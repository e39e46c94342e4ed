#include "net/net_resolver.h"

#include <string.h>

size_t fc_net_resolver_txt(const unsigned char *wire, size_t len, unsigned char *ret_text)
{
    size_t n = 0;

    for (size_t at = 0; at < len && wire[at] < len - at; at += 1 + (size_t)wire[at]) {
        memcpy(ret_text + n, wire + at + 1, wire[at]);
        n += wire[at];
    }
    return n;
}
