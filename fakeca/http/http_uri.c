#include "http/http_uri.h"

#include <string.h>

#include "base/base_text.h"

char *fc_http_uri_decode(struct fc_arena *arena, const char *text, size_t len, bool plus_is_space)
{
    char *out = fc_arena_alloc(arena, len + 1);
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (c == '+' && plus_is_space) {
            c = ' ';
        } else if (c == '%') {
            if (len - i < 3)
                return NULL;
            char digits[3] = {text[i + 1], text[i + 2], '\0'};
            size_t got = 0;
            if (fc_text_unhex(digits, &c, 1, &got) != 0 || got != 1)
                return NULL;
            i += 2;
        }
        if (c == '\0')
            return NULL;
        out[n++] = c;
    }
    out[n] = '\0';
    return out;
}

/* The rest of an absolute-form target behind scheme and authority, or the target itself. */
static const char *skip_authority(const char *target)
{
    static const char *const schemes[] = {"http://", "https://"};

    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        if (fc_text_starts(target, schemes[i])) {
            const char *authority = target + strlen(schemes[i]);
            return authority + strcspn(authority, "/?");
        }
    }
    return target;
}

int fc_http_uri_split(struct fc_arena *arena, const char *target, const char **ret_path, const char **ret_query)
{
    for (const char *p = target; *p; p++) {
        unsigned char c = (unsigned char)*p;
        if (c <= ' ' || c > '~' || c == '#')
            return -1;
    }

    const char *local = skip_authority(target);
    size_t path_len = strcspn(local, "?");
    bool bare = local != target && path_len == 0; /* "http://host" and "http://host?q" mean the path "/" */
    if (local[0] != '/' && !bare)
        return -1;
    *ret_path = bare ? "/" : fc_arena_strndup(arena, local, path_len);
    *ret_query = local[path_len] == '?' ? fc_arena_strdup(arena, local + path_len + 1) : NULL;
    return 0;
}
