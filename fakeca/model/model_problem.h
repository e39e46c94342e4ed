/* Problem documents (RFC 7807, RFC 8555 section 6.7): what an ACME error is. */
#ifndef FC_MODEL_PROBLEM_H
#define FC_MODEL_PROBLEM_H

#include "base/base_arena.h"
#include "model/model_ident.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

enum fc_problem_type {
    FC_PROBLEM_NONE,
#define X(name, text, status) FC_PROBLEM_##name,
#include "model/model_problem.def"
#undef X
    FC_PROBLEM__MAX
};

/* Strings are borrowed: literals, or of the arena of the request or job. Zeroed: no problem. */
struct fc_problem {
    enum fc_problem_type type;
    int status; /* 0: the type's usual status */
    const char *detail;
    const struct fc_problem *subs; /* subproblems, each with `ident` */
    size_t n_subs;
    const struct fc_ident *ident;  /* only in subproblems */
    const char *const *algorithms; /* badSignatureAlgorithm: NULL-terminated */
    const char *location;          /* Location header of the answer (key-change conflict), or NULL */
    int64_t retry_after_s;         /* 0: as usual for the type; -1: none, or said elsewhere */
    const char *help_url;          /* Link rel="help", or NULL */
    const char *instance;          /* userActionRequired: where the user goes (RFC 8555 section 7.3.3), or NULL */
};

/* Sets type and detail (made in the arena); always -1, so handlers can `return fc_problem_set(...)`. First one wins. */
int fc_problem_set(struct fc_problem *problem, struct fc_arena *arena, enum fc_problem_type type, const char *format,
                   ...) __attribute__((format(printf, 4, 5)));
/* The same with a status that differs from the type's usual one (malformed 404, malformed 405). */
int fc_problem_set_status(struct fc_problem *problem, struct fc_arena *arena, enum fc_problem_type type, int status,
                          const char *format, ...) __attribute__((format(printf, 5, 6)));
/* Puts "PREFIX :: " before the detail (Boulder's context form). Always -1. */
int fc_problem_context(struct fc_problem *problem, struct fc_arena *arena, const char *prefix);

int fc_problem_status(const struct fc_problem *problem);
/* "malformed" */
const char *fc_problem_type_name(enum fc_problem_type type);
/* Members type, detail, status, subproblems, algorithms in this order; new reference. Bytes that are not UTF-8 become
 * U+FFFD. */
json_t *fc_problem_json(const struct fc_problem *problem);

#endif
