/* dns-01 and dns-account-01: a TXT record with the digest of the key authorization. */
#include "va/va_int.h"

#include <string.h>

#include "base/base_b64.h"
#include "base/base_text.h"
#include "pki/pki_key.h"

enum { SHOWN = 100, DIGEST = 32, LABEL_BYTES = 10, LABEL = 16 };

struct dns01 {
    const char *name;
    const char *suffix;                       /* behind every text */
    char expected[FC_B64URL_LEN(DIGEST) + 1]; /* "": a probe takes whatever is there */
};

static void refuse(struct fc_va_run *run, enum fc_problem_type type, const char *detail)
{
    const struct dns01 *state = run->state;

    fc_va_trace_last(run)->error = detail;
    fc_problem_set(&run->problem, run->arena, type, "%s%s", detail, state->suffix);
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
        return true;
    for (size_t i = 0; i < dns->n_records; i++)
        if (dns->records[i].len == strlen(expected) && memcmp(dns->records[i].data, expected, strlen(expected)) == 0)
            return true;
    return false;
}

static void found(struct fc_va_run *run, const struct fc_va_answer *answers)
{
    const struct dns01 *state = run->state;
    const struct fc_dns_answer *dns = &answers[0].dns;
    const char *why = fc_va_dns_text(run->arena, dns, FC_DNS_TXT, state->name);

    fc_va_trace_txt(run, dns);
    if (why != NULL)
        refuse(run, FC_PROBLEM_DNS, why);
    else if (dns->n_records == 0)
        refuse(run, FC_PROBLEM_UNAUTHORIZED, fc_arena_printf(run->arena, "No TXT record found at %s", state->name));
    else if (!any_fits(dns, state->expected))
        refuse(run, FC_PROBLEM_UNAUTHORIZED, incorrect(run, dns));
    else
        run->record = fc_va_trace_dns_record(run);
    fc_va_finish(run);
}

static void start(struct fc_va_run *run, const char *name, const char *suffix)
{
    struct dns01 *state = fc_arena_alloc(run->arena, sizeof *state);
    const char *expected = run->job->key_authorization;
    unsigned char digest[DIGEST];
    struct fc_va_hop *hop = fc_va_trace_add(run, "txt");

    if (expected != NULL) {
        fc_key_sha256(expected, strlen(expected), digest);
        fc_b64url_encode(digest, sizeof digest, state->expected);
        hop->expected = fc_arena_printf(run->arena, "\"%s\"", state->expected);
    }
    state->name = name;
    state->suffix = suffix;
    run->state = state;
    hop->host = name;
    if (run->job->ident.type != FC_IDENT_DNS) {
        refuse(run, FC_PROBLEM_MALFORMED, "Identifier type for DNS was not itself DNS");
        fc_va_finish(run);
        return;
    }
    fc_va_dns_ask_txt(run, name, found);
}

void fc_va_dns01_start(struct fc_va_run *run)
{
    start(run, fc_arena_printf(run->arena, "_acme-challenge.%s", run->job->ident.value), "");
}

/* RFC 4648 base32 in lower case. */
static void base32(const unsigned char bytes[LABEL_BYTES], char ret_text[LABEL + 1])
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
    unsigned bits = 0, have = 0;
    size_t at = 0;

    for (size_t i = 0; i < LABEL_BYTES; i++) {
        bits = (bits << 8 | bytes[i]) & 0xFFFF;
        for (have += 8; have >= 5; have -= 5)
            ret_text[at++] = alphabet[bits >> (have - 5) & 31];
    }
    ret_text[at] = '\0';
}

void fc_va_dnsaccount01_start(struct fc_va_run *run)
{
    const char *url = run->job->account_url != NULL ? run->job->account_url : "";
    unsigned char digest[DIGEST];
    char label[LABEL + 1];

    fc_key_sha256(url, strlen(url), digest);
    base32(digest, label);
    start(run, fc_arena_printf(run->arena, "_%s._acme-challenge.%s", label, run->job->ident.value),
          fc_arena_printf(run->arena, " (account: %s)", fc_va_text_quote(run->arena, url, strlen(url))));
}
