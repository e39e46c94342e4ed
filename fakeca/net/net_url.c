#include "net/net_url.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_buf.h"
#include "base/base_text.h"

/* A reference cut into its parts (RFC 3986 section 5.2.1), each NUL-terminated or NULL when undefined. */
struct parts {
    char *scheme, *authority, *path, *query;
};

static bool alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool hex(char c)
{
    return digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static char *cut(char *text, char at)
{
    char *found = strchr(text, at);
    if (found == NULL) {
        return NULL;
    }
    *found = '\0';
    return found + 1;
}

/* The scheme of text, when it begins with one; *ret_rest is what follows its colon. */
static char *cut_scheme(char *text, char **ret_rest)
{
    size_t len = 0;
    *ret_rest = text;
    while (alpha(text[len]) || (len > 0 && (digit(text[len]) || (text[len] != '\0' && strchr("+-.", text[len]))))) {
        len++;
    }
    if (len == 0 || text[len] != ':') {
        return NULL;
    }
    text[len] = '\0';
    *ret_rest = text + len + 1;
    fc_text_lower(text);
    return text;
}

/* Percent-encodes what may not stand in a URL, and checks the encodings that are there. */
static char *encode(struct fc_arena *arena, const char *text, bool check, struct fc_err *err)
{
    struct fc_buf buf fc_auto_buf = {0};
    fc_buf_init(&buf, 4 * FC_NET_URL_MAX);
    for (const char *c = text; *c != '\0'; c++) {
        if (check && *c == '%' && (!hex(c[1]) || !hex(c[2]))) {
            fc_err_set(err, FC_E_PARSE, "invalid percent-encoding in the path");
            return NULL;
        }
        unsigned char byte = (unsigned char)*c;
        if (byte <= ' ' || byte >= 0x7f || strchr("\"<>\\^`{|}", *c) != NULL) {
            fc_buf_printf(&buf, "%%%02X", (unsigned)byte);
        } else {
            fc_buf_putc(&buf, *c);
        }
    }
    return fc_arena_strndup(arena, buf.data, buf.len);
}

static int split(struct fc_arena *arena, const char *text, struct parts *ret_parts, struct fc_err *err)
{
    if (strlen(text) > FC_NET_URL_MAX) {
        return fc_err_set(err, FC_E_PARSE, "URL is longer than %d bytes", FC_NET_URL_MAX);
    }
    for (const char *c = text; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f) {
            return fc_err_set(err, FC_E_PARSE, "control character in the URL");
        }
    }
    char *rest = fc_arena_strdup(arena, text);
    cut(rest, '#');
    struct parts parts = {.query = cut(rest, '?')};
    parts.scheme = cut_scheme(rest, &rest);
    if (fc_text_starts(rest, "//")) {
        char *authority = rest + 2;
        size_t len = strcspn(authority, "/");
        parts.authority = fc_arena_strndup(arena, authority, len);
        rest = authority + len;
    } else if (parts.scheme == NULL && memchr(rest, ':', strcspn(rest, "/")) != NULL) {
        return fc_err_set(err, FC_E_PARSE, "the first path segment of a URL without scheme cannot contain a colon");
    }
    parts.path = encode(arena, rest, true, err);
    parts.query = parts.query != NULL ? encode(arena, parts.query, false, err) : NULL;
    if (parts.path == NULL) {
        return -1;
    }
    *ret_parts = parts;
    return 0;
}

static int parse_port(const char *text, struct fc_net_url *url, struct fc_err *err)
{
    int64_t port = 0;
    if (text[0] == '\0') {
        return 0;
    }
    if (fc_text_int(text, 0, 999999999, &port, NULL) != 0) {
        return fc_err_set(err, FC_E_PARSE, "invalid port in the URL: '%.20s'", text);
    }
    url->port = (unsigned)port;
    url->port_given = true;
    return 0;
}

static int parse_bracketed(struct fc_arena *arena, char *text, struct fc_net_url *url, struct fc_err *err)
{
    unsigned char bytes[16];
    char *rest = cut(text, ']');
    if (rest == NULL || (rest[0] != '\0' && rest[0] != ':')) {
        return fc_err_set(err, FC_E_PARSE, "']' missing or misplaced in the URL's host");
    }
    char *zone = strchr(text, '%');
    if (zone != NULL) {
        *zone = '\0';
        url->scope_zone = true;
    }
    url->host_is_ip = inet_pton(AF_INET6, text + 1, bytes) == 1;
    url->host = fc_arena_strdup(arena, text + 1);
    return rest[0] == ':' ? parse_port(rest + 1, url, err) : 0;
}

static int parse_name(struct fc_arena *arena, char *text, struct fc_net_url *url, struct fc_err *err)
{
    unsigned char bytes[4];
    char *port = cut(text, ':');
    for (const char *c = text; *c != '\0'; c++) {
        if (!alpha(*c) && !digit(*c) && strchr("-._~!$&'()*+,;=", *c) == NULL) {
            return fc_err_set(err, FC_E_PARSE, "invalid character in the URL's host");
        }
    }
    url->host_is_ip = inet_pton(AF_INET, text, bytes) == 1;
    url->host = fc_arena_strdup(arena, text);
    return port != NULL ? parse_port(port, url, err) : 0;
}

/* userinfo@host:port; *ret_hostport is the part behind the userinfo, lower case, as it goes into the text. */
static int parse_authority(struct fc_arena *arena, const char *authority, struct fc_net_url *url,
                           const char **ret_hostport, struct fc_err *err)
{
    char *text = fc_arena_strdup(arena, authority);
    char *at = strrchr(text, '@');
    if (at != NULL) {
        *at = '\0';
        url->userinfo = encode(arena, text, true, err);
        if (url->userinfo == NULL) {
            return -1;
        }
        text = at + 1;
    }
    fc_text_lower(text);
    *ret_hostport = fc_arena_strdup(arena, text);
    return text[0] == '[' ? parse_bracketed(arena, text, url, err) : parse_name(arena, text, url, err);
}

static unsigned scheme_port(const char *scheme)
{
    if (strcmp(scheme, "http") == 0) {
        return 80;
    }
    return strcmp(scheme, "https") == 0 ? 443 : 0;
}

/* Makes the URL of parts that are complete (scheme and path set). */
static int compose(struct fc_arena *arena, const struct parts *parts, struct fc_net_url *ret_url, struct fc_err *err)
{
    struct fc_net_url url = {.scheme = parts->scheme, .host = "", .query = parts->query};
    const char *hostport = "";
    if (parts->authority != NULL && parse_authority(arena, parts->authority, &url, &hostport, err) != 0) {
        return -1;
    }
    if (!url.port_given) {
        url.port = scheme_port(url.scheme);
    }
    const char *path = parts->path;
    /* without an authority "//" at the beginning of the path would read as one */
    bool slashes = parts->authority != NULL || fc_text_starts(path, "//");
    url.path = path[0] != '\0' ? path : "/";
    url.text = fc_arena_printf(arena, "%s:%s%s%s%s%s%s%s", url.scheme, slashes ? "//" : "",
                               url.userinfo != NULL ? url.userinfo : "", url.userinfo != NULL ? "@" : "", hostport,
                               path, url.query != NULL ? "?" : "", url.query != NULL ? url.query : "");
    if (strlen(url.text) > 4 * FC_NET_URL_MAX) {
        return fc_err_set(err, FC_E_PARSE, "URL is too long");
    }
    *ret_url = url;
    return 0;
}

/* RFC 3986 section 5.2.4, in place; path begins with '/'. */
static void remove_dots(char *path)
{
    char *out = path;
    for (const char *in = path; *in == '/';) {
        size_t len = 1 + strcspn(in + 1, "/");
        bool last = in[len] == '\0';
        bool dot = len == 2 && in[1] == '.';
        bool dots = len == 3 && in[1] == '.' && in[2] == '.';
        if (dots) {
            while (out > path && *--out != '/') {
            }
        }
        if (!dot && !dots) {
            memmove(out, in, len);
            out += len;
        } else if (last) {
            *out++ = '/';
        }
        in += len;
    }
    *out = '\0';
}

int fc_net_url_parse(struct fc_arena *arena, const char *text, struct fc_net_url *ret_url, struct fc_err *err)
{
    struct parts parts;
    if (split(arena, text, &parts, err) != 0) {
        return -1;
    }
    if (parts.scheme == NULL) {
        return fc_err_set(err, FC_E_PARSE, "the URL has no scheme");
    }
    return compose(arena, &parts, ret_url, err);
}

/* RFC 3986 section 5.2.3. */
static char *merge(struct fc_arena *arena, const struct fc_net_url *base, const char *path)
{
    const char *slash = strrchr(base->path, '/');
    size_t keep = slash != NULL ? (size_t)(slash - base->path) + 1 : 0;
    return fc_arena_printf(arena, "%.*s%s", (int)keep, base->path, path);
}

/* The base's authority and path as they stand in its text. */
static void base_parts(struct fc_arena *arena, const struct fc_net_url *base, struct parts *ret_parts)
{
    struct parts parts = {.scheme = fc_arena_strdup(arena, base->scheme)};
    char *rest = fc_arena_strdup(arena, base->text + strlen(base->scheme) + 1);
    cut(rest, '?');
    if (fc_text_starts(rest, "//")) {
        size_t len = strcspn(rest + 2, "/");
        parts.authority = fc_arena_strndup(arena, rest + 2, len);
        rest += 2 + len;
    }
    parts.path = rest;
    parts.query = fc_arena_strdup(arena, base->query);
    *ret_parts = parts;
}

int fc_net_url_resolve(struct fc_arena *arena, const struct fc_net_url *base, const char *reference,
                       struct fc_net_url *ret_url, struct fc_err *err)
{
    struct parts ref, target;
    if (split(arena, reference, &ref, err) != 0) {
        return -1;
    }
    base_parts(arena, base, &target);
    if (ref.scheme != NULL || ref.authority != NULL) {
        target.authority = ref.authority;
        target.path = ref.path;
        target.query = ref.query;
        target.scheme = ref.scheme != NULL ? ref.scheme : target.scheme;
    } else if (ref.path[0] != '\0') {
        target.path = ref.path[0] == '/' ? ref.path : merge(arena, base, ref.path);
        target.query = ref.query;
    } else if (ref.query != NULL) {
        target.query = ref.query;
    }
    if (target.path[0] == '/') {
        remove_dots(target.path);
    }
    return compose(arena, &target, ret_url, err);
}
