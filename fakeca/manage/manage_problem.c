/* Errors as problem documents (RFC 9457). */
#include "manage/manage_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/base_log.h"

static const struct {
    int status;
    const char *title;
} titles[] = {{400, "Bad Request"},
              {401, "Unauthorized"},
              {403, "Forbidden"},
              {404, "Not Found"},
              {405, "Method Not Allowed"},
              {409, "Conflict"},
              {500, "Internal Server Error"},
              {503, "Service Unavailable"}};

static const struct {
    enum fc_err_code from;
    int status;
    const char *code;
} codes[] = {{FC_E_USAGE, 400, "usage"},         {FC_E_PARSE, 400, "usage"},   {FC_E_RANGE, 400, "range"},
             {FC_E_LIMIT, 400, "limit"},         {FC_E_BUSY, 409, "busy"},     {FC_E_AGAIN, 503, "busy"},
             {FC_E_NOT_FOUND, 404, "not_found"}, {FC_E_SYSTEM, 500, "system"}, {FC_E_DAMAGED, 500, "system"}};

static const char *title_of(int status)
{
    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++)
        if (titles[i].status == status)
            return titles[i].title;
    return "Error";
}

/* A text may quote bytes of the request, and a cut may have gone through a character. */
static json_t *safe_string(const char *text)
{
    json_t *value = json_string(text);

    if (value)
        return value;
    fc_auto_free char *copy = fc_strdup(text);
    for (char *c = copy; *c; c++)
        if ((unsigned char)*c >= 0x80)
            *c = '?';
    return json_string(copy);
}

void fc_manage_problem(struct fc_manage_call *call, int status, const char *code, const char *detail)
{
    fc_http_res_json(call->req, call->res, status, "application/problem+json",
                     json_pack("{s:s,s:s,s:i,s:s,s:o}", "type", "about:blank", "title", title_of(status), "status",
                               status, "code", code, "detail", safe_string(detail)));
}

void fc_manage_problem_err(struct fc_manage_call *call, const struct fc_err *err)
{
    int status = 500;
    const char *code = "internal";

    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (codes[i].from == err->code) {
            status = codes[i].status;
            code = codes[i].code;
        }
    if (status == 500)
        fc_log(FC_LOG_ERROR, "%s %.200s: %s", call->req->method, call->req->path, err->text);
    fc_manage_problem(call, status, code, err->text);
}
