/* A request in an arena of its own, for tests of http/; and how a server goes on with a held one. */
#ifndef FC_TESTS_HTTP_LIB_REQ_H
#define FC_TESTS_HTTP_LIB_REQ_H

#include "http/http_msg.h"

/* Setup and teardown of a test: *state is a struct fc_http_req * with arena, method GET and path "/". */
int req_setup(void **state);
int req_teardown(void **state);

/* As the server does with an answer that is held: waits until it is decided or its time is up, and asks again. */
void req_settle(struct fc_http_req *req, struct fc_http_res *res);

#endif
