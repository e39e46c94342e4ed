/* What must survive: a restart, a redeployment, a restart while the CA is away. */
#include <stdio.h>
#include <string.h>

#include "base/base_time.h"
#include "cases/ck_line.h"
#include "core/ck_core.h"

#define OFFLINE_TIME (30 * FC_SECOND)
#define RECOVERY_TIME (3 * FC_SECOND)

/* run.restart, or stop and start: the act that counts is the last one, with the orders of both. */
struct ck_act *ck_line_restart(struct ck_line *line)
{
    const struct ck_setup *setup = line->setup;

    if (setup->run.restart)
        return ck_line_run(line, "run.restart", setup->run.restart, CK_SERVICE, setup->timeouts.restart);
    ck_line_run(line, "run.stop", setup->run.stop, CK_SERVICE, setup->timeouts.restart);
    return ck_line_run(line, "run.start", setup->run.start, CK_SERVICE, setup->timeouts.restart);
}

/* A service that renews by itself looks at its certificates when it starts. */
static void settle(struct ck_line *line, struct ck_act *act)
{
    size_t orders = line->n_orders, issues = line->n_issues, accounts = line->n_accounts;

    if (!line->setup->run.renew)
        ck_line_wait(line, 2 * FC_SECOND);
    if (act) {
        act->orders += line->n_orders - orders;
        act->issues += line->n_issues - issues;
        act->accounts += line->n_accounts - accounts;
    }
}

/* What was served last is expected again, whatever that was: what was wrong before is told elsewhere. */
static bool look_for_same(struct ck_line *line, const char *moment, const struct ck_act *act)
{
    /* what ordered something has failed already: one short look is evidence enough */
    int64_t patience = act && (act->orders || act->accounts) ? FC_SECOND : line->setup->timeouts.restart;
    const struct ck_glance *glance = ck_line_glance(line, 0, NULL, 0);
    char serial[sizeof glance->serial];

    snprintf(serial, sizeof serial, "%s", glance && glance->reached ? glance->serial : ck_line_newest(line)->serial);
    return ck_line_look(line, moment, serial, patience);
}

/* What was lost is a finding, and no reason for the phases that follow to fail: they start from the state before. */
static void recover(struct ck_line *line, const struct ck_line_state *state, const char *why)
{
    if (!state->folder)
        return;
    ck_line_enter(line, CK_PH_RECOVERY, "recovery");
    ck_line_state_back(line, state, why);
    ck_line_restart(line);
    if (ck_line_look(line, "recovered", line->serial_before, RECOVERY_TIME))
        return;
    /* what was lost is not in the description's state: from the beginning, then */
    ck_line_issue(line);
    ck_line_look(line, "recovered", ck_line_newest(line)->serial, RECOVERY_TIME);
}

static void live_restart(struct ck_line *line)
{
    ck_line_enter(line, CK_PH_RESTART, "restart");
    line->restart_act = ck_line_restart(line);
    settle(line, line->restart_act);
    look_for_same(line, "restarted", line->restart_act);
    line->done |= CK_PH_RESTART;
}

static void live_redeploy(struct ck_line *line, const struct ck_line_state *state)
{
    const struct ck_setup *setup = line->setup;

    ck_line_enter(line, CK_PH_REDEPLOY, "redeploy");
    line->redeploy_act = ck_line_run(line, "run.redeploy", setup->run.redeploy, CK_SERVICE, setup->timeouts.restart);
    settle(line, line->redeploy_act);
    bool same = look_for_same(line, "redeployed", line->redeploy_act);
    if (setup->run.renew)
        line->redeploy_renew_act =
            ck_line_run(line, "run.renew", setup->run.renew, CK_SCHEDULED, setup->timeouts.renew);
    line->done |= CK_PH_REDEPLOY;
    if (!same && (line->members & CK_HAS_RESTART))
        recover(line, state, "to what it was before the redeployment");
}

static void live_offline(struct ck_line *line, const struct ck_line_state *state)
{
    int64_t patience = line->setup->timeouts.restart;

    ck_line_enter(line, CK_PH_OFFLINE, "offline");
    ck_ca_away(&line->stage->ca, true);
    line->offline_act = ck_line_restart(line);
    /* the run after the redeployment may have renewed: any certificate will do */
    bool served = ck_line_look(line, "offline", CK_LINE_ANY, patience < OFFLINE_TIME ? patience : OFFLINE_TIME);
    ck_ca_away(&line->stage->ca, false);
    ck_line_listen(line);
    line->done |= CK_PH_OFFLINE;
    if (!served)
        recover(line, state, "to what it was before the restart without the CA");
}

int ck_line_keep(struct ck_line *line, struct fc_err *err)
{
    bool can_restart = line->members & CK_HAS_RESTART;
    struct ck_line_state state;

    (void)err;
    if (line->n_issues == 0)
        return 0;
    const struct ck_glance *glance = ck_line_glance(line, 0, NULL, 0);
    if (glance)
        snprintf(line->serial_before, sizeof line->serial_before, "%s", glance->serial);
    ck_line_state_save(line, &state);
    if ((line->phases & CK_PH_RESTART) && can_restart)
        live_restart(line);
    if ((line->phases & CK_PH_REDEPLOY) && line->setup->run.redeploy)
        live_redeploy(line, &state);
    /* others may need a CA that is running */
    if ((line->phases & CK_PH_OFFLINE) && can_restart && !line->stage->attach)
        live_offline(line, &state);
    ck_line_state_release(&state);
    return 0;
}
