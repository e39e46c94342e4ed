#include <stdio.h>
#include <string.h>

#include "base/base_time.h"
#include "cases/ck_case.h"

const struct ck_group *const ck_cases_groups[] = {&ck_group_preflight, &ck_group_http,    &ck_group_redirect,
                                                  &ck_group_bootstrap, &ck_group_renewal, &ck_group_reload,
                                                  &ck_group_persist,   &ck_group_files};
const size_t ck_cases_n_groups = sizeof ck_cases_groups / sizeof *ck_cases_groups;

#define IDS_MAX 200

const struct ck_case *ck_cases_find(const char *id, const struct ck_group **ret_group)
{
    for (size_t i = 0; i < ck_cases_n_groups; i++) {
        const struct ck_group *group = ck_cases_groups[i];
        for (size_t j = 0; j < group->count; j++) {
            if (strcmp(group->cases[j].id, id) != 0)
                continue;
            if (ret_group)
                *ret_group = group;
            return &group->cases[j];
        }
    }
    return NULL;
}

const char *const *ck_cases_ids(void)
{
    static const char *ids[IDS_MAX];
    size_t n = 0;

    for (size_t i = 0; i < ck_cases_n_groups; i++)
        for (size_t j = 0; j < ck_cases_groups[i]->count && n + 1 < IDS_MAX; j++)
            ids[n++] = ck_cases_groups[i]->cases[j].id;
    ids[n] = NULL;
    return ids;
}

unsigned ck_cases_phases(const struct ck_case *check)
{
    unsigned phases = check->phases;

    if (phases & CK_PH_LATE)
        phases |= CK_PH_SECOND;
    if (phases & CK_PH_SECOND)
        phases |= CK_PH_RENEWAL;
    return phases ? phases | CK_PH_BOOTSTRAP : 0;
}

/* True when the verdict is set. */
static bool cannot_be_judged(const struct ck_case *check, const struct ck_line *line, struct ck_verdict *verdict)
{
    unsigned missing = check->needs & ~line->members;

    for (unsigned bit = 1; bit && bit <= missing; bit <<= 1)
        if (missing & bit)
            ck_verdict_missing(verdict, ck_setup_member_name(bit));
    if (missing)
        return true;
    if (line->unsafe && strcmp(check->id, "preflight-safe") != 0) {
        ck_verdict_set(verdict, CK_INCONCLUSIVE, "nothing was run: see preflight-safe");
        return true;
    }
    if ((check->must_live & line->done) == check->must_live)
        return false;
    ck_verdict_set(verdict, CK_INCONCLUSIVE, "%s",
                   line->stopped ? line->stop_why : "the rehearsal did not come that far");
    return true;
}

/* checks.md 3.4: minor faults warn, information never changes the verdict; then what the description decided. */
static void apply_policy(const struct ck_case *check, const struct ck_line *line, struct ck_verdict *verdict)
{
    char until[FC_TIME_TEXT_MAX];

    if (check->severity == CK_MINOR && verdict->result == CK_FAIL)
        verdict->result = CK_WARN;
    if (check->severity == CK_INFO && (verdict->result == CK_FAIL || verdict->result == CK_WARN))
        verdict->result = CK_PASS;
    if (verdict->result > CK_FAIL)
        return;
    for (size_t i = 0; i < line->setup->n_policy; i++) {
        const struct ck_setup_policy *row = &line->setup->policy[i];
        if (strcmp(row->id, check->id) != 0 || verdict->result == (enum ck_result)row->as)
            continue;
        /* the exemption ends in real life: its date is compared with the day on which the rehearsal began */
        if (line->begun > row->until)
            continue;
        ck_verdict_detail(verdict, "policy   %s instead of %s until %s: %s", ck_core_result((enum ck_result)row->as),
                          ck_core_result(verdict->result), fc_time_rfc3339(row->until, until), row->why);
        verdict->result = (enum ck_result)row->as;
    }
}

/* Whatever a judge makes of what it has: without its witness it praises nothing. */
static void doubt(const struct ck_case *check, const struct ck_line *line, struct ck_verdict *verdict)
{
    unsigned blind = line->stage->blind, missing = check->witnesses & blind;

    if (check->either && (check->either & blind) == check->either)
        missing |= check->either;
    if (!missing || (verdict->result != CK_PASS && verdict->result != CK_WARN))
        return;
    for (size_t i = 0; ck_core_witnesses[i]; i++)
        if (missing & 1u << i)
            ck_verdict_set(verdict, CK_INCONCLUSIVE, "one of its witnesses was not heard: %s", ck_core_witnesses[i]);
}

void ck_cases_judge(const struct ck_case *check, const struct ck_line *line, struct ck_verdict *verdict)
{
    if (!cannot_be_judged(check, line, verdict))
        check->judge(line, verdict);
    doubt(check, line, verdict);
    if (!verdict->set)
        ck_verdict_set(verdict, CK_ERROR, "the check came to no verdict: a fault of fakeca check");
    apply_policy(check, line, verdict);
}
