#include "va/va_int.h"

#include <string.h>

#include "base/base_b64.h"
#include "pki/pki_key.h"

enum { SHOWN = 100, DIGEST = 32 };

struct dns01 {
    const char *name;
    char expected[FC_B64URL_LEN(DIGEST) + 1];
};

static void refuse(struct fc_va_run *run, enum fc_problem_type type, const char *detail)
{
    fc_va_trace_last(run)->error = detail;
    fc_problem_set(&run->problem, run->arena, type, "%s", detail);
}

static const char *incorrect(struct fc_va_run *run, const struct fc_dns_answer *dns)
{
    const struct dns01 *state = run->state;
    const struct fc_dns_record *first = &dns->records[0];
    size_t shown = first->len > SHOWN ? SHOWN : first->len;
    const char *text = fc_arena_memdup(run->arena, first->data, shown);
    const char *more = "";

    if (first->len > SHOWN)
        text = fc_arena_printf(run->arena, "%.*s...", (int)shown, text);
    if (dns->n_records > 1)
        more = fc_arena_printf(run->arena, " (and %zu more)", dns->n_records - 1);
    return fc_arena_printf(run->arena, "Incorrect TXT record %s%s found at %s",
                           fc_va_text_quote(run->arena, text, first->len > SHOWN ? strlen(text) : shown), more,
                           state->name);
}

static bool any_fits(const struct fc_dns_answer *dns, const char *expected)
{
    if (expected[0] == '\0')
        return true; /* a probe takes whatever is there */
    for (size_t i = 0; i < dns->n_records; i++)
        if (dns->records[i].len == strlen(expected) && memcmp(dns->records[i].data, expected, strlen(expected)) == 0)
            return true;
    return false;
}

static void found(struct fc_va_run *run, const struct fc_va_answer *answers)
{
    const struct dns01 *state = run->state;
    const struct fc_dns_answer *dns = &answers[0].dns;
    struct fc_va_hop *hop = fc_va_trace_last(run);
    if (dns->n_records > 0)
        hop->received = fc_va_text_shown(run->arena, (const char *)dns->records[0].data, dns->records[0].len);
    hop->expected =
        state->expected[0] != '\0' ? fc_va_text_quote(run->arena, state->expected, strlen(state->expected)) : NULL;
    const char *why = fc_va_dns_text(run->arena, dns, FC_DNS_TXT, state->name);

    hop->dns_rule = fc_arena_strdup(run->arena, dns->rule);
    if (why != NULL)
        refuse(run, FC_PROBLEM_DNS, why);
    else if (dns->n_records == 0)
        refuse(run, FC_PROBLEM_UNAUTHORIZED, fc_arena_printf(run->arena, "No TXT record found at %s", state->name));
    else if (!any_fits(dns, state->expected))
        refuse(run, FC_PROBLEM_UNAUTHORIZED, incorrect(run, dns));
    else
        run->record = json_pack("[{s:s,s:s}]", "hostname", run->ident.value, "addressUsed", "");
    fc_va_finish(run);
}

void fc_va_dns01_start(struct fc_va_run *run)
{
    static const enum fc_dns_type type = FC_DNS_TXT;
    struct dns01 *state = fc_arena_alloc(run->arena, sizeof *state);
    unsigned char digest[DIGEST];

    if (run->key_authorization != NULL) {
        fc_key_sha256(run->key_authorization, strlen(run->key_authorization), digest);
        fc_b64url_encode(digest, sizeof digest, state->expected);
    }
    state->name = fc_arena_printf(run->arena, "_acme-challenge.%s", run->ident.value);
    run->state = state;
    fc_va_trace_add(run, "txt")->host = state->name;
    if (run->ident.type != FC_IDENT_DNS) {
        refuse(run, FC_PROBLEM_MALFORMED, "Identifier type for DNS was not itself DNS");
        fc_va_finish(run);
        return;
    }
    fc_va_dns_ask(run, state->name, &type, 1, found);
}
