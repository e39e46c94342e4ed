/* fuzz: uses va */
/* What we read ourselves of a web server's answer: a Location and a body. */
#include "va/va_int.h"

#include <string.h>

#include "base/base_assert.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void judge(struct fc_arena *arena, const char *location)
{
    struct fc_policy policy = {.rehearsal = (location[0] & 1) != 0};
    struct fc_net_url from;
    struct fc_va_redirect redirect = {.policy = &policy, .from = &from, .status = 301, .location = location};

    policy.validation.http_port = 80;
    policy.validation.https_port = 443;
    policy.validation.max_redirects = 11;
    policy.validation.max_redirect_path = 2000;
    FC_ASSERT(fc_net_url_parse(arena, "http://www.example.com/.well-known/acme-challenge/x", &from, NULL) == 0);
    switch (fc_va_redirect_judge(arena, &redirect)) {
    case FC_VA_REDIRECT_FOLLOW:
        FC_ASSERT(redirect.port == 80 || redirect.port == 443);
        FC_ASSERT(redirect.to.host[0] != '\0' && redirect.rule != NULL && redirect.message == NULL);
        break;
    case FC_VA_REDIRECT_REFUSED:
        FC_ASSERT(redirect.message != NULL && redirect.rule != NULL);
        break;
    case FC_VA_REDIRECT_NONE:
    case FC_VA_REDIRECT_UNPARSABLE:
    default:
        break;
    }
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    fc_auto(fc_arena_free) struct fc_arena *arena = fc_arena_new();
    const char *bytes = (const char *)data;

    if (size > 16384)
        return 0;
    size_t len = fc_va_text_trim(bytes, size);
    FC_ASSERT(len <= size && fc_va_text_trim(bytes, len) == len);
    const char *quoted = fc_va_text_quote(arena, bytes, size);
    size_t quoted_len = strlen(quoted);
    FC_ASSERT(quoted_len >= 2 && quoted[0] == '"' && quoted[quoted_len - 1] == '"');
    (void)fc_va_text_shown(arena, bytes, size);
    const char *text = fc_va_text_utf8(arena, fc_arena_strndup(arena, bytes, size));
    FC_ASSERT(strcmp(fc_va_text_utf8(arena, text), text) == 0);
    judge(arena, fc_arena_strndup(arena, bytes, size));
    return 0;
}
