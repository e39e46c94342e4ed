/* The memory of another process (reference/clock.md 3.7): page protection is honoured. */
#ifndef FC_TIMESHIFT_MEMORY_H
#define FC_TIMESHIFT_MEMORY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* All of it: 0, or -1 with errno (EFAULT: not mapped or not allowed; EPERM: the process cannot be looked into). */
int fc_timeshift_memory_read(pid_t tid, uint64_t address, void *ret_data, size_t len);
int fc_timeshift_memory_write(pid_t tid, uint64_t address, const void *data, size_t len);
/* As much as is there up to len; 0 when nothing is. */
size_t fc_timeshift_memory_read_some(pid_t tid, uint64_t address, void *ret_data, size_t len);
/* A text of less than `room` bytes; 0, or -1 (ENAMETOOLONG when it does not end). */
int fc_timeshift_memory_text(pid_t tid, uint64_t address, char *ret_text, size_t room);

#endif
