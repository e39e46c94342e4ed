#include "net/lib_dnspeer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/base_alloc.h"
#include "base/base_clock.h"
#include "base/base_time.h"

#define PATIENCE (20 * FC_SECOND)
#define HEADER 12

struct dnspeer {
    dnspeer_fn answer;
    void *cookie;
    int fd;
    char address[32];
    pthread_t thread;
    atomic_size_t count;
};

static void need(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "dnspeer: %s: %s\n", what, strerror(errno));
    exit(99);
}

/* Until a message comes that is too short for a question. */
static void *run(void *cookie)
{
    struct dnspeer *peer = cookie;
    unsigned char query[DNSPEER_MESSAGE], answer[DNSPEER_MESSAGE];

    for (;;) {
        struct sockaddr_in from = {0};
        socklen_t from_len = sizeof from;
        ssize_t len = recvfrom(peer->fd, query, sizeof query, 0, (struct sockaddr *)&from, &from_len);
        if (len < HEADER)
            return NULL;
        peer->count++;
        size_t answer_len = peer->answer(peer->cookie, query, (size_t)len, answer);
        if (answer_len > 0)
            (void)sendto(peer->fd, answer, answer_len, MSG_NOSIGNAL, (struct sockaddr *)&from, from_len);
    }
}

struct dnspeer *dnspeer_start(dnspeer_fn answer, void *cookie)
{
    struct dnspeer *peer = fc_calloc(1, sizeof *peer);
    struct sockaddr_in addr = {.sin_family = AF_INET};
    socklen_t addr_len = sizeof addr;

    peer->answer = answer;
    peer->cookie = cookie;
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    peer->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    need(peer->fd >= 0 && bind(peer->fd, (struct sockaddr *)&addr, sizeof addr) == 0, "bind");
    need(getsockname(peer->fd, (struct sockaddr *)&addr, &addr_len) == 0, "getsockname");
    snprintf(peer->address, sizeof peer->address, "127.0.0.1:%u", ntohs(addr.sin_port));
    need(pthread_create(&peer->thread, NULL, run, peer) == 0, "thread");
    return peer;
}

void dnspeer_stop(struct dnspeer *peer)
{
    struct sockaddr_in addr = {0};
    socklen_t addr_len = sizeof addr;

    if (peer == NULL)
        return;
    need(getsockname(peer->fd, (struct sockaddr *)&addr, &addr_len) == 0, "getsockname");
    need(sendto(peer->fd, "", 0, 0, (struct sockaddr *)&addr, addr_len) == 0, "stop");
    pthread_join(peer->thread, NULL);
    close(peer->fd);
    free(peer);
}

const char *dnspeer_address(const struct dnspeer *peer)
{
    return peer->address;
}

size_t dnspeer_count(struct dnspeer *peer)
{
    return peer->count;
}

/* ---- asking ---- */

static struct {
    pthread_mutex_t lock;
    pthread_cond_t news;
    bool answered;
    char text[2048];
} waiting = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void append(const char *text)
{
    size_t len = strlen(waiting.text);

    snprintf(waiting.text + len, sizeof waiting.text - len, "%s%s", len > 0 ? " " : "", text);
}

static void append_record(const struct fc_dns_record *record)
{
    char text[512];

    if (record->type == FC_DNS_A)
        inet_ntop(AF_INET, record->data, text, sizeof text);
    else if (record->type == FC_DNS_AAAA)
        inet_ntop(AF_INET6, record->data, text, sizeof text);
    else
        snprintf(text, sizeof text, "%.*s", (int)record->len, (const char *)record->data);
    append(text);
}

static void take_answer(void *cookie, const struct fc_dns_answer *answer)
{
    char text[1024];

    (void)cookie;
    pthread_mutex_lock(&waiting.lock);
    waiting.text[0] = '\0';
    if (answer->outcome == FC_DNS_TIMEOUT)
        append("timeout");
    if (answer->outcome == FC_DNS_NETWORK)
        append("network error");
    if (answer->outcome == FC_DNS_RCODE) {
        snprintf(text, sizeof text, "rcode %d", answer->rcode);
        append(text);
    }
    if (answer->outcome == FC_DNS_ANSWER && answer->n_records == 0)
        append("no data");
    for (size_t i = 0; i < answer->n_records; i++)
        append_record(&answer->records[i]);
    if (answer->reason != NULL) {
        snprintf(text, sizeof text, "(%s)", answer->reason);
        append(text);
    }
    waiting.answered = true;
    pthread_cond_signal(&waiting.news);
    pthread_mutex_unlock(&waiting.lock);
}

const char *dnspeer_ask(const struct fc_resolver *resolver, const char *name, enum fc_dns_type type)
{
    pthread_condattr_t monotonic;
    struct timespec until;
    int late = 0;

    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&waiting.news, &monotonic);
    pthread_condattr_destroy(&monotonic);
    waiting.answered = false;
    resolver->ask(resolver->self, name, type, take_answer, NULL);
    fc_clock_mono_timespec(fc_clock_mono() + PATIENCE, &until);
    pthread_mutex_lock(&waiting.lock);
    while (!waiting.answered && late == 0)
        late = pthread_cond_timedwait(&waiting.news, &waiting.lock, &until);
    pthread_mutex_unlock(&waiting.lock);
    return late == 0 ? waiting.text : "no answer";
}
