/* Folders as a whole: saved before a rehearsal and put back after it. Paths are followed only below the given folder, links never. */
#ifndef CK_TREE_H
#define CK_TREE_H

#include "base/base_err.h"

#include <stddef.h>
#include <stdint.h>

struct ck_tree_limits {
    uint64_t entries, bytes; /* FC_E_LIMIT when a folder holds more */
};

/* Copies the folder `from` to `to`, which must not exist: files, folders, links; modes, owners, times. Sockets and pipes are left out. */
int ck_tree_copy(const char *from, const char *to, struct ck_tree_limits limits, struct fc_err *err);
/* Makes `live` what `saved` is: what is new is removed, what differs in kind, size, mode or time is replaced. Goes on after an
 * error; the first one is told. */
int ck_tree_restore(const char *saved, const char *live, struct fc_err *err);
/* Removes what the folder holds; a missing folder is empty. */
int ck_tree_empty(const char *folder, struct fc_err *err);
/* Removes the folder too. */
int ck_tree_remove(const char *folder, struct fc_err *err);
/* Entries in it, not below; 0 when it is missing. */
size_t ck_tree_count(const char *folder);

#endif
