#include "server/server_int.h"

#include <microhttpd.h>

#include "base/base_assert.h"
#include "base/base_buf.h"
#include "base/base_clock.h"
#include "base/base_text.h"
#include "http/http_uri.h"
#include "http/http_wait.h"

enum state {
    STATE_HEADERS, /* the request line is here; the next step brings the headers */
    STATE_BODY,
    STATE_HELD, /* the next step follows a wake, a deadline or the server's stop */
    STATE_ANSWERED
};

/* Lives in its own arena. */
struct fc_server_request {
    struct fc_server_conn *conn;
    const char *target; /* NULL when the line had none */
    enum state state;
    bool too_many_headers;
    bool close_after;
    struct fc_http_header headers[FC_SERVER_HEADERS_MAX];
    struct fc_buf body;
    size_t body_seen;
    struct fc_http_req req;
    struct fc_http_res res;
};

struct fc_server_request *fc_server_request_new(struct fc_server_conn *conn, const char *target)
{
    struct fc_arena *arena = fc_arena_new();
    struct fc_server_request *request = fc_arena_alloc(arena, sizeof *request);

    fc_server_conn_begin(conn);
    request->conn = conn;
    request->target = fc_arena_strdup(arena, target);
    request->req.arena = arena;
    request->req.headers = request->headers;
    request->req.body = "";
    fc_buf_init(&request->body, conn->unit->service.limits.body_max);
    return request;
}

void fc_server_request_free(struct fc_server_request *request)
{
    if (!request)
        return;
    struct fc_server_conn *conn = request->conn;
    const struct fc_http_stream *stream = request->res.stream;
    struct fc_arena *arena = request->req.arena;

    /* nobody may wake the connection any more when it counts as free */
    if (request->res.wait)
        fc_http_wait_disarm(request->res.wait);
    if (stream)
        stream->close(stream->cookie);
    fc_http_res_clear(&request->res);
    fc_buf_release(&request->body);
    fc_arena_free(arena);
    fc_server_conn_end(conn);
}

static bool answer(struct fc_server_request *request)
{
    struct fc_server_conn *conn = request->conn;

    request->state = STATE_ANSWERED;
    if (request->res.status == 0)
        fc_server_answer_problem(&request->res, 500);
    if (!fc_server_conn_phase(conn, FC_SERVER_PHASE_ANSWER, conn->unit->service.limits.body_deadline))
        return false;
    return fc_server_answer_queue(conn, &request->req, &request->res, request->close_after);
}

/* An answer of the server's own, without the handler. The connection ends, for what follows on it is not known. */
static bool refuse(struct fc_server_request *request, int status)
{
    request->close_after = true;
    fc_http_res_clear(&request->res);
    fc_server_answer_problem(&request->res, status);
    return answer(request);
}

/* Suspends the connection until the latch or the deadline; false when there is no reason to. */
static bool hold(struct fc_server_request *request)
{
    fc_server_conn_unwake(request->conn);
    fc_http_wait_arm(request->res.wait, fc_server_conn_wake, request->conn);
    return fc_server_conn_rest(request->conn, request->res.wait_until);
}

static void resume(struct fc_server_request *request)
{
    void (*resume_fn)(void *cookie, struct fc_http_req *req, struct fc_http_res *res) = request->res.resume;
    void *cookie = request->res.resume_cookie;

    FC_ASSERT(resume_fn);
    fc_http_wait_disarm(request->res.wait);
    fc_http_res_clear(&request->res);
    request->req.stopping = fc_server_conn_stopping(request->conn);
    resume_fn(cookie, &request->req, &request->res);
}

/* Does what the handler's answer says. */
static bool settle(struct fc_server_request *request)
{
    while (request->res.wait && !request->res.cut) {
        if (request->req.stopping)
            return refuse(request, 503);
        if (hold(request)) {
            request->state = STATE_HELD;
            return true;
        }
        resume(request);
    }
    return !request->res.cut && answer(request);
}

static bool work(struct fc_server_request *request)
{
    struct fc_server_conn *conn = request->conn;
    const struct fc_server_service *service = &conn->unit->service;

    if (!fc_server_conn_phase(conn, FC_SERVER_PHASE_WORK, 0))
        return false; /* its time ran out just now */
    request->req.body = request->body.data;
    request->req.body_len = request->body.len;
    request->req.now = fc_clock_now(conn->unit->server->clock);
    service->handler(service->cookie, &request->req, &request->res);
    return settle(request);
}

static enum MHD_Result take_header(void *cookie, enum MHD_ValueKind kind, const char *name, const char *value)
{
    struct fc_server_request *request = cookie;
    struct fc_http_req *req = &request->req;

    (void)kind;
    if (req->n_headers == FC_SERVER_HEADERS_MAX) {
        request->too_many_headers = true;
        return MHD_NO;
    }
    request->headers[req->n_headers++] = (struct fc_http_header){
        .name = fc_arena_strdup(req->arena, name), .value = fc_arena_strdup(req->arena, value ? value : "")};
    return MHD_YES;
}

/* More is not even drained. */
static size_t drain_max(const struct fc_server_request *request)
{
    size_t body_max = request->conn->unit->service.limits.body_max;
    return body_max > FC_SERVER_DRAIN_MAX ? body_max : FC_SERVER_DRAIN_MAX;
}

/* Whether the announced body is so long that the answer comes at once and the connection ends. The library has checked
 * that the header is a number. */
static bool announces_too_much(const struct fc_server_request *request)
{
    const char *length = fc_http_req_header(&request->req, "Content-Length");
    int64_t value = 0;

    return length && fc_text_int(length, 0, (int64_t)drain_max(request), &value, NULL) != 0;
}

static void fill(struct fc_server_request *request, const char *method)
{
    struct fc_server_conn *conn = request->conn;
    struct fc_http_req *req = &request->req;

    req->method = fc_arena_strdup(req->arena, method);
    req->scheme = conn->unit->service.scheme;
    req->peer = conn->peer;
    req->conn = conn->number;
    req->now = fc_clock_now(conn->unit->server->clock);
    MHD_get_connection_values(conn->mhd, MHD_HEADER_KIND, take_header, request);
    req->host = fc_http_req_header(req, "Host");
}

static bool headers_complete(struct fc_server_request *request, const char *method)
{
    struct fc_server_conn *conn = request->conn;
    struct fc_http_req *req = &request->req;

    request->state = STATE_BODY;
    fill(request, method);
    if (request->too_many_headers)
        return refuse(request, 431);
    if (!request->target || fc_http_uri_split(req->arena, request->target, &req->path, &req->query) != 0)
        return refuse(request, 400);
    if (announces_too_much(request)) {
        req->body_too_large = true;
        request->close_after = true;
        return work(request);
    }
    return fc_server_conn_phase(conn, FC_SERVER_PHASE_BODY, conn->unit->service.limits.body_deadline);
}

static bool take_body(struct fc_server_request *request, const char *data, size_t len)
{
    request->body_seen += len;
    if (request->body_seen > drain_max(request))
        return false;
    if (!request->req.body_too_large && fc_buf_append(&request->body, data, len) != 0) {
        request->req.body_too_large = true;
        fc_buf_clear(&request->body);
    }
    return true;
}

bool fc_server_request_step(struct fc_server_request *request, const char *method, const char *data, size_t *len)
{
    switch (request->state) {
    case STATE_HEADERS:
        return headers_complete(request, method);
    case STATE_BODY:
        if (*len == 0)
            return work(request);
        size_t given = *len;
        *len = 0;
        return take_body(request, data, given);
    case STATE_HELD:
        resume(request);
        return settle(request);
    case STATE_ANSWERED:
        break;
    }
    return true;
}
