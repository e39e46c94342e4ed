/* What the front and the supervisor tell each other: one message a packet, a letter and its data. */
#ifndef FC_TIMESHIFT_SUPER_H
#define FC_TIMESHIFT_SUPER_H

#include <stddef.h>
#include <sys/types.h>

#include "timeshift/timeshift_int.h"
#include "timeshift/timeshift_proc.h"

#define FC_TIMESHIFT_MESSAGE_MAX 1024

enum fc_timeshift_message {
    /* from the supervisor */
    FC_TIMESHIFT_SAYS = 'm',    /* a text for people */
    FC_TIMESHIFT_ENDED = 'e',   /* the command: an int, as waitpid gives it */
    FC_TIMESHIFT_STOPPED = 't', /* the command */
    FC_TIMESHIFT_REST = 'r',    /* struct fc_timeshift_rest: the command has ended, these have not */
    FC_TIMESHIFT_DONE = 'd',    /* struct fc_timeshift_counters: nobody is left */
    /* from the front */
    FC_TIMESHIFT_SIGNAL = 's',    /* an int: a signal for the command */
    FC_TIMESHIFT_STOPPING = 'z',  /* the terminal has told the job to stop */
    FC_TIMESHIFT_END_TREE = 'k',  /* SIGTERM, a grace, SIGKILL */
    FC_TIMESHIFT_KILL_TREE = 'K', /* SIGKILL */
    FC_TIMESHIFT_DETACH = 'D'     /* go on without a front */
};

struct fc_timeshift_rest {
    pid_t first;
    char name[FC_TIMESHIFT_NAME_MAX];
    size_t n;
};

void fc_timeshift_super_tell(struct fc_timeshift_super *s, char kind, const void *data, size_t len);
/* The life of the supervisor's process, from its fork on: starts the command, serves until nobody is left. Does not return. `mask`:
 * the signals that were blocked when the front was started. sockets: to the front, for control and for names (-1: none). */
void fc_timeshift_super_main(const struct fc_timeshift_params *params, const struct fc_timeshift_clock *clock,
                             const int sockets[2], const void *mask) __attribute__((noreturn));

#endif
