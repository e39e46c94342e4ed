/* checks.md 4.3: redirects of the challenge path. */
#include <stdio.h>
#include <string.h>

#include "base/base_arena.h"
#include "base/base_text.h"
#include "cases/ck_case.h"
#include "net/net_url.h"

#define HOPS_FEW 5

/* What all hops together show. */
struct facts {
    const struct ck_line *line;
    struct fc_arena *arena;
    size_t hops, answers, redirects, longest, in_chain, chain;
    char forbidden[1024], mapped[1024]; /* a Location with another port, one with the test port itself */
    unsigned forbidden_port;
    char lost[1024], glued[1024]; /* a Location without the path; with the path glued to the host */
    bool to_https, tls_faulty;    /* HTTPS was reached; with a certificate that does not verify */
    char fault[200];
};

static void keep(char *to, size_t room, const char *text)
{
    if (!*to)
        snprintf(to, room, "%s", text);
}

static bool is_ours(const struct ck_line *line, unsigned port)
{
    for (size_t i = 0; i < line->stage->n_doors; i++)
        if (line->stage->doors[i].at.port == port)
            return true;
    for (size_t i = 0; i < line->stage->n_https; i++)
        if (line->stage->https[i].port == port)
            return true;
    return false;
}

/* Only what a redirect of the challenge's own path leads to. */
static void read_location(struct facts *facts, const char *from, const char *location)
{
    struct fc_net_url base, to;

    if (fc_net_url_parse(facts->arena, from, &base, NULL) ||
        fc_net_url_resolve(facts->arena, &base, location, &to, NULL)) {
        keep(facts->lost, sizeof facts->lost, location);
        return;
    }
    if (to.port != 80 && to.port != 443) {
        bool ours = is_ours(facts->line, to.port);
        keep(ours ? facts->mapped : facts->forbidden, sizeof facts->forbidden, location);
        if (!ours && !facts->forbidden_port)
            facts->forbidden_port = to.port;
    }
    if (fc_text_ends(to.host, ".well-known"))
        keep(facts->glued, sizeof facts->glued, location);
    else if (!strstr(to.path, strrchr(base.path, '/')))
        keep(facts->lost, sizeof facts->lost, location);
}

static void on_hop(void *cookie, size_t chain, const json_t *hop)
{
    struct facts *facts = cookie;
    const char *location = ck_judge_text(hop, "location"), *url = ck_judge_text(hop, "url");
    const char *fault = ck_judge_text(hop, "cert_fault");

    if (facts->hops == 0 || chain != facts->chain)
        facts->in_chain = 0;
    facts->chain = chain;
    facts->hops++;
    facts->answers += json_integer_value(json_object_get(hop, "status")) > 0;
    if (fc_text_starts(url, "https:")) {
        facts->to_https = true;
        facts->tls_faulty |= *fault != '\0';
        keep(facts->fault, sizeof facts->fault, fault);
    }
    if (!*location)
        return;
    facts->redirects++;
    if (++facts->in_chain > facts->longest)
        facts->longest = facts->in_chain;
    read_location(facts, url, location);
}

static void gather(const struct ck_line *line, struct facts *ret_facts)
{
    *ret_facts = (struct facts){.line = line, .arena = fc_arena_new()};
    ck_judge_hops(line, on_hop, ret_facts);
    fc_arena_free(ret_facts->arena);
}

/* True when the verdict is set: nothing was asked, or nothing redirects. */
static bool no_redirect(const struct ck_line *line, const struct facts *facts, struct ck_verdict *v)
{
    if (facts->hops == 0)
        ck_verdict_set(v, CK_INCONCLUSIVE, "%s",
                       line->stage->blind & CK_PROBE ? "nobody looked from outside" : "port 80 was never asked");
    else if (facts->answers == 0)
        ck_verdict_set(v, CK_INCONCLUSIVE, "Port 80 never answered: see http-port80-open.");
    else if (facts->redirects == 0)
        ck_verdict_set(v, CK_SKIP, "nothing redirects the challenge path");
    return facts->redirects == 0;
}

static bool token_reached(const struct ck_line *line)
{
    for (size_t i = 0; i < line->n_fetches; i++)
        if (line->fetches[i].planted && line->fetches[i].valid)
            return true;
    return line->n_issues > 0 && line->issues[0].fresh > 0;
}

static void first_failed(const struct ck_line *line, struct ck_verdict *v)
{
    for (size_t i = 0; i < line->n_fetches; i++)
        if (!line->fetches[i].valid) {
            ck_judge_explain(&line->fetches[i], v);
            return;
        }
}

/* ---- the checks ---- */

static void judge_followed(const struct ck_line *line, struct ck_verdict *v)
{
    struct facts facts;

    gather(line, &facts);
    if (no_redirect(line, &facts, v))
        return;
    if (token_reached(line))
        ck_verdict_set(v, CK_PASS, "The token is reached over %zu redirect%s.", facts.longest,
                       facts.longest == 1 ? "" : "s");
    else
        ck_verdict_set(v, CK_INCONCLUSIVE, "The path redirects, and the token was not reached: see the other checks.");
}

static void judge_unverified(const struct ck_line *line, struct ck_verdict *v)
{
    struct facts facts;

    gather(line, &facts);
    if (no_redirect(line, &facts, v))
        return;
    if (!facts.to_https) {
        ck_verdict_set(v, CK_SKIP, "no redirect leads to HTTPS");
        return;
    }
    if (line->late_done && !line->late_valid) {
        ck_verdict_set(
            v, CK_FAIL,
            "Renewal works only while the old certificate is valid: with an expired one the token is not reached.");
        ck_verdict_evidence(v, line->late_act ? line->late_act->seen : 0);
        for (size_t i = line->n_fetches; i-- > 0;)
            if (!line->fetches[i].valid) {
                ck_judge_explain(&line->fetches[i], v);
                break;
            }
        ck_verdict_remedy(v, "let the challenge path through without verification, or answer it on port 80");
    } else if (token_reached(line) && facts.tls_faulty) {
        ck_verdict_set(v, CK_PASS,
                       "The token is reached through an HTTPS side whose certificate does not verify (%s)%s.",
                       facts.fault, line->late_done ? ", and an expired one" : "");
    } else {
        ck_verdict_set(v, CK_INCONCLUSIVE, "The HTTPS side never had a certificate that does not verify.");
    }
}

static void judge_hsts(const struct ck_line *line, struct ck_verdict *v)
{
    const char *hsts = "";

    if (line->stage->blind & CK_PROBE) {
        ck_verdict_set(v, CK_INCONCLUSIVE, "nobody looked from outside");
        return;
    }
    bool https = false, open = line->stage->n_doors > 0;
    for (size_t i = 0; i < line->stage->n_doors; i++) {
        const struct ck_knock *knock = &line->knocks[i];
        https |= knock->has_front;
        open &= knock->challenge.answered || line->stage->doors[i].at.family != line->stage->doors[0].at.family;
        hsts = *hsts ? hsts : knock->front.hsts;
        hsts = *hsts ? hsts : knock->challenge.hsts;
        ck_verdict_evidence(v, knock->seen);
    }
    if (!https) {
        ck_verdict_set(v, CK_SKIP, "HTTPS does not answer, so there is no header to judge");
    } else if (!*hsts) {
        ck_verdict_set(v, CK_PASS, "No Strict-Transport-Security is sent.");
    } else if (!open) {
        ck_verdict_set(v, CK_FAIL, "HSTS sends browsers to HTTPS, but the CA ignores it and finds port 80 closed.");
        ck_verdict_detail(v, "header   %s", hsts);
        ck_verdict_remedy(v, "keep port 80 open with a redirect");
    } else {
        ck_verdict_set(v, CK_PASS, "HSTS is sent (%s), and port 80 answers all the same.", hsts);
    }
}

static void judge_port(const struct ck_line *line, struct ck_verdict *v)
{
    struct facts facts;

    gather(line, &facts);
    if (no_redirect(line, &facts, v))
        return;
    if (*facts.forbidden) {
        ck_verdict_set(v, CK_FAIL, "Redirect to %s: Let's Encrypt refuses port %u.", facts.forbidden,
                       facts.forbidden_port);
        first_failed(line, v);
        ck_verdict_remedy(v, "redirect to the host without a port, and publish the service on 443");
    } else if (*facts.mapped) {
        ck_verdict_set(v, CK_WARN, "The redirect names the rehearsal's own port (%s), which production does not have.",
                       facts.mapped);
        ck_verdict_remedy(v, "nginx: port_in_redirect off; a redirect that names no port is the same everywhere");
    } else {
        ck_verdict_set(v, CK_PASS, "Redirects name no port but 80 and 443.");
    }
}

static void judge_path(const struct ck_line *line, struct ck_verdict *v)
{
    struct facts facts;

    gather(line, &facts);
    if (no_redirect(line, &facts, v))
        return;
    if (*facts.glued || *facts.lost) {
        if (*facts.glued)
            ck_verdict_set(v, CK_FAIL, "The redirect goes to %s: the path is glued to the host name.", facts.glued);
        else
            ck_verdict_set(v, CK_FAIL, "The redirect goes to %s and loses the path.", facts.lost);
        first_failed(line, v);
        ck_verdict_remedy(
            v, "redirect with the request URI (nginx: $request_uri; Apache: a slash at the end of the target)");
    } else {
        ck_verdict_set(v, CK_PASS, "Redirects keep the token's path.");
    }
}

static void judge_loop(const struct ck_line *line, struct ck_verdict *v)
{
    struct facts facts;

    gather(line, &facts);
    if (no_redirect(line, &facts, v))
        return;
    for (size_t i = 0; i < line->n_fetches; i++) {
        const char *detail = ck_judge_text(json_object_get(line->fetches[i].answer, "problem"), "detail");
        if (!strstr(detail, "Redirect loop") && !strstr(detail, "Too many redirects"))
            continue;
        ck_verdict_set(v, CK_FAIL, "The redirects of %s never end.", line->fetches[i].host);
        ck_judge_explain(&line->fetches[i], v);
        ck_verdict_remedy(
            v,
            "usually a proxy reaches the origin by HTTP: set it to full TLS, or redirect only when the proxy says that "
            "the visitor used HTTP");
        return;
    }
    if (facts.longest > HOPS_FEW)
        ck_verdict_set(v, CK_WARN, "There are %zu redirects in a row.", facts.longest);
    else
        ck_verdict_set(v, CK_PASS, "The redirects end after %zu.", facts.longest);
}

static const struct ck_case cases[] = {
    {.id = "redirect-https-followed",
     .title = "a redirect to HTTPS leads to the token",
     .severity = CK_CRITICAL,
     .source = "seed; Let's Encrypt: challenge types",
     .phases = CK_PH_PATH,
     .must_live = CK_PH_PATH,
     .either = CK_PROBE | CK_LOG,
     .no_mutant = "the catalogue knows pass and skip: what goes wrong on the way is the other redirect checks'",
     .judge = judge_followed},
    {.id = "redirect-cert-unverified",
     .title = "the challenge path needs no valid certificate",
     .severity = CK_CRITICAL,
     .source = "seed; Boulder va/http.go; step-ca #554",
     .needs = CK_HAS_RENEW,
     .phases = CK_PH_PATH | CK_PH_LATE,
     .must_live = CK_PH_PATH,
     .either = CK_PROBE | CK_LOG,
     .judge = judge_unverified},
    {.id = "redirect-hsts-irrelevant",
     .title = "port 80 stays open beside HSTS",
     .severity = CK_MAJOR,
     .source = "seed",
     .phases = CK_PH_PATH,
     .must_live = CK_PH_PATH,
     .witnesses = CK_PROBE,
     .judge = judge_hsts},
    {.id = "redirect-port",
     .title = "redirects name no forbidden port",
     .severity = CK_CRITICAL,
     .source = "Boulder extractRequestTarget; acme.sh #2418",
     .phases = CK_PH_PATH,
     .must_live = CK_PH_PATH,
     .either = CK_PROBE | CK_LOG,
     .judge = judge_port},
    {.id = "redirect-keeps-path",
     .title = "redirects keep the token's path",
     .severity = CK_CRITICAL,
     .source = "Boulder; Let's Debug BadRedirect; measured",
     .phases = CK_PH_PATH,
     .must_live = CK_PH_PATH,
     .either = CK_PROBE | CK_LOG,
     .judge = judge_path},
    {.id = "redirect-no-loop",
     .title = "redirects end",
     .severity = CK_CRITICAL,
     .source = "Boulder; docker-nginx-certbot #209",
     .phases = CK_PH_PATH,
     .must_live = CK_PH_PATH,
     .either = CK_PROBE | CK_LOG,
     .judge = judge_loop},
};
CK_GROUP(ck_group_redirect, "redirect", cases);
