/* One good or broken setup of client-tests/: made, rehearsed by this same program, compared with what its row expects. */
#ifndef CK_CMD_MUTANT_H
#define CK_CMD_MUTANT_H

#include "base/base_err.h"

#include <jansson.h>
#include <stdbool.h>

struct fc_proc;

struct ck_cmd_mutant {
    const char *folder; /* of setup.json and mutants.json */
    const json_t *row;  /* of mutants.json */
    bool broken;        /* of "mutants", not of "good" */
    char *copy;         /* the changed setup; its reports lie beside it */
    struct fc_proc *proc;
};

/* Copies the folder to `copy` (stolen), changes its description, starts the rehearsal. */
int ck_cmd_mutant_start(struct ck_cmd_mutant *mutant, char *copy, struct fc_err *err);
/* After the process has ended: prints a line, and what is not as the row says. *ret_result (new reference):
 *   {"folder", "name", "broken", "as_written", "proves": [ID]}: the checks that were shown to find a fault */
int ck_cmd_mutant_judge(struct ck_cmd_mutant *mutant, json_t **ret_result, struct fc_err *err);
/* Ends the rehearsal, which puts things back, and forgets it; takes a zeroed one. */
void ck_cmd_mutant_release(struct ck_cmd_mutant *mutant);

int ck_cmd_mutant_read_json(const char *path, json_t **ret_value, struct fc_err *err);

#endif
