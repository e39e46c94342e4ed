/* Files and folders. Every descriptor is close-on-exec. errno is kept across cleanup. */
#ifndef FC_BASE_FILE_H
#define FC_BASE_FILE_H

#include "base/base_err.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Reads a whole regular file of at most max bytes; NUL-terminated; the caller frees. Error texts name the path. */
int fc_file_read(const char *path, size_t max, char **ret_data, size_t *ret_len, struct fc_err *err);
/* Writes by a temporary name in the same folder and rename, with the given mode. */
int fc_file_write(const char *path, const void *data, size_t len, mode_t mode, struct fc_err *err);
/* The same for a file that a person names for an answer ("-o FILE"), mode 0644; what is a device, a pipe or a link stays one and is
 * written to: as root, a rename would put a file in the place of /dev/stdout or /dev/null. */
int fc_file_write_answer(const char *path, const void *data, size_t len, struct fc_err *err);
/* Creates the folder and its parents (mode for the last one only; parents 0755). An existing folder is fine. */
int fc_file_mkdirs(const char *path, mode_t mode, struct fc_err *err);
/* Creates the folder with mode 0700, or checks that an existing one is a folder (no link), ours, and closed to others:
 * for folders under a world-writable place. */
int fc_file_private_dir(const char *path, struct fc_err *err);
/* The checks alone. */
int fc_file_private_check(const char *path, struct fc_err *err);
/* Takes an exclusive lock (flock) on the file, created with 0600 when missing: the descriptor, to be closed by the caller.
 * FC_E_BUSY when somebody else has it. */
int fc_file_lock(const char *path, int *ret_fd, struct fc_err *err);
bool fc_file_exists(const char *path);

#endif
