/* fakeca reset: forget what clients did. */
#include "cmd/cmd.h"

#include <stdio.h>

#include "base/base_alloc.h"
#include "base/base_json.h"

static const char about[] = "Forgets accounts, orders, authorizations, certificates, events and DNS rules. The CA's "
                            "keys and the clock stay, so the\n"
                            "files that clients trust stay right. (The clock alone: fakeca clock reset.)\n"
                            "\n"
                            "example:\n"
                            "  fakeca reset && fakeca clock reset         as on the first day\n";

static int run(const struct fc_cmd *self, int argc, char *const *argv)
{
    static const struct fc_opt table[] = {FC_CMD_TARGET_ROWS, {.name = NULL}};
    struct fc_opt_result result = {0};
    struct fc_cmd_target target = {0};
    struct fc_err err = {0};
    fc_auto_json answer = NULL;

    int code = fc_cmd_parse(self, table, &target, argc, argv, &result, 0, 0);
    if (code >= 0)
        return code;
    if (fc_cmd_api(&target, "POST", "/api/v1/reset", NULL, &answer, &err))
        return fc_cmd_fail(self, &err);
    const json_t *removed = json_object_get(answer, "removed");
    if (target.json) {
        fc_cmd_print_json(answer);
    } else {
        printf("forgotten: %s accounts, %s orders, ", fc_cmd_text(removed, "accounts"), fc_cmd_text(removed, "orders"));
        printf("%s authorizations, %s certificates, ", fc_cmd_text(removed, "authorizations"),
               fc_cmd_text(removed, "certificates"));
        printf("%s events, %s DNS rules\n", fc_cmd_text(removed, "events"), fc_cmd_text(removed, "dns"));
    }
    return fc_cmd_done(self);
}

const struct fc_cmd fc_cmd_reset = {.name = "reset",
                                    .synopsis = "",
                                    .summary = "forget accounts, orders, certificates, events, DNS rules",
                                    .about = about,
                                    .run = run};
