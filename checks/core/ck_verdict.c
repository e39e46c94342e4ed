#include "core/ck_verdict.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/base_alloc.h"
#include "base/base_buf.h"

#define TEXT_MAX 2000 /* of a line that quotes what programs printed */
#define LINES_MAX 60

void ck_verdict_init(struct ck_verdict *verdict)
{
    *verdict = (struct ck_verdict){
        .result = CK_ERROR, .detail = json_array(), .evidence = json_array(), .missing = json_array()};
}

void ck_verdict_release(struct ck_verdict *verdict)
{
    free(verdict->headline);
    free(verdict->remedy);
    json_decref(verdict->detail);
    json_decref(verdict->evidence);
    json_decref(verdict->missing);
    *verdict = (struct ck_verdict){0};
}

/* The text cut at TEXT_MAX, with '?' for bytes that are no UTF-8, which JSON could not carry. */
static char *text_of(const char *format, va_list args) __attribute__((format(printf, 1, 0)));
static char *text_of(const char *format, va_list args)
{
    char buf[TEXT_MAX];
    int len = vsnprintf(buf, sizeof buf, format, args);

    if (len >= (int)sizeof buf)
        for (size_t i = sizeof buf - 4; i < sizeof buf - 1; i++)
            buf[i] = '.';
    json_t *check = json_string(buf);
    for (char *c = buf; !check && *c; c++)
        if ((unsigned char)*c >= 0x80)
            *c = '?';
    json_decref(check);
    return fc_strdup(buf);
}

void ck_verdict_set(struct ck_verdict *verdict, enum ck_result result, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    free(verdict->headline);
    verdict->headline = text_of(format, args);
    va_end(args);
    verdict->result = result;
    verdict->set = true;
}

void ck_verdict_detail(struct ck_verdict *verdict, const char *format, ...)
{
    va_list args;

    if (json_array_size(verdict->detail) >= LINES_MAX)
        return;
    va_start(args, format);
    fc_auto_free char *text = text_of(format, args);
    va_end(args);
    json_array_append_new(verdict->detail, json_string(text));
}

void ck_verdict_remedy(struct ck_verdict *verdict, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    free(verdict->remedy);
    verdict->remedy = text_of(format, args);
    va_end(args);
}

void ck_verdict_evidence(struct ck_verdict *verdict, long number)
{
    if (number > 0)
        json_array_append_new(verdict->evidence, json_integer(number));
}

void ck_verdict_missing(struct ck_verdict *verdict, const char *member)
{
    json_array_append_new(verdict->missing, json_string(member));
    ck_verdict_set(verdict, CK_SKIP, "add \"%s\"", member);
}
