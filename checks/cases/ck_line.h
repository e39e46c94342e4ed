/* The timeline of one rehearsal: it is lived once, in phases, and everything that was seen is kept here for all checks to judge. */
#ifndef CK_LINE_H
#define CK_LINE_H

#include "base/base_alloc.h"
#include "base/base_err.h"
#include "stage/ck_http.h"
#include "stage/ck_stage.h"
#include "stage/ck_tls.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is lived, in this order; a check names what it needs. */
enum ck_phase {
    CK_PH_BOOTSTRAP = 1, /* from an empty state to a served certificate, then the deployment once more */
    CK_PH_PATH = 2,      /* what the outside sees of HTTP and HTTPS */
    CK_PH_RESTART = 4,
    CK_PH_REDEPLOY = 8,
    CK_PH_OFFLINE = 16,  /* a restart while the CA is away */
    CK_PH_RENEWAL = 32,  /* the schedule from the issue to the first renewal, and what is served then */
    CK_PH_SECOND = 64,   /* the same once more */
    CK_PH_LATE = 128,    /* a renewal after the certificate has expired */
    CK_PH_RECOVERY = 256 /* the state put back, and a restart, after a phase that spoilt it: no check judges it */
};

#define CK_PHASES 9

#define CK_LINE_ISSUES_MAX 128
#define CK_LINE_ACTS_MAX 512
#define CK_LINE_GLANCES_MAX 1024
#define CK_LINE_FETCHES_MAX 512
#define CK_LINE_TARGETS_MAX 256

/* A certificate that the CA issued for the setup. */
struct ck_issue {
    char serial[80];
    json_int_t order, account;
    int64_t at, not_before, not_after;
    json_t *names;             /* sorted as the CA tells them */
    size_t fresh;              /* names that were validated since the issue before it */
    size_t hops_from, hops_to; /* in line->hops: those validations */
    char method[24];           /* of the last validation */
    char agent[200];
    enum ck_phase phase;
    long seen;
};

/* A command that was run, or a time that was waited through, and what the CA saw of it. */
struct ck_act {
    const char *what; /* "run.renew", "clock" */
    enum ck_phase phase;
    int64_t at;
    bool scheduled, ran;
    bool undone; /* it wanted to order, was refused, and the state was put back: it tells only when the client orders */
    struct ck_stage_ran how;
    size_t orders, accounts, issues, started, invalid, refused, requests;
    long seen;
};

/* Where a certificate is looked at. */
struct ck_target {
    struct fc_net_addr at;
    int starttls;
    const char *host; /* NULL: no SNI */
    bool endpoint;    /* of "endpoints" */
};

/* What one target served during a look of several handshakes. */
struct ck_glance {
    size_t target;
    enum ck_phase phase;
    const char *moment; /* "issued", "restarted", "renewed", "period", "expiry" */
    int64_t at;
    bool reached, steady, named, excused; /* named: good for the host; excused: expired on purpose */
    char error[200];
    char serial[80]; /* the last one seen */
    int64_t not_before, not_after;
    long seen;
};

/* What a door answers to a visitor with plain HTTP. */
struct ck_knock {
    struct ck_http_answer challenge; /* GET of the challenge folder plus a random name */
    struct ck_http_answer front;     /* HTTPS: GET / */
    bool has_front;
    long seen;
};

/* A fetch by the CA's rules. */
struct ck_fetch {
    const char *host;
    int door;     /* index; -1: as the names lead */
    bool planted; /* a token lay in the webroot; else an absent one was asked for */
    bool valid;
    json_t *answer;              /* of the probe: status, problem, hops, cause, remedy */
    struct ck_http_answer https; /* the same path asked over HTTPS */
    bool https_same;             /* and it was the token */
    long seen;
};

/* When a phase was lived, and how long it took in real time. */
struct ck_span {
    int64_t took, first, last;
};

struct ck_line {
    struct ck_stage *stage;
    const struct ck_setup *setup;
    unsigned members, phases, done; /* done: phases lived to their end */
    enum ck_phase phase;
    struct ck_span spans[CK_PHASES];
    int64_t entered; /* the phase, monotonic */
    int64_t begun;   /* simulated time at the beginning */
    /* preflight */
    bool scanned; /* texts and files were read */
    char *unsafe; /* what leads away from the machine; nothing is run then */
    bool stopped; /* the rehearsal could not go on; why stands in stop_why */
    char stop_why[400];
    size_t directories; /* commands that say where to go */
    int scheduler;      /* 1: found and enabled, -1: found to be off or missing, 0: nobody could tell */
    char scheduler_said[200];
    /* the log */
    bool heard; /* anything was read of it */
    size_t n_orders, n_accounts, n_started, n_invalid, n_refused, n_requests;
    json_t *hops;     /* validation.hop of the primary perspective, http steps */
    json_t *invalid;  /* validation.invalid */
    json_t *refusals; /* request.refused */
    char agent[200];
    char last_method[24];
    size_t hops_before; /* hops at the last issue */
    json_t *fresh_names;
    struct ck_issue issues[CK_LINE_ISSUES_MAX];
    size_t n_issues;
    size_t kept; /* index + 1 of the one that the client keeps now: the newest, unless its state was put back */
    bool dry;    /* new orders are refused by our own wish */
    struct ck_act acts[CK_LINE_ACTS_MAX];
    size_t n_acts;
    /* the wire */
    struct ck_target targets[CK_LINE_TARGETS_MAX];
    size_t n_targets;
    struct ck_glance glances[CK_LINE_GLANCES_MAX];
    size_t n_glances;
    struct ck_tls_peer no_sni; /* without a server name, after the bootstrap */
    struct ck_tls_peer first,
        last; /* whole chains: of the first look after the bootstrap, of the last one after a renewal */
    struct ck_knock knocks[CK_SETUP_ADDRS_MAX];
    struct ck_fetch fetches[CK_LINE_FETCHES_MAX];
    size_t n_fetches;
    bool webroot_unwritable;
    char webroot_error[300];
    /* bootstrap */
    bool was_empty, reset_failed, bare_looked, bare_answered, started;
    char reset_error[300];
    long bare_seen;
    struct ck_act *issue_act, *start_act;
    size_t first_issue; /* index + 1; 0: none */
    size_t again_orders;
    bool again_done;
    /* keeping */
    struct ck_act *restart_act, *redeploy_act, *offline_act, *redeploy_renew_act;
    char serial_before[80]; /* served before the restarts */
    /* renewal */
    size_t renewed[2];               /* index + 1 of the issue that the first and the second renewal made */
    struct ck_act *control_act;      /* the run with a fresh certificate */
    struct ck_act *renew_act[2];     /* the run that ordered */
    int64_t due_after[2], due_at[2]; /* no order at the former, an order at the latter */
    double due_part;                 /* the same as a part of the lifetime, of the last renewal */
    bool misled;                     /* a search found an order that did not come: no further one */
    bool waited;                     /* for a server's own timers, as long as --patient allows */
    size_t lived, inferred;          /* scheduled runs */
    size_t early_orders;             /* in the first third */
    bool never_due[2];
    double share_low,
        share_high;      /* by ages: no order at the former share of the lifetime, one at the latter; 0: by time */
    size_t ages;         /* certificates of another age that were issued to find that */
    int64_t tried_at[2]; /* the first order, whatever came of it; 0: none */
    bool reloaded[2], reload_judged[2];
    bool late_done, late_valid;
    struct ck_act *late_act;
    char cert_path_target[4200]; /* where "cert" led before the renewal */
    bool cert_checked, cert_same_file, cert_same_content;
    long cert_seen;
    char *roots_pem, *delivered_pem; /* the CA's roots; the chain of the last certificate as delivered */
};

/* What the checks have to work with: the description's members, and a client that points at a CA that is running. */
unsigned ck_line_members(const struct ck_stage *stage);
/* Lives the phases of the mask. What keeps the rehearsal from going on is told in stopped; -1 only when the tool or its CA broke. */
int ck_line_live(struct ck_line *line, struct fc_err *err);
void ck_line_release(struct ck_line *line);

/* The span of all phases of the mask that were lived. */
struct ck_span ck_line_span(const struct ck_line *line, unsigned phases);

/* ---- for the phases ---- */

/* Ends the phase before and begins this one; 0: none. */
void ck_line_enter(struct ck_line *line, enum ck_phase phase, const char *name);

/* Reads the CA's log: counts, issues, hops. */
void ck_line_listen(struct ck_line *line);
/* Runs a command; NULL when there is no room left. Never fails: what went wrong is in the act. */
struct ck_act *ck_line_run(struct ck_line *line, const char *what, const char *command, enum ck_stage_kind kind,
                           int64_t timeout);
/* A stretch of real time in which the service may act by itself: ends when an order has come to an end, or after `patience`. */
struct ck_act *ck_line_wait(struct ck_line *line, int64_t patience);
/* Forwards only. */
int ck_line_go_to(struct ck_line *line, int64_t at, struct fc_err *err);
/* Backwards too. */
int ck_line_set_clock(struct ck_line *line, int64_t at, struct fc_err *err);
int64_t ck_line_now(struct ck_line *line);
/* "day 60 00:03" since the first issue. Static buffers, four in turn. */
const char *ck_line_day(const struct ck_line *line, int64_t at);
void ck_line_stop(struct ck_line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Looks at all targets until all of them show `serial` steadily (20 rounds in a row over at least 2 s, as after a reload old and new
 * answer in turn; 5 over 0.5 s after a restart), or `patience` is over. True when they did. serial NULL: one round, whatever it shows; CK_LINE_ANY: whatever certificate each shows, as long as it stays. */
#define CK_LINE_ANY ""
bool ck_line_look(struct ck_line *line, const char *moment, const char *serial, int64_t patience);
/* The newest glance at a target, NULL: none. */
const struct ck_glance *ck_line_glance(const struct ck_line *line, size_t target, const char *moment,
                                       enum ck_phase phase);
/* The certificate that the client keeps now; NULL: none was issued. */
const struct ck_issue *ck_line_newest(const struct ck_line *line);

/* A snapshot of the description's `state`. */
struct ck_line_state {
    char *folder; /* NULL: there is none */
    size_t kept;
};
/* Whether there can be one: "state" lies below the description's folder. */
bool ck_line_can_save(const struct ck_line *line);
bool ck_line_state_save(struct ck_line *line, struct ck_line_state *ret_state);
/* Puts it back, as often as wished; nothing when there is none. `why` ends the sentence "the state is put back ...". */
void ck_line_state_back(struct ck_line *line, const struct ck_line_state *state, const char *why);
void ck_line_state_release(struct ck_line_state *state);

/* ck_line_search.c: between the run at `last`, which ordered nothing, and the one at `at`. */
struct ck_line_found {
    int64_t last,
        at; /* moved: neighbours in the schedule, the latter is the first that orders; the clock stands at `last` */
    bool wanted; /* the run at `at` wants to order; else it was lived and ordered nothing, as did all between */
};
bool ck_line_can_search(const struct ck_line *line);
int ck_line_search(struct ck_line *line, int64_t issued, struct ck_line_found *found, struct fc_err *err);
/* The renewal line while new orders are refused: whether it wanted one. */
bool ck_line_dry_run(struct ck_line *line);
/* A refused order may leave a service down that a hook has stopped, which a granted one would not: starts what answered before. */
void ck_line_revive(struct ck_line *line, bool answered);

int ck_line_preflight(struct ck_line *line, struct fc_err *err);
int ck_line_bootstrap(struct ck_line *line, struct fc_err *err);
int ck_line_path(struct ck_line *line, struct fc_err *err);
int ck_line_keep(struct ck_line *line, struct fc_err *err);
int ck_line_renew(struct ck_line *line, struct fc_err *err);
/* Empties the state; gets the first certificate, whatever the client needs for it: whether one was issued. */
void ck_line_reset(struct ck_line *line);
bool ck_line_issue(struct ck_line *line);
/* Whether any address that stands for port 80 answers. */
bool ck_line_answers(struct ck_line *line);
/* run.restart, or stop and start: the act that counts is the last one. */
struct ck_act *ck_line_restart(struct ck_line *line);
/* What lies on disk after a renewal, and what the CA delivered. */
void ck_line_compare_files(struct ck_line *line);
void ck_line_fetch_delivered(struct ck_line *line);
/* ck_line_aged.c; last_resort: living through the time brought no order */
bool ck_line_can_age(const struct ck_line *line);
int ck_line_aged(struct ck_line *line, bool last_resort, struct fc_err *err);
/* Plants a token and fetches it by the CA's rules for each host, and at each door when there are several; without a webroot asks for
 * an absent one. Returns whether all of them were valid. */
bool ck_line_fetch(struct ck_line *line);

/* Looks the description's scheduler up: crontab, systemctl, or the container's engine. */
void ck_line_scheduler(struct ck_line *line);
/* What such a program answered: 1 found and enabled, -1 found to be off or missing, 0 nobody could tell. */
struct ck_line_scheduler_answer {
    const char *scheduler, *renew; /* of the description */
    int code;
    const char *output;
};
int ck_line_scheduler_read(const struct ck_line_scheduler_answer *answer, char *ret_said, size_t room);

#endif
