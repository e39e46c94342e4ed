/* dns-persist-01: a TXT record that lets an account validate a name again and again (letsencrypt.md B.7). */
#include "va/va_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/base_text.h"
#include "base/base_time.h"
#include "va/va_param.h"

#define RECORD " DNS-PERSIST-01 challenge TXT record with issuer-domain-name "
#define UNTIL_MAX (FC_TIME_MAX / FC_SECOND)

/* What the records said so far, should none of them be good. */
struct complaints {
    const char *syntax, *refusals; /* "; " between them */
};

static void refuse(struct fc_va_run *run, enum fc_problem_type type, const char *detail)
{
    fc_va_trace_last(run)->error = detail;
    fc_problem_set(&run->problem, run->arena, type, "%s", detail);
}

static const char *quote(struct fc_va_run *run, const char *text)
{
    return fc_va_text_quote(run->arena, text, strlen(text));
}

static const char *find_param(const struct fc_va_issue *issue, const char *name)
{
    for (size_t i = 0; i < issue->n_params; i++)
        if (fc_text_equal_nocase(issue->params[i].name, name))
            return issue->params[i].value;
    return NULL;
}

/* What the grammar alone does not say; NULL: nothing. */
static const char *check_params(struct fc_va_run *run, const struct fc_va_issue *issue)
{
    static const char *const known[] = {"accounturi", "policy", "persistuntil"};
    const char *uri = find_param(issue, "accounturi"), *until = find_param(issue, "persistuntil");
    int64_t seconds;

    for (size_t i = 0; i < issue->n_params; i++)
        for (size_t j = 0; j < sizeof known / sizeof *known; j++)
            if (fc_text_equal_nocase(issue->params[i].name, known[j]) &&
                find_param(issue, known[j]) != issue->params[i].value)
                return fc_arena_printf(run->arena, "duplicate parameter %s", quote(run, issue->params[i].name));
    if (uri == NULL)
        return "missing mandatory accounturi parameter";
    if (uri[0] == '\0')
        return "empty value provided for mandatory accounturi";
    if (until != NULL && fc_text_int(until, INT64_MIN, INT64_MAX, &seconds, NULL) != 0)
        return fc_arena_printf(run->arena, "malformed persistUntil timestamp %s", quote(run, until));
    return NULL;
}

/* Why a well-formed record of this issuer does not let the account validate; NULL: it does. */
static const char *judge(struct fc_va_run *run, const struct fc_va_issue *issue)
{
    const char *uri = find_param(issue, "accounturi"), *until = find_param(issue, "persistuntil");
    const char *policy = find_param(issue, "policy");
    const char *account = run->job->account_url != NULL ? run->job->account_url : "";
    char now[FC_TIME_TEXT_MAX], end[FC_TIME_TEXT_MAX];
    int64_t seconds = INT64_MAX;

    if (strcmp(uri, account) != 0)
        return fc_arena_printf(run->arena, "accounturi mismatch: expected %s, got %s", quote(run, account),
                               quote(run, uri));
    if (run->job->wildcard && (policy == NULL || !fc_text_equal_nocase(policy, "wildcard")))
        return fc_arena_printf(run->arena, "policy mismatch: expected \"wildcard\", got %s",
                               quote(run, policy != NULL ? policy : ""));
    if (until == NULL || fc_text_int(until, INT64_MIN, UNTIL_MAX, &seconds, NULL) != 0)
        return NULL; /* none, or past every clock */
    if (seconds < 0)
        seconds = 0;
    if (run->job->now <= seconds * FC_SECOND)
        return NULL;
    return fc_arena_printf(run->arena, "validation time %s is after persistUntil %s",
                           fc_time_rfc3339(run->job->now, now), fc_time_rfc3339(seconds * FC_SECOND, end));
}

/* The issuer's name as it is compared: lower case, no dot at its end. */
static const char *issuer_of(struct fc_va_run *run, const struct fc_va_issue *issue)
{
    char *name = fc_arena_strdup(run->arena, issue->domain);
    size_t len = strlen(name);

    fc_text_lower(name);
    if (len > 0 && name[len - 1] == '.')
        name[len - 1] = '\0';
    return name;
}

static void complain(struct fc_va_run *run, const char **list, const char *what, const char *issuer, const char *why)
{
    const char *text = fc_arena_printf(run->arena, "%s" RECORD "\"%s\": %s", what, issuer, why);

    *list = *list != NULL ? fc_arena_printf(run->arena, "%s; %s", *list, text) : text;
}

/* Whether the record lets the account validate. Those of other issuers are nobody's business. */
static bool look_at(struct fc_va_run *run, const struct fc_dns_record *record, struct complaints *complaints)
{
    struct fc_va_issue *issue = fc_arena_alloc(run->arena, sizeof *issue);
    const char *why = NULL;
    int bad = fc_va_param_parse(run->arena, (const char *)record->data, record->len, FC_VA_PARAM_PERSIST, issue, &why);
    const char *issuer = issuer_of(run, issue);

    if (!fc_va_caa_identity(run->job->policy, issuer))
        return false;
    if (bad == 0)
        why = check_params(run, issue);
    if (why != NULL) {
        complain(run, &complaints->syntax, "Parsing", issuer, why);
        return false;
    }
    why = judge(run, issue);
    if (why != NULL)
        complain(run, &complaints->refusals, "Checking", issuer, why);
    return why == NULL;
}

static void found(struct fc_va_run *run, const struct fc_va_answer *answers)
{
    const struct fc_dns_answer *dns = &answers[0].dns;
    const struct fc_va_hop *hop = fc_va_trace_last(run);
    const char *failed = fc_va_dns_text(run->arena, dns, FC_DNS_TXT, hop->host);
    struct complaints complaints = {0};
    bool good = false;

    fc_va_trace_txt(run, dns);
    for (size_t i = 0; failed == NULL && !good && i < dns->n_records; i++)
        good = look_at(run, &dns->records[i], &complaints);
    if (good)
        run->record = fc_va_trace_dns_record(run);
    else if (failed != NULL)
        refuse(run, FC_PROBLEM_DNS,
               fc_arena_printf(run->arena, "Retrieving TXT records for DNS-PERSIST-01 challenge: %s", failed));
    else if (dns->n_records == 0)
        refuse(run, FC_PROBLEM_UNAUTHORIZED, "No TXT record found for DNS-PERSIST-01 challenge");
    else if (complaints.syntax != NULL)
        refuse(run, FC_PROBLEM_MALFORMED, complaints.syntax);
    else
        refuse(run, FC_PROBLEM_UNAUTHORIZED,
               complaints.refusals != NULL ? complaints.refusals
                                           : "No valid TXT record found for DNS-PERSIST-01 challenge");
    fc_va_finish(run);
}

void fc_va_dnspersist01_start(struct fc_va_run *run)
{
    const char *identity = run->job->policy->directory.caa_identities[0];
    const char *account = run->job->account_url != NULL ? run->job->account_url : "";
    struct fc_va_hop *hop = fc_va_trace_add(run, "txt");

    hop->host = fc_arena_printf(run->arena, "_validation-persist.%s", run->job->ident.value);
    hop->expected = fc_arena_printf(run->arena, "\"%s; accounturi=%s%s\"", identity != NULL ? identity : "", account,
                                    run->job->wildcard ? "; policy=wildcard" : "");
    if (run->job->ident.type != FC_IDENT_DNS) {
        refuse(run, FC_PROBLEM_MALFORMED, "Identifier type for DNS-PERSIST-01 challenge was not DNS");
        fc_va_finish(run);
        return;
    }
    fc_va_dns_ask_txt(run, hop->host, found);
}
