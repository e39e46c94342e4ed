/* fakeca clock find-due: on which day of a certificate's life a client renews it, found by halving (reference/clock.md 12.3). Every try
 * begins with the same files and the same certificate; that it ordered is read in the CA's event log, never in an exit code. */
#include "cmd/cmd.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base_alloc.h"
#include "base/base_clock.h"
#include "base/base_json.h"
#include "base/base_proc.h"
#include "base/base_text.h"
#include "base/base_time.h"

#define OUTPUT_MAX 8192
#define DAYS_FROM 30 /* certificates of less are looked at by the hour */
#define TIMEOUT (10 * FC_MINUTE)

static const char about[] =
    "Finds the day of a certificate's life from which on a client's ordinary renewal command renews it, by halving:\n"
    "about eight runs for 90 days. CMD is run as cron would run it. Whether it ordered is read in the CA's event log:\n"
    "a client that has nothing to do, and one that looks at the wrong clock, both end with 0.\n"
    "The client must have a certificate of the running CA: it is looked for in what --restore names, or --serial\n"
    "names it. The first try stands an hour before that certificate's end: a client that does not even renew then is\n"
    "told at once, and nothing else is concluded.\n"
    "\n"
    "Two ways. Without --aged CMD runs under 'fakeca run', on the CA's clock, which is moved. With --aged CMD stays "
    "on\n"
    "the real clock: before each try the CA's clock is put back and the client obtains a certificate, which is so "
    "many\n"
    "days old when the CA stands in the present again. A client that files a date away at issue (acme.sh) may answer\n"
    "differently.\n"
    "\n"
    "What CMD changes is named with --restore: it is copied before, and put back before each try and at the end; so "
    "is\n"
    "the CA's clock. The CA keeps the orders that the tries made, and its rate limits are emptied before each. Ends\n"
    "with 0 when there is such a day, 1 when the command never renews or renews at each run, 3 when it cannot be run.\n"
    "\n"
    "examples:\n"
    "  fakeca clock find-due --restore ./le -- certbot renew -n --no-random-sleep-on-renew --config-dir ./le ...\n"
    "  fakeca clock find-due --aged --issue 'certbot renew --force-renewal ...' --restore ./le -- certbot renew ...\n";

struct target {
    struct fc_cmd_target api; /* first: FC_CMD_TARGET_ROWS */
    struct fc_opt_strings restore;
    const char *serial, *issue;
    bool aged;
    int64_t timeout;
};

static const struct fc_opt options[] = {
    {.name = "restore",
     .type = FC_OPT_STRINGS,
     .offset = offsetof(struct target, restore),
     .arg = "PATH",
     .help = "a file or folder that CMD changes, put back before each try and at the end; repeatable"},
    {.name = "aged",
     .type = FC_OPT_FLAG,
     .offset = offsetof(struct target, aged),
     .help = "CMD keeps the real clock, and gets certificates of a CA that stood in the past"},
    {.name = "issue",
     .type = FC_OPT_STRING,
     .offset = offsetof(struct target, issue),
     .arg = "COMMAND",
     .help = "with --aged: a shell command that obtains a new certificate whatever its age (default: CMD)"},
    {.name = "serial",
     .type = FC_OPT_STRING,
     .offset = offsetof(struct target, serial),
     .arg = "SERIAL",
     .help = "the certificate that the client has (default: the one below --restore, else the newest)"},
    {.name = "timeout",
     .type = FC_OPT_DURATION,
     .offset = offsetof(struct target, timeout),
     .arg = "DURATION",
     .min = FC_SECOND,
     .max = FC_DAY,
     .help = "for one run of CMD (default 10m)"},
    FC_CMD_TARGET_ROWS,
    {.name = NULL}};

struct due {
    const struct target *target;
    const char *const *command;
    struct fc_cmd_keep keep;
    json_t *cert; /* that the client has at first */
    int64_t issued, lifetime, unit;
    json_int_t offset; /* of the CA's clock, before */
    bool asked_ari, failed_order;
    int runs;
    json_t *tries;
    char last[OUTPUT_MAX]; /* what the last run said */
};

/* What a run did. */
struct seen {
    bool ordered, issued;
};

/* ---- Ctrl-C: the run is ended, and everything put back */

static volatile sig_atomic_t interrupted;
static volatile pid_t running; /* leader of the group of what is run; 0: nothing */

static void on_signal(int signal)
{
    (void)signal;
    interrupted = interrupted + 1;
    if (running > 0)
        kill(-running, interrupted > 1 ? SIGKILL : SIGTERM);
}

static int check_interrupted(struct fc_err *err)
{
    return interrupted ? fc_err_set(err, FC_E_AGAIN, "interrupted") : 0;
}

/* ---- the CA: its clock, its events, the certificate */

static int clock_now(const struct due *due, json_t **ret_clock, struct fc_err *err)
{
    return fc_cmd_api(&due->target->api, "GET", "/api/v1/clock", NULL, ret_clock, err);
}

static int set_clock(const struct due *due, int64_t at, struct fc_err *err)
{
    char text[FC_TIME_TEXT_MAX];
    fc_auto_json body = json_pack("{s:s}", "to", fc_time_rfc3339(at, text));
    fc_auto_json answer = NULL;

    return fc_cmd_api(&due->target->api, "POST", "/api/v1/clock/set", body, &answer, err);
}

static int restore_clock(const struct due *due, struct fc_err *err)
{
    fc_auto_json clock = NULL;
    fc_auto_json answer = NULL;

    if (clock_now(due, &clock, err))
        return -1;
    json_int_t by = due->offset - json_integer_value(json_object_get(clock, "offset_s"));
    if (by == 0)
        return 0;
    fc_auto_free char *text = fc_asprintf("%llds", (long long)by);
    fc_auto_json body = json_pack("{s:s}", "by", text);
    return fc_cmd_api(&due->target->api, "POST", "/api/v1/clock/advance", body, &answer, err);
}

static bool shares_a_name(const json_t *a, const json_t *b)
{
    const json_t *x, *y;
    size_t i, j;

    json_array_foreach(a, i, x) json_array_foreach(b, j, y) if (json_equal(x, y)) return true;
    return false;
}

/* Other clients may be at work too: only what is for a name of the certificate counts. */
static void note_event(struct due *due, const json_t *event, struct seen *seen)
{
    const char *type = json_string_value(json_object_get(event, "type"));
    const json_t *data = json_object_get(event, "data");
    const char *path = json_string_value(json_object_get(data, "path"));

    if (type && path && strcmp(type, "request") == 0) {
        due->asked_ari |= strstr(path, "renewal-info") != NULL || strstr(path, "renewalInfo") != NULL;
        return;
    }
    if (!type || !shares_a_name(json_object_get(data, "identifiers"), json_object_get(due->cert, "identifiers")))
        return;
    seen->ordered |= strcmp(type, "order.created") == 0 || strcmp(type, "limit.denied") == 0;
    seen->issued |= strcmp(type, "certificate.issued") == 0;
}

static int read_events(struct due *due, json_int_t *io_after, struct seen *seen, struct fc_err *err)
{
    json_int_t last = *io_after + 1;

    while (*io_after < last) {
        fc_auto_free char *path = fc_asprintf(
            "/api/v1/events?types=order.created,limit.denied,certificate.issued,request&limit=1000&after=%lld",
            (long long)*io_after);
        fc_auto_json answer = NULL;
        const json_t *event;
        size_t i;
        if (fc_cmd_api(&due->target->api, "GET", path, NULL, &answer, err))
            return -1;
        json_array_foreach(json_object_get(answer, "events"), i, event) note_event(due, event, seen);
        *io_after = json_integer_value(json_object_get(answer, "next"));
        last = json_integer_value(json_object_get(answer, "last"));
    }
    return 0;
}

static int last_event(const struct due *due, json_int_t *ret_last, struct fc_err *err)
{
    fc_auto_json answer = NULL;

    if (fc_cmd_api(&due->target->api, "GET", "/api/v1/events?limit=1", NULL, &answer, err))
        return -1;
    *ret_last = json_integer_value(json_object_get(answer, "last"));
    return 0;
}

/* By its serial; NULL: the newest that was issued until now. FC_E_NOT_FOUND. */
static int ask_certificate(struct due *due, const char *serial, struct fc_err *err)
{
    fc_auto_free char *encoded = serial ? fc_cmd_api_encode(serial) : NULL;
    fc_auto_free char *path =
        serial ? fc_asprintf("/api/v1/certificates/%s", encoded) : fc_strdup("/api/v1/certificates?limit=1");
    fc_auto_json answer = NULL;

    if (fc_cmd_api(&due->target->api, "GET", path, NULL, &answer, err))
        return -1;
    json_t *cert = serial ? answer : json_array_get(json_object_get(answer, "certificates"), 0);
    if (!cert)
        return fc_err_set(err, FC_E_USAGE,
                          "the CA has issued nothing yet: let the client obtain its first certificate, then ask again");
    due->cert = json_incref(cert);
    return 0;
}

/* The one that was named, else the one in the client's files, else the CA's newest. */
static int find_certificate(struct due *due, struct fc_err *err)
{
    fc_auto_free char *found = due->target->serial ? NULL : fc_cmd_keep_certificate(&due->keep);
    struct fc_err unknown = {0};
    int64_t until;

    int failed = found ? ask_certificate(due, found, &unknown) : ask_certificate(due, due->target->serial, err);
    if (failed && (!found || ask_certificate(due, NULL, err)))
        return -1;
    if (fc_time_parse(fc_cmd_text(due->cert, "issued_at"), &due->issued, err) ||
        fc_time_parse(fc_cmd_text(due->cert, "not_after"), &until, err))
        return -1;
    due->lifetime = until - due->issued;
    due->unit = due->lifetime >= DAYS_FROM * FC_DAY ? FC_DAY : FC_HOUR;
    return 0;
}

/* ---- running a command */

/* The last line that is not empty. */
static const char *last_line(char *text)
{
    size_t len = strlen(text);

    while (len && (text[len - 1] == '\n' || text[len - 1] == ' '))
        text[--len] = '\0';
    const char *line = strrchr(text, '\n');
    return line ? line + 1 : text;
}

/* `under`: on the CA's clock; else the real one. */
static int run_command(struct due *due, const char *const *command, bool under, struct fc_err *err)
{
    char self[PATH_MAX] = "";
    const char *launcher[] = {self, "run", "--kill-rest", "--"};
    size_t n = 0, at = 0;
    fc_auto(fc_proc_free) struct fc_proc *proc = NULL;
    struct fc_proc_exit how;
    char text[FC_PROC_EXIT_TEXT_MAX];

    if (under && readlink("/proc/self/exe", self, sizeof self - 1) < 0)
        return fc_err_errno(err, "cannot find this program");
    while (command[n])
        n++;
    fc_auto_free const char **argv = fc_calloc(n + 5, sizeof *argv);
    for (size_t i = 0; under && i < sizeof launcher / sizeof *launcher; i++)
        argv[at++] = launcher[i];
    memcpy(argv + at, command, n * sizeof *argv);
    const struct fc_proc_spec spec = {.argv = argv, .max_out = OUTPUT_MAX - 1, .merge = true};
    if (fc_proc_start(&spec, &proc, err))
        return -1;
    running = fc_proc_pid(proc);
    fc_proc_wait(proc, fc_clock_mono() + due->target->timeout, &how);
    running = 0;
    due->runs++;
    snprintf(due->last, sizeof due->last, "%s", fc_proc_output(proc, FC_PROC_OUT, NULL, NULL));
    if (check_interrupted(err))
        return -1;
    if (how.timed_out || how.code >= 125)
        return fc_err_set(err, FC_E_SYSTEM, "'%s' could not be run to its end (%s): %s", command[0],
                          fc_proc_exit_text(&how, text), last_line(due->last));
    return 0;
}

/* Runs it and looks what the CA saw. */
static int run_and_look(struct due *due, const char *const *command, bool under, struct seen *ret_seen,
                        struct fc_err *err)
{
    json_int_t after;

    *ret_seen = (struct seen){0};
    if (last_event(due, &after, err) || run_command(due, command, under, err))
        return -1;
    return read_events(due, &after, ret_seen, err);
}

/* With --aged: a certificate that is `age` old on everybody's clock once the CA stands in the present again. */
static int issue_aged(struct due *due, int64_t age, struct fc_err *err)
{
    const char *const shell[] = {"sh", "-c", due->target->issue, NULL};
    fc_auto_json clock = NULL;
    struct seen seen;
    int64_t real;

    if (clock_now(due, &clock, err) || fc_time_parse(fc_cmd_text(clock, "real"), &real, err) ||
        set_clock(due, real - age, err) ||
        run_and_look(due, due->target->issue ? shell : due->command, false, &seen, err))
        return -1;
    if (!seen.issued)
        return fc_err_set(err, FC_E_SYSTEM,
                          "%s obtained no certificate%s: name a command that always does with --issue. It said: %s",
                          due->target->issue ? "the command of --issue" : "the client",
                          seen.ordered ? " though it ordered one ('fakeca log' tells why)" : "", last_line(due->last));
    fc_auto_json answer = NULL;
    return fc_cmd_api(&due->target->api, "POST", "/api/v1/clock/reset", NULL, &answer, err);
}

static const char *unit_name(const struct due *due)
{
    return due->unit == FC_DAY ? "day" : "hour";
}

/* The tries lie days apart in the CA's time, and in no order: to its limits they would look like a storm. */
static int empty_limits(const struct due *due, struct fc_err *err)
{
    fc_auto_json answer = NULL;

    return fc_cmd_api(&due->target->api, "POST", "/api/v1/limits/reset", NULL, &answer, err);
}

/* Does it renew a certificate of that age? */
static int try_age(struct due *due, int64_t age, bool *ret_ordered, struct fc_err *err)
{
    struct seen seen;

    if (check_interrupted(err) || fc_cmd_keep_put_back(&due->keep, err) || empty_limits(due, err))
        return -1;
    if (due->target->aged ? issue_aged(due, age, err) : set_clock(due, due->issued + age, err))
        return -1;
    if (run_and_look(due, due->command, !due->target->aged, &seen, err))
        return -1;
    due->failed_order |= seen.ordered && !seen.issued;
    double shown = (double)age / (double)due->unit;
    fprintf(stderr, "%s %.*f: %s\n", unit_name(due), age % due->unit ? 1 : 0, shown,
            !seen.ordered ? "no order"
            : seen.issued ? "renewed"
                          : "an order, but no certificate");
    json_array_append_new(
        due->tries, json_pack("{s:f,s:b,s:b}", unit_name(due), shown, "ordered", seen.ordered, "issued", seen.issued));
    *ret_ordered = seen.ordered;
    return 0;
}

/* ---- the search */

enum outcome { FOUND, NEVER, EXPIRED_ONLY, AT_ONCE };

static int search(struct due *due, enum outcome *ret_outcome, int64_t *ret_due, struct fc_err *err)
{
    int64_t no = 0, yes = (due->lifetime - FC_HOUR) / due->unit;
    bool ordered;

    /* the controls: a certificate at its end must be renewed, a new one must not */
    if (try_age(due, due->lifetime - FC_HOUR, &ordered, err))
        return -1;
    if (!ordered) {
        if (try_age(due, due->lifetime + FC_HOUR, &ordered, err))
            return -1;
        *ret_outcome = ordered ? EXPIRED_ONLY : NEVER;
        return 0;
    }
    if (try_age(due, FC_MINUTE, &ordered, err))
        return -1;
    if (ordered) {
        *ret_outcome = AT_ONCE;
        return 0;
    }
    for (yes++; yes - no > 1;) {
        int64_t middle = no + (yes - no) / 2;
        if (try_age(due, middle * due->unit, &ordered, err))
            return -1;
        *(ordered ? &yes : &no) = middle;
    }
    *ret_outcome = FOUND;
    *ret_due = yes;
    return 0;
}

/* ---- the answer */

static void print_way(const struct due *due)
{
    printf("certificate  %s, %.1f days\n", fc_cmd_text(due->cert, "serial"), (double)due->lifetime / (double)FC_DAY);
    printf("way          %s\n", due->target->aged
                                    ? "the real clock, certificates of a CA that stood in the past (--aged)"
                                    : "the CA's clock, under fakeca run");
    printf("runs         %d\n", due->runs);
}

static void print_found(const struct due *due, int64_t at)
{
    double share = (double)(at * due->unit) * 100 / (double)due->lifetime;

    printf("renews       from %s %lld on (%.0f %% of the lifetime, %.1f days before the end), not on %s %lld\n",
           unit_name(due), (long long)at, share, (double)(due->lifetime - at * due->unit) / (double)FC_DAY,
           unit_name(due), (long long)at - 1);
    if (due->asked_ari)
        printf(
            "note         it asks the CA when to renew (ARI): the moment is one of a window, another certificate may "
            "get another\n");
}

static void print_other(struct due *due, enum outcome outcome)
{
    if (outcome == AT_ONCE) {
        printf(
            "renews       AT EACH RUN: a new certificate is renewed again. Its rule is as long as the lifetime, or CMD "
            "forces it\n");
        return;
    }
    if (outcome == EXPIRED_ONLY)
        printf("renews       only what has EXPIRED: an hour before the end it placed no order, an hour after it did\n");
    else
        printf(
            "renews       NEVER: neither an hour before the certificate's end nor after it did CMD order anything for "
            "its names.\n"
            "             Is it the command of this certificate, and does it talk to this CA?\n");
    printf("             CMD said at last: %s\n", last_line(due->last));
}

static void print(struct due *due, enum outcome outcome, int64_t at)
{
    static const char *const words[] = {
        [FOUND] = "found", [NEVER] = "never", [EXPIRED_ONLY] = "expired-only", [AT_ONCE] = "at-once"};

    if (due->target->api.json) {
        fc_auto_json answer = json_pack(
            "{s:s,s:s,s:O,s:s,s:I,s:b,s:O}", "outcome", words[outcome], "way", due->target->aged ? "aged" : "run",
            "serial", json_object_get(due->cert, "serial"), "unit", unit_name(due), "lifetime_s",
            (json_int_t)(due->lifetime / FC_SECOND), "asked_ari", due->asked_ari, "tries", due->tries);
        json_object_set_new(answer, "due", outcome == FOUND ? json_integer(at) : json_null());
        fc_cmd_print_json(answer);
        return;
    }
    print_way(due);
    if (outcome == FOUND)
        print_found(due, at);
    else
        print_other(due, outcome);
    if (due->failed_order)
        printf("note         orders were placed that got no certificate: its renewal fails ('fakeca log' tells why)\n");
}

/* ---- the command */

static int begin(struct due *due, struct fc_err *err)
{
    const struct target *target = due->target;
    struct fc_cmd_place_held place = {0};
    fc_auto_json clock = NULL;
    fc_auto_json exports = json_object();
    const char *name;
    json_t *value;

    if (target->restore.count == 0)
        return fc_err_set(err, FC_E_USAGE,
                          "name what CMD changes with --restore PATH (the client's own folder): each try begins with "
                          "the same files, and at the end they are as they were");
    if (target->issue && !target->aged)
        return fc_err_set(err, FC_E_USAGE, "option '--issue' belongs to --aged");
    if (clock_now(due, &clock, err))
        return -1;
    if (strcmp(fc_cmd_text(clock, "state"), "frozen") == 0)
        return fc_err_set(err, FC_E_USAGE, "the clock stands still: 'fakeca clock follow' first");
    due->offset = json_integer_value(json_object_get(clock, "offset_s"));
    int failed = fc_cmd_place_ask(&target->api, &place, err);
    if (!failed) {
        fc_cmd_clients_exports(NULL, &place.shown, exports);
        json_object_foreach(exports, name, value) setenv(name, json_string_value(value), 1);
        if (target->api.state && !place.shown.state)
            setenv("FAKECA_STATE", target->api.state, 1);
        failed = fc_cmd_keep_take(&target->restore, place.shown.state, &due->keep, err);
    }
    fc_cmd_place_release(&place);
    return failed ? -1 : find_certificate(due, err);
}

/* Everything as it was; what fails here is told, and the copies stay then. */
static int end(const struct fc_cmd *self, struct due *due, bool began)
{
    struct fc_err err = {0};
    int code = 0;

    if (began && fc_cmd_keep_put_back(&due->keep, &err)) {
        code = fc_cmd_fail(self, &err);
        free(FC_TAKE(due->keep.folder));
        fc_err_clear(&err);
    }
    if (began && restore_clock(due, &err)) {
        fc_err_prefix(&err, "the CA's clock is not where it was");
        code = fc_cmd_fail(self, &err);
    }
    fc_cmd_keep_release(&due->keep);
    json_decref(due->cert);
    json_decref(due->tries);
    return code;
}

static int find(const struct fc_cmd *self, struct due *due)
{
    struct sigaction action = {.sa_handler = on_signal};
    enum outcome outcome = NEVER;
    struct fc_err err = {0};
    int64_t at = 0;
    int code;

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    bool began = begin(due, &err) == 0;
    if (began && !due->target->api.json)
        fprintf(stderr, "copies of what CMD changes are in %s until the end\n", due->keep.folder);
    if (!began || search(due, &outcome, &at, &err)) {
        code = fc_cmd_fail(self, &err);
        code = interrupted ? FC_EXIT_INTERRUPTED : code;
    } else {
        print(due, outcome, at);
        code = fc_cmd_done(self);
        code = code == FC_EXIT_GOOD && outcome != FOUND ? FC_EXIT_WRONG : code;
    }
    int failed = end(self, due, began);
    return failed ? failed : code;
}

int fc_cmd_find_due(const struct fc_cmd *self, int argc, char *const *argv)
{
    const struct fc_cmd shown = {.name = "clock find-due",
                                 .synopsis = "[options] --restore PATH -- CMD [ARGS]",
                                 .about = about,
                                 .run = self->run};
    fc_auto_free const char **operands = fc_calloc((size_t)argc + 1, sizeof *operands);
    struct fc_opt_result result = {.operands = operands};
    struct target target = {.timeout = TIMEOUT};
    struct due due = {.target = &target, .tries = json_array()};
    struct fc_err err = {0};

    if (fc_opt_parse(options, &target, argc, argv, true, &result, &err) == 0 && !result.help && result.n_operands == 0)
        fc_err_set(&err, FC_E_USAGE, "no command; usage: fakeca clock find-due --restore PATH -- CMD [ARGS]");
    if (err.code || result.help) {
        json_decref(due.tries);
        if (err.code)
            return fc_cmd_fail(&shown, &err);
        fc_cmd_help(&shown, options);
        return FC_EXIT_GOOD;
    }
    due.command = operands;
    return find(&shown, &due);
}
