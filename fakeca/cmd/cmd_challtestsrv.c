/* fakeca pebble-challtestsrv: what answers challenges in the test suites of clients. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base_file.h"
#include "base/base_log.h"

#include "compat/chall.h"
#include "server/server.h"

#include "cmd/cmd.h"
#include "cmd/cmd_go.h"

#define PREFIX "pebble-challtestsrv - "
#define HTTP01 ":5002"
#define HTTPS01 ":5003"
#define TLSALPN01 ":5001"
#define DNS ":8053"
#define DOH ":8443"
#define PEM_MAX (1 << 20)
#define EXIT_REFUSED 1 /* the original's for all that goes wrong at the start, but flags */

struct target {
    const char *http01, *https01, *tlsalpn01, *dns, *dns01, *doh, *doh_cert, *doh_key, *management, *ipv4, *ipv6;
};

#define ROW(row_name, member, row_arg, row_help)                                                                       \
    {                                                                                                                  \
        .name = row_name, .type = FC_OPT_STRING, .offset = offsetof(struct target, member), .arg = row_arg,            \
        .help = row_help                                                                                               \
    }

static const struct fc_opt options[] = {
    ROW("http01", http01, "ADDRS", "where http-01 challenges are answered (default: :5002); \"\": nowhere"),
    ROW("https01", https01, "ADDRS", "the same over HTTPS, for redirects (default: :5003)"),
    ROW("tlsalpn01", tlsalpn01, "ADDRS", "where tls-alpn-01 challenges are answered (default: :5001)"),
    ROW("dnsserver", dns, "ADDR", "mock DNS on UDP and TCP (default: :8053)"),
    ROW("dns01", dns01, "ADDR", "the same, as older versions call it"),
    ROW("doh", doh, "ADDRS", "the mock DNS over HTTPS (default: :8443)"),
    ROW("doh-cert", doh_cert, "FILE", "its certificate, PEM (default: one of our own)"),
    ROW("doh-cert-key", doh_key, "FILE", "its key, PEM"),
    ROW("management", management, "ADDR", "the HTTP API (default: :8055)"),
    ROW("defaultIPv4", ipv4, "IP", "what names without A records have (default: 127.0.0.1); \"\": none"),
    ROW("defaultIPv6", ipv6, "IP", "what names without AAAA records have (default: ::1); \"\": none"),
    {.name = NULL},
};

static const char about[] =
    "Answers challenges as pebble-challtestsrv does: http-01 over HTTP and HTTPS, tls-alpn-01, and a mock DNS over "
    "UDP, TCP\n"
    "and HTTPS. An HTTP API says what is answered. Under the name `pebble-challtestsrv` (a symbolic link) the program "
    "is\n"
    "this command. ADDRS are addresses and ports with commas between them; ':5002' is every address of the machine.\n"
    "\n"
    "the API: POST of a JSON object; the answer is 200, or 400 and why\n"
    "  /add-http01 {token,content}   /del-http01 {token}   /add-redirect {path,targetURL}   /del-redirect {path}\n"
    "  /add-tlsalpn01 {host,content}   /del-tlsalpn01 {host}\n"
    "  /set-default-ipv4 {ip}   /set-default-ipv6 {ip}\n"
    "  /set-txt {host,value}   /add-a, /add-aaaa {host,addresses}   /add-caa {host,policies:[{tag,value}]}\n"
    "  /set-cname {host,target}   /set-servfail {host}\n"
    "  /clear-txt, /clear-a, /clear-aaaa, /clear-caa, /clear-cname, /clear-servfail {host}\n"
    "  /http-request-history, /dns-request-history, /tlsalpn01-request-history {host}\n"
    "  /clear-request-history {host,type: http, dns or tlsalpn}\n"
    "\n"
    "examples:\n"
    "  fakeca pebble-challtestsrv -defaultIPv6 \"\" -defaultIPv4 127.0.0.1\n"
    "  curl --data '{\"host\":\"_acme-challenge.a.test.\",\"value\":\"foo\"}' http://localhost:8055/set-txt\n";

static void say(void *cookie, const char *text)
{
    (void)cookie;
    fc_cmd_go_log(PREFIX, "%s", text);
}

static void say_address(const char *what, const char *address, const char *usual)
{
    address = address ? address : usual;
    if (*address)
        fc_cmd_go_log(PREFIX, "%s on %s", what, address);
}

static void say_all(const struct target *target)
{
    say_address("Creating HTTP-01 challenge server", target->http01, HTTP01);
    say_address("Creating HTTPS HTTP-01 challenge server", target->https01, HTTPS01);
    say_address("Creating TCP and UDP DNS-01 challenge server", target->dns, DNS);
    say_address("Creating TLS-ALPN-01 challenge server", target->tlsalpn01, TLSALPN01);
    say_address("Creating DoH server", target->doh, DOH);
    if (*target->ipv4)
        fc_cmd_go_log(PREFIX, "Answering A queries with %s by default", target->ipv4);
    if (*target->ipv6)
        fc_cmd_go_log(PREFIX, "Answering AAAA queries with %s by default", target->ipv6);
    fc_cmd_go_log(PREFIX, "Starting challenge servers");
    fc_cmd_go_log(PREFIX, "Starting management server on %s", target->management);
}

/* One line when other machines can reach it. */
static void warn_open(const char *address)
{
    bool loopback;

    if (fc_server_listen_check(address, &loopback, NULL) == 0 && !loopback)
        fc_log(FC_LOG_WARN, "%s: other machines reach the API, as the flags say; whoever does can change every answer",
               address);
}

static int read_pem(const char *flag, const char *path, char **ret_pem, struct fc_err *err)
{
    size_t len;

    if (!path)
        return 0;
    return fc_file_read(path, PEM_MAX, ret_pem, &len, err) ? fc_err_prefix(err, "flag '%s'", flag) : 0;
}

/* Every address in our form; the log shows them as they were given. What is none is not served, and told by who would serve it. */
static void read_addresses(struct fc_arena *arena, struct fc_compat_chall_params *params)
{
    const char **const lists[] = {&params->http01, &params->https01, &params->tlsalpn01,
                                  &params->dns,    &params->doh,     &params->management};

    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        fc_cmd_go_addresses(arena, *lists[i], lists[i]);
}

static int start(const struct target *target, struct fc_compat_chall **ret_chall, struct fc_err *err)
{
    fc_auto(fc_arena_free) struct fc_arena *arena = fc_arena_new();
    fc_auto_free char *cert = NULL;
    fc_auto_free char *key = NULL;

    if (!target->doh_cert != !target->doh_key)
        return fc_err_set(err, FC_E_USAGE, "flags '-doh-cert' and '-doh-cert-key' belong together: one is missing");
    if (read_pem("-doh-cert", target->doh_cert, &cert, err) || read_pem("-doh-cert-key", target->doh_key, &key, err))
        return -1;
    struct fc_compat_chall_params params = {.http01 = target->http01 ? target->http01 : HTTP01,
                                            .https01 = target->https01 ? target->https01 : HTTPS01,
                                            .tlsalpn01 = target->tlsalpn01 ? target->tlsalpn01 : TLSALPN01,
                                            .dns = target->dns ? target->dns : DNS,
                                            .doh = target->doh ? target->doh : DOH,
                                            .doh_cert = cert,
                                            .doh_key = key,
                                            .management = target->management,
                                            .ipv4 = target->ipv4,
                                            .ipv6 = target->ipv6,
                                            .log = say};
    read_addresses(arena, &params);
    return fc_compat_chall_start(&params, ret_chall, err);
}

static int serve(const struct fc_cmd *self, const struct target *target)
{
    struct fc_compat_chall *chall = NULL;
    struct fc_err err = {0};
    sigset_t set;
    int got = 0;

    /* every thread inherits this: the signals are for sigwait */
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    warn_open(target->management);
    if (start(target, &chall, &err)) {
        fc_cmd_fail(self, &err);
        return EXIT_REFUSED;
    }
    say_all(target);
    while (sigwait(&set, &got) == EINTR)
        continue;
    fc_cmd_go_log(PREFIX, "Caught signals. Shutting down");
    fc_compat_chall_stop(chall);
    fc_cmd_go_log(PREFIX, "Goodbye!");
    return FC_EXIT_GOOD;
}

static int run(const struct fc_cmd *self, int argc, char *const *argv)
{
    fc_auto(fc_arena_free) struct fc_arena *arena = fc_arena_new();
    struct target target = {.management = ":8055", .ipv4 = "127.0.0.1", .ipv6 = "::1"};
    struct fc_opt_result result = {0};

    char *const *flags = fc_cmd_go_flags(arena, options, argc, argv, &argc);
    int code = fc_cmd_parse(self, options, &target, argc, flags, &result, 0, 0);
    if (code >= 0)
        return code;
    if (target.dns01)
        target.dns = target.dns01;
    if (target.dns01 && !target.doh)
        target.doh = ""; /* versions that call it so have none */
    return serve(self, &target);
}

const struct fc_cmd fc_cmd_challtestsrv = {.name = "pebble-challtestsrv",
                                           .synopsis = "[flags]",
                                           .summary = "answer challenges in the place of pebble-challtestsrv",
                                           .about = about,
                                           .run = run};
