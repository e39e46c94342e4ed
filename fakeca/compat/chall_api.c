/* The API of the challenge server: POST, JSON, 200 without a body, 400 with a text. */
#include "compat/chall_int.h"

#include <string.h>
#include <sys/socket.h>

#include "base/base_json.h"
#include "base/base_text.h"

#include "compat/compat_int.h"
#include "net/net_addr.h"

struct call {
    struct fc_compat_chall *chall;
    const json_t *body;
    struct fc_http_req *req;
    struct fc_http_res *res;
};

static void refuse(struct call *call, int status, const char *why)
{
    fc_http_res_text(call->req, call->res, status, "text/plain; charset=utf-8",
                     fc_arena_printf(call->req->arena, "%s\n", why));
}

static void done(struct call *call)
{
    call->res->status = 200;
}

/* A member that must be a text that is not empty; NULL after the refusal. */
static const char *text_of(struct call *call, const char *key)
{
    bool bad = false;
    const char *text = fc_compat_json_text(call->body, key, &bad);

    if (bad || !text || !*text) {
        refuse(call, 400, fc_arena_printf(call->req->arena, "the member '%s' must be a text that is not empty", key));
        return NULL;
    }
    return text;
}

static void end(struct call *call, int failed, const struct fc_err *err)
{
    if (failed)
        refuse(call, 400, err->text);
    else
        done(call);
}

/* ---- http-01 ---- */

static void put(struct call *call, json_t *table, const char *key, const char *value)
{
    if (fc_chall_put(call->chall, table, key, value))
        refuse(call, 507, "there are 100000 of these already");
    else
        done(call);
}

static void add_http01(struct call *call)
{
    const char *token = text_of(call, "token");
    const char *content = token ? text_of(call, "content") : NULL;

    if (!content)
        return;
    put(call, call->chall->tokens, token, content);
    fc_chall_log(call->chall, "Added HTTP-01 challenge for token \"%s\" - key auth \"%s\"", token, content);
}

static void del_http01(struct call *call)
{
    const char *token = text_of(call, "token");

    if (!token)
        return;
    put(call, call->chall->tokens, token, NULL);
    fc_chall_log(call->chall, "Removed HTTP-01 challenge for token \"%s\"", token);
}

static void add_redirect(struct call *call)
{
    const char *path = text_of(call, "path");
    const char *target = path ? text_of(call, "targetURL") : NULL;

    if (!target)
        return;
    if (strpbrk(target, "\r\n")) {
        refuse(call, 400, "the member 'targetURL' must be one line");
        return;
    }
    put(call, call->chall->redirects, path, target);
    fc_chall_log(call->chall, "Added HTTP redirect for path \"%s\" to \"%s\"", path, target);
}

static void del_redirect(struct call *call)
{
    const char *path = text_of(call, "path");

    if (!path)
        return;
    put(call, call->chall->redirects, path, NULL);
    fc_chall_log(call->chall, "Removed HTTP redirect for path \"%s\"", path);
}

/* ---- tls-alpn-01 ---- */

static void add_tlsalpn01(struct call *call)
{
    const char *host = text_of(call, "host");
    const char *content = host ? text_of(call, "content") : NULL;

    if (!content)
        return;
    put(call, call->chall->alpn, host, content);
    fc_chall_log(call->chall, "Added TLS-ALPN-01 challenge for host \"%s\" - key auth \"%s\"", host, content);
}

static void del_tlsalpn01(struct call *call)
{
    const char *host = text_of(call, "host");

    if (!host)
        return;
    put(call, call->chall->alpn, host, NULL);
    fc_chall_log(call->chall, "Removed TLS-ALPN-01 challenge for host \"%s\"", host);
}

/* ---- DNS ---- */

static void set_default(struct call *call, const char *type)
{
    struct fc_err err = {0};
    bool bad = false;
    const char *ip = fc_compat_json_text(call->body, "ip", &bad);

    if (bad) {
        refuse(call, 400, "the member 'ip' must be a text");
        return;
    }
    end(call, fc_chall_dns_default(call->chall, call->chall->dns, type, ip, &err), &err);
    fc_chall_log(call->chall, "Set default IPv%d address for DNS %s queries to \"%s\"", type[1] ? 6 : 4, type,
                 ip ? ip : "");
}

static void set_default_ipv4(struct call *call)
{
    set_default(call, "A");
}

static void set_default_ipv6(struct call *call)
{
    set_default(call, "AAAA");
}

static void add_values(struct call *call, const char *type, const char *host, const json_t *values, bool replace)
{
    struct fc_err err = {0};

    end(call, fc_chall_dns_add(call->chall->dns, type, host, values, replace, &err), &err);
}

static const char *joined(struct fc_arena *arena, const json_t *texts)
{
    const char *made = "";

    for (size_t i = 0; i < json_array_size(texts); i++)
        made = fc_arena_printf(arena, "%s%s%s", made, i ? ", " : "", json_string_value(json_array_get(texts, i)));
    return made;
}

static bool all_texts(const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!json_is_string(json_array_get(list, i)))
            return false;
    return json_array_size(list) > 0;
}

/* As in the original, what is no address of that family is no answer and no mistake; only our log tells. */
static json_t *good_addresses(const struct call *call, int family, const json_t *addresses)
{
    json_t *good = json_array();

    for (size_t i = 0; i < json_array_size(addresses); i++) {
        const char *text = json_string_value(json_array_get(addresses, i));
        struct fc_net_addr addr;
        if (fc_net_addr_parse_ip(text, &addr, NULL) == 0 && addr.family == family)
            json_array_append_new(good, json_string(text));
        else
            fc_chall_log(call->chall, "passed over: '%s' is no IPv%d address", text, family == AF_INET ? 4 : 6);
    }
    return good;
}

static void add_addresses(struct call *call, const char *type, int family)
{
    const char *host = text_of(call, "host");
    const json_t *addresses = fc_compat_json_get(call->body, "addresses");

    if (!host)
        return;
    if (!all_texts(addresses)) {
        refuse(call, 400, "the member 'addresses' must be a list of addresses");
        return;
    }
    fc_auto_json good = good_addresses(call, family, addresses);
    add_values(call, type, host, good, false);
    fc_chall_log(call->chall, "Added response for DNS %s queries to \"%s\" : %s", type, host,
                 joined(call->req->arena, addresses));
}

static void add_a(struct call *call)
{
    add_addresses(call, "A", AF_INET);
}

static void add_aaaa(struct call *call)
{
    add_addresses(call, "AAAA", AF_INET6);
}

static void set_txt(struct call *call)
{
    const char *host = text_of(call, "host");
    const char *value = host ? text_of(call, "value") : NULL;

    if (!value)
        return;
    fc_auto_json values = json_pack("[s]", value);
    add_values(call, "TXT", host, values, false);
    fc_chall_log(call->chall, "Added DNS-01 TXT challenge for Host \"%s\" - Value \"%s\"", host, value);
}

static void set_cname(struct call *call)
{
    const char *host = text_of(call, "host");
    const char *target = host ? text_of(call, "target") : NULL;

    if (!target)
        return;
    fc_auto_json values = json_pack("[s]", target);
    add_values(call, "CNAME", host, values, true);
    fc_chall_log(call->chall, "Added response for DNS CNAME queries to \"%s\" targeting \"%s\"", host, target);
}

/* 0 TAG "VALUE", with quotes and backslashes escaped. */
static json_t *caa_record(struct fc_arena *arena, const char *tag, const char *value)
{
    char *quoted = fc_arena_alloc(arena, 2 * strlen(value) + 1), *at = quoted;

    for (; *value; value++) {
        if (*value == '"' || *value == '\\')
            *at++ = '\\';
        *at++ = *value;
    }
    return json_sprintf("0 %s \"%s\"", tag, quoted);
}

static void add_caa(struct call *call)
{
    const char *host = text_of(call, "host");
    const json_t *policies = fc_compat_json_get(call->body, "policies");
    fc_auto_json values = json_array();

    if (!host)
        return;
    for (size_t i = 0; i < json_array_size(policies); i++) {
        bool bad = false;
        const char *tag = fc_compat_json_text(json_array_get(policies, i), "tag", &bad);
        const char *value = fc_compat_json_text(json_array_get(policies, i), "value", &bad);
        if (!bad && tag)
            json_array_append_new(values, caa_record(call->req->arena, tag, value ? value : ""));
    }
    if (json_array_size(values) == 0 || json_array_size(values) != json_array_size(policies)) {
        refuse(call, 400, "the member 'policies' must be a list of objects of texts 'tag' and 'value'");
        return;
    }
    add_values(call, "CAA", host, values, false);
    fc_chall_log(call->chall, "Added response for DNS CAA queries to \"%s\"", host);
}

static void set_servfail(struct call *call)
{
    const char *host = text_of(call, "host");
    struct fc_err err = {0};

    if (!host)
        return;
    end(call, fc_chall_dns_servfail(call->chall->dns, host, &err), &err);
    fc_chall_log(call->chall, "Added SERVFAIL response for DNS queries to \"%s\"", host);
}

static void clear(struct call *call, const char *type)
{
    const char *host = text_of(call, "host");
    struct fc_err err = {0};

    if (!host)
        return;
    end(call, fc_chall_dns_clear(call->chall->dns, type, host, &err), &err);
    if (type && strcmp(type, "TXT") == 0)
        fc_chall_log(call->chall, "Removed DNS-01 TXT challenge for Host \"%s\"", host);
    else if (type)
        fc_chall_log(call->chall, "Removed response for DNS %s queries to \"%s\"", type, host);
    else
        fc_chall_log(call->chall, "Removed SERVFAIL response for DNS queries to \"%s\"", host);
}

static void clear_a(struct call *call)
{
    clear(call, "A");
}

static void clear_aaaa(struct call *call)
{
    clear(call, "AAAA");
}

static void clear_txt(struct call *call)
{
    clear(call, "TXT");
}

static void clear_caa(struct call *call)
{
    clear(call, "CAA");
}

static void clear_cname(struct call *call)
{
    clear(call, "CNAME");
}

static void clear_servfail(struct call *call)
{
    clear(call, NULL);
}

/* ---- history ---- */

static void show(struct call *call, json_t *list)
{
    fc_http_res_json(call->req, call->res, 200, "application/json; charset=utf-8", list);
}

static void show_kept(struct call *call, enum fc_chall_kind kind)
{
    const char *host = text_of(call, "host");

    if (!host)
        return;
    pthread_mutex_lock(&call->chall->lock);
    json_t *kept = json_object_get(call->chall->history[kind == FC_CHALL_TLSALPN], host);
    json_t *list = kept ? json_deep_copy(kept) : json_array();
    pthread_mutex_unlock(&call->chall->lock);
    show(call, list);
}

static void http_history(struct call *call)
{
    show_kept(call, FC_CHALL_HTTP);
}

static void tlsalpn_history(struct call *call)
{
    show_kept(call, FC_CHALL_TLSALPN);
}

static void dns_history(struct call *call)
{
    const char *host = text_of(call, "host");

    if (host)
        show(call, fc_chall_dns_history(call->chall->dns, host));
}

static void clear_history(struct call *call)
{
    const char *host = text_of(call, "host");
    const char *type = host ? text_of(call, "type") : NULL;
    struct fc_compat_chall *chall = call->chall;

    if (!type)
        return;
    bool http = strcmp(type, "http") == 0;
    if (strcmp(type, "dns") == 0) {
        fc_chall_dns_forget(chall->dns, host);
    } else if (http || strcmp(type, "tlsalpn") == 0) {
        fc_chall_put(chall, chall->history[!http], host, NULL);
    } else {
        refuse(call, 400, fc_arena_printf(call->req->arena, "\"%s\" event type unknown: http, dns, tlsalpn", type));
        return;
    }
    done(call);
    fc_chall_log(chall, "Cleared challenge server request history for \"%s\" \"%s\" events", host, type);
}

/* ---- the table ---- */

enum needs { ANY, HTTP, DNS, TLS };

static const struct row {
    const char *path;
    enum needs needs; /* without that service the path is not there, as in the original */
    void (*handle)(struct call *call);
} rows[] = {
    {"/add-http01", HTTP, add_http01},
    {"/del-http01", HTTP, del_http01},
    {"/add-redirect", HTTP, add_redirect},
    {"/del-redirect", HTTP, del_redirect},
    {"/set-default-ipv4", DNS, set_default_ipv4},
    {"/set-default-ipv6", DNS, set_default_ipv6},
    {"/set-txt", DNS, set_txt},
    {"/clear-txt", DNS, clear_txt},
    {"/add-a", DNS, add_a},
    {"/clear-a", DNS, clear_a},
    {"/add-aaaa", DNS, add_aaaa},
    {"/clear-aaaa", DNS, clear_aaaa},
    {"/add-caa", DNS, add_caa},
    {"/clear-caa", DNS, clear_caa},
    {"/set-cname", DNS, set_cname},
    {"/clear-cname", DNS, clear_cname},
    {"/set-servfail", DNS, set_servfail},
    {"/clear-servfail", DNS, clear_servfail},
    {"/add-tlsalpn01", TLS, add_tlsalpn01},
    {"/del-tlsalpn01", TLS, del_tlsalpn01},
    {"/http-request-history", ANY, http_history},
    {"/dns-request-history", ANY, dns_history},
    {"/tlsalpn01-request-history", ANY, tlsalpn_history},
    {"/clear-request-history", ANY, clear_history},
};

static bool served(const struct fc_compat_chall *chall, enum needs needs)
{
    switch (needs) {
    case HTTP:
        return chall->http;
    case DNS:
        return chall->dns_on;
    case TLS:
        return chall->tls_on;
    case ANY:
        break;
    }
    return true;
}

static const struct row *find(const struct fc_compat_chall *chall, const char *path)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].path, path) == 0 && served(chall, rows[i].needs))
            return &rows[i];
    return NULL;
}

static void run_row(const struct row *row, struct call *call, const json_t *body)
{
    call->body = body;
    row->handle(call);
}

void fc_chall_api(void *cookie, struct fc_http_req *req, struct fc_http_res *res)
{
    struct call call = {.chall = cookie, .req = req, .res = res};
    const struct row *row = find(call.chall, req->path);
    fc_auto_json body = NULL;
    struct fc_err err = {0};

    if (!row)
        refuse(&call, 404, "404 page not found");
    else if (strcmp(req->method, "POST") != 0)
        refuse(&call, 400, "request method was not POST");
    else if (req->body_too_large || fc_json_parse(req->body, req->body_len, &body, &err))
        refuse(&call, 400, req->body_too_large ? "the body is too large" : err.text);
    else if (!json_is_object(body))
        refuse(&call, 400, "the body must be a JSON object");
    else
        run_row(row, &call, body);
}
