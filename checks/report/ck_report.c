#include "report/ck_report.h"

#include <string.h>

#include "base/base_alloc.h"
#include "base/base_json.h"
#include "base/base_time.h"
#include "base/base_version.h"

#define EVENTS_MAX 20000

static void json_write(const struct ck_report *report, FILE *to)
{
    json_dumpf(report->json, to, JSON_INDENT(2));
    fputc('\n', to);
}

const struct ck_report_format ck_report_formats[] = {{"text", ck_report_text_write},
                                                     {"json", json_write},
                                                     {"junit", ck_report_junit_write},
                                                     {"tap", ck_report_tap_write},
                                                     {NULL, NULL}};

const struct ck_report_format *ck_report_find(const char *name)
{
    for (const struct ck_report_format *format = ck_report_formats; format->name; format++)
        if (strcmp(format->name, name) == 0)
            return format;
    return NULL;
}

const char *ck_report_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

void ck_report_init(struct ck_report *report, json_t *checks)
{
    report->json = json_pack("{s:s,s:s,s:n,s:{},s:{},s:o,s:[],s:[],s:[s,s,s,s]}", "format", "fakeca-check/1", "tool",
                             fc_version, "setup", "clock", "summary", "checks", checks, "certificates", "events",
                             "not_covered", "real DNS", "firewall", "CDN in front", "the public CA's mood");
}

void ck_report_release(struct ck_report *report)
{
    json_decref(report->json);
    report->json = NULL;
}

/* ---- the stream ---- */

static void take_plan(struct ck_report *report, const json_t *object)
{
    json_object_set(report->json, "setup", json_object_get(object, "setup"));
}

static void take_seen(struct ck_report *report, const json_t *object)
{
    json_t *events = json_object_get(report->json, "events");
    fc_auto_json event = json_copy((json_t *)(uintptr_t)object);

    if (json_array_size(events) >= EVENTS_MAX)
        return;
    json_object_del(event, "type");
    json_array_append(events, event);
}

static void take_verdict(struct ck_report *report, const json_t *object)
{
    json_t *checks = json_object_get(report->json, "checks"), *check;
    size_t i;

    json_array_foreach(checks, i, check)
    {
        if (strcmp(ck_report_text(check, "id"), ck_report_text(object, "id")) != 0)
            continue;
        json_object_update(check, (json_t *)(uintptr_t)object);
        json_object_del(check, "type");
    }
}

static void take_end(struct ck_report *report, const json_t *object)
{
    json_object_update(json_object_get(report->json, "clock"), json_object_get(object, "clock"));
    json_object_set(report->json, "certificates", json_object_get(object, "certificates"));
}

static void take_broken(struct ck_report *report, const json_t *object)
{
    json_object_set(report->json, "broken", json_object_get(object, "text"));
}

void ck_report_take(struct ck_report *report, const json_t *object)
{
    static const struct {
        const char *type;
        void (*take)(struct ck_report *report, const json_t *object);
    } rows[] = {{"plan", take_plan},
                {"seen", take_seen},
                {"verdict", take_verdict},
                {"end", take_end},
                {"broken", take_broken}};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].type, ck_report_text(object, "type")) == 0)
            rows[i].take(report, object);
}

/* ---- the end ---- */

int ck_report_count(const struct ck_report *report, enum ck_result result)
{
    const json_t *counts = json_object_get(json_object_get(report->json, "summary"), "counts");

    return (int)json_integer_value(json_object_get(counts, ck_core_result(result)));
}

const char *ck_report_verdict(const struct ck_report *report)
{
    if (ck_report_count(report, CK_FAIL))
        return "NOT READY";
    if (ck_report_count(report, CK_INCONCLUSIVE) || ck_report_count(report, CK_ERROR) ||
        ck_report_count(report, CK_PASS) + ck_report_count(report, CK_WARN) == 0)
        return "NOT JUDGED";
    return "READY";
}

void ck_report_finish(struct ck_report *report, const char *result, const char *why, double seconds)
{
    json_t *checks = json_object_get(report->json, "checks"), *check, *counts = json_object();
    json_t *summary = json_object_get(report->json, "summary");
    size_t i;

    json_array_foreach(checks, i, check)
    {
        if (!json_object_get(check, "result")) {
            json_object_set_new(check, "result", json_string(result));
            json_object_set_new(check, "headline", json_string(why));
        }
        const char *name = ck_report_text(check, "result");
        json_object_set_new(counts, name, json_integer(json_integer_value(json_object_get(counts, name)) + 1));
    }
    for (int r = 0; r < CK_RESULTS; r++)
        if (!json_object_get(counts, ck_core_result((enum ck_result)r)))
            json_object_set_new(counts, ck_core_result((enum ck_result)r), json_integer(0));
    json_object_set_new(summary, "counts", counts);
    json_object_set_new(summary, "verdict", json_string(ck_report_verdict(report)));
    json_object_set_new(report->json, "seconds", json_real(seconds));
}
