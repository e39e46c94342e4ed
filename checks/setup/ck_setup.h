/* The description of somebody's setup (checks.md part 5): one JSON file, all its errors at once. */
#ifndef CK_SETUP_H
#define CK_SETUP_H

#include "base/base_alloc.h"
#include "base/base_err.h"
#include "net/net_addr.h"
#include "setup/ck_schedule.h"

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CK_SETUP_ADDRS_MAX 16
#define CK_SETUP_POLICY_MAX 64

enum ck_setup_method { CK_METHOD_AUTO, CK_METHOD_WEBROOT, CK_METHOD_STANDALONE, CK_METHOD_PLUGIN, CK_METHOD_BUILTIN };
enum ck_setup_starttls { CK_STARTTLS_NONE, CK_STARTTLS_SMTP, CK_STARTTLS_IMAP, CK_STARTTLS_POP3 };
enum ck_setup_clock { CK_CLOCK_AUTO, CK_CLOCK_RUN, CK_CLOCK_AGED };

struct ck_setup_endpoint {
    struct fc_net_addr at;
    int starttls; /* enum ck_setup_starttls */
    const char *host;
};

/* A result that the user changes, with reason and end. */
struct ck_setup_policy {
    const char *id, *why;
    int as; /* index into "pass", "warn", "fail" = enum ck_result */
    int64_t until;
};

struct ck_setup {
    char path[PATH_MAX], dir[PATH_MAX]; /* of the file, resolved */
    char named[PATH_MAX]; /* the folder as the user named it, absolute, links not followed; "" when it is too long */
    json_t *json;
    const char *name;
    const char **hosts;
    size_t n_hosts;
    struct fc_net_addr http[CK_SETUP_ADDRS_MAX], https[CK_SETUP_ADDRS_MAX];
    size_t n_http, n_https;
    struct {
        const char *issue, *renew, *start, *stop, *restart, *redeploy, *reset, *live;
    } run;
    const char *schedule_text, *scheduler;
    struct ck_schedule schedule;
    int method; /* enum ck_setup_method */
    const char *webroot, *cert, *key, *live, *alert;
    const char **state;
    size_t n_state;
    struct ck_setup_endpoint endpoints[CK_SETUP_ADDRS_MAX];
    size_t n_endpoints;
    int64_t replicas;
    int clock; /* enum ck_setup_clock */
    struct ck_setup_policy policy[CK_SETUP_POLICY_MAX];
    size_t n_policy;
    struct {
        int64_t bootstrap, renew, reload, restart; /* ns of real time */
    } timeouts;
    const char *container_engine, *container_service;
};

/* Reads and checks; FC_E_USAGE holds every error, one a line. */
int ck_setup_read(const char *path, struct ck_setup **ret_setup, struct fc_err *err);
void ck_setup_free(struct ck_setup *setup);
FC_CLEANUP(struct ck_setup *, ck_setup_free)

/* A path of the description as an absolute one; the caller frees. */
char *ck_setup_path(const struct ck_setup *setup, const char *relative);
/* Whether the absolute path, links followed, lies below the description's folder. Never true for the folder itself. */
bool ck_setup_inside(const struct ck_setup *setup, const char *path);

/* What a check may need: a bit each. */
enum ck_setup_member {
    CK_HAS_START = 1,   /* run.start */
    CK_HAS_RENEW = 2,   /* run.renew */
    CK_HAS_ISSUE = 4,   /* run.issue, or run.renew in its place */
    CK_HAS_WEBROOT = 8, /* webroot */
    CK_HAS_STATE = 16,  /* state */
    CK_HAS_CERT = 32,   /* cert */
    CK_HAS_LIVE = 64,   /* live */
    CK_HAS_ENDPOINTS = 128,
    CK_HAS_REDEPLOY = 256, /* run.redeploy */
    CK_HAS_RESTART = 512,  /* run.restart, or run.start and run.stop */
    CK_HAS_RESET = 1024,   /* run.reset, or state below the folder */
    CK_HAS_CLIENT =
        2048, /* a client that can be rehearsed: run.issue, run.renew, or run.start of a server that renews by itself */
    CK_HAS_BACKENDS = 4096, /* http with several addresses of a family */
    CK_HAS_IPV6 = 8192      /* http with both families */
};
unsigned ck_setup_members(const struct ck_setup *setup);
/* How the report names a member: "run.start". */
const char *ck_setup_member_name(unsigned bit);

#endif
