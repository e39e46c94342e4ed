/* checks.md 4.2: the HTTP path of the challenge. */
#include <string.h>
#include <sys/socket.h>

#include "base/base_time.h"
#include "cases/ck_case.h"

#define SLOW (3 * FC_SECOND)

static bool nobody_looked(const struct ck_line *line, struct ck_verdict *v)
{
    if (!(line->stage->blind & CK_PROBE))
        return false;
    ck_verdict_set(v, CK_INCONCLUSIVE, "nobody looked from outside");
    return true;
}

/* The first fetch as names lead for a host; NULL: none. */
static const struct ck_fetch *fetch_of(const struct ck_line *line, const char *host, int door)
{
    for (size_t i = 0; i < line->n_fetches; i++)
        if (line->fetches[i].door == door && strcmp(line->fetches[i].host, host) == 0)
            return &line->fetches[i];
    return NULL;
}

/* What the first answer of a fetch was; 0: none came. */
static int first_status(const struct ck_fetch *fetch)
{
    const json_t *hops = json_object_get(fetch->answer, "hops");

    return (int)json_integer_value(json_object_get(json_array_get(hops, 0), "status"));
}

/* By the log: the client's own challenges were validated. */
static bool validated(const struct ck_line *line)
{
    return line->n_issues > 0 && strcmp(line->issues[0].method, "http-01") == 0 && line->issues[0].fresh > 0;
}

/* ---- http-port80-open ---- */

/* A client that listens by itself opens the port only for the challenge. */
static bool answered_for_ca(const struct ck_line *line)
{
    return !line->setup->run.start && !line->setup->webroot && json_array_size(line->hops) > 0 && validated(line);
}

static void judge_port80(const struct ck_line *line, struct ck_verdict *v)
{
    char at[FC_NET_ADDR_TEXT];

    if (nobody_looked(line, v))
        return;
    ck_verdict_set(v, CK_PASS, "Plain HTTP is answered.");
    for (size_t i = 0; i < line->stage->n_doors; i++) {
        const struct ck_knock *knock = &line->knocks[i];
        ck_verdict_evidence(v, knock->seen);
        fc_net_addr_text(&line->stage->doors[i].at, at);
        bool tls_port = knock->challenge.status == 400 &&
                        (strstr(knock->challenge.body, "HTTPS port") || strstr(knock->challenge.body, "SSL-enabled"));
        /* that IPv6 alone is dead is http-ipv6-agrees's to tell: the CA falls back then */
        bool other_family = i > 0 && v->result == CK_PASS && line->stage->doors[i].at.family == AF_INET6;
        if ((!knock->challenge.answered && !other_family) || tls_port) {
            if (answered_for_ca(line)) {
                ck_verdict_set(v, CK_PASS,
                               "Plain HTTP is answered while the client asks for a certificate, and only then.");
                return;
            }
            ck_verdict_set(v, CK_FAIL, "Nothing answers plain HTTP at %s (%s). Let's Encrypt always starts on port 80.",
                           at, tls_port ? "the HTTPS port's page came" : knock->challenge.error);
            ck_verdict_remedy(v, "open port 80 and let the web server listen there; a redirect to HTTPS is fine");
            return;
        }
        if (knock->challenge.took > SLOW)
            ck_verdict_set(v, CK_WARN, "%s took %d ms to answer plain HTTP.", at, (int)(knock->challenge.took / FC_MS));
    }
}

/* ---- http-token-served ---- */

static void judge_token(const struct ck_line *line, struct ck_verdict *v)
{
    if (nobody_looked(line, v))
        return;
    const struct ck_fetch *fetch = fetch_of(line, line->setup->hosts[0], -1);
    if (line->webroot_unwritable) {
        ck_verdict_set(v, CK_FAIL, "The webroot cannot be written by the user that runs the client: %s",
                       line->webroot_error);
        ck_verdict_remedy(v, "give that user the right to write %s/.well-known/acme-challenge", line->setup->webroot);
    } else if (fetch && fetch->planted && !fetch->valid) {
        ck_verdict_set(v, CK_FAIL, "The CA does not get the token that lies in '%s' of %s.", line->setup->webroot,
                       fetch->host);
        ck_judge_explain(fetch, v);
    } else if (validated(line)) {
        ck_verdict_set(v, CK_PASS, "The client's own token was validated by http-01%s.",
                       fetch && fetch->planted ? ", and a token in the webroot as well" : "");
        ck_verdict_evidence(v, line->issues[0].seen);
    } else if (fetch && fetch->planted) {
        ck_verdict_set(v, CK_PASS, "A token in the webroot reaches the CA.");
        ck_verdict_evidence(v, fetch->seen);
    } else if (json_array_size(line->invalid)) {
        const json_t *invalid = json_array_get(line->invalid, 0);
        ck_verdict_set(v, CK_FAIL, "The CA refused the client's token of %s.", ck_judge_text(invalid, "identifier"));
        ck_verdict_detail(v, "the CA   %.400s", ck_judge_text(invalid, "detail"));
        ck_verdict_remedy(v, "let the challenge folder be served on port 80 before redirects, logins and catch-alls");
    } else {
        ck_verdict_set(v, CK_INCONCLUSIVE, "There was neither an order nor a webroot, so no token to fetch.");
        ck_verdict_remedy(v, "add \"webroot\" or a client (\"run.renew\")");
    }
}

/* ---- http-not-https-only ---- */

/* Whether port 80 sends the CA elsewhere: what goes wrong then is told by the redirect- checks. */
static bool redirected(const struct ck_fetch *fetch)
{
    return *ck_judge_text(json_array_get(json_object_get(fetch->answer, "hops"), 0), "location");
}

static void judge_https_only(const struct ck_line *line, struct ck_verdict *v)
{
    if (nobody_looked(line, v))
        return;
    const struct ck_fetch *fetch = fetch_of(line, line->setup->hosts[0], -1);
    bool somewhere = false; /* by one family or server at least: what the others do is told elsewhere */
    for (size_t i = 0; i < line->n_fetches; i++)
        somewhere |= line->fetches[i].planted && line->fetches[i].valid;
    if (fetch && fetch->planted && !somewhere && fetch->https_same && !redirected(fetch) && first_status(fetch)) {
        ck_verdict_set(v, CK_FAIL, "The token is served on HTTPS only; port 80 answered %d.", first_status(fetch));
        ck_judge_explain(fetch, v);
        ck_verdict_remedy(
            v, "add the challenge location to the port-80 server, or redirect port 80 to HTTPS with the full path");
    } else if (somewhere || (!line->setup->webroot && validated(line))) {
        ck_verdict_set(v, CK_PASS, "Port 80 leads to the token.");
        ck_verdict_evidence(v, fetch ? fetch->seen : 0);
    } else if (!line->setup->webroot) {
        ck_verdict_missing(v, "webroot");
    } else {
        ck_verdict_set(v, CK_INCONCLUSIVE,
                       "Port 80 does not lead to the token, for another reason: see http-token-served.");
    }
}

/* ---- http-all-names ---- */

static void judge_names(const struct ck_line *line, struct ck_verdict *v)
{
    size_t alive = 0, dead = 0;
    const struct ck_fetch *first_dead = NULL;

    if (nobody_looked(line, v))
        return;
    for (size_t i = 0; i < line->setup->n_hosts; i++) {
        const struct ck_fetch *fetch = fetch_of(line, line->setup->hosts[i], -1);
        if (!fetch || !fetch->planted)
            continue;
        alive += fetch->valid;
        dead += !fetch->valid;
        if (!fetch->valid)
            ck_verdict_detail(v, "dead     %s", fetch->host);
        if (!fetch->valid && !first_dead)
            first_dead = fetch;
    }
    if (dead && alive) {
        ck_verdict_set(v, CK_FAIL, "%s is in the certificate, but its challenge is answered by another site.",
                       first_dead->host);
        ck_judge_explain(first_dead, v);
        ck_verdict_remedy(
            v,
            "add the name to the server block, or take it out of the certificate: one dead name fails the whole order");
    } else if (dead) {
        ck_verdict_set(v, CK_INCONCLUSIVE, "No name has its token: see http-token-served.");
    } else if (alive == line->setup->n_hosts) {
        ck_verdict_set(v, CK_PASS, "The token of each of %zu names is served.", alive);
    } else if (validated(line) && line->issues[0].fresh >= line->setup->n_hosts) {
        ck_verdict_set(v, CK_PASS, "Each of %zu names was validated.", line->issues[0].fresh);
        ck_verdict_evidence(v, line->issues[0].seen);
    } else {
        ck_verdict_set(v, CK_INCONCLUSIVE, "There was no token to fetch for each name.");
    }
}

/* ---- http-ipv6-agrees, http-all-backends ---- */

static void judge_ipv6(const struct ck_line *line, struct ck_verdict *v)
{
    const struct ck_fetch *v4 = NULL, *v6 = NULL;

    if (nobody_looked(line, v))
        return;
    for (size_t i = 0; i < line->stage->n_doors; i++) {
        const struct ck_fetch *fetch = fetch_of(line, line->setup->hosts[0], (int)i);
        const struct ck_fetch **slot = line->stage->doors[i].at.family == AF_INET6 ? &v6 : &v4;
        if (!*slot)
            *slot = fetch;
    }
    if (!v4 || !v6) {
        ck_verdict_set(v, CK_INCONCLUSIVE, "The two families were not both asked.");
        return;
    }
    ck_verdict_evidence(v, v4->seen);
    ck_verdict_evidence(v, v6->seen);
    if (v4->valid == v6->valid && first_status(v4) == first_status(v6)) {
        ck_verdict_set(v, CK_PASS, "IPv6 and IPv4 give the same answer.");
    } else if (first_status(v6) == 0) {
        ck_verdict_set(v, CK_WARN, "IPv6 refuses the connection; the CA falls back to IPv4 on the first request only.");
        ck_verdict_remedy(v, "listen on IPv6 too, or take the AAAA record away");
    } else {
        ck_verdict_set(
            v, CK_FAIL,
            "IPv6 reaches another server than IPv4 (%d, not %d). Let's Encrypt prefers IPv6 and does not fall back "
            "once it answered.",
            first_status(v6), first_status(v4));
        ck_judge_explain(v6->valid ? v4 : v6, v);
        ck_verdict_remedy(v, "fix the AAAA record or the IPv6 listener");
    }
}

static void judge_backends(const struct ck_line *line, struct ck_verdict *v)
{
    size_t dead = 0, asked = 0;
    const struct ck_fetch *first_dead = NULL;

    if (nobody_looked(line, v))
        return;
    for (size_t i = 0; i < line->stage->n_doors; i++) {
        char at[FC_NET_ADDR_TEXT];
        const struct ck_fetch *fetch = fetch_of(line, line->setup->hosts[0], (int)i);
        if (!fetch || !fetch->planted)
            continue;
        asked++;
        if (fetch->valid)
            continue;
        dead++;
        ck_verdict_detail(v, "without  %s", fc_net_addr_text(&line->stage->doors[i].at, at));
        if (!first_dead)
            first_dead = fetch;
    }
    if (asked < line->stage->n_doors) {
        ck_verdict_set(v, CK_INCONCLUSIVE, "Not every server could be asked for a token (\"webroot\").");
    } else if (dead == 0) {
        ck_verdict_set(v, CK_PASS, "All %zu servers have the token.", asked);
    } else if (dead == asked) {
        ck_verdict_set(v, CK_INCONCLUSIVE, "No server has the token: see http-token-served.");
    } else {
        ck_verdict_set(v, CK_FAIL, "%zu of %zu servers do not have the token: validation succeeds only by luck.", dead,
                       asked);
        ck_judge_explain(first_dead, v);
        ck_verdict_remedy(v, "share the folder, or send /.well-known/acme-challenge/ to one host");
    }
}

static const struct ck_case cases[] = {
    {.id = "http-port80-open",
     .title = "port 80 is answered",
     .severity = CK_CRITICAL,
     .source = "seed; Let's Encrypt: challenge types, allow port 80",
     .phases = CK_PH_PATH,
     .must_live = CK_PH_PATH,
     .witnesses = CK_PROBE,
     .judge = judge_port80},
    {.id = "http-token-served",
     .title = "the token reaches the CA",
     .severity = CK_CRITICAL,
     .source = "seed; measured, checks.md 1.4 f",
     .phases = CK_PH_PATH,
     .must_live = CK_PH_PATH,
     .witnesses = CK_PROBE,
     .judge = judge_token},
    {.id = "http-not-https-only",
     .title = "the token is not on HTTPS alone",
     .severity = CK_CRITICAL,
     .source = "seed",
     .phases = CK_PH_PATH,
     .must_live = CK_PH_PATH,
     .witnesses = CK_PROBE,
     .judge = judge_https_only},
    {.id = "http-all-names",
     .title = "each name has its token",
     .severity = CK_CRITICAL,
     .source = "Let's Debug; mod_md 702_003; certbot-ci",
     .phases = CK_PH_PATH,
     .must_live = CK_PH_PATH,
     .witnesses = CK_PROBE,
     .judge = judge_names},
    {.id = "http-ipv6-agrees",
     .title = "IPv6 leads where IPv4 does",
     .severity = CK_CRITICAL,
     .source = "Let's Encrypt: IPv6 support; Let's Debug",
     .needs = CK_HAS_IPV6,
     .phases = CK_PH_PATH,
     .must_live = CK_PH_PATH,
     .witnesses = CK_PROBE,
     .judge = judge_ipv6},
    {.id = "http-all-backends",
     .title = "each server has the token",
     .severity = CK_CRITICAL,
     .source = "Let's Encrypt integration guide; certbot #6809",
     .needs = CK_HAS_BACKENDS,
     .phases = CK_PH_PATH,
     .must_live = CK_PH_PATH,
     .witnesses = CK_PROBE,
     .judge = judge_backends},
};
CK_GROUP(ck_group_http, "http", cases);
