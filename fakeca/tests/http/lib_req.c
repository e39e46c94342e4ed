#include "http/lib_req.h"

#include <stdlib.h>

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
