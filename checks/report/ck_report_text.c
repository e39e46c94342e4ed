/* The report for a person: the first screen decides. */
#include "report/ck_report.h"

#include <string.h>

#include "base/base_text.h"

struct paint {
    const char *red, *green, *yellow, *dim, *bold, *off;
};

static const struct paint colours = {"\033[31m", "\033[32m", "\033[33m", "\033[2m", "\033[1m", "\033[0m"},
                          none = {"", "", "", "", "", ""};

#define WIDTH 110
#define INDENT 6

/* Words up to the width, then a new line with the indent. */
static void wrapped(FILE *to, const char *text, size_t indent)
{
    size_t column = indent;

    for (text += strspn(text, " "); *text; text += strspn(text, " ")) {
        size_t word = strcspn(text, " ");
        if (column > indent && column + word + 1 > WIDTH) {
            fprintf(to, "\n%*s", (int)indent, "");
            column = indent;
        } else if (column > indent) {
            fputc(' ', to);
            column++;
        }
        fwrite(text, 1, word, to);
        column += word;
        text += word;
    }
    fputc('\n', to);
}

static void head(const struct ck_report *report, FILE *to, const struct paint *paint)
{
    const json_t *clock = json_object_get(report->json, "clock");
    const char *verdict = ck_report_verdict(report), *colour = paint->yellow;
    const char *name = ck_report_text(json_object_get(report->json, "setup"), "name");

    if (strcmp(verdict, "READY") == 0)
        colour = paint->green;
    else if (strcmp(verdict, "NOT READY") == 0)
        colour = paint->red;
    fprintf(to, "fakeca check - %s      %d days rehearsed in %.0f s      CA: fakeca %s, production limits\n\n",
            *name ? name : report->setup_file, (int)json_integer_value(json_object_get(clock, "days")),
            json_real_value(json_object_get(report->json, "seconds")), ck_report_text(report->json, "tool"));
    fprintf(to, "%s%s%s%s   %d failed, %d warning%s, %d passed, %d skipped, %d inconclusive", paint->bold, colour,
            verdict, paint->off, ck_report_count(report, CK_FAIL), ck_report_count(report, CK_WARN),
            ck_report_count(report, CK_WARN) == 1 ? "" : "s", ck_report_count(report, CK_PASS),
            ck_report_count(report, CK_SKIP), ck_report_count(report, CK_INCONCLUSIVE));
    if (ck_report_count(report, CK_ERROR))
        fprintf(to, ", %d errors", ck_report_count(report, CK_ERROR));
    fputs(json_is_true(json_object_get(report->json, "interrupted")) ? "   (interrupted)\n" : "\n", to);
    if (*ck_report_text(report->json, "broken"))
        fprintf(to, "fakeca check broke: %s\n", ck_report_text(report->json, "broken"));
}

static void card(const struct ck_report *report, const json_t *check, FILE *to, const struct paint *paint)
{
    const char *result = ck_report_text(check, "result"), *colour = paint->yellow;
    const json_t *detail = json_object_get(check, "detail"), *line, *evidence = json_object_get(check, "evidence");
    char label[16];
    size_t i;

    snprintf(label, sizeof label, "%s", strcmp(result, "inconclusive") == 0 ? "OPEN" : result);
    for (char *c = label; *c; c++)
        *c = *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c;
    if (strcmp(result, "fail") == 0 || strcmp(result, "error") == 0)
        colour = paint->red;
    fprintf(to, "\n%s%-5s%s %s%s%s   %s\n%*s", colour, label, paint->off, paint->bold, ck_report_text(check, "id"),
            paint->off, ck_report_text(check, "severity"), INDENT, "");
    wrapped(to, ck_report_text(check, "headline"), INDENT);
    json_array_foreach(detail, i, line)
        fprintf(to, "        %s%s%s\n", paint->dim, json_string_value(line), paint->off);
    if (*ck_report_text(check, "remedy")) {
        fprintf(to, "%*sDo: ", INDENT, "");
        wrapped(to, ck_report_text(check, "remedy"), INDENT + 4);
    }
    fprintf(to, "%*s%sAgain: fakeca check %s --only %s", INDENT, "", paint->dim, report->setup_file,
            ck_report_text(check, "id"));
    if (json_array_size(evidence)) {
        fputs("   events", to);
        json_array_foreach(evidence, i, line) fprintf(to, " %d", (int)json_integer_value(line));
    }
    fprintf(to, "%s\n", paint->off);
}

static void cards(const struct ck_report *report, const char *result, FILE *to, const struct paint *paint)
{
    const json_t *checks = json_object_get(report->json, "checks"), *check;
    size_t i;

    json_array_foreach(checks, i, check)
    {
        if (strcmp(ck_report_text(check, "result"), result) == 0)
            card(report, check, to, paint);
    }
}

/* What many checks have in common stands once: "a, b: reason". */
static void lines(const struct ck_report *report, const char *result, const char *label, FILE *to)
{
    const json_t *checks = json_object_get(report->json, "checks"), *check, *other;
    size_t i, j;

    json_array_foreach(checks, i, check)
    {
        const char *why = ck_report_text(check, "headline");
        bool told = false;
        if (strcmp(ck_report_text(check, "result"), result) != 0)
            continue;
        for (j = 0; j < i && !told; j++) {
            other = json_array_get(checks, j);
            told = strcmp(ck_report_text(other, "result"), result) == 0 &&
                   strcmp(ck_report_text(other, "headline"), why) == 0;
        }
        if (told)
            continue;
        fprintf(to, "%-5s %s", label, ck_report_text(check, "id"));
        for (j = i + 1; j < json_array_size(checks); j++) {
            other = json_array_get(checks, j);
            if (strcmp(ck_report_text(other, "result"), result) == 0 &&
                strcmp(ck_report_text(other, "headline"), why) == 0)
                fprintf(to, ", %s", ck_report_text(other, "id"));
        }
        fprintf(to, ": %s\n", why);
        /* elsewhere what is to be done stands beside the check that it is open for */
        if (strcmp(ck_report_text(check, "group"), "preflight") == 0 && *ck_report_text(check, "remedy")) {
            fprintf(to, "%*sDo: ", INDENT, "");
            wrapped(to, ck_report_text(check, "remedy"), INDENT + 4);
        }
    }
}

void ck_report_text_write(const struct ck_report *report, FILE *to)
{
    const struct paint *paint = report->colour ? &colours : &none;
    const json_t *covered = json_object_get(report->json, "not_covered"), *what;
    size_t i;

    head(report, to, paint);
    cards(report, "fail", to, paint);
    cards(report, "warn", to, paint);
    fputc('\n', to);
    lines(report, "error", "ERROR", to);
    lines(report, "inconclusive", "OPEN", to);
    lines(report, "skip", "SKIP", to);
    if (report->verbose)
        lines(report, "pass", "PASS", to);
    else
        fprintf(to, "PASS  %d checks (list with -v)\n", ck_report_count(report, CK_PASS));
    const json_t *clock = json_object_get(report->json, "clock");
    if (json_integer_value(json_object_get(clock, "runs_lived")))
        fprintf(to, "Scheduled runs: %d lived, %d inferred between two that ordered nothing (--every-run lives all).\n",
                (int)json_integer_value(json_object_get(clock, "runs_lived")),
                (int)json_integer_value(json_object_get(clock, "runs_inferred")));
    if (strcmp(ck_report_text(clock, "way"), "aged") == 0)
        fputs("The client kept the machine's clock, and certificates were issued with an age (clock.how aged).\n", to);
    fputs("Not covered by a local run: ", to);
    json_array_foreach(covered, i, what) fprintf(to, "%s%s", i ? ", " : "", json_string_value(what));
    fputs(".\n", to);
}
