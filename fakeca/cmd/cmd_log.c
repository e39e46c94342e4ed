/* fakeca log: the event log, as it was and as it grows. */
#include "cmd/cmd.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_alloc.h"
#include "base/base_buf.h"
#include "base/base_json.h"
#include "base/base_text.h"

#include "net/net_client.h"

#define PAGE 1000
#define LINE_MAX_LEN (1 << 20)
#define HOURS_24 INT64_C(86400000000000)

struct target {
    struct fc_cmd_target api;
    bool follow;
    int64_t count, after, validation;
    const char *types;
};

static const char about[] =
    "Prints the events of the running CA: orders, each hop of a validation, certificates, clock skips, refusals. Times "
    "are\n"
    "simulated ones. --types takes names or beginnings of names, with commas: order.,certificate.issued\n"
    "--validation takes the number of an authorization: the log names it, and it ends the authorization's URL.\n"
    "\n"
    "examples:\n"
    "  fakeca log -n 20\n"
    "  fakeca log -f --types validation.        watch what the validation sees\n"
    "  fakeca log --validation 3                one validation: each hop, cause, remedy, the line that repeats it\n"
    "  fakeca log --after 0 --json              all of it, one JSON object a line\n";

static void print_event(const struct target *target, const json_t *event)
{
    if (target->api.json) {
        fc_auto_free char *line = fc_json_text(event);
        puts(line);
    } else {
        printf("%s  %s\n", fc_cmd_text(event, "time"), fc_cmd_text(event, "text"));
    }
}

static char *events_path(const struct target *target, const char *what, int64_t after)
{
    fc_auto_free char *types = target->types ? fc_cmd_api_encode(target->types) : NULL;
    return fc_asprintf("/api/v1/events%s?after=%lld%s%s", what, (long long)after, types ? "&types=" : "",
                       types ? types : "");
}

static int read_page(const struct target *target, int64_t after, json_t **ret_answer, struct fc_err *err)
{
    fc_auto_free char *path = events_path(target, "", after);
    fc_auto_free char *whole = fc_asprintf("%s&limit=%d", path, PAGE);
    return fc_cmd_api(&target->api, "GET", whole, NULL, ret_answer, err);
}

/* The last `count` events that fit, or all after `after`; *ret_last is the number to follow from. */
static int read_past(const struct target *target, json_t *events, int64_t *ret_last, struct fc_err *err)
{
    int64_t after = target->after >= 0 ? target->after : 0, last = 1;

    while (after < last) {
        fc_auto_json answer = NULL;
        if (read_page(target, after, &answer, err))
            return -1;
        json_array_extend(events, json_object_get(answer, "events"));
        size_t keep = (size_t)target->count, have = json_array_size(events);
        for (; target->after < 0 && have > keep; have--)
            json_array_remove(events, 0);
        int64_t next = json_integer_value(json_object_get(answer, "next"));
        last = json_integer_value(json_object_get(answer, "last"));
        if (next <= after)
            break;
        after = next;
    }
    *ret_last = after;
    return 0;
}

/* ---- following: server-sent events, a line at a time ---- */

struct follow {
    const struct target *target;
    struct fc_buf line;
};

static void take_line(struct follow *follow)
{
    fc_auto_json event = NULL;

    if (fc_text_starts(follow->line.data, "data: ") &&
        fc_json_parse(follow->line.data + 6, follow->line.len - 6, &event, NULL) == 0) {
        print_event(follow->target, event);
        fflush(stdout);
    }
    fc_buf_clear(&follow->line);
}

static int take_bytes(void *cookie, const char *bytes, size_t len)
{
    struct follow *follow = cookie;

    for (size_t i = 0; i < len; i++)
        if (bytes[i] == '\n')
            take_line(follow);
        else if (fc_buf_putc(&follow->line, bytes[i]))
            return -1;
    return ferror(stdout) ? -1 : 0;
}

static int follow(const struct target *target, int64_t after, struct fc_err *err)
{
    struct follow state = {.target = target};
    struct fc_net_client_result result = {0};
    fc_auto_free char *base = NULL;
    fc_auto_free char *path = events_path(target, "/stream", after);

    if (fc_cmd_api_base(&target->api, &base, err))
        return -1;
    fc_auto_free char *url = fc_asprintf("%s%s", base, path);
    const struct fc_net_client_params params = {.method = "GET",
                                                .url = url,
                                                .bearer = target->api.token,
                                                .timeout = 365 * HOURS_24,
                                                .data = take_bytes,
                                                .cookie = &state};
    fc_buf_init(&state.line, LINE_MAX_LEN);
    int failed = fc_net_client_request(&params, &result, err);
    fc_buf_release(&state.line);
    free(result.body);
    if (!failed && result.status != 200)
        return fc_err_set(err, FC_E_SYSTEM, "the CA answered %d", result.status);
    return failed;
}

/* ---- one validation ---- */

static int show_validation(const struct fc_cmd *self, const struct target *target)
{
    fc_auto_free char *path = fc_asprintf("/api/v1/validations/%lld", (long long)target->validation);
    fc_auto_json answer = NULL;
    struct fc_err err = {0};

    if (fc_cmd_api(&target->api, "GET", path, NULL, &answer, &err))
        return fc_cmd_fail(self, &err);
    if (target->api.json)
        fc_cmd_print_json(answer);
    else
        fc_cmd_probe_print(answer);
    return fc_cmd_done(self);
}

static int run(const struct fc_cmd *self, int argc, char *const *argv)
{
    static const struct fc_opt table[] = {{.name = "follow",
                                           .letter = 'f',
                                           .type = FC_OPT_FLAG,
                                           .offset = offsetof(struct target, follow),
                                           .help = "go on with what happens, until interrupted or the CA stops"},
                                          {.name = "lines",
                                           .letter = 'n',
                                           .type = FC_OPT_INT,
                                           .offset = offsetof(struct target, count),
                                           .arg = "N",
                                           .min = 0,
                                           .max = 1000000,
                                           .help = "the last N events"},
                                          {.name = "after",
                                           .type = FC_OPT_INT,
                                           .offset = offsetof(struct target, after),
                                           .arg = "NUMBER",
                                           .min = 0,
                                           .max = INT64_MAX,
                                           .help = "all events behind this number, instead of the last N"},
                                          {.name = "types",
                                           .type = FC_OPT_STRING,
                                           .offset = offsetof(struct target, types),
                                           .arg = "LIST",
                                           .help = "only these"},
                                          {.name = "validation",
                                           .type = FC_OPT_INT,
                                           .offset = offsetof(struct target, validation),
                                           .arg = "ID",
                                           .min = 1,
                                           .max = INT64_MAX,
                                           .help = "how this authorization was validated, instead of events"},
                                          FC_CMD_TARGET_ROWS,
                                          {.name = NULL}};
    struct fc_opt_result result = {0};
    struct target target = {.count = 50, .after = -1};
    struct fc_err err = {0};
    fc_auto_json events = json_array();
    const json_t *event;
    int64_t last;
    size_t i;

    int code = fc_cmd_parse(self, table, &target, argc, argv, &result, 0, 0);
    if (code >= 0)
        return code;
    if (target.validation)
        return show_validation(self, &target);
    if (read_past(&target, events, &last, &err))
        return fc_cmd_fail(self, &err);
    json_array_foreach(events, i, event) print_event(&target, event);
    fflush(stdout);
    if (target.follow && follow(&target, last, &err))
        return fc_cmd_fail(self, &err);
    return fc_cmd_done(self);
}

const struct fc_cmd fc_cmd_log = {.name = "log",
                                  .synopsis = "[-f] [-n N] [--types LIST] | --validation ID",
                                  .summary = "print the event log, or follow it",
                                  .about = about,
                                  .run = run};
