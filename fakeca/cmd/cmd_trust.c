/* fakeca trust: PEM and nothing else. */
#include "cmd/cmd.h"

#include <stdio.h>
#include <string.h>

#include "base/base_alloc.h"
#include "base/base_file.h"
#include "base/base_json.h"

struct target {
    struct fc_cmd_target api;
    int what;
    const char *environment, *out;
};

enum { ALL, ROOTS, INTERMEDIATES };
static const char *const whats[] = {"all", "roots", "intermediates", NULL};

static const char about[] =
    "Prints certificates to trust as PEM: by default what a client must trust to reach the directory and to verify "
    "what is\n"
    "issued (the same as the file ca.pem of the state folder). Test keys: never put them into a system's trust store.\n"
    "\n"
    "examples:\n"
    "  fakeca trust > ca.pem\n"
    "  curl --cacert <(fakeca trust) https://a.test:8443/ --connect-to ::127.0.0.1\n"
    "  fakeca trust --only roots --environment staging\n";

/* The path asked for; the caller frees. */
static char *api_path(const struct target *target)
{
    fc_auto_free char *environment = target->environment ? fc_cmd_api_encode(target->environment) : NULL;

    if (target->what == ALL)
        return fc_strdup("/api/v1/trust/ca.pem");
    return fc_asprintf("/api/v1/trust/%s.pem%s%s", target->what == ROOTS ? "root" : "intermediates",
                       environment ? "?environment=" : "", environment ? environment : "");
}

static int run(const struct fc_cmd *self, int argc, char *const *argv)
{
    static const struct fc_opt table[] = {{.name = "only",
                                           .type = FC_OPT_WORD,
                                           .offset = offsetof(struct target, what),
                                           .arg = "WHAT",
                                           .words = whats,
                                           .help = "which certificates"},
                                          {.name = "environment",
                                           .type = FC_OPT_STRING,
                                           .offset = offsetof(struct target, environment),
                                           .arg = "NAME",
                                           .help = "with roots and intermediates: production or staging"},
                                          {.name = "out",
                                           .letter = 'o',
                                           .type = FC_OPT_STRING,
                                           .offset = offsetof(struct target, out),
                                           .arg = "FILE",
                                           .help = "write there instead of to standard output"},
                                          FC_CMD_TARGET_ROWS,
                                          {.name = NULL}};
    struct fc_opt_result result = {0};
    struct target target = {0};
    struct fc_err err = {0};
    fc_auto_free char *pem = NULL;
    fc_auto_json list = NULL;

    int code = fc_cmd_parse(self, table, &target, argc, argv, &result, 0, 0);
    if (code >= 0)
        return code;
    if (target.what == ALL && target.environment)
        fc_err_set(&err, FC_E_USAGE, "--environment needs --only roots or --only intermediates");
    fc_auto_free char *path = api_path(&target);
    if (err.code || (target.api.json ? fc_cmd_api(&target.api, "GET", "/api/v1/trust", NULL, &list, &err)
                                     : fc_cmd_api_text(&target.api, path, &pem, &err)))
        return fc_cmd_fail(self, &err);
    if (list)
        fc_cmd_print_json(list);
    else if (!target.out)
        fputs(pem, stdout);
    else if (fc_file_write_answer(target.out, pem, strlen(pem), &err))
        return fc_cmd_fail(self, &err);
    return fc_cmd_done(self);
}

const struct fc_cmd fc_cmd_trust = {.name = "trust",
                                    .synopsis = "[--only roots|intermediates] [--environment NAME] [-o FILE]",
                                    .summary = "print the certificates to trust, as PEM",
                                    .about = about,
                                    .run = run};
