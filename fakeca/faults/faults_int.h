/* Shared inside faults only. */
#ifndef FC_FAULTS_INT_H
#define FC_FAULTS_INT_H

#include "faults/faults.h"

struct fc_fault_row {
    const char *name, *endpoints, *needs, *may, *help;
};
const struct fc_fault_row *fc_fault_kind_row(enum fc_fault_kind kind);
/* Names from the second endpoint on, NULL-terminated. */
const char *const *fc_fault_endpoint_names(void);
/* Whether a comma-separated list has the word. */
bool fc_fault_listed(const char *list, const char *word);

#endif
