#include "va/va_hint.h"

#include <string.h>

#include "base/base_buf.h"
#include "base/base_text.h"

#define SECONDARY "During secondary validation: "

enum { CAPTURES_MAX = 8, ADVICE_MAX = 8192 };

const struct fc_va_hint fc_va_hints[] = {
#define X(text, cause, remedy) {text, cause, remedy},
#include "va/va_hint.def"
#undef X
};
const size_t fc_va_hints_count = sizeof fc_va_hints / sizeof *fc_va_hints;

/* ---- fitting ---- */

struct piece {
    const char *at;
    size_t len;
};

/* What the placeholders stood for. */
struct captures {
    struct piece names[CAPTURES_MAX], values[CAPTURES_MAX];
    size_t count;
};

static const char *find(const char *text, const char *end, const char *what, size_t len)
{
    for (; (size_t)(end - text) >= len; text++)
        if (memcmp(text, what, len) == 0)
            return text;
    return NULL;
}

static void keep(struct captures *captures, struct piece name, const char *from, const char *to)
{
    if (captures == NULL || captures->count == CAPTURES_MAX)
        return;
    captures->names[captures->count] = name;
    captures->values[captures->count++] = (struct piece){from, (size_t)(to - from)};
}

/* {ip} is an address; everything else may be anything. */
static bool may_stand_for(struct piece name, const char *from, const char *to)
{
    static const char address[] = "0123456789abcdefABCDEF.:";

    return name.len != 2 || memcmp(name.at, "ip", 2) != 0 || strspn(from, address) >= (size_t)(to - from);
}

/* Each placeholder takes as little as lets the fixed text behind it follow; the last fixed text must end the text. */
static size_t fit(const char *pattern, const char *text, struct captures *captures)
{
    const char *end = text + strlen(text);
    size_t fixed = strcspn(pattern, "{");

    if (strncmp(text, pattern, fixed) != 0)
        return 0;
    text += fixed;
    pattern += fixed;
    while (*pattern == '{') {
        const struct piece name = {pattern + 1, strcspn(pattern + 1, "}")};
        pattern = name.at + name.len + 1;
        size_t len = strcspn(pattern, "{");
        const char *found = pattern[len] == '{' ? find(text, end, pattern, len)
                            : (size_t)(end - text) >= len && memcmp(end - len, pattern, len) == 0 ? end - len
                                                                                                  : NULL;
        if (found == NULL || !may_stand_for(name, text, found))
            return 0;
        keep(captures, name, text, found);
        text = found + len;
        pattern += len;
        fixed += len;
    }
    return text == end ? fixed + 1 : 0;
}

size_t fc_va_hint_fit(const char *pattern, const char *text)
{
    return fit(pattern, text, NULL);
}

/* ---- advice ---- */

/* What a look-up for A and AAAA failed with is joined by "; ": the first of the two says enough. */
static const char *first_problem(struct fc_arena *arena, const char *detail)
{
    static const char *const next[] = {"; DNS problem: ", "; no valid AAAA records "};

    if (!fc_text_starts(detail, "DNS problem: "))
        return detail;
    for (size_t i = 0; i < sizeof next / sizeof *next; i++) {
        const char *at = strstr(detail, next[i]);
        if (at != NULL)
            return fc_arena_strndup(arena, detail, (size_t)(at - detail));
    }
    return detail;
}

/* The row with the most fixed text, so that their order does not matter. */
static const struct fc_va_hint *best_row(const char *detail)
{
    const struct fc_va_hint *best = NULL;
    size_t most = 0;

    for (size_t i = 0; i < fc_va_hints_count; i++) {
        size_t fits = fc_va_hint_fit(fc_va_hints[i].text, detail);
        if (fits > most) {
            most = fits;
            best = &fc_va_hints[i];
        }
    }
    return best;
}

static const struct piece *captured(const struct captures *captures, const char *name, size_t len)
{
    for (size_t i = 0; i < captures->count; i++)
        if (captures->names[i].len == len && memcmp(captures->names[i].at, name, len) == 0)
            return &captures->values[i];
    return NULL;
}

static const char *fill(struct fc_arena *arena, const char *text, const struct captures *captures)
{
    struct fc_buf buf fc_auto_buf = {0};

    fc_buf_init(&buf, ADVICE_MAX);
    while (*text != '\0') {
        size_t plain = strcspn(text, "{");
        fc_buf_append(&buf, text, plain);
        text += plain;
        if (*text == '\0')
            break;
        size_t len = strcspn(text + 1, "}");
        const struct piece *value = captured(captures, text + 1, len);
        if (value != NULL)
            fc_buf_append(&buf, value->at, value->len);
        text += len + 2;
    }
    return fc_arena_strndup(arena, buf.data, buf.len);
}

bool fc_va_hint_find(struct fc_arena *arena, const char *detail, struct fc_va_advice *ret_advice)
{
    const char *problem = first_problem(arena, detail);
    const struct fc_va_hint *row = best_row(problem);
    struct captures captures = {0};
    struct fc_va_advice inner;

    if (row == NULL)
        return false;
    fit(row->text, problem, &captures);
    struct fc_va_advice advice = {fill(arena, row->cause, &captures), fill(arena, row->remedy, &captures)};
    if (strcmp(row->text, SECONDARY "{problem}") == 0 && fc_va_hint_find(arena, problem + strlen(SECONDARY), &inner)) {
        advice.cause = fc_arena_printf(arena, "%s: %s", advice.cause, inner.cause);
        advice.remedy = fc_arena_printf(arena, "%s; what one of those met: %s", advice.remedy, inner.remedy);
    }
    *ret_advice = advice;
    return true;
}
