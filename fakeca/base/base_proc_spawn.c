#define _GNU_SOURCE /* pipe2, posix_spawn_file_actions_addchdir_np */
#include "base/base_proc_int.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void fc_proc_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static bool same_name(const char *a, const char *b)
{
    size_t len = strcspn(a, "=");

    return strncmp(a, b, len) == 0 && b[len] == '=';
}

static bool is_replaced(const char *entry, const char *const *by)
{
    for (; *by; by++) {
        if (same_name(entry, *by))
            return true;
    }
    return false;
}

/* A new vector of borrowed texts: base without what is replaced, then add. */
static char **environment(const char *const *base, const char *const *add)
{
    static const char *const none[] = {NULL};
    size_t n = 0, count = 0;

    if (!add)
        add = none;
    while (base[n])
        n++;
    for (const char *const *entry = add; *entry; entry++)
        n++;
    const char **vector = fc_calloc(n + 1, sizeof *vector);
    for (; *base; base++) {
        if (!is_replaced(*base, add))
            vector[count++] = *base;
    }
    for (; *add; add++)
        vector[count++] = *add;
    return (char **)(uintptr_t)vector;
}

/* In a group of its own, with no signal blocked or ignored, whatever the caller did to its own. */
static void fill_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none, all;

    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_init(attributes);
    posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setpgroup(attributes, 0);
    posix_spawnattr_setsigmask(attributes, &none);
    posix_spawnattr_setsigdefault(attributes, &all);
}

static void fill_actions(posix_spawn_file_actions_t *actions, const struct fc_proc_spec *spec, const int writers[2])
{
    posix_spawn_file_actions_init(actions);
    posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(actions, writers[0], 1);
    posix_spawn_file_actions_adddup2(actions, spec->merge ? writers[0] : writers[1], 2);
    if (spec->cwd)
        posix_spawn_file_actions_addchdir_np(actions, spec->cwd);
}

/* An errno value. */
static int spawn(const struct fc_proc_spec *spec, const int writers[2], pid_t *ret_pid)
{
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t actions;
    const char *const *base = spec->env ? spec->env : (const char *const *)(uintptr_t)environ;
    char **env = environment(base, spec->env_add);

    fill_attributes(&attributes);
    fill_actions(&actions, spec, writers);
    int failed = posix_spawnp(ret_pid, spec->argv[0], &actions, &attributes, (char *const *)(uintptr_t)spec->argv, env);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    free(env);
    return failed;
}

/* A pipe whose reading end does not block and whose both ends lie above 2, for 0 to 2 are what the child gets. */
static int open_pipe(int *ret_reader, int *ret_writer, struct fc_err *err)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0)
        return fc_err_errno(err, "cannot make a pipe");
    for (int i = 0; i < 2; i++) {
        if (ends[i] > 2)
            continue;
        int low = ends[i];
        ends[i] = fcntl(low, F_DUPFD_CLOEXEC, 3);
        close(low);
    }
    if (ends[0] < 0 || ends[1] < 0 || fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0) {
        fc_err_errno(err, "cannot make a pipe");
        fc_proc_close(&ends[0]);
        fc_proc_close(&ends[1]);
        return -1;
    }
    *ret_reader = ends[0];
    *ret_writer = ends[1];
    return 0;
}

static int start_error(const struct fc_proc_spec *spec, int failed, struct fc_err *err)
{
    if (spec->cwd && access(spec->cwd, X_OK) != 0)
        return fc_err_errno(err, "cannot start '%s' in '%s'", spec->argv[0], spec->cwd);
    errno = failed;
    if (failed == ENOENT)
        return fc_err_set(err, FC_E_NOT_FOUND, "there is no program '%s'", spec->argv[0]);
    return fc_err_errno(err, "cannot start '%s'", spec->argv[0]);
}

int fc_proc_spawn(const struct fc_proc_spec *spec, int ret_readers[2], pid_t *ret_pid, struct fc_err *err)
{
    int readers[2] = {-1, -1}, writers[2] = {-1, -1}, failed = -1;

    if (open_pipe(&readers[0], &writers[0], err) == 0 && open_pipe(&readers[1], &writers[1], err) == 0)
        failed = spawn(spec, writers, ret_pid);
    fc_proc_close(&writers[0]);
    fc_proc_close(&writers[1]);
    if (failed) {
        fc_proc_close(&readers[0]);
        fc_proc_close(&readers[1]);
        return failed > 0 ? start_error(spec, failed, err) : -1;
    }
    memcpy(ret_readers, readers, sizeof readers);
    return 0;
}
