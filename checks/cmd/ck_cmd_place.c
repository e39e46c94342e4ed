/* Where a rehearsal works: in a copy of the description's folder, unless something in it names the folder by its absolute path (a
 * client's stored settings, a configuration): such a setup works only in its own place. */
#define _GNU_SOURCE /* memmem */
#include "cmd/ck_cmd.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base_alloc.h"
#include "base/base_file.h"
#include "base/base_json.h"

#define FILE_MAX (4 << 20) /* settings and small databases; what is larger is content */
#define DEPTH_MAX 32

static bool names(const char *data, size_t len, const char *folder)
{
    return memmem(data, len, folder, strlen(folder)) != NULL;
}

static bool file_names(const char *path, const char *folder)
{
    fc_auto_free char *data = NULL;
    size_t len;

    return fc_file_read(path, FILE_MAX, &data, &len, NULL) == 0 && names(data, len, folder);
}

static bool link_names(const char *path, const char *folder)
{
    char target[PATH_MAX];
    ssize_t len = readlink(path, target, sizeof target);

    return len > 0 && names(target, (size_t)len, folder);
}

static bool tree_names(const char *tree, const char *folder, int depth)
{
    DIR *dir = opendir(tree);
    struct dirent *entry;
    struct stat st;
    bool found = false;

    while (dir && !found && (entry = readdir(dir))) {
        fc_auto_free char *path = fc_asprintf("%s/%s", tree, entry->d_name);
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 || lstat(path, &st) != 0)
            continue;
        if (S_ISDIR(st.st_mode))
            found = depth < DEPTH_MAX && tree_names(path, folder, depth + 1);
        else if (S_ISREG(st.st_mode))
            found = file_names(path, folder);
        else if (S_ISLNK(st.st_mode))
            found = link_names(path, folder);
    }
    if (dir)
        closedir(dir);
    return found;
}

bool ck_cmd_place_bound(const struct ck_setup *setup)
{
    fc_auto_free char *text = fc_json_text(setup->json);
    const char *const folders[] = {setup->dir, setup->named};

    for (size_t i = 0; i < 2; i++)
        if (*folders[i] && (i == 0 || strcmp(folders[0], folders[1]) != 0) &&
            (names(text, strlen(text), folders[i]) || tree_names(setup->dir, folders[i], 0)))
            return true;
    return false;
}
