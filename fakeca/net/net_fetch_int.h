/* Shared by net_fetch.c (the loop), net_fetch_transfer.c (one GET) and net_fetch_fault.c (what its end means). */
#ifndef FC_NET_FETCH_INT_H
#define FC_NET_FETCH_INT_H

#include "base/base_buf.h"
#include "net/net_curl.h"
#include "net/net_fetch.h"

/* One GET: an easy handle that is used again and again, and what came in so far. */
struct fc_net_transfer {
    struct fc_net_transfer *next, **link; /* in the list of those under way or idle */
    CURL *easy;
    struct curl_slist *headers, *connect_to;
    char error[CURL_ERROR_SIZE];
    fc_net_fetch_fn done;
    void *cookie;

    size_t body_max;
    int body_status;
    int64_t deadline;
    bool plain; /* bodies are taken as they come */

    int status;
    int http_version;
    size_t head_bytes;
    bool head_complete;
    bool has_length;                /* the body ends by Content-Length or chunks, not by the connection */
    bool satisfied;                 /* we ended the transfer, for all that was wanted is there */
    bool foreign;                   /* a Content-Encoding that we did not ask for */
    bool again;                     /* we ended it, to ask anew for the bytes as they are */
    bool garbage;                   /* we ended it, for this is no HTTP/1 */
    char *location, *hsts, *server; /* NULL: none */
    unsigned char *certificate;
    size_t certificate_len;
    const char *tls_version; /* literal of OpenSSL's */
    struct fc_buf body;      /* of an answer without head: its first bytes */
};

/* ---- net_tls.c: handshakes in the same loop ---- */

struct fc_net_tls;

/* *ret_tls is set even on failure. */
int fc_net_tls_new(struct fc_net_tls **ret_tls, struct fc_err *err);
/* Cancels what is under way (callbacks come). */
void fc_net_tls_free(struct fc_net_tls *tls);
/* Readable when fc_net_tls_run has something to do. */
int fc_net_tls_fd(const struct fc_net_tls *tls);
void fc_net_tls_run(struct fc_net_tls *tls);
/* Ends what is overdue at now; when the next is, INT64_MAX: none is under way. */
void fc_net_tls_expire(struct fc_net_tls *tls, int64_t now);
int64_t fc_net_tls_until(const struct fc_net_tls *tls);
/* NULL while the loop is being closed. */
struct fc_net_tls *fc_net_fetch_tls(const struct fc_net_fetch *fetch);

/* ---- net_fetch_transfer.c, net_fetch_fault.c ---- */

/* NULL when libcurl has no handle to give. */
struct fc_net_transfer *fc_net_transfer_new(void);
void fc_net_transfer_free(struct fc_net_transfer *transfer);
/* Makes the handle ready for one GET. */
int fc_net_transfer_prepare(struct fc_net_transfer *transfer, const struct fc_net_fetch_params *params,
                            struct fc_err *err);
/* Forgets what the last GET left; the handle and its buffers stay. */
void fc_net_transfer_clear(struct fc_net_transfer *transfer);

/* Makes it ready for the same GET once more, with bodies as they come. */
void fc_net_transfer_repeat(struct fc_net_transfer *transfer);

/* What the end of a transfer means, from libcurl's code and what came in. */
enum fc_net_fetch_fault fc_net_fetch_fault(const struct fc_net_transfer *transfer, CURLcode code);
/* What the errno of a connect means. */
enum fc_net_fetch_fault fc_net_fetch_errno(int error);
/* The alert in an error text of OpenSSL's ("error:0A000410:..."), as Go's crypto/tls names it, or NULL. buf: for alerts
 * without a name. */
const char *fc_net_fetch_alert(const char *error, char buf[32]);
/* Go's words for a body that cannot be decoded. */
const char *fc_net_fetch_bad_body(CURLcode code);

#endif
