/* fakeca serve: the CA in the foreground. */
#include "cmd/cmd_serve.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/base_json.h"
#include "base/base_log.h"
#include "base/base_text.h"
#include "base/base_version.h"

#include "events/events.h"

#include "cmd/cmd.h"

#define LOG_BATCH 256
#define TWIN_MS 50

static const char about[] =
    "Runs the CA in the foreground until it is interrupted. With no options: loopback only, everything in memory, the\n"
    "default ports. When all listeners are up it prints where they are and what to try next; the events of the log "
    "follow\n"
    "on standard error.\n"
    "\n"
    "examples:\n"
    "  fakeca serve --state ./rehearsal                  remember accounts and certificates: clients can renew\n"
    "  fakeca serve --port-map 80=8080,443=8443          validate on a web server that runs without root\n"
    "  fakeca serve --clock -60d                         start in the past; advance to today and all is due\n"
    "  fakeca serve --acme-listen localhost:0 --management-listen localhost:0 --dns-listen 127.0.0.1:0 --print json\n"
    "                                                    any free ports, told as JSON: for scripts\n";

/* ---- what is printed when all is up ---- */

static void print_next(const char *state)
{
    fc_auto_free char *word = state ? fc_cmd_shell_word(state) : NULL;
    fc_auto_free char *place = word ? fc_asprintf(" --state %s", word) : fc_strdup("");
    const struct {
        const char *before, *after, *what;
    } rows[] = {{"eval \"$(fakeca env", ")\"", "lets the clients of that shell find and trust this CA"},
                {"fakeca env --client certbot", "", "how to point certbot at it (lego, acme.sh, caddy ... too)"},
                {"fakeca --advance-days 60", "", "two months later"}};

    printf("\nnext, in another terminal:\n");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fc_auto_free char *call = fc_asprintf("%s%s%s", rows[i].before, place, rows[i].after);
        printf("  %-*s  %s\n", 28 + (int)strlen(place), call, rows[i].what);
    }
}

static void print_text(const json_t *run, const struct fc_cmd_serve_target *target)
{
    const char *map = target->app.port_map;

    printf("fakeca %s is ready\n\n", fc_version);
    printf("  directory    %s\n", fc_cmd_text(run, "directory"));
    if (json_is_string(json_object_get(run, "staging_directory")))
        printf("  staging      %s\n", fc_cmd_text(run, "staging_directory"));
    if (json_is_string(json_object_get(run, "directory_http")))
        printf("  without TLS  %s\n", fc_cmd_text(run, "directory_http"));
    printf("  trust        %s\n", fc_cmd_text(run, "ca_file"));
    printf("  management   %s\n", fc_cmd_text(run, "management"));
    if (json_is_string(json_object_get(run, "dns")))
        printf("  mock DNS     %s (every name is %s)\n", fc_cmd_text(run, "dns"), target->app.dns_default);
    if (target->app.dns_server || target->app.dns == FC_APP_DNS_SYSTEM)
        printf("  validation   does not ask the mock DNS but %s\n",
               target->app.dns_server ? target->app.dns_server : "the internet's, from the roots");
    if (*map)
        printf("  validation   connects to ports as mapped: %s\n", map);
    else
        printf("  validation   connects to port 80 of the name; --port-map 80=PORT sends it elsewhere\n");
    if (target->app.state)
        printf("  state        %s\n", fc_cmd_text(run, "state"));
    else
        printf(
            "  state        in memory: accounts and certificates end with this process, and most clients cannot renew\n"
            "               after that; keep them with --state DIR\n");
    print_next(target->app.state);
}

static void print_ready(const json_t *run, const struct fc_cmd_serve_target *target)
{
    fc_auto_free char *line = NULL;

    if (target->print == FC_CMD_PRINT_JSON)
        puts(line = fc_json_text(run));
    else if (target->print == FC_CMD_PRINT_TEXT)
        print_text(run, target);
    fflush(stdout);
}

/* ---- the log on standard error ---- */

/* What nobody wants to read unless they ask for it: a line a request. */
static bool chatter(const json_t *event)
{
    const char *type = json_string_value(json_object_get(event, "type"));
    return strcmp(type, "request") == 0 || strcmp(type, "dns.query") == 0;
}

static void wake_fd(void *cookie)
{
    const int *fd = cookie;
    uint64_t one = 1;
    ssize_t written = write(*fd, &one, sizeof one);
    (void)written; /* a full counter wakes too */
}

struct reader {
    struct fc_events *events;
    int log;
    const struct fc_cmd_serve_ready *ready;
    int64_t after;
    int signals;
    int patience_ms; /* for who reads what is printed; -1: until a signal comes */
};

/* A pipe that nobody reads must not keep us from hearing signals. */
static bool room(const struct reader *reader, int fd)
{
    struct pollfd fds[] = {{.fd = fd, .events = POLLOUT}, {.fd = reader->signals, .events = POLLIN}};

    while (poll(fds, 2, reader->patience_ms) < 0)
        if (errno != EINTR)
            return false;
    return fds[0].revents != 0;
}

static void print_views(const struct reader *reader, const struct fc_event_view *views, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (reader->ready->event && room(reader, STDOUT_FILENO))
            reader->ready->event(reader->ready->cookie, views[i].json);
        if (reader->log == FC_CMD_LOG_NONE || (reader->log != FC_CMD_LOG_ALL && chatter(views[i].json)) ||
            !room(reader, STDERR_FILENO))
            continue;
        fc_auto_free char *text = fc_events_text(views[i].json);
        fc_log(FC_LOG_INFO, "%s  %s", json_string_value(json_object_get(views[i].json, "time")), text);
    }
}

static void print_events(struct reader *reader)
{
    for (size_t count = LOG_BATCH; count == LOG_BATCH;) {
        struct fc_event_view *views = NULL;
        struct fc_err err = {0};
        if (fc_events_read(reader->events, reader->after, LOG_BATCH, NULL, &views, &count, &reader->after, &err)) {
            fc_log(FC_LOG_WARN, "the event log cannot be read: %s", err.text);
            return;
        }
        print_views(reader, views, count);
        fc_events_views_free(views, count);
    }
}

/* ---- until a signal ---- */

/* Serves until SIGINT, SIGTERM or SIGHUP; returns the signal. */
static int serve(struct fc_app *app, int signals, int log, const struct fc_cmd_serve_ready *ready)
{
    struct fc_events *events = fc_app_events(app);
    struct reader reader = {.events = events,
                            .log = log,
                            .ready = ready,
                            .after = fc_events_last(events),
                            .signals = signals,
                            .patience_ms = -1};
    int wake = log == FC_CMD_LOG_NONE && !ready->event ? -1 : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct fc_events_sub *sub = wake < 0 ? NULL : fc_events_subscribe(events, wake_fd, &wake);
    struct signalfd_siginfo info = {0};

    for (;;) {
        struct pollfd fds[] = {{.fd = signals, .events = POLLIN}, {.fd = wake, .events = POLLIN}};
        uint64_t drained;
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            break;
        if (fds[1].revents && read(wake, &drained, sizeof drained) > 0)
            print_events(&reader);
        if (fds[0].revents && read(signals, &info, sizeof info) == (ssize_t)sizeof info)
            break;
    }
    if (sub) {
        reader.patience_ms = 0;
        print_events(&reader);
        fc_events_unsubscribe(events, sub);
        close(wake);
    }
    return (int)info.ssi_signo;
}

/* The stop signals come through a descriptor: every thread is made after this and inherits the mask. */
static int take_signals(void)
{
    sigset_t set;

    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file at the limit of 'ulimit -f' is a failed write, as on a full disk */
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC);
}

/* As many descriptors as the system allows: each connection and each validation under way needs one. */
static void raise_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* A second signal while stopping ends the process at once. timeout(1) sends each of its own twice, to its child and to the
 * group: those count as one. */
static void let_signals_kill(int signals)
{
    struct pollfd again = {.fd = signals, .events = POLLIN};
    struct signalfd_siginfo info;
    sigset_t set;

    if (poll(&again, 1, TWIN_MS) > 0 && read(signals, &info, sizeof info) < 0)
        return;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

int fc_cmd_serve_until(const struct fc_app_config *config, int log, const struct fc_cmd_serve_ready *ready,
                       struct fc_err *err)
{
    struct fc_app *app = NULL;
    int signal = -1;

    int signals = take_signals();
    raise_descriptors();
    if (signals < 0)
        return fc_err_errno(err, "cannot take signals");
    if (fc_app_start(config, &app, err) == 0) {
        ready->fn(ready->cookie, fc_app_run(app));
        signal = serve(app, signals, log, ready);
        fc_app_drain(app);
        let_signals_kill(signals);
        fc_app_stop(app);
    }
    close(signals);
    return signal;
}

static void ready(void *cookie, const json_t *run)
{
    print_ready(run, cookie);
}

static int run(const struct fc_cmd *self, int argc, char *const *argv)
{
    struct fc_cmd_serve_target target;
    struct fc_err err = {0};

    int code = fc_cmd_serve_read(self, argc, argv, &target);
    if (code < 0) {
        const struct fc_cmd_serve_ready when = {.fn = ready, .cookie = &target};
        int signal = fc_cmd_serve_until(&target.app, target.log, &when, &err);
        if (signal < 0)
            code = fc_cmd_fail(self, &err);
        else
            code = signal == SIGINT ? FC_EXIT_INTERRUPTED : FC_EXIT_GOOD;
    }
    json_decref(target.file);
    return code;
}

const struct fc_cmd fc_cmd_serve = {
    .name = "serve", .synopsis = "[options]", .summary = "run the CA in the foreground", .about = about, .run = run};
