/* fakeca-run: the launcher alone, as one static program that runs in any image. A container's entry point:
 *     fakeca-run --clock-file /fakeca/clock -- nginx -g 'daemon off;' */
#include <stdio.h>
#include <string.h>

#include "base/base_alloc.h"
#include "base/base_version.h"

#include "timeshift/timeshift.h"

static void help(const struct fc_opt *table)
{
    printf("usage: fakeca-run --clock-file FILE [options] [--] CMD [ARGS]\n\n"
           "Runs CMD and its children on the clock of a fakeca CA, whose clock file is mounted here (the same file, "
           "not a copy).\n"
           "Ends as CMD ends; 125 when it cannot run it on that clock, 126 and 127 when CMD cannot be executed or "
           "found.\n\n"
           "options:\n");
    fc_opt_help(table, stdout);
}

int main(int argc, char **argv)
{
    static struct fc_opt table[] = {FC_TIMESHIFT_ROWS, {.name = NULL}};
    fc_auto_free const char **operands = fc_calloc((size_t)argc + 1, sizeof *operands);
    struct fc_timeshift_params params = {.name = "fakeca-run"};
    struct fc_opt_result result = {.operands = operands};
    struct fc_err err = {0};

    if (argc > 1 && strcmp(argv[1], "--version") == 0) {
        printf("fakeca-run %s\n", fc_version);
        return 0;
    }
    for (struct fc_opt *row = table; row->name; row++)
        if (strcmp(row->name, "clock-file") == 0)
            row->env = "FAKECA_CLOCK_FILE";
    if (fc_opt_parse(table, &params, argc - 1, argv + 1, true, &result, &err)) {
        fprintf(stderr, "fakeca-run: %s\n", err.text);
        return FC_TIMESHIFT_FAILED;
    }
    if (result.help) {
        help(table);
        return 0;
    }
    params.command = (char *const *)(uintptr_t)operands;
    return fc_timeshift_end(params.explain ? fc_timeshift_explain(&params) : fc_timeshift_run(&params));
}
