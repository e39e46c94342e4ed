/* The rules of letsencrypt.md part B as rows: a world, what is asked, the verdict. test_va_table.c runs them with `rehearsal` on and
 * off. Names and addresses are public ones; the port map leads them to the servers of a row on loopback. */
#ifndef FC_TESTS_VA_LIB_ROWS_H
#define FC_TESTS_VA_LIB_ROWS_H

#include "net/lib_peer.h"
#include "va/lib_alpn.h"
#include "va/lib_va.h"

#define NAME "www.example.com"  /* A V4 */
#define BOTH "both.example.com" /* A V4, AAAA V6 */
#define SIX "six.example.com"   /* AAAA V6 */
#define OTHER "b.example.com"   /* A V4 */
#define V4 "93.184.216.34"
#define V6 "2606:2800:220:1::1"
#define ACCOUNT "https://ca.example/acme/acct/7"
#define ROW_NOW (INT64_C(1788264000) * FC_SECOND) /* 2026-09-01T12:00:00Z */

/* A server on 127.0.0.1 or, with a '6' in `at`, on ::1; other addresses of the name lead nowhere. */
struct row_server {
    const char *at; /* "80", "443", "80/6", "443/6"; NULL: no more servers */
    enum peer_mode mode;
    const char *bytes;
    const struct peer_answer *routes; /* instead of bytes */
    size_t n_routes;
    const char *pem;              /* HTTPS */
    const struct alpn_cert *alpn; /* tls-alpn-01 */
    enum alpn_mode alpn_mode;
};

enum row_scope { ROW_DCV, ROW_CAA, ROW_ALL };

struct va_row {
    const char *what;
    const char *method; /* NULL: http-01 */
    const char *name;   /* NULL: NAME */
    struct row_server servers[2];
    /* NULL: valid; with the type's usual status */
    const char *type, *detail;
    /* with `rehearsal` off, where that differs; off_type "": valid */
    const char *off_type, *off_detail;
    bool ip, wildcard;
    enum row_scope scope;
    int perspectives;     /* 0: 1 */
    unsigned blind, lost; /* bits: 1 the primary, 2 the first remote ... */
    bool hurry;           /* all times are short */
    int requests;         /* that the first server must have seen; 0: not looked at */
    const char *record;   /* validationRecord, compact; NULL: not looked at */
    const char *sni;      /* that the first server must have seen; NULL: not looked at */
};

extern const struct zone_row row_zone[];
extern const size_t row_zone_count;

extern const struct va_row rows_http[], rows_redirect[], rows_dns[], rows_alpn[], rows_caa[], rows_mpic[];
extern const size_t rows_http_count, rows_redirect_count, rows_dns_count, rows_alpn_count, rows_caa_count,
    rows_mpic_count;

#define COUNT(array) (sizeof(array) / sizeof *(array))

#endif
