/* An estate of certificates through the limits and the calendar, without CA, client or store (`fakeca plan`): a discrete event
 * simulation over the same limiter and policy code that the server uses, on simulated time.
 *
 *     fc_plan_estate_read(text, len, "estate.json", &options, &estate, &err)   all errors at once
 *     fc_plan_run(estate, &options, &report, &err)
 *     fc_plan_text / fc_plan_json / fc_plan_html(report, ...)
 *
 * The same estate and options give the same report. Threads: none of it is shared. */
#ifndef FC_PLAN_H
#define FC_PLAN_H

#include "base/base_alloc.h"
#include "base/base_buf.h"
#include "base/base_err.h"
#include "limits/limits.h"
#include "policy/policy.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FC_PLAN_FILE_MAX 4194304         /* bytes of an estate file */
#define FC_PLAN_CERTIFICATES_MAX 1000000 /* after `count` and `replicas` */
#define FC_PLAN_ORDERS_MAX 100000000     /* attempts in one run */

/* What an estate is planned with. All borrowed; they must outlive estate and report. */
struct fc_plan_options {
    const struct fc_policy *policy;
    const struct fc_limits *limits;
    int64_t from, to;
};
/* Whether the period can be planned: from < to, at most 10 years. FC_E_USAGE. */
int fc_plan_options_check(const struct fc_plan_options *options, struct fc_err *err);

/* ---- the estate ---- */

struct fc_plan_estate;
/* Errors FC_E_USAGE, all at once, each with line, path, rule and nearest name. */
int fc_plan_estate_read(const char *text, size_t len, const char *file, const struct fc_plan_options *options,
                        struct fc_plan_estate **ret_estate, struct fc_err *err);
void fc_plan_estate_free(struct fc_plan_estate *estate); /* NULL allowed */
FC_CLEANUP(struct fc_plan_estate *, fc_plan_estate_free)
/* The built-in environment that the file names, to be asked before it is read whole: "production" when it names none, or none that
 * there is (which reading it then complains about). Static. */
const char *fc_plan_estate_environment(const char *text, size_t len);
/* The file's `seed`, 0 when it has none. */
uint64_t fc_plan_estate_seed(const struct fc_plan_estate *estate);

/* ---- the report ---- */

enum fc_plan_kind {
    FC_PLAN_EXPIRED, /* certificates that end before their renewal */
    FC_PLAN_MISSING, /* lost at a redeploy, and the order for a new one denied */
    FC_PLAN_NEVER,   /* ordered, and not issued until the end of the period */
    FC_PLAN_REFUSED, /* the CA would not take the order: profile, identifier type, number of names */
    FC_PLAN_DENIED,  /* a limit denied orders, and a later one was in time */
    FC_PLAN_LATE,    /* a first certificate came later than it was asked for */
    FC_PLAN_CLOSE,   /* a renewal in the last tenth of the lifetime */
    FC_PLAN__MAX
};
const char *fc_plan_kind_name(enum fc_plan_kind kind); /* "expired" */
/* Whether it makes the plan fail; the others are warnings. */
bool fc_plan_kind_breaks(enum fc_plan_kind kind);

/* All of a kind, of one group and one cause. */
struct fc_plan_finding {
    enum fc_plan_kind kind;
    const char *group;
    enum fc_limit limit; /* the limit that was the cause; FC_LIMIT_NONE: none */
    const char *key;     /* of its bucket, at the first time; or NULL */
    int64_t certificates, times;
    const char *names;  /* of the first certificate, for people */
    int64_t first;      /* when it began at first */
    int64_t until;      /* when that was over (denied: when the limit has room again); INT64_MAX: not in the period */
    int64_t worst;      /* the longest of all times; FC_PLAN_CLOSE: the shortest life that was left */
    int64_t denied;     /* orders that the limit denied, where that is the cause */
    int64_t retry_at;   /* when it allows one again, after the first of them; 0: no denial */
    const char *detail; /* the CA's words or the cause */
    const char *mend;
};

struct fc_plan_bin {
    int64_t from; /* until the next bin's */
    int64_t orders, denied, refused, expired;
    int64_t authorizations; /* identifiers that had to be validated */
};

struct fc_plan_peak {
    int64_t from, orders;
};

/* A dated change of the policy that touches this estate, and what it does: sums over the time since the change before it (or the
 * beginning) and until the next one (or the end), as a rate per 30 days. */
struct fc_plan_change {
    int64_t on;
    const char *what, *source;
    double orders_before, orders_after;
    double authorizations_before, authorizations_after;
};

struct fc_plan_group_report {
    const char *name;
    const char *profile, *rule;
    int64_t certificates, orders, exempt, same_set, counted, denied, expired;
    int64_t least_left; /* the shortest remaining life at a renewal; INT64_MAX: no renewal */
};

struct fc_plan_report {
    const char *estate, *environment;
    bool enforced; /* whether limits were computed */
    int64_t from, to;
    int64_t certificates, names, accounts;
    /* orders = exempt (by ARI) + same_set (renewals) + counted */
    int64_t attempts, orders, exempt, same_set, counted, denied, refused;
    int64_t registrations, registrations_denied;
    int64_t expired; /* certificates that were without a valid one at least once because it ended */
    int64_t authorizations;
    int64_t denied_by[FC_LIMIT__MAX];
    struct fc_plan_peak hour, week; /* calendar hours of UTC; weeks from the beginning */
    struct fc_plan_bin *weeks, *months;
    size_t n_weeks, n_months;
    struct fc_plan_change *changes;
    size_t n_changes;
    struct fc_plan_finding *findings; /* what breaks first, each by time */
    size_t n_findings;
    struct fc_plan_group_report *groups;
    size_t n_groups;
    struct fc_arena *arena; /* holds all of it */
};

/* FC_E_LIMIT when there are more attempts than FC_PLAN_ORDERS_MAX. Texts of the estate are borrowed: it must outlive the report. */
int fc_plan_run(const struct fc_plan_estate *estate, const struct fc_plan_options *options,
                struct fc_plan_report **ret_report, struct fc_err *err);
void fc_plan_report_free(struct fc_plan_report *report); /* NULL allowed */
FC_CLEANUP(struct fc_plan_report *, fc_plan_report_free)
/* Whether nothing breaks. */
bool fc_plan_good(const struct fc_plan_report *report);
/* "everything is renewed in time", in a sentence for people; of the report's arena. */
const char *fc_plan_verdict(const struct fc_plan_report *report);

/* ---- faces; each appends to the buffer ---- */

void fc_plan_text(const struct fc_plan_report *report, struct fc_buf *to);
/* New reference. */
json_t *fc_plan_json(const struct fc_plan_report *report);
/* One page without any outside resource. */
void fc_plan_html(const struct fc_plan_report *report, struct fc_buf *to);

#endif
