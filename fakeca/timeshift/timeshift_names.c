/* Names without root: a program that opens /etc/hosts to read gets a file with the names that the CA knows at that moment, in front of
 * what the machine's own file says. The supervisor must not ask the CA itself: that may run under it and wait for it. So the front
 * asks; the program waits in its call. */
#define _GNU_SOURCE /* memfd_create */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base_alloc.h"

#include "timeshift/timeshift_int.h"
#include "timeshift/timeshift_memory.h"

static const char hosts_file[] = "/etc/hosts";

/* ---- the supervisor's side */

/* A descriptor of its own: the place up to which a file was read belongs to who opened it. */
static int open_again(int fd)
{
    char path[32];

    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return open(path, O_RDONLY | O_CLOEXEC);
}

/* The oldest opening gets that file; -1: the machine's own. */
static void serve_first(struct fc_timeshift_super *s, int fd)
{
    int own = fd >= 0 ? open_again(fd) : -1;
    uint64_t id = s->openings[0];

    if (own < 0 || fc_timeshift_listener_give(s, id, own, s->opening_flags[0] & O_CLOEXEC) != 0)
        fc_timeshift_listener_continue(s, id);
    if (own >= 0)
        close(own);
    s->n_openings--;
    memmove(s->openings, s->openings + 1, s->n_openings * sizeof *s->openings);
    memmove(s->opening_flags, s->opening_flags + 1, s->n_openings * sizeof *s->opening_flags);
}

static void give_up(struct fc_timeshift_super *s)
{
    close(s->names);
    s->names = -1;
    while (s->n_openings)
        serve_first(s, -1);
}

void fc_timeshift_names_open(struct fc_timeshift_super *s, const struct seccomp_notif *notif,
                             const struct fc_timeshift_rule *rule)
{
    char path[sizeof hosts_file + 1];
    pid_t tid = (pid_t)notif->pid;

    if (s->names < 0 || fc_timeshift_memory_text(tid, notif->data.args[rule->pointer], path, sizeof path) != 0 ||
        strcmp(path, hosts_file) != 0 || fc_timeshift_exec_exempt(s, tid) ||
        send(s->names, "n", 1, MSG_DONTWAIT | MSG_NOSIGNAL) != 1) {
        fc_timeshift_listener_continue(s, notif->id);
        return;
    }
    if (s->n_openings % 16 == 0) {
        s->openings = fc_reallocarray(s->openings, s->n_openings + 16, sizeof *s->openings);
        s->opening_flags = fc_reallocarray(s->opening_flags, s->n_openings + 16, sizeof *s->opening_flags);
    }
    s->openings[s->n_openings] = notif->id;
    s->opening_flags[s->n_openings++] = (uint32_t)notif->data.args[rule->arg];
}

void fc_timeshift_names_arrived(struct fc_timeshift_super *s)
{
    char byte;
    ssize_t n = recv(s->names, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        give_up(s);
        return;
    }
    /* every answer is one byte, with a descriptor or without */
    int fd = fc_timeshift_probe_receive_fd(s->names);
    if (s->n_openings)
        serve_first(s, fd);
    if (fd >= 0)
        close(fd);
}

/* ---- the front's */

static bool write_all(int fd, const char *text, size_t len)
{
    while (len) {
        ssize_t n = write(fd, text, len);
        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0) {
            text += n;
            len -= (size_t)n;
        }
    }
    return true;
}

/* The names, then the machine's own file: the first line that has a name counts. */
static int make_file(const char *names)
{
    int fd = memfd_create("hosts", MFD_CLOEXEC), own = open(hosts_file, O_RDONLY | O_CLOEXEC);
    char data[4096];
    ssize_t n;

    bool good = fd >= 0 && write_all(fd, names, strlen(names));
    while (good && own >= 0 && (n = read(own, data, sizeof data)) > 0)
        good = write_all(fd, data, (size_t)n);
    if (own >= 0)
        close(own);
    if (!good && fd >= 0)
        close(fd);
    return good ? fd : -1;
}

void fc_timeshift_names_answer(const struct fc_timeshift_params *params, int socket)
{
    char asked[64];
    ssize_t n = recv(socket, asked, sizeof asked, MSG_DONTWAIT);

    if (n <= 0)
        return;
    fc_auto_free char *names = params->hosts(params->hosts_cookie);
    int fd = names ? make_file(names) : -1;
    for (; n > 0; n--)
        if (fd < 0 || fc_timeshift_probe_send_fd(socket, fd) != 0)
            send(socket, "-", 1, MSG_NOSIGNAL);
    if (fd >= 0)
        close(fd);
}
