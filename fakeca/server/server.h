/* Listeners and the only use of libmicrohttpd: one daemon per service without a listening socket, fed by our own accept
 * thread (MHD_add_connection), so that several addresses, total deadlines and the cap on connections are ours. */
#ifndef FC_SERVER_H
#define FC_SERVER_H

#include "base/base_alloc.h"
#include "base/base_err.h"
#include "http/http_msg.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fc_clock;
struct fc_server;

/* A body longer than body_max is read and dropped, and the handler is called with body_too_large set. Beyond 1 MiB (or body_max,
 * if that is more) the rest is not read: when Content-Length announces it the handler is called at once, else, with chunks,
 * the connection is cut when it gets there. */
struct fc_server_limits {
    size_t body_max;          /* bytes kept; a longer body: see below */
    size_t header_memory;     /* per connection: request line and headers */
    unsigned connections_max; /* further connections wait in the backlog */
    int64_t headers_deadline; /* ns from accept to complete headers (TLS handshake included): 10 s */
    int64_t body_deadline;    /* ns from headers to complete body: 30 s */
    int64_t idle;             /* ns a kept-alive connection may rest */
    unsigned threads;         /* of the service's pool; 1 normally */
};
/* 64 KiB body, 32 KiB headers, 1024 connections, 10 s, 30 s, 60 s, 1 thread. */
extern const struct fc_server_limits fc_server_default_limits;

struct fc_server_service {
    const char *name; /* "acme", for errors */
    const char *scheme;
    const char *tls_cert_pem; /* chain; NULL: plain HTTP */
    const char *tls_key_pem;
    fc_http_handler_fn handler;
    void *cookie;
    bool (*refusing)(
        void *cookie); /* whether connections are to be refused now; asked on the accept thread; NULL: never */
    struct fc_server_limits limits;
};

/* A server with no service yet. `clock` gives requests their now; it must outlive the server. */
struct fc_server *fc_server_new(const struct fc_clock *clock);

/* Adds a service on the addresses of `listen`: "ADDR:PORT", "[V6]:PORT", "localhost:PORT" (binds both loopbacks; the second
 * family may be missing on the machine), port 0 for any free port (with localhost the same port on both).
 * preferred_port: tried first when the port is 0; 0 for none. Binds at once; serves from fc_server_start on.
 * Errors: FC_E_BUSY "cannot listen on 127.0.0.1:14000 (acme): address in use; give another with ...", FC_E_USAGE. */
int fc_server_add(struct fc_server *server, const struct fc_server_service *service, const char *listen,
                  unsigned preferred_port, unsigned *ret_port, struct fc_err *err);
/* Whether the text is an address to listen on (else FC_E_USAGE), and one that only this machine reaches (design.md part 6:
 * beyond loopback only with --allow-public). */
int fc_server_listen_check(const char *listen, bool *ret_loopback, struct fc_err *err);

/* Starts serving. */
int fc_server_start(struct fc_server *server, struct fc_err *err);
/* Stops accepting, lets requests in work finish for at most `grace` ns, resumes held ones (their resume sees stopping),
 * closes streams, joins all threads. Safe to call twice. */
void fc_server_stop(struct fc_server *server, int64_t grace);
void fc_server_free(struct fc_server *server); /* stops too; NULL allowed */
FC_CLEANUP(struct fc_server *, fc_server_free)

/* What `refusing` says has changed. Any thread. */
void fc_server_look(struct fc_server *server);

struct fc_server_stats {
    uint64_t connections; /* accepted so far */
    uint64_t open;        /* now */
    uint64_t requests;
    uint64_t timed_out;    /* closed by one of our deadlines */
    uint64_t tls_failures; /* handshakes that did not end; as far as the library tells */
};
void fc_server_stats(const struct fc_server *server, struct fc_server_stats *ret_stats);

#endif
