#include "http/lib_req.h"

#include <stdlib.h>

#include "http/http_wait.h"

int req_setup(void **state)
{
    struct fc_http_req *req = fc_calloc(1, sizeof *req);

    req->arena = fc_arena_new();
    req->method = "GET";
    req->path = "/";
    req->body = "";
    *state = req;
    return 0;
}

int req_teardown(void **state)
{
    struct fc_http_req *req = *state;

    fc_arena_free(req->arena);
    free(req);
    return 0;
}

void req_settle(struct fc_http_req *req, struct fc_http_res *res)
{
    while (res->wait) {
        void (*resume)(void *cookie, struct fc_http_req *again, struct fc_http_res *answer) = res->resume;
        void *cookie = res->resume_cookie;
        fc_http_wait_block(res->wait, res->wait_until);
        fc_http_res_clear(res);
        resume(cookie, req, res);
    }
}
