#include "http/http_route.h"

#include <string.h>

#include "base/base_assert.h"
#include "base/base_text.h"
#include "http/http_uri.h"

/* Decodes what a placeholder took; false when it is empty or does not decode. */
static bool take(struct fc_arena *arena, const char *text, size_t len, const char **ret_param)
{
    *ret_param = len > 0 ? fc_http_uri_decode(arena, text, len, false) : NULL;
    return *ret_param != NULL;
}

bool fc_http_route_match(struct fc_http_req *req, const char *prefix, const char *pattern)
{
    const char *params[FC_HTTP_PARAMS_MAX];
    size_t n = 0;

    if (!fc_text_starts(req->path, prefix))
        return false;
    const char *path = req->path + strlen(prefix);
    while (*pattern) {
        if (*pattern != '{') {
            if (*pattern++ != *path++)
                return false; /* the path's NUL differs from every character of a pattern */
            continue;
        }
        const char *end = strchr(pattern, '}');
        FC_ASSERT(end && n < FC_HTTP_PARAMS_MAX);
        bool rest = end[1] == '\0' && end - pattern >= 4 && strncmp(end - 3, "...", 3) == 0;
        size_t len = rest ? strlen(path) : strcspn(path, "/");
        if (!take(req->arena, path, len, &params[n]))
            return false;
        n++;
        path += len;
        pattern = end + 1;
    }
    if (*path)
        return false;
    memcpy(req->params, params, n * sizeof params[0]);
    req->n_params = n;
    return true;
}

static const char *renamed(struct fc_arena *arena, const char *prefix, const char *rest, char from, char to,
                           unsigned count)
{
    char *made = fc_arena_printf(arena, "%s%s", prefix, rest);
    char *at = made + strlen(prefix);

    for (; count > 0 && (at = strchr(at, from)) != NULL; count--)
        *at = to;
    return made;
}

const char *fc_http_route_shown(struct fc_arena *arena, const struct fc_http_alias *table, const char *path)
{
    for (; table && table->own; table++)
        if (fc_text_starts(path, table->own))
            return renamed(arena, table->shown, path + strlen(table->own), '/', '-', table->joined);
    return path;
}

const char *fc_http_route_own(struct fc_arena *arena, const struct fc_http_alias *table, const char *path)
{
    for (; table && table->own; table++)
        if (fc_text_starts(path, table->shown))
            return renamed(arena, table->own, path + strlen(table->shown), '-', '/', table->joined);
    return path;
}
