/* POLLRDHUP: whether a client whose connection is suspended has left */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "server/server_int.h"

#include <microhttpd.h>
#include <poll.h>
#include <string.h>

#include "base/base_clock.h"
#include "base/base_log.h"
#include "base/base_time.h"

/* A stream that has nothing to say looks this often whether its client is still there: the library does not. */
#define STREAM_LOOK (15 * FC_SECOND)
#define STREAM_BLOCK 8192
/* What a stream may still say when the server stops. */
#define FAREWELL_READS 16

struct feed {
    struct fc_server_conn *conn;
    const struct fc_http_stream *stream;
    unsigned farewells;
};

static bool client_left(const struct fc_server_conn *conn)
{
    struct pollfd fd = {.fd = conn->fd, .events = POLLRDHUP};
    return poll(&fd, 1, 0) > 0;
}

/* What the stream has now; 0 nothing, -1 the end. */
static ssize_t read_now(struct feed *feed, char *buf, size_t max)
{
    if (!fc_server_conn_stopping(feed->conn))
        return feed->stream->read(feed->stream->cookie, buf, max);
    if (feed->farewells++ == FAREWELL_READS)
        return -1;
    ssize_t got = feed->stream->read(feed->stream->cookie, buf, max);
    return got > 0 ? got : -1;
}

static ssize_t on_read(void *cookie, uint64_t pos, char *buf, size_t max)
{
    struct feed *feed = cookie;
    struct fc_server_conn *conn = feed->conn;

    (void)pos;
    for (;;) {
        /* a client that does not take what is there ends with this deadline */
        if (!fc_server_conn_phase(conn, FC_SERVER_PHASE_ANSWER, conn->unit->service.limits.idle))
            return MHD_CONTENT_READER_END_WITH_ERROR;
        fc_server_conn_unwake(conn);
        ssize_t got = read_now(feed, buf, max);
        if (got > 0)
            return got;
        if (got < 0)
            return MHD_CONTENT_READER_END_OF_STREAM;
        if (client_left(conn))
            return MHD_CONTENT_READER_END_WITH_ERROR;
        if (fc_server_conn_rest(conn, fc_clock_mono() + STREAM_LOOK))
            return 0;
    }
}

static struct MHD_Response *make(struct fc_server_conn *conn, const struct fc_http_req *req,
                                 const struct fc_http_res *res)
{
    if (!res->stream)
        return MHD_create_response_from_buffer(res->body_len, (void *)(uintptr_t)res->body, MHD_RESPMEM_PERSISTENT);
    struct feed *feed = fc_arena_alloc(req->arena, sizeof *feed);
    *feed = (struct feed){.conn = conn, .stream = res->stream};
    res->stream->subscribe(res->stream->cookie, fc_server_conn_wake, conn);
    return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK, on_read, feed, NULL);
}

static bool add_headers(struct MHD_Response *response, const struct fc_http_req *req, const struct fc_http_res *res,
                        bool close)
{
    char date[FC_TIME_TEXT_MAX];

    for (size_t i = 0; i < res->n_headers; i++) {
        if (MHD_add_response_header(response, res->headers[i].name, res->headers[i].value) != MHD_YES) {
            fc_log(FC_LOG_ERROR, "an answer to %s %s has a header '%s' that cannot be sent", req->method, req->path,
                   res->headers[i].name);
            return false;
        }
    }
    return MHD_add_response_header(response, MHD_HTTP_HEADER_DATE, fc_time_http(req->now, date)) == MHD_YES &&
           (!close || MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close") == MHD_YES);
}

bool fc_server_answer_queue(struct fc_server_conn *conn, const struct fc_http_req *req, const struct fc_http_res *res,
                            bool close_after)
{
    struct MHD_Response *response = make(conn, req, res);

    if (!response)
        return false;
    bool queued = add_headers(response, req, res, close_after || fc_server_conn_stopping(conn)) &&
                  MHD_queue_response(conn->mhd, (unsigned)res->status, response) == MHD_YES;
    MHD_destroy_response(response);
    return queued;
}

#define PROBLEM(status, title, detail)                                                                                 \
    {                                                                                                                  \
        status, "{\n  \"type\": \"about:blank\",\n  \"title\": \"" title "\",\n  \"status\": " #status                 \
                ",\n  \"detail\": \"" detail "\"\n}\n"                                                                 \
    }

void fc_server_answer_problem(struct fc_http_res *res, int status)
{
    static const struct {
        int status;
        const char *body;
    } problems[] = {
        PROBLEM(400, "Bad Request", "the request target is no path and no URL of http or https"),
        PROBLEM(431, "Request Header Fields Too Large", "the request has more than 100 headers"),
        PROBLEM(503, "Service Unavailable", "the server is stopping"),
        PROBLEM(500, "Internal Server Error", "the server has no answer to this request"),
    };
    size_t i = 0;

    while (i < sizeof problems / sizeof problems[0] - 1 && problems[i].status != status)
        i++;
    res->status = problems[i].status;
    res->body = problems[i].body;
    res->body_len = strlen(res->body);
    fc_http_res_set_header(res, "Content-Type", "application/problem+json");
}
