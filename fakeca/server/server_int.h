/* What the files of this folder share. Nobody else includes it.
 *
 * Who touches what: a unit's list of connections and all fields of a connection marked (lock) belong to unit->lock. No code
 * of a handler, stream or latch is ever called with that lock held; libmicrohttpd's suspend and resume are. */
#ifndef FC_SERVER_INT_H
#define FC_SERVER_INT_H

#include "server/server.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

struct MHD_Connection;
struct MHD_Daemon;
struct MHD_Response;

#define FC_SERVER_UNITS_MAX 8
#define FC_SERVER_THREADS_MAX 16
#define FC_SERVER_HEADERS_MAX 100
/* What is read and dropped of a body that is too long, before the connection is cut. */
#define FC_SERVER_DRAIN_MAX (1024U * 1024)

enum fc_server_phase {
    FC_SERVER_PHASE_HEADERS, /* from accept, or from a further request line, to the empty line */
    FC_SERVER_PHASE_BODY,
    FC_SERVER_PHASE_WORK, /* the handler has it */
    FC_SERVER_PHASE_REST, /* suspended: held, or a stream with nothing to say; its deadline resumes it */
    FC_SERVER_PHASE_ANSWER,
    FC_SERVER_PHASE_IDLE, /* kept alive between requests */
    FC_SERVER_PHASE_DEAD  /* shut down, not yet closed by the library */
};

struct fc_server_conn {
    struct fc_server_unit *unit;
    struct MHD_Connection *mhd;
    int fd; /* open between the library's "started" and "closed" notices, so between open and close of this struct */
    uint64_t number;
    char peer[64];
    /* (lock) */
    enum fc_server_phase phase;
    int64_t deadline; /* monotonic; INT64_MAX for none */
    bool suspended;
    bool woken; /* a wake came while it was not suspended */
    bool used;  /* a request line has come */
    struct fc_server_conn *prev, *next;
};

struct fc_server_unit {
    struct fc_server *server;
    struct fc_server_service service;                  /* strings are our copies */
    struct MHD_Daemon *daemons[FC_SERVER_THREADS_MAX]; /* one a thread */
    size_t n_daemons;
    size_t next_daemon; /* accept thread only: connections go round */
    int listeners[2];
    size_t n_listeners;
    struct sockaddr_storage bound[2]; /* where the listeners stood that a refusal closed; accept thread only */
    size_t n_bound;
    pthread_mutex_t lock;
    pthread_cond_t quiet; /* no request in work any more */
    /* (lock) */
    struct fc_server_conn *conns;
    unsigned counted; /* accepted and not closed */
    unsigned active;  /* requests in work */
    bool full;        /* the accept thread waits for a place */
    bool stopping;
    struct fc_server_stats stats;
};

struct fc_server {
    const struct fc_clock *clock;
    struct fc_server_unit *units[FC_SERVER_UNITS_MAX];
    size_t n_units;
    int kick; /* eventfd: wakes the accept thread */
    pthread_t thread;
    bool running;
    atomic_bool quit;
    atomic_int_least64_t armed; /* when the accept thread wakes by itself */
    atomic_uint_least64_t numbers;
};

/* server_listen.c: binds and listens; sets unit->listeners. Errors as fc_server_add. */
int fc_server_listen_open(struct fc_server_unit *unit, const char *text, unsigned preferred_port, unsigned *ret_port,
                          struct fc_err *err);
void fc_server_listen_close(struct fc_server_unit *unit);
/* A listening socket at an address that was bound before; -1 with errno. */
int fc_server_listen_again(const struct sockaddr_storage *addr);

/* server_refuse.c */
/* Closes or opens the listeners as service.refusing says; returns when it must be asked again. */
int64_t fc_server_refuse_look(struct fc_server_unit *unit, int64_t mono);

/* server_accept.c: the thread that accepts and keeps deadlines. */
void *fc_server_accept_run(void *server);
void fc_server_accept_kick(struct fc_server *server);

/* server_conn.c */
/* From the library's notices, on a serving thread. */
struct fc_server_conn *fc_server_conn_open(struct fc_server_unit *unit, struct MHD_Connection *mhd, int fd,
                                           const char *peer);
void fc_server_conn_close(struct fc_server_conn *conn);
/* A request line came; the request is over. */
void fc_server_conn_begin(struct fc_server_conn *conn);
void fc_server_conn_end(struct fc_server_conn *conn);
/* `within` ns from now, 0 for no deadline. False when the connection was cut because its last deadline passed. */
bool fc_server_conn_phase(struct fc_server_conn *conn, enum fc_server_phase phase, int64_t within);
/* Suspends until fc_server_conn_wake or until the monotonic time; false, without suspending, when a wake has come since
 * fc_server_conn_unwake, or when the server is stopping. On the serving thread only. */
bool fc_server_conn_rest(struct fc_server_conn *conn, int64_t until);
void fc_server_conn_unwake(struct fc_server_conn *conn);
/* From any thread, while the connection is sure to be open (its request is not over). */
void fc_server_conn_wake(void *conn);
bool fc_server_conn_stopping(struct fc_server_conn *conn);
/* Ends what is due; returns the next deadline or INT64_MAX. */
int64_t fc_server_conn_expire(struct fc_server_unit *unit, int64_t mono);
/* Begins the stop: shuts idle connections, resumes suspended ones, lets nothing rest any more. */
void fc_server_conn_stop(struct fc_server_unit *unit);
/* Blocks until no request is in work or until the monotonic time. */
void fc_server_conn_quiet(struct fc_server_unit *unit, int64_t until);

/* server_daemon.c */
int fc_server_daemon_start(struct fc_server_unit *unit, struct fc_err *err);
void fc_server_daemon_stop(struct fc_server_unit *unit);
/* Gives an accepted socket away; it is closed in any case. */
void fc_server_daemon_add(struct fc_server_unit *unit, int fd, const void *addr, unsigned addr_len);

/* server_request.c: one request from its line to its end. */
struct fc_server_request;
/* target: as sent, NULL when the request line has none. */
struct fc_server_request *fc_server_request_new(struct fc_server_conn *conn, const char *target);
void fc_server_request_free(struct fc_server_request *request);
/* The library's access handler: called with the headers, then with each part of the body (*len > 0; set to what was left
 * over), then, until there is an answer, with *len 0. False when the connection must be closed. */
bool fc_server_request_step(struct fc_server_request *request, const char *method, const char *data, size_t *len);

/* server_answer.c */
/* Queues res, whose strings and stream live as long as the request; false when the connection must be closed. */
bool fc_server_answer_queue(struct fc_server_conn *conn, const struct fc_http_req *req, const struct fc_http_res *res,
                            bool close_after);
/* An error that the server itself makes: problem document with a fixed text. */
void fc_server_answer_problem(struct fc_http_res *res, int status);

#endif
