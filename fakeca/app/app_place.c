/* Where a running CA is found: the place (a folder) and its run.json. */
#include "app/app.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base_file.h"
#include "base/base_json.h"
#include "base/base_text.h"

#include "app/app_int.h"

#define RUN_MAX 65536

char *fc_app_place(const char *state)
{
    if (state)
        return fc_strdup(state);
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    if (runtime && runtime[0] == '/' && access(runtime, W_OK) == 0)
        return fc_asprintf("%s/fakeca", runtime);
    return fc_asprintf("/tmp/fakeca-%ld", (long)getuid());
}

static json_int_t pid_of(const json_t *run)
{
    return json_integer_value(json_object_get(run, "pid"));
}

static int read_run(const char *path, json_t **ret_run, struct fc_err *err)
{
    fc_auto_free char *text = NULL;
    fc_auto_json run = NULL;
    struct fc_err cause = {0};
    size_t len;

    if (fc_file_read(path, RUN_MAX, &text, &len, err))
        return -1;
    if (fc_json_parse(text, len, &run, &cause))
        return fc_err_set(err, FC_E_DAMAGED, "'%s' is damaged: %s", path, cause.text);
    if (pid_of(run) <= 0 || pid_of(run) > INT32_MAX)
        return fc_err_set(err, FC_E_DAMAGED, "'%s' is damaged: it holds no 'pid'", path);
    *ret_run = FC_TAKE(run);
    return 0;
}

static bool alive(const json_t *run)
{
    return kill((pid_t)pid_of(run), 0) == 0 || errno == EPERM;
}

int fc_app_find(const char *state, json_t **ret_run, struct fc_err *err)
{
    fc_auto_free char *place = fc_app_place(state);
    fc_auto_free char *path = fc_asprintf("%s/run.json", place);
    fc_auto_json run = NULL;

    if (!fc_file_exists(path))
        return fc_err_set(err, FC_E_NOT_FOUND,
                          "no fakeca is running at '%s' (start one with 'fakeca serve%s%s', or name another place with "
                          "--state DIR or --management URL)",
                          place, state ? " --state " : "", state ? state : "");
    /* anybody can make the folder in /tmp first: what it says would make clients trust that person's CA */
    if (!state && fc_file_private_check(place, err))
        return -1;
    if (read_run(path, &run, err))
        return -1;
    if (!alive(run))
        return fc_err_set(
            err, FC_E_NOT_FOUND,
            "the fakeca of '%s' (pid %lld) is gone without a clean stop: start it again with 'fakeca serve%s%s'", place,
            (long long)pid_of(run), state ? " --state " : "", state ? state : "");
    *ret_run = FC_TAKE(run);
    return 0;
}

/* Whether the folder is that of a process that is gone, wherever its number is somebody's: the clock file is locked while it runs. */
static bool left(const char *clock, const char *name)
{
    int64_t pid;
    int fd;

    if (fc_text_int(name, 1, INT32_MAX, &pid, NULL) || kill((pid_t)pid, 0) == 0 || errno != ESRCH ||
        fc_file_lock(clock, &fd, NULL))
        return false;
    close(fd);
    return true;
}

/* Whoever ends a CA by SIGKILL leaves its folder: test suites do it all the time. */
static void sweep(const char *place)
{
    static const char *const files[] = {"ca.pem", "trust.pem", "run.json", "clock"};
    DIR *dir = opendir(place);

    for (const struct dirent *entry; dir && (entry = readdir(dir)) != NULL;) {
        fc_auto_free char *folder = fc_asprintf("%s/%s", place, entry->d_name);
        fc_auto_free char *clock = fc_asprintf("%s/clock", folder);
        if (!left(clock, entry->d_name))
            continue;
        for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
            fc_auto_free char *file = fc_asprintf("%s/%s", folder, files[i]);
            unlink(file);
        }
        rmdir(folder);
    }
    if (dir)
        closedir(dir);
}

int fc_app_place_make(const struct fc_app_config *config, char **ret_place, struct fc_err *err)
{
    fc_auto_free char *place = fc_app_place(config->state);

    if (config->state ? fc_file_mkdirs(place, 0700, err) : fc_file_private_dir(place, err))
        return -1;
    /* other programs run elsewhere: what run.json and the environment name must be absolute */
    char *absolute = realpath(place, NULL);
    if (!absolute)
        return fc_err_errno(err, "cannot use '%s'", place);
    if (!config->state)
        sweep(absolute);
    *ret_place = absolute;
    return 0;
}

int fc_app_place_beside(const char *place, char **ret_place, struct fc_err *err)
{
    fc_auto_free char *beside = fc_asprintf("%s/%ld", place, (long)getpid());

    if (fc_file_private_dir(beside, err))
        return -1;
    *ret_place = FC_TAKE(beside);
    return 0;
}
