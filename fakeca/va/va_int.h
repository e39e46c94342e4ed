/* Shared inside va: one validation under way, its look-ups, its trace and its texts. All of it belongs to the VA's thread,
 * apart from the queue (va.c) and the post box of look-ups (va_dns.c). */
#ifndef FC_VA_INT_H
#define FC_VA_INT_H

#include "base/base_arena.h"
#include "net/net_addr.h"
#include "net/net_fetch.h"
#include "net/net_resolver.h"
#include "net/net_url.h"
#include "policy/policy.h"
#include "va/va.h"

#include <pthread.h>
#include <stdatomic.h>

struct fc_va_case;
struct fc_va_run;
struct fc_va_lookup;
struct fc_va_post;

struct fc_va_method {
    const char *name;
    /* Goes on until it waits for something; ends with fc_va_finish, at once or later. */
    void (*start)(struct fc_va_run *run);
};

/* One check from one perspective: of the control of a name by a method, or of CAA. Lives in its case's arena. */
struct fc_va_run {
    struct fc_va_run *next, **link; /* in va->active */
    struct fc_va *va;
    struct fc_va_case *owner;
    struct fc_arena *arena; /* the case's */
    const struct fc_va_job *job;
    size_t perspective;        /* 0: the primary */
    unsigned phase;            /* of the case, in which it was begun */
    bool blind;                /* connects and TXT look-ups time out at once */
    int64_t started, deadline; /* monotonic */
    struct fc_va_hop *hops;
    size_t n_hops, cap_hops;
    json_t *record; /* NULL: made of the hops */
    struct fc_problem problem;
    struct fc_va_lookup *lookup; /* under way, or NULL */
    void *state;                 /* of the method, in the arena */
};

struct fc_va {
    struct fc_va_params params;
    struct fc_net_fetch *fetch;
    struct fc_va_post *post;
    pthread_t thread;
    bool started;
    size_t places_max; /* connections at once: descriptors are finite */
    /* the VA's thread only */
    struct fc_va_run *active;
    struct fc_va_case *lingering; /* decided, and waiting a little for the perspectives that are slow */
    struct fc_va_lookup *waiting; /* look-ups that did not answer at once */
    bool closing;                 /* nobody is told any more */
    /* under the lock */
    pthread_mutex_t lock;
    bool blind[FC_VA_PERSPECTIVES_MAX], lost[FC_VA_PERSPECTIVES_MAX];
    struct fc_va_case *first, **last; /* the queue */
    size_t n_queued, n_active, places;
    bool stopping;
};

/* ---- va.c ---- */

/* Whether a fault is set for a perspective: va->blind or va->lost. */
bool fc_va_fault(struct fc_va *va, const bool *faults, size_t perspective);
/* A case is over: gives its places back. */
void fc_va_leave(struct fc_va *va, size_t places);

/* ---- va_case.c: one job from its start to the verdict: primary, remotes, quorum, CAA (letsencrypt.md B.1, B.8) ---- */

struct fc_va_case {
    struct fc_va_case *next;                   /* in the queue */
    struct fc_va_case *next_lingering, **link; /* in va->lingering, when link is set */
    struct fc_va *va;
    struct fc_arena *arena;
    struct fc_va_job job;
    const struct fc_va_method *method;
    fc_va_done_fn done;
    void *cookie;
    int64_t started, linger_until; /* monotonic */
    int64_t begin_at;              /* not earlier; 0: at once */
    size_t places;                 /* connections that it may hold at once */
    unsigned phase;
    struct fc_va_run **runs; /* in the order of their begin */
    size_t n_runs, open;
    struct {
        size_t of, passed, failed;
        struct fc_problem problem; /* the first in time */
        const char *perspective;
    } vote; /* of this phase */
    struct fc_problem problem;
    const char *failed_perspective;
    bool reported;
};

/* In any thread. */
struct fc_va_case *fc_va_case_new(struct fc_va *va, const struct fc_va_job *job, const struct fc_va_method *method);
void fc_va_case_free(struct fc_va_case *job_case);
void fc_va_case_start(struct fc_va_case *job_case);
/* The end of a run: it passed unless a problem is set. */
void fc_va_finish(struct fc_va_run *run);
/* Decides what has lingered long enough at now; when the next has, INT64_MAX: none lingers. */
void fc_va_case_expire(struct fc_va *va, int64_t now);
int64_t fc_va_case_until(const struct fc_va *va);
/* "primary", "remote 1" */
const char *fc_va_case_perspective(size_t perspective);

/* ---- the methods, and CAA ---- */

void fc_va_http01_start(struct fc_va_run *run);
void fc_va_tlsalpn01_start(struct fc_va_run *run);
void fc_va_dns01_start(struct fc_va_run *run);
void fc_va_dnsaccount01_start(struct fc_va_run *run);
void fc_va_dnspersist01_start(struct fc_va_run *run);
void fc_va_caa_start(struct fc_va_run *run);
/* Whether the CA calls itself so; exactly. */
bool fc_va_caa_identity(const struct fc_policy *policy, const char *domain);

/* ---- va_dns.c: look-ups ---- */

/* As struct fc_dns_answer; kept until the callback returns. */
struct fc_va_answer {
    struct fc_dns_answer dns;
    void *memory;
};
/* One answer per question, in their order. */
typedef void (*fc_va_dns_fn)(struct fc_va_run *run, const struct fc_va_answer *answers);

struct fc_va_question {
    const char *name; /* lives in the run's arena */
    enum fc_dns_type type;
};
/* Asks several questions at once. fn comes once on the VA's thread, maybe from here, with what came until the policy's time was up
 * (FC_DNS_TIMEOUT for the rest). */
void fc_va_dns_ask(struct fc_va_run *run, const struct fc_va_question *questions, size_t count, fc_va_dns_fn fn);
/* The same for the TXT records of one name. */
void fc_va_dns_ask_txt(struct fc_va_run *run, const char *name, fc_va_dns_fn fn);
/* Forgets the look-up of a run, if there is one. */
void fc_va_dns_cancel(struct fc_va_run *run);
/* Hands over what came from other threads, and what is overdue at now. */
void fc_va_dns_deliver(struct fc_va *va, int64_t now);
/* When the next look-up is overdue; INT64_MAX: none waits. */
int64_t fc_va_dns_until(const struct fc_va *va);
/* The text of letsencrypt.md B.4 for an answer that is an error, else NULL. */
const char *fc_va_dns_text(struct fc_arena *arena, const struct fc_dns_answer *answer, enum fc_dns_type type,
                           const char *name);

struct fc_va_post *fc_va_dns_post_new(struct fc_net_fetch *fetch);
/* Late answers find the box closed and are dropped. */
void fc_va_dns_post_close(struct fc_va_post *post);

/* ---- va_target.c: the addresses of a host (letsencrypt.md B.2) ---- */

struct fc_va_target {
    const char *host;
    struct fc_net_addr v6, v4; /* the first of each family; AF_UNSPEC: none */
    const char *rule6, *rule4; /* what gave them */
    const char **resolved;     /* all usable ones, IPv6 first, NULL-terminated */
};

/* From the answers for A and AAAA, in this order; the error text when nothing can be used. */
const char *fc_va_target_of_answers(struct fc_va_run *run, const char *host, const struct fc_va_answer *answers,
                                    struct fc_va_target *ret_target);
/* Of an IP literal: no look-up. */
void fc_va_target_of_ip(struct fc_va_run *run, const char *ip, struct fc_va_target *ret_target);
/* Looks up the addresses of a host; answers in the order of fc_va_target_of_answers. */
void fc_va_target_ask(struct fc_va_run *run, const char *host, fc_va_dns_fn fn);
/* Where a connection to addr (with its port) really goes, and from which address: port map, perspective, the job's own wishes. */
void fc_va_target_route(const struct fc_va_run *run, const struct fc_net_addr *addr, const char *host,
                        struct fc_net_addr *ret_to, struct fc_net_addr *ret_from);
/* The hop of a connection to addr, over to: addresses, family, rule, what only `rehearsal` allowed. */
void fc_va_target_note(struct fc_va_run *run, struct fc_va_hop *hop, const struct fc_va_target *target,
                       const struct fc_net_addr *addr, const struct fc_net_addr *to);
/* Whether only `rehearsal` lets an address be used. */
bool fc_va_target_private(const struct fc_net_addr *addr);

/* ---- va_redirect.c: the redirect rules (letsencrypt.md B.3), without network ---- */

enum fc_va_redirect_verdict {
    FC_VA_REDIRECT_NONE,      /* the answer is final */
    FC_VA_REDIRECT_FOLLOW,    /* to, port, rehearsal are set */
    FC_VA_REDIRECT_REFUSED,   /* message is set */
    FC_VA_REDIRECT_UNPARSABLE /* the Location is no URL */
};

struct fc_va_redirect {
    const struct fc_policy *policy;
    const struct fc_net_portmap *portmap;
    const struct fc_net_url *from; /* the URL that answered */
    int status;
    const char *location;    /* as received; NULL: none */
    const char *tls_version; /* of the answer; NULL: plain */
    size_t followed;         /* redirects so far */
    const struct fc_va_hop *hops;
    size_t n_hops;

    struct fc_net_url to;
    unsigned port;         /* the public port to connect to: 80 or 443 */
    const char *rehearsal; /* what only `rehearsal` allowed, or NULL */
    const char *rule;      /* which rule refused, or "name" or "address" */
    const char *message;
};

enum fc_va_redirect_verdict fc_va_redirect_judge(struct fc_arena *arena, struct fc_va_redirect *redirect);

/* ---- va_trace.c ---- */

/* A new hop at the end of the trace. Pointers to earlier hops end with it. */
struct fc_va_hop *fc_va_trace_add(struct fc_va_run *run, const char *step);
/* The last one; there must be one. */
struct fc_va_hop *fc_va_trace_last(struct fc_va_run *run);
/* Notes on a hop what only `rehearsal` allowed, beside what stands there. */
void fc_va_trace_rehearsal(struct fc_va_run *run, struct fc_va_hop *hop, const char *what);
/* Notes on the last hop what a TXT look-up gave. */
void fc_va_trace_txt(struct fc_va_run *run, const struct fc_dns_answer *dns);
/* validationRecord of the DNS methods; new reference. */
json_t *fc_va_trace_dns_record(const struct fc_va_run *run);
/* validationRecord (B.9) of an http-01 validation: one for each connection that was tried; new reference. */
json_t *fc_va_trace_record(const struct fc_va_run *run);

/* ---- va_fault.c: what is said of a connection that failed ---- */

/* The words of letsencrypt.md B.3 ("Connection refused"). */
const char *fc_va_fault_text(enum fc_net_fetch_fault fault);

/* ---- va_cert.c ---- */

/* Notes in the hop what a certificate says of itself and why it would not have verified; der NULL: nothing. */
void fc_va_cert_describe(struct fc_va_run *run, struct fc_va_hop *hop, const unsigned char *der, size_t len);

/* Why a certificate is not the one that tls-alpn-01 wants ("Received certificate which is not self-signed."), NULL: it is. Notes in
 * the hop what was compared. */
const char *fc_va_cert_acme(struct fc_va_run *run, struct fc_va_hop *hop, const unsigned char *der, size_t len);

/* ---- va_text.c ---- */

/* Quoted as Go's %q quotes a string of bytes. */
const char *fc_va_text_quote(struct fc_arena *arena, const char *bytes, size_t len);
/* The same of what may be long or secret to nobody: cut to what a trace shows, with "..." behind it. */
const char *fc_va_text_shown(struct fc_arena *arena, const char *bytes, size_t len);
/* Length without the white space at the end that Go's unicode.IsSpace knows. */
size_t fc_va_text_trim(const char *bytes, size_t len);
/* A copy in which bytes that are no UTF-8 are U+FFFD; NULL gives NULL. */
const char *fc_va_text_utf8(struct fc_arena *arena, const char *text);

#endif
