#include "va/va_int.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/base_text.h"
#include "model/model_ident.h"

struct http01 {
    struct fc_net_url first, url; /* the challenge's, and that of the hop under way */
    struct fc_va_target first_target, target;
    unsigned port;        /* public port of the hop */
    const char *location; /* the Location that led to the hop, as received; NULL: none did */
    const char *sender;   /* the address that sent it */
    const char *referer;
    const char *rehearsal; /* what of the redirect only `rehearsal` allowed */
    size_t followed;
    bool fell_back;
};

static void fetched(void *cookie, const struct fc_net_fetch_result *result);
static void looked_up(struct fc_va_run *run, const struct fc_va_answer *answers);

/* ---- failures ---- */

/* "<ip>: Fetching <url>: <message>"; ip and url may be NULL. The hop at the end of the trace gets the message alone. */
static void fail(struct fc_va_run *run, enum fc_problem_type type, const char *ip, const char *url, const char *message)
{
    if (run->n_hops > 0 && fc_va_trace_last(run)->error == NULL)
        fc_va_trace_last(run)->error = message;
    fc_problem_set(&run->problem, run->arena, type, "%s%s%s%s%s%s", ip != NULL ? ip : "", ip != NULL ? ": " : "",
                   url != NULL ? "Fetching " : "", url != NULL ? url : "", url != NULL ? ": " : "", message);
    fc_va_finish(run);
}

/* The URL as Go shows it: a password is hidden. */
static const char *shown_url(struct fc_va_run *run, const struct fc_net_url *url)
{
    const char *colon = url->userinfo != NULL ? strchr(url->userinfo, ':') : NULL;
    const char *at = colon != NULL ? strstr(url->text, url->userinfo) : NULL;

    if (at == NULL)
        return url->text;
    return fc_arena_printf(run->arena, "%.*s%.*s:***%s", (int)(at - url->text), url->text, (int)(colon - url->userinfo),
                           url->userinfo, at + strlen(url->userinfo));
}

/* Why the body of an answer 200 could not be read, in Go's words; NULL: this fault has a text of its own. */
static const char *body_text(struct fc_va_run *run, const struct fc_net_fetch_result *result)
{
    const struct fc_va_hop *hop = fc_va_trace_last(run);
    struct fc_net_addr remote;
    char text[FC_NET_ADDR_TEXT];

    switch ((int)result->fault) {
    case FC_NET_SHORT_BODY:
        return "unexpected EOF";
    case FC_NET_BAD_BODY:
        return result->error;
    case FC_NET_RESET:
        if (fc_net_addr_parse_ip(hop->used, &remote, NULL) != 0)
            return NULL;
        remote.port = hop->port;
        return fc_arena_printf(run->arena, "read tcp %s->%s: read: connection reset by peer", result->local,
                               fc_net_addr_text(&remote, text));
    default:
        return NULL;
    }
}

static void fail_fetch(struct fc_va_run *run, const struct fc_net_fetch_result *result)
{
    const struct http01 *state = run->state;
    const char *used = fc_va_trace_last(run)->used;
    const char *body = result->head_complete ? body_text(run, result) : NULL;

    if (result->fault == FC_NET_TLS)
        fail(run, FC_PROBLEM_TLS, used, shown_url(run, &state->url),
             fc_arena_printf(run->arena, "remote error: tls: %s", result->tls_alert));
    else if (body != NULL)
        fail(run, FC_PROBLEM_UNAUTHORIZED, used, NULL,
             fc_arena_printf(run->arena, "Error reading HTTP response body: %s", body));
    else
        fail(run, FC_PROBLEM_CONNECTION, used, shown_url(run, &state->url), fc_va_fault_text(result->fault));
}

/* ---- one hop ---- */

static void begin_hop(struct fc_va_run *run, const struct fc_net_addr *addr, const struct fc_net_addr *to)
{
    const struct http01 *state = run->state;
    struct fc_va_hop *hop = fc_va_trace_add(run, "http");

    hop->url = state->url.text;
    hop->host = state->url.host;
    hop->port = state->url.port_given ? state->url.port : state->port;
    fc_va_target_note(run, hop, &state->target, addr, to);
    if (state->rehearsal != NULL)
        fc_va_trace_rehearsal(run, hop, state->rehearsal);
}

static void fetch(struct fc_va_run *run, const struct fc_net_addr *address)
{
    const struct fc_net_fetch_result unseen = {.fault = FC_NET_CONNECT_TIMEOUT, .error = "", .local = "", .body = ""};
    const struct http01 *state = run->state;
    const struct fc_policy *policy = run->job->policy;
    struct fc_net_addr addr = *address;
    struct fc_net_fetch_params params = {.url = state->url.text,
                                         .host = state->url.host,
                                         .port = state->port,
                                         .user_agent = policy->validation.user_agent,
                                         .referer = state->referer,
                                         .body_max = (size_t)policy->validation.max_body,
                                         .body_status = 200,
                                         .connect_timeout = policy->validation.connect_timeout,
                                         .deadline = run->deadline};

    addr.port = state->port;
    fc_va_target_route(run, &addr, state->url.host, &params.to, &params.from);
    begin_hop(run, &addr, &params.to);
    if (run->blind)
        fetched(run, &unseen);
    else if (fc_net_fetch_start(run->va->fetch, &params, fetched, run, NULL) != 0)
        fail(run, FC_PROBLEM_CONNECTION, fc_va_trace_last(run)->used, shown_url(run, &state->url),
             fc_va_fault_text(FC_NET_GARBAGE));
}

/* IPv6 first if there is one. */
static void fetch_target(struct fc_va_run *run)
{
    struct http01 *state = run->state;

    if (state->location == NULL)
        state->first_target = state->target;
    fetch(run, state->target.v6.family != AF_UNSPEC ? &state->target.v6 : &state->target.v4);
}

/* Back to the challenge's URL on its first IPv4 address, whichever hop could not be connected to; what was visited and
 * followed still counts. Returns false when there is no such way, or it was taken before. */
static bool fall_back(struct fc_va_run *run)
{
    struct http01 *state = run->state;

    if (state->fell_back || state->first_target.v6.family == AF_UNSPEC || state->first_target.v4.family == AF_UNSPEC)
        return false;
    state->fell_back = true;
    state->url = state->first;
    state->target = state->first_target;
    state->port = (unsigned)run->job->policy->validation.http_port;
    state->location = state->sender = state->referer = state->rehearsal = NULL;
    fetch(run, &state->target.v4);
    return true;
}

/* ---- looking a host up ---- */

static void looked_up(struct fc_va_run *run, const struct fc_va_answer *answers)
{
    struct http01 *state = run->state;
    const char *why = fc_va_target_of_answers(run, state->url.host, answers, &state->target);

    if (why == NULL) {
        fetch_target(run);
        return;
    }
    struct fc_va_hop *hop = fc_va_trace_add(run, "http");
    hop->url = state->url.text;
    hop->host = state->url.host;
    hop->port = state->port;
    hop->dns_rule = fc_arena_strdup(run->arena, answers[0].dns.rule);
    fail(run, FC_PROBLEM_DNS, state->sender, state->location, why);
}

/* ---- answers ---- */

/* RFC 9110 section 10.1.3, as Go does it: no user information, and none of https for http. */
static const char *referer_of(struct fc_va_run *run, const struct fc_net_url *from, const struct fc_net_url *to)
{
    const char *at = from->userinfo != NULL ? strstr(from->text, from->userinfo) : NULL;

    if (strcmp(from->scheme, "https") == 0 && strcmp(to->scheme, "http") == 0)
        return NULL;
    if (at == NULL)
        return from->text;
    return fc_arena_printf(run->arena, "%.*s%s", (int)(at - from->text), from->text, at + strlen(from->userinfo) + 1);
}

static void follow(struct fc_va_run *run, const struct fc_va_redirect *redirect)
{
    struct http01 *state = run->state;
    const struct fc_va_hop *hop = fc_va_trace_last(run);

    state->referer = referer_of(run, &state->url, &redirect->to);
    state->url = redirect->to;
    state->port = redirect->port;
    state->rehearsal = redirect->rehearsal;
    state->location = hop->location;
    state->sender = hop->used;
    state->followed++;
    if (redirect->to.host_is_ip) {
        fc_va_target_of_ip(run, state->url.host, &state->target);
        fetch_target(run);
    } else {
        fc_va_target_ask(run, state->url.host, looked_up);
    }
}

/* Notes on the hop what was compared and where it begins to differ. */
static const struct fc_va_hop *compare_body(struct fc_va_run *run, const struct fc_net_fetch_result *result)
{
    struct fc_va_hop *hop = fc_va_trace_last(run);
    const char *expected = run->job->key_authorization;
    size_t len = fc_va_text_trim(result->body, result->body_len), at = 0;

    hop->compared = len;
    hop->received = fc_va_text_shown(run->arena, result->body, len);
    if (expected == NULL)
        return hop;
    hop->expected = fc_va_text_shown(run->arena, expected, strlen(expected));
    while (at < len && expected[at] != '\0' && result->body[at] == expected[at])
        at++;
    if (at < len || expected[at] != '\0')
        hop->first_difference = (int64_t)at;
    return hop;
}

static void check_body(struct fc_va_run *run, const struct fc_net_fetch_result *result)
{
    const struct http01 *state = run->state;
    const struct fc_va_hop *hop = compare_body(run, result);
    size_t len = hop->compared;

    if (result->body_full) {
        fail(run, FC_PROBLEM_UNAUTHORIZED, hop->used, NULL,
             fc_arena_printf(run->arena, "Invalid response from %s: %s", state->url.text,
                             fc_va_text_quote(run->arena, result->body, result->body_len)));
        return;
    }
    if (hop->first_difference < 0) {
        fc_va_finish(run);
        return;
    }
    fail(
        run, FC_PROBLEM_UNAUTHORIZED, NULL, NULL,
        fc_arena_printf(run->arena,
                        "The key authorization file from the server did not match this challenge. Expected %s (got %s)",
                        fc_va_text_quote(run->arena, run->job->key_authorization, strlen(run->job->key_authorization)),
                        fc_va_text_quote(run->arena, result->body, len)));
}

static void note_redirect(struct fc_va_run *run, struct fc_va_hop *hop, enum fc_va_redirect_verdict verdict,
                          const struct fc_va_redirect *redirect)
{
    if (verdict == FC_VA_REDIRECT_NONE)
        return;
    hop->redirect = verdict == FC_VA_REDIRECT_FOLLOW ? "followed" : "refused";
    hop->redirect_rule = verdict == FC_VA_REDIRECT_FOLLOW && redirect->rehearsal != NULL
                             ? fc_arena_printf(run->arena, "%s, %s", redirect->rule, redirect->rehearsal)
                             : redirect->rule;
}

static void answer(struct fc_va_run *run, const struct fc_net_fetch_result *result)
{
    const struct http01 *state = run->state;
    struct fc_va_hop *hop = fc_va_trace_last(run);
    struct fc_va_redirect redirect = {.policy = run->job->policy,
                                      .portmap = run->va->params.portmap,
                                      .from = &state->url,
                                      .status = result->status,
                                      .location = result->location,
                                      .tls_version = result->tls_version,
                                      .followed = state->followed,
                                      .hops = run->hops,
                                      .n_hops = run->n_hops};

    enum fc_va_redirect_verdict verdict = fc_va_redirect_judge(run->arena, &redirect);
    note_redirect(run, hop, verdict, &redirect);
    switch (verdict) {
    case FC_VA_REDIRECT_FOLLOW:
        follow(run, &redirect);
        return;
    case FC_VA_REDIRECT_REFUSED:
        fail(run, FC_PROBLEM_CONNECTION, hop->used, hop->location, redirect.message);
        return;
    case FC_VA_REDIRECT_UNPARSABLE:
        fail(run, FC_PROBLEM_CONNECTION, hop->used, shown_url(run, &state->url), fc_va_fault_text(FC_NET_GARBAGE));
        return;
    case FC_VA_REDIRECT_NONE:
    default:
        break;
    }
    if (result->status == 200)
        check_body(run, result);
    else
        fail(run, FC_PROBLEM_UNAUTHORIZED, hop->used, NULL,
             fc_arena_printf(run->arena, "Invalid response from %s: %d", state->url.text, result->status));
}

static void fetched(void *cookie, const struct fc_net_fetch_result *result)
{
    struct fc_va_run *run = cookie;
    struct fc_va_hop *hop = fc_va_trace_last(run);

    hop->status = result->status;
    hop->location = fc_va_text_utf8(run->arena, result->location);
    hop->tls = result->tls_version;
    hop->source = result->local[0] != '\0' ? fc_arena_strdup(run->arena, result->local) : NULL;
    hop->hsts = fc_va_text_utf8(run->arena, result->hsts);
    hop->server = fc_va_text_utf8(run->arena, result->server);
    fc_va_cert_describe(run, hop, result->certificate, result->certificate_len);
    hop->connect_ns = result->connect_ns;
    hop->total_ns = result->total_ns;
    if (run->va->closing) {
        fc_va_finish(run);
    } else if (result->fault == FC_NET_OK) {
        answer(run, result);
    } else {
        hop->error = fc_va_fault_text(result->fault);
        if (!fc_net_fetch_unconnected(result->fault) || !fall_back(run)) {
            fc_va_trace_last(run)->error = NULL;
            fail_fetch(run, result);
        }
    }
}

void fc_va_http01_start(struct fc_va_run *run)
{
    struct http01 *state = fc_arena_alloc(run->arena, sizeof *state);
    bool bracket = run->job->ident.type == FC_IDENT_IP && strchr(run->job->ident.value, ':') != NULL;
    const char *text = fc_arena_printf(run->arena, "http://%s%s%s/.well-known/acme-challenge/%s", bracket ? "[" : "",
                                       run->job->ident.value, bracket ? "]" : "", run->job->token);

    run->state = state;
    state->port = (unsigned)run->job->policy->validation.http_port;
    if (fc_net_url_parse(run->arena, text, &state->first, NULL) != 0) {
        fail(run, FC_PROBLEM_CONNECTION, NULL, text, fc_va_fault_text(FC_NET_GARBAGE));
        return;
    }
    state->url = state->first;
    if (run->job->ident.type == FC_IDENT_IP) {
        fc_va_target_of_ip(run, state->url.host, &state->target);
        fetch_target(run);
    } else {
        fc_va_target_ask(run, state->url.host, looked_up);
    }
}
