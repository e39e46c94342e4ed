#define _GNU_SOURCE /* process_vm_readv */
#include "timeshift/timeshift_memory.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>

#include "timeshift/image/image.h"

int fc_timeshift_memory_read(pid_t tid, uint64_t address, void *ret_data, size_t len)
{
    struct iovec here = {.iov_base = ret_data, .iov_len = len};
    struct iovec there = {.iov_base = (void *)(uintptr_t)address, .iov_len = len};

    ssize_t n = process_vm_readv(tid, &here, 1, &there, 1, 0);
    if (n == (ssize_t)len)
        return 0;
    if (n >= 0)
        errno = EFAULT;
    return -1;
}

int fc_timeshift_memory_write(pid_t tid, uint64_t address, const void *data, size_t len)
{
    struct iovec here = {.iov_base = (void *)(uintptr_t)data, .iov_len = len};
    struct iovec there = {.iov_base = (void *)(uintptr_t)address, .iov_len = len};

    ssize_t n = process_vm_writev(tid, &here, 1, &there, 1, 0);
    if (n == (ssize_t)len)
        return 0;
    if (n >= 0)
        errno = EFAULT;
    return -1;
}

size_t fc_timeshift_memory_read_some(pid_t tid, uint64_t address, void *ret_data, size_t len)
{
    size_t done = 0;

    /* page by page: a read that leaves the mapping gives nothing at all of its last part */
    while (done < len) {
        size_t part = FC_TIMESHIFT_PAGE - (size_t)((address + done) % FC_TIMESHIFT_PAGE);
        if (part > len - done)
            part = len - done;
        if (fc_timeshift_memory_read(tid, address + done, (char *)ret_data + done, part) != 0)
            break;
        done += part;
    }
    return done;
}

int fc_timeshift_memory_text(pid_t tid, uint64_t address, char *ret_text, size_t room)
{
    size_t done = 0;

    while (done < room) {
        size_t part = FC_TIMESHIFT_PAGE - (size_t)((address + done) % FC_TIMESHIFT_PAGE);
        if (part > room - done)
            part = room - done;
        if (fc_timeshift_memory_read(tid, address + done, ret_text + done, part) != 0)
            return -1;
        if (memchr(ret_text + done, '\0', part))
            return 0;
        done += part;
    }
    errno = ENAMETOOLONG;
    return -1;
}
