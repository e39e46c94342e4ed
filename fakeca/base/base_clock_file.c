#include "base/base_clock_int.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base_alloc.h"
#include "base/base_text.h"
#include "base/base_time.h"

/* ---- who writes */

/* Reads a small file of /proc, NUL-terminated; false when there is none. */
static bool read_proc(const char *path, char *buf, size_t room)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return false;
    ssize_t n = read(fd, buf, room - 1);
    close(fd);
    if (n <= 0)
        return false;
    buf[n] = '\0';
    return true;
}

/* Field 22 of /proc/self/stat; 0 when unknown. Fields are counted behind the last ')', for the name in field 2 may hold
 * anything. */
static uint64_t own_start_time(void)
{
    char stat_text[1024];
    int64_t start = 0;

    if (!read_proc("/proc/self/stat", stat_text, sizeof stat_text))
        return 0;
    char *at = strrchr(stat_text, ')');
    for (int field = 2; at && field < 22; field++) {
        at = strchr(at, ' ');
        if (at)
            at++;
    }
    if (!at)
        return 0;
    at[strcspn(at, " \n")] = '\0';
    return fc_text_int(at, 0, INT64_MAX, &start, NULL) ? 0 : (uint64_t)start;
}

/* The 16 bytes of the boot id; zeros when unknown. */
static void read_boot_id(uint8_t ret_id[16])
{
    char text[64];
    char hex[33];
    size_t n = 0;
    size_t len;

    memset(ret_id, 0, 16);
    if (!read_proc("/proc/sys/kernel/random/boot_id", text, sizeof text))
        return;
    for (const char *c = text; *c && *c != '\n' && n < 32; c++) {
        if (*c != '-')
            hex[n++] = *c;
    }
    hex[n] = '\0';
    if (n != 32 || fc_text_unhex(hex, ret_id, 16, &len))
        memset(ret_id, 0, 16);
}

/* Enters this process as the writer. Monotonic clocks begin anew with a boot, so mono_sec does too. */
static void enter_writer(struct fc_clock_page *page, int64_t real)
{
    uint8_t boot_id[16];
    struct fc_clock_now_slot slot;

    read_boot_id(boot_id);
    fc_clock_slot_read(page, &slot);
    if (memcmp(page->boot_id, boot_id, sizeof boot_id) != 0) {
        memcpy(page->boot_id, boot_id, sizeof boot_id);
        if (slot.mono_sec != 0) {
            slot.mono_sec = 0;
            slot.jump_sec = 0;
            slot.changed_real = real / FC_SECOND;
            fc_clock_page_publish(page, &slot);
        }
    }
    page->writer_pid = (uint64_t)getpid();
    page->writer_start = own_start_time();
    atomic_store(&page->state, FC_CLOCK_RUNNING);
}

/* ---- what a file must be */

static bool slot_is_sound(const struct fc_clock_page *page, const struct fc_clock_now_slot *slot, int64_t real)
{
    const struct fc_clock_slot *raw = &page->slots[atomic_load(&page->generation) & 1];
    int64_t limit = (FC_TIME_MAX - FC_TIME_MIN) / FC_SECOND * 2;

    if (atomic_load(&raw->rate_num) != 1 || atomic_load(&raw->rate_den) != 1)
        return false;
    if (slot->mono_sec < 0 || slot->mono_sec > INT64_C(1) << 52 || slot->wall_sec < -limit || slot->wall_sec > limit)
        return false;
    /* past the upper end it came by itself, and stands there */
    if (slot->mode == FC_CLOCK_FOLLOW)
        return real / FC_SECOND + slot->wall_sec >= FC_TIME_MIN / FC_SECOND - 1;
    return slot->mode == FC_CLOCK_FROZEN && slot->frozen_nsec < FC_SECOND &&
           slot->frozen_sec >= FC_TIME_MIN / FC_SECOND && slot->frozen_sec <= FC_TIME_MAX / FC_SECOND;
}

static int check_page(const char *path, const struct fc_clock_page *page, int64_t real, struct fc_err *err)
{
    struct fc_clock_now_slot slot;

    if (memcmp(page->magic, "FAKECLK1", sizeof page->magic) != 0)
        return fc_err_set(err, FC_E_DAMAGED, "'%s' is not a clock file", path);
    if (page->version != 1)
        return fc_err_set(err, FC_E_DAMAGED,
                          "'%s': version %" PRIu32 ", this fakeca knows 1: use the fakeca that wrote it", path,
                          page->version);
    if (page->size < sizeof *page)
        return fc_err_set(err, FC_E_DAMAGED, "'%s': clock file is damaged (size field %" PRIu32 ")", path, page->size);
    fc_clock_slot_read(page, &slot);
    if (!slot_is_sound(page, &slot, real))
        return fc_err_set(err, FC_E_DAMAGED, "'%s': clock file is damaged (values out of range)", path);
    return 0;
}

/* ---- opening */

static int lock_fd(const char *path, int fd, struct fc_err *err)
{
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    if (errno == EWOULDBLOCK)
        return fc_err_set(err, FC_E_BUSY, "'%s' is in use: another fakeca writes this clock", path);
    return fc_err_errno(err, "cannot lock '%s'", path);
}

static int map_fd(const char *path, int fd, struct fc_clock_page **ret_page, struct fc_err *err)
{
    void *memory = mmap(NULL, FC_CLOCK_FILE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    if (memory == MAP_FAILED)
        return fc_err_errno(err, "cannot map '%s'", path);
    *ret_page = memory;
    return 0;
}

static int use_existing(const char *path, int fd, int64_t real, struct fc_clock_page **ret_page, struct fc_err *err)
{
    struct stat st;
    struct fc_clock_page *page = NULL;

    if (fstat(fd, &st))
        return fc_err_errno(err, "cannot look at '%s'", path);
    if (!S_ISREG(st.st_mode))
        return fc_err_set(err, FC_E_DAMAGED, "'%s' is not a clock file but something else than a file", path);
    if (lock_fd(path, fd, err))
        return -1;
    /* a page behind the end of a file kills who reads it */
    if (st.st_size < FC_CLOCK_FILE_SIZE)
        return fc_err_set(err, FC_E_DAMAGED, "'%s' is too short for a clock file (%jd bytes, needs %d)", path,
                          (intmax_t)st.st_size, FC_CLOCK_FILE_SIZE);
    if (map_fd(path, fd, &page, err))
        return -1;
    if (check_page(path, page, real, err)) {
        munmap(page, FC_CLOCK_FILE_SIZE);
        return -1;
    }
    *ret_page = page;
    return 0;
}

/* Fills a new file under its temporary name. */
static int fill_new(const char *path, int fd, int64_t real, struct fc_clock_page **ret_page, struct fc_err *err)
{
    const struct fc_clock_now_slot slot = {.changed_real = real / FC_SECOND};

    if (lock_fd(path, fd, err))
        return -1;
    /* allocated, not sparse: on a full disk it is better to fail here than with SIGBUS in every reader */
    int failed = posix_fallocate(fd, 0, FC_CLOCK_FILE_SIZE);
    if (failed) {
        errno = failed;
        return fc_err_errno(err, "cannot allocate '%s'", path);
    }
    if (fchmod(fd, 0644))
        return fc_err_errno(err, "cannot set the mode of '%s'", path);
    if (map_fd(path, fd, ret_page, err))
        return -1;
    fc_clock_page_init(*ret_page, &slot);
    return 0;
}

/* Creates the file, locked from its first moment on. 1 when another program was faster: then there is a file to open.
 * link() and not rename(): it does not replace what is there, and programs map the inode. */
static int create_new(const char *path, int64_t real, int *ret_fd, struct fc_clock_page **ret_page, struct fc_err *err)
{
    fc_auto_free char *temporary = fc_asprintf("%s.new-%ld", path, (long)getpid());
    struct fc_clock_page *page = NULL;

    unlink(temporary); /* of a program with the same pid that died here */
    int fd = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return fc_err_errno(err, "cannot create '%s'", path);
    int result = fill_new(path, fd, real, &page, err);
    if (result == 0 && link(temporary, path))
        result = errno == EEXIST ? 1 : fc_err_errno(err, "cannot create '%s'", path);
    unlink(temporary);
    if (result) {
        if (page)
            munmap(page, FC_CLOCK_FILE_SIZE);
        close(fd);
        return result;
    }
    *ret_fd = fd;
    *ret_page = page;
    return 0;
}

int fc_clock_file_open(const char *path, int64_t real, int *ret_fd, struct fc_clock_page **ret_page, struct fc_err *err)
{
    struct fc_clock_page *page = NULL;
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd < 0 && errno == ENOENT) {
        int created = create_new(path, real, &fd, &page, err);
        if (created < 0)
            return -1;
        if (created == 1)
            fd = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    }
    if (fd < 0 && errno == EISDIR)
        return fc_err_set(err, FC_E_DAMAGED, "'%s' is a folder, not a clock file", path);
    if (fd < 0)
        return fc_err_errno(err, "cannot open '%s'", path);
    if (!page && use_existing(path, fd, real, &page, err)) {
        close(fd);
        return -1;
    }
    enter_writer(page, real);
    *ret_fd = fd;
    *ret_page = page;
    return 0;
}

void fc_clock_file_close(int fd, struct fc_clock_page *page)
{
    munmap(page, FC_CLOCK_FILE_SIZE);
    close(fd);
}
