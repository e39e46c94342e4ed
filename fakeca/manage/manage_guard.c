/* Who may ask (design.md part 6). A browser tells by Origin which page asks, and by Host which name it believes to talk to: a
 * foreign page can neither drive a CA on the visitor's machine directly nor by a name that it lets point to 127.0.0.1 (DNS
 * rebinding). Beyond loopback a token is needed as well. */
#include "manage/manage_int.h"

#include <openssl/crypto.h>
#include <string.h>

#include "base/base_text.h"
#include "net/net_addr.h"
#include "pki/pki_key.h"

#define HOST_MAX 256

/* "NAME", "NAME:PORT", "[V6]:PORT" -> the name without brackets; false when it has another form. */
static bool split_host(const char *text, char ret_name[HOST_MAX])
{
    const char *name = text[0] == '[' ? text + 1 : text;
    size_t len = strcspn(name, text[0] == '[' ? "]" : ":");
    const char *rest = name + len;

    if (text[0] == '[' && *rest++ != ']')
        return false;
    if (*rest && (*rest != ':' || fc_text_int(rest + 1, 0, 65535, &(int64_t){0}, NULL)))
        return false;
    if (len == 0 || len >= HOST_MAX)
        return false;
    memcpy(ret_name, name, len);
    ret_name[len] = '\0';
    return true;
}

static bool host_known(const struct fc_manage *manage, const char *text)
{
    char name[HOST_MAX];
    struct fc_net_addr addr;

    if (!split_host(text, name))
        return false;
    if (fc_text_equal_nocase(name, "localhost"))
        return true;
    if (fc_net_addr_parse_ip(name, &addr, NULL) == 0 && fc_net_addr_loopback(&addr))
        return true;
    for (size_t i = 0; manage->hosts[i]; i++)
        if (fc_text_equal_nocase(name, manage->hosts[i]))
            return true;
    return false;
}

/* "http://HOST[:PORT]" or https; "null" (a sandboxed page, a file) is foreign. */
static bool origin_known(const struct fc_manage *manage, const char *origin)
{
    static const char *const schemes[] = {"http://", "https://"};

    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (fc_text_starts(origin, schemes[i]))
            return host_known(manage, origin + strlen(schemes[i]));
    return false;
}

/* Digests are compared, so that neither content nor length shows in the time it takes. */
static bool token_fits(const char *expected, const char *header)
{
    static const char scheme[] = "bearer ";
    unsigned char want[32], got[32];
    char start[sizeof scheme];

    if (!header || strlen(header) < sizeof scheme - 1)
        return false;
    memcpy(start, header, sizeof scheme - 1);
    start[sizeof scheme - 1] = '\0';
    if (!fc_text_equal_nocase(start, scheme))
        return false;
    const char *token = header + sizeof scheme - 1;
    fc_key_sha256(expected, strlen(expected), want);
    fc_key_sha256(token, strlen(token), got);
    return CRYPTO_memcmp(want, got, sizeof want) == 0;
}

static bool refuse(struct fc_manage_call *call, const char *what, const char *value)
{
    fc_manage_problem(call, 403, "forbidden",
                      fc_arena_printf(call->req->arena,
                                      "%s '%.200s' is not a name of this server: loopback addresses, localhost and the "
                                      "names given with --tls-name are",
                                      what, value));
    return false;
}

bool fc_manage_guard(struct fc_manage_call *call)
{
    const struct fc_manage *manage = call->manage;
    const char *origin = fc_http_req_header(call->req, "Origin");

    if (!call->req->host || !host_known(manage, call->req->host))
        return refuse(call, "Host", call->req->host ? call->req->host : "");
    if (origin && !origin_known(manage, origin))
        return refuse(call, "Origin", origin);
    if (manage->token && fc_text_starts(call->req->path, "/api") &&
        !token_fits(manage->token, fc_http_req_header(call->req, "Authorization"))) {
        fc_manage_problem(call, 401, "forbidden",
                          "this server wants a token: 'Authorization: Bearer TOKEN', as given to it with --token");
        fc_http_res_header(call->res, "WWW-Authenticate", "Bearer realm=\"fakeca management\"");
        return false;
    }
    return true;
}
