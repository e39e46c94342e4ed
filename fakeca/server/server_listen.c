#include "server/server_int.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base_text.h"

#define BACKLOG 512
/* How often another free port is tried until both loopbacks have it. */
#define PAIR_TRIES 64

/* One or two addresses and a port, as the text says. */
struct place {
    char host[INET6_ADDRSTRLEN];
    bool pair; /* both families: localhost, or every address when the host is empty */
    bool v6;
    uint16_t port;
    struct in_addr addr4;
    struct in6_addr addr6;
};

static int usage(const char *text, struct fc_err *err)
{
    return fc_err_set(err, FC_E_USAGE, "'%s' is no address to listen on: ADDR:PORT, [V6]:PORT or localhost:PORT", text);
}

/* The host part, without brackets, into place->host. */
static int split(const char *text, struct place *place, const char **ret_port)
{
    const char *host = text;
    const char *colon = strrchr(text, ':');

    if (!colon)
        return -1;
    size_t len = (size_t)(colon - text);
    place->v6 = text[0] == '[';
    if (place->v6) {
        if (len < 3 || colon[-1] != ']')
            return -1;
        host++;
        len -= 2;
    }
    if (len >= sizeof place->host)
        return -1;
    memcpy(place->host, host, len);
    place->host[len] = '\0';
    *ret_port = colon + 1;
    return 0;
}

static int parse(const char *text, struct place *place, struct fc_err *err)
{
    const char *port_text = NULL;
    int64_t port = 0;

    *place = (struct place){0};
    if (split(text, place, &port_text) != 0 || fc_text_int(port_text, 0, 65535, &port, NULL) != 0)
        return usage(text, err);
    place->port = (uint16_t)port;
    if (!place->v6 && fc_text_equal_nocase(place->host, "localhost")) {
        place->pair = true;
        place->addr4.s_addr = htonl(INADDR_LOOPBACK);
        place->addr6 = in6addr_loopback;
    } else if (!place->v6 && place->host[0] == '\0') {
        place->pair = true;
        place->addr4.s_addr = htonl(INADDR_ANY);
        place->addr6 = in6addr_any;
    } else if (inet_pton(place->v6 ? AF_INET6 : AF_INET, place->host,
                         place->v6 ? (void *)&place->addr6 : (void *)&place->addr4) != 1) {
        return usage(text, err);
    }
    return 0;
}

int fc_server_listen_check(const char *listen, bool *ret_loopback, struct fc_err *err)
{
    struct place place;

    if (parse(listen, &place, err) != 0)
        return -1;
    if (place.v6)
        *ret_loopback = IN6_IS_ADDR_LOOPBACK(&place.addr6) ||
                        (IN6_IS_ADDR_V4MAPPED(&place.addr6) && place.addr6.s6_addr[12] == 127);
    else
        *ret_loopback = ntohl(place.addr4.s_addr) >> 24 == 127;
    return 0;
}

static void address(const struct place *place, bool v6, uint16_t port, struct sockaddr_storage *ret_addr)
{
    *ret_addr = (struct sockaddr_storage){0};
    if (v6) {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret_addr;
        in6->sin6_family = AF_INET6;
        in6->sin6_addr = place->addr6;
        in6->sin6_port = htons(port);
        return;
    }
    struct sockaddr_in *in4 = (struct sockaddr_in *)ret_addr;
    in4->sin_family = AF_INET;
    in4->sin_addr = place->addr4;
    in4->sin_port = htons(port);
}

int fc_server_listen_again(const struct sockaddr_storage *addr)
{
    static const int on = 1;
    bool v6 = addr->ss_family == AF_INET6;
    socklen_t len = v6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return -1;
    /* without it a restart would wait for connections in TIME_WAIT; two listeners on a port stay impossible */
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        (v6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) != 0) ||
        bind(fd, (const struct sockaddr *)addr, len) != 0 || listen(fd, BACKLOG) != 0) {
        int saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

/* A listening socket, or -1 with errno. */
static int listen_one(const struct place *place, bool v6, uint16_t port)
{
    struct sockaddr_storage addr;

    address(place, v6, port, &addr);
    return fc_server_listen_again(&addr);
}

static uint16_t bound_port(int fd)
{
    struct sockaddr_storage addr = {0};
    socklen_t len = sizeof addr;

    if (getsockname(fd, (struct sockaddr *)&addr, &len) != 0)
        return 0;
    return ntohs(addr.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&addr)->sin6_port
                                            : ((struct sockaddr_in *)&addr)->sin_port);
}

/* Whether a failure means that the machine lacks this family or address at all. */
static bool family_missing(int error)
{
    return error == EAFNOSUPPORT || error == EADDRNOTAVAIL || error == EPROTONOSUPPORT;
}

static void add_listener(struct fc_server_unit *unit, int fd)
{
    unit->listeners[unit->n_listeners++] = fd;
}

/* Both families on one port; one of them may be missing. 0, or -1 with errno and ret_v6 naming the family that failed. */
static int listen_pair(struct fc_server_unit *unit, const struct place *place, uint16_t port, bool *ret_v6)
{
    int fd4 = listen_one(place, false, port);

    *ret_v6 = false;
    if (fd4 < 0 && !family_missing(errno))
        return -1;
    *ret_v6 = true;
    int fd6 = listen_one(place, true, fd4 >= 0 ? bound_port(fd4) : port);
    if (fd6 < 0 && (fd4 < 0 || !family_missing(errno))) {
        int saved = errno;
        if (fd4 >= 0)
            close(fd4);
        errno = saved;
        return -1;
    }
    if (fd4 >= 0)
        add_listener(unit, fd4);
    if (fd6 >= 0)
        add_listener(unit, fd6);
    return 0;
}

static int listen_on(struct fc_server_unit *unit, const struct place *place, uint16_t port, bool *ret_v6)
{
    if (!place->pair) {
        *ret_v6 = place->v6;
        int fd = listen_one(place, place->v6, port);
        if (fd < 0)
            return -1;
        add_listener(unit, fd);
        return 0;
    }
    /* a free port of one loopback may be taken on the other: then another one is asked for */
    for (int i = 0; i < PAIR_TRIES; i++) {
        if (listen_pair(unit, place, port, ret_v6) == 0)
            return 0;
        if (port != 0 || errno != EADDRINUSE)
            return -1;
    }
    return -1;
}

static int refuse(const struct fc_server_unit *unit, const struct place *place, bool v6, struct fc_err *err)
{
    int error = errno;
    char host[INET6_ADDRSTRLEN] = "";
    struct sockaddr_storage addr;

    address(place, v6, 0, &addr);
    inet_ntop(v6 ? AF_INET6 : AF_INET, v6 ? (const void *)&place->addr6 : (const void *)&place->addr4, host,
              sizeof host);
    if (error == EADDRINUSE)
        return fc_err_set(err, FC_E_BUSY,
                          "cannot listen on %s%s%s:%u (%s): address in use; give another with --%s-listen",
                          v6 ? "[" : "", host, v6 ? "]" : "", place->port, unit->service.name, unit->service.name);
    errno = error;
    return fc_err_errno(err, "cannot listen on %s%s%s:%u (%s)", v6 ? "[" : "", host, v6 ? "]" : "", place->port,
                        unit->service.name);
}

int fc_server_listen_open(struct fc_server_unit *unit, const char *text, unsigned preferred_port, unsigned *ret_port,
                          struct fc_err *err)
{
    struct place place;
    bool v6 = false;

    if (parse(text, &place, err) != 0)
        return -1;
    bool prefer = place.port == 0 && preferred_port > 0 && preferred_port <= 65535;
    if (!(prefer && listen_on(unit, &place, (uint16_t)preferred_port, &v6) == 0) &&
        listen_on(unit, &place, place.port, &v6) != 0)
        return refuse(unit, &place, v6, err);
    *ret_port = bound_port(unit->listeners[0]);
    return 0;
}

void fc_server_listen_close(struct fc_server_unit *unit)
{
    while (unit->n_listeners > 0)
        close(unit->listeners[--unit->n_listeners]);
}
