#include "net/net_fetch_int.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/base_text.h"

/* OpenSSL reports an alert that came as reason 1000 + its number (SSL_AD_REASON_OFFSET). */
enum { ALERT_REASON = 1000, REASON_MASK = 0x7fffff, UNEXPECTED_EOF = 294 };

bool fc_net_fetch_unconnected(enum fc_net_fetch_fault fault)
{
    return fault == FC_NET_REFUSED || fault == FC_NET_UNREACHABLE || fault == FC_NET_CONNECT_TIMEOUT ||
           fault == FC_NET_CONNECT_FAILED;
}

/* The reason of "error:0A000410:SSL routines::...": 0x410; 0 when the text holds no such error. */
static unsigned openssl_reason(const char *error)
{
    static const char mark[] = "error:0A";
    const char *found = strstr(error, mark);
    unsigned code = 0;

    if (found == NULL)
        return 0;
    found += sizeof mark - 1;
    for (int i = 0; i < 6; i++) {
        if (!isxdigit((unsigned char)found[i]))
            return 0;
        int digit = isdigit((unsigned char)found[i]) ? found[i] - '0' : toupper((unsigned char)found[i]) - 'A' + 10;
        code = code * 16 + (unsigned)digit;
    }
    return code & REASON_MASK;
}

const char *fc_net_fetch_alert(const char *error, char buf[32])
{
    static const struct {
        unsigned number;
        const char *name;
    } alerts[] = {
        {10, "unexpected message"},
        {20, "bad record MAC"},
        {21, "decryption failed"},
        {22, "record overflow"},
        {30, "decompression failure"},
        {40, "handshake failure"},
        {42, "bad certificate"},
        {43, "unsupported certificate"},
        {44, "revoked certificate"},
        {45, "expired certificate"},
        {46, "unknown certificate"},
        {47, "illegal parameter"},
        {48, "unknown certificate authority"},
        {49, "access denied"},
        {50, "error decoding message"},
        {51, "error decrypting message"},
        {60, "export restriction"},
        {70, "protocol version not supported"},
        {71, "insufficient security level"},
        {80, "internal error"},
        {86, "inappropriate fallback"},
        {90, "user canceled"},
        {100, "no renegotiation"},
        {109, "missing extension"},
        {110, "unsupported extension"},
        {111, "certificate unobtainable"},
        {112, "unrecognized name"},
        {113, "bad certificate status response"},
        {114, "bad certificate hash value"},
        {115, "unknown PSK identity"},
        {116, "certificate required"},
        {120, "no application protocol"},
        {121, "encrypted client hello required"},
    };
    unsigned reason = openssl_reason(error);

    if (reason < ALERT_REASON || reason > ALERT_REASON + 255)
        return NULL;
    for (size_t i = 0; i < sizeof alerts / sizeof *alerts; i++)
        if (alerts[i].number == reason - ALERT_REASON)
            return alerts[i].name;
    snprintf(buf, 32, "alert(%u)", reason - ALERT_REASON);
    return buf;
}

const char *fc_net_fetch_bad_body(CURLcode code)
{
    return code == CURLE_BAD_CONTENT_ENCODING ? "gzip: invalid header" : "invalid byte in chunk length";
}

static bool http2_settings(const struct fc_buf *bytes)
{
    /* RFC 9113 section 4.1: 24 bits of length, type 4, flags 0, stream 0 */
    static const char rest[] = {4, 0, 0, 0, 0, 0};
    return bytes->len >= 9 && bytes->data[0] == 0 && bytes->data[1] == 0 && memcmp(bytes->data + 3, rest, 6) == 0;
}

enum fc_net_fetch_fault fc_net_fetch_errno(int error)
{
    switch (error) {
    case ECONNREFUSED:
        return FC_NET_REFUSED;
    case ENETUNREACH:
        return FC_NET_UNREACHABLE;
    case ETIMEDOUT:
        return FC_NET_CONNECT_TIMEOUT;
    default:
        return FC_NET_CONNECT_FAILED;
    }
}

static enum fc_net_fetch_fault connect_fault(const struct fc_net_transfer *transfer)
{
    long os_errno = 0;

    curl_easy_getinfo(transfer->easy, CURLINFO_OS_ERRNO, &os_errno);
    return fc_net_fetch_errno((int)os_errno);
}

static enum fc_net_fetch_fault timeout_fault(const struct fc_net_transfer *transfer)
{
    long local_port = 0;

    if (transfer->head_complete)
        return FC_NET_BODY_TIMEOUT;
    /* the time of the connect is not set before the end of a TLS handshake; our port is, as soon as TCP stands */
    curl_easy_getinfo(transfer->easy, CURLINFO_LOCAL_PORT, &local_port);
    return local_port > 0 ? FC_NET_ANSWER_TIMEOUT : FC_NET_CONNECT_TIMEOUT;
}

/* Errors of sending and receiving, TLS included: libcurl tells the cause in its text only. */
static enum fc_net_fetch_fault stream_fault(const struct fc_net_transfer *transfer)
{
    char buf[32];

    if (fc_net_fetch_alert(transfer->error, buf) != NULL)
        return FC_NET_TLS;
    if (strstr(transfer->error, "Connection reset by peer") != NULL)
        return FC_NET_RESET;
    if (!transfer->head_complete)
        return FC_NET_GARBAGE;
    /* many servers end TLS without a close_notify; Go takes that at the end of a record */
    if (openssl_reason(transfer->error) == UNEXPECTED_EOF)
        return transfer->has_length ? FC_NET_SHORT_BODY : FC_NET_OK;
    return FC_NET_BAD_BODY;
}

enum fc_net_fetch_fault fc_net_fetch_fault(const struct fc_net_transfer *transfer, CURLcode code)
{
    if (!transfer->head_complete && http2_settings(&transfer->body))
        return FC_NET_HTTP2;
    if (transfer->garbage)
        return FC_NET_GARBAGE;
    if (transfer->satisfied)
        return FC_NET_OK;
    /* a table of a dozen rows out of a hundred: the rest is garbage */
    switch ((int)code) {
    case CURLE_OK:
        return transfer->head_complete ? FC_NET_OK : FC_NET_GARBAGE;
    case CURLE_COULDNT_CONNECT:
    case CURLE_INTERFACE_FAILED:
        return connect_fault(transfer);
    case CURLE_OPERATION_TIMEDOUT:
        return timeout_fault(transfer);
    case CURLE_PARTIAL_FILE:
        return FC_NET_SHORT_BODY;
    case CURLE_BAD_CONTENT_ENCODING:
        return FC_NET_BAD_BODY;
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CLIENTCERT:
        return stream_fault(transfer);
    default:
        return FC_NET_GARBAGE;
    }
}
