#include "http/http_msg.h"

#include <stdlib.h>
#include <string.h>

#include "base/base_assert.h"
#include "base/base_buf.h"
#include "base/base_text.h"
#include "http/http_uri.h"
#include "http/http_wait.h"

/* Lists are paged, so no document comes near this; it only keeps a mistake from taking all memory. */
#define JSON_MAX (256U * 1024 * 1024)

const char *fc_http_req_header(const struct fc_http_req *req, const char *name)
{
    for (size_t i = 0; i < req->n_headers; i++) {
        if (fc_text_equal_nocase(req->headers[i].name, name))
            return req->headers[i].value;
    }
    return NULL;
}

const char *fc_http_req_query(const struct fc_http_req *req, const char *name)
{
    const char *part = req->query;

    while (part && *part) {
        size_t len = strcspn(part, "&");
        size_t name_len = strcspn(part, "=&");
        const char *key = fc_http_uri_decode(req->arena, part, name_len, true);
        if (key && strcmp(key, name) == 0) {
            if (name_len == len)
                return "";
            return fc_http_uri_decode(req->arena, part + name_len + 1, len - name_len - 1, true);
        }
        part += len + (part[len] == '&');
    }
    return NULL;
}

void fc_http_res_header(struct fc_http_res *res, const char *name, const char *value)
{
    FC_ASSERT(res->n_headers < FC_HTTP_HEADERS_MAX);
    res->headers[res->n_headers++] = (struct fc_http_header){.name = name, .value = value};
}

void fc_http_res_set_header(struct fc_http_res *res, const char *name, const char *value)
{
    for (size_t i = 0; i < res->n_headers; i++) {
        if (fc_text_equal_nocase(res->headers[i].name, name)) {
            res->headers[i].value = value;
            return;
        }
    }
    fc_http_res_header(res, name, value);
}

const char *fc_http_res_get_header(const struct fc_http_res *res, const char *name)
{
    for (size_t i = 0; i < res->n_headers; i++) {
        if (fc_text_equal_nocase(res->headers[i].name, name))
            return res->headers[i].value;
    }
    return NULL;
}

void fc_http_res_text(struct fc_http_req *req, struct fc_http_res *res, int status, const char *content_type,
                      const char *text)
{
    res->status = status;
    res->body_len = strlen(text);
    res->body = fc_arena_memdup(req->arena, text, res->body_len + 1);
    fc_http_res_set_header(res, "Content-Type", content_type);
}

static int append_json(const char *text, size_t len, void *cookie)
{
    return fc_buf_append(cookie, text, len);
}

void fc_http_res_json(struct fc_http_req *req, struct fc_http_res *res, int status, const char *content_type,
                      json_t *value)
{
    struct fc_buf buf;

    FC_ASSERT(value);
    fc_buf_init(&buf, JSON_MAX);
    int failed = json_dump_callback(value, append_json, &buf, JSON_INDENT(2) | JSON_ENSURE_ASCII | JSON_ENCODE_ANY);
    json_decref(value);
    FC_ASSERT(failed == 0 && fc_buf_putc(&buf, '\n') == 0);

    res->status = status;
    res->body_len = buf.len;
    res->body = fc_buf_detach(&buf);
    fc_arena_defer(req->arena, free, (void *)(uintptr_t)res->body);
    fc_http_res_set_header(res, "Content-Type", content_type);
    fc_buf_release(&buf);
}

void fc_http_res_clear(struct fc_http_res *res)
{
    fc_http_wait_unref(res->wait);
    *res = (struct fc_http_res){0};
}
