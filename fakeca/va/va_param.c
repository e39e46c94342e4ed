#include "va/va_param.h"

#include <string.h>

#include "base/base_text.h"
#include "va/va_int.h"

struct span {
    const char *at;
    size_t len;
};

static struct span trim(struct span span)
{
    while (span.len > 0 && (span.at[0] == ' ' || span.at[0] == '\t')) {
        span.at++;
        span.len--;
    }
    while (span.len > 0 && (span.at[span.len - 1] == ' ' || span.at[span.len - 1] == '\t'))
        span.len--;
    return span;
}

/* Letters and digits only. */
static bool is_alphanumeric(struct span name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')))
            return false;
    }
    return true;
}

static bool is_value(struct span value)
{
    for (size_t i = 0; i < value.len; i++)
        if ((unsigned char)value.at[i] < 0x21 || (unsigned char)value.at[i] > 0x7E)
            return false;
    return true;
}

static const char *quote(struct fc_arena *arena, struct span span)
{
    return fc_va_text_quote(arena, span.at, span.len);
}

/* What is wrong with a parameter; NULL: nothing. CAA says only that, for nobody is told. */
static const char *judge(struct fc_arena *arena, enum fc_va_param_dialect dialect, struct span part, struct span name,
                         struct span value)
{
    if (dialect == FC_VA_PARAM_CAA)
        return is_alphanumeric(name) && is_value(value) ? NULL : "malformed";
    if (name.len == 0)
        return fc_arena_printf(arena, "malformed parameter %s, empty tag", quote(arena, part));
    if (!is_value(value))
        return fc_arena_printf(arena, "malformed value %s for tag %s", quote(arena, value), quote(arena, name));
    return NULL;
}

/* One "name=value"; returns why not, or NULL. */
static const char *read_param(struct fc_arena *arena, enum fc_va_param_dialect dialect, struct span part,
                              struct fc_va_issue *issue)
{
    const char *equals = part.len > 0 ? memchr(part.at, '=', part.len) : NULL;

    if (equals == NULL)
        return dialect == FC_VA_PARAM_CAA
                   ? "malformed"
                   : fc_arena_printf(arena, "malformed parameter %s should be tag=value pair", quote(arena, part));
    struct span name = trim((struct span){part.at, (size_t)(equals - part.at)});
    struct span value = trim((struct span){equals + 1, (size_t)(part.at + part.len - equals - 1)});
    const char *why = judge(arena, dialect, part, name, value);
    if (why != NULL || !is_alphanumeric(name))
        return why; /* one of another name is nobody's business */
    if (issue->n_params == FC_VA_PARAMS_MAX)
        return dialect == FC_VA_PARAM_CAA ? "malformed" : "more than 64 parameters";
    issue->params[issue->n_params++] = (struct fc_va_param){.name = fc_arena_strndup(arena, name.at, name.len),
                                                            .value = fc_arena_strndup(arena, value.at, value.len)};
    return NULL;
}

/* Cuts off what stands before the next ';'. Returns false when that was the last part. */
static bool cut_part(struct span *rest, struct span *ret_part)
{
    const char *end = rest->len > 0 ? memchr(rest->at, ';', rest->len) : NULL;
    size_t len = end != NULL ? (size_t)(end - rest->at) : rest->len;

    *ret_part = (struct span){rest->at, len};
    if (end == NULL)
        return false;
    rest->at += len + 1;
    rest->len -= len + 1;
    return true;
}

int fc_va_param_parse(struct fc_arena *arena, const char *bytes, size_t len, enum fc_va_param_dialect dialect,
                      struct fc_va_issue *ret_issue, const char **ret_why)
{
    struct span rest = {bytes, len}, part;
    bool more = cut_part(&rest, &part);
    bool first = true;

    part = trim(part);
    bool text = part.len > 0 && memchr(part.at, '\0', part.len) == NULL;
    *ret_issue = (struct fc_va_issue){.domain = text ? fc_arena_strndup(arena, part.at, part.len) : ""};
    *ret_why = NULL;
    while (*ret_why == NULL && more) {
        more = cut_part(&rest, &part);
        bool empty = trim(part).len == 0;
        if (dialect == FC_VA_PARAM_PERSIST)
            part = trim(part);
        if (empty && first && !more && dialect == FC_VA_PARAM_CAA)
            break; /* "ca.example;" says no more than "ca.example" */
        *ret_why = empty && dialect == FC_VA_PARAM_PERSIST ? "empty parameter or trailing semicolon provided"
                                                           : read_param(arena, dialect, part, ret_issue);
        first = false;
    }
    return *ret_why != NULL ? -1 : 0;
}

int fc_va_param_caa(struct fc_arena *arena, const unsigned char *rdata, size_t len, struct fc_va_caa *ret_caa)
{
    const char *at = (const char *)rdata + 2;

    if (len < 2 || rdata[1] == 0 || (size_t)rdata[1] + 2 > len || !is_alphanumeric((struct span){at, rdata[1]}))
        return -1;
    char *tag = fc_arena_strndup(arena, at, rdata[1]);
    size_t value_len = len - 2 - rdata[1];
    char *value = fc_arena_alloc(arena, value_len + 1);
    memcpy(value, at + rdata[1], value_len);
    fc_text_lower(tag);
    /* bit 0 of the RFC is the highest; the lowest is how some read it once, and Let's Encrypt heeds both */
    *ret_caa =
        (struct fc_va_caa){.critical = (rdata[0] & (128 | 1)) != 0, .tag = tag, .value = value, .len = value_len};
    return 0;
}
