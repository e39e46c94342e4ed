/* Shared by the files of the challenge server only. */
#ifndef FC_COMPAT_CHALL_INT_H
#define FC_COMPAT_CHALL_INT_H

#include "compat/chall.h"
#include "http/http_msg.h"

#include <jansson.h>
#include <pthread.h>
#include <stdbool.h>

#define FC_CHALL_ENTRIES_MAX 100000 /* of each table */
#define FC_CHALL_HISTORY_MAX 10000  /* requests kept of one host and kind: the newest */
#define FC_CHALL_TEXT_MAX 8192

struct fc_chall_tls;
struct fc_chall_dns;
struct fc_server;

enum fc_chall_kind { FC_CHALL_HTTP, FC_CHALL_DNS, FC_CHALL_TLSALPN };

struct fc_compat_chall {
    struct fc_compat_chall_params p; /* only whether a service is there, and the log */
    bool http, dns_on, tls_on;
    struct fc_server *server;
    struct fc_chall_tls *tls;
    struct fc_chall_dns *dns;
    struct fc_clock *clock;
    pthread_mutex_t lock; /* a leaf */
    json_t *tokens;       /* http-01: token -> content */
    json_t *redirects;    /* path -> URL */
    json_t *alpn;         /* host -> key authorization */
    json_t *history[2];   /* HTTP and, by FC_CHALL_TLSALPN, TLS: host -> events */
};

/* ---- chall.c ---- */

void fc_chall_log(const struct fc_compat_chall *chall, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Logs why an address is not served. */
void fc_chall_not_served(const struct fc_compat_chall *chall, const struct fc_err *cause);
/* Tables: value NULL removes. -1: the table is full. */
int fc_chall_put(struct fc_compat_chall *chall, json_t *table, const char *key, const char *value);
/* Arena copy, NULL when there is none. */
const char *fc_chall_find(struct fc_compat_chall *chall, struct fc_arena *arena, const json_t *table, const char *key);
/* Takes the event over. */
void fc_chall_note(struct fc_compat_chall *chall, enum fc_chall_kind kind, const char *host, json_t *event);

/* ---- chall_api.c: the management listener ---- */

void fc_chall_api(void *chall, struct fc_http_req *req, struct fc_http_res *res);

/* ---- chall_dns.c ---- */

int fc_chall_dns_start(struct fc_compat_chall *chall, const struct fc_compat_chall_params *params,
                       struct fc_chall_dns **ret_dns, struct fc_err *err);
void fc_chall_dns_stop(struct fc_chall_dns *dns); /* NULL allowed */
/* Addresses of names that have none of their own; type "A" or "AAAA", ip "" for none. What is no address is none, with a line in the
 * log: suites say '""' with the quotes in it. */
int fc_chall_dns_default(const struct fc_compat_chall *chall, struct fc_chall_dns *dns, const char *type,
                         const char *ip, struct fc_err *err);
/* Adds to the values of the name (the oldest make room), or with `replace` they are all. */
int fc_chall_dns_add(struct fc_chall_dns *dns, const char *type, const char *host, const json_t *values, bool replace,
                     struct fc_err *err);
int fc_chall_dns_servfail(struct fc_chall_dns *dns, const char *host, struct fc_err *err);
/* type NULL: SERVFAIL. */
int fc_chall_dns_clear(struct fc_chall_dns *dns, const char *type, const char *host, struct fc_err *err);
/* The questions for a host, oldest first: [{"Question":{"Name","Qtype","Qclass"}}]; new reference. */
json_t *fc_chall_dns_history(struct fc_chall_dns *dns, const char *host);
void fc_chall_dns_forget(struct fc_chall_dns *dns, const char *host);
/* DNS over HTTPS. */
void fc_chall_dns_doh(void *chall, struct fc_http_req *req, struct fc_http_res *res);
/* The directory of certificates for https-01 and DoH: of our own. */
struct fc_ca_tls;
const struct fc_ca_tls *fc_chall_dns_tls(const struct fc_chall_dns *dns);

/* ---- chall_tls.c: tls-alpn-01 ---- */

int fc_chall_tls_start(struct fc_compat_chall *chall, const char *addresses, struct fc_chall_tls **ret_tls,
                       struct fc_err *err);
void fc_chall_tls_stop(struct fc_chall_tls *tls); /* NULL allowed */

#endif
