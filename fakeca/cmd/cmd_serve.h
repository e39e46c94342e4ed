/* What `fakeca serve` is told: the CA's configuration and how it talks. */
#ifndef FC_CMD_SERVE_H
#define FC_CMD_SERVE_H

#include "app/app.h"

enum { FC_CMD_PRINT_TEXT, FC_CMD_PRINT_JSON, FC_CMD_PRINT_NONE };
enum { FC_CMD_LOG_EVENTS, FC_CMD_LOG_ALL, FC_CMD_LOG_NONE };

struct fc_cmd_serve_target {
    struct fc_app_config app;
    const char *config; /* file */
    int print;
    int log;
    json_t *file; /* of the config file, whose texts `app` borrows; the caller drops it */
};

struct fc_cmd_serve_ready {
    void (*fn)(void *cookie, const json_t *run);      /* called when all listeners are up */
    void (*event)(void *cookie, const json_t *event); /* for each from then on, in order; NULL: none */
    void *cookie;
};
/* Runs a CA until it is interrupted: the signal, or -1 with the error when it did not start. */
int fc_cmd_serve_until(const struct fc_app_config *config, int log, const struct fc_cmd_serve_ready *ready,
                       struct fc_err *err);

#endif
