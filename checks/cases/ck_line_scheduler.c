/* Whether something runs the renewal line: "scheduler" of the description is looked up where it says. */
#include <stdio.h>
#include <string.h>

#include "base/base_proc.h"
#include "base/base_text.h"
#include "base/base_time.h"
#include "cases/ck_line.h"

#define ASK_TIME (10 * FC_SECOND)

struct said {
    char *text;
    size_t room;
};

static int say(const struct said *said, int found, const char *before, const char *name, const char *after)
{
    snprintf(said->text, said->room, "%s%s%s", before, name, after);
    return found;
}

int ck_line_scheduler_read(const struct ck_line_scheduler_answer *answer, char *ret_said, size_t room)
{
    const char *name = strchr(answer->scheduler, ':') + 1, *output = answer->output;
    const struct said said = {ret_said, room};

    if (fc_text_starts(answer->scheduler, "cron:")) {
        if (answer->code != 0)
            return say(&said, -1, "", name, " has no crontab");
        if (strstr(output, answer->renew))
            return say(&said, 1, "the crontab of ", name, " has the line");
        return say(&said, -1, "the crontab of ", name, " does not have the line");
    }
    if (fc_text_starts(answer->scheduler, "systemd:")) {
        if (strstr(output, "disabled") || strstr(output, "masked"))
            return say(&said, -1, "the unit ", name, " is disabled");
        if (strstr(output, "No such file") || strstr(output, "not-found"))
            return say(&said, -1, "there is no unit ", name, "");
        if (answer->code == 0)
            return say(&said, 1, "the unit ", name, " is enabled");
        return say(&said, 0, "systemd could not be asked about ", name, "");
    }
    if (answer->code != 0)
        return say(&said, strstr(output, "No such") ? -1 : 0, "the container ", name, " was not found");
    if (fc_text_starts(output, "true"))
        return say(&said, 1, "the container ", name, " runs");
    return say(&said, -1, "the container ", name, " does not run");
}

void ck_line_scheduler(struct ck_line *line)
{
    const struct ck_setup *setup = line->setup;
    const char *name = setup->scheduler ? strchr(setup->scheduler, ':') + 1 : NULL;
    const char *engine = setup->container_engine ? setup->container_engine : "docker";
    const char *const cron[] = {"crontab", "-u", name, "-l", NULL};
    const char *const systemd[] = {"systemctl", "is-enabled", name, NULL};
    const char *const container[] = {engine, "inspect", "-f", "{{.State.Running}}", name, NULL};
    struct fc_proc_spec spec = {.argv = container, .max_out = 65536, .merge = true};
    fc_auto(fc_proc_free) struct fc_proc *proc = NULL;
    struct fc_proc_exit how;

    if (!setup->scheduler || !setup->run.renew)
        return;
    if (fc_text_starts(setup->scheduler, "cron:"))
        spec.argv = cron;
    else if (fc_text_starts(setup->scheduler, "systemd:"))
        spec.argv = systemd;
    if (fc_proc_run(&spec, ASK_TIME, &proc, &how, NULL)) {
        snprintf(line->scheduler_said, sizeof line->scheduler_said, "there is no program '%s' to ask", spec.argv[0]);
        return;
    }
    const struct ck_line_scheduler_answer answer = {setup->scheduler, setup->run.renew, how.code,
                                                    fc_proc_output(proc, FC_PROC_OUT, NULL, NULL)};
    line->scheduler = ck_line_scheduler_read(&answer, line->scheduler_said, sizeof line->scheduler_said);
}
