/* Inside plan/: the estate as it is simulated, and the notes that the simulation takes. */
#ifndef FC_PLAN_INT_H
#define FC_PLAN_INT_H

#include "base/base_arena.h"
#include "base/base_json.h"
#include "plan/plan.h"

/* ---- when a certificate is renewed ---- */

enum fc_plan_rule_kind { FC_PLAN_BEFORE_EXPIRY, FC_PLAN_FRACTION, FC_PLAN_EVERY, FC_PLAN_ARI };
struct fc_plan_rule {
    enum fc_plan_rule_kind kind;
    int64_t duration;           /* before expiry, every */
    int64_t numerator, divisor; /* fraction of the lifetime */
    const char *text;           /* as in the file */
};
/* "30d before expiry", "2/3 of lifetime", "every 60d", "ari". FC_E_USAGE. */
int fc_plan_rule_parse(const char *text, struct fc_plan_rule *ret_rule, struct fc_err *err);

/* What the CA issued. */
struct fc_plan_issue {
    int64_t issued_at, not_before, not_after;
};
/* A certificate of the profile, issued at `at`. */
struct fc_plan_issue fc_plan_issue_at(const struct fc_policy *policy, const struct fc_profile *profile, int64_t at);
/* When the client wants to renew. u: a draw of 64 bits, for a moment in the ARI window. */
int64_t fc_plan_rule_due(const struct fc_plan_rule *rule, const struct fc_policy *policy,
                         const struct fc_plan_issue *issue, uint64_t u);
/* The first check of the client that is later than `after` and at which it would renew what is due at `due`. Checks are at midnight
 * (UTC) and every `every` from then on. ari: a client does not wait for the check behind the moment (RFC 9773, 4.2). */
int64_t fc_plan_rule_check(int64_t every, int64_t after, int64_t due, bool ari);

/* 64 bits that depend on nothing but these: the same plan for the same file. */
uint64_t fc_plan_draw(uint64_t seed, uint64_t a, uint64_t b);

/* ---- the estate (plan_estate.c, plan_names.c) ---- */

struct fc_plan_redeploys {
    int64_t first, every, count; /* count 0: none */
    bool loses_account;
};

struct fc_plan_group {
    const char *name;
    const struct fc_profile *profile;
    const char *profile_asked; /* NULL: none */
    size_t account;
    struct fc_plan_rule rule;
    bool replaces;
    bool waits; /* a denied order is tried again when the CA said, not at the next check */
    int64_t jitter, check_every;
    int64_t count, replicas;
    bool running; /* `issued` is left out: in the middle of its life, spread over one interval */
    int64_t issued, spread;
    struct fc_plan_redeploys redeploys;
    size_t first_set;
};

/* A distinct set of identifiers; `replicas` certificates have it. */
struct fc_plan_set {
    const struct fc_ident *idents;
    size_t count;
    size_t first_slot; /* of `count` slots in fc_plan_estate.slots */
};

struct fc_plan_account {
    const char *name, *address;
};

struct fc_plan_estate {
    const char *name, *environment;
    int64_t seed;
    struct fc_plan_account *accounts;
    size_t n_accounts;
    struct fc_plan_group *groups;
    size_t n_groups;
    struct fc_plan_set *sets;
    size_t n_sets;
    uint32_t *slots; /* where the authorization of each identifier of each set is remembered */
    size_t n_slots, n_authorizations;
    size_t n_certificates, n_names;
    struct fc_arena *arena;
    json_t *root; /* keeps the texts */
};

/* Expands the names of one group into sets; errors go to obj, at its "names". */
struct fc_plan_names;
struct fc_plan_names *fc_plan_names_new(struct fc_plan_estate *estate, const struct fc_policy *policy);
void fc_plan_names_free(struct fc_plan_names *names);
FC_CLEANUP(struct fc_plan_names *, fc_plan_names_free)
void fc_plan_names_add(struct fc_plan_names *names, struct fc_plan_group *group, const char *const *patterns,
                       struct fc_json_obj *obj);

/* ---- the heap of what comes next ---- */

struct fc_plan_event {
    int64_t at;
    uint32_t certificate; /* decides between equal times */
};
struct fc_plan_heap {
    struct fc_plan_event *events;
    size_t count, cap;
};
void fc_plan_heap_push(struct fc_plan_heap *heap, struct fc_plan_event event);
/* The earliest one; the heap must not be empty. */
struct fc_plan_event fc_plan_heap_pop(struct fc_plan_heap *heap);
void fc_plan_heap_release(struct fc_plan_heap *heap);

/* ---- notes of the simulation (plan_notes.c) ---- */

struct fc_plan_notes;
struct fc_plan_notes *fc_plan_notes_new(const struct fc_plan_estate *estate, const struct fc_plan_options *options);
void fc_plan_notes_free(struct fc_plan_notes *notes);
FC_CLEANUP(struct fc_plan_notes *, fc_plan_notes_free)

enum fc_plan_count { FC_PLAN_N_ORDERS, FC_PLAN_N_DENIED, FC_PLAN_N_REFUSED, FC_PLAN_N_EXPIRED, FC_PLAN_N_AUTHZ };
/* n more at `at`, in weeks, months and changes; orders come in the order of time. */
void fc_plan_notes_count(struct fc_plan_notes *notes, int64_t at, enum fc_plan_count what, int64_t n);

/* One case of a finding. */
struct fc_plan_case {
    enum fc_plan_kind kind;
    size_t group;
    const struct fc_plan_set *set;
    uint32_t certificate;
    enum fc_limit limit;
    int64_t from, until;
    int64_t lifetime;         /* of the certificate it is about; 0: there was none */
    bool refused;             /* the CA would not take the last order, limits apart */
    const char *key, *detail; /* kept by copy when it is the first */
};
void fc_plan_notes_case(struct fc_plan_notes *notes, const struct fc_plan_case *what);
/* The report under way: totals and groups are counted there directly. */
struct fc_plan_report *fc_plan_notes_report(struct fc_plan_notes *notes);
/* Sorts and sums; the report is the caller's. */
struct fc_plan_report *fc_plan_notes_end(struct fc_plan_notes *notes);

#endif
