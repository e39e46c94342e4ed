/* TAP 14: a line a check, a YAML block where there is something to say. */
#include "report/ck_report.h"

#include <string.h>

/* A double-quoted YAML scalar. */
static void quoted(FILE *to, const char *text)
{
    fputc('"', to);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fprintf(to, "\\%c", *text);
        else if (*text == '\n')
            fputs("\\n", to);
        else if (*text == '\t')
            fputs("\\t", to);
        else if ((unsigned char)*text >= ' ')
            fputc(*text, to);
    }
    fputc('"', to);
}

static void member(FILE *to, const char *name, const char *value)
{
    if (!*value)
        return;
    fprintf(to, "  %s: ", name);
    quoted(to, value);
    fputc('\n', to);
}

static void block(const json_t *check, FILE *to)
{
    const json_t *detail = json_object_get(check, "detail"), *evidence = json_object_get(check, "evidence"), *item;
    size_t i;

    fputs("  ---\n", to);
    member(to, "result", ck_report_text(check, "result"));
    member(to, "severity", ck_report_text(check, "severity"));
    member(to, "message", ck_report_text(check, "headline"));
    if (json_array_size(detail))
        fputs("  detail:\n", to);
    json_array_foreach(detail, i, item)
    {
        fputs("    - ", to);
        quoted(to, json_string_value(item));
        fputc('\n', to);
    }
    member(to, "remedy", ck_report_text(check, "remedy"));
    if (json_array_size(evidence)) {
        fputs("  evidence: [", to);
        json_array_foreach(evidence, i, item) fprintf(to, "%s%d", i ? ", " : "", (int)json_integer_value(item));
        fputs("]\n", to);
    }
    fputs("  ...\n", to);
}

static bool is(const json_t *check, const char *result)
{
    return strcmp(ck_report_text(check, "result"), result) == 0;
}

/* A '#' in a description would begin a directive. */
static void directive(FILE *to, const char *text)
{
    for (; *text; text++)
        fputc(*text == '#' || *text == '\n' ? ' ' : *text, to);
}

void ck_report_tap_write(const struct ck_report *report, FILE *to)
{
    const json_t *checks = json_object_get(report->json, "checks"), *check;
    size_t i;

    fprintf(to, "TAP version 14\n1..%zu\n", json_array_size(checks));
    json_array_foreach(checks, i, check)
    {
        bool good = is(check, "pass") || is(check, "warn") || is(check, "skip");
        fprintf(to, "%s %zu - %s", good ? "ok" : "not ok", i + 1, ck_report_text(check, "id"));
        if (is(check, "skip")) {
            fputs(" # SKIP ", to);
            directive(to, ck_report_text(check, "headline"));
        }
        fputc('\n', to);
        if (!is(check, "pass") && !is(check, "skip"))
            block(check, to);
        if (is(check, "fail") && strcmp(ck_report_text(check, "group"), "preflight") == 0) {
            fputs("Bail out! ", to);
            directive(to, ck_report_text(check, "headline"));
            fputc('\n', to);
            return;
        }
    }
}
