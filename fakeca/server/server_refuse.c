/* A service that refuses connections for a while, as a server that is down does: its listeners are closed and come back at the same
 * addresses. On the accept thread only. */
#include "server/server_int.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base_log.h"
#include "base/base_time.h"

/* How soon the end of the refusal is noticed when nobody tells. */
#define LOOK (100 * FC_MS)

static void close_all(struct fc_server_unit *unit)
{
    for (size_t i = 0; i < unit->n_listeners; i++) {
        socklen_t len = sizeof unit->bound[i];
        unit->bound[i] = (struct sockaddr_storage){0};
        (void)getsockname(unit->listeners[i], (struct sockaddr *)&unit->bound[i], &len);
    }
    unit->n_bound = unit->n_listeners;
    fc_server_listen_close(unit);
}

/* All or none: a port that somebody else took meanwhile is tried again at the next look. */
static void open_all(struct fc_server_unit *unit)
{
    while (unit->n_listeners < unit->n_bound) {
        int fd = fc_server_listen_again(&unit->bound[unit->n_listeners]);
        if (fd < 0) {
            fc_log(FC_LOG_WARN, "cannot listen again (%s): %s", unit->service.name, strerror(errno));
            fc_server_listen_close(unit);
            return;
        }
        unit->listeners[unit->n_listeners++] = fd;
    }
    unit->n_bound = 0;
}

int64_t fc_server_refuse_look(struct fc_server_unit *unit, int64_t mono)
{
    if (!unit->service.refusing)
        return INT64_MAX;
    bool refusing = unit->service.refusing(unit->service.cookie);
    if (refusing && unit->n_bound == 0)
        close_all(unit);
    else if (!refusing && unit->n_bound > 0)
        open_all(unit);
    return unit->n_bound > 0 ? mono + LOOK : INT64_MAX;
}
