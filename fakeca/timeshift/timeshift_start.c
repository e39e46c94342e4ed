/* How supervisor and command come into being: the filter, its listener, the handshake (reference/clock.md 3.3). */
#define _GNU_SOURCE /* execvpe, unshare of signals */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "timeshift/timeshift_filter.h"
#include "timeshift/timeshift_super.h"

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#endif
#define VDSO_MAX 65536

/* ---- the command */

struct start {
    const struct fc_timeshift_params *params;
    const struct fc_timeshift_clock *clock;
    const sigset_t *mask;
    pid_t supervisor, group;
    int socket;
};

static _Noreturn void refuse(const struct start *start, const char *what)
{
    dprintf(STDERR_FILENO, "%s: cannot start '%s': %s: %s\n", start->params->name, start->params->command[0], what,
            strerror(errno));
    _exit(FC_TIMESHIFT_FAILED);
}

static _Noreturn void execute(const struct start *start)
{
    const char *name = start->params->command[0];

    execvp(name, start->params->command);
    int error = errno;
    char why[FC_TIMESHIFT_WHY_MAX];
    dprintf(STDERR_FILENO, "%s: %s: %s\n", start->params->name, name, fc_timeshift_explain_failure(name, error, why));
    _exit(error == ENOENT ? FC_TIMESHIFT_NOT_FOUND : FC_TIMESHIFT_NOT_EXECUTABLE);
}

/* Who runs inside knows on whose clock, whatever happens to the parents. */
static void mark_environment(const struct start *start)
{
    char mark[96];

    snprintf(mark, sizeof mark, "%ld:%llu:%llu", (long)start->supervisor, (unsigned long long)start->clock->device,
             (unsigned long long)start->clock->inode);
    setenv("FAKECA_RUN", mark, 1);
}

static _Noreturn void be_command(const struct start *start)
{
    struct fc_timeshift_filter filter;
    char go;

    mark_environment(start);
    setpgid(0, start->group);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != start->supervisor)
        _exit(FC_TIMESHIFT_FAILED);
    fc_timeshift_filter_build(&filter, start->params->monotonic, start->params->hosts != NULL);
    int listener = fc_timeshift_filter_load(&filter);
    if (listener < 0)
        refuse(start, errno == EBUSY ? "already inside a supervised tree (fakeca run, crun, sysbox ...)" : "no filter");
    /* from here on nothing that the filter stops may be done before the supervisor holds the listener (T3) */
    if (fc_timeshift_probe_send_fd(start->socket, listener) != 0 || read(start->socket, &go, 1) != 1)
        _exit(FC_TIMESHIFT_FAILED);
    close(listener);
    close(start->socket);
    sigprocmask(SIG_SETMASK, start->mask, NULL);
    execute(start);
}

/* ---- the supervisor */

static _Noreturn void give_up(struct fc_timeshift_super *s, const char *what)
{
    fc_timeshift_super_say(s, "cannot supervise: %s: %s", what, strerror(errno));
    _exit(FC_TIMESHIFT_FAILED);
}

static void start_command(struct fc_timeshift_super *s, const sigset_t *mask)
{
    int sockets[2];
    uint64_t sync = SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0)
        give_up(s, "no sockets");
    const struct start start = {.params = s->params,
                                .clock = &s->clock,
                                .mask = mask,
                                .supervisor = getpid(),
                                .group = getpgid(s->front),
                                .socket = sockets[1]};
    s->command = fork();
    if (s->command == 0) {
        close(s->control);
        if (s->names >= 0)
            close(s->names);
        close(sockets[0]);
        be_command(&start);
    }
    close(sockets[1]);
    if (s->command < 0)
        give_up(s, "cannot fork");
    s->listener = fc_timeshift_probe_receive_fd(sockets[0]);
    if (s->listener >= 0) {
        /* caller and supervisor are handed over on one processor; not before Linux 6.6 */
        ioctl(s->listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, sync);
        if (write(sockets[0], "g", 1) != 1)
            give_up(s, "the command has gone");
    }
    close(sockets[0]);
}

/* Its standard streams would keep pipes open that the command has closed. */
static void leave_streams(void)
{
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

    for (int i = 0; fd >= 0 && i < 3; i++)
        dup2(fd, i);
    if (fd > 2)
        close(fd);
}

/* The kernel's vDSO lies in every program, at another address; ours tells what is in it. */
static void read_vdso(struct fc_timeshift_super *s)
{
    const uint8_t *image = (const uint8_t *)(uintptr_t)getauxval(AT_SYSINFO_EHDR); /* NOLINT: an address by design */
    const struct fc_timeshift_names *names = &fc_timeshift_names;

    s->vdso_call = -1;
    if (!image)
        return;
    s->vdso_len = fc_timeshift_elf_span(image, VDSO_MAX);
    s->vdso = (struct fc_timeshift_slots){
        .clock_gettime = fc_timeshift_elf_symbol(image, s->vdso_len, names->clock_gettime),
        .gettimeofday = fc_timeshift_elf_symbol(image, s->vdso_len, names->gettimeofday),
        .time = names->time ? fc_timeshift_elf_symbol(image, s->vdso_len, names->time) : 0,
        .getcpu = names->getcpu ? fc_timeshift_elf_symbol(image, s->vdso_len, names->getcpu) : 0,
        .clock_getres = fc_timeshift_elf_symbol(image, s->vdso_len, names->clock_getres),
        .getrandom = names->getrandom ? fc_timeshift_elf_symbol(image, s->vdso_len, names->getrandom) : 0};
    s->vdso_call = fc_timeshift_arch_find_call(image, s->vdso_len);
    for (size_t at = 0; at < s->vdso_len;) {
        long next = fc_timeshift_arch_find_call(image + at, s->vdso_len - at);
        if (next < 0)
            break;
        at += (size_t)next + fc_timeshift_arch_call_len;
        s->vdso_calls[at % FC_TIMESHIFT_PAGE / 8] |= (uint8_t)(1U << at % 8);
    }
}

/* The second thread: turns the clock file's futex into something that poll can wait for. */
struct watcher {
    const struct fc_clock_page *page;
    uint32_t seen;
    int fd;
};

static void *watch_clock(void *cookie)
{
    const struct watcher *watcher = cookie;
    uint32_t seen = watcher->seen;
    const uint64_t one = 1;

    for (;;) {
        syscall(SYS_futex, &watcher->page->generation, FUTEX_WAIT, seen, NULL, NULL, 0);
        uint32_t now = atomic_load(&watcher->page->generation);
        if (now == seen)
            continue;
        seen = now;
        ssize_t written = write(watcher->fd, &one, sizeof one);
        (void)written; /* a full counter wakes too */
    }
    return NULL;
}

static void start_watcher(struct fc_timeshift_super *s)
{
    static struct watcher watcher;
    pthread_t thread;

    watcher = (struct watcher){.page = s->clock.page, .seen = s->generation, .fd = s->watch};
    if (pthread_create(&thread, NULL, watch_clock, &watcher) != 0)
        give_up(s, "no second thread");
}

static void open_all(struct fc_timeshift_super *s)
{
    struct fc_clock_now_slot slot;
    struct seccomp_notif_sizes sizes;
    struct fc_err err = {0};
    sigset_t children;

    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    s->signals = signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
    s->watch = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    s->image_fd = fc_timeshift_image_open(&err);
    if (s->signals < 0 || s->watch < 0 || s->image_fd < 0 ||
        syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) != 0)
        give_up(s, err.code ? err.text : "descriptors");
    s->notif_size =
        sizes.seccomp_notif > sizeof(struct seccomp_notif) ? sizes.seccomp_notif : sizeof(struct seccomp_notif);
    s->response_size = sizes.seccomp_notif_resp > sizeof(struct seccomp_notif_resp) ? sizes.seccomp_notif_resp
                                                                                    : sizeof(struct seccomp_notif_resp);
    s->generation = fc_clock_slot_read(s->clock.page, &slot);
    s->wall = slot.wall_sec;
    s->mono = slot.mono_sec;
    s->cookie_reads = !fc_timeshift_probe_clock_source(s->params->clock_source, NULL);
    read_vdso(s);
}

/* The command could not even load its filter: it has said why. */
static _Noreturn void end_without_listener(struct fc_timeshift_super *s)
{
    int status;

    fc_timeshift_super_await(s, s->command, &status);
    fc_timeshift_super_tell(s, FC_TIMESHIFT_DONE, &s->counters, sizeof s->counters);
    _exit(0);
}

void fc_timeshift_super_main(const struct fc_timeshift_params *params, const struct fc_timeshift_clock *clock,
                             const int sockets[2], const void *mask)
{
    static struct fc_timeshift_super super;
    struct fc_timeshift_super *s = &super;
    sigset_t all;

    *s = (struct fc_timeshift_super){
        .params = params, .clock = *clock, .control = sockets[0], .names = sockets[1], .front = getppid()};
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    setpgid(0, 0);
    open_all(s);
    start_command(s, mask);
    leave_streams();
    if (s->listener < 0)
        end_without_listener(s);
    start_watcher(s);
    fc_timeshift_super_run(s);
    fc_timeshift_super_tell(s, FC_TIMESHIFT_DONE, &s->counters, sizeof s->counters);
    if (s->front_gone && params->orphaned)
        params->orphaned(params->cookie);
    _exit(0);
}
