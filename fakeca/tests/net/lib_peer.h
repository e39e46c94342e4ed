/* Tiny real servers on loopback that behave well or badly, each on a thread of its own and a port of its own. */
#ifndef FC_TESTS_NET_LIB_PEER_H
#define FC_TESTS_NET_LIB_PEER_H

#include <stddef.h>

struct peer;

enum peer_mode {
    PEER_ANSWER,       /* reads the request, answers, closes */
    PEER_ANSWER_HOLD,  /* answers and keeps the connection open */
    PEER_ANSWER_RESET, /* answers and resets the connection */
    PEER_TRICKLE,      /* answers a byte every few milliseconds, for ever: begins again at the end */
    PEER_GREET,        /* answers before there is a request, and keeps the connection open */
    PEER_HANG,         /* accepts and says nothing */
    PEER_RESET,        /* reads the request and resets the connection */
    PEER_CLOSE,        /* reads the request and closes */
    PEER_REFUSE,       /* owns its port and does not listen */
    PEER_FULL          /* listens, but answers no connect: its queue is full */
};

/* Answers to requests for paths that begin with `path`; "" fits all. The first that fits counts. len 0: strlen(bytes).
 * Copied. */
struct peer_answer {
    const char *path;
    const char *bytes;
    size_t len;
};

struct peer_params {
    const char *ip; /* NULL: 127.0.0.1 */
    enum peer_mode mode;
    const struct peer_answer *answers;
    size_t n_answers;
    const char *pem; /* certificate and key file: speaks TLS (PEER_ANSWER only); NULL: plain */
};

/* Never NULL: what fails ends the test program with a line. */
struct peer *peer_start(const struct peer_params *params);
/* The common case: plain, one answer (NULL: none) for all paths. */
struct peer *peer_start_simple(enum peer_mode mode, const char *bytes);
void peer_stop(struct peer *peer); /* NULL allowed */
unsigned peer_port(const struct peer *peer);
/* Requests that came so far, and the text of one of them (valid until peer_stop). */
size_t peer_count(struct peer *peer);
const char *peer_request(struct peer *peer, size_t index);
/* Server name that the last TLS client sent; "" for none. */
const char *peer_sni(struct peer *peer);

#endif
