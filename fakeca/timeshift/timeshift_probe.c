/* Tries on a child of its own everything that a run needs, so that what the machine forbids is found before CMD starts. */
#define _GNU_SOURCE
#include "timeshift/timeshift_int.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "timeshift/timeshift_filter.h"
#include "timeshift/timeshift_memory.h"
#include "timeshift/timeshift_proc.h"

#define DEADLINE_MS 5000
#define ADVICE "; or start the CA in the past: fakeca serve --clock -61d"

int fc_timeshift_probe_send_fd(int socket, int fd)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {.room = ""};
    char byte = 'l';
    struct iovec io = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {
        .msg_iov = &io, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof control.room};

    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
    return sendmsg(socket, &message, MSG_NOSIGNAL) == 1 ? 0 : -1;
}

int fc_timeshift_probe_receive_fd(int socket)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    char byte;
    struct iovec io = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {
        .msg_iov = &io, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof control.room};
    int fd;

    if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != 1 || message.msg_controllen < CMSG_LEN(sizeof fd))
        return -1;
    memcpy(&fd, CMSG_DATA(&control.header), sizeof fd);
    return fd;
}

/* The first word of a small file; "" when there is none. */
static void read_word(const char *path, char *ret_word, size_t room)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, ret_word, room - 1);

    if (fd >= 0)
        close(fd);
    ret_word[n > 0 ? n : 0] = '\0';
    ret_word[strcspn(ret_word, " \n")] = '\0';
}

/* Whether libc reads the clock without a system call: asked of a child that is refused the call. Not a reading of the time. */
static bool reads_without_call(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clock_gettime, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    struct sock_fprog program = {sizeof code / sizeof *code, code};
    int (*const way)(clockid_t, struct timespec *) = clock_gettime;
    struct timespec unused;
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        bool refused = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
                       syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
        _exit(refused && way(CLOCK_MONOTONIC, &unused) == 0 ? 0 : 1);
    }
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool fc_timeshift_probe_clock_source(const char *pretend, const char **ret_name)
{
    static char name[64];

    if (pretend)
        snprintf(name, sizeof name, "%s", pretend);
    else
        read_word("/sys/devices/system/clocksource/clocksource0/current_clocksource", name, sizeof name);
    /* without /sys (a chroot, some containers) the name is not to be had */
    bool named = name[0] != '\0';
    if (ret_name)
        *ret_name = named ? name : "unknown";
    if (!named)
        return reads_without_call();
    for (const char *const *known = fc_timeshift_clock_sources; *known; known++)
        if (strcmp(*known, name) == 0)
            return true;
    return false;
}

/* ---- the child: loads the filter, makes one call that is notified, lives until it is killed */

static volatile uint64_t cell = 1;

static _Noreturn void be_probed(int socket)
{
    struct fc_timeshift_filter filter;
    char go;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    fc_timeshift_filter_build(&filter, false, false);
    int listener = fc_timeshift_filter_load(&filter);
    if (listener < 0)
        _exit(errno == EBUSY ? 2 : errno == EPERM || errno == EACCES ? 3 : 1);
    if (fc_timeshift_probe_send_fd(socket, listener) != 0 || read(socket, &go, 1) != 1)
        _exit(4);
    syscall(SYS_clock_gettime, FC_TIMESHIFT_MAGIC_CLOCK, NULL);
    for (;;)
        pause();
}

/* ---- the tests */

static int too_old(struct fc_err *err, const char *what)
{
    struct utsname system;

    uname(&system);
    return fc_err_set(
        err, FC_E_SYSTEM,
        "needs Linux 5.14 with seccomp user notifications; this is %s %s (%s). A way without: start the CA in "
        "the past: fakeca serve --clock -61d",
        system.sysname, system.release, what);
}

static int forbidden(struct fc_err *err, const char *what)
{
    int error = errno;
    char yama[16], why[96] = "";

    read_word("/proc/sys/kernel/yama/ptrace_scope", yama, sizeof yama);
    if (*yama && *yama != '0' && *yama != '1')
        snprintf(why, sizeof why, "; Yama's ptrace_scope is %s%s", yama, *yama == '2' ? ", only root may" : "");
    return fc_err_set(err, FC_E_SYSTEM, "this system forbids %s (%s%s). Ways: %s" ADVICE, what, strerror(error), why,
                      *why ? "sysctl kernel.yama.ptrace_scope=1"
                           : "a security profile that allows ptrace among own children");
}

static int try_memory(pid_t child, struct fc_err *err)
{
    uint64_t value = 0;

    if (fc_timeshift_memory_read(child, (uint64_t)(uintptr_t)&cell, &value, sizeof value) != 0)
        return forbidden(err, "reading the memory of own children");
    value++;
    if (fc_timeshift_memory_write(child, (uint64_t)(uintptr_t)&cell, &value, sizeof value) != 0)
        return forbidden(err, "writing the memory of own children");
    return 0;
}

static int try_trace(pid_t child, struct fc_err *err)
{
    struct fc_timeshift_regs regs;
    int status;

    if (ptrace(PTRACE_SEIZE, child, NULL, (void *)PTRACE_O_EXITKILL) != 0) {
        /* strace -f fakeca run: all programs are reached in the other way */
        return fc_timeshift_proc_tracer(child) ? 0 : forbidden(err, "tracing own children");
    }
    if (ptrace(PTRACE_INTERRUPT, child, NULL, NULL) != 0 || waitpid(child, &status, __WALL) != child ||
        !WIFSTOPPED(status) || fc_timeshift_arch_get(child, &regs) != 0)
        return forbidden(err, "stopping own children");
    ptrace(PTRACE_DETACH, child, NULL, NULL);
    return 0;
}

static int try_notification(int listener, pid_t child, struct fc_err *err)
{
    struct fc_timeshift_super s = {.listener = listener};
    struct seccomp_notif_sizes sizes;
    struct pollfd fd = {.fd = listener, .events = POLLIN};
    union {
        struct seccomp_notif notif;
        char room[1024];
    } received = {.room = ""};

    if (syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) != 0 || sizes.seccomp_notif > sizeof received)
        return too_old(err, "no notifications");
    if (poll(&fd, 1, DEADLINE_MS) != 1 || ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &received) != 0)
        return too_old(err, "a notification did not come");
    if (try_memory(child, err))
        return -1;
    if (fc_timeshift_listener_give(&s, received.notif.id, STDERR_FILENO, O_CLOEXEC) != 0)
        return too_old(err, "no descriptors by notification");
    return try_trace(child, err);
}

static int no_listener(pid_t child, struct fc_err *err)
{
    int status = 0;

    if (waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 2)
        return fc_err_set(err, FC_E_SYSTEM, "already inside a supervised tree (fakeca run, crun, sysbox ...)");
    if (WIFEXITED(status) && WEXITSTATUS(status) == 3)
        return fc_err_set(err, FC_E_SYSTEM, "this system forbids seccomp filters" ADVICE);
    return too_old(err, "no filter with a listener");
}

static int probe_child(int socket, pid_t child, struct fc_err *err)
{
    int listener = fc_timeshift_probe_receive_fd(socket);

    if (listener < 0)
        return no_listener(child, err);
    int result =
        write(socket, "g", 1) == 1 ? try_notification(listener, child, err) : fc_err_errno(err, "the probe has gone");
    close(listener);
    return result;
}

int fc_timeshift_probe(struct fc_err *err)
{
    int sockets[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0)
        return fc_err_errno(err, "cannot make sockets");
    pid_t child = fork();
    if (child == 0) {
        close(sockets[0]);
        be_probed(sockets[1]);
    }
    close(sockets[1]);
    int result = child < 0 ? fc_err_errno(err, "cannot fork") : probe_child(sockets[0], child, err);
    close(sockets[0]);
    if (child > 0) {
        kill(child, SIGKILL);
        waitpid(child, NULL, __WALL);
    }
    return result;
}
