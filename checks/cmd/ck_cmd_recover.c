/* After a rehearsal whose front was killed (kill -9, a power cut): what it had saved still lies in its folder of TMPDIR. The next
 * rehearsal in the same place puts it back first. Whoever holds the lock on the description's folder knows that the other is dead. */
#include "cmd/ck_cmd.h"

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_alloc.h"
#include "base/base_file.h"
#include "base/base_text.h"
#include "stage/ck_tree.h"

#define OWNER_MAX 8192
#define ENVIRON_MAX (1 << 20)
#define ROUNDS 100
#define PAUSE_MS 50

int ck_cmd_recover_note(const char *work, const char *folder, struct fc_err *err)
{
    fc_auto_free char *path = fc_asprintf("%s/folder", work);

    return fc_file_write(path, folder, strlen(folder), 0600, err);
}

/* Whether the process was started by that rehearsal: its environment or its arguments name the folder of its CA. */
static bool belongs(const char *pid, const char *work)
{
    static const char *const files[] = {"environ", "cmdline"};
    fc_auto_free char *needle = fc_asprintf("%s/ca", work);
    size_t len = strlen(needle);
    bool found = false;

    for (size_t i = 0; i < 2 && !found; i++) {
        fc_auto_free char *path = fc_asprintf("/proc/%s/%s", pid, files[i]), *data = fc_malloc(ENVIRON_MAX);
        FILE *file = fopen(path, "re");
        size_t n = file ? fread(data, 1, ENVIRON_MAX, file) : 0;
        if (file)
            fclose(file);
        for (size_t at = 0; at + len <= n && !found; at++)
            found = memcmp(data + at, needle, len) == 0;
    }
    return found;
}

static size_t kill_all(const char *work, int signal)
{
    DIR *dir = opendir("/proc");
    struct dirent *entry;
    int64_t pid;
    size_t n = 0;

    while (dir && (entry = readdir(dir)))
        if (fc_text_int(entry->d_name, 2, INT32_MAX, &pid, NULL) == 0 && belongs(entry->d_name, work) &&
            kill((pid_t)pid, signal) == 0)
            n++;
    if (dir)
        closedir(dir);
    return n;
}

static void end_processes(const char *work)
{
    for (int i = 0; i < ROUNDS && kill_all(work, SIGKILL); i++)
        poll(NULL, 0, PAUSE_MS);
}

/* True when this is the folder of a rehearsal of `folder` that was not cleared up. */
static bool is_left(const char *work, const char *folder)
{
    fc_auto_free char *path = fc_asprintf("%s/folder", work), *owner = NULL;
    size_t len;

    return fc_file_read(path, OWNER_MAX, &owner, &len, NULL) == 0 && strcmp(owner, folder) == 0;
}

int ck_cmd_recover(const char *temporary, const char *folder, struct fc_err *err)
{
    DIR *dir = opendir(temporary);
    struct dirent *entry;
    int result = 0;

    while (dir && result == 0 && (entry = readdir(dir))) {
        fc_auto_free char *work = fc_asprintf("%s/%s", temporary, entry->d_name),
                          *saved = fc_asprintf("%s/saved", work);
        if (!fc_text_starts(entry->d_name, "fakeca-check-") || !is_left(work, folder))
            continue;
        fprintf(stderr,
                "fakeca check: an earlier rehearsal was killed and left this folder changed: it is put back first\n");
        end_processes(work);
        result = ck_tree_restore(saved, folder, err);
        if (result == 0)
            result = ck_tree_remove(work, err);
    }
    if (dir)
        closedir(dir);
    return result;
}
