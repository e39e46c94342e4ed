#include <stdio.h>
#include <string.h>

#include "base/base_text.h"
#include "base/base_time.h"
#include "cases/ck_case.h"

#define QUOTED_LINES 4

const char *ck_judge_short(const char *serial)
{
    static char bufs[4][16];
    static unsigned turn;
    char *buf = bufs[turn++ % 4];
    size_t len = strlen(serial);

    if (len <= 12)
        snprintf(buf, sizeof bufs[0], "%s", len ? serial : "nothing");
    else
        snprintf(buf, sizeof bufs[0], "%.4s..%.4s", serial, serial + len - 4);
    return buf;
}

const char *ck_judge_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

bool ck_judge_no_https(const struct ck_line *line, struct ck_verdict *verdict)
{
    bool reached = false;

    for (size_t i = 0; i < line->n_glances; i++)
        reached |= line->glances[i].reached;
    if (reached)
        return false;
    if (line->n_glances == 0)
        ck_verdict_set(verdict, CK_INCONCLUSIVE, "nobody looked at what is served over TLS");
    else if (json_object_get(line->setup->json, "https"))
        return false;
    else
        ck_verdict_missing(verdict, "https");
    return true;
}

bool ck_judge_no_clock(const struct ck_line *line, struct ck_verdict *v)
{
    const struct ck_stage *stage = line->stage;
    /* a command is started on the CA's clock, which a program that asks for the time has seen; a server's timers may still be real */
    bool proven = stage->way == CK_WAY_RUN && !stage->attach && (line->setup->run.renew || line->waited);

    if (line->tried_at[0] || proven)
        return false;
    ck_verdict_set(v, CK_INCONCLUSIVE,
                   "The client did not notice that its certificate grew old (%s), so nothing follows: "
                   "see preflight-clock.",
                   ck_judge_way(line));
    return true;
}

const char *ck_judge_way(const struct ck_line *line)
{
    if (line->stage->attach)
        return "its own clock beside that of the CA that was running";
    if (line->stage->way == CK_WAY_AGED)
        return "clock.how aged: the machine's clock, certificates issued with an age";
    return line->stage->way == CK_WAY_RUN ? "clock.how run: everything on the CA's clock"
                                          : "no way of moving time worked";
}

bool ck_judge_no_log(const struct ck_line *line, struct ck_verdict *verdict)
{
    if (line->heard)
        return false;
    ck_verdict_set(verdict, CK_INCONCLUSIVE, "the CA's log could not be read");
    return true;
}

bool ck_judge_all_serve(const struct ck_line *line, bool endpoints, enum ck_phase phase, const char *serial,
                        struct ck_verdict *verdict)
{
    bool all = true;

    for (size_t i = 0; i < line->n_targets; i++) {
        const struct ck_target *target = &line->targets[i];
        char at[FC_NET_ADDR_TEXT];
        if (target->endpoint != endpoints)
            continue;
        const struct ck_glance *glance = ck_line_glance(line, i, phase == CK_PH_BOOTSTRAP ? "issued" : NULL, phase);
        if (glance && strcmp(glance->moment, "expiry") == 0)
            glance = ck_line_glance(line, i, "period", phase);
        if (glance && glance->steady && strcmp(glance->serial, serial) == 0)
            continue;
        all = false;
        if (!glance || !verdict)
            continue;
        ck_verdict_evidence(verdict, glance->seen);
        ck_verdict_detail(verdict, "served   %-12s %s   %s at %s%s%s", ck_judge_short(glance->serial),
                          ck_line_day(line, glance->at), target->host ? target->host : "no name",
                          fc_net_addr_text(&target->at, at), glance->reached ? "" : ": ", glance->error);
    }
    return all;
}

void ck_judge_quote(struct ck_verdict *verdict, const char *label, const char *output)
{
    fc_auto_free char *copy = fc_strdup(output ? output : "");
    const char *lines[QUOTED_LINES] = {0};
    char *rest = copy, *text;
    size_t n = 0;

    while ((text = strsep(&rest, "\n"))) {
        if (!text[strspn(text, " \t-*")])
            continue;
        if (n == QUOTED_LINES)
            memmove(lines, lines + 1, sizeof lines - sizeof *lines);
        lines[n == QUOTED_LINES ? n - 1 : n] = text;
        n = n == QUOTED_LINES ? n : n + 1;
    }
    for (size_t i = 0; i < n; i++)
        ck_verdict_detail(verdict, "%-8s %.300s", i ? "" : label, lines[i]);
}

static bool primary_http(const json_t *hop)
{
    const char *perspective = ck_judge_text(hop, "perspective"), *step = ck_judge_text(hop, "step");

    return (!*perspective || strcmp(perspective, "primary") == 0) && (!*step || strcmp(step, "http") == 0);
}

void ck_judge_hops(const struct ck_line *line, ck_judge_hop_fn each, void *cookie)
{
    size_t chain = 0, i;
    const json_t *hop;

    for (size_t f = 0; f < line->n_fetches; f++, chain++) {
        const json_t *hops = json_object_get(line->fetches[f].answer, "hops");
        json_array_foreach(hops, i, hop)
        {
            if (primary_http(hop))
                each(cookie, chain, hop);
        }
    }
    json_array_foreach(line->hops, i, hop)
    {
        if (json_integer_value(json_object_get(hop, "hop")) == 1)
            chain++;
        each(cookie, chain, hop);
    }
}

static void detail_hops(const struct ck_fetch *fetch, struct ck_verdict *verdict)
{
    const json_t *hops = json_object_get(fetch->answer, "hops"), *hop;
    size_t i;

    json_array_foreach(hops, i, hop)
    {
        if (!primary_http(hop))
            continue;
        int status = (int)json_integer_value(json_object_get(hop, "status"));
        char received[64];
        snprintf(received, sizeof received, "%.60s", ck_judge_text(hop, "received"));
        received[strcspn(received, "\r\n")] = '\0';
        if (status)
            ck_verdict_detail(verdict, "asked    %s -> %d %s%s", ck_judge_text(hop, "url"), status,
                              ck_judge_text(hop, "location"), received);
        else
            ck_verdict_detail(verdict, "asked    %s -> %s", ck_judge_text(hop, "url"), ck_judge_text(hop, "error"));
    }
}

void ck_judge_explain(const struct ck_fetch *fetch, struct ck_verdict *verdict)
{
    const json_t *problem = json_object_get(fetch->answer, "problem");

    detail_hops(fetch, verdict);
    ck_verdict_detail(verdict, "the CA   %.400s", ck_judge_text(problem, "detail"));
    if (*ck_judge_text(fetch->answer, "remedy"))
        ck_verdict_remedy(verdict, "%s", ck_judge_text(fetch->answer, "remedy"));
    ck_verdict_evidence(verdict, fetch->seen);
}
