/* checks.md 4.4: the first certificate. */
#include <string.h>

#include "base/base_time.h"
#include "cases/ck_case.h"

#define FAILURES_FINE 2

static void judge_bare(const struct ck_line *line, struct ck_verdict *v)
{
    if (!line->start_act) {
        ck_verdict_set(v, CK_INCONCLUSIVE, "%s", line->stopped ? line->stop_why : "the service was not started");
        return;
    }
    ck_verdict_evidence(v, line->start_act->seen);
    ck_verdict_evidence(v, line->bare_seen);
    if (line->reset_failed || (line->setup->n_state && !line->was_empty)) {
        ck_verdict_set(v, CK_INCONCLUSIVE, "The state could not be made empty: %s",
                       line->reset_failed ? line->reset_error : "something is left in it after run.reset");
    } else if (!line->bare_looked) {
        ck_verdict_set(v, CK_INCONCLUSIVE, "nobody looked from outside");
    } else if (line->bare_answered) {
        ck_verdict_set(v, CK_PASS, "The service starts without a certificate and answers on port 80.");
    } else {
        ck_verdict_set(v, CK_FAIL, "The service did not start without a certificate (%s).", line->start_act->how.how);
        ck_judge_quote(v, "printed", line->start_act->how.output);
        ck_verdict_remedy(v, "create a self-signed placeholder first, or issue before the HTTPS part is started");
    }
}

static void judge_https(const struct ck_line *line, struct ck_verdict *v)
{
    if (ck_judge_no_log(line, v))
        return;
    if (!line->first_issue) {
        ck_verdict_set(v, CK_FAIL, "No certificate was issued.");
        if (line->issue_act) {
            ck_verdict_evidence(v, line->issue_act->seen);
            ck_judge_quote(v, "printed", line->issue_act->how.output);
        }
        if (json_array_size(line->invalid))
            ck_verdict_detail(v, "the CA   %.400s", ck_judge_text(json_array_get(line->invalid, 0), "detail"));
        else if (json_array_size(line->refusals))
            ck_verdict_detail(v, "the CA   %.400s", ck_judge_text(json_array_get(line->refusals, 0), "detail"));
        ck_verdict_remedy(v, "the http- and redirect- checks tell what the CA met");
        return;
    }
    const struct ck_issue *issue = &line->issues[line->first_issue - 1];
    ck_verdict_evidence(v, issue->seen);
    if (ck_judge_no_https(line, v))
        return;
    ck_verdict_detail(v, "issued   %-12s %s", ck_judge_short(issue->serial), ck_line_day(line, issue->at));
    size_t failed = line->acts[line->issue_act ? line->issue_act - line->acts : 0].invalid;
    if (!ck_judge_all_serve(line, false, CK_PH_BOOTSTRAP, issue->serial, v)) {
        ck_verdict_set(v, CK_FAIL, "A certificate was issued, but visitors still get another one.");
        ck_verdict_remedy(v, "reload after the first issue as well; with webroot configure the HTTPS server yourself");
    } else if (failed > FAILURES_FINE) {
        ck_verdict_set(v, CK_FAIL, "The first certificate took %zu failed validations.", failed);
        ck_verdict_remedy(v, "five failures an hour close the door for that name");
    } else {
        ck_verdict_set(v, CK_PASS, "From an empty state to a served certificate without help.");
    }
}

static void judge_once(const struct ck_line *line, struct ck_verdict *v)
{
    if (ck_judge_no_log(line, v))
        return;
    if (!line->again_done) {
        ck_verdict_missing(v, "run.issue");
    } else if (line->again_orders == 0) {
        ck_verdict_set(v, CK_PASS, "Running the deployment twice more ordered nothing.");
    } else {
        ck_verdict_set(v, CK_FAIL, "Running the deployment again twice made %zu more orders.", line->again_orders);
        ck_verdict_remedy(v,
                          "ask the client to keep a certificate that is not due; no forced renewal in start scripts");
    }
}

static const struct ck_case cases[] = {
    {.id = "bootstrap-starts-bare",
     .title = "the service starts without a certificate",
     .severity = CK_CRITICAL,
     .source = "seed; mod_md 702_005; Traefik TestNoValidLetsEncryptServer",
     .needs = CK_HAS_START | CK_HAS_RESET,
     .phases = CK_PH_BOOTSTRAP,
     .witnesses = CK_PROBE,
     .judge = judge_bare},
    {.id = "bootstrap-reaches-https",
     .title = "the first certificate is served",
     .severity = CK_CRITICAL,
     .source = "seed; mod_md 602, 702; certbot-ci nginx",
     .needs = CK_HAS_CLIENT,
     .phases = CK_PH_BOOTSTRAP,
     .witnesses = CK_LOG | CK_TLS,
     .judge = judge_https},
    {.id = "bootstrap-once",
     .title = "deploying again issues nothing",
     .severity = CK_MAJOR,
     .source = "docker-nginx-ssl-proxy #29",
     .needs = CK_HAS_CLIENT,
     .phases = CK_PH_BOOTSTRAP,
     .must_live = CK_PH_BOOTSTRAP,
     .witnesses = CK_LOG,
     .judge = judge_once},
};
CK_GROUP(ck_group_bootstrap, "bootstrap", cases);
