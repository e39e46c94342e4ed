/* fuzz: uses http */
/* Request targets: split, match against routes, ask for query parameters. */
#include "http/http_uri.h"

#include <string.h>

#include "base/base_assert.h"
#include "http/http_route.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const patterns[] = {"/dir", "/acme/chall/{}/{}/{}", "/pki/{}/{rest...}",
                                           "/c/{serial}/chain.pem"};
    struct fc_arena *arena = fc_arena_new();
    struct fc_http_req req = {.arena = arena, .method = "GET"};

    if (size <= 16384 &&
        fc_http_uri_split(arena, fc_arena_strndup(arena, (const char *)data, size), &req.path, &req.query) == 0) {
        FC_ASSERT(req.path[0] == '/' && !strchr(req.path, '?'));
        for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
            if (fc_http_route_match(&req, "", patterns[i]))
                for (size_t j = 0; j < req.n_params; j++)
                    FC_ASSERT(req.params[j][0] != '\0');
            fc_http_route_match(&req, "/staging", patterns[i]);
        }
        fc_http_req_query(&req, "after");
        fc_http_req_query(&req, "types");
    }
    fc_arena_free(arena);
    return 0;
}
