/* What a person is told of a validation: cause and remedy of each failure that letsencrypt.md part B knows, each hop in a line, and the
 * command that repeats it. Hops are read as JSON, the form in which the event log keeps them. Any thread. */
#ifndef FC_VA_HINT_H
#define FC_VA_HINT_H

#include "base/base_arena.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct fc_va_hop;

/* One row of va_hint.def: {x} stands for what differs from case to case. */
struct fc_va_hint {
    const char *text;   /* as fixtures/letsencrypt/texts.tsv has it */
    const char *cause;  /* one sentence */
    const char *remedy; /* what to do */
};
extern const struct fc_va_hint fc_va_hints[];
extern const size_t fc_va_hints_count;

/* How well a text with {placeholders} fits another: the number of its bytes outside of them plus 1; 0: not at all. {ip} stands for an
 * IP address, any other one for anything. */
size_t fc_va_hint_fit(const char *pattern, const char *text);

struct fc_va_advice {
    const char *cause, *remedy;
};
/* Cause and remedy for the detail of a failed validation, in the arena; false when no row fits. */
bool fc_va_hint_find(struct fc_arena *arena, const char *detail, struct fc_va_advice *ret_advice);

/* ---- va_hint_hop.c ---- */

/* What the event validation.hop and the API say of a hop; new reference. */
json_t *fc_va_hint_hop_json(const struct fc_va_hop *hop);

/* The hop as a line for people, without control characters; the caller frees. */
char *fc_va_hint_hop_text(const json_t *hop);

struct fc_va_hint_repeat {
    const json_t *hops;     /* array; may be empty */
    const char *user_agent; /* of the policy */
    const char *dns;        /* "127.0.0.1:8053", "[::1]", "127.0.0.1": who was asked; NULL: whom everybody asks */
};
/* The shell line (curl, dig, openssl) that asks again what the perspective asked whose hop failed, or the primary one; the caller
 * frees. NULL when there is no hop. */
char *fc_va_hint_hop_repeat(const struct fc_va_hint_repeat *what);

#endif
