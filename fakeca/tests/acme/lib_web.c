#include "lib_web.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base_assert.h"
#include "base/base_clock.h"
#include "base/base_time.h"

#define PREFIX "/.well-known/acme-challenge/"

struct lib_web {
    int fd;
    unsigned port;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    enum lib_web_mode mode;
    char thumbprint[64];
    size_t count;
    bool stopping;
};

/* Reads up to the end of the headers. */
static bool read_request(int fd, char *buf, size_t room)
{
    size_t len = 0;

    while (len < room - 1) {
        ssize_t n = read(fd, buf + len, room - 1 - len);
        if (n <= 0)
            return false;
        len += (size_t)n;
        buf[len] = '\0';
        if (strstr(buf, "\r\n\r\n"))
            return true;
    }
    return false;
}

static void answer(struct lib_web *web, int fd)
{
    char request[4096], body[256] = "", reply[512];
    enum lib_web_mode mode;

    if (!read_request(fd, request, sizeof request))
        return;
    pthread_mutex_lock(&web->lock);
    web->count++;
    pthread_cond_broadcast(&web->changed);
    while (web->mode == LIB_WEB_HOLD && !web->stopping)
        pthread_cond_wait(&web->changed, &web->lock);
    mode = web->mode;
    const char *token = strstr(request, PREFIX);
    if (token) {
        token += strlen(PREFIX);
        snprintf(body, sizeof body, "%.*s.%s", (int)strcspn(token, " "), token, web->thumbprint);
    }
    pthread_mutex_unlock(&web->lock);
    bool right = token && mode != LIB_WEB_WRONG;
    int len = snprintf(reply, sizeof reply, "HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
                       right ? "200 OK" : "404 Not Found", right ? strlen(body) : 0, right ? body : "");
    if (write(fd, reply, (size_t)len) != len)
        fprintf(stderr, "lib_web: short write\n");
}

static void *serve(void *cookie)
{
    struct lib_web *web = cookie;

    for (;;) {
        int fd = accept(web->fd, NULL, NULL);
        pthread_mutex_lock(&web->lock);
        bool stopping = web->stopping;
        pthread_mutex_unlock(&web->lock);
        if (fd < 0 && stopping)
            return NULL;
        if (fd < 0)
            continue;
        answer(web, fd);
        close(fd);
        if (stopping)
            return NULL;
    }
}

struct lib_web *lib_web_start(void)
{
    struct lib_web *web = fc_calloc(1, sizeof *web);
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof addr;
    pthread_condattr_t attr;

    web->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    FC_ASSERT(web->fd >= 0 && bind(web->fd, (struct sockaddr *)&addr, len) == 0 && listen(web->fd, 128) == 0 &&
              getsockname(web->fd, (struct sockaddr *)&addr, &len) == 0);
    web->port = ntohs(addr.sin_port);
    pthread_mutex_init(&web->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&web->changed, &attr);
    pthread_condattr_destroy(&attr);
    FC_ASSERT(pthread_create(&web->thread, NULL, serve, web) == 0);
    return web;
}

void lib_web_stop(struct lib_web *web)
{
    pthread_mutex_lock(&web->lock);
    web->stopping = true;
    pthread_cond_broadcast(&web->changed);
    pthread_mutex_unlock(&web->lock);
    shutdown(web->fd, SHUT_RDWR);
    pthread_join(web->thread, NULL);
    close(web->fd);
    pthread_cond_destroy(&web->changed);
    pthread_mutex_destroy(&web->lock);
    free(web);
}

unsigned lib_web_port(const struct lib_web *web)
{
    return web->port;
}

void lib_web_set_mode(struct lib_web *web, enum lib_web_mode mode)
{
    pthread_mutex_lock(&web->lock);
    web->mode = mode;
    pthread_cond_broadcast(&web->changed);
    pthread_mutex_unlock(&web->lock);
}

void lib_web_set_thumbprint(struct lib_web *web, const char *thumbprint)
{
    pthread_mutex_lock(&web->lock);
    snprintf(web->thumbprint, sizeof web->thumbprint, "%s", thumbprint);
    pthread_mutex_unlock(&web->lock);
}

size_t lib_web_count(struct lib_web *web, size_t at_least)
{
    struct timespec until;

    fc_clock_mono_timespec(fc_clock_mono() + 30 * FC_SECOND, &until);
    pthread_mutex_lock(&web->lock);
    while (web->count < at_least && pthread_cond_timedwait(&web->changed, &web->lock, &until) == 0)
        ;
    size_t count = web->count;
    pthread_mutex_unlock(&web->lock);
    return count;
}
