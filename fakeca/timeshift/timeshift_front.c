/* The front: what the user has started. Leads the job, passes signals on, ends as the command ends (reference/clock.md part 8). */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base_clock.h"
#include "base/base_time.h"

#include "timeshift/timeshift_int.h"
#include "timeshift/timeshift_proc.h"
#include "timeshift/timeshift_super.h"

#define AGAIN (2 * FC_SECOND) /* an interrupt so soon after another one means more */
enum { EXIT_NOT_SHIFTED = 3 };

struct front {
    const struct fc_timeshift_params *params;
    pid_t supervisor;
    int control, signals, names;
    bool ended, done, lost;
    int status; /* of the command, as waitpid gives it */
    struct fc_timeshift_counters counters;
    int interrupts;
    int64_t interrupted_at;
    bool gone_told;
    bool writer_seen; /* the CA is a process that can be looked for here, not of another container */
};

static const int passed_on[] = {SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGCONT};

static void say(const struct front *front, const char *text)
{
    dprintf(STDERR_FILENO, "%s: %s\n", front->params->name, text);
}

static void tell(const struct front *front, char kind, const void *data, size_t len)
{
    char message[64] = {kind};

    if (len)
        memcpy(message + 1, data, len);
    send(front->control, message, len + 1, MSG_NOSIGNAL);
}

/* ---- signals */

/* The first one reaches the command by the terminal. True: it was more than that, and has been seen to. */
static bool interrupted_again(struct front *front)
{
    int64_t now = fc_clock_mono();

    front->interrupts = front->interrupts && now - front->interrupted_at < AGAIN ? front->interrupts + 1 : 1;
    front->interrupted_at = now;
    if (front->interrupts == 1 && !front->ended)
        return false;
    bool kill_now = front->interrupts > 2;
    tell(front, kill_now ? FC_TIMESHIFT_KILL_TREE : FC_TIMESHIFT_END_TREE, NULL, 0);
    return true;
}

static void signalled(struct front *front, const struct signalfd_siginfo *info)
{
    int signal = (int)info->ssi_signo;

    if (signal == SIGTSTP)
        tell(front, FC_TIMESHIFT_STOPPING, NULL, 0);
    if (signal == SIGCHLD || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU)
        return;
    if (signal == SIGINT && interrupted_again(front))
        return;
    if (front->ended && signal != SIGCONT) {
        tell(front, FC_TIMESHIFT_END_TREE, NULL, 0);
        return;
    }
    /* what the terminal sends it has sent to the command too (T18) */
    if (info->ssi_code != SI_KERNEL)
        tell(front, FC_TIMESHIFT_SIGNAL, &signal, sizeof signal);
}

static void read_signals(struct front *front)
{
    struct signalfd_siginfo info;

    while (read(front->signals, &info, sizeof info) == (ssize_t)sizeof info)
        signalled(front, &info);
}

/* The command has stopped: so does the job, until the shell continues both. */
static void stop_too(struct front *front)
{
    int signal = SIGCONT;

    raise(SIGSTOP);
    /* a shell has continued the command with the group; whoever continued only us has not */
    tell(front, FC_TIMESHIFT_SIGNAL, &signal, sizeof signal);
}

/* ---- the supervisor's messages */

static void tell_rest(struct front *front, const struct fc_timeshift_rest *rest)
{
    char text[256], more[32] = "";

    if (front->params->detach) /* the caller knows that something stays */
        return;
    if (front->params->kill_rest) {
        tell(front, FC_TIMESHIFT_END_TREE, NULL, 0);
        return;
    }
    if (rest->n > 1)
        snprintf(more, sizeof more, " and %zu more", rest->n - 1);
    snprintf(text, sizeof text, "CMD ended (%d); still running: %s (pid %d)%s; Ctrl-C ends them",
             WIFEXITED(front->status) ? WEXITSTATUS(front->status) : 128 + WTERMSIG(front->status), rest->name,
             rest->first, more);
    say(front, text);
}

static void ended(struct front *front, const char *data, size_t len)
{
    if (len != sizeof front->status)
        return;
    memcpy(&front->status, data, len);
    front->ended = true;
    if (front->params->detach)
        tell(front, FC_TIMESHIFT_DETACH, NULL, 0);
}

static void heard(struct front *front, const char *message, size_t len)
{
    struct fc_timeshift_rest rest;

    switch (message[0]) {
    case FC_TIMESHIFT_SAYS:
        dprintf(STDERR_FILENO, "%s: %.*s\n", front->params->name, (int)len - 1, message + 1);
        break;
    case FC_TIMESHIFT_ENDED:
        ended(front, message + 1, len - 1);
        break;
    case FC_TIMESHIFT_STOPPED:
        stop_too(front);
        break;
    case FC_TIMESHIFT_REST:
        if (len - 1 == sizeof rest) {
            memcpy(&rest, message + 1, sizeof rest);
            tell_rest(front, &rest);
        }
        break;
    case FC_TIMESHIFT_DONE:
        if (len - 1 == sizeof front->counters)
            memcpy(&front->counters, message + 1, sizeof front->counters);
        front->done = true;
        break;
    default:
        break;
    }
}

static void read_control(struct front *front)
{
    char message[FC_TIMESHIFT_MESSAGE_MAX];
    ssize_t len;

    while ((len = recv(front->control, message, sizeof message, MSG_DONTWAIT)) > 0)
        heard(front, message, (size_t)len);
    if (len == 0)
        front->lost = true;
}

/* ---- the ends */

/* Programs without their supervisor are broken: each call that the filter stops fails from now on (T20, T47). */
static int supervisor_lost(const struct front *front)
{
    size_t n, all = 0;
    char text[128];

    do {
        n = fc_timeshift_proc_kill_tree(getpid(), front->params->companion, SIGKILL);
        all = n > all ? n : all;
        while (waitpid(-1, NULL, WNOHANG | __WALL) > 0 && !front->params->companion)
            ;
    } while (n > 0);
    snprintf(text, sizeof text, "the supervisor was killed; ended %zu processes that depended on it", all);
    say(front, text);
    return FC_TIMESHIFT_FAILED;
}

static void print_counters(const struct front *front)
{
    const struct fc_timeshift_counters *c = &front->counters;
    char text[512];

    snprintf(
        text, sizeof text,
        "%lu notifications, %lu execs, %lu images mapped, %lu 32-bit programs, %lu programs of fakeca (true clock), "
        "%lu "
        "without image, %lu taken late, %lu raw reads, %lu deadlines translated, %lu sleepers woken, %lu not shifted",
        c->notifications, c->execs, c->images, c->narrow, c->exempt, c->fallbacks, c->late, c->reads, c->deadlines,
        c->woken, c->unshifted);
    say(front, text);
}

/* Ends this process by the signal that ended the command, so that shells and make see it. */
static int end_by(int signal)
{
    const struct rlimit none = {0};
    sigset_t set;

    setrlimit(RLIMIT_CORE, &none);
    sigemptyset(&set);
    sigaddset(&set, signal);
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigaction(signal, &action, NULL);
    raise(signal);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    return 128 + signal;
}

static int conclude(struct front *front)
{
    if (front->params->verbose && front->done)
        print_counters(front);
    if (front->params->strict && front->counters.unshifted > 0)
        return EXIT_NOT_SHIFTED;
    if (!front->ended)
        return FC_TIMESHIFT_FAILED;
    if (WIFEXITED(front->status))
        return WEXITSTATUS(front->status);
    return FC_TIMESHIFT_SIGNALLED + WTERMSIG(front->status);
}

/* ---- life */

static int take_signals(sigset_t *ret_old)
{
    static const int others[] = {SIGCHLD, SIGTSTP, SIGTTIN, SIGTTOU};
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < sizeof passed_on / sizeof *passed_on; i++)
        sigaddset(&set, passed_on[i]);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        sigaddset(&set, others[i]);
    sigprocmask(SIG_BLOCK, &set, ret_old);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int open_front(struct front *front, const struct fc_timeshift_clock *clock, sigset_t *ret_old)
{
    int sockets[2], names[2] = {-1, -1};

    front->signals = take_signals(ret_old);
    if (front->signals < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) != 0 ||
        (front->params->hosts && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, names) != 0))
        return -1;
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    front->supervisor = fork();
    if (front->supervisor == 0) {
        close(sockets[0]);
        if (names[0] >= 0)
            close(names[0]);
        fc_timeshift_super_main(front->params, clock, (const int[2]){sockets[1], names[1]}, ret_old);
    }
    close(sockets[1]);
    if (names[1] >= 0)
        close(names[1]);
    front->control = sockets[0];
    front->names = names[0];
    return front->supervisor < 0 ? -1 : 0;
}

static void close_input_and_output(void)
{
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (fd < 0)
        return;
    dup2(fd, STDIN_FILENO);
    dup2(fd, STDOUT_FILENO);
    if (fd > 2)
        close(fd);
}

/* Its id may be a stranger's by now. */
static bool writer_lives(const struct fc_timeshift_clock *clock)
{
    return fc_timeshift_proc_started((pid_t)clock->page->writer_pid) == clock->page->writer_start;
}

/* A CA that was killed could not write down that it ended. */
static bool ca_lives(const struct front *front, const struct fc_timeshift_clock *clock)
{
    return fc_timeshift_clock_state(clock->page) == FC_CLOCK_RUNNING && (!front->writer_seen || writer_lives(clock));
}

/* The clock goes on with the last offset. */
static void watch_ca(struct front *front, const struct fc_timeshift_clock *clock)
{
    if (front->gone_told || front->ended || ca_lives(front, clock))
        return;
    front->gone_told = true;
    say(front, "the CA is gone; its clock stays where it is");
}

#define WATCH_MS 2000

static int serve(struct front *front, const struct fc_timeshift_clock *clock)
{
    struct pollfd fds[] = {{.fd = front->signals, .events = POLLIN},
                           {.fd = front->control, .events = POLLIN},
                           {.fd = front->names, .events = POLLIN}};

    front->writer_seen = writer_lives(clock);
    front->gone_told = fc_timeshift_clock_state(clock->page) != FC_CLOCK_RUNNING;
    while (!front->done && !front->lost && !(front->ended && front->params->detach)) {
        poll(fds, 3, front->gone_told ? -1 : WATCH_MS);
        read_signals(front);
        if (fds[2].revents & POLLIN)
            fc_timeshift_names_answer(front->params, front->names);
        read_control(front);
        watch_ca(front, clock);
    }
    if (front->lost && !front->done)
        return supervisor_lost(front);
    return conclude(front);
}

static int fail(const struct fc_timeshift_params *params, const char *text)
{
    dprintf(STDERR_FILENO, "%s: %s\n", params->name, text);
    return FC_TIMESHIFT_FAILED;
}

static int start(const struct fc_timeshift_params *params, const struct fc_timeshift_clock *clock)
{
    struct front front = {.params = params, .control = -1, .names = -1};
    sigset_t old;

    if (open_front(&front, clock, &old) != 0)
        return fail(params, strerror(errno));
    close_input_and_output();
    int code = serve(&front, clock);
    close(front.control);
    if (front.names >= 0)
        close(front.names);
    if (!params->detach)
        waitpid(front.supervisor, NULL, 0);
    close(front.signals);
    sigprocmask(SIG_SETMASK, &old, NULL);
    return code;
}

/* ---- before it begins */

/* Same clock: nothing to do but to run the command. */
static int exec_only(const struct fc_timeshift_params *params)
{
    execvp(params->command[0], params->command);
    int error = errno;
    char why[FC_TIMESHIFT_WHY_MAX];
    dprintf(STDERR_FILENO, "%s: %s: %s\n", params->name, params->command[0],
            fc_timeshift_explain_failure(params->command[0], error, why));
    return error == ENOENT ? FC_TIMESHIFT_NOT_FOUND : FC_TIMESHIFT_NOT_EXECUTABLE;
}

enum fc_timeshift_nested fc_timeshift_nested(const char *clock_file)
{
    const char *mark = getenv("FAKECA_RUN");
    unsigned long long device, inode;
    struct stat st;

    if (!mark || sscanf(mark, "%*d:%llu:%llu", &device, &inode) != 2)
        return FC_TIMESHIFT_OUTSIDE;
    if (stat(clock_file, &st) == 0 && st.st_dev == device && st.st_ino == inode)
        return FC_TIMESHIFT_SAME_CLOCK;
    return FC_TIMESHIFT_OTHER_CLOCK;
}

static int check_daemon(const struct fc_timeshift_params *params)
{
    const char *advice = fc_timeshift_explain_daemon(params->command[0]);

    if (!advice)
        return 0;
    dprintf(STDERR_FILENO, "%s: %s %s\n", params->name, params->command[0], advice);
    return params->strict ? FC_TIMESHIFT_FAILED : 0;
}

int fc_timeshift_run(const struct fc_timeshift_params *params)
{
    struct fc_timeshift_clock clock = {.fd = -1};
    struct fc_err err = {0};

    char usage[96];
    snprintf(usage, sizeof usage, "nothing to run; usage: %s [options] -- CMD ...", params->name);
    if (!params->command || !params->command[0])
        return fail(params, usage);
    if (!params->clock_file)
        return fail(params, "no clock file: name it with --clock-file FILE");
    enum fc_timeshift_nested nested = fc_timeshift_nested(params->clock_file);
    if (nested == FC_TIMESHIFT_SAME_CLOCK && params->hosts)
        dprintf(STDERR_FILENO, "%s: inside another run: --resolve-all is the outer one's to give\n", params->name);
    if (nested == FC_TIMESHIFT_SAME_CLOCK)
        return exec_only(params);
    if (nested == FC_TIMESHIFT_OTHER_CLOCK)
        return fail(params, "already on the clock of another run: a program can have only one");
    int code = check_daemon(params);
    if (code)
        return code;
    if (fc_timeshift_clock_open(params->clock_file, &clock, &err))
        return fail(params, err.text);
    code = fc_timeshift_probe(&err) ? fail(params, err.text) : start(params, &clock);
    fc_timeshift_clock_close(&clock);
    return code;
}

int fc_timeshift_end(int code)
{
    return code > FC_TIMESHIFT_SIGNALLED ? end_by(code - FC_TIMESHIFT_SIGNALLED) : code;
}
