/* Inside policy/: the loader with a way to watch it, and its parts. */
#ifndef FC_POLICY_INT_H
#define FC_POLICY_INT_H

#include "base/base_arena.h"
#include "base/base_json.h"
#include "policy/policy.h"

/* Called for each object of the file once all its members were asked for: its path and the names. A test compares them with
 * policy.schema.json. */
struct fc_policy_watch {
    void (*object)(void *cookie, const char *path, const char *const *names, size_t n_names);
    void *cookie;
};

/* One policy of a file: that of the beginning, or that from the date of a change on. The public struct comes first, so that it is
 * found by its own address; its texts are those of the JSON value. */
struct fc_policy_box {
    struct fc_policy policy;
    struct fc_arena *arena;
    json_t *root;
    struct fc_policy_file *file;
};

/* All policies of a file, by `from`, ascending; freed together. */
struct fc_policy_file {
    char *name; /* "built-in" */
    struct fc_policy_box **boxes;
    size_t n_boxes;
    struct fc_policy_change *changes;
    size_t n_changes;
    struct fc_arena *arena; /* of the profiles' versions */
    json_t *root;           /* as it was read, with the changes */
};

/* What the parts of the loader share. */
struct fc_policy_load {
    struct fc_policy *policy;
    struct fc_arena
        *arena; /* the policy's own: vectors and structs; texts stay in the JSON value, which the policy keeps */
    const struct fc_policy_watch *watch; /* NULL: nobody watches */
    const struct fc_policy_box *before;  /* of the date before; NULL: none */
    bool lenient;                        /* the file has a section of that name */
};

/* fc_policy_parse with a watcher (NULL allowed). */
int fc_policy_load(const char *text, size_t len, const char *file, const struct fc_policy_watch *watch,
                   struct fc_policy **ret_policy, struct fc_err *err);

/* ---- policy_read.c: what several sections need ---- */

/* Asks for the "source" that every section carries, tells the watcher, reports unknown members. Returns the source. */
const char *fc_policy_read_end(struct fc_policy_load *load, struct fc_json_obj *obj);
/* A NULL-terminated vector in the policy's arena (an empty one when the member is wrong). `words`: the permitted ones, NULL for
 * any; an unknown or repeated word is an error, with the nearest permitted one. */
const char **fc_policy_read_strs(struct fc_policy_load *load, struct fc_json_obj *obj, const char *key, size_t max,
                                 size_t max_len, const char *const *words);
/* The same for domain names: lower case, because they are compared with names that were lowered. prefixes: address prefixes
 * are permitted too ("224.0.0.0/4"). */
const char **fc_policy_read_domains(struct fc_policy_load *load, struct fc_json_obj *obj, const char *key, size_t max,
                                    bool prefixes);
/* A required duration of whole seconds, for what is sent or written in seconds; in ns. */
int64_t fc_policy_read_seconds(struct fc_json_obj *obj, const char *key, int64_t min, int64_t max);
/* Distinct integers in [min, max], at most `room`; returns how many. */
size_t fc_policy_read_ints(struct fc_json_obj *obj, const char *key, int64_t min, int64_t max, size_t room,
                           int64_t *ret_values);
/* A required text of 1 to 64 of a-z, 0-9 and '-' that begins with a letter: it becomes part of URLs and of row names. */
const char *fc_policy_read_name(struct fc_json_obj *obj, const char *key);
/* A required http or https URL. */
const char *fc_policy_read_url(struct fc_json_obj *obj, const char *key);
/* A required point in time; FC_POLICY_NO_TIME when it is missing or wrong, so that comparisons can be left out. */
#define FC_POLICY_NO_TIME INT64_MIN
int64_t fc_policy_read_time(struct fc_json_obj *obj, const char *key);

/* ---- policy_changes.c: what changes on which day ---- */

/* The most dates on which something changes. */
#define FC_POLICY_DATES_MAX 100
/* Reads the rows of `changes`. */
void fc_policy_changes_read(struct fc_policy_load *load, struct fc_json_obj *root, struct fc_policy_file *file);
/* Makes a policy for each date behind boxes[0]; what is wrong on any date goes to errs. When errs has something already, only names are
 * looked at: no policy is made. */
void fc_policy_changes_apply(struct fc_policy_file *file, struct fc_json_errs *errs);
/* policy.c: reads the sections of root (a reference is taken) into a box of the file; errors go to errs. */
struct fc_policy_box *fc_policy_box_new(struct fc_policy_file *file, json_t *root, const struct fc_policy_watch *watch,
                                        struct fc_json_errs *errs);

/* ---- the sections ---- */

/* Fills the versions of every profile, when all policies are there. */
void fc_policy_profiles_link(struct fc_policy_file *file);
/* Whether the profiles' issuers are there; after the hierarchy. */
void fc_policy_profiles_check(struct fc_policy_load *load, struct fc_json_obj *root);
void fc_policy_limits_read(struct fc_policy_load *load, struct fc_json_obj *root); /* policy_limits.c */
void fc_policy_access_read(struct fc_policy_load *load, struct fc_json_obj *root); /* policy_access.c */
/* A required list of account numbers, 0-terminated. */
const int64_t *fc_policy_access_accounts(struct fc_policy_load *load, struct fc_json_obj *obj, const char *key);
void fc_policy_lenient_read(struct fc_policy_load *load, struct fc_json_obj *root); /* policy_lenient.c */

void fc_policy_profiles_read(struct fc_policy_load *load, struct fc_json_obj *root);  /* policy_profiles.c */
void fc_policy_hierarchy_read(struct fc_policy_load *load, struct fc_json_obj *root); /* policy_hierarchy.c */

#endif
