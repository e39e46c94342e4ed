/* Option tables: parsing, environment variables, help text, errors with the nearest name. */
#ifndef FC_BASE_OPT_H
#define FC_BASE_OPT_H

#include "base/base_err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum fc_opt_type {
    FC_OPT_FLAG,     /* bool;          --quiet, --no-quiet */
    FC_OPT_STRING,   /* const char *;  borrowed from argv or the environment */
    FC_OPT_STRINGS,  /* struct fc_opt_strings; may be repeated */
    FC_OPT_INT,      /* int64_t;       range min..max */
    FC_OPT_DURATION, /* int64_t ns;    fc_duration_parse, range min..max when max > 0 */
    FC_OPT_TIME,     /* int64_t ns;    fc_time_parse */
    FC_OPT_WORD      /* int;           index into words */
};

#define FC_OPT_STRINGS_MAX 64
struct fc_opt_strings {
    const char *at[FC_OPT_STRINGS_MAX];
    size_t count;
};

/* One row. Tables end with a row whose name is NULL. */
struct fc_opt {
    const char *name; /* "state": the flag is --state */
    char letter;      /* 's' for -s, or 0 */
    enum fc_opt_type type;
    size_t offset;            /* offsetof(struct x, member) in the target */
    const char *arg;          /* "DIR", for the help; NULL for flags */
    const char *env;          /* "FAKECA_STATE", read when the flag is not given; or NULL */
    const char *help;         /* one sentence, lower case, no full stop */
    int64_t min, max;         /* FC_OPT_INT, FC_OPT_DURATION */
    const char *const *words; /* FC_OPT_WORD, NULL-terminated */
};

/* operands: set by the caller before the call to room for argc + 1 pointers, or to NULL when operands are an error. */
struct fc_opt_result {
    const char **operands; /* filled with the operands, NULL-terminated */
    size_t n_operands;
    bool help;
};

/* Parses argv[0..argc) (no program name) into target, which holds the defaults: "--name VALUE", "--name=VALUE",
 * "-n VALUE"; "--" ends the options. A VALUE may begin with '-' ("--clock -60d") but not with "--" unless '=' joins it.
 * Options may stand behind operands unless stop_at_operand. "--help" and "-h" set help and stop without reading the
 * environment. Then each row with env that was not given takes the variable's value; an empty variable counts as unset;
 * flags read 1/true/yes/on and 0/false/no/off.
 * Errors FC_E_USAGE: "unknown option '--stat', did you mean '--state'?", "option '--state' needs a value", "option
 * '--state' given twice", value errors with the name of the option or variable and the rule. */
int fc_opt_parse(const struct fc_opt *table, void *target, int argc, char *const *argv, bool stop_at_operand,
                 struct fc_opt_result *ret_result, struct fc_err *err);

/* Reads a config file's object into target: the rows are its members, flags true or false, FC_OPT_STRINGS arrays of texts,
 * FC_OPT_INT numbers, all else texts as on the command line. Texts are borrowed from the object. Members of the wrong type
 * and unknown ones are recorded in obj's errors. Call it before fc_opt_parse on the same target: what is given there wins;
 * `given` (from an earlier fc_opt_parse into another target) tells which FC_OPT_STRINGS the command line replaces. */
struct fc_json_obj;
void fc_opt_read_json(const struct fc_opt *table, void *target, const void *given, struct fc_json_obj *obj);

/* The rows as aligned help text, with environment variables and ranges. */
void fc_opt_help(const struct fc_opt *table, FILE *to);

/* The word of a list that is nearest to `word` (edit distance at most 2, or a third of its length), or NULL. */
const char *fc_opt_nearest(const char *word, const char *const *list, size_t count);

#endif
