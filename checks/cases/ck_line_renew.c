/* The schedule from an issue to its renewal, twice; what is served then; and a renewal after the certificate has expired. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_file.h"
#include "base/base_time.h"
#include "cases/ck_line.h"
#include "core/ck_core.h"
#include "pki/pki_cert.h"

/* Real time that a service which renews by itself gets after a skip. What it does later is seen at the next one, so it is long only
 * where an order is overdue. */
#define GLANCE FC_SECOND
#define PATIENCE (4 * FC_SECOND)
#define OVERDUE 0.75
#define FILE_MAX (1 << 20)
#define TRIES 3 /* runs in a row, a period apart, after one that ordered and got nothing */

/* ---- the schedule ---- */

/* Where runs are lived, as parts of the lifetime: known clients renew around a third (30 of 45 days left), a half, two thirds. Between
 * `fine_from` and `fine_to` every run is lived. */
struct grid {
    const double *parts;
    size_t count;
    double fine_from, fine_to;
};
/* A run that orders ends the season: what lies before it should be known well. */
static const double coarse[] = {0.15, 0.30, 0.33, 0.50, 0.60, 0.645, 0.75, 0.80, 0.85, 0.90, 0.95, 0.99};
/* A run that would order is taken back, and those before it are bisected: few are enough. */
static const double sparse[] = {0.645, 0.75, 0.85, 0.95, 0.99};

static int64_t part(const struct ck_issue *issue, double share)
{
    return issue->not_before + (int64_t)((double)(issue->not_after - issue->not_before) * share);
}

static struct grid grid_of(const struct ck_line *line, const struct ck_issue *issue)
{
    struct grid grid = {coarse, sizeof coarse / sizeof *coarse, 0.645, 0.695};

    if (!ck_line_can_search(line) && line->due_part <= 0)
        return grid;
    grid.parts = sparse;
    grid.count = sizeof sparse / sizeof *sparse;
    /* the second renewal is expected at the same part of the lifetime: the run before it comes first */
    if (line->due_part > 0) {
        double period = (double)line->setup->schedule.period / (double)(issue->not_after - issue->not_before);
        grid.fine_from = line->due_part - 1.5 * period;
        grid.fine_to = line->due_part + 0.03;
    }
    return grid;
}

/* The scheduled run that is lived after the one at `last`; 0: none before the end of the certificate. */
static int64_t next_lived(const struct ck_line *line, const struct ck_issue *issue, int64_t last)
{
    const struct ck_schedule *schedule = &line->setup->schedule;
    const struct grid grid = grid_of(line, issue);
    int64_t next = ck_schedule_next(schedule, issue->at, last);

    if (next >= issue->not_after)
        return 0;
    if (last == issue->at || line->stage->every_run)
        return next;
    if (last >= part(issue, grid.fine_from) && last < part(issue, grid.fine_to))
        return next;
    int64_t jump = INT64_MAX;
    for (size_t i = 0; i <= grid.count; i++) {
        int64_t at = part(issue, i < grid.count ? grid.parts[i] : grid.fine_from);
        int64_t run = at > last ? ck_schedule_next(schedule, issue->at, at - 1) : INT64_MAX;
        jump = run < jump ? run : jump;
    }
    jump = jump > next ? jump : next;
    return jump < issue->not_after ? jump : 0;
}

static size_t runs_between(const struct ck_line *line, const struct ck_issue *issue, int64_t from, int64_t to)
{
    size_t n = 0;

    for (int64_t at = ck_schedule_next(&line->setup->schedule, issue->at, from); at < to && n < 100000; n++)
        at = ck_schedule_next(&line->setup->schedule, issue->at, at);
    return n;
}

/* One scheduled run, or the time for the service to act by itself. */
static struct ck_act *tick(struct ck_line *line)
{
    line->lived++;
    if (line->setup->run.renew)
        return ck_line_run(line, "run.renew", line->setup->run.renew, CK_SCHEDULED, line->setup->timeouts.renew);
    bool overdue = ck_line_now(line) >= part(ck_line_newest(line), OVERDUE);
    bool patient = line->stage->patient && overdue && !line->waited;
    line->waited |= patient;
    return ck_line_wait(line, patient ? line->stage->patient : overdue ? PATIENCE : GLANCE);
}

/* ---- what is served, and what lies on disk ---- */

void ck_line_compare_files(struct ck_line *line)
{
    const struct ck_issue *issue = ck_line_newest(line);
    fc_auto_free char *text = NULL, *cert = NULL, *live = NULL, *a = NULL, *b = NULL;
    fc_auto(fc_cert_free) struct fc_cert *leaf = NULL;
    size_t len;

    if (!line->setup->cert || (line->stage->blind & CK_FILES))
        return;
    cert = ck_setup_path(line->setup, line->setup->cert);
    line->cert_checked =
        fc_file_read(cert, FILE_MAX, &text, &len, NULL) == 0 && fc_cert_from_pem(text, len, &leaf, NULL) == 0;
    if (leaf) {
        fc_auto_free char *serial = fc_cert_serial(leaf);
        line->cert_same_content = strcmp(serial, issue->serial) == 0;
    }
    if (line->setup->live) {
        live = ck_setup_path(line->setup, line->setup->live);
        a = realpath(cert, NULL);
        b = realpath(live, NULL);
        line->cert_same_file = a && b && strcmp(a, b) == 0;
    }
    line->cert_seen =
        ck_stream_seen(line->stage->stream, "file", ck_line_now(line), NULL, "'%s' holds %s certificate%s",
                       line->setup->cert, line->cert_same_content ? "the new" : "another",
                       line->cert_same_file ? ", and is the file that the client writes" : "");
}

/* Never reloads anything itself: waits as long as the description allows, then one period of the schedule. */
static int watch_reload(struct ck_line *line, size_t which, int64_t old_end, struct fc_err *err)
{
    struct ck_issue issue = *ck_line_newest(line);
    /* the verdict has fallen when nothing was loaded after the first renewal: one more look is evidence enough */
    bool known = which > 0 && line->reload_judged[0] && !line->reloaded[0];
    int64_t patience = known ? FC_SECOND : line->setup->timeouts.reload;

    line->reloaded[which] = ck_line_look(line, "renewed", issue.serial, patience);
    if (!line->reloaded[which] && !(line->stage->blind & CK_TLS)) {
        int64_t next = ck_schedule_next(&line->setup->schedule, issue.at, ck_line_now(line));
        if (ck_line_go_to(line, next, err))
            return -1;
        tick(line);
        line->reloaded[which] = ck_line_look(line, "period", ck_line_newest(line)->serial, patience);
    }
    ck_line_compare_files(line);
    if (!line->reloaded[which] && old_end > ck_line_now(line)) {
        if (ck_line_go_to(line, old_end + FC_MINUTE, err))
            return -1;
        ck_line_look(line, "expiry", NULL, 0);
    }
    line->reload_judged[which] = !(line->stage->blind & CK_TLS);
    return 0;
}

void ck_line_fetch_delivered(struct ck_line *line)
{
    char path[160];

    snprintf(path, sizeof path, "/api/v1/certificates/%s/chain.pem", ck_line_newest(line)->serial);
    free(FC_TAKE(line->delivered_pem));
    ck_ca_text(&line->stage->ca, path, &line->delivered_pem, NULL);
}

/* ---- from an issue to its renewal ---- */

/* True when the run ended the season. */
static bool judge_run(struct ck_line *line, size_t which, const struct ck_issue *issue, struct ck_act *act,
                      int64_t last)
{
    if (!act)
        return true;
    if (act->orders && act->at < part(issue, 0.333))
        line->early_orders += act->orders;
    if (act->orders && !line->tried_at[which])
        line->tried_at[which] = act->at;
    if (act->issues == 0)
        return false;
    line->renewed[which] = line->n_issues;
    line->renew_act[which] = act;
    line->due_after[which] = last;
    line->due_at[which] = act->at;
    line->due_part = (double)(act->at - issue->not_before) / (double)(issue->not_after - issue->not_before);
    return true;
}

/* Scheduled runs until one of them brings a certificate. */
static int season(struct ck_line *line, size_t which, struct fc_err *err)
{
    const struct ck_issue issue = *ck_line_newest(line);
    int64_t last = issue.at, at, now = ck_line_now(line);
    int failures = 0;

    if (now > last + line->setup->schedule.period) /* a CA that is running issued it long before we came */
        last = now;
    while ((at = next_lived(line, &issue, last))) {
        /* a run that tried and failed is followed by the next ones of the schedule, for it may be the second that works */
        if (failures > 0 && failures < TRIES)
            at = ck_schedule_next(&line->setup->schedule, issue.at, last);
        size_t between = runs_between(line, &issue, last, at);
        struct ck_line_found found = {.last = last, .at = at};
        if (between && !line->tried_at[which] && ck_line_can_search(line)) {
            if (ck_line_search(line, issue.at, &found, err))
                return -1;
            last = found.wanted ? found.last : at;
            if (!found.wanted)
                continue;
        } else {
            line->inferred += between;
        }
        at = found.at;
        if (ck_line_go_to(line, at, err))
            return -1;
        struct ck_act *act = tick(line);
        if (which == 0 && !line->control_act)
            line->control_act = act;
        /* a client that remembers the refused order outside of its state: what the search says of it is not to be trusted */
        line->misled |= found.wanted && act && act->orders == 0;
        if (judge_run(line, which, &issue, act, last))
            break;
        failures = act->orders ? failures + 1 : 0;
        if (failures > 2 * TRIES)
            break;
        last = at;
    }
    line->never_due[which] = line->renewed[which] == 0;
    if (line->never_due[which])
        return 0;
    ck_line_fetch_delivered(line);
    return watch_reload(line, which, issue.not_after, err);
}

/* The certificate expires, then the schedule goes on: the challenge path must not depend on a valid one. */
static int late(struct ck_line *line, struct fc_err *err)
{
    int64_t end = ck_line_newest(line)->not_after;
    size_t before = line->n_issues;

    ck_line_enter(line, CK_PH_LATE, "late");
    if (ck_line_go_to(line, end + FC_HOUR, err))
        return -1;
    ck_line_look(line, "expired", NULL, 0);
    line->late_valid = ck_line_fetch(line);
    line->late_act = tick(line);
    line->late_done = true;
    line->late_valid |= line->n_issues > before && line->issues[line->n_issues - 1].fresh > 0;
    line->done |= CK_PH_LATE;
    return 0;
}

/* The other way of moving time. */
static int without_run(struct ck_line *line, struct fc_err *err)
{
    if (line->setup->clock != CK_CLOCK_RUN && ck_line_can_age(line))
        return ck_line_aged(line, false, err);
    if (line->stage->way == CK_WAY_AGED)
        ck_line_stop(
            line,
            "certificates of another age need run.renew (or --patient), and a \"state\" below the description's folder "
            "(or run.reset)");
    else
        ck_line_stop(line, "commands could not be run on the simulated clock: %.300s", line->stage->shift_error);
    return 0;
}

/* A whole lifetime without an order: a client that the launcher does not reach (it works in a container that was there before), or
 * one that never renews. An old certificate on the machine's own clock tells them apart. */
static int second_opinion(struct ck_line *line, struct fc_err *err)
{
    if (line->setup->clock != CK_CLOCK_AUTO || !ck_line_can_age(line))
        return 0;
    int64_t now = ck_line_now(line);
    if (ck_line_aged(line, true, err))
        return -1;
    line->stopped = false; /* the first way has been lived to its end */
    line->done |= CK_PH_RENEWAL;
    if (line->tried_at[0])
        return 0;
    line->stage->way = CK_WAY_RUN;
    return ck_line_set_clock(line, now, err);
}

int ck_line_renew(struct ck_line *line, struct fc_err *err)
{
    if (line->n_issues == 0)
        return 0;
    if (line->stage->blind & CK_CLOCK) {
        ck_line_stop(line, "the clock is not looked at");
        return 0;
    }
    ck_line_scheduler(line);
    if (line->stage->way != CK_WAY_RUN)
        return without_run(line, err);
    ck_line_enter(line, CK_PH_RENEWAL, "renewal");
    if (season(line, 0, err))
        return -1;
    line->done |= CK_PH_RENEWAL;
    if (line->never_due[0])
        return line->tried_at[0] ? 0 : second_opinion(line, err);
    if (line->phases & CK_PH_SECOND) {
        ck_line_enter(line, CK_PH_SECOND, "second renewal");
        if (season(line, 1, err))
            return -1;
        line->done |= CK_PH_SECOND;
    }
    /* a service that renews by itself cannot be kept from it */
    if ((line->phases & CK_PH_LATE) && line->setup->run.renew && !line->never_due[1])
        return late(line, err);
    return 0;
}
