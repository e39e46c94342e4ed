/* Inside base_proc: how a process comes into being (base_proc_spawn.c) for what follows it (base_proc.c). */
#ifndef FC_BASE_PROC_INT_H
#define FC_BASE_PROC_INT_H

#include "base/base_proc.h"

/* Starts the process with pipes as its output; ret_readers: their reading ends, non-blocking. Nothing is set on failure. */
int fc_proc_spawn(const struct fc_proc_spec *spec, int ret_readers[2], pid_t *ret_pid, struct fc_err *err);
/* Closes unless it is -1, and makes it -1. */
void fc_proc_close(int *fd);

#endif
