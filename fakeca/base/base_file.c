#define _GNU_SOURCE /* mkostemp */
#include "base/base_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base_alloc.h"

static void close_keeping_errno(int fd)
{
    int saved = errno;

    close(fd);
    errno = saved;
}

/* Reads to the end, at most max bytes. The size that stat told is only a first guess: the file may grow meanwhile. */
static int read_all(int fd, size_t guess, size_t max, char **ret_data, size_t *ret_len)
{
    size_t cap = (guess < max ? guess : max) + 2;
    size_t len = 0;
    fc_auto_free char *data = fc_malloc(cap);

    for (;;) {
        if (len + 1 == cap) {
            cap = cap > SIZE_MAX / 2 ? SIZE_MAX : cap * 2;
            data = fc_reallocarray(data, cap, 1);
        }
        ssize_t n = read(fd, data + len, cap - 1 - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        len += (size_t)n;
        if (len > max) {
            errno = EFBIG;
            return -1;
        }
    }
    data[len] = '\0';
    *ret_data = FC_TAKE(data);
    *ret_len = len;
    return 0;
}

int fc_file_read(const char *path, size_t max, char **ret_data, size_t *ret_len, struct fc_err *err)
{
    struct stat st;
    /* O_NONBLOCK: a named pipe must not hang us before fstat finds it out */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0 && errno == ENOENT)
        return fc_err_set(err, FC_E_NOT_FOUND, "cannot open '%s': No such file or directory", path);
    if (fd < 0)
        return fc_err_errno(err, "cannot open '%s'", path);
    int result = -1;
    if (fstat(fd, &st))
        fc_err_errno(err, "cannot look at '%s'", path);
    else if (!S_ISREG(st.st_mode))
        fc_err_set(err, FC_E_SYSTEM, "'%s' is not a regular file", path);
    else if ((uintmax_t)st.st_size > max ||
             ((result = read_all(fd, (size_t)st.st_size, max, ret_data, ret_len)) && errno == EFBIG))
        fc_err_set(err, FC_E_LIMIT, "'%s' is larger than %zu bytes", path, max);
    else if (result)
        fc_err_errno(err, "cannot read '%s'", path);
    close_keeping_errno(fd);
    return result;
}

static int write_all(int fd, const char *data, size_t len)
{
    while (len) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

int fc_file_write(const char *path, const void *data, size_t len, mode_t mode, struct fc_err *err)
{
    fc_auto_free char *temporary = fc_asprintf("%s.XXXXXX", path);
    int fd = mkostemp(temporary, O_CLOEXEC);

    if (fd < 0)
        return fc_err_errno(err, "cannot write '%s'", path);
    /* mkostemp gives 0600: nobody reads a private key in the moment before the mode is set */
    int failed = write_all(fd, data, len) || fchmod(fd, mode) || fdatasync(fd);
    if (failed)
        close_keeping_errno(fd);
    else
        failed = close(fd) || rename(temporary, path);
    if (!failed)
        return 0;
    fc_err_errno(err, "cannot write '%s'", path);
    int saved = errno;
    unlink(temporary);
    errno = saved;
    return -1;
}

int fc_file_write_answer(const char *path, const void *data, size_t len, struct fc_err *err)
{
    struct stat st;

    if (lstat(path, &st) != 0 || S_ISREG(st.st_mode))
        return fc_file_write(path, data, len, 0644, err);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0644);
    if (fd < 0)
        return fc_err_errno(err, "cannot write '%s'", path);
    int failed = write_all(fd, data, len);
    if (failed)
        close_keeping_errno(fd);
    else
        failed = close(fd);
    return failed ? fc_err_errno(err, "cannot write '%s'", path) : 0;
}

static bool is_folder(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int make_folder(const char *path, mode_t mode, struct fc_err *err)
{
    if (mkdir(path, mode) == 0)
        return 0;
    int saved = errno;
    if (is_folder(path))
        return 0;
    errno = saved;
    return fc_err_errno(err, "cannot create folder '%s'", path);
}

int fc_file_mkdirs(const char *path, mode_t mode, struct fc_err *err)
{
    fc_auto_free char *parent = fc_strdup(path);

    for (char *slash = parent; (slash = strchr(slash + 1, '/')) != NULL;) {
        *slash = '\0';
        if (make_folder(parent, 0755, err))
            return -1;
        *slash = '/';
    }
    return make_folder(path, mode, err);
}

int fc_file_private_dir(const char *path, struct fc_err *err)
{
    if (mkdir(path, 0700) && errno != EEXIST)
        return fc_err_errno(err, "cannot create folder '%s'", path);
    return fc_file_private_check(path, err);
}

int fc_file_private_check(const char *path, struct fc_err *err)
{
    struct stat st;

    if (lstat(path, &st))
        return fc_err_errno(err, "cannot look at '%s'", path);
    if (!S_ISDIR(st.st_mode))
        return fc_err_set(err, FC_E_SYSTEM, "'%s' is not a folder", path);
    if (st.st_uid != geteuid())
        return fc_err_set(err, FC_E_SYSTEM, "folder '%s' belongs to somebody else (uid %ld)", path, (long)st.st_uid);
    if (st.st_mode & 077)
        return fc_err_set(err, FC_E_SYSTEM, "folder '%s' is open to others (mode %04o, needs 0700)", path,
                          (unsigned)(st.st_mode & 07777));
    return 0;
}

int fc_file_lock(const char *path, int *ret_fd, struct fc_err *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);

    if (fd < 0)
        return fc_err_errno(err, "cannot open '%s'", path);
    if (flock(fd, LOCK_EX | LOCK_NB)) {
        if (errno == EWOULDBLOCK)
            fc_err_set(err, FC_E_BUSY, "'%s' is in use by another program", path);
        else
            fc_err_errno(err, "cannot lock '%s'", path);
        close_keeping_errno(fd);
        return -1;
    }
    *ret_fd = fd;
    return 0;
}

bool fc_file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}
