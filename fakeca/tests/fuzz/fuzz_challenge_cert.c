/* fuzz: uses va */
/* A certificate that a target shows: described for the trace, and judged by tls-alpn-01. */
#include "va/va_int.h"

#include "base/base_assert.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    fc_auto(fc_arena_free) struct fc_arena *arena = fc_arena_new();
    const struct fc_va_job job = {
        .ident = {.type = FC_IDENT_DNS, .value = "www.example.com"}, .key_authorization = "token.thumbprint", .now = 1};
    struct fc_va_run run = {.arena = arena, .job = &job};
    struct fc_va_hop hop = {.host = "www.example.com", .first_difference = -1};

    if (size > 65536)
        return 0;
    fc_va_cert_describe(&run, &hop, data, size);
    const char *why = fc_va_cert_acme(&run, &hop, data, size);
    FC_ASSERT(why != NULL || hop.first_difference < 0);
    return 0;
}
