#include "cases/ck_line.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/base_clock.h"
#include "base/base_time.h"
#include "core/ck_redact.h"

#define WAIT_MS 50
#define QUIET (700 * FC_MS) /* a service that has ordered and then says nothing for so long has finished */

int64_t ck_line_now(struct ck_line *line)
{
    return ck_ca_now(&line->stage->ca);
}

void ck_line_stop(struct ck_line *line, const char *format, ...)
{
    va_list args;

    if (line->stopped)
        return;
    va_start(args, format);
    vsnprintf(line->stop_why, sizeof line->stop_why, format, args);
    va_end(args);
    line->stopped = true;
}

const char *ck_line_day(const struct ck_line *line, int64_t at)
{
    static char bufs[4][48];
    static unsigned turn;
    char *buf = bufs[turn++ % 4];
    int64_t from = line->n_issues ? line->issues[0].at : at, passed = at > from ? at - from : 0;

    snprintf(buf, sizeof bufs[0], "day %d %02d:%02d", (int)(passed / FC_DAY), (int)(passed % FC_DAY / FC_HOUR),
             (int)(passed % FC_HOUR / FC_MINUTE));
    return buf;
}

const struct ck_issue *ck_line_newest(const struct ck_line *line)
{
    return line->kept ? &line->issues[line->kept - 1] : NULL;
}

/* ---- phases ---- */

static struct ck_span *span_of(struct ck_line *line, unsigned phase)
{
    size_t i = 0;

    while (phase > 1 && i + 1 < CK_PHASES) {
        phase >>= 1;
        i++;
    }
    return &line->spans[i];
}

void ck_line_enter(struct ck_line *line, enum ck_phase phase, const char *name)
{
    int64_t mono = fc_clock_mono(), now = ck_line_now(line);

    if (line->phase) {
        struct ck_span *before = span_of(line, line->phase);
        before->took += mono - line->entered;
        before->last = now;
    }
    line->phase = phase;
    line->entered = mono;
    if (!phase)
        return;
    struct ck_span *span = span_of(line, phase);
    span->first = span->first ? span->first : now;
    ck_stream_phase(line->stage->stream, name, now);
}

struct ck_span ck_line_span(const struct ck_line *line, unsigned phases)
{
    struct ck_span all = {0};

    for (size_t i = 0; i < CK_PHASES; i++) {
        const struct ck_span *one = &line->spans[i];
        if (!(phases & 1u << i) || !one->first)
            continue;
        all.took += one->took;
        all.first = all.first && all.first < one->first ? all.first : one->first;
        all.last = all.last > one->last ? all.last : one->last;
    }
    return all;
}

/* ---- acts ---- */

static struct ck_act *act_begin(struct ck_line *line, const char *what)
{
    ck_line_listen(line);
    if (line->n_acts == CK_LINE_ACTS_MAX)
        return NULL;
    struct ck_act *act = &line->acts[line->n_acts++];
    *act = (struct ck_act){.what = what,
                           .phase = line->phase,
                           .at = ck_line_now(line),
                           .orders = line->n_orders,
                           .accounts = line->n_accounts,
                           .issues = line->n_issues,
                           .started = line->n_started,
                           .invalid = line->n_invalid,
                           .refused = line->n_refused,
                           .requests = line->n_requests};
    return act;
}

static void act_end(struct ck_line *line, struct ck_act *act)
{
    ck_line_listen(line);
    act->orders = line->n_orders - act->orders;
    act->accounts = line->n_accounts - act->accounts;
    act->issues = line->n_issues - act->issues;
    act->started = line->n_started - act->started;
    act->invalid = line->n_invalid - act->invalid;
    act->refused = line->n_refused - act->refused;
    act->requests = line->n_requests - act->requests;
}

struct ck_act *ck_line_run(struct ck_line *line, const char *what, const char *command, enum ck_stage_kind kind,
                           int64_t timeout)
{
    struct ck_act *act = act_begin(line, what);
    struct fc_err err = {0};

    if (!act)
        return NULL;
    act->scheduled = kind == CK_SCHEDULED;
    act->ran = true;
    if (ck_stage_command(line->stage, command, kind, timeout, &act->how, &err)) {
        act->how.code = -1;
        act->how.output = fc_strdup(err.text);
        snprintf(act->how.how, sizeof act->how.how, "not started");
    }
    act_end(line, act);
    fc_auto_free char *shown = ck_redact_text(command);
    act->seen = ck_stream_seen(line->stage->stream, "run", act->at,
                               json_pack("{s:s,s:s,s:s,s:i,s:i}", "what", what, "command", shown, "output",
                                         act->how.output, "orders", (int)act->orders, "issued", (int)act->issues),
                               "%s: %s, %zu orders, %zu certificates", what, act->how.how, act->orders, act->issues);
    return act;
}

struct ck_act *ck_line_wait(struct ck_line *line, int64_t patience)
{
    struct ck_act *act = act_begin(line, "clock");
    int64_t begin = fc_clock_mono(), quiet_since = begin;

    if (!act)
        return NULL;
    for (size_t known = line->n_requests;; known = line->n_requests) {
        poll(NULL, 0, WAIT_MS);
        ck_line_listen(line);
        int64_t now = fc_clock_mono();
        if (line->n_requests != known)
            quiet_since = now;
        bool issued = line->n_issues > act->issues;
        if ((issued && now - quiet_since > QUIET) || now - begin > patience)
            break;
        /* an order under way is waited for */
        if (now - begin > patience / 3 && line->n_requests == act->requests && !line->setup->run.start)
            break;
    }
    act_end(line, act);
    return act;
}

int ck_line_go_to(struct ck_line *line, int64_t at, struct fc_err *err)
{
    return at <= ck_line_now(line) ? 0 : ck_line_set_clock(line, at, err);
}

int ck_line_set_clock(struct ck_line *line, int64_t at, struct fc_err *err)
{
    if (ck_ca_advance_to(&line->stage->ca, at, err))
        return -1;
    ck_line_listen(line);
    return 0;
}

/* ---- the whole ---- */

static int live(struct ck_line *line, struct fc_err *err)
{
    static const struct {
        unsigned phases;
        int (*live)(struct ck_line *line, struct fc_err *err);
    } steps[] = {{CK_PH_BOOTSTRAP, ck_line_bootstrap},
                 {CK_PH_PATH, ck_line_path},
                 {CK_PH_RESTART | CK_PH_REDEPLOY | CK_PH_OFFLINE, ck_line_keep},
                 {CK_PH_RENEWAL | CK_PH_SECOND | CK_PH_LATE, ck_line_renew}};

    if (ck_line_preflight(line, err))
        return -1;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if ((line->phases & steps[i].phases) && !line->stopped && steps[i].live(line, err))
            return -1;
    return 0;
}

static void add_target(struct ck_line *line, const struct fc_net_addr *at, const char *host, int starttls,
                       bool endpoint)
{
    if (line->n_targets < CK_LINE_TARGETS_MAX)
        line->targets[line->n_targets++] =
            (struct ck_target){.at = *at, .host = host, .starttls = starttls, .endpoint = endpoint};
}

static void list_targets(struct ck_line *line)
{
    const struct ck_setup *setup = line->setup;

    for (size_t i = 0; i < line->stage->n_https; i++) {
        for (size_t j = 0; j < setup->n_hosts; j++)
            add_target(line, &line->stage->https[i], setup->hosts[j], 0, false);
    }
    for (size_t i = 0; i < setup->n_endpoints; i++)
        add_target(line, &setup->endpoints[i].at, setup->endpoints[i].host, setup->endpoints[i].starttls, true);
}

unsigned ck_line_members(const struct ck_stage *stage)
{
    /* who points at a CA that is running is a client, with commands or without */
    return ck_setup_members(stage->setup) | (stage->attach ? CK_HAS_CLIENT : 0);
}

int ck_line_live(struct ck_line *line, struct fc_err *err)
{
    line->setup = line->stage->setup;
    line->members = ck_line_members(line->stage);
    line->hops = json_array();
    line->invalid = json_array();
    line->refusals = json_array();
    line->fresh_names = json_object();
    line->begun = ck_line_now(line);
    list_targets(line);
    int result = live(line, err);
    ck_line_enter(line, 0, NULL);
    return result;
}

void ck_line_release(struct ck_line *line)
{
    for (size_t i = 0; i < line->n_issues; i++)
        json_decref(line->issues[i].names);
    for (size_t i = 0; i < line->n_acts; i++)
        free(line->acts[i].how.output);
    for (size_t i = 0; i < line->n_fetches; i++)
        json_decref(line->fetches[i].answer);
    ck_tls_peer_release(&line->first);
    ck_tls_peer_release(&line->last);
    ck_tls_peer_release(&line->no_sni);
    json_decref(line->hops);
    json_decref(line->invalid);
    json_decref(line->refusals);
    json_decref(line->fresh_names);
    free(line->unsafe);
    free(line->roots_pem);
    free(line->delivered_pem);
}
