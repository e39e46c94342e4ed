#include "dns/dns_int.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base_text.h"

#define BACKLOG 64
/* How often another free port is tried until UDP and TCP of all addresses have it. */
#define TRIES 64

struct place {
    struct fc_net_addr addrs[2];
    size_t n;
    unsigned port;
};

/* "localhost:PORT" and ":PORT" are an address of either family each: the loopbacks, and whatever the machine has. */
static int parse(const char *text, struct place *place, struct fc_err *err)
{
    struct fc_err why = {0};

    *place = (struct place){.n = 1};
    if (!strchr(text, ':') || fc_net_addr_parse(text, &place->addrs[0], &why) != 0)
        return fc_err_set(err, FC_E_USAGE, "'%.80s' is no address to listen on: ADDR:PORT, [V6]:PORT or localhost:PORT",
                          text);
    place->port = place->addrs[0].port;
    bool every = text[0] == ':';
    if (every || fc_text_starts(text, "localhost:")) {
        place->addrs[1] = (struct fc_net_addr){.family = AF_INET6};
        place->addrs[1].bytes[15] = every ? 0 : 1;
        place->n = 2;
    }
    if (every)
        place->addrs[0] = (struct fc_net_addr){.family = AF_INET};
    return 0;
}

static int open_one(const struct fc_net_addr *addr, bool tcp)
{
    static const int on = 1;
    struct sockaddr_storage sockaddr;
    socklen_t len = (socklen_t)fc_net_addr_sockaddr(addr, &sockaddr);
    int type = (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK;
    int fd = socket(addr->family, type, 0);

    if (fd < 0)
        return -1;
    /* with UDP it would let two servers share a port */
    if ((tcp && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0) ||
        (addr->family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) != 0) ||
        bind(fd, (struct sockaddr *)&sockaddr, len) != 0 || (tcp && listen(fd, BACKLOG) != 0)) {
        int saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

static unsigned bound_port(int fd)
{
    struct sockaddr_storage sockaddr = {0};
    socklen_t len = sizeof sockaddr;
    struct fc_net_addr addr = {0};

    if (getsockname(fd, (struct sockaddr *)&sockaddr, &len) == 0)
        fc_net_addr_from_sockaddr(&sockaddr, &addr);
    return addr.port;
}

static void close_all(struct fc_dns_socket *sockets, size_t *count)
{
    int saved = errno;

    while (*count > 0)
        close(sockets[--*count].fd);
    errno = saved;
}

/* UDP, then TCP on the same port. */
static int open_both(struct fc_net_addr *addr, struct fc_dns_socket *sockets, size_t *count)
{
    for (int tcp = 0; tcp <= 1; tcp++) {
        int fd = open_one(addr, tcp);
        if (fd < 0)
            return -1;
        sockets[(*count)++] = (struct fc_dns_socket){.fd = fd, .tcp = tcp};
        addr->port = bound_port(fd);
    }
    return 0;
}

/* Everything on one port; a machine may lack one family of localhost. */
static int open_all(struct place *place, unsigned port, struct fc_dns_socket *sockets, size_t *count)
{
    for (size_t i = 0; i < place->n; i++) {
        place->addrs[i].port = port;
        if (open_both(&place->addrs[i], sockets, count) == 0) {
            port = place->addrs[i].port;
            continue;
        }
        bool missing = errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL;
        bool last_chance = i + 1 == place->n && *count == 0;
        if (!(missing && place->n == 2) || last_chance) {
            close_all(sockets, count);
            return -1;
        }
    }
    return 0;
}

static int open_port(struct place *place, unsigned port, struct fc_dns_socket *sockets, size_t *count)
{
    for (int i = 0; i < TRIES; i++) {
        if (open_all(place, port, sockets, count) == 0)
            return 0;
        if (port != 0 || errno != EADDRINUSE)
            return -1;
    }
    return -1;
}

int fc_dns_listen_open(const char *text, unsigned preferred_port, struct fc_dns_socket sockets[FC_DNS_SOCKETS_MAX],
                       size_t *ret_count, unsigned *ret_port, struct fc_err *err)
{
    struct place place;
    size_t count = 0;

    if (parse(text, &place, err) != 0)
        return -1;
    bool prefer = place.port == 0 && preferred_port > 0 && preferred_port <= 65535;
    if (!(prefer && open_port(&place, preferred_port, sockets, &count) == 0) &&
        open_port(&place, place.port, sockets, &count) != 0) {
        if (errno == EADDRINUSE)
            return fc_err_set(err, FC_E_BUSY,
                              "cannot listen on %s (dns): address in use; give another with --dns-listen", text);
        return fc_err_errno(err, "cannot listen on %s (dns)", text);
    }
    *ret_count = count;
    *ret_port = bound_port(sockets[0].fd);
    return 0;
}
