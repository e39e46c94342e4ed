/* Where a running CA is found. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base_file.h"
#include "base/base_json.h"

#include "app/app_int.h"
#include "app/lib_app.h"
#include "cmocka_all.h"

static void write_run(const struct lib_app *t, const char *text)
{
    fc_auto_free char *path = lib_app_state_path(t, "run.json");

    assert_int_equal(fc_file_mkdirs(t->state, 0700, NULL), 0);
    assert_int_equal(fc_file_write(path, text, strlen(text), 0644, NULL), 0);
}

static void not_found(struct lib_app *t, enum fc_err_code code, const char *says)
{
    json_t *run = NULL;

    fc_err_clear(&t->err);
    int result = fc_app_find(t->state, &run, &t->err);
    json_decref(run);
    assert_int_equal(result, -1);
    if (!strstr(t->err.text, says))
        fail_msg("'%s' is not in: %s", says, t->err.text);
    assert_int_equal(t->err.code, code);
}

static void the_place_is_the_state_folder_or_the_users_own(void **state)
{
    struct lib_app *t = *state;
    fc_auto_free char *given = fc_app_place("here");
    fc_auto_free char *runtime = fc_app_place(NULL);
    fc_auto_free char *expected = lib_app_path(t, "fakeca");
    fc_auto_free char *in_tmp = fc_asprintf("/tmp/fakeca-%ld", (long)getuid());

    assert_string_equal(given, "here");
    assert_string_equal(runtime, expected);
    setenv("XDG_RUNTIME_DIR", "relative", 1);
    fc_auto_free char *relative = fc_app_place(NULL);
    assert_string_equal(relative, in_tmp);
    unsetenv("XDG_RUNTIME_DIR");
    fc_auto_free char *unset = fc_app_place(NULL);
    assert_string_equal(unset, in_tmp);
}

static void a_running_one_is_found(void **state)
{
    struct lib_app *t = *state;
    fc_auto_free char *text = fc_asprintf("{\"pid\": %ld, \"management\": \"http://localhost:1/\"}", (long)getpid());
    fc_auto_json run = NULL;

    write_run(t, text);
    assert_int_equal(fc_app_find(t->state, &run, NULL), 0);
    assert_string_equal(json_string_value(json_object_get(run, "management")), "http://localhost:1/");
}

static void a_default_place_that_may_be_somebody_elses(void **state)
{
    struct lib_app *t = *state;
    fc_auto_free char *place = lib_app_path(t, "fakeca");
    fc_auto_free char *link = lib_app_path(t, "link");
    fc_auto_free char *run = lib_app_path(t, "fakeca/run.json");
    fc_auto_free char *text = fc_asprintf("{\"pid\": %ld}", (long)getpid());
    fc_auto_json found = NULL;

    assert_int_equal(fc_file_mkdirs(place, 0700, NULL), 0);
    assert_int_equal(fc_file_write(run, text, strlen(text), 0644, NULL), 0);
    free(FC_TAKE(t->state));
    assert_int_equal(chmod(place, 0755), 0);
    not_found(t, FC_E_SYSTEM, "is open to others");
    assert_int_equal(chmod(place, 0700), 0);
    assert_int_equal(fc_app_find(NULL, &found, NULL), 0);
    assert_int_equal(rename(place, link), 0);
    assert_int_equal(symlink(link, place), 0);
    not_found(t, FC_E_SYSTEM, "is not a folder");
}

static void none_says_how_to_start_one(void **state)
{
    struct lib_app *t = *state;

    not_found(t, FC_E_NOT_FOUND, "start one with 'fakeca serve --state ");
}

static void one_that_died_does_not_count(void **state)
{
    struct lib_app *t = *state;
    pid_t child = fork();

    if (child == 0)
        _exit(0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    fc_auto_free char *text = fc_asprintf("{\"pid\": %ld}", (long)child);
    write_run(t, text);
    not_found(t, FC_E_NOT_FOUND, "is gone without a clean stop");
}

static void a_file_that_is_no_run_json(void **state)
{
    struct lib_app *t = *state;

    write_run(t, "{\"pid\":");
    not_found(t, FC_E_DAMAGED, "run.json' is damaged");
    write_run(t, "[1]");
    not_found(t, FC_E_DAMAGED, "run.json' is damaged");
    write_run(t, "");
    not_found(t, FC_E_DAMAGED, "run.json' is damaged");
    write_run(t, "{\"pid\": \"7\"}");
    not_found(t, FC_E_DAMAGED, "run.json' is damaged");
}

static char *folder_of(const struct lib_app *t, long pid, bool made)
{
    fc_auto_free char *name = fc_asprintf("fakeca/%ld", pid);
    fc_auto_free char *inside = fc_asprintf("fakeca/%ld/ca.pem", pid);
    fc_auto_free char *file = lib_app_path(t, inside);
    char *folder = lib_app_path(t, name);

    if (made) {
        assert_int_equal(fc_file_mkdirs(folder, 0700, NULL), 0);
        assert_int_equal(fc_file_write(file, "x", 1, 0644, NULL), 0);
    }
    return folder;
}

static void folders_of_killed_processes_are_removed(void **state)
{
    struct lib_app *t = *state;
    fc_auto_free char *place = NULL;
    fc_auto_free char *beside = NULL;
    pid_t child = fork();
    int fd;

    if (child == 0)
        _exit(0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    fc_auto_free char *usual = lib_app_path(t, "fakeca");
    assert_int_equal(fc_file_mkdirs(usual, 0700, NULL), 0);
    fc_auto_free char *gone = folder_of(t, child, true);
    fc_auto_free char *runs = folder_of(t, getppid(), true);
    /* another machine's process may share the folder, and its number be nobody's here */
    fc_auto_free char *elsewhere = folder_of(t, INT32_MAX, true);
    fc_auto_free char *clock = fc_asprintf("%s/clock", elsewhere);
    fc_auto_free char *other = lib_app_path(t, "fakeca/7x");
    assert_int_equal(fc_file_mkdirs(other, 0700, NULL), 0);
    assert_int_equal(fc_file_lock(clock, &fd, NULL), 0);
    t->config.state = NULL;
    assert_int_equal(fc_app_place_make(&t->config, &place, NULL), 0);
    assert_int_equal(fc_app_place_beside(place, &beside, NULL), 0);
    fc_auto_free char *own = folder_of(t, getpid(), false);
    assert_string_equal(beside, own);
    assert_false(fc_file_exists(gone));
    assert_true(fc_file_exists(runs) && fc_file_exists(elsewhere) && fc_file_exists(other) && fc_file_exists(own));
    close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, lib_app_setup, lib_app_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_place_is_the_state_folder_or_the_users_own),
        TEST(a_running_one_is_found),
        TEST(a_default_place_that_may_be_somebody_elses),
        TEST(none_says_how_to_start_one),
        TEST(one_that_died_does_not_count),
        TEST(a_file_that_is_no_run_json),
        TEST(folders_of_killed_processes_are_removed),
    };
    RUN(tests);
}
