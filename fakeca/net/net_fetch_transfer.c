#include "net/net_fetch_int.h"

#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/base_clock.h"
#include "base/base_text.h"
#include "base/base_time.h"

/* What is kept of a body, at most; a caller may want less. 9 bytes tell HTTP/2. */
enum { BODY_CEILING = 1024 * 1024, FRAME_HEAD = 9, CERTIFICATE_MAX = 64 * 1024 };

/* ---- what comes in ---- */

/* What the TLS session of an answer was; nothing for a plain one. */
static void take_session(struct fc_net_transfer *transfer)
{
    struct curl_tlssessioninfo *info = NULL;

    if (curl_easy_getinfo(transfer->easy, CURLINFO_TLS_SSL_PTR, &info) != CURLE_OK || info == NULL ||
        info->internals == NULL || info->backend != CURLSSLBACKEND_OPENSSL)
        return;
    transfer->tls_version = SSL_get_version(info->internals);
    X509 *certificate = SSL_get0_peer_certificate(info->internals);
    int len = certificate != NULL ? i2d_X509(certificate, NULL) : 0;
    if (len <= 0 || len > CERTIFICATE_MAX)
        return;
    unsigned char *out = transfer->certificate = fc_malloc((size_t)len);
    transfer->certificate_len = (size_t)i2d_X509(certificate, &out);
}

/* The value of a header line without white space around it; NULL when the line is another header's. */
static const char *header_value(const char *line, size_t len, const char *name, size_t *ret_len)
{
    size_t name_len = strlen(name);

    if (len <= name_len || line[name_len] != ':' || strncasecmp(line, name, name_len) != 0)
        return NULL;
    const char *from = line + name_len + 1;
    const char *to = line + len;
    while (from < to && (*from == ' ' || *from == '\t'))
        from++;
    while (to > from && strchr(" \t\r\n", to[-1]) != NULL)
        to--;
    *ret_len = (size_t)(to - from);
    return from;
}

static void take_header(struct fc_net_transfer *transfer, const char *line, size_t len)
{
    size_t value_len = 0;
    const char *value = header_value(line, len, "Location", &value_len);

    if (value != NULL && value_len > 0 && transfer->location == NULL)
        transfer->location = fc_strndup(value, value_len);
    value = header_value(line, len, "Strict-Transport-Security", &value_len);
    if (value != NULL && transfer->hsts == NULL)
        transfer->hsts = fc_strndup(value, value_len);
    value = header_value(line, len, "Server", &value_len);
    if (value != NULL && value_len > 0 && transfer->server == NULL)
        transfer->server = fc_strndup(value, value_len);
    value = header_value(line, len, "Content-Encoding", &value_len);
    if (value != NULL && value_len > 0)
        transfer->foreign = value_len != 4 || strncasecmp(value, "gzip", 4) != 0;
    if (header_value(line, len, "Content-Length", &value_len) != NULL ||
        header_value(line, len, "Transfer-Encoding", &value_len) != NULL)
        transfer->has_length = true;
}

/* A status line begins an answer: also the one behind a 1xx. */
static void begin_head(struct fc_net_transfer *transfer)
{
    long version = 0;

    curl_easy_getinfo(transfer->easy, CURLINFO_HTTP_VERSION, &version);
    transfer->http_version = version == CURL_HTTP_VERSION_1_0 ? 10 : 11;
    free(FC_TAKE(transfer->location));
    free(FC_TAKE(transfer->hsts));
    free(FC_TAKE(transfer->server));
    transfer->has_length = false;
    transfer->foreign = false;
    transfer->garbage = version != CURL_HTTP_VERSION_1_0 && version != CURL_HTTP_VERSION_1_1;
}

/* The empty line. Returns false when nothing more is wanted. */
static bool end_head(struct fc_net_transfer *transfer)
{
    if (transfer->status >= 100 && transfer->status < 200)
        return true;
    transfer->head_complete = true;
    take_session(transfer);
    transfer->satisfied = transfer->body_status != 0 && transfer->status != transfer->body_status;
    transfer->again = !transfer->satisfied && transfer->foreign && !transfer->plain;
    return !transfer->satisfied && !transfer->again;
}

/* One line of a head. Returns false when the transfer is to end. */
static bool take_line(struct fc_net_transfer *transfer, const char *line, size_t len)
{
    long status = 0;

    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    transfer->status = (int)status;
    if (line[0] == '\r' || line[0] == '\n')
        return end_head(transfer);
    if (len >= 5 && memcmp(line, "HTTP/", 5) == 0)
        begin_head(transfer);
    else if (line[0] == ' ' || line[0] == '\t' || memchr(line, ':', len) != NULL)
        take_header(transfer, line, len);
    else
        transfer->garbage = true;
    return !transfer->garbage;
}

static size_t on_header(char *line, size_t size, size_t count, void *cookie)
{
    struct fc_net_transfer *transfer = cookie;
    size_t len = size * count;

    transfer->head_bytes += len;
    if (transfer->head_bytes > FC_NET_FETCH_HEAD_MAX) {
        transfer->garbage = !transfer->head_complete;
        return 0;
    }
    /* lines behind the head are the trailers of a chunked body */
    return transfer->head_complete || take_line(transfer, line, len) ? len : 0;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *cookie)
{
    struct fc_net_transfer *transfer = cookie;
    size_t len = size * count;
    size_t max = transfer->head_complete ? transfer->body_max : FRAME_HEAD;
    size_t room = max - transfer->body.len;

    fc_buf_append(&transfer->body, bytes, len < room ? len : room);
    if (transfer->body.len < max)
        return len;
    /* bytes without any head are what libcurl takes for HTTP/0.9 */
    transfer->satisfied = transfer->head_complete;
    transfer->garbage = !transfer->head_complete;
    return 0;
}

/* ---- what goes out ---- */

static void set_fixed_options(struct fc_net_transfer *transfer)
{
    CURL *easy = transfer->easy;

    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    fc_net_curl_common(easy, transfer->error);
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 4096L);
    /* bytes that are no HTTP/1 come to on_body, which tells HTTP/2 from the rest */
    curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 1L);
    curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip");

    /* nothing of the peer's certificate is verified, so nothing is to be read for it: no bundle, no session */
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
    curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
    curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_ENABLE_ALPN, 0L);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(easy, CURLOPT_SSL_CIPHER_LIST, "DEFAULT:@SECLEVEL=0");

    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
}

struct fc_net_transfer *fc_net_transfer_new(void)
{
    CURL *easy = curl_easy_init();

    if (easy == NULL)
        return NULL;
    struct fc_net_transfer *transfer = fc_calloc(1, sizeof *transfer);
    transfer->easy = easy;
    fc_buf_init(&transfer->body, BODY_CEILING);
    set_fixed_options(transfer);
    return transfer;
}

/* Forgets what came in. */
static void clear_answer(struct fc_net_transfer *transfer)
{
    free(FC_TAKE(transfer->location));
    free(FC_TAKE(transfer->hsts));
    free(FC_TAKE(transfer->server));
    free(FC_TAKE(transfer->certificate));
    fc_buf_clear(&transfer->body);
    transfer->error[0] = '\0';
    transfer->status = 0;
    transfer->http_version = 0;
    transfer->head_bytes = 0;
    transfer->head_complete = false;
    transfer->has_length = false;
    transfer->satisfied = false;
    transfer->foreign = false;
    transfer->again = false;
    transfer->garbage = false;
    transfer->tls_version = NULL;
}

void fc_net_transfer_clear(struct fc_net_transfer *transfer)
{
    curl_slist_free_all(FC_TAKE(transfer->headers));
    curl_slist_free_all(FC_TAKE(transfer->connect_to));
    clear_answer(transfer);
}

void fc_net_transfer_free(struct fc_net_transfer *transfer)
{
    if (transfer == NULL)
        return;
    curl_easy_cleanup(transfer->easy);
    fc_net_transfer_clear(transfer);
    fc_buf_release(&transfer->body);
    free(transfer);
}

/* In the order of letsencrypt.md B.3; libcurl puts Host first. */
static void set_headers(struct fc_net_transfer *transfer, const struct fc_net_fetch_params *params)
{
    fc_net_curl_add(&transfer->headers, "User-Agent", params->user_agent);
    fc_net_curl_add(&transfer->headers, "Accept: */*", NULL);
    if (params->referer != NULL)
        fc_net_curl_add(&transfer->headers, "Referer", params->referer);
    fc_net_curl_add(&transfer->headers, "Accept-Encoding: gzip", NULL);
    fc_net_curl_add(&transfer->headers, "Connection: close", NULL);
    curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, transfer->headers);
}

static void set_place(struct fc_net_transfer *transfer, const struct fc_net_fetch_params *params)
{
    char text[FC_NET_ADDR_TEXT];
    fc_auto_free char *rule = fc_asprintf("::%s", fc_net_addr_text(&params->to, text));

    fc_net_curl_add(&transfer->connect_to, rule, NULL);
    curl_easy_setopt(transfer->easy, CURLOPT_CONNECT_TO, transfer->connect_to);
    if (params->from.family == AF_UNSPEC) {
        curl_easy_setopt(transfer->easy, CURLOPT_INTERFACE, NULL);
        return;
    }
    fc_auto_free char *from = fc_asprintf("host!%s", fc_net_addr_ip(&params->from, text));
    curl_easy_setopt(transfer->easy, CURLOPT_INTERFACE, from);
}

/* libcurl counts in milliseconds, and 0 means "never". */
static long milliseconds(int64_t ns)
{
    int64_t ms = ns <= 0 ? 1 : (ns + FC_MS - 1) / FC_MS;

    return ms > 0x7fffffff ? 0x7fffffff : (long)ms;
}

static void set_decoding(struct fc_net_transfer *transfer, bool plain)
{
    transfer->plain = plain;
    curl_easy_setopt(transfer->easy, CURLOPT_HTTP_CONTENT_DECODING, plain ? 0L : 1L);
}

static void set_deadline(struct fc_net_transfer *transfer)
{
    curl_easy_setopt(transfer->easy, CURLOPT_TIMEOUT_MS, milliseconds(transfer->deadline - fc_clock_mono()));
}

void fc_net_transfer_repeat(struct fc_net_transfer *transfer)
{
    clear_answer(transfer);
    set_decoding(transfer, true);
    set_deadline(transfer);
}

int fc_net_transfer_prepare(struct fc_net_transfer *transfer, const struct fc_net_fetch_params *params,
                            struct fc_err *err)
{
    transfer->body_max = params->body_max < BODY_CEILING ? params->body_max : BODY_CEILING;
    transfer->body_status = params->body_status;
    /* libcurl's limit on the connect covers the handshake too: what is called a connect timeout is told apart afterwards */
    curl_easy_setopt(transfer->easy, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(params->connect_timeout));
    transfer->deadline = params->deadline;
    set_deadline(transfer);
    set_decoding(transfer, false);
    set_headers(transfer, params);
    set_place(transfer, params);
    if (curl_easy_setopt(transfer->easy, CURLOPT_URL, params->url) != CURLE_OK)
        return fc_err_set(err, FC_E_LIMIT, "libcurl does not take the URL '%.200s'", params->url);
    return 0;
}
