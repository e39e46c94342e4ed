#include "stage/ck_http.h"

#include <stdio.h>

#include "base/base_alloc.h"
#include "base/base_clock.h"
#include "net/net_fetch.h"

#define AGENT "Mozilla/5.0 (compatible; fakeca-check)"

static const char *fault_text(enum fc_net_fetch_fault fault)
{
    static const char *const texts[] = {[FC_NET_OK] = "",
                                        [FC_NET_REFUSED] = "connection refused",
                                        [FC_NET_UNREACHABLE] = "network unreachable",
                                        [FC_NET_CONNECT_TIMEOUT] = "no connection in time",
                                        [FC_NET_CONNECT_FAILED] = "cannot connect",
                                        [FC_NET_ANSWER_TIMEOUT] = "connected, but no answer in time",
                                        [FC_NET_BODY_TIMEOUT] = "the answer stopped half-way",
                                        [FC_NET_RESET] = "connection reset",
                                        [FC_NET_TLS] = "a TLS alert came",
                                        [FC_NET_SHORT_BODY] = "the answer was cut short",
                                        [FC_NET_BAD_BODY] = "the answer cannot be decoded",
                                        [FC_NET_GARBAGE] = "what came is no HTTP (TLS on this port?)",
                                        [FC_NET_HTTP2] = "HTTP/2 on a plain port",
                                        [FC_NET_CANCELLED] = "cancelled"};
    return texts[fault];
}

static void done(void *cookie, const struct fc_net_fetch_result *result)
{
    struct ck_http_answer *answer = cookie;

    answer->answered = result->status > 0;
    answer->status = result->status;
    answer->took = result->total_ns;
    if (result->fault != FC_NET_OK)
        snprintf(answer->error, sizeof answer->error, "%s", fault_text(result->fault));
    snprintf(answer->location, sizeof answer->location, "%s", result->location ? result->location : "");
    snprintf(answer->body, sizeof answer->body, "%s", result->body ? result->body : "");
    snprintf(answer->hsts, sizeof answer->hsts, "%s", result->hsts ? result->hsts : "");
}

void ck_http_get(const struct fc_net_addr *to, bool https, const char *host, const char *path, int64_t timeout,
                 struct ck_http_answer *ret_answer)
{
    fc_auto(fc_net_fetch_free) struct fc_net_fetch *fetch = NULL;
    fc_auto_free char *url = fc_asprintf("%s://%s%s", https ? "https" : "http", host, path);
    struct fc_err err = {0};
    const struct fc_net_fetch_params params = {.url = url,
                                               .host = host,
                                               .port = https ? 443 : 80,
                                               .to = *to,
                                               .user_agent = AGENT,
                                               .body_max = sizeof ret_answer->body - 1,
                                               .connect_timeout = timeout,
                                               .deadline = fc_clock_mono() + timeout};

    *ret_answer = (struct ck_http_answer){0};
    if (fc_net_fetch_new(&fetch, &err) || fc_net_fetch_start(fetch, &params, done, ret_answer, &err)) {
        snprintf(ret_answer->error, sizeof ret_answer->error, "%.190s", err.text);
        return;
    }
    while (fc_net_fetch_run(fetch, params.deadline) > 0)
        continue;
}
