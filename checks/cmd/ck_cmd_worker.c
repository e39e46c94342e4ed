/* The worker: lives the timeline, judges, and tells everything over the stream. */
#include "cmd/ck_cmd.h"

#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <signal.h>
#include <unistd.h>

#include "base/base_alloc.h"
#include "base/base_time.h"
#include "cases/ck_case.h"
#include "core/ck_redact.h"
#include "core/ck_stream.h"

static unsigned phases_of(const struct ck_line *line, const char *const *ids)
{
    unsigned phases = 0;

    for (; *ids; ids++) {
        const struct ck_case *check = ck_cases_find(*ids, NULL);
        if (!(check->needs & ~line->members))
            phases |= ck_cases_phases(check);
    }
    return phases;
}

static json_t *time_or_null(int64_t at)
{
    char text[FC_TIME_TEXT_MAX];

    return at ? json_string(fc_time_rfc3339(at, text)) : json_null();
}

/* Its time is that of the phases that it judges; checks share them. */
static void send_verdict(struct ck_line *line, const struct ck_case *check, const struct ck_verdict *v)
{
    const struct ck_span span = ck_line_span(line, check->phases);

    ck_stream_send(line->stage->stream,
                   json_pack("{s:s,s:s,s:s,s:s,s:O,s:s,s:O,s:O,s:o,s:o,s:f}", "type", "verdict", "id", check->id,
                             "result", ck_core_result(v->result), "headline", v->headline, "detail", v->detail,
                             "remedy", v->remedy && v->result != CK_PASS && v->result != CK_SKIP ? v->remedy : "",
                             "evidence", v->evidence, "skipped_for", v->missing, "first", time_or_null(span.first),
                             "last", time_or_null(span.last), "seconds",
                             v->result == CK_SKIP ? 0.0 : (double)span.took / 1e9));
}

static void judge_all(struct ck_line *line, const char *const *ids)
{
    for (; *ids; ids++) {
        const struct ck_case *check = ck_cases_find(*ids, NULL);
        struct ck_verdict verdict;
        ck_verdict_init(&verdict);
        ck_cases_judge(check, line, &verdict);
        send_verdict(line, check, &verdict);
        ck_verdict_release(&verdict);
    }
}

static void send_end(struct ck_line *line, int64_t from)
{
    char begin[FC_TIME_TEXT_MAX], end[FC_TIME_TEXT_MAX];
    static const char *const ways[] = {[CK_WAY_NONE] = "none", [CK_WAY_RUN] = "run", [CK_WAY_AGED] = "aged"};
    json_t *certificates = json_array();
    int64_t to = ck_line_now(line);

    for (size_t i = 0; i < line->n_issues; i++) {
        const struct ck_issue *issue = &line->issues[i];
        json_array_append_new(certificates,
                              json_pack("{s:s,s:s,s:s,s:i}", "serial", issue->serial, "not_before",
                                        fc_time_rfc3339(issue->not_before, begin), "not_after",
                                        fc_time_rfc3339(issue->not_after, end), "event", (int)issue->seen));
    }
    json_t *clock = json_pack("{s:s,s:s,s:i,s:s,s:s,s:i,s:i,s:i}", "from", fc_time_rfc3339(from, begin), "to",
                              fc_time_rfc3339(to, end), "days", to > from ? (int)((to - from) / FC_DAY) : 0, "way",
                              ways[line->stage->way], "client", line->agent, "runs_lived", (int)line->lived,
                              "runs_inferred", (int)line->inferred, "ages", (int)line->ages);
    ck_stream_send(line->stage->stream,
                   json_pack("{s:s,s:o,s:o}", "type", "end", "clock", clock, "certificates", certificates));
}

static void stop_service(struct ck_line *line)
{
    if (line->started && line->setup->run.stop)
        ck_line_run(line, "run.stop", line->setup->run.stop, CK_SERVICE, line->setup->timeouts.restart);
    ck_stream_send(line->stage->stream, json_pack("{s:s,s:n}", "type", "service", "stop"));
}

static int rehearse(struct ck_stage *stage, const char *const *ids, struct fc_err *err)
{
    fc_auto_free struct ck_line *line = fc_calloc(1, sizeof *line);

    line->stage = stage;
    line->members = ck_line_members(stage);
    line->phases = phases_of(line, ids);
    int64_t from = ck_line_now(line);
    int result = ck_line_live(line, err);
    judge_all(line, ids);
    send_end(line, from);
    stop_service(line);
    ck_line_release(line);
    return result;
}

static void send_plan(struct ck_stream *stream, const struct ck_cmd_run *run)
{
    json_t *setup = ck_redact_json(run->setup->json);

    json_object_set_new(setup, "name", json_string(run->setup->name));
    ck_stream_send(stream, json_pack("{s:s,s:o}", "type", "plan", "setup", setup));
}

void ck_cmd_worker_run(const struct ck_cmd_worker *worker)
{
    struct ck_stream stream = {.fd = worker->fd};
    struct fc_err err = {0};
    struct ck_stage stage = {.setup = worker->run->setup,
                             .stream = &stream,
                             .programs = worker->run->programs,
                             .work = worker->work,
                             .attach = worker->run->options->ca,
                             .from = worker->run->options->from,
                             .patient = worker->run->options->patient,
                             .every_run = worker->run->options->every_run,
                             .blind = worker->run->blind,
                             .front = worker->front};

    prctl(PR_SET_PDEATHSIG,
          SIGKILL); /* without the front nobody would put things back: its own end is told by the kernel */
    send_plan(&stream, worker->run);
    int result = ck_stage_open(&stage, &err);
    if (result == 0) {
        result = rehearse(&stage, worker->run->ids, &err);
        ck_stage_close(&stage);
    }
    if (result)
        ck_stream_send(&stream, json_pack("{s:s,s:s}", "type", "broken", "text", err.text));
    _exit(0);
}
