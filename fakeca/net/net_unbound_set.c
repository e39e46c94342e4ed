/* The settings of libunbound. */
/* memfd_create */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "net/net_unbound_int.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/base_buf.h"
#include "base/base_time.h"
#include "net/net_addr.h"

#define DNS_PORT 53
#define SETTINGS_MAX 8192
#define SOCKETS_MIN 32
#define SOCKETS_MAX 2048
#define ROOT_HINTS "/usr/share/dns/root.hints"
#define ROOT_ANCHOR "/usr/share/dns/root.key"

/* In the form of unbound.conf(5); the whole of it is built here, nothing is read from the system. */
static const char fixed_settings[] = "server:\n"
                                     /* nothing is remembered: neither answers nor that a server was slow or dead */
                                     "  cache-max-ttl: 0\n"
                                     "  cache-max-negative-ttl: 0\n"
                                     "  infra-host-ttl: 0\n"
                                     "  infra-keep-probing: yes\n"
                                     "  aggressive-nsec: no\n"
                                     "  prefetch: no\n"
                                     /* a rehearsal happens on loopback */
                                     "  do-not-query-localhost: no\n"
                                     "  unblock-lan-zones: yes\n"
                                     "  insecure-lan-zones: yes\n"
                                     "  outgoing-num-tcp: 32\n"
                                     "  num-queries-per-thread: 4096\n"
                                     "  max-sent-count: 1000\n";

/* Zones that libunbound answers itself unless told (RFC 6303, 6761, 7686, 8375). Where names of /etc/hosts count they must not be
 * passed over. */
static void put_zones(struct fc_buf *text, const struct fc_net_unbound_params *params)
{
    static const char *const zones[] = {
        "test.",
        "localhost.",
        "invalid.",
        "onion.",
        "home.arpa.",
        "127.in-addr.arpa.",
        "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa.",
    };

    for (size_t i = 0; i < sizeof zones / sizeof *zones; i++)
        fc_buf_printf(text, "  local-zone: %s %s\n", zones[i], params->host ? "transparent" : "always_transparent");
}

/* Hundreds of questions at once, of which many may hang: each has a socket, for which a quarter of our descriptors may be used;
 * the others wait. */
static void put_sockets(struct fc_buf *text)
{
    long most = sysconf(_SC_OPEN_MAX) / 4;

    most = most < SOCKETS_MIN ? SOCKETS_MIN : most > SOCKETS_MAX ? SOCKETS_MAX : most;
    fc_buf_printf(text, "  outgoing-range: %ld\n", most);
}

/* Every try has the whole timeout, also with a server that was quicker before; a server that was silent for an hour is asked
 * all the same. */
static void put_times(struct fc_buf *text, const struct fc_net_unbound_params *params)
{
    int64_t ms = params->timeout / FC_MS;

    fc_buf_printf(text, "  unknown-server-time-limit: %lld\n  infra-cache-min-rtt: %lld\n", (long long)ms,
                  (long long)ms);
    fc_buf_printf(text, "  infra-cache-max-rtt: %lld\n", (long long)(FC_HOUR / FC_MS));
    fc_buf_printf(text, "  outbound-msg-retry: %lld\n", (long long)params->tries);
}

/* libunbound reads settings only from a file: one that is in memory. */
static int apply(struct ub_ctx *ctx, const struct fc_buf *text, struct fc_err *err)
{
    char path[64];
    int fd = memfd_create("unbound.conf", MFD_CLOEXEC);

    if (fd < 0 || write(fd, text->data, text->len) != (ssize_t)text->len) {
        fc_err_errno(err, "cannot write the settings of libunbound");
        if (fd >= 0)
            close(fd);
        return -1;
    }
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int failed = ub_ctx_config(ctx, path);
    close(fd);
    if (failed == 0)
        return 0;
    return fc_err_set(err, FC_E_SYSTEM, "libunbound refuses its settings: %s", ub_strerror(failed));
}

static int check_file(const char *path, const char *what, struct fc_err *err)
{
    if (access(path, R_OK) == 0)
        return 0;
    return fc_err_errno(err, "cannot read the %s '%s' (Debian's package dns-root-data has root.hints and root.key)",
                        what, path);
}

static int parse_server(const char *server, struct fc_net_addr *ret_addr, struct fc_err *err)
{
    if (fc_net_addr_parse_ip(server, ret_addr, NULL) == 0)
        ret_addr->port = DNS_PORT;
    else if (strpbrk(server, ".:[") == NULL || fc_net_addr_parse(server, ret_addr, NULL) != 0 || ret_addr->port == 0)
        return fc_err_set(err, FC_E_USAGE, "'%.80s' is no address of a resolver: ADDR, ADDR:PORT or [V6]:PORT", server);
    return 0;
}

int fc_net_unbound_check(const char *server, struct fc_err *err)
{
    struct fc_net_addr addr;

    return parse_server(server, &addr, err);
}

/* forward-no-cache keeps back what the other settings let through: a SERVFAIL, for five seconds. */
static int put_server(const char *server, struct fc_buf *text, char **ret_rule, struct fc_err *err)
{
    struct fc_net_addr addr;
    char buf[FC_NET_ADDR_TEXT];

    if (parse_server(server, &addr, err) != 0)
        return -1;
    *ret_rule = fc_asprintf("resolver %s", fc_net_addr_text(&addr, buf));
    fc_buf_printf(text, "forward-zone:\n  name: .\n  forward-no-cache: yes\n  forward-addr: %s@%u\n",
                  fc_net_addr_ip(&addr, buf), addr.port);
    return 0;
}

static int set_roots(struct ub_ctx *ctx, const char *hints, char **ret_rule, struct fc_err *err)
{
    *ret_rule = fc_strdup("resolver system");
    if (check_file(hints, "root hints", err) != 0)
        return -1;
    int failed = ub_ctx_set_option(ctx, "root-hints:", hints);
    if (failed != 0)
        return fc_err_set(err, FC_E_SYSTEM, "libunbound cannot use '%s': %s", hints, ub_strerror(failed));
    return 0;
}

/* As programs of this host resolve: its resolvers, and its own list of names. */
static int set_host(struct ub_ctx *ctx, char **ret_rule, struct fc_err *err)
{
    *ret_rule = fc_strdup("resolver of this host");
    int failed = ub_ctx_resolvconf(ctx, NULL);
    if (failed == 0)
        failed = ub_ctx_hosts(ctx, NULL);
    if (failed == 0)
        return 0;
    return fc_err_set(err, FC_E_SYSTEM, "libunbound cannot use '/etc/resolv.conf' or '/etc/hosts': %s",
                      ub_strerror(failed));
}

/* With an anchor answers are validated, without one they are taken as they come. */
static int set_anchor(struct ub_ctx *ctx, const char *anchor, struct fc_err *err)
{
    if (anchor == NULL)
        return 0;
    if (check_file(anchor, "trust anchor", err) != 0)
        return -1;
    int failed = ub_ctx_add_ta_file(ctx, anchor);
    if (failed != 0)
        return fc_err_set(err, FC_E_SYSTEM, "libunbound cannot use '%s': %s", anchor, ub_strerror(failed));
    return 0;
}

int fc_net_unbound_set(struct ub_ctx *ctx, const struct fc_net_unbound_params *params, char **ret_rule,
                       struct fc_err *err)
{
    const char *hints = params->root_hints != NULL ? params->root_hints : ROOT_HINTS;
    bool taken = params->trust_anchor != NULL || params->server != NULL || params->host;
    const char *anchor = taken ? params->trust_anchor : ROOT_ANCHOR;
    struct fc_buf text fc_auto_buf = {0};

    fc_buf_init(&text, SETTINGS_MAX);
    fc_buf_puts(&text, fixed_settings);
    fc_buf_printf(&text, "  module-config: \"%s\"\n", anchor != NULL ? "validator iterator" : "iterator");
    put_zones(&text, params);
    put_sockets(&text);
    put_times(&text, params);
    int failed = params->server != NULL ? put_server(params->server, &text, ret_rule, err)
                 : params->host         ? set_host(ctx, ret_rule, err)
                                        : set_roots(ctx, hints, ret_rule, err);
    if (failed != 0)
        return -1;
    if (apply(ctx, &text, err) != 0 || set_anchor(ctx, anchor, err) != 0)
        return -1;
    /* no change, but one that makes libunbound read all of it now, not at the first question */
    failed = ub_ctx_zone_add(ctx, "test.", params->host ? "transparent" : "always_transparent");
    if (failed != 0)
        return fc_err_set(err, FC_E_SYSTEM, "libunbound cannot use the settings, '%s' or '%s': %s", hints,
                          anchor != NULL ? anchor : "", ub_strerror(failed));
    return 0;
}
