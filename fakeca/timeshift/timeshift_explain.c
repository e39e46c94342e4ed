/* What the launcher would do with a command: which clock each of its programs sees, and by which method. */
#include "timeshift/timeshift_int.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/base_alloc.h"
#include "base/base_time.h"

#define DEPTH_MAX 5 /* the kernel follows as many interpreters */

/* ---- commands that only ask somebody else to run something */

static const struct {
    const char *name, *advice;
    bool not_root; /* root has nothing to gain by it */
} daemons[] = {
    {"docker",
     "starts its container outside this run: not shifted; put fakeca-run --clock-file into the container instead",
     false},
    {"podman", "may start its container outside this run; put fakeca-run --clock-file into the container instead",
     false},
    {"kubectl",
     "runs its program on another machine: not shifted; put fakeca-run --clock-file into the container instead", false},
    {"systemctl", "asks systemd to start its unit: not shifted; put fakeca run into the unit's ExecStart instead",
     false},
    {"systemd-run", "asks systemd to run the command: not shifted; use fakeca run on the command itself", false},
    {"service", "may ask systemd to start the service: not shifted; use fakeca run on the server itself", false},
    {"ssh", "runs its command on another machine: not shifted; put fakeca-run there, with the clock file", false},
    {"at", "leaves its command to the machine's atd: not shifted", false},
    {"crontab", "leaves its commands to the machine's cron: not shifted; run 'cron -f' under fakeca run instead",
     false},
    {"sudo", "cannot gain rights under a shifted clock; start fakeca run itself as root instead", true},
    {"su", "cannot gain rights under a shifted clock; start fakeca run itself as root instead", true},
};

const char *fc_timeshift_explain_daemon(const char *command)
{
    const char *slash = strrchr(command, '/');

    for (size_t i = 0; i < sizeof daemons / sizeof *daemons; i++)
        if (strcmp(daemons[i].name, slash ? slash + 1 : command) == 0 && !(daemons[i].not_root && geteuid() == 0))
            return daemons[i].advice;
    return NULL;
}

/* ---- clock and machine */

static void print_clock(const char *path, const struct fc_clock_page *page)
{
    static const char *const states[] = {"never used", "running", "ended"};
    struct fc_clock_now_slot slot;
    char text[FC_TIME_TEXT_MAX];
    uint32_t state = (uint32_t)fc_timeshift_clock_state(page);

    fc_clock_slot_read(page, &slot);
    fc_duration_text(slot.wall_sec * FC_SECOND, text);
    printf("%-11s %s  version %" PRIu32 "  %s%s  %s   (CA pid %" PRIu64 ", %s)\n", "clock", path, page->version,
           slot.wall_sec >= 0 ? "+" : "", text, slot.mode == FC_CLOCK_FROZEN ? "frozen" : "follow", page->writer_pid,
           state <= FC_CLOCK_ENDED ? states[state] : "?");
}

static int print_system(const struct fc_timeshift_params *params)
{
    struct utsname system;
    struct fc_err err = {0};
    const char *source;
    bool fast = fc_timeshift_probe_clock_source(params->clock_source, &source);

    uname(&system);
    int failed = fc_timeshift_probe(&err);
    printf("%-11s Linux %s %s, clock source %s%s, ", "system", system.release, system.machine, source,
           fast ? "" : " (each read is a system call)");
    if (failed)
        printf("cannot run: %s\n", err.text);
    else
        printf("notifications yes, ptrace yes\n");
    return failed;
}

/* ---- programs */

char *fc_timeshift_explain_find(const char *name)
{
    const char *path = getenv("PATH");

    if (strchr(name, '/'))
        return access(name, X_OK) == 0 ? fc_strdup(name) : NULL;
    for (path = path ? path : "/bin:/usr/bin"; *path;) {
        size_t len = strcspn(path, ":");
        fc_auto_free char *file = fc_asprintf("%.*s%s%s", (int)len, path, len ? "/" : "", name);
        struct stat st;
        if (access(file, X_OK) == 0 && stat(file, &st) == 0 && S_ISREG(st.st_mode))
            return FC_TAKE(file);
        path += len + (path[len] == ':');
    }
    return NULL;
}

static const char *rights(const struct fc_timeshift_program *program)
{
    if (program->setuid && program->owner != geteuid())
        return "shifted, rights dropped (setuid)";
    if (program->setgid && program->group != getegid())
        return "shifted, rights dropped (setgid)";
    if (program->capabilities && geteuid() != 0)
        return "shifted, rights dropped (file capabilities)";
    return NULL;
}

static const char *method(const struct fc_timeshift_program *program)
{
    const char *dropped = rights(program);

    if (dropped)
        return dropped;
    if (program->fakeca)
        return "true clock (fakeca adds the offset itself)";
    if (program->kind == FC_TIMESHIFT_ELF32)
        return "notify (32-bit)";
    if (program->kind == FC_TIMESHIFT_ELF64 && program->native)
        return "image";
    return "as the program that runs it (binfmt)";
}

const char *fc_timeshift_explain_failure(const char *command, int error, char buf[FC_TIMESHIFT_WHY_MAX])
{
    fc_auto_free char *file = fc_timeshift_explain_find(command);
    struct fc_timeshift_program program = {0};
    struct stat st;

    snprintf(buf, FC_TIMESHIFT_WHY_MAX, "%s", strerror(error));
    if (!file) {
        if (error == ENOENT && !strchr(command, '/'))
            snprintf(buf, FC_TIMESHIFT_WHY_MAX, "not found");
        return buf;
    }
    if (stat(file, &st) == 0 && S_ISDIR(st.st_mode))
        snprintf(buf, FC_TIMESHIFT_WHY_MAX, "is a folder");
    /* the kernel says "no such file" of a file that is there: it means the one that this one names */
    int fd = error == ENOENT ? open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK) : -1;
    if (fd >= 0 && fc_timeshift_elf_inspect(fd, &program) == 0 && program.interpreter[0])
        snprintf(buf, FC_TIMESHIFT_WHY_MAX, "its %s '%s' is missing",
                 program.kind == FC_TIMESHIFT_SCRIPT ? "interpreter" : "loader", program.interpreter);
    if (fd >= 0)
        close(fd);
    return buf;
}

static void print_file(const char *path, int depth)
{
    struct fc_timeshift_program program;
    char real[4096];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd < 0 || fc_timeshift_elf_inspect(fd, &program) != 0) {
        printf("%-27s cannot be read (%s): image, as far as can be seen\n", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return;
    }
    close(fd);
    if (program.kind == FC_TIMESHIFT_SCRIPT) {
        printf("%-27s script, #!%s\n", path, program.interpreter);
        if (depth < DEPTH_MAX && *program.interpreter)
            print_file(program.interpreter, depth + 1);
        return;
    }
    printf("%-27s %s %s   %s\n", realpath(path, real) ? real : path,
           program.kind == FC_TIMESHIFT_ELF64   ? "ELF64"
           : program.kind == FC_TIMESHIFT_ELF32 ? "ELF32"
                                                : "unknown",
           program.kind == FC_TIMESHIFT_UNKNOWN ? "format"
           : program.dynamic                    ? "dynamic"
                                                : "static",
           method(&program));
}

static void print_policy(const struct fc_timeshift_params *params)
{
    printf("%-11s wall clock shifted, monotonic %s, sleepers %s at a skip\n", "policy",
           params->monotonic ? "shifted too" : "real (--monotonic shifts it)",
           params->no_wake ? "left asleep" : "woken");
    if (params->hosts)
        printf("%-11s /etc/hosts is answered with the names that the CA knows at that moment; no wildcards; not for "
               "programs that ask nscd or systemd-resolved\n",
               "names");
}

int fc_timeshift_explain(const struct fc_timeshift_params *params)
{
    struct fc_timeshift_clock clock = {.fd = -1};
    struct fc_err err = {0};

    if (!params->command || !params->command[0] || !params->clock_file ||
        fc_timeshift_clock_open(params->clock_file, &clock, &err)) {
        fprintf(stderr, "%s: %s\n", params->name, err.code ? err.text : "needs a command and a clock file");
        return FC_TIMESHIFT_FAILED;
    }
    print_clock(params->clock_file, clock.page);
    print_policy(params);
    int failed = print_system(params);
    fc_timeshift_clock_close(&clock);
    const char *advice = fc_timeshift_explain_daemon(params->command[0]);
    if (advice)
        printf("%-27s %s\n", params->command[0], advice);
    fc_auto_free char *file = fc_timeshift_explain_find(params->command[0]);
    if (file)
        print_file(file, 0);
    else
        printf("%-27s not found\n", params->command[0]);
    printf("children                    as each is started; 32-bit ones by notification\n"
           "not shifted                 file times, /proc/uptime, process start times, rdtsc, programs that are not "
           "children "
           "(docker, systemd, cron of the machine)\n");
    return failed ? FC_TIMESHIFT_FAILED : file ? 0 : FC_TIMESHIFT_NOT_FOUND;
}
