#define _GNU_SOURCE /* memfd_create */
#include "timeshift/timeshift_int.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

/* made from image/image_ARCH.c by CMakeLists.txt */
extern const char fc_timeshift_image[];
extern const size_t fc_timeshift_image_len;

/* The segment is shorter than a page; what follows it in the file is not mapped by anybody who needs it. */
static size_t image_len(void)
{
    return fc_timeshift_image_len < FC_TIMESHIFT_PAGE ? fc_timeshift_image_len : FC_TIMESHIFT_PAGE;
}

static int create(void)
{
    int fd = memfd_create("fakeca-vdso", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);

    if (fd < 0 && errno == EINVAL) /* before Linux 6.3 */
        fd = memfd_create("fakeca-vdso", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    return fd;
}

int fc_timeshift_image_open(struct fc_err *err)
{
    int fd = create();

    if (fd < 0)
        return fc_err_errno(err, "cannot make a memory file");
    if (ftruncate(fd, FC_TIMESHIFT_PAGE) != 0 ||
        pwrite(fd, fc_timeshift_image, image_len(), 0) != (ssize_t)image_len() ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
        fc_err_errno(err, "cannot fill a memory file");
        close(fd);
        return -1;
    }
    return fd;
}

uint64_t fc_timeshift_image_symbol(const char *name)
{
    return fc_timeshift_elf_symbol(fc_timeshift_image, image_len(), name);
}
