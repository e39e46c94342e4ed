#define _GNU_SOURCE /* pidfd_open, sigabbrev_np */
#include "base/base_proc.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base_buf.h"
#include "base/base_clock.h"
#include "base/base_proc_int.h"
#include "base/base_time.h"

/* A pipe holds at most this (fs.pipe-max-size); more than that after the end comes from a descendant that writes on. */
#define LEFT_OVER_MAX ((size_t)1024 * 1024)

/* How often an ended process is looked for on a kernel without pidfd_open (before Linux 5.3). */
#define LOOK_AGAIN (20 * FC_MS)

/* How long an end is waited for once the output that was listened to is closed. */
#define END_AFTER_CLOSE FC_SECOND

#define LAST_LINE_MAX 300

struct stream {
    int fd; /* -1: closed */
    struct fc_buf kept;
    bool cut;
    size_t passed; /* lines before here were looked at by fc_proc_await */
};

struct fc_proc {
    char *name;
    pid_t pid;
    int pidfd; /* -1: not to be had */
    bool keep_rest;
    bool ended;
    struct fc_proc_exit how;
    struct stream streams[2];
    char *line;
};

int fc_proc_start(const struct fc_proc_spec *spec, struct fc_proc **ret_proc, struct fc_err *err)
{
    const size_t max[2] = {spec->max_out, spec->max_err};
    int readers[2];
    pid_t pid;

    if (fc_proc_spawn(spec, readers, &pid, err) != 0)
        return -1;
    struct fc_proc *proc = fc_calloc(1, sizeof *proc);
    proc->name = fc_strdup(spec->argv[0]);
    proc->pid = pid;
    proc->pidfd = pidfd_open(pid, 0);
    proc->keep_rest = spec->keep_rest;
    for (int i = 0; i < 2; i++) {
        proc->streams[i].fd = readers[i];
        fc_buf_init(&proc->streams[i].kept, max[i]);
    }
    *ret_proc = proc;
    return 0;
}

/* ---- reading ---- */

/* Reads what there is, about `max` bytes at most. */
static void read_stream(struct stream *stream, size_t max)
{
    char chunk[16384];
    size_t total = 0;

    while (stream->fd >= 0 && total < max) {
        ssize_t n = read(stream->fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            break;
        if (n <= 0) {
            fc_proc_close(&stream->fd);
            break;
        }
        size_t room = stream->kept.max - stream->kept.len;
        size_t kept = (size_t)n < room ? (size_t)n : room;
        fc_buf_append(&stream->kept, chunk, kept);
        stream->cut = stream->cut || kept < (size_t)n;
        total += (size_t)n;
    }
}

static void note_end(struct fc_proc *proc, int status)
{
    proc->ended = true;
    proc->how.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    proc->how.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

/* Reaps the process if it has ended. Its group is killed first: as long as it is not reaped nobody else gets its number. */
static void look_for_end(struct fc_proc *proc)
{
    siginfo_t info = {0};
    int status = 0;

    int rc = waitid(P_PID, (id_t)proc->pid, &info, WEXITED | WNOHANG | WNOWAIT);
    if (rc == 0 && info.si_pid == 0)
        return;
    if (!proc->keep_rest)
        kill(-proc->pid, SIGKILL);
    for (int i = 0; i < 2; i++) {
        read_stream(&proc->streams[i], LEFT_OVER_MAX);
        fc_proc_close(&proc->streams[i].fd);
    }
    /* a caller that ignores SIGCHLD has the kernel reap it: then nobody knows how it ended */
    if (waitpid(proc->pid, &status, 0) != proc->pid)
        status = 0xff << 8;
    note_end(proc, status);
    fc_proc_close(&proc->pidfd);
}

static int poll_ms(const struct fc_proc *proc, int64_t deadline)
{
    int64_t left = deadline - fc_clock_mono();

    if (proc->pidfd < 0 && left > LOOK_AGAIN)
        left = LOOK_AGAIN;
    if (left <= 0)
        return 0;
    left = (left + FC_MS - 1) / FC_MS;
    return left < INT_MAX ? (int)left : INT_MAX;
}

/* Waits for output or the end, at most until the deadline, and takes what came. */
static void pump(struct fc_proc *proc, int64_t deadline)
{
    struct pollfd fds[3] = {
        {.fd = proc->streams[0].fd, .events = POLLIN},
        {.fd = proc->streams[1].fd, .events = POLLIN},
        {.fd = proc->pidfd, .events = POLLIN},
    };

    poll(fds, 3, poll_ms(proc, deadline));
    for (int i = 0; i < 2; i++)
        read_stream(&proc->streams[i], LEFT_OVER_MAX);
    look_for_end(proc);
}

/* Whether it has ended by then. */
static bool ends_until(struct fc_proc *proc, int64_t deadline)
{
    while (!proc->ended) {
        pump(proc, deadline);
        if (!proc->ended && fc_clock_mono() >= deadline)
            return false;
    }
    return true;
}

static void kill_and_reap(struct fc_proc *proc)
{
    kill(-proc->pid, SIGKILL);
    proc->how.timed_out = true;
    ends_until(proc, INT64_MAX); /* nothing survives SIGKILL */
}

void fc_proc_wait(struct fc_proc *proc, int64_t deadline, struct fc_proc_exit *ret_exit)
{
    if (!ends_until(proc, deadline))
        kill_and_reap(proc);
    *ret_exit = proc->how;
}

void fc_proc_stop(struct fc_proc *proc, int64_t grace, struct fc_proc_exit *ret_exit)
{
    if (fc_proc_running(proc)) {
        kill(-proc->pid, SIGTERM);
        kill(-proc->pid, SIGCONT); /* a stopped one could not act on it */
    }
    fc_proc_wait(proc, fc_clock_mono() + grace, ret_exit);
}

int fc_proc_run(const struct fc_proc_spec *spec, int64_t timeout, struct fc_proc **ret_proc,
                struct fc_proc_exit *ret_exit, struct fc_err *err)
{
    if (fc_proc_start(spec, ret_proc, err) != 0)
        return -1;
    fc_proc_wait(*ret_proc, fc_clock_mono() + timeout, ret_exit);
    return 0;
}

void fc_proc_free(struct fc_proc *proc)
{
    if (!proc)
        return;
    if (!proc->ended)
        kill_and_reap(proc);
    for (int i = 0; i < 2; i++) {
        fc_proc_close(&proc->streams[i].fd);
        fc_buf_release(&proc->streams[i].kept);
    }
    fc_proc_close(&proc->pidfd);
    free(proc->name);
    free(proc->line);
    free(proc);
}

/* ---- lines ---- */

/* Takes lines that are complete (the last one too once nothing more can come) until one holds the text. */
static bool find_line(struct fc_proc *proc, struct stream *stream, const char *text)
{
    while (stream->passed < stream->kept.len) {
        const char *start = stream->kept.data + stream->passed;
        size_t left = stream->kept.len - stream->passed;
        const char *newline = memchr(start, '\n', left);
        if (!newline && stream->fd >= 0)
            return false;
        size_t len = newline ? (size_t)(newline - start) : left;
        stream->passed += len + (newline != NULL);
        free(proc->line);
        proc->line = fc_strndup(start, len);
        if (strstr(proc->line, text))
            return true;
    }
    return false;
}

/* The last line that was written, of either stream, for error texts. */
static void last_line(const struct fc_proc *proc, const struct stream *first, char ret_text[LAST_LINE_MAX])
{
    const struct stream *other = first == &proc->streams[0] ? &proc->streams[1] : &proc->streams[0];
    const struct stream *stream = first->kept.len ? first : other;
    size_t end = stream->kept.len, start;

    while (end > 0 && stream->kept.data[end - 1] == '\n')
        end--;
    for (start = end; start > 0 && stream->kept.data[start - 1] != '\n'; start--)
        ;
    snprintf(ret_text, LAST_LINE_MAX, "%.*s", (int)(end - start < LAST_LINE_MAX ? end - start : LAST_LINE_MAX),
             stream->kept.data + start);
}

static int await_error(const struct fc_proc *proc, const struct stream *stream, const char *text, struct fc_err *err)
{
    char last[LAST_LINE_MAX], how[FC_PROC_EXIT_TEXT_MAX];

    last_line(proc, stream, last);
    if (proc->ended)
        return fc_err_set(err, FC_E_NOT_FOUND, "'%s' ended (%s) and did not say '%s'; its last line: '%s'", proc->name,
                          fc_proc_exit_text(&proc->how, how), text, last);
    if (stream->cut)
        return fc_err_set(err, FC_E_NOT_FOUND, "'%s' did not say '%s' in its first %zu bytes", proc->name, text,
                          stream->kept.max);
    if (stream->fd < 0)
        return fc_err_set(err, FC_E_NOT_FOUND, "'%s' closed its output and did not say '%s'", proc->name, text);
    return fc_err_set(err, FC_E_AGAIN, "'%s' did not say '%s' in time; its last line: '%s'", proc->name, text, last);
}

/* What came while we were busy counts. A closed output mostly means an end that is a moment away: the kernel closes the pipes of
 * a process first, and the error should tell how it ended. */
static void last_look(struct fc_proc *proc, const struct stream *from, int64_t deadline)
{
    int64_t until = fc_clock_mono() + END_AFTER_CLOSE;

    if (from->fd < 0)
        ends_until(proc, until < deadline ? until : deadline);
    else
        fc_proc_running(proc);
}

int fc_proc_await(struct fc_proc *proc, enum fc_proc_stream stream, const char *text, int64_t deadline,
                  const char **ret_line, struct fc_err *err)
{
    struct stream *from = &proc->streams[stream];

    for (;;) {
        if (find_line(proc, from, text))
            break;
        if (proc->ended || from->cut || from->fd < 0 || fc_clock_mono() >= deadline) {
            last_look(proc, from, deadline);
            if (find_line(proc, from, text))
                break;
            return await_error(proc, from, text, err);
        }
        pump(proc, deadline);
    }
    if (ret_line)
        *ret_line = proc->line;
    return 0;
}

/* ---- asking ---- */

bool fc_proc_running(struct fc_proc *proc)
{
    if (!proc->ended)
        pump(proc, 0);
    return !proc->ended;
}

int fc_proc_signal(struct fc_proc *proc, int signal)
{
    return fc_proc_running(proc) ? kill(proc->pid, signal) : -1;
}

pid_t fc_proc_pid(const struct fc_proc *proc)
{
    return proc->pid;
}

const char *fc_proc_output(const struct fc_proc *proc, enum fc_proc_stream stream, size_t *ret_len, bool *ret_cut)
{
    if (ret_len)
        *ret_len = proc->streams[stream].kept.len;
    if (ret_cut)
        *ret_cut = proc->streams[stream].cut;
    return proc->streams[stream].kept.data;
}

const char *fc_proc_exit_text(const struct fc_proc_exit *how, char buf[FC_PROC_EXIT_TEXT_MAX])
{
    const char *late = how->timed_out ? "out of time, " : "";
    const char *name = how->signal ? sigabbrev_np(how->signal) : NULL;

    if (how->signal)
        snprintf(buf, FC_PROC_EXIT_TEXT_MAX, "%ssignal %d (SIG%s)", late, how->signal, name ? name : "?");
    else
        snprintf(buf, FC_PROC_EXIT_TEXT_MAX, "%sexit code %d", late, how->code);
    return buf;
}
