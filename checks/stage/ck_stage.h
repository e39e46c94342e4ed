/* Everything a rehearsal acts with: the CA, the clock, the setup's commands as its scheduler would run them, the addresses that stand
 * for ports 80 and 443. */
#ifndef CK_STAGE_H
#define CK_STAGE_H

#include "base/base_err.h"
#include "core/ck_stream.h"
#include "setup/ck_setup.h"
#include "stage/ck_ca.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct ck_sink;

/* An address that stands for port 80, and under which address the mock DNS publishes it. */
struct ck_stage_door {
    struct fc_net_addr at;
    char published[FC_NET_ADDR_TEXT];
};

/* How time is moved (checks.md 3.2). */
enum ck_way {
    CK_WAY_NONE,
    CK_WAY_RUN, /* commands live on the CA's clock, and a control has shown it */
    CK_WAY_AGED /* commands keep the machine's clock, and certificates are issued with an age */
};

struct ck_stage {
    const struct ck_setup *setup;
    struct ck_stream *stream;
    const char *programs; /* folder of fakeca and fakeca-run */
    const char *work;     /* folder of this rehearsal, ours */
    const char *attach;   /* management address of a CA that is running; NULL: one of our own */
    const char *from;     /* where the clock begins, or NULL */
    bool every_run;       /* live each scheduled run */
    int64_t patient;      /* real time to wait for a server that renews by itself; 0: not at all */
    unsigned blind;       /* witnesses that are switched off */
    pid_t front;          /* what commands leave behind is found below it */
    struct ck_ca ca;
    struct ck_sink *sink;
    char *port_map;  /* of the CA that is running, to be put back */
    json_t *exports; /* what `fakeca env` says */
    struct ck_stage_door doors[CK_SETUP_ADDRS_MAX];
    size_t n_doors;
    struct fc_net_addr https[CK_SETUP_ADDRS_MAX];
    size_t n_https;
    enum ck_way way;
    char shift_error[300]; /* why it is not CK_WAY_RUN */
};

/* Starts the CA, and shows by a control that a program under the launcher sees its clock. Start with the members above `ca` set. */
int ck_stage_open(struct ck_stage *stage, struct fc_err *err);
void ck_stage_close(struct ck_stage *stage);

enum ck_stage_kind {
    CK_SERVICE,  /* as an operator or the system starts it: the usual PATH */
    CK_SCHEDULED /* as cron runs it: PATH=/usr/bin:/bin */
};
struct ck_stage_ran {
    int code; /* exit code; -1: a signal ended it */
    bool timed_out;
    bool unshifted; /* the launcher could not run it on the CA's clock */
    char how[64];   /* "exit code 1" */
    char *output;   /* the end of what it printed; freed by the caller */
    int64_t took;   /* real time, ns */
};
int ck_stage_command(struct ck_stage *stage, const char *command, enum ck_stage_kind kind, int64_t timeout,
                     struct ck_stage_ran *ret_ran, struct fc_err *err);
/* The same as an object {"argv":[],"env":[],"cwd"}, for the front, which runs it when this process is gone. */
json_t *ck_stage_command_json(struct ck_stage *stage, const char *command);

#endif
