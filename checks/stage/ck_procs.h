/* The processes below one: what commands started and left behind, daemons too (their new parent is the examiner, which is a
 * subreaper). */
#ifndef CK_PROCS_H
#define CK_PROCS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define CK_PROCS_MAX 4096

struct ck_procs {
    pid_t pids[CK_PROCS_MAX];
    size_t count;
};

/* All descendants of `root`, parents before children. */
void ck_procs_below(pid_t root, struct ck_procs *ret_procs);
bool ck_procs_has(const struct ck_procs *procs, pid_t pid);
/* Ends every descendant of `root` that is not in `spared` (may be NULL): SIGTERM, after a grace of real time SIGKILL, until none is
 * left. Reaps those that are children of the caller when `reap` is set. */
void ck_procs_end(pid_t root, const struct ck_procs *spared, bool reap);

#endif
