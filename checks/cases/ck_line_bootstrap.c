/* From an empty state to a served certificate; then the deployment once more. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_clock.h"
#include "base/base_time.h"
#include "cases/ck_line.h"
#include "core/ck_core.h"
#include "stage/ck_tree.h"

#define KNOCK_TIME (5 * FC_SECOND)
#define BARE_TIME (30 * FC_SECOND)
#define AFTER_FAILURE (2 * FC_SECOND)
#define PAUSE_MS 100

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static const char *issue_command(const struct ck_line *line)
{
    return line->setup->run.issue ? line->setup->run.issue : line->setup->run.renew;
}

/* ---- the empty state ---- */

static void reset_failed(struct ck_line *line, const char *why)
{
    line->reset_failed = true;
    snprintf(line->reset_error, sizeof line->reset_error, "%.290s", why);
}

void ck_line_reset(struct ck_line *line)
{
    const struct ck_setup *setup = line->setup;
    struct fc_err err = {0};

    if (!(line->members & CK_HAS_RESET))
        return;
    if (setup->run.reset) {
        const struct ck_act *act =
            ck_line_run(line, "run.reset", setup->run.reset, CK_SERVICE, setup->timeouts.restart);
        if (act && act->how.code != 0)
            reset_failed(line, act->how.how);
    }
    line->was_empty = setup->n_state > 0;
    for (size_t i = 0; i < setup->n_state; i++) {
        fc_auto_free char *path = ck_setup_path(setup, setup->state[i]);
        if (!setup->run.reset && ck_setup_inside(setup, path) && ck_tree_empty(path, &err))
            reset_failed(line, err.text);
        size_t left = ck_tree_count(path);
        ck_stream_seen(line->stage->stream, "file", ck_line_now(line), NULL,
                       "state '%s' holds %zu entries after the reset", setup->state[i], left);
        line->was_empty &= left == 0;
    }
}

/* ---- the service ---- */

bool ck_line_answers(struct ck_line *line)
{
    if (line->stage->blind & CK_PROBE)
        return false;
    for (size_t i = 0; i < line->stage->n_doors; i++) {
        struct ck_http_answer answer;
        ck_http_get(&line->stage->doors[i].at, false, line->setup->hosts[0], "/", KNOCK_TIME, &answer);
        if (answer.answered)
            return true;
    }
    return false;
}

static bool await_answer(struct ck_line *line, int64_t patience)
{
    int64_t until = fc_clock_mono() + patience;

    while (!ck_line_answers(line)) {
        if (fc_clock_mono() > until)
            return false;
        poll(NULL, 0, PAUSE_MS);
    }
    return true;
}

/* The front stops the service when this process cannot any more. */
static void tell_service(struct ck_line *line, bool started)
{
    json_t *stop =
        started && line->setup->run.stop ? ck_stage_command_json(line->stage, line->setup->run.stop) : json_null();
    ck_stream_send(line->stage->stream, json_pack("{s:s,s:o}", "type", "service", "stop", stop));
}

static struct ck_act *start(struct ck_line *line)
{
    tell_service(line, true);
    line->started = true;
    return ck_line_run(line, "run.start", line->setup->run.start, CK_SERVICE, line->setup->timeouts.restart);
}

static void stop(struct ck_line *line)
{
    if (!line->setup->run.stop)
        return;
    ck_line_run(line, "run.stop", line->setup->run.stop, CK_SERVICE, line->setup->timeouts.restart);
    line->started = false;
}

static void start_bare(struct ck_line *line)
{
    const struct ck_setup *setup = line->setup;

    if (!setup->run.start)
        return;
    if (ck_line_answers(line)) {
        ck_line_stop(line, "something answers at the address of 'http' before run.start was run: stop it, or give the "
                           "rehearsal addresses of its own (port 0: any free one)");
        return;
    }
    struct ck_act *act = start(line);
    line->start_act = act;
    int64_t patience = least(setup->timeouts.bootstrap, BARE_TIME);
    line->bare_looked = !(line->stage->blind & CK_PROBE);
    line->bare_answered = await_answer(line, act && act->how.code != 0 ? least(patience, AFTER_FAILURE) : patience);
    line->bare_seen = ck_stream_seen(line->stage->stream, "http", ck_line_now(line), NULL,
                                     line->bare_answered ? "port 80 answers without a certificate"
                                                         : "port 80 does not answer after run.start");
}

/* ---- the first certificate ---- */

static bool try_issue(struct ck_line *line)
{
    const char *command = issue_command(line);

    ck_line_listen(line);
    if (!command && line->n_issues) /* a CA that is running has issued before we came */
        return true;
    if (command)
        line->issue_act = ck_line_run(line, line->setup->run.issue ? "run.issue" : "run.renew", command,
                                      line->setup->run.issue ? CK_SERVICE : CK_SCHEDULED, line->setup->timeouts.renew);
    else
        line->issue_act = ck_line_wait(line, line->setup->timeouts.bootstrap);
    return line->n_issues > 0;
}

/* With the service stopped, then started: how a standalone client gets its first certificate, or a service that cannot start
 * without one. */
static bool issue_first(struct ck_line *line)
{
    stop(line);
    bool issued = try_issue(line);
    start(line);
    await_answer(line, least(line->setup->timeouts.restart, issued ? BARE_TIME : AFTER_FAILURE));
    return issued;
}

bool ck_line_issue(struct ck_line *line)
{
    bool can_stop = line->setup->run.start && line->setup->run.stop && issue_command(line);

    if (can_stop && line->setup->method == CK_METHOD_STANDALONE)
        return issue_first(line);
    /* a client that writes to a webroot needs the service; another one may need the service's port */
    return try_issue(line) || (can_stop && !line->setup->webroot && issue_first(line));
}

/* The deployment once more, as an operator or an entry point repeats it. */
static void repeat(struct ck_line *line)
{
    const char *command = line->setup->run.issue;
    size_t before = line->n_orders;

    if (!command)
        return;
    for (int i = 0; i < 2; i++)
        ck_line_run(line, "run.issue", command, CK_SERVICE, line->setup->timeouts.renew);
    line->again_orders = line->n_orders - before;
    line->again_done = true;
    /* what was issued meanwhile is served now, or will be after a reload of its own */
    if (line->again_orders && line->n_issues)
        ck_line_look(line, "repeated", ck_line_newest(line)->serial, line->setup->timeouts.reload);
}

static void look_without_name(struct ck_line *line)
{
    const struct ck_tls_params params = {.to = line->stage->https[0], .timeout = KNOCK_TIME};

    if (line->stage->n_https && !(line->stage->blind & CK_TLS))
        ck_tls_look(&params, &line->no_sni);
}

int ck_line_bootstrap(struct ck_line *line, struct fc_err *err)
{
    ck_line_enter(line, CK_PH_BOOTSTRAP, "bootstrap");
    if (ck_ca_text(&line->stage->ca, "/api/v1/trust/root.pem", &line->roots_pem, err))
        return -1;
    if (!(line->members & CK_HAS_CLIENT))
        return 0;
    ck_line_reset(line);
    if (!line->stopped)
        start_bare(line);
    if (line->stopped)
        return 0;
    if (!ck_line_issue(line)) {
        ck_line_look(line, "bare", NULL, 0);
        /* what the outside sees tells why */
        ck_line_path(line, err);
        ck_line_stop(line, "no certificate was issued");
        return 0;
    }
    line->first_issue = line->n_issues;
    ck_line_look(line, "issued", ck_line_newest(line)->serial, line->setup->timeouts.bootstrap);
    look_without_name(line);
    repeat(line);
    line->done |= CK_PH_BOOTSTRAP;
    return 0;
}
