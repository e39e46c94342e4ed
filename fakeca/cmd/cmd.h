/* The commands: one file each, a row in the table of main.c each. A command parses its options, talks to the running CA over its
 * management API (only `serve` makes a CA), prints the answer on standard output and gives back an exit code (design.md part 3). */
#ifndef FC_CMD_H
#define FC_CMD_H

#include "base/base_err.h"
#include "base/base_opt.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    FC_EXIT_GOOD = 0,
    FC_EXIT_WRONG = 1,
    FC_EXIT_USAGE = 2,
    FC_EXIT_NOT_STARTED = 3,
    FC_EXIT_BROKEN = 4,
    FC_EXIT_INTERRUPTED = 130
};

struct fc_cmd {
    const char *name;
    const char *synopsis; /* behind the name: "SERIAL [--reason REASON]" */
    const char *summary;  /* one line for the list of commands */
    const char *about;    /* paragraphs and examples for --help; ends with a newline */
    int (*run)(const struct fc_cmd *self, int argc, char *const *argv);
};

extern const struct fc_cmd fc_cmd_serve, fc_cmd_clock, fc_cmd_status, fc_cmd_log, fc_cmd_probe, fc_cmd_certs,
    fc_cmd_revoke, fc_cmd_trust, fc_cmd_dns, fc_cmd_fault, fc_cmd_env, fc_cmd_reset, fc_cmd_health, fc_cmd_run,
    fc_cmd_plan, fc_cmd_check, fc_cmd_pebble, fc_cmd_challtestsrv, fc_cmd_limits, fc_cmd_policy;

/* ---- cmd_api.c: the running CA ---- */

/* First member of each command's target: where the CA is and how to print. Rows: FC_CMD_TARGET_ROWS. */
struct fc_cmd_target {
    const char *state;
    const char *management;
    const char *token;
    bool json;
    int64_t timeout; /* of an answer, ns; 0: the usual one */
};
#define FC_CMD_TARGET_ROWS                                                                                             \
    {.name = "state",                                                                                                  \
     .type = FC_OPT_STRING,                                                                                            \
     .offset = offsetof(struct fc_cmd_target, state),                                                                  \
     .arg = "DIR",                                                                                                     \
     .env = "FAKECA_STATE",                                                                                            \
     .help = "state folder of the running CA"},                                                                        \
        {.name = "management",                                                                                         \
         .type = FC_OPT_STRING,                                                                                        \
         .offset = offsetof(struct fc_cmd_target, management),                                                         \
         .arg = "URL",                                                                                                 \
         .env = "FAKECA_MANAGEMENT",                                                                                   \
         .help = "management address of the running CA, instead of a folder"},                                         \
        {.name = "token",                                                                                              \
         .type = FC_OPT_STRING,                                                                                        \
         .offset = offsetof(struct fc_cmd_target, token),                                                              \
         .arg = "TOKEN",                                                                                               \
         .env = "FAKECA_TOKEN",                                                                                        \
         .help = "management token, where the CA was given one"},                                                      \
    {                                                                                                                  \
        .name = "json", .type = FC_OPT_FLAG, .offset = offsetof(struct fc_cmd_target, json),                           \
        .help = "print the API's answer as JSON"                                                                       \
    }

/* The management API's base URL of that CA, without a final '/'; the caller frees. FC_E_NOT_FOUND when none is running. */
int fc_cmd_api_base(const struct fc_cmd_target *target, char **ret_base, struct fc_err *err);
/* One request; path begins with "/api/v1". body (borrowed) may be NULL. The answer's JSON is the caller's. An answer of 400 and
 * above becomes an error with the API's own words. */
int fc_cmd_api(const struct fc_cmd_target *target, const char *method, const char *path, const json_t *body,
               json_t **ret_answer, struct fc_err *err);
/* GET of something that is no JSON; the caller frees. */
int fc_cmd_api_text(const struct fc_cmd_target *target, const char *path, char **ret_text, struct fc_err *err);
/* A query value, percent-encoded; the caller frees. */
char *fc_cmd_api_encode(const char *text);

/* ---- cmd_util.c: what the commands share ---- */

/* Parses arguments, which must be UTF-8; prints help or the error. -1 to go on, else the exit code. operands as in fc_opt_result, checked against [min, max]. */
int fc_cmd_parse(const struct fc_cmd *self, const struct fc_opt *table, void *target, int argc, char *const *argv,
                 struct fc_opt_result *result, size_t min, size_t max);
/* Prints "fakeca NAME: error" and returns the exit code for it. */
int fc_cmd_fail(const struct fc_cmd *self, const struct fc_err *err);
/* Prints "usage: ..." and the options of table (may be NULL). */
void fc_cmd_help(const struct fc_cmd *self, const struct fc_opt *table);
/* Prints JSON, indented, on standard output. */
void fc_cmd_print_json(const json_t *value);
/* Ends a command that printed an answer: 0, or 4 with a message when standard output could not be written. */
int fc_cmd_done(const struct fc_cmd *self);
/* Text of a member for people: strings as they are, numbers in decimal, null and absent as "-". Two static buffers in turn. */
const char *fc_cmd_text(const json_t *object, const char *key);
/* One of a NULL-terminated list of words, as sub-command; NULL after printing the error with the nearest word. */
const char *fc_cmd_word(const struct fc_cmd *self, const char *word, const char *const *words);
/* A text as one word of a command to copy: quoted for a shell where it must be; the caller frees. */
char *fc_cmd_shell_word(const char *text);
/* "1 certificate", "2 certificates" */
const char *fc_cmd_count(int64_t n, const char *one, const char *many, char buf[64]);

/* ---- cmd_probe.c ---- */

/* A trace (the schema Validation of openapi.json) for people, a line a hop, on standard output. */
void fc_cmd_probe_print(const json_t *trace);

/* ---- cmd_clients.c: what is known of each client ---- */

/* Values of the running CA, or the defaults. */
struct fc_cmd_place {
    const char *state, *directory, *staging, *directory_http, *management, *dns, *ca_file, *trust_file, *clock_file;
    const char *http_port, *https_port;
};
/* The same with what holds the texts (cmd_env.c). */
struct fc_cmd_place_held {
    struct fc_cmd_place shown;
    json_t *status, *run;
    char *http_port, *https_port;
};
/* Asks the running CA; release it in any case, also when this fails. Start with a zeroed one. */
int fc_cmd_place_ask(const struct fc_cmd_target *target, struct fc_cmd_place_held *place, struct fc_err *err);
void fc_cmd_place_release(struct fc_cmd_place_held *place);

/* Names, NULL-terminated; static. */
const char *const *fc_cmd_clients(void);
/* The page of a client with these values put in, each line led by `prefix`, on standard output; -1 when the name is unknown. */
int fc_cmd_clients_page(const char *name, const struct fc_cmd_place *place, const char *prefix);
/* "export NAME='value'" lines: for one client, or the union (name NULL). As a JSON object with `ret_json`. */
void fc_cmd_clients_exports(const char *name, const struct fc_cmd_place *place, json_t *ret_json);

/* Who a User-Agent is, and what that client is known to do. */
struct fc_cmd_client {
    const char *name;
    char version[16];  /* "" when it does not tell */
    const char *looks; /* what brings it to look again: "its command, under 'fakeca run'" */
    bool ari;          /* it asks the CA when to renew */
    int major, minor;
    size_t row;
};
/* False: not in the table. */
bool fc_cmd_clients_know(const char *user_agent, struct fc_cmd_client *ret_client);
/* The day after issue from which on its own rule renews a certificate of so many days for certain; -1: whoever calls it decides. */
int fc_cmd_clients_due(const struct fc_cmd_client *client, int days);

/* `fakeca help client NAME [--state DIR]` */
int fc_cmd_help_client(int argc, char *const *argv);

/* ---- cmd_notice.c ---- */

/* Of each client that the event log shows: which way of moving time it will notice, and whether its newest certificate is due at
 * `now` (RFC 3339) by its own rule. On standard output. */
int fc_cmd_notice_print(const struct fc_cmd_target *target, const char *now, struct fc_err *err);

/* ---- cmd_keep.c: files and folders as they were, and back again ---- */

struct fc_cmd_keep {
    char *folder; /* where the copies are */
    char **paths; /* resolved */
    size_t n;
};
/* Copies each path (a file, or a folder with all that is in it) to a new folder below $TMPDIR. `apart`: a folder that none of them may
 * hold or lie in; NULL: none. Release it in any case. */
int fc_cmd_keep_take(const struct fc_opt_strings *paths, const char *apart, struct fc_cmd_keep *ret_keep,
                     struct fc_err *err);
/* Makes all of them what they were. The folders themselves stay, so who has one open or mounted sees it. */
int fc_cmd_keep_put_back(const struct fc_cmd_keep *keep, struct fc_err *err);
/* The serial of the certificate among them that is valid from the latest moment on; NULL when there is none. The caller frees. */
char *fc_cmd_keep_certificate(const struct fc_cmd_keep *keep);
/* Removes the copies. */
void fc_cmd_keep_release(struct fc_cmd_keep *keep);
/* A folder with all that is in it. */
void fc_cmd_keep_remove(const char *folder);

/* ---- cmd_due.c ---- */

/* `fakeca clock find-due` */
int fc_cmd_find_due(const struct fc_cmd *self, int argc, char *const *argv);

/* ---- cmd_clock.c ---- */

/* `fakeca --advance-days N [target options]` */
int fc_cmd_advance_days(int argc, char *const *argv);

/* ---- cmd_serve_config.c ---- */

struct fc_app_config;
struct fc_cmd_serve_target;
extern const struct fc_opt fc_cmd_serve_options[];
/* Reads the config file that the arguments name, then the arguments. -1 to go on, else the exit code. */
int fc_cmd_serve_read(const struct fc_cmd *self, int argc, char *const *argv, struct fc_cmd_serve_target *target);

#endif
