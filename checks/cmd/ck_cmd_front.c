/* The front: saves the setup, starts the worker, reads its stream, and whatever happens ends what is left and puts the setup back. */
#include "cmd/ck_cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base_alloc.h"
#include "base/base_clock.h"
#include "base/base_proc.h"
#include "base/base_time.h"
#include "cases/ck_case.h"
#include "core/ck_stream.h"
#include "stage/ck_procs.h"
#include "stage/ck_tree.h"

#define POLL_MS 100
#define STOP_TIME (30 * FC_SECOND)
#define SAVED_ENTRIES 50000
#define SAVED_BYTES (UINT64_C(1) << 30)

static const struct ck_tree_limits limits = {SAVED_ENTRIES, SAVED_BYTES};

static volatile sig_atomic_t interrupted;

static void on_signal(int signal)
{
    (void)signal;
    interrupted = 1;
}

struct front {
    const struct ck_cmd_run *run;
    struct ck_setup setup; /* borrowed, but for its folder */
    struct ck_report *report;
    char work[256];
    char *saved; /* copy of the description's folder; NULL: nothing was saved */
    int lock;    /* on the folder */
    pid_t worker;
    json_t *stop; /* how to stop the service; NULL: it does not run */
    bool worker_gone, worker_failed, out_of_time;
    bool progress;
};

/* ---- the stream ---- */

static void show_progress(const struct front *front, const json_t *object)
{
    const char *text = ck_report_text(object, "text"), *now = ck_report_text(object, "now");

    if (!front->progress || !*text)
        return;
    /* a line that is written over */
    fprintf(stderr, "\r\033[K%.10s  %.*s", now, 90, text);
    fflush(stderr);
}

static void take(void *cookie, json_t *object)
{
    struct front *front = cookie;
    const char *type = ck_report_text(object, "type");

    if (strcmp(type, "service") == 0) {
        json_decref(front->stop);
        front->stop =
            json_is_object(json_object_get(object, "stop")) ? json_incref(json_object_get(object, "stop")) : NULL;
        return;
    }
    show_progress(front, object);
    ck_report_take(front->report, object);
}

/* Ended children: the worker, and what daemons left behind. */
static void reap(struct front *front)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        if (pid == front->worker) {
            front->worker_gone = true;
            front->worker_failed = !WIFEXITED(status) || WEXITSTATUS(status) != 0;
        }
}

static void follow(struct front *front, int fd)
{
    struct ck_stream_reader reader = {.fd = fd};
    int64_t timeout = front->run->options->timeout, deadline = timeout ? fc_clock_mono() + timeout : INT64_MAX;
    struct pollfd one = {.fd = fd, .events = POLLIN};

    while (!interrupted && !front->out_of_time) {
        reap(front);
        int n = poll(&one, 1, POLL_MS);
        if (n > 0 && ck_stream_read(&reader, take, front))
            break;
        if (n == 0 && front->worker_gone) /* its pipe may live on in nobody, but be sure */
            break;
        front->out_of_time = fc_clock_mono() > deadline;
    }
    ck_stream_reader_release(&reader);
    if (front->progress)
        fputs("\r\033[K", stderr);
}

/* ---- before and after ---- */

static int make_work(struct front *front, struct fc_err *err)
{
    const char *temporary = getenv("TMPDIR") && *getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp";

    if (front->lock >= 0 && ck_cmd_recover(temporary, front->setup.dir, err))
        return fc_err_prefix(err, "what an earlier rehearsal left cannot be put back");
    if (strlen(temporary) + sizeof "/fakeca-check-XXXXXX" > sizeof front->work)
        return fc_err_set(err, FC_E_USAGE, "TMPDIR is too long: '%s'", temporary);
    snprintf(front->work, sizeof front->work, "%s/fakeca-check-XXXXXX", temporary);
    if (!mkdtemp(front->work))
        return fc_err_errno(err, "cannot make a folder for the rehearsal in '%s'", temporary);
    chmod(front->work, 0711); /* commands of other users write to the pipe in it, and servers give up root */
    return 0;
}

/* Saves the folder, to be put back; nobody else may rehearse in it meanwhile. */
static int work_in_place(struct front *front, struct fc_err *err)
{
    const char *dir = front->setup.dir;

    front->lock = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (front->lock < 0 || flock(front->lock, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK)
            return fc_err_errno(err, "cannot open the folder '%s'", dir);
        return fc_err_set(err, FC_E_BUSY, "another rehearsal runs in '%s'", dir);
    }
    if (make_work(front, err))
        return -1;
    front->saved = fc_asprintf("%s/saved", front->work);
    if (ck_tree_copy(dir, front->saved, limits, err)) {
        free(FC_TAKE(front->saved));
        return fc_err_prefix(err, "'%s' cannot be saved before the rehearsal", dir);
    }
    return ck_cmd_recover_note(front->work, dir, err);
}

static int work_in_copy(struct front *front, struct fc_err *err)
{
    if (make_work(front, err))
        return -1;
    fc_auto_free char *copy = fc_asprintf("%s/setup", front->work);
    if (ck_tree_copy(front->setup.dir, copy, limits, err))
        return fc_err_prefix(err, "'%s' cannot be copied for the rehearsal", front->setup.dir);
    snprintf(front->setup.dir, sizeof front->setup.dir, "%s", copy);
    return 0;
}

static int take_place(struct front *front, struct fc_err *err)
{
    return ck_cmd_place_bound(&front->setup) ? work_in_place(front, err) : work_in_copy(front, err);
}

static const char **strings(const json_t *array)
{
    const char **vector = fc_calloc(json_array_size(array) + 1, sizeof *vector);

    for (size_t i = 0; i < json_array_size(array); i++)
        vector[i] = json_string_value(json_array_get(array, i));
    return vector;
}

static void stop_service(struct front *front)
{
    fc_auto_free const char **argv = strings(json_object_get(front->stop, "argv"));
    fc_auto_free const char **env = strings(json_object_get(front->stop, "env"));
    const struct fc_proc_spec spec = {.argv = argv, .env = env, .cwd = ck_report_text(front->stop, "cwd")};
    fc_auto(fc_proc_free) struct fc_proc *proc = NULL;
    struct fc_proc_exit how;

    if (argv[0])
        fc_proc_run(&spec, STOP_TIME, &proc, &how, NULL);
}

/* Ends the worker and all that it left, and puts the folder back; the same after a good end, a crash and Ctrl-C. */
static void clear_up(struct front *front, struct fc_err *err)
{
    if (!front->worker_gone && front->worker > 0) {
        kill(front->worker, SIGKILL);
        /* its children are ours only when the last of its threads is gone */
        while (waitpid(front->worker, NULL, 0) < 0 && errno == EINTR)
            continue;
    }
    if (front->stop)
        stop_service(front);
    ck_procs_end(getpid(), NULL, true);
    if (front->saved)
        ck_tree_restore(front->saved, front->setup.dir, err);
    if (*front->work && !front->run->options->keep)
        ck_tree_remove(front->work, NULL);
    if (front->lock >= 0)
        close(front->lock);
    json_decref(front->stop);
    free(front->saved);
}

static int start_worker(struct front *front, int *ret_fd, struct fc_err *err)
{
    int ends[2];

    if (pipe(ends) != 0)
        return fc_err_errno(err, "cannot make a pipe");
    fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    fflush(NULL);
    front->worker = fork();
    if (front->worker == 0) {
        struct ck_cmd_run here = *front->run;
        here.setup = &front->setup;
        const struct ck_cmd_worker worker = {.run = &here, .work = front->work, .fd = ends[1], .front = getppid()};
        close(ends[0]);
        signal(SIGINT, SIG_IGN); /* the front decides */
        signal(SIGTERM, SIG_DFL);
        signal(SIGHUP, SIG_IGN);
        ck_cmd_worker_run(&worker);
    }
    close(ends[1]);
    if (front->worker < 0) {
        close(ends[0]);
        return fc_err_errno(err, "cannot start a process");
    }
    *ret_fd = ends[0];
    return 0;
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static void finish(struct front *front, double seconds)
{
    const char *result = "error", *why = "the process that rehearsed ended before it came to a verdict";

    if (interrupted || front->out_of_time) {
        result = "inconclusive";
        why = interrupted ? "the rehearsal was interrupted" : "the rehearsal was out of time";
        json_object_set_new(front->report->json, "interrupted", json_true());
    } else if (json_object_get(front->report->json, "broken")) {
        why = "the rehearsal broke off";
    }
    ck_report_finish(front->report, result, why, seconds);
}

int ck_cmd_front(const struct ck_cmd_run *run, struct ck_report *report, struct fc_err *err)
{
    struct front front = {.run = run, .setup = *run->setup, .report = report, .lock = -1, .progress = isatty(2) == 1};
    int64_t begin = fc_clock_mono();
    int fd = -1;

    catch_signals();
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    int result = take_place(&front, err) || start_worker(&front, &fd, err) ? -1 : 0;
    if (result == 0) {
        follow(&front, fd);
        close(fd);
    }
    clear_up(&front, err);
    if (result)
        return fc_err_exit(err->code);
    finish(&front, (double)(fc_clock_mono() - begin) / 1e9);
    if (err->code) /* the folder could not be put back */
        return CK_EXIT_BROKEN;
    return interrupted ? CK_EXIT_INTERRUPTED : front.out_of_time ? CK_EXIT_TIME : CK_EXIT_GOOD;
}
