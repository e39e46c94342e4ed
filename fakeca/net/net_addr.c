#include "net/net_addr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/base_text.h"

int fc_net_addr_parse_ip(const char *text, struct fc_net_addr *ret_addr, struct fc_err *err)
{
    struct fc_net_addr addr = {.family = AF_INET};
    if (inet_pton(AF_INET, text, addr.bytes) != 1) {
        addr.family = AF_INET6;
        if (inet_pton(AF_INET6, text, addr.bytes) != 1) {
            return fc_err_set(err, FC_E_PARSE, "not an IP address: '%.64s'", text);
        }
    }
    *ret_addr = addr;
    return 0;
}

/* The host of ADDR:PORT: an IP literal (IPv6 in brackets), "localhost" or nothing. */
static int parse_host(const char *text, size_t len, struct fc_net_addr *ret_addr, struct fc_err *err)
{
    char host[FC_NET_ADDR_TEXT];
    bool brackets = len >= 2 && text[0] == '[' && text[len - 1] == ']';
    if (brackets) {
        text++;
        len -= 2;
    }
    if (len >= sizeof host) {
        return fc_err_set(err, FC_E_PARSE, "not an IP address: '%.64s'", text);
    }
    memcpy(host, text, len);
    host[len] = '\0';
    if (!brackets && (len == 0 || fc_text_equal_nocase(host, "localhost"))) {
        return fc_net_addr_parse_ip("127.0.0.1", ret_addr, err);
    }
    struct fc_net_addr addr;
    if (fc_net_addr_parse_ip(host, &addr, err) != 0) {
        return -1;
    }
    if (brackets != (addr.family == AF_INET6)) {
        return fc_err_set(err, FC_E_PARSE, "IPv6 addresses, and only they, stand in brackets: '%s'", host);
    }
    *ret_addr = addr;
    return 0;
}

int fc_net_addr_parse(const char *text, struct fc_net_addr *ret_addr, struct fc_err *err)
{
    const char *colon = strrchr(text, ':');
    const char *port_text = colon != NULL ? colon + 1 : text;
    struct fc_err why = {0};
    int64_t port = 0;
    struct fc_net_addr addr = {0};
    if (fc_text_int(port_text, 0, 65535, &port, NULL) != 0) {
        return fc_err_set(err, FC_E_PARSE, "not of the form ADDR:PORT: '%.80s'", text);
    }
    if (parse_host(text, colon != NULL ? (size_t)(colon - text) : 0, &addr, &why) != 0) {
        return fc_err_set(err, FC_E_PARSE, "not of the form ADDR:PORT: '%.80s': %s", text, why.text);
    }
    addr.port = (unsigned)port;
    *ret_addr = addr;
    return 0;
}

const char *fc_net_addr_ip(const struct fc_net_addr *addr, char buf[FC_NET_ADDR_TEXT])
{
    if ((addr->family != AF_INET && addr->family != AF_INET6) ||
        inet_ntop(addr->family, addr->bytes, buf, FC_NET_ADDR_TEXT) == NULL) {
        buf[0] = '\0';
    }
    return buf;
}

const char *fc_net_addr_text(const struct fc_net_addr *addr, char buf[FC_NET_ADDR_TEXT])
{
    char ip[FC_NET_ADDR_TEXT];
    fc_net_addr_ip(addr, ip);
    snprintf(buf, FC_NET_ADDR_TEXT, addr->family == AF_INET6 ? "[%.45s]:%u" : "%.45s:%u", ip, addr->port);
    return buf;
}

size_t fc_net_addr_len(const struct fc_net_addr *addr)
{
    return addr->family == AF_INET6 ? 16 : 4;
}

bool fc_net_addr_loopback(const struct fc_net_addr *addr)
{
    if (addr->family == AF_INET) {
        return addr->bytes[0] == 127;
    }
    return addr->family == AF_INET6 && memcmp(addr->bytes, &in6addr_loopback, 16) == 0;
}

size_t fc_net_addr_sockaddr(const struct fc_net_addr *addr, struct sockaddr_storage *ret_sockaddr)
{
    memset(ret_sockaddr, 0, sizeof *ret_sockaddr);
    if (addr->family == AF_INET6) {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret_sockaddr;
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons((uint16_t)addr->port);
        memcpy(&in6->sin6_addr, addr->bytes, 16);
        return sizeof *in6;
    }
    struct sockaddr_in *in = (struct sockaddr_in *)ret_sockaddr;
    in->sin_family = AF_INET;
    in->sin_port = htons((uint16_t)addr->port);
    memcpy(&in->sin_addr, addr->bytes, 4);
    return sizeof *in;
}

void fc_net_addr_from_sockaddr(const struct sockaddr_storage *sockaddr, struct fc_net_addr *ret_addr)
{
    memset(ret_addr, 0, sizeof *ret_addr);
    if (sockaddr->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)sockaddr;
        ret_addr->family = AF_INET6;
        memcpy(ret_addr->bytes, &in6->sin6_addr, 16);
        ret_addr->port = ntohs(in6->sin6_port);
    } else if (sockaddr->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)sockaddr;
        ret_addr->family = AF_INET;
        memcpy(ret_addr->bytes, &in->sin_addr, 4);
        ret_addr->port = ntohs(in->sin_port);
    }
}
