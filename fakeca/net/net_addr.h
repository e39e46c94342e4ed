/* IP addresses and ADDR:PORT texts. */
#ifndef FC_NET_ADDR_H
#define FC_NET_ADDR_H

#include "base/base_err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FC_NET_ADDR_TEXT 64

struct fc_net_addr {
    int family; /* AF_INET, AF_INET6; AF_UNSPEC when unset */
    unsigned char bytes[16];
    unsigned port; /* 0 when there is none */
};

/* An IP literal without brackets and port. */
int fc_net_addr_parse_ip(const char *text, struct fc_net_addr *ret_addr, struct fc_err *err);
/* "127.0.0.1:80", "[::1]:80", ":80" (127.0.0.1), "80" (127.0.0.1), "localhost:80" (127.0.0.1). */
int fc_net_addr_parse(const char *text, struct fc_net_addr *ret_addr, struct fc_err *err);
/* "127.0.0.1", "::1" (RFC 5952). Returns buf. */
const char *fc_net_addr_ip(const struct fc_net_addr *addr, char buf[FC_NET_ADDR_TEXT]);
/* "127.0.0.1:80", "[::1]:80". */
const char *fc_net_addr_text(const struct fc_net_addr *addr, char buf[FC_NET_ADDR_TEXT]);
size_t fc_net_addr_len(const struct fc_net_addr *addr); /* 4 or 16 */
bool fc_net_addr_loopback(const struct fc_net_addr *addr);
struct sockaddr_storage;
size_t fc_net_addr_sockaddr(const struct fc_net_addr *addr, struct sockaddr_storage *ret_sockaddr);
void fc_net_addr_from_sockaddr(const struct sockaddr_storage *sockaddr, struct fc_net_addr *ret_addr);

#endif
