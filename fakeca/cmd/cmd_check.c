/* fakeca check: the examiner is a program of its own, found beside this one; it takes the place of this process. */
#include "cmd/cmd.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/base_alloc.h"

static const char about[] =
    "Rehearses the life of a certificate setup against a CA of its own, on simulated time: first issue, restart,\n"
    "renewal, reload; tells with evidence and remedy what would fail in production. 'fakeca check --help'\n"
    "lists the options, 'fakeca check --list' the checks.\n"
    "\n"
    "examples:\n"
    "  fakeca check setup.json\n"
    "  fakeca check setup.json --explain\n"
    "  fakeca check setup.json --only reload-serves-new-cert --format text --format junit=report.xml\n";

static int run(const struct fc_cmd *self, int argc, char *const *argv)
{
    fc_auto_free char **words = fc_calloc((size_t)argc + 2, sizeof *words);
    char program[PATH_MAX + 8] = "";
    struct fc_err err = {0};

    ssize_t len = readlink("/proc/self/exe", program, PATH_MAX - 1);
    char *slash = len > 0 ? strrchr(program, '/') : NULL;
    if (!slash || (size_t)(slash - program) + sizeof "/fakeca-check" > sizeof program) {
        fc_err_errno(&err, "cannot find this program");
        return fc_cmd_fail(self, &err);
    }
    memcpy(slash, "/fakeca-check", sizeof "/fakeca-check");
    words[0] = program;
    for (int i = 0; i < argc; i++)
        words[i + 1] = argv[i];
    execv(program, words);
    fc_err_errno(&err, "cannot run '%s'", program);
    return fc_cmd_fail(self, &err);
}

const struct fc_cmd fc_cmd_check = {.name = "check",
                                    .synopsis = "[options] SETUP.json",
                                    .summary = "tell whether a certificate setup will survive production",
                                    .about = about,
                                    .run = run};
