#define _GNU_SOURCE /* memmem */
#include "stage/ck_sink.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/base_clock.h"
#include "base/base_time.h"

#define KEPT (256 * 1024)
#define CHUNK 16384
#define MARK_TIME (2 * FC_SECOND)
#define MARK_LEN 24

struct ck_sink {
    int fd; /* open for reading and writing: the pipe never ends */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t news;
    char *data; /* the last `len` bytes of the stream, which has `total` */
    size_t len;
    int64_t total;
    bool ending;
    unsigned marks;
};

static void keep(struct ck_sink *sink, const char *data, size_t n)
{
    pthread_mutex_lock(&sink->lock);
    if (sink->len + n > 2 * KEPT) {
        memmove(sink->data, sink->data + sink->len - KEPT, KEPT);
        sink->len = KEPT;
    }
    memcpy(sink->data + sink->len, data, n);
    sink->len += n;
    sink->total += (int64_t)n;
    pthread_cond_broadcast(&sink->news);
    pthread_mutex_unlock(&sink->lock);
}

static void *drain(void *cookie)
{
    struct ck_sink *sink = cookie;
    char chunk[CHUNK];

    for (;;) {
        ssize_t n = read(sink->fd, chunk, sizeof chunk);
        if (n > 0)
            keep(sink, chunk, (size_t)n);
        else if (n == 0 || errno != EINTR)
            return NULL;
        pthread_mutex_lock(&sink->lock);
        bool ending = sink->ending;
        pthread_mutex_unlock(&sink->lock);
        if (ending)
            return NULL;
    }
}

int ck_sink_open(const char *path, struct ck_sink **ret_sink, struct fc_err *err)
{
    struct ck_sink *sink = fc_calloc(1, sizeof *sink);
    pthread_condattr_t attributes;

    sink->fd = mkfifo(path, 0622) == 0 ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (sink->fd < 0) {
        free(sink);
        return fc_err_errno(err, "cannot make the pipe '%s'", path);
    }
    chmod(path, 0622); /* commands may change their user */
    sink->data = fc_malloc(2 * KEPT + CHUNK);
    pthread_mutex_init(&sink->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&sink->news, &attributes);
    pthread_condattr_destroy(&attributes);
    if (pthread_create(&sink->thread, NULL, drain, sink) == 0) {
        *ret_sink = sink;
        return 0;
    }
    close(sink->fd);
    free(sink->data);
    free(sink);
    return fc_err_set(err, FC_E_SYSTEM, "cannot start a thread");
}

void ck_sink_free(struct ck_sink *sink)
{
    if (!sink)
        return;
    pthread_mutex_lock(&sink->lock);
    sink->ending = true;
    pthread_mutex_unlock(&sink->lock);
    (void)!write(sink->fd, "\n", 1); /* makes the thread look */
    pthread_join(sink->thread, NULL);
    pthread_cond_destroy(&sink->news);
    pthread_mutex_destroy(&sink->lock);
    close(sink->fd);
    free(sink->data);
    free(sink);
}

/* Where the mark ends in the stream; -1: not there yet. Under the lock. */
static int64_t find(const struct ck_sink *sink, const char *mark)
{
    const char *at = memmem(sink->data, sink->len, mark, strlen(mark));

    return at ? sink->total - (int64_t)sink->len + (at - sink->data) + (int64_t)strlen(mark) : -1;
}

/* A mark of our own travels through the pipe behind everything that was written before. */
int64_t ck_sink_mark(struct ck_sink *sink)
{
    struct timespec until;
    char mark[MARK_LEN + 1];
    int64_t place;

    fc_clock_mono_timespec(fc_clock_mono() + MARK_TIME, &until);
    snprintf(mark, sizeof mark, "\001ck-mark %09u\002", ++sink->marks % 1000000000u);
    struct pollfd writable = {.fd = sink->fd, .events = POLLOUT};
    if (poll(&writable, 1, (int)(MARK_TIME / FC_MS)) == 1)
        (void)!write(sink->fd, mark, strlen(mark));
    pthread_mutex_lock(&sink->lock);
    while ((place = find(sink, mark)) < 0)
        if (pthread_cond_timedwait(&sink->news, &sink->lock, &until) != 0)
            break;
    if (place < 0)
        place = sink->total;
    pthread_mutex_unlock(&sink->lock);
    return place;
}

/* Marks and control characters are no output; what remains is one line a line. */
static void clean(char *text)
{
    char *to = text;

    for (const char *from = text; *from; from++) {
        if (*from == '\001') {
            const char *end = strchr(from, '\002');
            from = end ? end : from;
        } else if ((unsigned char)*from >= ' ' || *from == '\n' || *from == '\t') {
            *to++ = *from;
        }
    }
    *to = '\0';
}

char *ck_sink_since(struct ck_sink *sink, int64_t mark, size_t max)
{
    pthread_mutex_lock(&sink->lock);
    int64_t n = sink->total - mark;
    if (n > (int64_t)sink->len)
        n = (int64_t)sink->len;
    if (n > (int64_t)max)
        n = (int64_t)max;
    if (n < 0)
        n = 0;
    char *text = fc_strndup(sink->data + sink->len - n, (size_t)n);
    pthread_mutex_unlock(&sink->lock);
    clean(text);
    return text;
}
