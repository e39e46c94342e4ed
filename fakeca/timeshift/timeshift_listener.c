#include "timeshift/timeshift_int.h"

#include <linux/seccomp.h>
#include <sys/ioctl.h>

#include "base/base_alloc.h"

/* ENOENT is ordinary in all of these: the caller was killed, or a signal took it out of the call. */

bool fc_timeshift_listener_valid(struct fc_timeshift_super *s, uint64_t id)
{
    return ioctl(s->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

static void answer(struct fc_timeshift_super *s, uint64_t id, int64_t value, int error, uint32_t flags)
{
    fc_auto_free struct seccomp_notif_resp *response = fc_calloc(1, s->response_size);

    response->id = id;
    response->val = value;
    response->error = error;
    response->flags = flags;
    ioctl(s->listener, SECCOMP_IOCTL_NOTIF_SEND, response);
}

void fc_timeshift_listener_continue(struct fc_timeshift_super *s, uint64_t id)
{
    answer(s, id, 0, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
}

void fc_timeshift_listener_return(struct fc_timeshift_super *s, uint64_t id, int64_t value, int error)
{
    answer(s, id, error ? 0 : value, -error, 0);
}

int fc_timeshift_listener_give(struct fc_timeshift_super *s, uint64_t id, int fd, uint32_t flags)
{
    struct seccomp_notif_addfd give = {
        .id = id, .flags = SECCOMP_ADDFD_FLAG_SEND, .srcfd = (uint32_t)fd, .newfd_flags = flags};

    return ioctl(s->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &give) < 0 ? -1 : 0;
}
