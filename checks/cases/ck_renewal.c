/* checks.md 4.5: renewal. */
#include <stdio.h>
#include <string.h>

#include "base/base_text.h"
#include "base/base_time.h"
#include "cases/ck_case.h"

#define SHORT_LIFE (10 * FC_DAY)

static const struct ck_issue *renewed(const struct ck_line *line, size_t which)
{
    return line->renewed[which] ? &line->issues[line->renewed[which] - 1] : NULL;
}

/* What a failed try at renewal looked like: the run, and what the CA said. */
static void detail_try(const struct ck_line *line, size_t which, struct ck_verdict *v)
{
    for (size_t i = 0; i < line->n_acts; i++) {
        const struct ck_act *act = &line->acts[i];
        if (act->at != line->tried_at[which] || !act->orders)
            continue;
        ck_verdict_evidence(v, act->seen);
        ck_verdict_detail(v, "tried    %s: %s, %zu orders, %zu challenges, %zu failed", ck_line_day(line, act->at),
                          act->ran ? act->how.how : "by itself", act->orders, act->started, act->invalid);
        ck_judge_quote(v, "printed", act->how.output);
        break;
    }
    size_t n = json_array_size(line->invalid);
    if (n)
        ck_verdict_detail(v, "the CA   %.400s", ck_judge_text(json_array_get(line->invalid, n - 1), "detail"));
}

/* ---- renewal-unattended ---- */

static void judge_unattended(const struct ck_line *line, struct ck_verdict *v)
{
    if (ck_judge_no_log(line, v) || (line->scheduler >= 0 && ck_judge_no_clock(line, v)))
        return;
    if (line->scheduler < 0) {
        ck_verdict_set(v, CK_FAIL, "The renewal line works, but nothing runs it: %s.", line->scheduler_said);
        ck_verdict_remedy(v, "enable the timer, add the cron line, or keep the renewal container running");
    } else if (!line->tried_at[0]) {
        ck_verdict_set(v, CK_FAIL, "From the issue to the end of the certificate nothing tried to renew.");
        ck_verdict_remedy(v, "look at what the renewal line does: %s",
                          line->setup->run.renew ? line->setup->run.renew : "the service renews by itself");
    } else if (line->setup->run.renew && line->scheduler == 0) {
        ck_verdict_set(v, CK_WARN, "The renewal line orders when due, but who runs it was not shown%s%s.",
                       line->scheduler_said[0] ? ": " : "", line->scheduler_said);
        ck_verdict_remedy(v, "add \"scheduler\" (cron:USER, systemd:UNIT, container:NAME) to the description");
    } else {
        ck_verdict_set(v, CK_PASS, "An order appears by itself (%s%s).", ck_line_day(line, line->tried_at[0]),
                       line->setup->run.renew ? ", and its scheduler is there" : "");
    }
}

/* ---- renewal-when-due ---- */

/* Which part of the lifetime had passed at the first order. */
static double due_share(const struct ck_line *line, const struct ck_issue *issue)
{
    if (line->share_high > 0)
        return line->share_high;
    return (double)(line->tried_at[0] - issue->not_before) / (double)(issue->not_after - issue->not_before);
}

static void detail_due(const struct ck_line *line, struct ck_verdict *v)
{
    if (line->share_high > 0) {
        ck_verdict_detail(
            v, "ages     no order after %.0f %% of the lifetime, one after %.0f %%; %zu certificates of other ages",
            100 * line->share_low, 100 * line->share_high, line->ages);
        return;
    }
    ck_verdict_detail(v, "runs     %zu lived, %zu inferred between two that ordered nothing", line->lived,
                      line->inferred);
    if (line->due_after[0])
        ck_verdict_detail(v, "due      after %s, at the latest %s", ck_line_day(line, line->due_after[0]),
                          ck_line_day(line, line->due_at[0]));
}

static void judge_due(const struct ck_line *line, struct ck_verdict *v)
{
    if (ck_judge_no_log(line, v) || ck_judge_no_clock(line, v))
        return;
    const struct ck_issue *first = &line->issues[line->first_issue ? line->first_issue - 1 : 0];
    for (size_t i = 0; i < line->n_issues && line->issues[i].phase == CK_PH_BOOTSTRAP; i++)
        first = &line->issues[i];
    int64_t life = first->not_after - first->not_before;
    if (!line->tried_at[0]) {
        ck_verdict_set(v, CK_FAIL, "The certificate of %d days expired, and no order was placed.",
                       (int)((life + FC_HOUR) / FC_DAY));
        ck_verdict_remedy(v, "renew at two thirds of the lifetime, or follow ARI; runs: every %s",
                          line->setup->schedule_text);
        return;
    }
    double share = due_share(line, first), until = life < SHORT_LIFE ? 0.70 : 0.85;
    int64_t passed = (int64_t)(share * (double)life);
    int day = (int)(passed / FC_DAY), days = (int)((life + FC_HOUR) / FC_DAY);
    detail_due(line, v);
    if (share < 0.30)
        ck_verdict_set(v, CK_INCONCLUSIVE, "It orders long before it is due (day %d of %d): see renewal-not-early.",
                       day, days);
    else if (share <= until)
        ck_verdict_set(v, CK_PASS, "Renewed on day %d of %d: %d days left for trouble.", day, days, days - day);
    else if (share <= 0.95)
        ck_verdict_set(v, CK_WARN, "Renewed on day %d of %d: %d days left for trouble.", day, days, days - day);
    else
        ck_verdict_set(v, CK_FAIL, "Renewed on day %d of %d: %d hours left for trouble.", day, days,
                       (int)((life - passed) / FC_HOUR));
    ck_verdict_remedy(v, "renew at two thirds of the lifetime, or follow ARI");
}

/* ---- renewal-not-early ---- */

static void judge_early(const struct ck_line *line, struct ck_verdict *v)
{
    if (ck_judge_no_log(line, v))
        return;
    if (line->early_orders) {
        ck_verdict_set(v, CK_FAIL, "The renewal line placed %zu order%s in the first third of the lifetime.",
                       line->early_orders, line->early_orders == 1 ? "" : "s");
        ck_verdict_evidence(v, line->control_act ? line->control_act->seen : 0);
        ck_verdict_remedy(
            v, "no forced renewal in the schedule; a fraction of the lifetime instead of a number of days, or ARI");
    } else if (!line->tried_at[0]) {
        ck_verdict_set(v, CK_INCONCLUSIVE, "It never ordered, so \"no early order\" proves nothing.");
    } else {
        ck_verdict_set(v, CK_PASS, "No order in the first third of the lifetime, and one when it was due.");
    }
}

/* ---- renewal-fresh-validation, renewal-twice, renewal-names-kept ---- */

static void judge_fresh(const struct ck_line *line, struct ck_verdict *v)
{
    size_t names = line->setup->n_hosts;

    if (ck_judge_no_log(line, v))
        return;
    for (size_t i = 0; i < 2; i++) {
        const struct ck_issue *issue = renewed(line, i);
        if (!issue && line->tried_at[i] && json_array_size(line->invalid)) {
            ck_verdict_set(v, CK_FAIL, "The renewal's validation failed.");
            detail_try(line, i, v);
            ck_verdict_remedy(v, "repair the challenge path: what worked at the first issue does not work now");
            return;
        }
        if (!issue && i == 0) {
            ck_verdict_set(v, CK_INCONCLUSIVE, "Nothing was renewed, so nothing was validated anew.");
            return;
        }
        if (!issue)
            break;
        ck_verdict_evidence(v, issue->seen);
        if (issue->fresh < json_array_size(issue->names)) {
            ck_verdict_set(v, CK_INCONCLUSIVE,
                           "The certificate of %s was renewed from a cached authorization: the path was not asked.",
                           ck_line_day(line, issue->at));
            return;
        }
    }
    ck_verdict_set(v, CK_PASS, "Each renewal validated %zu name%s anew.", names, names == 1 ? "" : "s");
}

static void judge_twice(const struct ck_line *line, struct ck_verdict *v)
{
    const struct ck_issue *first = renewed(line, 0), *second = renewed(line, 1);

    if (ck_judge_no_log(line, v))
        return;
    if (!first) {
        ck_verdict_set(v, CK_INCONCLUSIVE, "The first renewal did not come.");
    } else if (!(line->done & CK_PH_SECOND)) {
        ck_verdict_set(v, CK_INCONCLUSIVE, "The second renewal was not lived.");
    } else if (!second) {
        ck_verdict_set(v, CK_FAIL, "The first renewal worked, the second did not.");
        detail_try(line, 1, v);
        ck_verdict_remedy(
            v, "the stored renewal settings changed: re-create them (certbot reconfigure) and rehearse again");
    } else {
        if (line->stage->way == CK_WAY_AGED)
            ck_verdict_set(v, CK_PASS, "Two renewals of certificates that were old enough.");
        else
            ck_verdict_set(v, CK_PASS, "Two renewals, %s and %s.", ck_line_day(line, first->at),
                           ck_line_day(line, second->at));
        ck_verdict_evidence(v, first->seen);
        ck_verdict_evidence(v, second->seen);
    }
}

static bool contains(const json_t *names, const char *name)
{
    for (size_t i = 0; i < json_array_size(names); i++)
        if (strcmp(json_string_value(json_array_get(names, i)), name) == 0)
            return true;
    return false;
}

/* The first name of a that b lacks. */
static const char *lacking(const json_t *a, const json_t *b)
{
    for (size_t i = 0; i < json_array_size(a); i++)
        if (!contains(b, json_string_value(json_array_get(a, i))))
            return json_string_value(json_array_get(a, i));
    return NULL;
}

static void judge_names(const struct ck_line *line, struct ck_verdict *v)
{
    if (ck_judge_no_log(line, v))
        return;
    if (line->n_issues < 2) {
        ck_verdict_set(v, CK_INCONCLUSIVE, "There was only one certificate.");
        return;
    }
    for (size_t i = 1; i < line->n_issues; i++) {
        const char *lost = lacking(line->issues[i - 1].names, line->issues[i].names);
        const char *added = lacking(line->issues[i].names, line->issues[i - 1].names);
        if (!lost && !added)
            continue;
        ck_verdict_set(v, CK_FAIL,
                       lost ? "The certificate of %s dropped %s." : "The certificate of %s has a new name, %s.",
                       ck_line_day(line, line->issues[i].at), lost ? lost : added);
        ck_verdict_evidence(v, line->issues[i].seen);
        ck_verdict_remedy(v, "do not allow subsets silently; repair or remove the failing name");
        return;
    }
    ck_verdict_set(v, CK_PASS, "All %zu certificates have the same names.", line->n_issues);
}

/* ---- renewal-port-free ---- */

static bool listens_itself(const struct ck_line *line)
{
    return line->setup->method == CK_METHOD_STANDALONE || strstr(line->agent, "standalone");
}

static void judge_port(const struct ck_line *line, struct ck_verdict *v)
{
    const struct ck_issue *first = renewed(line, 0);

    if (ck_judge_no_log(line, v))
        return;
    const struct ck_act *busy = NULL;
    for (size_t i = 0; i < line->n_acts && !busy; i++)
        if (line->acts[i].scheduled && line->acts[i].orders && !line->acts[i].started && !line->acts[i].issues)
            busy = &line->acts[i];
    bool refused_by_service = listens_itself(line) && line->tried_at[0] && !line->renewed[0];
    if (!first && (busy || refused_by_service)) {
        ck_verdict_set(v, CK_FAIL, "The client wants port 80 for itself, and the service holds it.");
        detail_try(line, 0, v);
        ck_verdict_remedy(v, "use webroot; or stop and start the service in hooks; or get the first certificate with "
                             "the service up, the "
                             "same way");
    } else if (!listens_itself(line)) {
        ck_verdict_set(v, CK_SKIP, "the client does not listen itself (it says: %.80s)",
                       *line->agent ? line->agent : "nothing");
    } else if (first) {
        ck_verdict_set(v, CK_PASS, "The client got its port at the renewal, with the service running.");
        ck_verdict_evidence(v, first->seen);
    } else {
        ck_verdict_set(v, CK_INCONCLUSIVE, "Nothing was renewed.");
    }
}

/* ---- renewal-no-terminal ---- */

/* A shell's complaint, not a client's "404 Not Found". */
static const char *complaint(const char *output, char *line, size_t room)
{
    static const char *const texts[] = {": not found", "command not found", ": Permission denied", NULL};

    for (const char *at = output ? output : ""; *at; at += strcspn(at, "\n"), at += *at == '\n') {
        snprintf(line, room, "%.*s", (int)strcspn(at, "\n"), at);
        for (const char *const *text = texts; *text; text++)
            if (fc_text_ends(line, *text))
                return line;
    }
    return NULL;
}

static void judge_terminal(const struct ck_line *line, struct ck_verdict *v)
{
    char text[300];
    size_t runs = 0;

    for (size_t i = 0; i < line->n_acts; i++) {
        const struct ck_act *act = &line->acts[i];
        if (!act->scheduled || !act->ran || act->undone)
            continue;
        runs++;
        const char *said = complaint(act->how.output, text, sizeof text);
        if (!act->how.timed_out && !said && act->how.code != 126 && act->how.code != 127)
            continue;
        if (act->how.timed_out)
            ck_verdict_set(v, CK_FAIL, "The renewal line did not end within %d s as cron would run it.",
                           (int)(line->setup->timeouts.renew / FC_SECOND));
        else
            ck_verdict_set(v, CK_FAIL, "The renewal line fails as cron would run it: %s", said ? said : act->how.how);
        ck_verdict_evidence(v, act->seen);
        ck_judge_quote(v, "printed", act->how.output);
        ck_verdict_remedy(
            v,
            "absolute paths in commands and hooks, and the client's non-interactive flag (cron: PATH=/usr/bin:/bin)");
        return;
    }
    if (runs == 0)
        ck_verdict_set(v, CK_INCONCLUSIVE, "The renewal line was never run.");
    else
        ck_verdict_set(v, CK_PASS, "%zu runs without a terminal, with PATH=/usr/bin:/bin, ended in time.", runs);
}

static const struct ck_case cases[] = {
    {.id = "renewal-unattended",
     .title = "an order comes by itself",
     .severity = CK_CRITICAL,
     .source = "seed; openemr-devops #401, certbot #8889",
     .needs = CK_HAS_CLIENT,
     .phases = CK_PH_RENEWAL,
     .must_live = CK_PH_RENEWAL,
     .witnesses = CK_LOG,
     .judge = judge_unattended},
    {.id = "renewal-when-due",
     .title = "it comes in time",
     .severity = CK_CRITICAL,
     .source = "Let's Encrypt integration guide",
     .needs = CK_HAS_CLIENT,
     .phases = CK_PH_RENEWAL,
     .must_live = CK_PH_RENEWAL,
     .witnesses = CK_LOG | CK_CLOCK,
     .judge = judge_due},
    {.id = "renewal-not-early",
     .title = "it does not come too early",
     .severity = CK_MAJOR,
     .source = "measured, checks.md 1.4 b",
     .needs = CK_HAS_RENEW,
     .phases = CK_PH_RENEWAL,
     .must_live = CK_PH_RENEWAL,
     .witnesses = CK_LOG | CK_CLOCK,
     .judge = judge_early},
    {.id = "renewal-fresh-validation",
     .title = "it validates anew",
     .severity = CK_CRITICAL,
     .source = "certbot #5116; measured, checks.md 1.4 d",
     .needs = CK_HAS_CLIENT,
     .phases = CK_PH_SECOND,
     .must_live = CK_PH_RENEWAL,
     .witnesses = CK_LOG,
     .judge = judge_fresh},
    {.id = "renewal-twice",
     .title = "it works a second time",
     .severity = CK_CRITICAL,
     .source = "certbot #7048, #7499",
     .needs = CK_HAS_CLIENT,
     .phases = CK_PH_SECOND,
     .must_live = CK_PH_RENEWAL,
     .witnesses = CK_LOG,
     .judge = judge_twice},
    {.id = "renewal-names-kept",
     .title = "no name is lost",
     .severity = CK_MAJOR,
     .source = "mod_md 702_030; certbot-ci",
     .needs = CK_HAS_CLIENT,
     .phases = CK_PH_SECOND,
     .must_live = CK_PH_RENEWAL,
     .witnesses = CK_LOG,
     .judge = judge_names},
    {.id = "renewal-port-free",
     .title = "the client gets its port",
     .severity = CK_CRITICAL,
     .source = "seed; certbot #6527, #8485",
     .needs = CK_HAS_START | CK_HAS_RENEW,
     .phases = CK_PH_RENEWAL,
     .must_live = CK_PH_RENEWAL,
     .witnesses = CK_LOG,
     .judge = judge_port},
    {.id = "renewal-no-terminal",
     .title = "it runs as cron runs it",
     .severity = CK_MAJOR,
     .source = "cron; acmetest",
     .needs = CK_HAS_RENEW,
     .phases = CK_PH_RENEWAL,
     .must_live = CK_PH_RENEWAL,
     .witnesses = CK_LOG,
     .judge = judge_terminal},
};
CK_GROUP(ck_group_renewal, "renewal", cases);
