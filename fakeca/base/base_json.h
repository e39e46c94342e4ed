/* JSON access over jansson with limits, typed members, and errors that carry the path. */
#ifndef FC_BASE_JSON_H
#define FC_BASE_JSON_H

#include "base/base_alloc.h"
#include "base/base_err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

FC_CLEANUP(json_t *, json_decref)
#define fc_auto_json fc_auto(json_decref) json_t *

/* Parses exactly len bytes: duplicate members, trailing bytes, NUL in strings, and nesting deeper than 32 are refused.
 * The caller owns the value. Error FC_E_PARSE "line 3, column 7: ...". */
int fc_json_parse(const char *text, size_t len, json_t **ret_value, struct fc_err *err);

/* Compact text of a value, members in insertion order; the caller frees. */
char *fc_json_text(const json_t *value);

/* ---- reading an object with all errors at once ----
 *
 *     struct fc_json_errs errs;  fc_json_errs_init(&errs, "policy.json", text, len);
 *     struct fc_json_obj o;      fc_json_obj_root(&o, value, &errs);
 *     name = fc_json_str(&o, "name", FC_JSON_REQUIRED, 64);
 *     fc_json_obj_end(&o);       reports each member that no getter asked for, with the nearest name that one did
 *     if (errs.count) ...
 *
 * A getter that fails records "FILE: line N: PATH: rule" and returns a harmless value (NULL, 0, false). */

#define FC_JSON_ERRS_MAX 50

struct fc_json_errs {
    const char *file; /* shown before each error; NULL: not shown */
    const char *text; /* the source, to find lines; NULL: lines are not shown */
    size_t text_len;
    size_t count; /* errors seen; only the first FC_JSON_ERRS_MAX are kept */
    char *messages[FC_JSON_ERRS_MAX];
};

#define FC_JSON_KEYS_MAX 64

struct fc_json_obj {
    const json_t *value; /* NULL when the member was absent or not an object */
    char path[256];      /* "profiles.classic[0]"; "" at the root */
    struct fc_json_errs *errs;
    const char *asked[FC_JSON_KEYS_MAX]; /* names that getters asked for; must be literals or live as long */
    size_t n_asked;
};

enum fc_json_need { FC_JSON_OPTIONAL, FC_JSON_REQUIRED };

/* text may be NULL. The strings must outlive errs. */
void fc_json_errs_init(struct fc_json_errs *errs, const char *file, const char *text, size_t text_len);
void fc_json_errs_release(struct fc_json_errs *errs);
/* Records an error at obj's path plus "." key (key NULL: at the object itself). */
void fc_json_errs_add(struct fc_json_obj *obj, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Sets err to all messages, one a line ("... and N more" at the end), code FC_E_USAGE; returns -1, or 0 if there are none. */
int fc_json_errs_report(const struct fc_json_errs *errs, struct fc_err *err);

void fc_json_obj_root(struct fc_json_obj *obj, const json_t *value, struct fc_json_errs *errs);
/* A member that is an object. When absent and optional, obj->value is NULL and every getter on it gives its default. */
void fc_json_obj_member(struct fc_json_obj *parent, const char *key, enum fc_json_need need,
                        struct fc_json_obj *ret_obj);
/* Element `index` of an array that came from fc_json_array(parent, key, ...). */
void fc_json_obj_element(struct fc_json_obj *parent, const char *key, const json_t *array, size_t index,
                         struct fc_json_obj *ret_obj);
/* Reports members that nobody asked for: "unknown key 'x', did you mean 'y'?" */
void fc_json_obj_end(struct fc_json_obj *obj);

bool fc_json_has(struct fc_json_obj *obj, const char *key);
/* Borrowed string of at most max_len bytes. */
const char *fc_json_str(struct fc_json_obj *obj, const char *key, enum fc_json_need need, size_t max_len);
/* Integer in [min, max]; fallback when optional and absent. */
int64_t fc_json_int(struct fc_json_obj *obj, const char *key, enum fc_json_need need, int64_t min, int64_t max,
                    int64_t fallback);
bool fc_json_bool(struct fc_json_obj *obj, const char *key, enum fc_json_need need, bool fallback);
/* A string that base_time reads as a duration / a point in time; result in ns. */
int64_t fc_json_duration(struct fc_json_obj *obj, const char *key, enum fc_json_need need, int64_t min, int64_t max,
                         int64_t fallback);
int64_t fc_json_time(struct fc_json_obj *obj, const char *key, enum fc_json_need need, int64_t fallback);
/* Borrowed array of at most max elements, NULL if absent or wrong. */
const json_t *fc_json_array(struct fc_json_obj *obj, const char *key, enum fc_json_need need, size_t max);
/* An array of strings into a new NULL-terminated vector that the caller frees (the strings are borrowed). */
const char **fc_json_strs(struct fc_json_obj *obj, const char *key, enum fc_json_need need, size_t max, size_t max_len);
/* One of a NULL-terminated list of words: its index, or `fallback`. */
int fc_json_word(struct fc_json_obj *obj, const char *key, enum fc_json_need need, const char *const *words,
                 int fallback);
/* Any value, borrowed (for members whose names are free, such as profile names). */
const json_t *fc_json_any(struct fc_json_obj *obj, const char *key, enum fc_json_need need);

#endif
