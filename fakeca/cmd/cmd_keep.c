/* Files and folders as they were, and back again: what a command may change while it is tried. */
#define _GNU_SOURCE /* nftw */
#include "cmd/cmd.h"

#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base_alloc.h"
#include "base/base_file.h"
#include "base/base_proc.h"
#include "base/base_text.h"
#include "base/base_time.h"

#include "pki/pki_cert.h"

#define ENTRIES_MAX 50000
#define BYTES_MAX (INT64_C(1) << 30)
#define DEPTH 16 /* descriptors that a walk may hold */
#define COPY_TIME (2 * FC_MINUTE)

/* ---- walks; nftw takes no cookie */

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    remove(path);
    return 0;
}

static int remove_below(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    return ftw->level > 0 && remove(path) != 0 && errno != ENOENT ? -1 : 0;
}

static struct {
    int64_t entries, bytes;
} counted;

static int count_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)path;
    (void)ftw;
    counted.entries++;
    counted.bytes += type == FTW_F ? st->st_size : 0;
    return counted.entries > ENTRIES_MAX || counted.bytes > BYTES_MAX;
}

void fc_cmd_keep_remove(const char *folder)
{
    nftw(folder, remove_entry, DEPTH, FTW_DEPTH | FTW_PHYS);
}

/* ---- taking */

/* Whether one of the two lies in the other. */
static bool overlap(const char *a, const char *b)
{
    size_t len_a = strlen(a), len_b = strlen(b), len = len_a < len_b ? len_a : len_b;

    if (strncmp(a, b, len) != 0)
        return false;
    const char *rest = len_a < len_b ? b + len : a + len;
    return *rest == '\0' || *rest == '/' || a[len - 1] == '/';
}

static int check_path(const char *path, const char *apart, char **ret_real, struct fc_err *err)
{
    fc_auto_free char *real = realpath(path, NULL);

    if (!real)
        return fc_err_errno(err, "option '--restore': cannot find '%s'", path);
    fc_auto_free char *other = apart ? realpath(apart, NULL) : NULL;
    if (strcmp(real, "/") == 0)
        return fc_err_set(err, FC_E_USAGE, "option '--restore': '%s' is everything", path);
    if (other && overlap(real, other))
        return fc_err_set(err, FC_E_USAGE,
                          "option '--restore': '%s' and the state folder of the running CA, '%s', lie in one another",
                          path, other);
    counted.entries = counted.bytes = 0;
    int result = nftw(real, count_entry, DEPTH, FTW_PHYS);
    if (result < 0)
        return fc_err_errno(err, "option '--restore': cannot read '%s'", path);
    if (result > 0)
        return fc_err_set(err, FC_E_LIMIT, "option '--restore': '%s' holds more than %d entries or 1 GiB", path,
                          ENTRIES_MAX);
    *ret_real = FC_TAKE(real);
    return 0;
}

static int copy(const char *from, const char *to, struct fc_err *err)
{
    const char *argv[] = {"cp", "-a", "--", from, to, NULL};
    const struct fc_proc_spec spec = {.argv = argv, .max_err = 4096};
    fc_auto(fc_proc_free) struct fc_proc *proc = NULL;
    struct fc_proc_exit how;

    if (fc_proc_run(&spec, COPY_TIME, &proc, &how, err))
        return -1;
    if (how.code == 0)
        return 0;
    return fc_err_set(err, FC_E_SYSTEM, "cannot copy '%s' to '%s': %s", from, to,
                      fc_proc_output(proc, FC_PROC_ERR, NULL, NULL));
}

static char *copy_of(const struct fc_cmd_keep *keep, size_t i)
{
    return fc_asprintf("%s/%zu", keep->folder, i);
}

int fc_cmd_keep_take(const struct fc_opt_strings *paths, const char *apart, struct fc_cmd_keep *ret_keep,
                     struct fc_err *err)
{
    const char *temporary = getenv("TMPDIR");

    *ret_keep = (struct fc_cmd_keep){.paths = fc_calloc(paths->count + 1, sizeof(char *))};
    for (size_t i = 0; i < paths->count; i++) {
        if (check_path(paths->at[i], apart, &ret_keep->paths[i], err))
            return -1;
        ret_keep->n++;
    }
    ret_keep->folder = fc_asprintf("%s/fakeca-due-XXXXXX", temporary && *temporary ? temporary : "/tmp");
    if (!mkdtemp(ret_keep->folder)) {
        fc_err_errno(err, "cannot make a folder '%s'", ret_keep->folder);
        free(FC_TAKE(ret_keep->folder));
        return -1;
    }
    for (size_t i = 0; i < ret_keep->n; i++) {
        fc_auto_free char *to = copy_of(ret_keep, i);
        if (copy(ret_keep->paths[i], to, err))
            return -1;
    }
    return 0;
}

/* ---- the certificate in it */

#define PEM_MAX 65536
static struct {
    int64_t from;
    char *serial;
} newest;

static int look_for_certificate(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    fc_auto(fc_cert_free) struct fc_cert *cert = NULL;
    fc_auto_free char *text = NULL;
    size_t len;

    (void)ftw;
    if (type != FTW_F || !S_ISREG(st->st_mode) || st->st_size > PEM_MAX ||
        fc_file_read(path, PEM_MAX, &text, &len, NULL) || !strstr(text, "-----BEGIN CERTIFICATE-----") ||
        fc_cert_from_pem(text, len, &cert, NULL) || fc_cert_is_ca(cert) || fc_cert_not_before(cert) <= newest.from)
        return 0;
    newest.from = fc_cert_not_before(cert);
    free(newest.serial);
    newest.serial = fc_cert_serial(cert);
    return 0;
}

char *fc_cmd_keep_certificate(const struct fc_cmd_keep *keep)
{
    newest.from = INT64_MIN;
    newest.serial = NULL;
    nftw(keep->folder, look_for_certificate, DEPTH, FTW_PHYS);
    return FC_TAKE(newest.serial);
}

/* ---- and back */

static int put_back(const char *from, const char *to, struct fc_err *err)
{
    struct stat st;

    if (stat(from, &st) != 0)
        return fc_err_errno(err, "cannot find the copy '%s'", from);
    if (!S_ISDIR(st.st_mode))
        return copy(from, to, err);
    if (mkdir(to, 0700) != 0 && errno != EEXIST)
        return fc_err_errno(err, "cannot make the folder '%s' again", to);
    if (nftw(to, remove_below, DEPTH, FTW_DEPTH | FTW_PHYS) != 0)
        return fc_err_errno(err, "cannot empty '%s'", to);
    fc_auto_free char *inside = fc_asprintf("%s/.", from);
    return copy(inside, to, err);
}

int fc_cmd_keep_put_back(const struct fc_cmd_keep *keep, struct fc_err *err)
{
    for (size_t i = 0; i < keep->n; i++) {
        fc_auto_free char *from = copy_of(keep, i);
        if (put_back(from, keep->paths[i], err))
            return fc_err_prefix(err, "'%s' is not what it was; its copy is '%s'", keep->paths[i], from);
    }
    return 0;
}

void fc_cmd_keep_release(struct fc_cmd_keep *keep)
{
    if (keep->folder)
        fc_cmd_keep_remove(keep->folder);
    for (size_t i = 0; i < keep->n; i++)
        free(keep->paths[i]);
    free(keep->paths);
    free(keep->folder);
    *keep = (struct fc_cmd_keep){0};
}
