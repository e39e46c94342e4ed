/* checks.md 4.1: is this rehearsal honest? */
#include <string.h>

#include "cases/ck_case.h"

static void judge_safe(const struct ck_line *line, struct ck_verdict *v)
{
    if (line->unsafe) {
        ck_verdict_set(v, CK_FAIL, "The setup is set to use a public CA, not the rehearsal's. Nothing was run.");
        ck_verdict_detail(v, "found    %s", line->unsafe);
        ck_verdict_remedy(
            v, "use $FAKECA_DIRECTORY in the command (--server \"$FAKECA_DIRECTORY\"), or work on a copy of the state");
        return;
    }
    if (!line->scanned) {
        ck_verdict_set(v, CK_INCONCLUSIVE, "the files of the setup could not be read");
        return;
    }
    if (ck_judge_no_log(line, v))
        return;
    if (line->n_requests == 0) {
        ck_verdict_set(v, CK_INCONCLUSIVE, "The client never contacted the rehearsal's CA.");
        if (line->issue_act)
            ck_judge_quote(v, "printed", line->issue_act->how.output);
        ck_verdict_remedy(v, "use $FAKECA_DIRECTORY in run.issue or run.renew");
        return;
    }
    ck_verdict_set(v, CK_PASS, "The rehearsal's CA was asked, and no other directory was found.");
    ck_verdict_detail(v, "client   %s", line->agent);
}

static void judge_clock(const struct ck_line *line, struct ck_verdict *v)
{
    if (ck_judge_no_log(line, v))
        return;
    if (line->control_act && line->control_act->orders) {
        ck_verdict_set(v, CK_INCONCLUSIVE,
                       "The client orders with a fresh certificate too, so nothing can be concluded from its orders.");
        ck_verdict_evidence(v, line->control_act->seen);
        ck_verdict_remedy(v, "see renewal-not-early");
        return;
    }
    if (!line->tried_at[0]) {
        ck_verdict_set(v, CK_INCONCLUSIVE, "The client did not notice that %s went by (%s).",
                       line->n_issues ? "the whole lifetime of its certificate" : "time", ck_judge_way(line));
        ck_verdict_remedy(v,
                          "see renewal-when-due; else set clock.how: run (commands live on the CA's clock), or aged "
                          "(certificates are issued with an age); for a server with timers of its own --patient 15m");
        return;
    }
    ck_verdict_set(v, CK_PASS, "A fresh certificate caused no order, a due one did (%s).", ck_judge_way(line));
    if (line->control_act)
        ck_verdict_evidence(v, line->control_act->seen);
    if (line->renew_act[0])
        ck_verdict_evidence(v, line->renew_act[0]->seen);
}

struct reach {
    const struct ck_line *line;
    bool by_log;
};

static void on_hop(void *cookie, size_t chain, const json_t *hop)
{
    struct reach *reach = cookie;

    (void)chain;
    reach->by_log |= json_integer_value(json_object_get(hop, "status")) > 0;
}

static void judge_reach(const struct ck_line *line, struct ck_verdict *v)
{
    struct reach reach = {.line = line};
    size_t reached = 0;

    if (line->stage->blind & CK_PROBE) {
        ck_verdict_set(v, CK_INCONCLUSIVE, "nobody looked from outside");
        return;
    }
    for (size_t i = 0; i < line->stage->n_doors; i++) {
        char at[FC_NET_ADDR_TEXT];
        const struct ck_knock *knock = &line->knocks[i];
        reached += knock->challenge.answered;
        ck_verdict_evidence(v, knock->seen);
        if (!knock->challenge.answered)
            ck_verdict_detail(v, "http     %s: %s", fc_net_addr_text(&line->stage->doors[i].at, at),
                              knock->challenge.error);
    }
    ck_judge_hops(line, on_hop, &reach);
    if (reached == line->stage->n_doors)
        ck_verdict_set(v, CK_PASS, "Every address of the description answers.");
    else if (reached == 0 && !reach.by_log)
        ck_verdict_set(v, CK_FAIL, "%s has no address that answers in this rehearsal.", line->setup->hosts[0]);
    else if (reached == 0)
        ck_verdict_set(v, CK_PASS, "The address answers only while the client itself listens there.");
    else
        ck_verdict_set(v, CK_WARN, "%zu of %zu addresses answer.", reached, line->stage->n_doors);
    ck_verdict_remedy(v, "correct \"http\" and \"https\"; a local run never covers real DNS, firewall or NAT");
}

static const struct ck_case cases[] = {
    {.id = "preflight-safe",
     .title = "nothing of the setup leaves the machine",
     .severity = CK_CRITICAL,
     .source = "Let's Encrypt integration guide; own",
     .needs = CK_HAS_CLIENT,
     .phases = CK_PH_BOOTSTRAP,
     .witnesses = CK_FILES | CK_LOG,
     .judge = judge_safe},
    {.id = "preflight-clock",
     .title = "the client notices simulated time",
     .severity = CK_CRITICAL,
     .source = "measured, checks.md 1.4 a",
     .needs = CK_HAS_CLIENT,
     .phases = CK_PH_RENEWAL,
     .must_live = CK_PH_RENEWAL,
     .witnesses = CK_LOG | CK_CLOCK,
     .opens = true,
     .judge = judge_clock},
    {.id = "preflight-reach",
     .title = "the addresses of the description answer",
     .severity = CK_MAJOR,
     .source = "Let's Debug: dnsA, ReservedAddress",
     .phases = CK_PH_PATH,
     .must_live = CK_PH_PATH,
     .witnesses = CK_PROBE,
     .judge = judge_reach},
};
CK_GROUP(ck_group_preflight, "preflight", cases);
