/* Which scheduled run orders first, found without living all of them: a run that stands alone is lived while the CA refuses new
 * orders. Ordered nothing: so did those before it. Wanted to order: the state is put back, and the runs before it are bisected in the
 * same way. Nothing is issued, validated or spent meanwhile. */
#include <stdlib.h>

#include "base/base_json.h"
#include "cases/ck_line.h"
#include "core/ck_core.h"

#define RUNS_MAX 600000 /* of a year in which it runs every minute */

bool ck_line_can_search(const struct ck_line *line)
{
    return line->setup->run.renew && !line->misled && !line->stage->every_run && !line->stage->attach &&
           line->stage->way == CK_WAY_RUN && !(line->stage->blind & CK_LOG) && ck_line_can_save(line);
}

/* The rule's number; 0: it could not be made. */
static json_int_t refuse_orders(struct ck_line *line)
{
    fc_auto_json answer = NULL;

    ck_ca_call(&line->stage->ca, "POST", "/api/v1/faults",
               json_pack("{s:s,s:[s],s:s,s:i,s:s}", "kind", "problem", "endpoints", "newOrder", "type",
                         "rejectedIdentifier", "status", 403, "detail",
                         "fakeca check looks for the first run that orders: this one is taken back"),
               &answer, NULL);
    return json_integer_value(json_object_get(answer, "id"));
}

/* Takes the rule away; how many orders it met. */
static json_int_t allow_orders(struct ck_line *line, json_int_t rule)
{
    fc_auto_json answer = NULL;
    const json_t *row;
    json_int_t met = 0;
    char path[64];
    size_t i;

    ck_ca_call(&line->stage->ca, "GET", "/api/v1/faults", NULL, &answer, NULL);
    const json_t *rules = json_object_get(answer, "faults");
    json_array_foreach(rules, i, row)
    {
        if (json_integer_value(json_object_get(row, "id")) == rule)
            met = json_integer_value(json_object_get(row, "used"));
    }
    snprintf(path, sizeof path, "/api/v1/faults/%" JSON_INTEGER_FORMAT, rule);
    ck_ca_call(&line->stage->ca, "DELETE", path, NULL, NULL, NULL);
    return met;
}

bool ck_line_dry_run(struct ck_line *line)
{
    json_int_t rule = refuse_orders(line);

    line->dry = true;
    struct ck_act *act =
        ck_line_run(line, "run.renew", line->setup->run.renew, CK_SCHEDULED, line->setup->timeouts.renew);
    line->dry = false;
    bool wanted = allow_orders(line, rule) > 0;
    if (act)
        act->undone = wanted;
    return wanted;
}

static int64_t *list_runs(const struct ck_line *line, int64_t from, int64_t last, int64_t to, size_t *ret_count)
{
    const struct ck_schedule *schedule = &line->setup->schedule;
    size_t n = 0, room = 1024;
    int64_t *runs = fc_calloc(room, sizeof *runs);

    runs[n++] = last;
    for (int64_t at = ck_schedule_next(schedule, from, last); at <= to && n < RUNS_MAX;
         at = ck_schedule_next(schedule, from, at)) {
        if (n == room)
            runs = fc_reallocarray(runs, room *= 2, sizeof *runs);
        runs[n++] = at;
    }
    *ret_count = n;
    return runs;
}

void ck_line_revive(struct ck_line *line, bool answered)
{
    if (answered && (line->members & CK_HAS_RESTART) && !(line->stage->blind & CK_PROBE) && !ck_line_answers(line))
        ck_line_restart(line);
}

/* A dry run at that time; *ret_wanted: it wanted to order, and the state is as before. */
static int try_at(struct ck_line *line, int64_t at, bool *ret_wanted, struct fc_err *err)
{
    struct ck_line_state state;
    bool answered = ck_line_answers(line);

    *ret_wanted = false;
    if (!ck_line_state_save(line, &state))
        return fc_err_set(err, FC_E_SYSTEM, "the state cannot be saved");
    int result = ck_line_set_clock(line, at, err);
    if (result == 0)
        *ret_wanted = ck_line_dry_run(line);
    if (*ret_wanted) {
        ck_line_state_back(line, &state, "after a run that would have ordered");
        ck_line_revive(line, answered);
    }
    ck_line_state_release(&state);
    return result;
}

int ck_line_search(struct ck_line *line, int64_t issued, struct ck_line_found *found, struct fc_err *err)
{
    size_t n, low = 0, high, lived = 0;
    bool wanted;
    fc_auto_free int64_t *runs = list_runs(line, issued, found->last, found->at, &n);

    high = n - 1;
    int result = try_at(line, runs[high], &wanted, err);
    found->wanted = wanted;
    line->lived += !wanted;
    if (!wanted)
        line->inferred += high - 1;
    while (result == 0 && found->wanted && high - low > 1) {
        size_t middle = low + (high - low) / 2;
        result = try_at(line, runs[middle], &wanted, err);
        *(wanted ? &high : &low) = middle;
        lived += !wanted;
    }
    if (result || !found->wanted)
        return result;
    line->lived += lived;
    line->inferred += high - 1 - lived;
    found->last = runs[low];
    found->at = runs[high];
    return ck_line_set_clock(line, runs[low], err);
}
