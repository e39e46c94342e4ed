/* The launcher from within: where the clock is read by system calls (as on machines with hpet), nested runs, the probe, daemons. The
 * rest of it is tested with real programs, tests/e2e/run_*.sh. */
#include "timeshift/timeshift_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/base_clock.h"
#include "base/base_time.h"

#include "cmocka_all.h"

#define DAYS 60
#define OFFSET (DAYS * 86400)

struct state {
    char folder[32];
    char path[64];
    struct fc_clock *writer;
};

static int setup(void **state)
{
    struct state *s = fc_calloc(1, sizeof *s);

    memcpy(s->folder, "/tmp/fakeca-test-XXXXXX", 24);
    assert_non_null(mkdtemp(s->folder));
    snprintf(s->path, sizeof s->path, "%s/clock", s->folder);
    assert_int_equal(fc_clock_open(s->path, &s->writer, NULL), 0);
    assert_int_equal(fc_clock_advance(s->writer, DAYS * FC_DAY, NULL), 0);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct state *s = *state;

    fc_clock_free(s->writer);
    unlink(s->path);
    rmdir(s->folder);
    free(s);
    return 0;
}

/* The launcher in a process of its own, for it takes signals and streams: its exit code, and what the command printed. */
static int launch(const struct fc_timeshift_params *params, char *ret_text, size_t room)
{
    int ends[2], status;

    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        _exit(fc_timeshift_run(params));
    }
    close(ends[1]);
    size_t len = 0;
    for (ssize_t n; len + 1 < room && (n = read(ends[0], ret_text + len, room - 1 - len)) > 0;)
        len += (size_t)n;
    ret_text[len] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* Every line is a time, shifted once: not at all and twice are both wrong (T2). */
static void shifted_once(const char *clock_file, const char *clock_source, char *const *command)
{
    const struct fc_timeshift_params params = {
        .name = "test", .clock_file = clock_file, .command = command, .clock_source = clock_source};
    char text[1024];
    time_t before = time(NULL);
    int lines = 0;

    assert_int_equal(launch(&params, text, sizeof text), 0);
    for (const char *line = text; *line; line = strchr(line, '\n') + 1, lines++) {
        long at;
        assert_int_equal(sscanf(line, "%ld", &at), 1);
        assert_in_range(at, before + OFFSET - 1, time(NULL) + OFFSET + 1);
        assert_non_null(strchr(line, '\n'));
    }
    assert_int_equal(lines, 3);
}

static char *const three_dates[] = {(char[]){"sh"}, (char[]){"-c"}, (char[]){"date +%s; date +%s; busybox date +%s"},
                                    NULL};

static void shifted_once_with_a_fast_clock(void **state)
{
    const struct state *s = *state;

    shifted_once(s->path, "tsc", three_dates);
}

static void shifted_once_where_each_read_is_a_call(void **state)
{
    const struct state *s = *state;

    shifted_once(s->path, "hpet", three_dates);
}

static void clock_sources_are_known(void **state)
{
    (void)state;
    const char *name;

    assert_true(fc_timeshift_probe_clock_source("tsc", &name));
    assert_string_equal(name, "tsc");
    assert_true(fc_timeshift_probe_clock_source("kvm-clock", NULL));
    assert_false(fc_timeshift_probe_clock_source("hpet", NULL));
    assert_false(fc_timeshift_probe_clock_source("acpi_pm", NULL));
    /* without a name a child is asked: it must find what the name of this machine's source says */
    const char *unnamed = NULL;
    bool fast = fc_timeshift_probe_clock_source("", &unnamed);
    assert_string_equal(unnamed, "unknown");
    assert_int_equal(fast, fc_timeshift_probe_clock_source(NULL, NULL));
}

static void the_probe_finds_this_machine_able(void **state)
{
    (void)state;
    struct fc_err err = {0};

    if (fc_timeshift_probe(&err))
        fail_msg("%s", err.text);
}

static void a_mark_of_another_clock_is_seen(void **state)
{
    const struct state *s = *state;
    struct stat st;
    char mark[96];

    unsetenv("FAKECA_RUN");
    assert_int_equal(fc_timeshift_nested(s->path), FC_TIMESHIFT_OUTSIDE);
    assert_int_equal(stat(s->path, &st), 0);
    snprintf(mark, sizeof mark, "1:%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
    setenv("FAKECA_RUN", mark, 1);
    assert_int_equal(fc_timeshift_nested(s->path), FC_TIMESHIFT_SAME_CLOCK);
    assert_int_equal(fc_timeshift_nested("/dev/null"), FC_TIMESHIFT_OTHER_CLOCK);
    setenv("FAKECA_RUN", "nonsense", 1);
    assert_int_equal(fc_timeshift_nested(s->path), FC_TIMESHIFT_OUTSIDE);
    unsetenv("FAKECA_RUN");
}

static void commands_that_only_ask_a_daemon_are_known(void **state)
{
    (void)state;
    assert_non_null(fc_timeshift_explain_daemon("docker"));
    assert_non_null(fc_timeshift_explain_daemon("/usr/bin/systemctl"));
    assert_null(fc_timeshift_explain_daemon("certbot"));
    assert_null(fc_timeshift_explain_daemon("/opt/docker/run.sh"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(shifted_once_with_a_fast_clock),      TEST(shifted_once_where_each_read_is_a_call),
        cmocka_unit_test(clock_sources_are_known), cmocka_unit_test(the_probe_finds_this_machine_able),
        TEST(a_mark_of_another_clock_is_seen),     cmocka_unit_test(commands_that_only_ask_a_daemon_are_known),
    };
    RUN(tests);
}
