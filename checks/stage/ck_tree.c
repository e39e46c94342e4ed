#define _GNU_SOURCE /* struct stat with nanoseconds, utimensat */
#include "stage/ck_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base_alloc.h"

#define CHUNK 65536

static bool dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* ---- one entry ---- */

static int copy_bytes(const char *from, int in, int out, struct fc_err *err)
{
    fc_auto_free char *buf = fc_malloc(CHUNK);
    ssize_t n;

    while ((n = read(in, buf, CHUNK)) > 0)
        for (ssize_t done = 0, w; done < n; done += w)
            if ((w = write(out, buf + done, (size_t)(n - done))) < 0)
                return fc_err_errno(err, "cannot write the copy of '%s'", from);
    return n < 0 ? fc_err_errno(err, "cannot read '%s'", from) : 0;
}

static int copy_file(const char *from, const char *to, struct fc_err *err)
{
    int in = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), result = -1;

    if (in < 0)
        return fc_err_errno(err, "cannot read '%s'", from);
    int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (out < 0) {
        fc_err_errno(err, "cannot create '%s'", to);
    } else {
        result = copy_bytes(from, in, out, err);
        close(out);
    }
    close(in);
    return result;
}

static int copy_link(const char *from, const char *to, struct fc_err *err)
{
    char target[PATH_MAX];
    ssize_t len = readlink(from, target, sizeof target - 1);

    if (len < 0)
        return fc_err_errno(err, "cannot read the link '%s'", from);
    target[len] = '\0';
    return symlink(target, to) == 0 ? 0 : fc_err_errno(err, "cannot make the link '%s'", to);
}

/* Owner first: changing it clears bits of the mode. Without root the owner is ours anyhow. */
static void copy_attributes(const char *to, const struct stat *st)
{
    const struct timespec times[2] = {st->st_atim, st->st_mtim};

    (void)!lchown(to, st->st_uid, st->st_gid);
    if (!S_ISLNK(st->st_mode))
        chmod(to, st->st_mode & 07777);
    utimensat(AT_FDCWD, to, times, AT_SYMLINK_NOFOLLOW);
}

/* ---- copies ---- */

static int copy_folder(const char *from, const char *to, struct ck_tree_limits *left, struct fc_err *err);

static int copy_entry(const char *from, const char *to, struct ck_tree_limits *left, struct fc_err *err)
{
    struct stat st;
    int result = 0;

    if (lstat(from, &st) != 0)
        return errno == ENOENT ? 0 : fc_err_errno(err, "cannot look at '%s'", from);
    uint64_t size = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
    if (left->entries == 0 || size > left->bytes)
        return fc_err_set(err, FC_E_LIMIT,
                          "more than can be saved and put back: give the description a folder of its own");
    left->entries--;
    left->bytes -= size;
    if (S_ISDIR(st.st_mode))
        result = copy_folder(from, to, left, err);
    else if (S_ISLNK(st.st_mode))
        result = copy_link(from, to, err);
    else if (S_ISREG(st.st_mode))
        result = copy_file(from, to, err);
    else
        return 0;
    if (result == 0)
        copy_attributes(to, &st);
    return result;
}

static int copy_folder(const char *from, const char *to, struct ck_tree_limits *left, struct fc_err *err)
{
    DIR *dir = opendir(from);
    struct dirent *entry;
    int result = 0;

    if (!dir)
        return fc_err_errno(err, "cannot read the folder '%s'", from);
    if (mkdir(to, 0700) != 0)
        result = fc_err_errno(err, "cannot make the folder '%s'", to);
    while (result == 0 && (entry = readdir(dir))) {
        if (dots(entry->d_name))
            continue;
        fc_auto_free char *source = fc_asprintf("%s/%s", from, entry->d_name);
        fc_auto_free char *copy = fc_asprintf("%s/%s", to, entry->d_name);
        result = copy_entry(source, copy, left, err);
    }
    closedir(dir);
    return result;
}

int ck_tree_copy(const char *from, const char *to, struct ck_tree_limits limits, struct fc_err *err)
{
    struct ck_tree_limits left = limits;

    return copy_entry(from, to, &left, err);
}

/* ---- removal ---- */

static int remove_entry(const char *path, struct fc_err *err)
{
    struct stat st;

    if (lstat(path, &st) != 0)
        return 0;
    if (S_ISDIR(st.st_mode))
        return ck_tree_remove(path, err);
    return unlink(path) == 0 || errno == ENOENT ? 0 : fc_err_errno(err, "cannot remove '%s'", path);
}

int ck_tree_empty(const char *folder, struct fc_err *err)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    int result = 0;

    if (!dir)
        return errno == ENOENT ? 0 : fc_err_errno(err, "cannot read the folder '%s'", folder);
    while ((entry = readdir(dir))) {
        if (dots(entry->d_name))
            continue;
        fc_auto_free char *path = fc_asprintf("%s/%s", folder, entry->d_name);
        result |= remove_entry(path, err);
    }
    closedir(dir);
    return result;
}

int ck_tree_remove(const char *folder, struct fc_err *err)
{
    if (ck_tree_empty(folder, err))
        return -1;
    return rmdir(folder) == 0 || errno == ENOENT ? 0 : fc_err_errno(err, "cannot remove the folder '%s'", folder);
}

size_t ck_tree_count(const char *folder)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    size_t n = 0;

    while (dir && (entry = readdir(dir)))
        n += !dots(entry->d_name);
    if (dir)
        closedir(dir);
    return n;
}

/* ---- the way back ---- */

static bool same(const char *a, const struct stat *x, const char *b, const struct stat *y)
{
    char first[PATH_MAX], second[PATH_MAX];

    if ((x->st_mode ^ y->st_mode) || x->st_uid != y->st_uid || x->st_gid != y->st_gid)
        return false;
    if (!S_ISLNK(x->st_mode))
        return x->st_size == y->st_size && x->st_mtim.tv_sec == y->st_mtim.tv_sec &&
               x->st_mtim.tv_nsec == y->st_mtim.tv_nsec;
    ssize_t n = readlink(a, first, sizeof first), m = readlink(b, second, sizeof second);
    return n >= 0 && n == m && memcmp(first, second, (size_t)n) == 0;
}

static int restore_entry(const char *saved, const char *live, struct fc_err *err)
{
    struct ck_tree_limits all = {UINT64_MAX, UINT64_MAX};
    struct stat was, is;

    if (lstat(saved, &was) != 0)
        return fc_err_errno(err, "cannot look at '%s'", saved);
    bool there = lstat(live, &is) == 0;
    if (there && S_ISDIR(was.st_mode) && S_ISDIR(is.st_mode))
        return ck_tree_restore(saved, live, err);
    if (there && same(saved, &was, live, &is))
        return 0;
    if (there && remove_entry(live, err))
        return -1;
    return copy_entry(saved, live, &all, err);
}

/* What was not there before; sockets and pipes, which are never saved, are left alone. */
static int remove_new(const char *saved, const char *live, struct fc_err *err)
{
    DIR *dir = opendir(live);
    struct dirent *entry;
    struct stat was, is;
    int result = 0;

    if (!dir)
        return fc_err_errno(err, "cannot read the folder '%s'", live);
    while ((entry = readdir(dir))) {
        fc_auto_free char *before = fc_asprintf("%s/%s", saved, entry->d_name);
        fc_auto_free char *path = fc_asprintf("%s/%s", live, entry->d_name);
        if (dots(entry->d_name) || lstat(before, &was) == 0 || lstat(path, &is) != 0)
            continue;
        if (S_ISDIR(is.st_mode) || S_ISREG(is.st_mode) || S_ISLNK(is.st_mode))
            result |= remove_entry(path, err);
    }
    closedir(dir);
    return result;
}

int ck_tree_restore(const char *saved, const char *live, struct fc_err *err)
{
    int result = remove_new(saved, live, err);
    DIR *dir = opendir(saved);
    struct dirent *entry;
    struct stat was;

    if (!dir)
        return fc_err_errno(err, "cannot read the folder '%s'", saved);
    while ((entry = readdir(dir))) {
        if (dots(entry->d_name))
            continue;
        fc_auto_free char *before = fc_asprintf("%s/%s", saved, entry->d_name);
        fc_auto_free char *path = fc_asprintf("%s/%s", live, entry->d_name);
        result |= restore_entry(before, path, err);
    }
    closedir(dir);
    if (lstat(saved, &was) == 0)
        copy_attributes(live, &was);
    return result;
}
