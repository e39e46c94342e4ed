/* Where a value stands in its source. jansson keeps no positions; an error text wants the line. The scanner walks valid JSON once,
 * keeps the path of where it is, and stops at the wanted one. */
#include "base/base_json_int.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define PATH_MAX_LEN 768

struct scan {
    const char *at, *end, *wanted;
    int line, found;
    char path[PATH_MAX_LEN];
};

static void blanks(struct scan *s)
{
    for (; s->at < s->end && strchr(" \t\r\n", *s->at); s->at++)
        s->line += *s->at == '\n';
}

/* A string's raw text (escapes as they are) without its quotes. */
static const char *string(struct scan *s, size_t *ret_len)
{
    const char *begin = ++s->at;

    for (; s->at < s->end && *s->at != '"'; s->at++)
        if (*s->at == '\\' && s->at + 1 < s->end)
            s->at++;
    *ret_len = (size_t)(s->at - begin);
    if (s->at < s->end)
        s->at++;
    return begin;
}

static void value(struct scan *s);

static void child(struct scan *s, size_t parent_len, const char *name, size_t name_len, bool dot)
{
    if (parent_len + name_len + 2 > PATH_MAX_LEN)
        return;
    size_t n = parent_len;
    if (dot && parent_len)
        s->path[n++] = '.';
    memcpy(s->path + n, name, name_len);
    s->path[n + name_len] = 0;
    if (strcmp(s->path, s->wanted) == 0)
        s->found = s->line;
}

static void object(struct scan *s, size_t parent_len)
{
    for (s->at++; s->at < s->end && !s->found;) {
        size_t len;
        blanks(s);
        if (s->at >= s->end || *s->at != '"') {
            s->at++;
            return;
        }
        const char *name = string(s, &len);
        child(s, parent_len, name, len, true);
        blanks(s);
        s->at++; /* the colon */
        blanks(s);
        value(s);
        s->path[parent_len] = 0;
        blanks(s);
        if (s->at < s->end && *s->at == ',')
            s->at++;
    }
}

static void array(struct scan *s, size_t parent_len)
{
    size_t index = 0;

    for (s->at++; s->at < s->end && !s->found;) {
        char name[32];
        blanks(s);
        if (s->at >= s->end || *s->at == ']') {
            s->at++;
            return;
        }
        int n = snprintf(name, sizeof name, "[%zu]", index++);
        child(s, parent_len, name, (size_t)n, false);
        value(s);
        s->path[parent_len] = 0;
        blanks(s);
        if (s->at < s->end && *s->at == ',')
            s->at++;
    }
}

/* Recursion is bounded: fc_json_parse has refused deep nesting before anybody asks for a line. */
static void value(struct scan *s)
{
    size_t parent_len = strlen(s->path), len;

    if (s->found || s->at >= s->end)
        return;
    if (*s->at == '{')
        object(s, parent_len);
    else if (*s->at == '[')
        array(s, parent_len);
    else if (*s->at == '"')
        string(s, &len);
    else
        while (s->at < s->end && !strchr(",]} \t\r\n", *s->at))
            s->at++;
}

int fc_json_line(const char *text, size_t len, const char *path)
{
    struct scan s = {.at = text, .end = text + len, .wanted = path, .line = 1};

    blanks(&s);
    if (!*path)
        return s.line;
    value(&s);
    return s.found;
}
