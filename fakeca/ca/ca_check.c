#include "ca/ca.h"

#include <arpa/inet.h>
#include <string.h>

#include "ca/ca_int.h"
#include "model/model_problem.h"
#include "pki/pki_csr.h"
#include "pki/pki_key.h"

#define STEP "Error finalizing order"
#define CONTEXT STEP " :: "

#define MUST_STAPLE                                                                                                    \
    "OCSP must-staple extension is no longer available: see https://letsencrypt.org/2024/12/05/ending-ocsp"

/* A CSR may name thousands; the answer lists this many of the bad ones. */
#define SUBS_MAX 100

/* One look at a CSR. */
struct look {
    const struct fc_policy *policy;
    const struct fc_ca_check *check;
    struct fc_arena *arena;
    struct fc_problem *problem;
    struct fc_ident *idents; /* of the CSR, sorted; from check_identifiers on */
    size_t n_idents;
};

static int refuse(struct look *look, enum fc_problem_type type, const char *text)
{
    return fc_problem_set(look->problem, look->arena, type, CONTEXT "%s", text);
}

/* ---- the rows of letsencrypt.md D.4, in its order ---- */

static int check_must_staple(struct look *look)
{
    return fc_csr_must_staple(look->check->csr) ? refuse(look, FC_PROBLEM_UNAUTHORIZED, MUST_STAPLE) : 0;
}

static int check_key(struct look *look)
{
    const struct fc_policy_keys *keys = &look->policy->certificate_keys;
    const struct fc_key *key = fc_csr_key(look->check->csr);
    struct fc_key_rules rules = {.p256 = keys->p256, .p384 = keys->p384, .p521 = keys->p521};
    struct fc_err reason = {0};

    _Static_assert(sizeof rules.rsa_bits == sizeof keys->rsa_bits, "the same list of sizes");
    memcpy(rules.rsa_bits, keys->rsa_bits, sizeof rules.rsa_bits);
    if (!key)
        return refuse(look, FC_PROBLEM_BAD_CSR, "invalid public key in CSR");
    /* Boulder asks its block list as soon as it knows that the type is one it takes (goodkey/good_key.go) */
    if (look->check->key_blocked && fc_key_type(key) != FC_KEY_OTHER)
        return refuse(look, FC_PROBLEM_BAD_CSR, "invalid public key in CSR: public key is forbidden");
    if (fc_key_check(key, &rules, &reason))
        return fc_problem_set(look->problem, look->arena, FC_PROBLEM_BAD_CSR, CONTEXT "invalid public key in CSR: %s",
                              reason.text);
    return 0;
}

static int check_signature(struct look *look)
{
    if (!fc_csr_signature_algorithm_ok(look->check->csr))
        return refuse(look, FC_PROBLEM_BAD_CSR, "signature algorithm not supported");
    if (!fc_csr_signature_ok(look->check->csr))
        return refuse(look, FC_PROBLEM_BAD_CSR, "invalid signature on CSR");
    return 0;
}

/* As Go's netip.ParseAddr reads it: an IPv6 zone counts too. */
static bool is_ip(struct fc_arena *arena, const char *text)
{
    unsigned char address[16];
    const char *zone = strchr(text, '%');

    if (inet_pton(AF_INET, text, address) == 1)
        return true;
    if (zone)
        text = fc_arena_strndup(arena, text, (size_t)(zone - text));
    return inet_pton(AF_INET6, text, address) == 1;
}

static int check_fields(struct look *look)
{
    const struct fc_csr *csr = look->check->csr;
    const char *cn = fc_csr_cn(csr);

    if (fc_csr_emails(csr) > 0)
        return refuse(look, FC_PROBLEM_BAD_CSR, "CSR contains one or more email address fields");
    if (fc_csr_uris(csr) > 0)
        return refuse(look, FC_PROBLEM_BAD_CSR, "CSR contains one or more URI fields");
    if (cn && is_ip(look->arena, cn))
        return refuse(look, FC_PROBLEM_BAD_CSR, "CSR contains IP address in Common Name");
    return 0;
}

static size_t count(const char *const *list)
{
    size_t n = 0;

    while (list && list[n])
        n++;
    return n;
}

static void collect_identifiers(struct look *look)
{
    const char *const *dns = fc_csr_dns(look->check->csr);
    const char *const *ips = fc_csr_ips(look->check->csr);
    const char *cn = fc_csr_cn(look->check->csr);
    size_t n_dns = count(dns), n_ips = count(ips), n = 0;

    look->idents = fc_arena_alloc(look->arena, (n_dns + n_ips + 1) * sizeof *look->idents);
    for (size_t i = 0; i < n_dns; i++)
        look->idents[n++] = (struct fc_ident){FC_IDENT_DNS, dns[i]};
    for (size_t i = 0; i < n_ips; i++)
        look->idents[n++] = (struct fc_ident){FC_IDENT_IP, ips[i]};
    if (cn && cn[0])
        look->idents[n++] = (struct fc_ident){FC_IDENT_DNS, cn};
    look->n_idents = fc_ident_sort_unique(look->idents, n);
}

static int check_ident(const struct look *look, const struct fc_ident *ident, struct fc_problem *ret_problem)
{
    const struct fc_ident_rules rules = {.rehearsal = look->policy->rehearsal,
                                         .any = look->policy->lenient.names,
                                         .blocked = look->policy->blocked_names};

    ret_problem->ident = ident;
    return ident->type == FC_IDENT_IP ? fc_ident_check_ip(ident->value, &rules, look->arena, ret_problem, NULL)
                                      : fc_ident_check_dns(ident->value, &rules, look->arena, ret_problem, NULL);
}

/* One bad name is told in the detail; of several the first one is, and all are subproblems (D.1). */
static int refuse_idents(struct look *look, struct fc_problem *bad, size_t n_bad)
{
    const char *more = n_bad == 1 ? ""
                                  : fc_arena_printf(look->arena,
                                                    " (and %zu more problems. Refer to sub-problems for more "
                                                    "information.)",
                                                    n_bad - 1);

    fc_problem_set(look->problem, look->arena, FC_PROBLEM_REJECTED_IDENTIFIER, CONTEXT "Cannot issue for \"%s\": %s%s",
                   bad[0].ident->value, bad[0].detail, more);
    if (n_bad == 1)
        return -1;
    look->problem->subs = bad;
    look->problem->n_subs = n_bad < SUBS_MAX ? n_bad : SUBS_MAX;
    for (size_t i = 0; i < look->problem->n_subs; i++)
        fc_problem_context(&bad[i], look->arena, STEP);
    return -1;
}

static int check_identifiers(struct look *look)
{
    struct fc_problem *bad;
    size_t n_bad = 0;

    collect_identifiers(look);
    if (look->n_idents == 0)
        return refuse(look, FC_PROBLEM_BAD_CSR, "at least one identifier is required");
    bad = fc_arena_alloc(look->arena, SUBS_MAX * sizeof *bad);
    for (size_t i = 0; i < look->n_idents; i++) {
        struct fc_problem problem = {0};
        if (check_ident(look, &look->idents[i], &problem) == 0)
            continue;
        if (n_bad < SUBS_MAX)
            bad[n_bad] = problem;
        n_bad++;
    }
    return n_bad > 0 ? refuse_idents(look, bad, n_bad) : 0;
}

static int check_order(struct look *look)
{
    const struct fc_ca_check *check = look->check;
    bool same = look->n_idents == check->n_idents;

    if (look->n_idents > (size_t)check->profile->max_identifiers)
        return fc_problem_set(look->problem, look->arena, FC_PROBLEM_UNAUTHORIZED,
                              CONTEXT "CSR identifier count is not at minimum 1 or at maximum %lld",
                              (long long)check->profile->max_identifiers);
    for (size_t i = 0; same && i < look->n_idents; i++)
        same = fc_ident_equal(&look->idents[i], &check->idents[i]);
    if (!same)
        return refuse(look, look->policy->departs.csr_not_bad_csr ? FC_PROBLEM_UNAUTHORIZED : FC_PROBLEM_BAD_CSR,
                      "CSR does not specify same identifiers as Order");
    return 0;
}

static int check_account_key(struct look *look)
{
    unsigned char spki[32];

    fc_key_spki_hash(fc_csr_key(look->check->csr), spki);
    if (memcmp(spki, look->check->account_spki, sizeof spki) == 0)
        return refuse(look, look->policy->departs.csr_not_bad_csr ? FC_PROBLEM_MALFORMED : FC_PROBLEM_BAD_CSR,
                      "certificate public key must be different than account key");
    return 0;
}

int fc_ca_check_csr(const struct fc_ca *ca, const struct fc_ca_check *check, struct fc_arena *arena,
                    struct fc_problem *ret_problem)
{
    static int (*const checks[])(struct look * look) = {
        check_must_staple, check_key, check_signature, check_fields, check_identifiers, check_order, check_account_key,
    };
    struct look look = {
        .policy = fc_policy_at(ca->policy, check->now), .check = check, .arena = arena, .problem = ret_problem};

    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
        if (checks[i](&look))
            return -1;
    return 0;
}
