/* tls-alpn-01 (letsencrypt.md B.5, RFC 8737, RFC 8738 section 6): one TLS connection, and a certificate that is looked at. */
#include "va/va_int.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/base_clock.h"
#include "model/model_ident.h"
#include "net/net_tls.h"

#define PROTOCOL "acme-tls/1"

struct tlsalpn01 {
    struct fc_va_target target;
    const char *server_name;
    const char *tried; /* the IPv6 address that failed before; NULL: none */
};

static void fail(struct fc_va_run *run, enum fc_problem_type type, const char *ip, const char *message)
{
    if (run->n_hops > 0 && fc_va_trace_last(run)->error == NULL)
        fc_va_trace_last(run)->error = message;
    fc_problem_set(&run->problem, run->arena, type, "%s%s%s", ip != NULL ? ip : "", ip != NULL ? ": " : "", message);
    fc_va_finish(run);
}

/* ---- validationRecord (B.9) ---- */

static void set_record(struct fc_va_run *run, const char *used)
{
    const struct tlsalpn01 *state = run->state;
    json_t *record = json_object(), *resolved = json_array();
    char port[16];

    snprintf(port, sizeof port, "%lld", (long long)run->job->policy->validation.https_port);
    json_object_set_new(record, "hostname", json_string(run->job->ident.value));
    json_object_set_new(record, "port", json_string(port));
    for (const char **address = state->target.resolved; address != NULL && *address != NULL; address++)
        json_array_append_new(resolved, json_string(*address));
    if (run->job->ident.type == FC_IDENT_DNS && json_array_size(resolved) > 0)
        json_object_set(record, "addressesResolved", resolved);
    json_decref(resolved);
    json_object_set_new(record, "addressUsed", json_string(used));
    if (state->tried != NULL)
        json_object_set_new(record, "addressesTried", json_pack("[s]", state->tried));
    json_decref(run->record);
    run->record = json_pack("[o]", record);
}

/* ---- one connection ---- */

static void shaken(void *cookie, const struct fc_net_tls_result *result);

static void connect_to(struct fc_va_run *run, const struct fc_net_addr *address)
{
    const struct fc_net_tls_result unseen = {.fault = FC_NET_CONNECT_TIMEOUT, .local = ""};
    const struct tlsalpn01 *state = run->state;
    const struct fc_policy *policy = run->job->policy;
    struct fc_va_hop *hop = fc_va_trace_add(run, "tls-alpn");
    struct fc_net_tls_params params = {.server_name = state->server_name,
                                       .alpn = PROTOCOL,
                                       .deadline = fc_clock_mono() + policy->validation.connect_timeout};
    struct fc_net_addr addr = *address;

    addr.port = (unsigned)policy->validation.https_port;
    if (params.deadline > run->deadline)
        params.deadline = run->deadline;
    fc_va_target_route(run, &addr, run->job->ident.value, &params.to, &params.from);
    hop->host = run->job->ident.value;
    hop->port = addr.port;
    fc_va_target_note(run, hop, &state->target, &addr, &params.to);
    set_record(run, hop->used);
    if (run->blind)
        shaken(run, &unseen);
    else if (fc_net_tls_start(run->va->fetch, &params, shaken, run, NULL) != 0)
        fail(run, FC_PROBLEM_CONNECTION, hop->used, fc_va_fault_text(FC_NET_GARBAGE));
}

static void fail_connection(struct fc_va_run *run, const struct fc_net_tls_result *result)
{
    const char *used = fc_va_trace_last(run)->used;

    if (result->plain_http)
        fail(run, FC_PROBLEM_MALFORMED, used, "Server only speaks HTTP, not TLS");
    else if (result->fault == FC_NET_TLS)
        fail(run, FC_PROBLEM_TLS, used, fc_arena_printf(run->arena, "remote error: tls: %s", result->tls_alert));
    else
        fail(run, FC_PROBLEM_CONNECTION, used, fc_va_fault_text(result->fault));
}

/* Whatever went wrong with the IPv6 address, the first IPv4 address is tried. Returns false when that is not the case. */
static bool fall_back(struct fc_va_run *run, const struct fc_net_tls_result *result)
{
    struct tlsalpn01 *state = run->state;
    struct fc_va_hop *hop = fc_va_trace_last(run);

    if (state->tried != NULL || state->target.v6.family == AF_UNSPEC)
        return false;
    state->tried = hop->used;
    hop->error = result->plain_http          ? "Server only speaks HTTP, not TLS"
                 : result->tls_alert != NULL ? fc_arena_printf(run->arena, "remote error: tls: %s", result->tls_alert)
                                             : fc_va_fault_text(result->fault);
    if (state->target.v4.family != AF_UNSPEC) {
        connect_to(run, &state->target.v4);
        return true;
    }
    set_record(run, hop->used);
    fail(run, FC_PROBLEM_MALFORMED, NULL,
         fc_arena_printf(run->arena, "Unable to contact \"%s\" at \"%s\", no IPv4 addresses to try as fallback",
                         run->job->ident.value, hop->used));
    return true;
}

static void check_certificate(struct fc_va_run *run, const struct fc_net_tls_result *result)
{
    const struct fc_va_hop *hop = fc_va_trace_last(run);
    struct fc_net_addr addr;
    char text[FC_NET_ADDR_TEXT];

    if (result->alpn == NULL || strcmp(result->alpn, PROTOCOL) != 0) {
        fail(run, FC_PROBLEM_UNAUTHORIZED, NULL,
             "Cannot negotiate ALPN protocol \"" PROTOCOL "\" for tls-alpn-01 challenge");
        return;
    }
    const char *why = fc_va_cert_acme(run, fc_va_trace_last(run), result->certificate, result->certificate_len);
    if (why == NULL) {
        fc_va_finish(run);
        return;
    }
    fc_net_addr_parse_ip(hop->used, &addr, NULL);
    addr.port = hop->port;
    fail(run, FC_PROBLEM_UNAUTHORIZED, NULL,
         fc_arena_printf(run->arena,
                         "Incorrect validation certificate for tls-alpn-01 challenge. Requested %s from %s. %s",
                         run->job->ident.value, fc_net_addr_text(&addr, text), why));
}

static void shaken(void *cookie, const struct fc_net_tls_result *result)
{
    struct fc_va_run *run = cookie;
    struct fc_va_hop *hop = fc_va_trace_last(run);

    hop->tls = result->tls_version;
    hop->source = result->local[0] != '\0' ? fc_arena_strdup(run->arena, result->local) : NULL;
    hop->connect_ns = result->connect_ns;
    hop->total_ns = result->total_ns;
    fc_va_cert_describe(run, hop, result->certificate, result->certificate_len);
    if (run->va->closing)
        fc_va_finish(run);
    else if (result->fault == FC_NET_OK && result->certificate == NULL)
        fail(run, FC_PROBLEM_UNAUTHORIZED, NULL, "No certs presented for tls-alpn-01 challenge");
    else if (result->fault == FC_NET_OK)
        check_certificate(run, result);
    else if (!fall_back(run, result))
        fail_connection(run, result);
}

/* ---- the start ---- */

/* RFC 8738 section 6: the name under which a PTR record of the address would stand. */
static const char *reverse_name(struct fc_arena *arena, const char *ip)
{
    struct fc_net_addr addr = {0};
    char text[4 * 16 + 1];
    size_t at = 0;

    fc_net_addr_parse_ip(ip, &addr, NULL);
    if (addr.family != AF_INET6)
        return fc_arena_printf(arena, "%u.%u.%u.%u.in-addr.arpa", addr.bytes[3], addr.bytes[2], addr.bytes[1],
                               addr.bytes[0]);
    for (size_t i = 16; i-- > 0; at += 4)
        snprintf(text + at, sizeof text - at, "%x.%x.", addr.bytes[i] & 15u, addr.bytes[i] >> 4u);
    return fc_arena_printf(arena, "%sip6.arpa", text);
}

static void connect_first(struct fc_va_run *run)
{
    const struct tlsalpn01 *state = run->state;

    connect_to(run, state->target.v6.family != AF_UNSPEC ? &state->target.v6 : &state->target.v4);
}

static void looked_up(struct fc_va_run *run, const struct fc_va_answer *answers)
{
    struct tlsalpn01 *state = run->state;
    const char *why = fc_va_target_of_answers(run, run->job->ident.value, answers, &state->target);

    if (why == NULL) {
        connect_first(run);
        return;
    }
    struct fc_va_hop *hop = fc_va_trace_add(run, "tls-alpn");
    hop->host = run->job->ident.value;
    hop->port = (unsigned)run->job->policy->validation.https_port;
    hop->dns_rule = fc_arena_strdup(run->arena, answers[0].dns.rule);
    set_record(run, "");
    fail(run, FC_PROBLEM_DNS, NULL, why);
}

void fc_va_tlsalpn01_start(struct fc_va_run *run)
{
    struct tlsalpn01 *state = fc_arena_alloc(run->arena, sizeof *state);
    const char *name = run->job->ident.value;

    run->state = state;
    if (run->job->ident.type == FC_IDENT_DNS) {
        state->server_name = name;
        fc_va_target_ask(run, name, looked_up);
        return;
    }
    state->server_name = reverse_name(run->arena, name);
    fc_va_target_of_ip(run, name, &state->target);
    connect_first(run);
}
