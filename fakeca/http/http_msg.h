/* A request and its answer, without any server library: handlers depend on this alone, so tests call them without sockets. */
#ifndef FC_HTTP_MSG_H
#define FC_HTTP_MSG_H

#include "base/base_arena.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct fc_http_wait;

struct fc_http_header {
    const char *name;
    const char *value;
};

#define FC_HTTP_PARAMS_MAX 4
#define FC_HTTP_HEADERS_MAX 24

/* All strings live in the arena. */
struct fc_http_req {
    struct fc_arena *arena;
    const char *method;                   /* "GET" */
    const char *path;                     /* as sent, without the query; always begins with '/' */
    const char *query;                    /* after '?', as sent, or NULL */
    const char *scheme;                   /* "https" or "http": of the listener */
    const char *host;                     /* Host header as sent, or NULL */
    const char *peer;                     /* "127.0.0.1:51234", "[::1]:51234" */
    uint64_t conn;                        /* number of the connection */
    const struct fc_http_header *headers; /* as sent, at most 100 */
    size_t n_headers;
    const char *body; /* NUL-terminated; "" when there is none */
    size_t body_len;
    bool body_too_large; /* it passed the service's limit: body is empty, the rest was read and dropped */
    int64_t now;         /* simulated, read once when the request was complete */
    bool stopping;       /* the server is stopping: a resumed handler answers now, a further `wait` gets 503 */
    const char *params[FC_HTTP_PARAMS_MAX]; /* set by fc_http_route_match */
    size_t n_params;
};

/* Answers that come bit by bit (server-sent events). `read` gives up to max bytes (> 0), 0 when there is nothing now, -1 at the
 * end. Before the first read `subscribe` hands over a wake function that may be called from any thread, also inside
 * subscribe, until `close` has returned. read and close run on the serving thread. */
struct fc_http_stream {
    ssize_t (*read)(void *cookie, char *buf, size_t max);
    void (*subscribe)(void *cookie, void (*wake)(void *wake_cookie), void *wake_cookie);
    void (*close)(void *cookie);
    void *cookie;
};

/* Zeroed before a handler runs. A handler sets status and body, or `wait` to be asked again, or `stream`. */
struct fc_http_res {
    int status;
    struct fc_http_header headers[FC_HTTP_HEADERS_MAX];
    size_t n_headers;
    const char *body; /* of the arena, or static; may be NULL */
    size_t body_len;
    /* Hold the request until the latch is signalled or wait_until (fc_clock_mono) has come; then `resume` makes the answer,
     * on a serving thread. The server takes over the handler's reference. resume may set `wait` again. */
    struct fc_http_wait *wait;
    int64_t wait_until;
    void (*resume)(void *cookie, struct fc_http_req *req, struct fc_http_res *res);
    void *resume_cookie;
    const struct fc_http_stream *stream; /* of the arena */
    bool cut;                            /* close the connection without an answer */
};

/* Value of a request header (name in any case), NULL when absent. */
const char *fc_http_req_header(const struct fc_http_req *req, const char *name);
/* Value of a query parameter, percent-decoded into the arena; NULL when absent or when the query does not decode. */
const char *fc_http_req_query(const struct fc_http_req *req, const char *name);

/* Adds a header (strings borrowed: static or arena). More than FC_HTTP_HEADERS_MAX is a programming error. */
void fc_http_res_header(struct fc_http_res *res, const char *name, const char *value);
/* Replaces a header of that name, or adds it. */
void fc_http_res_set_header(struct fc_http_res *res, const char *name, const char *value);
const char *fc_http_res_get_header(const struct fc_http_res *res, const char *name);
/* Body and Content-Type. text is copied into the arena. */
void fc_http_res_text(struct fc_http_req *req, struct fc_http_res *res, int status, const char *content_type,
                      const char *text);
/* value as JSON (2 spaces indent, newline at the end; '/' unescaped, non-ASCII as \u); steals the reference. */
void fc_http_res_json(struct fc_http_req *req, struct fc_http_res *res, int status, const char *content_type,
                      json_t *value);
/* Drops what a first handler filled in (keeps nothing; releases `wait`), so that another answer can be made. */
void fc_http_res_clear(struct fc_http_res *res);

/* The service behind a listener: handles one request on a serving thread. */
typedef void (*fc_http_handler_fn)(void *cookie, struct fc_http_req *req, struct fc_http_res *res);

#endif
