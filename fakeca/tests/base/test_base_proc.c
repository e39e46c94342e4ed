#define _GNU_SOURCE /* pipe2 */
#include "base/base_proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base_clock.h"
#include "base/base_time.h"

#include "cmocka_all.h"

#define KEPT 4096
#define LONG (60 * FC_SECOND)
#define SOON (fc_clock_mono() + LONG)

/* What a test holds; the teardown gives it back. */
struct lab {
    struct fc_proc *proc;
    struct fc_proc_exit how;
    struct fc_err err;
    int alive[2]; /* a pipe whose writing end all descendants inherit: end of file when the last one is gone */
};

static int setup(void **state)
{
    struct lab *lab = fc_calloc(1, sizeof *lab);

    lab->alive[0] = lab->alive[1] = -1;
    *state = lab;
    return 0;
}

static int teardown(void **state)
{
    struct lab *lab = *state;

    fc_proc_free(lab->proc);
    for (int i = 0; i < 2; i++)
        if (lab->alive[i] >= 0)
            close(lab->alive[i]);
    free(lab);
    return 0;
}

/* argv of a shell script */
#define SH(script) ((const char *const[]){"sh", "-c", script, NULL})

static void run(struct lab *lab, const char *const *argv)
{
    const struct fc_proc_spec spec = {.argv = argv, .max_out = KEPT, .max_err = KEPT};

    if (fc_proc_run(&spec, LONG, &lab->proc, &lab->how, &lab->err) != 0)
        fail_msg("%s", lab->err.text);
}

static void start(struct lab *lab, const char *const *argv)
{
    const struct fc_proc_spec spec = {.argv = argv, .max_out = KEPT, .max_err = KEPT};

    if (fc_proc_start(&spec, &lab->proc, &lab->err) != 0)
        fail_msg("%s", lab->err.text);
}

/* Starts with lab->alive inherited. */
static void start_watched(struct lab *lab, const char *const *argv, bool keep_rest)
{
    const struct fc_proc_spec spec = {.argv = argv, .max_out = KEPT, .max_err = KEPT, .keep_rest = keep_rest};

    assert_int_equal(pipe2(lab->alive, O_CLOEXEC), 0);
    assert_int_equal(fcntl(lab->alive[1], F_SETFD, 0), 0);
    int rc = fc_proc_start(&spec, &lab->proc, &lab->err);
    close(lab->alive[1]);
    lab->alive[1] = -1;
    assert_int_equal(rc, 0);
}

/* Whether the last descendant is gone within that time. */
static bool all_gone(const struct lab *lab, int ms)
{
    struct pollfd fd = {.fd = lab->alive[0], .events = POLLIN};

    return poll(&fd, 1, ms) == 1 && (fd.revents & POLLHUP);
}

static void await(struct lab *lab, const char *text)
{
    if (fc_proc_await(lab->proc, FC_PROC_OUT, text, SOON, NULL, &lab->err) != 0)
        fail_msg("%s", lab->err.text);
}

static void assert_output(const struct lab *lab, const char *out, const char *err)
{
    size_t len = 0;
    bool cut = true;

    assert_string_equal(fc_proc_output(lab->proc, FC_PROC_OUT, &len, &cut), out);
    assert_int_equal(len, strlen(out));
    assert_false(cut);
    assert_string_equal(fc_proc_output(lab->proc, FC_PROC_ERR, NULL, NULL), err);
}

static void assert_how(const struct lab *lab, int code, int signal, bool timed_out)
{
    assert_int_equal(lab->how.code, code);
    assert_int_equal(lab->how.signal, signal);
    assert_int_equal(lab->how.timed_out, timed_out);
}

/* ---- to the end ---- */

static void output_and_exit_code(void **state)
{
    struct lab *lab = *state;
    struct fc_proc_exit again = {0};

    run(lab, SH("echo out; echo err >&2; printf more; exit 3"));
    assert_how(lab, 3, 0, false);
    assert_output(lab, "out\nmore", "err\n");
    assert_false(fc_proc_running(lab->proc));
    fc_proc_wait(lab->proc, 0, &again);
    assert_memory_equal(&again, &lab->how, sizeof again);
    fc_proc_stop(lab->proc, 0, &again);
    assert_memory_equal(&again, &lab->how, sizeof again);
    assert_int_equal(fc_proc_signal(lab->proc, SIGHUP), -1);
}

static void death_by_a_signal(void **state)
{
    run(*state, SH("kill -9 $$"));
    assert_how(*state, -1, SIGKILL, false);
}

static void standard_input_is_empty(void **state)
{
    run(*state, SH("cat; echo $?; readlink /proc/self/fd/0"));
    assert_output(*state, "0\n/dev/null\n", "");
}

static void environment_and_folder(void **state)
{
    struct lab *lab = *state;
    const char *const env[] = {"PATH=/usr/bin:/bin", "A=1", "AB=2", "C=3", NULL}, *const add[] = {"A=9", "D=4", NULL};
    const struct fc_proc_spec spec = {
        .argv = SH("echo $A $AB $C $D; pwd"), .env = env, .env_add = add, .cwd = "/usr", .max_out = KEPT};

    assert_int_equal(fc_proc_run(&spec, LONG, &lab->proc, &lab->how, NULL), 0);
    assert_output(lab, "9 2 3 4\n/usr\n", "");
}

static void environment_of_the_caller(void **state)
{
    struct lab *lab = *state;
    const char *const add[] = {"FAKECA_TEST_B=2", NULL};
    const struct fc_proc_spec spec = {.argv = SH("echo $FAKECA_TEST_A$FAKECA_TEST_B"), .env_add = add, .max_out = KEPT};

    setenv("FAKECA_TEST_A", "1", 1);
    int rc = fc_proc_run(&spec, LONG, &lab->proc, &lab->how, NULL);
    unsetenv("FAKECA_TEST_A");
    assert_int_equal(rc, 0);
    assert_output(lab, "12\n", "");
}

static void what_is_too_much_is_dropped(void **state)
{
    struct lab *lab = *state;
    /* far more than a pipe holds: it must not wait for us for ever */
    const struct fc_proc_spec spec = {.argv = SH("yes 0123456 | head -n 100000; yes e | head -n 100000 >&2; exit 5"),
                                      .max_out = 1000};
    size_t len = 0;
    bool cut = false;

    assert_int_equal(fc_proc_run(&spec, LONG, &lab->proc, &lab->how, NULL), 0);
    assert_how(lab, 5, 0, false);
    const char *out = fc_proc_output(lab->proc, FC_PROC_OUT, &len, &cut);
    assert_int_equal(len, 1000);
    assert_int_equal(strlen(out), 1000);
    assert_int_equal(strncmp(out, "0123456\n0123456\n", 16), 0);
    assert_true(cut);
    assert_string_equal(fc_proc_output(lab->proc, FC_PROC_ERR, &len, &cut), "");
    assert_int_equal(len, 0);
    assert_true(cut);
}

static void merged_output_keeps_its_order(void **state)
{
    struct lab *lab = *state;
    const struct fc_proc_spec spec = {
        .argv = SH("echo 1; echo 2 >&2; echo 3"), .max_out = KEPT, .max_err = KEPT, .merge = true};

    assert_int_equal(fc_proc_run(&spec, LONG, &lab->proc, &lab->how, NULL), 0);
    assert_output(lab, "1\n2\n3\n", "");
}

static void signals_are_as_for_a_new_program(void **state)
{
    struct lab *lab = *state;
    struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
    sigset_t term, mask;

    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigaction(SIGPIPE, &ignore, &before);
    pthread_sigmask(SIG_BLOCK, &term, &mask);
    const struct fc_proc_spec piped = {.argv = SH("kill -PIPE $$; exit 0")}, blocked = {.argv = SH("kill $$; exit 0")};
    int rc = fc_proc_run(&piped, LONG, &lab->proc, &lab->how, NULL);
    struct fc_proc *second = NULL;
    struct fc_proc_exit how = {0};
    int rc2 = fc_proc_run(&blocked, LONG, &second, &how, NULL);
    fc_proc_free(second);
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
    sigaction(SIGPIPE, &before, NULL);
    assert_int_equal(rc, 0);
    assert_how(lab, -1, SIGPIPE, false);
    assert_int_equal(rc2, 0);
    assert_int_equal(how.signal, SIGTERM);
}

/* A service without standard streams gets descriptors 0 to 2 for its pipes. */
static void a_caller_without_streams(void **state)
{
    struct lab *lab = *state;
    const struct fc_proc_spec spec = {.argv = SH("cat; echo out; echo err >&2"), .max_out = KEPT, .max_err = KEPT};
    int saved[3];

    for (int i = 0; i < 3; i++)
        saved[i] = fcntl(i, F_DUPFD_CLOEXEC, 10);
    for (int i = 0; i < 3; i++)
        close(i);
    int rc = fc_proc_run(&spec, LONG, &lab->proc, &lab->how, &lab->err);
    for (int i = 0; i < 3; i++) {
        dup2(saved[i], i);
        close(saved[i]);
    }
    assert_int_equal(rc, 0);
    assert_how(lab, 0, 0, false);
    assert_output(lab, "out\n", "err\n");
}

/* ---- what cannot start ---- */

static void what_cannot_start(void **state)
{
    struct lab *lab = *state;
    static const char *const nothing[] = {"/nonexistent/program", NULL}, *const unknown[] = {"fakeca-no-such", NULL},
                             *const data[] = {"/etc/passwd", NULL}, *const sh[] = {"sh", NULL};
    const struct {
        struct fc_proc_spec spec;
        enum fc_err_code code;
        const char *text;
    } rows[] = {
        {{.argv = nothing}, FC_E_NOT_FOUND, "there is no program '/nonexistent/program'"},
        {{.argv = unknown}, FC_E_NOT_FOUND, "there is no program 'fakeca-no-such'"},
        {{.argv = data}, FC_E_SYSTEM, "cannot start '/etc/passwd': Permission denied"},
        {{.argv = sh, .cwd = "/nonexistent"},
         FC_E_SYSTEM,
         "cannot start 'sh' in '/nonexistent': No such file or directory"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fc_err_clear(&lab->err);
        assert_int_equal(fc_proc_start(&rows[i].spec, &lab->proc, &lab->err), -1);
        assert_null(lab->proc);
        assert_int_equal(lab->err.code, rows[i].code);
        assert_string_equal(lab->err.text, rows[i].text);
        assert_int_equal(fc_proc_run(&rows[i].spec, LONG, &lab->proc, &lab->how, NULL), -1);
    }
    /* nor does a trace of the tries stay */
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

/* ---- deadlines and groups ---- */

static void the_deadline_kills_the_whole_group(void **state)
{
    struct lab *lab = *state;
    int64_t before = fc_clock_mono();

    start_watched(lab, SH("sleep 1000 & sh -c 'sleep 1000' & echo going; wait"), false);
    await(lab, "going");
    assert_false(all_gone(lab, 0));
    fc_proc_wait(lab->proc, fc_clock_mono() + 50 * FC_MS, &lab->how);
    assert_how(lab, -1, SIGKILL, true);
    assert_true(all_gone(lab, 30000));
    assert_true(fc_clock_mono() - before < LONG);
    assert_output(lab, "going\n", "");
}

static void a_deadline_that_has_passed(void **state)
{
    start(*state, SH("sleep 1000"));
    fc_proc_wait(((struct lab *)*state)->proc, 0, &((struct lab *)*state)->how);
    assert_how(*state, -1, SIGKILL, true);
}

static void what_it_leaves_behind_goes_too(void **state)
{
    struct lab *lab = *state;

    start_watched(lab, SH("sleep 1000 & exit 4"), false);
    fc_proc_wait(lab->proc, SOON, &lab->how);
    assert_how(lab, 4, 0, false);
    assert_true(all_gone(lab, 30000));
}

static void or_stays_when_asked(void **state)
{
    struct lab *lab = *state;
    pid_t left;

    start_watched(lab, SH("sleep 1000 & echo $!; exit 4"), true);
    fc_proc_wait(lab->proc, SOON, &lab->how);
    assert_how(lab, 4, 0, false);
    bool gone = all_gone(lab, 0);
    left = (pid_t)strtol(fc_proc_output(lab->proc, FC_PROC_OUT, NULL, NULL), NULL, 10);
    assert_true(left > 1);
    kill(left, SIGKILL);
    assert_false(gone);
    assert_true(all_gone(lab, 30000));
}

static void no_zombies(void **state)
{
    struct lab *lab = *state;
    pid_t pid;

    run(lab, SH("exit 0"));
    pid = fc_proc_pid(lab->proc);
    assert_int_equal(waitpid(pid, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    fc_proc_free(FC_TAKE(lab->proc));
    start_watched(lab, SH("sleep 1000 & wait"), false);
    pid = fc_proc_pid(lab->proc);
    assert_true(fc_proc_running(lab->proc));
    fc_proc_free(FC_TAKE(lab->proc));
    assert_int_equal(waitpid(pid, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    assert_true(all_gone(lab, 30000));
    fc_proc_free(NULL);
}

static void several_at_a_time(void **state)
{
    struct fc_proc *procs[8];
    struct fc_proc_exit how[8];
    const struct fc_proc_spec spec = {.argv = SH("echo x; exit 6"), .max_out = KEPT};
    bool good = true;
    (void)state;

    for (size_t i = 0; i < 8; i++)
        assert_int_equal(fc_proc_start(&spec, &procs[i], NULL), 0);
    for (size_t i = 0; i < 8; i++) {
        fc_proc_wait(procs[7 - i], SOON, &how[i]);
        good = good && how[i].code == 6 && strcmp(fc_proc_output(procs[7 - i], FC_PROC_OUT, NULL, NULL), "x\n") == 0;
    }
    for (size_t i = 0; i < 8; i++)
        fc_proc_free(procs[i]);
    assert_true(good);
}

/* ---- services ---- */

static void lines_one_after_the_other(void **state)
{
    struct lab *lab = *state;
    const char *line = NULL;

    start(lab, SH("echo starting; echo ready on 1; echo; echo ready on 2; echo other >&2; exec sleep 1000"));
    assert_int_equal(fc_proc_await(lab->proc, FC_PROC_OUT, "ready", SOON, &line, NULL), 0);
    assert_string_equal(line, "ready on 1");
    assert_int_equal(fc_proc_await(lab->proc, FC_PROC_OUT, "ready", SOON, &line, NULL), 0);
    assert_string_equal(line, "ready on 2");
    /* each stream has lines of its own */
    assert_int_equal(fc_proc_await(lab->proc, FC_PROC_ERR, "other", SOON, &line, NULL), 0);
    assert_string_equal(line, "other");
    /* what was passed does not come again */
    assert_int_equal(fc_proc_await(lab->proc, FC_PROC_OUT, "ready", fc_clock_mono() + 30 * FC_MS, &line, &lab->err),
                     -1);
    assert_int_equal(lab->err.code, FC_E_AGAIN);
    assert_string_equal(lab->err.text, "'sh' did not say 'ready' in time; its last line: 'ready on 2'");
    assert_true(fc_proc_running(lab->proc));
    fc_proc_stop(lab->proc, LONG, &lab->how);
    assert_how(lab, -1, SIGTERM, false);
}

static void it_ends_before_it_speaks(void **state)
{
    struct lab *lab = *state;

    start(lab, SH("echo 'address in use' >&2; exit 3"));
    assert_int_equal(fc_proc_await(lab->proc, FC_PROC_OUT, "ready", SOON, NULL, &lab->err), -1);
    assert_int_equal(lab->err.code, FC_E_NOT_FOUND);
    assert_string_equal(lab->err.text,
                        "'sh' ended (exit code 3) and did not say 'ready'; its last line: 'address in use'");
}

static void the_last_line_needs_no_newline(void **state)
{
    struct lab *lab = *state;
    const char *line = NULL;

    start(lab, SH("printf 'a\\nready'"));
    assert_int_equal(fc_proc_await(lab->proc, FC_PROC_OUT, "ready", SOON, &line, NULL), 0);
    assert_string_equal(line, "ready");
}

static void it_speaks_too_much_or_no_more(void **state)
{
    struct lab *lab = *state;
    const struct fc_proc_spec much = {.argv = SH("while :; do echo no; done"), .max_out = 100};

    assert_int_equal(fc_proc_start(&much, &lab->proc, NULL), 0);
    assert_int_equal(fc_proc_await(lab->proc, FC_PROC_OUT, "ready", SOON, NULL, &lab->err), -1);
    assert_int_equal(lab->err.code, FC_E_NOT_FOUND);
    assert_string_equal(lab->err.text, "'sh' did not say 'ready' in its first 100 bytes");
    fc_proc_free(FC_TAKE(lab->proc));
    fc_err_clear(&lab->err);
    start(lab, SH("exec >&- 2>&-; exec sleep 1000"));
    assert_int_equal(fc_proc_await(lab->proc, FC_PROC_OUT, "ready", SOON, NULL, &lab->err), -1);
    assert_int_equal(lab->err.code, FC_E_NOT_FOUND);
    assert_string_equal(lab->err.text, "'sh' closed its output and did not say 'ready'");
    assert_true(fc_proc_running(lab->proc));
}

static void a_graceful_end(void **state)
{
    struct lab *lab = *state;

    start(lab, SH("trap 'echo bye; exit 7' TERM; sleep 1000 & echo armed; wait"));
    await(lab, "armed");
    fc_proc_stop(lab->proc, LONG, &lab->how);
    assert_how(lab, 7, 0, false);
    assert_output(lab, "armed\nbye\n", "");
}

static void a_stubborn_one_is_killed(void **state)
{
    struct lab *lab = *state;

    start_watched(lab, SH("trap '' TERM; echo armed; while :; do sleep 1000; done"), false);
    await(lab, "armed");
    fc_proc_stop(lab->proc, 50 * FC_MS, &lab->how);
    assert_how(lab, -1, SIGKILL, true);
    assert_true(all_gone(lab, 30000));
}

static void a_stopped_one_ends(void **state)
{
    struct lab *lab = *state;

    start(lab, SH("echo armed; kill -STOP $$; sleep 1000"));
    await(lab, "armed");
    fc_proc_stop(lab->proc, LONG, &lab->how);
    assert_how(lab, -1, SIGTERM, false);
}

static void signals_to_the_process(void **state)
{
    struct lab *lab = *state;

    start(lab, SH("trap 'echo reloaded' HUP; sleep 1000 & echo armed; while :; do wait; done"));
    await(lab, "armed");
    assert_int_equal(fc_proc_signal(lab->proc, SIGHUP), 0);
    await(lab, "reloaded");
    assert_true(fc_proc_running(lab->proc));
}

static void exit_texts(void **state)
{
    static const struct {
        struct fc_proc_exit how;
        const char *text;
    } rows[] = {
        {{.code = 0}, "exit code 0"},
        {{.code = 3}, "exit code 3"},
        {{.code = -1, .signal = SIGKILL, .timed_out = true}, "out of time, signal 9 (SIGKILL)"},
        {{.code = -1, .signal = SIGTERM}, "signal 15 (SIGTERM)"},
        {{.code = 7, .timed_out = true}, "out of time, exit code 7"},
    };
    char buf[FC_PROC_EXIT_TEXT_MAX];
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(fc_proc_exit_text(&rows[i].how, buf), rows[i].text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(output_and_exit_code),
        TEST(death_by_a_signal),
        TEST(standard_input_is_empty),
        TEST(environment_and_folder),
        TEST(environment_of_the_caller),
        TEST(what_is_too_much_is_dropped),
        TEST(merged_output_keeps_its_order),
        TEST(signals_are_as_for_a_new_program),
        TEST(a_caller_without_streams),
        TEST(what_cannot_start),
        TEST(the_deadline_kills_the_whole_group),
        TEST(a_deadline_that_has_passed),
        TEST(what_it_leaves_behind_goes_too),
        TEST(or_stays_when_asked),
        TEST(no_zombies),
        TEST(several_at_a_time),
        TEST(lines_one_after_the_other),
        TEST(it_ends_before_it_speaks),
        TEST(the_last_line_needs_no_newline),
        TEST(it_speaks_too_much_or_no_more),
        TEST(a_graceful_end),
        TEST(a_stubborn_one_is_killed),
        TEST(a_stopped_one_ends),
        TEST(signals_to_the_process),
        TEST(exit_texts),
    };
    RUN(tests);
}
