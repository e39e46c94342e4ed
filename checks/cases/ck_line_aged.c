/* Time by the age of certificates (checks.md 3.2, `aged`): commands keep the machine's clock. The CA issues as if its clock stood back,
 * with a renewal window of the certificate's own dates, and the client finds a certificate that is due. One age an issue: when it
 * becomes due is bisected over ages, each certificate issued from an empty state. */
#include "base/base_clock.h"
#include "base/base_time.h"
#include "cases/ck_line.h"
#include "core/ck_core.h"

#define PRECISION 0.03 /* of the lifetime */
#define CONTROL_TIME (4 * FC_SECOND)

/* Ages at which a renewal is expected, as shares of the lifetime: what passes as timely, then what comes late. */
static const double ages[] = {0.70, 0.86, 0.96};
#define AGES (sizeof ages / sizeof *ages)

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

bool ck_line_can_age(const struct ck_line *line)
{
    const struct ck_setup *setup = line->setup;
    bool by_itself = setup->run.start && setup->run.stop && line->stage->patient;

    return (setup->run.renew || by_itself) && (line->members & CK_HAS_RESET) && !line->stage->attach;
}

static int64_t lifetime(const struct ck_line *line)
{
    const struct ck_issue *issue = ck_line_newest(line);

    return issue->not_after - issue->not_before;
}

/* An empty state, and a certificate that is so old; *ret_issued: there is one. Its limits are ours to spend. */
static int issue_aged(struct ck_line *line, int64_t age, bool *ret_issued, struct fc_err *err)
{
    const struct ck_setup *setup = line->setup;
    size_t before = line->n_issues;

    *ret_issued = false;
    ck_ca_call(&line->stage->ca, "POST", "/api/v1/limits/reset", NULL, NULL, NULL);
    if (!setup->run.renew)
        ck_line_run(line, "run.stop", setup->run.stop, CK_SERVICE, setup->timeouts.restart);
    ck_line_reset(line);
    if (ck_line_set_clock(line, fc_clock_real() - age, err))
        return -1;
    if (setup->run.renew) {
        ck_line_issue(line);
    } else {
        ck_line_run(line, "run.start", setup->run.start, CK_SERVICE, setup->timeouts.restart);
        if (line->n_issues == before)
            ck_line_wait(line, setup->timeouts.bootstrap);
    }
    *ret_issued = line->n_issues > before;
    return 0;
}

/* A renewal validates anew: what the issue just before has validated is forgotten. A server that renews by itself does so as soon as it
 * looks, again and again while the CA's clock stands back: so it is in the present by then. NULL: it could not be done. */
static struct ck_act *run_due(struct ck_line *line)
{
    ck_ca_call(&line->stage->ca, "POST", "/api/v1/authorizations/purge", json_object(), NULL, NULL);
    if (!line->setup->run.renew)
        return ck_line_set_clock(line, fc_clock_real(), NULL) ? NULL : ck_line_wait(line, line->stage->patient);
    return ck_line_run(line, "run.renew", line->setup->run.renew, CK_SCHEDULED, line->setup->timeouts.renew);
}

/* No period of the schedule passes for the client; what visitors get in the end is looked at on the CA's clock. */
static int watch(struct ck_line *line, size_t which, int64_t old_end, struct fc_err *err)
{
    int64_t now = ck_line_now(line);

    line->reloaded[which] = ck_line_look(line, "renewed", ck_line_newest(line)->serial, line->setup->timeouts.reload);
    line->reload_judged[which] = !(line->stage->blind & CK_TLS);
    ck_line_compare_files(line);
    if (line->reloaded[which] || !line->reload_judged[which] || old_end <= now)
        return 0;
    if (ck_line_set_clock(line, old_end + FC_MINUTE, err))
        return -1;
    ck_line_look(line, "expiry", NULL, 0);
    return ck_line_set_clock(line, now, err);
}

static int take_renewal(struct ck_line *line, size_t which, struct ck_act *act, struct fc_err *err)
{
    int64_t old_end = line->issues[line->n_issues - act->issues - 1].not_after;

    line->renewed[which] = line->n_issues;
    line->renew_act[which] = act;
    ck_line_fetch_delivered(line);
    return watch(line, which, old_end, err);
}

/* The first renewal, at the first of the ages at which an order comes. The CA's clock still stands back: so the certificate that it
 * brings is due as well. */
static int first_renewal(struct ck_line *line, size_t from, size_t to, struct fc_err *err)
{
    int64_t life = lifetime(line);
    bool issued;

    for (size_t i = from; i < to && !line->tried_at[0]; i++) {
        if (issue_aged(line, (int64_t)(ages[i] * (double)life), &issued, err))
            return -1;
        if (!issued) {
            ck_line_stop(line, "run.issue got no certificate from an empty state, so none of another age could be had");
            return 0;
        }
        if (line->setup->run.renew)
            ck_line_look(line, "aged", ck_line_newest(line)->serial, line->setup->timeouts.reload);
        struct ck_act *act = run_due(line);
        if (!act || act->orders == 0) {
            line->share_low = ages[i];
            continue;
        }
        line->tried_at[0] = act->at;
        line->share_high = ages[i];
        if (act->issues && take_renewal(line, 0, act, err))
            return -1;
    }
    line->never_due[0] = line->renewed[0] == 0;
    return 0;
}

/* The second, with the CA in the present: after it the certificate is fresh, and a run must order nothing. */
static int second_renewal(struct ck_line *line, struct fc_err *err)
{
    ck_line_enter(line, CK_PH_SECOND, "second renewal");
    if (ck_line_set_clock(line, fc_clock_real(), err))
        return -1;
    struct ck_act *act = run_due(line);
    if (act && act->orders)
        line->tried_at[1] = act->at;
    if (act && act->issues && take_renewal(line, 1, act, err))
        return -1;
    line->never_due[1] = line->renewed[1] == 0;
    line->done |= CK_PH_SECOND;
    return 0;
}

static int bisect(struct ck_line *line, struct fc_err *err)
{
    int64_t life = lifetime(line);
    bool issued;

    while (line->share_high - line->share_low > PRECISION) {
        double middle = (line->share_low + line->share_high) / 2;
        if (issue_aged(line, (int64_t)(middle * (double)life), &issued, err))
            return -1;
        if (!issued || ck_line_set_clock(line, fc_clock_real(), err))
            return issued ? -1 : 0;
        line->ages++;
        if (ck_line_dry_run(line)) {
            line->share_high = middle;
            ck_line_revive(line, true);
        } else {
            line->share_low = middle;
        }
    }
    if (line->share_high < 0.333)
        line->early_orders++;
    return 0;
}

int ck_line_aged(struct ck_line *line, bool last_resort, struct fc_err *err)
{
    line->stage->way = CK_WAY_AGED;
    ck_line_enter(line, CK_PH_RENEWAL, "renewal, by the age of certificates");
    if (ck_line_set_clock(line, fc_clock_real(), err))
        return -1;
    if (line->setup->run.renew)
        line->control_act =
            ck_line_run(line, "run.renew", line->setup->run.renew, CK_SCHEDULED, line->setup->timeouts.renew);
    else
        line->control_act = ck_line_wait(line, least(line->stage->patient, CONTROL_TIME));
    line->early_orders += line->control_act ? line->control_act->orders : 0;
    if (first_renewal(line, last_resort ? 1 : 0, last_resort ? 2 : AGES, err))
        return -1;
    line->done |= line->stopped ? 0 : CK_PH_RENEWAL;
    /* a server that renews by itself would have to be waited for at each age */
    if (line->stopped || line->never_due[0] || !line->setup->run.renew)
        return 0;
    if ((line->phases & CK_PH_SECOND) && second_renewal(line, err))
        return -1;
    return bisect(line, err);
}
