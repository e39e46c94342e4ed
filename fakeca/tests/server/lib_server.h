/* What the tests of server/ share: a service whose handler does what the path says, and a client that speaks raw bytes. */
#ifndef FC_TESTS_LIB_SERVER_H
#define FC_TESTS_LIB_SERVER_H

#include "http/http_msg.h"
#include "server/server.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

/* The longest that a test waits for anything. */
#define PATIENCE (20 * FC_SECOND)

/* Paths: /echo (method, path, query, host, scheme, peer, body), /big (3 MB), /empty (204), /cut, /nothing (no status), /bad-header,
 * /hold (until released or 250 ms; then 200 "signalled", "deadline" or "stopping"), /hold-long (as hold, 60 s),
 * /stubborn (waits again whenever it is resumed), /stream (what lib_feed gives, until lib_feed_end), any other: 404. */
#define LIB_HELD_MAX 64
struct lib_service {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned held;                              /* requests that came to hold so far */
    unsigned resumed;                           /* and were resumed */
    unsigned streams;                           /* streams opened so far */
    unsigned closed;                            /* and closed */
    struct fc_http_wait *latches[LIB_HELD_MAX]; /* of the held requests, until lib_release */
    unsigned n_latches;
    bool released;
    char fed[4096];
    size_t fed_len;
    bool fed_end;
    bool fed_endless; /* streams always have something to say */
    void (*wakes[16])(void *cookie);
    void *wake_cookies[16];

    struct fc_clock *clock;
    struct fc_server *server;
    unsigned port;
};

/* limits NULL: the defaults. tls: with lib_tls_cert. Starts on localhost, a free port; aborts the program when it cannot. */
struct lib_service *lib_service_new(const struct fc_server_limits *limits, bool tls);
/* The same on a server that the caller starts himself. */
struct fc_server_service lib_service_plain(struct lib_service *service);
void lib_service_free(struct lib_service *service);
/* Waits until *counter (a member of service) is at least n. */
bool lib_await(struct lib_service *service, const unsigned *counter, unsigned n);
/* Waits until the server has accepted so many connections in all and has so many open. */
bool lib_await_open(struct lib_service *service, uint64_t accepted, uint64_t open);
/* Signals the latches of all held requests and of those that still come. */
void lib_release(struct lib_service *service);
void lib_feed(struct lib_service *service, const char *text);
void lib_feed_end(struct lib_service *service);

/* PEM of a certificate for localhost and its key, made by openssl(1) in a folder of the test; NULL when it cannot be. */
const char *lib_tls_cert(void);
const char *lib_tls_key(void);
const char *lib_tls_cert_file(void);
void lib_tls_clean(void);

/* ---- the client ---- */
struct lib_client {
    int fd;
    char *data; /* received and not yet taken */
    size_t len;
    bool eof; /* or reset */
};
/* -1 in fd when there is no connection. */
struct lib_client lib_connect(unsigned port);
struct lib_client lib_connect_v6(unsigned port);
void lib_close(struct lib_client *client);
/* False when the connection is gone. */
bool lib_send(struct lib_client *client, const char *text);
bool lib_send_bytes(struct lib_client *client, const void *data, size_t len);
/* Reads until `text` has come, the end, or the end of patience. */
bool lib_read_until(struct lib_client *client, const char *text);
/* Reads until the end of the connection; false when it does not come. */
bool lib_read_end(struct lib_client *client);

struct lib_response {
    int status; /* 0: no response came */
    char head[4096];
    char *body; /* NUL-terminated, chunks joined */
    size_t body_len;
    char value[1024]; /* of the header asked for last */
};
/* Takes one response off the connection; head_only for answers to HEAD. */
struct lib_response lib_response(struct lib_client *client, bool head_only);
void lib_response_release(struct lib_response *response);
/* The value of a header, or NULL; valid until the next call. */
const char *lib_header(struct lib_response *response, const char *name);
/* One request on a connection of its own. */
struct lib_response lib_request(unsigned port, const char *text);

/* Runs a program with its standard output kept; its exit code, or -1. args end with NULL. */
int lib_run(const char *const *args, char *ret_out, size_t size);

#endif
