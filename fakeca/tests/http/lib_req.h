/* A request in an arena of its own, for tests of http/. */
#ifndef FC_TESTS_HTTP_LIB_REQ_H
#define FC_TESTS_HTTP_LIB_REQ_H

#include "http/http_msg.h"

/* Setup and teardown of a test: *state is a struct fc_http_req * with arena, method GET and path "/". */
int req_setup(void **state);
int req_teardown(void **state);

#endif
