/* The CA of a rehearsal, known only by its command line and its management API. */
#ifndef CK_CA_H
#define CK_CA_H

#include "base/base_alloc.h"
#include "base/base_err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fc_proc;

struct ck_ca_params {
    const char *program; /* path of fakeca */
    const char *state;   /* folder, made by the CA */
    const char *port_map;
    const char *dns_default; /* addresses of every name */
    const char *from;        /* where the clock begins: "2027-02-10", "-61d"; NULL: now */
};

struct ck_ca {
    struct fc_proc *proc; /* NULL: it was running before */
    json_t *run;          /* run.json */
    char *state, *management, *clock_file, *directory;
    json_int_t last_event;
    int64_t last_now;
    bool away;   /* see ck_ca_away: not asked meanwhile */
    bool silent; /* the log is not read: for the blindness test */
};

/* Starts one on free ports and waits until it serves. */
int ck_ca_start(const struct ck_ca_params *params, struct ck_ca *ret_ca, struct fc_err *err);
/* Takes one that is running, by the base of its management API. Its clock is moved, and stays where it is in the end. */
int ck_ca_attach(const char *management, struct ck_ca *ret_ca, struct fc_err *err);
/* Ends it, unless it was running before; takes a zeroed one. */
void ck_ca_stop(struct ck_ca *ca);
/* It does not answer while it is away (stopped as a process; connections are accepted by the kernel and hang). */
void ck_ca_away(struct ck_ca *ca, bool away);

/* One call; path as "/api/v1/clock"; body (stolen) may be NULL, ret_answer too. An answer of 400 and above is an error with its words. */
int ck_ca_call(struct ck_ca *ca, const char *method, const char *path, json_t *body, json_t **ret_answer,
               struct fc_err *err);
/* An answer that is no JSON; the caller frees. */
int ck_ca_text(struct ck_ca *ca, const char *path, char **ret_text, struct fc_err *err);

/* Simulated time; the last one known when the CA does not answer. */
int64_t ck_ca_now(struct ck_ca *ca);
int ck_ca_advance_to(struct ck_ca *ca, int64_t at, struct fc_err *err);

/* Events since the last call, oldest first: a new array (empty when the log is silent). */
json_t *ck_ca_events(struct ck_ca *ca);

#endif
