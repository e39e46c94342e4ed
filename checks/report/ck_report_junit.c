/* JUnit XML: a suite per group. */
#include "report/ck_report.h"

#include <string.h>

static void escaped(FILE *to, const char *text)
{
    for (; *text; text++) {
        if (*text == '&')
            fputs("&amp;", to);
        else if (*text == '<')
            fputs("&lt;", to);
        else if (*text == '>')
            fputs("&gt;", to);
        else if (*text == '"')
            fputs("&quot;", to);
        else if (*text == '\n' || *text == '\t')
            fprintf(to, "&#%d;", *text);
        else if ((unsigned char)*text >= ' ')
            fputc(*text, to);
    }
}

static void attribute(FILE *to, const char *name, const char *value)
{
    fprintf(to, " %s=\"", name);
    escaped(to, value);
    fputc('"', to);
}

static void body(const json_t *check, FILE *to)
{
    const json_t *detail = json_object_get(check, "detail"), *line;
    size_t i;

    json_array_foreach(detail, i, line)
    {
        escaped(to, json_string_value(line));
        fputc('\n', to);
    }
    if (*ck_report_text(check, "remedy")) {
        fputs("Do: ", to);
        escaped(to, ck_report_text(check, "remedy"));
        fputc('\n', to);
    }
}

static const char *element_of(const char *result)
{
    static const char *const rows[][2] = {{"fail", "failure"},
                                          {"skip", "skipped"},
                                          {"inconclusive", "error"},
                                          {"error", "error"},
                                          {"warn", "system-out"}};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i][0], result) == 0)
            return rows[i][1];
    return NULL;
}

static void test_case(const json_t *check, FILE *to)
{
    const char *result = ck_report_text(check, "result"), *element = element_of(result);

    fprintf(to, "    <testcase classname=\"fakeca.%s\" name=\"%s\" time=\"%.1f\"", ck_report_text(check, "group"),
            ck_report_text(check, "id"), json_number_value(json_object_get(check, "seconds")));
    if (!element) {
        fputs("/>\n", to);
        return;
    }
    fprintf(to, ">\n      <%s", element);
    if (strcmp(element, "system-out") != 0)
        attribute(to, "message", ck_report_text(check, "headline"));
    if (strcmp(element, "failure") == 0 || strcmp(element, "error") == 0)
        attribute(to, "type", strcmp(element, "failure") == 0 ? ck_report_text(check, "severity") : result);
    fputc('>', to);
    if (strcmp(element, "system-out") == 0) {
        fputs("warning: ", to);
        escaped(to, ck_report_text(check, "headline"));
        fputc('\n', to);
    }
    body(check, to);
    fprintf(to, "</%s>\n    </testcase>\n", element);
}

static int count(const json_t *checks, const char *group, const char *element)
{
    const json_t *check;
    size_t i;
    int n = 0;

    json_array_foreach(checks, i, check)
    {
        const char *is = element_of(ck_report_text(check, "result"));
        if (strcmp(ck_report_text(check, "group"), group) == 0 && (!element || (is && strcmp(is, element) == 0)))
            n++;
    }
    return n;
}

static void property(FILE *to, const char *name, const char *value)
{
    fputs("      <property", to);
    attribute(to, "name", name);
    attribute(to, "value", value);
    fputs("/>\n", to);
}

static void suite(const struct ck_report *report, const char *group, FILE *to)
{
    const json_t *checks = json_object_get(report->json, "checks"), *clock = json_object_get(report->json, "clock"),
                 *check;
    size_t i;

    fprintf(to,
            "  <testsuite name=\"fakeca.%s\" tests=\"%d\" failures=\"%d\" errors=\"%d\" skipped=\"%d\">\n    "
            "<properties>\n",
            group, count(checks, group, NULL), count(checks, group, "failure"), count(checks, group, "error"),
            count(checks, group, "skipped"));
    property(to, "simulated.from", ck_report_text(clock, "from"));
    property(to, "simulated.to", ck_report_text(clock, "to"));
    property(to, "clock", ck_report_text(clock, "way"));
    property(to, "client", ck_report_text(clock, "client"));
    fputs("    </properties>\n", to);
    json_array_foreach(checks, i, check)
    {
        if (strcmp(ck_report_text(check, "group"), group) == 0)
            test_case(check, to);
    }
    fputs("  </testsuite>\n", to);
}

void ck_report_junit_write(const struct ck_report *report, FILE *to)
{
    const json_t *checks = json_object_get(report->json, "checks"), *check;
    const char *group = "";
    size_t i;

    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"fakeca check\"", to);
    fprintf(to, " time=\"%.1f\">\n", json_real_value(json_object_get(report->json, "seconds")));
    /* checks come group by group */
    json_array_foreach(checks, i, check)
    {
        if (strcmp(ck_report_text(check, "group"), group) == 0)
            continue;
        group = ck_report_text(check, "group");
        suite(report, group, to);
    }
    fputs("</testsuites>\n", to);
}
