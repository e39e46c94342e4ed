#include "net/net_fetch_int.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/base_clock.h"
#include "base/base_time.h"

enum { EVENTS = 64, IDLE_MAX = 64 };

struct fc_net_fetch {
    CURLM *multi;
    int epoll;
    int event;     /* eventfd of fc_net_fetch_wake */
    int64_t timer; /* when libcurl wants to be called, monotonic; INT64_MAX: it does not */
    struct fc_net_tls *tls;
    struct fc_net_transfer *active, *idle;
    size_t n_active, n_idle;
    bool closing;
};

static void list_add(struct fc_net_transfer **list, struct fc_net_transfer *transfer)
{
    transfer->next = *list;
    transfer->link = list;
    if (transfer->next != NULL)
        transfer->next->link = &transfer->next;
    *list = transfer;
}

static void list_remove(struct fc_net_transfer *transfer)
{
    *transfer->link = transfer->next;
    if (transfer->next != NULL)
        transfer->next->link = transfer->link;
}

/* ---- libcurl tells which sockets and which moment it waits for ---- */

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *cookie, void *known)
{
    struct fc_net_fetch *fetch = cookie;
    struct epoll_event event = {.data.fd = fd};

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(fetch->epoll, EPOLL_CTL_DEL, fd, NULL);
        return 0;
    }
    event.events = ((what & CURL_POLL_IN) ? EPOLLIN : 0u) | ((what & CURL_POLL_OUT) ? EPOLLOUT : 0u);
    if (epoll_ctl(fetch->epoll, known != NULL ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) != 0)
        return -1;
    curl_multi_assign(fetch->multi, fd, fetch);
    return 0;
}

static int on_timer(CURLM *multi, long timeout_ms, void *cookie)
{
    struct fc_net_fetch *fetch = cookie;

    (void)multi;
    fetch->timer = timeout_ms < 0 ? INT64_MAX : fc_clock_mono() + timeout_ms * FC_MS;
    return 0;
}

/* ---- life ---- */

static int open_descriptors(struct fc_net_fetch *fetch, struct fc_err *err)
{
    struct epoll_event event = {.events = EPOLLIN};

    fetch->epoll = epoll_create1(EPOLL_CLOEXEC);
    fetch->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    event.data.fd = fetch->event;
    if (fetch->epoll < 0 || fetch->event < 0 || epoll_ctl(fetch->epoll, EPOLL_CTL_ADD, fetch->event, &event) != 0)
        return fc_err_errno(err, "cannot make the descriptors of the validator's loop");
    event.data.fd = fc_net_tls_fd(fetch->tls);
    if (epoll_ctl(fetch->epoll, EPOLL_CTL_ADD, event.data.fd, &event) != 0)
        return fc_err_errno(err, "cannot make the descriptors of the validator's loop");
    return 0;
}

int fc_net_fetch_new(struct fc_net_fetch **ret_fetch, struct fc_err *err)
{
    fc_auto(fc_net_fetch_free) struct fc_net_fetch *fetch = fc_calloc(1, sizeof *fetch);

    fetch->timer = INT64_MAX;
    fetch->epoll = fetch->event = -1;
    fc_net_curl_init();
    fetch->multi = curl_multi_init();
    if (fetch->multi == NULL)
        return fc_err_set(err, FC_E_SYSTEM, "cannot start libcurl");
    if (fc_net_tls_new(&fetch->tls, err) != 0 || open_descriptors(fetch, err) != 0)
        return -1;
    curl_multi_setopt(fetch->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(fetch->multi, CURLMOPT_SOCKETDATA, fetch);
    curl_multi_setopt(fetch->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(fetch->multi, CURLMOPT_TIMERDATA, fetch);
    *ret_fetch = FC_TAKE(fetch);
    return 0;
}

/* ---- the end of a transfer ---- */

static int64_t info_ns(CURL *easy, CURLINFO info)
{
    curl_off_t us = 0;

    curl_easy_getinfo(easy, info, &us);
    return us * 1000;
}

static void print_local(CURL *easy, char text[FC_NET_ADDR_TEXT])
{
    struct fc_net_addr addr;
    char *ip = NULL;
    long port = 0;

    text[0] = '\0';
    if (curl_easy_getinfo(easy, CURLINFO_LOCAL_IP, &ip) != CURLE_OK || ip == NULL ||
        curl_easy_getinfo(easy, CURLINFO_LOCAL_PORT, &port) != CURLE_OK || fc_net_addr_parse_ip(ip, &addr, NULL) != 0)
        return;
    addr.port = (unsigned)port;
    fc_net_addr_text(&addr, text);
}

static void report(struct fc_net_transfer *transfer, enum fc_net_fetch_fault fault, CURLcode code)
{
    char alert[32], local[FC_NET_ADDR_TEXT];
    struct fc_net_fetch_result result = {.fault = fault,
                                         .error = transfer->error,
                                         .status = transfer->status,
                                         .head_complete = transfer->head_complete,
                                         .location = transfer->location,
                                         .body = transfer->head_complete ? transfer->body.data : "",
                                         .body_len = transfer->head_complete ? transfer->body.len : 0,
                                         .http_version = transfer->http_version,
                                         .tls_version = transfer->tls_version,
                                         .hsts = transfer->hsts,
                                         .server = transfer->server,
                                         .certificate = transfer->certificate,
                                         .certificate_len = transfer->certificate_len,
                                         .local = local,
                                         .connect_ns = info_ns(transfer->easy, CURLINFO_CONNECT_TIME_T),
                                         .total_ns = info_ns(transfer->easy, CURLINFO_TOTAL_TIME_T)};

    print_local(transfer->easy, local);
    result.body_full = result.body_len > 0 && result.body_len >= transfer->body_max;
    if (fault == FC_NET_TLS)
        result.tls_alert = fc_net_fetch_alert(transfer->error, alert);
    if (fault == FC_NET_BAD_BODY)
        result.error = fc_net_fetch_bad_body(code);
    transfer->done(transfer->cookie, &result);
}

static void finish(struct fc_net_fetch *fetch, struct fc_net_transfer *transfer, enum fc_net_fetch_fault fault,
                   CURLcode code)
{
    list_remove(transfer);
    fetch->n_active--;
    report(transfer, fault, code);
    if (fetch->n_idle >= IDLE_MAX) {
        fc_net_transfer_free(transfer);
        return;
    }
    fc_net_transfer_clear(transfer);
    list_add(&fetch->idle, transfer);
    fetch->n_idle++;
}

/* Go decodes gzip and takes any other Content-Encoding, which nobody asked for, as it comes; libcurl refuses those that it
 * does not know and decodes others. So such an answer is fetched once more without any decoding. */
static bool repeat(struct fc_net_fetch *fetch, struct fc_net_transfer *transfer)
{
    if (!transfer->again)
        return false;
    fc_net_transfer_repeat(transfer);
    return curl_multi_add_handle(fetch->multi, transfer->easy) == CURLM_OK;
}

static void finish_completed(struct fc_net_fetch *fetch)
{
    int left;

    for (CURLMsg *message; (message = curl_multi_info_read(fetch->multi, &left)) != NULL;) {
        struct fc_net_transfer *transfer = NULL;
        CURL *easy = message->easy_handle;
        CURLcode code = message->data.result; /* the message ends with the next call */
        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&transfer);
        curl_multi_remove_handle(fetch->multi, easy);
        if (!repeat(fetch, transfer))
            finish(fetch, transfer, fc_net_fetch_fault(transfer, code), code);
    }
}

void fc_net_fetch_free(struct fc_net_fetch *fetch)
{
    if (fetch == NULL)
        return;
    fetch->closing = true;
    fc_net_tls_free(fetch->tls);
    while (fetch->active != NULL) {
        struct fc_net_transfer *transfer = fetch->active;
        curl_multi_remove_handle(fetch->multi, transfer->easy);
        finish(fetch, transfer, FC_NET_CANCELLED, CURLE_OK);
    }
    while (fetch->idle != NULL) {
        struct fc_net_transfer *transfer = fetch->idle;
        list_remove(transfer);
        fc_net_transfer_free(transfer);
    }
    curl_multi_cleanup(fetch->multi);
    if (fetch->event >= 0)
        close(fetch->event);
    if (fetch->epoll >= 0)
        close(fetch->epoll);
    free(fetch);
}

/* ---- use ---- */

struct fc_net_tls *fc_net_fetch_tls(const struct fc_net_fetch *fetch)
{
    return fetch->closing ? NULL : fetch->tls;
}

static struct fc_net_transfer *take_transfer(struct fc_net_fetch *fetch)
{
    struct fc_net_transfer *transfer = fetch->idle;

    if (transfer == NULL)
        return fc_net_transfer_new();
    list_remove(transfer);
    fetch->n_idle--;
    return transfer;
}

int fc_net_fetch_start(struct fc_net_fetch *fetch, const struct fc_net_fetch_params *params, fc_net_fetch_fn done,
                       void *cookie, struct fc_err *err)
{
    if (fetch->closing)
        return fc_err_set(err, FC_E_SYSTEM, "the loop is being closed");
    struct fc_net_transfer *transfer = take_transfer(fetch);
    if (transfer == NULL)
        return fc_err_set(err, FC_E_SYSTEM, "libcurl gives no handle");
    transfer->done = done;
    transfer->cookie = cookie;
    if (fc_net_transfer_prepare(transfer, params, err) != 0) {
        fc_net_transfer_free(transfer);
        return -1;
    }
    CURLMcode failed = curl_multi_add_handle(fetch->multi, transfer->easy);
    if (failed != CURLM_OK) {
        fc_net_transfer_free(transfer);
        return fc_err_set(err, FC_E_SYSTEM, "libcurl: %s", curl_multi_strerror(failed));
    }
    list_add(&fetch->active, transfer);
    fetch->n_active++;
    return 0;
}

/* For epoll_wait: rounded up, so that a deadline has passed when it returns. */
static int wait_ms(const struct fc_net_fetch *fetch, int64_t until_mono)
{
    int64_t until = until_mono < fetch->timer ? until_mono : fetch->timer;
    int64_t handshake = fc_net_tls_until(fetch->tls);

    if (handshake < until)
        until = handshake;
    if (until == INT64_MAX)
        return -1;
    int64_t left = until - fc_clock_mono();
    if (left <= 0)
        return 0;
    return left > FC_HOUR ? (int)(FC_HOUR / FC_MS) : (int)((left + FC_MS - 1) / FC_MS);
}

static void on_event(struct fc_net_fetch *fetch, const struct epoll_event *event)
{
    uint64_t wakes;
    int running, mask = 0;

    if (event->data.fd == fetch->event) {
        if (read(fetch->event, &wakes, sizeof wakes) < 0)
            return; /* somebody else's wake was read with the last one */
        return;
    }
    if (event->data.fd == fc_net_tls_fd(fetch->tls)) {
        fc_net_tls_run(fetch->tls);
        return;
    }
    if (event->events & (EPOLLIN | EPOLLHUP))
        mask |= CURL_CSELECT_IN;
    if (event->events & EPOLLOUT)
        mask |= CURL_CSELECT_OUT;
    if (event->events & EPOLLERR)
        mask |= CURL_CSELECT_ERR;
    curl_multi_socket_action(fetch->multi, event->data.fd, mask, &running);
}

size_t fc_net_fetch_run(struct fc_net_fetch *fetch, int64_t until_mono)
{
    struct epoll_event events[EVENTS];
    int running;

    int count = epoll_wait(fetch->epoll, events, EVENTS, wait_ms(fetch, until_mono));
    for (int i = 0; i < count; i++)
        on_event(fetch, &events[i]);
    int64_t now = fc_clock_mono();
    fc_net_tls_expire(fetch->tls, now);
    if (now >= fetch->timer) {
        fetch->timer = INT64_MAX;
        curl_multi_socket_action(fetch->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    }
    finish_completed(fetch);
    return fetch->n_active;
}

void fc_net_fetch_wake(struct fc_net_fetch *fetch)
{
    const uint64_t one = 1;

    if (write(fetch->event, &one, sizeof one) < 0)
        return; /* the counter is full: the loop is awake */
}
