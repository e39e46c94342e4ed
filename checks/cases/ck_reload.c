/* checks.md 4.6: what visitors get after a renewal. */
#include <string.h>

#include "base/base_time.h"
#include "cases/ck_case.h"

/* Serial and phase of a renewal that was watched; false: there was none. */
static bool renewal(const struct ck_line *line, size_t which, const struct ck_issue **ret_issue,
                    enum ck_phase *ret_phase)
{
    if (!line->renewed[which] || !line->reload_judged[which])
        return false;
    *ret_issue = &line->issues[line->renewed[which] - 1];
    *ret_phase = which == 0 ? CK_PH_RENEWAL : CK_PH_SECOND;
    return true;
}

static void explain(const struct ck_line *line, const struct ck_issue *issue, size_t which, struct ck_verdict *v)
{
    const struct ck_act *act = line->renew_act[which];

    ck_verdict_evidence(v, issue->seen);
    ck_verdict_detail(v, "issued   %-12s %s   good until %s%s", ck_judge_short(issue->serial),
                      ck_line_day(line, issue->at), ck_line_day(line, issue->not_after),
                      line->cert_checked
                          ? line->cert_same_content ? "   (on disk at once)" : "   (\"cert\" still holds another)"
                          : "");
    ck_judge_all_serve(line, false, which == 0 ? CK_PH_RENEWAL : CK_PH_SECOND, issue->serial, v);
    for (size_t i = 0; i < line->n_glances; i++) {
        const struct ck_glance *glance = &line->glances[i];
        if (strcmp(glance->moment, "expiry") != 0 || !glance->reached || line->targets[glance->target].endpoint)
            continue;
        ck_verdict_evidence(v, glance->seen);
        ck_verdict_detail(v, "visitors %-12s %s   %s", ck_judge_short(glance->serial), ck_line_day(line, glance->at),
                          glance->at >= glance->not_after ? "EXPIRED" : "still valid");
        break;
    }
    if (act && act->ran) {
        ck_verdict_evidence(v, act->seen);
        ck_verdict_detail(v, "renewal  ended with %s", act->how.how);
        ck_judge_quote(v, "printed", act->how.output);
    }
}

/* The line that makes this client reload. */
static void remedy(const struct ck_line *line, struct ck_verdict *v)
{
    static const struct {
        const char *agent, *text;
    } rows[] = {
        {"certbot", "make the reload work: certbot reconfigure --cert-name NAME --deploy-hook \"nginx -s reload\" "
                    "(before certbot 2.3: "
                    "renew_hook in renewal/NAME.conf)"},
        {"xenolf-acme", "make the reload work: lego renew --renew-hook ./reload.sh"},
        {"dehydrated", "make the reload work: in the hook script's deploy_cert, and HOOK= in the config"},
        {"acme.sh", "make the reload work: acme.sh --install-cert -d NAME --reloadcmd \"nginx -s reload\""},
        {"uacme", "make the reload work: uacme issue NAME && nginx -s reload"},
        {"mod_md", "mod_md activates a new certificate at a graceful restart only: run apachectl graceful every night"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strstr(line->agent, rows[i].agent)) {
            ck_verdict_remedy(v, "%s", rows[i].text);
            return;
        }
    ck_verdict_remedy(
        v, "reload the server after each renewal; mount the folder, not the file; use the path that the client writes");
}

static void judge_serves(const struct ck_line *line, struct ck_verdict *v)
{
    const struct ck_issue *issue;
    enum ck_phase phase;
    size_t judged = 0;

    if (ck_judge_no_log(line, v) || ck_judge_no_https(line, v))
        return;
    for (size_t i = 0; i < 2; i++) {
        if (!renewal(line, i, &issue, &phase))
            continue;
        judged++;
        if (ck_judge_all_serve(line, false, phase, issue->serial, NULL))
            continue;
        ck_verdict_set(v, CK_FAIL, "Renewed on %s, but a schedule period later visitors still get the old certificate.",
                       ck_line_day(line, issue->at));
        explain(line, issue, i, v);
        remedy(line, v);
        return;
    }
    if (judged == 0)
        ck_verdict_set(v, CK_INCONCLUSIVE, "Nothing was renewed, so there was nothing to load.");
    else
        ck_verdict_set(v, CK_PASS, "After %s every visitor got the new certificate.",
                       judged == 1 ? "the renewal" : "both renewals");
}

static void judge_endpoints(const struct ck_line *line, struct ck_verdict *v)
{
    const struct ck_issue *issue;
    enum ck_phase phase;
    size_t judged = 0;

    if (ck_judge_no_log(line, v))
        return;
    for (size_t i = 0; i < 2; i++) {
        if (!renewal(line, i, &issue, &phase))
            continue;
        judged++;
        if (ck_judge_all_serve(line, true, phase, issue->serial, v))
            continue;
        ck_verdict_set(v, CK_FAIL, "An endpoint still serves the old certificate after the renewal of %s.",
                       ck_line_day(line, issue->at));
        ck_verdict_evidence(v, issue->seen);
        ck_verdict_remedy(v, "add it to the deploy hook");
        return;
    }
    if (judged == 0)
        ck_verdict_set(v, CK_INCONCLUSIVE,
                       line->renewed[0] ? "nobody looked at what is served over TLS" : "Nothing was renewed.");
    else
        ck_verdict_set(v, CK_PASS, "All %zu endpoints got the new certificate.", line->setup->n_endpoints);
}

static const struct ck_case cases[] = {
    {.id = "reload-serves-new-cert",
     .title = "visitors get the new certificate",
     .severity = CK_CRITICAL,
     .source = "seed; nasqueron.org 2017-03-12, acme-companion #121; measured, checks.md 1.4 c e j",
     .needs = CK_HAS_CLIENT,
     .phases = CK_PH_SECOND,
     .must_live = CK_PH_RENEWAL,
     .witnesses = CK_LOG | CK_TLS,
     .judge = judge_serves},
    {.id = "reload-all-endpoints",
     .title = "so do all other services",
     .severity = CK_CRITICAL,
     .source = "certbot #1473, #7412",
     .needs = CK_HAS_CLIENT | CK_HAS_ENDPOINTS,
     .phases = CK_PH_SECOND,
     .must_live = CK_PH_RENEWAL,
     .witnesses = CK_LOG | CK_TLS,
     .judge = judge_endpoints},
};
CK_GROUP(ck_group_reload, "reload", cases);
