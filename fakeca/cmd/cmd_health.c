/* fakeca health: is the CA up? For scripts and containers. */
#include "cmd/cmd.h"

#include <poll.h>
#include <stdio.h>

#include "base/base_alloc.h"
#include "base/base_clock.h"
#include "base/base_json.h"
#include "base/base_time.h"

#define PAUSE_MS 50
/* A CA that stands still (stopped, swapped out) is not ready: how long one answer may take, at least, and without --wait. */
#define ANSWER_MIN FC_SECOND
#define ANSWER_USUAL (5 * FC_SECOND)

struct target {
    struct fc_cmd_target api;
    int64_t wait;
};

static const char about[] =
    "Ends with 0 when the CA answers and is ready, else with 3. With --wait it keeps trying that long.\n"
    "\n"
    "examples:\n"
    "  fakeca serve --state ./s & fakeca health --state ./s --wait 10s\n";

static int ready(const struct target *target, json_t **ret_answer, struct fc_err *err)
{
    fc_auto_json answer = NULL;

    if (fc_cmd_api(&target->api, "GET", "/api/v1/readyz", NULL, &answer, err) ||
        fc_cmd_api(&target->api, "GET", "/api/v1/health", NULL, ret_answer, err))
        return -1;
    return 0;
}

static int run(const struct fc_cmd *self, int argc, char *const *argv)
{
    static const struct fc_opt table[] = {{.name = "wait",
                                           .type = FC_OPT_DURATION,
                                           .offset = offsetof(struct target, wait),
                                           .arg = "DURATION",
                                           .min = 0,
                                           .max = FC_DAY,
                                           .help = "keep trying that long"},
                                          FC_CMD_TARGET_ROWS,
                                          {.name = NULL}};
    struct fc_opt_result result = {0};
    struct target target = {0};
    fc_auto_json answer = NULL;

    int code = fc_cmd_parse(self, table, &target, argc, argv, &result, 0, 0);
    if (code >= 0)
        return code;
    int64_t until = fc_clock_mono() + target.wait;
    for (;;) {
        struct fc_err err = {0};
        int64_t left = until - fc_clock_mono();
        target.api.timeout = target.wait == 0 ? ANSWER_USUAL : left < ANSWER_MIN ? ANSWER_MIN : left;
        if (ready(&target, &answer, &err) == 0)
            break;
        if (err.code == FC_E_USAGE)
            return fc_cmd_fail(self, &err);
        if (fc_clock_mono() >= until) {
            fc_cmd_fail(self, &err);
            return FC_EXIT_NOT_STARTED;
        }
        /* nothing tells us when another process gets ready: look again soon */
        poll(NULL, 0, PAUSE_MS);
    }
    if (target.api.json)
        fc_cmd_print_json(answer);
    else
        printf("ready: fakeca %s, pid %s\n", fc_cmd_text(answer, "version"), fc_cmd_text(answer, "pid"));
    return fc_cmd_done(self);
}

const struct fc_cmd fc_cmd_health = {.name = "health",
                                     .synopsis = "[--wait DURATION]",
                                     .summary = "is the CA up and ready?",
                                     .about = about,
                                     .run = run};
