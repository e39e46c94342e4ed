/* What the stand-ins for Go programs share: flags with one hyphen, a log on standard output, addresses with names in them. */
#ifndef FC_CMD_GO_H
#define FC_CMD_GO_H

#include "base/base_arena.h"
#include "base/base_err.h"
#include "base/base_opt.h"

/* "-name value", "-name=value" and "-flag=false" in the form of base_opt; a program's own words as the texts of the arena. */
char *const *fc_cmd_go_flags(struct fc_arena *arena, const struct fc_opt *table, int argc, char *const *argv,
                             int *ret_argc);
/* "Pebble 2026/11/24 20:02:23 text" on standard output; `prefix` leads the line. */
void fc_cmd_go_log(const char *prefix, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "HOST:PORT" to listen on or to ask, in our form: of a host that is a name the first address that it has; "0.0.0.0" and "[::]" are
 * every address of both families, as in Go, and clients that look for "localhost" rely on it. FC_E_USAGE. */
int fc_cmd_go_address(struct fc_arena *arena, const char *text, const char **ret_address, struct fc_err *err);
/* The same for each of a list with commas; one that is none stays as it is. */
void fc_cmd_go_addresses(struct fc_arena *arena, const char *list, const char **ret_list);

#endif
