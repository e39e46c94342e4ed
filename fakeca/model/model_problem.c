#include "model/model_problem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/base_assert.h"
#include "base/base_buf.h"

#define URN "urn:ietf:params:acme:error:"

/* Details quote what a peer sent; everything in them is bounded by the limits of requests, this is the last net. */
#define DETAIL_MAX ((size_t)16 * 1024)

static const struct {
    const char *urn;
    int status;
} types[] = {
    [FC_PROBLEM_NONE] = {NULL, 0},
#define X(name, text, status) [FC_PROBLEM_##name] = {URN text, status},
#include "model/model_problem.def"
#undef X
};

__attribute__((format(printf, 2, 0))) static const char *detail_text(struct fc_arena *arena, const char *format,
                                                                     va_list args)
{
    va_list again;

    va_copy(again, args);
    int needed = vsnprintf(NULL, 0, format, again);
    va_end(again);
    FC_ASSERT(needed >= 0);
    size_t room = (size_t)needed < DETAIL_MAX ? (size_t)needed + 1 : DETAIL_MAX;
    char *text = fc_arena_alloc(arena, room);
    vsnprintf(text, room, format, args);
    return text;
}

int fc_problem_set(struct fc_problem *problem, struct fc_arena *arena, enum fc_problem_type type, const char *format,
                   ...)
{
    va_list args;

    if (problem->type != FC_PROBLEM_NONE)
        return -1;
    problem->type = type;
    va_start(args, format);
    problem->detail = detail_text(arena, format, args);
    va_end(args);
    return -1;
}

int fc_problem_set_status(struct fc_problem *problem, struct fc_arena *arena, enum fc_problem_type type, int status,
                          const char *format, ...)
{
    va_list args;

    if (problem->type != FC_PROBLEM_NONE)
        return -1;
    problem->type = type;
    problem->status = status;
    va_start(args, format);
    problem->detail = detail_text(arena, format, args);
    va_end(args);
    return -1;
}

int fc_problem_context(struct fc_problem *problem, struct fc_arena *arena, const char *prefix)
{
    problem->detail = fc_arena_printf(arena, "%s :: %s", prefix, problem->detail ? problem->detail : "");
    return -1;
}

int fc_problem_status(const struct fc_problem *problem)
{
    FC_ASSERT(problem->type > FC_PROBLEM_NONE && problem->type < FC_PROBLEM__MAX);
    return problem->status ? problem->status : types[problem->type].status;
}

const char *fc_problem_type_name(enum fc_problem_type type)
{
    FC_ASSERT(type > FC_PROBLEM_NONE && type < FC_PROBLEM__MAX);
    return types[type].urn + strlen(URN);
}

/* ---- JSON ---- */

/* What a UTF-8 sequence with this first byte looks like; the second byte's range shuts out overlong forms, surrogates
 * and what lies above U+10FFFF (Unicode table 3-7). */
static const struct {
    unsigned char first, last; /* range of the first byte */
    unsigned char low, high;   /* range of the second one */
    size_t len;
} sequences[] = {
    {0x01, 0x7F, 0x00, 0x00, 1}, {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3},
    {0xE1, 0xEC, 0x80, 0xBF, 3}, {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3},
    {0xF0, 0xF0, 0x90, 0xBF, 4}, {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
};

/* Length of the character at text (which ends in a NUL), or 0 when the byte there begins none. */
static size_t character_len(const unsigned char *text)
{
    for (size_t i = 0; i < sizeof sequences / sizeof *sequences; i++) {
        size_t len = sequences[i].len;
        if (text[0] < sequences[i].first || text[0] > sequences[i].last)
            continue;
        if (len > 1 && (text[1] < sequences[i].low || text[1] > sequences[i].high))
            return 0;
        for (size_t j = 2; j < len; j++)
            if ((text[j] & 0xC0) != 0x80)
                return 0;
        return len;
    }
    return 0;
}

static json_t *utf8_string(const char *text)
{
    json_t *value = json_string(text ? text : "");
    struct fc_buf repaired fc_auto_buf = {0};

    if (value)
        return value;
    fc_buf_init(&repaired, 3 * strlen(text));
    while (*text) {
        size_t len = character_len((const unsigned char *)text);
        if (len)
            fc_buf_append(&repaired, text, len);
        else
            fc_buf_puts(&repaired, "\xEF\xBF\xBD");
        text += len ? len : 1;
    }
    value = json_string(repaired.data);
    FC_ASSERT(value);
    return value;
}

static json_t *subproblems_json(const struct fc_problem *problem)
{
    json_t *array = json_array();

    for (size_t i = 0; i < problem->n_subs; i++)
        json_array_append_new(array, fc_problem_json(&problem->subs[i]));
    return array;
}

json_t *fc_problem_json(const struct fc_problem *problem)
{
    int status = fc_problem_status(problem);
    json_t *object = json_object();

    json_object_set_new(object, "type", json_string(types[problem->type].urn));
    json_object_set_new(object, "detail", utf8_string(problem->detail));
    json_object_set_new(object, "status", json_integer(status));
    if (problem->ident) {
        json_t *ident = json_object();
        json_object_set_new(ident, "type", json_string(fc_ident_type_name(problem->ident->type)));
        json_object_set_new(ident, "value", utf8_string(problem->ident->value));
        json_object_set_new(object, "identifier", ident);
    }
    if (problem->instance)
        json_object_set_new(object, "instance", utf8_string(problem->instance));
    if (problem->n_subs)
        json_object_set_new(object, "subproblems", subproblems_json(problem));
    if (problem->algorithms) {
        json_t *array = json_array();
        for (const char *const *name = problem->algorithms; *name; name++)
            json_array_append_new(array, json_string(*name));
        json_object_set_new(object, "algorithms", array);
    }
    return object;
}
