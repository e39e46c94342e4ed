/* What the simulation notes down, and what is made of it in the end. */
#include <stdlib.h>
#include <string.h>

#include "base/base_text.h"

#include "plan/plan_words.h"

#define WEEK (7 * FC_DAY)
#define MONTH (30 * FC_DAY) /* of the rates */
#define N_CAUSES FC_LIMIT__MAX
_Static_assert(FC_PLAN__MAX *N_CAUSES <= 64, "a bit for each finding of a certificate");

/* Between two changes. */
struct segment {
    int64_t from, to, orders, authorizations;
};

struct fc_plan_notes {
    const struct fc_plan_estate *estate;
    const struct fc_plan_options *options;
    struct fc_plan_report *report;
    /* by group, kind and cause; NULL: none yet */
    struct fc_plan_finding **findings;
    uint64_t *seen; /* by certificate: in which findings it is counted */
    struct segment *segments;
    size_t segment, n_segments;
    struct fc_plan_peak hour;
    int month0; /* year * 12 + month of the first bin */
};

/* ---- the beginning ---- */

static int month_of(int64_t at)
{
    struct fc_date date;

    fc_time_date(at, &date);
    return date.year * 12 + date.month - 1;
}

static int64_t month_begin(int month)
{
    const struct fc_date date = {.year = month / 12, .month = month % 12 + 1, .day = 1};

    return fc_date_time(&date);
}

static void open_bins(struct fc_plan_notes *notes)
{
    struct fc_plan_report *r = notes->report;

    r->n_weeks = (size_t)((r->to - r->from + WEEK - 1) / WEEK);
    r->weeks = fc_arena_alloc(r->arena, r->n_weeks * sizeof *r->weeks);
    for (size_t i = 0; i < r->n_weeks; i++)
        r->weeks[i].from = r->from + (int64_t)i * WEEK;
    notes->month0 = month_of(r->from);
    r->n_months = (size_t)(month_of(r->to - 1) - notes->month0 + 1);
    r->months = fc_arena_alloc(r->arena, r->n_months * sizeof *r->months);
    for (size_t i = 0; i < r->n_months; i++)
        r->months[i].from = i ? month_begin(notes->month0 + (int)i) : r->from;
}

static bool uses_profile(const struct fc_plan_estate *estate, const char *path)
{
    for (size_t i = 0; i < estate->n_groups; i++) {
        const char *name = estate->groups[i].profile->name;
        if (fc_text_starts(path, name) && path[strlen(name)] == '.')
            return true;
    }
    return false;
}

/* Whether it touches what is simulated here. */
static bool concerns(const struct fc_plan_estate *estate, const struct fc_policy_change *change)
{
    static const char *const sections[] = {"limits.", "renewal_info.", "issuance.max_backdate"};
    static const char profiles[] = "profiles.";

    for (const char **path = change->paths; path && *path; path++) {
        if (fc_text_starts(*path, profiles) && uses_profile(estate, *path + strlen(profiles)))
            return true;
        for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
            if (fc_text_starts(*path, sections[i]))
                return true;
    }
    return false;
}

static void open_changes(struct fc_plan_notes *notes)
{
    struct fc_plan_report *r = notes->report;
    size_t count;
    const struct fc_policy_change *changes = fc_policy_changes(notes->options->policy, &count);

    r->changes = fc_arena_alloc(r->arena, (count + 1) * sizeof *r->changes);
    notes->segments = fc_calloc(count + 1, sizeof *notes->segments);
    notes->segments[0].from = r->from;
    for (size_t i = 0; i < count; i++) {
        const struct fc_policy_change *change = &changes[i];
        if (change->on <= r->from || change->on >= r->to || !concerns(notes->estate, change))
            continue;
        r->changes[r->n_changes++] =
            (struct fc_plan_change){.on = change->on, .what = change->what, .source = change->source};
        notes->segments[r->n_changes - 1].to = change->on;
        notes->segments[r->n_changes].from = change->on;
    }
    notes->n_segments = r->n_changes + 1;
    notes->segments[r->n_changes].to = r->to;
}

static void open_groups(struct fc_plan_notes *notes)
{
    const struct fc_plan_estate *estate = notes->estate;
    struct fc_plan_report *r = notes->report;

    r->n_groups = estate->n_groups;
    r->groups = fc_arena_alloc(r->arena, r->n_groups * sizeof *r->groups);
    for (size_t i = 0; i < r->n_groups; i++) {
        const struct fc_plan_group *group = &estate->groups[i];
        r->groups[i] = (struct fc_plan_group_report){.name = group->name,
                                                     .profile = group->profile->name,
                                                     .rule = group->rule.text,
                                                     .certificates = group->count * group->replicas,
                                                     .least_left = INT64_MAX};
    }
}

struct fc_plan_notes *fc_plan_notes_new(const struct fc_plan_estate *estate, const struct fc_plan_options *options)
{
    struct fc_plan_notes *notes = fc_calloc(1, sizeof *notes);
    struct fc_arena *arena = fc_arena_new();
    struct fc_plan_report *r = fc_arena_alloc(arena, sizeof *r);

    *r = (struct fc_plan_report){.arena = arena,
                                 .estate = estate->name,
                                 .environment = options->policy->name,
                                 .enforced = fc_limits_enforced(options->limits, options->from),
                                 .from = options->from,
                                 .to = options->to,
                                 .certificates = (int64_t)estate->n_certificates,
                                 .names = (int64_t)estate->n_names,
                                 .accounts = (int64_t)estate->n_accounts};
    *notes = (struct fc_plan_notes){.estate = estate, .options = options, .report = r};
    notes->findings = fc_calloc(estate->n_groups * FC_PLAN__MAX * N_CAUSES, sizeof(void *));
    notes->seen = fc_calloc(estate->n_certificates, sizeof *notes->seen);
    open_bins(notes);
    open_changes(notes);
    open_groups(notes);
    return notes;
}

void fc_plan_notes_free(struct fc_plan_notes *notes)
{
    if (!notes)
        return;
    fc_plan_report_free(notes->report);
    free(notes->findings);
    free(notes->seen);
    free(notes->segments);
    free(notes);
}

struct fc_plan_report *fc_plan_notes_report(struct fc_plan_notes *notes)
{
    return notes->report;
}

void fc_plan_report_free(struct fc_plan_report *report)
{
    if (report)
        fc_arena_free(report->arena);
}

/* ---- counting ---- */

static void add(struct fc_plan_bin *bin, enum fc_plan_count what, int64_t n)
{
    int64_t *const members[] = {[FC_PLAN_N_ORDERS] = &bin->orders,
                                [FC_PLAN_N_DENIED] = &bin->denied,
                                [FC_PLAN_N_REFUSED] = &bin->refused,
                                [FC_PLAN_N_EXPIRED] = &bin->expired,
                                [FC_PLAN_N_AUTHZ] = &bin->authorizations};

    *members[what] += n;
}

static void higher(struct fc_plan_peak *peak, const struct fc_plan_peak *candidate)
{
    if (candidate->orders > peak->orders)
        *peak = *candidate;
}

/* Orders and authorizations come in the order of time. */
static void count_order(struct fc_plan_notes *notes, int64_t at, int64_t n)
{
    int64_t hour = at - at % FC_HOUR;

    if (notes->hour.from != hour)
        notes->hour = (struct fc_plan_peak){.from = hour};
    notes->hour.orders += n;
    higher(&notes->report->hour, &notes->hour);
}

static struct segment *segment_of(struct fc_plan_notes *notes, int64_t at)
{
    while (notes->segment + 1 < notes->n_segments && notes->segments[notes->segment].to <= at)
        notes->segment++;
    return &notes->segments[notes->segment];
}

void fc_plan_notes_count(struct fc_plan_notes *notes, int64_t at, enum fc_plan_count what, int64_t n)
{
    struct fc_plan_report *r = notes->report;

    /* what ended before the beginning shows at the beginning */
    if (at < r->from)
        at = r->from;
    if (n == 0 || at >= r->to)
        return;
    add(&r->weeks[(at - r->from) / WEEK], what, n);
    add(&r->months[month_of(at) - notes->month0], what, n);
    if (what == FC_PLAN_N_ORDERS) {
        count_order(notes, at, n);
        segment_of(notes, at)->orders += n;
    } else if (what == FC_PLAN_N_AUTHZ) {
        segment_of(notes, at)->authorizations += n;
    }
}

/* ---- findings ---- */

#define NAMES_SHOWN 3

static const char *show_names(struct fc_arena *arena, const struct fc_plan_set *set)
{
    struct fc_buf text fc_auto_buf = {0};

    fc_buf_init(&text, 4096);
    for (size_t i = 0; i < set->count && i < NAMES_SHOWN; i++)
        fc_buf_printf(&text, "%s%s", i ? ", " : "", set->idents[i].value);
    if (set->count > NAMES_SHOWN)
        fc_buf_printf(&text, " and %zu more", set->count - NAMES_SHOWN);
    return fc_arena_strdup(arena, text.data);
}

/* The CA's own words, or how rule and lifetime go together. */
static const char *detail_of(const struct fc_plan_notes *notes, const struct fc_plan_case *what)
{
    struct fc_arena *arena = notes->report->arena;
    char lifetime[FC_TIME_TEXT_MAX];

    if (what->detail)
        return fc_arena_strdup(arena, what->detail);
    if (what->refused)
        return "the CA does not take the order";
    if (what->limit != FC_LIMIT_NONE || (what->kind != FC_PLAN_EXPIRED && what->kind != FC_PLAN_CLOSE))
        return NULL;
    return fc_arena_printf(arena, "renewed by the rule '%s', and valid for %s",
                           notes->estate->groups[what->group].rule.text,
                           fc_plan_length(what->lifetime + FC_SECOND, lifetime));
}

static struct fc_plan_finding *finding_new(struct fc_plan_notes *notes, const struct fc_plan_case *what)
{
    const struct fc_plan_group *group = &notes->estate->groups[what->group];
    struct fc_arena *arena = notes->report->arena;
    struct fc_plan_finding *finding = fc_arena_alloc(arena, sizeof *finding);

    *finding = (struct fc_plan_finding){.kind = what->kind,
                                        .group = group->name,
                                        .limit = what->limit,
                                        .key = fc_arena_strdup(arena, what->key),
                                        .names = show_names(arena, what->set),
                                        .first = INT64_MAX,
                                        .worst = what->kind == FC_PLAN_CLOSE ? INT64_MAX : 0,
                                        .detail = detail_of(notes, what),
                                        .mend = fc_plan_mend(what, group)};
    notes->report->n_findings++;
    return finding;
}

/* How bad: of a close renewal the life that was left, of all else how long it lasted. */
static void worsen(const struct fc_plan_notes *notes, const struct fc_plan_case *what, struct fc_plan_finding *finding)
{
    int64_t until = what->until < notes->report->to ? what->until : notes->report->to;
    int64_t length =
        what->kind == FC_PLAN_DENIED || what->kind == FC_PLAN_CLOSE ? what->until - what->from : until - what->from;
    bool worse = what->kind == FC_PLAN_CLOSE ? length < finding->worst : length > finding->worst;

    if (worse)
        finding->worst = length;
}

void fc_plan_notes_case(struct fc_plan_notes *notes, const struct fc_plan_case *what)
{
    size_t bit = (size_t)what->kind * N_CAUSES + what->limit;
    struct fc_plan_finding **place = &notes->findings[what->group * FC_PLAN__MAX * N_CAUSES + bit];

    if (!*place)
        *place = finding_new(notes, what);
    struct fc_plan_finding *finding = *place;
    finding->times++;
    if (!(notes->seen[what->certificate] & UINT64_C(1) << bit))
        finding->certificates++;
    notes->seen[what->certificate] |= UINT64_C(1) << bit;
    if (what->from < finding->first) {
        finding->first = what->from;
        finding->until = what->until;
        /* the names are those of the first one in time, which an outage's end tells late */
        finding->names = finding->times == 1 ? finding->names : show_names(notes->report->arena, what->set);
    }
    worsen(notes, what, finding);
    if (what->kind == FC_PLAN_EXPIRED)
        notes->report->groups[what->group].expired++;
}

/* ---- the end ---- */

/* A denial that an outage tells of already lends it its words and is not told twice. */
static void merge_denied(struct fc_plan_finding **of_group)
{
    static const enum fc_plan_kind after[] = {FC_PLAN_MISSING, FC_PLAN_EXPIRED, FC_PLAN_NEVER, FC_PLAN_LATE};

    for (size_t limit = 1; limit < N_CAUSES; limit++) {
        struct fc_plan_finding **place = &of_group[FC_PLAN_DENIED * N_CAUSES + limit];
        struct fc_plan_finding *denied = *place;
        for (size_t i = 0; denied && i < sizeof after / sizeof *after; i++) {
            struct fc_plan_finding *outage = of_group[(size_t)after[i] * N_CAUSES + limit];
            if (!outage)
                continue;
            outage->key = denied->key;
            outage->detail = denied->detail;
            outage->denied = denied->times;
            outage->retry_at = denied->until;
            *place = NULL;
        }
    }
}

static int compare(const void *a, const void *b)
{
    const struct fc_plan_finding *left = a, *right = b;
    bool breaks = fc_plan_kind_breaks(left->kind);

    if (breaks != fc_plan_kind_breaks(right->kind))
        return breaks ? -1 : 1;
    if (left->first != right->first)
        return left->first < right->first ? -1 : 1;
    if (left->kind != right->kind)
        return left->kind < right->kind ? -1 : 1;
    int names = strcmp(left->group, right->group);
    return names ? names : (left->limit > right->limit) - (left->limit < right->limit);
}

static void end_findings(struct fc_plan_notes *notes)
{
    struct fc_plan_report *r = notes->report;
    const size_t a_group = FC_PLAN__MAX * N_CAUSES;

    r->findings = fc_arena_alloc(r->arena, (r->n_findings + 1) * sizeof *r->findings);
    r->n_findings = 0;
    for (size_t g = 0; g < r->n_groups; g++) {
        merge_denied(&notes->findings[g * a_group]);
        for (size_t i = g * a_group; i < (g + 1) * a_group; i++) {
            if (!notes->findings[i])
                continue;
            r->findings[r->n_findings++] = *notes->findings[i];
        }
    }
    qsort(r->findings, r->n_findings, sizeof *r->findings, compare);
}

/* A certificate may have ended for several causes; it counts once. */
static void count_expired(struct fc_plan_notes *notes)
{
    const uint64_t any = ((UINT64_C(1) << N_CAUSES) - 1) << FC_PLAN_EXPIRED * N_CAUSES;

    for (size_t i = 0; i < notes->estate->n_certificates; i++)
        notes->report->expired += (notes->seen[i] & any) != 0;
}

static double rate(const struct segment *segment, int64_t n)
{
    return (double)n * (double)MONTH / (double)(segment->to - segment->from);
}

static void end_changes(struct fc_plan_notes *notes)
{
    for (size_t i = 0; i < notes->report->n_changes; i++) {
        struct fc_plan_change *change = &notes->report->changes[i];
        const struct segment *before = &notes->segments[i], *after = &notes->segments[i + 1];
        /* two changes on one day: nothing is between them */
        const struct segment *first = before, *last = after;
        while (first > notes->segments && first->from == first->to)
            first--;
        while (last < &notes->segments[notes->n_segments - 1] && last->from == last->to)
            last++;
        change->orders_before = rate(first, first->orders);
        change->orders_after = rate(last, last->orders);
        change->authorizations_before = rate(first, first->authorizations);
        change->authorizations_after = rate(last, last->authorizations);
    }
}

struct fc_plan_report *fc_plan_notes_end(struct fc_plan_notes *notes)
{
    struct fc_plan_report *r = notes->report;

    for (size_t i = 0; i < r->n_weeks; i++)
        higher(&r->week, &(struct fc_plan_peak){r->weeks[i].from, r->weeks[i].orders});
    end_findings(notes);
    count_expired(notes);
    end_changes(notes);
    return FC_TAKE(notes->report);
}
