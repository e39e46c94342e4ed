#include "net/net_client.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_buf.h"
#include "base/base_clock.h"
#include "base/base_time.h"
#include "net/net_curl.h"

#define BODY_MAX ((size_t)64 * 1024 * 1024)
#define TIMEOUT_DEFAULT (30 * FC_SECOND)

struct exchange {
    const struct fc_net_client_params *params;
    struct fc_buf body;
    int64_t deadline; /* of the first byte of the body, with `data` */
    bool ended;       /* by `data` */
    bool begun;
};

static size_t on_body(char *bytes, size_t size, size_t count, void *cookie)
{
    struct exchange *exchange = cookie;
    size_t len = size * count;

    exchange->begun = true;
    if (exchange->params->data == NULL)
        return fc_buf_append(&exchange->body, bytes, len) == 0 ? len : 0;
    exchange->ended = exchange->params->data(exchange->params->cookie, bytes, len) != 0;
    return exchange->ended ? 0 : len;
}

/* The empty line behind the headers: the answer has begun, even if its first event is hours away. */
static size_t on_header(char *line, size_t size, size_t count, void *cookie)
{
    struct exchange *exchange = cookie;

    exchange->begun = exchange->begun || line[0] == '\r' || line[0] == '\n';
    return size * count;
}

/* A stream may last for ever, but its answer must begin in time. */
static int on_progress(void *cookie, curl_off_t down_total, curl_off_t down, curl_off_t up_total, curl_off_t up)
{
    const struct exchange *exchange = cookie;

    (void)down_total, (void)down, (void)up_total, (void)up;
    return !exchange->begun && fc_clock_mono() > exchange->deadline;
}

static void set_headers(CURL *easy, const struct fc_net_client_params *params, struct curl_slist **headers)
{
    fc_net_curl_add(headers, "Expect:", NULL); /* no 100-continue */
    if (params->body != NULL)
        fc_net_curl_add(headers, "Content-Type", "application/json");
    if (params->bearer != NULL) {
        fc_auto_free char *value = fc_asprintf("Bearer %s", params->bearer);
        fc_net_curl_add(headers, "Authorization", value);
    }
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, *headers);
}

static void set_limits(CURL *easy, struct exchange *exchange)
{
    int64_t timeout = exchange->params->timeout > 0 ? exchange->params->timeout : TIMEOUT_DEFAULT;
    long ms = (long)((timeout + FC_MS - 1) / FC_MS);

    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, ms);
    exchange->deadline = fc_clock_mono() + timeout;
    if (exchange->params->data == NULL) {
        curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, ms);
        return;
    }
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(easy, CURLOPT_XFERINFODATA, exchange);
}

static void set_options(CURL *easy, struct exchange *exchange, char error[CURL_ERROR_SIZE])
{
    const struct fc_net_client_params *params = exchange->params;

    fc_net_curl_common(easy, error);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "fakeca");
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, params->method);
    curl_easy_setopt(easy, CURLOPT_NOBODY, strcmp(params->method, "HEAD") == 0 ? 1L : 0L);
    if (params->body != NULL) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(params->body));
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, params->body);
    }
    if (params->ca_file != NULL) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, params->ca_file);
        curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    }
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, exchange);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, exchange);
}

static int perform(CURL *easy, const struct exchange *exchange, const char *error, struct fc_err *err)
{
    CURLcode code = curl_easy_perform(easy);

    if (exchange->body.full)
        return fc_err_set(err, FC_E_LIMIT, "the answer of '%s' is larger than 64 MiB", exchange->params->url);
    if (code == CURLE_OK || exchange->ended)
        return 0;
    if (code == CURLE_ABORTED_BY_CALLBACK)
        return fc_err_set(err, FC_E_SYSTEM, "cannot reach the CA at '%s': it did not answer in time",
                          exchange->params->url);
    return fc_err_set(err, FC_E_SYSTEM, "cannot reach the CA at '%s': %s", exchange->params->url,
                      error[0] != '\0' ? error : curl_easy_strerror(code));
}

static void take_result(CURL *easy, struct exchange *exchange, struct fc_net_client_result *ret_result)
{
    struct fc_net_client_result result = {0};
    char *type = NULL;
    long status = 0;

    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &type);
    result.status = (int)status;
    snprintf(result.content_type, sizeof result.content_type, "%s", type != NULL ? type : "");
    result.len = exchange->body.len;
    result.body = fc_buf_detach(&exchange->body);
    *ret_result = result;
}

int fc_net_client_request(const struct fc_net_client_params *params, struct fc_net_client_result *ret_result,
                          struct fc_err *err)
{
    struct exchange exchange = {.params = params};
    char error[CURL_ERROR_SIZE] = "";
    fc_auto(curl_slist_free_all) struct curl_slist *headers = NULL;

    fc_net_curl_init();
    fc_auto(curl_easy_cleanup) CURL *easy = curl_easy_init();
    if (easy == NULL || curl_easy_setopt(easy, CURLOPT_URL, params->url) != CURLE_OK)
        return fc_err_set(err, FC_E_SYSTEM, "cannot start libcurl for '%s'", params->url);
    fc_buf_init(&exchange.body, BODY_MAX);
    set_options(easy, &exchange, error);
    set_limits(easy, &exchange);
    set_headers(easy, params, &headers);
    int failed = perform(easy, &exchange, error, err);
    if (failed == 0)
        take_result(easy, &exchange, ret_result);
    fc_buf_release(&exchange.body);
    return failed;
}
